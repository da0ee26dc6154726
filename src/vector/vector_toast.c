/*-------------------------------------------------------------------------
 *
 * vector_toast.c
 *		Reading vectors that are stored out of line, one after the other.
 *
 * A vector of more than some 500 floats lies in the TOAST table, and an exact
 * search fetches one per row. The server looks every value up in the index of
 * the TOAST table, which takes several times as long as the distance. But rows
 * that were written together have their values next to each other: after the
 * chunks of one value come those of the next, perhaps with another column's in
 * between. So a call site remembers where the last value ended, and looks there
 * and on the next pages first. A value elsewhere, as an updated row has it, is
 * read by the index, and afterwards the guesses go on where they were right.
 * A chunk found so is used only if it carries the wanted value's id and number
 * and is visible to the same snapshot as the server's lookup, so a wrong guess
 * costs time and never gives another value. After many in a row, as where rows
 * are read in another order than they were written in, they become rare.
 *
 * The value goes into a buffer of the call site, which also serves the query
 * vector that is the same in each call. Nothing here is freed per call.
 *
 * The lock on the TOAST table is kept until the end of the transaction, as the
 * one on its table is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/table.h"
#include "access/toast_internals.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "vector/vector_int.h"

/* after so many wrong guesses in a row, one call in GUESS_RARELY guesses */
#define GUESS_LIMIT 32
#define GUESS_RARELY 16
/* how many pages after the one where the last value ended to look through */
#define GUESS_PAGES 2

/* The value last read for one argument. */
typedef struct ToastValue
{
	Oid relid; /* its TOAST table, InvalidOid: none */
	Oid valueid;
	struct varlena *data; /* with a full header */
	size_t capacity;
} ToastValue;

/* Where the values of one argument are read. */
typedef struct ToastRun
{
	Oid relid;			  /* TOAST table that next is in */
	ItemPointerData next; /* behind the last value */
	ItemPointerData run;  /* behind the last one that was guessed */
	BlockNumber nblocks;  /* known size of relid */
	uint32 misses;		  /* wrong guesses since the last right one */
} ToastRun;

/* State of a call site, in fn_extra; arrays are by argument. */
typedef struct ToastReader
{
	TimestampTz statement; /* all below is of this statement */
	ToastRun run[2];
	ToastValue value[2];
} ToastReader;

/* What is being fetched. */
typedef struct ToastFetch
{
	Relation rel;
	SnapshotData *snapshot;
	Oid valueid;
	size_t size; /* bytes of the value, without header */
	char *to;
	ItemPointerData tid; /* of the chunk last read */
} ToastFetch;

/*
 * Copy chunk seq if tuple is that chunk of the value and has the size that
 * its number demands.
 */
static bool
take_chunk(ToastFetch *fetch, HeapTuple tuple, int32 seq)
{
	TupleDesc desc = RelationGetDescr(fetch->rel);
	size_t offset = (size_t) seq * TOAST_MAX_CHUNK_SIZE;
	struct varlena *chunk;
	bool isnull;

	if (DatumGetObjectId(fastgetattr(tuple, 1, desc, &isnull)) !=
			fetch->valueid ||
		DatumGetInt32(fastgetattr(tuple, 2, desc, &isnull)) != seq)
		return false;
	chunk = (struct varlena *) DatumGetPointer(
		fastgetattr(tuple, 3, desc, &isnull));
	if (isnull || VARATT_IS_EXTERNAL(chunk) || VARATT_IS_COMPRESSED(chunk) ||
		offset >= fetch->size ||
		VARSIZE_ANY_EXHDR(chunk) !=
			Min(fetch->size - offset, TOAST_MAX_CHUNK_SIZE))
		return false;
	memcpy(fetch->to + offset, VARDATA_ANY(chunk), VARSIZE_ANY_EXHDR(chunk));
	fetch->tid = tuple->t_self;
	return true;
}

/*
 * Take chunks from *seq on from block, starting at offset; *seq is the first
 * that was not taken. Before the first chunk others may come, those of other
 * columns or of dead rows; after it, its own must follow.
 */
static void
take_chunks(ToastFetch *fetch, BlockNumber block, OffsetNumber offset,
			int32 nchunks, int32 *seq)
{
	Buffer buffer = ReadBuffer(fetch->rel, block);
	Page page;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	for (; *seq < nchunks && offset <= PageGetMaxOffsetNumber(page); offset++)
	{
		ItemId item = PageGetItemId(page, offset);
		HeapTupleData tuple;

		if (!ItemIdIsNormal(item))
			continue;
		tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple.t_len = ItemIdGetLength(item);
		tuple.t_tableOid = RelationGetRelid(fetch->rel);
		ItemPointerSet(&tuple.t_self, block, offset);
		if (take_chunk(fetch, &tuple, *seq) &&
			HeapTupleSatisfiesVisibility(&tuple, fetch->snapshot, buffer))
			(*seq)++;
		else if (*seq > 0)
			break;
		if (*seq == nchunks)
			vector_prefetch_next(tuple.t_data, fetch->size);
	}
	UnlockReleaseBuffer(buffer);
}

/* Is block within the table? Asks for its size when the known one is small. */
static bool
have_block(ToastRun *run, Relation rel, BlockNumber block)
{
	if (block >= run->nblocks)
		run->nblocks = RelationGetNumberOfBlocks(rel);
	return block < run->nblocks;
}

/* Read the value if it is at tid or shortly after. */
static bool
fetch_at(ToastRun *run, ToastFetch *fetch, const ItemPointerData *tid)
{
	int32 nchunks = (fetch->size - 1) / TOAST_MAX_CHUNK_SIZE + 1;
	BlockNumber block = ItemPointerGetBlockNumber(tid);
	OffsetNumber offset = ItemPointerGetOffsetNumber(tid);
	int32 seq = 0;

	for (int pages = 0; seq < nchunks; pages++)
	{
		int32 before = seq;

		if (!have_block(run, fetch->rel, block))
			return false;
		take_chunks(fetch, block, offset, nchunks, &seq);
		if (seq == before && (seq > 0 || pages >= GUESS_PAGES))
			return false;
		block++;
		offset = FirstOffsetNumber;
	}
	return true;
}

/*
 * Read the value behind the last one or, after values that lie elsewhere as
 * those of updated rows do, behind the last one of the run they interrupted.
 */
static bool
fetch_by_guess(ToastRun *run, ToastFetch *fetch)
{
	if (!ItemPointerIsValid(&run->next) ||
		(run->misses >= GUESS_LIMIT && run->misses % GUESS_RARELY != 0))
		return false;
	return fetch_at(run, fetch, &run->next) ||
		   (ItemPointerIsValid(&run->run) &&
			!ItemPointerEquals(&run->run, &run->next) &&
			fetch_at(run, fetch, &run->run));
}

/* Read the value by the index, as the server does. */
static bool
fetch_by_index(ToastFetch *fetch)
{
	int32 nchunks = (fetch->size - 1) / TOAST_MAX_CHUNK_SIZE + 1;
	Relation *indexes;
	int nindexes;
	int valid =
		toast_open_indexes(fetch->rel, AccessShareLock, &indexes, &nindexes);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	int32 seq = 0;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(fetch->valueid));
	scan = systable_beginscan_ordered(fetch->rel, indexes[valid],
									  fetch->snapshot, 1, &key);
	while (seq < nchunks &&
		   (tuple = systable_getnext_ordered(scan, ForwardScanDirection)) !=
			   NULL &&
		   take_chunk(fetch, tuple, seq))
		seq++;
	systable_endscan_ordered(scan);
	toast_close_indexes(indexes, nindexes, NoLock);
	return seq == nchunks;
}

/* Fetch into fetch->to by whichever way; false: leave it to the server. */
static bool
fetch_value(ToastRun *run, ToastFetch *fetch, Oid relid)
{
	bool guessed;

	if (run->relid != relid)
	{
		run->relid = relid;
		run->nblocks = 0;
		run->misses = 0;
		ItemPointerSetInvalid(&run->next);
		ItemPointerSetInvalid(&run->run);
	}
	guessed = fetch_by_guess(run, fetch);
	if (!guessed && !fetch_by_index(fetch))
		return false;

	run->misses = guessed ? 0 : run->misses + 1;
	ItemPointerSet(&run->next, ItemPointerGetBlockNumber(&fetch->tid),
				   ItemPointerGetOffsetNumber(&fetch->tid) + 1);
	if (guessed)
		run->run = run->next;
	return true;
}

/* The state of the call site, new at the first call and in each statement. */
static ToastReader *
get_reader(FmgrInfo *flinfo)
{
	ToastReader *reader = flinfo->fn_extra;
	TimestampTz statement = GetCurrentStatementStartTimestamp();

	if (reader == NULL)
		flinfo->fn_extra = reader =
			MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(ToastReader));
	if (reader->statement != statement)
	{
		reader->statement = statement;
		reader->run[0].relid = InvalidOid;
		reader->run[1].relid = InvalidOid;
		reader->value[0].relid = InvalidOid;
		reader->value[1].relid = InvalidOid;
	}
	return reader;
}

/* Room for size bytes and a header in the buffer of an argument. */
static void
reserve(ToastValue *value, size_t size, MemoryContext context)
{
	if (value->capacity >= size + VARHDRSZ)
		return;
	if (value->data != NULL)
		pfree(value->data);
	value->data = NULL;
	value->capacity = 0;
	value->data = MemoryContextAlloc(context, size + VARHDRSZ);
	value->capacity = size + VARHDRSZ;
}

struct varlena *
vector_getarg_toasted(FunctionCallInfo fcinfo, int n)
{
	struct varlena *attr = (struct varlena *) PG_GETARG_POINTER(n);
	struct varatt_external pointer;
	ToastReader *reader;
	ToastValue *value;
	ToastFetch fetch;
	SnapshotData space;
	bool found;

	Assert(n < 2);
	if (!VARATT_IS_EXTERNAL_ONDISK(attr) || fcinfo->flinfo == NULL)
		return PG_DETOAST_DATUM_PACKED(PointerGetDatum(attr));
	VARATT_EXTERNAL_GET_POINTER(pointer, attr);
	/* VARATT_EXTERNAL_IS_COMPRESSED, which mixes signs */
	if ((int64) VARATT_EXTERNAL_GET_EXTSIZE(pointer) <
			(int64) pointer.va_rawsize - VARHDRSZ ||
		VARATT_EXTERNAL_GET_EXTSIZE(pointer) == 0)
		return PG_DETOAST_DATUM_PACKED(PointerGetDatum(attr));

	reader = get_reader(fcinfo->flinfo);
	for (int i = 0; i < 2; i++)
		if (reader->value[i].relid == pointer.va_toastrelid &&
			reader->value[i].valueid == pointer.va_valueid)
			return reader->value[i].data;

	value = &reader->value[n];
	fetch.size = VARATT_EXTERNAL_GET_EXTSIZE(pointer);
	fetch.valueid = pointer.va_valueid;
	fetch.snapshot = compat_toast_snapshot(&space);
	value->relid = InvalidOid;
	reserve(value, fetch.size, fcinfo->flinfo->fn_mcxt);
	fetch.to = VARDATA(value->data);
	fetch.rel = table_open(pointer.va_toastrelid, AccessShareLock);
	found = fetch.rel->rd_rel->relam == HEAP_TABLE_AM_OID &&
			fetch_value(&reader->run[n], &fetch, pointer.va_toastrelid);
	table_close(fetch.rel, NoLock);
	/* whatever is strange is for the server to report */
	if (!found)
		return PG_DETOAST_DATUM_PACKED(PointerGetDatum(attr));

	SET_VARSIZE(value->data, fetch.size + VARHDRSZ);
	value->relid = pointer.va_toastrelid;
	value->valueid = pointer.va_valueid;
	return value->data;
}
