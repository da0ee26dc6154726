/* sources: src/redact/redact_check.c src/redact/redact_check_code.c src/redact/redact_check_wallet.c */
/* libs: -lcrypto */
/*
 * Check digits against redact_vectors.tsv: at least five numbers that pass
 * each check, and five with one character wrong. A check without vectors is a
 * failure, so that none is added without; and so are fewer than sixty for
 * national identifiers, whose names begin with their country.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact/redact_check.h"

#define MAX_NUMBER 128
#define MAX_VECTORS 4000
#define MIN_VECTORS 5
#define MIN_NATIONAL 60

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

/* All vectors, to tell whether a wrong one is wrong in one place only. */
typedef struct Vector
{
	const Check *check;
	bool valid;
	char text[MAX_NUMBER];
} Vector;

static Vector vectors[MAX_VECTORS];
static int nvectors;

static bool
differs_once(const char *a, const char *b)
{
	int n = 0;

	for (; *a != '\0' && *b != '\0'; a++, b++)
		n += *a != *b;
	return n == 1 && *a == *b;
}

/* How many wrong vectors of a check are a valid one but for one character. */
static int
count_near(const Check *check)
{
	int count = 0;

	for (int i = 0; i < nvectors; i++)
	{
		const Vector *wrong = &vectors[i];
		bool near = false;

		for (int k = 0; k < nvectors && !near; k++)
			near = vectors[k].check == check && vectors[k].valid &&
				   differs_once(vectors[k].text, wrong->text);
		count += near && wrong->check == check && !wrong->valid;
	}
	return count;
}

static bool
is_national(const char *name)
{
	return name[0] != '\0' && name[1] != '\0' && name[2] == '_';
}

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
	int national = 0;

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
		if (nvectors < MAX_VECTORS)
		{
			vectors[nvectors].check = check;
			vectors[nvectors].valid = valid;
			strcpy(vectors[nvectors++].text, text);
		}
	}
	fclose(file);
	for (size_t i = 0; i < NCHECKS; i++)
	{
		const Check *check = &checks[i];

		int near = count_near(check);
		bool enough = check->valid >= MIN_VECTORS && near >= MIN_VECTORS;

		national += is_national(check->name);
		if (!enough)
			printf("not ok - %s: %d valid and %d vectors with one character "
				   "wrong\n",
				   check->name, check->valid, near);
		if (check->failed || !enough)
			failed++;
		else
			passed++;
	}
	printf("%d checks, %d of them national; %d vectors\n", (int) NCHECKS,
		   national, nvectors);
	if (national < MIN_NATIONAL)
	{
		printf("not ok - %d national identifiers\n", national);
		failed++;
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
