# What goes wrong outside: a full disk, a clock that jumps, a name server that
# fails or lies, a server that speaks garbage. A library that is loaded before
# the others plays the disk, the clock and the name server.

use strict;
use warnings;

use IntelTest;
use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'libraries cannot be preloaded beside those of the sanitizers' if $ENV{SANITIZE};

my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/world.c", <<'C');
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* ---- the disk is full while DIR/full exists: no file of a table grows ---- */
static int refuses(int fd, off_t end)
{
	char link[64], path[1024], flag[1024];
	struct stat st;
	int saved = errno;
	ssize_t n;
	int full = 0;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	snprintf(flag, sizeof(flag), "%s/full", getenv("WORLD"));
	if (n > 0 && access(flag, F_OK) == 0)
	{
		path[n] = '\0';
		full = strstr(path, "/base/") != NULL && fstat(fd, &st) == 0 && end > st.st_size;
	}
	errno = full ? ENOSPC : saved;
	return full;
}
ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	static ssize_t (*real)(int, const void *, size_t, off_t);
	if (!real) real = dlsym(RTLD_NEXT, "pwrite");
	return refuses(fd, at + n) ? -1 : real(fd, buf, n, at);
}
ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at) { return pwrite(fd, buf, n, at); }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	static ssize_t (*real)(int, const struct iovec *, int, off_t);
	off_t end = at;
	for (int i = 0; i < n; i++) end += v[i].iov_len;
	if (!real) real = dlsym(RTLD_NEXT, "pwritev");
	return refuses(fd, end) ? -1 : real(fd, v, n, at);
}
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) { return pwritev(fd, v, n, at); }
int posix_fallocate(int fd, off_t at, off_t n)
{
	static int (*real)(int, off_t, off_t);
	if (!real) real = dlsym(RTLD_NEXT, "posix_fallocate");
	return refuses(fd, at + n) ? ENOSPC : real(fd, at, n);
}
int posix_fallocate64(int fd, off64_t at, off64_t n) { return posix_fallocate(fd, at, n); }

/* ---- the clock is off by what DIR/clock says, in seconds ------------------ */
static long offset(void)
{
	static __thread int busy;
	char path[1024], text[32] = "";
	int saved = errno, fd;

	if (busy || getenv("WORLD") == NULL) return 0;
	busy = 1;
	snprintf(path, sizeof(path), "%s/clock", getenv("WORLD"));
	fd = open(path, O_RDONLY);
	if (fd >= 0)
	{
		if (read(fd, text, sizeof(text) - 1) < 0) text[0] = '\0';
		close(fd);
	}
	busy = 0;
	errno = saved;
	return atol(text);
}
int gettimeofday(struct timeval *tv, void *zone)
{
	static int (*real)(struct timeval *, void *);
	int rc;
	if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
	rc = real(tv, zone);
	if (tv) tv->tv_sec += offset();
	return rc;
}
time_t time(time_t *out)
{
	struct timespec ts;
	time_t now;
	clock_gettime(CLOCK_REALTIME, &ts);
	now = ts.tv_sec;
	if (out) *out = now;
	return now;
}
int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	int rc;
	if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
	rc = real(id, ts);
	if (id == CLOCK_REALTIME) ts->tv_sec += offset();
	return rc;
}

/* ---- a name ADDRESS.lie.example has this address; turn.lie.example the one
 * in DIR/turn; none.lie.example does not exist ------------------------------ */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	char text[256], path[1024];
	char *end;

	if (!real) real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name == NULL || (end = strstr(name, ".lie.example")) == NULL || end - name >= (int) sizeof(text))
		return real(name, service, hints, found);
	snprintf(text, sizeof(text), "%.*s", (int) (end - name), name);
	if (strcmp(text, "none") == 0) return EAI_NONAME;
	if (strcmp(text, "turn") == 0)
	{
		FILE *f;
		snprintf(path, sizeof(path), "%s/turn", getenv("WORLD"));
		f = fopen(path, "r");
		if (f == NULL || fgets(text, sizeof(text), f) == NULL) text[0] = '\0';
		if (f) fclose(f);
	}
	for (char *p = text; *p; p++) /* a name has no colons */
		if (*p == 'v') *p = ':';
	return real(text, service, NULL, found);
}
C
plan skip_all => 'no C compiler'
  if PostgreSQL::Test::Utils::system_log($ENV{CC} || 'cc', '-shared', '-fPIC', '-O1', '-o', "$dir/world.so", "$dir/world.c", '-ldl') != 0;

sub world
{
	my ($file, $content) = @_;
	unlink "$dir/$file.new";
	return unlink "$dir/$file" unless defined $content;
	append_to_file("$dir/$file.new", $content);
	rename "$dir/$file.new", "$dir/$file" or die "$file: $!";
	return;
}

my $node = intel_node('main', env => { LD_PRELOAD => "$dir/world.so", WORLD => $dir },
	conf => "intel.job_retry_delay = 20ms\nintel.breaker_failures = 0\nautovacuum = off\n");
my $mock = start_mock();
my $url = $mock->url('/v1');
$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms)
	VALUES ('mock', 'openai', '$url', true, 5000);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm-1', 'chat');
-- every result that was ever written, whatever becomes of the job's row
CREATE TABLE written (job bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
	\$\$ BEGIN INSERT INTO public.written VALUES (NEW.id); RETURN NULL; END \$\$;
CREATE TRIGGER note AFTER UPDATE ON intel.job_queue FOR EACH ROW
	WHEN (NEW.status = 'succeeded') EXECUTE FUNCTION note();
SQL
sub value { return $node->safe_psql('postgres', $_[0]); }
sub submit
{
	my ($n, $words, $model) = @_;
	$model //= 'chat';
	return value(qq{SELECT count(intel.submit('complete', jsonb_build_object('prompt', '$words ' || i || ' ' ||
		(SELECT string_agg(md5(random()::text), ' ') FROM generate_series(1, 60) WHERE i > 0), 'model', '$model'), '{"max_attempts": 100}'))
		FROM generate_series(1, $n) i});
}
my $all = 0;
sub all_done
{
	my ($what) = @_;
	wait_for_sql($node, "SELECT count(*) = $all FROM intel.job_queue WHERE status = 'succeeded'", "$what: all jobs to end");
	is(value('SELECT count(*), count(DISTINCT job) FROM written'), "$all|$all", "$what: each job has one result");
	return;
}

# ---- a full disk ----------------------------------------------------------------------

$mock->control({ do => [ { kind => 'slow', seconds => 0.3 } ], always => \1 });
submit(200, 'before');
$all += 200;
$mock->wait_requests(5);
world(full => '1');
is(sqlstate($node, q{INSERT INTO written SELECT generate_series(1, 100000)}), '53100', 'the disk is full');
is(sqlstate($node, q{SELECT count(intel.submit('complete', jsonb_build_object('prompt', repeat(md5(i::text), 100), 'model', 'chat'))) FROM generate_series(1, 500) i}),
	'53100', 'jobs that find no room are refused');
wait_for('the worker to meet it', sub { slurp_file($node->logfile) =~ /intel worker ERROR: +could not extend/ });
sleep(0.5);
is(value('SELECT 1'), '1', 'the server goes on');
world(full => undef);
all_done('disk full');
is(value('SELECT count(*) FROM intel.job_queue'), $all, 'nothing else was queued');
$mock->reset;

# ---- a clock that jumps -----------------------------------------------------------------

$mock->control({ do => [ { kind => 'slow', seconds => 1 } ], always => \1 });
my ($start) = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
submit(10, 'forward');
$mock->wait_requests(10);
world(clock => '90000');
is(value("SELECT clock_timestamp() > '$start'::timestamptz + interval '1 day'"), 't', 'the clock is a day ahead');
submit(10, 'ahead');
$all += 20;
all_done('a clock that goes forward');
is($mock->stats->{requests}, 20, 'and nothing is sent twice');
submit(10, 'ahead');
$mock->wait_requests(30);
world(clock => '-90000');
is(value("SELECT clock_timestamp() < '$start'::timestamptz"), 't', 'the clock is a day behind');
submit(10, 'behind');
$all += 20;
all_done('a clock that goes back');
is($mock->stats->{requests}, 40, 'and nothing is sent twice');
is(value(q{SELECT count(*) FROM intel.job_queue WHERE attempts > 1 AND id > 200 + 500}), '0', 'no lease was lost');
value(q{INSERT INTO intel.rate_limit (model, requests, period) VALUES ('chat', 5, '1 s')});
my $began = time();
submit(10, 'limited');
$all += 10;
world(clock => '0');
all_done('a clock that goes forward under a limit');
cmp_ok(time() - $began, '<', 20, 'limits do not follow the clock');
value('DELETE FROM intel.rate_limit');
world(clock => undef);
$mock->reset;

# ---- a name server ------------------------------------------------------------------------

my $trap = IO::Socket::INET->new(Listen => 100, LocalAddr => '0.0.0.0', LocalPort => 0, Proto => 'tcp') or die $!;
my $trap_port = $trap->sockport;
my $watch = IO::Select->new($trap);
foreach my $address (qw(127.0.0.1 127.8.8.8 10.0.0.1 192.168.1.1 172.16.0.1 100.64.0.1 169.254.169.254 0.0.0.0 vv1 vvffffv127.0.0.1
	fd00vv1 fe80vv1 64vff9bvv7f00v1 2002v7f00v1vv))
{
	value(qq{DELETE FROM intel.model WHERE name = 'lie'; DELETE FROM intel.provider WHERE name = 'lie';
		INSERT INTO intel.provider (name, kind, base_url, timeout_ms) VALUES ('lie', 'openai', 'https://$address.lie.example:$trap_port/v1', 2000);
		INSERT INTO intel.model (name, provider, model_id, task) VALUES ('lie', 'lie', 'm', 'chat')});
	is(sqlstate($node, q{SELECT intel.complete('x', 'lie')}), 'IN002', "a public name that is " . $address =~ tr|v|:|r);
}
ok(!$watch->can_read(0), 'and no socket was opened');
my ($mock_port) = $url =~ /:(\d+)/;
value(qq{UPDATE intel.provider SET base_url = 'http://turn.lie.example:$mock_port/v1', allow_private_network = true WHERE name = 'lie'});
world(turn => '127.0.0.1');
is(value(q{SELECT intel.complete('x', 'lie')}), 'echo: x', 'a private name');
world(turn => '169.254.169.254');
is(sqlstate($node, q{SELECT intel.complete('x', 'lie')}), 'IN002', 'that turns into the address of a metadata service');
value(q{UPDATE intel.provider SET base_url = 'https://none.lie.example/v1', allow_private_network = false WHERE name = 'lie'});
is(sqlstate($node, q{SELECT intel.complete('x', 'lie')}), 'IN001', 'a name that does not exist');
my $job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "lie"}', '{"max_attempts": 3}')});
is(value("SELECT (w).status || (w).attempts || (w).error_code FROM intel.wait($job) w"), 'dead3IN001', 'is asked for again by jobs');

# ---- a server that speaks garbage ------------------------------------------------------------

srand(7);
my $garbage = fork() // die;
if ($garbage == 0)
{
	while (my $client = $trap->accept)
	{
		local $SIG{PIPE} = 'IGNORE';
		my $start = ('', "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99999999999999999999\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: ", "SSH-2.0-OpenSSH\r\n")[ rand 8 ];
		sysread($client, my $request, 65536) if rand() < 0.9;
		syswrite($client, $start . join('', map { chr rand 256 } 1 .. rand 3000));
		close $client;
	}
	POSIX::_exit(0);
}
value(qq{UPDATE intel.provider SET base_url = 'http://127.0.0.1:$trap_port/v1', allow_private_network = true, timeout_ms = 3000 WHERE name = 'lie'});
value(q{SELECT count(intel.submit('complete', jsonb_build_object('prompt', i::text, 'model', 'lie', 'stream', i % 2 = 0), '{"max_attempts": 2}')) FROM generate_series(1, 150) i});
wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status IN ('queued', 'running')}, 'all of it to end');
is(value(q{SELECT count(*) FROM intel.job_queue WHERE request ->> 'model' = 'lie' AND status IN ('failed', 'dead')}), '151', 'garbage is an error');
is(value(q{SELECT string_agg(DISTINCT error_code, ' ' ORDER BY error_code) ~ '^(IN001|IN004|IN002| )+$' FROM intel.job_queue WHERE request ->> 'model' = 'lie'}), 't', 'of the right kind')
	or diag(value(q{SELECT error_code, count(*), min(error_message) FROM intel.job_queue WHERE request ->> 'model' = 'lie' GROUP BY 1}));
kill 'KILL', $garbage;    # its END blocks would stop the server
waitpid $garbage, 0;
$job = value(q{SELECT intel.submit('complete', '{"prompt": "x", "model": "chat"}')});
is(value("SELECT (w).status FROM intel.wait($job) w"), 'succeeded', 'and the next job is done');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC|TRAP/, 'nothing has crashed');

done_testing();
