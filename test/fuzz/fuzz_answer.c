/* sources: src/context/context_answer.c src/text/text_scan.c */
/*-------------------------------------------------------------------------
 *
 * fuzz_answer.c
 *		Answers of any bytes against sources of any bytes.
 *
 * Input: the answer and up to four sources, separated by NUL. What is
 * checked: nothing is read out of bounds, a quote lies within its source, a
 * source is cited only if the answer holds its number, counts fit.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context/context_answer.h"

#define MAX_SOURCES 4

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

static bool
holds_digit(const char *text, size_t len, int number)
{
	return memchr(text, '0' + number, len) != NULL;
}

static void
check_source(const AnswerSource *source, int number, const char *answer,
			 size_t len)
{
	if (source->cited)
		CHECK(holds_digit(answer, len, number));
	if (source->quote == NULL)
		return;
	CHECK(source->cited);
	CHECK(source->quote >= source->content && source->quote_len > 0);
	CHECK(source->quote + source->quote_len <= source->content + source->len);
	CHECK(source->quote_share >= 0.5 && source->quote_share <= 1);
}

static void
check_similarity(const AnswerSource *a, const AnswerSource *b)
{
	AnswerWords x;
	AnswerWords y;
	double similarity;

	answer_words(a->content, a->len, &x);
	answer_words(b->content, b->len, &y);
	CHECK(x.n <= ANSWER_MAX_WORDS && y.n <= ANSWER_MAX_WORDS);
	for (int i = 1; i < x.n; i++)
		CHECK(x.words[i - 1] < x.words[i]);
	similarity = answer_similarity(&x, &y);
	CHECK(similarity >= 0 && similarity <= 1);
	CHECK(similarity == answer_similarity(&y, &x));
	CHECK(x.n == 0 || answer_similarity(&x, &x) == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AnswerSource sources[MAX_SOURCES];
	AnswerCheck check;
	const char *p = (const char *) data;
	const char *end = p + size;
	const char *answer = p;
	size_t answer_len;
	int n = 0;

	memset(sources, 0, sizeof(sources));
	p = size > 0 ? memchr(p, '\0', size) : NULL;
	answer_len = p != NULL ? (size_t) (p - answer) : size;
	while (p != NULL && n < MAX_SOURCES)
	{
		const char *start = p + 1;

		p = memchr(start, '\0', (size_t) (end - start));
		sources[n].content = start;
		sources[n++].len = (size_t) ((p != NULL ? p : end) - start);
	}

	answer_check(answer, answer_len, sources, n, &check);
	CHECK(check.grounded >= 0 && check.grounded <= check.sentences);
	CHECK((size_t) check.sentences <= answer_len);
	CHECK(!check.not_found || check.sentences == 0);
	for (int i = 0; i < n; i++)
		check_source(&sources[i], i + 1, answer, answer_len);
	for (int i = 1; i < n; i++)
		check_similarity(&sources[i - 1], &sources[i]);
	return 0;
}
