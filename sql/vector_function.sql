-- arithmetic, parts, casts between the types, bit distances, subscripts
SET search_path = intel, public;
SET extra_float_digits = 0;
\set VERBOSITY sqlstate
SELECT '[1,2,3]'::vector + '[4,5,6]' AS add, '[1,2,3]'::vector - '[4,5,6]' AS sub, '[1,2,3]'::vector * '[4,5,6]' AS mul,
    '[1,2]'::vector || '[3]' AS concat;
SELECT '[3e38]'::vector + '[3e38]';
SELECT '[-3e38]'::vector - '[3e38]';
SELECT '[1e37]'::vector * '[1e37]';
SELECT '[1e-37]'::vector * '[1e-37]';
SELECT '[1,0]'::vector * '[0,1e-37]' AS zero_is_no_underflow;
SELECT '[1,2]'::vector + '[1]';
SELECT '[1,2]'::vector - '[1]';
SELECT '[1,2]'::vector * '[1]';
SELECT repeat_vector || repeat_vector FROM (SELECT array_fill(0::real, ARRAY[8001])::vector AS repeat_vector) s;
SELECT binary_quantize('[1,0,-1]'::vector), binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::vector);
SELECT subvector('[1,2,3,4,5]'::vector, 1, 3), subvector('[1,2,3,4,5]'::vector, 3, 9), subvector('[1,2,3,4,5]'::vector, -1, 3),
    subvector('[1,2,3,4,5]'::vector, 5, 2147483647);
SELECT subvector('[1,2,3]'::vector, 1, 0);
SELECT subvector('[1,2,3]'::vector, 4, 1);
SELECT subvector('[1,2,3]'::vector, 2147483647, 2147483647);
SELECT subvector('[1,2,3]'::vector, -2147483648, -2147483648);
SELECT subvector('[1,2,3]'::vector, -1, 2);

SELECT random_vector(3, 1), random_vector(3, 1) = random_vector(3, 1) AS same, random_vector(3, 1) = random_vector(3, 2) AS other_seed;
SELECT min(x) >= -1 AND max(x) < 1 AS bounds, abs(avg(x)) < 0.02 AS centred FROM unnest(random_vector(16000, 42)::real[]) x;
SELECT random_vector(0, 1);
SELECT random_vector(16001, 1);

-- casts
SELECT '[1,2,3]'::vector::halfvec(3), '[1,2.5]'::halfvec::vector(2), '[0,1.5,0]'::vector::sparsevec(3), '[0,1.5,0]'::halfvec::sparsevec,
    '{2:1.5}/3'::sparsevec::vector, '{2:1.5}/3'::sparsevec::halfvec;
SELECT '[1,2,3]'::vector::halfvec(2);
SELECT '[1,2]'::halfvec::vector(3);
SELECT '[1,2]'::vector::sparsevec(3);
SELECT '{}/3'::sparsevec::vector(2);
SELECT '{}/16001'::sparsevec::vector;
SELECT '{}/16001'::sparsevec::halfvec;
SELECT '[65520]'::vector::halfvec;
SELECT '{1:65520}/1'::sparsevec::halfvec;
SELECT '{1:1e-8}/1'::sparsevec::halfvec AS underflow;
SELECT ARRAY[1,0,2]::halfvec, ARRAY[1,0,2]::sparsevec, '{1,0,2.5}'::real[]::sparsevec(3), ARRAY[1,0,2]::float8[]::sparsevec,
    ARRAY[1.5,0]::sparsevec, '[1,2]'::halfvec::real[];
SELECT '{65520}'::real[]::halfvec;
SELECT '{1e300}'::float8[]::halfvec;
SELECT '{NaN}'::real[]::sparsevec;
SELECT '{NULL}'::real[]::halfvec;
SELECT '{}'::real[]::sparsevec;
SELECT array_fill(1::real, ARRAY[16001])::sparsevec;
SELECT vector_dims(array_fill(0::real, ARRAY[20000])::sparsevec::vector);
CREATE TEMP TABLE c (v vector(2), h halfvec(2), s sparsevec(2));
INSERT INTO c VALUES ('[1,2]'::halfvec, '[1,2]'::vector, '[1,0]'::vector), ('{1:1}/2'::sparsevec, '{2:1}/2'::sparsevec, '[0,3]'::halfvec);
SELECT * FROM c;
SELECT '[1,2]'::vector <-> '[1,2]'::halfvec AS mixed;
SELECT castsource::regtype::text, casttarget::regtype::text, castcontext, castmethod FROM pg_cast
WHERE castsource::regtype::text ~ '^(vector|halfvec|sparsevec)' OR casttarget::regtype::text ~ '^(vector|halfvec|sparsevec)'
ORDER BY 1, 2;

-- bits
SELECT hamming_distance(B'111', B'100'), B'1111' <~> B'0000' AS op, jaccard_distance(B'1111', B'1000'), B'1100' <%> B'1000' AS jaccard_op,
    B'0' <%> B'0' AS none, hamming_distance('', '') AS empty;
SELECT hamming_distance(B'111', B'00');
SELECT jaccard_distance(B'1111', B'000');
SELECT bool_and((a <~> b) = length(replace((a # b)::text, '0', ''))) AS hamming,
    bool_and(abs((a <%> b) - (1 - length(replace((a & b)::text, '0', ''))::float8 / greatest(1, length(replace((a | b)::text, '0', ''))))) < 1e-12) AS jaccard
FROM (SELECT binary_quantize(random_vector(n, n)) AS a, binary_quantize(random_vector(n, -n)) AS b
      FROM unnest('{1,7,8,9,63,64,65,127,128,129,511,512,513,1000,16000}'::int[]) n) s;

-- subscripts: like arrays, but null where an array would be empty
SELECT v[1], v[3], v[0] IS NULL AS below, v[4] IS NULL AS above, v[NULL] IS NULL AS nothing, v[2:3], v[:2], v[2:], v[:], v[-5:99],
    v[3:2] IS NULL AS none, v[NULL:2] IS NULL AS unknown
FROM (SELECT '[1,2.5,3]'::vector AS v) s;
SELECT pg_typeof(v[1]), pg_typeof(v[1:1]), h[2], h[2:3], s[2], s[3], s[2:4], s[1:1], s[9] IS NULL AS above
FROM (SELECT '[1,2,3]'::vector AS v, '[1,2.5,3]'::halfvec AS h, '{2:5,4:7}/5'::sparsevec AS s) s;
SELECT (NULL::vector)[1] IS NULL AS strict;
SELECT ('[1,2]'::vector)[1][1];
SELECT ('[1,2]'::vector)['a'];
SELECT ('[1,2]'::vector)[1.6] AS assignment_cast;
UPDATE c SET v[1] = 5;
CREATE TEMP VIEW sub AS SELECT v[1] AS first, v[1:2] AS part FROM c;
SELECT * FROM sub;
