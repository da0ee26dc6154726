# Index `intel` built by several processes: the same index as by one, in every
# kind of build; what happens when one of them ends; progress; memory.

use strict;
use warnings;

use IntelTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $path = 'SET search_path = public, intel; ';
my $node = intel_node('main', conf => "autovacuum = off\nmax_parallel_maintenance_workers = 2\nmaintenance_work_mem = 128MB\nrestart_after_crash = on\nwal_level = replica\n");

sub ask
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $path . $query);
}

ask(<<'SQL');
CREATE FUNCTION noise(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ SELECT array_agg((hashint4(i * 977 + d) & 65535) / 65536.0 ORDER BY d)::vector FROM generate_series(1, dims) d $$;
CREATE TABLE t AS SELECT i AS id, i % 7 AS kind, (noise(i % 300, 64) + noise(i % 499, 64))::vector(64) AS v FROM generate_series(1, 20000) i;
CREATE VIEW builder AS SELECT a.pid, a.backend_type FROM pg_stat_activity a
	WHERE application_name = 'builder' AND state = 'active';
SQL

# ---- builds that are held -------------------------------------------------------------

my $holder;

# From now on builds wait where intel.wait_point says.
sub hold
{
	$holder = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('postgres') . ' application_name=holder', '-c', 'SELECT pg_advisory_lock(1768846437, 1), pg_sleep(600)' ],
		'<', \undef, '>', \my $out, '2>', \my $err);
	wait_for_sql($node, q{SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted)}, 'the lock');
}

sub release
{
	ask(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'});
	$holder->finish;
}

# A build that waits at a point, with the number of processes.
sub start_build
{
	my ($point, $statement, $processes) = @_;
	my $build = { out => '', err => '' };
	$build->{run} = IPC::Run::start(
		[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') . ' application_name=builder', '-c', $path, '-c', "SET intel.wait_point = '$point'", '-c', $statement ],
		'<', \undef, '>', \$build->{out}, '2>', \$build->{err});
	wait_for_sql($node, qq{SELECT count(*) = $processes FROM pg_locks l JOIN builder b USING (pid) WHERE locktype = 'advisory' AND NOT granted}, "$processes processes at $point");
	return $build;
}

sub finish_build
{
	my ($build) = @_;
	$build->{run}->finish;
	return $build->{err};
}

sub workers { return ask(q{SELECT count(*) FROM builder WHERE backend_type = 'parallel worker'}); }

# ---- the same index -------------------------------------------------------------------

ask('SET max_parallel_maintenance_workers = 0; CREATE INDEX serial ON t USING intel (v vector_l2_ops, kind)');
ask('ALTER TABLE t SET (parallel_workers = 2)');
my $stats = 'lists, entries, longest_list, probes_10, probes_100, list_pages, record_pages';
my $serial = ask("SELECT $stats FROM index_stats('serial')");
note "serial: $serial";

sub check_index
{
	my ($index, $name) = @_;
	is(ask("SELECT string_agg(problem, ', ') FROM index_check('$index')"), '', "$name: it is sound");
	is(ask("SELECT $stats FROM index_stats('$index')"), $serial, "$name: it is what one process makes");
	is(ask("SELECT indisvalid FROM pg_index WHERE indexrelid = '$index'::regclass"), 't', "$name: it is valid");
}

for my $point (qw(build-sampling build-lists build-encoding))
{
	hold();
	my $build = start_build($point, 'CREATE INDEX parallel ON t USING intel (v vector_l2_ops, kind)', 3);
	is(workers(), '2', "$point: two workers");
	release();
	is(finish_build($build), '', "$point: a build ends");
	check_index('parallel', $point);
	ask('DROP INDEX parallel') if $point ne 'build-encoding';
}
is(ask(q{SELECT reltuples FROM pg_class WHERE relname = 'parallel'}), '20000', 'rows are counted once');
is(ask(<<'SQL'), '0', 'every row is found');
SET enable_seqscan = off; SET enable_sort = off;
SELECT count(*) FROM t WHERE id NOT IN (SELECT id FROM t ORDER BY v <-> noise(1, 64));
SQL

for my $case (
	[ 'concurrently', 'CREATE INDEX CONCURRENTLY other ON t USING intel (v vector_l2_ops, kind)' ],
	[ 'reindex', 'REINDEX INDEX other' ],
	[ 'reindex concurrently', 'REINDEX INDEX CONCURRENTLY other' ])
{
	my ($name, $statement) = @$case;
	hold();
	my $build = start_build('build-encoding', $statement, 3);
	is(workers(), '2', "$name: two workers");
	release();
	is(finish_build($build), '', "$name: it ends");
	check_index('other', $name);
}
ask('DROP INDEX other');

# rows that come while an index is built concurrently are in it
hold();
my $build = start_build('build-encoding', 'CREATE INDEX CONCURRENTLY other ON t USING intel (v)', 3);
ask('INSERT INTO t SELECT 100000 + i, 0, noise(i, 64) FROM generate_series(1, 50) i; DELETE FROM t WHERE id BETWEEN 1 AND 10; UPDATE t SET kind = 9 WHERE id BETWEEN 11 AND 20');
release();
is(finish_build($build), '', 'concurrently, with changes: it ends');
is(ask('SET enable_seqscan = off; SET enable_sort = off; SELECT count(*), count(*) FILTER (WHERE id > 100000), count(*) FILTER (WHERE kind = 9) FROM (SELECT id, kind FROM t ORDER BY v <-> noise(1, 64)) x'),
	'20040|50|10', 'and has them');
ask('DROP INDEX other; DELETE FROM t WHERE id > 100000');

# ---- where one process builds ------------------------------------------------------------

ask(<<'SQL');
CREATE FUNCTION unsafe(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$ BEGIN RETURN v; END $$;
CREATE TABLE parts (id int, v vector(64)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10000) WITH (parallel_workers = 2);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10000) TO (20001) WITH (parallel_workers = 2);
INSERT INTO parts SELECT id, v FROM t;
SQL
for my $case (
	[ 'an expression that is not parallel safe', 'CREATE INDEX other ON t USING intel ((unsafe(v)::vector(64)))', 1 ],
	[ 'a safe expression', 'CREATE INDEX other ON t USING intel (((v * v)::vector(64)))', 3 ],
	[ 'a condition', 'CREATE INDEX other ON t USING intel (v) WHERE kind > 1', 3 ],
	[ 'partitions', 'CREATE INDEX other ON parts USING intel (v)', 3 ])
{
	my ($name, $statement, $processes) = @$case;
	hold();
	my $one = start_build('build-encoding', $statement, $processes);
	is(workers(), $processes - 1, "$name: workers");
	release();
	is(finish_build($one), '', "$name: it ends");
	my @leaves = split /\n/, ask(q{SELECT relid::regclass FROM pg_partition_tree('other'::regclass) WHERE isleaf});
	is(ask("SELECT string_agg(problem, ', ') FROM index_check('$_')"), '', "$name: $_ is sound") for @leaves ? @leaves : 'other';
	ask('DROP INDEX other');
}
is($node->safe_psql('postgres', $path . <<'SQL'), '20000', 'a temporary table');
CREATE TEMP TABLE tmp WITH (parallel_workers = 2) AS SELECT * FROM t;
INSERT INTO tmp SELECT * FROM tmp LIMIT 20000 - (SELECT count(*) FROM tmp);
CREATE INDEX tmp_i ON tmp USING intel (v);
SELECT entries FROM index_stats('tmp_i');
SQL
is(ask(<<'SQL'), '1000', 'no workers are left');
SET max_parallel_workers = 0;
CREATE TABLE small WITH (parallel_workers = 2) AS SELECT * FROM t LIMIT 1000;
CREATE INDEX small_i ON small USING intel (v);
SELECT entries FROM index_stats('small_i');
SQL

# ---- a process that ends ------------------------------------------------------------------

sub files_left
{
	my @left = glob($node->data_dir . '/base/pgsql_tmp/*');
	return scalar @left;
}

for my $point (qw(build-sampling build-lists build-encoding build-writing build-logging))
{
	my $workers = $point =~ /writing|logging/ ? 0 : 2;
	for my $case (
		[ 'a worker is cancelled', 'parallel worker', 'pg_cancel_backend', qr/canceling statement due to user request/ ],
		[ 'a worker is terminated', 'parallel worker', 'pg_terminate_backend', qr/terminating (parallel worker|connection|background worker)/ ],
		[ 'the build is cancelled', 'client backend', 'pg_cancel_backend', qr/canceling statement due to user request/ ],
		[ 'the session is terminated', 'client backend', 'pg_terminate_backend', qr/terminating connection/ ])
	{
		my ($name, $type, $function, $message) = @$case;
		next if $type eq 'parallel worker' && !$workers;
		hold();
		my $broken = start_build($point, 'CREATE INDEX broken ON t USING intel (v)', 1 + $workers);
		ask("SELECT $function(pid) FROM builder WHERE backend_type = '$type' LIMIT 1");
		like(finish_build($broken), $message, "$point: $name");
		release();
		wait_for_sql($node, 'SELECT count(*) = 0 FROM builder', 'all processes to end');
		is(ask(q{SELECT count(*) FROM pg_class WHERE relname = 'broken'}), '0', 'and no index is left');
		is(files_left(), 0, 'nor a temporary file');
	}
}
hold();
$build = start_build('build-encoding', 'CREATE INDEX broken ON t USING intel (v)', 3);
kill 'KILL', ask(q{SELECT pid FROM builder WHERE backend_type = 'parallel worker' LIMIT 1});
like(finish_build($build), qr/crash of another server process|server closed the connection|terminated/, 'a worker is killed');
$holder->finish;
wait_for('the server to come back', sub { (try_sql($node, 'SELECT 1'))[0] == 0 });
is(ask(q{SELECT count(*) FROM pg_class WHERE relname = 'broken'}), '0', 'no index is left');
is(files_left(), 0, 'nor a temporary file');
is(ask(q{SELECT string_agg(problem, ', ') FROM index_check('parallel')}), '', 'another index is sound');

# ---- progress -------------------------------------------------------------------------------

my %phase = (
	'build-sampling' => 'sampling', 'build-lists' => 'finding lists', 'build-encoding' => 'encoding rows',
	'build-writing' => 'writing lists', 'build-logging' => 'logging pages');
for my $point (sort keys %phase)
{
	my $workers = $point =~ /writing|logging/ ? 0 : 2;
	hold();
	$build = start_build($point, 'CREATE INDEX other ON t USING intel (v)', 1 + $workers);
	my ($phase, $done, $total) = split /\|/, ask(<<'SQL');
SELECT replace(phase, 'building index: ', ''), greatest(tuples_done, blocks_done), greatest(tuples_total, blocks_total)
FROM pg_stat_progress_create_index
SQL
	is($phase, $phase{$point}, "$point: the phase has a name");
	note "$phase: $done of $total";
	cmp_ok($total, '>', 0, "$phase: there is a total");
	cmp_ok($done, '<=', $total, "$phase: and what is done of it");
	release();
	is(finish_build($build), '', 'the build ends');
	ask('DROP INDEX other');
}

# What a watcher sees over a whole build: percent of every phase that lasts.
my $watch = { out => '', err => '' };
$watch->{run} = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', <<'SQL' ], '<', \undef, '>', \$watch->{out}, '2>', \$watch->{err});
DO $$
DECLARE r record; seen text := ''; last text := ''; fell int := 0; percent float8; before float8 := 0; began bool := false;
BEGIN
	FOR i IN 1..60000 LOOP
		PERFORM pg_stat_clear_snapshot();
		SELECT replace(phase, 'building index: ', '') AS phase, tuples_done, tuples_total, blocks_done, blocks_total INTO r FROM pg_stat_progress_create_index;
		EXIT WHEN began AND NOT FOUND;
		IF FOUND AND r.phase <> 'initializing' THEN
			began := true;
			percent := 100.0 * greatest(r.tuples_done, r.blocks_done) / nullif(greatest(r.tuples_total, r.blocks_total), 0);
			IF r.phase <> last THEN seen := seen || E'\n' || r.phase || ':'; before := 0; END IF;
			IF r.phase = last AND percent < before THEN fell := fell + 1; END IF;
			IF percent IS NOT NULL AND floor(percent / 10) <> floor(before / 10) THEN seen := seen || ' ' || round(percent) || '%'; END IF;
			last := r.phase; before := coalesce(percent, before);
		END IF;
		PERFORM pg_sleep(0.001);
	END LOOP;
	RAISE WARNING 'seen:% fell % times', seen, fell;
END $$
SQL
ask('CREATE INDEX other ON t USING intel (v); DROP INDEX other');
$watch->{run}->finish;
note $watch->{err};
like($watch->{err}, qr/fell 0 times/, 'percent never falls within a phase');

# ---- memory -----------------------------------------------------------------------------------

# What a process has for itself, kB.
sub private_memory
{
	my ($pid) = @_;
	my $kb = 0;
	for my $line (split /\n/, slurp_file("/proc/$pid/smaps_rollup"))
	{
		$kb += $1 if $line =~ /^Private_Dirty:\s+(\d+)/;
	}
	return $kb;
}

SKIP:
{
	skip 'memory of processes cannot be read', 3 if !-r "/proc/$$/smaps_rollup" || !ask('SELECT 1');
	ask('CREATE TABLE wide WITH (parallel_workers = 2) AS SELECT i AS id, noise(i % 20000, 256)::vector(256) AS v FROM generate_series(1, 40000) i');
	hold();
	$build = start_build('build-lists', "SET maintenance_work_mem = '24MB'; CREATE INDEX other ON wide USING intel (v)", 3);
	my ($mapped) = map { -s $_ } glob($node->data_dir . '/base/pgsql_tmp/*/intel');
	my $shm = 0;
	$shm += -s $_ for glob('/dev/shm/PostgreSQL.*');
	my %memory = map { $_ => private_memory($_) } split /\n/, ask('SELECT pid FROM builder');
	my $idle = ask('SELECT pg_backend_pid()');
	note sprintf('maintenance_work_mem 24 MB: %d kB in the file that all share; private %s kB (an idle session has some 2,000 to 5,000); all segments in /dev/shm %d kB',
		$mapped / 1024, join(', ', map { $memory{$_} } sort keys %memory), $shm / 1024);
	cmp_ok($mapped / 1024, '<=', 24 * 1024, 'what processes share is within the memory allowed');
	my $private = 0;
	$private += $_ for values %memory;
	cmp_ok($mapped / 1024 + $private, '<=', 24 * 1024 + 3 * 10 * 1024, 'and all together, beside what any session has');
	release();
	is(finish_build($build), '', 'the build ends');
}
$node->stop;
done_testing();
