/*-------------------------------------------------------------------------
 *
 * ann_functions.c
 *		What an administrator asks of an index: figures, a check of every
 *		invariant, warm buffers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/pg_am.h"
#include "commands/defrem.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"

#include "ann/ann_int.h"

INTEL_FUNCTION(index_stats);
INTEL_FUNCTION(index_check);
INTEL_FUNCTION(index_prewarm);
INTEL_FUNCTION(index_last_scan);
INTEL_FUNCTION(index_format);
INTEL_FUNCTION(index_current_format);

/* Open an index of this access method. */
static Relation
open_index(Oid oid)
{
	Relation index = relation_open(oid, AccessShareLock);

	if (index->rd_rel->relkind != RELKIND_INDEX ||
		index->rd_rel->relam != get_index_am_oid("intel", false))
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is not an index of access method \"intel\"",
					   RelationGetRelationName(index)));
	return index;
}

/* ---- format ---- */

/* Reads no more than what has its place in every format. */
Datum
intel_index_format(PG_FUNCTION_ARGS)
{
	Relation index = open_index(PG_GETARG_OID(0));
	uint32 head[2] = {0}; /* magic, version */
	bool has_meta = RelationGetNumberOfBlocks(index) > ANN_METAPAGE;

	if (has_meta)
	{
		Buffer buffer = ReadBuffer(index, ANN_METAPAGE);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		memcpy(head, PageGetContents(BufferGetPage(buffer)), sizeof(head));
		UnlockReleaseBuffer(buffer);
	}
	relation_close(index, AccessShareLock);
	if (head[0] != ANN_MAGIC)
		PG_RETURN_NULL();
	PG_RETURN_INT32((int32) head[1]);
}

Datum
intel_index_current_format(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(ANN_VERSION);
}

/* ---- stats ---- */

/* Sums over all pages. */
typedef struct Figures
{
	int64 entries;
	int64 list_pages;
	int64 record_pages;
	int64 key_pages;
	int64 longest;
	int64 free_pages;
	int64 dead_lists;
} Figures;

static int64
count_entries(const AnnLayout *layout, Page page)
{
	int64 entries = 0;

	for (int i = 0; i < ann_special(page)->nblocks; i++)
		entries += pg_popcount32(*ann_block(layout, page, i).used);
	return entries;
}

static void
collect_figures(Relation index, const AnnMeta *meta, const AnnLayout *layout,
				const AnnListEntry *entries, Figures *figures)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	int64 *size = palloc0(sizeof(int64) * meta->slots);

	for (BlockNumber block = 0; block < blocks; block++)
	{
		Buffer buffer = ReadBuffer(index, block);
		Page page = BufferGetPage(buffer);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (PageIsNew(page))
			;
		else if (ann_special(page)->kind == ANN_PAGE_LIST)
		{
			uint32 slot = ann_special(page)->list;

			figures->list_pages++;
			if (slot < meta->slots && entries[slot].state == ANN_LIST_LIVE &&
				entries[slot].stamp == ann_special(page)->stamp)
				size[slot] += count_entries(layout, page);
		}
		else if (ann_special(page)->kind == ANN_PAGE_RECORDS)
			figures->record_pages++;
		else if (ann_special(page)->kind == ANN_PAGE_KEYS)
			figures->key_pages++;
		else if (ann_special(page)->kind == ANN_PAGE_FREE)
			figures->free_pages++;
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	for (uint32 slot = 0; slot < meta->slots; slot++)
	{
		figures->entries += size[slot];
		figures->longest = Max(figures->longest, size[slot]);
		figures->dead_lists += entries[slot].state == ANN_LIST_DEAD;
	}
	pfree(size);
}

static AnnListEntry *
read_directory(Relation index, const AnnMeta *meta)
{
	AnnListEntry *entries = MemoryContextAllocHuge(
		CurrentMemoryContext, mul_size(sizeof(AnnListEntry), meta->slots));

	ann_directory_read(index, meta, entries);
	return entries;
}

Datum
intel_index_stats(PG_FUNCTION_ARGS)
{
	static const char *const metrics[] = {"", "l2", "ip", "cosine"};
	Relation index = open_index(PG_GETARG_OID(0));
	Figures figures = {0};
	AnnLayout layout;
	AnnMeta meta;
	TupleDesc desc;
	Datum values[13];
	bool nulls[13] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	ann_meta_read(index, &meta);
	layout = ann_layout(meta.metric, meta.dim, meta.bits, meta.filters);
	collect_figures(index, &meta, &layout, read_directory(index, &meta),
					&figures);
	values[0] = CStringGetTextDatum(metrics[meta.metric]);
	values[1] = Int32GetDatum((int32) meta.dim);
	values[2] = Int32GetDatum((int32) meta.lists);
	values[3] = Int64GetDatum(figures.entries);
	values[4] = Int64GetDatum(figures.longest);
	values[5] = Int32GetDatum((int32) ann_probes(&meta, 0.95, 10));
	values[6] = Int32GetDatum((int32) ann_probes(&meta, 0.95, 100));
	values[7] = Int64GetDatum(figures.list_pages);
	values[8] = Int64GetDatum(figures.record_pages);
	values[9] = Int64GetDatum((int64) meta.centroid_pages);
	values[10] = Int64GetDatum(figures.free_pages);
	values[11] = Int64GetDatum(figures.dead_lists);
	values[12] = Int64GetDatum(figures.key_pages);
	relation_close(index, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

Datum
intel_index_last_scan(PG_FUNCTION_ARGS)
{
	const AnnCounters *last = ann_last_scan();
	TupleDesc desc;
	Datum values[7];
	bool nulls[7] = {false};

	if (last == NULL)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = ObjectIdGetDatum(last->index);
	values[1] = Int64GetDatum(last->lists);
	values[2] = Int64GetDatum(last->codes);
	values[3] = Int64GetDatum(last->filtered);
	values[4] = Int64GetDatum(last->refined);
	values[5] = Int64GetDatum(last->returned);
	values[6] = BoolGetDatum(last->exact);
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---- check ---- */

typedef struct Check
{
	Relation index;
	AnnLayout layout;
	BlockNumber blocks;
	bool *visited;	  /* pages that a chain leads to */
	AnnPageKind kind; /* of the chain being checked */
	uint32 slot;	  /* of the list, and its stamp */
	uint32 stamp;
	bool live;		/* entries must have records */
	uint32 entries; /* seen */
	uint32 counted; /* what the first page says */
	int64 keyed;	/* list pages that have a place on key pages */
	int64 places;	/* that are taken */
	ReturnSetInfo *result;
} Check;

static void
report(Check *check, BlockNumber block, const char *problem)
{
	Datum values[2] = {Int64GetDatum((int64) block),
					   CStringGetTextDatum(problem)};
	bool nulls[2] = {false, false};

	tuplestore_putvalues(check->result->setResult, check->result->setDesc,
						 values, nulls);
}

/* The entry's record must exist and name the same row and list. */
static void
check_entry(Check *check, BlockNumber block, BlockNumber record_page,
			OffsetNumber item, ItemPointerData tid)
{
	Buffer buffer;
	Page page;

	if (record_page >= check->blocks)
	{
		report(check, block, "entry names a page beyond the end");
		return;
	}
	buffer = ReadBuffer(check->index, record_page);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	if (PageIsNew(page) || ann_special(page)->kind != ANN_PAGE_RECORDS)
		report(check, block, "entry names a page without records");
	else if (item < FirstOffsetNumber || item > PageGetMaxOffsetNumber(page) ||
			 !ItemIdIsNormal(PageGetItemId(page, item)))
		report(check, block, "entry names a record that does not exist");
	else
	{
		ItemId id = PageGetItemId(page, item);
		AnnRecord *record = (AnnRecord *) PageGetItem(page, id);

		if (ItemIdGetLength(id) != (unsigned) check->layout.record_size)
			report(check, record_page, "record has a wrong size");
		else if (!ItemPointerEquals(&record->tid, &tid))
			report(check, block, "record belongs to another row");
		else if (record->list != check->slot || record->stamp != check->stamp)
			report(check, block, "record belongs to another list");
		else if (isnan(record->add) || isnan(record->scale) ||
				 !(record->error >= 0) || !(record->norm >= 0) ||
				 !(ann_record_factors(record).slack >= 0))
			report(check, record_page, "record has impossible factors");
	}
	UnlockReleaseBuffer(buffer);
}

/* Whether a place has the keys of an entry, and where its record is. */
static bool
has_entry(const AnnLayout *layout, const AnnBlock *entries, int slot,
		  Page keys, int place, int block)
{
	const AnnKeyRecords *records = ann_key_records(layout, keys, place, block);

	for (int f = 0; f < layout->filters; f++)
	{
		uint16 key = ann_short_key(entries->keys[f * ANN_BLOCK + slot]);

		if (ann_key_bytes(layout, keys, f, 0, place, block)[slot] !=
				key >> 8 ||
			ann_key_bytes(layout, keys, f, 1, place, block)[slot] !=
				(key & 0xFF))
			return false;
	}
	return records->page[slot] == entries->record_page[slot] &&
		   records->item[slot] == entries->record_item[slot];
}

/* Whether the keys of the entries in use are in a place. */
static bool
has_keys(const AnnLayout *layout, Page page, Page keys, int place)
{
	for (int i = 0; i < ann_special(page)->nblocks; i++)
	{
		AnnBlock entries = ann_block(layout, page, i);

		for (uint32 used = *entries.used; used != 0; used &= used - 1)
			if (i >= layout->blocks_per_page ||
				i >= ann_key_place(layout, keys, place)->blocks ||
				!has_entry(layout, &entries, pg_rightmost_one_pos32(used),
						   keys, place, i))
				return false;
	}
	return true;
}

/* The place that a list page names must be its own, with its keys. */
static void
check_keys(Check *check, BlockNumber block, Page page)
{
	const AnnPageSpecial *special = ann_special(page);
	AnnKeyPlace *place;
	Buffer buffer;
	Page keys;

	if (check->layout.filters == 0)
		return;
	check->keyed++;
	if (special->keys >= check->blocks ||
		special->keys_place >= check->layout.places_per_page)
	{
		report(check, block, "list page names an impossible place for keys");
		return;
	}
	buffer = ReadBuffer(check->index, special->keys);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	keys = BufferGetPage(buffer);
	place = ann_key_place(&check->layout, keys, special->keys_place);
	if (PageIsNew(keys) || ann_special(keys)->kind != ANN_PAGE_KEYS)
		report(check, block, "list page names a page without keys");
	else if (place->page != block || place->list != special->list ||
			 place->stamp != special->stamp)
		report(check, block, "keys belong to another list page");
	else if (!has_keys(&check->layout, page, keys, special->keys_place))
		report(check, special->keys, "entries have other keys");
	UnlockReleaseBuffer(buffer);
}

static void
check_places(Check *check, BlockNumber block, Page page)
{
	uint32 entries = 0;

	for (int i = 0; i < check->layout.places_per_page; i++)
	{
		const AnnKeyPlace *place = ann_key_place(&check->layout, page, i);

		check->places += place->page != ANN_METAPAGE;
		entries += place->entries;
	}
	if (entries != ann_special(page)->entries)
		report(check, block, "places of keys have another count of entries");
}

/* Check a page of a chain; returns the next. */
static BlockNumber
check_page(Check *check, BlockNumber block, bool first)
{
	PGAlignedBlock copy;
	Page page = (Page) copy.data;
	Buffer buffer = ReadBuffer(check->index, block);
	AnnPageSpecial *special;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(page, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	if (PageIsNew(page) ||
		PageGetSpecialSize(page) != MAXALIGN(sizeof(AnnPageSpecial)) ||
		ann_special(page)->kind != check->kind)
	{
		report(check, block, "page of a chain is of another kind");
		return InvalidBlockNumber;
	}
	special = ann_special(page);
	if (check->kind == ANN_PAGE_KEYS)
		check_places(check, block, page);
	if (check->kind != ANN_PAGE_LIST)
		return special->next;
	if (special->list != check->slot || special->stamp != check->stamp)
		report(check, block, "list page belongs to another list");
	if (first)
		check->counted = special->entries;
	if (special->nblocks > check->layout.blocks_per_page)
	{
		report(check, block, "list page has too many blocks");
		return special->next;
	}
	check_keys(check, block, page);
	for (int i = 0; i < special->nblocks; i++)
	{
		AnnBlock entries = ann_block(&check->layout, page, i);

		for (int slot = 0; slot < ANN_BLOCK; slot++)
			if (*entries.used & ((uint32) 1 << slot))
			{
				if (isnan(entries.add[slot]) || isnan(entries.scale[slot]) ||
					!(entries.error[slot] >= 0))
					report(check, block, "entry has impossible factors");
				check->entries++;
				if (check->live)
					check_entry(check, block, entries.record_page[slot],
								entries.record_item[slot], entries.tid[slot]);
			}
		CHECK_FOR_INTERRUPTS();
	}
	return special->next;
}

static void
check_chain(Check *check, AnnPageKind kind, BlockNumber head)
{
	BlockNumber block = head;

	check->kind = kind;
	check->entries = check->counted = 0;

	while (block != InvalidBlockNumber)
	{
		if (block >= check->blocks)
		{
			/* a page that was added after the check began */
			if (block >= RelationGetNumberOfBlocks(check->index))
				report(check, block, "chain leads beyond the end");
			return;
		}
		if (check->visited[block])
		{
			report(check, block, "two chains meet or a chain has a loop");
			return;
		}
		check->visited[block] = true;
		block = check_page(check, block, block == head);
	}
}

/* The directory: live lists as many as said, and every list's chain. */
static void
check_directory(Check *check, const AnnMeta *meta)
{
	AnnListEntry *entries = read_directory(check->index, meta);
	uint32 live = 0;

	for (uint32 slot = 0; slot < meta->slots; slot++)
	{
		const AnnListEntry *entry = &entries[slot];

		check->slot = slot;
		check->stamp = entry->stamp;
		check->live = entry->state == ANN_LIST_LIVE;
		live += check->live;
		if (entry->state > ANN_LIST_DEAD || entry->stamp > meta->stamp)
			report(check, ANN_METAPAGE, "impossible entry in the directory");
		if (entry->state == ANN_LIST_EMPTY)
			continue;
		if (isnan(entry->norm_squared) || !(entry->norm_squared >= 0))
			report(check, ANN_METAPAGE, "centroid has an impossible norm");
		if (entry->centroid_block == meta->centroid_start &&
			entry->centroid_word == 0)
			report(check, ANN_METAPAGE, "centroid in the place of the mean");
		check_chain(check, ANN_PAGE_LIST, entry->head);
		if (check->live && check->entries != check->counted)
			report(check, entry->head, "list has a wrong count of entries");
	}
	if (live != meta->lists)
		report(check, ANN_METAPAGE, "wrong count of live lists");
	pfree(entries);
}

/* Lists that were being written when the server crashed. */
static void
check_drafts(Check *check, const AnnMeta *meta)
{
	check->live = false;
	for (int i = 0; i < 2; i++)
	{
		Buffer buffer;

		if (meta->draft[i] == InvalidBlockNumber ||
			meta->draft[i] >= check->blocks)
			continue;
		buffer = ReadBuffer(check->index, meta->draft[i]);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		check->slot = ann_special(BufferGetPage(buffer))->list;
		check->stamp = ann_special(BufferGetPage(buffer))->stamp;
		UnlockReleaseBuffer(buffer);
		check_chain(check, ANN_PAGE_LIST, meta->draft[i]);
	}
}

/* Every page is of a known kind, and belongs to a chain where it must. */
static void
check_strays(Check *check)
{
	for (BlockNumber block = 0; block < check->blocks; block++)
	{
		Buffer buffer = ReadBuffer(check->index, block);
		Page page = BufferGetPage(buffer);
		int kind = 0;

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		/* a crash right after extending leaves a new page */
		if (!PageIsNew(page))
			kind = PageGetSpecialSize(page) == MAXALIGN(sizeof(AnnPageSpecial))
					   ? ann_special(page)->kind
					   : -1;
		if (kind == ANN_PAGE_LIST && !check->visited[block])
			report(check, block, "list page that no chain leads to");
		else if (kind != 0 &&
				 (kind < ANN_PAGE_META || kind > ANN_PAGE_FREE ||
				  (kind == ANN_PAGE_META) != (block == ANN_METAPAGE)))
			report(check, block, "page of an unknown kind");
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
}

Datum
intel_index_check(PG_FUNCTION_ARGS)
{
	Check check = {.index = open_index(PG_GETARG_OID(0))};
	AnnMeta meta;

	InitMaterializedSRF(fcinfo, 0);
	check.result = (ReturnSetInfo *) fcinfo->resultinfo;
	/* inserts and vacuum wait, so that entries and records are seen as one */
	if (RecoveryInProgress())
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("an index cannot be checked during recovery"));
	LockRelationOid(PG_GETARG_OID(0), ShareLock);
	ann_meta_read(check.index, &meta);
	check.layout = ann_layout(meta.metric, meta.dim, meta.bits, meta.filters);
	check.blocks = RelationGetNumberOfBlocks(check.index);
	check.visited = palloc0(check.blocks);
	check_directory(&check, &meta);
	check_drafts(&check, &meta);
	check_chain(&check, ANN_PAGE_DIRECTORY, meta.directory_start);
	check_chain(&check, ANN_PAGE_CENTROIDS, meta.centroid_start);
	check_chain(&check, ANN_PAGE_KEYS, meta.keys_start);
	if (check.places != check.keyed)
		report(&check, ANN_METAPAGE, "wrong count of places for keys");
	check_strays(&check);
	relation_close(check.index, NoLock);
	return (Datum) 0;
}

/* ---- prewarm ---- */

Datum
intel_index_prewarm(PG_FUNCTION_ARGS)
{
	Relation index = open_index(PG_GETARG_OID(0));
	BlockNumber blocks = RelationGetNumberOfBlocks(index);

	for (BlockNumber block = 0; block < blocks; block++)
	{
		ReleaseBuffer(ReadBuffer(index, block));
		CHECK_FOR_INTERRUPTS();
	}
	(void) ann_cache(index);
	relation_close(index, AccessShareLock);
	PG_RETURN_INT64((int64) blocks);
}
