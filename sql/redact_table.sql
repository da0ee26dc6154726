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
SELECT * FROM intel.redact_stats('redact_notes', 'nope');
SELECT * FROM intel.redact_stats('redact_notes', 'note', 'nope');
SELECT * FROM intel.redact_stats('redact_notes', 'note', 'default', 0);
SELECT * FROM intel.redact_stats('redact_notes', 'n', 'default');
-- documents, and the name of the column as context, as the trigger has it
CREATE TABLE redact_columns (phone text, plain text, doc jsonb, old json, many text[]);
INSERT INTO redact_columns SELECT '5550132', '5550132', '{"phone": "5550132", "password": "x"}', '{"token": "x"}', ARRAY['a@b.co', 'c@d.co']
    FROM generate_series(1, 4);
INSERT INTO redact_columns DEFAULT VALUES;
SELECT c, s.* FROM unnest('{phone,plain,doc,old,many}'::text[]) AS c, intel.redact_stats('redact_columns', c, 'default') AS s ORDER BY c, entity;
-- of a large table a sample, of its partitions too; what row level security hides is not counted
CREATE TABLE redact_large (id int, tenant int, note text) PARTITION BY RANGE (id);
CREATE TABLE redact_large_1 PARTITION OF redact_large FOR VALUES FROM (0) TO (10000);
CREATE TABLE redact_large_2 PARTITION OF redact_large FOR VALUES FROM (10000) TO (30000);
INSERT INTO redact_large SELECT i, i % 100, CASE WHEN i % 2 = 0 THEN 'mail a@b.co' ELSE 'none' END FROM generate_series(0, 19999) AS i;
ANALYZE redact_large;
SELECT entity, share BETWEEN 0.3 AND 0.7 AS about_half, sampled, found = in_rows AS once
FROM intel.redact_stats('redact_large', 'note', 'default', 200);
CREATE ROLE intel_test_stats;
GRANT SELECT ON redact_large TO intel_test_stats;
ALTER TABLE redact_large ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON redact_large USING (tenant = 42);
SET ROLE intel_test_stats;
SELECT * FROM intel.redact_stats('redact_large', 'note', 'default', 300);
SELECT * FROM intel.redact_stats('redact_columns', 'phone', 'default');
RESET ROLE;
DROP TABLE redact_large, redact_columns;
DROP ROLE intel_test_stats;
DROP TABLE redact_notes;
-- every kind of column; what was not found stays as it was written
CREATE DOMAIN redact_short AS varchar(12);
CREATE DOMAIN redact_no_brackets AS text CHECK (VALUE !~ '<');
CREATE TABLE redact_kinds (
    fixed char(24), old json, doc jsonb, many text[], words varchar(15)[], short redact_short, plain redact_no_brackets);
CREATE TRIGGER redact BEFORE INSERT OR UPDATE ON redact_kinds FOR EACH ROW
    EXECUTE FUNCTION intel.redact_columns('default', 'fixed', 'old', 'doc', 'many', 'words', 'short', 'plain');
INSERT INTO redact_kinds VALUES ('a@b.co', '{"b":  1, "a": "a@b.co"}', '"a@b.co"', '[0:1][1:2]={{a@b.co,x},{NULL,c@d.co}}', '{a@b.co,NULL}', 'x', 'y');
INSERT INTO redact_kinds VALUES ('x', '{"b":  1, "a": "x"}', '1', '{x}', '{}', 'x', 'y');
INSERT INTO redact_kinds DEFAULT VALUES;
SELECT *, octet_length(fixed) FROM redact_kinds;
INSERT INTO redact_kinds (short) VALUES ('a@b.co');
INSERT INTO redact_kinds (plain) VALUES ('a@b.co');
INSERT INTO redact_kinds (words) VALUES ('{secret@example.com}');
ALTER TABLE redact_kinds ALTER words TYPE varchar(14)[];
INSERT INTO redact_kinds (words) VALUES ('{a@b.co}');
UPDATE redact_kinds SET doc = '{"password": "x"}', fixed = NULL WHERE fixed = 'x' RETURNING doc, fixed;
-- only as a trigger that can still change the row
SELECT intel.redact_columns();
CREATE TRIGGER late AFTER INSERT ON redact_kinds FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('default', 'doc');
INSERT INTO redact_kinds DEFAULT VALUES;
DROP TABLE redact_kinds;
DROP DOMAIN redact_short, redact_no_brackets;
