/*-------------------------------------------------------------------------
 *
 * redact_vault.c
 *		The parts of the vault that are not SQL: pseudonyms that are the same
 *		in every document, with their values sealed, and the way back.
 *
 * A pseudonym of the vault is the keyed token of the action "hash"; the table
 * pii_vault holds what it stands for, encrypted under a key that the database
 * does not hold. Who may read a row is the business of its policies.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "base/placeholder.h"
#include "redact/redact_jsonb.h"
#include "redact/redact_key.h"
#include "redact/redact_policy.h"
#include "redact/redact_text.h"

INTEL_FUNCTION(_vault_seal);
INTEL_FUNCTION(_vault_seal_jsonb);
INTEL_FUNCTION(_vault_tokens);
INTEL_FUNCTION(_vault_open);

/* What was sealed so far; one of each per occurrence. */
typedef struct Sealing
{
	const RedactPolicy *policy;
	ArrayBuildState *tokens;
	ArrayBuildState *values;
} Sealing;

static void
sealing_begin(Sealing *s, const text *policy)
{
	s->policy =
		redact_policy_get(VARDATA_ANY(policy), VARSIZE_ANY_EXHDR(policy));
	s->tokens = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	s->values = initArrayResult(BYTEAOID, CurrentMemoryContext, false);
}

/* Content, tokens and values as a row. */
static Datum
sealing_end(FunctionCallInfo fcinfo, Sealing *s, Datum content)
{
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = content;
	values[1] = makeArrayResult(s->tokens, CurrentMemoryContext);
	values[2] = makeArrayResult(s->values, CurrentMemoryContext);
	return HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * How a value is sealed: a text as it is, unless it begins with MARK itself; a
 * number behind MARK and 'n', so that it comes back as one, and has another
 * token than the text with its digits.
 */
#define MARK '\x01'

static const char *
marked_value(const char *value, int *len, bool is_number)
{
	char *marked;

	if (!is_number && (*len == 0 || value[0] != MARK))
		return value;
	marked = palloc(*len + 3);
	marked[0] = MARK;
	marked[1] = is_number ? 'n' : 't';
	memcpy(marked + 2, value, *len);
	*len += 2;
	marked[*len] = '\0';
	return marked;
}

/* Append the token of a value (UTF-8), and seal it. */
static void
append_token(Sealing *s, StringInfo out, RedactEntity entity,
			 const char *value, int len, bool is_number)
{
	const char *name = redact_entities[entity].name;
	char token[REDACT_TOKEN_LEN + 1];
	char *placeholder;

	CHECK_FOR_INTERRUPTS();
	value = marked_value(value, &len, is_number);
	redact_key_token(s->policy->name, name, value, len, token);
	placeholder = psprintf("<%s:%s>", name, token);
	appendStringInfoString(out, placeholder);
	s->tokens = accumArrayResult(s->tokens, CStringGetTextDatum(placeholder),
								 false, TEXTOID, CurrentMemoryContext);
	s->values = accumArrayResult(
		s->values, PointerGetDatum(redact_key_seal(placeholder, value, len)),
		false, BYTEAOID, CurrentMemoryContext);
}

static void
append_text_token(void *arg, StringInfo out, RedactEntity entity,
				  const char *value, int len)
{
	append_token(arg, out, entity, value, len, false);
}

/*
 * Append a text (server encoding) with tokens; returns whether there are any.
 * Of a number all is one value.
 */
static bool
append_sealed(Sealing *s, const char *text, int len, const char *key,
			  int key_len, bool is_number, StringInfo out)
{
	RedactText scanned;

	redact_text_scan(s->policy, text, len, key, key_len, &scanned);
	if (scanned.nspans == 0)
		return false;
	if (is_number)
	{
		append_token(s, out, scanned.spans[0].entity, scanned.utf8,
					 scanned.len, true);
		return true;
	}
	redact_text_append_found(&scanned, append_text_token, s, out);
	return true;
}

/* The text with tokens, the tokens and their sealed values. */
Datum
intel__vault_seal(PG_FUNCTION_ARGS)
{
	text *content = PG_GETARG_TEXT_PP(0);
	Sealing sealing;
	StringInfoData out;

	sealing_begin(&sealing, PG_GETARG_TEXT_PP(1));
	initStringInfo(&out);
	if (!append_sealed(&sealing, VARDATA_ANY(content),
					   VARSIZE_ANY_EXHDR(content), NULL, 0, false, &out))
		appendBinaryStringInfo(&out, VARDATA_ANY(content),
							   VARSIZE_ANY_EXHDR(content));
	PG_RETURN_DATUM(sealing_end(fcinfo, &sealing,
								PointerGetDatum(redact_text_result(&out))));
}

/* A text, number or key of a document. */
static bool
seal_visit(JsonbVisitor *visitor, const JsonbText *text, StringInfo out)
{
	Sealing *sealing = visitor->arg;

	if (text->whole >= 0)
	{
		char *utf8 = pg_server_to_any(text->text, text->len, PG_UTF8);

		append_token(sealing, out, text->whole, utf8,
					 utf8 == text->text ? text->len : (int) strlen(utf8),
					 text->number != NULL);
		return true;
	}
	return append_sealed(sealing, text->text, text->len, text->key,
						 text->key_len, text->number != NULL, out);
}

/* The same of a document. */
Datum
intel__vault_seal_jsonb(PG_FUNCTION_ARGS)
{
	Sealing sealing;
	JsonbVisitor visitor = {.visit = seal_visit, .arg = &sealing};

	sealing_begin(&sealing, PG_GETARG_TEXT_PP(1));
	visitor.policy = sealing.policy;
	PG_RETURN_DATUM(sealing_end(
		fcinfo, &sealing,
		JsonbPGetDatum(redact_jsonb_walk(PG_GETARG_JSONB_P(0), &visitor))));
}

/* Collects what is looked up, and finds nothing. */
static const char *
note_token(void *arg, const char *placeholder,
		   pg_attribute_unused() size_t *len)
{
	ArrayBuildState **tokens = arg;

	if (strchr(placeholder, ':') != NULL)
		*tokens = accumArrayResult(*tokens, CStringGetTextDatum(placeholder),
								   false, TEXTOID, CurrentMemoryContext);
	return NULL;
}

static void
write_nothing(pg_attribute_unused() void *arg,
			  pg_attribute_unused() const char *bytes,
			  pg_attribute_unused() size_t len)
{
}

/* The tokens that a text has, in their plain form. */
Datum
intel__vault_tokens(PG_FUNCTION_ARGS)
{
	text *content = PG_GETARG_TEXT_PP(0);
	ArrayBuildState *tokens =
		initArrayResult(TEXTOID, CurrentMemoryContext, false);
	PlaceholderTarget target = {note_token, write_nothing, &tokens};
	PlaceholderStream stream = {0};

	placeholder_feed(&stream, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content),
					 true, &target);
	PG_RETURN_DATUM(makeArrayResult(tokens, CurrentMemoryContext));
}

/* What a token stands for: a text, or a number. */
Datum
intel__vault_open(PG_FUNCTION_ARGS)
{
	char *token = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int len;
	char *value = redact_key_unseal(token, PG_GETARG_BYTEA_PP(1), &len);
	JsonbValue v;

	if (len >= 2 && value[0] == MARK && value[1] == 'n')
	{
		v.type = jbvNumeric;
		v.val.numeric = DatumGetNumeric(DirectFunctionCall3(
			numeric_in, CStringGetDatum(value + 2),
			ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	else
	{
		StringInfoData out;

		if (len >= 2 && value[0] == MARK)
			value += 2, len -= 2;
		initStringInfo(&out);
		redact_text_append_utf8(&out, value, len);
		v.type = jbvString;
		v.val.string.val = out.data;
		v.val.string.len = out.len;
	}
	PG_RETURN_JSONB_P(JsonbValueToJsonb(&v));
}
