-- recipes and assemble
\set SHOW_CONTEXT never
CREATE SCHEMA ctx;
CREATE TABLE ctx.note (id int PRIMARY KEY, owner text, title text, body text);
INSERT INTO ctx.note SELECT i, CASE WHEN i % 2 = 0 THEN 'ann' ELSE 'bob' END, 'Note ' || i,
    'This is the text of note number ' || i || '.' FROM generate_series(1, 20) i;
CREATE TABLE ctx.profile (owner text PRIMARY KEY, about text);
INSERT INTO ctx.profile VALUES ('ann', 'Ann likes {{tea}} & <short> answers.'), ('bob', 'Bob has a private number: 555.');

SELECT intel.create_recipe('help',
$t$You help {{args.user}}.
{{#profile}}
About the user:
{{profile}}
{{/profile}}
{{#notes}}
Notes:
{{notes}}
{{/notes}}
Question: {{args.question}}$t$,
jsonb_build_array(
    jsonb_build_object('name', 'profile', 'priority', 10, 'query', 'SELECT about FROM ctx.profile WHERE owner = $1 ->> ''user''', 'item', '{{about}}'),
    jsonb_build_object('name', 'notes', 'limit', 8, 'query',
        'SELECT body, title, jsonb_build_object(''id'', id) AS source_key FROM ctx.note WHERE owner = $1 ->> ''user'' ORDER BY id -- a comment',
        'item', E'[{{n}}] {{title}}: {{body}} (for {{args.user}})\n')), 200);
SELECT content, tokens, tokens = intel.count_tokens(content) AS counted
FROM intel.assemble('help', '{"user": "ann", "question": "What is {{notes}}?"}');
SELECT jsonb_pretty(citations -> 0) AS profile, citations -> 1 AS first_note, jsonb_array_length(citations) AS n, omitted
FROM intel.assemble('help', '{"user": "ann", "question": "q"}');
-- the budget is kept at every size, and what is left out is told
SELECT budget, tokens <= budget AS kept, jsonb_array_length(citations) AS items, omitted
FROM unnest(ARRAY[15, 30, 45, 60, 100, 150]) budget,
     LATERAL intel.assemble('help', '{"user": "ann", "question": "q"}', budget) ORDER BY budget;
SELECT bool_and(tokens <= budget AND tokens = intel.count_tokens(content)) AS never_over, max(tokens) > 170 AS used
FROM generate_series(12, 200) budget, LATERAL intel.assemble('help', '{"user": "bob", "question": "q"}', budget);
SELECT intel.assemble('help', '{"user": "ann", "question": "q"}', 5);
-- nothing found: sections hide themselves
SELECT content FROM intel.assemble('help', '{"user": "nobody", "question": "q"}');

-- shares: a section has no more than its share unless others leave room
SELECT intel.create_recipe('shares', E'{{a}}|{{b}}', '[
    {"name": "a", "priority": 2, "share": 0.5, "query": "SELECT i FROM generate_series(1, 100) i", "item": "apple{{i}} "},
    {"name": "b", "priority": 1, "query": "SELECT i FROM generate_series(1, ($1 ->> ''n'')::int) i", "item": "berry{{i}} "}]', 100);
SELECT n, tokens <= 100 AS kept, (regexp_count(content, 'apple') BETWEEN 15 AND 25) AS a_half,
       regexp_count(content, 'apple') > 30 AS a_more, regexp_count(content, 'berry') BETWEEN 15 AND 25 AS b_half,
       (SELECT jsonb_agg(o - 'count') FROM jsonb_array_elements(omitted) o) AS omitted
FROM unnest(ARRAY[0, 100]) n, LATERAL intel.assemble('shares', jsonb_build_object('n', n)) ORDER BY n;
SELECT intel.drop_recipe('shares'), intel.drop_recipe('shares') AS again;
-- the same item twice is one
SELECT intel.create_recipe('twice', '{{a}}', '[{"name": "a", "query": "SELECT i / 2 AS i FROM generate_series(2, 7) i", "item": "x{{i}} "}]');
SELECT content, omitted FROM intel.assemble('twice');
SELECT intel.drop_recipe('twice');

-- wrong recipes
SELECT intel.create_recipe('help', 'x', '[{"name": "a", "query": "SELECT 1 AS x", "item": "{{x}}"}]');
SELECT intel.create_recipe('Bad Name', 'x', '[{"name": "a", "query": "SELECT 1 AS x", "item": "{{x}}"}]');
SELECT intel.create_recipe('bad', '{{#a}}', '[{"name": "a", "query": "SELECT 1 AS x", "item": "{{x}}"}]');
SELECT intel.create_recipe('bad', 'x', '[]');
SELECT intel.create_recipe('bad', 'x', '[{"name": "args", "query": "SELECT 1 AS x", "item": "{{x}}"}]');
SELECT intel.create_recipe('bad', 'x', '[{"name": "a", "query": "SELECT 1 AS x", "item": "{{x}}"}, {"name": "a", "query": "SELECT 1 AS x", "item": "{{x}}"}]');
SELECT intel.create_recipe('bad', 'x', '[{"name": "a", "query": "SELECT 1 AS x"}]');
SELECT intel.create_recipe('bad', 'x', '[{"name": "a", "query": "SELECT 1 AS x", "item": "{{x}}", "share": 1.5}]');
SELECT intel.create_recipe('bad', 'x', '[{"name": "a", "query": "SELECT 1 AS x", "item": "{{x}}", "limit": 1000}]');
SELECT intel.create_recipe('bad', 'x', '[{"name": "a", "query": "SELECT 1 AS x", "item": "{{x}}", "priority": "high"}]');
SELECT intel.create_recipe('bad', 'x', '[{"name": "a", "query": "SELECT FROM WHERE", "item": "{{x}}"}]');
SELECT intel.create_recipe('bad', 'x', '[{"name": "a", "query": "SELECT * FROM ctx.nowhere", "item": "{{x}}"}]');
SELECT intel.create_recipe('bad', 'x', '[{"name": "a", "query": "SELECT 1 AS x", "item": "{{x}}"}]', 0);
SELECT intel.assemble('nowhere');
SELECT intel.assemble('help', '[]');
SELECT intel.assemble('help', '{}');
SELECT intel.assemble('help', NULL);
SELECT intel.assemble('help', '{}', 0);

-- a section only reads: no second statement, no way out of the parentheses, no change
CREATE FUNCTION ctx.try_recipe(q text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM intel.create_recipe('tried', '{{a}}', jsonb_build_array(jsonb_build_object('name', 'a', 'query', q, 'item', 'x')));
    PERFORM intel.assemble('tried');
    PERFORM intel.drop_recipe('tried');
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || sqlerrm;
END $$;
CREATE SEQUENCE ctx.counter;
CREATE FUNCTION ctx.eraser() RETURNS int LANGUAGE sql VOLATILE AS 'DELETE FROM ctx.note RETURNING id';
SELECT q, ctx.try_recipe(q) FROM unnest(ARRAY[
    'DELETE FROM ctx.note',
    'SELECT 1; DELETE FROM ctx.note',
    'SELECT 1) s; DELETE FROM ctx.note; SELECT (1',
    'SELECT 1 INTO ctx.copy',
    'SELECT * FROM ctx.note FOR UPDATE',
    'SELECT * FROM (SELECT * FROM ctx.note FOR UPDATE) n',
    'WITH d AS (DELETE FROM ctx.note RETURNING *) SELECT * FROM d',
    'TABLE ctx.note /* ',
    'COPY ctx.note TO PROGRAM ''true''',
    'SELECT ctx.eraser()',
    'SELECT nextval(''ctx.counter'')',
    'SELECT set_config(''transaction_read_only'', ''off'', false)',
    'SELECT set_config(''role'', ''pg_monitor'', false)']) WITH ORDINALITY q(q, i) ORDER BY i;
-- settings that a section changes are changed for itself only
SELECT ctx.try_recipe('SELECT set_config(''request.jwt.claims'', ''{"sub": "evil"}'', false), set_config(''search_path'', ''ctx'', false)');
SELECT intel.subject() IS NULL AS same_subject, current_setting('search_path') AS same_path;
SELECT count(*) FROM ctx.note;

-- trust: what one has stored, another does not run
CREATE ROLE intel_ctx_ann;
CREATE ROLE intel_ctx_bob;
GRANT USAGE ON SCHEMA ctx TO intel_ctx_ann, intel_ctx_bob;
GRANT SELECT ON ctx.note TO intel_ctx_ann, intel_ctx_bob;
ALTER TABLE ctx.note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ctx.note USING ('intel_ctx_' || owner = current_user);

SET ROLE intel_ctx_ann;
SELECT intel.create_recipe('mine', '{{n}}', '[{"name": "n", "query": "SELECT id, current_user AS me FROM ctx.note ORDER BY id", "item": "{{me}}:{{id}} "}]');
SELECT content FROM intel.assemble('mine');
-- not the caller's to choose
INSERT INTO intel.recipe (name, template, sections, budget, shared) VALUES ('x', 'x', '[]', 1, true);
INSERT INTO intel.recipe (name, template, sections, budget, owner) VALUES ('x', 'x', '[]', 1, 'intel_ctx_bob');
UPDATE intel.recipe SET shared = true;
SELECT intel.share_recipe('mine');
-- stored behind the back of create_recipe, checked all the same when run
INSERT INTO intel.recipe (name, template, sections, budget)
    VALUES ('sneaky', '{{a}}', '[{"name": "a", "query": "SELECT 1) s; DELETE FROM ctx.note; SELECT (1", "item": "x"}]', 100);
SELECT intel.assemble('sneaky');
SELECT intel.drop_recipe('sneaky');
-- a table that the creator may not read
SELECT intel.create_recipe('foreign', '{{p}}', '[{"name": "p", "query": "SELECT about FROM ctx.profile", "item": "{{about}}"}]');

SET ROLE intel_ctx_bob;
SELECT count(*) AS visible FROM intel.recipe;
SELECT intel.assemble('mine');
SELECT intel.drop_recipe('mine');
RESET ROLE;
-- a superuser sees the row, and still does not run it
SELECT count(*) AS visible FROM intel.recipe WHERE name = 'mine';
SELECT intel.assemble('mine');

-- shared by an administrator: everybody runs it, with his own rights
SELECT intel.create_recipe('everybodys', '{{n}}', '[{"name": "n", "query": "SELECT id, current_user AS me FROM ctx.note ORDER BY id", "limit": 3, "item": "{{me}}:{{id}} "}]');
SELECT intel.share_recipe('nobodys');
SELECT intel.share_recipe('everybodys');
SET ROLE intel_ctx_ann;
SELECT content FROM intel.assemble('everybodys');
SELECT intel.create_recipe('everybodys', 'x', '[{"name": "a", "query": "SELECT 1 AS x", "item": "{{x}}"}]');
SET ROLE intel_ctx_bob;
SELECT content FROM intel.assemble('everybodys');
SELECT intel.drop_recipe('everybodys');
SELECT count(*) FILTER (WHERE intel.drop_recipe(name)) FROM intel.recipe;
-- subject and tenant are part of who one is
SET request.jwt.claims = '{"sub": "u1", "tenant_id": "t1"}';
SELECT intel.create_recipe('per_user', '{{n}}', '[{"name": "n", "query": "SELECT intel.subject() AS s, intel.tenant() AS t", "item": "{{s}}/{{t}}"}]');
SELECT content FROM intel.assemble('per_user');
SET request.jwt.claims = '{"sub": "u2", "tenant_id": "t1"}';
SELECT intel.assemble('per_user');
SET request.jwt.claims = '{"sub": "u1", "tenant_id": "t2"}';
SELECT intel.assemble('per_user');
SELECT count(*) AS visible FROM intel.recipe WHERE NOT shared;
RESET request.jwt.claims;
SELECT intel.assemble('per_user');
-- a name in somebody's search_path does not get in between
RESET ROLE;
CREATE SCHEMA evil;
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS 'SELECT ''evil''';
SELECT intel.create_recipe('lower', '{{n}}', '[{"name": "n", "query": "SELECT lower(''GOOD'') AS x", "item": "{{x}}"}]');
SET search_path = evil, pg_catalog, public;
SELECT content FROM intel.assemble('lower');
RESET search_path;

DELETE FROM intel.recipe;
DROP SCHEMA ctx, evil CASCADE;
DROP ROLE intel_ctx_ann, intel_ctx_bob;
