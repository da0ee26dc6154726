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

char *guc_tenant_claim = NULL;

void
guc_init(void)
{
	DefineCustomStringVariable(
		"intel.tenant_claim",
		"Names the claim of request.jwt.claims that holds the tenant.",
		"A dotted path such as app_metadata.tenant_id reaches into nested "
		"claims. Where the claims have no such member, a setting of this "
		"name is read, for example app.tenant. Empty: there are no tenants.",
		&guc_tenant_claim, "tenant_id", PGC_SUSET, 0, NULL, NULL, NULL);

	MarkGUCPrefixReserved("intel");
}
