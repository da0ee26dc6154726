-- The log of calls to models. llm_log.c writes it, by column number.

CREATE TABLE @extschema@.inference (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL,
    task text NOT NULL,
    model text NOT NULL,
    provider text NOT NULL,
    status text NOT NULL,
    error_code text,
    http_status integer,
    input_tokens bigint,
    cached_tokens bigint,
    cache_write_tokens bigint,
    output_tokens bigint,
    reasoning_tokens bigint,
    cost numeric,
    latency_ms bigint,
    first_token_ms bigint,
    request_id text,
    traceparent text,
    job bigint,
    feature text,
    prompt_id bigint,
    prompt_name text,
    prompt_version integer,
    owner regrole NOT NULL DEFAULT @extschema@._caller(),
    subject text DEFAULT @extschema@.subject(),
    tenant text DEFAULT @extschema@.tenant()
);
COMMENT ON TABLE @extschema@.inference IS
    'every attempt to call a model: names, counts and codes, nothing that users or models wrote';
COMMENT ON COLUMN @extschema@.inference.status IS
    'succeeded, failed or cancelled; cached: nothing was sent';
COMMENT ON COLUMN @extschema@.inference.error_code IS
    'SQLSTATE of the failure';
COMMENT ON COLUMN @extschema@.inference.input_tokens IS
    'tokens of the request, those of the provider''s cache included; null: not reported';
COMMENT ON COLUMN @extschema@.inference.output_tokens IS
    'tokens of the answer, reasoning included; null: not reported';
COMMENT ON COLUMN @extschema@.inference.cost IS
    'by the prices of intel.model when it was made; null: a price or a count is not known';
COMMENT ON COLUMN @extschema@.inference.first_token_ms IS
    'time to the first text of a streamed answer';
COMMENT ON COLUMN @extschema@.inference.request_id IS
    'the provider''s name of the request, for its support';
COMMENT ON COLUMN @extschema@.inference.traceparent IS
    'intel.traceparent of the session that called or submitted';
COMMENT ON COLUMN @extschema@.inference.job IS
    'the job that the call was made for; null: a call that was waited for';
COMMENT ON COLUMN @extschema@.inference.prompt_id IS
    'id in intel.prompt of the version that the request named and whose text was sent; it stays when the prompt is dropped';

CREATE INDEX inference_started_at ON @extschema@.inference (started_at);
CREATE INDEX inference_owner ON @extschema@.inference (owner, tenant, subject, id);
CREATE INDEX inference_job ON @extschema@.inference (job) WHERE job IS NOT NULL;
CREATE INDEX inference_prompt ON @extschema@.inference (prompt_id) WHERE prompt_id IS NOT NULL;

ALTER TABLE @extschema@.inference ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.inference
    USING (owner = (SELECT @extschema@._caller())
        AND subject IS NOT DISTINCT FROM (SELECT @extschema@.subject())
        AND tenant IS NOT DISTINCT FROM (SELECT @extschema@.tenant()));
COMMENT ON POLICY own ON @extschema@.inference IS
    'calls are seen by the role, subject and tenant that they were made for';

-- Names of the GenAI conventions of OpenTelemetry, semantic conventions 1.41.
CREATE VIEW @extschema@.inference_span WITH (security_invoker = true, security_barrier = true) AS
    SELECT i.id,
        coalesce(substr(i.traceparent, 4, 32), lpad(to_hex(i.id), 32, '0')) AS trace_id,
        lpad(to_hex(i.id), 16, '0') AS span_id,
        substr(i.traceparent, 37, 16) AS parent_span_id,
        o.name || ' ' || coalesce(m.model_id, i.model) AS name,
        'CLIENT'::text AS kind,
        i.started_at AS start_time,
        i.started_at + coalesce(i.latency_ms, 0) * interval '1 ms' AS end_time,
        CASE WHEN i.status IN ('failed', 'cancelled') THEN 'ERROR' ELSE 'UNSET' END AS status,
        jsonb_strip_nulls(jsonb_build_object(
            'gen_ai.operation.name', o.name,
            'gen_ai.provider.name', CASE
                WHEN p.kind IN ('openai', 'responses') AND p.base_url IS NULL THEN 'openai'
                WHEN p.kind = 'azure' THEN 'azure.ai.openai'
                WHEN p.kind = 'anthropic' THEN 'anthropic'
                WHEN p.kind = 'gemini' THEN 'gcp.gemini'
                WHEN p.kind = 'ollama' THEN 'ollama'
                ELSE i.provider END,
            'gen_ai.request.model', coalesce(m.model_id, i.model),
            'gen_ai.response.time_to_first_chunk', i.first_token_ms / 1000.0,
            'gen_ai.usage.input_tokens', i.input_tokens,
            'gen_ai.usage.output_tokens', i.output_tokens,
            'gen_ai.usage.cache_read.input_tokens', i.cached_tokens,
            'gen_ai.usage.cache_creation.input_tokens', i.cache_write_tokens,
            'gen_ai.usage.reasoning.output_tokens', i.reasoning_tokens,
            'gen_ai.prompt.name', i.prompt_name,
            'http.response.status_code', i.http_status,
            'error.type', i.error_code,
            'intel.model', i.model, 'intel.provider', i.provider, 'intel.task', i.task,
            'intel.status', i.status, 'intel.cost', i.cost, 'intel.feature', i.feature,
            'intel.prompt_version', i.prompt_version, 'intel.job', i.job, 'intel.request_id', i.request_id)) AS attributes
    FROM @extschema@.inference i
    CROSS JOIN LATERAL (SELECT CASE i.task WHEN 'complete' THEN 'chat' WHEN 'embed' THEN 'embeddings'
        ELSE i.task END) AS o (name)
    LEFT JOIN @extschema@.model m ON m.name = i.model
    LEFT JOIN @extschema@.provider p ON p.name = i.provider;
COMMENT ON VIEW @extschema@.inference_span IS
    'calls of the caller as spans with the attributes of OpenTelemetry''s GenAI conventions, for an exporter';

CREATE FUNCTION @extschema@.inference_lost() RETURNS bigint
    AS 'MODULE_PATHNAME', 'intel_inference_lost'
    LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.inference_lost() IS
    'rows of inference that could not be kept since the server started: no worker came for them, or they could not be written';
REVOKE ALL ON FUNCTION @extschema@.inference_lost() FROM PUBLIC;

CREATE FUNCTION @extschema@.last_inference() RETURNS bigint
    AS 'MODULE_PATHNAME', 'intel_last_inference'
    LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.last_inference() IS
    'id of the last row of inference that this session has written for a call it waited for, if that is the caller''s, or null';
REVOKE ALL ON FUNCTION @extschema@.last_inference() FROM PUBLIC;

CREATE FUNCTION @extschema@.prune_inference(older_than interval DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        present timestamptz := clock_timestamp();
        oldest timestamptz := present - coalesce(older_than,
            nullif(@extschema@._setting('inference_retention'), '-1')::interval);
        removed bigint;
    BEGIN
        IF oldest > present THEN
            RAISE EXCEPTION 'age of rows to remove is negative' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        DELETE FROM @extschema@.cascade WHERE started_at < oldest;
        DELETE FROM @extschema@.inference WHERE started_at < oldest;
        GET DIAGNOSTICS removed = ROW_COUNT;
        RETURN removed;
    END
    $$;
COMMENT ON FUNCTION @extschema@.prune_inference(interval) IS
    'removes rows of inference, and of cascade, that are older, by default than intel.inference_retention, and counts those of inference';
REVOKE ALL ON FUNCTION @extschema@.prune_inference(interval) FROM PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.inference',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = owner)');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.inference_id_seq', '');
