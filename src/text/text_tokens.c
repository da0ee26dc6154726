/*-------------------------------------------------------------------------
 *
 * text_tokens.c
 *		The token estimate. Pure C.
 *
 * The prices of cl100k and o200k were fitted (least squares of the relative
 * error, no negative price) to OpenAI's tokenizers of these names, over prose,
 * code, JSON, logs, emoji and 28 languages; README.md has the errors on texts
 * that were not fitted. The factors of families without a public tokenizer
 * are rules of thumb. "default" takes for every class the dearer of the two
 * and adds a tenth: a context that turns out too long fails, one that turns
 * out a little shorter does not.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "text/text_tokens.h"

#define POLL_BYTES 65536

/* An atom of n characters costs base, and each for every character beyond free. */
typedef struct ClassPrice
{
	uint16_t base;
	uint16_t each;
} ClassPrice;

struct TextFamily
{
	const char *name;
	uint32_t percent; /* factor on everything */
	const ClassPrice *prices;
};

static const uint32_t free_chars[TEXT_NCLASSES] = {
	[TEXT_SPACE] = 2,	 [TEXT_WORD] = 6,	   [TEXT_CAPITALS] = 2,
	[TEXT_DIGITS] = 3,	 [TEXT_PUNCT] = 1,	   [TEXT_LATIN] = 4,
	[TEXT_CYRILLIC] = 2, [TEXT_GREEK] = 1,	   [TEXT_ARABIC] = 1,
	[TEXT_INDIC] = 1,	 [TEXT_IDEOGRAPH] = 1, [TEXT_KANA] = 1,
	[TEXT_HANGUL] = 1,	 [TEXT_EMOJI] = 1,	   [TEXT_OTHER] = 1,
};

static const ClassPrice cl100k[TEXT_NCLASSES] = {
	[TEXT_SPACE] = {1164, 46},	   [TEXT_WORD] = {833, 393},
	[TEXT_CAPITALS] = {387, 236},  [TEXT_DIGITS] = {1573, 559},
	[TEXT_PUNCT] = {597, 0},	   [TEXT_LATIN] = {2281, 767},
	[TEXT_CYRILLIC] = {2671, 185}, [TEXT_GREEK] = {500, 1472},
	[TEXT_ARABIC] = {1120, 785},   [TEXT_INDIC] = {2540, 1013},
	[TEXT_IDEOGRAPH] = {1390, 0},  [TEXT_KANA] = {1006, 0},
	[TEXT_HANGUL] = {1217, 0},	   [TEXT_EMOJI] = {3004, 0},
	[TEXT_OTHER] = {1500, 0},
};

static const ClassPrice o200k[TEXT_NCLASSES] = {
	[TEXT_SPACE] = {1166, 41},	  [TEXT_WORD] = {852, 354},
	[TEXT_CAPITALS] = {511, 228}, [TEXT_DIGITS] = {1578, 536},
	[TEXT_PUNCT] = {603, 0},	  [TEXT_LATIN] = {1332, 632},
	[TEXT_CYRILLIC] = {2166, 0},  [TEXT_GREEK] = {1963, 148},
	[TEXT_ARABIC] = {500, 384},	  [TEXT_INDIC] = {500, 486},
	[TEXT_IDEOGRAPH] = {1014, 0}, [TEXT_KANA] = {678, 0},
	[TEXT_HANGUL] = {790, 0},	  [TEXT_EMOJI] = {2389, 0},
	[TEXT_OTHER] = {1500, 0},
};

static const ClassPrice dearer[TEXT_NCLASSES] = {
	[TEXT_SPACE] = {1166, 41},	   [TEXT_WORD] = {833, 393},
	[TEXT_CAPITALS] = {511, 228},  [TEXT_DIGITS] = {1578, 536},
	[TEXT_PUNCT] = {603, 0},	   [TEXT_LATIN] = {2281, 767},
	[TEXT_CYRILLIC] = {2671, 185}, [TEXT_GREEK] = {500, 1472},
	[TEXT_ARABIC] = {1120, 785},   [TEXT_INDIC] = {2540, 1013},
	[TEXT_IDEOGRAPH] = {1390, 0},  [TEXT_KANA] = {1006, 0},
	[TEXT_HANGUL] = {1217, 0},	   [TEXT_EMOJI] = {3004, 0},
	[TEXT_OTHER] = {1500, 0},
};

static const TextFamily families[] = {
	{"default", 110, dearer}, {"cl100k", 100, cl100k}, {"o200k", 100, o200k},
	{"claude", 115, o200k},	  {"gemini", 105, o200k},  {"llama", 105, o200k},
};

const char *const text_family_names =
	"default, cl100k, o200k, claude, gemini, llama";

const TextFamily *
text_family(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strcmp(families[i].name, name) == 0)
			return &families[i];
	return NULL;
}

const TextFamily *
text_family_default(void)
{
	return &families[0];
}

uint32_t
text_atom_price(const TextFamily *family, const TextAtom *atom)
{
	ClassPrice price = family->prices[atom->class];
	uint32_t free = free_chars[atom->class];
	uint32_t cost = price.base;

	/* the space between two words is part of the second word */
	if (atom->class == TEXT_SPACE && atom->chars == 1 && atom->first == ' ')
		return 0;
	if (atom->chars > free)
		cost += (atom->chars - free) * price.each;
	return cost * family->percent / 100;
}

int64_t
text_price(const TextFamily *family, const char *text, size_t len,
		   void (*poll)(void))
{
	const char *end = text + len;
	const char *next_poll = text;
	int64_t cost = 0;

	for (const char *p = text; p < end;)
	{
		TextAtom atom;

		if (p >= next_poll)
		{
			if (poll != NULL)
				poll();
			next_poll = end - p > POLL_BYTES ? p + POLL_BYTES : end;
		}
		text_atom(p, end, TEXT_ATOM_MAX, &atom);
		cost += text_atom_price(family, &atom);
		p = atom.end;
	}
	return cost;
}

int64_t
text_tokens(const TextFamily *family, const char *text, size_t len,
			void (*poll)(void))
{
	return (text_price(family, text, len, poll) + TEXT_TOKEN - 1) / TEXT_TOKEN;
}
