/*-------------------------------------------------------------------------
 *
 * redact_context.c
 *		Words near a candidate that tell what it is.
 *
 * Words are looked up only around candidates, and each at most once: the
 * tokeniser runs from where it stopped, or from CTX_BEFORE bytes before the
 * candidate if that is further on, to CTX_AFTER bytes behind it. What it
 * finds stays in a ring that is larger than a window can fill.
 *
 * A word is a run of letters, and also that run with digits behind it
 * ("sha256"); an underscore or the step from lower to upper case ends it, so
 * that phone_number and phoneNumber are words too.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_scan_int.h"

#define REDACT_WORDS_DATA
#include "redact/redact_words.h"

#define MAX_WORD 40

/*
 * An entry of the dictionary: its length, its two classes, its flags, and from
 * ENTRY_WORD on the word. NULL if no entry is this word, of any case.
 */
#define ENTRY_WORD 5

static inline const uint8_t *
find_entry(uint32_t hash, const uint8_t *word, uint32_t len)
{
	uint32_t slot = hash & REDACT_WORDS_MASK;

	while (redact_word_slots[slot] != 0)
	{
		const uint8_t *entry = redact_word_blob + redact_word_slots[slot];
		uint32_t i = 0;

		if (entry[0] == len)
		{
			while (i < len && redact_lower(word[i]) == entry[ENTRY_WORD + i])
				i++;
			if (i == len)
				return entry;
		}
		slot = (slot + 1) & REDACT_WORDS_MASK;
	}
	return NULL;
}

static inline uint16_t
entry_flags(const uint8_t *entry)
{
	return entry[3] | entry[4] << 8;
}

bool
redact_word_find(uint32_t hash, const uint8_t *word, uint32_t len,
				 RedactWord *found)
{
	const uint8_t *entry = find_entry(hash, word, len);

	if (entry == NULL)
		return false;
	found->len = len;
	found->ctx[0] = entry[1];
	found->ctx[1] = entry[2];
	found->flags = entry_flags(entry);
	found->chars = (const char *) entry + ENTRY_WORD;
	return true;
}

/* A word of a text, folded to lower case. */
typedef struct CtxWord
{
	uint32_t start;
	uint32_t len; /* of the letters */
	uint32_t hash;
	uint8_t folded[MAX_WORD];
} CtxWord;

/* Most words of a text are no context: told without a look at them. */
static inline bool
may_be_context(uint32_t hash)
{
	return redact_word_near[hash >> 5 & 1023] >> (hash & 31) & 1;
}

static inline bool
has_context_form(const uint8_t *text, uint32_t start, uint32_t end)
{
	uint32_t n = end - start;
	uint32_t form = (n < 15 ? n : 15) << 10 | (text[start] & 31) << 5 |
					(text[end - 1] & 31);

	return redact_word_forms[form >> 5] >> (form & 31) & 1;
}

static bool
look_up(const uint8_t *word, uint32_t len, RedactWord *found)
{
	uint32_t hash = REDACT_HASH_INIT;

	for (uint32_t i = 0; i < len; i++)
		hash = redact_hash_byte(hash, word[i]);
	return redact_word_find(hash, word, len, found);
}

/* "first second" of a text, where second was found to end a phrase. */
static bool
look_up_phrase(const uint8_t *text, uint32_t first, uint32_t first_len,
			   const CtxWord *second, RedactWord *found)
{
	uint8_t phrase[2 * MAX_WORD + 1];
	uint32_t len = 0;

	for (uint32_t i = 0; i < first_len; i++)
		phrase[len++] = redact_lower(text[first + i]);
	phrase[len++] = ' ';
	memcpy(phrase + len, second->folded, second->len);
	return look_up(phrase, len + second->len, found);
}

/* Letters in small; 0: none. */
static const uint8_t letter[256] = {
#define L(large, small) [large] = small, [small] = small
	L('A', 'a'), L('B', 'b'), L('C', 'c'), L('D', 'd'), L('E', 'e'),
	L('F', 'f'), L('G', 'g'), L('H', 'h'), L('I', 'i'), L('J', 'j'),
	L('K', 'k'), L('L', 'l'), L('M', 'm'), L('N', 'n'), L('O', 'o'),
	L('P', 'p'), L('Q', 'q'), L('R', 'r'), L('S', 's'), L('T', 't'),
	L('U', 'u'), L('V', 'v'), L('W', 'w'), L('X', 'x'), L('Y', 'y'),
	L('Z', 'z'),
#undef L
#define H(c) [c] = c, [c + 1] = c + 1, [c + 2] = c + 2, [c + 3] = c + 3
#define H16(c) H(c), H(c + 4), H(c + 8), H(c + 12)
	H16(0x80),	 H16(0x90),	  H16(0xa0),   H16(0xb0),	H16(0xc0),
	H16(0xd0),	 H16(0xe0),	  H16(0xf0)
#undef H16
#undef H
};

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * The end of the small letters that start at start, eight bytes at a time: in
 * each, the top bit of one sum tells whether it is 'a' at least, of the other
 * whether it is more than 'z'. Neither carries into the next byte.
 */
static inline uint32_t
lower_end(const uint8_t *text, uint32_t len, uint32_t start)
{
	uint32_t i = start;

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (; len - i >= 8; i += 8)
	{
		uint64_t bytes;
		uint64_t low;
		uint64_t other;

		memcpy(&bytes, text + i, 8);
		low = bytes & EACH(0x7f);
		other = bytes | ~(low + EACH(0x80 - 'a')) | (low + EACH(0x7f - 'z'));
		other &= EACH(0x80);
		if (other != 0)
			return i + __builtin_ctzll(other) / 8;
	}
#endif
	while (i < len && (redact_class[text[i]] & CC_LOWER))
		i++;
	return i;
}

/*
 * The end of the word that starts at start. The step from small to large ends
 * it.
 */
static inline uint32_t
word_end(const uint8_t *text, uint32_t len, uint32_t start)
{
	uint32_t i = lower_end(text, len, start);

	if (i > start && (i >= len || !(redact_class[text[i]] & CC_HIGH)))
		return i;
	do
	{
		while (i < len && (redact_class[text[i]] & (CC_UPPER | CC_HIGH)))
			i++;
		i = lower_end(text, len, i);
	} while (i < len && (redact_class[text[i]] & CC_HIGH));
	return i;
}

static inline uint32_t
hash_word(const uint8_t *text, uint32_t start, uint32_t end)
{
	uint32_t hash = REDACT_HASH_INIT;

	for (uint32_t i = start; i < end; i++)
		hash = redact_hash_byte(hash, letter[text[i]]);
	return hash;
}

/*
 * The next word of text at or after *pos. Returns false at the end; *pos is
 * behind the word.
 */
static bool
next_word(const uint8_t *text, uint32_t len, uint32_t *pos, CtxWord *word)
{
	uint32_t i = *pos;

	while (i < len && letter[text[i]] == 0)
		i++;
	*pos = i;
	if (i >= len)
		return false;
	*pos = word_end(text, len, i);
	word->hash = hash_word(text, i, *pos);
	word->start = i;
	word->len = *pos - i;
	for (uint32_t k = 0; k < word->len && k < MAX_WORD; k++)
		word->folded[k] = letter[text[i + k]];
	return true;
}

/* Add the classes of a word to the ring. */
static void
add_hit(RedactScanner *s, uint32_t start, uint32_t end, const uint8_t *entry)
{
	RedactCtxHit *hit;

	hit = &s->ring[s->ring_next++ % CTX_RING];
	hit->start = start;
	hit->end = end;
	hit->ctx[0] = entry[1];
	hit->ctx[1] = entry[2];
}

/*
 * The word [start, end) ends a phrase: a hit, if the phrase that it ends is
 * context. What parts its words counts as a blank.
 */
static void
note_phrase(RedactScanner *s, uint32_t start, uint32_t end)
{
	const uint8_t *text = s->text;
	uint32_t first = s->ctx_prev;
	uint32_t first_end = first + s->ctx_prev_len;
	uint8_t phrase[2 * MAX_WORD + 1];
	const uint8_t *entry;
	uint32_t hash;
	uint32_t len;

	if (s->ctx_prev_len == 0 || start - first_end > 3)
		return;
	hash = redact_hash_byte(hash_word(text, first, first_end), ' ');
	for (uint32_t i = start; i < end; i++)
		hash = redact_hash_byte(hash, letter[text[i]]);
	if (!may_be_context(hash))
		return;
	len = s->ctx_prev_len;
	memcpy(phrase, text + first, len);
	phrase[len++] = ' ';
	memcpy(phrase + len, text + start, end - start);
	entry = find_entry(hash, phrase, len + end - start);
	if (entry != NULL && entry[1] != 0)
		add_hit(s, first, end, entry);
}

/*
 * The word [start, end) may be context, alone or with the digits behind it: a
 * hit, if it is, and one if it ends a phrase that is. Not inlined, like all
 * that few words need, so that the loop over all of them keeps its registers.
 */
static __attribute__((noinline)) void
note_word(RedactScanner *s, uint32_t start, uint32_t end)
{
	const uint8_t *text = s->text;
	uint32_t hash = hash_word(text, start, end);
	const uint8_t *entry = NULL;

	if (redact_class_at(s, end) & CC_DIGIT)
	{
		uint32_t most = MAX_WORD - (end - start);
		uint32_t stop =
			redact_class_end(s, end, most < 4 ? most : 4, CC_DIGIT);
		uint32_t longer = hash;

		for (uint32_t i = end; i < stop; i++)
			longer = redact_hash_byte(longer, text[i]);
		if (may_be_context(longer))
			entry = find_entry(longer, text + start, stop - start);
	}
	if (entry == NULL && may_be_context(hash))
		entry = find_entry(hash, text + start, end - start);
	if (entry == NULL)
		return;
	if (entry[1] != 0)
		add_hit(s, start, end, entry);
	if (entry_flags(entry) & REDACT_WORD_PHRASE)
		note_phrase(s, start, end);
}

/* The word that starts at start; returns its end. */
static inline uint32_t
take_word(RedactScanner *s, uint32_t start)
{
	const uint8_t *text = s->text;
	uint32_t end = word_end(text, s->len, start);

	/* the name of a machine says nothing of what stands near it */
	if (end - start > MAX_WORD || (start > 0 && text[start - 1] == '@'))
	{
		s->ctx_prev_len = 0;
		return end;
	}
	if (has_context_form(text, start, end) ||
		(redact_class_at(s, end) & CC_DIGIT))
		note_word(s, start, end);
	s->ctx_prev = start;
	s->ctx_prev_len = end - start;
	return end;
}

/* What may be a placeholder at pos; returns what follows it. */
static __attribute__((noinline)) uint32_t
take_placeholder(RedactScanner *s, uint32_t pos)
{
	static const uint8_t placeholder[ENTRY_WORD] = {0};
	uint32_t skip = redact_placeholder(s, pos);

	if (skip > 0 || s->text[pos] == REDACT_MASKED)
		add_hit(s, pos, pos + 1, placeholder);
	return pos + (skip > 0 ? skip : 1);
}

/* A letter, or what may be a placeholder. */
static const bool begins[256] = {
	['a' ... 'z'] = true, ['A' ... 'Z'] = true,	  [0x80 ... 0xff] = true,
	['<'] = true,		  [REDACT_MASKED] = true,
};

/* Find context words up to canonical position upto. */
static __attribute__((noinline)) void
tokenise(RedactScanner *s, uint32_t upto)
{
	const uint8_t *text = s->text;
	const uint8_t *stop = text + (upto < s->len ? upto : s->len);
	uint32_t pos = s->ctx_pos;

	for (;;)
	{
		const uint8_t *p = text + pos;

		while (p < stop && !begins[*p])
			p++;
		pos = p - text;
		if (p >= stop)
			break;
		pos = letter[text[pos]] != 0 ? take_word(s, pos)
									 : take_placeholder(s, pos);
	}
	s->ctx_pos = pos;
}

/*
 * Words that speak against a candidate were counted, in a range that begins or
 * ends with it: should something in it turn out to be hidden, the candidate
 * must be looked at again.
 */
static void
note_against(RedactScanner *s, const RedactAgainst *range)
{
	const RedactAgainst *last =
		s->nagainst > 0 ? &s->against[s->nagainst - 1] : NULL;

	if (range->end == 0 || (last != NULL && last->start <= range->start &&
							last->end >= range->end))
		return;
	if (redact_reserve(s, (void **) &s->against, &s->against_size,
					   s->nagainst + 1, sizeof(RedactAgainst)))
		s->against[s->nagainst++] = *range;
}

/* from, or the end of a placeholder that it is in; at most limit. */
static uint32_t
behind_placeholder(const RedactScanner *s, uint32_t from, uint32_t limit)
{
	uint32_t i = from;
	uint32_t end;

	while (i > 0 && from - i < 100 &&
		   ((redact_class_at(s, i) & (CC_LOWER | CC_UPPER | CC_DIGIT)) ||
			redact_at(s, i) == '_' || redact_at(s, i) == ':' ||
			redact_at(s, i) == '>'))
		i--;
	if (redact_at(s, i) != '<')
		return from;
	end = i + redact_placeholder(s, i);
	return end <= from ? from : end < limit ? end : limit;
}

/* Context words from before bytes before start to after bytes behind end. */
static RedactCtx
context_within(RedactScanner *s, uint32_t start, uint32_t end, uint32_t before,
			   uint32_t after)
{
	RedactCtx ctx = s->key_ctx;
	RedactAgainst against = {start, 0};
	uint32_t from = start > before ? start - before : 0;
	uint32_t kept;

	if (s->ctx_pos < from || s->ctx_from > from)
	{
		/* start anew, but not from within a word or placeholder */
		from = behind_placeholder(s, from, start);
		while (from > 0 && from < start &&
			   (redact_class_at(s, from - 1) & CC_ALPHA))
			from++;
		s->ctx_from = start > before ? start - before : 0;
		s->ctx_pos = from;
		s->ctx_prev_len = 0;
		s->ring_next = 0;
	}
	tokenise(s, end + after);

	kept = s->ring_next < CTX_RING ? s->ring_next : CTX_RING;
	for (uint32_t i = 1; i <= kept; i++)
	{
		const RedactCtxHit *hit = &s->ring[(s->ring_next - i) % CTX_RING];

		if (hit->end + before < start)
			break;
		if (hit->start >= end + after ||
			(hit->start >= start && hit->end <= end))
			continue;
		if (hit->ctx[0] == 0 && hit->start < start)
			break;
		if (hit->ctx[0] == 0)
		{
			ctx = s->key_ctx;
			continue;
		}
		redact_ctx_add(&ctx, hit->ctx[0]);
		if (hit->ctx[1] != 0)
			redact_ctx_add(&ctx, hit->ctx[1]);
		if (hit->ctx[0] == REDACT_CTX_NEGATIVE ||
			hit->ctx[1] == REDACT_CTX_NEGATIVE)
		{
			if (hit->start < against.start)
				against.start = hit->start;
			if (hit->end > against.end)
				against.end = hit->end;
		}
	}
	if (against.end > 0 && against.end < start)
		against.end = start;
	note_against(s, &against);
	ctx.bits[0] &= ~UINT64_C(1);
	return ctx;
}

RedactCtx
redact_context(RedactScanner *s, uint32_t start, uint32_t end)
{
	if (s->near_end != end || s->near_start != start)
	{
		s->near_ctx = context_within(s, start, end, CTX_BEFORE, CTX_AFTER);
		s->near_start = start;
		s->near_end = end;
	}
	return s->near_ctx;
}

RedactCtx
redact_context_beside(RedactScanner *s, uint32_t start, uint32_t end)
{
	return context_within(s, start, end, CTX_BESIDE, 0);
}

RedactCtx
redact_context_of(const char *text, size_t len)
{
	RedactCtx ctx = {{0}};
	uint32_t pos = 0;
	CtxWord word;
	RedactWord entry;
	uint32_t prev = 0;
	uint32_t prev_len = 0;

	/* a key that is longer says nothing */
	if (len > 256)
		len = 256;
	while (next_word((const uint8_t *) text, len, &pos, &word))
	{
		if (word.len > MAX_WORD)
			continue;
		if (look_up(word.folded, word.len, &entry))
		{
			redact_ctx_add(&ctx, entry.ctx[0]);
			redact_ctx_add(&ctx, entry.ctx[1]);
			if ((entry.flags & REDACT_WORD_PHRASE) && prev_len > 0 &&
				look_up_phrase((const uint8_t *) text, prev, prev_len, &word,
							   &entry))
			{
				redact_ctx_add(&ctx, entry.ctx[0]);
				redact_ctx_add(&ctx, entry.ctx[1]);
			}
		}
		prev = word.start;
		prev_len = word.len;
	}
	ctx.bits[0] &= ~UINT64_C(1);
	return ctx;
}

RedactCtx
redact_context_last(const char *text, size_t len)
{
	RedactCtx ctx = {{0}};
	uint32_t pos = 0;
	CtxWord word = {0};
	RedactWord entry;
	uint32_t prev = 0;
	uint32_t prev_len = 0;
	uint32_t last = 0;
	uint32_t last_len = 0;

	while (next_word((const uint8_t *) text, len, &pos, &word))
	{
		prev = last;
		prev_len = last_len;
		last = word.start;
		last_len = word.len;
	}
	if (last_len == 0 || last_len > MAX_WORD || prev_len > MAX_WORD)
		return ctx;
	for (uint32_t i = 0; i < last_len; i++)
		word.folded[i] = redact_lower(text[last + i]);
	word.len = last_len;
	if (!look_up(word.folded, word.len, &entry))
		return ctx;
	redact_ctx_add(&ctx, entry.ctx[0]);
	redact_ctx_add(&ctx, entry.ctx[1]);
	if ((entry.flags & REDACT_WORD_PHRASE) && prev_len > 0 &&
		look_up_phrase((const uint8_t *) text, prev, prev_len, &word, &entry))
	{
		redact_ctx_add(&ctx, entry.ctx[0]);
		redact_ctx_add(&ctx, entry.ctx[1]);
	}
	ctx.bits[0] &= ~UINT64_C(1);
	return ctx;
}
