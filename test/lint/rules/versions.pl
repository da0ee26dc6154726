# intel.control is the only place where the version is written by hand, but
# for META.json and the changelog, which must agree; upgrade scripts form one
# linear chain that ends there.
use strict;
use warnings;
use JSON::PP;
use Lint;

my ($version) = slurp('intel.control') =~ /^default_version\s*=\s*'([^']+)'/m;
finding('intel.control', 1, 'no default_version') unless $version;
$version //= '';

my $meta = decode_json(slurp('META.json'));
finding('META.json', 1, "version is $meta->{version}, not $version") if $meta->{version} ne $version;
finding('META.json', 1, "provided version is $meta->{provides}{intel}{version}, not $version")
  if $meta->{provides}{intel}{version} ne $version;

my ($newest) = slurp('CHANGELOG.md') =~ /^## (\S+)/m;
finding('CHANGELOG.md', 1, 'the newest entry is ' . ($newest // 'missing') . ", not $version")
  if ($newest // '') ne $version;

foreach my $file (files('src/*/*.[ch]', 'src/*/*.sql', 'Makefile'))
{
	my $text = slurp($file);
	$text =~ s/--\d+\.\d+\.\d+//g;    # names of upgrade scripts
	finding($file, line_of($text, $-[0]), "the version is written here, too")
	  if $version && $text =~ /(?<![\d.])\Q$version\E(?![\d.])/;
}

my %next;
foreach my $file (files('src/extension/upgrade/*.sql'))
{
	my ($from, $to) = $file =~ /intel--([\d.]+)--([\d.]+)\.sql$/;
	finding($file, 1, 'not named intel--A--B.sql'), next unless $from;
	finding($file, 1, "a second way on from $from") if $next{$from};
	$next{$from} = $to;
}
my %reached = map { $_ => 1 } values %next;
my @starts = grep { !$reached{$_} } sort keys %next;
my @ends = grep { !$next{$_} } sort keys %reached;
finding('src/extension/upgrade', 1, "the chain has several starts: @starts") if @starts > 1;
finding('src/extension/upgrade', 1, "the chain ends at $ends[0], not $version") if @ends && $ends[0] ne $version;
