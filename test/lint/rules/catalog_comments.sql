-- Every object of the extension that users can name has a comment.
WITH member AS (
	SELECT classid, objid FROM pg_depend
	WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'intel'))
SELECT pg_describe_object(classid, objid, 0) || ' has no comment'
FROM member
WHERE classid IN ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass,
		'pg_class'::regclass, 'pg_opclass'::regclass, 'pg_am'::regclass, 'pg_cast'::regclass)
	AND obj_description(objid, classid::regclass::name) IS NULL
	-- row types, array types, indexes, sequences of serial columns and casts
	-- of a type speak through what they belong to
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (
		SELECT FROM pg_type t WHERE t.oid = objid AND (t.typelem <> 0 AND t.typlen = -1 AND t.typname LIKE '\_%' OR t.typrelid <> 0)))
	AND NOT (classid = 'pg_class'::regclass AND EXISTS (
		SELECT FROM pg_class c WHERE c.oid = objid AND c.relkind IN ('i', 'S', 't', 'c')))
	AND classid <> 'pg_cast'::regclass
ORDER BY 1;
