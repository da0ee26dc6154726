/*-------------------------------------------------------------------------
 *
 * redact_policy.h
 *		Policies: rows of redaction_policy, compiled and cached.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_POLICY_H
#define INTEL_REDACT_POLICY_H

#include "redact/redact_scan.h"

typedef enum RedactAction
{
	REDACT_REPLACE,
	REDACT_MASK,
	REDACT_REMOVE,
	REDACT_HASH,
	REDACT_FAKE,
	REDACT_KEEP
} RedactAction;

/* What to do with an entity. Texts are in server encoding. */
typedef struct RedactTreatment
{
	RedactAction action;
	char *with;	   /* replace: instead of the placeholder, or NULL */
	char *mask;	   /* mask: one character */
	int keep_last; /* mask: letters and digits left readable at the end */
} RedactTreatment;

typedef struct RedactPath RedactPath; /* redact_path.h */

typedef struct RedactPolicy
{
	char *name;
	RedactProfile profile;
	RedactTreatment treatment[REDACT_NENTITIES];
	bool has_fakes;	   /* action "fake" of any entity */
	RedactPath *paths; /* of documents */
	int npaths;
} RedactPolicy;

/*
 * The policy of this name (server encoding, len bytes). Valid until the next
 * call. Raises 42704 (undefined_object) when there is none, and 42501
 * (insufficient_privilege) for "none" unless the caller is a superuser.
 */
extern const RedactPolicy *redact_policy_get(const char *name, int len);

#endif /* INTEL_REDACT_POLICY_H */
