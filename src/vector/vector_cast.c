/*-------------------------------------------------------------------------
 *
 * vector_cast.c
 *		Casts between vector and arrays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "vector/vector_int.h"

INTEL_FUNCTION(array_to_vector);
INTEL_FUNCTION(vector_to_float4);

/* Numerics have no fixed size, so the array is taken apart. */
static void
fill_from_numeric(ArrayType *array, float *x)
{
	Datum *elements;
	int n;

	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements,
					  NULL, &n);
	for (int i = 0; i < n; i++)
		x[i] =
			DatumGetFloat4(DirectFunctionCall1(numeric_float4, elements[i]));
	pfree(elements);
}

Datum
intel_array_to_vector(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	int dim = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const void *data = ARR_DATA_PTR(array);
	Vector *result;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("array must be 1-D"));
	if (array_contains_nulls(array))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("array must not contain nulls"));
	vector_check_dim(dim);
	vector_check_typmod(PG_GETARG_INT32(1), dim);

	/* without nulls, elements of fixed size lie side by side */
	result = vector_new(dim);
	switch (ARR_ELEMTYPE(array))
	{
		case FLOAT4OID:
			memcpy(result->x, data, dim * sizeof(float4));
			break;
		case FLOAT8OID:
			for (int i = 0; i < dim; i++)
				result->x[i] = (float) ((const float8 *) data)[i];
			break;
		case INT4OID:
			for (int i = 0; i < dim; i++)
				result->x[i] = (float) ((const int32 *) data)[i];
			break;
		case NUMERICOID:
			fill_from_numeric(array, result->x);
			break;
		default:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("unsupported array type"));
	}

	for (int i = 0; i < dim; i++)
		vector_check_element(result->x[i]);
	PG_RETURN_POINTER(result);
}

Datum
intel_vector_to_float4(PG_FUNCTION_ARGS)
{
	VectorView v = vector_view(PG_GETARG_DATUM(0));
	size_t size = ARR_OVERHEAD_NONULLS(1) + v.dim * sizeof(float4);
	ArrayType *result = palloc0(size);

	SET_VARSIZE(result, size);
	result->ndim = 1;
	result->elemtype = FLOAT4OID;
	ARR_DIMS(result)[0] = v.dim;
	ARR_LBOUND(result)[0] = 1;
	memcpy(ARR_DATA_PTR(result), v.x, v.dim * sizeof(float4));
	PG_RETURN_ARRAYTYPE_P(result);
}
