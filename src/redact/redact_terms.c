/*-------------------------------------------------------------------------
 *
 * redact_terms.c
 *		Words and names that somebody has listed, found in the scanner's
 *		pass.
 *
 * Text and terms are taken as sequences of units: runs of letters and digits,
 * or single characters in scripts without blanks. The list is a trie kept as
 * a hash table: it holds every sequence of units that begins a term, by the
 * hash of its folded bytes. From each unit of the text the sequence is
 * lengthened as long as the table has it, at most REDACT_TERM_UNITS times, so
 * the time is linear in the text, whatever the number of terms.
 *
 * Hashes have 64 bits and are not compared with the bytes behind them: two
 * that collide by chance would redact a word too many, once in 10^12 words
 * for a list of a million terms.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "redact/redact_scan_int.h"
#include "redact/redact_terms.h"

#define TERM_SCORE 95
/* What may stand between two words of a term, in bytes; see is_gap. */
#define MAX_GAP 8
#define HASH_INIT UINT64_C(14695981039346656037)

/* What ends with a sequence of units. Chained: two terms may differ in case. */
typedef struct TermEnd
{
	uint64_t exact; /* hash of the term as it was written */
	uint32_t next;	/* index + 1 */
	uint8_t entity;
	bool match_case;
} TermEnd;

typedef struct TermNode
{
	uint64_t hash;
	uint32_t ends; /* index + 1 of the first TermEnd; 0: only a beginning */
	bool used;
} TermNode;

struct RedactTerms
{
	TermNode *nodes; /* open addressing */
	uint32_t nnodes;
	uint32_t size; /* a power of two, or 0 */
	TermEnd *ends;
	uint32_t nends;
	uint32_t ends_size;
};

/* A unit of a text. */
typedef struct Unit
{
	uint32_t start;
	uint32_t end;
} Unit;

static inline uint64_t
hash_byte(uint64_t hash, uint8_t c)
{
	return (hash ^ c) * UINT64_C(1099511628211);
}

/* Two hashes of a sequence and of one more unit. */
typedef struct Sequence
{
	uint64_t folded;
	uint64_t exact;
} Sequence;

static void
add_unit(Sequence *seq, const uint8_t *text, const Unit *unit)
{
	for (uint32_t i = unit->start; i < unit->end; i++)
	{
		seq->folded = hash_byte(seq->folded, redact_lower(text[i]));
		seq->exact = hash_byte(seq->exact, text[i]);
	}
	/* so that "ab c" is not "a bc" */
	seq->folded = hash_byte(seq->folded, ' ');
	seq->exact = hash_byte(seq->exact, ' ');
}

/*
 * Is the character at i of a script without blanks between words? Thai and
 * Lao, and all from U+3000 on, where Kana, Han and Hangul are.
 */
static inline bool
is_single(const uint8_t *text, uint32_t len, uint32_t i)
{
	return text[i] >= 0xe3 || (text[i] == 0xe0 && i + 1 < len &&
							   text[i + 1] >= 0xb8 && text[i + 1] <= 0xbb);
}

/* The unit that starts at i, which is a letter or digit. */
static Unit
read_unit(const uint8_t *text, uint32_t len, uint32_t i)
{
	Unit unit = {i, i + 1};

	if (is_single(text, len, i))
	{
		while (unit.end < len && (text[unit.end] & 0xc0) == 0x80)
			unit.end++;
		return unit;
	}
	while (unit.end < len && (redact_class[text[unit.end]] & CC_ALNUM) &&
		   !is_single(text, len, unit.end))
		unit.end++;
	return unit;
}

/* May c stand between two words of a term? */
static inline bool
is_gap(uint8_t c)
{
	return (redact_class[c] & CC_SPACE) || c == '-' || c == '_' || c == '.' ||
		   c == '\'' || c == '&' || c == '/' || c == '+';
}

/* ---- building ------------------------------------------------------- */

RedactTerms *
redact_terms_create(void)
{
	return calloc(1, sizeof(RedactTerms));
}

void
redact_terms_free(RedactTerms *terms)
{
	if (terms == NULL)
		return;
	free(terms->nodes);
	free(terms->ends);
	free(terms);
}

/* The node of a hash, or the free one where it belongs. */
static TermNode *
find_node(const RedactTerms *terms, uint64_t hash)
{
	uint32_t mask = terms->size - 1;
	uint32_t slot = (uint32_t) (hash ^ hash >> 32) & mask;

	while (terms->nodes[slot].used && terms->nodes[slot].hash != hash)
		slot = (slot + 1) & mask;
	return &terms->nodes[slot];
}

/* Room for one more node in a table that is at most half full. */
static bool
grow_nodes(RedactTerms *terms)
{
	RedactTerms bigger = *terms;

	if (terms->nnodes * 2 < terms->size)
		return true;
	if (terms->size > UINT32_MAX / 4)
		return false;
	bigger.size = terms->size == 0 ? 64 : terms->size * 2;
	bigger.nodes = calloc(bigger.size, sizeof(TermNode));
	if (bigger.nodes == NULL)
		return false;
	for (uint32_t i = 0; i < terms->size; i++)
	{
		if (terms->nodes[i].used)
			*find_node(&bigger, terms->nodes[i].hash) = terms->nodes[i];
	}
	free(terms->nodes);
	*terms = bigger;
	return true;
}

static TermNode *
add_node(RedactTerms *terms, uint64_t hash)
{
	TermNode *node;

	if (!grow_nodes(terms))
		return NULL;
	node = find_node(terms, hash);
	if (!node->used)
	{
		node->used = true;
		node->hash = hash;
		terms->nnodes++;
	}
	return node;
}

static bool
add_end(RedactTerms *terms, TermNode *node, uint64_t exact,
		RedactEntity entity, bool match_case)
{
	TermEnd *end;

	if (terms->nends == terms->ends_size)
	{
		uint32_t size = terms->ends_size * 2 + 64;
		TermEnd *bigger = realloc(terms->ends, size * sizeof(TermEnd));

		if (bigger == NULL)
			return false;
		terms->ends = bigger;
		terms->ends_size = size;
	}
	end = &terms->ends[terms->nends++];
	end->exact = exact;
	end->entity = entity;
	end->match_case = match_case;
	end->next = node->ends;
	node->ends = terms->nends;
	return true;
}

/* The units of a canonical text into the trie. */
static RedactTermStatus
add_units(RedactTerms *terms, const uint8_t *text, uint32_t len,
		  RedactEntity entity, bool match_case)
{
	Sequence seq = {HASH_INIT, HASH_INIT};
	TermNode *node = NULL;
	uint32_t letters = 0;
	uint32_t nunits = 0;
	uint32_t i = 0;

	for (uint32_t k = 0; k < len; k++)
		letters += (redact_class[text[k]] & CC_ALNUM) != 0;
	if (letters < 2)
		return REDACT_TERM_TOO_SHORT;
	while (i < len)
	{
		Unit unit;

		if (!(redact_class[text[i]] & CC_ALNUM))
		{
			i++;
			continue;
		}
		if (nunits++ == REDACT_TERM_UNITS)
			return REDACT_TERM_TOO_LONG;
		unit = read_unit(text, len, i);
		add_unit(&seq, text, &unit);
		node = add_node(terms, seq.folded);
		if (node == NULL)
			return REDACT_TERM_NO_MEMORY;
		i = unit.end;
	}
	return add_end(terms, node, seq.exact, entity, match_case)
			   ? REDACT_TERM_OK
			   : REDACT_TERM_NO_MEMORY;
}

RedactTermStatus
redact_terms_add(RedactTerms *terms, const char *utf8, size_t len,
				 RedactEntity entity, bool match_case)
{
	static const RedactProfile no_profile;
	RedactScanner *s;
	RedactTermStatus result;

	if (len > REDACT_TERM_BYTES)
		return REDACT_TERM_TOO_LONG;
	/* terms are matched in the form that texts are matched in */
	s = redact_scanner_create();
	if (s == NULL)
		return REDACT_TERM_NO_MEMORY;
	redact_scanner_begin(s, &no_profile, utf8, len, NULL, 0);
	while (s->status == REDACT_MORE && !s->canon_done)
		redact_canon_step(s, REDACT_TERM_BYTES);
	if (s->status == REDACT_NOT_UTF8)
		result = REDACT_TERM_NOT_UTF8;
	else if (s->status != REDACT_MORE)
		result = REDACT_TERM_NO_MEMORY;
	else
		result = add_units(terms, s->text, s->len, entity, match_case);
	redact_scanner_free(s);
	return result;
}

/* ---- finding -------------------------------------------------------- */

/* Called for a term found; false ends the search. */
typedef bool (*TermFound)(void *arg, const RedactTerms *terms,
						  const TermNode *node, uint64_t exact, uint32_t start,
						  uint32_t end);

/* The terms that begin with a unit of the text; false when found says so. */
static bool
match_from(const RedactTerms *terms, const uint8_t *text, uint32_t len,
		   Unit unit, TermFound found, void *arg)
{
	Sequence seq = {HASH_INIT, HASH_INIT};
	uint32_t start = unit.start;

	for (int n = 0; n < REDACT_TERM_UNITS; n++)
	{
		const TermNode *node;
		uint32_t next = unit.end;

		/* no term is that long */
		if (unit.end - unit.start > REDACT_TERM_BYTES)
			return true;
		add_unit(&seq, text, &unit);
		node = find_node(terms, seq.folded);
		if (!node->used)
			return true;
		if (node->ends != 0 &&
			!found(arg, terms, node, seq.exact, start, unit.end))
			return false;
		while (next < len && next < unit.end + MAX_GAP && is_gap(text[next]))
			next++;
		if (next >= len || !(redact_class[text[next]] & CC_ALNUM))
			return true;
		unit = read_unit(text, len, next);
	}
	return true;
}

static bool
offer_found(void *arg, const RedactTerms *terms, const TermNode *node,
			uint64_t exact, uint32_t start, uint32_t end)
{
	for (uint32_t i = node->ends; i != 0; i = terms->ends[i - 1].next)
	{
		const TermEnd *term = &terms->ends[i - 1];

		if (!term->match_case || term->exact == exact)
			redact_offer(arg, start, end, term->entity, TERM_SCORE,
						 "gazetteer");
	}
	return true;
}

void
redact_terms_step(RedactScanner *s, uint32_t end)
{
	const uint8_t *text = s->text;

	if (s->terms->nends == 0)
		return;
	while (s->terms_pos < end)
	{
		uint32_t pos = s->terms_pos;

		if (redact_class[text[pos]] & CC_ALNUM)
		{
			Unit unit = read_unit(text, s->len, pos);

			s->terms_pos = unit.end;
			match_from(s->terms, text, s->len, unit, offer_found, s);
		}
		else
		{
			uint32_t skip = text[pos] == '<' ? redact_placeholder(s, pos) : 0;

			s->terms_pos += skip > 0 ? skip : 1;
		}
	}
}

static bool
note_found(void *arg, const RedactTerms *terms, const TermNode *node,
		   uint64_t exact, uint32_t start, uint32_t end)
{
	(void) terms, (void) node, (void) exact, (void) start, (void) end;
	*(bool *) arg = true;
	return false;
}

bool
redact_terms_occur(const RedactTerms *terms, const char *text, size_t len)
{
	const uint8_t *bytes = (const uint8_t *) text;
	bool found = false;

	for (uint32_t pos = 0; pos < len && terms->nends > 0;)
	{
		Unit unit = {pos, pos + 1};

		if (redact_class[bytes[pos]] & CC_ALNUM)
		{
			unit = read_unit(bytes, len, pos);
			if (!match_from(terms, bytes, len, unit, note_found, &found))
				return true;
		}
		pos = unit.end;
	}
	return found;
}
