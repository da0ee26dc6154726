-- Who is acting. Policies and defaults of every user-facing table use these.

CREATE FUNCTION @extschema@.subject() RETURNS text
    AS 'MODULE_PATHNAME', 'intel_subject'
    LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.subject() IS
    'the user behind the role: member "sub" of request.jwt.claims, or null';

CREATE FUNCTION @extschema@.tenant() RETURNS text
    AS 'MODULE_PATHNAME', 'intel_tenant'
    LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.tenant() IS
    'the tenant: the claim, else the setting, that intel.tenant_claim names, or null';

CREATE FUNCTION @extschema@._caller() RETURNS regrole
    AS 'MODULE_PATHNAME', 'intel_caller'
    LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._caller() IS
    'current_user as a regrole, whatever characters its name has';

-- What a role may change it may delete, but without the privilege DELETE, which would let it LOCK TABLE
-- and stop everybody: see delete_own.c.
CREATE FUNCTION @extschema@._delete_own(relation regclass, rows tid[]) RETURNS bigint
    AS 'MODULE_PATHNAME', 'intel__delete_own'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._delete_own(regclass, tid[]) IS
    'internal: delete those of these rows that the caller may change; returns how many';

CREATE FUNCTION @extschema@._setting(name text) RETURNS text
    AS 'MODULE_PATHNAME', 'intel__setting'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._setting(text) IS
    'internal: value of a setting intel.name, which current_setting() does not know in a session that has not loaded the extension';

CREATE FUNCTION @extschema@.version() RETURNS text
    AS 'MODULE_PATHNAME', 'intel_version'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.version() IS
    'version of the loaded library';

-- What stands in a message must not be text of a user: a name is shown when it
-- could be one (as intel.model has it), a value not at all.
CREATE FUNCTION @extschema@._does_not_exist(what text, name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE WHEN name ~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,62}$' THEN '%s "%s" does not exist'
        ELSE '%s of this name does not exist' END, what, name);
$$;
COMMENT ON FUNCTION @extschema@._does_not_exist(text, text) IS
    'internal: a message';

CREATE FUNCTION @extschema@._integer_option(options jsonb, name text, low integer, high integer, whose text) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (CASE WHEN options ->> name ~ '^-?[0-9]{1,9}$' THEN (options ->> name)::integer NOT BETWEEN low AND high
            ELSE options ->> name IS NOT NULL END) THEN
        RAISE EXCEPTION 'option "%" of % must be an integer from % to %', name, whose, low, high
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN (options ->> name)::integer;
END
$$;
COMMENT ON FUNCTION @extschema@._integer_option(jsonb, text, integer, integer, text) IS
    'internal: an option that is an integer, or null when it is not given; raises for everything else';
