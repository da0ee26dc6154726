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
 * intel.secret_directory, "vault:NAME" a row of vault.decrypted_secrets, for
 * which a transaction is needed. The key is one line of printable ASCII, so that it
 * cannot smuggle a header. Raises 22023 for a malformed reference, 55000 for
 * a missing or unusable key, 42501 for a file that others may read; no
 * message shows content. On error the buffer is wiped.
 */
extern void llm_secret_read(const char *reference,
							char buffer[LLM_SECRET_MAX + 1]);

/* Does text begin like a reference, and like one to the vault? */
extern bool llm_secret_is_reference(const char *text);
extern bool llm_secret_is_vault(const char *text);

/*
 * Raises 42501 unless the current user may read the vault: who may not must
 * not be able to send a key of it to a place of his choice.
 */
extern void llm_secret_check_vault(void);

/* Overwrite memory that held a key. */
extern void llm_secret_wipe(void *memory, size_t len);

#endif /* INTEL_LLM_SECRET_H */
