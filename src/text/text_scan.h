/*-------------------------------------------------------------------------
 *
 * text_scan.h
 *		UTF-8 text as a row of atoms: the one scanner under the token
 *		estimate, the chunkers and the sentence splitter.
 *
 * An atom is a run that a tokenizer would look at on its own: a word, a group
 * of digits, a piece of punctuation, white space, one ideograph. Its cost
 * depends on itself only, so costs of neighbours add up and a text cut at
 * atom boundaries costs what its parts cost. Atoms are at most
 * TEXT_ATOM_MAX characters long, which bounds the work per atom.
 *
 * Broken UTF-8 is no error here: a byte that begins no valid character is a
 * character of class TEXT_OTHER. Pure C, no allocation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_TEXT_SCAN_H
#define INTEL_TEXT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_ATOM_MAX 32

typedef enum TextClass
{
	TEXT_SPACE,	   /* white space of any kind, newlines included */
	TEXT_WORD,	   /* ASCII letters; "camelCase" is two words */
	TEXT_CAPITALS, /* two or more ASCII capitals */
	TEXT_DIGITS,
	TEXT_PUNCT, /* one mark, or the same mark repeated */
	TEXT_LATIN, /* a word with Latin letters outside ASCII */
	TEXT_CYRILLIC,
	TEXT_GREEK,		/* Greek, Armenian, Georgian, Hebrew */
	TEXT_ARABIC,	/* with Syriac, Thaana and their neighbours */
	TEXT_INDIC,		/* Devanagari to Myanmar, Thai, Khmer */
	TEXT_IDEOGRAPH, /* Han, one character each */
	TEXT_KANA,		/* one character each */
	TEXT_HANGUL,	/* one syllable each */
	TEXT_EMOJI,
	TEXT_OTHER, /* everything else, broken bytes too */
} TextClass;

#define TEXT_NCLASSES (TEXT_OTHER + 1)

typedef struct TextAtom
{
	const char *start;
	const char *end;
	uint32_t chars;
	uint32_t newlines; /* in white space */
	uint32_t first;	   /* its first character */
	TextClass class;
} TextAtom;

/*
 * Decode the character at p < end into *c and return its length in bytes. A
 * byte that begins no valid character decodes to 0xFFFD with length 1.
 */
extern int text_decode(const char *p, const char *end, uint32_t *c);

extern TextClass text_class(uint32_t c);

/* The atom at p < end, of at most max_chars characters. */
extern void text_atom(const char *p, const char *end, uint32_t max_chars,
					  TextAtom *atom);

/* p moved over white space, not beyond end. */
extern const char *text_skip_space(const char *p, const char *end);

/*
 * How good a place is to cut, weakest first. TEXT_BREAK_NONE is between two
 * characters of one word.
 */
typedef enum TextBreak
{
	TEXT_BREAK_NONE,
	TEXT_BREAK_PUNCT, /* after punctuation, without a space */
	TEXT_BREAK_WORD,
	TEXT_BREAK_LINE, /* end of a line within a sentence */
	TEXT_BREAK_SENTENCE,
	TEXT_BREAK_PARAGRAPH,
} TextBreak;

#define TEXT_NBREAKS (TEXT_BREAK_PARAGRAPH + 1)

/*
 * Follows a row of atoms and says how good the place before the next one is.
 * Zero-initialise, then for every atom that is not white space: ask
 * text_follow_break, and report it with text_follow. White space is reported
 * with text_follow only.
 */
typedef struct TextFollow
{
	bool started;	   /* an atom other than white space was seen */
	bool ended;		   /* the last one ended a sentence */
	bool wide;		   /* the last one allows a break behind it */
	bool spaced;	   /* white space followed it */
	uint32_t newlines; /* newlines in that white space */
	bool line_start;   /* only digits since the line began: "1." */
	TextAtom last;	   /* the last atom other than white space */
} TextFollow;

extern TextBreak text_follow_break(const TextFollow *follow,
								   const TextAtom *next, const char *end);
extern void text_follow(TextFollow *follow, const TextAtom *atom);

/*
 * The sentence at *p, without white space around it; *p moves behind it.
 * Returns false at the end. Line ends do not end a sentence; blank lines and
 * list items do.
 */
extern bool text_sentence(const char **p, const char *end, const char **start,
						  size_t *len);

#endif /* INTEL_TEXT_SCAN_H */
