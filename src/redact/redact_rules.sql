-- What users add to the scanner: their own words, and patterns.

CREATE TABLE @extschema@.gazetteer (
    entity     text NOT NULL,
    term       text NOT NULL,
    match_case boolean NOT NULL DEFAULT false,
    scope      text NOT NULL DEFAULT 'own' CHECK (scope IN ('own', 'tenant', 'all')),
    owner      regrole NOT NULL DEFAULT @extschema@._caller(),
    subject    text DEFAULT @extschema@.subject(),
    tenant     text DEFAULT @extschema@.tenant(),
    CONSTRAINT gazetteer_key UNIQUE NULLS NOT DISTINCT (owner, subject, tenant, scope, entity, term),
    CONSTRAINT gazetteer_tenant_check CHECK (scope <> 'tenant' OR tenant IS NOT NULL)
);
COMMENT ON TABLE @extschema@.gazetteer IS
    'names and words to redact that the lists of the scanner do not have';
COMMENT ON COLUMN @extschema@.gazetteer.entity IS
    'an entity of pii_entities(); a policy that looks for it finds the term';
COMMENT ON COLUMN @extschema@.gazetteer.term IS
    'one or more words; what stands between them, accents and (see match_case) case do not count';
COMMENT ON COLUMN @extschema@.gazetteer.match_case IS 'true: only as it is written';
COMMENT ON COLUMN @extschema@.gazetteer.scope IS
    'whose texts it counts in: own, tenant (those of the tenant), all; the last two are for who is above row level security';

ALTER TABLE @extschema@.gazetteer ENABLE ROW LEVEL SECURITY;
CREATE POLICY gazetteer_read ON @extschema@.gazetteer FOR SELECT
    USING (scope = 'all'
        OR scope = 'tenant' AND tenant = @extschema@.tenant()
        OR scope = 'own' AND owner = @extschema@._caller()
            AND subject IS NOT DISTINCT FROM @extschema@.subject()
            AND tenant IS NOT DISTINCT FROM @extschema@.tenant());
CREATE POLICY gazetteer_write ON @extschema@.gazetteer
    USING (scope = 'own' AND owner = @extschema@._caller()
        AND subject IS NOT DISTINCT FROM @extschema@.subject()
        AND tenant IS NOT DISTINCT FROM @extschema@.tenant());

-- Whoever redacts must be able to read his own.
GRANT SELECT ON @extschema@.gazetteer TO PUBLIC;

CREATE FUNCTION @extschema@._gazetteer_check() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel__gazetteer_check'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._gazetteer_check() IS
    'refuses terms that the scanner cannot follow';
REVOKE ALL ON FUNCTION @extschema@._gazetteer_check() FROM PUBLIC;

CREATE TRIGGER gazetteer_check
    BEFORE INSERT OR UPDATE ON @extschema@.gazetteer
    FOR EACH ROW EXECUTE FUNCTION @extschema@._gazetteer_check();
CREATE TRIGGER gazetteer_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.gazetteer
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._redaction_policy_changed();
ALTER TABLE @extschema@.gazetteer ENABLE ALWAYS TRIGGER gazetteer_check;
ALTER TABLE @extschema@.gazetteer ENABLE ALWAYS TRIGGER gazetteer_changed;
-- rows of a role that was dropped would become those of another role where they are restored
SELECT pg_catalog.pg_extension_config_dump('@extschema@.gazetteer',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = owner)');

CREATE TABLE @extschema@.custom_rule (
    name      text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    entity    text NOT NULL DEFAULT 'CUSTOM',
    pattern   text NOT NULL,
    validator text,
    context   text[],
    score     real NOT NULL DEFAULT 0.85 CHECK (score > 0 AND score <= 1)
);
COMMENT ON TABLE @extschema@.custom_rule IS
    'patterns to redact that the scanner does not know; they count in every policy that looks for their entity';
COMMENT ON COLUMN @extschema@.custom_rule.name IS 'name of the rule, which detect_pii() shows';
COMMENT ON COLUMN @extschema@.custom_rule.entity IS 'an entity of pii_entities(); CUSTOM is for anything else';
COMMENT ON COLUMN @extschema@.custom_rule.pattern IS
    'regular expression of PostgreSQL, without back references; its first group, if any, is the value';
COMMENT ON COLUMN @extschema@.custom_rule.validator IS
    'check that the value must pass: luhn, verhoeff, mod11_10, mod97 or iban; null: none';
COMMENT ON COLUMN @extschema@.custom_rule.context IS
    'words of which one must stand near the value, or in the jsonb key or column; null: none needed';
COMMENT ON COLUMN @extschema@.custom_rule.score IS 'how sure a match is, against min_score of the policy';

-- Who may send text must be able to read what is done to it.
GRANT SELECT ON @extschema@.custom_rule TO PUBLIC;

CREATE FUNCTION @extschema@._custom_rule_check() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel__custom_rule_check'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._custom_rule_check() IS
    'refuses rules that cannot be followed';
REVOKE ALL ON FUNCTION @extschema@._custom_rule_check() FROM PUBLIC;

CREATE TRIGGER custom_rule_check
    BEFORE INSERT OR UPDATE ON @extschema@.custom_rule
    FOR EACH ROW EXECUTE FUNCTION @extschema@._custom_rule_check();
CREATE TRIGGER custom_rule_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.custom_rule
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._redaction_policy_changed();
ALTER TABLE @extschema@.custom_rule ENABLE ALWAYS TRIGGER custom_rule_check;
ALTER TABLE @extschema@.custom_rule ENABLE ALWAYS TRIGGER custom_rule_changed;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.custom_rule', '');

CREATE TABLE @extschema@.redaction_path (
    policy text NOT NULL,
    path   text[] NOT NULL,
    action text NOT NULL CHECK (action IN ('keep', 'redact')),
    entity text NOT NULL DEFAULT 'CUSTOM',
    PRIMARY KEY (policy, path),
    CONSTRAINT redaction_path_builtin_check
        CHECK (policy NOT IN ('default', 'strict', 'secrets', 'none'))
);
COMMENT ON TABLE @extschema@.redaction_path IS
    'parts of jsonb documents that a policy leaves alone or takes whole; the path with more names in it wins';
COMMENT ON COLUMN @extschema@.redaction_path.policy IS 'name of the policy, which is not a built-in one';
COMMENT ON COLUMN @extschema@.redaction_path.path IS
    'keys and numbers of elements; * is any one step, ** any number of them; all below it is meant too';
COMMENT ON COLUMN @extschema@.redaction_path.action IS 'keep: not looked at; redact: every value is taken whole';
COMMENT ON COLUMN @extschema@.redaction_path.entity IS 'what a value that is taken whole is treated as';

-- Who may send text must be able to read what is done to it.
GRANT SELECT ON @extschema@.redaction_path TO PUBLIC;

CREATE FUNCTION @extschema@._redaction_path_check() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel__redaction_path_check'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._redaction_path_check() IS
    'refuses paths that cannot be followed';
REVOKE ALL ON FUNCTION @extschema@._redaction_path_check() FROM PUBLIC;

CREATE TRIGGER redaction_path_check
    BEFORE INSERT OR UPDATE ON @extschema@.redaction_path
    FOR EACH ROW EXECUTE FUNCTION @extschema@._redaction_path_check();
CREATE TRIGGER redaction_path_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.redaction_path
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._redaction_policy_changed();
ALTER TABLE @extschema@.redaction_path ENABLE ALWAYS TRIGGER redaction_path_check;
ALTER TABLE @extschema@.redaction_path ENABLE ALWAYS TRIGGER redaction_path_changed;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.redaction_path', '');
