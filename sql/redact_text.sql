-- finding and replacing in text
SELECT d.* FROM (VALUES
    (1, 'write to jane.doe@example.com or O''Brien <o''brien@mail.example.co.uk>'),
    (2, 'card 4111 1111 1111 1111, not 4111 1111 1111 1112'),
    (3, 'pay to DE89 3704 0044 0532 0130 00 or gb29nwbk60161331926819'),
    (4, 'SSN 219-09-9998, never 219-09-9999 or 900-12-3456'),
    (5, 'call +49 (0)30 901820 or (415) 555-0132 ext. 7'),
    (6, 'from 93.184.216.34 and 2a00:1450:4001:81b::200e'),
    (7, 'postgres://app:s3cret/pw@db.example.com:5432/app'),
    (8, 'key AKIAIOSFODNN7EXAMPLE and sk-ant-api03-abcdefghijklmnopqrstuvwxyz012345'),
    (9, 'Grüße an jürgen@müller.de, ☎ ０１２-３４５')
) AS t(n, content), intel.detect_pii(content) AS d ORDER BY n, start;
-- offsets fit substring()
SELECT bool_and(substring(content, d.start, d.length) = d.value) AS fits
FROM (VALUES ('Größe ☃ jürgen@müller.de und 4111111111111111')) AS t(content),
    intel.detect_pii(content) AS d;
-- nothing to find
SELECT content FROM (VALUES
    ('PostgreSQL 15.4 was built on 2023-08-07 12:13:14 from commit 6f1b7a2c9d'),
    ('550e8400-e29b-41d4-a716-446655440000'),
    ('std::vector<int> a; x[10] = 1234567890123; page 12-15'),
    ('127.0.0.1, 10.0.0.8 and ::1'),
    ('pi is 3.14159265358979323846, e is 2.7182818284590452')
) AS t(content) WHERE intel.contains_pii(content);
SELECT intel.redact('Jane (jane@example.com) paid with 4111-1111-1111-1111.');
SELECT intel.redact('nothing here'), intel.redact(''), intel.redact(NULL) IS NULL AS is_null;
-- written so as not to be found
SELECT intel.redact(content) FROM (VALUES
    ('jane (at) example [dot] com'), ('jane&#64;example.com'), ('jane%40example.com'),
    (E'4111\u200b1111\u200b1111\u200b1111'), ('４１１１１１１１１１１１１１１１'),
    (E'j\u0430ne@ex\u0430mple.com'), ('4111 1111 1111' || E'\n' || '1111')
) AS t(content);
-- redacting twice changes nothing
SELECT bool_and(intel.redact(r) = r) AS idempotent
FROM (VALUES ('phone 415-555-0132 and 123456789 card 4111111111111111'),
             ('mail a@b.co, ssn 219-09-9998')) AS t(content), intel.redact(content) AS r;
-- what is wrong has a code and a hint
SELECT intel.redact('x', 'no such policy');
\set VERBOSITY sqlstate
SELECT intel.redact('x', 'no such policy');
\set VERBOSITY default
-- in a check constraint
CREATE TABLE redact_clean (note text CHECK (NOT intel.contains_pii(note)));
INSERT INTO redact_clean VALUES ('fine');
INSERT INTO redact_clean VALUES ('jane@example.com');
DROP TABLE redact_clean;
SELECT count(*) >= 100 AS many_entities, count(DISTINCT entity) = count(*) AS distinct
FROM intel.pii_entities();
