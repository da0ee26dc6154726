# 47 jobs at 3 calls a minute: limited by intel, and by the provider (429).
# BENCH_PERIOD=60 is the real minute (15 minutes in all); the default is 6 s.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $period = 0 + ($ENV{BENCH_PERIOD} || 6);    # a number in JSON, too
my ($jobs, $calls) = (47, 3);

my $node = intel_node('bench', conf => "fsync = on\n");
my $mock = start_mock();
my $url = $mock->url('/v1');
$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task)
	VALUES ('ours', 'mock', 'm-1', 'chat'), ('theirs', 'mock', 'm-2', 'chat'), ('other', 'mock', 'm-3', 'chat');
INSERT INTO intel.rate_limit (model, requests, period) VALUES ('ours', $calls, '$period s');
SQL
$mock->control({ match => { model => 'm-2' }, do => [ { kind => 'limit', requests => $calls, seconds => $period } ], always => \1 });
sub value { return $node->safe_psql('postgres', $_[0]); }
sub say_figure
{
	my ($what, $figure, $ok) = @_;
	diag(sprintf '%-58s %s%s', $what, $figure, defined $ok ? $ok ? '  ok' : '  MISSED' : '');
	return;
}

my $start = value('SELECT extract(epoch FROM clock_timestamp())');
value(qq{SELECT count(intel.submit('complete', jsonb_build_object('prompt', i::text, 'model', m)))
	FROM generate_series(1, $jobs) i, unnest('{ours,theirs}'::text[]) m});
# another model, meanwhile
my @other;
for (1 .. 50)
{
	my $job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "other"}')});
	push @other, value("SELECT extract(epoch FROM (w).finished_at - (w).created_at) * 1000 FROM intel.wait($job) w");
}
wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status IN ('queued', 'running')}, 'the end', seconds => 30 * $period);

# a bucket that fills all the time; windows that begin with a request
my %least = (ours => ($jobs - $calls) / $calls * $period, theirs => (POSIX::ceil($jobs / $calls) - 1) * $period);
foreach my $model ('ours', 'theirs')
{
	my $took = value(qq{SELECT extract(epoch FROM max(finished_at)) - $start FROM intel.job_queue WHERE request ->> 'model' = '$model'});
	say_figure("$jobs jobs at $calls a period of $period s, the limit is $model", sprintf('%.1f s, least %.1f s (+%.1f %%)', $took, $least{$model},
		100 * ($took / $least{$model} - 1)), $took <= 1.1 * $least{$model});
}
is(value(q{SELECT count(*) FROM intel.job_queue WHERE status <> 'succeeded'}), '0', 'no job has failed');
my @windows = @{ $mock->stats->{windows} };
# those that were on their way when the first refusal came are no breach
my $breaches = 0;
my @late;
foreach my $i (0 .. $#windows)
{
	my @refused = @{ $windows[$i]{refused} };
	$breaches += grep { $_ > $refused[0] + 0.25 } @refused;
	push @late, 1000 * ($windows[$i]{starts} - $windows[ $i - 1 ]{ends}) if $i > 0;
}
@late = sort { $a <=> $b } @late;
say_figure('calls while the provider had asked to wait', $breaches, $breaches == 0);
say_figure('calls that the provider refused', scalar(map { @{ $_->{refused} } } @windows));
say_figure('the next call after the end of a wait', sprintf('%.0f to %.0f ms', @late[ 0, -1 ]), $late[0] >= 0 && $late[-1] <= 250);
@other = sort { $a <=> $b } @other;
say_figure('jobs of another model meanwhile, from submit to result', sprintf('p50 %.1f ms, p99 %.1f ms', @other[ 25, 49 ]));

done_testing();
