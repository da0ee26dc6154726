-- values out of line, which distances read by guessing where the next one is:
-- the result is that of the same value in line, whatever the order on disk
SET search_path = intel, public;
CREATE TABLE vector_out (id int PRIMARY KEY, v vector, h halfvec, s sparsevec);
CREATE FUNCTION vector_out_row(i int) RETURNS vector_out LANGUAGE sql AS $$
    SELECT i, random_vector(600 + abs(i) % 7 * 150, i), random_vector(1200 + abs(i) % 5 * 700, i)::halfvec, random_vector(300 + abs(i) % 3, i)::sparsevec
$$;
INSERT INTO vector_out SELECT (vector_out_row(i)).* FROM generate_series(1, 400) i;
-- chunks of rows that never were, between those of rows
DO $$
BEGIN
    FOR i IN 401..500 LOOP
        BEGIN
            INSERT INTO vector_out SELECT (vector_out_row(-i)).*;
            IF i % 3 <> 0 THEN RAISE EXCEPTION 'undo'; END IF;
        EXCEPTION WHEN raise_exception THEN
            INSERT INTO vector_out SELECT (vector_out_row(i)).*;
        END;
    END LOOP;
END
$$;
UPDATE vector_out SET v = v + v WHERE id % 10 = 0;
DELETE FROM vector_out WHERE id % 10 = 1;
VACUUM vector_out;
INSERT INTO vector_out SELECT (vector_out_row(i)).* FROM generate_series(501, 600) i;
SELECT count(*), count(*) FILTER (WHERE pg_column_size(v) > 2000) > 550 AS out_of_line FROM vector_out;

-- subvector and the sums with zero give values in line
CREATE VIEW vector_out_check AS
    SELECT id, v <-> v AS self, vector_dims(v) AS dim, v <-> random_vector(vector_dims(v), 1) AS l2,
        subvector(v, 1, vector_dims(v)) <-> random_vector(vector_dims(v), 1) AS l2_inline,
        v <=> random_vector(vector_dims(v), 1) AS cosine, subvector(v, 1, vector_dims(v)) <=> random_vector(vector_dims(v), 1) AS cosine_inline,
        h <#> random_vector(vector_dims(h), 2)::halfvec AS ip, subvector(h, 1, vector_dims(h)) <#> random_vector(vector_dims(h), 2)::halfvec AS ip_inline,
        s <+> random_vector(300 + abs(id) % 3, 3)::sparsevec AS l1, (s::vector)::sparsevec <+> random_vector(300 + abs(id) % 3, 3)::sparsevec AS l1_inline
    FROM vector_out;
SELECT count(*), bool_and(self = 0) AS self, bool_and(l2 = l2_inline) AS l2, bool_and(cosine = cosine_inline) AS cosine,
    bool_and(ip = ip_inline) AS ip, bool_and(l1 = l1_inline) AS l1 FROM vector_out_check;
-- in another order than on disk
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*), bool_and(l2 = l2_inline AND ip = ip_inline) AS same
FROM generate_series(1, 600) i, LATERAL (SELECT * FROM vector_out_check WHERE id = i * 7919 % 601) c;
RESET enable_seqscan;
-- both sides out of line, of one table and of two
CREATE TABLE vector_out_2 AS SELECT id, v FROM vector_out ORDER BY id DESC;
SELECT count(*), bool_and(a.v <-> b.v = subvector(a.v, 1, vector_dims(a.v)) <-> subvector(b.v, 1, vector_dims(b.v))) AS same
FROM vector_out a JOIN vector_out b ON b.id = a.id + 7 WHERE vector_dims(a.v) = vector_dims(b.v);
SELECT count(*), bool_and(a.v <-> b.v = 0) AS same FROM vector_out_2 a JOIN vector_out b USING (id);
SELECT count(*), bool_and(d = 0) AS same FROM (SELECT (a.v || a.v) <-> (b.v || b.v) AS d FROM vector_out_2 a JOIN vector_out b USING (id)) s;
-- a query vector out of line, the same for all rows
SELECT id FROM vector_out WHERE vector_dims(v) = 750 ORDER BY v <-> (SELECT v FROM vector_out WHERE id = 8) LIMIT 1;
-- a stored plan sees values that another statement wrote
CREATE FUNCTION vector_out_nearest(q vector) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT id FROM vector_out WHERE vector_dims(v) = vector_dims(q) ORDER BY v <-> q LIMIT 1);
END
$$;
SELECT vector_out_nearest(random_vector(900, 9));
UPDATE vector_out SET v = random_vector(900, 99) WHERE id = 9;
SELECT vector_out_nearest(random_vector(900, 99)), vector_out_nearest(random_vector(900, 9)) <> 9 AS moved;
-- compressed values are left to the server
ALTER TABLE vector_out ALTER COLUMN v SET STORAGE EXTENDED;
UPDATE vector_out SET v = array_fill(id::real, ARRAY[16000])::vector WHERE id < 50;
SELECT count(*), bool_and(v <-> v = 0) AS self, bool_and(v <-> subvector(v, 1, 16000) = 0) AS same FROM vector_out WHERE id < 50;
-- after a rewrite
VACUUM FULL vector_out;
SELECT count(*), bool_and(l2 = l2_inline AND ip = ip_inline AND l1 = l1_inline AND cosine = cosine_inline) AS same FROM vector_out_check;
-- and there almost without the index of the TOAST table
CREATE FUNCTION vector_out_lookups() RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_stat_get_xact_numscans(i.indexrelid) FROM pg_class c JOIN pg_index i ON i.indrelid = c.reltoastrelid WHERE c.relname = 'vector_out'
$$;
BEGIN;
SELECT vector_out_lookups() AS before \gset
SELECT count(*) > 550 AS read FROM vector_out WHERE v <-> v = 0;
SELECT vector_out_lookups() - :before < 30 AS few FROM vector_out LIMIT 1;
COMMIT;
-- an updated row whose value went elsewhere costs one lookup, and not also one
-- on the way back, however many come in a row
TRUNCATE vector_out;
ALTER TABLE vector_out SET (fillfactor = 50, autovacuum_enabled = off);
INSERT INTO vector_out (id, v) SELECT i, random_vector(600, i) FROM generate_series(1, 1000) i;
DO $$
BEGIN
    FOR i IN 1..100 LOOP
        UPDATE vector_out SET v = v + v WHERE id = 10 * (1 + i * 37 % 100);
    END LOOP;
END
$$;
BEGIN;
SELECT vector_out_lookups() AS before \gset
SELECT count(*) FROM vector_out WHERE v <-> v = 0;
SELECT vector_out_lookups() - :before BETWEEN 90 AND 110 AS one_each FROM vector_out LIMIT 1;
COMMIT;
DROP TABLE vector_out_2;
DROP FUNCTION vector_out_nearest, vector_out_lookups;
DROP VIEW vector_out_check;
DROP FUNCTION vector_out_row;
DROP TABLE vector_out;
