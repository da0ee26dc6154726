# Open transactions that hold locks on what jobs need: such a job waits for the
# lock and loses nothing, and all other jobs go on meanwhile.

use strict;
use warnings;

use IPC::Run;
use IntelTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = start_mock(dimensions => 8);
my $node = intel_node('main', conf => "intel.job_retry_delay = 20ms\nintel.lease_timeout = 3s\n");
my $url = $mock->url('/v1');
sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true), ('limited', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task, dimensions)
	VALUES ('chat', 'mock', 'm', 'chat', NULL), ('limited', 'limited', 'limited', 'chat', NULL), ('embed', 'mock', 'e', 'embed', 8);
INSERT INTO intel.model_grant VALUES ('chat', 0), ('embed', 0), ('limited', 0);
CREATE ROLE alice; CREATE ROLE bob; SELECT intel.grant_access('alice'), intel.grant_access('bob');
SQL
my $as = 'SET ROLE alice;';
# a transaction of hers that stays open with a lock
my $locker = $node->background_psql('postgres');
$locker->query_safe($as);
sub hold { $locker->query_safe("BEGIN; $_[0]"); return; }
sub release { $locker->query_safe($_[0] // 'ROLLBACK'); return; }

# the mock forgets, and does this with requests that hold the text; a delay leaves time to take a lock
sub behave
{
	my ($text, @behaviours) = @_;
	$mock->reset;
	$mock->control({ match => { contains => $text }, do => \@behaviours });
	return;
}
my $slow = { kind => 'slow', seconds => 0.7 };
sub submit
{
	my ($request, $task) = @_;
	my $id = sql("$as SELECT intel.submit('" . ($task // 'complete') . "', '$request')");
	$mock->wait_requests(1);
	return $id;
}
sub chat { return submit(qq({"prompt": "$_[0]", "model": "chat"})); }
sub row { return sql("SELECT status, coalesce(result ->> 'content', error_code, '') FROM intel.job_queue WHERE id = $_[0]"); }
sub calls_with { my ($text) = @_; return scalar grep { index($_->{body} // '', $text) >= 0 } @{ $mock->requests }; }
sub ends { my ($id, $status, $what) = @_; is(sql("SELECT (w).status FROM intel.wait($id, '20 s') w"), $status, $what); return; }
# a job of somebody else that is queued now, after what is slow has come
sub others_go_on
{
	my ($what) = @_;
	sleep 1;
	my $id = sql(q{SET ROLE bob; SELECT intel.submit('complete', '{"prompt": "bob", "model": "chat"}')});
	ends($id, 'succeeded', "$what: jobs of others go on");
	return;
}

# ---- what cannot be written of a job ------------------------------------------------------

behave('first', $slow);
my $id = chat('first');
hold("SELECT intel.cancel($id)");
others_go_on('a job that is being cancelled');
is(row($id), 'running|', 'nothing is written while it is not known whether it is');
release();
ends($id, 'succeeded', 'not cancelled after all: the answer is written');
is(calls_with('first'), 1, 'and was asked for once');

behave('second', $slow);
$id = chat('second');
hold("SELECT intel.cancel($id)");
others_go_on('another');
release('COMMIT');
ends($id, 'cancelled', 'cancelled: the answer is not written');

behave('third', $slow);
$id = chat('third');
hold("SELECT id FROM intel.job_queue WHERE id = $id FOR UPDATE");
sleep 3;
others_go_on('a job that is locked for longer than its lease');
release();
ends($id, 'succeeded', 'it is not lost');
is(sql("SELECT attempts FROM intel.job_queue WHERE id = $id") . calls_with('third'), '11', 'nor run twice');

behave('fourth', { kind => 'status', status => 400, delay => 0.7 });
$id = chat('fourth');
hold("SELECT id FROM intel.job_queue WHERE id = $id FOR UPDATE");
others_go_on('a failure');
release();
ends($id, 'failed', 'it is written afterwards');
is(row($id), 'failed|38000', 'as it was');
is(calls_with('fourth'), 1, 'without another call');

behave('fifth', { kind => '500', delay => 0.7 }, 'ok');
$id = chat('fifth');
hold("SELECT id FROM intel.job_queue WHERE id = $id FOR UPDATE");
others_go_on('a failure that may pass');
release();
ends($id, 'succeeded', 'it is tried again');

behave('sixth', { kind => '429', retry_after => 1, delay => 0.7 }, 'ok');
$id = submit('{"prompt": "sixth", "model": "limited"}');
hold("SELECT id FROM intel.job_queue WHERE id = $id FOR UPDATE");
others_go_on('a call that the provider put off');
release();
ends($id, 'succeeded', 'it is made again');
is(calls_with('sixth') . sql("SELECT attempts FROM intel.job_queue WHERE id = $id"), '21', 'and uses up no attempt');

# refused before there is a call
sql(q{UPDATE intel.provider SET enabled = false WHERE name = 'limited'});
$mock->reset;
$id = sql(qq{$as BEGIN; SELECT intel.submit('complete', '{"prompt": "seventh", "model": "limited"}'); COMMIT});
wait_for_sql($node, "SELECT held_by IS NOT NULL FROM intel.job_queue WHERE id = $id", 'the job to be held');
hold("SELECT id FROM intel.job_queue WHERE id = $id FOR UPDATE");
sql(q{UPDATE intel.provider SET enabled = true WHERE name = 'limited'});
others_go_on('a job that waits for its provider');
release();
ends($id, 'succeeded', 'it goes through later');

behave('eighth', { kind => 'slow', seconds => 0.7 });
my @texts = map { "eighth $_" } 1 .. 3000;
$id = submit(JSON::PP::encode_json({ contents => \@texts, model => 'embed' }), 'embed');
hold("SELECT id FROM intel.job_queue WHERE id = $id FOR UPDATE");
others_go_on('an embedding job of two calls');
release();
ends($id, 'succeeded', 'it ends');
is(sql("SELECT jsonb_array_length(result -> 'embeddings') FROM intel.job_queue WHERE id = $id") . ' ' . calls_with('eighth'), '3000 2', 'with all of them, each asked for once');

# parts of a stream
my $words = join ' ', map { "word$_" } 1 .. 30;
$mock->reset;
$mock->control({ match => { contains => 'word1' }, do => [ { kind => 'drip', interval => 0.1 } ] });
$id = submit(qq({"prompt": "$words", "model": "chat", "stream": true}));
wait_for_sql($node, "SELECT count(*) >= 2 FROM intel.job_part WHERE job = $id", 'parts to arrive');
hold("SELECT id FROM intel.job_queue WHERE id = $id FOR UPDATE");
my $parts = sql("SELECT count(*) FROM intel.job_part WHERE job = $id");
others_go_on('a stream');
release();
ends($id, 'succeeded', 'it ends');
is(sql("SELECT string_agg(content, '' ORDER BY seq) FROM intel.job_part WHERE job = $id"), "echo: $words", 'with no part missing, and none twice');
is(sql("SELECT count(*) = max(seq) FROM intel.job_part WHERE job = $id"), 't', 'and numbers without a gap');

# ---- jobs that others need ------------------------------------------------------------------

behave('needed', { kind => 'slow', seconds => 4 });
my $needed = chat('needed');
my @dependent = split /\n/, sql(qq{$as SELECT intel.submit('complete', '{"prompt": "next", "model": "chat"}', '{"after": $needed}') FROM generate_series(1, 3)});
wait_for_sql($node, "SELECT count(*) = 3 FROM intel.job_queue WHERE waiting", 'them to wait');
hold("SELECT id FROM intel.job_queue WHERE id = $dependent[1] FOR UPDATE");
ends($needed, 'succeeded', 'a job that others wait for ends');
ends($dependent[$_], 'succeeded', 'those that nobody has locked are run') foreach 0, 2;
others_go_on('the last one');
release();
ends($dependent[1], 'succeeded', 'and the last one, when it can be');

# ---- tables of users ---------------------------------------------------------------------------

sql(qq{CREATE SCHEMA shop AUTHORIZATION alice; $as
	CREATE TABLE shop.doc (id int PRIMARY KEY, title text, other int, summary text, embedding intel.vector(8));
	INSERT INTO shop.doc SELECT i, 'title ' || i FROM generate_series(1, 3) i;
	SELECT intel.create_enrichment('sum', 'shop.doc', '{title}', 'summary', 'Say it.', options => '{"model": "chat"}')});
sub idle { wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status IN ('queued', 'running')}, 'the jobs to end'); return; }
idle();
foreach my $lock ('LOCK TABLE shop.doc IN SHARE MODE', 'LOCK TABLE shop.doc IN ACCESS EXCLUSIVE MODE', 'UPDATE shop.doc SET other = 1 WHERE id = 1',
	'SELECT id FROM shop.doc FOR UPDATE', 'SELECT source_key FROM intel.enrichment_row FOR UPDATE')
{
	$mock->reset;
	my $title = 'new ' . substr($lock, 0, 12) . length $lock;
	$mock->control({ match => { contains => $title }, do => [$slow], always => JSON::PP::true });
	sql(qq{$as UPDATE shop.doc SET title = '$title' WHERE id = 1});
	$mock->wait_requests(1);
	hold($lock);
	others_go_on($lock);
	release('COMMIT');
	idle();
	is(sql('SELECT summary FROM shop.doc WHERE id = 1'), "echo: $title", "$lock: the answer is written in the end");
	is(calls_with($title), 1, 'and was asked for once');
	# before there is an answer
	hold($lock);
	sql(qq{$as UPDATE intel.enrichment_row SET done_hash = NULL, pending = true WHERE source_key = '{"id": 1}'}) if $lock !~ /enrichment_row/;
	sql(qq{$as SELECT intel.resume_enrichment('sum')});
	others_go_on("$lock, before the call");
	release('COMMIT');
	idle();
	is(sql(qq{$as SELECT rows, done FROM intel.enrichment_status}), '3|3', 'it is done when it can be');
}

# who resumes, or pauses, and does not commit: writers do not wait, and no row is lost
foreach my $end ('COMMIT', 'ROLLBACK')
{
	foreach my $call ('resume', 'pause')
	{
		my $what = "while ${call}_enrichment waits for its $end";
		sql(qq{$as TRUNCATE shop.doc; INSERT INTO shop.doc (id, title) SELECT i, 'row ' || i FROM generate_series(1, 4) i; SELECT intel.pause_enrichment('sum')});
		sql(qq{$as SELECT intel.resume_enrichment('sum')});
		idle();
		sql(qq{$as SELECT intel.pause_enrichment('sum'); UPDATE shop.doc SET title = 'paused' WHERE id < 3});
		sql(qq{$as SELECT intel.resume_enrichment('sum')}) if $call eq 'pause';
		idle();
		hold("SELECT intel.${call}_enrichment('sum')");
		is(sqlstate($node, qq{SET ROLE alice; SET lock_timeout = '5s'; UPDATE shop.doc SET title = 'meanwhile' WHERE id IN (1, 3);
			INSERT INTO shop.doc (id, title) VALUES (5, 'meanwhile')}) // '', '00000', "a writer does not wait $what");
		others_go_on($what);
		release($end);
		wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status = 'running'}, 'its jobs to look');
		sql(qq{$as SELECT intel.resume_enrichment('sum')});
		idle();
		is(sql(q{SELECT count(*) FROM shop.doc WHERE summary = 'echo: ' || title}) . sql(qq{$as SELECT ' ' || rows || ' ' || done FROM intel.enrichment_status}),
			'5 5 5', 'and no row is lost');
	}
}
sql(qq{$as DELETE FROM shop.doc WHERE id > 3});

hold('LOCK TABLE shop.doc IN ACCESS EXCLUSIVE MODE');
$id = sql(qq{$as SELECT intel.submit_ask('title?', 'shop.doc', mode => 'text', content_column => 'title', model => 'chat')});
others_go_on('a question about a table that is locked');
release();
ends($id, 'succeeded', 'it is answered later');

# ---- what workers delete ---------------------------------------------------------------

# each beside one that is not locked, by a worker that has just been started
sub new_worker
{
	sleep 1;
	wait_for_sql($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'intel worker'}, 'the worker to leave');
	return;
}
$node->append_conf('postgresql.conf', 'intel.worker_idle_timeout = 1s');
$node->reload;
$mock->reset;
my @streamed = map { sql(qq{$as SELECT intel.submit('complete', '{"prompt": "$_", "model": "chat", "stream": true}', '{"retention": "4 s"}')}) } 'kept', 'goes';
ends($_, 'succeeded', 'a job with parts') foreach @streamed;
hold("SELECT job FROM intel.job_part WHERE job = $streamed[0] FOR UPDATE");
new_worker();
others_go_on('a part of a job past its retention that is locked');
wait_for_sql($node, "SELECT count(*) = 0 FROM intel.job_queue WHERE id = $streamed[1]", 'the other one to go');
is(sql("SELECT count(*) FROM intel.job_queue WHERE id = $streamed[0]"), '1', 'it is left for later');
release();
is(sql('SELECT intel.purge_jobs() > 0'), 't', 'and goes when it can');

my @calls = split /\n/, sql(q{UPDATE intel.inference SET started_at = '2000-01-01' WHERE id IN (SELECT id FROM (SELECT id FROM intel.inference WHERE owner = 'alice'::regrole) i ORDER BY id LIMIT 2) RETURNING id});
hold("INSERT INTO intel.feedback (inference, signal) VALUES ($calls[0], 'accepted')");
new_worker();
others_go_on('a call past its retention that is given feedback');
wait_for_sql($node, "SELECT count(*) = 0 FROM intel.inference WHERE id = $calls[1]", 'the other one to go');
release('COMMIT');
is(sql("SELECT count(*) FROM intel.inference JOIN intel.feedback ON id = inference WHERE id = $calls[0]"), '1', 'it is left for later, too');
hold("UPDATE intel.feedback SET signal = 'rejected' WHERE inference = $calls[0]");
is(sql('SELECT intel._prune_calls(1000)'), '0', 'as one whose feedback is locked');
release();
is(sql('SELECT intel._prune_calls(1000)'), '1', 'and goes when it can');

# ---- a step that takes longer than a lease --------------------------------------------------------

sql(qq{$as CREATE TABLE shop.long (id int PRIMARY KEY, body text, tag text);
	CREATE FUNCTION shop.long() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_sleep(5); RETURN new; END \$\$;
	CREATE TRIGGER long BEFORE UPDATE OF tag ON shop.long FOR EACH ROW WHEN (new.tag IS NOT NULL) EXECUTE FUNCTION shop.long();
	SELECT intel.create_enrichment('long', 'shop.long', '{body}', 'tag', 'Tag it.', options => '{"model": "chat"}')});
behave('in flight', { kind => 'slow', seconds => 6 });
$id = sql(q{SET ROLE bob; SELECT intel.submit('complete', '{"prompt": "in flight", "model": "chat"}')});
$mock->wait_requests(1);
sql(qq{$as INSERT INTO shop.long VALUES (1, 'some words')});
wait_for_sql($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'intel worker' AND wait_event = 'PgSleep'}, 'a step that takes long');
wait_for_sql($node, "SELECT lease_until < clock_timestamp() FROM intel.job_queue WHERE id = $id", 'the end of a lease that could not be renewed');
sql('CALL intel.run_jobs()');
is(row($id), 'running|', 'a session leaves the jobs to the worker, which is alive');
ends($id, 'succeeded', 'and writes them down');
is(calls_with('in flight'), 1, 'with one call');
is(sql("SELECT attempts FROM intel.job_queue WHERE id = $id"), '1', 'and one attempt');

# ---- SQL that does not let itself be cancelled ----------------------------------------------------

$node->append_conf('postgresql.conf', 'intel.step_timeout = 500ms');
$node->reload;
sql(qq{$as CREATE TABLE shop.stay (id int PRIMARY KEY, body text, tag text);
	CREATE FUNCTION shop.stay() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
		LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END \$\$;
	CREATE TRIGGER stay BEFORE UPDATE OF tag ON shop.stay FOR EACH ROW WHEN (new.tag IS NOT NULL) EXECUTE FUNCTION shop.stay();
	SELECT intel.create_enrichment('stay', 'shop.stay', '{body}', 'tag', 'Tag it.', options => '{"model": "chat"}')});
behave('patient', { kind => 'slow', seconds => 8 });
$id = sql(q{SET ROLE bob; SELECT intel.submit('complete', '{"prompt": "patient", "model": "chat"}', '{"max_attempts": 1}')});
$mock->wait_requests(1);
my $stays = sql(qq{$as INSERT INTO shop.stay VALUES (1, 'some words'); SELECT max(id) FROM intel.job});
ends($stays, 'failed', 'a trigger that catches its time limit ends its job');
is(row($stays) . sql("SELECT attempts FROM intel.job_queue WHERE id = $stays"), 'failed|570141', 'at once, and not as often as it may be tried');
others_go_on('after that');
ends($id, 'succeeded', 'a call that was in flight is made again');
is(sql("SELECT attempts FROM intel.job_queue WHERE id = $id"), '1', 'and has lost no attempt');
is(calls_with('patient'), 2, 'for the one call that was lost');
$stays = sql(qq{$as INSERT INTO shop.stay VALUES (2, 'other words'); SELECT max(id) FROM intel.job});
wait_for_sql($node, "SELECT status = 'running' FROM intel.job_queue WHERE id = $stays", 'another such job to run');
hold("SELECT id FROM intel.job_queue WHERE id = $stays FOR UPDATE");
wait_for_sql($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'intel worker' AND backend_start > now() - interval '20 s'}, 'the next worker');
others_go_on('while somebody has locked what has hung');
is(row($stays), 'running|', 'which has not ended');
release();
ends($stays, 'failed', 'it ends with the lock');

# ---- a session that runs jobs itself ----------------------------------------------------------------

$node->append_conf('postgresql.conf', 'intel.max_workers = 0');
$node->restart;
$locker = $node->background_psql('postgres');
$locker->query_safe($as);
behave('by hand', $slow);
$id = sql(qq{$as SELECT intel.submit('complete', '{"prompt": "by hand", "model": "chat"}')});
my ($out, $err) = ('', '');
my $run = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', 'CALL intel.run_jobs()' ], '<', \undef, '>', \$out, '2>', \$err);
$mock->wait_requests(1);
hold("SELECT id FROM intel.job_queue WHERE id = $id FOR UPDATE");
sleep 2;
is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE query ~ 'run_jobs' AND wait_event_type = 'Lock'}), '0', 'a session does not wait for the lock itself');
release();
$run->finish;
is("$err" . row($id), 'succeeded|echo: by hand', 'but until it is gone');
is(calls_with('by hand'), 1, 'with one call');

done_testing();
