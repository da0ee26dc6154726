/*-------------------------------------------------------------------------
 *
 * redact_fake.c
 *		Stand-ins: values of the same form that are nobody's, for the action
 *		"fake".
 *
 * A stand-in is drawn from a keyed hash of entity and value, so it is the
 * same wherever the value stands. Three kinds can be nobody's:
 *
 *	- those of a range that is reserved or that nothing is issued from;
 *	- those of identifiers with a check digit that have a wrong one;
 *	- those that no person would invent: 20 characters at example.com, names
 *	  of six syllables.
 *
 * The first are told by their range, and left alone wherever they stand; the
 * last by a part of them that is a keyed hash of the rest. The second are
 * not found again, as their check fails.
 *
 * What has fewer than REDACT_FAKE_MIN_DOMAIN stand-ins has none, and so has
 * what has fewer values than that (dates, PINs, postcodes): whoever may call
 * redact() could try them all in seconds. That is also why an IPv4 address is
 * not taken from the three networks for documentation (768 addresses), nor a
 * telephone number from 555-01xx (80,000).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "redact/redact_check.h"
#include "redact/redact_fake.h"
#include "redact/redact_key.h"
#include "redact/redact_scheme.h"

/* Letters and digits of a code, at most; more would exhaust a hash. */
#define MAX_CHARS 40
/* Hashes tried for one that passes no check; a third of them do at worst. */
#define MAX_DRAWS 256

typedef enum FakeKind
{
	FAKE_NONE,
	FAKE_MAIL,
	FAKE_URL,
	FAKE_PERSON,
	FAKE_IP,
	FAKE_MAC,
	FAKE_PHONE,
	FAKE_RANGE, /* a rule of the table */
	FAKE_WRONG	/* a wrong check digit */
} FakeKind;

/* What is right about the last digit of a range's stand-ins. */
typedef enum FakeFinish
{
	FINISH_NONE,
	FINISH_LUHN,
	FINISH_IBAN /* the two digits behind the country */
} FakeFinish;

/*
 * Ranges. A pattern says what the value begins with; '?' is drawn, as is all
 * that follows, 'h' a digit from 0 to 4, 'd' a letter from A to D.
 */
typedef struct FakeRange
{
	uint8 entity;
	const char *pattern;
	FakeFinish finish;
} FakeRange;

static const FakeRange ranges[] = {
	/* ISO/IEC 7812: 0 is not of payment cards */
	{REDACT_CREDIT_CARD, "0", FINISH_LUHN},
	/* ISO 3166: ZZ is for users, and never a country */
	{REDACT_IBAN_CODE, "ZZ", FINISH_IBAN},
	{REDACT_SWIFT_CODE, "????ZZ", FINISH_NONE},
	/* reporting body 00: test devices */
	{REDACT_IMEI, "00", FINISH_LUHN},
	/* ITU-T E.212: 001-01 is the test network */
	{REDACT_IMSI, "00101", FINISH_NONE},
	/* ITU-T E.164: 999 is reserved, and no country's */
	{REDACT_ICCID, "89999", FINISH_LUHN},
	/* 9xx is no area, and groups below 50 are those of no ITIN or ATIN */
	{REDACT_US_SSN, "9??h", FINISH_NONE},
	{REDACT_US_ITIN, "9??h", FINISH_NONE},
	{REDACT_US_ATIN, "9??h", FINISH_NONE},
	/* 00 is of no campus, 9 of no Federal Reserve district */
	{REDACT_US_EIN, "00", FINISH_NONE},
	{REDACT_US_BANK_ROUTING, "9", FINISH_NONE},
	/* as HMRC's own examples begin, since Q stands in no prefix */
	{REDACT_UK_NINO, "QQ??????d", FINISH_NONE},
};

/*
 * Have a check, but are or were issued against it, or it is none but of dates
 * and areas, which may get more.
 */
static const uint8 open_checks[] = {
	REDACT_CA_HEALTH_NUMBER,
	REDACT_DK_CPR,
	REDACT_ID_NIK,
	REDACT_IN_PAN,
	REDACT_IN_VEHICLE_REGISTRATION,
	REDACT_IS_KENNITALA,
	REDACT_KR_FRN,
	REDACT_KR_RRN,
	REDACT_MX_RFC,
	REDACT_MY_NRIC,
	REDACT_PK_CNIC,
	REDACT_UK_DRIVING_LICENCE,
	REDACT_UK_VEHICLE_REGISTRATION,
	REDACT_US_MBI,
};

static FakeKind
fake_kind(RedactEntity entity)
{
	switch (entity)
	{
		case REDACT_EMAIL_ADDRESS:
			return FAKE_MAIL;
		case REDACT_URL:
			return FAKE_URL;
		case REDACT_PERSON:
			return FAKE_PERSON;
		case REDACT_IP_ADDRESS:
			return FAKE_IP;
		case REDACT_MAC_ADDRESS:
			return FAKE_MAC;
		case REDACT_PHONE_NUMBER:
			return FAKE_PHONE;
		default:
			break;
	}
	for (int i = 0; i < (int) lengthof(ranges); i++)
	{
		if (ranges[i].entity == entity)
			return FAKE_RANGE;
	}
	for (int i = 0; i < (int) lengthof(open_checks); i++)
	{
		if (open_checks[i] == entity)
			return FAKE_NONE;
	}
	return redact_always_checked(entity) ? FAKE_WRONG : FAKE_NONE;
}

bool
redact_fake_known(RedactEntity entity)
{
	return fake_kind(entity) != FAKE_NONE;
}

/* ---- drawing -------------------------------------------------------- */

/* A hash as a number of 256 bits, of which digits are taken. */
typedef struct Draws
{
	uint8 number[REDACT_HASH_LEN];
} Draws;

static void
draws_begin(Draws *draws, const char *policy, RedactEntity entity, int nth,
			const char *value, int len)
{
	char purpose[64];

	snprintf(purpose, sizeof(purpose), "fake %s %d",
			 redact_entities[entity].name, nth);
	redact_key_hash(policy, purpose, value, len, draws->number);
}

static int
draw(Draws *draws, int radix)
{
	int rest = 0;

	for (int i = 0; i < REDACT_HASH_LEN; i++)
	{
		rest = rest << 8 | draws->number[i];
		draws->number[i] = rest / radix;
		rest %= radix;
	}
	return rest;
}

static bool
is_digit(uint8 c)
{
	return c >= '0' && c <= '9';
}

static uint8
draw_like(Draws *draws, uint8 c)
{
	return is_digit(c) ? '0' + draw(draws, 10) : 'A' + draw(draws, 26);
}

/* ---- values of letters, digits and separators ------------------------ */

typedef struct Shape
{
	int n;
	uint8 chars[MAX_CHARS]; /* capitals and digits */
	int at[MAX_CHARS];		/* where they stand */
} Shape;

/* False when the value has anything else than separators between. */
static bool
read_shape(const char *value, int len, Shape *s)
{
	s->n = 0;
	for (int i = 0; i < len; i++)
	{
		uint8 c = value[i];

		if (strchr(" -./()+:_", c) != NULL && c != '\0')
			continue;
		c = pg_ascii_toupper(c);
		if (!(is_digit(c) || (c >= 'A' && c <= 'Z')) || s->n == MAX_CHARS)
			return false;
		s->chars[s->n] = c;
		s->at[s->n++] = i;
	}
	return s->n > 0;
}

/* Append the value with the characters of the shape, in its own case. */
static void
append_shape(StringInfo out, const char *value, int len, const Shape *s,
			 bool lower)
{
	int start = out->len;

	appendBinaryStringInfo(out, value, len);
	for (int i = 0; i < s->n; i++)
		out->data[start + s->at[i]] =
			lower || (value[s->at[i]] >= 'a' && value[s->at[i]] <= 'z')
				? pg_ascii_tolower(s->chars[i])
				: s->chars[i];
}

/* How many values have digits and letters where the shape has, from one on. */
static double
domain_of(const Shape *s, int from)
{
	double n = 1;

	for (int i = from; i < s->n; i++)
		n *= is_digit(s->chars[i]) ? 10 : 26;
	return n;
}

/* The last digit that makes Luhn's sum right. */
static uint8
luhn_digit(const Shape *s)
{
	int sum = 0;

	for (int i = s->n - 2, twice = 1; i >= 0; i--, twice = !twice)
	{
		int d = s->chars[i] - '0';

		sum += twice ? d * 2 / 10 + d * 2 % 10 : d;
	}
	return '0' + (10 - sum % 10) % 10;
}

/* The check digits of an IBAN: ISO 7064 mod 97-10 with 00 in their place. */
static int
iban_digits(const Shape *s)
{
	int rest = 0;

	for (int i = 0; i < s->n; i++)
	{
		uint8 c = i < s->n - 4	 ? s->chars[i + 4]
				  : i < s->n - 2 ? s->chars[i - s->n + 4]
								 : '0';

		if (is_digit(c))
			rest = (rest * 10 + c - '0') % 97;
		else
			rest = (rest * 100 + c - 'A' + 10) % 97;
	}
	return 98 - rest;
}

static bool
finish(FakeFinish how, Shape *s)
{
	int check;

	switch (how)
	{
		case FINISH_LUHN:
			for (int i = 0; i < s->n; i++)
			{
				if (!is_digit(s->chars[i]))
					return false;
			}
			s->chars[s->n - 1] = luhn_digit(s);
			break;
		case FINISH_IBAN:
			if (s->n < 8)
				return false;
			check = iban_digits(s);
			s->chars[2] = '0' + check / 10;
			s->chars[3] = '0' + check % 10;
			break;
		case FINISH_NONE:
			break;
	}
	return true;
}

/*
 * Put what a range fixes into a shape, and draw the rest; without draws the
 * rest stays. False when the shape is not one that the range has.
 */
static bool
fill_range(const char *pattern, FakeFinish how, Shape *s, Draws *draws)
{
	int fixed = strlen(pattern);
	double domain = domain_of(s, fixed);

	if (s->n < fixed)
		return false;
	for (int i = 0; i < s->n; i++)
	{
		uint8 c = i < fixed ? pattern[i] : '?';
		bool digit = is_digit(s->chars[i]);

		if (c == '?')
		{
			if (i < fixed)
				domain *= digit ? 10 : 26;
			if (draws != NULL)
				s->chars[i] = draw_like(draws, s->chars[i]);
		}
		else if (digit != (is_digit(c) || c == 'h'))
			return false;
		else if (c == 'h' || c == 'd')
		{
			int count = c == 'h' ? 5 : 4;
			int first = c == 'h' ? '0' : 'A';

			domain *= count;
			if (draws != NULL || s->chars[i] >= first + count)
				s->chars[i] = first + (draws == NULL ? 0 : draw(draws, count));
		}
		else
			s->chars[i] = c;
	}
	/* what a check digit takes away */
	domain /= how == FINISH_LUHN ? 10 : how == FINISH_IBAN ? 100 : 1;
	return domain >= REDACT_FAKE_MIN_DOMAIN && finish(how, s);
}

/* A number grouped as in North America: its area code's place, or -1. */
static int
area_code(const char *value, const Shape *s)
{
	int area = s->n - 10;

	if (area < 0 || area > 1 || (area == 1 && s->chars[0] != '1') ||
		s->chars[area] < '2' || s->at[area + 3] == s->at[area + 2] + 1 ||
		s->at[area + 6] == s->at[area + 5] + 1 ||
		s->at[area + 9] != s->at[area + 6] + 3)
		return -1;
	return value[0] == '+' && area == 0 ? -1 : area;
}

/* Reserved by ITU-T E.164, and no country's. */
#define CALLING_CODE "999"

/* How stand-ins of a telephone number begin; NULL: it has none. */
static const char *
phone_pattern(const char *value, const Shape *s)
{
	for (int i = 0; i < s->n; i++)
	{
		if (!is_digit(s->chars[i]))
			return NULL;
	}
	/* an area code that is not assigned */
	switch (area_code(value, s))
	{
		case 0:
			return "555";
		case 1:
			return "1555";
		default:
			break;
	}
	if (value[0] == '+' && s->n == 11 && s->chars[0] == '1')
		return "1555";
	/* other national numbers have none */
	return value[0] == '+' ? CALLING_CODE : NULL;
}

/* The range of a value's stand-ins, or NULL. */
static const char *
range_of(RedactEntity entity, const char *value, const Shape *s,
		 FakeFinish *how)
{
	*how = FINISH_NONE;
	if (entity == REDACT_PHONE_NUMBER)
		return phone_pattern(value, s);
	for (int i = 0; i < (int) lengthof(ranges); i++)
	{
		if (ranges[i].entity == entity)
		{
			*how = ranges[i].finish;
			return ranges[i].pattern;
		}
	}
	return NULL;
}

static bool
append_range(StringInfo out, const char *policy, RedactEntity entity,
			 const char *value, int len)
{
	Shape s;
	Draws draws;
	FakeFinish how;
	const char *pattern;

	if (!read_shape(value, len, &s) ||
		(pattern = range_of(entity, value, &s, &how)) == NULL)
		return false;
	draws_begin(&draws, policy, entity, 0, (const char *) s.chars, s.n);
	if (!fill_range(pattern, how, &s, &draws))
		return false;
	/* undivided, as grouped it would look like a number behind a code */
	if (strcmp(pattern, CALLING_CODE) == 0)
		appendStringInfo(out, "+%.*s", s.n, (char *) s.chars);
	else
		append_shape(out, value, len, &s, false);
	return true;
}

static bool
is_in_range(RedactEntity entity, const char *value, int len)
{
	Shape s;
	Shape filled;
	FakeFinish how;
	const char *pattern;

	if (!read_shape(value, len, &s) ||
		(pattern = range_of(entity, value, &s, &how)) == NULL)
		return false;
	filled = s;
	return fill_range(pattern, how, &filled, NULL) &&
		   memcmp(filled.chars, s.chars, s.n) == 0;
}

/*
 * A number or code that passes the check of no scheme at all. Letters that
 * name the scheme ("DE" of a German tax number) stay.
 */
static bool
append_wrong(StringInfo out, const char *policy, RedactEntity entity,
			 const char *value, int len)
{
	Shape s;
	Shape wrong;
	const char *pattern;
	const char *any;
	int drawn = 0;

	if (!read_shape(value, len, &s) ||
		(redact_number_checked(entity, s.chars, s.n, &pattern) <
			 REDACT_CHECK_FAILS &&
		 redact_code_checked(entity, s.chars, s.n, &pattern) <
			 REDACT_CHECK_FAILS))
		return false;
	while (pattern != NULL && pattern[drawn] >= 'a')
		drawn++;
	if (domain_of(&s, drawn) < REDACT_FAKE_MIN_DOMAIN)
		return false;
	for (int nth = 0; nth < MAX_DRAWS; nth++)
	{
		Draws draws;

		draws_begin(&draws, policy, entity, nth, (const char *) s.chars, s.n);
		wrong = s;
		for (int i = 0; i < s.n; i++)
		{
			if (pattern == NULL || pattern[i] < 'a')
				wrong.chars[i] = draw_like(&draws, s.chars[i]);
		}
		if (redact_number_checked(-1, wrong.chars, s.n, &any) ==
				REDACT_CHECK_HOLDS ||
			redact_code_checked(-1, wrong.chars, s.n, &any) ==
				REDACT_CHECK_HOLDS)
			continue;
		append_shape(out, value, len, &wrong, false);
		return true;
	}
	return false;
}

/* ---- addresses of machines ------------------------------------------- */

/* 240.0.0.0/4 (RFC 1112): reserved, and nothing is sent there. */
#define CLASS_E 240

static bool
append_ip(StringInfo out, const char *policy, const char *value, int len)
{
	char *text = pnstrdup(value, len);
	uint8 bytes[16];
	Draws draws;

	if (strlen(text) != (size_t) len)
		return false;
	if (inet_pton(AF_INET, text, bytes) == 1)
	{
		draws_begin(&draws, policy, REDACT_IP_ADDRESS, 0, (char *) bytes, 4);
		/* 255 is for broadcasts */
		appendStringInfo(out, "%d", CLASS_E + draw(&draws, 15));
		for (int i = 0; i < 3; i++)
			appendStringInfo(out, ".%d", draw(&draws, 256));
		return true;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	/* 2001:db8::/32 (RFC 3849): documentation */
	draws_begin(&draws, policy, REDACT_IP_ADDRESS, 0, (char *) bytes, 16);
	appendStringInfoString(out, "2001:db8");
	for (int i = 0; i < 6; i++)
		appendStringInfo(out, ":%x", draw(&draws, 65536));
	return true;
}

static bool
is_fake_ip(const char *value, int len)
{
	static const uint8 documentation[] = {0x20, 0x01, 0x0d, 0xb8};
	char *text = pnstrdup(value, len);
	uint8 bytes[16];

	if (strlen(text) != (size_t) len)
		return false;
	if (inet_pton(AF_INET, text, bytes) == 1)
		return bytes[0] >= CLASS_E && bytes[0] < 255;
	return inet_pton(AF_INET6, text, bytes) == 1 &&
		   memcmp(bytes, documentation, sizeof(documentation)) == 0;
}

/*
 * The two lowest bits of the first octet say that an address is of a group and
 * of no manufacturer: no device has one. 33 is IPv6's, F3 nobody's.
 */
static bool
append_mac(StringInfo out, const char *policy, const char *value, int len)
{
	static const char hex[] = "0123456789ABCDEF";
	Shape s;
	Draws draws;
	bool lower = false;

	if (!read_shape(value, len, &s) || s.n != 12)
		return false;
	for (int i = 0; i < s.n; i++)
	{
		if (strchr(hex, s.chars[i]) == NULL)
			return false;
		lower = lower || value[s.at[i]] >= 'a';
	}
	draws_begin(&draws, policy, REDACT_MAC_ADDRESS, 0, (char *) s.chars, 12);
	s.chars[0] = 'F';
	s.chars[1] = '3';
	for (int i = 2; i < s.n; i++)
		s.chars[i] = hex[draw(&draws, 16)];
	append_shape(out, value, len, &s, lower);
	return true;
}

static bool
is_fake_mac(const char *value, int len)
{
	Shape s;

	return read_shape(value, len, &s) && s.n == 12 && s.chars[0] == 'F' &&
		   s.chars[1] == '3';
}

/* ---- what carries a proof -------------------------------------------- */

/* A name at example.com: 60 bits, and 40 that only the key makes of them. */
#define PAYLOAD_LEN 12
#define PROOF_LEN 8
#define MARK_LEN (PAYLOAD_LEN + PROOF_LEN)
#define EXAMPLE "example.com" /* RFC 2606 */

static void
mark_proof(const char *policy, RedactEntity entity, const char *payload,
		   char *proof)
{
	Draws draws;

	/* no value is drawn for with this number */
	draws_begin(&draws, policy, entity, -1, payload, PAYLOAD_LEN);
	redact_key_base32(draws.number, PROOF_LEN, proof);
}

/* The mark of a value, whose ASCII letters are taken as small ones. */
static void
make_mark(const char *policy, RedactEntity entity, const char *value, int len,
		  char *mark)
{
	char *lower = pnstrdup(value, len);
	Draws draws;

	for (int i = 0; i < len; i++)
		lower[i] = pg_ascii_tolower((unsigned char) lower[i]);
	draws_begin(&draws, policy, entity, 0, lower, len);
	redact_key_base32(draws.number, PAYLOAD_LEN, mark);
	mark_proof(policy, entity, mark, mark + PAYLOAD_LEN);
}

static bool
is_mark(const char *policy, RedactEntity entity, const char *text)
{
	char mark[MARK_LEN];
	char proof[PROOF_LEN + 1];

	for (int i = 0; i < MARK_LEN; i++)
	{
		char c = pg_ascii_tolower((unsigned char) text[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '2' && c <= '7')))
			return false;
		mark[i] = c;
	}
	mark_proof(policy, entity, mark, proof);
	return memcmp(proof, mark + PAYLOAD_LEN, PROOF_LEN) == 0;
}

/* What of a link's scheme a stand-in keeps: its length. */
static int
scheme_length(const char *value, int len)
{
	if (len > 8 && pg_strncasecmp(value, "https://", 8) == 0)
		return 8;
	return len > 7 && pg_strncasecmp(value, "http://", 7) == 0 ? 7 : 0;
}

static void
append_marked(StringInfo out, const char *policy, RedactEntity entity,
			  const char *value, int len)
{
	char mark[MARK_LEN + 1];

	make_mark(policy, entity, value, len, mark);
	if (entity == REDACT_EMAIL_ADDRESS)
	{
		appendStringInfo(out, "%s@" EXAMPLE, mark);
		return;
	}
	appendBinaryStringInfo(out, value, scheme_length(value, len));
	appendStringInfo(out, EXAMPLE "/%s", mark);
}

static bool
is_fake_marked(const char *policy, RedactEntity entity, const char *value,
			   int len)
{
	int scheme;

	if (entity == REDACT_EMAIL_ADDRESS)
		return len == MARK_LEN + 1 + (int) strlen(EXAMPLE) &&
			   pg_strncasecmp(value + MARK_LEN, "@" EXAMPLE, len - MARK_LEN) ==
				   0 &&
			   is_mark(policy, entity, value);
	scheme = scheme_length(value, len);
	value += scheme;
	len -= scheme;
	return len == MARK_LEN + 1 + (int) strlen(EXAMPLE) &&
		   pg_strncasecmp(value, EXAMPLE "/", len - MARK_LEN) == 0 &&
		   is_mark(policy, entity, value + len - MARK_LEN);
}

/* ---- names of people ------------------------------------------------- */

/*
 * Each word of a name becomes six syllables: 20 bits drawn for it, and 16 that
 * only the key makes of them. So a first name alone has the same stand-in as
 * before a surname.
 */
#define SYLLABLES 6
#define PROOF_BITS 16
#define MAX_WORDS 6

static const char onsets[] = "bdfghjklmnprstvz";
static const char vowels[] = "aeio";

static uint32
name_proof(const char *policy, uint32 payload)
{
	char text[8];
	Draws draws;

	snprintf(text, sizeof(text), "%05x", payload);
	draws_begin(&draws, policy, REDACT_PERSON, -1, text, 5);
	return draws.number[0] << 8 | draws.number[1];
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

static int
word_length(const char *text, int len)
{
	int n = 0;

	while (n < len && !is_blank(text[n]))
		n++;
	return n;
}

static bool
is_fake_word(const char *policy, const char *word, int len)
{
	uint64 bits = 0;

	if (len != SYLLABLES * 2)
		return false;
	for (int i = 0; i < len; i += 2)
	{
		char onset = pg_ascii_tolower((unsigned char) word[i]);
		char vowel = pg_ascii_tolower((unsigned char) word[i + 1]);
		const char *o = strchr(onsets, onset);
		const char *v = strchr(vowels, vowel);

		if (onset == '\0' || vowel == '\0' || o == NULL || v == NULL)
			return false;
		bits = bits << 6 | (o - onsets) << 2 | (v - vowels);
	}
	return name_proof(policy, bits >> PROOF_BITS) ==
		   (bits & ((1 << PROOF_BITS) - 1));
}

static void
append_fake_word(StringInfo out, const char *policy, const char *word, int len)
{
	char *lower = pnstrdup(word, len);
	char name[SYLLABLES * 2 + 1] = "";
	Draws draws;
	uint64 bits;
	bool small = false;
	int capitals = 0;

	for (int i = 0; i < len; i++)
	{
		lower[i] = pg_ascii_tolower((unsigned char) word[i]);
		capitals += word[i] != lower[i];
		small = small || (word[i] >= 'a' && word[i] <= 'z');
	}
	draws_begin(&draws, policy, REDACT_PERSON, 0, lower, len);
	bits = draw(&draws, 1 << 20);
	bits = bits << PROOF_BITS | name_proof(policy, bits);
	for (int i = 0; i < SYLLABLES; i++)
	{
		int syllable = bits >> (6 * (SYLLABLES - 1 - i)) & 63;

		name[i * 2] = onsets[syllable >> 2];
		name[i * 2 + 1] = vowels[syllable & 3];
	}
	for (int i = 0; i < SYLLABLES * 2; i++)
	{
		if ((i == 0 && !(word[0] >= 'a' && word[0] <= 'z')) ||
			(!small && capitals > 1))
			name[i] = pg_ascii_toupper((unsigned char) name[i]);
	}
	appendStringInfoString(out, name);
}

static bool
append_person(StringInfo out, const char *policy, const char *value, int len)
{
	int words = 0;
	int n;

	for (int i = 0; i < len; i += n)
	{
		n = Max(word_length(value + i, len - i), 1);
		words += !is_blank(value[i]);
	}
	if (words == 0 || words > MAX_WORDS)
		return false;
	for (int i = 0; i < len; i += n)
	{
		n = Max(word_length(value + i, len - i), 1);
		if (is_blank(value[i]) || is_fake_word(policy, value + i, n))
			appendBinaryStringInfo(out, value + i, n);
		else
			append_fake_word(out, policy, value + i, n);
	}
	return true;
}

static bool
is_fake_person(const char *policy, const char *value, int len)
{
	int n;
	int words = 0;

	for (int i = 0; i < len; i += n)
	{
		n = Max(word_length(value + i, len - i), 1);
		if (is_blank(value[i]))
			continue;
		if (!is_fake_word(policy, value + i, n))
			return false;
		words++;
	}
	return words > 0;
}

/* ---- all ------------------------------------------------------------- */

bool
redact_fake_is(const char *policy, RedactEntity entity, const char *value,
			   int len)
{
	switch (fake_kind(entity))
	{
		case FAKE_MAIL:
		case FAKE_URL:
			return is_fake_marked(policy, entity, value, len);
		case FAKE_PERSON:
			return is_fake_person(policy, value, len);
		case FAKE_IP:
			return is_fake_ip(value, len);
		case FAKE_MAC:
			return is_fake_mac(value, len);
		case FAKE_PHONE:
		case FAKE_RANGE:
			return is_in_range(entity, value, len);
		case FAKE_WRONG:
		case FAKE_NONE:
			break;
	}
	return false;
}

bool
redact_fake_append(StringInfo out, const char *policy, RedactEntity entity,
				   const char *value, int len, bool whole)
{
	FakeKind kind = fake_kind(entity);

	if (redact_fake_is(policy, entity, value, len))
	{
		appendBinaryStringInfo(out, value, len);
		return true;
	}
	switch (kind)
	{
		case FAKE_MAIL:
		case FAKE_URL:
			append_marked(out, policy, entity, value, len);
			return true;
		case FAKE_PERSON:
			return append_person(out, policy, value, len);
		case FAKE_IP:
			return append_ip(out, policy, value, len);
		case FAKE_MAC:
			return append_mac(out, policy, value, len);
		case FAKE_PHONE:
		case FAKE_RANGE:
			return append_range(out, policy, entity, value, len);
		case FAKE_WRONG:
			/* a value that was said to be one may have a wrong digit itself */
			return !whole && append_wrong(out, policy, entity, value, len);
		case FAKE_NONE:
			break;
	}
	return false;
}
