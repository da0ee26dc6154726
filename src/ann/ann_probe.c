/*-------------------------------------------------------------------------
 *
 * ann_probe.c
 *		The first tier of a search: ranking lists, reading their sign codes,
 *		and keeping the candidates with small bounds.
 *
 * Lists are ranked by byte codes of their centroids, which takes a quarter of
 * the memory that the centroids do, and of these only those are read whose sign
 * code gives a bound below the scores that are wanted (ann_rank.c). The nearest
 * come into order by what these say. The bounds of all entries read are kept, but what else an entry
 * says only of those at or below the cut, which falls while lists are read so
 * that a few times as many are near as will be needed first. When the near
 * ones are used up the cut moves up, and entries are read again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/xlog.h"
#define ST_SORT sort_keys
#define ST_ELEMENT_TYPE uint64
#define ST_COMPARE(a, b) (*(a) > *(b)) - (*(a) < *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "ann/ann_scan_int.h"
#include "base/guc.h"

/* Near candidates fetched ahead of their use. */
#define PREFETCHED 64

/* Fewest neighbours that a search is prepared for. */
#define FIRST_K 10

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

/* ---- ranking lists ---- */

/* A number above a place, in an order that integers have, too. */
static uint64
sort_key(float number, Size place)
{
	uint32 bits;

	memcpy(&bits, &number, sizeof(bits));
	bits ^= bits >> 31 ? PG_UINT32_MAX : (uint32) 1 << 31;
	return (uint64) bits << 32 | place;
}

/* Prepare lists for being brought into order. */
static void
rank_lists(AnnScan *so)
{
	const AnnCache *cache = so->cache;
	int dim = cache->layout.shape.full_dim;
	Size lists = so->nlists;
	int64 sum = 0;

	so->bound = MemoryContextAllocHuge(
		so->cxt,
		mul_size(sizeof(float), TYPEALIGN(ANN_BLOCK, cache->meta.lists)));
	so->score =
		MemoryContextAllocHuge(so->cxt, mul_size(sizeof(float), lists));
	so->lists =
		MemoryContextAllocHuge(so->cxt, mul_size(sizeof(uint64), lists + 1));
	so->looked_upto = NAN;
	if (so->unordered)
		memset(so->bound, 0, sizeof(float) * lists);
	else
	{
		so->rank_query = MemoryContextAlloc(so->cxt, sizeof(int16) * dim);
		so->rank_step = ann_round(dim, so->query.rotated, so->rank_query);
		for (int i = 0; i < dim; i++)
			sum += so->rank_query[i];
		so->rank_middle = 127.5f * (float) sum;
		ann_rank_bounds(cache, &so->query, so->bound);
	}
}

/* The score of a list by the byte code of its centroid. */
static float
list_score(const AnnScan *so, uint32 list)
{
	const AnnCache *cache = so->cache;
	int dim = cache->layout.shape.full_dim;
	float sum = (float) ann_kernels->dot_rank(
		dim, cache->code + (size_t) list * dim, so->rank_query);
	float product =
		cache->step[list] * so->rank_step * (sum - so->rank_middle);

	return so->kind->metric == ANN_IP
			   ? -product
			   : cache->norm_squared[list] - 2 * product;
}

/* The list at a place in lists. */
static uint32
list_at(const AnnScan *so, uint32 at)
{
	return (uint32) so->cache->place[(uint32) so->lists[at]];
}

/*
 * Bring all lists with scores up to this one into order. Lists with bounds up
 * to it whose scores are above wait behind them for a later call.
 */
static void
sort_upto(AnnScan *so, float upto)
{
	const float *bound = so->bound;
	uint32 n = so->nsorted;
	uint32 end = so->nlooked;

	if (upto <= so->looked_upto)
		return;
	/* without branches; at first the limit below is no number */
	for (uint32 i = 0; i < so->nlists; i++)
	{
		so->lists[end] = i;
		end += !(bound[i] <= so->looked_upto) & (bound[i] <= upto);
	}
	for (uint32 i = so->nlooked; i < end; i++)
	{
		uint32 list = (uint32) so->lists[i];

		so->score[list] = so->unordered ? 0 : list_score(so, list);
		so->lists[i] = sort_key(so->score[list], so->cache->list[list].slot);
	}
	for (uint32 i = n; i < end; i++)
		if (!(so->score[list_at(so, i)] > upto))
		{
			uint64 key = so->lists[i];

			so->lists[i] = so->lists[n];
			so->lists[n++] = key;
		}
	sort_keys(so->lists + so->nsorted, n - so->nsorted);
	so->nsorted = n;
	so->nlooked = end;
	so->looked_upto = upto;
}

/* A bound that about twice as many lists are at or below, from a sample. */
static float
choose_upto(const AnnScan *so, uint32 wanted)
{
	uint32 stride = so->nlists >= 512 ? 8 : 1;
	uint32 n = 0;
	float *sample = palloc(sizeof(float) * (so->nlists / stride + 1));
	float upto;

	for (uint32 i = 0; i < so->nlists; i += stride)
		sample[n++] = so->bound[i];
	upto = select_float(sample, n, Min(2 * wanted / stride, n - 1));
	pfree(sample);
	return upto;
}

/*
 * Begin with all lists that may be the nearest, it among them, and as many as
 * ann_reach_rank() wants or nearly so.
 */
static void
sort_first(AnnScan *so)
{
	uint32 first = 0;
	float upto = INFINITY;

	if (so->nlooked > 0 || so->nlists == 0)
		return;
	rank_lists(so);
	for (uint32 i = 1; i < so->nlists; i++)
		if (so->bound[i] < so->bound[first])
			first = i;
	so->lowest_bound = so->bound[first];
	if (!so->unordered)
		upto = Max(list_score(so, first),
				   choose_upto(so, ann_reach_rank(so->nlists) + 1));
	sort_upto(so, upto);
}

/* Bring at least the first upto lists into order. */
static void
sort_lists(AnnScan *so, uint32 upto)
{
	upto = Min(upto, so->nlists);
	sort_first(so);
	while (so->nsorted < upto)
	{
		float further =
			so->looked_upto + 0.5f * (so->looked_upto - so->lowest_bound);

		/* until there is nothing left, or no number */
		if (upto == so->nlists || !(further > so->looked_upto))
			further = INFINITY;
		sort_upto(so, further);
	}
}

/*
 * The score of the list of a rank from 0 on. That a list farther on might
 * have that rank, whose bound is low for its score, makes little difference.
 */
static float
score_at(AnnScan *so, uint32 rank)
{
	float *rest;
	float score;

	sort_first(so);
	if (so->nlooked <= rank)
		sort_lists(so, rank + 1);
	if (so->nsorted > rank)
		return so->score[list_at(so, rank)];
	rest = palloc(sizeof(float) * (so->nlooked - so->nsorted));
	for (uint32 i = so->nsorted; i < so->nlooked; i++)
		rest[i - so->nsorted] = so->score[list_at(so, i)];
	score = select_float(rest, so->nlooked - so->nsorted, rank - so->nsorted);
	pfree(rest);
	return score;
}

/* ---- candidates ---- */

/* A place for another near candidate; of the caller is where its record is. */
static Near *
push_near(AnnScan *so, float bound, uint32 candidate)
{
	NearQueue *near = &so->near;
	Near *item;

	if (near->count == near->space)
	{
		near->space = Max(2 * near->space, 512);
		near->item =
			near->item == NULL
				? palloc(near->space * sizeof(Near))
				: repalloc_huge(near->item, near->space * sizeof(Near));
		near->order =
			near->order == NULL
				? palloc(near->space * sizeof(uint64))
				: repalloc_huge(near->order, near->space * sizeof(uint64));
	}
	item = &near->item[near->count];
	item->bound = bound;
	item->candidate = candidate;
	near->order[near->count] = sort_key(bound, near->count);
	near->count++;
	near->sorted = false;
	return item;
}

static void
push_entry(AnnScan *so, float bound, uint32 candidate, const AnnBlock *block,
		   int slot)
{
	Near *item = push_near(so, bound, candidate);

	item->record_page = block->record_page[slot];
	item->record_item = block->record_item[slot];
	item->tid = block->tid[slot];
}

static void
add_block(AnnScan *so, BlockNumber page, int index)
{
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
	so->blocks[so->nblocks++] = (ScanBlock){page, index, so->nprobes - 1};
}

/* Candidates of one block; those at or below the cut are near at once. */
static void
scan_block(AnnScan *so, const AnnBlock *block, BlockNumber page, int index)
{
	uint32 mask = ann_filters_match(so->filters, so->nfilters, block);
	float *bounds;
	uint32 first;
	uint32 below;

	if (so->list_pages == NULL)
		so->scanned += pg_popcount32(*block->used);
	if (mask == 0)
		return;
	so->matched += pg_popcount32(mask);
	add_block(so, page, index);
	first = (so->nblocks - 1) * ANN_BLOCK;
	bounds = so->bounds + first;
	if (so->unordered || so->inexact || so->exhaustive || so->few)
	{
		for (int slot = 0; slot < ANN_BLOCK; slot++)
			bounds[slot] = mask >> slot & 1 ? -INFINITY : INFINITY;
		below = mask;
	}
	else
		below = ann_block_bounds(
			&so->query, &so->probes[so->nprobes - 1].probe, block->codes,
			block->add, block->scale, block->error, mask, so->cut, bounds);
	so->unseen += pg_popcount32(mask & ~below);
	for (; below != 0; below &= below - 1)
	{
		int slot = pg_rightmost_one_pos32(below);

		push_entry(so, bounds[slot], first + slot, block, slot);
		bounds[slot] = INFINITY;
	}
}

/*
 * With twice as many near candidates as are wanted first, lower the cut to the
 * better half and put the others back.
 */
static void
lower_cut(AnnScan *so)
{
	NearQueue *near = &so->near;
	Size kept = 0;
	float *bounds;

	if (near->count < near->review)
		return;
	Assert(near->next == 0);
	bounds = MemoryContextAllocHuge(so->cxt, sizeof(float) * near->count);
	for (Size i = 0; i < near->count; i++)
		bounds[i] = near->item[i].bound;
	so->cut = select_float(bounds, near->count, so->next_cut - 1);
	pfree(bounds);
	for (Size i = 0; i < near->count; i++)
	{
		const Near *item = &near->item[i];

		if (item->bound <= so->cut)
		{
			near->order[kept] = sort_key(item->bound, kept);
			near->item[kept++] = *item;
			continue;
		}
		so->bounds[item->candidate] = item->bound;
		so->unseen++;
	}
	near->count = kept;
	near->review = Max(2 * kept, 2 * so->next_cut);
}

/* ---- reading lists ---- */

void
ann_scan_report_gone(Relation index, BlockNumber block)
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
		ann_scan_report_gone(index, block);
	return buffer;
}

/* What sign codes may lose by the rounding of a centroid's byte code. */
#define GUESS_LOSS 0.01f

/*
 * How far the query is from the centroid by what the list was ranked by: three
 * standard errors nearer, since each coordinate was rounded by half a step at
 * most. False where that is much.
 */
static bool
guess_probe(const AnnScan *so, ScanProbe *probe)
{
	const AnnCache *cache = so->cache;
	float squared = cache->norm_squared[probe->list];
	float score = so->score[probe->list];
	float product =
		so->kind->metric == ANN_IP ? -score : (squared - score) / 2;
	float error = 0.87f * (so->query.norm * cache->step[probe->list] +
						   sqrtf(squared) * so->rank_step);

	probe->probe = ann_probe(&so->query, product + error, squared);
	return 2 * error <
		   GUESS_LOSS * probe->probe.distance * probe->probe.distance;
}

void
ann_scan_exact_probe(const AnnScan *so, ScanProbe *probe)
{
	const AnnCache *cache = so->cache;
	int dim = cache->layout.shape.full_dim;

	probe->probe = ann_probe(
		&so->query,
		ann_kernels->dot(dim, so->query.rotated,
						 cache->centroid + (size_t) probe->list * dim),
		cache->norm_squared[probe->list]);
	probe->exact = true;
}

/* Begin with the next list, unless nothing of it is read. */
static void
add_probe(AnnScan *so, uint32 list, bool is_read)
{
	ScanProbe *probe;

	if (so->nprobes == so->probes_space)
	{
		so->probes_space = Max(2 * so->probes_space, 64);
		so->probes = so->probes == NULL
						 ? palloc(so->probes_space * sizeof(ScanProbe))
						 : repalloc_huge(so->probes,
										 so->probes_space * sizeof(ScanProbe));
	}
	probe = &so->probes[so->nprobes++];
	probe->list = list;
	probe->exact = false;
	if (is_read && !so->unordered && !guess_probe(so, probe))
		ann_scan_exact_probe(so, probe);
}

/* Read the chain of the next list. */
static void
probe_chain(Relation index, AnnScan *so, const AnnList *list)
{
	const AnnLayout *layout = &so->cache->layout;
	BlockNumber block = list->head;

	while (block != InvalidBlockNumber)
	{
		Buffer buffer = read_list_page(index, list, block);
		Page page = BufferGetPage(buffer);
		int nblocks = ann_special(page)->nblocks;
		BlockNumber next = ann_special(page)->next;

		if (next != InvalidBlockNumber)
			ann_buffer_prefetch_list(index, layout, next, so->nfilters > 0);
		for (int i = 0; i < nblocks; i++)
		{
			AnnBlock entries = ann_block(layout, page, i);

			if (i + 1 < nblocks)
				ann_block_prefetch(layout, page, i + 1, so->nfilters > 0);
			scan_block(so, &entries, block, i);
		}
		UnlockReleaseBuffer(buffer);
		block = next;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Of the next list read the blocks that the key pages named. */
static void
probe_pages(Relation index, AnnScan *so, const AnnList *list, int32 at)
{
	const AnnLayout *layout = &so->cache->layout;

	for (; at >= 0; at = so->pages[at].next)
	{
		const ScanPage *from = &so->pages[at];
		Buffer buffer = read_list_page(index, list, from->page);
		Page page = BufferGetPage(buffer);

		if (from->next >= 0)
			ann_buffer_prefetch_blocks(index, layout,
									   so->pages[from->next].page,
									   so->pages[from->next].blocks);
		for (uint32 blocks = from->blocks; blocks != 0; blocks &= blocks - 1)
		{
			int i = pg_rightmost_one_pos32(blocks);
			AnnBlock entries;

			/* blocks only get more, but a damaged page may say anything */
			if (i >= ann_special(page)->nblocks)
				continue;
			entries = ann_block(layout, page, i);
			scan_block(so, &entries, from->page, i);
		}
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Fetch ahead what is read of the list after the next one. */
static void
prefetch_list(Relation index, const AnnScan *so)
{
	const AnnLayout *layout = &so->cache->layout;
	uint32 place;
	int32 at;

	if (so->nprobed + 1 >= so->nsorted)
		return;
	place = list_at(so, so->nprobed + 1);
	if (so->list_pages == NULL)
	{
		ann_buffer_prefetch_list(index, layout, so->cache->list[place].head,
								 so->nfilters > 0);
		return;
	}
	at = so->list_pages[place];
	if (at >= 0)
		ann_buffer_prefetch_blocks(index, layout, so->pages[at].page,
								   so->pages[at].blocks);
}

/* Take the entries of a list that the key pages named. */
static void
take_matches(AnnScan *so, int32 at)
{
	for (; at >= 0; at = so->pages[at].next)
	{
		const ScanPage *from = &so->pages[at];

		so->matched += from->count;
		for (uint32 i = from->first; i < from->first + from->count; i++)
		{
			ScanMatch *match = &so->matches[i];
			Near *item = push_near(so, -INFINITY, SCAN_BY_KEY | i);

			match->probe = so->nprobes - 1;
			item->record_page = match->record_page;
			item->record_item = match->record_item;
			ItemPointerSetInvalid(&item->tid);
		}
	}
}

/*
 * Take these of all lists that were not read yet, in the order that lists have
 * in the index.
 */
static void
take_all_matches(AnnScan *so)
{
	for (uint32 i = 0; i < so->nprobed; i++)
		so->list_pages[list_at(so, i)] = -1;
	for (uint32 list = 0; list < so->nlists; list++)
		if (so->list_pages[list] >= 0)
		{
			add_probe(so, list, false);
			take_matches(so, so->list_pages[list]);
		}
	so->nprobed = so->nlists;
}

static void
probe_list(Relation index, AnnScan *so)
{
	uint32 place = list_at(so, so->nprobed);
	const AnnList *list = &so->cache->list[place];

	if (so->list_pages == NULL)
	{
		add_probe(so, place, true);
		probe_chain(index, so, list);
	}
	else if (so->list_pages[place] >= 0)
	{
		add_probe(so, place, true);
		probe_pages(index, so, list, so->list_pages[place]);
	}
	so->nprobed++;
}

/* How many lists are within a reach. */
static double
lists_within(AnnScan *so, double reach)
{
	float ranked;
	float upto;
	uint32 lists;

	if (so->within_reach == reach || so->nlists == 0)
		return so->within;
	ranked = score_at(so, ann_reach_rank(so->nlists));
	upto = ann_reach_score(reach, so->score[list_at(so, 0)], ranked);
	sort_upto(so, upto);
	for (lists = so->nsorted; lists > 0; lists--)
		if (!(so->score[list_at(so, lists - 1)] > upto))
			break;
	so->within_reach = reach;
	so->within = lists;
	return lists;
}

double
ann_scan_lists_wanted(AnnScan *so)
{
	const AnnMeta *meta = &so->cache->meta;
	double recall = guc_target_recall;
	double k = so->k;
	double wanted;

	if (so->unordered || so->inexact || so->exhaustive)
		return so->nlists;
	if (so->list_pages != NULL)
	{
		if (so->few)
			return so->nlists;
		k *= (so->scanned + 1) / (so->key_matches + 1);
	}
	else if (so->nfilters > 0 && so->scanned > 0)
		k *= (so->scanned + 1) / (so->matched + 1);
	if (guc_probes > 0)
		/* the setting replaces the first stage; later ones keep growing */
		wanted = guc_probes * ann_probes(meta, recall, k) /
				 ann_probes(meta, recall, FIRST_K);
	else if (recall >= 1 || !ann_is_calibrated(meta))
		wanted = so->nlists;
	else
	{
		wanted = Max(lists_within(so, ann_reach(meta, recall, k)), 1) *
				 ann_growth(meta, recall, k);
		wanted = ann_beyond_levels(recall, wanted, so->nlists);
		/* rows that conditions leave need not be near: go as far as others */
		if (k > so->first_k)
			wanted = Max(wanted, ann_probes(meta, recall, k));
	}
	/* most of the way is as good as all of it */
	return wanted > 0.7 * so->nlists ? so->nlists : ceil(wanted);
}

bool
ann_scan_may_probe(const AnnScan *so)
{
	return so->nprobed < so->nlists &&
		   (guc_max_scan_tuples == 0 || so->scanned < guc_max_scan_tuples);
}

/* Distrust the bounds of few candidates: refining all costs nothing. */
static void
take_few(AnnScan *so)
{
	if (so->nprobed < so->nlists || so->matched > ANN_FEW_ROWS ||
		so->near.next > 0)
		return;
	for (Size i = 0; i < so->nblocks * ANN_BLOCK; i++)
		if (so->bounds[i] < INFINITY)
			so->bounds[i] = -INFINITY;
	for (Size i = 0; i < so->near.count; i++)
	{
		so->near.item[i].bound = -INFINITY;
		so->near.order[i] = sort_key(-INFINITY, i);
	}
}

void
ann_scan_probe(Relation index, AnnScan *so)
{
	bool probed = so->nprobed < so->wanted;
	/* nothing was taken yet, so the cut is free to fall */
	bool first = so->near.next == 0 && so->nprobed == 0;

	while (so->nprobed < so->wanted && ann_scan_may_probe(so))
	{
		if (ann_scan_keys_pay(so))
		{
			ann_scan_read_keys(index, so);
			so->wanted = Max(so->wanted, ann_scan_lists_wanted(so));
		}
		if (so->few && so->matches != NULL)
		{
			take_all_matches(so);
			break;
		}
		/* not all at once while the selectivity of filters is learnt */
		if (so->nprobed + 1 >= so->nsorted)
			sort_lists(so, so->nfilters > 0 && so->list_pages == NULL
							   ? Max(2 * (so->nprobed + 1), 16)
							   : (uint32) so->wanted);
		prefetch_list(index, so);
		probe_list(index, so);
		if (so->nfilters > 0 && so->nprobed >= so->wanted)
			so->wanted = Max(so->wanted, ann_scan_lists_wanted(so));
		if (first)
			lower_cut(so);
	}
	if (probed)
		take_few(so);
}

/* ---- moving the cut up ---- */

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

/*
 * Read some entries of a block again. Those that vacuum cleared meanwhile are
 * of rows that this scan does not see, as are those put in their place.
 */
static void
take_entries(Relation index, AnnScan *so, Size b, uint32 below)
{
	const ScanBlock *at = &so->blocks[b];
	const AnnList *list = &so->cache->list[so->probes[at->probe].list];
	Buffer buffer = read_list_page(index, list, at->page);
	AnnBlock block =
		ann_block(&so->cache->layout, BufferGetPage(buffer), (int) at->index);

	for (; below != 0; below &= below - 1)
	{
		int slot = pg_rightmost_one_pos32(below);
		float *bound = &so->bounds[b * ANN_BLOCK + slot];

		if (*block.used >> slot & 1)
			push_entry(so, *bound, (uint32) (b * ANN_BLOCK + slot), &block,
					   slot);
		*bound = INFINITY;
		so->unseen--;
	}
	UnlockReleaseBuffer(buffer);
	CHECK_FOR_INTERRUPTS();
}

void
ann_scan_move_cut(Relation index, AnnScan *so)
{
	so->cut = so->unseen <= 2 * so->next_cut ? FLT_MAX : choose_cut(so);
	for (Size b = 0; b < so->nblocks; b++)
	{
		const float *bounds = so->bounds + b * ANN_BLOCK;
		uint32 below = 0;

		for (int slot = 0; slot < ANN_BLOCK; slot++)
			below |= (uint32) (bounds[slot] <= so->cut) << slot;
		if (below != 0)
			take_entries(index, so, b, below);
	}
	so->next_cut = Min(2 * so->next_cut, 65536);
}

/* Fetch ahead what refining a near candidate reads. */
static void
prefetch_near(Relation index, const AnnScan *so, Size at)
{
	const Near *item;
	const ScanProbe *probe;

	if (at >= so->near.count)
		return;
	item = &so->near.item[(uint32) so->near.order[at]];
	ann_buffer_prefetch_record(index, &so->cache->layout, item->record_page,
							   item->record_item);
	probe = ann_scan_probe_of(so, item->candidate);
	if (!probe->exact)
		__builtin_prefetch(so->cache->centroid +
						   (size_t) probe->list *
							   so->cache->layout.shape.full_dim);
}

void
ann_scan_sort_near(Relation index, AnnScan *so)
{
	NearQueue *near = &so->near;

	if (near->sorted)
		return;
	sort_keys(near->order + near->next, near->count - near->next);
	near->sorted = true;
	for (Size i = near->next; i < near->next + PREFETCHED; i++)
		prefetch_near(index, so, i);
}

const Near *
ann_scan_take_near(Relation index, AnnScan *so)
{
	prefetch_near(index, so, so->near.next + PREFETCHED);
	return &so->near.item[(uint32) so->near.order[so->near.next++]];
}

bool
ann_scan_has_entry(Relation index, const AnnScan *so, const Near *near,
				   const ItemPointerData *tid)
{
	const AnnList *list =
		&so->cache->list[ann_scan_probe_of(so, near->candidate)->list];
	BlockNumber page;
	int at;
	int slot;
	Buffer buffer;
	AnnBlock block;
	bool found;

	if (near->candidate & SCAN_BY_KEY)
	{
		const ScanMatch *match = &so->matches[near->candidate & ~SCAN_BY_KEY];

		page = match->page;
		at = match->block;
		slot = match->slot;
	}
	else
	{
		page = so->blocks[near->candidate / ANN_BLOCK].page;
		at = (int) so->blocks[near->candidate / ANN_BLOCK].index;
		slot = near->candidate % ANN_BLOCK;
	}
	buffer = read_list_page(index, list, page);
	block = ann_block(&so->cache->layout, BufferGetPage(buffer), at);
	found = at < ann_special(BufferGetPage(buffer))->nblocks &&
			(*block.used >> slot & 1) != 0;
	if (tid != NULL)
		found = found && ItemPointerEquals(&block.tid[slot],
										   unconstify(ItemPointerData *, tid));
	else
		found = found && block.record_page[slot] == near->record_page &&
				block.record_item[slot] == near->record_item;
	UnlockReleaseBuffer(buffer);
	return found;
}
