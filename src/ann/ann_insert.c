/*-------------------------------------------------------------------------
 *
 * ann_insert.c
 *		Adding one row to the index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "ann/ann_int.h"

/* The list whose centroid is nearest. */
static uint32
nearest_list(const AnnCache *cache, const float *x)
{
	int dim = cache->layout.shape.full_dim;
	float best = INFINITY;
	uint32 nearest = 0;

	for (uint32 list = 0; list < cache->meta.lists; list++)
	{
		float at = cache->norm_squared[list] -
				   2 * ann_kernels->dot(dim, x,
										cache->centroid + (size_t) list * dim);

		if (at < best)
		{
			best = at;
			nearest = list;
		}
	}
	return nearest;
}

static void
insert_row(Relation index, Datum *values, bool *isnull, ItemPointer tid)
{
	const AnnKind *kind = ann_kind(index);
	const AnnCache *cache = ann_cache(index);
	AnnLayout layout = cache->layout;
	int dim = layout.shape.full_dim;
	float *x = palloc(sizeof(float) * dim);
	AnnEntry entry = {.tid = *tid};
	BlockNumber head;
	const float *centroid;
	bool inexact;

	entry.signs = palloc(layout.shape.code_dim / 8);
	entry.bytes = palloc(layout.shape.byte_len);
	ann_hash_keys(index, layout.filters, values, isnull, entry.keys);
	if (!ann_read_vector(kind, &layout.shape, values[0], x, &inexact))
		return;

	/* detoasting may have sent the cache away */
	cache = ann_cache(index);
	entry.list = nearest_list(cache, x);
	head = cache->head[entry.list];
	centroid = cache->centroid + (size_t) entry.list * dim;
	for (int i = 0; i < dim; i++)
		x[i] -= centroid[i];
	ann_encode(&layout.shape, x, centroid, entry.signs, &entry.sign_factors,
			   entry.bytes, &entry.byte_factors);
	if (inexact)
		entry.sign_factors.error = entry.byte_factors.error = INFINITY;
	ann_page_insert(index, &layout, head, &entry);
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
