/*-------------------------------------------------------------------------
 *
 * worker_wait.c
 *		Jobs whose call may not be made yet.
 *
 * A limit, a budget, a breaker, a provider that is off or asks to wait are
 * not the job's fault: it waits and uses up no attempt. Before its first call
 * it goes back to the queue (worker_hold.c). After that it would lose
 * what its calls have given, so it stays with its process, call prepared and
 * lease renewed, unless the wait is long. A job whose answer another call is
 * about to bring stays, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/query.h"
#include "worker/worker_int.h"

/* longest wait of a job that keeps its place */
#define PARK_MAX_MS (10 * 60 * 1000)
/*
 * A job whose call costs more than a whole budget waits for a change of that;
 * should it miss it, it looks again after this.
 */
#define FOR_EVER_MS (10 * 60 * 1000)

/* Keep the call that is prepared, and ask for it again in so many ms. */
static void
park(Job *job, int64 wait_ms)
{
	job->waits = job->llm_call != NULL;
	job->again_at =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait_ms);
}

/* May a job wait with its process, so that what its calls gave is not lost? */
static bool
keeps_place(const Job *job, const LlmRefusal *refusal)
{
	return job->llm_call != NULL && job->calls > 0 && refusal->wait_ms >= 0 &&
		   refusal->wait_ms <= PARK_MAX_MS;
}

/*
 * Back to the queue, or to its end; the job is locked. What time alone does
 * not let through falls back on what there is; where there is nothing, a job
 * that has made no call waits for other limits.
 */
static void
write_refusal(Job *job, const LlmRefusal *refusal)
{
	LlmRefusal for_ever = *refusal;

	job->waits = false;
	for_ever.wait_ms = FOR_EVER_MS;
	if (refusal->wait_ms >= 0)
		hold_job(job, refusal);
	else if (job->llm_call != NULL && engine_take_given_answer(job))
		return;
	else if (job->calls == 0)
		hold_job(job, &for_ever);
	else
		engine_fail(job, refusal->sqlstate, refusal->message);
	if (job->llm_call != NULL)
		llm_call_free(job->llm_call);
	job->llm_call = NULL;
}

bool
wait_for_refusal(Job *job, const LlmRefusal *refusal)
{
	if (keeps_place(job, refusal))
		park(job, refusal->wait_ms);
	else if (!engine_lock(job))
		park(job, Max(refusal->wait_ms, LOCKED_MS));
	else
	{
		write_refusal(job, refusal);
		return false;
	}
	return true;
}

bool
wait_admit(Job *job)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;
	volatile bool boarded = false;
	volatile bool admitted = false;
	LlmRefusal refusal = {0};

	job->waits = job->waits_for_answer = false;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		boarded = llm_cache_board(job->llm_call);
		if (boarded)
			admitted = llm_call_admit(
				job->llm_call, job->calls > 0 ? LLM_COME_BACK : LLM_GO_AWAY,
				&refusal);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;

	if (error == NULL && !boarded)
	{
		job->waits = job->waits_for_answer = true;
		job->again_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													LLM_CACHE_WAIT_MS);
		return true;
	}
	if (error == NULL)
		return admitted || wait_for_refusal(job, &refusal);
	if (!engine_lock(job))
	{
		park(job, LOCKED_MS);
		return true;
	}
	engine_fail_with_error(job, error);
	llm_call_free(job->llm_call);
	job->llm_call = NULL;
	return false;
}

bool
wait_for_provider(Job *job, int64 wait_ms)
{
	LlmCall *call = job->llm_call;
	LlmRefusal refusal = {.sqlstate = call->sqlstate, .wait_ms = wait_ms};

	llm_hold_of_model(call->provider, call->model, refusal.hold);
	strlcpy(refusal.message, call->message, sizeof(refusal.message));
	if (!keeps_place(job, &refusal))
	{
		write_refusal(job, &refusal);
		return false;
	}
	park(job, wait_ms);
	llm_call_again(call);
	return true;
}
