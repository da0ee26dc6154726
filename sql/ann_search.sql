-- access method intel: order, completeness, odd values, all operator classes
SET search_path = public, intel;
SET extra_float_digits = 0;
-- data that is the same everywhere: clusters with noise from a hash
CREATE FUNCTION ann_vec(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg((i % 13) * ((d * 7 + i % 13) % 5) * 0.1 + (hashint4(i * 1000 + d) & 65535) / 65536.0 ORDER BY d)::vector
       FROM generate_series(1, dims) d $$;
CREATE TABLE ann_t (id int PRIMARY KEY, v vector(24), h halfvec(24), g int);
INSERT INTO ann_t SELECT i, ann_vec(i, 24), ann_vec(i, 24), i % 20 FROM generate_series(1, 4000) i;
CREATE INDEX ann_l2 ON ann_t USING intel (v vector_l2_ops);
CREATE INDEX ann_ip ON ann_t USING intel (v vector_ip_ops);
CREATE INDEX ann_cos ON ann_t USING intel (v vector_cosine_ops) WITH (lists = 5);
CREATE INDEX ann_h_l2 ON ann_t USING intel (h);
CREATE INDEX ann_h_ip ON ann_t USING intel (h halfvec_ip_ops);
CREATE INDEX ann_h_cos ON ann_t USING intel (h halfvec_cosine_ops);
ANALYZE ann_t;

-- the planner chooses the index for a nearest-neighbour query, and only then
EXPLAIN (COSTS OFF) SELECT id FROM ann_t ORDER BY v <-> array_fill(1, ARRAY[24])::vector LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM ann_t ORDER BY h <=> array_fill(1, ARRAY[24])::vector::halfvec LIMIT 5;
EXPLAIN (COSTS OFF) SELECT count(*) FROM ann_t;
EXPLAIN (COSTS OFF) SELECT id FROM ann_t ORDER BY v <-> array_fill(1, ARRAY[24])::vector DESC LIMIT 5;

-- compare with an exact search: order, distances and, searching all lists, rows
CREATE FUNCTION ann_compare(op text, col text, k int, condition text DEFAULT 'true', OUT rows int, OUT ordered bool, OUT recall float8)
LANGUAGE plpgsql AS $$
DECLARE
    query text := format('SELECT id, %1$s OPERATOR(intel.%2$s) $1::%3$s AS d FROM ann_t WHERE %4$s ORDER BY %1$s OPERATOR(intel.%2$s) $1::%3$s LIMIT %5$s',
        col, op, CASE col WHEN 'v' THEN 'vector' ELSE 'halfvec' END, condition, k);
    exact float8[]; near float8[]; hits int := 0; total int := 0;
BEGIN
    rows := 0; ordered := true;
    FOR q IN 1..20 LOOP
        SET LOCAL enable_indexscan = off;
        EXECUTE format('SELECT array_agg(d) FROM (%s) x', query) INTO exact USING ann_vec(100000 + q, 24);
        SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off;
        EXECUTE format('SELECT array_agg(d) FROM (%s) x', query) INTO near USING ann_vec(100000 + q, 24);
        SET LOCAL enable_seqscan = on;
        rows := rows + cardinality(near);
        ordered := ordered AND near = (SELECT array_agg(d ORDER BY d) FROM unnest(near) d);
        total := total + cardinality(exact);
        hits := hits + (SELECT count(*) FROM unnest(near) d WHERE d <= exact[cardinality(exact)]);
    END LOOP;
    recall := hits::float8 / total;
END $$;
SET intel.target_recall = 1;
SELECT op, col, k, (ann_compare(op, col, k)).*
FROM (VALUES ('<->'), ('<#>'), ('<=>')) o(op), (VALUES ('v'), ('h')) c(col), (VALUES (1), (10), (300)) n(k) ORDER BY 1, 2, 3;
RESET intel.target_recall;
-- at the default the target holds
SELECT op, col, k, r.rows, r.ordered, r.recall >= 0.9 AS recall
FROM (VALUES ('<->'), ('<#>'), ('<=>')) o(op), (VALUES ('v'), ('h')) c(col), (VALUES (10), (100)) n(k), ann_compare(op, col, k) r ORDER BY 1, 2, 3;
-- one list may be too few to find all, but never to return all rows asked for
SET intel.probes = 1;
SELECT r.rows, r.ordered, r.recall > 0.3 AS recall FROM ann_compare('<->', 'v', 10) r;
SELECT r.rows FROM ann_compare('<->', 'v', 100, 'g = 3 AND id % 3 = 0') r;
SELECT r.rows FROM ann_compare('<->', 'v', 1000000) r;
RESET intel.probes;
-- LIMIT n returns n rows under any condition
SELECT r.rows FROM ann_compare('<->', 'v', 10, 'id % 400 = 7') r;
SELECT r.rows FROM ann_compare('<=>', 'v', 200, 'g = 3') r;
SELECT r.rows, r.ordered FROM ann_compare('<=>', 'v', 20, 'g = 3') r;
SET intel.target_recall = 1;
SELECT r.* FROM ann_compare('<->', 'v', 10, 'id % 400 = 7') r;
SELECT r.* FROM ann_compare('<=>', 'v', 200, 'g = 3') r;
RESET intel.target_recall;
SET intel.max_scan_tuples = 100;
SELECT r.rows < 20 * 200 AS cut FROM ann_compare('<=>', 'v', 200, 'g = 3') r;
RESET intel.max_scan_tuples;
-- the same order with every set of kernels
SET enable_seqscan = off;
SET intel.simd = 'scalar';
CREATE TABLE ann_scalar AS SELECT row_number() OVER () n, id FROM (SELECT id FROM ann_t ORDER BY v <=> ann_vec(77777, 24) LIMIT 500) x;
RESET intel.simd;
SELECT count(*) FROM (SELECT row_number() OVER () n, id FROM (SELECT id FROM ann_t ORDER BY v <=> ann_vec(77777, 24) LIMIT 500) x) y JOIN ann_scalar USING (n, id);
-- a query that is null, zero, of other dimensions, or changes between scans
SELECT count(*) FROM (SELECT id FROM ann_t ORDER BY v <-> NULL::vector LIMIT 50) x;
SELECT count(*) FROM (SELECT id FROM ann_t ORDER BY v <=> array_fill(0, ARRAY[24])::vector) x;
SELECT id FROM ann_t ORDER BY v <-> '[1,2,3]' LIMIT 1;
SELECT q, (SELECT id FROM ann_t ORDER BY v <-> ann_vec(q, 24) LIMIT 1) FROM generate_series(5, 8) q;
-- cursors
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM ann_t ORDER BY v <-> ann_vec(42, 24);
FETCH 1 FROM c;
MOVE 3000 FROM c;
MOVE 3000 FROM c;
COMMIT;

-- nulls and, under cosine, zero vectors are not indexed
CREATE TABLE ann_odd (id int, v vector(3));
CREATE INDEX ann_odd_l2 ON ann_odd USING intel (v);
INSERT INTO ann_odd VALUES (1, '[1,2,3]'), (2, NULL), (3, '[0,0,0]'), (4, '[1e-20,1e-20,1e-20]'), (5, '[3e38,3e38,3e38]'), (6, '[-1,1e19,0]'), (7, '[1e30,0,0]'), (8, '[1e-40,0,0]');
SELECT id, v <-> '[1,1,1]' AS d FROM ann_odd WHERE v IS NOT NULL ORDER BY v <-> '[1,1,1]', id;
SELECT v <-> '[1e30,1,1]' AS d FROM ann_odd ORDER BY v <-> '[1e30,1,1]' LIMIT 3;
DROP INDEX ann_odd_l2;
CREATE INDEX ann_odd_cos ON ann_odd USING intel (v vector_cosine_ops);
SELECT * FROM (SELECT id, v <=> '[1,1,1]' AS d FROM ann_odd ORDER BY v <=> '[1,1,1]' OFFSET 0) x ORDER BY d, id;
SELECT count(*) FROM (SELECT id FROM ann_odd ORDER BY v <=> '[1e-30,0,0]') x;
DROP INDEX ann_odd_cos;
CREATE INDEX ann_odd_ip ON ann_odd USING intel (v vector_ip_ops);
SELECT id, v <#> '[1,1,-1]' AS d FROM ann_odd ORDER BY v <#> '[1,1,-1]';

-- data that breaks k-means: all equal, two points, an outlier, one dimension
CREATE TABLE ann_bad (id int, a vector(2), b vector(2), c vector(1), d vector(2));
INSERT INTO ann_bad SELECT i, '[1,1]', CASE i % 2 WHEN 0 THEN '[1,1]' ELSE '[2,2]' END::vector, ARRAY[i]::vector,
    CASE i WHEN 1 THEN '[1e9,1e9]' ELSE ('[' || i * 1e-7 || ',1]') END::vector FROM generate_series(1, 2000) i;
CREATE INDEX ann_bad_a ON ann_bad USING intel (a);
CREATE INDEX ann_bad_b ON ann_bad USING intel (b);
CREATE INDEX ann_bad_c ON ann_bad USING intel (c);
CREATE INDEX ann_bad_d ON ann_bad USING intel (d) WITH (lists = 50);
SELECT count(*) FROM (SELECT 1 FROM ann_bad ORDER BY a <-> '[1,1]' LIMIT 1500) x;
SELECT b, count(*) FROM (SELECT b FROM ann_bad ORDER BY b <-> '[2,2]' LIMIT 1500) x GROUP BY b ORDER BY b;
SELECT c FROM ann_bad ORDER BY c <-> '[1000.2]' LIMIT 5;
SELECT id FROM ann_bad ORDER BY d <-> '[1e9,1e9]' LIMIT 1;
SELECT count(*) FROM (SELECT id FROM ann_bad ORDER BY d <-> '[0,1]') x;

-- 16,000 dimensions, and the lengths around which the format changes
CREATE TABLE ann_wide (id int, a halfvec(16000), b vector(1536), c vector(7936), d vector(7937));
INSERT INTO ann_wide SELECT i, array_fill(i % 7, ARRAY[16000])::vector, (array_fill(i, ARRAY[1535]) || 1)::vector, (array_fill(i, ARRAY[7935]) || 1)::vector, (array_fill(i, ARRAY[7936]) || 1)::vector
FROM generate_series(1, 40) i;
CREATE INDEX ann_wide_a ON ann_wide USING intel (a halfvec_cosine_ops);
CREATE INDEX ann_wide_b ON ann_wide USING intel (b) WITH (lists = 3);
CREATE INDEX ann_wide_c ON ann_wide USING intel (c);
CREATE INDEX ann_wide_d ON ann_wide USING intel (d);
SELECT count(*) FROM (SELECT id FROM ann_wide ORDER BY a <=> array_fill(1, ARRAY[16000])::halfvec) x;
SELECT array_agg(id) FROM (SELECT id FROM ann_wide ORDER BY b <-> array_fill(20.1, ARRAY[1536])::vector LIMIT 5) x;
SELECT array_agg(id) FROM (SELECT id FROM ann_wide ORDER BY c <-> array_fill(20.1, ARRAY[7936])::vector LIMIT 5) x;
SELECT array_agg(id) FROM (SELECT id FROM ann_wide ORDER BY d <-> array_fill(20.1, ARRAY[7937])::vector LIMIT 5) x;

-- what cannot be indexed says so
CREATE TABLE ann_no (v vector, i int);
CREATE INDEX ON ann_no USING intel (v);
CREATE INDEX ON ann_no USING intel (i);
CREATE INDEX ON ann_t USING intel (v, v);
CREATE INDEX ON ann_t USING intel (v) WITH (lists = -1);
CREATE INDEX ON ann_t USING intel (v) WITH (nothing = 1);
CREATE UNIQUE INDEX ON ann_t USING intel (v);
CREATE INDEX ON ann_t USING intel (v, g, g, g, g, g);
DROP TABLE ann_t, ann_scalar, ann_odd, ann_bad, ann_wide, ann_no;
DROP FUNCTION ann_compare, ann_vec;
