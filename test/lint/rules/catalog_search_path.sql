-- Functions in SQL or PL/pgSQL, and everything that is SECURITY DEFINER, set
-- search_path; pg_temp, if named, comes last.
SELECT p.oid::regprocedure || ': search_path is ' || coalesce(path.value, 'not set')
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
CROSS JOIN LATERAL (SELECT (SELECT substr(c, 13) FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%') AS value) path
WHERE p.pronamespace = 'intel'::regnamespace
	AND (l.lanname IN ('sql', 'plpgsql') OR p.prosecdef)
	AND p.prosqlbody IS NULL	-- parsed when it was created
	AND (path.value IS NULL OR path.value !~ '^pg_catalog(, ?pg_temp)?$')
ORDER BY 1;
