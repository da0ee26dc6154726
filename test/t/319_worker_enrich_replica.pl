# Enrichment of rows that a subscription applies.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = intel_node('publisher', extension => 0, preload => 0, conf => "wal_level = logical\nmax_wal_senders = 4\n");
my $node = intel_node('subscriber', conf => "max_logical_replication_workers = 4\n");
sub sql { return $node->safe_psql('postgres', $_[0]); }

my $table = 'CREATE TABLE doc (id int PRIMARY KEY, body text%s)';
$publisher->safe_psql('postgres', sprintf($table, '') . q{; INSERT INTO doc VALUES (1, 'one'); CREATE PUBLICATION docs FOR TABLE doc});
sql(sprintf($table, ', embedding intel.vector(384)'));
sql(q{SELECT intel.create_enrichment('doc', 'doc', '{body}', 'embedding', '', 'embedding')});
my $subscribe = sprintf(q{CREATE SUBSCRIPTION docs CONNECTION '%s dbname=postgres' PUBLICATION docs}, $publisher->connstr);
my $right = 'SELECT count(*) FILTER (WHERE embedding OPERATOR(intel.=) intel.embed(body)) FROM doc';

# ---- as it is created ---------------------------------------------------------

sql($subscribe);
wait_for_sql($node, 'SELECT count(*) = 1 FROM doc', 'the first copy');
$publisher->safe_psql('postgres', q{INSERT INTO doc VALUES (2, 'two'); UPDATE doc SET body = 'uno' WHERE id = 1});
$publisher->wait_for_catchup('docs');
is(sql(q{SELECT string_agg(body, ' ' ORDER BY id) FROM doc}), 'uno two', 'rows are applied');
is(sql('SELECT count(*) FROM intel.job_queue'), '0', 'and nothing is queued');
is(sql('SELECT problem IS NULL FROM intel.enrichment_status'), 't', 'which is no problem');
sql('INSERT INTO doc VALUES (100, 12)');
is(sql('SELECT count(*) FROM intel.job_queue'), '1', 'a row that is written here has one job');

# ---- with its triggers enabled --------------------------------------------------

sql(q{SELECT format('ALTER TABLE doc ENABLE REPLICA TRIGGER %I', tgname) FROM pg_trigger
	WHERE tgrelid = 'doc'::regclass AND tgname ~ '^intel_enrich_\d+_rep$' \gexec
SELECT format('ALTER TABLE doc ENABLE ALWAYS TRIGGER %I', tgname) FROM pg_trigger
	WHERE tgrelid = 'doc'::regclass AND tgname ~ '^intel_enrich_\d+_(upd|del|tru)$' \gexec});
is(sql('SELECT problem IS NULL FROM intel.enrichment_status'), 't', 'no problem either');
sql(q{SELECT intel.backfill_enrichment('doc')});
wait_for_sql($node, "SELECT ($right) = 3", 'a backfill does what came before');
$publisher->safe_psql('postgres', q{INSERT INTO doc SELECT g, 'text ' || g FROM generate_series(3, 5) g});
wait_for_sql($node, "SELECT ($right) = 6", 'rows that are inserted are filled, without anybody who wakes the worker');
$publisher->safe_psql('postgres', q{UPDATE doc SET body = 'deux' WHERE id = 2; UPDATE doc SET id = 6 WHERE id = 5; DELETE FROM doc WHERE id = 1});
$publisher->wait_for_catchup('docs');
wait_for_sql($node, "SELECT ($right) = 5 AND bool_or(body = 'deux') FROM doc", 'and those that change');
wait_for_sql($node, q{SELECT array_agg(source_key ->> 'id' ORDER BY (source_key ->> 'id')::int) = '{2,3,4,6,100}' FROM intel.enrichment_row
	WHERE done_hash IS NOT NULL}, 'their keys are followed');
sql('INSERT INTO doc VALUES (101, 13)');
wait_for_sql($node, "SELECT ($right) = 6", 'rows that are written here, too');
is(sql(q{SELECT count(*) FROM intel.job_queue WHERE request -> 'keys' @> '[{"id": 101}]'}), '1', 'with one job');
$publisher->safe_psql('postgres', 'TRUNCATE doc');
$publisher->wait_for_catchup('docs');
is(sql('SELECT (SELECT count(*) FROM doc) + (SELECT count(*) FROM intel.enrichment_row)'), '0', 'TRUNCATE forgets them');
sql(q{SELECT intel.drop_enrichment('doc')});
is(sql(q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'intel\_enrich%'}), '0', 'drop_enrichment drops all triggers');

sql('DROP SUBSCRIPTION docs');
unlike(log_since($node, 0), qr/(WARNING|PANIC|TRAP):|server process .* was terminated/, 'the server log is clean');
done_testing();
