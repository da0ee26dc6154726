-- Answers that may be given again. llm_cache.c reads and writes it, by column
-- number. A refreshed answer is a new row, so nobody waits for anybody's row.

CREATE TABLE @extschema@.cache (
    key bytea NOT NULL,
    model text NOT NULL,
    stored_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    took_ms bigint NOT NULL,
    result text NOT NULL,
    owner regrole NOT NULL DEFAULT @extschema@._caller(),
    tenant text DEFAULT @extschema@.tenant()
);
COMMENT ON TABLE @extschema@.cache IS
    'answers of models that asked for it with the option cache, by what was sent, role and tenant';
COMMENT ON COLUMN @extschema@.cache.key IS
    'SHA-256 of model, redacted request, role and tenant';
COMMENT ON COLUMN @extschema@.cache.took_ms IS
    'time of the call: what takes longer is refreshed earlier';

CREATE INDEX cache_key ON @extschema@.cache (key);
CREATE INDEX cache_stored_at ON @extschema@.cache (stored_at);

ALTER TABLE @extschema@.cache ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.cache
    USING (owner = (SELECT @extschema@._caller())
        AND tenant IS NOT DISTINCT FROM (SELECT @extschema@.tenant()));
COMMENT ON POLICY own ON @extschema@.cache IS
    'answers are given again to the role and tenant that they were given to; no role is granted the table, since its rows are of all users of a role';

CREATE FUNCTION @extschema@.prune_cache() RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH gone AS (
            DELETE FROM @extschema@.cache c
             WHERE c.expires_at < clock_timestamp() - interval '1 day'
                OR c.stored_at <= (SELECT o.stored_at FROM @extschema@.cache o ORDER BY o.stored_at DESC
                                   OFFSET @extschema@._setting('cache_max_entries')::integer LIMIT 1)
                OR EXISTS (SELECT FROM @extschema@.cache n
                            WHERE n.key = c.key AND n.stored_at > c.stored_at)
            RETURNING 1)
        SELECT count(*) FROM gone
    $$;
COMMENT ON FUNCTION @extschema@.prune_cache() IS
    'removes answers that expired a day ago, were replaced, or are beyond intel.cache_max_entries, and counts them';
REVOKE ALL ON FUNCTION @extschema@.prune_cache() FROM PUBLIC;

CREATE FUNCTION @extschema@.cache_stats(OUT hits bigint, OUT misses bigint, OUT refreshes bigint,
        OUT waits bigint, OUT stale bigint)
    AS 'MODULE_PATHNAME', 'intel_cache_stats'
    LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.cache_stats() IS
    'of all databases since the server started, without preload of this session: answers from the cache, calls, early refreshes, waits for another''s call, old answers given because the call failed';
REVOKE ALL ON FUNCTION @extschema@.cache_stats() FROM PUBLIC;
