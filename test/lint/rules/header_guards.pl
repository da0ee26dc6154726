# Every header has a guard named after it, INTEL_FOLDER_FILE_H (a file name
# that begins with its folder may leave the folder out), and never includes
# postgres.h.
use strict;
use warnings;
use Lint;

foreach my $file (files('src/*/*.h'))
{
	my $text = code_with_strings(slurp($file));
	my $long = uc('INTEL_' . ($file =~ s{^src/}{}r =~ s{[/.]}{_}gr));
	my $short = uc('INTEL_' . ($file =~ s{^.*/}{}r =~ s{\.}{_}gr));
	my $own = folder($file);
	my $guard = $file =~ m{/\Q$own\E_?[^/]*$} ? qr/$long|$short/ : qr/$long/;

	finding($file, 1, "the guard must be $long")
	  unless $text =~ /\A\s*#ifndef ($guard)\n#define \1\n/ && $text =~ /#endif\s*\z/;
	finding($file, line_of($text, $-[0]), 'a header includes postgres.h')
	  if $text =~ /^[ \t]*#[ \t]*include[ \t]+"postgres\.h"/m;
}
