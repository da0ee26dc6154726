/*-------------------------------------------------------------------------
 *
 * json_dump.c
 *		JSON text whose numbers are what somebody wrote. Pure.
 *
 * A decimal of up to 15 digits is not changed by being a double for a while,
 * but jansson prints doubles with 17 digits, or all of them with one precision
 * that is asked for. So it prints 17, and each number is then made shorter in
 * place. The numeric locale is C, as everywhere in the server.
 *
 *-------------------------------------------------------------------------
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_dump.h"

#define NUMBER_CHARACTERS "+-.0123456789Ee"

/* An exponent as jansson writes it, without plus and zeros; the new length. */
static size_t
plain_exponent(char *number)
{
	char *e = strchr(number, 'e');
	char *digits;

	if (e != NULL)
	{
		digits = e + 1 + strspn(e + 1, "+-0");
		e += e[1] == '-' ? 2 : 1;
		memmove(e, digits, strlen(digits) + 1);
	}
	return strlen(number);
}

/* Shorten the number of len bytes at text, if it is a real; its new length. */
static size_t
shorten(char *text, size_t len)
{
	char given[64];
	char shorter[64];
	double value;

	if (len >= sizeof(given))
		return len;
	memcpy(given, text, len);
	given[len] = '\0';
	if (strpbrk(given, ".e") == NULL)
		return len;
	value = strtod(given, NULL);
	for (int digits = 15; digits < 17; digits++)
	{
		size_t n;

		snprintf(shorter, sizeof(shorter) - 2, "%.*g", digits, value);
		n = plain_exponent(shorter);
		if (strtod(shorter, NULL) != value)
			continue;
		/* a real stays one */
		if (strpbrk(shorter, ".e") == NULL)
			n += strlen(strcpy(shorter + n, ".0"));
		if (n >= len)
			return len;
		memcpy(text, shorter, n);
		return n;
	}
	return len;
}

/*
 * Behind the string that begins at text. It may have no end: jansson leaves
 * pieces out when memory runs out, and callers look for that.
 */
static char *
end_of_string(char *text)
{
	for (text++; *text != '"' && *text != '\0'; text++)
	{
		if (*text == '\\' && text[1] != '\0')
			text++;
	}
	return *text != '\0' ? text + 1 : text;
}

char *
json_dump(const json_t *doc, size_t flags)
{
	char *text = json_dumps(doc, flags);
	char *from = text;
	char *to = text;

	if (text == NULL)
		return NULL;
	while (*from != '\0')
	{
		size_t len = strspn(from, NUMBER_CHARACTERS);
		bool is_number = len > 0;

		if (*from == '"')
			len = (size_t) (end_of_string(from) - from);
		else if (!is_number)
			len = strcspn(from, "\"+-.0123456789");
		memmove(to, from, len);
		from += len;
		to += is_number ? shorten(to, len) : len;
	}
	*to = '\0';
	return text;
}
