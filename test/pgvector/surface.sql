-- Every object of the extension vector against intel's object of the same
-- name, from the catalogs of a server that has both. Ends with a count per
-- verdict, and fails when an object is missing or differs in an unknown way.
--
-- "same": all that is listed for the kind is equal but for the schema.
-- "better": differs as listed in the table accepted, on purpose.
-- "served": an operator class of hnsw or ivfflat, where the access method intel
-- has one of the same name for the same type and operator.
-- "unserved": such a class without one. The operator is there, without an index.
-- "inside": hnsw and ivfflat themselves and functions only they call.
SET search_path = pg_catalog;

CREATE FUNCTION pg_temp.plain(t text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT regexp_replace(t, '(public|intel)\.', '', 'g') $$;

CREATE TEMP TABLE object AS
WITH member AS (
    SELECT e.extname, d.classid, d.objid
    FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE d.deptype = 'e' AND e.extname IN ('vector', 'intel')
)
SELECT extname, 'type' AS kind, pg_temp.plain(format_type(t.oid, NULL)) AS name,
    format('%s %s %s, typmod %s, category %s', typlen, typalign, typstorage, pg_temp.plain(typmodin::text), typcategory) AS detail
FROM member JOIN pg_type t ON classid = 'pg_type'::regclass AND objid = t.oid WHERE typtype = 'b' AND typelem = 0
UNION ALL
SELECT extname, CASE prokind WHEN 'a' THEN 'aggregate' ELSE 'function' END, pg_temp.plain(p.oid::regprocedure::text),
    format('-> %s, %s, %s, parallel %s', pg_temp.plain(format_type(prorettype, NULL)),
        CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
        CASE WHEN proisstrict THEN 'strict' ELSE 'not strict' END, proparallel)
    || coalesce((SELECT format(', state %s from %s, step %s, final %s, combine %s', pg_temp.plain(format_type(aggtranstype, NULL)), coalesce(agginitval, 'null'),
        pg_temp.plain(aggtransfn::text), pg_temp.plain(aggfinalfn::text), pg_temp.plain(aggcombinefn::text)) FROM pg_aggregate WHERE aggfnoid = p.oid), '')
FROM member JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid
UNION ALL
SELECT extname, 'operator', pg_temp.plain(o.oid::regoperator::text),
    format('%s -> %s, commutator %s, negator %s, %s, %s', pg_temp.plain(oprcode::text), pg_temp.plain(format_type(oprresult, NULL)),
        pg_temp.plain(oprcom::regoper::text), pg_temp.plain(oprnegate::regoper::text), oprrest, oprjoin)
FROM member JOIN pg_operator o ON classid = 'pg_operator'::regclass AND objid = o.oid
UNION ALL
SELECT extname, 'cast', pg_temp.plain(format('%s -> %s', format_type(castsource, NULL), format_type(casttarget, NULL))),
    format('%s, %s', CASE castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'assignment' ELSE 'explicit' END,
        pg_temp.plain(castfunc::regprocedure::text))
FROM member JOIN pg_cast c ON classid = 'pg_cast'::regclass AND objid = c.oid
UNION ALL
SELECT extname, 'operator class', format('%s %s', amname, opcname),
    format('for %s%s:', pg_temp.plain(format_type(opcintype, NULL)), CASE WHEN opcdefault THEN ' by default' ELSE '' END)
    || (SELECT string_agg(format(' %s %s', amopstrategy, pg_temp.plain(amopopr::regoper::text)), ',' ORDER BY amopstrategy)
        FROM pg_amop WHERE amopfamily = opcfamily)
    || ' with' || (SELECT string_agg(format(' %s %s', amprocnum, pg_temp.plain(amproc::text)), ',' ORDER BY amprocnum)
        FROM pg_amproc WHERE amprocfamily = opcfamily)
FROM member JOIN pg_opclass c ON classid = 'pg_opclass'::regclass AND objid = c.oid JOIN pg_am a ON a.oid = opcmethod
UNION ALL
SELECT extname, 'access method', amname, pg_temp.plain(amhandler::text)
FROM member JOIN pg_am a ON classid = 'pg_am'::regclass AND objid = a.oid;

-- Differences on purpose: pattern of kind and name, pgvector's text, intel's.
CREATE TEMP TABLE accepted (kind text, name text, theirs text, ours text, why text);
INSERT INTO accepted VALUES
    ('operator', '^<>', 'eqsel, eqjoinsel', 'neqsel, neqjoinsel', 'estimates of <> are those of "not equal"');

-- What no index of intel serves, known and written down. Any other class
-- without a counterpart is missing.
CREATE TEMP TABLE exact_only (name text);
INSERT INTO exact_only VALUES ('^bit_'), ('^sparsevec_'), ('_l1_ops$');

CREATE TEMP TABLE verdict AS
SELECT p.kind, p.name, p.detail,
    CASE WHEN i.detail = p.detail THEN 'same'
         WHEN i.detail = replace(p.detail, a.theirs, a.ours) THEN 'better'
         WHEN n.am IS NOT NULL AND n.class IS NULL THEN 'inside'
         WHEN s.name IS NOT NULL THEN 'served'
         WHEN n.class ~ ANY (SELECT name FROM exact_only) THEN 'unserved'
         WHEN i.name IS NULL THEN 'MISSING' ELSE 'DIFFERENT' END AS verdict,
    coalesce(a.why, s.name, CASE WHEN i.detail <> p.detail THEN i.detail
        WHEN n.class ~ ANY (SELECT name FROM exact_only) THEN 'exact search only' END, '') AS remark
FROM object p
LEFT JOIN object i ON i.extname = 'intel' AND i.kind = p.kind AND i.name = p.name
LEFT JOIN accepted a ON a.kind = p.kind AND p.name ~ a.name AND p.detail LIKE '%' || a.theirs
-- access method and class of what belongs to hnsw and ivfflat
LEFT JOIN LATERAL (SELECT m[1] AS am, m[2] AS class, substring(p.detail FROM '^for (\w+)') AS type, substring(p.detail FROM ': 1 (\S+)') AS operator
    FROM regexp_match(p.name, CASE p.kind WHEN 'operator class' THEN '^(hnsw|ivfflat) (.*)$' WHEN 'access method' THEN '^(hnsw|ivfflat)$'
        WHEN 'function' THEN '^(hnsw|ivfflat)(?:handler|_\w+_support)\(internal\)$' END) m) n ON true
LEFT JOIN object s ON s.extname = 'intel' AND s.kind = 'operator class' AND s.name = 'intel ' || n.class
    AND s.detail ~ format('^for %s( by default)?: 1 %s with ', n.type, n.operator)
WHERE p.extname = 'vector';

\pset footer off
\pset linestyle ascii
SELECT kind, name, verdict, remark, detail FROM verdict
ORDER BY array_position('{type,function,operator,cast,aggregate,operator class,access method}', kind),
    array_position('{served,unserved,inside}', verdict) NULLS FIRST, name;
\pset null all
SELECT kind, count(*) AS pgvector, count(*) FILTER (WHERE verdict = 'same') AS same, count(*) FILTER (WHERE verdict = 'better') AS better,
    count(*) FILTER (WHERE verdict = 'served') AS served, count(*) FILTER (WHERE verdict = 'unserved') AS unserved,
    count(*) FILTER (WHERE verdict = 'inside') AS inside, count(*) FILTER (WHERE verdict = 'MISSING') AS missing,
    count(*) FILTER (WHERE verdict = 'DIFFERENT') AS different
FROM verdict GROUP BY ROLLUP (kind) ORDER BY kind NULLS LAST;
SELECT format('PostgreSQL %s, pgvector %s, intel %s', current_setting('server_version'),
    (SELECT extversion FROM pg_extension WHERE extname = 'vector'), (SELECT extversion FROM pg_extension WHERE extname = 'intel')) AS compared;
DO $$
BEGIN
    IF EXISTS (SELECT FROM verdict WHERE verdict IN ('MISSING', 'DIFFERENT')) OR (SELECT count(*) FROM verdict) < 150 THEN
        RAISE EXCEPTION 'the surface of pgvector is not covered';
    END IF;
END
$$;
