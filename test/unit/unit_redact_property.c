/* sources: src/redact/redact_address.c src/redact/redact_arbiter.c src/redact/redact_canon.c src/redact/redact_check.c src/redact/redact_check_code.c src/redact/redact_check_wallet.c src/redact/redact_code.c src/redact/redact_context.c src/redact/redact_date.c src/redact/redact_entity.c src/redact/redact_name.c src/redact/redact_net.c src/redact/redact_number.c src/redact/redact_organisation.c src/redact/redact_phone.c src/redact/redact_scan.c src/redact/redact_scheme.c src/redact/redact_secret.c src/redact/redact_terms.c */
/* libs: -lcrypto */
/*
 * What holds for every text, tried on texts put together at random out of
 * data, words, escapes and oddities:
 *
 * - spans are disjoint, in order, inside the text, and cut no character;
 * - scanning in slices of any size finds what scanning at once finds;
 * - a text with placeholders for what was found holds nothing to find, also
 *   where data is glued to data.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact/redact_scan_int.h"

#define TEXTS 40000
#define SLICED 4000 /* of them are scanned in slices too */
#define MAX_TEXT 4096

static const char *const pieces[] = {
	"jane.doe@example.com",
	"4111 1111 1111 1111",
	"219-09-9998",
	"+49 30 901820",
	"(415) 555-0132",
	"GB29NWBK60161331926819",
	"GB29 NWBK 6016 1331 9268 19",
	"192.168.7.9",
	"2001:db8::8a2e:370:7334",
	"https://user:secret1@example.org/a?b=c",
	"00:1b:44:11:3a:b7",
	"password=hunter2",
	"AKIAIOSFODNN7EXAMPLE",
	"1980-03-14",
	"born on 3 March 1980",
	"www.example.org",
	"756.9217.0769.85",
	"ssn",
	"card",
	"passport A12345678",
	"Maria Gonzalez",
	"Dr. John Smith",
	"221B Baker Street, London",
	"Acme Holdings Ltd",
	"Berlin",
	"German",
	"bWFpbDogamFuZS5kb2VAZXhhbXBsZS5jb20=",
	"<EMAIL_ADDRESS_1>",
	"<PERSON>",
	"jane&#64;example.com",
	"jane%40example.com",
	"jane (at) example [dot] com",
	"\xef\xbc\x94\xef\xbc\x91\xef\xbc\x91\xef\xbc\x91",
	"\xe2\x80\x8b",
	"\xc3\xa9t\xc3\xa9",
	"\xd9\xa4\xd9\xa1",
	"\xf0\x9f\x98\x80",
	"\xcc\x81",
	"\\u0040",
	"=40",
	"&amp;",
	"%2",
	"-----BEGIN PRIVATE KEY-----\nMIIB",
	"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n"
	"L898902C36UTO7408122F1204159ZE184226B<<<<<10",
	"the",
	"quick",
	"was",
	"is",
	"in",
	"called",
	"number",
	"1",
	"22",
	"333",
	"a",
	".",
	",",
	"-",
	"/",
	":",
	"@",
	"(",
	")",
	"\n",
	"\t",
	"  ",
	"'",
	"\"",
	"<",
	">",
	"_",
	"+",
	"#",
	"%",
	"=",
	"&"};
#define NPIECES (sizeof(pieces) / sizeof(pieces[0]))

typedef struct Found
{
	int n;
	RedactSpan spans[1024];
} Found;

static uint64_t seed = 42;

static uint32_t
draw(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t) (seed >> 33) % below;
}

static size_t
make_text(char *text, bool glue)
{
	size_t len = 0;
	uint32_t n = 1 + draw(24);

	while (n-- > 0)
	{
		const char *piece = pieces[draw(NPIECES)];
		size_t size = strlen(piece);

		if (len + size + 1 > MAX_TEXT / 2)
			break;
		memcpy(text + len, piece, size);
		len += size;
		if (!glue || draw(4) > 0)
			text[len++] = ' ';
	}
	return len;
}

static RedactStatus
scan(RedactScanner *s, const RedactProfile *profile, const char *text,
	 size_t len, Found *found)
{
	const RedactSpan *spans;
	RedactStatus status;

	redact_scanner_begin(s, profile, text, len, NULL, 0);
	while ((status = redact_scanner_step(s)) == REDACT_MORE)
		;
	spans = redact_scanner_spans(s, &found->n);
	if (found->n > 0)
		memcpy(found->spans, spans, found->n * sizeof(RedactSpan));
	return status;
}

static bool
is_inside_character(const char *text, size_t len, size_t at)
{
	return at < len && ((uint8_t) text[at] & 0xc0) == 0x80;
}

static bool
is_proper(const char *text, size_t len, const Found *found)
{
	size_t last = 0;

	for (int i = 0; i < found->n; i++)
	{
		size_t start = found->spans[i].start;
		size_t end = start + found->spans[i].len;

		if (start < last || end <= start || end > len ||
			is_inside_character(text, len, start) ||
			is_inside_character(text, len, end))
			return false;
		last = end;
	}
	return true;
}

static bool
is_same(const Found *a, const Found *b)
{
	if (a->n != b->n)
		return false;
	for (int i = 0; i < a->n; i++)
	{
		if (a->spans[i].start != b->spans[i].start ||
			a->spans[i].len != b->spans[i].len ||
			a->spans[i].entity != b->spans[i].entity ||
			a->spans[i].score != b->spans[i].score)
			return false;
	}
	return true;
}

static size_t
replace(const char *text, size_t len, const Found *found, char *out)
{
	size_t n = 0;
	size_t at = 0;

	for (int i = 0; i < found->n; i++)
	{
		const RedactSpan *span = &found->spans[i];

		memcpy(out + n, text + at, span->start - at);
		n += span->start - at;
		n += sprintf(out + n, "<%s>", redact_entities[span->entity].name);
		at = span->start + span->len;
	}
	memcpy(out + n, text + at, len - at);
	return n + len - at;
}

static void
report(const char *what, const char *text, size_t len)
{
	printf("not ok - %s: ", what);
	for (size_t i = 0; i < len; i++)
		printf(text[i] >= ' ' && text[i] < 0x7f ? "%c" : "\\x%02x",
			   (uint8_t) text[i]);
	printf("\n");
}

int
main(void)
{
	RedactScanner *whole = redact_scanner_create();
	RedactScanner *sliced = redact_scanner_create();
	RedactProfile profiles[2];
	int failed = 0;

	for (int e = 0; e < REDACT_NENTITIES; e++)
	{
		RedactGroup group = redact_entities[e].group;

		profiles[0].min_score[e] =
			group == REDACT_GROUP_QUASI || group == REDACT_GROUP_NAMES
				? REDACT_OFF
				: 50;
		profiles[1].min_score[e] = 40;
	}
	for (int i = 0; i < TEXTS; i++)
	{
		static char text[MAX_TEXT];
		static char redacted[4 * MAX_TEXT];
		static Found found;
		static Found again;
		const RedactProfile *profile = &profiles[i % 2];
		bool glue = i % 4 == 3;
		size_t len = make_text(text, glue);
		size_t n;
		const char *what = NULL;

		if (scan(whole, profile, text, len, &found) != REDACT_DONE)
			what = "a valid text is not scanned";
		else if (!is_proper(text, len, &found))
			what = "spans overlap or cut characters";
		/* every split of a short text, some of a long one */
		for (uint32_t size = 1;
			 i < SLICED && what == NULL && size <= len;
			 size += len < 64 ? 1 : 1 + draw(16))
		{
			sliced->canon_slice = size;
			sliced->scan_slice = 1 + draw(size);
			if (scan(sliced, profile, text, len, &again) != REDACT_DONE ||
				!is_same(&found, &again))
				what = "slices find something else";
		}
		n = what == NULL ? replace(text, len, &found, redacted) : 0;
		if (n > 0 &&
			(scan(whole, profile, redacted, n, &again) != REDACT_DONE ||
			 again.n > 0))
			what = "the redacted text is not clean";
		if (what != NULL && failed++ < 5)
			report(what, text, len);
	}
	redact_scanner_free(whole);
	redact_scanner_free(sliced);
	printf("%d passed, %d failed\n", TEXTS - failed, failed);
	return failed > 0;
}
