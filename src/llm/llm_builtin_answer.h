/*-------------------------------------------------------------------------
 *
 * llm_builtin_answer.h
 *		The answerer inside the extension: it quotes, it does not write.
 *
 * Pure: no postgres.h. See src/llm/BUILTIN.md.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_BUILTIN_ANSWER_H
#define INTEL_LLM_BUILTIN_ANSWER_H

#include <stddef.h>

/*
 * Answer the question of a prompt with sentences of the sources in it, each
 * followed by its citation [n], or say that the context does not hold the
 * answer. Both texts are UTF-8 of the given lengths; system may be NULL.
 * Returns a NUL-terminated string from malloc that the caller frees, or NULL
 * when malloc fails. Linear time; never raises.
 */
extern char *builtin_answer(const char *system, size_t system_len,
							const char *prompt, size_t prompt_len);

#endif /* INTEL_LLM_BUILTIN_ANSWER_H */
