# Order of includes: postgres.h, system, PostgreSQL, intel.
use strict;
use warnings;
use Lint;

sub kind
{
	my ($include) = @_;
	return 0 if $include eq '"postgres.h"' || $include eq '"postgres_fe.h"';
	return 1 if $include =~ /^</;
	return 3 if $include =~ /^"([^"]+)"/ && -f "src/$1";
	return 2;
}

foreach my $file (files('src/*/*.[ch]'))
{
	my $text = code_with_strings(slurp($file));
	my $last = 0;

	# conditional includes (CPU headers) may stand where they are needed
	$text =~ s/^[ \t]*#[ \t]*if(?!ndef INTEL_).*?^[ \t]*#[ \t]*endif[^\n]*/Lint::blank($&)/gmse;
	while ($text =~ /^[ \t]*#[ \t]*include[ \t]+("[^"]+"|<[^>]+>)/mg)
	{
		next if $1 eq '"lib/simplehash.h"';    # a template, included where it is used
		my $kind = kind($1);
		finding($file, line_of($text, $-[0]), "$1 comes too late") if $kind < $last;
		$last = $kind if $kind > $last;
	}
}
