/*-------------------------------------------------------------------------
 *
 * redact_number.h
 *		A number as it is written, for those that verify it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_NUMBER_H
#define INTEL_REDACT_NUMBER_H

#include "redact/redact_scan_int.h"

#define NUMBER_GROUPS 20
#define NUMBER_DIGITS 24

typedef struct NumberGroup
{
	uint32_t start; /* canonical bytes */
	uint32_t end;
	uint8_t first; /* index of its first digit */
	uint8_t len;
	uint8_t
		sep; /* what follows before the next group; '~' blanks, '=' mixed */
} NumberGroup;

typedef struct RedactNumber
{
	NumberGroup groups[NUMBER_GROUPS];
	int ngroups;
	uint8_t digits[NUMBER_DIGITS + 1];
} RedactNumber;

extern void redact_number_read(const RedactScanner *s, uint32_t pos,
							   RedactNumber *number);

/* The best that a number can be, so far. */
typedef struct NumberBest
{
	RedactEntity entity;
	int score; /* 0: nothing */
	uint32_t end;
	const char *rule;
} NumberBest;

/* Take a candidate if it is better than the best, and wanted at its score. */
static inline void
redact_consider(const RedactScanner *s, NumberBest *best, RedactEntity entity,
				int score, uint32_t end, const char *rule)
{
	if (score <= best->score || score < s->profile->min_score[entity])
		return;
	best->entity = entity;
	best->score = score;
	best->end = end;
	best->rule = rule;
}

/* Try every national scheme on the first n groups. */
extern void redact_number_schemes(RedactScanner *s, const RedactNumber *number,
								  int n, const RedactCtx *ctx,
								  NumberBest *best);

/*
 * Are the first n groups written like "3-2-4"? '*' stands for any one
 * separator, '|' for another way to write it. A NULL shape fits nothing.
 */
extern bool redact_number_shape(const RedactNumber *number, int n,
								const char *shape);

/*
 * The telephone number whose first digits are at pos; offers it and returns
 * its end, or 0.
 */
extern uint32_t redact_verify_phone(RedactScanner *s, uint32_t pos,
									const RedactNumber *number);

/*
 * What starts at pos and is told by its form; each offers it and returns its
 * end, or 0.
 */
extern uint32_t redact_verify_address(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_date(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_age(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_gps(RedactScanner *s, uint32_t pos);

/* Codes of letters and digits around the digit at pos. */
extern void redact_verify_code(RedactScanner *s, uint32_t pos);

#endif /* INTEL_REDACT_NUMBER_H */
