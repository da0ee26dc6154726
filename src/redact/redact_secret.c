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

#include "redact/redact_check.h"
#include "redact/redact_scan_int.h"

#define MIN_TOKEN 12
#define MIN_ENCODED 16
/* Lines of base64 are of these lengths, all but the last. */
#define MIME_LINE 76
#define PEM_LINE 64
#define MACHINE_ID 32			/* characters of a UUID or hash at least */
#define TOKEN_PIECE (32 * 1024) /* divides by four */
#define MAX_ENCODED 4096
#define ENCODED_OVERLAP 512 /* divides by four, as does the other */
#define MAX_HEADER 1024		/* of a JWT */
#define MAX_VALUE 128		/* bytes of a value that are looked at */

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
	uint8_t len;
	Alphabet alphabet;
	uint16_t min; /* characters behind the prefix */
	uint16_t max; /* 0: no limit */
	RedactEntity entity;
	const char *rule;
} SecretRule;

#include "redact/redact_secrets.h"

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

static int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Decode base64 or base64url; returns the bytes written. */
static uint32_t
decode_base64(const uint8_t *from, uint32_t len, uint8_t *to, uint32_t size)
{
	uint32_t bits = 0;
	int nbits = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < len && n < size; i++)
	{
		int v = base64_value(from[i]);

		if (from[i] == '\n' || from[i] == '\r')
			continue;
		if (v < 0)
			break;
		bits = bits << 6 | v;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			to[n++] = bits >> nbits;
		}
	}
	return n;
}

static bool
contains(const uint8_t *text, uint32_t len, const char *what)
{
	uint32_t n = strlen(what);

	for (uint32_t i = 0; i + n <= len; i++)
	{
		if (memcmp(text + i, what, n) == 0)
			return true;
	}
	return false;
}

/* A JWT's first part is an encoded JSON object that names its algorithm. */
static bool
is_jwt(const RedactScanner *s, uint32_t start, uint32_t end)
{
	const uint8_t *dot =
		memchr(s->text + start, '.',
			   end - start < MAX_HEADER ? end - start : MAX_HEADER);
	uint8_t header[192];
	uint32_t n;

	if (dot == NULL || dot + 4 >= s->text + end)
		return false;
	n = decode_base64(s->text + start, dot - (s->text + start), header,
					  sizeof(header));
	return contains(header, n, "\"alg\"") || contains(header, n, "\"enc\"");
}

/* Where the characters of an alphabet end that start at from. */
static uint32_t
alphabet_end(RedactScanner *s, uint32_t from, Alphabet alphabet)
{
	RedactRun *run = &s->runs[alphabet];

	if (!redact_in_run(run, from))
	{
		run->start = from;
		run->end = from;
		while (run->end < s->len && in_alphabet(s->text[run->end], alphabet))
			run->end++;
	}
	return run->end > from ? run->end : from;
}

/* Try one rule at start; returns the end of the secret, or 0. */
static uint32_t
try_rule(RedactScanner *s, uint32_t start, const SecretRule *rule)
{
	uint32_t from = start + rule->len;
	uint32_t end;

	if (from >= s->len ||
		memcmp(s->text + start, rule->prefix, rule->len) != 0)
		return 0;
	end = alphabet_end(s, from, rule->alphabet);
	for (int k = 0;
		 k < 8 && end > from &&
		 (redact_at(s, end - 1) == '.' || redact_at(s, end - 1) == '-');
		 k++)
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

/*
 * How sure: a GitHub or npm token whose checksum holds is one; where it does
 * not, and where a token has no digit, it may be an example or a word.
 */
static int
score_token(const RedactScanner *s, uint32_t start, uint32_t end,
			const SecretRule *rule)
{
	uint32_t body = start + rule->len;
	bool digit = false;
	bool letter = false;

	for (uint32_t i = body; i < end && !(digit && letter); i++)
	{
		digit |= (redact_class_at(s, i) & CC_DIGIT) != 0;
		letter |= (redact_class_at(s, i) & CC_ALPHA) != 0;
	}
	if (rule->min == 36 && rule->max == 36 &&
		(rule->prefix[0] == 'g' || rule->prefix[0] == 'n'))
		return check_token_crc(s->text + body, 36) ? 99 : 85;
	return digit && letter						   ? 95
		   : rule->entity == REDACT_AWS_ACCESS_KEY ? 80
												   : 45;
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
			uint8_t c = redact_at(s, i);

			for (uint32_t r = rule_first[c]; r < rule_first[c + 1]; r++)
			{
				uint32_t stop;

				if (rules[r].prefix[1] != redact_at(s, i + 1))
					continue;
				stop = try_rule(s, i, &rules[r]);
				if (stop == 0)
					continue;
				redact_offer(s, i, stop, rules[r].entity,
							 score_token(s, i, stop, &rules[r]),
							 rules[r].rule);
				/* it may go on behind the token, over dots */
				if (stop > s->token_end)
				{
					s->token_end = stop;
					s->token_short = false;
				}
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

/* ---- encoded text --------------------------------------------------- */

static bool
has_letter(const RedactScanner *s, uint32_t start, uint32_t end)
{
	for (uint32_t i = start; i < end; i++)
	{
		if (redact_class_at(s, i) & CC_ALPHA)
			return true;
	}
	return false;
}

static uint32_t
count_controls(const uint8_t *text, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += (text[i] < ' ' && text[i] != '\n' && text[i] != '\t' &&
				  text[i] != '\r') ||
				 text[i] == 0x7f;
	return count;
}

/* At most MAX_ENCODED characters of base64, all that starts at start. */
static void
verify_window(RedactScanner *s, uint32_t start, uint32_t end)
{
	uint8_t text[MAX_ENCODED / 4 * 3 + 3];
	uint32_t n;

	if (!has_letter(s, start, end))
		return;
	/* most tokens are told by their first bytes */
	n = decode_base64(s->text + start, 8, text, 6);
	if (count_controls(text, n) > 0)
		return;
	n = decode_base64(s->text + start, end - start, text, sizeof(text));
	if (count_controls(text, n) > n / 4)
		return;
	while (redact_at(s, end) == '=')
		end++;
	redact_offer_decoded(s, start, end, text, n);
}

/* Where the lines of base64 end of which [start, end) is the first. */
static uint32_t
encoded_end(const RedactScanner *s, uint32_t start, uint32_t end)
{
	uint32_t length = end - start;
	uint32_t first = start;

	if (length != MIME_LINE && length != PEM_LINE)
		return end;
	for (;;)
	{
		uint32_t i = end;

		if (redact_at(s, i) == '\r')
			i++;
		if (redact_at(s, i) != '\n')
			return end;
		start = ++i;
		while (i - start < length && (redact_class_at(s, i) & CC_B64))
			i++;
		if (i == start || (redact_class_at(s, i) & CC_B64))
			return end;
		end = i;
		if (end - start < length || end - first > TOKEN_PIECE)
			return end;
	}
}

/*
 * base64 that decodes to readable text is looked into, long ones piece by
 * piece, the pieces overlapping. Returns its end.
 */
static uint32_t
verify_encoded(RedactScanner *s, uint32_t start, uint32_t end)
{
	end = encoded_end(s, start, end);
	while (end - start > MAX_ENCODED)
	{
		verify_window(s, start, start + MAX_ENCODED);
		start += MAX_ENCODED - ENCODED_OVERLAP;
	}
	verify_window(s, start, end);
	return end;
}

/* ---- wallets -------------------------------------------------------- */

static bool
is_hex(const uint8_t *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (!in_alphabet(c[i], HEX))
			return false;
	}
	return true;
}

static void
verify_wallet(RedactScanner *s, uint32_t start, uint32_t end)
{
	const uint8_t *c = s->text + start;
	uint32_t n = end - start;
	int score = 0;

	if (!redact_wants(s, REDACT_CRYPTO))
		return;
	if (n >= 26 && n <= 35 &&
		((memchr("13LMT", c[0], 5) != NULL && check_base58(c, n, false)) ||
		 (c[0] == 'r' && check_base58(c, n, true))))
		score = 95;
	else if (n >= 26 && n <= 90 &&
			 (memcmp(c, "bc1", 3) == 0 || memcmp(c, "BC1", 3) == 0 ||
			  memcmp(c, "tb1", 3) == 0 || memcmp(c, "ltc1", 4) == 0) &&
			 check_bech32(c, n))
		score = 97;
	else if (n == 42 && c[0] == '0' && c[1] == 'x' && is_hex(c + 2, 40))
	{
		bool small = false;
		bool large = false;

		for (uint32_t i = 2; i < n; i++)
		{
			small |= c[i] >= 'a';
			large |= c[i] >= 'A' && c[i] <= 'F';
		}
		if (small && large)
			score = check_eip55(c + 2) ? 95 : 0;
		else
		{
			RedactCtx ctx = redact_context(s, start, end);

			score = redact_ctx_has(&ctx, REDACT_CTX_WALLET) ? 80 : 40;
		}
	}
	if (score > 0)
		redact_offer(s, start, end, REDACT_CRYPTO, score, "wallet");
}

/* ---- values of keys ------------------------------------------------- */

/* Words that stand where a secret would, and are none. */
static bool
is_no_value(const uint8_t *c, uint32_t n)
{
	static const char *const words[] = {
		"null",	   "none",	   "true",	   "false",		"yes",	   "no",
		"nil",	   "required", "optional", "string",	"text",	   "password",
		"secret",  "token",	   "changeme", "undefined", "default", "empty",
		"varchar", "integer",  "boolean",  "bearer",	"basic",   "here"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		uint32_t k = 0;

		while (k < n && words[i][k] != '\0' &&
			   redact_lower(c[k]) == (uint8_t) words[i][k])
			k++;
		if (k == n && words[i][k] == '\0')
			return true;
	}
	return false;
}

static inline bool
ends_value(uint8_t c)
{
	static const uint8_t ends[256] = {
		['"'] = 1, ['\''] = 1, ['`'] = 1, [','] = 1, [';'] = 1, ['<'] = 1,
		['>'] = 1, [')'] = 1,  [']'] = 1, ['}'] = 1, ['|'] = 1,
	};

	return ends[c] || (redact_class[c] & CC_SPACE);
}

/* Where the value that starts at start ends. */
static uint32_t
value_end(RedactScanner *s, uint32_t start)
{
	RedactRun *run = &s->value;

	if (!redact_in_run(run, start))
	{
		run->start = start;
		run->end = start;
		while (run->end < s->len && !ends_value(s->text[run->end]))
			run->end++;
	}
	return run->end > start ? run->end : start;
}

static const char *
value_rule(RedactEntity entity)
{
	return entity == REDACT_USERNAME   ? "username_value"
		   : entity == REDACT_PASSWORD ? "password_value"
									   : "secret_value";
}

/* What a key with these words has as its value; -1: nothing to hide. */
static int
value_entity(const RedactCtx *ctx)
{
	return redact_ctx_has(ctx, REDACT_CTX_PASSWORD) ? REDACT_PASSWORD
		   : redact_ctx_has(ctx, REDACT_CTX_SECRET) ? REDACT_API_KEY
		   : redact_ctx_has(ctx, REDACT_CTX_USER)	? REDACT_USERNAME
													: -1;
}

/*
 * "key: value", "key=value" with the separator at pos: if the key names a
 * secret, the value is one. What is only letters may as well be prose or
 * source code, and scores below the usual threshold.
 */
static void
verify_pair(RedactScanner *s, uint32_t pos)
{
	uint32_t key_end = pos;
	uint32_t key;
	uint32_t start = pos + 1;
	uint32_t end;
	uint32_t looked;
	RedactCtx ctx;
	int entity;
	bool digit = false;
	bool letter = false;
	bool other = false;

	while (key_end > 0 && pos - key_end < 3 &&
		   strchr(" \"'*", redact_at(s, key_end - 1)) != NULL)
		key_end--;
	key = key_end;
	while (key > 0 && key_end - key < 40 &&
		   ((redact_class_at(s, key - 1) & CC_ALNUM) ||
			redact_at(s, key - 1) == '_' || redact_at(s, key - 1) == '-' ||
			(redact_at(s, key - 1) == ' ' && key_end - key < 12)))
		key--;
	if (key_end - key < 3)
		return;
	ctx = redact_context_last((const char *) s->text + key, key_end - key);
	entity = value_entity(&ctx);
	if (entity < 0)
		return;

	while (start < pos + 5 &&
		   (redact_at(s, start) == ' ' || redact_at(s, start) == '"' ||
			redact_at(s, start) == '\'' || redact_at(s, start) == '=' ||
			redact_at(s, start) == '>'))
		start++;
	if (redact_at(s, start) == '$' || redact_at(s, start) == '<' ||
		redact_at(s, start) == '%' || redact_at(s, start) == '{' ||
		redact_at(s, start) == '*' || redact_at(s, start) == '/')
		return; /* a variable, a placeholder, a path */
	for (int scheme = 0;; scheme++)
	{
		end = value_end(s, start);
		/* "Authorization: Bearer x" */
		if (scheme > 0 || redact_at(s, end) != ' ' || end - start < 5 ||
			end - start > 6 || !is_no_value(s->text + start, end - start))
			break;
		start = end + 1;
	}
	while (end > start && strchr(".:!?", redact_at(s, end - 1)) != NULL)
		end--;
	if (end - start < (entity == REDACT_API_KEY ? 8 : 4) ||
		is_no_value(s->text + start, end - start))
		return;
	looked = end - start < MAX_VALUE ? end : start + MAX_VALUE;
	for (uint32_t i = start; i < looked; i++)
	{
		uint8_t class = redact_class_at(s, i);

		digit |= (class & CC_DIGIT) != 0;
		letter |= (class & CC_ALPHA) != 0;
		other |= !(class & CC_ALNUM);
		/* a call, a reference, a path in source code */
		if (redact_at(s, i) == '(' || redact_at(s, i) == '[' ||
			(redact_at(s, i) == '.' && redact_at(s, i - 1) == '.') ||
			(redact_at(s, i) == ':' && redact_at(s, i + 1) == ':') ||
			(redact_at(s, i) == '-' && redact_at(s, i + 1) == '>'))
			return;
	}
	redact_offer(s, start, end, entity,
				 digit && letter  ? 75
				 : digit || other ? 48
								  : 42,
				 value_rule(entity));
}

uint32_t
redact_verify_equals(RedactScanner *s, uint32_t pos)
{
	if (redact_wants(s, REDACT_PASSWORD) || redact_wants(s, REDACT_API_KEY) ||
		redact_wants(s, REDACT_USERNAME))
		verify_pair(s, pos);
	return pos + 1;
}

/*
 * A token that follows "password is", "secret key" and the like, and looks
 * made up: letters and digits, or letters of both cases, or odd characters.
 */
static void
verify_bare(RedactScanner *s, uint32_t start, uint32_t end)
{
	RedactCtx ctx;
	uint32_t n = end - start;
	bool lower = false;
	bool upper = false;
	bool hex = true;
	int digits = 0;

	if (n < 20 || n > 128)
		return;
	for (uint32_t i = start; i < end; i++)
	{
		uint8_t class = redact_class_at(s, i);

		lower |= (class & CC_LOWER) != 0;
		upper |= (class & CC_UPPER) != 0;
		digits += (class & CC_DIGIT) != 0;
		hex = hex && in_alphabet(redact_at(s, i), HEX);
	}
	if (!lower || !upper || digits < (n == 40 ? 1 : 3) || hex ||
		memchr(s->text + start, '_', n) != NULL)
		return;
	ctx = redact_context(s, start, end);
	if (!redact_ctx_has(&ctx, REDACT_CTX_SECRET))
		return;
	redact_offer(s, start, end,
				 n == 40 ? REDACT_AWS_SECRET_KEY : REDACT_API_KEY,
				 n == 40 ? 70 : 55, "secret_token");
}

uint32_t
redact_verify_token(RedactScanner *s, uint32_t pos)
{
	uint32_t start = pos;
	uint32_t end = pos;
	uint32_t ahead;

	if (redact_at(s, pos) == 'B' && pos >= 5 && redact_at(s, pos - 1) == '-')
	{
		end = verify_pem(s, pos - 5);
		if (end > 0)
			return end;
		end = pos;
	}
	if (pos < s->token_end)
		return pos + 1;
	while (start > s->token_end && (redact_class_at(s, start - 1) & CC_B64))
		start--;
	/* a long run piece by piece, so that a caller can stop in between */
	end = redact_class_end(s, pos, TOKEN_PIECE - (pos - start), CC_B64);
	s->token_short =
		end - start < MACHINE_ID && !(redact_class_at(s, start - 1) & CC_B64);
	if (end - start < MIN_TOKEN && redact_at(s, end) != '.' &&
		redact_at(s, start - 1) != '.')
	{
		s->token_end = end > pos ? end : pos + 1;
		return pos + 1;
	}
	ahead = redact_class_end(s, end, ENCODED_OVERLAP, CC_B64);
	/* a prefix may end with a dot: "hvs.", "dp.pt." */
	for (int dots = 0; dots < 2 && start >= 3 && start > s->token_end + 1 &&
					   redact_at(s, start - 1) == '.';
		 dots++)
	{
		uint32_t part = start - 1;

		while (part > s->token_end && start - part < 8 &&
			   (redact_class_at(s, part - 1) & CC_B64))
			part--;
		start = part;
	}
	s->token_end = end > pos ? end : pos + 1;
	/* a number is no key and no text, unless it is a line of more */
	if (end - start < PEM_LINE &&
		redact_class_end(s, start, PEM_LINE, CC_DIGIT) == end &&
		redact_at(s, end) != '.')
		return pos + 1;
	if (end - start >= MIN_TOKEN)
		find_prefixes(s, start, ahead);
	else if (redact_at(s, end) == '.' &&
			 (redact_class_at(s, end + 1) & CC_B64))
		find_prefixes(s, start, end + MIN_TOKEN);
	if (end - start >= MIN_ENCODED && end > s->encoded_end)
		s->encoded_end = verify_encoded(s, start, ahead);
	if (end - start >= 20)
	{
		verify_wallet(s, start, end);
		verify_bare(s, start, end);
	}
	return pos + 1;
}
