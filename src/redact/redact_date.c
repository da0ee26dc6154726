/*-------------------------------------------------------------------------
 *
 * redact_date.c
 *		Dates, times, ages, and pairs of coordinates: what starts with a
 *		digit and is told by its form.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_number.h"
#include "redact/redact_scan_int.h"

/* A run of at most max digits at *pos; its value, or -1. */
static inline int
read_digits(const RedactScanner *s, uint32_t *pos, int max, int *len)
{
	uint32_t from = *pos;
	int value = 0;

	*pos = redact_class_end(s, from, max, CC_DIGIT);
	*len = *pos - from;
	for (uint32_t i = from; i < *pos; i++)
		value = value * 10 + (s->text[i] - '0');
	if (*len == 0 || (redact_class_at(s, *pos) & CC_DIGIT))
		return -1;
	return value;
}

/* The word at pos, folded; its length, or 0. */
static uint32_t
read_word(const RedactScanner *s, uint32_t pos, RedactWord *found, bool *known)
{
	uint8_t word[24];
	uint32_t hash = REDACT_HASH_INIT;
	uint32_t n = 0;

	while (n < sizeof(word) && (redact_class_at(s, pos + n) & CC_ALPHA))
	{
		word[n] = redact_lower(redact_at(s, pos + n));
		hash = redact_hash_byte(hash, word[n]);
		n++;
	}
	*known =
		n > 0 && n < sizeof(word) && redact_word_find(hash, word, n, found);
	return n;
}

static bool
is_month_at(const RedactScanner *s, uint32_t pos, uint32_t *len)
{
	RedactWord word;
	bool known;

	*len = read_word(s, pos, &word, &known);
	return known && (word.flags & REDACT_WORD_MONTH);
}

/* ---- times ---------------------------------------------------------- */

/* "am", " p.m." at pos: what follows it, or pos. */
static uint32_t
meridiem_end(const RedactScanner *s, uint32_t pos)
{
	uint32_t i = pos + (redact_at(s, pos) == ' ');
	uint8_t c = redact_at(s, i) | 0x20;

	if (c != 'a' && c != 'p')
		return pos;
	i++;
	if (redact_at(s, i) == '.')
		i++;
	if ((redact_at(s, i) | 0x20) != 'm')
		return pos;
	i++;
	if (redact_class_at(s, i) & CC_ALNUM)
		return pos;
	return i;
}

/* hh:mm[:ss[.fff]][ am][Z|+hh:mm] at pos, or 0. */
static uint32_t
time_end(const RedactScanner *s, uint32_t pos)
{
	uint32_t i = pos;
	int len;
	int hour = read_digits(s, &i, 2, &len);
	uint32_t j;

	if (hour < 0 || hour > 24 || redact_at(s, i) != ':')
		return 0;
	i++;
	if (read_digits(s, &i, 2, &len) > 59 || len != 2)
		return 0;
	if (redact_at(s, i) == ':')
	{
		j = i + 1;
		if (read_digits(s, &j, 2, &len) >= 0 && len == 2)
		{
			i = j;
			if ((redact_at(s, i) == '.' || redact_at(s, i) == ',') &&
				(redact_class_at(s, i + 1) & CC_DIGIT))
			{
				i++;
				for (int k = 0; k < 9 && (redact_class_at(s, i) & CC_DIGIT);
					 k++)
					i++;
			}
		}
	}
	i = meridiem_end(s, i);
	if (redact_at(s, i) == 'Z')
		i++;
	else if ((redact_at(s, i) == '+' || redact_at(s, i) == '-') &&
			 (redact_class_at(s, i + 1) & CC_DIGIT))
	{
		j = i + 1;
		if (read_digits(s, &j, 4, &len) >= 0)
		{
			i = j;
			if (redact_at(s, i) == ':')
			{
				j = i + 1;
				if (read_digits(s, &j, 2, &len) >= 0 && len == 2)
					i = j;
			}
		}
	}
	return (redact_class_at(s, i) & CC_ALNUM) ? 0 : i;
}

/* "3 pm": an hour alone, or 0. */
static uint32_t
hour_end(const RedactScanner *s, uint32_t pos)
{
	uint32_t i = pos;
	int len;
	int hour = read_digits(s, &i, 2, &len);
	uint32_t end = meridiem_end(s, i);

	/* but not "3 am": of which one half is a word */
	return hour >= 1 && hour <= 12 && end > i &&
				   (redact_at(s, i) != ' ' || end - i > 3 ||
					(redact_at(s, i + 1) | 0x20) == 'p')
			   ? end
			   : 0;
}

/* " +0100", as mails and the logs of web servers have it; or pos. */
static uint32_t
zone_end(const RedactScanner *s, uint32_t pos)
{
	uint32_t i = pos + 2;
	int len;

	if (redact_at(s, pos) != ' ' ||
		(redact_at(s, pos + 1) != '+' && redact_at(s, pos + 1) != '-') ||
		read_digits(s, &i, 4, &len) > 1400 || len != 4 ||
		(redact_class_at(s, i) & CC_ALNUM))
		return pos;
	return i;
}

/* Take the time behind a date that ends at pos along. */
static uint32_t
with_time(const RedactScanner *s, uint32_t pos)
{
	uint32_t i = pos;
	uint32_t end;

	if (redact_at(s, i) == ',')
		i++;
	if (redact_at(s, i) == ' ' || redact_at(s, i) == 'T' ||
		(i == pos && redact_at(s, i) == ':'))
		i++;
	if (i == pos)
		return pos;
	end = time_end(s, i);
	return end > 0 ? zone_end(s, end) : pos;
}

/* ---- dates ---------------------------------------------------------- */

static bool
is_day_of(int month, int day)
{
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30,
								   31, 31, 30, 31, 30, 31};

	return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

/* Digits with one separator: 1980-03-01, 1/3/80, 01.03.1980. */
static uint32_t
numeric_date(const RedactScanner *s, uint32_t pos, int *score)
{
	uint32_t i = pos;
	int la, lb, lc;
	int a = read_digits(s, &i, 4, &la);
	int b, c;
	uint8_t sep = redact_at(s, i);

	if (a < 0 || la == 3 || (sep != '-' && sep != '/' && sep != '.'))
		return 0;
	i++;
	b = read_digits(s, &i, 2, &lb);
	if (b < 0 || redact_at(s, i) != sep)
		return 0;
	i++;
	c = read_digits(s, &i, 4, &lc);
	if (c < 0 && lc == 2)
		return 0;
	if (c < 0 || lc == 3)
		return 0;
	/* more of the same is no date: a version, an address */
	if (redact_at(s, i) == sep && (redact_class_at(s, i + 1) & CC_DIGIT))
		return 0;
	if (la == 4)
	{
		if (lc > 2 || a < 1000 || a > 2199 || !is_day_of(b, c))
			return 0;
		*score = 70;
	}
	else
	{
		if (lc != 4 && lc != 2)
			return 0;
		if (lc == 4 && (c < 1000 || c > 2199))
			return 0;
		if (!is_day_of(a, b) && !is_day_of(b, a))
			return 0;
		*score = lc == 4 ? 70 : sep == '/' ? 55 : 42;
	}
	if ((redact_class_at(s, i) & CC_ALNUM) && redact_at(s, i) != 'T')
		return 0;
	return i;
}

/* "st", "nd", "rd", "th" or "." behind a day. */
static uint32_t
ordinal_end(const RedactScanner *s, uint32_t pos)
{
	static const char *const suffixes[] = {"st", "nd", "rd", "th"};

	for (int k = 0; k < 4; k++)
	{
		if ((redact_at(s, pos) | 0x20) == suffixes[k][0] &&
			(redact_at(s, pos + 1) | 0x20) == suffixes[k][1] &&
			!(redact_class_at(s, pos + 2) & CC_ALPHA))
			return pos + 2;
	}
	if (redact_at(s, pos) == '.' && redact_at(s, pos + 1) == ' ')
		return pos + 1;
	return pos;
}

/* A year of four digits behind blanks, a comma or a dash; its end, or pos. */
static uint32_t
year_end(const RedactScanner *s, uint32_t pos)
{
	uint32_t i = pos;
	int len;
	int year;

	while (i < pos + 2 && (redact_at(s, i) == ',' || redact_at(s, i) == ' ' ||
						   (redact_at(s, i) >= '-' && redact_at(s, i) <= '/')))
		i++;
	if (i == pos)
		return pos;
	year = read_digits(s, &i, 4, &len);
	if (year < 1000 || year > 2199 || (redact_class_at(s, i) & CC_ALPHA))
		return pos;
	return i;
}

/* "3 March 1980", "3rd of March", "3-Mar-80". */
static uint32_t
day_month_date(const RedactScanner *s, uint32_t pos)
{
	uint32_t i = pos;
	uint32_t word;
	int len;
	int day = read_digits(s, &i, 2, &len);

	if (day < 1 || day > 31)
		return 0;
	i = ordinal_end(s, i);
	if (redact_at(s, i) != ' ' && redact_at(s, i) != '-' &&
		redact_at(s, i) != '/')
		return 0;
	i++;
	if ((redact_at(s, i) | 0x20) == 'o' &&
		(redact_at(s, i + 1) | 0x20) == 'f' && redact_at(s, i + 2) == ' ')
		i += 3;
	else if ((redact_at(s, i) | 0x20) == 'd' &&
			 (redact_at(s, i + 1) | 0x20) == 'e' && redact_at(s, i + 2) == ' ')
		i += 3;
	if (!is_month_at(s, i, &word))
		return 0;
	i += word;
	if (redact_at(s, i) == '.')
		i++;
	if ((redact_at(s, i) == ' ') && (redact_at(s, i + 1) | 0x20) == 'd' &&
		(redact_at(s, i + 2) | 0x20) == 'e' && redact_at(s, i + 3) == ' ')
		i += 3;
	return year_end(s, i);
}

/* Where the month word before pos starts, or pos. */
static uint32_t
month_before(const RedactScanner *s, uint32_t pos)
{
	uint32_t i = pos;
	uint32_t len;

	while (i > 0 && pos - i < 2 &&
		   (redact_at(s, i - 1) == ' ' || redact_at(s, i - 1) == '.' ||
			redact_at(s, i - 1) == '-'))
		i--;
	if (i == pos)
		return pos;
	while (i > 0 && pos - i < 14 && (redact_class_at(s, i - 1) & CC_ALPHA))
		i--;
	if (!is_month_at(s, i, &len) || !(redact_class_at(s, i) & CC_UPPER))
		return pos;
	return i;
}

/* "March 3rd, 1980", "March 1980": *start moves to the month. */
static uint32_t
month_day_date(const RedactScanner *s, uint32_t pos, uint32_t *start)
{
	uint32_t month = month_before(s, pos);
	uint32_t i = pos;
	int len;
	int n;

	if (month == pos)
		return 0;
	n = read_digits(s, &i, 4, &len);
	if (len == 4 ? n < 1000 || n > 2199 : len > 2 || n < 1 || n > 31)
		return 0;
	*start = month;
	if (len == 4)
		return (redact_class_at(s, i) & CC_ALNUM) ? 0 : i;
	i = ordinal_end(s, i);
	if (redact_class_at(s, i) & CC_ALNUM)
		return 0;
	return year_end(s, i);
}

static uint32_t
offer_date(RedactScanner *s, uint32_t start, uint32_t end, int score)
{
	RedactCtx ctx;

	end = with_time(s, end);
	if (redact_wants(s, REDACT_DATE_OF_BIRTH))
	{
		ctx = redact_context(s, start, end);
		if (redact_ctx_has(&ctx, REDACT_CTX_BIRTH))
		{
			redact_offer(s, start, end, REDACT_DATE_OF_BIRTH,
						 score < 60 ? 75 : 90, "date_of_birth");
			return end;
		}
	}
	redact_offer(s, start, end, REDACT_DATE_TIME, score, "date");
	return end;
}

/* "exp 12/27": month and year of a card; its end, or 0. */
static uint32_t
verify_expiry(RedactScanner *s, uint32_t pos)
{
	uint32_t i = pos;
	int len;
	int month = read_digits(s, &i, 2, &len);
	int year;
	RedactCtx ctx;

	if (month < 1 || month > 12 || len != 2 ||
		(redact_at(s, i) != '/' && redact_at(s, i) != '-'))
		return 0;
	i++;
	year = read_digits(s, &i, 4, &len);
	if (year < 0 || (len != 2 && len != 4) || redact_at(s, i) == '/' ||
		redact_at(s, i) == '-' || (redact_class_at(s, i) & CC_ALNUM))
		return 0;
	ctx = redact_context_beside(s, pos, i);
	if (!redact_ctx_has(&ctx, REDACT_CTX_EXPIRY))
		return 0;
	redact_offer(s, pos, i, REDACT_CREDIT_CARD_EXPIRY, 75, "card_expiry");
	return i;
}

uint32_t
redact_verify_date(RedactScanner *s, uint32_t pos)
{
	uint8_t before = redact_at(s, pos - 1);
	uint32_t start = pos;
	uint32_t end;
	int score = 65;

	if ((redact_class[before] & CC_ALNUM) || before == '_' ||
		((before == '.' || before == ',' || before == '-' || before == '/' ||
		  before == ':') &&
		 (redact_class_at(s, pos - 2) & CC_DIGIT)))
		return 0;
	end = numeric_date(s, pos, &score);
	if (end == 0 && redact_wants(s, REDACT_CREDIT_CARD_EXPIRY))
	{
		uint32_t expiry = verify_expiry(s, pos);

		if (expiry > 0)
			return expiry;
	}
	if (end == 0)
	{
		score = 65;
		end = day_month_date(s, pos);
	}
	if (end == 0)
		end = month_day_date(s, pos, &start);
	if (end > 0)
		return offer_date(s, start, end, score);
	end = time_end(s, pos);
	if (end == 0)
		end = hour_end(s, pos);
	if (end > 0)
	{
		redact_offer(s, pos, end, REDACT_DATE_TIME, 45, "time");
		return end;
	}
	return 0;
}

/* ---- ages ----------------------------------------------------------- */

static bool
has_text(const RedactScanner *s, uint32_t pos, const char *text)
{
	for (; *text != '\0'; text++, pos++)
	{
		if (redact_lower(redact_at(s, pos)) != (uint8_t) *text)
			return false;
	}
	return true;
}

uint32_t
redact_verify_age(RedactScanner *s, uint32_t pos)
{
	static const char *const units[] = {
		" years old", " year old",	   "-year-old", "-years-old",
		" year-old",  " years of age", " yrs old",	" y/o",
		"y/o",		  " yo ",		   "yo ",		" jahre alt",
		" ans ",	  " anos de edad"};
	static const char *const leads[] = {
		"aged ", "age ", "age: ", "turned ", "turning ", "age of ", "aged: "};
	uint32_t end = pos;
	int len;
	int age = read_digits(s, &end, 3, &len);

	if (!redact_wants(s, REDACT_AGE) || age < 0 || age > 120 ||
		(redact_class_at(s, pos - 1) & CC_ALNUM) ||
		redact_at(s, pos - 1) == '.' || redact_at(s, pos - 1) == '-')
		return 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (has_text(s, end, units[i]))
		{
			redact_offer(s, pos, end, REDACT_AGE, 75, "age");
			return end;
		}
	}
	if (redact_class_at(s, end) & CC_ALNUM)
		return 0;
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
	{
		uint32_t n = strlen(leads[i]);

		if (pos >= n && has_text(s, pos - n, leads[i]) &&
			!(redact_class_at(s, pos - n - 1) & CC_ALPHA) &&
			redact_at(s, end) != ':' && redact_at(s, end) != '%')
		{
			redact_offer(s, pos, end, REDACT_AGE, 70, "age");
			return end;
		}
	}
	return 0;
}

/* ---- coordinates ---------------------------------------------------- */

/* A signed decimal of at least four places, at most limit; its end, or 0. */
static uint32_t
degree_end(const RedactScanner *s, uint32_t pos, int limit, int *places)
{
	uint32_t i = pos + (redact_at(s, pos) == '-' || redact_at(s, pos) == '+');
	uint32_t fraction;
	int len;
	int degrees = read_digits(s, &i, 3, &len);

	if (degrees < 0 || degrees > limit || redact_at(s, i) != '.')
		return 0;
	fraction = ++i;
	while (i - fraction < 16 && (redact_class_at(s, i) & CC_DIGIT))
		i++;
	*places = i - fraction;
	if (redact_class_at(s, i) & CC_ALNUM)
		return 0;
	return i;
}

uint32_t
redact_verify_gps(RedactScanner *s, uint32_t pos)
{
	uint32_t start = pos;
	uint32_t i;
	uint32_t end;
	int lat;
	int lon;
	RedactCtx ctx;
	bool near;

	if (!redact_wants(s, REDACT_GPS_COORDINATES))
		return 0;
	if (redact_at(s, pos - 1) == '-' || redact_at(s, pos - 1) == '+')
		start--;
	if ((redact_class_at(s, start - 1) & CC_ALNUM) ||
		redact_at(s, start - 1) == '.')
		return 0;
	i = degree_end(s, start, 90, &lat);
	if (i == 0 || lat < 3)
		return 0;
	end = i;
	while (i < end + 3 && strchr(",; /", redact_at(s, i)) != NULL &&
		   redact_at(s, i) != 0)
		i++;
	if (i == end)
		return 0;
	end = degree_end(s, i, 180, &lon);
	if (end == 0 || lon < 3)
		return 0;
	/* a third number: a table, not a place */
	if (redact_at(s, end) == ',' &&
		!(redact_at(s, end + 1) == ' ' &&
		  (redact_class_at(s, end + 2) & CC_ALPHA)))
		return 0;
	ctx = redact_context(s, start, end);
	near = redact_ctx_has(&ctx, REDACT_CTX_GPS);
	if (!near && (lat < 4 || lon < 4))
		return 0;
	redact_offer(s, start, end, REDACT_GPS_COORDINATES,
				 near					  ? 85
				 : lat == lon && lat <= 8 ? 45
										  : 40,
				 "gps");
	return end;
}
