-- proxies with a stated accuracy: what may be taken for granted after a sample
\set SHOW_CONTEXT never

-- of very many inputs: the known sizes of acceptance sampling at 95 %, 95 %
SELECT n, intel._cascade_allowance(100000000, n, 0.95, 0.95) FROM unnest('{1,58,59,92,93,123,124,152,153,1000}'::int[]) n;
SELECT intel._cascade_allowance(100000000, 299, 0.99, 0.95) AS one, intel._cascade_allowance(100000000, 298, 0.99, 0.95) AS less;
-- all inputs, all but one, one, none
SELECT intel._cascade_allowance(100, 100, 0.95, 0.95) AS all, intel._cascade_allowance(100, 99, 0.95, 0.95) AS all_but_one,
    intel._cascade_allowance(100, 1, 0.95, 0.95) AS one, intel._cascade_allowance(100, 1, 0.5, 0.5) AS half;
-- as the distribution itself, in exact arithmetic
WITH c (n, k, ways) AS MATERIALIZED (
    SELECT n, k, factorial(n) / (factorial(k) * factorial(n - k)) FROM generate_series(0, 40) n, generate_series(0, 40) k WHERE k <= n
), cases AS (
    SELECT n AS inputs, s AS sample, a AS accuracy, floor((1 - a) * n)::int + 1 AS bad, d AS confidence
    FROM unnest('{5,20,40}'::int[]) n, generate_series(1, 40) s, unnest('{0.5,0.8,0.9,0.95}'::numeric[]) a, unnest('{0.5,0.9,0.95}'::numeric[]) d
    WHERE s <= n
), exact AS (
    SELECT x.*, coalesce(max(k) FILTER (WHERE tail <= 1 - confidence), -1) AS allowance
    FROM (SELECT cases.*, k.k, sum(coalesce(b.ways * g.ways, 0)) OVER (PARTITION BY inputs, sample, accuracy, confidence ORDER BY k.k) / t.ways AS tail
        FROM cases CROSS JOIN LATERAL generate_series(0, least(sample, bad)) AS k (k)
            JOIN c t ON t.n = inputs AND t.k = sample
            LEFT JOIN c b ON b.n = bad AND b.k = k.k
            LEFT JOIN c g ON g.n = inputs - bad AND g.k = sample - k.k) x
    GROUP BY inputs, sample, accuracy, bad, confidence, x.k, x.tail
)
SELECT count(*) AS cases, count(*) FILTER (WHERE expected IS DISTINCT FROM intel._cascade_allowance(inputs, sample, accuracy, confidence)) AS wrong
FROM (SELECT inputs, sample, accuracy, confidence, max(allowance) AS expected FROM exact GROUP BY 1, 2, 3, 4) e;

-- the limit: no more wrong answers above it than may be
SELECT intel._cascade_limit('{}', -1), intel._cascade_limit('{}', 0), intel._cascade_limit('{0.5,0.9,0.7}', 0),
    intel._cascade_limit('{0.5,0.9,0.7}', 1), intel._cascade_limit('{0.5,0.9,0.9}', 1), intel._cascade_limit('{0.5,0.9,0.7}', 3);

-- proxies of all kinds, 400 times each with 500 inputs and 90 % at a confidence of 95 %: are too many of all answers above
-- the limit wrong in more than 5 % of the runs (three deviations let pass), fewer than 90 % of the answers given the
-- oracle's, and is a proxy of any use
SELECT setseed(0.25);
CREATE FUNCTION pg_temp.wrong(kind text, certainty float8) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT random() < CASE kind WHEN 'calibrated' THEN 1 - certainty WHEN 'blind' THEN 0.12 WHEN 'inverted' THEN certainty / 4
        WHEN 'good' THEN 0.02 WHEN 'borderline' THEN 0.1 ELSE 1 END
$$;
WITH runs AS (
    SELECT kind, run, intel._cascade_allowance(500, 100, 0.9, 0.95) AS allowed
    FROM unnest('{calibrated,blind,inverted,good,borderline,useless}'::text[]) kind, generate_series(1, 400) run
), inputs AS MATERIALIZED (
    SELECT kind, run, allowed, i <= 100 AS sampled, certainty, pg_temp.wrong(kind, certainty) AS wrong
    FROM (SELECT runs.*, i, 0.5 + random() / 2 AS certainty FROM runs, generate_series(1, 500) i) x
), limits AS (
    SELECT kind, run, intel._cascade_limit(coalesce(array_agg(certainty) FILTER (WHERE sampled AND wrong), '{}'), allowed) AS above
    FROM inputs GROUP BY kind, run, allowed
), results AS (
    SELECT kind, run, avg((wrong AND certainty > above)::int) AS wrong,
        avg((NOT (NOT sampled AND wrong AND certainty > above))::int) AS accuracy,
        avg((NOT sampled AND certainty > above)::int) AS taken
    FROM inputs JOIN limits USING (kind, run) GROUP BY kind, run
)
SELECT kind, avg((wrong > 0.1)::int) <= 0.083 AS bound, avg((accuracy < 0.9)::int) <= 0.05 AS kept, avg(taken) > 0.1 AS useful FROM results GROUP BY kind ORDER BY kind;

-- options
SELECT * FROM intel.is_true_each('x', '{a}', options => '{"proxy": 1}');
SELECT * FROM intel.is_true_each('x', '{a}', options => '{"proxy": "builtin-answer", "accuracy": 1}');
SELECT * FROM intel.is_true_each('x', '{a}', options => '{"proxy": "builtin-answer", "accuracy": "high"}');
SELECT * FROM intel.is_true_each('x', '{a}', options => '{"proxy": "builtin-answer", "confidence": 0}');
SELECT * FROM intel.is_true_each('x', '{a}', options => '{"proxy": "builtin-answer", "sample": 0}');
SELECT * FROM intel.is_true_each('x', '{a}', options => '{"proxy": "builtin-answer", "logprobs": true}');
SELECT * FROM intel.is_true_each('x', '{a}', options => '[]');
SELECT * FROM intel.is_true_each('x', '{}', options => '{"proxy": "builtin-answer"}');
SELECT * FROM intel.is_true_each('x', NULL);
SELECT * FROM intel.is_true_each(NULL, '{a}');
SELECT * FROM intel.classify_each('{a}', '{}');
SELECT * FROM intel.classify_each('{a}', '{x,y}');
SELECT * FROM intel.classify_each('{a,b}', '{x,y}', options => '{"proxy": "no-such-model", "sample": 1}');
SELECT intel.complete('x', options => '{"logprobs": 1}');
SELECT count(*) FROM intel.stream('x', options => '{"logprobs": true}');

-- who sees what was achieved
SELECT task, proxy, inputs, sample, allowed, threshold FROM intel.cascade;
CREATE ROLE llm_cascade_ann;
SELECT intel.grant_access('llm_cascade_ann');
SET ROLE llm_cascade_ann;
SELECT count(*) FROM intel.cascade;
SELECT count(*) FROM intel.is_true_each('x', '{}', options => '{"proxy": "builtin-answer"}');
SELECT count(*) FROM intel.cascade;
INSERT INTO intel.cascade (task, owner) VALUES ('x', 'postgres');
UPDATE intel.cascade SET accepted = 1;
RESET ROLE;
SELECT count(*) FROM intel.cascade;
SELECT intel.prune_inference('0') >= 0 AS pruned;
SELECT count(*) FROM intel.cascade;
SELECT intel.revoke_access('llm_cascade_ann');
DROP ROLE llm_cascade_ann;
