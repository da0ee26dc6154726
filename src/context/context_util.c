/*-------------------------------------------------------------------------
 *
 * context_util.c
 *		The box that queries run in, and small things around jsonb.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "base/identity.h"
#include "context/context_int.h"

static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

QueryResult *
context_query(const char *sql, const QueryArg *args, int nargs)
{
	bool was_read_only = XactReadOnly;
	IdentitySave save;
	QueryResult *result;

	/* an error ends the transaction level, which restores everything */
	identity_enter(GetUserId(), identity_claims(), identity_tenant(), &save);
	set_locally("search_path", "pg_catalog, intel, pg_temp");
	/* not through its setting, which later servers refuse inside functions */
	XactReadOnly = true;
	/* a query of stop words only would be noticed in each of its parts */
	set_locally("client_min_messages", "warning");
	result = query_run(sql, args, nargs, true);
	XactReadOnly = was_read_only;
	identity_leave(&save);
	return result;
}

/* ---- reading jsonb ---- */

/* The member of this type, or NULL when absent or null. */
static JsonbValue *
find_member(Jsonb *object, const char *key, enum jbvType type,
			const char *type_name)
{
	JsonbValue *value;

	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a JSON object was expected")));
	value = getKeyJsonValueFromContainer(&object->root, key, (int) strlen(key),
										 NULL);
	if (value == NULL || value->type == jbvNull)
		return NULL;
	if (value->type != type)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("member \"%s\" must be %s", key, type_name)));
	return value;
}

char *
context_text_member(Jsonb *object, const char *key, const char *if_none)
{
	JsonbValue *value = find_member(object, key, jbvString, "a string");

	if (value == NULL)
		return if_none != NULL ? pstrdup(if_none) : NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

double
context_number_member(Jsonb *object, const char *key, double if_none)
{
	JsonbValue *value = find_member(object, key, jbvNumeric, "a number");

	if (value == NULL)
		return if_none;
	return DatumGetFloat8(DirectFunctionCall1(
		numeric_float8, NumericGetDatum(value->val.numeric)));
}

int
context_int_member(Jsonb *object, const char *key, int if_none)
{
	JsonbValue *value = find_member(object, key, jbvNumeric, "a number");

	if (value == NULL)
		return if_none;
	return DatumGetInt32(DirectFunctionCall1(
		numeric_int4, NumericGetDatum(value->val.numeric)));
}

Jsonb *
context_json_member(Jsonb *object, const char *key)
{
	JsonbValue *value = NULL;

	if (JB_ROOT_IS_OBJECT(object))
		value = getKeyJsonValueFromContainer(&object->root, key,
											 (int) strlen(key), NULL);
	if (value == NULL || value->type != jbvBinary)
		return NULL;
	return JsonbValueToJsonb(value);
}

int
context_array_length(Jsonb *array)
{
	if (array == NULL || !JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array))
		return 0;
	return JB_ROOT_COUNT(array);
}

Jsonb *
context_array_element(Jsonb *array, int i)
{
	return JsonbValueToJsonb(
		getIthJsonbValueFromContainer(&array->root, (uint32) i));
}

/* ---- writing jsonb ---- */

void
context_put_json(StringInfo out, const char *value)
{
	if (value == NULL)
		appendStringInfoString(out, "null");
	else
		escape_json(out, value);
}

Jsonb *
context_to_jsonb(StringInfo out)
{
	return DatumGetJsonbP(
		DirectFunctionCall1(jsonb_in, CStringGetDatum(out->data)));
}
