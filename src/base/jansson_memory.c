/*-------------------------------------------------------------------------
 *
 * jansson_memory.c
 *		Has jansson run out of memory? Pure.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "base/jansson.h"
#include "base/jansson_memory.h"

static unsigned long failures = 0;
static unsigned long refuse_in = 0;

static void *
counting_malloc(size_t size)
{
	void *memory = NULL;

	if (refuse_in == 0 || --refuse_in > 0)
		memory = malloc(size);
	if (memory == NULL)
		failures++;
	return memory;
}

void
jansson_memory_watch(void)
{
	json_set_alloc_funcs(counting_malloc, free);
}

unsigned long
jansson_memory_failures(void)
{
	return failures;
}

void
jansson_memory_refuse(unsigned long n)
{
	refuse_in = n;
}
