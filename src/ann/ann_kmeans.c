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
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/ann_kernels.h"
#include "ann/ann_kmeans.h"

#define LOCAL_ROUNDS 8
#define GLOBAL_ROUNDS 3

/* Rows are assigned in runs of this many, so panels stay in cache. */
#define RUN 256

/* A cluster of more than this times the mean is split. */
#define GIANT 2.5

/* ---- nearest centroid ---- */

size_t
ann_panels_size(int dim, int count)
{
	size_t panels = (size_t) (count + ANN_COLUMNS - 1) / ANN_COLUMNS;

	return panels * ANN_COLUMNS * sizeof(float) * ((size_t) dim + 1);
}

bool
ann_panels_init(AnnPanels *panels, int dim, int count, const float *centroids)
{
	size_t columns =
		(size_t) (count + ANN_COLUMNS - 1) / ANN_COLUMNS * ANN_COLUMNS;

	panels->dim = dim;
	panels->count = count;
	panels->cell = malloc(columns * dim * sizeof(float));
	panels->half = malloc(columns * sizeof(float));
	if (panels->cell == NULL || panels->half == NULL)
	{
		ann_panels_free(panels);
		return false;
	}
	for (size_t c = 0; c < columns; c++)
	{
		float *panel = panels->cell + c / ANN_COLUMNS * ANN_COLUMNS * dim;
		const float *x = centroids + c * dim;

		if (c >= (size_t) count)
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
	return true;
}

void
ann_panels_free(AnnPanels *panels)
{
	free(panels->cell);
	free(panels->half);
	panels->cell = panels->half = NULL;
}

void
ann_panels_nearest(const AnnPanels *panels, int n, const float *rows,
				   int32_t *nearest, float *score)
{
	float best[RUN];
	float product[ANN_ROWS * ANN_COLUMNS];

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
			{
				ann_kernels->products(
					panels->dim, rows + (size_t) (start + r) * panels->dim,
					panels->cell + (size_t) c * panels->dim, product);
				for (int i = 0; i < ANN_ROWS && r + i < count; i++)
					for (int j = 0; j < ANN_COLUMNS; j++)
					{
						float at =
							panels->half[c + j] - product[i * ANN_COLUMNS + j];

						if (at < best[r + i])
						{
							best[r + i] = at;
							nearest[start + r + i] = c + j;
						}
					}
			}
		if (score != NULL)
			memcpy(score + start, best, sizeof(float) * count);
	}
}

/* ---- k-means ---- */

/* What the steps share. Arrays have n entries unless said otherwise. */
typedef struct Work
{
	const AnnKmeans *job;
	uint64_t random;
	double done;
	bool stopped;
	float *gathered; /* rows of a cell, side by side */
	int32_t *order;	 /* rows by coarse cell */
	int32_t *nearest;
	float *score;
	int32_t *size; /* wanted entries */
	double *total; /* dim entries times wanted */
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
check(Work *work, double done)
{
	if (done > work->done)
		work->done = done;
	if (work->job->check != NULL &&
		work->job->check(work->job->arg, work->done))
		work->stopped = true;
	return work->stopped;
}

static float
distance_squared(int dim, const float *a, const float *b)
{
	float lane[16] = {0};
	float sum = 0;

	for (int i = 0; i < dim; i += 16)
		for (int j = 0; j < 16; j++)
			lane[j] += (a[i + j] - b[i + j]) * (a[i + j] - b[i + j]);
	for (int j = 0; j < 16; j++)
		sum += lane[j];
	return sum;
}

/*
 * Draw up to k seeds, each row with probability by its squared distance from
 * the seeds so far. Stops early when every row is a seed or equals one.
 */
static int
draw_seeds(Work *work, int n, const float *rows, int k, float *centroids)
{
	int dim = work->job->dim;
	float *distance = work->score;
	int pick = (int) (random_unit(work) * n);
	int count = 0;

	for (int i = 0; i < n; i++)
		distance[i] = INFINITY;
	while (count < k)
	{
		float *seed = centroids + (size_t) count * dim;
		double sum = 0;
		double at;

		memcpy(seed, rows + (size_t) pick * dim, sizeof(float) * dim);
		count++;
		if (count % 16 == 0 && check(work, 0))
			return count;
		for (int i = 0; i < n; i++)
		{
			float d = distance_squared(dim, rows + (size_t) i * dim, seed);

			if (d < distance[i])
				distance[i] = d;
			sum += distance[i];
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

/* Assign rows; false when stopped or without memory. */
static bool
assign(Work *work, int n, const float *rows, int k, const float *centroids)
{
	AnnPanels panels;
	int dim = work->job->dim;

	if (!ann_panels_init(&panels, dim, k, centroids))
	{
		work->stopped = true;
		work->done = -1;
		return false;
	}
	for (int i = 0; i < n && !work->stopped; i += 16 * RUN)
	{
		int run = n - i < 16 * RUN ? n - i : 16 * RUN;

		ann_panels_nearest(&panels, run, rows + (size_t) i * dim,
						   work->nearest + i, work->score + i);
		check(work, 0);
	}
	ann_panels_free(&panels);
	return !work->stopped;
}

/* Centroids become the means of their rows; sizes are counted. */
static void
update(Work *work, int n, const float *rows, int k, float *centroids)
{
	int dim = work->job->dim;

	memset(work->size, 0, sizeof(int32_t) * k);
	memset(work->total, 0, sizeof(double) * k * dim);
	for (int i = 0; i < n; i++)
	{
		double *total = work->total + (size_t) work->nearest[i] * dim;
		const float *x = rows + (size_t) i * dim;

		work->size[work->nearest[i]]++;
		for (int j = 0; j < dim; j++)
			total[j] += x[j];
	}
	for (int c = 0; c < k; c++)
		if (work->size[c] > 0)
			for (int j = 0; j < dim; j++)
				centroids[(size_t) c * dim + j] =
					(float) (work->total[(size_t) c * dim + j] /
							 work->size[c]);
}

/*
 * Move the centroids of the emptiest clusters into the largest: each takes
 * the place of a row drawn from the giant. Returns how many moved.
 */
static int
rebalance(Work *work, int n, const float *rows, int k, float *centroids)
{
	int dim = work->job->dim;
	double mean = (double) n / k;
	int moved = 0;

	for (int c = 0; c < k && moved < k / 4 + 1; c++)
	{
		int giant = 0;
		int skip;

		if (work->size[c] > mean / 8)
			continue;
		for (int i = 1; i < k; i++)
			if (work->size[i] > work->size[giant])
				giant = i;
		if (work->size[giant] < 2 ||
			(work->size[c] > 0 && work->size[giant] < GIANT * mean))
			continue;
		skip = (int) (random_unit(work) * work->size[giant]);
		for (int i = 0; i < n; i++)
			if (work->nearest[i] == giant && skip-- == 0)
			{
				float *to = centroids + (size_t) c * dim;
				const float *from = centroids + (size_t) giant * dim;

				/* halfway to the row, lest an outlier become a centroid */
				for (int j = 0; j < dim; j++)
					to[j] = (rows[(size_t) i * dim + j] + from[j]) / 2;
				break;
			}
		work->size[c] = work->size[giant] / 2;
		work->size[giant] -= work->size[c];
		moved++;
	}
	return moved;
}

/* Lloyd's rounds. The last is followed by no move of centroids. */
static void
refine(Work *work, int n, const float *rows, int k, float *centroids,
	   int rounds)
{
	for (int round = 0; round < rounds && !work->stopped; round++)
	{
		if (!assign(work, n, rows, k, centroids))
			return;
		update(work, n, rows, k, centroids);
		if (round < rounds - 1)
			rebalance(work, n, rows, k, centroids);
	}
}

/* Flat k-means of n rows; returns the number of centroids. */
static int
cluster(Work *work, int n, const float *rows, int k, float *centroids)
{
	int count = draw_seeds(work, n, rows, k < n ? k : n, centroids);

	if (count > 1)
		refine(work, n, rows, count, centroids, LOCAL_ROUNDS);
	else if (!work->stopped)
	{
		memset(work->nearest, 0, sizeof(int32_t) * n);
		update(work, n, rows, 1, centroids);
	}
	return count;
}

/* Rows by coarse cell: order lists them, first[c] is where cell c starts. */
static void
sort_by_cell(Work *work, int n, int cells, int32_t *first)
{
	memset(first, 0, sizeof(int32_t) * (cells + 1));
	for (int i = 0; i < n; i++)
		first[work->nearest[i] + 1]++;
	for (int c = 0; c < cells; c++)
		first[c + 1] += first[c];
	for (int i = 0; i < n; i++)
		work->order[first[work->nearest[i]]++] = i;
	memmove(first + 1, first, sizeof(int32_t) * cells);
	first[0] = 0;
}

/* Coarse cells, then centroids inside each in proportion to its rows. */
static int
cluster_in_cells(Work *work, float *centroids)
{
	const AnnKmeans *job = work->job;
	int dim = job->dim;
	int cells = (int) ceil(sqrt(job->wanted));
	int sampled = cells * 256 < job->n ? cells * 256 : job->n;
	int32_t *first = malloc(sizeof(int32_t) * (cells + 1));
	int count = 0;

	if (first == NULL)
	{
		work->stopped = true;
		work->done = -1;
		return 0;
	}
	/* rows come in random order, so the first are a sample of them */
	cells = cluster(work, sampled, job->rows, cells, centroids);
	if (!work->stopped && assign(work, job->n, job->rows, cells, centroids))
	{
		int largest = 0;

		sort_by_cell(work, job->n, cells, first);
		for (int c = 0; c < cells; c++)
			if (first[c + 1] - first[c] > largest)
				largest = first[c + 1] - first[c];
		work->gathered =
			calloc((size_t) (largest + ANN_ROWS) * dim, sizeof(float));
		if (work->gathered == NULL)
		{
			work->stopped = true;
			work->done = -1;
		}
		for (int c = 0; c < cells && !work->stopped; c++)
		{
			int size = first[c + 1] - first[c];
			/* seats by the running share, so that they add up to wanted */
			int upto =
				(int) ((double) first[c + 1] * job->wanted / job->n + 0.5);
			int seats = upto - count;

			if (size == 0 || seats <= 0)
				continue;
			for (int i = 0; i < size; i++)
				memcpy(work->gathered + (size_t) i * dim,
					   job->rows + (size_t) work->order[first[c] + i] * dim,
					   sizeof(float) * dim);
			count += cluster(work, size, work->gathered, seats,
							 centroids + (size_t) count * dim);
			check(work, 0.5 * (c + 1) / cells);
		}
	}
	free(first);
	return count;
}

size_t
ann_kmeans_size(int dim, int n, int wanted)
{
	return (size_t) (n + ANN_ROWS) * (sizeof(float) * dim / 4 + 12) +
		   (size_t) wanted * (sizeof(double) * dim + 4) +
		   ann_panels_size(dim, wanted);
}

AnnKmeansResult
ann_kmeans(const AnnKmeans *job, float *centroids, int *count)
{
	Work work = {.job = job, .random = job->seed};
	size_t n = (size_t) job->n + ANN_ROWS;

	work.order = malloc(n * sizeof(int32_t));
	work.nearest = malloc(n * sizeof(int32_t));
	work.score = malloc(n * sizeof(float));
	work.size = malloc(sizeof(int32_t) * job->wanted);
	work.total = malloc(sizeof(double) * job->wanted * job->dim);
	if (work.order == NULL || work.nearest == NULL || work.score == NULL ||
		work.size == NULL || work.total == NULL)
		work.done = -1;
	else if (job->wanted <= 32)
		*count = cluster(&work, job->n, job->rows, job->wanted, centroids);
	else
	{
		*count = cluster_in_cells(&work, centroids);
		if (!work.stopped && *count > 1)
			refine(&work, job->n, job->rows, *count, centroids, GLOBAL_ROUNDS);
	}
	free(work.gathered);
	free(work.order);
	free(work.nearest);
	free(work.score);
	free(work.size);
	free(work.total);
	if (work.done < 0)
		return ANN_KMEANS_NO_MEMORY;
	return work.stopped ? ANN_KMEANS_STOPPED : ANN_KMEANS_DONE;
}
