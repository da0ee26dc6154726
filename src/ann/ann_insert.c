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
		ann_list_grown(index, layout, &list, entries);
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
