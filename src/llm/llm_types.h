/*-------------------------------------------------------------------------
 *
 * llm_types.h
 *		Words that the pure part of llm and the PostgreSQL part share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_TYPES_H
#define INTEL_LLM_TYPES_H

#include <stdint.h>

typedef enum LlmTask
{
	LLM_TASK_COMPLETE, /* {prompt, system?, ...} -> {content, ...} */
	LLM_TASK_CHAT,	   /* {messages, ...} -> {message, ...} */
	LLM_TASK_EMBED,	   /* {contents} -> {embeddings, dimensions, ...} */
	LLM_TASK_RERANK,   /* {query, documents} -> {results, ...} */
} LlmTask;

typedef enum LlmOutcome
{
	LLM_PENDING,   /* not finished */
	LLM_SUCCEEDED, /* result is set */
	LLM_RETRYABLE, /* failed, may work later: timeouts, 408, 409, 429, 5xx */
	LLM_PERMANENT, /* failed, will fail again: 4xx, malformed answers */
} LlmOutcome;

/* What went wrong; llm_call.c gives each its SQLSTATE. */
typedef enum LlmFault
{
	LLM_FAULT_NONE,
	LLM_FAULT_TIMEOUT,		/* no answer in time, or the connection broke */
	LLM_FAULT_REFUSED,		/* by the rules of this side: address, TLS */
	LLM_FAULT_RATE_LIMITED, /* 429 */
	LLM_FAULT_QUOTA,		/* the account at the provider is used up */
	LLM_FAULT_MALFORMED,	/* an answer that cannot be used */
	LLM_FAULT_KEY,			/* 401, 403: the key is wrong or too weak */
	LLM_FAULT_REJECTED,		/* other 4xx: the request is wrong */
	LLM_FAULT_SERVER,		/* 5xx: the provider failed */
	LLM_FAULT_LOCAL,		/* out of memory or sockets on this side */
} LlmFault;

/*
 * Tokens as reported; -1: not reported. Input includes what a cache read or
 * wrote, output includes reasoning, whatever the provider's own habit is.
 */
typedef struct LlmUsage
{
	int64_t input;
	int64_t cached;
	int64_t cache_write;
	int64_t output;
	int64_t reasoning;
} LlmUsage;

#define LLM_NO_USAGE ((LlmUsage){-1, -1, -1, -1, -1})

/* What a provider says of one of its limits; -1: not said. */
typedef struct LlmRate
{
	int64_t limit;	   /* in its period, mostly a minute */
	int64_t remaining; /* of that */
	int64_t reset_ms;  /* until all of it is there again */
} LlmRate;

typedef enum LlmRateKind
{
	LLM_RATE_REQUESTS,
	LLM_RATE_TOKENS,
	LLM_RATE_INPUT_TOKENS,
	LLM_RATE_OUTPUT_TOKENS,
	LLM_RATES
} LlmRateKind;

/* Longest identifier of a request that is kept. */
#define LLM_REQUEST_ID_MAX 64

#endif /* INTEL_LLM_TYPES_H */
