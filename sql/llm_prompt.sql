-- prompts: versions, labels, who sees them, and that calls name them
\set SHOW_CONTEXT never
SELECT intel.create_prompt('greet', 'Say hello to {{who}}.') AS first;
SELECT intel.create_prompt('greet', 'Greet {{who}}{{#formal}} with respect{{/formal}}.', options => '{"system": "You speak {{language}}.", "temperature": 0}') AS second;
SELECT intel.create_prompt('greet', 'Hi {{who}}!', 'staging') AS third;
SELECT name, version, label, template, options, shared FROM intel.prompt ORDER BY version;

-- what a name stands for
SELECT intel.render_prompt('greet', '{"who": "{{Ann}}"}') AS production,
    intel.render_prompt('greet', '{"who": "Ann"}', 'staging') AS staging,
    intel.render_prompt('greet', '{"who": "Ann", "formal": true, "language": "Dutch"}', version => 2) AS second;
SELECT intel._prompt_use('{"name": "greet", "version": 2, "vars": {"who": "Ann", "formal": false, "language": "Dutch"}}') - 'id' AS used;
SELECT intel.label_prompt('greet', 2, 'production');
SELECT string_agg(concat_ws(' ', version, label), ', ' ORDER BY version) FROM intel.prompt;
SELECT intel.label_prompt('greet', 3, 'production');
SELECT string_agg(concat_ws(' ', version, label), ', ' ORDER BY version) FROM intel.prompt;
SELECT intel.label_prompt('greet', 3, NULL);
SELECT intel.render_prompt('greet', '{"who": "Ann"}');
SELECT intel.label_prompt('greet', 1, 'production');

-- versions do not change, whoever wants it
UPDATE intel.prompt SET template = 'x' WHERE version = 1;
UPDATE intel.prompt SET version = 7 WHERE version = 1;
UPDATE intel.prompt SET options = '{"a": 1}' WHERE version = 1;
UPDATE intel.prompt SET label = 'production' WHERE version = 2;

-- what is wrong
SELECT intel.create_prompt('Bad Name', 'x');
SELECT intel.create_prompt('bad', 'x', 'Bad Label');
SELECT intel.create_prompt(NULL, 'x');
SELECT intel.create_prompt('bad', NULL);
SELECT intel.create_prompt('bad', '');
SELECT intel.create_prompt('bad', 'secret {{a}} {{#b}}');
SELECT intel.create_prompt('bad', 'x', options => '[]');
SELECT intel.create_prompt('bad', 'x', options => '{"system": 1}');
SELECT intel.create_prompt('bad', 'x', options => '{"system": "{{/a}}"}');
SELECT intel.create_prompt('bad', 'x', options => '{"fallback": "x"}');
SELECT intel.create_prompt('bad', 'x', options => '{"model": 1}');
SELECT intel.create_prompt('bad', 'x', options => '{"temprature": 0}');
SELECT intel.create_prompt('bad', 'x', options => '{"max_tokens": "many"}');
SELECT intel.create_prompt('bad', 'x', options => '{"schema": {"type": "date"}}');
SELECT intel.label_prompt('greet', 9, 'production');
SELECT intel.label_prompt('nowhere', 1, 'production');
SELECT intel.label_prompt('greet', 1, 'Not a label');
SELECT intel.render_prompt('nowhere');
SELECT intel.render_prompt('greet', label => 'other');
SELECT intel.render_prompt('greet', version => 9);
SELECT intel.render_prompt('greet', version => -1);
SELECT intel.render_prompt('greet', label => 'production', version => 1);
SELECT intel.render_prompt('greet');
SELECT intel.render_prompt('greet', '[]');
SELECT intel._prompt_use('{"name": "greet", "version": 1.5}');
SELECT intel._prompt_use('{"name": "greet", "version": "1"}');
SELECT intel._prompt_use('{"name": "greet", "versoin": 1}');
SELECT intel._prompt_use('{"name": ["greet"]}');
SELECT intel._prompt_use('"greet"');
SELECT intel._prompt_use('{}');
SELECT intel.complete_prompt('nowhere');
SELECT intel.complete_prompt(NULL);
SELECT intel.complete('x', options => '{"system": {"name": "nowhere"}}');
SELECT intel._call('complete', '{"prompt": {"name": "greet"}, "system": {"name": "greet"}}');
SELECT intel._call('chat', '{"messages": [{"role": "system", "content": {"name": "greet"}}, {"role": "user", "content": {"name": "greet"}}]}');
SELECT intel._call('complete', '{"prompt": {"name": "greet", "vars": {"who": "Ann"}, "version": 1}, "temperature": "high"}');
SELECT intel._call('chat', '{"messages": [{"role": "user", "content": "x"}], "prompt": {"name": "greet", "vars": {"who": "Ann"}}}');
SELECT intel._call('rerank', '{"query": "x", "documents": ["x"], "prompt": {"name": "greet"}}');

-- calls name the version; the builtin model answers
SELECT intel.create_prompt('question', E'<<<kqvbdnrstmhgfjpc [1] Cards>>>\n{{source}}\n<<<kqvbdnrstmhgfjpc end>>>\n\nQuestion: {{question}}');
SELECT intel.complete_prompt('question', '{"source": "A lost card is blocked by phone.", "question": "How is a lost card blocked?"}');
SELECT task, model, status, prompt_name, prompt_version, prompt_id = (SELECT id FROM intel.prompt WHERE name = 'question') AS same
    FROM intel.inference WHERE id = intel.last_inference();
SELECT attributes ->> 'gen_ai.prompt.name' AS name, attributes ->> 'intel.prompt_version' AS version
    FROM intel.inference_span WHERE id = intel.last_inference();
SELECT intel.chat('[{"role": "system", "content": {"name": "greet", "vars": {"who": "Ann"}}}, {"role": "user", "content": "x"}]') ->> 'finish_reason' AS finish_reason;
SELECT prompt_name, prompt_version FROM intel.inference WHERE id = intel.last_inference();
SELECT count(*) FROM intel.stream('x', options => '{"system": {"name": "greet", "vars": {"who": "Ann"}}}');
SELECT prompt_name, prompt_version FROM intel.inference WHERE id = intel.last_inference();
SELECT intel.complete('plain') IS NOT NULL AS answered;
SELECT prompt_name, prompt_version FROM intel.inference WHERE id = intel.last_inference();

-- a job is given the version when it is submitted
SELECT intel.create_prompt('greet', 'Good day {{who}}.', 'production') AS fourth;
SELECT intel._prompt_pin('{"prompt": {"name": "greet", "vars": {"who": "Ann"}}, "temperature": 1}');
SELECT intel._prompt_pin('{"prompt": "x", "system": {"name": "greet", "version": 1}}');
SELECT intel._prompt_pin('{"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": {"name": "greet", "label": "production"}}]}');
SELECT intel._prompt_pin('{"messages": 1, "prompt": null}');
SELECT intel.submit('complete', '{"prompt": {"name": "greet", "label": "other"}}');

-- others do not see it, nor meet its name
CREATE ROLE eval_ann;
CREATE ROLE eval_bob;
SELECT intel.grant_access('eval_ann'), intel.grant_access('eval_bob');
SET ROLE eval_ann;
SET request.jwt.claims = '{"sub": "a1", "tenant_id": "t1"}';
SELECT count(*) FROM intel.prompt;
SELECT intel.render_prompt('greet', '{"who": "Ann"}');
SELECT intel.render_prompt('no_such_prompt', '{"who": "Ann"}');
SELECT intel.create_prompt('greet', 'Ann''s {{who}}') AS first;
SELECT intel.create_prompt('greet', 'Ann''s other {{who}}', 'production') AS second;
SELECT intel.render_prompt('greet', '{"who": "greeting"}');
SELECT intel.share_prompt('greet');
INSERT INTO intel.prompt (name, version, template, tenant) VALUES ('other', 1, 'x', 't2');
INSERT INTO intel.prompt (name, version, template, owner) VALUES ('other', 1, 'x', 'eval_bob');
INSERT INTO intel.prompt (name, version, template, shared) VALUES ('other', 1, 'x', true);
INSERT INTO intel.prompt (name, version, template) VALUES ('other', 0, 'x');
UPDATE intel.prompt SET shared = true;
UPDATE intel.prompt SET owner = 'eval_bob';
UPDATE intel.prompt SET template = 'x';
-- another user of the tenant, another tenant, another role
SET request.jwt.claims = '{"sub": "a2", "tenant_id": "t1"}';
SELECT count(*) FROM intel.prompt;
SET request.jwt.claims = '{"sub": "a1", "tenant_id": "t2"}';
SELECT intel.label_prompt('greet', 1, 'production');
SELECT intel.drop_prompt('greet');
SET ROLE eval_bob;
SET request.jwt.claims = '{"sub": "a1", "tenant_id": "t1"}';
SELECT count(*) FROM intel.prompt;
WITH u AS (UPDATE intel.prompt SET label = NULL RETURNING 1) SELECT count(*) FROM u;
SELECT count(*) FILTER (WHERE intel.drop_prompt(name)) FROM intel.prompt;
SELECT intel._prompt_find('{"name": "greet", "version": 2}');
RESET request.jwt.claims;
RESET ROLE;
-- nor is a superuser served the prompt of another
SELECT count(*) FROM intel.prompt WHERE name = 'greet';
SELECT intel.render_prompt('greet', '{"who": "you"}', version => 2);
SELECT intel.label_prompt('greet', 2, 'production');

-- shared prompts
SELECT intel.share_prompt('question');
SELECT intel.create_prompt('question', 'Second: {{question}}', 'production') AS second;
SET ROLE eval_bob;
SET request.jwt.claims = '{"sub": "b1", "tenant_id": "t2"}';
SELECT intel.render_prompt('question', '{"question": "why?"}');
SELECT intel.complete_prompt('question', '{"question": "why?"}') IS NOT NULL AS answered;
SELECT name, version, label, calls, failed, owner FROM intel.prompt_performance CROSS JOIN intel._caller() owner;
SELECT intel.create_prompt('question', 'mine');
SELECT intel.label_prompt('question', 1, 'production');
WITH u AS (UPDATE intel.prompt SET label = NULL RETURNING 1) SELECT count(*) FROM u;
SELECT intel.drop_prompt('question');
RESET request.jwt.claims;
RESET ROLE;
SELECT intel.share_prompt('question', false);
SET ROLE eval_bob;
SELECT intel.render_prompt('question', '{"question": "why?"}');
RESET ROLE;

-- a prompt of one's own is not served in the place of a shared one
SET ROLE eval_bob;
SELECT intel.create_prompt('question', 'Bob''s'), intel.create_prompt('question', 'Bob''s other', 'mine'), intel.create_prompt('question', 'Bob''s third');
SELECT intel.render_prompt('question', label => 'mine');
RESET ROLE;
SELECT intel.share_prompt('question');
SET ROLE eval_bob;
SELECT intel.render_prompt('question', '{"question": "why?"}');
SELECT intel.render_prompt('question', label => 'mine');
SELECT intel.render_prompt('question', version => 3);
RESET ROLE;
SELECT intel.share_prompt('question', false);

-- the log keeps its names when a prompt is dropped, and a new one is another
SELECT intel.drop_prompt('question'), intel.drop_prompt('question') AS again;
SELECT intel.create_prompt('question', 'New: {{question}}') AS first;
SELECT intel.complete_prompt('question', '{"question": "why?"}') IS NOT NULL AS answered;
SELECT name, version, label, calls FROM intel.prompt_performance WHERE name = 'question' ORDER BY prompt_id;

SELECT intel.drop_prompt('question'), intel.drop_prompt('greet');
SELECT count(*) FROM intel.prompt WHERE name = 'greet';
DELETE FROM intel.prompt;
SELECT intel.revoke_access('eval_ann'), intel.revoke_access('eval_bob');
DELETE FROM intel.inference;
DROP ROLE eval_ann, eval_bob;
