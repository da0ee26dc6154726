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
 * A byte code tells between which values the distance certainly lies. The
 * top of refined is returned once no near candidate can come before it. Where
 * its interval meets no other the row has its place, and the executor need not
 * know the distance, so it does not read the vector. Otherwise the lower bound
 * goes along as the order-by value with xs_recheckorderby, and the executor
 * computes the distances of the few rows whose intervals overlap.
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
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

#include "ann/ann_scan_int.h"
#include "base/guc.h"
#include "base/wait_point.h"
#include "vector/vector.h"

/* Candidates that the cut lets through at first, at least. */
#define FIRST_CUT 64

/* Fewest neighbours that a search is prepared for. */
#define FIRST_K 10

static AnnCounters last_scan;

/* ---- heaps ---- */

static void
push_refined(AnnScan *so, Refined item)
{
	RefinedHeap *heap = &so->refined;
	Size at = heap->count++;

	if (heap->count > heap->space)
	{
		heap->space = Max(2 * heap->space, 256);
		heap->item =
			heap->item == NULL
				? palloc(heap->space * sizeof(Refined))
				: repalloc_huge(heap->item, heap->space * sizeof(Refined));
	}
	while (at > 0 && heap->item[(at - 1) / 2].bound > item.bound)
	{
		heap->item[at] = heap->item[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap->item[at] = item;
}

static Refined
pop_refined(AnnScan *so)
{
	RefinedHeap *heap = &so->refined;
	Refined top = heap->item[0];
	Refined item = heap->item[--heap->count];
	Size at = 0;

	for (;;)
	{
		Size child = 2 * at + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
			heap->item[child + 1].bound < heap->item[child].bound)
			child++;
		if (heap->item[child].bound >= item.bound)
			break;
		heap->item[at] = heap->item[child];
		at = child;
	}
	if (heap->count > 0)
		heap->item[at] = item;
	return top;
}

/* ---- tiers ---- */

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

/*
 * Compute the interval from a record; false when it is not this row's. Which
 * row a match is of the record says.
 */
static bool
read_record(Relation index, AnnScan *so, const Near *near, Refined *refined,
			AnnInterval *interval)
{
	ScanProbe *probe = ann_scan_probe_of(so, near->candidate);
	OffsetNumber item = near->record_item;
	Buffer buffer = ann_buffer_read(index, near->record_page);
	Page page = BufferGetPage(buffer);
	bool found = false;

	if (!probe->exact)
		ann_scan_exact_probe(so, probe);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (!PageIsNew(page) && ann_special(page)->kind == ANN_PAGE_RECORDS &&
		item <= PageGetMaxOffsetNumber(page) &&
		ItemIdIsUsed(PageGetItemId(page, item)))
	{
		AnnRecord *record =
			(AnnRecord *) PageGetItem(page, PageGetItemId(page, item));

		if (near->candidate & SCAN_BY_KEY)
			refined->tid = record->tid;
		found = record->stamp == so->cache->list[probe->list].stamp &&
				record->list == so->cache->list[probe->list].slot &&
				ItemPointerEquals(&record->tid, &refined->tid);
		if (found)
		{
			AnnByteFactors factors = ann_record_factors(record);

			*interval = ann_byte_interval(&so->query, &probe->probe,
										  record->bytes, &factors);
		}
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

/*
 * Read the byte code of a candidate. What was removed meanwhile is skipped: a
 * row put in its place since is not visible to this scan.
 */
static void
refine(Relation index, AnnScan *so, const Near *near)
{
	AnnInterval interval = {-INFINITY, INFINITY};
	Refined refined = {.tid = near->tid, .candidate = near->candidate};

	so->nrefined++;
	if (!so->unordered && !so->inexact &&
		!read_record(index, so, near, &refined, &interval))
	{
		/* vacuum clears the entry before it removes the record */
		if (!ann_scan_has_entry(index, so, near,
								near->candidate & SCAN_BY_KEY ? NULL
															  : &near->tid))
			return;
		/* unless both were used again since */
		if (!read_record(index, so, near, &refined, &interval))
			ann_scan_report_gone(index, near->record_page);
	}
	refined.bound =
		isfinite(interval.low) ? operator_bound(so, interval.low) : -INFINITY;
	refined.high =
		isfinite(interval.high) ? operator_bound(so, interval.high) : INFINITY;
	if (refined.bound < so->last)
		so->missed++;
	else
		push_refined(so, refined);
}

/*
 * Make the top of refined the entry to return next. False when all probed
 * lists are used up. Candidates that may lie within its interval are refined
 * first: that costs less than a distance, which mostly is not needed then.
 */
static bool
advance(Relation index, AnnScan *so)
{
	for (;;)
	{
		const Near *near;
		const Refined *best = so->refined.count > 0 ? so->refined.item : NULL;
		double upto = best == NULL		  ? INFINITY
					  : isinf(best->high) ? best->bound
										  : best->high;

		CHECK_FOR_INTERRUPTS();
		if (ann_scan_near_count(so) == 0)
		{
			if (so->unseen == 0 ||
				(best != NULL && upto <= operator_bound(so, so->cut)))
				return best != NULL;
			ann_scan_move_cut(index, so);
			continue;
		}
		ann_scan_sort_near(index, so);
		near = ann_scan_nearest(so);
		if (best != NULL && upto <= operator_bound(so, near->bound))
			return true;
		refine(index, so, ann_scan_take_near(index, so));
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
	const AnnShape *shape = &so->cache->layout.shape;
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
	ann_query_init(&so->query, shape, rotated, palloc(shape->lut_len));
	so->query.epsilon = (float) ann_epsilon(guc_target_recall);
}

static void
start_scan(IndexScanDesc scan, AnnScan *so)
{
	Relation index = scan->indexRelation;
	MemoryContext old = MemoryContextSwitchTo(so->cxt);
	const AnnPlan *plan;

	if (!IsMVCCSnapshot(scan->xs_snapshot))
		elog(ERROR, "an index \"intel\" can only be scanned with an MVCC "
					"snapshot");
	pgstat_count_index_scan(index);
	ann_kernels_select(vector_kernels->name);
	so->kind = ann_kind(index);
	so->cache = ann_cache_hold(index, so->cxt);
	so->query.shape = &so->cache->layout.shape;
	plan = ann_plan(scan);
	so->limit = ann_plan_limit(plan);
	so->exhaustive =
		so->limit == NULL || (guc_target_recall >= 1 && guc_probes == 0);
	so->end = ann_plan_end(plan);
	read_query(scan, so);
	so->filters = ann_filters_read(scan, plan, &so->nfilters, &so->impossible);
	so->nlists = so->impossible ? 0 : so->cache->meta.lists;
	so->k =
		so->limit == NULL ? FIRST_K : Max(ann_limit_rows(so->limit), FIRST_K);
	so->first_k = so->k;
	so->within_reach = -1;
	so->next_cut = Max(FIRST_CUT, (Size) Min(2 * so->k, 65536));
	so->near.review = 2 * so->next_cut;
	so->cut = FLT_MAX;
	so->last = so->unsettled = -INFINITY;
	if (ann_scan_keys_will_pay(so, ann_plan_rows(plan)))
		ann_scan_read_keys(index, so);
	so->wanted = ann_scan_lists_wanted(so);
	so->started = true;
	MemoryContextSwitchTo(old);
	wait_point("scan-lists");
}

/*
 * Whether a row comes after all that were returned and before all that are
 * refined, whatever its distance is.
 */
static bool
is_settled(const AnnScan *so, const Refined *refined)
{
	return !isinf(refined->high) && refined->bound >= so->unsettled &&
		   (so->refined.count == 0 ||
			so->refined.item[0].bound >= refined->high);
}

/* Fill in the tuple and what the executor orders it by. */
static void
return_tuple(IndexScanDesc scan, AnnScan *so, Refined refined)
{
	bool settled = is_settled(so, &refined);

	so->returned++;
	so->last = settled ? refined.high : refined.bound;
	if (!settled)
		so->unsettled = Max(so->unsettled, refined.high);
	scan->xs_heaptid = refined.tid;
	scan->xs_recheck = so->nfilters > 0;
	if (scan->numberOfOrderBys > 0)
	{
		scan->xs_recheckorderby = !so->unordered && !settled;
		scan->xs_orderbynulls[0] = so->unordered;
		scan->xs_orderbyvals[0] = Float8GetDatum(refined.bound);
	}
}

/*
 * Whether a row that a record named is in the index. A key page may still
 * name the record of an entry that vacuum removed, and after a crash that
 * record may be left, while the row's place in the table has another row.
 */
static bool
is_entry(Relation index, const AnnScan *so, const Refined *refined)
{
	Near near = {.candidate = refined->candidate};

	return !(refined->candidate & SCAN_BY_KEY) ||
		   ann_scan_has_entry(index, so, &near, &refined->tid);
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
		ann_scan_probe(scan->indexRelation, so);
		if (so->missed > 0 && so->nprobed == so->nlists &&
			so->returned > so->scanned / 4)
			return false;
		if (advance(scan->indexRelation, so))
		{
			*refined = pop_refined(so);
			if (!is_entry(scan->indexRelation, so, refined))
				continue;
			return so->unordered || !(refined->bound > so->end);
		}
		if (!ann_scan_may_probe(so))
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
			so->wanted = Max(so->wanted, ann_scan_lists_wanted(so));
		}
	}
	else if (so->limit != NULL && !so->exhaustive &&
			 (so->missed > 0 || ann_scan_may_probe(so) ||
			  ann_scan_near_count(so) > 0 || so->unseen > 0))
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
