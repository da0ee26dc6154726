/*-------------------------------------------------------------------------
 *
 * fail_malloc.c
 *		A module for tests, which is preloaded into the server (LD_PRELOAD) and
 *		makes one allocation of a session fail.
 *
 * malloc_fail_after(n): the n-th allocation from now on fails, and n is
 * forgotten. malloc_count(): allocations since it was called last.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static int64 left;
static int64 count;

static bool
fails(void)
{
	count++;
	if (left == 0 || --left > 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

PG_FUNCTION_INFO_V1(malloc_fail_after);
PG_FUNCTION_INFO_V1(malloc_count);

Datum
malloc_fail_after(PG_FUNCTION_ARGS)
{
	left = PG_GETARG_INT64(0);
	PG_RETURN_VOID();
}

Datum
malloc_count(PG_FUNCTION_ARGS)
{
	int64 was = count;

	(void) fcinfo;
	count = 0;
	PG_RETURN_INT64(was);
}
