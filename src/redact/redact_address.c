/*-------------------------------------------------------------------------
 *
 * redact_address.c
 *		Street addresses: a number, the words of a street, and what follows
 *		of flat, town, country and postcode.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_number.h"
#include "redact/redact_scan_int.h"

#define LINE_TOKENS 10

typedef enum TokenKind
{
	TOKEN_END,	  /* nothing that an address holds */
	TOKEN_NUMBER, /* up to six digits, perhaps a letter */
	TOKEN_NAME,	  /* a capitalised word */
	TOKEN_SMALL,  /* a short word in small letters */
	TOKEN_STREET, /* a word that says street, or ends like one */
	TOKEN_UNIT	  /* Apt., Suite, Box */
} TokenKind;

typedef struct Token
{
	TokenKind kind;
	uint32_t start;
	uint32_t end;
	uint16_t flags;
	bool context; /* a word that says what follows it: "Tel" */
} Token;

static bool
has_street_ending(const uint8_t *word, uint32_t n)
{
	static const char *const endings[] = {
		"strasse", "straat", "gasse",  "gatan",		"vagen",	"vegen",
		"veien",   "gata",	 "gade",   "vej",		"steenweg", "laan",
		"allee",   "alle",	 "weg",	   "plaats",	"platz",	"plein",
		"kade",	   "utca",	 "katu",   "tie",		"ulica",	"gracht",
		"dreef",   "vegur",	 "gotu",   "plantsoen", "stasse",	"hof",
		"ring",	   "torget", "berget", "bakken"};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
	{
		size_t len = strlen(endings[i]);

		if (n > len + 2 && memcmp(word + n - len, endings[i], len) == 0)
			return true;
	}
	return false;
}

/* Words in small letters within the names of streets and towns. */
static bool
is_small_word(const uint8_t *word, uint32_t n)
{
	static const char *const words[] = {
		"de",  "la",  "le",	 "les", "del", "della", "di",  "da",  "do",	 "dos",
		"das", "du",  "des", "van", "von", "der",	"den", "dem", "zum", "zur",
		"am",  "an",  "im",	 "el",	"los", "las",	"al",  "i",	  "og",	 "och",
		"na",  "nad", "pod", "u",	"ve",  "sur",	"en",  "et",  "y",	 "e",
		"ut",  "trg", "ter", "op",	"aan", "het",	"s"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (strlen(words[i]) == n && memcmp(words[i], word, n) == 0)
			return true;
	}
	return false;
}

static void
read_token(const RedactScanner *s, uint32_t pos, Token *t)
{
	uint8_t word[32];
	uint32_t hash = REDACT_HASH_INIT;
	uint32_t n = 0;
	uint32_t i = pos;
	RedactWord entry;

	memset(t, 0, sizeof(*t));
	t->start = pos;
	t->end = pos;
	if (redact_class_at(s, i) & CC_DIGIT)
	{
		while (i - pos < 7 && (redact_class_at(s, i) & CC_DIGIT))
			i++;
		if (redact_class_at(s, i) & CC_ALPHA)
			i++;
		/* 12-14 */
		if (redact_at(s, i) == '-' && (redact_class_at(s, i + 1) & CC_DIGIT))
		{
			uint32_t from = ++i;

			while (i - from < 5 && (redact_class_at(s, i) & CC_DIGIT))
				i++;
		}
		if (redact_class_at(s, i) & CC_ALNUM)
		{
			/* 40th */
			while (i - pos < 6 && (redact_class_at(s, i) & CC_LOWER))
				i++;
			if (redact_class_at(s, i) & CC_ALNUM)
				return;
		}
		/* the start of a number with dots */
		if (redact_at(s, i) == '.' && (redact_class_at(s, i + 1) & CC_DIGIT))
			return;
		t->kind = TOKEN_NUMBER;
		t->end = i;
		return;
	}
	while (n < sizeof(word) &&
		   ((redact_class_at(s, i) & CC_ALPHA) ||
			((redact_at(s, i) == '-' || redact_at(s, i) == '\'') && n > 0 &&
			 (redact_class_at(s, i + 1) & CC_ALPHA))))
	{
		word[n] = redact_lower(redact_at(s, i));
		hash = redact_hash_byte(hash, word[n]);
		n++;
		i++;
	}
	if (n == 0 || n == sizeof(word) || (redact_class_at(s, i) & CC_ALNUM))
		return;
	t->end = i;
	if (redact_word_find(hash, word, n, &entry))
	{
		t->flags = entry.flags;
		t->context = entry.ctx[0] != 0 && entry.ctx[0] != REDACT_CTX_NEGATIVE;
	}
	/* the dot of an abbreviation, not of the sentence */
	if (redact_at(s, i) == '.' && !(redact_class_at(s, i + 1) & CC_ALNUM) &&
		(n <= 2 || (t->flags & (REDACT_WORD_UNIT | REDACT_WORD_STREET))))
		t->end++;
	if (n == 1 && redact_at(s, i) == '.' && (word[0] == 'p') &&
		(redact_at(s, i + 1) | 0x20) == 'o')
	{
		/* P.O. Box */
		t->end = i + 2 + (redact_at(s, i + 2) == '.');
		t->kind = TOKEN_UNIT;
	}
	else if (t->flags & REDACT_WORD_UNIT)
		t->kind = TOKEN_UNIT;
	else if ((t->flags & REDACT_WORD_STREET) || has_street_ending(word, n))
		t->kind = TOKEN_STREET;
	else if (redact_class_at(s, pos) & (CC_UPPER | CC_HIGH))
		t->kind = TOKEN_NAME;
	else if (is_small_word(word, n))
		t->kind = TOKEN_SMALL;
}

static bool
is_year(const RedactScanner *s, uint32_t pos)
{
	for (uint32_t i = pos; i < pos + 4; i++)
	{
		if (!(redact_class_at(s, i) & CC_DIGIT))
			return false;
	}
	return !(redact_class_at(s, pos + 4) & CC_DIGIT) &&
		   ((redact_at(s, pos) == '1' && redact_at(s, pos + 1) == '9') ||
			(redact_at(s, pos) == '2' && redact_at(s, pos + 1) == '0'));
}

/* A postcode of three and two digits, as in Sweden and Bohemia, and its end. */
static uint32_t
split_postcode_end(const RedactScanner *s, uint32_t pos)
{
	for (uint32_t i = 0; i < 6; i++)
	{
		uint8_t c = redact_at(s, pos + i);

		if (i == 3 ? c != ' ' : !(redact_class[c] & CC_DIGIT))
			return 0;
	}
	return (redact_at(s, pos + 6) == ' ' &&
			(redact_class_at(s, pos + 7) & (CC_UPPER | CC_HIGH)))
			   ? pos + 6
			   : 0;
}

/*
 * The street part at pos: its tokens up to a comma, a line end or a word that
 * does not belong. Returns its end, or 0; *score is what it is worth.
 */
static uint32_t
street_end(const RedactScanner *s, uint32_t pos, int *score)
{
	uint32_t end = 0;
	uint32_t i = pos;
	int names = 0;
	bool street = false;
	bool number_last = false;
	bool unit = false;
	bool capital = false;

	for (int k = 0; k < LINE_TOKENS; k++)
	{
		Token t;

		read_token(s, i, &t);
		if (t.kind == TOKEN_END)
			break;
		if (k == 0 && t.kind != TOKEN_NUMBER)
			return 0;
		if (t.kind == TOKEN_SMALL && names == 0 && k > 1)
			break;
		/* "221B Baker Street street": a word of the sentence */
		if (t.kind == TOKEN_STREET && (street || number_last) && capital &&
			(redact_class_at(s, t.start) & CC_LOWER))
			break;
		capital |= (redact_class_at(s, t.start) & CC_UPPER) != 0;
		if (k == 1 && t.kind == TOKEN_NAME &&
			(t.flags & (REDACT_WORD_MONTH | REDACT_WORD_WEEKDAY)))
			return 0;
		street = street || (t.kind == TOKEN_STREET && k > 0);
		unit = unit || t.kind == TOKEN_UNIT;
		names += t.kind == TOKEN_NAME || t.kind == TOKEN_STREET;
		number_last = t.kind == TOKEN_NUMBER && k > 0;
		if (t.kind != TOKEN_SMALL)
			end = t.end;
		i = t.end;
		if (redact_at(s, i) != ' ')
			break;
		i++;
	}
	/* "2021 Senior Analyst, Acme": a year, not a house */
	if (!street && !unit && is_year(s, pos))
		return 0;
	if (street && names > 0)
		*score = 75;
	else if (unit && end > 0)
		*score = 65;
	else if (names > 0 && number_last)
		*score = 60;
	else if (names > 0)
		*score = 0; /* what follows must tell */
	else
		return 0;
	return end;
}

/*
 * Another part of the address behind a comma or line end: its end, or pos.
 * *sure is set if it has a number, a flat or a known place.
 */
static uint32_t
part_end(const RedactScanner *s, uint32_t pos, bool *sure)
{
	uint32_t i = pos;
	uint32_t end = pos;
	int names = 0;
	bool number = false;
	bool unit = false;
	bool place = false;

	/* also the marks of a quoted mail */
	while (i - pos < 6 && strchr(",\n \r>?", redact_at(s, i)) != NULL &&
		   redact_at(s, i) != 0)
		i++;
	if (i == pos)
		return pos;
	for (int k = 0; k < 6; k++)
	{
		Token t;

		read_token(s, i, &t);
		if (k == 0 && t.kind == TOKEN_NUMBER && split_postcode_end(s, i) > 0)
			t.end = split_postcode_end(s, i);
		/* a short word before the postcode: a state, "a.d.", "nan" */
		if (t.kind == TOKEN_END && k > 0 && t.end > i && t.end - i <= 3 &&
			redact_at(s, t.end) == ' ' &&
			(redact_class_at(s, t.end + 1) & CC_DIGIT))
			t.kind = TOKEN_SMALL;
		if (t.kind == TOKEN_END || (t.kind == TOKEN_SMALL && k == 0))
			break;
		/* "Tel", "Kundennummer": another field */
		if (t.context && t.kind == TOKEN_NAME &&
			!(t.flags & (REDACT_WORD_PLACE | REDACT_WORD_STREET)))
			break;
		if (t.flags & (REDACT_WORD_TITLE | REDACT_WORD_GIVEN))
		{
			if (!(t.flags & (REDACT_WORD_PLACE | REDACT_WORD_STREET)) &&
				k == 0 && t.kind == TOKEN_NAME)
				break;
		}
		/* two numbers in a row are a telephone's */
		if (number && t.kind == TOKEN_NUMBER)
			return pos;
		if (t.kind == TOKEN_NUMBER && redact_at(s, t.end) != ' ' &&
			(t.end - t.start > 6 ||
			 strchr("(+/x", redact_at(s, t.end)) != NULL) &&
			redact_at(s, t.end) != 0)
			return pos;
		number |= t.kind == TOKEN_NUMBER;
		unit |= t.kind == TOKEN_UNIT;
		names += t.kind == TOKEN_NAME;
		place |= (t.flags & REDACT_WORD_PLACE) != 0;
		end = t.end;
		i = t.end;
		if (redact_at(s, i) != ' ')
			break;
		i++;
	}
	/* a line that a telephone ends: not even its number belongs */
	if (redact_at(s, end) == '-' || redact_at(s, end) == '(')
		return pos;
	/* town, or flat, or postcode; not a number or a sentence alone */
	if (end == pos || (names == 0 && !unit && !number))
		return pos;
	if (number || unit || place)
	{
		*sure = true;
		return end;
	}
	return redact_at(s, end) == ',' || redact_at(s, end) == '\n' ||
				   redact_at(s, end) == '.' || end >= s->len
			   ? end
			   : pos;
}

/* A word for a street that stands before its name. */
static bool
leads_street(const RedactScanner *s, const Token *t)
{
	static const char *const words[] = {
		"calle", "avenida",	 "carrera", "plaza", "paseo",  "camino",
		"rue",	 "avenue",	 "place",	"quai",	 "chemin", "allee",
		"via",	 "viale",	 "piazza",	"corso", "strada", "vicolo",
		"rua",	 "travessa", "estrada", "largo", "praca",  "ulica",
		"ul",	 "ulice",	 "bulevar", "calea", "strada", "utca"};

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
	{
		size_t n = strlen(words[k]);
		size_t i = 0;

		while (i < n && redact_lower(redact_at(s, t->start + i)) ==
							(uint8_t) words[k][i])
			i++;
		if (i == n &&
			(t->end - t->start == n ||
			 (t->end - t->start == n + 1 && redact_at(s, t->end - 1) == '.')))
			return true;
	}
	return false;
}

/* "Am Lindenhof", "An der Alster". */
static bool
starts_street(const RedactScanner *s, const Token *t)
{
	uint32_t n = t->end - t->start;
	const uint8_t *word = s->text + t->start;

	return (n == 2 &&
			(memcmp(word, "Am", 2) == 0 || memcmp(word, "An", 2) == 0 ||
			 memcmp(word, "Im", 2) == 0)) ||
		   (n == 3 &&
			(memcmp(word, "Zum", 3) == 0 || memcmp(word, "Zur", 3) == 0 ||
			 memcmp(word, "Auf", 3) == 0));
}

/* Is the number at pos the last of its clause? */
static bool
ends_part(const RedactScanner *s, uint32_t pos)
{
	Token t;
	uint8_t c;

	read_token(s, pos, &t);
	c = redact_at(s, t.end);
	return t.kind == TOKEN_NUMBER &&
		   (t.end >= s->len || (c != 0 && strchr(",.;\n)", c) != NULL));
}

/*
 * Where an address whose number is at pos starts: "Apt. 40", "Box 7",
 * "Hauptstrasse 5". Sets *street if a street stands there.
 */
static uint32_t
words_before(const RedactScanner *s, uint32_t pos, bool *street)
{
	uint32_t start = pos;
	uint32_t i = pos;
	bool named = false;

	*street = false;
	for (int k = 0; k < 4; k++)
	{
		uint32_t end = i;
		Token t;

		if (i < 2 || redact_at(s, i - 1) != ' ')
			break;
		i--;
		if (redact_at(s, i - 1) == '.')
			i--;
		while (i > 0 && end - i < 32 &&
			   ((redact_class_at(s, i - 1) & CC_ALPHA) ||
				redact_at(s, i - 1) == '-'))
			i--;
		read_token(s, i, &t);
		/* "Calle Mayor 14": only such a word stands before the name */
		if (t.kind == TOKEN_STREET && named && !leads_street(s, &t))
			break;
		/* "via Garibaldi 14", if that ends there: "via Dubai 3 times" */
		if (named && !*street && leads_street(s, &t) &&
			!(redact_class_at(s, i) & CC_UPPER))
		{
			if (!ends_part(s, pos))
				break;
			*street = true;
			start = i;
			break;
		}
		if (t.kind == TOKEN_UNIT || t.kind == TOKEN_STREET)
		{
			/* a street in small letters is a word of the sentence */
			if (t.kind == TOKEN_STREET && !(redact_class_at(s, i) & CC_UPPER))
				break;
			*street = true;
			start = i;
		}
		else if (*street && starts_street(s, &t))
		{
			start = i;
			break;
		}
		else if (t.kind == TOKEN_SMALL && named)
			continue;
		else if (t.kind == TOKEN_NAME && !*street &&
				 !(t.flags & (REDACT_WORD_TITLE | REDACT_WORD_MONTH)))
		{
			named = true;
			continue;
		}
		else if (t.kind != TOKEN_NAME ||
				 (t.flags & (REDACT_WORD_COMMON | REDACT_WORD_TITLE |
							 REDACT_WORD_GIVEN | REDACT_WORD_SURNAME)))
			break;
		else
			start = i;
		if (t.kind == TOKEN_UNIT)
			break;
	}
	return *street ? start : pos;
}

uint32_t
redact_verify_address(RedactScanner *s, uint32_t pos)
{
	uint32_t start;
	uint32_t end;
	int score = 0;
	uint8_t before = redact_at(s, pos - 1);
	bool street;
	bool sure;

	if (!redact_wants(s, REDACT_STREET_ADDRESS) ||
		(redact_class[before] & CC_ALNUM) ||
		(before != 0 && strchr("-.,:/_$#+(", before) != NULL))
		return 0;
	start = words_before(s, pos, &street);
	end = street_end(s, pos, &score);
	if (end == 0 && street)
	{
		Token t;

		read_token(s, pos, &t);
		if (t.kind != TOKEN_NUMBER)
			return 0;
		end = t.end;
		score = 60;
	}
	if (end == 0)
		return 0;
	sure = score > 0;
	for (int k = 0; k < 5; k++)
	{
		uint32_t next = part_end(s, end, &sure);

		if (next == end)
			break;
		end = next;
	}
	if (!sure)
		return 0;
	if (score == 0)
		score = 50;
	redact_offer(s, start, end, REDACT_STREET_ADDRESS, score,
				 "street_address");
	return score >= s->profile->min_score[REDACT_STREET_ADDRESS] ? end : 0;
}
