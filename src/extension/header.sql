-- complain if the script is sourced in psql rather than through CREATE EXTENSION
\echo Use "CREATE EXTENSION intel" to load this file. \quit

-- Who owns the schema, or may create functions in it, could later make one that
-- fits better than that of the extension (grant_access(text), say) and wait for
-- a superuser to call it. So a schema that is there already is taken only from
-- roles that could do everything anyhow, as in a restore.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_namespace n
            CROSS JOIN LATERAL (SELECT n.nspowner
                UNION ALL SELECT a.grantee FROM pg_catalog.aclexplode(n.nspacl) a WHERE a.privilege_type = 'CREATE'
                UNION ALL SELECT p.proowner FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid) w(role)
        WHERE n.nspname = '@extschema@' AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r
            WHERE r.oid = w.role AND (r.rolsuper OR r.rolname = current_user)))
    THEN
        RAISE EXCEPTION 'schema "%" belongs to others', '@extschema@'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = 'A role that is no superuser owns it, may create objects in it, or owns a function there.',
                HINT = 'Drop the schema; CREATE EXTENSION makes it.';
    END IF;
END
$$;

-- Types, operators and pure functions are for everybody; whatever sends,
-- costs or administers is revoked from PUBLIC where it is defined.
GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;
