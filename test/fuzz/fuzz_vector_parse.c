/* sources: src/vector/vector_parse.c */
/*
 * Text input of vectors: never reads past the terminating zero, never writes
 * past the bound, stops at an offset inside the text, and reads the same
 * floats as strtof.
 */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vector/vector_parse.h"

#define MAX_COUNT 16000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read the elements again, one strtof each. */
static void
compare_with_strtof(const char *text, const float *elements, int count)
{
	const char *p = strchr(text, '[') + 1;

	for (int i = 0; i < count; i++)
	{
		char *end;
		float expected = strtof(p, &end);

		assert(memcmp(&expected, &elements[i], sizeof(float)) == 0);
		p = end + strcspn(end, ",]") + 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* exact sizes, so the sanitizer sees the first byte too far */
	char *text = malloc(size + 1);
	int bound;
	int count;
	float *elements;
	size_t offset;
	VectorParseStatus status;

	memcpy(text, data, size);
	text[size] = '\0';
	bound = vector_parse_bound(text, MAX_COUNT);
	assert(bound >= 1 && bound <= MAX_COUNT);
	elements = malloc(bound * sizeof(float));

	status = vector_parse(text, bound, elements, &count, &offset);
	assert(offset <= strlen(text));
	assert(count >= 0 && count <= bound);
	if (status == VECTOR_PARSE_OK)
	{
		assert(count >= 1);
		for (int i = 0; i < count; i++)
			assert(isfinite(elements[i]));
		compare_with_strtof(text, elements, count);
	}
	else if (status == VECTOR_PARSE_TOO_MANY)
		assert(bound == MAX_COUNT);

	free(elements);
	free(text);
	return 0;
}
