/*-------------------------------------------------------------------------
 *
 * ann_page.c
 *		Pages of the index: reading, and every change to them.
 *
 * Locks: a list page before record pages, the first page of a chain before
 * its others. Inserting holds the first page of the chain exclusively, so
 * inserts into one list take turns and those into different lists do not
 * meet. A scan holds one page at a time and no pin between calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/generic_xlog.h"
#include "miscadmin.h"
#include "storage/freespace.h"
#include "storage/lmgr.h"

#include "ann/ann_page.h"
#include "ann/ann_page_int.h"
#include "base/wait_point.h"

StaticAssertDecl(sizeof(AnnPageSpecial) == 32, "special space");
StaticAssertDecl(sizeof(AnnListEntry) == 32, "directory entry");
StaticAssertDecl(offsetof(AnnMeta, tuples) == 32, "metapage");
StaticAssertDecl(offsetof(AnnMeta, calibrated) == 40 + 8 * ANN_LEVELS,
				 "metapage");
StaticAssertDecl(offsetof(AnnMeta, draft) == 76 + 8 * ANN_LEVELS, "metapage");
StaticAssertDecl(offsetof(AnnMeta, keys_start) == 88 + 16 * ANN_LEVELS,
				 "metapage");
StaticAssertDecl(offsetof(AnnRecord, bytes) == 32, "record");
StaticAssertDecl(sizeof(AnnKeyPlace) == 16, "key page");
StaticAssertDecl(sizeof(AnnKeyRecords) == 6 * ANN_BLOCK, "key page");
StaticAssertDecl(ANN_KEY_BLOCKS_MAX *(ANN_KEY_BYTES *ANN_BLOCK +
									  sizeof(AnnKeyRecords)) > ANN_PAGE_SPACE,
				 "key page");

AnnLayout
ann_layout(AnnMetric metric, int dim, int bits, int filters)
{
	AnnLayout layout;

	layout.shape = ann_shape(metric, dim, bits);
	layout.filters = filters;
	layout.block_size =
		ANN_BLOCK * (layout.shape.sign_len + 3 * sizeof(float) +
					 filters * sizeof(uint32) + sizeof(BlockNumber) +
					 sizeof(OffsetNumber) + sizeof(ItemPointerData)) +
		2 * sizeof(uint32);
	layout.blocks_per_page = ANN_PAGE_SPACE / layout.block_size;
	layout.record_size = offsetof(AnnRecord, bytes) + layout.shape.byte_len;
	layout.places_per_page =
		ANN_PAGE_SPACE /
		(sizeof(AnnKeyPlace) +
		 layout.blocks_per_page *
			 (ANN_KEY_BYTES * ANN_BLOCK * filters + sizeof(AnnKeyRecords)));
	Assert(layout.blocks_per_page > 0);
	return layout;
}

AnnBlock
ann_block(const AnnLayout *layout, Page page, int index)
{
	char *at = PageGetContents(page) + (size_t) index * layout->block_size;
	AnnBlock block;

	block.codes = (uint8 *) at;
	at += (size_t) layout->shape.sign_len * ANN_BLOCK;
	block.add = (float *) at;
	block.scale = block.add + ANN_BLOCK;
	block.error = block.scale + ANN_BLOCK;
	block.keys = (uint32 *) (block.error + ANN_BLOCK);
	block.record_page =
		(BlockNumber *) (block.keys + ANN_BLOCK * layout->filters);
	block.record_item = (OffsetNumber *) (block.record_page + ANN_BLOCK);
	block.tid = (ItemPointerData *) (block.record_item + ANN_BLOCK);
	block.used = (uint32 *) (block.tid + ANN_BLOCK);
	return block;
}

/* ---- reading ---- */

void
ann_page_check(Relation index, BlockNumber block, Page page, AnnPageKind kind)
{
	if (PageIsNew(page) ||
		PageGetSpecialSize(page) != MAXALIGN(sizeof(AnnPageSpecial)) ||
		ann_special(page)->kind != kind)
		ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
				errmsg("unexpected page in index \"%s\" at block %u",
					   RelationGetRelationName(index), block),
				errhint("Please REINDEX it."));
}

Buffer
ann_page_read(Relation index, BlockNumber block, AnnPageKind kind, int lock)
{
	Buffer buffer = ann_buffer_read(index, block);

	LockBuffer(buffer, lock);
	ann_page_check(index, block, BufferGetPage(buffer), kind);
	return buffer;
}

void
ann_meta_read(Relation index, AnnMeta *meta)
{
	Buffer buffer =
		ann_page_read(index, ANN_METAPAGE, ANN_PAGE_META, BUFFER_LOCK_SHARE);

	memcpy(meta, PageGetContents(BufferGetPage(buffer)), sizeof(AnnMeta));
	UnlockReleaseBuffer(buffer);
	if (meta->magic != ANN_MAGIC || meta->version != ANN_VERSION)
		ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
				errmsg("index \"%s\" has another format than this version "
					   "of intel reads",
					   RelationGetRelationName(index)),
				errhint("Please REINDEX it."));
	if (meta->dim < 1 || meta->dim > 16000 || meta->lists < 1 ||
		(meta->bits != (uint32) ann_choose_bits(meta->dim, false) &&
		 meta->bits != (uint32) ann_choose_bits(meta->dim, true)) ||
		meta->slots < meta->lists || meta->calibrated < 1 ||
		meta->filters > ANN_MAX_FILTERS ||
		(meta->filters > 0) != (meta->keys_start != InvalidBlockNumber) ||
		meta->metric < ANN_L2 || meta->metric > ANN_COSINE)
		ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
				errmsg("metapage of index \"%s\" is damaged",
					   RelationGetRelationName(index)),
				errhint("Please REINDEX it."));
	/* lists that came since divide the same space: probe the same part */
	if (meta->lists != meta->calibrated)
		for (int i = 0; i < ANN_LEVELS; i++)
		{
			double grown = (double) meta->lists / meta->calibrated;

			meta->probes10[i] = (uint32) ceil(meta->probes10[i] * grown);
			meta->probes100[i] = (uint32) ceil(meta->probes100[i] * grown);
		}
}

/* ---- pages ---- */

void
ann_page_init(Page page, AnnPageKind kind, uint32 list, uint32 stamp)
{
	AnnPageSpecial *special;

	PageInit(page, BLCKSZ, sizeof(AnnPageSpecial));
	special = ann_special(page);
	special->next = InvalidBlockNumber;
	special->list = list;
	special->nblocks = 0;
	special->kind = kind;
	special->insert = InvalidBlockNumber;
	special->stamp = stamp;
	special->entries = 0;
	special->keys = InvalidBlockNumber;
	special->keys_place = 0;
	special->zero = 0;
}

void
ann_page_set_size(Page page, size_t size)
{
	((PageHeader) page)->pd_lower =
		(LocationIndex) (PageGetContents(page) - (char *) page + size);
}

/* Append a block without entries to a list page with room for it. */
static void
add_block(const AnnLayout *layout, Page page)
{
	AnnPageSpecial *special = ann_special(page);

	memset(ann_block(layout, page, special->nblocks).codes, 0,
		   layout->block_size);
	special->nblocks++;
	ann_page_set_size(page, (size_t) special->nblocks * layout->block_size);
}

/* The first free place on a page, or false. */
bool
ann_page_find_slot(const AnnLayout *layout, Page page, int *index, int *slot)
{
	int nblocks = ann_special(page)->nblocks;

	for (int i = 0; i < nblocks; i++)
	{
		uint32 used = *ann_block(layout, page, i).used;

		if (used != PG_UINT32_MAX)
		{
			*index = i;
			*slot = 0;
			while (used & ((uint32) 1 << *slot))
				(*slot)++;
			return true;
		}
	}
	if (nblocks < layout->blocks_per_page)
	{
		*index = nblocks;
		*slot = 0;
		return true;
	}
	return false;
}

void
ann_page_put_entry(const AnnLayout *layout, Page page, int index, int slot,
				   const AnnEntry *entry, BlockNumber record_page,
				   OffsetNumber record_item)
{
	AnnBlock block;

	if (index == ann_special(page)->nblocks)
		add_block(layout, page);
	block = ann_block(layout, page, index);
	ann_block_put(&layout->shape, block.codes, slot, entry->signs);
	block.add[slot] = entry->sign_factors.add;
	block.scale[slot] = entry->sign_factors.scale;
	block.error[slot] = entry->sign_factors.error;
	for (int f = 0; f < layout->filters; f++)
		block.keys[f * ANN_BLOCK + slot] = entry->keys[f];
	block.record_page[slot] = record_page;
	block.record_item[slot] = record_item;
	block.tid[slot] = entry->tid;
	*block.used |= (uint32) 1 << slot;
}

/* The upper half of a float that is not below x, which is not negative. */
static uint16
round_up(float x)
{
	uint32 bits;

	memcpy(&bits, &x, sizeof(bits));
	return isinf(x) ? bits >> 16 : (bits + 0xFFFF) >> 16;
}

AnnByteFactors
ann_record_factors(const AnnRecord *record)
{
	AnnByteFactors factors = {.add = record->add,
							  .scale = record->scale,
							  .error = record->error,
							  .norm = record->norm};
	uint32 bits = (uint32) record->slack << 16;

	memcpy(&factors.slack, &bits, sizeof(bits));
	return factors;
}

/* Add the record of entry to a page; invalid when it does not fit. */
OffsetNumber
ann_page_put_record(const AnnLayout *layout, Page page, const AnnEntry *entry)
{
	union
	{
		AnnRecord record;
		char space[BLCKSZ];
		double align;
	} buffer;

	if (PageGetFreeSpace(page) < MAXALIGN(layout->record_size))
		return InvalidOffsetNumber;
	memset(&buffer.record, 0, offsetof(AnnRecord, bytes));
	buffer.record.add = entry->byte_factors.add;
	buffer.record.scale = entry->byte_factors.scale;
	buffer.record.error = entry->byte_factors.error;
	buffer.record.norm = entry->byte_factors.norm;
	buffer.record.slack = round_up(entry->byte_factors.slack);
	buffer.record.tid = entry->tid;
	buffer.record.list = entry->list;
	buffer.record.stamp = entry->stamp;
	memcpy(buffer.record.bytes, entry->bytes, layout->shape.byte_len);
	return PageAddItem(page, (Item) &buffer.record, layout->record_size,
					   InvalidOffsetNumber, false, false);
}

/* ---- inserting ---- */

/*
 * A page to be initialised, locked: one that a dead list left, or a new one.
 * The former is only tried, so it does not matter in which order it is locked.
 */
Buffer
ann_page_extend(Relation index)
{
	BlockNumber block = GetPageWithFreeSpace(index, ANN_WHOLE_PAGE);
	Buffer buffer;

	if (block != InvalidBlockNumber)
	{
		buffer = ReadBuffer(index, block);
		if (ConditionalLockBuffer(buffer))
		{
			Page page = BufferGetPage(buffer);
			bool is_free =
				!PageIsNew(page) && ann_special(page)->kind == ANN_PAGE_FREE;

			RecordPageWithFreeSpace(index, block, 0);
			if (is_free)
				return buffer;
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		}
		ReleaseBuffer(buffer);
	}
	LockRelationForExtension(index, ExclusiveLock);
	buffer = ReadBufferExtended(index, MAIN_FORKNUM, P_NEW, RBM_NORMAL, NULL);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	UnlockRelationForExtension(index, ExclusiveLock);
	return buffer;
}

BlockNumber
ann_chain_next(Relation index, BlockNumber block, AnnPageKind kind)
{
	Buffer buffer = ann_page_read(index, block, kind, BUFFER_LOCK_EXCLUSIVE);
	BlockNumber next = ann_special(BufferGetPage(buffer))->next;

	if (next == InvalidBlockNumber)
	{
		Buffer fresh = ann_page_extend(index);
		GenericXLogState *state = GenericXLogStart(index);
		Page page =
			GenericXLogRegisterBuffer(state, fresh, GENERIC_XLOG_FULL_IMAGE);

		next = BufferGetBlockNumber(fresh);
		ann_page_init(page, kind, 0, 0);
		memset(PageGetContents(page), 0, ANN_PAGE_SPACE);
		ann_page_set_size(page, ANN_PAGE_SPACE);
		ann_special(GenericXLogRegisterBuffer(state, buffer, 0))->next = next;
		GenericXLogFinish(state);
		UnlockReleaseBuffer(fresh);
	}
	UnlockReleaseBuffer(buffer);
	return next;
}

/*
 * A locked record page with room for a record; *fresh says that it must be
 * initialised. Tries the page that this backend used last, then what the free
 * space map knows, whose answers are only hints.
 */
Buffer
ann_page_find_records(Relation index, const AnnLayout *layout, bool *fresh)
{
	Size need = MAXALIGN(layout->record_size) + sizeof(ItemIdData);
	BlockNumber block = RelationGetTargetBlock(index);
	Buffer buffer;

	*fresh = false;
	if (block == InvalidBlockNumber)
		block = GetPageWithFreeSpace(index, need);
	while (block != InvalidBlockNumber)
	{
		Page page;
		Size space = 0;

		buffer = ReadBuffer(index, block);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buffer);
		if (!PageIsNew(page) && ann_special(page)->kind == ANN_PAGE_RECORDS)
		{
			space = PageGetFreeSpace(page);
			if (space >= MAXALIGN(layout->record_size))
			{
				RelationSetTargetBlock(index, block);
				return buffer;
			}
		}
		else if (!PageIsNew(page) && ann_special(page)->kind == ANN_PAGE_FREE)
		{
			RelationSetTargetBlock(index, block);
			*fresh = true;
			return buffer;
		}
		UnlockReleaseBuffer(buffer);
		block = RecordAndGetPageWithFreeSpace(index, block, space, need);
	}
	buffer = ann_page_extend(index);
	RelationSetTargetBlock(index, BufferGetBlockNumber(buffer));
	*fresh = true;
	return buffer;
}

/*
 * Walk the chain from where inserting starts to a page with a free place, or
 * to its last page. head stays locked throughout; *buffer is head or another
 * page, locked too.
 */
static bool
find_list_page(Relation index, const AnnLayout *layout, Buffer head,
			   Buffer *buffer, int *block_index, int *slot)
{
	BlockNumber block = ann_special(BufferGetPage(head))->insert;

	for (;;)
	{
		BlockNumber next;

		*buffer = block == BufferGetBlockNumber(head)
					  ? head
					  : ann_page_read(index, block, ANN_PAGE_LIST,
									  BUFFER_LOCK_EXCLUSIVE);
		if (ann_page_find_slot(layout, BufferGetPage(*buffer), block_index,
							   slot))
			return true;
		next = ann_special(BufferGetPage(*buffer))->next;
		if (next == InvalidBlockNumber)
			return false;
		if (*buffer != head)
			UnlockReleaseBuffer(*buffer);
		block = next;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Whether lists were replaced since a revision of the directory. */
static bool
is_current(Relation index, uint32 revision)
{
	Buffer buffer =
		ann_page_read(index, ANN_METAPAGE, ANN_PAGE_META, BUFFER_LOCK_SHARE);
	bool current =
		((AnnMeta *) PageGetContents(BufferGetPage(buffer)))->revision ==
		revision;

	UnlockReleaseBuffer(buffer);
	return current;
}

/*
 * Append an empty page to the chain, in a WAL record of its own: with the
 * first entry there would be more pages than one can change.
 */
static Buffer
append_list_page(Relation index, const AnnLayout *layout, Buffer first,
				 Buffer last, const AnnEntry *entry)
{
	Buffer fresh = ann_page_extend(index);
	BlockNumber block = BufferGetBlockNumber(fresh);
	int place;
	Buffer keys = ann_keys_find(index, layout, &place);
	GenericXLogState *state = GenericXLogStart(index);
	Page page =
		GenericXLogRegisterBuffer(state, fresh, GENERIC_XLOG_FULL_IMAGE);
	Page first_page = GenericXLogRegisterBuffer(state, first, 0);
	Page last_page =
		last == first ? first_page : GenericXLogRegisterBuffer(state, last, 0);

	ann_page_init(page, ANN_PAGE_LIST, entry->list, entry->stamp);
	if (BufferIsValid(keys))
		ann_keys_take(layout, GenericXLogRegisterBuffer(state, keys, 0),
					  BufferGetBlockNumber(keys), place, page, block);
	ann_special(last_page)->next = block;
	ann_special(first_page)->insert = block;
	GenericXLogFinish(state);
	if (BufferIsValid(keys))
		UnlockReleaseBuffer(keys);
	return fresh;
}

uint32
ann_page_insert(Relation index, const AnnLayout *layout, BlockNumber head,
				uint32 revision, const AnnEntry *entry)
{
	Buffer first;
	Buffer last;
	Buffer target;
	Buffer records;
	Buffer keys;
	GenericXLogState *state;
	Page first_page;
	Page target_page;
	Page records_page;
	OffsetNumber item;
	uint32 entries;
	bool fresh;
	int block_index;
	int slot;

	if (!is_current(index, revision))
		return 0;
	first = ann_page_read(index, head, ANN_PAGE_LIST, BUFFER_LOCK_EXCLUSIVE);

	/* find places: list page, record page, then key page */
	if (find_list_page(index, layout, first, &last, &block_index, &slot))
		target = last;
	else
	{
		target = append_list_page(index, layout, first, last, entry);
		block_index = slot = 0;
		if (last != first)
			UnlockReleaseBuffer(last);
	}
	records = ann_page_find_records(index, layout, &fresh);
	keys = ann_keys_lock(index, layout, target);

	/* change up to four pages in one record */
	state = GenericXLogStart(index);
	first_page = GenericXLogRegisterBuffer(state, first, 0);
	target_page = target == first
					  ? first_page
					  : GenericXLogRegisterBuffer(state, target, 0);
	ann_special(first_page)->insert = BufferGetBlockNumber(target);
	entries = ++ann_special(first_page)->entries;
	records_page = GenericXLogRegisterBuffer(
		state, records, fresh ? GENERIC_XLOG_FULL_IMAGE : 0);
	if (fresh)
		ann_page_init(records_page, ANN_PAGE_RECORDS, 0, 0);
	item = ann_page_put_record(layout, records_page, entry);
	if (item == InvalidOffsetNumber)
		elog(ERROR, "record does not fit its page");
	ann_page_put_entry(layout, target_page, block_index, slot, entry,
					   BufferGetBlockNumber(records), item);
	if (BufferIsValid(keys))
		ann_keys_put(layout, GenericXLogRegisterBuffer(state, keys, 0),
					 ann_special(target_page)->keys_place, block_index, slot,
					 entry, BufferGetBlockNumber(records), item);
	GenericXLogFinish(state);

	if (BufferIsValid(keys))
		UnlockReleaseBuffer(keys);
	UnlockReleaseBuffer(records);
	if (target != first)
		UnlockReleaseBuffer(target);
	UnlockReleaseBuffer(first);
	return entries;
}

/* ---- vacuum ---- */

static int
compare_places(const void *a, const void *b)
{
	const AnnRecordPlace *x = a;
	const AnnRecordPlace *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return (int) x->item - (int) y->item;
}

/*
 * Remove records that no entry names any more. A crash before this leaves
 * records that take space and do no harm.
 */
void
ann_page_remove_records(Relation index, AnnRecordPlace *places, int n,
						BufferAccessStrategy strategy)
{
	qsort(places, n, sizeof(AnnRecordPlace), compare_places);
	for (int i = 0; i < n;)
	{
		BlockNumber block = places[i].block;
		Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block,
										   RBM_NORMAL, strategy);
		GenericXLogState *state;
		Page page;
		Size space;

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		ann_page_check(index, block, BufferGetPage(buffer), ANN_PAGE_RECORDS);
		state = GenericXLogStart(index);
		page = GenericXLogRegisterBuffer(state, buffer, 0);
		for (; i < n && places[i].block == block; i++)
		{
			OffsetNumber item = places[i].item;
			AnnRecord *record;
			ItemId id;

			if (item > PageGetMaxOffsetNumber(page))
				continue;
			id = PageGetItemId(page, item);
			if (!ItemIdIsUsed(id))
				continue;
			record = (AnnRecord *) PageGetItem(page, id);
			if (record->stamp == places[i].stamp &&
				ItemPointerEquals(&record->tid, &places[i].tid))
			{
				PageIndexTupleDeleteNoCompact(page, item);
				PageSetHasFreeLinePointers(page);
			}
		}
		space = PageGetFreeSpace(page);
		GenericXLogFinish(state);
		UnlockReleaseBuffer(buffer);
		RecordPageWithFreeSpace(index, block, space);
	}
}

/* Count the dead entries of a page without changing it. */
static int
count_dead(const AnnLayout *layout, Page page, AnnDead dead, void *arg,
		   int *alive)
{
	int found = 0;

	*alive = 0;
	for (int i = 0; i < ann_special(page)->nblocks; i++)
	{
		AnnBlock block = ann_block(layout, page, i);

		for (int slot = 0; slot < ANN_BLOCK; slot++)
			if (*block.used & ((uint32) 1 << slot))
			{
				if (dead(&block.tid[slot], arg))
					found++;
				else
					(*alive)++;
			}
	}
	return found;
}

AnnVacuumed
ann_page_vacuum(Relation index, const AnnLayout *layout, BlockNumber head,
				BlockNumber block, AnnDead dead, void *arg,
				BufferAccessStrategy strategy)
{
	Buffer first = InvalidBuffer;
	Buffer buffer =
		ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	AnnRecordPlace *places;
	GenericXLogState *state;
	AnnPageSpecial *special;
	AnnVacuumed result;
	Page page;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	ann_page_check(index, block, page, ANN_PAGE_LIST);
	result.next = ann_special(page)->next;
	result.removed = count_dead(layout, page, dead, arg, &result.remaining);
	if (result.removed == 0)
	{
		UnlockReleaseBuffer(buffer);
		return result;
	}

	/* again under exclusive locks, the first page of the chain before others */
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (block != head)
		first =
			ann_page_read(index, head, ANN_PAGE_LIST, BUFFER_LOCK_EXCLUSIVE);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	places =
		palloc(sizeof(AnnRecordPlace) * ANN_BLOCK * layout->blocks_per_page);
	result.removed = result.remaining = 0;
	state = GenericXLogStart(index);
	page = GenericXLogRegisterBuffer(state, buffer, 0);
	for (int i = 0; i < ann_special(page)->nblocks; i++)
	{
		AnnBlock entries = ann_block(layout, page, i);

		for (int slot = 0; slot < ANN_BLOCK; slot++)
		{
			uint32 bit = (uint32) 1 << slot;

			if (!(*entries.used & bit))
				continue;
			if (!dead(&entries.tid[slot], arg))
			{
				result.remaining++;
				continue;
			}
			*entries.used &= ~bit;
			places[result.removed].block = entries.record_page[slot];
			places[result.removed].item = entries.record_item[slot];
			places[result.removed].tid = entries.tid[slot];
			places[result.removed].stamp = ann_special(page)->stamp;
			result.removed++;
		}
	}
	/* inserting starts at the first page of the chain again */
	special = ann_special(BufferIsValid(first)
							  ? GenericXLogRegisterBuffer(state, first, 0)
							  : page);
	special->insert = head;
	special->entries -= Min(special->entries, (uint32) result.removed);
	result.next = ann_special(page)->next;
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
	if (BufferIsValid(first))
		UnlockReleaseBuffer(first);

	wait_point("vacuum-records");
	ann_page_remove_records(index, places, result.removed, strategy);
	pfree(places);
	return result;
}
