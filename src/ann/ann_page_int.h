/*-------------------------------------------------------------------------
 *
 * ann_page_int.h
 *		What the files that change pages share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_PAGE_INT_H
#define INTEL_ANN_ANN_PAGE_INT_H

#include "access/htup_details.h"
#include "storage/bufmgr.h"

#include "ann/ann_page.h"

/* What the free space map has only of pages that are free as a whole. */
#define ANN_WHOLE_PAGE MaxHeapTupleSize

#define ANN_SLOTS_PER_PAGE ((int) (ANN_PAGE_SPACE / sizeof(AnnListEntry)))

extern void ann_page_init(Page page, AnnPageKind kind, uint32 list,
						  uint32 stamp);

/* Contents up to size are kept by full-page images. */
extern void ann_page_set_size(Page page, size_t size);

/*
 * The page after this one in its chain, which is appended if there is none,
 * with zeros. A crash right after this leaves a page at the end that the next
 * call finds.
 */
extern BlockNumber ann_chain_next(Relation index, BlockNumber block,
								  AnnPageKind kind);

/* A page to be initialised in a generic WAL record, locked. */
extern Buffer ann_page_extend(Relation index);

extern bool ann_page_find_slot(const AnnLayout *layout, Page page, int *index,
							   int *slot);
extern void ann_page_put_entry(const AnnLayout *layout, Page page, int index,
							   int slot, const AnnEntry *entry,
							   BlockNumber record_page,
							   OffsetNumber record_item);

/* Add the record of entry to a page; invalid when it does not fit. */
extern OffsetNumber ann_page_put_record(const AnnLayout *layout, Page page,
										const AnnEntry *entry);
extern Buffer ann_page_find_records(Relation index, const AnnLayout *layout,
									bool *fresh);

/* ---- key pages; ann_page_keys.c ---- */

/*
 * A free place for the keys of a list page, and its page, locked; invalid
 * without filter columns. A key page is locked after every page of another
 * kind. The caller may hold list pages, but not the metapage.
 */
extern Buffer ann_keys_find(Relation index, const AnnLayout *layout,
							int *place);

/*
 * The page with the keys of a list page, locked; invalid without filter
 * columns. Raises XX002 unless both pages name each other.
 */
extern Buffer ann_keys_lock(Relation index, const AnnLayout *layout,
							Buffer list);

/* Give a place to a list page. */
extern void ann_keys_take(const AnnLayout *layout, Page keys_page,
						  BlockNumber keys_block, int place, Page list_page,
						  BlockNumber list_block);

/* Take it away again. */
extern void ann_keys_free(const AnnLayout *layout, Page keys_page, int place);

/* Write the keys of an entry of that list page, and where its record is. */
extern void ann_keys_put(const AnnLayout *layout, Page keys_page, int place,
						 int block, int slot, const AnnEntry *entry,
						 BlockNumber record_page, OffsetNumber record_item);

/* Places were freed: look for them from the first page on. */
extern void ann_keys_freed(Relation index);

/* Where the record of a removed entry is. */
typedef struct AnnRecordPlace
{
	BlockNumber block;
	OffsetNumber item;
	ItemPointerData tid;
	uint32 stamp;
} AnnRecordPlace;

/* Sorts places. */
extern void ann_page_remove_records(Relation index, AnnRecordPlace *places,
									int n, BufferAccessStrategy strategy);

#endif /* INTEL_ANN_ANN_PAGE_INT_H */
