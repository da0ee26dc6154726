
=pod

=head1 NAME

IntelTest - nodes with intel, the model server, conditions, crashes, roles

=head1 SYNOPSIS

  use IntelTest;
  use Test::More;

  my $node = intel_node('main');                # preloaded, started, extension created
  my $mock = start_mock(dimensions => 8);
  $mock->control({ match => { path => '/chat/' }, do => ['500', 'ok'] });
  wait_for_sql($node, q{SELECT status = 'succeeded' FROM intel.job}, 'the job ends');
  is($mock->stats->{requests}, 2, 'one retry');
  done_testing();

Tests never sleep and hope: they wait for a condition with a deadline.

=cut

package IntelTest;

use strict;
use warnings;

# initdb takes the encoding from here, and a bare machine has no locale set.
BEGIN { $ENV{LANG} = 'C.UTF-8'; }

use Carp;
use Exporter 'import';
use File::Basename qw(dirname);
use File::Spec;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  intel_node
  start_mock
  start_fast_server
  wait_for
  wait_for_sql
  try_sql
  worker_pids
  kill9_worker
  kill9_server
  kill9_starting_server
  log_position
  log_since
  supabase_roles
  psql_as
  sqlstate
);

# Seconds to wait for a condition; slow machines and sanitizers raise it.
our $deadline = $ENV{INTEL_TEST_TIMEOUT} || 60;

=head1 NODES

=head2 intel_node($name, %options)

A started node. Options: preload (default 1), extension (create it in database
postgres, default 1), conf (text for postgresql.conf), env (hash of variables
that the server sees), start (default 1).

=cut

sub intel_node
{
	my ($name, %options) = @_;
	my $preload = $options{preload} // 1;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init;
	$node->append_conf('postgresql.conf',
		"max_worker_processes = 16\nlog_line_prefix = '%m [%p] %b %q%d %u '\n");
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'intel'\n")
	  if $preload;
	$node->append_conf('postgresql.conf', $options{conf}) if $options{conf};
	return $node if exists $options{start} && !$options{start};

	{
		local %ENV = (%ENV, %{ $options{env} // {} });
		$node->start;
	}
	$node->safe_psql('postgres', 'CREATE EXTENSION intel')
	  if $options{extension} // 1;
	return $node;
}

=head1 WAITING

=head2 wait_for($what, $code, $seconds)

Call $code until it returns true; its value, or death naming $what at the
deadline (60 s, or INTEL_TEST_TIMEOUT).

=cut

sub wait_for
{
	my ($what, $code, $seconds) = @_;
	my $end = time() + ($seconds // $deadline);
	my $pause = 0.01;

	while (1)
	{
		my $value = $code->();
		return $value if $value;
		croak "timed out waiting for: $what" if time() > $end;
		sleep($pause);
		$pause *= 1.5 if $pause < 0.25;
	}
}

=head2 wait_for_sql($node, $sql, $what, %options)

Wait until $sql returns exactly 't'. Options: dbname, seconds.

=cut

sub wait_for_sql
{
	my ($node, $sql, $what, %options) = @_;
	my $last = '';

	my $seen = eval {
		wait_for(
			$what // $sql,
			sub {
				my ($rc, $out, $err) = try_sql($node, $sql, dbname => $options{dbname});
				$last = $out ne '' ? $out : $err;
				return $rc == 0 && $out eq 't';
			},
			$options{seconds});
	};
	return 1 if $seen;
	chomp(my $why = $@);
	$why =~ s/ at \S+ line \d+\.$//;
	croak "$why; the last answer was: $last";
}

=head2 try_sql($node, $sql, %options)

Exit code, output and errors of psql for a server that may be down. $sql is an
argument: a psql that cannot connect ends without reading its input, which
breaks the pipe that $node->psql writes to. Options: dbname.

=cut

sub try_sql
{
	my ($node, $sql, %options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr($options{dbname} // 'postgres'), '-c', $sql ],
		'<', \undef, '>', \$out, '2>', \$err);
	my $rc = $? >> 8;
	chomp($out, $err);
	return ($rc, $out, $err);
}

=head1 CRASHES

=head2 worker_pids($node, $like)

Process ids of intel's background workers whose type matches $like (regular
expression, default '^intel').

=cut

sub worker_pids
{
	my ($node, $like) = @_;
	$like //= '^intel';
	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type ~ '$like' ORDER BY 1");
}

=head2 kill9_worker($node, $like)

kill -9 the matching workers and wait until the server, which restarts all its
processes after that, answers again. Returns how many were killed.

=cut

sub kill9_worker
{
	my ($node, $like) = @_;
	my @pids = worker_pids($node, $like) or croak 'no such worker to kill';
	my $log = log_position($node);

	kill 'KILL', @pids;
	wait_for('the server to notice the crash',
		sub { log_since($node, $log) =~ /all server processes terminated|reinitializing/ });
	wait_for_sql($node, 'SELECT NOT pg_is_in_recovery()', 'the server to answer again');
	return scalar @pids;
}

=head2 kill9_server($node)

kill -9 the postmaster, wait for its children to go, start it again.

=cut

sub kill9_server
{
	my ($node) = @_;
	my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /\A(\d+)/;
	my @children = children_of($pid);

	$node->kill9;
	wait_for('the children of the killed postmaster to end',
		sub { !grep { kill 0, $_ } @children });
	$node->start;
	return;
}

=head2 kill9_starting_server($node)

Stop the server at once, start it, kill -9 its postmaster somewhere in the first
quarter of a second, and start it again.

=cut

sub kill9_starting_server
{
	my ($node) = @_;
	my $pid_file = $node->data_dir . '/postmaster.pid';

	$node->stop('immediate');
	system_log('pg_ctl', '-W', '-D', $node->data_dir, '-l', $node->logfile, 'start');
	# before it says so, a kill leaves files that no server starts with
	my $pid = wait_for('the server to be starting',
		sub { -s $pid_file && (slurp_file($pid_file) =~ /\A(\d+)\n.*^(?:starting|ready)/ms)[0] });
	sleep(rand(0.25));
	my @processes = ($pid, children_of($pid));
	kill 'KILL', $pid;
	wait_for('the killed server to end', sub { !grep { kill 0, $_ } @processes });
	$node->start;
	return;
}

sub children_of
{
	my ($pid) = @_;
	my @found;

	foreach my $file (glob '/proc/[0-9]*/stat')
	{
		open(my $fh, '<', $file) or next;
		my $line = <$fh> // '';
		push @found, $1 if $line =~ /^(\d+) \(.*\) \S (\d+)/s && $2 == $pid;
	}
	return @found;
}

=head1 SERVER LOG

=head2 log_position($node), log_since($node, $position)

The end of the log now; what was logged after it.

=cut

sub log_position
{
	my ($node) = @_;
	return -s $node->logfile // 0;
}

sub log_since
{
	my ($node, $position) = @_;
	return slurp_file($node->logfile, $position // 0);
}

=head1 ROLES AND ERRORS

=head2 supabase_roles($node, $dbname)

The roles of a Supabase-style stack: authenticator, which logs in and may
become anon, authenticated or service_role (which bypasses RLS).

=cut

sub supabase_roles
{
	my ($node, $dbname) = @_;
	$node->safe_psql($dbname // 'postgres', <<'SQL');
CREATE ROLE anon NOLOGIN NOINHERIT;
CREATE ROLE authenticated NOLOGIN NOINHERIT;
CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT;
GRANT anon, authenticated, service_role TO authenticator;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
	GRANT ALL ON TABLES TO anon, authenticated, service_role;
SQL
	return;
}

=head2 psql_as($node, $role, $claims, $sql, %options)

Run $sql as PostgREST does: log in as authenticator, and in one transaction
SET LOCAL ROLE and request.jwt.claims (a hash, text, or undef). Returns
(exit code, output, errors); the output is that of $sql alone. Options: dbname,
rollback (default 0).

=cut

sub psql_as
{
	my ($node, $role, $claims, $sql, %options) = @_;
	$claims = JSON::PP->new->canonical->encode($claims) if ref $claims;
	my $set = defined $claims ? 'SET LOCAL request.jwt.claims = ' . quote($claims) . ';' : '';
	my $end = $options{rollback} ? 'ROLLBACK' : 'COMMIT';
	my ($out, $err) = ('', '');

	$sql =~ s/;?\s*\z//;
	my $rc = $node->psql(
		$options{dbname} // 'postgres',
		"BEGIN; SET LOCAL ROLE $role; $set $sql; $end;",
		stdout => \$out, stderr => \$err, extra_params => [ '-U', 'authenticator' ]);
	return ($rc, $out, $err);
}

sub quote
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	return "'$text'";
}

=head2 sqlstate($node, $sql, %options)

The SQLSTATE that $sql fails with, or '00000'. Options: dbname, user.

=cut

sub sqlstate
{
	my ($node, $sql, %options) = @_;
	my ($out, $err) = ('', '');
	my @user = $options{user} ? ('-U', $options{user}) : ();

	$node->psql($options{dbname} // 'postgres', "\\set VERBOSITY sqlstate\n$sql",
		stdout => \$out, stderr => \$err, extra_params => \@user);
	return $err =~ /^(?:psql:\S+ )?(?:ERROR|FATAL|PANIC):  (\w{5})$/m ? $1 : '00000';
}

=head1 THE MODEL SERVER

=head2 start_mock(%options)

Start test/mock/llm_server.py on a free port of the loopback interface. It
ends with this process. Options: dimensions, record (file for the bytes
received), tls (1: with a certificate of its own; method cert_file), or cert
and key (files in PEM).

Methods: port, url($path), control(@rules), requests, raw, stats,
wait_requests($count, $seconds), reset, stop. Rules: see test/mock/README.md.

=cut

sub start_mock
{
	my (%options) = @_;
	return IntelTest::Mock->start(%options);
}

=head2 start_fast_server($ms)

For benchmarks: build and start bench/fast_server.c, which answers every call
after so many milliseconds; its port. It ends with this process.

=cut

# perl closes a lexical handle, which waits for the server, before END
our $fast_server;
my $fast_pid;

sub start_fast_server
{
	my ($ms) = @_;
	my $program = PostgreSQL::Test::Utils::tempdir() . '/fast_server';

	PostgreSQL::Test::Utils::system_or_bail('gcc', '-O2', '-o', $program,
		File::Spec->rel2abs(File::Basename::dirname(__FILE__) . '/../bench/fast_server.c'));
	$fast_pid = open($fast_server, '-|', $program, $ms) or croak "fast_server: $!";
	return <$fast_server> + 0;
}

END { kill 'TERM', $fast_pid if $fast_pid; }

package IntelTest::Mock;

use strict;
use warnings;
use Carp;

sub start
{
	my ($class, %options) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my $server = File::Spec->rel2abs(dirname_of(__FILE__) . '/../mock/llm_server.py');
	my @command = ($ENV{PYTHON} || 'python3', $server, '--port-file', "$dir/port");
	my $self = bless { scheme => 'http' }, $class;

	push @command, '--dimensions', $options{dimensions} if $options{dimensions};
	push @command, '--record', $options{record} if $options{record};
	if ($options{tls})
	{
		$self->{scheme} = 'https';
		$self->{cert} = "$dir/cert.pem";
		PostgreSQL::Test::Utils::system_or_bail('openssl', 'req', '-x509', '-newkey',
			'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
			'-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
			'-keyout', "$dir/key.pem", '-out', $self->{cert});
		push @command, '--cert', $self->{cert}, '--key', "$dir/key.pem";
	}

	if ($options{cert})
	{
		$self->{scheme} = 'https';
		$self->{cert} = $options{cert};
		push @command, '--cert', $options{cert}, '--key', $options{key};
	}

	# The server ends when this pipe closes, however this process ends.
	pipe(my $in, $self->{leash}) or croak "pipe: $!";
	$self->{pid} = fork() // croak "fork: $!";
	if (!$self->{pid})
	{
		open(STDIN, '<&', $in);
		open(STDOUT, '>', '/dev/null');
		exec(@command) or POSIX::_exit(127);
	}
	close($in);
	IntelTest::wait_for('the model server to start', sub { -s "$dir/port" });
	($self->{port}) = PostgreSQL::Test::Utils::slurp_file("$dir/port") =~ /(\d+)/;
	$self->{http} = HTTP::Tiny->new(timeout => 120, verify_SSL => 0);
	return $self;
}

sub dirname_of { return File::Basename::dirname($_[0]); }
sub port { return $_[0]{port}; }
sub pid { return $_[0]{pid}; }
sub cert_file { return $_[0]{cert}; }

sub url
{
	my ($self, $path) = @_;
	my $host = $self->{scheme} eq 'https' ? 'localhost' : '127.0.0.1';
	return "$self->{scheme}://$host:$self->{port}" . ($path // '/v1');
}

sub call
{
	my ($self, $method, $path, $document) = @_;
	my %content = $document ? (content => JSON::PP::encode_json($document)) : ();
	my $answer = $self->{http}->request($method, $self->url($path), \%content);

	croak "model server: $answer->{status} $answer->{content}" unless $answer->{success};
	return $answer->{content};
}

sub control
{
	my ($self, @rules) = @_;
	$self->call('POST', '/_control', \@rules);
	return;
}

sub requests { return JSON::PP::decode_json($_[0]->call('GET', '/_record')); }
sub raw { return $_[0]->call('GET', '/_record?raw=1'); }
sub stats { return JSON::PP::decode_json($_[0]->call('GET', '/_stats')); }

sub reset
{
	my ($self) = @_;
	$self->call('POST', '/_reset');
	return;
}

sub wait_requests
{
	my ($self, $count, $seconds) = @_;
	$seconds //= $IntelTest::deadline;
	my $seen = JSON::PP::decode_json(
		$self->call('GET', "/_wait?requests=$count&seconds=$seconds"))->{requests};
	croak "the model server saw $seen of $count requests in $seconds s" if $seen < $count;
	return $seen;
}

sub stop
{
	my ($self) = @_;
	return unless $self->{pid};
	close(delete $self->{leash});
	waitpid($self->{pid}, 0);
	delete $self->{pid};
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);
	$self->stop;
	return;
}

1;
