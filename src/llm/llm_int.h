/*-------------------------------------------------------------------------
 *
 * llm_int.h
 *		What the files of llm share about a call. Stays in this folder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_INT_H
#define INTEL_LLM_INT_H

#include "access/xact.h"
#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "portability/instr_time.h"
#include "storage/lock.h"
#include "utils/numeric.h"

#include "llm/llm.h"
#include "llm/llm_provider.h"

struct LlmTransfer;
typedef struct LlmRestore LlmRestore;

#define LLM_CACHE_KEY_LEN 32

#define LLM_BUILTIN_DIMENSIONS 384

/*
 * The private half of a call. Only llm_gate.c fills it in, so only what has
 * passed the gate can be sent.
 */
typedef struct LlmCallState
{
	const LlmKind *kind;
	LlmAsk ask;	  /* checked and redacted; owned */
	LlmWire wire; /* owned */

	char *url;
	char *key_header;	  /* wiped with the call; NULL: no key */
	char *ca_certificate; /* PEM, or NULL */
	bool allow_private;
	char *redaction_policy;
	struct LlmRestore *restore; /* see llm_restore.c; NULL: nothing to do */

	char *rejected;		   /* content that did not fit the schema, or NULL */
	bool is_repaired;	   /* llm_call_repair has been here */
	LlmUsage usage_before; /* of the try before the repair */
	LlmUsage usage_of_try; /* of this one alone */

	/* for whom and for what; see llm_log.c */
	int64 job;		   /* 0: none */
	char *feature;	   /* or NULL */
	char *traceparent; /* or NULL */
	int64 prompt_id;   /* of intel.prompt; 0: no prompt was named */
	char *prompt_name;
	int prompt_version;
	Oid owner;
	char *subject; /* or NULL */
	char *tenant;  /* or NULL */
	bool is_logged;

	/* of 1,000,000 tokens; NULL: not known */
	Numeric input_price;
	Numeric cached_price;
	Numeric output_price;

	/* limits; see llm_limit.c */
	int rpm; /* of the model; 0: no limit */
	int tpm;
	int max_concurrency; /* of the provider */
	struct MeterHold *holds;
	int nholds; /* 0: not let through, or settled */
	bool is_probe;
	bool was_sent;
	bool is_hurried; /* the request gave it less time than its provider has */
	struct Meter *waits_for; /* a place under it; see llm_place.c */
	bool is_holder;			 /* has holds, or waits for a place */
	bool is_patient;		 /* one of many of a statement */
	dlist_node holder;
	LlmCall *call; /* whose private half this is */

	/* cache; see llm_cache.c */
	int cache_ttl;	 /* seconds; 0: not to be kept */
	bool has_flight; /* this call is made for all that want this answer */
	bool in_flights; /* of a job: in the list of this process */
	dlist_node flight;
	TimestampTz
		give_up_at; /* when to wait for another no longer; 0: not yet */
	uint8 cache_key[LLM_CACHE_KEY_LEN];
	LOCKTAG cache_lock;	 /* what stands for the key in the lock table */
	char *cached_result; /* NULL: the call is to be made */

	instr_time started;
	TimestampTz started_at;		  /* 0: not yet */
	struct LlmTransfer *transfer; /* of llm_http.c while in flight */
	LlmStream *stream;			  /* owned; of a streamed call, or NULL */
	bool local_taken;			  /* the answer of a builtin model */
	MemoryContextCallback release;

	/* of a session: where it was made, and what a rollback has taken; see
	 * llm_call.c */
	SubTransactionId subid;
	bool is_of_session;
	bool is_released;
	dlist_node of_session;
} LlmCallState;

/*
 * Longest subject and tenant that shared memory has room for, with the NUL;
 * longer ones are cut.
 */
#define LLM_IDENTITY_MAX 256

/* Is what chat falls back on a message, or an answer for one? */
extern bool llm_fallback_is_message(LlmTask task, const json_t *fallback,
									const json_t *schema);

/*
 * llm_call_prepare for the model *model instead of the request's; NULL: the
 * request's own. Sets *model to the name that it is. With *refusal, which
 * begins zeroed, when its provider is switched off, and for a given *model
 * when it cannot do what the request asks; the request's own then raises.
 * Returns NULL with a refusal, or a call that cannot be sent, for
 * llm_cache_stale alone. Where a provider that is off has a fresh answer in
 * the cache, that is a call like any other, and no refusal.
 */
extern LlmCall *llm_call_prepare_for(LlmTask task, Jsonb *request,
									 char **model, LlmRefusal *refusal);

/* The task that SQL calls by this name; raises for another one. */
extern LlmTask llm_task_of_name(const char *name);

/* Wake the worker of this database; false when there can be none. */
extern bool llm_wake_worker(LlmWake why);

/* Note that a call begins. */
extern void llm_call_begin(LlmCall *call);

/* An empty call in a child of the current context. */
extern LlmCall *llm_call_create(LlmTask task);

/* Finish a call: with a reply of its provider, or with a failure. */
extern void llm_call_take_reply(LlmCall *call, const LlmReply *reply);
extern void llm_call_fail(LlmCall *call, LlmFault fault, LlmOutcome outcome,
						  const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Run a call in this backend: start it, and wait for its end, interruptibly.
 * Others can be started meanwhile. next_part gives the text of a streamed call
 * as it arrives, in the current context; NULL when the call has finished.
 */
extern void llm_call_start(LlmCall *call);
extern void llm_call_finish(LlmCall *call);
extern char *llm_call_next_part(LlmCall *call);

/*
 * Let calls that were started go on for so long, interruptibly; the same, but no
 * longer than until something has happened (-1: for as long as that takes); and
 * how many of this session have not finished.
 */
extern void llm_call_pause(int64 ms);
extern void llm_calls_wait(long timeout_ms, LlmWait what);
extern int llm_calls_in_flight(void);

/*
 * llm_serve in two steps: begin prepares the first model's call, end gives what
 * llm_serve gives. With refusal, end fills that in and returns NULL where nobody
 * answers, instead of raising. A patient request waits for rates that limits and
 * providers allow, up to five minutes for each model, or one where it can fall
 * back. It and all that it makes live in the context that is current in begin;
 * request is the caller's until the end.
 */
typedef struct LlmServing LlmServing;

extern LlmServing *llm_serving_begin(LlmTask task, Jsonb *request,
									 bool is_patient);
extern char *llm_serving_end(LlmServing *serving, const char **model,
							 LlmRefusal *refusal);

/*
 * n requests of one statement, of which many are on their way at once: begin
 * is called for each in their order, and then end, in the same order, to end
 * what begin has returned (NULL: nothing). Between the two it is sent, unless
 * it would have to wait for something that others of this session may hold;
 * it is then sent by its end, when those have ended.
 */
typedef LlmServing *(*LlmEachBegin)(int i, void *arg);
typedef void (*LlmEachEnd)(int i, LlmServing *serving, void *arg);

extern void llm_serve_each(int n, LlmEachBegin begin, LlmEachEnd end,
						   void *arg);

/*
 * A stream with all that llm_serve does for a call. begin raises when nobody
 * answers; what it makes lives in the current context. next gives the next
 * piece, in the current context, or NULL at the end, when result gives the
 * whole result as JSON text, or raises why it broke off.
 */
typedef struct LlmServed LlmServed;

extern LlmServed *llm_served_begin(LlmTask task, Jsonb *request);
extern char *llm_served_next(LlmServed *served);
extern char *llm_served_result(LlmServed *served);

/* The text of a result of complete or chat, in the current context, or NULL. */
extern char *llm_result_text(const char *result);

/*
 * Forget a transfer, closing its connection; safe in a memory context
 * callback. For llm_call.c only.
 */
extern void llm_http_drop(struct LlmTransfer *transfer);

/* The embedding of text in server encoding by the builtin model. */
extern void llm_builtin_vector(const char *text, size_t len, float *out);
#endif /* INTEL_LLM_INT_H */
