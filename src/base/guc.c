/*-------------------------------------------------------------------------
 *
 * guc.c
 *		Every setting of the extension, in alphabetical order.
 *
 * A setting gets the least privileged context that does no harm: whatever
 * changes where data goes or who somebody is cannot be set by a user.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "base/guc.h"

INTEL_FUNCTION(_setting);

int guc_breaker_failures = 5;
int guc_breaker_open_time = 10000;
int guc_cache_max_entries = 10000;
int guc_cache_ttl = 0;
char *guc_default_embedding_model = NULL;
char *guc_default_model = NULL;
char *guc_default_rerank_model = NULL;
char *guc_feature = NULL;
int guc_inference_retention = 90 * 24 * 60;
int guc_job_retention = 2592000;
int guc_job_retry_delay = 1000;
int guc_job_retry_max_delay = 300000;
int guc_lease_timeout = 60000;
int guc_llm_max_response_bytes = 16 * 1024 * 1024;
int guc_llm_stream_idle_timeout = 30000;
int guc_llm_timeout = 60000;
bool guc_log_calls = false;
int guc_max_scan_tuples = 0;
int guc_max_workers = 4;
int guc_probes = 0;
char *guc_redact_key_file = NULL;
char *guc_secret_directory = NULL;
int guc_simd = GUC_SIMD_AUTO;
static char *guc_simd_status = NULL; /* never read: see show_simd_status */
int guc_step_timeout = 60000;
double guc_target_recall = 0.95;
char *guc_tenant_claim = NULL;
char *guc_wait_point = NULL;
char *guc_traceparent = NULL;
int guc_worker_concurrency = 32;
int guc_worker_idle_timeout = 5000;
bool (*guc_simd_available)(int level) = NULL;
void (*guc_simd_apply)(int level) = NULL;
const char *(*guc_simd_name)(void) = NULL;

/*
 * The limit of workers sizes nothing, but is fixed at start like the server's
 * own max_worker_processes, of which it takes its share.
 */
static void
define_preload_settings(void)
{
	DefineCustomIntVariable(
		"intel.max_workers",
		"Sets how many workers may run at the same time, in all databases.",
		"Each takes one of max_worker_processes, and so does the launcher. "
		"0 runs no jobs in the background.",
		&guc_max_workers, 4, 0, 256, PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

static const struct config_enum_entry simd_levels[] = {
	{"auto", GUC_SIMD_AUTO, false}, {"scalar", GUC_SIMD_SCALAR, false},
	{"avx2", GUC_SIMD_AVX2, false}, {"avx512", GUC_SIMD_AVX512, false},
	{"neon", GUC_SIMD_NEON, false}, {NULL, 0, false},
};

static bool
check_simd(int *newval, void **extra, GucSource source)
{
	(void) extra;
	(void) source;
	if (guc_simd_available == NULL || guc_simd_available(*newval))
		return true;
	GUC_check_errdetail("This machine does not have these instructions.");
	return false;
}

/* Names of features go into logs and tables: a word, not a text. */
static bool
check_feature(char **newval, void **extra, GucSource source)
{
	(void) extra;
	(void) source;
	if (*newval == NULL || guc_is_feature(*newval))
		return true;
	GUC_check_errdetail("It has at most %d letters, digits, \"_\", \".\", "
						"\":\", \"/\" and \"-\".",
						GUC_FEATURE_MAX);
	return false;
}

/* W3C Trace Context: 00-<32 hex>-<16 hex>-<2 hex>; empty: none */
static bool
check_traceparent(char **newval, void **extra, GucSource source)
{
	const char *value = *newval;

	(void) extra;
	(void) source;
	if (value == NULL || value[0] == '\0')
		return true;
	if (strlen(value) == 55 && value[2] == '-' && value[35] == '-' &&
		value[52] == '-' && strncmp(value, "ff", 2) != 0 &&
		strspn(value + 3, "0") < 32 && strspn(value + 36, "0") < 16 &&
		strspn(value, "0123456789abcdef") == 2 &&
		strspn(value + 3, "0123456789abcdef") == 32 &&
		strspn(value + 36, "0123456789abcdef") == 16 &&
		strspn(value + 53, "0123456789abcdef") == 2)
		return true;
	GUC_check_errdetail("It has the form 00-<32 hex digits>-<16 hex "
						"digits>-<2 hex digits>.");
	return false;
}

bool
guc_is_feature(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789"
								  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.:/-";
	size_t len = strlen(name);

	return len <= GUC_FEATURE_MAX && strspn(name, letters) == len;
}

static void
assign_simd(int newval, void *extra)
{
	(void) extra;
	if (guc_simd_apply != NULL)
		guc_simd_apply(newval);
}

static const char *
show_simd_status(void)
{
	return guc_simd_name != NULL ? guc_simd_name() : "";
}

void
guc_init(void)
{
	DefineCustomIntVariable(
		"intel.breaker_failures",
		"Sets after how many failures in a row a model is left alone.",
		"Calls are then refused with IN005, or fall back, and jobs wait, "
		"until one call has found the model working again. 0: never.",
		&guc_breaker_failures, 5, 0, 1000, PGC_SIGHUP, 0, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.breaker_open_time",
		"Sets for how long a model is left alone at first.",
		"The time doubles, up to five minutes, while the model keeps "
		"failing.",
		&guc_breaker_open_time, 10000, 10, 300000, PGC_SIGHUP, GUC_UNIT_MS,
		NULL, NULL, NULL);

	DefineCustomIntVariable("intel.cache_max_entries",
							"Sets how many answers are kept in intel.cache.",
							"Workers remove the oldest beyond that.",
							&guc_cache_max_entries, 10000, 0, INT_MAX / 2,
							PGC_SIGHUP, 0, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.cache_ttl",
		"Sets for how long answers of models are given again.",
		"The option \"cache\" of a call goes before it. 0 keeps nothing.",
		&guc_cache_ttl, 0, 0, 366 * 24 * 3600, PGC_USERSET, GUC_UNIT_S, NULL,
		NULL, NULL);

	DefineCustomStringVariable(
		"intel.default_embedding_model",
		"Names the model that embeds when none is given.",
		"A name of intel.model with task embed.", &guc_default_embedding_model,
		"builtin-embedding", PGC_USERSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"intel.default_model",
		"Names the model that answers when none is given.",
		"A name of intel.model with task chat.", &guc_default_model,
		"builtin-answer", PGC_USERSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"intel.default_rerank_model",
		"Names the model that ranks when none is given.",
		"A name of intel.model with task rerank.", &guc_default_rerank_model,
		"builtin-rerank", PGC_USERSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"intel.feature",
		"Names the feature of the application that calls are made for.",
		"Limits, budgets and the log of calls tell features apart. A job is "
		"of the feature in whose name it was submitted, else of its task's.",
		&guc_feature, "", PGC_USERSET, 0, check_feature, NULL, NULL);

	DefineCustomIntVariable(
		"intel.inference_retention",
		"Sets how long rows of intel.inference are kept.",
		"Workers remove what is older. -1 keeps everything.",
		&guc_inference_retention, 90 * 24 * 60, -1, INT_MAX / 2, PGC_SIGHUP,
		GUC_UNIT_MIN, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.job_retention",
		"Sets how long jobs are kept after they succeeded or were cancelled.",
		"A job may have a time of its own. Failed jobs without one are kept "
		"until they are retried or deleted. 0 keeps all.",
		&guc_job_retention, 2592000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_S, NULL,
		NULL, NULL);

	DefineCustomIntVariable(
		"intel.job_retry_delay",
		"Sets the delay before the first retry of a job.",
		"Every further retry doubles the limit of which a random part is "
		"waited. A provider that names a time is waited for.",
		&guc_job_retry_delay, 1000, 1, INT_MAX / 2, PGC_SIGHUP, GUC_UNIT_MS,
		NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.job_retry_max_delay",
		"Sets the longest delay between two attempts of a job.",
		"A provider that names a longer time is still waited for.",
		&guc_job_retry_max_delay, 300000, 1, INT_MAX / 2, PGC_SIGHUP,
		GUC_UNIT_MS, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.lease_timeout",
		"Sets how long a running job is left to a process that no longer "
		"renews its lease.",
		"Jobs of a process that has ended are taken back at once; this is "
		"for one that hangs.",
		&guc_lease_timeout, 60000, 500, INT_MAX / 2, PGC_SIGHUP, GUC_UNIT_MS,
		NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.llm_max_response_bytes",
		"Sets the size in bytes beyond which a provider's answer is refused.",
		NULL, &guc_llm_max_response_bytes, 16 * 1024 * 1024, 1024,
		1024 * 1024 * 1024 - 1, PGC_SUSET, GUC_UNIT_BYTE, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.llm_stream_idle_timeout",
		"Sets how long a provider may be silent within a streamed answer.",
		"The time before the answer begins counts as well. The whole answer "
		"has the time of every call, intel.llm_timeout.",
		&guc_llm_stream_idle_timeout, 30000, 1, 3600000, PGC_SUSET,
		GUC_UNIT_MS, NULL, NULL, NULL);

	DefineCustomIntVariable("intel.llm_timeout",
							"Sets the longest time of one call to a provider.",
							"A provider's own timeout_ms goes before it.",
							&guc_llm_timeout, 60000, 1, 3600000, PGC_SUSET,
							GUC_UNIT_MS, NULL, NULL, NULL);

	if (process_shared_preload_libraries_in_progress)
		define_preload_settings();

	DefineCustomBoolVariable(
		"intel.log_calls",
		"Logs each call to a model as a line of JSON in the server's log.",
		"It has names, counts and codes: nothing that users or models wrote.",
		&guc_log_calls, false, PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.max_scan_tuples",
		"Sets how many index entries one search looks at, at most.",
		"A search that reaches it returns what it has found so far, which may "
		"be fewer rows than LIMIT asks for. 0 sets no limit.",
		&guc_max_scan_tuples, 0, 0, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.probes",
		"Sets how many lists of an index a search starts with.",
		"More find more of the true neighbours and take longer. 0 leaves it "
		"to intel.target_recall and what the build of the index measured.",
		&guc_probes, 0, 0, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"intel.redact_key_file",
		"Names the file that holds the key of redaction: actions \"hash\" and "
		"\"fake\", vault.",
		"At least 16 bytes, 32 random ones by preference, in a file that "
		"only the server may read. Tokens made under another key differ.",
		&guc_redact_key_file, "", PGC_SUSET, GUC_SUPERUSER_ONLY, NULL, NULL,
		NULL);

	DefineCustomStringVariable(
		"intel.secret_directory",
		"Names the directory of the keys that \"file:NAME\" refers to.",
		"A relative path starts at the data directory.", &guc_secret_directory,
		"intel_secrets", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);

	DefineCustomEnumVariable(
		"intel.simd", "Selects the distance kernels, for tests.",
		"auto: the fastest that this CPU has. All give the same results up "
		"to rounding.",
		&guc_simd, GUC_SIMD_AUTO, simd_levels, PGC_USERSET, GUC_NOT_IN_SAMPLE,
		check_simd, assign_simd, NULL);

	DefineCustomStringVariable(
		"intel.simd_status", "Shows which distance kernels are in use.",
		"What intel.simd = auto chose for this CPU, or the level it is set "
		"to.",
		&guc_simd_status, "", PGC_INTERNAL,
		GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, NULL, NULL,
		show_simd_status);

	DefineCustomIntVariable(
		"intel.step_timeout",
		"Sets the limit of the SQL that a job runs in a worker.",
		"Retrieval runs as the submitter, whose policies may be slow. SQL "
		"that catches the cancel ends its worker after twice the time. 0 "
		"sets no limit.",
		&guc_step_timeout, 60000, 0, INT_MAX / 2, PGC_SIGHUP, GUC_UNIT_MS,
		NULL, NULL, NULL);

	DefineCustomRealVariable(
		"intel.target_recall",
		"Sets the part of the true nearest neighbours a search should find.",
		"The build of an index measures how many lists that takes. 1 makes "
		"every search exact: it looks at the whole index.",
		&guc_target_recall, 0.95, 0.5, 1, PGC_USERSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"intel.tenant_claim",
		"Names the claim of request.jwt.claims that holds the tenant.",
		"A dotted path such as app_metadata.tenant_id reaches into nested "
		"claims. Where the claims have no such member, a setting of this "
		"name is read, for example app.tenant. Empty: there are no tenants.",
		&guc_tenant_claim, "tenant_id", PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"intel.traceparent",
		"Sets the trace that calls and jobs of this session belong to.",
		"A W3C traceparent. It is kept with the calls in intel.inference.",
		&guc_traceparent, "", PGC_USERSET, 0, check_traceparent, NULL, NULL);

	DefineCustomStringVariable(
		"intel.wait_point",
		"Names a point in the code at which the session waits, for tests.",
		"There it waits for whoever holds advisory lock (1768846437, 1).",
		&guc_wait_point, "", PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.worker_concurrency",
		"Sets how many calls a worker has in flight at the same time.", NULL,
		&guc_worker_concurrency, 32, 1, 1000, PGC_SIGHUP, 0, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"intel.worker_idle_timeout",
		"Sets how long a worker without work stays connected.",
		"Afterwards it leaves, so that it does not stand in the way of DROP "
		"DATABASE; the next job starts one again.",
		&guc_worker_idle_timeout, 5000, 0, INT_MAX / 2, PGC_SIGHUP,
		GUC_UNIT_MS, NULL, NULL, NULL);

	MarkGUCPrefixReserved("intel");
}

Datum
intel__setting(PG_FUNCTION_ARGS)
{
	char *name = psprintf("intel.%s", text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_TEXT_P(
		cstring_to_text(GetConfigOptionByName(name, NULL, false)));
}
