-- chunk: every strategy, offsets, limits
CREATE TEMP TABLE doc (id text, body text);
INSERT INTO doc VALUES
('prose', 'The vacuum process reclaims storage occupied by dead tuples. In normal operation, tuples that are deleted or obsoleted by an update are not physically removed from their table, e.g. by Dr. Smith; they remain present until a vacuum is done.

Therefore it is necessary to do a vacuum periodically, especially on frequently-updated tables! Is that clear?

  Without a table and column list, it processes every table.  '),
('unicode', 'Größe und Übermaß. Привет, мир! Как дела? 数据库很快。它也很安全。 emoji 😀 done. naïve café'),
('list', E'Steps:\n- first item without an end\n- second item\n1. numbered one\n2. numbered two\n'),
('none', ''),
('blank', E' \n\t ');

SELECT id, c.* FROM doc, intel.chunk(body, 'sentence', 12, 0) c ORDER BY id, seq;
SELECT c.seq, c.content, c.tokens FROM doc, intel.chunk(body, 'recursive', 30, 6) c WHERE id = 'prose' ORDER BY seq;
SELECT c.seq, c.content, c.start, c.length FROM doc, intel.chunk(body, 'fixed', 30, 5, 'chars') c WHERE id = 'unicode' ORDER BY seq;

-- offsets fit substring(), sizes are kept, and every chunk ends later than the one before
SELECT strategy, unit, size, overlap, count(*) > 0 AS some,
       bool_and(substring(d.body, c.start, c.length) = c.content) AS offsets_fit,
       bool_and(CASE unit WHEN 'chars' THEN c.length ELSE c.tokens END <= size) AS size_kept,
       bool_and(c.tokens = intel.count_tokens(c.content)) AS tokens_right
FROM doc d, unnest(ARRAY['fixed', 'sentence', 'recursive', 'markdown']) strategy,
     unnest(ARRAY['tokens', 'chars']) unit, unnest(ARRAY[5, 20, 100]) size,
     unnest(ARRAY[0, 2]) overlap,
     LATERAL intel.chunk(body, strategy, size, overlap, unit) c
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
-- nothing but white space is left out; fixed windows leave out nothing
SELECT strategy, size,
       bool_and(regexp_replace(body, '\s', '', 'g') = regexp_replace(chunks, '\s', '', 'g')) AS complete,
       bool_and(body = chunks) AS verbatim
FROM (SELECT strategy, size, body, coalesce(string_agg(c.content, '' ORDER BY c.seq), '') AS chunks
      FROM doc, unnest(ARRAY['fixed', 'sentence', 'recursive', 'markdown']) strategy,
           unnest(ARRAY[1, 3, 10, 50]) size
           LEFT JOIN LATERAL intel.chunk(body, strategy, size, 0) c ON true
      GROUP BY strategy, size, id, body) s
GROUP BY 1, 2 ORDER BY 1, 2;

-- overlapping windows: each begins within the one before it
SELECT strategy, bool_and(start > before_start AND start <= before_end AND last > before_end - 1) AS overlaps
FROM (SELECT strategy, c.start, c.start + c.length AS last,
             lag(c.start) OVER w AS before_start, lag(c.start + c.length) OVER w AS before_end
      FROM unnest(ARRAY['fixed', 'sentence', 'recursive']) strategy,
           LATERAL intel.chunk(repeat('One two three four five. Six seven eight. ', 200), strategy, 50, 20) c
      WINDOW w AS (PARTITION BY strategy ORDER BY c.seq)) s
WHERE before_start IS NOT NULL GROUP BY 1 ORDER BY 1;

-- markdown: headings, code and tables
SELECT seq, heading, tokens, content FROM intel.chunk($md$# Guide

Intro words.

## Install

Run this:

```sh
# not a heading

apt install intel
```

| option | meaning |
|--------|---------|
| a      | first   |
| b      | second  |

Setext title
------------

Under it.

## Only
### Deeper

Text under deeper ends here. More text follows the first sentence here and there.
$md$, 'markdown', 30, 0);
-- a fence without an end is text; one larger than size stays whole
SELECT seq, tokens > 10 AS large, content FROM intel.chunk(E'Before.\n\n```\none two three four five six\n\nseven eight nine ten eleven\n```\n\nAfter.\n\n```\nno end', 'markdown', 10, 0);

-- what it costs is bounded by the text: long words, deep overlap, many fences
SELECT strategy, count(*) > 100 AS many, max(c.tokens) <= 64 AS size_kept
FROM unnest(ARRAY['fixed', 'sentence', 'recursive', 'markdown']) strategy,
     unnest(ARRAY[repeat('x', 100000), repeat('a. ', 30000), repeat(E'a\n', 30000),
                  repeat(E'~~~~ x\n````\n', 10000), repeat('! ', 50000) || repeat('é', 50000)]) body,
     LATERAL intel.chunk(body, strategy, 64, 32) c
GROUP BY 1 ORDER BY 1;

-- null in, nothing out
SELECT count(*) FROM intel.chunk(NULL);
-- wrong arguments
SELECT intel.chunk('x', 'semantics');
SELECT intel.chunk('x', 'fixed', 0);
SELECT intel.chunk('x', 'fixed', 1000001);
SELECT intel.chunk('x', 'fixed', 100, 51);
SELECT intel.chunk('x', 'fixed', 100, -1);
SELECT intel.chunk('x', 'fixed', 100, 10, 'bytes');
\set VERBOSITY sqlstate
SELECT intel.chunk('x', 'semantics');
SELECT intel.chunk('x', 'fixed', 100, 51);
\set VERBOSITY default

-- a long text is cancelled at once
BEGIN;
SET LOCAL statement_timeout = '200ms';
SELECT count(*) FROM intel.chunk(repeat('word and more words. ', 10000000), 'recursive');
ROLLBACK;

-- count_tokens
SELECT family, intel.count_tokens('The quick brown fox jumps over the lazy dog.', family) AS prose,
       intel.count_tokens('数据库很快', family) AS han, intel.count_tokens('', family) AS empty
FROM unnest(ARRAY['default', 'cl100k', 'o200k', 'claude', 'gemini', 'llama']) family;
SELECT intel.count_tokens('x', 'gpt-9');
SELECT intel.count_tokens(NULL) IS NULL AS strict;
