# Jobs of more than one call: embeddings in batches that providers take, with
# one bad text among many; answers that do not fit their schema, mended once.

use strict;
use warnings;

use IntelTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = start_mock(dimensions => 4);
my $node = intel_node('main', conf => "intel.job_retry_delay = 20ms\n");
my $url = $mock->url('/v1');
$node->safe_psql('postgres', <<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES
	('mock', 'openai', '$url', true), ('tei', 'tei', '@{[ $mock->url('') ]}', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES
	('chat', 'mock', 'm', 'chat'), ('vec', 'mock', 'm', 'embed'), ('small', 'tei', 'm', 'embed');
SQL

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub ended
{
	my ($id) = @_;
	return sql("SELECT (w).status FROM intel.wait($id, '30 s') w");
}
sub submit { return sql("SELECT intel.submit('embed', $_[0])"); }

# ---- batches -------------------------------------------------------------------

my $texts = q{jsonb_build_object('model', 'vec', 'contents',
	(SELECT jsonb_agg('text ' || i) FROM generate_series(1, 5000) i))};
my $id = submit($texts);
is(ended($id), 'succeeded', '5000 texts');
is(scalar @{ $mock->requests }, 3, 'go in three requests, of 2048 at most');
is(sql("SELECT jsonb_array_length(result -> 'embeddings') FROM intel.job WHERE id = $id"), '5000', 'all have embeddings');
is(sql(qq{SELECT count(*) FROM intel.job, LATERAL unnest(ARRAY[0, 2047, 2048, 4999]) n WHERE id = $id
	AND result -> 'embeddings' -> n = intel.run_task('embed', jsonb_build_object('model', 'vec', 'contents',
		jsonb_build_array('text ' || n + 1))) #> '{embeddings,0}'}), '4', 'each its own');
is(sql("SELECT result ->> 'dimensions', (result #>> '{usage,input_tokens}')::bigint = input_tokens FROM intel.job WHERE id = $id"),
	'4|t', 'the usage is that of all requests');
$mock->reset;

$id = submit(q{jsonb_build_object('model', 'vec', 'contents',
	(SELECT jsonb_agg(repeat('word ', 20000)) FROM generate_series(1, 6) i))});
is(ended($id), 'succeeded', '6 texts of 100 kB');
is(scalar @{ $mock->requests }, 2, 'go in two requests');
$mock->reset;

# ---- one bad text -----------------------------------------------------------------

$mock->control({ match => { contains => 'poison' }, do => [ { kind => 'status', status => 400 } ], always => JSON::PP::true });
$id = submit(q{jsonb_build_object('model', 'vec', 'contents',
	(SELECT jsonb_agg(CASE WHEN i IN (7, 40) THEN 'poison' ELSE 'text ' || i END) FROM generate_series(0, 63) i))});
is(ended($id), 'succeeded', 'two bad texts among 64');
is(sql("SELECT string_agg(n - 1 || '', ' ') FROM intel.job, jsonb_array_elements(result -> 'embeddings') WITH ORDINALITY e (v, n)
	WHERE id = $id AND v = 'null'"), '7 40', 'only they have no embedding');
is(sql("SELECT string_agg(concat_ws(' ', e ->> 'index', e ->> 'code'), ', ') FROM intel.job, jsonb_array_elements(result -> 'errors') e
	WHERE id = $id"), '7 38000, 40 38000', 'and errors that say why');
cmp_ok(scalar @{ $mock->requests }, '<=', 25, 'found by halving');
unlike(sql("SELECT result ->> 'errors' FROM intel.job WHERE id = $id"), qr/poison/, 'without the text');
$mock->reset;

$mock->control({ do => [ { kind => 'status', status => 400 } ], always => JSON::PP::true });
$id = submit(q{jsonb_build_object('model', 'vec', 'contents', (SELECT jsonb_agg('text ' || i) FROM generate_series(1, 64) i))});
is(ended($id), 'failed', 'when every text is rejected, the job fails');
cmp_ok(scalar @{ $mock->requests }, '<=', 12, 'after few requests');
$mock->reset;

$mock->control({ do => [ { kind => 'status', status => 401 } ], always => JSON::PP::true });
$id = submit(q{'{"model": "vec", "contents": ["a", "b", "c", "d"]}'});
is(ended($id), 'failed', 'a wrong key is no fault of the texts');
is(scalar @{ $mock->requests }, 1, 'and is tried once');
$mock->reset;

$mock->control({ do => [ 'ok', '500', 'ok' ] });
$id = submit($texts);
is(ended($id), 'succeeded', 'an error of the server in the middle');
is(sql("SELECT attempts FROM intel.job WHERE id = $id"), '2', 'costs an attempt');
$mock->reset;

$id = submit(q{jsonb_build_object('model', 'vec', 'contents', '["a", 7, "b"]'::jsonb)});
is(ended($id), 'succeeded', 'a text that is none cannot be sent');
is(sql("SELECT result #>> '{errors,0,index}', result #>> '{errors,0,code}', jsonb_typeof(result #> '{embeddings,1}')
	FROM intel.job WHERE id = $id"), '1|22023|null', 'and the others are');

# ---- schemas in jobs ----------------------------------------------------------------

my $schema = '{"type": "object", "required": ["age"], "properties": {"age": {"type": "integer"}}}';
my $bad = '{"age": "five, says jane.roe@private.example"}';
my $job = qq{SELECT intel.submit('complete', jsonb_build_object('prompt', 'Ann is five', 'model', 'chat',
	'schema', '$schema'::jsonb))};
$mock->reset;
$mock->control({ do => [ { kind => 'ok', content => $bad }, { kind => 'ok', content => '{"age": 5}' } ] });
$id = sql($job);
is(ended($id), 'succeeded', 'an answer that does not fit is mended');
is(sql("SELECT result ->> 'content', attempts FROM intel.job WHERE id = $id"), '{"age": 5}|1', 'in the same attempt')
  or diag(sql("SELECT result FROM intel.job WHERE id = $id"));
my @requests = @{ $mock->requests };
is(scalar @requests, 2, 'by one more request');
like($requests[1]{body}, qr/does not fit the JSON Schema/, 'that says why');
unlike($requests[1]{body}, qr/private\.example/, 'and was redacted');

$mock->reset;
$mock->control({ do => [ { kind => 'ok', content => $bad } ], always => JSON::PP::true });
$id = sql($job);
is(ended($id), 'failed', 'an answer that never fits');
is(sql("SELECT error_code, attempts FROM intel.job WHERE id = $id"), 'IN004|1', 'is IN004');
is(scalar @{ $mock->requests }, 2, 'after one repair, no more');

$mock->reset;
$mock->control({ do => [ { kind => 'ok', content => $bad }, '500', { kind => 'ok', content => '{"age": 5}' } ] });
$id = sql($job);
is(ended($id), 'succeeded', 'a repair that meets an error of the server is retried');
is(scalar @{ $mock->requests }, 3, 'with the request of the job');

# the same in a session
$node->append_conf('postgresql.conf', "intel.max_workers = 0");
$node->restart;
$mock->reset;
$mock->control({ do => [ { kind => 'ok', content => $bad }, { kind => 'ok', content => '{"age": 5}' } ] });
$id = sql($job);
sql('CALL intel.run_jobs()');
is(sql("SELECT status FROM intel.job WHERE id = $id"), 'succeeded', 'run_jobs repairs, too');
$id = submit($texts);
sql('CALL intel.run_jobs()');
is(sql("SELECT jsonb_array_length(result -> 'embeddings') FROM intel.job WHERE id = $id"), '5000', 'and packs');

done_testing();
