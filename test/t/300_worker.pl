# Jobs in the background: wake, send, write down; failure, retry, cancel; who
# may do what; and that idle workers do nothing and stand in nobody's way.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', conf => <<'CONF');
intel.job_retry_delay = 20ms
intel.worker_idle_timeout = 300ms
log_statement = all
autovacuum = off
max_prepared_transactions = 2
CONF
my $mock = start_mock(dimensions => 8);
my $url = $mock->url('/v1');

$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms)
	VALUES ('mock', 'openai', '$url', true, 5000),
		('dead', 'openai', 'http://127.0.0.1:1/v1', true, 5000);
INSERT INTO intel.model (name, provider, model_id, task)
	VALUES ('chat', 'mock', 'm-1', 'chat'), ('dead', 'dead', 'm-1', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0), ('dead', 0);
CREATE ROLE alice;
CREATE ROLE bob;
SELECT intel.grant_access('alice');
SELECT intel.grant_access('bob');
SQL

sub job
{
	my ($sql, @more) = @_;
	return $node->safe_psql('postgres', "SELECT intel.submit($sql)", @more);
}

sub column
{
	my ($id, $expression) = @_;
	return $node->safe_psql('postgres', "SELECT $expression FROM intel.job_queue WHERE id = $id");
}

sub ends
{
	my ($id, $status, $what) = @_;
	is($node->safe_psql('postgres', "SELECT (w).status FROM intel.wait($id, '20 s') w"),
		$status, $what);
}

# ---- the way of a job ---------------------------------------------------------

my $id = job(q{'complete', '{"prompt": "ping", "model": "chat"}'});
ends($id, 'succeeded', 'a job is run by the worker');
is(column($id, "result ->> 'content'"), 'echo: ping', 'its result is what the model said');
is(column($id, 'attempts || model'), '1chat', 'attempts and model are noted');
is(column($id, 'input_tokens > 0 AND output_tokens > 0 AND latency_ms >= 0'),
	't', 'and what it cost');
is(column($id, 'lease_until IS NULL AND error_code IS NULL AND finished_at IS NOT NULL'),
	't', 'nothing is left over');

$id = job(q{'chat', '{"messages": [{"role": "user", "content": "hello"}], "model": "chat"}'});
ends($id, 'succeeded', 'task chat');
is(column($id, "result #>> '{message,content}'"), 'echo: hello', 'has a message');

$id = job(q{'embed', '{"contents": ["some words", "other words"]}'});
ends($id, 'succeeded', 'task embed, with a builtin model');
is(column($id, "jsonb_array_length(result -> 'embeddings')"), '2', 'has its embeddings');

my ($rc, $out, $err) = $node->psql('postgres',
	q{BEGIN; SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}'); ROLLBACK;});
is($node->safe_psql('postgres', q{SELECT count(*) FROM intel.job_queue WHERE request ->> 'prompt' = 'x'}),
	'0', 'a job of a transaction that was rolled back is never run');

($rc, $out, $err) = $node->psql('postgres', q{LISTEN intel_job;
	SELECT intel.submit('complete', '{"prompt": "tell me", "model": "chat"}') AS job \gset
	SELECT (intel.wait(:job)).status;
	SELECT 1});
like($out, qr/notification "intel_job" with payload "\d+"/, 'its end is notified, by its id');
unlike($out, qr/tell me/, 'and by nothing else');

# ---- failures -----------------------------------------------------------------

$mock->control({ match => { path => '/chat/' }, do => [ '500', '500', 'ok' ] });
$id = job(q{'complete', '{"prompt": "third time", "model": "chat"}'});
ends($id, 'succeeded', 'errors of the server are retried');
is(column($id, 'attempts'), '3', 'as often as needed');
is(column($id, 'failed_at IS NULL AND error_message IS NULL'), 't', 'and forgotten after a success');

$id = job(q{'complete', '{"prompt": "nobody there", "model": "dead"}', '{"max_attempts": 2}'});
ends($id, 'dead', 'a server that is down uses up the attempts');
is(column($id, 'attempts'), '2', 'all of them');
is(column($id, 'failed_at IS NOT NULL AND finished_at IS NOT NULL'), 't', 'it is visible when');
is(column($id, 'error_code'), 'IN001', 'and why');
unlike(column($id, 'error_message'), qr/nobody there/, 'without the prompt');

$node->safe_psql('postgres', "UPDATE intel.provider SET base_url = '$url' WHERE name = 'dead'");
is($node->safe_psql('postgres', "SELECT intel.retry($id)"), 't', 'it can be queued again');
ends($id, 'succeeded', 'and succeeds once the server is there');

$mock->control({ match => { path => '/chat/' }, do => [ { kind => 'status', status => 400 } ] });
$id = job(q{'complete', '{"prompt": "bad", "model": "chat"}'});
ends($id, 'failed', 'what cannot succeed is not retried');
is(column($id, 'attempts'), '1', 'it had one attempt');

$mock->control({ match => { path => '/chat/' }, do => [ { kind => '429', retry_after => 1 }, 'ok' ] });
$id = job(q{'complete', '{"prompt": "later", "model": "chat"}'});
ends($id, 'succeeded', 'a rate limit is waited for');
is( column($id, q{attempts = 1 AND started_at >= created_at + interval '1 s'}),
	't', 'for the time that the provider named, and uses up no attempt');

# ---- cancelling ------------------------------------------------------------------

$mock->control({ match => { path => '/chat/' }, do => ['hang'] });
my $before = $mock->stats->{requests};
$id = job(q{'complete', '{"prompt": "never", "model": "chat"}'});
$mock->wait_requests($before + 1);
is(column($id, 'status'), 'running', 'a call in flight');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'intel worker' AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL)}),
	'0', 'holds no transaction and no snapshot');
is($node->safe_psql('postgres', "SELECT intel.cancel($id)"), 't', 'is cancelled');
is(column($id, q{status || (lease_until IS NULL)}), 'cancelledtrue', 'at once');
is($node->safe_psql('postgres', "SELECT intel.cancel($id)"), 'f', 'and only once');
$mock->reset;

# psql shows a notification after the answer to a command
my $listen = q{LISTEN intel_job; SELECT intel.submit('complete', '{"prompt": "hang", "model": "chat"}', '{"max_attempts": 1}') AS job \gset
};
$mock->control({ match => { path => '/chat/' }, do => ['hang'], always => \1 });
($rc, $out, $err) = $node->psql('postgres', $listen . q{SELECT intel.cancel(:job); SELECT 'job ' || :job});
($id) = $out =~ /^job (\d+)/m;
like($out, qr/notification "intel_job" with payload "$id"/, 'the end of a job that is cancelled is notified');
my $dead = q{DO $$ BEGIN LOOP COMMIT; EXIT WHEN EXISTS (SELECT FROM intel.job WHERE status = 'running'); END LOOP; END $$;
	SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'intel worker';
	SELECT (intel.wait(:job, '20 s')).status; SELECT 'job ' || :job};
($rc, $out, $err) = $node->psql('postgres', $listen . $dead);
($id) = $out =~ /^job (\d+)/m;
like($out, qr/^dead$/m, 'a job whose worker ended has used its last attempt');
like($out, qr/notification "intel_job" with payload "$id"/, 'and its end is notified');
$mock->reset;

$mock->control({ match => { path => '/chat/' }, do => ['hang'] });
$id = $node->safe_psql('postgres', q{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "never mind", "model": "chat"}')});
$mock->wait_requests(1);
is($node->safe_psql('postgres', "SET ROLE alice; SELECT intel.delete_job($id)"), 't', 'a job is deleted while its call is in flight');
wait_for('the call to be dropped', sub { $mock->stats->{open} == 0 });
is($node->safe_psql('postgres', "SELECT count(*) FROM intel.job_queue WHERE id = $id"), '0', 'with its request');
$mock->reset;

# a DBA who cancels whatever runs
my $cancel = q{SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE backend_type ~ '^intel'};
$mock->control({ match => { path => '/chat/' }, do => [ { kind => 'slow', seconds => 2 } ], always => \1 });
$node->safe_psql('postgres', q{CREATE TABLE naps (id int PRIMARY KEY, body text, line text);
	CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(50); RETURN NEW; END $$;
	CREATE TRIGGER nap BEFORE UPDATE ON naps FOR EACH ROW EXECUTE FUNCTION nap();
	SELECT intel.create_enrichment('naps', 'naps', '{body}', 'line', '', 'text', '{"model": "builtin-answer"}')});
my $calls = $node->safe_psql('postgres', q{SELECT max(intel.submit('complete', '{"prompt": "dear", "model": "chat"}')) FROM generate_series(1, 5)});
$mock->wait_requests(5);
my $cancelled_at = log_position($node);
for (1 .. 20) { $node->safe_psql('postgres', $cancel) }
ends($calls - $_, 'succeeded', 'a call is not given up because the worker is cancelled') foreach 0 .. 4;
is($mock->stats->{requests}, 5, 'nor made again');
$node->safe_psql('postgres', q{INSERT INTO naps VALUES (1, 'body')});
wait_for_sql($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_type = 'intel worker'}, 'SQL of a job that takes long');
$node->safe_psql('postgres', $cancel);
$id = $node->safe_psql('postgres', q{SELECT max(id) FROM intel.job WHERE task = 'enrich'});
ends($id, 'failed', 'SQL of a job is cancelled');
is(column($id, 'error_code'), '57014', 'which its job tells');
unlike(log_since($node, $cancelled_at), qr/exited with exit code 1/, 'launcher and worker live through it');
$node->safe_psql('postgres', q{SELECT intel.drop_enrichment('naps'); DROP TABLE naps});
$mock->reset;

# ---- who may do what ----------------------------------------------------------------

$id = job(q{'complete', '{"prompt": "secret of postgres", "model": "chat"}'});
ends($id, 'succeeded', 'a job of the superuser');
($rc, $out, $err) = $node->psql('postgres',
	"SET ROLE alice; SELECT count(*) FROM intel.job; SELECT intel.cancel($id), intel.retry($id)");
is($out, "0\nf|f", 'another role does not see it, nor can it change it');
like((psql_error("SET ROLE alice; SELECT intel.wait($id)")), qr/job $id does not exist/,
	'nor wait for it');

$id = $node->safe_psql('postgres', q{SET ROLE alice;
	SELECT intel.submit('complete', '{"prompt": "of alice", "model": "chat"}')});
ends($id, 'succeeded', 'a job of an ordinary role');
like(psql_error("SET ROLE alice; UPDATE intel.job_queue SET result = '{}' WHERE id = $id"),
	qr/cannot be changed from succeeded to succeeded/, 'results cannot be forged');
like(psql_error("SET ROLE alice; UPDATE intel.job_queue SET status = 'running' WHERE id = $id"),
	qr/cannot be changed/, 'nor states');
$id = $node->safe_psql('postgres', q{SET ROLE alice; SELECT intel.submit('complete',
	'{"prompt": "of alice", "model": "chat"}', '{"run_at": "2100-01-01"}')});
like(psql_error("SET ROLE alice; UPDATE intel.job_queue SET owner = 'bob' WHERE id = $id"), qr/permission denied/, 'nobody gives a job away');
$node->safe_psql('postgres', "SET ROLE alice; SELECT intel.cancel($id); UPDATE intel.job_queue
	SET status = 'queued', result = '{\"content\": \"forged\"}' WHERE id = $id");
ends($id, 'succeeded', 'a retry by hand');
is(column($id, "owner || (result ->> 'content')"), 'aliceecho: of alice', 'changes nothing else');
like(psql_error(q{SET ROLE alice; INSERT INTO intel.job_queue (task, request, owner)
	VALUES ('complete', '{}', 'bob')}), qr/permission denied|row-level security/, 'nobody submits as another');
like(psql_error(q{CREATE ROLE mallory; SET ROLE mallory;
	SELECT intel.submit('complete', '{"prompt": "x"}')}),
	qr/permission denied/, 'who was not given access cannot submit');

sub psql_error
{
	my ($sql) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', $sql);
	return $err;
}

# Rights are looked at again when the job runs. The worker is woken by the very
# commit that takes the right away, so it must not act before that is known
# everywhere: many rounds, because only some would meet the gap.
$mock->reset;
my $round = <<'SQL';
	BEGIN; SET LOCAL ROLE bob;
	SELECT intel.submit('complete', '{"prompt": "revoked", "model": "chat"}') AS id \gset
	RESET ROLE; DO 'BEGIN PERFORM intel.revoke_access(''bob''); END'; COMMIT;
	SELECT (w).status || ' ' || (w).error_code FROM intel.wait(:id, '20 s') w;
	DO 'BEGIN PERFORM intel.grant_access(''bob''); END';
SQL
my @ends = split /\n/, $node->safe_psql('postgres', $round x 100);
is(scalar(grep { $_ eq 'failed 42501' } @ends), 100,
	'a role that lost its access is told so, every time');
unlike($mock->raw, qr/revoked/, 'and nothing was sent');
$node->safe_psql('postgres', q{SELECT intel.revoke_access('bob')});

# who commits a prepared transaction later would wake nobody
my (undef, undef, $refused) = $node->psql('postgres', q{BEGIN;
	SELECT intel.submit('complete', '{"prompt": "later", "model": "chat"}'); PREPARE TRANSACTION 'later'});
like($refused, qr/cannot PREPARE a transaction that has queued or changed jobs/,
	'a transaction with jobs is not prepared for two-phase commit');

# ---- claims -----------------------------------------------------------------------

$node->safe_psql('postgres', q{
CREATE FUNCTION public.who_step(request jsonb, state jsonb, reply jsonb) RETURNS jsonb
LANGUAGE sql AS $$ SELECT jsonb_build_object('result', jsonb_build_object('role', current_user,
	'subject', intel.subject(), 'tenant', intel.tenant())) $$;
CREATE FUNCTION public.climb_step(request jsonb, state jsonb, reply jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$ BEGIN EXECUTE request ->> 'sql'; RETURN '{"result": {}}'; END $$;
INSERT INTO intel.task VALUES ('who', NULL, 'public.who_step(jsonb,jsonb,jsonb)', 'test'),
	('climb', NULL, 'public.climb_step(jsonb,jsonb,jsonb)', 'test');
SELECT intel.grant_access('bob')});
$id = $node->safe_psql('postgres', q{
	SET ROLE alice; SET request.jwt.claims = '{"sub": "u1", "tenant_id": "acme"}';
	SELECT intel.submit('who', '{}')});
wait_for_sql($node, "SELECT status = 'succeeded' FROM intel.job WHERE id = $id", 'the job ends');
is(column($id, 'result::text'), '{"role": "alice", "tenant": "acme", "subject": "u1"}',
	'a job runs with role and claims of its submitter');
is( $node->safe_psql('postgres', q{SET ROLE alice; SET request.jwt.claims = '{"sub": "u2", "tenant_id": "acme"}';
	SELECT count(*) FROM intel.job WHERE subject IS NOT NULL}),
	'0', 'another subject of the same role does not see it');

# a task whose function is gone fails alone
$node->safe_psql('postgres', q{INSERT INTO intel.task VALUES ('gone', NULL, 'public.gone(jsonb,jsonb,jsonb)', 'test')});
my $gone = job(q{'gone', '{}'});
my $beside = job(q{'embed', '{"contents": ["a"]}'});
ends($gone, 'failed', 'a task without its function');
is(column($gone, 'error_code'), '42883', 'says so');
ends($beside, 'succeeded', 'and stops no other job');

# a submitter's code cannot climb to the worker's own role
foreach my $sql ('RESET ROLE', 'SET ROLE postgres', 'SET SESSION AUTHORIZATION postgres',
	'ALTER ROLE alice SUPERUSER', "SELECT pg_read_file('postgresql.conf')",
	"COPY (SELECT 1) TO '/tmp/x'")
{
	$id = $node->safe_psql('postgres', qq{SET ROLE alice;
		SELECT intel.submit('climb', jsonb_build_object('sql', \$sql\$$sql\$sql\$))});
	ends($id, 'failed', "a step cannot $sql");
	like(column($id, 'error_code'), qr/^(42501|0A000)$/, 'it is refused');
}

# ---- idle workers -------------------------------------------------------------------

wait_for('the idle worker to leave', sub { !worker_pids($node, 'intel worker') });
my $log = log_position($node);
$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('one', 'CREATE EXTENSION intel');
$id = $node->safe_psql('one', q{SELECT intel.submit('embed', '{"contents": ["a"]}')});
is($node->safe_psql('one', "SELECT (w).status FROM intel.wait($id) w"), 'succeeded',
	'a new database has its worker without restart');
$node->safe_psql('postgres', 'DROP DATABASE one');
pass('and can be dropped');
unlike(log_since($node, $log), qr/intel worker.*(statement|execute):/, 'workers log no statements');

$node->safe_psql('postgres', 'CREATE DATABASE two');
$node->safe_psql('two', 'CREATE EXTENSION intel');
$node->safe_psql('two', q{SELECT intel.submit('embed', '{"contents": ["a"]}', '{"run_at": "2100-01-01"}')});
$node->safe_psql('two', 'DROP EXTENSION intel');
wait_for('the worker of a dropped extension to leave',
	sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'two'}) eq '0' });
unlike(log_since($node, $log), qr/ERROR.*does not exist/, 'it leaves without an error');

# whatever it begins while the drop is not committed
$node->safe_psql('two', 'CREATE EXTENSION intel');
$node->safe_psql('two', q{SELECT intel.submit('embed', '{"contents": ["a"]}', jsonb_build_object('run_at', clock_timestamp() + interval '2 s'))});
my $drop = $node->background_psql('two');
$drop->query_safe('BEGIN; DROP EXTENSION intel');
wait_for_sql($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'two' AND backend_type = 'intel worker' AND wait_event_type = 'Lock'},
	'the worker to begin something');
$drop->query_safe('COMMIT');
$drop->quit;
wait_for('the worker to leave', sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'two'}) eq '0' });
unlike(log_since($node, $log), qr/ERROR.*does not exist|exited with exit code [^0]/, 'it waits for the drop, and leaves without an error');

# ---- functions that go while they are needed -------------------------------------------

my $own_task = <<"SQL";
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
INSERT INTO intel.task (name, step, description) VALUES ('two_steps', 'public.two_steps(jsonb, jsonb, jsonb)', 'x');
SQL
my $two_steps = q{CREATE FUNCTION two_steps(request jsonb, state jsonb, reply jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT CASE WHEN reply IS NULL THEN '{"call": "complete", "request": {"prompt": "x", "model": "chat"}}'::jsonb
		ELSE jsonb_build_object('result', reply) END $$};
my $slow = { match => { path => '/chat/' }, do => [ { kind => 'slow', seconds => 1 } ] };
$node->safe_psql('two', "CREATE EXTENSION intel; $own_task $two_steps");
$log = log_position($node);
$mock->control($slow);
$before = $mock->stats->{requests};
$id = $node->safe_psql('two', q{SELECT intel.submit('two_steps', '{}')});
$mock->wait_requests($before + 1);
$node->safe_psql('two', 'DROP FUNCTION two_steps');
is($node->safe_psql('two', "SELECT (w).status, (w).error_code, (w).error_message FROM intel.wait($id, '20 s') w"),
	'failed|42883|step function of task "two_steps" does not exist', 'a step function that is dropped during a call ends the job');

$node->safe_psql('two', $two_steps);
$mock->control($slow);
$before = $mock->stats->{requests};
$node->safe_psql('two', q{SELECT intel.submit('two_steps', '{}')});
$mock->wait_requests($before + 1);
$drop = $node->background_psql('two');
$drop->query_safe('BEGIN; DROP EXTENSION intel');
wait_for_sql($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'two' AND backend_type = 'intel worker' AND wait_event_type = 'Lock'},
	'the worker to meet the drop');
$drop->query_safe(qq{CREATE EXTENSION intel; $own_task; SELECT intel.submit('two_steps', '{}'); COMMIT});
$drop->quit;
is($node->safe_psql('two', q{SELECT (intel.wait(id, '20 s')).status FROM intel.job_queue}), 'succeeded',
	'an extension that replaces another one runs its first job');
unlike(log_since($node, $log), qr/signal|exited with exit code [^0]/, 'by a worker of its own, and the old one leaves');

# ---- settings of the database --------------------------------------------------------

wait_for('the worker to leave', sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'two'}) eq '0' });
$node->safe_psql('two', q{CREATE FUNCTION isolation(request jsonb, state jsonb, reply jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('result', current_setting('transaction_isolation')) $$;
	SELECT intel.grant_access('bob');
	INSERT INTO intel.task (name, step, description) VALUES ('isolation', 'public.isolation(jsonb, jsonb, jsonb)', 'x');
	ALTER DATABASE two SET default_transaction_isolation = 'repeatable read'});
is($node->safe_psql('two', q{BEGIN ISOLATION LEVEL READ COMMITTED; SELECT intel.submit('isolation', '{}') AS job \gset
	COMMIT; SET default_transaction_isolation = 'read committed'; SELECT (intel.wait(:job, '20 s')).result}),
	'"read committed"', 'a worker sees what others commit, whatever the default is');
foreach my $setting ('default_transaction_read_only = on', 'row_security = off', 'role = bob')
{
	my ($name) = split / /, $setting;

	wait_for('the worker to leave', sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'two'}) eq '0' });
	$node->safe_psql('postgres', "ALTER DATABASE two SET $setting");
	local $ENV{PGOPTIONS} = '-c role=none -c default_transaction_read_only=off -c row_security=on -c default_transaction_isolation=read\\ committed';
	is($node->safe_psql('two', qq{SET SESSION AUTHORIZATION bob; SELECT intel.submit('complete', '{"prompt": "x", "model": "builtin-answer"}') AS job \\gset
		SELECT w.status || coalesce(w.error_code, '') FROM intel.wait(:job, '20 s') w}), 'succeeded', "a worker runs jobs also with $setting");
	$node->safe_psql('postgres', "ALTER DATABASE two RESET $name");
}

SKIP:
{
	skip 'transaction_timeout came with PostgreSQL 17', 2 if $node->safe_psql('postgres', 'SHOW server_version_num') < 170000;
	wait_for('the worker to leave', sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'two'}) eq '0' });
	$node->safe_psql('two', q{CREATE FUNCTION patient(request jsonb, state jsonb, reply jsonb) RETURNS jsonb LANGUAGE sql AS $$
		SELECT jsonb_build_object('result', 'slept' || pg_sleep(2)) $$;
		INSERT INTO intel.task (name, step, description) VALUES ('patient', 'public.patient(jsonb, jsonb, jsonb)', 'x');
		ALTER DATABASE two SET transaction_timeout = '1s'});
	$log = log_position($node);
	my $job = $node->safe_psql('two', q{SELECT intel.submit('patient', '{}')});
	wait_for_sql($node, "SELECT status = 'succeeded' FROM intel.job_queue WHERE id = $job", 'a step that takes longer than transaction_timeout', dbname => 'two');
	is($node->safe_psql('two', "SELECT attempts FROM intel.job_queue WHERE id = $job"), '1', 'is no reason for the worker to end');
	unlike(log_since($node, $log), qr/transaction timeout/, 'as nothing else of it does');
	$node->safe_psql('postgres', 'ALTER DATABASE two RESET transaction_timeout');
}

# ---- restart, and no preload -----------------------------------------------------------

$mock->control({ match => { path => '/chat/' }, do => ['hang'] });
$before = $mock->stats->{requests};
$id = job(q{'complete', '{"prompt": "across a restart", "model": "chat"}'});
$mock->wait_requests($before + 1);
$node->stop('fast');
$mock->reset;
$node->start;
ends($id, 'succeeded', 'a job that was running is run again after a restart');
is(column($id, 'attempts'), '2', 'its first attempt counts');

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
$id = job(q{'complete', '{"prompt": "by hand", "model": "chat"}'});
like(psql_error("SELECT intel.wait($id)"), qr/no worker runs jobs.*shared_preload_libraries/s,
	'without preload waiting says what to do');
$node->safe_psql('postgres', 'CALL intel.run_jobs()');
is(column($id, 'status'), 'succeeded', 'and run_jobs does it');
# 0 is the number of no enrichment: one that is not there yet, as in a restore in parallel
my $brief = $node->safe_psql('postgres', q{INSERT INTO intel.enrichment_row (enrichment, source_key) SELECT 0, to_jsonb(i) FROM generate_series(1, 2500) i;
	SELECT intel.submit('complete', '{"prompt": "brief", "model": "chat"}', '{"retention": "0"}')});
$node->safe_psql('postgres', 'CALL intel.run_jobs(); CALL intel.run_jobs()');
is($node->safe_psql('postgres', "SELECT count(*) FROM intel.job_queue WHERE id = $brief"), '0', 'the next call deletes jobs that need not be kept');
is($node->safe_psql('postgres', 'SELECT count(*) FROM intel.enrichment_row'), '2500', 'rows of an enrichment that is not there are kept');
$node->safe_psql('postgres', q{INSERT INTO intel.enrichment_ended VALUES (0)});
$node->safe_psql('postgres', 'CALL intel.run_jobs()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM intel.enrichment_row'), '0', 'but not those of one that has ended');
like(psql_error('BEGIN; CALL intel.run_jobs(); COMMIT'), qr/transaction block/, 'outside of transactions');
is( $node->safe_psql('postgres', q{SET ROLE alice; CALL intel.run_jobs(); SELECT 1}, on_error_stop => 1),
	'1', 'a role runs its own jobs');

done_testing();
