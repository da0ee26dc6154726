-- What holds for every text, tried on texts put together out of data, words and oddities; test/t/222 does the same in other encodings.
CREATE FUNCTION pg_temp.piece(b bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN convert_from(b, 'UTF8');
EXCEPTION WHEN untranslatable_character THEN
    RETURN NULL;
END $$;
CREATE TEMP TABLE piece AS
SELECT (row_number() OVER (ORDER BY n)) - 1 AS n, p FROM (
    SELECT n, pg_temp.piece(convert_to(p, 'SQL_ASCII')) AS p FROM unnest(ARRAY[
        'jane.doe@example.com', '4111 1111 1111 1111', '219-09-9998', '+49 30 901820', '(415) 555-0132', 'GB29 NWBK 6016 1331 9268 19',
        '192.168.7.9', '2001:db8::8a2e:370:7334', 'https://user:secret1@example.org/a?b=c', 'password=hunter2', 'AKIAIOSFODNN7EXAMPLE',
        '1980-03-14', 'born on 3 March 1980', 'ssn', 'card', 'test', 'order', 'passport A12345678', 'Maria Gonzalez', 'Dr. John Smith',
        '221B Baker Street, London', 'Acme Holdings Ltd', 'Berlin', 'amFuZS5kb2VAZXhhbXBsZS5jb20=', '<EMAIL_ADDRESS_1>', '<PERSON>',
        'jane&#64;example.com', 'jane%40example.com', 'jane (at) example [dot] com', '\u0040', '=40', '&amp;', '%2', 'the', 'was', 'in',
        '1', '22', '333', 'a', '.', ',', '-', '/', ':', '@', '(', ')', E'\n', '''', '"', '<', '>', '_', '+', '=', '\']) WITH ORDINALITY AS t (p, n)
    UNION ALL
    SELECT 100 + n, pg_temp.piece(b) FROM unnest(ARRAY['\xc3a974c3a9', '\xc3bc', '\xc3b1', '\xc2a0', '\xe69db1e4baac', '\xe38080', '\xd0bfd180d0b8',
        '\xefbc94efbc91efbc91efbc91', '\xe2808b', '\xf09f9880', '\xcc81', '\xd9a4d9a1', '\xe282ac', '\xeca3bc', '\xc39f']::bytea[]) WITH ORDINALITY AS t (b, n)
) AS t WHERE p IS NOT NULL;
CREATE TEMP TABLE made AS
SELECT i, (SELECT string_agg(p.p || CASE WHEN d.draw % 7 < 2 THEN '' ELSE ' ' END, '' ORDER BY k)
           FROM generate_series(1, 1 + i % 13) AS k,
               LATERAL (SELECT ('x' || substr(md5(i || ',' || k), 1, 7))::bit(28)::int AS draw) AS d
               JOIN piece AS p ON p.n = d.draw / 7 % (SELECT count(*) FROM piece)) AS t
FROM generate_series(1, 4000) AS i;
SELECT intel.set_redaction('property_mask', 'ALL', 'mask', '{"keep_last": 4}'), intel.set_redaction('property_remove', 'ALL', 'remove'),
    intel.set_redaction('property_fake', 'ALL', 'fake', NULL, 0.4);
SELECT lo_from_bytea(4715, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f') = 4715 AS made;
SELECT lo_export(4715, 'property.key'), lo_unlink(4715);
-- the program reads its input: one that ended before would break the pipe
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; chmod 600 "$PWD/property.key"';
SET intel.redact_key_file = 'property.key';
CREATE TEMP TABLE checked AS
SELECT m.i, m.t, p.policy, r.redacted, d.rebuilt, d.fits, d.apart
FROM made AS m, (VALUES ('default'), ('strict'), ('property_mask'), ('property_remove'), ('property_fake')) AS p (policy),
    LATERAL (SELECT intel.redact(m.t, p.policy) AS redacted) AS r,
    LATERAL (SELECT coalesce(string_agg(substr(m.t, f.before, f.start - f.before) || '<' || f.entity || '>', '' ORDER BY f.start), '')
                 || substr(m.t, coalesce(max(f.start + f.length), 1)) AS rebuilt,
                 coalesce(bool_and(substring(m.t FROM f.start FOR f.length) = f.value AND f.length > 0), true) AS fits,
                 coalesce(bool_and(f.start >= f.before), true) AS apart
             FROM (SELECT f.*, coalesce(lag(f.start + f.length) OVER (ORDER BY f.start), 1) AS before
                   FROM intel.detect_pii(m.t, p.policy) AS f) AS f) AS d;
SELECT policy, count(*) AS texts, count(*) FILTER (WHERE redacted <> t) > 1000 AS many_with_data,
    count(*) FILTER (WHERE NOT fits) AS bad_offsets, count(*) FILTER (WHERE NOT apart) AS overlaps,
    count(*) FILTER (WHERE policy IN ('default', 'strict') AND redacted <> rebuilt) AS other_bytes_changed,
    count(*) FILTER (WHERE convert_from(convert_to(redacted, 'UTF8'), 'UTF8') <> redacted) AS invalid,
    count(*) FILTER (WHERE intel.redact(redacted, policy) <> redacted) AS changed_again,
    count(*) FILTER (WHERE intel.contains_pii(t, policy) <> (redacted <> t)) AS contradicted,
    count(*) FILTER (WHERE intel.contains_pii(redacted, policy) AND policy IN ('default', 'strict', 'property_fake')) AS left_over
FROM checked GROUP BY policy ORDER BY policy;
-- there and back, in one piece and in two at every split; as a document; as a text of a document
CREATE FUNCTION pg_temp.in_two(content text, at int, mapping jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    s text := '';
    c text;
    all_of text := '';
BEGIN
    FOREACH content IN ARRAY ARRAY[left(content, at), substr(content, at + 1), NULL] LOOP
        SELECT * INTO s, c FROM intel.restore_stream(s, content, mapping);
        all_of := all_of || c;
    END LOOP;
    RETURN all_of;
END $$;
CREATE TEMP TABLE pseudonyms AS
SELECT m.i, m.t, p.content, p.mapping FROM made AS m, intel.pseudonymize(m.t, 'strict') AS p WHERE m.t !~ '<';
SELECT count(*) FILTER (WHERE intel.restore(content, mapping) <> t) AS not_restored,
    count(*) FILTER (WHERE intel.contains_pii(content, 'strict')) AS left_over FROM pseudonyms;
SELECT count(*) > 10000 AS many_splits, count(*) FILTER (WHERE pg_temp.in_two(content, at, mapping) <> t) AS wrong
FROM (SELECT * FROM pseudonyms WHERE i % 4 = 0) AS p, generate_series(0, length(p.content)) AS at;
SELECT count(*) FILTER (WHERE intel.redact(jsonb_build_array(t, 7, jsonb_build_object('k', t)), 'strict')
        <> jsonb_build_array(redacted, 7, jsonb_build_object('k', redacted))) AS differs,
    count(*) FILTER (WHERE intel.redact(intel.redact(jsonb_build_object(t, t), 'strict'), 'strict') <> intel.redact(jsonb_build_object(t, t), 'strict'))
        AS changed_again
FROM checked WHERE policy = 'strict' AND i % 2 = 0;
SELECT count(*) FILTER (WHERE intel.redact(jsonb_build_array(t, 7, jsonb_build_object('k', t)), 'property_fake')
        <> jsonb_build_array(redacted, 7, jsonb_build_object('k', redacted))) AS differs,
    count(*) FILTER (WHERE intel.redact(intel.redact(jsonb_build_object(t, t), 'property_fake'), 'property_fake')
        <> intel.redact(jsonb_build_object(t, t), 'property_fake')) AS changed_again,
    count(*) FILTER (WHERE redacted ~ '@example[.]com') > 100 AS many_stand_ins
FROM checked WHERE policy = 'property_fake' AND i % 2 = 0;
RESET intel.redact_key_file;
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm "$PWD/property.key"';
DELETE FROM intel.redaction_policy WHERE name LIKE 'property%';
