/*-------------------------------------------------------------------------
 *
 * ann_kmeans.h
 *		Hierarchical k-means, and finding the nearest of many centroids.
 *
 * Pure. Memory comes from malloc and is freed before return. Long loops call
 * the caller's check, which may stop the work; nothing here jumps.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_KMEANS_H
#define INTEL_ANN_ANN_KMEANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Centroids arranged for ann_panels_nearest. */
typedef struct AnnPanels
{
	int dim;	 /* a multiple of ANN_DIM_UNIT */
	int count;	 /* centroids */
	float *cell; /* panels of ANN_COLUMNS centroids, dimension by dimension */
	float *half; /* half the squared norm of each; infinite in the last panel
				  * beyond count */
} AnnPanels;

/* false: out of memory. free with ann_panels_free, which accepts zeros. */
extern bool ann_panels_init(AnnPanels *panels, int dim, int count,
							const float *centroids);
extern void ann_panels_free(AnnPanels *panels);

/* Bytes that ann_panels_init allocates. */
extern size_t ann_panels_size(int dim, int count);

/*
 * The nearest centroid of each of n rows by Euclidean distance; ties go to
 * the lower number. rows must be followed by readable memory up to a multiple
 * of ANN_ROWS rows. score[i], unless NULL, gets ||c||^2 / 2 - <x, c>.
 */
extern void ann_panels_nearest(const AnnPanels *panels, int n,
							   const float *rows, int32_t *nearest,
							   float *score);

typedef struct AnnKmeans
{
	int dim;		   /* a multiple of ANN_DIM_UNIT */
	int n;			   /* rows, at least 1 */
	const float *rows; /* readable up to a multiple of ANN_ROWS rows */
	int wanted;		   /* centroids, at least 1 */
	uint64_t seed;
	/* called often with the part of the work done (0 to 1); true stops */
	bool (*check)(void *arg, double done);
	void *arg;
} AnnKmeans;

typedef enum AnnKmeansResult
{
	ANN_KMEANS_DONE,
	ANN_KMEANS_STOPPED,
	ANN_KMEANS_NO_MEMORY,
} AnnKmeansResult;

/*
 * Compute at most wanted centroids (fewer when there are not as many distinct
 * rows) into centroids, which has room for wanted, and their number into
 * *count.
 */
extern AnnKmeansResult ann_kmeans(const AnnKmeans *job, float *centroids,
								  int *count);

/* Bytes that ann_kmeans allocates beside rows and centroids. */
extern size_t ann_kmeans_size(int dim, int n, int wanted);

#endif /* INTEL_ANN_ANN_KMEANS_H */
