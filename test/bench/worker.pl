# Jobs per second through the real HTTP path, against the model server of the
# tests with a fixed latency, and the time from submit to claim and to result.
# Figures only, no assertions on time. Run: test/run.sh tap bench/worker.pl
#
# Peer: pg_net, by what it publishes: at most 200 requests a batch (its default
# batch_size), a batch ends with its slowest request, then 1 s pause. With a
# latency of L seconds that is at most 200 / (L + 1) requests a second.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use List::Util qw(sum);
use Time::HiRes qw(time);

my $jobs = $ENV{BENCH_JOBS} || 2000;
my $rounds = $ENV{BENCH_ROUNDS} || 5;
my $latency = 0.2;

my $node = intel_node('bench', conf => <<'CONF');
fsync = on
intel.worker_concurrency = 256
max_connections = 50
CONF
my $mock = start_mock();
my $url = $mock->url('/v1');

$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, max_concurrency)
	VALUES ('mock', 'openai', '$url', true, 1000);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0);
SQL

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return $sorted[ @sorted / 2 ];
}

sub spread
{
	my @sorted = sort { $a <=> $b } @_;
	return sprintf('%.0f to %.0f', @sorted[ 0, -1 ]);
}

# ---- throughput ---------------------------------------------------------------

$mock->control({ do => [ { kind => 'slow', seconds => $latency } ], always => \1 });
my @rates;
for my $round (0 .. $rounds)
{
	$node->safe_psql('postgres', 'DELETE FROM intel.job_queue');
	my $start = time();
	$node->safe_psql('postgres', qq{SELECT count(intel.submit('complete',
		jsonb_build_object('prompt', 'job ' || i, 'model', 'chat'))) FROM generate_series(1, $jobs) i});
	wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job WHERE status IN ('queued', 'running')}, 'the end');
	push @rates, $jobs / (time() - $start) if $round > 0;    # the first warms up
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM intel.job WHERE status = 'succeeded'}), $jobs, 'all succeeded');
my $peer = 200 / ($latency + 1);
diag(sprintf '%d jobs, %.1f s latency, 256 in flight: %.0f jobs/s (%s); pg_net at most %.0f/s by its design: ratio %.1f',
	$jobs, $latency, median(@rates), spread(@rates), $peer, median(@rates) / $peer);
my $most = $mock->stats;
diag("most requests at once: $most->{max_open}");

# ---- from submit to the claim ------------------------------------------------------

$mock->reset;
$node->safe_psql('postgres', 'DELETE FROM intel.job_queue');
for my $i (1 .. 100)
{
	my $id = $node->safe_psql('postgres',
		q{SELECT intel.submit('complete', '{"prompt": "ping", "model": "chat"}')});
	$node->safe_psql('postgres', "SELECT intel.wait($id)");
}
my $quantiles = sub {
	my ($expression) = @_;
	return $node->safe_psql('postgres', qq{SELECT format('median %s ms, p90 %s ms, p99 %s ms',
		round(q[1]::numeric, 1), round(q[2]::numeric, 1), round(q[3]::numeric, 1))
		FROM (SELECT percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP
			(ORDER BY 1000 * extract(epoch FROM $expression)) q FROM intel.job) s});
};
diag('start of the submitting transaction to claim: ' . $quantiles->('started_at - created_at'));
diag('to the committed result, with one HTTP call: ' . $quantiles->('finished_at - created_at'));

done_testing();
