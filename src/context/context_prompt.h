/*-------------------------------------------------------------------------
 *
 * context_prompt.h
 *		The ask prompt: sources in numbered blocks that no document can
 *		close, and a question. README.md has the grammar.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_CONTEXT_CONTEXT_PROMPT_H
#define INTEL_CONTEXT_CONTEXT_PROMPT_H

#include "context/context_int.h"

/* A source as it stands in the prompt. */
typedef struct PromptSource
{
	const ContextHit *hit;
	const char *content; /* the part of the hit's content that was taken */
	size_t len;
} PromptSource;

typedef struct Prompt
{
	char *system;
	StringInfoData text;
	PromptSource *sources;
	int nsources;
	int64 price; /* of system and text, in thousandths of a token */
} Prompt;

/*
 * Put the hits into a prompt, best first, until budget tokens are used up; a
 * hit that does not fit is passed over, but for the best one, of which as
 * much is taken as fits. Raises 54000 (program_limit_exceeded) when there is
 * no room for any source.
 */
extern Prompt *prompt_build(const char *question, const ContextHit *hits,
							int nhits, int budget);

#endif /* INTEL_CONTEXT_CONTEXT_PROMPT_H */
