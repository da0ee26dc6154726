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
#include <string.h>

#include "base/jansson.h"
#include "base/jansson_memory.h"

static unsigned long failures = 0;
static unsigned long refuse_in = 0;

/* what each piece costs malloc itself */
#define PIECE_BYTES 8

/*
 * The document that is read now.
 *
 * jansson does not look whether it could store a byte of a string or a number:
 * without memory it ends the process by an assertion, or writes beyond what it
 * has. So the first piece that it cannot have is given from what was set aside
 * for that, and the text ends there. A byte is stored before anything else is
 * allocated for it, so no other one is stored after that.
 */
static struct
{
	bool is_on;
	const char *next;
	const char *end;
	size_t budget; /* 0: no limit */
	size_t used;
	bool is_over;	/* of the budget */
	bool has_ended; /* there was no memory, or too much would be taken */
	void *reserve;
	size_t reserve_size;
} reading;

/* The last piece of memory for the document that is read. */
static void *
last_piece(size_t size)
{
	void *memory = NULL;

	if (!reading.has_ended && size <= reading.reserve_size)
		memory = reading.reserve;
	reading.has_ended = true;
	return memory;
}

static void *
counting_malloc(size_t size)
{
	void *memory = NULL;

	if (reading.has_ended)
		return NULL;
	/* what does not fit a budget is no want of memory */
	if (reading.budget > 0 && size > reading.budget - reading.used)
	{
		reading.is_over = true;
		return last_piece(size);
	}
	if (refuse_in == 0 || --refuse_in > 0)
		memory = malloc(size);
	if (memory == NULL)
	{
		failures++;
		return reading.is_on ? last_piece(size) : NULL;
	}
	if (reading.budget > 0)
		reading.used += malloc_usable_size(memory) + PIECE_BYTES;
	if (reading.used > reading.budget)
		reading.used = reading.budget;
	return memory;
}

static void
counting_free(void *memory)
{
	if (memory == NULL || memory == reading.reserve)
		return;
	if (reading.budget > 0)
	{
		size_t size = malloc_usable_size(memory) + PIECE_BYTES;

		reading.used -= size < reading.used ? size : reading.used;
	}
	free(memory);
}

void
jansson_memory_watch(void)
{
	json_set_alloc_funcs(counting_malloc, counting_free);
}

/* One byte at a time: what jansson has, it goes on with. */
static size_t
next_byte(void *buffer, size_t size, void *ignored)
{
	(void) size;
	(void) ignored;
	if (reading.has_ended || reading.next == reading.end)
		return 0;
	*(char *) buffer = *reading.next++;
	return 1;
}

/* As much as jansson takes for the longest token, when it doubles its buffer. */
static bool
set_aside(size_t len)
{
	size_t size = 2 * (len + 16);

	if (refuse_in == 0 || --refuse_in > 0)
		reading.reserve = malloc(size);
	if (reading.reserve == NULL)
	{
		failures++;
		return false;
	}
	reading.reserve_size = size;
	return true;
}

json_t *
jansson_load_within(size_t bytes, const char *text, size_t len, size_t flags,
					json_error_t *error, bool *is_too_complex)
{
	json_t *doc = NULL;

	if (set_aside(len))
	{
		reading.is_on = true;
		reading.next = text;
		reading.end = text + len;
		reading.budget = bytes;
		doc = json_load_callback(next_byte, NULL, flags, error);
		if (reading.has_ended)
		{
			json_decref(doc);
			doc = NULL;
		}
	}
	else if (error != NULL)
		memset(error, 0, sizeof(*error));
	*is_too_complex = reading.is_over;
	free(reading.reserve);
	memset(&reading, 0, sizeof(reading));
	return doc;
}

json_t *
jansson_load(const char *text, size_t len, size_t flags)
{
	bool ignored;

	return jansson_load_within(0, text, len, flags, NULL, &ignored);
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
