/*-------------------------------------------------------------------------
 *
 * placeholder.c
 *		Putting values back where placeholders stand, in text that may come
 *		in pieces.
 *
 * The text goes through a small window. At every place where a placeholder
 * could begin it is read; when the window ends before it is clear whether it
 * is one, what was read waits for more. Only ASCII can wait, so no character
 * is cut.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "base/placeholder.h"

#define WINDOW 1024
#define MIN_NAME 3
#define MAX_NAME 51
#define MAX_DIGITS 9

typedef enum Reading
{
	READ_NO,
	READ_YES,
	READ_MORE /* the window ends too soon to tell */
} Reading;

/* A piece of the text while it is read. */
typedef struct Cursor
{
	const char *p;
	const char *end;
	bool last; /* nothing follows end */
} Cursor;

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Is a placeholder's name a part of something longer after this byte? */
static bool
is_word(char c)
{
	return is_letter(c) || is_digit(c) || c == '\\';
}

/* Read a given text; the cursor moves only if it is there. */
static Reading
read_text(Cursor *c, const char *text)
{
	size_t want = strlen(text);
	size_t have =
		(size_t) (c->end - c->p) < want ? (size_t) (c->end - c->p) : want;

	if (memcmp(c->p, text, have) != 0)
		return READ_NO;
	if (have < want)
		return c->last ? READ_NO : READ_MORE;
	c->p += want;
	return READ_YES;
}

static Reading
read_bracket(Cursor *c, const char *const forms[3])
{
	for (int i = 0; i < 3; i++)
	{
		Reading reading = read_text(c, forms[i]);

		if (reading != READ_NO)
			return reading;
	}
	return READ_NO;
}

/* The letters and underscores of a name, in capitals, behind the '<'. */
static Reading
read_name(Cursor *c, char *plain, size_t *n)
{
	*n = 1;
	for (; c->p < c->end && *n <= MAX_NAME; c->p++)
	{
		if (*c->p == '\\')
		{
			if (c->p + 1 == c->end)
				return c->last ? READ_NO : READ_MORE;
			if (c->p[1] != '_')
				break;
			continue;
		}
		if (!is_letter(*c->p))
			break;
		plain[(*n)++] = *c->p >= 'a' ? *c->p - 'a' + 'A' : *c->p;
	}
	if (c->p == c->end && !c->last)
		return READ_MORE;
	return *n > MIN_NAME && *n <= MAX_NAME && c->p < c->end ? READ_YES
															: READ_NO;
}

/* The number or ":token" that ends a placeholder. */
static Reading
read_ending(Cursor *c, char *plain, size_t *n)
{
	int count = 0;

	if (*c->p == ':')
	{
		plain[(*n)++] = *c->p++;
		for (; c->p < c->end && count < PLACEHOLDER_TOKEN_LEN; count++)
		{
			char k = *c->p >= 'A' && *c->p <= 'Z' ? *c->p - 'A' + 'a' : *c->p;

			if (!((k >= 'a' && k <= 'z') || (k >= '2' && k <= '7')))
				return READ_NO;
			plain[(*n)++] = k;
			c->p++;
		}
		if (count < PLACEHOLDER_TOKEN_LEN)
			return c->last ? READ_NO : READ_MORE;
	}
	else if (plain[*n - 1] == '_')
	{
		for (; c->p < c->end && is_digit(*c->p) && count < MAX_DIGITS; count++)
			plain[(*n)++] = *c->p++;
		if (count == 0)
			return READ_NO;
	}
	else
		return READ_NO;
	if (c->p == c->end && !c->last)
		return READ_MORE;
	return c->p < c->end && (is_letter(*c->p) || is_digit(*c->p)) ? READ_NO
																  : READ_YES;
}

/*
 * Read a placeholder at the cursor. bare is where it ends without brackets,
 * which go only as a pair: bare is NULL if there was a pair.
 */
static Reading
read_placeholder(Cursor *c, char plain[PLACEHOLDER_SIZE], size_t *open)
{
	static const char *const opening[] = {"<", "\\<", "&lt;"};
	static const char *const closing[] = {">", "\\>", "&gt;"};
	const char *start = c->p;
	Reading reading = read_bracket(c, opening);
	bool is_open = reading == READ_YES;
	size_t n;

	if (reading == READ_MORE)
		return READ_MORE;
	*open = c->p - start;
	plain[0] = '<';
	if ((reading = read_name(c, plain, &n)) != READ_YES ||
		(reading = read_ending(c, plain, &n)) != READ_YES)
		return reading;
	plain[n++] = '>';
	plain[n] = '\0';
	if (!is_open)
		return READ_YES;
	reading = read_bracket(c, closing);
	if (reading == READ_MORE)
		return READ_MORE;
	if (reading == READ_YES)
		*open = 0; /* the pair is part of what was read */
	return READ_YES;
}

/* Could a placeholder, or its bracket, begin with c? */
static bool
can_begin(char c, bool in_word)
{
	return c == '<' || c == '&' || c == '\\' || (!in_word && is_letter(c));
}

/*
 * Treat as much of the window as is clear; returns how many bytes that were.
 */
static size_t
treat_window(PlaceholderStream *stream, const char *window, size_t n,
			 bool last, const PlaceholderTarget *target)
{
	const char *p = window;
	const char *end = window + n;
	const char *written = window; /* up to here */

	while (p < end)
	{
		char plain[PLACEHOLDER_SIZE];
		Cursor c = {p, end, last};
		size_t open;
		size_t len;
		const char *value = NULL;
		Reading reading;

		if (!can_begin(*p, stream->in_word))
		{
			stream->in_word = is_word(*p++);
			continue;
		}
		reading = read_placeholder(&c, plain, &open);
		if (reading == READ_MORE)
			break;
		if (reading == READ_YES)
			value = target->lookup(target->arg, plain, &len);
		if (value == NULL)
		{
			stream->in_word = is_word(*p++);
			continue;
		}
		/* a bracket without its other half stays */
		target->write(target->arg, written, p + open - written);
		target->write(target->arg, value, len);
		p = written = c.p;
		stream->in_word = is_word(p[-1]);
	}
	target->write(target->arg, written, p - written);
	return p - window;
}

void
placeholder_feed(PlaceholderStream *stream, const char *piece, size_t len,
				 bool last, const PlaceholderTarget *target)
{
	char window[WINDOW];
	size_t have = stream->ncarry;

	memcpy(window, stream->carry, have);
	stream->ncarry = 0;
	do
	{
		size_t take =
			len < sizeof(window) - have ? len : sizeof(window) - have;
		size_t done;

		memcpy(window + have, piece, take);
		piece += take;
		len -= take;
		have += take;
		done = treat_window(stream, window, have, last && len == 0, target);
		have -= done;
		memmove(window, window + done, have);
	} while (len > 0);
	/* what waits is shorter than a placeholder */
	memcpy(stream->carry, window, have);
	stream->ncarry = have;
}
