# Jobs that were refused: nothing is done about them until what holds them lets
# some go; then all of them go, in turns, whatever happened in between.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', conf => "autovacuum = off\nintel.job_retry_delay = 20ms\n");
my $mock = start_mock();
my $url = $mock->url('/v1');

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub submit
{
	my ($tenant, $count, $model, $options) = @_;
	$options //= '{}';
	return sql(qq{SET request.jwt.claims = '{"tenant_id": "$tenant"}';
		SELECT max(intel.submit('complete', jsonb_build_object('prompt', i::text, 'model', '$model'), '$options')) FROM generate_series(1, $count) i});
}
sub held
{
	my ($count, $model) = @_;
	wait_for_sql($node, qq{SELECT count(*) >= $count FROM intel.job_queue
		WHERE request ->> 'model' = '$model' AND held_by IS NOT NULL AND status = 'queued' AND NOT ready AND attempts = 0}, "$count jobs of $model to be held");
	return;
}
sub all_done
{
	my ($what) = @_;
	wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status IN ('queued', 'running')}, $what);
	is(sql(q{SELECT count(*) FROM intel.job_queue WHERE status <> 'succeeded' OR held_by IS NOT NULL}), '0', $what);
	sql('DELETE FROM intel.job_queue');
	return;
}

sql(qq{INSERT INTO intel.provider (name, kind, base_url, allow_private_network, max_concurrency)
		VALUES ('mock', 'openai', '$url', true, 100), ('other', 'openai', '$url', true, 100);
	INSERT INTO intel.model (name, provider, model_id, task) VALUES ('slow', 'mock', 'm-1', 'chat'), ('shut', 'mock', 'm-2', 'chat'), ('off', 'other', 'm-3', 'chat');
	INSERT INTO intel.rate_limit (model, requests, period) VALUES ('slow', 4, '1 s')});

# ---- a rate ---------------------------------------------------------------------------

submit('many', 60, 'slow');
held(40, 'slow');
my $one = submit('one', 1, 'slow');
wait_for_sql($node, "SELECT status = 'succeeded' FROM intel.job_queue WHERE id = $one", 'the job of another tenant');
cmp_ok(sql(qq{SELECT count(*) FROM intel.job_queue q JOIN intel.job_queue o ON o.id = $one
	WHERE q.tenant = 'many' AND q.finished_at BETWEEN o.created_at AND o.finished_at}), '<=', 4,
	'who has one job does not wait for the forty that were held before');
held(10, 'slow');
my $urgent = submit('many', 1, 'slow', '{"priority": 9}');
wait_for_sql($node, "SELECT status = 'succeeded' FROM intel.job_queue WHERE id = $urgent", 'a job of priority');
cmp_ok(sql(qq{SELECT count(*) FROM intel.job_queue q JOIN intel.job_queue o ON o.id = $urgent
	WHERE q.id <> o.id AND q.finished_at BETWEEN o.created_at AND o.finished_at}), '<=', 4, 'priority holds among jobs that are held');
all_done('all jobs of a rate');

# ---- a provider that asks to wait --------------------------------------------------------

$mock->control({ match => { model => 'm-2' }, do => [ { kind => '429', retry_after => 1 } ], always => \1 });
submit('many', 300, 'shut', '{"max_attempts": 100}');
held(299, 'shut');
my $calls = $mock->stats->{requests};
sql(q{CREATE TABLE before AS SELECT id, xmin::text AS version FROM intel.job_queue});
$mock->wait_requests($calls + 3);
cmp_ok(sql(q{SELECT count(*) FROM intel.job_queue q JOIN before b USING (id) WHERE q.xmin::text <> b.version}), '<=', 30,
	'three more refusals touch few of 300 jobs');
$mock->reset;
all_done('all jobs when it answers again');

# ---- a provider that is off ----------------------------------------------------------------

sql(q{UPDATE intel.provider SET enabled = false WHERE name = 'other'});
submit('many', 300, 'off');
$one = submit('one', 1, 'off');
held(301, 'off');
sql(qq{SET request.jwt.claims = '{"tenant_id": "one"}'; SELECT intel.cancel($one)});
sql(qq{SET request.jwt.claims = '{"tenant_id": "one"}'; SELECT intel.retry($one)});
held(301, 'off');
is(sql(q{SELECT count(*) FROM intel.job_queue WHERE attempts > 0}), '0', 'no attempt is used up');
sql(q{UPDATE intel.provider SET enabled = true WHERE name = 'other'});
all_done('all jobs when it is on again');

# ---- limits that are changed ------------------------------------------------------------------

# None of these would let a job go within a day by itself.
sql(q{INSERT INTO intel.rate_limit (model, requests, period) VALUES ('off', 1, '1 day')});
submit('many', 3, 'off');
held(2, 'off');
sql(q{DELETE FROM intel.rate_limit WHERE model = 'off'});
all_done('a limit that is gone holds nobody');
# a call asks for about 0.16 and costs 0.003 in the end, so a hundred are too many
sql(q{UPDATE intel.model SET input_price = 1000, output_price = 1000 WHERE name = 'off';
	INSERT INTO intel.budget (model, amount, period) VALUES ('off', 0.25, 'month');
	SELECT count(intel.submit('complete', '{"prompt": "x", "model": "off", "max_tokens": 50}')) FROM generate_series(1, 100)});
wait_for_sql($node, q{SELECT count(*) FILTER (WHERE held_by LIKE 'budget %') > 0 AND count(*) FILTER (WHERE status = 'running') = 0
	FROM intel.job_queue}, 'the budget to be spent');
sql(q{UPDATE intel.budget SET amount = 1000});
all_done('jobs go when their budget is raised');
sql('DELETE FROM intel.budget');

$mock->control({ match => { model => 'm-3' }, do => [ { kind => '429', retry_after => 3600 } ], always => \1 });
submit('many', 3, 'off');
held(3, 'off');
$mock->reset;
sql(q{SELECT intel.reset_breaker('off')});
all_done('a breaker that is reset');

# ---- who held them is gone -----------------------------------------------------------------

sql(q{UPDATE intel.provider SET enabled = false WHERE name = 'other'});
submit('many', 20, 'off');
held(20, 'off');
$node->stop('immediate');
$node->append_conf('postgresql.conf', 'intel.max_workers = 0');
$node->start;
sql(q{UPDATE intel.provider SET enabled = true WHERE name = 'other'});
held(20, 'off');
sql('CALL intel.run_jobs(5)');
is(sql(q{SELECT count(*) FROM intel.job WHERE status = 'succeeded'}), '5', 'a session finds jobs that are held, and lets them go');
sql(q{UPDATE intel.provider SET enabled = false WHERE name = 'other'});
sql('CALL intel.run_jobs(5)');
held(15, 'off');
sql(q{UPDATE intel.provider SET enabled = true WHERE name = 'other'});
$node->append_conf('postgresql.conf', 'intel.max_workers = 4');
$node->restart;
all_done('all of them, by a worker that did not know of them');

sql(q{INSERT INTO intel.job_queue (task, request, held_by) VALUES ('complete', '{"prompt": "x", "model": "off"}', 'model 0 none')});
all_done('a row from elsewhere is not held');

done_testing();
