# Every regression test has its expected output and the other way round; every
# fuzz harness names its sources and has saved inputs.
use strict;
use warnings;
use Lint;

foreach my $file (files('sql/*.sql'))
{
	my ($name) = $file =~ m{([^/]+)\.sql$};
	finding($file, 1, "no expected/$name.out") unless -f "expected/$name.out";
	finding($file, 1, 'named <module>_<topic>') unless $name =~ /^[a-z]+_\w+$/;
}
foreach my $file (files('expected/*.out'))
{
	my ($name) = $file =~ m{([^/]+?)(_\d)?\.out$};
	finding($file, 1, "no sql/$name.sql") unless -f "sql/$name.sql" || -f "sql/$name$2.sql";
}
foreach my $file (files('test/isolation/specs/*.spec'))
{
	my ($name) = $file =~ m{([^/]+)\.spec$};
	finding($file, 1, "no expected output") unless -f "test/isolation/expected/$name.out";
}
foreach my $file (files('test/fuzz/fuzz_*.c'))
{
	my ($name) = $file =~ /fuzz_(\w+)\.c$/;
	my ($sources) = slurp($file) =~ m{\A/\* sources: (.*?) \*/\n} or finding($file, 1, 'no sources in the first line');
	finding($file, 1, "$_ does not exist") foreach grep { !-f } split ' ', $sources // '';
	finding($file, 1, "no saved inputs in test/fuzz/corpus/$name") unless () = glob "test/fuzz/corpus/$name/*";
}
