/*-------------------------------------------------------------------------
 *
 * context_ask.c
 *		The task ask, as a step function.
 *
 *	  (start) --embed--> retrieve --complete--> verify --> result
 *	     |                ^  |  |
 *	     |                |  |  +-- no row found --> result
 *	     |                |  +-- embed again: the column has another model --+
 *	     |                +--------------------------------------------------+
 *	     +-- mode text: retrieve at once
 *
 * The executor makes the model calls between the steps, without an open
 * transaction where it is a worker. Every step runs as the user who asked,
 * so retrieval sees what RLS lets that user see, at the time of retrieval.
 * A column of embeddings may get another model while a question waits; what
 * the question was embedded by is in the state, and compared under the lock
 * that retrieval holds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

#include "base/compat.h"
#include "base/error.h"
#include "context/context_answer.h"
#include "context/context_int.h"
#include "context/context_prompt.h"

#define DEFAULT_K 6
#define MAX_SOURCES 100
#define DEFAULT_BUDGET 4000
#define MAX_BUDGET 1000000

INTEL_FUNCTION(_ask_step);

/* What was asked, checked. */
typedef struct AskRequest
{
	char *question;
	ContextSource *source;
	ContextMode mode;
	int k;
	int budget;
	char *model; /* NULL: the default */
	/* by what to embed now; NULL in mode text */
	char *embedding_model; /* NULL: the default */
	char *query_prompt;	   /* NULL: none */
	char *content;		   /* the question in that prompt */
} AskRequest;

static int
checked_int(Jsonb *request, const char *key, int if_none, int max)
{
	int value = context_int_member(request, key, if_none);

	if (value < 1 || value > max)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s of %d is out of range", key, value),
						errhint("It must be between 1 and %d.", max)));
	return value;
}

/* The relation of a qualified name; raises 42P01 when it is gone. */
static Oid
source_by_name(const char *name)
{
	RangeVar *relation;
	Oid relid;

	relation = makeRangeVarFromNameList(
		textToQualifiedNameList(cstring_to_text(name)));
	relid = RangeVarGetRelid(relation, NoLock, true);
	if (!OidIsValid(relid))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("source relation \"%s\" does not exist", name),
						errhint("It may have been dropped or renamed since "
								"the question was asked.")));
	return relid;
}

/*
 * Find out which column to search, if the request does not say, and by what
 * the question is to be embedded for it. Locks the source like a search does,
 * until the transaction ends, so the column keeps its name and model to then.
 */
static void
find_embedding_model(AskRequest *ask, Oid relid, ContextColumns *columns)
{
	QueryArg args[4];
	QueryResult *found;

	args[0] = query_arg_oid(REGCLASSOID, relid);
	args[1] = query_arg_text(ask->question);
	args[2] = query_arg_text(columns->embedding);
	args[3] = query_arg_text(ask->embedding_model);
	found = context_query(
		"SELECT a.embedding_column, a.embedding_model, a.query_prompt,"
		" a.content FROM intel._query_embedding($1, $2, $3, $4) a",
		args, 4);
	columns->embedding = query_text(found, 0, 0);
	ask->embedding_model = query_text(found, 0, 1);
	ask->query_prompt = query_text(found, 0, 2);
	ask->content = query_text(found, 0, 3);
}

static AskRequest *
read_request(Jsonb *request)
{
	AskRequest *ask = palloc0(sizeof(AskRequest));
	ContextColumns columns;
	char *source = context_text_member(request, "source", NULL);
	Oid relid;

	ask->question = context_text_member(request, "question", NULL);
	if (ask->question == NULL || source == NULL ||
		strspn(ask->question, " \t\r\n") == strlen(ask->question))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a question and a source are needed")));
	ask->mode = context_mode(context_text_member(request, "mode", "hybrid"));
	ask->k = checked_int(request, "k", DEFAULT_K, MAX_SOURCES);
	ask->budget = checked_int(request, "budget", DEFAULT_BUDGET, MAX_BUDGET);
	ask->model = context_text_member(request, "model", NULL);
	ask->embedding_model =
		context_text_member(request, "embedding_model", NULL);
	columns.content = context_text_member(request, "content_column", NULL);
	columns.embedding = context_text_member(request, "embedding_column", NULL);
	columns.title = context_text_member(request, "title_column", NULL);
	relid = source_by_name(source);
	if (ask->mode != CONTEXT_TEXT)
		find_embedding_model(ask, relid, &columns);
	ask->source = context_source(relid, &columns, ask->mode);
	return ask;
}

/* Append one more member to an object, unless it is NULL. */
static void
put_member(StringInfo out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(out, ", \"%s\": ", key);
	context_put_json(out, value);
}

/* ---- the steps ---- */

static Jsonb *
call_embed(const AskRequest *ask)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(
		&out, "{\"call\": \"embed\", \"request\": {\"contents\": [");
	context_put_json(&out, ask->content);
	appendStringInfoChar(&out, ']');
	put_member(&out, "model", ask->embedding_model);
	appendStringInfoString(&out, "}, \"state\": {\"step\": \"retrieve\"");
	put_member(&out, "model", ask->embedding_model);
	put_member(&out, "query_prompt", ask->query_prompt);
	appendStringInfoString(&out, "}}");
	return context_to_jsonb(&out);
}

static bool
member_is(Jsonb *object, const char *key, const char *value)
{
	const char *member = context_text_member(object, key, NULL);

	return member == NULL || value == NULL ? member == value
										   : strcmp(member, value) == 0;
}

/* Whether the call of this state embedded by what the column has now. */
static bool
embedded_as_now(const AskRequest *ask, Jsonb *state)
{
	return member_is(state, "model", ask->embedding_model) &&
		   member_is(state, "query_prompt", ask->query_prompt);
}

/* The question's embedding, as real[], from the reply to call_embed. */
static ArrayType *
read_embedding(Jsonb *reply)
{
	Jsonb *embeddings =
		reply != NULL ? context_json_member(reply, "embeddings") : NULL;
	Jsonb *first = NULL;
	Datum *numbers;
	int n;

	if (context_array_length(embeddings) == 1)
		first = context_array_element(embeddings, 0);
	n = context_array_length(first);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTEL_MALFORMED),
				 errmsg("reply of the embedding model has no embedding")));
	numbers = palloc(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(&first->root, i);
		double number;

		if (value->type != jbvNumeric)
			ereport(ERROR,
					(errcode(ERRCODE_INTEL_MALFORMED),
					 errmsg("embedding has an element that is not a number")));
		number = DatumGetFloat8(DirectFunctionCall1(
			numeric_float8, NumericGetDatum(value->val.numeric)));
		if (fabs(number) > FLT_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_INTEL_MALFORMED),
					 errmsg("embedding has an element that is out of range")));
		numbers[i] = Float4GetDatum((float4) number);
	}
	return construct_array(numbers, n, FLOAT4OID, sizeof(float4), true,
						   TYPALIGN_INT);
}

static Jsonb *
not_found(void)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"result\": {\"answer\": ");
	context_put_json(&out, CONTEXT_NOT_FOUND);
	appendStringInfoString(&out, ", \"citations\": [], \"grounded\": null}}");
	return context_to_jsonb(&out);
}

/* What verify needs to know of the sources that the model gets. */
static void
put_sources(StringInfo out, const Prompt *prompt)
{
	for (int i = 0; i < prompt->nsources; i++)
	{
		const PromptSource *source = &prompt->sources[i];
		const char *content = source->hit->content;

		appendStringInfo(out, "%s{\"key\": %s, \"title\": ", i > 0 ? ", " : "",
						 source->hit->key != NULL ? source->hit->key : "null");
		context_put_json(out, source->hit->title);
		appendStringInfo(
			out, ", \"offset\": %d, \"content\": ",
			pg_mbstrlen_with_len(content, (int) (source->content - content)));
		context_put_json(out, pnstrdup(source->content, source->len));
		appendStringInfoChar(out, '}');
	}
}

static Jsonb *
call_complete(const AskRequest *ask, const ArrayType *embedding)
{
	int nhits;
	ContextHit *hits = context_retrieve(ask->source, ask->question, embedding,
										ask->mode, ask->k, &nhits);
	Prompt *prompt;
	StringInfoData out;

	if (nhits == 0)
		return not_found();
	prompt = prompt_build(ask->question, hits, nhits, ask->budget);
	initStringInfo(&out);
	appendStringInfoString(
		&out, "{\"call\": \"complete\", \"request\": {\"system\": ");
	context_put_json(&out, prompt->system);
	appendStringInfoString(&out, ", \"prompt\": ");
	context_put_json(&out, prompt->text.data);
	put_member(&out, "model", ask->model);
	appendStringInfoString(
		&out, "}, \"state\": {\"step\": \"verify\", \"sources\": [");
	put_sources(&out, prompt);
	appendStringInfoString(&out, "]}}");
	return context_to_jsonb(&out);
}

static void
put_citation(StringInfo out, int number, Jsonb *source,
			 const AnswerSource *checked)
{
	Jsonb *key = context_json_member(source, "key");

	appendStringInfo(out, "{\"n\": %d, \"source_key\": ", number);
	if (key != NULL)
		(void) JsonbToCString(out, &key->root, VARSIZE(key));
	else
		appendStringInfoString(out, "null");
	appendStringInfoString(out, ", \"title\": ");
	context_put_json(out, context_text_member(source, "title", NULL));
	if (checked->quote != NULL)
	{
		int before = pg_mbstrlen_with_len(
			checked->content, (int) (checked->quote - checked->content));

		appendStringInfoString(out, ", \"quote\": ");
		context_put_json(out, pnstrdup(checked->quote, checked->quote_len));
		appendStringInfo(out, ", \"start\": %d",
						 context_int_member(source, "offset", 0) + before + 1);
	}
	else
		appendStringInfoString(out, ", \"quote\": null, \"start\": null");
	appendStringInfoChar(out, '}');
}

static Jsonb *
verify(Jsonb *state, Jsonb *reply)
{
	Jsonb *sources = context_json_member(state, "sources");
	int n = context_array_length(sources);
	AnswerSource *checked = palloc0(sizeof(AnswerSource) * (n + 1));
	Jsonb **given = palloc(sizeof(Jsonb *) * (n + 1));
	char *answer =
		reply != NULL ? context_text_member(reply, "content", NULL) : NULL;
	double inference =
		reply != NULL ? context_number_member(reply, "inference_id", 0) : 0;
	const char *separator = "";
	AnswerCheck check;
	StringInfoData out;

	if (answer == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTEL_MALFORMED),
						errmsg("reply of the model has no content")));
	for (int i = 0; i < n; i++)
	{
		given[i] = context_array_element(sources, i);
		checked[i].content = context_text_member(given[i], "content", "");
		checked[i].len = strlen(checked[i].content);
	}
	answer_check(answer, strlen(answer), checked, n, &check);

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"result\": {\"answer\": ");
	context_put_json(&out, answer);
	appendStringInfoString(&out, ", \"citations\": [");
	for (int i = 0; i < n; i++)
	{
		if (!checked[i].cited)
			continue;
		appendStringInfoString(&out, separator);
		put_citation(&out, i + 1, given[i], &checked[i]);
		separator = ", ";
	}
	appendStringInfoString(&out, "], \"grounded\": ");
	if (check.sentences > 0)
		appendStringInfo(&out, "%.4f",
						 (double) check.grounded / check.sentences);
	else
		appendStringInfoString(&out, "null");
	if (inference > 0)
		appendStringInfo(&out, ", \"inference_id\": %.0f", inference);
	appendStringInfoString(&out, "}}");
	return context_to_jsonb(&out);
}

Datum
intel__ask_step(PG_FUNCTION_ARGS)
{
	Jsonb *state = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	Jsonb *reply = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	const char *step =
		state != NULL ? context_text_member(state, "step", "") : "start";
	AskRequest *ask;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("request of task ask must not be null")));
	if (strcmp(step, "verify") == 0)
		PG_RETURN_JSONB_P(verify(state, reply));

	ask = read_request(PG_GETARG_JSONB_P(0));
	if (strcmp(step, "retrieve") == 0)
		PG_RETURN_JSONB_P(embedded_as_now(ask, state)
							  ? call_complete(ask, read_embedding(reply))
							  : call_embed(ask));
	if (strcmp(step, "start") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("task ask has no such step")));
	if (ask->mode == CONTEXT_TEXT)
		PG_RETURN_JSONB_P(call_complete(ask, NULL));
	PG_RETURN_JSONB_P(call_embed(ask));
}
