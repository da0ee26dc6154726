-- Questions about many texts, most of them answered by a cheap model.
--
-- A cheap model (the proxy) answers every text and says how certain it is; an
-- expensive one (the oracle) is asked where the proxy is not certain enough.
-- What is enough is learned from a random sample that both answer, as in the
-- semantic filters of LOTUS (Patel et al., arXiv 2407.11418), with a guarantee
-- of the kind of SUPG (Kang et al., arXiv 2004.00827): of the N texts of one
-- call, at least the share accuracy has the oracle's answer, with probability
-- confidence, however good or bad the proxy is.
--
-- Why that holds. Let E(t) be how many of the N texts have a certainty above t
-- and an answer that is not the oracle's; E grows as t falls. A threshold is
-- wrong when E(t) > (1 - accuracy) N. Sort the thresholds from strict to lax:
-- there is a first wrong one, and a procedure that goes down this order while
-- no more than k of the sampled texts above t were wrong chooses a wrong one
-- only if it passes this first one. That is one test, whatever the number of
-- thresholds (fixed sequence testing, Angelopoulos et al., arXiv 2110.01052).
-- A sample of n texts finds at most k of at least E0 = floor((1 - accuracy) N)
-- + 1 wrong ones with the probability P(X <= k) of the hypergeometric
-- distribution, exactly; _cascade_allowance gives the largest k for which this
-- is at most 1 - confidence. Sampled texts get the oracle's answer, which only
-- helps. All this needs the oracle's own answers: where another model or the
-- given fallback answers for it in the sample, nothing of the proxy is taken.
--
-- The certainty is the probability that the proxy gave its whole answer, from
-- the logprobs of its tokens, so the proxy's provider must give these. Only
-- its order matters: it need not be calibrated.

CREATE TABLE @extschema@.cascade (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    task text NOT NULL,
    proxy text NOT NULL,
    model text NOT NULL,
    accuracy double precision NOT NULL,
    confidence double precision NOT NULL,
    inputs integer NOT NULL,
    proxy_calls integer NOT NULL,
    proxy_failed integer NOT NULL,
    oracle_calls integer NOT NULL,
    sample integer NOT NULL,
    sample_agreement double precision,
    allowed integer NOT NULL,
    threshold double precision,
    accepted integer NOT NULL,
    owner regrole NOT NULL DEFAULT @extschema@._caller(),
    subject text DEFAULT @extschema@.subject(),
    tenant text DEFAULT @extschema@.tenant()
);
COMMENT ON TABLE @extschema@.cascade IS
    'what classify_each and is_true_each have achieved with a proxy: a row for each call, removed with rows of inference of its age';
COMMENT ON COLUMN @extschema@.cascade.inputs IS 'different texts';
COMMENT ON COLUMN @extschema@.cascade.proxy_failed IS 'texts that the proxy could not answer; the oracle did';
COMMENT ON COLUMN @extschema@.cascade.sample IS 'texts that both were asked about';
COMMENT ON COLUMN @extschema@.cascade.sample_agreement IS
    'share of the sample in which the proxy''s answer was the oracle''s, whatever its certainty';
COMMENT ON COLUMN @extschema@.cascade.allowed IS
    'wrong answers above the threshold that the sample may show; -1: it proves nothing, being too small or in part not answered by model itself';
COMMENT ON COLUMN @extschema@.cascade.threshold IS
    'least certainty with which an answer of the proxy was taken; null: none was';
COMMENT ON COLUMN @extschema@.cascade.oracle_calls IS 'texts that model was asked about, also where its fallback answered';
COMMENT ON COLUMN @extschema@.cascade.accepted IS 'texts that have the proxy''s answer';
CREATE INDEX cascade_owner ON @extschema@.cascade (owner, tenant, subject, id);
CREATE INDEX cascade_started_at ON @extschema@.cascade (started_at);
ALTER TABLE @extschema@.cascade ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.cascade
    USING (owner = (SELECT @extschema@._caller())
        AND subject IS NOT DISTINCT FROM (SELECT @extschema@.subject())
        AND tenant IS NOT DISTINCT FROM (SELECT @extschema@.tenant()));
COMMENT ON POLICY own ON @extschema@.cascade IS
    'rows are seen by the role, subject and tenant whose call it was';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.cascade',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = owner)');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.cascade_id_seq', '');

CREATE FUNCTION @extschema@._cascade_allowance(inputs integer, sample integer,
        accuracy double precision, confidence double precision) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- as decimals: 100 * (1 - 0.95) is 5, and not a little more
    bad integer := floor((1 - accuracy::numeric) * inputs) + 1;
    good integer := inputs - bad;
    left_out integer := inputs - sample;
    k integer := greatest(0, sample - good) - 1;    -- what a sample has more than that
    p double precision;
    total double precision := 0;
BEGIN
    -- the fewest bad ones: all of the sample are good, or all good ones are in the sample
    IF sample <= good THEN
        SELECT exp(coalesce(sum(ln((good - sample + i)::double precision / (left_out + i))), 0)) INTO p
            FROM generate_series(1, sample) i;
    ELSE
        SELECT exp(coalesce(sum(ln((bad - left_out + i)::double precision / (sample + i))), 0)) INTO p
            FROM generate_series(1, left_out) i;
    END IF;
    -- where both are equal, rounding does not decide
    WHILE k < least(sample, bad) AND total + p <= (1 - confidence) * (1 + 1e-9) LOOP
        total := total + p;
        k := k + 1;
        p := p * (bad - k) * (sample - k) / ((k + 1.0::double precision) * (good - sample + k + 1));
    END LOOP;
    RETURN k;
END
$$;
COMMENT ON FUNCTION @extschema@._cascade_allowance(integer, integer, double precision, double precision) IS
    'internal: how many wrong ones a random sample may have while more than a share 1 - accuracy of all inputs would be wrong only with probability 1 - confidence; -1: none is too many';

CREATE FUNCTION @extschema@._cascade_limit(wrong double precision[], allowed integer) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN allowed < 0 THEN 'Infinity'
        ELSE coalesce((SELECT w FROM unnest(wrong) w ORDER BY w DESC OFFSET allowed LIMIT 1), 0) END;
$$;
COMMENT ON FUNCTION @extschema@._cascade_limit(double precision[], integer) IS
    'internal: what a certainty must be above when so many of the sampled wrong answers, whose certainties are given, may be';

CREATE FUNCTION @extschema@._cascade_options(options jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o jsonb := '{"accuracy": 0.95, "confidence": 0.95}' || coalesce(options, '{}');
BEGIN
    IF jsonb_typeof(o) <> 'object' THEN
        RAISE EXCEPTION 'options are not an object' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF jsonb_typeof(o -> 'proxy') <> 'string'
            OR jsonb_typeof(o -> 'accuracy') <> 'number' OR NOT (o ->> 'accuracy')::numeric BETWEEN 0.5 AND 0.9999
            OR jsonb_typeof(o -> 'confidence') <> 'number' OR NOT (o ->> 'confidence')::numeric BETWEEN 0.5 AND 0.9999
            OR jsonb_typeof(o -> 'sample') <> 'number' OR NOT (o ->> 'sample')::numeric BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION 'options of the proxy are not valid'
            USING ERRCODE = 'invalid_parameter_value',
                HINT = '"proxy" is the name of a model, "accuracy" and "confidence" are numbers from 0.5 to 0.9999, "sample" is a number of texts.';
    END IF;
    IF o ? 'proxy' AND (o ? 'stream' OR o ? 'logprobs') THEN
        RAISE EXCEPTION 'options "stream" and "logprobs" do not go with a proxy'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN o;
END
$$;
COMMENT ON FUNCTION @extschema@._cascade_options(jsonb) IS
    'internal: options with the defaults of those that are for a proxy; raises for wrong ones';

CREATE FUNCTION @extschema@._cascade_ask_proxy(request jsonb, proxy text, contents text[]) RETURNS jsonb[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    replies jsonb[] := @extschema@._complete_each(request || jsonb_build_object('model', proxy, 'logprobs', true),
        contents, keep_going => true);
BEGIN
    IF EXISTS (SELECT FROM unnest(replies) r WHERE r ->> 'certainty' IS NULL AND r ->> 'answered_by' = proxy) THEN
        RAISE EXCEPTION 'model "%" does not say how probable its answers are', proxy
            USING ERRCODE = 'feature_not_supported',
                HINT = 'A proxy is a model of a provider of kind openai or azure that gives logprobs.';
    END IF;
    RETURN replies;
END
$$;
COMMENT ON FUNCTION @extschema@._cascade_ask_proxy(jsonb, text, text[]) IS
    'internal: the proxy''s replies with their certainty; null where it could not answer';
REVOKE ALL ON FUNCTION @extschema@._cascade_ask_proxy(jsonb, text, text[]) FROM PUBLIC;

CREATE FUNCTION @extschema@._cascade(task text, contents text[], request jsonb, member text, model text)
    RETURNS TABLE (content text, answer jsonb, certainty double precision, answered_by text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 100000 ROWS 100
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o jsonb := @extschema@._cascade_options(request);
    proxy text := o ->> 'proxy';
    oracle text := coalesce(model, o ->> 'model', @extschema@._setting('default_model'));
    accuracy double precision := o ->> 'accuracy';
    confidence double precision := o ->> 'confidence';
    inputs text[] := ARRAY(SELECT c FROM unnest(contents COLLATE "C") WITH ORDINALITY AS t(c, i) WHERE c IS NOT NULL GROUP BY c ORDER BY min(i));
    n integer := cardinality(inputs);
    report @extschema@.cascade;
    asked integer[];    -- texts, by number
    replies jsonb[];
    reply jsonb;
    answers jsonb[];
    certainties double precision[];
    proxy_names text[];
    by_oracle jsonb[];
    oracle_names text[];    -- who answered in its place, or itself; null: not asked
    is_certified boolean := true;
    wrong double precision[] := '{}';
    agreed integer := 0;
    bound double precision;
    i integer;
BEGIN
    request := (o - '{proxy,accuracy,confidence,sample}'::text[]) || jsonb_build_object('model', oracle);
    report.sample := coalesce((o ->> 'sample')::numeric, greatest(2 * ceil(ln(1 - confidence) / ln(accuracy)), n / 20));
    -- a sample of everything leaves nothing to a proxy
    IF proxy IS NULL OR report.sample >= n THEN
        report.sample := 0;
    END IF;
    report.proxy_calls := CASE WHEN report.sample > 0 THEN n ELSE 0 END;
    report.proxy_failed := 0;
    by_oracle := array_fill(NULL::jsonb, ARRAY[greatest(n, 1)]);
    oracle_names := array_fill(NULL::text, ARRAY[greatest(n, 1)]);

    IF report.proxy_calls > 0 THEN
        replies := @extschema@._cascade_ask_proxy(request, proxy, inputs[1:1]);
        -- one that is of no use has raised by now, and has cost no more
        replies := replies || @extschema@._cascade_ask_proxy(request, proxy, inputs[2:]);
    END IF;
    FOR i IN 1 .. report.proxy_calls LOOP
        reply := replies[i];
        answers[i] := @extschema@._answer_json(reply ->> 'content') -> member;
        certainties[i] := reply -> 'certainty';
        proxy_names[i] := reply ->> 'answered_by';
        report.proxy_failed := report.proxy_failed + (certainties[i] IS NULL)::integer;
    END LOOP;

    -- both answer a random sample
    asked := ARRAY(SELECT s FROM generate_series(1, n) s WHERE report.sample > 0 ORDER BY random() LIMIT report.sample);
    report.oracle_calls := cardinality(asked);
    replies := @extschema@._complete_each(request, ARRAY(SELECT inputs[a] FROM unnest(asked) WITH ORDINALITY AS t(a, k) ORDER BY k));
    FOR k IN 1 .. report.oracle_calls LOOP
        i := asked[k];
        reply := replies[k];
        by_oracle[i] := @extschema@._answer_json(reply ->> 'content') -> member;
        oracle_names[i] := coalesce(reply ->> 'answered_by', 'fallback');
        -- what the oracle would have said is not known where another one answered
        IF reply ->> 'answered_by' IS DISTINCT FROM oracle THEN
            is_certified := false;
        ELSIF by_oracle[i] = answers[i] AND certainties[i] IS NOT NULL THEN
            agreed := agreed + 1;
        ELSIF certainties[i] IS NOT NULL THEN
            wrong := wrong || certainties[i];
        END IF;
    END LOOP;
    report.allowed := CASE WHEN report.sample > 0 AND is_certified
        THEN @extschema@._cascade_allowance(n, report.sample, accuracy, confidence) ELSE -1 END;
    bound := @extschema@._cascade_limit(wrong, report.allowed);

    -- and the oracle what the proxy is not certain of
    asked := ARRAY(SELECT s FROM generate_series(1, n) s
        WHERE oracle_names[s] IS NULL AND (certainties[s] > bound) IS NOT TRUE ORDER BY s);
    report.oracle_calls := report.oracle_calls + cardinality(asked);
    replies := @extschema@._complete_each(request, ARRAY(SELECT inputs[a] FROM unnest(asked) WITH ORDINALITY AS t(a, k) ORDER BY k));
    FOR k IN 1 .. cardinality(asked) LOOP
        by_oracle[asked[k]] := @extschema@._answer_json(replies[k] ->> 'content') -> member;
        oracle_names[asked[k]] := coalesce(replies[k] ->> 'answered_by', 'fallback');
    END LOOP;

    report.accepted := 0;
    FOR i IN 1 .. n LOOP
        content := inputs[i];
        certainty := certainties[i];
        answer := by_oracle[i];
        answered_by := oracle_names[i];
        IF answered_by IS NULL THEN
            answer := answers[i];
            answered_by := proxy_names[i];
            report.accepted := report.accepted + 1;
            report.threshold := least(report.threshold, certainty);
        END IF;
        RETURN NEXT;
    END LOOP;

    IF proxy IS NOT NULL AND current_setting('transaction_read_only') = 'off' THEN
        INSERT INTO @extschema@.cascade (task, proxy, model, accuracy, confidence, inputs, proxy_calls, proxy_failed,
                oracle_calls, sample, sample_agreement, allowed, threshold, accepted)
            VALUES (task, proxy, oracle, accuracy, confidence, n, report.proxy_calls, report.proxy_failed,
                report.oracle_calls, report.sample, agreed::double precision / nullif(report.sample, 0),
                report.allowed, report.threshold, report.accepted);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._cascade(text, text[], jsonb, text, text) IS
    'internal: an answer to each different text, by a proxy where that is enough for the stated accuracy';
REVOKE ALL ON FUNCTION @extschema@._cascade(text, text[], jsonb, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.classify_each(contents text[], labels text[], model text DEFAULT NULL,
        options jsonb DEFAULT '{}')
    RETURNS TABLE (content text, label text, certainty double precision, answered_by text)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000 ROWS 100
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.content, c.answer #>> '{}', c.certainty, c.answered_by
    FROM @extschema@._classify_request(labels, options) AS r (request),
        @extschema@._cascade('classify', contents, r.request, 'label', model) c
    WHERE r.request IS NOT NULL;
$$;
COMMENT ON FUNCTION @extschema@.classify_each(text[], text[], text, jsonb) IS
    'the one of labels that fits each different text best; with the option proxy a cheaper model answers where that keeps the stated accuracy';
REVOKE ALL ON FUNCTION @extschema@.classify_each(text[], text[], text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.is_true_each(statement text, contents text[], model text DEFAULT NULL,
        options jsonb DEFAULT '{}')
    RETURNS TABLE (content text, answer boolean, certainty double precision, answered_by text)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000 ROWS 100
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.content, nullif(c.answer, 'null')::boolean, c.certainty, c.answered_by
    FROM @extschema@._is_true_request(statement, options) AS r (request),
        @extschema@._cascade('is_true', contents, r.request, 'answer', model) c
    WHERE r.request IS NOT NULL;
$$;
COMMENT ON FUNCTION @extschema@.is_true_each(text, text[], text, jsonb) IS
    'whether a statement is true of each different text; with the option proxy a cheaper model answers where that keeps the stated accuracy';
REVOKE ALL ON FUNCTION @extschema@.is_true_each(text, text[], text, jsonb) FROM PUBLIC;
