/*-------------------------------------------------------------------------
 *
 * redact_secret.c
 *		Keys and tokens: what opens something.
 *
 * Providers mark their keys with a prefix, so that they can be found; a
 * token is looked at once, and at each of its starts the prefixes are tried.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_scan_int.h"

#define MIN_TOKEN 12

/* Characters of the part behind a prefix. */
typedef enum Alphabet
{
	BASE62,	   /* letters and digits */
	BASE64URL, /* and '_' '-' */
	BASE64,	   /* and '+' '/' '=' */
	HEX,	   /* lower or upper case */
	UPPER32,   /* A-Z 2-7, as base 32 */
	UPPER36,   /* A-Z 0-9 */
	DOTTED	   /* BASE64URL and '.' */
} Alphabet;

typedef struct SecretRule
{
	const char *prefix;
	Alphabet alphabet;
	uint16_t min; /* characters behind the prefix */
	uint16_t max; /* 0: no limit */
	RedactEntity entity;
	const char *rule;
} SecretRule;

static const SecretRule rules[] = {
	{"AKIA", UPPER32, 16, 16, REDACT_AWS_ACCESS_KEY, "aws_access_key"},
	{"ASIA", UPPER32, 16, 16, REDACT_AWS_ACCESS_KEY, "aws_session_key"},
	{"ABIA", UPPER32, 16, 16, REDACT_AWS_ACCESS_KEY, "aws_bearer_key"},
	{"ACCA", UPPER32, 16, 16, REDACT_AWS_ACCESS_KEY, "aws_context_key"},
	{"AIza", BASE64URL, 35, 35, REDACT_API_KEY, "google_api_key"},
	{"ghp_", BASE62, 36, 36, REDACT_API_KEY, "github_token"},
	{"gho_", BASE62, 36, 36, REDACT_API_KEY, "github_oauth"},
	{"ghu_", BASE62, 36, 36, REDACT_API_KEY, "github_user"},
	{"ghs_", BASE62, 36, 36, REDACT_API_KEY, "github_server"},
	{"ghr_", BASE62, 36, 76, REDACT_API_KEY, "github_refresh"},
	{"github_pat_", BASE64URL, 82, 82, REDACT_API_KEY, "github_pat"},
	{"glpat-", BASE64URL, 20, 0, REDACT_API_KEY, "gitlab_pat"},
	{"xoxb-", BASE64URL, 20, 0, REDACT_API_KEY, "slack_bot"},
	{"xoxp-", BASE64URL, 20, 0, REDACT_API_KEY, "slack_user"},
	{"xoxa-", BASE64URL, 20, 0, REDACT_API_KEY, "slack_app"},
	{"sk-ant-", BASE64URL, 24, 0, REDACT_API_KEY, "anthropic_key"},
	{"sk-proj-", BASE64URL, 24, 0, REDACT_API_KEY, "openai_project"},
	{"sk-", BASE64URL, 20, 0, REDACT_API_KEY, "openai_key"},
	{"sk_live_", BASE62, 10, 99, REDACT_API_KEY, "stripe_live"},
	{"sk_test_", BASE62, 10, 99, REDACT_API_KEY, "stripe_test"},
	{"rk_live_", BASE62, 10, 99, REDACT_API_KEY, "stripe_restricted"},
	{"hf_", BASE62, 34, 34, REDACT_API_KEY, "huggingface"},
	{"npm_", BASE62, 36, 36, REDACT_API_KEY, "npm_token"},
	{"pypi-", BASE64URL, 50, 0, REDACT_API_KEY, "pypi_token"},
	{"SG.", DOTTED, 66, 66, REDACT_API_KEY, "sendgrid"},
	{"dop_v1_", HEX, 64, 64, REDACT_API_KEY, "digitalocean"},
	{"shpat_", HEX, 32, 32, REDACT_API_KEY, "shopify"},
	{"eyJ", DOTTED, 30, 0, REDACT_JWT, "jwt"},
};

static bool
in_alphabet(uint8_t c, Alphabet alphabet)
{
	uint8_t class = redact_class[c];

	switch (alphabet)
	{
		case BASE62:
			return class & (CC_DIGIT | CC_LOWER | CC_UPPER);
		case BASE64URL:
			return (class & (CC_DIGIT | CC_LOWER | CC_UPPER)) || c == '_' ||
				   c == '-';
		case BASE64:
			return (class & CC_B64) || c == '=';
		case HEX:
			return (class & CC_DIGIT) ||
				   ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
		case UPPER32:
			return (class & CC_UPPER) || (c >= '2' && c <= '7');
		case UPPER36:
			return class & (CC_UPPER | CC_DIGIT);
		case DOTTED:
			return (class & (CC_DIGIT | CC_LOWER | CC_UPPER)) || c == '_' ||
				   c == '-' || c == '.';
	}
	return false;
}

/* A JWT is two or three parts that start as encoded JSON objects do. */
static bool
is_jwt(const RedactScanner *s, uint32_t start, uint32_t end)
{
	const uint8_t *dot = memchr(s->text + start, '.', end - start);

	return dot != NULL && dot + 4 < s->text + end &&
		   memcmp(dot + 1, "eyJ", 3) == 0;
}

/* Try one rule at start; returns the end of the secret, or 0. */
static uint32_t
try_rule(const RedactScanner *s, uint32_t start, const SecretRule *rule)
{
	size_t prefix = strlen(rule->prefix);
	uint32_t from = start + prefix;
	uint32_t end = from;

	if (from >= s->len || memcmp(s->text + start, rule->prefix, prefix) != 0)
		return 0;
	while (end - from < 4096 && in_alphabet(redact_at(s, end), rule->alphabet))
		end++;
	while (end > from &&
		   (redact_at(s, end - 1) == '.' || redact_at(s, end - 1) == '-'))
		end--;
	if (end - from < rule->min)
		return 0;
	if (rule->max > 0 && end - from > rule->max)
	{
		/* a limit that is exact must be the end of the token */
		return 0;
	}
	if (rule->entity == REDACT_JWT && !is_jwt(s, start, end))
		return 0;
	return end;
}

/* All prefixes at each start within the token [start, end). */
static void
find_prefixes(RedactScanner *s, uint32_t start, uint32_t end)
{
	bool at_start = true;

	for (uint32_t i = start; i + MIN_TOKEN <= end; i++)
	{
		uint8_t class = redact_class_at(s, i);

		if (at_start && (class & (CC_LOWER | CC_UPPER)))
		{
			for (size_t r = 0; r < sizeof(rules) / sizeof(rules[0]); r++)
			{
				uint32_t stop;

				if (rules[r].prefix[0] != redact_at(s, i))
					continue;
				stop = try_rule(s, i, &rules[r]);
				if (stop == 0)
					continue;
				redact_offer(s, i, stop, rules[r].entity, 95, rules[r].rule);
				i = stop - 1;
				break;
			}
		}
		at_start = !(class & CC_ALNUM);
	}
}

/* -----BEGIN ... PRIVATE KEY----- to its END, or as far as the block goes. */
static uint32_t
verify_pem(RedactScanner *s, uint32_t pos)
{
	static const char begin[] = "-----BEGIN ";
	static const char what[] = "PRIVATE KEY";
	uint32_t i = pos + sizeof(begin) - 1;
	uint32_t end;
	bool is_private = false;

	if (pos + sizeof(begin) + sizeof(what) > s->len ||
		memcmp(s->text + pos, begin, sizeof(begin) - 1) != 0)
		return 0;
	for (uint32_t k = 0; k < 32 && i + sizeof(what) < s->len; k++, i++)
	{
		if (memcmp(s->text + i, what, sizeof(what) - 1) == 0)
		{
			is_private = true;
			break;
		}
	}
	if (!is_private)
		return 0;
	i += sizeof(what) - 1;
	/* header, body and footer hold base64, blanks, and header lines */
	for (end = i; end - i < 16384 && end < s->len; end++)
	{
		uint8_t c = redact_at(s, end);

		if (!(redact_class[c] & (CC_B64 | CC_SPACE)) &&
			strchr("=:,-\\()", c) == NULL)
			break;
		if (c == '-' && end > i + 5 && end + 8 < s->len &&
			memcmp(s->text + end, "-----END", 8) == 0)
		{
			end += 8;
			while (end - i < 16384 && redact_at(s, end) != '\n' &&
				   end < s->len && redact_at(s, end) != '-')
				end++;
			while (redact_at(s, end) == '-')
				end++;
			break;
		}
	}
	redact_offer(s, pos, end, REDACT_PRIVATE_KEY, 100, "private_key");
	return end;
}

uint32_t
redact_verify_token(RedactScanner *s, uint32_t pos)
{
	uint32_t start = pos;
	uint32_t end = pos;

	if (redact_at(s, pos) == '-' && redact_at(s, pos + 1) == '-')
	{
		end = verify_pem(s, pos);
		if (end > 0)
			return end;
		while (redact_at(s, end) == '-')
			end++;
		return end > pos ? end : pos + 1;
	}
	if (pos < s->token_end)
		return pos + 1;
	while (start > s->token_end && (redact_class_at(s, start - 1) & CC_B64))
		start--;
	while (redact_class_at(s, end) & CC_B64)
		end++;
	if (end - start >= MIN_TOKEN || redact_at(s, end) == '.')
		find_prefixes(s, start,
					  end - start >= MIN_TOKEN ? end : end + MIN_TOKEN);
	s->token_end = end > pos ? end : pos + 1;
	return pos + 1;
}
