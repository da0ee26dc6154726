/*
 * The scanner as a filter, for measuring it outside the server.
 *
 *	redact_scan_tool POLICY		texts on stdin, each as "<bytes>\n<text>";
 *								answers "<start> <end> <entity> <score> <rule>"
 *								in characters, one line per span, and "."
 *	redact_scan_tool POLICY -s	all of stdin as one text: spans in bytes, and
 *								the speed of the best of several runs;
 *								-q no spans, -1 no spans and two runs
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "redact/redact_scan.h"

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
