-- llm: calls of builtin models, and what a request may be
SET search_path = public, intel;
SELECT intel.complete('Question: x') = intel.complete('Question: x', 'builtin-answer') AS default_model;
SELECT intel.vector_dims(intel.embed('The quick brown fox')) AS dims,
       round(intel.vector_norm(intel.embed('The quick brown fox'))::numeric, 5) AS norm,
       intel.embed('fox') = intel.embed('fox', 'builtin-embedding') AS default_model;
SELECT intel.embed('') IS NOT NULL AS empty, intel.embed(NULL::text) IS NULL AS null_text,
       intel.embed(NULL::text[]) IS NULL AS null_array, intel.embed('{}'::text[]) AS no_texts, intel.complete(NULL) IS NULL AS null_prompt,
       intel.chat(NULL) IS NULL AS null_messages;
WITH e AS (SELECT intel.embed(ARRAY['one', NULL, 'two', 'one']) AS v)
SELECT array_length(v, 1) AS n, v[1] = v[4] AS same, v[2] IS NULL AS none, v[3] = intel.embed('two') AS as_alone FROM e;
SELECT array_length(intel.embed(array(SELECT 'text ' || i FROM generate_series(1, 1000) i)), 1) AS n;
-- words in common make texts near
SELECT intel.embed('how to reclaim disk space with vacuum') <=> intel.embed('VACUUM reclaims storage')
     < intel.embed('how to reclaim disk space with vacuum') <=> intel.embed('a recipe for apple pie') AS nearer;
-- the planner may use an index for ORDER BY column <=> embed(...), and must not repeat what costs
SELECT proname, provolatile, proparallel FROM pg_proc WHERE pronamespace = 'intel'::regnamespace
    AND proname IN ('embed', 'complete', 'chat') ORDER BY 1;

-- results, in one shape
SELECT jsonb_object_agg(key, jsonb_typeof(value)) FROM jsonb_each(intel._call('complete', '{"prompt": "x", "system": "y"}'));
SELECT jsonb_object_agg(key, jsonb_typeof(value)) FROM jsonb_each(intel.chat('[{"role": "user", "content": "x"}]'));
SELECT r - '{embeddings,inference_id}'::text[] AS rest, jsonb_array_length(r -> 'embeddings') AS n, jsonb_array_length(r #> '{embeddings,1}') AS dims
FROM intel._call('embed', '{"contents": ["a", "b"]}') r;
-- options are checked, though this model has no use for them
SELECT intel.complete('x', options := '{"temperature": 0, "max_tokens": 5, "stop": ["a", "b"], "seed": 1, "metadata": {"a": "b"}}') IS NOT NULL AS ok;
SELECT intel.complete('x', options := NULL) IS NOT NULL AS ok;
SELECT intel.complete('x', options := '{"model": "builtin-answer", "temperature": null}') IS NOT NULL AS ok;

-- ---- ranking -------------------------------------------------------------------
SELECT rank, index, score > 0 AS related, document
FROM intel.rerank('vacuum disk space', ARRAY['apple pie', 'VACUUM reclaims disk space', 'the disk is full']);
SELECT count(*) FROM intel.rerank('x', ARRAY['a', 'b', 'c'], top => 2);
SELECT count(*) FROM intel.rerank(NULL, ARRAY['a']);
SELECT count(*) FROM intel.rerank('x', '{}');
SELECT index, document FROM intel.rerank('b', '[5:6]={a,b}'::text[]);
SELECT count(*) FROM intel.rerank('x', ARRAY['a'], 'builtin-answer');

-- ---- wrong requests: 22023, and no word of them in the message -----------------
CREATE FUNCTION problem(task text, request jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    m text;
BEGIN
    PERFORM intel._call(task, request);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT;
    RETURN SQLSTATE || ' ' || m;
END
$$;
SELECT problem('complete', r::jsonb) FROM unnest(ARRAY[
    '[]', '1', '{}', '{"prompt": null}', '{"prompt": 5}', '{"prompt": "x", "system": []}', '{"prompt": "x", "model": 5}',
    '{"prompt": "x", "temperature": 3}', '{"prompt": "x", "temperature": "hot"}', '{"prompt": "x", "max_tokens": 0}',
    '{"prompt": "x", "max_tokens": 1.5}', '{"prompt": "x", "max_tokens": 1e30}', '{"prompt": "x", "stop": [1]}', '{"prompt": "x", "stop": {}}',
    '{"prompt": "x", "seed": -1}', '{"prompt": "x", "top_p": 2}', '{"prompt": "x", "metadata": {"a": 1}}', '{"prompt": "x", "schema": []}',
    '{"prompt": "x", "schema_format": "xml"}',
    '{"prompt": "x", "reasoning_effort": "Very high!"}', '{"prompt": "x", "dimensions": 5}', '{"prompt": "x", "messages": []}',
    '{"prompt": "x", "timeout_ms": 0}', '{"prompt": "x", "timeout_ms": "5"}', '{"prompt": "x", "stream": 1}',
    '{"prompt": "x", "My secret e-mail is a@b.example": 1}', '{"prompt": "x", "tools": {}}', '{"prompt": "x", "tools": [{}]}',
    '{"prompt": "x", "tools": [{"type": "function", "function": {"name": "a b"}}]}',
    '{"prompt": "x", "tools": [{"type": "function", "function": {"name": "f", "secret": 1}}]}',
    '{"prompt": "x", "tool_choice": {"a": "b"}}']) r;
SELECT problem('chat', r::jsonb) FROM unnest(ARRAY[
    '{}', '{"messages": []}', '{"messages": {}}', '{"messages": ["x"]}', '{"messages": [{"role": "user"}]}',
    '{"messages": [{"role": "king", "content": "x"}]}', '{"messages": [{"role": "user", "content": 5}]}',
    '{"messages": [{"role": "user", "content": "x", "extra": 1}]}',
    '{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}]}]}',
    '{"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache": 1}]}]}',
    '{"messages": [{"role": "user", "content": "ok"}, {"role": "tool", "content": "x"}]}',
    '{"messages": [{"role": "assistant", "content": null, "tool_calls": []}]}',
    '{"messages": [{"role": "assistant", "content": null, "tool_calls": [{"id": "a b", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]}',
    '{"messages": [{"role": "assistant", "content": null, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": {}}}]}]}',
    '{"messages": [{"role": "user", "content": "x"}], "prompt": "x"}']) r;
SELECT problem('embed', r::jsonb) FROM unnest(ARRAY[
    '{}', '{"contents": []}', '{"contents": "x"}', '{"contents": ["x", null]}', '{"contents": [1]}', '{"contents": ["x"], "temperature": 1}',
    '{"contents": ["x"], "dimensions": 0}', '{"contents": ["x"], "dimensions": 16001}', '{"contents": ["x"], "prompt": "x"}']) r;
SELECT problem('embed', jsonb_build_object('contents', array_agg('x'::text))) FROM generate_series(1, 2049);
SELECT problem('rerank', r::jsonb) FROM unnest(ARRAY[
    '{}', '{"query": "x"}', '{"query": "x", "documents": []}', '{"query": 1, "documents": ["a"]}', '{"query": "x", "documents": ["a", null]}',
    '{"query": "x", "documents": ["a"], "temperature": 0}', '{"query": "x", "documents": ["a"], "dimensions": 5}',
    '{"query": "x", "documents": ["a"], "top_n": 1}']) r;
SELECT problem('rerank', jsonb_build_object('query', 'x', 'documents', array_agg('x'::text))) FROM generate_series(1, 1001);
SELECT problem(t, '{}') FROM unnest(ARRAY['', 'draw', 'COMPLETE']) t;
DROP FUNCTION problem;

-- who has access can call all of it
CREATE ROLE regress_caller;
SELECT intel.grant_access('regress_caller');
SET ROLE regress_caller;
SELECT count(*) FROM intel.rerank('x', ARRAY['a', 'b']);
SELECT count(*) FROM intel.embed(ARRAY['a', 'b']);
RESET ROLE;
SELECT intel.revoke_access('regress_caller');
DROP ROLE regress_caller;
