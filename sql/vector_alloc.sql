-- functions that an exact search calls once per row allocate nothing: the
-- memory in use before and after a call, within one row, is the same
SET search_path = intel, public;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE vector_alloc (id int, v vector, h halfvec, s sparsevec, b bit varying);
-- packed, in line and, but for the sparse ones, out of line
INSERT INTO vector_alloc SELECT i, random_vector(d, i), random_vector(2 * d, i)::halfvec,
    ('{1:1,' || d || ':2}/' || d)::sparsevec, binary_quantize(random_vector(8 * d, i)) || binary_quantize(random_vector(8 * d, -i))
FROM unnest('{20,200,1100}'::int[]) WITH ORDINALITY n(d, part), generate_series(1, 5) i ORDER BY part;
SELECT pg_column_size(b) AS bytes, length(b) AS bits, bool_and((b <~> ~b) = length(b) AND (b <~> b) = 0 AND (b <%> ~b) = 1 AND (b <%> b) = 0) AS right
FROM vector_alloc GROUP BY 1, 2 ORDER BY 1;
CREATE FUNCTION vector_alloc_used() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT sum(used_bytes) FROM pg_backend_memory_contexts);
END
$$;
CREATE FUNCTION vector_alloc(expression text) RETURNS TABLE (kind bigint, bytes bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($query$
        WITH used AS MATERIALIZED (
            SELECT row_number() OVER () AS n,
                vector_alloc_used() AS before, %1$s AS result, vector_alloc_used() AS after
            FROM vector_alloc)
        -- the first call of a kind may make room for the others
        SELECT (n - 1) / 5, max(after - before) FROM used WHERE n %% 5 > 1 GROUP BY 1 ORDER BY 1 $query$, expression);
END
$$;
CREATE TABLE vector_alloc_result AS
SELECT e AS expression, kind, bytes FROM unnest('{0::float8,v <-> v,v <#> v,v <=> v,v <+> v,h <-> h,h <#> h,h <=> h,h <+> h,
    s <-> s,s <#> s,s <=> s,s <+> s,b <~> b,b <%> b,"vector_dims(v + v)::float8","length(b || b)::float8"}'::text[]) e, vector_alloc(e);
-- what makes a new value is here to show that it would be seen
SELECT r.expression, array_agg(r.bytes > c.bytes ORDER BY kind) AS allocates
FROM vector_alloc_result r JOIN vector_alloc_result c USING (kind) WHERE c.expression = '0::float8'
GROUP BY r.expression HAVING bool_or(r.bytes <> c.bytes) ORDER BY r.expression COLLATE "C";
DROP TABLE vector_alloc, vector_alloc_result;
DROP FUNCTION vector_alloc, vector_alloc_used;
