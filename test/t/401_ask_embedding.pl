# Questions that wait while the column they search gets another model: each is
# embedded by the model, and in the prompt, that the column has when it is searched.

use strict;
use warnings;

use IntelTest;
use JSON::PP;
use Test::More;

my $mock = start_mock();
my $node = intel_node('main', conf => "intel.job_retry_delay = 20ms\n");
my $url = $mock->url('/v1');
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub state { return sqlstate($node, $_[0]) // ''; }

# Both models have as many dimensions, so a mistake makes no error: it finds the
# other row. "one" is asked in a prompt that is near to row 1, "two" to row 2.
sql(<<"SQL");
INSERT INTO intel.provider (name, kind, base_url, allow_private_network) VALUES ('mock', 'openai', '$url', true);
INSERT INTO intel.model (name, provider, model_id, task, dimensions, options)
	SELECT m, 'mock', m, 'embed', 64, '{"dimensions": 64}' FROM unnest('{one,two}'::text[]) m;
INSERT INTO intel.model (name, provider, model_id, task) VALUES ('chat', 'mock', 'chat', 'chat');
INSERT INTO intel.model_grant SELECT m, 0 FROM unnest('{one,two,chat}'::text[]) m;
CREATE ROLE shop; CREATE ROLE app; CREATE ROLE rival;
SELECT intel.grant_access('shop'), intel.grant_access('app'), intel.grant_access('rival');
CREATE SCHEMA shop AUTHORIZATION shop;
GRANT USAGE ON SCHEMA shop TO app, rival;
SET ROLE shop;
CREATE TABLE shop.doc (id int PRIMARY KEY, topic text, content text, embedding intel.vector(64));
GRANT SELECT ON shop.doc TO app;
INSERT INTO shop.doc VALUES (1, 'harbour lantern', 'The first zebra sleeps.'), (2, 'meadow violin', 'The second zebra sleeps.');
SQL
my %query_prompt = (one => 'harbour lantern: {{query}}', two => 'meadow violin: {{query}}');
my %row = (one => 1, two => 2);
my $question = 'Which zebra?';
my $source = "'$question', 'shop.doc', 1, 'chat', mode => 'vector'";

sub idle
{
	wait_for_sql($node, q{SELECT count(*) = 0 FROM intel.job_queue WHERE status = 'running' OR status = 'queued' AND next_attempt_at < '2100-01-01' AND needs IS NULL},
		'the jobs to end');
	return;
}
# what was embedded since the last reset, as "model: text"
sub embedded
{
	my @texts = map { my $json = $_->{json}; map { "$json->{model}: $_" } (ref $json->{input} ? @{ $json->{input} } : $json->{input}) }
		grep { $_->{path} =~ m{/embeddings$} } @{ $mock->requests };
	return join(', ', @texts);
}
# how a question looks to a model
sub asked { return join(', ', map { my $text = $query_prompt{$_}; $text =~ s/\{\{query\}\}/$question/; "$_: $text" } @_); }
sub submit
{
	my ($more) = @_;
	return sql("SET ROLE app; SELECT intel.submit_ask($source" . ($more // '') . ')');
}
sub found
{
	my ($job) = @_;
	return sql("SET ROLE app; SELECT status, result #>> '{citations,0,source_key,id}' FROM intel.wait($job)");
}
# all but the exchange of a change of the model; $_[0] is the new one
sub change
{
	my ($model) = @_;
	sql(qq{SET ROLE shop; SELECT intel.backfill_enrichment(intel.change_enrichment_model('doc', '$model', '{"query_prompt": "$query_prompt{$model}"}'))});
	idle();
	$mock->reset;
	return;
}
my $finish = q{SET ROLE shop; SELECT intel.finish_enrichment_model('doc', drop_old => true)};
sub begin_exchange
{
	my $session = $node->background_psql('postgres');
	$session->query_safe("BEGIN; $finish");
	return $session;
}
sub end_exchange
{
	my ($session) = @_;
	wait_for_sql($node, q{SELECT count(*) > 0 FROM intel.job_queue WHERE status = 'running'}, 'the job to begin');
	wait_for('the answer', sub { $mock->stats->{open} == 0 });
	sleep 1; # its step meets the lock
	is(sql(q{SELECT count(*) FROM intel.job_queue WHERE status = 'running'}), '1', 'the job waits for the exchange');
	$session->query_safe('COMMIT');
	$session->quit;
	return;
}
# the next embedding takes its time; the exchange has to come in between
sub slow { $mock->control({ match => { path => '/embeddings' }, do => [ { kind => 'slow', seconds => 4 } ] }); return; }

# ---- the model and the prompt of the column ---------------------------------------

sql(qq{SET ROLE shop; SELECT intel.create_enrichment('doc', 'shop.doc', '{topic}', 'embedding', '', 'embedding', '{"model": "one", "query_prompt": "$query_prompt{one}"}')});
idle();
$mock->reset;
is(sql("SET ROLE app; SELECT citations #>> '{0,source_key,id}' FROM intel.ask($source)"), '1', 'asked at once');
is(embedded(), asked('one'), 'by model and prompt of the column');
$mock->reset;
is(found(submit()), 'succeeded|1', 'asked by a job');
is(embedded(), asked('one'), 'the same');
$mock->reset;
is(found(submit(q{, embedding_model => 'two'})), 'succeeded|1', 'a model that the caller names');
is(embedded(), "two: $question", 'is taken as it is');
$mock->reset;
my $by_hand = sql(q{SET ROLE app; SELECT intel.submit('ask', jsonb_build_object('question', 'Which zebra?', 'source', 'shop.doc', 'k', 1, 'model', 'chat', 'mode', 'vector'))});
is(found($by_hand), 'succeeded|1', 'a request that is written by hand');
is(embedded(), asked('one'), 'finds the model, too');

$mock->reset;
sql('SET ROLE shop; CREATE VIEW shop.seen AS SELECT * FROM shop.doc; GRANT SELECT ON shop.seen TO app');
my $of_view = "'$question', 'shop.seen', 1, 'chat', mode => 'vector'";
sql("SET ROLE app; SET intel.default_embedding_model = 'two'; SELECT intel.ask($of_view)");
is(embedded(), "two: $question", 'a view has no enrichment: the default model');
sql('SET ROLE shop; DROP VIEW shop.seen');

$mock->reset;
is(state("SET ROLE rival; SELECT intel.ask($source)"), '42501', 'who may not read the table');
is($mock->stats->{requests}, 0, 'costs no call');

# ---- queued before an exchange -----------------------------------------------------

change('two');
my $blocker = sql(q{SET ROLE app; SELECT intel.submit('embed', '{"contents": ["x"]}', '{"run_at": "2100-01-01"}')});
my $after = qq{, options => '{"after": $blocker, "after_failure": "run"}'};
my $queued = submit($after);
my $queued_named = submit(qq{, embedding_model => 'one', embedding_column => 'embedding'$after});
is(sql("SELECT request ? 'embedding_model', request ->> 'embedding_column' FROM intel.job_queue WHERE id = $queued"), 'f|embedding', 'the request does not say the model');
sql($finish);
is($mock->stats->{requests}, 0, 'nothing is sent before the exchange');
sql("SET ROLE app; SELECT intel.cancel($blocker)");
is(found($queued), 'succeeded|2', 'queued before: finds by the new model');
like(found($queued_named), qr/^succeeded/, 'one that names a model');
is(join(', ', sort split /, /, embedded()), join(', ', sort(asked('two'), "one: $question")), 'each by its own');

# ---- the question comes while the columns are exchanged -----------------------------

change('one');
my $exchange = begin_exchange();
my $waiting = submit();
end_exchange($exchange);
is(found($waiting), 'succeeded|1', 'asked in an exchange: finds by the new model');
is(embedded(), asked('one'), 'which is the only one that is asked');

# ---- the answer of the old model is on its way ---------------------------------------

change('two');
slow();
my $in_flight = submit();
$mock->wait_requests(1);
sql($finish);
is(found($in_flight), 'succeeded|2', 'embedded before: finds by the new model');
is(embedded(), asked('one', 'two'), 'which is asked after the old one');

# the same, and the snapshot of the search is from before the exchange
change('one');
slow();
$in_flight = submit();
$mock->wait_requests(1);
end_exchange(begin_exchange());
is(found($in_flight), 'succeeded|1', 'searched in an exchange: finds by the new model');
is(embedded(), asked('two', 'one'), 'which is asked after the old one');

# ---- snapshots from before, at once ---------------------------------------------------

my @session = map { $node->background_psql('postgres', on_error_stop => 0) } 0 .. 1;
my $repeatable = 'SET ROLE app; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM intel.model; SAVEPOINT s';
$session[0]->query_safe($repeatable);
change('two');
$session[1]->query_safe($repeatable);
sql($finish);
is($session[1]->query_safe("SELECT citations #>> '{0,source_key,id}' FROM intel.ask($source)"), '2', 'a snapshot from before the exchange: by the new model');
is(embedded(), asked('two'), 'alone');
my $search = "SELECT source_key ->> 'id' FROM intel.search('shop.doc', '$question', 1, 'vector')";
is($session[1]->query_safe($search), '2', 'and so a search');
is(embedded(), asked('two', 'two'), 'by the same model');
foreach my $query ("SELECT intel.ask($source)", $search)
{
	$session[0]->query("ROLLBACK TO s; $query");
	like($session[0]->{stderr}, qr/is newer than the snapshot/, 'one from before the change is refused');
	$session[0]->{stderr} = '';
}
is(embedded(), asked('two', 'two'), 'before anything is sent');
$_->quit foreach @session;

is(sql(q{SELECT count(*) FROM intel.job_queue WHERE status NOT IN ('succeeded', 'cancelled')}), '0', 'no job failed');

done_testing();
