-- The vault: pseudonyms that are the same in every document, and a way back
-- for those whose rows they are. Optional: nothing uses it by itself.

CREATE TABLE @extschema@.pii_vault (
    token      text NOT NULL,
    value      bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at timestamptz NOT NULL,
    owner      regrole NOT NULL DEFAULT @extschema@._caller(),
    subject    text DEFAULT @extschema@.subject(),
    tenant     text DEFAULT @extschema@.tenant(),
    CONSTRAINT pii_vault_key UNIQUE NULLS NOT DISTINCT (token, owner, subject, tenant)
);
COMMENT ON TABLE @extschema@.pii_vault IS
    'what the pseudonyms of pseudonymize_to_vault() stand for, encrypted; every row is its user''s';
COMMENT ON COLUMN @extschema@.pii_vault.token IS 'the pseudonym, as it stands in texts';
COMMENT ON COLUMN @extschema@.pii_vault.value IS 'AES-256-GCM under a key derived from intel.redact_key_file';
COMMENT ON COLUMN @extschema@.pii_vault.expires_at IS 'from then on it is not restored; vault_purge() deletes it';

CREATE INDEX pii_vault_expires ON @extschema@.pii_vault (expires_at);
ALTER TABLE @extschema@.pii_vault ENABLE ROW LEVEL SECURITY;
CREATE POLICY pii_vault_own ON @extschema@.pii_vault
    USING (owner = @extschema@._caller()
        AND subject IS NOT DISTINCT FROM @extschema@.subject()
        AND tenant IS NOT DISTINCT FROM @extschema@.tenant());
SELECT pg_catalog.pg_extension_config_dump('@extschema@.pii_vault',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = owner)');

CREATE FUNCTION @extschema@._vault_seal(
    content text, policy text, OUT content text, OUT tokens text[], OUT sealed bytea[]) RETURNS record
    AS 'MODULE_PATHNAME', 'intel__vault_seal'
    LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._vault_seal(text, text) IS
    'a text with pseudonyms, and what they stand for, encrypted';
REVOKE ALL ON FUNCTION @extschema@._vault_seal(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@._vault_seal(
    document jsonb, policy text, OUT document jsonb, OUT tokens text[], OUT sealed bytea[]) RETURNS record
    AS 'MODULE_PATHNAME', 'intel__vault_seal_jsonb'
    LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._vault_seal(jsonb, text) IS
    'a document with pseudonyms, and what they stand for, encrypted';
REVOKE ALL ON FUNCTION @extschema@._vault_seal(jsonb, text) FROM PUBLIC;

CREATE FUNCTION @extschema@._vault_tokens(content text) RETURNS text[]
    AS 'MODULE_PATHNAME', 'intel__vault_tokens'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._vault_tokens(text) IS
    'the pseudonyms of the vault that a text has';

CREATE FUNCTION @extschema@._vault_open(token text, sealed bytea) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'intel__vault_open'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@._vault_open(text, bytea) IS
    'what a pseudonym stands for: a text, or a number of a document';
REVOKE ALL ON FUNCTION @extschema@._vault_open(text, bytea) FROM PUBLIC;

CREATE FUNCTION @extschema@._vault_store(tokens text[], sealed bytea[], retention interval) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        BEGIN
            IF retention <= interval '0' OR retention > interval '100 years' THEN
                RAISE invalid_parameter_value
                    USING MESSAGE = 'retention must be positive and at most 100 years';
            END IF;
            INSERT INTO @extschema@.pii_vault AS v (token, value, expires_at)
            SELECT DISTINCT ON (t.token) t.token, t.value, now() + retention
              FROM unnest(tokens, sealed) AS t (token, value)
                ON CONFLICT ON CONSTRAINT pii_vault_key
                DO UPDATE SET expires_at = greatest(v.expires_at, EXCLUDED.expires_at);
        END
    $$;
COMMENT ON FUNCTION @extschema@._vault_store(text[], bytea[], interval) IS
    'puts pseudonyms and what they stand for into the vault';
REVOKE ALL ON FUNCTION @extschema@._vault_store(text[], bytea[], interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.pseudonymize_to_vault(
    content text, policy text DEFAULT 'default', retention interval DEFAULT '30 days') RETURNS text
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            result record;
        BEGIN
            SELECT * INTO result FROM @extschema@._vault_seal($1, $2);
            PERFORM @extschema@._vault_store(result.tokens, result.sealed, $3);
            RETURN result.content;
        END
    $$;
COMMENT ON FUNCTION @extschema@.pseudonymize_to_vault(text, text, interval) IS
    'the text with pseudonyms that are the same in every document; what they stand for goes to the vault';
REVOKE ALL ON FUNCTION @extschema@.pseudonymize_to_vault(text, text, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.pseudonymize_to_vault(
    document jsonb, policy text DEFAULT 'default', retention interval DEFAULT '30 days') RETURNS jsonb
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            result record;
        BEGIN
            SELECT * INTO result FROM @extschema@._vault_seal($1, $2);
            PERFORM @extschema@._vault_store(result.tokens, result.sealed, $3);
            RETURN result.document;
        END
    $$;
COMMENT ON FUNCTION @extschema@.pseudonymize_to_vault(jsonb, text, interval) IS
    'the document with pseudonyms in its texts, numbers and keys; what they stand for goes to the vault';
REVOKE ALL ON FUNCTION @extschema@.pseudonymize_to_vault(jsonb, text, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@._vault_mapping(content text) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT coalesce(jsonb_object_agg(v.token, @extschema@._vault_open(v.token, v.value)), '{}')
          FROM @extschema@.pii_vault AS v
         WHERE v.token = ANY (@extschema@._vault_tokens($1)) AND v.expires_at > now()
    $$;
COMMENT ON FUNCTION @extschema@._vault_mapping(text) IS
    'what the pseudonyms of a text stand for, as far as the caller may see it in the vault';
REVOKE ALL ON FUNCTION @extschema@._vault_mapping(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.restore_from_vault(content text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT @extschema@.restore($1, @extschema@._vault_mapping($1)) $$;
COMMENT ON FUNCTION @extschema@.restore_from_vault(text) IS
    'the text with pseudonyms replaced by what they stand for, as far as the caller may see it in the vault';
REVOKE ALL ON FUNCTION @extschema@.restore_from_vault(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.restore_from_vault(document jsonb) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT @extschema@.restore($1, @extschema@._vault_mapping($1::text)) $$;
COMMENT ON FUNCTION @extschema@.restore_from_vault(jsonb) IS
    'the document with pseudonyms replaced by what they stand for, as far as the caller may see it in the vault';
REVOKE ALL ON FUNCTION @extschema@.restore_from_vault(jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.vault_purge() RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH gone AS (DELETE FROM @extschema@.pii_vault WHERE expires_at <= now() RETURNING 1)
        SELECT count(*) FROM gone
    $$;
COMMENT ON FUNCTION @extschema@.vault_purge() IS
    'deletes what has expired of the rows that the caller may delete; returns how many';
REVOKE ALL ON FUNCTION @extschema@.vault_purge() FROM PUBLIC;

CREATE FUNCTION @extschema@.grant_vault(role regrole) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        BEGIN
            EXECUTE format('GRANT SELECT, INSERT (token, value, expires_at), UPDATE (expires_at), DELETE
                ON @extschema@.pii_vault TO %s', role);
            EXECUTE format('GRANT EXECUTE ON FUNCTION @extschema@._vault_seal(text, text),
                @extschema@._vault_seal(jsonb, text), @extschema@._vault_store(text[], bytea[], interval),
                @extschema@._vault_open(text, bytea), @extschema@._vault_mapping(text), @extschema@.vault_purge(),
                @extschema@.pseudonymize_to_vault(text, text, interval), @extschema@.restore_from_vault(text),
                @extschema@.pseudonymize_to_vault(jsonb, text, interval), @extschema@.restore_from_vault(jsonb)
                TO %s', role);
        END
    $$;
COMMENT ON FUNCTION @extschema@.grant_vault(regrole) IS
    'lets a role store and restore its own values; for the owner of the extension';
REVOKE ALL ON FUNCTION @extschema@.grant_vault(regrole) FROM PUBLIC;
