# Limits, budgets and circuit breakers: nothing is sent beyond them, however
# many sessions try; jobs wait; totals survive a crash.

use strict;
use warnings;

use IntelTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = intel_node('main', conf => <<'CONF');
intel.job_retry_delay = 20ms
intel.breaker_failures = 3
intel.breaker_open_time = 3s
intel.worker_idle_timeout = 1s
restart_after_crash = on
CONF
my $mock = start_mock(dimensions => 8);
my $url = $mock->url('/v1');

$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms, max_concurrency)
	VALUES ('mock', 'openai', '$url', true, 5000, 100), ('narrow', 'openai', '$url', true, 5000, 3);
INSERT INTO intel.model (name, provider, model_id, task, input_price, output_price, rpm)
	VALUES ('chat', 'mock', 'm-1', 'chat', NULL, NULL, NULL), ('paid', 'mock', 'm-2', 'chat', 0, 1000, NULL),
		('slow', 'mock', 'm-3', 'chat', NULL, NULL, 2), ('narrow', 'narrow', 'm-4', 'chat', NULL, NULL, NULL);
INSERT INTO intel.model_grant SELECT name, 0 FROM intel.model WHERE provider <> 'builtin';
CREATE ROLE alice;
SELECT intel.grant_access('alice');
SQL

sub value { return $node->safe_psql('postgres', $_[0]); }
sub state_of { return sqlstate($node, $_[0]); }
sub detail_of
{
	my ($rc, $out, $err) = $node->psql('postgres', $_[0]);
	return $err;
}

# Run the statements of each session at the same time; the outputs.
sub together
{
	my (@scripts) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my @runs;

	# files, so that nothing waits for this process to feed it
	foreach my $i (0 .. $#scripts)
	{
		append_to_file("$dir/$i.sql", $scripts[$i]);
		push @runs, IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$dir/$i.sql" ],
			'<', '/dev/null', '>&', "$dir/$i.out");
	}
	$_->finish foreach @runs;
	return map { slurp_file("$dir/$_.out") } 0 .. $#scripts;
}

# ---- requests -------------------------------------------------------------------

is(value(q{SELECT intel.complete('x', 'slow') || intel.complete('y', 'slow')}), 'echo: xecho: y', 'two calls a minute');
is(state_of(q{SELECT intel.complete('z', 'slow')}), 'IN003', 'the third is refused');
like(detail_of(q{SELECT intel.complete('z', 'slow')}), qr/rate of model "slow" is used up\nDETAIL:  Retry after (29|30) seconds/, 'with the time to wait');
is($mock->stats->{requests}, 2, 'and not sent');
is(state_of(q{INSERT INTO intel.rate_limit (per, requests, period) VALUES ('{tenants}', 1, '1 s')}), '23514', 'a limit counts what it knows');

value(q{INSERT INTO intel.rate_limit (model, per, requests, period) VALUES ('chat', '{tenant}', 5, '1 day')});
my @outs = together(map { my $t = $_ % 2; join("\n", ("SET request.jwt.claims = '{\"tenant_id\": \"t$t\"}';"),
	map { "SELECT intel.complete('call', 'chat');" } 1 .. 4) } 1 .. 8);
my $answers = () = join('', @outs) =~ /echo: call/g;
my $refusals = () = join('', @outs) =~ /rate limit for model "chat" is reached/g;
is("$answers $refusals", '10 22', '8 sessions of two tenants get 5 calls each, exactly');
is(value(q{SET request.jwt.claims = '{"tenant_id": "t2"}'; SELECT intel.complete('call', 'chat')}), 'echo: call', 'a third has its own');
value('DELETE FROM intel.rate_limit');

# ---- tokens -----------------------------------------------------------------------

value(q{INSERT INTO intel.rate_limit (model, role, feature, tokens, period) VALUES ('chat', 'alice', 'bulk', 1000, '1 day')});
my $loop = q{DO $$ BEGIN FOR i IN 1 .. 20 LOOP PERFORM intel.complete(repeat('w ', 400), 'chat', '{"max_tokens": 50}'); END LOOP; END $$};
is(state_of($loop), '00000', 'a limit of a feature and a role binds nobody else');
is(state_of("SET ROLE alice; SET intel.feature = 'bulk'; $loop"), 'IN003', 'but these');
my $used = value(q{SELECT tokens_left::int FROM intel.limit_state() WHERE kind = 'rate_limit'});
cmp_ok($used, '<', 400, 'by the tokens that were reported');
value('DELETE FROM intel.rate_limit');

# nobody takes more of a bucket than there is in it, and what was not sent costs nothing
value(qq{INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms)
	VALUES ('dead', 'openai', 'http://127.0.0.1:9/v1', true, 2000);
	INSERT INTO intel.model (name, provider, model_id, task, tpm)
	VALUES ('small', 'mock', 'm-5', 'chat', 100000), ('dead', 'dead', 'm-6', 'chat', 1000), ('free', 'mock', 'm-7', 'chat', NULL);
	INSERT INTO intel.model_grant VALUES ('small', 0), ('dead', 0), ('free', 0)});
$mock->control({ match => { contains => 'hog' }, do => ['hang'] });
is(state_of(q{SELECT intel.complete('hog', 'small', '{"max_tokens": 10000000, "timeout_ms": 50}')}), 'IN001', 'a call that asks for a hundred buckets, and is never answered');
cmp_ok(value(q{SELECT tokens_left FROM intel.limit_state() WHERE scope = 'mock small'}), '>=', 0, 'empties one');
is(state_of(q{SELECT intel.complete('x', 'dead', '{"max_tokens": 900}')}), 'IN001', 'a call that cannot be sent');
is(value(q{SELECT tokens_left FROM intel.limit_state() WHERE scope = 'dead dead'}), '1000', 'takes no tokens');
value(q{SELECT count(intel.complete('x', 'free')) FROM generate_series(1, 100)});
value(q{UPDATE intel.model SET rpm = 60, tpm = 1000 WHERE name = 'free'});
is(state_of(q{SELECT intel.complete('x', 'free', '{"max_tokens": 10}')}), 'IN003', 'a limit that is new begins with nothing');
cmp_ok((detail_of(q{SELECT intel.complete('x', 'free', '{"max_tokens": 10}')}) =~ /Retry after (\d+) s/)[0] // 99, '<=', 2, 'but without a debt');

# ---- at the same time ----------------------------------------------------------------

$mock->reset;
$mock->control({ do => [ { kind => 'slow', seconds => 1.5 } ], always => \1 });
@outs = together(map { "SELECT intel.complete('call', 'narrow');" } 1 .. 8);
$answers = () = join('', @outs) =~ /echo: call/g;
is("$answers " . $mock->stats->{max_open}, '8 3', 'a provider has at most max_concurrency calls in flight; sessions wait');
$mock->reset;
$mock->control({ do => [ { kind => 'slow', seconds => 0.2 } ], always => \1 });
value(q{SELECT count(intel.submit('complete', '{"prompt": "x", "model": "narrow"}')) FROM generate_series(1, 12)});
wait_for_sql($node, q{SELECT count(*) = 12 FROM intel.job_queue WHERE status = 'succeeded'}, 'jobs wait for a place');
is($mock->stats->{max_open} . value('SELECT max(attempts) FROM intel.job_queue'), '31', 'and use up no attempt');
value('DELETE FROM intel.job_queue');
$mock->reset;

# ---- 47 jobs, three a period -------------------------------------------------------------

value(q{INSERT INTO intel.rate_limit (model, requests, period) VALUES ('chat', 3, '1 s')});
my $start = time();
value(q{SELECT count(intel.submit('complete', '{"prompt": "x", "model": "chat"}')) FROM generate_series(1, 47)});
wait_for_sql($node, q{SELECT count(*) = 47 FROM intel.job_queue WHERE status = 'succeeded'}, 'all jobs to end', seconds => 60);
my $took = value(q{SELECT round(extract(epoch FROM max(finished_at) - min(created_at))::numeric, 2) FROM intel.job_queue});
my $least = (47 - 3) / 3;
cmp_ok($took, '<', $least * 1.5, 'a limit of 3 a second drains 47 jobs in little more than the least time');
cmp_ok($took, '>', $least - 0.1, 'and not in less');
diag(sprintf '47 jobs at 3 a second: %.2f s, least %.2f s', $took, $least);
is(value(q{SELECT count(*) FILTER (WHERE attempts = 1) || ' ' || count(*) FILTER (WHERE status = 'failed') FROM intel.job_queue}),
	'47 0', 'with one attempt each');
value('DELETE FROM intel.rate_limit; DELETE FROM intel.job_queue');

# ---- a job of several calls keeps what it has ---------------------------------------------

value(q{CREATE TABLE doc (id int PRIMARY KEY, body text, embedding intel.vector(384));
	INSERT INTO doc SELECT 1, t, intel.embed(t) FROM (VALUES ('The lost card is blocked by phone.')) v(t);
	INSERT INTO intel.rate_limit (model, requests, period) VALUES ('chat', 1, '3 s')});
is(value(q{SELECT intel.complete('x', 'chat')}), 'echo: x', 'the only call of three seconds');
my $ask = value(q{SELECT intel.submit_ask('lost card', 'doc', model => 'chat')});
wait_for_sql($node, "SELECT status = 'running' FROM intel.job_queue WHERE id = $ask", 'a job of two calls to wait in its place');
is(value("SELECT (w).status || (w).attempts FROM intel.wait($ask) w"), 'succeeded1', 'and to go on');
is(value("SELECT count(*) FROM intel.inference WHERE job = $ask AND task = 'embed'"), '1', 'with its first call made once');
value('DELETE FROM intel.rate_limit; DELETE FROM intel.job_queue');

# ---- money ---------------------------------------------------------------------------------

is(value(q{SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')}), 'echo: one two', 'a priced model');
my $cost = value('SELECT cost FROM intel.inference ORDER BY id DESC LIMIT 1');
value(q{INSERT INTO intel.budget (per, amount, period) VALUES ('{tenant}', 0.05, 'day')});
is(state_of(q{SELECT intel.complete('x', 'chat')}), '55000', 'a budget needs prices');
@outs = together(map { join("\n", "SET request.jwt.claims = '{\"tenant_id\": \"rich\"}';",
	map { "SELECT intel.complete('one two', 'paid', '{\"max_tokens\": 5}');" } 1 .. 5) } 1 .. 8);
$answers = () = join('', @outs) =~ /echo: one two/g;
$refusals = () = join('', @outs) =~ /a budget for model "paid" is spent/g;
is($answers + $refusals, 40, '8 sessions spend a budget together') or diag(join '', @outs);
my $spent = value(q{SELECT spent FROM intel.limit_state() WHERE kind = 'budget' AND scope ~ 'rich'});
is($spent + 0, value(q{SELECT sum(cost) FROM intel.inference WHERE tenant = 'rich'}), 'what is spent is the sum of the calls');
ok($spent <= 0.05 && $spent > 0.05 - 0.005 - 1e-9, "it is spent, and not overspent ($spent of 0.05)");
is(state_of(q{SET request.jwt.claims = '{"tenant_id": "rich"}'; SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')}), 'IN006', 'IN006');
like(detail_of(q{SET request.jwt.claims = '{"tenant_id": "rich"}'; SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')}),
	qr/Retry after \d+ seconds/, 'until the day ends');
my $job = value(q{SET request.jwt.claims = '{"tenant_id": "rich"}';
	SELECT intel.submit('complete', '{"prompt": "one two", "model": "paid", "max_tokens": 5}')});
wait_for_sql($node, "SELECT error_code = 'IN006' FROM intel.job_queue WHERE id = $job", 'a job to be put off');
is(value("SELECT status || attempts || (next_attempt_at >= date_trunc('day', now(), 'UTC') + interval '1 day') FROM intel.job_queue WHERE id = $job"),
	'queued0true', 'a job waits for the next day');
value('DELETE FROM intel.job_queue');

value(q{BEGIN; SET request.jwt.claims = '{"tenant_id": "undone"}'; SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}'); ROLLBACK});
is(value(q{SELECT spent FROM intel.limit_state() WHERE scope ~ 'undone'}) + 0, $cost, 'what was spent is not rolled back');
$mock->control({ do => ['hang'] });
is(state_of(q{SET statement_timeout = '500ms'; SET request.jwt.claims = '{"tenant_id": "gone"}'; SELECT intel.complete('x', 'paid', '{"max_tokens": 5}')}), '57014', 'a call whose end nobody sees');
is(value(q{SELECT spent = 0.005 AND reserved = 0 AND in_flight = 0 FROM intel.limit_state() WHERE scope ~ 'gone'}), 't', 'costs what it may have cost');
$mock->control({ do => ['500'] });
is(state_of(q{SET request.jwt.claims = '{"tenant_id": "failed"}'; SELECT intel.complete('x', 'paid', '{"max_tokens": 5}')}), '58000', 'a call that fails');
is(value(q{SELECT spent FROM intel.limit_state() WHERE scope ~ 'failed'}) + 0, 0, 'costs nothing');

# each try of a call that is mended costs what it cost
my $mended = q{SET request.jwt.claims = '{"tenant_id": "mended"}'; SELECT intel.complete('x', 'paid',
	'{"max_tokens": 5, "schema": {"type": "object"}, "timeout_ms": 500}')};
$mock->control({ do => [ { kind => 'ok', content => 'no JSON' }, 'hang' ] });
is(state_of($mended), 'IN001', 'an answer that is mended, and the end of that nobody sees');
is(value(q{SELECT spent FROM intel.limit_state() WHERE scope ~ 'mended'}) + 0, 0.007, 'costs the first try and what the second may have cost');
wait_for_sql($node, q{SELECT array_agg(coalesce(cost::float8, -1) ORDER BY id) = '{0.002,-1}' FROM intel.inference WHERE tenant = 'mended'}, 'the cost of both to be in the log');

# a provider counts more than a call has asked for
$mock->control({ do => [ { kind => 'ok', tokens_out => 20 } ] });
value(q{SET request.jwt.claims = '{"tenant_id": "beyond"}'; SELECT intel.complete('x', 'paid', '{"max_tokens": 5}')});
wait_for_sql($node, q{SELECT amount >= 0.02 FROM intel.spend WHERE scope ~ 'beyond'}, 'what it cost to be written down');

# names that are long are cut between characters, and do not become one
my $long = chr(0xe9) x 100;
utf8::encode($long);
value("SET request.jwt.claims = '{\"tenant_id\": \"$_$long\"}'; " . q{SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')}) foreach '', 'a', 'aa';
wait_for_sql($node, q{SELECT count(*) = 3 FROM intel.spend WHERE octet_length(scope) > 150}, 'three long names');
is(value(q{SELECT count(DISTINCT convert_from(convert_to(scope, 'UTF8'), 'UTF8')) FROM intel.spend WHERE octet_length(scope) > 150}), '3', 'that are text, and differ');

# totals after a crash, and after a restart in order; the commit that a call
# waits for is on disk whatever synchronous_commit says
$node->safe_psql('postgres', "ALTER SYSTEM SET $_") foreach 'synchronous_commit = off', "wal_writer_delay = '10s'";
$node->reload;
wait_for_sql($node, "SELECT current_setting('wal_writer_delay') = '10s'", 'the settings');
value(q{SET request.jwt.claims = '{"tenant_id": "durable"}'; SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')});
kill9_server($node);
is(state_of(q{SET request.jwt.claims = '{"tenant_id": "rich"}'; SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')}), 'IN006',
	'a crash does not give money back');
cmp_ok(value(q{SELECT sum(amount) FROM intel.spend WHERE scope ~ 'durable'}) || 0, '>=', $cost, 'not of the last call either');
$node->safe_psql('postgres', "ALTER SYSTEM RESET $_") foreach 'synchronous_commit', 'wal_writer_delay';
$node->reload;
my $rich = value(q{SELECT spent FROM intel.limit_state() WHERE scope ~ 'rich'});
ok($rich >= $spent && $rich <= 0.05, "nor is more counted than the budget ($rich after $spent)");
# a call that costs more than there ever is: others or what is given, else it waits for another budget
is(state_of(q{SET request.jwt.claims = '{"tenant_id": "dear"}'; SELECT intel.complete('x', 'paid', '{"max_tokens": 5000}')}), 'IN006', 'a call beyond the whole budget');
is(value(q{SET request.jwt.claims = '{"tenant_id": "dear"}'; SELECT intel.complete('x', 'paid', '{"max_tokens": 5000, "fallback": "sorry"}')}), 'sorry', 'has its fallback');
my $given = value(q{SET request.jwt.claims = '{"tenant_id": "dear"}';
	SELECT intel.submit('complete', '{"prompt": "x", "model": "paid", "max_tokens": 5000, "fallback": "sorry"}')});
is(value("SELECT (w).status || ((w).result ->> 'content') FROM intel.wait($given) w"), 'succeededsorry', 'a job, too');
my $dear = value(q{SET request.jwt.claims = '{"tenant_id": "dear"}'; SELECT intel.submit('complete', '{"prompt": "dear", "model": "paid", "max_tokens": 5000}')});
wait_for_sql($node, "SELECT error_code = 'IN006' AND status = 'queued' AND attempts = 0 FROM intel.job_queue WHERE id = $dear", 'a job without one to wait');
is(value("SELECT error_message FROM intel.job_queue WHERE id = $dear"), 'a call of model "paid" may cost more than a whole budget', 'and to say why');
value('UPDATE intel.budget SET amount = 10');
is(value("SELECT (w).status || (w).attempts FROM intel.wait($dear) w"), 'succeeded1', 'goes on when there is a larger budget');
value('UPDATE intel.budget SET amount = 0.05');

value(q{SET request.jwt.claims = '{"tenant_id": "exact"}'; SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')});
wait_for_sql($node, "SELECT amount = $cost FROM intel.spend WHERE scope ~ 'exact'", 'the worker to write the exact total');
$node->restart;
value(q{SET request.jwt.claims = '{"tenant_id": "exact"}'; SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')});
is(value(q{SELECT spent FROM intel.limit_state() WHERE scope ~ 'exact'}) + 0, 2 * $cost, 'a restart keeps totals exactly');

# more budgets than shared memory has places: those that rest make room, and come back as they were
$mock->reset;
my $crowd = q{DO $$ DECLARE failed int := 0; BEGIN
	FOR i IN %d .. %d LOOP
		PERFORM set_config('request.jwt.claims', format('{"tenant_id": "crowd-%%s"}', i), false);
		PERFORM intel.complete('one two', 'paid', '{"max_tokens": 5}');
	END LOOP; END $$};
my @crowd = map { $_ * 900 } 0 .. 5;
foreach my $i (0 .. 4)
{
	is(state_of(sprintf($crowd, $crowd[$i] + 1, $crowd[ $i + 1 ])), '00000', "tenants up to $crowd[$i + 1]");
	wait_for_sql($node, "SELECT count(*) = $crowd[$i + 1] FROM intel.spend WHERE scope ~ 'crowd' AND amount = $cost", 'their totals');
}
my $kept = value(q{SELECT count(*) FROM intel.limit_state() WHERE scope ~ 'crowd'});
cmp_ok($kept, '<', 4096, "$kept of 4,500 are in shared memory");
my $away = value(q{SELECT min(i) FROM generate_series(1, 4500) i WHERE NOT EXISTS (SELECT FROM intel.limit_state() WHERE scope LIKE '% tenant=crowd-' || i)});
value(qq{SET request.jwt.claims = '{"tenant_id": "crowd-$away"}'; } . q{SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')});
is(value("SELECT spent FROM intel.limit_state() WHERE scope LIKE '% tenant=crowd-$away'") + 0, 2 * $cost, 'one that was away has spent what it had');
# what is counted apart is what the claims say, not how they are written down
value(q{UPDATE intel.budget SET per = '{tenant,subject}', amount = 0.006});
my $named = q{SET request.jwt.claims = '%s'; SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')};
is(state_of(sprintf($named, $_)), '00000', 'a budget of its own') foreach '{"tenant_id": "a subject=b", "sub": "c"}', '{"tenant_id": "a", "sub": "b subject=c"}',
	'{"tenant_id": "a", "sub": "-"}', '{"tenant_id": "a"}', '{"tenant_id": "a", "sub": "\\"-\\""}';
value('UPDATE intel.budget SET amount = 0.05');
# a period that ends and comes back has what it had
my $turned = q{SET request.jwt.claims = '{"tenant_id": "turned"}'; SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')};
my $total = q{SELECT spent FROM intel.limit_state() WHERE kind = 'budget' AND scope ~ 'tenant=turned'};
my $is_first = value(q{SELECT extract(day FROM now() AT TIME ZONE 'UTC') = 1}) eq 't';
my @totals;
foreach my $period (qw(day month day month))
{
	value(qq{UPDATE intel.budget SET per = '{tenant}', period = '$period'});
	value($turned);
	push @totals, value($total) / $cost;
}
my @least = $is_first ? (1, 2, 3, 4) : (1, 1, 2, 2);
# one that comes back has what was written ahead
is(scalar(grep { $totals[$_] > $least[$_] - 1e-6 && $totals[$_] < $least[$_] + ($_ < 2 ? 1e-6 : 1) } 0 .. 3), 4,
	'days and months are counted apart, and go on where they were') or diag("calls: @totals");
value(q{UPDATE intel.budget SET period = 'day'});
# names of one's own making fill one's share
value(q{UPDATE intel.budget SET per = '{tenant,feature}'});
my $filled = q{DO $$ BEGIN
	PERFORM set_config('request.jwt.claims', '{"tenant_id": "greedy"}', false);
	FOR i IN 1 .. 9000 LOOP
		PERFORM set_config('intel.feature', 'f' || i, false);
		BEGIN PERFORM intel.complete('one two', 'paid', '{"max_tokens": 500}');
		EXCEPTION WHEN SQLSTATE 'IN006' THEN NULL; END;
	END LOOP; END $$};
is(state_of("$filled"), '53000', 'a tenant that names thousands of features is refused');
is(state_of(q{SET request.jwt.claims = '{"tenant_id": "modest"}'; SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')}), '00000', 'and others are not');
# a budget of a new extension, or of a new database of the same name, has spent nothing
my $fresh = q{CREATE EXTENSION intel; INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '%s', true);
	INSERT INTO intel.model (name, provider, model_id, task, input_price, output_price) VALUES ('paid', 'mock', 'm-2', 'chat', 0, 1000);
	INSERT INTO intel.budget (amount, period) VALUES (0.011, 'day'); SELECT intel.complete('one two', 'paid', '{"max_tokens": 5}')};
value('CREATE DATABASE fresh');
foreach (1 .. 2)
{
	$node->safe_psql('fresh', sprintf($fresh, $url));
	is($node->safe_psql('fresh', q{SELECT spent FROM intel.limit_state() WHERE kind = 'budget'}) + 0, $cost, 'a new budget has spent one call');
	$node->safe_psql('fresh', 'DROP EXTENSION intel CASCADE');
}
value('DROP DATABASE fresh WITH (FORCE)');
value('DELETE FROM intel.budget');

# ---- the breaker ------------------------------------------------------------------------------

$mock->reset;
$mock->control({ do => ['500'], always => \1 });
is(state_of(q{SELECT intel.complete('x', 'chat')}), '58000', "failure $_") for 1 .. 3;
is(state_of(q{SELECT intel.complete('x', 'chat')}), 'IN005', 'after three failures the model is left alone');
is($mock->stats->{requests}, 3, 'nothing is sent');
is(value(q{SELECT state || failures FROM intel.breaker_state() WHERE model = 'chat'}), 'open3', 'everybody can see it');
wait_for_sql($node, q{SELECT state = 'half-open' FROM intel.breaker_state() WHERE model = 'chat'}, 'the time to be over');
@outs = together(map { "SELECT intel.complete('x', 'chat');" } 1 .. 6);
is($mock->stats->{requests}, 4, 'then one call tries') or diag(join '', @outs);
is(value(q{SELECT state FROM intel.breaker_state() WHERE model = 'chat'}), 'open', 'and when it fails, waiting begins anew');

$job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}')});
$mock->reset;
is(value("SELECT (w).status || (w).attempts FROM intel.wait($job) w"), 'succeeded1', 'a job waits until the model works again');
is(value(q{SELECT state FROM intel.breaker_state() WHERE model = 'chat'}), 'closed', 'which closes the breaker');
$mock->control({ do => [ ('500') x 3 ] });
state_of(q{SELECT intel.complete('x', 'chat')}) for 1 .. 3;
is(state_of(q{SELECT intel.complete('x', 'chat')}), 'IN005', 'open again');
is(value(q{SELECT intel.reset_breaker('chat')}), 't', 'it can be reset');
is(value(q{SELECT intel.complete('x', 'chat')}), 'echo: x', 'by hand');
is(state_of(q{SET ROLE alice; SELECT intel.reset_breaker('chat')}), '42501', 'not by everybody');

# whoever is in a hurry does not switch a model off for all
$mock->control({ do => [ { kind => 'slow', seconds => 0.2 } ], always => \1 });
is(state_of(q{SELECT intel.complete('x', 'chat', '{"timeout_ms": 1}')}), 'IN001', "a call that gives no time") for 1 .. 4;
is(value(q{SELECT state || failures FROM intel.breaker_state() WHERE model = 'chat'}), 'closed0', 'says nothing about the model');
$mock->reset;
$mock->control({ do => [ ('500') x 3 ] });
state_of(q{SELECT intel.complete('x', 'chat', '{"timeout_ms": 1000}')}) for 1 .. 3;
is(value(q{SELECT state FROM intel.breaker_state() WHERE model = 'chat'}), 'open', 'a failure in that time does');
value(q{SELECT intel.reset_breaker('chat')});

# ---- limits of the provider ----------------------------------------------------------------------

$mock->reset;
$mock->control({ do => [ { kind => '429', retry_after => 1 } ] });
is(state_of(q{SELECT intel.complete('x', 'chat')}), 'IN003', 'a provider that asks to wait');
is(state_of(q{SELECT intel.complete('x', 'chat')}), 'IN003', 'is not asked again');
is($mock->stats->{requests}, 1, 'before its time');
$job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}')});
is(value("SELECT (w).status FROM intel.wait($job) w"), 'succeeded', 'a job waits for it');
my @times = map { $_->{at} } @{ $mock->requests };
cmp_ok($times[1] - $times[0], '>=', 1, 'as long as it asked');
cmp_ok($times[1] - $times[0], '<', 5, 'and not much longer');

# the wait that it names decides, however long retries back off by themselves
$node->safe_psql('postgres', "ALTER SYSTEM SET intel.job_retry_$_ = '1h'") foreach 'delay', 'max_delay';
$node->reload;
wait_for_sql($node, q{SELECT current_setting('intel.job_retry_delay') = '1h'}, 'the settings');
$mock->reset;
$mock->control({ do => [ { kind => '429', retry_after => 60 } ], always => \1 });
value(q{INSERT INTO intel.provider (name, kind, base_url, allow_private_network) SELECT 'patient', kind, base_url, true FROM intel.provider WHERE name = 'mock';
	INSERT INTO intel.model (name, provider, model_id, task) VALUES ('patient', 'patient', 'm-9', 'chat')});
$job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "patient"}')});
wait_for_sql($node, "SELECT EXISTS (SELECT FROM intel.inference WHERE job = $job) AND status = 'queued' FROM intel.job_queue WHERE id = $job", 'the attempt');
is(value("SELECT q.next_attempt_at - i.started_at BETWEEN '60 s' AND '80 s' FROM intel.job_queue q JOIN (SELECT job, started_at FROM intel.inference) i ON i.job = q.id WHERE id = $job"), 't', 'a job comes back when the provider said');
$node->safe_psql('postgres', "ALTER SYSTEM RESET intel.job_retry_$_") foreach 'delay', 'max_delay';
$node->reload;
value("SELECT intel.cancel($job)");

# ---- fallbacks ---------------------------------------------------------------------------------------

$mock->reset;
value(q{UPDATE intel.model SET fallback = 'narrow' WHERE name = 'chat'});
$mock->control({ match => { model => 'm-1' }, do => ['500'], always => \1 });
is(value(q{SELECT intel.complete('x', 'chat')}), 'echo: x', 'another model answers');
wait_for_sql($node, q{SELECT array_agg(model || status ORDER BY id) = '{chatfailed,narrowsucceeded}'
	FROM (SELECT * FROM intel.inference ORDER BY id DESC LIMIT 2) l}, 'both are in the log');
value(q{UPDATE intel.provider SET enabled = false WHERE name = 'narrow'});
is(state_of(q{SELECT intel.complete('x', 'chat')}), '58000', 'the failure of the first model is the failure');
is(value(q{SELECT intel.complete('x', 'chat', '{"fallback": "sorry"}')}), 'sorry', 'a request may give an answer of its own');
is(value(q{SELECT intel.complete('x', 'chat', '{"fallback": null}') IS NULL}), 't', 'or none');
is(value(q{SELECT intel.classify('x', '{a,b}', 'chat', '{"fallback": {"label": "b"}}')}), 'b', 'in the shape of the answer');
is(value(q{SELECT intel.chat('[{"role": "user", "content": "x"}]', 'chat', '{"fallback": "sorry"}') #>> '{message,content}'}), 'sorry', 'of a conversation, too');
is(state_of(q{SELECT intel.complete('x', 'no-such-model', '{"fallback": "sorry"}')}), '42704', 'mistakes are not covered up');
value(q{UPDATE intel.provider SET enabled = false WHERE name = 'mock'});
is(state_of(q{SELECT intel.complete('x', 'chat')}), 'IN002', 'a provider that is off');
is(value(q{SELECT intel.complete('x', 'chat', '{"fallback": "sorry"}')}), 'sorry', 'has its fallback, too');
$job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}')});
wait_for_sql($node, "SELECT error_code = 'IN002' AND status = 'queued' AND attempts = 0 FROM intel.job_queue WHERE id = $job", 'jobs wait while it is off');
is(value("SELECT next_attempt_at > now() + interval '1 min' FROM intel.job_queue WHERE id = $job"), 't', 'without looking again and again');
$mock->reset;
value(q{UPDATE intel.provider SET enabled = true WHERE name = 'mock'});
is(value("SELECT (w).status || (w).attempts FROM intel.wait($job) w"), 'succeeded1', 'and go on at once when it is on');
value(q{UPDATE intel.provider SET enabled = false WHERE name = 'mock'});
$job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}')});
wait_for_sql($node, "SELECT error_code = 'IN002' FROM intel.job_queue WHERE id = $job", 'another one to wait');
value(q{UPDATE intel.model SET fallback = 'builtin-answer' WHERE name = 'chat'});
is(value("SELECT (w).status || (w).model FROM intel.wait($job) w"), 'succeededbuiltin-answer', 'or when its model has another to fall back on');
value(q{UPDATE intel.model SET fallback = 'narrow' WHERE name = 'chat'});
value(q{UPDATE intel.model SET fallback = 'builtin-answer' WHERE name = 'narrow'});
is(value(q{SELECT intel.complete('Question: x', 'chat') = intel.complete('Question: x')}), 't', 'the builtin model can be the last of a chain');
$job = value(q{SELECT intel.submit('complete', '{"prompt": "Question: x", "model": "chat"}')});
is(value("SELECT (w).status || (w).model FROM intel.wait($job) w"), 'succeededbuiltin-answer', 'of jobs, too');

# ---- counts beyond all measure -------------------------------------------------------

$mock->reset;
my $reported = 9 * 10**15;
$mock->control({ match => { contains => 'beyond' }, always => \1, do => [ { kind => 'body', delay => 2,
	body => qq({"choices":[{"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":$reported,"completion_tokens":$reported}}) } ] });
value(q{UPDATE intel.provider SET enabled = true WHERE name = 'mock'});
value(qq{INSERT INTO intel.model (name, provider, model_id, task, input_price, output_price) VALUES ('dear', 'mock', 'm-8', 'chat', 1000000, 1000000);
	INSERT INTO intel.model_grant VALUES ('dear', 0);
	INSERT INTO intel.budget (model, amount) VALUES ('dear', 1000000000)});
together(map { q{SELECT intel.complete('beyond', 'dear', '{"max_tokens": 5}')} } 1 .. 2);
cmp_ok(value(q{SELECT max(spent) FROM intel.limit_state() WHERE kind = 'budget'}), '>', 1e9, 'two calls that together report more than can be counted have spent it');
is(state_of(q{SELECT intel.complete('x', 'dear', '{"max_tokens": 5}')}), 'IN006', 'and leave nothing');

done_testing();
