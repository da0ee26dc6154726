/*-------------------------------------------------------------------------
 *
 * ann_page_directory.c
 *		Lists as wholes: the directory that names them, their centroids, and
 *		replacing some of them by others.
 *
 * A list is never changed into another. Its successors are written beside it,
 * where nobody sees them, and one WAL record exchanges them in the directory.
 * A scan that read the directory before goes on with the dead list, whose
 * pages are freed when no such scan can be left. README.md has the proof.
 *
 * Whoever calls a function here that writes holds the lock on the directory,
 * so he is alone; readers lock one page at a time and compare revisions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/transam.h"
#include "miscadmin.h"
#include "storage/freespace.h"
#include "utils/snapmgr.h"

#include "ann/ann_page.h"
#include "ann/ann_page_int.h"

#define meta_of(page) ((AnnMeta *) PageGetContents(page))
#define entries_of(page) ((AnnListEntry *) PageGetContents(page))

static Buffer
lock_meta(Relation index)
{
	return ann_page_read(index, ANN_METAPAGE, ANN_PAGE_META,
						 BUFFER_LOCK_EXCLUSIVE);
}

static void
report_short(Relation index, const char *what)
{
	ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
			errmsg("%s of index \"%s\" are incomplete", what,
				   RelationGetRelationName(index)),
			errhint("Please REINDEX it."));
}

/* ---- reading ---- */

void
ann_directory_read(Relation index, const AnnMeta *meta, AnnListEntry *entries)
{
	BlockNumber block = meta->directory_start;
	uint32 done = 0;

	while (done < meta->slots)
	{
		Buffer buffer;
		Page page;
		uint32 here;

		if (block == InvalidBlockNumber)
			report_short(index, "entries of the directory");
		buffer =
			ann_page_read(index, block, ANN_PAGE_DIRECTORY, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		here = Min(meta->slots - done, (uint32) ann_special(page)->nblocks);
		here = Min(here, (uint32) ANN_SLOTS_PER_PAGE);
		memcpy(entries + done, entries_of(page), sizeof(AnnListEntry) * here);
		done += here;
		block = here == 0 ? InvalidBlockNumber : ann_special(page)->next;
		UnlockReleaseBuffer(buffer);
	}
}

void
ann_centroid_read(Relation index, const AnnListEntry *entry, int dim,
				  float *centroid)
{
	BlockNumber block = entry->centroid_block;
	size_t at = entry->centroid_word;
	int done = 0;

	while (done < dim)
	{
		size_t run = Min((size_t) (dim - done), ANN_WORDS_PER_PAGE - at);
		Buffer buffer;

		if (block == InvalidBlockNumber || at > ANN_WORDS_PER_PAGE)
			report_short(index, "centroids");
		buffer =
			ann_page_read(index, block, ANN_PAGE_CENTROIDS, BUFFER_LOCK_SHARE);
		memcpy(centroid + done,
			   PageGetContents(BufferGetPage(buffer)) + 4 * at, 4 * run);
		block = ann_special(BufferGetPage(buffer))->next;
		UnlockReleaseBuffer(buffer);
		done += (int) run;
		at = 0;
	}
}

void
ann_middle_read(Relation index, const AnnMeta *meta, int dim, float *middle)
{
	AnnListEntry entry = {.centroid_block = meta->centroid_start};

	ann_centroid_read(index, &entry, dim, middle);
}

/* The page that holds the entry of a slot. */
static BlockNumber
directory_block(Relation index, const AnnMeta *meta, uint32 slot)
{
	BlockNumber block = meta->directory_start;

	for (uint32 i = slot / ANN_SLOTS_PER_PAGE; i > 0; i--)
	{
		Buffer buffer =
			ann_page_read(index, block, ANN_PAGE_DIRECTORY, BUFFER_LOCK_SHARE);

		block = ann_special(BufferGetPage(buffer))->next;
		UnlockReleaseBuffer(buffer);
	}
	return block;
}

/* ---- slots and centroids ---- */

/* Append an empty slot with a place for its centroid. */
static uint32
append_slot(Relation index, const AnnLayout *layout, AnnListEntry *entry)
{
	uint32 words = layout->shape.full_dim;
	GenericXLogState *state;
	Buffer meta_buffer;
	Buffer buffer;
	AnnMeta meta;
	AnnMeta *changed;
	uint32 pages = 0;
	Page page;

	/* a place for the centroid */
	ann_meta_read(index, &meta);
	if (meta.centroid_words == ANN_WORDS_PER_PAGE)
	{
		meta.centroid_last =
			ann_chain_next(index, meta.centroid_last, ANN_PAGE_CENTROIDS);
		meta.centroid_words = 0;
		pages++;
	}
	memset(entry, 0, sizeof(AnnListEntry));
	entry->head = InvalidBlockNumber;
	entry->state = ANN_LIST_EMPTY;
	entry->centroid_block = meta.centroid_last;
	entry->centroid_word = meta.centroid_words;
	while (words > ANN_WORDS_PER_PAGE - meta.centroid_words)
	{
		words -= ANN_WORDS_PER_PAGE - meta.centroid_words;
		meta.centroid_last =
			ann_chain_next(index, meta.centroid_last, ANN_PAGE_CENTROIDS);
		meta.centroid_words = 0;
		pages++;
	}
	meta.centroid_words += words;
	if (meta.slots % ANN_SLOTS_PER_PAGE == 0)
		meta.directory_last =
			ann_chain_next(index, meta.directory_last, ANN_PAGE_DIRECTORY);

	/* the entry, and on the metapage that it exists */
	meta_buffer = lock_meta(index);
	buffer = ann_page_read(index, meta.directory_last, ANN_PAGE_DIRECTORY,
						   BUFFER_LOCK_EXCLUSIVE);
	state = GenericXLogStart(index);
	changed = meta_of(GenericXLogRegisterBuffer(state, meta_buffer, 0));
	changed->centroid_last = meta.centroid_last;
	changed->centroid_words = meta.centroid_words;
	changed->centroid_pages += pages;
	changed->directory_last = meta.directory_last;
	changed->slots++;
	page = GenericXLogRegisterBuffer(state, buffer, 0);
	entries_of(page)[meta.slots % ANN_SLOTS_PER_PAGE] = *entry;
	ann_special(page)->nblocks = meta.slots % ANN_SLOTS_PER_PAGE + 1;
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(meta_buffer);
	return meta.slots;
}

uint32
ann_directory_slot(Relation index, const AnnLayout *layout, uint32 except,
				   AnnListEntry *entry)
{
	AnnListEntry *entries;
	AnnMeta meta;

	ann_meta_read(index, &meta);
	entries = MemoryContextAllocHuge(
		CurrentMemoryContext, mul_size(sizeof(AnnListEntry), meta.slots));
	ann_directory_read(index, &meta, entries);
	for (uint32 slot = 0; slot < meta.slots; slot++)
		if (entries[slot].state == ANN_LIST_EMPTY && slot != except)
		{
			*entry = entries[slot];
			pfree(entries);
			return slot;
		}
	pfree(entries);
	return append_slot(index, layout, entry);
}

void
ann_centroid_write(Relation index, const AnnListEntry *entry, int dim,
				   const float *centroid)
{
	BlockNumber block = entry->centroid_block;
	size_t at = entry->centroid_word;
	int done = 0;

	while (done < dim)
	{
		size_t run = Min((size_t) (dim - done), ANN_WORDS_PER_PAGE - at);
		Buffer buffer;
		GenericXLogState *state;
		Page page;

		buffer = ann_page_read(index, block, ANN_PAGE_CENTROIDS,
							   BUFFER_LOCK_EXCLUSIVE);
		state = GenericXLogStart(index);
		page = GenericXLogRegisterBuffer(state, buffer, 0);
		memcpy(PageGetContents(page) + 4 * at, centroid + done, 4 * run);
		block = ann_special(page)->next;
		GenericXLogFinish(state);
		UnlockReleaseBuffer(buffer);
		done += (int) run;
		at = 0;
	}
}

/* ---- writing a list that nobody sees yet ---- */

/* Write records of entries, as many to a page as it takes. */
static void
write_records(Relation index, const AnnLayout *layout,
			  AnnEntry *const *entries, uint32 n, AnnRecordPlace *places)
{
	for (uint32 done = 0; done < n;)
	{
		bool fresh;
		Buffer buffer = ann_page_find_records(index, layout, &fresh);
		GenericXLogState *state = GenericXLogStart(index);
		Page page = GenericXLogRegisterBuffer(
			state, buffer, fresh ? GENERIC_XLOG_FULL_IMAGE : 0);

		if (fresh)
			ann_page_init(page, ANN_PAGE_RECORDS, 0, 0);
		for (; done < n; done++)
		{
			OffsetNumber item =
				ann_page_put_record(layout, page, entries[done]);

			if (item == InvalidOffsetNumber)
				break;
			places[done].block = BufferGetBlockNumber(buffer);
			places[done].item = item;
		}
		GenericXLogFinish(state);
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * The last page of the chain is written first, so that each can name the
 * next; the metapage names the first page so far.
 */
BlockNumber
ann_draft_write(Relation index, const AnnLayout *layout, int draft,
				AnnEntry *const *entries, uint32 n)
{
	AnnRecordPlace *places = palloc(sizeof(AnnRecordPlace) * Max(n, 1));
	uint32 per_page = layout->blocks_per_page * ANN_BLOCK;
	uint32 pages = Max((n + per_page - 1) / per_page, 1);
	BlockNumber next = InvalidBlockNumber;

	write_records(index, layout, entries, n, places);
	while (pages-- > 0)
	{
		Buffer buffer = ann_page_extend(index);
		int place;
		Buffer keys = ann_keys_find(index, layout, &place);
		/* who locks these two the other way round has the directory lock, too */
		Buffer meta = lock_meta(index);
		GenericXLogState *state = GenericXLogStart(index);
		Page page =
			GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
		Page keys_page = NULL;
		uint32 first = pages * per_page;

		ann_page_init(page, ANN_PAGE_LIST, entries[0]->list,
					  entries[0]->stamp);
		if (BufferIsValid(keys))
		{
			keys_page = GenericXLogRegisterBuffer(state, keys, 0);
			ann_keys_take(layout, keys_page, BufferGetBlockNumber(keys), place,
						  page, BufferGetBlockNumber(buffer));
		}
		for (uint32 i = first; i < Min(first + per_page, n); i++)
		{
			int block = (int) (i - first) / ANN_BLOCK;
			int slot = (int) (i - first) % ANN_BLOCK;

			ann_page_put_entry(layout, page, block, slot, entries[i],
							   places[i].block, places[i].item);
			if (keys_page != NULL)
				ann_keys_put(layout, keys_page, place, block, slot, entries[i],
							 places[i].block, places[i].item);
		}
		ann_special(page)->next = next;
		next = BufferGetBlockNumber(buffer);
		if (pages == 0)
		{
			ann_special(page)->insert = next;
			ann_special(page)->entries = n;
		}
		meta_of(GenericXLogRegisterBuffer(state, meta, 0))->draft[draft] =
			next;
		GenericXLogFinish(state);
		UnlockReleaseBuffer(meta);
		if (BufferIsValid(keys))
			UnlockReleaseBuffer(keys);
		UnlockReleaseBuffer(buffer);
	}
	pfree(places);
	return next;
}

/* ---- exchanging ---- */

/* Directory pages of a replacement, each locked once. */
typedef struct LockedPages
{
	int count;
	BlockNumber block[3];
	Buffer buffer[3];
	Page page[3];
} LockedPages;

static AnnListEntry *
change_entry(Relation index, BlockNumber block, uint32 slot,
			 GenericXLogState *state, LockedPages *pages)
{
	int at = 0;

	while (at < pages->count && pages->block[at] != block)
		at++;
	if (at == pages->count)
	{
		pages->block[at] = block;
		pages->buffer[at] = ann_page_read(index, block, ANN_PAGE_DIRECTORY,
										  BUFFER_LOCK_EXCLUSIVE);
		pages->page[at] =
			GenericXLogRegisterBuffer(state, pages->buffer[at], 0);
		pages->count++;
	}
	return entries_of(pages->page[at]) + slot % ANN_SLOTS_PER_PAGE;
}

void
ann_directory_replace(Relation index, const AnnReplacement *replacement)
{
	FullTransactionId now = ReadNextFullTransactionId();
	LockedPages pages = {0};
	BlockNumber old[2];
	BlockNumber fresh[2];
	GenericXLogState *state;
	Buffer buffer;
	AnnMeta meta;
	AnnMeta *changed;

	Assert(replacement->nold + replacement->nfresh <= 3);
	ann_meta_read(index, &meta);
	for (int i = 0; i < replacement->nold; i++)
		old[i] = directory_block(index, &meta, replacement->old[i]);
	for (int i = 0; i < replacement->nfresh; i++)
		fresh[i] = directory_block(index, &meta, replacement->fresh[i]);
	buffer = lock_meta(index);
	state = GenericXLogStart(index);
	changed = meta_of(GenericXLogRegisterBuffer(state, buffer, 0));
	for (int i = 0; i < replacement->nold; i++)
	{
		AnnListEntry *entry =
			change_entry(index, old[i], replacement->old[i], state, &pages);

		entry->state = ANN_LIST_DEAD;
		entry->dead_since = U64FromFullTransactionId(now);
	}
	for (int i = 0; i < replacement->nfresh; i++)
	{
		*change_entry(index, fresh[i], replacement->fresh[i], state, &pages) =
			replacement->entry[i];
		changed->stamp = Max(changed->stamp, replacement->entry[i].stamp);
	}
	changed->lists += replacement->nfresh - replacement->nold;
	changed->revision++;
	changed->draft[0] = changed->draft[1] = InvalidBlockNumber;
	GenericXLogFinish(state);
	for (int i = 0; i < pages.count; i++)
		UnlockReleaseBuffer(pages.buffer[i]);
	UnlockReleaseBuffer(buffer);
}

/* ---- freeing ---- */

/* Remove the records that a list page names; it is about to be freed. */
static void
free_records(Relation index, const AnnLayout *layout, Page page,
			 BufferAccessStrategy strategy)
{
	int most = ANN_BLOCK * layout->blocks_per_page;
	AnnRecordPlace *places = palloc(sizeof(AnnRecordPlace) * most);
	int n = 0;

	for (int i = 0; i < ann_special(page)->nblocks; i++)
	{
		AnnBlock block = ann_block(layout, page, i);

		for (int slot = 0; slot < ANN_BLOCK; slot++)
			if (*block.used & ((uint32) 1 << slot))
			{
				places[n].block = block.record_page[slot];
				places[n].item = block.record_item[slot];
				places[n].tid = block.tid[slot];
				places[n].stamp = ann_special(page)->stamp;
				n++;
			}
	}
	ann_page_remove_records(index, places, n, strategy);
	pfree(places);
}

/*
 * Free the first page of a chain: its records, then the page itself together
 * with the place of its keys and the pointer to it, which is at offset on the
 * page of owner. Returns the page that is the first now.
 */
static BlockNumber
free_first_page(Relation index, const AnnLayout *layout, BlockNumber block,
				BlockNumber owner, AnnPageKind owner_kind, Size offset)
{
	PGAlignedBlock copy;
	Buffer buffer =
		ann_page_read(index, block, ANN_PAGE_LIST, BUFFER_LOCK_SHARE);
	Buffer owner_buffer;
	Buffer keys;
	GenericXLogState *state;
	BlockNumber next;

	memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	free_records(index, layout, (Page) copy.data, NULL);

	next = ann_special((Page) copy.data)->next;
	owner_buffer =
		ann_page_read(index, owner, owner_kind, BUFFER_LOCK_EXCLUSIVE);
	buffer = ann_page_read(index, block, ANN_PAGE_LIST, BUFFER_LOCK_EXCLUSIVE);
	keys = ann_keys_lock(index, layout, buffer);
	state = GenericXLogStart(index);
	if (BufferIsValid(keys))
		ann_keys_free(layout, GenericXLogRegisterBuffer(state, keys, 0),
					  ann_special((Page) copy.data)->keys_place);
	ann_page_init(
		GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE),
		ANN_PAGE_FREE, 0, 0);
	memcpy((char *) GenericXLogRegisterBuffer(state, owner_buffer, 0) + offset,
		   &next, sizeof(BlockNumber));
	GenericXLogFinish(state);
	if (BufferIsValid(keys))
		UnlockReleaseBuffer(keys);
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(owner_buffer);
	RecordPageWithFreeSpace(index, block, BLCKSZ - 1);
	CHECK_FOR_INTERRUPTS();
	return next;
}

static Size
offset_in_page(Page page, const void *member)
{
	return (Size) ((const char *) member - (const char *) page);
}

void
ann_draft_discard(Relation index, const AnnLayout *layout)
{
	AnnMeta meta;

	ann_meta_read(index, &meta);
	for (int i = 0; i < 2; i++)
	{
		PGAlignedBlock page;
		Size offset = offset_in_page((Page) page.data,
									 &meta_of((Page) page.data)->draft[i]);
		BlockNumber block = meta.draft[i];

		while (block != InvalidBlockNumber)
			block = free_first_page(index, layout, block, ANN_METAPAGE,
									ANN_PAGE_META, offset);
	}
}

/* A dead list has no pages any more: its slot is free for another. */
static void
empty_slot(Relation index, BlockNumber block, uint32 slot)
{
	Buffer buffer =
		ann_page_read(index, block, ANN_PAGE_DIRECTORY, BUFFER_LOCK_EXCLUSIVE);
	GenericXLogState *state = GenericXLogStart(index);
	Page page = GenericXLogRegisterBuffer(state, buffer, 0);

	entries_of(page)[slot % ANN_SLOTS_PER_PAGE].state = ANN_LIST_EMPTY;
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
}

int
ann_directory_free(Relation index, const AnnLayout *layout, int most)
{
	AnnListEntry *entries;
	AnnMeta meta;
	int freed = 0;

	ann_meta_read(index, &meta);
	entries = MemoryContextAllocHuge(
		CurrentMemoryContext, mul_size(sizeof(AnnListEntry), meta.slots));
	ann_directory_read(index, &meta, entries);
	for (uint32 slot = 0; slot < meta.slots && freed < most; slot++)
	{
		PGAlignedBlock page;
		BlockNumber owner;
		BlockNumber block = entries[slot].head;
		Size offset = offset_in_page(
			(Page) page.data,
			&entries_of((Page) page.data)[slot % ANN_SLOTS_PER_PAGE].head);

		if (entries[slot].state != ANN_LIST_DEAD ||
			!GlobalVisCheckRemovableFullXid(
				NULL, FullTransactionIdFromU64(entries[slot].dead_since)))
			continue;
		owner = directory_block(index, &meta, slot);
		while (block != InvalidBlockNumber)
			block = free_first_page(index, layout, block, owner,
									ANN_PAGE_DIRECTORY, offset);
		empty_slot(index, owner, slot);
		freed++;
	}
	pfree(entries);
	if (freed > 0)
	{
		FreeSpaceMapVacuum(index);
		ann_keys_freed(index);
	}
	return freed;
}

/* ---- calibration ---- */

void
ann_meta_calibrate(Relation index, const AnnMeta *counts)
{
	Buffer buffer = lock_meta(index);
	GenericXLogState *state = GenericXLogStart(index);
	AnnMeta *meta = meta_of(GenericXLogRegisterBuffer(state, buffer, 0));

	memcpy(meta->probes10, counts->probes10, sizeof(meta->probes10));
	memcpy(meta->probes100, counts->probes100, sizeof(meta->probes100));
	memcpy(meta->reach10, counts->reach10, sizeof(meta->reach10));
	memcpy(meta->reach100, counts->reach100, sizeof(meta->reach100));
	meta->calibrated = counts->lists;
	meta->tuples = counts->tuples;
	meta->revision++;
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
}
