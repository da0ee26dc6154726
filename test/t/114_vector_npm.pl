# A program written for pgvector in Node.js, with its packages from the npm
# registry, runs on intel with nothing changed but the search_path.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;

for my $tool ('node', 'npm')
{
	plan skip_all => "$tool is not installed" if system("command -v $tool >/dev/null 2>&1") != 0;
}

# ---- packages --------------------------------------------------------------------

my $from = dirname(__FILE__) . "/../clients/npm";
my $dir = PostgreSQL::Test::Utils::tempdir();
copy("$from/$_", $dir) or die "$_: $!" for 'package.json', 'client.js';
local $ENV{npm_config_cache} = "$dir/cache";
local $ENV{HOME} = $dir;
my $log = `cd '$dir' && npm install --no-audit --no-fund --no-progress 2>&1`;
if ($? != 0)
{
	plan skip_all => 'the npm registry does not answer'
	  if $log =~ /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/;
	fail('npm install');
	diag $log;
	done_testing();
	exit;
}

# ---- the program ------------------------------------------------------------------

my $node = intel_node('main');
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
local $ENV{PGDATABASE} = 'postgres';
my @lines = split /\n/, `cd '$dir' && node client.js 2>&1`;
my $status = $?;
for my $line (@lines)
{
	if ($line =~ /^(not )?ok \d+ - (.*)/) { ok(!$1, $2) }
	elsif ($line !~ /^1\.\./) { diag $line }
}
is($status, 0, 'the program ends well');
cmp_ok(scalar(grep { /^ok / } @lines), '>=', 25, 'and did all its tests');

$node->stop;
done_testing();
