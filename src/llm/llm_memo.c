/*-------------------------------------------------------------------------
 *
 * llm_memo.c
 *		Answers of one statement: no input is asked about twice, and many at
 *		once.
 *
 * classify, extract, is_true, summarize and translate are meant for queries
 * over many rows, where the same text often stands in many of them. What was
 * answered is kept by the whole request until the next statement of the
 * client, or until calls are made for somebody or something else, with another
 * default model, or under another catalogue.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/error.h"
#include "base/guc.h"
#include "llm/llm_catalog.h"
#include "llm/llm_int.h"
#include "llm/llm_log.h"

INTEL_FUNCTION(_call_memo);
INTEL_FUNCTION(_complete_each);

/* A request and its answer. */
typedef struct Answer
{
	uint64 hash;
	struct Answer *next; /* of the same hash */
	Jsonb *request;
	Jsonb *result;
} Answer;

typedef struct Memo
{
	MemoryContext cxt;
	HTAB *answers; /* the first of each hash */
	TimestampTz statement;
	uint64 catalog;
	char *origin; /* see llm_log_origin */
	char *default_model;
	Size bytes;
} Memo;

static Memo memo = {0};

/* Forget everything, and begin for the current statement and origin. */
static void
begin_memo(const char *origin)
{
	HASHCTL info = {0};

	if (memo.cxt == NULL)
		memo.cxt = AllocSetContextCreate(TopMemoryContext, "intel llm memo",
										 ALLOCSET_DEFAULT_SIZES);
	memo.answers = NULL;
	MemoryContextReset(memo.cxt);
	info.keysize = sizeof(uint64);
	info.entrysize = sizeof(Answer);
	info.hcxt = memo.cxt;
	memo.answers = hash_create("intel llm memo", 256, &info,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	memo.statement = GetCurrentStatementStartTimestamp();
	memo.catalog = llm_catalog_generation();
	memo.origin = MemoryContextStrdup(memo.cxt, origin);
	memo.default_model = MemoryContextStrdup(memo.cxt, guc_default_model);
	memo.bytes = 0;
}

static bool
memo_is_current(const char *origin)
{
	return memo.answers != NULL &&
		   memo.statement == GetCurrentStatementStartTimestamp() &&
		   memo.catalog == llm_catalog_generation() &&
		   strcmp(memo.origin, origin) == 0 &&
		   strcmp(memo.default_model, guc_default_model) == 0 &&
		   memo.bytes <= (Size) work_mem * 1024;
}

static Jsonb *
copy_jsonb(const Jsonb *value)
{
	Jsonb *copy = MemoryContextAllocHuge(memo.cxt, VARSIZE(value));

	memcpy(copy, value, VARSIZE(value));
	return copy;
}

static void
remember(uint64 hash, const Jsonb *request, const Jsonb *result)
{
	bool found;
	Answer *first = hash_search(memo.answers, &hash, HASH_ENTER, &found);
	Answer *answer = first;

	if (found)
	{
		answer = MemoryContextAlloc(memo.cxt, sizeof(Answer));
		answer->hash = hash;
		answer->next = first->next;
	}
	else
		answer->next = NULL;
	answer->request = NULL;
	answer->result = copy_jsonb(result);
	answer->request = copy_jsonb(request);
	if (found)
		first->next = answer;
	memo.bytes += VARSIZE(request) + VARSIZE(result) + sizeof(Answer);
}

/* The answer to a request in this statement, or NULL. */
static Jsonb *
recall(uint64 hash, const Jsonb *request)
{
	char *origin = llm_log_origin();
	Answer *answer;

	if (!memo_is_current(origin))
		begin_memo(origin);
	for (answer = hash_search(memo.answers, &hash, HASH_FIND, NULL);
		 answer != NULL; answer = answer->next)
		if (answer->request != NULL &&
			VARSIZE(answer->request) == VARSIZE(request) &&
			memcmp(answer->request, request, VARSIZE(request)) == 0)
			return answer->result;
	return NULL;
}

static uint64
hash_request(const Jsonb *request)
{
	return DatumGetUInt64(
		hash_any_extended((const unsigned char *) VARDATA(request),
						  VARSIZE(request) - VARHDRSZ, 0));
}

/*
 * What ends a serving, with the name of the model as "answered_by", which is
 * remembered for the origin that it was begun for; NULL with *refusal, where
 * one is given.
 */
static Jsonb *
take_answer(LlmServing *serving, const Jsonb *request, const char *origin,
			LlmRefusal *refusal)
{
	const char *model;
	char *result = llm_serving_end(serving, &model, refusal);
	StringInfoData text;
	Jsonb *answer;

	if (result == NULL)
		return NULL;
	initStringInfo(&text);
	appendBinaryStringInfo(&text, result, strlen(result) - 1);
	appendStringInfoString(&text, ",\"answered_by\":");
	if (model != NULL)
		escape_json(&text, model);
	else
		appendStringInfoString(&text, "null");
	appendStringInfoChar(&text, '}');
	answer = DatumGetJsonbP(
		DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
	/*
	 * The call may have read the catalogue anew, or have run statements of
	 * others' in this session.
	 */
	if (!memo_is_current(origin) && strcmp(llm_log_origin(), origin) == 0)
		begin_memo(origin);
	if (memo_is_current(origin))
		remember(hash_request(request), request, answer);
	return answer;
}

Datum
intel__call_memo(PG_FUNCTION_ARGS)
{
	LlmTask task = llm_task_of_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Jsonb *request = PG_GETARG_JSONB_P(1);
	char *origin = llm_log_origin();
	Jsonb *answer = recall(hash_request(request), request);

	if (answer == NULL)
		PG_RETURN_JSONB_P(take_answer(llm_serving_begin(task, request, false),
									  request, origin, NULL));
	/* the next call may begin another memo */
	PG_RETURN_DATUM(datumCopy(JsonbPGetDatum(answer), false, -1));
}

/* ---- many at once --------------------------------------------------------- */

/* A text that is asked about; all of it in a context of its own. */
typedef struct Question
{
	MemoryContext cxt;
	Jsonb *request;
	char *origin;
} Question;

typedef struct Questions
{
	Datum request; /* what is asked about each text */
	bool keep_going;
	Datum *contents; /* the texts; in their place, the answers */
	bool *nulls;
	Question *questions;
} Questions;

/* What is asked of every text, with the text of this one. */
static Jsonb *
request_about(Datum request, Datum content)
{
	Datum name = CStringGetTextDatum("prompt");
	Datum member = DirectFunctionCall2(
		jsonb_object_two_arg,
		PointerGetDatum(
			construct_array(&name, 1, TEXTOID, -1, false, TYPALIGN_INT)),
		PointerGetDatum(
			construct_array(&content, 1, TEXTOID, -1, false, TYPALIGN_INT)));

	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, request, member));
}

static LlmServing *
begin_question(int i, void *arg)
{
	Questions *all = arg;
	Question *question = &all->questions[i];
	LlmServing *serving = NULL;
	MemoryContext old;

	if (all->nulls[i])
		return NULL;
	question->cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel llm question", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(question->cxt);
	question->request = request_about(all->request, all->contents[i]);
	question->origin = llm_log_origin();
	if (recall(hash_request(question->request), question->request) == NULL)
		serving =
			llm_serving_begin(LLM_TASK_COMPLETE, question->request, true);
	MemoryContextSwitchTo(old);
	return serving;
}

/* May a statement go on without the answer of a call that was refused so? */
static bool
is_passing(int sqlstate)
{
	int category = ERRCODE_TO_CATEGORY(sqlstate);

	return category == ERRCODE_TO_CATEGORY(ERRCODE_INTEL_TIMEOUT) ||
		   category == ERRCODE_TO_CATEGORY(ERRCODE_SYSTEM_ERROR) ||
		   category == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES);
}

/* The answer to a question, in its context; NULL where it may be missing. */
static Jsonb *
answer_of(Question *question, LlmServing *serving, bool keep_going)
{
	LlmRefusal refusal = {0};
	Jsonb *answer = NULL;

	if (serving == NULL)
		answer = recall(hash_request(question->request), question->request);
	if (answer != NULL)
		return answer;
	/* the memo may have been emptied since it had the answer */
	if (serving == NULL)
		serving =
			llm_serving_begin(LLM_TASK_COMPLETE, question->request, true);
	answer = take_answer(serving, question->request, question->origin,
						 keep_going ? &refusal : NULL);
	if (answer == NULL && !is_passing(refusal.sqlstate))
		llm_refusal_raise(&refusal);
	return answer;
}

static void
end_question(int i, LlmServing *serving, void *arg)
{
	Questions *all = arg;
	Question *question = &all->questions[i];
	MemoryContext old;
	Jsonb *answer;

	if (all->nulls[i])
		return;
	old = MemoryContextSwitchTo(question->cxt);
	answer = answer_of(question, serving, all->keep_going);
	MemoryContextSwitchTo(old);
	all->nulls[i] = answer == NULL;
	if (answer != NULL)
		all->contents[i] = datumCopy(JsonbPGetDatum(answer), false, -1);
	MemoryContextDelete(question->cxt);
}

Datum
intel__complete_each(PG_FUNCTION_ARGS)
{
	Questions all = {.request = PG_GETARG_DATUM(0),
					 .keep_going = PG_GETARG_BOOL(2)};
	int lower = 1;
	int n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false,
					  TYPALIGN_INT, &all.contents, &all.nulls, &n);
	all.questions = MemoryContextAllocExtended(
		CurrentMemoryContext, n * sizeof(Question), MCXT_ALLOC_HUGE);
	llm_serve_each(n, begin_question, end_question, &all);
	PG_RETURN_ARRAYTYPE_P(construct_md_array(all.contents, all.nulls, 1, &n,
											 &lower, JSONBOID, -1, false,
											 TYPALIGN_INT));
}
