-- Who may call a function must be able to call what its body calls. Those that
-- are SECURITY DEFINER call as their owner; what is internal and open to all
-- is called by functions of roles with access. Exceptions stand here with their
-- reason.
WITH allowed (caller, called, reason) AS (
	VALUES ('create_prompt', 'share_prompt', 'a hint names it')
), function AS (
	SELECT p.oid, p.proname, p.prosrc, p.prosecdef,
		p.oid IN (SELECT f FROM intel._sending_functions() f) AS to_role,
		EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
			WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE') AS to_all
	FROM pg_proc p WHERE p.pronamespace = 'intel'::regnamespace
)
SELECT f.oid::regprocedure || ' calls ' || p.oid::regprocedure || ', which its callers may not'
FROM function f JOIN function p ON f.prosrc ~ ('intel\.' || p.proname || '\M') AND NOT p.to_all
WHERE (f.to_role OR f.to_all) AND NOT f.prosecdef
	AND NOT (p.to_role AND (f.to_role OR f.proname LIKE '\_%'))
	AND NOT EXISTS (SELECT FROM function o WHERE o.proname = p.proname AND (o.to_all OR f.to_role AND o.to_role))
	AND (f.proname, p.proname) NOT IN (SELECT caller, called FROM allowed)
ORDER BY 1;
