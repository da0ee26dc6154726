/* sources: src/redact/redact_address.c src/redact/redact_arbiter.c src/redact/redact_canon.c src/redact/redact_check.c src/redact/redact_check_code.c src/redact/redact_check_wallet.c src/redact/redact_code.c src/redact/redact_context.c src/redact/redact_date.c src/redact/redact_entity.c src/redact/redact_name.c src/redact/redact_net.c src/redact/redact_number.c src/redact/redact_organisation.c src/redact/redact_phone.c src/redact/redact_scan.c src/redact/redact_scheme.c src/redact/redact_secret.c src/redact/redact_terms.c */
/* libs: -lcrypto */
/*
 * Any bytes: the scanner ends, its spans are disjoint, in order, inside the
 * text and never cut a character; the same text gives the same spans.
 */
#include <stdlib.h>
#include <string.h>

#include "redact/redact_scan.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const uint8_t *data, size_t size, const RedactSpan *spans, int n)
{
	uint32_t last = 0;

	for (int i = 0; i < n; i++)
	{
		uint32_t end = spans[i].start + spans[i].len;

		if (spans[i].start < last || spans[i].len == 0 || end > size ||
			spans[i].entity >= REDACT_NENTITIES || spans[i].score > 100 ||
			spans[i].rule == NULL)
			abort();
		if ((data[spans[i].start] & 0xc0) == 0x80 ||
			(end < size && (data[end] & 0xc0) == 0x80))
			abort();
		last = end;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static RedactScanner *scanner;
	static RedactProfile profile;
	const RedactSpan *spans;
	RedactSpan *first;
	RedactStatus status;
	int n;
	int again;

	if (scanner == NULL)
	{
		RedactTerms *terms = redact_terms_create();

		redact_terms_add(terms, "a b", 3, REDACT_CUSTOM, false);
		redact_terms_add(terms, "Ab c-D e", 8, REDACT_PERSON, true);
		redact_terms_add(terms, "\xe7\x8e\x8b\xe5\xb0\x8f", 6,
						 REDACT_LOCATION, false);
		scanner = redact_scanner_create();
		redact_scanner_set_terms(scanner, terms);
		memset(profile.min_score, 1, sizeof(profile.min_score));
	}
	redact_scanner_begin(scanner, &profile, (const char *) data, size, NULL,
						 0);
	while ((status = redact_scanner_step(scanner)) == REDACT_MORE)
		;
	if (status != REDACT_DONE)
		return 0;
	spans = redact_scanner_spans(scanner, &n);
	check(data, size, spans, n);

	first = malloc((n + 1) * sizeof(RedactSpan));
	if (n > 0)
		memcpy(first, spans, n * sizeof(RedactSpan));
	redact_scanner_begin(scanner, &profile, (const char *) data, size, NULL,
						 0);
	while (redact_scanner_step(scanner) == REDACT_MORE)
		;
	spans = redact_scanner_spans(scanner, &again);
	if (n != again)
		abort();
	for (int i = 0; i < n; i++)
	{
		if (first[i].start != spans[i].start || first[i].len != spans[i].len ||
			first[i].entity != spans[i].entity)
			abort();
	}
	free(first);
	redact_scanner_trim(scanner);
	return 0;
}
