/* sources: src/redact/redact_address.c src/redact/redact_arbiter.c src/redact/redact_canon.c src/redact/redact_check.c src/redact/redact_check_code.c src/redact/redact_check_wallet.c src/redact/redact_code.c src/redact/redact_context.c src/redact/redact_date.c src/redact/redact_entity.c src/redact/redact_name.c src/redact/redact_net.c src/redact/redact_number.c src/redact/redact_organisation.c src/redact/redact_phone.c src/redact/redact_scan.c src/redact/redact_scheme.c src/redact/redact_secret.c src/redact/redact_terms.c */
/* libs: -lcrypto */
/*
 * Every family of keys in the table: one made to its measure is found as that,
 * alone and in a sentence, and one that is a character short is not. There
 * are at least sixty families.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact/redact_scan.h"

/* As redact_secret.c has them. */
typedef enum Alphabet
{
	BASE62,
	BASE64URL,
	BASE64,
	HEX,
	UPPER32,
	UPPER36,
	DOTTED
} Alphabet;

typedef struct SecretRule
{
	const char *prefix;
	uint8_t len;
	Alphabet alphabet;
	uint16_t min;
	uint16_t max;
	RedactEntity entity;
	const char *rule;
} SecretRule;

#include "redact/redact_secrets.h"

#define MIN_FAMILIES 60

static const char *const characters[] = {
	[BASE62] = "a1B2c3D4e5F6g7H8",	[BASE64URL] = "a1B2c3D4e5F6g7H8",
	[BASE64] = "a1B2c3D4e5F6g7H8",	[HEX] = "1a2b3c4d5e6f7a8b",
	[UPPER32] = "A2B3C4D5E6F7G2H3", [UPPER36] = "A1B2C3D4E5F6G7H8",
	[DOTTED] = "a1B2c3D4e5F6g7H8"};

/* Is the token found by its rule, between these two texts? */
static bool
is_found(RedactScanner *s, const SecretRule *rule, int length,
		 const char *before, const char *behind)
{
	char text[1024];
	RedactProfile profile;
	const RedactSpan *spans;
	int n;
	int start = sprintf(text, "%s", before);
	int end = start + sprintf(text + start, "%s", rule->prefix);

	for (int i = 0; i < length; i++)
		text[end++] = characters[rule->alphabet][i % 16];
	strcpy(text + end, behind);
	memset(profile.min_score, 50, sizeof(profile.min_score));
	redact_scanner_begin(s, &profile, text, strlen(text), NULL, 0);
	while (redact_scanner_step(s) == REDACT_MORE)
		;
	spans = redact_scanner_spans(s, &n);
	for (int i = 0; i < n; i++)
	{
		if (strcmp(spans[i].rule, rule->rule) == 0 &&
			(int) spans[i].start == start &&
			(int) (spans[i].start + spans[i].len) == end)
			return true;
	}
	return false;
}

int
main(void)
{
	RedactScanner *s = redact_scanner_create();
	int nrules = sizeof(rules) / sizeof(rules[0]);
	int families = 0;
	int passed = 0;
	int failed = 0;

	for (int i = 0; i < nrules; i++)
	{
		const SecretRule *rule = &rules[i];
		size_t maker = strcspn(rule->rule, "_");
		bool is_new = true;
		bool right;

		for (int k = 0; k < i && is_new; k++)
			is_new = strcspn(rules[k].rule, "_") != maker ||
					 memcmp(rules[k].rule, rule->rule, maker) != 0;
		families += is_new;
		if (rule->entity == REDACT_JWT)
			continue; /* its first part says what it is */
		right =
			is_found(s, rule, rule->min, "", "") &&
			is_found(s, rule, rule->min, "the key is \"", "\", they say") &&
			!is_found(s, rule, rule->min - 1, "", "");
		if (right && rule->max > 0)
			right = is_found(s, rule, rule->max, "", "") &&
					!is_found(s, rule, rule->max + 1, "", "");
		if (!right)
			printf("not ok - %s (%s)\n", rule->rule, rule->prefix);
		passed += right;
		failed += !right;
	}
	printf("%d rules of %d makers\n", nrules, families);
	if (families < MIN_FAMILIES)
	{
		printf("not ok - %d families\n", families);
		failed++;
	}
	printf("%d passed, %d failed\n", passed, failed);
	redact_scanner_free(s);
	return failed > 0;
}
