/*-------------------------------------------------------------------------
 *
 * redact_scan_int.h
 *		What the scanner and its verifiers share. Not for other modules.
 *
 * A verifier is called with the position of a trigger byte in the canonical
 * text. It may look at a bounded number of bytes on both sides, offers
 * candidates through redact_offer, and returns the next position to look at,
 * which is greater than the one it was given.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_SCAN_INT_H
#define INTEL_REDACT_SCAN_INT_H

#include "redact/redact_scan.h"
#include "redact/redact_words.h"

/* Classes of bytes of the canonical text. */
#define CC_DIGIT 0x01
#define CC_LOWER 0x02
#define CC_UPPER 0x04
#define CC_HIGH 0x08  /* byte of a character beyond ASCII: taken as a letter */
#define CC_SPACE 0x10 /* blank, tab, line ends, NUL */
#define CC_LOCAL 0x20 /* may stand in the local part of an e-mail address */
#define CC_B64 0x40	  /* base64, base64url, and so most tokens */
#define CC_URL 0x80	  /* may stand in a URL */

#define CC_ALPHA (CC_LOWER | CC_UPPER | CC_HIGH)
#define CC_ALNUM (CC_ALPHA | CC_DIGIT)

extern const uint8_t redact_class[256];

/* Where canonical and original positions start to differ by another amount. */
typedef struct RedactAnchor
{
	uint32_t canon;
	uint32_t orig;
} RedactAnchor;

/*
 * One step of canonicalising. What comes out of one escape may be part of
 * another, so there may be several, each with what the one before it made.
 */
#define REDACT_LAYERS 4

typedef struct RedactLayer
{
	RedactAnchor *anchors;
	uint32_t nanchors;
	uint32_t anchors_size;
	uint32_t src_len;
} RedactLayer;

/* Classes of context words around a candidate, as a set. */
typedef struct RedactCtx
{
	uint64_t bits[3];
} RedactCtx;

/*
 * A context word that was seen, or a placeholder: what stands on its other
 * side is not near, or redacting would bring words near that were not.
 */
typedef struct RedactCtxHit
{
	uint32_t start;
	uint32_t end;
	uint8_t ctx[2]; /* classes; 0: none; both 0: a placeholder */
} RedactCtxHit;

/*
 * The tables of identifiers by their length, so that a number meets only those
 * it can be; made once per scanner. A chain starts at first[length] and goes
 * on at next[]; both hold an index plus one, 0 ends it.
 */
#define REDACT_MAX_SCHEMES 160
#define REDACT_MAX_LENGTH 24

typedef struct RedactChains
{
	uint8_t first[REDACT_MAX_LENGTH + 1];
	uint8_t next[REDACT_MAX_SCHEMES];
} RedactChains;

typedef struct RedactIndex
{
	RedactChains numbers;
	RedactChains codes;
	/* lengths that the first group of a number may have, one bit each */
	uint32_t first_group[REDACT_MAX_SCHEMES];
	/*
	 * and of all schemes for numbers of a length, for each of these lengths
	 * those of the second group; the words for one of them
	 */
	uint32_t second_groups[REDACT_MAX_LENGTH + 1][REDACT_MAX_LENGTH + 1];
	RedactCtx words[REDACT_MAX_LENGTH + 1];
	bool plain[REDACT_MAX_LENGTH + 1]; /* does one need neither? */
	RedactCtx number_words; /* for numbers of any length in a range */
	/* where a code has letters, and where digits, one bit per character */
	uint32_t letters[REDACT_MAX_SCHEMES];
	uint32_t digits[REDACT_MAX_SCHEMES];
} RedactIndex;

/* A run of characters that was measured: from within, it ends there too. */
typedef struct RedactRun
{
	uint32_t start;
	uint32_t end; /* 0: none */
} RedactRun;

/* A word that spoke against a candidate: from the one to the other. */
typedef struct RedactAgainst
{
	uint32_t start;
	uint32_t end;
} RedactAgainst;

/*
 * What is done behind the last byte of a pass, one after the other; each in
 * pieces, as there may be millions of candidates.
 */
typedef enum RedactPhase
{
	PHASE_SCAN,		 /* not there yet */
	PHASE_MERGE,	 /* candidates from outside, or an earlier pass */
	PHASE_ARBITRATE, /* make the candidates disjoint */
	PHASE_GLUED,	 /* is one glued to something? */
	PHASE_AGAINST,	 /* does one hide what spoke against another? */
	PHASE_HIDE,		 /* hide them, for another pass */
	PHASE_WIDEN,	 /* no pass is left: they take along what is glued */
	PHASE_SETTLE,	 /* and are made disjoint again */
	PHASE_MAP		 /* back to the original */
} RedactPhase;

#define REDACT_ALPHABETS 7 /* of tokens, see redact_secret.c */
#define NAME_MEMORY 256
#define CTX_RING 64
#define CTX_BEFORE 72 /* bytes before a candidate that count as near */
#define CTX_AFTER 40
#define CTX_BESIDE 20 /* and beside a short number */

struct RedactScanner
{
	const RedactProfile *profile;
	bool want_names;	  /* an entity of group NAMES is on */
	uint8_t trigger[256]; /* what each byte makes the driver do */
	const RedactTerms *terms;
	uint32_t terms_pos; /* looked for terms so far */

	/* the original, and what the current layer reads */
	const uint8_t *orig;
	uint32_t orig_len;
	const uint8_t *src;
	uint32_t src_len;
	uint32_t src_pos; /* canonicalised so far */

	/* the canonical text: either src itself, or buf */
	const uint8_t *text;
	uint32_t len;
	uint32_t pos; /* scanned so far */
	bool is_copy;
	bool canon_done;
	uint8_t *buf;
	uint32_t buf_size;
	uint8_t *spare; /* the buffer that the current layer reads, if any */
	uint32_t spare_size;
	RedactAnchor *anchors;
	uint32_t nanchors;
	uint32_t anchors_size;
	RedactLayer below[REDACT_LAYERS]; /* layers that are done */
	uint32_t nlayers;
	bool saw_escape; /* the start of one was left as it is */
	bool folded;	 /* something was dropped or became another */
	bool made_part;	 /* something became what may be part of an escape */

	/* candidates in order of start, in canonical positions until the end */
	RedactSpan *spans;
	int nspans;
	uint32_t spans_size;
	int passes; /* begun again because of glued data */

	/* candidates from outside or an earlier pass, in order up to batch */
	RedactSpan *extra;
	uint32_t nextra;
	uint32_t extra_size;
	uint32_t batch;

	/* the end of a pass */
	RedactPhase phase;
	int phase_at;		/* elements done; of a merge, still to do */
	int phase_kept;		/* elements that stay */
	uint32_t phase_end; /* where the last one ends */
	uint32_t best_len;	/* of the best of those that overlap */
	bool news;			/* the pass found something */

	/* context words seen, newest last; tokenised up to ctx_pos */
	RedactCtxHit ring[CTX_RING];
	uint32_t ring_next; /* total number ever written */
	uint32_t ctx_from;	/* start of what was tokenised without a gap */
	uint32_t ctx_pos;
	uint32_t ctx_prev; /* where the word before started, for phrases */
	uint32_t ctx_prev_len;
	RedactCtx key_ctx;	 /* words of the key */
	RedactCtx near_ctx;	 /* the last answer, as most are asked for twice */
	uint32_t near_start; /* and what it was for; end 0: none */
	uint32_t near_end;
	RedactAgainst *against;
	uint32_t nagainst;
	uint32_t against_size;

	RedactRun runs[REDACT_ALPHABETS];
	RedactRun value;			 /* of a "key=value" */
	RedactRun hex;				 /* of hexadecimal digits and dashes, so far */
	uint32_t hex_letter;		 /* behind the last letter of it */
	uint32_t token_end;			 /* tokens up to here have been looked at */
	bool token_short;			 /* the last one is no UUID or hash */
	uint32_t encoded_end;		 /* and lines of base64 */
	uint32_t url_end;			 /* and URLs */
	uint32_t host_end;			 /* and paths with dots */
	uint32_t zone_end;			 /* lines of capitals and '<' */
	uint32_t code_end;			 /* and codes of letters and digits */
	uint32_t person_end;		 /* of the last name that was sure */
	uint32_t name_end;			 /* and runs of capitalised words */
	uint32_t names[NAME_MEMORY]; /* hashes of parts of names found */
	uint32_t nnames;
	uint32_t depth;		  /* of decoded text within text */
	RedactScanner *inner; /* for decoded text; made when needed */
	RedactIndex index;

	uint32_t canon_slice; /* bytes of work between two returns */
	uint32_t scan_slice;
	uint32_t max_list;	 /* bytes: REDACT_MAX_LIST */
	RedactStatus status; /* REDACT_MORE, or why the scan failed */
};

/* Byte at i; 0, which is a separator, outside the text. */
static inline uint8_t
redact_at(const RedactScanner *s, uint32_t i)
{
	return i < s->len ? s->text[i] : 0;
}

static inline uint8_t
redact_class_at(const RedactScanner *s, uint32_t i)
{
	return redact_class[redact_at(s, i)];
}

/* Where the bytes of these classes end that start at from, at most limit. */
static inline uint32_t
redact_class_end(const RedactScanner *s, uint32_t from, uint32_t limit,
				 uint8_t classes)
{
	const uint8_t *text = s->text;
	uint32_t end =
		s->len > from && s->len - from > limit ? from + limit : s->len;
	uint32_t i = from;

	while (i < end && (redact_class[text[i]] & classes))
		i++;
	return i;
}

static inline uint8_t
redact_lower(uint8_t c)
{
	return (redact_class[c] & CC_UPPER) ? c | 0x20 : c;
}

/*
 * Canonical bytes [start, end) may be this entity. Below the threshold of the
 * profile nothing happens. rule is static text.
 */
extern void redact_offer(RedactScanner *s, uint32_t start, uint32_t end,
						 RedactEntity entity, int score, const char *rule);

/*
 * The bytes [start, end) stand for these n bytes of text. If that holds
 * anything, all of them are offered as what it holds.
 */
extern void redact_offer_decoded(RedactScanner *s, uint32_t start,
								 uint32_t end, const uint8_t *text,
								 uint32_t n);

static inline bool
redact_wants(const RedactScanner *s, RedactEntity entity)
{
	return s->profile->min_score[entity] != REDACT_OFF;
}

/* From the start of the canonical text. */
extern void redact_begin_pass(RedactScanner *s);

/*
 * redact_arbiter.c: make candidates disjoint and decide whether another pass
 * is needed. Begin when all is scanned, then step until the phase is
 * PHASE_SCAN again (another pass) or the status no longer REDACT_MORE.
 */
extern void redact_arbiter_begin(RedactScanner *s);
extern void redact_arbiter_step(RedactScanner *s);

/*
 * Grow *array to hold at least need elements; false and status set if not, as
 * when they would have more than max_list bytes.
 */
extern bool redact_reserve(RedactScanner *s, void **array, uint32_t *size,
						   uint64_t need, size_t elem);

/* redact_canon.c: make the canonical text in slices of the original. */
extern void redact_canon_begin(RedactScanner *s);
extern void redact_canon_step(RedactScanner *s, uint32_t slice);
/* Original range of a canonical one. */
extern void redact_canon_map(const RedactScanner *s, uint32_t start,
							 uint32_t end, uint32_t *orig_start,
							 uint32_t *orig_end);

/* redact_terms.c: offer the terms that start before end. */
extern void redact_terms_step(RedactScanner *s, uint32_t end);
/*
 * Hide what was found, as '<', bytes of no class, '>', or one such byte; false
 * when out of memory.
 */
#define REDACT_MASKED 0x01
extern bool redact_canon_mask(RedactScanner *s, uint32_t start, uint32_t end);

/* redact_context.c: which context words are near [start, end)? */
extern RedactCtx redact_context(RedactScanner *s, uint32_t start,
								uint32_t end);
/* The same, for numbers so short that only words beside them can tell. */
extern RedactCtx redact_context_beside(RedactScanner *s, uint32_t start,
									   uint32_t end);
/* Of all words of a key; of its last one, or the phrase that it ends. */
extern RedactCtx redact_context_of(const char *text, size_t len);
extern RedactCtx redact_context_last(const char *text, size_t len);

static inline bool
redact_ctx_has(const RedactCtx *ctx, int class)
{
	return (ctx->bits[class >> 6] >> (class & 63)) & 1;
}

static inline void
redact_ctx_add(RedactCtx *ctx, int class)
{
	ctx->bits[class >> 6] |= UINT64_C(1) << (class & 63);
}

static inline bool
redact_ctx_meets(const RedactCtx *a, const RedactCtx *b)
{
	return ((a->bits[0] & b->bits[0]) | (a->bits[1] & b->bits[1]) |
			(a->bits[2] & b->bits[2])) != 0;
}

/* A word of the dictionary: folded lower case; NULL when unknown. */
typedef struct RedactWord
{
	uint8_t len;
	uint8_t ctx[2];
	uint16_t flags;
	const char *chars;
} RedactWord;

#define REDACT_HASH_INIT 2166136261u
static inline uint32_t
redact_hash_byte(uint32_t hash, uint8_t c)
{
	return (hash ^ c) * 16777619u;
}
extern bool redact_word_find(uint32_t hash, const uint8_t *word, uint32_t len,
							 RedactWord *found);

/*
 * The placeholder that starts at pos ("<EMAIL_ADDRESS_3>"), or 0: its length.
 * What stands in one is neither data nor context.
 */
extern uint32_t redact_placeholder(const RedactScanner *s, uint32_t pos);

/* Scheme i has this length; to be called for the last one first. */
static inline void
redact_chain(RedactChains *chains, size_t i, uint32_t length)
{
	chains->next[i] = chains->first[length];
	chains->first[length] = i + 1;
}
/* Was the run around pos measured before? */
static inline bool
redact_in_run(const RedactRun *run, uint32_t pos)
{
	return pos >= run->start && pos < run->end;
}

extern void redact_index_numbers(RedactIndex *index);
extern void redact_index_codes(RedactIndex *index);

/* Verifiers, one file per family. */
extern uint32_t redact_verify_digit(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_at(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_colon(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_zone(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_dot(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_name(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_small(RedactScanner *s, uint32_t pos);
extern void redact_verify_native_name(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_equals(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_token(RedactScanner *s, uint32_t pos);

#endif /* INTEL_REDACT_SCAN_INT_H */
