/*-------------------------------------------------------------------------
 *
 * llm_call.c
 *		The life of a call outside the gate and the network.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/client.h"
#include "base/error.h"
#include "base/json.h"
#include "llm/llm_int.h"
#include "llm/llm_cache.h"
#include "llm/llm_limit.h"
#include "llm/llm_log.h"
#include "llm/llm_restore.h"
#include "llm/llm_secret.h"

void
llm_init(void)
{
	llm_log_register();
	llm_limit_register();
	llm_spend_register();
	llm_place_register();
	llm_cache_register();
}

static void
set_latency(LlmCall *call)
{
	instr_time now;

	if (INSTR_TIME_IS_ZERO(call->state->started))
		return;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, call->state->started);
	call->latency_ms = (int64) INSTR_TIME_GET_MILLISEC(now);
}

/* Calls of this session, but for those of jobs. */
static dlist_head calls = DLIST_STATIC_INIT(calls);

/*
 * Runs when the context of a call goes, however it goes, or before that when
 * its transaction or savepoint is rolled back. Must not raise.
 */
static void
release_call(void *arg)
{
	LlmCall *call = arg;
	LlmCallState *state = call->state;

	if (state->is_released)
		return;
	state->is_released = true;
	if (state->is_of_session)
		dlist_delete(&state->of_session);
	if (state->transfer != NULL)
		llm_http_drop(state->transfer);
	state->transfer = NULL;
	/* a call that has ended has its time */
	if (call->outcome == LLM_PENDING)
		set_latency(call);
	llm_call_settle(call);
	llm_cache_leave(state);
	llm_log_abandoned(call);
	state->is_logged = true;
	if (state->key_header != NULL)
		llm_secret_wipe(state->key_header, strlen(state->key_header));
	state->key_header = NULL;
	llm_stream_free(state->stream);
	state->stream = NULL;
	llm_ask_free(&state->ask);
	llm_wire_free(&state->wire);
}

/*
 * The memory of what failed may stay for long: that of a function until its
 * transaction ends, which the client may put off, or catch the error and go on.
 * Nobody waits for its calls any more, so others get what they hold.
 */
static void
roll_back(LlmCall *call)
{
	bool is_stream = call->state->stream != NULL;

	release_call(call);
	/* a cursor outlives the savepoint in which it was first read */
	if (!is_stream && call->outcome != LLM_PENDING)
		return;
	call->message = "the call of a model went with the savepoint that it was "
					"made in";
	call->sqlstate = ERRCODE_INVALID_CURSOR_STATE;
	call->outcome = LLM_PERMANENT;
}

static void
on_transaction_end(XactEvent event, void *arg pg_attribute_unused())
{
	while (event == XACT_EVENT_ABORT && !dlist_is_empty(&calls))
		roll_back(dlist_head_element(LlmCallState, of_session, &calls)->call);
}

static void
on_subtransaction_end(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg pg_attribute_unused())
{
	dlist_mutable_iter iter;

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	dlist_foreach_modify(iter, &calls)
	{
		LlmCallState *state =
			dlist_container(LlmCallState, of_session, iter.cur);

		if (state->subid != subid)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			state->subid = parent;
		else
			roll_back(state->call);
	}
}

/* Have a call end with its transaction; one of a job outlives it. */
static void
follow_transaction(LlmCallState *state)
{
	static bool registered = false;

	if (llm_origin_job() != 0)
		return;
	if (!registered)
	{
		RegisterXactCallback(on_transaction_end, NULL);
		RegisterSubXactCallback(on_subtransaction_end, NULL);
	}
	registered = true;
	state->subid = GetCurrentSubTransactionId();
	state->is_of_session = true;
	dlist_push_tail(&calls, &state->of_session);
}

LlmCall *
llm_call_create(LlmTask task)
{
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel llm call", ALLOCSET_SMALL_SIZES);
	LlmCall *call = MemoryContextAllocZero(cxt, sizeof(LlmCall));
	LlmCallState *state = MemoryContextAllocZero(cxt, sizeof(LlmCallState));

	call->cxt = cxt;
	call->task = task;
	call->outcome = LLM_PENDING;
	call->retry_after_ms = -1;
	call->usage = LLM_NO_USAGE;
	call->first_token_ms = -1;
	for (int i = 0; i < LLM_RATES; i++)
		call->rates[i] = (LlmRate){-1, -1, -1};
	call->state = state;
	state->call = call;
	state->usage_before = state->usage_of_try = LLM_NO_USAGE;

	state->release.func = release_call;
	state->release.arg = call;
	MemoryContextRegisterResetCallback(cxt, &state->release);
	follow_transaction(state);
	return call;
}

void
llm_call_free(LlmCall *call)
{
	MemoryContextDelete(call->cxt);
}

void
llm_call_begin(LlmCall *call)
{
	INSTR_TIME_SET_CURRENT(call->state->started);
	call->state->started_at = GetCurrentTimestamp();
	call->state->was_sent = false;
	llm_restore_again(call);
}

static int
fault_sqlstate(LlmFault fault)
{
	switch (fault)
	{
		case LLM_FAULT_NONE:
			break;
		case LLM_FAULT_TIMEOUT:
			return ERRCODE_INTEL_TIMEOUT;
		case LLM_FAULT_REFUSED:
			return ERRCODE_INTEL_REFUSED;
		case LLM_FAULT_RATE_LIMITED:
			return ERRCODE_INTEL_RATE_LIMITED;
		case LLM_FAULT_QUOTA:
			return ERRCODE_INTEL_BUDGET;
		case LLM_FAULT_MALFORMED:
			return ERRCODE_INTEL_MALFORMED;
		case LLM_FAULT_KEY:
			return ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
		case LLM_FAULT_REJECTED:
			return ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
		case LLM_FAULT_SERVER:
			return ERRCODE_SYSTEM_ERROR;
		case LLM_FAULT_LOCAL:
			return ERRCODE_INSUFFICIENT_RESOURCES;
	}
	return ERRCODE_INTERNAL_ERROR;
}

void
llm_call_fail(LlmCall *call, LlmFault fault, LlmOutcome outcome,
			  const char *format, ...)
{
	char message[256];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);

	set_latency(call);
	call->message = MemoryContextStrdup(call->cxt, message);
	call->sqlstate = fault_sqlstate(fault);
	call->outcome = outcome;
}

/* A failure that the provider reported, or its answer is. */
static void
fail_with_reply(LlmCall *call, const LlmReply *reply)
{
	const char *code = reply->code != NULL ? reply->code : "no known code";
	const char *format = NULL;

	switch (reply->fault)
	{
		case LLM_FAULT_MALFORMED:
			llm_call_fail(call, reply->fault, reply->outcome,
						  "answer of provider \"%s\" cannot be used: %s",
						  call->provider, reply->problem.text);
			return;
		case LLM_FAULT_REFUSED:
			llm_call_fail(call, reply->fault, reply->outcome,
						  "answer of provider \"%s\" was refused: %s",
						  call->provider, reply->problem.text);
			return;
		case LLM_FAULT_LOCAL:
			llm_call_fail(call, reply->fault, reply->outcome,
						  "out of memory while reading the answer of "
						  "provider \"%s\"",
						  call->provider);
			return;
		case LLM_FAULT_TIMEOUT:
			/* a status says more than this */
			if (call->http_status < 300)
			{
				llm_call_fail(call, reply->fault, reply->outcome,
							  "answer of provider \"%s\" ended too early",
							  call->provider);
				return;
			}
			format = "provider \"%s\" failed (status %d, %s)";
			break;
		case LLM_FAULT_RATE_LIMITED:
			format = "provider \"%s\" limits its rate (status %d, %s)";
			break;
		case LLM_FAULT_QUOTA:
			format = "quota at provider \"%s\" is used up (status %d, %s)";
			break;
		case LLM_FAULT_KEY:
			format = "provider \"%s\" did not accept the key (status %d, %s)";
			break;
		case LLM_FAULT_REJECTED:
			format = "provider \"%s\" rejected the request (status %d, %s)";
			break;
		default:
			format = "provider \"%s\" failed (status %d, %s)";
			break;
	}
	llm_call_fail(call, reply->fault, reply->outcome, format, call->provider,
				  call->http_status, code);
}

/* Sum of two counts, each -1 when it is not known. */
static int64
add_tokens(int64 a, int64 b)
{
	return a < 0 || b < 0 ? Max(a, b) : a + b;
}

static LlmUsage
add_usage(const LlmUsage *a, const LlmUsage *b)
{
	return (LlmUsage){
		.input = add_tokens(a->input, b->input),
		.cached = add_tokens(a->cached, b->cached),
		.cache_write = add_tokens(a->cache_write, b->cache_write),
		.output = add_tokens(a->output, b->output),
		.reasoning = add_tokens(a->reasoning, b->reasoning),
	};
}

/*
 * Copy a result into the call's context, in server encoding. Where that is
 * not UTF-8, characters beyond ASCII, which JSON has in strings only, become
 * escapes: converting them here would need a transaction.
 */
static char *
copy_result(MemoryContext cxt, const char *utf8)
{
	size_t size = strlen(utf8) + 1;
	bool escape = GetDatabaseEncoding() != PG_UTF8;
	char *result;
	char *p;

	/* two bytes of UTF-8 become six characters, four become twelve */
	if (escape)
		size = mul_size(size, 3);
	result = p = MemoryContextAllocExtended(cxt, size, MCXT_ALLOC_HUGE);
	while (*utf8 != '\0')
	{
		const unsigned char *c = (const unsigned char *) utf8;
		pg_wchar code;

		if (!escape || *c < 0x80)
		{
			*p++ = *utf8++;
			continue;
		}
		code = utf8_to_unicode(c);
		utf8 += pg_utf_mblen(c);
		if (code < 0x10000)
			p += sprintf(p, "\\u%04x", code);
		else
			p += sprintf(p, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10),
						 0xdc00 + (code & 0x3ff));
	}
	*p = '\0';
	return result;
}

void
llm_call_take_reply(LlmCall *call, const LlmReply *reply)
{
	call->retry_after_ms = reply->retry_after_ms;
	call->state->usage_of_try = reply->usage;
	call->usage = add_usage(&call->state->usage_before, &reply->usage);
	if (reply->rejected != NULL)
		call->state->rejected =
			MemoryContextStrdup(call->cxt, reply->rejected);
	if (reply->outcome == LLM_SUCCEEDED)
	{
		set_latency(call);
		call->result = copy_result(call->cxt, reply->result);
		call->outcome = LLM_SUCCEEDED;
	}
	else
		fail_with_reply(call, reply);
}

static void
fail_encoding(LlmCall *call)
{
	llm_call_fail(call, LLM_FAULT_MALFORMED, LLM_PERMANENT,
				  "answer of provider \"%s\" has characters that the "
				  "encoding of the database lacks",
				  call->provider);
}

/*
 * Forget the error that the encoding lacks a character, and raise others again.
 * What reads text takes nothing but memory, so that needs no subtransaction.
 */
static void
forget_encoding_error(MemoryContext cxt)
{
	if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
		PG_RE_THROW();
	MemoryContextSwitchTo(cxt);
	FlushErrorState();
}

void
llm_call_check_encoding(LlmCall *call)
{
	MemoryContext old = CurrentMemoryContext;

	if (call->outcome != LLM_SUCCEEDED || GetDatabaseEncoding() == PG_UTF8)
		return;
	PG_TRY();
	{
		(void) DirectFunctionCall1(jsonb_in, CStringGetDatum(call->result));
	}
	PG_CATCH();
	{
		forget_encoding_error(old);
		fail_encoding(call);
	}
	PG_END_TRY();
}

char *
llm_part_to_server(const char *utf8)
{
	MemoryContext old = CurrentMemoryContext;
	char *volatile text = NULL;

	PG_TRY();
	{
		text = pg_any_to_server(utf8, (int) strlen(utf8), PG_UTF8);
	}
	PG_CATCH();
	{
		forget_encoding_error(old);
	}
	PG_END_TRY();
	return text;
}

char *
llm_call_result(const LlmCall *call, int64 inference_id)
{
	char *result = llm_restore_result(call, call->result);
	int len = strlen(result);

	Assert(len > 2 && result[len - 1] == '}');
	if (inference_id == 0)
		return result;
	return psprintf("%.*s,\"inference_id\":" INT64_FORMAT "}", len - 1, result,
					inference_id);
}

void
llm_call_raise(const LlmCall *call)
{
	int64 seconds = (call->retry_after_ms + 999) / 1000;

	ereport(ERROR,
			(errcode(call->sqlstate), errmsg_internal("%s", call->message),
			 call->retry_after_ms >= 0
				 ? errdetail("Retry after " INT64_FORMAT " seconds.", seconds)
				 : 0));
	pg_unreachable();
}

/* ---- running in a backend ------------------------------------------------- */

static LlmHttp *
backend_http(void)
{
	static LlmHttp *http = NULL;

	if (http == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		http = llm_http_create();
		MemoryContextSwitchTo(old);
	}
	return http;
}

/*
 * Wait until something has happened to any call of this backend: there may be
 * streams of the same statement beside the call that is waited for. What has
 * happened is in the calls themselves.
 */
void
llm_calls_wait(long timeout_ms, LlmWait what)
{
	LlmHttp *http = backend_http();
	LlmCall *call;

	llm_http_wait(http, timeout_ms, what);
	CHECK_FOR_INTERRUPTS();
	while (llm_http_next_part(http) != NULL)
		;
	/* whoever waits for it may be busy with another one for a while */
	while ((call = llm_http_next(http)) != NULL)
		llm_call_settle(call);
}

void
llm_call_start(LlmCall *call)
{
	if (call->is_local)
	{
		llm_call_run_local(call);
		return;
	}
	/* it would hold up all other jobs, within a transaction */
	if (llm_origin_job() != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("SQL of a job cannot wait for a model"),
				 errhint("A step function returns the call that is to be "
						 "made; a trigger can submit a job.")));
	llm_http_start(backend_http(), call);
}

void
llm_call_finish(LlmCall *call)
{
	while (call->outcome == LLM_PENDING)
		llm_calls_wait(-1, LLM_WAIT_ANSWER);
}

void
llm_call_pause(int64 ms)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);

	while ((ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
												 until)) > 0)
		llm_calls_wait((long) ms, LLM_WAIT_RETRY);
}

int
llm_calls_in_flight(void)
{
	return llm_http_in_flight(backend_http());
}

/* ---- streams ---------------------------------------------------------------- */

char *
llm_result_text(const char *result)
{
	const json_t *doc = json_parse(result, strlen(result));
	const json_t *message = json_object_get(doc, "message");
	const char *text =
		json_string_member(message != NULL ? message : doc, "content", NULL);

	return text != NULL
			   ? pg_any_to_server(pstrdup(text), strlen(text), PG_UTF8)
			   : NULL;
}

/* The answer of a builtin model is there at once. */
static char *
take_local_part(LlmCall *call)
{
	if (call->outcome != LLM_SUCCEEDED || call->state->local_taken)
		return NULL;
	call->state->local_taken = true;
	return llm_result_text(call->result);
}

char *
llm_call_take_utf8(LlmCall *call)
{
	LlmStream *stream = call->state->stream;
	const char *text = NULL;
	size_t len = 0;

	if (call->is_local)
	{
		char *part = take_local_part(call);

		return part != NULL ? pg_server_to_any(part, strlen(part), PG_UTF8)
							: NULL;
	}
	if (stream != NULL && llm_stream_pending(stream) > 0)
		text = llm_stream_take(stream, &len);
	if (stream != NULL && call->state->restore != NULL)
		text = llm_restore_piece(call, text, &len);
	return text != NULL ? pnstrdup(text, len) : NULL;
}

char *
llm_call_take_part(LlmCall *call)
{
	char *utf8 = llm_call_take_utf8(call);
	char *part = utf8 != NULL ? llm_part_to_server(utf8) : NULL;

	if (utf8 != NULL && part == NULL)
	{
		/* what comes behind it is no answer any more */
		if (call->state->transfer != NULL)
			llm_http_drop(call->state->transfer);
		fail_encoding(call);
	}
	return part;
}

char *
llm_call_next_part(LlmCall *call)
{
	char *part;

	while ((part = llm_call_take_part(call)) == NULL &&
		   call->outcome == LLM_PENDING)
	{
		/* the client shall see what there is before this waits for more */
		client_flush();
		llm_calls_wait(-1, LLM_WAIT_ANSWER);
	}
	return part;
}
