/*-------------------------------------------------------------------------
 *
 * worker_main.c
 *		The worker of one database: claim, send, write down.
 *
 * Every transaction is short and none is open while a call is in flight:
 *
 *		claim		marks jobs as running and commits		[claim_jobs]
 *		advance		as the submitter: prepares the next call, or writes the
 *					result; one transaction a job			[take_step]
 *		send		no transaction, no snapshot				[llm_http_*]
 *
 * The worker sleeps on its latch, the sockets of its calls and the nearest of
 * three times: a job falls due, a lease is to be renewed, it has been idle
 * long enough to leave. An idle worker runs no statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/syncrep.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "worker/worker.h"
#include "worker/worker_int.h"

extern INTEL_EXPORT void intel_worker_main(Datum arg);

/*
 * Jobs that are claimed, or whose answers are taken, before the loop goes
 * round: calls leave and answers arrive in between.
 */
#define ROUND_JOBS 32
/* how often old rows of the log are removed, by a worker that is awake */
#define PRUNE_EVERY_MS (600 * 1000)

typedef struct Worker
{
	MemoryContext cxt; /* "intel worker": jobs in flight, the HTTP set */
	LlmHttp *http;
	List *jobs;		 /* Job: everything in flight */
	List *slow;		 /* those that go on when others have, by their lanes */
	TimestampTz due; /* next time the table has something to do */
	TimestampTz purge_at;
	TimestampTz renew_at;
	TimestampTz idle_since;
	bool is_leaving;  /* work was left for another turn */
	bool is_deferred; /* flush_commits waits for the disk, not commits */
	HungStep hung;	  /* job 0: none; ended before anything is claimed */
	uint64 flights;	  /* llm_cache_flights when it was last looked at */
	int woken;		  /* WAKE_ bits taken before the first look */
	bool has_ended;	  /* a job has ended, and its waiters have not been told */
	TimestampTz prune_at; /* when to remove old rows next */
} Worker;

/* ---- transactions -------------------------------------------------------- */

/*
 * Ends the process when the extension is gone: what is in flight has nowhere
 * to go. Every transaction looks, since tables that a DROP EXTENSION has
 * locked are waited for, and are no more after that. One that was created
 * anew has other jobs and functions, and gets a worker of its own.
 */
static void
begin(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	/* whatever the default: every statement must see what others commit */
	XactIsoLevel = XACT_READ_COMMITTED;
	pgstat_report_activity(STATE_RUNNING, activity);
	if (!engine_hold_extension())
	{
		bool is_another = OidIsValid(get_extension_oid("intel", true));

		CommitTransactionCommand();
		/* the wake of its first jobs may be the one that was just taken */
		if (is_another)
			worker_shared_yield();
		else
			(void) worker_shared_leave(true);
		proc_exit(0);
	}
	PushActiveSnapshot(GetTransactionSnapshot());
}

/*
 * Losing this transaction's commit in a crash is harmless, or it is waited
 * for later.
 */
static void
commit_without_waiting(void)
{
	(void) set_config_option("synchronous_commit", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

static void
commit(Worker *worker)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
	/* without this report autovacuum would never come to the queue */
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextSwitchTo(worker->cxt);
}

/* ---- steps that do not heed their time limit ------------------------------ */

/* of this process: the timer of a step, and the job that takes one */
static TimeoutId hung_timeout;
static volatile int64 stepping = 0;

/*
 * SQL can catch the cancel that its time limit sends, again and again. The
 * end of the process is not to be caught. Runs in a signal handler.
 */
static void
step_is_hung(void)
{
	if (stepping == 0)
		return;
	worker_shared_note_hung(stepping);
	ProcDiePending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/*
 * pg_cancel_backend() ends the SQL of a job, and nothing else: an error in
 * between would end the worker, and all calls in flight would be made again.
 * Limits of time come as this signal, too.
 */
static void
cancel_step(SIGNAL_ARGS)
{
	if (engine_is_guarded() || get_timeout_indicator(LOCK_TIMEOUT, false))
		StatementCancelHandler(postgres_signal_arg);
}

/*
 * Limit a job's SQL, and let the process count as alive for as long as that
 * may take: it renews no lease meanwhile.
 */
static void
limit_step(const Job *job)
{
	TimestampTz until = DT_NOEND;

	if (guc_step_timeout > 0)
		until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
											2 * (int64) guc_step_timeout +
												guc_lease_timeout);
	worker_shared_note_alive(until);
	if (guc_step_timeout == 0)
		return;
	stepping = job->id;
	enable_timeout_after(STATEMENT_TIMEOUT, guc_step_timeout);
	enable_timeout_after(hung_timeout, 2 * guc_step_timeout);
}

static void
unlimit_step(void)
{
	stepping = 0;
	disable_timeout(hung_timeout, false);
	disable_timeout(STATEMENT_TIMEOUT, false);
	QueryCancelPending = false; /* it may have fired a moment too late */
	/* leases that ended meanwhile are renewed after what is due before that */
	worker_shared_note_alive(
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), guc_lease_timeout));
}

/* What a step has left that ended the worker before this one. */
static void
end_hung(Worker *worker)
{
	bool ended;

	if (worker->hung.job == 0)
	{
		if (!worker_shared_take_hung(&worker->hung))
			return;
		ereport(
			LOG,
			(errmsg("job " INT64_FORMAT " ended a worker", worker->hung.job),
			 errdetail(
				 "Its SQL went on after twice \"intel.step_timeout\".")));
	}
	begin("intel: job failure");
	ended = engine_end_hung(&worker->hung);
	commit(worker);
	if (ended)
		worker->hung.job = 0;
	worker_shared_job_ended();
}

/* ---- jobs ---------------------------------------------------------------- */

static void
drop_job(Worker *worker, Job *job)
{
	worker->jobs = list_delete_ptr(worker->jobs, job);
	worker->slow = list_delete_ptr(worker->slow, job);
	engine_forget(job);
	/* it may be due again, or its place is for another */
	worker->due = DT_NOBEGIN;
}

static void
tell_waiters(Worker *worker)
{
	if (worker->has_ended)
		worker_shared_job_ended();
	worker->has_ended = false;
}

/*
 * Commits between these two reach the disk, and the standbys that commits
 * wait for, together. A job whose result is lost before is run again, and
 * waiters hear of it only afterwards.
 */
static void
defer_commits(Worker *worker)
{
	worker->is_deferred = true;
	XactLastCommitEnd = InvalidXLogRecPtr;
}

static void
flush_commits(Worker *worker)
{
	worker->is_deferred = false;
	if (!XLogRecPtrIsInvalid(XactLastCommitEnd) &&
		synchronous_commit > SYNCHRONOUS_COMMIT_OFF)
	{
		XLogFlush(XactLastCommitEnd);
		SyncRepWaitForLSN(XactLastCommitEnd, true);
	}
	tell_waiters(worker);
}

static void
end_job(Worker *worker, Job *job)
{
	drop_job(worker, job);
	worker->has_ended = true;
	if (!worker->is_deferred)
		tell_waiters(worker);
}

/*
 * A job's next step in a transaction of its own, from its start or after its
 * call. False when it has ended here.
 */
static bool
take_step(Job *job, Worker *worker)
{
	const LlmCall *call = job->llm_call;
	bool failed = call != NULL && call->outcome != LLM_SUCCEEDED;
	TimestampTz started = GetCurrentTimestamp();
	Oid owner = job->owner;
	int64 lane = job->lane;
	bool goes_on;

	begin(failed ? "intel: job failure" : "intel: job step");
	if (worker->is_deferred)
		commit_without_waiting();
	limit_step(job);
	goes_on = engine_step(job);
	unlimit_step();
	commit(worker);
	/* SQL of one role shall leave nothing behind for the next one's */
	LockReleaseSession(USER_LOCKMETHOD);
	slow_note(owner, lane, started);
	return goes_on;
}

/*
 * Take a job as far as it goes without waiting: until a call is in flight or
 * the job has ended. Builtin models answer on the spot, between two
 * transactions like any other call.
 */
static void
advance_job(Worker *worker, Job *job)
{
	while (take_step(job, worker))
	{
		if (job->is_aside)
			return;
		job->llm_call->tag = job;
		if (job->waits)
			return;
		if (!job->llm_call->is_local)
		{
			llm_http_start(worker->http, job->llm_call);
			return;
		}
		llm_call_run_local(job->llm_call);
	}
	worker->due = Min(worker->due, job->again_at);
	end_job(worker, job);
}

/* Go on with a job, or where its lane is slow, when others have done so. */
static void
go_on_with(Worker *worker, Job *job)
{
	if (!slow_is(job))
		advance_job(worker, job);
	else if (!list_member_ptr(worker->slow, job))
		worker->slow = lappend(worker->slow, job);
}

static void
go_on_with_slow(Worker *worker)
{
	Job *job = slow_next(worker->slow);

	if (job == NULL)
		return;
	worker->slow = list_delete_ptr(worker->slow, job);
	advance_job(worker, job);
	worker->due = DT_NOBEGIN;
	worker->idle_since = GetCurrentTimestamp();
}

/* Go on with jobs whose wait is over. */
static void
resume_waiting(Worker *worker)
{
	TimestampTz now = GetCurrentTimestamp();
	bool has_landed = worker->flights != llm_cache_flights();
	List *jobs = list_copy(worker->jobs);
	ListCell *lc;

	worker->flights = llm_cache_flights();
	foreach (lc, jobs)
	{
		Job *job = lfirst(lc);
		bool stays;

		if (job->is_aside && job->again_at <= now)
		{
			go_on_with(worker, job);
			worker->due = DT_NOBEGIN;
			continue;
		}
		if (!job->waits ||
			(job->again_at > now && !(job->waits_for_answer && has_landed)))
			continue;
		begin("intel: job waits for a limit");
		stays = wait_admit(job);
		commit(worker);
		if (!stays)
		{
			worker->due = Min(worker->due, job->again_at);
			end_job(worker, job);
		}
		else if (!job->waits && job->llm_call->is_local)
		{
			llm_call_run_local(job->llm_call);
			go_on_with(worker, job);
			worker->due = DT_NOBEGIN;
		}
		else if (!job->waits)
			llm_http_start(worker->http, job->llm_call);
	}
	list_free(jobs);
}

/*
 * A job that was cancelled and retried since the leases were renewed can come
 * again: what it was before is not to be written.
 */
static void
drop_doubles(Worker *worker, const List *claimed)
{
	List *jobs = list_copy(worker->jobs);
	ListCell *lc;
	ListCell *other;

	foreach (lc, jobs)
		foreach (other, claimed)
			if (((Job *) lfirst(lc))->id == ((Job *) lfirst(other))->id)
			{
				drop_job(worker, lfirst(lc));
				break;
			}
	list_free(jobs);
}

/* Claim what is due, as far as there is room, and get it going. */
static void
claim_jobs(Worker *worker)
{
	int room = engine_places() - list_length(worker->jobs);
	List *claimed;
	ListCell *lc;
	bool locked;

	/* without room, the end of a call is the next time to look */
	worker->due = DT_NOEND;
	if (worker_shared_asked_to_leave())
		worker->is_leaving = true;
	if (room <= 0 || worker->is_leaving)
		return;

	if (worker->purge_at <= GetCurrentTimestamp())
	{
		begin("intel: remove old jobs");
		worker->purge_at = engine_purge();
		commit(worker);
	}
	/* lest it be taken for one whose process is gone, and run again */
	if (worker->hung.job != 0)
		end_hung(worker);
	begin("intel: claim jobs");
	/*
	 * Without this commit the job is still queued, and at worst sent again,
	 * which a crash at this point means anyway.
	 */
	commit_without_waiting();
	claimed = engine_claim(worker->cxt, Min(room, ROUND_JOBS), false,
						   worker->jobs, &locked);
	worker->due = Min(engine_next_due(), worker->purge_at);
	if (worker->hung.job != 0)
		worker->due =
			Min(worker->due,
				TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOCKED_MS));
	commit(worker);

	/* given up without having been run */
	if (engine_ends_pending())
	{
		worker_shared_job_ended();
		worker->due = DT_NOBEGIN;
	}
	/* somebody holds a lock on what is due: ask again soon */
	else if (locked)
		worker->due =
			Min(worker->due,
				TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOCKED_MS));
	/* due, but not ours to take: nothing else than a lock prevents it */
	else if (claimed == NIL && !engine_release_pending())
		worker->due =
			Max(worker->due,
				TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOCKED_MS));

	drop_doubles(worker, claimed);
	worker->jobs = list_concat(worker->jobs, claimed);
	foreach (lc, claimed)
	{
		CHECK_FOR_INTERRUPTS();
		go_on_with(worker, lfirst(lc));
	}
	/* some have ended already: others may need them, or their places */
	if (engine_ends_pending() || hold_has_refused() ||
		list_length(claimed) == ROUND_JOBS)
		worker->due = DT_NOBEGIN;
	list_free(claimed);
}

/* Keep the leases, and let go of jobs that were cancelled meanwhile. */
static void
renew_leases(Worker *worker)
{
	List *lost;
	ListCell *lc;

	if (worker->jobs == NIL)
		return;
	begin("intel: renew leases");
	lost = engine_renew(worker->cxt, worker->jobs);
	commit(worker);

	foreach (lc, lost)
		drop_job(worker, lfirst(lc));
	list_free(lost);
	worker->renew_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												   guc_lease_timeout / 3);
}

/*
 * Write down what llm keeps in shared memory for this database, and remove
 * what is older than it is to be kept.
 */
static void
flush_calls(Worker *worker)
{
	TimestampTz now = GetCurrentTimestamp();

	if (llm_spend_waiting(false))
	{
		begin("intel: write down budgets");
		llm_spend_flush(false);
		commit(worker);
	}
	if (llm_log_waiting())
	{
		begin("intel: log calls");
		llm_log_flush();
		commit(worker);
	}
	if (worker->prune_at <= now)
	{
		worker->prune_at = TimestampTzPlusMilliseconds(now, PRUNE_EVERY_MS);
		begin("intel: remove old calls");
		if (engine_prune())
			worker->prune_at = now;
		commit(worker);
	}
}

/* Write the parts of answers whose time has come. */
static void
write_parts(Worker *worker)
{
	TimestampTz now = GetCurrentTimestamp();
	List *due = NIL;
	LlmCall *call;
	ListCell *lc;

	while ((call = llm_http_next_part(worker->http)) != NULL)
		stream_note(call->tag);
	foreach (lc, worker->jobs)
		if (((Job *) lfirst(lc))->part_due <= now)
			due = lappend(due, lfirst(lc));
	foreach (lc, due)
	{
		Job *job = lfirst(lc);
		bool written;

		begin("intel: part of an answer");
		written = engine_write_part(job);
		commit(worker);
		if (!written)
			end_job(worker, job);
	}
	list_free(due);
}

/* ---- the loop ------------------------------------------------------------ */

/* Leave when it is gone, although there may be nothing else to do. */
static void
look_for_extension(Worker *worker)
{
	begin("intel: look for the extension");
	commit(worker);
}

/* Milliseconds until the nearest thing to do by the clock; -1: never. */
static long
sleep_ms(const Worker *worker)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz until = DT_NOEND;
	ListCell *lc;

	if (list_length(worker->jobs) < engine_places())
		until = worker->due;
	if (worker->jobs != NIL)
	{
		until =
			Min(until, Min(worker->renew_at, stream_next_due(worker->jobs)));
		foreach (lc, worker->jobs)
		{
			const Job *job = lfirst(lc);

			if (job->waits || job->is_aside)
				until = Min(until, job->again_at);
		}
	}
	else
		until = Min(until, TimestampTzPlusMilliseconds(
							   worker->idle_since, guc_worker_idle_timeout));
	if (until == DT_NOEND)
		return -1;
	return TimestampDifferenceMilliseconds(now, until) + 1;
}

/* Has this worker no reason to stay? Leaves its slot when so. */
static bool
may_leave(Worker *worker)
{
	TimestampTz now = GetCurrentTimestamp();

	if (worker->jobs != NIL || worker->due <= now)
		return false;
	if (worker->is_leaving)
	{
		worker_shared_yield();
		return true;
	}
	if (!worker_shared_asked_to_leave() &&
		now < TimestampTzPlusMilliseconds(worker->idle_since,
										  guc_worker_idle_timeout))
		return false;
	while (llm_spend_waiting(true))
	{
		begin("intel: write down budgets");
		llm_spend_flush(true);
		commit(worker);
	}
	return worker_shared_leave(false);
}

static void
run(Worker *worker)
{
	worker->due = DT_NOBEGIN; /* look at the table first of all */
	worker->purge_at = DT_NOBEGIN;
	worker->renew_at = DT_NOEND;
	worker->idle_since = GetCurrentTimestamp();

	for (;;)
	{
		LlmCall *call;
		int woken;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}

		woken = worker->woken | worker_shared_take_wake();
		worker->woken = 0;
		if (woken)
		{
			look_for_extension(worker);
			flush_calls(worker);
		}
		if (woken & WAKE_CANCELLED)
			engine_look_at_all_waiting();
		if (woken & WAKE_PURGE)
			worker->purge_at = DT_NOBEGIN;
		if (woken & WAKE_CATALOG)
			hold_look();
		if (woken & WAKE_PLACE)
			hold_look_for_place();
		if (worker->jobs != NIL && ((woken & WAKE_CANCELLED) ||
									worker->renew_at <= GetCurrentTimestamp()))
			renew_leases(worker);
		if ((woken & ~WAKE_FLUSH) || worker->due <= GetCurrentTimestamp())
		{
			bool was_idle = worker->jobs == NIL;

			claim_jobs(worker);
			if (was_idle && worker->jobs != NIL)
				worker->renew_at = TimestampTzPlusMilliseconds(
					GetCurrentTimestamp(), guc_lease_timeout / 3);
			worker->idle_since = GetCurrentTimestamp();
		}

		resume_waiting(worker);
		write_parts(worker);
		defer_commits(worker);
		for (int i = 0;
			 i < ROUND_JOBS && (call = llm_http_next(worker->http)) != NULL;
			 i++)
		{
			go_on_with(worker, call->tag);
			/* a place is free: what waits in the table may be due */
			worker->due = DT_NOBEGIN;
			worker->idle_since = GetCurrentTimestamp();
		}
		go_on_with_slow(worker);
		flush_commits(worker);
		if (worker->slow != NIL || worker->due <= GetCurrentTimestamp())
		{
			llm_http_wait(worker->http, 0, LLM_WAIT_ANSWER);
			continue;
		}

		worker_shared_report(worker->jobs == NIL, worker->due);
		if (may_leave(worker))
			return;
		llm_http_wait(worker->http, sleep_ms(worker),
					  worker->jobs == NIL ? LLM_WAIT_WORK : LLM_WAIT_ANSWER);
	}
}

/* What the server or the database says of these is for sessions of users. */
static void
set_own_settings(void)
{
	static const char *const settings[][2] = {
		{"application_name", "intel worker"},
		{"search_path", "pg_catalog, pg_temp"},
		{"role", "none"},
		{"default_transaction_read_only", "off"},
		{"lock_timeout", "0"},
		/* it would end the worker; intel.step_timeout ends what takes long */
		{"transaction_timeout", "0"},
	};

	/* older servers do not have them all */
	for (int i = 0; i < (int) lengthof(settings); i++)
		if (GetConfigOption(settings[i][0], true, false) != NULL)
			(void) set_config_option(settings[i][0], settings[i][1],
									 PGC_USERSET, PGC_S_SESSION,
									 GUC_ACTION_SET, true, 0, false);
}

void
intel_worker_main(Datum arg)
{
	Worker worker = {0};
	Oid database;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, cancel_step);
	BackgroundWorkerUnblockSignals();

	database = worker_shared_attach(DatumGetInt32(arg));
	if (!OidIsValid(database))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	set_own_settings();

	worker.cxt = AllocSetContextCreate(TopMemoryContext, "intel worker",
									   ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(worker.cxt);
	/* a wake from now on is for an extension that the look may not see */
	worker.woken = worker_shared_take_wake();
	look_for_extension(&worker);
	worker.http = llm_http_create();
	llm_spend_set_writer();
	hung_timeout = RegisterTimeout(USER_TIMEOUT, step_is_hung);
	end_hung(&worker);
	run(&worker);
	proc_exit(0);
}
