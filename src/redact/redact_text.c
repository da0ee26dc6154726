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
#include "utils/memutils.h"

#include "base/compat.h"
#include "redact/redact_fake.h"
#include "redact/redact_gazetteer.h"
#include "redact/redact_key.h"
#include "redact/redact_policy.h"
#include "redact/redact_rule.h"
#include "redact/redact_text.h"

INTEL_FUNCTION(detect_pii);
INTEL_FUNCTION(_detect_pii_field);
INTEL_FUNCTION(contains_pii);
INTEL_FUNCTION(redact_text);
INTEL_FUNCTION(pii_entities);

/*
 * A text with placeholders holds nothing more to find: the scanner sees to
 * that. Where something else stands for a value (nothing, a mask, a stand-in, a
 * text of the policy), or where patterns of the user were matched, what was written is
 * scanned again; in the last round placeholders are written.
 */
#define MAX_ROUNDS 4

/* One per backend; a scan never calls another. */
static RedactScanner *scanner = NULL;

/* As redact_text_scan, with stand-ins among the spans. */
static void
scan_all(const RedactPolicy *policy, const char *text, int len,
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

	/* a short text takes one step, and there may be many of them */
	CHECK_FOR_INTERRUPTS();
	result->has_rules = has_rules;
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
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("text to redact is too long"),
					 errdetail("The limits are 1 GB, 2 GB with escapes and "
							   "ligatures resolved, and some 80 "
							   "million finds.")));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
					 errdetail("The redaction scanner could not get "
							   "memory.")));
	}
	result->spans = redact_scanner_spans(scanner, &result->nspans);
}

bool
redact_is_standin(const RedactPolicy *policy, RedactEntity entity,
				  const char *text, int len)
{
	return policy->treatment[entity].action == REDACT_FAKE &&
		   redact_fake_is(policy->name, entity, text, len);
}

/* Take out what is a stand-in already. */
static void
drop_standins(const RedactPolicy *policy, RedactText *scanned)
{
	RedactSpan *left = palloc_extended(
		(Size) Max(scanned->nspans, 1) * sizeof(RedactSpan), MCXT_ALLOC_HUGE);
	int nleft = 0;

	for (int i = 0; i < scanned->nspans; i++)
	{
		const RedactSpan *span = &scanned->spans[i];

		CHECK_FOR_INTERRUPTS();
		if (!redact_is_standin(policy, span->entity,
							   scanned->utf8 + span->start, span->len))
			left[nleft++] = *span;
	}
	scanned->spans = left;
	scanned->nspans = nleft;
}

void
redact_text_scan(const RedactPolicy *policy, const char *text, int len,
				 const char *key, int key_len, RedactText *result)
{
	scan_all(policy, text, len, key, key_len, result);
	if (policy->has_fakes && result->nspans > 0)
		drop_standins(policy, result);
}

/* ---- rewriting ------------------------------------------------------ */

text *
redact_text_result(const StringInfoData *out)
{
	if ((Size) out->len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("redacted text is too long"),
						errdetail("The limit is 1 GB.")));
	return cstring_to_text_with_len(out->data, out->len);
}

/* Characters of a piece of UTF-8. */
static int
utf8_length(const char *text, int len)
{
	int n = 0;

	for (int i = 0; i < len; i++)
		n += ((unsigned char) text[i] & 0xc0) != 0x80;
	return n;
}

void
redact_text_append_utf8(StringInfo out, const char *utf8, int len)
{
	char *text = pg_any_to_server(utf8, len, PG_UTF8);

	appendBinaryStringInfo(out, text, text == utf8 ? len : (int) strlen(text));
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
	redact_text_append_utf8(out, value + keep_from, len - keep_from);
}

/* Which stand-ins may be written; tokens instead of others. */
typedef enum StandIns
{
	STANDINS_ALL,
	STANDINS_TOLD, /* those that can be told from values */
	STANDINS_NONE
} StandIns;

/* What stands instead of a value (UTF-8). */
static void
append_treated(StringInfo out, const RedactPolicy *policy, RedactEntity entity,
			   const char *value, int len, StandIns standins)
{
	const RedactTreatment *t = &policy->treatment[entity];
	const char *name = redact_entities[entity].name;
	char token[REDACT_TOKEN_LEN + 1];

	switch (t->action)
	{
		case REDACT_MASK:
			append_masked(out, t, value, len);
			break;
		case REDACT_FAKE:
			if (standins != STANDINS_NONE &&
				redact_fake_append(out, policy->name, entity, value, len,
								   standins == STANDINS_TOLD))
				break;
			/* FALLTHROUGH */
		case REDACT_HASH:
			redact_key_token(policy->name, name, value, len, token);
			appendStringInfo(out, "<%s:%s>", name, token);
			break;
		case REDACT_REMOVE:
			break;
		case REDACT_REPLACE:
		case REDACT_KEEP: /* not looked for, but a path may say so */
			if (t->with != NULL)
				appendStringInfoString(out, t->with);
			else
				appendStringInfo(out, "<%s>", name);
			break;
	}
}

void
redact_text_append_whole(const RedactPolicy *policy, RedactEntity entity,
						 const char *text, int len, StringInfo out)
{
	char *utf8 = pg_server_to_any(text, len, PG_UTF8);

	append_treated(out, policy, entity, utf8,
				   utf8 == text ? len : (int) strlen(utf8), STANDINS_TOLD);
}

bool
redact_is_placeholder(const char *text, int len)
{
	char name[64];
	int n = 0;

	if (len < 5 || text[0] != '<' || text[len - 1] != '>')
		return false;
	while (n < (int) sizeof(name) - 1 && n + 1 < len - 1 &&
		   ((text[n + 1] >= 'A' && text[n + 1] <= 'Z') || text[n + 1] == '_'))
		name[n] = text[n + 1], n++;
	name[n] = '\0';
	/* the rest is a number or a token */
	if (n + 1 < len - 1)
	{
		const char *rest = text + n + 1;
		int rest_len = len - 2 - n;

		if (rest[0] == ':')
		{
			for (int i = 1; i < rest_len; i++)
			{
				if (!((rest[i] >= 'a' && rest[i] <= 'z') ||
					  (rest[i] >= '2' && rest[i] <= '7')))
					return false;
			}
			if (rest_len != REDACT_TOKEN_LEN + 1)
				return false;
		}
		else if (rest_len > 9 || n == 0 || name[n - 1] != '_' ||
				 (int) strspn(rest, "0123456789") < rest_len)
			return false;
		else
			name[n - 1] = '\0';
	}
	return redact_entity_find(name) >= 0;
}

/* Is a value of this entity replaced by its placeholder? */
static bool
has_placeholder(const RedactPolicy *policy, RedactEntity entity)
{
	const RedactTreatment *t = &policy->treatment[entity];

	return t->action == REDACT_HASH ||
		   (t->action == REDACT_REPLACE && t->with == NULL);
}

static bool
append_text(const RedactPolicy *policy, const char *text, int len,
			const char *key, int key_len, StandIns standins, StringInfo out)
{
	int begin = out->len;
	bool found = false;
	bool settled = false;

	for (int round = 0; round < MAX_ROUNDS && !settled; round++)
	{
		bool last = round == MAX_ROUNDS - 1;
		RedactText scanned;
		int done = 0;

		redact_text_scan(policy, text, len, key, key_len, &scanned);
		if (scanned.nspans == 0)
			break;
		/* beside placeholders, stand-ins may look like something else */
		if (last && policy->has_fakes)
			scan_all(policy, text, len, key, key_len, &scanned);
		found = true;
		settled = !scanned.has_rules;
		out->len = begin;
		out->data[begin] = '\0';
		for (int i = 0; i < scanned.nspans; i++)
		{
			const RedactSpan *span = &scanned.spans[i];

			CHECK_FOR_INTERRUPTS();
			redact_text_append_utf8(out, scanned.utf8 + done,
									span->start - done);
			settled = settled && has_placeholder(policy, span->entity);
			if (last && !has_placeholder(policy, span->entity))
				appendStringInfo(out, "<%s>",
								 redact_entities[span->entity].name);
			else
				append_treated(out, policy, span->entity,
							   scanned.utf8 + span->start, span->len,
							   standins);
			done = span->start + span->len;
		}
		redact_text_append_utf8(out, scanned.utf8 + done, scanned.len - done);

		len = out->len - begin;
		if (!settled && !last)
			text = pnstrdup(out->data + begin, len);
	}
	return found;
}

bool
redact_text_append(const RedactPolicy *policy, const char *text, int len,
				   const char *key, int key_len, StringInfo out)
{
	return append_text(policy, text, len, key, key_len, STANDINS_ALL, out);
}

bool
redact_text_append_key(const RedactPolicy *policy, const char *text, int len,
					   StringInfo out)
{
	return append_text(policy, text, len, NULL, 0, STANDINS_NONE, out);
}

void
redact_text_append_found(const RedactText *scanned, RedactAppend append,
						 void *arg, StringInfo out)
{
	int done = 0;

	for (int i = 0; i < scanned->nspans; i++)
	{
		const RedactSpan *span = &scanned->spans[i];
		int start = span->start;

		CHECK_FOR_INTERRUPTS();
		while (start > done && scanned->utf8[start - 1] == '\\')
			start--;
		redact_text_append_utf8(out, scanned->utf8 + done, start - done);
		done = span->start + span->len;
		append(arg, out, span->entity, scanned->utf8 + start, done - start);
	}
	redact_text_append_utf8(out, scanned->utf8 + done, scanned->len - done);
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
	PG_RETURN_TEXT_P(redact_text_result(&out));
}

/* ---- finding -------------------------------------------------------- */

/*
 * Characters as substring() counts them: those of the server's encoding,
 * which in SQL_ASCII are bytes.
 */
static int
server_length(const char *utf8, int len)
{
	char *text;

	if (GetDatabaseEncoding() == PG_UTF8)
		return utf8_length(utf8, len);
	text = pg_any_to_server(utf8, len, PG_UTF8);
	return pg_mbstrlen_with_len(text, text == utf8 ? len : (int) strlen(text));
}

void
redact_text_put_rows(ReturnSetInfo *rsinfo, const RedactText *scanned,
					 const Datum *path)
{
	int first = path != NULL;
	int at = 0;
	int chars = 0;

	for (int i = 0; i < scanned->nspans; i++)
	{
		const RedactSpan *span = &scanned->spans[i];
		const char *value = scanned->utf8 + span->start;
		int length = server_length(value, span->len);
		Datum values[7];
		bool nulls[7] = {false};
		StringInfoData server;

		CHECK_FOR_INTERRUPTS();
		chars += server_length(scanned->utf8 + at, span->start - at);
		initStringInfo(&server);
		redact_text_append_utf8(&server, value, span->len);
		if (path != NULL)
			values[0] = *path;
		values[first] =
			CStringGetTextDatum(redact_entities[span->entity].name);
		values[first + 1] = Int32GetDatum(chars + 1);
		values[first + 2] = Int32GetDatum(length);
		values[first + 3] =
			PointerGetDatum(cstring_to_text_with_len(server.data, server.len));
		values[first + 4] = Float4GetDatum(span->score / 100.0f);
		values[first + 5] = CStringGetTextDatum(span->rule);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
		pfree(server.data);
		chars += length;
		at = span->start + span->len;
	}
}

static void
detect_text(FunctionCallInfo fcinfo, const char *key, int key_len)
{
	text *content = PG_GETARG_TEXT_PP(0);
	text *name = PG_GETARG_TEXT_PP(1);
	const RedactPolicy *policy =
		redact_policy_get(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	RedactText scanned;

	InitMaterializedSRF(fcinfo, 0);
	redact_text_scan(policy, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content),
					 key, key_len, &scanned);
	redact_text_put_rows((ReturnSetInfo *) fcinfo->resultinfo, &scanned, NULL);
}

Datum
intel_detect_pii(PG_FUNCTION_ARGS)
{
	detect_text(fcinfo, NULL, 0);
	return (Datum) 0;
}

/* The same for a text that stands in a field, whose name is context. */
Datum
intel__detect_pii_field(PG_FUNCTION_ARGS)
{
	text *field = PG_GETARG_TEXT_PP(2);

	detect_text(fcinfo, VARDATA_ANY(field), VARSIZE_ANY_EXHDR(field));
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
