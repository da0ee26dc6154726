-- What sends, costs or administers is not for PUBLIC. Three ways to know it:
-- a name of the list, a C function implemented in llm or worker, a function
-- that is SECURITY DEFINER. Exceptions stand here with their reason.
\set llm_and_worker `grep -ohE 'INTEL_FUNCTION\(\w+\)' src/llm/*.c src/worker/*.c 2>/dev/null | sed -E 's/.*\((.*)\)/intel_\1/' | paste -sd, -`
WITH allowed (name, reason) AS (
	VALUES
		('_catalog_changed', 'trigger: cannot be called'),
		('_provider_guard', 'trigger: cannot be called'),
		('_request_check', 'looks at the request that it is given; sends nothing'),
		('_answer_json', 'reads a text that it is given; sends nothing'),
		('_address_class', 'classifies an address that it is given; looks nothing up'),
		('_job_guard', 'trigger: cannot be called'),
		('_column_number', 'says and locks what a SELECT of the caller would, by the same privileges')
), listed (name) AS (
	VALUES ('embed'), ('complete'), ('complete_prompt'), ('chat'), ('stream'), ('classify'), ('classify_each'), ('is_true_each'), ('extract'), ('summarize'),
		('extract_each'), ('summarize_each'), ('translate_each'), ('translate'),
		('is_true'), ('rerank'), ('submit'), ('ask'), ('run_jobs'), ('retry'), ('grant_access'),
		('revoke_access'), ('create_vectorizer'), ('drop_vectorizer'), ('create_enrichment'),
		('embed_query'), ('backfill_enrichment'), ('change_enrichment_model'), ('finish_enrichment_model'),
		('abandon_enrichment_model'),
		('adopt_pgvector'), ('_call'), ('_embed')
), open_to_all AS (
	SELECT p.oid, p.proname, p.prosrc, p.prosecdef, l.lanname, p.prorettype
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.pronamespace = 'intel'::regnamespace
		AND EXISTS (
			SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
			WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')
)
SELECT oid::regprocedure || ' may be called by PUBLIC: ' ||
	CASE WHEN prosecdef THEN 'SECURITY DEFINER' WHEN proname IN (SELECT name FROM listed) THEN 'sends, costs or administers'
		ELSE 'implemented in llm or worker' END
FROM open_to_all
WHERE (proname IN (SELECT name FROM listed)
		OR prosecdef
		OR lanname = 'c' AND prosrc = ANY (string_to_array(:'llm_and_worker', ',')))
	AND proname NOT IN (SELECT name FROM allowed)
ORDER BY 1;

-- nor may PUBLIC write a table that has no row level security
SELECT c.oid::regclass || ' can be written by PUBLIC without row level security: ' || string_agg(a.privilege_type, ', ')
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'intel'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.grantee = 0
	AND a.privilege_type <> 'SELECT' AND NOT c.relrowsecurity
GROUP BY c.oid
ORDER BY 1;
