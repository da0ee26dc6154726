# Redaction in every server encoding: what comes out is valid there, offsets
# fit substring(), everything else stays byte for byte.

use strict;
use warnings;

use IntelTest;
use Test::More;

my $node = intel_node('main', preload => 0);
my %text = (
	UTF8 => q{'Größe ☃ jürgen@müller.de, 4111 1111 1111 1111 für Ærø'},
	LATIN1 => q{'Größe jürgen@müller.de, 4111 1111 1111 1111 für Ærø'},
	LATIN9 => q{'Größe € jürgen@müller.de, 4111 1111 1111 1111 für Ærø'},
	WIN1251 => q{'Привет: ivan@пример.рф, 4111 1111 1111 1111, пока'},
	EUC_JP => q{'東京 jane@example.com 4111 1111 1111 1111 です'},
	EUC_JIS_2004 => q{'東京 jane@example.com 4111 1111 1111 1111 です'},
	EUC_KR => q{'서울 jane@example.com 4111 1111 1111 1111 입니다'},
	SQL_ASCII => q{'Größe ☃ jürgen@müller.de, 4111 1111 1111 1111 für Ærø'});

foreach my $encoding (sort keys %text)
{
	my $db = lc "in_$encoding";

	$node->safe_psql('postgres', "CREATE DATABASE $db ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	$node->safe_psql($db, 'CREATE EXTENSION intel');
	my $client = $encoding eq 'SQL_ASCII' ? 'SQL_ASCII' : 'UTF8';
	$node->safe_psql($db, <<"SQL");
SET client_encoding = $client;
CREATE TABLE sample AS SELECT $text{$encoding}::text AS t;
SELECT intel.set_redaction('masked', 'ALL', 'mask', '{"keep_last": 9}');
INSERT INTO intel.gazetteer (entity, term, scope) SELECT 'CUSTOM', substring(t, '\\S+\$'), 'all' FROM sample;
SQL
	is($node->safe_psql($db, q{SELECT bool_and(substring(t, d.start, d.length) = d.value), string_agg(entity, ' ' ORDER BY start)
		FROM sample, intel.detect_pii(t) AS d}), 't|EMAIL_ADDRESS CREDIT_CARD CUSTOM', "$encoding: offsets fit");
	is($node->safe_psql($db, q{SELECT intel.redact(t) = replace(replace(replace(t, e.value, '<EMAIL_ADDRESS>'), '4111 1111 1111 1111', '<CREDIT_CARD>'),
			substring(t, '\S+$'), '<CUSTOM>'),
		(SELECT bool_and(intel.redact(r) = r) FROM intel.redact(t) AS r)
		FROM sample, intel.detect_pii(t) AS e WHERE entity = 'EMAIL_ADDRESS'}), 't|t', "$encoding: the rest stays, twice is once");
	is($node->safe_psql($db, q{SELECT intel.restore(p.content, p.mapping) = t, intel.restore(j.content, j.mapping) = jsonb_build_object('a', t)
		FROM sample, intel.pseudonymize(t) AS p, LATERAL (SELECT * FROM intel.pseudonymize(jsonb_build_object('a', t))) AS j(content, mapping)}),
		't|t', "$encoding: there and back");
	# masks keep whole characters
	is($node->safe_psql($db, q{SELECT length(intel.redact(t, 'masked')) = length(t), convert_to(intel.redact(t, 'masked'), getdatabaseencoding()) IS NOT NULL
		FROM sample}), 't|t', "$encoding: masks are valid text") if $encoding ne 'SQL_ASCII';
	unless ($encoding eq 'SQL_ASCII' || $encoding eq 'UTF8')
	{
		# the properties of the regression test; every count but the texts' is 0
		my $out = $node->safe_psql($db, "SET client_encoding = UTF8;\n" . PostgreSQL::Test::Utils::slurp_file('../sql/redact_property.sql'));
		my @rows = grep { /^(?:default|strict|property)/ } split /\n/, $out;

		is(scalar(grep { /^\w+\|4000\|t(?:\|0){7}$/ } @rows), 5, "$encoding: properties hold") or diag $out;
		like($out, qr/^0\|0\nt\|0\n0\|0\n0\|0\|t$/m, "$encoding: there and back") or diag $out;
	}
	is($node->safe_psql($db, q{SELECT intel.redact(''), intel.redact(NULL::text) IS NULL, intel.redact('x', NULL) IS NULL,
		(SELECT count(*) FROM intel.detect_pii(''))}), '|t|t|0', "$encoding: empty and null");
	is($node->safe_psql($db, q{SELECT length(r) > 1000000, right(r, 15) FROM (SELECT string_agg(t, ' ') || ' ' || repeat('x ', 500000) || 'a@b.co' AS long FROM sample) AS l,
		intel.redact(long) AS r}), 't|<EMAIL_ADDRESS>', "$encoding: long");
}

# bytes that are no text are an error, not let through, and not shown
is($node->safe_psql('in_sql_ascii', q{SELECT intel.redact('plain')}), 'plain', 'SQL_ASCII: ASCII');
foreach my $call ('intel.redact(%s)', 'intel.contains_pii(%s)', 'intel.pseudonymize(%s)', "intel.redact(jsonb_build_object('a', %s))")
{
	my $sql = 'SELECT ' . sprintf($call, q{E'jane@example.com \377'});
	is(sqlstate($node, $sql, dbname => 'in_sql_ascii'), '22021', "SQL_ASCII: $call of bytes that are no UTF-8");
}
$node->psql('in_sql_ascii', q{SELECT intel.redact(E'jane@example.com \377 secret')}, stderr => \my $err);
unlike($err, qr/jane|secret\b.*secret/, 'the message does not show them');

done_testing();
