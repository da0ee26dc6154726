/*-------------------------------------------------------------------------
 *
 * redact_text.c
 *		Functions on text: detect_pii, contains_pii, redact.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "redact/redact_gazetteer.h"
#include "redact/redact_key.h"
#include "redact/redact_policy.h"
#include "redact/redact_rule.h"
#include "redact/redact_text.h"

INTEL_FUNCTION(detect_pii);
INTEL_FUNCTION(contains_pii);
INTEL_FUNCTION(redact_text);
INTEL_FUNCTION(pii_entities);

/*
 * Redacted text is scanned again, since what stands where a value stood can
 * bring a context word nearer to another number. Each round finds less.
 */
#define MAX_ROUNDS 4

/* One per backend; a scan never calls another. */
static RedactScanner *scanner = NULL;

void
redact_text_scan(const RedactPolicy *policy, const char *text, int len,
				 const char *key, int key_len, RedactText *result)
{
	RedactStatus status;
	bool has_rules = redact_rules_prepare();
	const char *canonical;
	size_t canonical_len;
	const RedactTerms *terms = redact_gazetteer_get();

	if (scanner == NULL)
		scanner = redact_scanner_create();
	if (scanner == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
				 errdetail("The redaction scanner could not be made.")));

	result->utf8 = pg_server_to_any(text, len, PG_UTF8);
	result->len = result->utf8 == text ? len : (int) strlen(result->utf8);
	redact_scanner_trim(scanner);
	redact_scanner_set_terms(scanner, terms);
	redact_scanner_begin(scanner, &policy->profile, result->utf8, result->len,
						 key, key_len);
	while ((status = redact_scanner_step(scanner)) == REDACT_MORE)
	{
		CHECK_FOR_INTERRUPTS();
		if (has_rules &&
			redact_scanner_canonical(scanner, &canonical, &canonical_len))
		{
			redact_rules_offer(scanner, &policy->profile, key, key_len);
			has_rules = false;
		}
	}

	switch (status)
	{
		case REDACT_DONE:
			break;
		case REDACT_NOT_UTF8:
			ereport(ERROR,
					(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
					 errmsg("text to redact is not valid UTF-8"),
					 errhint("Text that cannot be read is not let through; "
							 "correct its encoding first.")));
			break;
		case REDACT_TOO_LONG:
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("text to redact is too long"),
							errdetail("The limit is 1 GB.")));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
					 errdetail("The redaction scanner could not get "
							   "memory.")));
	}
	result->spans = redact_scanner_spans(scanner, &result->nspans);
}

/* ---- rewriting ------------------------------------------------------ */

/* Characters of a piece of UTF-8. */
static int
utf8_length(const char *text, int len)
{
	int n = 0;

	for (int i = 0; i < len; i++)
		n += ((unsigned char) text[i] & 0xc0) != 0x80;
	return n;
}

/*
 * Every character becomes the mask, but for the last letters and digits; of a
 * value so short that they would be half of it, none stays.
 */
static void
append_masked(StringInfo out, const RedactTreatment *t, const char *value,
			  int len)
{
	int keep_from = len;
	int kept = 0;

	while (keep_from > 0 && kept < t->keep_last)
	{
		unsigned char c = value[--keep_from];

		if ((c & 0xc0) == 0x80)
			continue; /* within a character */
		if (isalnum(c) || IS_HIGHBIT_SET(c))
			kept++;
	}
	if (kept * 2 > utf8_length(value, len))
		keep_from = len;
	for (int i = utf8_length(value, keep_from); i > 0; i--)
		appendStringInfoString(out, t->mask != NULL ? t->mask : "*");
	appendBinaryStringInfo(out, value + keep_from, len - keep_from);
}

static void
append_treated(StringInfo out, const RedactPolicy *policy,
			   const RedactText *text, const RedactSpan *span)
{
	const RedactTreatment *t = &policy->treatment[span->entity];
	char token[REDACT_TOKEN_LEN + 1];

	switch (t->action)
	{
		case REDACT_REPLACE:
			if (t->with != NULL)
				appendStringInfoString(out, t->with);
			else
				appendStringInfo(out, "<%s>",
								 redact_entities[span->entity].name);
			break;
		case REDACT_MASK:
			append_masked(out, t, text->utf8 + span->start, span->len);
			break;
		case REDACT_HASH:
			redact_key_token(policy->name, redact_entities[span->entity].name,
							 text->utf8 + span->start, span->len, token);
			appendStringInfo(out, "<%s:%s>",
							 redact_entities[span->entity].name, token);
			break;
		case REDACT_REMOVE:
		case REDACT_KEEP: /* not looked for */
			break;
	}
}

/* A piece of the original, back in server encoding. */
static void
append_original(StringInfo out, const char *utf8, int len)
{
	char *text = pg_any_to_server(utf8, len, PG_UTF8);

	appendBinaryStringInfo(out, text, text == utf8 ? len : (int) strlen(text));
}

bool
redact_text_append(const RedactPolicy *policy, const char *text, int len,
				   const char *key, int key_len, StringInfo out)
{
	int begin = out->len;
	bool found = false;

	for (int round = 0; round < MAX_ROUNDS; round++)
	{
		RedactText scanned;
		int done = 0;

		redact_text_scan(policy, text, len, key, key_len, &scanned);
		if (scanned.nspans == 0)
			break;
		found = true;
		out->len = begin;
		out->data[begin] = '\0';
		for (int i = 0; i < scanned.nspans; i++)
		{
			const RedactSpan *span = &scanned.spans[i];

			append_original(out, scanned.utf8 + done, span->start - done);
			append_treated(out, policy, &scanned, span);
			done = span->start + span->len;
		}
		append_original(out, scanned.utf8 + done, scanned.len - done);

		len = out->len - begin;
		text = pnstrdup(out->data + begin, len);
	}
	if (!found)
		appendBinaryStringInfo(out, text, len);
	return found;
}

Datum
intel_redact_text(PG_FUNCTION_ARGS)
{
	text *content = PG_GETARG_TEXT_PP(0);
	text *name = PG_GETARG_TEXT_PP(1);
	const RedactPolicy *policy =
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	StringInfoData out;

	initStringInfo(&out);
	if (!redact_text_append(policy, VARDATA_ANY(content),
							VARSIZE_ANY_EXHDR(content), NULL, 0, &out))
		PG_RETURN_TEXT_P(content);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* ---- finding -------------------------------------------------------- */

Datum
intel_detect_pii(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	text *content = PG_GETARG_TEXT_PP(0);
	text *name = PG_GETARG_TEXT_PP(1);
	const RedactPolicy *policy =
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	RedactText scanned;
	int at = 0;
	int chars = 0;

	InitMaterializedSRF(fcinfo, 0);
	redact_text_scan(policy, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content),
					 NULL, 0, &scanned);
	for (int i = 0; i < scanned.nspans; i++)
	{
		const RedactSpan *span = &scanned.spans[i];
		const char *value = scanned.utf8 + span->start;
		int length = utf8_length(value, span->len);
		Datum values[6];
		bool nulls[6] = {false};
		char *server;

		chars += utf8_length(scanned.utf8 + at, span->start - at);
		server = pg_any_to_server(value, span->len, PG_UTF8);
		values[0] = CStringGetTextDatum(redact_entities[span->entity].name);
		values[1] = Int32GetDatum(chars + 1);
		values[2] = Int32GetDatum(length);
		values[3] = PointerGetDatum(cstring_to_text_with_len(
			server, server == value ? (int) span->len : (int) strlen(server)));
		values[4] = Float4GetDatum(span->score / 100.0f);
		values[5] = CStringGetTextDatum(span->rule);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
		chars += length;
		at = span->start + span->len;
	}
	return (Datum) 0;
}

Datum
intel_contains_pii(PG_FUNCTION_ARGS)
{
	text *content = PG_GETARG_TEXT_PP(0);
	text *name = PG_GETARG_TEXT_PP(1);
	const RedactPolicy *policy =
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	RedactText scanned;

	redact_text_scan(policy, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content),
					 NULL, 0, &scanned);
	PG_RETURN_BOOL(scanned.nspans > 0);
}

/* The catalogue of entities. */
Datum
intel_pii_entities(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < REDACT_NENTITIES; i++)
	{
		const RedactEntityInfo *info = &redact_entities[i];
		Datum values[3];
		bool nulls[3] = {false};

		values[0] = CStringGetTextDatum(info->name);
		values[1] = CStringGetTextDatum(redact_groups[info->group]);
		nulls[2] = info->region == REDACT_REGION_ZZ;
		values[2] = nulls[2]
						? (Datum) 0
						: CStringGetTextDatum(redact_regions[info->region]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}
