/*-------------------------------------------------------------------------
 *
 * redact_code.c
 *		Codes of letters and digits: accounts, documents, vehicles.
 *
 * Each of them holds a digit, so the digit verifier asks here first.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "redact/redact_check.h"
#include "redact/redact_number.h"
#include "redact/redact_scan_int.h"

#define MAX_IBAN 34

static uint8_t
upper_at(const RedactScanner *s, uint32_t i)
{
	uint8_t c = redact_at(s, i);

	return (redact_class[c] & CC_LOWER) ? c & ~0x20 : c;
}

/*
 * An IBAN whose check digits are at pos. Its check is strong enough to allow
 * any separators, and one letter glued to either side.
 */
static void
verify_iban(RedactScanner *s, uint32_t pos)
{
	uint8_t text[MAX_IBAN];
	uint32_t start = pos - 2;
	uint32_t i = start;
	int want;
	int n = 0;

	if (pos < 2 || !redact_wants(s, REDACT_IBAN_CODE))
		return;
	want = check_iban_length(upper_at(s, start), upper_at(s, start + 1));
	if (want == 0 || ((redact_class_at(s, start - 1) & CC_ALNUM) &&
					  (redact_class_at(s, start - 2) & CC_ALNUM)))
		return;
	while (n < want)
	{
		int skip = 0;

		while (n > 0 && skip < 3 &&
			   ((redact_class_at(s, i) & CC_SPACE) ||
				strchr("-._/", redact_at(s, i)) != NULL) &&
			   i < s->len)
			i++, skip++;
		if (!(redact_class_at(s, i) & (CC_DIGIT | CC_LOWER | CC_UPPER)))
			return;
		text[n++] = upper_at(s, i++);
	}
	if ((redact_class_at(s, i) & CC_ALNUM) &&
		(redact_class_at(s, i + 1) & CC_ALNUM))
		return;
	if (check_iban(text, n))
		redact_offer(s, start, i, REDACT_IBAN_CODE, 98, "iban");
}

void
redact_verify_code(RedactScanner *s, uint32_t pos)
{
	if (!(redact_class_at(s, pos - 1) & (CC_LOWER | CC_UPPER)))
		return;
	verify_iban(s, pos);
}
