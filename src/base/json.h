/*-------------------------------------------------------------------------
 *
 * json.h
 *		jansson with PostgreSQL's memory rules.
 *
 * jansson allocates with malloc and counts references. A document adopted by
 * a memory context is released when that context is reset or deleted, so an
 * error anywhere frees it without PG_TRY.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_JSON_H
#define INTEL_BASE_JSON_H

#include "utils/jsonb.h"

#include "base/jansson.h"

/*
 * Give the caller's reference of doc to the current memory context and
 * return doc. NULL raises 53200 (out_of_memory), so a constructor can be
 * wrapped directly.
 */
extern json_t *json_adopt(json_t *doc);

/*
 * Parse text of len bytes. Returns a document adopted by the current context,
 * or NULL when it is not JSON, not UTF-8, has an integer beyond 64 bits, or
 * is nested deeper than jansson allows (2048); never raises for bad input.
 */
extern json_t *json_parse(const char *text, size_t len);

/* Compact text of doc, palloc'd in the current context; object keys keep their order. */
extern char *json_text(const json_t *doc);

extern json_t *json_from_jsonb(Jsonb *value);
extern Jsonb *json_to_jsonb(const json_t *doc);

/* Member key of an object as a C string, or if_none when absent or no string. */
extern const char *json_string_member(const json_t *object, const char *key,
									  const char *if_none);

#endif /* INTEL_BASE_JSON_H */
