/*-------------------------------------------------------------------------
 *
 * vector_int.h
 *		What the PostgreSQL side of this folder shares.
 *
 * vector and halfvec are the dense types. They have the same layout but for
 * the size of an element, so whatever is not called once per row of a search
 * is written once, for a DenseType, and computes in float.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_VECTOR_VECTOR_INT_H
#define INTEL_VECTOR_VECTOR_INT_H

#include <math.h>

#include "fmgr.h"
#include "nodes/nodes.h"
#include "utils/array.h"

#include "base/compat.h"
#include "vector/vector.h"
#include "vector/vector_parse.h"
#include "vector/vector_wire.h"

typedef struct DenseType
{
	const char *name;
	int max_dim;
	size_t element_size;
} DenseType;

extern const DenseType dense_vector;
extern const DenseType dense_halfvec;

/*
 * An argument for reading only. Values with a short header are used where
 * they lie, so nothing is copied unless the value is compressed or stored
 * out of line.
 */
typedef struct DenseView
{
	int dim;
	const void *x; /* elements, at any alignment */
	void *copy;	   /* what detoasting allocated, or NULL */
} DenseView;

/* Raises XX001 (data_corrupted) when size and dimensions disagree. */
extern DenseView dense_view(const DenseType *type, Datum value);

/* Of a value that is detoasted, with whatever header. */
extern DenseView dense_view_packed(const DenseType *type,
								   const struct varlena *value);
extern struct varlena *vector_getarg_toasted(FunctionCallInfo fcinfo, int n);

/*
 * Ask for the memory of the row that a scan reads next, given the value of
 * size bytes that it reads now. Only a hint.
 */
extern void vector_prefetch_next(const void *value, size_t size);

/*
 * Argument 0 or 1, detoasted: for functions that an exact search calls once
 * per row. It may be in a buffer of the call site, good until the next call.
 * The function must not use fn_extra.
 */
static inline const struct varlena *
vector_getarg(FunctionCallInfo fcinfo, int n)
{
	struct varlena *value = (struct varlena *) PG_GETARG_POINTER(n);

	if (likely(!VARATT_IS_EXTERNAL(value) && !VARATT_IS_COMPRESSED(value)))
	{
		if (n == 0)
			vector_prefetch_next(value, VARSIZE_ANY(value));
		return value;
	}
	return vector_getarg_toasted(fcinfo, n);
}

/* Free the copy. Needed only where calls outnumber context resets. */
static inline void
dense_view_free(DenseView *view)
{
	if (view->copy != NULL)
		pfree(view->copy);
}

/* The elements as float: those of the view, or for halfvec a palloc'd copy. */
extern const VectorFloat *dense_floats(const DenseType *type,
									   const DenseView *view);

/* A zero value of dim dimensions, and its elements. dim is not checked. */
extern Vector *dense_new(const DenseType *type, int dim);

/* Raise 22000 or 54000 unless the type allows dim dimensions. */
extern void dense_check_dim(const DenseType *type, int64 dim);

/* Raise 22000 when a type modifier is given and is not dim. */
extern void vector_check_typmod(int32 typmod, int dim);

/* Raise 22000 unless the dimensions agree. */
static inline void
dense_check_same_dim(const DenseType *type, int a, int b)
{
	if (unlikely(a != b))
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("different %s dimensions %d and %d", type->name, a, b));
}

/*
 * A value from dim floats that come from outside: raises 22000 for NaN and
 * infinity, 22003 for what is too large for a half. context NULL, or that of
 * an input function, for soft errors; then NULL is returned.
 */
extern Vector *dense_from_floats(const DenseType *type, const float *x,
								 int dim, Node *context);

/* A value from computed floats: 22003 (overflow) when one is infinite. */
extern Vector *dense_from_result(const DenseType *type, const float *x,
								 int dim);

/* Report why text is no value of the type; returns where errors are soft. */
extern void vector_report_parse_error(Node *context, const char *type_name,
									  VectorParseStatus status,
									  const char *text, size_t offset,
									  int count);

/* Report why a binary message is no value; returns for VECTOR_WIRE_OK. */
extern void vector_report_wire_error(const char *type_name,
									 VectorWireStatus status);

/* The one number of a type modifier, from 1 to max_dim. */
extern int32 vector_typmod(ArrayType *typmods, const char *type_name,
						   int max_dim);

/*
 * Elements of an integer, real, double precision or numeric array as floats,
 * palloc'd. Raises 22000 for more than one dimension, 22004 for nulls.
 */
extern float *vector_floats_from_array(ArrayType *array, int *count);

/* A sparse argument for reading only, as DenseView. */
typedef struct SparseView
{
	int dim;
	int nnz;
	const VectorIndex *indices;
	const VectorFloat *values;
	void *copy;
} SparseView;

extern SparseView sparse_view(Datum value);
extern SparseView sparse_view_packed(const struct varlena *value);

static inline void
sparse_view_free(SparseView *view)
{
	if (view->copy != NULL)
		pfree(view->copy);
}

/* The value at index (from 0), 0 where none is stored. */
extern float sparse_element(const SparseView *view, int index);

/* A value with room for nnz elements, which the caller fills. */
extern SparseVector *sparse_new(int dim, int nnz);

/* Raise 22000 or 54000 unless 1 <= dim <= SPARSEVEC_MAX_DIM. */
extern void sparse_check_dim(int64 dim);

/* Raise 54000 when nnz is more than SPARSEVEC_MAX_NNZ. */
extern void sparse_check_nnz(int64 nnz);

/* Raise 22000 for NaN or infinity. */
extern void vector_check_element(const char *type_name, float value);

/* Hash of elements that are equal when they compare equal: -0 is 0. */
extern uint64 vector_hash_floats(const VectorFloat *x, int n, uint64 seed);

#endif /* INTEL_VECTOR_VECTOR_INT_H */
