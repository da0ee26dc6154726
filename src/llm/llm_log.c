/*-------------------------------------------------------------------------
 *
 * llm_log.c
 *		Every attempt to call a model as a row of intel.inference.
 *
 * A row is written in the transaction that used the answer, so whoever reads
 * the answer can refer to it. What must not vanish with that transaction, an
 * attempt that failed or that was rolled back, goes into a ring in shared
 * memory, from where the worker of the database writes it. So a row may come
 * a moment later, but it comes (llm_log_ring.c).
 *
 * Neither rows nor lines hold anything that a user or a model wrote: names of
 * the catalogue, numbers, codes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/identity.h"
#include "base/json.h"
#include "base/query.h"
#include "base/shmem.h"
#include "llm/llm_int.h"
#include "llm/llm_log.h"

INTEL_FUNCTION(last_inference);

/* longest subject and tenant of a row, with the NUL: an index has both */
#define ROW_IDENTITY_MAX 1024

/* Columns of llm_log.sql. */
enum
{
	LOG_ID,
	LOG_STARTED_AT,
	LOG_TASK,
	LOG_MODEL,
	LOG_PROVIDER,
	LOG_STATUS,
	LOG_ERROR_CODE,
	LOG_HTTP_STATUS,
	LOG_INPUT_TOKENS,
	LOG_CACHED_TOKENS,
	LOG_CACHE_WRITE_TOKENS,
	LOG_OUTPUT_TOKENS,
	LOG_REASONING_TOKENS,
	LOG_COST,
	LOG_LATENCY_MS,
	LOG_FIRST_TOKEN_MS,
	LOG_REQUEST_ID,
	LOG_TRACEPARENT,
	LOG_JOB,
	LOG_FEATURE,
	LOG_PROMPT_ID,
	LOG_PROMPT_NAME,
	LOG_PROMPT_VERSION,
	LOG_OWNER,
	LOG_SUBJECT,
	LOG_TENANT,
	LOG_COLUMNS
};

static LlmWakeFunction wake_worker = NULL;
static const LlmOrigin no_origin = {0, NULL, NULL};
static LlmOrigin origin = {0, NULL, NULL};

/* The last row that this process wrote, and for whom; see identity_text. */
static int64 last_id = 0;
static char *last_identity = NULL;

static const char *const task_names[] = {"complete", "chat", "embed",
										 "rerank"};

void
llm_set_wake(LlmWakeFunction wake)
{
	wake_worker = wake;
}

bool
llm_wake_worker(LlmWake why)
{
	return wake_worker != NULL && wake_worker(MyDatabaseId, why);
}

void
llm_origin_set(const LlmOrigin *now)
{
	origin = now != NULL ? *now : no_origin;
}

int64
llm_origin_job(void)
{
	return origin.job;
}

/* ---- what a call is for -------------------------------------------------- */

static char *
copy_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? pstrdup(text) : NULL;
}

void
llm_log_identify(LlmCall *call)
{
	MemoryContext old = MemoryContextSwitchTo(call->cxt);
	LlmCallState *state = call->state;

	state->job = origin.job;
	state->feature =
		copy_or_null(origin.feature != NULL ? origin.feature : guc_feature);
	state->traceparent =
		copy_or_null(origin.job != 0 ? origin.traceparent : guc_traceparent);
	state->owner = GetUserId();
	state->subject = identity_subject();
	state->tenant = identity_tenant();
	MemoryContextSwitchTo(old);
}

static void
add_part(StringInfo text, const char *part)
{
	appendStringInfoChar(text, ' ');
	if (part != NULL)
		escape_json(text, part);
}

/* A role, subject and tenant: the same text for the same ones alone. */
static void
init_identity_text(StringInfo text, Oid role, const char *subject,
				   const char *tenant)
{
	initStringInfo(text);
	appendStringInfo(text, "%u", role);
	add_part(text, subject);
	add_part(text, tenant);
}

char *
llm_log_origin(void)
{
	StringInfoData text;

	init_identity_text(&text, GetUserId(), identity_subject(),
					   identity_tenant());
	appendStringInfo(&text, " " INT64_FORMAT, origin.job);
	add_part(&text, origin.feature != NULL ? origin.feature : guc_feature);
	return text.data;
}

void
llm_log_take_members(LlmCall *call, json_t *request)
{
	const json_t *feature = json_object_get(request, "feature");

	if (feature == NULL)
		return;
	if (!json_is_null(feature))
	{
		const char *name = json_string_value(feature);

		if (name == NULL || !guc_is_feature(name))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("request cannot be sent: \"feature\" is "
								   "not a name"),
							errhint("It has at most %d letters, digits, "
									"\"_\", \".\", \":\", \"/\" and "
									"\"-\".",
									GUC_FEATURE_MAX)));
		call->state->feature = copy_or_null(name);
	}
	json_object_del(request, "feature");
}

/* ---- entries ------------------------------------------------------------- */

static Datum
price_of(int64 tokens, Numeric price)
{
	return DirectFunctionCall2(numeric_mul,
							   NumericGetDatum(int64_to_numeric(tokens)),
							   NumericGetDatum(price));
}

/*
 * What a call has cost, as text, or an empty one when a price or a count that
 * it takes is not known.
 */
static void
put_cost(const LlmCallState *state, const LlmUsage *usage, char *cost)
{
	int64 cached = state->cached_price != NULL ? Max(usage->cached, 0) : 0;
	Datum sum;
	char *text;

	cost[0] = '\0';
	if (state->input_price == NULL || usage->input < 0 ||
		(state->output_price == NULL && usage->output > 0))
		return;
	sum = price_of(Max(usage->input - cached, 0), state->input_price);
	if (cached > 0)
		sum = DirectFunctionCall2(numeric_add, sum,
								  price_of(cached, state->cached_price));
	if (usage->output > 0)
		sum = DirectFunctionCall2(
			numeric_add, sum, price_of(usage->output, state->output_price));
	sum = DirectFunctionCall2(
		numeric_mul, sum, NumericGetDatum(int64_div_fast_to_numeric(1, 6)));
	sum = DirectFunctionCall1(numeric_trim_scale, sum);
	text = DatumGetCString(DirectFunctionCall1(numeric_out, sum));
	if (strlen(text) < LOG_COST_MAX)
		strcpy(cost, text);
}

/*
 * Copy a name. What is longer than its place is cut behind a character, and
 * ends in dots: it shall not be the name of somebody else. Raises nothing.
 */
static void
put_name(char *place, const char *name, int size)
{
	int len = strlen(name);
	bool is_cut = len >= size;

	if (is_cut)
		len = pg_mbcliplen(name, len, size - (int) sizeof("..."));
	memcpy(place, name, len);
	strcpy(place + len, is_cut ? "..." : "");
}

/* Fill in the entry of a call; cost apart, this cannot raise. */
static void
fill_entry(const LlmCall *call, LogEntry *entry)
{
	const LlmCallState *state = call->state;

	memset(entry, 0, sizeof(*entry));
	entry->database = MyDatabaseId;
	entry->started = state->started_at;
	entry->task = call->task;
	strlcpy(entry->model, call->model, NAMEDATALEN);
	strlcpy(entry->provider, call->provider, NAMEDATALEN);
	strcpy(entry->status, state->cached_result != NULL	   ? "cached"
						  : call->outcome == LLM_SUCCEEDED ? "succeeded"
						  : call->outcome == LLM_PENDING   ? "cancelled"
														   : "failed");
	if (call->outcome == LLM_PENDING)
		entry->sqlstate = ERRCODE_QUERY_CANCELED;
	else if (call->outcome != LLM_SUCCEEDED)
		entry->sqlstate = call->sqlstate;
	entry->http_status = call->http_status;
	entry->usage = state->usage_of_try;
	entry->latency_ms = call->latency_ms;
	entry->first_token_ms = call->first_token_ms;
	strcpy(entry->request_id, call->request_id);
	if (state->traceparent != NULL)
		strlcpy(entry->traceparent, state->traceparent,
				sizeof(entry->traceparent));
	entry->job = state->job;
	if (state->feature != NULL)
		strlcpy(entry->feature, state->feature, sizeof(entry->feature));
	entry->prompt_id = state->prompt_id;
	entry->prompt_version = state->prompt_version;
	if (state->prompt_id != 0)
		strlcpy(entry->prompt_name, state->prompt_name, NAMEDATALEN);
	entry->owner = state->owner;
	entry->has_subject = state->subject != NULL;
	entry->has_tenant = state->tenant != NULL;
	if (entry->has_subject)
		put_name(entry->subject, state->subject, LLM_IDENTITY_MAX);
	if (entry->has_tenant)
		put_name(entry->tenant, state->tenant, LLM_IDENTITY_MAX);
}

void
llm_log_abandoned(const LlmCall *call)
{
	LogEntry entry;

	if (call->state->is_logged || call->state->started_at == 0)
		return;
	fill_entry(call, &entry);
	llm_log_leave(&entry);
}

/* ---- writing ------------------------------------------------------------- */

static void
put_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL || text[0] == '\0';
	if (!nulls[column])
		values[column] = CStringGetTextDatum(text);
}

static void
put_count(Datum *values, bool *nulls, int column, int64 count)
{
	nulls[column] = count < 0;
	values[column] = Int64GetDatum(count);
}

static void
put_values(const LogEntry *entry, Datum *values, bool *nulls)
{
	memset(nulls, 0, LOG_COLUMNS * sizeof(bool));
	values[LOG_ID] = Int64GetDatum(entry->id);
	values[LOG_STARTED_AT] = TimestampTzGetDatum(entry->started);
	put_text(values, nulls, LOG_TASK, task_names[entry->task]);
	put_text(values, nulls, LOG_MODEL, entry->model);
	put_text(values, nulls, LOG_PROVIDER, entry->provider);
	put_text(values, nulls, LOG_STATUS, entry->status);
	put_text(values, nulls, LOG_ERROR_CODE,
			 entry->sqlstate != 0 ? unpack_sql_state(entry->sqlstate) : NULL);
	nulls[LOG_HTTP_STATUS] = entry->http_status == 0;
	values[LOG_HTTP_STATUS] = Int32GetDatum(entry->http_status);
	put_count(values, nulls, LOG_INPUT_TOKENS, entry->usage.input);
	put_count(values, nulls, LOG_CACHED_TOKENS, entry->usage.cached);
	put_count(values, nulls, LOG_CACHE_WRITE_TOKENS, entry->usage.cache_write);
	put_count(values, nulls, LOG_OUTPUT_TOKENS, entry->usage.output);
	put_count(values, nulls, LOG_REASONING_TOKENS, entry->usage.reasoning);
	nulls[LOG_COST] = entry->cost[0] == '\0';
	if (!nulls[LOG_COST])
		values[LOG_COST] = DirectFunctionCall3(
			numeric_in, CStringGetDatum(entry->cost),
			ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	put_count(values, nulls, LOG_LATENCY_MS, entry->latency_ms);
	put_count(values, nulls, LOG_FIRST_TOKEN_MS, entry->first_token_ms);
	put_text(values, nulls, LOG_REQUEST_ID, entry->request_id);
	put_text(values, nulls, LOG_TRACEPARENT, entry->traceparent);
	put_count(values, nulls, LOG_JOB, entry->job != 0 ? entry->job : -1);
	put_text(values, nulls, LOG_FEATURE, entry->feature);
	put_count(values, nulls, LOG_PROMPT_ID,
			  entry->prompt_id != 0 ? entry->prompt_id : -1);
	put_text(values, nulls, LOG_PROMPT_NAME, entry->prompt_name);
	nulls[LOG_PROMPT_VERSION] = entry->prompt_id == 0;
	values[LOG_PROMPT_VERSION] = Int32GetDatum(entry->prompt_version);
	values[LOG_OWNER] = ObjectIdGetDatum(entry->owner);
}

/* A subject or tenant, or NULL. */
static void
put_identity(Datum *values, bool *nulls, int column, const char *name)
{
	char kept[ROW_IDENTITY_MAX];

	nulls[column] = name == NULL;
	if (name == NULL)
		return;
	put_name(kept, name, sizeof(kept));
	values[column] = CStringGetTextDatum(kept);
}

/*
 * Insert the row, whoever the user is: nobody may write the log himself, so
 * this goes below privileges and policies, but keeps indexes and triggers.
 * With these names, which an entry has no room for when they are long.
 */
static void
insert_entry(LogEntry *entry, const char *subject, const char *tenant)
{
	Oid schema = get_namespace_oid("intel", false);
	Oid relid = get_relname_relid("inference", schema);
	Oid sequence = get_relname_relid("inference_id_seq", schema);
	Relation rel = table_open(relid, RowExclusiveLock);
	EState *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	ResultRelInfo *target = makeNode(ResultRelInfo);
	TupleTableSlot *slot;

	if (entry->id == 0)
		entry->id = nextval_internal(sequence, false);
	InitResultRelInfo(target, rel, 0, NULL, 0);
	ExecOpenIndices(target, false);
	estate->es_output_cid = GetCurrentCommandId(true);
	slot =
		ExecInitExtraTupleSlot(estate, RelationGetDescr(rel), &TTSOpsVirtual);
	ExecClearTuple(slot);
	put_values(entry, slot->tts_values, slot->tts_isnull);
	put_identity(slot->tts_values, slot->tts_isnull, LOG_SUBJECT, subject);
	put_identity(slot->tts_values, slot->tts_isnull, LOG_TENANT, tenant);
	ExecStoreVirtualTuple(slot);
	ExecSimpleRelationInsert(target, estate, slot);
	ExecCloseIndices(target);
	ExecResetTupleTable(estate->es_tupleTable, false);
	MemoryContextSwitchTo(old);
	FreeExecutorState(estate);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

static void
put_json(StringInfo line, const char *key, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	appendStringInfo(line, ",\"%s\":", key);
	escape_json(line, value);
}

static void
put_json_count(StringInfo line, const char *key, int64 value)
{
	if (value >= 0)
		appendStringInfo(line, ",\"%s\":" INT64_FORMAT, key, value);
}

/* One line of JSON in the server's log. */
static void
log_line(const LogEntry *entry)
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfo(&line, "{\"event\":\"intel.call\",\"task\":\"%s\"",
					 task_names[entry->task]);
	put_json(&line, "model", entry->model);
	put_json(&line, "provider", entry->provider);
	put_json(&line, "status", entry->status);
	put_json(&line, "error_code",
			 entry->sqlstate != 0 ? unpack_sql_state(entry->sqlstate) : NULL);
	put_json_count(&line, "http_status",
				   entry->http_status != 0 ? entry->http_status : -1);
	put_json_count(&line, "input_tokens", entry->usage.input);
	put_json_count(&line, "cached_tokens", entry->usage.cached);
	put_json_count(&line, "output_tokens", entry->usage.output);
	put_json_count(&line, "reasoning_tokens", entry->usage.reasoning);
	put_json(&line, "cost", entry->cost);
	put_json_count(&line, "latency_ms", entry->latency_ms);
	put_json_count(&line, "first_token_ms", entry->first_token_ms);
	put_json(&line, "request_id", entry->request_id);
	put_json(&line, "traceparent", entry->traceparent);
	put_json_count(&line, "job", entry->job != 0 ? entry->job : -1);
	put_json(&line, "feature", entry->feature);
	put_json(&line, "prompt", entry->prompt_name);
	put_json_count(&line, "prompt_version",
				   entry->prompt_id != 0 ? entry->prompt_version : -1);
	if (entry->has_tenant)
		put_json(&line, "tenant", entry->tenant);
	appendStringInfoChar(&line, '}');
	ereport(LOG, (errmsg_internal("%s", line.data), errhidestmt(true),
				  errhidecontext(true)));
	pfree(line.data);
}

/* Can a row be written where we are? */
static bool
can_write(void)
{
	return !XactReadOnly && !IsInParallelMode() && !RecoveryInProgress();
}

/*
 * Note whose row was the last one. The session may be another user's next: a
 * pool gives one to many.
 */
static void
remember_last(const LlmCallState *state, int64 id)
{
	StringInfoData text;
	char *identity;

	init_identity_text(&text, state->owner, state->subject, state->tenant);
	identity = MemoryContextStrdup(TopMemoryContext, text.data);
	pfree(text.data);
	if (last_identity != NULL)
		pfree(last_identity);
	last_identity = identity;
	last_id = id;
}

int64
llm_log_attempt(LlmCall *call, bool keep)
{
	LogEntry entry;

	if (call->state->is_logged || call->state->started_at == 0)
		return 0;
	call->state->is_logged = true;
	fill_entry(call, &entry);
	put_cost(call->state, &entry.usage, entry.cost);
	if (guc_log_calls)
		log_line(&entry);
	if (!keep || !can_write())
	{
		llm_log_leave(&entry);
		return 0;
	}
	insert_entry(&entry, call->state->subject, call->state->tenant);
	llm_log_keep(&entry);
	remember_last(call->state, entry.id);
	return entry.id;
}

void
llm_log_flush(void)
{
	LogEntry entry;

	while (llm_log_take(&entry))
	{
		llm_log_keep(&entry);
		insert_entry(&entry, entry.has_subject ? entry.subject : NULL,
					 entry.has_tenant ? entry.tenant : NULL);
	}
}

/* intel.last_inference(): id of the last row that this session wrote, if it
 * is the caller's */
Datum
intel_last_inference(PG_FUNCTION_ARGS)
{
	StringInfoData text;

	if (last_id == 0)
		PG_RETURN_NULL();
	init_identity_text(&text, GetUserId(), identity_subject(),
					   identity_tenant());
	if (strcmp(last_identity, text.data) != 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(last_id);
}
