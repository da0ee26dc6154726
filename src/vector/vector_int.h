/*-------------------------------------------------------------------------
 *
 * vector_int.h
 *		What the PostgreSQL side of this folder shares.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_VECTOR_VECTOR_INT_H
#define INTEL_VECTOR_VECTOR_INT_H

#include <math.h>

#include "fmgr.h"

#include "base/compat.h"
#include "vector/vector.h"

/*
 * An argument for reading only. Values with a short header are used where
 * they lie, so nothing is copied unless the value is compressed or stored
 * out of line.
 */
typedef struct VectorView
{
	int dim;
	const VectorFloat *x;
	void *copy; /* what detoasting allocated, or NULL */
} VectorView;

/* Raises XX001 (data_corrupted) when size and dimensions disagree. */
extern VectorView vector_view(Datum value);

/* Free the copy. Needed only where calls outnumber context resets. */
static inline void
vector_view_free(VectorView *view)
{
	if (view->copy != NULL)
		pfree(view->copy);
}

/* Raise 22000 (data_exception) unless the dimensions agree. */
static inline void
vector_check_same_dim(int a, int b)
{
	if (unlikely(a != b))
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("different vector dimensions %d and %d", a, b));
}

/* Raise 22000 when a type modifier is given and is not dim. */
extern void vector_check_typmod(int32 typmod, int dim);

/* Raise 22000 for NaN or infinity. */
static inline void
vector_check_element(float value)
{
	if (unlikely(!isfinite(value)))
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				isnan(value) ? errmsg("NaN not allowed in vector")
							 : errmsg("infinite value not allowed in vector"));
}

#endif /* INTEL_VECTOR_VECTOR_INT_H */
