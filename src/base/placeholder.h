/*-------------------------------------------------------------------------
 *
 * placeholder.h
 *		Putting values back where placeholders stand, in text that may come
 *		in pieces.
 *
 * A placeholder is "<NAME_1>" or "<NAME:token>". A model changes what it
 * repeats: it drops the brackets, escapes them, escapes underscores, lowers
 * the case; a placeholder is recognised by its name and number. What is put
 * back is not looked at again.
 *
 * Whatever the pieces, their results together are the result of the whole.
 *
 * Pure: no postgres.h. Nothing is allocated.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_PLACEHOLDER_H
#define INTEL_BASE_PLACEHOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Characters of a token: 80 bits in base 32. */
#define PLACEHOLDER_TOKEN_LEN 16
/* Bytes that may have to wait for the next piece. */
#define PLACEHOLDER_CARRY 160
/* Bytes of a placeholder in its plain form, with a NUL. */
#define PLACEHOLDER_SIZE 80

/* What is known between two pieces. All zero is the beginning. */
typedef struct PlaceholderStream
{
	bool in_word; /* what came before continues into the carry */
	size_t ncarry;
	char carry[PLACEHOLDER_CARRY];
} PlaceholderStream;

/* What to do with the text; both may jump out, the stream is then useless. */
typedef struct PlaceholderTarget
{
	/* The value of a placeholder in its plain form, or NULL to leave it. */
	const char *(*lookup)(void *arg, const char *placeholder, size_t *len);
	void (*write)(void *arg, const char *bytes, size_t len);
	void *arg;
} PlaceholderTarget;

/* Take the next piece; last: nothing follows, and nothing is held back. */
extern void placeholder_feed(PlaceholderStream *stream, const char *piece,
							 size_t len, bool last,
							 const PlaceholderTarget *target);

#endif /* INTEL_BASE_PLACEHOLDER_H */
