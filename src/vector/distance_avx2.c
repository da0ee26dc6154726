/*-------------------------------------------------------------------------
 *
 * distance_avx2.c
 *		Distance kernels for x86-64 with AVX2, FMA and F16C.
 *
 * Registers of eight lanes; the loops are those of distance_loops.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "vector/distance.h"
#include "vector/distance_loops.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma,f16c,popcnt")))
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef __m256 Lanes;
#define LANES 8

INLINE Lanes
zero(void)
{
	return _mm256_setzero_ps();
}

INLINE Lanes
plus(Lanes a, Lanes b)
{
	return _mm256_add_ps(a, b);
}

INLINE __m256
load(const VectorFloat *p)
{
	return _mm256_loadu_ps((const float *) p);
}

/* The first count (1 to 7) elements, and zeros. */
INLINE __m256
load_some(const VectorFloat *p, size_t count)
{
	const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
	__m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((int) count), index);

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

INLINE __m256
load_half(const VectorHalf *p)
{
	return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) p));
}

/* The first count (1 to 7) halves; there is no masked load of 16 bits. */
INLINE __m256
load_some_half(const VectorHalf *p, size_t count)
{
	uint16_t some[8] = {0};

	memcpy(some, p, count * sizeof(uint16_t));
	return load_half(some);
}

DEFINE_DISTANCES()

TARGET static void
halves_to_floats(size_t n, const VectorHalf *from, VectorFloat *to)
{
	float some[8];
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps((float *) (to + i), load_half(from + i));
	if (i < n)
	{
		_mm256_storeu_ps(some, load_some_half(from + i, n - i));
		memcpy(to + i, some, (n - i) * sizeof(float));
	}
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

/* Eight bytes at a time through the popcnt instruction, twice unrolled. */
INLINE uint64_t
load_word(const uint8_t *p, size_t nbytes)
{
	uint64_t word = 0;

	memcpy(&word, p, nbytes);
	return word;
}

TARGET static uint64_t
hamming(size_t nbytes, const uint8_t *a, const uint8_t *b)
{
	uint64_t even = 0;
	uint64_t odd = 0;
	size_t i = 0;

	for (; i + 16 <= nbytes; i += 16)
	{
		even +=
			__builtin_popcountll(load_word(a + i, 8) ^ load_word(b + i, 8));
		odd += __builtin_popcountll(load_word(a + i + 8, 8) ^
									load_word(b + i + 8, 8));
	}
	for (; i < nbytes; i += 8)
	{
		size_t size = nbytes - i < 8 ? nbytes - i : 8;

		even += __builtin_popcountll(load_word(a + i, size) ^
									 load_word(b + i, size));
	}
	return even + odd;
}

TARGET static VectorOverlap
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

static const VectorKernels avx2_kernels = KERNEL_TABLE("avx2");

/* clang's __builtin_cpu_supports does not know F16C */
static int
have_f16c(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

const VectorKernels *
distance_avx2(void)
{
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
		__builtin_cpu_supports("popcnt") && have_f16c())
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
