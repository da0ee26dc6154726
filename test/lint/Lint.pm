# What the rules share: the files of the project, C without its comments and
# strings, and how a finding is printed. A rule prints "file:line: finding"
# for each violation and nothing else; run.sh does the rest.

package Lint;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(files slurp code code_with_strings line_of finding folder);

# Files that match the shell patterns, but for what the build writes: the
# install script and generated sources, which say so in their first line.
sub files
{
	my @patterns = @_;
	my @found = map { glob } @patterns;
	my %seen;
	return sort grep { !$seen{$_}++ && -f && !m{src/extension/intel--[^/]*\.sql$} && !generated($_) } @found;
}

sub generated
{
	my ($file) = @_;
	return 0 unless $file =~ /\.[ch]$/;
	open(my $fh, '<', $file) or return 0;
	return (<$fh> // '') =~ m{^/\* generated\b}i;
}

sub slurp
{
	my ($file) = @_;
	open(my $fh, '<:raw', $file) or die "$file: $!\n";
	local $/;
	return scalar(<$fh>) // '';
}

sub blank { my ($text) = @_; $text =~ s/[^\n]/ /g; return $text; }

# C with comments blanked; with strings and characters blanked, too, in code().
# Lines stay where they are.
sub code_with_strings
{
	my ($text) = @_;
	$text =~ s{("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])+')|(/\*.*?\*/|//[^\n]*)}
			  { defined $1 ? $1 : blank($2) }gse;
	return $text;
}

sub code
{
	my ($text) = @_;
	$text = code_with_strings($text);
	$text =~ s{(^[ \t]*\#[ \t]*include[^\n]*)|"((?:\\.|[^"\\\n])*)"}
			  { defined $1 ? $1 : '"' . blank($2) . '"' }gme;
	return $text;
}

sub line_of
{
	my ($text, $offset) = @_;
	return 1 + (substr($text, 0, $offset) =~ tr/\n//);
}

sub finding
{
	my ($file, $line, $what) = @_;
	print "$file:$line: $what\n";
	return;
}

sub folder { my ($file) = @_; return $file =~ m{^src/(\w+)/} ? $1 : ''; }

1;
