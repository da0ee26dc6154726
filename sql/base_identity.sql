-- identity: subject and tenant from claims and settings
SELECT intel.version() = extversion AS same_version FROM pg_extension WHERE extname = 'intel';
SELECT intel.subject() IS NULL AS no_subject, intel.tenant() IS NULL AS no_tenant;
BEGIN;
SET LOCAL request.jwt.claims = '{"sub": "u-1", "tenant_id": 42, "app_metadata": {"org": {"id": "acme"}}}';
SELECT intel.subject(), intel.tenant();
SET LOCAL intel.tenant_claim = 'app_metadata.org.id';
SELECT intel.tenant();
SET LOCAL intel.tenant_claim = 'app_metadata.org';
SELECT intel.tenant() IS NULL AS an_object_is_no_tenant;
SET LOCAL intel.tenant_claim = 'app.tenant';
SELECT intel.tenant() IS NULL AS setting_unset;
SET LOCAL app.tenant = 'from-setting';
SELECT intel.tenant();
SET LOCAL intel.tenant_claim = '';
SELECT intel.tenant() IS NULL AS no_tenants;
ROLLBACK;
-- claims that are no object grant nothing and are not shown
BEGIN;
SET LOCAL request.jwt.claims = 'secret-but-broken';
SELECT intel.subject();
ROLLBACK;
BEGIN;
SET LOCAL request.jwt.claims = '["a"]';
SELECT intel.tenant();
ROLLBACK;
-- a user cannot choose which claim is the tenant
CREATE ROLE intel_test_user;
SET ROLE intel_test_user;
SET intel.tenant_claim = 'sub';
RESET ROLE;
DROP ROLE intel_test_user;
