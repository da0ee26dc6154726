-- feedback and scores: who may give them on what, and what becomes of them
\set SHOW_CONTEXT never
CREATE ROLE eval_ann;
CREATE ROLE eval_bob;
CREATE ROLE eval_eve;
SELECT intel.grant_access('eval_ann'), intel.grant_access('eval_bob');
SELECT intel.create_prompt('triage', 'Label: {{text}}');
SELECT intel.share_prompt('triage');
CREATE TEMP TABLE made (who text, id bigint);
GRANT ALL ON made TO PUBLIC;

-- ann calls twice with version 1 and once with version 2, bob once
SET ROLE eval_ann;
SET request.jwt.claims = '{"sub": "a1", "tenant_id": "t1"}';
SELECT intel.complete_prompt('triage', '{"text": "one"}') IS NOT NULL AS answered;
INSERT INTO made VALUES ('ann1', intel.last_inference());
SELECT intel.complete_prompt('triage', '{"text": "two"}') IS NOT NULL AS answered;
INSERT INTO made VALUES ('ann2', intel.last_inference());
RESET ROLE;
RESET request.jwt.claims;
SELECT intel.create_prompt('triage', 'Classify: {{text}}', 'production');
SET ROLE eval_ann;
SET request.jwt.claims = '{"sub": "a1", "tenant_id": "t1"}';
SELECT intel.complete_prompt('triage', '{"text": "one"}') IS NOT NULL AS answered;
INSERT INTO made VALUES ('ann3', intel.last_inference());
SET ROLE eval_bob;
SET request.jwt.claims = '{"sub": "b1", "tenant_id": "t2"}';
SELECT intel.complete_prompt('triage', '{"text": "one"}') IS NOT NULL AS answered;
INSERT INTO made VALUES ('bob1', intel.last_inference());
-- who has the session next did not make the call
SET request.jwt.claims = '{"sub": "b1", "tenant_id": "t3"}';
SELECT intel.last_inference() IS NULL AS of_another_tenant;
SET ROLE eval_ann;
SET request.jwt.claims = '{"sub": "b1", "tenant_id": "t2"}';
SELECT intel.last_inference() IS NULL AS of_another_role;
RESET ROLE;
SELECT id AS ann1 FROM made WHERE who = 'ann1' \gset
SELECT id AS ann2 FROM made WHERE who = 'ann2' \gset
SELECT id AS ann3 FROM made WHERE who = 'ann3' \gset
SELECT id AS bob1 FROM made WHERE who = 'bob1' \gset

SET ROLE eval_ann;
SET request.jwt.claims = '{"sub": "a1", "tenant_id": "t1"}';
SELECT intel.give_feedback(:ann1, 'ignored');
SELECT intel.give_feedback(:ann1, 'accepted');
SELECT intel.give_feedback(:ann2, 'edited', 'what it should have been');
SELECT intel.give_feedback(:ann3, 'rejected');
SELECT intel.give_score(:ann1, 'exact', 1), intel.give_score(:ann2, 'exact', 0), intel.give_score(:ann3, 'exact', 0.5, 'model:judge');
SELECT intel.give_score(:ann3, 'exact', 0.25, 'model:judge'), intel.give_score(:ann3, 'faithful', 0.75);
SELECT m.who, f.signal, f.corrected FROM intel.feedback f JOIN made m ON m.id = f.inference ORDER BY 1;
SELECT m.who, s.metric, s.value, s.source FROM intel.inference_score s JOIN made m ON m.id = s.inference ORDER BY 1, 2;
SELECT name, version, label, calls, failed, cached, feedback, accepted, rejected, edited, ignored, scores,
    latency_p50_ms <= latency_p95_ms AS latency, last_call >= first_call AS time FROM intel.prompt_performance ORDER BY version;
SELECT m.who, e.name, e.attributes, s.name IS NOT NULL AND s.span_id = e.span_id AND s.trace_id = e.trace_id AS of_span
    FROM intel.inference_event e JOIN intel.inference_span s USING (id) JOIN made m USING (id) ORDER BY 1, 3;

-- what is wrong; no error shows the text
SELECT intel.give_feedback(:ann1, 'liked');
SELECT intel.give_feedback(:ann1, NULL);
SELECT intel.give_feedback(:ann1, 'accepted', 'canary');
SELECT intel.give_feedback(NULL, 'accepted');
INSERT INTO intel.feedback (inference, signal, corrected) VALUES (:ann1, 'liked', 'canary');
INSERT INTO intel.feedback (inference, signal, corrected) VALUES (NULL, 'edited', 'canary');
INSERT INTO intel.feedback (inference, signal, corrected) VALUES (:ann1, 'edited', 'canary');
SELECT intel.give_score(:ann1, 'two words', 1);
SELECT intel.give_score(:ann1, 'exact', 'NaN');
SELECT intel.give_score(:ann1, 'exact', NULL);
SELECT intel.give_score(:ann1, 'exact', 1, 'two words');

-- a call of another and one that does not exist are the same
CREATE FUNCTION pg_temp.try(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE sql;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws('|', SQLSTATE, regexp_replace(SQLERRM, '\d+', 'N', 'g'), detail, hint);
END
$$;
SET ROLE eval_bob;
SET request.jwt.claims = '{"sub": "b1", "tenant_id": "t2"}';
SELECT statement, pg_temp.try(format(statement, :ann1)) AS of_another,
    pg_temp.try(format(statement, :ann1)) = pg_temp.try(format(statement, 999999999)) AS same_as_missing
FROM unnest(ARRAY[
    'SELECT intel.give_feedback(%s, ''accepted'')',
    'SELECT intel.give_feedback(%s, ''liked'')',
    'SELECT intel.give_score(%s, ''exact'', 1)',
    'SELECT intel.give_score(%s, ''stolen'', 1)',
    'INSERT INTO intel.feedback (inference, signal) VALUES (%s, ''accepted'')',
    'INSERT INTO intel.feedback (inference, signal) VALUES (%s, ''accepted'') ON CONFLICT DO NOTHING',
    'INSERT INTO intel.feedback (inference, signal) VALUES (%s, ''accepted'') ON CONFLICT (inference) DO UPDATE SET signal = ''rejected''',
    'INSERT INTO intel.inference_score (inference, metric, value) VALUES (%s, ''exact'', 1)',
    'INSERT INTO intel.inference_score (inference, metric, value) VALUES (%s, ''exact'', 1) ON CONFLICT DO NOTHING']) statement;
SELECT intel.give_feedback(:bob1, 'accepted'), intel.give_score(:bob1, 'exact', 1);
SELECT statement, pg_temp.try(format(statement, :ann1)) AS of_another,
    pg_temp.try(format(statement, :ann1)) = pg_temp.try(format(statement, 999999999)) AS same_as_missing
FROM unnest(ARRAY['UPDATE intel.feedback SET inference = %s', 'UPDATE intel.inference_score SET inference = %s']) statement;
SELECT count(*) AS feedback, count(*) FILTER (WHERE inference = :bob1) AS mine FROM intel.feedback;
SELECT count(*) FROM intel.inference_score;
SELECT version, calls, accepted, rejected, edited, scores FROM intel.prompt_performance;
SELECT count(*) FROM intel.inference_event;
WITH u AS (UPDATE intel.feedback SET signal = 'rejected', corrected = NULL RETURNING 1) SELECT count(*) FROM u;
WITH u AS (UPDATE intel.inference_score SET value = 0 RETURNING 1) SELECT count(*) FROM u;
-- a function of the caller in a condition sees nothing that he does not
CREATE FUNCTION pg_temp.show(bigint, text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
    RAISE NOTICE 'saw %', $2;
    RETURN true;
END
$$;
SELECT signal FROM intel.feedback WHERE pg_temp.show(inference, coalesce(corrected, signal));
-- another user of ann's tenant, and a role without access
SET ROLE eval_ann;
SET request.jwt.claims = '{"sub": "a2", "tenant_id": "t1"}';
SELECT pg_temp.try(format('SELECT intel.give_feedback(%s, ''accepted'')', :ann1));
SELECT count(*) FROM intel.feedback;
SELECT count(*) FROM intel.prompt_performance;
SET ROLE eval_eve;
SELECT pg_temp.try(format('SELECT intel.give_feedback(%s, ''accepted'')', :ann1));
SELECT pg_temp.try('SELECT count(*) FROM intel.feedback');
SELECT pg_temp.try('SELECT count(*) FROM intel.prompt_performance');
SELECT pg_temp.try('SELECT count(*) FROM intel.inference_event');
RESET ROLE;
RESET request.jwt.claims;

-- they go with their call
SELECT count(*) FROM intel.feedback;
UPDATE intel.inference SET started_at = started_at - interval '2 days' WHERE id IN (:ann2, :ann3);
SELECT intel.prune_inference('1 day') >= 2 AS pruned;
SELECT m.who, f.signal FROM intel.feedback f JOIN made m ON m.id = f.inference ORDER BY 1;
SELECT m.who, s.metric FROM intel.inference_score s JOIN made m ON m.id = s.inference ORDER BY 1;

SELECT intel.drop_prompt('triage');
SELECT intel.revoke_access('eval_ann'), intel.revoke_access('eval_bob');
DELETE FROM intel.inference;
SELECT count(*) FROM intel.feedback;
DROP TABLE made;
DROP FUNCTION pg_temp.try, pg_temp.show;
DROP ROLE eval_ann, eval_bob, eval_eve;
