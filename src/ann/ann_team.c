/*-------------------------------------------------------------------------
 *
 * ann_team.c
 *		The processes that build an index together; see ann_team.h.
 *
 * As in the server's own nbtsort.c, workers are those of a ParallelContext,
 * so locks, snapshots, identity, errors and cancelling are the server's. A
 * barrier separates steps: it is crossed at the beginning and at the end of
 * each, so an odd phase means that there are tasks to take. A worker that
 * comes late joins the step at hand.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "access/genam.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/barrier.h"
#include "storage/condition_variable.h"
#include "storage/fd.h"
#include "storage/sharedfileset.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "ann/ann_team.h"
#include "base/compat.h"

#define KEY_SHARED UINT64CONST(0xA701)
#define KEY_SCAN UINT64CONST(0xA702)
#define KEY_SORT UINT64CONST(0xA703)
#define KEY_QUERY UINT64CONST(0xA704)
#define KEY_WAL UINT64CONST(0xA705)
#define KEY_BUFFERS UINT64CONST(0xA706)

#define MEMORY_FILE "intel"

/* Steps of callers are not negative. */
#define STEP_LAST (-1)

struct AnnTeamShared
{
	Oid heap;
	Oid index;
	bool concurrent;
	AnnTeamPlan plan;
	Size memory;
	SharedFileSet files;

	/* written by the leader while the phase of the barrier is even */
	Barrier barrier;
	int step;
	int tasks;
	pg_atomic_uint32 next; /* task to take */

	ConditionVariable changed; /* of what follows */
	slock_t mutex;
	int reports;
	AnnTeamRows rows; /* guarded by mutex, as reports */
};

/* ---- memory ---- */

typedef struct Mapping
{
	void *at;
	Size size;
} Mapping;

static void
unmap(dsm_segment *seg, Datum arg)
{
	Mapping *mapping = (Mapping *) DatumGetPointer(arg);

	(void) seg;
	if (mapping->at != NULL)
		munmap(mapping->at, mapping->size);
	pfree(mapping);
}

/* Map a file as long as seg is attached, and close it. */
static char *
map_file(File file, Size size, dsm_segment *seg)
{
	Mapping *mapping =
		MemoryContextAllocZero(TopMemoryContext, sizeof(Mapping));
	void *at;

	on_dsm_detach(seg, unmap, PointerGetDatum(mapping));
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  FileGetRawDesc(file), 0);
	if (at == MAP_FAILED)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY),
				errmsg("could not map temporary file: %m"));
	mapping->at = at;
	mapping->size = size;
	FileClose(file);
	return at;
}

/* Space is taken at once, lest a full disk end a process by a signal. */
static char *
create_memory(AnnTeamShared *shared, dsm_segment *seg)
{
	File file;
	int failed;

	SharedFileSetInit(&shared->files, seg);
	file = FileSetCreate(&shared->files.fs, MEMORY_FILE);
	do
	{
		CHECK_FOR_INTERRUPTS();
		failed =
			posix_fallocate(FileGetRawDesc(file), 0, (off_t) shared->memory);
	} while (failed == EINTR);
	errno = failed;
	if (failed != 0)
		ereport(ERROR, errcode_for_file_access(),
				errmsg("could not reserve %zu bytes for a temporary file: %m",
					   shared->memory));
	return map_file(file, shared->memory, seg);
}

static File
open_memory(AnnTeamShared *shared)
{
	File file = FileSetOpen(&shared->files.fs, MEMORY_FILE, O_RDWR);

	if (file <= 0)
		ereport(ERROR, errcode_for_file_access(),
				errmsg("could not open temporary file of a build: %m"));
	return file;
}

static char *
attach_memory(AnnTeamShared *shared, dsm_segment *seg)
{
	SharedFileSetAttach(&shared->files, seg);
	return map_file(open_memory(shared), shared->memory, seg);
}

/* ---- beginning and end ---- */

static AnnTeam *
alone(AnnTeam *team, Size memory)
{
	team->plan.members = 1;
	team->shared = palloc0(sizeof(AnnTeamShared));
	team->memory = MemoryContextAllocExtended(
		CurrentMemoryContext, memory, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return team;
}

static void
estimate(ParallelContext *context, Size size)
{
	shm_toc_estimate_chunk(&context->estimator, size);
	shm_toc_estimate_keys(&context->estimator, 1);
}

static void *
store(ParallelContext *context, uint64 key, Size size)
{
	void *at = shm_toc_allocate(context->toc, size);

	memset(at, 0, size);
	shm_toc_insert(context->toc, key, at);
	return at;
}

/* Fill in what workers find in shared memory. */
static void
fill_shared(AnnTeam *team, Size memory)
{
	ParallelContext *context = team->context;
	AnnTeamShared *shared;
	const char *query = debug_query_string ? debug_query_string : "";

	shared = store(context, KEY_SHARED, sizeof(AnnTeamShared));
	shared->heap = RelationGetRelid(team->heap);
	shared->index = RelationGetRelid(team->index);
	shared->concurrent = team->index_info->ii_Concurrent;
	shared->plan = team->plan;
	shared->memory = memory;
	BarrierInit(&shared->barrier, 0);
	pg_atomic_init_u32(&shared->next, 0);
	ConditionVariableInit(&shared->changed);
	SpinLockInit(&shared->mutex);
	team->shared = shared;
	team->memory = create_memory(shared, context->seg);

	team->scan =
		store(context, KEY_SCAN,
			  table_parallelscan_estimate(team->heap, team->snapshot));
	table_parallelscan_initialize(team->heap, team->scan, team->snapshot);
	team->sort = store(context, KEY_SORT,
					   tuplesort_estimate_shared(team->plan.members));
	tuplesort_initialize_shared(team->sort, team->plan.members, context->seg);
	strcpy(store(context, KEY_QUERY, strlen(query) + 1), query);
	store(context, KEY_WAL, mul_size(sizeof(WalUsage), context->nworkers));
	store(context, KEY_BUFFERS,
		  mul_size(sizeof(BufferUsage), context->nworkers));
}

AnnTeam *
ann_team_begin(Relation heap, Relation index, IndexInfo *index_info,
			   const AnnTeamPlan *plan, Size memory)
{
	AnnTeam *team = palloc0(sizeof(AnnTeam));
	ParallelContext *context;

	team->heap = heap;
	team->index = index;
	team->index_info = index_info;
	team->plan = *plan;
	if (plan->members == 1)
		return alone(team, memory);

	EnterParallelMode();
	context = CreateParallelContext("intel", "intel__ann_build_worker",
									plan->members - 1);
	team->context = context;
	team->snapshot = index_info->ii_Concurrent
						 ? RegisterSnapshot(GetTransactionSnapshot())
						 : SnapshotAny;
	estimate(context, sizeof(AnnTeamShared));
	estimate(context, table_parallelscan_estimate(heap, team->snapshot));
	estimate(context, tuplesort_estimate_shared(plan->members));
	estimate(context,
			 (debug_query_string ? strlen(debug_query_string) : 0) + 1);
	estimate(context, mul_size(sizeof(WalUsage), context->nworkers));
	estimate(context, mul_size(sizeof(BufferUsage), context->nworkers));
	InitializeParallelDSM(context);
	if (context->seg == NULL)
	{
		/* no segment is to be had */
		ann_team_end(team);
		return alone(team, memory);
	}
	fill_shared(team, memory);
	BarrierAttach(&team->shared->barrier);
	LaunchParallelWorkers(context);
	return team;
}

void
ann_team_end(AnnTeam *team)
{
	ParallelContext *context = team->context;

	if (context == NULL)
		return;
	if (context->seg != NULL)
	{
		WalUsage *wal = shm_toc_lookup(context->toc, KEY_WAL, false);
		BufferUsage *buffers =
			shm_toc_lookup(context->toc, KEY_BUFFERS, false);

		WaitForParallelWorkersToFinish(context);
		for (int i = 0; i < context->nworkers_launched; i++)
			InstrAccumParallelQuery(&buffers[i], &wal[i]);
	}
	if (IsMVCCSnapshot(team->snapshot))
		UnregisterSnapshot(team->snapshot);
	DestroyParallelContext(context);
	ExitParallelMode();
	team->context = NULL;
	team->sort = NULL;
	team->scan = NULL;
}

/* ---- steps ---- */

static void
take_tasks(AnnTeam *team, AnnTeamTask perform, void *arg)
{
	AnnTeamShared *shared = team->shared;
	uint32 task;

	while ((task = pg_atomic_fetch_add_u32(&shared->next, 1)) <
		   (uint32) shared->tasks)
	{
		perform(arg, shared->step, (int) task);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
cross(AnnTeam *team)
{
	if (team->sort != NULL)
		BarrierArriveAndWait(&team->shared->barrier, PG_WAIT_EXTENSION);
}

void
ann_team_run(AnnTeam *team, int step, int tasks, AnnTeamTask perform,
			 void *arg)
{
	team->shared->step = step;
	team->shared->tasks = tasks;
	pg_atomic_write_u32(&team->shared->next, 0);
	cross(team);
	take_tasks(team, perform, arg);
	cross(team);
}

double
ann_team_begun(const AnnTeam *team)
{
	double begun = pg_atomic_read_u32(&team->shared->next);

	return team->shared->tasks == 0 ? 1 : Min(begun / team->shared->tasks, 1);
}

void
ann_team_last(AnnTeam *team, Size size)
{
	team->shared->step = STEP_LAST;
	cross(team);
	if (team->sort == NULL)
		team->memory = repalloc_huge(team->memory, size);
	else
	{
		/* nobody looks beyond size any more */
		File file = open_memory(team->shared);

		if (ftruncate(FileGetRawDesc(file), (off_t) size) != 0)
			ereport(ERROR, errcode_for_file_access(),
					errmsg("could not truncate temporary file: %m"));
		FileClose(file);
	}
}

void
ann_team_follow(AnnTeam *team, AnnTeamTask perform, void *arg)
{
	bool inside = BarrierAttach(&team->shared->barrier) % 2 != 0;

	for (;;)
	{
		if (!inside)
			cross(team);
		if (team->shared->step == STEP_LAST)
			break;
		take_tasks(team, perform, arg);
		cross(team);
		inside = false;
	}
}

/* ---- reading the table ---- */

int
ann_team_members(const AnnTeam *team)
{
	return team->context == NULL ? 1 : team->context->nworkers_launched + 1;
}

SortCoordinate
ann_team_coordinate(const AnnTeam *team, bool leader)
{
	SortCoordinate coordinate;

	if (team->sort == NULL)
		return NULL;
	coordinate = palloc0(sizeof(SortCoordinateData));
	coordinate->isWorker = !leader;
	coordinate->nParticipants = leader ? ann_team_members(team) : -1;
	coordinate->sharedsort = team->sort;
	return coordinate;
}

void
ann_team_report(AnnTeam *team, const AnnTeamRows *rows)
{
	AnnTeamShared *shared = team->shared;

	if (team->sort != NULL)
		SpinLockAcquire(&shared->mutex);
	shared->rows.heap_tuples += rows->heap_tuples;
	shared->rows.indexed += rows->indexed;
	shared->rows.broken_hot_chain |= rows->broken_hot_chain;
	shared->reports++;
	if (team->sort != NULL)
	{
		SpinLockRelease(&shared->mutex);
		ConditionVariableSignal(&shared->changed);
	}
}

AnnTeamRows
ann_team_wait(AnnTeam *team)
{
	AnnTeamShared *shared = team->shared;
	bool all = team->sort == NULL;

	/* one that could not be started would be waited for in vain */
	if (!all)
		WaitForParallelWorkersToAttach(team->context);
	while (!all)
	{
		SpinLockAcquire(&shared->mutex);
		all = shared->reports == ann_team_members(team);
		SpinLockRelease(&shared->mutex);
		if (!all)
			ConditionVariableSleep(&shared->changed, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return shared->rows;
}

/* ---- workers ---- */

/* Exported, since the server finds it by its name. */
extern INTEL_EXPORT void intel__ann_build_worker(dsm_segment *seg,
												 shm_toc *toc);

void
intel__ann_build_worker(dsm_segment *seg, shm_toc *toc)
{
	AnnTeamShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	WalUsage *wal = shm_toc_lookup(toc, KEY_WAL, false);
	BufferUsage *buffers = shm_toc_lookup(toc, KEY_BUFFERS, false);
	LOCKMODE heap_lock =
		shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	LOCKMODE index_lock =
		shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;
	AnnTeam team = {.shared = shared, .member = ParallelWorkerNumber + 1};

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, false);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	/* the same locks as the leader's: members of a group do not conflict */
	team.heap = table_open(shared->heap, heap_lock);
	team.index = index_open(shared->index, index_lock);
	team.index_info = BuildIndexInfo(team.index);
	team.index_info->ii_Concurrent = shared->concurrent;
	team.plan = shared->plan;
	team.scan = shm_toc_lookup(toc, KEY_SCAN, false);
	team.sort = shm_toc_lookup(toc, KEY_SORT, false);
	tuplesort_attach_shared(team.sort, seg);
	team.memory = attach_memory(shared, seg);

	InstrStartParallelQuery();
	ann_build_member(&team);
	InstrEndParallelQuery(&buffers[ParallelWorkerNumber],
						  &wal[ParallelWorkerNumber]);
	index_close(team.index, index_lock);
	table_close(team.heap, heap_lock);
}
