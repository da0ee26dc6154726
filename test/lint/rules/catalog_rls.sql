-- A table with a column owner, subject or tenant is of users: row level
-- security is on and has a policy. A view on such a table runs as its caller.
SELECT c.oid::regclass || ': ' || CASE
		WHEN c.relkind = 'v' THEN 'a view that does not run as its caller (security_invoker)'
		WHEN NOT c.relrowsecurity THEN 'row level security is off'
		ELSE 'no policy' END
FROM pg_class c
WHERE c.relnamespace = 'intel'::regnamespace
	AND EXISTS (
		SELECT FROM pg_attribute a
		WHERE a.attrelid = c.oid AND a.attname IN ('owner', 'subject', 'tenant') AND NOT a.attisdropped)
	AND (c.relkind IN ('r', 'p') AND (NOT c.relrowsecurity
			OR NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid))
		OR c.relkind = 'v' AND NOT 'security_invoker=true' = ANY (coalesce(c.reloptions, '{}')))
ORDER BY 1;
