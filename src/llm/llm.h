/*-------------------------------------------------------------------------
 *
 * llm.h
 *		Calls to models: prepared in a transaction, sent without one.
 *
 * Life of a call:
 *
 *	1. llm_call_prepare, in a transaction, as the user: finds model and
 *	   provider, checks the grant and the egress rules, redacts, builds the
 *	   HTTP request, resolves the secret. Everything the call needs is now in
 *	   plain memory.
 *	2. llm_http_start and llm_http_wait, with or without a transaction. No
 *	   catalog, no snapshot, no ereport from inside libcurl.
 *	   A builtin model has no HTTP: llm_call_run_local instead.
 *	3. llm_http_next hands the call back with its outcome filled in.
 *
 * Nothing here writes a table: what becomes of the outcome is the caller's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_LLM_H
#define INTEL_LLM_LLM_H

#include "utils/jsonb.h"

#include "llm/llm_types.h"

/* One call. All memory belongs to its own context, a child of the creator's. */
typedef struct LlmCall
{
	MemoryContext cxt;
	LlmTask task;
	char *model;		 /* catalogue name */
	char *provider;		 /* catalogue name */
	bool is_local;		 /* builtin: no HTTP */
	int timeout_ms;		 /* of the whole call */
	bool is_streamed;	 /* text can be taken while it arrives */
	int idle_timeout_ms; /* of a stream: longest silence */
	bool wants_parts;	 /* the caller's: llm_http_next_part shall give it */
	void *tag;			 /* the caller's own */

	/* filled in when finished */
	LlmOutcome outcome;
	int sqlstate;		  /* of the failure, class IN or standard */
	const char *message;  /* of the failure; names, numbers, codes only */
	int http_status;	  /* 0: none received */
	int64 retry_after_ms; /* asked for by the provider, or -1 */
	char *result;		  /* JSON text in server encoding; see LlmTask */
	LlmUsage usage;		  /* of the repair and the try before it together */
	int64 latency_ms;
	int64 first_token_ms; /* until the first text of a stream, or -1 */
	LlmRate rates[LLM_RATES];
	char request_id[LLM_REQUEST_ID_MAX + 1]; /* the provider's, or "" */

	struct LlmCallState *state; /* private to llm */
} LlmCall;

/*
 * For what the calls of this process are made, until it is set again; NULL:
 * for the session itself. Strings stay the caller's.
 */
typedef struct LlmOrigin
{
	int64 job;				 /* 0: none */
	const char *feature;	 /* NULL: intel.feature */
	const char *traceparent; /* NULL: none */
} LlmOrigin;

extern void llm_origin_set(const LlmOrigin *now);
/* The job whose SQL runs, or 0. */
extern int64 llm_origin_job(void);

/* What a worker is woken for. */
typedef enum LlmWake
{
	LLM_WAKE_FLUSH, /* llm keeps something in shared memory to write down */
	LLM_WAKE_RETRY, /* calls that were refused may be let through */
	LLM_WAKE_PLACE	/* one that was refused a place may have one */
} LlmWake;

/*
 * How llm wakes the worker of a database; false when there can be none. Must
 * not raise. Set by _PG_init.
 */
typedef bool (*LlmWakeFunction)(Oid database, LlmWake why);
extern void llm_set_wake(LlmWakeFunction wake);

/* Ask for shared memory. Called by _PG_init while preloading. */
extern void llm_init(void);

/*
 * Most texts of one request for embeddings of a model, and their bytes: what
 * its provider takes, and those of the models that it falls back on. NULL: the
 * default model. Also for a model that does not exist. Needs a transaction.
 */
extern void llm_embed_limits(const char *model, int *texts, int *bytes);

/*
 * Prepare a call of task for request as the current user, in a child of the
 * current context. Runs SQL, so it needs a transaction. Raises for everything
 * that is wrong before sending: unknown model (42704), no grant (42501),
 * provider switched off or host refused (IN002), secret missing (55000) or
 * file not private (42501), wrong request members (22023).
 */
extern LlmCall *llm_call_prepare(LlmTask task, Jsonb *request);

/* What a call was held by: a model, a provider, a limit or a budget. */
#define LLM_HOLD_MAX 224

/* Why a call may not be made now. */
typedef struct LlmRefusal
{
	int sqlstate;			 /* IN002, IN003, IN005 or IN006; 0: it may */
	int64 wait_ms;			 /* until it may, as far as is known; -1: never */
	int64 interval_ms;		 /* of a rate: between two calls; else 0 */
	bool is_off;			 /* its provider is, and wait_ms is of jobs */
	bool is_sized;			 /* a smaller call might have been let through */
	bool is_place;			 /* the end of another call would let it through */
	char message[200];		 /* names and numbers only */
	char hold[LLM_HOLD_MAX]; /* equal where the same thing refused */
} LlmRefusal;

extern void llm_refusal_raise(const LlmRefusal *refusal)
	__attribute__((noreturn));

/*
 * The same for the first model of the request's chain whose provider is on
 * and whose breaker is closed. NULL with *refusal when there is none.
 */
extern LlmCall *llm_call_prepare_job(LlmTask task, Jsonb *request,
									 LlmRefusal *refusal);

/* What a caller does when its call is refused. */
typedef enum LlmOnRefusal
{
	LLM_GO_AWAY,
	LLM_COME_BACK,	   /* at a time of its own, which it is given */
	LLM_WAIT_FOR_PLACE /* where it wants one: see llm_place_watch */
} LlmOnRefusal;

/*
 * Let a prepared call through all limits, budgets and the breaker that apply
 * to it; false with *refusal otherwise. Needs a transaction, raises 55000 where
 * a limit cannot be kept. What was let through, or waits for a place, is to be
 * settled at its end, which is what freeing it does otherwise; settling needs
 * no transaction, and raises nothing.
 */
extern bool llm_call_admit(LlmCall *call, LlmOnRefusal then,
						   LlmRefusal *refusal);
extern void llm_call_settle(LlmCall *call);

/*
 * Count anew in a database whose extension, or which itself, was dropped.
 * Raises nothing.
 */
extern void llm_limit_forget(Oid database);

/*
 * The holds that a call which was let through is part of, as refusals name
 * them: what its end may let through. Returns how many, at most max. And the
 * hold of its model, which a refusal by the provider concerns.
 */
extern int llm_call_holds(const LlmCall *call, char (*holds)[LLM_HOLD_MAX],
						  int max);
extern void llm_hold_of_model(const char *provider, const char *model,
							  char *hold);

/*
 * Prepare, admit, run, settle and log a call, and those it falls back on.
 * Returns the result as JSON text in the current context, or raises. *model,
 * unless model is NULL, becomes the name of the model that answered, or NULL
 * where the result is the one that the request itself gives.
 */
extern char *llm_serve(LlmTask task, Jsonb *request, const char **model);

/* The result that the request itself gives for a failure, or NULL. */
extern char *llm_given_fallback(LlmTask task, Jsonb *request);

/* Run a builtin model; fills in the outcome. No transaction needed. */
extern void llm_call_run_local(LlmCall *call);

/*
 * Make a call that failed because its answer does not fit the schema of its
 * request ready to be run once more, with the answer and a demand to do
 * better added to its messages. False when it is not such a call, or was
 * repaired before. Redacts, so it needs a transaction.
 */
extern bool llm_call_repair(LlmCall *call);

/*
 * Write a call that has finished into intel.inference, and return the id of
 * the row. Without keep, and where nothing can be written, the row is left to
 * the worker and 0 returned: keep says that this transaction is about to go
 * on. Only the first time counts. Needs a transaction.
 */
extern int64 llm_log_attempt(LlmCall *call, bool keep);

/* Its result with the member "inference_id"; in the current context. */
extern char *llm_call_result(const LlmCall *call, int64 inference_id);

/*
 * Are there rows of this database for its worker to write, and write them.
 * The first needs no transaction.
 */
extern bool llm_log_waiting(void);
extern void llm_log_flush(void);

/*
 * Budgets: this process is the one that writes them down for its database;
 * is there something to write, and write it. Exactly: also what is less than
 * the table says. The first two need no transaction.
 */
extern void llm_spend_set_writer(void);
extern bool llm_spend_waiting(bool exactly);
extern void llm_spend_flush(bool exactly);

/*
 * Before a job's call is admitted: false when another process or job calls
 * for the same answer; then ask again, at the latest after wait_ms. When the
 * answer has come meanwhile the call is local. llm_cache_flights changes when
 * a call of this process that others may wait for has ended.
 */
#define LLM_CACHE_WAIT_MS 250
extern bool llm_cache_board(LlmCall *call);
extern uint64 llm_cache_flights(void);

/* The answer that was kept, even expired, for a call that failed, or NULL. */
extern char *llm_cache_last(const LlmCall *call);

/*
 * Keep the answer of a call that wants it. Needs a transaction. And remove
 * answers that are not to be kept any longer.
 */
extern void llm_cache_store(const LlmCall *call);
extern void llm_cache_prune(void);

/* Make a call that failed ready to be sent once more, as it is. */
extern void llm_call_again(LlmCall *call);

/* Wipe secrets and free. Cancels it first when it is in flight. */
extern void llm_call_free(LlmCall *call);

/*
 * Raise the failure of a finished call as an error with its SQLSTATE; DETAIL
 * has the seconds to wait where the provider gave them.
 */
extern void llm_call_raise(const LlmCall *call) __attribute__((noreturn));

/*
 * A set of calls in flight. One per process is enough; it keeps connections
 * open between calls. Freed with the memory context that created it.
 */
typedef struct LlmHttp LlmHttp;

extern LlmHttp *llm_http_create(void);
extern void llm_http_start(LlmHttp *http, LlmCall *call);
extern int llm_http_in_flight(const LlmHttp *http);

/* What a wait is for, as pg_stat_activity shows it (PostgreSQL 17 and later). */
typedef enum LlmWait
{
	LLM_WAIT_ANSWER, /* IntelHttp: providers have been asked */
	LLM_WAIT_PLACE,	 /* IntelPlace: others have to end a call first */
	LLM_WAIT_RETRY,	 /* IntelRetry: it is too early for the next try */
	LLM_WAIT_WORK	 /* IntelWorkerMain: a worker without jobs */
} LlmWait;

/*
 * Wait until a call has finished, the process latch is set, or timeout_ms has
 * passed (-1: no limit), and drive transfers meanwhile. Resets the latch when
 * it was set; does not look at interrupts: the caller does, with
 * CHECK_FOR_INTERRUPTS, after every return. Dies with the postmaster.
 */
extern void llm_http_wait(LlmHttp *http, long timeout_ms, LlmWait what);

/* The next finished call, or NULL. */
extern LlmCall *llm_http_next(LlmHttp *http);

/*
 * Streams. A request with "stream": true gives a streamed call. Where its
 * sender has set wants_parts, llm_http_wait returns whenever text has arrived
 * for it, until llm_http_next_part has handed it over; take_part gives the
 * text that has come since it was last asked, in the current context, or
 * NULL. It can still be asked when the call has finished, and gives the whole
 * answer of a builtin model. In a database that is not UTF-8 take_part needs
 * a transaction. The result of the call is that of a call in one piece. A
 * call can fail after parts of it were taken; run again, it begins anew.
 */
extern LlmCall *llm_http_next_part(LlmHttp *http);
extern char *llm_call_take_part(LlmCall *call);
/* The same in UTF-8, whether or not the server has those characters. */
extern char *llm_call_take_utf8(LlmCall *call);
/* Such text as the server has it; NULL where its encoding lacks characters. */
extern char *llm_part_to_server(const char *utf8);

/*
 * An answer with characters that the encoding of the database lacks is none, so
 * that another model, or what the request gives, can stand for it: such a call
 * has failed after this, as it has when take_part meets one. Needs a
 * transaction.
 */
extern void llm_call_check_encoding(LlmCall *call);

#endif /* INTEL_LLM_LLM_H */
