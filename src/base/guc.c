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
char *guc_tenant_claim = NULL;

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

	DefineCustomStringVariable(
		"intel.tenant_claim",
		"Names the claim of request.jwt.claims that holds the tenant.",
		"A dotted path such as app_metadata.tenant_id reaches into nested "
		"claims. Where the claims have no such member, a setting of this "
		"name is read, for example app.tenant. Empty: there are no tenants.",
		&guc_tenant_claim, "tenant_id", PGC_SUSET, 0, NULL, NULL, NULL);

	MarkGUCPrefixReserved("intel");
}
