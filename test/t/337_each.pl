# Many texts in one statement: asked about at once, each once, within what
# limits and providers allow.

use strict;
use warnings;

use IntelTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = start_mock();
my $url = $mock->url('/v1');
my $node = intel_node('main', conf => "intel.breaker_failures = 0\n");
sub value { return $node->safe_psql('postgres', $_[0]); }

# Rules of the mock, for every request that they match.
sub says { return $mock->control(map { { match => { contains => $_->[0] }, do => [ $_->[1] ], always => JSON::PP::true } } @_); }

value(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true), ('other', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('gpt', 'mock', 'm-gpt', 'chat'), ('spare', 'other', 'm-spare', 'chat');
INSERT INTO intel.model_grant VALUES ('gpt', 0), ('spare', 0);
CREATE TABLE note AS SELECT i, 'note ' || i AS body FROM generate_series(1, 100) i;
SQL
my $all = '(SELECT array_agg(body ORDER BY i) FROM note)';

# ---- every function -----------------------------------------------------------------

says([ '', { kind => 'slow', seconds => 0.3 } ]);
is(value(qq{SELECT count(*), count(DISTINCT answer), bool_and(answer = 'echo: ' || content), bool_and(content = 'note ' || n)
	FROM intel.summarize_each($all, 20, 'gpt') WITH ORDINALITY AS t(content, answer, n)}), '100|100|t|t', 'each text has its own answer, in their order');
is($mock->stats->{max_open}, 8, 'half as many are asked about at once as the provider takes');
is(scalar @{ $mock->requests }, 100, 'each of them once');
is(value(q{SELECT count(*) FROM intel.inference WHERE status = 'succeeded'}), '100', 'each call has its row');
$mock->reset;
says([ '', { kind => 'slow', seconds => 0.5 } ]);
value(q{UPDATE intel.provider SET max_concurrency = 100});
value("SELECT * FROM intel.summarize_each($all, 20, 'gpt')");
is($mock->stats->{max_open}, 32, 'and no more than 32');
$mock->reset;
is(value(q{SELECT string_agg(content || '=' || answer, ',') FROM intel.translate_each('{b,a,b,NULL,a,NULL}', 'Dutch', 'gpt')}),
	'b=echo: b,a=echo: a', 'a text that is there twice is asked about once, null not at all');
is(scalar @{ $mock->requests }, 2, 'so many calls');
like($mock->requests->[0]{json}{messages}[0]{content}, qr/^Translate the text of the user into Dutch/, 'as translate() asks');
is(value(q{SELECT count(*) FROM intel.translate_each(NULL, 'Dutch')} . q{ UNION ALL SELECT count(*) FROM intel.translate_each('{}', 'Dutch')}
	. q{ UNION ALL SELECT count(*) FROM intel.translate_each('{a}', NULL)} . q{ UNION ALL SELECT count(*) FROM intel.translate_each('{NULL}', 'Dutch')}),
	"0\n0\n0\n0", 'nothing of nothing');
is(value(q{SELECT content || answer FROM intel.extract_each('{a,b}', '{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}', 'gpt')}),
	qq(a{"n": 1}\nb{"n": 1}), 'data of each');
is(value(q{SELECT string_agg(content || label, ',') FROM intel.classify_each('{a,b}', '{x,y}', 'gpt')}), 'ax,bx', 'a label of each');
is(value(q{SELECT bool_and(answer) FROM intel.is_true_each('good', '{a,b}', 'gpt')}), 't', 'the truth of each');
is(value(q{SELECT intel.translate('a', 'Dutch', 'gpt') || (SELECT answer FROM intel.translate_each('{a}', 'Dutch', 'gpt'))}), 'echo: aecho: a', 'beside the function for one');

$mock->reset;
value(q{UPDATE intel.provider SET max_concurrency = 16; INSERT INTO intel.model (name, provider, model_id, task, dimensions) VALUES ('ada', 'mock', 'm-ada', 'embed', 384)});
says([ '', { kind => 'slow', seconds => 0.3 } ]);
is(value(q{WITH t AS (SELECT CASE WHEN i % 100 <> 0 AND i NOT BETWEEN 300 AND 600 THEN 'text ' || i END AS c, i FROM generate_series(1, 1500) i),
	e AS (SELECT intel.embed(array_agg(c ORDER BY i), 'ada') AS e FROM t)
	SELECT cardinality(e), (SELECT count(*) FROM t WHERE c IS NULL AND e[i] IS NULL), (SELECT count(DISTINCT e[i]) FROM t WHERE c IS NOT NULL),
		e[1] OPERATOR(intel.=) intel.embed('text 1', 'ada') AND e[777] OPERATOR(intel.=) intel.embed('text 777', 'ada') AND e[1499] OPERATOR(intel.=) intel.embed('text 1499', 'ada') FROM e}),
	'1500|312|1188|t', 'embeddings of many texts, in their order');
is($mock->stats->{max_open}, 7, 'in many requests at once: of the first eight parts one has no text');
is(scalar @{ $mock->requests }, 11 + 3, 'of many texts each');
is(value(q{SELECT intel.embed('{NULL,NULL}'::text[], 'ada')::text || intel.embed('{}'::text[], 'ada')::text || cardinality(intel.embed('{a,NULL}'::text[]))}), '{NULL,NULL}{}2', 'or of none');
value(q{UPDATE intel.provider SET max_concurrency = 100});

# ---- the order of slow answers, cancelling ----------------------------------------------

$mock->reset;
says([ 'note 1"', { kind => 'slow', seconds => 1 } ]);
is(value(qq{SELECT bool_and(answer = 'echo: ' || content) FROM intel.summarize_each($all, 20, 'gpt')}), 't', 'a slow first answer keeps its place');
$mock->reset;
says([ '', 'hang' ]);
is(sqlstate($node, qq{SET statement_timeout = '500ms'; SELECT * FROM intel.summarize_each($all, 20, 'gpt')}), '57014', 'it can be cancelled');
is(value(q{SELECT coalesce(sum(in_flight), 0) FROM intel.limit_state()}), '0', 'and holds nothing afterwards');
$mock->reset;

# ---- failures -------------------------------------------------------------------------------

says([ 'note 70"', { kind => 'status', status => 400 } ]);
is(sqlstate($node, qq{SELECT * FROM intel.summarize_each($all, 20, 'gpt')}), '38000', 'what is wrong with one text is an error');
is(value(qq{SELECT count(*) FILTER (WHERE answer = 'none'), count(*) FROM intel.summarize_each($all, 20, 'gpt', '{"fallback": "none"}')}), '1|100',
	'or has the given answer');
$mock->reset;
value(q{UPDATE intel.model SET fallback = 'spare' WHERE name = 'gpt'});
$mock->control({ match => { model => 'm-gpt', contains => '5"' }, do => ['500'], always => JSON::PP::true });
is(value(qq{SELECT bool_and(answer = 'echo: ' || content) FROM intel.summarize_each($all, 20, 'gpt')}), 't', 'another model takes over');
is(scalar(grep { $_->{json}{model} eq 'm-spare' } @{ $mock->requests }), 10, 'for those that need it');
value(q{UPDATE intel.model SET fallback = NULL});
$mock->reset;
$mock->control({ match => { contains => 'note 7"' }, do => [ { kind => 'ok', content => '{"n": "x"}' } ] });
is(value(qq{SELECT count(*) FROM intel.extract_each($all, '{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}', 'gpt')
	WHERE answer = '{"n": 1}'}), '100', 'an answer out of shape is mended');
is(scalar @{ $mock->requests }, 101, 'by one more call');
$mock->reset;

# ---- limits ------------------------------------------------------------------------------------

value(q{UPDATE intel.provider SET max_concurrency = 7 WHERE name = 'mock'});
says([ '', { kind => 'slow', seconds => 0.05 } ]);
is(value(qq{SELECT count(answer) FROM intel.summarize_each($all, 20, 'gpt')}), '100', 'a provider that takes few calls');
is($mock->stats->{max_open}, 3, 'has no more at once');
value(q{UPDATE intel.provider SET max_concurrency = 100});
$mock->reset;
value(q{INSERT INTO intel.model (name, provider, model_id, task, rpm) VALUES ('slow', 'mock', 'm-slow', 'chat', 90)});
is(value(qq{SELECT count(answer) FROM intel.summarize_each((SELECT array_agg(body) FROM note WHERE i <= 92), 20, 'slow')}), '92',
	'more than a model may be asked in a minute waits');
$mock->reset;
$mock->control({ do => [ { kind => 'limit', requests => 40, seconds => 1 } ], always => JSON::PP::true });
is(value(qq{SELECT count(answer) FROM intel.summarize_each($all, 20, 'gpt')}), '100', 'and so do those that a provider asks to wait');
cmp_ok(value(q{SELECT count(*) FROM intel.inference WHERE error_code = 'IN003'}), '>', 0, 'each attempt has its row');
$mock->reset;
says([ '', { kind => '429', retry_after => 3600 } ]);
is(sqlstate($node, qq{SELECT * FROM intel.summarize_each($all, 20, 'gpt')}), 'IN003', 'but not for an hour');
$mock->reset;

# ---- the cache -----------------------------------------------------------------------------------

value(q{UPDATE intel.provider SET enabled = enabled});
my $cached = q{intel.summarize_each(%s, 20, 'spare', '{"cache": 600}')};
is(value('SELECT count(*) FROM ' . sprintf($cached, $all)), '100', 'answers are kept');
is(value('SELECT count(answer) FROM ' . sprintf($cached, $all)), '100', 'and given again');
is(scalar @{ $mock->requests }, 100, 'without a call');
$mock->reset;
says([ '', { kind => 'slow', seconds => 0.1 } ]);
my @both = map { $node->background_psql('postgres') } 1 .. 2;
my $other = q{(SELECT array_agg('other ' || i ORDER BY i) FROM generate_series(1, 64) i)};
my $reverse = q{(SELECT array_agg('other ' || i ORDER BY i DESC) FROM generate_series(1, 64) i)};
$_->query_until(qr/begun/, "\\echo begun\n") foreach @both;
$both[0]->{stdin} .= 'SELECT count(answer) FROM ' . sprintf($cached, $other) . ";\n\\echo ended\n";
$both[1]->{stdin} .= 'SELECT count(answer) FROM ' . sprintf($cached, $reverse) . ";\n\\echo ended\n";
$_->{run}->pump_nb foreach @both;
foreach my $psql (@both)
{
	like($psql->query_until(qr/ended/, ''), qr/^64$/m, 'two sessions that ask the same in other orders both have answers');
	$psql->quit;
}
cmp_ok(scalar @{ $mock->requests }, '>', 64, 'beside each other');
cmp_ok($mock->stats->{max_open}, '>', 32, 'at the same time');

# ---- calls that wait do not keep others from going on ----------------------------------------------

value(q{SELECT intel.reset_breaker('gpt'); DELETE FROM intel.cache; UPDATE intel.model SET fallback = 'spare' WHERE name = 'gpt'; UPDATE intel.model SET options = '{"cache": 600}' WHERE name = 'spare';
	UPDATE intel.provider SET timeout_ms = 2000 WHERE name = 'mock'});
$mock->reset;
$mock->control({ match => { model => 'm-spare' }, do => [ { kind => 'slow', seconds => 4 }, 'ok' ], always => JSON::PP::true },
	{ match => { model => 'm-gpt', contains => 'note 1"' }, do => ['500'], always => JSON::PP::true },
	{ match => {}, do => [ { kind => 'slow', seconds => 0.3 } ], always => JSON::PP::true });
my $eight = '(SELECT array_agg(body ORDER BY i) FROM note WHERE i <= 8)';
my $owner = $node->background_psql('postgres');
$owner->query_until(qr/begun/, qq{\\echo begun\nSELECT answer FROM intel.summarize_each('{note 1}', 20, 'spare');\n\\echo ended\n});
$mock->wait_requests(1);
is(value(qq{SELECT count(answer) FROM intel.summarize_each($eight, 20, 'gpt')}), '8', 'one that falls back on what another session is asking');
$owner->query_until(qr/ended/, '');
$owner->quit;
is(scalar(grep { $_->{json}{model} eq 'm-spare' } @{ $mock->requests }), 1, 'is the only one that does');
$mock->reset;
value(q{UPDATE intel.model SET options = '{}' WHERE name = 'spare'; UPDATE intel.provider SET timeout_ms = DEFAULT});
my $half = q{(SELECT array_agg(body ORDER BY i) FROM note WHERE i % 2 = 0)};
value(qq{SELECT * FROM intel.summarize_each($half, 20, 'gpt', '{"cache": 600}')});
$mock->reset;
says([ '', { kind => 'slow', seconds => 0.3 } ]);
is(value(qq{SELECT count(answer) FROM intel.summarize_each($all, 20, 'gpt', '{"cache": 600}')}), '100', 'answers of the cache among others');
cmp_ok($mock->stats->{max_open}, '>=', 16, 'leave many calls at once');
$mock->reset;
says([ '', { kind => 'slow', seconds => 0.3 } ]);
value(q{UPDATE intel.provider SET enabled = false WHERE name = 'mock'});
is(value(qq{SELECT count(answer) FROM intel.summarize_each($all, 20, 'gpt')}), '100', 'a model that is off');
is($mock->stats->{max_open}, 32, 'is fallen back on at once for many');
is(sqlstate($node, q{SELECT intel.extract('x', '{"type": "integer"}', 'gpt', '{"fallback": "x"}')}), '22023', 'what is wrong with a request is wrong while it is off');
value(q{UPDATE intel.provider SET enabled = true});
$mock->reset;
$mock->control({ match => { model => 'm-gpt' }, do => [ { kind => '429', retry_after => 0 } ], always => JSON::PP::true },
	{ match => { model => 'm-spare' }, do => [ { kind => '429', retry_after => 1 }, 'ok' ], always => JSON::PP::true });
is(value(q{SELECT answer FROM intel.summarize_each('{x}', 20, 'gpt')}), 'echo: x', 'each model of a chain may be asked again');
value(q{UPDATE intel.model SET fallback = NULL; SELECT intel.reset_breaker('gpt')});
$mock->reset;
says([ '', { kind => '429', retry_after => 1 } ]);
my $off = $node->background_psql('postgres', on_error_stop => 0);
$off->query_until(qr/begun/, qq{\\echo begun\n\\set VERBOSITY sqlstate\nSELECT * FROM intel.summarize_each($eight, 20, 'gpt');\n\\echo ended\n});
$mock->wait_requests(8);
value(q{UPDATE intel.provider SET enabled = false WHERE name = 'mock'});
$off->query_until(qr/ended/, '');
is(scalar @{ $mock->requests }, 8, 'one that waits is not sent after its provider was switched off');
$off->quit;
value(q{UPDATE intel.provider SET enabled = true; SELECT intel.reset_breaker('gpt')});
$mock->reset;

# what is reserved for others of the statement comes back
value(q{UPDATE intel.model SET fallback = 'spare', input_price = 1000, output_price = 1000 WHERE name = 'gpt'; UPDATE intel.model SET input_price = 2000, output_price = 2000
	WHERE name = 'spare'; INSERT INTO intel.budget (per, amount, period) VALUES ('{tenant}', 10.2, 'day')});
$mock->control({ match => { model => 'm-gpt', contains => 'note 1"' }, do => ['500'], always => JSON::PP::true }, { match => {}, do => [ { kind => 'slow', seconds => 0.5 } ], always => JSON::PP::true });
is(value(qq{SELECT count(answer) FROM intel.summarize_each($eight, 20, 'gpt', '{"max_tokens": 1000}')}), '8', 'a budget that is enough for all, but not for all at once');
cmp_ok(value(q{SELECT sum(spent) FROM intel.limit_state() WHERE kind = 'budget'}), '<', 1, 'is not spent');
value(q{DELETE FROM intel.budget; UPDATE intel.model SET fallback = NULL, input_price = NULL, output_price = NULL});
$mock->reset;

# ---- texts, answers, memory -----------------------------------------------------------------------

value(q{CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)});
foreach my $call (q{summarize_each(%s, 20, 'spare')}, q{is_true_each('x', %s, 'spare')})
{
	is(value('SELECT count(*) FROM intel.' . sprintf $call, q{ARRAY['Polish' COLLATE ci, 'polish' COLLATE ci]}), '2', "$call: texts are different that differ in their bytes");
}
# answers that were returned stay when the memo is begun anew, beyond work_mem
my $twice = join ', ', map { my $c = sprintf(q{intel._call_memo('complete', '{"model": "gpt", "prompt": "%04d"}')}, $_); "$c, $c" } 1 .. 40;
my $long = join ', ', map { "intel._call_memo('complete', jsonb_build_object('model', 'gpt', 'prompt', '$_' || repeat('z', 30000)))" } 1 .. 9;
is(value(qq{SET work_mem = '64kB'; SELECT count(*), count(DISTINCT x ->> 'content') FROM jsonb_array_elements((SELECT jsonb_build_array($twice, $long))) x}), '89|49',
	'an answer belongs to whoever asked');
is(value(q{SET work_mem = '64kB'; SELECT count(*), bool_and(answer = 'echo: ' || content) FROM intel.summarize_each((SELECT array_agg(i || repeat('y', 20000)) FROM generate_series(1, 40) i), 20, 'gpt')}),
	'40|t', 'also of many at once');
is(sqlstate($node, q{SELECT * FROM intel.classify_each('{a}', '{x}', 'gpt', '[]')}), '22023', 'options are an object');

# ---- who may ----------------------------------------------------------------------------------------

value(q{CREATE ROLE each_ann});
foreach my $call (q{summarize_each('{a}')}, q{translate_each('{a}', 'x')}, q{extract_each('{a}', '{}')}, q{_complete_each('{}', '{a}')}, q{_answer_each('{a}', NULL, '{}')})
{
	is(sqlstate($node, "SET ROLE each_ann; SELECT * FROM intel.$call"), '42501', "$call is not for everybody");
}
value(q{SELECT intel.grant_access('each_ann')});
is(value(q{SET ROLE each_ann; SELECT answer FROM intel.summarize_each('{a}', 20, 'spare')}), 'echo: a', 'but for those with access');

done_testing();
