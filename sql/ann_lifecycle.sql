-- access method intel: inserts, deletes, vacuum, every kind of table and index
SET search_path = public, intel;
CREATE FUNCTION ann_vec(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg((hashint4(i * 1000 + d) & 65535) / 65536.0 ORDER BY d)::vector FROM generate_series(1, dims) d $$;
SET enable_seqscan = off;
-- empty, then filled; one list until rebuilt
CREATE TABLE ann_l (id int, v vector(20));
CREATE INDEX ann_l_i ON ann_l USING intel (v);
SELECT * FROM index_stats('ann_l_i');
SELECT id FROM ann_l ORDER BY v <-> ann_vec(1, 20) LIMIT 3;
INSERT INTO ann_l SELECT i, ann_vec(i, 20) FROM generate_series(1, 3000) i;
SELECT id FROM ann_l ORDER BY v <-> ann_vec(77, 20) LIMIT 1;
REINDEX INDEX ann_l_i;
SELECT lists, entries, longest_list < 4 * entries / lists AS balanced FROM index_stats('ann_l_i');
SELECT index_recall('ann_l_i', 20, 10) > 0.9 AS recall;
INSERT INTO ann_l SELECT i, ann_vec(i, 20) FROM generate_series(3001, 5000) i;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ann_l ORDER BY v <-> ann_vec(77, 20)) x;
SELECT id FROM ann_l ORDER BY v <-> ann_vec(4444, 20) LIMIT 1;
SELECT * FROM index_check('ann_l_i');
-- an aborted insert is not seen
BEGIN;
INSERT INTO ann_l VALUES (0, ann_vec(4444, 20));
SELECT count(*) FROM (SELECT v <-> ann_vec(4444, 20) AS d FROM ann_l ORDER BY v <-> ann_vec(4444, 20) LIMIT 2) x WHERE d = 0;
ROLLBACK;
SELECT count(*) FROM (SELECT v <-> ann_vec(4444, 20) AS d FROM ann_l ORDER BY v <-> ann_vec(4444, 20) LIMIT 2) x WHERE d = 0;
-- deleted rows leave their space to new ones
DELETE FROM ann_l WHERE id % 2 = 0;
VACUUM ann_l;
SELECT entries FROM index_stats('ann_l_i');
SELECT * FROM index_check('ann_l_i');
SELECT count(*) FROM (SELECT id FROM ann_l ORDER BY v <-> ann_vec(77, 20)) x;
SELECT pg_relation_size('ann_l_i') AS before \gset
INSERT INTO ann_l SELECT i, ann_vec(i, 20) FROM generate_series(2, 5000, 2) i;
SELECT pg_relation_size('ann_l_i') <= :before * 1.1 AS reused;
SELECT count(*) FROM (SELECT id FROM ann_l ORDER BY v <-> ann_vec(77, 20)) x;
SELECT * FROM index_check('ann_l_i');
DELETE FROM ann_l;
VACUUM ann_l;
SELECT entries FROM index_stats('ann_l_i');
SELECT id FROM ann_l ORDER BY v <-> ann_vec(1, 20) LIMIT 3;
-- updates that leave the vector alone, and that do not
INSERT INTO ann_l SELECT i, ann_vec(i, 20) FROM generate_series(1, 300) i;
UPDATE ann_l SET id = id + 1000;
UPDATE ann_l SET v = ann_vec(id, 20) WHERE id > 1200;
SELECT id FROM ann_l ORDER BY v <-> ann_vec(77, 20) LIMIT 1;
SELECT id FROM ann_l ORDER BY v <-> ann_vec(1277, 20) LIMIT 1;
TRUNCATE ann_l;
INSERT INTO ann_l SELECT i, ann_vec(i, 20) FROM generate_series(1, 300) i;
SELECT id FROM ann_l ORDER BY v <-> ann_vec(77, 20) LIMIT 1;
-- concurrent forms
CREATE INDEX CONCURRENTLY ann_l_c ON ann_l USING intel (v vector_cosine_ops);
REINDEX INDEX CONCURRENTLY ann_l_i;
SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 'ann_l'::regclass ORDER BY 1;
SELECT id FROM ann_l ORDER BY v <-> ann_vec(78, 20) LIMIT 1;
SELECT id FROM ann_l ORDER BY v <=> ann_vec(79, 20) LIMIT 1;
VACUUM FULL ann_l;
SELECT id FROM ann_l ORDER BY v <-> ann_vec(80, 20) LIMIT 1;
-- partial and expression
DROP INDEX ann_l_i, ann_l_c;
CREATE INDEX ann_l_p ON ann_l USING intel (v) WHERE id > 100;
CREATE INDEX ann_l_e ON ann_l USING intel ((subvector(v, 1, 10)::vector(10)) vector_l2_ops);
SELECT id FROM ann_l WHERE id > 100 ORDER BY v <-> ann_vec(80, 20) LIMIT 1000 OFFSET 199;
EXPLAIN (COSTS OFF) SELECT id FROM ann_l WHERE id > 100 ORDER BY v <-> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM ann_l ORDER BY subvector(v, 1, 10)::vector(10) <-> '[1,1,1,1,1,1,1,1,1,1]' LIMIT 1;
SELECT id FROM ann_l ORDER BY subvector(v, 1, 10)::vector(10) <-> subvector(ann_vec(82, 20), 1, 10) LIMIT 1;
SELECT index_recall('ann_l_p', 10, 10) > 0.9 AS recall, index_recall('ann_l_e', 10, 10) > 0.9 AS recall;
-- unlogged, temporary, partitioned
CREATE UNLOGGED TABLE ann_u (id int, v vector(20));
CREATE INDEX ON ann_u USING intel (v);
INSERT INTO ann_u SELECT * FROM ann_l;
SELECT id FROM ann_u ORDER BY v <-> ann_vec(83, 20) LIMIT 1;
CREATE TEMP TABLE ann_tmp AS SELECT * FROM ann_l;
CREATE INDEX ON ann_tmp USING intel (v);
INSERT INTO ann_tmp VALUES (1000, ann_vec(1000, 20));
SELECT id FROM ann_tmp ORDER BY v <-> ann_vec(1000, 20) LIMIT 1;
CREATE TABLE ann_part (id int, v vector(20)) PARTITION BY RANGE (id);
CREATE TABLE ann_part_1 PARTITION OF ann_part FOR VALUES FROM (0) TO (150);
CREATE TABLE ann_part_2 PARTITION OF ann_part FOR VALUES FROM (150) TO (1000);
CREATE INDEX ON ann_part USING intel (v);
INSERT INTO ann_part SELECT * FROM ann_l;
EXPLAIN (COSTS OFF) SELECT id FROM ann_part ORDER BY v <-> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 1;
SELECT id FROM ann_part ORDER BY v <-> ann_vec(200, 20) LIMIT 1;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ann_part ORDER BY v <-> ann_vec(200, 20)) x;
-- administration is not for everybody, and only for this kind of index
CREATE ROLE ann_nobody;
SET ROLE ann_nobody;
SELECT * FROM intel.index_stats('ann_l_p');
SELECT * FROM intel.index_check('ann_l_p');
SELECT intel.index_prewarm('ann_l_p');
SELECT intel.index_format('ann_l_p');
SELECT count(*) FROM intel.index_status;
SELECT intel.index_recall('ann_l_p');
RESET ROLE;
CREATE INDEX ann_btree ON ann_l (id);
SELECT * FROM index_stats('ann_btree');
SELECT index_format('ann_btree');
SELECT index, source, valid, format IS NOT NULL AS format, needs_reindex, statement FROM index_status WHERE source IN ('ann_l'::regclass, 'ann_part'::regclass) ORDER BY index::text;
SELECT count(*) > 3 AS many, bool_or(needs_reindex) AS any FROM index_status;
SELECT * FROM index_check('ann_l');
SELECT index_recall('ann_btree');
SELECT index_recall('ann_l_p', 0);
SELECT index_prewarm('ann_l_p') > 3 AS pages;
DROP ROLE ann_nobody;
DROP TABLE ann_l, ann_u, ann_tmp, ann_part;
DROP FUNCTION ann_vec;

-- the planner knows that a search ends at a distance
CREATE TABLE ann_range AS SELECT i AS id, ARRAY[i % 100, i / 100]::vector(2) AS v FROM generate_series(1, 5000) i;
CREATE INDEX ON ann_range USING intel (v);
ANALYZE ann_range;
CREATE FUNCTION ann_cost(condition text) RETURNS float8 LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) SELECT id FROM ann_range WHERE ' || condition || ' ORDER BY v <-> ''[3,4]''' INTO plan;
	ASSERT plan #>> '{0,Plan,Node Type}' = 'Index Scan';
	RETURN plan #>> '{0,Plan,Total Cost}';
END $$;
SELECT condition, ann_cost(condition) < 0.7 * ann_cost('id > 0') AS cheaper
FROM (VALUES ($$v <-> '[3,4]' < 2$$), ($$v <-> '[3,4]' <= 2$$), ($$2 > v <-> '[3,4]'$$), ($$v <-> '[3,4]' > 2$$), ($$v <-> '[3,5]' < 2$$)) AS c (condition);
DROP FUNCTION ann_cost;
DROP TABLE ann_range;

-- long vectors have short lists; a search that is open keeps the lists it
-- began with while its own session replaces them
CREATE FUNCTION ann_long(seed int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(sin(seed * 7.13 + seed % 9 * i) + sin(i * seed * 0.37) / 3)::vector(300) FROM generate_series(1, 300) i $$;
CREATE TABLE ann_long (id int, v vector(300));
INSERT INTO ann_long SELECT i, ann_long(i) FROM generate_series(1, 800) i;
CREATE INDEX ann_long_i ON ann_long USING intel (v);
SELECT lists BETWEEN 6 AND 8 AS lists, longest_list <= 375 AS longest FROM index_stats('ann_long_i');
SET enable_seqscan = off;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM ann_long ORDER BY v <-> ann_long(5) LIMIT 800;
FETCH 1 FROM c;
INSERT INTO ann_long SELECT i, ann_long(i) FROM generate_series(801, 3000) i;
SELECT lists > 9 AS lists, dead_lists > 2 AS dead FROM index_stats('ann_long_i');
SELECT array_agg(id) AS nearest FROM (SELECT id FROM ann_long ORDER BY v <-> ann_long(2500) LIMIT 1) x;
MOVE 798 FROM c;
FETCH 1 FROM c;
FETCH 1 FROM c;
COMMIT;
SELECT count(*) FILTER (WHERE found = id) > 45 AS found FROM (SELECT id, (SELECT id FROM ann_long b ORDER BY b.v <-> a.v LIMIT 1) AS found FROM ann_long a WHERE id % 60 = 0) x;
DELETE FROM ann_long WHERE id % 8 > 0;
VACUUM ann_long;
SELECT lists < 12 AS lists FROM index_stats('ann_long_i');
SELECT * FROM index_check('ann_long_i');
RESET enable_seqscan;
DROP TABLE ann_long;
DROP FUNCTION ann_long;

-- a list is replaced by two when it has more than three times the rows that
-- are aimed at, not before
CREATE TABLE ann_grow AS SELECT i AS id, ARRAY[i % 31, i / 31]::vector(2) AS v FROM generate_series(1, 250) i;
CREATE INDEX ann_grow_i ON ann_grow USING intel (v);
SELECT lists FROM index_stats('ann_grow_i');
UPDATE ann_grow SET id = -id;
INSERT INTO ann_grow SELECT i, ARRAY[i % 31, i / 31]::vector FROM generate_series(251, 500) i;
SELECT lists, entries FROM index_stats('ann_grow_i');
INSERT INTO ann_grow VALUES (501, '[5,16]');
SELECT lists, entries, longest_list < 600 AS divided FROM index_stats('ann_grow_i');
SELECT * FROM index_check('ann_grow_i');
DROP TABLE ann_grow;
