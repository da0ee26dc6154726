# A provider with 16 places, answers after 0.2 s: how long sessions wait for an
# answer when nothing else asks, and beside a backlog of jobs that wants every
# place; and how many jobs are done meanwhile.
#
# BENCH_CALLS (60) of each of 4 sessions, BENCH_ROUNDS (3).

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $calls = $ENV{BENCH_CALLS} || 60;
my $rounds = $ENV{BENCH_ROUNDS} || 3;
my $sessions = 4;
my $dir = PostgreSQL::Test::Utils::tempdir();
my $port = start_fast_server(200);
my $node = intel_node('bench', conf => "fsync = on\nintel.worker_concurrency = 64\n");
sub sql { return $node->safe_psql('postgres', $_[0]); }
sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('fast', 'openai', 'http://127.0.0.1:$port/v1', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('m', 'fast', 'm', 'chat');
SQL
append_to_file("$dir/ask.sql", "SELECT intel.complete('question ' || random(), 'm');\n");

sub done { return sql(q{SELECT count(*) FROM intel.job_queue WHERE status = 'succeeded'}); }

# The times of all calls, ms, in order; and jobs done in a second meanwhile.
sub ask
{
	my $log = "$dir/times" . int(rand(1e9));
	my ($start, $before) = (time(), done());
	system_or_bail('pgbench', '-n', '-c', $sessions, '-t', $calls, '-f', "$dir/ask.sql", '-l', "--log-prefix=$log", $node->connstr('postgres'));
	my $jobs = (done() - $before) / (time() - $start);
	return ($jobs, sort { $a <=> $b } map { (split)[2] / 1000 } map { split /\n/, slurp_file($_) } glob "$log.*");
}

my %worst;
foreach my $backlog (0, 20000)
{
	my (@median, @late, @jobs);
	sql("SELECT count(intel.submit('complete', jsonb_build_object('model', 'm', 'prompt', 'job ' || i))) FROM generate_series(1, $backlog) i") if $backlog;
	foreach (1 .. $rounds)
	{
		my ($jobs, @times) = ask();
		is(scalar @times, $sessions * $calls, 'all calls are answered');
		push @median, $times[ $#times / 2 ];
		push @late, $times[ $#times * 0.99 ];
		push @jobs, $jobs;
	}
	@$_ = sort { $a <=> $b } @$_ foreach \@median, \@late, \@jobs;
	my $middle = int($rounds / 2);
	diag(sprintf '%-22s p50 %5.0f ms (%.0f to %.0f), p99 %5.0f ms (%.0f to %.0f), %4.0f jobs/s of at most 80',
		$backlog ? 'beside 20,000 jobs' : 'nothing else', $median[$middle], @median[ 0, -1 ], $late[$middle], @late[ 0, -1 ], $jobs[$middle]);
}
done_testing();
