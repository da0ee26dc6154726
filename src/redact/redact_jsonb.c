/*-------------------------------------------------------------------------
 *
 * redact_jsonb.c
 *		Documents: the structure stays, strings, numbers and keys are looked
 *		at.
 *
 * A value is scanned with its key as context, the elements of an array with
 * the key of the array. A number in which something is found becomes a
 * string. Keys are scanned too; since two keys can become the same
 * placeholder and an object keeps one of them only, all after the first are
 * numbered.
 *
 * Before it is scanned, a value's path decides: a row of redaction_path may
 * leave it alone or take all of it. After that the name of its key: what
 * stands under "password" is one, whatever it looks like.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "redact/redact_jsonb.h"
#include "redact/redact_path.h"
#include "redact/redact_text.h"

INTEL_FUNCTION(redact_jsonb);
INTEL_FUNCTION(contains_pii_jsonb);
INTEL_FUNCTION(detect_pii_jsonb);

/* ---- names of keys -------------------------------------------------- */

/*
 * Names as they are without case, "_", "-", "." and blanks. ENDS: also when
 * the key only ends so ("db_password").
 */
#define ENDS true
#define ALONE false

static const struct
{
	const char *name;
	bool ends;
	RedactEntity entity;
} key_names[] = {
	{"password", ENDS, REDACT_PASSWORD},
	{"passwords", ALONE, REDACT_PASSWORD},
	{"passwd", ENDS, REDACT_PASSWORD},
	{"passphrase", ENDS, REDACT_PASSWORD},
	{"passwordhash", ENDS, REDACT_PASSWORD},
	{"pwd", ENDS, REDACT_PASSWORD},
	{"pass", ALONE, REDACT_PASSWORD},
	{"dbpass", ENDS, REDACT_PASSWORD},
	{"userpass", ENDS, REDACT_PASSWORD},
	{"passcode", ENDS, REDACT_PASSWORD},
	{"passwort", ENDS, REDACT_PASSWORD},
	{"kennwort", ENDS, REDACT_PASSWORD},
	{"motdepasse", ENDS, REDACT_PASSWORD},
	{"contrasena", ENDS, REDACT_PASSWORD},
	{"senha", ALONE, REDACT_PASSWORD},
	{"wachtwoord", ENDS, REDACT_PASSWORD},
	{"secret", ENDS, REDACT_AUTH_TOKEN},
	{"secrets", ALONE, REDACT_AUTH_TOKEN},
	{"secretkey", ENDS, REDACT_API_KEY},
	{"secretaccesskey", ENDS, REDACT_AWS_SECRET_KEY},
	{"apikey", ENDS, REDACT_API_KEY},
	{"apikeys", ALONE, REDACT_API_KEY},
	{"apisecret", ENDS, REDACT_API_KEY},
	{"privatekey", ENDS, REDACT_PRIVATE_KEY},
	{"encryptionkey", ENDS, REDACT_PRIVATE_KEY},
	{"signingkey", ENDS, REDACT_PRIVATE_KEY},
	{"token", ALONE, REDACT_AUTH_TOKEN},
	{"tokens", ALONE, REDACT_AUTH_TOKEN},
	{"accesstoken", ENDS, REDACT_AUTH_TOKEN},
	{"refreshtoken", ENDS, REDACT_AUTH_TOKEN},
	{"authtoken", ENDS, REDACT_AUTH_TOKEN},
	{"idtoken", ENDS, REDACT_AUTH_TOKEN},
	{"sessiontoken", ENDS, REDACT_AUTH_TOKEN},
	{"bearertoken", ENDS, REDACT_AUTH_TOKEN},
	{"bearer", ALONE, REDACT_AUTH_TOKEN},
	{"authorization", ALONE, REDACT_AUTH_TOKEN},
	{"proxyauthorization", ALONE, REDACT_AUTH_TOKEN},
	{"cookie", ALONE, REDACT_AUTH_TOKEN},
	{"cookies", ALONE, REDACT_AUTH_TOKEN},
	{"setcookie", ALONE, REDACT_AUTH_TOKEN},
	{"csrftoken", ENDS, REDACT_AUTH_TOKEN},
	{"sessionid", ALONE, REDACT_AUTH_TOKEN},
	{"jwt", ALONE, REDACT_JWT},
	{"pin", ALONE, REDACT_PIN},
	{"pincode", ALONE, REDACT_PIN},
	{"cvv", ALONE, REDACT_CREDIT_CARD_CVV},
	{"cvc", ALONE, REDACT_CREDIT_CARD_CVV},
};

#define MAX_KEY 64

int
redact_jsonb_key_entity(const char *key, int len)
{
	char name[MAX_KEY];
	int n = 0;

	for (int i = 0; i < len; i++)
	{
		unsigned char c = key[i];

		if (c == '_' || c == '-' || c == '.' || c == ' ')
			continue;
		/* of a long key, the end */
		if (n == MAX_KEY)
		{
			memmove(name, name + 1, MAX_KEY - 1);
			n--;
		}
		name[n++] = pg_ascii_tolower(c);
	}
	for (int i = 0; i < (int) lengthof(key_names); i++)
	{
		int want = strlen(key_names[i].name);

		if ((n == want || (n > want && key_names[i].ends)) &&
			memcmp(name + n - want, key_names[i].name, want) == 0)
			return key_names[i].entity;
	}
	return -1;
}

/* ---- the walk ------------------------------------------------------- */

typedef struct JsonbWalk
{
	JsonbVisitor *visitor;
	JsonbParseState *state;
	StringInfoData buf;
	JsonbPlace *place; /* of the value that comes next */
} JsonbWalk;

/* What path and key say about a text. False: it is left alone. */
static bool
is_looked_at(JsonbWalk *walk, JsonbText *text)
{
	const RedactPolicy *policy = walk->visitor->policy;
	const RedactPath *path;

	text->whole = -1;
	if (policy == NULL)
		return true;
	path = redact_path_find(policy, text->place);
	if (path != NULL && path->keep)
		return false;
	if (text->is_key)
		return true;
	if (path != NULL)
		text->whole = path->entity;
	else if (text->key != NULL)
	{
		text->whole = redact_jsonb_key_entity(text->key, text->key_len);
		if (text->whole >= 0 &&
			policy->profile.min_score[text->whole] == REDACT_OFF)
			text->whole = -1;
	}
	/* nothing to hide, or hidden already */
	if (text->whole >= 0 &&
		(text->len == 0 || redact_is_placeholder(text->text, text->len) ||
		 redact_is_standin(policy, text->whole, text->text, text->len)))
		return false;
	return true;
}

static void
visit_text(JsonbWalk *walk, JsonbValue *v, JsonbText *text)
{
	JsonbVisitor *visitor = walk->visitor;
	const JsonbPlace *up = walk->place;

	text->place = up;
	if (up != NULL && up->key == NULL)
		up = up->named;
	if (up == NULL || text->is_key || up->is_data)
		text->key = NULL, text->key_len = 0;
	else
		text->key = up->key, text->key_len = up->len;
	resetStringInfo(&walk->buf);
	visitor->is_number = false;
	visitor->found = false;
	if (!is_looked_at(walk, text) ||
		!visitor->visit(visitor, text, &walk->buf))
		return;
	visitor->found = true;
	visitor->changed = true;
	if (visitor->is_number)
	{
		v->type = jbvNumeric;
		v->val.numeric = DatumGetNumeric(DirectFunctionCall3(
			numeric_in, CStringGetDatum(walk->buf.data),
			ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		return;
	}
	v->type = jbvString;
	v->val.string.val = pnstrdup(walk->buf.data, walk->buf.len);
	v->val.string.len = walk->buf.len;
}

static void
visit_value(JsonbWalk *walk, JsonbValue *v)
{
	JsonbText text = {0};

	if (v->type == jbvString)
	{
		text.text = v->val.string.val;
		text.len = v->val.string.len;
		visit_text(walk, v, &text);
	}
	else if (v->type == jbvNumeric)
	{
		char *number = DatumGetCString(
			DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));

		text.text = number;
		text.len = strlen(number);
		text.number = v->val.numeric;
		visit_text(walk, v, &text);
		pfree(number);
	}
	/* null, true, false say nothing */
}

static void
visit_key(JsonbWalk *walk, JsonbValue *v)
{
	JsonbText text = {0};

	walk->place->key = v->val.string.val;
	walk->place->len = v->val.string.len;
	text.text = v->val.string.val;
	text.len = v->val.string.len;
	text.is_key = true;
	walk->place->is_data = false;
	visit_text(walk, v, &text);
	/* what holds data, or a placeholder, is not the name of a field */
	walk->place->is_data =
		walk->visitor->found || memchr(text.text, '<', text.len) != NULL;
}

static void
enter(JsonbWalk *walk)
{
	JsonbPlace *place = palloc0(sizeof(JsonbPlace));

	place->index = -1;
	place->up = walk->place;
	place->depth = 1;
	place->shallow = place;
	if (place->up != NULL)
	{
		place->named = place->up->key != NULL ? place->up : place->up->named;
		place->depth = place->up->depth + 1;
		if (place->depth > JSONB_PATH_DEPTH)
			place->shallow = place->up->shallow;
	}
	walk->place = place;
}

static void
leave(JsonbWalk *walk)
{
	JsonbPlace *place = walk->place;

	walk->place = place->up;
	pfree(place);
}

/* One step of the iterator. */
static JsonbValue *
walk_token(JsonbWalk *walk, JsonbIteratorToken token, JsonbValue *v)
{
	bool is_scalar;

	switch (token)
	{
		case WJB_BEGIN_ARRAY:
		case WJB_BEGIN_OBJECT:
			/* a bare scalar is an array that says so */
			is_scalar = token == WJB_BEGIN_ARRAY && v->val.array.rawScalar;
			if (walk->place != NULL && walk->place->key == NULL)
				walk->place->index++;
			if (!is_scalar)
				enter(walk);
			return pushJsonbValue(&walk->state, token, is_scalar ? v : NULL);
		case WJB_END_ARRAY:
		case WJB_END_OBJECT:
			if (walk->place != NULL)
				leave(walk);
			return pushJsonbValue(&walk->state, token, NULL);
		case WJB_KEY:
			visit_key(walk, v);
			break;
		case WJB_ELEM:
			if (walk->place != NULL)
				walk->place->index++;
			visit_value(walk, v);
			break;
		default:
			visit_value(walk, v);
			break;
	}
	return pushJsonbValue(&walk->state, token, v);
}

Jsonb *
redact_jsonb_walk(Jsonb *doc, JsonbVisitor *visitor)
{
	JsonbWalk walk = {.visitor = visitor};
	JsonbIterator *it = JsonbIteratorInit(&doc->root);
	JsonbIteratorToken token;
	JsonbValue v;
	JsonbValue *result = NULL;

	initStringInfo(&walk.buf);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		result = walk_token(&walk, token, &v);
	}
	return JsonbValueToJsonb(result);
}

/* ---- redact(jsonb) -------------------------------------------------- */

/* Nothing that is looked for is shorter. */
#define MIN_NUMBER 3

static bool
redact_visit(JsonbVisitor *visitor, const JsonbText *text, StringInfo out)
{
	int *nkeys = visitor->arg; /* replaced so far */

	if (text->whole >= 0)
	{
		redact_text_append_whole(visitor->policy, text->whole, text->text,
								 text->len, out);
		return true;
	}
	if (text->number != NULL && text->len < MIN_NUMBER)
		return false;
	if (text->is_key)
	{
		if (!redact_text_append_key(visitor->policy, text->text, text->len,
									out))
			return false;
		if ((*nkeys)++ > 0)
			appendStringInfo(out, "_%d", *nkeys);
		return true;
	}
	return redact_text_append(visitor->policy, text->text, text->len,
							  text->key, text->key_len, out);
}

/* The document redacted; the same when nothing was found. */
static Jsonb *
redact_document(Jsonb *doc, const RedactPolicy *policy)
{
	int nkeys = 0;
	JsonbVisitor visitor = {
		.visit = redact_visit, .policy = policy, .arg = &nkeys};
	Jsonb *redacted = redact_jsonb_walk(doc, &visitor);

	return visitor.changed ? redacted : doc;
}

bool
redact_jsonb_datum(Datum *doc, const char *policy)
{
	Jsonb *before = DatumGetJsonbP(*doc);
	Jsonb *after =
		redact_document(before, redact_policy_get(policy, strlen(policy)));

	if (after == before)
		return false;
	*doc = JsonbPGetDatum(after);
	return true;
}

Datum
intel_redact_jsonb(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(1);

	PG_RETURN_JSONB_P(redact_document(
		PG_GETARG_JSONB_P(0),
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name))));
}

/* ---- contains_pii(jsonb), detect_pii(jsonb) ------------------------- */

static bool
contains_visit(JsonbVisitor *visitor, const JsonbText *text,
			   pg_attribute_unused() StringInfo out)
{
	bool *found = visitor->arg;
	RedactText scanned;

	if (*found || text->whole >= 0)
	{
		*found = true;
		return false;
	}
	redact_text_scan(visitor->policy, text->text, text->len, text->key,
					 text->key_len, &scanned);
	*found = visitor->found = scanned.nspans > 0;
	return false;
}

Datum
intel_contains_pii_jsonb(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(1);
	bool found = false;
	JsonbVisitor visitor = {.visit = contains_visit, .arg = &found};

	visitor.policy =
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	redact_jsonb_walk(PG_GETARG_JSONB_P(0), &visitor);
	PG_RETURN_BOOL(found);
}

/* The path to a text as an array, as #> takes it. */
static Datum
place_path(const JsonbPlace *place)
{
	int n = 0;
	Datum *steps;

	for (const JsonbPlace *p = place; p != NULL; p = p->up)
		n++;
	steps = palloc(Max(n, 1) * sizeof(Datum));
	for (int i = n - 1; i >= 0; i--, place = place->up)
		steps[i] = place->key != NULL
					   ? PointerGetDatum(
							 cstring_to_text_with_len(place->key, place->len))
					   : CStringGetTextDatum(psprintf("%d", place->index));
	return PointerGetDatum(
		construct_array(steps, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static bool
detect_visit(JsonbVisitor *visitor, const JsonbText *text,
			 pg_attribute_unused() StringInfo out)
{
	RedactText scanned;
	RedactSpan whole;
	Datum path;

	if (text->whole >= 0)
	{
		scanned.utf8 = pg_server_to_any(text->text, text->len, PG_UTF8);
		scanned.len = scanned.utf8 == text->text ? text->len
												 : (int) strlen(scanned.utf8);
		whole = (RedactSpan){.len = scanned.len,
							 .entity = text->whole,
							 .score = 100,
							 .rule = "key"};
		scanned.spans = &whole;
		scanned.nspans = 1;
	}
	else
		redact_text_scan(visitor->policy, text->text, text->len, text->key,
						 text->key_len, &scanned);
	if (scanned.nspans == 0)
		return false;
	visitor->found = true;
	path = place_path(text->place);
	redact_text_put_rows(visitor->arg, &scanned, &path);
	return false;
}

Datum
intel_detect_pii_jsonb(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(1);
	JsonbVisitor visitor = {.visit = detect_visit, .arg = fcinfo->resultinfo};

	InitMaterializedSRF(fcinfo, 0);
	visitor.policy =
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	redact_jsonb_walk(PG_GETARG_JSONB_P(0), &visitor);
	return (Datum) 0;
}
