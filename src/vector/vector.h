/*-------------------------------------------------------------------------
 *
 * vector.h
 *		The vector types as other modules see them: layout of the values, and
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
#define HALFVEC_MAX_DIM 16000
#define SPARSEVEC_MAX_DIM 1000000000
#define SPARSEVEC_MAX_NNZ 16000

/*
 * Values of vector and halfvec, on disk and in memory.
 *
 *	OFFSET	SIZE	DESCRIPTION
 *	0		4		varlena header
 *	4		2		number of dimensions, 1 to VECTOR_MAX_DIM
 *	6		2		zero
 *	8		4*dim	elements, finite (halfvec: 2*dim)
 */
typedef struct Vector
{
	int32_t vl_len_; /* varlena header: SET_VARSIZE and VARSIZE only */
	int16_t dim;
	int16_t unused;
	float x[];
} Vector;

typedef struct HalfVector
{
	int32_t vl_len_;
	int16_t dim;
	int16_t unused;
	uint16_t x[]; /* IEEE half precision */
} HalfVector;

/*
 * Value of type sparsevec.
 *
 *	OFFSET	SIZE	DESCRIPTION
 *	0		4		varlena header
 *	4		4		number of dimensions, 1 to SPARSEVEC_MAX_DIM
 *	8		4		number of elements that are not zero (nnz)
 *	12		4		zero
 *	16		4*nnz	their indexes, from 0, ascending
 *	...		4*nnz	their values, finite and not zero
 */
typedef struct SparseVector
{
	int32_t vl_len_;
	int32_t dim;
	int32_t nnz;
	int32_t unused;
	int32_t indices[];
} SparseVector;

#define VECTOR_SIZE(dim) (offsetof(Vector, x) + sizeof(float) * (size_t) (dim))
#define HALFVEC_SIZE(dim)                                                     \
	(offsetof(HalfVector, x) + sizeof(uint16_t) * (size_t) (dim))
#define SPARSEVEC_SIZE(nnz)                                                   \
	(offsetof(SparseVector, indices) +                                        \
	 (sizeof(int32_t) + sizeof(float)) * (size_t) (nnz))
#define SPARSEVEC_VALUES(v) ((float *) ((v)->indices + (v)->nnz))

/* Values with full header, copied when they were toasted or packed. */
#define DatumGetVector(datum) ((Vector *) PG_DETOAST_DATUM(datum))
#define DatumGetHalfVector(datum) ((HalfVector *) PG_DETOAST_DATUM(datum))
#define DatumGetSparseVector(datum) ((SparseVector *) PG_DETOAST_DATUM(datum))
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
typedef uint16_t VectorHalf __attribute__((aligned(1)));
typedef int32_t VectorIndex __attribute__((aligned(1)));

/* What cosine similarity is computed from. */
typedef struct VectorCosine
{
	float dot;
	float norm_a; /* squared */
	float norm_b; /* squared */
} VectorCosine;

/* What Jaccard similarity is computed from: bits set. */
typedef struct VectorOverlap
{
	uint64_t both;
	uint64_t any;
} VectorOverlap;

/*
 * Kernels of one instruction set. All sum in float, overflow to infinity as
 * plain float arithmetic does, and agree with each other up to rounding; the
 * bit kernels and conversions agree exactly. Every pointer may have any
 * alignment; n may be 0.
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

	float (*half_l2_squared)(size_t n, const VectorHalf *a,
							 const VectorHalf *b);
	float (*half_inner_product)(size_t n, const VectorHalf *a,
								const VectorHalf *b);
	float (*half_l1)(size_t n, const VectorHalf *a, const VectorHalf *b);
	VectorCosine (*half_cosine)(size_t n, const VectorHalf *a,
								const VectorHalf *b);
	void (*half_to_float)(size_t n, const VectorHalf *from, VectorFloat *to);

	uint64_t (*hamming)(size_t nbytes, const uint8_t *a, const uint8_t *b);
	VectorOverlap (*overlap)(size_t nbytes, const uint8_t *a,
							 const uint8_t *b);
} VectorKernels;

/* The kernels in use. Never NULL: the portable ones before vector_init(). */
extern const VectorKernels *vector_kernels;

/*
 * Choose the kernels for this CPU, and answer for the setting intel.simd.
 * Called once by _PG_init, before guc_init().
 */
extern void vector_init(void);

/* 1 - cosine similarity clamped to [-1, 1]; NaN when a norm is zero. */
extern double vector_cosine_distance(VectorCosine sums);

#endif /* INTEL_VECTOR_VECTOR_H */
