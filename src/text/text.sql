-- Chunks, token estimates, templates: pure functions of their arguments.

CREATE FUNCTION @extschema@.chunk(
        content text, strategy text DEFAULT 'recursive', size int DEFAULT 400,
        overlap int DEFAULT 40, unit text DEFAULT 'tokens',
        OUT seq int, OUT content text, OUT start int, OUT length int,
        OUT tokens int, OUT heading text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'intel_chunk'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.chunk(text, text, int, int, text) IS
    'cuts a text into chunks of at most size tokens or chars (strategy fixed, sentence, recursive or markdown); substring(content, start, length) is the chunk';

CREATE FUNCTION @extschema@.count_tokens(content text, family text DEFAULT 'default')
    RETURNS int
    AS 'MODULE_PATHNAME', 'intel_count_tokens'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.count_tokens(text, text) IS
    'estimates how many tokens a text has for models of a family: default, cl100k, o200k, claude, gemini or llama';

CREATE FUNCTION @extschema@.render(template text, vars jsonb)
    RETURNS text
    AS 'MODULE_PATHNAME', 'intel_render'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.render(text, jsonb) IS
    'fills in a logic-less template: {{name}}, {{a.b}}, {{#section}}, {{^inverted}}, {{! comment }}; a missing variable is an error, values are never expanded again';
