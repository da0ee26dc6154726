-- llm: the catalogue of providers and models
SELECT name, kind, base_url, secret, enabled, allow_private_network, redaction_policy FROM intel.provider;
SELECT name, provider, task, dimensions FROM intel.model ORDER BY name;
SELECT * FROM intel.model_grant ORDER BY model;

-- ---- what a provider may be ----------------------------------------------
BEGIN;
INSERT INTO intel.provider (name, kind, base_url, allow_private_network)
SELECT 'p' || n, 'openai', u, u LIKE 'http:%'
FROM unnest(ARRAY['https://api.example.com/v1', 'https://api.example.com:8443/a/b.c/v1/', 'https://192.0.2.1',
    'https://[2001:db8::1]:8443/v1', 'http://localhost:8080/v1', 'HTTPS://API.EXAMPLE.COM']) WITH ORDINALITY AS t(u, n);
ROLLBACK;
-- every one of these is refused; the function says by which constraint
CREATE FUNCTION refused(kind text, base_url text, secret text, private boolean, name text DEFAULT 'p')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c text;
BEGIN
    INSERT INTO intel.provider (name, kind, base_url, secret, allow_private_network)
        VALUES (name, kind, base_url, secret, private);
    RAISE EXCEPTION 'accepted: % % % %', kind, base_url, secret, private;
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME;
    RETURN c;
END
$$;
SELECT u AS base_url, refused('openai', u, NULL, true)
FROM unnest(ARRAY['ftp://example.com', 'file:///etc/passwd', 'example.com', 'https://user@example.com',
    'https://user:pw@example.com/v1', 'https://example.com@evil.example', 'https://example.com/v1?key=1',
    'https://example.com/v1#x', 'https://exa mple.com', E'https://example.com/v1\nX: y', 'https://',
    'https://example.com:port', 'https://[fe80::1%25lo]/v1', 'https://example.com\evil', 'https://-a.com',
    'gopher://127.0.0.1:6379', 'unix:///var/run/x', 'https://example.com/%2e%2e', '']) AS u;
SELECT refused('openai', 'http://example.com/v1', NULL, false);
SELECT refused('cohere', 'https://example.com/v1', NULL, false);
SELECT k AS kind, refused(k, NULL, NULL, false) FROM unnest(ARRAY['azure', 'ollama', 'tei']) AS k;
SELECT refused('builtin', 'https://example.com', NULL, false, 'builtin2');
SELECT s AS secret, refused('openai', 'https://example.com', s, false)
FROM unnest(ARRAY['env:', 'env:A B', 'file:../etc/passwd', 'file:/etc/passwd', 'file:.hidden',
    E'env:X\n']) AS s;
-- what may be a key is not shown
INSERT INTO intel.provider (name, kind, secret) VALUES ('p', 'openai', 'sk-the-key-itself');
SELECT refused('openai', 'https://example.com', NULL, false, n)
FROM unnest(ARRAY['', 'with space', 'x''; DROP', repeat('n', 64)]) AS n;
DROP FUNCTION refused;

-- ---- what a model may be --------------------------------------------------
INSERT INTO intel.provider (name, kind, base_url, secret, redaction_policy)
    VALUES ('cloud', 'openai', 'https://api.example.com/v1', 'env:CLOUD', 'none');
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('m', 'nowhere', 'x', 'chat');
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('m', 'cloud', 'x y', 'chat');
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('m', 'cloud', '../x', 'chat');
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('m', 'cloud', 'x', 'draw');
INSERT INTO intel.model (name, provider, model_id, task, options) VALUES ('m', 'cloud', 'x', 'chat', '[]');
INSERT INTO intel.model (name, provider, model_id, task, options) VALUES ('m', 'cloud', 'x', 'chat', '{"model": "other"}');
INSERT INTO intel.model (name, provider, model_id, task, options) VALUES ('m', 'cloud', 'x', 'chat', '{"temprature": 0}');
INSERT INTO intel.model (name, provider, model_id, task, options) VALUES ('m', 'cloud', 'x', 'chat', '{"temperature": "warm"}');
INSERT INTO intel.model (name, provider, model_id, task, options) VALUES ('m', 'cloud', 'x', 'chat', '{"cache": "long"}');
INSERT INTO intel.model (name, provider, model_id, task, options) VALUES ('m', 'cloud', 'x', 'chat', '{"fallback": "x"}');
INSERT INTO intel.model (name, provider, model_id, task, options) VALUES ('m', 'cloud', 'x', 'chat', '{"dimensions": 8}');
INSERT INTO intel.model (name, provider, model_id, task, options) VALUES ('m', 'cloud', 'x', 'embed', '{"max_tokens": 8}');
INSERT INTO intel.model (name, provider, model_id, task, options) VALUES ('m', 'cloud', 'x', 'rerank', '{"max_tokens": 8}');
BEGIN;
INSERT INTO intel.model (name, provider, model_id, task, options) VALUES
    ('m1', 'cloud', 'x', 'chat', '{"temperature": 0, "cache": 60, "feature": "a", "restore": true, "timeout_ms": 5, "seed": null}'),
    ('m2', 'cloud', 'x', 'embed', '{"dimensions": 8, "cache": 60, "timeout_ms": 5}'),
    ('m3', 'cloud', 'x', 'rerank', '{"cache": 60, "feature": "a"}');
UPDATE intel.model SET options = '{"temperature": 3}' WHERE name = 'm1';
ROLLBACK;
INSERT INTO intel.model (name, provider, model_id, task, dimensions) VALUES ('m', 'cloud', 'x', 'chat', 3);
INSERT INTO intel.model (name, provider, model_id, task, fallback) VALUES ('m', 'cloud', 'x', 'chat', 'm');
INSERT INTO intel.model (name, provider, model_id, task, fallback) VALUES ('m', 'cloud', 'x', 'chat', 'builtin-answer');
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('e', 'cloud', 'x', 'embed');

-- ---- a key does not move by itself ----------------------------------------
UPDATE intel.provider SET base_url = 'https://evil.example' WHERE name = 'cloud';
UPDATE intel.provider SET base_url = NULL WHERE name = 'cloud';
UPDATE intel.provider SET kind = 'anthropic' WHERE name = 'cloud';
INSERT INTO intel.provider (name, kind, base_url) VALUES ('cloud', 'openai', 'https://evil.example')
    ON CONFLICT (name) DO UPDATE SET base_url = excluded.base_url;
SET session_replication_role = replica;
UPDATE intel.provider SET base_url = 'https://evil.example' WHERE name = 'cloud';
RESET session_replication_role;
UPDATE intel.provider SET base_url = 'https://eu.example.com/v1', secret = 'env:CLOUD' WHERE name = 'cloud';
UPDATE intel.provider SET base_url = 'https://eu2.example.com/v1', secret = NULL WHERE name = 'cloud';
UPDATE intel.provider SET base_url = 'https://eu3.example.com/v1' WHERE name = 'cloud';
UPDATE intel.provider SET secret = 'env:INTEL_TEST_UNSET', timeout_ms = 10 WHERE name = 'cloud' RETURNING base_url, secret;

-- ---- who may do what ------------------------------------------------------
CREATE ROLE intel_test_plain;
CREATE ROLE intel_test_granted;
CREATE ROLE intel_test_member IN ROLE intel_test_granted;
SET ROLE intel_test_plain;
SELECT count(*) FROM intel.provider;
INSERT INTO intel.model_grant VALUES ('m', 'intel_test_plain');
UPDATE intel.provider SET allow_private_network = true;
DELETE FROM intel.model;
SELECT intel.complete('x');
SELECT intel.embed('x');
SELECT intel._call('complete', '{}');
SELECT intel.grant_access('intel_test_plain');
RESET ROLE;
SELECT intel.grant_access('intel_test_plain'), intel.grant_access('intel_test_granted');
INSERT INTO intel.model_grant VALUES ('m', 'intel_test_granted'), ('e', 'intel_test_granted');
SET ROLE intel_test_plain;
SELECT intel.complete('x', 'm');
RESET ROLE;
-- granted, and so stopped only by the missing key
SET ROLE intel_test_granted;
SELECT intel.complete('x', 'm');
SET ROLE intel_test_member;
SELECT intel.complete('x', 'm');
RESET ROLE;
-- a grant that is taken back counts at once
DELETE FROM intel.model_grant WHERE model = 'm';
SET ROLE intel_test_member;
SELECT intel.complete('x', 'm');
RESET ROLE;
-- also in a transaction that is rolled back
BEGIN;
INSERT INTO intel.model_grant VALUES ('m', 'intel_test_granted');
SET LOCAL ROLE intel_test_member;
SAVEPOINT s;
SELECT intel.complete('x', 'm');
ROLLBACK;
SET ROLE intel_test_member;
SELECT intel.complete('x', 'm');
RESET ROLE;
SELECT intel.revoke_access('intel_test_plain'), intel.revoke_access('intel_test_granted');
SET ROLE intel_test_member;
SELECT intel.complete('x', 'm');
RESET ROLE;
-- nothing that sends is open to PUBLIC
SELECT f FROM intel._sending_functions() f WHERE has_function_privilege('public', f, 'EXECUTE');
DROP ROLE intel_test_plain, intel_test_member, intel_test_granted;

-- ---- what is wrong before anything is sent --------------------------------
\set VERBOSITY sqlstate
SELECT intel.complete('x', 'unknown');
SELECT intel.complete('x', repeat('n', 100));
SELECT intel.embed('x', 'unknown');
SELECT intel.complete('x', 'e');
SELECT intel.embed('x', 'm');
SELECT intel._call('draw', '{}');
UPDATE intel.provider SET enabled = false WHERE name = 'cloud';
SELECT intel.complete('x', 'm');
SELECT intel.embed('x', 'e');
UPDATE intel.provider SET enabled = true WHERE name = 'cloud';
\set VERBOSITY default
SELECT intel.complete('x', 'm');
SELECT intel.embed('x', 'e');
DELETE FROM intel.model WHERE provider = 'cloud';
DELETE FROM intel.provider WHERE name = 'cloud';

-- ---- access for what is no role ------------------------------------------------
SELECT intel.grant_access('-');
SELECT intel.revoke_access(4294967295::oid::regrole);
-- rows of dropped roles go when access is next administered
SET session_replication_role = replica;
INSERT INTO intel.model_grant VALUES ('builtin-answer', 4294967294::oid::regrole);
RESET session_replication_role;
CREATE ROLE intel_test_access;
SELECT intel.grant_access('intel_test_access');
SELECT count(*) FROM intel.model_grant WHERE grantee::oid = 4294967294::oid;
SELECT intel.revoke_access('intel_test_access');
DROP ROLE intel_test_access;
