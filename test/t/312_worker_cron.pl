# Without preload: jobs run by pg_cron, as packaged by Debian.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($sharedir) = map { chomp; $_ } `pg_config --sharedir`;
plan skip_all => 'pg_cron is not installed (Debian: postgresql-15-cron)'
  unless -f "$sharedir/extension/pg_cron.control";

my $node = intel_node('main', preload => 0, conf => <<'CONF');
shared_preload_libraries = 'pg_cron'
cron.use_background_workers = on
CONF
my $mock = start_mock();
my $url = $mock->url('/v1');
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION pg_cron;
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
SQL
my $id = $node->safe_psql('postgres', q{SELECT intel.submit('complete', '{"prompt": "by cron", "model": "chat"}')});
is($node->safe_psql('postgres', "SELECT status FROM intel.job WHERE id = $id"), 'queued', 'nobody runs it');

$node->safe_psql('postgres', q{SELECT cron.schedule('jobs', '* * * * *', 'CALL intel.run_jobs(100)')});
wait_for_sql($node, "SELECT status = 'succeeded' FROM intel.job WHERE id = $id", 'the next minute', seconds => 130);
is($node->safe_psql('postgres', "SELECT result ->> 'content' FROM intel.job WHERE id = $id"), 'echo: by cron', 'until pg_cron does');
wait_for_sql($node, q{SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'succeeded'}, 'the run to end', seconds => 10);
is($node->safe_psql('postgres', q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}), '0', 'without an error');

done_testing();
