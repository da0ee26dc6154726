/*-------------------------------------------------------------------------
 *
 * vector_parse.c
 *		Reading vectors from text.
 *
 * Loading a table as text spends its time in strtof, so the usual decimal
 * number is read here and only the unusual one (hexadecimal, long, close to
 * the limits, not a number) is left to strtof. Both give the nearest float:
 * see parse_simple().
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vector/vector_parse.h"

/* powers of ten that a double holds exactly */
static const double power_of_ten[] = {
	1e0,  1e1,	1e2,  1e3,	1e4,  1e5,	1e6,  1e7,	1e8,  1e9,	1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

#define MAX_EXACT_POWER 22
#define MAX_EXACT_DIGITS 15 /* 10^15 < 2^53 */

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
skip_space(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

/*
 * Read [+-]digits[.digits][e[+-]digits] and return its end, or NULL to leave
 * the number to strtof.
 *
 * Up to 15 digits and a power of ten up to 22 are exact doubles, so one
 * multiplication or division rounds the value correctly to double. Rounding
 * that to float gives the nearest float, unless the double lies just in the
 * middle between two floats: then the first rounding may have moved it there
 * from either side. Those, and results that are no normal float, are left to
 * strtof.
 */
static const char *
parse_simple(const char *p, float *result)
{
	bool negative = *p == '-';
	uint64_t mantissa = 0;
	int digits = 0;
	int exponent = 0;
	const char *start;
	double value;
	uint64_t bits;

	if (*p == '-' || *p == '+')
		p++;

	/* more than 15 digits are seen in the count, not in the value */
	start = p;
	for (; is_digit(*p) && digits <= MAX_EXACT_DIGITS; p++)
	{
		mantissa = mantissa * 10 + (uint64_t) (*p - '0');
		digits += mantissa != 0;
	}
	if (p == start)
		return NULL;
	if (*p == '.')
	{
		const char *point = ++p;

		for (; is_digit(*p) && digits <= MAX_EXACT_DIGITS; p++)
		{
			mantissa = mantissa * 10 + (uint64_t) (*p - '0');
			digits += mantissa != 0;
			/* a long run of zeros must not overflow the exponent */
			if (p - point > 100)
				return NULL;
		}
		exponent = -(int) (p - point);
	}
	if (digits > MAX_EXACT_DIGITS || is_digit(*p))
		return NULL;
	if (*p == 'x' || *p == 'X')
		return NULL;
	if (*p == 'e' || *p == 'E')
	{
		const char *q = p + 1;
		bool minus = *q == '-';
		int power = 0;

		if (*q == '-' || *q == '+')
			q++;
		if (!is_digit(*q))
			return NULL;
		for (; is_digit(*q); q++)
		{
			power = power * 10 + (*q - '0');
			if (power > 100)
				return NULL;
		}
		exponent += minus ? -power : power;
		p = q;
	}

	if (mantissa == 0)
	{
		*result = negative ? -0.0f : 0.0f;
		return p;
	}
	if (exponent < -MAX_EXACT_POWER || exponent > MAX_EXACT_POWER)
		return NULL;
	value = exponent < 0 ? (double) mantissa / power_of_ten[-exponent]
						 : (double) mantissa * power_of_ten[exponent];
	if (value < 1.2e-38 || value > 3.4e38)
		return NULL;
	memcpy(&bits, &value, sizeof(bits));
	if ((bits & 0x1fffffff) == 0x10000000)
		return NULL;

	*result = (float) (negative ? -value : value);
	return p;
}

/*
 * Read one number at *p and move *p behind it. *underflow: it is not zero, but
 * nearer to zero than to any other float.
 */
static VectorParseStatus
parse_number(const char **p, float *result, bool *underflow)
{
	const char *simple = parse_simple(*p, result);
	char *end;

	*underflow = false;
	if (simple != NULL)
	{
		*p = simple;
		return VECTOR_PARSE_OK;
	}

	errno = 0;
	*result = strtof(*p, &end);
	if (end == *p)
		return VECTOR_PARSE_SYNTAX;
	if (errno == ERANGE && isinf(*result))
		return VECTOR_PARSE_RANGE;
	*underflow = errno == ERANGE && *result == 0;
	if (isnan(*result))
		return VECTOR_PARSE_NAN;
	if (isinf(*result))
		return VECTOR_PARSE_INFINITE;
	*p = end;
	return VECTOR_PARSE_OK;
}

int
vector_parse_bound(const char *text, int max_count)
{
	int bound = 1;

	while (bound < max_count && (text = strchr(text, ',')) != NULL)
	{
		text++;
		bound++;
	}
	return bound;
}

/* The grammar; *p is where it stopped. */
static VectorParseStatus
parse_list(const char **p, int max_count, float *elements, int *count)
{
	VectorParseStatus status;
	bool underflow; /* rounds to zero, which is an element like others */

	*count = 0;
	*p = skip_space(*p);
	if (**p != '[')
		return VECTOR_PARSE_NO_BRACKET;
	*p = skip_space(*p + 1);
	if (**p == ']')
		return VECTOR_PARSE_EMPTY;

	for (;;)
	{
		if (*count == max_count)
			return VECTOR_PARSE_TOO_MANY;
		*p = skip_space(*p);
		status = parse_number(p, &elements[*count], &underflow);
		if (status != VECTOR_PARSE_OK)
			return status;
		(*count)++;

		*p = skip_space(*p);
		if (**p == ']')
			break;
		if (**p != ',')
			return VECTOR_PARSE_SYNTAX;
		(*p)++;
	}

	*p = skip_space(*p + 1);
	return **p == '\0' ? VECTOR_PARSE_OK : VECTOR_PARSE_TRAILING;
}

VectorParseStatus
vector_parse(const char *text, int max_count, float *elements, int *count,
			 size_t *offset)
{
	const char *p = text;
	VectorParseStatus status = parse_list(&p, max_count, elements, count);

	*offset = (size_t) (p - text);
	return status;
}

/* Read an integer at *p, cut to int32; false when there is none. */
static bool
parse_integer(const char **p, int64_t *result)
{
	char *end;
	long value = strtol(*p, &end, 10); /* LONG_MAX and LONG_MIN if too large */

	if (end == *p)
		return false;
	if (value > INT32_MAX)
		value = INT32_MAX;
	else if (value < INT32_MIN)
		value = INT32_MIN;
	*result = value;
	*p = end;
	return true;
}

/* index:value */
static VectorParseStatus
parse_entry(const char **p, SparseEntry *entry)
{
	VectorParseStatus status;
	int64_t index;
	bool underflow;

	*p = skip_space(*p);
	if (!parse_integer(p, &index))
		return VECTOR_PARSE_SYNTAX;
	*p = skip_space(*p);
	if (**p != ':')
		return VECTOR_PARSE_SYNTAX;
	*p = skip_space(*p + 1);
	status = parse_number(p, &entry->value, &underflow);
	if (status != VECTOR_PARSE_OK)
		return status;
	/* who names an element does not mean it to vanish */
	if (underflow)
		return VECTOR_PARSE_RANGE;
	entry->index = (int32_t) index;
	*p = skip_space(*p);
	return VECTOR_PARSE_OK;
}

/* The grammar up to the closing brace; *p is where it stopped. */
static VectorParseStatus
parse_entries(const char **p, int max_count, SparseEntry *entries, int *count)
{
	*p = skip_space(*p);
	if (**p != '{')
		return VECTOR_PARSE_NO_BRACKET;
	*p = skip_space(*p + 1);
	if (**p == '}')
	{
		(*p)++;
		return VECTOR_PARSE_OK;
	}

	for (int seen = 0;; seen++)
	{
		SparseEntry entry;
		VectorParseStatus status;

		if (seen == max_count)
			return VECTOR_PARSE_TOO_MANY;
		status = parse_entry(p, &entry);
		if (status != VECTOR_PARSE_OK)
			return status;
		if (entry.value != 0)
			entries[(*count)++] = entry;

		if (**p != ',' && **p != '}')
			return VECTOR_PARSE_SYNTAX;
		if (*(*p)++ == '}')
			return VECTOR_PARSE_OK;
	}
}

VectorParseStatus
sparse_parse(const char *text, int max_count, SparseEntry *entries, int *count,
			 int64_t *dim, size_t *offset)
{
	const char *p = text;
	VectorParseStatus status;

	*count = 0;
	*dim = 0;
	status = parse_entries(&p, max_count, entries, count);
	if (status == VECTOR_PARSE_OK)
	{
		p = skip_space(p);
		if (*p != '/')
			status = VECTOR_PARSE_SYNTAX;
		else
		{
			p = skip_space(p + 1);
			if (!parse_integer(&p, dim))
				status = VECTOR_PARSE_SYNTAX;
			else if (*(p = skip_space(p)) != '\0')
				status = VECTOR_PARSE_TRAILING;
		}
	}
	*offset = (size_t) (p - text);
	return status;
}
