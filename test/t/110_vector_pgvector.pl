# intel beside pgvector: the same answers and the same SQLSTATEs to the same
# statements, and adopt_pgvector: casts, no table rewrite, dependencies, undo.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main');
my $have = $node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'vector' AND default_version ~ '^(0\.[89]|[1-9])'});
if (!$have)
{
	$node->stop;
	plan skip_all => 'the server has no pgvector 0.8';
}
$node->safe_psql('postgres', 'CREATE EXTENSION vector SCHEMA public');

# ---- the same answers ----------------------------------------------------------

# Run a statement with a search_path; its rows, or its SQLSTATE.
sub answer
{
	my ($path, $sql) = @_;
	my ($rc, $out, $err) = $node->psql('postgres',
		"SET search_path = $path; SET extra_float_digits = 0;\n\\set VERBOSITY sqlstate\n$sql");
	return $1 if $err =~ /ERROR:\s+(\w{5})/;
	return $out;
}

my @values = (
	'[1,2,3]', ' [ 1,  2 ,    3  ] ', '[1.]', '[.5]', '[1e3,-1E-3]', '[0x1p4]', '[-0]', '[1e-46]', '[16777217]', '[0.1,0.2]',
	'[NaN]', '[nan(1)]', '[Infinity]', '[-inf]', '[4e38]', '[-4e38]', '[65519]', '[65520]', '[1e-8]', '[5.96e-8]',
	'', '[', '[ ', '[,', '[]', '[ ]', '[,]', '[1,]', '[1a]', '[1,,3]', '[1, ,3]', '[1', '[1,2', '[1]9', '1,2', '{1:1}/1', '[1 2]',
	'[[1]]', '[+1]', '[++1]', '[1e]', '[1e+]', '[1e5000]', '[1e-5000]', '[1]  ', '[hello,1]', '[0.0000000000000000000000000000000000000000000012]',
	'[123456789012345678901234567890]', '[3.4028235e38]', '[3.4028236e38]', '[1.17549435e-38]', '[1e-45]', '[7e-46]');
my @sparse = (
	'{1:1.5,3:3.5}/5', ' { 1 : 1.5 ,  3  :  3.5  } / 5 ', '{}/5', ' { } / 5 ', '{3:1,1:2}/3', '{1:0,2:1}/2', '{1:-0}/1', '{1:1e-46}/1',
	'', '{', '{}', '{}/', '{}/1a', '{}/a', '{,}/1', '{,', '{1', '{1,}/1', '{1:', '{1:}/1', '{:1}/1', '{1a:1}/1', '{1:1a}/1', '{1:1,}/1',
	'{1:1,1:1}/2', '{0:1}/1', '{-1:1}/1', '{2:1}/1', '{2147483648:1}/1', '{99999999999999999999:1}/1', '{1:1}/0', '{}/-1', '{}/1000000000',
	'{}/1000000001', '{}/2147483648', '{}/99999999999999999999', '{}/-99999999999999999999', '{1:4e38}/1', '{1:NaN}/1', '{1:Infinity}/1', '[1]',
	'{1 1}/1', '{1:1}/1 x', '{ 1:1 , 2:2 }/2', '{+1:1}/1', '{1:1}//1');
my @statements;
for my $value (@values)
{
	push @statements, "SELECT '$value'::vector", "SELECT '$value'::halfvec", "SELECT vector_send('$value'::vector)",
	  "SELECT '$value'::vector(1)";
}
push @statements, "SELECT '$_'::sparsevec", "SELECT sparsevec_send('$_')", "SELECT '$_'::sparsevec(5)", "SELECT '$_'::sparsevec::vector" for @sparse;

# every function and operator on pairs of edge cases
my @edges = (
	[ 'vector', '[0,0]', '[3,4]', '[1,2]', '[-1,-2]', '[3e38,1]', '[-3e38,1]', '[1e-38,1e-45]', '[3]', '[1e19,1e-19]' ],
	[ 'halfvec', '[0,0]', '[3,4]', '[1,2]', '[-1,-2]', '[65504,1]', '[-65504,1]', '[5.96e-8,6e-5]', '[3]' ],
	[ 'sparsevec', '{}/2', '{1:3,2:4}/2', '{1:1,2:2}/2', '{2:-2}/2', '{1:3e38}/2', '{1:-3e38}/2', '{2:1e-45}/2', '{1:3}/1' ]);
for my $edge (@edges)
{
	my ($type, @v) = @$edge;
	my @binary = (map({ "a $_ b" } ('<->', '<#>', '<=>', '<+>', '<', '<=', '=', '<>', '>=', '>')),
		map { "$_(a, b)" } ("l2_distance", "inner_product", "cosine_distance", "l1_distance", "${type}_cmp",
			"${type}_l2_squared_distance", "${type}_negative_inner_product"));
	push @binary, 'a + b', 'a - b', 'a * b', 'a || b', "${type}_spherical_distance(a, b)" if $type ne 'sparsevec';
	my @unary = ('l2_normalize(a)', $type eq 'vector' ? 'vector_norm(a)' : 'l2_norm(a)', 'a::vector', 'a::halfvec', 'a::sparsevec',
		'a::vector(2)', 'a::halfvec(2)', 'a::sparsevec(2)');
	push @unary, 'vector_dims(a)', 'binary_quantize(a)', 'a::real[]' if $type ne 'sparsevec';
	if ($type ne 'sparsevec')
	{
		for my $start (-2147483648, -2, 0, 1, 2, 3, 2147483647)
		{
			push @unary, "subvector(a, $start, $_)" for (-2147483648, -1, 0, 1, 2, 2147483647);
		}
	}
	for my $a (@v)
	{
		push @statements, "SELECT $_ FROM (SELECT '$a'::$type AS a) s" for @unary;
		for my $b (@v)
		{
			push @statements, "SELECT $_ FROM (SELECT '$a'::$type AS a, '$b'::$type AS b) s" for @binary;
		}
	}
	push @statements, "SELECT sum(v), avg(v) FROM unnest(ARRAY['$v[0]', '$v[1]', NULL]::$type\[]) v",
	  "SELECT sum(v) FROM unnest(ARRAY['$v[4]', '$v[4]']::$type\[]) v",
	  "SELECT avg(v) FROM unnest(ARRAY['$v[4]', '$v[7]']::$type\[]) v" if $type ne 'sparsevec';
	push @statements, "SELECT '$v[0]'::$type($_)" for ('0', '-1', '2', '3', '16000', '16001', '1000000000', '1000000001', "'a'", '1, 2');
	for my $array ('{1,2.5}', '{}', '{NULL}', '{NaN}', '{Infinity}', '{{1}}', '{1e30}', '{1e-30}', '{65520}')
	{
		push @statements, "SELECT '$array'::$_\[]::$type" for ('real', 'float8', 'numeric');
	}
	push @statements, "SELECT ARRAY[1,2,3]::$type", "SELECT '{1e300}'::float8[]::$type", "SELECT '{1e300}'::numeric[]::$type",
	  "SELECT array_fill(0::real, ARRAY[16001])::$type IS NULL";
}
push @statements, "SELECT $_" for (
	"B'111' <~> B'100'", "B'111' <~> B'00'", "B'1100' <%> B'1000'", "B'0' <%> B'0'", "B'1' <%> B'00'", "B'' <~> B''", "B'' <%> B''",
	"hamming_distance(B'1', B'0')", "jaccard_distance(B'11', B'01')");

# One session per extension: each statement's result or SQLSTATE as one line.
sub answers
{
	my ($path, @sql) = @_;
	my $script = $node->basedir . "/$path.sql";
	$node->safe_psql('postgres', <<'SQL') if $path eq 'public';
CREATE FUNCTION answer(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record; code text;
BEGIN
	EXECUTE sql INTO r;
	RETURN r::text;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE;
	RETURN 'ERROR ' || code;
END $$;
SQL
	open(my $f, '>', $script) or die;
	print $f "SET search_path = $path, pg_temp;\nSET extra_float_digits = 0;\n";
	print $f 'SELECT public.answer($q$' . $_ . '$q$);' . "\n" for @sql;
	close $f;
	return split /\n/, $node->safe_psql('postgres', "\\i $script");
}

my @theirs = answers('public', @statements);
my @ours = answers('intel', @statements);
is(scalar @theirs, scalar @statements, 'pgvector answers every statement');
is(scalar @ours, scalar @statements, 'intel answers every statement');

# Sums in another order may differ in the last digit of a float.
sub same
{
	my ($x, $y) = @_;
	return 1 if $x eq $y;
	my $number = qr/-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/i;
	(my $xs = $x) =~ s/$number/#/g;
	(my $ys = $y) =~ s/$number/#/g;
	return 0 if $xs ne $ys;
	my @x = $x =~ /$number/g;
	my @y = $y =~ /$number/g;
	for my $i (0 .. $#x)
	{
		my $size = abs($x[$i]) > abs($y[$i]) ? abs($x[$i]) : abs($y[$i]);
		return 0 if abs($x[$i] - $y[$i]) > 1e-6 * $size;
	}
	return 1;
}
my @different = grep { !same($theirs[$_], $ours[$_]) } 0 .. $#statements;
is(scalar @different, 0, 'both extensions give the same answers to ' . scalar(@statements) . ' statements')
  or diag map { "$statements[$_]\n  pgvector: $theirs[$_]\n  intel:    $ours[$_]\n" } @different[ 0 .. ($#different > 20 ? 20 : $#different) ];

# pgvector makes values from arrays that its own text input then refuses.
is(sqlstate($node, 'SELECT array_fill(1::real, ARRAY[16001])::intel.sparsevec'), '54000', 'too many elements are refused from arrays too');

# ---- the same binary messages ------------------------------------------------------

# Elements as they are sent: 4 bytes, or 2 of a half; NaN and infinity by name.
my %float = (1 => "\x3f\x80\0\0", -2 => "\xc0\0\0\0", 0 => "\0\0\0\0", NaN => "\x7f\xc0\0\0", Inf => "\x7f\x80\0\0", -Inf => "\xff\x80\0\0");
my %half = (1 => "\x3c\0", -2 => "\xc0\0", 0 => "\0\0", NaN => "\x7e\0", Inf => "\x7c\0", -Inf => "\xfc\0");

sub dense_message
{
	my ($element, $dim, $unused, @x) = @_;
	return pack('n n', $dim & 0xffff, $unused) . join '', map { $element->{$_} } @x;
}

sub sparse_message
{
	my ($dim, $nnz, $unused, $indices, @x) = @_;
	return pack('N3', $dim & 0xffffffff, $nnz & 0xffffffff, $unused) . pack('N*', map { $_ & 0xffffffff } @$indices) . join '', map { $float{$_} } @x;
}
my %messages = (
	sparsevec => [
		sparse_message(3, 2, 0, [ 0, 2 ], 1, -2), sparse_message(2, 0, 0, []), sparse_message(1, 1, 0, [0], 1), sparse_message(0, 0, 0, []),
		sparse_message(-1, 0, 0, []), sparse_message(1_000_000_000, 1, 0, [999_999_999], 1), sparse_message(1_000_000_001, 0, 0, []),
		sparse_message(3, -1, 0, []), sparse_message(1, 2, 0, [ 0, 1 ], 1, 1), sparse_message(20000, 16001, 0, [ 0 .. 16000 ], (1) x 16001),
		sparse_message(20000, 16000, 0, [ 0 .. 15999 ], (1) x 16000), sparse_message(3, 1, 1, [0], 1), sparse_message(3, 1, 0, [-1], 1),
		sparse_message(3, 1, 0, [3], 1), sparse_message(3, 2, 0, [ 1, 1 ], 1, 1), sparse_message(3, 2, 0, [ 2, 1 ], 1, 1),
		map { sparse_message(2, 1, 0, [0], $_) } (0, 'NaN', 'Inf', '-Inf') ]);
for my $type ('vector', 'halfvec')
{
	my $element = $type eq 'vector' ? \%float : \%half;
	$messages{$type} = [
		map { dense_message($element, @$_) }
		  [ 2, 0, 1, -2 ], [ 2, 0, 0, 0 ], [ 1, 0, 1 ], [ 0, 0 ], [ -1, 0 ], [ 3, 0, 1, 1, 1 ], [ 2, 1, 1, 1 ], [ 16000, 0, (1) x 16000 ],
		[ 16001, 0, (1) x 16001 ], [ 2, 0, 'NaN', 1 ], [ 2, 0, 1, 'Inf' ], [ 2, 0, 1, '-Inf' ], [ 2, 0, 1 ] ];
}
my @wire;
for my $type (sort keys %messages)
{
	for my $message (@{ $messages{$type} })
	{
		push @wire, [ $type, $_ ] for ($message, "$message\0", length($message) < 40 ? map({ substr($message, 0, $_) } 0 .. length($message) - 1) : ());
	}
}
my $copy = $node->basedir . '/wire';
for my $i (0 .. $#wire)
{
	open(my $f, '>:raw', "$copy.$i") or die;
	print $f "PGCOPY\n\377\r\n\0" . pack('N2 n N', 0, 0, 1, length($wire[$i][1])) . $wire[$i][1] . pack('n', 0xffff);
	close $f;
}

# Per message and type modifier the SQLSTATE, or what was read.
sub received
{
	my ($path) = @_;
	$node->safe_psql('postgres', <<'SQL');
CREATE OR REPLACE FUNCTION received(copy text, digest text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE code text;
BEGIN
	EXECUTE copy;
	EXECUTE digest INTO STRICT code;
	RETURN code;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE;
	RETURN 'ERROR ' || code;
END $$;
SQL
	$node->safe_psql('postgres', "CREATE TABLE wire_${path}_$_ (x $path.$_); CREATE TABLE wire_${path}_${_}_2 (x $path.$_(2))") for keys %messages;
	my $script = "SET search_path = $path, public, pg_temp;\n";
	for my $i (0 .. $#wire)
	{
		for my $table ("wire_${path}_$wire[$i][0]", "wire_${path}_$wire[$i][0]_2")
		{
			$script .= qq{SELECT public.received(\$q\$COPY public.$table FROM '$copy.$i' (FORMAT binary)\$q\$, }
			  . qq{'SELECT md5(string_agg($wire[$i][0]_send(x)::text, '','')) FROM public.$table');\nTRUNCATE public.$table;\n};
		}
	}
	my $file = $node->basedir . "/wire_$path.sql";
	open(my $f, '>', $file) or die;
	print $f $script;
	close $f;
	my @answers = split /\n/, $node->safe_psql('postgres', "\\i $file");
	$node->safe_psql('postgres', "DROP TABLE wire_${path}_$_, wire_${path}_${_}_2") for keys %messages;
	return @answers;
}
my @read = received('public');
my @read_ours = received('intel');
is(scalar @read, 2 * @wire, 'pgvector answers every binary message');
my @unlike = grep { $read[$_] ne ($read_ours[$_] // '') } 0 .. $#read;
is(scalar @unlike, 0, 'both extensions read the same from ' . scalar(@wire) . ' binary messages')
  or diag map { unpack('H80', $wire[ $_ / 2 ][1]) . " as $wire[$_ / 2][0]\n  pgvector: $read[$_]\n  intel:    $read_ours[$_]\n" }
  @unlike[ 0 .. ($#unlike > 20 ? 20 : $#unlike) ];
my %read_state = map { /ERROR (\w{5})/ ? ($1 => 1) : /^\w{32}$/ ? (value => 1) : (nothing => 1) } @read;
is(join(' ', sort keys %read_state), '08P01 22000 22P03 54000 value', 'values and errors of every kind among them');

# ---- adopt -----------------------------------------------------------------------

my $rows = q{ FROM generate_series(1, 300) i};
$node->safe_psql('postgres', <<SQL);
CREATE TABLE doc (id int PRIMARY KEY, e public.vector(400), h public.halfvec(3), s public.sparsevec(9), u public.vector DEFAULT '[1]');
INSERT INTO doc SELECT i, array_fill(i::real, ARRAY[400]), ARRAY[i, 0, 1], '{1:1}/9'$rows;
CREATE TABLE ours (id int, e intel.vector(400));
INSERT INTO ours SELECT i, intel.random_vector(400, i)$rows;
SQL
is(sqlstate($node, 'SELECT intel.l1_distance(e, e) FROM doc'), '42883', 'before: the types are strangers');
like($node->safe_psql('postgres', 'SELECT intel.adopt_pgvector()'),
	qr/^CREATE CAST \(public\.vector AS intel\.vector\) WITHOUT FUNCTION AS IMPLICIT\n/, 'adopt tells what it does');
is($node->safe_psql('postgres', 'SELECT count(*) FROM intel.adopt_pgvector()'), 0, 'again: nothing left to do');
is($node->safe_psql('postgres', 'SELECT count(*) FROM doc WHERE intel.l1_distance(e, e) = 0'), 300,
	'functions of intel take columns of pgvector');
is($node->safe_psql('postgres', 'SELECT count(*) FROM doc d JOIN ours o USING (id) WHERE d.e OPERATOR(intel.<->) o.e > 0'), 300,
	'so do its operators, with both types');
is($node->safe_psql('postgres', 'SELECT id FROM doc ORDER BY e <-> (SELECT e::public.vector FROM ours WHERE id = 1) LIMIT 1'), 1,
	'values of intel go into expressions of pgvector by a cast');
for my $path ('public, intel', 'intel, public')
{
	is($node->safe_psql('postgres', "SET search_path = $path; SELECT pg_typeof(e)::regtype = 'public.vector'::regtype, "
				. "e <-> e = 0, e = e, e + e = e * array_fill(2, ARRAY[400])::public.vector FROM doc WHERE id = 2"),
		't|t|t|t', "existing queries on pgvector's columns work with search_path = $path");
	is($node->safe_psql('postgres', "SET search_path = $path; SELECT count(*) FROM ours WHERE e <-> e = 0"), 300,
		"queries on intel's columns work with search_path = $path");
}

# ---- no rewrite ------------------------------------------------------------------

sub file { return $node->safe_psql('postgres', q{SELECT pg_relation_filenode('doc')}) }
my $before = $node->safe_psql('postgres', 'SELECT md5(string_agg(d::text, e::text ORDER BY id)) FROM doc d');
my $file = file();
$node->safe_psql('postgres', <<'SQL');
ALTER TABLE doc ALTER COLUMN e TYPE intel.vector(400), ALTER COLUMN h TYPE intel.halfvec(3), ALTER COLUMN s TYPE intel.sparsevec(9), ALTER COLUMN u TYPE intel.vector;
SQL
is(file(), $file, 'ALTER COLUMN TYPE to the types of intel does not rewrite the table');
is($node->safe_psql('postgres', 'SELECT md5(string_agg(d::text, e::text ORDER BY id)) FROM doc d'), $before, 'and keeps every value');
is($node->safe_psql('postgres', q{INSERT INTO doc (id) VALUES (1000) RETURNING u OPERATOR(intel.<->) '[1]'}), 0, 'and the default');
$node->safe_psql('postgres', 'DELETE FROM doc WHERE id = 1000; ALTER TABLE doc ALTER COLUMN e TYPE public.vector(400), ALTER COLUMN s TYPE public.sparsevec(9)');
isnt(sqlstate($node, 'ALTER TABLE doc ALTER COLUMN e TYPE intel.vector(3)'), '00000', 'other dimensions are still checked');
$node->safe_psql('postgres', 'ALTER TABLE doc ALTER COLUMN u TYPE intel.vector(1)');
isnt(file(), $file, 'and a new modifier is checked row by row');

# ---- operator classes of the access method ---------------------------------------

SKIP:
{
	# Stand-in where the access method is not there: the catalog is what counts.
	my $own = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_am WHERE amname = 'intel'});
	$node->safe_psql('postgres', <<'SQL') unless $own;
CREATE ACCESS METHOD intel TYPE INDEX HANDLER gisthandler;
CREATE OPERATOR CLASS intel.vector_l2_ops DEFAULT FOR TYPE intel.vector USING intel AS
	OPERATOR 1 intel.<-> FOR ORDER BY pg_catalog.float_ops, FUNCTION 1 intel.vector_l2_squared_distance(intel.vector, intel.vector);
SELECT intel.adopt_pgvector();
SQL
	is( $node->safe_psql('postgres', q{
		SELECT c.opcname, c.opcnamespace::regnamespace, o.amopopr::regoperator, o.amopsortfamily <> 0
		FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod JOIN pg_amop o ON o.amopfamily = c.opcfamily AND o.amoplefttype = c.opcintype
		WHERE m.amname = 'intel' AND c.opcintype = 'public.vector'::regtype AND c.opcname = 'vector_l2_ops'}),
		'vector_l2_ops|public|<->(vector,vector)|t', 'pgvector\'s columns have operator classes of intel\'s access method');
	if ($own)
	{
		$node->safe_psql('postgres', q{CREATE TABLE theirs (id int, e public.vector(16));
			INSERT INTO theirs SELECT i, intel.random_vector(16, i) FROM generate_series(1, 2000) i;
			CREATE INDEX theirs_index ON theirs USING intel (e public.vector_l2_ops); ANALYZE theirs});
		my $query = q{SELECT id FROM theirs ORDER BY e OPERATOR(public.<->) '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 1};
		like($node->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN (COSTS OFF) $query"),
			qr/Index Scan using theirs_index/, 'an index of intel serves the operator of pgvector');
		is($node->safe_psql('postgres', "SET enable_seqscan = off; $query"), $node->safe_psql('postgres', "SET enable_indexscan = off; $query"),
			'with the nearest row');
		is(sqlstate($node, 'SELECT intel.abandon_pgvector()'), '2BP01', 'abandon is refused while the index is there');
		$node->safe_psql('postgres', 'DROP TABLE theirs');
	}
	my $dropped = $node->safe_psql('postgres', 'SELECT intel.abandon_pgvector()');
	like($dropped, qr/^DROP OPERATOR CLASS public\.vector_l2_ops USING intel$/m, 'abandon drops them');
	$node->safe_psql('postgres', 'DROP ACCESS METHOD intel CASCADE') unless $own;
	$node->safe_psql('postgres', 'SELECT intel.adopt_pgvector()');
}

# ---- dump, drop, abandon ---------------------------------------------------------

my $dump = $node->basedir . '/both.sql';
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump with both extensions');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'restore');
is($node->safe_psql('restored', 'SELECT count(*) FROM doc WHERE intel.l1_distance(e, e) = 0'), 300, 'the casts are restored too');

for my $extension ('vector', 'intel')
{
	my ($rc, $out, $err) = $node->psql('postgres', "DROP EXTENSION $extension");
	like($err, qr/cannot drop extension $extension because other objects depend on it.*cast from/s,
		"DROP EXTENSION $extension names what depends on it");
}
is($node->safe_psql('postgres', q{SELECT count(*) FILTER (WHERE done LIKE 'DROP CAST %') FROM intel.abandon_pgvector() done}), 6, 'abandon drops the casts');
is(sqlstate($node, 'SELECT intel.l1_distance(e, e) FROM doc'), '42883', 'after: strangers again');
is($node->safe_psql('postgres', 'SELECT count(*) FROM intel.abandon_pgvector()'), 0, 'again: nothing left to do');
$node->safe_psql('postgres', 'CREATE ROLE somebody');
is(sqlstate($node, 'SET ROLE somebody; SELECT intel.adopt_pgvector()'), '42501', 'not for everybody');
$node->safe_psql('postgres', 'DROP TABLE doc; DROP EXTENSION vector');
is(sqlstate($node, 'SELECT intel.adopt_pgvector()'), '55000', 'without pgvector: a clear error');

$node->stop;
done_testing();
