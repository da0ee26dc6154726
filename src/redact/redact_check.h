/*-------------------------------------------------------------------------
 *
 * redact_check.h
 *		Check digits. Each function is told the digits (0 to 9, no
 *		separators) and their number, which the caller has checked to be one
 *		that the scheme allows.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_CHECK_H
#define INTEL_REDACT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

extern bool check_luhn(const uint8_t *d, int n);
extern bool check_all_equal(const uint8_t *d, int n);
extern bool check_us_ssn(const uint8_t *d, int n);

/* How sure the first digits and the length are a card's: 0, 1, 2 (16 digits). */
extern int check_card_range(const uint8_t *d, int n);

/*
 * ISO 7064 mod 97-10 over a rearranged account number: ASCII letters and
 * digits, country first. Also checks the country's length.
 */
extern bool check_iban(const uint8_t *text, int n);
/* The length of IBANs of a country (two capitals), or 0. */
extern int check_iban_length(uint8_t c1, uint8_t c2);

#endif /* INTEL_REDACT_CHECK_H */
