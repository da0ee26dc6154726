/*-------------------------------------------------------------------------
 *
 * ann_kernels_x86.c
 *		Kernels for x86-64 with AVX2 and with AVX-512.
 *
 * A table lookup is one shuffle instruction: the 16 entries of a group lie in
 * 16 bytes of a register and the nibbles of 16 vectors select among them. Sums
 * are kept in 16 bits, even and odd bytes apart, which 256 groups cannot
 * overflow; longer codes are added up in slices.
 *
 *-------------------------------------------------------------------------
 */
#include "ann/ann_kernels.h"

#if defined(__x86_64__)

#include <float.h>
#include <immintrin.h>
#include <math.h>

/* 256 * 255 fits 16 bits. */
#define SLICE 256

#define INLINE static inline __attribute__((always_inline))
#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx2,fma")))

/* ---- AVX2 ---- */

/*
 * The 16-bit sums of the even bytes of v, given the sum of whole words (even
 * + 256 * odd, modulo 2^16) and that of the odd bytes, in byte order.
 */
INLINE AVX2 void
store_sums_avx2(__m256i words, __m256i odd, uint32_t *sums)
{
	__m256i even = _mm256_sub_epi16(words, _mm256_slli_epi16(odd, 8));
	__m128i e = _mm_add_epi16(_mm256_castsi256_si128(even),
							  _mm256_extracti128_si256(even, 1));
	__m128i o = _mm_add_epi16(_mm256_castsi256_si128(odd),
							  _mm256_extracti128_si256(odd, 1));
	__m256i low = _mm256_cvtepu16_epi32(_mm_unpacklo_epi16(e, o));
	__m256i high = _mm256_cvtepu16_epi32(_mm_unpackhi_epi16(e, o));
	__m256i *out = (__m256i *) sums;

	_mm256_storeu_si256(out, _mm256_add_epi32(_mm256_loadu_si256(out), low));
	_mm256_storeu_si256(out + 1,
						_mm256_add_epi32(_mm256_loadu_si256(out + 1), high));
}

AVX2 static void
sum_block_avx2(int groups, const uint8_t *codes, const uint8_t *lut,
			   uint32_t *sums)
{
	const __m256i mask = _mm256_set1_epi8(15);

	for (int v = 0; v < ANN_BLOCK; v++)
		sums[v] = 0;
	for (int start = 0; start < groups; start += SLICE)
	{
		int end = start + SLICE < groups ? start + SLICE : groups;
		__m256i words_lo = _mm256_setzero_si256();
		__m256i words_hi = words_lo;
		__m256i odd_lo = words_lo;
		__m256i odd_hi = words_lo;

		for (int g = start; g < end; g += 2)
		{
			__m256i c = _mm256_loadu_si256((const __m256i *) (codes + 16 * g));
			__m256i t = _mm256_loadu_si256((const __m256i *) (lut + 16 * g));
			__m256i lo = _mm256_shuffle_epi8(t, _mm256_and_si256(c, mask));
			__m256i hi = _mm256_shuffle_epi8(
				t, _mm256_and_si256(_mm256_srli_epi16(c, 4), mask));

			words_lo = _mm256_add_epi16(words_lo, lo);
			words_hi = _mm256_add_epi16(words_hi, hi);
			odd_lo = _mm256_add_epi16(odd_lo, _mm256_srli_epi16(lo, 8));
			odd_hi = _mm256_add_epi16(odd_hi, _mm256_srli_epi16(hi, 8));
		}
		store_sums_avx2(words_lo, odd_lo, sums);
		store_sums_avx2(words_hi, odd_hi, sums + 16);
	}
}

AVX2 static uint32_t
bounds_avx2(const AnnTerms *terms, const uint32_t *sums, float *bounds)
{
	const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
	const __m256 lowest = _mm256_set1_ps(-FLT_MAX);
	const __m256 highest = _mm256_set1_ps(FLT_MAX);
	const __m256 infinity = _mm256_set1_ps(INFINITY);
	const __m256 step = _mm256_set1_ps(terms->step);
	const __m256 bias = _mm256_set1_ps(terms->bias);
	const __m256 base = _mm256_set1_ps(terms->base);
	const __m256 reach = _mm256_set1_ps(terms->reach);
	const __m256 cut = _mm256_set1_ps(terms->cut);
	uint32_t below = 0;

	for (int v = 0; v < ANN_BLOCK; v += 8)
	{
		__m256 product = _mm256_cvtepi32_ps(
			_mm256_loadu_si256((const __m256i *) (sums + v)));
		__m256i wanted = _mm256_and_si256(
			_mm256_set1_epi32((int) (terms->mask >> v)), bits);
		__m256 in = _mm256_castsi256_ps(_mm256_cmpeq_epi32(wanted, bits));
		__m256 bound;

		product = _mm256_add_ps(_mm256_mul_ps(product, step), bias);
		bound = _mm256_add_ps(base, _mm256_loadu_ps(terms->add + v));
		bound = _mm256_add_ps(
			bound, _mm256_mul_ps(_mm256_loadu_ps(terms->scale + v), product));
		bound = _mm256_sub_ps(
			bound, _mm256_mul_ps(reach, _mm256_loadu_ps(terms->error + v)));
		bound = _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), bound,
								 _mm256_cmp_ps(bound, lowest, _CMP_GE_OQ));
		bound = _mm256_blendv_ps(infinity, _mm256_min_ps(bound, highest), in);
		below |= (uint32_t) _mm256_movemask_ps(
					 _mm256_cmp_ps(bound, cut, _CMP_LE_OQ))
				 << v;
		_mm256_storeu_ps(bounds + v, bound);
	}
	return below;
}

AVX2 static uint32_t
match_avx2(const uint32_t *keys, uint32_t key)
{
	const __m256i wanted = _mm256_set1_epi32((int) key);
	uint32_t bits = 0;

	for (int v = 0; v < ANN_BLOCK; v += 8)
	{
		__m256i equal = _mm256_cmpeq_epi32(
			_mm256_loadu_si256((const __m256i *) (keys + v)), wanted);

		bits |= (uint32_t) _mm256_movemask_ps(_mm256_castsi256_ps(equal)) << v;
	}
	return bits;
}

/* The bit of each of ANN_BLOCK bytes that equals one of wanted. */
INLINE AVX2 uint32_t
match_block_avx2(const uint8_t *keys, __m256i wanted)
{
	return (uint32_t) _mm256_movemask_epi8(
		_mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *) keys), wanted));
}

AVX2 static uint32_t
match_bytes_avx2(int n, const uint8_t *first, const uint8_t *second,
				 uint16_t key, uint32_t *bits)
{
	const __m256i first_wanted = _mm256_set1_epi8((char) (key >> 8));
	const __m256i second_wanted = _mm256_set1_epi8((char) key);
	uint32_t any = 0;

	for (int i = 0; i < n; i++)
	{
		uint32_t found =
			match_block_avx2(first + (size_t) i * ANN_BLOCK, first_wanted);

		if (found == 0)
			continue;
		found &=
			match_block_avx2(second + (size_t) i * ANN_BLOCK, second_wanted);
		bits[i] |= found;
		any |= found;
	}
	return any;
}

/* Eight registers hold the 64 lanes; folded in the order of the reference. */
INLINE AVX2 float
fold_avx2(__m256 *acc)
{
	__m128 s;

	for (int width = 4; width > 0; width /= 2)
		for (int i = 0; i < width; i++)
			acc[i] = _mm256_add_ps(acc[i], acc[i + width]);
	s = _mm_add_ps(_mm256_castps256_ps128(acc[0]),
				   _mm256_extractf128_ps(acc[0], 1));
	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	s = _mm_add_ss(s, _mm_movehdup_ps(s));
	return _mm_cvtss_f32(s);
}

INLINE AVX2 __m256
bytes_to_floats_avx2(__m128i bytes)
{
	return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

AVX2 static float
dot_bytes_avx2(size_t n, const uint8_t *code, const float *query)
{
	__m256 acc[8];

	for (int j = 0; j < 8; j++)
		acc[j] = _mm256_setzero_ps();
	for (size_t i = 0; i < n; i += 64)
		for (int j = 0; j < 8; j++)
		{
			__m128i bytes =
				_mm_loadl_epi64((const __m128i *) (code + i + 8 * j));

			acc[j] = _mm256_add_ps(
				acc[j], _mm256_mul_ps(bytes_to_floats_avx2(bytes),
									  _mm256_loadu_ps(query + i + 8 * j)));
		}
	return fold_avx2(acc);
}

AVX2 static float
dot_nibbles_avx2(size_t n, const uint8_t *code, const float *query)
{
	const __m128i mask = _mm_set1_epi8(15);
	__m256 low[8];
	__m256 high[8];

	for (int j = 0; j < 8; j++)
		low[j] = high[j] = _mm256_setzero_ps();
	for (size_t i = 0; i < n / 2; i += 64)
		for (int j = 0; j < 8; j++)
		{
			__m128i c = _mm_loadl_epi64((const __m128i *) (code + i + 8 * j));
			const float *q = query + i + 8 * j;

			low[j] = _mm256_add_ps(
				low[j],
				_mm256_mul_ps(bytes_to_floats_avx2(_mm_and_si128(c, mask)),
							  _mm256_loadu_ps(q)));
			high[j] = _mm256_add_ps(
				high[j], _mm256_mul_ps(bytes_to_floats_avx2(_mm_and_si128(
										   _mm_srli_epi16(c, 4), mask)),
									   _mm256_loadu_ps(q + n / 2)));
		}
	return fold_avx2(low) + fold_avx2(high);
}

AVX2 static int32_t
dot_rank_avx2(size_t n, const uint8_t *code, const int16_t *query)
{
	__m256i acc[4];
	__m128i s;

	for (int j = 0; j < 4; j++)
		acc[j] = _mm256_setzero_si256();
	for (size_t i = 0; i < n; i += 64)
		for (int j = 0; j < 4; j++)
		{
			__m128i bytes =
				_mm_loadu_si128((const __m128i *) (code + i + 16 * j));
			__m256i q =
				_mm256_loadu_si256((const __m256i *) (query + i + 16 * j));

			acc[j] = _mm256_add_epi32(
				acc[j], _mm256_madd_epi16(_mm256_cvtepu8_epi16(bytes), q));
		}
	acc[0] = _mm256_add_epi32(_mm256_add_epi32(acc[0], acc[1]),
							  _mm256_add_epi32(acc[2], acc[3]));
	s = _mm_add_epi32(_mm256_castsi256_si128(acc[0]),
					  _mm256_extracti128_si256(acc[0], 1));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
	return _mm_cvtsi128_si32(s);
}

AVX2 static float
dot_avx2(size_t n, const float *a, const float *b)
{
	__m256 acc[8];

	for (int j = 0; j < 8; j++)
		acc[j] = _mm256_setzero_ps();
	for (size_t i = 0; i < n; i += 64)
		for (int j = 0; j < 8; j++)
			acc[j] = _mm256_add_ps(
				acc[j], _mm256_mul_ps(_mm256_loadu_ps(a + i + 8 * j),
									  _mm256_loadu_ps(b + i + 8 * j)));
	return fold_avx2(acc);
}

/* Four rows and 16 columns at a time fill the registers without spilling. */
AVX2 static void
products_avx2(size_t n, const float *rows, const float *panel, float *out)
{
	for (int r = 0; r < ANN_ROWS; r += 4)
		for (int c = 0; c < ANN_COLUMNS; c += 16)
		{
			__m256 acc[4][2];

			for (int k = 0; k < 4; k++)
				acc[k][0] = acc[k][1] = _mm256_setzero_ps();
			for (size_t i = 0; i < n; i++)
			{
				const float *p = panel + i * ANN_COLUMNS + c;
				__m256 p0 = _mm256_loadu_ps(p);
				__m256 p1 = _mm256_loadu_ps(p + 8);

				for (int k = 0; k < 4; k++)
				{
					__m256 x = _mm256_broadcast_ss(rows + (r + k) * n + i);

					acc[k][0] = _mm256_fmadd_ps(x, p0, acc[k][0]);
					acc[k][1] = _mm256_fmadd_ps(x, p1, acc[k][1]);
				}
			}
			for (int k = 0; k < 4; k++)
			{
				float *o = out + (r + k) * ANN_COLUMNS + c;

				_mm256_storeu_ps(o, acc[k][0]);
				_mm256_storeu_ps(o + 8, acc[k][1]);
			}
		}
}

static const AnnKernels avx2_kernels = {
	.name = "avx2",
	.sum_block = sum_block_avx2,
	.bounds = bounds_avx2,
	.match = match_avx2,
	.match_bytes = match_bytes_avx2,
	.dot_bytes = dot_bytes_avx2,
	.dot_nibbles = dot_nibbles_avx2,
	.dot_rank = dot_rank_avx2,
	.dot = dot_avx2,
	.products = products_avx2,
};

const AnnKernels *
ann_kernels_avx2(void)
{
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return &avx2_kernels;
	return NULL;
}

/* ---- AVX-512 ---- */

INLINE AVX512 __m256i
fold_words_avx512(__m512i v)
{
	return _mm256_add_epi16(_mm512_castsi512_si256(v),
							_mm512_extracti64x4_epi64(v, 1));
}

AVX512 static void
sum_block_avx512(int groups, const uint8_t *codes, const uint8_t *lut,
				 uint32_t *sums)
{
	const __m512i mask = _mm512_set1_epi8(15);

	for (int v = 0; v < ANN_BLOCK; v++)
		sums[v] = 0;
	for (int start = 0; start < groups; start += SLICE)
	{
		int end = start + SLICE < groups ? start + SLICE : groups;
		__m512i words_lo = _mm512_setzero_si512();
		__m512i words_hi = words_lo;
		__m512i odd_lo = words_lo;
		__m512i odd_hi = words_lo;

		for (int g = start; g < end; g += 4)
		{
			__m512i c = _mm512_loadu_si512(codes + 16 * g);
			__m512i t = _mm512_loadu_si512(lut + 16 * g);
			__m512i lo = _mm512_shuffle_epi8(t, _mm512_and_si512(c, mask));
			__m512i hi = _mm512_shuffle_epi8(
				t, _mm512_and_si512(_mm512_srli_epi16(c, 4), mask));

			words_lo = _mm512_add_epi16(words_lo, lo);
			words_hi = _mm512_add_epi16(words_hi, hi);
			odd_lo = _mm512_add_epi16(odd_lo, _mm512_srli_epi16(lo, 8));
			odd_hi = _mm512_add_epi16(odd_hi, _mm512_srli_epi16(hi, 8));
		}
		store_sums_avx2(fold_words_avx512(words_lo), fold_words_avx512(odd_lo),
						sums);
		store_sums_avx2(fold_words_avx512(words_hi), fold_words_avx512(odd_hi),
						sums + 16);
	}
}

/* Four registers hold the 64 lanes. */
INLINE AVX512 float
fold_avx512(__m512 *acc)
{
	__m512 v = _mm512_add_ps(_mm512_add_ps(acc[0], acc[2]),
							 _mm512_add_ps(acc[1], acc[3]));
	__m256 low = _mm512_castps512_ps256(v);
	__m256 high =
		_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
	__m256 w = _mm256_add_ps(low, high);
	__m128 s =
		_mm_add_ps(_mm256_castps256_ps128(w), _mm256_extractf128_ps(w, 1));

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	s = _mm_add_ss(s, _mm_movehdup_ps(s));
	return _mm_cvtss_f32(s);
}

INLINE AVX512 __m512
bytes_to_floats_avx512(__m128i bytes)
{
	return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

AVX512 static float
dot_bytes_avx512(size_t n, const uint8_t *code, const float *query)
{
	__m512 acc[4];

	for (int j = 0; j < 4; j++)
		acc[j] = _mm512_setzero_ps();
	for (size_t i = 0; i < n; i += 64)
		for (int j = 0; j < 4; j++)
		{
			__m128i bytes =
				_mm_loadu_si128((const __m128i *) (code + i + 16 * j));

			acc[j] = _mm512_add_ps(
				acc[j], _mm512_mul_ps(bytes_to_floats_avx512(bytes),
									  _mm512_loadu_ps(query + i + 16 * j)));
		}
	return fold_avx512(acc);
}

AVX512 static float
dot_avx512(size_t n, const float *a, const float *b)
{
	__m512 acc[4];

	for (int j = 0; j < 4; j++)
		acc[j] = _mm512_setzero_ps();
	for (size_t i = 0; i < n; i += 64)
		for (int j = 0; j < 4; j++)
			acc[j] = _mm512_add_ps(
				acc[j], _mm512_mul_ps(_mm512_loadu_ps(a + i + 16 * j),
									  _mm512_loadu_ps(b + i + 16 * j)));
	return fold_avx512(acc);
}

AVX512 static void
products_avx512(size_t n, const float *rows, const float *panel, float *out)
{
	__m512 acc[ANN_ROWS][2];

	for (int r = 0; r < ANN_ROWS; r++)
		acc[r][0] = acc[r][1] = _mm512_setzero_ps();
	for (size_t i = 0; i < n; i++)
	{
		__m512 p0 = _mm512_loadu_ps(panel + i * ANN_COLUMNS);
		__m512 p1 = _mm512_loadu_ps(panel + i * ANN_COLUMNS + 16);

		for (int r = 0; r < ANN_ROWS; r++)
		{
			__m512 x = _mm512_set1_ps(rows[r * n + i]);

			acc[r][0] = _mm512_fmadd_ps(x, p0, acc[r][0]);
			acc[r][1] = _mm512_fmadd_ps(x, p1, acc[r][1]);
		}
	}
	for (int r = 0; r < ANN_ROWS; r++)
	{
		_mm512_storeu_ps(out + r * ANN_COLUMNS, acc[r][0]);
		_mm512_storeu_ps(out + r * ANN_COLUMNS + 16, acc[r][1]);
	}
}

static const AnnKernels avx512_kernels = {
	.name = "avx512",
	.sum_block = sum_block_avx512,
	.bounds = bounds_avx2,
	.match = match_avx2,
	.match_bytes = match_bytes_avx2,
	.dot_bytes = dot_bytes_avx512,
	.dot_nibbles = dot_nibbles_avx2,
	.dot_rank = dot_rank_avx2,
	.dot = dot_avx512,
	.products = products_avx512,
};

const AnnKernels *
ann_kernels_avx512(void)
{
	if (__builtin_cpu_supports("avx512f") &&
		__builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl") && ann_kernels_avx2() != NULL)
		return &avx512_kernels;
	return NULL;
}

#else

const AnnKernels *
ann_kernels_avx2(void)
{
	return NULL;
}

const AnnKernels *
ann_kernels_avx512(void)
{
	return NULL;
}

#endif
