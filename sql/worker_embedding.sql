-- enrichments of kind embedding, and the change of their model
CREATE ROLE intel_test_owner;
CREATE ROLE intel_test_other;
SELECT intel.grant_access('intel_test_owner'), intel.grant_access('intel_test_other');
CREATE SCHEMA emb AUTHORIZATION intel_test_owner;
GRANT USAGE ON SCHEMA emb TO intel_test_other;
-- two more names of the builtin model, so that nothing needs a network
INSERT INTO intel.model (name, provider, model_id, task, dimensions)
    VALUES ('second', 'builtin', 'embedding', 'embed', 384), ('unknown-size', 'builtin', 'embedding', 'embed', NULL);
INSERT INTO intel.model_grant VALUES ('second', 0), ('unknown-size', 0);
CREATE FUNCTION emb.settle() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT (intel.wait(job)).status, ', ') FROM intel.enrichment_row WHERE job IS NOT NULL $$;
ALTER FUNCTION emb.settle() SECURITY DEFINER;

SET ROLE intel_test_owner;
SET search_path = intel, public;
CREATE TABLE emb.doc (id int PRIMARY KEY, kind int DEFAULT 1, title text, body text,
    embedding intel.vector(384), half intel.halfvec(384), small intel.vector(3), plain text);
INSERT INTO emb.doc (id, title, body) VALUES (1, 'cats', 'purr'), (2, 'dogs', 'bark'), (3, NULL, '');

-- what is refused
\set SHOW_CONTEXT never
SELECT intel.create_enrichment('x', 'emb.doc', '{title}', 'plain', '', 'embedding');
SELECT intel.create_enrichment('x', 'emb.doc', '{title}', 'small', '', 'embedding');
SELECT intel.create_enrichment('x', 'emb.doc', '{title}', 'embedding', 'Embed it.', 'embedding');
SELECT intel.create_enrichment('x', 'emb.doc', '{title}', 'embedding', '', 'embedding', '{"prompt": [1]}');
SELECT intel.create_enrichment('x', 'emb.doc', '{title}', 'embedding', '', 'embedding', '{"model": "builtin-answer"}');
SELECT intel.create_enrichment('x', 'emb.doc', '{title}', 'embedding', '', 'embedding', '{"model": "none"}');

-- the model is fixed by name; text, template and empty inputs
SELECT intel.create_enrichment('doc', 'emb.doc', '{title,body}', 'embedding', '', 'embedding') IS NOT NULL AS created;
SELECT intel.create_enrichment('doc', 'emb.doc', '{title}', 'half', '', 'embedding') IS NOT NULL AS created;
SELECT intel.create_enrichment('again', 'emb.doc', '{title}', 'embedding', '', 'embedding');
SELECT intel.create_enrichment('half', 'emb.doc', '{title}', 'half', '', 'embedding',
    '{"model": "second", "prompt": "passage: {{title}}", "query_prompt": "query: {{query}}"}') IS NOT NULL AS created;
SELECT name, options FROM intel.enrichment ORDER BY id;
SELECT emb.settle();
SELECT id, embedding = intel.embed(format(E'title: %s\nbody: %s', title, body)) AS exact,
    half = intel.embed('passage: ' || title)::intel.halfvec AS template, embedding IS NULL AS none FROM emb.doc ORDER BY id;
SELECT name, target, rows, done, model, replaces FROM intel.enrichment_status ORDER BY name;
SELECT intel.embed_query('emb.doc', 'a cat') = intel.embed('a cat') AS same,
    intel.embed_query('emb.doc', 'a cat', 'half') = intel.embed('query: a cat') AS same_with_prompt;

-- indexes of every sort
CREATE INDEX doc_a ON emb.doc USING intel (embedding intel.vector_cosine_ops, kind) WITH (lists = 2);
CREATE INDEX "Doc b" ON emb.doc USING intel (embedding intel.vector_l2_ops) WHERE embedding IS NOT NULL AND intel.vector_dims(embedding) > 2;
CREATE INDEX doc_c ON emb.doc (title COLLATE "C" text_pattern_ops DESC NULLS LAST, id) INCLUDE (embedding) WITH (fillfactor = 50) WHERE kind = 1;
CREATE INDEX doc_d ON emb.doc (title);
CREATE UNIQUE INDEX doc_e ON emb.doc (embedding, id) NULLS NOT DISTINCT;

-- a change of model
SELECT intel.change_enrichment_model('nothing', 'second');
SELECT intel.change_enrichment_model('doc', 'builtin-answer');
SELECT intel.change_enrichment_model('doc', 'unknown-size');
SELECT intel.change_enrichment_model('doc', 'second', '{"prompt": 1}');
SELECT intel.finish_enrichment_model('doc');
SELECT intel.abandon_enrichment_model('doc');
SELECT * FROM intel.enrichment_model_indexes('doc');
SELECT intel.change_enrichment_model('doc', 'second', '{"prompt": "second: {{title}} {{body}}"}') AS name;
SELECT intel.change_enrichment_model('doc', 'second');
SELECT intel.change_enrichment_model('doc_v2', 'second');
SELECT intel.drop_enrichment('doc');
SELECT intel.drop_enrichment('doc_v2');
SELECT intel.finish_enrichment_model('doc');
SELECT intel.backfill_enrichment('doc_v2');
SELECT emb.settle();
SELECT intel.backfill_enrichment('doc_v2') AS nothing_left;
SELECT name, target, rows, done, model, replaces FROM intel.enrichment_status ORDER BY name;
SELECT target, model, upcoming FROM intel.embedding_column WHERE source = 'emb.doc'::regclass ORDER BY target;
SELECT source_key FROM intel.search('emb.doc', 'cats', 1, 'vector', content_column => 'title');
SELECT r ->> 'embedding_column' AS asked, r ? 'embedding_model' AS model_fixed, intel._ask_step(r, NULL, NULL) AS step
FROM intel._ask_request('cats?', 'emb.doc', 1, NULL, NULL, 1, NULL, NULL, NULL, NULL) r;
SELECT id, embedding_v2 = intel.embed(intel.render('second: {{title}} {{body}}', to_jsonb(doc) - '{id,kind,embedding,half,small,plain}'::text[])) AS second,
    embedding = intel.embed(format(E'title: %s\nbody: %s', title, body)) AS first FROM emb.doc doc ORDER BY id;
SELECT intel.finish_enrichment_model('doc');
SELECT * FROM intel.enrichment_model_indexes('doc');
SELECT * FROM intel.enrichment_model_indexes('doc') \gexec
SELECT * FROM intel.enrichment_model_indexes('doc');

-- what would stay with the old column
CREATE VIEW emb.shown AS SELECT id, embedding FROM emb.doc;
SELECT intel.finish_enrichment_model('doc');
GRANT SELECT (embedding), UPDATE (embedding) ON emb.doc TO intel_test_other;
PREPARE nearest AS SELECT id FROM emb.doc ORDER BY embedding OPERATOR(intel.<=>) (SELECT intel.embed_query('emb.doc', 'cats')) LIMIT 1;
EXECUTE nearest;
BEGIN;
DROP VIEW emb.shown;
SELECT intel.finish_enrichment_model('doc');
CREATE VIEW emb.shown AS SELECT id, embedding FROM emb.doc;
COMMIT;
EXECUTE nearest;
SELECT name, target, rows, done, model, replaces FROM intel.enrichment_status ORDER BY name;
-- a question that was embedded by the old model is embedded again, another one is searched for
SELECT state, t ->> 'call' AS call, t #> '{request,contents}' AS contents, t #>> '{request,model}' AS model, t #>> '{state,step}' AS next
FROM (VALUES (1, '{"step": "retrieve", "model": "builtin-embedding"}'::jsonb), (2, '{"step": "retrieve"}'),
    (3, '{"step": "retrieve", "model": "second", "query_prompt": "query: {{query}}"}'), (4, '{"step": "retrieve", "model": "second"}')) v(i, state),
    LATERAL intel._ask_step('{"question": "cats?", "source": "emb.doc", "k": 1, "mode": "vector"}', state, jsonb_build_object('embeddings', ARRAY[array_fill(1, ARRAY[384])])) t
ORDER BY i;
SELECT intel._ask_step('{"question": "cats?", "source": "emb.doc", "mode": "vector", "embedding_column": "embedding", "embedding_model": "x"}', NULL, NULL);
SELECT attname, attacl FROM pg_attribute WHERE attrelid = 'emb.doc'::regclass AND attname LIKE 'embedding%' ORDER BY 1;
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'emb.doc'::regclass ORDER BY 1;

-- it goes on being filled, and can be changed again
INSERT INTO emb.doc (id, title, body) VALUES (4, 'birds', 'sing');
SELECT emb.settle();
SELECT embedding = intel.embed('second: birds sing') AS by_the_new_model, embedding_v1 IS NULL AS old_is_left FROM emb.doc WHERE id = 4;
SELECT intel.change_enrichment_model('doc', 'builtin-embedding') AS name;
SELECT intel.backfill_enrichment('doc_v3');
SELECT emb.settle();
SELECT * FROM intel.enrichment_model_indexes('doc');
SELECT intel.abandon_enrichment_model('doc');
SELECT attname FROM pg_attribute WHERE attrelid = 'emb.doc'::regclass AND NOT attisdropped AND attnum > 4 ORDER BY attnum;
SELECT intel.change_enrichment_model('half', 'builtin-embedding') AS name;
SELECT intel.backfill_enrichment('half_v2');
SELECT emb.settle();
SELECT intel.finish_enrichment_model('half', drop_old => true);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'emb.doc'::regclass AND attname LIKE 'half%';

-- others
\set VERBOSITY sqlstate
RESET ROLE;
GRANT SELECT (id, title, half) ON emb.doc TO intel_test_other;
SET ROLE intel_test_other;
SELECT intel.change_enrichment_model('doc', 'second');
SELECT intel.finish_enrichment_model('doc');
SELECT intel.create_enrichment('mine', 'emb.doc', '{title}', 'half', '', 'embedding');
SELECT target, model FROM intel.embedding_column WHERE source = 'emb.doc'::regclass ORDER BY 1;
SELECT intel.embed_query('emb.doc', 'cats') IS NOT NULL AS may_read;
SELECT intel.embed_query('emb.doc', 'cats', 'embedding_v1');
RESET ROLE;
REVOKE SELECT (embedding) ON emb.doc FROM intel_test_other;
SET ROLE intel_test_other;
SELECT intel.embed_query('emb.doc', 'cats');
SELECT intel.embed_query('emb.doc', 'cats', 'no such column');
RESET ROLE;
SELECT intel.revoke_access('intel_test_other');
SET ROLE intel_test_other;
SELECT intel.embed_query('emb.doc', 'cats', 'half');
SELECT intel._column_number('emb.doc', 'half') IS NOT NULL AS may_read;
SELECT intel._column_number('emb.doc', 'embedding');
SELECT intel.change_enrichment_model('doc', 'second');
SELECT intel.finish_enrichment_model('doc');
SELECT intel.abandon_enrichment_model('doc');
SELECT intel.enrichment_model_indexes('doc');
SELECT intel.backfill_enrichment('doc');
\set VERBOSITY default
RESET ROLE;

SET client_min_messages = warning;
DELETE FROM intel.job_queue WHERE owner = 'intel_test_owner'::regrole;
DELETE FROM intel.enrichment WHERE owner = 'intel_test_owner'::regrole;
DROP SCHEMA emb CASCADE;
DELETE FROM intel.model WHERE name IN ('second', 'unknown-size');
SELECT intel.revoke_access('intel_test_owner');
DROP ROLE intel_test_owner, intel_test_other;
