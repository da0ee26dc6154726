/*-------------------------------------------------------------------------
 *
 * text_markdown.h
 *		The block structure of Markdown as far as chunking needs it:
 *		headings, fenced code, tables. Private to text; pure C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_TEXT_TEXT_MARKDOWN_H
#define INTEL_TEXT_TEXT_MARKDOWN_H

#include "text/text_chunk.h"

/*
 * Begin the section at line, which starts a line: finds its end, where the
 * next heading starts, and puts the headings of its first lines in force. A
 * heading with nothing under it but a deeper heading is in one section with
 * that.
 */
extern void text_markdown_section(TextChunker *chunker, const char *line);

/*
 * The end (without the newline) of the code or table that begins with the
 * line at line, or NULL when none does. Fences without an end are no code.
 */
extern const char *text_markdown_span(TextChunker *chunker, const char *line,
									  const char *limit);

#endif /* INTEL_TEXT_TEXT_MARKDOWN_H */
