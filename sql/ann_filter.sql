-- access method intel: filter columns, also from row level security
SET search_path = public, intel;
CREATE FUNCTION ann_vec(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg((hashint4(i * 1000 + d) & 65535) / 65536.0 ORDER BY d)::vector FROM generate_series(1, dims) d $$;
CREATE TABLE ann_f (id int PRIMARY KEY, v vector(16), tenant int, kind text, flag bool, day date, at timestamptz, u uuid, small int2, big int8);
INSERT INTO ann_f SELECT i, ann_vec(i, 16), i % 100, 'k' || i % 7, i % 2 = 0, date '2020-01-01' + i % 30, timestamptz '2020-01-01 UTC' + i % 30 * interval '1 hour',
    md5((i % 50)::text)::uuid, i % 11, i % 13 FROM generate_series(1, 6000) i;
UPDATE ann_f SET kind = NULL WHERE id % 70 = 0;
CREATE INDEX ann_f_1 ON ann_f USING intel (v vector_l2_ops, tenant, kind);
CREATE INDEX ann_f_2 ON ann_f USING intel (v vector_cosine_ops, flag, day, at, u);
CREATE INDEX ann_f_3 ON ann_f USING intel (v vector_ip_ops, small, big);
ANALYZE ann_f;
EXPLAIN (COSTS OFF) SELECT id FROM ann_f WHERE tenant = 7 ORDER BY v <-> array_fill(1, ARRAY[16])::vector LIMIT 5;
SET enable_seqscan = off;
SET enable_bitmapscan = off;

-- every condition returns all rows that match, in order, as an exact search
CREATE FUNCTION ann_same(condition text, op text, k int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    query text := format('SELECT id, v OPERATOR(intel.%1$s) public.ann_vec(99, 16) AS d FROM ann_f WHERE %2$s ORDER BY v OPERATOR(intel.%1$s) public.ann_vec(99, 16) LIMIT %3$s', op, condition, k);
    exact int[]; near int[];
BEGIN
    SET LOCAL enable_indexscan = off;
    EXECUTE format('SELECT array_agg(id) FROM (%s) x', query) INTO exact;
    SET LOCAL enable_indexscan = on;
    EXECUTE format('SELECT array_agg(id) FROM (%s) x', query) INTO near;
    RETURN coalesce(cardinality(near), 0) || CASE WHEN near = exact THEN ' same' WHEN near IS NULL AND exact IS NULL THEN ' none' ELSE ' differ' END;
END $$;
SET intel.target_recall = 1;
SELECT c, op, ann_same(c, op, 1000) FROM (VALUES
    ('tenant = 7', '<->'), ('tenant IN (7, 8, 107)', '<->'), ('tenant = ANY (''{7,NULL}'')', '<->'), ('tenant = ANY (''{}'')', '<->'),
    ('tenant = NULL', '<->'), ('tenant = 1000', '<->'), ('tenant = 7 AND kind = ''k3''', '<->'), ('kind = ''k0'' AND tenant = 70', '<->'),
    ('tenant = 7 AND tenant = 8', '<->'), ('tenant = 7 AND id % 2 = 0', '<->'), ('flag AND day = ''2020-01-05'' AND u = md5(''4'')::uuid', '<=>'),
    ('flag = true AND at = ''2020-01-01 03:00 UTC''', '<=>'), ('NOT flag AND day IN (''2020-01-02'', ''2020-01-04'') AND id < 900', '<=>'),
    ('small = 3::int2 AND big = 5::int8', '<#>')) x(c, op);
RESET intel.target_recall;
-- default recall with a filter
SELECT ann_same('tenant = 7', '<->', 10), ann_same('tenant = 7', '<->', 1);

-- how servers write a parameter differs
CREATE FUNCTION ann_plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Index|Order By' THEN
            RETURN NEXT regexp_replace(btrim(line), '\(InitPlan \d+\)\.col\d+|\$\d+', 'parameter');
        END IF;
    END LOOP;
END
$$;

-- a policy becomes an index condition; rows of others are not even looked at
CREATE ROLE ann_reader;
GRANT SELECT ON ann_f TO ann_reader;
GRANT USAGE ON SCHEMA intel, public TO ann_reader;
ALTER TABLE ann_f ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ann_f USING (tenant = (SELECT current_setting('app.tenant')::int));
SET ROLE ann_reader;
SET app.tenant = '42';
SELECT ann_plan($$SELECT id FROM ann_f ORDER BY v <-> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 5$$);
SELECT count(*), min(tenant), max(tenant) FROM (SELECT tenant FROM ann_f ORDER BY v <-> ann_vec(99, 16) LIMIT 1000) x;
SELECT ann_same('true', '<->', 20), ann_same('kind = ''k1''', '<->', 20);
RESET ROLE;
ALTER TABLE ann_f DISABLE ROW LEVEL SECURITY;
-- changes reach the filter
SET intel.target_recall = 1;
UPDATE ann_f SET tenant = 500 WHERE tenant = 7;
INSERT INTO ann_f (id, v, tenant) VALUES (10001, ann_vec(99, 16), 500), (10002, ann_vec(98, 16), NULL);
SELECT ann_same('tenant = 500', '<->', 1000), ann_same('tenant = 7', '<->', 1000);
VACUUM ann_f;
SELECT ann_same('tenant = 500', '<->', 1000), ann_same('tenant IN (8, 500)', '<->', 1000);
SELECT count(*) FROM index_check('ann_f_1');
SELECT count(*) FROM index_check('ann_f_2');
RESET intel.target_recall;
-- few rows are found by the keys alone, all of them, whatever the target is: also after lists were split, merged and freed
CREATE TABLE ann_k (id int, v vector(16), tenant int, kind text);
INSERT INTO ann_k SELECT i, ann_vec(i, 16), i % 200, 'k' || i % 7 FROM generate_series(1, 5000) i;
CREATE INDEX ann_k_i ON ann_k USING intel (v vector_l2_ops, tenant, kind);
CREATE FUNCTION ann_few(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    query text := format('SELECT q, array(SELECT id FROM ann_k WHERE %s ORDER BY v <-> ann_vec(q, 16) LIMIT 15) AS near FROM generate_series(10, 200, 10) q', condition);
    exact text := replace(query, 'v <->', 'v + v - v <->');
    n bigint; s record;
BEGIN
    EXECUTE format('SELECT count(*) FROM (%s) a JOIN (%s) b USING (q) WHERE a.near <> b.near', exact, query) INTO n;
    SELECT * INTO s FROM index_last_scan();
    RETURN n || ' differ, all lists: ' || (s.lists = (SELECT lists FROM index_stats('ann_k_i'))) || ', one in ten looked at: ' || (s.codes - s.filtered < s.codes / 10);
END $$;
SELECT c, ann_few(c) FROM (VALUES ('tenant = 7'), ('tenant IN (7, 8)'), ('tenant = 9 AND kind = ''k3'''), ('tenant = 9 AND kind IN (''k3'', ''k1'', ''none'')')) x(c);
INSERT INTO ann_k SELECT i, ann_vec(i, 16), i % 200, 'k' || i % 7 FROM generate_series(5001, 20000) i;
SELECT ann_few('tenant = 7'), ann_few('tenant = 9 AND kind = ''k3''');
UPDATE ann_k SET tenant = tenant + 1 WHERE id % 2 = 0;
SELECT ann_few('tenant = 8'), ann_few('tenant = 200');
DELETE FROM ann_k WHERE id % 5 <> 0;
VACUUM ann_k;
VACUUM ann_k;
SELECT ann_few('tenant = 10'), ann_few('tenant = 11');
INSERT INTO ann_k SELECT i, ann_vec(i, 16), i % 200, NULL FROM generate_series(20001, 26000) i;
SELECT ann_few('tenant = 10'), ann_few('tenant = 12'), ann_few('tenant = 12 AND kind IS NULL');
SELECT count(*) FROM index_check('ann_k_i');
SELECT key_pages > 0, key_pages < list_pages / 3 FROM index_stats('ann_k_i');
DROP TABLE ann_k;
DROP FUNCTION ann_few;
DROP TABLE ann_f;
DROP FUNCTION ann_same, ann_vec;
REVOKE USAGE ON SCHEMA intel, public FROM ann_reader;
DROP ROLE ann_reader;
