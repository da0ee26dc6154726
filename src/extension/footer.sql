-- A library of another version than this script (an upgrade without restart,
-- a half-copied package) is reported at once, not at the first odd result.
DO $$
BEGIN
    IF @extschema@.version() <> '@EXTVERSION@' THEN
        RAISE EXCEPTION 'library of intel has version %, but the SQL script has version %',
            @extschema@.version(), '@EXTVERSION@'
            USING HINT = 'Restart the server after installing a new version of intel.';
    END IF;
END
$$;
