/* sources: src/llm/llm_builtin_text.c src/llm/llm_builtin_embed.c src/llm/llm_builtin_sentence.c src/llm/llm_builtin_answer.c */
/*-------------------------------------------------------------------------
 *
 * fuzz_builtin.c
 *		The builtin models on any bytes: the invariants of src/llm/BUILTIN.md.
 *
 * The input is a prompt; what stands before its first NUL byte, if there is
 * one, is the system text.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm/llm_builtin_answer.h"
#include "llm/llm_builtin_embed.h"
#include "llm/llm_builtin_sentence.h"
#include "llm/llm_builtin_text.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition) \
	do \
	{ \
		if (!(condition)) \
		{ \
			fprintf(stderr, "not true: %s\n", #condition); \
			abort(); \
		} \
	} while (0)

/* B1, B2: the same bits again, of unit length or zero. */
static void
check_embedding(const char *text, size_t size)
{
	float a[BUILTIN_DIM];
	float b[BUILTIN_DIM];
	double squares = 0;

	CHECK(builtin_embed(text, size, a));
	memset(b, 0xFF, sizeof(b));
	CHECK(builtin_embed(text, size, b));
	CHECK(memcmp(a, b, sizeof(a)) == 0);
	for (int i = 0; i < BUILTIN_DIM; i++)
		squares += (double) a[i] * a[i];
	CHECK(squares == 0 || fabs(squares - 1) < 1e-5);
}

/* B3: tokens lie in the text, in order of their ends, and are not empty. */
static void
check_tokens(const char *text, size_t size)
{
	BuiltinScanner scanner;
	BuiltinToken token;
	size_t end = 0;

	builtin_scan_start(&scanner, text, size);
	while (builtin_scan_next(&scanner, &token))
	{
		CHECK(token.start < token.end && token.end <= size);
		CHECK(token.length > 0 && token.length <= BUILTIN_WORD_BYTES);
		CHECK(token.idf <= BUILTIN_IDF_MAX);
		CHECK(token.end >= end);
		end = token.end;
	}
}

/* B4: sentences lie in the text, do not overlap, and are not empty. */
static void
check_sentences(const char *text, size_t size)
{
	BuiltinSplitter splitter;
	BuiltinSentence sentence;
	size_t end = 0;

	builtin_split_start(&splitter, text, size);
	while (builtin_split_next(&splitter, &sentence))
	{
		CHECK(sentence.span.start >= end);
		CHECK(sentence.span.start < sentence.span.end);
		CHECK(sentence.span.end <= size);
		CHECK(sentence.label.start <= sentence.label.end);
		CHECK(sentence.heading.end <= size);
		end = sentence.span.end;
	}
}

/*
 * B5, B6: one line; and what looks like a citation, "[" and a digit, is one:
 * of a source that the prompt has.
 */
static void
check_answer(const char *system, size_t system_size, const char *prompt,
			 size_t size)
{
	char *answer = builtin_answer(system, system_size, prompt, size);

	CHECK(answer != NULL);
	CHECK(answer[0] != '\0');
	for (const char *p = answer; *p; p++)
	{
		CHECK((unsigned char) *p >= ' ' && *p != 0x7F);
		if (p[0] == '[' && p[1] >= '0' && p[1] <= '9')
		{
			char header[40];
			long number = strtol(p + 1, NULL, 10);
			int n = snprintf(header, sizeof(header), "[%ld]", number);

			CHECK(strncmp(p, header, (size_t) n) == 0);
		}
	}
	free(answer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of its own, so that a byte read beyond the end is noticed */
	char *text = malloc(size ? size : 1);
	const char *zero;

	memcpy(text, data, size);
	zero = memchr(text, '\0', size);
	check_embedding(text, size);
	check_tokens(text, size);
	check_sentences(text, size);
	if (zero)
		check_answer(text, (size_t) (zero - text), zero + 1,
					 size - (size_t) (zero - text) - 1);
	else
		check_answer(NULL, 0, text, size);
	free(text);
	return 0;
}
