-- Jobs: work that is done in the background, by the worker of the database or
-- by CALL run_jobs(), as the role and with the claims of whoever queued it.

-- What can be queued. A task is either one model call, or a step function that
-- is called between model calls until it returns a result (see README).
CREATE TABLE @extschema@.task (
    name text PRIMARY KEY,
    call text CHECK (call IN ('complete', 'chat', 'embed', 'rerank')),
    step text,
    description text NOT NULL,
    CHECK ((call IS NULL) <> (step IS NULL))
);
COMMENT ON TABLE @extschema@.task IS 'kinds of job that submit() takes';
COMMENT ON COLUMN @extschema@.task.call IS 'the one model call that the task is';
COMMENT ON COLUMN @extschema@.task.step IS
    'function that leads the task from call to call, with its schema and argument types (pg_upgrade bars regprocedure)';
GRANT SELECT ON @extschema@.task TO PUBLIC;

INSERT INTO @extschema@.task (name, call, description) VALUES
    ('complete', 'complete', 'answer one prompt: {"prompt": text, "model": name, ...}'),
    ('chat', 'chat', 'continue a conversation: {"messages": [{"role", "content"}], "model": name, ...}'),
    ('embed', 'embed', 'embed texts: {"contents": [text], "model": name}'),
    ('rerank', 'rerank', 'rank documents for a query: {"query": text, "documents": [text], "model": name}');

CREATE TABLE @extschema@.job_queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task text NOT NULL REFERENCES @extschema@.task,
    request jsonb NOT NULL CHECK (jsonb_typeof(request) = 'object'),
    status text NOT NULL DEFAULT 'queued' CHECK (status IN
        ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'dead')),
    priority smallint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 5 CHECK (max_attempts BETWEEN 1 AND 100),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    failed_at timestamptz,
    error_code text,
    error_message text,
    result jsonb,
    model text,
    input_tokens bigint,
    output_tokens bigint,
    latency_ms bigint,
    lease_pid integer,
    lease_start timestamptz,
    lease_until timestamptz,
    ready boolean NOT NULL DEFAULT false,
    waiting boolean NOT NULL DEFAULT false,
    held_by text,
    needs bigint[] CHECK (cardinality(needs) BETWEEN 1 AND 1000),
    run_anyway boolean NOT NULL DEFAULT false,
    expires_at timestamptz,
    retention interval CHECK (retention >= '0'),
    purge_at timestamptz,
    owner regrole NOT NULL DEFAULT @extschema@._caller(),
    subject text DEFAULT @extschema@.subject(),
    tenant text DEFAULT @extschema@.tenant(),
    claims text DEFAULT nullif(current_setting('request.jwt.claims', true), ''),
    feature text DEFAULT nullif(current_setting('intel.feature', true), ''),
    traceparent text DEFAULT nullif(current_setting('intel.traceparent', true), ''),
    database oid NOT NULL DEFAULT 0,
    -- worker_claim.c computes the same for a caller
    lane bigint GENERATED ALWAYS AS (hashtextextended(coalesce('tenant ' || tenant,
        'user ' || subject, 'role ' || owner::oid), 0)) STORED,
    CHECK ((status = 'running') = (lease_until IS NOT NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
COMMENT ON TABLE @extschema@.job_queue IS 'every job, from submit() to its result; the view job is the face of it';
COMMENT ON COLUMN @extschema@.job_queue.failed_at IS 'when the last attempt failed; null again after a success';
COMMENT ON COLUMN @extschema@.job_queue.lease_until IS 'until then the process that runs the job is waited for';
COMMENT ON COLUMN @extschema@.job_queue.feature IS 'intel.feature of the submitter; limits, budgets and the log of calls name it';
COMMENT ON COLUMN @extschema@.job_queue.ready IS 'queued, and nothing but its turn is waited for';
COMMENT ON COLUMN @extschema@.job_queue.waiting IS 'queued, and waits for a job in needs to end';
COMMENT ON COLUMN @extschema@.job_queue.held_by IS 'queued, and refused by this model, provider, limit or budget; next_attempt_at is the earliest time of another try. restored: it came from a dump or with a copy of its database, see resume_jobs()';
COMMENT ON COLUMN @extschema@.job_queue.needs IS 'jobs that must have ended before this one runs';
COMMENT ON COLUMN @extschema@.job_queue.run_anyway IS 'run also when a job in needs did not succeed';
COMMENT ON COLUMN @extschema@.job_queue.expires_at IS 'a job that is still queued then fails';
COMMENT ON COLUMN @extschema@.job_queue.retention IS 'how long the job is kept after its end; null: intel.job_retention, and failures for ever';
COMMENT ON COLUMN @extschema@.job_queue.purge_at IS 'when the job may be deleted; null: never';
COMMENT ON COLUMN @extschema@.job_queue.database IS 'where it was queued; not this one in a copy of a database, until the first claim there';
COMMENT ON COLUMN @extschema@.job_queue.lane IS 'lanes take turns: a tenant, else a user, else a role';
COMMENT ON COLUMN @extschema@.job_queue.claims IS 'request.jwt.claims of the submitter, in force again when the job runs';

-- the turns; what is next to become ready; what was refused, waits, expires, ends
CREATE INDEX job_queue_ready ON @extschema@.job_queue (lane, priority DESC, next_attempt_at, id)
    WHERE status = 'queued' AND ready;
CREATE INDEX job_queue_next ON @extschema@.job_queue (next_attempt_at)
    WHERE status = 'queued' AND NOT ready AND NOT waiting AND held_by IS NULL;
CREATE INDEX job_queue_held ON @extschema@.job_queue (held_by, lane, priority DESC, id)
    WHERE status = 'queued' AND NOT ready AND NOT waiting AND held_by IS NOT NULL;
CREATE INDEX job_queue_waiting ON @extschema@.job_queue (id)
    WHERE status = 'queued' AND NOT ready AND waiting;
CREATE INDEX job_queue_needs ON @extschema@.job_queue USING gin (needs)
    WITH (fastupdate = off) WHERE status = 'queued' AND NOT ready;
CREATE INDEX job_queue_expires ON @extschema@.job_queue (expires_at)
    WHERE status = 'queued' AND expires_at IS NOT NULL;
CREATE INDEX job_queue_leased ON @extschema@.job_queue (lease_until) WHERE status = 'running';
CREATE INDEX job_queue_purge ON @extschema@.job_queue (purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX job_queue_dead ON @extschema@.job_queue (failed_at) WHERE status IN ('failed', 'dead');
CREATE INDEX job_queue_owner ON @extschema@.job_queue (owner, tenant, subject, id);

ALTER TABLE @extschema@.job_queue ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.job_queue
    USING (owner = (SELECT @extschema@._caller())
        AND subject IS NOT DISTINCT FROM (SELECT @extschema@.subject())
        AND tenant IS NOT DISTINCT FROM (SELECT @extschema@.tenant()));
COMMENT ON POLICY own ON @extschema@.job_queue IS
    'jobs are seen and changed by the role, subject and tenant that queued them';

CREATE FUNCTION @extschema@._notify(channel text, payload text) RETURNS void
    AS 'MODULE_PATHNAME', 'intel__notify'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@._notify(text, text) IS
    'internal: as pg_notify(), unless the server''s queue of notifications is about to be full';
REVOKE EXECUTE ON FUNCTION @extschema@._notify(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@._job_guard() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel_job_guard'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._job_guard() IS
    'checks new jobs, and lets owners cancel and retry theirs and nothing else';
REVOKE EXECUTE ON FUNCTION @extschema@._job_guard() FROM PUBLIC;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON @extschema@.job_queue
    FOR EACH ROW EXECUTE FUNCTION @extschema@._job_guard();

CREATE FUNCTION @extschema@._job_wake() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel_job_wake'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._job_wake() IS
    'wakes the worker of this database when the transaction commits';
REVOKE EXECUTE ON FUNCTION @extschema@._job_wake() FROM PUBLIC;
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON @extschema@.job_queue
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._job_wake();

-- triggers of enrichments queue jobs for rows that a subscription applies, too
ALTER TABLE @extschema@.job_queue ENABLE ALWAYS TRIGGER guard;
ALTER TABLE @extschema@.job_queue ENABLE ALWAYS TRIGGER wake;

CREATE FUNCTION @extschema@._job_catalog_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel__job_catalog_changed'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._job_catalog_changed() IS
    'internal: jobs that were refused try again at commit, since what refused them may have changed';
REVOKE EXECUTE ON FUNCTION @extschema@._job_catalog_changed() FROM PUBLIC;
CREATE TRIGGER wake_jobs AFTER UPDATE ON @extschema@.provider
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._job_catalog_changed();
CREATE TRIGGER wake_jobs AFTER UPDATE ON @extschema@.model
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._job_catalog_changed();
CREATE TRIGGER wake_jobs AFTER UPDATE OR DELETE OR TRUNCATE ON @extschema@.rate_limit
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._job_catalog_changed();
CREATE TRIGGER wake_jobs AFTER UPDATE OR DELETE OR TRUNCATE ON @extschema@.budget
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._job_catalog_changed();

CREATE TABLE @extschema@._home (database oid NOT NULL);
COMMENT ON TABLE @extschema@._home IS
    'internal: the database that the queue belongs to; not the one that it is in where that is a copy';
INSERT INTO @extschema@._home SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database();

CREATE VIEW @extschema@.job WITH (security_invoker = true, security_barrier = true) AS
    SELECT id, task, status, attempts, max_attempts, priority, next_attempt_at,
        created_at, started_at, finished_at, failed_at, error_code, error_message,
        result, model, input_tokens, output_tokens, latency_ms, owner, subject, tenant,
        needs, waiting, expires_at, purge_at
    FROM @extschema@.job_queue;
COMMENT ON VIEW @extschema@.job IS 'jobs of the caller, with what became of them';

CREATE VIEW @extschema@.dead_letter WITH (security_invoker = true, security_barrier = true) AS
    SELECT id, task, request, status, attempts, created_at, failed_at, error_code,
        error_message, owner, subject, tenant
    FROM @extschema@.job_queue WHERE status IN ('failed', 'dead');
COMMENT ON VIEW @extschema@.dead_letter IS
    'jobs of the caller that were given up, with their requests; retry() queues one again';

CREATE TABLE @extschema@.job_part (
    job bigint NOT NULL REFERENCES @extschema@.job_queue ON DELETE CASCADE,
    seq integer NOT NULL,
    content text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job, seq)
);
COMMENT ON TABLE @extschema@.job_part IS
    'answers of jobs with "stream": true, in the parts in which they arrived';
ALTER TABLE @extschema@.job_part ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.job_part
    USING (EXISTS (SELECT FROM @extschema@.job_queue q WHERE q.id = job));
COMMENT ON POLICY own ON @extschema@.job_part IS 'as the job';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.job_part',
    'WHERE EXISTS (SELECT FROM @extschema@.job_queue q, pg_catalog.pg_roles r WHERE q.id = job AND r.oid = q.owner)');

CREATE TABLE @extschema@.tenant_weight (
    tenant text PRIMARY KEY,
    weight integer NOT NULL CHECK (weight BETWEEN 1 AND 1000),
    lane bigint GENERATED ALWAYS AS (hashtextextended('tenant ' || tenant, 0)) STORED UNIQUE
);
COMMENT ON TABLE @extschema@.tenant_weight IS
    'how many jobs a tenant gets when its turn has come; 1 where there is no row';
ALTER TABLE @extschema@.tenant_weight ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.tenant_weight FOR SELECT
    USING (tenant = (SELECT @extschema@.tenant()));
COMMENT ON POLICY own ON @extschema@.tenant_weight IS 'a tenant sees its own weight';
GRANT SELECT ON @extschema@.tenant_weight TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.tenant_weight', '');

CREATE FUNCTION @extschema@.submit(task text, request jsonb, options jsonb DEFAULT '{}') RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
    unknown text;
    missing bigint;
    run_at timestamptz := now();
    expires_at timestamptz;
    retention interval;
    needs bigint[];
    model text := request ->> 'model';
BEGIN
    IF num_nulls(task, request) > 0 THEN
        RETURN NULL;
    END IF;
    options := coalesce(options, '{}');
    IF NOT EXISTS (SELECT FROM @extschema@.task t WHERE t.name = submit.task) THEN
        RAISE EXCEPTION '%', @extschema@._does_not_exist('task', task)
            USING ERRCODE = 'undefined_object', HINT = 'SELECT name, description FROM intel.task lists the tasks.';
    END IF;
    IF jsonb_typeof(options) <> 'object' THEN
        RAISE EXCEPTION 'options of a job must be a JSON object'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF jsonb_typeof(request -> 'model') NOT IN ('string', 'null') THEN
        RAISE EXCEPTION 'model of a request must be a text' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- the gate asks again when the job runs; this spares a wait for a typing error
    IF model IS NOT NULL AND NOT EXISTS (SELECT FROM @extschema@.model m WHERE m.name = model) THEN
        RAISE EXCEPTION '%', @extschema@._does_not_exist('model', model)
            USING ERRCODE = 'undefined_object', HINT = 'SELECT name, provider, task FROM intel.model lists the models.';
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys(options) k
        WHERE k NOT IN ('priority', 'max_attempts', 'run_at', 'after', 'after_failure',
            'expires_at', 'retention') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'unknown option in the options of a job'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Options are priority, max_attempts, run_at, after, after_failure, expires_at and retention.';
    END IF;
    IF options ?| '{run_at,expires_at,retention}' THEN
        BEGIN
            run_at := coalesce((options ->> 'run_at')::timestamptz, run_at);
            expires_at := options ->> 'expires_at';
            retention := options ->> 'retention';
        EXCEPTION
            WHEN data_exception THEN
                RAISE EXCEPTION 'options "run_at" and "expires_at" of a job must be times, and "retention" an interval'
                    USING ERRCODE = 'invalid_parameter_value';
        END;
    END IF;
    IF options ->> 'after' IS NOT NULL THEN
        IF EXISTS (SELECT FROM jsonb_path_query(options, '$.after[*]') j WHERE j #>> '{}' ~ '^-?[0-9]{1,18}$' IS NOT TRUE) THEN
            RAISE EXCEPTION 'option "after" of a job must be a job or an array of jobs'
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        SELECT nullif(array_agg(DISTINCT (j #>> '{}')::bigint), '{}') INTO needs FROM jsonb_path_query(options, '$.after[*]') j;
        SELECT n INTO missing FROM unnest(needs) n
            WHERE NOT EXISTS (SELECT FROM @extschema@.job_queue q WHERE q.id = n) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'job % does not exist', missing USING ERRCODE = 'undefined_object';
        END IF;
    END IF;
    IF coalesce(options ->> 'after_failure', 'fail') NOT IN ('fail', 'run') THEN
        RAISE EXCEPTION 'option "after_failure" of a job must be fail or run'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM @extschema@.task t WHERE t.name = submit.task AND t.call IN ('complete', 'chat')) THEN
        request := @extschema@._prompt_pin(request);
    END IF;
    INSERT INTO @extschema@.job_queue (task, request, priority, max_attempts, next_attempt_at,
            needs, run_anyway, expires_at, retention)
        VALUES (task, request, coalesce(@extschema@._integer_option(options, 'priority', -32768, 32767, 'a job'), 0),
            coalesce(@extschema@._integer_option(options, 'max_attempts', 1, 100, 'a job'), 5), run_at, needs,
            coalesce(options ->> 'after_failure', '') = 'run', expires_at, retention)
        RETURNING job_queue.id INTO id;
    RETURN id;
END
$$;
COMMENT ON FUNCTION @extschema@.submit(text, jsonb, jsonb) IS
    'queue a job; it starts when the transaction has committed';
REVOKE EXECUTE ON FUNCTION @extschema@.submit(text, jsonb, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.submit_each(task text, requests jsonb[], options jsonb DEFAULT '{}')
    RETURNS TABLE (request jsonb, job bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR request IN SELECT DISTINCT r FROM unnest(requests) r WHERE task IS NOT NULL LOOP
        job := @extschema@.submit(submit_each.task, request, options);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.submit_each(text, jsonb[], jsonb) IS
    'queue a job for every different request; returns the requests with their jobs';
REVOKE EXECUTE ON FUNCTION @extschema@.submit_each(text, jsonb[], jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@._job_wait(job bigint, timeout_ms bigint) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_job_wait'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._job_wait(bigint, bigint) IS
    'wait until a job has ended; false when the time was over first';
REVOKE EXECUTE ON FUNCTION @extschema@._job_wait(bigint, bigint) FROM PUBLIC;

CREATE FUNCTION @extschema@.wait(job bigint, timeout interval DEFAULT '30 s') RETURNS @extschema@.job
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended @extschema@.job;
BEGIN
    PERFORM @extschema@._job_wait(job, (extract(epoch FROM timeout) * 1000)::bigint);
    SELECT * INTO ended FROM @extschema@.job j WHERE j.id = wait.job;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION @extschema@.wait(bigint, interval) IS
    'wait until a job has ended and return it; after the timeout, as it is then';
REVOKE EXECUTE ON FUNCTION @extschema@.wait(bigint, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.cancel(job bigint) RETURNS boolean
    LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH cancelled AS (
        UPDATE @extschema@.job_queue SET status = 'cancelled'
        WHERE id = job AND status IN ('queued', 'running') RETURNING 1)
    SELECT EXISTS (SELECT FROM cancelled);
$$;
COMMENT ON FUNCTION @extschema@.cancel(bigint) IS
    'cancel a job that is queued or running; false when there is no such job';
REVOKE EXECUTE ON FUNCTION @extschema@.cancel(bigint) FROM PUBLIC;

CREATE FUNCTION @extschema@.retry(job bigint) RETURNS boolean
    LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH queued AS (
        UPDATE @extschema@.job_queue SET status = 'queued'
        WHERE id = job AND (status IN ('failed', 'dead', 'cancelled') OR status = 'queued' AND held_by = 'restored') RETURNING 1)
    SELECT EXISTS (SELECT FROM queued);
$$;
COMMENT ON FUNCTION @extschema@.retry(bigint) IS
    'queue a job again that failed or was cancelled, or let one run that a dump has brought; false when there is no such job';
REVOKE EXECUTE ON FUNCTION @extschema@.retry(bigint) FROM PUBLIC;

CREATE FUNCTION @extschema@.resume_jobs() RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH queued AS (
        UPDATE @extschema@.job_queue SET status = 'queued'
        WHERE status = 'queued' AND NOT ready AND NOT waiting AND held_by = 'restored' RETURNING 1)
    SELECT count(*) FROM queued;
$$;
COMMENT ON FUNCTION @extschema@.resume_jobs() IS
    'let the jobs of the caller run that a dump or a copy of the database has brought, a superuser those of all; returns how many';
REVOKE EXECUTE ON FUNCTION @extschema@.resume_jobs() FROM PUBLIC;

CREATE FUNCTION @extschema@.purge_jobs(max integer DEFAULT 10000) RETURNS bigint
    LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    -- one of whose parts somebody holds a lock is left for later
    WITH over AS MATERIALIZED (
        SELECT q.id, q.ctid FROM @extschema@.job_queue q WHERE q.purge_at <= statement_timestamp()
            AND q.status NOT IN ('queued', 'running')
        ORDER BY q.purge_at LIMIT max FOR UPDATE SKIP LOCKED
    ), part AS MATERIALIZED (
        SELECT p.job FROM @extschema@.job_part p WHERE p.job IN (SELECT o.id FROM over o) FOR UPDATE SKIP LOCKED
    )
    SELECT @extschema@._delete_own('@extschema@.job_queue', ARRAY(
        SELECT o.ctid FROM over o WHERE (SELECT count(*) FROM @extschema@.job_part p WHERE p.job = o.id)
            = (SELECT count(*) FROM part p WHERE p.job = o.id)));
$$;
COMMENT ON FUNCTION @extschema@.purge_jobs(integer) IS
    'delete jobs of the caller whose retention is over, as workers do by themselves; returns how many';
REVOKE EXECUTE ON FUNCTION @extschema@.purge_jobs(integer) FROM PUBLIC;

CREATE FUNCTION @extschema@.delete_job(job bigint) RETURNS boolean
    LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@._delete_own('@extschema@.job_queue', ARRAY(
        SELECT q.ctid FROM @extschema@.job_queue q WHERE q.id = job FOR UPDATE)) > 0;
$$;
COMMENT ON FUNCTION @extschema@.delete_job(bigint) IS
    'delete a job of the caller with its request and result, whatever its status; false when there is no such job';
REVOKE EXECUTE ON FUNCTION @extschema@.delete_job(bigint) FROM PUBLIC;

CREATE FUNCTION @extschema@._job() RETURNS bigint
    AS 'MODULE_PATHNAME', 'intel__job'
    LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@._job() IS
    'internal: the job whose step calls this, or null';
REVOKE EXECUTE ON FUNCTION @extschema@._job() FROM PUBLIC;

CREATE PROCEDURE @extschema@.run_jobs(max integer DEFAULT 2147483647)
    AS 'MODULE_PATHNAME', 'intel_run_jobs'
    LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.run_jobs(integer) IS
    'run due jobs in this session: a superuser everybody''s, others their own';
REVOKE EXECUTE ON PROCEDURE @extschema@.run_jobs(integer) FROM PUBLIC;

CREATE FUNCTION @extschema@.run_task(task text, request jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind @extschema@.task;
    todo jsonb;
    state jsonb;
    reply jsonb;
BEGIN
    SELECT * INTO kind FROM @extschema@.task t WHERE t.name = run_task.task;
    IF NOT FOUND THEN
        RAISE EXCEPTION '%', @extschema@._does_not_exist('task', task)
            USING ERRCODE = 'undefined_object', HINT = 'SELECT name, description FROM intel.task lists the tasks.';
    END IF;
    IF kind.step IS NULL THEN
        RETURN @extschema@._call(kind.call, request);
    END IF;
    LOOP
        EXECUTE format('SELECT %s($1, $2, $3)', kind.step::regprocedure::regproc) INTO todo USING request, state, reply;
        IF todo ? 'result' THEN
            RETURN todo -> 'result';
        END IF;
        state := todo -> 'state';
        reply := @extschema@._call(todo ->> 'call', todo -> 'request');
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.run_task(text, jsonb) IS
    'do at once, in this session and transaction, what submit() would queue';
REVOKE EXECUTE ON FUNCTION @extschema@.run_task(text, jsonb) FROM PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.job_queue',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = owner)');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.job_queue_id_seq', '');
