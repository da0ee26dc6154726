/*-------------------------------------------------------------------------
 *
 * vector_cast.c
 *		Casts between the vector types and arrays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "vector/half.h"
#include "vector/vector_int.h"

INTEL_FUNCTION(array_to_vector);
INTEL_FUNCTION(vector_to_float4);
INTEL_FUNCTION(halfvec_to_vector);
INTEL_FUNCTION(sparsevec_to_vector);
INTEL_FUNCTION(array_to_halfvec);
INTEL_FUNCTION(halfvec_to_float4);
INTEL_FUNCTION(vector_to_halfvec);
INTEL_FUNCTION(sparsevec_to_halfvec);
INTEL_FUNCTION(array_to_sparsevec);
INTEL_FUNCTION(vector_to_sparsevec);
INTEL_FUNCTION(halfvec_to_sparsevec);

/* ---- arrays -------------------------------------------------------------- */

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

float *
vector_floats_from_array(ArrayType *array, int *count)
{
	int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const void *data = ARR_DATA_PTR(array);
	float *x;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("array must be 1-D"));
	if (array_contains_nulls(array))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("array must not contain nulls"));

	/* without nulls, elements of fixed size lie side by side */
	x = palloc(mul_size(n, sizeof(float)));
	switch (ARR_ELEMTYPE(array))
	{
		case FLOAT4OID:
			memcpy(x, data, n * sizeof(float4));
			break;
		case FLOAT8OID:
			for (int i = 0; i < n; i++)
				x[i] = (float) ((const float8 *) data)[i];
			break;
		case INT4OID:
			for (int i = 0; i < n; i++)
				x[i] = (float) ((const int32 *) data)[i];
			break;
		case NUMERICOID:
			fill_from_numeric(array, x);
			break;
		default:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("unsupported array type"));
	}
	*count = n;
	return x;
}

static Datum
dense_from_array(FunctionCallInfo fcinfo, const DenseType *type)
{
	int dim;
	float *x = vector_floats_from_array(PG_GETARG_ARRAYTYPE_P(0), &dim);

	dense_check_dim(type, dim);
	vector_check_typmod(PG_GETARG_INT32(1), dim);
	PG_RETURN_POINTER(dense_from_floats(type, x, dim, NULL));
}

static Datum
dense_to_array(FunctionCallInfo fcinfo, const DenseType *type)
{
	DenseView v = dense_view(type, PG_GETARG_DATUM(0));
	size_t size = ARR_OVERHEAD_NONULLS(1) + v.dim * sizeof(float4);
	ArrayType *result = palloc0(size);

	SET_VARSIZE(result, size);
	result->ndim = 1;
	result->elemtype = FLOAT4OID;
	ARR_DIMS(result)[0] = v.dim;
	ARR_LBOUND(result)[0] = 1;
	memcpy(ARR_DATA_PTR(result), dense_floats(type, &v),
		   v.dim * sizeof(float4));
	PG_RETURN_ARRAYTYPE_P(result);
}

/* ---- dense from dense or sparse ------------------------------------------ */

static Datum
dense_from_dense(FunctionCallInfo fcinfo, const DenseType *from,
				 const DenseType *to)
{
	DenseView v = dense_view(from, PG_GETARG_DATUM(0));
	const VectorFloat *x = dense_floats(from, &v);
	float *aligned = palloc(v.dim * sizeof(float));

	vector_check_typmod(PG_GETARG_INT32(1), v.dim);
	memcpy(aligned, x, v.dim * sizeof(float));
	PG_RETURN_POINTER(dense_from_floats(to, aligned, v.dim, NULL));
}

static Datum
dense_from_sparse(FunctionCallInfo fcinfo, const DenseType *type)
{
	SparseView v = sparse_view(PG_GETARG_DATUM(0));
	float *x;

	dense_check_dim(type, v.dim);
	vector_check_typmod(PG_GETARG_INT32(1), v.dim);
	x = palloc0(v.dim * sizeof(float));
	for (int i = 0; i < v.nnz; i++)
	{
		/* damaged order: the view looks at the ends only */
		if (unlikely((uint32) v.indices[i] >= (uint32) v.dim))
			ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("sparsevec has an index out of bounds"));
		x[v.indices[i]] = v.values[i];
	}
	PG_RETURN_POINTER(dense_from_floats(type, x, v.dim, NULL));
}

/* ---- sparse from anything ------------------------------------------------ */

static SparseVector *
sparse_from_floats(const VectorFloat *x, int dim, int32 typmod)
{
	SparseVector *result;
	int nnz = 0;

	sparse_check_dim(dim);
	vector_check_typmod(typmod, dim);
	for (int i = 0; i < dim; i++)
	{
		vector_check_element("sparsevec", x[i]);
		nnz += x[i] != 0;
	}
	sparse_check_nnz(nnz);

	result = sparse_new(dim, nnz);
	for (int i = 0, j = 0; i < dim; i++)
		if (x[i] != 0)
		{
			result->indices[j] = i;
			SPARSEVEC_VALUES(result)[j] = x[i];
			j++;
		}
	return result;
}

static Datum
sparse_from_dense(FunctionCallInfo fcinfo, const DenseType *type)
{
	DenseView v = dense_view(type, PG_GETARG_DATUM(0));

	PG_RETURN_POINTER(
		sparse_from_floats(dense_floats(type, &v), v.dim, PG_GETARG_INT32(1)));
}

/* ---- the SQL functions --------------------------------------------------- */

Datum
intel_array_to_vector(PG_FUNCTION_ARGS)
{
	return dense_from_array(fcinfo, &dense_vector);
}

Datum
intel_vector_to_float4(PG_FUNCTION_ARGS)
{
	return dense_to_array(fcinfo, &dense_vector);
}

Datum
intel_halfvec_to_vector(PG_FUNCTION_ARGS)
{
	return dense_from_dense(fcinfo, &dense_halfvec, &dense_vector);
}

Datum
intel_sparsevec_to_vector(PG_FUNCTION_ARGS)
{
	return dense_from_sparse(fcinfo, &dense_vector);
}

Datum
intel_array_to_halfvec(PG_FUNCTION_ARGS)
{
	return dense_from_array(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_to_float4(PG_FUNCTION_ARGS)
{
	return dense_to_array(fcinfo, &dense_halfvec);
}

Datum
intel_vector_to_halfvec(PG_FUNCTION_ARGS)
{
	return dense_from_dense(fcinfo, &dense_vector, &dense_halfvec);
}

Datum
intel_sparsevec_to_halfvec(PG_FUNCTION_ARGS)
{
	return dense_from_sparse(fcinfo, &dense_halfvec);
}

Datum
intel_array_to_sparsevec(PG_FUNCTION_ARGS)
{
	int dim;
	float *x = vector_floats_from_array(PG_GETARG_ARRAYTYPE_P(0), &dim);

	PG_RETURN_POINTER(sparse_from_floats(x, dim, PG_GETARG_INT32(1)));
}

Datum
intel_vector_to_sparsevec(PG_FUNCTION_ARGS)
{
	return sparse_from_dense(fcinfo, &dense_vector);
}

Datum
intel_halfvec_to_sparsevec(PG_FUNCTION_ARGS)
{
	return sparse_from_dense(fcinfo, &dense_halfvec);
}
