/*-------------------------------------------------------------------------
 *
 * vector_compare.c
 *		Order of vectors, for btree and comparison operators.
 *
 * As with arrays, the first different element decides, then the length.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "vector/vector_int.h"

INTEL_FUNCTION(vector_lt);
INTEL_FUNCTION(vector_le);
INTEL_FUNCTION(vector_eq);
INTEL_FUNCTION(vector_ne);
INTEL_FUNCTION(vector_ge);
INTEL_FUNCTION(vector_gt);
INTEL_FUNCTION(vector_cmp);

static int
compare_views(const VectorView *a, const VectorView *b)
{
	int shared = Min(a->dim, b->dim);

	for (int i = 0; i < shared; i++)
	{
		if (a->x[i] < b->x[i])
			return -1;
		if (a->x[i] > b->x[i])
			return 1;
	}
	return (a->dim > b->dim) - (a->dim < b->dim);
}

/* Frees its copies: sorts call this many times between context resets. */
static int
compare(FunctionCallInfo fcinfo)
{
	VectorView a = vector_view(PG_GETARG_DATUM(0));
	VectorView b = vector_view(PG_GETARG_DATUM(1));
	int result = compare_views(&a, &b);

	vector_view_free(&a);
	vector_view_free(&b);
	return result;
}

Datum
intel_vector_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

Datum
intel_vector_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

Datum
intel_vector_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) == 0);
}

Datum
intel_vector_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) != 0);
}

Datum
intel_vector_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

Datum
intel_vector_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

Datum
intel_vector_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}
