/*-------------------------------------------------------------------------
 *
 * jansson_memory.h
 *		Has jansson run out of memory, and how much may a document take? Pure.
 *
 * Most functions of jansson say so by returning NULL or -1, and a document
 * that is built in twenty steps would need twenty checks; one that is missing
 * sends a request without its tools or its limit. The allocator itself
 * forgets nothing, so one look at the end is enough.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_JANSSON_MEMORY_H
#define INTEL_BASE_JANSSON_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/jansson.h"

/*
 * Give jansson an allocator that counts its failures. Once per process,
 * before anything else of jansson.
 */
extern void jansson_memory_watch(void);

/* How often memory was refused so far; it has run out where this grows. */
extern unsigned long jansson_memory_failures(void);

/*
 * Read a document: len bytes of UTF-8, flags as for json_loadb. NULL where it
 * is no JSON, or memory runs out. jansson's own functions for this must not be
 * called: where there is no memory, they may end the process.
 */
extern json_t *jansson_load(const char *text, size_t len, size_t flags);

/*
 * The same of a document that may take this much memory while it is read (0: no
 * limit), and saying why it could not be read (error may be NULL). NULL with
 * *is_too_complex where it would take more: an object of three bytes
 * of text takes two hundred, so a limit of the text alone limits neither
 * memory nor time. That is no failure of the count above. The piece that goes
 * beyond the limit may be twice the text.
 */
extern json_t *jansson_load_within(size_t bytes, const char *text, size_t len,
								   size_t flags, json_error_t *error,
								   bool *is_too_complex);

/* For tests: refuse the n-th request from now; 0: none. */
extern void jansson_memory_refuse(unsigned long n);

#endif /* INTEL_BASE_JANSSON_MEMORY_H */
