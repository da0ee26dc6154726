/*-------------------------------------------------------------------------
 *
 * asan_first.c
 *		Preloaded after libasan into a server that is not instrumented, so the
 *		sanitizer starts before any other library does.
 *
 * Otherwise the first malloc that it sees may be that of a library's
 * constructor that holds a lock of libc (p11-kit in newlocale); starting, the
 * sanitizer asks for an error text, which takes and releases the same lock,
 * and the server waits for ever in bindtextdomain. Linked with -z initfirst.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

static void __attribute__((constructor))
asan_first(void)
{
	void *volatile block = malloc(1);

	free(block);
}
