-- national identifiers: published examples are found, and one wrong digit is not
\getenv dir PG_ABS_SRCDIR
\set file :dir '/sql/include/identifiers.sql'
\set ECHO none
\i :file
\set ECHO all
-- found as what they are
SELECT s.*, d.entity AS found FROM sample s
LEFT JOIN LATERAL intel.detect_pii('The ' || words || ' is ' || value || ' today') AS d ON true
WHERE d.entity IS DISTINCT FROM s.entity OR d.value IS DISTINCT FROM s.value ORDER BY 1;
-- with each digit one higher: the scheme's own weakness is what may stay
SELECT s.entity, s.value, w.wrong
FROM sample s, generate_series(1, length(s.value)) AS i,
    LATERAL (SELECT overlay(s.value PLACING ((substr(s.value, i, 1)::int + 1) % 10)::text FROM i) AS wrong
             WHERE substr(s.value, i, 1) ~ '[0-9]') AS w,
    LATERAL intel.detect_pii('The ' || words || ' is ' || w.wrong || ' today') AS d
WHERE d.entity = s.entity AND s.entity NOT IN ('US_ITIN', 'VIN') ORDER BY 1, 2, 3;
-- without a check digit, by shape and words
SELECT w.entity, d.entity AS found, d.value FROM (VALUES
    ('US_EIN', 'EIN 91-1144442'), ('US_PASSPORT', 'passport A12345678'), ('US_MBI', 'Medicare MBI 1EG4-TE5-MK73'),
    ('UK_NINO', 'AB 12 34 56 C'), ('UK_DRIVING_LICENCE', 'MORGA657054SM9IJ'), ('UK_SORT_CODE', 'sort code 12-34-56'),
    ('DK_CPR', 'CPR 211062-5629'), ('MY_NRIC', 'mykad 770305-02-1234'), ('ID_NIK', 'NIK 3171011708450001'),
    ('KR_RRN', '주민등록번호 971013-9019902'), ('PK_CNIC', '34201-0891231-8'), ('IN_PAN', 'PAN ACUPA7085R'),
    ('IMSI', 'imsi 429011234567890'), ('NG_NIN', 'NIN 12345678901'), ('PH_TIN', 'TIN 123-456-789-000'),
    ('SWIFT_CODE', 'SWIFT DEUTDEFF500'), ('DE_HANDELSREGISTER', 'HRB 123456'), ('IN_VEHICLE_REGISTRATION', 'MH12AB1234'),
    ('UK_VEHICLE_REGISTRATION', 'number plate AB51 CDE'), ('US_DRIVER_LICENSE', 'driver''s license A1234567'),
    ('US_BANK_NUMBER', 'account number 123456789012'), ('MEDICAL_RECORD', 'MRN 00123456'), ('CREDIT_CARD_CVV', 'card cvv 123'),
    ('DATE_OF_BIRTH', 'born on 3 March 1980'), ('DATE_OF_BIRTH', 'DOB: 03/14/1980'), ('MAC_ADDRESS', 'mac 00:1b:44:11:3a:b7'),
    ('GPS_COORDINATES', 'lat/long 52.520008, 13.404954')
) AS w(entity, content) LEFT JOIN LATERAL intel.detect_pii(w.content) AS d ON true
WHERE d.entity IS DISTINCT FROM w.entity;
-- a policy can leave countries out
SELECT intel.set_redaction('europe', 'STRUCTURED', 'replace', NULL, NULL, '{DE,FR,UK}');
SELECT intel.redact('cpf 390.533.447-05, steuer-id 36 574 261 809, nhs 943-476-5870, card 4012888888881881', 'europe');
DELETE FROM intel.redaction_policy WHERE name = 'europe';
