# Every fragment is in SQL_FRAGMENTS, header first and footer last, and every
# fragment named there exists.
use strict;
use warnings;
use Lint;

my $make = slurp('Makefile');
my ($list) = $make =~ /^SQL_FRAGMENTS\s*=\s*((?:.*\\\n)*.*)$/m;
my @named = grep { $_ ne '\\' } split ' ', $list // '';
my %named = map { $_ => 1 } @named;

finding('Makefile', 1, "$_ is not in SQL_FRAGMENTS") foreach grep { !$named{$_} } files('src/*/*.sql');
finding('Makefile', 1, "$_ does not exist") foreach grep { !-f } @named;
finding('Makefile', 1, 'header.sql is not the first fragment') unless @named && $named[0] eq 'src/extension/header.sql';
finding('Makefile', 1, 'footer.sql is not the last fragment') unless @named && $named[-1] eq 'src/extension/footer.sql';
