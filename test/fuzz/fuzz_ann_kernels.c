/* sources: src/ann/ann_kernels.c src/ann/ann_kernels_x86.c src/ann/ann_kernels_neon.c */
/* libs: -ffp-contract=off */
/*
 * Every table of kernels of the index that this machine has against the
 * reference. What a scan computes must be the same bit for bit; products,
 * which builds use, within 1e-5 of the sum of the absolute terms. The input
 * chooses the length; raw bytes of it are codes and tables, too.
 */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ann/ann_kernels.h"

#define MOST 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Of magnitudes from 2^-20 to 2^20. */
static float
any_float(uint64_t *state)
{
	uint64_t bits = next_random(state);

	return ldexpf((float) (int32_t) bits / 2147483648.0f,
				  (int) (bits >> 32) % 21 * ((bits >> 62) & 1 ? 1 : -1));
}

static void
same(float a, float b)
{
	assert(memcmp(&a, &b, sizeof(a)) == 0);
}

/* At the end of the allocation, so that a byte too many is seen. */
static void *
fill(size_t bytes, const uint8_t *data, size_t size, uint64_t *state)
{
	uint8_t *x = malloc(bytes);

	for (size_t i = 0; i < bytes; i++)
		x[i] = size > 0 && i % 3 == 0 ? data[i % size]
									  : (uint8_t) next_random(state);
	return x;
}

static void
compare_products(const AnnKernels *kernels, size_t n, uint64_t *state)
{
	float *rows = malloc(sizeof(float) * n * ANN_ROWS);
	float *panel = malloc(sizeof(float) * n * ANN_COLUMNS);
	float out[ANN_ROWS * ANN_COLUMNS];

	for (size_t i = 0; i < n * ANN_ROWS; i++)
		rows[i] = any_float(state);
	for (size_t i = 0; i < n * ANN_COLUMNS; i++)
		panel[i] = any_float(state);
	kernels->products(n, rows, panel, out);
	for (int r = 0; r < ANN_ROWS; r++)
		for (int c = 0; c < ANN_COLUMNS; c++)
		{
			double sum = 0;
			double size = 0;

			for (size_t i = 0; i < n; i++)
			{
				double term =
					(double) rows[r * n + i] * panel[i * ANN_COLUMNS + c];

				sum += term;
				size += fabs(term);
			}
			assert(fabs(sum - out[r * ANN_COLUMNS + c]) <= 1e-5 * size);
		}
	free(rows);
	free(panel);
}

/* Factors from everywhere, those that make infinity and NaN among them. */
static float
any_factor(uint64_t *state)
{
	static const float special[] = {0, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX};
	uint64_t bits = next_random(state);

	return bits % 16 < 5 ? special[bits % 16] : any_float(state);
}

static void
compare_bounds(const AnnKernels *kernels, const uint32_t *sums,
			   const uint8_t *codes, uint64_t *state)
{
	float factors[3][ANN_BLOCK];
	float a[ANN_BLOCK];
	float b[ANN_BLOCK];
	AnnTerms terms = {.step = any_factor(state),
					  .bias = any_float(state),
					  .base = any_float(state),
					  .reach = fabsf(any_factor(state)),
					  .add = factors[0],
					  .scale = factors[1],
					  .error = factors[2],
					  .cut = any_float(state)};
	uint32_t below;

	memcpy(&terms.mask, codes, sizeof(terms.mask));
	for (int i = 0; i < 3 * ANN_BLOCK; i++)
		factors[i / ANN_BLOCK][i % ANN_BLOCK] = any_factor(state);
	below = kernels->bounds(&terms, sums, a);
	assert(below == ann_bounds_scalar(&terms, sums, b));
	assert(memcmp(a, b, sizeof(a)) == 0);
	for (int v = 0; v < ANN_BLOCK; v++)
	{
		assert((terms.mask >> v & 1) == (a[v] < INFINITY));
		assert((below >> v & 1) == (a[v] <= terms.cut));
	}
}

static void
compare_rank(const AnnKernels *kernels, size_t n, const uint8_t *codes,
			 uint64_t *state)
{
	int16_t *query = malloc(sizeof(int16_t) * n);
	uint8_t *largest = malloc(n);

	for (size_t i = 0; i < n; i++)
		query[i] =
			(int16_t) ((int) (next_random(state) % (2 * ANN_RANK_LIMIT + 1)) -
					   ANN_RANK_LIMIT);
	assert(kernels->dot_rank(n, codes, query) ==
		   ann_kernels_scalar()->dot_rank(n, codes, query));
	memset(largest, 255, n); /* nothing may overflow */
	for (size_t i = 0; i < n; i++)
		query[i] = ANN_RANK_LIMIT;
	assert(kernels->dot_rank(n, largest, query) ==
		   (int32_t) (n * 255 * ANN_RANK_LIMIT));
	free(query);
	free(largest);
}

static void
compare(const AnnKernels *kernels, size_t n, const uint8_t *data, size_t size)
{
	const AnnKernels *scalar = ann_kernels_scalar();
	uint64_t state = size;
	uint8_t *codes = fill(4 * n, data, size, &state);
	uint8_t *lut = fill(4 * n, data, size, &state);
	float *a = malloc(sizeof(float) * n);
	float *b = malloc(sizeof(float) * n);
	uint32_t sums[ANN_BLOCK];
	uint32_t expected[ANN_BLOCK];

	for (size_t i = 0; i < n; i++)
	{
		a[i] = any_float(&state);
		b[i] = any_float(&state);
	}
	kernels->sum_block((int) n / 4, codes, lut, sums);
	scalar->sum_block((int) n / 4, codes, lut, expected);
	assert(memcmp(sums, expected, sizeof(sums)) == 0);
	compare_bounds(kernels, sums, codes, &state);
	for (int bit = 0; bit < 8; bit++)
	{
		uint32_t keys[ANN_BLOCK];
		uint8_t bytes[2 * ANN_BLOCK];
		uint32_t bits[2] = {0};
		uint32_t wanted[2] = {0};
		uint16_t key;

		/* few values, so that some are equal */
		for (int v = 0; v < ANN_BLOCK; v++)
		{
			keys[v] = (uint32_t) (codes[v] >> bit) << 24 | 7;
			bytes[v] = bytes[2 * ANN_BLOCK - 1 - v] = (uint8_t) (codes[v] >> bit);
		}
		/* first bytes of this order, second ones of the other */
		key = (uint16_t) (bytes[bit] << 8 | bytes[ANN_BLOCK + bit]);
		bits[1] = wanted[1] = 1; /* what they had before stays */
		assert(kernels->match_bytes(1, bytes, bytes + ANN_BLOCK, key, bits) ==
			   scalar->match_bytes(1, bytes, bytes + ANN_BLOCK, key, wanted));
		assert(bits[0] >> bit & 1);
		assert(
			kernels->match_bytes(2, bytes, bytes, 0x101 * bytes[bit], bits) ==
			scalar->match_bytes(2, bytes, bytes, 0x101 * bytes[bit], wanted));
		assert(memcmp(bits, wanted, sizeof(bits)) == 0);
		assert(bits[1] & bits[1] >> (ANN_BLOCK - 1 - bit) & 1);
		assert(kernels->match(keys, keys[bit]) ==
			   scalar->match(keys, keys[bit]));
		assert(kernels->match(keys, keys[bit]) >> bit & 1);
	}
	memset(codes, 255, 4 * n); /* nothing may overflow */
	memset(lut, 255, 4 * n);
	kernels->sum_block((int) n / 4, codes, lut, sums);
	for (int v = 0; v < ANN_BLOCK; v++)
		assert(sums[v] == 255 * n / 4);
	free(codes);
	free(lut);

	codes = fill(n, data, size, &state);
	same(kernels->dot_bytes(n, codes, a), scalar->dot_bytes(n, codes, a));
	same(kernels->dot(n, a, b), scalar->dot(n, a, b));
	compare_rank(kernels, n, codes, &state);
	free(codes);
	if (n % (2 * ANN_DIM_UNIT) == 0)
	{
		codes = fill(n / 2, data, size, &state);
		same(kernels->dot_nibbles(n, codes, a),
			 scalar->dot_nibbles(n, codes, a));
		free(codes);
	}
	free(a);
	free(b);
	if (n <= 256)
		compare_products(kernels, n, &state);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const AnnKernels *tables[] = {ann_kernels_scalar(), ann_kernels_avx2(),
								  ann_kernels_avx512(), ann_kernels_neon()};
	size_t n;

	if (size < 2)
		return 0;
	n = (1 + ((size_t) data[0] << 8 | data[1]) % (MOST / ANN_DIM_UNIT)) *
		ANN_DIM_UNIT;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (tables[i] != NULL)
			compare(tables[i], n, data + 2, size - 2);
	return 0;
}
