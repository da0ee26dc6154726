/*
 * The crafted inputs of redact_floods.tsv: one piece of text, repeated.
 */
#ifndef REDACT_FLOODS_H
#define REDACT_FLOODS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FLOOD_FILE "test/eval/redact_floods.tsv"
#define FLOOD_PIECE 400

typedef struct Flood
{
	char name[40];
	char unit[FLOOD_PIECE];
	size_t unit_len;
	char head[FLOOD_PIECE];
	size_t head_len;
	uint64_t seed;
} Flood;

/* A field of the file, without its escapes. */
static size_t
flood_unescape(const char *from, char *to)
{
	size_t n = 0;

	for (; *from != '\0' && n < FLOOD_PIECE - 1; from++)
	{
		unsigned value;

		if (from[0] != '\\')
			to[n++] = *from;
		else if (from[1] == 'x' && sscanf(from + 2, "%2x", &value) == 1)
		{
			to[n++] = (char) value;
			from += 3;
		}
		else
		{
			from++;
			to[n++] = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
		}
	}
	to[n] = '\0';
	return n;
}

/* The next flood of the file; false at its end. */
static bool
flood_read(FILE *file, Flood *flood)
{
	char line[3 * FLOOD_PIECE];

	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *unit = strchr(line, '\t');
		char *head = unit == NULL ? NULL : strchr(unit + 1, '\t');

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || unit == NULL)
			continue;
		*unit++ = '\0';
		if (head != NULL)
			*head++ = '\0';
		snprintf(flood->name, sizeof(flood->name), "%s", line);
		flood->unit_len = flood_unescape(unit, flood->unit);
		flood->head_len =
			head == NULL ? 0 : flood_unescape(head, flood->head);
		return true;
	}
	return false;
}

static uint32_t
flood_draw(Flood *flood, uint32_t below)
{
	flood->seed = flood->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t) (flood->seed >> 33) % below;
}

/* One piece with its numbers and drawn characters; returns its length. */
static size_t
flood_piece(Flood *flood, unsigned long number, char *to, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < flood->unit_len && n + 24 < size; i++)
	{
		const char *c = flood->unit + i;

		if (c[0] == '{' && i + 2 < flood->unit_len && c[2] == '}' &&
			strchr("i9aA", c[1]) != NULL)
		{
			if (c[1] == 'i')
				n += sprintf(to + n, "%lu", number);
			else if (c[1] == '9')
				to[n++] = (char) ('0' + flood_draw(flood, 10));
			else
				to[n++] = (char) (c[1] + flood_draw(flood, 26));
			i += 2;
		}
		else
			to[n++] = *c;
	}
	return n;
}

/* Fill a buffer with whole pieces; returns how many bytes they have. */
static size_t
flood_fill(Flood *flood, char *to, size_t size)
{
	size_t n = flood->head_len;

	flood->seed = 42;
	memcpy(to, flood->head, n);
	for (unsigned long i = 0;; i++)
	{
		char piece[2 * FLOOD_PIECE];
		size_t len = flood_piece(flood, i, piece, sizeof(piece));

		if (len == 0 || n + len > size)
			return n;
		memcpy(to + n, piece, len);
		n += len;
	}
}

#endif /* REDACT_FLOODS_H */
