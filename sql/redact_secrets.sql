-- keys and tokens of providers; every value is made up
SELECT d.entity, d.rule, d.value FROM (VALUES
    (1, 'AKIAIOSFODNN7EXAMPLE'), (2, 'AIza' || repeat('Sy-_1', 7)), (3, 'ghp_' || repeat('a1B2', 9)),
    (4, 'github_pat_' || repeat('a1', 41)), (5, 'glpat-' || repeat('x9', 10)), (6, 'xoxb-123456789012-abcdefABCDEF'),
    (7, 'sk-ant-api03-' || repeat('a1B2', 8)), (8, 'sk_live_' || repeat('a1', 12)), (9, 'hf_' || repeat('aB', 16) || 'c3'),
    (10, 'SG.' || repeat('a1', 11) || '.' || repeat('b2', 21) || 'c'), (11, 'dop_v1_' || repeat('a1', 32)),
    (12, 'shpat_' || repeat('a1', 16)), (13, 'npm_' || repeat('a1B2', 9)), (14, 'pypi-' || repeat('a1B2', 15)),
    (15, 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlc2lnbmF0dXJl'),
    (16, E'-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY----- rest'),
    (17, 'https://user:pa55word@example.com/x'), (18, 'password: hunter22 and more'), (19, 'Authorization: Bearer abc123def456'),
    (20, 'AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12'), (21, 'api_key = "a8f5f167f44f4964e6c998dee827110c"'),
    (22, 'hvs.' || repeat('a1B2', 8)), (23, 'dapi' || repeat('a1', 16)), (24, 'lin_api_' || repeat('a1', 20)),
    (25, 'send to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa now'), (26, 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'),
    (27, '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'), (28, 'rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh')
) AS t(n, content) LEFT JOIN LATERAL intel.detect_pii(content) AS d ON true ORDER BY n, d.start;
-- not keys
SELECT content FROM (VALUES
    ('eyJub3QiOiJhIGp3dCJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl'), ('password: required'), ('token = next_token();'),
    ('sk-learn and task-force'), ('the secret: never give up'), ('1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb'),
    ('0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD'), ('-----BEGIN PUBLIC KEY-----'), ('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
) AS t(content) WHERE intel.contains_pii(content);
