/*-------------------------------------------------------------------------
 *
 * worker_shared.c
 *		What backends, launcher and workers tell each other.
 *
 * A backend that commits work sets the wake flag of its database's slot and
 * then one latch: the worker's when there is one, else the launcher's. Nobody
 * polls. The flag is set and the worker's departure decided under the same
 * lock, so that no wake falls between "nothing to do" and "gone".
 *
 * States of a slot with a database:
 *
 *		resting  -> starting	launcher [worker_shared_next_start]
 *		starting -> running		worker [worker_shared_attach]
 *		starting -> resting		launcher [worker_shared_start_failed]
 *		running  -> resting		worker [worker_shared_leave, or its exit]
 *		resting, running -> free	[worker_shared_forget, worker_shared_leave]
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "worker/worker_int.h"

/* after a start that failed: doubling from the first to the second */
#define START_DELAY_MIN_MS 1000
#define START_DELAY_MAX_MS (5 * 60 * 1000)
/* a busy worker keeps its place that long when other databases want it */
#define TURN_MS 5000

typedef enum SlotState
{
	SLOT_RESTING = 0,
	SLOT_STARTING,
	SLOT_RUNNING,
} SlotState;

typedef struct WorkerSlot
{
	Oid database; /* InvalidOid: the slot is free */
	SlotState state;
	Latch *latch;			  /* of the worker, while running */
	int wake;				  /* WAKE_ bits: why to look at the table */
	bool idle;				  /* the worker has nothing in flight */
	bool asked_to_leave;	  /* the launcher needs the place */
	TimestampTz due;		  /* something is to be done then without a wake */
	TimestampTz wanted_since; /* while wake is set */
	TimestampTz running_since; /* while running */
	int pid;				   /* of the worker, while running */
	TimestampTz alive_until;   /* so much it has said by itself */
	TimestampTz not_before;	   /* no start before, after failures */
	int failures;			   /* starts or exits gone wrong in a row */
	HungStep hung;			   /* that ended the last worker; job 0: none */
} WorkerSlot;

typedef struct WorkerShared
{
	Latch *launcher; /* NULL: none is running */
	ConditionVariable job_ended;
	WorkerSlot slots[WORKER_MAX_DATABASES];
} WorkerShared;

static WorkerShared *shared = NULL;
static int my_slot = -1; /* of this worker process */
static volatile int64 my_hung_job = 0;

static void
init_shared(void *area)
{
	WorkerShared *fresh = area;

	ConditionVariableInit(&fresh->job_ended);
}

void
worker_shared_register(void)
{
	shmem_register("intel workers", sizeof(WorkerShared), init_shared,
				   (void **) &shared);
}

/* ---- slots --------------------------------------------------------------
 * All functions of this part are called with the lock held.
 */

static void
slot_free(WorkerSlot *slot)
{
	memset(slot, 0, sizeof(*slot));
}

static void
slot_want(WorkerSlot *slot, int reasons)
{
	if (!slot->wake)
		slot->wanted_since = GetCurrentTimestamp();
	slot->wake |= reasons;
}

static void
slot_rest_after_failure(WorkerSlot *slot)
{
	int64 delay = (int64) START_DELAY_MIN_MS << Min(slot->failures, 16);

	slot->state = SLOT_RESTING;
	slot->latch = NULL;
	slot->asked_to_leave = false;
	/* what it was started for is still to be done */
	slot_want(slot, WAKE_QUEUED);
	slot->failures++;
	slot->not_before = TimestampTzPlusMilliseconds(
		GetCurrentTimestamp(), Min(delay, START_DELAY_MAX_MS));
}

/*
 * The slot of a database, made when it has none. Where the table is full, a
 * slot that waits for nothing is given up; NULL when there is not even that.
 */
static WorkerSlot *
slot_for(Oid database)
{
	WorkerSlot *found = NULL;

	for (int i = 0; i < WORKER_MAX_DATABASES; i++)
	{
		WorkerSlot *slot = &shared->slots[i];

		if (slot->database == database)
			return slot;
		if (!OidIsValid(slot->database))
		{
			if (found == NULL || OidIsValid(found->database))
				found = slot;
		}
		else if (found == NULL && slot->state == SLOT_RESTING && !slot->wake &&
				 slot->due == DT_NOEND)
			found = slot;
	}
	if (found != NULL)
	{
		slot_free(found);
		found->database = database;
		found->due = DT_NOEND;
	}
	return found;
}

/* ---- waking -------------------------------------------------------------- */

void
worker_shared_wake(Oid database, int reasons)
{
	Latch *latch = NULL;
	WorkerSlot *slot;

	if (shared == NULL)
		return;

	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	slot = slot_for(database);
	if (slot != NULL)
	{
		slot_want(slot, reasons);
		latch = slot->state == SLOT_RUNNING ? slot->latch : shared->launcher;
	}
	LWLockRelease(shmem_lock());

	if (latch != NULL)
		SetLatch(latch);
}

void
worker_shared_job_ended(void)
{
	if (shared != NULL)
		ConditionVariableBroadcast(&shared->job_ended);
}

void
worker_shared_prepare_wait(void)
{
	if (shared != NULL)
		ConditionVariablePrepareToSleep(&shared->job_ended);
}

void
worker_shared_wait(long timeout_ms)
{
	if (shared != NULL)
		(void) ConditionVariableTimedSleep(&shared->job_ended, timeout_ms,
										   PG_WAIT_EXTENSION);
	else
	{
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Min(timeout_ms, 100), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

void
worker_shared_cancel_wait(void)
{
	if (shared != NULL)
		ConditionVariableCancelSleep();
}

/* ---- the launcher's side ------------------------------------------------- */

static void
detach_launcher(int code pg_attribute_unused(),
				Datum arg pg_attribute_unused())
{
	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	shared->launcher = NULL;
	LWLockRelease(shmem_lock());
}

void
worker_shared_attach_launcher(void)
{
	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	shared->launcher = &MyProc->procLatch;
	LWLockRelease(shmem_lock());
	before_shmem_exit(detach_launcher, (Datum) 0);
}

bool
worker_shared_running(void)
{
	bool running;

	if (shared == NULL)
		return false;
	LWLockAcquire(shmem_lock(), LW_SHARED);
	running = shared->launcher != NULL;
	LWLockRelease(shmem_lock());
	return running;
}

/*
 * A worker that is to make room: an idle one, else the one that has had its
 * place longest, when its turn is over. Sets *next to the end of a turn that
 * must be waited for.
 */
static WorkerSlot *
find_leaver(TimestampTz now, TimestampTz *next)
{
	WorkerSlot *leaver = NULL;
	TimestampTz end;

	for (int i = 0; i < WORKER_MAX_DATABASES; i++)
	{
		WorkerSlot *s = &shared->slots[i];

		if (!OidIsValid(s->database) || s->state != SLOT_RUNNING)
			continue;
		/* its departure wakes the launcher */
		if (s->asked_to_leave)
			return NULL;
		if (s->idle)
			return s;
		if (leaver == NULL || s->running_since < leaver->running_since)
			leaver = s;
	}
	if (leaver == NULL)
		return NULL;
	end = TimestampTzPlusMilliseconds(leaver->running_since, TURN_MS);
	if (end <= now)
		return leaver;
	*next = Min(*next, end);
	return NULL;
}

bool
worker_shared_next_start(int max_running, int *slot, Oid *database,
						 TimestampTz *next)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz wanted_since = DT_NOEND;
	Latch *latch = NULL;
	int running = 0;
	int wanted = -1;

	*next = DT_NOEND;
	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	for (int i = 0; i < WORKER_MAX_DATABASES; i++)
	{
		WorkerSlot *s = &shared->slots[i];
		TimestampTz since;
		TimestampTz when;

		if (!OidIsValid(s->database))
			continue;
		if (s->state != SLOT_RESTING)
		{
			running++;
			continue;
		}
		since = s->wake ? s->wanted_since : s->due;
		when = Max(s->wake ? DT_NOBEGIN : s->due, s->not_before);
		if (when > now)
			*next = Min(*next, when);
		/* the one that has waited longest for its turn goes first */
		else if (wanted < 0 || since < wanted_since)
		{
			wanted = i;
			wanted_since = since;
		}
	}

	if (wanted >= 0 && running < max_running)
	{
		shared->slots[wanted].state = SLOT_STARTING;
		*slot = wanted;
		*database = shared->slots[wanted].database;
	}
	else if (wanted >= 0)
	{
		WorkerSlot *leaver = find_leaver(now, next);

		if (leaver != NULL)
		{
			leaver->asked_to_leave = true;
			latch = leaver->latch;
		}
		wanted = -1;
	}
	LWLockRelease(shmem_lock());

	if (latch != NULL)
		SetLatch(latch);
	return wanted >= 0;
}

void
worker_shared_start_failed(int slot)
{
	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	if (shared->slots[slot].state == SLOT_STARTING)
		slot_rest_after_failure(&shared->slots[slot]);
	LWLockRelease(shmem_lock());
}

void
worker_shared_forget(int slot)
{
	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	slot_free(&shared->slots[slot]);
	LWLockRelease(shmem_lock());
}

bool
worker_shared_is_starting(int slot)
{
	bool starting;

	LWLockAcquire(shmem_lock(), LW_SHARED);
	starting = shared->slots[slot].state == SLOT_STARTING;
	LWLockRelease(shmem_lock());
	return starting;
}

/* ---- the worker's side --------------------------------------------------- */

/* At exit. A worker that left properly has no slot any more. */
static void
detach_worker(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	Latch *launcher = NULL;

	if (my_slot < 0)
		return;
	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	slot_rest_after_failure(&shared->slots[my_slot]);
	if (my_hung_job != 0)
	{
		/* one job's doing, which the others do not wait for */
		shared->slots[my_slot].hung =
			(HungStep){my_hung_job, MyProcPid, MyStartTimestamp};
		shared->slots[my_slot].failures = 0;
		shared->slots[my_slot].not_before = DT_NOBEGIN;
	}
	launcher = shared->launcher;
	LWLockRelease(shmem_lock());
	my_slot = -1;
	if (launcher != NULL)
		SetLatch(launcher);
}

Oid
worker_shared_attach(int slot)
{
	WorkerSlot *s = &shared->slots[slot];
	Oid database = InvalidOid;

	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	if (s->state == SLOT_STARTING)
	{
		database = s->database;
		s->state = SLOT_RUNNING;
		s->latch = &MyProc->procLatch;
		s->pid = MyProcPid;
		s->alive_until = DT_NOBEGIN;
		s->idle = false;
		s->asked_to_leave = false;
		s->running_since = GetCurrentTimestamp();
		my_slot = slot;
	}
	LWLockRelease(shmem_lock());

	if (OidIsValid(database))
		before_shmem_exit(detach_worker, (Datum) 0);
	return database;
}

bool
worker_shared_is_worker(void)
{
	return my_slot >= 0;
}

void
worker_shared_report(bool idle, TimestampTz due)
{
	WorkerSlot *s = &shared->slots[my_slot];

	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	s->idle = idle;
	s->due = due;
	s->failures = 0;
	LWLockRelease(shmem_lock());
}

int
worker_shared_take_wake(void)
{
	WorkerSlot *s = &shared->slots[my_slot];
	int wake;

	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	wake = s->wake;
	s->wake = 0;
	LWLockRelease(shmem_lock());
	return wake;
}

void
worker_shared_note_alive(TimestampTz until)
{
	WorkerSlot *s = &shared->slots[my_slot];

	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	s->alive_until = until;
	LWLockRelease(shmem_lock());
}

int
worker_shared_alive_pid(TimestampTz now)
{
	int pid = 0;

	if (shared == NULL)
		return 0;
	LWLockAcquire(shmem_lock(), LW_SHARED);
	for (int i = 0; i < WORKER_MAX_DATABASES; i++)
	{
		const WorkerSlot *s = &shared->slots[i];

		if (s->database != MyDatabaseId || s->state != SLOT_RUNNING)
			continue;
		if (s->pid != MyProcPid && s->alive_until > now)
			pid = s->pid;
		break;
	}
	LWLockRelease(shmem_lock());
	return pid;
}

void
worker_shared_note_hung(int64 job)
{
	my_hung_job = job;
}

bool
worker_shared_take_hung(HungStep *hung)
{
	WorkerSlot *s = &shared->slots[my_slot];

	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	*hung = s->hung;
	s->hung.job = 0;
	LWLockRelease(shmem_lock());
	return hung->job != 0;
}

bool
worker_shared_asked_to_leave(void)
{
	bool asked;

	LWLockAcquire(shmem_lock(), LW_SHARED);
	asked = shared->slots[my_slot].asked_to_leave;
	LWLockRelease(shmem_lock());
	return asked;
}

/* Give up this process's slot, with the lock held; the launcher's latch. */
static Latch *
leave_slot(WorkerSlot *s)
{
	s->state = SLOT_RESTING;
	s->latch = NULL;
	s->asked_to_leave = false;
	s->failures = 0;
	s->not_before = DT_NOBEGIN;
	my_slot = -1;
	return shared->launcher;
}

bool
worker_shared_leave(bool forget)
{
	WorkerSlot *s = &shared->slots[my_slot];
	Latch *launcher = NULL;
	bool left = false;

	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	if (forget || !s->wake)
	{
		/* what came since the look is for another worker */
		if (forget && !s->wake)
			slot_free(s);
		launcher = leave_slot(s);
		left = true;
	}
	LWLockRelease(shmem_lock());

	/* it keeps the time of the next due job, and may want the place */
	if (launcher != NULL)
		SetLatch(launcher);
	return left;
}

void
worker_shared_yield(void)
{
	WorkerSlot *s = &shared->slots[my_slot];
	Latch *launcher;

	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	/* behind all that want a place now */
	s->wake |= WAKE_QUEUED;
	s->wanted_since = GetCurrentTimestamp();
	launcher = leave_slot(s);
	LWLockRelease(shmem_lock());
	if (launcher != NULL)
		SetLatch(launcher);
}
