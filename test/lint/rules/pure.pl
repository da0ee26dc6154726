# A source file without postgres.h includes no header that needs it, also not
# through another header.
use strict;
use warnings;
use Lint;

my %needs;

# The PostgreSQL header that $file brings in, '' when none.
sub needs
{
	my ($file) = @_;
	return $needs{$file} if exists $needs{$file};
	$needs{$file} = '';

	my $text = code_with_strings(slurp($file));
	# the part for those who did include postgres.h
	$text =~ s/^#ifdef POSTGRES_H\n.*?^#endif[^\n]*//gms;
	while ($text =~ /^[ \t]*#[ \t]*include[ \t]+"([^"]+)"/mg)
	{
		my $header = $1;
		my $found = -f "src/$header" ? needs("src/$header")
		  : -f ($file =~ s{[^/]+$}{}r . $header) ? ''
		  : $header;
		return $needs{$file} = $found if $found;
	}
	return '';
}

foreach my $file (files('src/*/*.c'))
{
	my $text = code_with_strings(slurp($file));
	next if $text =~ /^[ \t]*#[ \t]*include[ \t]+"postgres\.h"/m;
	my $found = needs($file);
	finding($file, 1, "no postgres.h here, but $found comes in") if $found;
}
