# Every kind of provider: what goes out on the wire, and what comes back.

use strict;
use warnings;

use IntelTest;
use Encode qw(decode_utf8);
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;

my $key = 'sk-test-0123456789abcdefghij';
my $mock = start_mock(dimensions => 8);
my $node = intel_node('main', env => { INTEL_SECRET_MOCK => $key });
my $port = $mock->port;

my %base = (
	openai => "http://127.0.0.1:$port/v1", anthropic => "http://127.0.0.1:$port",
	gemini => "http://127.0.0.1:$port/", ollama => "http://127.0.0.1:$port");
my @kinds = sort keys %base;

foreach my $kind (@kinds)
{
	$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, secret, allow_private_network)
	VALUES ('$kind', '$kind', '$base{$kind}', 'env:MOCK', true);
INSERT INTO intel.model (name, provider, model_id, task, dimensions) VALUES
	('$kind-chat', '$kind', 'model-$kind', 'chat', NULL),
	('$kind-embed', '$kind', 'embed-$kind', 'embed', 8);
INSERT INTO intel.model_grant VALUES ('$kind-chat', 0), ('$kind-embed', 0);
SQL
}

sub sql { return $node->safe_psql('postgres', $_[0]); }

# The one request since the last call of this.
sub request
{
	my @requests = @{ $mock->requests };
	is(scalar @requests, 1, 'one request') or diag(explain(\@requests));
	$mock->reset;
	return $requests[0];
}

my %paths = (
	openai => '/v1/chat/completions', anthropic => '/v1/messages',
	gemini => '/v1beta/models/model-gemini:generateContent', ollama => '/api/chat');
my %auth = (
	openai => [ authorization => "Bearer $key" ], anthropic => [ 'x-api-key' => $key ],
	gemini => [ 'x-goog-api-key' => $key ], ollama => [ authorization => "Bearer $key" ]);

sub header
{
	my ($request, $name) = @_;
	my $headers = $request->{headers};
	my @pairs = ref $headers eq 'HASH' ? %$headers : map { @$_ } @$headers;

	while (my ($n, $v) = splice(@pairs, 0, 2))
	{
		return $v if lc $n eq $name;
	}
	return undef;
}

# ---- complete ----------------------------------------------------------------

my $prompt = decode_utf8('good day, Ünïcode');

foreach my $kind (@kinds)
{
	is(sql("SELECT intel.complete('good day, Ünïcode', '$kind-chat', '{\"system\": \"be brief\", \"max_tokens\": 90, \"stop\": \"END\"}')"),
		'echo: good day, Ünïcode', "$kind: complete");
	my $request = request();
	is($request->{path}, $paths{$kind}, "$kind: path");
	is(header($request, $auth{$kind}[0]), $auth{$kind}[1], "$kind: key in its header");
	is(header($request, 'content-type'), 'application/json', "$kind: content type");
	is(header($request, 'expect'), undef, "$kind: no Expect");
	unlike($request->{path}, qr/$key/, "$kind: no key in the address");
	my $json = $request->{json};
	if ($kind eq 'openai')
	{
		is_deeply($json, {
			model => 'model-openai', max_tokens => 90, stop => 'END',
			messages => [ { role => 'system', content => 'be brief' }, { role => 'user', content => $prompt } ] },
			'openai: body');
	}
	elsif ($kind eq 'anthropic')
	{
		is(header($request, 'anthropic-version'), '2023-06-01', 'anthropic: version');
		is_deeply($json, {
			model => 'model-anthropic', max_tokens => 90, stop_sequences => ['END'], system => 'be brief',
			messages => [ { role => 'user', content => $prompt } ] }, 'anthropic: body');
	}
	elsif ($kind eq 'gemini')
	{
		is_deeply($json, {
			generationConfig => { maxOutputTokens => 90, stopSequences => ['END'] },
			systemInstruction => { parts => [ { text => 'be brief' } ] },
			contents => [ { role => 'user', parts => [ { text => $prompt } ] } ] }, 'gemini: body');
	}
	else
	{
		is_deeply($json, {
			model => 'model-ollama', stream => JSON::PP::false, options => { num_predict => 90, stop => ['END'] },
			messages => [ { role => 'system', content => 'be brief' }, { role => 'user', content => $prompt } ] },
			'ollama: body');
	}
}

# ---- chat, with tools both ways ----------------------------------------------

my $conversation = <<'JSON';
[{"role": "system", "content": "one"}, {"role": "developer", "content": "two"},
 {"role": "user", "content": [{"type": "text", "text": "what is "}, {"type": "text", "text": "the weather"}]},
 {"role": "assistant", "content": null, "tool_calls": [
	{"id": "call_1a", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]},
 {"role": "tool", "tool_call_id": "call_1a", "content": "rain"},
 {"role": "user", "content": "and now"}]
JSON
my $tools = <<'JSON';
{"tools": [{"type": "function", "function": {"name": "weather", "description": "of a city",
	"parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}], "tool_choice": "weather", "temperature": 0.5}
JSON

foreach my $kind (@kinds)
{
	my $options = $tools;
	$options =~ s/"tool_choice": "weather", // if $kind eq 'ollama';
	is(sql("SELECT intel.chat('$conversation', '$kind-chat', '$options') #>> '{message,content}'"),
		'echo: and now', "$kind: chat");
	my $json = request()->{json};
	if ($kind eq 'openai')
	{
		is($json->{messages}[2]{content}, 'what is the weather', 'openai: parts are joined');
		is_deeply($json->{messages}[3]{tool_calls}[0],
			{ id => 'call_1a', type => 'function', function => { name => 'weather', arguments => '{"city": "Oslo"}' } },
			'openai: tool call');
		is_deeply($json->{tool_choice}, { type => 'function', function => { name => 'weather' } }, 'openai: choice');
		is($json->{tools}[0]{function}{parameters}{properties}{city}{type}, 'string', 'openai: tools');
	}
	elsif ($kind eq 'anthropic')
	{
		is($json->{system}, "one\n\ntwo", 'anthropic: system');
		is_deeply($json->{messages}[1]{content},
			[ { type => 'tool_use', id => 'call_1a', name => 'weather', input => { city => 'Oslo' } } ], 'anthropic: tool call');
		is_deeply($json->{messages}[2],
			{ role => 'user', content => [ { type => 'tool_result', tool_use_id => 'call_1a', content => 'rain' } ] },
			'anthropic: tool result');
		is_deeply($json->{tool_choice}, { type => 'tool', name => 'weather' }, 'anthropic: choice');
		is($json->{tools}[0]{input_schema}{properties}{city}{type}, 'string', 'anthropic: tools');
	}
	elsif ($kind eq 'gemini')
	{
		is_deeply($json->{contents}[1],
			{ role => 'model', parts => [ { functionCall => { name => 'weather', args => { city => 'Oslo' }, id => '1a' } } ] },
			'gemini: tool call');
		is_deeply($json->{contents}[2],
			{ role => 'user', parts => [ { functionResponse => { name => 'weather', response => { result => 'rain' }, id => '1a' } } ] },
			'gemini: tool result');
		is_deeply($json->{toolConfig}{functionCallingConfig}, { mode => 'ANY', allowedFunctionNames => ['weather'] },
			'gemini: choice');
	}
	else
	{
		is_deeply($json->{messages}[3]{tool_calls}, [ { function => { name => 'weather', arguments => { city => 'Oslo' } } } ],
			'ollama: tool call');
		is_deeply($json->{messages}[4], { role => 'tool', content => 'rain', tool_name => 'weather' }, 'ollama: tool result');
		is($json->{tools}[0]{function}{name}, 'weather', 'ollama: tools');
	}
}

# Results of calls that were made together go together; ids that come again mean the last call.
my @asks = map { my $n = $_; map { { id => "call_g$_", type => 'function', function => { name => "f$n$_", arguments => '{}' } } } 1, 2 } 1, 2;
my $turns = encode_json([ { role => 'user', content => 'x' },
	{ role => 'assistant', content => '', tool_calls => [ @asks[ 0, 1 ] ] },
	{ role => 'tool', tool_call_id => 'call_g2', content => 'a' }, { role => 'tool', tool_call_id => 'call_g1', content => 'b' },
	{ role => 'assistant', content => '', tool_calls => [ @asks[ 2, 3 ] ] },
	{ role => 'tool', tool_call_id => 'call_g1', content => 'c' }, { role => 'system', content => 's' },
	{ role => 'tool', tool_call_id => 'call_g2', content => 'd' } ]);
sql("SELECT intel.chat('$turns', 'gemini-chat')");
is_deeply([ map { [ map { my $r = $_->{functionResponse}; $r ? "$r->{name} $r->{response}{result}" : () } @{ $_->{parts} } ] } @{ request()->{json}{contents} } ],
	[ [], [], [ 'f12 a', 'f11 b' ], [], [ 'f21 c', 'f22 d' ] ], 'gemini: results of tools');
sql("SELECT intel.chat('$turns', 'gemini-chat')");
unlike(request()->{body}, qr/"id"/, 'gemini: without the identifiers that were made up');
sql("SELECT intel.chat('$turns', 'anthropic-chat')");
my @messages = @{ request()->{json}{messages} };
is(join(' ', map { $_->{role} } @messages), 'user assistant user assistant user', 'anthropic: turns');
is_deeply([ map { [ map { "$_->{type} $_->{tool_use_id} $_->{content}" } @{ $_->{content} } ] } @messages[ 2, 4 ] ],
	[ [ 'tool_result call_g2 a', 'tool_result call_g1 b' ], [ 'tool_result call_g1 c', 'tool_result call_g2 d' ] ], 'anthropic: results of tools');

# Arguments are redacted as JSON, and go as it to every kind.
foreach my $case (
	[ '{"card": 4111111111111111, "n": 5, "list": [1.5, "x"]}', { card => '<CREDIT_CARD>', n => 5, list => [ 1.5, 'x' ] }, 'a number that is personal' ],
	[ '{"to": "jane.roe@private.example", "id": 123456789, "n": -2.50e3}', { to => '<EMAIL_ADDRESS>', id => 123456789, n => -2500 }, 'a text that is' ],
	[ '{"a": "jane.roe@private.example", "a": 17}', { a => 17 }, 'a member that comes again' ],
	[ ' ', {}, 'none at all' ])
{
	foreach my $kind (@kinds)
	{
		my $turn = encode_json([ { role => 'assistant', content => '', tool_calls => [ { id => 'call_1a', type => 'function', function => { name => 'f', arguments => $case->[0] } } ] },
			{ role => 'tool', tool_call_id => 'call_1a', content => 'y' } ]);
		sql("SELECT intel.chat('$turn', '$kind-chat')");
		my $sent = request()->{json};
		my $arguments = $kind eq 'openai' ? decode_json($sent->{messages}[0]{tool_calls}[0]{function}{arguments})
		  : $kind eq 'anthropic' ? $sent->{messages}[0]{content}[0]{input}
		  : $kind eq 'gemini' ? $sent->{contents}[0]{parts}[0]{functionCall}{args}
		  : $sent->{messages}[0]{tool_calls}[0]{function}{arguments};
		is_deeply($arguments, $case->[1], "$kind: arguments with $case->[2]");
	}
}
my $asked = '[{"role": "assistant", "content": "", "tool_calls": [{"id": "%s", "type": "function", "function": {"name": "f", "arguments": "%s"}}]}, {"role": "tool", "tool_call_id": "%1$s", "content": "y"}]';
my $large = '{\\"n\\": 123456789012345678901234567890, \\"b\\":  [1.10]}';
foreach my $kind (@kinds)
{
	sql(sprintf("SELECT intel.chat('$asked', '$kind-chat')", 'call_1a', $large));
	like(request()->{body}, $kind eq 'openai' ? qr/123456789012345678901234567890, \\"b\\":  \[1\.10\]/ : qr/1\.2345678901234568e29/, "$kind: an integer of any length");
	foreach my $none ('[1]', '5', '{\\"a\\": 1', 'x')
	{
		is(sqlstate($node, sprintf("SELECT intel.chat('$asked', '$kind-chat')", 'call_1a', $none)), '22023', "$kind: arguments that are no object");
	}
}
is(scalar @{ $mock->requests }, 0, 'are not sent');

# Servers make identifiers of names.
foreach my $kind (@kinds)
{
	sql(sprintf("SELECT intel.chat('$asked', '$kind-chat')", 'functions.get_weather:0', '{}'));
	my $sent = request()->{json};
	is($sent->{messages}[0]{tool_calls}[0]{id} . $sent->{messages}[1]{tool_call_id}, 'functions.get_weather:0' x 2, 'openai: an identifier') if $kind eq 'openai';
	is($sent->{messages}[0]{content}[0]{id} . $sent->{messages}[1]{content}[0]{tool_use_id}, 'functions_get_weather_0' x 2, 'anthropic: as it takes them') if $kind eq 'anthropic';
	is($sent->{contents}[1]{parts}[0]{functionResponse}{name}, 'f', 'gemini: the call is found') if $kind eq 'gemini';
}

# What Gemini signs goes back to it, and to nobody else.
my $signature = MIME::Base64::encode_base64(pack('C*', map { ($_ * 89 + 7) % 256 } 1 .. 200), '');
foreach my $call ('chat', 'stream_chat')
{
	my $said = qq({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"$signature"},{"functionCall":{"name":"g"}}]},"finishReason":"STOP"}]});
	$mock->control({ do => [ { kind => 'body', body => ($call eq 'chat' ? '' : 'data: ') . $said } ] });
	my $message = decode_json(sql("SELECT r FROM intel.$call('[{\"role\": \"user\", \"content\": \"x\"}]', 'gemini-chat') r"))->{message};
	is_deeply([ map { $_->{thought_signature} } @{ $message->{tool_calls} } ], [ $signature, undef ], "gemini: a signature of $call");
	my $turn = encode_json([ { role => 'user', content => 'x' }, $message,
		map { { role => 'tool', tool_call_id => $_->{id}, content => 'y' } } @{ $message->{tool_calls} } ]);
	$mock->reset;
	sql("SELECT intel.chat('$turn', '$_-chat')") foreach @kinds;
	is_deeply([ map { $_->{thoughtSignature} } map { @{ $_->{parts} } } grep { $_->{role} eq 'model' } map { @{ $_->{json}{contents} || [] } } @{ $mock->requests } ],
		[ $signature, undef ], 'gemini: it goes back');
	is(scalar(grep { $_->{body} =~ /signature/i } @{ $mock->requests }), 1, 'and to no other kind');
	$mock->reset;
}
# which is no way around redaction
foreach my $text ('4111111111111111', MIME::Base64::encode_base64('please write to jane.roe@private.example', ''))
{
	is(sqlstate($node, qq{SELECT intel.chat('[{"role": "assistant", "content": "x", "tool_calls": [{"id": "call_1a", "type": "function", "thought_signature": "$text", "function": {"name": "f", "arguments": "{}"}}]}]', 'gemini-chat')}),
		'IN002', 'a signature that says something');
}
is(sqlstate($node, q{SELECT intel.chat('[{"role": "assistant", "content": "x", "tool_calls": [{"id": "call_1a", "type": "function", "thought_signature": "a b", "function": {"name": "f", "arguments": "{}"}}]}]', 'gemini-chat')}),
	'22023', 'or is none');
is(scalar @{ $mock->requests }, 0, 'is not sent');

# A tool call that a model makes, in each form, comes back in one form.
my %calls = (
	openai => '{"choices":[{"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_x","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rom\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":11,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":3}}}',
	anthropic => '{"content":[{"type":"thinking","thinking":"hm"},{"type":"tool_use","id":"call_x","name":"weather","input":{"city":"Rom"}}],"stop_reason":"tool_use","usage":{"input_tokens":4,"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":7}}',
	gemini => '{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"functionCall":{"name":"weather","args":{"city":"Rom"}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":4,"thoughtsTokenCount":3,"cachedContentTokenCount":5}}',
	ollama => '{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"weather","arguments":{"city":"Rom"}}}]},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":7}');
foreach my $kind (@kinds)
{
	$mock->control({ do => [ { kind => 'body', body => $calls{$kind} } ] });
	my $json = decode_json(sql("SELECT intel.chat('[{\"role\": \"user\", \"content\": \"x\"}]', '$kind-chat')"));
	$mock->reset;
	is($json->{finish_reason}, 'tool_calls', "$kind: finish reason of a tool call");
	like($json->{message}{tool_calls}[0]{id}, qr/^call_/, "$kind: id");
	is_deeply($json->{message}{tool_calls}[0]{function}, { name => 'weather', arguments => '{"city":"Rom"}' },
		"$kind: function");
	is($json->{usage}{input_tokens}, 11, "$kind: all input tokens");
	is($json->{usage}{output_tokens}, 7, "$kind: all output tokens");
	is($json->{usage}{cached_tokens}, $kind eq 'ollama' ? undef : 5, "$kind: cached tokens");
}

# Servers that speak OpenAI's format leave things out, or give them in another shape.
foreach my $case (
	[ '{"id":"call_a","function":{"name":"f","arguments":{"n":1.5}}}', 'call_a {"n":1.5}' ],
	[ '{"id":"call_a","function":{"name":"f","arguments":null}}', 'call_a {}' ],
	[ '{"id":"","function":{"name":"f","arguments":"{}"}}', 'call_o1 {}' ],
	[ '{"function":{"name":"f"}}', 'call_o1 {}' ])
{
	$mock->control({ do => [ { kind => 'body', body => qq({"choices":[{"message":{"content":null,"tool_calls":[$case->[0]]},"finish_reason":"tool_calls"}]}) } ] });
	is(sql(q{SELECT (c ->> 'id') || ' ' || (c #>> '{function,arguments}') FROM (SELECT intel.chat('[{"role": "user", "content": "x"}]', 'openai-chat') #> '{message,tool_calls,0}') t(c)}),
		$case->[1], "openai: a tool call: $case->[0]");
	$mock->reset;
}
$mock->control({ do => [ { kind => 'body', body => '{"message":{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":true}' } ] });
is(sql(q{SELECT intel.chat('[{"role": "user", "content": "x"}]', 'ollama-chat') ->> 'finish_reason'}), 'tool_calls', 'ollama: a tool call without content');
$mock->reset;

# What comes back goes back: identifiers of gemini, and signatures wherever they stand.
my $thoughts = MIME::Base64::encode_base64(join('', map { chr(($_ * 37 + 11) % 256) } 1 .. 300), '');
foreach my $case (
	[ 'gemini', qq({"candidates":[{"content":{"parts":[{"functionCall":{"id":"x9k2","name":"f","args":null},"thoughtSignature":"$thoughts"}]},"finishReason":"STOP"}]}),
		qr/"functionCall":\{"name":"f","args":\{\},"id":"x9k2"\},"thoughtSignature":"\Q$thoughts\E".*"functionResponse":\{"name":"f","response":\{"result":"r"\},"id":"x9k2"\}/ ],
	[ 'openai', qq({"choices":[{"message":{"content":null,"tool_calls":[{"id":"call_7__thought__$thoughts","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}),
		qr/"id":"call_7__thought__\Q$thoughts\E".*"tool_call_id":"call_7__thought__\Q$thoughts\E"/ ],
	[ 'openai', qq({"choices":[{"message":{"content":null,"tool_calls":[{"id":"call_a","extra_content":{"google":{"thought_signature":"$thoughts"}},"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}),
		qr/"extra_content":\{"google":\{"thought_signature":"\Q$thoughts\E"\}\}/ ])
{
	sql(q{UPDATE intel.model SET model_id = 'gemini-3' WHERE name = 'openai-chat'});
	$mock->control({ do => [ { kind => 'body', body => $case->[1] } ] });
	sql(qq{WITH turn AS MATERIALIZED (SELECT intel.chat('[{"role": "user", "content": "x"}]', '$case->[0]-chat') -> 'message' AS m)
		SELECT intel.chat(jsonb_build_array('{"role": "user", "content": "x"}'::jsonb, m, jsonb_build_object('role', 'tool', 'content', 'r', 'tool_call_id', m #> '{tool_calls,0,id}')), '$case->[0]-chat') FROM turn});
	(my $sent = $mock->requests->[1]{body}) =~ s{\\/}{/}g;
	like($sent, $case->[2], "$case->[0]: what came with a tool call is sent back");
	sql(q{UPDATE intel.model SET model_id = 'model-openai' WHERE name = 'openai-chat'});
	$mock->reset;
}
my $spoken = MIME::Base64::encode_base64('please write to jane.roe@private.example and to nobody else', '');
foreach my $id ("call_7__thought__$spoken", 'call_' . 'a' x 70, 'call_7__thought__')
{
	is(sqlstate($node, qq{SELECT intel.chat('[{"role": "assistant", "content": "x", "tool_calls": [{"id": "$id", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]', 'openai-chat')}),
		$id =~ /$spoken/ ? 'IN002' : '22023', "an identifier that is none: $id");
}
is(scalar @{ $mock->requests }, 0, 'is not sent');
$mock->reset;

# A call that was cut at the limit of tokens is not one to make.
my %cut = (
	openai => '{"choices":[{"message":{"content":null,"tool_calls":[{"id":"call_x","type":"function","function":{"name":"f","arguments":"{\"a"}}]},"finish_reason":"length"}]}',
	anthropic => '{"content":[{"type":"tool_use","id":"call_x","name":"f","input":{}}],"stop_reason":"max_tokens"}',
	gemini => '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"MAX_TOKENS"}]}',
	ollama => '{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":true,"done_reason":"length"}');
foreach my $kind (@kinds)
{
	$mock->control({ do => [ { kind => 'body', body => $cut{$kind} } ] });
	is(sql("SELECT intel.chat('[{\"role\": \"user\", \"content\": \"x\"}]', '$kind-chat') ->> 'finish_reason'"), 'length', "$kind: a call that was cut");
	$mock->reset;
}

# Tokens under other names, or not at all, are tokens that cost.
foreach my $stream ('', 'data: ')
{
	foreach my $case ([ '"promptTokenCount":9,"thoughtsTokenCount":5', '9 5 5' ], [ '"promptTokenCount":9', '9 0 -' ], [ '"thoughtsTokenCount":5', '- - 5' ])
	{
		$mock->control({ do => [ { kind => 'body', body => $stream . qq({"candidates":[{"content":{"role":"model"},"finishReason":"MAX_TOKENS"}],"usageMetadata":{$case->[0]}}) } ] });
		my $usage = decode_json(sql(q{SELECT r -> 'usage' FROM intel.} . ($stream ? 'stream_chat' : 'chat') . q{('[{"role": "user", "content": "x"}]', 'gemini-chat') r WHERE r ? 'usage'}));
		is(join(' ', map { $usage->{"${_}_tokens"} // '-' } qw(input output reasoning)), $case->[1], "gemini: usage of $stream$case->[0]");
		$mock->reset;
	}
}
$mock->control({ do => [ { kind => 'body', body => '{"data":[{"embedding":[1,2,3,4,5,6,7,8],"index":0}],"usage":{"total_tokens":12}}' } ] });
is(sql(q{SELECT intel._call('embed', '{"contents": ["x"], "model": "openai-embed"}') #>> '{usage,input_tokens}'}), '12', 'openai: total tokens of embeddings');
$mock->reset;

# Text answers: refusals, limits, filters.
my @finishes = (
	[ openai => '{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}', 'no', 'refusal' ],
	[ openai => '{"choices":[{"message":{"content":"","refusal":"no"},"finish_reason":"stop"}]}', 'no', 'refusal' ],
	[ openai => '{"choices":[{"message":{"content":"part"},"finish_reason":"length"}]}', 'part', 'length' ],
	[ openai => '{"choices":[{"message":{"content":"part"},"finish_reason":"model_length"}]}', 'part', 'length' ],
	[ openai => '{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"},{"type":"text","text":"b"}]},"finish_reason":"stop"}]}', 'ab', 'stop' ],
	[ openai => '{"choices":[{"message":{"content":"part"},"finish_reason":"new_word"}]}', 'part', 'other' ],
	[ openai => '{"choices":[{"message":{"role":"assistant","content":null},"finish_reason":"length"}]}', '', 'length' ],
	[ openai => '{"choices":[{"message":{"role":"assistant"},"finish_reason":"content_filter"}]}', '', 'content_filter' ],
	[ anthropic => '{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"stop_reason":"end_turn"}', 'ab', 'stop' ],
	[ anthropic => '{"content":[],"stop_reason":"refusal"}', '', 'refusal' ],
	[ gemini => '{"candidates":[{"finishReason":"SAFETY"}]}', '', 'content_filter' ],
	[ gemini => '{"candidates":[{"content":{"parts":[{"text":"a"},{"text":"b"}]},"finishReason":"MAX_TOKENS"}]}', 'ab', 'length' ],
	[ ollama => '{"message":{"content":"a"},"done_reason":"length"}', 'a', 'length' ]);
foreach my $case (@finishes)
{
	my ($kind, $body, $content, $finish) = @$case;
	$mock->control({ do => [ { kind => 'body', body => $body } ] });
	is(sql("SELECT (r ->> 'content') || '|' || (r ->> 'finish_reason') FROM intel._call('complete', '{\"prompt\": \"x\", \"model\": \"$kind-chat\"}') r"),
		"$content|$finish", "$kind: $finish");
	$mock->reset;
}

foreach my $message ('"message":{"content":null}', '"message":{"content":null},"finish_reason":"new_word"', '"message":{"content":5},"finish_reason":"stop"', '"finish_reason":"length"')
{
	$mock->control({ do => [ { kind => 'body', body => "{\"choices\":[{$message}]}" } ] });
	is(sqlstate($node, "SELECT intel.complete('x', 'openai-chat')"), 'IN004', "openai: no answer: $message");
	$mock->reset;
}

# What failed in the middle is no answer, though its status is that of one, nor is silence for a reason that nobody knows.
$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('responses', 'responses', '$base{openai}', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('responses-chat', 'responses', 'm', 'chat');
SQL
foreach my $case (
	(map { [ openai => qq({"choices":[{"message":{"content":"The first half"},"finish_reason":"$_"}]}), '58000', qr/failed \(status 200, $_\)/ ] } qw(error abort insufficient_system_resource)),
	[ openai => '{"choices":[{"message":{"content":"The first half"},"finish_reason":"error","error":{"code":502,"message":"SECRETWORD"}}]}', '58000', qr/failed \(status 200/ ],
	[ openai => '{"choices":[{"message":{"content":""},"error":{"code":429,"message":"SECRETWORD"}}]}', 'IN003', qr/limits its rate/ ],
	[ openai => '{"error":{"code":"429","message":"SECRETWORD"}}', 'IN003', qr/limits its rate/ ],
	[ openai => '{"object":"error","message":"SECRETWORD","type":"BadRequestError","code":400}', '38000', qr/rejected the request/ ],
	[ openai => '{"choices":[{"message":{"content":""},"finish_reason":"new_word"}]}', 'IN004', qr/no text, and no known reason/ ],
	[ responses => '{"status":"failed","error":null,"output":[{"type":"message","content":[{"text":"The first half"}]}]}', '58000', qr/failed \(status 200/ ],
	[ responses => '{"status":"cancelled","error":null,"output":[]}', 'IN004', qr/not completed/ ],
	[ anthropic => '{"content":[],"stop_reason":"pause_turn"}', 'IN004', qr/no text, and no known reason/ ],
	[ gemini => '{"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL"}]}', 'IN004', qr/no text, and no known reason/ ],
	[ ollama => '{"message":{"content":""},"done":true,"done_reason":"load"}', 'IN004', qr/no text, and no known reason/ ])
{
	my ($kind, $body, $state, $message) = @$case;
	$mock->control({ do => [ { kind => 'body', body => $body } ] });
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT intel.complete('x', '$kind-chat')");
	like($err, qr/ERROR:  $state: .*$message/, "$kind: no answer: $body");
	unlike($err . $out, qr/SECRETWORD|first half/, 'shows no text');
	sql("SELECT intel.reset_breaker('$kind-chat')");
	$mock->reset;
}

# A schema goes to where the provider looks for it.
my %schema = (
	openai => [qw(response_format json_schema schema)], anthropic => [qw(output_config format schema)],
	gemini => [qw(generationConfig responseJsonSchema)], ollama => [qw(format)]);
foreach my $kind (@kinds)
{
	sql("SELECT intel.complete('x', '$kind-chat', '{\"schema\": {\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}}}')");
	my $at = request()->{json};
	$at = $at->{$_} foreach @{ $schema{$kind} };
	# Anthropic wants objects closed
	is_deeply($at, { type => 'object', properties => { a => { type => 'string' } }, $kind eq 'anthropic' ? (additionalProperties => JSON::PP::false) : () }, "$kind: schema");
}

# Anthropic refuses bounds: the rest of a schema goes there, and the answer is checked here.
my $bounded = '{"type": "object", "description": "minimum", "required": ["score", "minimum"], "properties": {
	"score": {"type": "number", "minimum": 0, "maximum": 1, "exclusiveMinimum": -1, "exclusiveMaximum": 2},
	"minimum": {"type": "string", "minLength": 1, "maxLength": 9, "enum": ["maximum"]},
	"list": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": ["object", "null"], "properties": {"b": {"type": "string"}}}},
	"either": {"oneOf": [{"$ref": "#/$defs/a"}, {"const": {"minimum": 1}}]}},
	"$defs": {"a": {"type": "string", "minLength": 2}}}';
$mock->control({ do => [ { kind => 'ok', content => '{"score": 7, "minimum": "maximum"}' }, { kind => 'ok', content => '{"score": 0.7, "minimum": "maximum"}' } ] });
is(sql("SELECT intel.extract('x', '$bounded', 'anthropic-chat')"), '{"score": 0.7, "minimum": "maximum"}', 'anthropic: bounds are checked');
my @tries = @{ $mock->requests };
is(scalar @tries, 2, 'anthropic: and an answer beyond them is mended');
is_deeply($tries[0]{json}{output_config}{format}{schema}, { type => 'object', description => 'minimum', required => [ 'score', 'minimum' ],
	additionalProperties => JSON::PP::false,
	properties => { score => { type => 'number' }, minimum => { type => 'string', enum => ['maximum'] },
		list => { type => 'array', items => { type => [ 'object', 'null' ], properties => { b => { type => 'string' } }, additionalProperties => JSON::PP::false } },
		either => { anyOf => [ { '$ref' => '#/$defs/a' }, { const => { minimum => 1 } } ] } },
	'$defs' => { a => { type => 'string' } } }, 'anthropic: a schema without bounds');
$mock->reset;

# A closed object without names could only be empty, and others the service refuses: such schemas are asked for in words.
my $any = '{"type": "object", "properties": {"a": %s}, "required": ["a"]}';
foreach my $map ((map { sprintf($any, $_) } '{}', 'true', '{"description": "anything"}', '{"minimum": 3}', '{"type": "array", "items": {}}',
		'{"type": "array", "items": {"anyOf": [{"type": "object", "properties": {"one": {"type": "integer"}}}], "oneOf": [{"type": "object", "properties": {"one": {"type": "integer"}}}]}}',
		'{"allOf": [{"type": "array", "items": {"type": "object", "properties": {"one": {"type": "integer"}}}}]}'),
	'{"type": "object", "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/n"}}}, "$defs": {"n": {"type": "object", "properties": {"one": {"type": "integer"}, "next": {"$ref": "#/$defs/n"}}}}}',
	'{"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {"one": {"type": "integer"}, "up": {"$ref": "#"}}}}}}',
	'{"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {"one": {"type": "integer"}}}}}, "anyOf": [{"type": "object", "properties": {"b": {"type": "null"}}}]}',
	'{"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {"one": {"type": "integer"}}}}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}',
	'{"type": "object"}', '{"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "integer"}}}}}',
	'{"anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": true}]}', '{"$ref": "#/$defs/m", "$defs": {"m": {"type": ["object", "null"]}}}')
{
	$mock->control({ do => [ { kind => 'ok', content => '{"a": [{"one": 1}]}' } ] });
	is(sql("SELECT intel.complete('x', 'anthropic-chat', '{\"system\": \"Be kind.\", \"schema\": $map}')"), '{"a": [{"one": 1}]}', "anthropic: $map");
	my $sent = request()->{json};
	is($sent->{output_config}, undef, 'no format');
	my ($told) = $sent->{system} =~ /^Be kind\.\n\nAnswer with JSON alone, which fits this JSON Schema: (.*)$/s;
	is_deeply(decode_json($told // 'null'), decode_json($map), 'the schema in words');
	$mock->reset;
}
# References that end, and formats that it knows.
sql(q{SELECT intel.complete('x', 'anthropic-chat', '{"schema": {"type": "object", "properties": {"a": {"$ref": "#/$defs/s"}, "b": {"$ref": "#/$defs/s"}},
	"$defs": {"s": {"type": "object", "properties": {"format": {"type": "string", "format": "date-time"}, "c": {"type": "string", "format": "phone"}, "d": {"$ref": "#/$defs/t"}}}, "t": {"type": ["null", "string"]}}}}')});
is_deeply(request()->{json}{output_config}{format}{schema}{'$defs'}{s}, { type => 'object', additionalProperties => JSON::PP::false,
	properties => { format => { type => 'string', format => 'date-time' }, c => { type => 'string' }, d => { '$ref' => '#/$defs/t' } } }, 'anthropic: formats that it knows');
$mock->control({ do => [ { kind => 'ok', content => 'Here you are.' }, { kind => 'ok', content => '{"one": 1}' } ] });
is(sql(q{SELECT intel.extract('x', '{"type": "object"}', 'anthropic-chat')}), '{"one": 1}', 'anthropic: it is mended, too');
$mock->reset;

sql(q{SELECT intel.complete('x', 'openai-chat', '{"metadata": {"a": "b"}}')});
is_deeply(request()->{json}{metadata}, { a => 'b' }, 'openai: servers that speak its format may take metadata');

# How much is thought goes to where each kind looks for it.
sql(q{INSERT INTO intel.model (name, provider, model_id, task) VALUES ('gemini-old', 'gemini', 'gemini-2.5-flash', 'chat')});
foreach my $case (
	[ 'openai-chat', 'low', [qw(reasoning_effort)], 'low' ], [ 'anthropic-chat', 'low', [qw(output_config effort)], 'low' ],
	[ 'gemini-chat', 'minimal', [qw(generationConfig thinkingConfig)], { thinkingLevel => 'minimal' } ],
	(map { [ 'gemini-old', $_->[0], [qw(generationConfig thinkingConfig)], { thinkingBudget => $_->[1] } ] } [ none => 0 ], [ minimal => 1024 ], [ low => 1024 ], [ medium => 8192 ], [ high => 24576 ]),
	[ 'ollama-chat', 'high', [qw(think)], 'high' ], [ 'ollama-chat', 'none', [qw(think)], JSON::PP::false ])
{
	my ($model, $word, $path, $want) = @$case;
	sql("SELECT intel.complete('x', '$model', '{\"reasoning_effort\": \"$word\"}')");
	my $at = request()->{json};
	$at = $at->{$_} foreach @$path;
	is_deeply($at, $want, "$model: $word");
}
my ($thought_rc, $thought_out, $thought_err) = $node->psql('postgres', q{SELECT intel.complete('x', 'gemini-old', '{"reasoning_effort": "extreme"}')});
like($thought_err, qr/"reasoning_effort" of this model is none, minimal, low, medium or high/, 'gemini: a word of no number');

# Ollama: a model of one's own has a context and a time in memory, in the options of a model and those of a call.
sql(q{UPDATE intel.model SET options = '{"num_ctx": 8192, "keep_alive": -1}' WHERE name IN ('ollama-chat', 'ollama-embed')});
sql(q{SELECT intel.complete('x', 'ollama-chat')});
my $ollama = request()->{json};
is_deeply([ $ollama->{options}, $ollama->{keep_alive} ], [ { num_ctx => 8192 }, -1 ], 'ollama: options of the model');
sql(q{SELECT intel.complete('x', 'ollama-chat', '{"num_ctx": 16384, "keep_alive": "1h30m"}')});
$ollama = request()->{json};
is_deeply([ $ollama->{options}, $ollama->{keep_alive} ], [ { num_ctx => 16384 }, '1h30m' ], 'ollama: options of a call');
sql(q{SELECT intel.embed('x', 'ollama-embed')});
$ollama = request()->{json};
is_deeply([ $ollama->{options}, $ollama->{keep_alive} ], [ { num_ctx => 8192 }, -1 ], 'ollama: of embeddings');
sql(q{UPDATE intel.model SET options = '{}' WHERE name IN ('ollama-chat', 'ollama-embed')});
is(sqlstate($node, "UPDATE intel.model SET options = '{$_}' WHERE name = 'ollama-chat'"), '22023', "checked when they are written: $_")
  foreach '"num_ctx": 0', '"num_ctx": "8k"', '"num_ctx": 1.5', map { "\"keep_alive\": $_" } '-2', '1.5', '1e10', 'true', '""', '"-"', '"5"', '"5x"', '"5mm"', '"m5"', '"5 m"', '"1234567s5"', '"4111111111111111s"';
sql(qq{UPDATE intel.model SET options = '{"keep_alive": $_}' WHERE name = 'ollama-chat'}) foreach '0', '"300ms"', '"-1m"', 'null', '"24h"';
sql(q{UPDATE intel.model SET options = '{}' WHERE name = 'ollama-chat'});

# Options that a provider does not have are refused before anything is sent.
my @own = ([ num_ctx => 5 ], [ keep_alive => 5 ]);
is(sqlstate($node, "SELECT intel.complete('x', '$_->[0]-chat', '{\"$_->[1]\": $_->[2]}')"), '22023', "$_->[0]: no $_->[1]")
  foreach map { my $kind = $_; map { [ $kind, @$_ ] } @own } qw(openai anthropic gemini);
sql(q{UPDATE intel.model SET options = '{"num_ctx": 5}' WHERE name = 'gemini-embed'});
is(sqlstate($node, q{SELECT intel.embed('x', 'gemini-embed')}), '22023', 'gemini: nor for embeddings');
sql(q{UPDATE intel.model SET options = '{}' WHERE name = 'gemini-embed'});
is(sqlstate($node, "SELECT intel.complete('x', '$_->[0]-chat', '{\"$_->[1]\": $_->[2]}')"), '22023', "$_->[0]: no $_->[1]")
  foreach [ anthropic => 'seed', 1 ], [ gemini => 'metadata', '{"a": "b"}' ], [ ollama => 'tool_choice', '"auto"' ];
is(sqlstate($node, "SELECT intel.embed('x', 'anthropic-embed')"), '22023', 'anthropic: no embeddings');
sql(q{INSERT INTO intel.provider (name, kind) VALUES ('public', 'openai'); INSERT INTO intel.model (name, provider, model_id, task) VALUES ('public-chat', 'public', 'm', 'chat')});
foreach my $option ('"top_k": 5', '"metadata": {"a": "b"}')
{
	my ($rc, $out, $err) = $node->psql('postgres', "SELECT intel.complete('x', 'public-chat', '{$option}')");
	like($err, qr/providers of kind "openai" have no option/, "openai: no $option at its own address");
}
is(scalar @{ $mock->requests }, 0, 'nothing was sent');

# Counts beyond reason are none, and their sums do not turn negative.
$mock->control({ do => [ { kind => 'body', body => '{"content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","usage":{"input_tokens":5,"cache_read_input_tokens":9223372036854775807,"output_tokens":9223372036854775807}}' } ] });
is(sql(q{SELECT intel.chat('[{"role": "user", "content": "x"}]', 'anthropic-chat') ->> 'usage'}), '{"input_tokens": 5}', 'counts beyond reason');
$mock->reset;

# ---- embeddings ----------------------------------------------------------------

my %embed_paths = (
	openai => '/v1/embeddings', gemini => '/v1beta/models/embed-gemini:batchEmbedContents', ollama => '/api/embed');
foreach my $kind (sort keys %embed_paths)
{
	my $one = sql("SELECT intel.embed('first words', '$kind-embed')");
	is(request()->{path}, $embed_paths{$kind}, "$kind: path of embeddings");
	like($one, qr/^\[(-?[0-9.e-]+,){7}-?[0-9.e-]+\]$/, "$kind: one vector");
	my $many = sql("SELECT array_to_string(intel.embed(ARRAY['other', NULL, 'first words'], '$kind-embed'), ' ', 'none')");
	is((split / /, $many)[2], $one, "$kind: vectors in the order of the texts");
	is((split / /, $many)[1], 'none', "$kind: null stays null");
	request();
}
# One empty text makes these services refuse all of a request: it is named before.
$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url) VALUES ('public-gemini', 'gemini', NULL), ('az', 'azure', 'https://az.invalid/openai/v1');
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('public-embed', 'public', 'm', 'embed'), ('gemini-public', 'public-gemini', 'm', 'embed'), ('az-embed', 'az', 'm', 'embed');
SQL
foreach my $model (qw(public-embed gemini-public az-embed))
{
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT intel.embed(ARRAY['a', NULL, '', 'b'], '$model'); SELECT intel.embed('', '$model')", on_error_stop => 0);
	like($err, qr/ERROR:  22023: text 3 is empty\nDETAIL:  Provider "[a-z-]+" embeds no empty texts.*ERROR:  22023: text 1 is empty/s, "$model: an empty text");
}
is(sql("SELECT cardinality(intel.embed(ARRAY['a', ''], 'openai-embed'))"), '2', 'other servers may take it');
request();
sql("SELECT intel.embed('x', 'openai-embed')");
is(request()->{json}{encoding_format}, 'base64', 'openai: base64 is asked for');

# Exactly the float that was sent, both ways of sending it.
my @floats = unpack 'f<*', pack 'f<*', 0.1, -1 / 3, 1e-38, 3.4e38, 16777217, 1.17549435e-38, -2, 5;
my $plain = join ',', map { sprintf '%.17g', $_ } @floats;
my $packed = MIME::Base64::encode_base64(pack('f<*', @floats), '');
foreach my $value ("[$plain]", "\"$packed\"")
{
	$mock->control({ do => [ { kind => 'body', body => "{\"data\":[{\"index\":0,\"embedding\":$value}]}" } ] });
	my $text = sql("SET extra_float_digits = 1; SELECT intel.embed('x', 'openai-embed')");
	$text =~ tr/[]//d;
	is(join(',', map { sprintf '%.9g', $_ } unpack 'f<*', pack 'f<*', split /,/, $text),
		join(',', map { sprintf '%.9g', $_ } @floats), 'floats arrive bit for bit');
	$mock->reset;
}
$mock->control({ match => { path => 'embed' }, do => ['shuffled'], always => JSON::PP::true });
is(sql("SELECT (intel.embed(ARRAY['a','b','c'], 'openai-embed'))[2]::text"), do { $mock->reset; sql("SELECT intel.embed('b', 'openai-embed')") },
	'embeddings are placed by index');
$mock->reset;
sql("SELECT count(*) FROM unnest(intel.embed(array(SELECT 'text ' || i FROM generate_series(1, 300) i), 'openai-embed'))");
is(scalar @{ $mock->requests }, 3, '300 texts are 3 requests');

# The planner, the select list and ORDER BY share one call.
$mock->reset;
sql("SET intel.default_embedding_model = 'openai-embed';
	SELECT v OPERATOR(intel.<=>) intel.embed('one question') FROM (SELECT intel.embed('x', 'openai-embed') AS v) s
	WHERE v OPERATOR(intel.<=>) intel.embed('one question') < 3 ORDER BY v OPERATOR(intel.<=>) intel.embed('one question')");
is(scalar(grep { $_->{body} =~ /one question/ } @{ $mock->requests }), 1, 'the same text in one statement is one call');
$mock->reset;
sql("SELECT intel.embed('a', 'openai-embed'), intel.embed('b', 'openai-embed'), intel.embed('b', 'ollama-embed')");
is(scalar @{ $mock->requests }, 3, 'another text or model is another call');

# Options of the model, unless the request has them.
sql(q{UPDATE intel.model SET options = '{"temperature": 0.25, "max_tokens": 7}' WHERE name = 'openai-chat'});
$mock->reset;
sql(q{SELECT intel.complete('x', 'openai-chat', '{"max_tokens": 9}')});
my $merged = request()->{json};
is("$merged->{temperature} $merged->{max_tokens}", '0.25 9', 'options of the model');
sql(q{UPDATE intel.model SET options = '{"dimensions": 5}', dimensions = 5 WHERE name = 'openai-embed'});
is(sql(q{SELECT intel.vector_dims(intel.embed('x', 'openai-embed'))}), '5', 'dimensions of the model');
is(request()->{json}{dimensions}, 5, 'are asked for');

# ---- numbers are as somebody wrote them -------------------------------------------

my %pays = (
	openai => '{"choices":[{"message":{"content":null,"tool_calls":[{"id":"call_x","type":"function","function":{"name":"pay","arguments":"{\"amount\":19.99}"}}]}}]}',
	anthropic => '{"content":[{"type":"tool_use","id":"call_x","name":"pay","input":{"amount":19.99}}],"stop_reason":"tool_use"}',
	gemini => '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"pay","args":{"amount":19.99}}}]},"finishReason":"STOP"}]}',
	ollama => '{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"pay","arguments":{"amount":19.99}}}]},"done":true}');
foreach my $kind (@kinds)
{
	foreach my $call ('chat', 'stream_chat')
	{
		next if $call eq 'stream_chat' && $kind !~ /gemini|ollama/;
		$mock->control({ do => [ { kind => 'body', body => ($call eq 'stream_chat' && $kind eq 'gemini' ? 'data: ' : '') . $pays{$kind} } ] });
		is(sql("SELECT r #>> '{message,tool_calls,0,function,arguments}' FROM intel.$call('[{\"role\": \"user\", \"content\": \"x\"}]', '$kind-chat') r"),
			'{"amount":19.99}', "$kind: arguments of $call");
		$mock->reset;
	}
	$node->psql('postgres', "SELECT intel.chat('[{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"call_1a\", \"type\": \"function\", \"function\": {\"name\": \"pay\", \"arguments\": \"{\\\"amount\\\": 4.35}\"}}]}, {\"role\": \"tool\", \"tool_call_id\": \"call_1a\", \"content\": \"x\"}]', '$kind-chat', '{\"schema\": {\"type\": \"object\", \"properties\": {\"a\": {\"enum\": [19.99, 0.7]}}}, \"temperature\": 0.7}')");
	my $body = $mock->requests->[0]{body};
	$mock->reset;
	like($body, qr/"enum":\[19\.99,0\.7\]/, "$kind: numbers of a schema");
	like($body, qr/4\.35/, "$kind: arguments that are sent");
	like($body, qr/"temperature":0\.7\b/, "$kind: options");
}

# ---- ranking, and kinds that differ by little ------------------------------------

$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, secret, allow_private_network) VALUES
	('azure', 'azure', 'http://127.0.0.1:$port/openai/v1', 'env:MOCK', true),
	('tei', 'tei', 'http://127.0.0.1:$port', 'env:MOCK', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES
	('azure-chat', 'azure', 'deployed', 'chat'), ('rank', 'openai', 'ranker', 'rerank'),
	('tei-rank', 'tei', 'ranker', 'rerank'), ('tei-embed', 'tei', 'e', 'embed'), ('gemini-rank', 'gemini', 'r', 'rerank');
SQL
$mock->reset;
is(sql("SELECT intel.complete('x', 'azure-chat', '{\"max_tokens\": 5}')"), 'echo: x', 'azure: complete');
my $azure = request();
is($azure->{path}, '/openai/v1/chat/completions', 'azure: path');
is(header($azure, 'api-key'), $key, 'azure: key');
is($azure->{json}{max_completion_tokens}, 5, 'azure: limit');

is(sql("SELECT string_agg(index || ':' || document, ' ' ORDER BY rank) FROM intel.rerank('disk space', ARRAY['pie', 'disk space', 'the disk'], 'rank')"),
	'2:disk space 3:the disk 1:pie', 'ranking');
my $ranking = request();
is($ranking->{path}, '/v1/rerank', 'rerank: path');
is_deeply($ranking->{json}, { model => 'ranker', query => 'disk space', documents => [ 'pie', 'disk space', 'the disk' ] }, 'rerank: body');
foreach my $form (
	[ 'rank', '{"results":[{"index":1,"relevance_score":0.9,"document":{"text":"b"}},{"index":0,"relevance_score":-3.5}],"usage":{"total_tokens":7}}' ],
	[ 'rank', '{"data":[{"index":0,"relevance_score":0.1},{"index":1,"relevance_score":0.2}]}' ],
	[ 'tei-rank', '[{"index":1,"score":0.9},{"index":0,"score":0.1}]' ])
{
	$mock->control({ do => [ { kind => 'body', body => $form->[1] } ] });
	is(sql("SELECT string_agg(document, ' ' ORDER BY rank) FROM intel.rerank('q', ARRAY['a', 'b'], '$form->[0]')"), 'b a', 'a form of ranking');
	$mock->reset;
}
foreach my $broken ('{"results":[{"index":0,"score":1}]}', '{"results":[{"index":0,"score":1},{"index":0,"score":1}]}',
	'{"results":[{"index":0,"score":1},{"index":2,"score":1}]}', '{"results":[{"index":0,"score":1},{"index":1,"score":"1"}]}',
	'{"results":[{"index":0,"score":1},{"index":1}]}', '{"results":{}}', '{}', '[]')
{
	$mock->control({ do => [ { kind => 'body', body => $broken } ] });
	is(sqlstate($node, "SELECT intel.rerank('q', ARRAY['a', 'b'], 'rank')"), 'IN004', "no ranking: $broken");
	$mock->reset;
}
$mock->control({ do => [ { kind => 'body', body => '[{"index":0,"score":1}]' } ] });
sql("SELECT intel.rerank('q', ARRAY['a'], 'tei-rank')");
my $tei = request();
is_deeply([ $tei->{path}, $tei->{json} ], [ '/rerank', { query => 'q', texts => ['a'] } ], 'tei: body');
sql("SELECT intel.embed('x', 'tei-embed')");
is(request()->{path}, '/v1/embeddings', 'tei: embeddings');
is(sqlstate($node, "SELECT intel.rerank('q', ARRAY['a'], 'gemini-rank')"), '22023', 'gemini does not rank');
$mock->reset;

# No request has more than its provider takes.
sub sizes { my @sizes = map { scalar @{ $_->{json}{$_[0]} } } @{ $mock->requests }; $mock->reset; return join ' ', sort { $b <=> $a } @sizes; }
foreach my $case ([ 'gemini-embed', 'requests', '100 100 50' ], [ 'tei-embed', 'input', '32 32 32 32 32 32 32 26' ],
	[ 'openai-embed', 'input', '128 122' ], [ 'ollama-embed', 'input', '128 122' ])
{
	is(sql("SELECT count(*) FROM unnest(intel.embed(array(SELECT 'text ' || i FROM generate_series(1, 250) i), '$case->[0]'))"), '250', "$case->[0]: 250 texts");
	is(sizes($case->[1]), $case->[2], "$case->[0]: requests of what it takes");
}
is(sql("SELECT count(*) FROM unnest(intel.embed(array(SELECT repeat('x ', 20000) FROM generate_series(1, 5) i), 'gemini-embed'))"), '5', 'long texts');
is(sizes('requests'), '2 2 1', 'gemini: and bytes');
sql(q{UPDATE intel.model SET fallback = 'tei-embed', model_id = 'e' WHERE name = 'ollama-embed'});
sql("SELECT intel.embed(array(SELECT 'text ' || i FROM generate_series(1, 40) i), 'ollama-embed')");
is(sizes('input'), '32 8', 'what a model falls back on could take it, too');
sql(q{UPDATE intel.model SET fallback = NULL WHERE name = 'ollama-embed'});

my @scores = map { { index => $_, score => ($_ * 7 % 32) / 32 } } 0 .. 31;
$mock->control({ do => [ map { { kind => 'body', body => encode_json($_) } } \@scores, \@scores, [ { index => 1, score => 0.99 }, { index => 0, score => 0.5 } ] ] });
is(sql("SELECT string_agg(index || ':' || document, ' ' ORDER BY rank) FROM intel.rerank('q', array(SELECT 'd' || i FROM generate_series(1, 66) i), 'tei-rank', 5)"),
	'66:d66 10:d10 42:d42 19:d19 51:d51', 'tei: documents of several requests in one order');
is(sizes('texts'), '32 32 2', 'tei: of at most 32');
is(sqlstate($node, "SELECT intel._call('rerank', jsonb_build_object('model', 'tei-rank', 'query', 'q', 'documents', array(SELECT 'd' || i FROM generate_series(1, 33) i)))"),
	'22023', 'tei: no request has more');
is(scalar @{ $mock->requests }, 0, 'which is not sent');
$mock->reset;

# ---- a database that is not UTF-8 --------------------------------------------------

$node->safe_psql('postgres', "CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
$node->safe_psql('latin1', <<"SQL");
CREATE EXTENSION intel;
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('openai', 'openai', '$base{openai}', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('c', 'openai', 'm', 'chat'), ('e', 'openai', 'm', 'embed');
SQL
$mock->reset;
is($node->safe_psql('latin1', q{SET client_encoding = 'UTF8'; SELECT intel.complete('Grüße an x@private.example', 'c')}),
	'echo: Grüße an <EMAIL_ADDRESS>', 'LATIN1: there and back');
is(request()->{json}{messages}[0]{content}, decode_utf8('Grüße an <EMAIL_ADDRESS>'), 'LATIN1: sent as UTF-8');
foreach my $content ('naïve café', "\x{1F600}")
{
	$mock->reset;
	$mock->control({ do => [ { kind => 'ok', content => $content =~ /caf/ ? decode_utf8($content) : $content } ] });
	my ($rc, $out, $err) = $node->psql('latin1', q{SET client_encoding = 'UTF8'; SELECT intel.complete('x', 'c')});
	is($out, $content, 'LATIN1: an answer that it can hold') if $content =~ /caf/;
	like($err, qr/answer of provider "openai" has characters that the encoding of the database lacks/, 'LATIN1: an answer that it cannot hold is an error') if $content !~ /caf/;
}
$mock->reset;
$mock->control({ do => [ { kind => 'ok', content => "\x{1F600}" } ], always => JSON::PP::true });
is($node->safe_psql('latin1', q{SELECT intel.complete('x', 'c', '{"fallback": "sorry"}')}), 'sorry', 'LATIN1: for which the given answer stands');
is($node->safe_psql('latin1', q{SELECT string_agg(content || ' ' || answer, ',') FROM intel.summarize_each('{a,b}', 9, 'c', '{"fallback": "sorry"}')}), 'a sorry,b sorry', 'LATIN1: of many, too');
is($node->safe_psql('latin1', q{SELECT intel.stream('x', 'c', '{"fallback": "sorry"}')}), 'sorry', 'LATIN1: of a stream, too');
$mock->reset;
$mock->control({ do => [ { kind => 'drip', interval => 0.2, content => "plain words \x{1F600} and more" } ], always => JSON::PP::true });
foreach my $stream (q{intel.stream('x', 'c')}, q{intel.stream('x', 'c', '{"fallback": "sorry"}')}, q{intel.stream_chat('[{"role": "user", "content": "x"}]', 'c')})
{
	my ($rc, $out, $err) = $node->psql('latin1', "\\set VERBOSITY verbose\n\\set FETCH_COUNT 1\nSELECT $stream");
	like($out, qr/plain/, "LATIN1: what comes before is given: $stream");
	like($err, qr/ERROR:  IN004: answer of provider "openai" has characters that the encoding of the database lacks/, 'LATIN1: then the stream fails');
	unlike($err, qr/byte sequence/, 'LATIN1: and shows nothing of it');
}
is($node->safe_psql('latin1', q{SELECT DISTINCT status || ' ' || error_code FROM intel.inference WHERE id > (SELECT max(id) - 3 FROM intel.inference)}), 'failed IN004', 'LATIN1: the log says so');
$mock->reset;
$mock->control({ do => [ { kind => 'body', body => JSON::PP->new->ascii->encode({ choices => [ { message => { role => 'assistant', content => 'x', tool_calls => [ { id => 'call_1', type => 'function', function => { name => 'f', arguments => "{\"a\": \"\x{1F600}\"}" } } ] }, finish_reason => 'tool_calls' } ] }) },
	{ kind => 'body', body => join '', map { 'data: ' . JSON::PP->new->ascii->encode({ choices => [ $_ ] }) . "\n\n" } { delta => { content => 'x' } },
		{ delta => { tool_calls => [ { index => 0, id => 'call_1', function => { name => 'f', arguments => "{\"a\": \"\x{1F600}\"}" } } ] }, finish_reason => 'tool_calls' } } ] });
foreach my $call (q{intel.chat('[{"role": "user", "content": "x"}]', 'c')}, q{intel.stream_chat('[{"role": "user", "content": "x"}]', 'c')})
{
	my ($rc, $out, $err) = $node->psql('latin1', "\\set VERBOSITY verbose\nSELECT $call");
	like($err, qr/ERROR:  IN004: .* lacks/, "LATIN1: so do arguments of a tool: $call");
}
$mock->reset;
$mock->control({ do => [ { kind => 'ok', content => "\x{1F600}" } ], always => JSON::PP::true });
is($node->safe_psql('latin1', q{UPDATE intel.model SET fallback = 'builtin-answer' WHERE name = 'c'; SELECT intel.complete('x', 'c') ~ '^The builtin'}), 't', 'LATIN1: or another model');
is(sqlstate($node, q{SELECT intel.complete('x', 'openai-chat')}), '00000', 'which UTF-8 holds');
$mock->reset;

# ---- connections are reused ------------------------------------------------------

$mock->reset;
my $before = $mock->stats;
sql("SELECT count(intel.complete('n' || i, 'openai-chat')) FROM generate_series(1, 200) i");
my $after = $mock->stats;
is($after->{requests} - ($before->{requests} // 0), 200, '200 calls');
SKIP:
{
	skip 'the model server does not count connections', 1 unless exists $after->{connections};
	cmp_ok($after->{connections} - $before->{connections}, '<=', 2, 'on one connection');
}

$node->stop;
done_testing();
