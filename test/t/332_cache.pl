# The cache of answers: off unless asked for, exact, apart for roles and
# tenants, refreshed by one at a time.

use strict;
use warnings;

use IntelTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# few locks, so that a statement over many rows could take all of them
my $node = intel_node('main', conf => <<'CONF');
intel.breaker_failures = 0
max_locks_per_transaction = 16
max_connections = 20
CONF
my $mock = start_mock(dimensions => 8);
my $url = $mock->url('/v1');

$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms)
	VALUES ('mock', 'openai', '$url', true, 5000);
INSERT INTO intel.model (name, provider, model_id, task)
	VALUES ('chat', 'mock', 'm-1', 'chat'), ('emb', 'mock', 'm-2', 'embed');
INSERT INTO intel.model_grant VALUES ('chat', 0), ('emb', 0);
CREATE ROLE alice;
SELECT intel.grant_access('alice');
SQL

my $sent = 0;
sub value { return $node->safe_psql('postgres', $_[0]); }

# How many requests were sent since the last call of this.
sub sent
{
	my $before = $sent;
	$sent = $mock->stats->{requests};
	return $sent - $before;
}

# Run the same statement in eight sessions at once; the outputs.
sub together
{
	my ($sql) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my @runs;

	append_to_file("$dir/sql", $sql);
	push @runs, IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$dir/sql" ],
		'<', '/dev/null', '>&', "$dir/$_.out") foreach 1 .. 8;
	$_->finish foreach @runs;
	return join '', map { slurp_file("$dir/$_.out") } 1 .. 8;
}

my $plain = q{SELECT intel.complete('one', 'chat')};
my $cached = q{SELECT intel.complete('one', 'chat', '{"cache": 600}')};

value($plain) for 1 .. 2;
is(sent(), 2, 'without the option nothing is cached');
is(value($cached), 'echo: one', 'with it') for 1 .. 3;
is(sent(), 1, 'one call is enough');
value(q{SET intel.cache_ttl = '10min'; } . $plain);
is(sent(), 0, 'the setting is the option of all calls');
value(q{SET intel.cache_ttl = '10min'; SELECT intel.complete('Question: x'), (SELECT string_agg(s, '') FROM intel.stream('one', 'chat') s)});
is(value('SELECT count(*) FROM intel.cache') . sent(), '11', 'streams and builtin models are not cached');
value(q{SELECT intel.complete('two', 'chat', '{"cache": 600}')});
value(q{SELECT intel.complete('one', 'chat', '{"cache": 600, "temperature": 0.5}')});
is(sent(), 2, 'another text or option is another answer');
value(qq{SET request.jwt.claims = '{"tenant_id": "t$_"}'; $cached}) for 1, 2, 1, 2;
is(sent(), 2, 'tenants do not share');
value("SET ROLE alice; $cached") for 1 .. 2;
is(sent(), 1, 'nor do roles');
is(sqlstate($node, 'SET ROLE alice; SELECT count(*) FROM intel.cache'), '42501', 'and see no rows: those of a role are of all its users');
value(q{UPDATE intel.model SET options = '{"cache": 600}' WHERE name = 'emb'});
value(q{SELECT intel.embed(ARRAY['a', 'b'], 'emb')}) for 1 .. 2;
is(sent(), 1, 'a model can ask for it, for embeddings, too');
my $job = value(q{SELECT intel.submit('complete', '{"prompt": "one", "model": "chat", "cache": 600}')});
is(value("SELECT (w).result ->> 'content' FROM intel.wait($job) w"), 'echo: one', 'a job');
is(sent(), 0, 'takes what is there');
$job = value(q{SELECT intel.submit('complete', '{"prompt": "three", "model": "chat", "cache": 600}')});
value("SELECT intel.wait($job)");
is(value(q{SELECT intel.complete('three', 'chat', '{"cache": 600}')}) . sent(), 'echo: three1', 'and leaves what it got');
is(value(q{SELECT status FROM intel.inference ORDER BY id DESC LIMIT 1}), 'cached', 'the log says so');
is(value(q{SELECT hits || ' ' || (misses = 8) FROM intel.cache_stats()}), '9 true', 'hits and misses are counted');
is(sqlstate($node, q{SELECT intel.complete('x', 'chat', '{"cache": "long"}')}), '22023', 'a time is a number');

# ---- the lock of a call in flight ----------------------------------------------------

$mock->control({ match => { contains => 'secret' }, do => [ { kind => 'slow', seconds => 1 } ] });
my $flight = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', q{SELECT intel.complete('secret', 'chat', '{"cache": 600}')} ],
	'<', '/dev/null', '>&', \my $secret);
wait_for('the call', sub { $mock->stats->{open} == 1 });
my $lock = value(q{SELECT locktype, encode(int4send(classid::oid::int8::bit(32)::int) || int4send(objid::oid::int8::bit(32)::int) || int2send(objsubid), 'hex')
	FROM pg_locks WHERE mode = 'ExclusiveLock' AND locktype IN ('object', 'advisory')});
$flight->finish;
is($secret, "echo: secret\n", 'one call is made for all that ask for it');
like($lock, qr/^object\|/, 'under a lock that nobody can take with a function');
my $key = value(q{SELECT encode(key, 'hex') FROM intel.cache ORDER BY stored_at DESC LIMIT 1});
my $start = substr($key, 0, 8);
my $reversed = join '', reverse $start =~ /(..)/g;
unlike($lock, qr/$start|$reversed/, 'and that nobody can compute from what is asked');
value(q{DELETE FROM intel.cache WHERE result ~ 'secret'});
sent();

# A transaction whose call was rolled back keeps nobody waiting, so it waits for others again.
foreach my $case ([ 'SAVEPOINT a; SAVEPOINT b; %s; ROLLBACK TO a;', 2, 'to a savepoint' ], [ 'SAVEPOINT a; %s; RELEASE a;', 3, 'but not when that is released' ],
	[ 'SAVEPOINT a; SAVEPOINT b; %s; RELEASE b; ROLLBACK TO a;', 2, 'nor to one before it, when that is rolled back' ])
{
	my ($script, $calls, $name) = @$case;
	$mock->reset;
	$sent = 0;
	$mock->control({ match => { contains => 'theirs' }, do => [ { kind => 'slow', seconds => 2 }, 'ok' ] });
	my $theirs = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', q{SELECT intel.complete('theirs', 'chat', '{"cache": 600}')} ], '<', '/dev/null', '>&', \my $out);
	wait_for('the call', sub { $mock->stats->{open} == 1 });
	value('BEGIN; ' . sprintf($script, q{SELECT intel.complete('mine', 'chat', '{"cache": 600}')}) . q{ SELECT intel.complete('theirs', 'chat', '{"cache": 600}'); COMMIT});
	$theirs->finish;
	is(sent(), $calls, "a call is rolled back $name");
	value(q{DELETE FROM intel.cache WHERE result ~ 'mine|theirs'});
}

# ---- many keys in one transaction --------------------------------------------------

is(value(q{SELECT count(intel.complete('row ' || i, 'chat', '{"cache": 600}')) FROM generate_series(1, 1500) i}), '1500',
	'a statement over many rows does not take all locks of the server');
sent();
is(value(q{SELECT count(intel.complete('row ' || i, 'chat', '{"cache": 600}')) FROM generate_series(1, 1500) i}), '1500', 'and its answers');
is(sent(), 0, 'are in the cache');
value('DELETE FROM intel.cache');

# ---- probes by others ------------------------------------------------------------

# 10,000 times somebody else, by role or by tenant, asks what is in the cache for
# one tenant: every time a call is made, and nothing of the owner's is seen.
value(q{SET request.jwt.claims = '{"tenant_id": "owner"}'; SELECT count(intel.complete('secret ' || i, 'chat', '{"cache": 600}')) FROM generate_series(1, 50) i});
is(sent(), 50, 'a tenant has 50 answers in the cache');
value(q{CREATE TABLE probed (role text, answered int, seen int); GRANT INSERT ON probed TO alice});
my $hits = value('SELECT hits FROM intel.cache_stats()');
$node->safe_psql('postgres', <<'SQL', timeout => 180);
CREATE PROCEDURE probe(upto int) LANGUAGE plpgsql AS $$
DECLARE
	answered int := 0;
	seen int := 0;
BEGIN
	FOR i IN 1 .. upto LOOP
		-- each probe is of a tenant of its own, lest it find what it asked for before
		PERFORM set_config('request.jwt.claims', CASE i % 3
			WHEN 0 THEN format('{"tenant_id": "other %s"}', i)
			WHEN 1 THEN format('{"tenant_id": "owner %s"}', i)
			ELSE format('{"tenant_id": "Owner%s", "sub": "owner"}', repeat(' ', i)) END, false);
		answered := answered + (intel.complete('secret ' || i % 50 + 1, 'chat', '{"cache": 600}') LIKE 'echo: secret%')::int;
		IF i % 100 = 0 THEN
			seen := seen + (SELECT count(*) FROM intel.inference f WHERE f.tenant = 'owner');
		END IF;
	END LOOP;
	INSERT INTO probed VALUES (current_user, answered, seen);
END $$;
SET ROLE alice;
CALL probe(9900);
SET request.jwt.claims = '{"tenant_id": "owner"}';
SELECT count(intel.complete('secret ' || i, 'chat', '{"cache": 600}')) FROM generate_series(1, 50) i;
RESET ROLE;
CALL probe(50);
SQL
is(value('SELECT * FROM probed ORDER BY role'), "alice|9900|0\npostgres|50|0", '10,000 probes are answered, and see nothing of the owner');
is(sent(), 10000, 'by a call each');
is(value('SELECT hits FROM intel.cache_stats()') - $hits, 0, 'without a hit');
value('SELECT intel.prune_cache()');

# ---- stampedes -----------------------------------------------------------------

$mock->control({ do => [ { kind => 'slow', seconds => 1.5 } ], always => \1 });
my $answers = () = together(q{SELECT intel.complete('crowd', 'chat', '{"cache": 600}');}) =~ /echo: crowd/g;
is("$answers " . sent(), '8 1', 'eight sessions at once make one call');
value(q{UPDATE intel.cache SET took_ms = 1000000000 WHERE result ~ 'crowd'});
$answers = () = together(q{SELECT intel.complete('crowd', 'chat', '{"cache": 600}');}) =~ /echo: crowd/g;
is($answers, 8, 'an answer that is refreshed before its time');
is(sent(), 1, 'is refreshed by one, while the others take it');
$mock->reset;
$sent = 0;

# jobs of a worker, jobs of sessions and sessions, all at once
$mock->control({ do => [ { kind => 'slow', seconds => 1.5 } ], always => \1 });
my $same = q{SELECT count(intel.submit('complete', '{"prompt": "queue", "model": "chat", "cache": 600}')) FROM generate_series(1, 20)};
my $text = together(qq{$same; CALL intel.run_jobs(3); SELECT intel.complete('queue', 'chat', '{"cache": 600}');});
$answers = () = $text =~ /echo: queue/g;
wait_for_sql($node, q{SELECT count(*) = 160 FROM intel.job_queue WHERE status = 'succeeded' AND result ->> 'content' = 'echo: queue'}, 'all jobs to end');
is("$answers " . sent(), '8 1', '160 jobs and eight sessions at once make one call');
is(value(q{SELECT max(attempts) FROM intel.job_queue}), '1', 'with one attempt each');
is(value(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'and leave no lock');
$mock->reset;
$sent = 0;
$mock->control({ do => [ '500', { kind => 'slow', seconds => 0.5 } ], always => \1 });
value(q{SELECT count(intel.submit('complete', '{"prompt": "again", "model": "chat", "cache": 600}')) FROM generate_series(1, 20)});
wait_for_sql($node, q{SELECT count(*) = 20 FROM intel.job_queue WHERE status = 'succeeded' AND result ->> 'content' = 'echo: again'}, 'all jobs to end');
is(sent(), 2, 'a call that fails is made again by one of them');
$mock->reset;
$sent = 0;
value(q{UPDATE intel.cache SET expires_at = now() - interval '1 s' WHERE result ~ 'again'});
$mock->control({ do => ['500'], always => \1 });
$job = value(q{SELECT intel.submit('complete', '{"prompt": "again", "model": "chat", "cache": 600, "fallback": "sorry"}', '{"max_attempts": 1}')});
is(value("SELECT (w).result ->> 'content' FROM intel.wait($job) w"), 'echo: again', 'a job whose attempts are used up takes an answer that has expired');
$mock->reset;
$sent = 0;

# ---- the end of an answer ---------------------------------------------------------

value(q{UPDATE intel.cache SET expires_at = now() - interval '1 s'});
value($cached);
is(sent(), 1, 'what has expired is asked for again');
value(q{UPDATE intel.cache SET expires_at = now() - interval '1 s'});
$mock->control({ do => ['500'], always => \1 });
is(value(q{SELECT intel.complete('one', 'chat', '{"cache": 600, "fallback": "sorry"}')}), 'echo: one', 'unless the call fails');
is(value(q{SELECT intel.complete('new', 'chat', '{"cache": 600, "fallback": "sorry"}')}), 'sorry', 'where there is none, the given value follows');
# the worker may have been first
value('SELECT intel.prune_cache()');
is(value('SELECT count(*) = count(DISTINCT key) AND count(*) > 5 FROM intel.cache'), 't', 'replaced answers are removed');
value(q{UPDATE intel.cache SET expires_at = now() - interval '2 days' WHERE result ~ 'three'});
value('SELECT intel.prune_cache()');
is(value(q{SELECT count(*) FROM intel.cache WHERE result ~ 'three'}), '0', 'and old ones');
$node->append_conf('postgresql.conf', "intel.cache_max_entries = 2\n");
$node->reload;
wait_for_sql($node, q{SELECT current_setting('intel.cache_max_entries') = '2'}, 'the new setting');
value('SELECT intel.prune_cache()');
is(value('SELECT count(*) FROM intel.cache'), '2', 'no more than intel.cache_max_entries stay');

done_testing();
