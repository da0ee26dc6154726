/*-------------------------------------------------------------------------
 *
 * guc.h
 *		Every setting of the extension. guc.c is the only file that defines
 *		settings; it keeps them in alphabetical order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_GUC_H
#define INTEL_BASE_GUC_H

/* intel.breaker_failures, intel.breaker_open_time (ms): of a model */
extern int guc_breaker_failures;
extern int guc_breaker_open_time;
/* intel.cache_max_entries: answers that are kept */
extern int guc_cache_max_entries;
/* intel.cache_ttl: of calls without the option cache, seconds; 0: none */
extern int guc_cache_ttl;
/* intel.default_embedding_model: of embed without a model */
extern char *guc_default_embedding_model;
/* intel.default_model: of complete and chat without a model */
extern char *guc_default_model;
/* intel.feature: what calls are made for; empty: nothing in particular */
extern char *guc_feature;

/* Longest name of a feature in bytes, and whether a name is one. */
#define GUC_FEATURE_MAX 63
extern bool guc_is_feature(const char *name);

/* intel.inference_retention: of rows of the log of calls, minutes; -1: ever */
extern int guc_inference_retention;
/* intel.job_retention: how long succeeded and cancelled jobs are kept, s */
extern int guc_job_retention;
/* intel.job_retry_delay, intel.job_retry_max_delay: backoff, milliseconds */
extern int guc_job_retry_delay;
extern int guc_job_retry_max_delay;
/* intel.lease_timeout: how long a running job is left to its process, ms */
extern int guc_lease_timeout;
/* intel.default_rerank_model: of rerank without a model */
extern char *guc_default_rerank_model;
/* intel.llm_max_response_bytes: a longer answer is refused */
extern int guc_llm_max_response_bytes;
/* intel.llm_stream_idle_timeout: longest silence of a streamed answer */
extern int guc_llm_stream_idle_timeout;
/* intel.llm_timeout: of a call, where the provider has none */
extern int guc_llm_timeout;
/* intel.log_calls: a line of JSON for each call */
extern bool guc_log_calls;
/* intel.max_workers: workers at the same time, in all databases */
extern int guc_max_workers;
/* intel.secret_directory: where secrets "file:NAME" are */
extern char *guc_secret_directory;
/* intel.simd: which distance kernels to use */
typedef enum GucSimd
{
	GUC_SIMD_AUTO,
	GUC_SIMD_SCALAR,
	GUC_SIMD_AVX2,
	GUC_SIMD_AVX512,
	GUC_SIMD_NEON
} GucSimd;

extern int guc_simd;

/*
 * Set by the owner of the kernels before guc_init: does this machine have a
 * level, switch to it, and the name of the one in use, which is what the
 * read-only setting intel.simd_status shows.
 */
extern bool (*guc_simd_available)(int level);
extern void (*guc_simd_apply)(int level);
extern const char *(*guc_simd_name)(void);

/* intel.step_timeout: limit of a job's own SQL in a worker, ms; 0: none */
extern int guc_step_timeout;
/* intel.redact_key_file: the key of redaction action "hash" */
extern char *guc_redact_key_file;

/* intel.tenant_claim: the claim, or else the setting, that names the tenant */
extern char *guc_tenant_claim;
/* intel.traceparent: the trace of this session, or empty */
extern char *guc_traceparent;
/* intel.worker_concurrency: calls in flight per worker */
extern int guc_worker_concurrency;
/* intel.worker_idle_timeout: an idle worker leaves after this, ms */
extern int guc_worker_idle_timeout;

/* intel.wait_point: where a test holds this session; see wait_point.h */
extern char *guc_wait_point;

/* intel.max_scan_tuples: entries a search looks at, at most; 0 = no limit */
extern int guc_max_scan_tuples;

/* intel.probes: lists a search starts with; 0 = by intel.target_recall */
extern int guc_probes;

/* intel.target_recall: part of the true neighbours a search should find */
extern double guc_target_recall;

/*
 * Define all settings and reserve the prefix "intel". Called once by
 * _PG_init. Settings that need preload are defined only while preloading.
 */
extern void guc_init(void);

#endif /* INTEL_BASE_GUC_H */
