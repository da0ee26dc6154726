/*-------------------------------------------------------------------------
 *
 * vector_parse.h
 *		Reading vectors from text. Pure.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_VECTOR_VECTOR_PARSE_H
#define INTEL_VECTOR_VECTOR_PARSE_H

#include <stddef.h>
#include <stdint.h>

typedef enum VectorParseStatus
{
	VECTOR_PARSE_OK,
	VECTOR_PARSE_NO_BRACKET, /* does not start with [ or { */
	VECTOR_PARSE_EMPTY,		 /* [] */
	VECTOR_PARSE_SYNTAX,	 /* something else than the grammar wants */
	VECTOR_PARSE_TRAILING,	 /* something follows the end */
	VECTOR_PARSE_TOO_MANY,	 /* more than max_count elements */
	VECTOR_PARSE_RANGE, /* a number too large for float, or a sparse one too small */
	VECTOR_PARSE_NAN,
	VECTOR_PARSE_INFINITE
} VectorParseStatus;

/*
 * An upper bound of the number of elements in text, for allocation: one more
 * than its commas, at most max_count.
 */
extern int vector_parse_bound(const char *text, int max_count);

/*
 * Read "[1, 2.5, -3e-2]", zero-terminated, in the C locale. Writes at most
 * max_count elements, each the float nearest to the decimal number, and sets
 * *count. On failure *offset is the byte where reading stopped, and the
 * elements are undefined.
 */
extern VectorParseStatus vector_parse(const char *text, int max_count,
									  float *elements, int *count,
									  size_t *offset);

/* An element of sparse text: its number there, from 1, and its value. */
typedef struct SparseEntry
{
	int32_t index;
	float value;
} SparseEntry;

/*
 * Read "{1:1.5,3:-2}/5" into entries, in the order of the text and without
 * zeros, and *dim; otherwise as vector_parse, where max_count counts zeros
 * too. Numbers of elements and dimensions are only cut to what int32 holds:
 * the caller checks bounds, order and duplicates.
 */
extern VectorParseStatus sparse_parse(const char *text, int max_count,
									  SparseEntry *entries, int *count,
									  int64_t *dim, size_t *offset);

#endif /* INTEL_VECTOR_VECTOR_PARSE_H */
