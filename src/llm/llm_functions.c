/*-------------------------------------------------------------------------
 *
 * llm_functions.c
 *		SQL functions that call models and wait for the answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/error.h"
#include "base/guc.h"
#include "base/json.h"
#include "llm/llm_address.h"
#include "llm/llm_catalog.h"
#include "llm/llm_int.h"
#include "llm/llm_log.h"

INTEL_FUNCTION(_address_class);
INTEL_FUNCTION(_answer_json);
INTEL_FUNCTION(_embed);
INTEL_FUNCTION(_embed_batch);
INTEL_FUNCTION(_call);
INTEL_FUNCTION(_rerank_limit);
INTEL_FUNCTION(_schema_problem);
INTEL_FUNCTION(_stream);
INTEL_FUNCTION(_stream_chat);

/* Texts per request of embed(text[]), where its provider takes as many: enough
 * to fill a request, small enough that one slow answer is not everything. */
#define BATCH_TEXTS 128

/* Documents that no provider takes at once. */
#define ALL_DOCUMENTS 1000000

Datum
intel__address_class(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"public", "private", "forbidden"};
	char *address = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_TEXT_P(cstring_to_text(names[llm_address_class_text(address)]));
}

LlmTask
llm_task_of_name(const char *name)
{
	if (strcmp(name, "complete") == 0)
		return LLM_TASK_COMPLETE;
	if (strcmp(name, "chat") == 0)
		return LLM_TASK_CHAT;
	if (strcmp(name, "embed") == 0)
		return LLM_TASK_EMBED;
	if (strcmp(name, "rerank") == 0)
		return LLM_TASK_RERANK;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown task"),
			 errhint("Tasks are complete, chat, embed and rerank.")));
}

Datum
intel__call(PG_FUNCTION_ARGS)
{
	LlmTask task = llm_task_of_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char *result = llm_serve(task, PG_GETARG_JSONB_P(1), NULL);

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(result));
}

/*
 * One empty text makes some providers refuse all texts of a request. Which one
 * it is they do not say, and a vector of nothing has no use.
 */
static void
check_texts(const Datum *texts, const bool *nulls, int n, const char *model)
{
	const char *provider = llm_embed_refuses_empty(model);

	for (int i = 0; provider != NULL && i < n; i++)
	{
		if (nulls[i] || VARSIZE_ANY_EXHDR(DatumGetPointer(texts[i])) > 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("text %d is empty", i + 1),
				 errdetail("Provider \"%s\" embeds no empty texts.", provider),
				 errhint("The embedding of a null text is null: nullif() "
						 "makes one of it.")));
	}
}

/* A one-dimensional real[] of n numbers, which the caller fills in. */
static ArrayType *
create_reals(int n, float **values)
{
	Size size = ARR_OVERHEAD_NONULLS(1) + sizeof(float) * n;
	ArrayType *array = palloc0(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = FLOAT4OID;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	*values = (float *) ARR_DATA_PTR(array);
	return array;
}

/* Whether the model is builtin; raises when the user may not use it. */
static bool
is_builtin_embedding(const char *name)
{
	const LlmModel *model = llm_catalog_model(name);

	/* what is wrong with it is reported by llm_call_prepare */
	return strcmp(model->task, "embed") == 0 && model->provider->enabled &&
		   model->provider->kind->build == NULL;
}

static ArrayType *
embed_builtin(const text *content)
{
	float *values;
	ArrayType *array = create_reals(LLM_BUILTIN_DIMENSIONS, &values);

	llm_builtin_vector(VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content),
					   values);
	return array;
}

/* A request for the embeddings of contents, an array of strings. */
static Jsonb *
embed_request(json_t *contents, const char *model)
{
	json_t *request = json_adopt(json_pack("{s:O}", "contents", contents));

	json_object_set_new(request, "model", json_string(model));
	return json_to_jsonb(request);
}

/*
 * The n embeddings of a result. Calls store with each, in order.
 */
static void
read_embeddings(const char *result, size_t n,
				void (*store)(ArrayType *array, void *arg), void *arg)
{
	json_t *doc = json_parse(result, strlen(result));
	const json_t *embeddings = json_object_get(doc, "embeddings");
	size_t i;
	json_t *embedding;

	if (json_array_size(embeddings) != n)
		elog(ERROR, "result of an embedding call is incomplete");
	json_array_foreach (embeddings, i, embedding)
	{
		float *values;
		ArrayType *array = create_reals(json_array_size(embedding), &values);
		size_t j;
		json_t *number;

		json_array_foreach (embedding, j, number)
			values[j] = (float) json_number_value(number);
		store(array, arg);
	}
}

static json_t *
json_of_text(const text *content)
{
	char *utf8 = pg_server_to_any(VARDATA_ANY(content),
								  VARSIZE_ANY_EXHDR(content), PG_UTF8);
	size_t len = utf8 != VARDATA_ANY(content) ? strlen(utf8)
											  : VARSIZE_ANY_EXHDR(content);

	return json_stringn(utf8, len);
}

static void
store_one(ArrayType *array, void *arg)
{
	*(ArrayType **) arg = array;
}

/*
 * The last texts embedded by calls, within one statement. The planner asks
 * for the value to estimate rows, the executor asks again, and the same text
 * often stands in the select list as well as in ORDER BY: one call is enough.
 */
typedef struct EmbedMemo
{
	MemoryContext cxt;
	TimestampTz statement;
	uint64 catalog;
	char *origin; /* see llm_log_origin */
	char *model;
	text *content;
	ArrayType *vector; /* NULL: empty */
} EmbedMemo;

#define MEMO_ENTRIES 4
#define MEMO_MAX_BYTES (64 * 1024)

static EmbedMemo memos[MEMO_ENTRIES];

static bool
memo_matches(const EmbedMemo *memo, const text *content, const char *model,
			 const char *origin)
{
	Size len = VARSIZE_ANY_EXHDR(content);

	return memo->vector != NULL &&
		   memo->statement == GetCurrentStatementStartTimestamp() &&
		   memo->catalog == llm_catalog_generation() &&
		   strcmp(memo->origin, origin) == 0 &&
		   strcmp(memo->model, model) == 0 &&
		   VARSIZE_ANY_EXHDR(memo->content) == len &&
		   memcmp(VARDATA_ANY(memo->content), VARDATA_ANY(content), len) == 0;
}

/* What is remembered for this text, in the current context, or NULL. */
static ArrayType *
memo_find(const text *content, const char *model)
{
	const char *origin = llm_log_origin();

	for (int i = 0; i < MEMO_ENTRIES; i++)
	{
		if (memo_matches(&memos[i], content, model, origin))
			return DatumGetArrayTypePCopy(PointerGetDatum(memos[i].vector));
	}
	return NULL;
}

static void
memo_add(const text *content, const char *model, ArrayType *vector)
{
	static int next = 0;
	EmbedMemo *memo = &memos[next];
	MemoryContext old;

	if (VARSIZE_ANY_EXHDR(content) > MEMO_MAX_BYTES)
		return;
	next = (next + 1) % MEMO_ENTRIES;
	memo->vector = NULL;
	if (memo->cxt == NULL)
		memo->cxt = AllocSetContextCreate(
			TopMemoryContext, "intel llm embed memo", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(memo->cxt);
	old = MemoryContextSwitchTo(memo->cxt);
	memo->statement = GetCurrentStatementStartTimestamp();
	memo->catalog = llm_catalog_generation();
	memo->origin = llm_log_origin();
	memo->model = pstrdup(model);
	memo->content = cstring_to_text_with_len(VARDATA_ANY(content),
											 VARSIZE_ANY_EXHDR(content));
	memo->vector = DatumGetArrayTypePCopy(PointerGetDatum(vector));
	MemoryContextSwitchTo(old);
}

Datum
intel__embed(PG_FUNCTION_ARGS)
{
	char *model = PG_ARGISNULL(1) ? guc_default_embedding_model
								  : text_to_cstring(PG_GETARG_TEXT_PP(1));
	text *content;
	json_t *contents;
	ArrayType *result = NULL;
	Datum value;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	content = PG_GETARG_TEXT_PP(0);
	if (is_builtin_embedding(model))
		PG_RETURN_ARRAYTYPE_P(embed_builtin(content));
	value = PointerGetDatum(content);
	check_texts(&value, (const bool[]){false}, 1, model);

	result = memo_find(content, model);
	if (result != NULL)
		PG_RETURN_ARRAYTYPE_P(result);
	contents = json_adopt(json_array());
	json_array_append_new(contents, json_of_text(content));
	read_embeddings(
		llm_serve(LLM_TASK_EMBED, embed_request(contents, model), NULL), 1,
		store_one, &result);
	memo_add(content, model, result);
	PG_RETURN_ARRAYTYPE_P(result);
}

/* ---- many texts ------------------------------------------------------------- */

/* Texts on their way to rows, in slices that each are one request. */
typedef struct Batch
{
	const Datum *texts;
	const bool *nulls;
	int n;
	const char *model;
	ReturnSetInfo *rsinfo;
	int *starts; /* first text of each slice, and behind the last one */
	MemoryContext *slices;
} Batch;

/* Cut the texts into slices that the provider takes; their number. */
static int
cut_slices(Batch *batch)
{
	int max_texts;
	int max_bytes;
	int64 bytes = 0;
	int n = 0;

	llm_embed_limits(batch->model, &max_texts, &max_bytes);
	max_texts = Min(max_texts, BATCH_TEXTS);
	batch->starts = palloc(sizeof(int) * (batch->n + 1));
	for (int i = 0; i < batch->n; i++)
	{
		int64 len = batch->nulls[i]
						? 0
						: VARSIZE_ANY_EXHDR(DatumGetPointer(batch->texts[i]));

		if (n == 0 || i - batch->starts[n - 1] == max_texts ||
			(bytes > 0 && bytes + len > max_bytes))
		{
			batch->starts[n++] = i;
			bytes = 0;
		}
		bytes += len;
	}
	batch->starts[n] = batch->n;
	batch->slices = palloc(sizeof(MemoryContext) * Max(n, 1));
	return n;
}

static void
store_next(ArrayType *array, void *arg)
{
	ArrayType ***next = arg;

	*(*next)++ = array;
}

/* A vector, or NULL, as a row of a set-returning function. */
static void
store_row(ArrayType *array, ReturnSetInfo *rsinfo)
{
	Datum value = PointerGetDatum(array);
	bool isnull = array == NULL;

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
	if (array != NULL)
		pfree(array);
}

static LlmServing *
begin_slice(int slice, void *arg)
{
	Batch *batch = arg;
	LlmServing *serving = NULL;
	MemoryContext old;
	json_t *contents;

	batch->slices[slice] = AllocSetContextCreate(
		CurrentMemoryContext, "intel llm embed slice", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(batch->slices[slice]);
	contents = json_adopt(json_array());
	for (int i = batch->starts[slice]; i < batch->starts[slice + 1]; i++)
		if (!batch->nulls[i])
			json_array_append_new(
				contents, json_of_text(DatumGetTextPP(batch->texts[i])));
	if (json_array_size(contents) > 0)
		serving = llm_serving_begin(
			LLM_TASK_EMBED, embed_request(contents, batch->model), true);
	MemoryContextSwitchTo(old);
	return serving;
}

/* Rows of a slice; null texts give null vectors. */
static void
end_slice(int slice, LlmServing *serving, void *arg)
{
	Batch *batch = arg;
	int first = batch->starts[slice];
	int last = batch->starts[slice + 1];
	MemoryContext old = MemoryContextSwitchTo(batch->slices[slice]);
	ArrayType **vectors = palloc(sizeof(ArrayType *) * (last - first));
	ArrayType **next = vectors;
	const char *ignored;
	size_t n = 0;

	for (int i = first; i < last; i++)
		n += !batch->nulls[i];
	if (serving != NULL)
		read_embeddings(llm_serving_end(serving, &ignored, NULL), n,
						store_next, &next);
	next = vectors;
	for (int i = first; i < last; i++)
		store_row(batch->nulls[i] ? NULL : *next++, batch->rsinfo);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(batch->slices[slice]);
}

static void
embed_builtin_batch(const Batch *batch)
{
	for (int i = 0; i < batch->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		store_row(batch->nulls[i]
					  ? NULL
					  : embed_builtin(DatumGetTextPP(batch->texts[i])),
				  batch->rsinfo);
	}
}

Datum
intel__embed_batch(PG_FUNCTION_ARGS)
{
	Batch batch = {.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo};
	Datum *texts;
	bool *nulls;

	batch.model = PG_ARGISNULL(1) ? guc_default_embedding_model
								  : text_to_cstring(PG_GETARG_TEXT_PP(1));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false,
					  TYPALIGN_INT, &texts, &nulls, &batch.n);
	batch.texts = texts;
	batch.nulls = nulls;
	if (is_builtin_embedding(batch.model))
	{
		embed_builtin_batch(&batch);
		return (Datum) 0;
	}
	check_texts(texts, nulls, batch.n, batch.model);
	llm_serve_each(cut_slices(&batch), begin_slice, end_slice, &batch);
	return (Datum) 0;
}

/* intel._rerank_limit(model): documents of one request */
Datum
intel__rerank_limit(PG_FUNCTION_ARGS)
{
	int limit = llm_rerank_limit(
		PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_INT32(limit > 0 ? limit : ALL_DOCUMENTS);
}

Datum
intel__schema_problem(PG_FUNCTION_ARGS)
{
	json_t *schema = json_from_jsonb(PG_GETARG_JSONB_P(0));
	json_t *value = json_from_jsonb(PG_GETARG_JSONB_P(1));
	LlmProblem problem;

	if (llm_schema_check(schema, &problem) &&
		llm_schema_fits(schema, value, &problem))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem.text));
}

/*
 * intel._answer_json(content): an answer that was checked here is JSON, but
 * jsonb does not take all that is, and its own errors show the text.
 */
Datum
intel__answer_json(PG_FUNCTION_ARGS)
{
	char *content = text_to_cstring(PG_GETARG_TEXT_PP(0));
	MemoryContext old = CurrentMemoryContext;
	volatile Datum value = 0;

	PG_TRY();
	{
		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(content));
	}
	PG_CATCH();
	{
		int category = ERRCODE_TO_CATEGORY(geterrcode());

		/* what ends the statement for another reason says so itself */
		if (category != ERRCODE_DATA_EXCEPTION &&
			category != ERRCODE_TO_CATEGORY(ERRCODE_PROGRAM_LIMIT_EXCEEDED))
			PG_RE_THROW();
		MemoryContextSwitchTo(old);
		FlushErrorState();
		ereport(ERROR, (errcode(ERRCODE_INTEL_MALFORMED),
						errmsg("answer cannot be read as jsonb")));
	}
	PG_END_TRY();
	return value;
}

/* ---- streams -------------------------------------------------------------- */

/*
 * Both functions give rows as they arrive, one per call: where the executor
 * takes them one by one (in a select list), the client has each before the
 * next has come. In FROM the executor itself would collect the rows first.
 */
static void
start_stream(FuncCallContext *context, LlmTask task, Jsonb *request)
{
	MemoryContext old = MemoryContextSwitchTo(context->multi_call_memory_ctx);

	context->user_fctx = llm_served_begin(task, request);
	MemoryContextSwitchTo(old);
}

Datum
intel__stream(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	char *part;

	if (SRF_IS_FIRSTCALL())
	{
		context = SRF_FIRSTCALL_INIT();
		start_stream(context,
					 llm_task_of_name(text_to_cstring(PG_GETARG_TEXT_PP(0))),
					 PG_GETARG_JSONB_P(1));
	}
	context = SRF_PERCALL_SETUP();
	part = llm_served_next(context->user_fctx);
	if (part != NULL)
		SRF_RETURN_NEXT(context, CStringGetTextDatum(part));
	(void) llm_served_result(context->user_fctx);
	SRF_RETURN_DONE(context);
}

/* {"delta": part} */
static Datum
delta_object(const char *part)
{
	json_t *text = json_of_text(cstring_to_text(part));

	return JsonbPGetDatum(
		json_to_jsonb(json_adopt(json_pack("{s:o}", "delta", text))));
}

Datum
intel__stream_chat(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	LlmServed *served;
	char *part;

	if (SRF_IS_FIRSTCALL())
	{
		context = SRF_FIRSTCALL_INIT();
		start_stream(context, LLM_TASK_CHAT, PG_GETARG_JSONB_P(0));
	}
	context = SRF_PERCALL_SETUP();
	served = context->user_fctx;
	if (served == NULL) /* the whole result was given */
		SRF_RETURN_DONE(context);
	part = llm_served_next(served);
	if (part != NULL)
		SRF_RETURN_NEXT(context, delta_object(part));
	context->user_fctx = NULL;
	SRF_RETURN_NEXT(context,
					DirectFunctionCall1(
						jsonb_in, CStringGetDatum(llm_served_result(served))));
}
