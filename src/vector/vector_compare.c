/*-------------------------------------------------------------------------
 *
 * vector_compare.c
 *		Order and hash of vector and halfvec, for btree, hash and the
 *		comparison operators.
 *
 * As with arrays, the first different element decides, then the length. Sorts
 * and indexes call these many times between context resets, so copies are
 * freed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "vector/half.h"
#include "vector/vector_int.h"

/* The six operators and the support function of a type, from its compare(). */
#define DEFINE_COMPARISONS(type)                                              \
	INTEL_FUNCTION(type##_lt);                                                \
	INTEL_FUNCTION(type##_le);                                                \
	INTEL_FUNCTION(type##_eq);                                                \
	INTEL_FUNCTION(type##_ne);                                                \
	INTEL_FUNCTION(type##_ge);                                                \
	INTEL_FUNCTION(type##_gt);                                                \
	INTEL_FUNCTION(type##_cmp);                                               \
	Datum intel_##type##_lt(PG_FUNCTION_ARGS)                                 \
	{                                                                         \
		PG_RETURN_BOOL(type##_compare(fcinfo) < 0);                           \
	}                                                                         \
	Datum intel_##type##_le(PG_FUNCTION_ARGS)                                 \
	{                                                                         \
		PG_RETURN_BOOL(type##_compare(fcinfo) <= 0);                          \
	}                                                                         \
	Datum intel_##type##_eq(PG_FUNCTION_ARGS)                                 \
	{                                                                         \
		PG_RETURN_BOOL(type##_compare(fcinfo) == 0);                          \
	}                                                                         \
	Datum intel_##type##_ne(PG_FUNCTION_ARGS)                                 \
	{                                                                         \
		PG_RETURN_BOOL(type##_compare(fcinfo) != 0);                          \
	}                                                                         \
	Datum intel_##type##_ge(PG_FUNCTION_ARGS)                                 \
	{                                                                         \
		PG_RETURN_BOOL(type##_compare(fcinfo) >= 0);                          \
	}                                                                         \
	Datum intel_##type##_gt(PG_FUNCTION_ARGS)                                 \
	{                                                                         \
		PG_RETURN_BOOL(type##_compare(fcinfo) > 0);                           \
	}                                                                         \
	Datum intel_##type##_cmp(PG_FUNCTION_ARGS)                                \
	{                                                                         \
		PG_RETURN_INT32(type##_compare(fcinfo));                              \
	}

#define DEFINE_HASHES(type)                                                   \
	INTEL_FUNCTION(type##_hash);                                              \
	INTEL_FUNCTION(type##_hash_extended);                                     \
	Datum intel_##type##_hash(PG_FUNCTION_ARGS)                               \
	{                                                                         \
		PG_RETURN_INT32((int32) type##_hash(fcinfo, 0));                      \
	}                                                                         \
	Datum intel_##type##_hash_extended(PG_FUNCTION_ARGS)                      \
	{                                                                         \
		PG_RETURN_UINT64(type##_hash(fcinfo, PG_GETARG_INT64(1)));            \
	}

static int
vector_compare(FunctionCallInfo fcinfo)
{
	DenseView a = dense_view(&dense_vector, PG_GETARG_DATUM(0));
	DenseView b = dense_view(&dense_vector, PG_GETARG_DATUM(1));
	const VectorFloat *ax = a.x;
	const VectorFloat *bx = b.x;
	int shared = Min(a.dim, b.dim);
	int result = (a.dim > b.dim) - (a.dim < b.dim);

	for (int i = 0; i < shared; i++)
		if (ax[i] != bx[i])
		{
			result = ax[i] < bx[i] ? -1 : 1;
			break;
		}

	dense_view_free(&a);
	dense_view_free(&b);
	return result;
}

static int
halfvec_compare(FunctionCallInfo fcinfo)
{
	DenseView a = dense_view(&dense_halfvec, PG_GETARG_DATUM(0));
	DenseView b = dense_view(&dense_halfvec, PG_GETARG_DATUM(1));
	const VectorHalf *ax = a.x;
	const VectorHalf *bx = b.x;
	int shared = Min(a.dim, b.dim);
	int result = (a.dim > b.dim) - (a.dim < b.dim);

	for (int i = 0; i < shared; i++)
	{
		float x = half_to_float(ax[i]);
		float y = half_to_float(bx[i]);

		/* not the bits: -0 equals 0 */
		if (x != y)
		{
			result = x < y ? -1 : 1;
			break;
		}
	}

	dense_view_free(&a);
	dense_view_free(&b);
	return result;
}

uint64
vector_hash_floats(const VectorFloat *x, int n, uint64 seed)
{
	float chunk[256];
	uint64 hash = hash_bytes_uint32_extended(n, seed);

	for (int i = 0; i < n; i += lengthof(chunk))
	{
		int count = Min(n - i, (int) lengthof(chunk));

		/* adding 0 turns -0 into 0, and changes nothing else */
		for (int j = 0; j < count; j++)
			chunk[j] = x[i + j] + 0.0f;
		hash = hash_combine64(
			hash, hash_bytes_extended((const unsigned char *) chunk,
									  count * sizeof(float), seed));
	}
	return hash;
}

static uint64
vector_hash(FunctionCallInfo fcinfo, uint64 seed)
{
	DenseView v = dense_view(&dense_vector, PG_GETARG_DATUM(0));
	uint64 hash = vector_hash_floats(v.x, v.dim, seed);

	dense_view_free(&v);
	return hash;
}

static uint64
halfvec_hash(FunctionCallInfo fcinfo, uint64 seed)
{
	DenseView v = dense_view(&dense_halfvec, PG_GETARG_DATUM(0));
	const VectorFloat *x = dense_floats(&dense_halfvec, &v);
	uint64 hash = vector_hash_floats(x, v.dim, seed);

	pfree((void *) x);
	dense_view_free(&v);
	return hash;
}

DEFINE_COMPARISONS(vector)
DEFINE_COMPARISONS(halfvec)
DEFINE_HASHES(vector)
DEFINE_HASHES(halfvec)
