/*-------------------------------------------------------------------------
 *
 * jansson_memory.c
 *		Has jansson run out of memory, and how much may a document take? Pure.
 *
 *-------------------------------------------------------------------------
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/jansson.h"
#include "base/jansson_memory.h"

static unsigned long failures = 0;
static unsigned long refuse_in = 0;

/* of the document that is read now, with what each piece costs malloc */
#define PIECE_BYTES 8
static size_t budget = 0; /* 0: no limit */
static size_t used = 0;
static bool is_over = false;

static void *
counting_malloc(size_t size)
{
	void *memory = NULL;

	/* what does not fit a budget is no want of memory */
	if (budget > 0 && (is_over || size > budget - used))
	{
		is_over = true;
		return NULL;
	}
	if (refuse_in == 0 || --refuse_in > 0)
		memory = malloc(size);
	if (memory == NULL)
		failures++;
	else if (budget > 0)
		used += malloc_usable_size(memory) + PIECE_BYTES;
	if (used > budget)
		used = budget;
	return memory;
}

static void
counting_free(void *memory)
{
	if (budget > 0 && memory != NULL)
	{
		size_t size = malloc_usable_size(memory) + PIECE_BYTES;

		used -= size < used ? size : used;
	}
	free(memory);
}

void
jansson_memory_watch(void)
{
	json_set_alloc_funcs(counting_malloc, counting_free);
}

json_t *
jansson_load_within(size_t bytes, const char *text, size_t len, size_t flags,
					json_error_t *error, bool *is_too_complex)
{
	json_t *doc;

	budget = bytes;
	used = 0;
	is_over = false;
	doc = json_loadb(text, len, flags, error);
	*is_too_complex = is_over;
	budget = used = 0;
	return doc;
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
