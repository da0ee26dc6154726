# Every way in which a provider can fail, for every kind of provider: an error
# with the right SQLSTATE, in time, and a session that goes on working.

use strict;
use warnings;

use IntelTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time);

my $mock = start_mock(dimensions => 8);
my $node = intel_node('main', conf => "intel.llm_max_response_bytes = 100kB\nintel.llm_timeout = 20s\nintel.breaker_failures = 0\n");
my $port = $mock->port;
my @kinds = qw(openai responses azure anthropic gemini ollama);
my $true = JSON::PP::true;

foreach my $kind (@kinds)
{
	my $base = "http://127.0.0.1:$port" . ($kind =~ /openai|responses|azure/ ? '/v1' : '');
	$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network)
	VALUES ('$kind', '$kind', '$base', true);
INSERT INTO intel.model (name, provider, model_id, task, dimensions) VALUES
	('$kind-chat', '$kind', 'm', 'chat', NULL), ('$kind-embed', '$kind', 'e', 'embed', 8);
INSERT INTO intel.model_grant VALUES ('$kind-chat', 0), ('$kind-embed', 0);
SQL
}

# Cases are collected, then run in one session: each fails, and the next call
# of the same session succeeds.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	EXECUTE call;
	RETURN '00000||';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws('|', SQLSTATE, message, detail);
END
$$;
SQL
my @cases;

sub fails
{
	my ($kind, $behaviour, $state, $like, %more) = @_;
	my $name = ref $behaviour ? join(' ', map { "$_=$behaviour->{$_}" } grep { $_ ne 'body' } sort keys %$behaviour) : $behaviour;

	push @cases, { kind => $kind, behaviour => $behaviour, state => $state, like => $like, name => "$kind: $name", again => $kind,
		call => "SELECT intel.complete('my prompt', '$kind-chat')", %more };
	return;
}

sub run_cases
{
	my $sql = '';

	$mock->reset;
	$mock->control({ do => [ map { ($_->{behaviour}, 'ok') } @cases ] });
	foreach my $case (@cases)
	{
		(my $quoted = $case->{call}) =~ s/'/''/g;
		# what a provider asks to wait for is waited for, but not here
		$sql .= "SELECT attempt('$quoted');\nDO \$\$ BEGIN PERFORM intel.reset_breaker(name) FROM intel.model; END \$\$;\nSELECT intel.complete('again', '$case->{again}-chat');\n";
	}
	my @lines = split /\n/, $node->safe_psql('postgres', $sql);
	is(scalar @lines, 2 * @cases, 'every case has a result');
	foreach my $case (@cases)
	{
		my ($state, $message, $detail) = split /\|/, shift @lines, 3;
		my $again = shift @lines;
		is($state, $case->{state}, "$case->{name}: SQLSTATE") or diag($message);
		like($message, $case->{like}, "$case->{name}: message");
		unlike("$message$detail", qr/my prompt|SECRETWORD/, "$case->{name}: shows no text");
		is($detail, $case->{detail}, "$case->{name}: detail") if exists $case->{detail};
		is($again, 'echo: again', "$case->{name}: the session goes on");
	}
	is(scalar @{ $mock->requests }, 2 * @cases, 'one request per call');
	@cases = ();
	$mock->reset;
	return;
}

foreach my $kind (@kinds)
{
	# statuses
	fails($kind, { kind => '500', message => 'SECRETWORD' }, '58000', qr/provider "$kind" failed \(status 500/);
	fails($kind, { kind => 'status', status => 503 }, '58000', qr/status 503/);
	fails($kind, { kind => 'status', status => 504 }, 'IN001', qr/status 504/);
	fails($kind, { kind => 'status', status => 408 }, 'IN001', qr/status 408/);
	fails($kind, { kind => 'status', status => 400, code => 'SECRETWORD' }, '38000', qr/rejected the request \(status 400/);
	fails($kind, { kind => 'status', status => 401 }, '28000', qr/did not accept the key \(status 401/);
	fails($kind, { kind => 'status', status => 403 }, '28000', qr/status 403/);
	fails($kind, { kind => 'status', status => 424 }, '58000', qr/failed \(status 424/);
	fails($kind, { kind => 'status', status => 402 }, 'IN006', qr/status 402/);
	fails($kind, { kind => 'body', status => 429, body => "{\"error\":{\"message\":\"SECRETWORD\",$_}}" }, 'IN006', qr/status 429/)
	  foreach '"type":"billing_not_active","code":"billing_not_active"', '"type":"billing_not_active","code":null';
	fails($kind, { kind => 'status', status => 402, code => 'invalid_request_error' }, 'IN006', qr/status 402/);
	fails($kind, { kind => 'body', status => 400, body => '{"error":{"code":400,"message":"SECRETWORD","status":"INVALID_ARGUMENT","details":[{"@type":"x","reason":"API_KEY_INVALID"}]}}' },
		'28000', qr/did not accept the key \(status 400/);
	fails($kind, { kind => 'body', status => 400, body => '{"error":{"code":400,"message":"SECRETWORD","status":"INVALID_ARGUMENT","details":[{"reason":"SECRETWORD"},"x",5]}}' },
		'38000', qr/status 400/);
	fails($kind, { kind => 'status', status => 404 }, '38000', qr/status 404/);
	fails($kind, { kind => '429', retry_after => '7' }, 'IN003', qr/limits its rate/, detail => 'Retry after 7 seconds.');
	fails($kind, { kind => '429', retry_after_ms => '1500' }, 'IN003', qr/limits its rate/, detail => 'Retry after 2 seconds.');
	fails($kind, { kind => '429', retry_after => '9', retry_after_ms => '3000' }, 'IN003', qr/./, detail => 'Retry after 3 seconds.');
	fails($kind, { kind => '429', retry_after => 'soon' }, 'IN003', qr/./);
	fails($kind, { kind => '429', headers => { 'retry-after' => '1m30s' } }, 'IN003', qr/./, detail => 'Retry after 90 seconds.');

	# limits that are used up say when they come back
	fails($kind, { kind => '429', headers => { 'x-ratelimit-remaining-requests' => '0', 'x-ratelimit-reset-requests' => '1m2s',
		'x-ratelimit-remaining-tokens' => '500', 'x-ratelimit-reset-tokens' => '6m0s' } }, 'IN003', qr/./, detail => 'Retry after 62 seconds.');
	fails($kind, { kind => '429', headers => { 'anthropic-ratelimit-input-tokens-remaining' => '0', 'anthropic-ratelimit-input-tokens-reset' => '2001-01-01T00:00:00Z' } },
		'IN003', qr/./, detail => 'Retry after 0 seconds.');
	fails($kind, { kind => '429', headers => { 'x-ratelimit-remaining-requests' => '-1', 'x-ratelimit-reset-requests' => '5s' } }, 'IN003', qr/./);

	# answers that are none
	fails($kind, 'malformed', 'IN004', qr/cannot be used: it is not JSON/);
	fails($kind, 'html', 'IN004', qr/not JSON/);
	fails($kind, 'empty', 'IN004', qr/not JSON/);
	fails($kind, 'deep', 'IN004', qr/not JSON|longer/);
	fails($kind, 'invalid_utf8', 'IN004', qr/not JSON in UTF-8/);
	fails($kind, 'nul', 'IN004', qr/not JSON/);
	fails($kind, { kind => 'body', body => $_ }, 'IN004', qr/cannot be used/)
	  foreach '{}', '[]', '[1]', '"x"', 'null', '{"choices": 1, "content": 1, "candidates": 1, "message": 1}',
	  '{"choices": [{"message": {"content": 5}}], "content": [{"type": "text"}], "candidates": [{"content": {"parts": [5]}}], "message": {"content": {}}}',
	  '{"choices": [{"message": {"tool_calls": [{"id": 1}]}}], "content": [{"type": "tool_use"}], "candidates": [{"content": {"parts": [{"functionCall": 1}]}}], "message": {"content": "", "tool_calls": [{"function": {"name": "x"}}]}}';

	# too much, from where it should not come
	fails($kind, 'endless', 'IN004', qr/longer than 102400 bytes/);
	fails($kind, 'huge_header', 'IN004', qr/headers|does not speak HTTP|longer/);
	fails($kind, 'many_headers', 'IN004', qr/headers/);
	fails($kind, 'gzip', 'IN004', qr/compressed|longer|not JSON|cannot be used/);
	fails($kind, 'no_http', 'IN004', qr/does not speak HTTP/);
	fails($kind, { kind => 'redirect', location => "http://127.0.0.1:$port/_stolen" }, 'IN002', qr/redirects are not followed/);
	fails($kind, { kind => 'redirect', status => 307, location => '/v1/other' }, 'IN002', qr/redirects are not followed/);

	# connections
	fails($kind, 'close', 'IN001', qr/broke/);
	fails($kind, 'reset', 'IN001', qr/broke/);
	fails($kind, 'close_mid_body', 'IN001', qr/broke/);
	foreach my $behaviour ('hang', 'stall', { kind => 'drip', interval => 0.2 }, { kind => 'slow', seconds => 3 })
	{
		fails($kind, $behaviour, 'IN001', qr/did not answer within 300 ms/,
			call => "SELECT intel.complete('my prompt', '$kind-chat', '{\"timeout_ms\": 300}')");
	}
	my $start = time();
	run_cases();
	cmp_ok(time() - $start, '<', 15, "$kind: in time");
}

fails('openai', { kind => 'status', status => 429, code => 'insufficient_quota', retry_after => '5' }, 'IN006', qr/quota.*insufficient_quota/);
fails('openai', { kind => 'status', status => 400, code => 'context_length_exceeded' }, '38000', qr/context_length_exceeded/);
# OpenRouter: a text that was flagged is no key that was not accepted; headers stand in the body, with a time in milliseconds.
foreach my $metadata ('"reasons":["SECRETWORD"],"flagged_input":"SECRETWORD","provider_name":"SECRETWORD"', '"reasons":[]', '"flagged_input":"SECRETWORD"')
{
	fails('openai', { kind => 'body', status => $_, body => "{\"error\":{\"code\":403,\"message\":\"SECRETWORD\",\"metadata\":{$metadata}}}" },
		'38000', qr/rejected the request \(status $_, content_filter\)/) foreach 403, 200;
}
fails('openai', { kind => 'body', status => 403, body => '{"error":{"code":403,"message":"SECRETWORD","metadata":{"reasons":"x"}}}' }, '28000', qr/did not accept the key/);
foreach my $case ([ '"Retry-After":"7"' => 7 ], [ '"retry-after":7,"X-RateLimit-Reset":"1"' => 7 ], [ '"X-RateLimit-Remaining":"0","X-RateLimit-Reset":"978307200000"' => 0 ],
	[ '"X-RateLimit-Reset":9999999999999' => 86400 ], [ '"X-RateLimit-Reset":"9999999999"' => 86400 ], [ '"X-RateLimit-Reset":"12"' => 12 ])
{
	fails('openai', { kind => 'body', status => $_, body => "{\"error\":{\"code\":429,\"message\":\"SECRETWORD\",\"metadata\":{\"headers\":{$case->[0]}}}}" },
		'IN003', qr/limits its rate/, detail => "Retry after $case->[1] seconds.") foreach 429, 200;
}
fails('openai', { kind => 'body', status => 429, body => "{\"error\":{\"code\":429,\"message\":\"SECRETWORD\",\"metadata\":{\"headers\":$_}}}" },
	'IN003', qr/limits its rate/) foreach '5', '{"Retry-After":"soon","X-RateLimit-Reset":[]}', '{"' . 'x' x 200 . '":"' . 'y' x 200 . '"}';
fails('openai', { kind => '429', headers => { 'x-ratelimit-reset' => '9999999999999' } }, 'IN003', qr/limits its rate/, detail => 'Retry after 86400 seconds.');
fails('openai', { kind => '429', retry_after_date => 30 }, 'IN003', qr/limits its rate/);
fails('gemini', { kind => 'body', status => 429, body => '[{"error": {"status": "RESOURCE_EXHAUSTED", "details": [{"@type": "RetryInfo", "retryDelay": "22.4s"}]}}]' },
	'IN003', qr/RESOURCE_EXHAUSTED/, detail => 'Retry after 23 seconds.');
fails('gemini', { kind => 'body', body => '{"promptFeedback": {"blockReason": "SECRETWORD"}}' }, 'IN004', qr/prompt was blocked/);
fails('ollama', { kind => 'body', body => '{"error": "SECRETWORD"}' }, '58000', qr/failed/);

# ranking, in the forms of many and of tei
$node->safe_psql('postgres', qq{
	INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('tei', 'tei', 'http://127.0.0.1:$port', true);
	INSERT INTO intel.model (name, provider, model_id, task) VALUES ('openai-rerank', 'openai', 'r', 'rerank'), ('tei-rerank', 'tei', 'r', 'rerank'),
		('tei-embed', 'tei', 'e', 'embed')});
foreach my $kind (qw(openai tei))
{
	my @calls = ("SELECT intel.rerank('my prompt', '{a,b}', '$kind-rerank')", "SELECT intel.embed('my prompt', '$kind-embed')");
	foreach my $call (@calls)
	{
		my %call = (call => $call, again => 'openai');
		fails($kind, { kind => 'status', status => $_->[0] }, $_->[1], qr/status $_->[0]/, %call)
		  foreach [ 400, '38000' ], [ 401, '28000' ], [ 403, '28000' ], [ 404, '38000' ], [ 408, 'IN001' ], [ 500, '58000' ], [ 503, '58000' ], [ 504, 'IN001' ];
		fails($kind, { kind => '429', retry_after => '7' }, 'IN003', qr/limits its rate/, detail => 'Retry after 7 seconds.', %call);
		fails($kind, $_, 'IN004', qr/not JSON|cannot be used|longer|headers|compressed|HTTP/, %call)
		  foreach qw(malformed html empty deep endless huge_header many_headers gzip no_http), map { { kind => 'body', body => $_ } } '{}', '[]', '[1]', '"x"', 'null',
		  '{"results": [{"index": 7, "relevance_score": 1}], "data": [{"index": 7}]}', '[{"index": -1, "score": 1}]', '{"results": [{"index": 0, "relevance_score": "x"}]}';
		fails($kind, { kind => 'redirect' }, 'IN002', qr/redirects/, %call);
		fails($kind, $_, 'IN001', qr/broke/, %call) foreach qw(close reset close_mid_body);
	}
}

# embeddings
foreach my $kind (qw(openai gemini ollama))
{
	my %call = (call => "SELECT intel.embed(ARRAY['my prompt', 'b'], '$kind-embed')");
	fails($kind, 'wrong_dimension', 'IN004', qr/has 9 dimensions, not 8/, %call);
	fails($kind, 'wrong_count', 'IN004', qr/embedding \d of 2 is missing/, %call);
	fails($kind, 'nan', 'IN004', qr/cannot be used/, %call);
	fails($kind, 'malformed', 'IN004', qr/not JSON/, %call);
	my $form = $kind eq 'openai' ? '{"data": [%s]}' : '{"embeddings": [%s]}';
	my $item = $kind eq 'openai' ? '{"embedding": %s}' : $kind eq 'gemini' ? '{"values": %s}' : '%s';
	foreach my $vector ('[]', '[1,2,3,4,5,6,7,"8"]', '[1,2,3,4,5,6,7,1e39]', '[[1,2,3,4,5,6,7,8]]', '"AAAA"', '"?"', 'null', '{}')
	{
		my $one = sprintf $item, $vector;
		fails($kind, { kind => 'body', body => sprintf($form, "$one, $one") }, 'IN004', qr/embedding 1 /, %call);
	}
}
foreach my $index (-1, 2, 1e15, 0)
{
	my $items = join ',', map { "{\"index\": $_, \"embedding\": [1,2,3,4,5,6,7,8]}" } 0, $index;
	fails('openai', { kind => 'body', body => "{\"data\": [$items]}" }, 'IN004', qr/index|not asked for|came twice/,
		call => "SELECT intel.embed(ARRAY['a', 'b'], 'openai-embed')");
}

run_cases();

# nobody there
{
	$node->safe_psql('postgres', q{
		INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES
			('closed', 'openai', 'http://127.0.0.1:1/v1', true), ('nowhere', 'openai', 'https://does-not-exist.invalid/v1', false);
		INSERT INTO intel.model (name, provider, model_id, task) VALUES ('closed', 'closed', 'm', 'chat'), ('nowhere', 'nowhere', 'm', 'chat')});
	is(sqlstate($node, q{SELECT intel.complete('x', 'closed')}), 'IN001', 'nobody listens');
	is(sqlstate($node, q{SELECT intel.complete('x', 'nowhere')}), 'IN001', 'unknown host');
}

# ---- a call can be cancelled at once ------------------------------------------------

sub cancelled
{
	my ($name, $statement, $how, $want) = @_;
	$mock->reset;
	$mock->control({ do => [ ('hang') x 3 ] });
	my ($in, $out, $timer) = ('', '', IPC::Run::timeout(60));
	my $handle = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-v', 'VERBOSITY=sqlstate', '-f', '-' ],
		'<', \$in, '>', \$out, '2>', \my $err, $timer);
	$in = "SET application_name = 'victim';\n$statement;\n";
	$handle->pump_nb;
	IntelTest::wait_for('the request', sub { $handle->pump_nb; $mock->stats->{requests} >= 1 });
	my $start = time();
	$node->safe_psql('postgres', "SELECT $how(pid) FROM pg_stat_activity WHERE application_name = 'victim'");
	IntelTest::wait_for('the error', sub { $handle->pump_nb; $err =~ /\d{5}|terminat/ });
	my $took = time() - $start;
	like($err, $want, "$name: error");
	cmp_ok($took, '<', 1, sprintf('%s: after %.0f ms, psql and all', $name, $took * 1000));
	$in .= "\\q\n";
	eval { $handle->finish };
	return;
}
cancelled('cancel', q{SELECT intel.complete('x', 'openai-chat')}, 'pg_cancel_backend', qr/57014/);
cancelled('terminate', q{SELECT intel.complete('x', 'openai-chat')}, 'pg_terminate_backend', qr/57P01|terminat/);
$mock->reset;
$mock->control({ do => ['hang'] });
my $measured = $node->safe_psql('postgres', q{
	CREATE FUNCTION measure(OUT ms numeric, OUT state text) LANGUAGE plpgsql AS $$
	DECLARE t timestamptz := clock_timestamp();
	BEGIN
		PERFORM intel.complete('x', 'openai-chat');
	EXCEPTION WHEN query_canceled THEN
		state := SQLSTATE;
		ms := extract(epoch FROM clock_timestamp() - t) * 1000;
	END $$;
	SET statement_timeout = '200ms';
	SELECT state || ' ' || (ms BETWEEN 190 AND 300) FROM measure();});
is($measured, '57014 true', 'statement_timeout ends a call within 100 ms');

# A name server that does not answer: libcurl asks in a thread of its own, and
# a call does not wait for that thread to end.
SKIP:
{
	skip 'libraries cannot be preloaded beside those of the sanitizers', 5 if $ENV{SANITIZE};
	my $dir = PostgreSQL::Test::Utils::tempdir();
	append_to_file("$dir/slow.c", <<'C');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name && strncmp(name, "slow.", 5) == 0)
		sleep(20);
	if (name && (strncmp(name, "slow.", 5) == 0 || strncmp(name, "failing.", 8) == 0))
		return EAI_AGAIN;
	return real(name, service, hints, found);
}
C
	skip 'no C compiler', 5 if PostgreSQL::Test::Utils::system_log($ENV{CC} || 'cc', '-shared', '-fPIC', '-o', "$dir/slow.so", "$dir/slow.c", '-ldl') != 0;
	my $slow = intel_node('slow', env => { LD_PRELOAD => "$dir/slow.so" });
	$slow->safe_psql('postgres', q{
		INSERT INTO intel.provider (name, kind, base_url) VALUES ('slow', 'openai', 'https://slow.example/v1'), ('failing', 'openai', 'https://failing.example/v1');
		INSERT INTO intel.model (name, provider, model_id, task) VALUES ('slow', 'slow', 'm', 'chat'), ('failing', 'failing', 'm', 'chat');
		CREATE FUNCTION measure(statement text, OUT ms numeric, OUT state text) LANGUAGE plpgsql AS $$
		DECLARE t timestamptz := clock_timestamp();
		BEGIN
			EXECUTE statement;
		EXCEPTION WHEN OTHERS OR query_canceled THEN
			state := SQLSTATE;
			ms := extract(epoch FROM clock_timestamp() - t) * 1000;
		END $$});
	# the fastest of three: a machine that is busy may be late, not every time
	my $fastest = sub {
		my ($statement) = @_;
		return (sort map { $slow->safe_psql('postgres', $statement) } 1 .. 3)[-1];
	};
	is($fastest->(q{SET statement_timeout = '200ms'; SELECT state || ' ' || (ms BETWEEN 190 AND 300) FROM measure($$SELECT intel.complete('x', 'slow')$$)}),
		'57014 true', 'a cancel within 100 ms while a name is looked up');
	is($fastest->(q{SELECT state || ' ' || (ms BETWEEN 290 AND 600) FROM measure($$SELECT intel.complete('x', 'slow', '{"timeout_ms": 300}')$$)}),
		'IN001 true', 'a name that takes too long');
	is($slow->safe_psql('postgres', q{SELECT state FROM measure($$SELECT intel.stream('x', 'slow', '{"idle_timeout_ms": 300}')$$)}), 'IN001', 'the same for a stream');
	is(sqlstate($slow, q{SELECT intel.complete('x', 'failing')}), 'IN001', 'a name server that fails');
	my $before = time();
	$slow->stop('fast');
	cmp_ok(time() - $before, '<', 2, 'a fast shutdown does not wait for the name server');
}

# The server stops fast while calls hang.
$mock->reset;
$mock->control({ do => ['hang'], always => $true });
my @sessions;
foreach my $i (1 .. 8)
{
	push @sessions, IPC::Run::start(
		[ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', "SELECT intel.complete('x', 'openai-chat')" ],
		'<', \undef, '>', \my $out, '2>', \my $err);
}
$mock->wait_requests(8);
my $start = time();
$node->stop('fast');
cmp_ok(time() - $start, '<', 2, 'fast shutdown with hanging calls');
eval { $_->finish } foreach @sessions;

done_testing();
