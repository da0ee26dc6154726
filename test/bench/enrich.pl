# Enrichments of kind embedding: a backfill by the builtin model, what following
# the table adds to an INSERT, and how long an exchange of models holds it.
#
# BENCH_ROWS (20000).

use strict;
use warnings;

use IPC::Run;
use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $rows = $ENV{BENCH_ROWS} || 20_000;
my $node = intel_node('bench', conf => "fsync = on\nmax_wal_size = 4GB\nmaintenance_work_mem = 256MB\n");
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub timed
{
	my ($statement) = @_;
	my $start = time();
	sql($statement);
	return time() - $start;
}
sub idle
{
	wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status IN ('queued', 'running')}, 'the end', seconds => 900);
	return;
}
sub say_figure { diag(sprintf '%-62s %s', @_); return; }

sql(q{CREATE TABLE doc (id int PRIMARY KEY, title text, embedding intel.vector(384));
	INSERT INTO intel.model (name, provider, model_id, task, dimensions) VALUES ('second', 'builtin', 'embedding', 'embed', 384)});
my $insert = 'INSERT INTO doc (id, title) SELECT i, %s FROM generate_series(%d, %d) i';
my $plain = timed(sprintf $insert, q{'text number ' || i}, 1, $rows);
sql('VACUUM ANALYZE doc');
my $start = time();
sql(q{SELECT intel.create_enrichment('doc', 'doc', '{title}', 'embedding', '', 'embedding')});
idle();
say_figure("backfill of $rows rows", sprintf '%.1f s, %.2f ms a row', time() - $start, 1000 * (time() - $start) / $rows);
is(sql('SELECT count(*) FROM doc WHERE embedding IS NULL'), '0', 'all rows are filled');
my $followed = timed(sprintf $insert, q{'text number ' || i}, $rows + 1, 2 * $rows);
say_figure("INSERT of $rows rows by one statement", sprintf '%.2f s, without an enrichment %.2f s', $followed, $plain);
idle();

sql(q{CREATE INDEX doc_near ON doc USING intel (embedding intel.vector_cosine_ops)});
sql(q{SELECT intel.backfill_enrichment(intel.change_enrichment_model('doc', 'second'))});
idle();
sql($_) foreach split /\n/, sql(q{SELECT intel.enrichment_model_indexes('doc')});
my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/read.sql", "SELECT title FROM doc WHERE id = 1;\n");
my ($out, $err) = ('', '');
my $reader = IPC::Run::start([ 'pgbench', '-n', '-T', '8', '-l', "--log-prefix=$dir/read", '-f', "$dir/read.sql", $node->connstr('postgres') ],
	'<', \undef, '>', \$out, '2>', \$err);
sleep 2;
my $change = timed(q{SELECT intel.finish_enrichment_model('doc')});
$reader->finish;
my @waits = sort { $b <=> $a } map { (split)[2] / 1000 } map { split /\n/, slurp_file($_) } glob "$dir/read*";
cmp_ok(scalar @waits, '>', 1000, 'the table was read meanwhile');
say_figure('exchange of the model of ' . 2 * $rows . ' rows', sprintf '%.0f ms, the longest wait of a reader %.0f ms', 1000 * $change, $waits[0]);

done_testing();
