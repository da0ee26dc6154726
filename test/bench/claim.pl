# Claiming with 1,000, 100,000 and 1,000,000 jobs queued by one tenant, or by
# 10,000: ms of all statements of a claim, and the memory of a worker.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', extension => 0, conf => <<'CONF');
shared_preload_libraries = 'intel, pg_stat_statements'
pg_stat_statements.track = all
pg_stat_statements.track_planning = on
intel.worker_concurrency = 32
autovacuum = off
fsync = off
max_wal_size = 8GB
CONF
my $mock = start_mock();
my $url = $mock->url('/v1');
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION intel;
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, max_concurrency) VALUES ('mock', 'openai', '$url', true, 100);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
SQL
$mock->control({ do => ['hang'], always => \1 });

# The worker, with its calls hanging, must not take what is to be measured.
sub fill
{
	my ($jobs, $tenants) = @_;
	$node->safe_psql('postgres', qq{TRUNCATE intel.job_queue, intel.job_part; ALTER TABLE intel.job_queue DISABLE TRIGGER wake;
		INSERT INTO intel.job_queue (task, request, tenant)
			SELECT 'embed', '{"contents": ["some words"]}', 't' || i % $tenants FROM generate_series(1, $jobs) i;
		ALTER TABLE intel.job_queue ENABLE TRIGGER wake});
	return;
}

sub measure
{
	my ($claims) = @_;
	$node->safe_psql('postgres', 'CALL intel.run_jobs(5)');    # plans, and pages of the table
	$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
	$node->safe_psql('postgres', "CALL intel.run_jobs($claims)");
	return $node->safe_psql('postgres', qq{SELECT format('%s ms a claim, of it %s ms the row itself',
			round((sum(total_exec_time) / $claims)::numeric, 3),
			round((sum(total_exec_time) FILTER (WHERE query ~ 'SET status = .running.|attempts = q.attempts') / $claims)::numeric, 3))
		FROM pg_stat_statements WHERE query ~ 'job_queue' AND query !~ 'result = |pg_stat_|SELECT format'});
}

foreach my $case ([ 1_000, 1 ], [ 100_000, 1 ], [ 1_000_000, 1 ], [ 1_000_000, 10_000 ])
{
	my ($jobs, $tenants) = @$case;
	fill($jobs, $tenants);
	diag(sprintf '%9d queued by %5d tenants: %s', $jobs, $tenants, measure(200));
}

# a worker beside a million jobs, with all of its places taken
sub rss
{
	my ($pid) = worker_pids($node, 'intel worker') or return 0;
	my ($kb) = slurp_file("/proc/$pid/smaps_rollup") =~ /^Private_Dirty:\s+(\d+)/m;
	return $kb;
}
foreach my $jobs (100, 1_000_000)
{
	$node->safe_psql('postgres', 'TRUNCATE intel.job_queue, intel.job_part');
	$node->restart;
	$node->safe_psql('postgres', qq{ALTER TABLE intel.job_queue DISABLE TRIGGER wake;
		INSERT INTO intel.job_queue (task, request)
			SELECT 'complete', '{"prompt": "hang", "model": "chat"}' FROM generate_series(1, $jobs) i;
		ALTER TABLE intel.job_queue ENABLE TRIGGER wake;
		SELECT intel.submit('complete', '{"prompt": "hang", "model": "chat"}')});
	wait_for_sql($node, q{SELECT count(*) >= 29 FROM intel.job_queue WHERE status = 'running'}, 'calls to hang');
	diag(sprintf '%9d queued: the worker has %d kB of its own with 29 calls in flight', $jobs, rss());
}
pass('measured');
done_testing();
