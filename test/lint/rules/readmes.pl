# Every module folder has a README with what a newcomer needs.
use strict;
use warnings;
use Lint;

foreach my $dir (grep { -d } glob 'src/*')
{
	next if $dir eq 'src/extension';
	my $file = "$dir/README.md";
	if (!-f $file)
	{
		finding($file, 1, 'missing');
		next;
	}
	my $text = slurp($file);
	foreach my $head ('Purpose', 'Invariants', 'Failure', 'Testing')
	{
		finding($file, 1, "no section $head") unless $text =~ /^##+ .*\b$head\b/m;
	}
}
