# A real model server, llama.cpp's, with a real (if very small) model: chat in
# three formats, streams and embeddings through intel. `make llama` runs this
# where Debian has the package.

use strict;
use warnings;

use File::Basename qw(dirname);
use HTTP::Tiny;
use IntelTest;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $python = $ENV{PYTHON} || 'python3';
plan skip_all => 'llama-server is not installed (Debian: llama.cpp)' if system('command -v llama-server >/dev/null 2>&1') != 0;
plan skip_all => 'gguf and numpy are not installed (Debian: python3-gguf)' if system("$python -c 'import gguf, numpy' >/dev/null 2>&1") != 0;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $key = 'llama-key-0123456789';
my $model = "$dir/tiny.gguf";
system_or_bail($python, dirname(__FILE__) . '/../llama/tiny_model.py', $model);

my @servers;
sub start_llama
{
	my (@options) = @_;
	my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0, Proto => 'tcp') or die $!;
	my $port = $socket->sockport;
	close $socket;
	my $log = "$dir/llama-$port.log";
	push @servers, IPC::Run::start(
		[ 'llama-server', '-m', $model, '--host', '127.0.0.1', '--port', $port, '-t', '1', '-c', '2048', '--api-key', $key, @options ],
		'<', \undef, '>', $log, '2>&1');
	IntelTest::wait_for("llama-server on port $port",
		sub { HTTP::Tiny->new(timeout => 1)->get("http://127.0.0.1:$port/health")->{status} == 200 });
	return $port;
}
END { foreach (@servers) { $_->kill_kill(grace => 2); } }

my $chat = start_llama('-np', '2');
my $embed = start_llama('-np', '1', '--embeddings', '--pooling', 'mean');
my $version = `llama-server --version 2>&1`;
diag($version =~ /^(version.*)$/m ? "llama-server $1" : $version);

my $node = intel_node('main', env => { INTEL_SECRET_LLAMA => $key });
$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, secret, allow_private_network) VALUES
	('llama', 'openai', 'http://127.0.0.1:$chat/v1', 'env:LLAMA', true),
	('llama-responses', 'responses', 'http://127.0.0.1:$chat/v1', 'env:LLAMA', true),
	('llama-anthropic', 'anthropic', 'http://127.0.0.1:$chat', 'env:LLAMA', true),
	('llama-embed', 'openai', 'http://127.0.0.1:$embed/v1', 'env:LLAMA', true),
	('llama-keyless', 'openai', 'http://127.0.0.1:$chat/v1', NULL, true);
INSERT INTO intel.model (name, provider, model_id, task, dimensions, options)
	SELECT name, name, 'tiny', CASE name WHEN 'llama-embed' THEN 'embed' ELSE 'chat' END,
		CASE name WHEN 'llama-embed' THEN 192 END,
		CASE name WHEN 'llama-embed' THEN '{}' ELSE '{"max_tokens": 12, "temperature": 0}' END::jsonb
	FROM intel.provider WHERE name LIKE 'llama%';
SQL

# What a user would see.
sub show
{
	my ($sql) = @_;
	my $out = $node->safe_psql('postgres', $sql);
	diag("$sql\n$out");
	return $out;
}

foreach my $name ('llama', 'llama-responses', 'llama-anthropic')
{
	my $whole = show("SELECT intel.complete('good day', '$name')");
	like($whole, qr/^( ?[a-z]+)+$/, "$name: an answer in words");
	# it writes hundreds of words a second, so several make a row
	my @parts = split /\n/, show("SELECT quote_literal(s) FROM intel.stream('good day', '$name', '{\"max_tokens\": 600}') s");
	cmp_ok(scalar @parts, '>=', 3, "$name: a stream in parts");
	like(join('', map { /^'(.*)'$/ } @parts), qr/^\Q$whole\E/, "$name: which begins with the same answer");
	my $json = decode_json(show("SELECT intel.chat('[{\"role\": \"system\", \"content\": \"be kind\"}, {\"role\": \"user\", \"content\": \"good day\"}]', '$name')"));
	# llama.cpp's responses do not say that they are incomplete
	my $reason = $name eq 'llama-responses' ? 'stop' : 'length';
	is($json->{finish_reason}, $reason, "$name: cut at max_tokens");
	is($json->{usage}{output_tokens}, 12, "$name: tokens");
	my $last = decode_json($node->safe_psql('postgres',
		"SELECT s FROM intel.stream_chat('[{\"role\": \"user\", \"content\": \"good day\"}]', '$name') s WHERE s ? 'message'"));
	is("$last->{finish_reason} $last->{usage}{output_tokens}", "$reason 12", "$name: a stream ends with reason and tokens");
}

# a schema becomes a grammar: even this model fits it
is(show(q{SELECT intel.classify('good day', ARRAY['bami', 'dema'], 'llama', '{"max_tokens": 200}') IN ('bami', 'dema')}), 't', 'an answer with a schema');

# embeddings
my ($one, $two) = split /\n/, show(q{
	SELECT intel.vector_dims(e) || ' ' || round(intel.vector_norm(e)::numeric, 4) FROM unnest(intel.embed(ARRAY['good day', 'bami dema'], 'llama-embed')) e});
is($one, '192 1.0000', 'an embedding of unit length');
is(show(q{SELECT (intel.embed(ARRAY['x y', 'good day'], 'llama-embed'))[2] OPERATOR(intel.<->) intel.embed('good day', 'llama-embed') < 1e-3}), 't',
	'the same alone and among others');
is(sqlstate($node, q{UPDATE intel.model SET dimensions = 32 WHERE name = 'llama-embed'; SELECT intel.embed('x', 'llama-embed')}), 'IN004', 'of another dimension than promised');

# jobs
show(q{SELECT intel.submit('complete', '{"prompt": "good day", "model": "llama"}')});
wait_for_sql($node, q{SELECT bool_and(status = 'succeeded') FROM intel.job}, 'the job to succeed');
is($node->safe_psql('postgres', q{SELECT result ->> 'finish_reason' FROM intel.job}), 'length', 'and has its result');

# errors of a real server
is(sqlstate($node, q{SELECT intel.complete('x', 'llama-keyless')}), '28000', 'without a key');
is(sqlstate($node, q{SELECT intel.complete(repeat('good day ', 2000), 'llama')}), '38000', 'a prompt that is too long');
is(sqlstate($node, q{SELECT intel.stream(repeat('good day ', 2000), 'llama')}), '38000', 'the same for a stream');

$node->stop;
done_testing();
