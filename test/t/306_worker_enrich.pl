# Enrichment: a column that is filled in the background from others.

use strict;
use warnings;

use IntelTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = start_mock();
my $node = intel_node('main', conf => "intel.job_retry_delay = 20ms\n");
my $url = $mock->url('/v1');
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub fails { my ($rc, $out, $err) = $node->psql('postgres', $_[0]); return $err; }

sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0);
CREATE ROLE shop; CREATE ROLE app; CREATE ROLE other;
SELECT intel.grant_access('shop'); SELECT intel.grant_access('other');
CREATE SCHEMA shop AUTHORIZATION shop;
GRANT USAGE ON SCHEMA shop TO app, other;
SET ROLE shop;
CREATE TABLE shop.ticket (id int PRIMARY KEY, tenant text DEFAULT intel.tenant(), title text, body text,
	summary text, label text, urgency real, stars int, tags text[], angry boolean);
ALTER TABLE shop.ticket ENABLE ROW LEVEL SECURITY;
CREATE POLICY t ON shop.ticket USING (tenant IS NOT DISTINCT FROM intel.tenant());
GRANT ALL ON shop.ticket TO app;
INSERT INTO shop.ticket (id, title, body) SELECT i, 'title ' || i, 'body ' || i FROM generate_series(1, 20) i;
SQL
my $as = 'SET ROLE shop;';
sub idle
{
	wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status IN ('queued', 'running')}, 'the jobs to end');
	return;
}

# ---- backfill, insert, update -------------------------------------------------------

sql(qq{$as SELECT intel.create_enrichment('sum', 'shop.ticket', '{title,body}', 'summary', 'Say it briefly.',
	options => '{"model": "chat"}')});
idle();
is(sql(q{SELECT count(*) FROM shop.ticket WHERE summary = format(E'echo: title: title %s\nbody: body %s', id, id)}), '20',
	'rows that were there are filled');
is(sql(qq{$as SELECT rows, done, failed FROM intel.enrichment_status}), '20|20|0', 'and counted');
like($mock->requests->[0]{body}, qr/Say it briefly/, 'by the instruction');
my $calls = scalar @{ $mock->requests };
is($calls, 20, 'one call a row');

sql(q{SET ROLE app; SET request.jwt.claims = '{"tenant_id": "acme"}';
	INSERT INTO shop.ticket (id, title, body) VALUES (100, 'from the app', 'hello')});
idle();
is(sql(q{SELECT summary FROM shop.ticket WHERE id = 100}), "echo: title: from the app\nbody: hello",
	'a row that another role inserted, who may not queue jobs');
is(sql(q{SELECT owner, tenant FROM intel.job_queue ORDER BY id DESC LIMIT 1}), 'shop|acme',
	'its job runs as the owner with the claims of the writer');

sql(q{SET ROLE app; SET request.jwt.claims = '{"tenant_id": "acme"}';
	UPDATE shop.ticket SET title = 'changed' WHERE id = 100});
idle();
like(sql(q{SELECT summary FROM shop.ticket WHERE id = 100}), qr/changed/, 'a change of an input');
$calls = $mock->stats->{requests};
sql(q{UPDATE shop.ticket SET title = title, body = body; UPDATE shop.ticket SET urgency = 1; });
idle();
is($mock->stats->{requests}, $calls, 'the same text costs no call');
sql(q{BEGIN; UPDATE shop.ticket SET title = 'x' WHERE id = 1; UPDATE shop.ticket SET title = 'title 1' WHERE id = 1; COMMIT});
idle();
is($mock->stats->{requests}, $calls, 'nor does text that is as before when the job runs');
sql(q{UPDATE shop.ticket SET title = NULL, body = '' WHERE id = 2});
idle();
is(sql(q{SELECT summary IS NULL FROM shop.ticket WHERE id = 2}), 't', 'empty inputs give null');
is($mock->stats->{requests}, $calls, 'without a call');
sql(q{DELETE FROM shop.ticket WHERE id = 3; UPDATE shop.ticket SET id = 200 WHERE id = 4});
idle();
is(sql(q{SELECT count(*) FILTER (WHERE source_key = '{"id": 3}'), count(*) FILTER (WHERE source_key = '{"id": 4}'),
	count(*) FILTER (WHERE source_key = '{"id": 200}') FROM intel.enrichment_row}), '0|0|1', 'rows that go, and keys that change, are followed');

# ---- stale answers --------------------------------------------------------------------

$mock->reset;
$mock->control({ match => { contains => 'version one' }, do => [ { kind => 'slow', seconds => 1.5 } ], always => JSON::PP::true });
sql(q{UPDATE shop.ticket SET title = 'version one' WHERE id = 5});
$mock->wait_requests(1);
sql(q{UPDATE shop.ticket SET title = 'version two' WHERE id = 5});
idle();
like(sql(q{SELECT summary FROM shop.ticket WHERE id = 5}), qr/version two/, 'what is written is made from what is there');
is($mock->stats->{requests}, 2, 'the answer to the old text is not written');
$mock->reset;
$mock->control({ match => { contains => 'to be deleted' }, do => [ { kind => 'slow', seconds => 1 } ], always => JSON::PP::true });
sql(q{UPDATE shop.ticket SET title = 'to be deleted' WHERE id = 6});
$mock->wait_requests(1);
sql(q{DELETE FROM shop.ticket WHERE id = 6});
idle();
is(sql(q{SELECT result ->> 'skipped' FROM intel.job_queue ORDER BY id DESC LIMIT 1}), 'the row is gone', 'nor to a row that is gone');
$mock->reset;

# ---- races ------------------------------------------------------------------------------

# Rows change all the time while calls about them are in flight. INTEL_RACES is
# how many answers must have come too late; every one that is written is checked.
my $races = $ENV{INTEL_RACES} || 200;
$mock->reset;
$mock->control({ match => { path => '/chat/' }, do => [ { kind => 'slow', seconds => 0.02 } ], always => JSON::PP::true });
sql(<<'SQL');
CREATE TABLE shop.written (id int, fits bool);
GRANT INSERT ON shop.written TO shop;
CREATE FUNCTION shop.check_summary() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO shop.written VALUES (NEW.id, NEW.summary = format(E'echo: title: %s\nbody: %s', NEW.title, NEW.body));
	RETURN NULL; END $$;
CREATE TRIGGER check_summary AFTER UPDATE ON shop.ticket FOR EACH ROW
	WHEN (NEW.summary IS DISTINCT FROM OLD.summary) EXECUTE FUNCTION shop.check_summary();
CREATE PROCEDURE shop.race(n int) LANGUAGE plpgsql AS $$ BEGIN
	FOR i IN 1 .. n LOOP
		CASE WHEN i % 10 = 0 THEN DELETE FROM shop.ticket WHERE id = 1000 + i % 20;
		ELSE INSERT INTO shop.ticket (id, title, body) VALUES (1000 + (random() * 19)::int, 'race ' || i, 'body')
			ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title; END CASE;
		COMMIT;
		PERFORM pg_sleep(random() * 0.004);
	END LOOP; END $$;
SQL
my ($late, $written) = (0, 0);
while ($late < $races)
{
	sql("CALL shop.race(200)");
	$written = sql('SELECT count(*) FROM shop.written');
	$late = $mock->stats->{requests} - $written;
}
idle();
diag("$late answers came too late, $written were written");
is(sql('SELECT count(*) FROM shop.written WHERE NOT fits'), '0', 'none of the answers that are written is stale');
is(sql(q{SELECT count(*) FROM shop.ticket WHERE id >= 1000 AND summary IS DISTINCT FROM format(E'echo: title: %s\nbody: %s', title, body)}), '0',
	'and in the end each fits its row');
sql('DROP TRIGGER check_summary ON shop.ticket; DELETE FROM shop.ticket WHERE id >= 1000');
idle();
$mock->reset;

# ---- errors, pause ----------------------------------------------------------------------

$mock->control({ match => { contains => 'poison' }, do => [ { kind => 'status', status => 400 } ], always => JSON::PP::true });
sql(q{UPDATE shop.ticket SET title = 'poison' WHERE id = 7});
idle();
is(sql(qq{$as SELECT source_key, status, error_code FROM intel.enrichment_error}), '{"id": 7}|failed|38000', 'errors are seen by row');
is(sql(qq{$as SELECT failed FROM intel.enrichment_status}), '1', 'and counted');
$mock->reset;
is(sql(qq{$as SELECT intel.retry_enrichment('sum')}), '1', 'they can be queued again');
idle();
is(sql(qq{$as SELECT failed, done = rows FROM intel.enrichment_status}), '0|t', 'and are done');

sql(qq{$as SELECT intel.pause_enrichment('sum')});
$calls = $mock->stats->{requests};
sql(q{UPDATE shop.ticket SET title = 'while paused' WHERE id = 8;
	INSERT INTO shop.ticket (id, title) VALUES (300, 'while paused')});
idle();
is($mock->stats->{requests}, $calls, 'nothing is sent while it is paused');
is(sql(qq{$as SELECT pending, paused FROM intel.enrichment_status}), '2|t', 'changes are noted');
is(sql(qq{$as SELECT intel.resume_enrichment('sum')}), '2', 'and queued afterwards');
idle();
is(sql(q{SELECT count(*) FROM shop.ticket WHERE summary LIKE '%while paused%'}), '2', 'nothing is missed');

# whoever resumes it does not overlook what is not committed yet
my $writer = $node->background_psql('postgres');
sql(qq{$as SELECT intel.pause_enrichment('sum')});
$writer->query_safe(q{BEGIN; INSERT INTO shop.ticket (id, title) VALUES (301, 'in the meantime')});
my $resume = $node->background_psql('postgres');
$resume->query_until(qr/go/, qq{$as\\echo go\nSELECT intel.resume_enrichment('sum');\n});
wait_for_sql($node, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query ~ 'resume_enrichment' AND wait_event_type = 'Lock'}, 'it to wait for the writer');
$writer->query_safe('COMMIT');
$resume->quit;
idle();
like(sql(q{SELECT summary FROM shop.ticket WHERE id = 301}), qr/in the meantime/, 'a row that was written while the enrichment was resumed');

# a snapshot that shows a job as running which has found nothing to do since
my $was = sql(q{SELECT title FROM shop.ticket WHERE id = 9});
$mock->reset;
$mock->control({ match => { contains => 'for a moment' }, do => [ { kind => 'slow', seconds => 1 } ] });
sql(q{UPDATE shop.ticket SET title = 'for a moment' WHERE id = 9});
$mock->wait_requests(1);
sql(qq{UPDATE shop.ticket SET title = '$was' WHERE id = 9});
$writer->query_safe(q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM shop.ticket});
idle();
$writer->query_safe(q{UPDATE shop.ticket SET title = 'by an old snapshot' WHERE id = 9; COMMIT});
idle();
like(sql(q{SELECT summary FROM shop.ticket WHERE id = 9}), qr/by an old snapshot/, 'a change by a snapshot that is older than the end of the job');

# a row that goes while a backfill notes it
sql(qq{$as CREATE TABLE shop.fleeting (id int PRIMARY KEY, title text, summary text);
	INSERT INTO shop.fleeting VALUES (1, 'stays'), (2, 'goes');
	SELECT intel.create_enrichment('fleeting', 'shop.fleeting', '{title}', 'summary', 'Say it.', options => '{"model": "chat", "backfill": false}')});
$writer->query_safe('BEGIN; DELETE FROM shop.fleeting WHERE id = 2');
is(sql(qq{$as SELECT intel.backfill_enrichment('fleeting')}), '2', 'a backfill beside a DELETE');
$writer->query_safe('COMMIT');
idle();
is(sql(qq{$as SELECT rows, done FROM intel.enrichment_status WHERE name = 'fleeting'}), '1|1', 'keeps nothing of the row that went');
sql(qq{$as DROP TABLE shop.fleeting});
sql(qq{$as SELECT intel.drop_enrichment('fleeting')});
$writer->quit;

# ---- kinds --------------------------------------------------------------------------------

$mock->reset;
sql(qq{$as SELECT intel.create_enrichment('label', 'shop.ticket', '{title}', 'label', 'Which department?', 'class',
		'{"model": "chat", "labels": ["billing", "bug"], "backfill": false}'),
	intel.create_enrichment('urgency', 'shop.ticket', '{title}', 'urgency', 'How urgent?', 'score', '{"model": "chat", "minimum": 3, "maximum": 9, "backfill": false}'),
	intel.create_enrichment('stars', 'shop.ticket', '{title}', 'stars', 'How many stars?', 'score', '{"model": "chat", "minimum": 2, "maximum": 5, "backfill": false}'),
	intel.create_enrichment('tags', 'shop.ticket', '{title}', 'tags', 'Which topics?', 'tags', '{"model": "chat", "labels": ["a", "b"], "backfill": false}'),
	intel.create_enrichment('angry', 'shop.ticket', '{title}', 'angry', 'Is the writer angry?', 'boolean',
		'{"model": "chat", "prompt": "Title: {{title}}!", "backfill": false}');
	INSERT INTO shop.ticket (id, title) VALUES (400, 'all kinds')});
idle();
is(sql(q{SELECT label, urgency, stars, tags, angry FROM shop.ticket WHERE id = 400}), 'billing|3|2|{a}|t', 'class, scores, tags, boolean');
is(join(' ', sort map { $_->{body} =~ /"type": ?"(integer|number)"/ } @{ $mock->requests }), 'integer number', 'a column of integers asks for an integer');
like($mock->raw, qr/Title: all kinds!/, 'a prompt of one\'s own');
is(sql(q{SELECT count(*) FROM intel.enrichment_row WHERE source_key = '{"id": 1}'}), '1', 'no backfill where none is wanted');

# ---- who may what ---------------------------------------------------------------------------

like(fails(q{SET ROLE other; SELECT intel.create_enrichment('x', 'shop.ticket', '{title}', 'label', 'x')}),
	qr/must be owner/, 'only the owner of a table enriches it');
is(sql(q{SET ROLE other; SELECT count(*) FROM intel.enrichment_status}), '0', 'and sees it');
like(fails(q{SET ROLE other; SELECT intel.pause_enrichment('sum')}), qr/does not exist/, 'or changes it');
like(fails(q{SET ROLE app; SELECT intel.create_enrichment('x', 'shop.ticket', '{title}', 'label', 'x')}),
	qr/permission denied/, 'not without access');
sql(q{GRANT CREATE ON SCHEMA public TO other; SET ROLE other; CREATE TABLE public.mine (id int PRIMARY KEY, title text);
	CREATE TRIGGER steal AFTER INSERT ON public.mine FOR EACH ROW EXECUTE FUNCTION intel._enrich_changed('1')});
my $jobs = sql(q{SELECT count(*) FROM intel.job_queue});
sql(q{SET ROLE other; INSERT INTO public.mine VALUES (1, 'x')});
is(sql(q{SELECT count(*) FROM intel.job_queue}), $jobs, 'a trigger on another table queues nothing for it');
# the trigger of INSERT reads a name that is not its own unless it is a transition table
sql(q{SET ROLE other; CREATE TABLE public.other_doc (id int PRIMARY KEY, title text, summary text);
	CREATE TABLE public.caught (who name);
	CREATE FUNCTION public.catch() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.caught VALUES (current_user); RETURN 1; END $$;
	SELECT intel.create_enrichment('own', 'public.other_doc', '{title}', 'summary', 'Say it.', options => '{"model": "chat"}');
	SELECT format('CREATE TRIGGER forged AFTER INSERT ON public.other_doc EXECUTE FUNCTION intel._enrich_inserted(%L)', id) FROM intel.enrichment WHERE name = 'own' \gexec
});
like(fails(q{SET ROLE other; CREATE TEMP VIEW new_rows AS SELECT public.catch() AS id; INSERT INTO public.other_doc VALUES (1, 'x')}),
	qr/was not made by create_enrichment/, 'a trigger without a transition table, and a view with its name');
is(sql('SELECT count(*) FROM public.caught'), '0', 'nothing is run with the rights of the extension');
sql(q{SET ROLE other; DROP TRIGGER forged ON public.other_doc; SELECT intel.drop_enrichment('own')});

sql(q{ALTER TABLE shop.ticket FORCE ROW LEVEL SECURITY;
	SET ROLE app; SET request.jwt.claims = '{"tenant_id": "acme"}';
	UPDATE shop.ticket SET title = 'under force' WHERE id = 100});
idle();
like(sql(q{SELECT summary FROM shop.ticket WHERE id = 100}), qr/under force/, 'policies hold for the owner, too, with the claims of the writer');

foreach my $wrong ([ q{'x', 'shop.ticket', '{nope}', 'label', 'x'}, qr/column "nope"/ ],
	[ q{'x', 'shop.ticket', '{label}', 'label', 'x'}, qr/cannot be one of them/ ],
	[ q{'x', 'shop.ticket', '{title}', 'label', 'x', 'poem'}, qr/unknown kind/ ],
	[ q{'x', 'shop.ticket', '{title}', 'label', 'x', 'class'}, qr/needs labels/ ],
	[ q{'x', 'shop.ticket', '{title}', 'label', 'x', 'text', '{"mood": 1}'}, qr/unknown option/ ],
	[ q{'x', 'shop.ticket', '{title}', 'id', 'x'}, qr/primary key/ ],
	[ q{'sum', 'shop.ticket', '{title}', 'label', 'x'}, qr/already exists/ ])
{
	like(fails("$as SELECT intel.create_enrichment($wrong->[0])"), $wrong->[1], "refused: $wrong->[0]");
}

sql(qq{$as SELECT intel.drop_enrichment(n) FROM unnest('{sum,label,urgency,stars,tags,angry}'::text[]) n});
is(sql(q{SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.ticket'::regclass AND NOT tgisinternal}), '0', 'dropped, with its triggers');
sql(q{UPDATE shop.ticket SET title = 'after the end'});
wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.enrichment_row}, 'what was known of its rows to go');
like(sql(q{SELECT summary FROM shop.ticket WHERE id = 100}), qr/under force/, 'what it wrote stays');

# ---- the trigger has its owner's rights, and lends them to nobody -----------------------

# a type may have a cast to json, and jsonb functions call it
sql(q{SET ROLE shop;
CREATE TABLE shop.seen (who text);
CREATE TYPE shop.mood AS ENUM ('good', 'bad');
CREATE FUNCTION shop.betray(shop.mood) RETURNS json LANGUAGE plpgsql AS $$
BEGIN INSERT INTO shop.seen VALUES (current_user); RETURN '"x"'; END $$;
CREATE CAST (shop.mood AS json) WITH FUNCTION shop.betray(shop.mood);
CREATE TABLE shop.trap (id int PRIMARY KEY, title text, mood shop.mood, summary text);
SELECT intel.create_enrichment('trap', 'shop.trap', '{title}', 'summary', 'Say it briefly.', options => '{"model": "chat"}');
INSERT INTO shop.trap VALUES (1, 'a', 'good');
UPDATE shop.trap SET title = 'b', mood = 'bad';
});
is(sql(q{SELECT count(*) FROM shop.seen WHERE who <> 'shop'}), '0', 'a cast of the source is not called as the owner of the extension');
is(sql(q{SELECT count(*) > 0 FROM shop.trap WHERE summary IS NULL OR summary LIKE 'echo%'}), 't', 'the row is written all the same');
sql(q{SET ROLE shop; CREATE FUNCTION shop.betray_text(shop.mood) RETURNS text LANGUAGE plpgsql AS $$
BEGIN INSERT INTO shop.seen VALUES (current_user); RETURN 'x'; END $$;
CREATE CAST (shop.mood AS text) WITH FUNCTION shop.betray_text(shop.mood) AS ASSIGNMENT;
CREATE DOMAIN shop.code AS varchar(10) CHECK (value <> '');
CREATE TABLE shop.keyed (mood shop.mood, code shop.code, day date, title text, summary text, PRIMARY KEY (day, mood, code));
INSERT INTO shop.keyed VALUES ('good', 'a"b', '2026-01-02', 'before');
SELECT intel.create_enrichment('keyed', 'shop.keyed', '{title}', 'summary', 'Say it.', options => '{"model": "chat"}');
INSERT INTO shop.keyed VALUES ('bad', 'c', '2026-01-02', 'after');
UPDATE shop.keyed SET mood = 'good' WHERE code = 'c'});
idle();
is(sql(q{SELECT count(*) FROM shop.keyed WHERE summary ~ title}), '2', 'keys of enums and domains work');
is(sql(q{SELECT source_key FROM intel.enrichment_row r JOIN intel.enrichment e ON e.id = enrichment WHERE e.name = 'keyed' ORDER BY 1 LIMIT 1}),
	'{"day": "2026-01-02", "code": "a\"b", "mood": "good"}', 'by what their output functions say');
is(sql(q{SELECT count(*) FROM shop.seen WHERE who <> 'shop'}), '0', 'and no cast is called');
my $citext = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'});
SKIP:
{
	skip 'citext is not there', 1 unless $citext;
	sql(q{CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; GRANT USAGE ON SCHEMA ext TO shop; SET ROLE shop;
		CREATE TABLE shop.named (name ext.citext PRIMARY KEY, title text, summary text);
		SELECT intel.create_enrichment('named', 'shop.named', '{title}', 'summary', 'Say it.', options => '{"model": "chat"}');
		INSERT INTO shop.named VALUES ('Ann', 'hello')});
	idle();
	like(sql(q{SELECT summary FROM shop.named}), qr/hello/, 'keys of an extension\'s type, too');
}
sql(q{SET ROLE shop; CREATE TABLE shop.short (id int PRIMARY KEY, title text, few varchar(4), many char(200));
INSERT INTO shop.short VALUES (1, 'hello');
SELECT intel.create_enrichment(c, 'shop.short', '{title}', c, 'Say it.', options => '{"model": "chat"}') FROM unnest('{few,many}'::text[]) c});
idle();
is(sql(q{SELECT few IS NULL, rtrim(many) ~ 'hello$' FROM shop.short}), 't|t', 'an answer is not cut to the length of its column');
is(sql(q{SET ROLE shop; SELECT name, error_code FROM intel.enrichment_error WHERE name IN ('few', 'many')}), 'few|22001', 'which is an error');
sql(q{SET ROLE shop; SELECT intel.drop_enrichment(n) FROM unnest('{trap,few,many}'::text[]) n});

# ---- what a row says stays in the row ----------------------------------------------------

# the owner of the enrichment may not see the row, but he sees the error
sub told
{
	my ($name) = @_;
	idle();
	is(sql(q{SELECT count(*) FROM intel.job_queue WHERE error_message ~ 'HIV'}), '0', "no message of $name has text of a row");
	return sql(qq{SET ROLE shop; SELECT error_code, status, error_message FROM intel.enrichment_error WHERE name = '$name'});
}
sql(q{SET ROLE shop;
	CREATE DOMAIN shop.brief AS text CONSTRAINT is_brief CHECK (length(value) < 5);
	CREATE TYPE shop.note AS (note text);
	CREATE FUNCTION shop.tell(shop.note) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE '%', ($1).note USING ERRCODE = '22004'; END $$;
	CREATE CAST (shop.note AS text) WITH FUNCTION shop.tell(shop.note);
	CREATE TABLE shop.secret (id int PRIMARY KEY, body text, note shop.note, number int, brief shop.brief, checked text CONSTRAINT is_short CHECK (length(checked) < 5), told text);
	CREATE FUNCTION shop.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		RAISE '%', NEW.told USING ERRCODE = TG_ARGV[0], CONSTRAINT = NEW.told; END $$;
	CREATE TRIGGER tell BEFORE UPDATE OF told ON shop.secret FOR EACH ROW EXECUTE FUNCTION shop.tell('P0001');
	INSERT INTO shop.secret VALUES (1, 'patient has HIV', '("patient has HIV")')});
foreach my $case ([ 'number', 'body', qr/^22P02\|failed\|the answer cannot be written to column "number" of table shop.secret$/ ],
	[ 'brief', 'body', qr/^23514\|failed\|the answer .* column "brief" of table shop.secret, because of constraint "is_brief"$/ ],
	[ 'checked', 'body', qr/^23514\|failed\|the answer .* column "checked" of table shop.secret, because of constraint "is_short"$/ ],
	[ 'told', 'body', qr/^P0001\|failed\|the answer cannot be written to column "told" of table shop.secret$/ ],
	[ 'told', 'note', qr/^22004\|failed\|the inputs of enrichment "told" cannot be read from table shop.secret$/ ])
{
	my ($target, $input, $message) = @$case;
	sql(qq{SET ROLE shop; SELECT intel.create_enrichment('$target', 'shop.secret', '{$input}', '$target', 'Say it.', options => '{"model": "chat"}')});
	like(told($target), $message, "of $input for $target: the code and what is wrong");
	sql(qq{SET ROLE shop; SELECT intel.drop_enrichment('$target')});
}
# what another attempt may not meet is tried again
sql(q{SET ROLE shop; DROP TRIGGER tell ON shop.secret;
	CREATE SEQUENCE shop.attempt;
	CREATE FUNCTION shop.fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('shop.attempt') % 2 = 1 THEN RAISE 'once' USING ERRCODE = TG_ARGV[0]; END IF; RETURN NEW; END $$});
foreach my $code (qw(55P03 40001 40P01 53100))
{
	sql(qq{SET ROLE shop; CREATE TRIGGER fail BEFORE UPDATE OF told ON shop.secret FOR EACH ROW EXECUTE FUNCTION shop.fail_once('$code');
		SELECT intel.create_enrichment('told', 'shop.secret', '{body}', 'told', 'Say it $code.', options => '{"model": "chat"}')});
	idle();
	is(sql(q{SELECT told, (SELECT last_value FROM shop.attempt) % 2 FROM shop.secret}), 'echo: patient has HIV|0', "after error $code the answer is written");
	sql(q{SET ROLE shop; SELECT intel.drop_enrichment('told'); DROP TRIGGER fail ON shop.secret; UPDATE shop.secret SET told = NULL});
}
is(sql(q{SELECT count(*) FROM intel.job_queue WHERE error_message ~ 'HIV'}), '0', 'and nothing is told');
like(fails(q{SELECT intel.run_task('enrich', '{"enrichment": "patient has HIV", "keys": []}')}), qr/ERROR:  request does not name an enrichment and keys$/m,
	'nor by a request of the task');

done_testing();
