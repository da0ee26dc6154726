# Columns of embeddings that are kept in step, and another model for them
# while searches and writes go on.

use strict;
use warnings;

use IPC::Run;
use IntelTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = start_mock();
my $node = intel_node('main', conf => "intel.job_retry_delay = 20ms\nrestart_after_crash = on\n");
my $url = $mock->url('/v1');
sub sql { return $node->safe_psql('postgres', $_[0]); }

# small and large have vectors of different sizes; other has those of large,
# and differs by the prompts that it is given
sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, max_concurrency) VALUES ('mock', 'openai', '$url', true, 200);
INSERT INTO intel.model (name, provider, model_id, task, dimensions, options)
	SELECT m, 'mock', m, 'embed', d, jsonb_build_object('dimensions', d) FROM (VALUES ('small', 8), ('large', 24), ('other', 24)) s(m, d);
INSERT INTO intel.model_grant SELECT m, 0 FROM unnest('{small,large,other}'::text[]) m;
CREATE ROLE shop; CREATE ROLE app; CREATE ROLE rival;
SELECT intel.grant_access('shop'), intel.grant_access('app'), intel.grant_access('rival');
CREATE SCHEMA shop AUTHORIZATION shop;
GRANT USAGE ON SCHEMA shop TO app, rival;
SET ROLE shop;
CREATE TABLE shop.doc (id int PRIMARY KEY, kind int DEFAULT 1, title text, embedding intel.vector(8));
CREATE INDEX doc_near ON shop.doc USING intel (embedding intel.vector_cosine_ops, kind) WITH (lists = 4);
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.doc TO app;
INSERT INTO shop.doc (id, title) SELECT i, 'subject ' || i || ' of group ' || i % 7 FROM generate_series(2, 300) i;
INSERT INTO shop.doc (id, title) VALUES (1, 'the anchor lies where it lies');
SQL
my $as = 'SET ROLE shop;';
sub idle
{
	wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status IN ('queued', 'running')}, 'the jobs to end');
	return;
}
# rows that are not what the model gives for their text
sub wrong
{
	my ($column, $model, $prefix) = @_;
	return sql("SELECT count(*) FROM shop.doc WHERE $column IS NULL OR ($column OPERATOR(intel.<->) intel.embed('$prefix' || title, '$model')) > 1e-6");
}
sub state { return (sqlstate($node, $_[0]) // '') }

# ---- a column in step ------------------------------------------------------------------

sql(qq{$as SELECT intel.create_enrichment('doc', 'shop.doc', '{title}', 'embedding', '', 'embedding', '{"model": "small"}')});
idle();
is($mock->stats->{requests}, 10, 'of all rows, 32 texts a call');
is(sql(qq{$as SELECT rows, done, failed, model FROM intel.enrichment_status}), '300|300|0|small', 'all are done');
is(wrong('embedding', 'small', ''), '0', 'with the vectors of their texts');
my $calls = $mock->stats->{requests};
sql(q{UPDATE shop.doc SET title = title, kind = 1; BEGIN; UPDATE shop.doc SET title = 'x' WHERE id = 2;
	UPDATE shop.doc SET title = 'subject 2 of group 2' WHERE id = 2; COMMIT});
idle();
is($mock->stats->{requests}, $calls, 'unchanged text costs no call');
sql(q{SET ROLE app; SET request.jwt.claims = '{"tenant_id": "acme"}'; UPDATE shop.doc SET title = 'changed by the app' WHERE id = 2});
idle();
is($mock->stats->{requests}, $calls + 1, 'a change costs one');
is(sql('SELECT tenant FROM intel.job_queue ORDER BY id DESC LIMIT 1'), 'acme', 'with the claims of the writer');
is(wrong('embedding', 'small', ''), '0', 'and is followed');
sql(q{UPDATE shop.doc SET title = NULL WHERE id = 3});
idle();
is(sql('SELECT embedding IS NULL FROM shop.doc WHERE id = 3'), 't', 'no text, no vector');
sql(q{DELETE FROM shop.doc WHERE id = 3});

# ---- rows of one statement, and those among them that fail ------------------------------

$mock->reset;
sql(q{SET ROLE app; SET request.jwt.claims = '{"tenant_id": "acme"}';
	INSERT INTO shop.doc (id, title) SELECT i, CASE WHEN i % 10 <> 0 THEN 'loaded ' || i END FROM generate_series(2001, 2100) i});
is(sql(q{SELECT count(*) FROM intel.job_queue WHERE tenant = 'acme' AND jsonb_array_length(request -> 'keys') > 1}), '4',
	'a job for 32 rows of a statement, with the claims of the writer');
idle();
is($mock->stats->{requests}, 4, 'and one call');
is(sql(q{SELECT count(*) FROM shop.doc WHERE id > 2000 AND (embedding IS NULL) <> (title IS NULL)}), '0', 'texts get vectors, no text gets none');
is(sql(q{SELECT count(*) FROM shop.doc WHERE id > 2000 AND embedding OPERATOR(intel.<->) intel.embed(title, 'small') > 1e-6}), '0', 'each its own');
sql(q{UPDATE shop.doc SET title = 'loaded again ' || id WHERE id > 2000});
idle();
is(wrong('embedding', 'small', ''), '0', 'changes are followed row by row');

$mock->reset;
$mock->control({ match => { contains => 'poison' }, do => [ { kind => 'status', status => 400 } ], always => JSON::PP::true });
sql(q{SET ROLE shop; ALTER TABLE shop.doc ADD CONSTRAINT refused CHECK (title <> 'refused' OR embedding IS NULL);
	INSERT INTO shop.doc (id, title) SELECT i, CASE i WHEN 3005 THEN 'poison' WHEN 3017 THEN 'refused' ELSE 'fine ' || i END FROM generate_series(3001, 3032) i});
idle();
is(sql(q{SELECT count(*) FROM shop.doc WHERE id > 3000 AND embedding IS NULL}), '2', 'rows that fail do not keep the others of their job from being done');
is(sql(qq{$as SELECT string_agg(format('%s %s %s', source_key ->> 'id', status, error_code), ', ' ORDER BY source_key) FROM intel.enrichment_error}),
	'3005 failed 38000, 3017 failed 23514', 'and each has its own error');
is(sql(qq{$as SELECT rows - done, failed FROM intel.enrichment_status}), '2|2', 'and is counted alone');
$mock->reset;
sql(q{SET ROLE shop; ALTER TABLE shop.doc DROP CONSTRAINT refused});
is(sql(qq{$as SELECT intel.retry_enrichment('doc')}), '2', 'they can be tried again');
idle();
is(sql(qq{$as SELECT rows - done, failed FROM intel.enrichment_status}), '0|0', 'and are done');
sql(q{DELETE FROM intel.job_queue WHERE status = 'failed'});

# a row of the job is locked, another changes while the call is in flight
$mock->reset;
$mock->control({ match => { contains => 'held' }, do => [ { kind => 'slow', seconds => 1 } ] });
my $holder = $node->background_psql('postgres');
sql(q{INSERT INTO shop.doc (id, title) SELECT i, 'held ' || i FROM generate_series(4001, 4032) i});
$mock->wait_requests(1);
$holder->query_safe('BEGIN; UPDATE shop.doc SET kind = 2 WHERE id = 4002');
sql(q{UPDATE shop.doc SET title = 'changed' WHERE id = 4003; DELETE FROM shop.doc WHERE id = 4004});
wait_for_sql($node, q{SELECT count(*) = 30 FROM shop.doc WHERE id > 4000 AND embedding IS NOT NULL}, 'all rows but the one that is locked');
is(sql(q{SELECT count(*) FROM intel.job_queue WHERE status = 'running'}), '1', 'for which the job waits');
$holder->query_safe('COMMIT');
$holder->quit;
idle();
is($mock->stats->{requests}, 2, 'one call for all, and one for what changed');
is(wrong('embedding', 'small', ''), '0', 'in the end all have theirs');
# cancelled while the call is in flight, and a row of it is locked when the answer comes
$mock->reset;
$mock->control({ match => { contains => 'dropped' }, do => [ { kind => 'slow', seconds => 1 } ] });
$holder = $node->background_psql('postgres');
sql(q{INSERT INTO shop.doc (id, title) SELECT i, 'dropped ' || i FROM generate_series(5001, 5032) i});
$mock->wait_requests(1);
$holder->query_safe('BEGIN; UPDATE shop.doc SET kind = 2 WHERE id = 5002');
my $cancelled = sql(q{SET session_replication_role = replica; UPDATE intel.job_queue SET status = 'cancelled', finished_at = now(),
	lease_pid = NULL, lease_start = NULL, lease_until = NULL WHERE status = 'running' RETURNING id});
sleep 2;
$holder->query_safe('COMMIT');
$holder->quit;
idle();
is(sql('SELECT count(*) FROM shop.doc WHERE id > 5000 AND embedding IS NOT NULL'), '0', 'a job that is not its process\'s any more writes no part of its answer');
is(sql("SELECT status FROM intel.job_queue WHERE id = $cancelled"), 'cancelled', 'and nothing of itself');
sql("DELETE FROM intel.job_queue WHERE id = $cancelled");
sql(q{DELETE FROM shop.doc WHERE id > 2000});

# ---- searches and writes without a pause -----------------------------------------------

# A search whose vector is of another model than its column meets either a
# difference in size or no row at distance 0, and fails.
my $search = q{SELECT 1 / (d < 1e-5)::int FROM (SELECT embedding OPERATOR(intel.<=>) (SELECT intel.embed_query('shop.doc', 'the anchor lies where it lies')) FROM shop.doc
	WHERE kind = 1 ORDER BY embedding OPERATOR(intel.<=>) (SELECT intel.embed_query('shop.doc', 'the anchor lies where it lies')) LIMIT 1) s(d);};
my %script = (
	one => $search,
	two => qq{BEGIN;
SELECT intel.embed_query('shop.doc', 'the anchor lies where it lies')::text AS v \\gset
SELECT 1 / (d < 1e-5)::int FROM (SELECT embedding OPERATOR(intel.<=>) :v::intel.vector FROM shop.doc ORDER BY 1 LIMIT 1) s(d);
COMMIT;
},
	write => q{\set id random(1000, 1050)
INSERT INTO shop.doc (id, title) VALUES (:id, 'written ' || random()) ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title;
},
	delete => q{\set id random(1000, 1050)
DELETE FROM shop.doc WHERE id = :id;
},
);
my @clients;
sub start_clients
{
	foreach my $client ([ 'one', 'simple' ], [ 'one', 'prepared' ], [ 'two', 'extended' ], [ 'write', 'simple' ], [ 'delete', 'simple' ])
	{
		my ($name, $mode) = @$client;
		my $file = PostgreSQL::Test::Utils::tempdir() . "/$name.sql";
		append_to_file($file, "$script{$name}\n");
		my %run = (name => "$name, $mode", out => '', err => '');
		$run{run} = IPC::Run::start([ 'pgbench', '-n', '-M', $mode, '-T', '600', '-R', '12', '-f', $file, $node->connstr('postgres') . " options='-c role=app -c intel.target_recall=1' application_name=$name-$mode" ],
			'<', \undef, '>', \$run{out}, '2>', \$run{err});
		push @clients, \%run;
	}
	return;
}
sub stop_clients
{
	my ($what) = @_;
	foreach my $client (@clients)
	{
		$client->{run}->pump_nb;
		ok($client->{run}->pumpable, "$what: $client->{name}: goes on");
		$client->{run}->kill_kill;
		unlike($client->{err}, qr/error|abort/i, "$what: $client->{name}: without an error");
	}
	@clients = ();
	idle();
	return;
}
# wait until every client has done more than it had
sub more
{
	is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '-(simple|prepared|extended)$'}), '5', 'all clients are connected');
	my $since = sql('SELECT clock_timestamp()');
	wait_for_sql($node, qq{SELECT count(*) = 5 FROM pg_stat_activity WHERE application_name ~ '-(simple|prepared|extended)\$' AND query_start > '$since'}, 'all clients to go on');
	return;
}
sub finish
{
	my ($name) = @_;
	my $tries = 0;
	wait_for("the change of $name", sub {
		my ($rc, $out, $err) = $node->psql('postgres', "$as SELECT intel.finish_enrichment_model('$name')");
		$tries++;
		die $err if $rc != 0 && $err !~ /lock timeout|is not complete/;
		return $rc == 0;
	});
	return $tries;
}
sub build_indexes
{
	# as \gexec does
	sql("$as $_") foreach split /\n/, sql("$as SELECT intel.enrichment_model_indexes('doc')");
	return;
}
sub search_plan
{
	return sql(q{SET enable_seqscan = off; SET enable_sort = off; EXPLAIN (COSTS OFF) SELECT id FROM shop.doc WHERE kind = 1
		ORDER BY embedding OPERATOR(intel.<=>) (SELECT intel.embed_query('shop.doc', 'x')) LIMIT 3});
}
foreach my $change ([ 'large', 'doc_v2', 'doc_near', 'doc_near_v2', '{"prompt": "large {{title}}", "query_prompt": "large {{query}}"}' ],
	[ 'other', 'doc_v3', 'doc_near_v2', 'doc_near_v3', '{"prompt": "other {{title}}", "query_prompt": "other {{query}}"}' ])
{
	my ($model, $name, $index, $new_index, $options) = @$change;
	start_clients();
	wait_for_sql($node, q{SELECT count(*) = 5 FROM pg_stat_activity WHERE application_name ~ '-(simple|prepared|extended)$'}, 'the clients to start');
	like(search_plan(), qr/using $index on/, "before $model: the index is used");
	is(sql(qq{$as SELECT intel.change_enrichment_model('doc', '$model', '$options')}), $name, "change to $model");
	is(state("$as SELECT intel.finish_enrichment_model('doc')"), '55000', 'which is not finished at once');
	cmp_ok(sql(qq{$as SELECT intel.backfill_enrichment('$name')}), '>=', 299, 'all rows are queued');
	wait_for_sql($node, qq{$as SELECT done > 290 FROM intel.enrichment_status WHERE name = '$name'}, 'the backfill');
	is(state("$as SELECT intel.finish_enrichment_model('doc')"), '55000', 'an index is missing');
	build_indexes();
	more();
	my $tries = finish('doc');
	more();
	diag("change to $model: finished at try $tries");
	stop_clients("change to $model");
	like(search_plan(), qr/using $new_index on/, "after $model: the new index is used");
	is(wrong('embedding', $model, "$model "), '0', 'all vectors are of the new model');
	is(sql(qq{$as SELECT name, target, model, replaces IS NULL, failed FROM intel.enrichment_status}), "doc|embedding|$model|t|0", 'one enrichment is left');
}
sql(qq{$as ALTER TABLE shop.doc DROP COLUMN embedding_v1, DROP COLUMN embedding_v2; DELETE FROM shop.doc WHERE id >= 1000});

# ---- snapshots from before ----------------------------------------------------------------

my $before_change = $node->background_psql('postgres', on_error_stop => 0);
$before_change->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM intel.model');
sql(qq{$as SELECT intel.change_enrichment_model('doc', 'small', '{"prompt": "small {{title}}", "query_prompt": "small {{query}}"}')});
sql(qq{$as SELECT intel.backfill_enrichment('doc_v4')});
idle();
my $before_finish = $node->background_psql('postgres', on_error_stop => 0);
$before_finish->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM intel.model');
# an index would wait for the snapshots
sql(q{DROP INDEX shop.doc_near_v3});

# a reader holds up the exchange, and not for long other readers
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN; SELECT count(*) FROM shop.doc');
is(state("$as SELECT intel.finish_enrichment_model('doc')"), '55P03', 'the lock is not waited for without end');
is(sql(q{SELECT count(*) FROM shop.doc}), '299', 'and nothing has happened');
$reader->query_safe('COMMIT');
$reader->quit;
sql("$as SELECT intel.finish_enrichment_model('doc')");
like($before_finish->query($search), qr/^1$/m, 'a snapshot from before the exchange: the vector is of the model of the column');
$before_change->query($search);
like($before_change->{stderr}, qr/not filled by an enrichment/, 'one from before the change is refused');
$_->quit foreach $before_finish, $before_change;
sql(qq{$as ALTER TABLE shop.doc DROP COLUMN embedding_v3});

# ---- steps that wait for the exchange --------------------------------------------------------

sql(qq{$as SELECT intel.change_enrichment_model('doc', 'large', '{"prompt": "large {{title}}", "query_prompt": "large {{query}}"}')});
sql(qq{$as SELECT intel.backfill_enrichment('doc_v5')});
idle();
$mock->reset;
$mock->control({ match => { contains => 'at the last moment' }, do => [ { kind => 'slow', seconds => 1 } ], always => JSON::PP::true });
sql(q{UPDATE shop.doc SET title = 'at the last moment' WHERE id = 4});
$mock->wait_requests(2);
my $exchange = $node->background_psql('postgres');
$exchange->query_safe("BEGIN; SET ROLE shop; SELECT intel.finish_enrichment_model('doc')");
sleep 2; # the answers have come, and their steps find the table locked
is(sql(q{SELECT count(*) FROM intel.job_queue WHERE status = 'running'}), '2', 'steps wait for the exchange');
$exchange->query_safe('COMMIT');
$exchange->quit;
idle();
is(wrong('embedding', 'large', 'large '), '0', 'the answer of the new model is written into the column that has the name now');
is(sql(q{SELECT embedding_v4 OPERATOR(intel.<->) intel.embed('small subject 4 of group 4', 'small') < 1e-6 FROM shop.doc WHERE id = 4}), 't',
	'that of the old model into neither');
is(sql(q{SELECT count(*) FROM intel.job_queue WHERE status <> 'succeeded'}), '0', 'and no job failed');
$mock->reset;
sql(qq{$as ALTER TABLE shop.doc DROP COLUMN embedding_v4});

# ---- a crash in the middle, and a dump ----------------------------------------------------------

# the call with this row does not end before the crash
$mock->control({ match => { path => '/embeddings', contains => 'subject 299 of' }, do => [ 'hang', { kind => 'slow', seconds => 2 } ] });
sql(qq{$as SELECT intel.change_enrichment_model('doc', 'small', '{"prompt": "small {{title}}", "query_prompt": "small {{query}}"}')});
sql(qq{$as SELECT intel.backfill_enrichment('doc_v6')});
wait_for_sql($node, qq{$as SELECT done > 20 FROM intel.enrichment_status WHERE name = 'doc_v6'}, 'a part of the backfill');
cmp_ok(sql(qq{$as SELECT rows - done FROM intel.enrichment_status WHERE name = 'doc_v6'}), '>', 0, 'in the middle of it');
cmp_ok(kill9_worker($node), '>', 0, 'kill -9 of the workers');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump in the middle of it');
idle();
is(wrong('embedding_v6', 'small', 'small '), '0', 'nothing is lost');
is(wrong('embedding', 'large', 'large '), '0', 'and the column in use is as it was');
sql("$as SELECT intel.finish_enrichment_model('doc', drop_old => true)");
is(wrong('embedding', 'small', 'small '), '0', 'the change can be finished');
is(sql(q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'shop.doc'::regclass AND NOT attisdropped AND attname LIKE 'embedding%'}), '1', 'with nothing left of the old column');
wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.enrichment_row r WHERE NOT EXISTS (SELECT FROM intel.enrichment e WHERE e.id = r.enrichment)},
	'what was known of its rows to go');

sql('CREATE DATABASE copy');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], 'the dump is restored');
is($node->safe_psql('copy', qq{$as SELECT string_agg(format('%s %s %s %s', name, target, model, replaces), ', ' ORDER BY name) FROM intel.enrichment_status}),
	'doc embedding large , doc_v6 embedding_v6 small doc', 'the change is where it was');
cmp_ok($node->safe_psql('copy', 'SELECT intel.resume_jobs()'), '>', 0, 'its jobs wait until they may run');
wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status IN ('queued', 'running')}, 'the jobs of the copy to end', dbname => 'copy');
$node->safe_psql('copy', qq{$as SELECT intel.backfill_enrichment(n) FROM unnest('{doc,doc_v6}'::text[]) n});
wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status IN ('queued', 'running')}, 'the backfill of the copy to end', dbname => 'copy');
$node->safe_psql('copy', qq{$as SELECT intel.finish_enrichment_model('doc')});
is($node->safe_psql('copy', q{SELECT count(*) FROM shop.doc WHERE embedding IS NULL OR embedding OPERATOR(intel.<->) intel.embed('small ' || title, 'small') > 1e-6}), '0',
	'and goes on to its end there');
$mock->reset;

# ---- who may what ----------------------------------------------------------------------------------

foreach my $call (q{change_enrichment_model('doc', 'other')}, q{finish_enrichment_model('doc')}, q{abandon_enrichment_model('doc')},
	q{enrichment_model_indexes('doc')}, q{backfill_enrichment('doc')})
{
	is(state("SET ROLE rival; SELECT intel.$call"), '42704', "$call: another role's enrichment does not exist");
	is(state("SET ROLE intel_nobody; SELECT intel.$call"), '42501', "$call: not without access")
		if sql(q{SELECT count(*) FROM pg_roles WHERE rolname = 'intel_nobody'}) || sql('CREATE ROLE intel_nobody; SELECT 1');
}
is(state(q{SET ROLE rival; SELECT intel.embed_query('shop.doc', 'x')}), '42501', 'who may not read the table gets no vector for it');
is(sql(q{SET ROLE rival; SELECT count(*) FROM intel.embedding_column}), '0', 'and does not see the model');
is(sql(q{SET ROLE app; SELECT target, model FROM intel.embedding_column}), 'embedding|small', 'who may, does');
# a row of one's own that claims somebody else's table
my $forge = q{SET ROLE rival; INSERT INTO intel.enrichment (name, source, key, inputs, target, kind, instruction, options)
	VALUES ('forged', 'shop.doc'::regclass, '{id}', '{title}', 'embedding', 'embedding', '', '{"model": "large"}')};
is(state($forge), '42501', 'an enrichment of a table that is not one\'s own cannot be written by hand');
sql(q{ALTER ROLE rival BYPASSRLS});
is(state($forge), '00000', 'nor does it count where policies do not hold');
is(sql(q{SET ROLE app; SELECT target, model FROM intel.embedding_column}), 'embedding|small', 'for what a column is filled by');
is(state(q{SET ROLE rival; SELECT intel.change_enrichment_model('forged', 'other')}), '42501', 'or for changing the table');
# its jobs would run as that owner
is(state(q{SET ROLE rival; INSERT INTO intel.enrichment (name, owner, source, key, inputs, target, kind, instruction)
	VALUES ('as_shop', 'shop', 'shop.doc'::regclass, '{id}', '{title}', 'title', 'text', '')}), '42501', 'or in the name of another role');
is(state(q{SET ROLE rival; UPDATE intel.enrichment SET owner = 'shop' WHERE name = 'forged'}), '42501', 'also afterwards');
sql(q{ALTER ROLE rival NOBYPASSRLS; DELETE FROM intel.enrichment WHERE name = 'forged'});

sql(qq{$as SELECT intel.change_enrichment_model('doc', 'large')});
sql(q{SELECT intel.revoke_access('shop')});
sql(q{UPDATE shop.doc SET title = 'after the revocation' WHERE id = 5});
idle();
is(sql(q{SELECT DISTINCT status, error_code FROM intel.job_queue WHERE status <> 'succeeded'}), 'failed|42501', 'a revoked grant fails closed');
sql(q{SELECT intel.grant_access('shop')});
sql(qq{$as SELECT intel.retry_enrichment(n) FROM unnest('{doc,doc_v7}'::text[]) n});
idle();
sql(qq{$as SELECT intel.abandon_enrichment_model('doc')});

# tenants whose rows the owner does not see
sql(qq{$as
ALTER TABLE shop.doc ADD COLUMN tenant text;
UPDATE shop.doc SET tenant = 't' || id % 2;
CREATE POLICY tenant ON shop.doc USING (tenant = intel.tenant());
ALTER TABLE shop.doc ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;});
sql(qq{$as SELECT intel.change_enrichment_model('doc', 'large')});
my $as_tenant = sub { return qq{$as SET request.jwt.claims = '{"tenant_id": "$_[0]"}';} };
sql($as_tenant->('t0') . q{SELECT intel.backfill_enrichment('doc_v7')});
idle();
is(state($as_tenant->('t0') . q{SELECT intel.finish_enrichment_model('doc')}), '55000', 'rows that the owner does not see are not forgotten');
is(sql(q{SELECT count(*) FROM shop.doc WHERE (tenant = 't0') <> (embedding_v7 IS NOT NULL)}), '0', 'each tenant by its claims');
sql($as_tenant->('t1') . q{SELECT intel.backfill_enrichment('doc_v7')});
idle();
sql($as_tenant->('t0') . q{SELECT intel.finish_enrichment_model('doc')});
is(sql(q{SELECT count(*) FROM shop.doc WHERE embedding IS NULL}), '0', 'then all are done');
is(sql(q{SET ROLE app; SET request.jwt.claims = '{"tenant_id": "t0"}';
	SELECT count(*), count(*) FILTER (WHERE tenant = 't0') > 0 FROM (SELECT tenant FROM shop.doc ORDER BY embedding OPERATOR(intel.<=>) (SELECT intel.embed_query('shop.doc', 'x')) LIMIT 1000) s}),
	sql(q{SELECT count(*), true FROM shop.doc WHERE tenant = 't0'}), 'a tenant finds its own rows');

# ---- a change while a job finds nothing to do --------------------------------------------------------

my $plain = intel_node('plain', preload => 0);
$plain->safe_psql('postgres', q{CREATE TABLE doc (id int PRIMARY KEY, title text, embedding intel.vector(384));
	INSERT INTO doc VALUES (1, 'first'), (2, 'second');
	SELECT intel.create_enrichment('doc', 'doc', '{title}', 'embedding', '', 'embedding')});
$plain->safe_psql('postgres', 'CALL intel.run_jobs()');
# jobs for a text that is as it was, and for none
$plain->safe_psql('postgres', q{UPDATE doc SET title = 'x' WHERE id = 1});
$plain->safe_psql('postgres', q{UPDATE doc SET title = 'first' WHERE id = 1; UPDATE doc SET title = NULL WHERE id = 2});
my $writer = $plain->background_psql('postgres');
$writer->query_safe(q{BEGIN; UPDATE doc SET title = 'third' || id});
my ($out, $err) = ('', '');
my $run = IPC::Run::start([ 'psql', '-Xq', '-d', $plain->connstr('postgres'), '-c', 'CALL intel.run_jobs()' ], '<', \undef, '>', \$out, '2>', \$err);
wait_for_sql($plain, q{SELECT count(*) > 0 FROM intel.job_queue WHERE status = 'running'}, 'a job to meet the lock');
sleep 1;
$writer->query_safe('COMMIT');
$writer->quit;
$run->finish;
$plain->safe_psql('postgres', 'CALL intel.run_jobs()');
is($plain->safe_psql('postgres', q{SELECT string_agg((embedding OPERATOR(intel.=) intel.embed(title))::text, ',' ORDER BY id) FROM doc}), 'true,true',
	'a change that comes while a job looks is not lost');

done_testing();
