# ask from end to end: retrieval under row level security, the egress gate, a
# model server, a worker, and what becomes of questions that cannot be answered.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use JSON::PP;
use Test::More;

my $node = intel_node('main', conf => "intel.job_retry_delay = 20ms\n");
my $mock = start_mock(dimensions => 64);
my $url = $mock->url('/v1');
supabase_roles($node);

$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms)
	VALUES ('mock', 'openai', '$url', true, 5000);
INSERT INTO intel.model (name, provider, model_id, task, dimensions)
	VALUES ('chat', 'mock', 'm-1', 'chat', NULL), ('emb', 'mock', 'e-1', 'embed', 64);
INSERT INTO intel.model_grant VALUES ('chat', 0), ('emb', 0);
SELECT intel.grant_access('authenticated');

CREATE TABLE ticket (id int PRIMARY KEY, tenant_id text, title text, content text, embedding intel.vector(64));
INSERT INTO ticket VALUES
	(1, 'a', 'Red', 'The red printer on floor two is out of toner. Write to ann.miller\@example.com about it.'),
	(2, 'a', 'Door', 'The front door sticks when it rains.'),
	(3, 'b', 'Blue', 'The blue printer on floor nine is out of paper. Its secret word is xylophone.');
UPDATE ticket SET embedding = intel.embed(content, 'emb');
ALTER TABLE ticket ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ticket USING (tenant_id = (SELECT intel.tenant()));
GRANT SELECT ON ticket TO authenticated, anon;
SQL

my %claims = map { $_ => qq({"sub": "user-$_", "tenant_id": "$_"}) } qw(a b);

sub as_tenant
{
	my ($tenant, $sql) = @_;
	my ($rc, $out, $err) = psql_as($node, 'authenticated', $claims{$tenant}, $sql);
	BAIL_OUT("$sql: $err") if $rc != 0;
	return $out;
}

# ---- at once ------------------------------------------------------------------

my $ask = q{intel.ask('Which printer is out of what?', 'ticket', model => 'chat', embedding_model => 'emb')};

$mock->reset;
my $answer = decode_json(as_tenant('a', "SELECT to_jsonb(a) FROM $ask a"));
like($answer->{answer}, qr/red printer on floor two is out of toner/, 'tenant a is answered from its ticket');
is($answer->{citations}[0]{source_key}{id}, 1, 'which is cited by its key');
is($answer->{citations}[0]{title}, 'Red', 'and title');
is($answer->{citations}[0]{quote}, 'The red printer on floor two is out of toner.', 'with the sentence');
is($answer->{citations}[0]{start}, 1, 'and its place');
cmp_ok($answer->{grounded}, '==', 1, 'every sentence has a citation');

my $raw = $mock->raw;
like($raw, qr/red printer/, 'the model has seen the ticket');
unlike($raw, qr/ann\.miller/, 'without the e-mail address');
unlike($raw, qr/xylophone|blue printer/, 'and nothing of tenant b');

$answer = decode_json(as_tenant('b', "SELECT to_jsonb(a) FROM $ask a"));
like($answer->{answer}, qr/blue printer/, 'tenant b is answered from its own');
is(join(' ', map { $_->{source_key}{id} } @{ $answer->{citations} }), '3', 'and cites nothing else');

is(as_tenant('a', q{SELECT count(*) FROM intel.search('ticket', 'printer out of paper xylophone', embedding_model => 'emb') s
	WHERE s.content LIKE '%xylophone%'}), '0', 'search shows a tenant its own rows only');

# ---- by a worker ----------------------------------------------------------------

my %job = map { my $t = $_;
	$t => as_tenant($t, q{SELECT intel.submit_ask('Which printer is out of what?', 'ticket', model => 'chat', embedding_model => 'emb')}) }
	qw(a b);
is(as_tenant($_, "SELECT status FROM intel.wait($job{$_})"), 'succeeded', "the worker answers tenant $_") for qw(a b);
like(as_tenant('a', "SELECT result ->> 'answer' FROM intel.job WHERE id = $job{a}"), qr/red printer/, 'a from its rows');
like(as_tenant('b', "SELECT result ->> 'answer' FROM intel.job WHERE id = $job{b}"), qr/blue printer/, 'b from its rows');
is(as_tenant('a', "SELECT count(*) FROM intel.job WHERE id = $job{b}"), '0', 'a does not see the job of b');

# a request that names another tenant, claims or role is a request like any other
$mock->reset;
my $forged = as_tenant('a', q{SELECT intel.submit('ask', '{"question": "What is the secret word of the blue printer?",
	"source": "public.ticket", "model": "chat", "embedding_model": "emb", "tenant": "b", "subject": "user-b",
	"claims": {"tenant_id": "b"}, "role": "postgres", "state": {"step": "retrieve"}}')});
as_tenant('a', "SELECT intel.wait($forged)");
unlike(as_tenant('a', "SELECT result::text FROM intel.job WHERE id = $forged"), qr/xylophone/, 'a forged tenant gets nothing');
unlike($mock->raw, qr/xylophone/, 'and nothing is sent');

# ---- failures -------------------------------------------------------------------

$node->safe_psql('postgres', q{CREATE TABLE gone AS SELECT 1 AS id, 'x'::text AS content, NULL::intel.vector(64) AS embedding;
	GRANT SELECT ON gone TO authenticated;});
$mock->reset;
$mock->control({ match => { path => '/embeddings' }, do => [ { kind => 'slow', seconds => 1 } ] });
my $gone = as_tenant('a', q{SELECT intel.submit_ask('What?', 'gone', model => 'chat', embedding_model => 'emb', options => '{"max_attempts": 1}')});
$mock->wait_requests(1);
$node->safe_psql('postgres', 'DROP TABLE gone');
as_tenant('a', "SELECT intel.wait($gone)");
like(as_tenant('a', "SELECT status, error_code, failed_at IS NOT NULL, error_message FROM intel.job WHERE id = $gone"),
	qr/^(failed|dead)\|42P01\|t\|.*does not exist/, 'a source that is dropped meanwhile fails the job, which says so');

is(sqlstate($node, q{SELECT intel.ask('q', 'pg_class', embedding_model => 'emb')}), '42P10', 'no vector column');
$node->safe_psql('postgres', 'CREATE TABLE empty_source (id int PRIMARY KEY, content text, embedding intel.vector(64))');
$mock->reset;
is($node->safe_psql('postgres', q{SELECT answer, citations, grounded IS NULL
	FROM intel.ask('q', 'empty_source', model => 'chat', embedding_model => 'emb')}),
	'Not found in the context.|[]|t', 'an empty source holds no answer');
unlike($mock->raw, qr{/chat/completions}, 'and no chat model is asked for it');
$mock->control({ match => { path => '/embeddings' }, do => [ { kind => 'wrong_dimension', dimension => 32 } ] });
is(sqlstate($node, q{SELECT intel.ask('q', 'ticket', model => 'chat', embedding_model => 'emb')}), 'IN004', 'a wrong dimension is an error');
$node->safe_psql('postgres', q{INSERT INTO intel.model (name, provider, model_id, task) VALUES ('free', 'mock', 'e-2', 'embed')});
$mock->control({ match => { path => '/embeddings' }, do => [ { kind => 'wrong_dimension', dimension => 32 } ] });
is(sqlstate($node, q{SELECT intel.ask('q', 'ticket', model => 'chat', embedding_model => 'free')}), '22000',
	'also when only the column declares one');

$mock->control({ match => { path => '/chat/' }, do => [ { kind => 'ok', content => 'Made up [7]. And [1].' } ] });
is($node->safe_psql('postgres', q{SELECT grounded, jsonb_array_length(citations)
	FROM intel.ask('printer', 'ticket', model => 'chat', embedding_model => 'emb')}),
	'0.5|1', 'a citation of what was not given does not count');

done_testing();
