/*-------------------------------------------------------------------------
 *
 * vector_subscript.c
 *		Reading elements and parts: v[i] is a real, v[i:j] a vector.
 *
 * Numbered from 1, as arrays are. Where arrays give null or an empty array,
 * that is outside of the bounds, the result is null, since there are no
 * vectors without elements. Assignment is refused at parse time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/execExpr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/subscripting.h"
#include "parser/parse_coerce.h"
#include "parser/parse_expr.h"
#include "utils/builtins.h"

#include "vector/half.h"
#include "vector/vector_int.h"

INTEL_FUNCTION(vector_subscript);
INTEL_FUNCTION(halfvec_subscript);
INTEL_FUNCTION(sparsevec_subscript);

/* One container type: how to read an element and how to cut out a part. */
typedef struct Container
{
	int (*dim)(Datum value);
	float (*element)(Datum value, int index);
	Datum (*slice)(Datum value, int first, int count);
} Container;

/* ---- the containers ------------------------------------------------------ */

static Datum
dense_slice(const DenseType *type, Datum value, int first, int count)
{
	DenseView v = dense_view(type, value);
	Vector *result = dense_new(type, count);

	memcpy(result->x, (const char *) v.x + first * type->element_size,
		   count * type->element_size);
	return PointerGetDatum(result);
}

static int
vector_dim(Datum value)
{
	return dense_view(&dense_vector, value).dim;
}

static float
vector_element(Datum value, int index)
{
	return ((const VectorFloat *) dense_view(&dense_vector, value).x)[index];
}

static Datum
vector_slice(Datum value, int first, int count)
{
	return dense_slice(&dense_vector, value, first, count);
}

static int
halfvec_dim(Datum value)
{
	return dense_view(&dense_halfvec, value).dim;
}

static float
halfvec_element(Datum value, int index)
{
	return half_to_float(
		((const VectorHalf *) dense_view(&dense_halfvec, value).x)[index]);
}

static Datum
halfvec_slice(Datum value, int first, int count)
{
	return dense_slice(&dense_halfvec, value, first, count);
}

static int
sparsevec_dim(Datum value)
{
	return sparse_view(value).dim;
}

static float
sparsevec_element(Datum value, int index)
{
	SparseView v = sparse_view(value);

	return sparse_element(&v, index);
}

static Datum
sparsevec_slice(Datum value, int first, int count)
{
	SparseView v = sparse_view(value);
	SparseVector *result;
	int start = 0;
	int end;

	while (start < v.nnz && v.indices[start] < first)
		start++;
	for (end = start; end < v.nnz && v.indices[end] - first < count;)
		end++;

	result = sparse_new(count, end - start);
	for (int i = start; i < end; i++)
	{
		result->indices[i - start] = v.indices[i] - first;
		SPARSEVEC_VALUES(result)[i - start] = v.values[i];
	}
	return PointerGetDatum(result);
}

static const Container vector_container = {vector_dim, vector_element,
										   vector_slice};
static const Container halfvec_container = {halfvec_dim, halfvec_element,
											halfvec_slice};
static const Container sparsevec_container = {sparsevec_dim, sparsevec_element,
											  sparsevec_slice};

/* ---- parse time ---------------------------------------------------------- */

static Node *
subscript_to_int4(ParseState *pstate, Node *node)
{
	Node *expr;
	Node *result;

	if (node == NULL)
		return NULL;
	expr = transformExpr(pstate, node, pstate->p_expr_kind);
	result =
		coerce_to_target_type(pstate, expr, exprType(expr), INT4OID, -1,
							  COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (result == NULL)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("vector subscript must have type integer"),
				parser_errposition(pstate, exprLocation(expr)));
	return result;
}

static void
transform(SubscriptingRef *ref, List *indirection, ParseState *pstate,
		  bool is_slice, bool is_assignment)
{
	A_Indices *index = linitial_node(A_Indices, indirection);

	if (is_assignment)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("elements of type %s cannot be assigned",
					   format_type_be(ref->refcontainertype)));
	if (list_length(indirection) > 1)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("type %s has only one subscript",
					   format_type_be(ref->refcontainertype)));

	ref->refupperindexpr = list_make1(subscript_to_int4(pstate, index->uidx));
	if (is_slice)
	{
		ref->reflowerindexpr =
			list_make1(subscript_to_int4(pstate, index->lidx));
		ref->refrestype = ref->refcontainertype;
		ref->reftypmod = -1;
	}
	else
	{
		ref->refrestype = FLOAT4OID;
		ref->reftypmod = -1;
	}
}

/* ---- run time ------------------------------------------------------------ */

/* Subscripts of the current row, filled by check_subscripts. */
typedef struct Subscripts
{
	const Container *container;
	bool is_slice;
	bool has_lower;
	bool has_upper;
	int32 lower;
	int32 upper;
} Subscripts;

static bool
check_subscripts(ExprState *state, ExprEvalStep *op, ExprContext *econtext)
{
	SubscriptingRefState *ref = op->d.sbsref_subscript.state;
	Subscripts *s = ref->workspace;

	(void) state;
	(void) econtext;
	s->has_lower = s->is_slice && ref->lowerprovided[0];
	s->has_upper = ref->upperprovided[0];
	if ((s->has_lower && ref->lowerindexnull[0]) ||
		(s->has_upper && ref->upperindexnull[0]))
	{
		*op->resnull = true;
		return false;
	}
	if (s->has_lower)
		s->lower = DatumGetInt32(ref->lowerindex[0]);
	if (s->has_upper)
		s->upper = DatumGetInt32(ref->upperindex[0]);
	return true;
}

static void
fetch(ExprState *state, ExprEvalStep *op, ExprContext *econtext)
{
	SubscriptingRefState *ref = op->d.sbsref.state;
	Subscripts *s = ref->workspace;
	Datum value = *op->resvalue;
	int dim = s->container->dim(value);
	int first;
	int last;

	(void) state;
	(void) econtext;
	if (!s->is_slice)
	{
		if (s->upper < 1 || s->upper > dim)
			*op->resnull = true;
		else
			*op->resvalue =
				Float4GetDatum(s->container->element(value, s->upper - 1));
		return;
	}

	first = s->has_lower ? Max(s->lower, 1) : 1;
	last = s->has_upper ? Min(s->upper, dim) : dim;
	if (first > last)
		*op->resnull = true;
	else
		*op->resvalue =
			s->container->slice(value, first - 1, last - first + 1);
}

static void
setup(const SubscriptingRef *sbsref, SubscriptingRefState *ref,
	  SubscriptExecSteps *methods, const Container *container)
{
	Subscripts *s = palloc0(sizeof(Subscripts));

	s->container = container;
	s->is_slice = sbsref->reflowerindexpr != NIL;
	ref->workspace = s;
	methods->sbs_check_subscripts = check_subscripts;
	methods->sbs_fetch = fetch;
}

static void
vector_setup(const SubscriptingRef *sbsref, SubscriptingRefState *ref,
			 SubscriptExecSteps *methods)
{
	setup(sbsref, ref, methods, &vector_container);
}

static void
halfvec_setup(const SubscriptingRef *sbsref, SubscriptingRefState *ref,
			  SubscriptExecSteps *methods)
{
	setup(sbsref, ref, methods, &halfvec_container);
}

static void
sparsevec_setup(const SubscriptingRef *sbsref, SubscriptingRefState *ref,
				SubscriptExecSteps *methods)
{
	setup(sbsref, ref, methods, &sparsevec_container);
}

/* Null in, null out; and reading never raises. */
#define ROUTINES(setup_function)                                              \
	{                                                                         \
		.transform = transform, .exec_setup = (setup_function),               \
		.fetch_strict = true, .fetch_leakproof = true,                        \
		.store_leakproof = false                                              \
	}

static const SubscriptRoutines vector_routines = ROUTINES(vector_setup);
static const SubscriptRoutines halfvec_routines = ROUTINES(halfvec_setup);
static const SubscriptRoutines sparsevec_routines = ROUTINES(sparsevec_setup);

Datum
intel_vector_subscript(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_POINTER(&vector_routines);
}

Datum
intel_halfvec_subscript(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_POINTER(&halfvec_routines);
}

Datum
intel_sparsevec_subscript(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_POINTER(&sparsevec_routines);
}
