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

IndexBulkDeleteResult *
ann_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				IndexBulkDeleteCallback callback, void *callback_state)
{
	Relation index = info->index;
	AnnLayout layout = ann_cache(index)->layout;
	uint32 lists = ann_cache(index)->meta.lists;
	DeadTest test = {callback, callback_state};
	bool removed = false;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	stats->num_index_tuples = 0;
	for (uint32 list = 0; list < lists; list++)
	{
		BlockNumber head = ann_cache(index)->head[list];

		for (BlockNumber block = head; block != InvalidBlockNumber;)
		{
			AnnVacuumed page = ann_page_vacuum(index, &layout, head, block,
											   is_dead, &test, info->strategy);

			stats->tuples_removed += page.removed;
			stats->num_index_tuples += page.remaining;
			removed |= page.removed > 0;
			block = page.next;
			compat_vacuum_delay_point();
		}
	}
	if (removed)
		IndexFreeSpaceMapVacuum(index);
	return stats;
}

/* Nothing is left to do; ANALYZE calls this too, and neither writes a page. */
IndexBulkDeleteResult *
ann_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only || stats == NULL)
		return stats;
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
