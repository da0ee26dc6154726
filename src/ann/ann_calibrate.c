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

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "ann/ann_int.h"

#define QUERIES 192

/* The queries helped to place the lists, so others need some more of them. */
#define OWN_ROWS 1.15
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

typedef struct Ranked
{
	float score;
	uint32 list;
} Ranked;

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

		found =
			isfinite(ann_decode(&layout->shape, row->bytes, &row->factors, x));
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
		ann_query_init(&query->query, shape, query->x,
					   palloc(4 * shape->code_dim));
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
		AnnByteFactors factors = record->factors;

		if (isfinite(factors.error))
		{
			factors.error = 0;
			keep_neighbour(query,
						   (float) ann_byte_bound(&query->query, &query->probe,
												  record->bytes, &factors),
						   list);
		}
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

			ann_block_bounds(&query->query, &query->probe, entries.codes,
							 entries.add, entries.scale, entries.error,
							 bounds);
			for (int slot = 0; slot < ANN_BLOCK; slot++)
				if ((*entries.used & ((uint32) 1 << slot)) &&
					may_be_near(query, bounds[slot]))
				{
					Place place = {q, entries.record_page[slot],
								   entries.record_item[slot]};

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

static int
compare_ranked(const void *a, const void *b)
{
	const Ranked *x = a;
	const Ranked *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return (x->list > y->list) - (x->list < y->list);
}

/* The place of each list in the order in which the query probes. */
static void
rank_lists(const Calibration *job, const ProbeQuery *query, Ranked *ranked,
		   uint32 *place)
{
	const AnnCache *cache = job->cache;
	int dim = cache->layout.shape.full_dim;
	uint32 lists = cache->meta.lists;

	for (uint32 list = 0; list < lists; list++)
	{
		float product = ann_kernels->dot(
			dim, query->x, cache->centroid + (size_t) list * dim);

		ranked[list].list = list;
		ranked[list].score = cache->meta.metric == ANN_IP
								 ? -product
								 : cache->norm_squared[list] - 2 * product;
	}
	qsort(ranked, lists, sizeof(Ranked), compare_ranked);
	for (uint32 i = 0; i < lists; i++)
		place[ranked[i].list] = i;
}

/* Mean recall over the queries, less its standard error. */
static double
sure_recall(const AnnPlaces *places, int k, int lists)
{
	double sum = 0;
	double squares = 0;
	int n = 0;

	for (int q = 0; q < places->nqueries; q++)
	{
		const int32 *place = places->place + q * ANN_PLACES;
		int wanted = Min(places->count[q], k);
		int found = 0;
		double recall;

		if (wanted == 0)
			continue;
		for (int i = 0; i < wanted; i++)
			found += place[i] < lists;
		recall = (double) found / wanted;
		sum += recall;
		squares += recall * recall;
		n++;
	}
	if (n == 0)
		return 1;
	return sum / n - sqrt(Max(squares - sum * sum / n, 0)) / n;
}

/* Fewest lists for the recall of a level; more lists never find less. */
static uint32
count_probes(const AnnPlaces *places, int lists, int k, double level)
{
	int low = 0;
	int high = lists;

	while (high - low > 1)
	{
		int middle = low + (high - low) / 2;

		if (sure_recall(places, k, middle) >= level)
			high = middle;
		else
			low = middle;
	}
	return high;
}

void
ann_count_probes(const AnnPlaces *places, int lists, AnnMeta *counts)
{
	for (int level = 0; level < ANN_LEVELS; level++)
	{
		CHECK_FOR_INTERRUPTS();
		counts->probes10[level] =
			count_probes(places, lists, 10, ann_levels[level]);
		counts->probes100[level] =
			count_probes(places, lists, ANN_PLACES, ann_levels[level]);
	}
}

static void
count_lists(const Calibration *job, AnnMeta *counts)
{
	Size lists = job->cache->meta.lists;
	Ranked *ranked = palloc(mul_size(sizeof(Ranked), lists));
	uint32 *place_of = palloc(mul_size(sizeof(uint32), lists));
	AnnPlaces places = {.nqueries = job->nqueries};

	places.place = palloc(sizeof(int32) * ANN_PLACES * job->nqueries);
	places.count = palloc(sizeof(int) * job->nqueries);
	for (int q = 0; q < job->nqueries; q++)
	{
		const ProbeQuery *query = &job->queries[q];

		rank_lists(job, query, ranked, place_of);
		/* the nearest is the query itself */
		places.count[q] = Max(query->count - 1, 0);
		for (int i = 0; i < places.count[q]; i++)
			places.place[q * ANN_PLACES + i] =
				(int32) place_of[query->near[i + 1].list];
		CHECK_FOR_INTERRUPTS();
	}
	ann_count_probes(&places, (int) lists, counts);
	for (int level = 0; level < ANN_LEVELS; level++)
	{
		counts->probes10[level] =
			Min(ceil(counts->probes10[level] * OWN_ROWS), lists);
		counts->probes100[level] =
			Min(ceil(counts->probes100[level] * OWN_ROWS), lists);
	}
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
