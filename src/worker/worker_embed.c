/*-------------------------------------------------------------------------
 *
 * worker_embed.c
 *		Embedding jobs of many texts, cut into calls that providers take.
 *
 * The texts are ranges on a stack. The topmost range is cut to the limits of
 * the provider and sent. A range that the provider rejects is halved until
 * the text that it does not like stands alone; that one has null for its
 * embedding and a row in "errors", and all others have theirs. When nothing
 * has worked and several single texts have been rejected, it is not the texts
 * that are wrong, and the job fails.
 *
 * Embeddings are kept as the text that the result is made of: parsed numbers
 * would take four times the memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "base/error.h"
#include "base/json.h"
#include "base/query.h"
#include "worker/worker_int.h"

/* how results of llm begin */
#define RESULT_HEAD "{\"embeddings\":["
/* single texts that may be rejected before any has worked */
#define MAX_REJECTED_FIRST 4

typedef struct Range
{
	int first;
	int n;
} Range;

/* All of it in the job's context. */
struct EmbedBatch
{
	json_t *contents;
	json_t *rest; /* of the request */
	int n;
	char **vectors; /* JSON arrays; NULL: not yet, or rejected */
	json_t *errors;
	json_t *tail;  /* members of the last answer but "embeddings" */
	int64 tokens;  /* input tokens of all answers */
	List *ranges;  /* Range: what is still to be sent, next one last */
	Range current; /* in flight */
	int max_items;
	int max_bytes;
	int n_good;
};

static void
push_range(EmbedBatch *batch, int first, int n)
{
	Range *range = palloc(sizeof(Range));

	range->first = first;
	range->n = n;
	batch->ranges = lappend(batch->ranges, range);
}

bool
embed_begin(Job *job, Jsonb *request)
{
	MemoryContext old = MemoryContextSwitchTo(job->cxt);
	json_t *doc = json_from_jsonb(request);
	json_t *contents = json_object_get(doc, "contents");
	EmbedBatch *batch;

	/* what is wrong with a request is found where every call is checked */
	if (json_array_size(contents) >= 2)
	{
		batch = palloc0(sizeof(EmbedBatch));
		batch->contents = json_adopt(json_incref(contents));
		batch->rest = doc;
		json_object_del(doc, "contents");
		batch->n = json_array_size(batch->contents);
		batch->vectors = palloc0(sizeof(char *) * batch->n);
		batch->errors = json_adopt(json_array());
		llm_embed_limits(json_string_member(batch->rest, "model", NULL),
						 &batch->max_items, &batch->max_bytes);
		push_range(batch, 0, batch->n);
		job->batch = batch;
	}
	MemoryContextSwitchTo(old);
	return job->batch != NULL;
}

/* Take the next range off the stack, and put back what is too much. */
static bool
next_range(EmbedBatch *batch)
{
	Range *range;
	size_t bytes = 0;
	int n = 0;

	if (batch->ranges == NIL)
		return false;
	range = llast(batch->ranges);
	batch->ranges = list_delete_last(batch->ranges);
	while (n < range->n && n < batch->max_items)
	{
		bytes += json_string_length(
			json_array_get(batch->contents, range->first + n));
		if (n > 0 && bytes > (size_t) batch->max_bytes)
			break;
		n++;
	}
	batch->current.first = range->first;
	batch->current.n = n;
	if (n < range->n)
		push_range(batch, range->first + n, range->n - n);
	pfree(range);
	return true;
}

Jsonb *
embed_next(Job *job)
{
	EmbedBatch *batch = job->batch;
	MemoryContext old = MemoryContextSwitchTo(job->cxt);
	bool more = next_range(batch);
	json_t *slice;
	json_t *request;

	MemoryContextSwitchTo(old);
	if (!more)
		return NULL;
	slice = json_array();
	for (int i = 0; slice != NULL && i < batch->current.n; i++)
		json_array_append(
			slice, json_array_get(batch->contents, batch->current.first + i));
	request = json_adopt(json_copy(batch->rest));
	json_object_set_new(request, "contents", slice);
	return json_to_jsonb(request);
}

void
embed_store(Job *job, const char *reply)
{
	EmbedBatch *batch = job->batch;
	MemoryContext old = MemoryContextSwitchTo(job->cxt);
	const char *p = reply + strlen(RESULT_HEAD);
	char *tail;

	if (strncmp(reply, RESULT_HEAD, strlen(RESULT_HEAD)) != 0)
		elog(ERROR, "result of an embedding call has another shape");
	for (int i = 0; i < batch->current.n; i++)
	{
		const char *end = strchr(p, ']');

		if (*p != '[' || end == NULL)
			elog(ERROR, "result of an embedding call is incomplete");
		batch->vectors[batch->current.first + i] = pnstrdup(p, end + 1 - p);
		p = end + 2; /* a comma, or the end of the array */
	}
	/* ,"dimensions":... */
	tail = psprintf("{%s", *p == ',' ? p + 1 : "}");
	batch->tail = json_parse(tail, strlen(tail));
	pfree(tail);
	batch->n_good += batch->current.n;
	batch->current.n = 0;
	batch->tokens += json_integer_value(json_object_get(
		json_object_get(batch->tail, "usage"), "input_tokens"));
	MemoryContextSwitchTo(old);
}

/* Does the error lie in what was sent, rather than in the way to send it? */
static bool
is_of_content(int sqlstate)
{
	return sqlstate == ERRCODE_EXTERNAL_ROUTINE_EXCEPTION ||
		   sqlstate == ERRCODE_INTEL_MALFORMED ||
		   sqlstate == ERRCODE_INTEL_REFUSED ||
		   sqlstate == ERRCODE_INVALID_PARAMETER_VALUE ||
		   sqlstate == ERRCODE_UNTRANSLATABLE_CHARACTER;
}

bool
embed_take_failure(Job *job, int sqlstate, const char *message)
{
	EmbedBatch *batch = job->batch;
	Range range;
	MemoryContext old;

	if (batch == NULL || batch->current.n == 0 || !is_of_content(sqlstate))
		return false;
	range = batch->current;
	batch->current.n = 0;
	if (range.n > 1)
	{
		old = MemoryContextSwitchTo(job->cxt);
		push_range(batch, range.first + range.n / 2, range.n - range.n / 2);
		push_range(batch, range.first, range.n / 2);
		MemoryContextSwitchTo(old);
		return true;
	}
	json_array_append_new(batch->errors,
						  json_pack("{s:i, s:s, s:s}", "index", range.first,
									"code", unpack_sql_state(sqlstate),
									"message", message));
	if (batch->n_good > 0)
		return true;
	return batch->ranges != NIL &&
		   json_array_size(batch->errors) < MAX_REJECTED_FIRST;
}

void
embed_put_back(Job *job)
{
	Range range = job->batch->current;
	MemoryContext old = MemoryContextSwitchTo(job->cxt);

	if (range.n > 0)
		push_range(job->batch, range.first, range.n);
	job->batch->current.n = 0;
	MemoryContextSwitchTo(old);
}

char *
embed_result(Job *job)
{
	EmbedBatch *batch = job->batch;
	StringInfoData result;
	json_t *usage = json_object_get(batch->tail, "usage");
	char *tail;

	if (usage != NULL)
		json_object_set_new(usage, "input_tokens",
							json_integer(batch->tokens));
	if (json_array_size(batch->errors) > 0)
		json_object_set(batch->tail, "errors", batch->errors);
	tail = json_text(batch->tail);

	initStringInfo(&result);
	appendStringInfoString(&result, RESULT_HEAD);
	for (int i = 0; i < batch->n; i++)
	{
		if (i > 0)
			appendStringInfoChar(&result, ',');
		appendStringInfoString(
			&result, batch->vectors[i] != NULL ? batch->vectors[i] : "null");
	}
	appendStringInfoChar(&result, ']');
	if (strcmp(tail, "{}") != 0)
		appendStringInfoChar(&result, ',');
	appendStringInfoString(&result, tail + 1);
	return result.data;
}
