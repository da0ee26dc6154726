/*-------------------------------------------------------------------------
 *
 * redact_canon.c
 *		The canonical form that the verifiers match, and the way back.
 *
 * Who wants to slip a number past a filter writes it in full-width digits,
 * puts a zero-width space into it, or escapes its '@'. So the text is matched
 * in a form without such differences:
 *
 *	- invisible format and control characters, variation selectors and
 *	  combining marks are dropped; letters lose their accents; compatibility forms, the
 *	  digits, blanks and dashes of every script become ASCII;
 *	- signs, emoji and punctuation of other scripts become ASCII signs;
 *	- a letter that looks like a Latin one becomes it inside a word that has
 *	  Latin letters or digits too;
 *	- HTML entities, %XX, \uXXXX, \xXX, \n and quoted-printable =XX become
 *	  what they stand for, also when escaped twice;
 *	- (at), [at], {dot} and the like become '@' and '.'.
 *
 * What comes out may be part of another escape, or have stood within one, so
 * this is done again, up to REDACT_LAYERS times, as long as that may be.
 *
 * Everything else is copied. Text that needs no change is not even copied:
 * the canonical text is then the original. Otherwise a list of anchors tells
 * where the distance between the two changes: at an anchor, canonical byte
 * canon+i is original byte orig+i, or, if the anchor is atomic, all canonical
 * bytes up to the next anchor stand for the whole original piece.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_scan_int.h"
#include "redact/redact_fold.h"

#define ATOMIC 0x80000000u
#define ESCAPE 0x1b

/* A piece of the original that is matched as something else. */
typedef struct Unit
{
	uint32_t cp;	  /* what it stands for, if no text */
	uint32_t src_len; /* original bytes */
} Unit;

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static inline uint8_t
src_at(const RedactScanner *s, uint32_t i)
{
	return i < s->src_len ? s->src[i] : 0;
}

/* Strict UTF-8: the length of the character at i, or 0. */
static uint32_t
decode_utf8(const RedactScanner *s, uint32_t i, uint32_t *cp)
{
	uint8_t c = src_at(s, i);
	uint32_t len;

	if (c < 0x80)
	{
		*cp = c;
		return 1;
	}
	if (c >= 0xc2 && c < 0xe0)
		len = 2, *cp = c & 0x1f;
	else if (c >= 0xe0 && c < 0xf0)
		len = 3, *cp = c & 0x0f;
	else if (c >= 0xf0 && c < 0xf5)
		len = 4, *cp = c & 0x07;
	else
		return 0;
	for (uint32_t k = 1; k < len; k++)
	{
		c = src_at(s, i + k);
		if ((c & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (c & 0x3f);
	}
	if ((len == 3 && *cp < 0x800) || (len == 4 && *cp < 0x10000) ||
		*cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000))
		return 0;
	return len;
}

/* What a code point is matched as: 0 itself, FOLD_DROP, ASCII or a pool entry. */
static inline uint16_t
fold_of(uint32_t cp)
{
	if (cp < 0x80 || cp >= 0x110000)
		return 0;
	return fold_pages[fold_index[cp >> 8]][cp & 0xff];
}

/* ---- escapes -------------------------------------------------------- */

/* n hexadecimal digits at i, or -1. */
static int32_t
hex_number(const RedactScanner *s, uint32_t i, int n)
{
	int32_t value = 0;

	for (int k = 0; k < n; k++)
	{
		int digit = hex_value(src_at(s, i + k));

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static uint32_t
named_entity(const RedactScanner *s, uint32_t i, uint32_t *cp)
{
	static const struct
	{
		const char *name;
		uint8_t cp;
	} names[] = {{"commat;", '@'}, {"period;", '.'}, {"nbsp;", ' '},
				 {"lt;", '<'},	   {"gt;", '>'},	 {"quot;", '"'},
				 {"apos;", '\''},  {"colon;", ':'},	 {"sol;", '/'},
				 {"hyphen;", '-'}, {"dash;", '-'},	 {"ndash;", '-'},
				 {"plus;", '+'},   {"lowbar;", '_'}, {"lpar;", '('},
				 {"rpar;", ')'},   {"num;", '#'},	 {"ensp;", ' '},
				 {"emsp;", ' '},   {"thinsp;", ' '}, {"equals;", '='}};

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
	{
		size_t len = strlen(names[k].name);

		if (i + len <= s->src_len &&
			memcmp(s->src + i, names[k].name, len) == 0)
		{
			*cp = names[k].cp;
			return len;
		}
	}
	return 0;
}

/* &...; at i; "&amp;" before the rest of an entity counts as '&' (twice). */
static uint32_t
html_entity(const RedactScanner *s, uint32_t i, uint32_t *cp)
{
	uint32_t p = i + 1;
	uint32_t value = 0;
	int digits = 0;

	for (int k = 0; k < 2; k++)
	{
		if (p + 4 <= s->src_len && memcmp(s->src + p, "amp;", 4) == 0)
			p += 4;
	}
	if (src_at(s, p) != '#')
	{
		uint32_t len = named_entity(s, p, cp);

		return len == 0 ? 0 : p + len - i;
	}
	p++;
	if ((src_at(s, p) | 0x20) == 'x')
	{
		for (p++; digits < 8 && hex_value(src_at(s, p)) >= 0; p++, digits++)
			value = value << 4 | hex_value(src_at(s, p));
	}
	else
	{
		for (; digits < 8 && src_at(s, p) >= '0' && src_at(s, p) <= '9';
			 p++, digits++)
			value = value * 10 + (src_at(s, p) - '0');
	}
	if (digits == 0)
		return 0;
	/* what stands within it may be gone in the next layer */
	if (src_at(s, p) >= 0x80)
		return 0;
	if (src_at(s, p) == ';')
		p++;
	*cp = value;
	return p - i;
}

/* One byte as %XX at i, the '%' possibly escaped itself; 0 if there is none. */
static uint32_t
percent_byte(const RedactScanner *s, uint32_t i, uint8_t *byte)
{
	uint32_t p = i;
	int32_t value;

	if (src_at(s, p) != '%')
		return 0;
	for (int k = 0; k < 2 && hex_number(s, p + 1, 2) == '%'; k++)
		p += 2;
	value = hex_number(s, p + 1, 2);
	if (value < 0)
		return 0;
	*byte = value;
	return p + 3 - i;
}

/*
 * %XX at i, with the bytes that continue its UTF-8 sequence. Blanks stay
 * escaped, since they would cut a URL in two.
 */
static uint32_t
percent_escape(const RedactScanner *s, uint32_t i, uint32_t *cp)
{
	uint8_t byte;
	uint32_t len = percent_byte(s, i, &byte);
	uint32_t more;

	if (len == 0)
		return 0;
	if (byte < 0x80)
	{
		*cp = byte;
		return redact_class[byte] & CC_SPACE ? 0 : len;
	}
	more = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc2 ? 1 : 0;
	if (more == 0)
		return 0;
	*cp = byte & (0x3f >> more);
	while (more-- > 0)
	{
		uint32_t one = percent_byte(s, i + len, &byte);

		if (one == 0 || (byte & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (byte & 0x3f);
		len += one;
	}
	return len;
}

/* Backslash escapes of JSON, JavaScript and C, and doubled backslashes. */
static uint32_t
backslash_escape(const RedactScanner *s, uint32_t i, uint32_t *cp)
{
	uint32_t p = i + 1;
	int32_t value;

	while (p < i + 4 && src_at(s, p) == '\\')
		p++;
	switch (src_at(s, p))
	{
		case 'u':
			value = hex_number(s, p + 1, 4);
			if (value < 0)
				return 0;
			*cp = value;
			p += 5;
			if (value >= 0xd800 && value < 0xdc00 && src_at(s, p) == '\\')
			{
				uint32_t q = p;
				int32_t low;

				while (q < p + 4 && src_at(s, q) == '\\')
					q++;
				low = src_at(s, q) == 'u' ? hex_number(s, q + 1, 4) : -1;
				if (low >= 0xdc00 && low < 0xe000)
				{
					*cp = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
					p = q + 5;
				}
			}
			return p - i;
		case 'x':
			value = hex_number(s, p + 1, 2);
			if (value < 0 || value >= 0x7f || (redact_class[value] & CC_SPACE))
				return 0;
			*cp = value;
			return p + 3 - i;
		case 'n':
		case 'r':
		case 't':
			*cp = '\n';
			return p + 1 - i;
		default:
			return 0;
	}
}

/*
 * Quoted-printable: a soft line break within a word, and =40 where it makes
 * an address. Elsewhere "=40" is an assignment.
 */
static uint32_t
quoted_printable(const RedactScanner *s, uint32_t i, uint32_t *cp)
{
	uint32_t p = i + 1;

	if (src_at(s, p) == '\r')
		p++;
	if (src_at(s, p) == '\n')
	{
		if (i == 0 || !(redact_class[src_at(s, i - 1)] & CC_ALNUM) ||
			!(redact_class[src_at(s, p + 1)] & CC_ALNUM))
			return 0;
		*cp = 0x200b; /* dropped */
		return p + 1 - i;
	}
	if (hex_number(s, i + 1, 2) != '@' || i == 0 ||
		!(redact_class[src_at(s, i - 1)] & CC_ALNUM))
		return 0;
	for (p = i + 3; p < i + 66 && ((redact_class[src_at(s, p)] & CC_ALNUM) ||
								   src_at(s, p) == '-');
		 p++)
		;
	/* a letter behind the dot: "=40Dr. X" is no address */
	if (p == i + 3 ||
		!(src_at(s, p) == '.' ? redact_class[src_at(s, p + 1)] & CC_ALPHA
							  : hex_number(s, p + 1, 2) == '.'))
		return 0;
	*cp = '@';
	return 3;
}

/* "(at)", " [dot] ", "[.]": the length with blanks around, or 0. */
static uint32_t
bracketed_word(const RedactScanner *s, uint32_t i, uint32_t *cp)
{
	uint8_t open = src_at(s, i);
	uint8_t close = open == '(' ? ')' : open == '[' ? ']' : '}';
	uint32_t p = i + 1;
	char word[4];
	int len = 0;

	if ((src_at(s, p) == '.' || src_at(s, p) == '@') &&
		src_at(s, p + 1) == close)
	{
		*cp = src_at(s, p);
		return 3;
	}
	while (p < i + 3 && src_at(s, p) == ' ')
		p++;
	while (len < 4 && (redact_class[src_at(s, p)] & (CC_ALPHA)))
		word[len++] = src_at(s, p++) | 0x20;
	while (p < i + 8 && src_at(s, p) == ' ')
		p++;
	if (src_at(s, p) != close)
		return 0;
	if (len == 2 && memcmp(word, "at", 2) == 0)
		*cp = '@';
	else if (len == 3 && memcmp(word, "dot", 3) == 0)
		*cp = '.';
	else
		return 0;
	p++;
	while (p < i + 12 && src_at(s, p) == ' ')
		p++;
	return p - i;
}

/* ---- copying -------------------------------------------------------- */

static bool
add_anchor(RedactScanner *s, uint32_t canon, uint32_t orig)
{
	if (!redact_reserve(s, (void **) &s->anchors, &s->anchors_size,
						s->nanchors + 1, sizeof(RedactAnchor)))
		return false;
	/* nothing was written since the last anchor: it was never used */
	if (s->nanchors > 0 && s->anchors[s->nanchors - 1].canon == canon)
		s->nanchors--;
	s->anchors[s->nanchors].canon = canon;
	s->anchors[s->nanchors].orig = orig;
	s->nanchors++;
	return true;
}

/* From now on the canonical text differs from the original: copy it. */
static bool
start_copy(RedactScanner *s, uint32_t upto)
{
	if (!redact_reserve(s, (void **) &s->buf, &s->buf_size,
						(uint64_t) s->src_len + 64, 1))
		return false;
	memcpy(s->buf, s->src, upto);
	s->text = s->buf;
	s->len = upto;
	s->is_copy = true;
	return true;
}

static bool
is_control(uint32_t cp)
{
	return (cp < 0x20 && !(redact_class[cp] & CC_SPACE)) || cp == 0 ||
		   cp == 0x7f;
}

/* May this byte, when it came out of something, belong to an escape? */
static bool
is_part(uint8_t c)
{
	return c == '&' || c == '%' || c == '\\' || c == '=' || c == '(' ||
		   c == '[' || c == '{' || c == '#' || c == ';' || c == ESCAPE ||
		   c >= 0x80;
}

/* A code point beyond ASCII as UTF-8; returns its length, 0 if it has none. */
static uint32_t
encode_utf8(uint32_t cp, uint8_t *to)
{
	if (cp < 0x80 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 0;
	if (cp < 0x800)
	{
		to[0] = 0xc0 | cp >> 6;
		to[1] = 0x80 | (cp & 0x3f);
		return 2;
	}
	if (cp < 0x10000)
	{
		to[0] = 0xe0 | cp >> 12;
		to[1] = 0x80 | (cp >> 6 & 0x3f);
		to[2] = 0x80 | (cp & 0x3f);
		return 3;
	}
	to[0] = 0xf0 | cp >> 18;
	to[1] = 0x80 | (cp >> 12 & 0x3f);
	to[2] = 0x80 | (cp >> 6 & 0x3f);
	to[3] = 0x80 | (cp & 0x3f);
	return 4;
}

/* src_len bytes of the original at i are matched as these bytes. */
static void
replace_piece(RedactScanner *s, uint32_t i, uint32_t src_len,
			  const uint8_t *with, uint32_t with_len)
{
	if (!s->is_copy && !start_copy(s, i))
		return;
	if (!redact_reserve(s, (void **) &s->buf, &s->buf_size,
						(uint64_t) s->len + with_len + 64, 1))
		return;
	s->text = s->buf;
	s->folded = true;
	if (with_len > 0)
	{
		if (!add_anchor(s, s->len, i | ATOMIC))
			return;
		memcpy(s->buf + s->len, with, with_len);
		s->len += with_len;
		s->made_part = s->made_part || is_part(with[0]);
	}
	add_anchor(s, s->len, i + src_len);
}

/*
 * Does the word around a look-alike letter (at i, len bytes) hold something
 * Latin? Looks a few characters ahead only.
 */
static bool
in_latin_word(const RedactScanner *s, uint32_t i, uint32_t len)
{
	uint32_t end = i + len + 16;

	if (s->len > 0)
	{
		uint8_t before = s->is_copy ? s->buf[s->len - 1] : src_at(s, i - 1);

		if (i > 0 && (redact_class[before] & CC_ALNUM & ~CC_HIGH))
			return true;
	}
	for (uint32_t p = i + len; p < end; p++)
	{
		uint8_t class = redact_class[src_at(s, p)];

		if (class & CC_ALNUM & ~CC_HIGH)
			return true;
		if (!(class & CC_HIGH))
			return src_at(s, p) == '@';
	}
	return false;
}

/* The character that an escape at i stands for, if that is not ASCII. */
static bool
unescape(RedactScanner *s, uint32_t i, uint32_t src_len, uint32_t cp)
{
	uint8_t utf8[4];
	uint32_t n = s->src[i] >= 0x80 ? 0 : encode_utf8(cp, utf8);

	if (n == 0)
		return false;
	replace_piece(s, i, src_len, utf8, n);
	return true;
}

/*
 * Take the character or escape at i, which stands for cp. Returns false when
 * it is to be copied as it is.
 */
static bool
fold_unit(RedactScanner *s, uint32_t i, uint32_t src_len, uint32_t cp)
{
	uint16_t fold = fold_of(cp);
	uint8_t out;

	if (fold & FOLD_LOOK_ALIKE)
	{
		if (!in_latin_word(s, i, src_len))
			return unescape(s, i, src_len, cp);
		out = fold & 0xff;
		replace_piece(s, i, src_len, &out, 1);
	}
	else if (fold == FOLD_DROP)
		replace_piece(s, i, src_len, NULL, 0);
	else if (fold >= FOLD_POOL)
	{
		const uint8_t *entry = fold_pool + (fold - FOLD_POOL);

		replace_piece(s, i, src_len, entry + 1, entry[0]);
	}
	else if (fold != 0)
	{
		out = fold;
		replace_piece(s, i, src_len, &out, 1);
	}
	else if (is_control(cp) && cp != ESCAPE)
		replace_piece(s, i, src_len, NULL, 0);
	else if (cp < 0x80)
	{
		out = cp;
		replace_piece(s, i, src_len, &out, 1);
	}
	else
		return unescape(s, i, src_len, cp);
	return true;
}

/*
 * A control character is dropped as invisible ones are, and with ESC what a
 * terminal takes for a colour: "ESC [ 31 m".
 */
static uint32_t
control_length(const RedactScanner *s, uint32_t i)
{
	uint32_t p = i + 2;

	/* what is no sequence yet may become one in the next layer */
	if (s->src[i] == ESCAPE && src_at(s, i + 1) >= 0x80)
		return 0;
	if (s->src[i] != ESCAPE || src_at(s, i + 1) != '[')
		return 1;
	while (p < i + 16 &&
		   ((redact_class[src_at(s, p)] & CC_DIGIT) || src_at(s, p) == ';'))
		p++;
	return (redact_class[src_at(s, p)] & (CC_LOWER | CC_UPPER)) ? p + 1 - i
																: 0;
}

/* The blanks before "(at)" at i go with it; false when out of memory. */
static bool
drop_blanks(RedactScanner *s, uint32_t i)
{
	uint32_t blanks = 0;

	while (blanks < 3 && blanks < i && s->src[i - 1 - blanks] == ' ')
		blanks++;
	if (!s->is_copy && !start_copy(s, i))
		return false;
	while (blanks > 0 && s->len > 0 && s->buf[s->len - 1] == ' ' &&
		   (s->nanchors == 0 || s->anchors[s->nanchors - 1].canon < s->len))
		s->len--, blanks--;
	return true;
}

/* The special byte at i: its character or escape. Returns its length. */
static uint32_t
canon_special(RedactScanner *s, uint32_t i)
{
	uint8_t c = s->src[i];
	uint32_t cp = 0;
	uint32_t len = 0;

	switch (c)
	{
		case '&':
			len = html_entity(s, i, &cp);
			break;
		case '%':
			len = percent_escape(s, i, &cp);
			break;
		case '\\':
			len = backslash_escape(s, i, &cp);
			break;
		case '=':
			len = quoted_printable(s, i, &cp);
			break;
		case '(':
		case '[':
		case '{':
			len = bracketed_word(s, i, &cp);
			if (len > 0 && s->len > 0 && !drop_blanks(s, i))
				return len;
			break;
		default:
			if (c < 0x80)
			{
				len = control_length(s, i);
				if (len > 0)
				{
					replace_piece(s, i, len, NULL, 0);
					return len;
				}
				break;
			}
			len = decode_utf8(s, i, &cp);
			if (len == 0)
			{
				s->status = REDACT_NOT_UTF8;
				return 1;
			}
			break;
	}
	if (len > 0 && fold_unit(s, i, len, cp))
		return len;

	/* as it is: one byte of ASCII, or one character, or an escape's first */
	if (c < 0x80)
	{
		len = 1;
		s->saw_escape = true;
	}
	if (s->is_copy)
	{
		if (!redact_reserve(s, (void **) &s->buf, &s->buf_size,
							(uint64_t) s->len + len + 64, 1))
			return len;
		s->text = s->buf;
		memcpy(s->buf + s->len, s->src + i, len);
		s->len += len;
	}
	return len;
}

static void
begin_layer(RedactScanner *s, const uint8_t *src, uint32_t len)
{
	s->src = src;
	s->src_len = len;
	s->src_pos = 0;
	s->text = s->src;
	s->len = 0;
	s->is_copy = false;
	s->nanchors = 0;
	s->saw_escape = false;
	s->folded = false;
	s->made_part = false;
}

void
redact_canon_begin(RedactScanner *s)
{
	s->canon_done = false;
	s->nlayers = 0;
	begin_layer(s, s->orig, s->orig_len);
}

/*
 * A layer is done: if it made something that may be part of an escape, or took
 * away what may have stood within one, there is another, which reads what this
 * one wrote.
 */
static void
end_layer(RedactScanner *s)
{
	RedactLayer *layer = &s->below[s->nlayers];
	RedactLayer done = {s->anchors, s->nanchors, s->anchors_size, s->src_len};
	uint8_t *buf = s->buf;
	uint32_t buf_size = s->buf_size;

	if (s->nlayers + 1 >= REDACT_LAYERS ||
		!(s->made_part || (s->folded && s->saw_escape)))
	{
		s->canon_done = true;
		return;
	}
	s->anchors = layer->anchors;
	s->anchors_size = layer->anchors_size;
	*layer = done;
	s->nlayers++;
	s->buf = s->spare;
	s->buf_size = s->spare_size;
	s->spare = buf;
	s->spare_size = buf_size;
	begin_layer(s, buf, s->len);
}

/* Bytes that may be the start of something special. */
static inline uint8_t
is_special(uint8_t c)
{
	static const uint8_t special[256] = {
		['&'] = 1,			 ['%'] = 1,			  ['\\'] = 1,
		['='] = 1,			 ['('] = 1,			  ['['] = 1,
		['{'] = 1,			 [0x80 ... 0xff] = 1, [0x01 ... 0x08] = 1,
		[0x0e ... 0x1f] = 1, [0x7f] = 1,
	};

	return special[c];
}

typedef uint8_t Block __attribute__((vector_size(16)));
typedef int8_t SignedBlock __attribute__((vector_size(16)));
typedef uint64_t BlockHalves __attribute__((vector_size(16)));

#define IN_RANGE(block, from, to)                                             \
	((Block) (((block) - (uint8_t) (from)) <= (uint8_t) ((to) - (from))))

/* Is one of the 16 bytes at text special? */
static inline bool
has_special(const uint8_t *text)
{
	Block b;
	Block found;
	BlockHalves halves;

	memcpy(&b, text, sizeof(b));
	found = (Block) ((SignedBlock) b < 0) |
			(IN_RANGE(b, 0x01, 0x1f) & ~IN_RANGE(b, '\t', '\r')) |
			IN_RANGE(b, '%', '&') | IN_RANGE(b, '[', '\\') |
			(Block) (b == '(') | (Block) (b == '=') | (Block) (b == '{') |
			(Block) (b == 0x7f);
	halves = (BlockHalves) found;
	return (halves[0] | halves[1]) != 0;
}

/* The first special byte of [i, end) of the source, or end. */
static inline uint32_t
find_special(const uint8_t *src, uint32_t i, uint32_t end)
{
	while (end - i >= sizeof(Block) && !has_special(src + i))
		i += sizeof(Block);
	while (i < end && !is_special(src[i]))
		i++;
	return i;
}

void
redact_canon_step(RedactScanner *s, uint32_t slice)
{
	uint32_t i = s->src_pos;
	uint32_t end = s->src_len - i > slice ? i + slice : s->src_len;

	while (i < end && s->status == REDACT_MORE)
	{
		uint32_t from = i;

		i = find_special(s->src, i, end);
		if (s->is_copy)
		{
			if (!redact_reserve(s, (void **) &s->buf, &s->buf_size,
								(uint64_t) s->len + (i - from) + 64, 1))
				return;
			s->text = s->buf;
			memcpy(s->buf + s->len, s->src + from, i - from);
			s->len += i - from;
		}
		else
			s->len = i;
		if (i < end)
		{
			i += canon_special(s, i);
			if (!s->is_copy)
				s->len = i;
		}
	}
	s->src_pos = i;
	if (i >= s->src_len && s->status == REDACT_MORE)
		end_layer(s);
}

/*
 * Let a found part of the canonical text look like the placeholder that will
 * stand there, so that what it hid is seen.
 */
bool
redact_canon_mask(RedactScanner *s, uint32_t start, uint32_t end)
{
	if (!s->is_copy)
	{
		uint32_t len = s->len;

		if (!start_copy(s, len))
			return false;
	}
	memset(s->buf + start, REDACT_MASKED, end - start);
	if (end - start > 2)
	{
		s->buf[start] = '<';
		s->buf[end - 1] = '>';
	}
	return true;
}

/* ---- the way back --------------------------------------------------- */

/* The last anchor at or before position c of what a layer wrote, or -1. */
static int64_t
find_anchor(const RedactLayer *layer, uint32_t c)
{
	uint32_t low = 0;
	uint32_t high = layer->nanchors;

	while (low < high)
	{
		uint32_t mid = low + (high - low) / 2;

		if (layer->anchors[mid].canon <= c)
			low = mid + 1;
		else
			high = mid;
	}
	return (int64_t) low - 1;
}

static uint32_t
map_position(const RedactLayer *layer, uint32_t c, bool is_end)
{
	const RedactAnchor *anchors = layer->anchors;
	int64_t a = find_anchor(layer, c);
	uint32_t orig;

	if (a < 0)
		return c;
	orig = anchors[a].orig & ~ATOMIC;
	if (!(anchors[a].orig & ATOMIC))
		return orig + (c - anchors[a].canon);
	/* inside a piece: its start, or what follows it */
	if (!is_end || c == anchors[a].canon)
		return orig;
	return a + 1 < layer->nanchors ? anchors[a + 1].orig & ~ATOMIC
								   : layer->src_len;
}

static inline uint8_t
orig_at(const RedactScanner *s, uint32_t i)
{
	return i < s->orig_len ? s->orig[i] : 0;
}

void
redact_canon_map(const RedactScanner *s, uint32_t start, uint32_t end,
				 uint32_t *orig_start, uint32_t *orig_end)
{
	RedactLayer top = {s->anchors, s->nanchors, s->anchors_size, s->src_len};
	uint32_t from = map_position(&top, start, false);
	uint32_t to = map_position(&top, end, true);

	for (uint32_t i = s->nlayers; i-- > 0;)
	{
		from = map_position(&s->below[i], from, false);
		to = map_position(&s->below[i], to, true);
	}
	/* never cut a character */
	while (from > 0 && (orig_at(s, from) & 0xc0) == 0x80)
		from--;
	while (to < s->orig_len && (orig_at(s, to) & 0xc0) == 0x80)
		to++;
	*orig_start = from;
	*orig_end = to;
}
