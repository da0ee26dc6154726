/*-------------------------------------------------------------------------
 *
 * llm_builtin_embed.c
 *		The builtin embedding: hashed words, weighted and normalised.
 *
 * Every word, compound, pair of neighbouring words and group of letters
 * within a word is a feature. A feature has a few positions among the
 * dimensions and a sign at each, all taken from its hash, and adds its weight
 * there. Two texts then have about the cosine of their weighted word counts,
 * blurred by features that share positions.
 *
 * The weight of a word grows with its rarity, and with its count, but slower
 * and slower. It is added step by step as the word recurs, so one pass with a
 * table of counts is enough.
 *
 * All sums are integers, and what remains are a square root and a division,
 * which IEEE 754 rounds exactly: the same bits on every machine.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "llm/llm_builtin_embed.h"
#include "llm/llm_builtin_text.h"

/*
 * Shares of the kinds of features, in percent of a word. They and the tables
 * below were chosen by test/bench/builtin_eval.py.
 */
#define WORD_SHARE 100
#define COMPOUND_SHARE 130
#define PAIR_SHARE 25
#define LETTERS_SHARE 60

/* A first line that looks like a heading weighs this much, in percent. */
#define HEADING_WEIGHT 250
#define HEADING_BYTES 120

#define POSITIONS 4	   /* of a feature */
#define GRAM_LETTERS 4 /* with the word's start and end as letters */
#define PAIR_IDF 9	   /* words below make no pairs */

/* What the next occurrence of a feature adds: steps of 7n / (n + 6). */
static const int64_t count_step[] = {
	64, 48, 37, 30, 24, 20, 17, 15, 13, 11, 10, 9, 8,
	7,	6,	6,	5,	5,	4,	4,	4,	4,	3,	3,	0,
};
#define COUNT_LAST (sizeof(count_step) / sizeof(count_step[0]) - 1)

/* 1024 (idf / 63) ^ 0.75 */
static const int64_t idf_weight[BUILTIN_IDF_MAX + 1] = {
	0,	 46,  77,  104, 130, 153, 176, 197, 218, 238,  258,	 277,  295,
	314, 331, 349, 366, 383, 400, 417, 433, 449, 465,  481,	 497,  512,
	527, 542, 557, 572, 587, 602, 616, 630, 645, 659,  673,	 687,  701,
	715, 728, 742, 755, 769, 782, 796, 809, 822, 835,  848,	 861,  874,
	887, 900, 912, 925, 937, 950, 962, 975, 987, 1000, 1012, 1024,
};

/* 256 / sqrt(n): letter groups of a word together weigh no more than one. */
static const int64_t inverse_root[BUILTIN_WORD_BYTES + 1] = {
	0,	256, 181, 148, 128, 114, 105, 97, 91, 85, 81, 77, 74, 71, 68, 66, 64,
	62, 60,	 59,  57,  56,	55,	 53,  52, 51, 50, 49, 48, 48, 47, 46, 45, 45,
	44, 43,	 43,  42,  42,	41,	 40,  40, 40, 39, 39, 38, 38, 37, 37,
};

typedef struct Embedding
{
	int64_t sum[BUILTIN_DIM];
	size_t heading_end;
} Embedding;

/* ---- how often a feature was seen --------------------------------------- */

#define COUNTS_INITIAL 1024

typedef struct CountSlot
{
	uint64_t hash;
	uint32_t count; /* 0: empty */
} CountSlot;

typedef struct Counts
{
	CountSlot *slots;
	size_t size; /* a power of 2 */
	size_t used;
	CountSlot initial[COUNTS_INITIAL];
} Counts;

static CountSlot *
counts_find(CountSlot *slots, size_t size, uint64_t hash)
{
	size_t i = hash & (size - 1);

	while (slots[i].count != 0 && slots[i].hash != hash)
		i = (i + 1) & (size - 1);
	return &slots[i];
}

static void
counts_init(Counts *counts)
{
	memset(counts->initial, 0, sizeof(counts->initial));
	counts->slots = counts->initial;
	counts->size = COUNTS_INITIAL;
	counts->used = 0;
}

static void
counts_free(Counts *counts)
{
	if (counts->slots != counts->initial)
		free(counts->slots);
}

static bool
counts_grow(Counts *counts)
{
	size_t size = counts->size * 4;
	CountSlot *slots = calloc(size, sizeof(CountSlot));

	if (slots == NULL)
		return false;
	for (size_t i = 0; i < counts->size; i++)
	{
		if (counts->slots[i].count != 0)
			*counts_find(slots, size, counts->slots[i].hash) =
				counts->slots[i];
	}
	counts_free(counts);
	counts->slots = slots;
	counts->size = size;
	return true;
}

/* What this occurrence of a feature adds, or -1 when memory is out. */
static int64_t
counts_step(Counts *counts, uint64_t hash)
{
	CountSlot *slot;

	if (counts->used * 2 >= counts->size && !counts_grow(counts))
		return -1;
	slot = counts_find(counts->slots, counts->size, hash);
	if (slot->count == 0)
	{
		slot->hash = hash;
		counts->used++;
	}
	if (slot->count <= COUNT_LAST)
		slot->count++;
	return count_step[slot->count - 1];
}

/* ---- features ----------------------------------------------------------- */

static void
add_feature(Embedding *embedding, uint64_t hash, int64_t weight)
{
	uint64_t bits = builtin_mix(hash + UINT64_C(0x9E3779B97F4A7C15));

	/* 16 bits for each position: one the sign, the others the place */
	for (int i = 0; i < POSITIONS; i++)
	{
		uint32_t place = (uint32_t) (bits & 0x7FFF) * BUILTIN_DIM >> 15;

		if (bits & 0x8000)
			embedding->sum[place] -= weight;
		else
			embedding->sum[place] += weight;
		bits >>= 16;
	}
}

/*
 * Groups of neighbouring letters of a stem, so that a misspelled or derived
 * word is still a little like the right one.
 */
static void
add_letters(Embedding *embedding, const BuiltinToken *token, int64_t weight)
{
	char word[BUILTIN_WORD_BYTES + 2];
	size_t start[BUILTIN_WORD_BYTES + 3]; /* of each letter */
	size_t letters = 0;
	size_t groups;

	word[0] = '^';
	memcpy(word + 1, token->stem, token->length);
	word[token->length + 1] = '$';
	for (size_t i = 0; i < (size_t) token->length + 2; i++)
	{
		if ((word[i] & 0xC0) != 0x80)
			start[letters++] = i;
	}
	start[letters] = (size_t) token->length + 2;
	if (letters < GRAM_LETTERS + 2)
		return;

	groups = letters - GRAM_LETTERS + 1;
	weight = weight * inverse_root[groups] / 256;
	for (size_t i = 0; i < groups; i++)
		add_feature(embedding,
					builtin_hash(word + start[i],
								 start[i + GRAM_LETTERS] - start[i], 1),
					weight);
}

/* The weight of one occurrence that adds step of a feature of this rarity. */
static int64_t
occurrence(const Embedding *embedding, const BuiltinToken *token, int64_t idf,
		   int64_t step)
{
	int64_t weight = idf * step;

	if (token->start < embedding->heading_end)
		weight = weight * HEADING_WEIGHT / 100;
	return weight;
}

/* Add all features of a text; false when memory is out. */
static bool
add_text(Embedding *embedding, Counts *counts, const char *text, size_t len)
{
	BuiltinScanner scanner;
	BuiltinToken token;
	uint64_t before = 0;	/* the word before, 0: none */
	int64_t before_idf = 0; /* its weight */

	builtin_scan_start(&scanner, text, len);
	while (builtin_scan_next(&scanner, &token))
	{
		int64_t idf = idf_weight[token.idf];
		int64_t step = counts_step(counts, token.hash);
		int64_t weight;

		if (step < 0)
			return false;
		weight = occurrence(embedding, &token, idf, step);
		if (token.kind == BUILTIN_COMPOUND)
		{
			add_feature(embedding, token.hash, weight * COMPOUND_SHARE);
			continue;
		}
		add_feature(embedding, token.hash, weight * WORD_SHARE);
		if (token.kind != BUILTIN_WORD)
			continue;
		if (weight > 0)
			add_letters(embedding, &token, weight * LETTERS_SHARE);

		if (token.idf < PAIR_IDF)
			continue;
		if (before != 0)
		{
			uint64_t pair = builtin_mix(before * 3 + token.hash);
			int64_t rarity = idf < before_idf ? idf : before_idf;

			step = counts_step(counts, pair);
			if (step < 0)
				return false;
			weight = occurrence(embedding, &token, rarity, step);
			add_feature(embedding, pair, weight * PAIR_SHARE);
		}
		before = token.hash;
		before_idf = idf;
	}
	return true;
}

/* The end of a first line that is short and no sentence, or 0. */
static size_t
find_heading(const char *text, size_t len)
{
	size_t end = 0;

	while (end < len && end < HEADING_BYTES && text[end] != '\n')
		end++;
	if (end == 0 || end == len || text[end] != '\n' || text[end - 1] == '.')
		return 0;
	return end;
}

/* Scale the sums to unit length; all zeros stay. */
static void
normalise(const Embedding *embedding, float out[BUILTIN_DIM])
{
	uint64_t largest = 0;
	uint64_t squares = 0;
	int shift = 0;
	double length;

	for (int i = 0; i < BUILTIN_DIM; i++)
	{
		int64_t x = embedding->sum[i];

		largest |= (uint64_t) (x < 0 ? -x : x);
	}
	/* 384 squares of 27 bits fit 63 bits */
	while (largest >> shift >= UINT64_C(1) << 27)
		shift++;
	for (int i = 0; i < BUILTIN_DIM; i++)
	{
		int64_t x = embedding->sum[i] / (INT64_C(1) << shift);

		squares += (uint64_t) (x * x);
	}
	if (squares == 0)
		return;
	length = sqrt((double) squares);
	for (int i = 0; i < BUILTIN_DIM; i++)
	{
		int64_t x = embedding->sum[i] / (INT64_C(1) << shift);

		out[i] = (float) ((double) x / length);
	}
}

bool
builtin_embed(const char *text, size_t len, float out[BUILTIN_DIM])
{
	Embedding embedding = {.heading_end = find_heading(text, len)};
	Counts counts;
	bool done;

	memset(out, 0, BUILTIN_DIM * sizeof(float));
	counts_init(&counts);
	done = add_text(&embedding, &counts, text, len);
	counts_free(&counts);
	if (done)
		normalise(&embedding, out);
	return done;
}
