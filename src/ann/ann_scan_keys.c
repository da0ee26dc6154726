/*-------------------------------------------------------------------------
 *
 * ann_scan_keys.c
 *		Where the rows are that filters leave, from the key pages.
 *
 * A search whose filters leave few rows has to go through many lists for ten
 * of them. The key pages have the keys of all entries on few pages, so it
 * reads those once, and then of each list only the blocks where its filters
 * match. What it learns is how many rows match, too. When that is few it goes
 * on from here to their records, without sign codes and whatever the lists are,
 * and comes to a list page only for what it returns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "ann/ann_scan_int.h"
#include "base/guc.h"
#include "base/wait_point.h"

/*
 * Of a key page the keys of one column are read, and for the blocks that match
 * what else it says; of a list page the keys. They take about as long.
 */
#define KEY_PAGE_COST 1.0

/* Key pages fetched ahead. */
#define PREFETCHED 4

/* Whether reading the key pages takes less than reading so many lists. */
static bool
is_less_than_lists(const AnnScan *so, double lists)
{
	const AnnLayout *layout = &so->cache->layout;
	double list_pages = ceil(so->cache->meta.list_size /
							 ((double) ANN_BLOCK * layout->blocks_per_page));
	double key_pages = ceil(list_pages * so->nlists / layout->places_per_page);

	return so->nfilters > 0 && so->list_pages == NULL && !so->no_keys &&
		   guc_max_scan_tuples == 0 &&
		   lists * list_pages > KEY_PAGE_COST * key_pages;
}

bool
ann_scan_keys_pay(const AnnScan *so)
{
	return is_less_than_lists(so, so->wanted - so->nprobed);
}

bool
ann_scan_keys_will_pay(const AnnScan *so, double rows)
{
	const AnnMeta *meta = &so->cache->meta;
	double lists = so->nlists;

	if (rows < 0 || guc_probes > 0)
		return false;
	if (rows > ANN_FEW_ROWS && guc_target_recall < 1 &&
		ann_is_calibrated(meta))
		lists = Min(lists, ann_probes(meta, guc_target_recall,
									  so->k * meta->tuples / rows));
	return is_less_than_lists(so, lists);
}

/*
 * The entries of each block of a key page that may pass all filters, and
 * whether there are any.
 */
static bool
match_page(const AnnScan *so, Page page, uint32 *masks)
{
	const AnnLayout *layout = &so->cache->layout;
	int n = layout->places_per_page * layout->blocks_per_page;
	uint32 any = 0;

	for (int i = 0; i < so->nfilters; i++)
	{
		const AnnFilter *filter = &so->filters[i];
		const uint8 *first =
			ann_key_bytes(layout, page, filter->filter, 0, 0, 0);
		const uint8 *second =
			ann_key_bytes(layout, page, filter->filter, 1, 0, 0);
		uint32 further[ANN_KEY_BLOCKS_MAX];
		uint32 *found = i == 0 ? masks : further;

		any = 0;
		memset(found, 0, sizeof(uint32) * n);
		for (int h = 0; h < filter->nhashes; h++)
			any |= ann_kernels->match_bytes(n, first, second,
											filter->short_hashes[h], found);
		if (any == 0)
			return false;
		for (int b = 0; i > 0 && b < n; b++)
			masks[b] &= found[b];
	}
	return any != 0;
}

/* Keep what a block says of its matches, as long as they are few. */
static void
add_matches(AnnScan *so, BlockNumber page, int block, uint32 mask,
			const AnnKeyRecords *records)
{
	Size n = (Size) so->key_matches;

	so->key_matches += pg_popcount32(mask);
	if (so->matches == NULL || so->key_matches > ANN_FEW_ROWS)
		return;
	for (; mask != 0; mask &= mask - 1)
	{
		int slot = pg_rightmost_one_pos32(mask);

		so->matches[n++] = (ScanMatch){.page = page,
									   .record_page = records->page[slot],
									   .record_item = records->item[slot],
									   .block = (uint8) block,
									   .slot = (uint8) slot};
	}
}

static void
add_page(AnnScan *so, int32 list, BlockNumber page, uint32 blocks,
		 uint32 first)
{
	ScanPage *added;

	if (so->npages == so->pages_space)
	{
		so->pages_space = Max(2 * so->pages_space, 256);
		so->pages =
			so->pages == NULL
				? palloc(so->pages_space * sizeof(ScanPage))
				: repalloc_huge(so->pages, so->pages_space * sizeof(ScanPage));
	}
	added = &so->pages[so->npages];
	added->page = page;
	added->blocks = blocks;
	added->first = first;
	added->count = (uint32) so->key_matches - first;
	added->next = so->list_pages[list];
	so->list_pages[list] = (int32) so->npages++;
}

/* What matches of a list page, if anything does. */
static void
read_place(AnnScan *so, Page page, int at, const uint32 *masks)
{
	const AnnLayout *layout = &so->cache->layout;
	const AnnKeyPlace *place = ann_key_place(layout, page, at);
	uint32 first = (uint32) so->key_matches;
	uint32 any = 0;
	uint32 found = 0;
	int32 list;

	/* most places have none */
	for (int b = 0; b < layout->blocks_per_page; b++)
		any |= masks[b];
	if (any == 0)
		return;

	/* a free place, or of a list that this search does not read */
	if (place->page == ANN_METAPAGE || place->list >= so->cache->meta.slots)
		return;
	list = so->cache->place[place->list];
	if (list < 0 || so->cache->list[list].stamp != place->stamp)
		return;
	for (int b = 0; b < layout->blocks_per_page; b++)
	{
		if (masks[b] == 0)
			continue;
		add_matches(so, place->page, b, masks[b],
					ann_key_records(layout, page, at, b));
		found |= (uint32) 1 << b;
	}
	add_page(so, list, place->page, found, first);
}

/*
 * On a primary the pages of lists that a search reads are not freed before it
 * ends, nor are the places of their keys. On a standby they can be, but only
 * after the lists were replaced, which changes the revision.
 */
static bool
is_complete(Relation index, const AnnScan *so)
{
	AnnMeta meta;

	if (!RecoveryInProgress())
		return true;
	ann_meta_read(index, &meta);
	return meta.revision == so->cache->meta.revision;
}

/* Fetch ahead what match_page will read, of a page some way further on. */
static void
prefetch_page(const AnnScan *so, uint32 i)
{
	const AnnKeyChain *keys = so->cache->keys;

	if (i + PREFETCHED < keys->count)
		for (int f = 0; f < so->nfilters; f++)
			ann_buffer_prefetch_keys(&so->cache->layout,
									 keys->buffer[i + PREFETCHED],
									 so->filters[f].filter);
}

void
ann_scan_read_keys(Relation index, AnnScan *so)
{
	const AnnLayout *layout = &so->cache->layout;
	BlockNumber block = so->cache->meta.keys_start;
	double scanned = so->scanned;

	so->list_pages = MemoryContextAllocHuge(
		CurrentMemoryContext, mul_size(sizeof(int32), so->nlists));
	memset(so->list_pages, -1, sizeof(int32) * so->nlists);
	so->scanned = 0;
	if (!so->unordered && !so->inexact && guc_probes == 0)
		so->matches = palloc(sizeof(ScanMatch) * ANN_FEW_ROWS);
	for (uint32 i = 0; block != InvalidBlockNumber; i++)
	{
		Buffer buffer;
		Page page;
		const AnnPageSpecial *special;
		uint32 masks[ANN_KEY_BLOCKS_MAX];

		buffer = ann_buffer_read_recent(
			index, block, ann_cache_key_page(so->cache, i, block));
		page = BufferGetPage(buffer);
		prefetch_page(so, i);
		/* the other half of the page is not touched unless something matches */
		special = (AnnPageSpecial *) (page + BLCKSZ - sizeof(AnnPageSpecial));
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (special->kind != ANN_PAGE_KEYS)
			ann_page_check(index, block, page, ANN_PAGE_KEYS);
		block = special->next;
		so->scanned += special->entries;
		if (match_page(so, page, masks))
			for (int at = 0; at < layout->places_per_page; at++)
				read_place(so, page, at, masks + at * layout->blocks_per_page);
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	/* a number of lists that was set stays what it is */
	so->few = so->key_matches <= ANN_FEW_ROWS && guc_probes == 0;
	if (is_complete(index, so))
	{
		wait_point("scan-keys");
		return;
	}
	pfree(so->list_pages);
	so->list_pages = NULL;
	so->npages = 0;
	so->key_matches = 0;
	so->scanned = scanned;
	so->few = false;
	so->no_keys = true;
}
