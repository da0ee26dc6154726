/*-------------------------------------------------------------------------
 *
 * llm_builtin_text.c
 *		Words of a text, folded, stemmed and weighted.
 *
 * One pass over UTF-8. Letters lose case and diacritics by a table of our
 * own, because towlower() depends on the locale. Scripts written without
 * spaces give single letters and pairs of letters instead of words. Words
 * joined by - or _ also give their compound, so "e-mail" meets "email" and
 * "shared_buffers" meets "shared buffers". English endings are cut by a few
 * rules that need not give words, only the same form for forms of one word.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "llm/llm_builtin_fold.h"
#include "llm/llm_builtin_idf.h"
#include "llm/llm_builtin_text.h"

/* ---- letters ----------------------------------------------------------- */

/*
 * The code point at text[*at], which is moved behind it. A broken sequence
 * gives U+FFFD and moves one byte.
 */
static uint32_t
decode(const unsigned char *text, size_t length, size_t *at)
{
	size_t i = *at;
	size_t left = length - i;
	uint32_t c = text[i];

	*at = i + 1;
	if (c < 0x80)
		return c;
	if (c >= 0xC2 && c < 0xE0 && left >= 2 && (text[i + 1] & 0xC0) == 0x80)
	{
		*at = i + 2;
		return (c & 0x1F) << 6 | (text[i + 1] & 0x3F);
	}
	if (c >= 0xE0 && c < 0xF0 && left >= 3 && (text[i + 1] & 0xC0) == 0x80 &&
		(text[i + 2] & 0xC0) == 0x80)
	{
		c = (c & 0x0F) << 12 | (text[i + 1] & 0x3F) << 6 |
			(text[i + 2] & 0x3F);
		if (c >= 0x800 && (c < 0xD800 || c > 0xDFFF))
		{
			*at = i + 3;
			return c;
		}
	}
	else if (c >= 0xF0 && c < 0xF5 && left >= 4 &&
			 (text[i + 1] & 0xC0) == 0x80 && (text[i + 2] & 0xC0) == 0x80 &&
			 (text[i + 3] & 0xC0) == 0x80)
	{
		c = (c & 0x07) << 18 | (uint32_t) (text[i + 1] & 0x3F) << 12 |
			(text[i + 2] & 0x3F) << 6 | (text[i + 3] & 0x3F);
		if (c >= 0x10000 && c <= 0x10FFFF)
		{
			*at = i + 4;
			return c;
		}
	}
	return 0xFFFD;
}

static size_t
encode(uint32_t c, unsigned char *out)
{
	if (c < 0x80)
	{
		out[0] = (unsigned char) c;
		return 1;
	}
	if (c < 0x800)
	{
		out[0] = (unsigned char) (0xC0 | c >> 6);
		out[1] = (unsigned char) (0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = (unsigned char) (0xE0 | c >> 12);
		out[1] = (unsigned char) (0x80 | (c >> 6 & 0x3F));
		out[2] = (unsigned char) (0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (unsigned char) (0xF0 | c >> 18);
	out[1] = (unsigned char) (0x80 | (c >> 12 & 0x3F));
	out[2] = (unsigned char) (0x80 | (c >> 6 & 0x3F));
	out[3] = (unsigned char) (0x80 | (c & 0x3F));
	return 4;
}

/* Scripts that are written without spaces between words. */
static bool
is_unspaced(uint32_t c)
{
	if (c < 0x0E00)
		return false;
	return (c >= 0x0E00 && c < 0x1100) || /* Thai, Lao, Tibetan, Burmese */
		   (c >= 0x1780 && c < 0x1800) || /* Khmer */
		   (c >= 0x3040 && c < 0x3100) || /* kana */
		   (c >= 0x3105 && c < 0x3190) || /* bopomofo, Hangul letters */
		   (c >= 0x3400 && c < 0xA000) || /* Han */
		   (c >= 0xAC00 && c < 0xD7B0) || /* Hangul: endings stick to words */
		   (c >= 0xF900 && c < 0xFB00) || /* Han, compatibility */
		   (c >= 0xFF66 && c < 0xFFA0) || /* kana, half width */
		   (c >= 0x20000 && c < 0x32000); /* Han, extensions */
}

/* Marks that change nothing about which word it is. */
static bool
is_mark(uint32_t c)
{
	return (c >= 0x0300 && c < 0x0370) || c == 0x00AD || c == 0x0640 ||
		   (c >= 0x0591 && c < 0x05BE) || (c >= 0x064B && c < 0x0660) ||
		   c == 0x0670 || c == 0x200B || c == 0x200C || c == 0x200D ||
		   c == 0xFEFF || (c >= 0xFE00 && c < 0xFE10);
}

static bool
is_letter(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			   (c >= '0' && c <= '9');
	if (c < 0xC0)
		return c == 0xAA || c == 0xB2 || c == 0xB3 || c == 0xB5 || c == 0xB9 ||
			   c == 0xBA;
	if (c == 0xD7 || c == 0xF7 || c == 0xFFFD)
		return false;
	if (c < 0x0600)
		return c != 0x037E && c != 0x0387 && !(c >= 0x055A && c <= 0x055F) &&
			   c != 0x0589 && c != 0x058A && c != 0x05BE && c != 0x05C0 &&
			   c != 0x05C3;
	if (c < 0x2000)
		return c != 0x060C && c != 0x061B && c != 0x061F && c != 0x066A &&
			   c != 0x066B && c != 0x066C && c != 0x066D && c != 0x06D4 &&
			   c != 0x0964 && c != 0x0965 && c != 0x0E2F && c != 0x0E5A &&
			   c != 0x0E5B && !(c >= 0x104A && c <= 0x104F) &&
			   !(c >= 0x17D4 && c <= 0x17DA) && c != 0x1680;
	if (c < 0x3040)
		return (c >= 0x2071 && c <= 0x209C) || (c >= 0x2100 && c < 0x2190) ||
			   (c >= 0x2C00 && c < 0x2E00) || (c >= 0x3005 && c <= 0x3007);
	if (c >= 0xE000 && c < 0xF900)
		return false;
	if (c >= 0xFE10 && c < 0xFE70)
		return false;
	if (c >= 0xFF00 && c < 0xFFF0)
		return (c >= 0xFF10 && c <= 0xFF19) || (c >= 0xFF21 && c <= 0xFF3A) ||
			   (c >= 0xFF41 && c <= 0xFF5A) || (c >= 0xFF66 && c <= 0xFFDC);
	return c < 0x1F000 || c >= 0x20000;
}

/* c without case and diacritics, as one to three letters in out. */
static int
fold(uint32_t c, uint32_t out[3])
{
	out[0] = c;
	if (c < 0x80)
	{
		if (c >= 'A' && c <= 'Z')
			out[0] = c + 32;
		return 1;
	}
	if (c >= 0xC0 && c < 0x0250)
		out[0] = fold_latin[c - 0xC0];
	else if (c >= 0x0370 && c < 0x0530)
		out[0] = fold_greek_cyrillic[c - 0x0370];
	else if (c >= 0x0531 && c < 0x0557)
		out[0] = c + 48; /* Armenian */
	else if (c >= 0x1E00 && c < 0x2000)
		out[0] = fold_additional[c - 0x1E00];
	else if (c >= 0xFF01 && c < 0xFF5F)
		return fold(c - 0xFF01 + '!', out); /* full width */

	/* letters that stand for several */
	switch (out[0])
	{
		case 0xDF:
			out[0] = out[1] = 's';
			return 2;
		case 0xE6:
			out[0] = 'a';
			out[1] = 'e';
			return 2;
		case 0x153:
			out[0] = 'o';
			out[1] = 'e';
			return 2;
		case 0xFE:
			out[0] = 't';
			out[1] = 'h';
			return 2;
		default:
			return 1;
	}
}

/* ---- words ------------------------------------------------------------- */

uint64_t
builtin_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xBF58476D1CE4E5B9);
	x ^= x >> 27;
	x *= UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

/* Bytes are read one by one: the result must not depend on byte order. */
uint64_t
builtin_hash(const void *bytes, size_t length, uint64_t seed)
{
	const unsigned char *p = bytes;
	uint64_t h = seed ^ UINT64_C(0xCBF29CE484222325);

	for (size_t i = 0; i < length; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001B3);
	return builtin_mix(h);
}

static bool
is_vowel(unsigned char c)
{
	return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' ||
		   c == 'y';
}

static bool
has_vowel(const unsigned char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_vowel(s[i]))
			return true;
	return false;
}

static bool
ends(const unsigned char *s, size_t n, const char *suffix)
{
	size_t m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

/* After -ing and -ed: runn -> run, but call and pass stay. */
static size_t
undouble(const unsigned char *s, size_t n)
{
	if (n > 3 && s[n - 1] == s[n - 2] && !is_vowel(s[n - 1]) &&
		s[n - 1] != 'l' && s[n - 1] != 's' && s[n - 1] != 'z')
		return n - 1;
	return n;
}

/*
 * Cut English endings off s of n bytes, in place; returns the new length.
 * Only for words of a to z: others have other endings.
 */
static size_t
stem_english(unsigned char *s, size_t n)
{
	if (n < 4)
		return n;

	/* plural and third person */
	if (s[n - 1] == 's')
	{
		if (ends(s, n, "sses") || ends(s, n, "shes") || ends(s, n, "ches") ||
			ends(s, n, "xes") || ends(s, n, "zzes"))
			n -= 2;
		else if (n > 4 && ends(s, n, "ies"))
		{
			s[n - 3] = 'y';
			n -= 2;
		}
		else if (n == 7 && memcmp(s, "indices", 7) == 0)
		{
			memcpy(s, "index", 5);
			n = 5;
		}
		else if (s[n - 2] != 's' && s[n - 2] != 'u' && s[n - 2] != 'i')
			n -= 1;
	}

	/* past and progressive */
	if (n > 5 && ends(s, n, "ing") && has_vowel(s, n - 3))
		n = undouble(s, n - 3);
	else if (n > 4 && ends(s, n, "ied"))
	{
		s[n - 3] = 'y';
		n -= 2;
	}
	else if (n > 4 && ends(s, n, "ed") && s[n - 3] != 'e' &&
			 has_vowel(s, n - 2))
		n = undouble(s, n - 2);

	/* nouns and adverbs of verbs and adjectives */
	if (n > 7 && ends(s, n, "ically"))
		n -= 4;
	else if (n > 5 && ends(s, n, "ly"))
		n -= 2;
	if (n > 6 && ends(s, n, "tion"))
		n -= 3;
	else if (n > 7 && ends(s, n, "ment"))
		n -= 4;

	/* store and storing both become stor */
	if (n > 3 && s[n - 1] == 'e' && s[n - 2] != 'e')
		n -= 1;
	return n;
}

/* Weights of words that are not listed. */
#define IDF_UNKNOWN 46
#define IDF_NUMBER 32		/* three or four digits */
#define IDF_SHORT_NUMBER 16 /* one or two */
#define IDF_SINGLE_LETTER 16
#define IDF_PAIR 44	  /* of letters in a script without spaces */
#define IDF_LETTER 20 /* of such a script */

#define IDF_SLOTS 8192 /* a power of 2 well above IDF_LISTED */

/* The list of common words by hash; built on first use, then constant. */
static struct
{
	uint32_t tag;		/* upper half of the hash */
	uint8_t used_level; /* 0: empty, else level + 1 */
} idf_slots[IDF_SLOTS];
static bool idf_ready = false;

static size_t
idf_find(uint64_t hash)
{
	size_t i = hash & (IDF_SLOTS - 1);

	while (idf_slots[i].used_level != 0 &&
		   idf_slots[i].tag != (uint32_t) (hash >> 32))
		i = (i + 1) & (IDF_SLOTS - 1);
	return i;
}

static void
idf_build(void)
{
	for (size_t level = 0; level < sizeof(idf_stems) / sizeof(idf_stems[0]);
		 level++)
	{
		const char *p = idf_stems[level];

		while (*p != '\0')
		{
			size_t n = strcspn(p, " ");
			uint64_t hash = builtin_hash(p, n, 0);
			size_t i = idf_find(hash);

			idf_slots[i].tag = (uint32_t) (hash >> 32);
			idf_slots[i].used_level = (uint8_t) (level + 1);
			p += n + (p[n] == ' ');
		}
	}
	idf_ready = true;
}

/* The weight of a stem, by the list of common words, else by its form. */
static uint8_t
weigh(const unsigned char *stem, size_t n, uint64_t hash)
{
	size_t digits = 0;
	size_t slot;

	if (!idf_ready)
		idf_build();
	slot = idf_find(hash);
	if (idf_slots[slot].used_level != 0)
		return idf_slots[slot].used_level - 1;
	for (size_t i = 0; i < n; i++)
		digits += stem[i] >= '0' && stem[i] <= '9';
	if (digits == n && n <= 4)
		return n <= 2 ? IDF_SHORT_NUMBER : IDF_NUMBER;
	return n == 1 ? IDF_SINGLE_LETTER : IDF_UNKNOWN;
}

/* Fill token from a folded word, which is stemmed here. */
static void
finish_word(BuiltinToken *token, const unsigned char *word, size_t n,
			bool is_ascii)
{
	memcpy(token->stem, word, n);
	if (is_ascii)
		n = stem_english((unsigned char *) token->stem, n);
	token->length = (uint8_t) n;
	token->hash = builtin_hash(token->stem, n, 0);
	token->idf = weigh((unsigned char *) token->stem, n, token->hash);
}

/* ---- the scanner ------------------------------------------------------- */

void
builtin_scan_start(BuiltinScanner *scanner, const char *text, size_t length)
{
	memset(scanner, 0, sizeof(*scanner));
	scanner->text = (const unsigned char *) text;
	scanner->length = length;
}

/* The code point at a byte offset, 0 at the end; *next is set behind it. */
static uint32_t
peek(const BuiltinScanner *scanner, size_t at, size_t *next)
{
	*next = at;
	if (at >= scanner->length)
		return 0;
	return decode(scanner->text, scanner->length, next);
}

static bool
is_apostrophe(uint32_t c)
{
	return c == '\'' || c == 0x2019;
}

static bool
starts_word(uint32_t c)
{
	return is_letter(c) && !is_unspaced(c) && !is_mark(c);
}

/*
 * Read the word at scanner->at, folded, into word; returns its bytes, at
 * most BUILTIN_WORD_BYTES. "'s" is dropped, other apostrophes join.
 */
static size_t
read_word(BuiltinScanner *scanner, unsigned char *word, bool *is_ascii)
{
	size_t n = 0;
	size_t at = scanner->at;

	*is_ascii = true;
	while (at < scanner->length)
	{
		size_t next;
		uint32_t letters[3];
		int count;
		uint32_t c = peek(scanner, at, &next);

		if (is_apostrophe(c))
		{
			size_t behind;
			uint32_t after = peek(scanner, next, &behind);
			size_t unused;

			if (!starts_word(after))
				break;
			if ((after == 's' || after == 'S') &&
				!starts_word(peek(scanner, behind, &unused)))
			{
				at = behind;
				break;
			}
			at = next;
			continue;
		}
		if (is_mark(c))
		{
			at = next;
			continue;
		}
		if (!is_letter(c) || is_unspaced(c))
			break;
		at = next;
		count = fold(c, letters);
		for (int i = 0; i < count; i++)
		{
			unsigned char bytes[4];
			size_t m = encode(letters[i], bytes);

			if (m > 1)
				*is_ascii = false;
			if (n + m <= BUILTIN_WORD_BYTES)
			{
				memcpy(word + n, bytes, m);
				n += m;
			}
		}
	}
	scanner->at = at;
	return n;
}

/* Is a compound going on behind scanner->at? Then move behind its joint. */
static bool
skip_joint(BuiltinScanner *scanner)
{
	size_t next;
	size_t unused;
	uint32_t c = peek(scanner, scanner->at, &next);

	if ((c != '-' && c != '_' && c != 0x2010 && c != 0x2011) ||
		!starts_word(peek(scanner, next, &unused)))
		return false;
	scanner->at = next;
	return true;
}

/* Note a word as the next part of a compound, and whether another follows. */
static void
add_part(BuiltinScanner *scanner, const unsigned char *word, size_t n,
		 size_t start)
{
	if (scanner->parts == 0)
	{
		scanner->compound_start = start;
		scanner->compound_length = 0;
	}
	if (scanner->compound_length + n <= BUILTIN_WORD_BYTES)
		memcpy(scanner->compound + scanner->compound_length, word, n);
	scanner->compound_length += n;
	scanner->compound_end = scanner->at;
	scanner->parts++;
	scanner->joined = skip_joint(scanner);
}

/* Give the compound whose last part was the token before, if there is one. */
static bool
take_compound(BuiltinScanner *scanner, BuiltinToken *token)
{
	bool is_ascii = true;
	int parts = scanner->parts;

	if (scanner->joined)
		return false;
	scanner->parts = 0;
	if (parts < 2 || scanner->compound_length > BUILTIN_WORD_BYTES)
		return false;
	for (size_t i = 0; i < scanner->compound_length; i++)
		is_ascii = is_ascii && scanner->compound[i] < 0x80;
	token->kind = BUILTIN_COMPOUND;
	token->start = scanner->compound_start;
	token->end = scanner->compound_end;
	finish_word(token, scanner->compound, scanner->compound_length, is_ascii);
	return true;
}

/* One letter, or the pair that it makes with the one before it. */
static void
take_gram(BuiltinScanner *scanner, BuiltinToken *token, size_t start,
		  uint32_t first, uint32_t second)
{
	size_t n = encode(first, (unsigned char *) token->stem);

	if (second)
		n += encode(second, (unsigned char *) token->stem + n);
	token->kind = BUILTIN_GRAM;
	token->start = start;
	token->end = scanner->at;
	token->length = (uint8_t) n;
	token->hash = builtin_hash(token->stem, n, 0);
	token->idf = second ? IDF_PAIR : IDF_LETTER;
}

bool
builtin_scan_next(BuiltinScanner *scanner, BuiltinToken *token)
{
	if (take_compound(scanner, token))
		return true;

	while (scanner->at < scanner->length)
	{
		size_t start = scanner->at;
		size_t next;
		uint32_t c = peek(scanner, start, &next);

		if (is_mark(c))
			scanner->at = next;
		else if (starts_word(c))
		{
			unsigned char word[BUILTIN_WORD_BYTES];
			bool is_ascii;
			size_t n = read_word(scanner, word, &is_ascii);

			scanner->previous = 0;
			token->kind = BUILTIN_WORD;
			token->start = start;
			token->end = scanner->at;
			finish_word(token, word, n, is_ascii);
			add_part(scanner, word, n, start);
			return true;
		}
		else if (is_letter(c) && is_unspaced(c))
		{
			/* the pair first, then the letter, so that nothing is pending */
			if (scanner->previous && !scanner->pair_next)
			{
				size_t from = scanner->previous_start;

				scanner->pair_next = true;
				scanner->at = next;
				take_gram(scanner, token, from, scanner->previous, c);
				scanner->at = start;
				return true;
			}
			scanner->pair_next = false;
			scanner->previous = c;
			scanner->previous_start = start;
			scanner->at = next;
			take_gram(scanner, token, start, c, 0);
			return true;
		}
		else
		{
			scanner->previous = 0;
			scanner->at = next;
		}
	}
	return false;
}
