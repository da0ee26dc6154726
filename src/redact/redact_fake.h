/*-------------------------------------------------------------------------
 *
 * redact_fake.h
 *		Stand-ins: values of the same form that are nobody's, for the action
 *		"fake".
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_FAKE_H
#define INTEL_REDACT_FAKE_H

#include "lib/stringinfo.h"

#include "redact/redact_entity.h"

/* Fewer stand-ins than this, and there are none; see redact_fake.c. */
#define REDACT_FAKE_MIN_DOMAIN 1000000

/* Do values of this entity have stand-ins? */
extern bool redact_fake_known(RedactEntity entity);

/*
 * Append the stand-in of a value (UTF-8) under the key of a policy; what is
 * one already stays. False, and nothing appended, when the value's form has
 * none. whole: all of a text was said to be this entity, whatever it looks
 * like; only stand-ins that can be told from other values are used then.
 * Raises what redact_key_token does.
 */
extern bool redact_fake_append(StringInfo out, const char *policy,
							   RedactEntity entity, const char *value, int len,
							   bool whole);

/*
 * Is a value a stand-in that the same policy would leave? Raises what
 * redact_key_token does when that depends on the key.
 */
extern bool redact_fake_is(const char *policy, RedactEntity entity,
						   const char *value, int len);

#endif /* INTEL_REDACT_FAKE_H */
