# Streamed answers: rows arrive while the provider is still writing, whatever
# its format, and whatever goes wrong on the way is an error in time.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use IntelTest;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $mock = start_mock(dimensions => 8);
my $node = intel_node('main', conf => "intel.llm_max_response_bytes = 100kB\nintel.llm_timeout = 20s\nintel.breaker_failures = 0\n");
my $port = $mock->port;
my @kinds = qw(openai responses azure anthropic gemini ollama);
my $true = JSON::PP::true;
my $clients = dirname(__FILE__) . '/../clients/stream';

foreach my $kind (@kinds)
{
	my $base = "http://127.0.0.1:$port" . ($kind =~ /openai|responses|azure/ ? '/v1' : '');
	$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('$kind', '$kind', '$base', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('$kind-chat', '$kind', 'm', 'chat');
INSERT INTO intel.model_grant VALUES ('$kind-chat', 0);
SQL
}
sub sql { return $node->safe_psql('postgres', $_[0]); }

# ---- every format, in pieces of every size ----------------------------------------

my $prompt = 'one two three, vier fünf, 六 七';
foreach my $kind (@kinds)
{
	foreach my $behaviour ('ok', 'split')
	{
		$mock->reset;
		$mock->control({ do => [$behaviour] });
		is(sql("SELECT string_agg(s, '') FROM intel.stream('$prompt', '$kind-chat', '{\"max_tokens\": 90}') s"), "echo: $prompt", "$kind: stream, $behaviour");
	}
	my ($request) = @{ $mock->requests };
	my $asked = $kind eq 'gemini' ? $request->{path} =~ /:streamGenerateContent\?alt=sse$/ : $request->{json}{stream};
	ok($asked, "$kind: asks for a stream");
	is_deeply($request->{json}{stream_options}, { include_usage => $true }, "$kind: asks for the tokens") if $kind =~ /openai|azure/;

	# the whole is that of a call in one piece
	my $messages = '[{"role": "user", "content": "a b c"}]';
	my $whole = sql("SELECT intel.chat('$messages', '$kind-chat') - 'inference_id'");
	is(sql("SELECT s - 'inference_id' FROM intel.stream_chat('$messages', '$kind-chat') WITH ORDINALITY AS t(s, n) ORDER BY n DESC LIMIT 1"), $whole,
		"$kind: the last row of stream_chat is what chat returns");
	is(sql("SELECT string_agg(s ->> 'delta', '' ORDER BY n) FROM intel.stream_chat('$messages', '$kind-chat') WITH ORDINALITY AS t(s, n)"),
		'echo: a b c', "$kind: and the others are its text");
	is(sql("SELECT s ->> 'finish_reason' FROM intel.stream_chat('$messages', '$kind-chat', '{\"max_tokens\": 2}') s WHERE s ? 'message'"), 'length',
		"$kind: why it ended");
	is(sql("SELECT intel._call('complete', '{\"prompt\": \"a\", \"stream\": true, \"model\": \"$kind-chat\"}') ->> 'content'"), 'echo: a',
		"$kind: a stream that nobody watches");
}
is(sql(q{SELECT count(*) FROM intel.stream('Question: x')}), '1', 'a builtin model answers in one piece');
is(sql(q{SELECT count(*) FROM intel.stream(NULL)}), '0', 'no prompt, no rows');
is(sqlstate($node, q{SELECT intel.stream('x', 'openai-chat', '{"schema": {"type": "object"}}')}), '22023', 'no schema with a stream');

sub sse { return join '', map { "data: $_\n\n" } @_; }

# Tool calls arrive in pieces.
my %tools = (
	openai => join("\n\n", map { "data: $_" }
		'{"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_x","type":"function","function":{"name":"weather","arguments":""}}]}}]}',
		'{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}}]}',
		'{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Rom\"}"}}]}}]}',
		'{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}',
		'{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":3}}}',
		'[DONE]') . "\n\n",
	anthropic => join("\r\n\r\n", map { /"type":"(\w+)"/ ? "event: $1\r\ndata: $_" : die }
		'{"type":"message_start","message":{"model":"m","usage":{"input_tokens":4,"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":1}}}',
		'{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}',
		'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}',
		'{"type":"content_block_stop","index":0}',
		'{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"call_x","name":"weather","input":{}}}',
		'{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}',
		'{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"Rom\"}"}}',
		'{"type":"content_block_stop","index":1}',
		'{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":7}}',
		'{"type":"message_stop"}') . "\r\n\r\n",
	gemini => 'data: {"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"functionCall":{"name":"weather","args":{"city":"Rom"}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":4,"thoughtsTokenCount":3,"cachedContentTokenCount":5}}',
	ollama => '{"message":{"content":"","tool_calls":[{"function":{"name":"weather","arguments":{"city":"Rom"}}}]},"done":false}' . "\n"
	  . '{"message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":7}',
	responses => 'data: {"type":"response.completed","response":{"output":[{"type":"function_call","call_id":"call_x","name":"weather","arguments":"{\"city\":\"Rom\"}"}],"usage":{"input_tokens":11,"output_tokens":7,"input_tokens_details":{"cached_tokens":5},"output_tokens_details":{"reasoning_tokens":3}}}}' . "\n\n");
foreach my $kind (sort keys %tools)
{
	$mock->reset;
	$mock->control({ do => [ { kind => 'body', body => $tools{$kind} } ] });
	my $json = decode_json(sql("SELECT s FROM intel.stream_chat('[{\"role\": \"user\", \"content\": \"x\"}]', '$kind-chat') s"));
	is($json->{finish_reason}, 'tool_calls', "$kind: a streamed tool call");
	like($json->{message}{tool_calls}[0]{id}, qr/^call_/, "$kind: its id");
	is_deeply($json->{message}{tool_calls}[0]{function}, { name => 'weather', arguments => '{"city":"Rom"}' }, "$kind: its function");
	is("$json->{usage}{input_tokens} $json->{usage}{output_tokens}", '11 7', "$kind: its tokens");
	is($json->{usage}{cached_tokens}, $kind eq 'ollama' ? undef : 5, "$kind: its cached tokens");
}

# Calls that were made together may have one index, or none, or begin with 1; pieces of one may each have an identifier.
sub delta { return qq({"choices":[{"delta":{"tool_calls":[$_[0]]}}]}); }
foreach my $case (
	[ 'one index', 'f {"a":1} g {"b":2}', map { delta($_) } '{"index":0,"id":"call_a","function":{"name":"f","arguments":"{\"a\":"}}', '{"index":0,"function":{"arguments":"1}"}}', '{"index":0,"id":"call_b","function":{"name":"g","arguments":"{\"b\":2}"}}' ],
	[ 'no index', 'f {} f {}', map { delta($_) } '{"id":"call_a","function":{"name":"f","arguments":"{}"}}', '{"id":"call_b","function":{"name":"f","arguments":"{}"}}' ],
	[ 'from 1', 'f {} g {}', map { delta($_) } '{"index":1,"id":"call_a","function":{"name":"f","arguments":"{}"}}', '{"index":2,"id":"call_b","function":{"name":"g","arguments":"{}"}}' ],
	[ 'identifiers of pieces', 'f {"a":1}', map { delta($_) } '{"index":0,"id":"call_a","function":{"name":"f"}}', '{"index":0,"id":"call_b","function":{"arguments":"{\"a\":"}}', '{"index":0,"id":"","function":{"name":"","arguments":"1}"}}' ])
{
	my ($name, $want, @events) = @$case;
	$mock->reset;
	$mock->control({ do => [ { kind => 'body', body => sse(@events, '{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}', '[DONE]') } ] });
	my $json = decode_json(sql(q{SELECT s FROM intel.stream_chat('[{"role": "user", "content": "x"}]', 'openai-chat') s}));
	is(join(' ', map { "$_->{function}{name} $_->{function}{arguments}" } @{ $json->{message}{tool_calls} }), $want, "tool calls: $name");
}

# A call that was cut at the limit of tokens is not one to make.
my %cut = (
	openai => sse('{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_x","type":"function","function":{"name":"f","arguments":"{\"a"}}]}}]}', '{"choices":[{"delta":{},"finish_reason":"length"}]}', '[DONE]'),
	anthropic => sse('{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"call_x","name":"f","input":{}}}',
		'{"type":"message_delta","delta":{"stop_reason":"max_tokens"}}', '{"type":"message_stop"}'),
	gemini => sse('{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"MAX_TOKENS"}]}'),
	ollama => '{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":true,"done_reason":"length"}',
	responses => sse('{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"function_call","call_id":"call_x","name":"f","arguments":"{\"a"}]}}'));
foreach my $kind (sort keys %cut)
{
	$mock->reset;
	$mock->control({ do => [ { kind => 'body', body => $cut{$kind} } ] });
	is(sql("SELECT s ->> 'finish_reason' FROM intel.stream_chat('[{\"role\": \"user\", \"content\": \"x\"}]', '$kind-chat') s"), 'length', "$kind: a call that was cut");
}

# A server may say all of it, or the rest, in the last event alone: what streams give is what the answer is.
sub completed { return qq({"type":"response.completed","response":{"status":"completed","output":[{"type":"reasoning","content":[{"text":"hm"}]},$_[0]]}}); }
foreach my $case (
	[ 'one', completed('{"type":"message","content":[{"type":"output_text","text":"one"}]}') ],
	[ 'one two', '{"type":"response.output_text.delta","delta":"one"}', completed('{"type":"message","content":[{"type":"output_text","text":"one"},{"type":"output_text","text":" two"}]}') ],
	[ 'one', '{"type":"response.output_text.delta","delta":"one"}', completed('{"type":"message","content":[{"type":"output_text","text":"one"}]}') ],
	[ 'no', completed('{"type":"message","content":[{"type":"refusal","refusal":"no"}]}') ])
{
	my ($want, @events) = @$case;
	$mock->reset;
	$mock->control({ do => [ { kind => 'body', body => sse(@events) } ], always => JSON::PP::true });
	is(sql(q{SELECT string_agg(s, '') FROM intel.stream('x', 'responses-chat') s}), $want, "responses: the text of the last event of @{[ scalar @events ]}: $want");
	my @rows = map { decode_json($_) } split /\n/, sql(q{SELECT intel.stream_chat('[{"role": "user", "content": "x"}]', 'responses-chat')});
	is(join('', map { $_->{delta} // '' } @rows), $want, 'as pieces of a chat');
	is($rows[-1]{message}{content}, $want, 'which ends in the same');
}
$mock->reset;

# ---- rows are there when they arrive ----------------------------------------------

# Lines of a client with the time of each, in ms since the first byte was wanted.
sub arrivals
{
	my ($in, @command) = @_;
	my ($out, $err) = ('', '');
	my @at;
	my $start = time();
	my $handle = IPC::Run::start(\@command, '<', \$in, '>', sub { $out .= $_[0]; push @at, (time() - $start) * 1000; }, '2>', \$err, IPC::Run::timeout(60));
	$handle->finish;
	is($err, '', 'no error');
	return ($at[0], $at[-1], $out);
}

sub live
{
	my ($name, $want, $first, $last) = @_;
	my $spread = $last - $first;

	diag(sprintf('%s: first row after %.0f ms, last after %.0f ms', $name, $first, $last));
	if ($want) { cmp_ok($spread, '>', 600, "$name: live"); }
	else { cmp_ok($spread, '<', 300, "$name: all at the end"); }
	return;
}
# eleven pieces, 100 ms apart
sub slowly { $mock->reset; $mock->control({ do => [ { kind => 'drip', interval => 0.1 } ], always => $true }); return; }
my $slow = q{'a b c d e f g h i', 'openai-chat'};
my %forms = (
	'select list' => [ 1, "SELECT intel.stream($slow)" ],
	'FROM' => [ 1, "SELECT s FROM intel.stream($slow) s" ],
	'FROM, with a number' => [ 1, "SELECT s, row_number() OVER () FROM intel.stream($slow) s" ],
	'LATERAL' => [ 1, "SELECT s FROM (VALUES ('a b c d e f g h i')) AS p(x), LATERAL intel.stream(p.x, 'openai-chat') s" ],
	'WITH ORDINALITY' => [ 0, "SELECT s FROM intel.stream($slow) WITH ORDINALITY AS t(s, n)" ],
	'an argument that is volatile' => [ 0, "SELECT s FROM intel.stream(CASE WHEN random() < 2 THEN 'a b c d e f g h i' END, 'openai-chat') s" ],
	'stream_chat' => [ 1, "SELECT intel.stream_chat('[{\"role\": \"user\", \"content\": \"a b c d e f g h i\"}]', 'openai-chat')" ]);
my @psql = ('psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-');
foreach my $name (sort keys %forms)
{
	my ($live, $statement) = @{ $forms{$name} };

	slowly();
	my ($first, $last) = arrivals("\\set FETCH_COUNT 1\n$statement;\n", @psql);
	live("psql with FETCH_COUNT, $name", $live, $first, $last);
	my @rows = map { [ split /\t/, $_, 2 ] } split /\n/, `'$clients/single_row.py' '@{[ $node->connstr('postgres') ]}' "@{[ $statement =~ s/"/\\"/gr ]}"`;
	is($?, 0, 'libpq in single-row mode');
	live("libpq in single-row mode, $name", $live, $rows[0][0], $rows[-1][0]);
}
slowly();
is(sql(qq{DO \$\$
DECLARE
	c CURSOR FOR SELECT intel.stream($slow);
	part text;
	first timestamptz;
BEGIN
	OPEN c;
	LOOP
		FETCH c INTO part;
		EXIT WHEN NOT FOUND;
		first := coalesce(first, clock_timestamp());
	END LOOP;
	IF clock_timestamp() - first < interval '600 ms' THEN RAISE 'not live'; END IF;
END \$\$; SELECT 'live'}), 'live', 'a cursor in PL/pgSQL is live');

SKIP:
{
	skip 'node or npm is not installed', 3 if grep { system("command -v $_ >/dev/null 2>&1") != 0 } qw(node npm);
	my $dir = PostgreSQL::Test::Utils::tempdir();
	copy("$clients/$_", $dir) or die "$_: $!" foreach 'package.json', 'client.js';
	local $ENV{npm_config_cache} = "$dir/cache";
	local $ENV{HOME} = $dir;
	my $log = `cd '$dir' && npm install --no-audit --no-fund --no-progress 2>&1`;
	skip 'the npm registry does not answer', 3 if $? != 0 && $log =~ /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/;
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGUSER} = sql('SELECT current_user');
	local $ENV{PGDATABASE} = 'postgres';
	slowly();
	my @rows = map { [ split /\t/, $_ ] } split /\n/, `cd '$dir' && node client.js "SELECT intel.stream($slow)" 2>&1`;
	foreach my $way (qw(query cursor stream))
	{
		my @mine = grep { $_->[0] eq $way } @rows;
		@mine ? live("node-postgres, $way", 1, $mine[0][1], $mine[-1][1]) : fail("node-postgres, $way") || diag(explain(\@rows));
	}
}

# ---- several at once, and some that are not wanted to the end ----------------------

$mock->reset;
is(sql(q{SELECT count(*) FROM (SELECT intel.stream('a b c d', 'openai-chat') LIMIT 1) s}), '1', 'LIMIT ends a stream');
is(sql(q{SELECT string_agg(a, '') || '|' || string_agg(b, '') FROM (SELECT intel.stream('a b', 'openai-chat') AS a, intel.stream('c d e', 'ollama-chat') AS b) s}),
	'echo: a b|echo: c d e', 'two in one statement');
$mock->control({ do => [ { kind => 'drip', interval => 0.05 } ] });
is(sql(q{SELECT string_agg(a, ''), min(b) FROM (SELECT a, intel.complete('between', 'ollama-chat') AS b FROM intel.stream('a b c', 'openai-chat') a) s}),
	'echo: a b c|echo: between', 'other calls while one is under way');
is(sql(q{BEGIN; DECLARE c CURSOR FOR SELECT intel.stream('a b c', 'openai-chat'); FETCH c; CLOSE c; SELECT intel.complete('after', 'openai-chat'); COMMIT;}) =~ /echo: after/, 1,
	'a closed cursor');
$mock->reset;
$mock->control({ do => ['stall'] });
sql(q{BEGIN; DECLARE c CURSOR FOR SELECT intel.stream('a b c d', 'openai-chat'); FETCH c; CLOSE c; COMMIT;});
IntelTest::wait_for('the connection of an abandoned stream to close', sub { $mock->stats->{open} == 0 });

$mock->reset;
$mock->control({ do => [ { kind => 'drip', interval => 0.1 } ] });
sql(q{DELETE FROM intel.inference; SELECT count(*) FROM intel.stream('a b c', 'openai-chat')});
is(sql('SELECT output_tokens || \' \' || (first_token_ms BETWEEN 0 AND latency_ms - 200) FROM intel.inference'), '4 true', 'the log has the time to the first text');

# ---- two timers ---------------------------------------------------------------------

sub failure
{
	my ($statement) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement", on_error_stop => 0);
	return $err;
}
foreach my $kind (@kinds)
{
	my $stream = sub { "SELECT intel.stream('a b c d e f g h i j', '$kind-chat', '$_[0]')" };

	$mock->reset;
	$mock->control({ do => [ 'hang', 'stall', ({ kind => 'drip', interval => 0.15 }) x 2 ] });
	like(failure($stream->('{"idle_timeout_ms": 300}')), qr/IN001: provider "$kind" sent nothing for 300 ms/, "$kind: silence before the answer");
	like(failure($stream->('{"idle_timeout_ms": 300}')), qr/IN001: provider "$kind" sent nothing for 300 ms/, "$kind: silence within the answer");
	like(failure($stream->('{"idle_timeout_ms": 300, "timeout_ms": 700}')), qr/IN001: provider "$kind" did not answer within 700 ms/, "$kind: an answer that takes too long");
	is(failure($stream->('{"idle_timeout_ms": 300}')), '', "$kind: slow, but never silent for long");
}

# ---- cancel --------------------------------------------------------------------------

$mock->reset;
$mock->control({ do => [ ('stall') x 2 ] });
is(sql(q{
	CREATE FUNCTION measure(OUT ms numeric, OUT state text) LANGUAGE plpgsql AS $$
	DECLARE t timestamptz := clock_timestamp();
	BEGIN
		PERFORM intel.stream('a b c d', 'openai-chat');
	EXCEPTION WHEN query_canceled THEN
		state := SQLSTATE;
		ms := extract(epoch FROM clock_timestamp() - t) * 1000;
	END $$;
	SET statement_timeout = '400ms';
	SELECT state || ' ' || (ms BETWEEN 390 AND 5000) FROM measure();}), '57014 true', 'a cancel ends a stream at once');
is(sql(q{SELECT string_agg(s, '') FROM intel.stream('x', 'openai-chat') s WHERE false}) // '', '', 'and the session goes on');

# ---- what can go wrong -----------------------------------------------------------------

$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION attempt(kind text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	PERFORM intel.stream('my prompt is five words long', kind || '-chat', options);
	RETURN '00000||';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws('|', SQLSTATE, message, detail);
END
$$;
SQL
my @faults = (
	[ { kind => '500', message => 'SECRETWORD' }, '58000', qr/failed \(status 500/ ],
	[ { kind => 'status', status => 401 }, '28000', qr/did not accept the key/ ],
	[ { kind => 'status', status => 504 }, 'IN001', qr/status 504/ ],
	[ { kind => '429', retry_after => '7' }, 'IN003', qr/limits its rate.*Retry after 7 seconds/ ],
	[ 'stream_error', '58000', qr/failed \(status 200/ ],
	[ 'stream_malformed', 'IN004', qr/event \d+ is not JSON in UTF-8/ ],
	[ 'invalid_utf8', 'IN004', qr/not JSON in UTF-8/ ],
	[ 'nul', 'IN004', qr/not JSON in UTF-8/ ],
	[ 'malformed', 'IN004', qr/no stream of events|not JSON/ ],
	[ 'html', 'IN004', qr/no stream of events|not JSON/ ],
	[ 'empty', 'IN004', qr/no stream of events/ ],
	[ 'deep', 'IN004', qr/no stream of events|not JSON|longer/ ],
	[ 'gzip', 'IN004', qr/no stream of events|not JSON|longer/ ],
	[ 'endless', 'IN004', qr/longer than 102400 bytes/ ],
	[ 'huge_header', '00000|IN004', qr/headers|does not speak HTTP|longer|^$/ ],
	[ 'redirect', 'IN002', qr/redirects are not followed/ ],
	[ 'close', 'IN001', qr/broke/ ],
	[ 'reset', 'IN001', qr/broke/ ],
	[ 'close_mid_body', 'IN001', qr/broke/ ],
	[ 'bad_chunk', 'IN001', qr/broke/ ],
	[ 'no_http', 'IN001|IN004', qr/broke|does not speak HTTP/ ],
	[ 'stall', 'IN001', qr/sent nothing for 300 ms/ ],
	[ 'hang', 'IN001', qr/sent nothing for 300 ms/ ],
	[ { kind => 'body', body => "data: {}\n\n" }, 'IN00[14]', qr/cannot be used|ended too early/ ],
	[ { kind => 'body', body => "data: [DONE]\n\n" }, 'IN004', qr/cannot be used/ ],
	[ { kind => 'body', body => "data: {\"error\": {\"code\": 429, \"message\": \"SECRETWORD\"}}\n\n" }, 'IN003', qr/limits its rate/ ],
	[ { kind => 'body', body => "data: {\"error\": {\"code\": \"429\", \"message\": \"SECRETWORD\"}}\n\n" }, 'IN003', qr/limits its rate/ ],
	[ { kind => 'body', body => "data: {\"object\": \"error\", \"message\": \"SECRETWORD\", \"code\": 400}\n\n" }, '38000', qr/rejected the request/ ],
	[ { kind => 'body', body => "data: {\"error\": {\"type\": \"overloaded_error\"}}" }, '58000', qr/overloaded_error/ ]);
# Only silence is waited for shortly: on a busy machine anything else may take longer.
sub patience { return $_[0][2] =~ /nothing for 300 ms/ ? '"timeout_ms": 20000, "idle_timeout_ms": 300' : '"timeout_ms": 20000'; }

foreach my $kind (@kinds)
{
	my $behaves = sub {
		my $b = ref $_[0] ? { %{ $_[0] } } : $_[0];
		$b->{body} =~ s/^data: |\n\n$//g if $kind eq 'ollama' && ref $b && $b->{body};
		return $b;
	};
	$mock->reset;
	$mock->control({ do => [ map { ($behaves->($_->[0]), 'ok') } @faults ] });
	my @lines = split /\n/, $node->safe_psql('postgres', join '', map { "SELECT attempt('$kind', '{" . patience($_) . "}');\nDO \$\$ BEGIN PERFORM intel.reset_breaker(name) FROM intel.model; END \$\$;\nSELECT intel.complete('again', '$kind-chat');\n" } @faults);
	foreach my $fault (@faults)
	{
		my ($state, $text) = split /\|/, shift @lines, 2;
		my $name = ref $fault->[0] ? join ' ', map { "$_=$fault->[0]{$_}" } sort keys %{ $fault->[0] } : $fault->[0];
		$name =~ s/\n/ /g;
		like($state, qr/^($fault->[1])$/, "$kind: $name: SQLSTATE") or diag($text);
		$text =~ s/\|$//;
		like($text, $fault->[2], "$kind: $name: message");
		unlike($text, qr/my prompt|SECRETWORD/, "$kind: $name: shows no text");
		is(shift @lines, 'echo: again', "$kind: $name: the session goes on");
	}
	is(scalar @{ $mock->requests }, 2 * @faults, "$kind: one request per call");
}

# Content can be a list of parts, with thoughts among them.
$mock->reset;
$mock->control({ do => [ { kind => 'body', body => sse('{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}}]}',
	'{"choices":[{"delta":{"content":[{"type":"text","text":"al"}]}}]}', '{"choices":[{"delta":{"content":"l"},"finish_reason":"stop"}]}', '[DONE]') } ] });
is(sql(q{SELECT string_agg(s, '') FROM intel.stream('x', 'openai-chat') s}), 'all', 'parts of content');

# What a stream has given is not the answer when it says that it failed.
foreach my $end ('"delta":{"content":""},"finish_reason":"error"', '"delta":{},"error":{"code":502,"message":"SECRETWORD"}')
{
	$mock->reset;
	$mock->control({ do => [ { kind => 'body', body => sse('{"choices":[{"delta":{"content":"half"}}]}', qq({"choices":[{$end}]}), '[DONE]') } ] });
	is(sqlstate($node, q{SELECT intel.stream('x', 'openai-chat')}), '58000', "it failed: $end");
}
# A reason that is empty is none yet.
$mock->reset;
$mock->control({ do => [ { kind => 'body', body => sse(('{"choices":[{"delta":{"content":"half"},"finish_reason":""}]}') x 2) } ] });
is(sqlstate($node, q{SELECT intel.stream('x', 'openai-chat')}), 'IN001', 'an empty reason is none');

# A stream that has said all may end as it likes.
foreach my $case ([ openai => $tools{openai} ], [ anthropic => $tools{anthropic} ])
{
	$mock->reset;
	$mock->control({ do => [ { kind => 'body', body => $case->[1] . ": and then silence\n" x 3 } ] });
	is(sql("SELECT s ->> 'finish_reason' FROM intel.stream_chat('[{\"role\": \"user\", \"content\": \"x\"}]', '$case->[0]-chat') s"), 'tool_calls', "$case->[0]: complete");
}

# One that said why the answer ended, too, with an end of the connection or with none.
my %ended = (
	openai => sse('{"choices":[{"delta":{"content":"all"}}]}', '{"choices":[{"delta":{},"finish_reason":"stop"}]}'),
	anthropic => sse('{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"all"}}', '{"type":"message_delta","delta":{"stop_reason":"end_turn"}}'),
	gemini => sse('{"candidates":[{"content":{"parts":[{"text":"all"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}'));
foreach my $kind (sort keys %ended)
{
	$mock->reset;
	$mock->control({ do => [ map { { kind => 'body', body => $ended{$kind}, then => $_ } } 'close', 'hang' ] });
	is(sql("SELECT string_agg(s, '') FROM intel.stream('x', '$kind-chat') s"), 'all', "$kind: the connection broke behind the answer");
	is(sql("SELECT string_agg(s, '') FROM intel.stream('y', '$kind-chat', '{\"idle_timeout_ms\": 30000, \"timeout_ms\": 8000}') s"), 'all', "$kind: or stayed open");
}
$mock->reset;
$mock->control({ do => [ { kind => 'body', body => $ended{openai} =~ s/,"finish_reason":"stop"//r, then => 'close' } ] });
is(sqlstate($node, q{SELECT intel.stream('x', 'openai-chat')}), 'IN001', 'but not without a reason');
$mock->reset;
$mock->control({ do => [ { kind => 'body', body => "data:\n\n: alive\n\ndata: \n\ndata:\ndata:\n\n" . $ended{openai} . sse('[DONE]') . "data:\n\n" } ] });
is(sql(q{SELECT string_agg(s, '') FROM intel.stream('x', 'openai-chat') s}), 'all', 'an event without data is none');

# The end of an answer of Anthropic repeats some of the tokens, or none.
foreach my $end ('"input_tokens":4,"output_tokens":7', '"output_tokens":7', '"input_tokens":null,"cache_read_input_tokens":5,"output_tokens":7', '"input_tokens":4,"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":7')
{
	$mock->reset;
	$mock->control({ do => [ { kind => 'body', body => sse('{"type":"message_start","message":{"usage":{"input_tokens":4,"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":1}}}',
		'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"all"}}', qq({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{$end}}), '{"type":"message_stop"}') } ] });
	is(sql(q{SELECT s ->> 'usage' FROM intel.stream_chat('[{"role": "user", "content": "x"}]', 'anthropic-chat') s WHERE s ? 'usage'}),
		'{"input_tokens": 11, "cached_tokens": 5, "output_tokens": 7, "cache_write_tokens": 2}', "anthropic: tokens, at the end $end");
}

# ---- rights -----------------------------------------------------------------------------

sql('CREATE ROLE app; CREATE ROLE nobody; SELECT intel.grant_access(\'app\')');
is(sqlstate($node, q{SET ROLE nobody; SELECT intel.stream('x')}), '42501', 'not for everybody');
is(sqlstate($node, q{SET ROLE app; SELECT intel.stream('x')}), '00000', 'for whom it was granted');

$node->stop;
done_testing();
