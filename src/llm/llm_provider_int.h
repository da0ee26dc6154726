/*-------------------------------------------------------------------------
 *
 * llm_provider_int.h
 *		What the files of providers share. Pure; stays in this folder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_PROVIDER_INT_H
#define INTEL_LLM_PROVIDER_INT_H

#include "llm/llm_provider.h"

extern const LlmKind llm_kind_openai;
extern const LlmKind llm_kind_azure;
extern const LlmKind llm_kind_responses;
extern const LlmKind llm_kind_tei;
extern const LlmKind llm_kind_anthropic;
extern const LlmKind llm_kind_gemini;
extern const LlmKind llm_kind_ollama;

/* Set *problem and return false. */
extern bool llm_problem(LlmProblem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- requests ---- */

/* Copy option `from` of ask into body as `to`, when it was given. */
extern void llm_copy_option(const LlmAsk *ask, const char *from, json_t *body,
							const char *to);
/* False with *problem for the first of names (ends with NULL) that was given. */
extern bool llm_reject_options(const LlmAsk *ask, const char *kind,
							   const char *const *names, LlmProblem *problem);
/* Texts of the system messages, joined by blank lines; owned, NULL if none. */
extern json_t *llm_system_text(const LlmAsk *ask);
extern bool llm_is_system(const json_t *message);
/*
 * How the schema of a request is asked for: as such, in words and as some JSON,
 * or in words alone. The answer is checked here in any case.
 */
typedef enum LlmSchemaFormat
{
	LLM_SCHEMA_NONE, /* there is none */
	LLM_SCHEMA_NATIVE,
	LLM_SCHEMA_JSON,
	LLM_SCHEMA_WORDS
} LlmSchemaFormat;

extern bool llm_is_schema_format(const json_t *value);
extern LlmSchemaFormat llm_schema_format(const LlmAsk *ask);
/* What asks in words, behind system (taken over; NULL: none). Owned. */
extern json_t *llm_schema_demand(const LlmAsk *ask, json_t *system);
/* Where the format is in words, ask so in messages for the wire, of any kind. */
extern bool llm_demand_schema(const LlmAsk *ask, json_t *messages);
/* The schema that "#", "#/$defs/name" or "#/definitions/name" refers to. */
extern const json_t *llm_schema_resolve(const json_t *root,
										const char *reference);
/* Can Anthropic be asked for this schema? And the schema to ask for. Owned. */
extern bool llm_anthropic_takes(const json_t *schema);
extern json_t *llm_anthropic_schema(const json_t *schema);
/* Is it for how long Ollama shall keep a model in memory? */
extern bool llm_is_keep_alive(const json_t *value);
/* Of names of tools and functions. */
#define LLM_NAME_CHARACTERS                                                   \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
/* Longest identifier of a tool call, but for a signature behind it. */
#define LLM_CALL_ID_MAX 64
extern bool llm_is_machine_id(const json_t *value);
extern bool llm_is_machine_signature(const char *text);
/* The signature of thoughts that is part of an identifier, or NULL. */
extern const char *llm_signature_of_id(const char *id);
/* The function that the tool message at an index answers, or NULL. */
extern const char *llm_called_function(const LlmAsk *ask, size_t index);
/*
 * Arguments of a tool call, all owned. Take: the text as it may be sent, NULL
 * where it is no JSON object. Call: parsed. Document: to be redacted, with its
 * numbers as strings; redacted: the text that comes of it. Of text that take
 * let pass, NULL where memory ran out, or redaction left no object.
 */
extern json_t *llm_arguments_take(json_t *text);
extern json_t *llm_call_arguments(const json_t *tool_call);
extern json_t *llm_arguments_document(const json_t *text);
extern json_t *llm_arguments_redacted(json_t *text, json_t *redacted);
/* Give body (owned) and path to wire. */
extern bool llm_wire_set(LlmWire *wire, const char *path, json_t *body,
						 LlmProblem *problem);

/* ---- answers ---- */

/*
 * A document of a provider, or NULL with *why it is none: what is not UTF-8,
 * NUL characters and absurd nesting are refused, and what would take far more
 * memory than its text. Integers beyond 64 bits are no reason to refuse an
 * answer; where there is one, all its integers are read as reals.
 */
extern json_t *llm_json_load(const char *text, size_t len, size_t flags,
							 const char **why);
/* Fail a reply while whose reading memory ran out. */
extern void llm_reply_check_memory(LlmReply *reply,
								   unsigned long failures_before);

/* An answer that cannot be used. */
extern void llm_reply_malformed(LlmReply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* An error inside a 2xx answer. */
extern void llm_reply_fault(LlmReply *reply, LlmFault fault,
							LlmOutcome outcome);
/* Read the member "error" of an answer, if it has one that is not null. */
extern bool llm_reply_error(LlmReply *reply, const json_t *doc);
/* The same for an error whose code stands in object itself. */
extern void llm_reply_error_code(LlmReply *reply, const json_t *object);
/* A count of an object, or -1. */
extern int64_t llm_count(const json_t *object, const char *key);

/*
 * A text that grows piece by piece, from all zero; data (malloc) is followed by
 * a NUL that len does not count. Adding is false when memory is short; take
 * gives the string, owned, or NULL when it was, and frees the text.
 */
typedef struct LlmText
{
	char *data;
	size_t len;
	size_t size;
	bool is_short;
} LlmText;

extern bool llm_text_add(LlmText *text, const char *piece, size_t len);
extern json_t *llm_text_take(LlmText *text);

/*
 * A text answer. Takes over content (string; NULL: memory ran out) and tool_calls (array or NULL),
 * which are in the shape of OpenAI; finish is one of stop, length,
 * tool_calls, content_filter, refusal, other. With tool calls, stop and other
 * become tool_calls.
 */
extern void llm_reply_text(const LlmAsk *ask, LlmReply *reply, json_t *content,
						   json_t *tool_calls, const char *finish,
						   const char *model);
/*
 * A tool call in the shape of OpenAI; arguments is any JSON. Owned. A kind may
 * add "thought_signature", base64 that it wants back with the call.
 */
extern json_t *llm_tool_call(const char *id, const char *name,
							 const json_t *arguments);

/*
 * Scores of documents: one item per document with its "index", and
 * "relevance_score" or "score".
 */
extern void llm_reply_scores(const LlmAsk *ask, LlmReply *reply,
							 const json_t *items, const char *model);

/* ---- events of streamed answers ---- */

extern const LlmAsk *llm_stream_ask(const LlmStream *stream);
/* Where an event notes its tokens, or that it is an error. */
extern LlmReply *llm_stream_reply(LlmStream *stream);
/* More text; what is no string is no text. */
extern void llm_stream_add_text(LlmStream *stream, const json_t *text);
extern void llm_stream_add_refusal(LlmStream *stream, const json_t *text);
/* The whole text: what of it has not come in pieces is one more of them. */
extern void llm_stream_add_rest(LlmStream *stream, const LlmText *whole);
/*
 * A tool call, or more of its arguments; NULL for what is not said. Returns
 * which of the calls it is, whose number may be another than its index.
 */
extern size_t llm_stream_add_call(LlmStream *stream, size_t index,
								  const char *id, const char *name,
								  const char *arguments);
/* What a kind wants back with a call that has begun; NULL for nothing. */
extern void llm_stream_sign_call(LlmStream *stream, size_t call,
								 const char *signature);
/* How many tool calls have begun. */
extern size_t llm_stream_calls(const LlmStream *stream);
extern void llm_stream_set_model(LlmStream *stream, const json_t *model);
/* Why the answer ended; a word of llm_reply_text. */
extern void llm_stream_set_finish(LlmStream *stream, const char *finish);
/* The last event that matters. */
extern void llm_stream_complete(LlmStream *stream);
/* The event held the whole answer: take it over. */
extern void llm_stream_take_reply(LlmStream *stream, LlmReply *whole);

/* Embeddings while they are collected, each at its index. */
typedef struct LlmVectors
{
	size_t n;	/* expected */
	size_t dim; /* 0 until the first one is known */
	float *values;
	bool *seen;
} LlmVectors;

extern bool llm_vectors_init(LlmVectors *vectors, const LlmAsk *ask);
/* Add one: an array of numbers, or base64 of little-endian float32. */
extern bool llm_vectors_add(LlmVectors *vectors, const LlmAsk *ask,
							size_t index, const json_t *value,
							LlmReply *reply);
/* Make the result, unless one is missing; frees vectors in any case. */
extern void llm_vectors_finish(LlmVectors *vectors, LlmReply *reply,
							   const char *model);

#endif /* INTEL_LLM_PROVIDER_INT_H */
