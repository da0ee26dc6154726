/*-------------------------------------------------------------------------
 *
 * redact_path.h
 *		The rows of redaction_path: what in documents is left alone, and what
 *		is taken whole.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_PATH_H
#define INTEL_REDACT_PATH_H

#include "redact/redact_jsonb.h"

struct RedactPath
{
	int nsteps;
	char **steps; /* "*": any one step; "**": any number of them */
	int nliteral; /* steps that are neither: the more, the more special */
	bool keep;
	RedactEntity entity; /* what the whole value is taken as */
};

/*
 * The paths of a policy, in the current memory context. Runs SQL as the
 * current user; called while a policy is compiled.
 */
extern void redact_path_load(RedactPolicy *policy);

/*
 * The most special path that leads to this place or to one above it; NULL if
 * there is none. Of two that are equally special, the one that redacts.
 */
extern const RedactPath *redact_path_find(const RedactPolicy *policy,
										  const JsonbPlace *place);

#endif /* INTEL_REDACT_PATH_H */
