/*-------------------------------------------------------------------------
 *
 * text_render.c
 *		Templates over jsonb, and the SQL function render.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "text/text.h"

StaticAssertDecl(sizeof(JsonbValue) <= sizeof(((TextValue *) 0)->room),
				 "a TextValue has room for a JsonbValue");

INTEL_FUNCTION(render);

void
text_poll(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* ---- jsonb behind the engine's callbacks ---- */

static JsonbValue *
json_value(TextValue *value)
{
	return (JsonbValue *) value->room;
}

/* Say what the engine needs to know of the jsonb in its room. */
static void
classify(TextValue *value)
{
	JsonbValue *json = json_value(value);
	bool shown = true;

	switch (json->type)
	{
		case jbvNull:
			shown = false;
			break;
		case jbvBool:
			shown = json->val.boolean;
			break;
		case jbvString:
			shown = json->val.string.len > 0;
			break;
		case jbvBinary:
			if (JsonContainerIsObject(json->val.binary.data))
			{
				value->kind = TEXT_VALUE_OBJECT;
				return;
			}
			if (JsonContainerSize(json->val.binary.data) > 0)
			{
				value->kind = TEXT_VALUE_ARRAY;
				return;
			}
			shown = false;
			break;
		default:
			break;
	}
	value->kind = shown ? TEXT_VALUE_TRUE : TEXT_VALUE_FALSE;
}

static TextValue
member(TextValue object, const char *name, size_t len)
{
	TextValue value;

	value.kind = TEXT_VALUE_MISSING;
	if (getKeyJsonValueFromContainer(json_value(&object)->val.binary.data,
									 name, (int) len, json_value(&value)))
		classify(&value);
	return value;
}

static void *
walk(TextValue array)
{
	JsonbIterator **iterator = palloc(sizeof(JsonbIterator *));
	JsonbValue ignored;

	*iterator = JsonbIteratorInit(json_value(&array)->val.binary.data);
	(void) JsonbIteratorNext(iterator, &ignored, true); /* WJB_BEGIN_ARRAY */
	return iterator;
}

static bool
next(void *walk, TextValue *element)
{
	/* at its end the iterator has freed itself */
	if (JsonbIteratorNext(walk, json_value(element), true) != WJB_ELEM)
	{
		pfree(walk);
		return false;
	}
	classify(element);
	return true;
}

static void
put_text(void *out, const char *text, size_t len)
{
	appendBinaryStringInfo(out, text, (int) len);
}

static void
put_value(void *out, TextValue value)
{
	JsonbValue *json = json_value(&value);
	char *number;

	switch (json->type)
	{
		case jbvNull:
			break;
		case jbvBool:
			appendStringInfoString(out, json->val.boolean ? "true" : "false");
			break;
		case jbvString:
			put_text(out, json->val.string.val, json->val.string.len);
			break;
		case jbvNumeric:
			number = DatumGetCString(DirectFunctionCall1(
				numeric_out, NumericGetDatum(json->val.numeric)));
			appendStringInfoString(out, number);
			pfree(number);
			break;
		case jbvBinary:
			(void) JsonbToCString(out, json->val.binary.data,
								  json->val.binary.len);
			break;
		default:
			elog(ERROR, "unexpected jsonb value of type %d", json->type);
	}
}

/* ---- errors ---- */

static void
raise_error(const char *template, const TextTemplateError *error)
{
	int at = pg_mbstrlen_with_len(template, (int) error->offset) + 1;
	char *name = pnstrdup(error->name, Min(error->name_len, NAMEDATALEN - 1));

	switch (error->status)
	{
		case TEXT_TEMPLATE_UNCLOSED_TAG:
			ereport(
				ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("template has a tag without an end at character %d",
						at),
				 errhint("End it with }}.")));
			break;
		case TEXT_TEMPLATE_BAD_NAME:
			ereport(
				ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg(
					 "template has a tag without a valid name at character %d",
					 at),
				 errhint("Write {{name}}, {{name.member}} or {{.}}.")));
			break;
		case TEXT_TEMPLATE_UNSUPPORTED:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("template has a tag of kind \"%s\" at character "
							"%d, which is not supported",
							name, at),
					 errhint("There are {{name}}, {{#name}}, {{^name}}, "
							 "{{/name}} and {{! comments }}.")));
			break;
		case TEXT_TEMPLATE_UNCLOSED_SECTION:
			ereport(
				ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg(
					 "template section \"%s\" at character %d is not closed",
					 name, at),
				 errhint("Close it with {{/%s}}.", name)));
			break;
		case TEXT_TEMPLATE_WRONG_CLOSE:
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("template closes section \"%s\" at character %d, "
							"which is not the one that is open",
							name, at),
					 errhint("Close sections in the reverse order of their "
							 "opening.")));
			break;
		case TEXT_TEMPLATE_TOO_DEEP:
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("template has more than %d sections within "
								   "each other at character %d",
								   TEXT_TEMPLATE_DEPTH, at)));
			break;
		case TEXT_TEMPLATE_MISSING:
			ereport(
				ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg(
					 "template variable \"%s\" at character %d has no value",
					 name, at),
				 errhint("Pass the variable; null renders as nothing.")));
			break;
		case TEXT_TEMPLATE_TOO_LONG_RUN:
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("template renders more than %d tags",
								   TEXT_TEMPLATE_STEPS)));
			break;
		case TEXT_TEMPLATE_OK:
			break;
	}
	elog(ERROR, "unexpected template status %d", error->status);
}

/* ---- what others call ---- */

void
text_check_template(const char *template, size_t len)
{
	TextTemplateError error;

	if (!text_template_check(template, len, &error))
		raise_error(template, &error);
}

void
text_render(StringInfo out, const char *template, size_t len, Jsonb *vars)
{
	TextVars callbacks = {.out = out,
						  .member = member,
						  .walk = walk,
						  .next = next,
						  .put_value = put_value,
						  .put_text = put_text,
						  .poll = text_poll};
	TextTemplateError error;
	TextValue root;

	if (!JB_ROOT_IS_OBJECT(vars))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("variables of a template must be a JSON object")));
	json_value(&root)->type = jbvBinary;
	json_value(&root)->val.binary.data = &vars->root;
	json_value(&root)->val.binary.len = (int) VARSIZE_ANY_EXHDR(vars);
	root.kind = TEXT_VALUE_OBJECT;
	if (!text_template_render(template, len, root, &callbacks, &error))
		raise_error(template, &error);
}

Datum
intel_render(PG_FUNCTION_ARGS)
{
	text *template = PG_GETARG_TEXT_PP(0);
	Jsonb *vars = PG_GETARG_JSONB_P(1);
	StringInfoData out;

	initStringInfo(&out);
	text_render(&out, VARDATA_ANY(template), VARSIZE_ANY_EXHDR(template),
				vars);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
