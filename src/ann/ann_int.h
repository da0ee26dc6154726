/*-------------------------------------------------------------------------
 *
 * ann_int.h
 *		What the PostgreSQL side of this folder shares.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_INT_H
#define INTEL_ANN_ANN_INT_H

#include "access/amapi.h"
#include "access/genam.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "ann/ann_page.h"
#include "base/compat.h"

/* Support functions of operator classes. */
#define ANN_SUPPORT_KIND 1 /* of the vector column: metric and type */
#define ANN_SUPPORT_HASH 2 /* of a filter column: its type's hash function */
#define ANN_SUPPORT_COUNT 2

/* The one strategy: distance for ordering, or equality of a filter. */
#define ANN_STRATEGY 1

typedef struct AnnOptions
{
	int32 vl_len_; /* varlena header */
	int lists;	   /* 0: by the number of rows */
} AnnOptions;

/* How values of a type are read; returned by support function 1. */
typedef struct AnnKind
{
	AnnMetric metric;
	int element_size; /* bytes */
	/* elements of value to x, which has room for dim; raises on mismatch */
	void (*read)(Datum value, int dim, float *x);
} AnnKind;

/* Vectors of more bytes mostly lie out of line, so reading one takes long. */
#define ANN_OUT_OF_LINE 1960

extern const AnnKind *ann_kind(Relation index);

/* Dimensions from the column's type modifier; raises when it has none. */
extern int ann_dimensions(Relation index);

/*
 * Read a value as the index keeps it: of length 1 for cosine, rotated, padded.
 * False for a vector that is not indexed: zero under cosine. *inexact says
 * that the operator's own arithmetic leaves its range for this vector, so no
 * bound may be trusted.
 */
extern bool ann_read_vector(const AnnKind *kind, const AnnShape *shape,
							Datum value, float *x, bool *inexact);

/* Hash of a filter value; never ANN_NULL_KEY, which stands for null. */
#define ANN_NULL_KEY 0
extern uint32 ann_hash_key(Relation index, int column, Datum value);

/* Keys of the filter columns of one row. */
extern void ann_hash_keys(Relation index, int filters, Datum *values,
						  bool *isnull, uint32 *keys);

/* A live list. */
typedef struct AnnList
{
	BlockNumber head;
	uint32 slot;
	uint32 stamp;
} AnnList;

/* Metapage and live lists in backend memory. */
/*
 * Key pages in the order of their chain, which only grows, and where searches
 * last found them.
 */
typedef struct AnnKeyChain
{
	uint32 count;
	uint32 space;
	BlockNumber *block;
	Buffer *buffer;
} AnnKeyChain;

/* With no more rows than this that pass filters, every one is refined. */
#define ANN_FEW_ROWS 1000

typedef struct AnnCache
{
	MemoryContext cxt; /* all of it */
	int holders;	   /* freed when nobody is left */
	AnnMeta meta;
	AnnLayout layout;
	AnnList *list;		 /* meta.lists of them, in any order */
	int32 *place;		 /* in list, by slot */
	float *norm_squared; /* of each centroid */
	float *centroid;
	uint8 *code; /* centroids as ann_quantize makes them, to rank lists by */
	float *step; /* of each code */
	AnnKeyChain *keys; /* those that searches have come by */

	/* sign codes of centroids less middle, in blocks, and their factors */
	float *middle;
	float middle_squared; /* its norm */
	uint8 *signs;
	float *add;
	float *scale;
	float *error;
	Size space; /* lists that there is room for */
} AnnCache;

/*
 * As the index is now. The pointer is good until the next call, and until the
 * next thing that may process invalidation messages: opening relations,
 * running queries, detoasting. That of ann_cache_hold is good until cxt is
 * reset.
 */
extern const AnnCache *ann_cache(Relation index);
extern const AnnCache *ann_cache_hold(Relation index, MemoryContext cxt);

/*
 * Where the i-th key page of the chain was found last, which is this block;
 * all before it were asked for. May be changed; good until the next call.
 */
extern Buffer *ann_cache_key_page(const AnnCache *cache, uint32 i,
								  BlockNumber block);

/*
 * Bounds, by sign codes, of what lists are ranked by: |c|^2 - 2 <q, c> of
 * their centroids, or - <q, c> for ANN_IP. One is above it once in some
 * thousands of times. The array has room for whole blocks of lists.
 */
extern void ann_rank_bounds(const AnnCache *cache, const AnnQuery *query,
							float *bounds);

/* The live list whose centroid is nearest, but for that. */
extern uint32 ann_nearest_list(const AnnCache *cache, const float *x);

/*
 * Locks on one list: shared by inserting and vacuum, exclusive to replace it.
 * The lock on the directory comes first, and nobody waits for it who holds
 * that of a list.
 */
extern void ann_list_lock(Relation index, const AnnList *list, LOCKMODE mode);
extern void ann_list_unlock(Relation index, const AnnList *list,
							LOCKMODE mode);

/* Called after an insert that left entries in a list: split it when due. */
extern void ann_list_grown(Relation index, const AnnLayout *layout,
						   const AnnList *list, uint32 entries);

/*
 * Split lists of more than three times the size aimed at, as k-means on a
 * sample leaves some; for builds. Lists whose vectors do not fit
 * maintenance_work_mem twice stay.
 */
extern void ann_lists_divide(Relation index);

/* Merge lists that have few entries left, split long ones, free dead ones. */
extern void ann_lists_clean(Relation index);

/* Neighbours of a query that are counted. */
#define ANN_PLACES 100

/* Where queries of a calibration find their neighbours; ann_reach.c. */
typedef struct AnnPlaces AnnPlaces;

extern AnnPlaces *ann_places_create(int nqueries, int lists);

/*
 * Add a query: the score of every list, which gets sorted, and the lists of up
 * to ANN_PLACES neighbours, nearest first.
 */
extern void ann_places_add(AnnPlaces *places, int query, float *score,
						   const int32 *near, int count);

/*
 * Fill in reach and lists to probe for each level of recall. widen is 1 for
 * queries that had no part in placing the lists, more for others.
 */
extern void ann_places_count(const AnnPlaces *places, double widen,
							 AnnMeta *counts);

/* Count anew how many lists to probe; the directory is locked. */
extern void ann_calibrate(Relation index);

/* False for an index that was built without rows. */
extern bool ann_is_calibrated(const AnnMeta *meta);

/*
 * The reach up to which lists are probed so that the nearest k, up to
 * ANN_PLACES, are found with this recall; the score that it means for a query,
 * by the score of the nearest list and that of the one at a rank, from 0 on;
 * and this rank, where there are so many lists, one at least.
 */
extern double ann_reach(const AnnMeta *meta, double recall, double k);
extern float ann_reach_score(double reach, float lowest, float ranked);
extern uint32 ann_reach_rank(uint32 lists);

/* By how much the lists for k neighbours outnumber those for ANN_PLACES. */
extern double ann_growth(const AnnMeta *meta, double recall, double k);

/* Lists to probe for a recall that may be beyond the last one measured. */
extern double ann_beyond_levels(double recall, double probes, double lists);

/* Lists that a search for the nearest k probes on average. */
extern double ann_probes(const AnnMeta *meta, double recall, double k);

/* Standard errors that bounds of sign codes allow for, for this recall. */
extern double ann_epsilon(double recall);

/* What the scan that ended last in this backend did. */
typedef struct AnnCounters
{
	Oid index;
	int64 lists;	/* probed */
	int64 codes;	/* sign codes of entries in these lists */
	int64 filtered; /* of these, rejected by filter columns */
	int64 refined;	/* byte codes read */
	int64 returned; /* rows that the executor got, and computed */
	bool exact;
} AnnCounters;

extern const AnnCounters *ann_last_scan(void);

/*
 * What the plan around a scan says; ann_executor.c. NULL is a plan of which
 * nothing is known.
 */
typedef struct AnnPlan AnnPlan;
typedef struct AnnLimit AnnLimit;

extern const AnnPlan *ann_plan(IndexScanDesc scan);

/* Who repeats the scan if it leaves rows out; NULL: it must not. */
extern AnnLimit *ann_plan_limit(const AnnPlan *plan);

/* The rows that LIMIT and OFFSET take. */
extern double ann_limit_rows(const AnnLimit *limit);

/* Tell that the scan ends and has left rows out. */
extern void ann_limit_miss(AnnLimit *limit);

/* No row of this distance or more is wanted. */
extern double ann_plan_end(const AnnPlan *plan);

/* How many rows the planner expects conditions to leave; -1: it says nothing. */
extern double ann_plan_rows(const AnnPlan *plan);

/*
 * Arrays of values, one of which a filter column must have; false: null. Good
 * until the executor's context for each row is reset.
 */
extern int ann_plan_choices(const AnnPlan *plan);
extern bool ann_plan_choice(const AnnPlan *plan, int at, AttrNumber *column,
							Datum *values);

/* The hashes that one condition on a filter column accepts. */
typedef struct AnnFilter
{
	int filter; /* the column, from 0 on */
	int nhashes;
	uint32 *hashes;
	uint16 *short_hashes; /* as key pages have them */
} AnnFilter;

/* Conditions of a scan; impossible: some accept nothing. */
extern AnnFilter *ann_filters_read(IndexScanDesc scan, const AnnPlan *plan,
								   int *count, bool *impossible);

/* Which of the entries in use of a block pass all conditions. */
extern uint32 ann_filters_match(const AnnFilter *filters, int count,
								const AnnBlock *block);

/* Called once by ann_init. */
extern void ann_executor_init(void);

extern IndexBuildResult *ann_build(Relation heap, Relation index,
								   IndexInfo *index_info);
extern void ann_build_empty(Relation index);
extern bool ann_insert(Relation index, Datum *values, bool *isnull,
					   ItemPointer tid, Relation heap,
					   IndexUniqueCheck check_unique, bool index_unchanged,
					   IndexInfo *index_info);
extern IndexBulkDeleteResult *ann_bulk_delete(IndexVacuumInfo *info,
											  IndexBulkDeleteResult *stats,
											  IndexBulkDeleteCallback callback,
											  void *callback_state);
extern IndexBulkDeleteResult *ann_vacuum_cleanup(IndexVacuumInfo *info,
												 IndexBulkDeleteResult *stats);
extern void ann_cost_estimate(PlannerInfo *root, IndexPath *path,
							  double loop_count, Cost *startup_cost,
							  Cost *total_cost, Selectivity *selectivity,
							  double *correlation, double *pages);
extern IndexScanDesc ann_begin_scan(Relation index, int nkeys, int norderbys);
extern void ann_rescan(IndexScanDesc scan, ScanKey keys, int nkeys,
					   ScanKey orderbys, int norderbys);
extern bool ann_get_tuple(IndexScanDesc scan, ScanDirection direction);
extern void ann_end_scan(IndexScanDesc scan);

#endif /* INTEL_ANN_ANN_INT_H */
