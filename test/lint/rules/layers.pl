# A file includes its own folder, m/m.h of a strictly lower rank, and base/*.h.
use strict;
use warnings;
use Lint;

my %rank = (
	base => 0,
	vector => 1, redact => 1, text => 1, llm => 1,
	ann => 2, worker => 2, context => 2, memory => 2, customer => 2, eval => 2,
	extension => 3);

foreach my $file (files('src/*/*.[ch]'))
{
	my $own = folder($file);
	my $text = code_with_strings(slurp($file));

	finding($file, 1, "folder $own has no rank") unless exists $rank{$own};
	while ($text =~ /^[ \t]*#[ \t]*include[ \t]+"([^"]+)"/mg)
	{
		my ($header, $line) = ($1, line_of($text, $-[0]));
		my ($theirs) = $header =~ m{^(\w+)/} or next;

		next if !exists $rank{$theirs} || $theirs eq $own || $theirs eq 'base';
		if ($rank{$theirs} >= $rank{$own})
		{
			finding($file, $line, "$own (rank $rank{$own}) includes $header (rank $rank{$theirs})");
		}
		elsif ($header ne "$theirs/$theirs.h")
		{
			finding($file, $line, "$header is private to its folder; $theirs/$theirs.h is not");
		}
	}
}
