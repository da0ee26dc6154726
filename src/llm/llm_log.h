/*-------------------------------------------------------------------------
 *
 * llm_log.h
 *		Every attempt to call a model as a row of intel.inference.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_LOG_H
#define INTEL_LLM_LOG_H

#include "base/jansson.h"
#include "llm/llm.h"

/* Length of a traceparent. */
#define LLM_TRACEPARENT_LEN 55

/* Ask for the shared memory. Only while preloading. */
extern void llm_log_register(void);

/* Note in a new call for whom and for what it is made. Needs a transaction. */
extern void llm_log_identify(LlmCall *call);

/*
 * For whom and for what calls are made now, as one text: equal where the rows
 * of two calls would be; palloc'd.
 */
extern char *llm_log_origin(void);

/*
 * Take the members of a request that are about the call and not for the model
 * (feature) out of it. Raises 22023.
 */
extern void llm_log_take_members(LlmCall *call, json_t *request);

/*
 * Note a call that ends without an outcome, because it was cancelled. For the
 * memory context callback of a call: never raises.
 */
extern void llm_log_abandoned(const LlmCall *call);

#endif /* INTEL_LLM_LOG_H */
