# META.json has the fields that the PGXN Meta Spec 1.0.0 requires.
use strict;
use warnings;
use JSON::PP;
use Lint;

my $meta = eval { decode_json(slurp('META.json')) };
if (!$meta)
{
	finding('META.json', 1, 'not JSON');
	exit;
}
sub need { my ($ok, $what) = @_; finding('META.json', 1, $what) unless $ok; return; }

my $semantic = qr/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+)?$/;
need(($meta->{name} // '') =~ m{^[^\x00-\x1f/\\\x7f]{2,}$}, 'name: a term of two or more characters');
need(($meta->{version} // '') =~ $semantic, 'version: semantic');
need(length($meta->{abstract} // ''), 'abstract: a sentence');
need(ref $meta->{maintainer} ? @{ $meta->{maintainer} } : length($meta->{maintainer} // ''), 'maintainer: who');
need(defined $meta->{license}, 'license: which');
need(ref $meta->{license} || $meta->{license} =~ /^(agpl_3|apache_1_1|apache_2_0|artistic_1|artistic_2|bsd|freebsd|gfdl_1_2|gfdl_1_3|gpl_1|gpl_2|gpl_3|lgpl_2_1|lgpl_3_0|mit|mozilla_1_0|mozilla_1_1|openssl|perl_5|postgresql|qpl_1_0|ssleay|sun|zlib|open_source|restricted|unrestricted|unknown)$/,
	'license: a known keyword') if defined $meta->{license};
need(ref $meta->{provides} eq 'HASH' && %{ $meta->{provides} }, 'provides: what');
foreach my $name (sort keys %{ $meta->{provides} // {} })
{
	my $one = $meta->{provides}{$name};
	need(-f ($one->{file} // ''), "provides.$name.file: a file of this distribution");
	need(($one->{version} // '') =~ $semantic, "provides.$name.version: semantic");
	need(!$one->{docfile} || -f $one->{docfile}, "provides.$name.docfile: $one->{docfile} does not exist") if $one->{docfile};
}
need(($meta->{'meta-spec'}{version} // '') eq '1.0.0', 'meta-spec.version: 1.0.0');
need(!defined $meta->{release_status} || $meta->{release_status} =~ /^(stable|testing|unstable)$/, 'release_status');
foreach my $key (sort keys %$meta)
{
	need($key =~ /^(name|version|abstract|maintainer|license|provides|meta-spec|description|generated_by|no_index|prereqs|release_status|resources|tags|[Xx]_.*)$/,
		"$key: neither a field of the specification nor x_...");
}
