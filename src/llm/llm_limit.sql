-- Limits of rate and money. llm_catalog.c reads them by column number.

CREATE FUNCTION @extschema@._is_scope(per text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT per <@ '{model,role,tenant,subject,feature}'::text[] AND array_position(per, NULL) IS NULL $$;
COMMENT ON FUNCTION @extschema@._is_scope(text[]) IS
    'internal: whether the words name what limits can tell apart';

CREATE TABLE @extschema@.rate_limit (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text REFERENCES @extschema@.model ON UPDATE CASCADE ON DELETE CASCADE,
    role regrole,
    tenant text,
    feature text,
    per text[] NOT NULL DEFAULT '{}' CHECK (@extschema@._is_scope(per)),
    requests integer CHECK (requests > 0),
    tokens bigint CHECK (tokens > 0),
    period interval NOT NULL DEFAULT '1 min'
        CHECK (period BETWEEN interval '100 ms' AND interval '1 day'),
    concurrency integer CHECK (concurrency > 0),
    CHECK (num_nonnulls(requests, tokens, concurrency) > 0)
);
COMMENT ON TABLE @extschema@.rate_limit IS
    'limits that calls keep before they are sent; a call keeps all that it fits';
COMMENT ON COLUMN @extschema@.rate_limit.model IS 'only calls of this model; null: of all, and so on';
COMMENT ON COLUMN @extschema@.rate_limit.role IS 'only calls of this role and its members';
COMMENT ON COLUMN @extschema@.rate_limit.per IS
    'what is counted apart: any of model, role, tenant, subject, feature; empty: all calls together';
COMMENT ON COLUMN @extschema@.rate_limit.requests IS 'most calls in a period';
COMMENT ON COLUMN @extschema@.rate_limit.tokens IS 'most tokens in a period, estimated before and set right after the call';
COMMENT ON COLUMN @extschema@.rate_limit.concurrency IS 'most calls at the same time';

CREATE TABLE @extschema@.budget (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text REFERENCES @extschema@.model ON UPDATE CASCADE ON DELETE CASCADE,
    role regrole,
    tenant text,
    feature text,
    per text[] NOT NULL DEFAULT '{}' CHECK (@extschema@._is_scope(per)),
    amount numeric NOT NULL CHECK (amount >= 0 AND amount <= 1000000000),
    period text NOT NULL DEFAULT 'month' CHECK (period IN ('day', 'month'))
);
COMMENT ON TABLE @extschema@.budget IS
    'most money that calls may cost in a day or month (UTC), by the prices of intel.model';
COMMENT ON COLUMN @extschema@.budget.per IS
    'what is counted apart: any of model, role, tenant, subject, feature; empty: all calls together';

-- key is budget, first day of the period and scope; in "C", which no change of
-- the system's collations reorders
CREATE TABLE @extschema@.spend (
    key text COLLATE "C" PRIMARY KEY,
    budget integer NOT NULL,
    period date NOT NULL,
    scope text NOT NULL,
    amount numeric NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE @extschema@.spend IS
    'what budgets have spent, as far as it is written down; never less than what was spent';

ALTER TABLE @extschema@.rate_limit ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.rate_limit FOR SELECT
    USING (tenant IS NULL OR tenant = (SELECT @extschema@.tenant()));
COMMENT ON POLICY own ON @extschema@.rate_limit IS 'tenants see the limits that are theirs';
ALTER TABLE @extschema@.budget ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.budget FOR SELECT
    USING (tenant IS NULL OR tenant = (SELECT @extschema@.tenant()));
COMMENT ON POLICY own ON @extschema@.budget IS 'tenants see the budgets that are theirs';

CREATE TRIGGER rate_limit_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.rate_limit
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._catalog_changed();
CREATE TRIGGER budget_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.budget
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._catalog_changed();
ALTER TABLE @extschema@.rate_limit ENABLE ALWAYS TRIGGER rate_limit_changed;
ALTER TABLE @extschema@.budget ENABLE ALWAYS TRIGGER budget_changed;

CREATE FUNCTION @extschema@.limit_state(OUT kind text, OUT scope text, OUT in_flight integer,
        OUT waiting integer, OUT requests_left double precision, OUT tokens_left double precision,
        OUT spent numeric, OUT reserved numeric, OUT recorded numeric)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'intel_limit_state'
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION @extschema@.limit_state() IS
    'limits and budgets of this database that are in use: calls in flight, sessions that wait for a place, what is left, spent and written down';
REVOKE ALL ON FUNCTION @extschema@.limit_state() FROM PUBLIC;

CREATE FUNCTION @extschema@.breaker_state(OUT provider text, OUT model text, OUT state text,
        OUT failures integer, OUT retry_after interval)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'intel_breaker_state'
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION @extschema@.breaker_state() IS
    'circuit breakers of this database: closed, open (calls are refused) or half-open (one call tries); limited: the provider asked to wait';
REVOKE ALL ON FUNCTION @extschema@.breaker_state() FROM PUBLIC;

CREATE FUNCTION @extschema@.reset_breaker(model text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_reset_breaker'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.reset_breaker(text) IS
    'closes the circuit breaker of a model; false when it has none';
REVOKE ALL ON FUNCTION @extschema@.reset_breaker(text) FROM PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.rate_limit',
    'WHERE role IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = role)');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.rate_limit_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.budget',
    'WHERE role IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = role)');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.budget_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.spend', '');
