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
#include "utils/memutils.h"

#include "base/error.h"
#include "base/json.h"
#include "base/json_dump.h"
#include "llm/llm_cache.h"
#include "llm/llm_catalog.h"
#include "llm/llm_limit.h"

#define MAX_HOPS 8

/* The models of a request that had their turn; the last one has it now. */
typedef struct Chain
{
	LlmTask task;
	int n;
	char *models[MAX_HOPS]; /* NULL: the request's own, until it is known */
} Chain;

/*
 * Give the next model its turn. False at the end of the chain, which is also
 * where it comes back to a model that had its turn.
 */
static bool
chain_next(Chain *chain)
{
	char *next = NULL;

	if (chain->n == MAX_HOPS)
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
	json_t *result;
	json_t *content;

	if (value == NULL || (task != LLM_TASK_COMPLETE && task != LLM_TASK_CHAT))
		return NULL;
	if (json_is_null(value) ||
		(json_is_string(value) && json_object_get(doc, "schema") == NULL))
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
	else if (json_is_object(value))
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

/* ---- sessions ------------------------------------------------------------ */

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
	Chain chain;
	Jsonb *request;
	bool is_patient;
	int retries;		/* of a patient one that its provider refused */
	LlmCall *call;		/* NULL: there is none, for the reason in refusal */
	bool is_sent;		/* it has been let through, and is on its way */
	LlmRefusal refusal; /* why it did not answer */
};

/* longest time that a patient request waits at once, and how often it is sent */
#define PATIENCE_MS 60000
#define PATIENT_RETRIES 5
/* requests of one statement that are on their way at once */
#define MAX_PLACES 32

static void
take_turn(LlmServing *serving)
{
	memset(&serving->refusal, 0, sizeof(serving->refusal));
	serving->is_sent = false;
	serving->call =
		chain_prepare(&serving->chain, serving->request, &serving->refusal);
}

LlmServing *
llm_serving_begin(LlmTask task, Jsonb *request, bool is_patient)
{
	LlmServing *serving = palloc0(sizeof(LlmServing));

	serving->chain.task = task;
	serving->request = request;
	serving->is_patient = is_patient;
	(void) chain_next(&serving->chain);
	take_turn(serving);
	return serving;
}

/* How many of this kind leave half of what the provider takes to others. */
static int
places_of(const LlmServing *serving)
{
	const LlmCall *call = serving->call;

	return call != NULL && !call->is_local
			   ? Max(call->state->max_concurrency / 2, 1)
			   : 1;
}

/* Send it if nothing has to be waited for; else false. */
static bool
send_now(LlmServing *serving)
{
	LlmRefusal ignored = {0};

	if (serving->is_sent || serving->refusal.sqlstate != 0)
		return true;
	if (!llm_cache_board(serving->call) ||
		!llm_call_admit(serving->call, false, &ignored))
		return false;
	llm_call_start(serving->call);
	serving->is_sent = true;
	return true;
}

/* Wait until a call that was refused may be let through, if that is soon. */
static bool
wait_for_turn(const LlmServing *serving)
{
	const LlmRefusal *refusal = &serving->refusal;

	if (!serving->is_patient ||
		refusal->sqlstate != ERRCODE_INTEL_RATE_LIMITED ||
		refusal->wait_ms < 0 || refusal->wait_ms > PATIENCE_MS)
		return false;
	llm_call_pause(refusal->wait_ms);
	return true;
}

/*
 * Make a call that failed ready to be sent again: once where its answer can be
 * mended, and where its provider limits the rate of a patient request, which
 * its breaker then keeps from being sent too soon.
 */
static bool
make_again(LlmServing *serving)
{
	LlmCall *call = serving->call;

	if (llm_call_repair(call))
		return true;
	if (!serving->is_patient || serving->retries == PATIENT_RETRIES ||
		serving->refusal.sqlstate != ERRCODE_INTEL_RATE_LIMITED)
		return false;
	serving->retries++;
	(void) llm_log_attempt(call, true);
	llm_call_again(call);
	return true;
}

/* Let the model whose turn it is answer; false, with the refusal, if not. */
static bool
run_turn(LlmServing *serving)
{
	LlmCall *call = serving->call;

	if (serving->refusal.sqlstate != 0)
		return false;
	if (!serving->is_sent)
		llm_cache_wait(call);
	for (;;)
	{
		while (!serving->is_sent)
		{
			serving->is_sent = llm_call_admit(call, false, &serving->refusal);
			if (serving->is_sent)
				llm_call_start(call);
			else if (!wait_for_turn(serving))
				return false;
		}
		llm_call_finish(call);
		serving->is_sent = false;
		llm_call_settle(call);
		if (call->outcome == LLM_SUCCEEDED)
		{
			llm_cache_store(call);
			return true;
		}
		refusal_of_call(call, &serving->refusal);
		if (!make_again(serving))
			return false;
	}
}

char *
llm_serving_end(LlmServing *serving, const char **model, LlmRefusal *refusal)
{
	Chain *chain = &serving->chain;
	LlmRefusal first = {0};
	char *stale = NULL;
	char *result;
	bool go_on = true;

	while (go_on)
	{
		bool succeeded = run_turn(serving);
		LlmCall *call = serving->call;

		if (succeeded)
		{
			result = llm_call_result(call, llm_log_attempt(call, true));
			llm_call_free(call);
			*model = chain->models[chain->n - 1];
			return result;
		}
		if (chain->n == 1)
			first = serving->refusal;
		if (chain->n == 1 && call != NULL)
			stale = llm_cache_stale(call);
		go_on = chain_next(chain);
		/* the row of a failure survives only where somebody goes on */
		if (call != NULL)
		{
			(void) llm_log_attempt(call, go_on || refusal != NULL);
			llm_call_free(call);
		}
		if (go_on)
			take_turn(serving);
	}
	if (stale != NULL)
	{
		llm_cache_note_stale();
		*model = chain->models[0];
		return stale;
	}
	*model = NULL;
	result = llm_given_fallback(chain->task, serving->request);
	if (result == NULL && refusal == NULL)
		llm_refusal_raise(&first);
	if (result == NULL)
		*refusal = first;
	return result;
}

void
llm_serve_each(int n, LlmEachBegin begin, LlmEachEnd end, void *arg)
{
	LlmServing **servings = MemoryContextAllocExtended(
		CurrentMemoryContext, n * sizeof(LlmServing *), MCXT_ALLOC_HUGE);
	int next = 0; /* the first one that is not on its way */
	bool has_begun = false;
	int places = 1;

	for (int i = 0; i < n; i++)
	{
		/* in their order, and none beyond one that has to wait */
		for (; next < n && next < i + places; next++)
		{
			if (!has_begun)
				servings[next] = begin(next, arg);
			has_begun = servings[next] != NULL;
			if (!has_begun)
				continue;
			places = Min(places_of(servings[next]), MAX_PLACES);
			if (!send_now(servings[next]))
				break;
			has_begun = false;
		}
		end(i, servings[i], arg);
		if (next == i)
		{
			next++;
			has_begun = false;
		}
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
	call->wants_parts = true;
	if (!llm_call_admit(call, false, refusal))
	{
		llm_call_free(call);
		return false;
	}
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
	succeeded = call->outcome == LLM_SUCCEEDED;
	llm_call_settle(call);
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
