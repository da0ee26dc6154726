/*-------------------------------------------------------------------------
 *
 * redact_net.h
 *		Addresses that start with a digit, for the digit verifier.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_NET_H
#define INTEL_REDACT_NET_H

#include "redact/redact_scan_int.h"

/* The end of the dotted quad at pos, or 0. octets may be NULL. */
extern uint32_t redact_ipv4_end(const RedactScanner *s, uint32_t pos,
								uint8_t octets[4]);

/* Offer the address at pos; returns its end, or 0 when there is none. */
extern uint32_t redact_verify_ipv4(RedactScanner *s, uint32_t pos);
extern uint32_t redact_verify_mac(RedactScanner *s, uint32_t pos);

#endif /* INTEL_REDACT_NET_H */
