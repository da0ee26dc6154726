/*-------------------------------------------------------------------------
 *
 * llm_log.h
 *		Every attempt to call a model as a row of intel.inference.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_LOG_H
#define INTEL_LLM_LOG_H

#include "base/guc.h"
#include "base/jansson.h"
#include "llm/llm_int.h"

/* Length of a traceparent. */
#define LLM_TRACEPARENT_LEN 55

#define LOG_COST_MAX 48

/* A row on its way; plain memory of a fixed size, fit for the ring. */
typedef struct LogEntry
{
	Oid database;
	int64 id; /* 0: not drawn yet */
	TimestampTz started;
	LlmTask task;
	char model[NAMEDATALEN];
	char provider[NAMEDATALEN];
	char status[12];
	int sqlstate; /* 0: none */
	int http_status;
	LlmUsage usage;
	char cost[LOG_COST_MAX]; /* empty: not known */
	int64 latency_ms;
	int64 first_token_ms;
	char request_id[LLM_REQUEST_ID_MAX + 1];
	char traceparent[LLM_TRACEPARENT_LEN + 1];
	int64 job; /* 0: none */
	char feature[GUC_FEATURE_MAX + 1];
	int64 prompt_id; /* 0: none */
	char prompt_name[NAMEDATALEN];
	int prompt_version;
	Oid owner;
	bool has_subject;
	bool has_tenant;
	char subject[LLM_IDENTITY_MAX];
	char tenant[LLM_IDENTITY_MAX];
	int tries;	   /* to write it that were undone */
	int64 left_at; /* monotonic ms */
} LogEntry;

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

/* llm_log_ring.c: rows that must not vanish with a transaction */

/* Leave a row to the worker. Raises nothing. */
extern void llm_log_leave(const LogEntry *entry);
/* A row was written: leave it to the worker if the transaction is undone. */
extern void llm_log_keep(const LogEntry *entry);
/* The next row for the worker of this database to write; false: none. */
extern bool llm_log_take(LogEntry *entry);

#endif /* INTEL_LLM_LOG_H */
