-- What became of calls: feedback and scores, and both by version of a prompt.

-- ---- feedback and scores ---------------------------------------------------
-- Rows belong to a call: whoever sees the call may see, give and change them.
-- A policy is asked before a key, so a call that does not exist and one that
-- is not the caller's are the same error.

CREATE TABLE @extschema@.feedback (
    inference bigint PRIMARY KEY REFERENCES @extschema@.inference ON DELETE CASCADE,
    signal    text NOT NULL,
    corrected text,
    given_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE @extschema@.feedback IS
    'what users made of answers; kept as long as the row of inference';
COMMENT ON COLUMN @extschema@.feedback.signal IS 'accepted, rejected, edited or ignored';
COMMENT ON COLUMN @extschema@.feedback.corrected IS 'the text that the answer was edited to';

CREATE TABLE @extschema@.inference_score (
    inference bigint NOT NULL REFERENCES @extschema@.inference ON DELETE CASCADE,
    metric    text NOT NULL,
    source    text NOT NULL DEFAULT 'user',
    value     double precision NOT NULL,
    given_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (inference, metric, source)
);
COMMENT ON TABLE @extschema@.inference_score IS
    'what answers scored in evaluations; kept as long as the row of inference';
COMMENT ON COLUMN @extschema@.inference_score.source IS 'who or what gave the score: user, a rule, a model';

ALTER TABLE @extschema@.feedback ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.feedback
    USING (EXISTS (SELECT FROM @extschema@.inference i WHERE i.id = feedback.inference));
COMMENT ON POLICY own ON @extschema@.feedback IS 'as the call';
ALTER TABLE @extschema@.inference_score ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.inference_score
    USING (EXISTS (SELECT FROM @extschema@.inference i WHERE i.id = inference_score.inference));
COMMENT ON POLICY own ON @extschema@.inference_score IS 'as the call';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.feedback',
    'WHERE EXISTS (SELECT FROM @extschema@.inference i, pg_catalog.pg_roles r WHERE i.id = inference AND r.oid = i.owner)');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.inference_score',
    'WHERE EXISTS (SELECT FROM @extschema@.inference i, pg_catalog.pg_roles r WHERE i.id = inference AND r.oid = i.owner)');

-- What the worker deletes of the log. A call that somebody gives a score at the
-- moment, or whose score is locked, is left for later.
CREATE FUNCTION @extschema@._prune_calls(max integer) RETURNS bigint
    LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH age (oldest) AS MATERIALIZED (
        SELECT clock_timestamp() - nullif(@extschema@._setting('inference_retention'), '-1')::interval
    ), cascades AS (
        DELETE FROM @extschema@.cascade WHERE started_at < (SELECT oldest FROM age)
    ), old AS MATERIALIZED (
        SELECT i.id FROM @extschema@.inference i WHERE i.started_at < (SELECT oldest FROM age)
        ORDER BY i.started_at LIMIT max FOR UPDATE SKIP LOCKED
    ), told AS MATERIALIZED (
        SELECT f.inference FROM @extschema@.feedback f WHERE f.inference IN (SELECT o.id FROM old o) FOR UPDATE SKIP LOCKED
    ), scored AS MATERIALIZED (
        SELECT s.inference FROM @extschema@.inference_score s WHERE s.inference IN (SELECT o.id FROM old o) FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM @extschema@.inference i WHERE i.id = ANY (ARRAY(SELECT o.id FROM old o
            WHERE (SELECT count(*) FROM @extschema@.feedback f WHERE f.inference = o.id)
                = (SELECT count(*) FROM told f WHERE f.inference = o.id)
            AND (SELECT count(*) FROM @extschema@.inference_score s WHERE s.inference = o.id)
                = (SELECT count(*) FROM scored s WHERE s.inference = o.id)))
        RETURNING 1)
    SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION @extschema@._prune_calls(integer) IS
    'internal: removes some rows of inference that are older than intel.inference_retention, waits for nobody, and counts them';
REVOKE ALL ON FUNCTION @extschema@._prune_calls(integer) FROM PUBLIC;

CREATE FUNCTION @extschema@._feedback_guard() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.signal IS NULL OR NEW.signal NOT IN ('accepted', 'rejected', 'edited', 'ignored') THEN
        RAISE EXCEPTION 'unknown signal of feedback'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Signals are accepted, rejected, edited and ignored.';
    END IF;
    IF NEW.corrected IS NOT NULL AND NEW.signal <> 'edited' THEN
        RAISE EXCEPTION 'only an answer that was edited has a corrected text'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NEW.inference IS NULL OR NEW.given_at IS NULL THEN
        RAISE EXCEPTION 'feedback needs a call and a time' USING ERRCODE = 'not_null_violation';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@._feedback_guard() IS
    'internal: checks feedback before constraints do, whose errors would show its text';
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON @extschema@.feedback
    FOR EACH ROW EXECUTE FUNCTION @extschema@._feedback_guard();

CREATE FUNCTION @extschema@._score_guard() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.metric IS NULL OR NEW.metric !~ '^[A-Za-z0-9_.:/-]{1,63}$'
            OR NEW.source IS NULL OR NEW.source !~ '^[A-Za-z0-9_.:/-]{1,63}$' THEN
        RAISE EXCEPTION 'metric or source of a score is not a name'
            USING ERRCODE = 'invalid_name',
                HINT = 'A name has at most 63 letters, digits, "_", ".", ":", "/" and "-".';
    END IF;
    IF NEW.value IS NULL OR NEW.value IN ('NaN', 'Infinity', '-Infinity') THEN
        RAISE EXCEPTION 'value of a score is not a finite number' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@._score_guard() IS 'internal: checks scores';
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON @extschema@.inference_score
    FOR EACH ROW EXECUTE FUNCTION @extschema@._score_guard();

CREATE FUNCTION @extschema@._check_inference(inference bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM @extschema@.inference i WHERE i.id = _check_inference.inference) THEN
        RAISE EXCEPTION 'inference % does not exist', inference USING ERRCODE = 'undefined_object';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._check_inference(bigint) IS
    'internal: raises unless the caller sees the call';

CREATE FUNCTION @extschema@.give_feedback(inference bigint, signal text, corrected text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._check_inference(give_feedback.inference);
    INSERT INTO @extschema@.feedback AS f (inference, signal, corrected)
        VALUES (give_feedback.inference, give_feedback.signal, give_feedback.corrected)
        ON CONFLICT ON CONSTRAINT feedback_pkey DO UPDATE
            SET signal = EXCLUDED.signal, corrected = EXCLUDED.corrected, given_at = EXCLUDED.given_at;
END
$$;
COMMENT ON FUNCTION @extschema@.give_feedback(bigint, text, text) IS
    'says what became of an answer of the caller: accepted, rejected, edited (to corrected) or ignored; the last word counts';

CREATE FUNCTION @extschema@.give_score(inference bigint, metric text, value double precision,
        source text DEFAULT 'user') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._check_inference(give_score.inference);
    INSERT INTO @extschema@.inference_score AS s (inference, metric, source, value)
        VALUES (give_score.inference, give_score.metric, give_score.source, give_score.value)
        ON CONFLICT ON CONSTRAINT inference_score_pkey DO UPDATE
            SET value = EXCLUDED.value, given_at = EXCLUDED.given_at;
END
$$;
COMMENT ON FUNCTION @extschema@.give_score(bigint, text, double precision, text) IS
    'notes what an answer of the caller scored; a source''s last word counts';

-- ---- views -------------------------------------------------------------------

CREATE VIEW @extschema@.prompt_performance WITH (security_invoker = true, security_barrier = true) AS
    WITH calls AS (
        SELECT i.prompt_id, i.prompt_name, i.prompt_version, count(*) AS calls,
            count(*) FILTER (WHERE i.status IN ('failed', 'cancelled')) AS failed,
            count(*) FILTER (WHERE i.status = 'cached') AS cached,
            sum(i.cost) AS cost, sum(i.input_tokens) AS input_tokens, sum(i.output_tokens) AS output_tokens,
            percentile_disc(0.5) WITHIN GROUP (ORDER BY i.latency_ms)
                FILTER (WHERE i.status = 'succeeded') AS latency_p50_ms,
            percentile_disc(0.95) WITHIN GROUP (ORDER BY i.latency_ms)
                FILTER (WHERE i.status = 'succeeded') AS latency_p95_ms,
            count(f.signal) AS feedback,
            avg((f.signal = 'accepted')::integer) AS accepted, avg((f.signal = 'rejected')::integer) AS rejected,
            avg((f.signal = 'edited')::integer) AS edited, avg((f.signal = 'ignored')::integer) AS ignored,
            min(i.started_at) AS first_call, max(i.started_at) AS last_call
        FROM @extschema@.inference i LEFT JOIN @extschema@.feedback f ON f.inference = i.id
        WHERE i.prompt_id IS NOT NULL
        GROUP BY i.prompt_id, i.prompt_name, i.prompt_version
    ), scores AS (
        SELECT m.prompt_id, jsonb_object_agg(m.metric, m.mean) AS scores
        FROM (SELECT i.prompt_id, s.metric, avg(s.value) AS mean
            FROM @extschema@.inference_score s JOIN @extschema@.inference i ON i.id = s.inference
            WHERE i.prompt_id IS NOT NULL
            GROUP BY i.prompt_id, s.metric) m
        GROUP BY m.prompt_id
    )
    SELECT c.prompt_name AS name, c.prompt_version AS version, p.label, c.prompt_id, c.calls, c.failed, c.cached,
        c.cost, c.input_tokens, c.output_tokens, c.latency_p50_ms, c.latency_p95_ms, c.feedback,
        round(c.accepted, 4) AS accepted, round(c.rejected, 4) AS rejected, round(c.edited, 4) AS edited,
        round(c.ignored, 4) AS ignored, s.scores, c.first_call, c.last_call
    FROM calls c
        LEFT JOIN @extschema@.prompt p ON p.id = c.prompt_id
        LEFT JOIN scores s ON s.prompt_id = c.prompt_id;
COMMENT ON VIEW @extschema@.prompt_performance IS
    'the caller''s calls by version of a prompt: how many, what they cost and took, what users made of the answers (shares of those with feedback), mean scores';
COMMENT ON COLUMN @extschema@.prompt_performance.cost IS 'of the calls whose cost is known';
COMMENT ON COLUMN @extschema@.prompt_performance.scores IS 'mean of each metric';

-- Names as in inference_span.
CREATE VIEW @extschema@.inference_event WITH (security_invoker = true, security_barrier = true) AS
    SELECT i.id, i.trace_id, i.span_id, e.given_at AS time, 'gen_ai.evaluation.result'::text AS name, e.attributes
    FROM (SELECT f.inference, f.given_at, jsonb_build_object('gen_ai.evaluation.name', 'feedback',
                'gen_ai.evaluation.score.label', f.signal) AS attributes
            FROM @extschema@.feedback f
        UNION ALL
        SELECT s.inference, s.given_at, jsonb_build_object('gen_ai.evaluation.name', s.metric,
                'gen_ai.evaluation.score.value', s.value, 'intel.source', s.source)
            FROM @extschema@.inference_score s) e
        JOIN @extschema@.inference_span i ON i.id = e.inference;
COMMENT ON VIEW @extschema@.inference_event IS
    'feedback and scores as events of the spans of inference_span, without the corrected texts';
