# What a trigger redacts was never stored: not in the heap, in its TOAST, in
# indexes, statistics, the write-ahead log, temporary files, the server log at
# its most talkative, in a dump, or in what a model server received.

use strict;
use warnings;

use File::Find;
use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = start_mock(dimensions => 4);
my $port = $mock->port;
my $data_folder = PostgreSQL::Test::Utils::tempdir();
my $node = intel_node('main',
	conf => join("\n", 'log_min_messages = debug5', 'log_statement = none', 'log_min_duration_statement = -1',
		"log_min_error_statement = panic", 'log_parameter_max_length_on_error = 0', 'log_error_verbosity = verbose',
		'wal_level = logical', 'full_page_writes = on', 'autovacuum = off', 'track_activities = off', 'work_mem = 64kB', ''));
my $data = $node->data_dir;
append_to_file("$data/redact.key", 'k' x 32);
chmod 0600, "$data/redact.key";
$node->append_conf('postgresql.conf', "intel.redact_key_file = 'redact.key'");
$node->reload;
sub sql { return $node->safe_psql('postgres', $_[0]); }

# Half of a canary is no canary: what is searched for is never written in one
# piece but by the client.
my $half = 'canary5f1c';
my $mail = 'jane.' . $half . '@private.example';
my $card = '4012888888881881';
my $phrase = 'Operation ' . $half . 'word';
my @canaries = ("jane.$half", '4012888888881881', '4012 8888 8888 1881', "${half}word", "${half}pw", "${half}emp");

# the two that are known to redaction itself are stored by it, so they are
# given there in a form that is not searched for
sql("INSERT INTO intel.gazetteer (entity, term, scope) VALUES ('CUSTOM', 'operation ' || upper('canary5f1') || 'C' || 'WORD', 'all')");
sql(q{INSERT INTO intel.custom_rule (name, pattern) VALUES ('employee', '(canary5[a-f0-9]+emp)')});
sql(q{
CREATE TABLE note (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text, title varchar(400), doc jsonb, old json, tags text[],
	words tsvector GENERATED ALWAYS AS (to_tsvector('simple', body)) STORED);
CREATE INDEX ON note (title);
CREATE INDEX ON note USING gin (words);
CREATE INDEX ON note USING gin (doc);
CREATE TRIGGER redact BEFORE INSERT OR UPDATE ON note FOR EACH ROW
	EXECUTE FUNCTION intel.redact_columns('default', 'body', 'title', 'doc', 'old', 'tags');
CREATE PUBLICATION p FOR TABLE note;
SELECT pg_create_logical_replication_slot('s', 'test_decoding');
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('openai', 'openai', 'http://127.0.0.1:} . $port . q{/v1', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('m', 'openai', 'm', 'chat'), ('e', 'openai', 'e', 'embed');
INSERT INTO intel.model_grant VALUES ('m', 0), ('e', 0);
});

my $text = "write to $mail, card $card or 4012 8888 8888 1881, $phrase, ${half}emp";
my $doc = qq({"mail": "$mail", "password": "${half}pw", "card": $card, "list": ["$text", {"$mail": 1}]});
my $long = "$text and " . join(' ', map { "word$_" } 1 .. 3000);
my $last = "end: $mail";

sql("INSERT INTO note (body, title, doc, old, tags) VALUES ('$text', '$mail', '$doc', '$doc', ARRAY['$mail', 'x', '$phrase'])");
sql("INSERT INTO note (body, doc) SELECT '$long ' || i || ' $last', jsonb_build_object('n', i, 'text', '$long') FROM generate_series(1, 20) AS i");
sql("UPDATE note SET title = '$mail ' || id, body = '$card' WHERE id < 5");
sql("BEGIN; INSERT INTO note (body) VALUES ('$text'); ROLLBACK");
sql("INSERT INTO note (body, title) VALUES ('$text', '$card') ON CONFLICT (id) DO UPDATE SET body = '$text'");
# in errors too
$node->psql('postgres', "INSERT INTO note (body) VALUES (intel.redact('$text', 'no such policy'))", stderr => \my $err);
like($err, qr/does not exist/, 'an error');
unlike($err, qr/\Q$half\E|4012/, 'says nothing of the text');
$node->psql('postgres', "SELECT 1 / (length(intel.redact('$text')) * 0)", stderr => \$err);
# COPY
my $file = "$data_folder/notes.tsv";
append_to_file($file, "$text\t$mail\n" x 50);
$node->psql('postgres', "\\copy note (body, title) FROM '$file'", on_error_stop => 1);
is(sql('SELECT count(*) FROM note WHERE title = ' . q{'<EMAIL_ADDRESS>'} . ' AND body LIKE ' . q{'write to <EMAIL_ADDRESS>, card <CREDIT_CARD>%'}), '50', 'rows came in, redacted');
is(sql(q{SELECT count(*) FROM note WHERE doc::text LIKE '%"password": "<PASSWORD>"%' AND old::text LIKE '%<PASSWORD>%'}), '1', 'documents too');
is(sql(q{SELECT count(*) FROM note WHERE body LIKE '%<CUSTOM>, <CUSTOM>'}) > 0, 1, 'and words and patterns of one\'s own');
# the vault gives it back, and has it encrypted
sql(qq{CREATE TABLE vaulted AS SELECT intel.pseudonymize_to_vault('$text') AS body});
is(sql('SELECT intel.restore_from_vault(body) FROM vaulted'), $text, 'the vault gives values back');
# stand-ins say nothing of what they stand for
sql(q{SELECT intel.set_redaction('faked', 'ALL', 'fake'); CREATE TABLE faked (body text, doc jsonb);
CREATE TRIGGER redact BEFORE INSERT OR UPDATE ON faked FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('faked', 'body', 'doc')});
sql("INSERT INTO faked VALUES ('$text', '$doc')");
is(sql(q{SELECT count(*) FROM faked WHERE body ~ 'write to [a-z2-7]{20}@example.com, card 0[0-9]{15} or 0' AND doc ->> 'mail' ~ '@example.com$'}), '1',
	'stand-ins are stored');
# sorts spill, plans are explained, statistics gathered, a model asked
sql('SELECT body FROM note ORDER BY body, id');
sql('ANALYZE note; EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM note WHERE title > \'a\'; VACUUM FULL note; CHECKPOINT');
sql("SELECT intel.complete(body, 'm') FROM note WHERE id < 3");
sql("SELECT intel.complete('$text', 'm'), intel.embed('$text', 'e')");
is(scalar @{ $mock->requests } >= 4, 1, 'a model was asked');
sql("SELECT * FROM intel.redact_stats('note', 'body'); SELECT * FROM pg_stats WHERE tablename = 'note'");
my $decoded = sql(q{SELECT string_agg(data, E'\n') FROM pg_logical_slot_get_changes('s', NULL, NULL)});
like($decoded, qr/CREDIT_CARD/, 'logical decoding sees the rows');
# a control: this one has no trigger and is found
sql(q{CREATE TABLE control (body text); INSERT INTO control VALUES ('control' || 'bird')});
sql('SELECT pg_switch_wal(); CHECKPOINT');

my $dump = "$data_folder/dump.sql";
$node->command_ok([ 'pg_dumpall', '-f', $dump, '-d', $node->connstr('postgres') ], 'dump');
$node->stop;

# ---- search ------------------------------------------------------------------------------

my %found;
my $files = 0;
sub search
{
	my ($name, $content) = @_;
	foreach my $canary (@canaries, 'controlbird')
	{
		push @{ $found{$canary} }, $name if index($content, $canary) >= 0;
	}
	return;
}
find({ no_chdir => 1, wanted => sub {
	return if !-f $_;
	$files++;
	search($_, slurp_file($_));
} }, $data);
search('dump', slurp_file($dump));
# COPY has the server name the line that it is at, in the context of whatever
# is logged meanwhile; no trigger has seen the line then.
search('log', slurp_file($node->logfile) =~ s/^.*\bCOPY note, line \d+: ".*$//mgr);
search('model server', $mock->raw);
search('decoded', $decoded);
# the write-ahead log as pg_waldump reads it
my $pgwal = "$data/pg_wal";
my @segments = sort grep { /^[0-9A-F]{24}$/ } slurp_dir($pgwal);
my $records = 0;
foreach my $segment (@segments)
{
	my ($out, $dump_err) = ('', '');
	IPC::Run::run([ 'pg_waldump', '-p', $pgwal, $segment ], '>', \$out, '2>', \$dump_err);
	$records += () = $out =~ /^rmgr:/mg;
	search("pg_waldump $segment", $out);
}
cmp_ok($records, '>', 500, "$records records in " . scalar(@segments) . ' segments of the write-ahead log');
cmp_ok($files, '>', 500, "$files files");

ok((grep { m{/base/} } @{ $found{controlbird} // [] }), 'the control is found in the heap');
ok((grep { m{/pg_wal/} } @{ $found{controlbird} // [] }), 'and in the write-ahead log');
foreach my $canary (@canaries)
{
	is("@{ $found{$canary} // [] }", '', "$canary is nowhere");
}
my $log = slurp_file($node->logfile);
like($log, qr/DEBUG/, 'the log was at debug level');

done_testing();
