/*-------------------------------------------------------------------------
 *
 * llm_limit_settle.c
 *		What a call that has ended gives back, and what its end says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/ilist.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "base/error.h"
#include "base/guc.h"
#include "llm/llm_limit.h"

#define UNIT_OF_MONEY 1e9
/* more than any budget has; what is spent and reserved fits into an int64 */
#define MONEY_MAX INT64CONST(4000000000000000000)

/* Calls of this process that hold meters, or wait for a place. */
static dlist_head holders = DLIST_STATIC_INIT(holders);

/* ---- money --------------------------------------------------------------- */

static double
price_number(Numeric price)
{
	/* of one token, in units of money */
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(price))) /
		   1e6 * UNIT_OF_MONEY;
}

int64
llm_cost_of(const LlmCallState *state, double input, double cached,
			double output)
{
	double cost = 0;

	if (state->cached_price == NULL)
		cached = 0;
	else
		cost = cached * price_number(state->cached_price);
	if (state->input_price != NULL)
		cost += Max(input - cached, 0) * price_number(state->input_price);
	if (state->output_price != NULL)
		cost += output * price_number(state->output_price);
	/* the last digits of a double do not make a unit */
	return (int64) ceil(Min(cost - 1e-3, (double) MONEY_MAX));
}

bool
llm_has_output(const LlmCall *call)
{
	return call->task == LLM_TASK_COMPLETE || call->task == LLM_TASK_CHAT;
}

/* ---- holding ------------------------------------------------------------- */

/* At exit: what this process holds is nobody's any more. */
static void
release_all(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	while (!dlist_is_empty(&holders))
		llm_call_settle(
			dlist_head_element(LlmCallState, holder, &holders)->call);
}

void
llm_limit_hold(LlmCallState *state)
{
	static bool registered = false;

	if (!registered)
	{
		before_shmem_exit(release_all, (Datum) 0);
		registered = true;
	}
	if (!state->is_holder)
		dlist_push_tail(&holders, &state->holder);
	state->is_holder = true;
}

/* ---- what a call has cost, and what its end says of its model ------------- */

/* What a call has cost, in units of money, of which most was reserved. */
static int64
settled_cost(const LlmCall *call, int64 reserved)
{
	const LlmCallState *state = call->state;
	const LlmUsage *usage = &state->usage_of_try;

	if (usage->input >= 0 && (usage->output >= 0 || !llm_has_output(call)))
		return llm_cost_of(state, usage->input, Max(usage->cached, 0),
						   Max(usage->output, 0));
	/* an answer that refuses the work is not charged for */
	if (!state->was_sent || call->http_status >= 400)
		return 0;
	return reserved;
}

static void
open_breaker(Meter *meter, BreakerState state, int64 now, int64 open_ms)
{
	meter->state = state;
	meter->open_ms = Min(open_ms, LLM_OPEN_MAX_MS);
	meter->open_until = now + meter->open_ms;
}

/*
 * Did it end for want of time that its request did not give it? That says
 * nothing about the model, and whoever asks shall not switch it off for all.
 */
static bool
ended_in_haste(const LlmCall *call)
{
	int given = call->is_streamed
					? Min(call->timeout_ms, call->idle_timeout_ms)
					: call->timeout_ms;

	return call->state->is_hurried &&
		   call->sqlstate == ERRCODE_INTEL_TIMEOUT &&
		   call->http_status < 400 && call->latency_ms + 1 >= given;
}

static void
settle_breaker(Meter *meter, const LlmCall *call, int64 now)
{
	bool was_probe = call->state->is_probe;

	if (was_probe)
		meter->is_probing = false;
	if (call->outcome == LLM_PENDING || ended_in_haste(call))
		return;
	if (call->sqlstate == ERRCODE_INTEL_RATE_LIMITED)
	{
		int64 wait = call->retry_after_ms;

		/* it did not say how long: longer each time */
		if (wait < 0)
			wait = meter->state == BREAKER_LIMITED ? meter->open_ms * 2 : 1000;
		if (meter->state == BREAKER_CLOSED || was_probe ||
			now + wait > meter->open_until)
			open_breaker(meter, BREAKER_LIMITED, now, wait);
	}
	else if (call->outcome == LLM_RETRYABLE &&
			 (call->sqlstate == ERRCODE_INTEL_TIMEOUT ||
			  call->sqlstate == ERRCODE_SYSTEM_ERROR))
	{
		meter->failures++;
		if (guc_breaker_failures > 0 &&
			(was_probe || (meter->state == BREAKER_CLOSED &&
						   meter->failures >= guc_breaker_failures)))
			open_breaker(meter, BREAKER_OPEN, now,
						 was_probe && meter->open_ms > 0
							 ? meter->open_ms * 2
							 : guc_breaker_open_time);
	}
	else if (was_probe || meter->state == BREAKER_CLOSED)
	{
		/* it answers, whatever it says */
		meter->state = BREAKER_CLOSED;
		meter->failures = 0;
		meter->open_ms = 0;
	}
}

/* True when it has cost more than the table has been told. */
static bool
settle_meter(const MeterHold *hold, const LlmCall *call, int64 now)
{
	Meter *meter = hold->meter;
	const LlmUsage *usage = &call->state->usage_of_try;

	meter->in_flight--;
	meter->used_at = now;
	if (call->outcome != LLM_PENDING)
		meter->latency_ms = 0.8 * meter->latency_ms + 0.2 * call->latency_ms;
	if (usage->input >= 0)
		meter->tokens += hold->tokens - usage->input - Max(usage->output, 0);
	else if (call->http_status >= 400 || !call->state->was_sent)
		meter->tokens += hold->tokens;
	meter->reserved -= hold->money;
	/* a provider may report what it likes */
	if (hold->money > 0)
		meter->spent =
			Min(meter->spent + settled_cost(call, hold->money), MONEY_MAX);
	if (meter->kind == METER_MODEL)
		settle_breaker(meter, call, now);
	if (meter->spent + meter->reserved <= meter->recorded)
		return false;
	meter->wanted = Max(meter->wanted, meter->spent + meter->reserved);
	return hold->money > 0;
}

void
llm_call_settle(LlmCall *call)
{
	LlmCallState *state = call->state;
	const Meter *waited_for = state->waits_for;
	bool is_awaited;
	bool is_kept = false;
	bool is_over = false;
	int64 now;

	if (!state->is_holder)
		return;
	llm_limit_lock();
	now = llm_limit_now();
	llm_place_leave(state);
	is_awaited = waited_for != NULL && waited_for->waiting > 0;
	for (int i = 0; i < state->nholds; i++)
	{
		is_over = settle_meter(&state->holds[i], call, now) || is_over;
		is_awaited = is_awaited || state->holds[i].meter->waiting > 0;
		is_kept = is_kept || now < state->holds[i].meter->kept_until;
	}
	llm_limit_unlock();
	state->nholds = 0;
	state->is_probe = state->is_holder = false;
	dlist_delete(&state->holder);
	llm_place_wake(is_awaited, is_kept && state->job == 0);
	if (is_over)
		(void) llm_wake_worker(LLM_WAKE_FLUSH);
}
