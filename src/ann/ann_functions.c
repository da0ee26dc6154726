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
#include "storage/lmgr.h"
#include "utils/builtins.h"

#include "ann/ann_int.h"

INTEL_FUNCTION(index_stats);
INTEL_FUNCTION(index_check);
INTEL_FUNCTION(index_prewarm);
INTEL_FUNCTION(index_last_scan);

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

/* ---- stats ---- */

/* Sums over all pages. */
typedef struct Figures
{
	int64 entries;
	int64 list_pages;
	int64 record_pages;
	int64 longest;
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
collect_figures(Relation index, const AnnCache *cache, Figures *figures)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	int64 *size = palloc0(sizeof(int64) * cache->meta.lists);

	for (BlockNumber block = 0; block < blocks; block++)
	{
		Buffer buffer = ReadBuffer(index, block);
		Page page = BufferGetPage(buffer);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(page) && ann_special(page)->kind == ANN_PAGE_LIST &&
			ann_special(page)->list < cache->meta.lists)
		{
			figures->list_pages++;
			size[ann_special(page)->list] +=
				count_entries(&cache->layout, page);
		}
		else if (!PageIsNew(page) &&
				 ann_special(page)->kind == ANN_PAGE_RECORDS)
			figures->record_pages++;
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	for (uint32 list = 0; list < cache->meta.lists; list++)
	{
		figures->entries += size[list];
		figures->longest = Max(figures->longest, size[list]);
	}
	pfree(size);
}

Datum
intel_index_stats(PG_FUNCTION_ARGS)
{
	static const char *const metrics[] = {"", "l2", "ip", "cosine"};
	Relation index = open_index(PG_GETARG_OID(0));
	const AnnCache *cache = ann_cache(index);
	Figures figures = {0};
	TupleDesc desc;
	Datum values[10];
	bool nulls[10] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	collect_figures(index, cache, &figures);
	values[0] = CStringGetTextDatum(metrics[cache->meta.metric]);
	values[1] = Int32GetDatum((int32) cache->meta.dim);
	values[2] = Int32GetDatum((int32) cache->meta.lists);
	values[3] = Int64GetDatum(figures.entries);
	values[4] = Int64GetDatum(figures.longest);
	values[5] = Int32GetDatum((int32) ann_probes(&cache->meta, 0.95, 10));
	values[6] = Int32GetDatum((int32) ann_probes(&cache->meta, 0.95, 100));
	values[7] = Int64GetDatum(figures.list_pages);
	values[8] = Int64GetDatum(figures.record_pages);
	values[9] = Int64GetDatum((int64) cache->meta.centroid_pages);
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
	uint32 lists;
	BlockNumber blocks;
	bool *visited; /* list pages that a chain leads to */
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
check_entry(Check *check, BlockNumber block, uint32 list,
			BlockNumber record_page, OffsetNumber item, ItemPointerData tid)
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
		else if (record->list != list)
			report(check, block, "record belongs to another list");
		else if (isnan(record->factors.add) || isnan(record->factors.scale) ||
				 isnan(record->factors.error) ||
				 !(record->factors.error >= 0) || !(record->factors.norm >= 0))
			report(check, record_page, "record has impossible factors");
	}
	UnlockReleaseBuffer(buffer);
}

/* Check a list page; returns the next of its chain. */
static BlockNumber
check_list_page(Check *check, BlockNumber block, uint32 list)
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
		ann_special(page)->kind != ANN_PAGE_LIST)
	{
		report(check, block, "page of a chain is no list page");
		return InvalidBlockNumber;
	}
	special = ann_special(page);
	if (special->list != list)
		report(check, block, "list page belongs to another list");
	if (special->nblocks > check->layout.blocks_per_page)
	{
		report(check, block, "list page has too many blocks");
		return special->next;
	}
	for (int i = 0; i < special->nblocks; i++)
	{
		AnnBlock entries = ann_block(&check->layout, page, i);

		for (int slot = 0; slot < ANN_BLOCK; slot++)
			if (*entries.used & ((uint32) 1 << slot))
			{
				if (isnan(entries.add[slot]) || isnan(entries.scale[slot]) ||
					!(entries.error[slot] >= 0))
					report(check, block, "entry has impossible factors");
				check_entry(check, block, list, entries.record_page[slot],
							entries.record_item[slot], entries.tid[slot]);
			}
		CHECK_FOR_INTERRUPTS();
	}
	return special->next;
}

static void
check_chain(Check *check, uint32 list, BlockNumber head)
{
	BlockNumber block = head;

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
		block = check_list_page(check, block, list);
	}
}

Datum
intel_index_check(PG_FUNCTION_ARGS)
{
	Check check = {.index = open_index(PG_GETARG_OID(0))};
	const AnnCache *cache = ann_cache(check.index);
	BlockNumber *head;

	InitMaterializedSRF(fcinfo, 0);
	check.result = (ReturnSetInfo *) fcinfo->resultinfo;
	check.layout = cache->layout;
	check.lists = cache->meta.lists;
	head = palloc(mul_size(sizeof(BlockNumber), check.lists));
	memcpy(head, cache->head, sizeof(BlockNumber) * check.lists);
	/* inserts and vacuum wait, so that entries and records are seen as one */
	if (RecoveryInProgress())
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("an index cannot be checked during recovery"));
	LockRelationOid(PG_GETARG_OID(0), ShareLock);
	check.blocks = RelationGetNumberOfBlocks(check.index);
	check.visited = palloc0(check.blocks);
	for (uint32 list = 0; list < check.lists; list++)
		check_chain(&check, list, head[list]);
	for (BlockNumber block = 0; block < check.blocks; block++)
	{
		Buffer buffer = ReadBuffer(check.index, block);
		Page page = BufferGetPage(buffer);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(page) && ann_special(page)->kind == ANN_PAGE_LIST &&
			!check.visited[block])
			report(&check, block, "list page that no chain leads to");
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
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
