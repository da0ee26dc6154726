/*-------------------------------------------------------------------------
 *
 * ann_kmeans.c
 *		Hierarchical k-means; see ann_kmeans.h.
 *
 * sqrt(k) coarse cells first, then centroids in proportion inside every cell,
 * then rounds over everything, in which a cluster that is empty or much too
 * small gives its centroid to one that is much too large. Within a cell the
 * seeds are drawn with probability by squared distance, which is what keeps
 * skewed data from falling into one list.
 *
 * In these rounds, and when all rows of the table are assigned, a row is
 * compared with the centroids near its coarse cell only. Centroids of a cell
 * have neighbouring numbers, so a cell searches few panels of them.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/ann_kernels.h"
#include "ann/ann_kmeans.h"

#define LOCAL_ROUNDS 8
#define GLOBAL_ROUNDS 3

/* Centroids that rows are compared with one by one. */
#define FEW 4

/* Rows are assigned in runs of this many, so panels stay in cache. */
#define RUN 256

/* Rows of a task. */
#define TASK_ROWS 1024

/* Centroids whose means a task computes. */
#define TASK_MEANS 64

/*
 * Clusters of more than this times the mean get the centroid of one of an
 * eighth, and of half the mean.
 */
#define GIANT 2.5
#define COLOSSUS 2.8

/* Centroids for which cells are worth their while. */
#define CELLS_FROM 33

/* Of the centroids, a cell searches this part, and no fewer than so many. */
#define NEAR_PART 16
#define NEAR_LEAST 128

/*
 * As long as the centroids still move, no more than this part of the panels,
 * and so many at least: a row that goes elsewhere for a round does no harm.
 */
#define PANEL_PART 5
#define PANEL_LEAST 12

typedef enum Step
{
	STEP_BEGIN,
	STEP_CELL,	  /* the cell of each row */
	STEP_CLUSTER, /* centroids inside each cell */
	STEP_ASSIGN,  /* the centroid of each row */
	STEP_MEANS,	  /* centroids become the means of their rows */
} Step;

/* ---- nearest centroid ---- */

static size_t
columns_of(int count)
{
	return (size_t) (count + ANN_COLUMNS - 1) / ANN_COLUMNS * ANN_COLUMNS;
}

size_t
ann_panels_size(int dim, int count)
{
	return columns_of(count) * sizeof(float) * ((size_t) dim + 1);
}

void
ann_panels_place(AnnPanels *panels, int dim, int count, void *memory)
{
	panels->dim = dim;
	panels->count = count;
	panels->cell = memory;
	panels->half = panels->cell + columns_of(count) * dim;
}

void
ann_panels_fill(AnnPanels *panels, const float *centroids)
{
	size_t columns = columns_of(panels->count);
	int dim = panels->dim;

	for (size_t c = 0; c < columns; c++)
	{
		float *panel = panels->cell + c / ANN_COLUMNS * ANN_COLUMNS * dim;
		const float *x = centroids + c * dim;

		if (c >= (size_t) panels->count)
		{
			panels->half[c] = INFINITY;
			for (int i = 0; i < dim; i++)
				panel[(size_t) i * ANN_COLUMNS + c % ANN_COLUMNS] = 0;
			continue;
		}
		panels->half[c] = ann_kernels->dot(dim, x, x) / 2;
		for (int i = 0; i < dim; i++)
			panel[(size_t) i * ANN_COLUMNS + c % ANN_COLUMNS] = x[i];
	}
}

/* Compare up to ANN_ROWS rows with the panel that starts at centroid c. */
static inline void
compare_panel(const AnnPanels *panels, int c, int n, const float *rows,
			  int32_t *nearest, float *best)
{
	float product[ANN_ROWS * ANN_COLUMNS];

	ann_kernels->products(panels->dim, rows,
						  panels->cell + (size_t) c * panels->dim, product);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < ANN_COLUMNS; j++)
		{
			float at = panels->half[c + j] - product[i * ANN_COLUMNS + j];

			if (at < best[i])
			{
				best[i] = at;
				nearest[i] = c + j;
			}
		}
}

void
ann_panels_nearest(const AnnPanels *panels, int n, const float *rows,
				   int32_t *nearest, float *score)
{
	float best[RUN];

	for (int start = 0; start < n; start += RUN)
	{
		int count = n - start < RUN ? n - start : RUN;

		for (int i = 0; i < count; i++)
		{
			best[i] = INFINITY;
			nearest[start + i] = 0;
		}
		for (int c = 0; c < panels->count; c += ANN_COLUMNS)
			for (int r = 0; r < count; r += ANN_ROWS)
				compare_panel(panels, c,
							  count - r < ANN_ROWS ? count - r : ANN_ROWS,
							  rows + (size_t) (start + r) * panels->dim,
							  nearest + start + r, best + r);
		if (score != NULL)
			memcpy(score + start, best, sizeof(float) * count);
	}
}

/* ---- memory ---- */

static int
cells_for(int wanted)
{
	return wanted < CELLS_FROM ? 0 : (int) ceil(sqrt(wanted));
}

static size_t
aligned(size_t size)
{
	return (size + 63) / 64 * 64;
}

/* The next so many bytes of the caller's memory; at is NULL to measure. */
static void *
take(char **at, size_t *size, size_t bytes)
{
	void *here = *at;

	if (*at != NULL)
		*at += aligned(bytes);
	*size += aligned(bytes);
	return here;
}

/* Point job into memory, unless that is NULL; *lasting is the first part. */
static size_t
lay_out(AnnKmeans *job, char *memory, size_t *lasting)
{
	int dim = job->dim;
	size_t wanted = job->wanted;
	size_t cells = cells_for(job->wanted);
	size_t n = (size_t) job->n + ANN_ROWS;
	size_t size = 0;

	job->shared = take(&memory, &size, sizeof(AnnKmeansShared));
	job->centroids = take(&memory, &size, wanted * dim * sizeof(float));
	ann_panels_place(&job->panels, dim, job->wanted,
					 take(&memory, &size, ann_panels_size(dim, job->wanted)));
	ann_panels_place(&job->cells, dim, (int) cells,
					 take(&memory, &size, ann_panels_size(dim, (int) cells)));
	job->near =
		take(&memory, &size, cells * columns_of(job->wanted) / ANN_COLUMNS);
	*lasting = size;
	job->order = take(&memory, &size, n * sizeof(int32_t));
	job->nearest = take(&memory, &size, n * sizeof(int32_t));
	job->score = take(&memory, &size, n * sizeof(float));
	job->size = take(&memory, &size, wanted * sizeof(int32_t));
	job->first = take(&memory, &size, (cells + 1) * sizeof(int32_t));
	job->seat = take(&memory, &size, (cells + 1) * sizeof(int32_t));
	job->found = take(&memory, &size, (cells + 1) * sizeof(int32_t));
	return size;
}

size_t
ann_kmeans_lasting_size(int dim, int wanted)
{
	AnnKmeans job = {.dim = dim, .n = 1, .wanted = wanted};
	size_t lasting;

	lay_out(&job, NULL, &lasting);
	return lasting;
}

size_t
ann_kmeans_size(int dim, int n, int wanted)
{
	AnnKmeans job = {.dim = dim, .n = n, .wanted = wanted};
	size_t lasting;

	return lay_out(&job, NULL, &lasting);
}

void
ann_kmeans_place(AnnKmeans *job, void *memory)
{
	size_t lasting;

	lay_out(job, memory, &lasting);
}

/* ---- flat k-means, by one process ---- */

/* Rows and what belongs to each, centroids and what belongs to each. */
typedef struct Work
{
	const AnnKmeans *job;
	uint64_t random;
	bool stopped;
	bool no_memory;
	int n;
	const float *rows;
	int32_t *nearest;
	float *score;
	float *centroids;
	int32_t *size;
} Work;

static double
random_unit(Work *work)
{
	uint64_t z = (work->random += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return (double) ((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static bool
check(Work *work)
{
	if (work->job->check != NULL && work->job->check(work->job->arg))
		work->stopped = true;
	return work->stopped;
}

/* Sixteen lanes, which compilers would not keep in registers by themselves. */
typedef float Four __attribute__((vector_size(16)));

static float
distance_squared(int dim, const float *a, const float *b)
{
	Four sums[4] = {{0}, {0}, {0}, {0}};
	float lane[16];
	float sum = 0;

	for (int i = 0; i < dim; i += 16)
		for (int j = 0; j < 4; j++)
		{
			Four x;
			Four y;

			memcpy(&x, a + i + 4 * j, sizeof(x));
			memcpy(&y, b + i + 4 * j, sizeof(y));
			x -= y;
			sums[j] += x * x;
		}
	memcpy(lane, sums, sizeof(lane));
	for (int j = 0; j < 16; j++)
		sum += lane[j];
	return sum;
}

/*
 * Draw up to k seeds, each row with probability by its squared distance from
 * the seeds so far. Stops early when every row is a seed or equals one.
 */
static int
draw_seeds(Work *work, int k)
{
	int dim = work->job->dim;
	int n = work->n;
	float *distance = work->score;
	int pick = (int) (random_unit(work) * n);
	int count = 0;

	for (int i = 0; i < n; i++)
		distance[i] = INFINITY;
	while (count < k)
	{
		float *seed = work->centroids + (size_t) count * dim;
		double sum = 0;
		double at;

		memcpy(seed, work->rows + (size_t) pick * dim, sizeof(float) * dim);
		count++;
		for (int i = 0; i < n; i++)
		{
			float d =
				distance_squared(dim, work->rows + (size_t) i * dim, seed);

			if (d < distance[i])
				distance[i] = d;
			sum += distance[i];
			if (i % TASK_ROWS == 0 && check(work))
				return count;
		}
		if (!(sum > 0) || !isfinite(sum))
			break;
		at = random_unit(work) * sum;
		for (pick = 0; pick < n - 1; pick++)
			if ((at -= distance[pick]) < 0)
				break;
		while (pick > 0 && !(distance[pick] > 0))
			pick--;
		if (!(distance[pick] > 0))
			break;
	}
	return count;
}

/* Assign rows to one of few centroids, for which panels are too wide. */
static void
assign_to_few(Work *work, int k)
{
	int dim = work->job->dim;
	float half[FEW];

	for (int c = 0; c < k; c++)
	{
		const float *x = work->centroids + (size_t) c * dim;

		half[c] = ann_kernels->dot(dim, x, x) / 2;
	}
	for (int i = 0; i < work->n && !(i % RUN == 0 && check(work)); i++)
	{
		const float *row = work->rows + (size_t) i * dim;

		work->nearest[i] = 0;
		work->score[i] = INFINITY;
		for (int c = 0; c < k; c++)
		{
			float at =
				half[c] -
				ann_kernels->dot(dim, row, work->centroids + (size_t) c * dim);

			if (at < work->score[i])
			{
				work->score[i] = at;
				work->nearest[i] = c;
			}
		}
	}
}

/* Assign rows; false when stopped or without memory. */
static bool
assign(Work *work, int k)
{
	int dim = work->job->dim;
	AnnPanels panels;
	void *memory;

	if (k <= FEW)
	{
		assign_to_few(work, k);
		return !work->stopped;
	}
	memory = malloc(ann_panels_size(dim, k));

	if (memory == NULL)
	{
		work->stopped = work->no_memory = true;
		return false;
	}
	ann_panels_place(&panels, dim, k, memory);
	ann_panels_fill(&panels, work->centroids);
	for (int i = 0; i < work->n && !check(work); i += RUN)
		ann_panels_nearest(&panels, work->n - i < RUN ? work->n - i : RUN,
						   work->rows + (size_t) i * dim, work->nearest + i,
						   work->score + i);
	free(memory);
	return !work->stopped;
}

/* Centroids from low to high become the means of their rows. */
static bool
update(Work *work, int low, int high)
{
	int dim = work->job->dim;
	double *sums = calloc((size_t) (high - low) * dim, sizeof(double));

	if (sums == NULL)
	{
		work->stopped = work->no_memory = true;
		return false;
	}
	memset(work->size + low, 0, sizeof(int32_t) * (high - low));
	for (int i = 0; i < work->n; i++)
	{
		int c = work->nearest[i];
		const float *x = work->rows + (size_t) i * dim;
		double *sum = sums + (size_t) (c - low) * dim;

		if (c < low || c >= high)
			continue;
		work->size[c]++;
		for (int j = 0; j < dim; j++)
			sum[j] += x[j];
	}
	for (int c = low; c < high; c++)
		if (work->size[c] > 0)
			for (int j = 0; j < dim; j++)
				work->centroids[(size_t) c * dim + j] =
					(float) (sums[(size_t) (c - low) * dim + j] /
							 work->size[c]);
	free(sums);
	return true;
}

/* Halfway from a centroid to one of its rows, lest an outlier become one. */
static void
move_centroid(Work *work, int c, int giant)
{
	int dim = work->job->dim;
	int skip = (int) (random_unit(work) * work->size[giant]);

	for (int i = 0; i < work->n; i++)
		if (work->nearest[i] == giant && skip-- == 0)
		{
			float *to = work->centroids + (size_t) c * dim;
			const float *from = work->centroids + (size_t) giant * dim;

			for (int j = 0; j < dim; j++)
				to[j] = (work->rows[(size_t) i * dim + j] + from[j]) / 2;
			break;
		}
}

/* Whether a cluster may give its centroid to one so much larger. */
static bool
may_move(double size, double giant, double mean)
{
	return (size == 0 && giant >= 2) ||
		   (size <= mean / 8 && giant >= GIANT * mean) ||
		   (size <= mean / 2 && giant >= COLOSSUS * mean);
}

/* Move the centroids of small clusters into the largest. */
static void
rebalance(Work *work, int k)
{
	double mean = (double) work->n / k;
	int moved = 0;

	for (int c = 0; c < k && moved < k / 4 + 1 && !check(work); c++)
	{
		int giant = 0;

		if (work->size[c] > mean / 2)
			continue;
		for (int i = 1; i < k; i++)
			if (work->size[i] > work->size[giant])
				giant = i;
		if (giant == c || !may_move(work->size[c], work->size[giant], mean))
			continue;
		move_centroid(work, c, giant);
		work->size[c] = work->size[giant] / 2;
		work->size[giant] -= work->size[c];
		moved++;
	}
}

/* Returns the number of centroids. The last round moves none. */
static int
cluster(Work *work, int k)
{
	int count = draw_seeds(work, k < work->n ? k : work->n);

	if (count == 1)
	{
		memset(work->nearest, 0, sizeof(int32_t) * work->n);
		update(work, 0, 1);
	}
	for (int round = 0; count > 1 && round < LOCAL_ROUNDS; round++)
	{
		if (!assign(work, count) || !update(work, 0, count))
			break;
		if (round < LOCAL_ROUNDS - 1)
			rebalance(work, count);
	}
	return count;
}

/* ---- the steps ---- */

static Work
all_rows(const AnnKmeans *job)
{
	return (Work){.job = job,
				  .random = job->seed + job->shared->round,
				  .n = job->n,
				  .rows = job->rows,
				  .nearest = job->nearest,
				  .score = job->score,
				  .centroids = job->centroids,
				  .size = job->size};
}

static AnnKmeansResult
result_of(const Work *work, AnnKmeansResult otherwise)
{
	if (work->no_memory)
		return ANN_KMEANS_NO_MEMORY;
	return work->stopped ? ANN_KMEANS_STOPPED : otherwise;
}

static AnnKmeansResult
wait_for_tasks(AnnKmeans *job, Step step, int tasks, double to)
{
	AnnKmeansShared *shared = job->shared;

	shared->step = step;
	shared->tasks = tasks;
	shared->from = shared->to;
	shared->to = to;
	return ANN_KMEANS_TASKS;
}

static int
row_tasks(const AnnKmeans *job)
{
	return (job->n + TASK_ROWS - 1) / TASK_ROWS;
}

static AnnKmeansResult
begin(AnnKmeans *job)
{
	AnnKmeansShared *shared = job->shared;
	Work work = all_rows(job);
	int cells = cells_for(job->wanted);

	if (cells == 0)
	{
		shared->count = cluster(&work, job->wanted);
		return result_of(&work, ANN_KMEANS_DONE);
	}
	/* rows come in random order, so the first are a sample of them */
	if (work.n > cells * 256)
		work.n = cells * 256;
	shared->cells = cluster(&work, cells);
	job->cells.count = shared->cells;
	ann_panels_fill(&job->cells, job->centroids);
	wait_for_tasks(job, STEP_CELL, row_tasks(job), 0.1);
	return result_of(&work, ANN_KMEANS_TASKS);
}

bool
ann_kmeans_reorder(AnnKmeans *job, float *rows, int n)
{
	size_t dim = job->dim;
	size_t bytes = sizeof(float) * dim;
	int moved = 0;

	for (int start = 0; start < n; start++)
	{
		int at = start;

		/* one cycle: each place gets its row, the last one that of start */
		memcpy(job->scratch, rows + start * dim, bytes);
		while (job->order[at] != start)
		{
			int from = job->order[at];

			memcpy(rows + at * dim, rows + from * dim, bytes);
			job->order[at] = at;
			at = from;
			if (++moved % TASK_ROWS == 0 && job->check != NULL &&
				job->check(job->arg))
				return false;
		}
		memcpy(rows + at * dim, job->scratch, bytes);
		job->order[at] = at;
	}
	return true;
}

/* Rows of a cell side by side, and how many centroids each cell gets. */
static AnnKmeansResult
sort_by_cell(AnnKmeans *job)
{
	int cells = job->shared->cells;
	int32_t *first = job->first;

	memset(first, 0, sizeof(int32_t) * (cells + 1));
	for (int i = 0; i < job->n; i++)
		first[job->nearest[i] + 1]++;
	for (int c = 0; c < cells; c++)
		first[c + 1] += first[c];
	for (int i = 0; i < job->n; i++)
		job->order[first[job->nearest[i]]++] = i;
	memmove(first + 1, first, sizeof(int32_t) * cells);
	first[0] = 0;
	/* seats by the running share, so that they add up to wanted */
	for (int c = 0; c <= cells; c++)
		job->seat[c] =
			(int32_t) ((double) first[c] * job->wanted / job->n + 0.5);
	if (!ann_kmeans_reorder(job, job->rows, job->n))
		return ANN_KMEANS_STOPPED;
	return wait_for_tasks(job, STEP_CLUSTER, cells, 0.5);
}

static AnnKmeansResult
cluster_cell(AnnKmeans *job, int cell)
{
	int32_t first = job->first[cell];
	int32_t seat = job->seat[cell];
	int seats = job->seat[cell + 1] - seat;
	Work work = all_rows(job);

	job->found[cell] = 0;
	if (seats == 0)
		return ANN_KMEANS_DONE;
	work.random = job->seed + (uint64_t) (cell + 1) * 0x632BE59BD9B4E019u;
	work.n = job->first[cell + 1] - first;
	work.rows += (size_t) first * job->dim;
	work.nearest += first;
	work.score += first;
	work.centroids += (size_t) seat * job->dim;
	work.size += seat;
	job->found[cell] = cluster(&work, seats);
	return result_of(&work, ANN_KMEANS_DONE);
}

typedef struct Near
{
	float distance;
	int32_t panel;
} Near;

static int
compare_near(const void *a, const void *b)
{
	const Near *x = a;
	const Near *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return (x->panel > y->panel) - (x->panel < y->panel);
}

/* How many panels a cell may search. */
static size_t
panels_enough(const AnnKmeans *job, size_t panels)
{
	size_t part = panels / PANEL_PART;

	if (job->shared->round == GLOBAL_ROUNDS)
		return panels;
	return part < PANEL_LEAST ? PANEL_LEAST : part;
}

/* Which panels have the centroids nearest to the centre of a cell. */
static void
find_near(AnnKmeans *job, int cell, Near *near)
{
	float *centre = job->scratch;
	int count = job->shared->count;
	size_t panels = columns_of(count) / ANN_COLUMNS;
	int most = count / NEAR_PART < NEAR_LEAST ? NEAR_LEAST : count / NEAR_PART;
	size_t enough = panels_enough(job, panels);
	size_t searched = 0;
	uint8_t *map = job->near + cell * panels;
	const float *column =
		job->cells.cell +
		(size_t) (cell / ANN_COLUMNS) * ANN_COLUMNS * job->dim +
		cell % ANN_COLUMNS;

	for (int d = 0; d < job->dim; d++)
		centre[d] = column[(size_t) d * ANN_COLUMNS];
	for (int c = 0; c < count; c++)
	{
		near[c].panel = c / ANN_COLUMNS;
		near[c].distance =
			job->panels.half[c] -
			ann_kernels->dot(job->dim, centre,
							 job->centroids + (size_t) c * job->dim);
	}
	qsort(near, count, sizeof(Near), compare_near);
	memset(map, 0, panels);
	for (int c = 0; c < count && c < most && searched < enough; c++)
	{
		searched += !map[near[c].panel];
		map[near[c].panel] = 1;
	}
}

/* Panels from the centroids, and which of them each cell searches. */
static void
fill_panels(AnnKmeans *job, Work *work)
{
	int count = job->shared->count;
	Near *near = malloc(sizeof(Near) * count);

	job->panels.count = count;
	ann_panels_fill(&job->panels, job->centroids);
	if (near == NULL)
		work->stopped = work->no_memory = true;
	for (int cell = 0; cell < job->shared->cells && !check(work); cell++)
		find_near(job, cell, near);
	free(near);
}

/* Close the gaps that cells with fewer centroids than seats have left. */
static void
compact(AnnKmeans *job)
{
	int count = 0;

	for (int cell = 0; cell < job->shared->cells; cell++)
	{
		memmove(job->centroids + (size_t) count * job->dim,
				job->centroids + (size_t) job->seat[cell] * job->dim,
				sizeof(float) * job->dim * job->found[cell]);
		count += job->found[cell];
	}
	job->shared->count = count;
}

static AnnKmeansResult
next_round(AnnKmeans *job)
{
	AnnKmeansShared *shared = job->shared;
	Work work = all_rows(job);

	if (shared->step == STEP_CLUSTER)
		compact(job);
	else if (++shared->round < GLOBAL_ROUNDS)
		rebalance(&work, shared->count);
	fill_panels(job, &work);
	if (shared->round == GLOBAL_ROUNDS)
		return result_of(&work, ANN_KMEANS_DONE);
	wait_for_tasks(job, STEP_ASSIGN, row_tasks(job),
				   shared->to + 0.48 / GLOBAL_ROUNDS);
	return result_of(&work, ANN_KMEANS_TASKS);
}

AnnKmeansResult
ann_kmeans_next(AnnKmeans *job)
{
	AnnKmeansShared *shared = job->shared;
	AnnKmeansResult result;

	switch ((Step) shared->step)
	{
		case STEP_BEGIN:
			result = begin(job);
			break;
		case STEP_CELL:
			result = sort_by_cell(job);
			break;
		case STEP_ASSIGN:
			result = wait_for_tasks(
				job, STEP_MEANS, (shared->count + TASK_MEANS - 1) / TASK_MEANS,
				shared->to + 0.01 / GLOBAL_ROUNDS);
			break;
		default:
			result = next_round(job);
	}
	if (result == ANN_KMEANS_DONE && shared->cells == 0)
	{
		job->panels.count = shared->count;
		ann_panels_fill(&job->panels, job->centroids);
	}
	return result;
}

/* Rows of one task of those that go over all rows. */
static AnnKmeansResult
assign_rows(AnnKmeans *job, int task)
{
	Work work = all_rows(job);
	int end =
		(task + 1) * TASK_ROWS < job->n ? (task + 1) * TASK_ROWS : job->n;

	for (int i = task * TASK_ROWS; i < end && !check(&work);
		 i += ANN_KMEANS_RUN)
	{
		int run = end - i < ANN_KMEANS_RUN ? end - i : ANN_KMEANS_RUN;
		const float *rows = job->rows + (size_t) i * job->dim;

		if (job->shared->step == STEP_CELL)
		{
			job->cells.count = job->shared->cells;
			ann_panels_nearest(&job->cells, run, rows, job->nearest + i, NULL);
		}
		else
			ann_kmeans_nearest(job, run, rows, job->nearest + i,
							   job->score + i);
	}
	return result_of(&work, ANN_KMEANS_DONE);
}

static AnnKmeansResult
compute_means(AnnKmeans *job, int task)
{
	Work work = all_rows(job);
	int high = (task + 1) * TASK_MEANS;

	update(&work, task * TASK_MEANS,
		   high < job->shared->count ? high : job->shared->count);
	return result_of(&work, ANN_KMEANS_DONE);
}

AnnKmeansResult
ann_kmeans_task(AnnKmeans *job, int task)
{
	switch ((Step) job->shared->step)
	{
		case STEP_CLUSTER:
			return cluster_cell(job, task);
		case STEP_MEANS:
			return compute_means(job, task);
		default:
			return assign_rows(job, task);
	}
}

AnnKmeansResult
ann_kmeans(AnnKmeans *job)
{
	AnnKmeansResult result;

	while ((result = ann_kmeans_next(job)) == ANN_KMEANS_TASKS)
		for (int task = 0; task < job->shared->tasks; task++)
		{
			result = ann_kmeans_task(job, task);
			if (result != ANN_KMEANS_DONE)
				return result;
		}
	return result;
}

/* ---- near centroids ---- */

/* Up to ANN_KMEANS_GATHER rows of one cell. */
static void
search_cell(const AnnKmeans *job, int cell, int n, const int32_t *order,
			const float *rows, int32_t *nearest, float *score)
{
	int dim = job->dim;
	int count = job->panels.count;
	const uint8_t *near =
		job->near + (size_t) cell * (columns_of(count) / ANN_COLUMNS);
	int32_t found[ANN_KMEANS_GATHER] = {0};
	float best[ANN_KMEANS_GATHER];

	for (int i = 0; i < n; i++)
	{
		memcpy(job->scratch + (size_t) i * dim, rows + (size_t) order[i] * dim,
			   sizeof(float) * dim);
		best[i] = INFINITY;
	}
	for (int c = 0; c < count; c += ANN_COLUMNS)
		for (int r = 0; near[c / ANN_COLUMNS] && r < n; r += ANN_ROWS)
			compare_panel(&job->panels, c, n - r < ANN_ROWS ? n - r : ANN_ROWS,
						  job->scratch + (size_t) r * dim, found + r,
						  best + r);
	for (int i = 0; i < n; i++)
	{
		nearest[order[i]] = found[i];
		if (score != NULL)
			score[order[i]] = best[i];
	}
}

void
ann_kmeans_nearest(AnnKmeans *job, int n, const float *rows, int32_t *nearest,
				   float *score)
{
	int32_t cell[ANN_KMEANS_RUN];
	int32_t order[ANN_KMEANS_RUN];
	int32_t members;

	/* what another process found */
	job->cells.count = job->shared->cells;
	job->panels.count = job->shared->count;
	if (job->cells.count == 0)
	{
		ann_panels_nearest(&job->panels, n, rows, nearest, score);
		return;
	}
	ann_panels_nearest(&job->cells, n, rows, cell, NULL);
	for (int c = 0; c < job->cells.count; c++)
	{
		members = 0;
		for (int i = 0; i < n; i++)
		{
			if (cell[i] == c)
				order[members++] = i;
			if (members == ANN_KMEANS_GATHER || (i == n - 1 && members > 0))
			{
				search_cell(job, c, members, order, rows, nearest, score);
				members = 0;
			}
		}
	}
}
