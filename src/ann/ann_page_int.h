/*-------------------------------------------------------------------------
 *
 * ann_page_int.h
 *		What the two files that change pages share.
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
