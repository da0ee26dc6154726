-- Prompts with versions, and requests that name one instead of holding its text.

-- ---- prompts -------------------------------------------------------------

CREATE TABLE @extschema@.prompt (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,
    version    integer NOT NULL,
    template   text NOT NULL,
    options    jsonb NOT NULL DEFAULT '{}',
    label      text,
    owner      regrole NOT NULL DEFAULT @extschema@._caller(),
    subject    text DEFAULT @extschema@.subject(),
    tenant     text DEFAULT @extschema@.tenant(),
    shared     boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX prompt_own ON @extschema@.prompt
    (name, version, owner, coalesce(subject, ''), coalesce(tenant, ''));
CREATE UNIQUE INDEX prompt_own_label ON @extschema@.prompt
    (name, label, owner, coalesce(subject, ''), coalesce(tenant, '')) WHERE label IS NOT NULL;
CREATE UNIQUE INDEX prompt_shared ON @extschema@.prompt (name, version) WHERE shared;
COMMENT ON TABLE @extschema@.prompt IS
    'versions of prompts: own ones, and those that an administrator shares; only labels move';
COMMENT ON COLUMN @extschema@.prompt.template IS
    'as for render(); {{name}} is a member of the vars of a call';
COMMENT ON COLUMN @extschema@.prompt.options IS
    'options of calls with this version that do not give them themselves; "system" is a template, too';
COMMENT ON COLUMN @extschema@.prompt.label IS
    'names this version in calls until another gets the label; calls that name none use production';
COMMENT ON COLUMN @extschema@.prompt.shared IS
    'everybody may use it; set by share_prompt()';

ALTER TABLE @extschema@.prompt ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON @extschema@.prompt
    USING (owner = (SELECT @extschema@._caller())
        AND subject IS NOT DISTINCT FROM (SELECT @extschema@.subject())
        AND tenant IS NOT DISTINCT FROM (SELECT @extschema@.tenant()));
COMMENT ON POLICY own ON @extschema@.prompt IS
    'prompts are seen and changed by the role, subject and tenant that made them';
CREATE POLICY shared ON @extschema@.prompt FOR SELECT USING (shared);
COMMENT ON POLICY shared ON @extschema@.prompt IS 'what an administrator shares is seen by all';
-- owner, subject, tenant and shared are not for the user to choose
GRANT SELECT, INSERT (name, version, template, options, label), UPDATE (label)
    ON @extschema@.prompt TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.prompt',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = owner)');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.prompt_id_seq', '');

-- In place of constraints, whose errors would show the row, and so the text.
CREATE FUNCTION @extschema@._prompt_guard() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.id, NEW.name, NEW.version, NEW.template, NEW.options, NEW.created_at)
            IS DISTINCT FROM (OLD.id, OLD.name, OLD.version, OLD.template, OLD.options, OLD.created_at) THEN
        RAISE EXCEPTION 'a version of a prompt cannot be changed'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'create_prompt() makes a new version; only labels move.';
    END IF;
    IF NEW.name IS NULL OR NEW.name !~ '^[a-z][a-z0-9_]{0,62}$' OR NEW.label !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'name or label of the prompt is not valid'
            USING ERRCODE = 'invalid_name', HINT = 'Use up to 63 lower-case letters, digits and underscores.';
    END IF;
    IF NEW.version IS NULL OR NEW.version < 1 OR NEW.template IS NULL OR NEW.template = '' THEN
        RAISE EXCEPTION 'a version of a prompt needs a number and a template'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF jsonb_typeof(NEW.options) IS DISTINCT FROM 'object'
            OR NEW.options ?| '{prompt,messages,contents,fallback,stream,feature}'
            OR jsonb_typeof(NEW.options -> 'system') <> 'string'
            OR jsonb_typeof(NEW.options -> 'model') NOT IN ('string', 'null') THEN
        RAISE EXCEPTION 'options of a prompt are not valid'
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'They are a JSON object with options of complete() such as model, system, temperature and schema, but not fallback, stream and feature.';
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM @extschema@._prompt_check(NEW.template), @extschema@._prompt_check(NEW.options ->> 'system'),
            @extschema@._options_check('chat', NEW.options);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@._prompt_guard() IS
    'internal: checks new versions of prompts, and keeps old ones as they are';

CREATE FUNCTION @extschema@._prompt_check(template text) RETURNS void
    LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@.render(template, '{}');
EXCEPTION
    WHEN undefined_object THEN
        NULL;    -- it is well formed, and has variables
END
$$;
COMMENT ON FUNCTION @extschema@._prompt_check(text) IS
    'internal: raises unless a template is well formed';

CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON @extschema@.prompt
    FOR EACH ROW EXECUTE FUNCTION @extschema@._prompt_guard();

CREATE FUNCTION @extschema@.create_prompt(name text, template text, label text DEFAULT NULL,
        options jsonb DEFAULT '{}') RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    me regrole := @extschema@._caller();
    last integer;
    is_shared boolean;
BEGIN
    IF EXISTS (SELECT FROM @extschema@.prompt p WHERE p.name = create_prompt.name AND p.shared
            AND (p.owner <> me OR p.subject IS DISTINCT FROM @extschema@.subject()
                OR p.tenant IS DISTINCT FROM @extschema@.tenant())) THEN
        RAISE EXCEPTION 'shared prompt "%" already exists', name USING ERRCODE = 'duplicate_object';
    END IF;
    -- one after the other
    PERFORM FROM @extschema@.prompt p WHERE p.name = create_prompt.name AND p.owner = me
        AND p.subject IS NOT DISTINCT FROM @extschema@.subject()
        AND p.tenant IS NOT DISTINCT FROM @extschema@.tenant() ORDER BY p.id FOR UPDATE;
    SELECT max(p.version), bool_or(p.shared) INTO last, is_shared FROM @extschema@.prompt p
        WHERE p.name = create_prompt.name AND p.owner = me
        AND p.subject IS NOT DISTINCT FROM @extschema@.subject()
        AND p.tenant IS NOT DISTINCT FROM @extschema@.tenant();
    INSERT INTO @extschema@.prompt (name, version, template, options)
        VALUES (create_prompt.name, coalesce(last, 0) + 1, template, coalesce(create_prompt.options, '{}'));
    IF is_shared THEN
        PERFORM @extschema@.share_prompt(name);
    END IF;
    IF label IS NOT NULL OR last IS NULL THEN
        PERFORM @extschema@.label_prompt(name, coalesce(last, 0) + 1, coalesce(label, 'production'));
    END IF;
    RETURN coalesce(last, 0) + 1;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'prompt "%" was created by another session at the same time', name
            USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
END
$$;
COMMENT ON FUNCTION @extschema@.create_prompt(text, text, text, jsonb) IS
    'stores a new version of a prompt of the caller and returns its number; the first one is labelled production when no label is given';

CREATE FUNCTION @extschema@.label_prompt(name text, version integer, label text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    me regrole := @extschema@._caller();
    target bigint;
BEGIN
    -- locks all versions, so that a label moves by one session at a time
    SELECT max(p.id) FILTER (WHERE p.version = label_prompt.version) INTO target
        FROM (SELECT * FROM @extschema@.prompt q WHERE q.name = label_prompt.name AND q.owner = me
            AND q.subject IS NOT DISTINCT FROM @extschema@.subject()
            AND q.tenant IS NOT DISTINCT FROM @extschema@.tenant() ORDER BY q.id FOR UPDATE) p;
    IF target IS NULL THEN
        RAISE EXCEPTION 'prompt "%" has no version %', name, version
            USING ERRCODE = 'undefined_object', HINT = 'Only versions of one''s own can be labelled.';
    END IF;
    UPDATE @extschema@.prompt p SET label = NULL
        WHERE p.name = label_prompt.name AND p.label = label_prompt.label AND p.id <> target AND p.owner = me
            AND p.subject IS NOT DISTINCT FROM @extschema@.subject()
            AND p.tenant IS NOT DISTINCT FROM @extschema@.tenant();
    UPDATE @extschema@.prompt p SET label = label_prompt.label WHERE p.id = target;
END
$$;
COMMENT ON FUNCTION @extschema@.label_prompt(text, integer, text) IS
    'gives a label to a version of a prompt of the caller and takes it from the one that had it; null takes the version''s label away';

CREATE FUNCTION @extschema@.drop_prompt(name text) RETURNS boolean
    LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@._delete_own('@extschema@.prompt', ARRAY(
        SELECT p.ctid FROM @extschema@.prompt p WHERE p.name = drop_prompt.name
            AND p.owner = @extschema@._caller()
            AND p.subject IS NOT DISTINCT FROM @extschema@.subject()
            AND p.tenant IS NOT DISTINCT FROM @extschema@.tenant()
        FOR UPDATE)) > 0;
$$;
COMMENT ON FUNCTION @extschema@.drop_prompt(text) IS
    'drops all versions of a prompt of the caller; false when there is none of that name';

CREATE FUNCTION @extschema@.share_prompt(name text, shared boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE @extschema@.prompt p SET shared = share_prompt.shared
        WHERE p.name = share_prompt.name AND p.owner = @extschema@._caller()
        AND p.subject IS NOT DISTINCT FROM @extschema@.subject()
        AND p.tenant IS NOT DISTINCT FROM @extschema@.tenant();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'prompt "%" does not exist', name
            USING ERRCODE = 'undefined_object', HINT = 'Only a prompt of one''s own can be shared.';
    END IF;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'shared prompt "%" already exists', name USING ERRCODE = 'duplicate_object';
END
$$;
COMMENT ON FUNCTION @extschema@.share_prompt(text, boolean) IS
    'lets everybody use a prompt of the caller, its later versions too; for administrators';
REVOKE EXECUTE ON FUNCTION @extschema@.share_prompt(text, boolean) FROM PUBLIC;

-- ---- prompts in calls ------------------------------------------------------
-- Conditions of the policies stand here, too: a superuser passes by policies,
-- and must not be served the prompt of another.

CREATE FUNCTION @extschema@._prompt_find(reference jsonb) RETURNS @extschema@.prompt
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := reference ->> 'name';
    wanted_version jsonb := nullif(reference -> 'version', 'null');
    wanted_label text := coalesce(reference ->> 'label', 'production');
    found_one @extschema@.prompt;
BEGIN
    IF jsonb_typeof(reference) <> 'object' OR reference - '{name,vars,version,label}'::text[] <> '{}'
            OR wanted IS NULL OR wanted !~ '^[a-z][a-z0-9_]{0,62}$'
            OR wanted_label !~ '^[a-z][a-z0-9_]{0,62}$'
            OR wanted_version IS NOT NULL AND reference ->> 'label' IS NOT NULL
            OR wanted_version::text !~ '^[1-9][0-9]{0,8}$'
            OR jsonb_typeof(reference -> 'vars') <> 'object' THEN
        RAISE EXCEPTION 'a request does not name its prompt as it should'
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'A prompt is named by {"name": text, "vars": object, "version": number}, or "label" in place of "version".';
    END IF;
    SELECT p.* INTO found_one FROM @extschema@.prompt p
        WHERE p.name = wanted
            AND CASE WHEN wanted_version IS NULL THEN p.label = wanted_label
                ELSE p.version = wanted_version::text::integer END
            AND (p.shared OR p.owner = @extschema@._caller()
                AND p.subject IS NOT DISTINCT FROM @extschema@.subject()
                AND p.tenant IS NOT DISTINCT FROM @extschema@.tenant()
                AND NOT EXISTS (SELECT FROM @extschema@.prompt s WHERE s.name = wanted AND s.shared));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'prompt "%" has no % %', wanted,
                CASE WHEN wanted_version IS NULL THEN 'version with the label' ELSE 'version' END,
                coalesce(wanted_version::text, format('"%s"', wanted_label))
            USING ERRCODE = 'undefined_object',
                HINT = 'Prompts are seen by who created them, unless an administrator shares them; label_prompt() sets labels.';
    END IF;
    RETURN found_one;
END
$$;
COMMENT ON FUNCTION @extschema@._prompt_find(jsonb) IS
    'internal: the version of a prompt that a request names';

CREATE FUNCTION @extschema@._prompt_use(reference jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p @extschema@.prompt := @extschema@._prompt_find(reference);
    vars jsonb := coalesce(reference -> 'vars', '{}');
BEGIN
    RETURN jsonb_build_object('id', p.id, 'name', p.name, 'version', p.version,
        'content', @extschema@.render(p.template, vars),
        'options', p.options || CASE WHEN p.options ? 'system'
            THEN jsonb_build_object('system', @extschema@.render(p.options ->> 'system', vars)) ELSE '{}' END);
END
$$;
COMMENT ON FUNCTION @extschema@._prompt_use(jsonb) IS
    'internal: id, name, version, text and options of the prompt that a request names';

CREATE FUNCTION @extschema@._prompt_reference(name text, vars jsonb, label text, version integer) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('name', name, 'vars', coalesce(vars, '{}'))
        || CASE WHEN label IS NULL THEN '{}' ELSE jsonb_build_object('label', label) END
        || CASE WHEN version IS NULL THEN '{}' ELSE jsonb_build_object('version', version) END;
$$;
COMMENT ON FUNCTION @extschema@._prompt_reference(text, jsonb, text, integer) IS
    'internal: how a request names a prompt';

-- Names of prompts in a request become those of versions, so that a job runs
-- with the version that its submitter meant, however labels move until then.
CREATE FUNCTION @extschema@._prompt_pin(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place text[];
    p @extschema@.prompt;
BEGIN
    FOR place IN SELECT ARRAY[k] FROM unnest('{prompt,system}'::text[]) k
        UNION ALL SELECT ARRAY['messages', i::text, 'content']
            FROM generate_series(0, CASE WHEN jsonb_typeof(request -> 'messages') = 'array'
                THEN jsonb_array_length(request -> 'messages') ELSE 0 END - 1) i
    LOOP
        IF jsonb_typeof(request #> place) = 'object' THEN
            p := @extschema@._prompt_find(request #> place);
            request := jsonb_set(request, place,
                @extschema@._prompt_reference(p.name, request #> (place || '{vars}'), NULL, p.version));
        END IF;
    END LOOP;
    RETURN request;
END
$$;
COMMENT ON FUNCTION @extschema@._prompt_pin(jsonb) IS
    'internal: a request in which prompts are named by their versions';

CREATE FUNCTION @extschema@.render_prompt(name text, vars jsonb DEFAULT '{}', label text DEFAULT NULL,
        version integer DEFAULT NULL) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@._prompt_use(@extschema@._prompt_reference(name, vars, label, version)) ->> 'content';
$$;
COMMENT ON FUNCTION @extschema@.render_prompt(text, jsonb, text, integer) IS
    'the text of a prompt, by default of the version labelled production, with vars filled in';

CREATE FUNCTION @extschema@.complete_prompt(name text, vars jsonb DEFAULT '{}', model text DEFAULT NULL,
        options jsonb DEFAULT '{}', label text DEFAULT NULL, version integer DEFAULT NULL) RETURNS text
    LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@._call('complete', coalesce(options, '{}')
        || jsonb_build_object('prompt', @extschema@._prompt_reference(name, vars, label, version))
        || CASE WHEN model IS NULL THEN '{}' ELSE jsonb_build_object('model', model) END)
        ->> 'content';
$$;
COMMENT ON FUNCTION @extschema@.complete_prompt(text, jsonb, text, jsonb, text, integer) IS
    'answer of a model to a prompt of intel.prompt, by default to the version labelled production';
REVOKE ALL ON FUNCTION @extschema@.complete_prompt(text, jsonb, text, jsonb, text, integer) FROM PUBLIC;
