/*-------------------------------------------------------------------------
 *
 * sparsevec.c
 *		Type sparsevec: input, output, distances, order and aggregates.
 *
 * Text numbers dimensions from 1, the value and its binary form from 0.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "vector/half.h"
#include "vector/vector_int.h"

INTEL_FUNCTION(sparsevec_in);
INTEL_FUNCTION(sparsevec_out);
INTEL_FUNCTION(sparsevec_typmod_in);
INTEL_FUNCTION(sparsevec_recv);
INTEL_FUNCTION(sparsevec_send);
INTEL_FUNCTION(sparsevec);
INTEL_FUNCTION(sparsevec_l2_distance);
INTEL_FUNCTION(sparsevec_l2_squared_distance);
INTEL_FUNCTION(sparsevec_inner_product);
INTEL_FUNCTION(sparsevec_negative_inner_product);
INTEL_FUNCTION(sparsevec_cosine_distance);
INTEL_FUNCTION(sparsevec_l1_distance);
INTEL_FUNCTION(sparsevec_l2_norm);
INTEL_FUNCTION(sparsevec_l2_normalize);
INTEL_FUNCTION(sparsevec_lt);
INTEL_FUNCTION(sparsevec_le);
INTEL_FUNCTION(sparsevec_eq);
INTEL_FUNCTION(sparsevec_ne);
INTEL_FUNCTION(sparsevec_ge);
INTEL_FUNCTION(sparsevec_gt);
INTEL_FUNCTION(sparsevec_cmp);
INTEL_FUNCTION(sparsevec_hash);
INTEL_FUNCTION(sparsevec_hash_extended);

StaticAssertDecl(offsetof(SparseVector, indices) == 16,
				 "on-disk layout of sparsevec");

/* dimensions, number of elements and the unused word */
#define SPARSE_PREFIX (offsetof(SparseVector, indices) - VARHDRSZ)

/* ---- values -------------------------------------------------------------- */

SparseVector *
sparse_new(int dim, int nnz)
{
	SparseVector *result = palloc0(SPARSEVEC_SIZE(nnz));

	SET_VARSIZE(result, SPARSEVEC_SIZE(nnz));
	result->dim = dim;
	result->nnz = nnz;
	return result;
}

void
sparse_check_dim(int64 dim)
{
	if (dim < 1)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("sparsevec must have at least 1 dimension"));
	if (dim > SPARSEVEC_MAX_DIM)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("sparsevec cannot have more than %d dimensions",
					   SPARSEVEC_MAX_DIM));
}

void
sparse_check_nnz(int64 nnz)
{
	if (nnz > SPARSEVEC_MAX_NNZ)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("sparsevec cannot have more than %d non-zero elements",
					   SPARSEVEC_MAX_NNZ));
}

SparseView
sparse_view_packed(const struct varlena *value)
{
	const char *data = VARDATA_ANY(value);
	size_t size = VARSIZE_ANY_EXHDR(value);
	int32 head[2] = {0, -1}; /* dim, nnz */
	SparseView view;

	if (size >= SPARSE_PREFIX)
		memcpy(head, data, sizeof(head));
	/* pgvector makes longer ones from arrays, so only the size limits nnz */
	if (unlikely(head[0] < 1 || head[1] < 0 ||
				 size != SPARSEVEC_SIZE(head[1]) - VARHDRSZ))
		ereport(
			ERROR, errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("sparsevec of %d elements has %zu bytes", head[1], size));

	view.dim = head[0];
	view.nnz = head[1];
	view.indices = (const VectorIndex *) (data + SPARSE_PREFIX);
	view.values = (const VectorFloat *) (view.indices + view.nnz);
	view.copy = NULL;
	/* ascending, so the ends tell that all are within bounds */
	if (unlikely(view.nnz > 0 && (view.indices[0] < 0 ||
								  view.indices[view.nnz - 1] >= view.dim)))
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("sparsevec has an index out of bounds"));
	return view;
}

SparseView
sparse_view(Datum value)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	SparseView view = sparse_view_packed(packed);

	if (packed != (struct varlena *) DatumGetPointer(value))
		view.copy = packed;
	return view;
}

float
sparse_element(const SparseView *view, int index)
{
	int low = 0;
	int high = view->nnz;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (view->indices[middle] < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low < view->nnz && view->indices[low] == index ? view->values[low]
														  : 0;
}

static void
check_same_dim(const SparseView *a, const SparseView *b)
{
	if (a->dim != b->dim)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("different sparsevec dimensions %d and %d", a->dim,
					   b->dim));
}

/* ---- input and output ---------------------------------------------------- */

static int
compare_entries(const void *a, const void *b)
{
	int32 x = ((const SparseEntry *) a)->index;
	int32 y = ((const SparseEntry *) b)->index;

	return (x > y) - (x < y);
}

/* What is wrong with element i, its predecessors being right; or NULL. */
static const char *
index_problem(const int32 *indices, int i, int dim)
{
	if (indices[i] < 0 || indices[i] >= dim)
		return "sparsevec index out of bounds";
	if (i > 0 && indices[i] < indices[i - 1])
		return "sparsevec indices must be in ascending order";
	if (i > 0 && indices[i] == indices[i - 1])
		return "sparsevec indices must not contain duplicates";
	return NULL;
}

Datum
intel_sparsevec_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	int32 typmod = PG_GETARG_INT32(2);
	int bound = vector_parse_bound(text, SPARSEVEC_MAX_NNZ);
	SparseEntry *entries = palloc(bound * sizeof(SparseEntry));
	SparseVector *result;
	VectorParseStatus status;
	size_t offset;
	int nnz;
	int64 dim;

	status = sparse_parse(text, bound, entries, &nnz, &dim, &offset);
	if (status != VECTOR_PARSE_OK)
	{
		vector_report_parse_error(fcinfo->context, "sparsevec", status, text,
								  offset, nnz);
		PG_RETURN_NULL();
	}
	if (dim < 1)
		ereturn(fcinfo->context, (Datum) 0, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("sparsevec must have at least 1 dimension"));
	if (dim > SPARSEVEC_MAX_DIM)
		ereturn(fcinfo->context, (Datum) 0,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("sparsevec cannot have more than %d dimensions",
					   SPARSEVEC_MAX_DIM));
	if (typmod != -1 && typmod != dim)
		ereturn(fcinfo->context, (Datum) 0, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected %d dimensions, not %d", typmod, (int) dim));

	/* text may come in any order */
	qsort(entries, nnz, sizeof(SparseEntry), compare_entries);
	result = sparse_new(dim, nnz);
	for (int i = 0; i < nnz; i++)
	{
		const char *problem;

		result->indices[i] = entries[i].index - 1;
		SPARSEVEC_VALUES(result)[i] = entries[i].value;
		problem = index_problem(result->indices, i, dim);
		if (problem)
			ereturn(fcinfo->context, (Datum) 0,
					errcode(ERRCODE_DATA_EXCEPTION),
					errmsg_internal("%s", problem));
	}
	PG_RETURN_POINTER(result);
}

Datum
intel_sparsevec_out(PG_FUNCTION_ARGS)
{
	SparseView v = sparse_view(PG_GETARG_DATUM(0));
	/* per element: 10 digits, colon, float, comma; then {}/ and dimensions */
	char *text =
		palloc((size_t) (11 + FLOAT_SHORTEST_DECIMAL_LEN) * v.nnz + 16);
	char *p = text;

	*p++ = '{';
	for (int i = 0; i < v.nnz; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += pg_ltoa(v.indices[i] + 1, p);
		*p++ = ':';
		p += float_to_shortest_decimal_bufn(v.values[i], p);
	}
	*p++ = '}';
	*p++ = '/';
	p += pg_ltoa(v.dim, p);
	*p = '\0';

	sparse_view_free(&v);
	PG_RETURN_CSTRING(text);
}

Datum
intel_sparsevec_typmod_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(vector_typmod(PG_GETARG_ARRAYTYPE_P(0), "sparsevec",
								  SPARSEVEC_MAX_DIM));
}

Datum
intel_sparsevec_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	const uint8_t *data = (const uint8_t *) buf->data + buf->cursor;
	size_t size = buf->len - buf->cursor;
	SparseVector *result;
	int dim;
	int nnz;

	vector_report_wire_error("sparsevec",
							 sparse_wire_head(data, size, &dim, &nnz));
	vector_check_typmod(PG_GETARG_INT32(2), dim);
	result = sparse_new(dim, nnz);
	vector_report_wire_error("sparsevec",
							 sparse_wire_elements(data, size, dim, nnz,
												  result->indices,
												  SPARSEVEC_VALUES(result)));
	buf->cursor += sparse_wire_size(nnz);
	PG_RETURN_POINTER(result);
}

Datum
intel_sparsevec_send(PG_FUNCTION_ARGS)
{
	SparseView v = sparse_view(PG_GETARG_DATUM(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint32(&buf, v.dim);
	pq_sendint32(&buf, v.nnz);
	pq_sendint32(&buf, 0);
	for (int i = 0; i < v.nnz; i++)
		pq_sendint32(&buf, v.indices[i]);
	for (int i = 0; i < v.nnz; i++)
		pq_sendfloat4(&buf, v.values[i]);

	sparse_view_free(&v);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* Cast to sparsevec(n): the value itself, once its dimensions are checked. */
Datum
intel_sparsevec(PG_FUNCTION_ARGS)
{
	Datum value = PG_GETARG_DATUM(0);
	SparseView v = sparse_view(value);

	vector_check_typmod(PG_GETARG_INT32(1), v.dim);
	sparse_view_free(&v);
	PG_RETURN_DATUM(value);
}

/* ---- distances ----------------------------------------------------------- */

/* Both arguments, of the same dimensions. */
#define GETARG_PAIR(a, b)                                                     \
	SparseView a = sparse_view_packed(vector_getarg(fcinfo, 0));              \
	SparseView b = sparse_view_packed(vector_getarg(fcinfo, 1));              \
	check_same_dim(&a, &b)

/*
 * Merge two vectors, with TERM of their elements x and y at each index where
 * one of them is not zero. The steps are sums of comparisons, not branches,
 * which the CPU could only guess.
 */
#define SUM_UNION(a, b, sum, TERM)                                            \
	do                                                                        \
	{                                                                         \
		int i = 0;                                                            \
		int j = 0;                                                            \
		while (i < (a)->nnz && j < (b)->nnz)                                  \
		{                                                                     \
			int32 ai = (a)->indices[i];                                       \
			int32 bi = (b)->indices[j];                                       \
			float x = ai <= bi ? (a)->values[i] : 0;                          \
			float y = bi <= ai ? (b)->values[j] : 0;                          \
			(sum) += (TERM);                                                  \
			i += ai <= bi;                                                    \
			j += bi <= ai;                                                    \
		}                                                                     \
		for (; i < (a)->nnz; i++)                                             \
		{                                                                     \
			float x = (a)->values[i];                                         \
			float y = 0;                                                      \
			(sum) += (TERM);                                                  \
		}                                                                     \
		for (; j < (b)->nnz; j++)                                             \
		{                                                                     \
			float x = 0;                                                      \
			float y = (b)->values[j];                                         \
			(sum) += (TERM);                                                  \
		}                                                                     \
	} while (0)

static float
l2_squared(const SparseView *a, const SparseView *b)
{
	float sum = 0;

	SUM_UNION(a, b, sum, (x - y) * (x - y));
	return sum;
}

static float
l1(const SparseView *a, const SparseView *b)
{
	float sum = 0;

	SUM_UNION(a, b, sum, fabsf(x - y));
	return sum;
}

static float
inner_product(const SparseView *a, const SparseView *b)
{
	float sum = 0;
	int i = 0;
	int j = 0;

	while (i < a->nnz && j < b->nnz)
	{
		int32 ai = a->indices[i];
		int32 bi = b->indices[j];

		if (ai == bi)
			sum += a->values[i] * b->values[j];
		i += ai <= bi;
		j += bi <= ai;
	}
	return sum;
}

Datum
intel_sparsevec_l2_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8(sqrt((double) l2_squared(&a, &b)));
}

Datum
intel_sparsevec_l2_squared_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8((double) l2_squared(&a, &b));
}

Datum
intel_sparsevec_inner_product(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8((double) inner_product(&a, &b));
}

Datum
intel_sparsevec_negative_inner_product(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8((double) -inner_product(&a, &b));
}

Datum
intel_sparsevec_cosine_distance(PG_FUNCTION_ARGS)
{
	VectorCosine sums;

	GETARG_PAIR(a, b);
	sums.dot = inner_product(&a, &b);
	sums.norm_a = vector_kernels->inner_product(a.nnz, a.values, a.values);
	sums.norm_b = vector_kernels->inner_product(b.nnz, b.values, b.values);
	PG_RETURN_FLOAT8(vector_cosine_distance(sums));
}

Datum
intel_sparsevec_l1_distance(PG_FUNCTION_ARGS)
{
	GETARG_PAIR(a, b);

	PG_RETURN_FLOAT8((double) l1(&a, &b));
}

Datum
intel_sparsevec_l2_norm(PG_FUNCTION_ARGS)
{
	SparseView v = sparse_view(PG_GETARG_DATUM(0));

	PG_RETURN_FLOAT8(sqrt(vector_kernels->norm_squared(v.nnz, v.values)));
}

/* A vector of length 1 in the same direction; zero stays zero. */
Datum
intel_sparsevec_l2_normalize(PG_FUNCTION_ARGS)
{
	SparseView v = sparse_view(PG_GETARG_DATUM(0));
	double norm = sqrt(vector_kernels->norm_squared(v.nnz, v.values));
	float *x = palloc(v.nnz * sizeof(float));
	SparseVector *result;
	int nnz = 0;

	/* elements may underflow to zero, and zeros are not stored */
	for (int i = 0; i < v.nnz; i++)
	{
		x[i] = norm > 0 ? (float) (v.values[i] / norm) : 0;
		if (isinf(x[i]))
			float_overflow_error();
		nnz += x[i] != 0;
	}

	result = sparse_new(v.dim, nnz);
	for (int i = 0, j = 0; i < v.nnz; i++)
		if (x[i] != 0)
		{
			result->indices[j] = v.indices[i];
			SPARSEVEC_VALUES(result)[j] = x[i];
			j++;
		}
	PG_RETURN_POINTER(result);
}

/* ---- order and hash ------------------------------------------------------ */

/*
 * As the dense vectors compare: the first different element decides, and an
 * element that only one side stores is compared with zero.
 */
static int
compare_views(const SparseView *a, const SparseView *b)
{
	int shared = Min(a->nnz, b->nnz);

	for (int i = 0; i < shared; i++)
	{
		if (a->indices[i] < b->indices[i])
			return a->values[i] < 0 ? -1 : 1;
		if (a->indices[i] > b->indices[i])
			return b->values[i] < 0 ? 1 : -1;
		if (a->values[i] != b->values[i])
			return a->values[i] < b->values[i] ? -1 : 1;
	}
	if (a->nnz < b->nnz && b->indices[shared] < a->dim)
		return b->values[shared] < 0 ? 1 : -1;
	if (a->nnz > b->nnz && a->indices[shared] < b->dim)
		return a->values[shared] < 0 ? -1 : 1;
	return (a->dim > b->dim) - (a->dim < b->dim);
}

static int
compare(FunctionCallInfo fcinfo)
{
	SparseView a = sparse_view(PG_GETARG_DATUM(0));
	SparseView b = sparse_view(PG_GETARG_DATUM(1));
	int result = compare_views(&a, &b);

	sparse_view_free(&a);
	sparse_view_free(&b);
	return result;
}

Datum
intel_sparsevec_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

Datum
intel_sparsevec_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

Datum
intel_sparsevec_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) == 0);
}

Datum
intel_sparsevec_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) != 0);
}

Datum
intel_sparsevec_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

Datum
intel_sparsevec_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

Datum
intel_sparsevec_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}

/* Stored elements are not zero, so their bits decide. */
static uint64
hash(FunctionCallInfo fcinfo, uint64 seed)
{
	SparseView v = sparse_view(PG_GETARG_DATUM(0));
	uint64 result = hash_bytes_uint32_extended(v.dim, seed);

	result = hash_combine64(
		result, hash_bytes_extended((const unsigned char *) v.indices,
									v.nnz * sizeof(int32), seed));
	result = hash_combine64(result, vector_hash_floats(v.values, v.nnz, seed));
	sparse_view_free(&v);
	return result;
}

Datum
intel_sparsevec_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) hash(fcinfo, 0));
}

Datum
intel_sparsevec_hash_extended(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT64(hash(fcinfo, PG_GETARG_INT64(1)));
}
