/* sources: src/redact/redact_check.c src/redact/redact_check_code.c src/redact/redact_check_wallet.c */
/* libs: -lcrypto */
/*
 * Check digits against redact_vectors.tsv: at least five numbers that pass
 * each check, and five with one character wrong. A check without vectors is a
 * failure, so that none is added without.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact/redact_check.h"

#define MAX_NUMBER 128

/* Number of characters, as digits where the check wants digits. */
typedef struct Number
{
	int n;
	uint8_t chars[MAX_NUMBER];
	uint8_t digits[MAX_NUMBER];
} Number;

typedef struct Check
{
	const char *name;
	bool (*passes)(const Number *number);
	int valid; /* vectors seen */
	int wrong;
	bool failed;
} Check;

#define C(name)                                                               \
	static bool passes_##name(const Number *number)                           \
	{                                                                         \
		return check_##name(number->digits, number->n);                       \
	}
CHECK_NUMBERS(C)
C(luhn)
C(verhoeff)
C(mod11_10)
#undef C

#define C(name)                                                               \
	static bool passes_##name(const Number *number)                           \
	{                                                                         \
		return check_##name(number->chars, number->n);                        \
	}
CHECK_CODES(C)
C(iban)
C(bech32)
C(token_crc)
#undef C

static bool
passes_card(const Number *number)
{
	return check_card_range(number->digits, number->n) > 0 &&
		   check_luhn(number->digits, number->n);
}

/* "line1/line2" */
static bool
passes_mrz(const Number *number)
{
	const uint8_t *slash = memchr(number->chars, '/', number->n);

	if (slash == NULL || slash - number->chars != number->n / 2)
		return false;
	return check_mrz(number->chars, slash + 1, number->n / 2);
}

static bool
passes_base58(const Number *number)
{
	return check_base58(number->chars, number->n, false);
}

static bool
passes_base58_xrp(const Number *number)
{
	return check_base58(number->chars, number->n, true);
}

static bool
passes_eip55(const Number *number)
{
	return number->n == 40 && check_eip55(number->chars);
}

static Check checks[] = {
#define C(x) {#x, passes_##x, 0, 0, false},
	CHECK_NUMBERS(C) CHECK_CODES(C) C(luhn) C(verhoeff) C(mod11_10) C(iban)
		C(bech32) C(token_crc) C(card) C(mrz) C(base58) C(base58_xrp) C(eip55)
#undef C
};
#define NCHECKS (sizeof(checks) / sizeof(checks[0]))

static Check *
find_check(const char *name)
{
	for (size_t i = 0; i < NCHECKS; i++)
	{
		if (strcmp(checks[i].name, name) == 0)
			return &checks[i];
	}
	return NULL;
}

static void
read_number(const char *text, Number *number)
{
	number->n = strlen(text);
	for (int i = 0; i < number->n; i++)
	{
		number->chars[i] = text[i];
		number->digits[i] = text[i] - '0';
	}
}

int
main(void)
{
	FILE *file = fopen("test/unit/redact_vectors.tsv", "r");
	char line[256];
	int passed = 0;
	int failed = 0;

	if (file == NULL)
		return 1;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		const char *name = strtok(line, "\t");
		const char *text = strtok(NULL, "\t");
		const char *expected = strtok(NULL, "\t");
		Check *check = find_check(name);
		Number number;
		bool valid;

		if (expected == NULL || check == NULL || strlen(text) >= MAX_NUMBER)
		{
			printf("not ok - a vector that no check takes: %s\n", name);
			failed++;
			continue;
		}
		read_number(text, &number);
		valid = expected[0] == '1';
		if (check->passes(&number) != valid)
		{
			printf("not ok - %s: %s is %s\n", name, text,
				   valid ? "valid" : "not valid");
			check->failed = true;
		}
		check->valid += valid;
		check->wrong += !valid;
	}
	fclose(file);
	for (size_t i = 0; i < NCHECKS; i++)
	{
		const Check *check = &checks[i];

		if (check->valid < 5 || check->wrong < 5)
			printf("not ok - %s: %d valid and %d wrong vectors\n", check->name,
				   check->valid, check->wrong);
		if (check->failed || check->valid < 5 || check->wrong < 5)
			failed++;
		else
			passed++;
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
