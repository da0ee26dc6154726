/*-------------------------------------------------------------------------
 *
 * ann_rabitq.h
 *		Codes of vectors, and distance bounds computed from codes.
 *
 * Pure. A vector x of list c is kept as its rotated residual r = R(x - c) in
 * two precisions. The sign code has one bit for each of the first code_dim
 * coordinates, two where there are few, and gives a bound that holds with high
 * probability; the byte code has 8 bits for every coordinate, 12 where the vector itself is dear to
 * read and 4 where no more fit a page, and gives bounds that always hold. Both
 * come out as
 *
 *		base + add + scale * <code, R q> - ||q - c|| * error
 *
 * where base and ||q - c|| belong to query and list, and add, scale and error
 * to the vector, so one rotated query and one lookup table serve all lists.
 * README.md derives the terms.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_RABITQ_H
#define INTEL_ANN_ANN_RABITQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ann/ann_kernels.h"

/* Sign codes of more coordinates would not fit a page in blocks of 32. */
#define ANN_MAX_CODE_DIM 1664

/*
 * Up to so many coordinates the sign code has a second bit for each: what a
 * sign says gets more precise with the number of coordinates, and with few
 * more byte codes would be read than the second bits take.
 */
#define ANN_MAX_TWO_PLANES 256

/* Above these a byte code of 8 or of 12 bits would not fit a page. */
#define ANN_MAX_BYTE_DIM 7936
#define ANN_MAX_FINE_DIM 5376

typedef enum AnnMetric
{
	ANN_L2 = 1,		/* squared Euclidean distance */
	ANN_IP = 2,		/* negative inner product */
	ANN_COSINE = 3, /* as ANN_L2, on vectors of length 1 */
} AnnMetric;

/* What follows from the metric and the number of dimensions. */
typedef struct AnnShape
{
	AnnMetric metric;
	int dim;	  /* of the column */
	int full_dim; /* padded: length of every rotated vector */
	int code_dim; /* coordinates in the sign code */
	int planes;	  /* bits of a coordinate in the sign code: 1 or 2 */
	int sign_len; /* size of a sign code */
	int lut_len;  /* size of a query's lookup table */
	int bits;	  /* of a coordinate in the byte code: 4, 8 or 12 */
	int byte_len; /* size of a byte code */
} AnnShape;

/* The bits to use; fine where more precision spares reading vectors. */
extern int ann_choose_bits(int dim, bool fine);

extern AnnShape ann_shape(AnnMetric metric, int dim, int bits);

/*
 * Rotate in place a vector of full_dim elements, those from dim on being
 * zero. The rotation is orthogonal and depends on full_dim alone.
 */
extern void ann_rotate(int full_dim, float *x);

/* Factors of a sign code. */
typedef struct AnnSignFactors
{
	float add;
	float scale;
	float error;
} AnnSignFactors;

/* Factors of a byte code. */
typedef struct AnnByteFactors
{
	float add;
	float scale; /* of one step of the code */
	float error; /* infinite where no bound can be given */
	float norm;	 /* ||r|| */
	float slack; /* what ann_widen adds on both sides; 0 for other codes */
} AnnByteFactors;

/*
 * Encode residual (full_dim elements) of the list around centroid. signs gets
 * sign_len bytes; bytes gets byte_len. Out-of-range
 * values give an infinite byte error, hence a bound of minus infinity.
 */
extern void ann_encode(const AnnShape *shape, const float *residual,
					   const float *centroid, uint8_t *signs,
					   AnnSignFactors *sign_factors, uint8_t *bytes,
					   AnnByteFactors *byte_factors);

/* Its sign code alone. */
extern void ann_encode_signs(const AnnShape *shape, const float *residual,
							 const float *centroid, uint8_t *signs,
							 AnnSignFactors *factors);

/*
 * The residual that a byte code stands for, and how far from it the true one
 * is at most; infinite where the code means nothing.
 */
extern double ann_decode(const AnnShape *shape, const uint8_t *bytes,
						 const AnnByteFactors *factors, float *residual);

/*
 * Let factors of the code of a vector that is known up to a distance hold for
 * the vector itself.
 */
extern void ann_widen(const AnnShape *shape, double distance,
					  double centroid_norm, AnnByteFactors *factors);

/*
 * Bytes for n elements, n a multiple of ANN_DIM_UNIT: x[i] is about step * (code[i] - 127.5), where step is
 * returned.
 */
extern float ann_quantize(int n, const float *x, uint8_t *code);

/*
 * Integers of at most ANN_RANK_LIMIT: x[i] is about step * code[i], within
 * half a step, where step is returned. n is a multiple of ANN_DIM_UNIT.
 */
extern float ann_round(int n, const float *x, int16_t *code);

/* Put the nibbles of a sign code at place slot of a block, and read them. */
extern void ann_block_put(const AnnShape *shape, uint8_t *codes, int slot,
						  const uint8_t *signs);
extern void ann_block_get(const AnnShape *shape, const uint8_t *codes,
						  int slot, uint8_t *signs);

/* A query prepared for scanning. lut is owned by the caller. */
typedef struct AnnQuery
{
	const AnnShape *shape;
	const float *rotated; /* full_dim */
	float norm;			  /* ||q|| */
	float sum;			  /* of rotated */
	uint8_t *lut;		  /* lut_len bytes */
	float epsilon; /* standard errors that a sign code's bound allows for */
	float lut_step;
	float lut_bias; /* with the rounding error of the table added */
} AnnQuery;

extern void ann_query_init(AnnQuery *query, const AnnShape *shape,
						   const float *rotated, uint8_t *lut);

/* What a query knows about a list. */
typedef struct AnnProbe
{
	float base;			 /* ||q - c||^2, or -<q, c> */
	float distance;		 /* ||q - c|| */
	float centroid_norm; /* ||c|| */
} AnnProbe;

extern AnnProbe ann_probe(const AnnQuery *query, float product,
						  float centroid_norm_squared);

/*
 * Bounds of the 32 vectors of a block; factors are arrays of 32. What is not
 * in mask gets infinity, all else less. Returns the bit of each bound that is
 * at or below cut, which is less than infinity.
 */
extern uint32_t ann_block_bounds(const AnnQuery *query, const AnnProbe *probe,
								 const uint8_t *codes, const float *add,
								 const float *scale, const float *error,
								 uint32_t mask, float cut, float *bounds);

/* Values that the operator's distance certainly lies between. */
typedef struct AnnInterval
{
	double low;
	double high;
} AnnInterval;

/*
 * Where the operator's distance (its square for ANN_L2 and twice it for
 * ANN_COSINE) certainly is, whatever the rounding; from minus to plus infinity
 * where nothing is known.
 */
extern AnnInterval ann_byte_interval(const AnnQuery *query,
									 const AnnProbe *probe,
									 const uint8_t *bytes,
									 const AnnByteFactors *factors);

#endif /* INTEL_ANN_ANN_RABITQ_H */
