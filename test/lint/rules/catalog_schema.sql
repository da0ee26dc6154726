-- What the extension makes is in its schema.
SELECT pg_describe_object(classid, objid, 0) || ' is outside of the schema intel'
FROM pg_depend d
WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'intel')
	AND (classid = 'pg_proc'::regclass AND objid IN (SELECT oid FROM pg_proc WHERE pronamespace <> 'intel'::regnamespace)
		OR classid = 'pg_class'::regclass AND objid IN (SELECT oid FROM pg_class WHERE relnamespace <> 'intel'::regnamespace)
		OR classid = 'pg_type'::regclass AND objid IN (SELECT oid FROM pg_type WHERE typnamespace <> 'intel'::regnamespace))
ORDER BY 1;
