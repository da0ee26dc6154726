/*-------------------------------------------------------------------------
 *
 * ann_scan.c
 *		Searching: rows in the order of a lower bound of their distance.
 *
 * The executor asks for one row after another and never says how many it
 * wants. The scan therefore works in three tiers, each as lazy as the next
 * demands:
 *
 *		candidates	sign-code bounds of every entry of the probed lists, in
 *					one array in scan order; not sorted
 *		near		a heap of the candidates below a cut that moves up
 *		refined		a heap of entries whose byte code was read, by a bound
 *					that is certain
 *
 * The top of refined is returned once no near candidate can come before it.
 * The bound goes along as the order-by value with xs_recheckorderby, so the
 * executor computes the distance of the row that it fetches anyway and puts
 * rows in exact order; it never needs more rows than overlap with the bound.
 *
 * As more rows are asked for, more lists are probed, by the counts that the
 * build measured. An entry of a later list whose bound lies below what was
 * returned already is missed: it is left out, so that order is kept. A scan
 * that runs out of rows and has missed some says so to ann_executor.c, which
 * repeats it exactly; where nobody would, the scan is exact to begin with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_bitutils.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "ann/ann_int.h"
#include "base/guc.h"
#include "base/wait_point.h"
#include "vector/vector.h"

/* Candidates that the cut lets through at first, at least. */
#define FIRST_CUT 128

/* Records fetched ahead of their use. */
#define PREFETCHED 256

/* Fewest neighbours that a search is prepared for. */
#define FIRST_K 10

/* With no more candidates than this in all lists, every one is refined. */
#define FEW_CANDIDATES 1000

/* A list in the order of probing. */
typedef struct ScanList
{
	float score;
	float product; /* <q, c> */
	uint32 list;
} ScanList;

/* A probed list. */
typedef struct ScanProbe
{
	AnnProbe probe;
	uint32 list;
} ScanProbe;

/* Where 32 candidates came from. */
typedef struct ScanBlock
{
	BlockNumber page;
	uint16 index;
	int probe;
	/* of the entries; what is on the page stays what it is for this scan */
	BlockNumber record_page[ANN_BLOCK];
	OffsetNumber record_item[ANN_BLOCK];
	ItemPointerData tid[ANN_BLOCK];
} ScanBlock;

typedef struct Near
{
	float bound;
	uint32 candidate;
} Near;

typedef struct Refined
{
	double bound;
	ItemPointerData tid;
} Refined;

/* Binary heaps, smallest first. */
typedef struct NearHeap
{
	Near *item;
	Size count;
	Size space;
} NearHeap;

typedef struct RefinedHeap
{
	Refined *item;
	Size count;
	Size space;
} RefinedHeap;

typedef struct AnnScan
{
	MemoryContext cxt; /* reset by rescan */
	const AnnKind *kind;
	AnnMeta meta;
	AnnLayout layout;
	bool started;
	bool unordered;	 /* no query: every row, in any order */
	bool inexact;	 /* no bound may be trusted */
	bool exhaustive; /* all lists, and certain bounds alone */
	AnnLimit *limit; /* who repeats the scan, unless exhaustive */
	double end;		 /* nothing beyond this distance is wanted */
	double missed;	 /* entries left out for the sake of order */
	AnnQuery query;
	AnnList *list;		 /* all of them */
	float *norm_squared; /* of their centroids */

	int nfilters;
	AnnFilter *filters;
	bool impossible; /* some condition accepts nothing */

	/* lists */
	ScanList *lists; /* the first nsorted in order */
	uint32 nlists;
	uint32 nsorted;
	uint32 nprobed;
	uint32 probes_space;
	ScanProbe *probes;
	double wanted; /* lists to have probed now */
	double k;	   /* neighbours that these are for */

	/* candidates */
	Size nblocks;
	Size blocks_space;
	ScanBlock *blocks;
	float *bounds;	/* ANN_BLOCK for each block; infinite when taken */
	double scanned; /* entries looked at */
	double matched; /* entries that passed the filters */
	Size unseen;	/* candidates not near yet */
	float cut;		/* all candidates at or below it are near, or were */
	Size next_cut;	/* how many to take next */

	NearHeap near;
	RefinedHeap refined;
	double last; /* bound returned last */
	double returned;
	int64 nrefined;
} AnnScan;

static AnnCounters last_scan;

/* ---- heaps ---- */

#define DEFINE_HEAP(prefix, HeapType, ItemType)                               \
	static void prefix##_push(MemoryContext cxt, HeapType *heap,              \
							  ItemType item)                                  \
	{                                                                         \
		Size at = heap->count++;                                              \
                                                                              \
		if (heap->count > heap->space)                                        \
		{                                                                     \
			heap->space = Max(2 * heap->space, 256);                          \
			heap->item = heap->item == NULL                                   \
							 ? MemoryContextAllocHuge(                        \
								   cxt, heap->space * sizeof(ItemType))       \
							 : repalloc_huge(heap->item,                      \
											 heap->space * sizeof(ItemType)); \
		}                                                                     \
		while (at > 0 && heap->item[(at - 1) / 2].bound > item.bound)         \
		{                                                                     \
			heap->item[at] = heap->item[(at - 1) / 2];                        \
			at = (at - 1) / 2;                                                \
		}                                                                     \
		heap->item[at] = item;                                                \
	}                                                                         \
	static ItemType prefix##_pop(HeapType *heap)                              \
	{                                                                         \
		ItemType top = heap->item[0];                                         \
		ItemType item = heap->item[--heap->count];                            \
		Size at = 0;                                                          \
                                                                              \
		for (;;)                                                              \
		{                                                                     \
			Size child = 2 * at + 1;                                          \
                                                                              \
			if (child >= heap->count)                                         \
				break;                                                        \
			if (child + 1 < heap->count &&                                    \
				heap->item[child + 1].bound < heap->item[child].bound)        \
				child++;                                                      \
			if (heap->item[child].bound >= item.bound)                        \
				break;                                                        \
			heap->item[at] = heap->item[child];                               \
			at = child;                                                       \
		}                                                                     \
		if (heap->count > 0)                                                  \
			heap->item[at] = item;                                            \
		return top;                                                           \
	}

DEFINE_HEAP(near, NearHeap, Near)
DEFINE_HEAP(refined, RefinedHeap, Refined)

/* ---- lists ---- */

static int
compare_lists(const void *a, const void *b)
{
	const ScanList *x = a;
	const ScanList *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return (x->list > y->list) - (x->list < y->list);
}

/* Distance from the query to every centroid. */
static void
score_lists(AnnScan *so, const AnnCache *cache)
{
	int dim = so->layout.shape.full_dim;
	bool is_ip = so->kind->metric == ANN_IP;

	for (uint32 i = 0; i < so->nlists; i++)
	{
		float product =
			so->unordered
				? 0
				: ann_kernels->dot(dim, so->query.rotated,
								   cache->centroid + (size_t) i * dim);

		so->lists[i].list = i;
		so->lists[i].product = product;
		so->lists[i].score =
			is_ip ? -product : cache->norm_squared[i] - 2 * product;
	}
}

/* Bring the next lists into order: by selection first, all when many. */
static void
sort_lists(AnnScan *so, uint32 upto)
{
	ScanList *lists = so->lists;
	uint32 low = so->nsorted;
	uint32 high = so->nlists - 1;

	upto = Min(upto, so->nlists);
	if (upto <= so->nsorted)
		return;
	/* partition until everything before upto is at most what follows */
	while (low < high)
	{
		ScanList pivot = lists[low + (high - low) / 2];
		int64 i = low;
		int64 j = high;

		while (i <= j)
		{
			while (compare_lists(&lists[i], &pivot) < 0)
				i++;
			while (compare_lists(&lists[j], &pivot) > 0)
				j--;
			if (i <= j)
			{
				ScanList keep = lists[i];

				lists[i++] = lists[j];
				lists[j--] = keep;
			}
		}
		if ((int64) upto - 1 <= j)
			high = (uint32) j;
		else if ((int64) upto - 1 >= i)
			low = (uint32) i;
		else
			break;
	}
	qsort(lists + so->nsorted, upto - so->nsorted, sizeof(ScanList),
		  compare_lists);
	so->nsorted = upto;
}

static void
add_block(AnnScan *so, const AnnBlock *block, BlockNumber page, int index)
{
	ScanBlock *at;

	if (so->nblocks == so->blocks_space)
	{
		so->blocks_space = Max(2 * so->blocks_space, 512);
		so->blocks = so->blocks == NULL
						 ? palloc(so->blocks_space * sizeof(ScanBlock))
						 : repalloc_huge(so->blocks,
										 so->blocks_space * sizeof(ScanBlock));
		so->bounds =
			so->bounds == NULL
				? palloc(so->blocks_space * ANN_BLOCK * sizeof(float))
				: repalloc_huge(so->bounds,
								so->blocks_space * ANN_BLOCK * sizeof(float));
	}
	at = &so->blocks[so->nblocks++];
	at->page = page;
	at->index = index;
	at->probe = so->nprobed;
	memcpy(at->record_page, block->record_page, sizeof(at->record_page));
	memcpy(at->record_item, block->record_item, sizeof(at->record_item));
	memcpy(at->tid, block->tid, sizeof(at->tid));
}

/* Only what passes has a bound below infinity; what has none comes first. */
static void
finish_bounds(float *bounds, uint32 mask)
{
	for (int slot = 0; slot < ANN_BLOCK; slot++)
	{
		float bound = bounds[slot];
		float finite = bound < FLT_MAX ? bound : FLT_MAX;

		bounds[slot] = isnan(bound) ? -INFINITY : finite;
	}
	if (mask != PG_UINT32_MAX)
		for (int slot = 0; slot < ANN_BLOCK; slot++)
			if (!(mask & ((uint32) 1 << slot)))
				bounds[slot] = INFINITY;
}

/* Candidates of one block; those at or below the cut are near at once. */
static void
scan_block(AnnScan *so, const AnnBlock *block, BlockNumber page, int index)
{
	uint32 mask = ann_filters_match(so->filters, so->nfilters, block);
	float *bounds;
	uint32 first;

	so->scanned += pg_popcount32(*block->used);
	if (mask == 0)
		return;
	so->matched += pg_popcount32(mask);
	add_block(so, block, page, index);
	first = (so->nblocks - 1) * ANN_BLOCK;
	bounds = so->bounds + first;
	if (so->unordered || so->inexact || so->exhaustive)
		for (int slot = 0; slot < ANN_BLOCK; slot++)
			bounds[slot] = -INFINITY;
	else
		ann_block_bounds(&so->query, &so->probes[so->nprobed].probe,
						 block->codes, block->add, block->scale, block->error,
						 bounds);
	finish_bounds(bounds, mask);
	so->unseen += pg_popcount32(mask);
	if (so->cut > -INFINITY)
		for (int slot = 0; slot < ANN_BLOCK; slot++)
			if (bounds[slot] <= so->cut)
			{
				near_push(so->cxt, &so->near,
						  (Near){bounds[slot], first + slot});
				bounds[slot] = INFINITY;
				so->unseen--;
			}
}

/*
 * What a list consists of is not freed while a scan can read it, but for a
 * standby, which may be behind: there it is as with any row that its primary
 * has removed.
 */
static void
report_gone(Relation index, BlockNumber block)
{
	if (RecoveryInProgress())
		ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("canceling statement due to conflict with recovery"),
				errdetail("A part of the index that the statement reads was "
						  "replaced."));
	ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
			errmsg("unexpected page in index \"%s\" at block %u",
				   RelationGetRelationName(index), block),
			errhint("Please REINDEX it."));
}

/* Lock a page of a list for reading. */
static Buffer
read_list_page(Relation index, const AnnList *list, BlockNumber block)
{
	Buffer buffer = ann_buffer_read(index, block);
	Page page = BufferGetPage(buffer);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (PageIsNew(page) || ann_special(page)->kind != ANN_PAGE_LIST ||
		ann_special(page)->list != list->slot ||
		ann_special(page)->stamp != list->stamp)
		report_gone(index, block);
	return buffer;
}

/* Read the chain of the next list. */
static void
probe_list(Relation index, AnnScan *so)
{
	const ScanList *list = &so->lists[so->nprobed];
	ScanProbe *probe;
	BlockNumber block = so->list[list->list].head;

	if (so->nprobed == so->probes_space)
	{
		so->probes_space = Max(2 * so->probes_space, 64);
		so->probes = so->probes == NULL
						 ? palloc(so->probes_space * sizeof(ScanProbe))
						 : repalloc_huge(so->probes,
										 so->probes_space * sizeof(ScanProbe));
	}
	probe = &so->probes[so->nprobed];
	probe->list = list->list;
	if (!so->unordered)
		probe->probe =
			ann_probe(&so->query, list->product, so->norm_squared[list->list]);
	while (block != InvalidBlockNumber)
	{
		Buffer buffer = read_list_page(index, &so->list[list->list], block);
		Page page = BufferGetPage(buffer);
		int nblocks = ann_special(page)->nblocks;
		BlockNumber next = ann_special(page)->next;

		if (next != InvalidBlockNumber)
			ann_buffer_prefetch_list(index, &so->layout, next,
									 so->nfilters > 0);
		for (int i = 0; i < nblocks; i++)
		{
			AnnBlock entries = ann_block(&so->layout, page, i);

			if (i + 1 < nblocks)
				ann_block_prefetch(&so->layout, page, i + 1, so->nfilters > 0);
			scan_block(so, &entries, block, i);
		}
		UnlockReleaseBuffer(buffer);
		block = next;
		CHECK_FOR_INTERRUPTS();
	}
	so->nprobed++;
}

/* How many lists the rows returned so far justify. */
static double
lists_wanted(const AnnScan *so)
{
	double recall = guc_target_recall;
	double k = so->k;
	double first;
	double wanted;

	if (so->unordered || so->inexact || so->exhaustive)
		return so->nlists;
	if (so->nfilters > 0 && so->scanned > 0)
		k *= (so->scanned + 1) / (so->matched + 1);
	wanted = ann_probes(&so->meta, recall, k);
	if (guc_probes > 0)
	{
		/* the setting replaces the first stage; later ones keep growing */
		first = ann_probes(&so->meta, recall, FIRST_K);
		wanted = guc_probes * wanted / first;
	}
	/* most of the way is as good as all of it */
	return wanted > 0.7 * so->nlists ? so->nlists : ceil(wanted);
}

static bool
may_probe(const AnnScan *so)
{
	return so->nprobed < so->nlists &&
		   (guc_max_scan_tuples == 0 || so->scanned < guc_max_scan_tuples);
}

/* Distrust the bounds of few candidates: refining all costs nothing. */
static void
take_few(AnnScan *so)
{
	if (so->nprobed < so->nlists || so->matched > FEW_CANDIDATES ||
		so->near.count > 0)
		return;
	for (Size i = 0; i < so->nblocks * ANN_BLOCK; i++)
		if (so->bounds[i] < INFINITY)
			so->bounds[i] = -INFINITY;
}

static void
probe_lists(IndexScanDesc scan, AnnScan *so)
{
	bool probed = so->nprobed < so->wanted;

	while (so->nprobed < so->wanted && may_probe(so))
	{
		/* one at a time with filters, whose selectivity is learnt */
		sort_lists(so, so->nfilters > 0 ? Max(2 * so->nprobed, 16)
										: (uint32) so->wanted);
		if (so->nprobed + 1 < so->nsorted)
			ann_buffer_prefetch_list(
				scan->indexRelation, &so->layout,
				so->list[so->lists[so->nprobed + 1].list].head,
				so->nfilters > 0);
		probe_list(scan->indexRelation, so);
		if (so->nfilters > 0)
			so->wanted = Max(so->wanted, lists_wanted(so));
	}
	if (probed)
		take_few(so);
}

/* ---- tiers ---- */

/* The place-th smallest of n floats, from 0 on; reorders them. */
static float
select_float(float *x, int64 n, int64 place)
{
	int64 low = 0;
	int64 high = n - 1;

	while (low < high)
	{
		float pivot = x[low + (high - low) / 2];
		int64 i = low;
		int64 j = high;

		while (i <= j)
		{
			while (x[i] < pivot)
				i++;
			while (x[j] > pivot)
				j--;
			if (i <= j)
			{
				float keep = x[i];

				x[i++] = x[j];
				x[j--] = keep;
			}
		}
		if (place <= j)
			high = j;
		else if (place >= i)
			low = i;
		else
			break;
	}
	return x[place];
}

/* A value that about next_cut candidates are at or below, from a sample. */
static float
choose_cut(const AnnScan *so)
{
	int stride = so->nblocks * ANN_BLOCK > 64 * so->next_cut ? 32 : 8;
	float *sample = MemoryContextAllocHuge(
		so->cxt, sizeof(float) * (so->nblocks * ANN_BLOCK / stride));
	Size n = 0;
	float cut;

	for (Size b = 0; b < so->nblocks; b++)
		for (int slot = (int) (b * 5 % stride); slot < ANN_BLOCK;
			 slot += stride)
		{
			float bound = so->bounds[b * ANN_BLOCK + slot];

			if (bound < INFINITY)
				sample[n++] = bound;
		}
	if (n <= so->next_cut / stride)
		cut = FLT_MAX;
	else
		cut = select_float(sample, (int64) n, so->next_cut / stride);
	pfree(sample);
	return cut;
}

/* Move the cut up so that about next_cut more candidates become near. */
static void
move_cut(Relation index, AnnScan *so)
{
	so->cut = so->unseen <= 2 * so->next_cut ? FLT_MAX : choose_cut(so);
	for (Size b = 0; b < so->nblocks; b++)
	{
		const ScanBlock *block = &so->blocks[b];
		float *bounds = so->bounds + b * ANN_BLOCK;
		uint32 below = 0;

		for (int slot = 0; slot < ANN_BLOCK; slot++)
			below |= (uint32) (bounds[slot] <= so->cut) << slot;
		for (; below != 0; below &= below - 1)
		{
			int slot = pg_rightmost_one_pos32(below);

			near_push(so->cxt, &so->near,
					  (Near){bounds[slot], (uint32) (b * ANN_BLOCK + slot)});
			bounds[slot] = INFINITY;
			so->unseen--;
			if (so->near.count <= PREFETCHED)
				ann_buffer_prefetch_record(index, &so->layout,
										   block->record_page[slot],
										   block->record_item[slot]);
		}
	}
	so->next_cut = Min(2 * so->next_cut, 65536);
}

/* The bound as the operator's value. */
static double
operator_bound(const AnnScan *so, double bound)
{
	switch (so->kind->metric)
	{
		case ANN_L2:
			return bound > 0 ? sqrt(bound) : 0;
		case ANN_COSINE:
			return bound > 0 ? bound / 2 : 0;
		case ANN_IP:
			break;
	}
	return bound;
}

/* Whether an entry is still what it was when its page was read. */
static bool
is_still_used(Relation index, const AnnScan *so, const ScanBlock *at, int slot)
{
	const AnnList *list = &so->list[so->probes[at->probe].list];
	Buffer buffer = read_list_page(index, list, at->page);
	AnnBlock block = ann_block(&so->layout, BufferGetPage(buffer), at->index);
	bool used =
		(*block.used & ((uint32) 1 << slot)) != 0 &&
		ItemPointerEquals(&block.tid[slot],
						  unconstify(ItemPointerData *, &at->tid[slot]));

	UnlockReleaseBuffer(buffer);
	return used;
}

/* Compute the bound from a record; false when it is not this row's. */
static bool
read_record(Relation index, const AnnScan *so, const ScanBlock *at, int slot,
			double *bound)
{
	const ScanProbe *probe = &so->probes[at->probe];
	OffsetNumber item = at->record_item[slot];
	Buffer buffer = ann_buffer_read(index, at->record_page[slot]);
	Page page = BufferGetPage(buffer);
	bool found = false;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (!PageIsNew(page) && ann_special(page)->kind == ANN_PAGE_RECORDS &&
		item <= PageGetMaxOffsetNumber(page) &&
		ItemIdIsUsed(PageGetItemId(page, item)))
	{
		AnnRecord *record =
			(AnnRecord *) PageGetItem(page, PageGetItemId(page, item));

		found = record->stamp == so->list[probe->list].stamp &&
				ItemPointerEquals(&record->tid, unconstify(ItemPointerData *,
														   &at->tid[slot]));
		if (found)
			*bound = ann_byte_bound(&so->query, &probe->probe, record->bytes,
									&record->factors);
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

/*
 * Read the byte code of a candidate. What was removed meanwhile is skipped: a
 * row put in its place since is not visible to this scan.
 */
static void
refine(Relation index, AnnScan *so, Near near)
{
	const ScanBlock *at = &so->blocks[near.candidate / ANN_BLOCK];
	int slot = near.candidate % ANN_BLOCK;
	Refined refined = {.bound = -INFINITY, .tid = at->tid[slot]};

	so->nrefined++;
	if (!so->unordered && !so->inexact &&
		!read_record(index, so, at, slot, &refined.bound))
	{
		/* vacuum clears the entry before it removes the record */
		if (is_still_used(index, so, at, slot))
			report_gone(index, at->record_page[slot]);
		return;
	}
	if (isnan(refined.bound))
		refined.bound = -INFINITY;
	refined.bound = isinf(refined.bound) ? refined.bound
										 : operator_bound(so, refined.bound);
	if (refined.bound < so->last)
		so->missed++;
	else
		refined_push(so->cxt, &so->refined, refined);
}

/*
 * Make the top of refined the entry to return next. False when all probed
 * lists are used up.
 */
static bool
advance(Relation index, AnnScan *so)
{
	for (;;)
	{
		bool have = so->refined.count > 0;
		double best = have ? so->refined.item[0].bound : INFINITY;

		CHECK_FOR_INTERRUPTS();
		if (so->near.count == 0)
		{
			if (so->unseen == 0 ||
				(have && best <= operator_bound(so, so->cut)))
				return have;
			move_cut(index, so);
			continue;
		}
		if (have && best <= operator_bound(so, so->near.item[0].bound))
			return true;
		refine(index, so, near_pop(&so->near));
	}
}

/* ---- callbacks ---- */

IndexScanDesc
ann_begin_scan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	AnnScan *so = palloc0(sizeof(AnnScan));

	so->cxt = AllocSetContextCreate(CurrentMemoryContext, "intel ann scan",
									ALLOCSET_DEFAULT_SIZES);
	scan->opaque = so;
	if (norderbys > 0)
	{
		scan->xs_orderbyvals = palloc0(sizeof(Datum) * norderbys);
		scan->xs_orderbynulls = palloc(sizeof(bool) * norderbys);
		memset(scan->xs_orderbynulls, true, sizeof(bool) * norderbys);
	}
	return scan;
}

static void
note_counters(IndexScanDesc scan, const AnnScan *so)
{
	if (!so->started)
		return;
	last_scan.index = RelationGetRelid(scan->indexRelation);
	last_scan.lists = so->nprobed;
	last_scan.codes = (int64) so->scanned;
	last_scan.filtered = (int64) (so->scanned - so->matched);
	last_scan.refined = so->nrefined;
	last_scan.returned = (int64) so->returned;
	last_scan.exact = so->exhaustive;
}

const AnnCounters *
ann_last_scan(void)
{
	return OidIsValid(last_scan.index) ? &last_scan : NULL;
}

void
ann_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
		   int norderbys)
{
	AnnScan *so = scan->opaque;
	MemoryContext cxt = so->cxt;

	(void) nkeys;
	(void) norderbys;
	note_counters(scan, so);
	MemoryContextReset(cxt);
	memset(so, 0, sizeof(AnnScan));
	so->cxt = cxt;
	if (keys != NULL && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys != NULL && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys,
				scan->numberOfOrderBys * sizeof(ScanKeyData));
}

/* The query vector, unless there is none. */
static void
read_query(IndexScanDesc scan, AnnScan *so)
{
	const AnnShape *shape = &so->layout.shape;
	float *rotated;

	so->unordered = scan->numberOfOrderBys == 0 ||
					(scan->orderByData->sk_flags & SK_ISNULL) != 0;
	if (so->unordered)
		return;
	rotated = palloc(sizeof(float) * shape->full_dim);
	/* any order is right for a zero vector under cosine: all are NaN */
	if (!ann_read_vector(so->kind, shape, scan->orderByData->sk_argument,
						 rotated, &so->inexact))
		so->inexact = true;
	if (so->inexact)
		memset(rotated, 0, sizeof(float) * shape->full_dim);
	ann_query_init(&so->query, shape, rotated, palloc(4 * shape->code_dim));
	so->query.epsilon = (float) ann_epsilon(guc_target_recall);
}

static void
start_scan(IndexScanDesc scan, AnnScan *so)
{
	Relation index = scan->indexRelation;
	MemoryContext old = MemoryContextSwitchTo(so->cxt);
	const AnnCache *cache;
	const AnnPlan *plan;

	if (!IsMVCCSnapshot(scan->xs_snapshot))
		elog(ERROR, "an index \"intel\" can only be scanned with an MVCC "
					"snapshot");
	pgstat_count_index_scan(index);
	ann_kernels_select(vector_kernels->name);
	so->kind = ann_kind(index);
	so->meta = ann_cache(index)->meta;
	so->layout = ann_cache(index)->layout;
	so->query.shape = &so->layout.shape;
	plan = ann_plan(scan);
	so->limit = ann_plan_limit(plan);
	so->exhaustive =
		so->limit == NULL || (guc_target_recall >= 1 && guc_probes == 0);
	so->end = ann_plan_end(plan);
	read_query(scan, so);
	so->filters = ann_filters_read(scan, plan, &so->nfilters, &so->impossible);

	/* reading may have detoasted, hence sent the cache away */
	cache = ann_cache(index);
	so->meta = cache->meta;
	so->nlists = so->impossible ? 0 : cache->meta.lists;
	so->lists = MemoryContextAllocHuge(
		so->cxt, mul_size(sizeof(ScanList), cache->meta.lists));
	so->list = MemoryContextAllocHuge(
		so->cxt, mul_size(sizeof(AnnList), cache->meta.lists));
	memcpy(so->list, cache->list, sizeof(AnnList) * cache->meta.lists);
	so->norm_squared = MemoryContextAllocHuge(
		so->cxt, mul_size(sizeof(float), cache->meta.lists));
	memcpy(so->norm_squared, cache->norm_squared,
		   sizeof(float) * cache->meta.lists);
	score_lists(so, cache);
	so->k =
		so->limit == NULL ? FIRST_K : Max(ann_limit_rows(so->limit), FIRST_K);
	so->cut = -INFINITY;
	so->next_cut = Max(FIRST_CUT, (Size) Min(2 * so->k, 65536));
	so->last = -INFINITY;
	so->wanted = lists_wanted(so);
	so->started = true;
	MemoryContextSwitchTo(old);
	wait_point("scan-lists");
}

/* Fill in the tuple and what the executor orders it by. */
static void
return_tuple(IndexScanDesc scan, AnnScan *so, Refined refined)
{
	so->returned++;
	so->last = Max(so->last, refined.bound);
	scan->xs_heaptid = refined.tid;
	scan->xs_recheck = so->nfilters > 0;
	if (scan->numberOfOrderBys > 0)
	{
		scan->xs_recheckorderby = !so->unordered;
		scan->xs_orderbynulls[0] = so->unordered;
		scan->xs_orderbyvals[0] = Float8GetDatum(so->last);
	}
}

/*
 * Find the next entry. False at the end: all is returned, or what is left is
 * of no interest, or a quarter of the index was returned and rows are missing
 * from it, so that another try is needed in any case.
 */
static bool
find_next(IndexScanDesc scan, AnnScan *so, Refined *refined)
{
	for (;;)
	{
		probe_lists(scan, so);
		if (so->missed > 0 && so->nprobed == so->nlists &&
			so->returned > so->scanned / 4)
			return false;
		if (advance(scan->indexRelation, so))
		{
			*refined = refined_pop(&so->refined);
			return so->unordered || !(refined->bound > so->end);
		}
		if (!may_probe(so))
			return false;
		so->wanted = Min(2 * so->nprobed + 1, so->nlists);
	}
}

bool
ann_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	AnnScan *so = scan->opaque;
	MemoryContext old;
	Refined refined;
	bool found;

	Assert(ScanDirectionIsForward(direction));
	(void) direction;
	if (!so->started)
		start_scan(scan, so);
	old = MemoryContextSwitchTo(so->cxt);
	found = find_next(scan, so, &refined);
	if (found)
	{
		return_tuple(scan, so, refined);
		/* the executor fetches a few rows more than LIMIT takes */
		if (so->returned > 1.6 * so->k)
		{
			so->k *= 4;
			so->wanted = Max(so->wanted, lists_wanted(so));
		}
	}
	else if (so->limit != NULL && !so->exhaustive &&
			 (so->missed > 0 || may_probe(so) || so->near.count > 0 ||
			  so->unseen > 0))
		ann_limit_miss(so->limit);
	MemoryContextSwitchTo(old);
	return found;
}

void
ann_end_scan(IndexScanDesc scan)
{
	AnnScan *so = scan->opaque;

	note_counters(scan, so);
	MemoryContextDelete(so->cxt);
	pfree(so);
	scan->opaque = NULL;
}
