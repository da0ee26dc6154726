/*-------------------------------------------------------------------------
 *
 * context_answer.h
 *		Checking an answer against the sources it was given, and telling
 *		texts that say the same from texts that do not. Pure C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_CONTEXT_CONTEXT_ANSWER_H
#define INTEL_CONTEXT_CONTEXT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a model replies when the sources hold no answer. */
#define CONTEXT_NOT_FOUND "Not found in the context."

/* One source, in the order of its number, and what the answer made of it. */
typedef struct AnswerSource
{
	const char *content;
	size_t len;

	/* filled in */
	bool cited;
	const char *quote; /* the sentence that backs the answer best, or NULL */
	size_t quote_len;
	double quote_share; /* of the answer's words that it holds */
} AnswerSource;

typedef struct AnswerCheck
{
	int sentences; /* that say something */
	int grounded;  /* of these, with a marker of a source that was given */
	bool not_found;
} AnswerCheck;

/*
 * Read the markers of answer, mark the sources it cites, and find for each
 * of them the sentence that holds most of the words of an answer sentence
 * citing it, at least half of them.
 */
extern void answer_check(const char *answer, size_t len, AnswerSource *sources,
						 int nsources, AnswerCheck *check);

/* The different words of a text, hashed and sorted. */
#define ANSWER_MAX_WORDS 256 /* further words are not looked at */

typedef struct AnswerWords
{
	int n;
	uint32_t words[ANSWER_MAX_WORDS];
} AnswerWords;

extern void answer_words(const char *text, size_t len, AnswerWords *words);

/* Share of common words among all words of two texts (Jaccard), 0 to 1. */
extern double answer_similarity(const AnswerWords *a, const AnswerWords *b);

#endif /* INTEL_CONTEXT_CONTEXT_ANSWER_H */
