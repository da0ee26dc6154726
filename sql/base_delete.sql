-- rows of one's own in shared tables: deleted without a privilege that would let a role lock everybody out
\set VERBOSITY terse
CREATE ROLE intel_test_a;
CREATE ROLE intel_test_b;
CREATE ROLE intel_test_none;
SELECT intel.grant_access('intel_test_a'), intel.grant_access('intel_test_b');

-- no role may take a lock on a whole table that keeps others from it
SELECT c.oid::regclass, p AS privilege, r AS role
FROM pg_class c, unnest('{UPDATE,DELETE,TRUNCATE}'::text[]) p, unnest('{intel_test_a,intel_test_none}'::text[]) r
WHERE c.relnamespace = 'intel'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege(r, c.oid, p);
SET ROLE intel_test_a;
BEGIN; LOCK TABLE intel.job_queue IN SHARE MODE; ROLLBACK;
BEGIN; LOCK TABLE intel.enrichment_row IN ACCESS EXCLUSIVE MODE; ROLLBACK;
BEGIN; LOCK TABLE intel.recipe IN EXCLUSIVE MODE; ROLLBACK;
BEGIN; LOCK TABLE intel.job IN SHARE ROW EXCLUSIVE MODE; ROLLBACK;

-- each has a job, a recipe and a prompt
CREATE FUNCTION pg_temp.everything() RETURNS void LANGUAGE sql AS $$
    SELECT intel.create_recipe('mine', '{{x}}', '[{"name": "x", "query": "SELECT 1 AS one", "item": "{{one}}"}]'),
        intel.create_prompt('mine', 'Say {{x}}.'), intel.create_prompt('mine', 'Say {{x}}!'),
        intel.submit('embed', '{"contents": ["a"]}', '{"run_at": "2100-01-01"}')
$$;
GRANT EXECUTE ON FUNCTION pg_temp.everything() TO PUBLIC;
SELECT pg_temp.everything();
SELECT max(id) AS job_a FROM intel.job \gset
SET ROLE intel_test_b;
SELECT pg_temp.everything();
SELECT max(id) AS job_b FROM intel.job \gset
RESET ROLE;
CREATE VIEW pg_temp.left_over AS
    SELECT (SELECT count(*) FROM intel.job_queue WHERE owner = r) AS jobs, (SELECT count(*) FROM intel.recipe WHERE owner = r) AS recipes,
        (SELECT count(*) FROM intel.prompt WHERE owner = r) AS prompts, r AS role
    FROM unnest('{intel_test_a,intel_test_b}'::regrole[]) r;
SELECT * FROM pg_temp.left_over;

-- not by DELETE, and not what is somebody else's, wherever it lies
SET ROLE intel_test_b;
DELETE FROM intel.job_queue;
DELETE FROM intel.recipe;
SELECT intel.delete_job(:job_a);
CREATE FUNCTION pg_temp.everywhere() RETURNS tid[] LANGUAGE sql AS $$
    SELECT array_agg(format('(%s,%s)', page, line)::tid) FROM generate_series(0, 40) page, generate_series(1, 100) line
$$;
SELECT intel._delete_own('intel.job_queue', array_agg(id)) FROM unnest(pg_temp.everywhere()) id
    WHERE id NOT IN (SELECT ctid FROM intel.job_queue);
SELECT intel._delete_own('intel.recipe', array_agg(id)) FROM unnest(pg_temp.everywhere()) id
    WHERE id NOT IN (SELECT ctid FROM intel.recipe);
SELECT intel._delete_own('intel.prompt', array_agg(id)) FROM unnest(pg_temp.everywhere()) id
    WHERE id NOT IN (SELECT ctid FROM intel.prompt);
SELECT intel._delete_own('intel.enrichment', pg_temp.everywhere()), intel._delete_own('intel.job_part', pg_temp.everywhere());
-- nor of tables for which there is nothing of the kind
SELECT intel._delete_own('intel.model', pg_temp.everywhere());
SELECT intel._delete_own('pg_catalog.pg_class', pg_temp.everywhere());
SELECT intel._delete_own(0, pg_temp.everywhere());
CREATE TEMP TABLE job_queue (id int);
SELECT intel._delete_own('pg_temp.job_queue', pg_temp.everywhere());
SELECT current_user;
SET ROLE intel_test_none;
SELECT intel._delete_own('intel.job_queue', '{"(0,1)"}');
SELECT intel.delete_job(:job_b);
RESET ROLE;
SELECT * FROM pg_temp.left_over;

-- one's own
SET ROLE intel_test_b;
SELECT intel.delete_job(:job_b), intel.drop_recipe('mine'), intel.drop_prompt('mine');
SELECT intel.delete_job(:job_b), intel.drop_recipe('mine'), intel.drop_prompt('mine');
SELECT current_user;
RESET ROLE;
SELECT * FROM pg_temp.left_over;

-- a job is found by where it lies, however long the queue is
SET ROLE intel_test_a;
CREATE FUNCTION pg_temp.plan() RETURNS SETOF text LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY EXECUTE $sql$EXPLAIN (COSTS OFF) SELECT ctid FROM intel.job_queue WHERE ctid = ANY ('{"(0,1)"}') FOR UPDATE$sql$;
END $$;
SELECT btrim(plan, ' ->') AS plan FROM pg_temp.plan() WHERE plan ~ 'Scan|TID';
SELECT intel.delete_job(:job_a), intel.drop_recipe('mine'), intel.drop_prompt('mine');
RESET ROLE;

DROP VIEW pg_temp.left_over;
SELECT intel.revoke_access('intel_test_a'), intel.revoke_access('intel_test_b');
DROP OWNED BY intel_test_a, intel_test_b, intel_test_none;
DROP ROLE intel_test_a, intel_test_b, intel_test_none;
