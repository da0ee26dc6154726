/*-------------------------------------------------------------------------
 *
 * llm_builtin_embed.h
 *		The embedding model inside the extension: lexical, without network.
 *
 * Pure: no postgres.h. See src/llm/BUILTIN.md for what the model can do.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_BUILTIN_EMBED_H
#define INTEL_LLM_BUILTIN_EMBED_H

#include <stdbool.h>
#include <stddef.h>

#define BUILTIN_DIM 384

/*
 * The vector of len bytes of UTF-8 text: unit length, or all zeros when the
 * text holds no word. The same text gives the same bits on every machine.
 * Broken UTF-8 counts as space. Linear time; never raises. Returns false,
 * with a zero vector, only when malloc fails.
 */
extern bool builtin_embed(const char *text, size_t len,
						  float out[BUILTIN_DIM]);

#endif /* INTEL_LLM_BUILTIN_EMBED_H */
