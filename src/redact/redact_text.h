/*-------------------------------------------------------------------------
 *
 * redact_text.h
 *		Scanning and rewriting text in server encoding.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_TEXT_H
#define INTEL_REDACT_TEXT_H

#include "lib/stringinfo.h"

#include "redact/redact_policy.h"
#include "redact/redact_scan.h"

/* A text as the scanner saw it. */
typedef struct RedactText
{
	const char *utf8; /* the text itself where the server speaks UTF-8 */
	int len;
	const RedactSpan *spans; /* valid until the next scan */
	int nspans;
} RedactText;

/*
 * Scan text (server encoding) for what the policy looks for; key is the field
 * it stands in, or NULL. Interruptible. Raises 22021
 * (character_not_in_repertoire) for text that has no UTF-8 form and 54000
 * (program_limit_exceeded) for text beyond 1 GB.
 */
extern void redact_text_scan(const RedactPolicy *policy, const char *text,
							 int len, const char *key, int key_len,
							 RedactText *result);

/*
 * Append text to out with everything that the policy finds treated as it
 * says, in server encoding. Returns whether anything was found.
 */
extern bool redact_text_append(const RedactPolicy *policy, const char *text,
							   int len, const char *key, int key_len,
							   StringInfo out);

/* A jsonb document redacted by the policy of this name. */
extern Datum redact_jsonb_datum(Datum doc, const char *policy);

#endif /* INTEL_REDACT_TEXT_H */
