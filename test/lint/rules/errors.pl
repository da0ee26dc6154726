# Every ereport has an errcode; messages start in lower case and have no full
# stop; details and hints are sentences.
use strict;
use warnings;
use Lint;

foreach my $file (files('src/*/*.c'))
{
	my $text = code_with_strings(slurp($file));

	while ($text =~ /\b(ereport|errsave|ereturn)(\s*\((?:[^()"]|"(?:\\.|[^"\\])*"|(?2))*\))/g)
	{
		my ($call, $line) = ($2, line_of($text, $-[0]));
		finding($file, $line, 'ereport without errcode')
		  unless $call =~ /\berrcode(_for_\w+)?\s*\(/ || $call =~ /\A\s*\(\s*(DEBUG|LOG|INFO|NOTICE)/;
	}
	while ($text =~ /\berrmsg(?:_internal|_plural)?\s*\(\s*"((?:\\.|[^"\\])*)"(\s*")?/g)
	{
		my ($message, $more, $line) = ($1, $2, line_of($text, $-[0]));
		finding($file, $line, 'a message starts in lower case') if $message =~ /^[A-Z][a-z]/ && $message !~ /^(PostgreSQL|NaN)\b/;
		finding($file, $line, 'a message has no full stop') if $message =~ /\.$/ && !$more;
	}
	while ($text =~ /\b(errdetail|errhint)\s*\(\s*((?:"(?:\\.|[^"\\])*"\s*|U?INT64_FORMAT\s*)+)/g)
	{
		my ($kind, $sentence, $line) = ($1, $2, line_of($text, $-[0]));
		$sentence =~ s/"\s*(U?INT64_FORMAT\s*)?"//g;
		finding($file, $line, "$kind is a sentence: capital, full stop")
		  unless $sentence =~ /^"[^a-z].*[.?)]\s*"\s*$/s || $sentence =~ /^"%s"\s*$/;
	}
}
