-- what a key says its value is, counts whatever the value looks like
SELECT jsonb_pretty(intel.redact('{
  "password": "hunter2", "db_password": "abc def", "userPass": "x", "PWD": "y", "passwords": ["a", "b"],
  "token": "x1", "nextToken": "page2", "max_tokens": 400, "access-token": "t", "apiKey": "k", "x.api.key": "k",
  "secret": {"note": "structure stays", "password": ["c", {"d": "e"}]}, "Authorization": "Bearer abc", "cookie": "sid=1",
  "pin": 1234, "cvv": 123, "password_reset": "see page", "pass": true, "secret_key": null, "pwd": "",
  "compass": "north", "bypass": "road"
}'::jsonb));
SELECT intel.redact('{"password": "hunter2"}'::jsonb, 'secrets'), intel.redact('{"password": "hunter2"}'::jsonb, 'none');
SELECT bool_and(intel.redact(r, 'strict') = r) AS idempotent
FROM (VALUES ('{"password": "hunter2", "pin": 1234, "a@b.co": {"c@d.co": "e@f.co"}}'::jsonb)) AS t(doc), intel.redact(doc) AS r;
-- finding in documents
SELECT * FROM intel.detect_pii('{"mail": ["x", "write to a@b.co"], "password": "hünter2", "c@d.co": {"n": 4111111111111111}}'::jsonb)
    ORDER BY path, start;
SELECT * FROM intel.detect_pii('"a@b.co"'::jsonb);
SELECT doc #>> path = value AS fits FROM (VALUES ('{"a": [{"b": "q@x.org"}, ["r@x.org"]]}'::jsonb)) AS t(doc), intel.detect_pii(doc);
SELECT intel.contains_pii('{"a": "b"}'::jsonb), intel.contains_pii('{"a": [{"b": "q@x.org"}]}'::jsonb),
    intel.contains_pii('{"password": "b"}'::jsonb), intel.contains_pii('{"password": "b"}'::jsonb, 'none'), intel.contains_pii('{}'::jsonb);
CREATE TABLE redact_docs (doc jsonb CHECK (NOT intel.contains_pii(doc)));
INSERT INTO redact_docs VALUES ('{"a": 1}');
INSERT INTO redact_docs VALUES ('{"token": "abc"}');
DROP TABLE redact_docs;

-- paths: rows of a policy of one's own
SELECT intel.set_redaction('docs', 'ALL', 'replace'), intel.set_redaction('docs', 'API_KEY', 'mask', '{"keep_last": 4}');
INSERT INTO intel.redaction_path VALUES
    ('docs', '{contact,email}', 'keep', DEFAULT), ('docs', '{customer}', 'redact', DEFAULT),
    ('docs', '{customer,id}', 'keep', DEFAULT), ('docs', '{**,serial}', 'redact', 'API_KEY'),
    ('docs', '{items,*,password}', 'keep', DEFAULT), ('docs', '{items,1}', 'redact', 'PERSON'),
    ('docs', '{same}', 'keep', DEFAULT), ('docs', '{**,same}', 'redact', DEFAULT);
SELECT jsonb_pretty(intel.redact('{
  "contact": {"email": "a@b.co", "other": "a@b.co"}, "email": "a@b.co",
  "customer": {"id": "c@d.co", "name": "Blue Ltd", "since": 1999, "vip": true, "tags": ["x", "a@b.co"]},
  "serial": "ABCDEFGHIJ", "deep": [{"x": {"serial": 123456789012}}],
  "items": [{"password": "kept"}, ["all", {"of": "it"}], {"pass": "not kept"}],
  "same": "of two the one that redacts"
}'::jsonb, 'docs'));
SELECT entity, path, value FROM intel.detect_pii('{"customer": {"id": "c@d.co", "name": "Blue Ltd"}}'::jsonb, 'docs');
SELECT content, mapping FROM intel.pseudonymize('{"customer": {"id": "c@d.co", "name": "Blue Ltd", "since": 1999}}'::jsonb, 'docs');
-- deep documents end
SELECT intel.contains_pii((repeat('{"a":[', 600) || '"a@b.co"' || repeat(']}', 600))::jsonb),
    intel.contains_pii((repeat('[', 1000) || '{"serial": 1}' || repeat(']', 1000))::jsonb, 'docs');
-- a change counts at once
UPDATE intel.redaction_path SET action = 'keep' WHERE path = '{customer}';
SELECT intel.redact('{"customer": {"name": "Blue Ltd"}}'::jsonb, 'docs');
-- rows that cannot be followed
INSERT INTO intel.redaction_path VALUES ('docs', '{}', 'keep');
INSERT INTO intel.redaction_path VALUES ('docs', array_fill('a'::text, ARRAY[33]), 'keep');
INSERT INTO intel.redaction_path VALUES ('docs', '{a,NULL}', 'keep');
INSERT INTO intel.redaction_path VALUES ('docs', '{a}', 'shred');
INSERT INTO intel.redaction_path VALUES ('docs', '{a}', 'redact', 'SHOE_SIZE');
INSERT INTO intel.redaction_path VALUES ('default', '{a}', 'keep');
DELETE FROM intel.redaction_path;
DELETE FROM intel.redaction_policy WHERE name = 'docs';
