/*-------------------------------------------------------------------------
 *
 * vector_distance.c
 *		Distances and norms of vector and halfvec, and distances of bit.
 *
 * The distance functions run once per row of an exact search. They look at
 * their arguments in place and allocate nothing; what is stored out of line
 * goes through a buffer of the call site (vector_toast.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "vector/vector_int.h"

INTEL_FUNCTION(l2_distance);
INTEL_FUNCTION(inner_product);
INTEL_FUNCTION(cosine_distance);
INTEL_FUNCTION(l1_distance);
INTEL_FUNCTION(vector_dims);
INTEL_FUNCTION(vector_norm);
INTEL_FUNCTION(vector_l2_squared_distance);
INTEL_FUNCTION(vector_negative_inner_product);
INTEL_FUNCTION(vector_spherical_distance);

INTEL_FUNCTION(halfvec_l2_distance);
INTEL_FUNCTION(halfvec_inner_product);
INTEL_FUNCTION(halfvec_cosine_distance);
INTEL_FUNCTION(halfvec_l1_distance);
INTEL_FUNCTION(halfvec_vector_dims);
INTEL_FUNCTION(halfvec_l2_norm);
INTEL_FUNCTION(halfvec_l2_squared_distance);
INTEL_FUNCTION(halfvec_negative_inner_product);
INTEL_FUNCTION(halfvec_spherical_distance);

INTEL_FUNCTION(hamming_distance);
INTEL_FUNCTION(jaccard_distance);

/* Both arguments, of the same dimensions. */
#define GETARG_PAIR(type, a, b)                                               \
	DenseView a = dense_view_packed(&(type), vector_getarg(fcinfo, 0));       \
	DenseView b = dense_view_packed(&(type), vector_getarg(fcinfo, 1));       \
	dense_check_same_dim(&(type), a.dim, b.dim)

/*
 * Angle between unit vectors as a fraction of pi: a metric, which cosine
 * distance is not.
 */
static double
spherical_distance(double similarity)
{
	if (similarity > 1)
		similarity = 1;
	else if (similarity < -1)
		similarity = -1;
	return acos(similarity) / M_PI;
}

/* ---- vector -------------------------------------------------------------- */

Datum
intel_l2_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_vector, a, b);

	PG_RETURN_FLOAT8(
		sqrt((double) vector_kernels->l2_squared(a.dim, a.x, b.x)));
}

Datum
intel_inner_product(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_vector, a, b);

	PG_RETURN_FLOAT8((double) vector_kernels->inner_product(a.dim, a.x, b.x));
}

Datum
intel_cosine_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_vector, a, b);

	PG_RETURN_FLOAT8(
		vector_cosine_distance(vector_kernels->cosine(a.dim, a.x, b.x)));
}

Datum
intel_l1_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_vector, a, b);

	PG_RETURN_FLOAT8((double) vector_kernels->l1(a.dim, a.x, b.x));
}

Datum
intel_vector_dims(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(dense_view(&dense_vector, PG_GETARG_DATUM(0)).dim);
}

Datum
intel_vector_norm(PG_FUNCTION_ARGS)
{
	DenseView v = dense_view(&dense_vector, PG_GETARG_DATUM(0));

	PG_RETURN_FLOAT8(sqrt(vector_kernels->norm_squared(v.dim, v.x)));
}

Datum
intel_vector_l2_squared_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_vector, a, b);

	PG_RETURN_FLOAT8((double) vector_kernels->l2_squared(a.dim, a.x, b.x));
}

Datum
intel_vector_negative_inner_product(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_vector, a, b);

	PG_RETURN_FLOAT8((double) -vector_kernels->inner_product(a.dim, a.x, b.x));
}

Datum
intel_vector_spherical_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_vector, a, b);

	PG_RETURN_FLOAT8(spherical_distance(
		(double) vector_kernels->inner_product(a.dim, a.x, b.x)));
}

/* ---- halfvec ------------------------------------------------------------- */

Datum
intel_halfvec_l2_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_halfvec, a, b);

	PG_RETURN_FLOAT8(
		sqrt((double) vector_kernels->half_l2_squared(a.dim, a.x, b.x)));
}

Datum
intel_halfvec_inner_product(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_halfvec, a, b);

	PG_RETURN_FLOAT8(
		(double) vector_kernels->half_inner_product(a.dim, a.x, b.x));
}

Datum
intel_halfvec_cosine_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_halfvec, a, b);

	PG_RETURN_FLOAT8(
		vector_cosine_distance(vector_kernels->half_cosine(a.dim, a.x, b.x)));
}

Datum
intel_halfvec_l1_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_halfvec, a, b);

	PG_RETURN_FLOAT8((double) vector_kernels->half_l1(a.dim, a.x, b.x));
}

Datum
intel_halfvec_vector_dims(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(dense_view(&dense_halfvec, PG_GETARG_DATUM(0)).dim);
}

Datum
intel_halfvec_l2_norm(PG_FUNCTION_ARGS)
{
	DenseView v = dense_view(&dense_halfvec, PG_GETARG_DATUM(0));
	const VectorFloat *x = dense_floats(&dense_halfvec, &v);

	PG_RETURN_FLOAT8(sqrt(vector_kernels->norm_squared(v.dim, x)));
}

Datum
intel_halfvec_l2_squared_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_halfvec, a, b);

	PG_RETURN_FLOAT8(
		(double) vector_kernels->half_l2_squared(a.dim, a.x, b.x));
}

Datum
intel_halfvec_negative_inner_product(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_halfvec, a, b);

	PG_RETURN_FLOAT8(
		(double) -vector_kernels->half_inner_product(a.dim, a.x, b.x));
}

Datum
intel_halfvec_spherical_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(dense_halfvec, a, b);

	PG_RETURN_FLOAT8(spherical_distance(
		(double) vector_kernels->half_inner_product(a.dim, a.x, b.x)));
}

/* ---- bit ----------------------------------------------------------------- */

/*
 * A bit string for reading only. Bits after the last one are zero in every bit
 * string, and so never count.
 */
typedef struct BitView
{
	int32 length; /* in bits */
	size_t nbytes;
	const uint8 *bits;
} BitView;

static BitView
bit_view(const struct varlena *value)
{
	const char *data = VARDATA_ANY(value);
	size_t size = VARSIZE_ANY_EXHDR(value);
	BitView view = {.length = -1};

	if (size >= sizeof(int32))
	{
		memcpy(&view.length, data, sizeof(int32));
		view.nbytes = size - sizeof(int32);
		view.bits = (const uint8 *) data + sizeof(int32);
	}
	if (unlikely(view.length < 0 ||
				 view.nbytes != ((size_t) view.length + 7) / 8))
		ereport(
			ERROR, errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("bit string of %d bits has %zu bytes", view.length, size));
	return view;
}

static void
check_same_length(BitView a, BitView b)
{
	if (a.length != b.length)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("different bit lengths %d and %d", a.length, b.length));
}

Datum
intel_hamming_distance(PG_FUNCTION_ARGS)
{
	BitView a = bit_view(vector_getarg(fcinfo, 0));
	BitView b = bit_view(vector_getarg(fcinfo, 1));

	check_same_length(a, b);
	PG_RETURN_FLOAT8(
		(double) vector_kernels->hamming(a.nbytes, a.bits, b.bits));
}

Datum
intel_jaccard_distance(PG_FUNCTION_ARGS)
{
	BitView a = bit_view(vector_getarg(fcinfo, 0));
	BitView b = bit_view(vector_getarg(fcinfo, 1));
	VectorOverlap sums;

	check_same_length(a, b);
	sums = vector_kernels->overlap(a.nbytes, a.bits, b.bits);
	if (sums.both == 0)
		PG_RETURN_FLOAT8(1);
	PG_RETURN_FLOAT8(1 - (double) sums.both / (double) sums.any);
}
