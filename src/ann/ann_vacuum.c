/*-------------------------------------------------------------------------
 *
 * ann_vacuum.c
 *		Removing dead rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "storage/indexfsm.h"

#include "ann/ann_int.h"
#include "base/wait_point.h"

/* The server's callback behind the signature that ann_page.c wants. */
typedef struct DeadTest
{
	IndexBulkDeleteCallback callback;
	void *state;
} DeadTest;

static bool
is_dead(ItemPointer tid, void *arg)
{
	DeadTest *test = arg;

	return test->callback(tid, test->state);
}

/* Remove the dead entries of one list; true when there were some. */
static bool
vacuum_list(IndexVacuumInfo *info, const AnnLayout *layout,
			const AnnList *list, DeadTest *test, IndexBulkDeleteResult *stats)
{
	BlockNumber block = list->head;
	bool removed = false;

	wait_point("vacuum-list");
	ann_list_lock(info->index, list, ShareLock);
	while (block != InvalidBlockNumber)
	{
		AnnVacuumed page =
			ann_page_vacuum(info->index, layout, list->head, block, is_dead,
							test, info->strategy);

		stats->tuples_removed += page.removed;
		stats->num_index_tuples += page.remaining;
		removed |= page.removed > 0;
		block = page.next;
		compat_vacuum_delay_point();
	}
	ann_list_unlock(info->index, list, ShareLock);
	return removed;
}

/*
 * Lists may be replaced while this goes on. What came since a round began has
 * a higher stamp and may hold dead entries of a list that the round had not
 * reached, so rounds follow until there is nothing new.
 */
IndexBulkDeleteResult *
ann_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				IndexBulkDeleteCallback callback, void *callback_state)
{
	DeadTest test = {callback, callback_state};
	uint32 done = 0; /* stamps up to this one */
	bool removed = false;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	stats->num_index_tuples = 0;
	for (;;)
	{
		const AnnCache *cache = ann_cache(info->index);
		AnnLayout layout = cache->layout;
		uint32 lists = cache->meta.lists;
		uint32 stamp = cache->meta.stamp;
		AnnList *list = MemoryContextAllocHuge(
			CurrentMemoryContext, mul_size(sizeof(AnnList), lists));

		if (stamp == done)
			break;
		memcpy(list, cache->list, sizeof(AnnList) * lists);
		for (uint32 i = 0; i < lists; i++)
			if (list[i].stamp > done)
				removed |= vacuum_list(info, &layout, &list[i], &test, stats);
		pfree(list);
		stats->estimated_count = done > 0;
		done = stamp;
	}
	if (removed)
		IndexFreeSpaceMapVacuum(info->index);
	return stats;
}

/*
 * Merge small lists and free dead ones. Where there are none, no page is
 * written; nor by ANALYZE, which calls this too.
 */
IndexBulkDeleteResult *
ann_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only)
		return stats;
	ann_lists_clean(info->index);
	if (stats != NULL)
		stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
