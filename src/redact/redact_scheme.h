/*-------------------------------------------------------------------------
 *
 * redact_scheme.h
 *		What the tables of identifiers say of a value, outside a scan.
 *
 * Values are capitals and digits without separators.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_SCHEME_H
#define INTEL_REDACT_SCHEME_H

#include <stdbool.h>
#include <stdint.h>

#include "redact/redact_entity.h"

typedef enum RedactChecked
{
	REDACT_CHECK_NONE,	/* there is no scheme with this form */
	REDACT_CHECK_OPEN,	/* or one without a check */
	REDACT_CHECK_FAILS, /* all that have this form have a check */
	REDACT_CHECK_HOLDS	/* and one of them holds */
} RedactChecked;

/*
 * What the schemes of an entity say of a value; of any entity that has a
 * check, if it is negative. *pattern is how the scheme is written: small
 * letters stand for themselves, NULL: digits only.
 */
extern RedactChecked redact_number_checked(int entity, const uint8_t *c, int n,
										   const char **pattern);
extern RedactChecked redact_code_checked(int entity, const uint8_t *c, int n,
										 const char **pattern);

/* Does an entity have schemes, and all of them a check? */
extern bool redact_always_checked(RedactEntity entity);
/* The parts of it: schemes of an entity, and those without a check. */
extern void redact_number_count(RedactEntity entity, int *count, int *open);
extern void redact_code_count(RedactEntity entity, int *count, int *open);

#endif /* INTEL_REDACT_SCHEME_H */
