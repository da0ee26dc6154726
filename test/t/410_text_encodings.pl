# Chunks fit substring() in every server encoding, and templates keep bytes.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main');
my %text = (
	UTF8 => "'Größe. Привет, мир! 数据库很快。 naïve café'",
	LATIN1 => "'Größe. naïve café! Übermaß? ' || repeat('é', 50)",
	WIN1251 => "'Привет, мир! Как дела? Хорошо.'",
	EUC_JP => "'データベース。とても速いです。東京 '",
	SQL_ASCII => "'Größe. ' || E'\\\\377\\\\376 bytes. ' || 'naïve'",
);

for my $encoding (sort keys %text)
{
	my $db = lc "in_$encoding";

	$node->safe_psql('postgres', "CREATE DATABASE $db ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	$node->safe_psql($db, 'CREATE EXTENSION intel');
	# SQL_ASCII knows bytes only: sizes are characters of UTF-8, lengths bytes
	my $unit = $encoding eq 'SQL_ASCII' ? 4 : 1;
	my $client = $encoding eq 'SQL_ASCII' ? 'SQL_ASCII' : 'UTF8';
	is($node->safe_psql($db, <<"SQL"), 't|t|t', "chunks in $encoding");
SET client_encoding = $client;
SELECT bool_and(substring(t, c.start, c.length) = c.content), count(*) > 20,
	bool_and(CASE unit WHEN 'chars' THEN c.length <= 5 * $unit ELSE c.tokens <= 5 OR c.length <= $unit END)
FROM (SELECT $text{$encoding} AS t) s, unnest(ARRAY['fixed', 'sentence', 'recursive', 'markdown']) strategy,
	unnest(ARRAY['tokens', 'chars']) unit, LATERAL intel.chunk(t, strategy, 5, 1, unit) c
SQL
	is($node->safe_psql($db, <<"SQL"), 't|t', "templates and counts in $encoding");
SET client_encoding = $client;
SELECT intel.render('<{{a}}>', jsonb_build_object('a', 'x')) = '<x>', intel.count_tokens($text{$encoding}) > 5
SQL
}

done_testing();
