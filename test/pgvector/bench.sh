#!/bin/bash
# Exact top-10 by both extensions over the same rows: the columns have
# pgvector's types, and intel's operators read them through the casts of
# adopt_pgvector, which cost nothing. Runs alternate between the extensions, so
# that other load on the machine meets both; reported are medians.
#
# ROUNDS (15) runs each; SCALE (1) multiplies the numbers of rows.
set -eu
cd "$(dirname "$0")/../.."
rounds=${ROUNDS:-15} scale=${SCALE:-1}

psql -qX -v ON_ERROR_STOP=1 -v rounds="$rounds" -v scale="$scale" <<'SQL'
SET client_min_messages = warning;
SELECT count(*) AS adopted FROM intel.adopt_pgvector() \gset
\echo rows:
CREATE TABLE f768 (id int, e public.vector(768));
CREATE TABLE h768 (id int, e public.halfvec(768));
CREATE TABLE f128 (id int, e public.vector(128));
ALTER TABLE f128 ALTER COLUMN e SET STORAGE PLAIN;
INSERT INTO f768 SELECT i, intel.random_vector(768, i)::public.vector FROM generate_series(1, (200000 * :scale)::int) i;
INSERT INTO h768 SELECT i, intel.random_vector(768, i)::intel.halfvec::public.halfvec FROM generate_series(1, (200000 * :scale)::int) i;
INSERT INTO f128 SELECT i, intel.random_vector(128, i)::public.vector FROM generate_series(1, (1000000 * :scale)::int) i;
VACUUM (FREEZE, ANALYZE) f768, h768, f128;
SELECT relname AS table, reltuples AS rows, pg_size_pretty(pg_table_size(oid)) AS size FROM pg_class
WHERE relname IN ('f768', 'h768', 'f128') ORDER BY 1;

CREATE TABLE run (what text, operator text, workers int, extension text, ms float8, answer text);
CREATE PROCEDURE bench(what text, type text, operator text, workers int, rounds int) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz;
	ids text;
	extension text;
	query text;
BEGIN
	PERFORM set_config('max_parallel_workers_per_gather', workers::text, false);
	FOR round IN 0..rounds LOOP
		FOREACH extension IN ARRAY ARRAY['public', 'intel', 'none'] LOOP
			-- "none" orders by something that costs nothing: the same scan,
			-- projection and sort without a distance, the floor of both
			query := CASE extension WHEN 'none' THEN format('SELECT string_agg(id::text, '','')
				FROM (SELECT id FROM %I ORDER BY float8um(id) LIMIT 10) s', what)
				ELSE format('SELECT string_agg(id::text, '','') FROM (SELECT id FROM %I ORDER BY e%s OPERATOR(%s.%s) %L LIMIT 10) s',
				what, CASE extension WHEN 'intel' THEN '::intel.' || type ELSE '' END, extension, operator,
				intel.random_vector(CASE what WHEN 'f128' THEN 128 ELSE 768 END, -round)) END;
			began := clock_timestamp();
			EXECUTE query INTO ids;
			-- the first round warms caches
			IF round > 0 THEN
				INSERT INTO run VALUES (what, operator, workers, extension, extract(epoch FROM clock_timestamp() - began) * 1000, round || ':' || ids);
			END IF;
		END LOOP;
	END LOOP;
END $$;
\echo
\echo exact top-10 (medians):
SELECT format('CALL bench(%L, %L, %L, %s, %s)', t, ty, o, w, :rounds)
FROM (VALUES ('f768', 'vector'), ('h768', 'halfvec'), ('f128', 'vector')) x(t, ty), unnest('{<->,<#>,<=>}'::text[]) o, unnest('{0,1}'::int[]) w
ORDER BY t, w, o \gexec
WITH m AS (
	SELECT what, operator, workers, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE extension = 'public') AS pgvector,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE extension = 'intel') AS intel,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE extension = 'none') AS floor,
		count(DISTINCT answer) FILTER (WHERE extension <> 'none') = :rounds AS same_answers
	FROM run GROUP BY what, operator, workers)
SELECT what AS table, operator, workers, round(pgvector::numeric, 1) AS "pgvector ms", round(intel::numeric, 1) AS "intel ms",
	round(floor::numeric, 1) AS "floor ms", round((pgvector / intel)::numeric, 2) AS times,
	round(((pgvector - floor) / nullif(intel - floor, 0))::numeric, 2) AS "times above floor", same_answers,
	round((pg_table_size(what::regclass) / intel / 1e6)::numeric, 2) AS "intel GB/s",
	round((SELECT reltuples FROM pg_class WHERE oid = what::regclass)::numeric / intel::numeric / 1000, 2) AS "intel M rows/s"
FROM m ORDER BY what, workers, operator;
SQL
