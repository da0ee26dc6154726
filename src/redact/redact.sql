-- Personal data and secrets: finding, replacing, and the policies that say how.

CREATE TABLE @extschema@.redaction_policy (
    name      text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    entity    text NOT NULL,
    action    text NOT NULL DEFAULT 'replace',
    params    jsonb,
    min_score real CHECK (min_score > 0 AND min_score <= 1),
    regions   text[],
    PRIMARY KEY (name, entity)
);
COMMENT ON TABLE @extschema@.redaction_policy IS
    'what is redacted and how: one row per policy and entity, group of entities, or ALL';
COMMENT ON COLUMN @extschema@.redaction_policy.name IS 'name of the policy';
COMMENT ON COLUMN @extschema@.redaction_policy.entity IS
    'an entity or group of pii_entities(), or ALL; the more special row wins';
COMMENT ON COLUMN @extschema@.redaction_policy.action IS 'replace, mask, remove, hash or fake (keyed, see intel.redact_key_file), or keep';
COMMENT ON COLUMN @extschema@.redaction_policy.params IS
    'of the action: replace {"with": text}; mask {"char": text, "keep_last": n}';
COMMENT ON COLUMN @extschema@.redaction_policy.min_score IS
    'candidates below are left alone; null: 0.5';
COMMENT ON COLUMN @extschema@.redaction_policy.regions IS
    'ISO country codes whose national identifiers count; null: all';

-- Who may send text must be able to read what is done to it.
GRANT SELECT ON @extschema@.redaction_policy TO PUBLIC;

CREATE FUNCTION @extschema@._redaction_policy_check() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel__redaction_policy_check'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._redaction_policy_check() IS
    'refuses policy rows that cannot be followed, and changes of built-in policies';
REVOKE ALL ON FUNCTION @extschema@._redaction_policy_check() FROM PUBLIC;

CREATE FUNCTION @extschema@._redaction_policy_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel__redaction_policy_changed'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@._redaction_policy_changed() IS
    'lets every session forget the policies it has compiled';
REVOKE ALL ON FUNCTION @extschema@._redaction_policy_changed() FROM PUBLIC;

CREATE TRIGGER redaction_policy_check
    BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.redaction_policy
    FOR EACH ROW EXECUTE FUNCTION @extschema@._redaction_policy_check();
CREATE TRIGGER redaction_policy_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.redaction_policy
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._redaction_policy_changed();
ALTER TABLE @extschema@.redaction_policy ENABLE ALWAYS TRIGGER redaction_policy_check;
ALTER TABLE @extschema@.redaction_policy ENABLE ALWAYS TRIGGER redaction_policy_changed;

INSERT INTO @extschema@.redaction_policy (name, entity, action, min_score) VALUES
    ('default', 'STRUCTURED', 'replace', 0.5),
    ('default', 'SECRETS', 'replace', 0.5),
    ('strict', 'ALL', 'replace', 0.4),
    ('secrets', 'SECRETS', 'replace', 0.5),
    ('none', 'ALL', 'keep', NULL);

SELECT pg_catalog.pg_extension_config_dump('@extschema@.redaction_policy',
    'WHERE name NOT IN (''default'', ''strict'', ''secrets'', ''none'')');

CREATE FUNCTION @extschema@.pii_entities(
    OUT entity text, OUT "group" text, OUT region text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'intel_pii_entities'
    LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 200;
COMMENT ON FUNCTION @extschema@.pii_entities() IS
    'the entities that can be found, with their group and, if national, country';

CREATE FUNCTION @extschema@.detect_pii(
    content text, policy text DEFAULT 'default',
    OUT entity text, OUT start integer, OUT length integer, OUT value text,
    OUT score real, OUT rule text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'intel_detect_pii'
    LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.detect_pii(text, text) IS
    'personal data and secrets in a text; start and length are characters as in substring()';

CREATE FUNCTION @extschema@._detect_pii_field(
    content text, policy text, field text,
    OUT entity text, OUT start integer, OUT length integer, OUT value text,
    OUT score real, OUT rule text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'intel__detect_pii_field'
    LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION @extschema@._detect_pii_field(text, text, text) IS
    'detect_pii of a text that stands in a column of this name';

CREATE FUNCTION @extschema@.detect_pii(
    content jsonb, policy text DEFAULT 'default', OUT path text[],
    OUT entity text, OUT start integer, OUT length integer, OUT value text,
    OUT score real, OUT rule text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'intel_detect_pii_jsonb'
    LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.detect_pii(jsonb, text) IS
    'personal data and secrets in a document, with the path to the string, number or key';

CREATE FUNCTION @extschema@.contains_pii(content text, policy text DEFAULT 'default')
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_contains_pii'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.contains_pii(text, text) IS
    'does a text hold anything that the policy looks for?';

CREATE FUNCTION @extschema@.contains_pii(content jsonb, policy text DEFAULT 'default')
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_contains_pii_jsonb'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.contains_pii(jsonb, text) IS
    'does a document hold anything that the policy looks for?';

CREATE FUNCTION @extschema@.redact(content text, policy text DEFAULT 'default')
    RETURNS text
    AS 'MODULE_PATHNAME', 'intel_redact_text'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.redact(text, text) IS
    'the text with everything that the policy finds treated as it says';

CREATE FUNCTION @extschema@.redact(content jsonb, policy text DEFAULT 'default')
    RETURNS jsonb
    AS 'MODULE_PATHNAME', 'intel_redact_jsonb'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.redact(jsonb, text) IS
    'the document with strings, numbers and keys redacted; keys are context of their values';

CREATE FUNCTION @extschema@.pseudonymize(
    content text, policy text DEFAULT 'default',
    OUT content text, OUT mapping jsonb) RETURNS record
    AS 'MODULE_PATHNAME', 'intel_pseudonymize'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pseudonymize(text, text) IS
    'the text with numbered placeholders, and what each of them stands for';

CREATE FUNCTION @extschema@.pseudonymize(
    content jsonb, policy text DEFAULT 'default',
    OUT content jsonb, OUT mapping jsonb) RETURNS record
    AS 'MODULE_PATHNAME', 'intel_pseudonymize_jsonb'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pseudonymize(jsonb, text) IS
    'the document with numbered placeholders, and what each of them stands for';

CREATE FUNCTION @extschema@.restore(content text, mapping jsonb) RETURNS text
    AS 'MODULE_PATHNAME', 'intel_restore'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.restore(text, jsonb) IS
    'the text with placeholders of a mapping replaced by what they stand for';

CREATE FUNCTION @extschema@.restore(content jsonb, mapping jsonb) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'intel_restore_jsonb'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.restore(jsonb, jsonb) IS
    'the document with placeholders of a mapping replaced by what they stand for';

CREATE FUNCTION @extschema@.restore_stream(
    INOUT state text, piece text, mapping jsonb, OUT content text) RETURNS record
    AS 'MODULE_PATHNAME', 'intel_restore_stream'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.restore_stream(text, text, jsonb) IS
    'restore for text in pieces: begin with an empty state, hand back the one returned; a null piece ends it';

CREATE FUNCTION @extschema@.set_redaction(
    policy text, entity text, action text DEFAULT 'replace', params jsonb DEFAULT NULL,
    min_score real DEFAULT NULL, regions text[] DEFAULT NULL) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        INSERT INTO @extschema@.redaction_policy (name, entity, action, params, min_score, regions)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT ON CONSTRAINT redaction_policy_pkey DO UPDATE
        SET action = EXCLUDED.action, params = EXCLUDED.params,
            min_score = EXCLUDED.min_score, regions = EXCLUDED.regions
    $$;
COMMENT ON FUNCTION @extschema@.set_redaction(text, text, text, jsonb, real, text[]) IS
    'add or change what a policy does about an entity; makes the policy if it is new';
REVOKE ALL ON FUNCTION @extschema@.set_redaction(text, text, text, jsonb, real, text[]) FROM PUBLIC;

CREATE FUNCTION @extschema@.redact_columns() RETURNS trigger
    AS 'MODULE_PATHNAME', 'intel_redact_columns'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.redact_columns() IS
    'trigger BEFORE INSERT OR UPDATE: redacts columns; arguments are the policy and the columns';

CREATE FUNCTION @extschema@.redact_stats(
    source regclass, col name, policy text DEFAULT 'strict', sample integer DEFAULT 1000,
    OUT entity text, OUT found bigint, OUT in_rows bigint, OUT share real, OUT sampled bigint)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            column_type regtype;
            size float8;
            pages float8;
            percent float8;
            blocks text := '';
            found_in text;
        BEGIN
            IF sample < 1 OR sample > 1000000 THEN
                RAISE invalid_parameter_value
                    USING MESSAGE = 'sample must be between 1 and 1000000';
            END IF;
            SELECT a.atttypid INTO column_type FROM pg_attribute AS a
             WHERE a.attrelid = source AND a.attname = col AND a.attnum > 0 AND NOT a.attisdropped;
            IF NOT FOUND THEN
                RAISE undefined_column
                    USING MESSAGE = format('column "%s" of relation %s does not exist', col, source);
            END IF;
            -- a policy that does not exist is an error even of an empty table
            PERFORM @extschema@.contains_pii('', policy);

            -- Of a large table, blocks by chance, fifty at least. Not where row
            -- level security hides most of it: what is seen would be missed.
            WITH RECURSIVE tree (relid) AS (
                SELECT source::oid
                UNION
                SELECT i.inhrelid FROM tree JOIN pg_inherits AS i ON i.inhparent = relid)
            SELECT sum(greatest(c.reltuples, 0)), sum(c.relpages) INTO size, pages
              FROM tree JOIN pg_class AS c ON c.oid = relid;
            percent := greatest(200.0 * sample / nullif(size, 0), 5000.0 / nullif(pages, 0));
            IF percent < 100 AND NOT row_security_active(source)
                AND (SELECT relkind IN ('r', 'm', 'p') FROM pg_class WHERE oid = source) THEN
                blocks := format('TABLESAMPLE SYSTEM (%s)', percent);
            END IF;
            -- the column's name is context, as it is for redact_columns()
            found_in := CASE column_type
                WHEN 'jsonb'::regtype THEN '@extschema@.detect_pii(s.c, $2)'
                WHEN 'json'::regtype THEN '@extschema@.detect_pii(s.c::jsonb, $2)'
                ELSE '@extschema@._detect_pii_field(s.c::text, $2, $3)' END;
            RETURN QUERY EXECUTE format(
                'WITH s AS MATERIALIZED (SELECT row_number() OVER () AS n, c FROM ('
                ' SELECT %I AS c FROM %s %s WHERE %I IS NOT NULL%s LIMIT $1) AS t),'
                ' total AS (SELECT count(*) AS rows FROM s)'
                ' SELECT d.entity, count(*), count(DISTINCT s.n),'
                ' (count(DISTINCT s.n)::float8 / total.rows)::real, total.rows'
                ' FROM total, s, LATERAL %s AS d'
                ' GROUP BY d.entity, total.rows ORDER BY count(*) DESC, d.entity',
                col, source, blocks, col, CASE WHEN blocks <> '' THEN ' ORDER BY random()' ELSE '' END, found_in)
                USING sample, policy, col::text;
        END
    $$;
COMMENT ON FUNCTION @extschema@.redact_stats(regclass, name, text, integer) IS
    'what a sample of a column holds: entity, occurrences, rows with it, their share, and rows looked at';
