# A cheap model answers where that keeps a stated accuracy: what is asked of
# whom, what comes out, and what is written down of it.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', conf => "intel.breaker_failures = 0\n");
my $mock = start_mock();
my $url = $mock->url('/v1');

sub value { return $node->safe_psql('postgres', $_[0]); }

# Requests since the last call of this, by model of the provider.
sub asked
{
	my %count = ('m-big' => 0, 'm-small' => 0);
	$count{ $_->{json}{model} }++ foreach @{ $mock->requests };
	$mock->reset;
	return "$count{'m-big'} $count{'m-small'}";
}

# Rules for the proxy by a word of the text; the oracle says true always.
sub proxy_says
{
	my (%rules) = @_;
	$mock->control(map { {
		match => { model => 'm-small', contains => "$_ text" }, always => JSON::PP::true(),
		do => [ ref $rules{$_} ? { kind => 'ok', content => qq({"answer": $rules{$_}[0]}), certainty => $rules{$_}[1] } : $rules{$_} ] } }
		sort keys %rules);
	return;
}

my $report = q{SELECT concat_ws(' ', inputs, proxy_calls, proxy_failed, oracle_calls, sample, round(sample_agreement::numeric, 2), allowed,
	round(threshold::numeric, 2), accepted) FROM intel.cascade ORDER BY id DESC LIMIT 1};

value(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms)
	VALUES ('mock', 'openai', '$url', true, 5000), ('other', 'anthropic', '$url', true, 5000);
INSERT INTO intel.model (name, provider, model_id, task)
	VALUES ('big', 'mock', 'm-big', 'chat'), ('small', 'mock', 'm-small', 'chat'), ('silent', 'other', 'm-small', 'chat');
INSERT INTO intel.model_grant VALUES ('big', 0), ('small', 0), ('silent', 0);
CREATE TABLE review (id int PRIMARY KEY, body text);
INSERT INTO review SELECT i, CASE WHEN i % 4 = 0 THEN 'hard' ELSE 'plain' END || ' text ' || i FROM generate_series(1, 400) i;
INSERT INTO review SELECT i, 'plain text 1' FROM generate_series(401, 500) i;
SQL
my $all = q{(SELECT array_agg(body ORDER BY id) FROM review)};

# ---- certainty -----------------------------------------------------------------

$mock->control({ match => {}, do => [ { kind => 'ok', content => 'yes no', certainty => 0.25 } ] });
is(value(q{SELECT round((intel.chat('[{"role": "user", "content": "x"}]', 'big', '{"logprobs": true}') ->> 'certainty')::numeric, 6)}),
	'0.250000', 'an answer has the probability of all its tokens');
is(value(q{SELECT intel.chat('[{"role": "user", "content": "x"}]', 'big') ? 'certainty'}), 'f', 'when it is asked for');
foreach my $bad ('{"content": []}', '{"content": [{"token": "a"}]}', '{"content": [{"logprob": "x"}]}', '{"content": [{"logprob": -9999}]}', 'null', '[1]', '7')
{
	$mock->control({ match => {}, do => [ { kind => 'body',
		body => qq({"choices": [{"message": {"content": "a"}, "finish_reason": "stop", "logprobs": $bad}]}) } ] });
	is(value(q{SELECT r ->> 'finish_reason' || (r ? 'certainty') FROM intel.chat('[{"role": "user", "content": "x"}]', 'big', '{"logprobs": true}') r}),
		'stopfalse', "logprobs $bad say nothing");
}
is(sqlstate($node, q{SELECT intel.complete('x', 'silent', '{"logprobs": true}')}), '22023', 'other kinds of provider do not have it');
asked();

# ---- without a proxy ---------------------------------------------------------------

is(value(qq{SELECT count(*), count(DISTINCT content), bool_and(answer), string_agg(DISTINCT answered_by, '') FROM intel.is_true_each('good', $all, 'big')}),
	'400|400|t|big', 'each different text has an answer');
is(asked(), '400 0', 'of the model');
is(value('SELECT count(*) FROM intel.cascade'), '0', 'there is nothing to report');

# ---- a proxy that is wrong where it is not certain --------------------------------------

proxy_says(plain => [ 'true', 0.97 ], hard => [ 'false', 0.6 ]);
is(value(qq{SELECT setseed(0.5); SELECT count(*), bool_and(answer), count(*) FILTER (WHERE answered_by = 'small' AND content LIKE 'hard%'),
	count(*) FILTER (WHERE answered_by = 'small') > 150, min(certainty)::numeric(3, 2), (array_agg(content))[1:2]
	FROM intel.is_true_each('good', $all, 'big', '{"proxy": "small", "accuracy": 0.95}')}),
	"\n400|t|0|t|0.60|{\"plain text 1\",\"plain text 2\"}", 'the proxy answers where it is right');
my ($inputs, $calls, $failed, $oracle, $sample, $agreement, $allowed, $threshold, $accepted) = split / /, value($report);
is("$inputs $calls $failed $sample $threshold", '400 400 0 118 0.97', 'the report counts');
is($oracle + $accepted, 400, 'each text has one answer');
cmp_ok($accepted, '>', 150, 'most of them the proxy\'s');
cmp_ok($agreement, '<', 0.9, 'though it is often wrong');
is(asked(), "$oracle 400", 'so many were asked');
is(value(q{SELECT count(*) FROM intel.inference WHERE model = 'small'}), '400', 'each call is in the log');

# ---- proxies that are no good --------------------------------------------------------------

proxy_says(plain => [ 'true', 0.9 ], hard => [ 'false', 0.9 ]);
is(value(qq{SELECT bool_and(answer), count(*) FILTER (WHERE answered_by = 'small') FROM intel.is_true_each('good', $all, 'big', '{"proxy": "small"}')}),
	't|0', 'one that is as certain when it is wrong answers nothing');
like(value($report), qr/^400 400 0 400 118 0\.\d\d \d 0$/, 'which the report says: no threshold');
$mock->reset;
proxy_says(plain => [ 'true', 0.5 ], hard => [ 'false', 0.99 ]);
is(value(qq{SELECT bool_and(answer) FROM intel.is_true_each('good', $all, 'big', '{"proxy": "small", "sample": 200}')}),
	't', 'one that is most certain when it is wrong does no harm');
$mock->reset;
proxy_says(plain => [ 'true', 0.97 ], hard => '500');
is(value(qq{SELECT bool_and(answer), count(*) FILTER (WHERE certainty IS NULL), count(*) FILTER (WHERE answered_by = 'small') > 100
	FROM intel.is_true_each('good', $all, 'big', '{"proxy": "small"}')}), 't|100|t', 'where it fails, the other answers');
like(value($report), qr/^400 400 100 /, 'which the report counts');
$mock->reset;
proxy_says(plain => [ 'true', 0.97 ], hard => [ '"maybe"', 0.97 ]);
is(value(qq{SELECT bool_and(answer), count(*) FILTER (WHERE certainty IS NULL) FROM intel.is_true_each('good', $all, 'big', '{"proxy": "small"}')}),
	't|100', 'an answer out of shape is no answer');
$mock->reset;

# ---- an oracle that does not answer -----------------------------------------------------------

# by one call for each question: the proxy is right and certain, but nobody knows
my $by = q{string_agg(DISTINCT answered_by, ',' ORDER BY answered_by)};
value(qq{INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms) VALUES ('spare', 'openai', '$url', true, 5000);
	INSERT INTO intel.model (name, provider, model_id, task) VALUES ('third', 'spare', 'm-third', 'chat'); INSERT INTO intel.model_grant VALUES ('third', 0)});
my $down = { match => { model => 'm-big' }, always => JSON::PP::true(), do => ['500'] };
my $certain = { match => { model => 'm-small' }, always => JSON::PP::true(), do => [ { kind => 'ok', content => '{"answer": true}', certainty => 0.99 } ] };
$mock->control($down, $certain);
is(value(qq{SELECT $by, bool_and(answer) FROM intel.is_true_each('good', $all, 'big', '{"proxy": "small", "fallback": {"answer": true}}')}), 'fallback|t',
	'a given fallback is no answer of the oracle');
is(value($report), '400 400 0 400 118 0.00 -1 0', 'so nothing is proved');
$mock->reset;
$mock->control($down, $certain);
is(value(qq{SELECT $by, count(answer) FROM intel.is_true_each('good', $all, 'big', '{"fallback": {"answer": null}}')}), 'fallback|0', 'and says so without a proxy');
$mock->reset;
$mock->control($certain, { %$down, always => JSON::PP::false(), do => [ '500' ] });
is(value(qq{SELECT $by, count(*) FILTER (WHERE answered_by = 'fallback') FROM intel.is_true_each('good', $all, 'big', '{"proxy": "small", "fallback": {"answer": false}}')}),
	'big,fallback|1', 'one such answer in the sample is enough');
$mock->reset;
value(q{UPDATE intel.model SET fallback = 'third' WHERE name IN ('big', 'small')});
$mock->control($down, $certain, { match => { model => 'm-third' }, always => JSON::PP::true(), do => [ { kind => 'ok', content => '{"answer": true}', certainty => 0.5 } ] });
is(value(qq{SELECT $by FROM intel.is_true_each('good', $all, 'big', '{"proxy": "small"}')}), 'third', 'nor is the answer of a model that it falls back on');
$mock->reset;
$mock->control({ match => { model => 'm-small' }, always => JSON::PP::true(), do => ['500'] },
	{ match => { model => 'm-third' }, always => JSON::PP::true(), do => [ { kind => 'ok', content => '{"answer": true}', certainty => 0.5 } ] },
	{ match => { model => 'm-big' }, always => JSON::PP::true(), do => [ { kind => 'ok', content => '{"answer": true}' } ] });
is(value(qq{SELECT $by FROM intel.is_true_each('good', $all, 'big', '{"proxy": "small"}')}), 'big,third', 'the proxy has its own name only where it answers');
value(q{UPDATE intel.model SET fallback = NULL});
$mock->reset;

# ---- few texts, other questions ---------------------------------------------------------------

value(q{SELECT * FROM intel.is_true_each('good', ARRAY['a', 'b', 'a', NULL], 'big', '{"proxy": "small"}')});
is(asked(), '2 0', 'a proxy is not asked where the sample is everything');
is(value($report), '2 0 0 2 0 -1 0', 'as the report says');
$mock->control({ match => { model => 'm-small' }, always => JSON::PP::true(), do => [ { kind => 'ok', content => '{"label": "x"}', certainty => 0.9 } ] });
is(value(qq{SELECT count(*), string_agg(DISTINCT label, ''), count(*) FILTER (WHERE answered_by = 'small')
	FROM intel.classify_each($all, '{x,y}', 'big', '{"proxy": "small", "sample": 100, "accuracy": 0.9}')}), '400|x|300', 'classes, too');
is(value($report), '400 400 0 100 100 1.00 5 0.90 300', 'with a sample of the size that was asked for');
is(asked(), '100 400', 'so many were asked');
is(value(qq{SELECT count(*) FROM review r JOIN intel.is_true_each('good', $all, 'big') a ON a.content = r.body WHERE a.answer}), '500',
	'rows are joined by their text');
is(value(qq{BEGIN READ ONLY; SELECT count(*) FROM intel.is_true_each('good', ARRAY['a', 'b'], 'big', '{"proxy": "small", "sample": 1}'); COMMIT}), '2',
	'a read only transaction has answers and no report');
is(sqlstate($node, q{SELECT * FROM intel.is_true_each('good', ARRAY['a', 'b'], 'big', '{"proxy": "silent", "sample": 1}')}), '22023',
	'a proxy must say how certain it is');
$mock->control({ match => { model => 'm-small' }, do => [ { kind => 'body',
	body => '{"choices": [{"message": {"content": "{\"answer\": true}"}, "finish_reason": "stop"}]}' } ] });
is(sqlstate($node, q{SELECT * FROM intel.is_true_each('good', ARRAY['a', 'b'], 'big', '{"proxy": "small", "sample": 1}')}), '0A000',
	'or the first answer ends it');

# the caller's own system text comes in addition to what the function asks
value(q{SELECT intel.create_prompt('tone', 'Be kind.')});
my %own = (q{is_true_each('good', ARRAY['a'], 'big'} => qr/^Decide .* Statement: good\n\n/, q{classify_each(ARRAY['a'], '{x,y}', 'big'} => qr/^Choose .*\n\n/);
foreach my $call (sort keys %own)
{
	foreach my $system ([ '"Be strict."', 'Be strict.' ], [ '{"name": "tone"}', 'Be kind.' ])
	{
		$mock->reset;
		value(qq{SELECT * FROM intel.$call, '{"system": $system->[0]}')});
		my @sent = grep { $_->{role} eq 'system' } @{ $mock->requests->[0]{json}{messages} };
		is(scalar @sent, 1, "$call: one system message");
		like($sent[0]{content}, qr/$own{$call}\Q$system->[1]\E$/, 'has the question and what the caller adds');
	}
}

done_testing();
