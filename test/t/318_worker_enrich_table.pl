# What an enrichment does when its table is not what it was: keys that change or
# depend on settings, triggers and policies of the table, and what others may
# see of its jobs or claim to be.

use strict;
use warnings;

use IntelTest;
use Test::More;

my $node = intel_node('main', preload => 0, conf => "intel.job_retry_delay = 20ms\n");
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub state { return (sqlstate($node, $_[0]) // '') }
sub run { return sql(q{SET statement_timeout = '20s'; CALL intel.run_jobs()}); }

sql(q{CREATE ROLE shop; CREATE ROLE mallory; CREATE ROLE victim;
	SELECT intel.grant_access(r::regrole) FROM unnest('{shop,mallory,victim}'::text[]) r;
	INSERT INTO intel.model_grant SELECT name, 0 FROM intel.model ON CONFLICT DO NOTHING;
	CREATE SCHEMA shop AUTHORIZATION shop;
	GRANT CREATE ON SCHEMA public TO mallory});
my $as = 'SET ROLE shop;';
# a table with an enrichment of the same name, which embeds its column body
sub create
{
	my ($table, $columns, $more) = @_;
	sql("$as CREATE TABLE shop.$table ($columns, body text, embedding intel.vector(384)); " . ($more // '') . ";
		SELECT intel.create_enrichment('$table', 'shop.$table', '{body}', 'embedding', '', 'embedding')");
	return;
}
sub as_tenant { return qq{$as SET request.jwt.claims = '{"tenant_id": "$_[0]"}';} }
my $fits = q{coalesce(embedding OPERATOR(intel.=) intel.embed(body), false)};
sub right { return sql("SELECT count(*) FILTER (WHERE $fits) || ' of ' || count(*) FROM shop.$_[0]"); }
sub status { return sql("$as SELECT rows, done, failed FROM intel.enrichment_status WHERE name = '$_[0]'"); }

# ---- jobs of others ---------------------------------------------------------------------

sql(q{SET ROLE victim; SELECT intel.submit('complete', '{"prompt": "hello", "model": "builtin-answer", "nonsense": 1}')});
run();
is(sql(q{SELECT status FROM intel.job_queue}), 'failed', 'a job of another role');
is(sql(q{SET ROLE mallory; CREATE TABLE public.m (id int PRIMARY KEY, a text, b text);
	SELECT intel.create_enrichment('m', 'public.m', '{a}', 'b', 'x', options => '{"backfill": false}') \g /dev/null
	INSERT INTO intel.enrichment_row (enrichment, source_key, job) SELECT e.id, to_jsonb(g), g FROM intel.enrichment e, generate_series(1, 5) g;
	SELECT count(*) FROM intel._enrich_job WHERE status IS NOT NULL OR error_code IS NOT NULL;
	SELECT count(*) FROM intel.enrichment_error}), "0\n0", 'is not seen by who writes its number into a row of his');
sql(q{SET ROLE mallory; SELECT intel.drop_enrichment('m')});

done_testing();
