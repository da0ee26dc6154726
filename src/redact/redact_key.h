/*-------------------------------------------------------------------------
 *
 * redact_key.h
 *		Keyed hashes for the actions "hash" and "fake" and the vault, and
 *		sealed values.
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
 * What that is made of: REDACT_HASH_LEN bytes, for a purpose that has nothing
 * to do with the others of the policy. Raises the same. And the first n
 * characters of bytes in base 32, and a NUL.
 */
#define REDACT_HASH_LEN 32
extern void redact_key_hash(const char *policy, const char *purpose,
							const char *value, int len, uint8 *hash);
extern void redact_key_base32(const uint8 *bytes, int n, char *out);

/*
 * Encrypt a value, and open it again with the same label; opening raises 55000
 * when key, label or bytes are not those of sealing. Palloc'd; what was opened
 * ends with a NUL that does not count.
 */
extern bytea *redact_key_seal(const char *label, const char *value, int len);
extern char *redact_key_unseal(const char *label, bytea *sealed, int *len);

#endif /* INTEL_REDACT_KEY_H */
