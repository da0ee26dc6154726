-- words of one's own: case, accents, gaps, whole words, scripts without blanks
INSERT INTO intel.gazetteer (entity, term) VALUES
    ('CUSTOM', 'Project Nightingale'), ('CUSTOM', 'Müller'), ('CUSTOM', '王小明'), ('PERSON', 'Xqz Vrrt');
INSERT INTO intel.gazetteer (entity, term, match_case) VALUES ('CUSTOM', 'ACME', true);
SELECT intel.redact(content) FROM (VALUES
    ('the PROJECT  nightingale_x, project-Nightingale and project' || E'\n' || 'nightingale'),
    ('projects nightingales, project: nightingale, aproject nightingale'),
    ('Muller, MÜLLER''s, Müllerin'), ('acme, ACME, ACMEs'), ('在王小明的, 王小'),
    ('Project <CUSTOM_1> Nightingale <CUSTOM>'), (E'Pro\u200bject N\u0456ghtingale'),
    ('UHJvamVjdCBOaWdodGluZ2FsZSBpcyBvbg=='), ('xqz vrrt')
) AS t(content);
-- a policy decides by entity
SELECT intel.redact('xqz vrrt and acme of ACME', 'strict'), intel.redact('xqz vrrt, ACME', 'secrets');
SELECT * FROM intel.detect_pii('ich, müller');
SELECT intel.redact('{"note": "Project Nightingale", "ACME": [1]}'::jsonb);
-- rows that cannot be followed
INSERT INTO intel.gazetteer VALUES ('SHOE_SIZE', 'forty two');
INSERT INTO intel.gazetteer VALUES ('CUSTOM', '!x!');
INSERT INTO intel.gazetteer VALUES ('CUSTOM', repeat('long ', 100));
INSERT INTO intel.gazetteer VALUES ('CUSTOM', repeat('a ', 40));
INSERT INTO intel.gazetteer VALUES (NULL, 'term');
INSERT INTO intel.gazetteer VALUES ('CUSTOM', NULL);
INSERT INTO intel.gazetteer VALUES ('CUSTOM', 'term', false, 'nobody');
INSERT INTO intel.gazetteer VALUES ('CUSTOM', 'term', false, 'tenant');
SELECT intel._gazetteer_check();
-- a change counts at once, a rollback too
BEGIN;
DELETE FROM intel.gazetteer WHERE term = 'ACME';
SELECT intel.redact('ACME, Müller');
SAVEPOINT s;
INSERT INTO intel.gazetteer VALUES ('CUSTOM', 'comma');
SELECT intel.redact('ACME comma');
ROLLBACK TO s;
SELECT intel.redact('ACME comma');
ROLLBACK;
SELECT intel.redact('ACME comma');
-- a trigger of a table uses them too
CREATE TABLE redact_words (note text);
CREATE TRIGGER redact BEFORE INSERT ON redact_words FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('default', 'note');
INSERT INTO redact_words VALUES ('ACME');
TABLE redact_words;
DROP TABLE redact_words;
TRUNCATE intel.gazetteer;
SELECT intel.redact('ACME, Müller');

-- whose words they are: role, subject, tenant
SET intel.tenant_claim = 'tenant';
CREATE ROLE intel_test_words;
CREATE ROLE intel_test_others;
GRANT INSERT, UPDATE, DELETE ON intel.gazetteer TO intel_test_words, intel_test_others;
INSERT INTO intel.gazetteer (entity, term, scope, tenant) VALUES
    ('CUSTOM', 'wordforall', 'all', NULL), ('CUSTOM', 'wordofblue', 'tenant', 'blue'), ('CUSTOM', 'wordofroot', 'own', NULL);
CREATE FUNCTION pg_temp.try(claims text) RETURNS text LANGUAGE sql AS $$
    SELECT set_config('request.jwt.claims', claims, false);
    SELECT intel.redact('wordforall wordofblue wordofroot wordofann wordofbob')
$$;
SELECT pg_temp.try(''), pg_temp.try('{"tenant": "blue"}');
SET ROLE intel_test_words;
SET request.jwt.claims = '{"tenant": "blue", "sub": "ann"}';
INSERT INTO intel.gazetteer (entity, term) VALUES ('CUSTOM', 'wordofann');
SET request.jwt.claims = '{"tenant": "red", "sub": "bob"}';
INSERT INTO intel.gazetteer (entity, term) VALUES ('CUSTOM', 'wordofbob');
SELECT term, scope FROM intel.gazetteer ORDER BY term;
SELECT pg_temp.try('{"tenant": "blue", "sub": "ann"}'), pg_temp.try('{"tenant": "red", "sub": "ann"}'),
    pg_temp.try('{"tenant": "blue", "sub": "bob"}'), pg_temp.try('{"tenant": "red", "sub": "bob"}'), pg_temp.try('');
-- nobody writes for others
INSERT INTO intel.gazetteer (entity, term, scope) VALUES ('CUSTOM', 'forall', 'all');
INSERT INTO intel.gazetteer (entity, term, subject) VALUES ('CUSTOM', 'forann', 'ann');
UPDATE intel.gazetteer SET scope = 'all';
DELETE FROM intel.gazetteer WHERE term = 'wordforall';
SET ROLE intel_test_others;
SELECT pg_temp.try('{"tenant": "blue", "sub": "ann"}');
-- claims that cannot be read let nothing through
SELECT pg_temp.try('not json');
RESET ROLE;
RESET request.jwt.claims;
RESET intel.tenant_claim;
SELECT pg_temp.try('');
DELETE FROM intel.gazetteer;
REVOKE ALL ON intel.gazetteer FROM intel_test_words, intel_test_others;

-- patterns of one's own
INSERT INTO intel.custom_rule VALUES
    ('employee', 'CUSTOMER_NUMBER', 'EMP-?(\d{6})', NULL, NULL, 0.85),
    ('lei', 'CUSTOM', '[A-Z0-9]{18}\d\d', 'mod97', '{LEI,legal entity}', 0.9),
    ('loyalty', 'CUSTOM', '\m77\d{8}\M', 'luhn', NULL, 0.6);
SELECT d.* FROM (VALUES
    (1, 'EMP-123456, EMP123457 and emp-123456'), (2, 'ＥＭＰ－１２３４５６'),
    (3, 'LEI 5493001KJTIIGC8Y1R12, LEI 5493001KJTIIGC8Y1R13'), (4, '5493001KJTIIGC8Y1R12'),
    (5, 'legal-entity: 5493001KJTIIGC8Y1R12'), (6, '7700000003 7700000008 17700000008'),
    (7, '<CUSTOM_770000> <CUSTOM:7700000008>')
) AS t(n, content), intel.detect_pii(content, 'strict') AS d WHERE rule LIKE 'custom:%' ORDER BY n, start;
SELECT intel.redact('{"lei": "5493001KJTIIGC8Y1R12", "isin": "5493001KJTIIGC8Y1R12"}'::jsonb);
-- the policy's threshold and treatment count
SELECT intel.set_redaction('sure', 'ALL', 'replace', NULL, 0.9), intel.set_redaction('sure', 'CUSTOM', 'mask', '{"keep_last": 4}', 0.9);
SELECT intel.redact('EMP-123456, LEI 5493001KJTIIGC8Y1R12', 'sure');
DELETE FROM intel.redaction_policy WHERE name = 'sure';
-- rows that cannot be followed
INSERT INTO intel.custom_rule VALUES ('bad', 'CUSTOM', '(a)\1');
INSERT INTO intel.custom_rule VALUES ('bad', 'CUSTOM', '(a');
INSERT INTO intel.custom_rule VALUES ('bad', 'CUSTOM', '');
INSERT INTO intel.custom_rule VALUES ('bad', 'CUSTOM', repeat('a', 501));
INSERT INTO intel.custom_rule VALUES ('bad', 'CUSTOM', '((((((a{1,250}){1,250}){1,250}){1,250}){1,250}){1,250})');
INSERT INTO intel.custom_rule VALUES ('bad', 'SHOE_SIZE', 'a');
INSERT INTO intel.custom_rule VALUES ('bad', 'CUSTOM', 'a', 'feeling');
INSERT INTO intel.custom_rule VALUES ('bad', 'CUSTOM', 'a', NULL, '{}');
INSERT INTO intel.custom_rule VALUES ('bad', 'CUSTOM', 'a', NULL, '{word,NULL}');
INSERT INTO intel.custom_rule VALUES ('bad', 'CUSTOM', 'a', NULL, NULL, 2);
INSERT INTO intel.custom_rule VALUES ('Bad''', 'CUSTOM', 'a');
INSERT INTO intel.custom_rule VALUES ('bad', 'CUSTOM', NULL);
SELECT name FROM intel.custom_rule ORDER BY name;
-- windows hide nothing: a value at every place of a long text
SELECT count(*) AS missed FROM generate_series(8150, 8230) AS i,
    LATERAL (SELECT repeat('é', i) || ' EMP-123456 ' || repeat('y', 9000) || ' EMP-123456') AS t(content)
WHERE (SELECT count(*) FROM intel.detect_pii(content) AS d WHERE rule = 'custom:employee'
        AND substring(content, d.start, d.length) = '123456') <> 2;
-- matches of nothing, and the whole of a text
INSERT INTO intel.custom_rule VALUES ('nothing', 'CUSTOM', 'q*'), ('tail', 'CUSTOM', 'ZZ.*$');
SELECT intel.redact('aqqqb'), length(intel.redact(repeat('x ', 10000) || 'ZZ' || repeat(' x', 200)));
-- the time stays bounded, and the statement can be cancelled
UPDATE intel.custom_rule SET pattern = 'a(.*b)?' WHERE name = 'tail';
SET statement_timeout = '500ms';
SELECT intel.redact(repeat('a', 30000000));
RESET statement_timeout;
DELETE FROM intel.custom_rule WHERE name IN ('tail', 'nothing');
-- only who administers writes; everybody follows, also in parallel workers
SET ROLE intel_test_words;
INSERT INTO intel.custom_rule VALUES ('mine', 'CUSTOM', 'a');
SELECT intel.redact('EMP-123456');
RESET ROLE;
INSERT INTO intel.gazetteer (entity, term, scope) VALUES ('CUSTOM', 'Nightingale', 'all');
CREATE TABLE redact_many AS SELECT 'a@b.co Nightingale EMP-123456' AS note FROM generate_series(1, 500);
GRANT SELECT ON redact_many TO intel_test_words;
SET ROLE intel_test_words;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
EXPLAIN (COSTS OFF) SELECT intel.redact(note) FROM redact_many;
SELECT DISTINCT intel.redact(note) FROM redact_many;
RESET parallel_leader_participation;
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET parallel_tuple_cost;
RESET parallel_setup_cost;
RESET ROLE;
DROP TABLE redact_many;
DELETE FROM intel.gazetteer;
DELETE FROM intel.custom_rule;
DROP ROLE intel_test_words;
DROP ROLE intel_test_others;
