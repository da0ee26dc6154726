# What streams and embeddings fall back on: a stream on the next model until
# its first piece, embeddings on the same model at another provider only.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', conf => "intel.breaker_failures = 0\nintel.job_retry_delay = 20ms\n");
my $mock = start_mock(dimensions => 8);
my $url = $mock->url('/v1');

$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms)
	VALUES ('first', 'openai', '$url', true, 5000), ('second', 'ollama', '@{[$mock->url('')]}', true, 5000);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat-2', 'second', 'm-2', 'chat'),
	('emb-2', 'second', 'e-1', 'embed'), ('other', 'second', 'e-2', 'embed'), ('short', 'second', 'e-1', 'embed');
INSERT INTO intel.model (name, provider, model_id, task, fallback) VALUES ('chat', 'first', 'm-1', 'chat', 'chat-2'),
	('emb', 'first', 'e-1', 'embed', 'emb-2');
INSERT INTO intel.model_grant SELECT name, 0 FROM intel.model WHERE provider <> 'builtin';
SQL

sub value { return $node->safe_psql('postgres', $_[0]); }
sub state_of { return sqlstate($node, $_[0]); }
sub fails_first
{
	my ($behaviour) = @_;
	value(q{SELECT intel.reset_breaker('chat')});
	$mock->reset;
	$mock->control({ match => { path => '/v1/' }, do => [$behaviour], always => \1 });
	return;
}

# ---- streams ------------------------------------------------------------------------

my $stream = q{SELECT string_agg(s, '') FROM intel.stream('one two', 'chat') s};
foreach my $fault ('500', '429', 'close', 'malformed', 'stream_error_first')
{
	fails_first($fault eq 'stream_error_first'
		? { kind => 'body', body => qq{data: {"error": {"message": "x", "type": "server_error"}}\n\n} } : $fault);
	is(value($stream), 'echo: one two', "a stream that fails with $fault falls back");
	is($mock->stats->{requests}, 2, 'on the next model');
}
wait_for_sql($node, q{SELECT count(*) FILTER (WHERE model = 'chat' AND status = 'failed') >= 5
	AND count(*) FILTER (WHERE model = 'chat-2' AND status = 'succeeded') = 5 FROM intel.inference}, 'all of it to be in the log');
fails_first('stream_error');
my ($rc, $out, $err) = $node->psql('postgres', q{DECLARE c CURSOR FOR SELECT intel.stream('one two three', 'chat');
	FETCH c; FETCH ALL c}, on_error_stop => 0, extra_params => [ '-1' ]);
like($out, qr/^echo/, 'a stream that has given a piece');
isnt($err, '', 'does not fall back');
is($mock->stats->{requests}, 1, 'since the piece was seen');

fails_first('500');
is(value(q{SELECT string_agg(s ->> 'delta', '') FROM intel.stream_chat('[{"role": "user", "content": "x"}]', 'chat') s}), 'echo: x', 'a conversation, too');
is(value(q{SELECT s ->> 'model' FROM intel.stream_chat('[{"role": "user", "content": "x"}]', 'chat') s WHERE s ? 'model'}), 'm-2', 'whose result names who answered');
value(q{UPDATE intel.provider SET enabled = false WHERE name = 'second'});
is(state_of($stream), '58000', 'where nobody answers it is the first failure');
is(value(q{SELECT string_agg(s, '|') FROM intel.stream('x', 'chat', '{"fallback": "sorry"}') s}), 'sorry', 'or the answer that the request gives');
is(value(q{SELECT string_agg(s::text, '|') FROM intel.stream_chat('[{"role": "user", "content": "x"}]', 'chat', '{"fallback": "sorry"}') s}),
	'{"delta": "sorry"}|{"message": {"role": "assistant", "content": "sorry"}, "finish_reason": "fallback"}', 'in its shape');
is(value(q{SELECT count(*) FROM intel.stream('x', 'chat', '{"fallback": null}') s}), '0', 'which can be none');
is(state_of(q{SELECT intel.stream('x', 'no-such-model', '{"fallback": "sorry"}')}), '42704', 'mistakes are not covered up');
value(q{UPDATE intel.provider SET enabled = false WHERE name = 'first'});
is(state_of($stream), 'IN002', 'a provider that is off');
is(value(q{SELECT string_agg(s, '') FROM intel.stream('x', 'chat', '{"fallback": "sorry"}') s}), 'sorry', 'has its fallback, too');
value(q{UPDATE intel.provider SET enabled = true});

# the grant of the fallback is needed
value(q{CREATE ROLE bob; SELECT intel.grant_access('bob'); DELETE FROM intel.model_grant WHERE model = 'chat-2'});
is(state_of("SET ROLE bob; $stream"), '58000', 'nobody falls back on a model that he may not use');

# ---- embeddings -----------------------------------------------------------------------

fails_first('500');
is(value(q{SELECT intel.vector_dims(intel.embed('a', 'emb'))}), '8', 'the same model at another provider embeds');
is(value(q{SELECT count(*) FROM unnest(intel.embed(ARRAY['a', 'b'], 'emb'))}), '2', 'many texts, too');
value(q{UPDATE intel.model SET fallback = 'other' WHERE name = 'emb'});
is(state_of(q{SELECT intel.embed('b', 'emb')}), '58000', 'another model does not');
value(q{UPDATE intel.model SET fallback = 'short' WHERE name = 'emb'; UPDATE intel.model SET options = '{"dimensions": 4}' WHERE name = 'short'});
is(state_of(q{SELECT intel.embed('c', 'emb')}), '58000', 'nor the same with other options');
value(q{UPDATE intel.model SET fallback = 'emb-2' WHERE name = 'emb'; UPDATE intel.provider SET enabled = false WHERE name = 'first'});
my $job = value(q{SELECT intel.submit('embed', '{"contents": ["a", "b"], "model": "emb"}')});
is(value("SELECT (w).status || (w).model || jsonb_array_length((w).result -> 'embeddings') FROM intel.wait($job) w"), 'succeededemb-22', 'jobs fall back in the same way');

# ---- what is said of a provider that is off -----------------------------------------------

$mock->reset;
my $message = 'provider "first" is switched off';
value(q{UPDATE intel.provider SET enabled = false; UPDATE intel.model SET fallback = NULL WHERE name = 'chat'});
($rc, $out, $err) = $node->psql('postgres', q{SELECT intel.complete('x', 'chat')});
like($err, qr/ERROR:  \Q$message\E$/m, 'a provider that is off is named');
unlike($err, qr/DETAIL/, 'no time is given after which it is on');
like($err, qr/HINT:  Column "enabled" of intel\.provider says so\./, 'but where to look');
$job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}')});
wait_for_sql($node, "SELECT error_message = '$message' FROM intel.job_queue WHERE id = $job", 'and to jobs that wait for it');
value(q{UPDATE intel.provider SET enabled = true});
is(value("SELECT (w).status FROM intel.wait($job) w"), 'succeeded', 'until it is on');

# ---- a chain in a circle --------------------------------------------------------------------

value(q{UPDATE intel.model SET fallback = 'chat-2' WHERE name = 'chat'; UPDATE intel.model SET fallback = 'chat' WHERE name = 'chat-2'});
value(q{INSERT INTO intel.model_grant VALUES ('chat-2', 0)});
foreach my $call ("intel.complete('x', 'chat')", "intel.stream('x', 'chat')")
{
	$mock->reset;
	$mock->control({ do => ['500'], always => \1 });
	is(state_of("SELECT $call"), '58000', 'a chain that comes back to its beginning');
	is($mock->stats->{requests}, 2, 'ends there');
}
$mock->reset;
value(q{UPDATE intel.provider SET enabled = false});
$job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}')});
wait_for_sql($node, "SELECT error_message = '$message' FROM intel.job_queue WHERE id = $job", 'a job to wait for the first');
value(q{UPDATE intel.provider SET enabled = true});
is(value("SELECT (w).status || (w).model FROM intel.wait($job) w"), 'succeededchat', 'of a circle');

# ---- a fallback that cannot do what is asked ----------------------------------------------

# the builtin model fills no schema, and one for rerank does not chat
value(q{UPDATE intel.model SET fallback = 'builtin-answer' WHERE name = 'chat'; UPDATE intel.model SET fallback = NULL WHERE name = 'chat-2'});
my $classify = q{SELECT intel.classify('x', '{a,b}', 'chat'};
$mock->control({ do => ['500'], always => \1 });
is(state_of("$classify)"), '58000', 'a fallback that cannot fill a schema is passed over');
is(value("$classify, " . q{'{"fallback": {"label": "b"}}')}), 'b', 'before the value that the request gives');
is(state_of(q{SELECT intel.classify('x', '{a,b}', 'builtin-answer', '{"fallback": {"label": "b"}}')}), '22023', 'as the model that is asked it is an error');
value(q{UPDATE intel.model SET fallback = 'builtin-rerank' WHERE name = 'chat'});
is(state_of(q{SELECT intel.complete('x', 'chat')}), '58000', 'so is a model for another task');
is(state_of(q{SELECT intel.stream('x', 'chat')}), '58000', 'in streams, too');
value(q{UPDATE intel.model SET fallback = 'chat-2' WHERE name = 'builtin-rerank'});
$mock->reset;
$mock->control({ match => { path => '/v1/' }, do => ['500'], always => \1 });
is(value(q{SELECT intel.complete('x', 'chat')}), 'echo: x', 'and the chain goes on behind it');
$mock->reset;
value(q{UPDATE intel.model SET fallback = 'builtin-answer' WHERE name = 'chat'; UPDATE intel.provider SET enabled = false WHERE name = 'first'});
is(state_of("$classify)"), 'IN002', 'the first refusal counts');
$job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "chat", "schema": {"type": "object"}}')});
wait_for_sql($node, "SELECT error_message = '$message' AND status = 'queued' FROM intel.job_queue WHERE id = $job", 'a job to wait for its own model');
$mock->control({ match => { path => '/v1/' }, do => [ { kind => 'ok', content => '{}' } ] });
value(q{UPDATE intel.provider SET enabled = true});
is(value("SELECT (w).status || (w).model FROM intel.wait($job) w"), 'succeededchat', 'which answers when it is on');

# ---- the cache while a provider is off ------------------------------------------------------

my $ask = q{SELECT intel.complete('kept', 'guarded', '{"cache": 600, "fallback": "sorry"}')};
my $bare = $ask =~ s/, "fallback": "sorry"//r;
$mock->reset;
value(q{UPDATE intel.provider SET secret = 'file:key' WHERE name = 'first';
	INSERT INTO intel.model (name, provider, model_id, task) VALUES ('guarded', 'first', 'm-3', 'chat');
	INSERT INTO intel.model_grant VALUES ('guarded', 'postgres'::regrole)});
my $secrets = $node->data_dir . '/intel_secrets';
mkdir $secrets, 0700;
append_to_file("$secrets/key", 'k1');
chmod 0600, "$secrets/key";
is(value($bare), 'echo: kept', 'an answer is kept');
unlink "$secrets/key";
is(state_of($bare), '55000', 'without its key a provider is not called');
value(q{UPDATE intel.provider SET enabled = false WHERE name = 'first'});
# always time to refresh it, if somebody could
value(q{UPDATE intel.cache SET took_ms = 1000000000});
is(value($bare), 'echo: kept', 'a provider that is off is answered for by the cache, and no key is read');
is(value("BEGIN; $bare; SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'; COMMIT"), "echo: kept\n0", 'no other waits for such a call');
is(value(q{SELECT status FROM intel.inference ORDER BY id DESC LIMIT 1}), 'cached', 'the log says so');
$job = value(q{SELECT intel.submit('complete', '{"prompt": "kept", "model": "guarded", "cache": 600}')});
is(value("SELECT (w).status || ((w).result ->> 'content') FROM intel.wait($job) w"), 'succeededecho: kept', 'jobs, too');
is(state_of(q{SELECT intel.complete('other', 'guarded', '{"cache": 600}')}), 'IN002', 'what was not answered is refused');
is(value(q{SELECT intel.complete('other', 'guarded', '{"cache": 600, "fallback": "sorry"}')}), 'sorry', 'or given');
is(state_of("SET ROLE bob; $bare"), '42501', 'the grant is needed');
is(state_of("SET request.jwt.claims = '{\"tenant_id\": \"t\"}'; $bare"), 'IN002', 'and it is the same tenant');
value(q{UPDATE intel.model SET fallback = 'chat-2' WHERE name = 'guarded'});
is(value($bare) . $mock->stats->{requests}, 'echo: kept1', 'it comes before other models');
value(q{UPDATE intel.cache SET expires_at = now() - interval '1 s'});
is(value($bare) . $mock->stats->{requests}, 'echo: kept2', 'once it has expired these do');
value(q{UPDATE intel.provider SET enabled = false; UPDATE intel.cache SET expires_at = now() - interval '1 s'});
is(value($ask), 'echo: kept', 'then the expired one, before the given value');
is(value(q{SELECT stale FROM intel.cache_stats()}), '1', 'which is counted');
$job = value(q{SELECT intel.submit('complete', '{"prompt": "kept", "model": "guarded", "cache": 600}')});
wait_for_sql($node, "SELECT error_message = '$message' AND status = 'queued' FROM intel.job_queue WHERE id = $job", 'a job to wait for its model');
is($mock->stats->{requests}, 2, 'nothing is sent while they are off');

done_testing();
