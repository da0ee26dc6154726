/*-------------------------------------------------------------------------
 *
 * redact_scan.c
 *		The driver, and the arbiter of overlapping candidates.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "redact/redact_scan_int.h"

/* Bytes of canonicalising and of scanning between two returns. */
#define CANON_SLICE (256 * 1024)
#define SCAN_SLICE (8 * 1024)
/* And of looking for terms before scanning. */
#define TERMS_AHEAD 512
/* Text within encoded text within encoded text. */
#define MAX_DEPTH 2
/* Times that a text is scanned again because data is glued to data. */
#define MAX_PASSES 7
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
	TRIGGER_DOT,
};

static const uint8_t trigger[256] = {
	['0' ... '9'] = TRIGGER_DIGIT, ['@'] = TRIGGER_AT,
	[':'] = TRIGGER_COLON,		   ['='] = TRIGGER_COLON,
	['A' ... 'Z'] = TRIGGER_TOKEN, ['<'] = TRIGGER_PLACEHOLDER,
	['.'] = TRIGGER_DOT,
};

RedactScanner *
redact_scanner_create(void)
{
	RedactScanner *s = calloc(1, sizeof(RedactScanner));

	if (s != NULL)
	{
		s->canon_slice = CANON_SLICE;
		s->scan_slice = SCAN_SLICE;
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
	if (*size * elem > KEEP_BYTES)
	{
		free(*array);
		*array = NULL;
		*size = 0;
	}
}

void
redact_scanner_trim(RedactScanner *s)
{
	uint32_t spans_size = s->spans_size;

	trim((void **) &s->buf, &s->buf_size, 1);
	trim((void **) &s->spare, &s->spare_size, 1);
	trim((void **) &s->anchors, &s->anchors_size, sizeof(RedactAnchor));
	for (int i = 0; i < REDACT_LAYERS; i++)
		trim((void **) &s->below[i].anchors, &s->below[i].anchors_size,
			 sizeof(RedactAnchor));
	trim((void **) &s->spans, &spans_size, sizeof(RedactSpan));
	s->spans_size = spans_size;
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
redact_reserve(RedactScanner *s, void **array, uint32_t *size, uint32_t need,
			   size_t elem)
{
	uint64_t want;
	void *bigger;

	if (need <= *size)
		return true;
	want = (uint64_t) *size + *size / 2 + 64;
	if (want < need)
		want = need;
	if (want > UINT32_MAX)
		want = UINT32_MAX;
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

/* From the start of the canonical text. */
static void
begin_pass(RedactScanner *s)
{
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
	s->token_end = 0;
	s->encoded_end = 0;
	s->url_end = 0;
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
	s->orig = (const uint8_t *) text;
	s->orig_len = len;
	s->status = len > REDACT_MAX_TEXT ? REDACT_TOO_LONG : REDACT_MORE;
	s->nextra = 0;
	s->passes = 0;
	begin_pass(s);
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
	uint32_t size = s->spans_size;
	int i;

	if (score < s->profile->min_score[entity] || start >= end)
		return;
	if (!redact_reserve(s, (void **) &s->spans, &size, s->nspans + 1,
						sizeof(RedactSpan)))
		return;
	s->spans_size = size;

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
			skip = redact_verify_token(s, pos);
			if (s->want_names && skip == pos + 1)
				skip = redact_verify_name(s, pos);
			return skip;
		case TRIGGER_PLACEHOLDER:
			skip = redact_placeholder(s, pos);
			return skip > 0 ? pos + skip : redact_verify_zone(s, pos);
		case TRIGGER_DOT:
			return redact_verify_dot(s, pos);
		default:
			return pos + 1;
	}
}

/* Scan a slice of the canonical text. */
static void
scan_slice(RedactScanner *s)
{
	const uint8_t *text = s->text;
	uint32_t len = s->len;
	uint32_t end = len - s->pos > s->scan_slice ? s->pos + s->scan_slice : len;
	uint32_t pos = s->pos;
	bool want_url = redact_wants(s, REDACT_URL);

	while (pos < end)
	{
		/* a little ahead, so that candidates come nearly in order */
		if (s->terms != NULL && pos >= s->terms_pos)
			redact_terms_step(s, s->len - pos > TERMS_AHEAD ? pos + TERMS_AHEAD
															: s->len);
		uint8_t kind = trigger[text[pos]];

		if (kind == TRIGGER_NONE && s->want_names &&
			(redact_class[text[pos]] & CC_LOWER))
			pos = redact_verify_small(s, pos);
		else if (kind == TRIGGER_NONE || (kind == TRIGGER_DOT && !want_url) ||
				 (kind == TRIGGER_TOKEN && pos < s->token_end &&
				  !s->want_names))
			pos++;
		else
			pos = verify(s, pos, kind);
	}
	s->pos = pos;
	if (s->terms != NULL && pos >= s->len)
		redact_terms_step(s, s->len);
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

static int
compare_starts(const void *a, const void *b)
{
	uint32_t x = ((const RedactSpan *) a)->start;
	uint32_t y = ((const RedactSpan *) b)->start;

	return x < y ? -1 : x > y;
}

/* Put the candidates from outside where they belong. */
static void
merge_extra(RedactScanner *s)
{
	uint32_t size = s->spans_size;

	if (s->nextra == 0 ||
		!redact_reserve(s, (void **) &s->spans, &size, s->nspans + s->nextra,
						sizeof(RedactSpan)))
		return;
	s->spans_size = size;
	memcpy(s->spans + s->nspans, s->extra, s->nextra * sizeof(RedactSpan));
	s->nspans += s->nextra;
	qsort(s->spans, s->nspans, sizeof(RedactSpan), compare_starts);
}

/*
 * Make the candidates disjoint. Candidates that overlap, directly or through
 * others, become one span over all of them, so that nothing of any is left;
 * its entity is that of the best score, and of the longest among those.
 */
static void
arbitrate(RedactScanner *s)
{
	int kept = 0;
	int i = 0;

	while (i < s->nspans)
	{
		RedactSpan best = s->spans[i];
		uint32_t start = best.start;
		uint32_t end = best.start + best.len;

		for (i++; i < s->nspans && s->spans[i].start < end; i++)
		{
			const RedactSpan *other = &s->spans[i];

			if (other->start + other->len > end)
				end = other->start + other->len;
			if (other->score > best.score ||
				(other->score == best.score && other->len > best.len))
				best = *other;
		}
		best.start = start;
		best.len = end - start;
		s->spans[kept++] = best;
	}
	s->nspans = kept;
}

/* From canonical to original positions, where spans may touch again. */
static void
map_back(RedactScanner *s)
{
	uint32_t last = 0;
	int kept = 0;

	for (int i = 0; i < s->nspans; i++)
	{
		RedactSpan span = s->spans[i];
		uint32_t start = span.start;
		uint32_t end = span.start + span.len;

		redact_canon_map(s, start, end, &start, &end);
		if (start < last)
			start = last;
		if (end <= start)
			continue;
		span.start = start;
		span.len = end - start;
		last = end;
		s->spans[kept++] = span;
	}
	s->nspans = kept;
}

/* A byte that is no part of what stands beside it. */
static bool
divides(const RedactScanner *s, uint32_t i)
{
	static const uint8_t dividers[256] = {
		[','] = 1,	[';'] = 1, ['.'] = 1, ['!'] = 1, ['?'] = 1, ['"'] = 1,
		['\''] = 1, ['<'] = 1, ['>'] = 1, ['='] = 1, [':'] = 1, ['|'] = 1,
		['('] = 1,	[')'] = 1, ['['] = 1, [']'] = 1, ['{'] = 1, ['}'] = 1,
	};
	uint8_t c = redact_at(s, i);

	return dividers[c] || (redact_class[c] & CC_SPACE);
}

/* A digit before pos, with at most three signs between that numbers have? */
static bool
digit_before(const RedactScanner *s, uint32_t pos)
{
	for (int k = 1; k <= 4; k++)
	{
		uint8_t c = redact_at(s, pos - k);

		if (redact_class[c] & CC_DIGIT)
			return true;
		if (c != ' ' && c != '-' && c != '.' && c != '/' && c != '(' &&
			c != ')')
			return false;
	}
	return false;
}

static bool
digit_after(const RedactScanner *s, uint32_t pos)
{
	for (int k = 0; k < 4; k++)
	{
		uint8_t c = redact_at(s, pos + k);

		if (redact_class[c] & CC_DIGIT)
			return true;
		if (c != ' ' && c != '-' && c != '.' && c != '/' && c != '(' &&
			c != ')')
			return false;
	}
	return false;
}

/*
 * Does anything touch span i, or stand beside it with nothing but a sign
 * between that may be part of both? "O'Neil" is one word, "12(3)" one number,
 * and "1,5", "1.5" and "1:5" may be.
 */
static bool
is_glued(const RedactScanner *s, int i)
{
	uint32_t start = s->spans[i].start;
	uint32_t end = start + s->spans[i].len;
	uint8_t before = redact_at(s, start - 1);
	uint8_t after = redact_at(s, end);
	uint8_t far = redact_at(s, end + 1);
	bool joins = after == '.' || after == ':' || after == '=';

	if (!divides(s, start - 1) || !divides(s, end) || after == '(')
		return true;
	if ((redact_class_at(s, start) & CC_DIGIT) && digit_before(s, start))
		return true;
	if ((redact_class_at(s, end - 1) & CC_DIGIT) && digit_after(s, end) &&
		!(i + 1 < s->nspans && s->spans[i + 1].start <= end + 4))
		return true;
	if (before == '\'' && (redact_class_at(s, start - 2) & CC_ALPHA))
		return true;
	if ((before == ',' || before == ':' || before == '=') &&
		(redact_class_at(s, start - 2) & CC_DIGIT))
		return true;
	if (before == '.' && (redact_class_at(s, start - 2) & CC_ALNUM))
		return true;
	if (i + 1 < s->nspans && s->spans[i + 1].start == end + 1)
		return false;
	return (joins && (redact_class[far] & CC_ALNUM)) ||
		   ((joins || after == ',' || after == '\'') &&
			((redact_class[far] & CC_DIGIT) || far == '+' || far == '('));
}

/* Is a word that spoke against a candidate about to be hidden, or parted from it? */
static bool
hides_against(const RedactScanner *s)
{
	for (uint32_t i = 0; i < s->nagainst; i++)
	{
		int low = 0;
		int high = s->nspans;

		while (low < high)
		{
			int mid = low + (high - low) / 2;

			if (s->spans[mid].start + s->spans[mid].len <= s->against[i].start)
				low = mid + 1;
			else
				high = mid;
		}
		if (low < s->nspans && s->spans[low].start < s->against[i].end)
			return true;
	}
	return false;
}

/*
 * What something was glued to may be something too, which shows once a
 * placeholder stands beside it: "1980-03-14jane@example.com". So if anything
 * is glued, what was found is hidden, and all is scanned again; and so if
 * what hides speaks against something else.
 */
static bool
needs_pass(const RedactScanner *s)
{
	for (int i = 0; i < s->nspans; i++)
	{
		if (is_glued(s, i))
			return true;
	}
	return hides_against(s);
}

/*
 * No pass is left, and still something new was found: what the last finds are
 * glued to goes with them, so that it cannot be something either.
 */
static void
widen(RedactScanner *s)
{
	uint32_t last = 0;

	for (int i = 0; i < s->nspans; i++)
	{
		RedactSpan *span = &s->spans[i];
		uint32_t start = span->start;
		uint32_t end = start + span->len;

		if (is_glued(s, i))
		{
			while (start > last && !divides(s, start - 1))
				start--;
			while (end < s->len && !divides(s, end))
				end++;
		}
		span->start = start;
		span->len = end - start;
		last = end;
	}
	arbitrate(s);
}

/* Hide what was found, keep it for later, and start again. */
static bool
start_pass(RedactScanner *s)
{
	if (!redact_reserve(s, (void **) &s->extra, &s->extra_size, s->nspans,
						sizeof(RedactSpan)))
		return false;
	memcpy(s->extra, s->spans, s->nspans * sizeof(RedactSpan));
	s->nextra = s->nspans;
	for (int i = 0; i < s->nspans; i++)
	{
		const RedactSpan *span = &s->spans[i];

		if (!redact_canon_mask(s, span->start, span->start + span->len))
			return false;
	}
	s->passes++;
	begin_pass(s);
	return true;
}

/* The end of a pass: another one, or the result. */
static void
finish_pass(RedactScanner *s)
{
	bool news = s->nspans > 0 || (s->passes == 0 && s->nextra > 0);

	merge_extra(s);
	if (s->status != REDACT_MORE)
		return;
	arbitrate(s);
	if (news && needs_pass(s))
	{
		if (s->passes < MAX_PASSES)
		{
			start_pass(s);
			return;
		}
		widen(s);
	}
	map_back(s);
	s->status = REDACT_DONE;
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
	if (s->status == REDACT_MORE && s->canon_done && s->pos >= s->len)
		finish_pass(s);
	return s->status;
}

const RedactSpan *
redact_scanner_spans(const RedactScanner *s, int *nspans)
{
	*nspans = s->status == REDACT_DONE ? s->nspans : 0;
	return s->spans;
}
