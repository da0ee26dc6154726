/*-------------------------------------------------------------------------
 *
 * redact_number.c
 *		Numbers: cards, national identifiers, telephones.
 *
 * A number is read once as groups of digits with separators between, and
 * then offered to every scheme that allows its length. Schemes compete: nine
 * digits can be a social security number, a bank's routing number and a
 * Dutch citizen's number at once, and a check digit alone is passed by one
 * random number in ten. So a candidate's score comes from the strength of
 * its check, the way it is written, and the words around it; the best one
 * stands for the number.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_check.h"
#include "redact/redact_net.h"
#include "redact/redact_number.h"
#include "redact/redact_scan_int.h"

/* ---- reading -------------------------------------------------------- */

/* Bytes of separator at i, within a number: up to two, before a digit. */
static int
separator_length(const RedactScanner *s, uint32_t i, uint8_t *kind)
{
	uint8_t c = redact_at(s, i);
	uint8_t next = redact_at(s, i + 1);

	switch (c)
	{
		case ' ':
		case '-':
		case '.':
		case '/':
		case '_':
			*kind = c;
			if (redact_class[next] & CC_DIGIT)
				return 1;
			/* " - ", "- ", "  " */
			if (next == ' ' || next == '-')
			{
				if (redact_class_at(s, i + 2) & CC_DIGIT)
				{
					*kind = c == ' ' && next == ' ' ? '~' : '=';
					return 2;
				}
				if (c == ' ' && next == '-' && redact_at(s, i + 2) == ' ' &&
					(redact_class_at(s, i + 3) & CC_DIGIT))
				{
					*kind = '=';
					return 3;
				}
			}
			return 0;
		case '\n':
		case '\t':
		case '\r':
			*kind = '~';
			if (c == '\r' && next == '\n')
				return (redact_class_at(s, i + 2) & CC_DIGIT) ? 2 : 0;
			return (redact_class[next] & CC_DIGIT) ? 1 : 0;
		default:
			return 0;
	}
}

void
redact_number_read(const RedactScanner *s, uint32_t pos, RedactNumber *number)
{
	uint32_t i = pos;
	int n = 0;

	number->ngroups = 0;
	while (number->ngroups < NUMBER_GROUPS && n < NUMBER_DIGITS)
	{
		NumberGroup *group = &number->groups[number->ngroups];
		uint8_t kind = 0;
		int skip;

		group->start = i;
		group->first = n;
		i = redact_class_end(s, i, NUMBER_DIGITS - n, CC_DIGIT);
		for (uint32_t k = group->start; k < i; k++)
			number->digits[n++] = s->text[k] - '0';
		group->len = n - group->first;
		group->end = i;
		group->sep = 0;
		number->ngroups++;
		if (redact_class_at(s, i) & CC_DIGIT)
			break; /* longer than anything we know */
		skip = separator_length(s, i, &kind);
		if (skip == 0)
			break;
		group->sep = kind;
		i += skip;
	}
}

/* How the separators between the first n groups look. */
typedef enum Separation
{
	SEP_NONE,	/* one group */
	SEP_PLAIN,	/* all alike, one character */
	SEP_STRANGE /* mixed, doubled, over a line end */
} Separation;

static Separation
separation(const RedactNumber *number, int n)
{
	if (n == 1)
		return SEP_NONE;
	for (int i = 0; i + 1 < n; i++)
	{
		uint8_t sep = number->groups[i].sep;

		if (sep != number->groups[0].sep || sep == '~' || sep == '=' ||
			sep == '_')
			return SEP_STRANGE;
	}
	return SEP_PLAIN;
}

/* ---- cards ---------------------------------------------------------- */

/* Groups as cards are printed: fours, or Amex and Diners, or one block. */
static bool
card_shape(const RedactNumber *number, int n, int total)
{
	int len = number->groups[0].len;

	if (n == 1)
		return true;
	if (total == 15 && redact_number_shape(number, n, "4*6*5"))
		return true;
	if (total == 14 && redact_number_shape(number, n, "4*6*4"))
		return true;
	/* all alike but for the last: fours, or digits apart */
	if (len != 4 && len != 1 && len != 2)
		return false;
	for (int i = 1; i + 1 < n; i++)
	{
		if (number->groups[i].len != len)
			return false;
	}
	return number->groups[n - 1].len <= len;
}

static int
score_card(const RedactNumber *number, int n, int total, const RedactCtx *ctx)
{
	const uint8_t *d = number->digits;
	int range = check_card_range(d, total);
	bool near = redact_ctx_has(ctx, REDACT_CTX_CARD);
	Separation sep;
	int score;

	if (range == 0 || !check_luhn(d, total))
		return 0;
	sep = separation(number, n);
	if (!card_shape(number, n, total) ||
		(sep != SEP_NONE && number->groups[0].len < 4))
		score = range == 2 ? 45 : 25;
	else if (range == 2)
		score = sep != SEP_STRANGE ? 85 : 60;
	else
		score = sep == SEP_PLAIN ? 60 : 40;
	if (near)
		score += 30;
	else if (redact_ctx_has(ctx, REDACT_CTX_NEGATIVE))
		score -= 20;
	return score;
}

/* ---- the arbiter of one number -------------------------------------- */

static int
score_ssn(const RedactNumber *number, int n, const RedactCtx *ctx)
{
	bool near = redact_ctx_has(ctx, REDACT_CTX_SSN);
	bool valid = check_us_ssn(number->digits, 9);

	if (redact_number_shape(number, n, "3-2-4|3 2 4|3.2.4"))
		return valid ? (near ? 98 : 80) : near ? 75 : 0;
	/* its own groups with any separators, or digit by digit */
	if (!near ||
		(n > 1 && n < 9 &&
		 (n != 3 || number->groups[0].len != 3 || number->groups[1].len != 2)))
		return 0;
	return valid ? 85 : 60;
}

/* Three to six digits are what the words near them say. */
static void
consider_short(const RedactScanner *s, int total, const RedactCtx *ctx,
			   uint32_t end, NumberBest *best)
{
	if (total <= 4 && redact_ctx_has(ctx, REDACT_CTX_CVV))
		redact_consider(s, best, REDACT_CREDIT_CARD_CVV,
						redact_ctx_has(ctx, REDACT_CTX_CARD) ? 85 : 70, end,
						"cvv");
	if (total >= 4 && redact_ctx_has(ctx, REDACT_CTX_PIN))
		redact_consider(s, best, REDACT_PIN, 60, end, "pin");
	if (total == 5 && redact_ctx_has(ctx, REDACT_CTX_POSTAL))
		redact_consider(s, best, REDACT_POSTAL_CODE, 75, end, "postal_code");
}

/* Everything that the first n groups can be. */
static void
consider_groups(RedactScanner *s, const RedactNumber *number, int n,
				const RedactCtx *ctx, NumberBest *best)
{
	const NumberGroup *last = &number->groups[n - 1];
	int total = last->first + last->len;

	if (total >= 12 && total <= 19)
		redact_consider(s, best, REDACT_CREDIT_CARD,
						score_card(number, n, total, ctx), last->end, "card");
	if (n == 1 && total >= 3 && total <= 6)
		consider_short(s, total, ctx, last->end, best);
	if (total == 9)
		redact_consider(s, best, REDACT_US_SSN, score_ssn(number, n, ctx),
						last->end, "us_ssn");
	redact_number_schemes(s, number, n, ctx, best);
}

/* The fraction of a decimal number, or a part of a longer dotted one. */
static bool
is_fraction(const RedactScanner *s, uint32_t pos)
{
	uint8_t c = redact_at(s, pos - 1);

	return (c == '.' || c == ',') &&
		   ((redact_class_at(s, pos - 2) & CC_DIGIT) ||
			redact_at(s, pos - 2) == '>');
}

#define ID_BEFORE 128 /* bytes before a digit that may belong to its hash */
#define ID_LONGEST 256

/* What UUIDs and hashes consist of. */
static const uint8_t hex_or_dash[256] = {
	['0' ... '9'] = 1,
	['a' ... 'f'] = 1,
	['A' ... 'F'] = 1,
	['-'] = 1,
};

/*
 * The end of the UUID or hexadecimal hash around pos, or 0: what machines
 * write for each other, in which digits fall as they like.
 */
static uint32_t
machine_id_end(RedactScanner *s, uint32_t pos)
{
	RedactRun *hex = &s->hex;
	uint32_t start;
	uint32_t end;
	uint32_t run = 0; /* without dashes, the longest */
	uint32_t from;

	/* a long run of it is read once, not from each digit in it */
	if (!redact_in_run(hex, pos))
	{
		start = pos;
		while (start > 0 && pos - start < ID_BEFORE &&
			   hex_or_dash[s->text[start - 1]])
			start--;
		hex->start = start;
		hex->end = start;
		s->hex_letter = 0;
	}
	start = pos - hex->start > ID_BEFORE ? pos - ID_BEFORE : hex->start;
	for (;
		 hex->end - start < ID_LONGEST && hex_or_dash[redact_at(s, hex->end)];
		 hex->end++)
	{
		if (s->text[hex->end] >= 'A')
			s->hex_letter = hex->end + 1;
	}
	end = hex->end;
	if (end - start < 32 || s->hex_letter <= start)
		return 0;
	from = start;
	for (uint32_t i = start; i <= end; i++)
	{
		if (i < end && redact_at(s, i) != '-')
			continue;
		if (i - from > run)
			run = i - from;
		from = i + 1;
	}
	if (run >= 32 ||
		(end - start == 36 && redact_at(s, start + 8) == '-' &&
		 redact_at(s, start + 13) == '-' && redact_at(s, start + 18) == '-' &&
		 redact_at(s, start + 23) == '-'))
		return end;
	return 0;
}

/* Offer the best that the first groups of a number are, of any count. */
static void
judge_number(RedactScanner *s, uint32_t pos, const RedactNumber *number,
			 NumberBest *best)
{
	const NumberGroup *last = &number->groups[number->ngroups - 1];
	bool short_number = last->first + last->len <= 6;
	bool glued = redact_class_at(s, pos - 1) & CC_ALPHA;
	bool have_ctx = false;
	RedactCtx ctx;

	for (int n = 1; n <= number->ngroups; n++)
	{
		const NumberGroup *group = &number->groups[n - 1];
		int total = group->first + group->len;

		/* letters directly before or behind: part of a longer code? */
		if (total < 3 ||
			((glued || (redact_class_at(s, group->end) & CC_ALPHA)) &&
			 total < 15))
			continue;
		/* cut within a number with dots, but no amount is that large */
		if (n < number->ngroups && group->sep == '.' &&
			!(n == 1 && total >= 15))
			continue;
		if (!have_ctx)
			ctx = short_number ? redact_context_beside(s, pos, last->end)
							   : redact_context(s, pos, last->end);
		have_ctx = true;
		consider_groups(s, number, n, &ctx, best);
	}
	if (best->score > 0)
		redact_offer(s, pos, best->end, best->entity, best->score, best->rule);
}

/* Digits that a letter stands before: a card, if anything. */
static uint32_t
verify_glued(RedactScanner *s, uint32_t pos)
{
	RedactNumber number;
	NumberBest best = {0, 0, 0, NULL};
	uint32_t end = redact_class_end(s, pos, s->len, CC_DIGIT);
	uint8_t kind;
	const NumberGroup *last;

	if (redact_at(s, pos + 2) == ':' || redact_at(s, pos + 2) == '-')
	{
		uint32_t mac = redact_verify_mac(s, pos);

		if (mac > 0)
			return mac;
	}
	if (end - pos > NUMBER_DIGITS ||
		(end - pos < 15 && separator_length(s, end, &kind) == 0))
		return end;
	redact_number_read(s, pos, &number);
	last = &number.groups[number.ngroups - 1];
	if (last->first + last->len >= 15)
		judge_number(s, pos, &number, &best);
	return best.score > 0 ? best.end : end;
}

uint32_t
redact_verify_digit(RedactScanner *s, uint32_t pos)
{
	RedactNumber number;
	NumberBest best = {0, 0, 0, NULL};
	uint32_t end;
	uint32_t digits; /* of the group */

	if (pos >= s->token_end)
		redact_verify_token(s, pos);
	end = s->token_short ? 0 : machine_id_end(s, pos);
	if (end > 0)
		return end;
	redact_verify_code(s, pos);
	if (redact_class_at(s, pos - 1) & CC_ALPHA)
		return verify_glued(s, pos);
	/* what cannot begin with so many digits is not tried */
	digits = redact_class_end(s, pos, s->len, CC_DIGIT) - pos;
	if (digits <= 3 && redact_at(s, pos + digits) == '.')
	{
		end = redact_verify_ipv4(s, pos);
		if (end > 0)
			return end;
	}
	if (redact_at(s, pos + 2) == ':' || redact_at(s, pos + 2) == '-')
	{
		end = redact_verify_mac(s, pos);
		if (end > 0)
			return end;
	}

	end = s->want_names ? redact_verify_address(s, pos) : 0;
	if (end > 0)
		return end;
	end = digits <= 4 ? redact_verify_date(s, pos) : 0;
	if (end == 0 && digits <= 3)
		end = redact_verify_age(s, pos);
	if (end == 0 && digits <= 3 && redact_at(s, pos + digits) == '.')
		end = redact_verify_gps(s, pos);
	if (end > 0)
		return end;
	if (digits > NUMBER_DIGITS)
		return pos + digits; /* too long for anything */

	redact_number_read(s, pos, &number);
	end = number.groups[0].end;

	if (number.groups[number.ngroups - 1].end - pos >= 3 &&
		!is_fraction(s, pos))
		judge_number(s, pos, &number, &best);
	if (best.score < 80 &&
		(end - pos > 2 || number.ngroups > 1 || redact_at(s, end) == ')' ||
		 redact_at(s, end + 1) == '('))
	{
		uint32_t phone = redact_verify_phone(s, pos, &number);

		if (phone > end)
			return phone;
	}
	return best.score > 0 ? best.end : end;
}
