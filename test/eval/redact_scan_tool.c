/*
 * The scanner as a filter, for measuring it outside the server.
 *
 *	redact_scan_tool POLICY		texts on stdin, each as "<bytes>\n<text>";
 *								answers "<start> <end> <entity> <score> <rule>"
 *								in characters, one line per span, and "."
 *	redact_scan_tool POLICY -s	all of stdin as one text: spans in bytes, and
 *								the speed of the best of several runs;
 *								-q no spans, -1 no spans and two runs
 *	redact_scan_tool POLICY -f [NAME]	every crafted input of redact_floods.tsv
 *								at 1 and 10 MB: time, ratio, longest step
 *	redact_scan_tool NAME -w BYTES	that crafted input itself
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "redact/redact_scan.h"

#include "redact_floods.h"

static RedactProfile
profile_of(const char *policy)
{
	RedactProfile profile;

	for (int i = 0; i < REDACT_NENTITIES; i++)
	{
		RedactGroup group = redact_entities[i].group;

		if (strcmp(policy, "strict") == 0)
			profile.min_score[i] = 40;
		else if (strcmp(policy, "secrets") == 0)
			profile.min_score[i] =
				group == REDACT_GROUP_SECRETS ? 50 : REDACT_OFF;
		else
			profile.min_score[i] = group == REDACT_GROUP_SECRETS ||
										   group == REDACT_GROUP_STRUCTURED
									   ? 50
									   : REDACT_OFF;
	}
	return profile;
}

static RedactStatus
scan(RedactScanner *scanner, const RedactProfile *profile, const char *text,
	 size_t len)
{
	RedactStatus status;

	redact_scanner_begin(scanner, profile, text, len, NULL, 0);
	while ((status = redact_scanner_step(scanner)) == REDACT_MORE)
		;
	return status;
}

static long
characters(const char *text, size_t from, size_t to)
{
	long n = 0;

	for (size_t i = from; i < to; i++)
		n += ((unsigned char) text[i] & 0xc0) != 0x80;
	return n;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- crafted inputs -------------------------------------------------- */

#define MEGABYTE 1000000
#define TIMES 10 /* the small text in one large one */
#define ENOUGH_S 0.4
#define MOST_TIMES 40

/* A text that is scanned so many times over, a step at a time. */
typedef struct FloodRun
{
	RedactScanner *scanner;
	const char *text;
	size_t len;
	int left; /* scans, the present one included */
	double seconds;
	double longest; /* step */
} FloodRun;

static FloodRun
begin_run(RedactScanner *scanner, const RedactProfile *profile,
		  const char *text, size_t len, int times)
{
	FloodRun run = {scanner, text, len, times, 0, 0};

	redact_scanner_begin(scanner, profile, text, len, NULL, 0);
	return run;
}

static void
step_run(FloodRun *run, const RedactProfile *profile)
{
	double begin = now();
	RedactStatus status = redact_scanner_step(run->scanner);
	double seconds = now() - begin;

	run->seconds += seconds;
	if (seconds > run->longest)
		run->longest = seconds;
	if (status == REDACT_MORE)
		return;
	if (status != REDACT_DONE)
		exit(1);
	if (--run->left > 0)
		redact_scanner_begin(run->scanner, profile, run->text, run->len, NULL,
							 0);
}

typedef struct FloodTime
{
	double small; /* seconds, the mean of as much text as the large one */
	double large;
	double step;
} FloodTime;

/*
 * The large text is compared with ten times the small one, a step of the one
 * and a step of the other in turns, so that what disturbs hits both alike: a
 * machine that others use changes its pace within a second. Fast ones are
 * scanned until there is something to measure, and once before: the memory
 * that the first pass asks for is not what is measured.
 */
static FloodTime
measure_flood(RedactScanner *scanners[2], const RedactProfile *profile,
			  Flood *flood)
{
	static char small_text[MEGABYTE];
	static char large_text[TIMES * MEGABYTE];
	size_t small_len = flood_fill(flood, small_text, MEGABYTE);
	size_t large_len = flood_fill(flood, large_text, TIMES * MEGABYTE);
	FloodTime sum = {0, 0, 0};
	bool is_warm = false;
	int n = 0;

	do
	{
		FloodRun small =
			begin_run(scanners[0], profile, small_text, small_len, TIMES);
		FloodRun large =
			begin_run(scanners[1], profile, large_text, large_len, 1);

		while (small.left > 0 || large.left > 0)
			step_run(large.left == 0 ||
							 (small.left > 0 && small.seconds <= large.seconds)
						 ? &small
						 : &large,
					 profile);
		if (!is_warm && large.seconds < ENOUGH_S)
		{
			is_warm = true;
			continue;
		}
		sum.small += small.seconds / TIMES;
		sum.large += large.seconds;
		if (n++ == 0 || large.longest < sum.step)
			sum.step = large.longest;
	} while (sum.large < ENOUGH_S && n < MOST_TIMES);
	return (FloodTime){sum.small / n, sum.large / n, sum.step};
}

static int
time_floods(const RedactProfile *profile, const char *policy, const char *only)
{
	RedactScanner *scanners[2] = {redact_scanner_create(),
								  redact_scanner_create()};
	FILE *file = fopen(FLOOD_FILE, "r");
	Flood flood;
	Flood worst;
	double worst_ratio = 0;
	double longest = 0;
	int n = 0;

	if (file == NULL)
		return 1;
	while (flood_read(file, &flood))
	{
		FloodTime time;
		double ratio;

		if (only != NULL && strcmp(only, flood.name) != 0)
			continue;
		time = measure_flood(scanners, profile, &flood);
		ratio = time.large / time.small;
		printf("  %-24s %-8s %8.2f ms %9.2f ms  x%4.1f  %6.1f MB/s, longest "
			   "step %5.2f ms\n",
			   flood.name, policy, time.small * 1e3, time.large * 1e3, ratio,
			   TIMES * MEGABYTE / time.large / 1e6, time.step * 1e3);
		fflush(stdout);
		if (ratio > worst_ratio)
		{
			worst_ratio = ratio;
			worst = flood;
		}
		if (time.step > longest)
			longest = time.step;
		n++;
	}
	fclose(file);
	redact_scanner_free(scanners[0]);
	redact_scanner_free(scanners[1]);
	if (n > 0)
		printf("  %d inputs, %s: worst ratio x%.1f (%s), longest step %.2f "
			   "ms\n",
			   n, policy, worst_ratio, worst.name, longest * 1e3);
	return n == 0;
}

static int
write_flood(const char *name, size_t size)
{
	FILE *file = fopen(FLOOD_FILE, "r");
	char *text = malloc(size);
	Flood flood;

	while (file != NULL && text != NULL && flood_read(file, &flood))
	{
		if (strcmp(flood.name, name) == 0)
			return fwrite(text, 1, flood_fill(&flood, text, size), stdout) ==
				   0;
	}
	return 1;
}

static char *
read_all(size_t *len)
{
	size_t size = 1 << 20;
	char *text = malloc(size);
	size_t n;

	*len = 0;
	while (text != NULL && (n = fread(text + *len, 1, size - *len, stdin)) > 0)
	{
		*len += n;
		if (*len == size)
			text = realloc(text, size *= 2);
	}
	return text;
}

int
main(int argc, char **argv)
{
	RedactScanner *scanner = redact_scanner_create();
	RedactProfile profile = profile_of(argc > 1 ? argv[1] : "default");
	const RedactSpan *spans;
	int nspans;

	if (argc > 2 && strcmp(argv[2], "-f") == 0)
		return time_floods(&profile, argv[1], argc > 3 ? argv[3] : NULL);
	if (argc > 3 && strcmp(argv[2], "-w") == 0)
		return write_flood(argv[1], strtoul(argv[3], NULL, 10));
	if (argc > 2)
	{
		size_t len;
		char *text = read_all(&len);
		double best = 1e9;
		double begin = now();

		for (int i = 0; i < 20 && (i < 2 || (strchr(argv[2], '1') == NULL &&
											 now() - begin < 1));
			 i++)
		{
			double from = now();

			if (scan(scanner, &profile, text, len) != REDACT_DONE)
				return 1;
			if (now() - from < best)
				best = now() - from;
		}
		spans = redact_scanner_spans(scanner, &nspans);
		fprintf(stderr, "%zu bytes, %d spans, %.6f s, %.0f MB/s\n", len,
				nspans, best, len / best / 1e6);
		for (int i = 0; i < nspans && argv[2][1] == 's'; i++)
			printf("%u %u %s %d %s\t%.*s\n", spans[i].start, spans[i].len,
				   redact_entities[spans[i].entity].name, spans[i].score,
				   spans[i].rule,
				   (int) (spans[i].len < 200 ? spans[i].len : 200),
				   text + spans[i].start);
		return 0;
	}
	for (;;)
	{
		size_t len;
		char *text;
		long done = 0;
		size_t at = 0;

		if (scanf("%zu", &len) != 1 || getchar() != '\n')
			return 0;
		text = malloc(len + 1);
		if (text == NULL || fread(text, 1, len, stdin) != len)
			return 1;
		if (scan(scanner, &profile, text, len) != REDACT_DONE)
			return 1;
		spans = redact_scanner_spans(scanner, &nspans);
		for (int i = 0; i < nspans; i++)
		{
			long from = done + characters(text, at, spans[i].start);
			long to = from + characters(text, spans[i].start,
										spans[i].start + spans[i].len);

			printf("%ld %ld %s %d %s\n", from, to,
				   redact_entities[spans[i].entity].name, spans[i].score,
				   spans[i].rule);
			done = to;
			at = spans[i].start + spans[i].len;
		}
		puts(".");
		fflush(stdout);
		free(text);
	}
}
