/* sources: src/base/json_dump.c */
/* libs: -ljansson */
/*
 * Numbers of a document: a decimal comes out as it went in, and every number
 * is the same one when it is read again.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_dump.h"

static int passed, failed;

static void
check(int ok, const char *what)
{
	if (ok)
		passed++;
	else
		failed++;
	if (!ok)
		printf("not ok - %s\n", what);
}

/* Is text, read and dumped, want? */
static void
dumps(const char *text, const char *want)
{
	json_t *doc = json_loads(text, JSON_DECODE_ANY, NULL);
	char *dumped = json_dump(doc, JSON_COMPACT | JSON_ENCODE_ANY);

	check(dumped != NULL && strcmp(dumped, want) == 0, text);
	free(dumped);
	json_decref(doc);
}

int
main(void)
{
	static const char *const same[] = {
		"19.99",
		"-0.1",
		"0.7",
		"4.35",
		"1234.56",
		"99999.99",
		"1.0",
		"-0.0",
		"0.30000000000000004",
		"1.7976931348623157e308",
		"2.5e-300",
		"123456789012.345",
		"0.1000000000000001",
		"9223372036854775807",
		"-1",
		"0",
		"true",
		"\"1.0000000000000001\"",
		"\"a\\\"1.50000\\\\\"",
		"{\"0.10000000000000001\":[19.99,\"\",-2.5,null,false,7,0.7]}",
		"[]",
		"{\"e\":1.5,\"x\":{\"E\":[1.1]}}"};
	uint64_t bits = 88172645463325252u;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		dumps(same[i], same[i]);
	dumps("1.10", "1.1");
	dumps("10.000", "10.0");
	dumps("19.989999999999998", "19.99"); /* the same double */
	dumps("1e+300", "1e300");
	dumps("1.0E-07", "1e-7");
	for (int i = 0; i < 20000; i++)
	{
		char text[64];
		double value;
		json_t *doc;
		json_t *again;
		char *dumped;

		bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
		snprintf(text, sizeof(text), "%" PRIu64 ".%d", (bits >> 20) % 10000000,
				 1 + (int) (bits % 9));
		dumps(text, text);
		memcpy(&value, &bits, sizeof(value));
		doc = json_pack("[f]", value);
		if (doc == NULL)
			continue; /* no finite number */
		dumped = json_dump(doc, 0);
		again = json_loads(dumped, 0, NULL);
		check(json_equal(doc, again), dumped);
		free(dumped);
		json_decref(doc);
		json_decref(again);
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
