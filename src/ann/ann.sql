-- Access method intel: nearest neighbours by distance, with filter columns.

CREATE FUNCTION @extschema@._ann_handler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'intel__ann_handler'
    LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._ann_handler(internal) IS
    'handler of access method intel';

CREATE FUNCTION @extschema@._ann_vector_l2(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel__ann_vector_l2'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._ann_vector_l2(internal) IS
    'how the index reads vector for Euclidean distance';

CREATE FUNCTION @extschema@._ann_vector_ip(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel__ann_vector_ip'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._ann_vector_ip(internal) IS
    'how the index reads vector for inner product';

CREATE FUNCTION @extschema@._ann_vector_cosine(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel__ann_vector_cosine'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._ann_vector_cosine(internal) IS
    'how the index reads vector for cosine distance';

CREATE FUNCTION @extschema@._ann_halfvec_l2(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel__ann_halfvec_l2'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._ann_halfvec_l2(internal) IS
    'how the index reads halfvec for Euclidean distance';

CREATE FUNCTION @extschema@._ann_halfvec_ip(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel__ann_halfvec_ip'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._ann_halfvec_ip(internal) IS
    'how the index reads halfvec for inner product';

CREATE FUNCTION @extschema@._ann_halfvec_cosine(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel__ann_halfvec_cosine'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._ann_halfvec_cosine(internal) IS
    'how the index reads halfvec for cosine distance';

CREATE ACCESS METHOD intel TYPE INDEX HANDLER @extschema@._ann_handler;
COMMENT ON ACCESS METHOD intel IS
    'nearest neighbours of vectors, filtered by up to four columns';

CREATE OPERATOR CLASS @extschema@.vector_l2_ops
    DEFAULT FOR TYPE @extschema@.vector USING intel AS
    OPERATOR 1 @extschema@.<-> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
    FUNCTION 1 (@extschema@.vector) @extschema@._ann_vector_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_l2_ops USING intel IS
    'nearest by Euclidean distance';
COMMENT ON OPERATOR FAMILY @extschema@.vector_l2_ops USING intel IS
    'nearest by Euclidean distance';

CREATE OPERATOR CLASS @extschema@.vector_ip_ops
    FOR TYPE @extschema@.vector USING intel AS
    OPERATOR 1 @extschema@.<#> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
    FUNCTION 1 (@extschema@.vector) @extschema@._ann_vector_ip(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_ip_ops USING intel IS
    'nearest by negative inner product';
COMMENT ON OPERATOR FAMILY @extschema@.vector_ip_ops USING intel IS
    'nearest by negative inner product';

CREATE OPERATOR CLASS @extschema@.vector_cosine_ops
    FOR TYPE @extschema@.vector USING intel AS
    OPERATOR 1 @extschema@.<=> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
    FUNCTION 1 (@extschema@.vector) @extschema@._ann_vector_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_cosine_ops USING intel IS
    'nearest by cosine distance';
COMMENT ON OPERATOR FAMILY @extschema@.vector_cosine_ops USING intel IS
    'nearest by cosine distance';

CREATE OPERATOR CLASS @extschema@.halfvec_l2_ops
    DEFAULT FOR TYPE @extschema@.halfvec USING intel AS
    OPERATOR 1 @extschema@.<-> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
    FUNCTION 1 (@extschema@.halfvec) @extschema@._ann_halfvec_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_l2_ops USING intel IS
    'nearest by Euclidean distance';
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_l2_ops USING intel IS
    'nearest by Euclidean distance';

CREATE OPERATOR CLASS @extschema@.halfvec_ip_ops
    FOR TYPE @extschema@.halfvec USING intel AS
    OPERATOR 1 @extschema@.<#> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
    FUNCTION 1 (@extschema@.halfvec) @extschema@._ann_halfvec_ip(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_ip_ops USING intel IS
    'nearest by negative inner product';
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_ip_ops USING intel IS
    'nearest by negative inner product';

CREATE OPERATOR CLASS @extschema@.halfvec_cosine_ops
    FOR TYPE @extschema@.halfvec USING intel AS
    OPERATOR 1 @extschema@.<=> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
    FUNCTION 1 (@extschema@.halfvec) @extschema@._ann_halfvec_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_cosine_ops USING intel IS
    'nearest by cosine distance';
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_cosine_ops USING intel IS
    'nearest by cosine distance';

CREATE OPERATOR CLASS @extschema@.int2_filter_ops
    DEFAULT FOR TYPE pg_catalog.int2 USING intel AS
    OPERATOR 1 pg_catalog.= (smallint, smallint),
    FUNCTION 2 (smallint) pg_catalog.hashint2(smallint);
COMMENT ON OPERATOR CLASS @extschema@.int2_filter_ops USING intel IS
    'equality as a filter of a search';
COMMENT ON OPERATOR FAMILY @extschema@.int2_filter_ops USING intel IS
    'equality as a filter of a search';

CREATE OPERATOR CLASS @extschema@.int4_filter_ops
    DEFAULT FOR TYPE pg_catalog.int4 USING intel AS
    OPERATOR 1 pg_catalog.= (integer, integer),
    FUNCTION 2 (integer) pg_catalog.hashint4(integer);
COMMENT ON OPERATOR CLASS @extschema@.int4_filter_ops USING intel IS
    'equality as a filter of a search';
COMMENT ON OPERATOR FAMILY @extschema@.int4_filter_ops USING intel IS
    'equality as a filter of a search';

CREATE OPERATOR CLASS @extschema@.int8_filter_ops
    DEFAULT FOR TYPE pg_catalog.int8 USING intel AS
    OPERATOR 1 pg_catalog.= (bigint, bigint),
    FUNCTION 2 (bigint) pg_catalog.hashint8(bigint);
COMMENT ON OPERATOR CLASS @extschema@.int8_filter_ops USING intel IS
    'equality as a filter of a search';
COMMENT ON OPERATOR FAMILY @extschema@.int8_filter_ops USING intel IS
    'equality as a filter of a search';

CREATE OPERATOR CLASS @extschema@.text_filter_ops
    DEFAULT FOR TYPE pg_catalog.text USING intel AS
    OPERATOR 1 pg_catalog.= (text, text),
    FUNCTION 2 (text) pg_catalog.hashtext(text);
COMMENT ON OPERATOR CLASS @extschema@.text_filter_ops USING intel IS
    'equality as a filter of a search';
COMMENT ON OPERATOR FAMILY @extschema@.text_filter_ops USING intel IS
    'equality as a filter of a search';

CREATE OPERATOR CLASS @extschema@.uuid_filter_ops
    DEFAULT FOR TYPE pg_catalog.uuid USING intel AS
    OPERATOR 1 pg_catalog.= (uuid, uuid),
    FUNCTION 2 (uuid) pg_catalog.uuid_hash(uuid);
COMMENT ON OPERATOR CLASS @extschema@.uuid_filter_ops USING intel IS
    'equality as a filter of a search';
COMMENT ON OPERATOR FAMILY @extschema@.uuid_filter_ops USING intel IS
    'equality as a filter of a search';

CREATE OPERATOR CLASS @extschema@.bool_filter_ops
    DEFAULT FOR TYPE pg_catalog.bool USING intel AS
    OPERATOR 1 pg_catalog.= (boolean, boolean),
    FUNCTION 2 (boolean) pg_catalog.hashchar("char");
COMMENT ON OPERATOR CLASS @extschema@.bool_filter_ops USING intel IS
    'equality as a filter of a search';
COMMENT ON OPERATOR FAMILY @extschema@.bool_filter_ops USING intel IS
    'equality as a filter of a search';

CREATE OPERATOR CLASS @extschema@.date_filter_ops
    DEFAULT FOR TYPE pg_catalog.date USING intel AS
    OPERATOR 1 pg_catalog.= (date, date),
    FUNCTION 2 (date) pg_catalog.hashint4(integer);
COMMENT ON OPERATOR CLASS @extschema@.date_filter_ops USING intel IS
    'equality as a filter of a search';
COMMENT ON OPERATOR FAMILY @extschema@.date_filter_ops USING intel IS
    'equality as a filter of a search';

CREATE OPERATOR CLASS @extschema@.timestamptz_filter_ops
    DEFAULT FOR TYPE pg_catalog.timestamptz USING intel AS
    OPERATOR 1 pg_catalog.= (timestamptz, timestamptz),
    FUNCTION 2 (timestamptz) pg_catalog.timestamp_hash(timestamp);
COMMENT ON OPERATOR CLASS @extschema@.timestamptz_filter_ops USING intel IS
    'equality as a filter of a search';
COMMENT ON OPERATOR FAMILY @extschema@.timestamptz_filter_ops USING intel IS
    'equality as a filter of a search';

CREATE FUNCTION @extschema@.index_stats(index regclass,
    OUT metric text, OUT dimensions integer, OUT lists integer, OUT entries bigint,
    OUT longest_list bigint, OUT probes_10 integer, OUT probes_100 integer,
    OUT list_pages bigint, OUT record_pages bigint, OUT centroid_pages bigint,
    OUT free_pages bigint, OUT dead_lists bigint, OUT key_pages bigint)
    AS 'MODULE_PATHNAME', 'intel_index_stats'
    LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.index_stats(regclass) IS
    'figures of an index; probes are the lists that 0.95 of the nearest 10 and 100 take, dead lists those that were replaced and not freed yet';
REVOKE ALL ON FUNCTION @extschema@.index_stats(regclass) FROM PUBLIC;

CREATE FUNCTION @extschema@.index_format(index regclass) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_index_format'
    LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.index_format(regclass) IS
    'number of the format that an index was built in; null when its first page is no such page';
REVOKE ALL ON FUNCTION @extschema@.index_format(regclass) FROM PUBLIC;

CREATE FUNCTION @extschema@._index_format() RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_index_current_format'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._index_format() IS
    'internal: number of the format that this version builds and reads';

-- What other sessions keep for themselves cannot be read, nor what a crash empties on a standby. Materialized, so that
-- no other kind of index is read.
CREATE VIEW @extschema@.index_status AS
    WITH found AS MATERIALIZED (
        SELECT i.indexrelid::regclass AS index, i.indrelid::regclass AS source, i.indisvalid AS valid
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
            JOIN pg_am a ON a.oid = c.relam AND a.amname = 'intel'
        WHERE NOT pg_is_other_temp_schema(c.relnamespace) AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
    ), looked_at AS MATERIALIZED (
        SELECT index, source, valid, @extschema@.index_format(index) AS format FROM found
    )
    SELECT index, source, valid, format, needed AS needs_reindex,
        CASE WHEN needed THEN format('REINDEX INDEX CONCURRENTLY %s', index) END AS statement
    FROM looked_at, LATERAL (SELECT NOT valid OR format IS DISTINCT FROM @extschema@._index_format() AS needed) n;
COMMENT ON VIEW @extschema@.index_status IS
    'indexes of access method intel, and which of them this version cannot read, or have to be built again for another reason';

CREATE FUNCTION @extschema@.index_last_scan(
    OUT index regclass, OUT lists bigint, OUT codes bigint, OUT filtered bigint,
    OUT refined bigint, OUT returned bigint, OUT exact boolean)
    AS 'MODULE_PATHNAME', 'intel_index_last_scan'
    LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.index_last_scan() IS
    'what the search that ended last in this session did: lists probed, their codes, codes that filter columns rejected, codes refined, rows returned to the executor';
REVOKE ALL ON FUNCTION @extschema@.index_last_scan() FROM PUBLIC;

CREATE FUNCTION @extschema@.index_check(index regclass, OUT block bigint, OUT problem text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'intel_index_check'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.index_check(regclass) IS
    'verify every page of an index; no rows when all is well. Writes to the index wait meanwhile.';
REVOKE ALL ON FUNCTION @extschema@.index_check(regclass) FROM PUBLIC;

CREATE FUNCTION @extschema@.index_prewarm(index regclass) RETURNS bigint
    AS 'MODULE_PATHNAME', 'intel_index_prewarm'
    LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.index_prewarm(regclass) IS
    'read all pages of an index into shared buffers; returns their number';
REVOKE ALL ON FUNCTION @extschema@.index_prewarm(regclass) FROM PUBLIC;

-- Ties count as found, which is why distances are compared and not rows.
CREATE FUNCTION @extschema@.index_recall(index regclass, queries integer DEFAULT 100, k integer DEFAULT 10)
    RETURNS double precision
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET enable_indexscan = on SET enable_seqscan = on SET enable_bitmapscan = off
    SET enable_sort = on SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    heap regclass;
    expression text := pg_catalog.pg_get_indexdef(index, 1, false);
    predicate text;
    operator text;
    sample text;
    nearest text;
    query text;
    distances float8[];
    found bigint := 0;
    wanted bigint := 0;
    got bigint;
BEGIN
    IF queries < 1 OR k < 1 THEN
        RAISE EXCEPTION 'queries and k must be at least 1'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT i.indrelid, coalesce(pg_get_expr(i.indpred, i.indrelid), 'true'),
           format('OPERATOR(%I.%s)', n.nspname, o.oprname)
    INTO heap, predicate, operator
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am a ON a.oid = c.relam AND a.amname = 'intel'
    JOIN pg_opclass p ON p.oid = i.indclass[0]
    JOIN pg_amop s ON s.amopfamily = p.opcfamily AND s.amoppurpose = 'o'
    JOIN pg_operator o ON o.oid = s.amopopr
    JOIN pg_namespace n ON n.oid = o.oprnamespace
    WHERE i.indexrelid = index;
    IF heap IS NULL THEN
        RAISE EXCEPTION '% is not an index of access method intel', index
            USING ERRCODE = 'wrong_object_type';
    END IF;
    sample := format('SELECT (%s)::text FROM ONLY %s WHERE (%s) AND (%s) IS NOT NULL ORDER BY random() LIMIT %s',
        expression, heap, predicate, expression, queries);
    nearest := format('SELECT (%s) %s %%L AS d FROM ONLY %s WHERE %s ORDER BY (%s) %s %%L LIMIT %s',
        expression, operator, heap, predicate, expression, operator, k);
    FOR query IN EXECUTE sample LOOP
        PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
        EXECUTE format('SELECT array_agg(d ORDER BY d) FROM (%s) AS x', format(nearest, query, query))
            INTO distances;
        PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
        EXECUTE format('SELECT count(*) FROM (%s) AS x WHERE d <= $1', format(nearest, query, query))
            INTO got USING distances[cardinality(distances)];
        found := found + got;
        wanted := wanted + cardinality(distances);
    END LOOP;
    RETURN found::float8 / nullif(wanted, 0);
END
$$;
COMMENT ON FUNCTION @extschema@.index_recall(regclass, integer, integer) IS
    'part of the true nearest k that searches for random rows of the table find';
REVOKE ALL ON FUNCTION @extschema@.index_recall(regclass, integer, integer) FROM PUBLIC;
