# Fragments: plain CREATE, objects qualified with @extschema@, and a COMMENT
# after each object; functions state volatility and parallel label; SQL and
# PL/pgSQL bodies set search_path.
use strict;
use warnings;
use Lint;

my $name = qr/\@extschema\@\.(?:"[^"]+"|\w+|[-+*\/<>=~!#%^&|`?]+)/;

foreach my $file (files('src/*/*.sql'))
{
	my $raw = slurp($file);
	my $text = $raw;

	# bodies and comments out, lines kept
	$text =~ s/(\$\w*\$).*?\1/'\$\$' . Lint::blank($&) . '\$\$'/gse;
	$text =~ s/--[^\n]*/Lint::blank($&)/ge;

	my $report = sub { finding($file, line_of($text, $_[0]), $_[1]) };

	while ($text =~ /\bCREATE\s+OR\s+REPLACE\b|\bIF\s+NOT\s+EXISTS\b/gi)
	{
		$report->($-[0], 'plain CREATE, neither OR REPLACE nor IF NOT EXISTS');
	}

	my $kinds = qr/FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|TABLE|VIEW|MATERIALIZED\s+VIEW|SEQUENCE|OPERATOR\s+CLASS|OPERATOR\s+FAMILY|OPERATOR|ACCESS\s+METHOD|EVENT\s+TRIGGER/;
	while ($text =~ /\bCREATE\s+(?:(?:UNLOGGED|RECURSIVE)\s+)?($kinds)\s+([^\s(;]+)/gi)
	{
		my ($kind, $object, $at) = (uc $1, $2, $-[0]);
		next if $kind =~ /ACCESS|EVENT/;    # have no schema
		$report->($at, "$kind $object is not qualified with \@extschema\@")
		  unless $object =~ /^\@extschema\@\./;
	}
	foreach my $on ([ 'TRIGGER', qr/\bCREATE\s+(?:CONSTRAINT\s+)?TRIGGER\s+\w+.*?\bON\s+(\S+)/is ],
		[ 'INDEX', qr/\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+\w+\s+ON\s+(\S+)/i ],
		[ 'POLICY', qr/\bCREATE\s+POLICY\s+\w+\s+ON\s+(\S+)/i ])
	{
		my ($kind, $look) = @$on;
		while ($text =~ /$look/g)
		{
			my ($object, $at) = ($1, $-[0]);
			$report->($at, "$kind on $object: not qualified with \@extschema\@")
			  unless $object =~ /^\@extschema\@\./;
		}
	}

	while ($text =~ /\bCREATE\s+(FUNCTION|PROCEDURE)\s+(\S+?)\s*\((.*?);/gis)
	{
		my ($kind, $object, $rest, $at) = (uc $1, $2, $3, $-[0]);
		if ($kind eq 'FUNCTION')
		{
			$report->($at, "$object states no volatility") unless $rest =~ /\b(IMMUTABLE|STABLE|VOLATILE)\b/;
			$report->($at, "$object states no parallel label") unless $rest =~ /\bPARALLEL\s+(SAFE|RESTRICTED|UNSAFE)\b/;
		}
		$report->($at, "$object: a body in SQL or PL/pgSQL sets search_path = pg_catalog, pg_temp")
		  if $rest =~ /\bLANGUAGE\s+(sql|plpgsql)\b/i
		  && $rest !~ /\bBEGIN\s+ATOMIC\b/i    # parsed when it is created
		  && $rest !~ /\bSET\s+search_path\s*(=|TO)\s*pg_catalog,\s*pg_temp\b/i;
	}
	while ($text =~ /\bSECURITY\s+DEFINER\b/gi)
	{
		my $at = $-[0];
		my ($statement) = substr($text, 0, $at) =~ /(CREATE\s(?:(?!CREATE\s).)*)\z/is;
		$report->($at, 'SECURITY DEFINER without SET search_path')
		  unless ($statement // '') . (substr($text, $at) =~ /\A([^;]*)/)[0] =~ /SET\s+search_path/i;
	}
}
