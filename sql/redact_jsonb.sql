-- redact(jsonb): structure stays
SELECT jsonb_pretty(intel.redact('{
  "email": "jane@example.com",
  "phone": {"mobile": ["5550132", "415 555 0132"]},
  "ssn": 219099998,
  "order": 219099998,
  "amount": 12.50, "n": null, "ok": true,
  "card": 4111111111111111,
  "nested": [{"note": "reach me at +1 415 555 0132"}, []],
  "a@example.com": 1, "b@example.com": {"c@example.com": 2}
}'::jsonb));
SELECT intel.redact('"jane@example.com"'::jsonb), intel.redact('4111111111111111'::jsonb),
    intel.redact('[]'::jsonb), intel.redact('{}'::jsonb), intel.redact('null'::jsonb);
-- pseudonyms and back
SELECT * FROM intel.pseudonymize('jane@example.com wrote to bob@example.com; jane@example.com waits. <EMAIL_ADDRESS_1>');
SELECT intel.restore(content, mapping) = source AS round_trip
FROM (VALUES ('jane@example.com, bob@example.com, jane@example.com and +49 30 901820')) AS t(source),
    intel.pseudonymize(source);
-- a model's answer is not always literal
SELECT intel.restore(answer, '{"<EMAIL_ADDRESS_1>": "jane@example.com"}') FROM (VALUES
    ('Ask <EMAIL_ADDRESS_1>.'), ('Ask EMAIL_ADDRESS_1.'), ('Ask &lt;EMAIL_ADDRESS_1&gt;.'),
    ('Ask \<EMAIL\_ADDRESS\_1\>.'), ('Ask <email_address_1>.'), ('Ask <EMAIL_ADDRESS_2>.'),
    ('Ask <EMAIL_ADDRESS_11>.')) AS t(answer);
SELECT intel.restore('x', '[]');
