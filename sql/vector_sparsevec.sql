-- sparsevec: input, output, distances, order
SET search_path = intel, public;
SET extra_float_digits = 0;
\set VERBOSITY sqlstate
SELECT '{1:1.5,3:3.5}/5'::sparsevec, ' { 1 : 1.5 ,  3  :  -3.5e0  } / 5 '::sparsevec, ' { } / 5'::sparsevec AS empty;
SELECT '{3:3,1:1,2:0}/3'::sparsevec AS sorted_without_zeros, '{1000000000:1}/1000000000'::sparsevec AS last;
SELECT '{1:1e-46}/1'::sparsevec;
SELECT ''::sparsevec;
SELECT '{'::sparsevec;
SELECT '{}'::sparsevec;
SELECT '{}/'::sparsevec;
SELECT '{}/1a'::sparsevec;
SELECT '{}/a'::sparsevec;
SELECT '{,}/1'::sparsevec;
SELECT '{1}/1'::sparsevec;
SELECT '{1:}/1'::sparsevec;
SELECT '{:1}/1'::sparsevec;
SELECT '{1a:1}/1'::sparsevec;
SELECT '{1:1a}/1'::sparsevec;
SELECT '{1:1,}/1'::sparsevec;
SELECT '{1:1,1:1}/2'::sparsevec;
SELECT '{0:1}/1'::sparsevec;
SELECT '{-1:1}/1'::sparsevec;
SELECT '{2:1}/1'::sparsevec;
SELECT '{99999999999999999999:1}/1'::sparsevec;
SELECT '{1:1}/0'::sparsevec;
SELECT '{}/-1'::sparsevec;
SELECT '{}/1000000001'::sparsevec;
SELECT '{}/99999999999999999999'::sparsevec;
SELECT '{1:4e38}/1'::sparsevec;
SELECT '{1:NaN}/1'::sparsevec;
SELECT '{1:-Infinity}/1'::sparsevec;
SELECT '{}/1'::sparsevec(2);
SELECT '{}/1'::sparsevec(0);
SELECT '{}/1'::sparsevec(1000000001);
SELECT ('{' || string_agg(i || ':1', ',') || '}/16000')::sparsevec IS NOT NULL AS fits FROM generate_series(1, 16000) i;
SELECT ('{' || string_agg(i || ':1', ',') || '}/16001')::sparsevec FROM generate_series(1, 16001) i;
\set VERBOSITY default
SELECT '{1:secret}/1'::sparsevec;
SELECT '{2:1,2:3}/2'::sparsevec;
\set VERBOSITY sqlstate
SELECT sparsevec_send('{1:1,3:-2}/4');

SELECT '{}/2'::sparsevec <-> '{1:3,2:4}/2' AS l2, '{1:3}/2'::sparsevec <-> '{2:4}/2' AS apart, '{1:1,2:2}/2'::sparsevec <#> '{1:2,2:4}/2' AS ip,
    '{1:1,2:2}/2'::sparsevec <=> '{1:2,2:4}/2' AS cosine, '{1:1}/2'::sparsevec <=> '{}/2' AS undefined,
    '{1:1,3:3,5:5,7:7,9:9}/9'::sparsevec <+> '{2:2,4:4,6:6,8:8}/9' AS l1;
SELECT l2_distance('{1:3e38}/1'::sparsevec, '{1:-3e38}/1'), l1_distance('{1:3e38}/1'::sparsevec, '{1:-3e38}/1'),
    inner_product('{1:3e38}/1'::sparsevec, '{1:3e38}/1'), cosine_distance('{1:3e38}/1'::sparsevec, '{1:3e38}/1');
SELECT '{}/2'::sparsevec <-> '{}/1';
SELECT '{}/2'::sparsevec <#> '{}/1';
SELECT '{}/2'::sparsevec <=> '{}/1';
SELECT '{}/2'::sparsevec <+> '{}/1';
SELECT l2_norm('{1:3,2:4}/2'::sparsevec), l2_norm('{1:3e37,2:4e37}/2'::sparsevec)::real, l2_normalize('{1:3,3:4}/3'::sparsevec),
    l2_normalize('{}/3'::sparsevec), l2_normalize('{1:3e38,2:1e-38}/2'::sparsevec) AS underflows;
SELECT sparsevec_l2_squared_distance('{}/2', '{1:3,2:4}/2'), sparsevec_negative_inner_product('{1:1}/2', '{1:2}/2');

-- the same as with dense vectors, for distances and order
CREATE TEMP TABLE s AS
    SELECT i, array_agg(CASE WHEN (hashint4(i * 40 + j) & 3) = 0 THEN (hashint4(j * 7 - i) % 5) ELSE 0 END ORDER BY j)::vector AS v
    FROM generate_series(1, 60) i, generate_series(1, 12) j GROUP BY i;
SELECT count(*) AS pairs, bool_and(a.v <-> b.v = a.v::sparsevec <-> b.v::sparsevec) AS l2,
    bool_and(a.v <#> b.v = a.v::sparsevec <#> b.v::sparsevec) AS ip, bool_and(a.v <+> b.v = a.v::sparsevec <+> b.v::sparsevec) AS l1,
    bool_and(vector_cmp(a.v, b.v) = sparsevec_cmp(a.v::sparsevec, b.v::sparsevec)) AS cmp,
    bool_and((a.v = b.v) = (a.v::sparsevec = b.v::sparsevec)) AS eq
FROM s a, s b;
SELECT '{1:1}/1'::sparsevec < '{1:1}/2' AS lt, '{}/2'::sparsevec <= '{}/2' AS le, '{1:-1}/2'::sparsevec < '{}/2' AS negative,
    '{2:1}/2'::sparsevec > '{}/2' AS gt, '{2:1}/2'::sparsevec >= '{1:1}/2' AS ge, '{}/1'::sparsevec <> '{}/2' AS ne;
CREATE TEMP TABLE t (id int, x sparsevec(3));
INSERT INTO t VALUES (1, '{}/3'), (2, '{1:1}/3'), (3, '{2:1}/3'), (4, '{1:-1,3:2}/3'), (5, NULL);
INSERT INTO t VALUES (6, '{}/4'::sparsevec);
CREATE INDEX ON t (x);
SELECT id, x FROM t ORDER BY x;
SELECT id FROM t ORDER BY x <=> '{1:1,2:0.1}/3' LIMIT 2;
