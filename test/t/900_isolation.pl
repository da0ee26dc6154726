# Nothing of one user reaches another: every table and every function of the
# extension, attacked by another subject, another tenant, another role and
# nobody, with the identifiers of the victim in hand.
#
# What the victim owns carries the word "marker_victim"; an attacker that gets
# to see it has won. The catalog says which tables and functions there are, so
# new ones are attacked without a change here.

use strict;
use warnings;

use IntelTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = intel_node('main', conf => "intel.job_retry_delay = 20ms\n");
my $mock = start_mock(dimensions => 64);
my $url = $mock->url('/v1');
supabase_roles($node);

$node->safe_psql('postgres', <<"SQL");
CREATE ROLE other NOLOGIN;
GRANT other TO authenticator;
GRANT USAGE, CREATE ON SCHEMA public TO other;
INSERT INTO intel.provider (name, kind, base_url, allow_private_network, timeout_ms)
	VALUES ('mock', 'openai', '$url', true, 5000);
INSERT INTO intel.model (name, provider, model_id, task, dimensions)
	VALUES ('chat', 'mock', 'm-1', 'chat', NULL), ('emb', 'mock', 'e-1', 'embed', 64);
INSERT INTO intel.model_grant VALUES ('chat', 0), ('emb', 0);
SELECT intel.grant_access('authenticated'), intel.grant_access('other'), intel.grant_access('service_role');

CREATE TABLE doc (id int PRIMARY KEY, tenant_id text DEFAULT intel.tenant(), subject text DEFAULT intel.subject(),
	content text, embedding intel.vector(64));
INSERT INTO doc VALUES
	(1, 'a', 'victim', 'The password of the safe is marker_victim.'),
	(2, 'a', 'neighbour', 'The password of the bicycle is marker_neighbour.'),
	(3, 'b', 'foreigner', 'The password of the garden is marker_foreigner.');
UPDATE doc SET embedding = intel.embed(content, 'emb');
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON doc USING (tenant_id = (SELECT intel.tenant()) AND subject = (SELECT intel.subject()));
REVOKE ALL ON doc FROM anon, authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON doc TO authenticated, service_role;
SQL

# name => [ role, claims ]; only the first is innocent
my $victim = [ 'authenticated', { sub => 'victim', tenant_id => 'a' } ];
my %attackers = (
	'another subject' => [ 'authenticated', { sub => 'neighbour', tenant_id => 'a' } ],
	'another tenant' => [ 'authenticated', { sub => 'foreigner', tenant_id => 'b' } ],
	'the same subject elsewhere' => [ 'authenticated', { sub => 'victim', tenant_id => 'b' } ],
	'the same tenant without subject' => [ 'authenticated', { tenant_id => 'a' } ],
	'no claims' => [ 'authenticated', undef ],
	'empty claims' => [ 'authenticated', '' ],
	'claims of other types' => [ 'authenticated', '{"sub": ["victim"], "tenant_id": {"a": "a"}}' ],
	'another role' => [ 'other', { sub => 'victim', tenant_id => 'a' } ],
	'a role without access' => [ 'anon', { sub => 'victim', tenant_id => 'a' } ],
);

sub as { my ($who, $sql, %more) = @_; return psql_as($node, @$who, $sql, %more); }

sub as_ok
{
	my ($who, $sql) = @_;
	my ($rc, $out, $err) = as($who, $sql);
	BAIL_OUT("$sql: $err") if $rc != 0;
	return $out;
}

# ---- what the victim owns -------------------------------------------------------

my $done = as_ok($victim, q{SELECT intel.submit('complete', '{"model": "chat", "prompt": "remember marker_victim"}')});
my $asked = as_ok($victim, q{SELECT intel.submit_ask('What is the password of the safe?', 'doc', model => 'chat', embedding_model => 'emb')});
my $later = as_ok($victim, q{SELECT intel.submit('complete', '{"model": "chat", "prompt": "later: marker_victim"}', '{"run_at": "2100-01-01"}')});
my $recipe = q{SELECT intel.create_recipe('private', 'MARK {{docs}}',
	'[{"name": "docs", "query": "SELECT content FROM public.doc", "item": "{{content}}"}]')};
as_ok($victim, $recipe =~ s/MARK/marker_victim/r);
is(as_ok($victim, "SELECT (intel.wait($_)).status"), 'succeeded', "job $_ of the victim ends") foreach $done, $asked;
like(as_ok($victim, "SELECT result FROM intel.job WHERE id = $asked"), qr/marker_victim/, 'with its answer');
like(as_ok($victim, q{SELECT content FROM intel.assemble('private')}), qr/safe is marker_victim/, 'its recipe works');

# ---- all tables and views ---------------------------------------------------------

my @relations = split /\n/, $node->safe_psql('postgres', q{
	SELECT format('%s.%I', relnamespace::regnamespace, relname) FROM pg_class WHERE relnamespace = 'intel'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
	UNION ALL SELECT 'public.doc' ORDER BY 1});
cmp_ok(scalar @relations, '>', 5, 'there are tables to attack');

# Markers in a relation as its reader sees it.
sub seen { return "SELECT count(*) FROM $_[0] x WHERE x::text LIKE '%marker_victim%'"; }

# Everything the extension and the application hold, for comparison.
sub fingerprint
{
	return join "\n", map { $_ . ' ' . $node->safe_psql('postgres',
		"SELECT md5(coalesce(string_agg(x::text, ',' ORDER BY x::text), '')) FROM $_ x WHERE x::text LIKE '%marker_victim%'") }
	  @relations;
}

my @marked = grep { $node->safe_psql('postgres', seen($_)) > 0 } @relations;
is(join(' ', sort @marked), 'intel.job intel.job_queue intel.recipe public.doc',
	'the administrator finds the markers, so the sweep can fail');
is(as_ok([ 'service_role', undef ], seen('intel.job_queue')), $node->safe_psql('postgres', seen('intel.job_queue')),
	'service_role bypasses row level security, as it should');

my %columns = map { my $relation = $_;
	$relation => [ split /\n/, $node->safe_psql('postgres', qq{
		SELECT format('%1\$I = %1\$I', attname) FROM pg_attribute
		WHERE attrelid = '$relation'::regclass AND attnum > 0 AND NOT attisdropped AND attidentity <> 'a'}) ]
} @relations;

# Run each statement on its own, in one committed transaction, whatever fails.
# Returns what they answered, and what the function tell was shown.
sub attack
{
	my ($who, @statements) = @_;
	my $steps = join "\n", map {
		my ($run, $what) = ($statements[$_], $statements[$_] =~ /( FROM \S+)/);
		my $counts = $run =~ s/^SELECT (.*?) FROM/SELECT $1 INTO answer FROM/ ? "RAISE NOTICE 'count$what: %', answer;" : '';
		"BEGIN $run; $counts EXCEPTION WHEN OTHERS THEN NULL; END;"
	} 0 .. $#statements;
	my ($rc, $out, $err) = as($who, qq{
		CREATE FUNCTION pg_temp.tell(text) RETURNS bool LANGUAGE plpgsql COST 0.0001
			AS 'BEGIN RAISE NOTICE ''%'', \$1; RETURN true; END';
		DO \$do\$ DECLARE answer text; BEGIN $steps END \$do\$});
	BAIL_OUT("attack: $err") if $rc != 0;
	return $err;
}

my $before = fingerprint();
foreach my $name (sort keys %attackers)
{
	my $who = $attackers{$name};
	my (@reads, @writes);
	foreach my $relation (@relations)
	{
		# plainly, and by a function that tells what it is shown and that
		# the planner would rather call than any policy
		push @reads, seen($relation), "SELECT count(*) FILTER (WHERE false) FROM $relation x WHERE pg_temp.tell(x::text)";
		# change and delete all in reach: failing is fine, hitting is not
		push @writes, map { "UPDATE $relation SET $_" } @{ $columns{$relation} },
		  "status = 'cancelled'", "owner = 'postgres'", "tenant = 'b'", "subject = 'neighbour'";
		push @writes, "DELETE FROM $relation", "TRUNCATE $relation";
	}
	my $seen = attack($who, @reads);
	my @leaks = grep { /NOTICE: +(count.*: [1-9].*|.*marker_victim.*)/ } split /\n/, $seen;
	is("@leaks", '', "$name reads nothing of the victim");
	attack($who, @writes);
	is(fingerprint(), $before, "$name changes nothing of the victim");
}

# ---- all functions ----------------------------------------------------------------

# Arguments that name what the victim owns, by type.
my %value = (
	bigint => [ $done, $asked, $later ],
	integer => [3],
	text => [ q{'private'}, q{'complete'}, q{'chat'}, q{'emb'} ],
	cstring => [q{'[1]'}],
	jsonb => [
		q{'{"tenant": "a", "subject": "victim", "owner": "authenticated", "question": "password of the safe?", "source": "public.doc", "model": "chat", "embedding_model": "emb", "prompt": "hello", "contents": ["x"], "k": 10}'},
		q{'[]'} ],
	regclass => [ q{'public.doc'}, q{'intel.job_queue'}, q{'intel.job'}, q{'intel.recipe'} ],
	regrole => [ q{'authenticated'}, q{'postgres'} ],
	interval => [q{'10 ms'}],
	boolean => ['true'],
	real => ['0.5'],
	'double precision' => ['0.5'],
	'real[]' => [ q{'{} '::real[] || array_fill(0.1::real, ARRAY[64])} ],
	'text[]' => [q{ARRAY['content']}],
	'intel.vector' => [q{'[1,2,3]'}],
);

my @functions = split /\n/, $node->safe_psql('postgres', q{
	SELECT concat_ws(E'\t', format('%s.%I', pronamespace::regnamespace, proname), prokind,
		(SELECT string_agg(format_type(t, NULL), ';' ORDER BY n) FROM unnest(proargtypes) WITH ORDINALITY a (t, n)))
	FROM pg_proc
	WHERE pronamespace = 'intel'::regnamespace AND prokind IN ('f', 'p')
		AND prorettype NOT IN ('trigger'::regtype, 'internal'::regtype, 'event_trigger'::regtype)
	ORDER BY oid});
cmp_ok(scalar @functions, '>', 50, 'there are functions to attack');

my @calls;
foreach my $line (@functions)
{
	my ($function, $kind, $types) = split /\t/, $line;
	my @types = split /;/, $types // '';
	next if grep { !$value{$_} } @types;

	# all values of the first two arguments that have several, the first of the others
	my @lists = ([]);
	my $several = 0;
	foreach my $type (@types)
	{
		my @values = @{ $value{$type} };
		@values = $values[0] if @values > 1 && $several++ >= 2;
		@lists = map { my $list = $_; map { [ @$list, "$_\::$type" ] } @values } @lists;
	}
	foreach my $list (@lists)
	{
		my $arguments = join ', ', @$list;
		push @calls, $kind eq 'p' ? "CALL $function($arguments)"
		  : "SELECT string_agg(x::text, ' ') FROM $function($arguments) x";
	}
}
cmp_ok(scalar @calls, '>', 100, 'in many ways');

# Run all calls in one session; returns what came out, errors included.
sub call_all
{
	my ($who) = @_;
	my $sql = join "\n", 'DO $do$ DECLARE answer text; BEGIN', (map {
			my $call = $_;
			my $run = $call =~ /^CALL/ ? $call : $call =~ s/^SELECT (.*?) FROM /SELECT $1 INTO answer FROM /r;
			"BEGIN answer := NULL; $run; RAISE NOTICE 'answered: %', answer; EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'refused: %', SQLERRM; END;"
	} @calls), 'END $do$';
	my ($rc, $out, $err) = as($who, $sql, rollback => 1);
	BAIL_OUT("calls: $err") if $rc != 0;
	return $err;
}

my $answers = call_all($victim);
like($answers, qr/answered: .*marker_victim/, 'calls of the victim show its rows, so the sweep can fail');
cmp_ok(scalar(() = $answers =~ /answered:/g), '>', 50, 'many calls are answered');
foreach my $name (sort keys %attackers)
{
	unlike(call_all($attackers{$name}), qr/marker_victim/, "$name calls every function and sees nothing of the victim");
}
is(fingerprint(), $before, 'and nothing of the victim was changed by a call');
is(scalar(grep { my %owners = map { $_ => 1 } $_->{body} =~ /marker_(\w+)/g; keys %owners > 1 } @{ $mock->requests }),
	0, 'no request holds rows of two users');

# ---- forged owners and tenants ------------------------------------------------------

my $neighbour = $attackers{'another subject'};
foreach my $forged (
	q{INSERT INTO intel.job_queue (task, request, tenant) VALUES ('complete', '{}', 'b')},
	q{INSERT INTO intel.job_queue (task, request, subject) VALUES ('complete', '{}', 'victim')},
	q{INSERT INTO intel.job_queue (task, request, owner) VALUES ('complete', '{}', 'postgres')},
	q{INSERT INTO intel.job_queue (task, request, claims) VALUES ('complete', '{}', '{"sub": "victim"}')},
	q{INSERT INTO intel.recipe (name, template, sections, budget, tenant) VALUES ('x', '', '[]', 100, 'b')},
	q{INSERT INTO intel.recipe (name, template, sections, budget, shared) VALUES ('x', '', '[]', 100, true)},
	q{UPDATE intel.recipe SET subject = 'victim'},
	q{INSERT INTO intel.provider (name, kind) VALUES ('evil', 'openai')},
	q{UPDATE intel.provider SET base_url = 'https://evil.example'},
	q{INSERT INTO intel.redaction_policy (name, entity, action) VALUES ('default', 'ALL', 'keep')},
	q{SET intel.tenant_claim = 'sub'},
	q{SET intel.default_model = 'x'; SET LOCAL ROLE service_role; SELECT * FROM intel.provider; SET intel.secret_directory = '/'})
{
	my ($rc, $out, $err) = as($neighbour, $forged);
	like($err, qr/permission denied|row-level security|cannot be changed|must be superuser/, "refused: $forged");
}

# a setting that looks like the tenant does not replace a claim
my ($rc, $out, $err) = as($neighbour, q{SET LOCAL "app.tenant" = 'b'; SET LOCAL "tenant_id.x" = 'b'; SELECT intel.tenant()});
is($out, 'a', 'a setting does not replace the claim');

# ---- what is equal must look equal ----------------------------------------------------

foreach my $function ('intel.wait(%s, \'10 ms\')', 'intel.cancel(%s)', 'intel.retry(%s)')
{
	my @seen = map { my ($rc, $out, $err) = as($neighbour, 'SELECT ' . sprintf($function, $_)); $err =~ s/\b$_\b/N/g; "$rc $out $err" }
	  $later, 987654321;
	is($seen[0], $seen[1], sprintf("$function: a foreign job looks like none", 'N'));
}
is((as($neighbour, $recipe))[2], '',
	'a name that the victim has taken is free, so names do not leak');

# ---- one session, several users ---------------------------------------------------------

# a pooled connection with one prepared plan
my $pooled = join "\n", 'PREPARE mine AS SELECT count(*) FROM intel.job;', 'SET plan_cache_mode = force_generic_plan;',
  (map { my $claims = encode_json($_->[1]);
		"BEGIN; SET LOCAL ROLE authenticated; SET LOCAL request.jwt.claims = '$claims'; EXECUTE mine; COMMIT;" }
	  $victim, $attackers{'another tenant'}, $victim),
  'BEGIN; SET LOCAL ROLE authenticated; EXECUTE mine; COMMIT;';
$node->psql('postgres', $pooled, stdout => \$out, extra_params => [ '-U', 'authenticator' ]);
is($out, "3\n0\n3\n0", 'a plan made for one user serves the next one its own rows');

# parallel workers act as the same user
my $force = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
my $parallel = "SET LOCAL $force = on; SET LOCAL parallel_setup_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SELECT count(*) FROM doc";
is(as_ok($victim, $parallel), '1', 'parallel workers know the victim');
is(as_ok($attackers{'no claims'}, $parallel), '0', 'and that somebody else is not');

# ---- without access, and the jobs of others -----------------------------------------------

is( $node->safe_psql('postgres', q{SELECT count(*) FROM intel._sending_functions() f WHERE has_function_privilege('anon', f, 'EXECUTE')}),
	'0', 'a role without access calls nothing that sends');

my $bare = intel_node('bare', preload => 0);
supabase_roles($bare);
$bare->safe_psql('postgres', qq{
	INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true);
	INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm', 'chat');
	INSERT INTO intel.model_grant VALUES ('chat', 0);
	SELECT intel.grant_access('authenticated')});
psql_as($bare, @$victim, q{SELECT intel.submit('complete', '{"model": "chat", "prompt": "marker_victim"}')});
$mock->reset;
foreach my $who (@attackers{ 'another tenant', 'another subject' })
{
	my $claims = encode_json($who->[1]);
	$bare->psql('postgres', "SET ROLE authenticated; SET request.jwt.claims = '$claims'; CALL intel.run_jobs(10)",
		extra_params => [ '-U', 'authenticator' ]);
}
is($bare->safe_psql('postgres', 'SELECT status, attempts FROM intel.job'), 'queued|0', 'nobody runs the jobs of others');
is($mock->stats->{requests}, 0, 'and nothing was sent for them');
$bare->stop;

done_testing();
