/*-------------------------------------------------------------------------
 *
 * text_scan.c
 *		Characters, atoms and places to break. Pure C.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "text/text_scan.h"

#define BROKEN 0xFFFD

/* ---- characters ---- */

int
text_decode(const char *p, const char *end, uint32_t *c)
{
	const unsigned char *s = (const unsigned char *) p;
	size_t left = (size_t) (end - p);

	if (s[0] < 0x80)
	{
		*c = s[0];
		return 1;
	}
	if (s[0] >= 0xC2 && s[0] <= 0xDF && left >= 2 && (s[1] & 0xC0) == 0x80)
	{
		*c = ((uint32_t) (s[0] & 0x1F) << 6) | (s[1] & 0x3F);
		return 2;
	}
	if ((s[0] & 0xF0) == 0xE0 && left >= 3 && (s[1] & 0xC0) == 0x80 &&
		(s[2] & 0xC0) == 0x80)
	{
		*c = ((uint32_t) (s[0] & 0x0F) << 12) |
			 ((uint32_t) (s[1] & 0x3F) << 6) | (s[2] & 0x3F);
		if (*c >= 0x800 && (*c < 0xD800 || *c > 0xDFFF))
			return 3;
	}
	if (s[0] >= 0xF0 && s[0] <= 0xF4 && left >= 4 && (s[1] & 0xC0) == 0x80 &&
		(s[2] & 0xC0) == 0x80 && (s[3] & 0xC0) == 0x80)
	{
		*c = ((uint32_t) (s[0] & 0x07) << 18) |
			 ((uint32_t) (s[1] & 0x3F) << 12) |
			 ((uint32_t) (s[2] & 0x3F) << 6) | (s[3] & 0x3F);
		if (*c >= 0x10000 && *c <= 0x10FFFF)
			return 4;
	}
	*c = BROKEN;
	return 1;
}

/* Blocks of the code space, ascending; a character takes the last that begins at or before it. */
static const struct
{
	uint32_t from;
	TextClass class;
} blocks[] = {
	{0x80, TEXT_OTHER},
	{0x85, TEXT_SPACE},
	{0x86, TEXT_OTHER},
	{0xA0, TEXT_SPACE},
	{0xA1, TEXT_PUNCT},
	{0xAA, TEXT_LATIN},
	{0xAB, TEXT_PUNCT},
	{0xB5, TEXT_LATIN},
	{0xB6, TEXT_PUNCT},
	{0xBA, TEXT_LATIN},
	{0xBB, TEXT_PUNCT},
	{0xC0, TEXT_LATIN},
	{0xD7, TEXT_PUNCT},
	{0xD8, TEXT_LATIN},
	{0xF7, TEXT_PUNCT},
	{0xF8,
	 TEXT_LATIN}, /* also IPA and combining marks, which follow letters */
	{0x370, TEXT_GREEK},
	{0x400, TEXT_CYRILLIC},
	{0x530, TEXT_GREEK}, /* Armenian, Hebrew */
	{0x600, TEXT_ARABIC},
	{0x900, TEXT_INDIC},
	{0x10A0, TEXT_GREEK}, /* Georgian */
	{0x1100, TEXT_HANGUL},
	{0x1200, TEXT_OTHER}, /* Ethiopic, Cherokee, syllabics */
	{0x1680, TEXT_SPACE},
	{0x1681, TEXT_OTHER},
	{0x1780, TEXT_INDIC}, /* Khmer */
	{0x1800, TEXT_OTHER},
	{0x1C80, TEXT_CYRILLIC},
	{0x1C90, TEXT_GREEK}, /* Georgian capitals */
	{0x1CD0, TEXT_INDIC},
	{0x1D00, TEXT_LATIN},
	{0x1F00, TEXT_GREEK}, /* Greek extended */
	{0x2000, TEXT_SPACE},
	{0x200B, TEXT_OTHER}, /* zero width */
	{0x2010, TEXT_PUNCT},
	{0x2028, TEXT_SPACE},
	{0x202A, TEXT_OTHER}, /* bidi controls */
	{0x202F, TEXT_SPACE},
	{0x2030, TEXT_PUNCT},
	{0x205F, TEXT_SPACE},
	{0x2060, TEXT_OTHER},
	{0x20A0, TEXT_PUNCT}, /* currency, arrows, mathematics, boxes */
	{0x2600, TEXT_EMOJI},
	{0x27C0, TEXT_PUNCT},
	{0x2C60, TEXT_LATIN},
	{0x2C80, TEXT_GREEK}, /* Coptic, Georgian */
	{0x2DE0, TEXT_CYRILLIC},
	{0x2E00, TEXT_PUNCT},
	{0x2E80, TEXT_IDEOGRAPH},
	{0x3000, TEXT_SPACE},
	{0x3001, TEXT_PUNCT},
	{0x3005, TEXT_IDEOGRAPH},
	{0x3008, TEXT_PUNCT},
	{0x3021, TEXT_IDEOGRAPH},
	{0x3030, TEXT_PUNCT},
	{0x3041, TEXT_KANA},
	{0x3100, TEXT_IDEOGRAPH},
	{0x3130, TEXT_HANGUL},
	{0x3190, TEXT_IDEOGRAPH},
	{0x31F0, TEXT_KANA},
	{0x3200, TEXT_IDEOGRAPH},
	{0xA000, TEXT_OTHER},
	{0xA640, TEXT_CYRILLIC},
	{0xA6A0, TEXT_OTHER},
	{0xA720, TEXT_LATIN},
	{0xA800, TEXT_INDIC},
	{0xA960, TEXT_HANGUL},
	{0xA980, TEXT_INDIC},
	{0xAB30, TEXT_LATIN},
	{0xAB70, TEXT_OTHER},
	{0xAC00, TEXT_HANGUL},
	{0xD800, TEXT_OTHER},
	{0xF900, TEXT_IDEOGRAPH},
	{0xFB00, TEXT_LATIN},
	{0xFB1D, TEXT_GREEK}, /* Hebrew forms */
	{0xFB50, TEXT_ARABIC},
	{0xFE00, TEXT_OTHER}, /* variation selectors */
	{0xFE10, TEXT_PUNCT},
	{0xFE70, TEXT_ARABIC},
	{0xFEFF, TEXT_OTHER},
	{0xFF01, TEXT_PUNCT}, /* full width forms */
	{0xFF10, TEXT_IDEOGRAPH},
	{0xFF1A, TEXT_PUNCT},
	{0xFF21, TEXT_IDEOGRAPH},
	{0xFF3B, TEXT_PUNCT},
	{0xFF41, TEXT_IDEOGRAPH},
	{0xFF5B, TEXT_PUNCT},
	{0xFF66, TEXT_KANA},
	{0xFFA0, TEXT_HANGUL},
	{0xFFE0, TEXT_PUNCT},
	{0xFFF0, TEXT_OTHER},
	{0x1F000, TEXT_EMOJI},
	{0x1FB00, TEXT_OTHER},
	{0x20000, TEXT_IDEOGRAPH},
	{0x323B0, TEXT_OTHER},
};

#define S TEXT_SPACE
#define W TEXT_WORD
#define D TEXT_DIGITS
#define P TEXT_PUNCT
#define O TEXT_OTHER

/* clang-format off */
static const unsigned char ascii[128] = {
	O, O, O, O, O, O, O, O, O, S, S, S, S, S, O, O,
	O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
	S, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P,
	D, D, D, D, D, D, D, D, D, D, P, P, P, P, P, P,
	P, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
	W, W, W, W, W, W, W, W, W, W, W, P, P, P, P, P,
	P, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
	W, W, W, W, W, W, W, W, W, W, W, P, P, P, P, O,
};
/* clang-format on */

#undef S
#undef W
#undef D
#undef P
#undef O

TextClass
text_class(uint32_t c)
{
	int low = 0;
	int high = (int) (sizeof(blocks) / sizeof(blocks[0])) - 1;

	if (c < 0x80)
		return (TextClass) ascii[c];
	while (low < high)
	{
		int middle = (low + high + 1) / 2;

		if (blocks[middle].from <= c)
			low = middle;
		else
			high = middle - 1;
	}
	return blocks[low].class;
}

/*
 * The two above for ASCII without a call: nearly all that is scanned is
 * ASCII, and everything in text scans.
 */
static inline int
decode(const char *p, const char *end, uint32_t *c)
{
	if ((unsigned char) *p < 0x80)
	{
		*c = (unsigned char) *p;
		return 1;
	}
	return text_decode(p, end, c);
}

static inline bool
is_lower(uint32_t c)
{
	return c >= 'a' && c <= 'z';
}

static inline bool
is_upper(uint32_t c)
{
	return c >= 'A' && c <= 'Z';
}

/* ---- atoms ---- */

/* Does c of class next go on with the atom, whose last character was prev? */
static bool
atom_goes_on(const TextAtom *atom, uint32_t prev, uint32_t c, TextClass next)
{
	switch (atom->class)
	{
		case TEXT_SPACE:
		case TEXT_DIGITS:
		case TEXT_CYRILLIC:
		case TEXT_GREEK:
		case TEXT_ARABIC:
		case TEXT_INDIC:
			return next == atom->class;
		case TEXT_WORD:
			return next == TEXT_LATIN ||
				   (next == TEXT_WORD && !(is_lower(prev) && is_upper(c)));
		case TEXT_LATIN:
			return next == TEXT_LATIN || next == TEXT_WORD;
		case TEXT_PUNCT:
			return c == prev;
		default:
			return false;
	}
}

void
text_atom(const char *p, const char *end, uint32_t max_chars, TextAtom *atom)
{
	uint32_t prev;
	bool capitals;

	atom->start = p;
	p += decode(p, end, &prev);
	atom->first = prev;
	atom->chars = 1;
	atom->newlines = (prev == '\n');
	atom->class = text_class(prev);
	capitals = is_upper(prev);

	while (p < end && atom->chars < max_chars)
	{
		uint32_t c;
		int len = decode(p, end, &c);
		TextClass next;

		/* words are most of the text, and most of a word is this */
		if (is_lower(c) && atom->class == TEXT_WORD)
		{
			capitals = false;
			atom->chars++;
			prev = c;
			p++;
			continue;
		}
		next = text_class(c);
		if (!atom_goes_on(atom, prev, c, next))
			break;
		if (next == TEXT_LATIN)
			atom->class = TEXT_LATIN;
		capitals = capitals && is_upper(c);
		atom->newlines += (c == '\n');
		atom->chars++;
		prev = c;
		p += len;
	}
	if (capitals && atom->chars > 1 && atom->class == TEXT_WORD)
		atom->class = TEXT_CAPITALS;
	atom->end = p;
}

const char *
text_skip_space(const char *p, const char *end)
{
	while (p < end)
	{
		uint32_t c;
		int len = text_decode(p, end, &c);

		if (text_class(c) != TEXT_SPACE)
			break;
		p += len;
	}
	return p;
}

/* ---- places to break ---- */

static bool
is_wide_terminator(uint32_t c)
{
	return c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0xFF0E;
}

static bool
is_terminator(uint32_t c)
{
	return c == '.' || c == '!' || c == '?' || c == 0x2026 /* ellipsis */ ||
		   c == 0x0964 || c == 0x061F || c == 0x06D4 || is_wide_terminator(c);
}

/* Marks that may stand between the full stop and the next sentence. */
static bool
is_closer(uint32_t c)
{
	return c == ')' || c == ']' || c == '}' || c == '"' || c == '\'' ||
		   c == '*' || c == '_' || c == '`' || c == 0x201D || c == 0x2019 ||
		   c == 0xBB || (c >= 0x3009 && c <= 0x3011 && (c & 1)) || c == 0xFF09;
}

/* Words whose full stop does not end a sentence. */
static bool
is_abbreviation(const TextAtom *word)
{
	static const char *const known[] = {
		"al",	"approx", "ca",	 "cf",	"ch",	"co",	"dr",  "ed",
		"eds",	"eg",	  "eq",	 "esp", "est",	"etc",	"ff",  "fig",
		"figs", "gen",	  "ie",	 "inc", "jr",	"ltd",	"mr",  "mrs",
		"ms",	"nr",	  "op",	 "pp",	"prof", "resp", "rev", "sec",
		"sr",	"st",	  "tab", "viz", "vol",	"vs"};
	size_t len = (size_t) (word->end - word->start);
	char lower[8];

	if (word->class != TEXT_WORD && word->class != TEXT_CAPITALS)
		return false;
	if (len == 1)
		return true; /* an initial, or the end of "e.g." */
	if (len >= sizeof(lower))
		return false;
	for (size_t i = 0; i < len; i++)
		lower[i] = (char) (word->start[i] | 0x20);
	lower[len] = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(lower, known[i]) == 0)
			return true;
	return false;
}

/* Is there an item of a list or a heading at the start of a line? */
static bool
is_list_item(const TextAtom *atom, const char *end)
{
	uint32_t c = atom->first;
	const char *p = atom->end;

	if (c == '#')
		return true;
	if (c == '-' || c == '*' || c == '+' || c == 0x2022 /* bullet */)
		return atom->chars == 1 && p < end && (*p == ' ' || *p == '\t');
	if (atom->class == TEXT_DIGITS)
		return end - p >= 2 && (*p == '.' || *p == ')') && p[1] == ' ';
	return false;
}

TextBreak
text_follow_break(const TextFollow *follow, const TextAtom *next,
				  const char *end)
{
	if (!follow->started)
		return TEXT_BREAK_NONE;
	if (follow->newlines >= 2)
		return TEXT_BREAK_PARAGRAPH;
	if (follow->newlines == 1 && is_list_item(next, end))
		return TEXT_BREAK_SENTENCE;
	if (follow->ended && !is_closer(next->first) &&
		!is_terminator(next->first))
	{
		if (follow->wide || (follow->spaced && !is_lower(next->first)))
			return TEXT_BREAK_SENTENCE;
	}
	if (follow->newlines == 1)
		return TEXT_BREAK_LINE;
	if (follow->spaced)
		return TEXT_BREAK_WORD;
	if (next->class == TEXT_PUNCT)
		return TEXT_BREAK_NONE; /* marks stay with what they follow */
	if (follow->wide || next->class == TEXT_IDEOGRAPH ||
		next->class == TEXT_KANA)
		return TEXT_BREAK_WORD;
	return follow->last.class == TEXT_PUNCT ? TEXT_BREAK_PUNCT
											: TEXT_BREAK_NONE;
}

void
text_follow(TextFollow *follow, const TextAtom *atom)
{
	uint32_t c = atom->first;

	if (atom->class == TEXT_SPACE)
	{
		follow->spaced = true;
		follow->newlines += atom->newlines;
		return;
	}
	if (is_terminator(c))
	{
		bool number = follow->line_start && follow->last.class == TEXT_DIGITS;

		follow->ended = !(c == '.' && atom->chars == 1 && !follow->spaced &&
						  (number || is_abbreviation(&follow->last)));
		follow->wide = is_wide_terminator(c);
	}
	else if (!is_closer(c))
	{
		follow->ended = false;
		follow->wide =
			(atom->class == TEXT_IDEOGRAPH || c == 0x3001 || c == 0xFF0C);
	}
	follow->line_start = atom->class == TEXT_DIGITS &&
						 (follow->newlines > 0 || !follow->started);
	follow->started = true;
	follow->spaced = false;
	follow->newlines = 0;
	follow->last = *atom;
}

bool
text_sentence(const char **p, const char *end, const char **start, size_t *len)
{
	TextFollow follow = {0};
	const char *at = text_skip_space(*p, end);

	*start = at;
	*len = 0;
	while (at < end)
	{
		TextAtom atom;

		text_atom(at, end, TEXT_ATOM_MAX, &atom);
		if (atom.class != TEXT_SPACE)
		{
			if (text_follow_break(&follow, &atom, end) >= TEXT_BREAK_SENTENCE)
				break;
			*len = (size_t) (atom.end - *start);
		}
		text_follow(&follow, &atom);
		at = atom.end;
	}
	*p = at;
	return *len > 0;
}
