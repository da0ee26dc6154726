-- words of the gazetteer are their owner's: another role, subject or tenant neither sees, counts nor probes them, in one session that changes
-- roles, claims and settings under cached lists and plans
SET intel.tenant_claim = 'tenant';
CREATE ROLE intel_test_blue;
CREATE ROLE intel_test_red;
GRANT INSERT, UPDATE, DELETE ON intel.gazetteer TO intel_test_blue, intel_test_red;
SET ROLE intel_test_blue;
SET request.jwt.claims = '{"tenant": "blue", "sub": "ann"}';
INSERT INTO intel.gazetteer (entity, term) SELECT 'CUSTOM', 'bluesecret' || i FROM generate_series(1, 100) AS i;
RESET ROLE;
INSERT INTO intel.gazetteer (entity, term, scope, tenant) VALUES ('CUSTOM', 'bluetenantword', 'tenant', 'blue');
ANALYZE intel.gazetteer;
CREATE FUNCTION pg_temp.seen() RETURNS text LANGUAGE sql AS $$
    SELECT current_user || ': ' || count(*) || ' rows, ' || intel.redact('bluesecret7 bluetenantword') FROM intel.gazetteer
$$;
PREPARE probe AS SELECT current_user, intel.redact('bluesecret7 bluetenantword'), intel.contains_pii('bluesecret7');
SET ROLE intel_test_blue;
SELECT pg_temp.seen();
EXECUTE probe;
-- the same claims, another role; then other claims; then back: lists and plans are cached by now
SET ROLE intel_test_red;
SELECT pg_temp.seen();
EXECUTE probe;
SET request.jwt.claims = '{"tenant": "red", "sub": "ann"}';
SELECT pg_temp.seen();
EXECUTE probe;
SET ROLE intel_test_blue;
SELECT pg_temp.seen();
EXECUTE probe;
SET request.jwt.claims = '{"tenant": "blue", "sub": "bob"}';
SELECT pg_temp.seen();
SET request.jwt.claims = '{"tenant": "blue", "sub": "ann"}';
SELECT pg_temp.seen();
-- neither statistics, nor functions that tell what they see, nor conflicts tell of them
SET ROLE intel_test_red;
SELECT count(*) FROM pg_stats WHERE schemaname = 'intel' AND tablename = 'gazetteer';
CREATE FUNCTION pg_temp.leak(term text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
    IF term LIKE 'bluesecret%' THEN RAISE NOTICE 'leaked %', term; END IF;
    RETURN true;
END $$;
SELECT count(*) FROM intel.gazetteer WHERE pg_temp.leak(term);
INSERT INTO intel.gazetteer (entity, term) VALUES ('CUSTOM', 'bluesecret1') ON CONFLICT DO NOTHING RETURNING term;
INSERT INTO intel.gazetteer (entity, term, owner) VALUES ('CUSTOM', 'bluesecret1', 'intel_test_blue') ON CONFLICT DO NOTHING;
INSERT INTO intel.gazetteer (entity, term, owner) VALUES ('CUSTOM', 'nobodysword', 'intel_test_blue') ON CONFLICT DO NOTHING;
UPDATE intel.gazetteer SET term = 'x' || term WHERE term <> 'bluesecret1' RETURNING term;
DELETE FROM intel.gazetteer WHERE owner = 'intel_test_blue'::regrole RETURNING term;
TRUNCATE intel.gazetteer;
COPY intel.gazetteer (term) TO stdout;
-- a function of somebody else has his words while it runs, and no longer
RESET ROLE;
RESET request.jwt.claims;
CREATE FUNCTION pg_temp.as_blue(content text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
    AS $$ SELECT intel.redact(content) $$;
ALTER FUNCTION pg_temp.as_blue(text) OWNER TO intel_test_blue;
SET ROLE intel_test_red;
SET request.jwt.claims = '{"tenant": "blue", "sub": "ann"}';
SELECT pg_temp.as_blue('bluesecret7'), intel.redact('bluesecret7'), pg_temp.as_blue('bluesecret8'), intel.redact('bluesecret8');
-- a list is known by what names the tenant, too, not by its value alone
RESET ROLE;
RESET request.jwt.claims;
SET app.tenant = 'blue';
SET intel.tenant_claim = 'app.tenant';
SELECT intel.tenant(), intel.redact('bluetenantword');
SET intel.tenant_claim = 'blue';
SELECT intel.tenant(), intel.redact('bluetenantword');
SET intel.tenant_claim = 'app.other';
SELECT intel.tenant(), intel.redact('bluetenantword');
RESET intel.tenant_claim;
DEALLOCATE probe;
DELETE FROM intel.gazetteer;
DROP FUNCTION pg_temp.as_blue(text);
REVOKE ALL ON intel.gazetteer FROM intel_test_blue, intel_test_red;
SET client_min_messages = warning;
DROP OWNED BY intel_test_red;
DROP ROLE intel_test_blue, intel_test_red;
