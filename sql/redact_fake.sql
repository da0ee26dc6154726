-- stand-ins: values of the same form that are nobody's
SELECT intel.set_redaction('faked', 'ALL', 'fake', NULL, 0.4), intel.set_redaction('faked_too', 'ALL', 'fake', NULL, 0.4);
-- they need a key
SELECT intel.redact('jane@example.org', 'faked');
SELECT lo_from_bytea(4714, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f') = 4714 AS made;
SELECT lo_export(4714, 'fake.key'), lo_unlink(4714);
-- the program reads its input: one that ended before would break the pipe
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; chmod 600 "$PWD/fake.key"';
SET intel.redact_key_file = 'fake.key';
-- entities that have them, and the refusal of others
CREATE FUNCTION pg_temp.has_fakes(entity text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM intel.set_redaction('try', entity, 'fake');
    RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END $$;
CREATE TEMP TABLE known AS SELECT entity, "group", pg_temp.has_fakes(entity) AS fakes FROM intel.pii_entities();
DELETE FROM intel.redaction_policy WHERE name = 'try';
SELECT fakes, count(*), string_agg(entity, ' ' ORDER BY entity) FROM known WHERE "group" <> 'SECRETS' GROUP BY fakes ORDER BY fakes DESC;
SELECT count(*) AS secrets_with_stand_ins FROM known WHERE fakes AND "group" = 'SECRETS';


SELECT intel.set_redaction('try', 'CREDIT_CARD_CVV', 'fake');
SELECT intel.set_redaction('try', 'EMAIL_ADDRESS', 'fake', '{"with": "x"}');
-- known answers, one of every entity that has them
\getenv dir PG_ABS_SRCDIR
\set file :dir '/sql/include/identifiers.sql'
\set ECHO none
\i :file
\set ECHO all
INSERT INTO sample VALUES ('EMAIL_ADDRESS','mail','Jane.Doe@acme.org'), ('URL','see','https://acme.org/people?id=7'), ('PERSON','Dear Mr.','John Smith'),
('IP_ADDRESS','ip','93.184.216.34'), ('IP_ADDRESS','ip','2a00:1450:4001:81b::200e'), ('MAC_ADDRESS','mac','00:1b:44:11:3a:b7'),
('PHONE_NUMBER','phone','(415) 275-0132'), ('PHONE_NUMBER','phone','+1 415 275 0132'), ('PHONE_NUMBER','phone','+49 30 901820-44'),
('US_SSN','ssn','219-09-9998'), ('US_ATIN','atin','912-93-3456'), ('US_EIN','ein','91-1144442'), ('UK_NINO','nino','AB 12 34 56 C'),
('SWIFT_CODE','swift','DEUTDEFF500'), ('IMSI','imsi','429011234567890'), ('CREDIT_CARD','card','4111-1111-1111-1111'),
('SK_RODNE_CISLO','slovak rc','710319/2745');
CREATE TEMP TABLE answer AS
SELECT s.entity, s.words, s.value, intel.redact(s.words || ' ' || s.value, 'faked') AS faked,
    intel.redact(s.words || ' ' || s.value, 'faked_too') AS faked_too FROM sample AS s JOIN known AS k ON k.entity = s.entity AND k.fakes;
SELECT entity, value, faked FROM answer ORDER BY entity, value;
SELECT entity FROM known WHERE fakes AND entity NOT IN (SELECT entity FROM answer);
-- where the words around speak for something else, which the stand-in may be too, a token stands
SELECT count(*) AS answers, count(*) FILTER (WHERE faked ~ '<') AS tokens FROM answer;
-- without those words the same have stand-ins
SELECT intel.redact('DE136695976 or ATU13585627', 'faked');
-- redacting again changes nothing; policies differ; the form stays, but for telephone numbers, mail, links, names and IP addresses
SELECT count(*) FILTER (WHERE intel.redact(faked, 'faked') <> faked) AS changed_again,
    count(*) FILTER (WHERE faked = words || ' ' || value) AS kept,
    count(*) FILTER (WHERE faked = faked_too) AS joined,
    count(*) FILTER (WHERE intel.contains_pii(faked, 'faked')) AS left_over,
    count(*) FILTER (WHERE faked !~ '<' AND entity NOT IN ('PHONE_NUMBER', 'EMAIL_ADDRESS', 'URL', 'PERSON', 'IP_ADDRESS')
        AND regexp_replace(regexp_replace(faked, '[0-9]', '9', 'g'), '[A-Z]', 'A', 'g')
         <> words || ' ' || regexp_replace(regexp_replace(value, '[0-9]', '9', 'g'), '[A-Z]', 'A', 'g')
        AND entity <> 'MAC_ADDRESS') AS other_form
FROM answer;
-- a number of a scheme with a check digit is of no such scheme after
SELECT a.entity, a.faked FROM answer AS a, LATERAL intel.detect_pii(a.faked, 'strict') AS d
WHERE d.entity = a.entity AND a.entity NOT IN ('EMAIL_ADDRESS', 'URL', 'PERSON', 'IP_ADDRESS', 'MAC_ADDRESS', 'PHONE_NUMBER', 'SWIFT_CODE',
    'US_SSN', 'US_ITIN', 'US_ATIN', 'US_EIN', 'UK_NINO', 'IMSI', 'IMEI', 'ICCID', 'CREDIT_CARD', 'IBAN_CODE', 'US_BANK_ROUTING');
-- the same, written again out of RFC 2104 and the comments of redact_fake.c: tokens, and stand-ins of some kinds
CREATE FUNCTION pg_temp.hmac(key bytea, message bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    inner_pad bytea := '';
    outer_pad bytea := '';
    c int;
BEGIN
    FOR i IN 0 .. 63 LOOP
        c := CASE WHEN i < length(key) THEN get_byte(key, i) ELSE 0 END;
        inner_pad := inner_pad || set_byte('\x00', 0, c # 54);
        outer_pad := outer_pad || set_byte('\x00', 0, c # 92);
    END LOOP;
    RETURN sha256(outer_pad || sha256(inner_pad || message));
END $$;
CREATE FUNCTION pg_temp.keyed(policy text, purpose text, value bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT pg_temp.hmac(pg_temp.hmac(pg_temp.hmac('\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
            convert_to('intel redaction master key', 'UTF8') || '\x00'), convert_to(policy, 'UTF8') || '\x00'),
        convert_to(purpose, 'UTF8') || '\x00' || value || '\x00')
$$;
CREATE FUNCTION pg_temp.base32(b bytea, n int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(substr('abcdefghijklmnopqrstuvwxyz234567', substring(bits FROM 5 * i + 1 FOR 5)::int + 1, 1), '' ORDER BY i)
    FROM (SELECT ('x' || encode(b, 'hex'))::bit(256) AS bits) AS b, generate_series(0, n - 1) AS i
$$;
CREATE FUNCTION pg_temp.draws(b bytea, VARIADIC radix int[]) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    n numeric := 0;
    drawn int[];
    r int;
BEGIN
    FOR i IN 0 .. 31 LOOP n := n * 256 + get_byte(b, i); END LOOP;
    FOREACH r IN ARRAY radix LOOP
        drawn := drawn || mod(n, r)::int;
        n := div(n, r);
    END LOOP;
    RETURN drawn;
END $$;
SELECT intel.set_redaction('hashed', 'EMAIL_ADDRESS', 'hash');
SELECT what, answer = known AS same, answer FROM (
    SELECT 'token', '<EMAIL_ADDRESS:' || pg_temp.base32(pg_temp.keyed('hashed', 'EMAIL_ADDRESS', 'jane@acme.org'), 16) || '>',
        intel.redact('jane@acme.org', 'hashed')
    UNION ALL
    SELECT 'mail', m || pg_temp.base32(pg_temp.keyed('faked', 'fake EMAIL_ADDRESS -1', convert_to(m, 'UTF8')), 8) || '@example.com',
        intel.redact('Jane.Doe@acme.org', 'faked')
    FROM pg_temp.base32(pg_temp.keyed('faked', 'fake EMAIL_ADDRESS 0', 'jane.doe@acme.org'), 12) AS m
    UNION ALL
    SELECT 'ssn', format('9%s%s-%s%s-%s%s%s%s', VARIADIC d), intel.redact('219-09-9998', 'faked')
    FROM pg_temp.draws(pg_temp.keyed('faked', 'fake US_SSN 0', '219099998'), 10, 10, 5, 10, 10, 10, 10, 10) AS d
    UNION ALL
    SELECT 'ip', format('%s.%s.%s.%s', 240 + d[1], d[2], d[3], d[4]), intel.redact('93.184.216.34', 'faked')
    FROM pg_temp.draws(pg_temp.keyed('faked', 'fake IP_ADDRESS 0', '\x5db8d822'), 15, 256, 256, 256) AS d) AS t (what, answer, known);
-- and a value of the vault that another program has sealed with AES-256-GCM opens under its own token only
SELECT intel._vault_open('<EMAIL_ADDRESS:5ukdkrnz3cnmdrs6>',
    '\x01404142434445464748494a4b012e520a9d843c8b0510ff9dbc1a5593b198d204e787c9dc88eb4684712ee116');
SELECT intel._vault_open('<EMAIL_ADDRESS:5ukdkrnz3cnmdrs7>',
    '\x01404142434445464748494a4b012e520a9d843c8b0510ff9dbc1a5593b198d204e787c9dc88eb4684712ee116');
-- the same person, number or address is the same in other words, another form, another case
SELECT intel.redact('Dear Mr. John Smith, Mrs. SMITH and Dr. Smith', 'faked');
SELECT intel.redact('call (415) 275-0132 or 415-275-0132 or 415.275.0132', 'faked');
SELECT intel.redact('JANE@ACME.ORG, jane@acme.org', 'faked'), intel.redact('2A00:1450:4001:081B::200E or 2a00:1450:4001:81b:0:0:0:200e', 'faked');
-- the entity counts: the same digits as two of them have nothing in common
SELECT count(*) AS pairs, count(*) FILTER (WHERE right(a.faked, 6) = right(b.faked, 6)) AS alike
FROM answer AS a JOIN answer AS b ON a.value = b.value AND a.entity < b.entity;
-- what has a stand-in's form but not its proof or range is none; what is in a reserved range stays
SELECT intel.redact('aaaaaaaaaaaaaaaaaaaa@example.com and jane@example.com', 'faked') !~ 'aaaa|jane' AS replaced,
    intel.redact('https://example.com/aaaaaaaaaaaaaaaaaaaa', 'faked') !~ 'aaaa' AS replaced,
    intel.redact('Dear Mr. Bodofodogodohodo', 'faked') !~ 'Bodo' AS replaced,
    intel.redact('2001:db8::7, 240.1.2.3, card 0824-2963-1444-6517', 'faked') AS stays;
-- forms without a stand-in get a token; groups of entities, too
SELECT intel.redact('phone 030 901820, PIN: 4711, born on 3 March 1980, password=hunter2', 'faked');
SELECT intel.redact('YmVmb3JlIGphbmVAYWNtZS5vcmcgYWZ0ZXI= and jane%40acme.org and ４１１１ １１１１ １１１１ １１１１', 'faked');
-- documents: numbers become texts, keys get tokens, what is hidden whole has no wrong digit to tell it by
SELECT intel.redact('{"mail": "jane@acme.org", "card": 4111111111111111, "password": "hunter2", "n": 7}'::jsonb, 'faked');
SELECT intel.redact('{"jane@acme.org": 1, "bob@acme.org": {"cid@acme.org": true}}'::jsonb, 'faked');
INSERT INTO intel.redaction_path (policy, path, action, entity) VALUES ('faked', '{to}', 'redact', 'EMAIL_ADDRESS'), ('faked', '{cpf}', 'redact', 'BR_CPF'),
    ('faked', '{ip}', 'redact', 'IP_ADDRESS');
SELECT intel.redact('{"to": "nobody in particular", "cpf": "390.533.447-05", "ip": "10.1.2.3", "note": "my cpf: 390.533.447-05"}'::jsonb, 'faked');
WITH d (doc) AS (VALUES ('{"to": "jane", "cpf": "390.533.447-06", "ip": "10.1.2.3", "a@acme.org": ["b@acme.org", 4111111111111111, {"c@acme.org": 1}]}'::jsonb))
SELECT intel.redact(intel.redact(doc, 'faked'), 'faked') = intel.redact(doc, 'faked') AS stays, intel.contains_pii(intel.redact(doc, 'faked'), 'faked') AS left_over
FROM d;
-- a constraint that lets in what the trigger made, and nothing else
CREATE TABLE person (note text CHECK (NOT intel.contains_pii(note, 'faked')));
INSERT INTO person VALUES ('jane@acme.org');
CREATE TRIGGER redact BEFORE INSERT OR UPDATE ON person FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('faked', 'note');
INSERT INTO person VALUES ('jane@acme.org, Mr. John Smith, (415) 275-0132, ssn 219-09-9998');
UPDATE person SET note = note || '!';
SELECT note, (SELECT count(*) FROM intel.detect_pii(note, 'faked')) AS found, (SELECT count(*) > 2 FROM intel.detect_pii(note, 'strict')) AS found_by_others FROM person;
DROP TABLE person;
-- of many values: none stays, none is taken for another form, and how many meet
SELECT entity, count(*) AS given, count(*) FILTER (WHERE f = v) AS kept, count(*) FILTER (WHERE f ~ '<') AS tokens,
    count(*) - count(DISTINCT f) AS met, count(*) FILTER (WHERE intel.redact(f, 'faked') <> f) AS changed_again
FROM (SELECT entity, v, intel.redact(v, 'faked') AS f FROM generate_series(1, 3000) AS i, LATERAL (VALUES
    ('EMAIL_ADDRESS', 'user' || i || '@acme.org'), ('IP_ADDRESS', format('93.%s.%s.%s', i % 200, i % 251, 7)),
    ('US_SSN', 'ssn ' || format('%s-%s-%s', 100 + i % 500, lpad((i % 99 + 1)::text, 2, '0'), 1000 + i)),
    ('PHONE_NUMBER', format('phone (415) %s-%s', 200 + i % 700, 1000 + i)), ('PERSON', 'Dear Mr. John Smith' || translate(i::text, '0123456789', 'abcdefghij')))
    AS s (entity, v)) AS t GROUP BY entity ORDER BY entity;
RESET intel.redact_key_file;
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm "$PWD/fake.key"';
DELETE FROM intel.redaction_path WHERE policy = 'faked';
DELETE FROM intel.redaction_policy WHERE name IN ('faked', 'faked_too', 'hashed');
