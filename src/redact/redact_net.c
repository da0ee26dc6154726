/*-------------------------------------------------------------------------
 *
 * redact_net.c
 *		E-mail addresses, URLs and what they carry, IP and MAC addresses.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_scan_int.h"
#include "redact/redact_net.h"

#define MAX_LOCAL 64
#define MAX_DOMAIN 253
#define MAX_LABEL 63
#define MAX_URL 2048

/* ---- domains -------------------------------------------------------- */

/*
 * The end of the host name that starts at pos: labels with dots between. The
 * last label is stored in *tld; 0 when there are fewer than two labels.
 */
static uint32_t
domain_end(const RedactScanner *s, uint32_t pos, uint32_t *tld)
{
	uint32_t i = pos;
	uint32_t end = 0;
	int labels = 0;

	while (i - pos <= MAX_DOMAIN)
	{
		uint32_t label = i;

		while (i - label < MAX_LABEL &&
			   ((redact_class_at(s, i) & CC_ALNUM) || redact_at(s, i) == '-' ||
				redact_at(s, i) == '_'))
			i++;
		while (i > label &&
			   (redact_at(s, i - 1) == '-' || redact_at(s, i - 1) == '_'))
			i--;
		if (i == label)
			break;
		labels++;
		*tld = label;
		end = i;
		if (redact_at(s, i) != '.')
			break;
		i++;
	}
	return labels >= 2 ? end : 0;
}

/* Two or more letters, or a punycode label. */
static bool
plausible_tld(const RedactScanner *s, uint32_t start, uint32_t end)
{
	if (end - start > 4 && memcmp(s->text + start, "xn--", 4) == 0)
		return true;
	if (end - start < 2 || end - start > 24)
		return false;
	for (uint32_t i = start; i < end; i++)
	{
		if (!(redact_class_at(s, i) & CC_ALPHA))
			return false;
	}
	return true;
}

/* ---- e-mail --------------------------------------------------------- */

/* May this character, within a local part, belong to an address? */
static bool
is_local(const RedactScanner *s, uint32_t i)
{
	uint8_t c = redact_at(s, i);

	if (redact_class[c] & CC_ALNUM)
		return true;
	switch (c)
	{
		case '.':
		case '_':
		case '-':
		case '+':
		case '%':
			return true;
		case '\'':
		case '&':
		case '~':
		case '!':
		case '*':
		case '$':
			/* inside a name, not around it */
			return (redact_class_at(s, i - 1) & CC_ALNUM) &&
				   (redact_class_at(s, i + 1) & CC_ALNUM);
		default:
			return false;
	}
}

uint32_t
redact_verify_at(RedactScanner *s, uint32_t pos)
{
	uint32_t start = pos;
	uint32_t end;
	uint32_t tld = 0;

	while (start > 0 && pos - start < MAX_LOCAL && is_local(s, start - 1))
		start--;
	while (start < pos &&
		   (redact_at(s, start) == '.' || redact_at(s, start) == '-' ||
			redact_at(s, start) == '%'))
		start++;
	if (start == pos && redact_at(s, pos - 1) == '"' && pos > 1)
	{
		/* a quoted local part */
		uint32_t i = pos - 1;

		while (i > 0 && pos - i < MAX_LOCAL && redact_at(s, i - 1) != '"' &&
			   redact_at(s, i - 1) != '\n')
			i--;
		if (i > 0 && redact_at(s, i - 1) == '"')
			start = i - 1;
	}
	if (start == pos)
		return pos + 1;

	/* an address literal: user@[192.0.2.1] */
	if (redact_at(s, pos + 1) == '[')
	{
		end = redact_ipv4_end(s, pos + 2, NULL);
		if (end > 0 && redact_at(s, end) == ']')
			redact_offer(s, start, end + 1, REDACT_EMAIL_ADDRESS, 90,
						 "email_literal");
		return pos + 1;
	}
	end = domain_end(s, pos + 1, &tld);
	/* "example.com.5": what stands behind the domain is not of it */
	while (end > 0 && !plausible_tld(s, tld, end))
	{
		uint32_t i = tld - 1;

		end = i;
		while (i > pos + 1 && redact_at(s, i - 1) != '.')
			i--;
		tld = i;
		if (i <= pos + 1)
			end = 0;
	}
	if (end > 0)
	{
		redact_offer(s, start, end, REDACT_EMAIL_ADDRESS, 100, "email");
		return end;
	}
	return pos + 1;
}

/* ---- IP addresses --------------------------------------------------- */

uint32_t
redact_ipv4_end(const RedactScanner *s, uint32_t pos, uint8_t octets[4])
{
	uint32_t i = pos;

	for (int k = 0; k < 4; k++)
	{
		uint32_t value = 0;
		uint32_t from = i;

		while (i - from < 4 && (redact_class_at(s, i) & CC_DIGIT))
			value = value * 10 + (redact_at(s, i++) - '0');
		if (i == from || i - from > 3 || value > 255 ||
			(i - from > 1 && redact_at(s, from) == '0'))
			return 0;
		if (octets != NULL)
			octets[k] = value;
		if (k < 3 && redact_at(s, i++) != '.')
			return 0;
	}
	return i;
}

/* Private, loopback, documentation, multicast: says little about anybody. */
static bool
is_special_ipv4(const uint8_t *o)
{
	return o[0] == 0 || o[0] == 10 || o[0] == 127 || o[0] >= 224 ||
		   (o[0] == 192 && o[1] == 168) || (o[0] == 169 && o[1] == 254) ||
		   (o[0] == 172 && o[1] >= 16 && o[1] < 32) ||
		   (o[0] == 100 && o[1] >= 64 && o[1] < 128) ||
		   (o[0] == 192 && o[1] == 0 && o[2] == 2) ||
		   (o[0] == 198 && o[1] == 51 && o[2] == 100) ||
		   (o[0] == 203 && o[1] == 0 && o[2] == 113);
}

uint32_t
redact_verify_ipv4(RedactScanner *s, uint32_t pos)
{
	uint8_t octets[4];
	uint32_t end = redact_ipv4_end(s, pos, octets);
	RedactCtx ctx;
	int score = 75;

	if (end == 0 || (redact_class_at(s, end) & CC_ALNUM) ||
		(redact_class_at(s, pos - 1) & CC_ALNUM) ||
		(redact_at(s, pos - 1) == '.') ||
		(redact_at(s, end) == '.' && (redact_class_at(s, end + 1) & CC_DIGIT)))
		return 0;
	if (!redact_wants(s, REDACT_IP_ADDRESS))
		return end;
	ctx = redact_context(s, pos, end);
	if (is_special_ipv4(octets))
		score = end - pos <= 9 && redact_ctx_has(&ctx, REDACT_CTX_NEGATIVE)
					? 35
					: 45;
	else if (end - pos <= 9) /* six digits and the dots */
		score = redact_ctx_has(&ctx, REDACT_CTX_IP) ? 75 : 40; /* a version? */
	else if (redact_ctx_has(&ctx, REDACT_CTX_IP))
		score = 95;
	redact_offer(s, pos, end, REDACT_IP_ADDRESS, score, "ipv4");
	return end;
}

/* What the groups of an IPv6 address add up to. */
typedef struct Groups
{
	int count;
	int digits;	  /* hexadecimal, of all groups */
	int numerals; /* of these, 0 to 9 */
	int longest;
	bool gap; /* "::" was seen */
	uint32_t first;
} Groups;

/* One group of at most four hexadecimal digits at *pos; false if it is longer. */
static bool
read_group(const RedactScanner *s, uint32_t *pos, uint32_t end, Groups *g)
{
	uint32_t from = *pos;
	uint32_t value = 0;
	int len;

	while (*pos < end && *pos - from < 5)
	{
		uint8_t c = redact_at(s, *pos);

		if (redact_class[c] & CC_DIGIT)
			value = value << 4 | (c - '0'), g->numerals++;
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | ((c | 0x20) - 'a' + 10);
		else
			break;
		(*pos)++;
	}
	len = *pos - from;
	if (len > 0 && g->count++ == 0)
		g->first = value;
	g->digits += len;
	if (len > g->longest)
		g->longest = len;
	return len <= 4;
}

/* Enough to be an address rather than words, operators or octets? */
static bool
plausible_groups(const Groups *g)
{
	if (g->gap ? g->count > 7 || g->count < 1 : g->count != 8)
		return false;
	/* "::", "a::b", "dead::beef" */
	if (g->digits < 5 && !(g->gap && g->count >= 3))
		return false;
	/* octets throughout: an EUI-64 */
	return g->numerals > 0 && (g->gap || g->longest > 2);
}

/* The end of the IPv6 address in [start, end), or 0. */
static uint32_t
ipv6_parse(const RedactScanner *s, uint32_t start, uint32_t end,
		   bool *is_special)
{
	Groups g = {0};
	uint32_t i = start;

	if (redact_at(s, i) == ':')
	{
		if (redact_at(s, i + 1) != ':')
			return 0;
		g.gap = true;
		i += 2;
	}
	while (i < end && g.count < 8)
	{
		uint32_t from = i;
		uint32_t quad;

		if (!read_group(s, &i, end, &g))
			return 0;
		if (i == from)
			break;
		if (redact_at(s, i) == '.' && g.count <= 7)
		{
			/* the last four bytes may be written as IPv4 */
			quad = redact_ipv4_end(s, from, NULL);
			if (quad == 0)
				break;
			i = quad;
			g.count++;
			g.digits += 8;
			break;
		}
		if (redact_at(s, i) != ':')
			break;
		if (redact_at(s, i + 1) == ':')
		{
			if (g.gap)
				return 0;
			g.gap = true;
			i += 2;
		}
		else if (redact_class_at(s, i + 1) & CC_ALNUM)
			i++;
		else
			break;
	}
	if (!plausible_groups(&g))
		return 0;
	*is_special =
		g.first == 0 || (g.first & 0xffc0) == 0xfe80 ||
		(g.first & 0xfe00) == 0xfc00 || g.first >= 0xff00 ||
		(g.first == 0x2001 && start + 9 < end &&
		 (redact_at(s, start + 5) | 0x20) == 'd' &&
		 (redact_at(s, start + 6) | 0x20) == 'b' &&
		 redact_at(s, start + 7) == '8' && redact_at(s, start + 8) == ':');
	return i;
}

static bool
is_hex_or_colon(uint8_t c)
{
	return (redact_class[c] & CC_DIGIT) || c == ':' ||
		   ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* xx:xx:xx:xx:xx:xx or with '-', starting at pos. */
static uint32_t
mac_end(const RedactScanner *s, uint32_t pos)
{
	uint8_t sep = redact_at(s, pos + 2);
	uint8_t all_or = 0;
	uint8_t all_and = 0xff;

	for (uint32_t k = 0; k < 6; k++)
	{
		uint8_t octet = 0;

		for (uint32_t j = 0; j < 2; j++)
		{
			uint8_t c = redact_at(s, pos + 3 * k + j);

			if (c == ':' || !is_hex_or_colon(c))
				return 0;
			octet = octet << 4 | ((c & 0x40) ? (c & 7) + 9 : c & 15);
		}
		all_or |= octet;
		all_and &= octet;
		if (k < 5 && redact_at(s, pos + 3 * k + 2) != sep)
			return 0;
	}
	if ((redact_class_at(s, pos + 17) & CC_ALNUM) ||
		redact_at(s, pos + 17) == sep || all_or == 0 || all_and == 0xff)
		return 0;
	return pos + 17;
}

uint32_t
redact_verify_mac(RedactScanner *s, uint32_t pos)
{
	uint32_t end = mac_end(s, pos);
	RedactCtx ctx;

	if (end == 0)
		return 0;
	if (redact_wants(s, REDACT_MAC_ADDRESS))
	{
		ctx = redact_context(s, pos, end);
		redact_offer(s, pos, end, REDACT_MAC_ADDRESS,
					 redact_ctx_has(&ctx, REDACT_CTX_MAC) ? 90 : 45, "mac");
	}
	return end;
}

/* A run of hexadecimal digits and colons around pos: MAC or IPv6? */
static uint32_t
verify_hex_colon(RedactScanner *s, uint32_t pos)
{
	uint32_t start = pos;
	uint32_t end = pos + 1;
	uint32_t stop;
	bool is_special = false;
	RedactCtx ctx;
	int score;

	while (start > 0 && pos - start < 6 &&
		   is_hex_or_colon(redact_at(s, start - 1)))
		start--;
	if (start > 0 && (redact_class_at(s, start - 1) & CC_ALNUM))
		return pos + 1;
	while (end - start < 46 &&
		   (is_hex_or_colon(redact_at(s, end)) || redact_at(s, end) == '.'))
		end++;
	if (end - start < 3)
		return pos + 1;
	stop = redact_verify_mac(s, start);
	if (stop > 0)
		return stop;
	stop = ipv6_parse(s, start, end, &is_special);
	if (stop == 0 || (redact_class_at(s, stop) & CC_ALNUM) ||
		redact_at(s, stop) == ':')
		return pos + 1;
	if (redact_wants(s, REDACT_IP_ADDRESS))
	{
		ctx = redact_context(s, start, stop);
		score = redact_ctx_has(&ctx, REDACT_CTX_IP) ? 95 : 75;
		redact_offer(s, start, stop, REDACT_IP_ADDRESS,
					 is_special ? 45 : score, "ipv6");
	}
	return stop;
}

/* ---- URLs ----------------------------------------------------------- */

static bool
is_url_end(uint8_t c)
{
	return (redact_class[c] & CC_SPACE) || c == '"' || c == '<' || c == '>' ||
		   c == '`' || c == '|' || c == '\\' || c == '^' || c == '{' ||
		   c == '}';
}

/* Drop what ends a sentence rather than a URL. */
static uint32_t
trim_url(const RedactScanner *s, uint32_t start, uint32_t end)
{
	int open = 0;

	for (uint32_t i = start; i < end; i++)
	{
		if (redact_at(s, i) == '(')
			open++;
		else if (redact_at(s, i) == ')')
			open--;
	}
	while (end > start)
	{
		uint8_t c = redact_at(s, end - 1);

		if (c == ')' && open < 0)
			open++;
		else if (strchr(".,;:!?'*_]", c) == NULL || c == 0)
			break;
		end--;
	}
	return end;
}

/*
 * The user information of an authority that starts at pos: its end, which is
 * the '@', or 0. A password may hold any character that is not blank: when
 * what follows the colon is no port, the authority goes on to the '@'.
 */
static uint32_t
userinfo_end(const RedactScanner *s, uint32_t pos, uint32_t end)
{
	uint32_t colon = 0;
	uint32_t at = 0;
	uint32_t i;
	bool is_port = true;

	for (i = pos; i < end && i - pos < 512; i++)
	{
		uint8_t c = redact_at(s, i);

		if (c == '@')
			at = i;
		else if (c == ':' && colon == 0)
			colon = i;
		else if (c == '/' || c == '?' || c == '#')
		{
			if (at > 0 || colon == 0 || is_port)
				break;
		}
		else if (colon > 0 && at == 0 && !(redact_class[c] & CC_DIGIT))
			is_port = false;
	}
	return colon > 0 && at > colon + 1 ? at : 0;
}

static uint32_t
verify_url(RedactScanner *s, uint32_t pos)
{
	uint32_t start = pos;
	uint32_t host = pos + 3;
	uint32_t end = host;
	uint32_t at;

	while (
		start > 0 && pos - start < 16 &&
		((redact_class_at(s, start - 1) & (CC_LOWER | CC_UPPER | CC_DIGIT)) ||
		 redact_at(s, start - 1) == '+'))
		start--;
	while (start < pos && !(redact_class_at(s, start) & CC_ALPHA))
		start++;
	if (pos - start < 2)
		return pos + 1;
	if (pos < s->url_end)
	{
		/* within one that was found: only its credentials are news */
		end = s->url_end;
		at = userinfo_end(s, host, end);
		if (at == 0)
			return host;
		redact_offer(s, host, at, REDACT_URL_CREDENTIALS, 95,
					 "url_credentials");
		return at + 1;
	}
	while (end - start < MAX_URL && !is_url_end(redact_at(s, end)))
		end++;
	end = trim_url(s, host, end);
	if (end - host < 3)
		return pos + 1;
	s->url_end = end;

	at = userinfo_end(s, host, end);
	if (at > 0)
	{
		redact_offer(s, host, at, REDACT_URL_CREDENTIALS, 95,
					 "url_credentials");
		host = at + 1;
	}
	redact_offer(s, start, end, REDACT_URL, 60, "url");
	/* what the URL carries is looked at too */
	return host;
}

/* ---- host names alone ----------------------------------------------- */

/*
 * Is the last label one of a domain that people name without a scheme? Those
 * that are rather the ending of a file or a word are left out.
 */
static bool
is_common_tld(const RedactScanner *s, uint32_t start, uint32_t end)
{
	static const char known[] =
		" com net org edu gov mil int info biz name pro mobi travel coop aero "
		"app dev blog shop store online site website tech cloud email agency "
		"digital world life news today live space club page link design "
		"io co ai me tv us uk eu de fr es it nl be ch at pt ie dk se no fi pl "
		"cz sk hu ro bg gr hr si rs ua ru by tr il ae sa eg za ng ke gh ma "
		"in pk bd lk cn hk tw jp kr sg my th vn ph id au nz ca mx br ar cl pe "
		"uy ve ec cr cu lt lv ee lu li mc mt cy ba mk al ge kz ";
	char label[12] = " ";
	uint32_t n = end - start;

	if (n > sizeof(label) - 3)
		return false;
	for (uint32_t i = 0; i < n; i++)
		label[i + 1] = redact_lower(redact_at(s, start + i));
	label[n + 1] = ' ';
	label[n + 2] = '\0';
	return strstr(known, label) != NULL;
}

/*
 * The host name whose first dot is at pos: "www.example.com". An address or a
 * URL that it is part of was seen before, or will cover it.
 */
uint32_t
redact_verify_dot(RedactScanner *s, uint32_t pos)
{
	uint32_t start = pos;
	uint32_t end;
	uint32_t tld = 0;
	int labels = 1;
	int score = 45;

	if (pos < s->host_end || !(redact_class_at(s, pos - 1) & CC_ALNUM) ||
		!(redact_class_at(s, pos + 1) & CC_ALNUM))
		return pos + 1;
	while (start > 0 && pos - start < MAX_LABEL &&
		   ((redact_class_at(s, start - 1) & CC_ALNUM) ||
			redact_at(s, start - 1) == '-'))
		start--;
	end = domain_end(s, start, &tld);
	if (end <= pos)
		return pos + 1;
	for (uint32_t i = start; i < tld; i++)
		labels += redact_at(s, i) == '.';
	if (pos - start == 3 && labels >= 3 &&
		redact_lower(redact_at(s, start)) == 'w' &&
		redact_lower(redact_at(s, start + 1)) == 'w' &&
		redact_lower(redact_at(s, start + 2)) == 'w')
		score = 60;
	/* a path, a variable, a version, the end of an e-mail address */
	if (strchr("@/._\\", redact_at(s, start - 1)) != NULL &&
		redact_at(s, start - 1) != 0)
	{
		/* no host, but a key may be in it: "dp.pt.x" */
		s->host_end = end;
		return pos + 1;
	}
	if (strchr("@_(", redact_at(s, end)) != NULL && redact_at(s, end) != 0)
		return pos + 1;
	if (pos - start >= 2 && is_common_tld(s, tld, end))
	{
		/* what stands behind it belongs to it */
		if (redact_at(s, end) == '/' || redact_at(s, end) == ':')
		{
			uint32_t from = end;

			while (end - from < MAX_URL && !is_url_end(redact_at(s, end)))
				end++;
			end = trim_url(s, from, end);
		}
		redact_offer(s, start, end, REDACT_URL, score, "domain");
	}
	return pos + 1;
}

uint32_t
redact_verify_colon(RedactScanner *s, uint32_t pos)
{
	if (redact_at(s, pos) == ':')
	{
		if (s->want_names && (redact_class_at(s, pos - 1) & CC_HIGH))
			redact_verify_native_name(s, pos);
		if (redact_at(s, pos + 1) == '/' && redact_at(s, pos + 2) == '/')
			return verify_url(s, pos);
		if (is_hex_or_colon(redact_at(s, pos + 1)))
		{
			uint32_t end = verify_hex_colon(s, pos);

			if (end > pos + 1)
				return end;
		}
	}
	return redact_verify_equals(s, pos);
}
