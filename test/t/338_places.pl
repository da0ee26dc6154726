# Places: whoever waits for an answer waits until his provider, or a limit, can
# take the call; sessions and jobs have places in turns.

use strict;
use warnings;

use IntelTest;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = intel_node('main', conf => <<'CONF');
intel.worker_idle_timeout = 1s
intel.log_calls = off
CONF
my $mock = start_mock(dimensions => 8);
my $url = $mock->url('/v1');

sub value { return $node->safe_psql('postgres', $_[0]); }
sub state_of { return sqlstate($node, $_[0]); }
sub says { $mock->control({ match => { contains => $_[0] }, do => [ $_[1] ], always => JSON::PP::true }); return; }

# A session that runs SQL meanwhile; what it printed, when it has ended.
sub session
{
	my ($sql) = @_;
	my $psql = $node->background_psql('postgres', on_error_stop => 0);

	$psql->query_until(qr/begun/, "\\echo begun\n");
	$psql->{stdin} .= "\\set VERBOSITY sqlstate\n$sql;\n\\echo ended\n";
	$psql->{run}->pump_nb;
	return $psql;
}
sub ended
{
	my ($psql) = @_;
	my $out = $psql->query_until(qr/ended/, '');
	my $err = $psql->{stderr};

	$psql->{stderr} = '';
	$psql->quit;
	return $out =~ s/\s*ended\s*//r . ($err =~ /ERROR:\s+(\w+)/ ? $1 : '');
}
my $waiting = q{SELECT coalesce(sum(waiting), 0) FROM intel.limit_state()};
sub wait_until_waiting { wait_for_sql($node, "SELECT ($waiting) = $_[0]", "$_[0] to wait"); return; }

value(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms, max_concurrency)
	VALUES ('one', 'openai', '$url', true, 60000, 1), ('more', 'openai', '$url', true, 60000, 100);
INSERT INTO intel.model (name, provider, model_id, task, fallback)
	VALUES ('spare', 'more', 'm-spare', 'chat', NULL), ('one', 'one', 'm-one', 'chat', NULL), ('chained', 'one', 'm-chained', 'chat', 'spare');
INSERT INTO intel.model_grant VALUES ('one', 0), ('spare', 0), ('chained', 0);
SQL

# ---- sessions ---------------------------------------------------------------------------------

says('first', { kind => 'slow', seconds => 5 });
my $first = session(q{SELECT intel.complete('first', 'one')});
$mock->wait_requests(1);
my $second = session(q{SELECT intel.complete('second', 'one')});
my $streamed = session(q{SELECT intel.stream('third', 'one')});
wait_until_waiting(2);
is(value(q{SELECT string_agg(wait_event, ',' ORDER BY backend_start) FROM pg_stat_activity WHERE wait_event_type = 'Extension'
		AND backend_type = 'client backend'}),
	value('SHOW server_version_num') < 170000 ? 'Extension,Extension,Extension' : 'IntelHttp,IntelPlace,IntelPlace', 'pg_stat_activity says what they wait for');
is(value(q{SELECT intel.complete('fourth', 'chained')}), 'echo: fourth', 'who has another model does not wait');
is(value(q{SELECT intel.complete('fifth', 'one', '{"fallback": "none"}')}), 'none', 'nor who gives an answer');
is(ended($first), 'echo: first', 'one call has the place');
is(ended($second), 'echo: second', 'the next waits for it');
like(ended($streamed), qr/third/, 'as a stream does');
is($mock->stats->{max_open}, 2, 'none was beside it at its provider') or diag explain $mock->stats;
is(value($waiting), 0, 'nobody waits any more');

$mock->reset;
says('hangs', 'hang');
my $hung = session(q{SELECT intel.complete('hangs', 'one', '{"timeout_ms": 60000}')});
$mock->wait_requests(1);
my $begun = time;
is(state_of(q{SELECT intel.complete('short', 'one', '{"timeout_ms": 300}')}), 'IN003', 'no longer than the call may take');
cmp_ok(time - $begun, '<', 3, 'which is not the time of the other');
is(state_of(q{SET statement_timeout = 300; SELECT intel.complete('short', 'one')}), '57014', 'and a wait can be cancelled');
my $killed = session(q{SELECT intel.complete('killed', 'one')});
wait_until_waiting(1);
value(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%killed%' AND pid <> pg_backend_pid()});
wait_until_waiting(0);
pass('one that ends waits for nothing');
my $off = session(q{SELECT intel.complete('off', 'one')});
wait_until_waiting(1);
value(q{UPDATE intel.provider SET enabled = false WHERE name = 'one'});
is(ended($off), 'IN002', 'a provider that is switched off meanwhile is not asked');
value(q{UPDATE intel.provider SET enabled = true WHERE name = 'one'});
my $raised = session(q{SELECT intel.complete('raised', 'one')});
wait_until_waiting(1);
value(q{UPDATE intel.provider SET max_concurrency = 2 WHERE name = 'one'});
is(ended($raised), 'echo: raised', 'and one that may have more calls is asked at once');
value(q{UPDATE intel.provider SET max_concurrency = 1 WHERE name = 'one'});
value(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%hangs%' AND pid <> pg_backend_pid()});
is(ended($hung), '57014', 'while the one before is still waiting for its answer');

$mock->reset;
value(q{INSERT INTO intel.rate_limit (per, model, concurrency) VALUES ('{role}', 'spare', 1)});
says('', { kind => 'slow', seconds => 0.2 });
my @few = map { session(q{SELECT intel.complete('few', 'spare')}) } 1 .. 4;
is(join(' ', map { ended($_) } @few), join(' ', ('echo: few') x 4), 'places under a limit are waited for, too');
is($mock->stats->{max_open}, 1, 'one after the other');
value(q{DELETE FROM intel.rate_limit});

# ---- sessions and jobs ------------------------------------------------------------------------------

$mock->reset;
says('', { kind => 'slow', seconds => 0.05 });
value(q{SELECT count(intel.submit('complete', jsonb_build_object('model', 'one', 'prompt', 'job ' || i))) FROM generate_series(1, 200) i});
$mock->wait_requests(5);
is(value(q{SELECT intel.complete('between', 'one')}), 'echo: between', 'a backlog of jobs lets a session through');
cmp_ok(value(q{SELECT count(*) FROM intel.job WHERE status = 'succeeded'}), '<', 100, 'between two of them');
my $loop = q{DO $$ BEGIN FOR i IN 1 .. 40 LOOP PERFORM intel.complete('loop ' || i, 'one'); END LOOP; END $$; SELECT 'done'};
my @loops = map { session($loop) } 1 .. 2;
is(join(' ', map { ended($_) } @loops), 'done done', 'sessions go on beside jobs');
my @order = map { $_->{json}{messages}[-1]{content} =~ /^(job|loop)/ ? $1 : () } @{ $mock->requests };
my ($from, $to) = (sort { $a <=> $b } grep { $order[$_] eq 'loop' } 0 .. $#order)[ 0, -1 ];
my $jobs = grep { $_ eq 'job' } @order[ $from .. $to ];
cmp_ok($jobs, '>=', 10, "and jobs beside sessions ($jobs of them)");
wait_for_sql($node, q{SELECT count(*) = 200 FROM intel.job WHERE status = 'succeeded'}, 'all jobs to succeed');
is($mock->stats->{max_open}, 1, 'one call at a time');
is(value(q{SELECT max(attempts) FROM intel.job_queue}), 1, 'no attempt is used up by waiting');

# ---- what was rolled back holds nothing -------------------------------------------------------------

$mock->reset;
says('hangs', 'hang');
value(<<'SQL');
CREATE FUNCTION asks(prompt text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; BEGIN answer := intel.complete(prompt, 'one'); RETURN answer; END $$;
CREATE FUNCTION catches(prompt text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN RETURN asks(prompt); EXCEPTION WHEN query_canceled THEN RETURN 'caught'; END $$;
CREATE FUNCTION collects(prompt text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; BEGIN SELECT string_agg(s, '') INTO answer FROM intel.stream(prompt, 'one') s; RETURN answer; END $$;
SQL
foreach my $case (
	[ 'a transaction that failed', q{SELECT asks('hangs')} ],
	[ 'a stream of one', q{SELECT collects('hangs')} ],
	[ 'a savepoint', q{SAVEPOINT s; SELECT asks('hangs'); ROLLBACK TO s} ],
	[ 'a block that caught the error', q{SELECT catches('hangs')} ])
{
	my ($name, $sql) = @$case;
	my $open = session("BEGIN; SET LOCAL intel.feature = 'undone'; SET LOCAL statement_timeout = '1s'; $sql");

	$open->query_until(qr/ended/, '');
	is(value(q{SELECT coalesce(sum(in_flight), 0) FROM intel.limit_state()}), 0, "$name gives its place back before the client ends it");
	wait_for("$name to close its connection", sub { $mock->stats->{open} == 0 });
	$open->{stdin} .= "ROLLBACK;\n";
	$open->{stderr} = '';
	$open->quit;
}
wait_for_sql($node, q{SELECT string_agg(status, ' ') = 'cancelled cancelled cancelled cancelled' FROM intel.inference WHERE feature = 'undone'}, 'a row of each');
is(value(q{SELECT intel.complete('after', 'one')}), 'echo: after', 'and others have it');
# a cursor outlives the savepoint in which it was first read, the stream that it reads does not
foreach my $behaviour ('drip', 'ok')
{
	$mock->reset;
	says('a b c', { kind => $behaviour, interval => 0.2 });
	is(state_of(q{SET statement_timeout = '5s'; BEGIN; DECLARE c CURSOR FOR SELECT intel._stream('complete', '{"prompt": "a b c", "model": "one", "stream": true}');
		SAVEPOINT s; FETCH 1 FROM c; ROLLBACK TO s; FETCH 1 FROM c}), '24000', "which is an error that says so ($behaviour)");
}

$node->stop;
done_testing();
