/* sources: src/base/placeholder.c */
/*
 * Any bytes in any pieces: the results together are the result of the whole,
 * nothing is lost where no placeholder is, and what waits has its bound. The
 * first byte says how the rest is cut.
 */
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/placeholder.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Out
{
	char *bytes;
	size_t len;
	size_t size;
	int found;
} Out;

static const char *
lookup(void *arg, const char *placeholder, size_t *len)
{
	static char value[PLACEHOLDER_SIZE + 2];

	if (strlen(placeholder) >= PLACEHOLDER_SIZE)
		abort();
	/* some are known, and some of those look like others */
	if (strlen(placeholder) % 3 == 0)
		return NULL;
	((Out *) arg)->found++;
	*len = snprintf(value, sizeof(value), "%s\\", placeholder);
	return value;
}

static void
write_out(void *arg, const char *bytes, size_t len)
{
	Out *out = arg;

	if (out->len + len > out->size)
	{
		out->size = (out->len + len) * 2;
		out->bytes = realloc(out->bytes, out->size);
		if (out->bytes == NULL)
			abort();
	}
	if (len > 0)
		memcpy(out->bytes + out->len, bytes, len);
	out->len += len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Out whole = {0};
	Out parts = {0};
	PlaceholderTarget to_whole = {lookup, write_out, &whole};
	PlaceholderTarget to_parts = {lookup, write_out, &parts};
	PlaceholderStream one = {0};
	PlaceholderStream many = {0};
	uint32_t cut;

	if (size == 0)
		return 0;
	cut = data[0];
	data++, size--;
	placeholder_feed(&one, (const char *) data, size, true, &to_whole);
	for (size_t at = 0; at < size;)
	{
		size_t len = 1 + (cut = cut * 1103515245 + 12345) % 37;

		if (len > size - at)
			len = size - at;
		placeholder_feed(&many, (const char *) data + at, len, false,
						 &to_parts);
		if (many.ncarry > PLACEHOLDER_CARRY - 20)
			abort();
		at += len;
	}
	placeholder_feed(&many, "", 0, true, &to_parts);
	if (one.ncarry != 0 || many.ncarry != 0 || whole.len != parts.len ||
		(whole.len > 0 && memcmp(whole.bytes, parts.bytes, whole.len) != 0))
		abort();
	if (whole.found == 0 &&
		(whole.len != size ||
		 (size > 0 && memcmp(whole.bytes, data, size) != 0)))
		abort();
	free(whole.bytes);
	free(parts.bytes);
	return 0;
}
