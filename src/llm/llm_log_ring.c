/*-------------------------------------------------------------------------
 *
 * llm_log_ring.c
 *		Rows of inference that must not vanish with a transaction.
 *
 * They go into a ring in shared memory, from where the worker of the database
 * writes them. What there is no room for stays with its process, which puts it
 * there at the end of its next transaction, or at its own end. Without preload
 * there is no ring, and only what commits is kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "llm/llm_limit.h"
#include "llm/llm_log.h"

INTEL_FUNCTION(inference_lost);

#define RING_ENTRIES 1024
/* an entry that no worker has taken for so long can make room */
#define OLD_MS 60000
/* most rows of a process that wait for room */
#define MAX_WAITING 20000
/* how often the worker tries to write a row */
#define TRIES 3
/* how long a process that ends waits for room */
#define EXIT_WAIT_MS 1000
#define EXIT_POLL_MS 2

typedef struct LogShared
{
	int next; /* where the next entry goes, if that is free */
	uint64 lost;
	LogEntry ring[RING_ENTRIES]; /* database InvalidOid: taken out */
} LogShared;

typedef struct LogRow
{
	slist_node node;
	SubTransactionId subid;
	LogEntry entry;
} LogRow;

static LogShared *shared = NULL;

/* Rows of the open transaction, and rows that wait for room in the ring. */
static slist_head pending = SLIST_STATIC_INIT(pending);
static slist_head waiting = SLIST_STATIC_INIT(waiting);
static int nwaiting = 0;
static MemoryContext rows_cxt = NULL;

void
llm_log_register(void)
{
	shmem_register("intel attempts", sizeof(LogShared), NULL,
				   (void **) &shared);
}

/* ---- the ring ------------------------------------------------------------ */

static void
count_lost(uint64 n)
{
	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	shared->lost += n;
	LWLockRelease(shmem_lock());
}

/*
 * A place for an entry, with the lock held: a free one, or where there is none
 * one of long ago, whose database has no worker; NULL: the ring is full.
 */
static LogEntry *
ring_place(int64 now)
{
	LogEntry *old = NULL;

	for (int i = 0; i < RING_ENTRIES; i++)
	{
		LogEntry *place = &shared->ring[shared->next];

		shared->next = (shared->next + 1) % RING_ENTRIES;
		if (!OidIsValid(place->database))
			return place;
		if (old == NULL && now - place->left_at > OLD_MS)
			old = place;
	}
	if (old != NULL)
		shared->lost++;
	return old;
}

static bool
ring_push(const LogEntry *entry)
{
	int64 now = llm_limit_now();
	LogEntry *place;

	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	place = ring_place(now);
	if (place != NULL)
	{
		*place = *entry;
		place->left_at = now;
	}
	LWLockRelease(shmem_lock());
	return place != NULL;
}

/* Take the next entry of this database out of the ring. */
static bool
ring_pop(LogEntry *entry)
{
	bool found = false;

	LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
	for (int i = 0; i < RING_ENTRIES && !found; i++)
	{
		LogEntry *place = &shared->ring[(shared->next + i) % RING_ENTRIES];

		if (place->database != MyDatabaseId)
			continue;
		*entry = *place;
		place->database = InvalidOid;
		found = true;
	}
	LWLockRelease(shmem_lock());
	return found;
}

/* ---- rows that wait for room ----------------------------------------------- */

/* Give the memory of rows back; a statement can have many. */
static void
free_rows(void)
{
	if (slist_is_empty(&pending) && slist_is_empty(&waiting) &&
		rows_cxt != NULL)
		MemoryContextReset(rows_cxt);
}

/* Let a row wait, which is in no list. */
static void
add_waiting(LogRow *row)
{
	if (nwaiting == MAX_WAITING)
	{
		pfree(row);
		count_lost(1);
		return;
	}
	slist_push_head(&waiting, &row->node);
	nwaiting++;
}

/* Put what there is room for into the ring. Raises nothing. */
static void
push_waiting(void)
{
	bool pushed = false;

	while (!slist_is_empty(&waiting))
	{
		LogRow *row = slist_head_element(LogRow, node, &waiting);

		if (!ring_push(&row->entry))
			break;
		(void) slist_pop_head_node(&waiting);
		nwaiting--;
		pfree(row);
		pushed = true;
	}
	if (pushed)
		(void) llm_wake_worker(LLM_WAKE_FLUSH);
}

/*
 * At the end of this process, which can be that of its transaction, too. The
 * worker writes thousands of rows in a second; where there is none, what is
 * left is lost.
 */
static void
push_at_exit(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	uint64 lost = 0;

	push_waiting();
	for (int ms = 0; !slist_is_empty(&waiting) && ms < EXIT_WAIT_MS &&
					 llm_wake_worker(LLM_WAKE_FLUSH);
		 ms += EXIT_POLL_MS)
	{
		pg_usleep(EXIT_POLL_MS * 1000L);
		push_waiting();
	}
	for (; !slist_is_empty(&waiting); lost++)
		(void) slist_pop_head_node(&waiting);
	if (lost > 0)
		count_lost(lost);
}

/* A row, not in a list yet; NULL when there is no memory. */
static LogRow *
make_row(const LogEntry *entry)
{
	LogRow *row;

	if (rows_cxt == NULL)
	{
		rows_cxt = AllocSetContextCreate(TopMemoryContext, "intel llm log",
										 ALLOCSET_SMALL_SIZES);
		on_shmem_exit(push_at_exit, (Datum) 0);
	}
	row = MemoryContextAllocExtended(rows_cxt, sizeof(LogRow),
									 MCXT_ALLOC_NO_OOM);
	if (row == NULL)
		count_lost(1);
	else
		row->entry = *entry;
	return row;
}

void
llm_log_leave(const LogEntry *entry)
{
	LogRow *row;

	if (shared == NULL)
		return;
	/* a standby writes no rows, and its primary cannot know of them */
	if (RecoveryInProgress())
	{
		count_lost(1);
		return;
	}
	row = make_row(entry);
	if (row == NULL)
		return;
	add_waiting(row);
	push_waiting();
	free_rows();
}

/* ---- rows that their transaction takes along ----------------------------- */

/* What was undone waits for room in the ring. */
static void
save_rows(SubTransactionId subid)
{
	slist_mutable_iter iter;

	slist_foreach_modify(iter, &pending)
	{
		LogRow *row = slist_container(LogRow, node, iter.cur);

		if (subid != InvalidSubTransactionId && row->subid != subid)
			continue;
		slist_delete_current(&iter);
		if (++row->entry.tries >= TRIES)
		{
			pfree(row);
			count_lost(1);
		}
		else
			add_waiting(row);
	}
}

static void
forget_rows(void)
{
	while (!slist_is_empty(&pending))
		pfree(slist_container(LogRow, node, slist_pop_head_node(&pending)));
}

static void
on_transaction_end(XactEvent event, void *arg pg_attribute_unused())
{
	/* ROLLBACK PREPARED may come from any backend, which has not these rows */
	if (event == XACT_EVENT_PRE_PREPARE && !slist_is_empty(&pending))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has called "
							   "models"),
						errhint("Call them in a transaction of their own, "
								"before this one.")));
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
		save_rows(InvalidSubTransactionId);
	else if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PARALLEL_COMMIT)
		forget_rows();
	else
		return;
	push_waiting();
	free_rows();
}

static void
on_subtransaction_end(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg pg_attribute_unused())
{
	slist_iter iter;

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		save_rows(subid);
		push_waiting();
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		slist_foreach(iter, &pending)
		{
			LogRow *row = slist_container(LogRow, node, iter.cur);

			if (row->subid == subid)
				row->subid = parent;
		}
}

static void
follow_transactions(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(on_transaction_end, NULL);
	RegisterSubXactCallback(on_subtransaction_end, NULL);
	registered = true;
}

void
llm_log_keep(const LogEntry *entry)
{
	LogRow *row;

	if (shared == NULL)
		return;
	follow_transactions();
	row = make_row(entry);
	if (row == NULL)
		return;
	row->subid = GetCurrentSubTransactionId();
	slist_push_head(&pending, &row->node);
}

/* ---- the worker --------------------------------------------------------------- */

bool
llm_log_take(LogEntry *entry)
{
	return shared != NULL && ring_pop(entry);
}

bool
llm_log_waiting(void)
{
	bool found = false;

	if (shared == NULL)
		return false;
	LWLockAcquire(shmem_lock(), LW_SHARED);
	for (int i = 0; i < RING_ENTRIES && !found; i++)
		found = shared->ring[i].database == MyDatabaseId;
	LWLockRelease(shmem_lock());
	return found;
}

/* intel.inference_lost(): rows that could not be kept */
Datum
intel_inference_lost(PG_FUNCTION_ARGS pg_attribute_unused())
{
	uint64 lost = 0;

	(void) fcinfo;
	if (shared != NULL)
	{
		LWLockAcquire(shmem_lock(), LW_SHARED);
		lost = shared->lost;
		LWLockRelease(shmem_lock());
	}
	PG_RETURN_INT64((int64) lost);
}
