/*-------------------------------------------------------------------------
 *
 * ann_scan_keys.c
 *		Where the rows are that filters leave, from the key pages.
 *
 * A search whose filters leave few rows has to go through many lists for ten
 * of them. The key pages have the keys of all entries on a fortieth of the
 * pages, so it reads those once, and then of each list only the blocks where
 * its filters match. What it learns is how many rows match, too.
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
 * A key page is read from end to end, of a list page only the keys: it takes
 * about as long as so many of them.
 */
#define KEY_PAGE_COST 1.5

bool
ann_scan_keys_pay(const AnnScan *so)
{
	const AnnLayout *layout = &so->cache->layout;
	double list_pages = ceil(so->cache->meta.list_size /
							 ((double) ANN_BLOCK * layout->blocks_per_page));
	double key_pages = ceil(list_pages * so->nlists / layout->places_per_page);

	return so->nfilters > 0 && so->list_pages == NULL && !so->no_keys &&
		   guc_max_scan_tuples == 0 &&
		   (so->wanted - so->nprobed) * list_pages > KEY_PAGE_COST * key_pages;
}

/* The places of live lists in the cache by their slots; -1: none. */
static int32 *
places_by_slot(const AnnCache *cache)
{
	uint32 slots = cache->meta.slots;
	int32 *places = MemoryContextAllocHuge(CurrentMemoryContext,
										   mul_size(sizeof(int32), slots));

	memset(places, -1, sizeof(int32) * slots);
	for (uint32 i = 0; i < cache->meta.lists; i++)
		places[cache->list[i].slot] = (int32) i;
	return places;
}

/* The entries of a block that may pass all filters. */
static uint32
match_block(const AnnScan *so, AnnKeyPlace *place, int block)
{
	uint32 mask = PG_UINT32_MAX;

	for (int i = 0; i < so->nfilters && mask != 0; i++)
	{
		const AnnFilter *filter = &so->filters[i];
		const uint16 *keys =
			ann_key_block(&so->cache->layout, place, filter->filter, block);
		uint32 match = 0;

		for (int h = 0; h < filter->nhashes; h++)
			match |= ann_kernels->match_short(keys, filter->short_hashes[h]);
		mask &= match;
	}
	return mask;
}

static void
add_page(AnnScan *so, int32 list, BlockNumber page, uint32 blocks)
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
	added->next = so->list_pages[list];
	so->list_pages[list] = (int32) so->npages++;
}

static void
read_place(AnnScan *so, const int32 *places, AnnKeyPlace *place)
{
	const AnnLayout *layout = &so->cache->layout;
	int blocks = Min(place->blocks, layout->blocks_per_page);
	uint32 found = 0;
	int32 list;

	/* a free place, or of a list that this search does not read */
	if (place->page == ANN_METAPAGE || place->list >= so->cache->meta.slots)
		return;
	list = places[place->list];
	if (list < 0 || so->cache->list[list].stamp != place->stamp)
		return;
	so->scanned += place->entries;
	for (int b = 0; b < blocks; b++)
	{
		uint32 mask = match_block(so, place, b);

		so->key_matches += pg_popcount32(mask);
		found |= (uint32) (mask != 0) << b;
	}
	if (found != 0)
		add_page(so, list, place->page, found);
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

void
ann_scan_read_keys(Relation index, AnnScan *so)
{
	const AnnLayout *layout = &so->cache->layout;
	BlockNumber block = so->cache->meta.keys_start;
	int32 *places = places_by_slot(so->cache);
	double scanned = so->scanned;

	so->list_pages = MemoryContextAllocHuge(
		CurrentMemoryContext, mul_size(sizeof(int32), so->nlists));
	memset(so->list_pages, -1, sizeof(int32) * so->nlists);
	so->scanned = 0;
	while (block != InvalidBlockNumber)
	{
		Buffer buffer =
			ann_page_read(index, block, ANN_PAGE_KEYS, BUFFER_LOCK_SHARE);
		Page page = BufferGetPage(buffer);

		block = ann_special(page)->next;
		ann_buffer_prefetch_page(index, block);
		for (int i = 0; i < layout->places_per_page; i++)
			read_place(so, places, ann_key_place(layout, page, i));
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	pfree(places);
	/* a number of lists that was set stays what it is */
	so->few = so->key_matches <= SCAN_FEW && guc_probes == 0;
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
