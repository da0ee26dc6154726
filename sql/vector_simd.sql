-- the setting intel.simd: all kernels give the same through the operators
SET search_path = intel, public;
SHOW intel.simd;
SET intel.simd = 'mmx';
SET intel.simd = 'scalar';
CREATE TABLE vector_simd AS
    SELECT n, random_vector(n, n) AS a, random_vector(n, -n) AS b FROM generate_series(1, 300) n
    UNION ALL SELECT n, random_vector(n, n), random_vector(n, -n) FROM unnest('{384,768,1536,3072,15999,16000}'::int[]) n;
CREATE FUNCTION vector_simd_distances() RETURNS TABLE (n int, d float8[]) LANGUAGE sql AS $$
    SELECT n, ARRAY[a <-> b, a <#> b, a <=> b, a <+> b, ha <-> hb, ha <#> hb, ha <=> hb, ha <+> hb,
        binary_quantize(a) <~> binary_quantize(b), binary_quantize(a) <%> binary_quantize(b), vector_norm(a), l2_norm(ha)]
    FROM (SELECT n, a, b, a::halfvec AS ha, b::halfvec AS hb FROM vector_simd) s
$$;
CREATE TABLE vector_simd_scalar AS SELECT * FROM vector_simd_distances();
-- levels that this machine lacks are refused, and then the last one stays
DO $$
DECLARE level text; worst float8;
BEGIN
    FOREACH level IN ARRAY '{avx2,avx512,neon,auto}'::text[] LOOP
        BEGIN
            PERFORM set_config('intel.simd', level, false);
        EXCEPTION WHEN invalid_parameter_value THEN NULL;
        END;
        SELECT max(abs(x - y) / (abs(x) + sqrt(n))) INTO worst
        FROM vector_simd_distances() a JOIN vector_simd_scalar b USING (n), LATERAL unnest(a.d, b.d) u(x, y);
        IF worst IS NULL OR worst > 1e-5 THEN
            RAISE EXCEPTION 'kernels % differ from scalar by %', current_setting('intel.simd'), worst;
        END IF;
    END LOOP;
END
$$;
SHOW intel.simd;
DROP FUNCTION vector_simd_distances;
DROP TABLE vector_simd, vector_simd_scalar;
