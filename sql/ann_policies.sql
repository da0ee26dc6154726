-- access method intel: order and completeness whatever a policy or a condition leaves, at default settings
SET search_path = public, intel;
CREATE FUNCTION ann_vec(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg((i % 17) * ((d * 7 + i % 17) % 5) * 0.1 + (hashint4(i * 1000 + d) & 65535) / 65536.0 ORDER BY d)::vector FROM generate_series(1, dims) d $$;
CREATE TABLE ann_p (id int PRIMARY KEY, v vector(12), tenant int, owner text, level int);
INSERT INTO ann_p SELECT i, ann_vec(i, 12), i % 40, 'user' || i % 9, i % 17 FROM generate_series(1, 6000) i;
CREATE INDEX ann_p_i ON ann_p USING intel (v, tenant);
ANALYZE ann_p;
CREATE ROLE ann_reader;
GRANT SELECT ON ann_p TO ann_reader;
GRANT USAGE ON SCHEMA intel, public TO ann_reader;
ALTER TABLE ann_p ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ann_p USING (false);

-- policies by number: alone and in pairs, rare and frequent, bound to clusters of vectors or not
CREATE FUNCTION ann_policy(n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY['id % ' || 1 + (hashint4(n) & 1023) || ' = 0', 'owner = ''user' || (hashint4(n) & 7) || '''', 'level < ' || (hashint4(n) & 15),
        'tenant = ' || (hashint4(n) & 31), 'tenant IN (3, ' || (hashint4(n) & 31) || ')', 'v OPERATOR(intel.<->) public.ann_vec(7, 12) > ' || 0.7 + (hashint4(n) & 3) * 0.4,
        'id < ' || (hashint4(n) & 31)])[1 + n % 7]
    || CASE n % 3 WHEN 0 THEN '' WHEN 1 THEN ' AND level <> ' || n % 17 ELSE ' AND (owner > ''user4'' OR tenant = ' || n % 40 || ')' END $$;
-- what the caller sees by the index and by sorting all rows
CREATE FUNCTION ann_both(n int, near OUT float8[], exact OUT float8[], ids OUT int, wanted OUT int) LANGUAGE plpgsql AS $$
DECLARE
    query text;
BEGIN
    wanted := (ARRAY[1, 5, 10, 40, 300])[1 + n % 5];
    query := format('SELECT array_agg(d), (SELECT count(DISTINCT i) FROM unnest(array_agg(id)) i) FROM (SELECT id, v <-> ann_vec(%s, 12) AS d FROM ann_p ORDER BY v <-> ann_vec(%s, 12) LIMIT %s) x', 9000 + n, 9000 + n, wanted);
    EXECUTE 'ALTER POLICY own ON ann_p USING (' || ann_policy(n) || ')';
    SET LOCAL ROLE ann_reader;
    SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on; SET LOCAL enable_sort = on;
    EXECUTE query INTO exact;
    SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
    EXECUTE query INTO near, ids;
    RESET ROLE;
    near := coalesce(near, '{}'); exact := coalesce(exact, '{}');
END $$;
CREATE TABLE ann_results AS SELECT n, b.*, (SELECT count(*) FROM unnest(b.near) d WHERE d <= b.exact[cardinality(b.exact)]) AS found
    FROM generate_series(1, 60) n, ann_both(n) b;
-- every search has as many rows as an exact one, each once, in order; with fewer rows than LIMIT all are the same
SELECT count(*) AS policies, count(*) FILTER (WHERE cardinality(exact) < wanted) > 10 AS rare, count(*) FILTER (WHERE cardinality(exact) = wanted) > 10 AS frequent,
    count(*) FILTER (WHERE cardinality(near) <> cardinality(exact) OR ids <> cardinality(exact)) AS incomplete,
    count(*) FILTER (WHERE near <> (SELECT coalesce(array_agg(d ORDER BY d), '{}') FROM unnest(near) d)) AS unordered,
    count(*) FILTER (WHERE cardinality(exact) < wanted AND near <> exact) AS inexact, sum(found) / sum(cardinality(exact)) > 0.95 AS recall
FROM ann_results;
SELECT n, ann_policy(n), wanted, near, exact FROM ann_results
WHERE cardinality(near) <> cardinality(exact) OR (cardinality(exact) < wanted AND near <> exact);

-- everything that may stand above the scan; what sorts instead is compared with the index
CREATE FUNCTION ann_same(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    exact text; near text; plan jsonb;
BEGIN
    SET LOCAL enable_indexscan = off; SET LOCAL enable_sort = on;
    EXECUTE 'SELECT string_agg(x::text, '' '') FROM (' || query || ') x' INTO exact;
    SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    EXECUTE 'SELECT string_agg(x::text, '' '') FROM (' || query || ') x' INTO near;
    RETURN CASE WHEN plan::text !~ '"ann_p\w+"' THEN 'not by the index' WHEN near IS DISTINCT FROM exact THEN 'differ: ' || coalesce(near, '') || ' / ' || coalesce(exact, '') ELSE 'same' END;
END $$;
CREATE TABLE ann_names AS SELECT 'user' || i AS owner, i FROM generate_series(0, 2) i;
SELECT q, ann_same(replace(replace(q, 'Q', 'ORDER BY v <-> (SELECT ann_vec(9001, 12))'), 'RARE', 'id % 397 = 5')) FROM (VALUES
    ('SELECT id FROM ann_p WHERE RARE Q LIMIT 50'),
    ('SELECT id FROM ann_p WHERE RARE Q LIMIT 5 OFFSET 8'),
    ('SELECT id FROM ann_p WHERE RARE Q OFFSET 3'),
    ('SELECT id FROM ann_p WHERE RARE Q LIMIT NULL'),
    ('SELECT id FROM ann_p WHERE RARE Q LIMIT 0'),
    ('SELECT id FROM ann_p WHERE RARE Q FETCH FIRST 30 ROWS WITH TIES'),
    ('SELECT id FROM ann_p WHERE RARE Q'),
    ('SELECT id, i FROM ann_p JOIN ann_names USING (owner) WHERE RARE Q LIMIT 20'),
    ('SELECT id FROM ann_p p WHERE RARE AND EXISTS (SELECT FROM ann_names n WHERE n.owner = p.owner) Q LIMIT 20'),
    ('SELECT i, near.id FROM ann_names n, LATERAL (SELECT id FROM ann_p p WHERE p.owner = n.owner AND RARE Q LIMIT 9) near ORDER BY i'),
    ('SELECT i, array(SELECT id FROM ann_p p WHERE p.owner = n.owner AND RARE Q) FROM ann_names n ORDER BY i LIMIT 2'),
    ('WITH near AS MATERIALIZED (SELECT id FROM ann_p WHERE RARE Q LIMIT 40) SELECT * FROM near LIMIT 30'),
    ('SELECT id, row_number() OVER (Q) FROM ann_p WHERE RARE LIMIT 40'),
    ('SELECT id FROM (SELECT id, v FROM ann_p WHERE RARE AND id % 2 = 0 UNION ALL SELECT id, v FROM ann_p WHERE RARE AND id % 2 = 1) x Q LIMIT 40'),
    ('SELECT id FROM (SELECT id FROM ann_p WHERE tenant = 3 AND RARE Q LIMIT 40) x LIMIT 30')) x(q);
-- a prepared search whose LIMIT changes, and a cursor
PREPARE ann_near(int) AS SELECT count(*) FROM (SELECT id FROM ann_p WHERE id % 397 = 5 ORDER BY v <-> ann_vec(9001, 12) LIMIT $1) x;
SET enable_seqscan = off;
SET enable_sort = off;
EXECUTE ann_near(3);
EXECUTE ann_near(NULL);
EXECUTE ann_near(100);
BEGIN;
DECLARE c CURSOR FOR SELECT id % 397 AS part FROM ann_p WHERE id % 397 = 5 ORDER BY v <-> ann_vec(9001, 12) LIMIT 12;
FETCH 2 FROM c;
MOVE 100 FROM c;
COMMIT;
DEALLOCATE ann_near;
-- rows of a LIMIT beyond work_mem go through files, also when it is rescanned or left early
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT id) FROM (SELECT id, repeat('x', 100), v <-> ann_vec(9001, 12) AS d FROM ann_p ORDER BY v <-> ann_vec(9001, 12) LIMIT 3000) x;
SELECT i, (SELECT count(w) FROM (SELECT repeat('x', 100) AS w FROM ann_p ORDER BY v <-> ann_vec(i, 12) LIMIT 2000) x) FROM generate_series(1, 3) i;
BEGIN;
DECLARE c CURSOR FOR SELECT id > 0 AS found, repeat('x', 10) AS wide FROM ann_p ORDER BY v <-> ann_vec(9001, 12) LIMIT 3000;
FETCH 1 FROM c;
CLOSE c;
COMMIT;
RESET work_mem;

-- IN rejects entries inside the index on every server, whether EXPLAIN shows an index condition or a filter; also from a policy
ALTER TABLE ann_p DISABLE ROW LEVEL SECURITY;
SELECT q, ann_same(q) FROM (VALUES ('SELECT id FROM ann_p WHERE tenant IN (3, 17) ORDER BY v <-> (SELECT ann_vec(9001, 12)) LIMIT 400'),
    ('SELECT id FROM ann_p WHERE tenant = ANY (ARRAY(SELECT i FROM ann_names)) ORDER BY v <-> (SELECT ann_vec(9001, 12)) LIMIT 20'),
    ('SELECT id FROM ann_p WHERE tenant = ANY (''{5,NULL}''::int[]) AND tenant <> ALL (''{7}'') ORDER BY v <-> (SELECT ann_vec(9001, 12)) LIMIT 400'),
    ('SELECT id FROM ann_p WHERE tenant = ANY (NULL::int[] || NULL) ORDER BY v <-> (SELECT ann_vec(9001, 12)) LIMIT 400'),
    ('SELECT id FROM ann_p WHERE tenant = ANY (''{5,6}''::bigint[]) ORDER BY v <-> (SELECT ann_vec(9001, 12)) LIMIT 400')) x(q);
SELECT count(*) FROM (SELECT id FROM ann_p WHERE tenant IN (3, 17) ORDER BY v <-> ann_vec(9001, 12) LIMIT 400) x;
SELECT filtered > 5000 AS inside, returned <= 300 AS few FROM index_last_scan();
ALTER TABLE ann_p ENABLE ROW LEVEL SECURITY;
ALTER POLICY own ON ann_p USING (tenant = ANY (string_to_array(current_setting('app.tenants'), ',')::int[]));
SET ROLE ann_reader;
SET app.tenants = '4,5';
SELECT count(*) FROM (SELECT id FROM ann_p ORDER BY v <-> ann_vec(9001, 12) LIMIT 400) x;
RESET ROLE;
SELECT filtered > 5000 AS inside, returned <= 300 AS few FROM index_last_scan();
ALTER TABLE ann_p DISABLE ROW LEVEL SECURITY;

-- the end of a range ends the scan: rows beyond it are not read and rejected
CREATE FUNCTION ann_removed(query text, OUT rows int, OUT removed int) LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) ' || query INTO plan;
    plan := jsonb_path_query_first(plan, '$.**?(@."Index Name" == "ann_p_i")');
    rows := (plan ->> 'Actual Rows')::float8; removed := (plan ->> 'Rows Removed by Filter')::float8;
END $$;
CREATE TABLE ann_far AS SELECT (v <-> ann_vec(9001, 12)) + 1e-9 AS r FROM ann_p ORDER BY v <-> ann_vec(9001, 12) OFFSET 24 LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM ann_p WHERE v <-> '[1,1,1,1,1,1,1,1,1,1,1,1]' < 0.9 ORDER BY v <-> '[1,1,1,1,1,1,1,1,1,1,1,1]';
SELECT q, r.rows, r.removed < 12 AS stopped, ann_same(q)
FROM (SELECT replace(replace(q, '[d]', 'v <-> ann_vec(9001, 12)'), '[r]', '(SELECT r FROM ann_far)') FROM (VALUES
    ('SELECT id FROM ann_p WHERE [d] < [r] ORDER BY [d]'), ('SELECT id FROM ann_p WHERE [d] <= [r] ORDER BY [d]'),
    ('SELECT id FROM ann_p WHERE [r] > [d] AND id > 0 ORDER BY [d]'), ('SELECT id FROM ann_p WHERE [r] >= [d] ORDER BY [d] LIMIT 100'),
    ('SELECT id FROM ann_p WHERE [d] < [r] AND [d] < 1000 ORDER BY [d]'), ('SELECT id FROM ann_p WHERE [d] < -1 ORDER BY [d]')) x(q)) x(q), ann_removed(q) r;
SELECT count(*) FROM (SELECT id FROM ann_p WHERE v <-> ann_vec(9001, 12) < 'NaN' ORDER BY v <-> ann_vec(9001, 12)) x;
-- not the same distance
SELECT count(*) FROM (SELECT id FROM ann_p WHERE v <-> ann_vec(9002, 12) < 0.9 ORDER BY v <-> ann_vec(9001, 12)) x;
SELECT count(*) FROM ann_p WHERE v <-> ann_vec(9002, 12) < 0.9;

DROP TABLE ann_p, ann_names, ann_results, ann_far;
DROP FUNCTION ann_both, ann_policy, ann_vec, ann_same, ann_removed;
REVOKE USAGE ON SCHEMA intel, public FROM ann_reader;
DROP ROLE ann_reader;
