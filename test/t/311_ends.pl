# Workers, launcher, databases, extensions and servers end at any moment, in
# the middle of jobs or of their start: nothing crashes, nothing is logged as an
# error, and no job of another database is lost or has two results.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $rounds = $ENV{INTEL_CRASH_ROUNDS} || 12;
my $jobs_a_round = 20;

my $node = intel_node('main', conf => <<'CONF');
intel.job_retry_delay = 20ms
intel.max_workers = 3
CONF
my $mock = start_mock();
my $url = $mock->url('/v1');
my $catalog = <<"SQL";
INSERT INTO intel.provider (name, kind, base_url, allow_private_network)
	VALUES ('mock', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0);
SQL
my $jobs = qq{SELECT count(intel.submit('complete', jsonb_build_object('prompt', i::text, 'model', 'chat'),
	'{"max_attempts": 100}')) FROM generate_series(1, $jobs_a_round) i};

$node->safe_psql('postgres', $catalog . <<'SQL');
CREATE TABLE written (job bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO public.written (job) VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON intel.job_queue FOR EACH ROW
	WHEN (NEW.status = 'succeeded') EXECUTE FUNCTION note();
SQL
$mock->control({ match => { path => '/chat/' }, do => [ { kind => 'slow', seconds => 0.02 } ], always => \1 });

# ---- ways to end ---------------------------------------------------------------------

sub terminate
{
	my ($like) = @_;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type ~ '$like'");
	return;
}

# a database with jobs of its own, for as long as an end takes
sub other_database
{
	my ($end) = @_;
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->safe_psql('other', "CREATE EXTENSION intel; $catalog");
	$node->safe_psql('other', $jobs);
	sleep(rand(0.15));
	$node->safe_psql('other', 'DROP EXTENSION intel CASCADE; CREATE EXTENSION intel') if $end eq 'extension';
	$node->safe_psql('postgres', 'DROP DATABASE other WITH (FORCE)');
	return;
}

my @ends = (
	sub { terminate('intel worker') },
	sub { terminate('intel launcher') },
	sub { other_database('extension') },
	sub { other_database('database') },
	sub { $node->restart },
	sub { kill9_starting_server($node) },    # in recovery, the launcher's start, the look at every database
);

my $log = log_position($node);
foreach my $round (0 .. $rounds - 1)
{
	$node->safe_psql('postgres', $jobs);
	sleep(rand(0.1));    # not a wait: the end shall come anywhere
	$ends[ $round % @ends ]->();
}

# ---- what is left -----------------------------------------------------------------------

my $all = $rounds * $jobs_a_round;
wait_for_sql($node, "SELECT count(*) = $all FROM intel.job WHERE status = 'succeeded'", 'all jobs to end');
is($node->safe_psql('postgres', 'SELECT count(*) FROM intel.job'), $all, 'no job is lost');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT job) FROM written'), "$all|$all", 'no job has two results');
is($node->safe_psql('postgres', 'SELECT count(*) FROM intel.job_queue WHERE lease_until IS NOT NULL'), '0', 'no lease is left');
is( $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'intel launcher'}),
	'1', 'there is a launcher');

my @crashes = grep { /PANIC|TRAP|terminated by signal/ } split /\n/, log_since($node, $log);
is("@crashes", '', 'nothing crashed');
my @errors = grep { /intel (worker|launcher).*(ERROR|WARNING)/ } split /\n/, log_since($node, $log);
is("@errors", '', 'no worker logged an error');

done_testing();
