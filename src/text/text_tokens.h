/*-------------------------------------------------------------------------
 *
 * text_tokens.h
 *		How many tokens a text has, without a tokenizer: one pass, a price
 *		per atom by class and length, one row of prices per model family.
 *
 * Prices are in thousandths of a token. Pure C, no allocation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_TEXT_TEXT_TOKENS_H
#define INTEL_TEXT_TEXT_TOKENS_H

#include "text/text_scan.h"

#define TEXT_TOKEN 1000 /* the price of one token */

typedef struct TextFamily TextFamily;

/* The family of this name, or NULL. Names are listed in text_family_names. */
extern const TextFamily *text_family(const char *name);
extern const char *const text_family_names;

/* The family that a caller gets who names none. Never NULL. */
extern const TextFamily *text_family_default(void);

extern uint32_t text_atom_price(const TextFamily *family,
								const TextAtom *atom);

/*
 * The price of len bytes. poll, if not NULL, is called about every 64 kB and
 * may leave by longjmp.
 */
extern int64_t text_price(const TextFamily *family, const char *text,
						  size_t len, void (*poll)(void));

/* The same in whole tokens, rounded up. */
extern int64_t text_tokens(const TextFamily *family, const char *text,
						   size_t len, void (*poll)(void));

#endif /* INTEL_TEXT_TEXT_TOKENS_H */
