-- pseudonyms that are the same in every document, and back for their owner only
SELECT intel.pseudonymize_to_vault('jane@example.com');
SELECT lo_from_bytea(4712, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f') = 4712 AS made;
SELECT lo_export(4712, 'vault.key'), lo_unlink(4712);
SET intel.redact_key_file = 'vault.key';
SELECT intel.pseudonymize_to_vault('jane@example.com');
-- the program reads its input: one that ended before would break the pipe
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; chmod 600 "$PWD/vault.key"';
SET intel.tenant_claim = 'tenant';
CREATE ROLE intel_test_vault;
CREATE ROLE intel_test_thief;
SET ROLE intel_test_vault;
SELECT intel.pseudonymize_to_vault('jane@example.com');
RESET ROLE;
SELECT intel.grant_vault('intel_test_vault'), intel.grant_vault('intel_test_thief');
SET ROLE intel_test_vault;
SET request.jwt.claims = '{"tenant": "blue", "sub": "ann"}';
CREATE TEMP TABLE kept AS SELECT n, intel.pseudonymize_to_vault(content) AS content FROM (VALUES
    (1, 'Grüße an jane@example.com, cc jane@example.com and bob@example.com'), (2, 'card 4111 1111 1111 1111, jane@example.com'),
    (3, 'nothing'), (4, '')) AS t(n, content);
SELECT n, content FROM kept ORDER BY n;
SELECT n, intel.restore_from_vault(content) FROM kept ORDER BY n;
-- the token is that of the action hash, and redaction leaves it alone
SELECT bool_and(intel.redact(content, 'strict') = content) AS stays FROM kept;
SELECT intel.pseudonymize_to_vault('jane@example.com', 'secrets'), intel.pseudonymize_to_vault('jane@example.com', 'strict')
    <> intel.pseudonymize_to_vault('jane@example.com') AS differs_by_policy;
-- as a model repeats it
SELECT intel.restore_from_vault(replace(replace(lower(content), '<', '\<'), '>', '\>')) FROM kept WHERE n = 2;
-- encrypted; twice the same value is one row
SELECT count(*), bool_and(length(value) BETWEEN 40 AND 60) AS sealed, bool_or(position('example'::bytea IN value) > 0) AS plain
FROM intel.pii_vault;
-- somebody else of the same role
SET request.jwt.claims = '{"tenant": "red", "sub": "ann"}';
SELECT intel.restore_from_vault(content) = content AS closed FROM kept;
SELECT count(*) FROM intel.pii_vault;
SET request.jwt.claims = '{"tenant": "blue", "sub": "bob"}';
SELECT intel.restore_from_vault(content) = content AS closed FROM kept;
INSERT INTO intel.pii_vault (token, value, expires_at, subject) VALUES ('x', '', now(), 'ann');
RESET ROLE;
GRANT SELECT ON kept TO intel_test_thief;
SET ROLE intel_test_thief;
SET request.jwt.claims = '{"tenant": "blue", "sub": "ann"}';
SELECT intel.restore_from_vault(content) = content AS closed FROM kept;
RESET ROLE;
-- documents: texts, numbers and keys; numbers come back as numbers
SET ROLE intel_test_vault;
SET request.jwt.claims = '{"tenant": "blue", "sub": "ann"}';
CREATE TEMP TABLE kept_document AS SELECT n, document, intel.pseudonymize_to_vault(document) AS sealed FROM (VALUES
    (1, '{"mail": "jane@example.com", "card": 4111111111111111, "text": "4111111111111111", "password": "hunter2"}'::jsonb),
    (2, '{"jane@example.com": [true, null, {"to": ["bob@example.com", "jane@example.com"]}], "n": 1.50}'),
    (3, '"jane@example.com"'), (4, '4111111111111111'), (5, '{"empty": {}, "list": []}'),
    (6, '"\u0001n12 jane@example.com"')) AS t(n, document);
SELECT n, sealed FROM kept_document ORDER BY n;
SELECT n, intel.restore_from_vault(sealed) = document AS same, NOT intel.contains_pii(sealed) AS clean FROM kept_document ORDER BY n;
SELECT intel.restore_from_vault(sealed -> 'mail') FROM kept_document WHERE n = 1;
SELECT intel.pseudonymize_to_vault('{"a": 1}'::jsonb, retention => '0');
SET request.jwt.claims = '{"tenant": "red", "sub": "ann"}';
SELECT bool_and(intel.restore_from_vault(sealed) = sealed) AS closed FROM kept_document;
DROP TABLE kept_document;
RESET ROLE;
-- backslashes before a token come back, though one is Markdown's in an answer
SET ROLE intel_test_vault;
SET request.jwt.claims = '{"tenant": "blue", "sub": "ann"}';
CREATE TEMP TABLE slashed AS SELECT content, intel.pseudonymize_to_vault(content) AS sealed
FROM (VALUES ('C:\jane@example.com'), ('\\jane@example.com\'), ('\ jane@example.com'), ('\<jane@example.com\>'),
    ('jane@example.com\bob@example.com'), ('\\\4111 1111 1111 1111\n')) AS t(content);
SELECT content, intel.restore_from_vault(sealed) = content AS same, NOT intel.contains_pii(sealed) AS clean FROM slashed;
CREATE TEMP TABLE slashed_document AS SELECT document, intel.pseudonymize_to_vault(document) AS sealed
FROM (VALUES ('{"a": "C:\\jane@example.com", "\\bob@example.com": "\\\\jane@example.com"}'::jsonb)) AS t(document);
SELECT intel.restore_from_vault(sealed) = document AS same FROM slashed_document;
RESET ROLE;
-- a value cannot be moved to another token, nor changed
SET request.jwt.claims = '{"tenant": "blue", "sub": "ann"}';
BEGIN;
UPDATE intel.pii_vault AS v SET value = o.value FROM intel.pii_vault AS o WHERE v.token <> o.token AND v.token LIKE '<CREDIT_CARD%';
SELECT intel.restore_from_vault(content) FROM kept WHERE n = 2;
ROLLBACK;
BEGIN;
UPDATE intel.pii_vault SET value = set_byte(value, 20, get_byte(value, 20) # 1);
SELECT intel.restore_from_vault(content) FROM kept WHERE n = 2;
ROLLBACK;
SELECT intel._vault_open('<X:a>', ''), intel._vault_open('<X:a>', '\x02');
-- another key opens nothing; it is read when the file changes
SELECT lo_from_bytea(4713, '\xff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f') = 4713 AS made;
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; mv "$PWD/vault.key" "$PWD/vault.old"';
SELECT lo_export(4713, 'vault.key'), lo_unlink(4713);
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; chmod 600 "$PWD/vault.key"';
SELECT intel.restore_from_vault(content) FROM kept WHERE n = 2;
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; mv "$PWD/vault.old" "$PWD/vault.key"';
SET ROLE intel_test_vault;
SELECT intel.restore_from_vault(content) FROM kept WHERE n = 2;
-- retention: the longest one counts, what has expired is not restored
SELECT intel.pseudonymize_to_vault('short@example.com', retention => '1 second') IS NOT NULL AS stored;
SELECT intel.pseudonymize_to_vault('short@example.com', retention => '1 day') IS NOT NULL AS stored;
SELECT expires_at > now() + interval '23 hours' AS prolonged FROM intel.pii_vault ORDER BY created_at DESC LIMIT 1;
SELECT intel.pseudonymize_to_vault('x', retention => '-1 day');
UPDATE intel.pii_vault SET expires_at = now() WHERE token LIKE '<CREDIT_CARD%';
SELECT intel.restore_from_vault(content) ~ '^card <CREDIT_CARD:[a-z2-7]{16}>, jane@example.com$' AS expired FROM kept WHERE n = 2;
SELECT intel.vault_purge();
SELECT intel.vault_purge();
DELETE FROM intel.pii_vault;
SELECT intel.restore_from_vault(content) = content AS forgotten FROM kept WHERE n = 1;
RESET ROLE;
RESET request.jwt.claims;
RESET intel.tenant_claim;
RESET intel.redact_key_file;
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm "$PWD/vault.key"';
SELECT count(*) FROM intel.pii_vault;
DROP TABLE kept;
REVOKE ALL ON intel.pii_vault FROM intel_test_vault, intel_test_thief;
DROP OWNED BY intel_test_vault, intel_test_thief;
DROP ROLE intel_test_vault;
DROP ROLE intel_test_thief;
