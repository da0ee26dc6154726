/*-------------------------------------------------------------------------
 *
 * llm_builtin_sentence.h
 *		The sentences of plain text or Markdown, with the label each stands
 *		under.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_BUILTIN_SENTENCE_H
#define INTEL_LLM_BUILTIN_SENTENCE_H

#include <stdbool.h>
#include <stddef.h>

/* A part of the text: bytes start to end, end excluded. */
typedef struct BuiltinSpan
{
	size_t start;
	size_t end;
} BuiltinSpan;

typedef struct BuiltinSentence
{
	BuiltinSpan span;
	BuiltinSpan heading; /* the heading above; empty: none */
	BuiltinSpan label;	 /* the term that it defines; empty: none */
	bool first_of_paragraph;
	bool first_under_label; /* so probably its definition */
	bool is_item;			/* of a list, or a row of a table */
} BuiltinSentence;

/* Private to llm_builtin_sentence.c; lives on the caller's stack. */
typedef struct BuiltinSplitter
{
	const char *text;
	size_t length;
	size_t at;	   /* the next line */
	size_t within; /* the next sentence of the block */
	BuiltinSpan block;
	BuiltinSpan heading;
	BuiltinSpan label;
	bool block_is_item;
	bool block_is_new;
	bool label_is_new;
} BuiltinSplitter;

extern void builtin_split_start(BuiltinSplitter *splitter, const char *text,
								size_t length);
/* The next sentence; false at the end. Code in fences is left out. */
extern bool builtin_split_next(BuiltinSplitter *splitter,
							   BuiltinSentence *sentence);

#endif /* INTEL_LLM_BUILTIN_SENTENCE_H */
