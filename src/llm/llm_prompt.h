/*-------------------------------------------------------------------------
 *
 * llm_prompt.h
 *		Requests that name a prompt instead of holding its text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_PROMPT_H
#define INTEL_LLM_PROMPT_H

#include "base/jansson.h"
#include "llm/llm_int.h"

/*
 * Where "prompt" or "system" of a request, or "content" of one of its
 * messages, is an object, put the text of the prompt that it names in its
 * place, add the options of that version which the request does not have, and
 * note the version in the call. Reads tables as the current user, so it needs
 * a transaction. Raises 22023 for what is no such name and for a second one,
 * 42704 for a prompt that the user does not have, and what filling in its
 * template raises.
 */
extern void llm_prompt_resolve(LlmCall *call, json_t *request);

#endif /* INTEL_LLM_PROMPT_H */
