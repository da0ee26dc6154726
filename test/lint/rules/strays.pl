# Nothing is kept that some tool dropped: the top folder holds known names
# only, and no core, crash or temporary file is anywhere.
use strict;
use warnings;
use Lint;

my %known = map { $_ => 1 } qw(Makefile intel.control META.json README.md CHANGELOG.md LICENSE
  .ci .clang-format .gitignore .gitattributes .editorconfig .git src sql expected test);

# what git keeps or would keep; in a copy without git, what is there
my @files = -e '.git' ? split /\0/, qx(git ls-files -z --cached --others --exclude-standard 2>/dev/null) // '' : ();
@files = map { s{^\./}{}r } split /\0/, qx(find . -type f -print0) unless @files;

foreach my $file (grep { -e } @files)
{
	my ($top) = split m{/}, $file;
	next if $top eq 'build' || $file eq 'intel.so';
	finding($file, 1, 'not a known name of the top folder') unless $known{$top};
	finding($file, 1, 'dropped by some tool') if $file =~ m{(^|/)((crash|leak|timeout|oom)-[0-9a-f]{40}|core(\.\d+)?|[^/]*\.(tmp|orig|rej|swp))$};
}
