/*-------------------------------------------------------------------------
 *
 * vector_arith.c
 *		Functions of vector and halfvec that build a new value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/float.h"
#include "utils/varbit.h"

#include "vector/half.h"
#include "vector/vector_int.h"

INTEL_FUNCTION(l2_normalize);
INTEL_FUNCTION(binary_quantize);
INTEL_FUNCTION(subvector);
INTEL_FUNCTION(vector_add);
INTEL_FUNCTION(vector_sub);
INTEL_FUNCTION(vector_mul);
INTEL_FUNCTION(vector_concat);
INTEL_FUNCTION(random_vector);

INTEL_FUNCTION(halfvec_l2_normalize);
INTEL_FUNCTION(halfvec_binary_quantize);
INTEL_FUNCTION(halfvec_subvector);
INTEL_FUNCTION(halfvec_add);
INTEL_FUNCTION(halfvec_sub);
INTEL_FUNCTION(halfvec_mul);
INTEL_FUNCTION(halfvec_concat);

/* A vector of length 1 in the same direction; zero stays zero. */
static Datum
normalize(FunctionCallInfo fcinfo, const DenseType *type)
{
	DenseView v = dense_view(type, PG_GETARG_DATUM(0));
	const VectorFloat *x = dense_floats(type, &v);
	double norm = sqrt(vector_kernels->norm_squared(v.dim, x));
	float *result = palloc0(v.dim * sizeof(float));

	if (norm > 0)
		for (int i = 0; i < v.dim; i++)
			result[i] = (float) (x[i] / norm);
	PG_RETURN_POINTER(dense_from_result(type, result, v.dim));
}

/* One bit per element, set where it is positive; the first bit comes first. */
static Datum
quantize(FunctionCallInfo fcinfo, const DenseType *type)
{
	DenseView v = dense_view(type, PG_GETARG_DATUM(0));
	const VectorFloat *x = dense_floats(type, &v);
	size_t size = VARBITTOTALLEN(v.dim);
	VarBit *result = palloc0(size);

	SET_VARSIZE(result, size);
	VARBITLEN(result) = v.dim;
	for (int i = 0; i < v.dim; i++)
		VARBITS(result)[i / 8] |= (x[i] > 0) << (7 - i % 8);
	PG_RETURN_VARBIT_P(result);
}

/* count elements from start, cut to those that exist, as substring() does. */
static Datum
subvector(FunctionCallInfo fcinfo, const DenseType *type)
{
	DenseView v = dense_view(type, PG_GETARG_DATUM(0));
	int64 start = PG_GETARG_INT32(1);
	int64 end = start + PG_GETARG_INT32(2);
	Vector *result;

	start = Max(start, 1);
	end = Min(end, v.dim + 1);
	dense_check_dim(type, end - start);
	result = dense_new(type, end - start);
	memcpy(result->x, (const char *) v.x + (start - 1) * type->element_size,
		   (end - start) * type->element_size);
	PG_RETURN_POINTER(result);
}

static Datum
concat(FunctionCallInfo fcinfo, const DenseType *type)
{
	DenseView a = dense_view(type, PG_GETARG_DATUM(0));
	DenseView b = dense_view(type, PG_GETARG_DATUM(1));
	Vector *result;

	dense_check_dim(type, a.dim + b.dim);
	result = dense_new(type, a.dim + b.dim);
	memcpy(result->x, a.x, a.dim * type->element_size);
	memcpy((char *) result->x + a.dim * type->element_size, b.x,
		   b.dim * type->element_size);
	PG_RETURN_POINTER(result);
}

/* ---- element by element -------------------------------------------------- */

typedef struct FloatPair
{
	int dim;
	const VectorFloat *a;
	const VectorFloat *b;
	float *result;
} FloatPair;

/* Both arguments as floats, and room for as many results. */
static FloatPair
float_pair(FunctionCallInfo fcinfo, const DenseType *type)
{
	DenseView a = dense_view(type, PG_GETARG_DATUM(0));
	DenseView b = dense_view(type, PG_GETARG_DATUM(1));
	FloatPair pair;

	dense_check_same_dim(type, a.dim, b.dim);
	pair.dim = a.dim;
	pair.a = dense_floats(type, &a);
	pair.b = dense_floats(type, &b);
	pair.result = palloc(a.dim * sizeof(float));
	return pair;
}

/*
 * The state of sum(vector), when that is who calls, to be overwritten instead
 * of building a new vector per row; otherwise NULL. The first state is a copy
 * of the first value as it was stored, so it may not be a plain one.
 */
static Vector *
sum_state(FunctionCallInfo fcinfo, const DenseType *type)
{
	Vector *state = (Vector *) PG_GETARG_POINTER(0);

	if (type == &dense_vector && AggCheckCallContext(fcinfo, NULL) &&
		VARATT_IS_4B_U(state))
		return state;
	return NULL;
}

static Datum
add_to_state(FunctionCallInfo fcinfo, Vector *state)
{
	DenseView v = dense_view(&dense_vector, PG_GETARG_DATUM(1));
	const VectorFloat *x = v.x;

	dense_check_same_dim(&dense_vector, state->dim, v.dim);
	for (int i = 0; i < v.dim; i++)
		state->x[i] += x[i];
	for (int i = 0; i < v.dim; i++)
		if (unlikely(isinf(state->x[i])))
			float_overflow_error();
	dense_view_free(&v);
	PG_RETURN_POINTER(state);
}

static Datum
add(FunctionCallInfo fcinfo, const DenseType *type)
{
	Vector *state = sum_state(fcinfo, type);
	FloatPair p;

	if (state != NULL)
		return add_to_state(fcinfo, state);
	p = float_pair(fcinfo, type);

	for (int i = 0; i < p.dim; i++)
		p.result[i] = p.a[i] + p.b[i];
	PG_RETURN_POINTER(dense_from_result(type, p.result, p.dim));
}

static Datum
subtract(FunctionCallInfo fcinfo, const DenseType *type)
{
	FloatPair p = float_pair(fcinfo, type);

	for (int i = 0; i < p.dim; i++)
		p.result[i] = p.a[i] - p.b[i];
	PG_RETURN_POINTER(dense_from_result(type, p.result, p.dim));
}

/* Is the product zero in this type though no factor is? */
static bool
underflows(const DenseType *type, float product, float a, float b)
{
	if (a == 0 || b == 0)
		return false;
	return type == &dense_halfvec ? (half_from_float(product) & 0x7fff) == 0
								  : product == 0;
}

static Datum
multiply(FunctionCallInfo fcinfo, const DenseType *type)
{
	FloatPair p = float_pair(fcinfo, type);

	for (int i = 0; i < p.dim; i++)
		p.result[i] = p.a[i] * p.b[i];
	for (int i = 0; i < p.dim; i++)
		if (unlikely(underflows(type, p.result[i], p.a[i], p.b[i])))
			float_underflow_error();
	PG_RETURN_POINTER(dense_from_result(type, p.result, p.dim));
}

/* ---- random -------------------------------------------------------------- */

/* splitmix64: one state word, the same sequence on every machine */
static uint64
next_random(uint64 *state)
{
	uint64 z = (*state += UINT64CONST(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Elements uniform in [-1, 1), a function of dimensions and seed alone. */
Datum
intel_random_vector(PG_FUNCTION_ARGS)
{
	int32 dim = PG_GETARG_INT32(0);
	uint64 state = (uint64) PG_GETARG_INT64(1);
	Vector *result;

	vector_check_dim(dim);
	result = vector_new(dim);
	for (int i = 0; i < dim; i++)
		/* 24 random bits are a float exactly */
		result->x[i] = (float) (next_random(&state) >> 40) * 0x1p-23f - 1.0f;
	PG_RETURN_POINTER(result);
}

/* ---- the SQL functions --------------------------------------------------- */

Datum
intel_l2_normalize(PG_FUNCTION_ARGS)
{
	return normalize(fcinfo, &dense_vector);
}

Datum
intel_binary_quantize(PG_FUNCTION_ARGS)
{
	return quantize(fcinfo, &dense_vector);
}

Datum
intel_subvector(PG_FUNCTION_ARGS)
{
	return subvector(fcinfo, &dense_vector);
}

Datum
intel_vector_add(PG_FUNCTION_ARGS)
{
	return add(fcinfo, &dense_vector);
}

Datum
intel_vector_sub(PG_FUNCTION_ARGS)
{
	return subtract(fcinfo, &dense_vector);
}

Datum
intel_vector_mul(PG_FUNCTION_ARGS)
{
	return multiply(fcinfo, &dense_vector);
}

Datum
intel_vector_concat(PG_FUNCTION_ARGS)
{
	return concat(fcinfo, &dense_vector);
}

Datum
intel_halfvec_l2_normalize(PG_FUNCTION_ARGS)
{
	return normalize(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_binary_quantize(PG_FUNCTION_ARGS)
{
	return quantize(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_subvector(PG_FUNCTION_ARGS)
{
	return subvector(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_add(PG_FUNCTION_ARGS)
{
	return add(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_sub(PG_FUNCTION_ARGS)
{
	return subtract(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_mul(PG_FUNCTION_ARGS)
{
	return multiply(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_concat(PG_FUNCTION_ARGS)
{
	return concat(fcinfo, &dense_halfvec);
}
