/*-------------------------------------------------------------------------
 *
 * distance_neon.c
 *		Distance kernels for arm64, where NEON, its fused multiply-add and
 *		its conversion of halves belong to every CPU. The loops are those of
 *		distance_loops.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "vector/distance.h"
#include "vector/distance_loops.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define TARGET
#define INLINE static inline __attribute__((always_inline))

typedef float32x4_t Lanes;
#define LANES 4

INLINE Lanes
zero(void)
{
	return vdupq_n_f32(0);
}

INLINE Lanes
plus(Lanes a, Lanes b)
{
	return vaddq_f32(a, b);
}

INLINE float
sum(Lanes v)
{
	return vaddvq_f32(v);
}

/* Through bytes, since the pointer may have any alignment. */
INLINE float32x4_t
load(const VectorFloat *p)
{
	return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *) p));
}

/* The first count (1 to 3) elements, and zeros. */
INLINE float32x4_t
load_some(const VectorFloat *p, size_t count)
{
	float some[4] = {0};

	memcpy(some, p, count * sizeof(float));
	return vld1q_f32(some);
}

INLINE float32x4_t
load_half(const VectorHalf *p)
{
	return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *) p)));
}

INLINE float32x4_t
load_some_half(const VectorHalf *p, size_t count)
{
	uint16_t some[4] = {0};

	memcpy(some, p, count * sizeof(uint16_t));
	return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(some)));
}

INLINE float32x4_t
add_l2(float32x4_t acc, float32x4_t a, float32x4_t b)
{
	float32x4_t d = vsubq_f32(a, b);

	return vfmaq_f32(acc, d, d);
}

INLINE float32x4_t
add_product(float32x4_t acc, float32x4_t a, float32x4_t b)
{
	return vfmaq_f32(acc, a, b);
}

INLINE float32x4_t
add_l1(float32x4_t acc, float32x4_t a, float32x4_t b)
{
	return vaddq_f32(acc, vabdq_f32(a, b));
}

DEFINE_DISTANCES()

static double
norm_squared(size_t n, const VectorFloat *a)
{
	float64x2_t acc0 = vdupq_n_f64(0);
	float64x2_t acc1 = vdupq_n_f64(0);

	for (size_t i = 0; i < n; i += 4)
	{
		float32x4_t v = n - i < 4 ? load_some(a + i, n - i) : load(a + i);
		float64x2_t low = vcvt_f64_f32(vget_low_f32(v));
		float64x2_t high = vcvt_high_f64_f32(v);

		acc0 = vfmaq_f64(acc0, low, low);
		acc1 = vfmaq_f64(acc1, high, high);
	}
	return vaddvq_f64(vaddq_f64(acc0, acc1));
}

static void
halves_to_floats(size_t n, const VectorHalf *from, VectorFloat *to)
{
	float some[4];

	for (size_t i = 0; i < n; i += 4)
	{
		size_t count = n - i < 4 ? n - i : 4;

		vst1q_f32(some, load_some_half(from + i, count));
		memcpy(to + i, some, count * sizeof(float));
	}
}

/* Up to 16 bytes, and zeros. */
INLINE uint8x16_t
load_bytes(const uint8_t *p, size_t nbytes)
{
	uint8_t some[16] = {0};

	if (nbytes >= 16)
		return vld1q_u8(p);
	memcpy(some, p, nbytes);
	return vld1q_u8(some);
}

static uint64_t
hamming(size_t nbytes, const uint8_t *a, const uint8_t *b)
{
	uint64_t different = 0;

	/* a count is at most 16 * 8 and fits a byte-wise sum of 16 bits */
	for (size_t i = 0; i < nbytes; i += 16)
		different += vaddlvq_u8(vcntq_u8(veorq_u8(
			load_bytes(a + i, nbytes - i), load_bytes(b + i, nbytes - i))));
	return different;
}

static VectorOverlap
overlap(size_t nbytes, const uint8_t *a, const uint8_t *b)
{
	VectorOverlap sums = {0, 0};

	for (size_t i = 0; i < nbytes; i += 16)
	{
		uint8x16_t x = load_bytes(a + i, nbytes - i);
		uint8x16_t y = load_bytes(b + i, nbytes - i);

		sums.both += vaddlvq_u8(vcntq_u8(vandq_u8(x, y)));
		sums.any += vaddlvq_u8(vcntq_u8(vorrq_u8(x, y)));
	}
	return sums;
}

static const VectorKernels neon_kernels = KERNEL_TABLE("neon");

const VectorKernels *
distance_neon(void)
{
	return &neon_kernels;
}

#else

const VectorKernels *
distance_neon(void)
{
	return NULL;
}

#endif
