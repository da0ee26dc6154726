/*-------------------------------------------------------------------------
 *
 * redact_jsonb.h
 *		Going through the texts of a document.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_JSONB_H
#define INTEL_REDACT_JSONB_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "redact/redact_policy.h"

/* Containers around a value that paths look at. */
#define JSONB_PATH_DEPTH 256

/* Where a value stands: one of these per container around it. */
typedef struct JsonbPlace
{
	const char *key; /* NULL: an element of an array */
	int len;
	int index;
	bool is_data; /* the key is no name, and says nothing of its value */
	struct JsonbPlace *up;
	const struct JsonbPlace *named;	  /* the nearest above that has a key */
	const struct JsonbPlace *shallow; /* at most JSONB_PATH_DEPTH deep: this
									   * one, or one above */
	int depth;
} JsonbPlace;

/* A string, number or key of a document, in server encoding. */
typedef struct JsonbText
{
	const char *text;
	int len;
	bool is_key;
	Numeric number;	 /* what the text is of, or NULL */
	const char *key; /* the nearest key above a value, or NULL */
	int key_len;
	const JsonbPlace *place;
	int whole; /* the entity that all of it is, by its key or path; or -1 */
} JsonbText;

typedef struct JsonbVisitor JsonbVisitor;

struct JsonbVisitor
{
	/*
	 * Called for each text: append what is to stand there instead, and return
	 * true, or leave it. The new value is a string, or a number if is_number
	 * is set.
	 */
	bool (*visit)(JsonbVisitor *visitor, const JsonbText *text,
				  StringInfo out);
	const RedactPolicy *policy; /* NULL: neither paths nor names of keys */
	void *arg;
	bool is_number;
	bool found; /* set by a visit that changes nothing, but found something */
	bool changed; /* set by the walk: a visit returned true */
};

/* The document with what the visitor made of it; in the current context. */
extern Jsonb *redact_jsonb_walk(Jsonb *doc, JsonbVisitor *visitor);

/*
 * The entity that a key's name says its value is ("password",
 * "apiKey"), or -1.
 */
extern int redact_jsonb_key_entity(const char *key, int len);

#endif /* INTEL_REDACT_JSONB_H */
