/*-------------------------------------------------------------------------
 *
 * ann_kmeans.h
 *		Hierarchical k-means in steps that processes share, and finding the
 *		nearest of many centroids.
 *
 * Pure. Small memory comes from malloc and is freed before return; all else
 * is given by the caller, and may be shared memory at another address in
 * every process. Long loops call the caller's check, which may stop the work;
 * nothing here jumps.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_KMEANS_H
#define INTEL_ANN_ANN_KMEANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Centroids arranged for ann_panels_nearest, in memory of the caller. */
typedef struct AnnPanels
{
	int dim;	 /* a multiple of ANN_DIM_UNIT */
	int count;	 /* centroids */
	float *cell; /* panels of ANN_COLUMNS centroids, dimension by dimension */
	float *half; /* half the squared norm of each; infinite in the last panel
				  * beyond count */
} AnnPanels;

/* Bytes of memory for count centroids. */
extern size_t ann_panels_size(int dim, int count);

/* Point panels to memory, without filling it in. */
extern void ann_panels_place(AnnPanels *panels, int dim, int count,
							 void *memory);
extern void ann_panels_fill(AnnPanels *panels, const float *centroids);

/*
 * The nearest centroid of each of n rows by Euclidean distance; ties go to
 * the lower number. rows must be followed by readable memory up to a multiple
 * of ANN_ROWS rows. score[i], unless NULL, gets ||c||^2 / 2 - <x, c>.
 */
extern void ann_panels_nearest(const AnnPanels *panels, int n,
							   const float *rows, int32_t *nearest,
							   float *score);

/* Rows for which each process needs room. */
#define ANN_KMEANS_GATHER 64

typedef enum AnnKmeansResult
{
	ANN_KMEANS_DONE,
	ANN_KMEANS_TASKS, /* tasks wait */
	ANN_KMEANS_STOPPED,
	ANN_KMEANS_NO_MEMORY,
} AnnKmeansResult;

/* What the processes see of each other's progress; the rest is private. */
typedef struct AnnKmeansShared
{
	int step;	 /* internal */
	int round;	 /* internal */
	int tasks;	 /* of the step at hand, from 0 on, in any order */
	int cells;	 /* coarse cells; 0 where there are too few centroids */
	int count;	 /* centroids, once done */
	double from; /* part of the work done before the step and after it */
	double to;
} AnnKmeansShared;

/* Every process fills in the first part, then calls ann_kmeans_place. */
typedef struct AnnKmeans
{
	int dim;	 /* a multiple of ANN_DIM_UNIT */
	int n;		 /* rows, at least 1, in random order */
	float *rows; /* put into another order; readable up to a multiple of
				  * ANN_ROWS rows */
	int wanted;	 /* centroids, at least 1 */
	uint64_t seed;
	/* called often; true stops */
	bool (*check)(void *arg);
	void *arg;
	float *scratch; /* ANN_KMEANS_GATHER rows; no other process uses it */

	AnnKmeansShared *shared;
	float *centroids; /* result; wanted of them, of which shared->count hold */
	AnnPanels panels; /* the same */
	AnnPanels cells;  /* centres of the coarse cells */
	uint8_t *near;	  /* for each cell, whether each panel is searched */
	int32_t *order;	  /* rows by coarse cell */
	int32_t *nearest; /* centroid of each row */
	float *score;
	int32_t *size;	/* rows of each centroid */
	int32_t *first; /* of each cell in order */
	int32_t *seat;	/* first centroid of each cell */
	int32_t *found; /* centroids of each cell */
} AnnKmeans;

/* Bytes that the processes share, beside the rows: what lasts, and all. */
extern size_t ann_kmeans_lasting_size(int dim, int wanted);
extern size_t ann_kmeans_size(int dim, int n, int wanted);

/*
 * Point job to such memory, which is zero at first. What ann_kmeans_nearest
 * needs comes first, the rest may be given back after k-means.
 */
extern void ann_kmeans_place(AnnKmeans *job, void *memory);

/*
 * One process calls this again and again. On ANN_KMEANS_TASKS it has
 * ann_kmeans_task called for each task of the step, here or in other
 * processes, before the next call. ANN_KMEANS_DONE: there are shared->count
 * centroids, fewer than wanted when there are not as many distinct rows.
 * The result does not depend on who did which task.
 */
extern AnnKmeansResult ann_kmeans_next(AnnKmeans *job);
extern AnnKmeansResult ann_kmeans_task(AnnKmeans *job, int task);

/*
 * Put n rows into the order that job->order tells, which is used up; false
 * when stopped.
 */
extern bool ann_kmeans_reorder(AnnKmeans *job, float *rows, int n);

/* Everything here. */
extern AnnKmeansResult ann_kmeans(AnnKmeans *job);

/*
 * The centroid near each row, n at most ANN_KMEANS_RUN: among those near the
 * nearest coarse cell, so now and then not the nearest of all. score as
 * above.
 */
#define ANN_KMEANS_RUN 1024
extern void ann_kmeans_nearest(AnnKmeans *job, int n, const float *rows,
							   int32_t *nearest, float *score);

#endif /* INTEL_ANN_ANN_KMEANS_H */
