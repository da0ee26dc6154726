# Index `intel` on a standby that reads a list while the primary recycles it,
# and the same answers after every kind of change; what changes cost in WAL and
# space. Figures are printed with VERBOSE=1.

use strict;
use warnings;

use IntelTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $path = 'SET search_path = public, intel; SET enable_seqscan = off; SET enable_bitmapscan = off; ';
my $node = intel_node('main', conf => "max_wal_senders = 4\nwal_level = replica\nautovacuum = off\n");

sub ask
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $path . $query);
}

ask(<<'SQL');
CREATE FUNCTION noise(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
	$$ SELECT array_agg((hashint4(i * 977 + d) & 65535) / 65536.0 ORDER BY d)::vector FROM generate_series(1, 32) d $$;
CREATE TABLE t AS SELECT i AS id, i % 50 AS kind, noise(i)::vector(32) AS v FROM generate_series(1, 4000) i;
CREATE INDEX t_i ON t USING intel (v vector_l2_ops, kind);
SQL
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\nhot_standby_feedback = off\n");
$standby->start;

# Statements one after the other, outside of a transaction.
sub run_alone
{
	my (@statements) = map { ('-c', $_) } 'SET search_path = public, intel', split /; /, $_[0];
	my $error = '';
	IPC::Run::run([ 'psql', '-Xqv', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), @statements ], '2>', \$error) or die $error;
}

sub same
{
	my ($what) = @_;
	# what was rolled back may not be flushed yet, and where rows are equally far
	# their order depends on the lists; a commit flushes everything before it
	ask('SELECT pg_current_xact_id()');
	$node->wait_for_catchup($standby);
	for my $query (
		'SELECT id, v <-> noise(5) FROM t ORDER BY v <-> noise(5) LIMIT 100',
		'SELECT id FROM t WHERE kind = 7 ORDER BY v <-> noise(6) LIMIT 60',
		'SELECT id FROM t ORDER BY v <-> noise(7)')
	{
		my $text = "SELECT md5(string_agg(x::text, ',')) FROM ($query) x";
		is($standby->safe_psql('postgres', $path . $text), ask($text), "the standby agrees after $what");
	}
	is(ask(q{SELECT string_agg(problem, ', ') FROM index_check('t_i')}), '', 'and the index is sound');
}

# ---- the same after every kind of change ------------------------------------------------

same('a build');
for my $case (
	[ 'inserts', 'INSERT INTO t SELECT i, i % 50, noise(i) FROM generate_series(4001, 4100) i' ],
	[ 'splits', 'INSERT INTO t SELECT i, i % 50, noise(i) FROM generate_series(4101, 12000) i' ],
	[ 'updates', 'UPDATE t SET kind = kind + 1 WHERE id % 3 = 0' ],
	[ 'new vectors', 'UPDATE t SET v = noise(id + 77) WHERE id % 11 = 0' ],
	[ 'rows that were rolled back', 'BEGIN; INSERT INTO t SELECT i, 1, noise(i) FROM generate_series(20001, 21000) i; ROLLBACK' ],
	[ 'vacuum', 'VACUUM t' ],
	[ 'merges', 'DELETE FROM t WHERE id % 8 <> 0; VACUUM t' ],
	[ 'freed lists', 'CREATE TABLE x (); DROP TABLE x; VACUUM t' ],
	[ 'reuse of space', 'INSERT INTO t SELECT i, i % 50, noise(i) FROM generate_series(30001, 36000) i' ],
	[ 'VACUUM FULL', 'VACUUM FULL t' ],
	[ 'REINDEX', 'REINDEX INDEX t_i' ],
	[ 'REINDEX CONCURRENTLY', 'REINDEX INDEX CONCURRENTLY t_i' ],
	[ 'TRUNCATE and inserts', 'TRUNCATE t; INSERT INTO t SELECT i, i % 50, noise(i) FROM generate_series(1, 6000) i' ])
{
	my ($what, $statement) = @$case;
	run_alone($statement);
	same($what);
}

# ---- a list that is recycled under a search ------------------------------------------------

# The search has read which lists there are, and waits before it reads them. With
# a filter it reads keys first, from which those of freed lists are gone.
my $at = 20;
for my $condition ('true', 'kind = 7')
{
	my $holder = IPC::Run::start([ 'psql', '-Xq', '-d', $standby->connstr('postgres') . ' application_name=holder', '-c', 'SELECT pg_advisory_lock(1768846437, 1), pg_sleep(600)' ],
		'<', \undef, '>', \my $held, '2>', \my $ended);
	wait_for_sql($standby, q{SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted)}, 'the lock');
	my ($out, $err) = ('', '');
	my $search = IPC::Run::start([ 'psql', '-Xqv', 'VERBOSITY=verbose', '-d', $standby->connstr('postgres'), '-c', $path,
		'-c', q{SET intel.wait_point = 'scan-lists'}, '-c', "SELECT count(*) FROM (SELECT id FROM t WHERE $condition ORDER BY v <-> noise(5)) x" ], '<', \undef, '>', \$out, '2>', \$err);
	wait_for_sql($standby, q{SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)}, 'the search');
	# lists split, and their pages serve others; inserts alone conflict with nothing
	ask("INSERT INTO t SELECT i, i % 50, noise(i) FROM generate_series($_ * 4000, $_ * 4000 + 3999) i") for $at .. $at + 4;
	$at += 5;
	$node->wait_for_catchup($standby);
	my $others = $standby->safe_psql('postgres', $path . 'SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> noise(5)) x');
	is($others, ask('SELECT count(*) FROM t'), 'meanwhile other searches find every row');
	$standby->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'});
	$holder->finish;
	$search->finish;
	like($err, qr/ERROR:  40001: /, "the search whose lists were recycled ends with a serialization failure: $condition");
	unlike($out, qr/\d/, 'and gives no rows');
	same('lists were recycled');
}

# ---- what changes cost -----------------------------------------------------------------------

sub wal_of
{
	my ($statement) = @_;
	my $before = ask('SELECT pg_current_wal_lsn()');
	run_alone($statement);
	return ask("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '$before')");
}

my $built = wal_of('REINDEX INDEX t_i');
my $size = ask("SELECT pg_relation_size('t_i')");
note sprintf('a build writes %.2f times the size of the index', $built / $size);
cmp_ok($built, '<=', 1.2 * $size, 'a build writes at most 1.2 times its size as WAL');

# the index's own share, by its pages: what vacuum writes for the table is not its
sub index_pages_written
{
	my ($statement) = @_;
	my $file = ask(q{SELECT relfilenode FROM pg_class WHERE relname = 't_i'});
	my $from = ask('SELECT pg_current_wal_insert_lsn()');
	run_alone($statement);
	my $to = ask('SELECT pg_current_wal_flush_lsn()');
	my ($dump, $error);
	IPC::Run::run([ 'pg_waldump', '-p', $node->data_dir . '/pg_wal', '-s', $from, '-e', $to ], '>', \$dump, '2>', \$error);
	my %page;
	$page{$1}++ while $dump =~ m{rel \d+/\d+/$file (?:fork main )?blk (\d+)}g;
	return scalar keys %page;
}

run_alone('VACUUM t; CREATE TABLE y (); VACUUM t');
is(index_pages_written('VACUUM (INDEX_CLEANUP ON) t'), 0, 'VACUUM with nothing to do writes no page');
is(index_pages_written('ANALYZE t'), 0, 'nor does ANALYZE');
my $pages = ask("SELECT list_pages + record_pages FROM index_stats('t_i')");
for my $one (1000, 200, 50)
{
	ask("DELETE FROM t WHERE id % $one = 1");
	my $written = index_pages_written('VACUUM (INDEX_CLEANUP ON) t');
	my $dead = sprintf('%.1f', 100 / $one);
	note sprintf('VACUUM with %s %% dead rows writes %d of %d pages (%.1f %%)', $dead, $written, $pages, 100 * $written / $pages);
	# a dead row has its entry on one page and its record on another
	cmp_ok($written, '<=', 2.2 * ask('SELECT count(*) FROM t') / ($one - 1) + 10, "VACUUM with $dead % dead rows writes no more than two pages for each");
}

# ---- space: ten times every row is updated ------------------------------------------------------

ask('TRUNCATE t; INSERT INTO t SELECT i, i % 50, noise(i) FROM generate_series(1, 8000) i');
run_alone('REINDEX INDEX t_i');
my @sizes = ask("SELECT pg_relation_size('t_i')");
for my $cycle (1 .. 10)
{
	ask("UPDATE t SET v = noise(id + $cycle)");
	run_alone('VACUUM t');
	push @sizes, ask("SELECT pg_relation_size('t_i')");
}
# the first time there are twice the rows before vacuum, and lists that split
note 'size before and after every row was updated, again and again, as part of that after the first time: ' . join(' ', map { sprintf '%.2f', $_ / $sizes[1] } @sizes);
cmp_ok($sizes[-1], '<=', 1.3 * $sizes[1], 'space is used again');
# before vacuum every row is there twice, in the table too
cmp_ok($sizes[-1], '<=', 2.2 * $sizes[0], 'and lists do not split for rows that vacuum removes');
same('ten updates of everything');
$standby->stop;
$node->stop;
done_testing();
