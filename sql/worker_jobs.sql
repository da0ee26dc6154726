-- jobs: what can be queued, by whom, and the states that owners may set.
-- Jobs here are put off to 2100, so that no worker takes them.
-- Some messages have numbers of jobs, whatever was queued before.
ALTER SEQUENCE intel.job_queue_id_seq RESTART WITH 1000;
SELECT name, call, step FROM intel.task WHERE name IN ('complete', 'chat', 'embed', 'rerank') ORDER BY name;
SELECT intel.submit('nonsense', '{}');
SELECT intel.submit('complete', '[]');
SELECT intel.submit('complete', '{}', '{"urgent": true}');
SELECT intel.submit('complete', '{}', '{"max_attempts": 0}');
SELECT intel.submit('complete', '{"prompt": "x", "model": "no-such-model"}');
-- no message has text of a user
\set SHOW_CONTEXT never
SELECT intel.submit('Dear Ann, ...', '{}');
SELECT intel.run_task('Dear Ann, ...', '{}');
SELECT intel.submit('complete', '{"prompt": "x", "model": {"secret": "ann@example.com"}}');
SELECT intel.submit('complete', '{"prompt": "x", "model": "ann@example.com"}');
SELECT intel.run_task('complete', '{"prompt": "x", "model": "ann@example.com"}');
CREATE FUNCTION pg_temp.attempt(options jsonb, OUT code text, OUT message text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM intel.submit('complete', '{"prompt": "x"}', options);
    RAISE 'queued' USING ERRCODE = '00001';
EXCEPTION
    WHEN OTHERS THEN
        code := SQLSTATE;
        message := SQLERRM;
END
$$;
SELECT name, value, a.* FROM unnest('{priority,max_attempts,run_at,after,after_failure,expires_at,retention,"Dear Ann"}'::text[]) WITH ORDINALITY n(name, i),
    unnest('{"\"ann@example.com\"","{\"ann@example.com\": 1}","[\"ann@example.com\"]","null"}'::jsonb[]) WITH ORDINALITY v(value, j),
    pg_temp.attempt(jsonb_build_object(name, value)) a ORDER BY i, j;
SELECT o.options, a.* FROM unnest(ARRAY['{"priority": 32768}', '{"priority": "-5"}', '{"max_attempts": 1.5}', '{"after": []}', '{"after": [1, null]}',
    '{"after": "12345678901234567890"}', '{"after": "-1"}', '{"expires_at": 7}', '{"run_at": "294277-01-01"}', '{"retention": 5}']::jsonb[])
    WITH ORDINALITY o(options, n), pg_temp.attempt(o.options) a ORDER BY n;
\set SHOW_CONTEXT errors
SELECT intel.submit(NULL, '{}') IS NULL AS strict;
SELECT intel.submit('complete', NULL) IS NULL AS no_request, (SELECT count(*) FROM intel.submit_each(NULL, '{"{}"}')) AS no_task,
    (SELECT count(*) FROM intel.submit_each('complete', NULL)) AS no_requests;
-- no options are given by null, too
BEGIN;
SELECT intel.submit('complete', '{"prompt": "x"}', NULL) IS NOT NULL AS queued;
SELECT request, job IS NOT NULL AS queued FROM intel.submit_each('complete', '{"{\"prompt\": \"x\"}"}', NULL);
SELECT task, priority, max_attempts FROM intel.job;
ROLLBACK;

CREATE ROLE intel_test_a;
CREATE ROLE intel_test_b;
SELECT intel.grant_access('intel_test_a');

-- without access nothing can be queued, with it only for oneself
SET ROLE intel_test_b;
SELECT intel.submit('complete', '{"prompt": "x"}');
INSERT INTO intel.job_queue (task, request) VALUES ('complete', '{}');
CALL intel.run_jobs();
SELECT intel.run_task('complete', '{}');
SET ROLE intel_test_a;
INSERT INTO intel.job_queue (task, request, owner) VALUES ('complete', '{}', 'intel_test_b');
INSERT INTO intel.job_queue (task, request, status) VALUES ('complete', '{}', 'succeeded');
INSERT INTO intel.task VALUES ('mine', 'complete', NULL, 'x');
SET request.jwt.claims = '{"sub": "u1", "tenant_id": "t1"}';
SELECT intel.submit('complete', '{"prompt": "x"}', '{"run_at": "2100-01-01", "priority": 3, "max_attempts": 7}') AS job \gset
SELECT task, status, attempts, max_attempts, priority, next_attempt_at = '2100-01-01' AS put_off, owner, subject, tenant
    FROM intel.job WHERE id = :job;

-- another subject, tenant or role has no part in it
SET request.jwt.claims = '{"sub": "u2", "tenant_id": "t1"}';
SELECT count(*) FROM intel.job;
SELECT intel.cancel(:job);
SET request.jwt.claims = '{"sub": "u1", "tenant_id": "t2"}';
SELECT count(*) FROM intel.job;
RESET request.jwt.claims;
SELECT count(*) FROM intel.job;
SET ROLE intel_test_b;
SET request.jwt.claims = '{"sub": "u1", "tenant_id": "t1"}';
SELECT count(*) FROM intel.job;
SET ROLE intel_test_a;
SELECT count(*) FROM intel.job;

-- states: owners cancel and retry, and nothing else changes with it
UPDATE intel.job_queue SET status = 'succeeded', result = '{"content": "forged"}';
UPDATE intel.job_queue SET status = 'running';
UPDATE intel.job_queue SET result = '{"content": "forged"}';
SELECT intel.retry(:job);
SELECT intel.cancel(:job);
SELECT intel.cancel(:job);
SELECT status, finished_at IS NOT NULL AS finished FROM intel.job WHERE id = :job;
UPDATE intel.job_queue SET claims = '{"sub": "u2"}';
BEGIN;
UPDATE intel.job_queue SET status = 'queued', result = '{"content": "forged"}', attempts = 99;
SELECT status, attempts, result, subject, finished_at FROM intel.job WHERE id = :job;
ROLLBACK;
SELECT intel.delete_job(:job);
RESET ROLE;
RESET request.jwt.claims;

-- waiting
SELECT (w).status FROM intel.wait(:job, '0') w;
SELECT intel.wait(-1);
BEGIN;
SELECT intel.submit('complete', '{"prompt": "x"}', '{"run_at": "2100-01-01"}') AS own \gset
SELECT intel.wait(:own);
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT intel.wait(:job);
ROLLBACK;
BEGIN;
CALL intel.run_jobs();
ROLLBACK;
CALL intel.run_jobs(0);

-- a job with a builtin model, through the worker and in this session
SELECT intel.submit('embed', '{"contents": ["one", "two"]}') AS job2 \gset
SELECT (w).status, (w).attempts, (w).model, jsonb_array_length((w).result -> 'embeddings') AS embeddings,
    jsonb_array_length((w).result -> 'embeddings' -> 0) AS dimensions FROM intel.wait(:job2) w;
SELECT intel.submit('rerank', '{"query": "lost card", "documents": ["opening hours", "what to do about a lost card"]}') AS job3 \gset
SELECT (w).status, (w).model, (w).result #> '{results,0,index}' AS first FROM intel.wait(:job3) w;
SELECT jsonb_array_length(intel.run_task('embed', '{"contents": ["one", "two"]}') -> 'embeddings') AS embeddings;
SELECT intel.run_task('nonsense', '{}');

DELETE FROM intel.job_queue;
SELECT intel.revoke_access('intel_test_a');
DROP ROLE intel_test_a;
DROP ROLE intel_test_b;
