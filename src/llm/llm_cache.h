/*-------------------------------------------------------------------------
 *
 * llm_cache.h
 *		Answers that may be given again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_CACHE_H
#define INTEL_LLM_CACHE_H

#include "base/jansson.h"
#include "llm/llm_int.h"

/* Ask for the shared memory. Only while preloading. */
extern void llm_cache_register(void);

/* Take the member "cache" (seconds) out of a request. Raises 22023. */
extern void llm_cache_take_members(LlmCall *call, json_t *request);

/*
 * Look for the answer of a prepared call. When there is one, the call becomes
 * local: running it sends nothing. One that cannot be sent takes what there is
 * and refreshes nothing. Needs a transaction.
 */
extern void llm_cache_look(LlmCall *call, bool can_send);

/*
 * The same for a session that is about to call: when another one is calling
 * for the same answer, wait for that, but not longer than the call may take.
 */
extern void llm_cache_wait(LlmCall *call);

/* Another may call for it now. In a callback of the call's memory. */
extern void llm_cache_leave(LlmCallState *state);

/* The answer, even expired, for a call that failed, or NULL; palloc'd. */
extern char *llm_cache_stale(const LlmCall *call);
/* Count that it was used. */
extern void llm_cache_note_stale(void);

#endif /* INTEL_LLM_CACHE_H */
