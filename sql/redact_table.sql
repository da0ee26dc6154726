-- redaction on the way into a table
CREATE TABLE redact_notes (id int, note text, title varchar(12), doc jsonb, n int);
CREATE TRIGGER redact BEFORE INSERT OR UPDATE ON redact_notes
    FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('default', 'note', 'title', 'doc');
INSERT INTO redact_notes VALUES
    (1, 'jane@example.com', 'fine', '{"phone": "415 555 0132", "n": 1}', 1), (2, NULL, NULL, NULL, 2);
UPDATE redact_notes SET note = 'card 4111 1111 1111 1111' WHERE id = 2;
SELECT * FROM redact_notes ORDER BY id;
-- what does not fit is an error, not a cut
INSERT INTO redact_notes VALUES (3, '', 'a@b.co', NULL, 3);
DROP TRIGGER redact ON redact_notes;
CREATE TRIGGER redact BEFORE INSERT ON redact_notes
    FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('default', 'n');
INSERT INTO redact_notes VALUES (4, '', '', NULL, 4);
DROP TRIGGER redact ON redact_notes;
CREATE TRIGGER redact BEFORE INSERT ON redact_notes
    FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('default', 'nope');
INSERT INTO redact_notes VALUES (4, '', '', NULL, 4);
DROP TRIGGER redact ON redact_notes;
CREATE TRIGGER redact BEFORE INSERT ON redact_notes
    FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('default');
INSERT INTO redact_notes VALUES (4, '', '', NULL, 4);
DROP TRIGGER redact ON redact_notes;
-- what does a column hold?
INSERT INTO redact_notes SELECT i, 'mail ' || i || ': user' || i || '@example.com' FROM generate_series(10, 19) AS i;
SELECT * FROM intel.redact_stats('redact_notes', 'note', 'default');
DROP TABLE redact_notes;
