/*-------------------------------------------------------------------------
 *
 * worker_launcher.c
 *		Starts a worker in each database that has work.
 *
 * The launcher is connected to no database, so it is in nobody's way; it
 * reads shared catalogs only, to learn which databases exist. At server start
 * it notes every database as to be looked at, since jobs may be left from
 * before; a worker that finds no intel in its database drops the note. From
 * then on commits that queue work wake it. It sleeps without a timeout when
 * no retry and no lease is pending anywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "base/guc.h"
#include "worker/worker_int.h"

extern INTEL_EXPORT void intel_launcher_main(Datum arg);

/* how long a started worker may take until it has attached to its slot */
#define START_TIMEOUT_MS (60 * 1000)

/* Workers on their way, so that a start that fails is noticed. */
typedef struct Starting
{
	int slot;
	BackgroundWorkerHandle *handle;
	TimestampTz deadline;
} Starting;

static List *starting = NIL;

void
worker_launcher_register(void)
{
	BackgroundWorker worker = {0};

	snprintf(worker.bgw_name, BGW_MAXLEN, "intel launcher");
	snprintf(worker.bgw_type, BGW_MAXLEN, "intel launcher");
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "intel");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "intel_launcher_main");
	worker.bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	/* a standby cannot write: its jobs are run after promotion */
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 1;
	RegisterBackgroundWorker(&worker);
}

/*
 * Every database may hold jobs from before, also one that takes no connections
 * yet; templates do not, and nobody shall be in their way.
 */
static void
note_all_databases(void)
{
	Relation rel;
	TableScanDesc scan;
	HeapTuple tuple;
	List *databases = NIL;
	ListCell *lc;
	MemoryContext launcher = CurrentMemoryContext;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		if (database->datistemplate)
			continue;
		old = MemoryContextSwitchTo(launcher);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(launcher);

	foreach (lc, databases)
		worker_shared_wake(lfirst_oid(lc), WAKE_QUEUED);
	list_free(databases);
}

typedef enum DatabaseState
{
	DATABASE_GONE,
	DATABASE_CLOSED, /* takes no connections for now */
	DATABASE_OPEN,
} DatabaseState;

static DatabaseState
database_state(Oid database)
{
	MemoryContext launcher = CurrentMemoryContext;
	HeapTuple tuple;
	DatabaseState state = DATABASE_GONE;

	StartTransactionCommand();
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
	if (HeapTupleIsValid(tuple))
	{
		state = ((Form_pg_database) GETSTRUCT(tuple))->datallowconn
					? DATABASE_OPEN
					: DATABASE_CLOSED;
		ReleaseSysCache(tuple);
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(launcher);
	return state;
}

static void
start_worker(int slot, Oid database)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;
	Starting *entry;

	snprintf(worker.bgw_name, BGW_MAXLEN, "intel worker for database %u",
			 database);
	snprintf(worker.bgw_type, BGW_MAXLEN, "intel worker");
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "intel");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "intel_worker_main");
	worker.bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = Int32GetDatum(slot);
	worker.bgw_notify_pid = MyProcPid;

	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker slot is free for database %u",
						database),
				 errdetail("Its queued jobs wait until one is."),
				 errhint("Raise \"max_worker_processes\", or lower "
						 "\"intel.max_workers\".")));
		worker_shared_start_failed(slot);
		return;
	}
	entry = palloc(sizeof(Starting));
	entry->slot = slot;
	entry->handle = handle;
	entry->deadline =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), START_TIMEOUT_MS);
	starting = lappend(starting, entry);
}

/* Forget the starts that have ended, one way or the other. */
static void
check_starting(void)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell *lc;

	foreach (lc, starting)
	{
		Starting *entry = lfirst(lc);
		pid_t pid;
		bool over = true;

		if (worker_shared_is_starting(entry->slot))
		{
			/* BGWH_STOPPED without having attached: it never will */
			over =
				GetBackgroundWorkerPid(entry->handle, &pid) == BGWH_STOPPED ||
				now > entry->deadline;
			if (over)
				worker_shared_start_failed(entry->slot);
		}
		if (over)
		{
			pfree(entry->handle);
			pfree(entry);
			starting = foreach_delete_current(starting, lc);
		}
	}
}

/* Start what is wanted; returns when to look again at the latest. */
static TimestampTz
start_wanted(void)
{
	TimestampTz next;
	int slot;
	Oid database;

	while (worker_shared_next_start(guc_max_workers, &slot, &database, &next))
	{
		switch (database_state(database))
		{
			case DATABASE_OPEN:
				start_worker(slot, database);
				break;
			case DATABASE_CLOSED:
				/* nobody wakes when it is opened again */
				worker_shared_start_failed(slot);
				break;
			case DATABASE_GONE:
				worker_shared_forget(slot);
				llm_limit_forget(database);
				break;
		}
	}
	if (starting != NIL)
		next = Min(next,
				   TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 1000));
	return next;
}

void
intel_launcher_main(Datum arg pg_attribute_unused())
{
	MemoryContext cxt;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, SIG_IGN); /* it runs nothing that could be cancelled */
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);

	cxt = AllocSetContextCreate(TopMemoryContext, "intel launcher",
								ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(cxt);
	worker_shared_attach_launcher();
	note_all_databases();

	for (;;)
	{
		TimestampTz next;
		long timeout_ms = -1;
		int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		check_starting();
		next = start_wanted();
		if (next != DT_NOEND)
		{
			timeout_ms =
				TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next);
			/* wait past the moment, not short of it */
			timeout_ms = Min(timeout_ms + 1, 24L * 3600 * 1000);
			events |= WL_TIMEOUT;
		}
		(void) WaitLatch(MyLatch, events, timeout_ms, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
