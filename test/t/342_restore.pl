# A dump and its restore, or a copy of a database: jobs that had not ended wait
# until somebody lets them run, with all that they need; rows of dropped roles
# become nobody else's.

use strict;
use warnings;

use IntelTest;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', conf => "intel.job_retry_delay = 20ms\nintel.lease_timeout = 2s\nintel.worker_idle_timeout = 1s\n");
my $mock = start_mock(dimensions => 8);
my $url = $mock->url('/v1');

sub value { return $node->safe_psql('postgres', $_[0]); }
sub copy { return $node->safe_psql('copy', $_[0]); }

value(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms) VALUES ('mock', 'openai', '$url', true, 60000);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0);
CREATE ROLE app; CREATE ROLE other; CREATE ROLE gone;
SELECT intel.grant_access(r::regrole) FROM unnest('{app,other,gone}'::text[]) r;
SQL

# ---- what is dumped -----------------------------------------------------------------------

my $submit = q{SELECT intel.submit('complete', jsonb_build_object('model', 'chat', 'prompt', '%s')%s)};
value(q{SET ROLE app; } . sprintf($submit, 'done', ''));
wait_for_sql($node, q{SELECT count(*) = 1 FROM intel.job_queue WHERE status = 'succeeded'}, 'a job that ends before the dump');
$mock->control({ match => { contains => 'hangs' }, do => ['hang'] });
my $hangs = value(q{SET ROLE app; } . sprintf($submit, 'hangs', ''));
$mock->wait_requests(2);
value(q{UPDATE intel.provider SET enabled = false WHERE name = 'mock'});
value(qq{SET ROLE app; } . join(' ', map({ sprintf("$submit;", $_, '') } qw(one two three)), sprintf($submit, 'after', qq{, '{"after": $hangs, "after_failure": "run"}'}), ';',
	sprintf($submit, 'later', q{, '{"run_at": "2100-01-01"}'})));
value(q{SET ROLE other; } . sprintf($submit, 'foreign', ''));
value(q{SET ROLE gone; } . sprintf($submit, 'nobody', '') . q{; SELECT intel.create_prompt('p', 'text {{x}}')});
value(q{INSERT INTO intel.gazetteer (entity, term, owner) VALUES ('PERSON', 'Zebedee Quux', 'gone')});
wait_for_sql($node, q{SELECT count(*) = 5 FROM intel.job_queue WHERE held_by IS NOT NULL}, 'jobs held by the provider');
value(q{INSERT INTO intel.rate_limit (role, requests, period) VALUES ('gone', 1, '1 day'), (NULL, 1000, '1 day')});
value('DROP OWNED BY gone; DROP ROLE gone');
is(value(q{SELECT count(*) FROM intel.job_queue WHERE status = 'running'}), '1', 'one job is running');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
my $last = value('SELECT max(id) FROM intel.inference');

# ---- nothing runs by itself --------------------------------------------------------------------

$mock->reset;
value('CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('copy'), $dump ], 'pg_restore');
copy(q{UPDATE intel.provider SET enabled = true WHERE name = 'mock'});
my $now = copy(q{SET ROLE other; } . sprintf($submit, 'new', ''));
is(copy("SET ROLE other; SELECT (w).status FROM intel.wait($now) w"), 'succeeded', 'new jobs run');
is($mock->stats->{requests}, 1, 'and no other');
is(copy(q{SELECT count(*) FROM intel.job_queue WHERE status = 'queued' AND held_by = 'restored' AND error_message LIKE 'restored %'}), '7', 'the others say what they wait for');
is(copy(q{SELECT count(*) FROM intel.job_queue WHERE status = 'succeeded'}), '2', 'what had ended has ended');
is(copy(q{SELECT count(*) FROM (SELECT owner FROM intel.job_queue UNION ALL SELECT owner FROM intel.prompt UNION ALL SELECT owner FROM intel.gazetteer UNION ALL SELECT owner FROM intel.inference) o
	WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = owner)}), '0', 'nothing of a role that is gone');
is(copy(q{SELECT count(*) FROM intel.rate_limit}), '1', 'nor a limit for it');

# ---- until it is said ------------------------------------------------------------------------------

my $one = copy(q{SELECT id FROM intel.job_queue WHERE request ->> 'prompt' = 'one'});
is(copy("SET ROLE app; SELECT intel.retry($one)"), 't', 'one job');
is(copy("SET ROLE app; SELECT (w).status FROM intel.wait($one) w"), 'succeeded', 'is run');
is(copy(q{SET ROLE app; SELECT intel.resume_jobs()}), '5', 'a role lets its own run');
wait_for_sql($node, q{SELECT count(*) = 5 FROM intel.job_queue WHERE status = 'succeeded' AND owner = 'app'::regrole AND request ->> 'prompt' IN ('hangs', 'one', 'two', 'three', 'after')}, 'those of the role', dbname => 'copy');
is(copy(q{SELECT status || ready FROM intel.job_queue WHERE request ->> 'prompt' = 'later'}), 'queuedfalse', 'but for one whose time has not come');
is(copy(q{SELECT status FROM intel.job_queue WHERE request ->> 'prompt' = 'foreign'}), 'queued', 'and those of others');
is(copy(q{SELECT intel.resume_jobs()}), '1', 'a superuser lets all run');
wait_for_sql($node, q{SELECT status = 'succeeded' AND error_message IS NULL FROM intel.job_queue WHERE request ->> 'prompt' = 'foreign'}, 'the last one', dbname => 'copy');
is(copy(q{SELECT intel.resume_jobs()}), '0', 'nothing is left');
cmp_ok(copy('SELECT max(id) FROM intel.inference'), '>', $last, 'rows of calls have new numbers');
is($mock->stats->{requests}, 7, 'each job has one call');
is(sqlstate($node, qq{UPDATE intel.job_queue SET status = 'queued' WHERE status = 'queued'}), '55000', 'jobs that wait for something else do not go on so');

# ---- the schema without what is in the tables ------------------------------------------------------

value(q{CREATE SCHEMA app AUTHORIZATION app; SET ROLE app; CREATE TABLE app.doc (id int PRIMARY KEY, body text, line text);
	SELECT intel.create_enrichment('line', 'app.doc', '{body}', 'line', 'Make a line.', 'text', '{"model": "chat"}')});
$node->command_ok([ 'pg_dump', '-Fc', '-s', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump of the schema');
value('CREATE DATABASE bare');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('bare'), $dump ], 'its restore');
sub bare { return $node->safe_psql('bare', $_[0]); }
bare(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms) VALUES ('mock', 'openai', '$url', true, 60000);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0);
SQL
my $create = q{SET ROLE app; SELECT intel.create_enrichment('line', 'app.doc', '{body}', 'line', 'Make a line.', 'text', '{"model": "chat"}')};
is(sqlstate($node, $create, dbname => 'bare'), '00000', 'an enrichment is created again');
bare(q{SET ROLE app; INSERT INTO app.doc VALUES (1, 'a text')});
wait_for_sql($node, q{SELECT line = 'echo: a text' FROM app.doc}, 'a row of it', dbname => 'bare');
is(bare(q{SELECT count(*), count(DISTINCT tgargs) FROM pg_trigger WHERE tgrelid = 'app.doc'::regclass AND NOT tgisinternal}), '5|1', 'with its triggers and no others');
bare(q{SET ROLE app; SELECT intel.drop_enrichment('line')});
is(bare(q{SELECT count(*) FROM pg_trigger WHERE tgrelid = 'app.doc'::regclass AND NOT tgisinternal}), '0', 'which go with it');

# ---- a copy of the database ------------------------------------------------------------------------

# with all that can be: ready, put off, held, waiting, running elsewhere, and failed
copy('DELETE FROM intel.job_queue');
copy(q{UPDATE intel.provider SET enabled = false WHERE name = 'mock'});
my $first = copy(q{SET ROLE app; } . sprintf($submit, 'held', ''));
copy(q{SET ROLE app; } . sprintf($submit, 'waits', qq{, '{"after": $first}'}) . ';' . sprintf($submit, 'put off', q{, '{"run_at": "2100-01-01"}'}));
my $failed = copy(q{SET ROLE app; } . sprintf($submit, 'failed', q{, '{"expires_at": "2000-01-01"}'}));
wait_for_sql($node, q{SELECT count(*) FILTER (WHERE held_by LIKE 'model %') = 1 AND count(*) FILTER (WHERE waiting) = 1 AND count(*) FILTER (WHERE status = 'failed') = 1 FROM intel.job_queue},
	'jobs of all kinds', dbname => 'copy');
copy(q{INSERT INTO intel.job_queue (task, request, owner, status, lease_pid, lease_start, lease_until)
	SELECT 'complete', '{"prompt": "running", "model": "chat"}', 'app', 'running', pid, backend_start, now() + interval '1 hour' FROM pg_stat_activity WHERE backend_type = 'checkpointer'});
wait_for_sql($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'intel worker' AND datname = 'copy'}, 'the worker to leave', dbname => 'postgres');
value('CREATE DATABASE twin TEMPLATE copy');
sub twin { return $node->safe_psql('twin', $_[0]); }

$mock->reset;
twin(q{UPDATE intel.provider SET enabled = true WHERE name = 'mock'});
twin("SET ROLE app; SELECT intel.retry($failed)");
$now = twin(q{SET ROLE other; } . sprintf($submit, 'new', ''));
is(twin("SET ROLE other; SELECT (w).status FROM intel.wait($now) w"), 'succeeded', 'new jobs run in a copy');
is(twin("SELECT (w).status FROM intel.wait($failed) w"), 'succeeded', 'and those that are retried there');
is($mock->stats->{requests}, 2, 'and no other');
is(twin(q{SELECT string_agg(request ->> 'prompt', ', ' ORDER BY id) FROM intel.job_queue WHERE status = 'queued' AND held_by = 'restored' AND error_message LIKE 'copied %'}),
	'held, waits, put off, running', 'the others say what they wait for');
copy(q{UPDATE intel.provider SET enabled = true WHERE name = 'mock'});
wait_for_sql($node, q{SELECT count(*) = 2 FROM intel.job_queue WHERE status = 'succeeded'}, 'the jobs where they were queued', dbname => 'copy');
is($mock->stats->{requests}, 4, 'which are sent once');
twin("SET ROLE app; SELECT intel.cancel($first)");
is(twin('SELECT intel.resume_jobs()'), '3', 'somebody says so');
wait_for_sql($node, q{SELECT string_agg(status, ' ' ORDER BY id) = 'cancelled failed queued succeeded succeeded succeeded' FROM intel.job_queue}, 'all but what was cancelled and what needed it', dbname => 'twin');
is(twin('SELECT count(*) FROM intel._home h JOIN pg_database d ON d.oid = h.database AND d.datname = current_database()'), '1', 'the copy is at home');

$node->stop;
done_testing();
