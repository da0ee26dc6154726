# What an enrichment does when its table is not what it was: keys that change or
# depend on settings, triggers and policies of the table, and what others may
# see of its jobs or claim to be.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', preload => 0, conf => "intel.job_retry_delay = 20ms\n");
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub state { return (sqlstate($node, $_[0]) // '') }
sub run { return sql(q{SET statement_timeout = '20s'; CALL intel.run_jobs()}); }

sql(q{CREATE ROLE shop; CREATE ROLE mallory; CREATE ROLE victim;
	SELECT intel.grant_access(r::regrole) FROM unnest('{shop,mallory,victim}'::text[]) r;
	INSERT INTO intel.model_grant SELECT name, 0 FROM intel.model ON CONFLICT DO NOTHING;
	CREATE SCHEMA shop AUTHORIZATION shop;
	GRANT CREATE ON SCHEMA public TO mallory});
my $as = 'SET ROLE shop;';
# a table with an enrichment of the same name, which embeds its column body
sub create
{
	my ($table, $columns, $more) = @_;
	sql("$as CREATE TABLE shop.$table ($columns, body text, embedding intel.vector(384)); " . ($more // '') . ";
		SELECT intel.create_enrichment('$table', 'shop.$table', '{body}', 'embedding', '', 'embedding')");
	return;
}
sub as_tenant { return qq{$as SET request.jwt.claims = '{"tenant_id": "$_[0]"}';} }
my $fits = q{coalesce(embedding OPERATOR(intel.=) intel.embed(body), false)};
sub right { return sql("SELECT count(*) FILTER (WHERE $fits) || ' of ' || count(*) FROM shop.$_[0]"); }
sub status { return sql("$as SELECT rows, done, failed FROM intel.enrichment_status WHERE name = '$_[0]'"); }

# ---- jobs of others ---------------------------------------------------------------------

sql(q{SET ROLE victim; SELECT intel.submit('complete', '{"prompt": "hello", "model": "builtin-answer", "nonsense": 1}')});
run();
is(sql(q{SELECT status FROM intel.job_queue}), 'failed', 'a job of another role');
is(sql(q{SET ROLE mallory; CREATE TABLE public.m (id int PRIMARY KEY, a text, b text);
	SELECT intel.create_enrichment('m', 'public.m', '{a}', 'b', 'x', options => '{"backfill": false}') \g /dev/null
	INSERT INTO intel.enrichment_row (enrichment, source_key, job) SELECT e.id, to_jsonb(g), g FROM intel.enrichment e, generate_series(1, 5) g;
	SELECT count(*) FROM intel._enrich_job WHERE status IS NOT NULL OR error_code IS NOT NULL;
	SELECT count(*) FROM intel.enrichment_error}), "0\n0", 'is not seen by who writes its number into a row of his');
my $probe = q{UPDATE public.m SET a = 'probed' || clock_timestamp(); SELECT count(*) FROM intel.job_queue WHERE owner = 'mallory'::regrole};
sql(q{SET ROLE victim; SELECT intel.submit('complete', '{"prompt": "hello", "model": "builtin-answer"}')});
is(sql(qq{BEGIN; SET LOCAL ROLE mallory; INSERT INTO public.m VALUES (1, 'a'); RESET ROLE;
	DELETE FROM intel.job_queue WHERE owner = 'mallory'::regrole; SELECT max(id) FROM intel.job_queue WHERE status = 'queued' \\gset\nUPDATE intel.enrichment_row SET job = :max; $probe; ROLLBACK}), '1',
	'nor does the trigger tell whether it is queued');
run();
sql(q{SET ROLE mallory; SELECT intel.drop_enrichment('m')});

# ---- a session that has not loaded the extension ------------------------------------------------

sql("$as CREATE TABLE shop.fresh (id int PRIMARY KEY, body text, embedding intel.vector(384))");
foreach my $first ("$as SELECT intel.create_enrichment('fresh', 'shop.fresh', '{body}', 'embedding', '', 'embedding')", 'SELECT intel.prune_cache()',
	'SELECT intel.prune_inference()', q{SELECT * FROM intel.is_true_each('x', '{}')})
{
	is(state($first), '00000', "$first: can be the first that it does");
}
sql("$as SELECT intel.drop_enrichment('fresh')");

# ---- the key ------------------------------------------------------------------------------

create('chunk', 'doc int, seq int, PRIMARY KEY (doc, seq)', q{INSERT INTO shop.chunk VALUES (1, 1, 'alpha beta'), (1, 2, 'gamma delta'), (1, 3, 'epsilon')});
run();
is(right('chunk'), '3 of 3', 'a key of two columns');
my $before = sql(q{SELECT string_agg(md5(embedding::text), ' ' ORDER BY doc, seq) FROM shop.chunk});
sql(qq{$as ALTER TABLE shop.chunk RENAME seq TO number; UPDATE shop.chunk SET body = 'changed' WHERE number = 2});
run();
is(sql(q{SELECT string_agg(md5(embedding::text), ' ' ORDER BY doc, number) FROM shop.chunk}), $before, 'a column of it is renamed: nothing is written into other rows');
is(sql(qq{$as SELECT error_code, error_message FROM intel.enrichment_error WHERE name = 'chunk'}),
	'55000|the primary key of the table is not what it was when the enrichment was created', 'and an error says so');

create('moved', 'id int PRIMARY KEY, tenant text');
sql(qq{$as ALTER TABLE shop.moved DROP CONSTRAINT moved_pkey, ADD PRIMARY KEY (tenant, id);
	INSERT INTO shop.moved VALUES (1, 'a', 'text of a'), (1, 'b', 'secret of b')});
run();
is(sql(q{SELECT count(*) FROM shop.moved WHERE embedding IS NOT NULL}), '0', 'nor when another key makes more rows of one');

create('noted', 'id int, note text, PRIMARY KEY (id) INCLUDE (note)');
sql(qq{$as INSERT INTO shop.noted VALUES (1, 'n', 'first'), (2, NULL, 'second')});
run();
is(right('noted'), '2 of 2', 'included columns are not of the key');

create('late', 'id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED');
sql(qq{$as BEGIN; INSERT INTO shop.late VALUES (1, 'first'), (1, 'twice'); DELETE FROM shop.late WHERE body = 'twice'; COMMIT});
run();
is(right('late'), '1 of 1', 'a key that a statement had twice');
is(sql(qq{$as SELECT result FROM intel.job ORDER BY id DESC LIMIT 1}), '{"written": 1}', 'is written once');

create('swapped', 'id int PRIMARY KEY DEFERRABLE', q{INSERT INTO shop.swapped VALUES (1, 'first'), (2, 'second')});
run();
my $swap = q{UPDATE shop.swapped SET id = 3 - id, body = body || ' changed'};
foreach my $way ([ $swap, 'a statement that exchanges two keys during a pause' ],
	[ "DO \$\$ BEGIN $swap; EXCEPTION WHEN division_by_zero THEN RAISE; END \$\$", 'and in a subtransaction' ],
	[ "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM shop.swapped; DO \$\$ BEGIN $swap; EXCEPTION WHEN division_by_zero THEN RAISE; END \$\$; COMMIT", 'and in an old snapshot' ])
{
	sql(qq{$as SELECT intel.pause_enrichment('swapped'); $way->[0]});
	is(sql(qq{$as SELECT intel.resume_enrichment('swapped') + (SELECT count(*) FROM intel.job_queue WHERE status = 'queued')}), '2', $way->[1]);
	run();
	is(right('swapped'), '2 of 2', 'both rows are done');
}
sql(qq{$as BEGIN; UPDATE shop.swapped SET id = id + 10; UPDATE shop.swapped SET id = id + 10; COMMIT});
run();
is(status('swapped'), '2|2|0', 'keys that are gone are not kept');

create('known', 'id int PRIMARY KEY', q{INSERT INTO shop.known VALUES (1, 'first')});
run();
my $unseen = 'ALTER TABLE shop.known DISABLE TRIGGER USER; DELETE FROM shop.known; ALTER TABLE shop.known ENABLE TRIGGER USER;';
sql(qq{$as $unseen INSERT INTO shop.known VALUES (1, 'first')});
run();
is(right('known'), '1 of 1', 'a row that is inserted under a key that was done');
sql(qq{$as SELECT intel.pause_enrichment('known'); $unseen INSERT INTO shop.known VALUES (1, 'first'); SELECT intel.resume_enrichment('known')});
run();
is(right('known'), '1 of 1', 'and during a pause');

create('listed', 'id int[], names text[], PRIMARY KEY (id, names)');
sql(qq{$as INSERT INTO shop.listed VALUES ('{1,2}', '{a,"b, c"}', 'first')});
run();
is(right('listed'), '1 of 1', 'a key of arrays');

# ---- changes of models that somebody claims ---------------------------------------------------

create('own', 'id int PRIMARY KEY');
sql(q{SET ROLE mallory; INSERT INTO intel.enrichment (name, source, key, inputs, target, kind, instruction, replaces)
	SELECT 'evil' || i, 'public.m', '{id}', '{a}', 'b', 'text', '', i FROM generate_series(1, 60) i});
is(sql(qq{$as SELECT intel.change_enrichment_model('own', 'builtin-embedding', '{"prompt": "p {{body}}"}')}), 'own_v2', 'somebody else claims to replace all enrichments: the owner may change the model');
is(state(qq{$as SELECT intel.abandon_enrichment_model('own')}), '00000', 'and give that up');
create('whole', 'id int PRIMARY KEY');
sql(q{CREATE TABLE public.whole (id int PRIMARY KEY, body text, embedding intel.vector(384));
	SELECT intel.create_enrichment('whole', 'public.whole', '{body}', 'embedding', '', 'embedding');
	SET ROLE mallory; INSERT INTO intel.enrichment (name, source, key, inputs, target, kind, instruction, replaces)
		SELECT 'evil' || i, 'public.m', '{id}', '{a}', 'b', 'text', '', i FROM generate_series(61, 120) i});
is(state(q{SELECT intel.abandon_enrichment_model('whole')}), '55000', 'also a superuser, who sees all, does not give up what is not his');
is(state(q{SELECT intel.drop_enrichment('whole')}), '00000', 'and ends what is');
is(sql(q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.m'::regclass AND attnum > 0 AND NOT attisdropped}), '3', 'nobody\'s column is dropped');
sql(q{DELETE FROM intel.enrichment WHERE owner = 'mallory'::regrole});

# ---- rows that a job does not see ---------------------------------------------------------------

my $forced = 'ALTER TABLE shop.%1$s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON shop.%1$s USING (tenant = intel.tenant());';
create('hidden', 'id int PRIMARY KEY, tenant text', sprintf $forced, 'hidden');
sql(as_tenant('t0') . q{INSERT INTO shop.hidden VALUES (1, 't0', 'first'), (2, 't0', 'other')});
run();
is(right('hidden'), '2 of 2', 'rows of a tenant');
sql(q{UPDATE shop.hidden SET body = 'second' WHERE id = 1});
run();
is(status('hidden'), '2|1|0', 'a row that was changed by somebody whose claims do not show it is not counted as done');
is(sql(as_tenant('t0') . q{SELECT intel.backfill_enrichment('hidden')}), '1', 'and queued by a backfill with those of its tenant');
run();
is(right('hidden'), '2 of 2', 'which does it');
sql(q{UPDATE shop.hidden SET body = 'third' WHERE id = 2});
sql(as_tenant('t0') . q{UPDATE shop.hidden SET body = 'fourth' WHERE id = 2});
run();
is(right('hidden'), '2 of 2', 'a change by the tenant does not rely on a job that will not see the row');
sql(qq{$as SELECT intel.pause_enrichment('hidden')});
sql(as_tenant('t0') . q{UPDATE shop.hidden SET body = 'while paused' WHERE id = 1});
sql(qq{$as SELECT intel.resume_enrichment('hidden')});
run();
is(status('hidden'), '2|1|0', 'nor is a row done that was changed during a pause which the owner ended');
sql(as_tenant('t0') . q{SELECT intel.backfill_enrichment('hidden')});
run();
is(right('hidden'), '2 of 2', 'until its tenant comes');
sql(as_tenant('t0') . q{UPDATE shop.hidden SET body = body || i FROM generate_series(1, 3) i});
is(sql(q{SELECT count(*) FROM intel.job_queue WHERE status = 'queued'}), '2', 'one job for changes with the same claims');
run();

create('shared', 'id int PRIMARY KEY, tenant text', sprintf $forced, 'shared');
sql(as_tenant("t$_") . "INSERT INTO shop.shared SELECT $_ * 100 + i, 't$_', 'body ' || i FROM generate_series(1, 3) i") foreach 0, 1;
run();
sql(qq{$as SELECT intel.change_enrichment_model('shared', 'builtin-embedding', '{"prompt": "p {{body}}"}')});
is(sql(as_tenant("t$_") . q{SELECT intel.backfill_enrichment('shared_v2')}), '3', "a backfill by tenant $_ queues what it sees") foreach 0, 1;
run();
is(sql(q{SELECT count(embedding_v2) FROM shop.shared}), '6', 'and the other one\'s does not wait for its jobs');
sql(q{UPDATE shop.shared SET body = 'unseen' WHERE id = 101; UPDATE shop.shared SET embedding_v2 = NULL WHERE id = 101});
run();
is(state(as_tenant('t0') . q{SELECT intel.finish_enrichment_model('shared')}), '55000', 'a row that neither model could see is not forgotten');
sql(as_tenant('t1') . q{SELECT intel.backfill_enrichment('shared_v2')});
run();
is(state(as_tenant('t0') . q{SELECT intel.finish_enrichment_model('shared')}), '00000', 'once it is done all are');

# ---- rows that may be seen and not updated -----------------------------------------------------------

create('barred', 'id int PRIMARY KEY, is_closed bool', q{ALTER TABLE shop.barred ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	CREATE POLICY s ON shop.barred FOR SELECT USING (true); CREATE POLICY i ON shop.barred FOR INSERT WITH CHECK (true);
	CREATE POLICY u ON shop.barred FOR UPDATE USING (NOT is_closed)});
sql(qq{$as INSERT INTO shop.barred SELECT i, i = 2, 'body ' || i FROM generate_series(1, 3) i});
run();
is(right('barred'), '2 of 3', 'the others of its job are done');
is(sql(qq{$as SELECT source_key, status, error_code FROM intel.enrichment_error WHERE name = 'barred'}), '{"id": 2}|failed|42501', 'and it fails');
my $writer = $node->background_psql('postgres');
sql(qq{$as UPDATE shop.barred SET body = 'changed' WHERE id = 1});
$writer->query_safe('BEGIN; SELECT FROM shop.barred WHERE id = 1 FOR UPDATE');
my $runner = $node->background_psql('postgres');
$runner->query_until(qr/go/, "\\echo go\nCALL intel.run_jobs();\n");
wait_for_sql($node, q{SELECT count(*) > 0 FROM intel.job_queue WHERE status = 'running'}, 'its job to look');
$writer->query_safe('COMMIT');
$writer->quit;
$runner->quit;
run();
is(right('barred'), '2 of 3', 'a row that somebody has locked is waited for');
is(sql(q{SELECT body FROM shop.barred WHERE id = 1}), 'changed', 'as it is');

# ---- triggers of the table ------------------------------------------------------------------------

create('page', 'id int PRIMARY KEY, html text', q{CREATE FUNCTION shop.strip() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN NEW.body := regexp_replace(NEW.html, '<[^>]*>', '', 'g'); RETURN NEW; END $$;
	CREATE TRIGGER strip BEFORE INSERT OR UPDATE ON shop.page FOR EACH ROW EXECUTE FUNCTION shop.strip();});
sql(qq{$as INSERT INTO shop.page (id, html) VALUES (1, '<b>first</b>')});
run();
sql(qq{$as UPDATE shop.page SET html = '<i>second</i>'});
run();
is(right('page'), '1 of 1', 'an input that only a trigger changes');
sql(qq{$as UPDATE shop.page SET html = '<u>second</u>'});
is(sql(q{SELECT count(*) FROM intel.job_queue WHERE status = 'queued'}), '0', 'no job when it stays as it was');

create('archive', 'id int PRIMARY KEY', q{CREATE FUNCTION shop.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF OLD.id = 7 THEN RAISE 'archived'; END IF; RETURN NEW; END $$;
	CREATE TRIGGER refuse BEFORE UPDATE ON shop.archive FOR EACH ROW EXECUTE FUNCTION shop.refuse();});
sql(qq{$as INSERT INTO shop.archive SELECT i, CASE WHEN i <> 7 THEN 'body ' || i ELSE '' END FROM generate_series(1, 32) i});
run();
is(right('archive'), '31 of 32', 'an empty row that cannot be written does not hold up the others of its job');
is(status('archive'), '32|31|1', 'and fails alone');

# ---- settings -------------------------------------------------------------------------------------

create('event', 'at timestamptz, span interval, mark bytea, PRIMARY KEY (at, span, mark)',
	q{SET TimeZone = 'UTC'; INSERT INTO shop.event SELECT '2026-01-01'::timestamptz + i * interval '1 day', i * interval '1 hour', '\x01', 'body ' || i FROM generate_series(1, 5) i;});
run();
my $elsewhere = "$as SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'escape';";
is(sql("$elsewhere SELECT intel.backfill_enrichment('event')"), '0', 'keys are the same whatever the settings of a session');
sql(qq{$elsewhere UPDATE shop.event SET body = 'changed' WHERE body = 'body 2'; DELETE FROM shop.event WHERE body = 'body 1'});
run();
is(right('event'), '4 of 4', 'also those of a change');
is(status('event'), '4|4|0', 'and of a row that goes');
is(sql(qq{$as SELECT intel.change_enrichment_model('event', 'builtin-embedding', '{"prompt": "p {{body}}"}') \\g /dev/null
	SELECT intel.backfill_enrichment('event_v2')}), '4', 'a change of model');
run();
is(state("$elsewhere SELECT intel.finish_enrichment_model('event')"), '00000', 'knows its rows in every session');

# ---- the owner of the table ---------------------------------------------------------------------

# who may write triggers of a table would write them for whoever the jobs of an enrichment run as
sql(q{CREATE ROLE boss CREATEROLE; GRANT shop TO boss; SELECT intel.grant_access('boss'); GRANT CREATE ON SCHEMA shop TO mallory;
	CREATE FUNCTION shop.climb() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		NEW.body := current_user; CREATE ROLE climbed; RETURN NEW; END $$;
	SET ROLE shop; CREATE TABLE shop.owned (id int PRIMARY KEY, body text, embedding intel.vector(384));
	CREATE TRIGGER climb BEFORE UPDATE OF embedding ON shop.owned FOR EACH ROW EXECUTE FUNCTION shop.climb()});
my $enrich = q{SELECT intel.create_enrichment('owned', 'shop.owned', '{body}', 'embedding', '', 'embedding')};
is(state("SET ROLE $_; $enrich"), '42501', "$_ does not enrich a table of another role") foreach 'postgres', 'boss';
is(state(q{SET ROLE boss; INSERT INTO intel.enrichment (name, source, key, inputs, target, kind, instruction, options)
	VALUES ('forged', 'shop.owned', '{id}', '{body}', 'embedding', 'embedding', '', '{"model": "builtin-embedding"}')}), '42501', 'nor by a row that he writes himself');
sql(q{INSERT INTO intel.enrichment (name, source, key, inputs, target, kind, instruction, options)
	VALUES ('forged', 'shop.owned', '{id}', '{body}', 'embedding', 'embedding', '', '{"model": "builtin-embedding"}');
	INSERT INTO shop.owned VALUES (1, 'first');
	SELECT intel.submit('enrich', jsonb_build_object('enrichment', id, 'keys', '[{"id": 1}]'::jsonb)) FROM intel.enrichment WHERE name = 'forged'});
run();
is(sql(q{SELECT status, error_code, error_message FROM intel.job_queue ORDER BY id DESC LIMIT 1}),
	'failed|42501|the table has another owner than the enrichment', 'a superuser\'s job does not write the table of somebody else');
sql(q{DELETE FROM intel.enrichment WHERE name = 'forged'; DELETE FROM shop.owned; ALTER TABLE shop.owned OWNER TO boss});
sql("SET ROLE boss; $enrich; INSERT INTO shop.owned VALUES (1, 'before')");
sql(q{ALTER TABLE shop.owned OWNER TO shop; INSERT INTO shop.owned VALUES (2, 'afterwards')});
run();
is(sql(q{SELECT DISTINCT error_code, error_message FROM intel.job_queue WHERE owner = 'boss'::regrole AND status = 'failed'}),
	'42501|the table has another owner than the enrichment', 'a job that was queued before the table got another owner fails');
is(sql(q{SELECT count(*) FROM pg_roles WHERE rolname = 'climbed'} ), '0', 'and no trigger runs with rights of the old one');
is(state(qq{SET ROLE boss; SELECT intel.$_('owned')}), '42501', "$_: refused") foreach 'backfill_enrichment', 'pause_enrichment', 'resume_enrichment', 'retry_enrichment';
is(state(q{SET ROLE boss; SELECT intel.change_enrichment_model('owned', 'builtin-embedding')}), '42501', 'as is another model');

# what is left on the table
sql(q{SET ROLE boss; CREATE TABLE shop.left (mail text PRIMARY KEY, body text, embedding intel.vector(384), embedding_v2 intel.vector(384));
	SELECT intel.create_enrichment('left', 'shop.left', '{body}', 'embedding', '', 'embedding');
	INSERT INTO shop.left VALUES ('ann', 'before')});
run();
sql(q{ALTER TABLE shop.left OWNER TO shop});
my $queued = sql('SELECT count(*) FROM intel.job_queue');
sql(qq{$as INSERT INTO shop.left VALUES ('bob', 'afterwards'); UPDATE shop.left SET body = 'changed'; DELETE FROM shop.left WHERE mail = 'bob'});
is(sql('SELECT count(*) FROM intel.job_queue'), $queued, 'a table that has another owner than its enrichment: its triggers queue nothing');
is(sql(q{SELECT string_agg(source_key::text, ' ') FROM intel.enrichment_row r JOIN intel.enrichment e ON e.id = r.enrichment WHERE e.name = 'left'}),
	'{"mail": "ann"}', 'and note nothing');
is(sql(q{SET ROLE boss; SELECT (SELECT count(*) FROM intel.enrichment_row), (SELECT count(*) FROM intel._enrich_job), (SELECT count(*) FROM intel.enrichment_error)}),
	'0|0|0', 'who has lost it sees none of its keys');
is(sql(qq{$as SELECT name, owner, rows FROM intel.enrichment_status WHERE owner <> 'shop'::regrole ORDER BY 1}), "left|boss|0\nowned|boss|0",
	'who has got it sees what is left on it, but no rows');
is(state(qq{$as UPDATE intel.enrichment SET $_ WHERE name = 'left'}), '42501', "and does not write it ($_)") foreach 'paused = true', "target = 'body'";
is(state(qq{$as INSERT INTO intel.enrichment_row (enrichment, source_key) SELECT id, '{"mail": "x"}' FROM intel.enrichment WHERE name = 'left'}), '42501', 'nor rows for it');
is(state(qq{$as SELECT intel.pause_enrichment('left')}), '42704', 'it is none of his');
is(state(qq{SET ROLE mallory; SELECT intel.drop_enrichment('left')}), '42704', 'and of others neither');
is(sql(qq{$as SELECT intel.create_enrichment('left', 'shop.left', '{body}', 'embedding', '', 'embedding') > 0}), 't', 'he enriches it himself, under the same name');
run();
is(right('left'), '1 of 1', 'which works');
sql(qq{$as SELECT intel.drop_enrichment('left')});
is(sql(q{SELECT owner FROM intel.enrichment WHERE name = 'left'}), 'boss', 'drops his own first');
is(state(qq{$as SELECT intel.drop_enrichment('left')}), '00000', 'and then the other');
is(sql(q{SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.left'::regclass AND NOT tgisinternal}), '0', 'with its triggers');
is(state(q{SET ROLE boss; SELECT intel.drop_enrichment('owned')}), '00000', 'who has lost a table may drop his enrichment, too');
is(state(qq{$as UPDATE shop.owned SET body = 'changed'; INSERT INTO shop.owned VALUES (3, 'more'); DELETE FROM shop.owned; TRUNCATE shop.owned}), '00000', 'whose triggers do nothing');

# a change of model, and a role that is gone
sql(q{SET ROLE boss; CREATE TABLE shop.both (id int PRIMARY KEY, body text, embedding intel.vector(384));
	SELECT intel.create_enrichment('both', 'shop.both', '{body}', 'embedding', '', 'embedding');
	SELECT intel.change_enrichment_model('both', 'builtin-embedding');
	INSERT INTO shop.both VALUES (1, 'first')});
sql(q{SELECT intel.revoke_access('boss'); REASSIGN OWNED BY boss TO shop; DROP OWNED BY boss; DROP ROLE boss});
run();
is(sql(q{SELECT DISTINCT status, error_code FROM intel.job_queue WHERE owner NOT IN (SELECT oid FROM pg_roles)
	AND error_code IS DISTINCT FROM '42501' AND status <> 'succeeded'}), 'failed|42704', 'jobs of a role that is gone fail');
$queued = sql('SELECT count(*) FROM intel.job_queue');
is(state(qq{$as INSERT INTO shop.both VALUES (2, 'second'); UPDATE shop.both SET body = 'changed'; DELETE FROM shop.both}), '00000', 'its table can be written');
is(sql('SELECT count(*) FROM intel.job_queue'), $queued, 'and no job is queued for it');
is(state(qq{$as SELECT intel.drop_enrichment(n) FROM unnest('{both,both_v2}'::text[]) n}), '00000', 'an enrichment whose role is gone is dropped, also in a change of model');
is(sql(q{SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.both'::regclass AND NOT tgisinternal}), '0', 'with the triggers of both');

# ---- what keeps an enrichment from following ----------------------------------------------------------

sub problem { return sql(q{SELECT coalesce(problem, 'none') FROM intel.enrichment_status WHERE name = 'kept'}); }
create('kept', 'id int PRIMARY KEY, other int NOT NULL DEFAULT 1, body2 text');
is(problem(), 'none', 'no problem');
sql(qq{$as INSERT INTO shop.kept VALUES (1)});
my ($number) = sql(q{SELECT id FROM intel.enrichment WHERE name = 'kept'});
foreach my $case ([ 'DISABLE TRIGGER USER', 'a trigger is missing or disabled' ], [ "DISABLE TRIGGER intel_enrich_${number}_tru", 'a trigger is missing or disabled' ],
	[ "ENABLE REPLICA TRIGGER intel_enrich_${number}_ins", 'a trigger is missing or disabled' ], [ 'ENABLE ALWAYS TRIGGER USER', 'none' ],
	[ 'RENAME body TO was', 'columns were renamed or replaced' ], [ 'RENAME embedding TO was', 'columns were renamed or replaced' ], [ 'RENAME id TO number', 'columns were renamed or replaced' ],
	[ 'RENAME body TO was; ALTER TABLE shop.kept RENAME body2 TO body', 'columns were renamed or replaced' ], [ 'DROP body CASCADE', 'a trigger is missing or disabled' ],
	[ 'DROP embedding', 'columns were renamed or replaced' ],
	[ 'DROP CONSTRAINT kept_pkey', 'the primary key was changed' ], [ 'DROP CONSTRAINT kept_pkey, ADD PRIMARY KEY (id, other)', 'the primary key was changed' ],
	[ 'OWNER TO mallory', 'the table has another owner' ], [ 'RENAME other TO another', 'none' ])
{
	my $change = $case->[0] =~ s/ALWAYS TRIGGER USER/ALWAYS TRIGGER intel_enrich_${number}_ins/r;
	is(sql(qq{BEGIN; SET LOCAL client_min_messages = error; ALTER TABLE shop.kept $change; SELECT coalesce(problem, 'none') FROM intel.enrichment_status WHERE name = 'kept'; ROLLBACK}), $case->[1], "$case->[0]: $case->[1]");
}
is(problem(), 'none', 'and none again');
sql(q{DROP TABLE shop.kept});
is(problem(), 'the table was dropped', 'nor without its table');
is(state(qq{$as ALTER TABLE shop.own ALTER body TYPE varchar}), '0A000', 'an input keeps its type');

# ---- a table that is gone ---------------------------------------------------------------------------

sub gone { create('gone', 'id int PRIMARY KEY', q{INSERT INTO shop.gone VALUES (1, 'first')}); run(); sql(qq{$as DROP TABLE shop.gone}); return; }
my $ids = q{SELECT count(*) FROM intel.enrichment WHERE name = 'gone'};
gone();
is(state(qq{$as SELECT intel.$_('gone')}), '42P01', "$_ says that the table was dropped") foreach 'backfill_enrichment', 'pause_enrichment', 'resume_enrichment', 'retry_enrichment', 'enrichment_model_indexes';
is(state(qq{$as SELECT intel.drop_enrichment('gone')}), '00000', 'drop_enrichment ends it');
gone();
my $first = sql(q{SELECT id FROM intel.enrichment WHERE name = 'gone'});
create('gone', 'id int PRIMARY KEY');
is(sql("$ids AND id > $first"), '1', 'its name can be used again');
is(state($enrich =~ s/owned/gone/gr =~ s/^/$as/r), '42710', 'but not that of one whose table is there');
sql(qq{$as DROP TABLE shop.gone});
is(sql("$ids"), '1', 'what is left of it');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', "$PostgreSQL::Test::Utils::tmp_check/gone.sql" ], 'pg_dump');
unlike(slurp_file("$PostgreSQL::Test::Utils::tmp_check/gone.sql"), qr/^\d+\tgone\t/m, 'is not in a dump');
like(slurp_file("$PostgreSQL::Test::Utils::tmp_check/gone.sql"), qr/^\d+\tknown\t/m, 'others are');
run();
is(sql($ids), '0', 'and ended by whoever deletes what is past its retention');
is(sql('SELECT count(*) FROM intel.enrichment_row WHERE enrichment NOT IN (SELECT id FROM intel.enrichment)'), '0', 'with what was noted of its rows');

# ---- many jobs of one CALL ---------------------------------------------------------------

# what the session has, as each of the jobs sees it
sql(q{DELETE FROM intel.enrichment; DELETE FROM intel.job_queue; CREATE TABLE memory (job bigserial, bytes bigint);
	CREATE TABLE many (id int PRIMARY KEY, body text, embedding intel.vector(384));
	CREATE FUNCTION note_memory() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO public.memory (bytes) SELECT sum(used_bytes) FROM pg_catalog.pg_backend_memory_contexts; RETURN new; END $$;
	CREATE TRIGGER note BEFORE UPDATE OF embedding ON many FOR EACH ROW EXECUTE FUNCTION note_memory();
	SELECT intel.create_enrichment('many', 'many', '{body}', 'embedding', '', 'embedding');
	DO $$ BEGIN FOR i IN 1 .. 1000 LOOP INSERT INTO many VALUES (i, repeat('word ' || i || ' ', 100)); END LOOP; END $$});
sql('CALL intel.run_jobs(1000)');
is(sql(q{SELECT count(*), (SELECT string_agg(DISTINCT error_message, ',') FROM intel.job) FROM memory}), '1000|', 'a thousand jobs');
my $grown = sql('SELECT (SELECT min(bytes) FROM memory WHERE job > 950) - (SELECT min(bytes) FROM memory WHERE job BETWEEN 50 AND 100)');
cmp_ok($grown, '<', 50_000, 'leave nothing in memory') or diag(sql('SELECT string_agg(bytes::text, \' \' ORDER BY job) FROM memory WHERE job % 100 = 0'));

done_testing();
