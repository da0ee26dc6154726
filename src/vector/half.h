/*-------------------------------------------------------------------------
 *
 * half.h
 *		IEEE 754 half precision in integers. Pure.
 *
 * No CPU instruction and no compiler type is needed, so this is the
 * reference for the instruction sets that convert in hardware, with which it
 * agrees bit by bit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_VECTOR_HALF_H
#define INTEL_VECTOR_HALF_H

#include <stdint.h>
#include <string.h>

#define HALF_MAX 65504.0f

static inline float
half_bits_to_float(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline uint32_t
half_float_to_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/*
 * Exact. With the exponent field shifted to where float has it, the value is
 * 2^112 times too small, for normal and denormal numbers alike; only infinity
 * and NaN, which then come out as 65536 or more, need their exponent back.
 * There is no branch, so loops over this are vectorised.
 */
static inline float
half_to_float(uint16_t half)
{
	uint32_t sign = (uint32_t) (half & 0x8000) << 16;
	float scaled = half_bits_to_float((uint32_t) (half & 0x7fff) << 13) *
				   5192296858534827628530496329220096.0f; /* 2^112 */
	uint32_t bits = half_float_to_bits(scaled);

	bits |= scaled >= 65536.0f ? 0x7f800000u : 0;
	return half_bits_to_float(bits | sign);
}

/* The nearest half, ties to even; infinity from 65520 on. */
static inline uint16_t
half_from_float(float value)
{
	uint32_t bits = half_float_to_bits(value);
	uint16_t sign = (uint16_t) ((bits >> 16) & 0x8000);
	uint32_t magnitude = bits & 0x7fffffff;

	if (magnitude > 0x7f800000)
		return sign | 0x7e00; /* NaN */
	if (magnitude >= 0x47800000)
		return sign | 0x7c00; /* 65536 or more */
	if (magnitude < 0x38800000)
	{
		/*
		 * Below the least normal half, 2^-14: a unit of the result is 2^-24,
		 * which is the last bit of 0.5, so adding 0.5 rounds.
		 */
		float shifted = half_bits_to_float(magnitude) + 0.5f;

		return (uint16_t) (sign | (half_float_to_bits(shifted) - 0x3f000000));
	}

	/* round at bit 13, and move the bias of the exponent from 127 to 15 */
	magnitude += 0xfff + ((magnitude >> 13) & 1);
	return (uint16_t) (sign | ((magnitude >> 13) - (112 << 10)));
}

#endif /* INTEL_VECTOR_HALF_H */
