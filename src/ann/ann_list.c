/*-------------------------------------------------------------------------
 *
 * ann_list.c
 *		Lists that split when they grow and merge when they shrink.
 *
 * A list that has three times the entries that the build aims at is replaced by
 * two, by the backend whose insert made it so. A list that vacuum leaves
 * nearly empty is replaced, together with its nearest neighbour, by one. The
 * codes are made anew from the byte codes, whose error is known, so bounds
 * stay certain without a look at the table. README.md has the protocol.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "ann/ann_int.h"
#include "ann/ann_kmeans.h"
#include "base/wait_point.h"

/*
 * A list of more than this times the size aimed at is split. Builds use the same
 * bound, so they leave inserts nothing to catch up with.
 */
#define SPLIT_AT 3

/* From here on an insert waits for its turn to split. */
#define SPLIT_NOW 4

/* Rows of a list, at least, of which k-means makes the two centroids. */
#define SPLIT_SAMPLE 128

/* Rounds of k-means over all rows of the list after that. */
#define SPLIT_ROUNDS 2

/* A list of less than this part of the size is merged. */
#define MERGE_BELOW 4

/* A part below this is no split: the list is halved in the middle instead. */
#define SMALLEST_PART 8

/* All of fewer lists are probed, unless a build counted. */
#define CALIBRATE_FROM 8

/* Dead lists freed by the way. */
#define FREE_AT_ONCE 4

/* A row taken out of a list. */
typedef struct Row
{
	AnnEntry entry;
	double distance; /* of x from the row's vector, at most; infinite: any */
	float *x;
} Row;

/* Lists on their way to become others. */
typedef struct Exchange
{
	Relation index;
	AnnLayout layout;
	uint32 n;
	uint32 space;
	Row *rows;
	float *vectors;	   /* of rows, with the room that k-means asks for */
	float *centroid;   /* of each part, full_dim */
	uint8 *part;	   /* of each row: 0 or 1 */
	AnnReplacement by; /* what takes the place of what */
} Exchange;

/* ---- locks ---- */

void
ann_list_lock(Relation index, const AnnList *list, LOCKMODE mode)
{
	LockPage(index, list->head, mode);
}

void
ann_list_unlock(Relation index, const AnnList *list, LOCKMODE mode)
{
	UnlockPage(index, list->head, mode);
}

static bool
lock_directory(Relation index, bool wait)
{
	if (!wait)
		return ConditionalLockPage(index, ANN_METAPAGE, ExclusiveLock);
	LockPage(index, ANN_METAPAGE, ExclusiveLock);
	return true;
}

static void
unlock_directory(Relation index)
{
	UnlockPage(index, ANN_METAPAGE, ExclusiveLock);
}

/* ---- sizes ---- */

/* Entries of a list that are aimed at; as builds do, more in huge indexes. */
static uint32
aimed_size(const AnnMeta *meta)
{
	double size = ann_list_size((int) meta->dim);

	return Max(meta->list_size, (uint32) (meta->lists * size * size / 1e6));
}

static uint32
count_entries(Relation index, const AnnList *list)
{
	Buffer buffer =
		ann_page_read(index, list->head, ANN_PAGE_LIST, BUFFER_LOCK_SHARE);
	uint32 entries = ann_special(BufferGetPage(buffer))->entries;

	UnlockReleaseBuffer(buffer);
	return entries;
}

/* Where the list is among the live ones now; -1: it was replaced. */
static int64
find_list(const AnnCache *cache, const AnnList *list)
{
	for (uint32 i = 0; i < cache->meta.lists; i++)
		if (cache->list[i].slot == list->slot)
			return cache->list[i].stamp == list->stamp ? (int64) i : -1;
	return -1;
}

/* ---- reading a list ---- */

/* Decode the record of a row into x, which then is all of the vector. */
static void
read_vector(Exchange *job, Row *row, BlockNumber block, OffsetNumber item,
			const float *centroid)
{
	const AnnShape *shape = &job->layout.shape;
	Buffer buffer =
		ann_page_read(job->index, block, ANN_PAGE_RECORDS, BUFFER_LOCK_SHARE);
	Page page = BufferGetPage(buffer);
	double norm = 0;
	double squared = 0;

	if (item <= PageGetMaxOffsetNumber(page) &&
		ItemIdIsUsed(PageGetItemId(page, item)))
	{
		const AnnRecord *record =
			(AnnRecord *) PageGetItem(page, PageGetItemId(page, item));

		AnnByteFactors factors = ann_record_factors(record);

		row->distance = ann_decode(shape, record->bytes, &factors, row->x);
		norm = factors.norm;
	}
	else
		row->distance = INFINITY;
	UnlockReleaseBuffer(buffer);
	if (!isfinite(row->distance))
		memset(row->x, 0, sizeof(float) * shape->full_dim);
	for (int i = 0; i < shape->full_dim; i++)
	{
		squared += (double) centroid[i] * centroid[i];
		row->x[i] += centroid[i];
	}
	/* the sum above is rounded */
	row->distance += 1e-6 * (norm + sqrt(squared));
}

/* Room for one more row. */
static Row *
add_row(Exchange *job)
{
	if (job->n == job->space)
	{
		job->space = Max(2 * job->space, 1024);
		job->rows = job->rows == NULL
						? palloc(sizeof(Row) * job->space)
						: repalloc_huge(job->rows, sizeof(Row) * job->space);
	}
	return &job->rows[job->n++];
}

/* Copy the entries in use of a page; their vectors are read without lock. */
static BlockNumber
read_page(Exchange *job, BlockNumber block, const float *centroid)
{
	PGAlignedBlock copy;
	Page page = (Page) copy.data;
	Buffer buffer =
		ann_page_read(job->index, block, ANN_PAGE_LIST, BUFFER_LOCK_SHARE);

	memcpy(page, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	for (int i = 0; i < ann_special(page)->nblocks; i++)
	{
		AnnBlock entries = ann_block(&job->layout, page, i);

		for (int slot = 0; slot < ANN_BLOCK; slot++)
		{
			Row *row;

			if (!(*entries.used & ((uint32) 1 << slot)))
				continue;
			row = add_row(job);
			memset(row, 0, sizeof(Row));
			row->entry.tid = entries.tid[slot];
			for (int f = 0; f < job->layout.filters; f++)
				row->entry.keys[f] = entries.keys[f * ANN_BLOCK + slot];
			row->x = palloc(sizeof(float) * job->layout.shape.full_dim);
			read_vector(job, row, entries.record_page[slot],
						entries.record_item[slot], centroid);
		}
	}
	CHECK_FOR_INTERRUPTS();
	return ann_special(page)->next;
}

static void
read_list(Exchange *job, const AnnCache *cache, uint32 at)
{
	int dim = job->layout.shape.full_dim;
	float *centroid = palloc(sizeof(float) * dim);
	BlockNumber block = cache->list[at].head;

	job->by.old[job->by.nold++] = cache->list[at].slot;
	memcpy(centroid, cache->centroid + (size_t) at * dim, sizeof(float) * dim);
	while (block != InvalidBlockNumber)
		block = read_page(job, block, centroid);
	pfree(centroid);
}

/* ---- dividing ---- */

/* Runs inside k-means, so it must not raise. */
static bool
kmeans_check(void *arg)
{
	(void) arg;
	return InterruptPending && (QueryCancelPending || ProcDiePending);
}

static void
set_centroid(Exchange *job, int part)
{
	int dim = job->layout.shape.full_dim;
	double *sum = palloc0(sizeof(double) * dim);
	uint32 count = 0;

	for (uint32 i = 0; i < job->n; i++)
		if (job->part[i] == part && isfinite(job->rows[i].distance))
		{
			for (int d = 0; d < dim; d++)
				sum[d] += job->rows[i].x[d];
			count++;
		}
	for (int d = 0; d < dim; d++)
		job->centroid[(size_t) part * dim + d] =
			count > 0 ? (float) (sum[d] / count) : 0;
	pfree(sum);
}

typedef struct Lean
{
	float lean;
	uint32 row;
} Lean;

static int
compare_leans(const void *a, const void *b)
{
	const Lean *x = a;
	const Lean *y = b;

	if (x->lean != y->lean)
		return x->lean < y->lean ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

/*
 * Divide rows by which of two centroids is nearer; where that would leave
 * nearly all on one side, as with equal rows or an outlier, in the middle.
 */
static void
divide(Exchange *job)
{
	int dim = job->layout.shape.full_dim;
	const float *a = job->centroid;
	const float *b = job->centroid + dim;
	float offset =
		(ann_kernels->dot(dim, a, a) - ann_kernels->dot(dim, b, b)) / 2;
	Lean *leans = palloc(sizeof(Lean) * job->n);
	uint32 first = 0;

	for (uint32 i = 0; i < job->n; i++)
	{
		const float *x = job->rows[i].x;

		leans[i].row = i;
		leans[i].lean =
			offset - ann_kernels->dot(dim, x, a) + ann_kernels->dot(dim, x, b);
		first += leans[i].lean < 0;
	}
	qsort(leans, job->n, sizeof(Lean), compare_leans);
	if (first < job->n / SMALLEST_PART ||
		first > job->n - job->n / SMALLEST_PART)
		first = job->n / 2;
	for (uint32 i = 0; i < job->n; i++)
		job->part[leans[i].row] = i >= first;
	pfree(leans);
}

/* Two centroids by k-means over rows from all parts of the list. */
static void
sample_centroids(Exchange *job)
{
	int dim = job->layout.shape.full_dim;
	uint32 every = Max(job->n / SPLIT_SAMPLE, 1);
	AnnKmeans kmeans = {.dim = dim,
						.n = (int) ((job->n + every - 1) / every),
						.wanted = 2,
						.seed = 1,
						.check = kmeans_check};
	void *memory = MemoryContextAllocExtended(
		CurrentMemoryContext, ann_kmeans_size(dim, kmeans.n, 2),
		MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	kmeans.rows = MemoryContextAllocExtended(
		CurrentMemoryContext,
		mul_size(sizeof(float) * dim, kmeans.n + ANN_ROWS),
		MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ann_kmeans_place(&kmeans, memory);
	for (int i = 0; i < kmeans.n; i++)
		memcpy(kmeans.rows + (size_t) i * dim, job->rows[(size_t) i * every].x,
			   sizeof(float) * dim);
	if (ann_kmeans(&kmeans) == ANN_KMEANS_NO_MEMORY)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY),
				errmsg("out of memory"));
	CHECK_FOR_INTERRUPTS();
	memcpy(job->centroid, kmeans.centroids, sizeof(float) * dim * 2);
	if (kmeans.shared->count < 2)
		memcpy(job->centroid + dim, job->centroid, sizeof(float) * dim);
	pfree(kmeans.rows);
	pfree(memory);
}

static void
split_rows(Exchange *job)
{
	sample_centroids(job);
	for (int round = 0; round < SPLIT_ROUNDS; round++)
	{
		divide(job);
		set_centroid(job, 0);
		set_centroid(job, 1);
		CHECK_FOR_INTERRUPTS();
	}
}

/* ---- writing ---- */

static void
encode_row(Exchange *job, Row *row, uint32 slot, uint32 stamp,
		   const float *centroid, double norm)
{
	const AnnShape *shape = &job->layout.shape;
	float *residual = palloc(sizeof(float) * shape->full_dim);
	AnnEntry *entry = &row->entry;

	for (int i = 0; i < shape->full_dim; i++)
		residual[i] = isfinite(row->distance) ? row->x[i] - centroid[i] : 0;
	entry->list = slot;
	entry->stamp = stamp;
	entry->signs = palloc(shape->sign_len);
	entry->bytes = palloc(shape->byte_len);
	ann_encode(shape, residual, centroid, entry->signs, &entry->sign_factors,
			   entry->bytes, &entry->byte_factors);
	if (isfinite(row->distance))
		ann_widen(shape, row->distance, norm, &entry->byte_factors);
	else
		entry->sign_factors.error = entry->byte_factors.error = INFINITY;
	pfree(residual);
}

/* Write one part as a list that is not in the directory yet. */
static void
write_part(Exchange *job, int part, uint32 stamp)
{
	const AnnShape *shape = &job->layout.shape;
	const float *centroid = job->centroid + (size_t) part * shape->full_dim;
	uint32 except = part == 0 ? PG_UINT32_MAX : job->by.fresh[0];
	AnnListEntry *entry = &job->by.entry[part];
	AnnEntry **entries = palloc(sizeof(AnnEntry *) * Max(job->n, 1));
	uint32 slot = ann_directory_slot(job->index, &job->layout, except, entry);
	uint32 n = 0;

	entry->state = ANN_LIST_LIVE;
	entry->stamp = stamp;
	entry->dead_since = 0;
	entry->norm_squared =
		ann_kernels->dot(shape->full_dim, centroid, centroid);
	for (uint32 i = 0; i < job->n; i++)
		if (job->part[i] == part)
		{
			encode_row(job, &job->rows[i], slot, stamp, centroid,
					   sqrt(entry->norm_squared));
			entries[n++] = &job->rows[i].entry;
		}
	ann_centroid_write(job->index, entry, shape->full_dim, centroid);
	entry->head = ann_draft_write(job->index, &job->layout, part, entries, n);
	job->by.fresh[part] = slot;
	job->by.nfresh++;
	pfree(entries);
}

/*
 * Replace lists by parts of their rows, 0 for none at all. The caller holds
 * the directory and the lists. False when there are too few rows.
 */
static bool
exchange_lists(Relation index, const AnnCache *cache, const uint32 *at,
			   int nold, int parts)
{
	Exchange job = {.index = index, .layout = cache->layout};
	uint32 stamp = cache->meta.stamp;

	for (int i = 0; i < nold; i++)
		read_list(&job, cache, at[i]);
	if (job.n < (uint32) parts)
		return false;
	job.centroid = palloc0(sizeof(float) * 2 * job.layout.shape.full_dim);
	job.part = palloc0(Max(job.n, 1));
	if (parts == 2)
		split_rows(&job);
	else
		set_centroid(&job, 0);
	for (int part = 0; part < parts; part++)
		write_part(&job, part, ++stamp);
	wait_point("split-exchange");
	ann_directory_replace(index, &job.by);
	return true;
}

/* ---- when ---- */

static void
split_list(Relation index, const AnnList *list)
{
	const AnnCache *cache = ann_cache(index);
	AnnLayout layout = cache->layout;
	int64 place;
	uint32 at;

	ann_draft_discard(index, &layout);
	(void) ann_directory_free(index, &layout, FREE_AT_ONCE);
	ann_list_lock(index, list, ExclusiveLock);
	/* somebody may have been faster */
	cache = ann_cache(index);
	place = find_list(cache, list);
	if (place >= 0 &&
		count_entries(index, list) > SPLIT_AT * aimed_size(&cache->meta))
	{
		at = (uint32) place;
		(void) exchange_lists(index, cache, &at, 1, 2);
	}
	ann_list_unlock(index, list, ExclusiveLock);
	/* what recall takes is another matter with twice the lists */
	cache = ann_cache(index);
	if (cache->meta.lists >= CALIBRATE_FROM &&
		cache->meta.lists >= 2 * cache->meta.calibrated)
		ann_calibrate(index);
}

void
ann_list_grown(Relation index, const AnnLayout *layout, const AnnList *list,
			   uint32 entries)
{
	AnnMeta meta;
	MemoryContext cxt;
	MemoryContext old;
	uint32 size;

	/* without reading the metapage most of the time */
	if (entries <= SPLIT_AT * (uint32) ann_list_size(layout->shape.dim))
		return;
	ann_meta_read(index, &meta);
	size = aimed_size(&meta);
	if (entries <= SPLIT_AT * size ||
		!lock_directory(index, entries > SPLIT_NOW * size))
		return;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "intel ann split",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	split_list(index, list);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	unlock_directory(index);
}

/* Whether a list is long, and its vectors fit the memory for maintenance. */
static bool
is_giant(Relation index, const AnnCache *cache, const AnnList *list)
{
	uint32 entries = count_entries(index, list);

	/* once as rows, once for k-means */
	return entries > SPLIT_AT * aimed_size(&cache->meta) &&
		   (double) entries * cache->layout.shape.full_dim * sizeof(float) *
				   2 <
			   maintenance_work_mem * 1024.0;
}

/* Split the first giant from *at on; false when there is none. */
static bool
split_giant(Relation index, uint32 *at)
{
	const AnnCache *cache = ann_cache(index);

	for (; *at < cache->meta.lists; (*at)++)
		if (is_giant(index, cache, &cache->list[*at]))
		{
			AnnList list = cache->list[*at];

			split_list(index, &list);
			return true;
		}
	return false;
}

/*
 * Split giants until there are none. The caller holds the directory. Places in
 * it move when lists are replaced, so passes go on until one finds nothing.
 */
static void
split_giants(Relation index)
{
	MemoryContext each = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann split", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(each);
	bool found;

	do
	{
		found = false;
		for (uint32 at = 0; split_giant(index, &at);)
		{
			found = true;
			MemoryContextReset(each);
			CHECK_FOR_INTERRUPTS();
		}
	} while (found);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(each);
}

void
ann_lists_divide(Relation index)
{
	(void) lock_directory(index, true);
	split_giants(index);
	unlock_directory(index);
}

/* The nearest other list with room for the entries, or -1. */
static int64
find_partner(Relation index, const AnnCache *cache, uint32 at, uint32 room)
{
	int dim = cache->layout.shape.full_dim;
	const float *x = cache->centroid + (size_t) at * dim;
	float best = INFINITY;
	int64 nearest = -1;

	for (uint32 i = 0; i < cache->meta.lists; i++)
	{
		float distance =
			cache->norm_squared[i] -
			2 * ann_kernels->dot(dim, x, cache->centroid + (size_t) i * dim);

		if (i != at && distance < best &&
			count_entries(index, &cache->list[i]) <= room)
		{
			best = distance;
			nearest = i;
		}
	}
	return nearest;
}

/* Merge one list if it is due; true when it was. */
static bool
merge_list(Relation index, const AnnList *list)
{
	const AnnCache *cache = ann_cache(index);
	uint32 size = aimed_size(&cache->meta);
	uint32 entries = count_entries(index, list);
	uint32 at[2];
	AnnList partner;
	bool merged = false;
	int64 place;
	int64 found;

	if (entries >= size / MERGE_BELOW || cache->meta.lists == 1)
		return false;
	place = find_list(cache, list);
	if (place < 0)
		return false;
	at[0] = (uint32) place;
	found = find_partner(index, cache, at[0], size);
	if (entries > 0 && found < 0)
		return false;
	partner = found < 0 ? *list : cache->list[found];
	at[1] = found < 0 ? 0 : (uint32) found;
	ann_list_lock(index, list, ExclusiveLock);
	if (entries > 0)
		ann_list_lock(index, &partner, ExclusiveLock);
	/* an insert may have come in between */
	if (entries > 0)
		merged = exchange_lists(index, cache, at, 2, 1);
	else if (count_entries(index, list) == 0)
		merged = exchange_lists(index, cache, at, 1, 0);
	if (entries > 0)
		ann_list_unlock(index, &partner, ExclusiveLock);
	ann_list_unlock(index, list, ExclusiveLock);
	return merged;
}

/*
 * Count anew what recall takes when there are a third more lists, or a fifth
 * more or fewer rows, than when it was counted last.
 */
static void
calibrate_again(Relation index)
{
	const AnnCache *cache = ann_cache(index);
	const AnnMeta *meta = &cache->meta;
	double lists = (double) meta->lists / meta->calibrated;
	double entries = 0;

	if (meta->lists < CALIBRATE_FROM)
		return;
	for (uint32 i = 0; i < meta->lists; i++)
		entries += count_entries(index, &cache->list[i]);
	if (lists > 1.33 || lists < 0.75 || entries < 0.8 * meta->tuples ||
		entries > 1.2 * meta->tuples)
		ann_calibrate(index);
}

/* Look at every list once; true when some were merged. */
static bool
merge_lists(Relation index)
{
	const AnnCache *cache = ann_cache(index);
	uint32 lists = cache->meta.lists;
	AnnList *list = MemoryContextAllocHuge(CurrentMemoryContext,
										   mul_size(sizeof(AnnList), lists));
	MemoryContext each = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann merge list", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(each);
	bool merged = false;

	memcpy(list, cache->list, sizeof(AnnList) * lists);
	for (uint32 i = 0; i < lists; i++)
	{
		merged |= merge_list(index, &list[i]);
		MemoryContextReset(each);
		/* no nap here: inserts may wait for the directory */
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(each);
	pfree(list);
	return merged;
}

void
ann_lists_clean(Relation index)
{
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann merge", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	AnnLayout layout;

	(void) lock_directory(index, true);
	layout = ann_cache(index)->layout;
	ann_draft_discard(index, &layout);
	(void) ann_directory_free(index, &layout, INT_MAX);
	while (merge_lists(index))
		CHECK_FOR_INTERRUPTS();
	split_giants(index);
	calibrate_again(index);
	unlock_directory(index);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
