# Launcher and worker without work run no statement and use no CPU. Set
# INTEL_IDLE_SECONDS to watch longer than the 3 seconds of the default.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{INTEL_IDLE_SECONDS} || 3;

my $node = intel_node('main', extension => 0, conf => <<'CONF');
shared_preload_libraries = 'intel, pg_stat_statements'
pg_stat_statements.track = all
intel.worker_idle_timeout = 10d
CONF
my $mock = start_mock();
my $url = $mock->url('/v1');
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION intel;
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
SQL

# Statements that ran since the reset, but for those of this test itself.
my $statements = q{SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query !~ 'pg_stat_'};

my $id = $node->safe_psql('postgres', q{SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}')});
wait_for_sql($node, "SELECT status = 'succeeded' FROM intel.job WHERE id = $id", 'the job');
ok($node->safe_psql('postgres', $statements) > 0, 'statements of a worker are counted');

my @pids = worker_pids($node);
is(scalar @pids, 2, 'launcher and worker stay');
$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
my %before = map { $_ => ticks($_) } @pids;

sleep($seconds);    # what is tested is that nothing happens meanwhile

is($node->safe_psql('postgres', $statements), '0', "no statement in $seconds s");
is(ticks($_) - $before{$_}, 0, 'no CPU time') foreach @pids;
is(join(' ', worker_pids($node)), "@pids", 'both are still there');

# User and system time of a process in clock ticks.
sub ticks
{
	my ($pid) = @_;
	my @fields = split ' ', slurp_file("/proc/$pid/stat") =~ s/.*\) //rs;
	return $fields[11] + $fields[12];
}

done_testing();
