/*-------------------------------------------------------------------------
 *
 * llm_limit.h
 *		Limits, budgets and circuit breakers in shared memory.
 *
 * Everything is counted in meters: one for each model, and one for each limit
 * or budget and each thing that it counts apart. A call that is let through
 * holds its meters until it is settled, which cannot be forgotten: the memory
 * of the call and the end of the process do it at last.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_LIMIT_H
#define INTEL_LLM_LIMIT_H

#include "datatype/timestamp.h"

#include "llm/llm_catalog.h"
#include "llm/llm_int.h"

/* What meters are for. */
typedef enum MeterKind
{
	METER_MODEL,	/* circuit breaker, rpm and tpm of a model */
	METER_PROVIDER, /* max_concurrency of a provider */
	METER_RATE,		/* a row of rate_limit */
	METER_BUDGET	/* a row of budget */
} MeterKind;

#define METER_SCOPE_MAX 192
/* no period of a budget: before all days */
#define METER_NO_PERIOD PG_INT32_MIN

typedef enum BreakerState
{
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_LIMITED /* the provider asked to wait; then like open */
} BreakerState;

/* All of it guarded by the lock of llm_limit.c; times are monotonic, ms. */
typedef struct Meter
{
	Oid database; /* InvalidOid: free */
	uint32 lane;  /* hash of whoever it was made for */
	MeterKind kind;
	int32 limit;				 /* id of the row, of rates and budgets */
	char scope[METER_SCOPE_MAX]; /* what is counted apart; names for a model */
	int64 used_at;
	int64 idle_ms; /* all is as new this long after used_at */
	int in_flight;
	int waiting;		   /* sessions that wait for a place */
	bool session_had_last; /* not a job had the last place */
	int64 kept_until;	   /* a job was refused a place, and comes again */

	/* token buckets; as much as a period has when full */
	bool limits_requests;
	bool limits_tokens;
	double requests;
	double tokens;
	int64 filled_at;
	double latency_ms;	/* moving average */
	double next_ticket; /* when the next waiting job shall come */

	/* breaker, of a model */
	BreakerState state;
	bool is_probing; /* one call in flight tries whether it works again */
	int failures;	 /* in a row */
	int64 open_until;
	int64 open_ms; /* how long it was last opened */

	/* money, of a budget; in 1e-9 of the currency */
	int32 period; /* days since 2000-01-01 of its first day */
	int64 spent;
	int64 reserved; /* of calls in flight */
	int64 recorded; /* what intel.spend has for spent + reserved, at least */
	int64 wanted;	/* what it shall have; written by the worker */
	int writes;		/* of its total, in a transaction that has not ended */
	int64 amount;	/* of the budget, when it was last asked */
} Meter;

/* The part of a reservation that is with one meter. */
typedef struct MeterHold
{
	Meter *meter;
	double tokens;
	int64 money;
} MeterHold;

/* llm_limit.c: the table of meters */
extern void llm_limit_register(void);
extern void llm_spend_register(void);
extern void llm_limit_lock(void);
extern void llm_limit_unlock(void);
extern bool llm_limit_is_shared(void);
/* Is the breaker of a model open, and for how long yet? */
extern bool llm_model_is_open(const char *provider, const char *model,
							  int64 *wait_ms);
extern int64 llm_limit_now(void); /* ms of the monotonic clock */
extern Meter *llm_limit_meters(int *n);

/* llm_limit_settle.c: what a call that has ended gives back */

/* longest time that a breaker stays open before the next probe */
#define LLM_OPEN_MAX_MS (5 * 60 * 1000)

extern bool llm_has_output(const LlmCall *call);
/* What so many tokens cost, in 1e-9 of the currency, rounded up. */
extern int64 llm_cost_of(const LlmCallState *state, double input,
						 double cached, double output);
/* What a call holds is given back at the latest when this process ends. */
extern void llm_limit_hold(LlmCallState *state);

/* llm_place.c: sessions that wait for the end of another call */
extern void llm_place_register(void);
/*
 * Wait for a place under a meter, or no longer; with the lock held. Both may be
 * called again.
 */
extern void llm_place_join(LlmCallState *state, Meter *meter);
extern void llm_place_leave(LlmCallState *state);
/*
 * May a call have a place under a meter of so many? It has none, and if it is
 * one of many, comes again; or it has one. With the lock held.
 */
extern bool llm_place_is_free(const Meter *meter, int concurrency,
							  const LlmCallState *state, int64 now);
extern void llm_place_refused(Meter *meter, const LlmCallState *state,
							  int64 now);
extern void llm_place_taken(Meter *meter, const LlmCallState *state);
/* Wake those who wait: there may be a place. Raises nothing. */
extern void llm_place_wake(bool sessions, bool jobs);
/*
 * From watch on, a wake ends the next sleep. Sleep drives the calls of this
 * session meanwhile, is interruptible, and returns after a second in any case.
 */
extern void llm_place_watch(void);
extern void llm_place_sleep(void);
extern void llm_place_unwatch(void);

/* llm_spend.c: what budgets have spent survives the server */

/* The day (since 2000-01-01, UTC) at which the present period began. */
extern int32 llm_spend_period(bool monthly, int64 *left_ms);
/* What the table has, in 1e-9 of the currency. Needs a transaction. */
extern int64 llm_spend_load(int32 limit, const char *scope, int32 period);
/*
 * Return when the table has at least what the budgets of a call hold; else
 * release the call and raise 53000. Needs a transaction; in the worker, the
 * table has it when that commits.
 */
extern void llm_spend_record(LlmCall *call);

#endif /* INTEL_LLM_LIMIT_H */
