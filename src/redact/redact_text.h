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
#include "nodes/execnodes.h"

#include "redact/redact_policy.h"
#include "redact/redact_scan.h"

/* A text as the scanner saw it. */
typedef struct RedactText
{
	const char *utf8; /* the text itself where the server speaks UTF-8 */
	int len;
	const RedactSpan *spans; /* valid until the next scan */
	int nspans;
	bool has_rules; /* patterns of the user were looked for too */
} RedactText;

/*
 * Scan text (server encoding) for what the policy looks for; key is the field
 * it stands in, or NULL. What is a stand-in of the policy's action "fake" is
 * left out. Interruptible. Raises 22021 (character_not_in_repertoire) for text
 * that has no UTF-8 form, 54000 (program_limit_exceeded) for text beyond 1 GB,
 * and what redact_key_token does where telling stand-ins needs the key.
 */
extern void redact_text_scan(const RedactPolicy *policy, const char *text,
							 int len, const char *key, int key_len,
							 RedactText *result);

/*
 * Append text to out with everything that the policy finds treated as it
 * says, in server encoding. Returns whether anything was found: if not,
 * nothing is appended.
 */
extern bool redact_text_append(const RedactPolicy *policy, const char *text,
							   int len, const char *key, int key_len,
							   StringInfo out);

/*
 * The same of a key of a document, without stand-ins: that a key holds data
 * must show, as it is no context of its value then.
 */
extern bool redact_text_append_key(const RedactPolicy *policy,
								   const char *text, int len, StringInfo out);

/*
 * Append what stands instead of a text (server encoding) that is all of it
 * this entity.
 */
extern void redact_text_append_whole(const RedactPolicy *policy,
									 RedactEntity entity, const char *text,
									 int len, StringInfo out);

/*
 * A finished text as a datum; raises 54000 (program_limit_exceeded) when it
 * has become too long for one.
 */
extern text *redact_text_result(const StringInfoData *out);

/* Append a piece of UTF-8 in server encoding. */
extern void redact_text_append_utf8(StringInfo out, const char *utf8, int len);

/*
 * Append a scanned text in server encoding, with what append writes instead of
 * each value (UTF-8) that was found, in a form that can be restored: a
 * backslash before a placeholder is taken for Markdown's later on, so those
 * before a value are part of it.
 */
typedef void (*RedactAppend)(void *arg, StringInfo out, RedactEntity entity,
							 const char *value, int len);
extern void redact_text_append_found(const RedactText *scanned,
									 RedactAppend append, void *arg,
									 StringInfo out);

/* Is a text one placeholder and nothing else? */
extern bool redact_is_placeholder(const char *text, int len);

/* Or a stand-in of an entity, which the policy would leave? */
extern bool redact_is_standin(const RedactPolicy *policy, RedactEntity entity,
							  const char *text, int len);

/*
 * Put what was found into the result of a set-returning function: entity,
 * start, length, value, score, rule; behind the path, if there is one.
 */
extern void redact_text_put_rows(ReturnSetInfo *rsinfo,
								 const RedactText *scanned, const Datum *path);

/*
 * Redact a jsonb document by the policy of this name; false, and the same
 * datum, when nothing was found.
 */
extern bool redact_jsonb_datum(Datum *doc, const char *policy);

#endif /* INTEL_REDACT_TEXT_H */
