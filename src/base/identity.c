/*-------------------------------------------------------------------------
 *
 * identity.c
 *		Who is acting, and acting for somebody else.
 *
 * Claims follow PostgREST: one setting request.jwt.claims with a JSON object,
 * set per transaction by a role that users cannot become by themselves. A
 * session that may set the claims freely is trusted with them, exactly as in
 * every policy that reads them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/identity.h"
#include "base/json.h"

#define CLAIMS_SETTING "request.jwt.claims"

INTEL_FUNCTION(caller);
INTEL_FUNCTION(subject);
INTEL_FUNCTION(tenant);

/* Value of a custom setting, or NULL when it is unset or empty. */
static char *
setting_value(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value != NULL && value[0] != '\0' ? pstrdup(value) : NULL;
}

char *
identity_claims(void)
{
	return setting_value(CLAIMS_SETTING);
}

/* The claims as an object, or NULL when there are none. */
static json_t *
claims_object(void)
{
	char *claims = identity_claims();
	json_t *doc;

	if (claims == NULL)
		return NULL;
	doc = json_parse(claims, strlen(claims));
	if (!json_is_object(doc))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("setting \"%s\" is not a JSON object",
							   CLAIMS_SETTING)));
	return doc;
}

/* Text of a scalar claim; objects, arrays and null count as absent. */
static char *
claim_text(const json_t *value)
{
	if (json_is_string(value))
		return pstrdup(json_string_value(value));
	if (json_is_integer(value))
		return psprintf(INT64_FORMAT, (int64) json_integer_value(value));
	return NULL;
}

/*
 * Member of the claims by name. A name with dots is tried as it stands, then
 * as a path, because issuers use both "https://x.y/tenant" and nesting.
 */
static char *
claim_lookup(const json_t *claims, const char *name)
{
	const json_t *value = json_object_get(claims, name);
	char *path;
	char *step;
	char *rest;

	if (value != NULL)
		return claim_text(value);

	path = pstrdup(name);
	value = claims;
	for (step = strtok_r(path, ".", &rest); step != NULL;
		 step = strtok_r(NULL, ".", &rest))
		value = json_object_get(value, step);
	return claim_text(value);
}

char *
identity_subject(void)
{
	json_t *claims = claims_object();

	return claims != NULL ? claim_lookup(claims, "sub") : NULL;
}

char *
identity_tenant(void)
{
	json_t *claims;
	char *tenant = NULL;

	if (guc_tenant_claim == NULL || guc_tenant_claim[0] == '\0')
		return NULL;
	claims = claims_object();
	if (claims != NULL)
		tenant = claim_lookup(claims, guc_tenant_claim);
	if (tenant == NULL && strchr(guc_tenant_claim, '.') != NULL)
		tenant = setting_value(guc_tenant_claim);
	return tenant;
}

Datum
intel_caller(PG_FUNCTION_ARGS pg_attribute_unused())
{
	(void) fcinfo;
	PG_RETURN_OID(GetUserId());
}

Datum
intel_subject(PG_FUNCTION_ARGS)
{
	char *subject = identity_subject();

	if (subject == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(subject));
}

Datum
intel_tenant(PG_FUNCTION_ARGS)
{
	char *tenant = identity_tenant();

	if (tenant == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(tenant));
}

/* Set a setting until the nest level that identity_enter opened is closed. */
static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value != NULL ? value : "", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Is it identifiers with dots between them? A claim can be a URL. */
static bool
can_be_setting(const char *name)
{
	bool has_dot = false;
	bool at_start = true;

	for (; *name != '\0'; name++)
	{
		if (*name == '.' && at_start)
			return false;
		has_dot = has_dot || *name == '.';
		if (*name != '.' && !isalpha((unsigned char) *name) && *name != '_' &&
			(at_start || (!isdigit((unsigned char) *name) && *name != '$')))
			return false;
		at_start = *name == '.';
	}
	return has_dot && !at_start;
}

void
identity_enter(Oid role, const char *claims, const char *tenant,
			   IdentitySave *save)
{
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("role with OID %u does not exist", role)));

	GetUserIdAndSecContext(&save->role, &save->sec_context);
	save->guc_level = NewGUCNestLevel();

	set_locally(CLAIMS_SETTING, claims);
	/* as a claim it is in the claims */
	if (guc_tenant_claim != NULL && can_be_setting(guc_tenant_claim))
		set_locally(guc_tenant_claim, tenant);
	set_locally("search_path", "pg_catalog, pg_temp");
	/* policies are what his statements are for, whatever the default is */
	set_locally("row_security", "on");

	SetUserIdAndSecContext(role, save->sec_context |
									 SECURITY_LOCAL_USERID_CHANGE |
									 SECURITY_RESTRICTED_OPERATION);
}

void
identity_enter_owner(Oid table, IdentitySave *save)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("table with OID %u does not exist", table)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);

	GetUserIdAndSecContext(&save->role, &save->sec_context);
	save->guc_level = NewGUCNestLevel();
	set_locally("search_path", "pg_catalog, pg_temp");
	SetUserIdAndSecContext(owner,
						   save->sec_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
identity_leave(const IdentitySave *save)
{
	AtEOXact_GUC(false, save->guc_level);
	SetUserIdAndSecContext(save->role, save->sec_context);
}
