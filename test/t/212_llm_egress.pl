# What leaves, where it may go, and what becomes of keys.

use strict;
use warnings;

use File::Find;
use IntelTest;
use IO::Select;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = start_mock(dimensions => 4);
my $port = $mock->port;

# Nobody may connect to this one, whatever it is called.
my $trap = IO::Socket::INET->new(Listen => 100, LocalAddr => '0.0.0.0', LocalPort => 0, Proto => 'tcp') or die $!;
my $trap_port = $trap->sockport;
my $watch = IO::Select->new($trap);
sub nobody_came { return !$watch->can_read(0); }

my $node = intel_node('main',
	conf => join("\n", "session_preload_libraries = 'auto_explain'", 'auto_explain.log_min_duration = 0',
		'auto_explain.log_nested_statements = on', 'auto_explain.log_verbose = on', 'log_min_messages = debug5',
		'log_min_duration_statement = 0', "log_statement = 'all'", 'log_error_verbosity = verbose', ''),
	env => {
		map { ($_ => "http://127.0.0.1:$trap_port", uc $_ => "http://127.0.0.1:$trap_port") }
		  qw(http_proxy https_proxy all_proxy) });
my $data = $node->data_dir;
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub state { return sqlstate($node, $_[0]); }

sub provider
{
	my ($name, $url, %more) = @_;
	my $private = $more{private} // 1 ? 'true' : 'false';
	my $secret = $more{secret} ? "'$more{secret}'" : 'NULL';
	my $policy = $more{policy} // 'default';
	my $kind = $more{kind} // 'openai';
	sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, secret, allow_private_network, redaction_policy)
	VALUES ('$name', '$kind', '$url', $secret, $private, '$policy');
INSERT INTO intel.model (name, provider, model_id, task) VALUES
	('$name', '$name', 'm', 'chat'), ('$name-embed', '$name', 'e', 'embed');
INSERT INTO intel.model_grant VALUES ('$name', 0), ('$name-embed', 0);
SQL
	return;
}

# ---- nothing leaves unredacted ----------------------------------------------------

provider('openai', "http://127.0.0.1:$port/v1");
provider('anthropic', "http://127.0.0.1:$port", kind => 'anthropic');
provider('plain', "http://127.0.0.1:$port/v1", policy => 'none');
my $mail = 'jane.roe@private.example';
my $card = '4111 1111 1111 1111';
my @leaks = (
	"SELECT intel.complete('write to $mail or $card', 'openai')",
	"SELECT intel.complete('x', 'openai', '{\"system\": \"I am $mail\"}')",
	"SELECT intel.complete('x', 'openai', '{\"stop\": [\"$mail\"], \"metadata\": {\"who\": \"$mail\"}}')",
	"SELECT intel.embed('$mail', 'openai-embed')",
	"SELECT intel.embed(ARRAY['a', '$mail', '$card'], 'openai-embed')",
	"SELECT intel.chat('[{\"role\": \"user\", \"content\": \"$mail\"}]', 'openai')",
	"SELECT intel.chat('[{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"$mail\"}]}]', 'openai')",
	"SELECT intel.chat('[{\"role\": \"system\", \"content\": \"$mail\"}, {\"role\": \"user\", \"content\": \"$card\"}]', 'anthropic')",
	"SELECT intel.chat('[{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"call_a1\", \"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": \"{\\\"to\\\": \\\"$mail\\\"}\"}}]}, {\"role\": \"tool\", \"tool_call_id\": \"call_a1\", \"content\": \"$mail\"}]', 'openai')",
	"SELECT intel.complete('x', 'openai', '{\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"for $mail\", \"parameters\": {\"type\": \"object\", \"description\": \"$card\"}}}]}')",
	"SELECT intel.complete('x', 'openai', '{\"schema\": {\"type\": \"string\", \"description\": \"$mail\", \"enum\": [\"$mail\"]}}')",
	# keys, names and numbers cannot be replaced: refused
	"SELECT intel.complete('x', 'openai', '{\"metadata\": {\"$mail\": \"x\"}}')",
	"SELECT intel.complete('x', 'openai', '{\"schema\": {\"properties\": {\"$mail\": {}}}}')",
	"SELECT intel.complete('x', 'openai', '{\"schema\": {\"maximum\": 4111111111111111}}')");
foreach my $statement (@leaks)
{
	my $state = state($statement);
	like($state, qr/^(00000|IN002)$/, 'sent redacted, or refused');
}
my $raw = $mock->raw;
is(scalar @{ $mock->requests }, 11, 'what can be redacted was sent');
unlike($raw, qr/jane\.roe|private\.example|4111|1111 1111/, 'no byte of personal data arrived');
like($raw, qr/<EMAIL_ADDRESS>/, 'its placeholder did');
$mock->reset;
is(state("SELECT intel.complete('to $mail', 'plain')"), '00000', 'policy none');
like($mock->raw, qr/jane\.roe/, 'sends as it is');
$mock->reset;
sql(q{UPDATE intel.provider SET redaction_policy = 'no such policy' WHERE name = 'openai'});
is(state("SELECT intel.complete('to $mail', 'openai')"), '42704', 'a policy that does not exist');
is(scalar @{ $mock->requests }, 0, 'sends nothing');
sql(q{UPDATE intel.provider SET redaction_policy = 'default' WHERE name = 'openai'});

# ---- where it may go ----------------------------------------------------------------

my @inside = qw(127.0.0.1 localhost LOCALHOST 127.1 127.0.1 2130706433 0177.0.0.1 0x7f000001 0x7f.1 127.0.0.1.
  localhost. 127.127.127.127 [::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:0:127.0.0.1] [::127.0.0.1] [64:ff9b::7f00:1]
  [2002:7f00:1::] [2002:7f00:1::1] 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.254 192.168.0.1 192.168.255.254 100.64.0.1
  [fc00::1] [fd00::1]);
my @never = qw(169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 [::ffff:169.254.169.254] [::ffff:a9fe:a9fe]
  [64:ff9b::a9fe:a9fe] 169.254.170.2 100.100.100.200 [fd00:ec2::254] [fd00:ec2::23] [fd00:c1::a9fe:a9fe] [fd00:42::42] 0.0.0.0 0 [::] [::ffff:0.0.0.0] 224.0.0.1 255.255.255.255
  [ff02::1] [fe80::1] [2001:db8::1] 192.0.2.1 240.0.0.1);
provider('ssrf', 'https://example.com');
foreach my $host (@inside, @never)
{
	my $path = $host =~ /\.$/ ? undef : "https://$host:$trap_port/v1";
	# a trailing dot does not even pass the table
	if (!$path)
	{
		is(state("UPDATE intel.provider SET base_url = 'https://$host:$trap_port/v1' WHERE name = 'ssrf'"), '23514', "$host: no URL");
		next;
	}
	sql("UPDATE intel.provider SET base_url = '$path', allow_private_network = false WHERE name = 'ssrf'");
	like(state(q{SELECT intel.complete('x', 'ssrf')}), qr/^IN00[12]$/, "$host is not called");
	ok(nobody_came(), "$host: no socket");
}
foreach my $host (@never)
{
	sql("UPDATE intel.provider SET base_url = 'http://$host:$trap_port/v1', allow_private_network = true WHERE name = 'ssrf'");
	like(state(q{SELECT intel.complete('x', 'ssrf')}), qr/^IN00[12]$/, "$host is not called, not even as a private address");
	ok(nobody_came(), "$host: no socket");
}
# a connection that another provider opened does not help
sql("UPDATE intel.provider SET base_url = 'http://127.0.0.1:$port/v1', allow_private_network = true WHERE name = 'ssrf'");
my $reuse = $node->psql('postgres', qq{
	SELECT intel.complete('x', 'ssrf');
	ALTER TABLE intel.provider DROP CONSTRAINT provider_https_check;
	UPDATE intel.provider SET allow_private_network = false WHERE name = 'ssrf';
	\\set VERBOSITY sqlstate
	SELECT intel.complete('x', 'ssrf');}, stdout => \my $out, stderr => \my $err, on_error_stop => 0);
like($out, qr/echo: x/, 'allowed');
unlike($out, qr/echo: x.*echo: x/s, 'and refused at once when it is no longer');
sql('ALTER TABLE intel.provider ADD CONSTRAINT provider_https_check CHECK (base_url ~* \'^https://\' OR allow_private_network) NOT VALID');
ok(nobody_came(), 'the proxies of the environment were never asked');

# A host has several addresses: those that are refused do not spoil the answer of one that is allowed.
SKIP:
{
	skip 'libraries cannot be preloaded beside those of the sanitizers', 8 if $ENV{SANITIZE};
	my $dir = PostgreSQL::Test::Utils::tempdir();
	append_to_file("$dir/names.c", <<'C');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
typedef int (*look_up)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	look_up real = (look_up) dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo *more;
	int error;
	if (!name || (strcmp(name, "twofaced.example") && strcmp(name, "evil.example")))
		return real(name, service, hints, found);
	error = real("169.254.169.254", service, hints, found);
	if (!error && !strcmp(name, "twofaced.example") && !(error = real("127.0.0.1", service, hints, &more)))
	{
		struct addrinfo *last = *found;
		while (last->ai_next)
			last = last->ai_next;
		last->ai_next = more;
	}
	return error;
}
C
	skip 'no C compiler', 8 if PostgreSQL::Test::Utils::system_log($ENV{CC} || 'cc', '-shared', '-fPIC', '-o', "$dir/names.so", "$dir/names.c", '-ldl') != 0;
	my $names = intel_node('names', env => { LD_PRELOAD => "$dir/names.so" });
	$names->safe_psql('postgres', qq{
		INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES
			('twofaced', 'openai', 'http://twofaced.example:$port/v1', true), ('evil', 'openai', 'http://evil.example:$port/v1', true);
		INSERT INTO intel.model (name, provider, model_id, task) VALUES ('twofaced', 'twofaced', 'm', 'chat'), ('evil', 'evil', 'm', 'chat')});
	$mock->reset;
	is(sqlstate($names, q{SELECT intel.complete('x', 'evil')}), 'IN002', 'a host with no address that is allowed');
	is(scalar @{ $mock->requests }, 0, 'is not called');
	is($names->safe_psql('postgres', q{SELECT intel.complete('x', 'twofaced')}), 'echo: x', 'an answer of the address that is');
	is($names->safe_psql('postgres', q{SELECT string_agg(s, '') FROM intel.stream('x', 'twofaced') s}), 'echo: x', 'and a stream');
	is($names->safe_psql('postgres', q{SELECT intel.complete('x', 'twofaced'), intel.complete('y', 'twofaced')}), 'echo: x|echo: y', 'one after the other');
	is(scalar @{ $mock->requests }, 4, 'each sent once');
	$mock->control({ do => ['500'] });
	is(sqlstate($names, q{SELECT intel.complete('x', 'twofaced')}), '58000', 'its errors are its own');
	$mock->control({ do => ['hang'] });
	is(sqlstate($names, q{SELECT intel.complete('x', 'twofaced', '{"timeout_ms": 300}')}), 'IN001', 'and its silence');
	$names->stop;
	$mock->reset;
}

# ---- TLS ------------------------------------------------------------------------------

my $record = PostgreSQL::Test::Utils::tempdir() . '/bytes';
my $tls = start_mock(tls => 1, record => $record);
provider('tls', 'https://localhost:' . $tls->port . '/v1');
is(state(q{SELECT intel.complete('x', 'tls')}), 'IN002', 'a certificate that nobody vouches for');
is(-s $record // 0, 0, 'no request was sent');
my $pem = slurp_file($tls->cert_file);
sql("UPDATE intel.provider SET ca_certificate = '$pem' WHERE name = 'tls'");
is(state(q{SELECT intel.complete('x', 'tls')}), '00000', 'a certificate that the provider row vouches for');
my $other = start_mock(tls => 1);
sql("UPDATE intel.provider SET base_url = 'https://localhost:" . $other->port . "/v1' WHERE name = 'tls'");
is(state(q{SELECT intel.complete('x', 'tls')}), 'IN002', 'nor for another certificate');

# Certificates of an authority of one's own: only the right one will do.
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $openssl = sub { PostgreSQL::Test::Utils::system_log('openssl', @_) == 0 or die "openssl @_"; return; };
	foreach my $ca ('ours', 'theirs')
	{
		$openssl->('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', "/CN=$ca", '-keyout', "$dir/$ca.key", '-out', "$dir/$ca.pem");
	}
	my $signed = sub {
		my ($name, $alt, $ca, @time) = @_;
		append_to_file("$dir/$name.ext", "subjectAltName=$alt\n");
		$openssl->('req', '-newkey', 'rsa:2048', '-nodes', '-subj', "/CN=$name", '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr");
		$openssl->('x509', '-req', '-in', "$dir/$name.csr", '-CA', "$dir/$ca.pem", '-CAkey', "$dir/$ca.key", '-CAcreateserial',
			'-extfile', "$dir/$name.ext", '-out', "$dir/$name.pem", @time);
		return;
	};
	my $here = 'DNS:localhost,IP:127.0.0.1';
	$signed->('right', $here, 'ours', '-days', '2');
	$signed->('wrongname', 'DNS:elsewhere.example', 'ours', '-days', '2');
	# older versions of openssl take no dates, newer ones no negative number of days
	my @past = `openssl x509 -help 2>&1` =~ /-not_after/
		? ('-not_before', '20200101000000Z', '-not_after', '20200102000000Z')
		: ('-days', '-1');
	$signed->('expired', $here, 'ours', @past);
	$signed->('stranger', $here, 'theirs', '-days', '2');
	my $server;
	my $authority = slurp_file("$dir/ours.pem");
	foreach my $case ([ wrongname => 'IN002' ], [ expired => 'IN002' ], [ stranger => 'IN002' ], [ right => '00000' ])
	{
		my ($name, $want) = @$case;
		my $bytes = "$dir/$name.bytes";
		$server = start_mock(cert => "$dir/$name.pem", key => "$dir/$name.key", record => $bytes);
		sql("UPDATE intel.provider SET base_url = 'https://localhost:" . $server->port . "/v1', ca_certificate = '$authority' WHERE name = 'tls'");
		is(state(q{SELECT intel.complete('x', 'tls')}), $want, "TLS: $name");
		is(state(q{SELECT intel.stream('x', 'tls')}), $want, "TLS: $name, a stream");
		is((-s $bytes // 0) > 0, $want eq '00000', "TLS: $name: bytes are sent only to the right one");
	}
	# without an authority of its own the provider has the system's
	sql(q{UPDATE intel.provider SET ca_certificate = NULL WHERE name = 'tls'});
	is(state(q{SELECT intel.complete('x', 'tls')}), 'IN002', 'TLS: the authority is trusted nowhere else');
}

# ---- a list of hosts above all providers ------------------------------------------------

provider('listed', "http://127.0.0.1:$port/v1");
my @hosts = ([ 'api.openai.com', 'IN002' ], [ '127.0.0.1', '00000' ], [ '*.0.0.1', '00000' ], [ '*.0.1', '00000' ], [ '*.27.0.0.1', 'IN002' ],
	[ '127.0.0.11', 'IN002' ], [ '127.0.0', 'IN002' ], [ 'localhost', 'IN002' ], [ '[::1]', 'IN002' ]);
foreach my $case (@hosts)
{
	$mock->reset;
	sql("TRUNCATE intel.egress_host; INSERT INTO intel.egress_host VALUES ('$case->[0]')");
	is(state(q{SELECT intel.complete('x', 'listed')}), $case->[1], "only $case->[0] may be called");
	is(scalar @{ $mock->requests }, $case->[1] eq '00000' ? 1 : 0, 'sent only there');
}
is(state(q{SELECT intel.complete('Question: x')}), '00000', 'builtin models need no host');
sql(q{UPDATE intel.provider SET base_url = 'http://LOCALHOST:} . $port . q{/v1' WHERE name = 'listed'; UPDATE intel.egress_host SET host = 'localhost'});
is(state(q{SELECT intel.complete('x', 'listed')}), '00000', 'a host in any case');
is(state("INSERT INTO intel.egress_host VALUES ('$_')"), '23514', "no pattern: $_") foreach '*', '*.', 'https://x', 'a b', 'x:80', '';
is(state(q{SET ROLE pg_read_all_data; DELETE FROM intel.egress_host}), '42501', 'the list is not for everybody');
sql('TRUNCATE intel.egress_host');

# ---- keys -------------------------------------------------------------------------------

my $canary = 'sk-canary-5f1c9a77e0b24d';
my $dir = "$data/intel_secrets";
mkdir $dir or die $!;
chmod 0700, $dir;

sub key
{
	my ($name, $content, $mode) = @_;
	open(my $fh, '>', "$dir/$name") or die $!;
	print $fh $content;
	close($fh);
	chmod $mode, "$dir/$name";
	return;
}
key('good', "$canary\n", 0600);
key('readonly', $canary, 0400);
key('crlf', "$canary\r\n", 0600);
key('group', $canary, 0640);
key('world', $canary, 0604);
key('exec', $canary, 0700);
key('setuid', $canary, 04600);
key('empty', "\n", 0600);
key('twolines', "$canary\nX-Evil: 1\n", 0600);
key('space', "$canary x", 0600);
key('control', "$canary\t", 0600);
key('nul', "$canary\0$canary", 0600);
key('utf8', "sk-\xc3\xa9", 0600);
key('large', 'k' x 8193, 0600);
key('largest', 'k' x 8192, 0600);
symlink('good', "$dir/link");
mkfifo("$dir/fifo", 0600);
mkdir "$dir/directory";
link("$dir/good", "$dir/hard");

provider('key', "http://127.0.0.1:$port/v1", secret => 'file:good');
my %want = (
	good => '00000', readonly => '00000', crlf => '00000', hard => '00000', largest => '00000',
	group => '42501', world => '42501', exec => '42501', setuid => '42501',
	empty => '55000', twolines => '55000', space => '55000', control => '55000', nul => '55000', utf8 => '55000', large => '55000',
	link => '55000', fifo => '55000', directory => '55000', absent => '55000');
foreach my $name (sort keys %want)
{
	sql("UPDATE intel.provider SET secret = 'file:$name' WHERE name = 'key'");
	$mock->reset;
	is(state(q{SELECT intel.complete('x', 'key')}), $want{$name}, "secret file $name");
	my $requests = $mock->requests;
	is(scalar @$requests, $want{$name} eq '00000' ? 1 : 0, "$name: sent only with a key");
	next unless @$requests && $name ne 'largest';
	like($mock->raw, qr/Authorization: Bearer \Q$canary\E\r\n/i, "$name: the key, without its line end");
}
sql(q{UPDATE intel.provider SET secret = 'env:NOT_SET' WHERE name = 'key'});
is(state(q{SELECT intel.complete('x', 'key')}), '55000', 'a variable that is not set');
sql(q{UPDATE intel.provider SET secret = 'env:HOME' WHERE name = 'key'});
is(state(q{SELECT intel.complete('x', 'key')}), '55000', 'the prefix keeps other variables out');
sql(q{UPDATE intel.provider SET secret = 'file:good' WHERE name = 'key'});

# Keys of a vault: read as its owner, wherever the call comes from.
is(state(q{INSERT INTO intel.provider (name, kind, secret) VALUES ('early', 'openai', 'vault:later')}), '00000', 'a reference before there is a vault');
sql(q{INSERT INTO intel.model (name, provider, model_id, task) VALUES ('early', 'early', 'm', 'chat')});
is(state(q{SELECT intel.complete('x', 'early')}), '55000', 'no vault, no key');
sql(<<"SQL");
CREATE ROLE vault_owner;
CREATE SCHEMA vault AUTHORIZATION vault_owner;
SET ROLE vault_owner;
CREATE TABLE vault.secrets (name text, secret text);
CREATE VIEW vault.decrypted_secrets AS SELECT name, secret, reverse(secret) AS decrypted_secret FROM vault.secrets;
INSERT INTO vault.secrets VALUES ('good', reverse('sk-vault-key')), ('twice', 'x'), ('twice', 'y'), ('twolines', reverse(E'a\nX-Evil: 1')), ('long', repeat('k', 8193)), ('none', NULL);
RESET ROLE;
CREATE ROLE app_vault; CREATE ROLE clerk;
SELECT intel.grant_access('app_vault');
GRANT USAGE ON SCHEMA intel TO clerk; GRANT SELECT, INSERT, UPDATE ON intel.provider TO clerk;
INSERT INTO intel.provider (name, kind, base_url, secret, allow_private_network) VALUES ('vaulted', 'openai', 'http://127.0.0.1:$port/v1', 'vault:good', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('vaulted', 'vaulted', 'm', 'chat');
INSERT INTO intel.model_grant VALUES ('vaulted', 'app_vault');
SQL
$mock->reset;
is(state(q{SET ROLE app_vault; SELECT intel.complete('x', 'vaulted')}), '00000', 'a caller who may not read the vault');
like($mock->raw, qr/Authorization: Bearer sk-vault-key\r\n/i, 'has its key sent');
is(state(q{SET ROLE app_vault; SELECT * FROM vault.decrypted_secrets}), '42501', 'and cannot see it');
is(state(q{SET ROLE app_vault; BEGIN READ ONLY; SELECT intel.complete('x', 'vaulted')}), '00000', 'also in a transaction that reads only');
foreach my $case ([ twice => '55000' ], [ twolines => '55000' ], [ long => '55000' ], [ none => '55000' ], [ absent => '55000' ])
{
	sql("UPDATE intel.provider SET secret = 'vault:$case->[0]' WHERE name = 'vaulted'");
	$mock->reset;
	is(state(q{SELECT intel.complete('x', 'vaulted')}), $case->[1], "vault: $case->[0]");
	is(scalar @{ $mock->requests }, 0, "vault: $case->[0]: nothing is sent");
}
sql(q{UPDATE intel.provider SET secret = 'vault:good' WHERE name = 'vaulted'});
# who keeps the table of providers, but may not read the vault, gets no key out of it
is(state(q{SET ROLE clerk; INSERT INTO intel.provider (name, kind, base_url, secret) VALUES ('mine', 'openai', 'https://evil.example', 'vault:good')}), '42501',
	'no new provider with a key of the vault');
is(state(q{SET ROLE clerk; UPDATE intel.provider SET base_url = 'https://evil.example' WHERE name = 'vaulted'}), '55000', 'nor another address');
is(state(q{SET ROLE clerk; UPDATE intel.provider SET base_url = 'https://evil.example', secret = 'vault:good' WHERE name = 'vaulted'}), '42501', 'named again or not');
is(state(q{SET ROLE clerk; UPDATE intel.provider SET ca_certificate = '-----BEGIN CERTIFICATE-----' WHERE name = 'vaulted'}), '55000', 'nor other certificates');
is(state(q{SET ROLE clerk; UPDATE intel.provider SET timeout_ms = 500 WHERE name = 'vaulted'}), '00000', 'other columns are his');
# a vault that somebody else has put up runs with his rights, not with the caller's
sql(q{
	DROP SCHEMA vault CASCADE;
	CREATE ROLE mallory; CREATE TABLE loot (who text); GRANT INSERT ON loot TO PUBLIC; GRANT CREATE ON DATABASE postgres TO mallory;
	SET ROLE mallory;
	CREATE SCHEMA vault;
	CREATE FUNCTION vault.grab() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO public.loot VALUES (current_user); RETURN 'sk-' || current_user; END $$;
	GRANT USAGE ON SCHEMA vault TO PUBLIC;
	CREATE VIEW vault.decrypted_secrets AS SELECT 'good' AS name, vault.grab() AS decrypted_secret;
	GRANT SELECT ON vault.decrypted_secrets TO PUBLIC;});
$mock->reset;
state(q{SELECT intel.complete('x', 'vaulted')});
unlike($mock->raw, qr/sk-(?!mallory)/, 'the view of a stranger runs as the stranger');
is(sql(q{SELECT count(*) FROM loot WHERE who <> 'mallory'}), '0', 'and nobody else');
sql(q{ALTER VIEW vault.decrypted_secrets OWNER TO CURRENT_USER});
is(state(q{SELECT intel.complete('x', 'vaulted')}), '42501', 'nor does a view in a schema of somebody else count');
sql(q{DROP SCHEMA vault CASCADE; DELETE FROM intel.model WHERE name IN ('vaulted', 'early'); DELETE FROM intel.provider WHERE name IN ('vaulted', 'early')});

# A key that changes is used at once; a role that loses the model loses the key.
sql(q{CREATE ROLE app; SELECT intel.grant_access('app');
	DELETE FROM intel.model_grant WHERE model = 'key'; INSERT INTO intel.model_grant VALUES ('key', 'app')});
key('good', "$canary-2\n", 0600);
$mock->reset;
my ($rc, $o, $e) = $node->psql('postgres', qq{
	SET ROLE app;
	SELECT intel.complete('x', 'key');
	RESET ROLE;
	DELETE FROM intel.model_grant WHERE model = 'key';
	SET ROLE app;
	\\set VERBOSITY sqlstate
	SELECT intel.complete('x', 'key');}, on_error_stop => 0);
like($mock->raw, qr/\Q$canary\E-2/, 'the new key');
like($e, qr/42501/, 'no grant, no key');
is(scalar @{ $mock->requests }, 1, 'and no request');
sql(q{INSERT INTO intel.model_grant VALUES ('key', 0)});

# ---- the canary is nowhere ----------------------------------------------------------------

$mock->reset;
my @operations = (
	(map { "SELECT intel.complete('$_', 'key')" } 1 .. 5),
	"SELECT intel.embed('x', 'key-embed')", "SELECT intel.embed(ARRAY['a', 'b'], 'key-embed')",
	"SELECT intel.chat('[{\"role\": \"user\", \"content\": \"x\"}]', 'key')",
	"EXPLAIN (VERBOSE, ANALYZE) SELECT intel.complete('x', 'key')", "EXPLAIN VERBOSE SELECT intel.embed('x', 'key-embed')",
	"TABLE intel.provider", "TABLE intel.model", "SELECT * FROM pg_settings WHERE name LIKE 'intel.%'",
	"SHOW ALL", "SELECT * FROM pg_stat_activity", "SELECT * FROM pg_backend_memory_contexts",
	"SELECT intel.complete('x', 'key', '{\"wrong\": 1}')",
	"DO \$\$ BEGIN PERFORM intel.complete('x', 'key'); END \$\$",
	"CREATE TABLE kept AS SELECT intel.complete('x', 'key')", "PREPARE p AS SELECT intel.complete(\$1, 'key'); EXECUTE p('x')",
	(map { "SELECT intel.complete('x', 'key', '{\"$_\": 1}')" } qw(temperature seed max_tokens top_p unknown)),
	"SELECT intel.complete(NULL, 'key')", "SELECT intel.complete('x', 'key') FROM nowhere", "SELECT 1 / length(intel.complete('x', 'key')) - 1",
	"COPY (SELECT intel.complete('x', 'key')) TO STDOUT", "VACUUM ANALYZE", "CHECKPOINT",
	"BEGIN; DECLARE c CURSOR FOR SELECT intel.complete('x', 'key'); FETCH c; ROLLBACK");
foreach my $operation (@operations)
{
	$node->psql('postgres', $operation, stdout => \my $out, stderr => \my $err);
	unlike("$out$err", qr/canary/, 'not in a result or an error: ' . substr($operation, 0, 40));
}
foreach my $behaviour (qw(500 401 429 malformed close redirect hang))
{
	$mock->reset;
	$mock->control({ do => [ $behaviour eq '401' ? { kind => 'status', status => 401, message => "key $canary-2 is wrong", code => "$canary-2" } : $behaviour ] });
	$node->psql('postgres', "SET statement_timeout = '2s'; SELECT intel.complete('x', 'key')", stdout => \my $out, stderr => \my $err);
	isnt($err, '', "$behaviour fails");
	unlike("$out$err", qr/canary/, "not in the error after $behaviour");
}
cmp_ok(scalar @operations, '>=', 30, scalar(@operations) . ' operations');

my $dump = "$data/../dump.sql";
$node->command_ok([ 'pg_dumpall', '-f', $dump, '-d', $node->connstr('postgres') ], 'dump');
$node->stop;
my @found;
my $files = 0;
find({ no_chdir => 1, wanted => sub {
	return if !-f $_ || m{/intel_secrets/};
	$files++;
	open(my $fh, '<:raw', $_) or return;
	local $/;
	push @found, $_ if index(<$fh>, 'sk-canary') >= 0;
} }, $data, $dump, $node->logfile);
is("@found", '', "in none of $files files: tables, WAL, statistics, dump, log at debug5");
like(slurp_file($node->logfile), qr/DEBUG.*SELECT intel\.complete/s, 'the log would have shown it');

done_testing();
