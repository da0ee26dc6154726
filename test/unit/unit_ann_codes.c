/* sources: src/ann/ann_rabitq.c src/ann/ann_kernels.c src/ann/ann_kernels_x86.c src/ann/ann_kernels_neon.c */
/* libs: -ffp-contract=off */
/*
 * Codes of the index on random vectors, clustered and not, of each number of
 * bits and planes: intervals of byte codes hold the distance, estimates of
 * sign codes are as near as their error says, and what rounds a query or a
 * centroid is off by half a step.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ann/ann_rabitq.h"

#define MOST 1024
#define QUERIES 40

static int passed;
static int failed;
static uint64_t state = 20261127;

static void
ok(bool condition, const char *what, int dim)
{
	if (condition)
		passed++;
	else
	{
		failed++;
		printf("not ok - %s, %d dimensions\n", what, dim);
	}
}

static float
uniform(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (float) (int32_t) (state >> 32) / 2147483648.0f;
}

static void
fill(int dim, int full_dim, float scale, float *x)
{
	memset(x, 0, sizeof(float) * full_dim);
	for (int i = 0; i < dim; i++)
		x[i] = scale * (uniform() + uniform() + uniform());
}

static double
distance(const AnnShape *shape, const float *a, const float *b)
{
	double sum = 0;

	for (int i = 0; i < shape->full_dim; i++)
		sum += shape->metric == ANN_IP
				   ? -(double) a[i] * b[i]
				   : ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	return sum;
}

/* A block of vectors around a centroid, and queries near and far. */
static void
check_codes(AnnMetric metric, int dim, int bits)
{
	AnnShape shape = ann_shape(metric, dim, bits);
	int n = shape.full_dim;
	uint8_t *codes = calloc(ANN_BLOCK, shape.sign_len);
	uint8_t *signs = calloc(2, shape.sign_len);
	uint8_t *bytes = calloc(ANN_BLOCK, shape.byte_len);
	uint8_t *lut = malloc(shape.lut_len);
	static float x[ANN_BLOCK][MOST];
	static float c[MOST], q[MOST], r[MOST];
	float add[ANN_BLOCK], scale[ANN_BLOCK], error[ANN_BLOCK], bounds[ANN_BLOCK];
	AnnByteFactors factors[ANN_BLOCK];
	bool held = true, same = true, alone = true;
	double off = 0, allowed = 0;
	int above = 0;

	fill(dim, n, 1, c);
	ann_rotate(n, c);
	for (int v = 0; v < ANN_BLOCK; v++)
	{
		AnnSignFactors sign;
		AnnSignFactors other;

		fill(dim, n, v % 4 == 0 ? 0.01f : 0.5f, r);
		ann_rotate(n, r);
		for (int i = 0; i < n; i++)
			x[v][i] = c[i] + r[i];
		ann_encode(&shape, r, c, signs, &sign, bytes + v * shape.byte_len,
				   &factors[v]);
		ann_encode_signs(&shape, r, c, signs + shape.sign_len, &other);
		alone &= memcmp(&sign, &other, sizeof(sign)) == 0 &&
				 memcmp(signs, signs + shape.sign_len, shape.sign_len) == 0;
		ann_block_put(&shape, codes, v, signs);
		ann_block_get(&shape, codes, v, signs + shape.sign_len);
		same &= memcmp(signs, signs + shape.sign_len, shape.sign_len) == 0;
		add[v] = sign.add, scale[v] = sign.scale, error[v] = sign.error;
	}
	for (int k = 0; k < QUERIES; k++)
	{
		AnnQuery query;
		AnnProbe probe;

		fill(dim, n, k % 2 ? 0.5f : 2, q);
		ann_rotate(n, q);
		for (int i = 0; i < n; i++)
			q[i] += c[i];
		ann_query_init(&query, &shape, q, lut);
		query.epsilon = 0;
		probe = ann_probe(&query, ann_kernels->dot(n, q, c),
						  ann_kernels->dot(n, c, c));
		(void) ann_block_bounds(&query, &probe, codes, add, scale, error,
								UINT32_MAX, 1e30f, bounds);
		for (int v = 0; v < ANN_BLOCK; v++)
		{
			double at = distance(&shape, q, x[v]);
			AnnInterval interval =
				ann_byte_interval(&query, &probe, bytes + v * shape.byte_len,
								  &factors[v]);
			double sigma = probe.distance * error[v];

			held &= interval.low <= at && at <= interval.high;
			off += (bounds[v] - at) * (bounds[v] - at);
			allowed += sigma * sigma;
			above += bounds[v] - 4 * sigma > at;
		}
	}
	ok(alone, "signs alone are those of the whole code", dim);
	ok(same, "a block gives back what was put", dim);
	ok(held, "intervals hold the distance", dim);
	/* the estimate leans to the safe side by the rounding of the table */
	ok(off <= 2.5 * allowed && off >= allowed / 4,
	   "estimates are as near as their errors say", dim);
	ok(above <= QUERIES * ANN_BLOCK / 500, "bounds of 4 errors hold", dim);
	free(codes), free(signs), free(bytes), free(lut);
}

static void
check_rounding(int dim, float scale)
{
	static float x[MOST];
	static uint8_t bytes[MOST];
	static int16_t words[MOST];
	bool near = true;
	float step;

	fill(dim, dim, scale, x);
	x[dim / 2] = 0;
	step = ann_quantize(dim, x, bytes);
	for (int i = 0; i < dim; i++)
		near &= fabs((double) x[i] - (double) step * (bytes[i] - 127.5)) <=
				0.5001 * step;
	step = ann_round(dim, x, words);
	for (int i = 0; i < dim; i++)
		near &= fabs((double) x[i] - (double) step * words[i]) <= 0.5001 * step &&
				abs(words[i]) <= ANN_RANK_LIMIT;
	ok(near, "roundings are off by half a step", dim);
}

int
main(void)
{
	static const int dims[] = {3, 64, 100, 128, 200, 256, 257, 384, 768};
	static const int bits[] = {4, 8, 12};

	ann_kernels_init();
	for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
	{
		for (int metric = ANN_L2; metric <= ANN_COSINE; metric++)
			for (int b = 0; b < 3; b++)
				check_codes((AnnMetric) metric, dims[d], bits[b]);
		check_rounding((dims[d] + 63) / 64 * 64, 1);
		check_rounding((dims[d] + 63) / 64 * 64, 1e-12f);
		check_rounding((dims[d] + 63) / 64 * 64, 1e12f);
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
