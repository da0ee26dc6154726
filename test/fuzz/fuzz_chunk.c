/* sources: src/text/text_scan.c src/text/text_tokens.c src/text/text_chunk.c src/text/text_markdown.c */
/*-------------------------------------------------------------------------
 *
 * fuzz_chunk.c
 *		Chunkers on any bytes: the invariants of src/text/README.md.
 *
 * Input: strategy and unit in the first byte, size and overlap in the next
 * two, then the text.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "text/text_chunk.h"

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

static int64_t
chars(const char *p, const char *end)
{
	int64_t n = 0;

	for (; p < end; n++)
	{
		uint32_t c;

		p += text_decode(p, end, &c);
	}
	return n;
}

/* I1: prices add up atom by atom */
static void
check_price(const TextChunk *chunk)
{
	const TextFamily *family = text_family_default();
	int64_t sum = 0;

	for (const char *p = chunk->start; p < chunk->end;)
	{
		TextAtom atom;

		text_atom(p, chunk->end, TEXT_ATOM_MAX, &atom);
		CHECK(atom.end > p && atom.end <= chunk->end);
		CHECK(atom.chars >= 1 && atom.chars <= TEXT_ATOM_MAX);
		sum += text_atom_price(family, &atom);
		p = atom.end;
	}
	CHECK((sum + TEXT_TOKEN - 1) / TEXT_TOKEN ==
		  text_tokens(family, chunk->start,
					  (size_t) (chunk->end - chunk->start), NULL));
}

static void
check_sentences(const char *p, const char *end)
{
	const char *last = p;
	const char *start;
	size_t len;

	while (text_sentence(&p, end, &start, &len))
	{
		CHECK(start >= last && len > 0 && start + len <= end && p <= end);
		last = start + len;
	}
	CHECK(text_skip_space(p, end) == end);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TextChunker chunker;
	TextChunk chunk;
	TextStrategy strategy;
	const TextFamily *family;
	const char *text;
	const char *end;
	const char *done;
	size_t count = 0;

	if (size < 3)
		return 0;
	text = (const char *) data + 3;
	end = (const char *) data + size;
	strategy = (TextStrategy) (data[0] % 4);
	family = (data[0] & 4) ? text_family_default() : NULL;
	text_chunk_init(&chunker, text, size - 3, strategy, family, data[1] + 1,
					data[2] % ((data[1] + 1) / 2 + 1));

	done = text;
	while (text_chunk_next(&chunker, &chunk))
	{
		bool fixed = strategy == TEXT_FIXED;
		size_t len = (size_t) (chunk.end - chunk.start);
		int64_t units = family == NULL
							? chars(chunk.start, chunk.end)
							: text_tokens(family, chunk.start, len, NULL);

		/* I4, and that the loop ends */
		CHECK(chunk.start >= text && chunk.end <= end);
		CHECK(chunk.end > chunk.start && chunk.end > done);
		CHECK(++count <= size);
		CHECK(chunk.start <= done ||
			  (!fixed && text_skip_space(done, end) == chunk.start));
		/* I3 */
		if (strategy != TEXT_MARKDOWN)
			CHECK(units <= chunker.size ||
				  chars(chunk.start, chunk.end) == 1);
		check_price(&chunk);
		done = chunk.end;
	}
	CHECK(text_skip_space(done, end) == end);
	CHECK(strategy != TEXT_FIXED || done == end);
	check_sentences(text, end);
	return 0;
}
