/*-------------------------------------------------------------------------
 *
 * redact_phone.c
 *		Telephone numbers as people write them.
 *
 * There is no check digit, so a number is believed by its form: a calling
 * code, the groups of North America, a trunk zero, brackets, an extension;
 * or by words near it. What looks like a date, a range or an amount is not
 * one.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_number.h"
#include "redact/redact_scan_int.h"

#define PHONE_GROUPS 8
#define PHONE_DIGITS 17

typedef struct Phone
{
	uint32_t start; /* with '+' and bracket */
	bool plus;
	bool opened;  /* a bracket before the first digit */
	bool bracket; /* an area code in brackets */
	bool slash;	  /* a '/' between groups */
	int ngroups;
	uint8_t len[PHONE_GROUPS];
	uint8_t first[PHONE_GROUPS];
	uint32_t end[PHONE_GROUPS]; /* behind the group */
	uint8_t sep[PHONE_GROUPS];	/* main separator before the group */
	bool open[PHONE_GROUPS];	/* a bracket right before it */
	uint8_t digits[PHONE_DIGITS + 1];
} Phone;

/* Calling codes of three digits: the last digits, for each first two. */
#define D(n) (1 << (n))
#define FROM_TO(a, b) ((2 << (b)) - (1 << (a)))
#define ALL FROM_TO(0, 9)
#define TWO 0x8000 /* all that begins so has two digits */
static const uint16_t calling_codes[100] = {
	[20] = TWO,
	[27] = TWO,
	[30 ... 34] = TWO,
	[36] = TWO,
	[39 ... 41] = TWO,
	[43 ... 49] = TWO,
	[51 ... 58] = TWO,
	[60 ... 66] = TWO,
	[81 ... 82] = TWO,
	[84] = TWO,
	[86] = TWO,
	[90 ... 95] = TWO,
	[98] = TWO,
	[21] = FROM_TO(1, 3) | D(6) | D(8),
	[22 ... 24] = ALL,
	[25] = FROM_TO(0, 8),
	[26] = ALL,
	[29] = FROM_TO(0, 1) | FROM_TO(7, 9),
	[35] = ALL,
	[37] = FROM_TO(0, 8),
	[38] = FROM_TO(0, 3) | FROM_TO(5, 7) | D(9),
	[42] = FROM_TO(0, 1) | D(3),
	[50] = ALL,
	[59] = ALL,
	[67] = D(0) | FROM_TO(2, 9),
	[68] = FROM_TO(0, 3) | FROM_TO(5, 9),
	[69] = FROM_TO(0, 2),
	[80] = D(0) | D(8),
	[85] = D(0) | FROM_TO(2, 3) | FROM_TO(5, 6),
	[87] = D(0) | D(8),
	[88] = FROM_TO(0, 3) | D(6) | D(8),
	[96] = FROM_TO(0, 8),
	[97] = FROM_TO(0, 7) | D(9),
	[99] = FROM_TO(2, 6) | D(8),
};
#undef D
#undef FROM_TO
#undef ALL

/* Length of the calling code that the digits start with, or 0. */
static int
calling_code(const uint8_t *d, int n)
{
	uint16_t codes;

	if (n < 4)
		return 0;
	if (d[0] == 1 || d[0] == 7)
		return 1;
	codes = calling_codes[d[0] * 10 + d[1]];
	if (codes & TWO)
		return 2;
	return codes >> d[2] & 1 ? 3 : 0;
}

/*
 * The separator at i, up to a digit: one blank, dash, dot or slash, brackets
 * around. Returns its length and its main character.
 */
static int
phone_separator(const RedactScanner *s, uint32_t i, uint8_t *kind)
{
	uint32_t from = i;
	int marks = 0;

	*kind = 0;
	while (i - from < 4)
	{
		uint8_t c = redact_at(s, i);

		if (redact_class[c] & CC_DIGIT)
			return *kind == 0 ? 0 : (int) (i - from);
		if (c == '-' || c == '.' || c == '/')
		{
			if (marks++ > 0)
				return 0;
			*kind = c;
		}
		else if (c == '(' || c == ')')
		{
			if (c == '(' && marks > 0 && *kind != '-')
				return 0;
			*kind = *kind == 0 ? c : *kind;
		}
		else if (c == ' ')
		{
			if (redact_at(s, i + 1) == ' ')
				return 0;
			*kind = *kind == 0 ? c : *kind;
		}
		else
			return 0;
		i++;
	}
	return 0;
}

/* Read the groups from pos; false when it cannot start a number. */
static bool
phone_read(const RedactScanner *s, uint32_t pos, Phone *phone)
{
	uint32_t i = pos;
	int n = 0;
	uint8_t sep = 0;
	uint8_t before = redact_at(s, pos - 1);

	memset(phone, 0, sizeof(*phone));
	phone->start = pos;
	if (before == '(')
	{
		phone->opened = true;
		before = redact_at(s, --phone->start - 1);
		if (before == ' ' && redact_at(s, phone->start - 2) == '+')
			phone->start--;
	}
	if (before == '+')
	{
		phone->plus = true;
		before = redact_at(s, --phone->start - 1);
		if (!phone->opened && before == '(')
		{
			phone->opened = true;
			before = redact_at(s, --phone->start - 1);
		}
	}
	if ((redact_class[before] & CC_ALNUM) || before == '_' || before == '$' ||
		before == '\\')
		return false;
	if ((before == '-' || before == '.' || before == '/' || before == ',' ||
		 before == '\'') &&
		(redact_class_at(s, phone->start - 2) & CC_ALNUM))
		return false;

	while (phone->ngroups < PHONE_GROUPS)
	{
		int g = phone->ngroups;
		int skip;

		phone->first[g] = n;
		phone->sep[g] = sep;
		while (n < PHONE_DIGITS && (redact_class_at(s, i) & CC_DIGIT))
			phone->digits[n++] = redact_at(s, i++) - '0';
		if (redact_class_at(s, i) & CC_DIGIT)
			break; /* too long: drop this group */
		phone->len[g] = n - phone->first[g];
		phone->end[g] = i;
		phone->ngroups++;
		skip = phone_separator(s, i, &sep);
		if (skip == 0)
			break;
		if ((redact_at(s, i) == ')' && (g > 0 || phone->opened)) ||
			redact_at(s, i + skip - 1) == '(')
			phone->bracket = true;
		if (g + 1 < PHONE_GROUPS)
			phone->open[g + 1] = redact_at(s, i + skip - 1) == '(';
		i += skip;
	}
	return phone->ngroups > 0;
}

/* "x123", " ext. 123", " extension 123", " #123" behind a number. */
static uint32_t
extension_end(const RedactScanner *s, uint32_t pos)
{
	static const char *const words[] = {"extension", "extn",	  "ext", "x",
										"#",		 "durchwahl", "int"};
	uint32_t i = pos;
	uint32_t digits;
	uint8_t first;

	while (i < pos + 2 && (redact_at(s, i) == ' ' || redact_at(s, i) == ','))
		i++;
	first = redact_lower(redact_at(s, i));
	if (first != 'e' && first != 'x' && first != '#' && first != 'd' &&
		first != 'i')
		return 0;
	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
	{
		size_t len = strlen(words[w]);
		size_t k = 0;

		while (k < len &&
			   redact_lower(redact_at(s, i + k)) == (uint8_t) words[w][k])
			k++;
		if (k < len)
			continue;
		i += len;
		while (i < pos + 16 &&
			   (redact_at(s, i) == ' ' || redact_at(s, i) == '.' ||
				redact_at(s, i) == ':'))
			i++;
		digits = i;
		while (i - digits < 7 && (redact_class_at(s, i) & CC_DIGIT))
			i++;
		if (i == digits || (redact_class_at(s, i) & CC_ALNUM) ||
			(redact_at(s, i) == '.' && (redact_class_at(s, i + 1) & CC_DIGIT)))
			return 0;
		return i;
	}
	return 0;
}

static int
group_value(const Phone *p, int g)
{
	int value = 0;

	for (int i = 0; i < p->len[g]; i++)
		value = value * 10 + p->digits[p->first[g] + i];
	return value;
}

/* Three groups that are a date, or that start with one. */
static bool
looks_like_date(const Phone *p, int n)
{
	int a, b, c;

	if (p->bracket || n < 3 || p->sep[1] != p->sep[2])
		return false;
	if (p->len[0] > 4 || p->len[1] > 2 || p->len[2] > 4)
		return false;
	a = group_value(p, 0);
	b = group_value(p, 1);
	c = group_value(p, 2);
	if (p->len[0] == 4 && p->len[2] <= 2)
		return a >= 1000 && a < 2200 && b >= 1 && b <= 12 && c >= 1 && c <= 31;
	if (p->len[0] <= 2 && (p->len[2] == 4 || (p->len[2] == 2 && n == 3)))
		return a >= 1 && b >= 1 && a <= 31 && b <= 31 &&
			   (a <= 12 || b <= 12) &&
			   (p->len[2] == 2 ? p->sep[1] == '/' || p->sep[1] == '.'
							   : c >= 1000 && c < 2200);
	return false;
}

/* A range of years or numbers, or a row of the same digit. */
static bool
looks_like_range(const Phone *p, int n)
{
	int total = p->first[n - 1] + p->len[n - 1];
	int seen = 0;

	for (int i = 0; i < total; i++)
		seen |= 1 << p->digits[i];
	seen &= seen - 1;
	if ((seen & (seen - 1)) == 0)
		return true; /* two at most */
	if (n != 2 || p->bracket)
		return false;
	if (p->opened && p->sep[1] == '-' && p->len[0] <= p->len[1])
		return true;
	if (p->len[0] == 4 && p->len[1] == 4 && p->sep[1] != ' ')
	{
		int a = group_value(p, 0);
		int b = group_value(p, 1);

		return a >= 1000 && a <= b && b < 2200;
	}
	return p->sep[1] == '/' && p->len[0] + p->len[1] < 9;
}

/* What the first n groups are worth by their form alone. */
static int
score_form(const Phone *p, int n)
{
	const uint8_t *d = p->digits;
	int total = p->first[n - 1] + p->len[n - 1];
	int g = 0;
	bool plain_blank = n > 1 && p->sep[1] == ' ';

	if (p->plus)
	{
		int code = calling_code(d, total);

		if (code == 0 || total - code < 5 || total > 15)
			return 0;
		return total >= 9 ? 85 : 60;
	}
	if (n == 1)
	{
		if (total == 10 && d[0] >= 2 && d[3] >= 2)
			return 35;
		return total >= 7 && total <= 13 ? 25 : 0;
	}
	if (looks_like_date(p, n) || looks_like_range(p, n) || p->open[n - 1])
		return 0;
	if (p->len[0] == 1 && p->digits[0] != 1 && p->digits[0] != 7 &&
		p->digits[0] != 8 && !p->bracket)
		return 0;
	if (p->len[0] == 1 && p->sep[1] == '.')
		return 0;
	/* an amount, a fraction */
	if (n == 2 && !p->bracket && d[0] != 0 &&
		(p->sep[1] == '.' || p->sep[1] == '/'))
		return 0;
	for (int i = 1; i < n; i++)
	{
		if (p->sep[i] == '/' && i > 1)
			return 0;
		if (p->len[i] < 2)
			return 0;
	}

	/* an international prefix in digits */
	if ((d[0] == 0 && d[1] == 0 && d[2] != 0) ||
		(p->len[0] == 3 && d[0] == 0 && d[1] == 1 && d[2] == 1))
	{
		int prefix = d[1] == 0 ? 2 : 3;

		if (total - prefix >= (d[prefix] == 1 ? 11 : 8) &&
			total - prefix <= 15 &&
			calling_code(d + prefix, total - prefix) > 0)
			return 60;
		return 0;
	}

	/* North America: [1] 3 3 4 */
	if (n == 4 && p->len[0] == 1 && d[0] == 1)
		g = 1;
	if (n - g == 3 && p->len[g] == 3 && p->len[g + 1] == 3 &&
		p->len[g + 2] == 4)
	{
		bool valid = d[p->first[g]] >= 2 && d[p->first[g + 1]] >= 2;

		if (!valid)
			return p->bracket ? 50 : 45;
		return p->bracket ? 80 : plain_blank ? 60 : 75;
	}
	if (p->bracket && total >= 6 && total <= 13)
		return d[0] == 0 ? 60 : total >= 8 ? 55 : 40;

	/* a trunk zero, then groups */
	if (d[0] == 0 && total >= 9 && total <= 11 && p->len[0] >= 2 &&
		p->len[0] <= 5 && n <= 5)
		return n >= 3 ? 55 : 45;
	if (total >= 6 && total <= 12)
		return 30;
	return 0;
}

uint32_t
redact_verify_phone(RedactScanner *s, uint32_t pos, const RedactNumber *number)
{
	Phone phone;
	RedactCtx ctx;
	int best_score = 0;
	uint32_t best_end = 0;
	bool known = false;
	bool near = false;
	bool hinted = false;

	(void) number;
	if (!redact_wants(s, REDACT_PHONE_NUMBER) || !phone_read(s, pos, &phone))
		return 0;
	for (int n = phone.ngroups; n >= 1; n--)
	{
		uint32_t end = phone.end[n - 1];
		uint8_t next = redact_at(s, end);
		int score = score_form(&phone, n);
		uint32_t ext;

		/* a part only, if the rest does not go on */
		if (score == 0 || (n < phone.ngroups && score < 75 &&
						   phone.sep[n] != ' ' && phone.sep[n] != '('))
			continue;
		if (!known)
		{
			ctx = redact_context(s, pos, phone.end[phone.ngroups - 1]);
			near = redact_ctx_has(&ctx, REDACT_CTX_PHONE);
			hinted = redact_ctx_has(&ctx, REDACT_CTX_CALLING);
			known = true;
		}
		ext = extension_end(s, end);
		if (ext > 0)
			score += 20;
		else if (redact_class[next] & CC_ALPHA)
		{
			/* glued to a word: only a form that is hardly anything else */
			if (score < 75)
				continue;
			score -= 15;
		}
		/* a time, an amount, a percentage, a longer code */
		if ((next == ':' || next == ',' || next == '.' || next == '_') &&
			(redact_class_at(s, end + 1) & CC_DIGIT))
			continue;
		if (next == '%' ||
			(next == '-' && (redact_class_at(s, end + 1) & CC_ALPHA) &&
			 !near && !hinted))
			continue;
		if (near)
			score += score < 50 ? 40 : 20;
		else if (hinted)
			score += score < 50 ? 22 : 15;
		else if (redact_ctx_has(&ctx, REDACT_CTX_NEGATIVE))
			score -= 25;
		if (score > best_score)
		{
			best_score = score;
			best_end = ext > 0 ? ext : end;
		}
	}
	if (best_score < s->profile->min_score[REDACT_PHONE_NUMBER])
		return 0;
	if (best_score > 0 && phone.bracket && redact_at(s, best_end) == ')' &&
		redact_at(s, phone.start) == '(')
		best_end++;
	redact_offer(s, phone.start, best_end, REDACT_PHONE_NUMBER, best_score,
				 "phone");
	return best_end;
}
