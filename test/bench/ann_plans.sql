-- What the planner chooses for a search, beside what each plan takes: loaded
-- by ann_plans.pl. The schema of intel is in the search path.

-- Rows around 200 points, so that the index has something to find. Column a
-- is a filter column of the index, and both have a btree index: p has 1 / p of
-- the rows for p of 2, 10, 100, 1000, wherever their vectors lie.
CREATE FUNCTION plans_load(dims int, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS plans;
    EXECUTE format('CREATE TABLE plans (id int, v vector(%s), a int, b int)', dims);
    INSERT INTO plans
    SELECT i, random_vector(dims, i % 200) + random_vector(dims, 1000 + i), p, p
    FROM generate_series(1, n) i, LATERAL (SELECT (hashint4(i) & 65535) / 65536.0 AS u) y, LATERAL (SELECT CASE WHEN u < 0.001 THEN 1000
        WHEN u < 0.011 THEN 100 WHEN u < 0.111 THEN 10 WHEN u < 0.611 THEN 2 ELSE 1 END AS p) x;
    CREATE INDEX plans_i ON plans USING intel (v, a);
    CREATE INDEX plans_a ON plans (a);
    CREATE INDEX plans_b ON plans (b);
    ANALYZE plans;
END $$;

-- The cost of a query, and its time: the least of three runs, in ms.
CREATE FUNCTION plans_run(query text, run boolean, OUT cost float8, OUT ms float8, OUT plan text) LANGUAGE plpgsql AS $$
DECLARE
    j json;
    t float8;
BEGIN
    FOR i IN 1..CASE WHEN run THEN 3 ELSE 1 END LOOP
        EXECUTE format('EXPLAIN (FORMAT JSON%s) %s', CASE WHEN run THEN ', ANALYZE, TIMING OFF' ELSE '' END, query) INTO j;
        t := (j -> 0 ->> 'Execution Time')::float8;
        ms := least(coalesce(ms, t), t);
    END LOOP;
    cost := (j -> 0 -> 'Plan' ->> 'Total Cost')::float8;
    plan := CASE WHEN j::text LIKE '%"plans_i"%' THEN 'index' WHEN j::text LIKE '%"plans_a"%' OR j::text LIKE '%"plans_b"%' THEN 'btree' ELSE 'seq' END;
END $$;

CREATE FUNCTION plans_matrix(dims int, n int)
RETURNS TABLE (dimensions int, condition text, part numeric, lim int, index_ms float8, btree_ms float8, seq_ms float8,
    index_cost float8, btree_cost float8, seq_cost float8, chosen text, off float8)
LANGUAGE plpgsql AS $$
DECLARE
    query text;
    r record;
    p int;
BEGIN
    PERFORM plans_load(dims, n), set_config('max_parallel_workers_per_gather', '0', true), set_config('jit', 'off', true);
    dimensions := dims;
    FOREACH condition IN ARRAY ARRAY['none', 'filter', 'other'] LOOP
        FOREACH p IN ARRAY CASE condition WHEN 'none' THEN ARRAY[1] ELSE ARRAY[2, 10, 100, 1000] END LOOP
            part := round(1.0 / p, 3);
            FOREACH lim IN ARRAY ARRAY[1, 10, 100, 1000] LOOP
                CONTINUE WHEN lim > n * part;
                query := format('SELECT id FROM plans %s ORDER BY v <-> %L LIMIT %s',
                    CASE condition WHEN 'filter' THEN 'WHERE a = ' || p WHEN 'other' THEN 'WHERE b = ' || p ELSE '' END,
                    random_vector(dims, p % 200) + random_vector(dims, -p), lim);
                PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
                    set_config('enable_indexscan', 'on', true);
                SELECT * INTO r FROM plans_run(query, true);
                index_ms := r.ms; index_cost := r.cost;
                PERFORM set_config('enable_bitmapscan', 'on', true), set_config('enable_sort', 'on', true), set_config('enable_indexscan', 'off', true);
                btree_ms := NULL; btree_cost := NULL;
                IF condition <> 'none' THEN
                    SELECT * INTO r FROM plans_run(query, true);
                    btree_ms := r.ms; btree_cost := r.cost;
                END IF;
                PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'off', true);
                SELECT * INTO r FROM plans_run(query, true);
                seq_ms := r.ms; seq_cost := r.cost;
                PERFORM set_config('enable_bitmapscan', 'on', true), set_config('enable_indexscan', 'on', true);
                SELECT * INTO r FROM plans_run(query, false);
                chosen := r.plan;
                off := CASE chosen WHEN 'index' THEN index_ms WHEN 'btree' THEN btree_ms ELSE seq_ms END / least(index_ms, btree_ms, seq_ms);
                RETURN NEXT;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
