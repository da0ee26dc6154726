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
	bool allow_private_network;
	char *redaction_policy;
	char *ca_certificate; /* PEM, or NULL: the system's */
} LlmProvider;

typedef struct LlmModel
{
	char name[NAMEDATALEN]; /* hash key */
	const LlmProvider *provider;
	char *model_id;
	char task[8];		  /* chat, embed or rerank */
	int dimensions;		  /* 0: not stated */
	Jsonb *options;		  /* members that a request may leave out */
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

/* A number that changes whenever the catalogue was read again. */
extern uint64 llm_catalog_generation(void);

#endif /* INTEL_LLM_CATALOG_H */
