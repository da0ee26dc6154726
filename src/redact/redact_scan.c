/*-------------------------------------------------------------------------
 *
 * redact_scan.c
 *		The driver.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "redact/redact_scan_int.h"

/* Bytes of canonicalising and of scanning between two returns. */
#define CANON_SLICE (32 * 1024)
#define SCAN_SLICE (2 * 1024)
/* And of looking for terms before scanning. */
#define TERMS_AHEAD 512
/* Text within encoded text within encoded text. */
#define MAX_DEPTH 2
/* Buffers up to this size are kept between texts. */
#define KEEP_BYTES (256 * 1024)

#define LOCAL_CHAR (CC_LOCAL | CC_URL)
const uint8_t redact_class[256] = {
	[0] = CC_SPACE,
	['\t'] = CC_SPACE,
	['\n'] = CC_SPACE,
	['\v'] = CC_SPACE,
	['\f'] = CC_SPACE,
	['\r'] = CC_SPACE,
	[' '] = CC_SPACE,
	['0' ... '9'] = CC_DIGIT | CC_LOCAL | CC_B64 | CC_URL,
	['a' ... 'z'] = CC_LOWER | CC_LOCAL | CC_B64 | CC_URL,
	['A' ... 'Z'] = CC_UPPER | CC_LOCAL | CC_B64 | CC_URL,
	[0x80 ... 0xff] = CC_HIGH | CC_LOCAL | CC_URL,
	['.'] = LOCAL_CHAR,
	['_'] = LOCAL_CHAR | CC_B64,
	['-'] = LOCAL_CHAR | CC_B64,
	['+'] = LOCAL_CHAR | CC_B64,
	['/'] = CC_B64 | CC_URL,
	['='] = CC_URL | CC_LOCAL,
	['%'] = LOCAL_CHAR,
	['&'] = LOCAL_CHAR,
	['\''] = CC_LOCAL | CC_URL,
	['*'] = LOCAL_CHAR,
	['!'] = LOCAL_CHAR,
	['#'] = LOCAL_CHAR,
	['$'] = LOCAL_CHAR,
	['?'] = LOCAL_CHAR,
	['^'] = CC_LOCAL,
	['`'] = CC_LOCAL,
	['{'] = CC_LOCAL,
	['|'] = CC_LOCAL,
	['}'] = CC_LOCAL,
	['~'] = LOCAL_CHAR,
	[':'] = CC_URL,
	['@'] = CC_URL,
	['('] = CC_URL,
	[')'] = CC_URL,
	['['] = CC_URL,
	[']'] = CC_URL,
	[','] = CC_URL,
	[';'] = CC_URL,
};

/* What a byte makes the driver do. */
enum
{
	TRIGGER_NONE,
	TRIGGER_DIGIT,
	TRIGGER_AT,
	TRIGGER_COLON,
	TRIGGER_TOKEN, /* a capital: may be in a token */
	TRIGGER_PLACEHOLDER,
	TRIGGER_DOT,   /* only for URL */
	TRIGGER_SMALL, /* only for names */
};

static const uint8_t triggers[256] = {
	['0' ... '9'] = TRIGGER_DIGIT, ['@'] = TRIGGER_AT,
	[':'] = TRIGGER_COLON,		   ['='] = TRIGGER_COLON,
	['A' ... 'Z'] = TRIGGER_TOKEN, ['<'] = TRIGGER_PLACEHOLDER,
	['.'] = TRIGGER_DOT,		   ['a' ... 'z'] = TRIGGER_SMALL,
};

static void
choose_triggers(RedactScanner *s)
{
	memcpy(s->trigger, triggers, sizeof(triggers));
	if (!redact_wants(s, REDACT_URL))
		s->trigger['.'] = TRIGGER_NONE;
	if (!s->want_names)
		memset(s->trigger + 'a', TRIGGER_NONE, 26);
}

RedactScanner *
redact_scanner_create(void)
{
	RedactScanner *s = calloc(1, sizeof(RedactScanner));

	if (s != NULL)
	{
		s->canon_slice = CANON_SLICE;
		s->scan_slice = SCAN_SLICE;
		s->max_list = REDACT_MAX_LIST;
		redact_index_numbers(&s->index);
		redact_index_codes(&s->index);
	}
	return s;
}

void
redact_scanner_free(RedactScanner *s)
{
	if (s == NULL)
		return;
	free(s->buf);
	free(s->spare);
	free(s->anchors);
	for (int i = 0; i < REDACT_LAYERS; i++)
		free(s->below[i].anchors);
	free(s->spans);
	free(s->extra);
	free(s->against);
	redact_scanner_free(s->inner);
	free(s);
}

static void
trim(void **array, uint32_t *size, size_t elem)
{
	if ((uint64_t) *size * elem > KEEP_BYTES)
	{
		free(*array);
		*array = NULL;
		*size = 0;
	}
}

void
redact_scanner_trim(RedactScanner *s)
{
	trim((void **) &s->buf, &s->buf_size, 1);
	trim((void **) &s->spare, &s->spare_size, 1);
	trim((void **) &s->anchors, &s->anchors_size, sizeof(RedactAnchor));
	for (int i = 0; i < REDACT_LAYERS; i++)
		trim((void **) &s->below[i].anchors, &s->below[i].anchors_size,
			 sizeof(RedactAnchor));
	trim((void **) &s->spans, &s->spans_size, sizeof(RedactSpan));
	s->nspans = 0;
	trim((void **) &s->extra, &s->extra_size, sizeof(RedactSpan));
	s->nextra = 0;
	trim((void **) &s->against, &s->against_size, sizeof(RedactAgainst));
	s->nagainst = 0;
}

void
redact_scanner_set_terms(RedactScanner *s, const RedactTerms *terms)
{
	s->terms = terms;
}

bool
redact_reserve(RedactScanner *s, void **array, uint32_t *size, uint64_t need,
			   size_t elem)
{
	uint64_t most = s->max_list / elem;
	uint64_t want;
	void *bigger;

	if (need <= *size)
		return true;
	if (need > most)
	{
		s->status = REDACT_TOO_LONG;
		return false;
	}
	want = (uint64_t) *size + *size / 2 + 64;
	if (want < need)
		want = need;
	if (want > most)
		want = most;
	bigger = realloc(*array, want * elem);
	if (bigger == NULL)
	{
		s->status = REDACT_NO_MEMORY;
		return false;
	}
	*array = bigger;
	*size = want;
	return true;
}

void
redact_begin_pass(RedactScanner *s)
{
	s->phase = PHASE_SCAN;
	s->pos = 0;
	s->terms_pos = 0;
	s->nspans = 0;
	s->ring_next = 0;
	s->ctx_from = 0;
	s->ctx_pos = 0;
	s->ctx_prev_len = 0;
	s->near_end = 0;
	s->nagainst = 0;
	memset(s->runs, 0, sizeof(s->runs));
	memset(&s->value, 0, sizeof(s->value));
	memset(&s->hex, 0, sizeof(s->hex));
	s->token_end = 0;
	s->token_short = false;
	s->encoded_end = 0;
	s->url_end = 0;
	s->host_end = 0;
	s->zone_end = 0;
	s->code_end = 0;
	s->name_end = 0;
	s->person_end = 0;
}

void
redact_scanner_begin(RedactScanner *s, const RedactProfile *profile,
					 const char *text, size_t len, const char *key,
					 size_t key_len)
{
	s->profile = profile;
	s->want_names = false;
	for (int i = 0; i < REDACT_NENTITIES; i++)
	{
		if (redact_entities[i].group == REDACT_GROUP_NAMES &&
			profile->min_score[i] != REDACT_OFF)
			s->want_names = true;
	}
	choose_triggers(s);
	s->orig = (const uint8_t *) text;
	s->orig_len = len;
	s->status = len > REDACT_MAX_TEXT ? REDACT_TOO_LONG : REDACT_MORE;
	s->nextra = 0;
	s->batch = 0;
	s->passes = 0;
	redact_begin_pass(s);
	if (s->nnames > 0)
		memset(s->names, 0, sizeof(s->names));
	s->nnames = 0;
	memset(&s->key_ctx, 0, sizeof(s->key_ctx));
	if (key != NULL)
		s->key_ctx = redact_context_of(key, key_len);
	redact_canon_begin(s);
}

void
redact_offer(RedactScanner *s, uint32_t start, uint32_t end,
			 RedactEntity entity, int score, const char *rule)
{
	RedactSpan *span;
	int i;

	if (score < s->profile->min_score[entity] || start >= end)
		return;
	if (!redact_reserve(s, (void **) &s->spans, &s->spans_size, s->nspans + 1,
						sizeof(RedactSpan)))
		return;

	/* verifiers look back a bounded way, so this moves few */
	for (i = s->nspans; i > 0 && s->spans[i - 1].start > start; i--)
		s->spans[i] = s->spans[i - 1];
	span = &s->spans[i];
	span->start = start;
	span->len = end - start;
	span->entity = entity;
	span->score = score > 100 ? 100 : score;
	span->rule = rule;
	s->nspans++;
}

void
redact_offer_decoded(RedactScanner *s, uint32_t start, uint32_t end,
					 const uint8_t *text, uint32_t n)
{
	const RedactSpan *spans;
	const RedactSpan *best;
	int nspans;

	if (s->depth >= MAX_DEPTH)
		return;
	if (s->inner == NULL)
		s->inner = redact_scanner_create();
	if (s->inner == NULL)
	{
		s->status = REDACT_NO_MEMORY;
		return;
	}
	s->inner->depth = s->depth + 1;
	s->inner->terms = s->terms;
	redact_scanner_begin(s->inner, s->profile, (const char *) text, n, NULL,
						 0);
	while (redact_scanner_step(s->inner) == REDACT_MORE)
		;
	spans = redact_scanner_spans(s->inner, &nspans);
	best = spans;
	for (int i = 1; i < nspans; i++)
	{
		if (spans[i].score > best->score)
			best = &spans[i];
	}
	if (nspans > 0)
		redact_offer(s, start, end, best->entity, best->score, "encoded");
}

uint32_t
redact_placeholder(const RedactScanner *s, uint32_t pos)
{
	char name[32];
	uint32_t len = 0;
	uint32_t i = pos + 1;
	uint32_t digits = 0;

	while (len < sizeof(name) - 1 &&
		   ((redact_class_at(s, i) & CC_UPPER) || redact_at(s, i) == '_'))
		name[len++] = redact_at(s, i++);
	if (len < 3)
		return 0;
	if (name[len - 1] == '_')
		len--;
	name[len] = '\0';
	while (digits < 7 && (redact_class_at(s, i) & CC_DIGIT))
		i++, digits++;
	if (redact_at(s, i) == ':')
	{
		/* a keyed hash: base 32 in lower case */
		for (i++; redact_class_at(s, i) & (CC_LOWER | CC_DIGIT); i++)
		{
			if (i > pos + 64)
				return 0;
		}
	}
	if (redact_at(s, i) != '>' || redact_entity_find(name) < 0)
		return 0;
	return i + 1 - pos;
}

static inline uint32_t
verify(RedactScanner *s, uint32_t pos, uint8_t kind)
{
	uint32_t skip;

	switch (kind)
	{
		case TRIGGER_DIGIT:
			return redact_verify_digit(s, pos);
		case TRIGGER_AT:
			return redact_verify_at(s, pos);
		case TRIGGER_COLON:
			return redact_verify_colon(s, pos);
		case TRIGGER_TOKEN:
			if (pos < s->token_end && !s->want_names)
				return pos + 1;
			skip = redact_verify_token(s, pos);
			if (s->want_names && skip == pos + 1)
				skip = redact_verify_name(s, pos);
			return skip;
		case TRIGGER_PLACEHOLDER:
			skip = redact_placeholder(s, pos);
			return skip > 0 ? pos + skip : redact_verify_zone(s, pos);
		case TRIGGER_DOT:
			return redact_verify_dot(s, pos);
		case TRIGGER_SMALL:
			return redact_verify_small(s, pos);
		default:
			return pos + 1;
	}
}

/* The next trigger of [pos, end), or end. */
static inline uint32_t
next_trigger(const RedactScanner *s, uint32_t pos, uint32_t end)
{
	const uint8_t *text = s->text;
	const uint8_t *trigger = s->trigger;

	while (pos + 4 <= end &&
		   !(trigger[text[pos]] | trigger[text[pos + 1]] |
			 trigger[text[pos + 2]] | trigger[text[pos + 3]]))
		pos += 4;
	while (pos < end && trigger[text[pos]] == TRIGGER_NONE)
		pos++;
	return pos;
}

/* Scan a slice of the canonical text. */
static void
scan_slice(RedactScanner *s)
{
	uint32_t len = s->len;
	uint32_t end = len - s->pos > s->scan_slice ? s->pos + s->scan_slice : len;
	uint32_t pos = s->pos;

	while (pos < end)
	{
		uint32_t stop = end;

		/* terms a little ahead, so that candidates come nearly in order */
		if (s->terms != NULL)
		{
			if (end - pos > TERMS_AHEAD)
				stop = pos + TERMS_AHEAD;
			redact_terms_step(s, len - stop > TERMS_AHEAD ? stop + TERMS_AHEAD
														  : len);
		}
		while ((pos = next_trigger(s, pos, stop)) < stop)
			pos = verify(s, pos, s->trigger[s->text[pos]]);
	}
	s->pos = pos;
	if (s->terms != NULL && pos >= len)
		redact_terms_step(s, len);
}

bool
redact_scanner_canonical(const RedactScanner *s, const char **text,
						 size_t *len)
{
	*text = (const char *) s->text;
	*len = s->len;
	return s->status == REDACT_MORE && s->canon_done;
}

/* Placeholders are shorter than this: a name, digits, a token. */
#define MAX_PLACEHOLDER 120

static bool
touches_placeholder(const RedactScanner *s, uint32_t start, uint32_t end)
{
	uint32_t pos = start > MAX_PLACEHOLDER ? start - MAX_PLACEHOLDER : 0;

	for (; pos < end; pos++)
	{
		uint32_t len = s->text[pos] == '<' ? redact_placeholder(s, pos) : 0;

		if (len > 0 && pos + len > start)
			return true;
	}
	return false;
}

void
redact_scanner_offer(RedactScanner *s, uint32_t start, uint32_t end,
					 RedactEntity entity, int score, const char *rule)
{
	RedactSpan *span;

	if (score < s->profile->min_score[entity] || start >= end ||
		end > s->len || touches_placeholder(s, start, end))
		return;
	if (!redact_reserve(s, (void **) &s->extra, &s->extra_size, s->nextra + 1,
						sizeof(RedactSpan)))
		return;
	span = &s->extra[s->nextra++];
	span->start = start;
	span->len = end - start;
	span->entity = entity;
	span->score = score > 100 ? 100 : score;
	span->rule = rule;
}

RedactStatus
redact_scanner_step(RedactScanner *s)
{
	if (s->status != REDACT_MORE)
		return s->status;
	if (!s->canon_done)
		redact_canon_step(s, s->canon_slice);
	else if (s->pos < s->len)
		scan_slice(s);
	if (s->status != REDACT_MORE || !s->canon_done || s->pos < s->len)
		return s->status;
	if (s->phase == PHASE_SCAN)
		redact_arbiter_begin(s);
	redact_arbiter_step(s);
	return s->status;
}

const RedactSpan *
redact_scanner_spans(const RedactScanner *s, int *nspans)
{
	*nspans = s->status == REDACT_DONE ? s->nspans : 0;
	return s->spans;
}
