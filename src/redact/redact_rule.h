/*-------------------------------------------------------------------------
 *
 * redact_rule.h
 *		The rows of custom_rule: regular expressions beside the scanner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_RULE_H
#define INTEL_REDACT_RULE_H

#include "redact/redact_scan.h"

/*
 * Make the rules ready; returns whether there are any. May run SQL, so not
 * between redact_scanner_begin and the end of a scan.
 */
extern bool redact_rules_prepare(void);

/*
 * Offer what the rules find in the canonical text of a scan. key as in
 * redact_scanner_begin. Interruptible.
 */
extern void redact_rules_offer(RedactScanner *scanner,
							   const RedactProfile *profile, const char *key,
							   size_t key_len);

#endif /* INTEL_REDACT_RULE_H */
