# What the planner chooses for searches of many kinds (LIMIT, part of the rows
# that a condition leaves, dimensions) beside what each plan takes, warm.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('plans', conf => "shared_buffers = 512MB\nmaintenance_work_mem = 256MB\nautovacuum = off\nfsync = off\n");
my $sql = "SET search_path = public, intel; SET client_min_messages = warning; SET random_page_cost = 1.1;\n";
$node->safe_psql('postgres', $sql . slurp_file('bench/ann_plans.sql'));
for my $size ([ 128, 50_000 ], [ 768, 10_000 ])
{
	my ($dims, $rows) = @$size;
	$node->safe_psql('postgres', "$sql CREATE TABLE matrix_$dims AS SELECT * FROM plans_matrix($dims, $rows)", timeout => 600);
	diag("$rows rows, $dims dimensions; ms: index, btree and sort, sequential scan; cost of each; chosen; times the best");
	diag($_) for split /\n/, $node->safe_psql('postgres', "SELECT format('%-6s %-5s LIMIT %-4s | %8s %8s %8s | %6s %6s %6s | %-5s %s', condition, part, lim, "
		. "round(index_ms::numeric, 2), round(btree_ms::numeric, 2), round(seq_ms::numeric, 2), "
		. "round(index_cost::numeric), round(btree_cost::numeric), round(seq_cost::numeric), chosen, round(off::numeric, 1)) FROM matrix_$dims");
	diag($node->safe_psql('postgres', "SELECT format('%s of %s choices within 1.5 times the best, or 1 ms of it; the worst costs %s ms more', "
		. 'count(*) FILTER (WHERE off <= 1.5 OR lost <= 1), count(*), round(max(lost)::numeric, 1)) '
		. "FROM (SELECT off, least(index_ms, btree_ms, seq_ms) * (off - 1) AS lost FROM matrix_$dims) x"));
	is($node->safe_psql('postgres', "SELECT count(*) > 20 FROM matrix_$dims"), 't', "$dims dimensions ran");
}
done_testing();
