/*-------------------------------------------------------------------------
 *
 * redact_jsonb.c
 *		redact(jsonb): the structure stays, strings, numbers and keys are
 *		scanned.
 *
 * A value is scanned with its key as context, the elements of an array with
 * the key of the array. A number in which something is found becomes a
 * string. Keys are scanned too; since two keys can become the same
 * placeholder and an object keeps one of them only, all after the first are
 * numbered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "redact/redact_policy.h"
#include "redact/redact_text.h"

INTEL_FUNCTION(redact_jsonb);

typedef struct JsonbRedaction
{
	const RedactPolicy *policy;
	JsonbParseState *state;
	StringInfoData buf;
	int nkeys; /* keys replaced so far */
} JsonbRedaction;

/* Keys of the containers that we are in. */
typedef struct KeyStack
{
	const char *key;
	int len;
	struct KeyStack *up;
} KeyStack;

static void
set_string(JsonbRedaction *r, JsonbValue *v)
{
	v->type = jbvString;
	v->val.string.val = pnstrdup(r->buf.data, r->buf.len);
	v->val.string.len = r->buf.len;
}

static void
redact_key(JsonbRedaction *r, JsonbValue *v)
{
	resetStringInfo(&r->buf);
	if (!redact_text_append(r->policy, v->val.string.val, v->val.string.len,
							NULL, 0, &r->buf))
		return;
	if (r->nkeys++ > 0)
		appendStringInfo(&r->buf, "_%d", r->nkeys);
	set_string(r, v);
}

static void
redact_value(JsonbRedaction *r, JsonbValue *v, const KeyStack *keys)
{
	const char *key = keys == NULL ? NULL : keys->key;
	int key_len = keys == NULL ? 0 : keys->len;
	char *text;

	resetStringInfo(&r->buf);
	switch (v->type)
	{
		case jbvString:
			if (redact_text_append(r->policy, v->val.string.val,
								   v->val.string.len, key, key_len, &r->buf))
				set_string(r, v);
			break;
		case jbvNumeric:
			text = DatumGetCString(DirectFunctionCall1(
				numeric_out, NumericGetDatum(v->val.numeric)));
			/* nothing is shorter than three digits */
			if (strlen(text) >= 3 &&
				redact_text_append(r->policy, text, strlen(text), key, key_len,
								   &r->buf))
				set_string(r, v);
			pfree(text);
			break;
		default:
			break; /* null, true, false */
	}
}

static Jsonb *
redact_document(Jsonb *doc, const RedactPolicy *policy)
{
	JsonbRedaction r = {0};
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	JsonbValue *result = NULL;
	KeyStack *keys = NULL;

	r.policy = policy;
	initStringInfo(&r.buf);

	it = JsonbIteratorInit(&doc->root);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		KeyStack *level;

		switch (token)
		{
			case WJB_BEGIN_ARRAY:
			case WJB_BEGIN_OBJECT:
				level = palloc(sizeof(KeyStack));
				level->key = keys == NULL ? NULL : keys->key;
				level->len = keys == NULL ? 0 : keys->len;
				level->up = keys;
				keys = level;
				/* a bare scalar is an array that says so */
				result = pushJsonbValue(
					&r.state, token,
					token == WJB_BEGIN_ARRAY && v.val.array.rawScalar ? &v
																	  : NULL);
				break;
			case WJB_END_ARRAY:
			case WJB_END_OBJECT:
				level = keys;
				keys = keys->up;
				pfree(level);
				result = pushJsonbValue(&r.state, token, NULL);
				break;
			case WJB_KEY:
				keys->key = v.val.string.val;
				keys->len = v.val.string.len;
				redact_key(&r, &v);
				pushJsonbValue(&r.state, WJB_KEY, &v);
				break;
			default:
				redact_value(&r, &v, keys);
				pushJsonbValue(&r.state, token, &v);
				break;
		}
	}
	return JsonbValueToJsonb(result);
}

Datum
redact_jsonb_datum(Datum doc, const char *policy)
{
	return JsonbPGetDatum(redact_document(
		DatumGetJsonbP(doc), redact_policy_get(policy, strlen(policy))));
}

Datum
intel_redact_jsonb(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(1);

	PG_RETURN_JSONB_P(redact_document(
		PG_GETARG_JSONB_P(0),
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name))));
}
