/*-------------------------------------------------------------------------
 *
 * vector_dense.c
 *		The dense types vector and halfvec: access to values, input, output
 *		and type modifier.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/syscache.h"

#include "vector/half.h"
#include "vector/vector_int.h"

INTEL_FUNCTION(vector_in);
INTEL_FUNCTION(vector_out);
INTEL_FUNCTION(vector_typmod_in);
INTEL_FUNCTION(vector_recv);
INTEL_FUNCTION(vector_send);
INTEL_FUNCTION(vector);
INTEL_FUNCTION(halfvec_in);
INTEL_FUNCTION(halfvec_out);
INTEL_FUNCTION(halfvec_typmod_in);
INTEL_FUNCTION(halfvec_recv);
INTEL_FUNCTION(halfvec_send);
INTEL_FUNCTION(halfvec);
INTEL_FUNCTION(vector_cast_support);

StaticAssertDecl(offsetof(Vector, dim) == 4, "on-disk layout of vector");
StaticAssertDecl(offsetof(Vector, x) == 8, "on-disk layout of vector");
StaticAssertDecl(offsetof(HalfVector, x) == 8, "on-disk layout of halfvec");

const DenseType dense_vector = {"vector", VECTOR_MAX_DIM, sizeof(float)};
const DenseType dense_halfvec = {"halfvec", HALFVEC_MAX_DIM, sizeof(uint16)};

/* dimensions and the unused word: what precedes the elements in the data */
#define DENSE_PREFIX (offsetof(Vector, x) - VARHDRSZ)

/* ---- values -------------------------------------------------------------- */

Vector *
dense_new(const DenseType *type, int dim)
{
	size_t size = offsetof(Vector, x) + type->element_size * dim;
	Vector *result = palloc0(size);

	SET_VARSIZE(result, size);
	result->dim = dim;
	return result;
}

Vector *
vector_new(int dim)
{
	return dense_new(&dense_vector, dim);
}

void
dense_check_dim(const DenseType *type, int64 dim)
{
	if (dim < 1)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("%s must have at least 1 dimension", type->name));
	if (dim > type->max_dim)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("%s cannot have more than %d dimensions", type->name,
					   type->max_dim));
}

void
vector_check_dim(int dim)
{
	dense_check_dim(&dense_vector, dim);
}

void
vector_check_typmod(int32 typmod, int dim)
{
	if (typmod != -1 && typmod != dim)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected %d dimensions, not %d", typmod, dim));
}

void
vector_check_element(const char *type_name, float value)
{
	if (likely(isfinite(value)))
		return;
	ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
			isnan(value)
				? errmsg("NaN not allowed in %s", type_name)
				: errmsg("infinite value not allowed in %s", type_name));
}

DenseView
dense_view_packed(const DenseType *type, const struct varlena *value)
{
	const char *data = VARDATA_ANY(value);
	size_t size = VARSIZE_ANY_EXHDR(value);
	int16 dim = 0;

	if (size >= DENSE_PREFIX)
		memcpy(&dim, data, sizeof(dim));
	if (unlikely(dim < 1 || size != DENSE_PREFIX + type->element_size * dim))
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("%s of %d dimensions has %zu bytes", type->name, dim,
					   size));
	return (DenseView){.dim = dim, .x = data + DENSE_PREFIX};
}

DenseView
dense_view(const DenseType *type, Datum value)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	DenseView view = dense_view_packed(type, packed);

	if (packed != (struct varlena *) DatumGetPointer(value))
		view.copy = packed;
	return view;
}

const VectorFloat *
dense_floats(const DenseType *type, const DenseView *view)
{
	float *x;

	if (type == &dense_vector)
		return view->x;
	x = palloc(sizeof(float) * view->dim);
	vector_kernels->half_to_float(view->dim, view->x, x);
	return x;
}

Vector *
dense_from_floats(const DenseType *type, const float *x, int dim,
				  Node *context)
{
	Vector *result = dense_new(type, dim);

	for (int i = 0; i < dim; i++)
		if (unlikely(!isfinite(x[i])))
			ereturn(context, NULL, errcode(ERRCODE_DATA_EXCEPTION),
					isnan(x[i]) ? errmsg("NaN not allowed in %s", type->name)
								: errmsg("infinite value not allowed in %s",
										 type->name));

	if (type == &dense_vector)
		memcpy(result->x, x, dim * sizeof(float));
	else
		for (int i = 0; i < dim; i++)
		{
			uint16 half = half_from_float(x[i]);

			if (unlikely((half & 0x7fff) == 0x7c00))
				ereturn(
					context, NULL, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("value is out of range for type %s", type->name),
					errdetail("It is element %d.", i + 1));
			((HalfVector *) result)->x[i] = half;
		}
	return result;
}

Vector *
dense_from_result(const DenseType *type, const float *x, int dim)
{
	Vector *result = dense_new(type, dim);

	for (int i = 0; i < dim; i++)
		if (unlikely(isinf(x[i])))
			float_overflow_error();

	if (type == &dense_vector)
		memcpy(result->x, x, dim * sizeof(float));
	else
		for (int i = 0; i < dim; i++)
		{
			uint16 half = half_from_float(x[i]);

			if (unlikely((half & 0x7fff) == 0x7c00))
				float_overflow_error();
			((HalfVector *) result)->x[i] = half;
		}
	return result;
}

/* ---- text ---------------------------------------------------------------- */

void
vector_report_parse_error(Node *context, const char *type_name,
						  VectorParseStatus status, const char *text,
						  size_t offset, int count)
{
	switch (status)
	{
		case VECTOR_PARSE_OK:
			break;
		case VECTOR_PARSE_NO_BRACKET:
			errsave(context, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("invalid input syntax for type %s", type_name),
					errdetail("Vector contents must start with \"%c\".",
							  type_name[0] == 's' ? '{' : '['));
			break;
		case VECTOR_PARSE_EMPTY:
			errsave(context, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("%s must have at least 1 dimension", type_name));
			break;
		case VECTOR_PARSE_SYNTAX:
			errsave(
				context, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				errmsg("invalid input syntax for type %s", type_name),
				text[offset] == '\0'
					? errdetail("Unexpected end of input.")
					: errdetail("Unexpected input at byte %zu.", offset + 1));
			break;
		case VECTOR_PARSE_TRAILING:
			errsave(context, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("invalid input syntax for type %s", type_name),
					errdetail("Junk at the end, from byte %zu.", offset + 1));
			break;
		case VECTOR_PARSE_TOO_MANY:
			errsave(context, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					type_name[0] == 's'
						? errmsg("%s cannot have more than %d non-zero "
								 "elements",
								 type_name, SPARSEVEC_MAX_NNZ)
						: errmsg("%s cannot have more than %d dimensions",
								 type_name, VECTOR_MAX_DIM));
			break;
		case VECTOR_PARSE_RANGE:
			errsave(context, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("value is out of range for type %s", type_name),
					errdetail("It is element %d.", count + 1));
			break;
		case VECTOR_PARSE_NAN:
			errsave(context, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("NaN not allowed in %s", type_name));
			break;
		case VECTOR_PARSE_INFINITE:
			errsave(context, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("infinite value not allowed in %s", type_name));
			break;
	}
}

static Datum
dense_in(FunctionCallInfo fcinfo, const DenseType *type)
{
	const char *text = PG_GETARG_CSTRING(0);
	int32 typmod = PG_GETARG_INT32(2);
	int bound = vector_parse_bound(text, type->max_dim);
	Vector *result;
	float *x;
	VectorParseStatus status;
	size_t offset;
	int dim;

	/* floats are read into the value itself, halves into an array first */
	result = type == &dense_vector ? palloc(VECTOR_SIZE(bound)) : NULL;
	x = result ? result->x : palloc(bound * sizeof(float));

	status = vector_parse(text, bound, x, &dim, &offset);
	if (status != VECTOR_PARSE_OK)
	{
		vector_report_parse_error(fcinfo->context, type->name, status, text,
								  offset, dim);
		PG_RETURN_NULL();
	}
	if (typmod != -1 && typmod != dim)
		ereturn(fcinfo->context, (Datum) 0, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected %d dimensions, not %d", typmod, dim));

	if (result == NULL)
	{
		result = dense_from_floats(type, x, dim, fcinfo->context);
		if (result == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(result);
	}
	SET_VARSIZE(result, VECTOR_SIZE(dim));
	result->dim = dim;
	result->unused = 0;
	PG_RETURN_POINTER(result);
}

static Datum
dense_out(FunctionCallInfo fcinfo, const DenseType *type)
{
	DenseView v = dense_view(type, PG_GETARG_DATUM(0));
	const VectorFloat *x = dense_floats(type, &v);
	/* an element and its comma fit FLOAT_SHORTEST_DECIMAL_LEN bytes */
	char *text = palloc((size_t) FLOAT_SHORTEST_DECIMAL_LEN * v.dim + 3);
	char *p = text;

	*p++ = '[';
	for (int i = 0; i < v.dim; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += float_to_shortest_decimal_bufn(x[i], p);
	}
	*p++ = ']';
	*p = '\0';

	dense_view_free(&v);
	PG_RETURN_CSTRING(text);
}

/* ---- binary -------------------------------------------------------------- */

void
vector_report_wire_error(const char *type_name, VectorWireStatus status)
{
	switch (status)
	{
		case VECTOR_WIRE_OK:
			break;
		case VECTOR_WIRE_SHORT:
			ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
					errmsg("insufficient data left in message"));
			break;
		case VECTOR_WIRE_NO_DIMENSIONS:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("%s must have at least 1 dimension", type_name));
			break;
		case VECTOR_WIRE_MANY_DIMENSIONS:
			ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("%s has too many dimensions", type_name));
			break;
		case VECTOR_WIRE_NEGATIVE_COUNT:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("%s cannot have negative number of elements",
						   type_name));
			break;
		case VECTOR_WIRE_MANY_ELEMENTS:
			sparse_check_nnz((int64) SPARSEVEC_MAX_NNZ + 1);
			break;
		case VECTOR_WIRE_MORE_THAN_DIM:
			ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("%s cannot have more elements than dimensions",
						   type_name));
			break;
		case VECTOR_WIRE_UNUSED:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("expected unused to be 0"));
			break;
		case VECTOR_WIRE_INDEX_BOUNDS:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("%s index out of bounds", type_name));
			break;
		case VECTOR_WIRE_INDEX_ORDER:
			ereport(
				ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("%s indices must be in ascending order", type_name));
			break;
		case VECTOR_WIRE_INDEX_DUPLICATE:
			ereport(
				ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("%s indices must not contain duplicates", type_name));
			break;
		case VECTOR_WIRE_NAN:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("NaN not allowed in %s", type_name));
			break;
		case VECTOR_WIRE_INFINITE:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("infinite value not allowed in %s", type_name));
			break;
		case VECTOR_WIRE_ZERO:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("binary representation of %s cannot contain zero "
						   "values",
						   type_name));
			break;
	}
}

static Datum
dense_recv(FunctionCallInfo fcinfo, const DenseType *type)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	const uint8_t *data = (const uint8_t *) buf->data + buf->cursor;
	size_t size = buf->len - buf->cursor;
	Vector *result;
	int dim;

	vector_report_wire_error(type->name,
							 dense_wire_head(data, size, type->max_dim, &dim));
	vector_check_typmod(PG_GETARG_INT32(2), dim);
	result = dense_new(type, dim);
	vector_report_wire_error(
		type->name,
		dense_wire_elements(data, size, type->element_size, dim, result->x));
	buf->cursor += dense_wire_size(type->element_size, dim);
	PG_RETURN_POINTER(result);
}

static Datum
dense_send(FunctionCallInfo fcinfo, const DenseType *type)
{
	DenseView v = dense_view(type, PG_GETARG_DATUM(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint16(&buf, v.dim);
	pq_sendint16(&buf, 0);
	enlargeStringInfo(&buf, v.dim * type->element_size);
	for (int i = 0; i < v.dim; i++)
		if (type == &dense_vector)
			pq_writeint32(&buf,
						  half_float_to_bits(((const VectorFloat *) v.x)[i]));
		else
			pq_writeint16(&buf, ((const VectorHalf *) v.x)[i]);

	dense_view_free(&v);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* ---- type modifier ------------------------------------------------------- */

int32
vector_typmod(ArrayType *typmods, const char *type_name, int max_dim)
{
	int n;
	int32 *typmod = ArrayGetIntegerTypmods(typmods, &n);

	if (n != 1)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid type modifier"));
	if (*typmod < 1)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("dimensions for type %s must be at least 1", type_name));
	if (*typmod > max_dim)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("dimensions for type %s cannot exceed %d", type_name,
					   max_dim));
	return *typmod;
}

/* Cast to the type with a modifier: the value itself, once it is checked. */
static Datum
dense_check(FunctionCallInfo fcinfo, const DenseType *type)
{
	Datum value = PG_GETARG_DATUM(0);
	DenseView v = dense_view(type, value);

	vector_check_typmod(PG_GETARG_INT32(1), v.dim);
	dense_view_free(&v);
	PG_RETURN_DATUM(value);
}

/* Do two types have the same name, in whatever schemas? */
static bool
same_type_name(Oid a, Oid b)
{
	HeapTuple ta = SearchSysCache1(TYPEOID, ObjectIdGetDatum(a));
	HeapTuple tb = SearchSysCache1(TYPEOID, ObjectIdGetDatum(b));
	bool same = a == b;

	if (HeapTupleIsValid(ta) && HeapTupleIsValid(tb))
		same =
			namestrcmp(&((Form_pg_type) GETSTRUCT(ta))->typname,
					   NameStr(((Form_pg_type) GETSTRUCT(tb))->typname)) == 0;
	if (HeapTupleIsValid(ta))
		ReleaseSysCache(ta);
	if (HeapTupleIsValid(tb))
		ReleaseSysCache(tb);
	return same;
}

/*
 * Planner support of the casts that check the modifier: drops a check that
 * cannot fail, because the source already has it. That is why ALTER TABLE
 * between pgvector's types and these does not rewrite the table: the cast
 * between them is binary-coercible (adopt_pgvector), so the source is found
 * under a RelabelType, and a type of the same name counts dimensions alike.
 */
Datum
intel_vector_cast_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	Node *source;
	FuncExpr *call;
	Node *typmod;
	int32 wanted;
	Oid type;

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	call = ((SupportRequestSimplify *) request)->fcall;
	typmod = (Node *) lsecond(call->args);
	if (!IsA(typmod, Const) || ((Const *) typmod)->constisnull)
		PG_RETURN_POINTER(NULL);
	wanted = DatumGetInt32(((Const *) typmod)->constvalue);

	source = (Node *) linitial(call->args);
	type = exprType(source);
	while (exprTypmod(source) == -1 && IsA(source, RelabelType))
		source = (Node *) ((RelabelType *) source)->arg;
	if (wanted != -1 && exprTypmod(source) != wanted)
		PG_RETURN_POINTER(NULL);
	if (!same_type_name(exprType(source), type))
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(
		relabel_to_typmod((Node *) linitial(call->args), wanted));
}

/* ---- the SQL functions --------------------------------------------------- */

Datum
intel_vector_in(PG_FUNCTION_ARGS)
{
	return dense_in(fcinfo, &dense_vector);
}

Datum
intel_vector_out(PG_FUNCTION_ARGS)
{
	return dense_out(fcinfo, &dense_vector);
}

Datum
intel_vector_typmod_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(
		vector_typmod(PG_GETARG_ARRAYTYPE_P(0), "vector", VECTOR_MAX_DIM));
}

Datum
intel_vector_recv(PG_FUNCTION_ARGS)
{
	return dense_recv(fcinfo, &dense_vector);
}

Datum
intel_vector_send(PG_FUNCTION_ARGS)
{
	return dense_send(fcinfo, &dense_vector);
}

Datum
intel_vector(PG_FUNCTION_ARGS)
{
	return dense_check(fcinfo, &dense_vector);
}

Datum
intel_halfvec_in(PG_FUNCTION_ARGS)
{
	return dense_in(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_out(PG_FUNCTION_ARGS)
{
	return dense_out(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_typmod_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(
		vector_typmod(PG_GETARG_ARRAYTYPE_P(0), "halfvec", HALFVEC_MAX_DIM));
}

Datum
intel_halfvec_recv(PG_FUNCTION_ARGS)
{
	return dense_recv(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec_send(PG_FUNCTION_ARGS)
{
	return dense_send(fcinfo, &dense_halfvec);
}

Datum
intel_halfvec(PG_FUNCTION_ARGS)
{
	return dense_check(fcinfo, &dense_halfvec);
}
