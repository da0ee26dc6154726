# Whatever the kind of provider: no part of a request carries what its policy
# looks for. The bytes that the model server received are searched.

use strict;
use warnings;

use IntelTest;
use Test::More;

my $mock = start_mock(dimensions => 4);
my $port = $mock->port;
my $node = intel_node('main');
sub sql { return $node->safe_psql('postgres', $_[0]); }

# One word for the place it stands in, in every form that is redacted: shaped
# like data, known to the gazetteer, known to a pattern, under a key.
sql(q{
INSERT INTO intel.gazetteer (entity, term, scope) VALUES ('CUSTOM', 'Project Nightingale', 'all');
INSERT INTO intel.custom_rule (name, pattern) VALUES ('badge', 'BADGE-\d{6}');
SELECT intel.set_redaction('egress', 'STRUCTURED'), intel.set_redaction('egress', 'SECRETS'),
	intel.set_redaction('egress', 'EMAIL_ADDRESS', 'mask', '{"keep_last": 2}');
});
my $private = 'jane.roe@private.example, 4111 1111 1111 1111, project-nightingale, BADGE-123456';
my $leak = qr/jane|roe@|4111|1111 1111|nightingale|BADGE-1|123456|hunter2/i;

my %base = (
	openai => "http://127.0.0.1:$port/v1", responses => "http://127.0.0.1:$port/v1", azure => "http://127.0.0.1:$port", tei => "http://127.0.0.1:$port",
	anthropic => "http://127.0.0.1:$port", gemini => "http://127.0.0.1:$port/", ollama => "http://127.0.0.1:$port");
my @kinds = sort keys %base;
my @stored = split /\n/, sql(q{SELECT DISTINCT (regexp_matches(pg_get_constraintdef(oid), '''(\w+)''::text', 'g'))[1]
	FROM pg_constraint WHERE conrelid = 'intel.provider'::regclass AND pg_get_constraintdef(oid) LIKE '%kind%openai%' ORDER BY 1});
is("@kinds", join(' ', grep { $_ ne 'builtin' } @stored), 'every kind that there is') if @stored;

foreach my $kind (@kinds)
{
	sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, redaction_policy)
	VALUES ('$kind', '$kind', '$base{$kind}', true, 'egress');
INSERT INTO intel.model (name, provider, model_id, task, dimensions) VALUES
	('$kind', '$kind', 'm', 'chat', NULL), ('$kind-embed', '$kind', 'e', 'embed', 4), ('$kind-rerank', '$kind', 'r', 'rerank', NULL);
INSERT INTO intel.model_grant VALUES ('$kind', 0), ('$kind-embed', 0), ('$kind-rerank', 0);
SQL
}

# What a request can carry, part by part. Not every kind can carry all of it;
# then it is refused, which is as good.
my $p = $private;
my %parts = (
	prompt => "intel.complete('$p', '%s')",
	system => "intel.complete('x', '%s', '{\"system\": \"$p\"}')",
	stop => "intel.complete('x', '%s', '{\"stop\": [\"jane.roe\@private.example\"]}')",
	metadata => "intel.complete('x', '%s', '{\"metadata\": {\"who\": \"$p\", \"password\": \"hunter2\"}}')",
	metadata_key => "intel.complete('x', '%s', '{\"metadata\": {\"jane.roe\@private.example\": \"x\"}}')",
	schema => "intel.complete('x', '%s', '{\"schema\": {\"type\": \"string\", \"description\": \"$p\"}}')",
	schema_key => "intel.complete('x', '%s', '{\"schema\": {\"type\": \"object\", \"properties\": {\"jane.roe\@private.example\": {\"type\": \"string\"}}}}')",
	schema_number => "intel.complete('x', '%s', '{\"schema\": {\"type\": \"integer\", \"maximum\": 4111111111111111}}')",
	tools => "intel.complete('x', '%s', '{\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"$p\", \"parameters\": {\"type\": \"object\", \"description\": \"$p\", \"properties\": {\"a\": {\"type\": \"string\", \"enum\": [\"$p\"]}}}}}]}')",
	messages => "intel.chat('[{\"role\": \"system\", \"content\": \"$p\"}, {\"role\": \"user\", \"content\": \"$p\"}, {\"role\": \"assistant\", \"content\": \"$p\"}, {\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"$p\"}]}]', '%s')",
	tool_call => "intel.chat('[{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"call_a1\", \"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": \"{\\\"to\\\": \\\"$p\\\"}\"}}]}, {\"role\": \"tool\", \"tool_call_id\": \"call_a1\", \"content\": \"$p\"}]', '%s')",
	name => "intel.chat('[{\"role\": \"user\", \"name\": \"jane.roe\@private.example\", \"content\": \"x\"}]', '%s')",
	classify => "intel.classify('$p', ARRAY['a', 'b'], '%s')",
	summarize => "intel.summarize('$p', model => '%s')",
	encoded => "intel.complete('amFuZS5yb2VAcHJpdmF0ZS5leGFtcGxl jane.roe\@private.example', '%s')",
	embed => "intel.embed('$p', '%s-embed')",
	embed_many => "intel.embed(ARRAY['a', '$p'], '%s-embed')",
	rerank => "intel.rerank('$p', ARRAY['a', '$p'], '%s-rerank')");

# Parts that must arrive, to show that the bytes are looked at: by kind.
my %arrives = map { $_ => { prompt => 1, system => 1, messages => 1, embed => 1, embed_many => 1 } } @kinds;
$arrives{tei} = { embed => 1, embed_many => 1 };
delete @{ $arrives{$_} }{qw(embed embed_many)} foreach qw(anthropic responses);

foreach my $kind (@kinds)
{
	foreach my $part (sort keys %parts)
	{
		$mock->reset;
		my $state = sqlstate($node, 'SELECT ' . sprintf($parts{$part}, $kind));
		my $raw = $mock->raw;
		unlike($raw, $leak, "$kind: $part ($state)");
		next unless $arrives{$kind}{$part};
		cmp_ok(scalar @{ $mock->requests }, '==', 1, "$kind: $part was sent");
		# masked by the policy, and replaced
		like($raw, qr/\*\*\*le/, "$kind: $part was treated as the policy says");
		like($raw, qr/CUSTOM/, "$kind: $part, words and patterns of one's own");
	}
}

# ---- jobs and the answers of models ---------------------------------------------------

$mock->reset;
sql("SELECT intel.submit('complete', jsonb_build_object('prompt', '$p', 'model', 'openai'))");
sql('CALL intel.run_jobs(10)');
cmp_ok(scalar @{ $mock->requests }, '==', 1, 'a job was sent');
unlike($mock->raw, $leak, 'a job');
like($mock->raw, qr/CUSTOM/, 'with what stands instead');

# words of one user do not show in the requests of another
sql(q{CREATE ROLE ann; CREATE ROLE bob; SELECT intel.grant_access('ann'), intel.grant_access('bob');
	GRANT INSERT ON intel.gazetteer TO ann;
	SET ROLE ann; INSERT INTO intel.gazetteer (entity, term) VALUES ('CUSTOM', 'annsword')});
$mock->reset;
sql(q{SET ROLE ann; SELECT intel.complete('annsword', 'openai')});
unlike($mock->raw, qr/annsword/, 'a word of ann, sent by ann');
sql(q{SET ROLE ann; SELECT intel.submit('complete', '{"prompt": "annsword", "model": "openai"}')});
sql('CALL intel.run_jobs(10)');
cmp_ok(scalar @{ $mock->requests }, '==', 2, 'and by a job of ann');
unlike($mock->raw, qr/annsword/, 'which runs as ann');
sql(q{SET ROLE bob; SELECT intel.complete('annsword', 'openai')});
like($mock->raw, qr/annsword/, 'to bob it is a word');

# ---- an answer in pieces finds its values again ----------------------------------------

is(sql(q{
	CREATE FUNCTION pg_temp.told(source text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		p record; answer text; piece text; s text := ''; c text; whole text := '';
	BEGIN
		SELECT * INTO p FROM intel.pseudonymize(source, 'egress');
		answer := intel.complete(p.content, 'openai');
		FOREACH piece IN ARRAY string_to_array(answer, NULL) || NULL::text LOOP
			SELECT * INTO s, c FROM intel.restore_stream(s, piece, p.mapping);
			whole := whole || c;
		END LOOP;
		RETURN whole;
	END $$;
	SELECT pg_temp.told('write to jane.roe@private.example about project nightingale')}),
	'echo: write to jane.roe@private.example about project nightingale', 'there and back');

done_testing();
