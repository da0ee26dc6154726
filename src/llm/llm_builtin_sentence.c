/*-------------------------------------------------------------------------
 *
 * llm_builtin_sentence.c
 *		The sentences of plain text or Markdown.
 *
 * Lines make blocks: a paragraph of consecutive lines, one list item with its
 * continuation lines, one table row. A heading, and a short block that is no
 * sentence (the term of a definition), are no sentences themselves but go
 * with those that follow. Fenced code is skipped. A block is then cut where a
 * full stop, question or exclamation mark ends a sentence.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "llm/llm_builtin_sentence.h"

/* A block without a final stop is a label up to this many bytes. */
#define LABEL_BYTES 80
#define LONGEST_ABBREVIATION 6

/* ---- lines -------------------------------------------------------------- */

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Without the white space at both ends. */
static BuiltinSpan
trim(const char *text, BuiltinSpan span)
{
	while (span.start < span.end && is_space(text[span.start]))
		span.start++;
	while (span.end > span.start && is_space(text[span.end - 1]))
		span.end--;
	return span;
}

static BuiltinSpan
line_at(const BuiltinSplitter *splitter, size_t at)
{
	const char *end = memchr(splitter->text + at, '\n', splitter->length - at);

	return (BuiltinSpan){at, end ? (size_t) (end - splitter->text)
								 : splitter->length};
}

static bool
is_fence(const char *text, BuiltinSpan line)
{
	size_t n = line.end - line.start;

	return n >= 3 && (memcmp(text + line.start, "```", 3) == 0 ||
					  memcmp(text + line.start, "~~~", 3) == 0);
}

/* The bytes of a list marker at the start of a line, with its space, or 0. */
static size_t
item_marker(const char *text, BuiltinSpan line)
{
	const char *p = text + line.start;
	size_t n = line.end - line.start;
	size_t i = 0;

	if (n >= 2 && (p[0] == '-' || p[0] == '*' || p[0] == '+') && p[1] == ' ')
		return 2;
	while (i < n && i < 3 && is_digit(p[i]))
		i++;
	if (i > 0 && i + 1 < n && (p[i] == '.' || p[i] == ')') && p[i + 1] == ' ')
		return i + 2;
	return 0;
}

static size_t
heading_marker(const char *text, BuiltinSpan line)
{
	size_t i = line.start;

	while (i < line.end && text[i] == '#')
		i++;
	return i > line.start && i < line.end && text[i] == ' ' ? i - line.start
															: 0;
}

static bool
starts_block(const char *text, BuiltinSpan line)
{
	return line.start == line.end || is_fence(text, line) ||
		   item_marker(text, line) > 0 || heading_marker(text, line) > 0 ||
		   text[line.start] == '|';
}

/* Move behind the fenced code whose opening line ends at splitter->at. */
static void
skip_code(BuiltinSplitter *splitter)
{
	while (splitter->at < splitter->length)
	{
		BuiltinSpan line = line_at(splitter, splitter->at);

		splitter->at = line.end + 1;
		if (is_fence(splitter->text, trim(splitter->text, line)))
			return;
	}
}

/* Does the text before end close a sentence, brackets and quotes aside? */
static bool
ends_sentence(const char *text, BuiltinSpan span)
{
	while (span.end > span.start && strchr("\"')]*_`", text[span.end - 1]))
		span.end--;
	if (span.end == span.start)
		return false;
	if (strchr(".!?;:", text[span.end - 1]))
		return true;
	/* the full stops of other scripts; a letter of theirs may end a quote */
	return span.end - span.start >= 3 && (text[span.end - 1] & 0x80) &&
		   (memcmp(text + span.end - 3, "\xE3\x80\x82", 3) == 0 ||
			memcmp(text + span.end - 3, "\xEF\xBC\x81", 3) == 0 ||
			memcmp(text + span.end - 3, "\xEF\xBC\x9F", 3) == 0 ||
			memcmp(text + span.end - 3, "\xE0\xA5\xA4", 3) == 0 ||
			memcmp(text + span.end - 3, "\xE2\x80\x9D", 3) == 0);
}

/*
 * Is a block the term of a definition, and not a definition of its own like
 * "createdb - create a database" with a long dash?
 */
static bool
is_label(const char *text, BuiltinSpan block)
{
	if (block.end - block.start > LABEL_BYTES || ends_sentence(text, block))
		return false;
	for (size_t i = block.start; i + 5 <= block.end; i++)
	{
		if (memcmp(text + i, " \xE2\x80\x94 ", 5) == 0 ||
			memcmp(text + i, " \xE2\x80\x93 ", 5) == 0)
			return false;
	}
	return true;
}

/*
 * Read the next block into splitter->block; headings and labels on the way
 * are noted. False at the end of the text.
 */
static bool
next_block(BuiltinSplitter *splitter)
{
	const char *text = splitter->text;

	while (splitter->at < splitter->length)
	{
		BuiltinSpan line = trim(text, line_at(splitter, splitter->at));
		size_t marker;

		splitter->at = line_at(splitter, splitter->at).end + 1;
		if (line.start == line.end)
			continue;
		if (is_fence(text, line))
		{
			skip_code(splitter);
			continue;
		}
		marker = heading_marker(text, line);
		if (marker > 0)
		{
			splitter->heading =
				trim(text, (BuiltinSpan){line.start + marker, line.end});
			splitter->label = (BuiltinSpan){0, 0};
			splitter->label_is_new = false;
			continue;
		}

		marker = item_marker(text, line);
		splitter->block_is_item = marker > 0 || text[line.start] == '|';
		splitter->block = (BuiltinSpan){line.start + marker, line.end};
		while (text[line.start] != '|' && splitter->at < splitter->length)
		{
			BuiltinSpan more = trim(text, line_at(splitter, splitter->at));

			if (starts_block(text, more))
				break;
			splitter->block.end = more.end;
			splitter->at = line_at(splitter, splitter->at).end + 1;
		}
		splitter->block = trim(text, splitter->block);
		if (!splitter->block_is_item && is_label(text, splitter->block))
		{
			splitter->label = splitter->block;
			splitter->label_is_new = true;
			continue;
		}
		splitter->within = splitter->block.start;
		splitter->block_is_new = true;
		return true;
	}
	return false;
}

/* ---- sentences ---------------------------------------------------------- */

/* Is the word before the stop at text[stop] an abbreviation or an initial? */
static bool
is_abbreviation(const char *text, size_t start, size_t stop)
{
	static const char *const known[] = {
		"e.g",	"i.e",	"etc", "vs",  "cf",	  "mr",	 "mrs",	 "ms",
		"dr",	"prof", "st",  "no",  "fig",  "sec", "ch",	 "vol",
		"ed",	"eds",	"al",  "inc", "ltd",  "co",	 "corp", "approx",
		"incl", "resp", "ca",  "pp",  "dept", "tel", "ext",	 "jr",
		"sr",	"u.s",	"a.m", "p.m", NULL};
	size_t from = stop;
	size_t n;

	while (from > start && stop - from <= LONGEST_ABBREVIATION &&
		   (is_alpha(text[from - 1]) || text[from - 1] == '.'))
		from--;
	n = stop - from;
	if (n == 0 || n > LONGEST_ABBREVIATION)
		return false;
	if (n == 1)
		return text[from] >= 'A' && text[from] <= 'Z' && text[from] != 'I';
	for (int i = 0; known[i] != NULL; i++)
	{
		size_t j = 0;

		while (j < n && known[i][j] != '\0' &&
			   (text[from + j] | 0x20) == (known[i][j] | 0x20))
			j++;
		/* "etc." may well end a sentence; "no" is a word, "No." mostly not */
		if (j == n && known[i][j] == '\0')
			return (text[from] | 0x20) != 'n' || text[from] == 'N';
	}
	return false;
}

/* The bytes of a full stop of a script that puts no space behind it, or 0. */
static size_t
wide_stop(const char *p, size_t left)
{
	if (left >= 3 && (memcmp(p, "\xE3\x80\x82", 3) == 0 ||
					  memcmp(p, "\xEF\xBC\x81", 3) == 0 ||
					  memcmp(p, "\xEF\xBC\x9F", 3) == 0 ||
					  memcmp(p, "\xE0\xA5\xA4", 3) == 0))
		return 3;
	return 0;
}

/* Where the sentence that starts at start ends, at most block.end. */
static size_t
find_end(const BuiltinSplitter *splitter, size_t start)
{
	const char *text = splitter->text;
	size_t end = splitter->block.end;
	size_t i = start;

	while (i < end)
	{
		char c = text[i];
		size_t wide = wide_stop(text + i, end - i);
		size_t after;

		if (wide > 0)
			return i + wide;
		if (c != '.' && c != '!' && c != '?')
		{
			i++;
			continue;
		}
		after = i + 1;
		while (after < end && strchr(".!?\"')]*_`", text[after]))
			after++;
		/* closing typographic quotes */
		while (end - after >= 3 &&
			   (memcmp(text + after, "\xE2\x80\x9D", 3) == 0 ||
				memcmp(text + after, "\xE2\x80\x99", 3) == 0))
			after += 3;
		if (after >= end)
			return end;
		if (is_space(text[after]) &&
			!(c == '.' && is_abbreviation(text, start, i)))
		{
			size_t next = after;

			while (next < end && is_space(text[next]))
				next++;
			if (next == end || !(text[next] >= 'a' && text[next] <= 'z'))
				return after;
		}
		i = after;
	}
	return end;
}

void
builtin_split_start(BuiltinSplitter *splitter, const char *text, size_t length)
{
	memset(splitter, 0, sizeof(*splitter));
	splitter->text = text;
	splitter->length = length;
}

bool
builtin_split_next(BuiltinSplitter *splitter, BuiltinSentence *sentence)
{
	const char *text = splitter->text;

	while (splitter->within >= splitter->block.end)
	{
		if (!next_block(splitter))
			return false;
	}

	sentence->heading = splitter->heading;
	sentence->label = splitter->label;
	sentence->is_item = splitter->block_is_item;
	sentence->first_of_paragraph = splitter->block_is_new;
	sentence->first_under_label = splitter->label_is_new;
	splitter->block_is_new = false;
	splitter->label_is_new = false;
	sentence->span.start = splitter->within;
	sentence->span.end = find_end(splitter, splitter->within);
	splitter->within = sentence->span.end;
	while (splitter->within < splitter->block.end &&
		   is_space(text[splitter->within]))
		splitter->within++;
	return true;
}
