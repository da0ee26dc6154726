/*-------------------------------------------------------------------------
 *
 * redact_terms.h
 *		Words and names that somebody has listed, found in the scanner's
 *		pass.
 *
 * A term is found as whole words, whatever stands between them (blanks,
 * dashes, apostrophes, line ends), without regard to accents, and, unless it
 * says otherwise, to case. Scripts that put no blanks between words are
 * matched by characters.
 *
 * Pure: no postgres.h. Memory is malloc'd and owned by the list.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_TERMS_H
#define INTEL_REDACT_TERMS_H

#include <stdbool.h>
#include <stddef.h>

#include "redact/redact_entity.h"

/* Limits of a term: bytes of UTF-8, and words (or characters; see above). */
#define REDACT_TERM_BYTES 400
#define REDACT_TERM_UNITS 32

typedef struct RedactTerms RedactTerms;

typedef enum RedactTermStatus
{
	REDACT_TERM_OK,
	REDACT_TERM_TOO_SHORT, /* fewer than two letters or digits */
	REDACT_TERM_TOO_LONG,
	REDACT_TERM_NOT_UTF8,
	REDACT_TERM_NO_MEMORY
} RedactTermStatus;

/* NULL when out of memory. */
extern RedactTerms *redact_terms_create(void);
extern void redact_terms_free(RedactTerms *terms);

/* Add a term. A list that a scan uses must not change. */
extern RedactTermStatus redact_terms_add(RedactTerms *terms, const char *utf8,
										 size_t len, RedactEntity entity,
										 bool match_case);

/*
 * Does any term occur in a short piece of canonical text? Case of letters
 * does not count here.
 */
extern bool redact_terms_occur(const RedactTerms *terms, const char *text,
							   size_t len);

#endif /* INTEL_REDACT_TERMS_H */
