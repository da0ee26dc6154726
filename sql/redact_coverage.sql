-- What the names of others are called here: every entity of Presidio that is
-- told by a rule, and all 36 of Amazon Comprehend, each with an example that
-- is found as that. A row with f is a gap.
CREATE TEMP TABLE presidio (name text, ours text, content text);
INSERT INTO presidio VALUES
('CREDIT_CARD', 'CREDIT_CARD', 'card 4012888888881881'),
('CRYPTO', 'CRYPTO', 'wallet 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'),
('DATE_TIME', 'DATE_TIME', 'on 2021-03-14'),
('EMAIL_ADDRESS', 'EMAIL_ADDRESS', 'mail ann@example.com'),
('IBAN_CODE', 'IBAN_CODE', 'GB29NWBK60161331926819'),
('IP_ADDRESS', 'IP_ADDRESS', 'ip 203.1.44.17'),
('MAC_ADDRESS', 'MAC_ADDRESS', 'mac 00:1b:44:11:3a:b7'),
('URL', 'URL', 'see www.example.com'),
('PHONE_NUMBER', 'PHONE_NUMBER', 'call +49 30 901820'),
('PERSON', 'PERSON', 'Her name is Maria Gonzalez.'),
('LOCATION', 'LOCATION', 'They live in Berlin.'),
('NRP', 'NRP', 'He is Norwegian.'),
('ORGANIZATION', 'ORGANIZATION', 'She works for Acme Widgets Ltd'),
('MEDICAL_LICENSE', 'MEDICAL_LICENSE', 'DEA AB1234563'),
('US_BANK_NUMBER', 'US_BANK_NUMBER', 'account number 123456789012'),
('US_DRIVER_LICENSE', 'US_DRIVER_LICENSE', 'driver''s license A1234567'),
('US_ITIN', 'US_ITIN', 'itin 912-90-3456'), ('US_MBI', 'US_MBI', 'Medicare 1EG4-TE5-MK73'),
('US_NPI', 'US_NPI', 'npi 1234567893'), ('US_PASSPORT', 'US_PASSPORT', 'passport A12345678'),
('US_SSN', 'US_SSN', 'ssn 219-09-9998'), ('ABA_ROUTING_NUMBER', 'US_BANK_ROUTING', 'routing 111000025'),
('CA_SIN', 'CA_SIN', 'sin 130 692 544'),
('UK_NHS', 'UK_NHS', 'nhs 943-476-5870'), ('UK_NINO', 'UK_NINO', 'AB 12 34 56 C'),
('UK_PASSPORT', 'UK_PASSPORT', 'passport 123456789'), ('UK_POSTCODE', 'POSTAL_CODE', 'postcode SW1A 1AA'),
('UK_DRIVING_LICENCE', 'UK_DRIVING_LICENCE', 'licence MORGA657054SM9IJ'),
('UK_VEHICLE_REGISTRATION', 'UK_VEHICLE_REGISTRATION', 'number plate AB51 CDE'),
('ES_NIF', 'ES_NIF', 'dni 54362315-K'), ('ES_NIE', 'ES_NIE', 'nie X-2482300W'),
('ES_PASSPORT', 'ES_PASSPORT', 'pasaporte AAA123456'),
('IT_FISCAL_CODE', 'IT_FISCAL_CODE', 'codice fiscale RCCMNL83S18D969H'),
('IT_DRIVER_LICENSE', 'IT_DRIVER_LICENSE', 'patente AB1234567C'), ('IT_VAT_CODE', 'IT_VAT_CODE', 'partita iva 00743110157'),
('IT_PASSPORT', 'IT_PASSPORT', 'passaporto YA1234567'), ('IT_IDENTITY_CARD', 'IT_IDENTITY_CARD', 'carta d''identita CA12345AA'),
('PL_PESEL', 'PL_PESEL', 'pesel 44051401359'),
('SG_NRIC_FIN', 'SG_NRIC_FIN', 'nric S1234567D'), ('SG_UEN', 'SG_UEN', 'uen 197401143C'),
('AU_ABN', 'AU_ABN', 'abn 51 824 753 556'), ('AU_ACN', 'AU_ACN', 'acn 004 085 616'),
('AU_TFN', 'AU_TFN', 'tfn 123 456 782'), ('AU_MEDICARE', 'AU_MEDICARE', 'medicare 2123 45670 1'),
('IN_PAN', 'IN_PAN', 'PAN ACUPA7085R'), ('IN_AADHAAR', 'IN_AADHAAR', 'aadhaar 2341 2341 2346'),
('IN_VEHICLE_REGISTRATION', 'IN_VEHICLE_REGISTRATION', 'MH12AB1234'), ('IN_VOTER', 'IN_VOTER', 'voter id ABC1234567'),
('IN_PASSPORT', 'IN_PASSPORT', 'passport A1234567'), ('IN_GSTIN', 'IN_GSTIN', 'gstin 27AAPFU0939F1ZV'),
('FI_PERSONAL_IDENTITY_CODE', 'FI_PERSONAL_IDENTITY_CODE', 'hetu 131052-308T'),
('DE_TAX_ID', 'DE_TAX_ID', 'steuer-id 36 574 261 809'), ('DE_TAX_NUMBER', 'DE_TAX_NUMBER', 'Steuernummer 93/815/08152'),
('DE_VAT_ID', 'DE_VAT_ID', 'DE136695976'), ('DE_ID_CARD', 'DE_ID_CARD', 'Personalausweis L01X00T471'),
('DE_PASSPORT', 'DE_PASSPORT', 'Reisepass C01X0006H1'), ('DE_SOCIAL_SECURITY', 'DE_SOCIAL_SECURITY', 'rvnr 15 070649 C 103'),
('DE_HEALTH_INSURANCE', 'DE_HEALTH_INSURANCE', 'kvnr A123456780'), ('DE_LANR', 'DE_LANR', 'lanr 123456601'),
('DE_BSNR', 'DE_BSNR', 'bsnr 123456789'), ('DE_FUEHRERSCHEIN', 'DE_FUEHRERSCHEIN', 'Fuhrerschein B072RRE2I55'),
('DE_KFZ', 'DE_KFZ', 'Kennzeichen B-MW 1234'), ('DE_HANDELSREGISTER', 'DE_HANDELSREGISTER', 'HRB 123456'),
('DE_PLZ', 'POSTAL_CODE', 'PLZ 10115'),
('KR_RRN', 'KR_RRN', 'rrn 971013-9019902'), ('KR_FRN', 'KR_FRN', 'frn 971013-5019902'), ('KR_BRN', 'KR_BRN', 'brn 116-82-00276'),
('KR_DRIVER_LICENSE', 'KR_DRIVER_LICENSE', 'driver license 11-20-123456-78'), ('KR_PASSPORT', 'KR_PASSPORT', 'passport M12345678'),
('NG_NIN', 'NG_NIN', 'nin 12345678901'), ('NG_VEHICLE_REGISTRATION', 'NG_VEHICLE_REGISTRATION', 'plate ABC-123DE'),
('PH_TIN', 'PH_TIN', 'tin 123-456-789-000'),
('SE_PERSONNUMMER', 'SE_PERSONNUMMER', 'personnummer 880320-0016'),
('SE_ORGANISATIONSNUMMER', 'SE_ORGANISATIONSNUMMER', 'orgnr 556036-0793'),
('ZA_ID_NUMBER', 'ZA_ID_NUMBER', 'sa id 8001015009087'), ('TH_TNIN', 'TH_TNIN', 'thai id 1-2345-45678-78-1'),
('TR_NATIONAL_ID', 'TR_NATIONAL_ID', 'tc kimlik 10000000146'), ('TR_LICENSE_PLATE', 'TR_LICENSE_PLATE', 'plaka 34 ABC 12');
CREATE TEMP TABLE comprehend (name text, ours text, content text);
INSERT INTO comprehend VALUES
('ADDRESS', 'STREET_ADDRESS', '221B Baker Street, London'), ('AGE', 'AGE', 'She is 42 years old.'),
('AWS_ACCESS_KEY', 'AWS_ACCESS_KEY', 'AKIAIOSFODNN7EXAMPLE'),
('AWS_SECRET_KEY', 'AWS_SECRET_KEY', 'secret key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
('CREDIT_DEBIT_NUMBER', 'CREDIT_CARD', '4111 1111 1111 1111'), ('CREDIT_DEBIT_CVV', 'CREDIT_CARD_CVV', 'card cvv 123'),
('CREDIT_DEBIT_EXPIRY', 'CREDIT_CARD_EXPIRY', 'card 4111111111111111 exp 12/27'),
('DATE_TIME', 'DATE_TIME', '14 March 2021'), ('DRIVER_ID', 'US_DRIVER_LICENSE', 'driver''s license A1234567'),
('EMAIL', 'EMAIL_ADDRESS', 'ann@example.com'),
('INTERNATIONAL_BANK_ACCOUNT_NUMBER', 'IBAN_CODE', 'DE89 3704 0044 0532 0130 00'),
('IP_ADDRESS', 'IP_ADDRESS', '2001:470:1f0b::8a2e:370:7334'), ('LICENSE_PLATE', 'LICENSE_PLATE', 'license plate AB 12345'),
('MAC_ADDRESS', 'MAC_ADDRESS', 'mac 00:1b:44:11:3a:b7'), ('NAME', 'PERSON', 'Maria Gonzalez'),
('PASSWORD', 'PASSWORD', 'password: hunter2x'), ('PHONE', 'PHONE_NUMBER', '(415) 555-0132'), ('PIN', 'PIN', 'pin 4821'),
('SWIFT_CODE', 'SWIFT_CODE', 'SWIFT DEUTDEFF500'), ('URL', 'URL', 'https://www.example.com/a'),
('USERNAME', 'USERNAME', 'username: jdoe42'),
('VEHICLE_IDENTIFICATION_NUMBER', 'VIN', '1M8GDM9AXKP042788'),
('BANK_ACCOUNT_NUMBER', 'US_BANK_NUMBER', 'account number 123456789012'), ('BANK_ROUTING', 'US_BANK_ROUTING', 'routing 111000025'),
('PASSPORT_NUMBER', 'US_PASSPORT', 'passport A12345678'), ('SSN', 'US_SSN', '219-09-9998'),
('US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER', 'US_ITIN', '912-90-3456'),
('UK_NATIONAL_HEALTH_SERVICE_NUMBER', 'UK_NHS', 'nhs 943 476 5919'), ('UK_NATIONAL_INSURANCE_NUMBER', 'UK_NINO', 'AB123456C'),
('UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER', 'UK_UTR', 'utr 1955839661'), ('CA_SOCIAL_INSURANCE_NUMBER', 'CA_SIN', 'sin 123-456-782'),
('CA_HEALTH_NUMBER', 'CA_HEALTH_NUMBER', 'ohip 1234-567-897'), ('IN_AADHAAR', 'IN_AADHAAR', 'aadhaar 2341 2341 2346'),
('IN_NREGA', 'IN_NREGA', 'nrega AB123456789012'), ('IN_PERMANENT_ACCOUNT_NUMBER', 'IN_PAN', 'ACUPA7085R'),
('IN_VOTER_NUMBER', 'IN_VOTER', 'voter ABC1234567');
-- some have the same form in several countries: then the policy's regions say which
SELECT intel.set_redaction('abroad', 'STRUCTURED', 'replace', NULL, NULL, '{DE,GB,KR,TR}');
CREATE FUNCTION pg_temp.found(ours text, content text) RETURNS text LANGUAGE sql AS $$
	SELECT d.entity FROM unnest(ARRAY['strict', 'abroad']) AS p, intel.detect_pii(content, p) AS d
	ORDER BY d.entity <> ours, d.entity LIMIT 1
$$;
SELECT name AS presidio, ours, pg_temp.found(ours, content) IS NOT DISTINCT FROM ours AS found FROM presidio ORDER BY 1;
SELECT name AS comprehend, ours, pg_temp.found(ours, content) IS NOT DISTINCT FROM ours AS found FROM comprehend ORDER BY 1;
SELECT count(*) AS presidio FROM presidio;
SELECT count(*) AS comprehend FROM comprehend;
DELETE FROM intel.redaction_policy WHERE name = 'abroad';
