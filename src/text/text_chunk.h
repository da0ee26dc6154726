/*-------------------------------------------------------------------------
 *
 * text_chunk.h
 *		Cutting a text into chunks, one chunk per call.
 *
 * Pure C. Allocates nothing: the chunker is a struct of the caller, the
 * chunks are places in the caller's text. Linear in the length of the text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_TEXT_TEXT_CHUNK_H
#define INTEL_TEXT_TEXT_CHUNK_H

#include "text/text_tokens.h"

typedef enum TextStrategy
{
	TEXT_FIXED,		/* windows of exactly size; nothing is left out */
	TEXT_SENTENCES, /* as many whole sentences as fit */
	TEXT_RECURSIVE, /* the best break in the last half of the window */
	TEXT_MARKDOWN,	/* as recursive, within sections; code and tables whole */
} TextStrategy;

#define TEXT_MAX_SIZE 1000000
#define TEXT_HEADING_LEVELS 6
#define TEXT_FENCE_LENGTHS 6 /* 3 to 8; longer fences count as 8 */

/* A chunk: bytes [start, end) of the text. */
typedef struct TextChunk
{
	const char *start;
	const char *end;
} TextChunk;

/* A heading's words, without marks and white space around them. */
typedef struct TextHeading
{
	const char *start;
	size_t len; /* 0: no heading of this level in force */
} TextHeading;

/*
 * Fill in the first block, zero the rest (text_chunk_init does both), and
 * call text_chunk_next until it returns false.
 */
typedef struct TextChunker
{
	const char *text;
	const char *end;
	TextStrategy strategy;
	const TextFamily *family; /* unit is tokens of it; NULL: characters */
	int64_t size;			  /* 1 .. TEXT_MAX_SIZE, in units */
	int64_t overlap;		  /* 0 .. size / 2, in units */
	void (*poll)(void);		  /* as in text_tokens */

	const char *next;		 /* where the next chunk may begin */
	const char *done;		 /* end of the last chunk */
	const char *section;	 /* markdown: end of the section */
	const char *fence_start; /* markdown: the closed fence found last */
	const char *fence_end;
	/* markdown: from here on, no fence of ` or ~ of this length is closed */
	const char *unclosed[2][TEXT_FENCE_LENGTHS];
	TextHeading
		headings[TEXT_HEADING_LEVELS]; /* in force for the last chunk */
} TextChunker;

extern void text_chunk_init(TextChunker *chunker, const char *text, size_t len,
							TextStrategy strategy, const TextFamily *family,
							int64_t size, int64_t overlap);

extern bool text_chunk_next(TextChunker *chunker, TextChunk *chunk);

#endif /* INTEL_TEXT_TEXT_CHUNK_H */
