/*-------------------------------------------------------------------------
 *
 * distance_avx512.c
 *		Distance kernels for x86-64 with AVX-512.
 *
 * Registers of 16 lanes; the loops are those of distance_loops.h. Halves are widened to float on load: the arithmetic of AVX512-FP16
 * would sum in half precision, which loses the neighbours' order. Bits are
 * counted by VPOPCNTDQ where the CPU has it.
 *
 *-------------------------------------------------------------------------
 */
#include "vector/distance.h"
#include "vector/distance_loops.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef __m512 Lanes;
#define LANES 16

INLINE Lanes
zero(void)
{
	return _mm512_setzero_ps();
}

INLINE Lanes
plus(Lanes a, Lanes b)
{
	return _mm512_add_ps(a, b);
}

INLINE float
sum(Lanes v)
{
	return _mm512_reduce_add_ps(v);
}

INLINE __m512
load(const VectorFloat *p)
{
	return _mm512_loadu_ps(p);
}

/* The first count (1 to 15) elements, and zeros. */
INLINE __m512
load_some(const VectorFloat *p, size_t count)
{
	return _mm512_maskz_loadu_ps((__mmask16) ((1u << count) - 1), p);
}

INLINE __m512
load_half(const VectorHalf *p)
{
	return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) p));
}

INLINE __m512
load_some_half(const VectorHalf *p, size_t count)
{
	return _mm512_cvtph_ps(
		_mm256_maskz_loadu_epi16((__mmask16) ((1u << count) - 1), p));
}

INLINE __m512
add_l2(__m512 acc, __m512 a, __m512 b)
{
	__m512 d = _mm512_sub_ps(a, b);

	return _mm512_fmadd_ps(d, d, acc);
}

INLINE __m512
add_product(__m512 acc, __m512 a, __m512 b)
{
	return _mm512_fmadd_ps(a, b, acc);
}

INLINE __m512
add_l1(__m512 acc, __m512 a, __m512 b)
{
	return _mm512_add_ps(acc, _mm512_abs_ps(_mm512_sub_ps(a, b)));
}

DEFINE_DISTANCES()

TARGET static double
norm_squared(size_t n, const VectorFloat *a)
{
	__m512d acc0 = _mm512_setzero_pd();
	__m512d acc1 = _mm512_setzero_pd();

	for (size_t i = 0; i < n; i += 16)
	{
		__m512 v = n - i < 16 ? load_some(a + i, n - i) : load(a + i);
		__m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(v));
		__m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));

		acc0 = _mm512_fmadd_pd(low, low, acc0);
		acc1 = _mm512_fmadd_pd(high, high, acc1);
	}
	return _mm512_reduce_add_pd(_mm512_add_pd(acc0, acc1));
}

TARGET static void
halves_to_floats(size_t n, const VectorHalf *from, VectorFloat *to)
{
	size_t i = 0;

	for (; i + 16 <= n; i += 16)
		_mm512_storeu_ps(to + i, load_half(from + i));
	if (i < n)
		_mm512_mask_storeu_ps(to + i, (__mmask16) ((1u << (n - i)) - 1),
							  load_some_half(from + i, n - i));
}

/* ---- bits --------------------------------------------------------------- */

#undef TARGET
#define TARGET                                                                \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512vpopcntdq")))

/* Up to 64 bytes, and zeros. */
INLINE __m512i
load_bytes(const uint8_t *p, size_t nbytes)
{
	if (nbytes >= 64)
		return _mm512_loadu_si512(p);
	return _mm512_maskz_loadu_epi8(((__mmask64) 1 << nbytes) - 1, p);
}

TARGET static uint64_t
hamming(size_t nbytes, const uint8_t *a, const uint8_t *b)
{
	__m512i acc = _mm512_setzero_si512();

	for (size_t i = 0; i < nbytes; i += 64)
		acc = _mm512_add_epi64(acc, _mm512_popcnt_epi64(_mm512_xor_si512(
										load_bytes(a + i, nbytes - i),
										load_bytes(b + i, nbytes - i))));
	return (uint64_t) _mm512_reduce_add_epi64(acc);
}

TARGET static VectorOverlap
overlap(size_t nbytes, const uint8_t *a, const uint8_t *b)
{
	__m512i both = _mm512_setzero_si512();
	__m512i any = _mm512_setzero_si512();

	for (size_t i = 0; i < nbytes; i += 64)
	{
		__m512i x = load_bytes(a + i, nbytes - i);
		__m512i y = load_bytes(b + i, nbytes - i);

		both = _mm512_add_epi64(both,
								_mm512_popcnt_epi64(_mm512_and_si512(x, y)));
		any =
			_mm512_add_epi64(any, _mm512_popcnt_epi64(_mm512_or_si512(x, y)));
	}
	return (VectorOverlap){.both = (uint64_t) _mm512_reduce_add_epi64(both),
						   .any = (uint64_t) _mm512_reduce_add_epi64(any)};
}

static VectorKernels avx512_kernels = KERNEL_TABLE("avx512");

const VectorKernels *
distance_avx512(void)
{
	const VectorKernels *avx2 = distance_avx2();

	if (avx2 == NULL || !__builtin_cpu_supports("avx512f") ||
		!__builtin_cpu_supports("avx512bw") ||
		!__builtin_cpu_supports("avx512vl") ||
		!__builtin_cpu_supports("avx512dq"))
		return NULL;
	if (!__builtin_cpu_supports("avx512vpopcntdq"))
	{
		avx512_kernels.hamming = avx2->hamming;
		avx512_kernels.overlap = avx2->overlap;
	}
	return &avx512_kernels;
}

#else

const VectorKernels *
distance_avx512(void)
{
	return NULL;
}

#endif
