# kill -9 of workers and of the server in the middle of jobs: none is lost,
# none has two results.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $rounds = $ENV{INTEL_CRASH_ROUNDS} || 6;
my $jobs_a_round = 20;

my $node = intel_node('main', conf => <<'CONF');
intel.job_retry_delay = 20ms
restart_after_crash = on
CONF
my $mock = start_mock();
my $url = $mock->url('/v1');

$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network)
	VALUES ('mock', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0);
-- every result that was ever written, whatever becomes of the job's row
CREATE TABLE written (job bigint, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
	\$\$ BEGIN INSERT INTO public.written (job) VALUES (NEW.id); RETURN NULL; END \$\$;
CREATE TRIGGER note AFTER UPDATE ON intel.job_queue FOR EACH ROW
	WHEN (NEW.status = 'succeeded') EXECUTE FUNCTION note();
SQL
$mock->control({ match => { path => '/chat/' }, do => [ { kind => 'slow', seconds => 0.05 } ], always => \1 });

for my $round (1 .. $rounds)
{
	$node->safe_psql('postgres', qq{SELECT count(intel.submit('complete',
		jsonb_build_object('prompt', i::text, 'model', 'chat'), '{"max_attempts": 100}'))
		FROM generate_series(1, $jobs_a_round) i});
	wait_for('a worker', sub { worker_pids($node, 'intel worker') });
	sleep(rand(0.25));    # not a wait: the crash shall come anywhere

	if ($round % 2)
	{
		my @pids = worker_pids($node, 'intel worker');
		@pids ? kill9_worker($node, 'intel worker') : kill9_server($node);
	}
	else
	{
		kill9_server($node);
	}
}

my $all = $rounds * $jobs_a_round;
wait_for_sql($node, "SELECT count(*) = $all FROM intel.job WHERE status = 'succeeded'", 'all jobs to end');
is($node->safe_psql('postgres', 'SELECT count(*) FROM intel.job'), $all, 'no job is lost');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT job) FROM written'), "$all|$all",
	'no job has two results');
is( $node->safe_psql('postgres', q{SELECT count(*) FROM intel.job
	WHERE result ->> 'content' IS DISTINCT FROM 'echo: ' || (SELECT request ->> 'prompt'
		FROM intel.job_queue q WHERE q.id = job.id)}), '0', 'every result is that of its job');
is( $node->safe_psql('postgres', q{SELECT count(*) FROM intel.job_queue WHERE lease_until IS NOT NULL}),
	'0', 'no lease is left');

done_testing();
