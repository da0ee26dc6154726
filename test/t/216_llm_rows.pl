# Answers over many rows: each input is asked about once in a statement, cheap
# conditions are applied first, and jobs are queued once for each request.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = start_mock();
my $node = intel_node('main');
my $url = $mock->url('/v1');
sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm', 'chat'), ('other', 'mock', 'm2', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0);
CREATE TABLE review AS SELECT i AS id, 'text ' || i % 7 AS body, i % 10 AS stars FROM generate_series(1, 100) i;
ANALYZE review;
CREATE ROLE alice; SELECT intel.grant_access('alice'); GRANT SELECT ON review TO alice;
SQL

foreach my $call (q{intel.classify(body, '{good,bad}', 'chat')}, q{intel.is_true('It is about food.', body, 'chat')},
	q{intel.extract(body, '{"type": "object", "properties": {"n": {"type": "integer"}}}', 'chat')},
	q{intel.summarize(body, 20, 'chat')}, q{intel.translate(body, 'French', 'chat')})
{
	my ($name) = $call =~ /intel\.(\w+)/;
	$mock->reset;
	is(sql("SELECT count($call) FROM review"), '100', "$name over 100 rows");
	is($mock->stats->{requests}, 7, 'asks about the 7 different texts once each');
	sql("SELECT count($call) FROM review WHERE id = 1");
	is($mock->stats->{requests}, 8, 'the next statement asks again');

	my $plan = sql("EXPLAIN (COSTS OFF) SELECT * FROM review WHERE $call IS NOT NULL AND stars = 3 AND body LIKE '%2'");
	like($plan, qr/Filter: \(.*stars = 3.*$name/, 'cheap conditions come first in the plan');
	$mock->reset;
	sql("SELECT count(*) FROM review WHERE $call IS NOT NULL AND stars = 3 AND body LIKE '%2'");
	is($mock->stats->{requests}, 1, 'and spare the calls');
}

$mock->reset;
is(sql(q{SELECT count(DISTINCT intel.summarize(b, 20, 'chat')) FROM (VALUES ('a'), ('b'), ('A'), ('a ')) v (b)}), '4',
	'what differs is asked about apart');
sql(q{SELECT intel.summarize('a', 20, 'chat'), intel.summarize('a', 30, 'chat'), intel.summarize('a', 20, 'other')});
is($mock->stats->{requests}, 7, 'so do words and models');

# another role in the same statement gets nothing that it may not ask itself
sql(q{CREATE FUNCTION ask_as_alice() RETURNS text LANGUAGE sql SECURITY DEFINER AS
	$$ SELECT intel.summarize('secret', 20, 'other') $$; ALTER FUNCTION ask_as_alice() OWNER TO alice;
	GRANT CREATE ON SCHEMA public TO alice});
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT intel.summarize('secret', 20, 'other'), ask_as_alice()});
like($err, qr/permission denied/, 'a role without a grant is not given what another has asked');

$mock->reset;
$mock->control({ do => [ { kind => 'status', status => 400 }, 'ok' ] });
sql(q{DO $$ BEGIN
	BEGIN PERFORM intel.summarize('a', 20, 'chat'); EXCEPTION WHEN OTHERS THEN NULL; END;
	PERFORM intel.summarize('a', 20, 'chat');
END $$});
is($mock->stats->{requests}, 2, 'a failure is not remembered');

$mock->reset;
is(sql(q{SELECT count(DISTINCT job), count(*) FROM intel.submit_each('complete', ARRAY(SELECT
	jsonb_build_object('prompt', body, 'model', 'chat') FROM review))}), '7|7', 'jobs are queued for different requests');
wait_for_sql($node, q{SELECT count(*) = 7 FROM intel.job WHERE status = 'succeeded'}, 'the jobs');
is($mock->stats->{requests}, 7, 'and run once each');

# whoever asks in the same statement asks himself, and has his own rows in the log
sql(q{SET ROLE alice; SET request.jwt.claims = '{"tenant_id": "acme"}'; SELECT intel.create_prompt('triage', 'rules of acme')});
$mock->reset;
sql(q{SET ROLE alice; DO $$ BEGIN
	FOR i IN 1 .. 2 LOOP
		PERFORM set_config('request.jwt.claims', '{"tenant_id": "acme"}', false);
		PERFORM intel.summarize('a', 20, 'chat', '{"system": {"name": "triage"}}');
	END LOOP;
	PERFORM set_config('request.jwt.claims', '{"tenant_id": "globex"}', false);
	BEGIN
		PERFORM intel.summarize('a', 20, 'chat', '{"system": {"name": "triage"}}');
		RAISE EXCEPTION 'globex was given what was made with the prompt of acme';
	EXCEPTION WHEN undefined_object THEN NULL;
	END;
END $$});
is($mock->stats->{requests}, 1, 'another tenant is not given what was made with a prompt that he does not have');
sql(q{INSERT INTO intel.model_grant VALUES ('other', 0); INSERT INTO intel.model (name, provider, model_id, task) VALUES ('emb', 'mock', 'e', 'embed')});
my @settings = (q{'request.jwt.claims', '{"tenant_id": "acme"}'}, q{'request.jwt.claims', '{"tenant_id": "globex"}'},
	q{'request.jwt.claims', '{"tenant_id": "globex", "sub": "u"}'}, q{'intel.feature', 'reply'}, q{'intel.default_model', 'other'});
my %rows = (q{intel.summarize('a', 20)} => 'acme chat, globex chat, globex u chat, globex u reply chat, globex u reply other',
	q{intel.embed('a', 'emb')} => 'acme emb, globex emb, globex u emb, globex u reply emb');
foreach my $call (sort keys %rows)
{
	sql(q{DELETE FROM intel.inference; SET intel.default_model = 'chat'; DO $$ BEGIN }
		. join('', map { "PERFORM set_config($_, false); PERFORM $call; PERFORM $call;" } @settings) . 'END $$');
	is(sql(q{SELECT string_agg(concat_ws(' ', tenant, subject, feature, model), ', ' ORDER BY id) FROM intel.inference}), $rows{$call},
		"tenants, subjects, features and default models ask apart: $call");
}

done_testing();
