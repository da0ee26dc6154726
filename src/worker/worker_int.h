/*-------------------------------------------------------------------------
 *
 * worker_int.h
 *		Inside of the worker module: shared slots and the job engine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_WORKER_WORKER_INT_H
#define INTEL_WORKER_WORKER_INT_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "base/query.h"
#include "llm/llm.h"

/* ---- worker_shared.c ---------------------------------------------------
 *
 * One slot for each database that may have work. A slot without a process is
 * only a note for the launcher: start a worker when wake is set or due has
 * come. All of it is guarded by shmem_lock(); latches are set after the lock
 * is released.
 */
#define WORKER_MAX_DATABASES 1024

/* Ask for the shared memory. Only while preloading. */
extern void worker_shared_register(void);

/* This process is the launcher, until it exits. */
extern void worker_shared_attach_launcher(void);

/* Is there a launcher, so that queued jobs will be run? */
extern bool worker_shared_running(void);

/*
 * Find a database whose worker is wanted now and for which max_running leaves
 * room, and mark it as starting; false when there is none. *next is the
 * earliest time at which asking again can give another answer (DT_NOEND: only
 * after a wake). Where all places are taken, an idle worker is told to leave,
 * or a busy one whose turn is over.
 */
extern bool worker_shared_next_start(int max_running, int *slot, Oid *database,
									 TimestampTz *next);
/* The worker did not come up: try again after a pause. */
extern void worker_shared_start_failed(int slot);
/* The database is gone or takes no connections: free the slot. */
extern void worker_shared_forget(int slot);
/* True while a worker that was started has not attached yet. */
extern bool worker_shared_is_starting(int slot);

/*
 * The life of a worker in its slot. attach gives the database, or InvalidOid
 * when the slot does not expect a worker. Should the process exit without
 * worker_shared_leave, the next start is delayed, longer every time.
 */
extern Oid worker_shared_attach(int slot);
/* Is this process a worker? One of pg_cron, say, that is in run_jobs is none. */
extern bool worker_shared_is_worker(void);
/* Note whether calls are in flight, and when there is next something to do. */
extern void worker_shared_report(bool idle, TimestampTz due);
/* What the wakes since the last call were for: a set of WAKE_ bits. */
extern int worker_shared_take_wake(void);
/* Has the launcher asked for this place? */
extern bool worker_shared_asked_to_leave(void);
/*
 * Leave the slot; false when a wake came in the meantime. forget drops the
 * database from the table, since it has no use for a worker, and never fails:
 * after a wake the slot stays for another worker.
 */
extern bool worker_shared_leave(bool forget);
/*
 * A worker in the middle of a job's SQL cannot renew the leases of its other
 * jobs: note says, in the worker, until when it counts as alive without that;
 * alive_pid gives the pid of the worker of this database for which that time
 * has not come, other than this process; 0: none.
 */
extern void worker_shared_note_alive(TimestampTz until);
extern int worker_shared_alive_pid(TimestampTz now);
/*
 * A step of a job has not heeded its time limit, so this process is about to
 * exit; what it was doing is left for the next worker of the database, which
 * is started at once. note is fit for a signal handler; take is false when
 * there is nothing.
 */
typedef struct HungStep
{
	int64 job;
	int pid; /* of the lease, as is start */
	TimestampTz start;
} HungStep;
extern void worker_shared_note_hung(int64 job);
extern bool worker_shared_take_hung(HungStep *hung);
/* Leave the slot to others although there is work; another turn comes. */
extern void worker_shared_yield(void);

/*
 * Wake the worker of a database, because jobs were queued or cancelled.
 * Raises nothing, so it is fit for the end of a commit.
 */
/* What holds a job from a dump or a copy, in job_queue.held_by. */
#define HELD_RESTORED "restored"

#define WAKE_QUEUED 1
#define WAKE_CANCELLED 2
#define WAKE_FLUSH 4   /* llm has something to write down */
#define WAKE_CATALOG 8 /* what refuses calls has changed */
#define WAKE_PURGE 16  /* an enrichment has ended: its rows can go */
#define WAKE_PLACE 32  /* a place is free that a job was refused */
extern void worker_shared_wake(Oid database, int reasons);

/* Tell waiters that a job has ended. */
extern void worker_shared_job_ended(void);
/*
 * Wait for that: prepare, look at the table, wait, look again, ..., cancel.
 * wait returns after an end, or after timeout_ms; it is interruptible.
 * Without preload it just sleeps, for at most 100 ms.
 */
extern void worker_shared_prepare_wait(void);
extern void worker_shared_wait(long timeout_ms);
extern void worker_shared_cancel_wait(void);

/* ---- worker_engine.c ---------------------------------------------------
 *
 * The state machine of jobs, for the background worker and for run_jobs.
 */
typedef struct EmbedBatch EmbedBatch;

typedef struct Job
{
	MemoryContext cxt; /* owns all of it, and the call */
	int64 id;
	char *task;
	char *call;	   /* task of one call: complete, chat or embed; else NULL */
	Oid step;	   /* task of several calls: the step function; else 0 */
	char *request; /* jsonb as text */
	char *state;   /* of the step function between two calls, or NULL */
	char *reply;   /* that the next step has still to take, or NULL */
	int64 lane;	   /* whose turn it was; see worker_claim.c */
	Oid owner;
	char *claims;
	char *tenant;
	char *feature;	   /* or NULL */
	char *traceparent; /* or NULL */
	int attempts;	   /* this one included */
	int max_attempts;
	EmbedBatch *batch;	  /* of an embedding call with many texts, or NULL */
	int calls;			  /* that have succeeded */
	LlmRefusal refusal;	  /* why no call could be prepared; sqlstate 0: none */
	TimestampTz again_at; /* when its wait is over; DT_NOEND: it has none */
	bool waits;			  /* with its call prepared, until again_at */
	bool is_aside; /* until again_at: others have what it needs locked */
	int n_asides;  /* how often, since it last went on */
	bool waits_for_answer; /* that another call will bring, or again_at */
	LlmCall *llm_call;	   /* to be sent, or in flight; NULL between calls */
	char *part;			   /* text of a stream to be written, or NULL */
	int n_parts;		   /* written in this attempt */
	TimestampTz part_due;  /* when to write what has arrived, or DT_NOEND */
	TimestampTz part_written; /* when it was last done */
	char *model;			  /* of the last call */
	int64 input_tokens;		  /* of all calls; reported ones only */
	int64 output_tokens;
	int64 latency_ms;
} Job;

/* until jobs are looked at again that others have locked */
#define LOCKED_MS 100
/* how long SQL of a job's may wait for a lock, and all other jobs with it */
#define LOCK_WAIT "10ms"

/*
 * engine_step, engine_renew and the functions of worker_claim.c need an open
 * transaction and leave it open.
 */

/*
 * Take the job one step further as its submitter, after what became of its
 * last call if there was one. When true, it goes on: job->llm_call is prepared
 * and to be sent, at once or when it waits no longer, or the job is set aside
 * and this is to be called again at again_at. When false, the job has been
 * written to the table as succeeded, failed, dead or queued again. An error of
 * the submitter's making ends the job, not the caller's transaction.
 *
 * Never waits for a lock that others hold for longer than some milliseconds,
 * so that nobody's open transaction holds up the jobs of others.
 */
extern bool engine_step(Job *job);

/*
 * Come back later, since others hold a lock on what the job needs; in a while
 * that gets longer each time. What the last call brought is kept.
 */
extern void engine_set_aside(Job *job);

/*
 * Lock the job's own row, without waiting; needs a transaction. False when
 * somebody else has it locked, a cancel that is not committed for instance:
 * then nothing can be written of the job for now.
 */
extern bool engine_lock(const Job *job);

/*
 * The end of a job by an error that another attempt would meet again. Needs a
 * transaction that has the job locked.
 */
extern void engine_fail(Job *job, int sqlstate, const char *message);
/* The same by any error; one that can pass is tried again after a delay. */
extern void engine_fail_with_error(Job *job, const ErrorData *error);
/*
 * After a worker that ended because of a hung step: the job fails, and what
 * else the worker was running is queued again as if it had not been tried.
 * False when somebody has the job locked: then try again.
 */
extern bool engine_end_hung(const HungStep *hung);

/*
 * End the call of a locked job with the last things to fall back on: an answer
 * of the cache that has expired, or the one that the request itself gives.
 * False when there is none.
 */
extern bool engine_take_given_answer(Job *job);

/* Free the job's memory; cancels its call. No transaction needed. */
extern void engine_forget(Job *job);

/*
 * Extend the leases of these jobs. Returns those among them that are no
 * longer ours, because they were cancelled or, after a stall, taken over; the
 * list lives in parent.
 */
extern List *engine_renew(MemoryContext parent, List *jobs);

/*
 * Is intel installed in this database, and the same as at the first call? Then
 * it stays so until the end of the transaction: a DROP EXTENSION that is under
 * way is waited for, a later one waits. Needs a transaction.
 */
extern bool engine_hold_extension(void);

/* True while the engine itself writes: then the guard trigger stands aside. */
extern bool engine_is_writing(void);

/* True while SQL of a submitter runs, whose cancel ends its job only. */
extern bool engine_is_guarded(void);

/* For worker_claim.c: statements, whose text is a constant, and parameters. */
extern QueryResult *engine_query(const char *sql, const QueryArg *args,
								 int nargs);
/* The same for a condition that only a GIN index serves. */
extern QueryResult *engine_query_gin(const char *sql, const QueryArg *args,
									 int nargs);
extern QueryArg engine_arg_time(TimestampTz value);

/* The ids of jobs (Job *) as bigint[]. */
extern QueryArg engine_arg_jobs(const List *jobs);
/* When a lease that is taken now is over. */
extern TimestampTz engine_lease_end(void);
/*
 * The lease condition of invariant I2, for parameters $1, the job, $2 and $3, pid
 * and start time of the process.
 */
#define OWN_LEASE                                                             \
	" WHERE id = $1 AND status = 'running' AND lease_pid = $2"                \
	" AND lease_start = $3"
/* Fill in these three for this process. */
extern void engine_args_own_lease(QueryArg *args, const Job *job);

/* ---- worker_claim.c ------------------------------------------------------
 *
 * Marks up to max jobs as running under this process's lease, after it has
 * put back jobs whose process is gone or whose lease is over, failed those
 * that expired, and opened the gates of those whose time has come. own_only
 * leaves other identities' jobs alone. in_flight, a list of Job, is what the
 * process is already running: no lane gets all of its places. *locked: there
 * are ready jobs, but other sessions have locked them for the moment. The
 * list lives in parent, and every job in a child of parent.
 */
extern List *engine_claim(MemoryContext parent, int max, bool own_only,
						  const List *in_flight, bool *locked);

/* How many jobs a worker has in flight at most, those of all lanes. */
extern int engine_places(void);

/* When the next queued job is due or the next lease is over; DT_NOEND: never. */
extern TimestampTz engine_next_due(void);

/*
 * Delete some jobs past their retention, and rows of enrichments that have
 * ended; returns when to do it again. As a superuser. Neither this nor
 * engine_prune waits for locks of others.
 */
extern TimestampTz engine_purge(void);
/*
 * Delete rows of the log that are older than intel.inference_retention, and
 * answers that are not to be kept: true when there may be more of them.
 */
extern bool engine_prune(void);

/*
 * A job has ended, so the next claim looks at those that need it; raises
 * nothing. Or: others may have ended jobs, so it looks at all that wait.
 */
extern void engine_note_end(int64 id);
extern void engine_look_at_all_waiting(void);
/* Have jobs ended that no claim has looked at? Only after their commit: */
extern bool engine_ends_pending(void);
extern void engine_release_waiting(void);
/* Is a release not at its end yet? Claims go on with it. */
extern bool engine_release_pending(void);

/* ---- worker_copy.c -------------------------------------------------------
 *
 * Where the database is a copy of another one, hold the jobs that came with it,
 * before anything is claimed. False while others have locked some of them:
 * then nothing may be claimed.
 */
extern bool engine_hold_copied(void);

/* ---- worker_turn.c -------------------------------------------------------
 *
 * A lane may hold at most so many times the places that are still free
 * ("dynamic threshold", Choudhury and Hahne 1998). One flooded lane of slow
 * calls so takes intel.worker_concurrency places, and an eighth of that is
 * there for others; two flooded lanes leave less, but always something.
 */
#define TURN_LANE_SHARE 8

/* A lane that has jobs, while places are given out. */
typedef struct Lane
{
	int64 id;
	int weight;
	int in_flight;
	int most;  /* places it may get; INT_MAX: no bound of its own */
	int share; /* places it gets in this pass */
} Lane;

/* Whose turn it is next; zeroed: not chosen yet. */
typedef struct Turn
{
	int64 lane;
	int left;
	bool is_set;
} Turn;

/*
 * The lanes with ready jobs, or with jobs held by something, from the one on
 * whose turn it is; at most max. Needs a transaction.
 */
extern int turn_find_lanes(Turn *turn, const char *held_by, int max,
						   Lane *lanes);
/*
 * Give places, of those that are free, to lanes in turns and note whose turn
 * it is afterwards. Returns how many places are left.
 */
extern int turn_share(Turn *turn, Lane *lanes, int n, int places, int free);

/* ---- worker_slow.c ------------------------------------------------------- */

/* A step of a role's job, of a lane, that began then has ended. */
extern void slow_note(Oid owner, int64 lane, TimestampTz started);
/* Shall others go first, since such steps take long? */
extern bool slow_is(const Job *job);
/* The job whose turn it is among those of slow lanes; NULL: there are none. */
extern Job *slow_next(const List *jobs);

/* ---- worker_hold.c -------------------------------------------------------
 *
 * hold_job and hold_release need a transaction.
 */
/*
 * Queue a running job again, held by what refused its call, and with it ready
 * ones of its submitter that would be refused alike. Sets job->again_at.
 */
extern void hold_job(Job *job, const LlmRefusal *refusal);
/* Make those ready whose time has come. */
extern void hold_release(TimestampTz now);
extern TimestampTz hold_next_due(void); /* DT_NOEND: never */
/* Something has changed that may let jobs through: let some try. */
extern void hold_look(void);
/* A place has become free that a job was refused: let those try. */
extern void hold_look_for_place(void);
/* Settle a call, whose end may let others through. */
extern void hold_call_ends(LlmCall *call);
/*
 * A claim takes one job at most of a lane of which jobs were refused since
 * the last one; hold_has_refused: there are such lanes, so there may be more.
 */
extern void hold_begin_claim(void);
extern bool hold_was_refused(int64 lane);
extern bool hold_has_refused(void);

/* ---- worker_embed.c -------------------------------------------------------
 *
 * embed_begin is false for a request of one text, which is a call like any
 * other. Then embed_next gives requests, NULL at the end, and embed_store
 * takes their answers. embed_take_failure is false when the job has failed
 * with the call. embed_result is the result of all, in the current context.
 */
extern bool embed_begin(Job *job, Jsonb *request);
extern Jsonb *embed_next(Job *job);
extern void embed_store(Job *job, const char *reply);
extern bool embed_take_failure(Job *job, int sqlstate, const char *message);
extern char *embed_result(Job *job);
/* The request that embed_next gave last has not been sent: give it again. */
extern void embed_put_back(Job *job);

/* ---- worker_wait.c -----------------------------------------------------
 *
 * These need a transaction. True: the job stays, to be sent now, or, when it
 * waits, to be admitted again at again_at; one without a call stays as it was,
 * because others have it locked. False: it has been written to the table.
 */
/* Ask the limits for the call that is prepared. */
extern bool wait_admit(Job *job);
/* Wait because of a refusal. */
extern bool wait_for_refusal(Job *job, const LlmRefusal *refusal);
/*
 * Wait because the provider said so to the call; it will be sent again. The
 * job is locked.
 */
extern bool wait_for_provider(Job *job, int64 wait_ms);

/*
 * Write what has arrived of a streamed answer, or try again later when others
 * have the job locked; false: the job has failed.
 */
extern bool engine_write_part(Job *job);

/* ---- worker_stream.c ------------------------------------------------------
 *
 * stream_note: text has arrived. stream_next_due: when some of it is to be
 * written, by engine_write_part. For worker_engine.c: stream_take takes it out
 * of the call, stream_write_as_submitter writes it.
 */
extern void stream_note(Job *job);
extern TimestampTz stream_next_due(const List *jobs);
extern void stream_take(Job *job);
extern bool stream_write_as_submitter(Job *job);
/* What stream_write_as_submitter wrote will be committed. */
extern void stream_is_written(Job *job);

/* ---- worker_launcher.c ------------------------------------------------- */
extern void worker_launcher_register(void);

#endif /* INTEL_WORKER_WORKER_INT_H */
