/*-------------------------------------------------------------------------
 *
 * redact_key.h
 *		Keyed tokens for the action "hash" and the vault, and sealed values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_KEY_H
#define INTEL_REDACT_KEY_H

#include "base/placeholder.h"

#define REDACT_TOKEN_LEN PLACEHOLDER_TOKEN_LEN

/*
 * The token of a value under a policy and entity: the same for the same
 * value, and for nobody without the key to compute. Writes REDACT_TOKEN_LEN
 * characters and a NUL. Raises 55000 when intel.redact_key_file is not set,
 * 42501 when others may read the file, 22023 when the key is too short. A file
 * that changes is read again.
 */
extern void redact_key_token(const char *policy, const char *entity,
							 const char *value, int len, char *token);

/*
 * Encrypt a value, and open it again with the same label; opening raises 55000
 * when key, label or bytes are not those of sealing. Palloc'd; what was opened
 * ends with a NUL that does not count.
 */
extern bytea *redact_key_seal(const char *label, const char *value, int len);
extern char *redact_key_unseal(const char *label, bytea *sealed, int *len);

#endif /* INTEL_REDACT_KEY_H */
