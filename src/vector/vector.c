/*-------------------------------------------------------------------------
 *
 * vector.c
 *		Type vector: input, output, type modifier, and access to values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "nodes/nodes.h"
#include "port/pg_bswap.h"
#include "utils/array.h"

#include "vector/vector_int.h"
#include "vector/vector_parse.h"

INTEL_FUNCTION(vector_in);
INTEL_FUNCTION(vector_out);
INTEL_FUNCTION(vector_typmod_in);
INTEL_FUNCTION(vector_recv);
INTEL_FUNCTION(vector_send);
INTEL_FUNCTION(vector);

StaticAssertDecl(offsetof(Vector, dim) == 4, "on-disk layout of vector");
StaticAssertDecl(offsetof(Vector, x) == 8, "on-disk layout of vector");

Vector *
vector_new(int dim)
{
	Vector *result = palloc0(VECTOR_SIZE(dim));

	SET_VARSIZE(result, VECTOR_SIZE(dim));
	result->dim = dim;
	return result;
}

void
vector_check_dim(int dim)
{
	if (dim < 1)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("vector must have at least 1 dimension"));
	if (dim > VECTOR_MAX_DIM)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("vector cannot have more than %d dimensions",
					   VECTOR_MAX_DIM));
}

void
vector_check_typmod(int32 typmod, int dim)
{
	if (typmod != -1 && typmod != dim)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected %d dimensions, not %d", typmod, dim));
}

VectorView
vector_view(Datum value)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	const char *data = VARDATA_ANY(packed);
	size_t size = VARSIZE_ANY_EXHDR(packed);
	VectorView view;
	int16 dim = 0;

	if (size >= VECTOR_SIZE(0) - VARHDRSZ)
		memcpy(&dim, data, sizeof(dim));
	if (unlikely(dim < 1 || size != VECTOR_SIZE(dim) - VARHDRSZ))
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("vector of %d dimensions has %zu bytes", dim, size));

	view.dim = dim;
	view.x = (const VectorFloat *) (data + 2 * sizeof(int16));
	view.copy =
		packed == (struct varlena *) DatumGetPointer(value) ? NULL : packed;
	return view;
}

/* Report why text is no vector; returns only where errors are soft. */
static void
report_parse_error(Node *escontext, VectorParseStatus status, const char *text,
				   size_t offset, int count)
{
	switch (status)
	{
		case VECTOR_PARSE_OK:
			break;
		case VECTOR_PARSE_NO_BRACKET:
			errsave(escontext, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("invalid input syntax for type vector"),
					errdetail("Vector contents must start with \"[\"."));
			break;
		case VECTOR_PARSE_EMPTY:
			errsave(escontext, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("vector must have at least 1 dimension"));
			break;
		case VECTOR_PARSE_SYNTAX:
			errsave(
				escontext, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				errmsg("invalid input syntax for type vector"),
				text[offset] == '\0'
					? errdetail("Unexpected end of input.")
					: errdetail("Unexpected input at byte %zu.", offset + 1));
			break;
		case VECTOR_PARSE_TRAILING:
			errsave(escontext, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("invalid input syntax for type vector"),
					errdetail("Junk after closing bracket."));
			break;
		case VECTOR_PARSE_TOO_MANY:
			errsave(escontext, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("vector cannot have more than %d dimensions",
						   VECTOR_MAX_DIM));
			break;
		case VECTOR_PARSE_RANGE:
			errsave(escontext, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("value is out of range for type vector"),
					errdetail("Element %d is too large.", count + 1));
			break;
		case VECTOR_PARSE_NAN:
			errsave(escontext, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("NaN not allowed in vector"));
			break;
		case VECTOR_PARSE_INFINITE:
			errsave(escontext, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("infinite value not allowed in vector"));
			break;
	}
}

Datum
intel_vector_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	int32 typmod = PG_GETARG_INT32(2);
	int bound = vector_parse_bound(text, VECTOR_MAX_DIM);
	Vector *result = palloc(VECTOR_SIZE(bound));
	VectorParseStatus status;
	size_t offset;
	int dim;

	status = vector_parse(text, bound, result->x, &dim, &offset);
	if (status != VECTOR_PARSE_OK)
	{
		report_parse_error(fcinfo->context, status, text, offset, dim);
		PG_RETURN_NULL();
	}
	if (typmod != -1 && typmod != dim)
		ereturn(fcinfo->context, (Datum) 0, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected %d dimensions, not %d", typmod, dim));

	SET_VARSIZE(result, VECTOR_SIZE(dim));
	result->dim = dim;
	result->unused = 0;
	PG_RETURN_POINTER(result);
}

Datum
intel_vector_out(PG_FUNCTION_ARGS)
{
	VectorView v = vector_view(PG_GETARG_DATUM(0));
	/* an element and its comma fit FLOAT_SHORTEST_DECIMAL_LEN bytes */
	char *text = palloc((size_t) FLOAT_SHORTEST_DECIMAL_LEN * v.dim + 3);
	char *p = text;

	*p++ = '[';
	for (int i = 0; i < v.dim; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += float_to_shortest_decimal_bufn(v.x[i], p);
	}
	*p++ = ']';
	*p = '\0';

	vector_view_free(&v);
	PG_RETURN_CSTRING(text);
}

Datum
intel_vector_typmod_in(PG_FUNCTION_ARGS)
{
	int n;
	int32 *typmod = ArrayGetIntegerTypmods(PG_GETARG_ARRAYTYPE_P(0), &n);

	if (n != 1)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid type modifier"));
	if (*typmod < 1)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("dimensions for type vector must be at least 1"));
	if (*typmod > VECTOR_MAX_DIM)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("dimensions for type vector cannot exceed %d",
					   VECTOR_MAX_DIM));
	PG_RETURN_INT32(*typmod);
}

/*
 * Binary form: dimensions and zero as int16, then the elements as float4, all
 * in network byte order.
 */
Datum
intel_vector_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int32 typmod = PG_GETARG_INT32(2);
	int16 dim = (int16) pq_getmsgint(buf, sizeof(int16));
	int16 unused = (int16) pq_getmsgint(buf, sizeof(int16));
	Vector *result;
	const char *data;

	vector_check_dim(dim);
	vector_check_typmod(typmod, dim);
	if (unused != 0)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected unused to be 0, not %d", unused));

	/* before allocating: this is what checks that the message is long enough */
	data = pq_getmsgbytes(buf, dim * sizeof(float));
	result = vector_new(dim);
	for (int i = 0; i < dim; i++)
	{
		uint32 bits;

		memcpy(&bits, data + i * sizeof(bits), sizeof(bits));
		bits = pg_ntoh32(bits);
		memcpy(&result->x[i], &bits, sizeof(bits));
		vector_check_element(result->x[i]);
	}
	PG_RETURN_POINTER(result);
}

Datum
intel_vector_send(PG_FUNCTION_ARGS)
{
	VectorView v = vector_view(PG_GETARG_DATUM(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint16(&buf, v.dim);
	pq_sendint16(&buf, 0);
	enlargeStringInfo(&buf, v.dim * sizeof(float));
	for (int i = 0; i < v.dim; i++)
	{
		float value = v.x[i];
		uint32 bits;

		memcpy(&bits, &value, sizeof(bits));
		pq_writeint32(&buf, bits);
	}

	vector_view_free(&v);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* Cast to vector(n): the value itself, once its dimensions are checked. */
Datum
intel_vector(PG_FUNCTION_ARGS)
{
	Datum value = PG_GETARG_DATUM(0);
	VectorView v = vector_view(value);

	vector_check_typmod(PG_GETARG_INT32(1), v.dim);
	vector_view_free(&v);
	PG_RETURN_DATUM(value);
}
