/*-------------------------------------------------------------------------
 *
 * ann_page_write.c
 *		Writing a whole index: list after list, centroids, directory, metapage.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "miscadmin.h"

#include "ann/ann_page.h"
#include "ann/ann_page_int.h"

struct AnnWriter
{
	Relation index;
	ForkNumber fork;
	const AnnLayout *layout;
	int lists;
	int started;		 /* lists that have a first page */
	AnnListEntry *entry; /* of each list */
	uint32 entries;		 /* of the list being written */
	Buffer list_page;
	Buffer record_page;
	Buffer keys_page; /* has a place for list_page */
	BlockNumber keys_start;
	int keys_taken; /* places of keys_page */
};

static Buffer
writer_new_page(AnnWriter *writer, AnnPageKind kind, uint32 list)
{
	Buffer buffer = ReadBufferExtended(writer->index, writer->fork, P_NEW,
									   RBM_ZERO_AND_LOCK, NULL);

	ann_page_init(BufferGetPage(buffer), kind, list,
				  kind == ANN_PAGE_LIST ? ANN_FIRST_STAMP : 0);
	MarkBufferDirty(buffer);
	return buffer;
}

static void
writer_release(Buffer *buffer)
{
	if (BufferIsValid(*buffer))
		UnlockReleaseBuffer(*buffer);
	*buffer = InvalidBuffer;
}

/* Pages stay pinned between entries, not locked, so a build can be cancelled. */
static void
writer_lock(AnnWriter *writer, int mode)
{
	if (BufferIsValid(writer->list_page))
		LockBuffer(writer->list_page, mode);
	if (BufferIsValid(writer->record_page))
		LockBuffer(writer->record_page, mode);
	if (BufferIsValid(writer->keys_page))
		LockBuffer(writer->keys_page, mode);
}

AnnWriter *
ann_writer_begin(Relation index, ForkNumber fork, const AnnLayout *layout,
				 int lists)
{
	AnnWriter *writer = palloc0(sizeof(AnnWriter));
	Buffer meta;

	writer->index = index;
	writer->fork = fork;
	writer->layout = layout;
	writer->lists = lists;
	writer->keys_start = InvalidBlockNumber;
	writer->entry = MemoryContextAllocExtended(
		CurrentMemoryContext, mul_size(sizeof(AnnListEntry), lists),
		MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	meta = writer_new_page(writer, ANN_PAGE_META, 0);
	Assert(BufferGetBlockNumber(meta) == ANN_METAPAGE);
	UnlockReleaseBuffer(meta);
	return writer;
}

/* The next page of a chain of which *buffer holds the last one. */
static void
writer_next_page(AnnWriter *writer, Buffer *buffer, AnnPageKind kind)
{
	Buffer next = writer_new_page(writer, kind, 0);

	ann_page_set_size(BufferGetPage(next), ANN_PAGE_SPACE);
	if (BufferIsValid(*buffer))
		ann_special(BufferGetPage(*buffer))->next = BufferGetBlockNumber(next);
	writer_release(buffer);
	*buffer = next;
}

/* A new list page, with a place for its keys. */
static Buffer
writer_new_list_page(AnnWriter *writer, uint32 list)
{
	const AnnLayout *layout = writer->layout;
	Buffer buffer = writer_new_page(writer, ANN_PAGE_LIST, list);

	if (layout->filters == 0)
		return buffer;
	if (!BufferIsValid(writer->keys_page) ||
		writer->keys_taken == layout->places_per_page)
	{
		writer_next_page(writer, &writer->keys_page, ANN_PAGE_KEYS);
		if (writer->keys_start == InvalidBlockNumber)
			writer->keys_start = BufferGetBlockNumber(writer->keys_page);
		writer->keys_taken = 0;
	}
	ann_keys_take(layout, BufferGetPage(writer->keys_page),
				  BufferGetBlockNumber(writer->keys_page),
				  writer->keys_taken++, BufferGetPage(buffer),
				  BufferGetBlockNumber(buffer));
	MarkBufferDirty(writer->keys_page);
	return buffer;
}

/* Leave the count of entries on the first page of the list just written. */
static void
writer_end_list(AnnWriter *writer)
{
	Buffer buffer;

	writer_release(&writer->list_page);
	if (writer->started == 0 || writer->entries == 0)
		return;
	buffer = ReadBufferExtended(writer->index, writer->fork,
								writer->entry[writer->started - 1].head,
								RBM_NORMAL, NULL);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	ann_special(BufferGetPage(buffer))->entries = writer->entries;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
	writer->entries = 0;
}

/* Give lists up to and including list a first page. */
static void
writer_start_lists(AnnWriter *writer, uint32 list)
{
	while ((uint32) writer->started <= list)
	{
		AnnListEntry *entry = &writer->entry[writer->started];

		writer_end_list(writer);
		writer->list_page = writer_new_list_page(writer, writer->started);
		entry->head = BufferGetBlockNumber(writer->list_page);
		entry->stamp = ANN_FIRST_STAMP;
		entry->state = ANN_LIST_LIVE;
		ann_special(BufferGetPage(writer->list_page))->insert = entry->head;
		writer->started++;
	}
}

void
ann_writer_add(AnnWriter *writer, const AnnEntry *unstamped)
{
	const AnnLayout *layout = writer->layout;
	AnnEntry stamped = *unstamped;
	const AnnEntry *entry = &stamped;
	OffsetNumber item = InvalidOffsetNumber;
	int index;
	int slot;

	stamped.stamp = ANN_FIRST_STAMP;
	Assert(entry->list < (uint32) writer->lists);
	writer_lock(writer, BUFFER_LOCK_EXCLUSIVE);
	writer_start_lists(writer, entry->list);
	if (BufferIsValid(writer->record_page))
		item = ann_page_put_record(layout, BufferGetPage(writer->record_page),
								   entry);
	if (item == InvalidOffsetNumber)
	{
		writer_release(&writer->record_page);
		writer->record_page = writer_new_page(writer, ANN_PAGE_RECORDS, 0);
		item = ann_page_put_record(layout, BufferGetPage(writer->record_page),
								   entry);
		if (item == InvalidOffsetNumber)
			elog(ERROR, "record does not fit an empty page");
	}
	if (!ann_page_find_slot(layout, BufferGetPage(writer->list_page), &index,
							&slot))
	{
		Buffer next = writer_new_list_page(writer, entry->list);

		ann_special(BufferGetPage(writer->list_page))->next =
			BufferGetBlockNumber(next);
		writer_release(&writer->list_page);
		writer->list_page = next;
		index = slot = 0;
	}
	ann_page_put_entry(layout, BufferGetPage(writer->list_page), index, slot,
					   entry, BufferGetBlockNumber(writer->record_page), item);
	if (BufferIsValid(writer->keys_page))
	{
		ann_keys_put(layout, BufferGetPage(writer->keys_page),
					 writer->keys_taken - 1, index, slot, entry,
					 BufferGetBlockNumber(writer->record_page), item);
		MarkBufferDirty(writer->keys_page);
	}
	writer->entries++;
	MarkBufferDirty(writer->list_page);
	MarkBufferDirty(writer->record_page);
	writer_lock(writer, BUFFER_LOCK_UNLOCK);
}

/* Where the stream of centroids ends so far. */
typedef struct CentroidEnd
{
	Buffer buffer;
	size_t word;
	BlockNumber start; /* where this centroid starts */
	size_t start_word;
} CentroidEnd;

static void
writer_put_centroid(AnnWriter *writer, const float *x, AnnMeta *meta,
					CentroidEnd *end)
{
	for (int word = 0; word < writer->layout->shape.full_dim; word++)
	{
		if (end->word == ANN_WORDS_PER_PAGE)
		{
			writer_next_page(writer, &end->buffer, ANN_PAGE_CENTROIDS);
			if (meta->centroid_pages++ == 0)
				meta->centroid_start = BufferGetBlockNumber(end->buffer);
			end->word = 0;
		}
		if (word == 0)
		{
			end->start = BufferGetBlockNumber(end->buffer);
			end->start_word = end->word;
		}
		memcpy(PageGetContents(BufferGetPage(end->buffer)) + 4 * end->word++,
			   &x[word], 4);
	}
}

/* Their mean, then the centroids. */
static void
writer_put_centroids(AnnWriter *writer, const float *centroids, AnnMeta *meta)
{
	int dim = writer->layout->shape.full_dim;
	CentroidEnd end = {.buffer = InvalidBuffer, .word = ANN_WORDS_PER_PAGE};
	double *sum = palloc0(sizeof(double) * dim);
	float *middle = palloc(sizeof(float) * dim);

	for (size_t list = 0; list < (size_t) writer->lists; list++)
		for (int i = 0; i < dim; i++)
			sum[i] += centroids[list * dim + i];
	for (int i = 0; i < dim; i++)
		middle[i] = (float) (sum[i] / writer->lists);
	meta->centroid_pages = 0;
	writer_put_centroid(writer, middle, meta, &end);
	for (int list = 0; list < writer->lists; list++)
	{
		const float *x = centroids + (size_t) list * dim;
		AnnListEntry *entry = &writer->entry[list];

		entry->norm_squared = ann_kernels->dot(dim, x, x);
		writer_put_centroid(writer, x, meta, &end);
		entry->centroid_block = end.start;
		entry->centroid_word = end.start_word;
	}
	meta->centroid_last = BufferGetBlockNumber(end.buffer);
	meta->centroid_words = end.word;
	writer_release(&end.buffer);
	pfree(middle);
	pfree(sum);
}

static void
writer_put_directory(AnnWriter *writer, AnnMeta *meta)
{
	Buffer buffer = InvalidBuffer;

	for (int list = 0; list < writer->lists; list++)
	{
		int at = list % ANN_SLOTS_PER_PAGE;
		Page page;

		if (at == 0)
			writer_next_page(writer, &buffer, ANN_PAGE_DIRECTORY);
		if (list == 0)
			meta->directory_start = BufferGetBlockNumber(buffer);
		page = BufferGetPage(buffer);
		((AnnListEntry *) PageGetContents(page))[at] = writer->entry[list];
		ann_special(page)->nblocks = at + 1;
	}
	meta->directory_last = BufferGetBlockNumber(buffer);
	writer_release(&buffer);
}

/* Log all pages, so many at a time that progress shows. */
static void
writer_log(AnnWriter *writer, void (*logged)(int64 done, int64 total))
{
	BlockNumber total =
		RelationGetNumberOfBlocksInFork(writer->index, writer->fork);
	BlockNumber run = 256;

	for (BlockNumber start = 0; start < total; start += run)
	{
		log_newpage_range(writer->index, writer->fork, start,
						  Min(start + run, total), true);
		if (logged != NULL)
			logged(Min(start + run, total), total);
	}
}

void
ann_writer_finish(AnnWriter *writer, const float *centroids, AnnMeta *meta,
				  void (*logged)(int64 done, int64 total))
{
	Relation index = writer->index;
	Buffer buffer;

	writer_lock(writer, BUFFER_LOCK_EXCLUSIVE);
	writer_start_lists(writer, writer->lists - 1);
	writer_end_list(writer);
	writer_release(&writer->record_page);
	meta->keys_start = writer->keys_start;
	meta->keys_free = BufferIsValid(writer->keys_page)
						  ? BufferGetBlockNumber(writer->keys_page)
						  : InvalidBlockNumber;
	writer_release(&writer->keys_page);
	writer_put_centroids(writer, centroids, meta);
	writer_put_directory(writer, meta);

	meta->magic = ANN_MAGIC;
	meta->version = ANN_VERSION;
	meta->metric = writer->layout->shape.metric;
	meta->dim = writer->layout->shape.dim;
	meta->bits = writer->layout->shape.bits;
	meta->lists = writer->lists;
	meta->filters = writer->layout->filters;
	meta->slots = meta->calibrated = meta->lists;
	meta->list_size = (uint32) Max(ann_list_size(writer->layout->shape.dim),
								   meta->tuples / meta->lists);
	meta->stamp = ANN_FIRST_STAMP;
	meta->draft[0] = meta->draft[1] = InvalidBlockNumber;
	buffer = ReadBufferExtended(index, writer->fork, ANN_METAPAGE, RBM_NORMAL,
								NULL);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	memcpy(PageGetContents(BufferGetPage(buffer)), meta, sizeof(AnnMeta));
	ann_page_set_size(BufferGetPage(buffer), sizeof(AnnMeta));
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);

	if (RelationNeedsWAL(index) || writer->fork == INIT_FORKNUM)
		writer_log(writer, logged);
	pfree(writer->entry);
	pfree(writer);
}
