/*-------------------------------------------------------------------------
 *
 * redact_pseudonym.c
 *		pseudonymize and restore: numbered placeholders, and the way back.
 *
 * The same value gets the same number, so that a model can tell two people
 * apart and speak about them; the mapping lets its answer be completed. A
 * model changes what it repeats; base/placeholder.c recognises it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "base/placeholder.h"
#include "redact/redact_jsonb.h"
#include "redact/redact_policy.h"
#include "redact/redact_text.h"

INTEL_FUNCTION(pseudonymize);
INTEL_FUNCTION(pseudonymize_jsonb);
INTEL_FUNCTION(restore);
INTEL_FUNCTION(restore_jsonb);
INTEL_FUNCTION(restore_stream);

/* ---- numbering ------------------------------------------------------ */

typedef struct ValueKey
{
	const char *value;
	uint32 len;
	uint32 entity; /* with NUMBER, of a number */
} ValueKey;

#define NUMBER 0x10000

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

/* A placeholder and what it stands for. */
typedef struct MappingPair
{
	JsonbValue key;
	JsonbValue value;
} MappingPair;

typedef struct Pseudonyms
{
	const RedactPolicy *policy;
	HTAB *values;
	int count[REDACT_NENTITIES]; /* numbers used; -1: not looked yet */
	MappingPair *pairs;
	Size npairs;
	Size pairs_size;
	const char *original; /* UTF-8 with NUL; its placeholders stay its own */
} Pseudonyms;

static void
pseudonyms_begin(Pseudonyms *p, const RedactPolicy *policy)
{
	memset(p, 0, sizeof(*p));
	memset(p->count, -1, sizeof(p->count));
	p->policy = policy;
	p->values = value_table();
	p->pairs_size = 16;
	p->pairs = palloc(p->pairs_size * sizeof(MappingPair));
}

/* As jsonb orders its keys, so that it has nothing left to sort. */
static int
compare_pairs(const void *a, const void *b)
{
	const JsonbValue *x = &((const MappingPair *) a)->key;
	const JsonbValue *y = &((const MappingPair *) b)->key;

	CHECK_FOR_INTERRUPTS();
	if (x->val.string.len != y->val.string.len)
		return x->val.string.len < y->val.string.len ? -1 : 1;
	return memcmp(x->val.string.val, y->val.string.val, x->val.string.len);
}

static Datum
pseudonyms_end(Pseudonyms *p)
{
	JsonbParseState *state = NULL;

	qsort(p->pairs, p->npairs, sizeof(MappingPair), compare_pairs);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (Size i = 0; i < p->npairs; i++)
	{
		CHECK_FOR_INTERRUPTS();
		pushJsonbValue(&state, WJB_KEY, &p->pairs[i].key);
		pushJsonbValue(&state, WJB_VALUE, &p->pairs[i].value);
	}
	return JsonbPGetDatum(
		JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* The highest number with which the text has a placeholder of this name. */
static int
highest_number(const char *text, const char *name)
{
	char *start = psprintf("<%s_", name);
	int highest = 0;

	for (text = strstr(text, start); text != NULL; text = strstr(text, start))
	{
		int digits;

		CHECK_FOR_INTERRUPTS();
		text += strlen(start);
		digits = strspn(text, "0123456789");
		if (digits < 1 || digits > 8 || text[digits] != '>')
			continue;
		highest = Max(highest, atoi(text));
	}
	pfree(start);
	return highest;
}

/*
 * Append the placeholder of a value (UTF-8); a new one is put into the
 * mapping, as a number if that is what it was.
 */
static void
append_pseudonym(Pseudonyms *p, StringInfo out, int entity, const char *value,
				 int len, Numeric number)
{
	ValueKey key = {value, len, entity | (number != NULL ? NUMBER : 0)};
	const char *name = redact_entities[entity].name;
	ValueEntry *entry;
	bool found;

	CHECK_FOR_INTERRUPTS();
	entry = hash_search(p->values, &key, HASH_ENTER, &found);
	if (!found)
	{
		MappingPair *pair;

		if (p->npairs == p->pairs_size)
		{
			p->pairs_size *= 2;
			p->pairs =
				repalloc_huge(p->pairs, p->pairs_size * sizeof(MappingPair));
		}
		pair = &p->pairs[p->npairs++];
		entry->key.value = pnstrdup(value, len);
		/* not one that the text holds already */
		if (p->count[entity] < 0)
			p->count[entity] = highest_number(p->original, name);
		entry->number = ++p->count[entity];
		pair->key.type = jbvString;
		pair->key.val.string.val = psprintf("<%s_%d>", name, entry->number);
		pair->key.val.string.len = strlen(pair->key.val.string.val);
		if (number != NULL)
		{
			pair->value.type = jbvNumeric;
			pair->value.val.numeric = number;
		}
		else
		{
			char *server = pg_any_to_server(entry->key.value, len, PG_UTF8);

			pair->value.type = jbvString;
			pair->value.val.string.val = server;
			pair->value.val.string.len =
				server == entry->key.value ? len : (int) strlen(server);
		}
	}
	appendStringInfo(out, "<%s_%d>", name, entry->number);
}

static void
append_text_pseudonym(void *arg, StringInfo out, RedactEntity entity,
					  const char *value, int len)
{
	append_pseudonym(arg, out, entity, value, len, NULL);
}

/*
 * Append a text (server encoding) with placeholders to out; returns whether
 * there are any. Of a number all is one value, whatever a part of it looks
 * like, so that it comes back as a number.
 */
static bool
append_pseudonymized(Pseudonyms *p, const char *text, int len, const char *key,
					 int key_len, Numeric number, StringInfo out)
{
	RedactText scanned;

	redact_text_scan(p->policy, text, len, key, key_len, &scanned);
	if (scanned.nspans == 0)
		return false;
	if (number != NULL)
	{
		append_pseudonym(p, out, scanned.spans[0].entity, scanned.utf8,
						 scanned.len, number);
		return true;
	}
	redact_text_append_found(&scanned, append_text_pseudonym, p, out);
	return true;
}

/* The two columns of pseudonymize. */
static Datum
form_result(FunctionCallInfo fcinfo, Datum content, Pseudonyms *p)
{
	TupleDesc desc;
	Datum values[2];
	bool nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = content;
	values[1] = pseudonyms_end(p);
	return HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
intel_pseudonymize(PG_FUNCTION_ARGS)
{
	char *content = text_to_cstring(PG_GETARG_TEXT_PP(0));
	text *name = PG_GETARG_TEXT_PP(1);
	Pseudonyms p;
	StringInfoData out;

	pseudonyms_begin(
		&p, redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)));
	p.original = content;
	initStringInfo(&out);
	if (!append_pseudonymized(&p, content, strlen(content), NULL, 0, NULL,
							  &out))
		appendStringInfoString(&out, content);
	return form_result(fcinfo, PointerGetDatum(redact_text_result(&out)), &p);
}

/* A text, number or key of a document. */
static bool
pseudonymize_visit(JsonbVisitor *visitor, const JsonbText *text,
				   StringInfo out)
{
	Pseudonyms *p = visitor->arg;

	if (text->whole >= 0)
	{
		char *utf8 = pg_server_to_any(text->text, text->len, PG_UTF8);

		append_pseudonym(p, out, text->whole, utf8,
						 utf8 == text->text ? text->len : (int) strlen(utf8),
						 text->number);
		return true;
	}
	return append_pseudonymized(p, text->text, text->len, text->key,
								text->key_len, text->number, out);
}

Datum
intel_pseudonymize_jsonb(PG_FUNCTION_ARGS)
{
	Jsonb *doc = PG_GETARG_JSONB_P(0);
	text *name = PG_GETARG_TEXT_PP(1);
	Pseudonyms p;
	JsonbVisitor visitor = {.visit = pseudonymize_visit, .arg = &p};

	visitor.policy =
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	pseudonyms_begin(&p, visitor.policy);
	/* placeholders are ASCII, which jsonb keeps as it is */
	p.original = JsonbToCString(NULL, &doc->root, VARSIZE(doc));
	return form_result(fcinfo,
					   JsonbPGetDatum(redact_jsonb_walk(doc, &visitor)), &p);
}

/* ---- restoring ------------------------------------------------------ */

/* Where restored text goes, and what placeholders stand for. */
typedef struct Restoration
{
	Jsonb *mapping;
	StringInfo out;
	int found;
	char *number; /* of the last value, if it was a number */
} Restoration;

static const char *
restore_lookup(void *arg, const char *placeholder, size_t *len)
{
	Restoration *r = arg;
	JsonbValue v;

	if (getKeyJsonValueFromContainer(&r->mapping->root, placeholder,
									 strlen(placeholder), &v) == NULL)
		return NULL;
	r->number = NULL;
	if (v.type == jbvNumeric)
	{
		r->number = DatumGetCString(
			DirectFunctionCall1(numeric_out, NumericGetDatum(v.val.numeric)));
		*len = strlen(r->number);
		r->found++;
		return r->number;
	}
	if (v.type != jbvString)
		return NULL;
	r->found++;
	*len = v.val.string.len;
	return v.val.string.val;
}

static void
restore_write(void *arg, const char *bytes, size_t len)
{
	Restoration *r = arg;

	CHECK_FOR_INTERRUPTS();
	appendBinaryStringInfo(r->out, bytes, len);
}

static void
check_mapping(Jsonb *mapping)
{
	if (!JB_ROOT_IS_OBJECT(mapping))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("mapping must be a JSON object"),
						errhint("Use the mapping that intel.pseudonymize() "
								"returned.")));
}

static void
restore_piece(Restoration *r, PlaceholderStream *stream, const char *text,
			  size_t len, bool last)
{
	PlaceholderTarget target = {restore_lookup, restore_write, r};

	placeholder_feed(stream, text, len, last, &target);
}

Datum
intel_restore(PG_FUNCTION_ARGS)
{
	text *content = PG_GETARG_TEXT_PP(0);
	StringInfoData out;
	Restoration r = {PG_GETARG_JSONB_P(1), &out, 0, NULL};
	PlaceholderStream stream = {0};

	check_mapping(r.mapping);
	initStringInfo(&out);
	restore_piece(&r, &stream, VARDATA_ANY(content),
				  VARSIZE_ANY_EXHDR(content), true);
	PG_RETURN_TEXT_P(redact_text_result(&out));
}

static bool
restore_visit(JsonbVisitor *visitor, const JsonbText *text, StringInfo out)
{
	Restoration *r = visitor->arg;
	PlaceholderStream stream = {0};

	r->out = out;
	r->found = 0;
	restore_piece(r, &stream, text->text, text->len, true);
	/* a text that was a number and nothing else is one again */
	visitor->is_number = r->found == 1 && r->number != NULL && !text->is_key &&
						 strcmp(out->data, r->number) == 0;
	return r->found > 0;
}

Datum
intel_restore_jsonb(PG_FUNCTION_ARGS)
{
	Restoration r = {PG_GETARG_JSONB_P(1), NULL, 0, NULL};
	JsonbVisitor visitor = {.visit = restore_visit, .arg = &r};

	check_mapping(r.mapping);
	PG_RETURN_JSONB_P(redact_jsonb_walk(PG_GETARG_JSONB_P(0), &visitor));
}

/* ---- restoring in pieces -------------------------------------------- */

/*
 * The state between two pieces as text: "w" or "." (does what came before
 * continue into what waits?), then what waits.
 */
static void
read_state(const text *state, PlaceholderStream *stream)
{
	const char *data = VARDATA_ANY(state);
	size_t len = VARSIZE_ANY_EXHDR(state);

	memset(stream, 0, sizeof(*stream));
	if (len == 0)
		return;
	if ((data[0] != 'w' && data[0] != '.') || len - 1 > PLACEHOLDER_CARRY)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("state is not one that restore_stream "
							   "returned"),
						errhint("Begin with an empty text.")));
	stream->in_word = data[0] == 'w';
	stream->ncarry = len - 1;
	memcpy(stream->carry, data + 1, len - 1);
}

Datum
intel_restore_stream(PG_FUNCTION_ARGS)
{
	StringInfoData out;
	StringInfoData state;
	Restoration r = {NULL, &out, 0, NULL};
	PlaceholderStream stream = {0};
	TupleDesc desc;
	Datum values[2];
	bool nulls[2] = {false, false};
	text *piece = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);

	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("mapping must not be null")));
	r.mapping = PG_GETARG_JSONB_P(2);
	check_mapping(r.mapping);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!PG_ARGISNULL(0))
		read_state(PG_GETARG_TEXT_PP(0), &stream);

	initStringInfo(&out);
	initStringInfo(&state);
	restore_piece(&r, &stream, piece == NULL ? "" : VARDATA_ANY(piece),
				  piece == NULL ? 0 : VARSIZE_ANY_EXHDR(piece), piece == NULL);
	appendStringInfoChar(&state, stream.in_word ? 'w' : '.');
	appendBinaryStringInfo(&state, stream.carry, stream.ncarry);
	values[0] =
		PointerGetDatum(cstring_to_text_with_len(state.data, state.len));
	values[1] = PointerGetDatum(redact_text_result(&out));
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
