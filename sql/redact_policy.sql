-- policies are rows; the built-in ones stay
SELECT name, entity, action, min_score FROM intel.redaction_policy ORDER BY 1, 2;
UPDATE intel.redaction_policy SET action = 'keep' WHERE name = 'default';
DELETE FROM intel.redaction_policy WHERE name = 'strict';
INSERT INTO intel.redaction_policy VALUES ('none', 'PERSON', 'replace');
-- rows that cannot be followed
INSERT INTO intel.redaction_policy VALUES ('mine', 'SHOE_SIZE', 'replace');
INSERT INTO intel.redaction_policy VALUES ('mine', 'EMAIL_ADDRESS', 'shred');
INSERT INTO intel.redaction_policy VALUES ('mine', 'EMAIL_ADDRESS', 'mask', '{"with": "x"}');
INSERT INTO intel.redaction_policy VALUES ('mine', 'EMAIL_ADDRESS', 'mask', '{"char": "xx"}');
INSERT INTO intel.redaction_policy VALUES ('mine', 'EMAIL_ADDRESS', 'mask', '{"keep_last": 40}');
INSERT INTO intel.redaction_policy VALUES ('mine', 'ALL', 'replace', NULL, NULL, '{US,XX}');
INSERT INTO intel.redaction_policy VALUES (NULL, 'ALL', 'replace');
-- an own policy, changed while it is in use
SELECT intel.set_redaction('mine', 'CREDIT_CARD', 'mask', '{"keep_last": 4}');
SELECT intel.set_redaction('mine', 'EMAIL_ADDRESS', 'replace', '{"with": "[mail]"}');
SELECT intel.redact('4111-1111-1111-1111, jane@example.com, 93.184.216.34', 'mine');
SELECT intel.set_redaction('mine', 'EMAIL_ADDRESS', 'remove');
SELECT intel.set_redaction('mine', 'CREDIT_CARD', 'mask', '{"char": "•"}');
SELECT intel.redact('4111-1111-1111-1111, jane@example.com, 93.184.216.34', 'mine');
BEGIN;
SELECT intel.set_redaction('mine', 'CREDIT_CARD', 'keep');
SELECT intel.redact('4111-1111-1111-1111, jane@example.com', 'mine');
ROLLBACK;
SELECT intel.redact('4111-1111-1111-1111, jane@example.com', 'mine');
DELETE FROM intel.redaction_policy WHERE name = 'mine';
SELECT intel.redact('x', 'mine');
-- the threshold counts
SELECT intel.set_redaction('sure', 'ALL', 'replace', NULL, 0.9);
SELECT intel.redact('jane@example.com, 93.184.216.34', 'sure');
DELETE FROM intel.redaction_policy WHERE name = 'sure';
-- anybody may redact; nobody but superusers may not redact
CREATE ROLE intel_test_redact;
SET ROLE intel_test_redact;
SELECT intel.redact('jane@example.com'), intel.redact('{"a": "jane@example.com"}'::jsonb);
SELECT intel.redact('jane@example.com', 'none');
SELECT intel.set_redaction('mine', 'ALL', 'keep');
INSERT INTO intel.redaction_policy VALUES ('mine', 'ALL', 'keep');
RESET ROLE;
DROP ROLE intel_test_redact;
SELECT intel.redact('jane@example.com', 'none');
-- hash needs a key; with one, tokens are equal for equal values and stay when redacted again
SELECT intel.set_redaction('hashed', 'EMAIL_ADDRESS', 'hash');
SELECT intel.redact('jane@example.com', 'hashed');
SELECT lo_from_bytea(4711, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f') = 4711 AS made;
SELECT lo_export(4711, 'redact.key'), lo_unlink(4711);
SET intel.redact_key_file = 'redact.key';
SELECT intel.redact('jane@example.com', 'hashed');
-- the program reads its input: one that ended before would break the pipe
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; chmod 600 "$PWD/redact.key"';
SELECT intel.redact('jane@example.com', 'hashed') ~ '^<EMAIL_ADDRESS:[a-z2-7]{16}>$' AS shape,
    intel.redact('jane@example.com', 'hashed') = intel.redact('jane@example.com', 'hashed') AS equal,
    intel.redact('jane@example.com', 'hashed') <> intel.redact('june@example.com', 'hashed') AS differs,
    intel.redact(intel.redact('jane@example.com', 'hashed'), 'strict')
        = intel.redact('jane@example.com', 'hashed') AS stays;
RESET intel.redact_key_file;
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm "$PWD/redact.key"';
DELETE FROM intel.redaction_policy WHERE name = 'hashed';
