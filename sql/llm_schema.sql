-- llm: values against JSON Schemas
SELECT s AS schema, v AS value, intel._schema_problem(s::jsonb, v::jsonb) AS problem
FROM (VALUES
    ('{}', '1'), ('true', '1'), ('false', '1'),
    ('{"type": "string"}', '"a"'), ('{"type": "string"}', '1'), ('{"type": "integer"}', '5'), ('{"type": "integer"}', '5.0'),
    ('{"type": "integer"}', '5.5'), ('{"type": "number"}', '5'), ('{"type": "boolean"}', 'false'), ('{"type": "null"}', 'null'),
    ('{"type": "null"}', '0'), ('{"type": ["string", "null"]}', 'null'), ('{"type": ["string", "null"]}', '1'),
    ('{"type": "object"}', '[]'), ('{"type": "array"}', '{}'),
    ('{"enum": ["a", 1, null, {"b": [2]}]}', '{"b": [2]}'), ('{"enum": ["a", 1]}', '1.0'), ('{"enum": ["a", 1]}', '"b"'),
    ('{"const": "a"}', '"a"'), ('{"const": "a"}', '"A"'),
    ('{"minimum": 1, "maximum": 3}', '1'), ('{"minimum": 1, "maximum": 3}', '0.999'), ('{"minimum": 1, "maximum": 3}', '4'),
    ('{"exclusiveMinimum": 1}', '1'), ('{"exclusiveMaximum": 1}', '1'), ('{"exclusiveMaximum": 1}', '0.5'), ('{"minimum": 5}', '"text"'),
    ('{"minLength": 2, "maxLength": 3}', '"äöü"'), ('{"minLength": 2}', '"ä"'), ('{"maxLength": 3}', '"abcd"'),
    ('{"minItems": 1}', '[]'), ('{"maxItems": 1}', '[1, 2]'), ('{"items": {"type": "integer"}}', '[1, 2]'),
    ('{"items": {"type": "integer"}}', '[1, "2"]'), ('{"items": false}', '[]'), ('{"items": false}', '[1]'),
    ('{"properties": {"a": {"type": "integer"}}}', '{"a": 1, "b": 2}'), ('{"properties": {"a": {"type": "integer"}}}', '{"a": "1"}'),
    ('{"required": ["a"]}', '{"a": null}'), ('{"required": ["a"]}', '{}'), ('{"required": ["a"]}', '[]'),
    ('{"properties": {"a": {}}, "additionalProperties": false}', '{"a": 1}'),
    ('{"properties": {"a": {}}, "additionalProperties": false}', '{"a": 1, "b": 1}'),
    ('{"additionalProperties": {"type": "string"}}', '{"a": "x"}'), ('{"additionalProperties": {"type": "string"}}', '{"a": 1}'),
    ('{"anyOf": [{"type": "string"}, {"minimum": 5}]}', '7'), ('{"anyOf": [{"type": "string"}, {"minimum": 5}]}', '3'),
    ('{"oneOf": [{"type": "integer"}, {"minimum": 5}]}', '7'), ('{"oneOf": [{"type": "integer"}, {"minimum": 5}]}', '3'),
    ('{"allOf": [{"type": "integer"}, {"minimum": 5}]}', '7'), ('{"allOf": [{"type": "integer"}, {"minimum": 5}]}', '3'),
    ('{"$ref": "#/$defs/p", "$defs": {"p": {"type": "integer"}}}', '1'), ('{"$ref": "#/$defs/p", "$defs": {"p": {"type": "integer"}}}', '"1"'),
    ('{"$ref": "#/$defs/none"}', '1'), ('{"$ref": "https://example.com/s.json"}', '1'), ('{"$ref": "#"}', '1'),
    ('{"properties": {"next": {"$ref": "#"}}, "required": ["v"]}', '{"v": 1, "next": {"v": 2, "next": {"v": 3}}}'),
    ('{"properties": {"next": {"$ref": "#"}}, "required": ["v"]}', '{"v": 1, "next": {"v": 2, "next": {}}}'),
    ('{"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}', '1'),
    ('{"title": "t", "description": "d", "format": "email", "default": 1, "examples": []}', '"not checked"'),
    -- what would not be checked is refused
    ('{"pattern": "^a"}', '"a"'), ('{"not": {}}', '1'), ('{"properties": {"a": {"multipleOf": 2}}}', '{}'), ('{"patternProperties": {}}', '{}'),
    ('{"my secret keyword": 1}', '1'), ('{"type": "text"}', '1'), ('{"type": []}', '1'), ('{"enum": []}', '1'), ('{"required": "a"}', '{}'),
    ('{"minLength": -1}', '""'), ('{"minimum": "1"}', '1'), ('{"anyOf": []}', '1'), ('{"items": [1]}', '[]'), ('{"properties": []}', '{}'),
    ('"string"', '1'), ('{"$ref": 1}', '1')) AS t(s, v);
-- alternatives of alternatives end
SELECT intel._schema_problem(('{"$defs": {"a": {"anyOf": [' || string_agg('{"$ref": "#/$defs/a"}', ',') || ']}}, "$ref": "#/$defs/a"}')::jsonb, '1')
FROM generate_series(1, 30);
SELECT intel._schema_problem((repeat('{"items": ', 70) || '{}' || repeat('}', 70))::jsonb, '1');

-- builtin models do not fill schemas, and a schema is checked before anything is sent
SELECT intel.extract('text', '{"type": "object"}');
SELECT intel.complete('x', options := '{"schema": {"pattern": "x"}}');
SELECT intel.classify('text', ARRAY['a', 'b']);
SELECT intel.extract(NULL, '{}') IS NULL AS none, intel.extract('x', NULL) IS NULL AS no_schema, intel.classify('x', '{}') IS NULL AS no_labels,
       intel.is_true(NULL, 'x') IS NULL AS no_statement, intel.summarize(NULL) IS NULL AS no_text, intel.translate('x', NULL) IS NULL AS no_language;
