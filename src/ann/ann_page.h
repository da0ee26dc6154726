/*-------------------------------------------------------------------------
 *
 * ann_page.h
 *		Pages of the index: format, reading, and every change to them.
 *
 * An index is a metapage, a chain of directory pages, a chain of pages of
 * centroids, and for each list a chain of list pages with blocks of 32 sign
 * codes. Byte codes lie as items on record pages, which lists share; a list
 * entry names page and item. With filter columns a chain of key pages has the
 * keys of all entries once more, shortened, and where their records are, so
 * that a search for few rows finds these without reading every list.
 *
 * Metapage (block 0), from the page contents on:
 *	OFFSET	SIZE	DESCRIPTION
 *	0		4		magic number 0x696E7465
 *	4		4		format version, 6
 *	8		4		metric (AnnMetric)
 *	12		4		dimensions of the column
 *	16		4		live lists, at least 1
 *	20		4		filter columns, 0 to 4
 *	24		4		first page of centroids
 *	28		4		pages of centroids
 *	32		8		rows when the lists to probe were counted
 *	40		96		lists that searches probe on average for each of 12
 *					levels of recall, nearest 10 and nearest 100; zeros when not calibrated
 *	136		4		live lists when these were counted
 *	140		4		entries of a list that the build aims at
 *	144		4		revision: how often live lists changed
 *	148		4		stamp given last
 *	152		4		entries of the directory
 *	156		4		first page of the directory
 *	160		4		last page of the directory
 *	164		4		last page of centroids in use
 *	168		4		words in use on it
 *	172		8		first pages of two chains being written, or invalid
 *	180		4		bits of a coordinate in a byte code: 4, 8 or 12
 *	184		96		reach of a search for each level, as lists above
 *	280		4		first key page, or invalid without filter columns
 *	284		4		key page where the search for a free place starts
 *
 * Directory page: AnnListEntry, 32 bytes each, by slot.
 *
 * Page of centroids: 4-byte words of one stream over all such pages. The
 * directory says where a rotated centroid (floats, padded dimensions) starts.
 * The first is none of a list, but the mean of those that the build found.
 *
 * List page: blocks of ann_block_size() bytes. In a block:
 *	OFFSET		SIZE	DESCRIPTION
 *	0			4*cd*p	sign codes; cd = coordinates in a code, p = planes, 1 or 2
 *	+0			384		add[32], scale[32], error[32], floats
 *	+384		128*nf	filter keys: 32 hashes for each filter column
 *	+..			128		record page[32]
 *	+..			64		record item[32]
 *	+..			192		heap tuple[32]
 *	+..			4		bit of each entry in use
 *	+..			4		zero
 *
 * Key page: p places, each for a list page of up to b blocks:
 *	OFFSET		SIZE	DESCRIPTION
 *	0			192*b*p	of each block record page[32] and record item[32]
 *	+0			64*b*p*nf	of the filter keys the first bytes, blocks of 32 of every
 *						place, then the second bytes (1 where both are 0), then the
 *						same of the next filter column
 *	+..			16*p	of each place: list page or 0, a free place (4), slot of its list
 *						(4), its stamp (4), blocks that ever had entries (2), entries
 *						that these had at most (2)
 *	What stands where no entry is in use means nothing. What every search reads
 *	comes last, near the special space.
 *
 * Record: factors of the byte code: add, scale, error, norm (16), heap tuple
 * (6), slack of the factors as the upper half of a float (2), slot of the list
 * (4), its stamp (4), byte code.
 *
 * Special space of every page (32 bytes): next page of the chain or invalid
 * (4), slot of the list (4), blocks or directory entries in use (2), kind (2),
 * where inserting starts (4, on the first page of a list), stamp of the list
 * (4), entries of the list (4, on its first page) or of all places (4, on key
 * pages), its key page (4) and place there (2, on list pages), zero (2).
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_PAGE_H
#define INTEL_ANN_ANN_PAGE_H

#include "storage/bufmgr.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

#include "ann/ann_rabitq.h"

#define ANN_MAGIC 0x696E7465
#define ANN_VERSION 7
#define ANN_METAPAGE 0
#define ANN_MAX_FILTERS 4

/*
 * Rows in a list of an index of up to a million rows. A page holds few long
 * codes, and reading one takes long, so short lists, of which fewer rows are
 * read for the same recall, pay there in spite of what each list costs.
 */
static inline int
ann_list_size(int dim)
{
	return dim <= ANN_MAX_TWO_PLANES ? 250 : 125;
}

#define ANN_LEVELS 12

typedef enum AnnPageKind
{
	ANN_PAGE_META = 0xA701,
	ANN_PAGE_CENTROIDS = 0xA702,
	ANN_PAGE_LIST = 0xA703,
	ANN_PAGE_RECORDS = 0xA704,
	ANN_PAGE_KEYS = 0xA705,
	ANN_PAGE_DIRECTORY = 0xA706,
	ANN_PAGE_FREE = 0xA707,
} AnnPageKind;

typedef struct AnnPageSpecial
{
	BlockNumber next;
	uint32 list;
	uint16 nblocks;
	uint16 kind;
	BlockNumber insert;
	uint32 stamp;
	uint32 entries;
	BlockNumber keys;
	uint16 keys_place;
	uint16 zero;
} AnnPageSpecial;

/* Stamp of the lists that a build writes. */
#define ANN_FIRST_STAMP 1

typedef enum AnnListState
{
	ANN_LIST_EMPTY, /* has place for a centroid, and nothing else */
	ANN_LIST_LIVE,
	ANN_LIST_DEAD, /* replaced; older scans may still read it */
} AnnListState;

typedef struct AnnListEntry
{
	BlockNumber head;
	uint32 stamp; /* no two lists have slot and stamp in common */
	float norm_squared;
	uint32 state;
	BlockNumber centroid_block;
	uint32 centroid_word;
	uint64 dead_since; /* full transaction id */
} AnnListEntry;

typedef struct AnnMeta
{
	uint32 magic;
	uint32 version;
	uint32 metric;
	uint32 dim;
	uint32 lists;
	uint32 filters;
	BlockNumber centroid_start;
	uint32 centroid_pages;
	int64 tuples;
	uint32 probes10[ANN_LEVELS];
	uint32 probes100[ANN_LEVELS];
	uint32 calibrated;
	uint32 list_size;
	uint32 revision;
	uint32 stamp;
	uint32 slots;
	BlockNumber directory_start;
	BlockNumber directory_last;
	BlockNumber centroid_last;
	uint32 centroid_words;
	BlockNumber draft[2];
	uint32 bits;
	float reach10[ANN_LEVELS];
	float reach100[ANN_LEVELS];
	BlockNumber keys_start;
	BlockNumber keys_free;
} AnnMeta;

typedef struct AnnRecord
{
	float add;
	float scale;
	float error;
	float norm;
	ItemPointerData tid;
	uint16 slack;
	uint32 list;
	uint32 stamp;
	uint8 bytes[FLEXIBLE_ARRAY_MEMBER];
} AnnRecord;

/* A block taken apart; pointers into the page. */
typedef struct AnnBlock
{
	uint8 *codes;
	float *add;
	float *scale;
	float *error;
	uint32 *keys; /* ANN_BLOCK for each filter column */
	BlockNumber *record_page;
	OffsetNumber *record_item;
	ItemPointerData *tid;
	uint32 *used;
} AnnBlock;

/* What follows from the metapage. */
typedef struct AnnLayout
{
	AnnShape shape;
	int filters;
	int block_size;
	int blocks_per_page;
	int record_size;
	int places_per_page; /* of a key page */
} AnnLayout;

/* The keys of a list page. */
typedef struct AnnKeyPlace
{
	BlockNumber page;
	uint32 list;
	uint32 stamp;
	uint16 blocks;
	uint16 entries;
} AnnKeyPlace;

/* Where the records of a block are. */
typedef struct AnnKeyRecords
{
	BlockNumber page[ANN_BLOCK];
	OffsetNumber item[ANN_BLOCK];
} AnnKeyRecords;

/* Blocks on a key page: no more than these. */
#define ANN_KEY_BLOCKS_MAX 128

/* A vector ready to be stored. */
typedef struct AnnEntry
{
	uint32 list; /* its slot */
	uint32 stamp;
	ItemPointerData tid;
	AnnSignFactors sign_factors;
	AnnByteFactors byte_factors;
	uint32 keys[ANN_MAX_FILTERS];
	uint8 *signs; /* sign_len bytes */
	uint8 *bytes; /* byte_len bytes */
} AnnEntry;

#define ANN_PAGE_SPACE                                                        \
	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData) -                                \
	 MAXALIGN(sizeof(AnnPageSpecial)))
#define ANN_WORDS_PER_PAGE (ANN_PAGE_SPACE / sizeof(float))

/* Factors of the byte code of a record. */
extern AnnByteFactors ann_record_factors(const AnnRecord *record);

#define ann_special(page) ((AnnPageSpecial *) PageGetSpecialPointer(page))

/*
 * Pin a page, as ReadBuffer does; ann_buffers.c. The second is for callers that
 * know in which buffer they last found it, and changes *recent if that is
 * another now.
 */
extern Buffer ann_buffer_read(Relation index, BlockNumber block);
extern Buffer ann_buffer_read_recent(Relation index, BlockNumber block,
									 Buffer *recent);

/*
 * Fetch what will be read soon into the caches of the CPU: a record, the
 * first block of a list page, of a key page first bytes of a filter
 * column, blocks of a list page, a block of the page at hand. Of a block that filters may reject only what they look at.
 */
extern void ann_buffer_prefetch_record(Relation index, const AnnLayout *layout,
									   BlockNumber block, OffsetNumber item);
extern void ann_buffer_prefetch_list(Relation index, const AnnLayout *layout,
									 BlockNumber block, bool filtered);
extern void ann_buffer_prefetch_keys(const AnnLayout *layout, Buffer recent,
									 int filter);
extern void ann_buffer_prefetch_blocks(Relation index, const AnnLayout *layout,
									   BlockNumber block, uint32 blocks);
extern void ann_block_prefetch(const AnnLayout *layout, const char *page,
							   int index, bool filtered);

extern AnnLayout ann_layout(AnnMetric metric, int dim, int bits, int filters);
extern AnnBlock ann_block(const AnnLayout *layout, Page page, int index);

static inline AnnKeyRecords *
ann_key_records(const AnnLayout *layout, Page page, int place, int block)
{
	return (AnnKeyRecords *) PageGetContents(page) +
		   (size_t) place * layout->blocks_per_page + block;
}

/* Bytes of a key that key pages have: the first ones. */
#define ANN_KEY_BYTES 2

/*
 * Of each entry of a block one byte of its key, the first (0) or the second
 * (1). Those of all places follow each other.
 */
static inline uint8 *
ann_key_bytes(const AnnLayout *layout, Page page, int filter, int byte,
			  int place, int block)
{
	return (uint8 *) ann_key_records(layout, page, layout->places_per_page,
									 0) +
		   ((((size_t) filter * ANN_KEY_BYTES + byte) *
				 layout->places_per_page +
			 place) *
				layout->blocks_per_page +
			block) *
			   ANN_BLOCK;
}

static inline AnnKeyPlace *
ann_key_place(const AnnLayout *layout, Page page, int place)
{
	return (AnnKeyPlace *) ann_key_bytes(layout, page, layout->filters, 0, 0,
										 0) +
		   place;
}

/* Never 0, which stands where there was no entry. */
static inline uint16
ann_short_key(uint32 key)
{
	uint16 upper = (uint16) (key >> 16);

	return upper == 0 ? 1 : upper;
}

/* Raises XX002 (index_corrupted) unless page is of this kind. */
extern void ann_page_check(Relation index, BlockNumber block, Page page,
						   AnnPageKind kind);

/* Read a page and lock it; checked to be of the kind. */
extern Buffer ann_page_read(Relation index, BlockNumber block,
							AnnPageKind kind, int lock);

/* Copy the metapage, checked. */
extern void ann_meta_read(Relation index, AnnMeta *meta);

/*
 * Writing a whole index: entries in order of their lists, then finish. No
 * page is logged before ann_writer_finish, which logs all of them once.
 */
typedef struct AnnWriter AnnWriter;

extern AnnWriter *ann_writer_begin(Relation index, ForkNumber fork,
								   const AnnLayout *layout, int lists);
extern void ann_writer_add(AnnWriter *writer, const AnnEntry *entry);
/*
 * centroids: lists times full_dim; fills in the places of meta. logged, unless
 * NULL, is told how many of the pages were logged.
 */
extern void ann_writer_finish(AnnWriter *writer, const float *centroids,
							  AnnMeta *meta,
							  void (*logged)(int64 done, int64 total));

/*
 * Add an entry to the list whose chain starts at head, and return how many
 * the list has then; 0 when the list was replaced since revision, and nothing
 * was done. The caller holds the list (ann_list_lock).
 */
extern uint32 ann_page_insert(Relation index, const AnnLayout *layout,
							  BlockNumber head, uint32 revision,
							  const AnnEntry *entry);

/* Decides whether a heap tuple is dead. */
typedef bool (*AnnDead)(ItemPointer tid, void *arg);

/* What ann_page_vacuum found on one list page. */
typedef struct AnnVacuumed
{
	BlockNumber next;
	int removed;
	int remaining;
} AnnVacuumed;

/*
 * Remove dead entries from a list page and their records. Writes nothing
 * when there are none.
 */
extern AnnVacuumed ann_page_vacuum(Relation index, const AnnLayout *layout,
								   BlockNumber head, BlockNumber block,
								   AnnDead dead, void *arg,
								   BufferAccessStrategy strategy);

/* ---- the directory; ann_page_directory.c ---- */

/* Copy the entries of all slots of meta. */
extern void ann_directory_read(Relation index, const AnnMeta *meta,
							   AnnListEntry *entries);

extern void ann_centroid_read(Relation index, const AnnListEntry *entry,
							  int dim, float *centroid);

/* The mean of the centroids when the index was built. */
extern void ann_middle_read(Relation index, const AnnMeta *meta, int dim,
							float *middle);

/*
 * What follows changes lists as wholes. Its callers hold the lock on the
 * directory (ann_directory_lock), so they are alone.
 */

/* A slot without list, and its entry; makes one if there is none. */
extern uint32 ann_directory_slot(Relation index, const AnnLayout *layout,
								 uint32 except, AnnListEntry *entry);

/* Put a centroid into the place of an empty slot. */
extern void ann_centroid_write(Relation index, const AnnListEntry *entry,
							   int dim, const float *centroid);

/*
 * Write the chain of a list that is not in the directory yet; draft is 0 or
 * 1. Returns its first page. After a crash ann_draft_discard finds it.
 */
extern BlockNumber ann_draft_write(Relation index, const AnnLayout *layout,
								   int draft, AnnEntry *const *entries,
								   uint32 n);
extern void ann_draft_discard(Relation index, const AnnLayout *layout);

/* Lists that take the place of others, all at once. */
typedef struct AnnReplacement
{
	int nold;
	uint32 old[2];
	int nfresh;
	uint32 fresh[2];
	AnnListEntry entry[2]; /* of fresh */
} AnnReplacement;

extern void ann_directory_replace(Relation index,
								  const AnnReplacement *replacement);

/* Free the pages of dead lists that no scan can read any more, up to most. */
extern int ann_directory_free(Relation index, const AnnLayout *layout,
							  int most);

/* Store new counts of lists to probe. */
extern void ann_meta_calibrate(Relation index, const AnnMeta *counts);

#endif /* INTEL_ANN_ANN_PAGE_H */
