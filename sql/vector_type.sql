-- vector: input, output, type modifier, limits and their SQLSTATEs
SET search_path = intel, public;
\set VERBOSITY sqlstate
SELECT '[1,2,3]'::vector, ' [ 1 , -2.5e0,3. ]  '::vector, '[.5,+1,-0,1e-46]'::vector;
SELECT '[0x1p3,1e2,123456789012345678901234567890]'::vector;
-- the nearest float, also where rounding twice would miss it
SELECT '[0.1,16777217,16777217.0000001,3.4028235e38,1.17549435e-38,1e-45,0.000000000000000000000000000012345]'::vector;
SELECT bool_and(('[' || x || ']')::vector = ARRAY[x::text::real]::vector) AS same_as_real
FROM (SELECT ((hashint4(i)::float8 * 1.37) / (10 ^ (i % 25)))::text AS x FROM generate_series(1, 5000) i) s;
SELECT '[hello,1]'::vector;
SELECT '[NaN,1]'::vector;
SELECT '[Infinity,1]'::vector;
SELECT '[-inf]'::vector;
SELECT '[4e38,1]'::vector;
SELECT '[-1e400]'::vector;
SELECT '[1,2,3'::vector;
SELECT '[1,2,3]9'::vector;
SELECT '1,2,3'::vector;
SELECT ''::vector;
SELECT '['::vector;
SELECT '[ ]'::vector;
SELECT '[,'::vector;
SELECT '[1,]'::vector;
SELECT '[1,,3]'::vector;
SELECT '[1 2]'::vector;
SELECT '[1e]'::vector;
SELECT ('[' || repeat('1,', 15999) || '1]')::vector IS NOT NULL AS fits;
SELECT ('[' || repeat('1,', 16000) || '1]')::vector;
SELECT '[1,2,3]'::vector(3);
SELECT '[1,2,3]'::vector(2);
SELECT '[1,2,3]'::vector(3, 2);
SELECT '[1,2,3]'::vector(0);
SELECT '[1,2,3]'::vector(16001);
SELECT '[1,2,3]'::vector('a');
-- no message shows what was given
\set VERBOSITY default
SELECT '[1,secret]'::vector;
SELECT 'secret'::vector;
SELECT '[1] secret'::vector;
SELECT '[1e999]'::vector;
SELECT '[1'::vector;
\set VERBOSITY sqlstate

-- binary: dimensions, zero, elements in network order
SELECT vector_send('[1,-2]');
CREATE TEMP TABLE v (id int, x vector(3));
INSERT INTO v VALUES (1, '[1,2,3]'), (2, '[-0,1e-45,3.4028235e38]'), (3, NULL);
INSERT INTO v VALUES (4, '[1,2]');
INSERT INTO v VALUES (4, '[1,2]'::vector);
SELECT attname, format_type(atttypid, atttypmod), attstorage FROM pg_attribute
WHERE attrelid = 'v'::regclass AND attnum = 2;

-- arrays both ways
SELECT ARRAY[1,2,3]::vector, ARRAY[1.5,2.25]::vector, ARRAY[1.5,2.25]::real[]::vector,
    ARRAY[1.5,2.25]::float8[]::vector, '[1,2.5]'::vector::real[];
SELECT array_to_vector(ARRAY[1,2,3], 3, false), vector_to_float4('[1,2]', -1, false);
SELECT '{}'::real[]::vector;
SELECT '{{1}}'::real[]::vector;
SELECT '{NULL}'::real[]::vector;
SELECT '{NaN}'::real[]::vector;
SELECT '{Infinity}'::real[]::vector;
SELECT '{-Infinity}'::float8[]::vector;
SELECT '{1e300}'::float8[]::vector;
SELECT '{1e300}'::numeric[]::vector;
SELECT ARRAY[1,2,3]::vector(2);
SELECT array_agg(n)::vector FROM generate_series(1, 16001) n;
SELECT (array_agg(n) FILTER (WHERE n > 1))::vector FROM generate_series(1, 4) n;
SELECT (ARRAY[NULL,1,2]::real[])[2:3]::vector;
CREATE TEMP TABLE w (x vector(2));
INSERT INTO w VALUES (ARRAY[1,2]), ('{3.5,4}'::real[]), (ARRAY[1,2]::float8[]), (ARRAY[1.25,2]);
INSERT INTO w VALUES (ARRAY[1,2,3]);
SELECT * FROM w;
SELECT unnest(x) FROM w LIMIT 2;
