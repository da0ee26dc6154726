-- What a search does, and that it is the same whatever the CPU can do.
SET search_path = public, intel;
SET client_min_messages = warning;
CREATE TABLE ann_s (id int, v vector(100), g int);
INSERT INTO ann_s SELECT i, random_vector(100, i), i % 50 FROM generate_series(1, 6000) i;
CREATE INDEX ann_s_i ON ann_s USING intel (v, g);
ANALYZE ann_s;
SET enable_seqscan = off;
SET enable_bitmapscan = off;

-- every table of kernels gives the same rows after looking at the same codes
CREATE FUNCTION ann_look(simd text, OUT searches int, OUT looked text) LANGUAGE plpgsql AS $$
DECLARE
    found text;
    counts text;
BEGIN
    PERFORM set_config('intel.simd', simd, true);
    searches := 0;
    looked := '';
    FOR i IN 7001..7030 LOOP
        EXECUTE 'SELECT string_agg(id::text, '','') FROM (SELECT id FROM ann_s ORDER BY v <-> random_vector(100, $1) LIMIT 20) x' INTO found USING i;
        SELECT format(' %s/%s/%s ', lists, codes, refined) INTO counts FROM index_last_scan();
        looked := looked || found || counts;
        searches := searches + 1;
    END LOOP;
EXCEPTION WHEN invalid_parameter_value THEN
    looked := NULL; -- this machine does not have it
END $$;
SELECT s.simd, coalesce(l.looked = scalar.looked, true) AS same, coalesce(l.searches, 30) AS searches
FROM (VALUES ('scalar'), ('avx2'), ('avx512'), ('neon'), ('auto')) s(simd), ann_look('scalar') scalar, ann_look(s.simd) l;

-- counters of the search that ended last
SELECT count(*) FROM (SELECT id FROM ann_s ORDER BY v <-> random_vector(100, 1) LIMIT 10) x;
SELECT index, lists BETWEEN 1 AND 24 AS lists, codes BETWEEN 100 AND 6000 AS codes, filtered,
    refined BETWEEN 10 AND codes AS refined, returned BETWEEN 10 AND refined AS returned, exact
FROM index_last_scan();
SELECT count(*) FROM (SELECT id FROM ann_s WHERE g = 7 ORDER BY v <-> random_vector(100, 1) LIMIT 10) x;
SELECT codes - filtered <= 120 AS matched, refined <= codes - filtered AS refined FROM index_last_scan();
SELECT count(*) FROM (SELECT id FROM ann_s ORDER BY v <-> random_vector(100, 1)) x;
SELECT codes, returned, exact FROM index_last_scan();

-- a search is prepared for what LIMIT takes
CREATE FUNCTION ann_codes(k int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT count(*) FROM (SELECT id FROM ann_s ORDER BY v <-> random_vector(100, 2) LIMIT $1) x' USING k;
    RETURN (SELECT codes FROM index_last_scan());
END $$;
SELECT ann_codes(10) <= ann_codes(100) AS more;

SET intel.target_recall = 0.5;
CREATE TEMP TABLE low AS SELECT ann_codes(10) AS codes;
SET intel.target_recall = 0.99;
SELECT low.codes < ann_codes(10) AS higher FROM low;
RESET intel.target_recall;

-- distances that nobody reads are not computed, whoever asks for the rows; what is read is right
CREATE TABLE ann_far (id int, v vector(600));
INSERT INTO ann_far SELECT i, random_vector(600, i) FROM generate_series(1, 600) i;
CREATE INDEX ann_far_i ON ann_far USING intel (v);
SET track_functions = 'all';
CREATE FUNCTION ann_calls(query text, OUT calls bigint, OUT result text) LANGUAGE plpgsql AS $$
DECLARE
    before bigint := coalesce(pg_stat_get_xact_function_calls('intel.l2_distance(vector, vector)'::regprocedure), 0);
BEGIN
    EXECUTE 'SELECT string_agg(x::text, '' '') FROM (' || query || ') x' INTO result;
    calls := coalesce(pg_stat_get_xact_function_calls('intel.l2_distance(vector, vector)'::regprocedure), 0) - before;
END $$;
CREATE TEMP TABLE calls AS SELECT n, q, c.calls, c.result FROM (VALUES
    (1, 'SELECT id FROM ann_far ORDER BY v <-> intel.random_vector(600, 7) LIMIT 5'),
    (2, 'SELECT near.id FROM generate_series(1, 1) i, LATERAL (SELECT id FROM ann_far ORDER BY v <-> intel.random_vector(600, 6 + i) LIMIT 5) near'),
    (3, 'SELECT unnest(ARRAY(SELECT id FROM ann_far ORDER BY v <-> intel.random_vector(600, 7) LIMIT 5))'),
    (4, 'SELECT id FROM (SELECT id, v <-> intel.random_vector(600, 7) AS d FROM ann_far ORDER BY v <-> intel.random_vector(600, 7) LIMIT 5) x WHERE d >= 0'),
    (5, 'SELECT id FROM ann_far ORDER BY v <-> intel.random_vector(600, 7) FETCH FIRST 5 ROWS WITH TIES')) q(n, q), ann_calls(q) c;
SELECT n, calls <= 2 AS few, calls >= 5 AS all, result = first_value(result) OVER (ORDER BY n) AS same FROM calls ORDER BY n;
SELECT bool_and(d = v <-> intel.random_vector(600, 7)) FROM (SELECT id, v <-> intel.random_vector(600, 7) AS d FROM ann_far ORDER BY d LIMIT 5) x JOIN ann_far USING (id);
-- equal rows cannot be told apart by codes: the executor compares them
INSERT INTO ann_far SELECT 1000 + i, random_vector(600, 7) FROM generate_series(1, 5) i;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM ann_far ORDER BY v <-> intel.random_vector(600, 7) LIMIT 6) x;
RESET track_functions;

DROP TABLE ann_s, low, ann_far, calls;
DROP FUNCTION ann_look, ann_codes, ann_calls;
