# A file above 1000 lines or a function above 80 is on the list large.txt with
# its reason, and what is on the list is large.
use strict;
use warnings;
use Lint;

my $list = "$ENV{LINT_DIR}/large.txt";
my %reason;
foreach my $line (split /\n/, slurp($list))
{
	next if $line =~ /^\s*(#|$)/;
	my ($what, $why) = $line =~ /^(\S+)\s+-\s+(\S.*)$/;
	finding('test/lint/large.txt', 1, "not \"what - reason\": $line"), next unless $what;
	$reason{$what} = $why;
}

sub large
{
	my ($file, $line, $what, $lines) = @_;
	finding($file, $line, "$what has $lines lines and no reason in large.txt")
	  unless defined delete $reason{$what};
	return;
}

foreach my $file (files('src/*/*.[ch]'))
{
	my $raw = slurp($file);
	my $lines = ($raw =~ tr/\n//);
	large($file, 1, $file, $lines) if $lines > 1000;

	my $text = code($raw);
	while ($text =~ /^(\w+)\([^;{}]*\)\s*\n\{\n(.*?)^\}/gms)
	{
		my ($name, $at, $body) = ($1, $-[0], $2);
		my $count = ($body =~ tr/\n//);
		large($file, line_of($text, $at), "$file:$name", $count) if $count > 80;
	}
}
finding('test/lint/large.txt', 1, "$_ is not large any more") foreach sort keys %reason;
