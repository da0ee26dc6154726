# Index `intel` when memory runs out: allocations of builds, inserts, splits,
# searches, merges and vacuum fail one after the other. What fails says so, the
# server goes on, and the index is sound or not there.
# INTEL_MEMORY_TRIES (40): failures tried for each of them; 0 tries all.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;

# ---- a module that makes malloc fail, preloaded into the server ---------------------------

my ($include) = grep { -f "$_/postgres.h" } map { my $dir = -x "$_/pg_config" ? `$_/pg_config --includedir-server` : ''; chomp $dir; $dir } split /:/, $ENV{PATH};
plan skip_all => 'headers of the server are not installed' if !$include;
my $dir = PostgreSQL::Test::Utils::tempdir();
my $module = "$dir/fail_malloc.so";
my ($source) = grep { -f } map { "$_/fault/fail_malloc.c" } ('.', '..', 'test');
is(system('cc', '-shared', '-fPIC', '-O1', "-I$include", '-o', $module, $source), 0, 'the module is built');
chmod 0755, $dir;
# The server's references to its statistics do not survive such a failure: one could end it (15.20, in pgstat_get_entry_ref).
my $node = intel_node('main', conf => "autovacuum = off\ntrack_counts = off\nmax_parallel_maintenance_workers = 0\njit = off\n", env => { LD_PRELOAD => $module });
my $path = 'SET search_path = public, intel; SET enable_seqscan = off; ';

sub ask
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $path . $query);
}

ask(<<"SQL");
CREATE FUNCTION malloc_fail_after(bigint) RETURNS void LANGUAGE c AS '$module';
CREATE FUNCTION malloc_count() RETURNS bigint LANGUAGE c AS '$module';
CREATE FUNCTION noise(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
	\$\$ SELECT array_agg((hashint4(i * 977 + d) & 65535) / 65536.0 ORDER BY d)::vector FROM generate_series(1, 32) d \$\$;
CREATE TABLE source AS SELECT i AS id, (noise(i % 150) + noise(i % 211))::vector(32) AS v, i % 40 AS kind FROM generate_series(1, 10000) i;
SQL
if (ask('SELECT malloc_count() > 0') ne 't')
{
	note 'another malloc is in the way';
	$node->stop;
	done_testing();
	exit;
}

# ---- failures ------------------------------------------------------------------------------

my $tries = $ENV{INTEL_MEMORY_TRIES} // 40;

# Run a statement with an allocation failing, for several or all of them. What
# can be is run inside of a transaction, whose commit is spared: the server
# itself panics when memory runs out after it has committed.
sub starve
{
	my ($name, $setup, $statement, $check) = @_;
	ask($setup);
	my $count = (split /\n/, $node->safe_psql('postgres', $path . "SELECT malloc_count(); $statement; SELECT malloc_count()"))[-1];
	my ($failed, $served, @odd) = (0, 0);
	my $step = $tries > 0 && $count > $tries ? $count / $tries : 1;
	for (my $at = 1; $at <= $count + 1; $at += $step)
	{
		ask($setup);
		my ($begin, $commit) = $statement =~ /^VACUUM/ ? ('', '') : ('BEGIN; ', '; SELECT malloc_fail_after(0); COMMIT');
		my ($rc, $out, $err) = $node->psql('postgres', $path . "LOAD 'plpgsql'; $begin" . 'SELECT malloc_fail_after(' . int($at) . "); $statement$commit");
		if ($rc == 0) { $served++; }
		elsif ($err =~ /out of memory/i) { $failed++; }
		else { push @odd, int($at) . ": $err"; }
		my $state = ask($check);
		push @odd, int($at) . ": $state" if $state ne '';
	}
	is(join("\n", @odd), '', "$name: what fails says so, and leaves a sound index or none");
	cmp_ok($failed, '>', 0, "$name: something failed");
	note "$name: $count allocations, $failed failures reported, $served times it went on";
}

my $sound = q{SELECT string_agg(problem, ', ') FROM pg_class c JOIN pg_am a ON a.oid = relam AND amname = 'intel', index_check(c.oid) WHERE relkind = 'i'};
my $complete = "$sound UNION ALL SELECT 'missing rows' WHERE (SELECT count(*) FROM (SELECT 1 FROM t ORDER BY v <-> noise(1)) x) <> (SELECT count(*) FROM t)";
# one line or none
$complete = "SELECT string_agg(x, ', ') FROM ($complete) AS y (x)";

my $table = 'DROP TABLE IF EXISTS t; CREATE TABLE t AS SELECT * FROM source';
starve('build', $table, 'CREATE INDEX t_i ON t USING intel (v, kind)', $sound);
my $index = 'CREATE INDEX t_i ON t USING intel (v, kind)';
starve('reindex', "$table LIMIT 3000; $index", 'REINDEX INDEX t_i', $complete);
starve('insert', "$table LIMIT 3000; $index", 'INSERT INTO t SELECT * FROM source WHERE id > 9990', $complete);
starve('split', "$table LIMIT 600; $index", 'INSERT INTO t SELECT * FROM source WHERE id > 8500', $complete);
starve('search', "$table; $index", 'SELECT count(*) FROM (SELECT 1 FROM t ORDER BY v <-> noise(3) LIMIT 50) x', $complete);
starve('exact search', "$table; $index", 'SELECT count(*) FROM (SELECT 1 FROM t WHERE id % 1000 = 1 ORDER BY v <-> noise(3) LIMIT 50) x', $complete);
starve('search for few', "$table; $index", 'SELECT count(*) FROM (SELECT 1 FROM t WHERE kind = 3 ORDER BY v <-> noise(3) LIMIT 50) x', $complete);
starve('vacuum', "$table; $index; DELETE FROM t WHERE id % 10 = 3", 'VACUUM t', $complete);
starve('merge and calibrate', "$table; $index; DELETE FROM t WHERE id % 8 <> 3", 'VACUUM t', $complete);
starve('check and statistics', "$table LIMIT 3000; $index", "SELECT (SELECT count(*) FROM index_check('t_i')), (SELECT lists FROM index_stats('t_i')), index_recall('t_i', 5, 10)", $complete);
is(() = PostgreSQL::Test::Utils::slurp_file($node->logfile) =~ /PANIC|was terminated by signal/g, 0, 'no process ended otherwise');
$node->stop;
done_testing();
