-- Enrichments of kind embedding: what is special about them, and the change of
-- their model. A column holds vectors of one model. Another model fills another
-- column, by an enrichment of its own that follows the same inputs, and when
-- all rows are done the two columns exchange their names in one transaction.

-- ---- one model for one column ----------------------------------------------

CREATE FUNCTION @extschema@._model_for(model text, task text) RETURNS @extschema@.model
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m @extschema@.model;
BEGIN
    SELECT * INTO m FROM @extschema@.model x WHERE x.name = model;
    IF NOT FOUND THEN
        RAISE EXCEPTION '%', @extschema@._does_not_exist('model', model)
            USING ERRCODE = 'undefined_object', HINT = 'SELECT name, provider, task FROM intel.model lists the models.';
    END IF;
    IF m.task <> _model_for.task THEN
        RAISE EXCEPTION 'model "%" is not one for %', model, CASE _model_for.task WHEN 'embed' THEN 'embeddings' ELSE 'texts' END
            USING ERRCODE = 'invalid_parameter_value',
                HINT = format('SELECT name FROM intel.model WHERE task = %L lists those.', _model_for.task);
    END IF;
    RETURN m;
END
$$;
COMMENT ON FUNCTION @extschema@._model_for(text, text) IS
    'internal: a model for chat or embed by name; raises for everything else';

CREATE FUNCTION @extschema@._embedding_options(source regclass, target text, instruction text, options jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- the default of today: another one tomorrow must not fill the same column
    m @extschema@.model := @extschema@._model_for(
        coalesce(options ->> 'model', @extschema@._setting('default_embedding_model')), 'embed');
    a pg_attribute;
BEGIN
    SELECT * INTO a FROM pg_attribute x WHERE x.attrelid = source AND x.attname = target;
    IF a.atttypid NOT IN ('@extschema@.vector'::regtype, '@extschema@.halfvec'::regtype) THEN
        RAISE EXCEPTION 'the target of an enrichment of kind embedding must be a column of type intel.vector or intel.halfvec'
            USING ERRCODE = 'datatype_mismatch';
    END IF;
    IF a.atttypmod <> m.dimensions THEN
        RAISE EXCEPTION 'column "%" has % dimensions, but embeddings of model "%" have %',
                target, a.atttypmod, m.name, m.dimensions
            USING ERRCODE = 'invalid_parameter_value',
                HINT = format('Give it the type %s(%s).', a.atttypid::regtype, m.dimensions);
    END IF;
    IF instruction <> '' OR jsonb_typeof(options -> 'prompt') <> 'string' OR jsonb_typeof(options -> 'query_prompt') <> 'string' THEN
        RAISE EXCEPTION 'an enrichment of kind embedding takes no instruction, and texts as its prompts'
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Options such as {"prompt": "passage: {{body}}", "query_prompt": "query: {{query}}"} say what is embedded.';
    END IF;
    IF EXISTS (SELECT FROM @extschema@.enrichment e WHERE e.source = _embedding_options.source
            AND e.target = _embedding_options.target AND e.owner = @extschema@._caller()) THEN
        RAISE EXCEPTION 'column "%" is filled by another enrichment', target USING ERRCODE = 'duplicate_object';
    END IF;
    RETURN options || jsonb_build_object('model', m.name);
END
$$;
COMMENT ON FUNCTION @extschema@._embedding_options(regclass, text, text, jsonb) IS
    'internal: the options of an enrichment of kind embedding with its model in them; raises for everything that is wrong with it';

-- A view of the extension's owner, because who may read a column may know what
-- model its queries need, whoever owns the enrichment; but only the owner of the
-- table says so. Numbers of columns are as the snapshot has them.
CREATE VIEW @extschema@.embedding_column WITH (security_barrier = true) AS
    SELECT e.source, e.target, a.attnum AS number, e.options ->> 'model' AS model,
        e.options ->> 'query_prompt' AS query_prompt, e.replaces IS NOT NULL AS upcoming
    FROM @extschema@.enrichment e
        JOIN pg_catalog.pg_class t ON t.oid = e.source AND t.relowner = e.owner
        JOIN pg_catalog.pg_attribute a ON a.attrelid = e.source AND a.attname = e.target AND NOT a.attisdropped
    WHERE e.kind = 'embedding' AND pg_catalog.has_column_privilege(e.source, a.attnum, 'SELECT');
COMMENT ON VIEW @extschema@.embedding_column IS
    'columns that the caller may read and an enrichment fills with embeddings, and by what model; upcoming: of a change of model that is not finished';

GRANT SELECT ON @extschema@.embedding_column TO PUBLIC;

CREATE FUNCTION @extschema@._filled_column(source regclass, embedding_column text) RETURNS @extschema@.embedding_column
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c FROM @extschema@.embedding_column c JOIN pg_attribute a ON a.attrelid = c.source AND a.attnum = c.number
    WHERE c.source = $1 AND CASE WHEN $2 IS NULL THEN NOT c.upcoming AND a.atttypid = '@extschema@.vector'::regtype
        AND NOT EXISTS (SELECT FROM @extschema@.embedding_column o JOIN pg_attribute b ON b.attrelid = o.source AND b.attnum = o.number
            WHERE o.source = c.source AND o.number <> c.number AND NOT o.upcoming AND b.atttypid = a.atttypid)
        ELSE c.target = $2 END;
$$;
COMMENT ON FUNCTION @extschema@._filled_column(regclass, text) IS
    'internal: the column of a table that an enrichment fills with embeddings, by name or because there is one only';

CREATE FUNCTION @extschema@._column_number(source regclass, name text) RETURNS smallint
    AS 'MODULE_PATHNAME', 'intel__column_number'
    LANGUAGE C STABLE PARALLEL RESTRICTED STRICT;
COMMENT ON FUNCTION @extschema@._column_number(regclass, text) IS
    'internal: locks a table for reading; the number of the column that has the name now, whatever the snapshot';

CREATE FUNCTION @extschema@.embed_query(source regclass, query text, embedding_column text DEFAULT 'embedding')
    RETURNS @extschema@.vector
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED COST 10000
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- what the name means from here to the end of the transaction, which the snapshot may not know yet
    found_at smallint := @extschema@._column_number(source, embedding_column);
    c @extschema@.embedding_column;
BEGIN
    SELECT * INTO c FROM @extschema@.embedding_column x WHERE x.source = embed_query.source AND x.number = found_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "%" is not filled by an enrichment of kind embedding', embedding_column
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'A transaction that is older than its enrichment has to be repeated.';
    END IF;
    RETURN @extschema@.embed(coalesce(@extschema@.render(c.query_prompt, jsonb_build_object('query', query)), query), c.model);
END
$$;
COMMENT ON FUNCTION @extschema@.embed_query(regclass, text, text) IS
    'embedding of a query by the model that the column is filled by; until the transaction ends the column stays what it is';
REVOKE ALL ON FUNCTION @extschema@.embed_query(regclass, text, text) FROM PUBLIC;

-- ---- another model -----------------------------------------------------------

CREATE FUNCTION @extschema@._versioned(name text, version integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    -- identifiers have 63 bytes
    SELECT left(base, 63 - length(suffix) - (octet_length(base) - length(base))) || suffix
    FROM (SELECT regexp_replace(name, format('_v%s$', version - 1), ''), '_v' || version) s(base, suffix);
$$;
COMMENT ON FUNCTION @extschema@._versioned(text, integer) IS
    'internal: name of a column, an index or an enrichment with the number of its model';

CREATE FUNCTION @extschema@._successor(e @extschema@.enrichment) RETURNS @extschema@.enrichment
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new @extschema@.enrichment := @extschema@._replacement(e);
BEGIN
    IF new.id IS NULL THEN
        RAISE EXCEPTION 'the model of enrichment "%" is not being changed', e.name
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'change_enrichment_model() begins that.';
    END IF;
    RETURN new;
END
$$;
COMMENT ON FUNCTION @extschema@._successor(@extschema@.enrichment) IS
    'internal: the enrichment that will take the place of one';

CREATE FUNCTION @extschema@._add_column_like(source regclass, target text, name text, dimensions integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    a pg_attribute;
BEGIN
    SELECT * INTO a FROM pg_attribute x WHERE x.attrelid = source AND x.attname = target AND NOT x.attisdropped;
    EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s(%s)', source, name, a.atttypid::regtype, dimensions);
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE %s', source, name,
        CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END);
END
$$;
COMMENT ON FUNCTION @extschema@._add_column_like(regclass, text, text, integer) IS
    'internal: add a column of the same type and storage as another, of so many dimensions';

CREATE FUNCTION @extschema@.change_enrichment_model(name text, model text, options jsonb DEFAULT '{}') RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '2s'
AS $$
DECLARE
    old @extschema@.enrichment := @extschema@._enrichment(name);
    m @extschema@.model := @extschema@._model_for(model, 'embed');
    new @extschema@.enrichment := old;
BEGIN
    IF num_nulls(name, model) > 0 THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(options) <> 'object' THEN
        RAISE EXCEPTION 'options of an enrichment must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF old.kind <> 'embedding' THEN
        RAISE EXCEPTION 'enrichment "%" is not of kind embedding', name
            USING ERRCODE = 'wrong_object_type', HINT = 'Drop it and create it again with the other model.';
    END IF;
    IF old.replaces IS NOT NULL OR (@extschema@._replacement(old)).id IS NOT NULL THEN
        RAISE EXCEPTION 'the model of enrichment "%" is being changed', name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'End that with finish_enrichment_model() or abandon_enrichment_model().';
    END IF;
    IF m.dimensions IS NULL THEN
        RAISE EXCEPTION 'dimensions of model "%" are not known', model
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Set dimensions in intel.model.';
    END IF;
    new.version := old.version + 1;
    new.name := @extschema@._versioned(name, new.version);
    new.target := @extschema@._versioned(old.target, new.version);
    new.options := old.options || coalesce(options, '{}') || jsonb_build_object('model', model);
    PERFORM @extschema@._add_column_like(old.source, old.target, new.target, m.dimensions);
    new.options := @extschema@._enrich_check(new.source, new.inputs, new.target, new.kind, new.options);
    PERFORM @extschema@._embedding_options(new.source, new.target, new.instruction, new.options);
    INSERT INTO @extschema@.enrichment (name, source, key, inputs, target, kind, instruction, options, version, replaces)
        VALUES (new.name, new.source, new.key, new.inputs, new.target, new.kind, new.instruction, new.options,
            new.version, old.id) RETURNING * INTO new;
    PERFORM @extschema@._enrich_follow(new);
    RETURN new.name;
END
$$;
COMMENT ON FUNCTION @extschema@.change_enrichment_model(text, text, jsonb) IS
    'adds a column for the embeddings of another model and an enrichment that follows the inputs; backfill_enrichment() of the name that it returns queues the rows that are there';
REVOKE ALL ON FUNCTION @extschema@.change_enrichment_model(text, text, jsonb) FROM PUBLIC;

-- ---- indexes of the new column -------------------------------------------------

CREATE FUNCTION @extschema@._index_condition(index oid, from_column smallint, to_column smallint) RETURNS text
    AS 'MODULE_PATHNAME', 'intel__index_condition'
    LANGUAGE C STABLE PARALLEL SAFE STRICT;
COMMENT ON FUNCTION @extschema@._index_condition(oid, smallint, smallint) IS
    'internal: condition of a partial index with a column in place of another';
REVOKE ALL ON FUNCTION @extschema@._index_condition(oid, smallint, smallint) FROM PUBLIC;

CREATE FUNCTION @extschema@._index_columns(index oid, from_column smallint, to_column smallint) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(%s)', string_agg(c.name
            || coalesce(' COLLATE ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname), '')
            || ' ' || quote_ident(n.nspname) || '.' || quote_ident(o.opcname)
            || coalesce((SELECT format(' (%s)', string_agg(format('%I = %L', p.option_name, p.option_value), ', '))
                FROM pg_options_to_table(a.attoptions) p HAVING count(*) > 0), '')
            || CASE WHEN pg_index_column_has_property(index, c.i, 'desc') THEN ' DESC' ELSE '' END
            || CASE WHEN NOT pg_index_column_has_property(index, c.i, 'orderable') THEN ''
                WHEN pg_index_column_has_property(index, c.i, 'nulls_first') THEN ' NULLS FIRST' ELSE ' NULLS LAST' END,
            ', ' ORDER BY c.i) FILTER (WHERE c.i <= x.indnkeyatts))
        || coalesce(' INCLUDE (' || string_agg(c.name, ', ' ORDER BY c.i) FILTER (WHERE c.i > x.indnkeyatts) || ')', '')
    FROM pg_index x
        CROSS JOIN LATERAL (SELECT i, CASE WHEN x.indkey[i - 1] <> from_column THEN pg_get_indexdef(index, i, false)
            ELSE (SELECT quote_ident(t.attname) FROM pg_attribute t WHERE t.attrelid = x.indrelid AND t.attnum = to_column)
            END FROM generate_series(1, x.indnatts) i) c(i, name)
        JOIN pg_attribute a ON a.attrelid = index AND a.attnum = c.i
        LEFT JOIN pg_opclass o ON c.i <= x.indnkeyatts AND o.oid = x.indclass[c.i - 1]
        LEFT JOIN pg_namespace n ON n.oid = o.opcnamespace
        LEFT JOIN pg_collation co ON c.i <= x.indnkeyatts AND co.oid = x.indcollation[c.i - 1]
        LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
    WHERE x.indexrelid = index;
$$;
COMMENT ON FUNCTION @extschema@._index_columns(oid, smallint, smallint) IS
    'internal: the columns of an index as CREATE INDEX takes them, with a column in place of another';

-- What an index answers is compared; what it is stored like (options, place) is
-- copied, and may be chosen otherwise.
CREATE FUNCTION @extschema@._index_kind(index oid, from_column smallint, to_column smallint) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(' ', m.amname, x.indisunique, x.indnullsnotdistinct,
        @extschema@._index_columns(index, from_column, to_column),
        @extschema@._index_condition(index, from_column, to_column))
    FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am m ON m.oid = c.relam
    WHERE x.indexrelid = index;
$$;
COMMENT ON FUNCTION @extschema@._index_kind(oid, smallint, smallint) IS
    'internal: what an index answers, with a column in place of another';

CREATE FUNCTION @extschema@._index_sql(index oid, name text, from_column smallint, to_column smallint) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(' ', CASE WHEN x.indisunique THEN 'CREATE UNIQUE INDEX CONCURRENTLY' ELSE 'CREATE INDEX CONCURRENTLY' END,
        -- the server finds a name when this one is taken
        CASE WHEN NOT EXISTS (SELECT FROM pg_class y WHERE y.relnamespace = c.relnamespace AND y.relname = name)
            THEN quote_ident(name) END,
        format('ON %s USING %I', x.indrelid::regclass, m.amname),
        @extschema@._index_columns(index, from_column, to_column),
        CASE WHEN x.indnullsnotdistinct THEN 'NULLS NOT DISTINCT' END,
        (SELECT format('WITH (%s)', string_agg(format('%I = %L', o.option_name, o.option_value), ', '))
            FROM pg_options_to_table(c.reloptions) o HAVING count(*) > 0),
        (SELECT format('TABLESPACE %I', t.spcname) FROM pg_tablespace t WHERE t.oid = c.reltablespace),
        'WHERE ' || @extschema@._index_condition(index, from_column, to_column))
    FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am m ON m.oid = c.relam
    WHERE x.indexrelid = index;
$$;
COMMENT ON FUNCTION @extschema@._index_sql(oid, text, smallint, smallint) IS
    'internal: statement that builds an index like another, with a column in place of another';

CREATE FUNCTION @extschema@._change_indexes(old @extschema@.enrichment, new @extschema@.enrichment,
        OUT old_index oid, OUT new_index oid, OUT valid boolean, OUT statement text) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT x.indexrelid, n.indexrelid, n.indisvalid, CASE WHEN n.indexrelid IS NULL
            THEN @extschema@._index_sql(x.indexrelid, @extschema@._versioned(c.relname, new.version), o.attnum, t.attnum)
            ELSE format('REINDEX INDEX CONCURRENTLY %s', n.indexrelid::regclass) END
    FROM pg_attribute o
        JOIN pg_attribute t ON t.attrelid = o.attrelid AND t.attname = new.target
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = o.attrelid AND d.refobjsubid = o.attnum
            AND d.classid = 'pg_class'::regclass
        JOIN pg_index x ON x.indexrelid = d.objid AND x.indisvalid AND x.indexprs IS NULL
        JOIN pg_class c ON c.oid = x.indexrelid
        LEFT JOIN LATERAL (SELECT y.indexrelid, y.indisvalid FROM pg_index y WHERE y.indrelid = o.attrelid
            AND @extschema@._index_kind(y.indexrelid, t.attnum, t.attnum) = @extschema@._index_kind(x.indexrelid, o.attnum, t.attnum)
            ORDER BY y.indisvalid DESC LIMIT 1) n ON true
    WHERE o.attrelid = old.source AND o.attname = old.target
    GROUP BY x.indexrelid, n.indexrelid, n.indisvalid, c.relname, o.attnum, t.attnum;
$$;
COMMENT ON FUNCTION @extschema@._change_indexes(@extschema@.enrichment, @extschema@.enrichment) IS
    'internal: indexes on a column of embeddings, their counterparts on the new one, and what builds these';

CREATE FUNCTION @extschema@.enrichment_model_indexes(name text) RETURNS SETOF text
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old @extschema@.enrichment := @extschema@._enrichment(name);
BEGIN
    RETURN QUERY SELECT i.statement FROM @extschema@._change_indexes(old, @extschema@._successor(old)) i
        WHERE i.valid IS NOT TRUE ORDER BY i.old_index;
END
$$;
COMMENT ON FUNCTION @extschema@.enrichment_model_indexes(text) IS
    'statements that build the indexes that the column of a new model still lacks, for psql''s \gexec';
REVOKE ALL ON FUNCTION @extschema@.enrichment_model_indexes(text) FROM PUBLIC;

-- ---- the exchange ----------------------------------------------------------------

CREATE FUNCTION @extschema@._change_rows(old @extschema@.enrichment, new @extschema@.enrichment) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC' SET DateStyle = 'ISO' SET IntervalStyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1
AS $$
DECLARE
    found bigint;
BEGIN
    -- what the caller sees, and what he does not see but the old model has done, be it stale
    EXECUTE format('SELECT count(*) FROM (SELECT %s FROM ONLY %s t WHERE t.%I IS NOT NULL
                UNION SELECT o.source_key FROM @extschema@.enrichment_row o WHERE o.enrichment = $1 AND o.done_at IS NOT NULL) k(key)
            WHERE NOT EXISTS (SELECT FROM @extschema@.enrichment_row n
                WHERE n.enrichment = $2 AND n.source_key = k.key AND n.done_hash IS NOT NULL)',
            @extschema@._enrich_key_sql(old.source, old.key, 't'), old.source, old.target)
        INTO found USING old.id, new.id;
    RETURN found;
END
$$;
COMMENT ON FUNCTION @extschema@._change_rows(@extschema@.enrichment, @extschema@.enrichment) IS
    'internal: how many rows have an embedding of the old model and never had one of the new';

CREATE FUNCTION @extschema@._change_holders(old @extschema@.enrichment) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(DISTINCT (d.classid, d.objid)) FROM pg_attribute a
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
    WHERE a.attrelid = old.source AND a.attname = old.target
        AND NOT EXISTS (SELECT FROM pg_index x WHERE d.classid = 'pg_class'::regclass AND x.indexrelid = d.objid AND x.indexprs IS NULL);
$$;
COMMENT ON FUNCTION @extschema@._change_holders(@extschema@.enrichment) IS
    'internal: how many views, policies, constraints and the like would stay with the old column, whatever its name';

CREATE FUNCTION @extschema@._change_check(old @extschema@.enrichment, rows bigint, failed bigint, indexes bigint, holders bigint)
    RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rows + failed + indexes + holders > 0 THEN
        RAISE EXCEPTION 'the change of the model of enrichment "%" is not complete', old.name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = format('Rows not done: %s; rows failed: %s; indexes without a valid counterpart: %s; views and other objects that hold the old column: %s.',
                    rows, failed, indexes, holders),
                HINT = 'See backfill_enrichment(), retry_enrichment() and enrichment_model_indexes(). Drop views and the like in the transaction of the change and create them again behind it.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._change_check(@extschema@.enrichment, bigint, bigint, bigint, bigint) IS
    'internal: raises when anything is missing for the exchange of two columns';

CREATE FUNCTION @extschema@._change_failed(old @extschema@.enrichment, new @extschema@.enrichment) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FROM @extschema@._enrich_job n
    WHERE n.enrichment = new.id AND n.status IN ('failed', 'dead', 'cancelled') AND n.done_hash IS NOT NULL AND NOT n.pending
        -- what fails with both models is no worse afterwards
        AND NOT EXISTS (SELECT FROM @extschema@._enrich_job o
            WHERE o.enrichment = old.id AND o.source_key = n.source_key AND o.status IN ('failed', 'dead', 'cancelled'));
$$;
COMMENT ON FUNCTION @extschema@._change_failed(@extschema@.enrichment, @extschema@.enrichment) IS
    'internal: how many rows have an older embedding of the new model, because the last attempt failed';

CREATE FUNCTION @extschema@._copy_column_grants(source regclass, from_column text, to_column text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT format('GRANT %s (%I) ON TABLE %s TO %s%s', g.privilege_type, to_column, source,
                CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
                CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
            FROM pg_attribute a, aclexplode(a.attacl) g
            WHERE a.attrelid = source AND a.attname = from_column LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._copy_column_grants(regclass, text, text) IS
    'internal: who may do something with a column may do it with the other';

CREATE FUNCTION @extschema@.finish_enrichment_model(name text, drop_old boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '2s'
AS $$
DECLARE
    old @extschema@.enrichment := @extschema@._enrichment(name);
    new @extschema@.enrichment := @extschema@._successor(old);
    kept text := @extschema@._versioned(old.target, old.version);
BEGIN
    -- what takes its time comes before the lock
    PERFORM @extschema@._change_check(old, @extschema@._change_rows(old, new), @extschema@._change_failed(old, new),
        (SELECT count(*) FROM @extschema@._change_indexes(old, new) i WHERE i.valid IS NOT TRUE), @extschema@._change_holders(old));
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', old.source);
    -- nobody writes, searches or fills the table from here on, so what is true now stays so
    PERFORM @extschema@._successor(old);
    PERFORM @extschema@._change_check(old, (SELECT count(*) FROM @extschema@.enrichment_row n
            JOIN @extschema@.enrichment_row o ON o.enrichment = old.id AND o.source_key = n.source_key AND o.done_at IS NOT NULL
            WHERE n.enrichment = new.id AND n.done_hash IS NULL), 0,
        (SELECT count(*) FROM @extschema@._change_indexes(old, new) i WHERE i.valid IS NOT TRUE), @extschema@._change_holders(old));
    PERFORM @extschema@._copy_column_grants(old.source, old.target, new.target);
    IF drop_old THEN
        EXECUTE format('ALTER TABLE %s DROP COLUMN %I', old.source, old.target);
    ELSE
        EXECUTE format('ALTER TABLE %s RENAME COLUMN %I TO %I', old.source, old.target, kept);
    END IF;
    EXECUTE format('ALTER TABLE %s RENAME COLUMN %I TO %I', old.source, new.target, old.target);
    PERFORM @extschema@._enrich_forget(old);
    UPDATE @extschema@.enrichment e SET name = old.name, target = old.target, replaces = NULL WHERE e.id = new.id;
END
$$;
COMMENT ON FUNCTION @extschema@.finish_enrichment_model(text, boolean) IS
    'puts the column of the new model in the place of the old one, which stays under the name of its version or is dropped; refused while anything is missing';
REVOKE ALL ON FUNCTION @extschema@.finish_enrichment_model(text, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.abandon_enrichment_model(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '2s'
AS $$
DECLARE
    old @extschema@.enrichment := @extschema@._enrichment(name);
    new @extschema@.enrichment := @extschema@._successor(old);
BEGIN
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', new.source);
    PERFORM @extschema@._successor(old);
    EXECUTE format('ALTER TABLE %s DROP COLUMN %I', new.source, new.target);
    PERFORM @extschema@._enrich_forget(new);
END
$$;
COMMENT ON FUNCTION @extschema@.abandon_enrichment_model(text) IS
    'gives up a change of model: drops the new column with its indexes';
REVOKE ALL ON FUNCTION @extschema@.abandon_enrichment_model(text) FROM PUBLIC;
