# Random JSON Schemas of the subset that intel checks, random values, and
# whether a value fits, by the specification (JSON Schema 2020-12) and nothing
# of intel's. Values are pairs of a kind and what it holds: [string => 'a'],
# [number => '1.50'], [array => [...]], [object => {...}], [true => 1].

package SchemaOracle;

use strict;
use warnings;
use utf8;

use Exporter 'import';
our @EXPORT_OK = qw(random_schema random_value write_schema write_value fits);

my @names = qw(a b c);
my @kinds = qw(null boolean integer number string array object);

sub pick { return $_[ int rand @_ ]; }
sub chance { return rand() < $_[0]; }

# ---- values -----------------------------------------------------------------

sub random_value
{
	my ($depth) = @_;
	my $kind = pick(qw(null true false number number string string), $depth > 0 ? qw(array object object) : ());

	return [ number => pick('0', '-1', '1', '2', '3', '2.0', '2.5', '-0.5', '1e1', '30', '1234567890123456789') ] if $kind eq 'number';
	return [ string => join '', map { pick('x', 'y', 'ä', '😀', '1') } 1 .. int rand 4 ] if $kind eq 'string';
	return [ array => [ map { random_value($depth - 1) } 1 .. int rand 4 ] ] if $kind eq 'array';
	return [ object => { map { ($_ => random_value($depth - 1)) } grep { chance(0.5) } @names } ] if $kind eq 'object';
	return [ $kind => 1 ];
}

sub write_value
{
	my ($kind, $content) = @{ $_[0] };

	return $content if $kind eq 'number';
	return qq{"$content"} if $kind eq 'string';
	return '[' . join(',', map { write_value($_) } @$content) . ']' if $kind eq 'array';
	return '{' . join(',', map { qq{"$_":} . write_value($content->{$_}) } sort keys %$content) . '}' if $kind eq 'object';
	return $kind;
}

sub equal
{
	my ($x, $y) = @_;

	return 0 if $x->[0] ne $y->[0];
	return $x->[1] == $y->[1] if $x->[0] eq 'number';
	return $x->[1] eq $y->[1] if $x->[0] eq 'string';
	if ($x->[0] eq 'array')
	{
		return 0 if @{ $x->[1] } != @{ $y->[1] };
		return !grep { !equal($x->[1][$_], $y->[1][$_]) } 0 .. $#{ $x->[1] };
	}
	if ($x->[0] eq 'object')
	{
		return 0 if join(',', sort keys %{ $x->[1] }) ne join(',', sort keys %{ $y->[1] });
		return !grep { !equal($x->[1]{$_}, $y->[1]{$_}) } keys %{ $x->[1] };
	}
	return 1;
}

# ---- schemas ------------------------------------------------------------------

# A schema is 0, 1 (false, true) or a hash of keywords.
sub random_schema
{
	my ($depth) = @_;
	my %schema;
	my $below = sub { random_schema($depth - 1) };

	return int rand 2 if chance(0.05);
	$schema{type} = chance(0.7) ? [ pick(@kinds) ] : [ map { pick(@kinds) } 1 .. 2 ] if chance(0.5);
	delete $schema{type} if $schema{type} && @{ $schema{type} } == 2 && $schema{type}[0] eq $schema{type}[1];
	$schema{enum} = [ map { random_value(1) } 1 .. 3 ] if chance(0.08);
	$schema{const} = random_value(1) if chance(0.04);
	foreach my $bound (qw(minimum maximum exclusiveMinimum exclusiveMaximum))
	{
		$schema{$bound} = pick(-1, 0, 1, 2, 2.5, 10) if chance(0.1);
	}
	$schema{minLength} = int rand 3 if chance(0.1);
	$schema{maxLength} = int rand 3 if chance(0.1);
	$schema{minItems} = int rand 3 if chance(0.1);
	$schema{maxItems} = int rand 3 if chance(0.1);
	$schema{required} = [ grep { chance(0.4) } @names ] if chance(0.2);
	return \%schema if $depth == 0;
	$schema{items} = $below->() if chance(0.2);
	$schema{properties} = { map { ($_ => $below->()) } grep { chance(0.6) } @names } if chance(0.4);
	$schema{additionalProperties} = $below->() if chance(0.2);
	foreach my $some (qw(anyOf allOf oneOf))
	{
		$schema{$some} = [ map { $below->() } 1 .. 1 + int rand 2 ] if chance(0.1);
	}
	return \%schema;
}

sub write_schema
{
	my ($schema) = @_;
	my @members;

	return $schema ? 'true' : 'false' if !ref $schema;
	foreach my $word (sort keys %$schema)
	{
		my $x = $schema->{$word};
		my $text =
			$word eq 'type' ? (@$x == 1 ? qq{"$x->[0]"} : '[' . join(',', map { qq{"$_"} } @$x) . ']')
			: $word eq 'required' ? '[' . join(',', map { qq{"$_"} } @$x) . ']'
			: $word eq 'enum' ? '[' . join(',', map { write_value($_) } @$x) . ']'
			: $word eq 'const' ? write_value($x)
			: $word eq 'properties' ? '{' . join(',', map { qq{"$_":} . write_schema($x->{$_}) } sort keys %$x) . '}'
			: $word =~ /Of$/ ? '[' . join(',', map { write_schema($_) } @$x) . ']'
			: $word =~ /^(?:items|additionalProperties)$/ ? write_schema($x)
			: $x;
		push @members, qq{"$word":$text};
	}
	return '{' . join(',', @members) . '}';
}

sub is_of
{
	my ($type, $value) = @_;
	my ($kind, $content) = @$value;

	return $kind eq 'true' || $kind eq 'false' if $type eq 'boolean';
	return $kind eq 'number' && $content == int $content if $type eq 'integer';
	return $kind eq $type;
}

# Each keyword says something of one kind of value, and nothing of others.
sub fits_number
{
	my ($schema, $x) = @_;

	return 0 if defined $schema->{minimum} && $x < $schema->{minimum};
	return 0 if defined $schema->{maximum} && $x > $schema->{maximum};
	return 0 if defined $schema->{exclusiveMinimum} && $x <= $schema->{exclusiveMinimum};
	return 0 if defined $schema->{exclusiveMaximum} && $x >= $schema->{exclusiveMaximum};
	return 1;
}

sub fits_count
{
	my ($schema, $word, $count) = @_;

	return 0 if defined $schema->{"min$word"} && $count < $schema->{"min$word"};
	return 0 if defined $schema->{"max$word"} && $count > $schema->{"max$word"};
	return 1;
}

sub fits_object
{
	my ($schema, $members) = @_;
	my $properties = $schema->{properties} // {};

	return 0 if grep { !exists $members->{$_} } @{ $schema->{required} // [] };
	foreach my $name (keys %$members)
	{
		my $of = exists $properties->{$name} ? $properties->{$name} : $schema->{additionalProperties} // 1;
		return 0 if !fits($of, $members->{$name});
	}
	return 1;
}

sub fits
{
	my ($schema, $value) = @_;
	my ($kind, $content) = @$value;

	return $schema if !ref $schema;
	return 0 if $schema->{type} && !grep { is_of($_, $value) } @{ $schema->{type} };
	return 0 if $schema->{enum} && !grep { equal($_, $value) } @{ $schema->{enum} };
	return 0 if $schema->{const} && !equal($schema->{const}, $value);
	return 0 if $kind eq 'number' && !fits_number($schema, $content);
	return 0 if $kind eq 'string' && !fits_count($schema, 'Length', length $content);
	return 0 if $kind eq 'array' && !fits_count($schema, 'Items', scalar @$content);
	return 0 if $kind eq 'array' && defined $schema->{items} && grep { !fits($schema->{items}, $_) } @$content;
	return 0 if $kind eq 'object' && !fits_object($schema, $content);
	return 0 if $schema->{allOf} && grep { !fits($_, $value) } @{ $schema->{allOf} };
	return 0 if $schema->{anyOf} && !grep { fits($_, $value) } @{ $schema->{anyOf} };
	return 0 if $schema->{oneOf} && 1 != grep { fits($_, $value) } @{ $schema->{oneOf} };
	return 1;
}

1;
