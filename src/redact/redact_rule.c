/*-------------------------------------------------------------------------
 *
 * redact_rule.c
 *		The rows of custom_rule: regular expressions beside the scanner.
 *
 * A rule is a pattern of PostgreSQL's own regular expressions, perhaps with a
 * validator, chosen by name, and words of which one must stand near. It is
 * data: nothing in it is evaluated.
 *
 * Patterns see the canonical text, so they need no variants for other digits,
 * blanks or escapes. They see it in windows, which bounds a single match and
 * makes the time linear in the text, whatever the pattern: a match has at most
 * WINDOW_BEHIND characters behind the window that it starts in. Patterns with
 * back references, whose time is not bounded, are refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "regex/regex.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "redact/redact_cache.h"
#include "redact/redact_check.h"
#include "redact/redact_rule.h"

INTEL_FUNCTION(_custom_rule_check);

/* Columns of custom_rule. */
enum
{
	COL_NAME = 1,
	COL_ENTITY,
	COL_PATTERN,
	COL_VALIDATOR,
	COL_CONTEXT,
	COL_SCORE,
};

/* Characters: of a pattern; of windows, and what is seen around them. */
#define MAX_PATTERN 500
#define MAX_CONTEXT 50
#define WINDOW 8192
#define WINDOW_BEHIND 1024
#define WINDOW_BEFORE 64
/* Bytes before and behind a match in which a context word counts. */
#define CONTEXT_BEFORE 72
#define CONTEXT_AFTER 40
/* Characters of a value that a validator looks at. */
#define MAX_CHECKED 64

typedef bool (*RuleValidator)(const uint8_t *value, int n);

typedef struct CustomRule
{
	char *name; /* "custom:" and its name */
	int entity;
	int score;
	regex_t regex;
	RuleValidator validator;
	bool validates_digits; /* 0 to 9, else capitals and ASCII digits */
	RedactTerms *context;  /* NULL: none needed */
} CustomRule;

static MemoryContext rule_context = NULL;
static CustomRule **rules = NULL;
static int nrules = 0;

/* ---- validators ----------------------------------------------------- */

/* ISO 7064 mod 97-10 as it stands, check digits last (LEI, RF). */
static bool
check_mod97(const uint8_t *text, int n)
{
	int rest = 0;

	for (int i = 0; i < n; i++)
	{
		int value = text[i] <= '9' ? text[i] - '0' : text[i] - 'A' + 10;

		rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
	}
	return n > 2 && rest == 1;
}

static const struct
{
	const char *name;
	RuleValidator check;
	bool digits;
	int min;
} validators[] = {
	{"luhn", check_luhn, true, 2},
	{"verhoeff", check_verhoeff, true, 2},
	{"mod11_10", check_mod11_10, true, 2},
	{"mod97", check_mod97, false, 3},
	{"iban", check_iban, false, 15},
};

static int
validator_find(const char *name)
{
	for (int i = 0; i < (int) lengthof(validators); i++)
	{
		if (strcmp(validators[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* A value that came through the pattern: does its check digit agree? */
static bool
validates(const CustomRule *rule, const char *value, int len)
{
	uint8_t chars[MAX_CHECKED];
	int n = 0;

	for (int i = 0; i < len; i++)
	{
		unsigned char c = pg_ascii_toupper((unsigned char) value[i]);
		bool is_digit = c >= '0' && c <= '9';

		if (!is_digit && (rule->validates_digits || c < 'A' || c > 'Z'))
		{
			if (isalpha(c) || IS_HIGHBIT_SET(c))
				return false;
			continue; /* a separator */
		}
		if (n == MAX_CHECKED)
			return false;
		chars[n++] = rule->validates_digits ? c - '0' : c;
	}
	for (int i = 0; i < (int) lengthof(validators); i++)
	{
		if (validators[i].check == rule->validator && n < validators[i].min)
			return false;
	}
	return rule->validator(chars, n);
}

/* ---- compiling ------------------------------------------------------ */

/* Text in server encoding as characters of Unicode. */
static pg_wchar *
to_wchars(const char *text, int *n)
{
	int len = strlen(text);
	char *utf8 = pg_server_to_any(text, len, PG_UTF8);
	pg_wchar *wide;

	len = strlen(utf8);
	wide = palloc((len + 1) * sizeof(pg_wchar));
	*n = pg_encoding_mb2wchar_with_len(PG_UTF8, utf8, wide, len);
	return wide;
}

/*
 * Compile a pattern or raise. Character classes know ASCII only: what they
 * match must not depend on a locale.
 */
static void
compile_pattern(const char *name, const char *pattern, regex_t *regex)
{
	int n;
	pg_wchar *wide = to_wchars(pattern, &n);
	int rc;

	if (n == 0 || n > MAX_PATTERN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("pattern of rule \"%s\" must have between 1 and %d "
						"characters",
						name, MAX_PATTERN)));
	rc = pg_regcomp(regex, wide, n, REG_ADVANCED, C_COLLATION_OID);
	if (rc != REG_OKAY)
	{
		char reason[100];

		CHECK_FOR_INTERRUPTS();
		pg_regerror(rc, regex, reason, sizeof(reason));
		ereport(ERROR, (errcode(ERRCODE_INVALID_REGULAR_EXPRESSION),
						errmsg("pattern of rule \"%s\" is not valid: %s", name,
							   reason)));
	}
	if (regex->re_info & REG_UBACKREF)
	{
		pg_regfree(regex);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_REGULAR_EXPRESSION),
				 errmsg("pattern of rule \"%s\" has a back reference", name),
				 errdetail("The time to match it would have no "
						   "bound.")));
	}
	pfree(wide);
}

/* The context words as a list of terms, or NULL. */
static RedactTerms *
compile_context(const char *name, ArrayType *words)
{
	RedactTerms *terms = NULL;
	Datum *elems;
	bool *nulls;
	int n;
	bool ok = true;

	if (words == NULL)
		return NULL;
	deconstruct_array(words, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls,
					  &n);
	if (n <= MAX_CONTEXT)
		terms = redact_terms_create();
	for (int i = 0; i < n && terms != NULL && ok; i++)
	{
		char *utf8;

		ok = !nulls[i];
		if (!ok)
			break;
		utf8 = TextDatumGetCString(elems[i]);
		utf8 = pg_server_to_any(utf8, strlen(utf8), PG_UTF8);
		ok = redact_terms_add(terms, utf8, strlen(utf8), REDACT_CUSTOM,
							  false) == REDACT_TERM_OK;
	}
	if (terms == NULL || !ok || n == 0)
	{
		redact_terms_free(terms);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("context of rule \"%s\" is not usable", name),
				 errdetail("It is a list of 1 to %d words of at least two "
						   "letters or digits.",
						   MAX_CONTEXT)));
	}
	return terms;
}

static void
free_rules(void)
{
	for (int i = 0; i < nrules; i++)
	{
		pg_regfree(&rules[i]->regex);
		redact_terms_free(rules[i]->context);
	}
	nrules = 0;
	rules = NULL;
	if (rule_context != NULL)
		MemoryContextReset(rule_context);
}

/* One row as a rule of the cache. A row that fails leaves those before it. */
static void
add_rule(const QueryResult *rows, uint64 row)
{
	CustomRule *rule = palloc0(sizeof(CustomRule));
	char *name = query_text(rows, row, 0);
	char *validator = query_text(rows, row, 3);
	bool isnull;
	Datum words = query_datum(rows, row, 4, &isnull);
	Datum score;

	rule->name = psprintf("custom:%s", name);
	rule->entity = redact_entity_find(query_text(rows, row, 1));
	if (rule->entity < 0)
		rule->entity = REDACT_CUSTOM; /* after a downgrade */
	if (validator != NULL)
	{
		int v = validator_find(validator);

		if (v < 0)
			elog(ERROR, "rule \"%s\" has an unknown validator", name);
		rule->validator = validators[v].check;
		rule->validates_digits = validators[v].digits;
	}
	if (!isnull)
		rule->context = compile_context(name, DatumGetArrayTypeP(words));
	score = query_datum(rows, row, 5, &isnull);
	rule->score = (int) (DatumGetFloat4(score) * 100 + 0.5f);
	PG_TRY();
	{
		compile_pattern(name, query_text(rows, row, 2), &rule->regex);
	}
	PG_CATCH();
	{
		redact_terms_free(rule->context);
		PG_RE_THROW();
	}
	PG_END_TRY();
	rules[nrules++] = rule;
}

bool
redact_rules_prepare(void)
{
	QueryResult *rows;
	MemoryContext old;

	if (redact_cache_valid(REDACT_TABLE_RULE))
		return nrules > 0;
	free_rules();
	redact_cache_open(REDACT_TABLE_RULE);
	if (redact_cache_is_empty(REDACT_TABLE_RULE))
		return false;
	if (rule_context == NULL)
		rule_context = AllocSetContextCreate(
			CacheMemoryContext, "intel redact rules", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(rule_context);
	PG_TRY();
	{
		rows = redact_cache_query(
			REDACT_TABLE_RULE,
			"SELECT name, entity, pattern, validator, context, score"
			" FROM intel.custom_rule ORDER BY name",
			NULL, 0);
		rules = palloc0(rows->nrows * sizeof(CustomRule *));
		for (uint64 i = 0; i < rows->nrows; i++)
			add_rule(rows, i);
	}
	PG_CATCH();
	{
		/* half of the rules is not the rules */
		redact_cache_forget(REDACT_TABLE_RULE);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return nrules > 0;
}

/* ---- matching ------------------------------------------------------- */

/* A piece of the canonical text as characters. */
typedef struct Window
{
	const char *text;
	size_t len;
	pg_wchar chars[WINDOW_BEFORE + WINDOW + WINDOW_BEHIND + 1];
	uint32_t at[WINDOW_BEFORE + WINDOW + WINDOW_BEHIND + 1]; /* in bytes */
	int nchars;
	int from; /* the window itself, without what is before it */
	int to;	  /* and behind it */
} Window;

/* The window that starts at byte pos. */
static void
fill_window(Window *w, size_t pos)
{
	size_t begin = pos;
	int n = 0;

	for (int i = 0; i < WINDOW_BEFORE && begin > 0; i++)
	{
		begin--;
		while (begin > 0 && (w->text[begin] & 0xc0) == 0x80)
			begin--;
	}
	w->from = w->to = -1;
	while (begin < w->len && n < (int) lengthof(w->chars) - 1)
	{
		const unsigned char *p = (const unsigned char *) w->text + begin;

		if (begin == pos)
			w->from = n;
		if (w->from >= 0 && n == w->from + WINDOW)
			w->to = n;
		if (w->to >= 0 && n == w->to + WINDOW_BEHIND)
			break;
		w->at[n] = begin;
		w->chars[n++] = utf8_to_unicode(p);
		begin += pg_utf_mblen(p);
	}
	w->at[n] = Min(begin, w->len);
	w->nchars = n;
	if (w->to < 0)
		w->to = n;
}

static bool
is_word(char c)
{
	return isalnum((unsigned char) c) || IS_HIGHBIT_SET(c);
}

/* Is a context word in the text beside [start, end), or in the key? */
static bool
has_context(const CustomRule *rule, const Window *w, uint32_t start,
			uint32_t end, const char *key, size_t key_len)
{
	size_t from = start > CONTEXT_BEFORE ? start - CONTEXT_BEFORE : 0;
	size_t to = Min(end + CONTEXT_AFTER, w->len);

	if (rule->context == NULL)
		return true;
	if (key != NULL &&
		redact_terms_occur(rule->context, key, Min(key_len, 256)))
		return true;
	/* not from within a word, nor up to there */
	while (from > 0 && from < start && is_word(w->text[from - 1]))
		from++;
	while (to < w->len && to > end && is_word(w->text[to]))
		to--;
	return redact_terms_occur(rule->context, w->text + from, start - from) ||
		   redact_terms_occur(rule->context, w->text + end, to - end);
}

static void
match_rule(RedactScanner *scanner, CustomRule *rule, const Window *w,
		   const char *key, size_t key_len)
{
	int at = w->from;

	while (at < w->to)
	{
		regmatch_t match[2];
		int group;
		uint32_t start;
		uint32_t end;
		int rc = pg_regexec(&rule->regex, w->chars, w->nchars, at, NULL, 2,
							match, 0);

		CHECK_FOR_INTERRUPTS();
		if (rc == REG_NOMATCH)
			return;
		if (rc != REG_OKAY)
			ereport(ERROR, (errcode(ERRCODE_INVALID_REGULAR_EXPRESSION),
							errmsg("pattern of redaction rule \"%s\" failed",
								   rule->name + strlen("custom:"))));
		if (match[0].rm_so >= w->to)
			return;
		/* the value is the first group, if there is one */
		group = rule->regex.re_nsub > 0 && match[1].rm_so >= 0 ? 1 : 0;
		start = w->at[match[group].rm_so];
		end = w->at[match[group].rm_eo];
		if (end > start &&
			(rule->validator == NULL ||
			 validates(rule, w->text + start, end - start)) &&
			has_context(rule, w, start, end, key, key_len))
			redact_scanner_offer(scanner, start, end, rule->entity,
								 rule->score, rule->name);
		at = Max(match[0].rm_eo, match[0].rm_so + 1);
	}
}

void
redact_rules_offer(RedactScanner *scanner, const RedactProfile *profile,
				   const char *key, size_t key_len)
{
	Window *w = palloc(sizeof(Window));
	size_t pos = 0;

	if (redact_scanner_canonical(scanner, &w->text, &w->len))
	{
		while (pos < w->len)
		{
			fill_window(w, pos);
			for (int i = 0; i < nrules; i++)
			{
				if (rules[i]->score >= profile->min_score[rules[i]->entity])
					match_rule(scanner, rules[i], w, key, key_len);
			}
			redact_scanner_offered(scanner);
			pos = w->at[w->to];
		}
	}
	pfree(w);
}

/* ---- the table's own check ------------------------------------------ */

static char *
tuple_text(HeapTuple tuple, TupleDesc desc, int col)
{
	bool isnull;
	Datum value = heap_getattr(tuple, col, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* BEFORE ROW: a row that cannot be followed never gets in. */
Datum
intel__custom_rule_check(PG_FUNCTION_ARGS)
{
	TriggerData *trig = (TriggerData *) fcinfo->context;
	HeapTuple tuple;
	TupleDesc desc;
	char *name;
	char *text;
	bool isnull;
	Datum words;
	regex_t regex;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function \"%s\" must be called as a trigger",
							   "_custom_rule_check")));
	tuple = TRIGGER_FIRED_BY_UPDATE(trig->tg_event) ? trig->tg_newtuple
													: trig->tg_trigtuple;
	desc = RelationGetDescr(trig->tg_relation);
	name = tuple_text(tuple, desc, COL_NAME);
	text = tuple_text(tuple, desc, COL_ENTITY);
	if (name == NULL || text == NULL)
		return PointerGetDatum(tuple); /* refused by NOT NULL */
	if (redact_entity_find(text) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown entity \"%s\" in rule \"%s\"", text, name),
				 errhint("Use a name from intel.pii_entities(); "
						 "CUSTOM is for anything else.")));
	text = tuple_text(tuple, desc, COL_VALIDATOR);
	if (text != NULL && validator_find(text) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown validator \"%s\" in rule \"%s\"", text, name),
				 errhint("Validators are luhn, verhoeff, mod11_10, "
						 "mod97 and iban.")));
	words = heap_getattr(tuple, COL_CONTEXT, desc, &isnull);
	if (!isnull)
		redact_terms_free(compile_context(name, DatumGetArrayTypeP(words)));
	text = tuple_text(tuple, desc, COL_PATTERN);
	if (text != NULL)
	{
		compile_pattern(name, text, &regex);
		pg_regfree(&regex);
	}
	return PointerGetDatum(tuple);
}
