/*-------------------------------------------------------------------------
 *
 * redact_gazetteer.h
 *		The rows of gazetteer that the current user may see, as terms for the
 *		scanner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_GAZETTEER_H
#define INTEL_REDACT_GAZETTEER_H

#include "redact/redact_terms.h"

/*
 * The terms of the current role, subject and tenant; NULL when the table is
 * empty. Valid until the next call. May run SQL.
 */
extern const RedactTerms *redact_gazetteer_get(void);

#endif /* INTEL_REDACT_GAZETTEER_H */
