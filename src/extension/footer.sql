-- ---- access -------------------------------------------------------------
-- Functions that send or cost are revoked from PUBLIC; these two give them to
-- a role and take them back. One list for both, in schema-less signatures.

CREATE FUNCTION @extschema@._sending_functions() RETURNS SETOF regprocedure
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT p.oid::regprocedure
          FROM pg_proc p
         WHERE p.pronamespace = '@extschema@'::regnamespace
           AND p.proname IN (
               '_index_condition', 'abandon_enrichment_model', 'backfill_enrichment', 'change_enrichment_model', 'embed_query',
               'enrichment_model_indexes', 'finish_enrichment_model',
               '_answer_each', '_call', '_call_memo', '_cascade', '_cascade_ask_proxy', '_complete_each', '_complete_memo', '_enrich_changed', '_enrich_inserted', '_enrich_queue', '_embed', '_embed_batch', '_job', '_job_wait', '_notify', '_rerank_limit', '_stream', '_stream_chat', 'ask',
               'cancel', 'chat', 'classify', 'classify_each', 'complete', 'complete_prompt', 'create_enrichment', 'delete_job', 'drop_enrichment', 'embed', 'extract', 'extract_each', 'is_true', 'is_true_each',
               'last_inference', 'pause_enrichment', 'purge_jobs', 'rerank', 'resume_enrichment', 'resume_jobs', 'retry', 'retry_enrichment', 'run_jobs', 'run_task', 'search', 'stream',
               'stream_chat', 'submit', 'submit_ask', 'submit_each', 'summarize', 'summarize_each', 'translate', 'translate_each', 'wait'
           )
         ORDER BY p.proname, p.oid
    $$;
COMMENT ON FUNCTION @extschema@._sending_functions() IS
    'internal: functions that grant_access opens to a role';
REVOKE ALL ON FUNCTION @extschema@._sending_functions() FROM PUBLIC;

CREATE FUNCTION @extschema@._check_grantee(role regrole) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = role) THEN
            RAISE undefined_object USING MESSAGE = format('role "%s" does not exist', role);
        END IF;
    END
    $$;
COMMENT ON FUNCTION @extschema@._check_grantee(regrole) IS
    'internal: raises unless there is such a role; "-" and the number of a dropped one are not';
REVOKE ALL ON FUNCTION @extschema@._check_grantee(regrole) FROM PUBLIC;

CREATE FUNCTION @extschema@.grant_access(role regrole) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE STRICT
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        f regprocedure;
    BEGIN
        PERFORM @extschema@._check_grantee(role), @extschema@._prune_grants();
        FOR f IN SELECT @extschema@._sending_functions() LOOP
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', f, role);
        END LOOP;
        -- their own rows, by policy; what they may change, by trigger
        -- of columns, since a privilege to write a whole table lets a role LOCK it, and stop everybody's jobs
        EXECUTE format('GRANT SELECT,
            INSERT (task, request, priority, max_attempts, next_attempt_at, needs, run_anyway,
                expires_at, retention),
            UPDATE (status, attempts, next_attempt_at, started_at, finished_at, failed_at, error_code, error_message,
                result, model, input_tokens, output_tokens, latency_ms, lease_pid, lease_start, lease_until,
                ready, waiting, held_by, purge_at)
            ON @extschema@.job_queue TO %s', role);
        EXECUTE format('GRANT SELECT, INSERT (job, seq, content), UPDATE (at) ON @extschema@.job_part TO %s', role);
        -- not the owner, as whom its jobs run: policies do not bind every role
        EXECUTE format('GRANT SELECT,
            INSERT (name, source, key, inputs, target, kind, instruction, options, version, replaces),
            UPDATE (name, target, paused, replaces)
            ON @extschema@.enrichment TO %s', role);
        EXECUTE format('GRANT SELECT, INSERT (enrichment, source_key, job, pending), UPDATE (job, pending, done_hash, done_at)
            ON @extschema@.enrichment_row TO %s', role);
        EXECUTE format('GRANT SELECT ON @extschema@.enrichment_status, @extschema@.enrichment_error,
            @extschema@._enrich_job TO %s', role);
        EXECUTE format('GRANT SELECT ON @extschema@.job, @extschema@.dead_letter, @extschema@.inference,
            @extschema@.inference_span, @extschema@.prompt_performance,
            @extschema@.inference_event TO %s', role);
        EXECUTE format('GRANT SELECT, INSERT (inference, signal, corrected), UPDATE (signal, corrected, given_at)
            ON @extschema@.feedback TO %s', role);
        EXECUTE format('GRANT SELECT, INSERT (inference, metric, source, value), UPDATE (value, given_at)
            ON @extschema@.inference_score TO %s', role);
        EXECUTE format('GRANT SELECT, INSERT (task, proxy, model, accuracy, confidence, inputs, proxy_calls, proxy_failed,
                oracle_calls, sample, sample_agreement, allowed, threshold, accepted)
            ON @extschema@.cascade TO %s', role);
    END
    $$;
COMMENT ON FUNCTION @extschema@.grant_access(regrole) IS
    'lets a role call models (those granted in model_grant); for the owner of the extension';
REVOKE ALL ON FUNCTION @extschema@.grant_access(regrole) FROM PUBLIC;

CREATE FUNCTION @extschema@.revoke_access(role regrole) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE STRICT
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        f regprocedure;
    BEGIN
        PERFORM @extschema@._check_grantee(role), @extschema@._prune_grants();
        FOR f IN SELECT @extschema@._sending_functions() LOOP
            EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM %s', f, role);
        END LOOP;
        EXECUTE format('REVOKE ALL ON @extschema@.job_part, @extschema@.enrichment, @extschema@.enrichment_row,
            @extschema@.enrichment_status, @extschema@.enrichment_error, @extschema@._enrich_job FROM %s', role);
        EXECUTE format('REVOKE ALL ON @extschema@.job_queue, @extschema@.job, @extschema@.dead_letter, @extschema@.inference,
            @extschema@.inference_span, @extschema@.prompt_performance, @extschema@.inference_event,
            @extschema@.feedback, @extschema@.inference_score, @extschema@.cascade FROM %s', role);
    END
    $$;
COMMENT ON FUNCTION @extschema@.revoke_access(regrole) IS
    'takes back what grant_access gave';
REVOKE ALL ON FUNCTION @extschema@.revoke_access(regrole) FROM PUBLIC;

-- ---- the schema -------------------------------------------------------------
-- What the library and functions run names the schema: workers do as a
-- superuser. Under another name it would leave its old one to whoever may
-- create a schema, and his functions would be called.

CREATE FUNCTION @extschema@._schema_guard() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF EXISTS (SELECT FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                WHERE e.extname = 'intel' AND n.nspname <> '@extschema@') THEN
            RAISE feature_not_supported USING MESSAGE = 'schema "@extschema@" cannot be renamed',
                DETAIL = 'The functions of extension "intel" name it.',
                HINT = 'DROP EXTENSION removes it.';
        END IF;
    END
    $$;
COMMENT ON FUNCTION @extschema@._schema_guard() IS
    'internal: event trigger that keeps the schema of the extension from being renamed';
REVOKE ALL ON FUNCTION @extschema@._schema_guard() FROM PUBLIC;
CREATE EVENT TRIGGER intel_schema ON ddl_command_end WHEN TAG IN ('ALTER SCHEMA')
    EXECUTE FUNCTION @extschema@._schema_guard();
COMMENT ON EVENT TRIGGER intel_schema IS 'keeps the schema of extension intel from being renamed';

-- A library of another version than this script (an upgrade without restart,
-- a half-copied package) is reported at once, not at the first odd result.
DO $$
BEGIN
    IF @extschema@.version() <> '@EXTVERSION@' THEN
        RAISE EXCEPTION 'library of intel has version %, but the SQL script has version %',
            @extschema@.version(), '@EXTVERSION@'
            USING HINT = 'Restart the server after installing a new version of intel.';
    END IF;
END
$$;
