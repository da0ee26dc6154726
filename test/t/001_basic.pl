# Create, drop, version, dump and restore; with and without preload.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# What an extension may leave behind in a database.
my $objects = q{
	SELECT (SELECT count(*) FROM pg_proc) + (SELECT count(*) FROM pg_type)
		+ (SELECT count(*) FROM pg_class) + (SELECT count(*) FROM pg_operator)
		+ (SELECT count(*) FROM pg_cast) + (SELECT count(*) FROM pg_opclass)
		+ (SELECT count(*) FROM pg_policy) + (SELECT count(*) FROM pg_event_trigger)
		+ (SELECT count(*) FROM pg_description)};

my $node = intel_node('main', extension => 0);

# ---- versions ----------------------------------------------------------------

my $default = $node->safe_psql('postgres',
	q{SELECT default_version FROM pg_available_extensions WHERE name = 'intel'});
like($default, qr/^\d+\.\d+\.\d+$/, 'the extension is installed');

$node->safe_psql('postgres', 'CREATE DATABASE one');
my $before = $node->safe_psql('one', $objects);
$node->safe_psql('one', 'CREATE EXTENSION intel');
is($node->safe_psql('one', 'SELECT intel.version()'), $default,
	'library and script have the same version');
is( $node->safe_psql('one', q{SELECT extversion FROM pg_extension WHERE extname = 'intel'}),
	$default, 'the catalog has that version');

# ---- dump and restore ----------------------------------------------------------

$node->safe_psql('one', <<'SQL');
CREATE TABLE note (id int PRIMARY KEY, owner text DEFAULT intel.subject(), body text);
INSERT INTO note VALUES (1, 'u1', 'kept');
CREATE VIEW mine AS SELECT * FROM note WHERE owner IS NOT DISTINCT FROM intel.subject();
SQL
my $dump = $node->basedir . '/one.sql';
my $again = $node->basedir . '/two.sql';
command_ok([ 'pg_dump', '-d', $node->connstr('one'), '-f', $dump ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE two');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('two'), '-f', $dump ],
	'restore');
command_ok([ 'pg_dump', '-d', $node->connstr('two'), '-f', $again ], 'pg_dump of the restored database');
is(without_keys(slurp_file($again)), without_keys(slurp_file($dump)), 'both dumps are the same');
is( $node->safe_psql('two', q{SET request.jwt.claims = '{"sub": "u1"}'; SELECT body FROM mine}),
	'kept', 'restored objects work');

# pg_dump draws a new key for \restrict each time
sub without_keys
{
	my ($text) = @_;
	$text =~ s/^\\(un)?restrict \S+$//mg;
	return $text;
}

# ---- drop ------------------------------------------------------------------------

like(($node->psql('one', 'DROP EXTENSION intel'))[2], qr/view mine depends on function intel\.subject/,
	'what depends on the extension protects it');
$node->safe_psql('one', 'DROP EXTENSION intel CASCADE; DROP TABLE note; DROP SCHEMA IF EXISTS intel');
is($node->safe_psql('one', $objects), $before, 'dropping leaves nothing behind');
$node->safe_psql('one', 'CREATE EXTENSION intel; DROP EXTENSION intel; CREATE EXTENSION intel');
is($node->safe_psql('one', 'SELECT intel.version()'), $default, 'create, drop, create in one session');

# ---- who may -----------------------------------------------------------------------

$node->safe_psql('postgres', 'CREATE ROLE plain LOGIN; CREATE DATABASE three OWNER plain');
is(sqlstate($node, 'CREATE EXTENSION intel', dbname => 'three', user => 'plain'),
	'42501', 'an ordinary role cannot create the extension');
is( sqlstate($node, 'SELECT intel.version()', dbname => 'one', user => 'plain'),
	'00000', 'an ordinary role can use it');

# Workers and functions of the owner would call what somebody else makes under the old name.
is(sqlstate($node, 'ALTER SCHEMA intel RENAME TO elsewhere', dbname => 'one'), '0A000', 'the schema keeps its name');
$node->safe_psql('one', 'CREATE SCHEMA other; ALTER SCHEMA other RENAME TO another; DROP SCHEMA another');

# Whoever may create functions in the schema could make one that fits a call of a superuser better.
$node->safe_psql('postgres', 'CREATE DATABASE four; GRANT CREATE ON DATABASE four TO plain');
$node->safe_psql('four', 'SET ROLE plain; CREATE SCHEMA intel');
is(sqlstate($node, 'CREATE EXTENSION intel', dbname => 'four'), '55000', 'a schema of an ordinary role is not taken');
$node->safe_psql('four', 'DROP SCHEMA intel; CREATE SCHEMA intel; GRANT CREATE ON SCHEMA intel TO PUBLIC');
is(sqlstate($node, 'CREATE EXTENSION intel', dbname => 'four'), '55000', 'nor one in which others may create objects');
$node->safe_psql('four', q{SET ROLE plain; CREATE FUNCTION intel.grant_access(text) RETURNS void LANGUAGE sql AS ''});
$node->safe_psql('four', 'REVOKE CREATE ON SCHEMA intel FROM PUBLIC');
is(sqlstate($node, 'CREATE EXTENSION intel', dbname => 'four'), '55000', 'nor one in which another has left a function');
$node->safe_psql('four', 'DROP FUNCTION intel.grant_access(text)');
is(sqlstate($node, 'CREATE EXTENSION intel', dbname => 'four'), '00000', 'an empty one of a superuser is');

unlike(log_since($node, 0), qr/(WARNING|PANIC|TRAP):|server process .* was terminated/, 'the server log is clean');
$node->stop;

# ---- without preload --------------------------------------------------------------

my $bare = intel_node('bare', preload => 0);
is($bare->safe_psql('postgres', 'SELECT intel.version()'), $default, 'works without preload');
is($bare->safe_psql('postgres', q{SET request.jwt.claims = '{"sub": "u2"}'; SELECT intel.subject()}),
	'u2', 'identity works without preload');
unlike(log_since($bare, 0), qr/(WARNING|PANIC|TRAP):/, 'the log without preload is clean');
$bare->stop;

done_testing();
