-- aggregates, hash and grouping
SET search_path = intel, public;
SET extra_float_digits = 0;
\set VERBOSITY sqlstate
SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]', '[3,5,7]', NULL]::vector[]) v;
SELECT avg(v::halfvec), sum(v::halfvec), avg(v::sparsevec), sum(v::sparsevec)
FROM unnest(ARRAY['[1,2,0]', '[3,5,0]', NULL]::vector[]) v;
SELECT avg(v) IS NULL AS avg, sum(v) IS NULL AS sum, avg(v::halfvec) IS NULL AS h, avg(v::sparsevec) IS NULL AS s, sum(v::sparsevec) IS NULL AS ss,
    vector_stats(v) IS NULL AS stats FROM unnest(ARRAY[NULL]::vector[]) v;
SELECT avg(v) FROM unnest(ARRAY['[1,2]', '[3]']::vector[]) v;
SELECT sum(v) FROM unnest(ARRAY['[1,2]', '[3]']::vector[]) v;
SELECT avg(v) FROM unnest(ARRAY['{}/2', '{}/3']::sparsevec[]) v;
SELECT vector_stats(v) FROM unnest(ARRAY['[1,2]', '[3]']::vector[]) v;
SELECT sum(v) FROM unnest(ARRAY['[3e38]', '[3e38]']::vector[]) v;
SELECT avg(v) FROM unnest(ARRAY['[3e38]', '[3e38]']::vector[]) v;
SELECT sum(v) FROM unnest(ARRAY['[65504]', '[65504]']::halfvec[]) v;
SELECT sum(v), avg(v) FROM unnest(ARRAY['{1:1}/3', '{1:-1,3:2}/3']::sparsevec[]) v;
SELECT sum(('{' || i || ':1}/20000')::sparsevec) FROM generate_series(1, 16001) i;
-- an argument that is no state
SELECT vector_avg(ARRAY[]::float8[]);
SELECT vector_avg(ARRAY[NULL]::float8[]);
SELECT vector_accum(ARRAY[[1]]::float8[], '[1]');
SELECT vector_avg(ARRAY[2,4,6]), vector_accum(ARRAY[0], '[1,2]'), vector_combine(ARRAY[1,2,3], ARRAY[1,1,1]);
SELECT vector_accum(ARRAY[1,2], '[1,2]');
-- a state that came from elsewhere is not written to
SELECT s, vector_accum(s, '[1]'), s AS unchanged FROM (SELECT ARRAY[1,5]::float8[] AS s) x;
SELECT v, vector_add(v, '[1]'), v AS unchanged FROM (SELECT '[5]'::vector AS v) x;
-- windows: each row sees its own sum
SELECT i, sum(v) OVER (ORDER BY i), avg(v) OVER (ORDER BY i ROWS 1 PRECEDING)
FROM (SELECT i, ARRAY[i, 10 * i]::vector AS v FROM generate_series(1, 4) i) s;

SELECT (s).* FROM (SELECT vector_stats(v) AS s FROM unnest(ARRAY['[3,4]', '[0,0]', '[-3,5]']::vector[]) v) x;

-- parallel plans give the same, with values inline, packed and out of line
CREATE TABLE vector_many (id int, g int, small vector, big vector, h halfvec, s sparsevec);
INSERT INTO vector_many SELECT i, i % 3, random_vector(5, i), random_vector(1500, i), random_vector(7, i)::halfvec,
    ('{' || 1 + i % 40 || ':1,' || 50 + i % 7 || ':2}/100')::sparsevec FROM generate_series(1, 3000) i;
ANALYZE vector_many;
CREATE TEMP TABLE serial AS SELECT avg(small) AS a, sum(small) AS b, avg(big) AS c, avg(h) AS d, sum(s) AS e, avg(s) AS f, vector_stats(small) AS st
    FROM vector_many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT avg(small), sum(s), vector_stats(small) FROM vector_many;
SELECT avg(small) <-> a < 1e-6 AS avg, sum(small) <-> b < 1e-3 AS sum, avg(big) <-> c < 1e-6 AS big, avg(h) <-> d < 1e-2 AS half,
    sum(s) = e AS sparse_sum, avg(s) = f AS sparse_avg, (vector_stats(small)).norm_max = (st).norm_max AS norm_max,
    (vector_stats(small)).min = (st).min AS min, (vector_stats(small)).count
FROM vector_many, serial GROUP BY a, b, c, d, e, f, st;
SET plan_cache_mode = force_generic_plan;
PREPARE nearest (vector) AS SELECT id FROM vector_many ORDER BY big <-> $1 LIMIT 2;
EXPLAIN (COSTS OFF) EXECUTE nearest ('[1]');
EXECUTE nearest (random_vector(1500, 7));
SET max_parallel_workers_per_gather = 0;
EXECUTE nearest (random_vector(1500, 7));

-- hash: equal values have equal hashes, and joins, groups and indexes use it
SELECT vector_hash('[0,1]') = vector_hash('[-0,1]') AS zeros, vector_hash('[1,2]') = vector_hash('[1,2,0]') AS length,
    halfvec_hash('[0]') = halfvec_hash('[-0]') AS half_zeros, sparsevec_hash('{1:1}/2') = sparsevec_hash('{1:1}/3') AS dims;
SELECT bool_and(vector_hash(v) = vector_hash_extended(v, 0)::bit(32)::int) AS v, bool_and(halfvec_hash(v::halfvec) = halfvec_hash_extended(v::halfvec, 0)::bit(32)::int) AS h,
    bool_and(sparsevec_hash(v::sparsevec) = sparsevec_hash_extended(v::sparsevec, 0)::bit(32)::int) AS s,
    bool_or(vector_hash_extended(v, 0) = vector_hash_extended(v, 1)) AS seed_ignored
FROM (SELECT random_vector(i, i) AS v FROM generate_series(1, 600, 13) i) x;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT DISTINCT small FROM vector_many;
SELECT count(*) FROM (SELECT DISTINCT small FROM vector_many) x;
SELECT count(DISTINCT h), count(DISTINCT s) FROM vector_many;
RESET enable_sort;
SET enable_nestloop = off;
SET enable_mergejoin = off;
SELECT count(*) FROM vector_many a JOIN vector_many b USING (small);
SELECT count(*) FROM vector_many a JOIN vector_many b USING (h);
SELECT count(*) FROM (SELECT DISTINCT s FROM vector_many) a JOIN (SELECT DISTINCT s FROM vector_many) b USING (s);
CREATE INDEX vector_many_hash ON vector_many USING hash (small);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM vector_many WHERE small = random_vector(5, 17);
SELECT id FROM vector_many WHERE small = random_vector(5, 17);
CREATE TABLE vector_parted (v vector) PARTITION BY HASH (v);
CREATE TABLE vector_parted_0 PARTITION OF vector_parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE vector_parted_1 PARTITION OF vector_parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO vector_parted SELECT random_vector(4, i) FROM generate_series(1, 100) i;
SELECT count(*) > 20 AS some FROM vector_parted_0;
DROP TABLE vector_many, vector_parted;
