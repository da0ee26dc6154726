/*-------------------------------------------------------------------------
 *
 * json_dump.h
 *		JSON text whose numbers are what somebody wrote. Pure.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_JSON_DUMP_H
#define INTEL_BASE_JSON_DUMP_H

#include "base/jansson.h"

/*
 * json_dumps with each real in the fewest digits, of 15 to 17, that are read
 * as the same number again: 19.99 where jansson alone prints
 * 19.989999999999998. malloc'd; NULL, or text with pieces missing, when memory
 * runs out: see base/jansson_memory.h.
 */
extern char *json_dump(const json_t *doc, size_t flags);

#endif /* INTEL_BASE_JSON_DUMP_H */
