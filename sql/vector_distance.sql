-- vector: distances, norms, order
SET search_path = intel, public;
SET extra_float_digits = 0;
\set VERBOSITY sqlstate
SELECT l2_distance('[0,0]'::vector, '[3,4]'), '[0,0]'::vector <-> '[0,1]' AS op;
SELECT l2_distance('[1,2]'::vector, '[3]');
SELECT '[1,2]'::vector <-> '[3]';
SELECT l2_distance('[3e38]'::vector, '[-3e38]');
SELECT inner_product('[1,2]'::vector, '[3,4]'), '[1,2]'::vector <#> '[3,4]' AS op;
SELECT inner_product('[1,2]'::vector, '[3]');
SELECT inner_product('[3e38]'::vector, '[3e38]');
SELECT cosine_distance('[1,2]'::vector, '[2,4]') AS parallel, cosine_distance('[1,2]'::vector, '[0,0]') AS undefined,
    cosine_distance('[1,1]'::vector, '[1,1]') AS same, cosine_distance('[1,0]'::vector, '[0,2]') AS right_angle,
    cosine_distance('[1,1]'::vector, '[-1,-1]') AS opposite;
SELECT cosine_distance('[1,2]'::vector, '[3]');
SELECT cosine_distance('[1,1]'::vector, '[1.1,1.1]') AS clamped_low, cosine_distance('[1,1]'::vector, '[-1.1,-1.1]') AS clamped_high;
SELECT cosine_distance('[3e38]'::vector, '[3e38]');
SELECT '[1,2]'::vector <=> '[2,1]' AS op;
SELECT l1_distance('[0,0]'::vector, '[3,4]'), '[0,0]'::vector <+> '[0,1]' AS op;
SELECT l1_distance('[3e38]'::vector, '[-3e38]');
SELECT '[1,2]'::vector <+> '[3]';
SELECT vector_norm('[3,4]'::vector), vector_norm('[0,1]'), vector_norm('[3e37,4e37]')::real, vector_norm('[1e-45]') > 0 AS denormal;
SELECT l2_normalize('[3,4]'::vector), l2_normalize('[3,0]'::vector), l2_normalize('[0,0]'::vector), l2_normalize('[3e38]'::vector);
SELECT vector_dims('[1,2,3]'::vector);
SELECT vector_l2_squared_distance('[0,0]', '[3,4]'), vector_negative_inner_product('[1,2]', '[3,4]'),
    vector_spherical_distance('[1,0]', '[0,1]'), vector_spherical_distance('[1,1]', '[1,1]');
SELECT l2_distance(NULL::vector, '[1]') IS NULL AS strict;

-- every length, against sums in SQL: tails of the kernels, and values stored
-- inline with a short header, inline with a long one, and out of line
CREATE TEMP TABLE v (dim int, a vector, b vector);
INSERT INTO v SELECT d, a, b FROM (VALUES (1), (2), (3), (4), (5), (7), (8), (9), (15), (16), (17), (23), (29), (30), (31), (32),
    (33), (47), (63), (64), (65), (100), (127), (384), (767), (1025), (3072), (16000)) dims(d),
    LATERAL (SELECT array_agg(sin(i * 0.7 + d) * 10)::vector AS a, array_agg(cos(i * 1.3 - d) * 10)::vector AS b
             FROM generate_series(1, d) i) s;
CREATE TEMP VIEW element AS
    SELECT dim, x, y FROM v, unnest(a::real[], b::real[]) u(x, y);
SELECT count(*) AS dims,
    bool_and(abs((a <-> b) / l2 - 1) < 1e-5) AS l2, bool_and(abs(-(a <#> b) - ip) < 1e-5 * abs_ip) AS ip,
    bool_and(abs((a <=> b) - (1 - ip / sqrt(na * nb))) < 1e-5) AS cosine, bool_and(abs((a <+> b) / l1 - 1) < 1e-5) AS l1,
    bool_and(abs(vector_norm(a) / sqrt(na) - 1) < 1e-12) AS norm
FROM v JOIN (SELECT dim, sqrt(sum((x::float8 - y) ^ 2)) AS l2, sum(x::float8 * y) AS ip, sum(abs(x::float8 * y)) AS abs_ip,
        sum(abs(x::float8 - y)) AS l1, sum(x::float8 ^ 2) AS na, sum(y::float8 ^ 2) AS nb FROM element GROUP BY dim) s USING (dim);

-- nearest neighbours
CREATE TEMP TABLE n (id int, x vector(2));
INSERT INTO n VALUES (1, '[0,0]'), (2, '[1,1]'), (3, '[2,2]'), (4, '[-1,3]'), (5, NULL);
SELECT id FROM n ORDER BY x <-> '[2,2.1]' LIMIT 3;
SELECT id FROM n ORDER BY x <#> '[2,2]' LIMIT 2;
SELECT id FROM n WHERE id <> 1 ORDER BY x <=> '[-1,3.1]' LIMIT 1;
SELECT id FROM n WHERE x OPERATOR(intel.<->) '[0,0]' < 1.5 ORDER BY id;

-- order: elements first, then length
SELECT '[1,2]'::vector < '[1,3]' AS lt, '[1,2]'::vector < '[1,2,0]' AS shorter, '[2]'::vector > '[1,5]' AS gt,
    '[1,2]'::vector <= '[1,2]' AS le, '[1,2]'::vector >= '[1,2]' AS ge, '[0]'::vector = '[-0]' AS zeros, '[1]'::vector <> '[1,1]' AS ne;
SELECT vector_cmp('[1]', '[2]'), vector_cmp('[1]', '[1]'), vector_cmp('[2]', '[1,9]');
CREATE INDEX ON n (x);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM n WHERE x = '[1,1]';
SELECT id FROM n WHERE x = '[1,1]';
SELECT id FROM n WHERE x > '[0,0]' ORDER BY x;
RESET enable_seqscan;
