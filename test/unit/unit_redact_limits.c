/* sources: src/redact/redact_address.c src/redact/redact_arbiter.c src/redact/redact_canon.c src/redact/redact_check.c src/redact/redact_check_code.c src/redact/redact_check_wallet.c src/redact/redact_code.c src/redact/redact_context.c src/redact/redact_date.c src/redact/redact_entity.c src/redact/redact_name.c src/redact/redact_net.c src/redact/redact_number.c src/redact/redact_organisation.c src/redact/redact_phone.c src/redact/redact_scan.c src/redact/redact_scheme.c src/redact/redact_secret.c src/redact/redact_terms.c */
/* libs: -lcrypto */
/* flags: -Itest/eval */
/*
 * Limits of size: what would need a longer list than the scanner may have is
 * refused as too long, wherever that shows, and never wraps around. The limit
 * is 2 GB; here it is made small, and every crafted input is tried under many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact/redact_scan_int.h"

#include "redact_floods.h"

#define SIZE 6000

static int passed;
static int failed;

static void
ok(bool condition, const char *what)
{
	if (condition)
		passed++;
	else
	{
		failed++;
		printf("not ok - %s\n", what);
	}
}

static RedactStatus
scan(RedactScanner *s, const RedactProfile *profile, const char *text,
	 size_t len)
{
	RedactStatus status;

	redact_scanner_begin(s, profile, text, len, NULL, 0);
	while ((status = redact_scanner_step(s)) == REDACT_MORE)
		;
	return status;
}

/* Sizes that no machine has: nothing is allocated for them. */
static void
test_reserve(void)
{
	static const struct
	{
		uint64_t need;
		size_t elem;
	} wanted[] = {{REDACT_MAX_LIST + UINT64_C(1), 1},
				  {UINT32_MAX, 1},
				  {UINT64_C(1) << 32, 1},
				  {(UINT64_C(1) << 32) + 64, 1},
				  {REDACT_MAX_LIST / 8 + 1, 8},
				  {REDACT_MAX_LIST / 24 + 1, 24},
				  {UINT32_MAX, 24}};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
	{
		RedactScanner *s = redact_scanner_create();
		void *list = NULL;
		uint32_t size = 0;

		s->status = REDACT_MORE;
		ok(!redact_reserve(s, &list, &size, wanted[i].need, wanted[i].elem) &&
			   s->status == REDACT_TOO_LONG && list == NULL && size == 0,
		   "a list beyond the limit is refused");
		redact_scanner_free(s);
	}
}

static void
test_text(const RedactProfile *profile)
{
	RedactScanner *s = redact_scanner_create();

	/* the length alone refuses it: the text is not looked at */
	ok(scan(s, profile, "x", REDACT_MAX_TEXT + 1) == REDACT_TOO_LONG,
	   "a text beyond 1 GB is refused");
	ok(scan(s, profile, "x", 1) == REDACT_DONE, "and the next one is not");
	redact_scanner_free(s);
}

/* Each limit gives the right result or is refused, and nothing else. */
static void
test_floods(const RedactProfile *profile)
{
	static char text[SIZE];
	FILE *file = fopen(FLOOD_FILE, "r");
	RedactScanner *free_scanner = redact_scanner_create();
	Flood flood;

	while (file != NULL && flood_read(file, &flood))
	{
		size_t len = flood_fill(&flood, text, SIZE);
		const RedactSpan *spans;
		int nspans;
		bool same = true;
		bool refused = false;

		same = scan(free_scanner, profile, text, len) == REDACT_DONE;
		spans = redact_scanner_spans(free_scanner, &nspans);
		for (uint32_t limit = 100; limit < 2000000; limit *= 3)
		{
			RedactScanner *s = redact_scanner_create();
			RedactStatus status;
			const RedactSpan *found;
			int nfound;

			s->max_list = limit;
			status = scan(s, profile, text, len);
			found = redact_scanner_spans(s, &nfound);
			refused = refused || status == REDACT_TOO_LONG;
			if (status == REDACT_TOO_LONG)
				same = same && nfound == 0;
			else
				same = same && status == REDACT_DONE && nfound == nspans;
			for (int i = 0; i < nfound && same; i++)
				same = found[i].start == spans[i].start &&
					   found[i].len == spans[i].len;
			redact_scanner_free(s);
		}
		ok(same, flood.name);
		if (nspans > 10)
			ok(refused, "a small limit is felt");
	}
	redact_scanner_free(free_scanner);
	if (file != NULL)
		fclose(file);
}

int
main(void)
{
	RedactProfile profile;

	memset(profile.min_score, 1, sizeof(profile.min_score));
	test_reserve();
	test_text(&profile);
	test_floods(&profile);
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
