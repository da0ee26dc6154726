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

#include "utils/guc.h"

#include "base/guc.h"

char *guc_default_embedding_model = NULL;
char *guc_default_model = NULL;
int guc_llm_max_response_bytes = 16 * 1024 * 1024;
int guc_llm_timeout = 60000;
char *guc_secret_directory = NULL;
int guc_simd = GUC_SIMD_AUTO;
bool (*guc_simd_available)(int level) = NULL;
void (*guc_simd_apply)(int level) = NULL;
char *guc_tenant_claim = NULL;

static const struct config_enum_entry simd_levels[] = {
	{"auto", GUC_SIMD_AUTO, false},		{"scalar", GUC_SIMD_SCALAR, false},
	{"avx2", GUC_SIMD_AVX2, false},		{"avx512", GUC_SIMD_AVX512, false},
	{"neon", GUC_SIMD_NEON, false},		{NULL, 0, false},
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

static void
assign_simd(int newval, void *extra)
{
	(void) extra;
	if (guc_simd_apply != NULL)
		guc_simd_apply(newval);
}

void
guc_init(void)
{
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

	DefineCustomIntVariable(
		"intel.llm_max_response_bytes",
		"Sets the size in bytes beyond which a provider's answer is refused.",
		NULL, &guc_llm_max_response_bytes, 16 * 1024 * 1024, 1024,
		1024 * 1024 * 1024 - 1, PGC_SUSET, GUC_UNIT_BYTE, NULL, NULL, NULL);

	DefineCustomIntVariable("intel.llm_timeout",
							"Sets the longest time of one call to a provider.",
							"A provider's own timeout_ms goes before it.",
							&guc_llm_timeout, 60000, 1, 3600000, PGC_SUSET,
							GUC_UNIT_MS, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"intel.secret_directory",
		"Names the directory of the keys that \"file:NAME\" refers to.",
		"A relative path starts at the data directory.", &guc_secret_directory,
		"intel_secrets", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);

	DefineCustomEnumVariable(
		"intel.simd", "Selects the distance kernels, for tests.",
		"auto: the fastest that this CPU has. All give the same results up "
		"to rounding.",
		&guc_simd, GUC_SIMD_AUTO, simd_levels, PGC_USERSET,
		GUC_NOT_IN_SAMPLE, check_simd, assign_simd, NULL);

	DefineCustomStringVariable(
		"intel.tenant_claim",
		"Names the claim of request.jwt.claims that holds the tenant.",
		"A dotted path such as app_metadata.tenant_id reaches into nested "
		"claims. Where the claims have no such member, a setting of this "
		"name is read, for example app.tenant. Empty: there are no tenants.",
		&guc_tenant_claim, "tenant_id", PGC_SUSET, 0, NULL, NULL, NULL);

	MarkGUCPrefixReserved("intel");
}
