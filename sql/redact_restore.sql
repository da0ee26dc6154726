-- restore in pieces gives what restore of the whole gives, at every split
CREATE FUNCTION pg_temp.in_pieces(pieces text[], mapping jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    s text := '';
    c text;
    all_of text := '';
BEGIN
    FOR i IN 1 .. cardinality(pieces) + 1 LOOP
        SELECT * INTO s, c FROM intel.restore_stream(s, pieces[i], mapping);
        all_of := all_of || c;
    END LOOP;
    RETURN all_of;
END
$$;
CREATE TEMP TABLE answer (n int, content text);
INSERT INTO answer VALUES
    (1, 'Ask <EMAIL_ADDRESS_1> and EMAIL_ADDRESS_1, not <EMAIL_ADDRESS_11> or <EMAIL_ADDRESS_2>'),
    (2, 'Ask &lt;EMAIL_ADDRESS_1&gt;; \<EMAIL\_ADDRESS\_1\>, <email_address_1>!'),
    (3, '<EMAIL_ADDRESS_1 EMAIL_ADDRESS_1> XEMAIL_ADDRESS_1 EMAIL_ADDRESS_1x 9EMAIL_ADDRESS_1 \EMAIL_ADDRESS_1'),
    (4, '<<EMAIL_ADDRESS_1>><EMAIL_ADDRESS_1><PERSON_1>&lt;PERSON_1> <PERSON_1&gt; &l &lt &lt;'),
    (5, '日本<PERSON_1>語 é<EMAIL_ADDRESS_1>é <PERSON_123456789> <PERSON_1234567890>'),
    (6, '<PERSON_1'), (7, 'PERSON_1'), (8, 'PERSON_'), (9, 'PERSON\'), (10, '<'), (11, ''),
    (12, '<AVERYLONGNAMETHATISNOTONEOFANYENTITYBUTGOESONANDONANDON_1> <PERSON_2>'),
    (13, '<EMAIL_ADDRESS:abcdefghabcdefg2> EMAIL_ADDRESS:ABCDEFGHABCDEFG2 <EMAIL_ADDRESS:abcdefghabcdefg> <EMAIL_ADDRESS:abcdefghabcdefg2x>'),
    (14, repeat('<PERSON_1> and ', 200));
\set mapping '{"<EMAIL_ADDRESS_1>": "jane@x.org", "<PERSON_1>": "Åse <PERSON_2>", "<PERSON_2>": "\\\\<", "<PERSON_123456789>": 12.50, "<EMAIL_ADDRESS:abcdefghabcdefg2>": "t@x.org"}'
SELECT n, intel.restore(content, :'mapping') FROM answer WHERE n < 14 ORDER BY n;
SELECT count(*) AS splits,
    count(*) FILTER (WHERE pg_temp.in_pieces(ARRAY[left(content, i), substr(content, i + 1)], :'mapping')
        IS DISTINCT FROM intel.restore(content, :'mapping')) AS wrong
FROM answer, generate_series(0, length(content)) AS i WHERE n < 14;
-- in three pieces, and character by character
SELECT count(*) AS splits,
    count(*) FILTER (WHERE pg_temp.in_pieces(ARRAY[left(content, i), substr(content, i + 1, j), substr(content, i + j + 1)], :'mapping')
        IS DISTINCT FROM intel.restore(content, :'mapping')) AS wrong
FROM answer, generate_series(0, least(length(content), 40)) AS i, generate_series(0, 40) AS j WHERE n < 14;
SELECT bool_and(pg_temp.in_pieces(string_to_array(content, NULL), :'mapping') = intel.restore(content, :'mapping')) AS same
FROM answer;
-- what waits is short, and is text that could be the beginning of a placeholder
SELECT * FROM intel.restore_stream('', 'See <EMAIL_ADD', :'mapping');
SELECT * FROM intel.restore_stream('.<EMAIL_ADD', 'RESS_1> now', :'mapping');
SELECT * FROM intel.restore_stream('.<EMAIL_ADD', NULL, :'mapping');
SELECT * FROM intel.restore_stream(NULL, NULL, :'mapping');
SELECT max(length(state)) < 160 AS short FROM answer, generate_series(0, length(content)) AS i,
    intel.restore_stream('', left(content, i), :'mapping');
SELECT * FROM intel.restore_stream('x', 'y', :'mapping');
SELECT * FROM intel.restore_stream('.' || repeat('x', 200), 'y', :'mapping');
SELECT * FROM intel.restore_stream('', 'y', '[]');
SELECT * FROM intel.restore_stream('', 'y', NULL);
-- documents there and back, numbers as numbers
SELECT content, mapping, intel.restore(content, mapping) = source AS round_trip
FROM (VALUES ('{"mail": "a@b.co, c@d.co", "a@b.co": [4111111111111111, {"ssn": 219099998}], "password": "p", "pin": 1234,
    "ok": [true, null, ""], "note": "call 4111111111111111 <PIN_1>"}'::jsonb), ('"a@b.co"'), ('4111111111111111'), ('{}')) AS t(source),
    intel.pseudonymize(source);
SELECT intel.restore('["<PIN_1>", "<PIN_1> x", {"<PIN_1>": 1}]'::jsonb, '{"<PIN_1>": 1234}');
-- numbering stays linear
SELECT length(content) > 100000 AS long, intel.restore(content, mapping) = source AS round_trip
FROM (SELECT string_agg('u' || i || '@example.com', ' ') AS source FROM generate_series(1, 20000) AS i) AS t,
    intel.pseudonymize(source);
