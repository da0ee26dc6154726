# Many texts of one statement: one call after the other, and many at once, of a
# provider that answers after 0.2 s.
#
# BENCH_ROWS (640), BENCH_ROUNDS (3).

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $rows = $ENV{BENCH_ROWS} || 640;
my $rounds = $ENV{BENCH_ROUNDS} || 3;
my $port = start_fast_server(200);
my $node = intel_node('bench', conf => "fsync = on\n");
sub sql { return $node->safe_psql('postgres', $_[0]); }
sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('fast', 'openai', 'http://127.0.0.1:$port/v1', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('m', 'fast', 'm', 'chat');
CREATE TABLE note AS SELECT i, 'note number ' || i AS body FROM generate_series(1, $rows) i;
SQL

# Texts a second: median of the rounds, and their range.
sub rate
{
	my ($what, $n, $statement) = @_;
	my @rates;
	foreach (1 .. $rounds)
	{
		my $start = time();
		is(sql($statement), $n, "$what: all have an answer");
		push @rates, $n / (time() - $start);
	}
	@rates = sort { $a <=> $b } @rates;
	diag(sprintf '%-62s %6.1f texts/s (%.1f to %.1f)', $what, $rates[ $#rates / 2 ], @rates[ 0, -1 ]);
	return $rates[ $#rates / 2 ];
}

my $few = 20;
my $one = rate('summarize', $few, "SELECT count(intel.summarize(body, 20, 'm')) FROM note WHERE i <= $few");
foreach my $places (16, 64)
{
	sql("UPDATE intel.provider SET max_concurrency = $places");
	my $many = rate("summarize_each, max_concurrency $places",
		$rows, "SELECT count(answer) FROM intel.summarize_each((SELECT array_agg(body) FROM note), 20, 'm')");
	diag(sprintf '%-62s %6.1f', 'times the rate of one after the other', $many / $one);
}

done_testing();
