/*-------------------------------------------------------------------------
 *
 * llm_memo.c
 *		Answers of one statement, so that no input is asked about twice.
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
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/guc.h"
#include "llm/llm_catalog.h"
#include "llm/llm_int.h"
#include "llm/llm_log.h"

INTEL_FUNCTION(_call_memo);

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

/* What llm_serve gives, with the name of the model as "answered_by". */
static Jsonb *
serve(LlmTask task, Jsonb *request)
{
	const char *model;
	char *result = llm_serve(task, request, &model);
	StringInfoData text;

	initStringInfo(&text);
	appendBinaryStringInfo(&text, result, strlen(result) - 1);
	appendStringInfoString(&text, ",\"answered_by\":");
	if (model != NULL)
		escape_json(&text, model);
	else
		appendStringInfoString(&text, "null");
	appendStringInfoChar(&text, '}');
	return DatumGetJsonbP(
		DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

Datum
intel__call_memo(PG_FUNCTION_ARGS)
{
	Jsonb *request = PG_GETARG_JSONB_P(1);
	uint64 hash = DatumGetUInt64(hash_any_extended(
		(unsigned char *) VARDATA(request), VARSIZE(request) - VARHDRSZ, 0));
	char *origin = llm_log_origin();
	Answer *answer;
	Jsonb *result;

	if (!memo_is_current(origin))
		begin_memo(origin);
	for (answer = hash_search(memo.answers, &hash, HASH_FIND, NULL);
		 answer != NULL; answer = answer->next)
		if (answer->request != NULL &&
			VARSIZE(answer->request) == VARSIZE(request) &&
			memcmp(answer->request, request, VARSIZE(request)) == 0)
			PG_RETURN_JSONB_P(answer->result);

	result = serve(llm_task_of_name(text_to_cstring(PG_GETARG_TEXT_PP(0))),
				   request);
	/* the call may have run statements of others' in this session */
	if (!memo_is_current(origin))
		begin_memo(origin);
	remember(hash, request, result);
	PG_RETURN_JSONB_P(result);
}
