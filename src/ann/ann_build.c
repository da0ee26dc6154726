/*-------------------------------------------------------------------------
 *
 * ann_build.c
 *		CREATE INDEX: sample, find lists, encode every row, write the lists.
 *
 * The table is read three times: a few blocks to learn how many rows there
 * are, a sample for k-means, and every row, which is assigned, encoded and
 * sorted by list. During the last pass some sampled rows act as queries whose
 * exact neighbours are collected, so the index knows how many lists a search
 * must probe for a wanted recall.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/sampling.h"
#include "utils/tuplesort.h"

#include "ann/ann_int.h"
#include "ann/ann_kmeans.h"

/* Rows assigned at a time. */
#define BATCH 256

/* Blocks looked at to estimate the number of rows. */
#define DENSITY_BLOCKS 300

/* Sampled rows for each list. */
#define ROWS_PER_LIST 64

/* Rows in a list, up to a million rows. */
#define LIST_SIZE 250

/* Queries of the calibration; fewer where comparing them takes longer. */
#define MAX_QUERIES 512
#define MIN_QUERIES 192
#define QUERY_FLOATS 65536

/* the row that serves as query is its own nearest neighbour */
#define CALIBRATION_KEEP (ANN_PLACES + 1)

typedef struct Neighbour
{
	float distance;
	int32 list;
} Neighbour;

/* An entry on its way through the sort; codes follow. */
typedef struct SortedEntry
{
	AnnEntry entry;
	uint8 codes[FLEXIBLE_ARRAY_MEMBER];
} SortedEntry;

typedef struct AnnBuild
{
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	const AnnKind *kind;
	AnnLayout layout;
	MemoryContext row_cxt; /* reset after each row */
	uint64 random;

	/* sampling */
	double seen;
	int capacity;
	int nsample;
	float *sample;

	/* lists */
	int lists;
	float *centroids;
	AnnPanels panels;

	/* calibration: neighbours of queries, nearest first */
	int nqueries;
	float *queries;
	AnnPanels query_panels;
	Neighbour *neighbours;
	int *nneighbours;
	float *farthest; /* what is farther is no neighbour of the query */

	/* encoding */
	int nbatch;
	float *batch;
	ItemPointerData *tids;
	uint32 (*keys)[ANN_MAX_FILTERS];
	bool *inexact;
	Tuplesortstate *sort;
	TupleTableSlot *slot;
	bytea *payload;
	double indexed;
} AnnBuild;

static int
random_below(AnnBuild *build, double n)
{
	uint64 z = (build->random += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return (int) ((double) ((z ^ (z >> 31)) >> 11) / 9007199254740992.0 * n);
}

/* ---- sampling ---- */

static void
count_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		  bool alive, void *state)
{
	(void) index;
	(void) tid;
	(void) values;
	(void) alive;
	if (!isnull[0])
		((AnnBuild *) state)->seen++;
}

/* Keep every row with the same probability. */
static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		   bool alive, void *state)
{
	AnnBuild *build = state;
	const AnnShape *shape = &build->layout.shape;
	MemoryContext old;
	float *x;
	bool inexact;
	int at;

	(void) index;
	(void) tid;
	(void) alive;
	if (isnull[0])
		return;
	build->seen++;
	at = build->nsample < build->capacity ? build->nsample
										  : random_below(build, build->seen);
	if (at >= build->capacity)
		return;
	old = MemoryContextSwitchTo(build->row_cxt);
	x = build->sample + (size_t) at * shape->full_dim;
	if (!ann_read_vector(build->kind, shape, values[0], x, &inexact) ||
		inexact)
		memset(x, 0, sizeof(float) * shape->full_dim);
	else if (at == build->nsample)
		build->nsample++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_cxt);
}

/* Call callback for the rows of up to count random blocks; returns blocks. */
static BlockNumber
scan_blocks(AnnBuild *build, BlockNumber count, IndexBuildCallback callback)
{
	BlockNumber total = RelationGetNumberOfBlocks(build->heap);
	BlockSamplerData sampler;
	BlockNumber done = 0;

	BlockSampler_Init(&sampler, total, (int) Min(count, INT_MAX),
					  (uint32) random_below(build, INT_MAX));
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
								 Min(count, total));
	while (BlockSampler_HasMore(&sampler))
	{
		BlockNumber block = BlockSampler_Next(&sampler);

		table_index_build_range_scan(build->heap, build->index,
									 build->index_info, false, true, false,
									 block, 1, callback, build, NULL);
		done++;
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
	}
	return done;
}

/* Rows with a vector in the table, from a few blocks. */
static double
estimate_rows(AnnBuild *build)
{
	BlockNumber total = RelationGetNumberOfBlocks(build->heap);
	BlockNumber done;

	build->seen = 0;
	done = scan_blocks(build, DENSITY_BLOCKS, count_row);
	return done == 0 ? 0 : build->seen * total / done;
}

static int
choose_lists(Relation index, double rows)
{
	AnnOptions *options = (AnnOptions *) index->rd_options;

	if (options != NULL && options->lists > 0)
		return options->lists;
	if (rows <= 1e6)
		return Max(1, (int) (rows / LIST_SIZE));
	return (int) Min(4 * sqrt(rows), 200000);
}

/* Bytes for k-means over a sample of rows. */
static Size
kmeans_memory(const AnnBuild *build, int lists, Size rows)
{
	int dim = build->layout.shape.full_dim;

	return ann_kmeans_size(dim, (int) rows, lists) +
		   (rows + ANN_ROWS) * dim * sizeof(float) +
		   (Size) lists * dim * sizeof(float);
}

/* Fewer rows, then fewer lists, until everything fits the memory allowed. */
static void
choose_sizes(AnnBuild *build, double rows)
{
	Size allowed = (Size) maintenance_work_mem * 1024;
	Size wanted;

	build->lists = choose_lists(build->index, rows);
	for (;;)
	{
		wanted = Min((Size) build->lists * ROWS_PER_LIST, INT_MAX / 2);
		wanted = Max(Min((double) wanted, rows), 1);
		while (wanted > (Size) build->lists * 16 &&
			   kmeans_memory(build, build->lists, wanted) > allowed)
			wanted = wanted / 8 * 7;
		if (build->lists == 1 ||
			kmeans_memory(build, build->lists, wanted) <= allowed)
			break;
		build->lists /= 2;
	}
	build->capacity = (int) wanted;
}

/* Random order, which k-means and calibration rely on. */
static void
shuffle_sample(AnnBuild *build)
{
	int dim = build->layout.shape.full_dim;

	for (int i = build->nsample - 1; i > 0; i--)
	{
		float *a = build->sample + (size_t) i * dim;
		float *b = build->sample + (size_t) random_below(build, i + 1) * dim;

		for (int d = 0; d < dim; d++)
		{
			float keep = a[d];

			a[d] = b[d];
			b[d] = keep;
		}
	}
}

static void
take_sample(AnnBuild *build)
{
	int dim = build->layout.shape.full_dim;
	double rows = estimate_rows(build);
	BlockNumber total = RelationGetNumberOfBlocks(build->heap);
	BlockNumber blocks = total;

	choose_sizes(build, rows);
	if (rows > build->capacity)
		blocks = (BlockNumber) Min(total,
								   ceil(total / rows * build->capacity * 1.1));
	build->sample = MemoryContextAllocExtended(
		CurrentMemoryContext,
		mul_size(sizeof(float) * dim, build->capacity + ANN_ROWS),
		MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	build->seen = 0;
	if (build->lists > 1)
	{
		scan_blocks(build, Max(blocks, Min(total, DENSITY_BLOCKS)),
					sample_row);
		shuffle_sample(build);
		build->nqueries =
			Max(Min(QUERY_FLOATS / dim, MAX_QUERIES), MIN_QUERIES);
		build->nqueries = Min(build->nqueries, build->nsample);
	}
}

/* ---- lists ---- */

/* Runs inside k-means, so it must not raise. */
static bool
kmeans_check(void *arg, double done)
{
	(void) arg;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
								 (int64) (done * 100));
	return InterruptPending && (QueryCancelPending || ProcDiePending);
}

static void
find_lists(AnnBuild *build)
{
	int dim = build->layout.shape.full_dim;
	/* k-means does not see the queries, which would be nearer to lists */
	int held = build->nsample >= 4 * build->nqueries ? build->nqueries : 0;
	AnnKmeans job = {
		.dim = dim,
		.n = build->nsample - held,
		.rows = build->sample + (size_t) held * dim,
		.wanted = build->lists,
		.seed = 1,
		.check = kmeans_check,
	};
	AnnKmeansResult result;

	build->centroids = MemoryContextAllocExtended(
		CurrentMemoryContext, mul_size(sizeof(float) * dim, build->lists),
		MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (build->nsample == 0)
	{
		build->lists = 1;
		return;
	}
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, 100);
	result = ann_kmeans(&job, build->centroids, &build->lists);
	CHECK_FOR_INTERRUPTS();
	if (result != ANN_KMEANS_DONE)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
				errdetail("Failed while finding lists."));
}

/* Frees what was allocated by malloc, also after an error. */
static void
free_panels(void *arg)
{
	AnnBuild *build = arg;

	ann_panels_free(&build->panels);
	ann_panels_free(&build->query_panels);
}

static void
prepare_panels(AnnBuild *build)
{
	int dim = build->layout.shape.full_dim;
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	callback->func = free_panels;
	callback->arg = build;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	build->queries = palloc(sizeof(float) * dim * (build->nqueries + 1));
	memcpy(build->queries, build->sample,
		   sizeof(float) * dim * build->nqueries);
	build->neighbours =
		palloc(sizeof(Neighbour) * CALIBRATION_KEEP * (build->nqueries + 1));
	build->nneighbours = palloc0(sizeof(int) * (build->nqueries + 1));
	build->farthest = palloc(sizeof(float) * (build->nqueries + 1));
	for (int q = 0; q < build->nqueries; q++)
		build->farthest[q] = INFINITY;
	if (!ann_panels_init(&build->panels, dim, build->lists,
						 build->centroids) ||
		!ann_panels_init(&build->query_panels, dim, build->nqueries,
						 build->queries))
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY),
				errmsg("out of memory"));
	pfree(build->sample);
	build->sample = NULL;
}

/* ---- calibration ---- */

static void
keep_neighbour(AnnBuild *build, int query, float distance, int32 list)
{
	Neighbour *kept = build->neighbours + query * CALIBRATION_KEEP;
	int at = build->nneighbours[query];

	if (at == CALIBRATION_KEEP)
		at--;
	else
		build->nneighbours[query]++;
	for (; at > 0 && kept[at - 1].distance > distance; at--)
		kept[at] = kept[at - 1];
	kept[at].distance = distance;
	kept[at].list = list;
	if (build->nneighbours[query] == CALIBRATION_KEEP)
		build->farthest[query] = kept[CALIBRATION_KEEP - 1].distance;
}

/* Compare the rows of the batch with all queries. */
static void
find_neighbours(AnnBuild *build, const int32 *list)
{
	const AnnPanels *panels = &build->query_panels;
	int dim = panels->dim;
	float product[ANN_ROWS * ANN_COLUMNS];
	float squared[BATCH];
	bool is_ip = build->kind->metric == ANN_IP;
	float scale = is_ip ? 1 : 2;

	for (int r = 0; r < build->nbatch; r++)
	{
		const float *x = build->batch + (size_t) r * dim;

		squared[r] = is_ip ? 0 : ann_kernels->dot(dim, x, x);
	}
	for (int q = 0; q < panels->count; q += ANN_COLUMNS)
		for (int r = 0; r < build->nbatch; r += ANN_ROWS)
		{
			ann_kernels->products(dim, build->batch + (size_t) r * dim,
								  panels->cell + (size_t) q * dim, product);
			for (int i = 0; i < ANN_ROWS && r + i < build->nbatch; i++)
				for (int j = 0; j < ANN_COLUMNS && q + j < panels->count; j++)
				{
					float at =
						squared[r + i] - scale * product[i * ANN_COLUMNS + j];

					if (at < build->farthest[q + j])
						keep_neighbour(build, q + j, at, list[r + i]);
				}
		}
}

typedef struct Ranked
{
	float score;
	int32 list;
} Ranked;

static int
compare_ranked(const void *a, const void *b)
{
	const Ranked *x = a;
	const Ranked *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return (x->list > y->list) - (x->list < y->list);
}

/* The place that each list has in the order in which a query probes. */
static void
rank_lists(AnnBuild *build, const float *query, Ranked *ranked, int *place)
{
	int dim = build->layout.shape.full_dim;

	for (int list = 0; list < build->lists; list++)
	{
		const float *c = build->centroids + (size_t) list * dim;
		float dot = ann_kernels->dot(dim, query, c);

		ranked[list].list = list;
		ranked[list].score = build->kind->metric == ANN_IP
								 ? -dot
								 : ann_kernels->dot(dim, c, c) - 2 * dot;
	}
	qsort(ranked, build->lists, sizeof(Ranked), compare_ranked);
	for (int i = 0; i < build->lists; i++)
		place[ranked[i].list] = i;
}

static void
calibrate(AnnBuild *build, AnnMeta *meta)
{
	Ranked *ranked = palloc(mul_size(sizeof(Ranked), build->lists));
	int *place_of = palloc(mul_size(sizeof(int), build->lists));
	AnnPlaces places = {.nqueries = build->nqueries};

	if (build->nqueries == 0)
		return;
	places.place = palloc(sizeof(int32) * ANN_PLACES * build->nqueries);
	places.count = palloc(sizeof(int) * build->nqueries);
	for (int q = 0; q < build->nqueries; q++)
	{
		const Neighbour *kept = build->neighbours + q * CALIBRATION_KEEP;

		CHECK_FOR_INTERRUPTS();
		rank_lists(build,
				   build->queries + (size_t) q * build->layout.shape.full_dim,
				   ranked, place_of);
		/* the nearest is the query itself */
		places.count[q] = Max(build->nneighbours[q] - 1, 0);
		for (int i = 0; i < places.count[q]; i++)
			places.place[q * ANN_PLACES + i] = place_of[kept[i + 1].list];
	}
	ann_count_probes(&places, build->lists, meta);
}

/* ---- encoding ---- */

static void
sort_entry(AnnBuild *build, int row, int32 list)
{
	const AnnShape *shape = &build->layout.shape;
	SortedEntry *sorted = (SortedEntry *) MAXALIGN(VARDATA(build->payload));
	const float *centroid = build->centroids + (size_t) list * shape->full_dim;
	float *x = build->batch + (size_t) row * shape->full_dim;
	AnnEntry *entry = &sorted->entry;

	for (int i = 0; i < shape->full_dim; i++)
		x[i] -= centroid[i];
	entry->list = list;
	entry->tid = build->tids[row];
	memcpy(entry->keys, build->keys[row], sizeof(entry->keys));
	ann_encode(shape, x, centroid, sorted->codes, &entry->sign_factors,
			   sorted->codes + shape->code_dim / 8, &entry->byte_factors);
	if (build->inexact[row])
		entry->sign_factors.error = entry->byte_factors.error = INFINITY;

	ExecClearTuple(build->slot);
	build->slot->tts_values[0] = Int32GetDatum(list);
	build->slot->tts_isnull[0] = false;
	build->slot->tts_values[1] = PointerGetDatum(build->payload);
	build->slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(build->slot);
	tuplesort_puttupleslot(build->sort, build->slot);
}

static void
flush_batch(AnnBuild *build)
{
	int32 list[BATCH];

	if (build->nbatch == 0)
		return;
	ann_panels_nearest(&build->panels, build->nbatch, build->batch, list,
					   NULL);
	find_neighbours(build, list);
	for (int i = 0; i < build->nbatch; i++)
		sort_entry(build, i, list[i]);
	build->nbatch = 0;
}

static void
encode_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		   bool alive, void *state)
{
	AnnBuild *build = state;
	const AnnLayout *layout = &build->layout;
	int at = build->nbatch;
	MemoryContext old;
	bool indexed;

	(void) alive;
	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(build->row_cxt);
	indexed =
		ann_read_vector(build->kind, &layout->shape, values[0],
						build->batch + (size_t) at * layout->shape.full_dim,
						&build->inexact[at]);
	if (indexed)
	{
		build->tids[at] = *tid;
		ann_hash_keys(index, layout->filters, values, isnull, build->keys[at]);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_cxt);
	if (!indexed)
		return;
	build->indexed++;
	if (++build->nbatch == BATCH)
		flush_batch(build);
}

/* What lists and queries leave of the memory allowed, in kB. */
static int
sort_memory(const AnnBuild *build)
{
	Size taken = ((Size) build->lists + build->nqueries) *
				 build->layout.shape.full_dim * sizeof(float) * 2;

	return (int) Max(maintenance_work_mem - (double) (taken / 1024), 64);
}

static TupleDesc
begin_sort(AnnBuild *build)
{
	const AnnShape *shape = &build->layout.shape;
	TupleDesc desc = CreateTemplateTupleDesc(2);
	AttrNumber column = 1;
	Oid operator= Int4LessOperator;
	Oid collation = InvalidOid;
	bool nulls_first = false;
	Size size = VARHDRSZ + MAXIMUM_ALIGNOF + offsetof(SortedEntry, codes) +
				shape->code_dim / 8 + shape->byte_len;

	TupleDescInitEntry(desc, 1, "list", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "entry", BYTEAOID, -1, 0);
	build->sort = tuplesort_begin_heap(
		desc, 1, &column, &operator, & collation, &nulls_first,
		sort_memory(build), NULL, TUPLESORT_NONE);
	build->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	build->payload = palloc0(size);
	SET_VARSIZE(build->payload, size);
	build->batch = palloc0(sizeof(float) * shape->full_dim * BATCH);
	build->tids = palloc(sizeof(ItemPointerData) * BATCH);
	build->keys = palloc0(sizeof(uint32[ANN_MAX_FILTERS]) * BATCH);
	build->inexact = palloc(sizeof(bool) * BATCH);
	return desc;
}

/* Alignment of the payload differs between memory and sort: copy it out. */
static void
write_sorted(AnnBuild *build, AnnWriter *writer, TupleDesc desc)
{
	const AnnShape *shape = &build->layout.shape;
	Size size =
		offsetof(SortedEntry, codes) + shape->code_dim / 8 + shape->byte_len;
	Size offset =
		MAXALIGN(VARDATA(build->payload)) - (Size) VARDATA(build->payload);
	SortedEntry *sorted = palloc(size);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	int64 done = 0;

	sorted->entry.signs = NULL;
	while (tuplesort_gettupleslot(build->sort, true, false, slot, NULL))
	{
		bool isnull;
		bytea *value = DatumGetByteaPP(slot_getattr(slot, 2, &isnull));

		CHECK_FOR_INTERRUPTS();
		memcpy(sorted, VARDATA_ANY(value) + offset, size);
		sorted->entry.signs = sorted->codes;
		sorted->entry.bytes = sorted->codes + shape->code_dim / 8;
		ann_writer_add(writer, &sorted->entry);
		if (++done % 1024 == 0)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
	}
	ExecDropSingleTupleTableSlot(slot);
	pfree(sorted);
}

/* ---- the whole ---- */

static void
set_phase(int phase)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase);
}

static void
begin_build(AnnBuild *build, Relation heap, Relation index,
			IndexInfo *index_info)
{
	int filters = IndexRelationGetNumberOfKeyAttributes(index) - 1;

	memset(build, 0, sizeof(AnnBuild));
	if (filters > ANN_MAX_FILTERS)
		ereport(ERROR, errcode(ERRCODE_TOO_MANY_COLUMNS),
				errmsg("an index \"intel\" can have at most %d filter columns",
					   ANN_MAX_FILTERS));
	for (int f = 0; f < filters; f++)
		if (!OidIsValid(index_getprocid(index, f + 2, ANN_SUPPORT_HASH)))
			ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("only the first column of an index \"intel\" can "
						   "be a vector"));
	build->heap = heap;
	build->index = index;
	build->index_info = index_info;
	build->kind = ann_kind(index);
	build->layout =
		ann_layout(build->kind->metric, ann_dimensions(index), filters);
	build->lists = 1;
	build->random = 42;
}

IndexBuildResult *
ann_build(Relation heap, Relation index, IndexInfo *index_info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	AnnMeta meta = {0};
	AnnBuild build;
	AnnWriter *writer;
	TupleDesc desc;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data",
			 RelationGetRelationName(index));
	begin_build(&build, heap, index, index_info);
	build.row_cxt =
		AllocSetContextCreate(cxt, "intel ann row", ALLOCSET_DEFAULT_SIZES);

	set_phase(2);
	take_sample(&build);
	set_phase(3);
	find_lists(&build);
	prepare_panels(&build);

	set_phase(4);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, 0);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
	desc = begin_sort(&build);
	result->heap_tuples = table_index_build_scan(
		heap, index, index_info, true, true, encode_row, &build, NULL);
	flush_batch(&build);
	tuplesort_performsort(build.sort);
	calibrate(&build, &meta);

	set_phase(5);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
								 (int64) build.indexed);
	writer = ann_writer_begin(index, MAIN_FORKNUM, &build.layout, build.lists);
	write_sorted(&build, writer, desc);
	tuplesort_end(build.sort);
	meta.tuples = (int64) build.indexed;
	ann_writer_finish(writer, build.centroids, &meta);

	result->index_tuples = build.indexed;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return result;
}

/* One list around the origin: what an unlogged table has after a crash. */
void
ann_build_empty(Relation index)
{
	AnnMeta meta = {0};
	AnnBuild build;
	float *centroid;

	begin_build(&build, NULL, index, NULL);
	centroid = palloc0(sizeof(float) * build.layout.shape.full_dim);
	ann_writer_finish(ann_writer_begin(index, INIT_FORKNUM, &build.layout, 1),
					  centroid, &meta);
	pfree(centroid);
}
