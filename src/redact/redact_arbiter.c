/*-------------------------------------------------------------------------
 *
 * redact_arbiter.c
 *		What is done when a pass has seen all of a text: candidates that
 *		overlap become one, and if what they are glued to may be something
 *		too, they are hidden and the text is scanned again.
 *
 * There may be millions of candidates, so all of it is done in pieces.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "redact/redact_scan_int.h"

/* Times that a text is scanned again because data is glued to data. */
#define MAX_PASSES 7
/* Elements of a phase between two returns. */
#define BUDGET (32 * 1024)

/* ---- candidates from outside ---------------------------------------- */

static int
compare_starts(const void *a, const void *b)
{
	uint32_t x = ((const RedactSpan *) a)->start;
	uint32_t y = ((const RedactSpan *) b)->start;

	return x < y ? -1 : x > y;
}

void
redact_scanner_offered(RedactScanner *s)
{
	uint32_t from = s->batch;
	uint32_t first = UINT32_MAX;

	for (uint32_t i = from; i < s->nextra; i++)
	{
		if (s->extra[i].start < first)
			first = s->extra[i].start;
	}
	/* the batch before may reach into this one */
	while (from > 0 && s->extra[from - 1].start > first)
		from--;
	if (s->nextra - from > 1)
		qsort(s->extra + from, s->nextra - from, sizeof(RedactSpan),
			  compare_starts);
	s->batch = s->nextra;
}

/* ---- what is glued -------------------------------------------------- */

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

/*
 * A digit at pos or further on in this direction, with at most three signs
 * between that numbers have?
 */
static bool
digit_near(const RedactScanner *s, uint32_t pos, int direction)
{
	static const bool signs[256] = {
		[' '] = true, ['-'] = true, ['.'] = true,
		['/'] = true, ['('] = true, [')'] = true,
	};

	for (int k = 0; k < 4; k++, pos += direction)
	{
		uint8_t c = redact_at(s, pos);

		if (redact_class[c] & CC_DIGIT)
			return true;
		if (!signs[c])
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
	if ((redact_class_at(s, start) & CC_DIGIT) && digit_near(s, start - 1, -1))
		return true;
	if ((redact_class_at(s, end - 1) & CC_DIGIT) && digit_near(s, end, 1) &&
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
hides_against(const RedactScanner *s, const RedactAgainst *against)
{
	int low = 0;
	int high = s->nspans;

	while (low < high)
	{
		int mid = low + (high - low) / 2;

		if (s->spans[mid].start + s->spans[mid].len <= against->start)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->nspans && s->spans[low].start < against->end;
}

/* ---- phases ---------------------------------------------------------- */

static void
start_phase(RedactScanner *s, RedactPhase phase)
{
	s->phase = phase;
	s->phase_at = 0;
	s->phase_kept = 0;
	s->phase_end = 0;
}

/*
 * Each phase takes what it does off the budget, and returns true when it is
 * done. This one puts the candidates from outside where they belong, from the
 * end on, where there is room.
 */
static bool
merge_extra(RedactScanner *s, int *budget)
{
	for (; s->nextra > 0 && *budget > 0; (*budget)--)
	{
		RedactSpan *to = &s->spans[s->phase_at + s->nextra - 1];

		if (s->phase_at > 0 &&
			s->spans[s->phase_at - 1].start > s->extra[s->nextra - 1].start)
			*to = s->spans[--s->phase_at];
		else
			*to = s->extra[--s->nextra];
	}
	return s->nextra == 0;
}

/*
 * Make the candidates disjoint. Candidates that overlap, directly or through
 * others, become one span over all of them, so that nothing of any is left;
 * its entity is that of the best score, and of the longest among those.
 */
static bool
arbitrate(RedactScanner *s, int *budget)
{
	for (; *budget > 0 && s->phase_at < s->nspans; (*budget)--)
	{
		RedactSpan next = s->spans[s->phase_at++];
		RedactSpan *whole = &s->spans[s->phase_kept - 1];

		if (s->phase_kept == 0 || next.start >= s->phase_end)
		{
			s->best_len = next.len;
			s->phase_end = next.start + next.len;
			s->spans[s->phase_kept++] = next;
			continue;
		}
		if (next.score > whole->score ||
			(next.score == whole->score && next.len > s->best_len))
		{
			s->best_len = next.len;
			whole->entity = next.entity;
			whole->score = next.score;
			whole->rule = next.rule;
		}
		if (next.start + next.len > s->phase_end)
			s->phase_end = next.start + next.len;
		whole->len = s->phase_end - whole->start;
	}
	if (s->phase_at < s->nspans)
		return false;
	s->nspans = s->phase_kept;
	return true;
}

/*
 * What something was glued to may be something too, which shows once a
 * placeholder stands beside it: "1980-03-14jane@example.com". So if anything
 * is glued, what was found is hidden, and all is scanned again; and so if
 * what hides speaks against something else. These two stop at the first.
 */
static bool
any_glued(RedactScanner *s, int *budget)
{
	while (*budget > 0 && s->phase_at < s->nspans)
	{
		(*budget)--;
		if (is_glued(s, s->phase_at))
			return true;
		s->phase_at++;
	}
	return s->phase_at >= s->nspans;
}

static bool
any_against(RedactScanner *s, int *budget)
{
	while (*budget > 0 && s->phase_at < (int) s->nagainst)
	{
		(*budget)--;
		if (hides_against(s, &s->against[s->phase_at]))
			return true;
		s->phase_at++;
	}
	return s->phase_at >= (int) s->nagainst;
}

/* Hide what was found; it is a candidate of the next pass. */
static bool
hide(RedactScanner *s, int *budget)
{
	RedactSpan *spans = s->spans;
	uint32_t size = s->spans_size;

	for (; *budget > 0 && s->phase_at < s->nspans; (*budget)--)
	{
		const RedactSpan *span = &s->spans[s->phase_at++];

		if (!redact_canon_mask(s, span->start, span->start + span->len))
			return true;
	}
	if (s->phase_at < s->nspans)
		return false;
	s->spans = s->extra;
	s->spans_size = s->extra_size;
	s->extra = spans;
	s->extra_size = size;
	s->nextra = s->batch = s->nspans;
	return true;
}

/*
 * No pass is left, and still something new was found: what the last finds are
 * glued to goes with them, so that it cannot be something either.
 */
static bool
widen(RedactScanner *s, int *budget)
{
	for (; *budget > 0 && s->phase_at < s->nspans; (*budget)--)
	{
		RedactSpan *span = &s->spans[s->phase_at];
		uint32_t start = span->start;
		uint32_t end = start + span->len;

		if (is_glued(s, s->phase_at++))
		{
			uint32_t from;

			while (start > s->phase_end && !divides(s, start - 1))
				start--;
			/* up to where the one before went nothing divides */
			if (end < s->phase_end)
				end = s->phase_end;
			from = end;
			while (end < s->len && !divides(s, end))
				end++;
			*budget -= (end - from) / 64;
		}
		span->start = start;
		span->len = end - start;
		s->phase_end = end;
	}
	return s->phase_at >= s->nspans;
}

/* From canonical to original positions, where spans may touch again. */
static bool
map_back(RedactScanner *s, int *budget)
{
	for (; *budget > 0 && s->phase_at < s->nspans; (*budget)--)
	{
		RedactSpan span = s->spans[s->phase_at++];
		uint32_t start = span.start;
		uint32_t end = span.start + span.len;

		redact_canon_map(s, start, end, &start, &end);
		if (start < s->phase_end)
			start = s->phase_end;
		if (end <= start)
			continue;
		span.start = start;
		span.len = end - start;
		s->phase_end = end;
		s->spans[s->phase_kept++] = span;
	}
	if (s->phase_at < s->nspans)
		return false;
	s->nspans = s->phase_kept;
	return true;
}

void
redact_arbiter_begin(RedactScanner *s)
{
	s->news = s->nspans > 0 || (s->passes == 0 && s->nextra > 0);
	if (s->batch < s->nextra)
		redact_scanner_offered(s);
	if (!redact_reserve(s, (void **) &s->spans, &s->spans_size,
						(uint64_t) s->nspans + s->nextra, sizeof(RedactSpan)))
		return;
	start_phase(s, PHASE_MERGE);
	s->phase_at = s->nspans;
	s->nspans += s->nextra;
}

/* The pass is over and another one is needed: is there one left? */
static void
start_again(RedactScanner *s)
{
	start_phase(s, s->passes < MAX_PASSES ? PHASE_HIDE : PHASE_WIDEN);
}

/* Do the current phase; when it is done, choose the next. */
static void
do_phase(RedactScanner *s, int *budget)
{
	switch (s->phase)
	{
		case PHASE_SCAN:
			break;
		case PHASE_MERGE:
			if (merge_extra(s, budget))
				start_phase(s, PHASE_ARBITRATE);
			break;
		case PHASE_ARBITRATE:
			if (arbitrate(s, budget))
				start_phase(s, s->news ? PHASE_GLUED : PHASE_MAP);
			break;
		case PHASE_GLUED:
			if (!any_glued(s, budget))
				break;
			if (s->phase_at < s->nspans)
				start_again(s);
			else
				start_phase(s, PHASE_AGAINST);
			break;
		case PHASE_AGAINST:
			if (!any_against(s, budget))
				break;
			if (s->phase_at < (int) s->nagainst)
				start_again(s);
			else
				start_phase(s, PHASE_MAP);
			break;
		case PHASE_HIDE:
			if (!hide(s, budget))
				break;
			s->passes++;
			redact_begin_pass(s);
			break;
		case PHASE_WIDEN:
			if (widen(s, budget))
				start_phase(s, PHASE_SETTLE);
			break;
		case PHASE_SETTLE:
			if (arbitrate(s, budget))
				start_phase(s, PHASE_MAP);
			break;
		case PHASE_MAP:
			if (map_back(s, budget))
				s->status = REDACT_DONE;
			break;
	}
}

void
redact_arbiter_step(RedactScanner *s)
{
	int budget = BUDGET;

	while (budget > 0 && s->status == REDACT_MORE && s->phase != PHASE_SCAN)
		do_phase(s, &budget);
}
