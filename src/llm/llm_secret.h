/*-------------------------------------------------------------------------
 *
 * llm_secret.h
 *		Keys of providers, by reference only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_SECRET_H
#define INTEL_LLM_SECRET_H

/* Longest key that is accepted. */
#define LLM_SECRET_MAX 8192

/*
 * Read the key behind reference into buffer: "env:NAME" is the environment
 * variable INTEL_SECRET_NAME of the server, "file:NAME" a private file in
 * intel.secret_directory. The key is one line of printable ASCII, so that it
 * cannot smuggle a header. Raises 22023 for a malformed reference, 55000 for
 * a missing or unusable key, 42501 for a file that others may read; no
 * message shows content. On error the buffer is wiped.
 */
extern void llm_secret_read(const char *reference,
							char buffer[LLM_SECRET_MAX + 1]);

/* Overwrite memory that held a key. */
extern void llm_secret_wipe(void *memory, size_t len);

#endif /* INTEL_LLM_SECRET_H */
