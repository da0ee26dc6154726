# What once stopped a worker or the server: a status of NULL, answers that a
# busy worker did not read, retries that nothing woke, a queue of notifications
# that is full, characters that the database does not have, a tenant claim that
# is a URL.

use strict;
use warnings;

use IntelTest;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', conf => <<'CONF');
intel.job_retry_delay = 20ms
intel.worker_idle_timeout = 1s
intel.log_calls = off
intel.tenant_claim = 'https://acme.example/tenant'
CONF
my $mock = start_mock(dimensions => 8);
my $url = $mock->url('/v1');

sub value { return $node->safe_psql($_[1] // 'postgres', $_[0]); }

my $setup = <<"SQL";
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms) VALUES ('mock', 'openai', '$url', true, 60000);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0);
SQL
value($setup);
value(q{CREATE ROLE alice; SELECT intel.grant_access('alice')});
my $ends = q{SET ROLE alice; SELECT (w).status || (w).attempts FROM intel.wait(%s) w};

# ---- a status of NULL ---------------------------------------------------------------------

my $job = value(q{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}', '{"run_at": "2100-01-01"}')});
is(sqlstate($node, "SET ROLE alice; UPDATE intel.job_queue SET status = NULL WHERE id = $job"), '23502', 'a status is never null');
is(sqlstate($node, q{INSERT INTO intel.job_queue (task, request, status) VALUES ('complete', '{}', NULL)}), '23502', 'nor that of a new job');
value('DELETE FROM intel.job_queue');
# the server shows the row to roles that policies do not bind, and to its log
value(q{CREATE ROLE service BYPASSRLS; SELECT intel.grant_access('service')});
is(sqlstate($node, qq{SET ROLE service; INSERT INTO intel.job_queue (task, request, $_) VALUES ('complete', '{"prompt": "Zebedee"}', NULL)}), '23502', "$_ is not null either")
	foreach qw(priority next_attempt_at run_anyway);
is(sqlstate($node, q{SET ROLE service; INSERT INTO intel.job_queue (task, request) VALUES (NULL, '{"prompt": "Zebedee"}')}), '23502', 'nor the task');
unlike(log_since($node, 0), qr/Failing row contains/, 'and no row is shown');

# ---- a claim whose name is no setting ------------------------------------------------------

my $claims = q{SET request.jwt.claims = '{"https://acme.example/tenant": "acme"}'; SET ROLE alice; };
$job = value($claims . q{SELECT intel.submit('complete', '{"prompt": "claims", "model": "chat"}')});
is(value("$claims SELECT (w).status || (w).tenant FROM intel.wait($job) w"), 'succeededacme', 'a job with a tenant of such a claim');

# ---- a retry that nothing wakes --------------------------------------------------------------

value(q{CREATE SEQUENCE tries; CREATE TABLE doc (id int PRIMARY KEY, body text, v intel.vector(384));
	CREATE FUNCTION once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('public.tries') = 1 THEN RAISE 'once' USING ERRCODE = 'serialization_failure'; END IF; RETURN NEW; END $$;
	CREATE TRIGGER once BEFORE UPDATE ON doc FOR EACH ROW EXECUTE FUNCTION once();
	SELECT intel.create_enrichment('doc', 'doc', '{body}', 'v', '', 'embedding'); INSERT INTO doc VALUES (1, 'a text')});
wait_for_sql($node, q{SELECT count(*) = 1 FROM doc WHERE v IS NOT NULL}, 'a write that failed at first');
is(value(q{SELECT attempts FROM intel.job_queue WHERE task = 'enrich'}), '2', 'is made once more');

# ---- a change while the job of the row is about to fail ---------------------------------------

value(qq{INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms) VALUES ('brief', 'openai', '$url', true, 1500);
	INSERT INTO intel.model (name, provider, model_id, task) VALUES ('brief', 'brief', 'm-2', 'chat');
	CREATE TABLE line (id int PRIMARY KEY, body text, line text);
	SELECT intel.create_enrichment('line', 'line', '{body}', 'line', 'Make a line.', 'text', '{"model": "brief", "max_attempts": 1}')});
$mock->control({ match => { contains => 'hopeless' }, do => ['hang'], always => JSON::PP::true });
my $asked = $mock->stats->{requests};
value(q{INSERT INTO line VALUES (1, 'hopeless')});
$mock->wait_requests($asked + 1);
value(q{UPDATE line SET body = 'better' WHERE id = 1});
value(q{UPDATE line SET body = 'good' WHERE id = 1});
wait_for_sql($node, q{SELECT line = 'echo: good' FROM line}, 'the new text to be asked about');
is(value(q{SELECT string_agg(status, ' ' ORDER BY id) FROM intel.job_queue WHERE owner = current_user::regrole AND request ->> 'enrichment' = (SELECT id::text FROM intel.enrichment WHERE name = 'line')}),
	'dead succeeded', 'by one job after the other');

# ---- answers beside a flood of jobs ----------------------------------------------------------

my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/flood.sql", q{SELECT intel.submit('embed', jsonb_build_object('contents', jsonb_build_array(repeat('some words ', 500))));} . "\n");
my $flood = IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-T', '8', '-f', "$dir/flood.sql", $node->connstr('postgres') ], '>', '/dev/null', '2>', '/dev/null');
wait_for_sql($node, q{SELECT count(*) > 200 FROM intel.job_queue}, 'a flood');
$mock->control({ match => { contains => 'calm' }, do => [ { kind => 'slow', seconds => 0.5 } ] });
$job = value(q{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "calm", "model": "chat", "timeout_ms": 4000}', '{"max_attempts": 1}')});
is(value(sprintf($ends, $job)), 'succeeded1', 'an answer is read in time');
$flood->finish;

# ---- cancelled and retried at once ---------------------------------------------------------------

value(q{UPDATE intel.job_queue SET status = 'cancelled' WHERE status IN ('queued', 'running')});
# what was sent before a retry must not be the answer after it, whatever the worker is at meanwhile
$mock->reset;
$mock->control({ match => { contains => 'twice' }, do => [ { kind => 'slow', seconds => 0.3 } ], always => JSON::PP::true });
append_to_file("$dir/again.sql", q{SELECT intel.submit('complete', '{"prompt": "twice", "model": "chat"}') AS job \gset
SELECT pg_sleep(0.05 + random() * 0.2);
BEGIN; SELECT intel.cancel(:job), intel.retry(:job); END;
SELECT intel.wait(:job);
});
append_to_file("$dir/beside.sql", q{SELECT intel.submit('embed', '{"contents": ["beside"]}');} . "\n");
$flood = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-R', '150', '-T', '8', '-f', "$dir/beside.sql", $node->connstr('postgres') ], '>', '/dev/null', '2>', '/dev/null');
$node->command_ok([ 'pgbench', '-n', '-c', '16', '-T', '7', '-f', "$dir/again.sql", $node->connstr('postgres') ], 'jobs that are cancelled and retried');
$flood->finish;
my $again = q{FROM intel.job_queue j WHERE request ->> 'prompt' = 'twice' AND status = 'succeeded'};
cmp_ok(value("SELECT count(*) $again"), '>', 20, 'succeed');
is(value("SELECT count(*) $again AND (SELECT i.started_at FROM intel.inference i WHERE i.id = (j.result ->> 'inference_id')::bigint) < j.started_at"), '0', 'each by a call of its last attempt');

# ---- characters that the database does not have ------------------------------------------------

value(q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
value("CREATE EXTENSION intel; $setup SELECT intel.grant_access('alice')", 'latin');
$mock->control({ match => { contains => 'foreign' }, do => [ { kind => 'ok', content => "\x{65e5}\x{672c}" } ], always => JSON::PP::true },
	{ match => { contains => 'beside' }, do => [ { kind => 'slow', seconds => 1.5 } ] });
my $beside = value(q{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "beside", "model": "chat"}')}, 'latin');
$job = value(q{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "foreign", "model": "chat", "stream": true}')}, 'latin');
is(value(sprintf($ends, $beside), 'latin'), 'succeeded1', 'another job goes on');
is(value("SET ROLE alice; SELECT (w).status || (w).attempts || (w).error_code FROM intel.wait($job) w", 'latin'), 'failed1IN004', 'the job fails by itself');
my $whole = value(q{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "foreign", "model": "chat"}')}, 'latin');
is(value("SET ROLE alice; SELECT (w).status || (w).attempts || (w).error_code FROM intel.wait($whole) w", 'latin'), 'failed1IN004', 'as one whose answer comes whole');
foreach my $stream ('', ', "stream": true')
{
	my $given = value(qq{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "foreign", "model": "chat", "fallback": "sorry"$stream}')}, 'latin');
	is(value("SET ROLE alice; SELECT (w).status || ((w).result ->> 'content') FROM intel.wait($given) w", 'latin'), 'succeededsorry', "or has the given answer$stream");
}
is(value("SELECT count(*) FROM intel.job_queue WHERE error_message ~ 'byte sequence'", 'latin'), '0', 'no error shows anything of it');
unlike(log_since($node, 0), qr/exited with exit code 1/, 'no worker has died');

# ---- a queue of notifications that is full --------------------------------------------------------

SKIP: {
	# before, it has 8 GB, whatever the settings
	skip 'needs max_notify_queue_pages', 5 if $node->pg_version < 17;
	$node->append_conf('postgresql.conf', "max_notify_queue_pages = 64\n");
	$node->restart;
	my $listener = $node->background_psql('postgres');
	$listener->query_safe('LISTEN anything');
	$listener->query_safe('BEGIN; SELECT 1');
	for (1 .. 200) { last if (try_sql($node, q{SELECT count(pg_notify('fill', repeat('x', 7000) || g)) FROM generate_series(1, 3) g}))[0] != 0 }
	is(sqlstate($node, q{SELECT pg_notify('fill', repeat('x', 7900))}), '54000', 'a full queue');
	$asked = $mock->stats->{requests};
	$job = value(q{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "full", "model": "chat"}')});
	is(value(sprintf($ends, $job)), 'succeeded1', 'a job ends all the same');
	is($mock->stats->{requests}, $asked + 1, 'and is sent once');
	$job = value(q{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}', '{"run_at": "2100-01-01"}')});
	is(value("SET ROLE alice; SELECT intel.cancel($job)"), 't', 'another is cancelled');
	$listener->query_safe('COMMIT');
	$listener->query_safe('UNLISTEN *; LISTEN intel_job');
	$job = value(q{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "room", "model": "chat"}')});
	wait_for('a notification', sub { $listener->query_safe('SELECT 1') =~ /"intel_job" with payload "$job"/ });
	ok(1, 'with room, it is told again');
	$listener->quit;
}

$node->stop;
done_testing();
