/*-------------------------------------------------------------------------
 *
 * text_markdown.c
 *		Headings, fences and tables of Markdown. Pure C.
 *
 * Every line is looked at a constant number of times. The one search that
 * could repeat itself is that for the end of a fence that has none; its
 * failure is remembered by mark and length.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "text/text_markdown.h"

#define POLL_BYTES 65536
#define MIN_FENCE 3

static const char *
line_end(const char *line, const char *end)
{
	const char *newline = memchr(line, '\n', (size_t) (end - line));

	return newline != NULL ? newline : end;
}

static const char *
next_line(const char *eol, const char *end)
{
	return eol < end ? eol + 1 : end;
}

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

static bool
is_blank(const char *line, const char *eol)
{
	return skip_blanks(line, eol) == eol;
}

/* ---- fences ---- */

/* Length of the fence that opens the line, or 0; *mark is its character. */
static int
fence_length(const char *line, const char *eol, char *mark, const char **rest)
{
	const char *p = skip_blanks(line, eol);
	const char *start = p;

	if (p == eol || (*p != '`' && *p != '~'))
		return 0;
	*mark = *p;
	while (p < eol && *p == *mark)
		p++;
	*rest = p;
	if (p - start < MIN_FENCE)
		return 0;
	if (p - start >= MIN_FENCE + TEXT_FENCE_LENGTHS)
		return MIN_FENCE + TEXT_FENCE_LENGTHS - 1;
	return (int) (p - start);
}

/* Is a fence at line known to have no end? */
static bool
known_unclosed(const TextChunker *chunker, char mark, int len,
			   const char *line)
{
	for (int i = 0; i <= len - MIN_FENCE; i++)
	{
		const char *from = chunker->unclosed[mark == '~'][i];

		if (from != NULL && from <= line)
			return true;
	}
	return false;
}

/* End of the fenced code that starts with the line, or NULL. */
static const char *
fence_end(TextChunker *chunker, const char *line)
{
	const char *end = chunker->end;
	const char *eol = line_end(line, end);
	const char *rest;
	char mark;
	int len = fence_length(line, eol, &mark, &rest);

	if (len == 0 ||
		(mark == '`' && memchr(rest, '`', (size_t) (eol - rest)) != NULL))
		return NULL;
	if (chunker->fence_start == line)
		return chunker->fence_end;
	if (known_unclosed(chunker, mark, len, line))
		return NULL;

	for (const char *p = next_line(eol, end); p < end; p = next_line(eol, end))
	{
		char closing;

		eol = line_end(p, end);
		if (fence_length(p, eol, &closing, &rest) >= len && closing == mark &&
			is_blank(rest, eol))
		{
			chunker->fence_start = line;
			chunker->fence_end = eol;
			return eol;
		}
	}
	chunker->unclosed[mark == '~'][len - MIN_FENCE] = line;
	return NULL;
}

/* ---- tables ---- */

/* The row under a table's head: | --- | :-: | */
static bool
is_delimiter_row(const char *line, const char *eol)
{
	bool dash = false;
	bool bar = false;

	for (const char *p = line; p < eol; p++)
	{
		if (*p == '-')
			dash = true;
		else if (*p == '|')
			bar = true;
		else if (*p != ':' && *p != ' ' && *p != '\t' && *p != '\r')
			return false;
	}
	return dash && bar;
}

static bool
has_bar(const char *line, const char *eol)
{
	return memchr(line, '|', (size_t) (eol - line)) != NULL;
}

static const char *
table_end(const char *line, const char *end)
{
	const char *eol = line_end(line, end);
	const char *last;

	if (!has_bar(line, eol) || eol == end)
		return NULL;
	line = eol + 1;
	eol = line_end(line, end);
	if (!is_delimiter_row(line, eol))
		return NULL;
	do
	{
		last = eol;
		line = next_line(eol, end);
		eol = line_end(line, end);
	} while (line < end && has_bar(line, eol));
	return last;
}

const char *
text_markdown_span(TextChunker *chunker, const char *line, const char *limit)
{
	const char *end = fence_end(chunker, line);

	return end != NULL ? end : table_end(line, limit);
}

/* ---- headings ---- */

/* "## Words ##": its level, or 0. */
static int
atx_heading(const char *line, const char *eol, TextHeading *heading)
{
	const char *p = skip_blanks(line, eol);
	int level = 0;

	if (p - line > 3)
		return 0; /* indented code */
	while (p < eol && *p == '#')
	{
		level++;
		p++;
	}
	if (level < 1 || level > TEXT_HEADING_LEVELS ||
		(p < eol && *p != ' ' && *p != '\t' && *p != '\r'))
		return 0;
	p = skip_blanks(p, eol);
	while (eol > p && strchr(" \t\r", eol[-1]) != NULL)
		eol--;
	if (eol > p && eol[-1] == '#')
	{
		const char *q = eol;

		while (q > p && q[-1] == '#')
			q--;
		if (q == p || q[-1] == ' ' || q[-1] == '\t')
			eol = q;
		while (eol > p && strchr(" \t", eol[-1]) != NULL)
			eol--;
	}
	heading->start = p;
	heading->len = (size_t) (eol - p);
	return level;
}

/* Words underlined with === or ---: the level, or 0; *eol moves to the underline. */
static int
setext_heading(const char *line, const char **eol, const char *end,
			   TextHeading *heading)
{
	const char *p = skip_blanks(line, *eol);
	const char *words_end = *eol;
	const char *under = next_line(*eol, end);
	const char *under_end = line_end(under, end);
	const char *q = skip_blanks(under, under_end);
	const char *run = q;

	if (p == *eol || under == end || q == under_end ||
		(*q != '=' && *q != '-') || has_bar(line, *eol))
		return 0;
	while (q < under_end && *q == *run)
		q++;
	if (q - run < 2 || !is_blank(q, under_end))
		return 0;
	while (words_end > p && strchr(" \t\r", words_end[-1]) != NULL)
		words_end--;
	heading->start = p;
	heading->len = (size_t) (words_end - p);
	*eol = under_end;
	return *run == '=' ? 1 : 2;
}

static void
put_in_force(TextChunker *chunker, int level, const TextHeading *heading)
{
	chunker->headings[level - 1] = *heading;
	for (int i = level; i < TEXT_HEADING_LEVELS; i++)
		chunker->headings[i].len = 0;
}

void
text_markdown_section(TextChunker *chunker, const char *line)
{
	const char *end = chunker->end;
	const char *next_poll = line + POLL_BYTES;
	bool after_blank = true; /* a setext heading may begin */
	bool body = false;
	int last_level = 0;

	while (line < end)
	{
		const char *eol = line_end(line, end);
		const char *code = fence_end(chunker, line);
		TextHeading heading;
		int level = 0;

		if (code == NULL)
		{
			level = atx_heading(line, eol, &heading);
			if (level == 0 && after_blank)
				level = setext_heading(line, &eol, end, &heading);
		}
		if (level > 0 && (body || level <= last_level))
			break;
		if (level > 0)
		{
			put_in_force(chunker, level, &heading);
			last_level = level;
		}
		after_blank = level > 0 || (code == NULL && is_blank(line, eol));
		body = body || !after_blank;
		line = next_line(code != NULL ? code : eol, end);
		if (chunker->poll != NULL && line >= next_poll)
		{
			chunker->poll();
			next_poll = line + POLL_BYTES;
		}
	}
	chunker->section = line;
}
