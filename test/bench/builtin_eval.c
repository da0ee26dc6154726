/*-------------------------------------------------------------------------
 *
 * builtin_eval.c
 *		What builtin_eval.py calls through ctypes: embedding in bulk, exact
 *		search, and the words of a text.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "llm/llm_builtin_answer.h"
#include "llm/llm_builtin_embed.h"
#include "llm/llm_builtin_text.h"

/* Stems of text, one a line, into out; returns the bytes written. */
size_t
eval_stems(const char *text, size_t length, char *out, size_t size)
{
	BuiltinScanner scanner;
	BuiltinToken token;
	size_t n = 0;

	builtin_scan_start(&scanner, text, length);
	while (builtin_scan_next(&scanner, &token))
	{
		if (token.kind == BUILTIN_GRAM || n + token.length + 1 > size)
			continue;
		memcpy(out + n, token.stem, token.length);
		n += token.length;
		out[n++] = '\n';
	}
	return n;
}

/* Embed count texts, each of lengths[i] bytes, one after the other. */
void
eval_embed(const char *texts, const size_t *lengths, size_t count, float *out)
{
	for (size_t i = 0; i < count; i++)
	{
		builtin_embed(texts, lengths[i], out + i * BUILTIN_DIM);
		texts += lengths[i];
	}
}

/*
 * Best similarity of each query with each page, where page[i] is that of
 * chunk i: out is queries times npages.
 */
void
eval_score(const float *queries, size_t nqueries, const float *chunks,
		   const int *page, size_t nchunks, size_t npages, float *out)
{
	for (size_t q = 0; q < nqueries; q++)
	{
		float *best = out + q * npages;

		for (size_t p = 0; p < npages; p++)
			best[p] = -2;
		for (size_t c = 0; c < nchunks; c++)
		{
			const float *a = queries + q * BUILTIN_DIM;
			const float *b = chunks + c * BUILTIN_DIM;
			float s = 0;

			for (int i = 0; i < BUILTIN_DIM; i++)
				s += a[i] * b[i];
			if (s > best[page[c]])
				best[page[c]] = s;
		}
	}
}
