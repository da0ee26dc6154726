# Index `intel` over its life: an index that was made on few rows or none is
# compared with a fresh one after the table has grown tenfold with drift, and
# after 30 % of it went. Figures are printed: test/run.sh tap t/041_ann_growth.pl
# with VERBOSE=1.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = $ENV{INTEL_GROWTH_ROWS} || 20000;
my $dims = $ENV{INTEL_GROWTH_DIMS} || 48;
my $node = intel_node('main', conf => "max_wal_senders = 4\nwal_level = replica\nautovacuum = off\n");
my $path = 'SET search_path = public, intel; ';

sub ask
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $path . $query);
}

# Clusters whose centres move as rows come.
ask(<<"SQL");
CREATE FUNCTION noise(i int, d int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	\$\$ SELECT (hashint4(i * 977 + d) & 65535) / 65536.0 + (hashint4(i * 3889 + d) & 65535) / 65536.0 - 1 \$\$;
CREATE FUNCTION drifting(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS \$\$
	SELECT array_agg((hashint4(i % 53 * 1000 + d) & 65535) / 65536.0 + 1.5 * i / $rows * (hashint4(d) & 255) / 255 + 0.8 * noise(i, d) ORDER BY d)::vector
	FROM generate_series(1, $dims) d \$\$;
CREATE TABLE source AS SELECT i AS id, drifting(i)::vector($dims) AS v FROM generate_series(1, $rows) i;
CREATE TABLE few (id int PRIMARY KEY, v vector($dims));
CREATE TABLE none (id int PRIMARY KEY, v vector($dims));
INSERT INTO few SELECT * FROM source WHERE id <= $rows / 10;
CREATE INDEX few_i ON few USING intel (v);
CREATE INDEX none_i ON none USING intel (v);
SQL

# Recall as index_recall has it, but with the same queries every time: rows of
# all times, a little moved.
ask(<<"SQL");
CREATE FUNCTION recall(name text, k int) RETURNS float8 LANGUAGE plpgsql AS \$\$
DECLARE
	query vector; exact float8[]; found int := 0; got int;
	search text := format('FROM (SELECT v <-> \$1 AS d FROM %I ORDER BY v <-> \$1 LIMIT %s) x', name, k);
BEGIN
	FOR i IN 1..300 LOOP
		query := drifting(i * $rows / 301) + array_fill(0.01, ARRAY[$dims])::vector;
		SET LOCAL enable_indexscan = off;
		EXECUTE 'SELECT array_agg(d) ' || search INTO exact USING query;
		SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off;
		EXECUTE 'SELECT count(*) FILTER (WHERE d <= \$2) ' || search INTO got USING query, exact[k];
		SET LOCAL enable_seqscan = on;
		found := found + got;
	END LOOP;
	RETURN round(found / 300.0 / k, 4);
END \$\$;
SQL

sub check_balance
{
	my ($name, $when) = @_;
	is(ask("SELECT string_agg(block || ' ' || problem, ', ') FROM index_check('${name}_i')"), '', "$name is sound $when");
	my ($lists, $entries, $longest, $dead, $size) = split /\|/,
		ask("SELECT lists, entries, longest_list, dead_lists, pg_relation_size('${name}_i') FROM index_stats('${name}_i')");
	is($entries, ask("SELECT count(*) FROM $name"), "$name has every row $when");
	cmp_ok($longest, '<=', 4 * $entries / $lists, "$name: $lists lists, the longest $longest, the mean " . int($entries / $lists) . " $when");
	return ($lists, $size);
}

# What the index gives now, and what a fresh one on the same rows would.
sub compare_with_fresh
{
	my ($name, $when) = @_;
	my ($lists, $size) = check_balance($name, $when);
	my $probes = ask("SELECT probes_10 FROM index_stats('${name}_i')");
	my @grown = (ask("SELECT recall('$name', 10)"), ask("SELECT recall('$name', 100)"));
	ask("CREATE INDEX ${name}_fresh ON $name USING intel (v); ALTER INDEX ${name}_i RENAME TO ${name}_kept");
	ask("UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${name}_kept'::regclass");
	my @fresh = (ask("SELECT recall('$name', 10)"), ask("SELECT recall('$name', 100)"));
	my ($fresh_lists, $fresh_probes, $fresh_size) = split /\|/,
		ask("SELECT lists, probes_10, pg_relation_size('${name}_fresh') FROM index_stats('${name}_fresh')");
	ask("UPDATE pg_index SET indisvalid = true WHERE indexrelid = '${name}_kept'::regclass");
	ask("DROP INDEX ${name}_fresh; ALTER INDEX ${name}_kept RENAME TO ${name}_i");
	note sprintf('%-5s %-22s grown: recall %.4f (10) %.4f (100), %d of %d lists, %d kB; fresh: %.4f %.4f, %d of %d lists, %d kB',
		$name, $when, @grown, $probes, $lists, $size / 1024, @fresh, $fresh_probes, $fresh_lists, $fresh_size / 1024);
	cmp_ok($grown[0], '>=', $fresh[0] - 0.01, "$name: recall of 10 is $grown[0], fresh $fresh[0] $when");
	cmp_ok($grown[1], '>=', $fresh[1] - 0.01, "$name: recall of 100 is $grown[1], fresh $fresh[1] $when");
}

# ---- growth: in many transactions, by two sessions, so splits meet inserts ------

for my $name (qw(few none))
{
	my @sessions;
	for my $part (0, 1)
	{
		my $from = $name eq 'few' ? $rows / 10 : 0;
		my $script = join ';', map {
			my $to = $from + ($rows - $from) * ($_ + 1) / 20;
			my $start = $from + ($rows - $from) * $_ / 20;
			"INSERT INTO $name SELECT * FROM source WHERE id > $start AND id <= $to AND id % 2 = $part"
		} 0 .. 19;
		push @sessions, IPC::Run::start([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \"$script;", '>', \my $out, '2>', \my $err);
	}
	is((grep { !$_->finish } @sessions), 0, "$name: both sessions inserted all");
	compare_with_fresh($name, 'after growth');
}

# ---- a standby answers the same after splits, also while they are replayed --------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
my $search = "$path SET enable_seqscan = off; SELECT string_agg(id::text, ',') FROM (SELECT id FROM few ORDER BY v <-> drifting(77) LIMIT 300) x";
my $lists = ask("SELECT lists FROM index_stats('few_i')");
ask("INSERT INTO few SELECT id + $rows, v FROM source WHERE id % 3 = 0");
$node->wait_for_catchup($standby);
cmp_ok(ask("SELECT lists FROM index_stats('few_i')"), '>', $lists, 'lists were split while the standby followed');
is($standby->safe_psql('postgres', $search), ask("SET enable_seqscan = off; SELECT string_agg(id::text, ',') FROM (SELECT id FROM few ORDER BY v <-> drifting(77) LIMIT 300) x"),
	'the standby agrees after splits');
ask("DELETE FROM few WHERE id > $rows");
ask('VACUUM few');
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', $search), ask("SET enable_seqscan = off; SELECT string_agg(id::text, ',') FROM (SELECT id FROM few ORDER BY v <-> drifting(77) LIMIT 300) x"),
	'the standby agrees after vacuum, merges and freed pages');
$standby->stop;

# ---- 30 % go -----------------------------------------------------------------------

for my $name (qw(few none))
{
	ask("DELETE FROM $name WHERE (hashint4(id) & 1023) < 307");
	ask("VACUUM $name");
	compare_with_fresh($name, 'after 30 % deleted');
}
# nearly all of it: lists merge, and what is left is found
ask('DELETE FROM few WHERE id % 40 <> 0');
$lists = ask("SELECT lists FROM index_stats('few_i')");
ask('VACUUM few');
# from the next transaction on, no scan can read what was replaced
ask('SELECT txid_current()');
ask('VACUUM few');
my ($left) = check_balance('few', 'after 97 % deleted');
cmp_ok($left, '<', $lists / 3, "lists merged from $lists to $left");
is(ask("SELECT dead_lists FROM index_stats('few_i')"), '0', 'dead lists are freed');
is(ask('SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM few ORDER BY v <-> drifting(1)) x'), ask('SELECT count(*) FROM few'), 'every row left is found');

# ---- what was freed serves again; vacuum and ANALYZE of a table at rest write nothing ---

my $size = ask("SELECT pg_relation_size('few_i')");
ask("INSERT INTO few SELECT * FROM source ON CONFLICT DO NOTHING");
check_balance('few', 'after filling it again');
my $again = ask("SELECT pg_relation_size('few_i')");
cmp_ok($again, '<', 1.3 * $size, "the index had $size bytes and has $again");
ask('VACUUM few');
ask('VACUUM few');
ask('CHECKPOINT');
my $before = ask('SELECT pg_current_wal_insert_lsn()');
ask('VACUUM (INDEX_CLEANUP ON) few');
ask('VACUUM (INDEX_CLEANUP ON) none');
ask('ANALYZE few');
my $node_path = $node->data_dir;
my $after = ask('SELECT pg_current_wal_insert_lsn()');
my $files = join ',', map { ask("SELECT relfilenode FROM pg_class WHERE relname = '$_'") } qw(few_i none_i);
my ($dump) = run_command([ 'pg_waldump', '-p', "$node_path/pg_wal", '-s', $before, '-e', $after ]);
my @touched = grep { my $file = $_; $dump =~ m{rel \d+/\d+/$file\b} } split /,/, $files;
is("@touched", '', 'vacuum and ANALYZE of tables at rest log nothing of the indexes');

done_testing();
