# Jobs with "stream": true: parts are rows while the model still writes, seen
# by the submitter only, and the result is that of an answer in one piece.

use strict;
use warnings;

use IntelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = start_mock();
my $node = intel_node('main', conf => "intel.job_retry_delay = 20ms\n");
my $url = $mock->url('/v1');
sub sql { return $node->safe_psql('postgres', $_[0]); }
sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'm', 'chat');
INSERT INTO intel.model_grant VALUES ('chat', 0);
CREATE ROLE alice; CREATE ROLE bob; SELECT intel.grant_access('alice'); SELECT intel.grant_access('bob');
SQL
my $words = join ' ', map { "word$_" } 1 .. 30;
my $submit = qq{SET ROLE alice; SELECT intel.submit('complete', '{"prompt": "$words", "model": "chat", "stream": true}')};
my $text = q{SELECT string_agg(content, '' ORDER BY seq) FROM intel.job_part WHERE job = };

$mock->control({ match => { path => '/chat/' }, do => [ { kind => 'drip', interval => 0.1 } ] });
my $id = sql($submit);
wait_for_sql($node, "SELECT count(*) >= 3 FROM intel.job_part WHERE job = $id", 'parts to arrive');
is(sql("SELECT status FROM intel.job WHERE id = $id"), 'running', 'parts are there while the model writes');
like(sql("$text $id"), qr/^echo: word1 /, 'in order');
is(sql("SET ROLE bob; SELECT count(*) FROM intel.job_part"), '0', 'another role does not see them');
cmp_ok(sql("SET ROLE alice; SELECT count(*) FROM intel.job_part"), '>=', 3, 'the submitter does');
is(sql("SET ROLE alice; SELECT (w).status FROM intel.wait($id, '60 s') w"), 'succeeded', 'the job ends');
is(sql("$text $id"), "echo: $words", 'all parts are the answer');
is(sql("SELECT result ->> 'content' FROM intel.job WHERE id = $id"), "echo: $words", 'as is the result');
is(sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'intel worker' AND backend_xmin IS NOT NULL"), '0',
	'nothing is left open');
$mock->reset;

$mock->control({ match => { path => '/chat/' }, do => [ 'stream_error', 'ok' ] });
$id = sql($submit);
is(sql("SET ROLE alice; SELECT (w).status || (w).attempts FROM intel.wait($id, '60 s') w"), 'succeeded2', 'a stream that breaks is begun anew');
is(sql("$text $id"), "echo: $words", 'without the parts of the first attempt');
$mock->reset;

my ($rc, $out, $err) = $node->psql('postgres', qq{LISTEN intel_job_part; $submit \\gset
	SELECT (intel.wait(:submit, '60 s')).status; SELECT 1});
like($out, qr/notification "intel_job_part" with payload "\d+ 1"/, 'parts are notified, by job and number');
unlike($out, qr/word1/, 'without their text');
sql('DELETE FROM intel.job_queue');
is(sql('SELECT count(*) FROM intel.job_part'), '0', 'parts go with their job');

$node->append_conf('postgresql.conf', 'intel.max_workers = 0');
$node->restart;
$id = sql($submit);
sql('CALL intel.run_jobs()');
is(sql("$text $id"), "echo: $words", 'run_jobs writes them, too');

done_testing();
