# The log of calls: a row for every attempt, whatever becomes of its
# transaction, and nothing in it that users or models wrote.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', conf => <<'CONF');
intel.job_retry_delay = 20ms
intel.log_calls = on
max_wal_senders = 4
max_prepared_transactions = 2
wal_level = replica
CONF
my $mock = start_mock(dimensions => 8);
my $url = $mock->url('/v1');

$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms)
	VALUES ('mock', 'openai', '$url', true, 5000);
INSERT INTO intel.model (name, provider, model_id, task, input_price, output_price)
	VALUES ('chat', 'mock', 'm-1', 'chat', 2, 8), ('free', 'mock', 'm-2', 'chat', NULL, NULL),
		('emb', 'mock', 'm-3', 'embed', 0.1, NULL);
INSERT INTO intel.model_grant VALUES ('chat', 0), ('free', 0), ('emb', 0);
CREATE ROLE alice;
CREATE ROLE bob;
SELECT intel.grant_access('alice'), intel.grant_access('bob');
SQL

my $trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

sub value { return $node->safe_psql('postgres', $_[0]); }

# ---- calls that are waited for ----------------------------------------------

is(value(qq{SET intel.feature = 'reply'; SET intel.traceparent = '$trace';
	SET request.jwt.claims = '{"sub": "u1", "tenant_id": "t1"}';
	SELECT intel.complete('keyword-canary', 'chat')}), 'echo: keyword-canary', 'a call');
is(value(q{SELECT concat_ws(' ', task, model, provider, status, http_status, feature, owner::text = current_user,
		subject, tenant, traceparent) FROM intel.inference}),
	"complete chat mock succeeded 200 reply t u1 t1 $trace", 'is a row');
is(value(q{SELECT cost = (input_tokens * 2 + output_tokens * 8) / 1e6 AND input_tokens > 0 AND output_tokens > 0
	AND latency_ms >= 0 AND started_at < now() AND job IS NULL FROM intel.inference}), 't', 'with its exact cost');
is(value(q{SELECT (SELECT intel.chat('[{"role": "user", "content": "x"}]', 'free') ->> 'inference_id')::bigint}),
	value('SELECT max(id) FROM intel.inference'), 'a result names its row');
is(value('SELECT cost IS NULL FROM intel.inference ORDER BY id DESC LIMIT 1'), 't', 'without a price the cost is not known');
value(q{SELECT intel.embed(ARRAY['one', 'two'], 'emb')});
is(value(q{SELECT task || (cost > 0)::text FROM intel.inference ORDER BY id DESC LIMIT 1}), 'embedtrue', 'embeddings cost by their input');

# ---- what rolls back, and what fails ----------------------------------------

my $count = value('SELECT count(*) FROM intel.inference');
value(q{BEGIN; SELECT intel.complete('rolled back', 'chat'); ROLLBACK});
wait_for_sql($node, "SELECT count(*) = $count + 1 FROM intel.inference", 'the row of a rolled back transaction');
value(q{BEGIN; SAVEPOINT s; SELECT intel.complete('rolled back', 'chat'); ROLLBACK TO s; COMMIT});
wait_for_sql($node, "SELECT count(*) = $count + 2 FROM intel.inference", 'and of a subtransaction');
value(q{BEGIN; SAVEPOINT s; SELECT intel.complete('kept', 'chat'); RELEASE s; COMMIT});
is(value('SELECT count(*) FROM intel.inference'), $count + 3, 'a released savepoint keeps its row');
value(q{BEGIN READ ONLY; SELECT intel.complete('read only', 'chat'); COMMIT});
wait_for_sql($node, "SELECT count(*) = $count + 4 FROM intel.inference", 'a read only transaction has its row, too');
like(($node->psql('postgres', q{BEGIN; SELECT intel.complete('prepared', 'chat'); PREPARE TRANSACTION 'p'}))[2],
	qr/cannot PREPARE a transaction that has called models/, 'a transaction with calls is not prepared, whose rollback would lose the row');
wait_for_sql($node, "SELECT count(*) = $count + 5 FROM intel.inference", 'and the call has its row');
value(q{BEGIN; SELECT intel.embed('a computation'); PREPARE TRANSACTION 'p'});
value(q{COMMIT PREPARED 'p'});

$mock->control({ match => { path => '/chat/' }, do => [ '500', { kind => '429', retry_after => 7 } ] });
is(sqlstate($node, q{SELECT intel.complete('x', 'chat')}), '58000', 'a failure');
is(sqlstate($node, q{SELECT intel.complete('x', 'chat')}), 'IN003', 'another');
wait_for_sql($node, q{SELECT array_agg(error_code || http_status ORDER BY id) = '{58000500,IN003429}' FROM intel.inference
	WHERE status = 'failed'}, 'failures have rows');

value(q{SELECT intel.reset_breaker('chat')});
$mock->control({ match => { path => '/chat/' }, do => ['hang'] });
is(sqlstate($node, q{SET statement_timeout = '300ms'; SELECT intel.complete('x', 'chat')}), '57014', 'a call that is cancelled');
wait_for_sql($node, q{SELECT count(*) = 1 FROM intel.inference WHERE status = 'cancelled' AND error_code = '57014'}, 'has a row');
my $took = q{latency_ms BETWEEN 250 AND 60000 AND end_time - start_time = latency_ms * interval '1 ms' FROM intel.inference i JOIN intel.inference_span s USING (id)};
is(value("SELECT $took WHERE i.status = 'cancelled'"), 't', 'with the time that it took');
$mock->reset;
$mock->control({ match => { path => '/chat/' }, do => ['hang'] });
my $hung = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}')});
$mock->wait_requests(1);
my $since = value('SELECT clock_timestamp()');
wait_for_sql($node, "SELECT clock_timestamp() > '$since'::timestamptz + interval '300 ms'", 'a job hangs');
value("SELECT intel.cancel($hung)");
wait_for_sql($node, "SELECT count(*) = 1 FROM intel.inference WHERE job = $hung", 'when it is cancelled it has a row');
is(value("SELECT $took WHERE i.job = $hung AND i.status = 'cancelled'"), 't', 'with its time, too');
$mock->reset;
is(value('SELECT intel.inference_lost()'), '0', 'nothing is lost');

# ---- long names -------------------------------------------------------------------

# whole where the row is written with the call, else cut behind a character
my $claims = q{SELECT set_config('request.jwt.claims', json_build_object('sub', repeat('ü', 150), 'tenant_id', repeat('t', 300))::text, false) <> ''; };
my $names = q{concat_ws(' ', status, subject = repeat('ü', 150), subject = repeat('ü', 126) || '...', tenant = repeat('t', 300), tenant = repeat('t', 252) || '...')};
my $last = value('SELECT max(id) FROM intel.inference');
$mock->reset;
value(qq{$claims SELECT intel.complete('x', 'chat')});
is(value("SELECT $names FROM intel.inference WHERE id > $last"), 'succeeded t f t f', 'long names stand whole in a row');
$mock->control({ match => { path => '/chat/' }, do => [ '500', 'ok', 'hang' ] });
$node->psql('postgres', qq{$claims SELECT intel.complete('x', 'chat')});
value(qq{$claims BEGIN; SELECT intel.complete('x', 'chat'); ROLLBACK});
$node->psql('postgres', qq{$claims SET statement_timeout = '300ms'; SELECT intel.complete('x', 'chat')});
wait_for_sql($node, "SELECT count(*) = 4 FROM intel.inference WHERE id > $last", 'the rows of calls that failed, were rolled back and cancelled');
is(value("SELECT string_agg($names, ', ' ORDER BY status) FROM intel.inference WHERE id > $last AND tenant LIKE '%...'"),
	'cancelled f t f t, failed f t f t, succeeded f t f t', 'with long names cut');
my $random = q{(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 100) i)};
is(value(qq{SELECT set_config('request.jwt.claims', json_build_object('sub', $random, 'tenant_id', $random)::text, false) <> '';
	SELECT intel.complete('x', 'chat'); SELECT length(subject) || ' ' || length(tenant) FROM intel.inference ORDER BY id DESC LIMIT 1}),
	"t\necho: x\n1023 1023", 'names too long for an index are cut there, too');
is(value('SELECT intel.inference_lost()'), '0', 'nothing is lost');

# ---- more rows at once than shared memory has room for --------------------------------

my $many = q{SET intel.feature = '%s'; DO $$ BEGIN FOR i IN 1 .. 3000 LOOP PERFORM intel.complete('x', 'chat'); END LOOP; RAISE 'undone'; END $$};
my $feature = q{SELECT count(*) = 3000 FROM intel.inference WHERE feature = '%s'};
is(sqlstate($node, sprintf($many, 'ends')), 'P0001', 'a statement with thousands of calls fails');
wait_for_sql($node, sprintf($feature, 'ends'), 'all rows of a session that ends');
my $stays = $node->background_psql('postgres', on_error_stop => 0);
$stays->query(sprintf($many, 'stays'));
$stays->query('SELECT 1') foreach 1 .. 3;
wait_for_sql($node, q{SELECT count(*) >= 1024 FROM intel.inference WHERE feature = 'stays'}, 'what there is room for');
foreach (1 .. 10)
{
	my $before = value(q{SELECT count(*) FROM intel.inference WHERE feature = 'stays'});
	last if $before == 3000;
	$stays->query('SELECT 1');
	wait_for_sql($node, qq{SELECT count(*) > $before FROM intel.inference WHERE feature = 'stays'}, 'more rows, with the next statement');
}
is(value(sprintf($feature, 'stays')), 't', 'all rows of a session that goes on');
$stays->{stderr} = '';
$stays->quit;
is(value('SELECT intel.inference_lost()'), '0', 'nothing is lost');

# the worker tries again, but not for ever
value(q{CREATE SEQUENCE failing;
	CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.feature = 'poison' OR NEW.feature = 'twice' AND nextval('public.failing') <= 2 THEN RAISE 'no'; END IF;
		RETURN NEW; END $$;
	CREATE TRIGGER fails BEFORE INSERT ON intel.inference FOR EACH ROW EXECUTE FUNCTION public.fails()});
value(q{SET intel.feature = 'twice'; BEGIN READ ONLY; SELECT intel.complete('x', 'chat'); COMMIT});
wait_for_sql($node, q{SELECT count(*) = 1 FROM intel.inference WHERE feature = 'twice'}, 'a row that could not be written at first');
value(q{SET intel.feature = 'poison'; BEGIN READ ONLY; SELECT intel.complete('x', 'chat'); COMMIT});
wait_for_sql($node, 'SELECT intel.inference_lost() = 1', 'a row that cannot be written to be given up');
value(q{DROP TRIGGER fails ON intel.inference});

# ---- jobs ---------------------------------------------------------------------

$mock->control({ match => { path => '/chat/' }, do => [ '500', 'ok' ] });
my $job = value(qq{SET intel.traceparent = '$trace'; SET request.jwt.claims = '{"sub": "u1", "tenant_id": "t1"}';
	SELECT intel.submit('complete', '{"prompt": "keyword-canary", "model": "chat"}')});
wait_for_sql($node, "SELECT status = 'succeeded' FROM intel.job_queue WHERE id = $job", 'a job');
is(value("SELECT string_agg(concat_ws(' ', status, error_code, feature, subject, tenant), ',' ORDER BY id) FROM intel.inference WHERE job = $job"),
	'failed 58000 complete u1 t1,succeeded complete u1 t1', 'has a row for each attempt, of the feature of its task');
is(value("SELECT count(*) FROM intel.inference WHERE job = $job AND traceparent = '$trace'"), '2', 'and the trace of its submitter');
is(value("SELECT result ->> 'inference_id' = (SELECT max(id)::text FROM intel.inference WHERE job = $job) FROM intel.job_queue WHERE id = $job"),
	't', 'its result names the row');

# ---- ask ------------------------------------------------------------------------

value(q{CREATE TABLE doc (id int PRIMARY KEY, body text, embedding vector(384));
	INSERT INTO doc SELECT 1, 'The lost card is blocked by phone.', intel.embed('The lost card is blocked by phone.')}
	=~ s/vector\(/intel.vector(/r);
my $asked = value(q{SELECT a.inference_id FROM intel.ask('lost card', 'doc', mode => 'text', model => 'chat') a});
is($asked, value(q{SELECT max(id) FROM intel.inference WHERE task = 'complete'}), 'an answer names the call that gave it');

# ---- who sees it ------------------------------------------------------------------

value(q{SET ROLE alice; SELECT intel.complete('of alice', 'chat')});
is(value('SET ROLE alice; SELECT count(*) FROM intel.inference'), '1', 'users see their own calls');
is(value('SET ROLE bob; SELECT count(*) FROM intel.inference'), '0', 'and nobody else');
is(sqlstate($node, q{SET ROLE alice; INSERT INTO intel.inference (started_at, task, model, provider, status)
	VALUES (now(), 'x', 'x', 'x', 'x')}), '42501', 'nobody writes it');
is(sqlstate($node, q{SET ROLE alice; DELETE FROM intel.inference}), '42501', 'or removes from it');
is(sqlstate($node, q{SET ROLE alice; SELECT intel.prune_inference('0')}), '42501', 'or prunes it');

is(sqlstate($node, q{SELECT intel.prune_inference('-1 day')}), '22023', 'an age is not negative');
is(sqlstate($node, q{SELECT intel.prune_inference('1 month -40 days')}), '22023', 'nor is it so in parts');
cmp_ok(value('SELECT count(*) FROM intel.inference'), '>', 0, 'which removes nothing');

# ---- as spans -----------------------------------------------------------------------

is(value(q{SELECT count(*) FROM intel.inference_span}), value(q{SELECT count(*) FROM intel.inference}), 'each call is a span');
is(value(q{SELECT name || ' ' || trace_id || ' ' || parent_span_id || ' ' || s.status || ' ' || concat_ws(',', attributes ->> 'gen_ai.operation.name',
		attributes ->> 'gen_ai.provider.name', attributes ->> 'gen_ai.request.model', attributes -> 'gen_ai.usage.input_tokens' =
		to_jsonb(input_tokens), attributes ->> 'http.response.status_code', attributes ->> 'intel.feature')
	FROM intel.inference_span s JOIN intel.inference USING (id) ORDER BY id LIMIT 1}),
	'chat m-1 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 UNSET chat,mock,m-1,t,200,reply', 'with the names of OpenTelemetry');
is(value(q{SELECT bool_and((status = 'ERROR') = (attributes ? 'error.type') AND end_time >= start_time AND span_id ~ '^[0-9a-f]{16}$' AND
	trace_id ~ '^[0-9a-f]{32}$') FROM intel.inference_span}), 't', 'whether they failed or not');
is(value(q{SELECT name FROM intel.inference_span WHERE attributes ->> 'intel.task' = 'embed' LIMIT 1}), 'embeddings m-3', 'embeddings, too');
is(value(q{SET ROLE bob; SELECT count(*) FROM intel.inference_span}), '0', 'one sees one\'s own');

# ---- content, retention -------------------------------------------------------------

my $all = value('SELECT string_agg(i::text, E\'\n\') FROM intel.inference i');
unlike($all, qr/canary|lost card/, 'no row has text of users or models');
my @lines = grep { /"event":"intel\.call"/ } split /\n/, log_since($node, 0);
cmp_ok(scalar @lines, '>=', 12, 'each call is a line in the log');
like($lines[0], qr/LOG:  \{"event":"intel.call","task":"complete","model":"chat","provider":"mock","status":"succeeded","http_status":200,/, 'of JSON');
unlike(join("\n", @lines), qr/canary/, 'without text');
is(sqlstate($node, "SET intel.feature = 'my secret'"), '22023', 'a feature is a name');
is(sqlstate($node, "SET intel.traceparent = '00-1-2-3'"), '22023', 'a trace has its form');
is(sqlstate($node, q{SELECT intel.complete('x', 'chat', '{"feature": "a b"}')}), '22023', 'also in a request');
is(value(q{SELECT intel.prune_inference('1 day')}), '0', 'nothing is old');
is(value(q{SELECT intel.prune_inference('0') = count(*) FROM intel.inference}), 't', 'what is older is removed');
is(value('SELECT count(*) FROM intel.inference'), '0', 'all of it');

# ---- a standby ----------------------------------------------------------------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', q{SELECT intel.complete('x', 'chat')}), 'echo: x', 'a call of a standby');
is($standby->safe_psql('postgres', 'SELECT count(*) || intel.inference_lost()::text FROM intel.inference'), '01', 'has no row, and is counted');
like(log_since($standby, 0), qr/"event":"intel.call","task":"complete"/, 'and a line in its log');
value(q{INSERT INTO intel.budget (amount, period) VALUES (100, 'day')});
$node->wait_for_catchup($standby);
is(sqlstate($standby, q{SELECT intel.complete('x', 'chat')}), '55000', 'a budget cannot be kept there');

value(q{UPDATE intel.model SET input_price = 10, output_price = 10 WHERE name = 'chat'});
value(q{SELECT intel.complete('x', 'chat')});
$count = value('SELECT count(*) FROM intel.inference');
my $recorded = value('SELECT sum(amount) FROM intel.spend');
cmp_ok($recorded, '>', 0, 'the primary writes down what is spent');
$node->wait_for_catchup($standby);
$node->stop;
$standby->promote;
is(sqlstate($standby, q{SELECT intel.complete('x', 'chat')}), '00000', 'a call of the standby as soon as it is promoted');
cmp_ok($standby->safe_psql('postgres', q{SELECT spent FROM intel.limit_state() WHERE kind = 'budget'}), '>=', $recorded, 'goes on with what was spent');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM intel.inference'), $count + 1, 'and has its row');
$standby->stop;

done_testing();
