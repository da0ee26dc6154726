/*-------------------------------------------------------------------------
 *
 * distance.c
 *		Portable distance kernels, which are the reference for all others,
 *		and the choice of kernels for the CPU.
 *
 * A single float accumulator would both lose digits over thousands of
 * elements and forbid vectorisation, since the compiler may not reorder the
 * sum. The reference therefore keeps LANES partial sums, as a vector register
 * does, and adds them pairwise at the end.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "vector/distance.h"
#include "vector/distance_loops.h"
#include "vector/half.h"

#define LANES 16

static float
sum_lanes(float *lane)
{
	for (int width = LANES / 2; width > 0; width /= 2)
		for (int i = 0; i < width; i++)
			lane[i] += lane[i + width];
	return lane[0];
}

/*
 * Sum TERM over i, with lane = i % LANES. The inner loop has a constant
 * count, which lets the compiler keep the lanes in registers.
 */
#define SUM_TERMS(n, lane, TERM)                                              \
	do                                                                        \
	{                                                                         \
		size_t base = 0;                                                      \
		for (; base + LANES <= (n); base += LANES)                            \
			for (int j = 0; j < LANES; j++)                                   \
			{                                                                 \
				size_t i = base + j;                                          \
				(lane)[j] += (TERM);                                          \
			}                                                                 \
		for (size_t i = base; i < (n); i++)                                   \
			(lane)[i - base] += (TERM);                                       \
	} while (0)

static inline float
square(float x)
{
	return x * x;
}

static float
l2_squared(size_t n, const VectorFloat *a, const VectorFloat *b)
{
	float lane[LANES] = {0};

	SUM_TERMS(n, lane, square(a[i] - b[i]));
	return sum_lanes(lane);
}

static float
inner_product(size_t n, const VectorFloat *a, const VectorFloat *b)
{
	float lane[LANES] = {0};

	SUM_TERMS(n, lane, a[i] * b[i]);
	return sum_lanes(lane);
}

static float
l1(size_t n, const VectorFloat *a, const VectorFloat *b)
{
	float lane[LANES] = {0};

	SUM_TERMS(n, lane, fabsf(a[i] - b[i]));
	return sum_lanes(lane);
}

static VectorCosine
cosine(size_t n, const VectorFloat *a, const VectorFloat *b)
{
	return (VectorCosine){.dot = inner_product(n, a, b),
						  .norm_a = inner_product(n, a, a),
						  .norm_b = inner_product(n, b, b)};
}

static double
norm_squared(size_t n, const VectorFloat *a)
{
	double lane[4] = {0};
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		for (int j = 0; j < 4; j++)
			lane[j] += (double) a[i + j] * (double) a[i + j];
	for (; i < n; i++)
		lane[0] += (double) a[i] * (double) a[i];
	return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

static float
half_l2_squared(size_t n, const VectorHalf *a, const VectorHalf *b)
{
	float lane[LANES] = {0};

	SUM_TERMS(n, lane, square(half_to_float(a[i]) - half_to_float(b[i])));
	return sum_lanes(lane);
}

static float
half_inner_product(size_t n, const VectorHalf *a, const VectorHalf *b)
{
	float lane[LANES] = {0};

	SUM_TERMS(n, lane, half_to_float(a[i]) * half_to_float(b[i]));
	return sum_lanes(lane);
}

static float
half_l1(size_t n, const VectorHalf *a, const VectorHalf *b)
{
	float lane[LANES] = {0};

	SUM_TERMS(n, lane, fabsf(half_to_float(a[i]) - half_to_float(b[i])));
	return sum_lanes(lane);
}

static VectorCosine
half_cosine(size_t n, const VectorHalf *a, const VectorHalf *b)
{
	return (VectorCosine){.dot = half_inner_product(n, a, b),
						  .norm_a = half_inner_product(n, a, a),
						  .norm_b = half_inner_product(n, b, b)};
}

static void
halves_to_floats(size_t n, const VectorHalf *from, VectorFloat *to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = half_to_float(from[i]);
}

/* Eight bytes at a time; what is left is padded with zeros in both. */
static inline uint64_t
load_word(const uint8_t *p, size_t nbytes)
{
	uint64_t word = 0;

	memcpy(&word, p, nbytes);
	return word;
}

static uint64_t
hamming(size_t nbytes, const uint8_t *a, const uint8_t *b)
{
	uint64_t different = 0;
	size_t i = 0;

	for (; i + 8 <= nbytes; i += 8)
		different +=
			__builtin_popcountll(load_word(a + i, 8) ^ load_word(b + i, 8));
	return different + __builtin_popcountll(load_word(a + i, nbytes - i) ^
											load_word(b + i, nbytes - i));
}

static VectorOverlap
overlap(size_t nbytes, const uint8_t *a, const uint8_t *b)
{
	VectorOverlap sums = {0, 0};

	for (size_t i = 0; i < nbytes; i += 8)
	{
		size_t size = nbytes - i < 8 ? nbytes - i : 8;
		uint64_t x = load_word(a + i, size);
		uint64_t y = load_word(b + i, size);

		sums.both += __builtin_popcountll(x & y);
		sums.any += __builtin_popcountll(x | y);
	}
	return sums;
}

static const VectorKernels scalar_kernels = KERNEL_TABLE("scalar");

const VectorKernels *vector_kernels = &scalar_kernels;

const VectorKernels *
distance_scalar(void)
{
	return &scalar_kernels;
}

const VectorKernels *
distance_best(void)
{
	const VectorKernels *best = distance_avx512();

	if (best == NULL)
		best = distance_avx2();
	if (best == NULL)
		best = distance_neon();
	return best ? best : &scalar_kernels;
}

double
vector_cosine_distance(VectorCosine sums)
{
	/* one root of the product loses less than the product of two roots */
	double similarity =
		(double) sums.dot / sqrt((double) sums.norm_a * (double) sums.norm_b);

	if (similarity > 1.0)
		similarity = 1.0;
	else if (similarity < -1.0)
		similarity = -1.0;
	return 1.0 - similarity;
}
