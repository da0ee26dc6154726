/* sources: src/redact/redact_address.c src/redact/redact_arbiter.c src/redact/redact_canon.c src/redact/redact_check.c src/redact/redact_check_code.c src/redact/redact_check_wallet.c src/redact/redact_code.c src/redact/redact_context.c src/redact/redact_date.c src/redact/redact_entity.c src/redact/redact_name.c src/redact/redact_net.c src/redact/redact_number.c src/redact/redact_organisation.c src/redact/redact_phone.c src/redact/redact_scan.c src/redact/redact_scheme.c src/redact/redact_secret.c src/redact/redact_terms.c */
/* libs: -lcrypto */
/* flags: -fsanitize-coverage=trace-pc -Itest/eval */
/*
 * Crafted inputs: the scanner's work grows with the length of a text only, and
 * between two returns, where its caller looks for interrupts, there is little
 * of it. Work is counted, not timed: the compiler calls us in every basic
 * block. A billion of them take about a second or two without sanitizers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact/redact_scan_int.h"

#include "redact_floods.h"

#define SMALL 33000 /* more than any piece that is taken at once */
#define LARGE (10 * SMALL)
/*
 * Of the inputs ten times as long, at most this times the work of a pass. How
 * many passes there are, up to eight, depends on how data is glued to data.
 */
#define MAX_RATIO 11
/* Blocks in a step: some ten milliseconds. */
#define MAX_STEP 10000000

static uint64_t blocks;

extern void __sanitizer_cov_trace_pc(void);

__attribute__((no_sanitize_coverage)) void
__sanitizer_cov_trace_pc(void)
{
	blocks++;
}

/* Scan; the work of a pass, and the most in one step. False if that failed. */
static bool
measure(RedactScanner *s, const RedactProfile *profile, const char *text,
		size_t len, uint64_t *work, uint64_t *step)
{
	RedactStatus status = REDACT_MORE;

	*step = 0;
	*work = 0;
	redact_scanner_begin(s, profile, text, len, NULL, 0);
	while (status == REDACT_MORE)
	{
		blocks = 0;
		status = redact_scanner_step(s);
		*work += blocks;
		if (blocks > *step)
			*step = blocks;
	}
	*work /= s->passes + 1;
	redact_scanner_trim(s);
	return status == REDACT_DONE;
}

int
main(int argc, char **argv)
{
	static char text[LARGE];
	FILE *file = fopen(FLOOD_FILE, "r");
	RedactScanner *scanner = redact_scanner_create();
	RedactTerms *terms = redact_terms_create();
	RedactProfile profile;
	Flood flood;
	int passed = 0;
	int failed = 0;
	double worst = 0;
	uint64_t longest = 0;

	if (file == NULL || scanner == NULL || terms == NULL)
		return 1;
	memset(profile.min_score, 1, sizeof(profile.min_score));
	redact_terms_add(terms, "a a b", 5, REDACT_CUSTOM, false);
	redact_terms_add(terms, "1 1", 3, REDACT_CUSTOM, false);
	redact_terms_add(terms, "the quick", 9, REDACT_CUSTOM, true);
	redact_scanner_set_terms(scanner, terms);
	while (flood_read(file, &flood))
	{
		uint64_t small;
		uint64_t large;
		uint64_t step;
		size_t small_len;
		size_t large_len;
		double ratio;

		if (argc > 1 && strcmp(argv[1], flood.name) != 0)
			continue;
		small_len = flood_fill(&flood, text, SMALL);
		if (!measure(scanner, &profile, text, small_len, &small, &step))
			return 1;
		large_len = flood_fill(&flood, text, LARGE);
		if (!measure(scanner, &profile, text, large_len, &large, &step))
			return 1;
		ratio = (double) large / small;
		if (ratio > worst)
			worst = ratio;
		if (step > longest)
			longest = step;
		printf("%-24s %5.1f blocks a byte, x%.2f, longest step %lu\n",
			   flood.name, (double) large / large_len, ratio,
			   (unsigned long) step);
		if (ratio > MAX_RATIO || step > MAX_STEP)
		{
			printf("not ok - %s: %.2f times the work for ten times the "
				   "length, %lu blocks in a step\n",
				   flood.name, ratio, (unsigned long) step);
			failed++;
		}
		else
			passed++;
	}
	printf("worst x%.2f, longest step %lu\n", worst, (unsigned long) longest);
	printf("%d passed, %d failed\n", passed, failed);
	redact_terms_free(terms);
	redact_scanner_free(scanner);
	fclose(file);
	return failed > 0;
}
