# "restore": placeholders leave, and what they stand for is in the answer
# again, whole or in pieces; nobody else's, and nowhere else.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', conf => "intel.job_retry_delay = 20ms\n");
my $mock = start_mock();
my $url = $mock->url('/v1');
$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms) VALUES ('mock', 'openai', '$url', true, 5000);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0);
SQL
sub value { return $node->safe_psql('postgres', $_[0]); }
my $mail = 'ann.roe@private.example';
my $other = 'bob@other.example';
my $prompt = "Write to $mail and to $other, then to $mail.";

is(value("SELECT intel.complete('$prompt', 'chat', '{\"restore\": true}')"), "echo: $prompt", 'an answer has what was redacted');
like($mock->raw, qr/Write to <EMAIL_ADDRESS_1> and to <EMAIL_ADDRESS_2>, then to <EMAIL_ADDRESS_1>/, 'and the model had placeholders');
is(value("SELECT intel.complete('$prompt', 'chat')"), 'echo: Write to <EMAIL_ADDRESS> and to <EMAIL_ADDRESS>, then to <EMAIL_ADDRESS>.', 'without the option nothing is restored');
is(value("SELECT intel.chat('[{\"role\": \"system\", \"content\": \"For $other.\"}, {\"role\": \"user\", \"content\": \"$prompt\"}]', 'chat', '{\"restore\": true}') #>> '{message,content}'"),
	"echo: $prompt", 'a conversation has one numbering');
is(value("SELECT string_agg(s, '') FROM intel.stream('$prompt', 'chat', '{\"restore\": true}') s"), "echo: $prompt", 'a stream');
$mock->control({ do => ['split'] });
is(value("SELECT string_agg(s, '') FROM intel.stream('$prompt', 'chat', '{\"restore\": true}') s"), "echo: $prompt", 'in single bytes, too');
is(value("SELECT string_agg(s ->> 'delta', '') || '|' || string_agg(s #>> '{message,content}', '') FROM intel.stream_chat('[{\"role\": \"user\", \"content\": \"$prompt\"}]', 'chat', '{\"restore\": true}') s"),
	"echo: $prompt|echo: $prompt", 'pieces and whole of a conversation');
# a piece that ends inside a placeholder is held back
$mock->control({ do => [ { kind => 'body', body => join('', map { "data: {\"choices\": [{\"delta\": {\"content\": \"$_\"}}]}\n\n" } 'To <EMAIL', '_ADDR', 'ESS_1', '> and <EMAIL_ADDRESS_7> and <PHONE_NUMBER_1', '>', ' <EMAIL_ADDRESS_') .
	"data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n" } ] });
is(value("SELECT string_agg(s, '') FROM intel.stream('$prompt', 'chat', '{\"restore\": true}') s"),
	"To $mail and <EMAIL_ADDRESS_7> and <PHONE_NUMBER_1> <EMAIL_ADDRESS_", 'placeholders that are not of this request stay');

# jobs, and their parts
my $job = value("SELECT intel.submit('complete', jsonb_build_object('prompt', '$prompt', 'model', 'chat', 'restore', true, 'stream', true))");
is(value("SELECT (w).result ->> 'content' FROM intel.wait($job) w"), "echo: $prompt", 'a job');
is(value("SELECT string_agg(content, '' ORDER BY seq) FROM intel.job_part WHERE job = $job"), "echo: $prompt", 'and its parts');

# shapes: a value with quotes does not break the JSON around it
my $schema = '{"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}';
value(q{INSERT INTO intel.custom_rule (name, entity, pattern, score) VALUES ('code', 'CUSTOM', 'say "[a-z]+"', 1)});
$mock->control({ do => [ { kind => 'ok', content => '{"to": "It is <CUSTOM_1>"}' } ] });
is(value(qq{SELECT intel.extract('Please say "hello" there', '$schema', 'chat', '{"restore": true}') ->> 'to'}), 'It is say "hello"', 'a shape');
$mock->control({ do => [ { kind => 'body', body => '{"choices": [{"message": {"role": "assistant", "content": null, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"q\": \"<CUSTOM_1>\"}"}}]}, "finish_reason": "tool_calls"}]}' } ] });
is(value(q{SELECT (intel.chat('[{"role": "user", "content": "Please say \"hello\" there"}]', 'chat', '{"restore": true, "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}}]}')
	#>> '{message,tool_calls,0,function,arguments}')::jsonb ->> 'q'}), 'say "hello"', 'arguments of a tool');
$mock->control({ do => [ { kind => 'ok', content => 'no JSON <CUSTOM_1>' }, { kind => 'ok', content => '{"to": "<CUSTOM_1>"}' } ] });
is(value(qq{SELECT intel.extract('Please say "hello" there', '$schema', 'chat', '{"restore": true}') ->> 'to'}), 'say "hello"', 'an answer that was mended');
unlike($mock->raw, qr/hello/, 'what stood there was not sent with the second try');

# a member of the user's own that is called like one of the answer is a text like any other
my $own = '{"type": "object", "properties": {"content": {"type": "string"}, "arguments": {"type": "array"}, "price": {"type": "number"}}}';
foreach my $case (
	[ '{"content": "1.10", "arguments": ["{\"a\": 1.10 }", "<CUSTOM_1>"], "price": 19.99}',
		'{"price": 19.99, "content": "1.10", "arguments": ["{\"a\": 1.10 }", "say \"hello\""]}' ],
	[ '{"content": "{\"a\": \"<CUSTOM_1>\"}", "price": 4.350}', '{"price": 4.35, "content": "{\"a\": \"say \"hello\"\"}"}' ],
	[ '{"content": "[1.10, 2]", "price": 4.350}', '{"price": 4.350, "content": "[1.10, 2]"}' ])
{
	my ($content, $want) = @$case;
	$mock->control({ do => [ { kind => 'ok', content => $content } ] });
	is(value(qq{SELECT intel.extract('Please say "hello" there', '$own', 'chat', '{"restore": true}')}), $want, "restored: $content");
}
my $quoted = '{\"content\": \"1.10\", \"arguments\": \"2.50\", \"q\": \"<CUSTOM_1>\", \"p\": 19.99}';
$mock->control({ do => [ { kind => 'body', body => qq({"choices": [{"message": {"role": "assistant", "content": "1.10 <CUSTOM_1>", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "$quoted"}}]}, "finish_reason": "tool_calls"}]}) } ] });
is(value(q{SELECT (m ->> 'content') || ' ' || (m #>> '{tool_calls,0,function,arguments}') FROM (SELECT intel.chat('[{"role": "user", "content": "Please say \"hello\" there"}]', 'chat', '{"restore": true}') -> 'message' AS m) c}),
	'1.10 say "hello" {"content":"1.10","arguments":"2.50","q":"say \"hello\"","p":19.99}', 'and in the arguments of a tool');

# ---- the cache keeps placeholders, and gives each caller his own ------------------------

$mock->reset;
is(value("SELECT intel.complete('Greet $_.', 'chat', '{\"restore\": true, \"cache\": 600}')"), "echo: Greet $_.", "cached: $_") foreach $mail, $other, $mail;
is($mock->stats->{requests}, 1, 'one call for both');
is(value("SELECT count(*) FROM intel.cache WHERE result LIKE '%example%'"), '0', 'and neither is in the cache');
$mock->control({ do => ['500'], always => \1 });
value(q{UPDATE intel.cache SET expires_at = now() - interval '1 s'});
is(value("SELECT intel.complete('Greet $other.', 'chat', '{\"restore\": true, \"cache\": 600}')"), "echo: Greet $other.", 'an expired answer is restored, too');
$mock->reset;

# ---- attacks -----------------------------------------------------------------------------

# text that looks like a placeholder does not get another's value
my $forged = value("SELECT intel.complete('<EMAIL_ADDRESS_1> $mail <EMAIL_ADDRESS_2>', 'chat', '{\"restore\": true}')");
is($forged, "echo: <EMAIL_ADDRESS_1> $mail <EMAIL_ADDRESS_2>", 'a placeholder that was in the text stays what it was');
# what is put back is not looked at again
is(sqlstate($node, q{SELECT intel.complete('x', 'chat', '{"restore": "yes"}')}), '22023', 'a truth value is asked for');
is(sqlstate($node, q{SELECT intel.embed('x', 'chat')}), '22023', 'and the rest is as it was');
# another tenant's or job's placeholders: the mapping is that of one call
is(value("SELECT intel.complete('Mail $mail', 'chat', '{\"restore\": true}'), intel.complete('Tell me <EMAIL_ADDRESS_1>', 'chat', '{\"restore\": true}')"),
	"echo: Mail $mail|echo: Tell me <EMAIL_ADDRESS_1>", 'one call does not give another its values');
value(q{UPDATE intel.model SET options = '{"restore": true}' WHERE name = 'chat'});
is(value("SELECT intel.complete('$prompt', 'chat')"), "echo: $prompt", 'a model can have it as its default');
is(value("SELECT intel.complete('$prompt', 'chat', '{\"restore\": false}')"), 'echo: Write to <EMAIL_ADDRESS> and to <EMAIL_ADDRESS>, then to <EMAIL_ADDRESS>.', 'which a request can decline');
unlike($mock->raw, qr/private\.example|other\.example/, 'none of it ever left');
is(value("SELECT count(*) FROM intel.inference i WHERE i::text LIKE '%example%'"), '0', 'or is in the log');

done_testing();
