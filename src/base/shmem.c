/*-------------------------------------------------------------------------
 *
 * shmem.c
 *		Shared memory and the one LWLock of the extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "base/shmem.h"

#define TRANCHE "intel"

typedef struct ShmemArea
{
	const char *name;
	Size size;
	void (*init)(void *);
	void **area;
} ShmemArea;

static ShmemArea areas[SHMEM_MAX_AREAS];
static int nareas = 0;
static LWLock *lock = NULL;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_areas(void)
{
	if (previous_request_hook)
		previous_request_hook();
	for (int i = 0; i < nareas; i++)
		RequestAddinShmemSpace(areas[i].size);
	RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
attach_areas(void)
{
	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (int i = 0; i < nareas; i++)
	{
		bool found;
		void *area = ShmemInitStruct(areas[i].name, areas[i].size, &found);

		if (!found)
		{
			memset(area, 0, areas[i].size);
			if (areas[i].init)
				areas[i].init(area);
		}
		*areas[i].area = area;
	}
	lock = &GetNamedLWLockTranche(TRANCHE)->lock;
	LWLockRelease(AddinShmemInitLock);
}

void
shmem_register(const char *name, Size size, void (*init)(void *), void **area)
{
	Assert(process_shared_preload_libraries_in_progress);
	if (nareas == SHMEM_MAX_AREAS)
		elog(ERROR, "too many shared memory areas");

	if (nareas == 0)
	{
		previous_request_hook = shmem_request_hook;
		shmem_request_hook = request_areas;
		previous_startup_hook = shmem_startup_hook;
		shmem_startup_hook = attach_areas;
	}
	areas[nareas].name = name;
	areas[nareas].size = size;
	areas[nareas].init = init;
	areas[nareas].area = area;
	nareas++;
}

static void
init_condition(void *area)
{
	ConditionVariableInit(area);
}

void
shmem_register_condition(const char *name, ConditionVariable **condition)
{
	shmem_register(name, sizeof(ConditionVariable), init_condition,
				   (void **) condition);
}

LWLock *
shmem_lock(void)
{
	Assert(lock != NULL);
	return lock;
}

bool
shmem_available(void)
{
	return lock != NULL;
}
