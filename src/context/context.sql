-- Recipes, retrieval and ask.

-- ---- recipes ------------------------------------------------------------

CREATE TABLE @extschema@.recipe (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    owner      regrole NOT NULL DEFAULT pg_catalog.quote_ident(current_user)::regrole,
    subject    text DEFAULT @extschema@.subject(),
    tenant     text DEFAULT @extschema@.tenant(),
    shared     boolean NOT NULL DEFAULT false,
    template   text NOT NULL,
    sections   jsonb NOT NULL,
    budget     int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX recipe_own ON @extschema@.recipe
    (name, owner, coalesce(subject, ''), coalesce(tenant, ''));
CREATE UNIQUE INDEX recipe_shared ON @extschema@.recipe (name) WHERE shared;
COMMENT ON TABLE @extschema@.recipe IS
    'contexts put together from queries: own ones, and those that an administrator shares';
COMMENT ON COLUMN @extschema@.recipe.shared IS
    'everybody may run it; set by share_recipe()';
COMMENT ON COLUMN @extschema@.recipe.template IS
    'the whole text; {{name}} is what a section contributes, {{args.x}} an argument';
COMMENT ON COLUMN @extschema@.recipe.sections IS
    'array of {"name", "query", "item", "priority", "share", "limit"}';

ALTER TABLE @extschema@.recipe ENABLE ROW LEVEL SECURITY;
CREATE POLICY recipe_own ON @extschema@.recipe
    USING (owner = pg_catalog.quote_ident(current_user)::regrole
        AND subject IS NOT DISTINCT FROM (SELECT @extschema@.subject())
        AND tenant IS NOT DISTINCT FROM (SELECT @extschema@.tenant()));
CREATE POLICY recipe_shared ON @extschema@.recipe FOR SELECT USING (shared);
-- owner, subject, tenant and shared are not for the user to choose
GRANT SELECT, INSERT (name, template, sections, budget), UPDATE (budget) ON @extschema@.recipe TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.recipe',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = owner)');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.recipe_id_seq', '');

CREATE FUNCTION @extschema@._check_recipe(template text, sections jsonb, budget int)
    RETURNS void
    AS 'MODULE_PATHNAME', 'intel__check_recipe'
    LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._check_recipe(text, jsonb, int) IS
    'internal: raises for everything that is wrong with a recipe';

CREATE FUNCTION @extschema@.create_recipe(name text, template text, sections jsonb, budget int DEFAULT 4000)
    RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._check_recipe(template, sections, budget);
    IF EXISTS (SELECT FROM @extschema@.recipe r WHERE r.name = create_recipe.name AND r.shared) THEN
        RAISE EXCEPTION 'shared recipe "%" already exists', name USING ERRCODE = 'duplicate_object';
    END IF;
    INSERT INTO @extschema@.recipe (name, template, sections, budget)
        VALUES (name, template, sections, budget);
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'recipe "%" already exists', name
            USING ERRCODE = 'duplicate_object', HINT = 'SELECT intel.drop_recipe(...) removes it.';
    WHEN check_violation THEN
        RAISE EXCEPTION 'name of the recipe is not valid'
            USING ERRCODE = 'invalid_name', HINT = 'Use up to 63 lower-case letters, digits and underscores.';
END
$$;
COMMENT ON FUNCTION @extschema@.create_recipe(text, text, jsonb, int) IS
    'stores a recipe for the caller: a template, and sections {"name", "query" (a SELECT; $1 is args), "item" (a template over each row), "priority", "share", "limit"}';

CREATE FUNCTION @extschema@.drop_recipe(name text) RETURNS boolean
    LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@._delete_own('@extschema@.recipe', ARRAY(
        SELECT r.ctid FROM @extschema@.recipe r WHERE r.name = drop_recipe.name
            AND r.owner = quote_ident(current_user)::regrole
            AND r.subject IS NOT DISTINCT FROM @extschema@.subject()
            AND r.tenant IS NOT DISTINCT FROM @extschema@.tenant()
        FOR UPDATE)) > 0;
$$;
COMMENT ON FUNCTION @extschema@.drop_recipe(text) IS
    'drops a recipe of the caller; false when there is none of that name';

CREATE FUNCTION @extschema@.share_recipe(name text, shared boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE @extschema@.recipe r SET shared = share_recipe.shared
        WHERE r.name = share_recipe.name
        AND r.owner = quote_ident(current_user)::regrole
        AND r.subject IS NOT DISTINCT FROM @extschema@.subject()
        AND r.tenant IS NOT DISTINCT FROM @extschema@.tenant();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'recipe "%" does not exist', name
            USING ERRCODE = 'undefined_object', HINT = 'Only a recipe of one''s own can be shared.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.share_recipe(text, boolean) IS
    'lets everybody run a recipe of the caller, with their own rights; for administrators';
REVOKE EXECUTE ON FUNCTION @extschema@.share_recipe(text, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.assemble(
        recipe text, args jsonb DEFAULT '{}', budget int DEFAULT NULL,
        OUT content text, OUT tokens int, OUT citations jsonb, OUT omitted jsonb)
    AS 'MODULE_PATHNAME', 'intel_assemble'
    LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.assemble(text, jsonb, int) IS
    'runs a recipe with the caller''s rights, read only, and returns its text of at most budget tokens, what is in it and what was left out';

-- ---- search -------------------------------------------------------------

CREATE FUNCTION @extschema@._search(
        source regclass, query text, embedding real[], k int, mode text,
        content_column text, embedding_column text, title_column text,
        OUT source_key jsonb, OUT title text, OUT content text,
        OUT score real, OUT vector_rank int, OUT text_rank int)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'intel__search'
    LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@._search(regclass, text, real[], int, text, text, text, text) IS
    'internal: search() with the embedding of the query given';

CREATE FUNCTION @extschema@._vector_column(source regclass) RETURNS text
    AS 'MODULE_PATHNAME', 'intel__vector_column'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._vector_column(regclass) IS
    'internal: the only vector column of a table or view, as the catalogs have it now';

CREATE FUNCTION @extschema@._query_embedding(
        source regclass, query text, INOUT embedding_column text, INOUT embedding_model text,
        OUT query_prompt text, OUT content text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_at smallint;
BEGIN
    -- what was dropped since the snapshot is not among the filled ones
    embedding_column := coalesce(embedding_column, (@extschema@._filled_column(source, NULL)).target,
        @extschema@._vector_column(source));
    IF embedding_model IS NULL THEN
        -- as embed_query(): what the name means now, whatever the snapshot, and what fills that in the snapshot
        found_at := @extschema@._column_number(source, embedding_column);
    END IF;
    IF found_at IS NOT NULL THEN
        SELECT c.model, c.query_prompt INTO embedding_model, query_prompt
            FROM pg_attribute a LEFT JOIN @extschema@.embedding_column c ON c.source = a.attrelid AND c.number = a.attnum
            WHERE a.attrelid = _query_embedding.source AND a.attnum = found_at;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'column "%" is newer than the snapshot of the transaction', embedding_column
                USING ERRCODE = 'serialization_failure', HINT = 'Repeat the transaction.';
        END IF;
    END IF;
    content := CASE WHEN query IS NOT NULL
        THEN coalesce(@extschema@.render(query_prompt, jsonb_build_object('query', query)), query) END;
END
$$;
COMMENT ON FUNCTION @extschema@._query_embedding(regclass, text, text, text) IS
    'internal: the column that a query searches, by what model and prompt it is filled now, and the text to embed; until the transaction ends the column stays what it is';

CREATE FUNCTION @extschema@.search(
        source regclass, query text, k int DEFAULT 10, mode text DEFAULT 'hybrid',
        embedding_model text DEFAULT NULL, content_column text DEFAULT NULL,
        embedding_column text DEFAULT NULL, title_column text DEFAULT NULL,
        OUT source_key jsonb, OUT title text, OUT content text,
        OUT score real, OUT vector_rank int, OUT text_rank int)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    embedding real[];
    e record;
BEGIN
    IF mode IN ('vector', 'hybrid') THEN
        e := @extschema@._query_embedding(source, search.query, embedding_column, embedding_model);
        embedding_column := e.embedding_column;
        embedding := @extschema@.embed(e.content, e.embedding_model)::real[];
    END IF;
    RETURN QUERY SELECT * FROM @extschema@._search(source, search.query, embedding, k, mode,
        content_column, embedding_column, title_column);
END
$$;
COMMENT ON FUNCTION @extschema@.search(regclass, text, int, text, text, text, text, text) IS
    'the k rows of a table or view that fit a query best, as the caller may see them; mode vector, text, or hybrid (both, fused by reciprocal rank)';
REVOKE EXECUTE ON FUNCTION @extschema@.search(regclass, text, int, text, text, text, text, text) FROM PUBLIC;

-- ---- ask ----------------------------------------------------------------

CREATE FUNCTION @extschema@._ask_step(request jsonb, state jsonb, reply jsonb) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'intel__ask_step'
    LANGUAGE C STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@._ask_step(jsonb, jsonb, jsonb) IS
    'internal: the steps of task ask between its model calls';

CREATE FUNCTION @extschema@._ask_request(
        question text, source regclass, k int, model text, embedding_model text,
        budget int, mode text, content_column text, embedding_column text, title_column text)
    RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    -- with this search_path regclass prints qualified
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'question', question, 'source', source::text, 'k', k, 'model', model,
        'embedding_model', embedding_model, 'budget', budget, 'mode', mode, 'content_column', content_column,
        'embedding_column', coalesce(embedding_column, (@extschema@._filled_column(source, embedding_column)).target),
        'title_column', title_column));
$$;
COMMENT ON FUNCTION @extschema@._ask_request(text, regclass, int, text, text, int, text, text, text, text) IS
    'internal: the request of task ask';

CREATE FUNCTION @extschema@.ask(
        question text, source regclass, k int DEFAULT 6, model text DEFAULT NULL,
        embedding_model text DEFAULT NULL, budget int DEFAULT 4000, mode text DEFAULT 'hybrid',
        content_column text DEFAULT NULL, embedding_column text DEFAULT NULL,
        title_column text DEFAULT NULL,
        OUT answer text, OUT citations jsonb, OUT grounded real, OUT inference_id bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result jsonb := @extschema@.run_task('ask', @extschema@._ask_request(question, source, k,
        model, embedding_model, budget, mode, content_column, embedding_column, title_column));
BEGIN
    answer := result ->> 'answer';
    citations := result -> 'citations';
    grounded := result ->> 'grounded';
    inference_id := result ->> 'inference_id';
END
$$;
COMMENT ON FUNCTION @extschema@.ask(text, regclass, int, text, text, int, text, text, text, text) IS
    'answers a question from the rows of a table or view that the caller may see; grounded is the share of the answer''s sentences that cite, as [n], a source that was given: 1 all, 0 none, null when the answer is that the sources hold none; it says nothing about whether the source supports the sentence';
REVOKE EXECUTE ON FUNCTION @extschema@.ask(text, regclass, int, text, text, int, text, text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.submit_ask(
        question text, source regclass, k int DEFAULT 6, model text DEFAULT NULL,
        embedding_model text DEFAULT NULL, budget int DEFAULT 4000, mode text DEFAULT 'hybrid',
        content_column text DEFAULT NULL, embedding_column text DEFAULT NULL,
        title_column text DEFAULT NULL, options jsonb DEFAULT '{}')
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN @extschema@.submit('ask', @extschema@._ask_request(question, source, k,
        model, embedding_model, budget, mode, content_column, embedding_column, title_column), options);
END
$$;
COMMENT ON FUNCTION @extschema@.submit_ask(text, regclass, int, text, text, int, text, text, text, text, jsonb) IS
    'queues a question for a worker and returns the job; its result has answer, citations and grounded';
REVOKE EXECUTE ON FUNCTION @extschema@.submit_ask(text, regclass, int, text, text, int, text, text, text, text, jsonb) FROM PUBLIC;

INSERT INTO @extschema@.task (name, step, description) VALUES
    ('ask', '@extschema@._ask_step(jsonb, jsonb, jsonb)',
     'answer a question from a table or view, with citations: {"question": text, "source": qualified name, "k", "model", "embedding_model", "budget", "mode", "content_column", "embedding_column", "title_column"}');
