/*-------------------------------------------------------------------------
 *
 * llm_address.c
 *		Which network addresses a provider may live at.
 *
 * The check runs on the address that a socket is about to be opened to, after
 * DNS, so neither odd spellings of an address nor a name that changes its
 * mind between two look-ups gets past it. The tables follow the IANA
 * special-purpose registries. Metadata services of clouds hand credentials to
 * whoever connects, so they stay forbidden where private networks are
 * allowed.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "llm/llm_address.h"

typedef struct Block4
{
	uint32_t network;
	int bits;
	LlmAddress class;
} Block4;

#define IP4(a, b, c, d)                                                       \
	(((uint32_t) (a) << 24) | ((uint32_t) (b) << 16) | ((c) << 8) | (d))

/* The first match counts, so exceptions stand before their network. */
static const Block4 blocks4[] = {
	{IP4(100, 100, 100, 200), 32, LLM_ADDRESS_FORBIDDEN}, /* metadata */
	{IP4(192, 0, 0, 192), 32, LLM_ADDRESS_FORBIDDEN},	  /* metadata */
	{IP4(168, 63, 129, 16), 32, LLM_ADDRESS_FORBIDDEN},	  /* metadata */
	{IP4(0, 0, 0, 0), 8, LLM_ADDRESS_FORBIDDEN},		  /* this network */
	{IP4(10, 0, 0, 0), 8, LLM_ADDRESS_PRIVATE},
	{IP4(100, 64, 0, 0), 10, LLM_ADDRESS_PRIVATE},	  /* carrier NAT */
	{IP4(127, 0, 0, 0), 8, LLM_ADDRESS_PRIVATE},	  /* loopback */
	{IP4(169, 254, 0, 0), 16, LLM_ADDRESS_FORBIDDEN}, /* link, metadata */
	{IP4(172, 16, 0, 0), 12, LLM_ADDRESS_PRIVATE},
	{IP4(192, 0, 0, 0), 24, LLM_ADDRESS_FORBIDDEN},	  /* protocols */
	{IP4(192, 0, 2, 0), 24, LLM_ADDRESS_FORBIDDEN},	  /* documentation */
	{IP4(192, 88, 99, 0), 24, LLM_ADDRESS_FORBIDDEN}, /* 6to4 relay */
	{IP4(192, 168, 0, 0), 16, LLM_ADDRESS_PRIVATE},
	{IP4(198, 18, 0, 0), 15, LLM_ADDRESS_FORBIDDEN},   /* benchmarks */
	{IP4(198, 51, 100, 0), 24, LLM_ADDRESS_FORBIDDEN}, /* documentation */
	{IP4(203, 0, 113, 0), 24, LLM_ADDRESS_FORBIDDEN},  /* documentation */
	{IP4(224, 0, 0, 0), 3, LLM_ADDRESS_FORBIDDEN}, /* multicast, reserved */
};

typedef struct Block6
{
	uint8_t network[16];
	int bits;
	LlmAddress class;
} Block6;

static const Block6 blocks6[] = {
	{{0xfd, 0x00, 0x0e, 0xc2}, 32, LLM_ADDRESS_FORBIDDEN}, /* metadata, time */
	{{0xfd, 0x00, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 0xa9, 0xfe, 0xa9, 0xfe},
	 128,
	 LLM_ADDRESS_FORBIDDEN}, /* metadata */
	{{0xfd, 0x00, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x42},
	 128,
	 LLM_ADDRESS_FORBIDDEN}, /* metadata */
	{{0xfd, 0x20, 0, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54},
	 128,
	 LLM_ADDRESS_FORBIDDEN}, /* metadata */
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
	 128,
	 LLM_ADDRESS_PRIVATE},								   /* loopback */
	{{0xfc, 0x00}, 7, LLM_ADDRESS_PRIVATE},				   /* unique local */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, LLM_ADDRESS_FORBIDDEN}, /* documentation */
	{{0x3f, 0xff, 0x00}, 20, LLM_ADDRESS_FORBIDDEN},	   /* documentation */
	{{0x20, 0x01, 0x00, 0x00}, 23, LLM_ADDRESS_FORBIDDEN}, /* Teredo, ... */
	{{0x20, 0x00}, 3, LLM_ADDRESS_PUBLIC},				   /* global unicast */
	{{0}, 0, LLM_ADDRESS_FORBIDDEN}, /* everything else */
};

/* Prefixes behind which an IPv4 address stands, and where it stands. */
typedef struct Embedding
{
	uint8_t prefix[12];
	int bits;
	int offset; /* of the IPv4 address, in bytes */
} Embedding;

static const Embedding embeddings[] = {
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12}, /* mapped */
	{{0x00, 0x64, 0xff, 0x9b}, 96, 12},					  /* NAT64 */
	{{0x20, 0x02}, 16, 2},								  /* 6to4 */
};

static bool
has_prefix(const uint8_t *address, const uint8_t *prefix, int bits)
{
	int bytes = bits / 8;
	int rest = bits % 8;

	if (memcmp(address, prefix, bytes) != 0)
		return false;
	return rest == 0 || ((address[bytes] ^ prefix[bytes]) >> (8 - rest)) == 0;
}

static LlmAddress
class_of_ip4(uint32_t address)
{
	for (size_t i = 0; i < sizeof(blocks4) / sizeof(blocks4[0]); i++)
	{
		const Block4 *block = &blocks4[i];

		if ((address ^ block->network) >> (32 - block->bits) == 0)
			return block->class;
	}
	return LLM_ADDRESS_PUBLIC;
}

static LlmAddress
class_of_ip6(const uint8_t address[16])
{
	for (size_t i = 0; i < sizeof(embeddings) / sizeof(embeddings[0]); i++)
	{
		const Embedding *e = &embeddings[i];
		uint32_t ip4;

		if (!has_prefix(address, e->prefix, e->bits))
			continue;
		memcpy(&ip4, address + e->offset, sizeof(ip4));
		return class_of_ip4(ntohl(ip4));
	}
	for (size_t i = 0; i < sizeof(blocks6) / sizeof(blocks6[0]); i++)
	{
		if (has_prefix(address, blocks6[i].network, blocks6[i].bits))
			return blocks6[i].class;
	}
	return LLM_ADDRESS_FORBIDDEN;
}

LlmAddress
llm_address_class(const struct sockaddr *address, socklen_t len)
{
	if (len >= sizeof(struct sockaddr_in) && address->sa_family == AF_INET)
	{
		struct sockaddr_in ip4;

		memcpy(&ip4, address, sizeof(ip4));
		return class_of_ip4(ntohl(ip4.sin_addr.s_addr));
	}
	if (len >= sizeof(struct sockaddr_in6) && address->sa_family == AF_INET6)
	{
		struct sockaddr_in6 ip6;

		memcpy(&ip6, address, sizeof(ip6));
		return class_of_ip6(ip6.sin6_addr.s6_addr);
	}
	return LLM_ADDRESS_FORBIDDEN;
}

bool
llm_address_allowed(const struct sockaddr *address, socklen_t len,
					bool allow_private)
{
	LlmAddress class = llm_address_class(address, len);

	return class == LLM_ADDRESS_PUBLIC ||
		   (class == LLM_ADDRESS_PRIVATE && allow_private);
}

LlmAddress
llm_address_class_text(const char *text)
{
	struct in_addr ip4;
	struct in6_addr ip6;

	if (inet_pton(AF_INET, text, &ip4) == 1)
		return class_of_ip4(ntohl(ip4.s_addr));
	if (inet_pton(AF_INET6, text, &ip6) == 1)
		return class_of_ip6(ip6.s6_addr);
	return LLM_ADDRESS_FORBIDDEN;
}

bool
llm_address_host_matches(const char *url, const char *pattern)
{
	const char *host = strstr(url, "://");
	size_t len;
	size_t below;

	if (host == NULL)
		return false;
	host += 3;
	len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	if (pattern[0] != '*')
		return strlen(pattern) == len && strncasecmp(host, pattern, len) == 0;
	pattern++; /* ".example.com" */
	below = strlen(pattern);
	return len > below && strncasecmp(host + len - below, pattern, below) == 0;
}
