-- national identifiers: published examples are found, and one wrong digit is not
CREATE TEMP TABLE sample (entity text, words text, value text);
INSERT INTO sample VALUES
('US_ITIN','itin','912-90-3456'), ('US_BANK_ROUTING','routing','111000025'), ('US_NPI','npi','1234567893'),
('CA_SIN','sin','123-456-782'), ('UK_NHS','nhs','943-476-5870'), ('UK_UTR','utr','1955839661'),
('DE_TAX_ID','steuer-id','36 574 261 809'), ('DE_LANR','lanr','123456601'), ('AT_SVNR','svnr','1237 010180'),
('CH_AHV','ahv','756.9217.0769.85'), ('FR_NIR','nir','2 95 10 99 126 111 93'), ('FR_SIREN','siren','552 008 443'),
('FR_SIRET','siret','73282932000074'), ('ES_SOCIAL_SECURITY','naf','281234567840'), ('IT_VAT_CODE','partita iva','00743110157'),
('PT_NIF','nif contribuinte','501964843'), ('NL_BSN','bsn','111222333'), ('BE_NATIONAL_NUMBER','rijksregister','85.07.30-033.28'),
('LU_MATRICULE','matricule','1893120105732'), ('PL_PESEL','pesel','44051401359'), ('PL_NIP','nip','8567346215'),
('PL_REGON','regon','192598184'), ('SE_PERSONNUMMER','personnummer','880320-0016'), ('SE_ORGANISATIONSNUMMER','orgnr','123456-7897'),
('DK_CVR','cvr','13585628'), ('NO_FODSELSNUMMER','fodselsnummer','15108695088'), ('NO_ORGANISASJONSNUMMER','orgnr','988 077 917'),
('IS_KENNITALA','kennitala','450401-3150'), ('FI_BUSINESS_ID','y-tunnus','2077474-0'), ('EE_ISIKUKOOD','isikukood','36805280109'),
('LT_ASMENS_KODAS','asmens kodas','33309240064'), ('LV_PERSONAS_KODS','personas kods','161175-19997'), ('RO_CNP','cnp','1630615123457'),
('RO_CUI','cui','18547290'), ('BG_EGN','egn','7523169263'), ('CZ_RODNE_CISLO','rodne cislo','710319/2745'),
('HU_TAX_ID','adoazonosito','8071592153'), ('HU_TAJ','taj','111 111 110'), ('HR_OIB','oib','33392005961'), ('SI_EMSO','emso','0101006500006'),
('RS_JMBG','jmbg','0101006500006'), ('GR_AMKA','amka','01013099997'), ('GR_AFM','afm','094259216'), ('UA_RNOKPP','rnokpp','1759013776'),
('RU_INN','inn','7827004526'), ('RU_INN','inn','123456789047'), ('RU_SNILS','snils','112-233-445 95'),
('BR_CPF','cpf','390.533.447-05'), ('BR_CNPJ','cnpj','16.727.230/0001-97'), ('AR_CUIT','cuit','20-05536168-2'),
('CO_NIT','nit','2131234321'), ('PE_RUC','ruc','20512333797'), ('EC_CEDULA','cedula','171430710-3'), ('UY_CEDULA','cedula','1.234.567-2'),
('CL_RUT','rut','12.531.909-2'), ('IN_AADHAAR','aadhaar','2341 2341 2346'), ('AU_TFN','tfn','123 456 782'), ('AU_ABN','abn','83 914 571 673'),
('AU_ACN','acn','004 085 616'), ('AU_MEDICARE','medicare','2123 45670 1'), ('NZ_IRD','ird','49-098-576'), ('TH_TNIN','thai id','1-2345-45678-78-1'),
('KR_BRN','brn','116-82-00276'), ('JP_MY_NUMBER','my number','123456789018'), ('TW_UBN','ubn','00501503'), ('IL_ID','teudat zehut','039337423'),
('TR_NATIONAL_ID','tc kimlik','17291716060'), ('TR_TAX_NUMBER','vergi no','4540536920'), ('ZA_ID_NUMBER','sa id','7503305044089'),
('IMEI','imei','490154203237518'), ('ICCID','iccid','8944500102198304826'), ('CREDIT_CARD','card','4012888888881881'),
('ES_NIF','dni','54362315-K'), ('ES_NIE','nie','X-2482300W'), ('ES_CIF','cif','J99216582'), ('IT_FISCAL_CODE','codice fiscale','RCCMNL83S18D969H'),
('IE_PPS','pps','6433435F'), ('FI_PERSONAL_IDENTITY_CODE','hetu','131052-308T'), ('PT_CC','cartao de cidadao','00000000 0 ZZ4'),
('PL_ID_CARD','dowod osobisty','ABA300000'), ('DE_ID_CARD','personalausweis','L01X00T471'), ('DE_SOCIAL_SECURITY','rvnr','15 070649 C 103'),
('DE_HEALTH_INSURANCE','kvnr','A123456780'), ('DE_VAT_ID','vat','DE136695976'), ('AT_UID','vat','ATU13585627'), ('CH_UID','vat','CHE-100.155.212'),
('FR_VAT_ID','vat','FR40303265045'), ('NL_VAT_ID','vat','NL004495445B01'), ('BE_VAT_ID','vat','BE0428759497'), ('MX_CURP','curp','BOXW310820HNERXN09'),
('MX_RFC','rfc','GODE561231GR8'), ('VE_RIF','rif','V-11470283-4'), ('IN_GSTIN','gstin','27AAPFU0939F1ZV'), ('SG_NRIC_FIN','nric','S1234567D'),
('SG_UEN','uen','00192200M'), ('SG_UEN','uen','197401143C'), ('SG_UEN','uen','S16FC0121D'), ('TW_NATIONAL_ID','national identification','A123456789'),
('CN_RESIDENT_ID','resident identity','360426199101010071'), ('CN_CREDIT_CODE','credit code','91110000600037341L'), ('NZ_NHI','nhi','ZAC5361'),
('MEDICAL_LICENSE','dea','AB1234563'), ('VIN','vin','1M8GDM9AXKP042788'), ('IBAN_CODE','iban','GB29NWBK60161331926819');
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
