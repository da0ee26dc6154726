/*-------------------------------------------------------------------------
 *
 * vector.h
 *		The vector types as other modules see them: layout of a value, and
 *		the distance kernels chosen for this CPU.
 *
 * This header is pure: it compiles with and without postgres.h, so pure code
 * of higher layers can call the kernels. The macros that detoast are only of
 * use to code that has fmgr.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_VECTOR_VECTOR_H
#define INTEL_VECTOR_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#define VECTOR_MAX_DIM 16000

/*
 * Value of type vector, on disk and in memory.
 *
 *	OFFSET	SIZE	DESCRIPTION
 *	0		4		varlena header
 *	4		2		number of dimensions, 1 to VECTOR_MAX_DIM
 *	6		2		zero
 *	8		4*dim	elements, finite
 */
typedef struct Vector
{
	int32_t vl_len_; /* varlena header: SET_VARSIZE and VARSIZE only */
	int16_t dim;
	int16_t unused;
	float x[];
} Vector;

#define VECTOR_SIZE(dim) (offsetof(Vector, x) + sizeof(float) * (size_t) (dim))

/* A value with full header, copied when it was toasted or packed. */
#define DatumGetVector(datum) ((Vector *) PG_DETOAST_DATUM(datum))
#define PG_GETARG_VECTOR(n) DatumGetVector(PG_GETARG_DATUM(n))

/* A vector of dim zeros in the current context. dim is not checked. */
extern Vector *vector_new(int dim);

/* Raise 22000 or 54000 unless 1 <= dim <= VECTOR_MAX_DIM. */
extern void vector_check_dim(int dim);

/*
 * Elements where they lie: a value that was stored with a one-byte header
 * starts at any address, and is not copied merely to align it.
 */
typedef float VectorFloat __attribute__((aligned(1)));

/* What cosine similarity is computed from. */
typedef struct VectorCosine
{
	float dot;
	float norm_a; /* squared */
	float norm_b; /* squared */
} VectorCosine;

/*
 * Kernels of one instruction set. All sum in float, overflow to infinity as
 * plain float arithmetic does, and agree with each other up to rounding.
 * Every pointer may have any alignment; n may be 0.
 */
typedef struct VectorKernels
{
	const char *name; /* as in the setting intel.simd */
	float (*l2_squared)(size_t n, const VectorFloat *a, const VectorFloat *b);
	float (*inner_product)(size_t n, const VectorFloat *a,
						   const VectorFloat *b);
	float (*l1)(size_t n, const VectorFloat *a, const VectorFloat *b);
	VectorCosine (*cosine)(size_t n, const VectorFloat *a,
						   const VectorFloat *b);
	double (*norm_squared)(size_t n, const VectorFloat *a);
} VectorKernels;

/* The kernels in use. Never NULL: the portable ones before vector_init(). */
extern const VectorKernels *vector_kernels;

/* Choose the kernels for this CPU. Called once by _PG_init. */
extern void vector_init(void);

/* 1 - cosine similarity clamped to [-1, 1]; NaN when a norm is zero. */
extern double vector_cosine_distance(VectorCosine sums);

#endif /* INTEL_VECTOR_VECTOR_H */
