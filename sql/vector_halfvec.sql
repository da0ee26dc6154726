-- halfvec: input, output, rounding, distances, order
SET search_path = intel, public;
SET extra_float_digits = 0;
\set VERBOSITY sqlstate
SELECT '[1,2,3]'::halfvec, ' [ 1 , -2.5e0,3. ]  '::halfvec, '[1.23456,-0,1e-8]'::halfvec;
SELECT '[65519,-65519]'::halfvec, '[6.1e-5,5.96e-8,2.98e-8,2.99e-8]'::halfvec AS denormal;
-- ties to even: 1 + 2^-11 lies between 1 and 1 + 2^-10
SELECT '[1.00048828125,1.00146484375]'::halfvec = '[1,1.001953125]'::halfvec AS ties_to_even;
SELECT '[65520]'::halfvec;
SELECT '[4e38]'::halfvec;
SELECT '[NaN]'::halfvec;
SELECT '[-Infinity]'::halfvec;
SELECT '[1,x]'::halfvec;
SELECT '[]'::halfvec;
SELECT '1'::halfvec;
SELECT '[1,2,3]'::halfvec(2);
SELECT '[1,2,3]'::halfvec(16001);
SELECT ('[' || repeat('1,', 16000) || '1]')::halfvec;
\set VERBOSITY default
SELECT '[1,65520]'::halfvec;
\set VERBOSITY sqlstate
SELECT halfvec_send('[1,-2]');
-- every finite half survives text and binary
SELECT count(*), bool_and(h::text::halfvec = h) AS text, bool_and(h::vector::halfvec = h) AS float
FROM (SELECT ('[' || (CASE WHEN e = 0 THEN m / 1024.0 * 2 ^ -14 ELSE (1 + m / 1024.0) * 2 ^ (e - 15) END)::real || ']')::halfvec AS h
      FROM generate_series(0, 30) e, generate_series(0, 1023, 7) m) s;

SELECT l2_distance('[0,0]'::halfvec, '[3,4]'), '[1,1,1,1,1,1,1,1,1]'::halfvec <-> '[1,1,1,1,1,1,1,4,5]' AS op,
    inner_product('[65504]'::halfvec, '[65504]'), '[1,2]'::halfvec <#> '[3,4]' AS ip_op;
SELECT cosine_distance('[1,2]'::halfvec, '[0,0]'), '[1,1]'::halfvec <=> '[-1.1,-1.1]' AS op, l1_distance('[0,0]'::halfvec, '[3,4]'),
    '[0,0]'::halfvec <+> '[0,1]' AS l1_op;
SELECT '[1,2]'::halfvec <-> '[3]';
SELECT '[1,2]'::halfvec <#> '[3]';
SELECT '[1,2]'::halfvec <=> '[3]';
SELECT '[1,2]'::halfvec <+> '[3]';
SELECT vector_dims('[1,2,3]'::halfvec), l2_norm('[3,4]'::halfvec), l2_normalize('[3,4]'::halfvec), l2_normalize('[0]'::halfvec),
    l2_normalize('[65504]'::halfvec);
SELECT halfvec_l2_squared_distance('[0,0]', '[3,4]'), halfvec_negative_inner_product('[1,2]', '[3,4]'),
    halfvec_spherical_distance('[1,0]', '[0,1]');

SELECT '[1,2,3]'::halfvec + '[4,5,6]' AS add, '[1,2,3]'::halfvec - '[4,5,6]' AS sub, '[1,2,3]'::halfvec * '[4,5,6]' AS mul,
    '[1,2]'::halfvec || '[3]' AS concat;
SELECT '[65519]'::halfvec + '[65519]';
SELECT '[-65519]'::halfvec - '[65519]';
SELECT '[65519]'::halfvec * '[65519]';
SELECT '[1e-7]'::halfvec * '[1e-7]';
SELECT '[1,2]'::halfvec + '[1]';
SELECT binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::halfvec), subvector('[1,2,3,4,5]'::halfvec, 3, 9),
    subvector('[1,2,3,4,5]'::halfvec, -1, 3);
SELECT subvector('[1,2,3]'::halfvec, 4, 1);

SELECT '[1,2]'::halfvec < '[1,3]' AS lt, '[1,2]'::halfvec <= '[1,2]' AS le, '[0]'::halfvec = '[-0]' AS zeros, '[1]'::halfvec <> '[1,1]' AS ne,
    '[2]'::halfvec >= '[1,5]' AS ge, '[-1]'::halfvec > '[-2]' AS gt, halfvec_cmp('[1]', '[1,0]') AS cmp;
CREATE TEMP TABLE h (id int, x halfvec(2));
INSERT INTO h VALUES (1, '[0,0]'), (2, '[1,1]'), (3, '[2,2]'), (4, '[-1,3]'), (5, NULL);
INSERT INTO h VALUES (6, '[1]'::halfvec);
CREATE INDEX ON h (x);
SELECT id FROM h ORDER BY x;
SELECT id FROM h ORDER BY x <-> '[2,2.1]' LIMIT 2;
