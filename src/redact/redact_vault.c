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

#include "base/compat.h"
#include "base/placeholder.h"
#include "redact/redact_key.h"
#include "redact/redact_policy.h"
#include "redact/redact_text.h"

INTEL_FUNCTION(_vault_seal);
INTEL_FUNCTION(_vault_tokens);
INTEL_FUNCTION(_vault_open);

/* A piece of the original, back in server encoding. */
static void
append_server(StringInfo out, const char *utf8, int len)
{
	char *text = pg_any_to_server(utf8, len, PG_UTF8);

	appendBinaryStringInfo(out, text, text == utf8 ? len : (int) strlen(text));
}

/*
 * The text with tokens, the tokens and their sealed values; one of each per
 * occurrence, since the table keeps them apart.
 */
Datum
intel__vault_seal(PG_FUNCTION_ARGS)
{
	text *content = PG_GETARG_TEXT_PP(0);
	text *name = PG_GETARG_TEXT_PP(1);
	const RedactPolicy *policy =
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	RedactText scanned;
	StringInfoData out;
	Datum *tokens;
	Datum *sealed;
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {false};
	int done = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	redact_text_scan(policy, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content),
					 NULL, 0, &scanned);
	initStringInfo(&out);
	tokens = palloc((scanned.nspans + 1) * sizeof(Datum));
	sealed = palloc((scanned.nspans + 1) * sizeof(Datum));
	for (int i = 0; i < scanned.nspans; i++)
	{
		const RedactSpan *span = &scanned.spans[i];
		const char *entity = redact_entities[span->entity].name;
		const char *value = scanned.utf8 + span->start;
		char token[REDACT_TOKEN_LEN + 1];
		char *placeholder;

		CHECK_FOR_INTERRUPTS();
		redact_key_token(policy->name, entity, value, span->len, token);
		placeholder = psprintf("<%s:%s>", entity, token);
		append_server(&out, scanned.utf8 + done, span->start - done);
		appendStringInfoString(&out, placeholder);
		tokens[i] = CStringGetTextDatum(placeholder);
		sealed[i] =
			PointerGetDatum(redact_key_seal(placeholder, value, span->len));
		done = span->start + span->len;
	}
	append_server(&out, scanned.utf8 + done, scanned.len - done);

	values[0] = PointerGetDatum(cstring_to_text_with_len(out.data, out.len));
	values[1] = PointerGetDatum(construct_array(
		tokens, scanned.nspans, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(
		sealed, scanned.nspans, BYTEAOID, -1, false, TYPALIGN_INT));
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
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

/* What a token stands for. */
Datum
intel__vault_open(PG_FUNCTION_ARGS)
{
	char *token = text_to_cstring(PG_GETARG_TEXT_PP(0));
	StringInfoData out;
	int len;
	char *value = redact_key_unseal(token, PG_GETARG_BYTEA_PP(1), &len);

	initStringInfo(&out);
	append_server(&out, value, len);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
