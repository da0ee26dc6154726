/*-------------------------------------------------------------------------
 *
 * llm_builtin_text.h
 *		Words of a text, folded, stemmed and weighted: what both builtin
 *		models read.
 *
 * Pure: no postgres.h. Independent of locale, so the same text gives the same
 * words on every machine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_BUILTIN_TEXT_H
#define INTEL_LLM_BUILTIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A longer word keeps this many bytes of its folded form. */
#define BUILTIN_WORD_BYTES 48

/* Weights of words: inverse document frequency, in eighths of a nat. */
#define BUILTIN_IDF_UNIT 8
#define BUILTIN_IDF_MAX 63

typedef enum BuiltinKind
{
	BUILTIN_WORD,	  /* letters and digits of a script that has spaces */
	BUILTIN_COMPOUND, /* follows the words that it joins: e-mail, pg_dump */
	BUILTIN_GRAM	  /* one or two letters of a script without spaces */
} BuiltinKind;

typedef struct BuiltinToken
{
	BuiltinKind kind;
	size_t start; /* bytes of the text */
	size_t end;
	uint64_t hash;	/* of the stem; equal stems have equal hashes */
	uint8_t idf;	/* BUILTIN_IDF_UNIT, at most BUILTIN_IDF_MAX */
	uint8_t length; /* bytes of stem */
	char stem[BUILTIN_WORD_BYTES];
} BuiltinToken;

/* Private to llm_builtin_text.c; lives on the caller's stack. */
typedef struct BuiltinScanner
{
	const unsigned char *text;
	size_t length;
	size_t at;
	uint32_t previous;	   /* letter before, in a script without spaces */
	size_t previous_start; /* where it began */
	bool pair_next;		   /* its pair with the letter at hand is due */
	int parts;			   /* of the compound so far */
	bool joined;		   /* the next word belongs to the compound */
	size_t compound_start;
	size_t compound_end;
	size_t compound_length;
	unsigned char compound[BUILTIN_WORD_BYTES];
} BuiltinScanner;

extern void builtin_scan_start(BuiltinScanner *scanner, const char *text,
							   size_t length);
/* The next token; false at the end. */
extern bool builtin_scan_next(BuiltinScanner *scanner, BuiltinToken *token);

/* Hashes that are the same on every machine. */
extern uint64_t builtin_mix(uint64_t x);
extern uint64_t builtin_hash(const void *bytes, size_t length, uint64_t seed);

#endif /* INTEL_LLM_BUILTIN_TEXT_H */
