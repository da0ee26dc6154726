/*-------------------------------------------------------------------------
 *
 * vector_distance.c
 *		Distances, norms and arithmetic of vector.
 *
 * The distance functions run once per row of an exact search. They look at
 * their arguments in place and allocate nothing unless a value is toasted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/float.h"

#include "vector/vector_int.h"

INTEL_FUNCTION(l2_distance);
INTEL_FUNCTION(inner_product);
INTEL_FUNCTION(cosine_distance);
INTEL_FUNCTION(l1_distance);
INTEL_FUNCTION(vector_dims);
INTEL_FUNCTION(vector_norm);
INTEL_FUNCTION(l2_normalize);
INTEL_FUNCTION(vector_l2_squared_distance);
INTEL_FUNCTION(vector_negative_inner_product);
INTEL_FUNCTION(vector_spherical_distance);

/* Both arguments, of the same dimensions. */
#define GETARG_PAIR(a, b)                                                     \
	VectorView a = vector_view(PG_GETARG_DATUM(0));                           \
	VectorView b = vector_view(PG_GETARG_DATUM(1));                           \
	vector_check_same_dim(a.dim, b.dim)

Datum
intel_l2_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8(
		sqrt((double) vector_kernels->l2_squared(a.dim, a.x, b.x)));
}

Datum
intel_inner_product(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8((double) vector_kernels->inner_product(a.dim, a.x, b.x));
}

Datum
intel_cosine_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8(
		vector_cosine_distance(vector_kernels->cosine(a.dim, a.x, b.x)));
}

Datum
intel_l1_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8((double) vector_kernels->l1(a.dim, a.x, b.x));
}

Datum
intel_vector_dims(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(vector_view(PG_GETARG_DATUM(0)).dim);
}

Datum
intel_vector_norm(PG_FUNCTION_ARGS)
{
	VectorView v = vector_view(PG_GETARG_DATUM(0));

	PG_RETURN_FLOAT8(sqrt(vector_kernels->norm_squared(v.dim, v.x)));
}

/* A vector of length 1 in the same direction; zero stays zero. */
Datum
intel_l2_normalize(PG_FUNCTION_ARGS)
{
	VectorView v = vector_view(PG_GETARG_DATUM(0));
	Vector *result = vector_new(v.dim);
	double norm = sqrt(vector_kernels->norm_squared(v.dim, v.x));

	if (norm > 0)
		for (int i = 0; i < v.dim; i++)
		{
			result->x[i] = (float) (v.x[i] / norm);
			if (unlikely(isinf(result->x[i])))
				float_overflow_error();
		}
	PG_RETURN_POINTER(result);
}

Datum
intel_vector_l2_squared_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8((double) vector_kernels->l2_squared(a.dim, a.x, b.x));
}

Datum
intel_vector_negative_inner_product(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8((double) -vector_kernels->inner_product(a.dim, a.x, b.x));
}

/* Angle between unit vectors as a fraction of pi: a metric, unlike cosine. */
Datum
intel_vector_spherical_distance(PG_FUNCTION_ARGS)
{
	double similarity;

	GETARG_PAIR(a, b);
	similarity = (double) vector_kernels->inner_product(a.dim, a.x, b.x);
	if (similarity > 1)
		similarity = 1;
	else if (similarity < -1)
		similarity = -1;
	PG_RETURN_FLOAT8(acos(similarity) / M_PI);
}
