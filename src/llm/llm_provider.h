/*-------------------------------------------------------------------------
 *
 * llm_provider.h
 *		Wire formats of providers: requests built, answers read. Pure.
 *
 * A request goes through three shapes: what the caller wrote, the checked
 * and uniform LlmAsk, and the bytes of one provider. An answer comes back as
 * one LlmReply, whatever the provider. Nothing here allocates other than by
 * malloc, raises, or keeps state; strings of unknown origin never reach a
 * problem text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_PROVIDER_H
#define INTEL_LLM_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/jansson.h"
#include "llm/llm_types.h"

/* Most texts in one request, and most numbers in one embedding. */
#define LLM_MAX_CONTENTS 2048
#define LLM_MAX_DOCUMENTS 1000
#define LLM_MAX_DIMENSIONS 16000

/* Why something was refused: names of members, counts, nothing else. */
typedef struct LlmProblem
{
	char text[160];
} LlmProblem;

/* A checked request; see llm_ask_check. */
typedef struct LlmAsk
{
	LlmTask task;
	const char *model_id; /* the caller's */
	bool is_public;		  /* at the kind's own address */
	bool is_azure;		  /* the kind azure */
	int dimensions;		  /* expected length of an embedding; 0: any */
	int timeout_ms;		  /* asked for; 0: not */
	int idle_timeout_ms;  /* likewise, of a stream */
	bool is_streamed;

	/*
	 * Owned. Contents is an array of strings; of a rerank the first is the
	 * query and the others are the documents. Messages is an array of
	 * objects {role, content, tool_calls?, tool_call_id?, name?} with string
	 * content. Options holds the other members that were given.
	 */
	json_t *contents;
	json_t *messages;
	json_t *options;
} LlmAsk;

/*
 * Check request and make *ask of it. False with *problem for members that
 * are unknown, missing or of the wrong type; *ask needs llm_ask_free either
 * way. The member "model" is the caller's business and is skipped.
 */
extern bool llm_ask_check(LlmTask task, const json_t *request, LlmAsk *ask,
						  LlmProblem *problem);
extern void llm_ask_free(LlmAsk *ask);

/*
 * Everything in ask that somebody wrote, as one document to be redacted; and
 * putting the redacted document back. The second is false with *problem when
 * redaction changed something that cannot change: a role, an identifier, the
 * number of texts. Texts returns NULL when malloc fails.
 */
extern json_t *llm_ask_texts(const LlmAsk *ask);
extern bool llm_ask_set_texts(LlmAsk *ask, const json_t *texts,
							  LlmProblem *problem);

/*
 * JSON Schema, in the subset that README.md lists. Check: false with *problem
 * when a keyword is not of it. Fits: false with the keyword that a value does
 * not satisfy.
 */
extern bool llm_schema_check(const json_t *schema, LlmProblem *problem);
extern bool llm_schema_fits(const json_t *schema, const json_t *value,
							LlmProblem *problem);

/*
 * Add what the model answered and what to say to it, for another try at a
 * schema. False when malloc fails.
 */
extern bool llm_ask_add_repair(LlmAsk *ask, const char *answer);

/* What is sent. Owned strings. */
typedef struct LlmWire
{
	char *path; /* behind the base URL */
	char *body; /* JSON in UTF-8 */
} LlmWire;

extern void llm_wire_free(LlmWire *wire);

/* What matters of an answer's headers. */
typedef struct LlmHeaders
{
	int64_t retry_after_ms; /* -1: not said */
	int64_t reset_ms;		/* until x-ratelimit-reset, likewise */
	int should_retry;		/* x-should-retry: 1, 0; -1: not said */
	LlmRate rates[LLM_RATES];
	char request_id[LLM_REQUEST_ID_MAX + 1]; /* the provider's, or "" */
} LlmHeaders;

extern void llm_headers_init(LlmHeaders *headers);
/* Read one header line; now is seconds since 1970, for dates. */
extern void llm_headers_read(LlmHeaders *headers, const char *line, size_t len,
							 int64_t now);

/* An answer. Result is owned and set when outcome is LLM_SUCCEEDED. */
typedef struct LlmReply
{
	LlmOutcome outcome;
	LlmFault fault;
	const char *code;	/* a known error code of the provider, or NULL */
	LlmProblem problem; /* what is wrong with a malformed answer */
	int64_t retry_after_ms;
	LlmUsage usage;
	double certainty; /* probability of the text; 0: not said */
	char *result;	  /* JSON text, see LlmTask */
	char *rejected; /* owned: content that does not fit the schema, or NULL */
} LlmReply;

typedef struct LlmStream LlmStream;

typedef struct LlmKind
{
	const char *name;
	const char *base_url;	  /* public address, or NULL */
	const char *auth_header;  /* what stands before the key */
	const char *fixed_header; /* a header that every request has, or NULL */

	/* for llm_wire_build, which looks whether memory has run out */
	bool (*build)(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem);
	/* read a 2xx answer: llm_reply_* of llm_provider_int.h fill in *reply */
	void (*parse)(const LlmAsk *ask, const json_t *doc, LlmReply *reply);
	/* read an event of a streamed answer: llm_stream_* note what it says */
	void (*event)(LlmStream *stream, const json_t *doc);
	bool streams_lines; /* events are lines of JSON, not server-sent events */

	/*
	 * Most of one request, 0: not known. Tokens are counted by the providers
	 * in ways of their own: a text of a byte a token still fits.
	 */
	int max_texts;		/* of embeddings */
	int max_text_bytes; /* of them together */
	int max_documents;	/* of a ranking */
	bool refuses_empty; /* a request for embeddings with an empty text */
} LlmKind;

/*
 * Build the request of a kind: false with *problem, and nothing in *wire,
 * when the provider cannot do it, or memory ran out at any step.
 */
extern bool llm_wire_build(const LlmKind *kind, const LlmAsk *ask,
						   LlmWire *wire, LlmProblem *problem);

/* The kind of this name, or NULL. The kind "builtin" has no functions. */
extern const LlmKind *llm_kind_find(const char *name);

/*
 * Read an answer: status and body, whatever they are. Fills in *reply, which
 * needs llm_reply_free.
 */
extern void llm_reply_read(const LlmKind *kind, const LlmAsk *ask, int status,
						   const LlmHeaders *headers, const char *body,
						   size_t len, LlmReply *reply);
extern void llm_reply_free(LlmReply *reply);

/*
 * A streamed answer with status 2xx. Feed takes its bytes in pieces of any
 * size, and is false once the stream has failed: the rest of it is not worth
 * waiting for. Take gives the text that has arrived since it was last asked;
 * the pointer is valid until the next feed. Finish fills in *reply like
 * llm_reply_read; call it once, when the bytes have ended. A stream is
 * complete when its provider has said so, which may be before that; it has an
 * answer once it is known why that ended, though tokens may still be said.
 */
extern LlmStream *llm_stream_create(const LlmKind *kind, const LlmAsk *ask);
extern bool llm_stream_feed(LlmStream *stream, const char *bytes, size_t len);
extern size_t llm_stream_pending(const LlmStream *stream);
extern const char *llm_stream_take(LlmStream *stream, size_t *len);
extern bool llm_stream_is_complete(const LlmStream *stream);
extern bool llm_stream_has_answer(const LlmStream *stream);
extern void llm_stream_finish(LlmStream *stream, LlmReply *reply);
extern void llm_stream_free(LlmStream *stream);

/*
 * Results of builtin models, in the same shape: n embeddings of dim numbers
 * one after the other, scores of n documents, and an answer. NULL when malloc
 * fails.
 */
extern char *llm_result_embeddings(const float *values, size_t n, size_t dim,
								   const char *model, const LlmUsage *usage);
extern char *llm_result_scores(const double *scores, size_t n,
							   const char *model, const LlmUsage *usage);
extern char *llm_result_answer(LlmTask task, const char *content,
							   const char *model);

#endif /* INTEL_LLM_PROVIDER_H */
