/*-------------------------------------------------------------------------
 *
 * ann_kernels.c
 *		Portable kernels, which are the reference for all others, and the
 *		choice of a table for the CPU.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ann/ann_kernels.h"

#define LANES 64

static void
sum_block(int groups, const uint8_t *codes, const uint8_t *lut, uint32_t *sums)
{
	for (int v = 0; v < ANN_BLOCK; v++)
		sums[v] = 0;
	for (int g = 0; g < groups; g++)
		for (int j = 0; j < 16; j++)
		{
			uint8_t byte = codes[16 * g + j];

			sums[j] += lut[16 * g + (byte & 15)];
			sums[j + 16] += lut[16 * g + (byte >> 4)];
		}
}

uint32_t
ann_bounds_scalar(const AnnTerms *terms, const uint32_t *sums, float *bounds)
{
	uint32_t below = 0;

	for (int v = 0; v < ANN_BLOCK; v++)
	{
		float product = (float) (int32_t) sums[v] * terms->step + terms->bias;
		float bound = terms->base + terms->add[v] + terms->scale[v] * product -
					  terms->reach * terms->error[v];

		if (!(bound >= -FLT_MAX))
			bound = -INFINITY;
		if (bound > FLT_MAX)
			bound = FLT_MAX;
		if (!(terms->mask >> v & 1))
			bound = INFINITY;
		bounds[v] = bound;
		below |= (uint32_t) (bound <= terms->cut) << v;
	}
	return below;
}

static uint32_t
match(const uint32_t *keys, uint32_t key)
{
	uint32_t bits = 0;

	for (int v = 0; v < ANN_BLOCK; v++)
		bits |= (uint32_t) (keys[v] == key) << v;
	return bits;
}

static uint32_t
match_bytes(int n, const uint8_t *first, const uint8_t *second, uint16_t key,
			uint32_t *bits)
{
	uint32_t any = 0;

	for (int i = 0; i < n; i++, first += ANN_BLOCK, second += ANN_BLOCK)
	{
		uint32_t found = 0;

		for (int v = 0; v < ANN_BLOCK; v++)
			found |= (uint32_t) (first[v] == key >> 8) << v;
		for (int v = 0; found != 0 && v < ANN_BLOCK; v++)
			found &= ~((uint32_t) (second[v] != (key & 0xFF)) << v);
		bits[i] |= found;
		any |= found;
	}
	return any;
}

/* The tree in which all tables add their lanes. */
static float
sum_lanes(float *lane)
{
	for (int width = LANES / 2; width > 0; width /= 2)
		for (int i = 0; i < width; i++)
			lane[i] += lane[i + width];
	return lane[0];
}

static float
dot_bytes(size_t n, const uint8_t *code, const float *query)
{
	float lane[LANES] = {0};

	for (size_t i = 0; i < n; i += LANES)
		for (int j = 0; j < LANES; j++)
			lane[j] += (float) code[i + j] * query[i + j];
	return sum_lanes(lane);
}

static float
dot_nibbles(size_t n, const uint8_t *code, const float *query)
{
	float low[LANES] = {0};
	float high[LANES] = {0};

	for (size_t i = 0; i < n / 2; i += LANES)
		for (int j = 0; j < LANES; j++)
		{
			low[j] += (float) (code[i + j] & 15) * query[i + j];
			high[j] += (float) (code[i + j] >> 4) * query[n / 2 + i + j];
		}
	return sum_lanes(low) + sum_lanes(high);
}

static int32_t
dot_rank(size_t n, const uint8_t *code, const int16_t *query)
{
	int32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += code[i] * query[i];
	return sum;
}

static float
dot(size_t n, const float *a, const float *b)
{
	float lane[LANES] = {0};

	for (size_t i = 0; i < n; i += LANES)
		for (int j = 0; j < LANES; j++)
			lane[j] += a[i + j] * b[i + j];
	return sum_lanes(lane);
}

static void
products(size_t n, const float *rows, const float *panel, float *out)
{
	for (int r = 0; r < ANN_ROWS; r++)
	{
		float sum[ANN_COLUMNS] = {0};

		for (size_t i = 0; i < n; i++)
			for (int c = 0; c < ANN_COLUMNS; c++)
				sum[c] += rows[r * n + i] * panel[i * ANN_COLUMNS + c];
		for (int c = 0; c < ANN_COLUMNS; c++)
			out[r * ANN_COLUMNS + c] = sum[c];
	}
}

static const AnnKernels scalar_kernels = {
	.name = "scalar",
	.sum_block = sum_block,
	.bounds = ann_bounds_scalar,
	.match = match,
	.match_bytes = match_bytes,
	.dot_bytes = dot_bytes,
	.dot_nibbles = dot_nibbles,
	.dot_rank = dot_rank,
	.dot = dot,
	.products = products,
};

const AnnKernels *ann_kernels = &scalar_kernels;

const AnnKernels *
ann_kernels_scalar(void)
{
	return &scalar_kernels;
}

void
ann_kernels_init(void)
{
	const AnnKernels *best = ann_kernels_avx512();

	if (best == NULL)
		best = ann_kernels_avx2();
	if (best == NULL)
		best = ann_kernels_neon();
	ann_kernels = best != NULL ? best : &scalar_kernels;
}

void
ann_kernels_select(const char *name)
{
	const AnnKernels *tables[] = {&scalar_kernels, ann_kernels_avx2(),
								  ann_kernels_avx512(), ann_kernels_neon()};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (tables[i] != NULL && strcmp(tables[i]->name, name) == 0)
		{
			ann_kernels = tables[i];
			return;
		}
	ann_kernels_init();
}
