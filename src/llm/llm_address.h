/*-------------------------------------------------------------------------
 *
 * llm_address.h
 *		Which network addresses a provider may live at.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_ADDRESS_H
#define INTEL_LLM_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

typedef enum LlmAddress
{
	LLM_ADDRESS_PUBLIC,	   /* the open internet */
	LLM_ADDRESS_PRIVATE,   /* needs allow_private_network */
	LLM_ADDRESS_FORBIDDEN, /* never: metadata services, multicast, ... */
} LlmAddress;

/*
 * The class of an address as the resolver returned it. IPv4 addresses inside
 * IPv6 (mapped, compatible, NAT64, 6to4) count as the IPv4 address. Anything
 * that is not IPv4 or IPv6, or too short, is forbidden.
 */
extern LlmAddress llm_address_class(const struct sockaddr *address,
									socklen_t len);

extern bool llm_address_allowed(const struct sockaddr *address, socklen_t len,
								bool allow_private);

/* The same for an address in text form, without zone or port. */
extern LlmAddress llm_address_class_text(const char *text);

/*
 * Is the host of url the one of pattern, or with "*." in front, below it? Both
 * in any case; url is of the form that the table of providers demands.
 */
extern bool llm_address_host_matches(const char *url, const char *pattern);

#endif /* INTEL_LLM_ADDRESS_H */
