# Vectors on the move: COPY binary, dump, logical replication, postgres_fdw.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('origin', conf => "wal_level = logical\nmax_wal_senders = 10\nmax_replication_slots = 10\n");
my $other = intel_node('target', conf => "wal_level = logical\nmax_wal_senders = 10\nmax_replication_slots = 10\n");

# values in line, packed, out of line; extremes of each type; null
my $table = q{CREATE TABLE item (id int PRIMARY KEY, v intel.vector, v3 intel.vector(3), h intel.halfvec, h3 intel.halfvec(3),
	s intel.sparsevec, s9 intel.sparsevec(9), b bit(12))};
my $fill = q{
	SET search_path = intel, public;
	INSERT INTO item SELECT i, random_vector(i * 11, i), random_vector(3, i), random_vector(i * 17, i)::halfvec, random_vector(3, -i)::halfvec,
		random_vector(i * 5, i)::sparsevec, ('{' || 1 + i % 9 || ':' || i || '}/9')::sparsevec, binary_quantize(random_vector(12, i))
	FROM generate_series(1, 200) i;
	INSERT INTO item VALUES (1000, '[3.4028235e38,-3.4028235e38,1e-45,-0]', '[1e-45,0,-0]', '[65504,-65504,5.96e-8]', '[0,-0,1]',
		'{1:1e-45,1000000000:3.4028235e38}/1000000000', '{}/9', NULL);
	INSERT INTO item (id) VALUES (1001);
};
# the bytes of every value
my $sum = q{SET search_path = intel, public; SELECT count(*), md5(string_agg(concat_ws('/', id, vector_send(v), vector_send(v3), halfvec_send(h),
	halfvec_send(h3), sparsevec_send(s), sparsevec_send(s9), b), ',' ORDER BY id)) FROM item};
$node->safe_psql('postgres', "$table; $fill");
my $expected = $node->safe_psql('postgres', $sum);
like($expected, qr/^202\|/, 'the rows are there');

# ---- COPY ------------------------------------------------------------------------

my $file = $node->basedir . '/item.copy';
for my $format ('binary', 'text', 'csv')
{
	$node->safe_psql('postgres', "COPY item TO '$file' (FORMAT $format); CREATE TABLE kept AS TABLE item; TRUNCATE item; "
			. "COPY item FROM '$file' (FORMAT $format)");
	is($node->safe_psql('postgres', $sum), $expected, "COPY $format out and in keeps every bit");
	$node->safe_psql('postgres', 'DROP TABLE kept');
}

# Damaged binary values: an error of the right class, or another valid value;
# the server survives. Deterministic, so a failure can be repeated.
$node->safe_psql('postgres', "COPY (SELECT v, h, s FROM item WHERE id IN (5, 7, 1000)) TO '$file' (FORMAT binary); "
		. 'CREATE TABLE broken (v intel.vector, h intel.halfvec, s intel.sparsevec)');
my $good = slurp_file($file);
my %state;
my $seed = 12345;
my $crashes = 0;
for my $round (1 .. 400)
{
	my $bad = $good;
	for (1 .. 1 + $round % 3)
	{
		$seed = ($seed * 1103515245 + 12345) % 2**31;
		my $at = 19 + ($seed >> 8) % (length($good) - 19);
		$seed = ($seed * 1103515245 + 12345) % 2**31;
		substr($bad, $at, 1) = chr(($seed >> 8) % 256);
	}
	$bad = substr($bad, 0, 19 + ($seed >> 4) % (length($good) - 19)) if $round % 10 == 0;
	open(my $f, '>:raw', "$file.$round") or die;
	print $f $bad;
	close $f;
}
my $script = join '', map { "COPY broken FROM '$file.$_' (FORMAT binary);\n" } 1 .. 400;
my ($out, $err) = ('', '');
$node->psql('postgres', "\\set VERBOSITY sqlstate\n$script", stdout => \$out, stderr => \$err, on_error_stop => 0);
$state{$1}++ while $err =~ /(?:ERROR|FATAL|PANIC):\s+(\w{5})/g;
unlike($err, qr/server closed the connection|terminat/, '400 damaged binary files: the server survives');
is(join(' ', grep { !/^(22000|22003|22P03|22P04|08P01|54000)$/ } sort keys %state), '', 'and reports bad data, not internal errors')
  or diag explain \%state;
cmp_ok(scalar(keys %state), '>=', 3, 'of several kinds: ' . join(' ', map { "$_ $state{$_}" } sort keys %state));
is( $node->safe_psql('postgres', q{SELECT count(*) FROM broken WHERE v::text::intel.vector OPERATOR(intel.<>) v OR h::text::intel.halfvec OPERATOR(intel.<>) h OR s::text::intel.sparsevec OPERATOR(intel.<>) s}),
	0, 'what was accepted is valid');

# ---- dump ------------------------------------------------------------------------

$node->safe_psql('postgres', q{DROP TABLE broken; CREATE INDEX ON item (v3); CREATE INDEX ON item USING hash (h3);
	CREATE TABLE derived (v intel.vector(3) DEFAULT '[1,2,3]', first real GENERATED ALWAYS AS (v[1]) STORED, CHECK (v OPERATOR(intel.<>) '[0,0,0]'));
	INSERT INTO derived DEFAULT VALUES});
for my $format ('plain', 'custom')
{
	my $dump = $node->basedir . "/dump.$format";
	my $database = "restored_$format";
	command_ok([ 'pg_dump', '-F', $format, '-d', $node->connstr('postgres'), '-f', $dump ], "pg_dump, $format");
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	command_ok(
		$format eq 'plain'
		? [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', $dump ]
		: [ 'pg_restore', '--exit-on-error', '-d', $node->connstr($database), $dump ], 'restore');
	is($node->safe_psql($database, $sum), $expected, 'the restored values have the same bytes');
	is($node->safe_psql($database, 'SELECT first FROM derived'), 1, 'subscripts in a generated column are restored');
}

# ---- logical replication -----------------------------------------------------------

$other->safe_psql('postgres', $table);
$node->safe_psql('postgres', 'CREATE PUBLICATION items FOR TABLE item; ALTER TABLE item REPLICA IDENTITY FULL');
for my $binary ('true', 'false')
{
	my $conn = $node->connstr . ' dbname=postgres';
	$other->safe_psql('postgres', "TRUNCATE item; CREATE SUBSCRIPTION items_$binary CONNECTION '$conn' PUBLICATION items WITH (binary = $binary)");
	$other->wait_for_subscription_sync($node, "items_$binary") if $other->can('wait_for_subscription_sync');
	wait_for_sql($other, q{SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel}, 'the tables are copied');
	# with REPLICA IDENTITY FULL the rows are found by comparing all columns
	$node->safe_psql('postgres', q{SET search_path = intel, public; UPDATE item SET v3 = v3 + v3, h = h || h WHERE id % 10 = 3;
		DELETE FROM item WHERE id % 10 = 4; INSERT INTO item (id, v, s) SELECT 2000 + i, random_vector(900, i), '{2:1}/9' FROM generate_series(1, 20) i});
	$node->wait_for_catchup("items_$binary");
	is($other->safe_psql('postgres', $sum), $node->safe_psql('postgres', $sum), "logical replication with binary = $binary carries every change");
	$node->safe_psql('postgres', 'TRUNCATE item');
	$node->wait_for_catchup("items_$binary");
	$other->safe_psql('postgres', "DROP SUBSCRIPTION items_$binary");
	$node->safe_psql('postgres', $fill);
}

# ---- postgres_fdw -------------------------------------------------------------------

SKIP:
{
	skip 'the server has no postgres_fdw', 8
	  unless $other->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'});
	my ($host, $port) = ($node->host, $node->port);
	my $user = $node->safe_psql('postgres', 'SELECT current_user');
	$other->safe_psql('postgres', qq{
		CREATE EXTENSION postgres_fdw;
		CREATE SERVER origin FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres', extensions 'intel');
		CREATE USER MAPPING FOR CURRENT_USER SERVER origin OPTIONS (user '$user');
		CREATE SCHEMA remote;
		IMPORT FOREIGN SCHEMA public LIMIT TO (item) FROM SERVER origin INTO remote;});
	is($other->safe_psql('postgres', $sum =~ s/FROM item/FROM remote.item/r), $expected, 'all values arrive');
	my %query = (
		'v3 OPERATOR(intel.<->)' => q{SELECT id FROM remote.item WHERE v3 IS NOT NULL ORDER BY v3 OPERATOR(intel.<->) '[0.5,0.5,0.5]', id LIMIT 5},
		'h3 OPERATOR(intel.<=>)' => q{SELECT id FROM remote.item WHERE h3 IS NOT NULL ORDER BY h3 OPERATOR(intel.<=>) '[0.5,0.5,0.5]', id LIMIT 5},
		's9 OPERATOR(intel.<#>)' => q{SELECT id FROM remote.item WHERE s9 IS NOT NULL ORDER BY s9 OPERATOR(intel.<#>) '{2:1}/9', id LIMIT 5});
	for my $shipped (sort keys %query)
	{
		my $plan = $other->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS OFF) $query{$shipped}");
		like($plan, qr/Remote SQL: .*ORDER BY \(\Q$shipped\E.*LIMIT 5/s, "order and limit of $shipped are computed remotely");
		is($other->safe_psql('postgres', $query{$shipped}), $node->safe_psql('postgres', $query{$shipped} =~ s/remote\.//r), 'with the same result');
	}
	is($other->safe_psql('postgres', q{INSERT INTO remote.item (id, v, h, s) VALUES (5000, '[1,2]', '[3,4]', '{1:5}/6'); SELECT v, h, s FROM remote.item WHERE id = 5000}),
		'[1,2]|[3,4]|{1:5}/6', 'values can be written remotely');
}

$other->stop;
$node->stop;
done_testing();
