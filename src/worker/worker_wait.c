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

bool
wait_for_refusal(Job *job, const LlmRefusal *refusal)
{
	bool park = job->llm_call != NULL && job->calls > 0 &&
				refusal->wait_ms <= PARK_MAX_MS;

	job->waits = false;
	if (refusal->wait_ms < 0)
		engine_fail(job, refusal->sqlstate, refusal->message);
	else
	{
		job->again_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													refusal->wait_ms);
		job->waits = park;
		if (park)
			return true;
		hold_job(job, refusal);
	}
	if (job->llm_call != NULL)
		llm_call_free(job->llm_call);
	job->llm_call = NULL;
	return false;
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
			admitted = llm_call_admit(job->llm_call, job->calls > 0, &refusal);
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
	engine_fail(job, error->sqlerrcode, error->message);
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
	if (!wait_for_refusal(job, &refusal))
		return false;
	llm_call_again(call);
	return true;
}
