/*-------------------------------------------------------------------------
 *
 * redact_scan.h
 *		The scanner: UTF-8 in, disjoint spans of personal data out.
 *
 * One pass. A table of 256 entries tells which bytes can be part of anything
 * ("triggers"); each kind of trigger has a verifier that looks at a bounded
 * neighbourhood and offers candidates; an arbiter makes disjoint spans of
 * them. The text is matched in a canonical form (see redact_canon.c) and
 * spans are reported in the original.
 *
 * Work is done in slices, so that a caller that must stay interruptible can
 * look around between two calls; nothing here blocks, raises or jumps.
 *
 * Pure: no postgres.h. Memory is malloc'd and owned by the scanner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_SCAN_H
#define INTEL_REDACT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redact/redact_entity.h"
#include "redact/redact_terms.h"

/* Scores are percentages. An entity with this threshold is not looked for. */
#define REDACT_OFF 255

/* What to look for: the part of a policy that the scanner needs. */
typedef struct RedactProfile
{
	uint8_t min_score[REDACT_NENTITIES];
} RedactProfile;

typedef struct RedactSpan
{
	uint32_t start; /* bytes, in the original text */
	uint32_t len;
	uint8_t entity; /* RedactEntity */
	uint8_t score;
	const char *rule; /* what found it; static */
} RedactSpan;

typedef enum RedactStatus
{
	REDACT_MORE, /* call step again */
	REDACT_DONE,
	REDACT_NOT_UTF8,
	REDACT_TOO_LONG, /* more than REDACT_MAX_TEXT bytes, or REDACT_MAX_LIST */
	REDACT_NO_MEMORY
} RedactStatus;

#define REDACT_MAX_TEXT ((size_t) 1 << 30)
/*
 * Bytes of the canonical text, which may be longer, and of each list: their
 * positions stay below 2^31.
 */
#define REDACT_MAX_LIST (UINT32_C(1) << 31)

typedef struct RedactScanner RedactScanner;

/* NULL when out of memory. */
extern RedactScanner *redact_scanner_create(void);
extern void redact_scanner_free(RedactScanner *scanner);

/*
 * Start a text. It, the profile and the key must outlive the scan. The key is
 * the name of the field the text stands in (a jsonb key, a column), or NULL:
 * its words count as context of everything in the text.
 */
extern void redact_scanner_begin(RedactScanner *scanner,
								 const RedactProfile *profile,
								 const char *text, size_t len, const char *key,
								 size_t key_len);

/*
 * Look for these terms too, in all texts begun from now on; NULL for none. The
 * list must outlive its use.
 */
extern void redact_scanner_set_terms(RedactScanner *scanner,
									 const RedactTerms *terms);

/* Scan the next slice. Anything but REDACT_MORE ends the scan. */
extern RedactStatus redact_scanner_step(RedactScanner *scanner);

/*
 * For matchers outside: the canonical text, true from when it is complete (a
 * step has returned REDACT_MORE) to the end of the scan; and a candidate in
 * its positions, for the arbiter. rule must outlive the spans. After a batch
 * of candidates in any order, redact_scanner_offered puts them in order; what
 * starts earlier than they do belongs into the same batch or the one before.
 */
extern bool redact_scanner_canonical(const RedactScanner *scanner,
									 const char **text, size_t *len);
extern void redact_scanner_offer(RedactScanner *scanner, uint32_t start,
								 uint32_t end, RedactEntity entity, int score,
								 const char *rule);
extern void redact_scanner_offered(RedactScanner *scanner);

/* The spans after REDACT_DONE: disjoint, in order; owned by the scanner. */
extern const RedactSpan *redact_scanner_spans(const RedactScanner *scanner,
											  int *nspans);

/* Give back buffers that a long text needed. */
extern void redact_scanner_trim(RedactScanner *scanner);

#endif /* INTEL_REDACT_SCAN_H */
