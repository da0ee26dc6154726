/*-------------------------------------------------------------------------
 *
 * redact_trigger.c
 *		redact_columns(): redaction on the way into an ordinary table.
 *
 * As a BEFORE trigger it changes the row before it reaches the heap, the
 * write-ahead log or an index: what was redacted was never stored.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "redact/redact_policy.h"
#include "redact/redact_text.h"

INTEL_FUNCTION(redact_columns);

/* A column while it is redacted. */
typedef struct Column
{
	const char *policy;
	const char *name;
	Oid type; /* the base type, if it is a domain's */
	int32 typmod;
} Column;

/* A placeholder can be longer than what it stands for. */
static void
check_length(const Column *column, text *content)
{
	if (column->typmod < (int32) VARHDRSZ ||
		pg_mbstrlen_with_len(VARDATA_ANY(content),
							 VARSIZE_ANY_EXHDR(content)) <=
			column->typmod - (int) VARHDRSZ)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
			 errmsg("redacted value of column \"%s\" is too long for "
					"type %s",
					column->name,
					format_type_with_typemod(column->type, column->typmod)),
			 errhint("Use type text, or a policy that masks.")));
}

/* These return false when nothing was found. */
static bool
redact_text_datum(const Column *column, Datum *value)
{
	text *content = DatumGetTextPP(*value);
	StringInfoData out;

	initStringInfo(&out);
	if (!redact_text_append(
			redact_policy_get(column->policy, strlen(column->policy)),
			VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content), column->name,
			strlen(column->name), &out))
		return false;
	content = redact_text_result(&out);
	check_length(column, content);
	*value = PointerGetDatum(content);
	return true;
}

/* A char(n) loses its padding, and gets it again. */
static bool
redact_bpchar_datum(const Column *column, Datum *value)
{
	text *padded = DatumGetTextPP(*value);

	*value = PointerGetDatum(cstring_to_text_with_len(
		VARDATA_ANY(padded),
		bpchartruelen(VARDATA_ANY(padded), VARSIZE_ANY_EXHDR(padded))));
	if (!redact_text_datum(column, value))
		return false;
	*value = DirectFunctionCall3(bpchar, *value, Int32GetDatum(column->typmod),
								 BoolGetDatum(false));
	return true;
}

/* A json that is changed loses its blanks and the order of its keys. */
static bool
redact_json_datum(const Column *column, Datum *value)
{
	char *json = TextDatumGetCString(*value);
	Datum doc = DirectFunctionCall1(jsonb_in, CStringGetDatum(json));

	if (!redact_jsonb_datum(&doc, column->policy))
		return false;
	*value = PointerGetDatum(
		cstring_to_text(DatumGetCString(DirectFunctionCall1(jsonb_out, doc))));
	return true;
}

/* An array of texts keeps its dimensions and nulls. */
static bool
redact_array_datum(const Column *column, Datum *value)
{
	ArrayType *array = DatumGetArrayTypeP(*value);
	Datum *elems;
	bool *nulls;
	int n;
	bool found = false;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
					  &elems, &nulls, &n);
	for (int i = 0; i < n; i++)
		found |= !nulls[i] && redact_text_datum(column, &elems[i]);
	if (found)
		*value = PointerGetDatum(construct_md_array(
			elems, nulls, ARR_NDIM(array), ARR_DIMS(array), ARR_LBOUND(array),
			ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT));
	return found;
}

static bool
redact_datum(const Column *column, Datum *value)
{
	switch (column->type)
	{
		case TEXTOID:
		case VARCHAROID:
			return redact_text_datum(column, value);
		case BPCHAROID:
			return redact_bpchar_datum(column, value);
		case JSONBOID:
			return redact_jsonb_datum(value, column->policy);
		case JSONOID:
			return redact_json_datum(column, value);
		case TEXTARRAYOID:
		case VARCHARARRAYOID:
			return redact_array_datum(column, value);
		default:
			return false; /* see check_type */
	}
}

static void
check_type(const Column *column)
{
	static const Oid types[] = {TEXTOID,		VARCHAROID, BPCHAROID,
								JSONBOID,		JSONOID,	TEXTARRAYOID,
								VARCHARARRAYOID};

	for (int i = 0; i < (int) lengthof(types); i++)
	{
		if (types[i] == column->type)
			return;
	}
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("column \"%s\" cannot be redacted", column->name),
					errdetail("Its type is %s.", format_type_be(column->type)),
					errhint("Columns of type text, varchar, char, jsonb, "
							"json, text[] and varchar[] can.")));
}

/* Redact one column of a row; the tuple that is returned may be new. */
static HeapTuple
redact_column(Relation rel, HeapTuple tuple, const char *policy,
			  const char *name)
{
	int attnum = get_attnum(RelationGetRelid(rel), name);
	Form_pg_attribute att;
	Column column = {.policy = policy, .name = name};
	Datum value;
	bool isnull;

	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(rel))));
	att = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
	column.typmod = att->atttypmod;
	column.type = getBaseTypeAndTypmod(att->atttypid, &column.typmod);
	check_type(&column);
	value = heap_getattr(tuple, attnum, RelationGetDescr(rel), &isnull);
	if (isnull || !redact_datum(&column, &value))
		return tuple;
	/* the server checked the domain before triggers ran */
	if (att->atttypid != column.type)
		domain_check(value, false, att->atttypid, NULL, NULL);
	return heap_modify_tuple_by_cols(tuple, RelationGetDescr(rel), 1, &attnum,
									 &value, &isnull);
}

Datum
intel_redact_columns(PG_FUNCTION_ARGS)
{
	TriggerData *trig = (TriggerData *) fcinfo->context;
	HeapTuple tuple;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trig->tg_event) ||
		!TRIGGER_FIRED_BEFORE(trig->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(trig->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be a trigger BEFORE INSERT OR "
						"UPDATE FOR EACH ROW",
						"redact_columns")));
	if (trig->tg_trigger->tgnargs < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger function \"%s\" needs a policy and at least "
						"one column",
						"redact_columns"),
				 errhint("Write EXECUTE FUNCTION "
						 "intel.redact_columns('default', 'note').")));
	tuple = TRIGGER_FIRED_BY_UPDATE(trig->tg_event) ? trig->tg_newtuple
													: trig->tg_trigtuple;
	for (int i = 1; i < trig->tg_trigger->tgnargs; i++)
		tuple = redact_column(trig->tg_relation, tuple,
							  trig->tg_trigger->tgargs[0],
							  trig->tg_trigger->tgargs[i]);
	return PointerGetDatum(tuple);
}
