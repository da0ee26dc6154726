-- what a queued job waits for: its time, other jobs; and what ends it unrun.
-- Jobs that must not run are put off to 2100; the worker runs the others.
-- Some messages have numbers of jobs, whatever was queued before.
ALTER SEQUENCE intel.job_queue_id_seq RESTART WITH 2000;
SELECT intel.submit('embed', '{"contents": ["a"]}', '{"run_at": "2100-01-01"}') AS a \gset
SELECT intel.submit('embed', '{"contents": ["b"]}', jsonb_build_object('after', :a)) AS b \gset
SELECT intel.submit('embed', '{"contents": ["c"]}', jsonb_build_object('after', jsonb_build_array(:a, :b))) AS c \gset
SELECT intel.submit('embed', '{"contents": ["d"]}', jsonb_build_object('after', :a, 'after_failure', 'run')) AS d \gset
SELECT (w).status, cardinality((w).needs) FROM intel.wait(:b, '0.2 s') w;
SELECT intel.submit('embed', '{"contents": ["e"]}', '{"after": 0}');
SELECT intel.submit('embed', '{"contents": ["e"]}', '{"after": [1, "x"]}');
SELECT intel.submit('embed', '{"contents": ["e"]}', '{"after_failure": "ignore"}');
SELECT intel.submit('embed', '{"contents": ["e"]}', '{"retention": "-1 day"}');
SELECT intel.submit('embed', '{"contents": ["e"]}', '{"retention": "300000 years"}');
SELECT intel.submit('embed', '{"contents": ["e"]}', '{"retention": "400000 years -144000000 days"}');
SELECT intel.submit('embed', '{"contents": ["e"]}', '{"retention": "1 year -1 day"}');
INSERT INTO intel.job_queue (task, request, needs) VALUES ('embed', '{}', '{}');

-- a job that did not succeed takes those that need it with it, but for d
SELECT intel.cancel(:a);
SELECT (w).status FROM intel.wait(:d) w;
SELECT (w).status FROM intel.wait(:c) w;
SELECT j.status, j.error_code, replace(replace(j.error_message, :'a', 'A'), :'b', 'B') AS message
    FROM intel.job j WHERE j.id IN (:b, :c, :d) ORDER BY id;
SELECT count(*), bool_and(failed_at IS NOT NULL) AS dated FROM intel.dead_letter;

-- and after a success they can be queued again
UPDATE intel.job_queue SET status = 'queued' WHERE id = :a;
SELECT (w).status FROM intel.wait(:a) w;
SELECT intel.retry(:b), intel.retry(:c);
SELECT (w).status FROM intel.wait(:c) w;
SELECT status, attempts FROM intel.job WHERE id IN (:a, :b, :c, :d) ORDER BY id;
SELECT count(*) FROM intel.dead_letter;

-- a job of somebody else is not waited for, and not told from none
CREATE ROLE intel_test_a;
SELECT intel.grant_access('intel_test_a');
SELECT intel.submit('embed', '{"contents": ["a"]}', '{"run_at": "2100-01-01"}') AS foreign \gset
SET ROLE intel_test_a;
SELECT intel.submit('embed', '{"contents": ["b"]}', jsonb_build_object('after', :foreign)) IS NULL;
INSERT INTO intel.job_queue (task, request, needs)
    VALUES ('embed', '{"contents": ["b"]}', ARRAY[:foreign, 0]);
SELECT max(id) AS b FROM intel.job \gset
SELECT (w).status FROM intel.wait(:b) w;
RESET ROLE;

-- expiry
SELECT intel.submit('embed', '{"contents": ["a"]}', '{"run_at": "2100-01-01", "expires_at": "2001-01-01"}') AS late \gset
SELECT (w).status, (w).error_code, (w).error_message, (w).attempts FROM intel.wait(:late) w;

-- retention: of the setting, of the job; failures stay
SELECT intel.submit('embed', '{"contents": ["a"]}', '{"retention": "1 hour"}') AS brief \gset
SELECT (w).purge_at - (w).finished_at AS kept FROM intel.wait(:brief) w;
SELECT purge_at - finished_at AS kept FROM intel.job WHERE id = :a;
SELECT purge_at FROM intel.job WHERE id = :late;
-- who retries what has expired wants it all the same
SELECT intel.retry(:late);
SELECT (w).status, (w).attempts FROM intel.wait(:late) w;
SELECT intel.submit('embed', '{"contents": ["a"]}', '{"retention": "0"}') AS gone \gset
SELECT (w).status FROM intel.wait(:gone) w;
SELECT intel.purge_jobs() IN (0, 1) AS by_us_or_the_worker;
SELECT count(*) FROM intel.job WHERE id IN (:a, :brief, :late, :gone);

DELETE FROM intel.job_queue;
SELECT intel.revoke_access('intel_test_a');
DROP ROLE intel_test_a;
