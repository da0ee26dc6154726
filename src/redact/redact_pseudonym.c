/*-------------------------------------------------------------------------
 *
 * redact_pseudonym.c
 *		pseudonymize and restore: numbered placeholders, and the way back.
 *
 * The same value gets the same number, so that a model can tell two people
 * apart and speak about them; the mapping lets its answer be completed. A
 * model changes what it repeats: it drops the brackets, escapes them, lowers
 * the case. restore recognises a placeholder by its name and number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

#include "base/compat.h"
#include "redact/redact_policy.h"
#include "redact/redact_text.h"

INTEL_FUNCTION(pseudonymize);
INTEL_FUNCTION(restore);

/* ---- numbering ------------------------------------------------------ */

typedef struct ValueKey
{
	const char *value;
	uint32 len;
	uint32 entity;
} ValueKey;

typedef struct ValueEntry
{
	ValueKey key;
	int number;
} ValueEntry;

static uint32
value_hash(const void *key, pg_attribute_unused() Size size)
{
	const ValueKey *k = key;

	return hash_bytes((const unsigned char *) k->value, k->len) ^ k->entity;
}

static int
value_compare(const void *a, const void *b, pg_attribute_unused() Size size)
{
	const ValueKey *x = a;
	const ValueKey *y = b;

	return x->len != y->len || x->entity != y->entity ||
		   memcmp(x->value, y->value, x->len) != 0;
}

static HTAB *
value_table(void)
{
	HASHCTL ctl = {0};

	ctl.keysize = sizeof(ValueKey);
	ctl.entrysize = sizeof(ValueEntry);
	ctl.hash = value_hash;
	ctl.match = value_compare;
	ctl.hcxt = CurrentMemoryContext;
	return hash_create("intel pseudonyms", 64, &ctl,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE |
						   HASH_CONTEXT);
}

typedef struct Pseudonyms
{
	HTAB *values;
	int count[REDACT_NENTITIES];
	JsonbParseState *mapping;
	const char *original; /* with NUL */
} Pseudonyms;

/* Append the placeholder of a value; a new one is put into the mapping. */
static void
append_pseudonym(Pseudonyms *p, StringInfo out, const RedactSpan *span,
				 const char *value)
{
	ValueKey key = {value, span->len, span->entity};
	const char *name = redact_entities[span->entity].name;
	ValueEntry *entry;
	bool found;
	char *placeholder;
	JsonbValue v;

	entry = hash_search(p->values, &key, HASH_ENTER, &found);
	if (!found)
	{
		/* not one that the text holds already */
		do
		{
			entry->number = ++p->count[span->entity];
			placeholder = psprintf("<%s_%d>", name, entry->number);
		} while (strstr(p->original, placeholder) != NULL);

		v.type = jbvString;
		v.val.string.val = placeholder;
		v.val.string.len = strlen(placeholder);
		pushJsonbValue(&p->mapping, WJB_KEY, &v);
		v.val.string.val = pg_any_to_server(value, span->len, PG_UTF8);
		v.val.string.len = v.val.string.val == value
							   ? (int) span->len
							   : (int) strlen(v.val.string.val);
		pushJsonbValue(&p->mapping, WJB_VALUE, &v);
	}
	appendStringInfo(out, "<%s_%d>", name, entry->number);
}

Datum
intel_pseudonymize(PG_FUNCTION_ARGS)
{
	char *content = text_to_cstring(PG_GETARG_TEXT_PP(0));
	text *name = PG_GETARG_TEXT_PP(1);
	const RedactPolicy *policy =
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	RedactText scanned;
	Pseudonyms p = {0};
	StringInfoData out;
	TupleDesc desc;
	Datum values[2];
	bool nulls[2] = {false, false};
	int done = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);

	redact_text_scan(policy, content, strlen(content), NULL, 0, &scanned);
	initStringInfo(&out);
	p.values = value_table();
	p.original = scanned.utf8;
	pushJsonbValue(&p.mapping, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < scanned.nspans; i++)
	{
		const RedactSpan *span = &scanned.spans[i];

		appendBinaryStringInfo(&out, scanned.utf8 + done, span->start - done);
		append_pseudonym(&p, &out, span, scanned.utf8 + span->start);
		done = span->start + span->len;
	}
	appendBinaryStringInfo(&out, scanned.utf8 + done, scanned.len - done);

	values[0] =
		CStringGetTextDatum(pg_any_to_server(out.data, out.len, PG_UTF8));
	values[1] = JsonbPGetDatum(
		JsonbValueToJsonb(pushJsonbValue(&p.mapping, WJB_END_OBJECT, NULL)));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* ---- restoring ------------------------------------------------------ */

static bool
is_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/*
 * The placeholder whose name starts at p, as "<NAME_1>" in key: letters and
 * underscores, perhaps with backslashes before them, then digits. Returns
 * what follows it, or NULL.
 */
static const char *
read_placeholder(const char *p, const char *end, char *key, int size)
{
	int n = 0;
	int digits = 0;

	key[n++] = '<';
	while (p < end && n < size - 12)
	{
		if (is_name_char(*p))
			key[n++] = pg_ascii_toupper((unsigned char) *p++);
		else if (*p == '\\' && p + 1 < end && p[1] == '_')
			p++;
		else
			break;
	}
	if (n < 5 || key[n - 1] != '_')
		return NULL;
	while (p < end && digits < 9 && *p >= '0' && *p <= '9')
		key[n++] = *p++, digits++;
	if (digits == 0 ||
		(p < end && (is_name_char(*p) || (*p >= '0' && *p <= '9'))))
		return NULL;
	key[n++] = '>';
	key[n] = '\0';
	return p;
}

/* Length of an opening or closing bracket, escaped or not, at p. */
static int
bracket_after(const char *p, const char *end)
{
	if (p < end && *p == '>')
		return 1;
	if (end - p >= 2 && p[0] == '\\' && p[1] == '>')
		return 2;
	if (end - p >= 4 && memcmp(p, "&gt;", 4) == 0)
		return 4;
	return 0;
}

static int
bracket_before(const StringInfoData *out)
{
	const char *p = out->data + out->len;

	if (out->len >= 4 && memcmp(p - 4, "&lt;", 4) == 0)
		return 4;
	if (out->len >= 2 && p[-1] == '<' && p[-2] == '\\')
		return 2;
	if (out->len >= 1 && p[-1] == '<')
		return 1;
	return 0;
}

Datum
intel_restore(PG_FUNCTION_ARGS)
{
	text *content = PG_GETARG_TEXT_PP(0);
	Jsonb *mapping = PG_GETARG_JSONB_P(1);
	const char *p = VARDATA_ANY(content);
	const char *end = p + VARSIZE_ANY_EXHDR(content);
	StringInfoData out;
	char key[64];
	char before = ' ';

	if (!JB_ROOT_IS_OBJECT(mapping))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("mapping must be a JSON object"),
						errhint("Use the mapping that intel.pseudonymize() "
								"returned.")));
	initStringInfo(&out);
	while (p < end)
	{
		const char *next;
		JsonbValue v;

		if (is_name_char(*p) && !is_name_char(before) && before != '\\' &&
			!(before >= '0' && before <= '9') &&
			(next = read_placeholder(p, end, key, sizeof(key))) != NULL &&
			getKeyJsonValueFromContainer(&mapping->root, key, strlen(key),
										 &v) != NULL &&
			v.type == jbvString)
		{
			int open = bracket_before(&out);
			int close = bracket_after(next, end);

			/* brackets go only as a pair */
			if (open > 0 && close > 0)
			{
				out.len -= open;
				next += close;
			}
			appendBinaryStringInfo(&out, v.val.string.val, v.val.string.len);
			before = next[-1];
			p = next;
			continue;
		}
		before = *p;
		appendStringInfoChar(&out, *p++);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
