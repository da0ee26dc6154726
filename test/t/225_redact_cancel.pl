# Every crafted input of test/eval/redact_floods.tsv is cancelled wherever it
# is: by a timeout that has passed when the scan begins, and by later ones, in
# all functions. How late that was is printed; unit_redact_floods.c counts the
# work between two looks for interrupts.

use strict;
use warnings;

use IntelTest;
use Test::More;

my $node = intel_node('main', preload => 0);
my $megabytes = 3;
my $late = 0;

sub unescape
{
	my ($text) = @_;
	my %named = (n => "\n", t => "\t");
	$text =~ s/\\(x[0-9a-f]{2}|.)/length $1 == 3 ? chr(hex substr($1, 1)) : $named{$1} \/\/ $1/ge;
	return $text;
}

# about 20 kB of a flood, with its numbers and drawn characters
sub piece
{
	my ($unit) = @_;
	my $text = '';
	for (my $i = 0; length $text < 20000; $i++)
	{
		my $one = $unit;
		$one =~ s/\{([i9aA])\}/$1 eq 'i' ? $i : $1 eq '9' ? int(rand(10)) : chr(ord($1) + int(rand(26)))/ge;
		$text .= $one;
	}
	return $text;
}

# Run statements in a session, each under a timeout; returns their states, and
# notes how late those were that were cancelled.
sub states
{
	my ($timeout, @statements) = @_;
	my $script = "\\set VERBOSITY sqlstate\nSET statement_timeout = '${timeout}ms';\n\\timing on\n";
	my ($out, $err) = ('', '');
	$script .= "$_\n\\g /dev/null\n\\echo state :SQLSTATE\n" foreach @statements;
	$node->psql('postgres', $script, stdout => \$out, stderr => \$err, on_error_stop => 0);
	my @states = $out =~ /^state (\w+)$/mg;
	my @times = $out =~ /^Time: ([\d.]+) ms/mg;
	foreach my $i (0 .. $#states)
	{
		my $after = ($times[$i] // 0) - $timeout;
		next unless $states[$i] eq '57014';
		$late = $after if $after > $late;
		note(sprintf('%.0f ms late: %s', $after, $statements[$i])) if $after > 40;
	}
	return @states;
}

$node->safe_psql('postgres', 'CREATE TABLE flood (name text, content text); ALTER TABLE flood ALTER content SET STORAGE EXTERNAL');
open(my $file, '<', '../test/eval/redact_floods.tsv') or die $!;
my @names;
my $load = "SET client_encoding = UTF8;\nCOPY flood FROM stdin;\n";
srand(42);
while (my $line = <$file>)
{
	next if $line =~ /^#/;
	chomp $line;
	my ($name, $unit, $head) = split /\t/, $line, -1;
	my $text = unescape($head // '') . piece(unescape($unit));
	$text =~ s/([\\\n\t\r])/{"\\" => "\\\\", "\n" => "\\n", "\t" => "\\t", "\r" => "\\r"}->{$1}/ge;
	$load .= "$name\t$text\n";
	push @names, $name;
}
$load .= "\\.\nUPDATE flood SET content = repeat(content, $megabytes * 1000000 / octet_length(content));\n";
$node->safe_psql('postgres', $load);
is($node->safe_psql('postgres', 'SELECT count(*) FROM flood WHERE octet_length(content) > 2000000'), scalar @names, 'all crafted inputs');

my @calls = ("intel.redact(content, 'strict')", 'intel.contains_pii(content)', '(intel.pseudonymize(content)).mapping');
foreach my $call (@calls)
{
	my @statements = map { "SELECT $call FROM flood WHERE name = '$_'" } @names;
	my @states = states(1, @statements);
	my @missed = map { $names[$_] } grep { $states[$_] ne '57014' } 0 .. $#states;
	is("@missed", '', "$call: each of " . @states . ' cancelled when the scan begins');
	# by the second look it may be done
	@states = states(30, @statements);
	is(scalar(grep { !/^(?:57014|00000)$/ } @states), 0, "$call: cancelled later on, or done");
}

# the rest of the functions, where they have the most to do
$node->safe_psql('postgres', q{
SELECT intel.set_redaction('masked', 'ALL', 'mask', '{"keep_last": 2}');
CREATE TABLE big AS SELECT
	(SELECT string_agg('user' || i || '@example.com', ' ') FROM generate_series(1, 200000) AS i) AS mails,
	(SELECT string_agg('<EMAIL_ADDRESS_' || i || '>', ' ') FROM generate_series(1, 200000) AS i) AS placeholders,
	(SELECT jsonb_agg('user' || i || '@example.com') FROM generate_series(1, 100000) AS i) AS list,
	(SELECT jsonb_object_agg('user' || i || '@example.com', i) FROM generate_series(1, 100000) AS i) AS keys,
	(repeat('[', 400) || repeat('"a@b.co",', 100000) || '1' || repeat(']', 400))::jsonb AS deep,
	(SELECT jsonb_object_agg('<EMAIL_ADDRESS_' || i || '>', 'user') FROM generate_series(1, 200000) AS i) AS mapping,
	repeat('aab', 1000000) AS runs;
INSERT INTO intel.redaction_path (policy, path, action, entity) VALUES ('masked', '{**,x,*,y}', 'redact', 'CUSTOM');
});
my @rest = ('SELECT count(*) FROM big, intel.detect_pii(mails)', 'SELECT count(*) FROM big, intel.detect_pii(list)');
push @rest, map { "SELECT $_ FROM big" } (
	"intel.redact(mails, 'masked')", 'intel.redact(list)', 'intel.redact(keys)', 'intel.redact(deep)', "intel.redact(deep, 'masked')",
	'intel.contains_pii(deep)', '(intel.pseudonymize(mails)).content', '(intel.pseudonymize(list)).content',
	'intel.restore(placeholders, mapping)', 'intel.restore(to_jsonb(placeholders), mapping)');
foreach my $timeout (1, 20, 60, 120)
{
	my @states = states($timeout, @rest);
	is(scalar(grep { !/^(?:57014|00000)$/ } @states), 0, "documents, finds, the way back: cancelled after $timeout ms, or done");
	is(scalar(grep { $_ eq '57014' } @states), scalar @rest, 'each of them cancelled') if $timeout == 1;
}

# words and patterns of the user
$node->safe_psql('postgres', q{
INSERT INTO intel.gazetteer (entity, term, scope) VALUES ('CUSTOM', 'a a b', 'all'), ('CUSTOM', '1 1', 'all'), ('CUSTOM', 'the quick', 'all');
INSERT INTO intel.custom_rule (name, entity, pattern) VALUES ('slow', 'CUSTOM', '(a|aa)+c|a'), ('dots', 'CUSTOM', '.*x|\d')
});
my @ruled = map { "SELECT intel.redact(content) FROM flood WHERE name = '$_'" } qw(digits words-long words digits-blank domains entity-digits);
foreach my $timeout (1, 60, 200)
{
	my @states = states($timeout, @ruled, 'SELECT intel.redact(runs) FROM big');
	is(scalar(grep { $_ ne '57014' } @states), 0, "words and patterns: cancelled after $timeout ms") if $timeout == 1;
	is(scalar(grep { !/^(?:57014|00000)$/ } @states), 0, 'or done');
}
diag(sprintf('at most %.0f ms late', $late));

# a session that was cancelled goes on
my ($out, $err) = ('', '');
$node->psql('postgres', "SET statement_timeout = 1; SELECT intel.redact(content) FROM flood; RESET statement_timeout; SELECT intel.redact('mein b\@c.de')",
	stdout => \$out, stderr => \$err, on_error_stop => 0);
like($err, qr/canceling statement/, 'a session whose statement was cancelled');
is($out, 'mein <EMAIL_ADDRESS>', 'goes on, and its next call is right');

done_testing();
