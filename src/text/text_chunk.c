/*-------------------------------------------------------------------------
 *
 * text_chunk.c
 *		The chunkers. Pure C.
 *
 * A chunk begins at the first word not yet covered, or a little before it
 * when chunks overlap. From there a window of atoms is read until the size
 * is used up, noting the last place of every kind where a cut is possible;
 * the chunk ends at the best of them. White space between chunks belongs to
 * none, so a chunk has none at its ends.
 *
 * Why this is linear: a window is at most size long, and a cut lies behind
 * both its half and the overlap plus a quarter of size, so the next window
 * begins at least a quarter of size later. Whole sentences may end earlier,
 * but then two chunks together are longer than size. A chunk always ends
 * behind the one before it, see text_chunk_next.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "text/text_markdown.h"

#define POLL_BYTES 65536

void
text_chunk_init(TextChunker *chunker, const char *text, size_t len,
				TextStrategy strategy, const TextFamily *family, int64_t size,
				int64_t overlap)
{
	memset(chunker, 0, sizeof(*chunker));
	chunker->text = text;
	chunker->end = text + len;
	chunker->strategy = strategy;
	chunker->family = family;
	chunker->size = size;
	chunker->overlap = overlap;
	chunker->next = text;
	chunker->done = text;
	chunker->section = text;
}

/* ---- costs ---- */

/* Cost of an atom in the chunker's unit; tokens are counted in thousandths. */
static int64_t
atom_cost(const TextChunker *chunker, const TextAtom *atom)
{
	if (chunker->family == NULL)
		return atom->chars;
	return text_atom_price(chunker->family, atom);
}

static int64_t
in_unit(const TextChunker *chunker, int64_t n)
{
	return chunker->family == NULL ? n : n * TEXT_TOKEN;
}

/*
 * The longest beginning of the atom at p that fits into size, but at least
 * one character: an atom alone can be too large for a very small size.
 */
static const char *
cut_atom(const TextChunker *chunker, const char *p, const char *limit)
{
	int64_t size = in_unit(chunker, chunker->size);
	const char *cut = NULL;

	for (uint32_t n = 1; n <= TEXT_ATOM_MAX; n++)
	{
		TextAtom atom;

		text_atom(p, limit, n, &atom);
		if (cut != NULL && atom_cost(chunker, &atom) > size)
			break;
		cut = atom.end;
		if (atom.chars < n)
			break;
	}
	return cut;
}

/* ---- pieces: what a window is read in ---- */

/* An atom that is not white space, or a whole span of code or table. */
typedef struct Piece
{
	const char *start;
	const char *end;
	int64_t cost;
	int64_t gap;	  /* cost of the white space before it */
	TextBreak before; /* how good a place to cut before it is */
	bool span;
} Piece;

typedef struct Cursor
{
	TextChunker *chunker;
	const char *at;
	const char *limit;
	TextFollow follow;
	bool line_start; /* only blanks between the start of the line and at */
	bool after_span;
} Cursor;

/* Do only blanks stand before p in its line? */
static bool
begins_line(const TextChunker *chunker, const char *p)
{
	while (p > chunker->text && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	return p == chunker->text || p[-1] == '\n';
}

static void
cursor_init(Cursor *cursor, TextChunker *chunker, const char *p,
			const char *limit)
{
	memset(cursor, 0, sizeof(*cursor));
	cursor->chunker = chunker;
	cursor->at = p;
	cursor->limit = limit;
	cursor->line_start = begins_line(chunker, p);
}

/* Cost of a span; beyond size it does not matter by how much. */
static int64_t
span_cost(const TextChunker *chunker, const char *p, const char *end)
{
	int64_t size = in_unit(chunker, chunker->size);
	int64_t cost = 0;

	while (p < end && cost <= size)
	{
		TextAtom atom;

		text_atom(p, end, TEXT_ATOM_MAX, &atom);
		cost += atom_cost(chunker, &atom);
		p = atom.end;
	}
	return cost;
}

static bool
cursor_next(Cursor *cursor, Piece *piece)
{
	TextChunker *chunker = cursor->chunker;
	const char *span_end = NULL;
	TextAtom atom;

	/* white space */
	piece->gap = 0;
	for (;;)
	{
		if (cursor->at >= cursor->limit)
			return false;
		text_atom(cursor->at, cursor->limit, TEXT_ATOM_MAX, &atom);
		if (atom.class != TEXT_SPACE)
			break;
		text_follow(&cursor->follow, &atom);
		piece->gap += atom_cost(chunker, &atom);
		cursor->line_start = cursor->line_start || atom.newlines > 0;
		cursor->at = atom.end;
	}

	/* a span, or one atom */
	if (chunker->strategy == TEXT_MARKDOWN && cursor->line_start)
		span_end = text_markdown_span(chunker, cursor->at, cursor->limit);
	piece->span = span_end != NULL;
	piece->start = cursor->at;
	piece->end = piece->span ? span_end : atom.end;
	piece->cost = piece->span ? span_cost(chunker, piece->start, piece->end)
							  : atom_cost(chunker, &atom);
	piece->before = text_follow_break(&cursor->follow, &atom, cursor->limit);
	if (cursor->follow.started && (piece->span || cursor->after_span))
		piece->before = TEXT_BREAK_PARAGRAPH;

	text_follow(&cursor->follow, &atom);
	cursor->line_start = false;
	cursor->after_span = piece->span;
	cursor->at = piece->end;
	return true;
}

/* ---- windows ---- */

/* Where a chunk may end, and what the next piece after it is. */
typedef struct Window
{
	const char *cuts[TEXT_NBREAKS]; /* last place of each kind, or NULL */
	int64_t costs[TEXT_NBREAKS];	/* of the chunk that ends there */
	const char *fit;				/* end of the last piece that fits */
	int64_t fit_cost;
	bool all;		 /* everything up to limit fits */
	bool span_first; /* what does not fit is a span at p */
	const char *span_end;
} Window;

/* The least that a chunk must cost so that the next one gets on. */
static int64_t
least_cost(const TextChunker *chunker, TextBreak kind)
{
	int64_t half = in_unit(chunker, chunker->size) / 2;
	int64_t quarter = half / 2 + in_unit(chunker, chunker->overlap);

	if (chunker->strategy == TEXT_SENTENCES && kind >= TEXT_BREAK_SENTENCE)
		return 0;
	return half > quarter ? half : quarter;
}

static void
read_window(TextChunker *chunker, const char *p, const char *limit,
			Window *window)
{
	int64_t size = in_unit(chunker, chunker->size);
	int64_t cost = 0;
	Cursor cursor;
	Piece piece;

	memset(window, 0, sizeof(*window));
	window->fit = p;
	cursor_init(&cursor, chunker, p, limit);
	while (cursor_next(&cursor, &piece))
	{
		bool fits = cost + piece.gap + piece.cost <= size;
		TextBreak kind = piece.before;

		if (chunker->strategy == TEXT_SENTENCES && kind > TEXT_BREAK_SENTENCE)
			kind = TEXT_BREAK_SENTENCE;
		if (kind > TEXT_BREAK_NONE &&
			(cost >= least_cost(chunker, kind) || (piece.span && !fits)))
		{
			window->cuts[kind] = window->fit;
			window->costs[kind] = cost;
		}
		if (!fits)
		{
			window->span_first = piece.span && piece.start == p;
			window->span_end = piece.end;
			return;
		}
		cost += piece.gap + piece.cost;
		window->fit = piece.end;
		window->fit_cost = cost;
	}
	window->all = true;
}

/*
 * Where the chunk at p ends. *cost is what it costs, or 0 when the next one
 * must not overlap it: after the last of a section, and after a span or a
 * piece of a word.
 */
static const char *
window_end(const TextChunker *chunker, const Window *window, const char *p,
		   const char *limit, int64_t *cost)
{
	*cost = 0;
	if (window->all)
		return window->fit;
	if (window->span_first)
		return window->span_end; /* never cut, however large */
	for (int kind = TEXT_NBREAKS - 1; kind > TEXT_BREAK_NONE; kind--)
	{
		if (window->cuts[kind] == NULL)
			continue;
		*cost = window->costs[kind];
		return window->cuts[kind];
	}
	if (window->fit == p)
		return cut_atom(chunker, p, limit);
	*cost = window->fit_cost;
	return window->fit;
}

/*
 * Where a chunk that overlaps the end of [p, end) begins: the first sentence
 * within the overlap, else the first word, else end. cost is that of the
 * whole.
 */
static const char *
overlap_start(TextChunker *chunker, const char *p, const char *end,
			  int64_t cost)
{
	int64_t overlap = in_unit(chunker, chunker->overlap);
	const char *word = NULL;
	Cursor cursor;
	Piece piece;

	if (overlap == 0 || cost == 0)
		return end;
	cursor_init(&cursor, chunker, p, end);
	while (cursor_next(&cursor, &piece))
	{
		cost -= piece.gap;
		if (cost <= overlap)
		{
			if (piece.before >= TEXT_BREAK_SENTENCE)
				return piece.start;
			if (piece.before >= TEXT_BREAK_WORD && word == NULL)
				word = piece.start;
		}
		cost -= piece.cost;
	}
	return word != NULL ? word : end;
}

/* ---- fixed windows ---- */

/*
 * Read atoms from p until more than cost of them would be used up; returns
 * the end of the last one that fits. Characters are cut exactly.
 */
static const char *
fixed_reach(const TextChunker *chunker, const char *p, int64_t cost)
{
	uint32_t run = chunker->family == NULL ? 1 : TEXT_ATOM_MAX;

	while (p < chunker->end)
	{
		TextAtom atom;

		text_atom(p, chunker->end, run, &atom);
		cost -= atom_cost(chunker, &atom);
		if (cost < 0)
			break;
		p = atom.end;
	}
	return p;
}

static bool
fixed_next(TextChunker *chunker, TextChunk *chunk)
{
	int64_t size = in_unit(chunker, chunker->size);
	int64_t overlap = in_unit(chunker, chunker->overlap);
	const char *p = chunker->next;

	if (chunker->done == chunker->end)
		return false;
	chunk->start = p;
	chunk->end = fixed_reach(chunker, p, size);
	if (chunk->end <= chunker->done && p < chunker->done)
		p = chunk->start = chunker->done; /* nothing new: do not overlap */
	if (chunk->end <= p)
		chunk->end = fixed_reach(chunker, p, size);
	if (chunk->end == p)
		chunk->end = cut_atom(chunker, p, chunker->end);
	chunker->done = chunk->end;
	chunker->next = chunk->end;
	if (overlap > 0)
	{
		const char *start = fixed_reach(chunker, p, size - overlap);

		if (start > p && start < chunk->end)
			chunker->next = start;
	}
	return true;
}

bool
text_chunk_next(TextChunker *chunker, TextChunk *chunk)
{
	const char *limit = chunker->end;
	const char *p;
	int64_t cost;
	Window window;

	if (chunker->poll != NULL)
		chunker->poll();
	if (chunker->strategy == TEXT_FIXED)
		return fixed_next(chunker, chunk);

	p = text_skip_space(chunker->next, limit);
	if (text_skip_space(chunker->done, limit) == limit)
		return false;
	if (chunker->strategy == TEXT_MARKDOWN)
	{
		if (chunker->done >= chunker->section ||
			text_skip_space(chunker->done, limit) >= chunker->section)
		{
			p = text_skip_space(chunker->done, limit);
			text_markdown_section(chunker, p);
		}
		limit = chunker->section;
	}

	read_window(chunker, p, limit, &window);
	chunk->start = p;
	chunk->end = window_end(chunker, &window, p, limit, &cost);
	if (chunk->end <= chunker->done)
	{
		/* all of it is overlap: what follows does not fit beside it */
		p = text_skip_space(chunker->done, limit);
		read_window(chunker, p, limit, &window);
		chunk->start = p;
		chunk->end = window_end(chunker, &window, p, limit, &cost);
	}
	chunker->done = chunk->end;
	chunker->next = overlap_start(chunker, p, chunk->end, cost);
	return true;
}
