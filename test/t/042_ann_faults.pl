# Index `intel` when things go wrong: cancelled searches and builds, temporary
# space that runs out, a disk that is full, data that breaks k-means.
# Times are printed; what is asserted leaves room for a loaded machine.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $path = 'SET search_path = public, intel; ';
my $node = intel_node('main', conf => "jit = off\nautovacuum = off\nwal_level = replica\n");

sub ask
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $path . $query);
}

ask(<<'SQL');
CREATE FUNCTION noise(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS
	$$ SELECT array_agg((hashint4(i * 977 + d) & 65535) / 65536.0 ORDER BY d)::vector FROM generate_series(1, dims) d $$;
CREATE TABLE big AS SELECT i AS id, (noise(i % 300, 128) + noise(i % 499, 128))::vector(128) AS v FROM generate_series(1, 24000) i;
SQL

# ---- cancel -------------------------------------------------------------------------

# Some phases last for milliseconds, so the server itself watches for them,
# cancels, and measures until the victim does nothing any more. Null when the
# victim's statement ended before.
ask(<<'SQL');
CREATE FUNCTION cancel_when(condition text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	victim int;
	seen bool := false;
	holds bool;
	since timestamptz;
	until timestamptz := clock_timestamp() + interval '60 s';
BEGIN
	WHILE clock_timestamp() < until LOOP
		PERFORM pg_stat_clear_snapshot();
		SELECT pid INTO victim FROM pg_stat_activity WHERE application_name = 'victim'
			AND state = 'active' AND query LIKE '%victim%';
		IF victim IS NOT NULL THEN
			seen := true;
			IF since IS NULL THEN
				EXECUTE 'SELECT ' || condition INTO holds;
				IF holds THEN
					since := clock_timestamp();
					PERFORM pg_cancel_backend(victim);
				END IF;
			END IF;
		ELSIF since IS NOT NULL THEN
			RETURN 1000 * extract(epoch FROM clock_timestamp() - since);
		ELSIF seen THEN
			RETURN NULL;
		END IF;
		PERFORM pg_sleep(0.0005);
	END LOOP;
	RETURN NULL;
END $$;
SQL

# Cancel a query so many times, each once condition holds; the milliseconds
# that it went on, without those times when it had ended before.
sub cancel_after
{
	my ($times, $query, $condition) = @_;
	my @took;
	for my $try (1 .. 3 * $times)
	{
		last if @took == $times;
		my ($out, $err) = ('', '');
		my $session = IPC::Run::start(
			[ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', "SET application_name = 'victim'; SET search_path = public, intel; $query" ],
			'<', \undef, '>', \$out, '2>', \$err);
		my $ms = ask('SELECT cancel_when($$' . $condition . '$$)');
		$session->finish;
		push @took, $ms if $ms ne '' && $err =~ /canceling statement due to user request/;
		ask('DROP INDEX IF EXISTS big_j');
	}
	return sort { $a <=> $b } @took;
}

sub report_cancel
{
	my ($name, @took) = @_;
	cmp_ok(scalar @took, '>', 0, "$name can be cancelled");
	note sprintf('%s, cancelled %d times: goes on for %.1f ms (median), %.1f at most', $name, scalar @took, $took[ $#took / 2 ] // -1, $took[-1] // -1);
	cmp_ok($took[-1] // 0, '<', 2000, 'and ends soon');
}

report_cancel('pg_sleep, for comparison,', cancel_after(5, 'SELECT pg_sleep(60)', 'true'));
for my $workers (0, 1)
{
	for my $phase ('sampling', 'finding lists', 'encoding rows', 'writing lists', 'logging pages')
	{
		report_cancel("a build with $workers workers, $phase,", cancel_after(5,
			"ALTER TABLE big SET (parallel_workers = $workers); CREATE INDEX big_j ON big USING intel (v)",
			"EXISTS (SELECT FROM pg_stat_progress_create_index WHERE phase LIKE '%$phase' OR phase LIKE '%logging pages')"));
	}
}
ask('CREATE INDEX big_i ON big USING intel (v)');
for my $search (
	[ 'a search of everything', 'SELECT count(*) FROM generate_series(1, 100000) i, LATERAL (SELECT id FROM big ORDER BY v <-> noise(i, 128)) x' ],
	[ 'a search with a condition that nothing meets', 'SELECT count(*) FROM generate_series(1, 100000) i, LATERAL (SELECT id FROM big WHERE id < 0 ORDER BY v <-> noise(i, 128) LIMIT 5) x' ])
{
	my ($name, $query) = @$search;
	report_cancel($name, cancel_after(10, "SET enable_seqscan = off; SET enable_sort = off; $query", 'random() < 0.02'));
}
is(ask("SELECT count(*) FROM index_check('big_i')"), '0', 'the index is sound');

# ---- temporary space -----------------------------------------------------------------

my ($rc, $out, $err) = $node->psql('postgres', "$path SET temp_file_limit = '300kB'; SET maintenance_work_mem = '1MB'; CREATE INDEX big_again ON big USING intel (v)");
isnt($rc, 0, 'a build without temporary space fails');
like($err, qr/temporary file size exceeds "?temp_file_limit/, 'and says so');
is(ask("SELECT count(*) FROM pg_class WHERE relname = 'big_again'"), '0', 'and leaves nothing');
is(ask("SET maintenance_work_mem = '1MB'; CREATE INDEX big_again ON big USING intel (v); SELECT entries FROM index_stats('big_again')"), '24000', 'little memory is enough');
cmp_ok(ask("SELECT index_recall('big_again', 40, 10)"), '>', 0.9, 'also for recall');

# ---- data that breaks k-means, built and grown -----------------------------------------

my %data = (
	equal => q{array_fill(1.0, ARRAY[8])::vector},
	few_points => q{noise((30 * (i / 4000.0) ^ 3)::int, 8)},
	two_points => q{array_fill(i % 2, ARRAY[8])::vector},
	nearly_equal => q{array_prepend((1e-6 * i)::real, array_fill(1.0::real, ARRAY[7]))::vector},
	giant_and_outliers => q{CASE WHEN i % 100 = 0 THEN noise(i, 8) * array_fill(1000.0 * i, ARRAY[8])::vector ELSE noise(i, 8) END},
	one_dimension => q{ARRAY[i]::vector},
	huge_norms => q{noise(i, 8) * array_fill(1e18, ARRAY[8])::vector});
for my $name (sort keys %data)
{
	my $dims = $name eq 'one_dimension' ? 1 : 8;
	ask("CREATE TABLE odd AS SELECT i AS id, ($data{$name})::vector($dims) AS v FROM generate_series(1, 4000) i; CREATE TABLE odd_grown (LIKE odd);"
		. 'CREATE INDEX odd_i ON odd USING intel (v); CREATE INDEX odd_grown_i ON odd_grown USING intel (v); INSERT INTO odd_grown SELECT * FROM odd');
	for my $index (qw(odd_i odd_grown_i))
	{
		is(ask("SELECT string_agg(problem, ', ') FROM index_check('$index')"), '', "$name: $index is sound");
		my ($lists, $longest, $entries) = split /\|/, ask("SELECT lists, longest_list, entries FROM index_stats('$index')");
		my ($ten, $hundred) = split /\|/, ask("SELECT index_recall('$index', 30, 10), index_recall('$index', 30, 100)");
		note "$name: $index has $lists lists, the longest $longest; recall $ten (10), $hundred (100)";
		cmp_ok($ten, '>=', 0.9, "$name: $index finds the nearest 10");
		cmp_ok($hundred, '>=', 0.88, "$name: $index finds the nearest 100");
		cmp_ok($longest, '<=', 4 * $entries / $lists, "$name: $index is balanced");
	}
	ask('DELETE FROM odd_grown WHERE id % 20 <> 0; VACUUM odd_grown');
	ask('VACUUM odd_grown');
	is(ask("SET enable_seqscan = off; SELECT count(*) FROM (SELECT 1 FROM odd_grown ORDER BY v <-> (SELECT v FROM odd LIMIT 1)) x"), '200', "$name: what is left is found");
	is(ask("SELECT count(*) FROM index_check('odd_grown_i')"), '0', "$name: after merging it is sound");
	ask('DROP TABLE odd, odd_grown');
}
$node->stop;

# ---- a full disk: no file may grow beyond a limit ----------------------------------------

my $full = PostgreSQL::Test::Cluster->new('full');
$full->init(extra => ['--wal-segsize=1']);
$full->append_conf('postgresql.conf', "shared_preload_libraries = 'intel'\nautovacuum = off\nfsync = off\n");
$full->start;
$full->safe_psql('postgres', 'CREATE EXTENSION intel');
$full->safe_psql('postgres', $path . 'CREATE TABLE t (id int, v vector(64)); CREATE INDEX t_i ON t USING intel (v); ALTER TABLE t ALTER v SET STORAGE PLAIN;'
	. 'CREATE FUNCTION noise(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$ SELECT array_agg((hashint4(i * 977 + d) & 65535) / 65536.0 ORDER BY d)::vector FROM generate_series(1, 64) d $$');
$full->stop;
my $limit = 2500;    # kB
is(system('bash', '-c', "ulimit -f $limit; exec pg_ctl -D '" . $full->data_dir . "' -l '" . $full->logfile . "' -w start > /dev/null"), 0, 'a server that may not write large files');
$full->_update_pid(1);
my ($inserted, $failed) = (0, '');
for my $batch (0 .. 60)
{
	($rc, $out, $err) = $full->psql('postgres', "$path INSERT INTO t SELECT i, noise(i) FROM generate_series($batch * 300 + 1, $batch * 300 + 300) i");
	if ($rc != 0) { $failed = $err; last; }
	$inserted += 300;
}
like($failed, qr/could not (extend|write)/, "the disk was full after $inserted rows");
is($full->safe_psql('postgres', "$path SELECT string_agg(problem, ', ') FROM index_check('t_i')"), '', 'the index is sound');
is($full->safe_psql('postgres', "$path SET enable_seqscan = off; SELECT count(*) FROM (SELECT 1 FROM t ORDER BY v <-> noise(1)) x"), $inserted, 'and has what was committed');
$full->stop;
$full->start;
$full->safe_psql('postgres', "$path INSERT INTO t SELECT i, noise(i) FROM generate_series($inserted + 1, $inserted + 3000) i");
is($full->safe_psql('postgres', "$path SET enable_seqscan = off; SELECT count(*) FROM (SELECT 1 FROM t ORDER BY v <-> noise(1)) x"), $inserted + 3000, 'it goes on with more space');
$full->safe_psql('postgres', 'VACUUM t');
is($full->safe_psql('postgres', "$path SELECT string_agg(problem, ', ') FROM index_check('t_i')"), '', 'and is sound');
$full->safe_psql('postgres', $path . 'CREATE TABLE large AS SELECT i AS id, noise(i)::vector(64) AS v FROM generate_series(1, 20000) i; ALTER TABLE large SET (parallel_workers = 1)');
# nothing of the table is left to be written when files may not be as large
$full->safe_psql('postgres', 'VACUUM FREEZE large');
$full->safe_psql('postgres', 'CHECKPOINT');
$full->stop;

# the file that the processes of a build share, then the index
for my $case ([ 1100, '64MB' ], [ 1600, '1MB' ])
{
	my ($most, $memory) = @$case;
	is(system('bash', '-c', "ulimit -f $most; exec pg_ctl -D '" . $full->data_dir . "' -l '" . $full->logfile . "' -w start > /dev/null"), 0, "a server whose files have at most $most kB");
	$full->_update_pid(1);
	($rc, $out, $err) = $full->psql('postgres', "$path SET max_parallel_maintenance_workers = 1; SET maintenance_work_mem = '$memory'; CREATE INDEX large_i ON large USING intel (v)");
	like($err, qr/ERROR:  could not (write|extend|reserve)[^\n]*(File too large|No space left|wrote only)/i, "ends a build by two processes");
	is($full->safe_psql('postgres', q{SELECT count(*) FROM pg_ls_tmpdir()}) . ' ' . $full->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname = 'large_i'}), '0 0', 'leaves nothing');
	$full->stop;
}
$full->start;
is($full->safe_psql('postgres', "$path CREATE INDEX large_i ON large USING intel (v); SELECT count(*) FROM index_check('large_i')"), '0', 'with more space it is built');
$full->stop;

# ---- records that a crash leaves -----------------------------------------------------------

# Vacuum clears entries, then removes their records. Between the two the server
# stops; then other rows, elsewhere in space, get the places in the table.
$node->start;
ask(q{CREATE TABLE left_over AS SELECT i AS id, i % 200 AS kind, noise(i, 16)::vector(16) AS v FROM generate_series(1, 8000) i;
	CREATE INDEX left_over_i ON left_over USING intel (v, kind);
	SET enable_seqscan = off; SELECT id FROM left_over WHERE kind = 7 ORDER BY v <-> noise(7, 16) LIMIT 10;
	DELETE FROM left_over WHERE kind = 7});
my @sessions = (IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', 'SELECT pg_advisory_lock(1768846437, 1), pg_sleep(600)' ],
	'<', \undef, '>', \my $hold_out, '2>', \my $hold_err));
wait_for_sql($node, q{SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted)}, 'the lock');
push @sessions, IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', "SET intel.wait_point = 'vacuum-records'", '-c', 'VACUUM left_over' ],
	'<', \undef, '>', \my $vacuum_out, '2>', \my $vacuum_err);
wait_for_sql($node, q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}, 'vacuum to have cleared entries');
ask('CREATE TABLE written (i int)'); # with the WAL before it
$node->stop('immediate');
$_->finish for @sessions;
$node->start;
ask('VACUUM left_over');
is(ask(q{INSERT INTO left_over SELECT i, 7, (noise(i + 4000, 16) - noise(i, 16))::vector(16) FROM generate_series(1, 40) i;
	SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
	SELECT string_agg(id::text, ' ' ORDER BY id) = (SELECT string_agg(i::text, ' ' ORDER BY i) FROM generate_series(1, 40) i)
	FROM (SELECT id FROM left_over WHERE kind = 7 ORDER BY v <-> noise(7, 16) LIMIT 100) x}), 't', 'what a crash left of vacuumed rows is not found');
is(ask(q{SELECT count(*) FROM index_check('left_over_i')}), '0', 'and does no harm');

done_testing();
