/*-------------------------------------------------------------------------
 *
 * vector_aggregate.c
 *		avg() and vector_stats() of dense vectors.
 *
 * The state is an array of float8, as for float aggregates of the server, so
 * it needs no serialisation for parallel plans. When called as an aggregate,
 * the state is updated in place. sum() is vector_add (vector_arith.c).
 *
 *	avg:			count, sums per element
 *	vector_stats:	count, sum, least and greatest norm; then per element the
 *					sums, then the least, then the greatest values
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/float.h"

#include "vector/vector_int.h"

INTEL_FUNCTION(vector_accum);
INTEL_FUNCTION(vector_combine);
INTEL_FUNCTION(vector_avg);
INTEL_FUNCTION(halfvec_accum);
INTEL_FUNCTION(halfvec_avg);
INTEL_FUNCTION(vector_stats_accum);
INTEL_FUNCTION(vector_stats_combine);
INTEL_FUNCTION(vector_stats_final);

#define STATE_VALUES(state) ((float8 *) ARR_DATA_PTR(state))
#define STATE_SIZE(state) (ARR_DIMS(state)[0])

/* A state that came as an argument; whoever calls by hand may pass anything. */
static ArrayType *
get_state(FunctionCallInfo fcinfo, int arg, int head, int per_element)
{
	ArrayType *state = PG_GETARG_ARRAYTYPE_P(arg);

	if (ARR_NDIM(state) != 1 || ARR_HASNULL(state) ||
		ARR_ELEMTYPE(state) != FLOAT8OID || STATE_SIZE(state) < head ||
		(STATE_SIZE(state) - head) % per_element != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument is no state of a vector aggregate"));
	return state;
}

static ArrayType *
new_state(int size)
{
	size_t bytes = ARR_OVERHEAD_NONULLS(1) + size * sizeof(float8);
	ArrayType *state = palloc0(bytes);

	SET_VARSIZE(state, bytes);
	state->ndim = 1;
	state->elemtype = FLOAT8OID;
	ARR_DIMS(state)[0] = size;
	ARR_LBOUND(state)[0] = 1;
	return state;
}

/* The state to write to: the same one in an aggregate, else a copy. */
static ArrayType *
writable_state(FunctionCallInfo fcinfo, ArrayType *state)
{
	ArrayType *copy;

	if (AggCheckCallContext(fcinfo, NULL))
		return state;
	copy = palloc(VARSIZE(state));
	memcpy(copy, state, VARSIZE(state));
	return copy;
}

static void
check_state_dim(int expected, int dim)
{
	if (expected != dim)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected %d dimensions, not %d", expected, dim));
}

/* ---- avg ----------------------------------------------------------------- */

static Datum
accumulate(FunctionCallInfo fcinfo, const DenseType *type)
{
	ArrayType *state = get_state(fcinfo, 0, 1, 1);
	DenseView v = dense_view(type, PG_GETARG_DATUM(1));
	const VectorFloat *x = dense_floats(type, &v);
	float8 *sums;

	if (STATE_SIZE(state) == 1)
		state = new_state(v.dim + 1);
	else
		state = writable_state(fcinfo, state);
	check_state_dim(STATE_SIZE(state) - 1, v.dim);

	STATE_VALUES(state)[0]++;
	sums = STATE_VALUES(state) + 1;
	for (int i = 0; i < v.dim; i++)
		sums[i] += x[i];
	for (int i = 0; i < v.dim; i++)
		if (unlikely(isinf(sums[i])))
			float_overflow_error();

	if (type != &dense_vector)
		pfree((void *) x);
	dense_view_free(&v);
	PG_RETURN_ARRAYTYPE_P(state);
}

static Datum
average(FunctionCallInfo fcinfo, const DenseType *type)
{
	ArrayType *state = get_state(fcinfo, 0, 1, 1);
	const float8 *values = STATE_VALUES(state);
	int dim = STATE_SIZE(state) - 1;
	float *x;

	/* SQL: the average of no values is null */
	if (values[0] == 0)
		PG_RETURN_NULL();

	dense_check_dim(type, dim);
	x = palloc(dim * sizeof(float));
	for (int i = 0; i < dim; i++)
		x[i] = (float) (values[i + 1] / values[0]);
	PG_RETURN_POINTER(dense_from_floats(type, x, dim, NULL));
}

Datum
intel_vector_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, &dense_vector);
}

/* Of states of either type. */
Datum
intel_vector_combine(PG_FUNCTION_ARGS)
{
	ArrayType *a = get_state(fcinfo, 0, 1, 1);
	ArrayType *b = get_state(fcinfo, 1, 1, 1);
	float8 *values;

	if (STATE_VALUES(b)[0] == 0)
		PG_RETURN_ARRAYTYPE_P(a);
	if (STATE_VALUES(a)[0] == 0)
		PG_RETURN_ARRAYTYPE_P(b);
	check_state_dim(STATE_SIZE(a) - 1, STATE_SIZE(b) - 1);

	a = writable_state(fcinfo, a);
	values = STATE_VALUES(a);
	for (int i = 0; i < STATE_SIZE(a); i++)
	{
		values[i] += STATE_VALUES(b)[i];
		if (unlikely(isinf(values[i])))
			float_overflow_error();
	}
	PG_RETURN_ARRAYTYPE_P(a);
}

Datum
intel_vector_avg(PG_FUNCTION_ARGS)
{
	return average(fcinfo, &dense_vector);
}

Datum
intel_halfvec_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_avg(PG_FUNCTION_ARGS)
{
	return average(fcinfo, &dense_halfvec);
}

/* ---- vector_stats -------------------------------------------------------- */

enum
{
	STATS_COUNT,
	STATS_NORM_SUM,
	STATS_NORM_MIN,
	STATS_NORM_MAX,
	STATS_HEAD
};

/* The three parts of a state after its head. */
typedef struct StatsElements
{
	int dim;
	float8 *sum;
	float8 *min;
	float8 *max;
} StatsElements;

static StatsElements
stats_elements(ArrayType *state)
{
	StatsElements e;

	e.dim = (STATE_SIZE(state) - STATS_HEAD) / 3;
	e.sum = STATE_VALUES(state) + STATS_HEAD;
	e.min = e.sum + e.dim;
	e.max = e.min + e.dim;
	return e;
}

Datum
intel_vector_stats_accum(PG_FUNCTION_ARGS)
{
	ArrayType *state = get_state(fcinfo, 0, STATS_HEAD, 3);
	DenseView v = dense_view(&dense_vector, PG_GETARG_DATUM(1));
	const VectorFloat *x = v.x;
	double norm = sqrt(vector_kernels->norm_squared(v.dim, x));
	StatsElements e;
	float8 *head;
	bool first = STATE_VALUES(state)[STATS_COUNT] == 0;

	state = first ? new_state(STATS_HEAD + 3 * v.dim)
				  : writable_state(fcinfo, state);
	e = stats_elements(state);
	check_state_dim(e.dim, v.dim);

	head = STATE_VALUES(state);
	head[STATS_COUNT]++;
	head[STATS_NORM_SUM] += norm;
	head[STATS_NORM_MIN] = first ? norm : Min(head[STATS_NORM_MIN], norm);
	head[STATS_NORM_MAX] = Max(head[STATS_NORM_MAX], norm);
	for (int i = 0; i < v.dim; i++)
	{
		e.sum[i] += x[i];
		e.min[i] = first ? x[i] : Min(e.min[i], x[i]);
		e.max[i] = first ? x[i] : Max(e.max[i], x[i]);
	}
	dense_view_free(&v);
	PG_RETURN_ARRAYTYPE_P(state);
}

Datum
intel_vector_stats_combine(PG_FUNCTION_ARGS)
{
	ArrayType *a = get_state(fcinfo, 0, STATS_HEAD, 3);
	ArrayType *b = get_state(fcinfo, 1, STATS_HEAD, 3);
	const float8 *from = STATE_VALUES(b);
	float8 *head;
	StatsElements e;
	StatsElements f = stats_elements(b);

	if (from[STATS_COUNT] == 0)
		PG_RETURN_ARRAYTYPE_P(a);
	if (STATE_VALUES(a)[STATS_COUNT] == 0)
		PG_RETURN_ARRAYTYPE_P(b);

	a = writable_state(fcinfo, a);
	e = stats_elements(a);
	check_state_dim(e.dim, f.dim);

	head = STATE_VALUES(a);
	head[STATS_COUNT] += from[STATS_COUNT];
	head[STATS_NORM_SUM] += from[STATS_NORM_SUM];
	head[STATS_NORM_MIN] = Min(head[STATS_NORM_MIN], from[STATS_NORM_MIN]);
	head[STATS_NORM_MAX] = Max(head[STATS_NORM_MAX], from[STATS_NORM_MAX]);
	for (int i = 0; i < e.dim; i++)
	{
		e.sum[i] += f.sum[i];
		e.min[i] = Min(e.min[i], f.min[i]);
		e.max[i] = Max(e.max[i], f.max[i]);
	}
	PG_RETURN_ARRAYTYPE_P(a);
}

static Datum
vector_from_doubles(const float8 *values, int dim, double divisor)
{
	float *x = palloc(dim * sizeof(float));

	for (int i = 0; i < dim; i++)
		x[i] = (float) (values[i] / divisor);
	return PointerGetDatum(dense_from_floats(&dense_vector, x, dim, NULL));
}

/* One row (count, dims, mean, min, max, norm_mean, norm_min, norm_max). */
Datum
intel_vector_stats_final(PG_FUNCTION_ARGS)
{
	ArrayType *state = get_state(fcinfo, 0, STATS_HEAD, 3);
	const float8 *head = STATE_VALUES(state);
	StatsElements e = stats_elements(state);
	double count = head[STATS_COUNT];
	TupleDesc desc;
	Datum values[8];
	bool nulls[8] = {false};

	if (count == 0)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type of vector_stats must be a row type");

	values[0] = Int64GetDatum((int64) count);
	values[1] = Int32GetDatum(e.dim);
	values[2] = vector_from_doubles(e.sum, e.dim, count);
	values[3] = vector_from_doubles(e.min, e.dim, 1);
	values[4] = vector_from_doubles(e.max, e.dim, 1);
	values[5] = Float8GetDatum(head[STATS_NORM_SUM] / count);
	values[6] = Float8GetDatum(head[STATS_NORM_MIN]);
	values[7] = Float8GetDatum(head[STATS_NORM_MAX]);
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
