# Index `intel`: recall, standbys, crashes, unlogged tables after a crash, and
# finding injected damage.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', conf => "max_wal_senders = 4\nwal_level = replica\nfsync = on\n");
my $sql = 'SET search_path = public, intel; ';

# Clusters with noise, the same everywhere.
$node->safe_psql('postgres', <<'SQL');
SET search_path = public, intel;
CREATE FUNCTION make(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg((hashint4(i % 97 * 1000 + d) & 65535) / 65536.0 + (hashint4(i * 1000 + d) & 65535) / 65536.0 ORDER BY d)::intel.vector
	FROM generate_series(1, dims) d $$;
CREATE TABLE item (id int PRIMARY KEY, v vector(32), h halfvec(32), tenant int);
INSERT INTO item SELECT i, make(i, 32), make(i, 32)::halfvec, i % 50 FROM generate_series(1, 12000) i;
SQL

# ---- recall at default settings, for every type and metric ------------------

for my $opclass (qw(l2 ip cosine))
{
	for my $column ([ 'v', 'vector' ], [ 'h', 'halfvec' ])
	{
		my ($name, $type) = @$column;
		$node->safe_psql('postgres', "$sql CREATE INDEX item_${name}_$opclass ON item USING intel ($name ${type}_${opclass}_ops, tenant)");
		# the same queries every time; two standard errors of their mean are 0.01
		for my $k (10, 100)
		{
			for my $target ($name eq 'v' ? (0.95, 0.99) : (0.95))
			{
				my $recall = $node->safe_psql('postgres',
					"$sql SET intel.target_recall = $target; DO 'BEGIN PERFORM setseed(0.5); END'; "
					. "SELECT index_recall('item_${name}_$opclass', 150, $k)");
				cmp_ok($recall, '>=', $target - 0.01, "$type $opclass: recall of the nearest $k, $target wanted");
			}
		}
	}
}
is( $node->safe_psql('postgres', "$sql SELECT count(*) FROM pg_class c, index_check(c.oid) WHERE relname LIKE 'item\\__\\_%'"),
	'0', 'all indexes are sound');

# ---- a standby gives the same answers after every kind of change -------------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

my $search = "$sql SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT string_agg(id || ' ' || (v <-> make(999, 32)), ',') FROM "
	. '(SELECT id, v FROM item WHERE tenant < 40 ORDER BY v <-> make(999, 32) LIMIT 200) x';
my $filtered = "$sql SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT string_agg(id::text, ',') FROM "
	. '(SELECT id FROM item WHERE tenant = 7 ORDER BY v <=> make(999, 32) LIMIT 50) x';

sub same_on_standby
{
	my ($what) = @_;
	$node->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', $search), $node->safe_psql('postgres', $search), "standby agrees after $what");
	is($standby->safe_psql('postgres', $filtered), $node->safe_psql('postgres', $filtered), "with a filter, too");
}

same_on_standby('build');
$node->safe_psql('postgres', "$sql INSERT INTO item SELECT i, make(i, 32), NULL, i % 50 FROM generate_series(12001, 15000) i");
same_on_standby('insert');
$node->safe_psql('postgres', "$sql DELETE FROM item WHERE id % 3 = 0");
$node->safe_psql('postgres', "VACUUM item");
same_on_standby('vacuum');
$node->safe_psql('postgres', "$sql INSERT INTO item SELECT i, make(i, 32), NULL, i % 50 FROM generate_series(15001, 18000) i");
same_on_standby('reuse of space');
is($standby->safe_psql('postgres', "$sql SELECT lists > 1 FROM index_stats('item_v_l2')"), 't', 'functions work on a standby');

# ---- vacuum with nothing to do, and analyze, write no page of the index --------

$node->safe_psql('postgres', 'VACUUM item');
$node->safe_psql('postgres', 'CHECKPOINT');
my $before = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) item');
$node->safe_psql('postgres', 'ANALYZE item');
my $written = $node->safe_psql('postgres', "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '$before')");
cmp_ok($written, '<', 200_000, "an idle vacuum and analyze write $written bytes of WAL");
$standby->stop;

# ---- a build logs every page once ----------------------------------------------

$before = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
$node->safe_psql('postgres', "$sql CREATE INDEX item_again ON item USING intel (v)");
my $ratio = $node->safe_psql('postgres',
	"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$before') / pg_relation_size('item_again')");
cmp_ok($ratio, '<', 1.2, "WAL of a build is $ratio of the index");
$node->safe_psql('postgres', 'DROP INDEX item_again');

# ---- crashes during insert, vacuum and build -------------------------------------

$node->safe_psql('postgres', "$sql CREATE UNLOGGED TABLE scratch (v vector(32)); CREATE INDEX ON scratch USING intel (v); INSERT INTO scratch SELECT v FROM item LIMIT 500");
my $rounds = $ENV{INTEL_CRASH_ROUNDS} || 8;
my $work = "$sql INSERT INTO item SELECT 100000 * (random() * 20000)::int + i, make(i, 32), NULL, i % 50 FROM generate_series(1, 4000) i ON CONFLICT DO NOTHING; "
	. 'DELETE FROM item WHERE id % 7 = 3 AND id > 100000; ';
for my $round (1 .. $rounds)
{
	my @sessions;
	for my $script ($work, 'VACUUM item', "$sql CREATE INDEX CONCURRENTLY crash_$round ON item USING intel (v vector_ip_ops)")
	{
		my ($out, $err) = ('', '');
		push @sessions, IPC::Run::start(
			[ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', $script ],
			'<', \undef, '>', \$out, '2>', \$err);
	}
	select(undef, undef, undef, 0.15 + 0.1 * ($round % 5));
	$node->stop('immediate');
	$_->finish for @sessions;
	$node->start;
	my $problems = $node->safe_psql('postgres',
		"$sql SELECT string_agg(x.block || ' ' || problem, ', ') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
		. "JOIN pg_am a ON a.oid = c.relam AND amname = 'intel', index_check(c.oid) x WHERE i.indisready");
	is($problems, '', "round $round: indexes are sound after a crash");
	my $differ = $node->safe_psql('postgres',
		"$sql SET enable_seqscan = off; SELECT (SELECT count(*) FROM (SELECT id FROM item ORDER BY v <-> make(5, 32)) x) - "
		. '(SELECT count(v) FROM item)');
	is($differ, '0', "round $round: the index has every row");
}
is($node->safe_psql('postgres', "$sql SET enable_seqscan = off; SELECT count(*) FROM (SELECT 1 FROM scratch ORDER BY v <-> make(1, 32)) x"),
	'0', 'an unlogged index is empty after a crash');
$node->safe_psql('postgres', "$sql INSERT INTO scratch SELECT v FROM item LIMIT 50");
is($node->safe_psql('postgres', "$sql SET enable_seqscan = off; SELECT count(*) FROM (SELECT 1 FROM scratch ORDER BY v <-> make(1, 32)) x"),
	'50', 'and works again');

# ---- injected damage is found ------------------------------------------------------

$node->safe_psql('postgres', "$sql CREATE TABLE hurt AS SELECT id, id % 9 AS kind, v FROM item WHERE v IS NOT NULL LIMIT 3000; CREATE INDEX hurt_i ON hurt USING intel (v, kind)");
my $path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('hurt_i')");
my $pages = $node->safe_psql('postgres', "SELECT pg_relation_size('hurt_i') / 8192");
$node->safe_psql('postgres', 'CHECKPOINT');

# what is done to a page of a kind, which is 22 bytes before the end of the page
my $other_kind = sub { substr($_[0], 8192 - 22, 2) = pack('v', 0xA7FF) };
my %damage = (
	list => $other_kind,
	record => $other_kind,
	# Of 6 places of 5 blocks: what the first has of its first entries, and the
	# list page that it is for.
	pointer => sub { substr($_[0], 24, 8) = "\1" x 8 },
	key => sub { substr($_[0], 24 + 6 * 5 * 192, 8) = "\1" x 8 },
	place => sub { substr($_[0], 24 + 6 * 5 * 256, 4) = pack('V', unpack('V', substr($_[0], 24 + 6 * 5 * 256, 4)) + 99999) });
my %kinds = (0xA703 => ['list'], 0xA704 => ['record'], 0xA705 => [ 'pointer', 'key', 'place' ]);
my $missed = 0;
my %tried;
for my $page (1 .. $pages - 1)
{
	open(my $file, '+<:raw', $path) or die $!;
	seek($file, $page * 8192, 0);
	read($file, my $kept, 8192);
	for my $what (@{ $kinds{ unpack('v', substr($kept, 8192 - 22, 2)) } // [] })
	{
		next if ($tried{$what} // 0) >= 2;
		my $hurt = $kept;
		$damage{$what}->($hurt);
		$node->stop;
		seek($file, $page * 8192, 0);
		print $file $hurt;
		$file->flush;
		$node->start;
		my ($rc, $out, $err) = $node->psql('postgres', "$sql SELECT count(*) FROM index_check('hurt_i')");
		$missed++ unless $rc != 0 || $out > 0;
		$tried{$what}++;
		$node->stop;
		seek($file, $page * 8192, 0);
		print $file $kept;
		$file->flush;
		$node->start;
	}
	close $file;
}
is(join(',', sort keys %tried), join(',', sort keys %damage), 'pages of every kind were damaged');
is($missed, 0, 'every damaged page was found');
is($node->safe_psql('postgres', "$sql SELECT count(*) FROM index_check('hurt_i')"), '0', 'and the repaired index is sound');

# ---- another format is told before a search meets it --------------------------------

# clusters of PostgreSQL 18 have checksums of pages, which this test does not write
$node->append_conf('postgresql.conf', "ignore_checksum_failure = on\n");

sub write_format
{
	my ($change) = @_;

	$node->stop;
	open(my $file, '+<:raw', $path) or die $!;
	seek($file, 24, 0);
	read($file, my $head, 8);
	seek($file, 24, 0);
	print $file $change->(unpack 'VV', $head);
	close $file;
	$node->start;
}

my $status = "$sql SELECT format IS NOT NULL, needs_reindex, statement FROM index_status WHERE index = 'hurt_i'::regclass";
is($node->safe_psql('postgres', $status), 't|f|', 'an index of this format');
write_format(sub { pack 'VV', $_[0], $_[1] - 1 });
is($node->safe_psql('postgres', $status), 't|t|REINDEX INDEX CONCURRENTLY hurt_i', 'one of another format is listed');
is($node->safe_psql('postgres', "$sql SELECT count(*) FROM index_status WHERE needs_reindex"), '1', 'and no other');
my ($rc, $out, $err) = $node->psql('postgres', "$sql SET enable_seqscan = off; SELECT id FROM hurt ORDER BY v <-> (SELECT v FROM hurt LIMIT 1) LIMIT 1");
like($err, qr/another format.*REINDEX/s, 'a search says what to do');
write_format(sub { pack 'VV', $_[0] + 1, $_[1] });
is($node->safe_psql('postgres', $status), 'f|t|REINDEX INDEX CONCURRENTLY hurt_i', 'so is one whose first page is none');
$node->safe_psql('postgres', $node->safe_psql('postgres', "$sql SELECT statement FROM index_status WHERE needs_reindex"));
is($node->safe_psql('postgres', $status), 't|f|', 'the statement repairs it');
is($node->safe_psql('postgres', "$sql SELECT count(*) FROM index_check('hurt_i')"), '0', 'and the index is sound');

done_testing();
