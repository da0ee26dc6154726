/*-------------------------------------------------------------------------
 *
 * ann_calibrate.c
 *		How many lists searches of an index that has grown must probe.
 *
 * As at build, some rows of the index act as queries whose neighbours are
 * looked for in all lists. All codes are read once; a record is read only
 * when its sign code says that the row may be among the neighbours.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "ann/ann_int.h"

#define QUERIES 192

/* The queries helped to place the lists, so others reach farther. */
#define OWN_ROWS 1.05
/* the row that serves as query is its own nearest neighbour */
#define KEPT (ANN_PLACES + 1)

/* Recall of the neighbours that are looked for. */
#define SEARCH_RECALL 0.99

typedef struct Neighbour
{
	float distance;
	uint32 list; /* among the live ones */
} Neighbour;

/* A row that serves as query. */
typedef struct ProbeQuery
{
	AnnQuery query;
	float *x;
	AnnProbe probe; /* of the list being read */
	int count;
	Neighbour near[KEPT]; /* nearest first */
} ProbeQuery;

typedef struct Calibration
{
	Relation index;
	const AnnCache *cache; /* the directory is locked, so it stays */
	double entries;
	int nqueries;
	ProbeQuery *queries;
} Calibration;

/* Where a record is, to be read when no list page is locked. */
typedef struct Place
{
	int query;
	BlockNumber block;
	OffsetNumber item;
} Place;

/* ---- queries ---- */

/* The n-th entry in use on a page; false, and *n less those here, if none. */
static bool
find_entry(const AnnLayout *layout, Page page, uint32 *n, BlockNumber *block,
		   OffsetNumber *item)
{
	for (int i = 0; i < ann_special(page)->nblocks; i++)
	{
		AnnBlock entries = ann_block(layout, page, i);

		for (int slot = 0; slot < ANN_BLOCK; slot++)
			if ((*entries.used & ((uint32) 1 << slot)) && (*n)-- == 0)
			{
				*block = entries.record_page[slot];
				*item = entries.record_item[slot];
				return true;
			}
	}
	return false;
}

/* Decode the n-th row of a list into x; false when it has not so many. */
static bool
read_row(Calibration *job, uint32 list, uint32 n, float *x)
{
	const AnnLayout *layout = &job->cache->layout;
	const float *centroid =
		job->cache->centroid + (size_t) list * layout->shape.full_dim;
	BlockNumber block = job->cache->list[list].head;
	BlockNumber record = InvalidBlockNumber;
	OffsetNumber item = InvalidOffsetNumber;
	bool found = false;
	Buffer buffer;
	Page page;

	while (!found && block != InvalidBlockNumber)
	{
		buffer =
			ann_page_read(job->index, block, ANN_PAGE_LIST, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		found = find_entry(layout, page, &n, &record, &item);
		block = ann_special(page)->next;
		UnlockReleaseBuffer(buffer);
	}
	if (!found)
		return false;
	buffer =
		ann_page_read(job->index, record, ANN_PAGE_RECORDS, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	found = item <= PageGetMaxOffsetNumber(page) &&
			ItemIdIsUsed(PageGetItemId(page, item));
	if (found)
	{
		AnnRecord *row =
			(AnnRecord *) PageGetItem(page, PageGetItemId(page, item));

		AnnByteFactors factors = ann_record_factors(row);

		found = isfinite(ann_decode(&layout->shape, row->bytes, &factors, x));
	}
	UnlockReleaseBuffer(buffer);
	for (int i = 0; i < layout->shape.full_dim; i++)
		x[i] += centroid[i];
	return found;
}

/* Rows from everywhere, each as likely as any other. */
static void
choose_queries(Calibration *job)
{
	const AnnShape *shape = &job->cache->layout.shape;
	uint32 lists = job->cache->meta.lists;
	double *upto = palloc(mul_size(sizeof(double), lists));
	double total = 0; /* entries so far */
	uint32 list = 0;

	for (uint32 i = 0; i < lists; i++)
	{
		Buffer buffer = ann_page_read(job->index, job->cache->list[i].head,
									  ANN_PAGE_LIST, BUFFER_LOCK_SHARE);

		total += ann_special(BufferGetPage(buffer))->entries;
		upto[i] = total;
		UnlockReleaseBuffer(buffer);
	}
	job->entries = total;
	job->queries = palloc0(sizeof(ProbeQuery) * QUERIES);
	for (int i = 0; i < QUERIES; i++)
	{
		ProbeQuery *query = &job->queries[job->nqueries];
		double at = floor((i + 0.5) * total / QUERIES);

		while (list < lists - 1 && upto[list] <= at)
			list++;
		if (query->x == NULL)
			query->x = palloc(sizeof(float) * shape->full_dim);
		if (!read_row(job, list,
					  (uint32) (at - (list > 0 ? upto[list - 1] : 0)),
					  query->x))
			continue;
		ann_query_init(&query->query, shape, query->x, palloc(shape->lut_len));
		query->query.epsilon = (float) ann_epsilon(SEARCH_RECALL);
		job->nqueries++;
	}
	pfree(upto);
}

/* ---- neighbours ---- */

static bool
may_be_near(const ProbeQuery *query, float distance)
{
	return query->count < KEPT || distance < query->near[KEPT - 1].distance;
}

static void
keep_neighbour(ProbeQuery *query, float distance, uint32 list)
{
	int at;

	if (!may_be_near(query, distance))
		return;
	at = query->count < KEPT ? query->count++ : KEPT - 1;
	for (; at > 0 && query->near[at - 1].distance > distance; at--)
		query->near[at] = query->near[at - 1];
	query->near[at] = (Neighbour){distance, list};
}

/* Compute a distance, up to what the byte code loses. */
static void
refine(Calibration *job, const Place *place, uint32 list)
{
	ProbeQuery *query = &job->queries[place->query];
	Buffer buffer = ann_page_read(job->index, place->block, ANN_PAGE_RECORDS,
								  BUFFER_LOCK_SHARE);
	Page page = BufferGetPage(buffer);

	if (place->item <= PageGetMaxOffsetNumber(page) &&
		ItemIdIsUsed(PageGetItemId(page, place->item)))
	{
		AnnRecord *record =
			(AnnRecord *) PageGetItem(page, PageGetItemId(page, place->item));
		AnnByteFactors factors = ann_record_factors(record);
		AnnInterval interval = ann_byte_interval(&query->query, &query->probe,
												 record->bytes, &factors);

		if (isfinite(interval.low))
			keep_neighbour(query, (float) (interval.low + interval.high) / 2,
						   list);
	}
	UnlockReleaseBuffer(buffer);
}

/* Compare a list page with all queries. */
static BlockNumber
compare_page(Calibration *job, uint32 list, BlockNumber block)
{
	const AnnLayout *layout = &job->cache->layout;
	PGAlignedBlock copy;
	Page page = (Page) copy.data;
	Buffer buffer =
		ann_page_read(job->index, block, ANN_PAGE_LIST, BUFFER_LOCK_SHARE);

	memcpy(page, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	for (int i = 0; i < ann_special(page)->nblocks; i++)
	{
		AnnBlock entries = ann_block(layout, page, i);
		float bounds[ANN_BLOCK];

		for (int q = 0; q < job->nqueries; q++)
		{
			ProbeQuery *query = &job->queries[q];

			float cut =
				query->count < KEPT ? FLT_MAX : query->near[KEPT - 1].distance;
			uint32 below = ann_block_bounds(
				&query->query, &query->probe, entries.codes, entries.add,
				entries.scale, entries.error, *entries.used, cut, bounds);

			for (; below != 0; below &= below - 1)
			{
				int slot = pg_rightmost_one_pos32(below);
				Place place = {q, entries.record_page[slot],
							   entries.record_item[slot]};

				if (may_be_near(query, bounds[slot]))
					refine(job, &place, list);
			}
		}
		CHECK_FOR_INTERRUPTS();
	}
	return ann_special(page)->next;
}

static void
find_neighbours(Calibration *job)
{
	const AnnCache *cache = job->cache;
	int dim = cache->layout.shape.full_dim;

	for (uint32 list = 0; list < cache->meta.lists; list++)
	{
		BlockNumber block = cache->list[list].head;

		for (int q = 0; q < job->nqueries; q++)
		{
			ProbeQuery *query = &job->queries[q];
			float product = ann_kernels->dot(
				dim, query->x, cache->centroid + (size_t) list * dim);

			query->probe =
				ann_probe(&query->query, product, cache->norm_squared[list]);
		}
		while (block != InvalidBlockNumber)
			block = compare_page(job, list, block);
	}
}

/* ---- counting ---- */

static void
count_lists(const Calibration *job, AnnMeta *counts)
{
	const AnnCache *cache = job->cache;
	int dim = cache->layout.shape.full_dim;
	uint32 lists = cache->meta.lists;
	float *score = palloc(mul_size(sizeof(float), lists));
	AnnPlaces *places = ann_places_create(job->nqueries, (int) lists);

	for (int q = 0; q < job->nqueries; q++)
	{
		const ProbeQuery *query = &job->queries[q];
		int32 near[ANN_PLACES];
		/* the nearest is the query itself */
		int count = Max(query->count - 1, 0);

		for (uint32 list = 0; list < lists; list++)
		{
			float product = ann_kernels->dot(
				dim, query->x, cache->centroid + (size_t) list * dim);

			score[list] = cache->meta.metric == ANN_IP
							  ? -product
							  : cache->norm_squared[list] - 2 * product;
		}
		for (int i = 0; i < count; i++)
			near[i] = (int32) query->near[i + 1].list;
		ann_places_add(places, q, score, near, count);
	}
	ann_places_count(places, OWN_ROWS, counts);
}

void
ann_calibrate(Relation index)
{
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann calibrate", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Calibration job = {.index = index, .cache = ann_cache(index)};
	AnnMeta counts = job.cache->meta;

	choose_queries(&job);
	find_neighbours(&job);
	if (job.nqueries > 0)
	{
		count_lists(&job, &counts);
		counts.tuples = (int64) job.entries;
		ann_meta_calibrate(index, &counts);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
