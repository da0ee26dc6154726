# Whose turn it is: tenants take turns by weight, priority orders within a
# tenant, slow calls of one leave places to others, and the statistics of the
# queue are reported. Without preload jobs run one by one, in an exact order.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', preload => 0, conf => "autovacuum = off\n");

sub submit
{
	my ($tenant, $count, $options) = @_;
	$options //= '{}';
	$node->safe_psql('postgres', qq{SET request.jwt.claims = '{"tenant_id": "$tenant"}';
		SELECT count(intel.submit('embed', '{"contents": ["$tenant"]}', '$options')) FROM generate_series(1, $count)});
	return;
}

# The tenants in the order in which their jobs were started.
sub order
{
	return $node->safe_psql('postgres', q{SELECT string_agg(tenant, '' ORDER BY started_at)
		FROM intel.job_queue WHERE started_at IS NOT NULL});
}

# ---- turns ---------------------------------------------------------------------

submit('a', 1000);
submit($_, 1) foreach 'b' .. 'e';
$node->safe_psql('postgres', 'CALL intel.run_jobs(6)');
like(order(), qr/^(?=.*b)(?=.*c)(?=.*d)(?=.*e)/,
	'of 6 jobs that are run, 4 are the only ones of their tenants, behind 1000 of another');

$node->safe_psql('postgres', q{DELETE FROM intel.job_queue; INSERT INTO intel.tenant_weight VALUES ('a', 3)});
submit($_, 100) foreach 'a', 'b';
$node->safe_psql('postgres', 'CALL intel.run_jobs(40)');
is($node->safe_psql('postgres', q{SELECT count(*) FILTER (WHERE tenant = 'a'), count(*) FILTER (WHERE tenant = 'b')
	FROM intel.job WHERE started_at IS NOT NULL}), '30|10', 'a weight of 3 gives three times the jobs');
like(order(), qr/^a{0,3}(baaa)+b?a*$/, 'in turns');

# Jain's index, (sum x)^2 / (n sum x^2), of what tenants get by their weights: 1 is
# even, 1 / n is one who has everything.
$node->safe_psql('postgres', q{DELETE FROM intel.job_queue; DELETE FROM intel.tenant_weight; INSERT INTO intel.tenant_weight VALUES ('b', 2), ('c', 4)});
submit('a', 2000);
submit($_, 150) foreach 'b' .. 'j';
for my $some (39, 52, 130, 390)
{
	$node->safe_psql('postgres', "CALL intel.run_jobs($some)");
	my $jain = $node->safe_psql('postgres', q{SELECT round(sum(x) ^ 2 / (count(*) * sum(x ^ 2)), 3) FROM
		(SELECT count(*) FILTER (WHERE started_at IS NOT NULL) / coalesce(max(weight), 1)::numeric AS x
			FROM intel.job LEFT JOIN intel.tenant_weight USING (tenant) GROUP BY tenant) t});
	cmp_ok($jain, '>=', 0.95, "ten tenants, one with 2,000 jobs, after $some more: Jain's index $jain");
}

$node->safe_psql('postgres', 'DELETE FROM intel.job_queue; DELETE FROM intel.tenant_weight');
submit('a', 10, '{"priority": 9}');
submit('a', 10);
submit('a', 10, '{"priority": -9}');
submit('b', 10);
$node->safe_psql('postgres', 'CALL intel.run_jobs(20)');
is($node->safe_psql('postgres', q{SELECT string_agg(tenant || priority || ':' || n, ' ' ORDER BY tenant, priority) FROM
	(SELECT tenant, priority, count(*) n FROM intel.job WHERE started_at IS NOT NULL GROUP BY 1, 2) s}),
	'a9:10 b0:10', 'priority orders the jobs of a tenant, and takes nothing from another');
$node->safe_psql('postgres', 'CALL intel.run_jobs()');
is($node->safe_psql('postgres', q{SELECT string_agg(priority::text, ' ' ORDER BY started_at) FROM intel.job
	WHERE tenant = 'a' AND priority < 9}), join(' ', (0) x 10, (-9) x 10), 'higher first');

# ---- an ordinary role runs its own jobs only -------------------------------------

$node->safe_psql('postgres', q{DELETE FROM intel.job_queue; CREATE ROLE alice; SELECT intel.grant_access('alice')});
submit('a', 3);
$node->safe_psql('postgres', q{SET ROLE alice; SET request.jwt.claims = '{"tenant_id": "a"}';
	SELECT intel.submit('embed', '{"contents": ["of alice"]}'); CALL intel.run_jobs()});
is($node->safe_psql('postgres', q{SELECT string_agg(owner || status, ' ' ORDER BY owner::text, status) FROM intel.job}),
	'alicesucceeded postgresqueued postgresqueued postgresqueued', 'a role runs its own jobs and no others of its tenant');

# ---- with a worker: slow calls do not take every place ------------------------------

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'intel'\nintel.worker_concurrency = 16");
$node->restart;
my $mock = start_mock();
my $url = $mock->url('/v1');
$node->safe_psql('postgres', <<"SQL");
DELETE FROM intel.job_queue;
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, max_concurrency)
	VALUES ('mock', 'openai', '$url', true, 1000);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
SQL
$mock->control({ match => { contains => 'hang' }, do => ['hang'], always => \1 });
my $one = q{SELECT intel.submit('complete', '{"prompt": "%s", "model": "chat"}')};
$node->safe_psql('postgres', q{SET request.jwt.claims = '{"tenant_id": "flood"}';
	SELECT count(intel.submit('complete', '{"prompt": "hang", "model": "chat"}')) FROM generate_series(1, 200)});
wait_for_sql($node, q{SELECT count(*) = 16 FROM intel.job WHERE status = 'running'},
	'the flood to take all places of one tenant');
my $id = $node->safe_psql('postgres', q{SET request.jwt.claims = '{"tenant_id": "small"}';
	SELECT intel.submit('complete', '{"prompt": "hello", "model": "chat"}')});
is($node->safe_psql('postgres', qq{SET request.jwt.claims = '{"tenant_id": "small"}';
	SELECT (intel.wait($id, '10 s')).status}), 'succeeded', 'another tenant finds a place while 16 calls hang');
is($node->safe_psql('postgres', q{SELECT count(*) FROM intel.job WHERE status = 'running'}), '16',
	'and all of them still hang');

# ---- jobs that need many others -------------------------------------------------------

$node->safe_psql('postgres', q{UPDATE intel.job_queue SET status = 'cancelled' WHERE status IN ('queued', 'running')});
$mock->reset;
$node->safe_psql('postgres', q{SET request.jwt.claims = '{"tenant_id": "large"}'; BEGIN;
	CREATE TEMP TABLE needed AS SELECT intel.submit('complete', '{"prompt": "needed", "model": "chat"}') AS id FROM generate_series(1, 700);
	SELECT count(intel.submit('embed', '{"contents": ["needs all"]}', jsonb_build_object('after', (SELECT jsonb_agg(id) FROM needed)))) FROM generate_series(1, 700);
	COMMIT});
my $updates = q{SELECT n_tup_upd FROM pg_stat_all_tables WHERE relid = 'intel.job_queue'::regclass};
my $before = $node->safe_psql('postgres', $updates);
foreach my $i (1 .. 3)
{
	$id = $node->safe_psql('postgres', q{SET request.jwt.claims = '{"tenant_id": "small"}'; SELECT intel.submit('embed', '{"contents": ["hello"]}')});
	is($node->safe_psql('postgres', qq{SET request.jwt.claims = '{"tenant_id": "small"}'; SELECT (intel.wait($id)).status}), 'succeeded', "another tenant's job $i");
}
wait_for_sql($node, q{SELECT count(*) = 1400 FROM intel.job WHERE status = 'succeeded' AND tenant = 'large'}, 'all of them to end');
wait_for_sql($node, 'SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = \'intel worker\'', 'the worker to leave and report what it wrote');
$updates = $node->safe_psql('postgres', $updates) - $before;
cmp_ok($updates, '<', 8000, "those that need others are not written for each of them ($updates)");

# ---- SQL that takes long -------------------------------------------------------------

# of two tables whose triggers sleep, the jobs come one at a time and in turns, behind those of others
$node->safe_psql('postgres', q{UPDATE intel.job_queue SET status = 'cancelled' WHERE status IN ('queued', 'running')});
$mock->reset;
foreach my $owner ('first', 'second')
{
	$node->safe_psql('postgres', qq{CREATE ROLE $owner; SELECT intel.grant_access('$owner'); CREATE SCHEMA $owner AUTHORIZATION $owner; SET ROLE $owner;
		CREATE TABLE $owner.slow (id int PRIMARY KEY, body text, line text, at timestamptz);
		CREATE FUNCTION $owner.sleeps() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
			PERFORM pg_sleep(0.3), pg_advisory_lock(4711); NEW.at := clock_timestamp(); RETURN NEW; END \$\$;
		CREATE TRIGGER sleeps BEFORE UPDATE ON $owner.slow FOR EACH ROW EXECUTE FUNCTION $owner.sleeps();
		SELECT intel.create_enrichment('slow', '$owner.slow', '{body}', 'line', 'Make a line.', 'text', '{"model": "chat"}')});
}
$node->safe_psql('postgres', q{INSERT INTO intel.model_grant VALUES ('chat', 0) ON CONFLICT DO NOTHING});
$node->safe_psql('postgres', q{INSERT INTO first.slow SELECT i, 'text ' || i FROM generate_series(1, 30) i; INSERT INTO second.slow SELECT i, 'text ' || i FROM generate_series(1, 3) i});
my $written = q{SELECT count(*) %s FROM (TABLE first.slow UNION ALL TABLE second.slow) s WHERE line IS NOT NULL};
wait_for_sql($node, sprintf($written, '>= 2'), 'some rows to be written');
$id = $node->safe_psql('postgres', $one =~ s/%s/quick/r);
is($node->safe_psql('postgres', "SELECT (intel.wait($id)).status"), 'succeeded', 'a job of somebody else');
cmp_ok($node->safe_psql('postgres', sprintf($written, '')), '<=', 10, 'is done before most of them');
wait_for_sql($node, sprintf($written, '= 33'), 'all rows');
is($node->safe_psql('postgres', q{SELECT count(*) <= 6 FROM first.slow WHERE at < (SELECT max(at) FROM second.slow)}), 't', 'those of few rows had their turns');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'and nobody has left a lock');
# lanes of one's own making do not help
my $claimed = join '; ', map { qq{SELECT set_config('request.jwt.claims', '{"tenant_id": "made up $_"}', false); INSERT INTO first.slow VALUES ($_ + 100, 'claim $_')} } 1 .. 20;
$node->safe_psql('postgres', $claimed);
wait_for_sql($node, q{SELECT count(*) >= 6 FROM first.slow WHERE id > 100 AND line IS NOT NULL}, 'some of many tenants to be written');
$id = $node->safe_psql('postgres', $one =~ s/%s/quicker/r);
is($node->safe_psql('postgres', "SELECT (intel.wait($id)).status"), 'succeeded', 'a job of another role');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM first.slow WHERE id > 100 AND line IS NOT NULL}), '<=', 12, 'is done before most of them');
wait_for_sql($node, q{SELECT count(*) = 20 FROM first.slow WHERE id > 100 AND line IS NOT NULL}, 'all tenants');
# no call within a transaction of the worker
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION first.sleeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	NEW.line := intel.complete('from a trigger', 'chat'); RETURN NEW; END $$});
$node->safe_psql('postgres', q{UPDATE first.slow SET body = 'other' WHERE id = 1});
is($node->safe_psql('postgres', q{SELECT line FROM first.slow WHERE id = 1}), 'echo: from a trigger', 'a trigger can call a model');
wait_for_sql($node, q{SELECT count(*) = 1 FROM intel.job_queue WHERE status = 'failed' AND error_code = '55000' AND owner = 'first'::regrole}, 'but not in SQL of a job');
is(scalar(grep { $_->{body} =~ /from a trigger/ } @{ $mock->requests }), 1, 'where it is not sent');

# ---- what autovacuum and the DBA see --------------------------------------------------

$node->safe_psql('postgres', q{UPDATE intel.job_queue SET status = 'cancelled' WHERE status IN ('queued', 'running')});
wait_for_sql($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'intel worker'
	AND state <> 'idle'}, 'the worker to be idle');
my $before = $node->safe_psql('postgres', q{SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'job_queue'});
for (1 .. 3)
{
	$id = $node->safe_psql('postgres', q{SELECT intel.submit('complete', '{"prompt": "hello", "model": "chat"}')});
	$node->safe_psql('postgres', "SELECT intel.wait($id)");
}
wait_for_sql($node, qq{SELECT n_tup_upd >= $before + 6 AND n_dead_tup > 0 FROM pg_stat_user_tables
	WHERE relname = 'job_queue'}, 'the changes of the worker to be counted', seconds => 10);
pass('the changes of the worker are counted while it runs');

done_testing();
