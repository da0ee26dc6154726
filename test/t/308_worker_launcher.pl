# The launcher: more databases than places, databases and extensions that come
# and go, starts that fail, settings that are read again.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = intel_node('main', conf => <<'CONF');
intel.max_workers = 1
intel.job_retry_delay = 20ms
autovacuum = off
CONF
my $mock = start_mock();
my $url = $mock->url('/v1');
my $catalog = <<"SQL";
CREATE EXTENSION IF NOT EXISTS intel;
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, max_concurrency) VALUES ('mock', 'openai', '$url', true, 1000);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
SQL
$node->safe_psql('postgres', $catalog);
my $embed = q{SELECT intel.submit('embed', '{"contents": ["a"]}')};

sub connected
{
	my ($database) = @_;
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE datname = '$database' AND backend_type = 'intel worker'");
}

# ---- one place, several databases --------------------------------------------------

foreach my $i (1 .. 3)
{
	$node->safe_psql('postgres', "CREATE DATABASE d$i");
	$node->safe_psql("d$i", 'CREATE EXTENSION intel');
}
$node->safe_psql("d$_", $embed) foreach 1 .. 3;
foreach my $i (1 .. 3)
{
	wait_for_sql($node, q{SELECT bool_and(status = 'succeeded') FROM intel.job}, "job of d$i", dbname => "d$i");
}
pass('an idle worker makes room for the next database');

# a database whose queue is never empty gives its place up, too
$mock->control({ do => [ { kind => 'slow', seconds => 0.2 } ], always => \1 });
$node->safe_psql('postgres', q{SELECT count(intel.submit('complete', '{"prompt": "x", "model": "chat"}')) FROM generate_series(1, 3000)});
wait_for_sql($node, q{SELECT count(*) > 0 FROM intel.job WHERE status = 'succeeded'}, 'the long queue to be worked at');
$node->safe_psql('d1', $embed);
wait_for_sql($node, q{SELECT bool_and(status = 'succeeded') FROM intel.job}, 'a job behind a long queue elsewhere',
	dbname => 'd1', seconds => 30);
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM intel.job WHERE status = 'queued'}), '>', 0,
	'a database waits for its turn, not for the end of another queue');
my $done = $node->safe_psql('postgres', q{SELECT count(*) FROM intel.job WHERE status = 'succeeded'});
wait_for_sql($node, qq{SELECT count(*) > $done + 50 FROM intel.job WHERE status = 'succeeded'}, 'the long queue to go on');
pass('which goes on afterwards');
is($node->safe_psql('postgres', q{SELECT max(attempts) FROM intel.job}), '1', 'no job was broken off for it');
$node->safe_psql('postgres', q{UPDATE intel.job_queue SET status = 'cancelled' WHERE status IN ('queued', 'running')});
wait_for('the calls to end', sub { $mock->stats->{open} == 0 });
$mock->reset;

# ---- a new database is found -----------------------------------------------------------

$node->append_conf('postgresql.conf', 'intel.max_workers = 4');
$node->restart;
my $fastest = 9;
foreach my $i (1 .. 3)
{
	$node->safe_psql('postgres', "CREATE DATABASE new$i");
	$node->safe_psql("new$i", "CREATE EXTENSION intel; $embed");
	wait_for_sql($node, q{SELECT bool_and(status = 'succeeded') FROM intel.job}, 'the job', dbname => "new$i");
	my $s = $node->safe_psql("new$i", 'SELECT extract(epoch FROM started_at - created_at) FROM intel.job');
	$fastest = $s if $s < $fastest;
}
cmp_ok($fastest, '<', 1, 'a database with a new extension has its worker within 1 s');

# ---- 64 calls hang, and their database, or their extension, is dropped --------------------

$mock->control({ match => { contains => 'hang' }, do => ['hang'], always => \1 });
my $hang = q{SELECT count(intel.submit('complete', '{"prompt": "hang", "model": "chat"}')) FROM generate_series(1, 64)};
$node->append_conf('postgresql.conf', 'intel.worker_concurrency = 80');
$node->reload;
foreach my $end ('DROP EXTENSION', 'DROP DATABASE')
{
	$node->safe_psql('postgres', 'CREATE DATABASE hanging');
	$node->safe_psql('hanging', $catalog);
	$node->safe_psql('hanging', $hang);
	wait_for('64 calls to hang', sub { $mock->stats->{open} >= 64 });
	my $start = time();
	if ($end eq 'DROP EXTENSION')
	{
		$node->safe_psql('hanging', 'DROP EXTENSION intel CASCADE');
		wait_for('the worker to leave', sub { connected('hanging') eq '0' }, 20);
		cmp_ok(time() - $start, '<', 2, "$end with 64 hanging calls ends them");
		$node->safe_psql('postgres', 'DROP DATABASE hanging');
	}
	else
	{
		$node->safe_psql('postgres', 'DROP DATABASE hanging WITH (FORCE)');
		cmp_ok(time() - $start, '<', 2, "$end (FORCE) with 64 hanging calls");
	}
	wait_for('the connections to close', sub { $mock->stats->{open} == 0 }, 5);
}
pass('and no connection stays');
$mock->reset;

# ---- a start that fails --------------------------------------------------------------------

wait_for('the worker of d1 to leave', sub { connected('d1') eq '0' });
my $log = log_position($node);
$node->safe_psql('d1', "BEGIN; $embed; ALTER TABLE intel.task RENAME TO task_away; COMMIT");
my $end = time() + 5;
wait_for('some time', sub { time() > $end });
my $failures = () = log_since($node, $log) =~ /ERROR: .*relation "intel\.task" does not exist/g;
cmp_ok($failures, '>=', 1, 'a worker that fails is started again');
cmp_ok($failures, '<=', 4, 'but not at once, and ever later');
$node->safe_psql('d1', 'ALTER TABLE intel.task_away RENAME TO task');
wait_for_sql($node, q{SELECT bool_and(status = 'succeeded') FROM intel.job}, 'the job', dbname => 'd1');
pass('and works once the cause is gone');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_activity WHERE backend_type = \'intel launcher\''), '1',
	'the launcher lives through it');

# ---- a database that takes no connections for a while -------------------------------------------

$node->append_conf('postgresql.conf', 'intel.worker_idle_timeout = 300ms');
$node->reload;
foreach my $when ('falls due', 'server starts')
{
	$node->safe_psql('d3', q{SELECT intel.submit('embed', '{"contents": ["a"]}', jsonb_build_object('run_at', now() + interval '1 s'))});
	wait_for('the worker of d3 to leave', sub { connected('d3') eq '0' }, 20);
	$node->safe_psql('postgres', 'ALTER DATABASE d3 ALLOW_CONNECTIONS false');
	$node->restart if $when eq 'server starts';
	$end = time() + 2.5;
	wait_for('the job to be due', sub { time() > $end });
	$node->safe_psql('postgres', 'ALTER DATABASE d3 ALLOW_CONNECTIONS true');
	wait_for_sql($node, q{SELECT bool_and(status = 'succeeded') FROM intel.job}, "a job of a database that was closed when the $when", dbname => 'd3', seconds => 30);
	pass("a job of a database that was closed when the $when");
}

# ---- settings ---------------------------------------------------------------------------------

$node->append_conf('postgresql.conf', 'intel.worker_idle_timeout = 1h');
$node->reload;
$node->safe_psql('d2', $embed);
wait_for_sql($node, q{SELECT bool_and(status = 'succeeded') FROM intel.job}, 'the job', dbname => 'd2');
is(connected('d2'), '1', 'an idle worker stays as long as the setting says');
$node->append_conf('postgresql.conf', 'intel.worker_idle_timeout = 10ms');
$node->reload;
wait_for('the worker to leave', sub { connected('d2') eq '0' }, 10);
pass('and leaves after the setting was lowered and read again');

# ---- no place for a worker ----------------------------------------------------------------------

$node->append_conf('postgresql.conf', "max_worker_processes = 2\nmax_parallel_workers = 0");
$node->restart;
$log = log_position($node);
$node->safe_psql('d2', $embed);
wait_for('the warning', sub { log_since($node, $log) =~ /WARNING: .*no background worker slot is free/ }, 20);
like(log_since($node, $log), qr/HINT: .*max_worker_processes/, 'a warning says what to do when max_worker_processes is short');
is($node->safe_psql('d2', q{SELECT count(*) FROM intel.job WHERE status = 'queued'}), '1', 'and the job waits');

done_testing();
