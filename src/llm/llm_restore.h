/*-------------------------------------------------------------------------
 *
 * llm_restore.h
 *		Answers in which what was redacted stands again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_RESTORE_H
#define INTEL_LLM_RESTORE_H

#include "llm/llm_int.h"

/*
 * The answer of this call is to be restored by mapping (placeholder ->
 * value). In the memory of the call.
 */
extern void llm_restore_begin(LlmCall *call, Jsonb *mapping);

/*
 * A result with what was redacted, in the current context; a copy where there
 * is nothing to restore. Raises 53200.
 */
extern char *llm_restore_result(const LlmCall *call, const char *result);

/*
 * The same for text of a stream, in UTF-8: text may be NULL; NULL when all of
 * it is held back until more has come, or nothing is left. The call has what
 * to restore.
 */
extern const char *llm_restore_piece(LlmCall *call, const char *text,
									 size_t *len);
/* The stream begins anew. */
extern void llm_restore_again(LlmCall *call);

#endif /* INTEL_LLM_RESTORE_H */
