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
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "redact/redact_policy.h"
#include "redact/redact_text.h"

INTEL_FUNCTION(redact_columns);

/* The redacted value of a column; false when nothing was found. */
static bool
redact_datum(const char *policy, Oid type, const char *column, Datum *value)
{
	StringInfoData out;
	text *content;
	const RedactPolicy *compiled;

	if (type == JSONBOID)
	{
		*value = redact_jsonb_datum(*value, policy);
		return true;
	}
	content = DatumGetTextPP(*value);
	initStringInfo(&out);
	compiled = redact_policy_get(policy, strlen(policy));
	if (!redact_text_append(compiled, VARDATA_ANY(content),
							VARSIZE_ANY_EXHDR(content), column, strlen(column),
							&out))
		return false;
	*value = PointerGetDatum(cstring_to_text_with_len(out.data, out.len));
	return true;
}

/* A placeholder can be longer than what it stands for. */
static void
check_length(Form_pg_attribute att, Datum value)
{
	text *content;

	if (att->atttypmod < (int32) VARHDRSZ || att->atttypid == JSONBOID)
		return;
	content = DatumGetTextPP(value);
	if (pg_mbstrlen_with_len(VARDATA_ANY(content),
							 VARSIZE_ANY_EXHDR(content)) >
		att->atttypmod - (int) VARHDRSZ)
		ereport(
			ERROR,
			(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
			 errmsg("redacted value of column \"%s\" is too long for "
					"type %s",
					NameStr(att->attname),
					format_type_with_typemod(att->atttypid, att->atttypmod)),
			 errhint("Use type text, or a policy that masks.")));
}

Datum
intel_redact_columns(PG_FUNCTION_ARGS)
{
	TriggerData *trig = (TriggerData *) fcinfo->context;
	HeapTuple tuple;
	TupleDesc desc;
	const char *policy;

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
	desc = RelationGetDescr(trig->tg_relation);
	policy = trig->tg_trigger->tgargs[0];
	for (int i = 1; i < trig->tg_trigger->tgnargs; i++)
	{
		const char *column = trig->tg_trigger->tgargs[i];
		int attnum = get_attnum(RelationGetRelid(trig->tg_relation), column);
		Oid type;
		Datum value;
		bool isnull;

		if (attnum <= 0)
			ereport(
				ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not "
						"exist",
						column, RelationGetRelationName(trig->tg_relation))));
		type = getBaseType(TupleDescAttr(desc, attnum - 1)->atttypid);
		if (type != TEXTOID && type != VARCHAROID && type != JSONBOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" cannot be redacted", column),
					 errdetail("Its type is %s.", format_type_be(type)),
					 errhint("Columns of type text, varchar and jsonb can.")));
		value = heap_getattr(tuple, attnum, desc, &isnull);
		if (isnull || !redact_datum(policy, type, column, &value))
			continue;
		check_length(TupleDescAttr(desc, attnum - 1), value);
		tuple = heap_modify_tuple_by_cols(tuple, desc, 1, &attnum, &value,
										  &isnull);
	}
	return PointerGetDatum(tuple);
}
