-- render: a strict subset of mustache
SELECT intel.render('Hello {{name}}, {{ person.first.given }} and {{{raw}}} {{&raw}}!',
    '{"name": "<Ann> & Bob", "person": {"first": {"given": "Zoë"}}, "raw": "\"x\""}');
SELECT intel.render('{{n}} {{t}} {{f}} [{{z}}] {{a}} {{o}}',
    '{"n": 1.50, "t": true, "f": false, "z": null, "a": [1, "x"], "o": {"k": null}}');
-- values are never expanded again
SELECT intel.render('{{a}} {{b}}', '{"a": "{{b}}", "b": "{{#a}}"}');
-- sections: lists, objects, inverted, nested, current element
SELECT intel.render('{{#items}}{{name}}={{.}};{{/items}}', '{"items": [{"name": "a"}, {"name": "b"}]}');
SELECT intel.render('{{#l}}<{{.}}>{{/l}}{{#o}}{{x}}{{y}}{{/o}}', '{"l": [1, "two", null, false], "o": {"x": 1}, "y": 2}');
SELECT intel.render('{{#a}}{{#b}}{{c}}{{d}} {{/b}}{{/a}}', '{"a": [{"b": [{"c": 1}, {"c": 2}], "d": "x"}, {"b": [], "d": "y"}, {"b": {"c": 3}, "d": "z"}]}');
SELECT v, intel.render('{{#v}}shown{{/v}}{{^v}}hidden{{/v}}', jsonb_build_object('v', v))
FROM unnest(ARRAY['null', 'false', '""', '[]', 'true', '0', '"x"', '{}', '[0]']::jsonb[]) v;
-- a hidden section is not looked into
SELECT intel.render('{{#no}}{{missing}}{{#also.missing}}{{/also.missing}}{{/no}}ok', '{"no": false}');
-- comments, and tags alone on their line
SELECT intel.render(E'a\n{{! a comment\nof two lines }}\nb\n  {{#l}}\n- {{.}}\n  {{/l}}\nend {{! inline }}.\n', '{"l": [1, 2]}');
SELECT intel.render(E'{{#l}}\r\n{{.}}\r\n{{/l}}\r\n', '{"l": ["x"]}') = E'x\r\n' AS keeps_crlf;
SELECT intel.render('', '{}') = '' AS empty, intel.render('no tags } }} { here', '{}');

-- errors: position and hint, never a value
SELECT intel.render('Zoë {{name', '{"name": "secret"}');
SELECT intel.render('Zoë {{nmae}}', '{"name": "secret"}');
SELECT intel.render('{{a.b.c}}', '{"a": {"b": "secret"}}');
SELECT intel.render('{{#list}}{{/list}}', '{}');
SELECT intel.render('{{#a}} {{#b}} {{/a}}', '{"a": 1, "b": 2}');
SELECT intel.render('{{#a}} open', '{"a": 1}');
SELECT intel.render('{{/a}}', '{"a": 1}');
SELECT intel.render('{{}}', '{}');
SELECT intel.render('{{a b}}', '{}');
SELECT intel.render('{{a..b}}', '{}');
SELECT intel.render('{{> partial}}', '{}');
SELECT intel.render('{{=<% %>=}}', '{}');
SELECT intel.render('x', '[1]');
SELECT intel.render(repeat('{{#a}}', 33) || repeat('{{/a}}', 33), '{"a": true}');
SELECT intel.render(repeat('{{#a}}', 32) || repeat('{{/a}}', 32), '{"a": true}') = '' AS deepest;
SELECT intel.render('{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}', '{"a": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}');
\set VERBOSITY sqlstate
SELECT intel.render('{{a', '{}');
SELECT intel.render('{{a}}', '{}');
SELECT intel.render('{{>a}}', '{}');
SELECT intel.render('{{#a}}{{/b}}', '{}');
