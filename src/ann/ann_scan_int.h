/*-------------------------------------------------------------------------
 *
 * ann_scan_int.h
 *		The state of a search, shared by ann_scan.c, ann_probe.c and
 *		ann_scan_keys.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_SCAN_INT_H
#define INTEL_ANN_ANN_SCAN_INT_H

#include "ann/ann_int.h"

/* A probed list. */
typedef struct ScanProbe
{
	AnnProbe probe;
	uint32 list;
	bool exact; /* as byte codes need it */
} ScanProbe;

/* Where 32 candidates came from. */
typedef struct ScanBlock
{
	BlockNumber page;
	uint32 index;
	uint32 probe;
} ScanBlock;

/* A list page with blocks that may have rows which pass the filters. */
typedef struct ScanPage
{
	BlockNumber page;
	uint32 blocks; /* the bit of each */
	int32 next;	   /* of the same list, in pages; -1: none */
	uint32 first;  /* of its entries in matches */
	uint32 count;
} ScanPage;

/* An entry that a key page named. */
typedef struct ScanMatch
{
	BlockNumber page; /* of the list */
	uint32 probe;
	BlockNumber record_page;
	OffsetNumber record_item;
	uint8 block;
	uint8 slot;
} ScanMatch;

/* In place of a block and slot: a place in matches. */
#define SCAN_BY_KEY ((uint32) 1 << 31)

/* A candidate that may come soon, with what its entry says. */
typedef struct Near
{
	float bound;
	uint32 candidate; /* block and slot, or SCAN_BY_KEY and a match */
	BlockNumber record_page;
	OffsetNumber record_item;
	ItemPointerData tid; /* not known of a match */
} Near;

/*
 * Near candidates. order has a key of each that was not taken, the bound above
 * the place in item; from next on, and smallest first once sorted.
 */
typedef struct NearQueue
{
	Near *item;
	uint64 *order;
	Size count; /* of order; that of items is the same */
	Size next;
	Size space;
	bool sorted;
	Size review; /* with so many the cut may be lowered */
} NearQueue;

/* A row whose distance is not below bound and not above high. */
typedef struct Refined
{
	double bound;
	double high;
	uint32 candidate; /* as of Near */
	ItemPointerData tid;
} Refined;

/* A binary heap, smallest bound first. */
typedef struct RefinedHeap
{
	Refined *item;
	Size count;
	Size space;
} RefinedHeap;

typedef struct AnnScan
{
	MemoryContext cxt; /* reset by rescan */
	const AnnKind *kind;
	const AnnCache *cache; /* held by cxt */
	bool started;
	bool unordered;	 /* no query: every row, in any order */
	bool inexact;	 /* no bound may be trusted */
	bool exhaustive; /* all lists, and certain bounds alone */
	AnnLimit *limit; /* who repeats the scan, unless exhaustive */
	double end;		 /* nothing beyond this distance is wanted */
	double missed;	 /* entries left out for the sake of order */
	AnnQuery query;

	int nfilters;
	AnnFilter *filters;
	bool impossible; /* some condition accepts nothing */

	/* lists */
	uint32 nlists;
	float *bound;	   /* of the score of each */
	float *score;	   /* what it is ranked by, where it was looked at */
	int16 *rank_query; /* rounded, with a step, and ... */
	float rank_step;
	float rank_middle; /* what the middle of a byte makes of it */
	float lowest_bound;
	float looked_upto; /* lists with bounds up to this were looked at */
	uint64 *lists;	   /* of these, keys of score and slot */
	uint32 nlooked;
	uint32 nsorted; /* how many are the first ones, and in order */
	uint32 nprobed; /* of these, how many were read; or all, in any order */
	uint32 nprobes;
	uint32 probes_space;
	ScanProbe *probes;
	double within_reach; /* the reach that was asked for last, and */
	double within;		 /* how many lists are within it */
	double wanted;		 /* lists to have probed now */
	double k;			 /* neighbours that these are for */
	double first_k;		 /* k at the beginning */

	/* what the key pages said, once they were read */
	int32 *list_pages; /* first of pages for each list, or -1; else NULL */
	ScanPage *pages;
	Size npages;
	Size pages_space;
	double key_matches; /* entries that may pass the filters */
	ScanMatch *matches; /* these, when they are few; else of no use */
	bool few;			/* so few that every one is refined */
	bool no_keys;		/* they cannot be used */

	/* candidates */
	Size nblocks;
	Size blocks_space;
	ScanBlock *blocks;
	float *bounds;	/* ANN_BLOCK for each block; infinite when near or none */
	double scanned; /* entries looked at */
	double matched; /* entries that passed the filters */
	Size unseen;	/* candidates not near yet */
	float cut;		/* all candidates at or below it are near, or were */
	Size next_cut;	/* how many to take next */

	NearQueue near;
	RefinedHeap refined;
	double last;	  /* no row with a lower bound may be returned any more */
	double unsettled; /* highest value that a row left to the executor has */
	double returned;
	int64 nrefined;
} AnnScan;

/* Compute the distance of a probed list's centroid as byte codes need it. */
extern void ann_scan_exact_probe(const AnnScan *so, ScanProbe *probe);

/* Read the lists up to so->wanted; with filters, so->wanted may grow. */
extern void ann_scan_probe(Relation index, AnnScan *so);

/*
 * Whether reading the key pages takes less than it saves of the lists that are
 * wanted, or will be if the planner is right about how many rows pass. Then
 * ann_scan_read_keys finds which list pages have blocks with rows that may
 * pass; of others nothing need be read. If these are few, their list pages
 * need not be read either. ann_scan_keys.c.
 */
extern bool ann_scan_keys_pay(const AnnScan *so);
extern bool ann_scan_keys_will_pay(const AnnScan *so, double rows);
extern void ann_scan_read_keys(Relation index, AnnScan *so);

/* Whether there are lists left that may be read. */
extern bool ann_scan_may_probe(const AnnScan *so);

/* How many lists hold so->k neighbours of the query. */
extern double ann_scan_lists_wanted(AnnScan *so);

/* Make about so->next_cut more candidates near; there are some unseen. */
extern void ann_scan_move_cut(Relation index, AnnScan *so);

/* Sort what has become near, and fetch the first ahead. */
extern void ann_scan_sort_near(Relation index, AnnScan *so);

/* Take the candidate with the smallest bound, and fetch a later one ahead. */
extern const Near *ann_scan_take_near(Relation index, AnnScan *so);

/* The list that a candidate is of. */
static inline ScanProbe *
ann_scan_probe_of(const AnnScan *so, uint32 candidate)
{
	return &so->probes[candidate & SCAN_BY_KEY
						   ? so->matches[candidate & ~SCAN_BY_KEY].probe
						   : so->blocks[candidate / ANN_BLOCK].probe];
}

/*
 * Whether there is an entry of this row where a candidate was, or, if tid is
 * NULL, one with its record.
 */
extern bool ann_scan_has_entry(Relation index, const AnnScan *so,
							   const Near *near, const ItemPointerData *tid);

/*
 * Report that a page or record of a list is not there. What a list consists
 * of is not freed while a scan can read it, but for a standby, which may be
 * behind: there it is as with any row that its primary has removed.
 */
extern void ann_scan_report_gone(Relation index, BlockNumber block);

static inline Size
ann_scan_near_count(const AnnScan *so)
{
	return so->near.count - so->near.next;
}

/* The candidate with the smallest bound; near is sorted and not empty. */
static inline const Near *
ann_scan_nearest(const AnnScan *so)
{
	return &so->near.item[(uint32) so->near.order[so->near.next]];
}

#endif /* INTEL_ANN_ANN_SCAN_INT_H */
