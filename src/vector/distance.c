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

static float
l2_squared(size_t n, const VectorFloat *a, const VectorFloat *b)
{
	float lane[LANES] = {0};

	SUM_TERMS(n, lane, (a[i] - b[i]) * (a[i] - b[i]));
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
	VectorCosine sums;

	sums.dot = inner_product(n, a, b);
	sums.norm_a = inner_product(n, a, a);
	sums.norm_b = inner_product(n, b, b);
	return sums;
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

static const VectorKernels scalar_kernels = {
	.name = "scalar",
	.l2_squared = l2_squared,
	.inner_product = inner_product,
	.l1 = l1,
	.cosine = cosine,
	.norm_squared = norm_squared,
};

const VectorKernels *vector_kernels = &scalar_kernels;

const VectorKernels *
distance_scalar(void)
{
	return &scalar_kernels;
}

const VectorKernels *
distance_best(void)
{
	const VectorKernels *kernels = distance_avx2();

	return kernels ? kernels : &scalar_kernels;
}

void
vector_init(void)
{
	vector_kernels = distance_best();
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
