# The project speaks of itself alone: no paths of somebody's machine, no
# unfinished notes, no word of how a text came to be.
use strict;
use warnings;
use Lint;

my @words = (
	[ qr{(?<![\w.])/work/|/opt/pg/|/home/\w+|/Users/\w+}, 'a path of some machine' ],
	[ qr/\b(TODO|FIXME|XXX|HACK)\b/, 'an unfinished note' ],
	[ qr/\b(issue|ticket)\s+#?\d+\b/i, 'the number of an issue' ],
	[ qr/\bworktree\b|\bcoordinator\b|\bcolleagues?\b/i, 'how the work was organised' ],
	[ qr/\bas an AI\b|\bco-authored-by\b|\bgenerated with\b|\bchat ?gpt\b|\bcopilot\b/i, 'how a text came to be' ],
);

foreach my $file (files('*', '.ci/*', 'src/*', 'src/*/*', 'src/*/*/*', 'sql/*', 'expected/*', 'test/*', 'test/*/*', 'test/*/*/*'))
{
	next if $file =~ /\.([od]|so|bc)$/ || $file =~ m{^test/(lint/rules/wording\.pl|lint/selftest\.sh|fuzz/corpus/)};
	my $text = slurp($file);
	next if $text =~ /\0/;
	foreach my $word (@words)
	{
		my ($look, $what) = @$word;
		while ($text =~ /$look/g)
		{
			finding($file, line_of($text, $-[0]), "$what: '$&'");
		}
	}
}
