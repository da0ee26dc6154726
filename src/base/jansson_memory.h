/*-------------------------------------------------------------------------
 *
 * jansson_memory.h
 *		Has jansson run out of memory? Pure.
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

/*
 * Give jansson an allocator that counts its failures. Once per process,
 * before anything else of jansson.
 */
extern void jansson_memory_watch(void);

/* How often memory was refused so far; it has run out where this grows. */
extern unsigned long jansson_memory_failures(void);

/* For tests: refuse the n-th request from now; 0: none. */
extern void jansson_memory_refuse(unsigned long n);

#endif /* INTEL_BASE_JANSSON_MEMORY_H */
