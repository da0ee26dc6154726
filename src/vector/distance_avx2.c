/*-------------------------------------------------------------------------
 *
 * distance_avx2.c
 *		Distance kernels for x86-64 with AVX2 and FMA.
 *
 * Four registers of eight lanes each: enough independent sums to hide the
 * latency of a fused multiply-add. What is left after the last 32 elements
 * goes in steps of eight, and the rest through a masked load, which does not
 * touch memory beyond the vector.
 *
 *-------------------------------------------------------------------------
 */
#include "vector/distance.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) TARGET

/* Lanes of a mask for the first count (0 to 7) elements. */
INLINE __m256i
mask_of(size_t count)
{
	const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int) count), index);
}

INLINE __m256
load(const VectorFloat *p)
{
	return _mm256_loadu_ps((const float *) p);
}

INLINE __m256
load_some(const VectorFloat *p, __m256i mask)
{
	return _mm256_maskload_ps((const float *) p, mask);
}

INLINE float
sum(__m256 v)
{
	__m128 s =
		_mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	s = _mm_add_ss(s, _mm_movehdup_ps(s));
	return _mm_cvtss_f32(s);
}

INLINE float
sum4(const __m256 *v)
{
	return sum(
		_mm256_add_ps(_mm256_add_ps(v[0], v[1]), _mm256_add_ps(v[2], v[3])));
}

INLINE __m256
add_l2(__m256 acc, __m256 a, __m256 b)
{
	__m256 d = _mm256_sub_ps(a, b);

	return _mm256_fmadd_ps(d, d, acc);
}

INLINE __m256
add_product(__m256 acc, __m256 a, __m256 b)
{
	return _mm256_fmadd_ps(a, b, acc);
}

INLINE __m256
add_l1(__m256 acc, __m256 a, __m256 b)
{
	const __m256 sign = _mm256_set1_ps(-0.0f);

	return _mm256_add_ps(acc, _mm256_andnot_ps(sign, _mm256_sub_ps(a, b)));
}

/* The loop that l2, inner product and L1 share; ADD is one of the above. */
#define DEFINE_KERNEL(name, ADD)                                              \
	TARGET static float name(size_t n, const VectorFloat *a,                  \
							 const VectorFloat *b)                            \
	{                                                                         \
		__m256 acc[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(),            \
						 _mm256_setzero_ps(), _mm256_setzero_ps()};           \
		size_t i = 0;                                                         \
                                                                              \
		for (; i + 32 <= n; i += 32)                                          \
		{                                                                     \
			acc[0] = ADD(acc[0], load(a + i), load(b + i));                   \
			acc[1] = ADD(acc[1], load(a + i + 8), load(b + i + 8));           \
			acc[2] = ADD(acc[2], load(a + i + 16), load(b + i + 16));         \
			acc[3] = ADD(acc[3], load(a + i + 24), load(b + i + 24));         \
		}                                                                     \
		for (; i + 8 <= n; i += 8)                                            \
			acc[0] = ADD(acc[0], load(a + i), load(b + i));                   \
		if (i < n)                                                            \
		{                                                                     \
			__m256i mask = mask_of(n - i);                                    \
                                                                              \
			acc[1] =                                                          \
				ADD(acc[1], load_some(a + i, mask), load_some(b + i, mask));  \
		}                                                                     \
		return sum4(acc);                                                     \
	}

DEFINE_KERNEL(l2_squared, add_l2)
DEFINE_KERNEL(inner_product, add_product)
DEFINE_KERNEL(l1, add_l1)

/* One step of the three sums of the cosine, on two registers each. */
INLINE void
add_cosine(__m256 *acc, __m256 a, __m256 b)
{
	acc[0] = _mm256_fmadd_ps(a, b, acc[0]);
	acc[1] = _mm256_fmadd_ps(a, a, acc[1]);
	acc[2] = _mm256_fmadd_ps(b, b, acc[2]);
}

TARGET static VectorCosine
cosine(size_t n, const VectorFloat *a, const VectorFloat *b)
{
	__m256 even[3] = {_mm256_setzero_ps(), _mm256_setzero_ps(),
					  _mm256_setzero_ps()};
	__m256 odd[3] = {_mm256_setzero_ps(), _mm256_setzero_ps(),
					 _mm256_setzero_ps()};
	VectorCosine sums;
	size_t i = 0;

	for (; i + 16 <= n; i += 16)
	{
		add_cosine(even, load(a + i), load(b + i));
		add_cosine(odd, load(a + i + 8), load(b + i + 8));
	}
	for (; i + 8 <= n; i += 8)
		add_cosine(even, load(a + i), load(b + i));
	if (i < n)
	{
		__m256i mask = mask_of(n - i);

		add_cosine(odd, load_some(a + i, mask), load_some(b + i, mask));
	}

	sums.dot = sum(_mm256_add_ps(even[0], odd[0]));
	sums.norm_a = sum(_mm256_add_ps(even[1], odd[1]));
	sums.norm_b = sum(_mm256_add_ps(even[2], odd[2]));
	return sums;
}

TARGET static double
norm_squared(size_t n, const VectorFloat *a)
{
	__m256d acc0 = _mm256_setzero_pd();
	__m256d acc1 = _mm256_setzero_pd();
	double lane[4];
	double total;
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
	{
		__m256 v = load(a + i);
		__m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
		__m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));

		acc0 = _mm256_fmadd_pd(low, low, acc0);
		acc1 = _mm256_fmadd_pd(high, high, acc1);
	}
	_mm256_storeu_pd(lane, _mm256_add_pd(acc0, acc1));
	total = (lane[0] + lane[2]) + (lane[1] + lane[3]);
	for (; i < n; i++)
		total += (double) a[i] * (double) a[i];
	return total;
}

static const VectorKernels avx2_kernels = {
	.name = "avx2",
	.l2_squared = l2_squared,
	.inner_product = inner_product,
	.l1 = l1,
	.cosine = cosine,
	.norm_squared = norm_squared,
};

const VectorKernels *
distance_avx2(void)
{
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return &avx2_kernels;
	return NULL;
}

#else

const VectorKernels *
distance_avx2(void)
{
	return NULL;
}

#endif
