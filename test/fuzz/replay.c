/*-------------------------------------------------------------------------
 *
 * replay.c
 *		Runs a fuzz harness once for every file named on the command line,
 *		so saved inputs are tested where libFuzzer is not installed.
 *
 * The input is copied to a buffer of exactly its size, so the address
 * sanitizer notices a read past the end.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns 0, or 1 when the file cannot be read. */
static int
replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	long size;
	int unread;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 ||
		(size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0)
	{
		perror(path);
		return 1;
	}
	data = malloc(size);
	unread = fread(data, 1, size, file) != (size_t) size;
	fclose(file);
	if (!unread)
		LLVMFuzzerTestOneInput(data, size);
	free(data);
	return unread;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		/* names the culprit when the harness aborts */
		fprintf(stderr, "%s\n", argv[i]);
		if (replay_file(argv[i]) != 0)
			return 1;
	}
	return 0;
}
