/*-------------------------------------------------------------------------
 *
 * sparsevec_aggregate.c
 *		sum() and avg() of sparse vectors.
 *
 * The state is a hash table from index to sum, since the union of many sparse
 * rows can hold far more elements than one value may; only the result is
 * limited to SPARSEVEC_MAX_NNZ elements. For parallel plans the table is sent
 * as dimensions, count and (index, sum) entries.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/float.h"

#include "vector/vector_int.h"

INTEL_FUNCTION(sparsevec_accum);
INTEL_FUNCTION(sparsevec_combine);
INTEL_FUNCTION(sparsevec_serialize);
INTEL_FUNCTION(sparsevec_deserialize);
INTEL_FUNCTION(sparsevec_sum);
INTEL_FUNCTION(sparsevec_avg);

typedef struct SumEntry
{
	int32 index;
	char status; /* of simplehash */
	double sum;
} SumEntry;

#define SH_PREFIX sums
#define SH_ELEMENT_TYPE SumEntry
#define SH_KEY_TYPE int32
#define SH_KEY index
#define SH_HASH_KEY(tb, key) hash_bytes_uint32((uint32) (key))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct SumState
{
	int dim;
	int64 count;
	sums_hash *sums;
} SumState;

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "sparsevec aggregate function called outside of an "
					"aggregate");
	return context;
}

static SumState *
new_state(MemoryContext context, int dim)
{
	SumState *state = MemoryContextAlloc(context, sizeof(SumState));

	state->dim = dim;
	state->count = 0;
	state->sums = sums_create(context, 256, NULL);
	return state;
}

static void
add_element(SumState *state, int32 index, double value)
{
	bool found;
	SumEntry *entry = sums_insert(state->sums, index, &found);

	entry->sum = found ? entry->sum + value : value;
}

static void
check_state_dim(const SumState *state, int dim)
{
	if (state->dim != dim)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected %d dimensions, not %d", state->dim, dim));
}

/* Not strict: the first value makes the state, and nulls are skipped. */
Datum
intel_sparsevec_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	SumState *state =
		PG_ARGISNULL(0) ? NULL : (SumState *) PG_GETARG_POINTER(0);
	SparseView v;

	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}

	v = sparse_view(PG_GETARG_DATUM(1));
	if (state == NULL)
		state = new_state(context, v.dim);
	check_state_dim(state, v.dim);
	state->count++;
	for (int i = 0; i < v.nnz; i++)
		add_element(state, v.indices[i], v.values[i]);
	sparse_view_free(&v);
	PG_RETURN_POINTER(state);
}

Datum
intel_sparsevec_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	SumState *a = PG_ARGISNULL(0) ? NULL : (SumState *) PG_GETARG_POINTER(0);
	SumState *b = PG_ARGISNULL(1) ? NULL : (SumState *) PG_GETARG_POINTER(1);
	sums_iterator iterator;
	SumEntry *entry;

	if (b == NULL)
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	if (a == NULL)
		a = new_state(context, b->dim);
	check_state_dim(a, b->dim);
	a->count += b->count;
	sums_start_iterate(b->sums, &iterator);
	while ((entry = sums_iterate(b->sums, &iterator)) != NULL)
		add_element(a, entry->index, entry->sum);
	PG_RETURN_POINTER(a);
}

Datum
intel_sparsevec_serialize(PG_FUNCTION_ARGS)
{
	SumState *state = (SumState *) PG_GETARG_POINTER(0);
	StringInfoData buf;
	sums_iterator iterator;
	SumEntry *entry;

	aggregate_context(fcinfo);
	pq_begintypsend(&buf);
	pq_sendint32(&buf, state->dim);
	pq_sendint64(&buf, state->count);
	pq_sendint64(&buf, state->sums->members);
	sums_start_iterate(state->sums, &iterator);
	while ((entry = sums_iterate(state->sums, &iterator)) != NULL)
	{
		pq_sendint32(&buf, entry->index);
		pq_sendfloat8(&buf, entry->sum);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
intel_sparsevec_deserialize(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);
	SumState *state;
	StringInfoData buf;
	int64 members;

	aggregate_context(fcinfo);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	state = new_state(CurrentMemoryContext, pq_getmsgint(&buf, 4));
	state->count = pq_getmsgint64(&buf);
	members = pq_getmsgint64(&buf);
	for (int64 i = 0; i < members; i++)
	{
		int32 index = pq_getmsgint(&buf, 4);

		add_element(state, index, pq_getmsgfloat8(&buf));
	}
	pq_getmsgend(&buf);
	pfree(buf.data);
	PG_RETURN_POINTER(state);
}

static int
compare_sums(const void *a, const void *b)
{
	int32 x = ((const SumEntry *) a)->index;
	int32 y = ((const SumEntry *) b)->index;

	return (x > y) - (x < y);
}

/* The sums divided, in order, without those that came out as zero. */
static SparseVector *
result_vector(SumState *state, double divisor)
{
	SumEntry *entries = palloc_extended(
		state->sums->members * sizeof(SumEntry), MCXT_ALLOC_HUGE);
	SparseVector *result;
	sums_iterator iterator;
	SumEntry *entry;
	int64 n = 0;

	sums_start_iterate(state->sums, &iterator);
	while ((entry = sums_iterate(state->sums, &iterator)) != NULL)
		if ((float) (entry->sum / divisor) != 0)
			entries[n++] = *entry;
	sparse_check_nnz(n);
	qsort(entries, n, sizeof(SumEntry), compare_sums);

	result = sparse_new(state->dim, n);
	for (int64 i = 0; i < n; i++)
	{
		float value = (float) (entries[i].sum / divisor);

		if (isinf(value))
			float_overflow_error();
		result->indices[i] = entries[i].index;
		SPARSEVEC_VALUES(result)[i] = value;
	}
	return result;
}

Datum
intel_sparsevec_sum(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(result_vector((SumState *) PG_GETARG_POINTER(0), 1));
}

Datum
intel_sparsevec_avg(PG_FUNCTION_ARGS)
{
	SumState *state;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (SumState *) PG_GETARG_POINTER(0);
	PG_RETURN_POINTER(result_vector(state, state->count));
}
