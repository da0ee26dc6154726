/*-------------------------------------------------------------------------
 *
 * llm_place.c
 *		Sessions that wait until another call has ended.
 *
 * A provider or a limit may have as many calls in flight as it can take. Who
 * waits for an answer waits for a place, too, for as long as the call may take.
 * Where both want them, places go in turns to sessions and to jobs, or other
 * calls of which there are many: a backlog does not keep sessions out, nor
 * sessions the jobs, since a place is kept for one that was refused until it is
 * to come again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/condition_variable.h"

#include "base/shmem.h"
#include "llm/llm_limit.h"

/* longest sleep: limits can be raised, and calls be given up, meanwhile */
#define SLEEP_MS 1000
/* how long a place is kept for a job that was refused; it comes once a second */
#define KEPT_MS 1500

static ConditionVariable *freed = NULL;

void
llm_place_register(void)
{
	shmem_register_condition("intel places", &freed);
}

void
llm_place_leave(LlmCallState *state)
{
	if (state->waits_for != NULL)
		state->waits_for->waiting--;
	state->waits_for = NULL;
}

void
llm_place_join(LlmCallState *state, Meter *meter)
{
	if (state->waits_for == meter)
		return;
	llm_place_leave(state);
	meter->waiting++;
	state->waits_for = meter;
	llm_limit_hold(state);
}

/* Is it one of many, for which nobody sits and waits? */
static bool
is_batch(const LlmCallState *state)
{
	return state->job != 0 || state->is_patient;
}

bool
llm_place_is_free(const Meter *meter, int concurrency,
				  const LlmCallState *state, int64 now)
{
	bool waits = state->waits_for == meter;
	int others = meter->waiting - (waits ? 1 : 0);
	bool is_others;

	if (is_batch(state))
		is_others = others > 0 && !meter->session_had_last;
	else if (waits || others == 0)
		is_others = meter->session_had_last && now < meter->kept_until;
	else
		is_others = true;
	return meter->in_flight + (is_others ? 1 : 0) < concurrency;
}

void
llm_place_refused(Meter *meter, const LlmCallState *state, int64 now)
{
	if (is_batch(state))
		meter->kept_until = now + KEPT_MS;
}

void
llm_place_taken(Meter *meter, const LlmCallState *state)
{
	meter->session_had_last = !is_batch(state);
}

void
llm_place_wake(bool sessions, bool jobs)
{
	if (sessions)
		ConditionVariableBroadcast(freed);
	if (jobs)
		(void) llm_wake_worker(LLM_WAKE_PLACE);
}

void
llm_place_watch(void)
{
	ConditionVariablePrepareToSleep(freed);
}

void
llm_place_sleep(void)
{
	llm_calls_wait(SLEEP_MS, LLM_WAIT_PLACE);
}

void
llm_place_unwatch(void)
{
	ConditionVariableCancelSleep();
}
