# Triggers that redact, on every way that a row can take into a table, and
# contains_pii in CHECK constraints. What gets in unredacted is a failure.

use strict;
use warnings;

use IntelTest;
use Test::More;

my $node = intel_node('main', preload => 0, conf => "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\n");
my $other = intel_node('other', preload => 0, conf => "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\n");
my $raw = 'jane@example.com';

sub sql { return $node->safe_psql('postgres', $_[0]); }

foreach my $n ($node, $other)
{
	$n->safe_psql('postgres', q{
CREATE TABLE part (id int, note text, upper_note text GENERATED ALWAYS AS (upper(note)) STORED, doc jsonb, PRIMARY KEY (id))
	PARTITION BY RANGE (id);
CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (100);
CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
CREATE TABLE part_high_1 PARTITION OF part_high DEFAULT;
CREATE TRIGGER redact BEFORE INSERT OR UPDATE ON part FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('default', 'note', 'doc');
});
}
sub leaks
{
	my $n = $_[0] // $node;
	return $n->safe_psql('postgres', q{SELECT count(*) FROM part WHERE concat(note, upper_note, doc) ~* 'jane@'});
}

sql("INSERT INTO part (id, note, doc) VALUES (1, '$raw', '{\"$raw\": [\"$raw\", 4111111111111111]}'), (101, '$raw', NULL)");
is(sql('SELECT note, upper_note, doc FROM part WHERE id = 1'),
	'<EMAIL_ADDRESS>|<EMAIL_ADDRESS>|{"<EMAIL_ADDRESS>": ["<EMAIL_ADDRESS>", "<CREDIT_CARD>"]}', 'a generated column follows');
sql("INSERT INTO part_high_1 (id, note) VALUES (150, '$raw')");
is(leaks(), 0, 'partitions, also of partitions and named themselves');
sql("INSERT INTO part (id, note) VALUES (1, '$raw') ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note || ' and jane\@example.org'");
sql("UPDATE part SET note = 'new $raw', id = id + 160 WHERE id = 1");
sql("WITH moved AS (DELETE FROM part RETURNING *) INSERT INTO part (id, note) SELECT id + 1, '$raw' FROM moved");
sql("MERGE INTO part AS p USING (VALUES (150), (7)) AS v (id) ON p.id = v.id
	WHEN MATCHED THEN UPDATE SET note = '$raw' WHEN NOT MATCHED THEN INSERT (id, note) VALUES (v.id, '$raw')");
is(leaks(), 0, 'ON CONFLICT, rows that move, MERGE');
sql("COPY part (id, note, doc) FROM stdin;\n20\t$raw\t{\"a\": \"$raw\"}\n120\t$raw\t\\N\n\\.\n");
is(sql('SELECT count(*) FROM part WHERE id IN (20, 120)') . leaks(), 20, 'COPY');
sql("CREATE VIEW through AS SELECT id, note FROM part");
sql("INSERT INTO through VALUES (30, '$raw'); UPDATE through SET note = '$raw 2' WHERE id = 30");
sql("BEGIN; INSERT INTO part (id, note) VALUES (40, 'x'); SAVEPOINT s; UPDATE part SET note = '$raw' WHERE id = 40; COMMIT");
sql("CREATE FUNCTION put() RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN FOR i IN 50 .. 55 LOOP INSERT INTO part (id, note) VALUES (i, '$raw'); END LOOP; END \$\$; SELECT put()");
is(leaks(), 0, 'views, subtransactions, functions');

# a table that gets rows by replication: the trigger must be ENABLE ALWAYS there
sql('CREATE TABLE plain (id int PRIMARY KEY, note text); CREATE PUBLICATION p FOR TABLE plain');
$other->safe_psql('postgres', q{CREATE TABLE plain (id int PRIMARY KEY, note text);
CREATE TRIGGER redact BEFORE INSERT OR UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('default', 'note');
ALTER TABLE plain ENABLE ALWAYS TRIGGER redact});
my $source = $node->connstr('postgres') =~ s/'/''/gr;
sql("INSERT INTO plain VALUES (1, '$raw')");
$other->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$source' PUBLICATION p");
sql("INSERT INTO plain VALUES (2, '$raw'); UPDATE plain SET note = 'again $raw' WHERE id = 1");
wait_for_sql($other, q{SELECT count(*) = 2 AND bool_or(note ~ 'again') FROM plain}, 'the rows to arrive');
is($other->safe_psql('postgres', q{SELECT string_agg(note, ', ' ORDER BY id) FROM plain}), 'again <EMAIL_ADDRESS>, <EMAIL_ADDRESS>',
	'logical replication: copied and applied rows');
$other->safe_psql('postgres', 'DROP SUBSCRIPTION s');

# constraints
sql(q{CREATE TABLE clean (note text CHECK (NOT intel.contains_pii(note)), doc jsonb CHECK (NOT intel.contains_pii(doc)));
INSERT INTO clean VALUES ('fine', '{"a": 1}'), (NULL, NULL)});
foreach my $bad ("('$raw', NULL)", "(E'jane\\u200b\@example.com', NULL)", "('jane&#64;example.com', NULL)", "(NULL, '{\"$raw\": 1}')",
	"(NULL, '[{\"card\": 4111111111111111}]')", "(encode('mail $raw', 'base64'), NULL)")
{
	is(sqlstate($node, "INSERT INTO clean VALUES $bad"), '23514', "CHECK refuses $bad");
}
is(sql('SELECT count(*) FROM clean'), 2, 'and nothing got in');

# what redaction cannot do is an error of the statement, never a row
sql(q{CREATE TABLE narrow (note varchar(12)); CREATE TRIGGER redact BEFORE INSERT ON narrow
	FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('default', 'note')});
is(sqlstate($node, "INSERT INTO narrow VALUES ('a\@bc.de 1.2')"), '22001', 'no room for the placeholder');
sql(q{SELECT intel.set_redaction('going', 'ALL', 'replace'); CREATE TRIGGER more BEFORE INSERT ON plain
	FOR EACH ROW EXECUTE FUNCTION intel.redact_columns('going', 'note'); DELETE FROM intel.redaction_policy WHERE name = 'going'});
is(sqlstate($node, "INSERT INTO plain VALUES (9, '$raw')"), '42704', 'a policy that is gone');
is(sql('SELECT count(*) FROM narrow') . sql('SELECT count(*) FROM plain WHERE id = 9'), '00', 'no row of either');

# deep documents end with the server's own limit or a result, not a crash
foreach my $depth (500, 5000)
{
	my $state = sqlstate($node, "SELECT intel.redact((repeat('[', $depth) || '\"$raw\"' || repeat(']', $depth))::jsonb)");
	like($state, qr/^(?:00000|54001)?$/, "$depth levels of jsonb");
}
is(sql("SELECT 1"), 1, 'the server lives');

done_testing();
