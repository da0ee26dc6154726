#!/bin/bash
# Exact top-10 by both extensions over the same rows: the columns have
# pgvector's types, and intel's operators read them through the casts of
# adopt_pgvector, which cost nothing.
#
# In every round all that is compared runs one after the other, and ratios are
# taken within a round, so what else the machine does meets both sides; given
# are medians, and quartiles of the ratio. Without workers the clock is the CPU
# time of the backend (/proc/self/schedstat), with workers it is the wall clock.
#
# The third query of a round is the same scan and sort without a distance: it
# is what the executor takes, and pgvector's time over it is the ratio that a
# distance which costs nothing would reach.
#
# ROUNDS (15) runs each; SCALE (1) multiplies the numbers of rows.
set -eu
cd "$(dirname "$0")/../.."
rounds=${ROUNDS:-15} scale=${SCALE:-1}
stream=/tmp/bench_distance
gcc -std=gnu99 -O3 -Isrc test/bench/bench_distance.c src/vector/distance*.c -lm -o "$stream"

run() { psql -qX -v ON_ERROR_STOP=1 -v rounds="$rounds" -v scale="$scale" "$@"; }

run <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_prewarm;
SELECT count(*) AS adopted FROM intel.adopt_pgvector() \gset
CREATE TABLE f768 (id int, e public.vector(768));
CREATE TABLE h768 (id int, e public.halfvec(768));
CREATE TABLE f128 (id int, e public.vector(128));
ALTER TABLE f128 ALTER COLUMN e SET STORAGE PLAIN;
INSERT INTO f768 SELECT i, intel.random_vector(768, i)::public.vector FROM generate_series(1, (200000 * :scale)::int) i;
INSERT INTO h768 SELECT i, intel.random_vector(768, i)::intel.halfvec::public.halfvec FROM generate_series(1, (200000 * :scale)::int) i;
INSERT INTO f128 SELECT i, intel.random_vector(128, i)::public.vector FROM generate_series(1, (1000000 * :scale)::int) i;
VACUUM (FREEZE, ANALYZE) f768, h768, f128;
SELECT count(pg_prewarm(c)) AS warmed FROM (SELECT unnest(ARRAY[oid::regclass, nullif(reltoastrelid, 0)::regclass]) AS c
	FROM pg_class WHERE relname IN ('f768', 'h768', 'f128')) s WHERE c IS NOT NULL \gset

CREATE TABLE run (what text, operator text, workers int, round int, extension text, ms float8, answer text);
CREATE TABLE stream (what text, rate float8);
-- Milliseconds of CPU, or where the kernel does not count them, of the clock.
-- The count is up to date when the process has waited.
CREATE FUNCTION cpu_ms() RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.001);
	RETURN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 / 1e6;
EXCEPTION WHEN undefined_file THEN
	RETURN extract(epoch FROM clock_timestamp()) * 1000;
END $$;
CREATE PROCEDURE bench(what text, type text, operator text, workers int, rounds int) LANGUAGE plpgsql AS $$
DECLARE
	began float8;
	took float8;
	ids text;
	extension text;
	query text;
	q text;
BEGIN
	PERFORM set_config('max_parallel_workers_per_gather', workers::text, false);
	-- the first round warms caches
	FOR round IN 0..rounds LOOP
		q := intel.random_vector(CASE what WHEN 'f128' THEN 128 ELSE 768 END, -round);
		FOREACH extension IN ARRAY ARRAY['public', 'intel', 'none'] LOOP
			query := format('SELECT string_agg(id::text, '','') FROM (SELECT id FROM %I ORDER BY %s LIMIT 10) s', what,
				CASE extension WHEN 'none' THEN 'float8um(id)'
				ELSE format('e%s OPERATOR(%s.%s) %L', CASE extension WHEN 'intel' THEN '::intel.' || type ELSE '' END, extension, operator, q) END);
			IF workers = 0 THEN
				began := cpu_ms();
				EXECUTE query INTO ids;
				took := cpu_ms() - began;
			ELSE
				began := extract(epoch FROM clock_timestamp()) * 1000;
				EXECUTE query INTO ids;
				took := extract(epoch FROM clock_timestamp()) * 1000 - began;
			END IF;
			IF round > 0 THEN
				INSERT INTO run VALUES (what, operator, workers, round, extension, took, ids);
			END IF;
		END LOOP;
	END LOOP;
END $$;
SQL

# The rate of plain loads is measured around each table's runs.
rate() { run -c "INSERT INTO stream VALUES ('$1', $("$stream" stream))"; }
for table in 'f768 vector' 'h768 halfvec' 'f128 vector'; do
	set -- $table
	rate "$1"
	run -v t="$1" -v ty="$2" <<-'SQL'
		SELECT format('CALL bench(%L, %L, %L, %s, %s)', :'t', :'ty', o, w, :rounds)
		FROM unnest('{<->,<#>,<=>}'::text[]) o, unnest('{0,1}'::int[]) w ORDER BY w, o \gexec
	SQL
	rate "$1"
done

run -P footer=off <<'SQL'
CREATE FUNCTION middle(numbers float8[], digits int, part float8 DEFAULT 0.5) RETURNS numeric LANGUAGE sql AS $$
	SELECT round((percentile_cont(part) WITHIN GROUP (ORDER BY n))::numeric, digits) FROM unnest(numbers) n $$;
\echo rows, and what one core loads from memory meanwhile (GB/s, before and after):
SELECT relname AS table, reltuples AS rows, pg_size_pretty(pg_table_size(oid)) AS size,
	(SELECT string_agg(rate::text, ', ') FROM stream WHERE what = relname) AS "load rate"
FROM pg_class WHERE relname IN ('f768', 'h768', 'f128') ORDER BY 1;

\echo exact top-10 (ms; times: pgvector over intel; scan: the same without a distance):
CREATE TABLE result AS
SELECT what, operator, workers, array_agg(p.ms) AS p, array_agg(i.ms) AS i, array_agg(n.ms) AS n, array_agg(p.ms / nullif(i.ms, 0)) AS times,
	array_agg(p.ms / nullif(n.ms, 0)) AS possible, array_agg(n.ms / nullif(i.ms, 0)) AS part,
	bool_and(p.answer = i.answer) AS same,
	(SELECT c.reltuples * CASE what WHEN 'f768' THEN 3072 WHEN 'h768' THEN 1536 ELSE 512 END / 1e6 FROM pg_class c WHERE relname = what) AS mb
FROM (SELECT * FROM run WHERE extension = 'public') p JOIN (SELECT * FROM run WHERE extension = 'intel') i USING (what, operator, workers, round)
JOIN (SELECT * FROM run WHERE extension = 'none') n USING (what, operator, workers, round)
GROUP BY what, operator, workers;
SELECT what AS table, operator AS op, workers AS w, middle(p, 1) AS pgvector, middle(i, 1) AS intel, middle(n, 1) AS scan,
	middle(times, 2) AS times, format('%s-%s', middle(times, 2, 0.25), middle(times, 2, 0.75)) AS quartiles, CASE what WHEN 'h768' THEN 2.0 ELSE 1.5 END AS bar,
	same AS "same rows"
FROM result ORDER BY what, workers, operator;

\echo what the time is spent on (GB/s: bytes of the vectors over the time):
SELECT what AS table, operator AS op, workers AS w, middle(times, 2) AS times, middle(possible, 2) AS "times, distance free",
	middle(part, 2) * 100 AS "scan, % of intel", middle(i, 1) - middle(n, 1) AS "intel above scan, ms", middle(p, 1) - middle(n, 1) AS "pgvector above scan, ms",
	round((mb / (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM unnest(i) ms))::numeric, 1) AS "intel GB/s",
	round((mb / nullif(greatest((middle(i, 1) - middle(n, 1))::float8, 0), 0))::numeric, 1) AS "above scan GB/s",
	(SELECT round(avg(rate)::numeric, 1) FROM stream s WHERE s.what = r.what) AS "load rate GB/s"
FROM result r ORDER BY what, workers, operator;

-- Functions alone: the same two vectors again and again, so they are in the
-- cache, and less the time of a call that only reads the dimensions. The least
-- of all rounds, since other load can only add to so short a time.
CREATE TABLE call (dim int, type text, operator text, extension text, ns float8);
CREATE PROCEDURE bench_call(dim int, type text, rounds int) LANGUAGE plpgsql AS $$
DECLARE
	calls int := 200000000 / (400 + dim);
	expression text;
	began float8;
	hits bigint;
BEGIN
	PERFORM set_config('max_parallel_workers_per_gather', '0', false);
	FOR round IN 0..rounds LOOP
		FOR expression IN SELECT format('%s OPERATOR(%s.%s) %s', 'e' || x, s, o, 'q' || x) FROM unnest('{<->,<#>,<=>}'::text[]) o,
				(VALUES ('public', ''), ('intel', '::intel.' || type)) e(s, x) UNION ALL SELECT 'vector_dims(e)::float8' LOOP
			began := cpu_ms();
			EXECUTE format('SELECT count(*) FROM (SELECT intel.random_vector($1, 1)::intel.%1$s::public.%1$s AS e, intel.random_vector($1, 2)::intel.%1$s::public.%1$s AS q OFFSET 0) s,
				generate_series(1, $2) i WHERE (%2$s) < -1e6 * i', type, expression) INTO hits USING dim, calls;
			IF round > 0 THEN
				INSERT INTO call VALUES (dim, type, coalesce(substring(expression FROM '\.(<.>)'), 'none'),
					CASE WHEN expression ~ 'public\.<' THEN 'pgvector' WHEN expression ~ 'intel\.<' THEN 'intel' ELSE 'none' END,
					(cpu_ms() - began) * 1e6 / calls);
			END IF;
		END LOOP;
	END LOOP;
END $$;
SELECT format('CALL bench_call(%s, %L, 9)', d, t) FROM unnest('{128,384,768,1536,3072}'::int[]) d, unnest('{vector,halfvec}'::text[]) t \gexec
\echo functions alone, arguments in the cache (ns per call, less an empty call):
WITH m AS (SELECT dim, type, operator, extension, min(ns) AS ns FROM call GROUP BY 1, 2, 3, 4),
	d AS (SELECT m.dim, m.type, m.operator, m.extension, m.ns - n.ns AS ns FROM m JOIN m n ON n.operator = 'none' AND (n.dim, n.type) = (m.dim, m.type))
SELECT type, dim, max(round(ns::numeric)) FILTER (WHERE operator = '<->' AND extension = 'pgvector') AS "<-> pgvector",
	max(round(ns::numeric)) FILTER (WHERE operator = '<->' AND extension = 'intel') AS "<-> intel",
	max(round(ns::numeric)) FILTER (WHERE operator = '<#>' AND extension = 'pgvector') AS "<#> pgvector",
	max(round(ns::numeric)) FILTER (WHERE operator = '<#>' AND extension = 'intel') AS "<#> intel",
	max(round(ns::numeric)) FILTER (WHERE operator = '<=>' AND extension = 'pgvector') AS "<=> pgvector",
	max(round(ns::numeric)) FILTER (WHERE operator = '<=>' AND extension = 'intel') AS "<=> intel"
FROM d WHERE operator <> 'none' GROUP BY type, dim ORDER BY type DESC, dim;
SQL
