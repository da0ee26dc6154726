# Texts near the limit of 1 GB: the right result or a clear error, never a
# crash or the server's "invalid memory alloc request size".

use strict;
use warnings;

use IntelTest;
use Test::More;

my ($available) = PostgreSQL::Test::Utils::slurp_file('/proc/meminfo') =~ /^MemAvailable:\s+(\d+) kB/m;
plan skip_all => 'needs 8 GB of free memory' if ($available // 0) < 8 << 20;
plan skip_all => 'sanitizers need several times the memory' if $ENV{SANITIZE};

my $node = intel_node('main', preload => 0);

# the value of an expression, or the state of its error
sub attempt
{
	my ($expression) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "\\set VERBOSITY verbose\nSELECT $expression", stdout => \$out, stderr => \$err);
	unlike($err, qr/invalid memory alloc|terminated|server closed/, "no crash: $expression");
	return $err =~ /ERROR:  (\w{5})/ ? $1 : $out;
}

is(attempt("length(intel.redact(repeat('fine words ', 97612892)))"), '1073741812', 'a text of 1 GB with nothing to find');
is(attempt("intel.redact(repeat('x ', 536870905) || 'a\@b.co')"), '54000', 'one that redaction makes too long');
is(attempt("intel.contains_pii(repeat('a\@b.co ', 100000000))"), '54000', 'one with more finds than the scanner can list');
is(attempt("intel.redact('mail a\@b.co')"), 'mail <EMAIL_ADDRESS>', 'the next one is right');

done_testing();
