-- Providers, models and who may use them; calls to models.

-- ---- catalogue ----------------------------------------------------------
-- llm_catalog.c reads these tables by column number: new columns go last.

CREATE TABLE @extschema@.provider (
    name text PRIMARY KEY
        CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,62}$'),
    kind text NOT NULL
        CHECK (kind IN ('openai', 'azure', 'responses', 'anthropic', 'gemini', 'ollama', 'tei', 'builtin')),
    base_url text
        CHECK (length(base_url) <= 1000
               AND base_url ~* '^https?://([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[a-z0-9._~-]+)*/?$'),
    secret text
        CHECK (secret ~ '^(env|file|vault):[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$'),
    enabled boolean NOT NULL DEFAULT true,
    timeout_ms integer
        CHECK (timeout_ms BETWEEN 1 AND 3600000),
    max_concurrency integer NOT NULL DEFAULT 16
        CHECK (max_concurrency BETWEEN 1 AND 1000),
    allow_private_network boolean NOT NULL DEFAULT false,
    redaction_policy text NOT NULL DEFAULT 'default',
    ca_certificate text
        CHECK (ca_certificate ~ '^-----BEGIN CERTIFICATE-----'
               AND length(ca_certificate) <= 100000),
    CONSTRAINT provider_https_check
        CHECK (base_url ~* '^https://' OR allow_private_network),
    CONSTRAINT provider_builtin_check
        CHECK (kind <> 'builtin'
               OR (base_url IS NULL AND secret IS NULL AND name = 'builtin')),
    CONSTRAINT provider_ca_check
        CHECK (ca_certificate IS NULL OR base_url IS NOT NULL),
    CONSTRAINT provider_own_url_check
        CHECK (kind NOT IN ('azure', 'ollama', 'tei') OR base_url IS NOT NULL)
);
COMMENT ON TABLE @extschema@.provider IS
    'places that models are called at; a key is named here, never stored';
COMMENT ON COLUMN @extschema@.provider.name IS
    'how models refer to it';
COMMENT ON COLUMN @extschema@.provider.kind IS
    'wire format: openai (any compatible server), responses (OpenAI''s newer one), azure, anthropic, gemini, ollama, tei, builtin';
COMMENT ON COLUMN @extschema@.provider.base_url IS
    'https address without user, query or fragment; null: the public address of the kind';
COMMENT ON COLUMN @extschema@.provider.secret IS
    'reference to the key: env:NAME, file:NAME or vault:NAME; null: no key is sent';
COMMENT ON COLUMN @extschema@.provider.enabled IS
    'false switches the provider off: calls are refused before anything is sent';
COMMENT ON COLUMN @extschema@.provider.timeout_ms IS
    'longest time of one call; null: intel.llm_timeout';
COMMENT ON COLUMN @extschema@.provider.max_concurrency IS
    'most calls in flight to the provider from this database';
COMMENT ON COLUMN @extschema@.provider.allow_private_network IS
    'true permits http and private or loopback addresses (a model server of your own)';
COMMENT ON COLUMN @extschema@.provider.redaction_policy IS
    'policy that every text passes before it is sent; none sends it as it is';
COMMENT ON COLUMN @extschema@.provider.ca_certificate IS
    'certificates in PEM that alone are trusted here; null: those of the system';

CREATE TABLE @extschema@.model (
    name text PRIMARY KEY
        CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,62}$'),
    provider text NOT NULL REFERENCES @extschema@.provider ON UPDATE CASCADE,
    model_id text NOT NULL
        CHECK (model_id ~ '^[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,199}$'),
    task text NOT NULL CHECK (task IN ('chat', 'embed', 'rerank')),
    dimensions integer CHECK (dimensions BETWEEN 1 AND 16000),
    context_window integer CHECK (context_window > 0),
    input_price numeric CHECK (input_price >= 0),
    output_price numeric CHECK (output_price >= 0),
    rpm integer CHECK (rpm > 0),
    tpm integer CHECK (tpm > 0),
    fallback text REFERENCES @extschema@.model
        ON UPDATE CASCADE ON DELETE SET NULL CHECK (fallback <> name),
    options jsonb NOT NULL DEFAULT '{}'
        CHECK (jsonb_typeof(options) = 'object'
               AND NOT options ?| '{model,prompt,system,messages,contents}'),
    cached_price numeric CHECK (cached_price >= 0),
    CONSTRAINT model_only_embed_check
        CHECK (task = 'embed' OR dimensions IS NULL)
);
COMMENT ON TABLE @extschema@.model IS 'models that can be called by name';
COMMENT ON COLUMN @extschema@.model.model_id IS
    'name of the model at its provider';
COMMENT ON COLUMN @extschema@.model.task IS
    'chat (also serves complete), embed or rerank';
COMMENT ON COLUMN @extschema@.model.dimensions IS
    'length of the embeddings; answers of another length are refused';
COMMENT ON COLUMN @extschema@.model.context_window IS
    'most tokens of prompt and answer together';
COMMENT ON COLUMN @extschema@.model.input_price IS
    'price of 1,000,000 input tokens';
COMMENT ON COLUMN @extschema@.model.output_price IS
    'price of 1,000,000 output tokens';
COMMENT ON COLUMN @extschema@.model.cached_price IS
    'price of 1,000,000 input tokens that the provider''s cache had; null: as input_price';
COMMENT ON COLUMN @extschema@.model.rpm IS 'most requests per minute';
COMMENT ON COLUMN @extschema@.model.tpm IS 'most tokens per minute';
COMMENT ON COLUMN @extschema@.model.fallback IS
    'model that answers when this one cannot';
COMMENT ON COLUMN @extschema@.model.options IS
    'options of every request that does not give them itself, such as {"dimensions": 512}';

CREATE TABLE @extschema@.model_grant (
    model text NOT NULL REFERENCES @extschema@.model
        ON UPDATE CASCADE ON DELETE CASCADE,
    grantee regrole NOT NULL,
    PRIMARY KEY (model, grantee)
);
COMMENT ON TABLE @extschema@.model_grant IS
    'which roles, and members of roles, may use a model; 0 is everybody';

CREATE TABLE @extschema@.egress_host (
    host text PRIMARY KEY
        CHECK (host ~ '^((\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])$'
               AND length(host) <= 255)
);
COMMENT ON TABLE @extschema@.egress_host IS
    'hosts that may be called, whatever providers say; while it is empty, those of all providers';
COMMENT ON COLUMN @extschema@.egress_host.host IS
    'name or address as it stands in base_url, or *.domain for all names below a domain';

CREATE INDEX model_provider_idx ON @extschema@.model (provider);
CREATE INDEX model_fallback_idx ON @extschema@.model (fallback);

INSERT INTO @extschema@.provider (name, kind, redaction_policy)
    VALUES ('builtin', 'builtin', 'none');
INSERT INTO @extschema@.model (name, provider, model_id, task, dimensions)
    VALUES ('builtin-embedding', 'builtin', 'embedding', 'embed', 384),
           ('builtin-answer', 'builtin', 'answer', 'chat', NULL),
           ('builtin-rerank', 'builtin', 'rerank', 'rerank', NULL);
INSERT INTO @extschema@.model_grant
    VALUES ('builtin-embedding', 0), ('builtin-answer', 0), ('builtin-rerank', 0);

-- written by the owner of the extension only
GRANT SELECT ON @extschema@.provider, @extschema@.model, @extschema@.model_grant
    TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.egress_host', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.provider',
    'WHERE name <> ''builtin''');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.model',
    'WHERE name NOT IN (''builtin-embedding'', ''builtin-answer'', ''builtin-rerank'')');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.model_grant',
    'WHERE NOT (model IN (''builtin-embedding'', ''builtin-answer'', ''builtin-rerank'') AND grantee::oid = 0::oid)
        AND (grantee::oid = 0::oid OR EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = grantee))');

CREATE FUNCTION @extschema@._catalog_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel__catalog_changed'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._catalog_changed() IS
    'internal: makes every session read the catalogue of models again';

CREATE FUNCTION @extschema@._provider_guard() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel__provider_guard'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._provider_guard() IS
    'internal: a provider does not take its key along to another address';

CREATE FUNCTION @extschema@._request_check(task text, request jsonb) RETURNS void
    AS 'MODULE_PATHNAME', 'intel__request_check'
    LANGUAGE C STABLE PARALLEL SAFE STRICT;
COMMENT ON FUNCTION @extschema@._request_check(text, jsonb) IS
    'internal: raises where a request cannot be sent to any model';

CREATE FUNCTION @extschema@._options_check(task text, options jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._request_check(CASE task WHEN 'chat' THEN 'complete' ELSE task END, options || CASE task
        WHEN 'embed' THEN '{"contents": [""]}' WHEN 'rerank' THEN '{"query": "", "documents": [""]}' ELSE '{"prompt": ""}' END::jsonb);
EXCEPTION
    WHEN invalid_parameter_value THEN
        RAISE EXCEPTION 'options are not valid'
            USING ERRCODE = 'invalid_parameter_value', DETAIL = format('With them a %s.', SQLERRM);
END
$$;
COMMENT ON FUNCTION @extschema@._options_check(text, jsonb) IS
    'internal: raises where options have a member that is unknown, for another task or of a wrong type';

CREATE FUNCTION @extschema@._model_guard() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.options ? 'fallback' THEN
        RAISE EXCEPTION 'options are not valid'
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'A "fallback" is given by a request.',
                HINT = 'Column "fallback" names the model that answers in the place of this one.';
    END IF;
    -- what the constraints of the table refuse is left to them
    IF jsonb_typeof(NEW.options) = 'object' AND NEW.task IN ('chat', 'embed', 'rerank') THEN
        PERFORM @extschema@._options_check(NEW.task, NEW.options);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@._model_guard() IS
    'internal: options of a model are those that its requests can have';

CREATE TRIGGER model_guard BEFORE INSERT OR UPDATE OF task, options ON @extschema@.model
    FOR EACH ROW EXECUTE FUNCTION @extschema@._model_guard();
CREATE TRIGGER provider_guard BEFORE INSERT OR UPDATE ON @extschema@.provider
    FOR EACH ROW EXECUTE FUNCTION @extschema@._provider_guard();
CREATE TRIGGER provider_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.provider
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._catalog_changed();
CREATE TRIGGER model_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.model
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._catalog_changed();
CREATE TRIGGER model_grant_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.model_grant
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._catalog_changed();
CREATE TRIGGER egress_host_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.egress_host
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._catalog_changed();
-- also when session_replication_role switches ordinary triggers off
ALTER TABLE @extschema@.provider ENABLE ALWAYS TRIGGER provider_guard;
ALTER TABLE @extschema@.provider ENABLE ALWAYS TRIGGER provider_changed;
ALTER TABLE @extschema@.model ENABLE ALWAYS TRIGGER model_changed;
ALTER TABLE @extschema@.model_grant ENABLE ALWAYS TRIGGER model_grant_changed;
ALTER TABLE @extschema@.egress_host ENABLE ALWAYS TRIGGER egress_host_changed;

-- A row that names a dropped role would serve whoever gets its number later.
CREATE FUNCTION @extschema@._prune_grants() RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH gone AS (
            DELETE FROM @extschema@.model_grant g
             WHERE g.grantee::oid <> 0::oid
               AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = g.grantee)
            RETURNING 1)
        SELECT count(*) FROM gone
    $$;
COMMENT ON FUNCTION @extschema@._prune_grants() IS
    'internal: removes grants of models to roles that were dropped';
REVOKE ALL ON FUNCTION @extschema@._prune_grants() FROM PUBLIC;

CREATE FUNCTION @extschema@._address_class(address text) RETURNS text
    AS 'MODULE_PATHNAME', 'intel__address_class'
    LANGUAGE C IMMUTABLE PARALLEL SAFE STRICT;
COMMENT ON FUNCTION @extschema@._address_class(text) IS
    'internal: public, private or forbidden, as the egress rules see an address';

-- ---- calls --------------------------------------------------------------
-- embed is STABLE although it may call a server: it changes nothing, and the
-- same text gives the same vector throughout a statement. VOLATILE would keep
-- ORDER BY embedding <=> embed('...') from using an index. It is not
-- IMMUTABLE: what a model name means is a row.

CREATE FUNCTION @extschema@._embed(content text, model text) RETURNS real[]
    AS 'MODULE_PATHNAME', 'intel__embed'
    LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION @extschema@._embed(text, text) IS
    'internal: embedding of one text as numbers';
REVOKE ALL ON FUNCTION @extschema@._embed(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@._embed_batch(contents text[], model text)
    RETURNS SETOF real[]
    AS 'MODULE_PATHNAME', 'intel__embed_batch'
    LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 100;
COMMENT ON FUNCTION @extschema@._embed_batch(text[], text) IS
    'internal: embeddings of texts, in their order, as numbers';
REVOKE ALL ON FUNCTION @extschema@._embed_batch(text[], text) FROM PUBLIC;

CREATE FUNCTION @extschema@._call(task text, request jsonb) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'intel__call'
    LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT COST 10000;
COMMENT ON FUNCTION @extschema@._call(text, jsonb) IS
    'internal: runs a task (complete, chat, embed, rerank) and waits for its result';
REVOKE ALL ON FUNCTION @extschema@._call(text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.embed(content text, model text DEFAULT NULL)
    RETURNS @extschema@.vector
    LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000
    SET search_path = pg_catalog, pg_temp
    AS 'SELECT @extschema@._embed(content, model)::@extschema@.vector';
COMMENT ON FUNCTION @extschema@.embed(text, text) IS
    'embedding of a text by a model, by default intel.default_embedding_model';
REVOKE ALL ON FUNCTION @extschema@.embed(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.embed(contents text[], model text DEFAULT NULL)
    RETURNS @extschema@.vector[]
    LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000
    SET search_path = pg_catalog, pg_temp
    AS 'SELECT coalesce(array_agg(e::@extschema@.vector ORDER BY n), array[]::@extschema@.vector[])
          FROM @extschema@._embed_batch(contents, model) WITH ORDINALITY AS t(e, n)
        HAVING contents IS NOT NULL';
COMMENT ON FUNCTION @extschema@.embed(text[], text) IS
    'embeddings of texts, in their order, with as few calls as possible';
REVOKE ALL ON FUNCTION @extschema@.embed(text[], text) FROM PUBLIC;

CREATE FUNCTION @extschema@.complete(prompt text, model text DEFAULT NULL,
        options jsonb DEFAULT '{}') RETURNS text
    LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT @extschema@._call('complete', coalesce(options, '{}')
            || jsonb_build_object('prompt', prompt)
            || CASE WHEN model IS NULL THEN '{}' ELSE jsonb_build_object('model', model) END)
            ->> 'content'
        WHERE prompt IS NOT NULL
    $$;
COMMENT ON FUNCTION @extschema@.complete(text, text, jsonb) IS
    'answer of a model to a prompt; options: system, max_tokens, temperature, ...';
REVOKE ALL ON FUNCTION @extschema@.complete(text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.chat(messages jsonb, model text DEFAULT NULL,
        options jsonb DEFAULT '{}') RETURNS jsonb
    LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT @extschema@._call('chat', coalesce(options, '{}')
            || jsonb_build_object('messages', messages)
            || CASE WHEN model IS NULL THEN '{}' ELSE jsonb_build_object('model', model) END)
        WHERE messages IS NOT NULL
    $$;
COMMENT ON FUNCTION @extschema@.chat(jsonb, text, jsonb) IS
    'next message of a conversation, with finish_reason, model and usage';
REVOKE ALL ON FUNCTION @extschema@.chat(jsonb, text, jsonb) FROM PUBLIC;

-- Rows of a stream reach the client one by one where the executor asks for
-- them one by one: not from a function in FROM, whose rows it collects first.
-- These are stable and without settings of their own so that the planner puts
-- their query in the place of their call; then FROM is as good as a select
-- list. Bodies of this form are bound to their functions when created, so they
-- need no search_path.

CREATE FUNCTION @extschema@._stream(task text, request jsonb) RETURNS SETOF text
    AS 'MODULE_PATHNAME', 'intel__stream'
    LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT COST 10000 ROWS 100;
COMMENT ON FUNCTION @extschema@._stream(text, jsonb) IS
    'internal: text of an answer, in pieces as they arrive';
REVOKE ALL ON FUNCTION @extschema@._stream(text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@._stream_chat(request jsonb) RETURNS SETOF jsonb
    AS 'MODULE_PATHNAME', 'intel__stream_chat'
    LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT COST 10000 ROWS 100;
COMMENT ON FUNCTION @extschema@._stream_chat(jsonb) IS
    'internal: pieces of the next message as they arrive, then the whole result';
REVOKE ALL ON FUNCTION @extschema@._stream_chat(jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.stream(prompt text, model text DEFAULT NULL,
        options jsonb DEFAULT '{}') RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL UNSAFE COST 10000 ROWS 100
    BEGIN ATOMIC
        SELECT @extschema@._stream('complete', coalesce(options, '{}')
            || pg_catalog.jsonb_build_object('prompt', prompt, 'stream', true)
            || CASE WHEN model IS NULL THEN '{}' ELSE pg_catalog.jsonb_build_object('model', model) END)
         WHERE prompt IS NOT NULL;
    END;
COMMENT ON FUNCTION @extschema@.stream(text, text, jsonb) IS
    'answer of a model to a prompt, in pieces as they arrive';
REVOKE ALL ON FUNCTION @extschema@.stream(text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.stream_chat(messages jsonb, model text DEFAULT NULL,
        options jsonb DEFAULT '{}') RETURNS SETOF jsonb
    LANGUAGE sql STABLE PARALLEL UNSAFE COST 10000 ROWS 100
    BEGIN ATOMIC
        SELECT @extschema@._stream_chat(coalesce(options, '{}')
            || pg_catalog.jsonb_build_object('messages', messages, 'stream', true)
            || CASE WHEN model IS NULL THEN '{}' ELSE pg_catalog.jsonb_build_object('model', model) END)
         WHERE messages IS NOT NULL;
    END;
COMMENT ON FUNCTION @extschema@.stream_chat(jsonb, text, jsonb) IS
    'next message of a conversation: {"delta": text} as it arrives, then what chat returns';
REVOKE ALL ON FUNCTION @extschema@.stream_chat(jsonb, text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@._rerank_limit(model text) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel__rerank_limit'
    LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._rerank_limit(text) IS
    'internal: most documents that a model, and what it falls back on, take in one request';
REVOKE ALL ON FUNCTION @extschema@._rerank_limit(text) FROM PUBLIC;

-- each document has its score, whatever it is ranked with
CREATE FUNCTION @extschema@.rerank(query text, documents text[], model text DEFAULT NULL,
        top integer DEFAULT NULL)
    RETURNS TABLE (rank bigint, index integer, score double precision, document text)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000 ROWS 20
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH scored AS (
            SELECT s.first, r.n, s.first + (r.value ->> 'index')::integer AS at,
                   (r.value ->> 'score')::double precision AS score
              FROM (SELECT @extschema@._rerank_limit(model)) AS l (n),
                   generate_series(0, cardinality(documents) - 1, l.n) AS s (first),
                   jsonb_array_elements(@extschema@._call('rerank',
                       jsonb_build_object('query', query, 'documents',
                           to_jsonb(documents[array_lower(documents, 1) + s.first : array_lower(documents, 1) + s.first + l.n - 1]))
                       || CASE WHEN model IS NULL THEN '{}' ELSE jsonb_build_object('model', model) END)
                       -> 'results') WITH ORDINALITY AS r(value, n)
             WHERE query IS NOT NULL AND cardinality(documents) > 0)
        SELECT row_number() OVER w, at + 1, score, documents[array_lower(documents, 1) + at]
          FROM scored
        WINDOW w AS (ORDER BY score DESC, first, n)
         ORDER BY 1
         LIMIT top
    $$;
COMMENT ON FUNCTION @extschema@.rerank(text, text[], text, integer) IS
    'documents in the order in which they answer a query, best first; index is their position in the array';
REVOKE ALL ON FUNCTION @extschema@.rerank(text, text[], text, integer) FROM PUBLIC;

CREATE FUNCTION @extschema@._schema_problem(schema jsonb, value jsonb) RETURNS text
    AS 'MODULE_PATHNAME', 'intel__schema_problem'
    LANGUAGE C IMMUTABLE PARALLEL SAFE STRICT;
COMMENT ON FUNCTION @extschema@._schema_problem(jsonb, jsonb) IS
    'internal: why a value does not fit a JSON Schema, or null when it does';
REVOKE ALL ON FUNCTION @extschema@._schema_problem(jsonb, jsonb) FROM PUBLIC;
