-- Every setting has a description that is a sentence, and a name of the
-- prefix; a limit on time or size has a unit.
SELECT name || ': ' || CASE
		WHEN short_desc !~ '^[A-Z].*\.$' THEN 'the description is not a sentence'
		ELSE 'no unit' END
FROM pg_settings
WHERE name LIKE 'intel.%'
	AND (short_desc !~ '^[A-Z].*\.$'
		OR vartype = 'integer' AND unit IS NULL AND name ~ '(timeout|interval|bytes|_ms|delay|lease)$')
ORDER BY 1;
