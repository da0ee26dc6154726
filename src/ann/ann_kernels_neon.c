/*-------------------------------------------------------------------------
 *
 * ann_kernels_neon.c
 *		Kernels for arm64, where NEON is always there.
 *
 * A table lookup is one instruction: the 16 entries of a group lie in a
 * register and the nibbles of 16 vectors select among them. Sums are kept in
 * 16 bits, which 256 groups cannot overflow; longer codes are added up in
 * slices.
 *
 *-------------------------------------------------------------------------
 */
#include "ann/ann_kernels.h"

#if defined(__aarch64__) && defined(__ARM_NEON)

#include <arm_neon.h>

/* 256 * 255 fits 16 bits. */
#define SLICE 256

/* Registers of four floats that hold the 64 lanes. */
#define LANE_REGISTERS 16

static void
add_sums(uint16x8_t words, uint32_t *sums)
{
	vst1q_u32(sums, vaddw_u16(vld1q_u32(sums), vget_low_u16(words)));
	vst1q_u32(sums + 4, vaddw_high_u16(vld1q_u32(sums + 4), words));
}

static void
sum_block(int groups, const uint8_t *codes, const uint8_t *lut, uint32_t *sums)
{
	const uint8x16_t mask = vdupq_n_u8(15);

	for (int v = 0; v < ANN_BLOCK; v++)
		sums[v] = 0;
	for (int start = 0; start < groups; start += SLICE)
	{
		int end = start + SLICE < groups ? start + SLICE : groups;
		uint16x8_t acc[4];

		for (int i = 0; i < 4; i++)
			acc[i] = vdupq_n_u16(0);
		for (int g = start; g < end; g++)
		{
			uint8x16_t code = vld1q_u8(codes + 16 * g);
			uint8x16_t table = vld1q_u8(lut + 16 * g);
			uint8x16_t low = vqtbl1q_u8(table, vandq_u8(code, mask));
			uint8x16_t high = vqtbl1q_u8(table, vshrq_n_u8(code, 4));

			acc[0] = vaddw_u8(acc[0], vget_low_u8(low));
			acc[1] = vaddw_high_u8(acc[1], low);
			acc[2] = vaddw_u8(acc[2], vget_low_u8(high));
			acc[3] = vaddw_high_u8(acc[3], high);
		}
		for (int i = 0; i < 4; i++)
			add_sums(acc[i], sums + 8 * i);
	}
}

static uint32_t
match(const uint32_t *keys, uint32_t key)
{
	static const uint32_t weights[4] = {1, 2, 4, 8};
	const uint32x4_t weight = vld1q_u32(weights);
	const uint32x4_t wanted = vdupq_n_u32(key);
	uint32_t bits = 0;

	for (int v = 0; v < ANN_BLOCK; v += 4)
		bits |= vaddvq_u32(
					vandq_u32(vceqq_u32(vld1q_u32(keys + v), wanted), weight))
				<< v;
	return bits;
}

/* The bit of each of ANN_BLOCK bytes that equals key. */
static uint32_t
match_block(const uint8_t *keys, uint8_t key)
{
	static const uint8_t weights[8] = {1, 2, 4, 8, 16, 32, 64, 128};
	const uint8x8_t weight = vld1_u8(weights);
	const uint8x8_t wanted = vdup_n_u8(key);
	uint32_t bits = 0;

	for (int v = 0; v < ANN_BLOCK; v += 8)
		bits |= (uint32_t) vaddv_u8(
					vand_u8(vceq_u8(vld1_u8(keys + v), wanted), weight))
				<< v;
	return bits;
}

static uint32_t
match_bytes(int n, const uint8_t *first, const uint8_t *second, uint16_t key,
			uint32_t *bits)
{
	uint32_t any = 0;

	for (int i = 0; i < n; i++, first += ANN_BLOCK, second += ANN_BLOCK)
	{
		uint32_t found = match_block(first, (uint8_t) (key >> 8));

		if (found == 0)
			continue;
		found &= match_block(second, (uint8_t) key);
		bits[i] |= found;
		any |= found;
	}
	return any;
}

/* Folded in the order of the reference. */
static float
fold(float32x4_t *acc)
{
	float32x2_t s;

	for (int width = LANE_REGISTERS / 2; width > 0; width /= 2)
		for (int i = 0; i < width; i++)
			acc[i] = vaddq_f32(acc[i], acc[i + width]);
	s = vadd_f32(vget_low_f32(acc[0]), vget_high_f32(acc[0]));
	return vget_lane_f32(s, 0) + vget_lane_f32(s, 1);
}

/* Add the products of 16 bytes, as numbers, with as many floats. */
static void
add_bytes(float32x4_t *acc, uint8x16_t bytes, const float *query)
{
	uint16x8_t low = vmovl_u8(vget_low_u8(bytes));
	uint16x8_t high = vmovl_high_u8(bytes);
	float32x4_t x[4];

	x[0] = vcvtq_f32_u32(vmovl_u16(vget_low_u16(low)));
	x[1] = vcvtq_f32_u32(vmovl_high_u16(low));
	x[2] = vcvtq_f32_u32(vmovl_u16(vget_low_u16(high)));
	x[3] = vcvtq_f32_u32(vmovl_high_u16(high));
	for (int i = 0; i < 4; i++)
		acc[i] = vaddq_f32(acc[i], vmulq_f32(x[i], vld1q_f32(query + 4 * i)));
}

static float
dot_bytes(size_t n, const uint8_t *code, const float *query)
{
	float32x4_t acc[LANE_REGISTERS];

	for (int j = 0; j < LANE_REGISTERS; j++)
		acc[j] = vdupq_n_f32(0);
	for (size_t i = 0; i < n; i += 64)
		for (int j = 0; j < LANE_REGISTERS; j += 4)
			add_bytes(acc + j, vld1q_u8(code + i + 4 * j), query + i + 4 * j);
	return fold(acc);
}

/* One half at a time, since both together need more registers than there are. */
static float
dot_nibbles(size_t n, const uint8_t *code, const float *query)
{
	const uint8x16_t mask = vdupq_n_u8(15);
	float32x4_t low[LANE_REGISTERS];
	float32x4_t high[LANE_REGISTERS];

	for (int j = 0; j < LANE_REGISTERS; j++)
		low[j] = high[j] = vdupq_n_f32(0);
	for (size_t i = 0; i < n / 2; i += 64)
		for (int j = 0; j < LANE_REGISTERS; j += 4)
			add_bytes(low + j, vandq_u8(vld1q_u8(code + i + 4 * j), mask),
					  query + i + 4 * j);
	for (size_t i = 0; i < n / 2; i += 64)
		for (int j = 0; j < LANE_REGISTERS; j += 4)
			add_bytes(high + j, vshrq_n_u8(vld1q_u8(code + i + 4 * j), 4),
					  query + n / 2 + i + 4 * j);
	return fold(low) + fold(high);
}

static int32_t
dot_rank(size_t n, const uint8_t *code, const int16_t *query)
{
	int32x4_t acc[4];

	for (int j = 0; j < 4; j++)
		acc[j] = vdupq_n_s32(0);
	for (size_t i = 0; i < n; i += 16)
	{
		uint8x16_t bytes = vld1q_u8(code + i);
		int16x8_t low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes)));
		int16x8_t high = vreinterpretq_s16_u16(vmovl_high_u8(bytes));
		int16x8_t q0 = vld1q_s16(query + i);
		int16x8_t q1 = vld1q_s16(query + i + 8);

		acc[0] = vmlal_s16(acc[0], vget_low_s16(low), vget_low_s16(q0));
		acc[1] = vmlal_high_s16(acc[1], low, q0);
		acc[2] = vmlal_s16(acc[2], vget_low_s16(high), vget_low_s16(q1));
		acc[3] = vmlal_high_s16(acc[3], high, q1);
	}
	return vaddvq_s32(
		vaddq_s32(vaddq_s32(acc[0], acc[1]), vaddq_s32(acc[2], acc[3])));
}

static float
dot(size_t n, const float *a, const float *b)
{
	float32x4_t acc[LANE_REGISTERS];

	for (int j = 0; j < LANE_REGISTERS; j++)
		acc[j] = vdupq_n_f32(0);
	for (size_t i = 0; i < n; i += 64)
		for (int j = 0; j < LANE_REGISTERS; j++)
			acc[j] = vaddq_f32(acc[j], vmulq_f32(vld1q_f32(a + i + 4 * j),
												 vld1q_f32(b + i + 4 * j)));
	return fold(acc);
}

/* Four rows and 16 columns at a time fill the registers without spilling. */
static void
products(size_t n, const float *rows, const float *panel, float *out)
{
	for (int r = 0; r < ANN_ROWS; r += 4)
		for (int c = 0; c < ANN_COLUMNS; c += 16)
		{
			float32x4_t acc[4][4];

			for (int k = 0; k < 4; k++)
				for (int j = 0; j < 4; j++)
					acc[k][j] = vdupq_n_f32(0);
			for (size_t i = 0; i < n; i++)
				for (int k = 0; k < 4; k++)
					for (int j = 0; j < 4; j++)
						acc[k][j] = vfmaq_n_f32(
							acc[k][j],
							vld1q_f32(panel + i * ANN_COLUMNS + c + 4 * j),
							rows[(size_t) (r + k) * n + i]);
			for (int k = 0; k < 4; k++)
				for (int j = 0; j < 4; j++)
					vst1q_f32(out + (r + k) * ANN_COLUMNS + c + 4 * j,
							  acc[k][j]);
		}
}

static const AnnKernels neon_kernels = {
	.name = "neon",
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

const AnnKernels *
ann_kernels_neon(void)
{
	return &neon_kernels;
}

#else

const AnnKernels *
ann_kernels_neon(void)
{
	return NULL;
}

#endif
