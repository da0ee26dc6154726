/*-------------------------------------------------------------------------
 *
 * ann_rank.c
 *		Which lists have the nearest centroids.
 *
 * Centroids are coded as rows are, about their mean: sign codes, in blocks,
 * give a bound of how near each is, and only those that may be near enough
 * are looked at closer. So there can be many lists.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "ann/ann_int.h"

/* Standard errors that bounds allow for. */
#define RANK_EPSILON 3.3f

void
ann_rank_bounds(const AnnCache *cache, const AnnQuery *query, float *bounds)
{
	Size block_size = (Size) ANN_BLOCK * cache->layout.shape.sign_len;
	uint32 lists = cache->meta.lists;
	AnnQuery wide = *query;
	AnnProbe probe = ann_probe(query,
							   ann_kernels->dot(query->shape->full_dim,
												query->rotated, cache->middle),
							   cache->middle_squared);

	wide.epsilon = RANK_EPSILON;
	/* what all lists have in common is left out */
	if (query->shape->metric != ANN_IP)
		probe.base -= query->norm * query->norm;
	for (uint32 first = 0; first < lists; first += ANN_BLOCK)
	{
		uint32 in = lists - first >= ANN_BLOCK
						? PG_UINT32_MAX
						: ((uint32) 1 << (lists - first)) - 1;

		(void) ann_block_bounds(
			&wide, &probe, cache->signs + first / ANN_BLOCK * block_size,
			cache->add + first, cache->scale + first, cache->error + first, in,
			FLT_MAX, bounds + first);
	}
}

/* The score of a list. */
static float
exact_score(const AnnCache *cache, const AnnQuery *query, uint32 list)
{
	int dim = query->shape->full_dim;

	return cache->norm_squared[list] -
		   2 * ann_kernels->dot(dim, query->rotated,
								cache->centroid + (size_t) list * dim);
}

/* Rows go to the nearest centroid for every metric, as builds assign them. */
uint32
ann_nearest_list(const AnnCache *cache, const float *x)
{
	uint32 lists = cache->meta.lists;
	float *bounds = MemoryContextAllocHuge(
		CurrentMemoryContext,
		mul_size(sizeof(float), TYPEALIGN(ANN_BLOCK, lists)));
	AnnShape shape = cache->layout.shape;
	uint8 *lut = palloc(shape.lut_len);
	uint32 nearest = 0;
	AnnQuery query;
	float best;

	ann_query_init(&query, &shape, x, lut);
	ann_rank_bounds(cache, &query, bounds);
	if (shape.metric == ANN_IP)
		for (uint32 list = 0; list < lists; list++)
			bounds[list] = cache->norm_squared[list] + 2 * bounds[list];
	for (uint32 list = 1; list < lists; list++)
		if (bounds[list] < bounds[nearest])
			nearest = list;
	best = exact_score(cache, &query, nearest);
	for (uint32 list = 0; list < lists; list++)
	{
		float at;

		/* compared, too, where there is no number */
		if (bounds[list] > best)
			continue;
		at = exact_score(cache, &query, list);
		if (at < best || isnan(best))
		{
			best = at;
			nearest = list;
		}
	}
	pfree(lut);
	pfree(bounds);
	return nearest;
}
