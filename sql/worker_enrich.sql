-- enrichments: options are checked when they are given, not when rows are written
CREATE SCHEMA enr;
CREATE TABLE enr.doc (id int PRIMARY KEY, title text, body text, out text, embedding intel.vector(384));
\set SHOW_CONTEXT never
CREATE FUNCTION enr.attempt(options jsonb, kind text DEFAULT 'text', OUT code text, OUT message text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM intel.create_enrichment('x', 'enr.doc', '{title,body}', CASE kind WHEN 'embedding' THEN 'embedding' ELSE 'out' END,
        '', kind, options);
    -- what is accepted can be written, too
    INSERT INTO enr.doc VALUES (1, '', '');
    UPDATE enr.doc SET title = NULL;
    RAISE EXCEPTION 'accepted' USING ERRCODE = '00001';
EXCEPTION
    WHEN OTHERS THEN
        code := SQLSTATE;
        message := SQLERRM;
END
$$;
SELECT o.options, a.* FROM unnest(ARRAY['5', '[]', '{"priority": 100000}', '{"priority": "high"}', '{"priority": 1.5}', '{"priority": [1]}',
    '{"priority": -32769}', '{"max_attempts": 0}', '{"max_attempts": 101}', '{"max_attempts": true}', '{"words": "many"}', '{"words": 0}',
    '{"words": {"ann": 1}}', '{"backfill": "x"}', '{"backfill": 1}', '{"model": 5}', '{"model": {"a": 1}}', '{"model": "none"}',
    '{"model": "builtin-embedding"}', '{"labels": []}', '{"labels": "a"}', '{"minimum": "x"}', '{"maximum": [1]}', '{"prompt": 5}',
    '{"prompt": ["a"]}', '{"prompt": {}}', '{"prompt": "{{title"}', '{"prompt": "{{#title}}"}', '{"prompt": "{{other}}"}',
    '{"prompt": "{{^title}}{{other}}{{/title}}"}', '{"prompt": "{{#title}}{{other}}{{/title}}"}', '{"query_prompt": 5}',
    '{"query_prompt": "{{title}}"}', '{"query_prompt": "{{"}', '{"mood": 1}']::jsonb[]) WITH ORDINALITY o(options, n), enr.attempt(o.options) a ORDER BY n;
SELECT o.kind, o.options, a.* FROM (VALUES (1, 'class', jsonb '{}'), (2, 'class', '{"labels": []}'), (3, 'class', '{"labels": [1, 2]}'),
    (4, 'class', '{"labels": ["a", "a"]}'), (5, 'class', '{"labels": [["a"]]}'), (6, 'tags', '{"labels": [""]}'), (7, 'tags', '{"labels": {"a": 1}}'),
    (8, 'score', '{"minimum": 2}'), (9, 'score', '{"minimum": 3, "maximum": -3}'), (10, 'score', '{"maximum": false}'),
    (11, 'embedding', '{"model": "builtin-answer"}'), (12, 'embedding', '{"model": [1]}'), (13, 'embedding', '{"prompt": "{{none}}"}'),
    (14, 'embedding', '{"query_prompt": "{{#query}}"}')) o(n, kind, options), enr.attempt(o.options, o.kind) a ORDER BY n;

-- what is right, with nulls that mean the default
SELECT o.kind, o.options, a.code FROM (VALUES (1, 'text', NULL::jsonb), (2, 'text', '{"priority": -32768, "max_attempts": 100}'),
    (3, 'text', '{"priority": 32767, "backfill": false, "model": "builtin-answer", "prompt": "{{#title}}{{title}}{{/title}} {{body}}"}'),
    (4, 'tags', '{"labels": null, "prompt": null, "model": null, "words": null, "backfill": null, "priority": null}'),
    (5, 'summary', '{"words": 5, "priority": "7"}'), (6, 'score', '{"minimum": -1.5, "maximum": 1e3}'), (7, 'class', '{"labels": ["a", "b"]}'),
    (8, 'embedding', '{"prompt": "{{title}}", "query_prompt": "{{#query}}q: {{query}}{{/query}}"}'))
    o(n, kind, options), enr.attempt(o.options, o.kind) a ORDER BY n;
SELECT intel.create_enrichment(NULL, 'enr.doc', '{title}', 'out', '') AS strict;
SELECT intel.create_enrichment('Ann''s own', 'enr.doc', '{title}', 'out', '');

-- a backfill is behind other rows, as far as numbers go
INSERT INTO enr.doc VALUES (1);
SELECT intel.create_enrichment('low', 'enr.doc', '{title}', 'out', '', options => '{"priority": -32768}') IS NOT NULL AS created;
INSERT INTO enr.doc VALUES (2);
SELECT priority, count(*) FROM intel.job_queue WHERE task = 'enrich' GROUP BY 1;

-- a column has one enrichment
SELECT intel.create_enrichment('second', 'enr.doc', '{title}', 'out', '');
SELECT intel.drop_enrichment('low');

-- two that feed each other would call models without end, also by way of others or of generated columns
CREATE TABLE enr.word (id int PRIMARY KEY, en text, de text, fr text, short text GENERATED ALWAYS AS (lower(fr)) STORED);
SELECT intel.create_enrichment('en_de', 'enr.word', '{en}', 'de', 'Translate.') IS NOT NULL AS created;
SELECT intel.create_enrichment('de_en', 'enr.word', '{de}', 'en', 'Translate.');
SELECT intel.create_enrichment('de_fr', 'enr.word', '{en,de}', 'fr', 'Translate.') IS NOT NULL AS created;
SELECT intel.create_enrichment('fr_en', 'enr.word', '{fr}', 'en', 'Translate.');
SELECT intel.create_enrichment('short_en', 'enr.word', '{short}', 'en', 'Translate.');
SELECT intel.drop_enrichment('de_fr');
SELECT intel.create_enrichment('short_fr', 'enr.word', '{short}', 'fr', 'Translate.');
SELECT intel.create_enrichment('fr_en', 'enr.word', '{fr}', 'en', 'Translate.') IS NOT NULL AS created;
SELECT intel.drop_enrichment(n) FROM unnest('{en_de,fr_en}'::text[]) n;

-- no partitions, and no children of other tables, by whose statements rows would be missed; nor does it become one
CREATE TABLE enr.parent (id int, body text, out text) PARTITION BY RANGE (id);
CREATE TABLE enr.part (id int PRIMARY KEY, body text, out text);
CREATE TABLE enr.child (PRIMARY KEY (id)) INHERITS (enr.part);
SELECT intel.create_enrichment('child', 'enr.child', '{body}', 'out', '');
SELECT intel.create_enrichment('part', 'enr.part', '{body}', 'out', '') IS NOT NULL AS created;
CREATE FUNCTION enr.becomes(change text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE change;
    RETURN 'done';
EXCEPTION
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, '\d+', 'N');
END
$$;
SELECT enr.becomes('ALTER TABLE enr.parent ATTACH PARTITION enr.part DEFAULT');
DROP TABLE enr.child;
SELECT enr.becomes('ALTER TABLE enr.parent ATTACH PARTITION enr.part DEFAULT');
SELECT enr.becomes('CREATE TABLE enr.older (id int, body text, out text); ALTER TABLE enr.part INHERIT enr.older');
INSERT INTO enr.part VALUES (1), (2), (3);
WITH gone AS (DELETE FROM enr.part WHERE id = 2 RETURNING id) DELETE FROM enr.part p USING gone WHERE p.id = 3;
SELECT source_key FROM intel.enrichment_row ORDER BY 1;
SELECT intel.drop_enrichment('part');

-- targets that would never be written
CREATE DOMAIN enr.tags AS text[];
CREATE DOMAIN enr.stars AS int CHECK (value BETWEEN 0 AND 5);
CREATE TYPE enr.mood AS ENUM ('good', 'bad');
CREATE TABLE enr.target (id int PRIMARY KEY, body text, gen text GENERATED ALWAYS AS (upper(body)) STORED, num int GENERATED BY DEFAULT AS IDENTITY,
    tags enr.tags, moods enr.mood[], json jsonb, small smallint, stars enr.stars, ratio real, mood enr.mood, flag bool, word varchar(2));
INSERT INTO enr.target (id, body) VALUES (1, 'some words');
CREATE TEMP TABLE enr_temp (id int PRIMARY KEY, body text, out text);
SELECT intel.create_enrichment('x', 'enr_temp', '{body}', 'out', '');
SELECT intel.create_enrichment('x', 'enr.target', array_fill('body'::text, ARRAY[51]), 'word', '');
CREATE FUNCTION enr.fits(target text, kind text, options jsonb, OUT code text, OUT message text, OUT schema jsonb) LANGUAGE plpgsql AS $$
DECLARE
    written text;
BEGIN
    PERFORM intel.create_enrichment('x', 'enr.target', '{body}', target, '', kind, options);
    schema := (SELECT intel._enrich_schema(e) FROM intel.enrichment e WHERE e.name = 'x') #> '{properties,value}';
    RAISE EXCEPTION USING ERRCODE = '00001', MESSAGE = '';
EXCEPTION
    WHEN OTHERS THEN
        code := SQLSTATE;
        message := SQLERRM;
END
$$;
SELECT o.target, o.kind, o.options, f.* FROM (VALUES (1, 'gen', 'text', jsonb '{}'), (2, 'num', 'score', '{}'), (3, 'flag', 'score', '{}'), (4, 'small', 'boolean', '{}'),
    (5, 'mood', 'class', '{"labels": ["good", "ugly"]}'), (6, 'mood', 'class', '{"labels": ["good", "bad"]}'), (7, 'small', 'tags', '{}'), (8, 'tags', 'tags', '{}'),
    (9, 'moods', 'tags', '{"labels": ["good"]}'), (10, 'moods', 'tags', '{"labels": ["good", "secret"]}'), (11, 'json', 'tags', '{"labels": ["a"]}'),
    (12, 'small', 'score', '{}'), (13, 'small', 'score', '{"minimum": 0.2}'), (14, 'small', 'score', '{"maximum": 100000}'), (15, 'stars', 'score', '{"maximum": 5}'),
    (16, 'stars', 'score', '{"maximum": 6}'), (17, 'ratio', 'score', '{"minimum": 0.2}'), (18, 'word', 'class', '{"labels": ["long label"]}'),
    (19, 'flag', 'boolean', '{}')) o(n, target, kind, options), enr.fits(o.target, o.kind, o.options) f ORDER BY n;
-- those of a domain over an array are written as such
SELECT intel._enrich_write(e, intel._enrich_update(e), '{"id": 1}', '"{\"value\": [\"a\", \"b c\"]}"', '', false)
FROM (SELECT (jsonb_populate_record(NULL::intel.enrichment, jsonb_build_object('source', 'enr.target', 'key', '{id}'::text[], 'target', 'tags', 'kind', 'tags'))).*) e;
SELECT tags FROM enr.target;

-- a change counts whatever the settings of the writer show of it, and a type need not know what is equal
CREATE TABLE enr.measure (id int PRIMARY KEY, size float8, at point, out text);
INSERT INTO enr.measure VALUES (1, 0.1, '(1,1)'), (2, 0.1, '(1,1)'), (3, NULL, NULL);
SELECT intel.create_enrichment('measure', 'enr.measure', '{size,at}', 'out', '', options => '{"backfill": false}') IS NOT NULL AS created;
SET extra_float_digits = -5;
UPDATE enr.measure SET size = 0.1000000000001 WHERE id = 1;
UPDATE enr.measure SET size = 0.1, at = '(1,1)' WHERE id = 2;
UPDATE enr.measure SET at = NULL, out = '' WHERE id = 3;
RESET extra_float_digits;
SELECT source_key FROM intel.enrichment_row ORDER BY 1;
SELECT intel.drop_enrichment('measure');

-- also with another model
SELECT intel.create_enrichment('emb', 'enr.doc', '{title}', 'embedding', '', 'embedding', NULL) IS NOT NULL AS created;
SELECT intel.change_enrichment_model('emb', 'builtin-embedding', '{"max_attempts": 0}');
SELECT intel.change_enrichment_model('emb', 'builtin-embedding', '{"prompt": "{{title"}');
SELECT intel.change_enrichment_model('emb', 'builtin-embedding', '[]');
SELECT intel.change_enrichment_model('emb', 'builtin-embedding', NULL);
SELECT intel.change_enrichment_model('emb', NULL) AS strict;
SELECT options FROM intel.enrichment WHERE name = 'emb_v2';
SELECT intel.abandon_enrichment_model('emb');
SELECT intel.drop_enrichment('emb');
DROP SCHEMA enr CASCADE;
DELETE FROM intel.job_queue;
