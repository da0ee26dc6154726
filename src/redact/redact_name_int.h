/*-------------------------------------------------------------------------
 *
 * redact_name_int.h
 *		What redact_name.c and redact_organisation.c share.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_NAME_INT_H
#define INTEL_REDACT_NAME_INT_H

#include "redact/redact_scan_int.h"

#define RUN_WORDS 8
#define WORD_LEN 32

typedef struct NameWord
{
	uint32_t start;
	uint32_t end;
	uint16_t flags;	  /* of the dictionary; 0: unknown */
	bool known;		  /* in the dictionary at all */
	bool particle;	  /* "de", "van": small, between names */
	bool initial;	  /* "J." */
	bool upper;		  /* all capitals */
	bool camel;		  /* a capital behind a small letter: a program's */
	bool surname_ish; /* by its ending */
	bool seen;		  /* part of a name found before */
	uint32_t hash;
	uint8_t len;
	uint8_t hyphen; /* letters before one, or 0 */
	uint8_t folded[WORD_LEN];
} NameWord;

/* What surrounds a run. */
typedef struct Cues
{
	bool sentence_start;
	bool title;
	bool person_before;
	bool place_before;
	bool org_before;
	bool job_before;   /* somebody works there */
	bool org_label;	   /* "Company:" */
	bool org_after;	   /* a verb, or what it is */
	bool person_after; /* a verb, or 's */
	bool label;		   /* "Name:" */
	bool alone;		   /* on a line of its own */
	bool alone_before; /* at the start of a line, or behind "[10:42]" */
} Cues;

static inline bool
is_common(const NameWord *w)
{
	return w->flags &
		   (REDACT_WORD_COMMON | REDACT_WORD_MONTH | REDACT_WORD_WEEKDAY |
			REDACT_WORD_STREET | REDACT_WORD_UNIT | REDACT_WORD_SALUTE |
			REDACT_WORD_LABEL);
}

static inline bool
is_unknown(const NameWord *w)
{
	return !w->known && w->len >= 3 && !w->particle && !w->initial &&
		   !w->camel;
}

/* Read the word at pos. */
extern void redact_name_read(const RedactScanner *s, uint32_t pos,
							 NameWord *w);
/* The word that ends before pos; false if punctuation stands between. */
extern bool redact_name_before(const RedactScanner *s, uint32_t pos,
							   NameWord *w);
/* Is a word one of a list? */
extern bool redact_name_is(const NameWord *w, const char *const *list,
						   size_t n);
#define WORD_IS(w, list)                                                      \
	redact_name_is(w, list, sizeof(list) / sizeof(list[0]))

/* What the dictionary knows of two words as one name: "New York". */
extern uint16_t redact_name_pair(const NameWord *a, const NameWord *b);

/* Does somebody do at end, behind a name, what people do? */
extern bool redact_person_follows(const RedactScanner *s, uint32_t end);

/*
 * What speaks of an organisation around the run [start, end): before is the
 * word before start.
 */
extern void redact_organisation_before(const RedactScanner *s,
									   const NameWord *before, Cues *cues);
/* Is it the label of a field with an organisation? */
extern bool redact_organisation_label(const NameWord *w);
extern bool redact_organisation_after(const RedactScanner *s, uint32_t end,
									  const NameWord *after);
/* Offer words [from, to) of a run, if the cues make them an organisation. */
extern bool redact_organisation_cued(RedactScanner *s, const NameWord *words,
									 int from, int to, const Cues *cues);
/*
 * Offer the organisation that a run is or begins with, by what it ends with or
 * where it stands; returns the word behind it, or 0.
 */
extern int redact_organisation(RedactScanner *s, const NameWord *words, int n);

#endif /* INTEL_REDACT_NAME_INT_H */
