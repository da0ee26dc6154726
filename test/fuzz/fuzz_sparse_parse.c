/* sources: src/vector/vector_parse.c */
/*
 * Text input of sparse vectors: never reads past the terminating zero, never
 * writes past the bound, and gives finite elements that are not zero.
 */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vector/vector_parse.h"

#define MAX_COUNT 16000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* exact sizes, so the sanitizer sees the first byte too far */
	char *text = malloc(size + 1);
	SparseEntry *entries;
	VectorParseStatus status;
	int64_t dim;
	size_t offset;
	int bound;
	int count;

	memcpy(text, data, size);
	text[size] = '\0';
	bound = vector_parse_bound(text, MAX_COUNT);
	entries = malloc(bound * sizeof(SparseEntry));

	status = sparse_parse(text, bound, entries, &count, &dim, &offset);
	assert(offset <= strlen(text));
	assert(count >= 0 && count <= bound);
	assert(dim >= INT32_MIN && dim <= INT32_MAX);
	assert(status != VECTOR_PARSE_EMPTY);
	for (int i = 0; i < count; i++)
		assert(isfinite(entries[i].value) && entries[i].value != 0);
	if (status == VECTOR_PARSE_TOO_MANY)
		assert(bound == MAX_COUNT);

	free(entries);
	free(text);
	return 0;
}
