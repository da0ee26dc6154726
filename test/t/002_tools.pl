# The test equipment itself: what it claims to script and record, it does.

use strict;
use warnings;

use IntelTest;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $record = PostgreSQL::Test::Utils::tempdir() . '/bytes';
my $mock = start_mock(dimensions => 4, record => $record);
my $http = HTTP::Tiny->new(timeout => 5);

sub ask
{
	my ($path, $request, %more) = @_;
	my $answer = $http->post($mock->url($path), { content => encode_json($request), %more });
	return ($answer, eval { decode_json($answer->{content}) });
}

sub user { return messages => [ { role => 'user', content => $_[0] } ]; }

# ---- forms ---------------------------------------------------------------------

my ($answer, $json) = ask('/v1/chat/completions', { user('good day') });
is($json->{choices}[0]{message}{content}, 'echo: good day', 'OpenAI chat');
(undef, $json) = ask('/v1/messages', { user('good day'), max_tokens => 2 });
is($json->{content}[0]{text}, 'echo: good', 'Anthropic chat, cut');
is($json->{stop_reason}, 'max_tokens', 'and it says so');
(undef, $json) = ask('/v1beta/models/g:generateContent', { contents => [ { parts => [ { text => 'x' } ] } ] });
is($json->{candidates}[0]{content}{parts}[0]{text}, 'echo: x', 'Gemini chat');
(undef, $json) = ask('/api/chat', { user('x'), stream => JSON::PP::false });
is($json->{message}{content}, 'echo: x', 'Ollama chat');
($answer) = ask('/v1/chat/completions', { user('a b'), stream => JSON::PP::true });
is(join('', map { decode_json($_)->{choices}[0]{delta}{content} // '' }
			$answer->{content} =~ /^data: (\{.*)$/mg), 'echo: a b', 'a stream has the same text');
like($answer->{content}, qr/data: \[DONE\]\n\n\z/, 'and an end');

my $prompt = join "\n", '<<<kqvbdnrstmhgfjpc [1] a>>>', 'Bread rises.', '<<<kqvbdnrstmhgfjpc end>>>', '',
  '<<<kqvbdnrstmhgfjpc [2] b>>>', 'Wine rests. VACUUM reclaims rows.', '<<<kqvbdnrstmhgfjpc end>>>', '',
  'Question: What does vacuum do?';
(undef, $json) = ask('/v1/chat/completions', { user($prompt) });
is($json->{choices}[0]{message}{content}, 'VACUUM reclaims rows [2].', 'an ask prompt is answered from its sources');

(undef, $json) = ask('/v1/embeddings', { input => [ 'one', 'two' ] });
is(scalar @{ $json->{data}[1]{embedding} }, 4, 'embeddings have the dimension asked for');
my @floats = map { 0 + $_ } @{ $json->{data}[1]{embedding} };
(undef, $json) = ask('/v1/embeddings', { input => [ 'one', 'two' ], encoding_format => 'base64' });
is_deeply([ map { sprintf '%.5f', $_ } unpack 'f<*', decode_base64($json->{data}[1]{embedding}) ],
	[ map { sprintf '%.5f', $_ } @floats ], 'base64 holds the same floats');

# ---- scripts ---------------------------------------------------------------------

$mock->control({ match => { path => '/chat/' }, do => [ { kind => '429', retry_after => '7' }, 'malformed' ] });
($answer) = ask('/v1/embeddings', { input => 'x' });
is($answer->{status}, 200, 'a rule leaves other paths alone');
($answer) = ask('/v1/chat/completions', { user('x') });
is("$answer->{status} $answer->{headers}{'retry-after'}", '429 7', 'rate limit');
(undef, $json) = ask('/v1/chat/completions', { user('x') });
is($json, undef, 'then malformed JSON');
($answer) = ask('/v1/chat/completions', { user('x') });
is($answer->{status}, 200, 'then the queue is empty');
foreach my $kind (qw(close reset close_mid_body))
{
	$mock->control({ do => [$kind] });
	($answer) = ask('/v1/chat/completions', { user('x') });
	is($answer->{status}, 599, "$kind breaks the connection");
}
my $impatient = HTTP::Tiny->new(timeout => 0.3);
foreach my $kind (qw(hang stall))
{
	$mock->control({ do => [$kind] });
	like($impatient->post($mock->url('/v1/messages'), { content => '{}' })->{content}, qr/[Tt]imed out/, "$kind times out");
}
$mock->control({ do => ['wrong_dimension'] });
(undef, $json) = ask('/v1/embeddings', { input => 'x' });
is(scalar @{ $json->{data}[0]{embedding} }, 5, 'wrong dimension');
ok(!eval { $mock->control({ do => ['no_such_kind'] }); 1 }, 'an unknown behaviour is refused');

# ---- records ---------------------------------------------------------------------

$mock->reset;
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $mock->port);
print $socket "POST /v1/never HTTP/1.1\r\nhalf a requ";
close $socket;
ask('/v1/chat/completions', { user('whole request') });
wait_for('the broken request to be recorded', sub { $mock->raw =~ /half a requ/ });
like($mock->raw, qr/whole request/, 'every byte is recorded');
is(slurp_file($record), $mock->raw, 'in the file, too');
is(scalar @{ $mock->requests }, 1, 'only whole requests are listed');

# ---- 256 at once -------------------------------------------------------------------

$mock->reset;
$mock->control({ do => [ { kind => 'slow', seconds => 1 } ], always => JSON::PP::true });
my $start = time();
my @sockets = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $mock->port) } 1 .. 256;
print $_ "POST /v1/messages HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}" foreach @sockets;
$mock->wait_requests(256);
my @answered = grep { local $/; readline($_) =~ m{^HTTP/1.1 200} } @sockets;
is(scalar @answered, 256, '256 slow requests are all answered');
cmp_ok($mock->stats->{max_open}, '>', 200, 'side by side');
cmp_ok(time() - $start, '<', 30, 'in the time of a few');

my $pid = $mock->pid;
$mock->stop;
ok(!kill(0, $pid), 'nothing is left behind');

done_testing();
