/*-------------------------------------------------------------------------
 *
 * ann_build_sample.c
 *		The first half of a build: how many lists, a sample, k-means.
 *
 * Which rows are sampled and in what order depends on where they lie in the
 * table only, and k-means on nothing else, so lists do not depend on how many
 * processes found them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

#include "ann/ann_build.h"
#include "base/wait_point.h"

/* Blocks looked at to estimate the number of rows. */
#define DENSITY_BLOCKS 300

/* Blocks of a task. */
#define TASK_BLOCKS 32

/* Sampled rows for each list. */
#define ROWS_PER_LIST 64
#define LEAST_PER_LIST 16

/* Queries of the calibration; fewer where comparing them takes longer. */
#define MAX_QUERIES 512
#define MIN_QUERIES 192
#define QUERY_FLOATS 300000

/* Rows assigned at a time: this many floats. */
#define BATCH_FLOATS (768 * 1024)
#define LEAST_BATCH 64

/* Steps of the team. */
#define STEP_SAMPLE 0
#define STEP_KMEANS 1

static uint64
mix(uint64 z)
{
	z += UINT64CONST(0x9E3779B97F4A7C15);
	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* ---- sizes ---- */

static void
count_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		  bool alive, void *state)
{
	(void) index;
	(void) tid;
	(void) values;
	(void) alive;
	if (!isnull[0])
		(*(double *) state)++;
}

static void
scan_range(AnnBuild *build, BlockNumber start, BlockNumber count,
		   IndexBuildCallback callback, void *state)
{
	table_index_build_range_scan(build->heap, build->index, build->index_info,
								 false, true, false, start, count, callback,
								 state, NULL);
}

/* Rows with a vector in the table, from a few blocks. */
static double
estimate_rows(AnnBuild *build)
{
	BlockNumber total = RelationGetNumberOfBlocks(build->heap);
	BlockSamplerData sampler;
	BlockNumber done = 0;
	double seen = 0;

	BlockSampler_Init(&sampler, total, DENSITY_BLOCKS, 42);
	while (BlockSampler_HasMore(&sampler))
	{
		scan_range(build, BlockSampler_Next(&sampler), 1, count_row, &seen);
		ann_build_progress(ANN_PHASE_COUNTING, ++done,
						   Min(total, DENSITY_BLOCKS));
	}
	return done == 0 ? 0 : seen * total / done;
}

static int
choose_lists(Relation index, int dim, double rows)
{
	AnnOptions *options = (AnnOptions *) index->rd_options;
	double size = ann_list_size(dim);

	if (options != NULL && options->lists > 0)
		return options->lists;
	if (rows <= 1e6)
		return Max(1, (int) (rows / size));
	return (int) Min(1000 / size * sqrt(rows), 200000);
}

static int
batch_rows(int dim)
{
	return Max(Min(BATCH_FLOATS / dim, ANN_KMEANS_RUN), LEAST_BATCH);
}

/* Bytes that every process has for itself. */
static Size
private_size(int dim)
{
	return sizeof(float) * dim * (batch_rows(dim) + ANN_KMEANS_GATHER);
}

/* The next so many bytes at *at, which is NULL to measure; adds to *size. */
static void *
take(char **at, Size *size, Size bytes)
{
	void *here = *at;

	if (*at != NULL)
		*at += CACHELINEALIGN(bytes);
	*size += CACHELINEALIGN(bytes);
	return here;
}

/* Point build into memory, unless that is NULL; returns the size. */
static Size
lay_out(AnnBuild *build, const AnnTeamPlan *plan, char *memory, Size *lasting)
{
	int dim = build->layout.shape.full_dim;
	Size n = (Size) plan->capacity + ANN_ROWS;
	Size queries = (Size) plan->nqueries;
	Size size = 0;
	Size before;

	build->shared = take(&memory, &size, sizeof(AnnBuildShared));
	build->queries = take(&memory, &size, sizeof(float) * dim * queries);
	ann_panels_place(
		&build->query_panels, dim, plan->nqueries,
		take(&memory, &size, ann_panels_size(dim, plan->nqueries)));
	for (int i = 0; i < plan->members; i++)
	{
		AnnNeighbours found;

		found.near = take(&memory, &size,
						  sizeof(AnnNeighbour) * ANN_BUILD_KEEP * queries);
		found.count = take(&memory, &size, sizeof(int) * queries);
		found.farthest = take(&memory, &size, sizeof(float) * queries);
		if (build->found != NULL)
			build->found[i] = found;
	}
	build->kmeans.dim = dim;
	build->kmeans.n = Max(plan->capacity, 1);
	build->kmeans.wanted = plan->lists;
	before = size;
	if (memory != NULL)
		ann_kmeans_place(&build->kmeans, memory);
	take(&memory, &size, ann_kmeans_size(dim, build->kmeans.n, plan->lists));
	*lasting = before + ann_kmeans_lasting_size(dim, plan->lists);
	build->blocks = take(&memory, &size, sizeof(BlockNumber) * plan->nblocks);
	build->sample_key = take(&memory, &size, sizeof(uint64) * n);
	build->sample = take(&memory, &size, sizeof(float) * dim * n);
	return size;
}

/* Blocks to read for the sample, and which part of their rows to keep. */
static void
choose_blocks(AnnBuild *build, AnnTeamPlan *plan, double rows)
{
	BlockNumber total = RelationGetNumberOfBlocks(build->heap);
	double wanted = plan->capacity / 1.05;
	double part = 1;

	plan->nblocks = total;
	if (rows > wanted)
	{
		plan->nblocks = (BlockNumber) Min(
			total, Max(ceil(total / rows * wanted), DENSITY_BLOCKS));
		part = wanted / (rows * plan->nblocks / total);
	}
	plan->keep = part >= 1 ? PG_UINT64_MAX : (uint64) (part * 0x1p64);
}

/* Everything for this many lists and sampled rows. */
static Size
plan_size(AnnBuild *build, AnnTeamPlan *plan, double rows, double sampled)
{
	Size lasting;
	int dim = build->layout.shape.full_dim;

	/* room for more rows than were counted in a few blocks */
	plan->capacity = (int) Min(sampled * 1.05 + 64, INT_MAX / 2);
	choose_blocks(build, plan, rows);
	plan->nqueries =
		plan->lists > 1
			? Max(Min(QUERY_FLOATS / dim, MAX_QUERIES), MIN_QUERIES)
			: 0;
	return lay_out(build, plan, NULL, &lasting);
}

/* Fewer rows, then fewer lists, until everything fits the memory allowed. */
Size
ann_build_plan(AnnBuild *build, int members, AnnTeamPlan *plan)
{
	double rows = estimate_rows(build);
	Size allowed = (Size) maintenance_work_mem * 1024;
	Size private = private_size(build->layout.shape.full_dim) * (Size) members;
	double sampled;
	Size size;

	plan->members = members;
	plan->lists = choose_lists(build->index, build->layout.shape.dim, rows);
	for (;;)
	{
		sampled = Max(Min((double) plan->lists * ROWS_PER_LIST, rows), 1);
		while ((size = plan_size(build, plan, rows, sampled)) + private >
				   allowed &&
			   sampled > plan->lists * LEAST_PER_LIST)
			sampled = Max(sampled * 7 / 8, plan->lists * LEAST_PER_LIST);
		if (plan->lists == 1 || size + private <= allowed)
			return size;
		plan->lists = Max(plan->lists * 7 / 8, 1);
	}
}

void
ann_build_place(AnnBuild *build, Size *lasting)
{
	lay_out(build, &build->team->plan, build->team->memory, lasting);
}

/* Runs inside k-means, so it must not raise. */
static bool
kmeans_check(void *arg)
{
	(void) arg;
	return InterruptPending && (QueryCancelPending || ProcDiePending);
}

void
ann_build_private(AnnBuild *build)
{
	int dim = build->layout.shape.full_dim;

	build->batch_rows = batch_rows(dim);
	build->kmeans.check = kmeans_check;
	build->kmeans.scratch = palloc(sizeof(float) * dim * ANN_KMEANS_GATHER);
	build->batch =
		palloc0(sizeof(float) * dim * (build->batch_rows + ANN_ROWS));
	build->found = palloc(sizeof(AnnNeighbours) * build->team->plan.members);
}

/* ---- sample ---- */

/* Keep every row with the same probability. */
static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		   bool alive, void *state)
{
	AnnBuild *build = state;
	const AnnShape *shape = &build->layout.shape;
	uint64 key = mix((uint64) ItemPointerGetBlockNumberNoCheck(tid) << 16 |
					 ItemPointerGetOffsetNumberNoCheck(tid));
	MemoryContext old;
	bool inexact;

	(void) index;
	(void) alive;
	if (isnull[0] || key > build->team->plan.keep)
		return;
	old = MemoryContextSwitchTo(build->row_cxt);
	if (ann_read_vector(build->kind, shape, values[0], build->batch,
						&inexact) &&
		!inexact)
	{
		uint32 at = pg_atomic_fetch_add_u32(&build->shared->nsample, 1);

		/* tasks are in random order, so whoever comes too late may be any */
		if (at < (uint32) build->team->plan.capacity)
		{
			memcpy(build->sample + (size_t) at * shape->full_dim, build->batch,
				   sizeof(float) * shape->full_dim);
			build->sample_key[at] = mix(key);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_cxt);
}

/* Read the blocks of one task, neighbours at once. */
static void
sample_blocks(AnnBuild *build, int task)
{
	BlockNumber at = (BlockNumber) task * TASK_BLOCKS;
	BlockNumber end = Min(at + TASK_BLOCKS, build->team->plan.nblocks);

	while (at < end)
	{
		BlockNumber count = 1;

		while (at + count < end &&
			   build->blocks[at + count] == build->blocks[at] + count)
			count++;
		scan_range(build, build->blocks[at], count, sample_row, build);
		at += count;
	}
}

static int
sample_tasks(const AnnBuild *build)
{
	return (int) ((build->team->plan.nblocks + TASK_BLOCKS - 1) / TASK_BLOCKS);
}

/* Blocks of all tasks; those of one lie side by side, tasks in any order. */
static void
draw_blocks(AnnBuild *build)
{
	BlockSamplerData sampler;
	BlockNumber n = 0;
	int tasks = sample_tasks(build);

	BlockSampler_Init(&sampler, RelationGetNumberOfBlocks(build->heap),
					  (int) build->team->plan.nblocks, 43);
	while (BlockSampler_HasMore(&sampler) && n < build->team->plan.nblocks)
		build->blocks[n++] = BlockSampler_Next(&sampler);
	/* the last one may be shorter */
	for (int i = tasks - 2; i > 0; i--)
	{
		int j = (int) (mix(i) % (uint64) (i + 1));
		BlockNumber keep[TASK_BLOCKS];

		memcpy(keep, build->blocks + i * TASK_BLOCKS, sizeof(keep));
		memcpy(build->blocks + i * TASK_BLOCKS,
			   build->blocks + j * TASK_BLOCKS, sizeof(keep));
		memcpy(build->blocks + j * TASK_BLOCKS, keep, sizeof(keep));
	}
}

typedef struct SampleOrder
{
	uint64 key;
	int32 at;
} SampleOrder;

static int
compare_order(const void *a, const void *b)
{
	const SampleOrder *x = a;
	const SampleOrder *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

/* Into an order that is random and does not depend on who read what. */
static void
order_sample(AnnBuild *build, int n)
{
	SampleOrder *order = MemoryContextAllocHuge(
		CurrentMemoryContext, mul_size(sizeof(SampleOrder), n + 1));

	for (int i = 0; i < n; i++)
		order[i] = (SampleOrder){build->sample_key[i], i};
	qsort(order, n, sizeof(SampleOrder), compare_order);
	for (int i = 0; i < n; i++)
		build->kmeans.order[i] = order[i].at;
	pfree(order);
	(void) ann_kmeans_reorder(&build->kmeans, build->sample, n);
	CHECK_FOR_INTERRUPTS();
}

static void
take_sample(AnnBuild *build)
{
	int dim = build->layout.shape.full_dim;
	int n;

	draw_blocks(build);
	ann_build_progress(ANN_PHASE_SAMPLING, 0, build->team->plan.nblocks);
	ann_team_run(build->team, STEP_SAMPLE, sample_tasks(build), ann_build_task,
				 build);
	n = (int) Min(pg_atomic_read_u32(&build->shared->nsample),
				  (uint32) build->team->plan.capacity);
	order_sample(build, n);
	build->shared->sampled = n;
	build->shared->nqueries = Min(build->team->plan.nqueries, n);
	memcpy(build->queries, build->sample,
		   sizeof(float) * dim * build->shared->nqueries);
	build->query_panels.count = build->shared->nqueries;
	ann_panels_fill(&build->query_panels, build->queries);
}

/* ---- lists ---- */

/* The job as every process sees it: rows beside those that are queries. */
static void
aim_kmeans(AnnBuild *build)
{
	int queries = build->shared->nqueries;
	/* k-means does not see them, which would be nearer to lists */
	int held = build->shared->sampled >= 4 * queries ? queries : 0;

	build->kmeans.n = build->shared->sampled - held;
	build->kmeans.rows =
		build->sample + (size_t) held * build->layout.shape.full_dim;
	build->kmeans.seed = 1;
}

static void
check_kmeans(AnnKmeansResult result)
{
	CHECK_FOR_INTERRUPTS();
	if (result == ANN_KMEANS_NO_MEMORY)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
				errdetail("Failed while finding lists."));
}

void
ann_build_task(void *arg, int step, int task)
{
	AnnBuild *build = arg;
	const AnnKmeansShared *kmeans = build->kmeans.shared;
	double begun = ann_team_begun(build->team);

	if (step == STEP_SAMPLE)
	{
		wait_point("build-sampling");
		sample_blocks(build, task);
		if (build->team->member == 0)
			ann_build_progress(ANN_PHASE_SAMPLING,
							   (int64) (begun * build->team->plan.nblocks),
							   build->team->plan.nblocks);
		return;
	}
	wait_point("build-lists");
	aim_kmeans(build);
	if (build->team->member == 0)
		ann_build_progress(
			ANN_PHASE_LISTS,
			(int64) (1000 *
					 (kmeans->from + (kmeans->to - kmeans->from) * begun)),
			1000);
	check_kmeans(ann_kmeans_task(&build->kmeans, task));
}

static void
find_lists(AnnBuild *build)
{
	AnnKmeansShared *shared = build->kmeans.shared;
	AnnKmeansResult result;

	if (build->shared->sampled == 0)
	{
		shared->count = 1;
		build->kmeans.panels.count = 1;
		ann_panels_fill(&build->kmeans.panels, build->kmeans.centroids);
		return;
	}
	aim_kmeans(build);
	while ((result = ann_kmeans_next(&build->kmeans)) == ANN_KMEANS_TASKS)
	{
		check_kmeans(result);
		ann_team_run(build->team, STEP_KMEANS, shared->tasks, ann_build_task,
					 build);
	}
	check_kmeans(result);
}

void
ann_build_lists(AnnBuild *build)
{
	if (build->team->plan.lists > 1)
		take_sample(build);
	ann_build_progress(ANN_PHASE_LISTS, 0, 1000);
	find_lists(build);
}
