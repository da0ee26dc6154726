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
