/*-------------------------------------------------------------------------
 *
 * worker_lease.c
 *		Whose a running job is, and what becomes of one that others have locked.
 *
 * Who holds a lease renews it; what nobody renews is taken back by the claim
 * (worker_claim.c). No statement here waits for a lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/query.h"
#include "worker/worker_int.h"

/* how long a job is left that has met a lock many times; at first LOCKED_MS */
#define ASIDE_MAX_MS 5000

TimestampTz
engine_lease_end(void)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
									   guc_lease_timeout);
}

List *
engine_renew(MemoryContext parent, List *jobs)
{
	MemoryContext old;
	QueryArg args[4];
	QueryResult *kept;
	List *lost = NIL;
	ListCell *lc;

	args[0] = engine_arg_jobs(jobs);
	args[1] = query_arg_int4(MyProcPid);
	args[2] = engine_arg_time(MyStartTimestamp);
	args[3] = engine_arg_time(engine_lease_end());
	/* who has a job locked keeps others from taking it over, too */
	(void) engine_query(
		"UPDATE intel.job_queue SET lease_until = $4"
		" WHERE id = ANY (ARRAY(SELECT q.id FROM intel.job_queue q"
		"	WHERE q.id = ANY ($1) AND q.status = 'running'"
		"	AND q.lease_pid = $2 AND q.lease_start = $3"
		"	FOR NO KEY UPDATE SKIP LOCKED))",
		args, 4);
	kept = engine_query("SELECT id FROM intel.job_queue"
						" WHERE id = ANY ($1) AND status = 'running'"
						" AND lease_pid = $2 AND lease_start = $3",
						args, 3);
	old = MemoryContextSwitchTo(parent);
	foreach (lc, jobs)
	{
		Job *job = lfirst(lc);
		bool found = false;

		for (uint64 i = 0; i < kept->nrows && !found; i++)
			found = query_int8(kept, i, 0, 0) == job->id;
		if (!found)
			lost = lappend(lost, job);
	}
	MemoryContextSwitchTo(old);
	return lost;
}

void
engine_args_own_lease(QueryArg *args, const Job *job)
{
	args[0] = query_arg_int8(job->id);
	args[1] = query_arg_int4(MyProcPid);
	args[2] = engine_arg_time(MyStartTimestamp);
}

bool
engine_lock(const Job *job)
{
	QueryArg args[3];

	engine_args_own_lease(args, job);
	if (engine_query("SELECT FROM intel.job_queue" OWN_LEASE
					 " FOR NO KEY UPDATE SKIP LOCKED",
					 args, 3)
			->nrows > 0)
		return true;
	/* a job that is not ours any more will not be written, which is no wait */
	return engine_query("SELECT FROM intel.job_queue" OWN_LEASE, args, 3)
			   ->nrows == 0;
}

void
engine_set_aside(Job *job)
{
	job->is_aside = true;
	job->again_at = TimestampTzPlusMilliseconds(
		GetCurrentTimestamp(),
		Min(LOCKED_MS << Min(job->n_asides, 16), ASIDE_MAX_MS));
	job->n_asides++;
}
