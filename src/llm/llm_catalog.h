/*-------------------------------------------------------------------------
 *
 * llm_catalog.h
 *		Models and providers, cached per backend.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_LLM_CATALOG_H
#define INTEL_LLM_CATALOG_H

#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "llm/llm_provider.h"

typedef struct LlmProvider
{
	char *name;
	const LlmKind *kind;
	char *base_url; /* NULL: the kind's own; no trailing slash */
	char *secret;	/* reference, or NULL */
	bool enabled;
	int timeout_ms; /* 0: intel.llm_timeout */
	int max_concurrency;
	bool allow_private_network;
	char *redaction_policy;
	char *ca_certificate; /* PEM, or NULL: the system's */
} LlmProvider;

typedef struct LlmModel
{
	char name[NAMEDATALEN]; /* hash key */
	const LlmProvider *provider;
	char *model_id;
	char task[8];	/* chat, embed or rerank */
	int dimensions; /* 0: not stated */
	Jsonb *options; /* members that a request may leave out */
	char *fallback; /* name of a model, or NULL */
	int rpm;		/* 0: no limit */
	int tpm;
	Numeric input_price;  /* of 1,000,000 tokens; NULL: not known */
	Numeric cached_price; /* of input that the provider's cache had */
	Numeric output_price;
	int ngrantees;
	Oid *grantees; /* InvalidOid: everybody */
} LlmModel;

/*
 * The model of this name if the current user may use it. Raises 42704 when
 * there is none, 42501 when it is not granted. The result lives until the
 * next call of a function of this file or the next invalidation: copy what
 * must live longer. Needs a transaction, not a snapshot.
 */
extern const LlmModel *llm_catalog_model(const char *name);

/* What limits can count apart. */
#define LLM_PER_MODEL 1
#define LLM_PER_ROLE 2
#define LLM_PER_TENANT 4
#define LLM_PER_SUBJECT 8
#define LLM_PER_FEATURE 16

/* A row of rate_limit or budget. */
typedef struct LlmLimit
{
	int32 id;
	bool is_budget;
	char *model; /* NULL: any, and so on */
	char *tenant;
	char *feature;
	Oid role; /* InvalidOid: any */
	int per;  /* LLM_PER_ bits */

	int64 requests; /* in a period; 0: no limit */
	int64 tokens;
	int64 period_ms;
	int concurrency;

	int64 amount; /* in 1e-9 of the currency */
	bool monthly;
} LlmLimit;

/* All of them; life as llm_catalog_model's. */
extern int llm_catalog_limits(const LlmLimit **limits);

/*
 * The fallback of a model that exists, if the current user may use it, or
 * NULL; palloc'd. With same_vectors only one that gives the same vectors: the
 * same model with the same options, at another provider.
 */
extern char *llm_catalog_fallback(const char *name, bool same_vectors);

/* Most models of one chain of fallbacks. */
#define LLM_MAX_HOPS 8

/*
 * The provider of a model, palloc'd, if it refuses a request for embeddings in
 * which a text is empty, else NULL.
 */
extern const char *llm_embed_refuses_empty(const char *model);

/* Most documents of one ranking by a model, likewise; 0: not known. */
extern int llm_rerank_limit(const char *model);

/*
 * May calls go to the host of this URL? They may, while the table egress_host
 * is empty, and else when a row of it fits. Needs a transaction.
 */
extern bool llm_catalog_host_allowed(const char *url);

/* A number that changes whenever the catalogue was read again. */
extern uint64 llm_catalog_generation(void);

#endif /* INTEL_LLM_CATALOG_H */
