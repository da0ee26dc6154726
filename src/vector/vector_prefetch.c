/*-------------------------------------------------------------------------
 *
 * vector_prefetch.c
 *		Asking early for the memory of the next row.
 *
 * An exact search reads more memory than any cache holds, and every row starts
 * with a wait for it. A page is filled from its end, so the next row of a scan
 * lies just below this one. Behind the last row of a page comes the next block
 * of the table, which is in the next buffer wherever the blocks were read one
 * after the other into free buffers, as at start, by pg_prewarm or in the ring
 * of buffers of a large scan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/buf_internals.h"
#include "storage/bufmgr.h"

#include "vector/vector_int.h"

#define CACHE_LINE 64
/* of a row beside its vector: header, columns before it, padding */
#define ROW_REST 128

/*
 * Does a buffer hold the block before that of the buffer behind it? Read
 * without a lock: a wrong answer only asks for memory that nobody needs.
 */
static bool
next_buffer_follows(size_t buffer)
{
	const BufferTag *tag = &GetBufferDescriptor((uint32) buffer)->tag;
	const BufferTag *next = &GetBufferDescriptor((uint32) buffer + 1)->tag;

	return next->blockNum == tag->blockNum + 1 &&
		   memcmp(next, tag, offsetof(BufferTag, blockNum)) == 0;
}

void
vector_prefetch_next(const void *value, size_t size)
{
	const char *end = value;
	size_t place = (size_t) ((uintptr_t) end - (uintptr_t) BufferBlocks);
	size_t buffer = place / BLCKSZ;

	/* a value elsewhere, such as a computed one, has no row below it */
	if (buffer >= (size_t) NBuffers)
		return;
	if (place % BLCKSZ < size + ROW_REST && buffer + 1 < (size_t) NBuffers &&
		next_buffer_follows(buffer))
	{
		const char *page = BufferBlocks + (buffer + 1) * BLCKSZ;

		__builtin_prefetch(page);
		end = page + BLCKSZ;
	}
	for (size_t offset = CACHE_LINE; offset <= size + ROW_REST;
		 offset += CACHE_LINE)
		__builtin_prefetch(end - offset);
}
