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
is(value(qq{SELECT count(*), count(DISTINCT answer), bool_and(answer = 'echo: ' || content), (array_agg(content))[100]
	FROM intel.summarize_each($all, 20, 'gpt')}), '100|100|t|note 100', 'each text has its own answer, in their order');
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

# ---- who may ----------------------------------------------------------------------------------------

value(q{CREATE ROLE each_ann});
foreach my $call (q{summarize_each('{a}')}, q{translate_each('{a}', 'x')}, q{extract_each('{a}', '{}')}, q{_complete_each('{}', '{a}')}, q{_answer_each('{a}', NULL, '{}')})
{
	is(sqlstate($node, "SET ROLE each_ann; SELECT * FROM intel.$call"), '42501', "$call is not for everybody");
}
value(q{SELECT intel.grant_access('each_ann')});
is(value(q{SET ROLE each_ann; SELECT answer FROM intel.summarize_each('{a}', 20, 'spare')}), 'echo: a', 'but for those with access');

done_testing();
