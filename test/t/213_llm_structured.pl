# Answers that must fit a schema: asked for natively, checked here, mended once.

use strict;
use warnings;

use IntelTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = start_mock();
my $node = intel_node('main');
my $port = $mock->port;
my @kinds = qw(openai anthropic gemini ollama);
sub sql { return $node->safe_psql('postgres', $_[0]); }

foreach my $kind (@kinds)
{
	my $base = "http://127.0.0.1:$port" . ($kind eq 'openai' ? '/v1' : '');
	sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('$kind', '$kind', '$base', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('$kind', '$kind', 'm', 'chat');
SQL
}
my $schema = '{"type": "object", "required": ["name", "age"], "additionalProperties": false,
	"properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}}}';
my $good = '{"name": "Ann", "age": 5}';
my $bad = '{"name": "jane.roe@private.example", "age": "five"}';

foreach my $kind (@kinds)
{
	my $call = "SELECT intel.extract('Ann is five', '$schema', '$kind')";

	like(sql($call), qr/^\{"age": \d+, "name": ".*"\}$/, "$kind: fits");
	$mock->reset;

	$mock->control({ do => [ { kind => 'ok', content => "```json\n$good\n```\n" } ] });
	is(sql($call), '{"age": 5, "name": "Ann"}', "$kind: in a fence");
	is(scalar @{ $mock->requests }, 1, "$kind: no repair");
	$mock->reset;

	$mock->control({ do => [ { kind => 'ok', content => $bad }, { kind => 'ok', content => $good } ] });
	is(sql($call), '{"age": 5, "name": "Ann"}', "$kind: mended");
	my @requests = @{ $mock->requests };
	is(scalar @requests, 2, "$kind: by one more call");
	like($requests[1]{body}, qr/does not fit the JSON Schema/, "$kind: which says why");
	like($requests[1]{body}, qr/<EMAIL_ADDRESS>/, "$kind: and shows the answer, redacted");
	unlike($requests[1]{body}, qr/private\.example/, "$kind: not as it was");
	like($requests[1]{body}, qr/Ann is five/, "$kind: after the text");
	$mock->reset;

	foreach my $never ($bad, 'not JSON', '{}', '[]', '{"name": "Ann", "age": 5, "more": 1}', '{"name": "Ann", "age": -1}',
		'{"name": "Ann", "age": 5', '', 'null', '{"name": "Ann"}')
	{
		$mock->reset;
		$mock->control({ do => [ { kind => 'ok', content => $never } ], always => JSON::PP::true });
		is(sqlstate($node, $call), 'IN004', "$kind: never fits");
		is(scalar @{ $mock->requests }, 2, "$kind: one repair, no more");
	}
	$mock->reset;
	$mock->control({ do => [ { kind => 'ok', content => $bad }, '500' ] });
	is(sqlstate($node, $call), '58000', "$kind: the repair may fail");
	$mock->reset;
}

# Tokens of both calls count.
my $body = '{"choices":[{"message":{"content":"%s"},"finish_reason":"%s"}],"usage":{"prompt_tokens":10,"completion_tokens":3}}';
# An answer that was cut, or refused, is not sent back for repair.
$mock->control({ do => [ { kind => 'body', body => sprintf($body, '{\"a', 'length') } ] });
my ($rc, $out, $err) = $node->psql('postgres', "SELECT intel.extract('x', '$schema', 'openai')");
like($err, qr/cut at the token limit/, 'a cut answer');
is(scalar @{ $mock->requests }, 1, 'is not repaired');
$mock->reset;

# An adversary: 1,000 answers, each fits or is an error.
my @answers = map { my $i = $_; ($good, '{"name": "A", "age": ' . ('9' x ($i % 40 + 1)) . '}', '{"name": "' . ('x' x $i) . '", "age": 1.0}',
	'[' x ($i % 200), "{\"age\": $i}", '"' . $good . '"', "$good $good", '{"name": null, "age": 1}', "```\n$good```", "\x01") } 1 .. 100;
sql(<<"SQL");
CREATE FUNCTION fits(i int) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	r jsonb;
BEGIN
	-- another text every time: the same one would be asked once
	r := intel.extract('x' || i, '$schema', 'openai');
	RETURN CASE WHEN intel._schema_problem('$schema', r) IS NULL THEN 'fits' ELSE 'DOES NOT FIT' END;
EXCEPTION WHEN SQLSTATE 'IN004' THEN
	RETURN 'IN004';
END
\$\$;
SQL
$mock->control({ do => [ map { { kind => 'ok', content => $_ } } @answers ] });
my %seen;
$seen{$_}++ foreach split /\n/, sql('SELECT fits(i) FROM generate_series(1, 500) i');
is(join(' ', sort keys %seen), 'IN004 fits', 'fits or IN004: ' . join(', ', map { "$seen{$_} $_" } sort keys %seen));
$mock->reset;

# ---- the words built on it ---------------------------------------------------------

is(sql(q{SELECT intel.classify('I want my money back', ARRAY['praise', 'complaint'], 'openai') IN ('praise', 'complaint')}), 't', 'classify');
my ($request) = @{ $mock->requests };
is_deeply($request->{json}{response_format}{json_schema}{schema}{properties}{label}{enum}, [ 'praise', 'complaint' ], 'labels are the schema');
$mock->reset;
$mock->control({ do => [ ({ kind => 'ok', content => '{"label": "other"}' }) x 2, { kind => 'ok', content => '{"answer": true}' } ] });
is(sqlstate($node, q{SELECT intel.classify('x', ARRAY['praise', 'complaint'], 'openai')}), 'IN004', 'no label of its own');
is(sql(q{SELECT intel.is_true('the sky is blue', 'blue sky', 'openai')}), 't', 'is_true');
like($mock->raw, qr/Statement: the sky is blue/, 'has the statement');
$mock->reset;
is(sql(q{SELECT intel.summarize('a long text', 7, 'openai')}), 'echo: a long text', 'summarize');
like($mock->raw, qr/at most 7 words/, 'has the limit');
is(sql(q{SELECT intel.translate('good day', 'Norwegian', 'anthropic')}), 'echo: good day', 'translate');
like($mock->raw, qr/into Norwegian/, 'has the language');

$node->stop;
done_testing();
