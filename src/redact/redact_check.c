/*-------------------------------------------------------------------------
 *
 * redact_check.c
 *		Check digits of cards, accounts and national identifiers.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>

#include "redact/redact_check.h"

bool
check_luhn(const uint8_t *d, int n)
{
	static const uint8_t doubled[10] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += (n - i) % 2 == 0 ? doubled[d[i]] : d[i];
	return sum % 10 == 0;
}

bool
check_all_equal(const uint8_t *d, int n)
{
	for (int i = 1; i < n; i++)
	{
		if (d[i] != d[0])
			return false;
	}
	return true;
}

static int
number_of(const uint8_t *d, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++)
		value = value * 10 + d[i];
	return value;
}

int
check_card_range(const uint8_t *d, int n)
{
	int two = number_of(d, 2);
	int three = number_of(d, 3);
	int four = number_of(d, 4);

	if (n < 12 || n > 19 || check_all_equal(d, n))
		return 0;
	if (d[0] == 4) /* Visa */
		return n == 16 ? 2 : n == 13 || n == 19;
	if ((two >= 51 && two <= 55) ||
		(four >= 2221 && four <= 2720)) /* Mastercard */
		return n == 16 ? 2 : 0;
	if (two == 34 || two == 37) /* American Express */
		return n == 15 ? 2 : 0;
	if (four == 6011 || (three >= 644 && three <= 649) ||
		two == 65) /* Discover */
		return n == 16 ? 2 : n > 16;
	if ((three >= 300 && three <= 305) || two == 36 || two == 38 || two == 39)
		return n == 14 ? 2 : n > 14;  /* Diners Club */
	if (four >= 3528 && four <= 3589) /* JCB */
		return n == 16 ? 2 : n > 16;
	if (four == 2131 || four == 1800) /* JCB, old */
		return n == 15;
	if (two == 62 || two == 81) /* UnionPay */
		return n == 16 ? 2 : n > 16;
	if (four >= 2200 && four <= 2204) /* Mir */
		return n == 16 ? 2 : n > 16;
	if (two == 50 || (two >= 56 && two <= 69)) /* Maestro */
		return n == 16 ? 2 : 1;
	return 0;
}

bool
check_us_ssn(const uint8_t *d, int n)
{
	int area = number_of(d, 3);
	int group = number_of(d + 3, 2);
	int serial = number_of(d + 5, 4);
	int all = number_of(d, 9);

	(void) n;
	if (area == 0 || area == 666 || area >= 900 || group == 0 || serial == 0)
		return false;
	/* printed on specimen cards and in advertisements */
	return all != 78051120 && all != 457555462 && all != 219099999 &&
		   all != 123456789;
}

int
check_iban_length(uint8_t c1, uint8_t c2)
{
	/* country and length */
	static const char table[] =
		"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24"
		"DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27"
		"GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20"
		"LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24"
		"PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25"
		"SV28TL23TN24TR26UA29VA22VG24XK20YE30";

	for (size_t i = 0; i + 4 < sizeof(table); i += 4)
	{
		if (table[i] == c1 && table[i + 1] == c2)
			return (table[i + 2] - '0') * 10 + (table[i + 3] - '0');
	}
	return 0;
}

static int
mod97(int rest, uint8_t c)
{
	if (c >= '0' && c <= '9')
		return (rest * 10 + (c - '0')) % 97;
	return (rest * 100 + (c - 'A' + 10)) % 97;
}

bool
check_iban(const uint8_t *text, int n)
{
	int rest = 0;

	if (n < 15 || check_iban_length(text[0], text[1]) != n)
		return false;
	for (int i = 4; i < n; i++)
		rest = mod97(rest, text[i]);
	for (int i = 0; i < 4; i++)
		rest = mod97(rest, text[i]);
	return rest == 1;
}
