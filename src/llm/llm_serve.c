/*-------------------------------------------------------------------------
 *
 * llm_serve.c
 *		A call with everything around it: limits, breakers, fallbacks, log.
 *
 * The chain of a request: its model, that model's fallback, and so on until a
 * model has none or one that had its turn; then an answer in the cache that has
 * expired, and at last the value that the request itself gives as "fallback".
 * A session walks it to the end at once. A job has time: it takes the first
 * model that is on and whose breaker is closed, waits where there is none, and
 * falls back on the rest when its attempts are used up. A stream falls back
 * until it has given its first piece.
 *
 * What is wrong with a request (an unknown model, a missing grant, a text that
 * cannot be redacted) is raised from wherever it is found: another model does
 * not make it right. But a request that is right for its own model is not
 * wrong because one that it falls back on cannot do what it asks: that one is
 * passed over. Embeddings fall back on the same model at another provider
 * only, since vectors of two models cannot be compared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "base/error.h"
#include "base/json.h"
#include "base/json_dump.h"
#include "llm/llm_cache.h"
#include "llm/llm_catalog.h"
#include "llm/llm_limit.h"

/* The models of a request that had their turn; the last one has it now. */
typedef struct Chain
{
	LlmTask task;
	int n;
	/* NULL: the request's own, until it is known */
	char *models[LLM_MAX_HOPS];
} Chain;

/*
 * Give the next model its turn. False at the end of the chain, which is also
 * where it comes back to a model that had its turn.
 */
static bool
chain_next(Chain *chain)
{
	char *next = NULL;

	if (chain->n == LLM_MAX_HOPS)
		return false;
	if (chain->n > 0)
	{
		next = llm_catalog_fallback(chain->models[chain->n - 1],
									chain->task == LLM_TASK_EMBED);
		if (next == NULL)
			return false;
	}
	for (int i = 0; i < chain->n; i++)
		if (strcmp(chain->models[i], next) == 0)
			return false;
	chain->models[chain->n++] = next;
	return true;
}

/* Prepare a call of the model whose turn it is; see llm_call_prepare_for. */
static LlmCall *
chain_prepare(Chain *chain, Jsonb *request, LlmRefusal *refusal)
{
	return llm_call_prepare_for(chain->task, request,
								&chain->models[chain->n - 1], refusal);
}

static void
refuse_open(LlmRefusal *refusal, const LlmCall *call, int64 wait_ms)
{
	llm_hold_of_model(call->provider, call->model, refusal->hold);
	refusal->sqlstate = ERRCODE_INTEL_CIRCUIT_OPEN;
	refusal->wait_ms = wait_ms;
	snprintf(refusal->message, sizeof(refusal->message),
			 "model \"%s\" is left alone after failures", call->model);
}

/* ---- the value of last resort -------------------------------------------- */

char *
llm_given_fallback(LlmTask task, Jsonb *request)
{
	json_t *doc = json_from_jsonb(request);
	json_t *value = json_object_get(doc, "fallback");
	const json_t *schema = json_object_get(doc, "schema");
	json_t *result;
	json_t *content;

	if (value == NULL || (task != LLM_TASK_COMPLETE && task != LLM_TASK_CHAT))
		return NULL;
	if (json_is_null(value) || (json_is_string(value) && schema == NULL))
		content = json_incref(value);
	else
	{
		char *text = json_dump(value, JSON_COMPACT | JSON_ENCODE_ANY);

		content = text != NULL ? json_string(text) : NULL;
		free(text);
	}
	if (task == LLM_TASK_COMPLETE)
		result = json_pack("{s:o, s:s}", "content", content, "finish_reason",
						   "fallback");
	else if (llm_fallback_is_message(task, value, schema))
	{
		json_decref(content);
		result = json_pack("{s:O, s:s}", "message", value, "finish_reason",
						   "fallback");
	}
	else
		result =
			json_pack("{s:{s:s, s:o}, s:s}", "message", "role", "assistant",
					  "content", content, "finish_reason", "fallback");
	return json_text(json_adopt(result));
}

/* Is there another answer than that of the model whose turn it is? */
static bool
can_fall_back(const Chain *chain, Jsonb *request)
{
	return llm_catalog_fallback(chain->models[chain->n - 1],
								chain->task == LLM_TASK_EMBED) != NULL ||
		   llm_given_fallback(chain->task, request) != NULL;
}

/* ---- sessions ------------------------------------------------------------ */

/* Prepare the call of the model whose turn it is once more, as things are now. */
static void
prepare_again(Chain *chain, Jsonb *request, LlmCall **call,
			  LlmRefusal *refusal)
{
	llm_call_free(*call);
	*call = NULL;
	memset(refusal, 0, sizeof(*refusal));
	/* as the request's own model, if it is that */
	if (chain->n == 1)
		chain->models[0] = NULL;
	*call = chain_prepare(chain, request, refusal);
}

/*
 * Let a call through for which somebody waits. Where only a place is missing,
 * and nothing else would answer, it is waited for; what has changed meanwhile
 * counts.
 */
static bool
admit(Chain *chain, Jsonb *request, LlmCall **call, LlmRefusal *refusal)
{
	TimestampTz until;
	uint64 generation = llm_catalog_generation(); /* of the call */
	bool is_admitted = false;
	bool is_current = true;

	if (llm_call_admit(*call, LLM_GO_AWAY, refusal))
		return true;
	if (!refusal->is_place || can_fall_back(chain, request))
		return false;
	until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
										(*call)->timeout_ms);
	do
	{
		if (!is_current)
		{
			prepare_again(chain, request, call, refusal);
			if (refusal->sqlstate != 0)
				return false;
			generation = llm_catalog_generation();
		}
		llm_place_watch();
		memset(refusal, 0, sizeof(*refusal));
		is_admitted = llm_call_admit(*call, LLM_WAIT_FOR_PLACE, refusal);
		is_current = generation == llm_catalog_generation();
		if (is_current && !is_admitted && refusal->is_place)
			llm_place_sleep();
		llm_place_unwatch();
	} while (!is_current || (!is_admitted && refusal->is_place &&
							 GetCurrentTimestamp() < until));
	if (!is_admitted)
		llm_call_settle(*call);
	return is_admitted;
}

void
llm_refusal_raise(const LlmRefusal *refusal)
{
	int64 seconds = (refusal->wait_ms + 999) / 1000;

	ereport(ERROR,
			(errcode(refusal->sqlstate),
			 errmsg_internal("%s", refusal->message),
			 refusal->wait_ms >= 0 && !refusal->is_off
				 ? errdetail("Retry after " INT64_FORMAT " seconds.", seconds)
				 : 0,
			 refusal->is_off ? errhint("Column \"enabled\" of intel.provider "
									   "says so.")
							 : 0));
	pg_unreachable();
}

static void
refusal_of_call(const LlmCall *call, LlmRefusal *refusal)
{
	refusal->sqlstate = call->sqlstate;
	refusal->wait_ms = call->retry_after_ms;
	strlcpy(refusal->message, call->message, sizeof(refusal->message));
}

/* A request of a session: the model whose turn it is, and what came of it. */
struct LlmServing
{
	MemoryContext cxt;
	Chain chain;
	Jsonb *request;
	LlmCall *call;		/* NULL: there is none, for the reason in refusal */
	bool is_sent;		/* it has been let through, and is on its way */
	LlmRefusal refusal; /* why it did not answer */
	bool is_over;		/* every model had its turn */
	LlmRefusal first;	/* why the first one did not answer */
	char *stale;		/* an answer of the first one that has expired */

	/* waiting for limits and providers */
	bool is_patient;
	int retries;			/* of a call that its provider refused */
	TimestampTz give_up_at; /* 0: it has not waited yet */
};

/*
 * How long a patient request waits in all, how long where it can fall back, and
 * how often it is sent to a model that refuses it.
 */
#define PATIENCE_MS (5 * 60 * 1000)
#define SHORT_PATIENCE_MS (60 * 1000)
#define PATIENT_RETRIES 5
/* between two looks whether other calls have given back what they hold */
#define OWN_HOLD_MS 100
/* requests of one statement that are on their way at once */
#define MAX_WINDOW 32

static void
take_turn(LlmServing *serving)
{
	MemoryContext old = MemoryContextSwitchTo(serving->cxt);

	memset(&serving->refusal, 0, sizeof(serving->refusal));
	serving->call =
		chain_prepare(&serving->chain, serving->request, &serving->refusal);
	if (serving->call != NULL)
		serving->call->state->is_patient = serving->is_patient;
	MemoryContextSwitchTo(old);
}

/* The row of a failed call survives only where somebody goes on. */
static void
drop_call(LlmServing *serving, bool go_on)
{
	if (serving->call == NULL)
		return;
	(void) llm_log_attempt(serving->call, go_on);
	llm_call_free(serving->call);
	serving->call = NULL;
}

/* Give the next model its turn, or be over. */
static void
pass_turn(LlmServing *serving, bool go_on)
{
	MemoryContext old = MemoryContextSwitchTo(serving->cxt);

	if (serving->chain.n == 1)
		serving->first = serving->refusal;
	if (serving->chain.n == 1 && serving->call != NULL)
		serving->stale = llm_cache_stale(serving->call);
	serving->is_over = !chain_next(&serving->chain);
	serving->retries = 0;
	serving->give_up_at = 0;
	MemoryContextSwitchTo(old);
	drop_call(serving, go_on || !serving->is_over);
	if (!serving->is_over)
		take_turn(serving);
}

LlmServing *
llm_serving_begin(LlmTask task, Jsonb *request, bool is_patient)
{
	LlmServing *serving = palloc0(sizeof(LlmServing));

	serving->cxt = CurrentMemoryContext;
	serving->chain.task = task;
	serving->request = request;
	serving->is_patient = is_patient;
	(void) chain_next(&serving->chain);
	take_turn(serving);
	return serving;
}

/*
 * Send it, or what it falls back on at once; false when something has to be
 * waited for. One that nobody will answer need not be waited for.
 */
static bool
send_now(LlmServing *serving)
{
	while (!serving->is_sent && !serving->is_over)
	{
		LlmRefusal *refusal = &serving->refusal;

		if (refusal->sqlstate == 0 && !llm_cache_board(serving->call))
			return false;
		if (refusal->sqlstate == 0)
			serving->is_sent =
				llm_call_admit(serving->call, LLM_GO_AWAY, refusal);
		if (serving->is_sent)
			llm_call_start(serving->call);
		else if (refusal->sqlstate == ERRCODE_INTEL_RATE_LIMITED ||
				 refusal->sqlstate == ERRCODE_INTEL_BUDGET)
		{
			memset(refusal, 0, sizeof(*refusal));
			return false;
		}
		else
			pass_turn(serving, true);
	}
	return true;
}

/* Let the call of the model whose turn it is through, or not. */
static bool
admit_turn(LlmServing *serving)
{
	MemoryContext old;
	bool is_admitted;

	if (serving->is_patient)
		return llm_call_admit(serving->call, LLM_GO_AWAY, &serving->refusal);
	old = MemoryContextSwitchTo(serving->cxt);
	is_admitted = admit(&serving->chain, serving->request, &serving->call,
						&serving->refusal);
	MemoryContextSwitchTo(old);
	return is_admitted;
}

/* Let the model whose turn it is answer; false, with the refusal, if not. */
static bool
run_turn(LlmServing *serving)
{
	LlmCall *call;

	if (serving->refusal.sqlstate != 0)
		return false;
	if (!serving->is_sent)
		llm_cache_wait(serving->call);
	for (;;)
	{
		if (!serving->is_sent)
		{
			if (!admit_turn(serving))
				return false;
			llm_call_start(serving->call);
		}
		serving->is_sent = false;
		call = serving->call;
		llm_call_finish(call);
		llm_call_settle(call);
		llm_call_check_encoding(call);
		if (call->outcome == LLM_SUCCEEDED)
		{
			llm_cache_store(call);
			return true;
		}
		refusal_of_call(call, &serving->refusal);
		if (!llm_call_repair(call))
			return false;
	}
}

/* When what refused a patient request may let it through; -1: not to wait. */
static int64
refusal_wait_ms(LlmServing *serving)
{
	const LlmRefusal *refusal = &serving->refusal;
	bool by_provider = serving->call->outcome != LLM_PENDING;

	if (refusal->sqlstate == ERRCODE_INTEL_RATE_LIMITED)
	{
		if (!by_provider)
			return refusal->wait_ms;
		/* where it does not say how long, its breaker knows */
		return serving->retries++ < PATIENT_RETRIES ? Max(refusal->wait_ms, 0)
													: -1;
	}
	/* others of the statement hold more of a budget than they will cost */
	if (refusal->sqlstate == ERRCODE_INTEL_BUDGET && !by_provider &&
		refusal->wait_ms >= 0 && llm_calls_in_flight() > 0)
		return OWN_HOLD_MS;
	return -1;
}

/*
 * Wait until a request that was refused may be let through, and prepare its
 * call anew: it may not be made any more, or in another way.
 */
static bool
wait_for_turn(LlmServing *serving)
{
	TimestampTz now = GetCurrentTimestamp();
	int64 wait_ms;

	if (!serving->is_patient || serving->call == NULL)
		return false;
	wait_ms = refusal_wait_ms(serving);
	if (serving->give_up_at == 0)
		serving->give_up_at = TimestampTzPlusMilliseconds(
			now, can_fall_back(&serving->chain, serving->request)
					 ? SHORT_PATIENCE_MS
					 : PATIENCE_MS);
	if (wait_ms < 0 ||
		TimestampTzPlusMilliseconds(now, wait_ms) > serving->give_up_at)
		return false;
	drop_call(serving, true);
	llm_call_pause(wait_ms);
	/* as the request's own model, if it is that */
	if (serving->chain.n == 1)
		serving->chain.models[0] = NULL;
	take_turn(serving);
	return true;
}

char *
llm_serving_end(LlmServing *serving, const char **model, LlmRefusal *refusal)
{
	Chain *chain = &serving->chain;
	char *result;

	while (!serving->is_over)
	{
		if (run_turn(serving))
		{
			LlmCall *call = serving->call;

			result = llm_call_result(call, llm_log_attempt(call, true));
			llm_call_free(call);
			*model = chain->models[chain->n - 1];
			return result;
		}
		if (!wait_for_turn(serving))
			pass_turn(serving, refusal != NULL);
	}
	if (serving->stale != NULL)
	{
		llm_cache_note_stale();
		*model = chain->models[0];
		return serving->stale;
	}
	*model = NULL;
	result = llm_given_fallback(chain->task, serving->request);
	if (result == NULL && refusal == NULL)
		llm_refusal_raise(&serving->first);
	if (result == NULL)
		*refusal = serving->first;
	return result;
}

/*
 * How many requests like this one may be on their way, so that half of what its
 * provider takes is left to others; 0: that does not matter to it.
 */
static int
window_of(const LlmServing *serving)
{
	const LlmCall *call = serving->call;

	return call != NULL && !call->is_local
			   ? Max(call->state->max_concurrency / 2, 1)
			   : 0;
}

void
llm_serve_each(int n, LlmEachBegin begin, LlmEachEnd end, void *arg)
{
	LlmServing **servings = MemoryContextAllocExtended(
		CurrentMemoryContext, n * sizeof(LlmServing *), MCXT_ALLOC_HUGE);
	int begun = 0; /* so many have begun, and all but the last are sent */
	int sent = 0;
	int window = MAX_WINDOW;

	for (int i = 0; i < n; i++)
	{
		/* in their order, and none beyond one that has to wait */
		while (sent < n && sent < i + window)
		{
			LlmServing *next;

			if (begun == sent)
				servings[begun++] = begin(sent, arg);
			next = servings[sent];
			if (next != NULL && window_of(next) > 0)
				window = Min(window_of(next), MAX_WINDOW);
			if (next != NULL && !send_now(next))
				break;
			sent++;
		}
		/* one that has to wait can do so now: nothing is before it */
		end(i, servings[i], arg);
		sent = Max(sent, i + 1);
	}
	pfree(servings);
}

char *
llm_serve(LlmTask task, Jsonb *request, const char **model)
{
	const char *ignored;

	return llm_serving_end(llm_serving_begin(task, request, false),
						   model != NULL ? model : &ignored, NULL);
}

/* ---- streams --------------------------------------------------------------- */

struct LlmServed
{
	MemoryContext cxt;
	Chain chain;
	Jsonb *request;
	LlmRefusal first; /* why the first one did not answer */
	LlmCall *call;	  /* NULL: given is the answer */
	char *given;	  /* the result that the request itself gives */
	bool has_begun;	  /* a piece was given */
};

/* Start the model whose turn it is; false, with *refusal, when it may not. */
static bool
start_next(LlmServed *served, LlmRefusal *refusal)
{
	LlmCall *call = chain_prepare(&served->chain, served->request, refusal);

	if (refusal->sqlstate != 0)
	{
		if (call != NULL)
			llm_call_free(call);
		return false;
	}
	if (!call->is_streamed)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("request does not ask for a stream")));
	if (!admit(&served->chain, served->request, &call, refusal))
	{
		if (call != NULL)
			llm_call_free(call);
		return false;
	}
	call->wants_parts = true;
	llm_call_start(call);
	served->call = call;
	return true;
}

/*
 * Find who answers, beginning with the model after the one that was asked
 * last; raises why the first one did not when nobody does.
 */
static void
find_answer(LlmServed *served)
{
	MemoryContext old = MemoryContextSwitchTo(served->cxt);

	served->call = NULL;
	while (served->call == NULL && chain_next(&served->chain))
	{
		LlmRefusal refusal = {0};

		if (!start_next(served, &refusal) && served->chain.n == 1)
			served->first = refusal;
	}
	if (served->call == NULL)
	{
		served->given =
			llm_given_fallback(served->chain.task, served->request);
		if (served->given == NULL)
			llm_refusal_raise(&served->first);
	}
	MemoryContextSwitchTo(old);
}

LlmServed *
llm_served_begin(LlmTask task, Jsonb *request)
{
	LlmServed *served = palloc0(sizeof(LlmServed));

	served->cxt = CurrentMemoryContext;
	served->chain.task = task;
	served->request = (Jsonb *) DatumGetPointer(
		datumCopy(JsonbPGetDatum(request), false, -1));
	find_answer(served);
	return served;
}

char *
llm_served_next(LlmServed *served)
{
	for (;;)
	{
		LlmCall *call = served->call;
		char *part;

		if (call == NULL)
		{
			part = served->has_begun ? NULL : llm_result_text(served->given);
			served->has_begun = true;
			return part;
		}
		part = llm_call_next_part(call);
		if (part != NULL)
			served->has_begun = true;
		if (part != NULL || served->has_begun ||
			call->outcome == LLM_SUCCEEDED)
			return part;

		/* it failed before anybody saw anything of it */
		llm_call_settle(call);
		if (served->chain.n == 1)
			refusal_of_call(call, &served->first);
		(void) llm_log_attempt(call, false);
		llm_call_free(call);
		find_answer(served);
	}
}

char *
llm_served_result(LlmServed *served)
{
	LlmCall *call = served->call;
	bool succeeded;
	int64 id;

	if (call == NULL)
		return served->given;
	llm_call_settle(call);
	llm_call_check_encoding(call);
	succeeded = call->outcome == LLM_SUCCEEDED;
	id = llm_log_attempt(call, succeeded);
	if (!succeeded)
		llm_call_raise(call);
	return llm_call_result(call, id);
}

/* ---- jobs ---------------------------------------------------------------- */

LlmCall *
llm_call_prepare_job(LlmTask task, Jsonb *request, LlmRefusal *refusal)
{
	Chain chain = {.task = task};
	LlmRefusal first = {0};

	while (chain_next(&chain))
	{
		LlmRefusal here = {0};
		LlmCall *call = chain_prepare(&chain, request, &here);
		int64 wait_ms;

		if (here.sqlstate == 0 &&
			(call->is_local ||
			 !llm_model_is_open(call->provider, call->model, &wait_ms)))
			return call;
		if (here.sqlstate == 0)
			refuse_open(&here, call, wait_ms);
		if (call != NULL)
			llm_call_free(call);
		if (chain.n == 1)
			first = here;
	}
	*refusal = first;
	return NULL;
}
