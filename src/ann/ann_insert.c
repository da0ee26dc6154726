/*-------------------------------------------------------------------------
 *
 * ann_insert.c
 *		Adding one row to the index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "ann/ann_int.h"
#include "base/wait_point.h"

/*
 * The half of the score of each list by byte codes, |c|^2 / 2 - <x, c>, and
 * how far it may be off, by Cauchy and Schwarz: each coordinate of x and of c
 * is rounded by half a step.
 */
static void
guess_scores(const AnnCache *cache, const float *x, float *score, float *off)
{
	int dim = cache->layout.shape.full_dim;
	int16 *code = palloc(sizeof(int16) * dim);
	float step = ann_round(dim, x, code);
	float norm = sqrtf(ann_kernels->dot(dim, x, x));
	float half_root = 0.5f * sqrtf((float) dim);
	int64 sum = 0;
	float middle;

	for (int i = 0; i < dim; i++)
		sum += code[i];
	middle = 127.5f * (float) sum;
	for (uint32 list = 0; list < cache->meta.lists; list++)
	{
		float length = sqrtf(cache->norm_squared[list]);
		float product = (float) ann_kernels->dot_rank(
			dim, cache->code + (size_t) list * dim, code);

		score[list] = cache->norm_squared[list] / 2 -
					  cache->step[list] * step * (product - middle);
		/* with a thousandth for what floats lose */
		off[list] = 1.001f * half_root *
						(norm * cache->step[list] +
						 step * (length + half_root * cache->step[list])) +
					1e-5f * (norm + length) * (norm + length);
	}
	pfree(code);
}

/* Only lists that may be the nearest by their byte codes are compared. */
uint32
ann_nearest_list(const AnnCache *cache, const float *x)
{
	int dim = cache->layout.shape.full_dim;
	uint32 lists = cache->meta.lists;
	float *score =
		MemoryContextAllocHuge(CurrentMemoryContext, mul_size(8, lists));
	float *off = score + lists;
	float best = INFINITY;
	float within = INFINITY;
	uint32 nearest = 0;

	guess_scores(cache, x, score, off);
	for (uint32 list = 0; list < lists; list++)
		within = Min(within, score[list] + off[list]);
	for (uint32 list = 0; list < lists; list++)
	{
		float at;

		/* compared, too, where there is no number */
		if (score[list] - off[list] > within)
			continue;
		at = cache->norm_squared[list] -
			 2 * ann_kernels->dot(dim, x,
								  cache->centroid + (size_t) list * dim);
		if (at < best)
		{
			best = at;
			nearest = list;
		}
	}
	pfree(score);
	return nearest;
}

/*
 * Add x to the list nearest to it; false when that was replaced before it was
 * locked.
 */
static bool
insert_vector(Relation index, const AnnLayout *layout, const float *x,
			  bool inexact, AnnEntry *entry)
{
	const AnnCache *cache = ann_cache(index);
	int dim = layout->shape.full_dim;
	uint32 revision = cache->meta.revision;
	uint32 nearest = ann_nearest_list(cache, x);
	const float *centroid = cache->centroid + (size_t) nearest * dim;
	AnnList list = cache->list[nearest];
	float *residual = palloc(sizeof(float) * dim);
	uint32 entries;

	for (int i = 0; i < dim; i++)
		residual[i] = x[i] - centroid[i];
	entry->list = list.slot;
	entry->stamp = list.stamp;
	ann_encode(&layout->shape, residual, centroid, entry->signs,
			   &entry->sign_factors, entry->bytes, &entry->byte_factors);
	if (inexact)
		entry->sign_factors.error = entry->byte_factors.error = INFINITY;
	pfree(residual);

	wait_point("insert-lock");
	ann_list_lock(index, &list, ShareLock);
	entries = ann_page_insert(index, layout, list.head, revision, entry);
	ann_list_unlock(index, &list, ShareLock);
	if (entries > 0)
		ann_list_grown(index, &list, entries);
	return entries > 0;
}

static void
insert_row(Relation index, Datum *values, bool *isnull, ItemPointer tid)
{
	AnnLayout layout = ann_cache(index)->layout;
	float *x = palloc(sizeof(float) * layout.shape.full_dim);
	AnnEntry entry = {.tid = *tid};
	bool inexact;

	entry.signs = palloc(layout.shape.sign_len);
	entry.bytes = palloc(layout.shape.byte_len);
	ann_hash_keys(index, layout.filters, values, isnull, entry.keys);
	if (!ann_read_vector(ann_kind(index), &layout.shape, values[0], x,
						 &inexact))
		return;
	while (!insert_vector(index, &layout, x, inexact, &entry))
		CHECK_FOR_INTERRUPTS();
}

bool
ann_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
		   Relation heap, IndexUniqueCheck check_unique, bool index_unchanged,
		   IndexInfo *index_info)
{
	MemoryContext cxt;
	MemoryContext old;

	(void) heap;
	(void) check_unique;
	(void) index_unchanged;
	(void) index_info;
	if (isnull[0])
		return false;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "intel ann insert",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	insert_row(index, values, isnull, tid);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return false;
}
