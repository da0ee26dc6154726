-- the setting intel.simd: all kernels give the same through the operators
SET search_path = intel, public;
SHOW intel.simd;
SET intel.simd = 'mmx';
-- what is in use: a level, not the word auto, and nobody sets it
SELECT current_setting('intel.simd_status') IN ('scalar', 'avx2', 'avx512', 'neon') AS known;
SET intel.simd_status = 'scalar';
SET intel.simd = 'scalar';
SHOW intel.simd_status;
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
            IF level <> 'auto' AND current_setting('intel.simd_status') <> level THEN
                RAISE EXCEPTION '% is set, % is in use', level, current_setting('intel.simd_status');
            END IF;
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
-- a setting that ends with the transaction takes its kernels with it, and
-- auto takes a level that the CPU has, the widest one
SELECT current_setting('intel.simd_status') AS chosen \gset
BEGIN;
SET LOCAL intel.simd = 'scalar';
SHOW intel.simd_status;
ROLLBACK;
SELECT current_setting('intel.simd_status') = :'chosen' AS back;
DO $$
DECLARE level text; widest text := 'scalar'; chosen text := current_setting('intel.simd_status');
BEGIN
    FOREACH level IN ARRAY '{neon,avx2,avx512}'::text[] LOOP
        BEGIN
            PERFORM set_config('intel.simd', level, true);
            widest := level;
        EXCEPTION WHEN invalid_parameter_value THEN NULL;
        END;
    END LOOP;
    IF chosen <> widest THEN
        RAISE EXCEPTION 'auto is %, the CPU has %', chosen, widest;
    END IF;
END
$$;
RESET intel.simd;
-- parallel workers use the kernels of their leader
CREATE FUNCTION vector_simd_worker(leader int) RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS $$
BEGIN
    RETURN format('%s, in the leader: %s', current_setting('intel.simd_status'), pg_backend_pid() = leader);
END
$$;
SELECT pg_backend_pid() AS leader \gset
SET intel.simd = 'scalar';
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET parallel_leader_participation = off;
SELECT DISTINCT vector_simd_worker(:leader) FROM vector_simd WHERE n > 0;
RESET ALL;
SET search_path = intel, public;
DROP FUNCTION vector_simd_worker;
DROP FUNCTION vector_simd_distances;
DROP TABLE vector_simd, vector_simd_scalar;
