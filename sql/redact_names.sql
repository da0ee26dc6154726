-- people, places, organisations: policy strict
SELECT content, string_agg(d.entity || ' ' || quote_literal(d.value), ', ' ORDER BY d.start) AS found
FROM (VALUES
    (1, 'Dear Ms Kowalska, Björn Sigurdsson from Reykjavík called about the invoice.'),
    (2, 'My name is Nunzia and I live at 12 Rue de la Paix, Lyon.'),
    (3, 'She works for Northwind Traders Ltd in Buenos Aires.'),
    (4, 'The Norwegian team met Mr. Rose; Rose won.'),
    (5, 'We shall meet on Tuesday at 10:30 am, March 3rd, 2021.'),
    (6, 'He is 42 years old; her zip code is 90210.'),
    (7, 'Please send it to Hauptstraße 5, 10115 Berlin, Germany.'),
    (8, 'Visit https://www.example.com/a?b=c, or www.example.com.'),
    (9, 'In the beginning the Server reads each Table. Then it returns the Row.')
) AS t(n, content) LEFT JOIN LATERAL intel.detect_pii(content, 'strict') AS d ON true
GROUP BY n, content ORDER BY n;
-- the default policy leaves them
SELECT intel.redact('Björn Sigurdsson moved from Reykjavík on 2021-03-03.');
SELECT intel.redact('Björn Sigurdsson moved from Reykjavík on 2021-03-03.', 'strict');
SELECT content FROM intel.pseudonymize('Anna Larsson met Peter Schmidt. Larsson left.', 'strict');
-- organisations: by what they end with, what is said of them, and where they stand
SELECT content, string_agg(d.entity || ' ' || quote_literal(d.value), ', ' ORDER BY d.start) AS found
FROM (VALUES
    (1, 'He worked at Zentaro Dynamics and then joined Quillmark.'),
    (2, 'Last week Brevento announced a merger; Ostrava Robotics is a German manufacturer.'),
    (3, 'The matter is with Whitfield, Novak and Petersen until Friday.'),
    (4, 'Whitfield, Novak and Petersen said no; Customer Services is closed.'),
    (5, E'Maria Gonzalez\nFlintwick\n14 Baker Street, London'),
    (6, 'She looked at Miller, who has worked for years.'),
    (7, 'Dr. Whitfield announced a study; Maria Gonzalez launched a boat.')
) AS t(n, content) LEFT JOIN LATERAL intel.detect_pii(content, 'strict') AS d ON true
GROUP BY n, content ORDER BY n;
