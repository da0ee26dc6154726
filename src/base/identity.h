/*-------------------------------------------------------------------------
 *
 * identity.h
 *		Who is acting: role, claims, subject and tenant; and acting for
 *		somebody else in a worker.
 *
 * identity.c is the only file that may call SetUserIdAndSecContext.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_IDENTITY_H
#define INTEL_BASE_IDENTITY_H

/*
 * Claims of the session: the text of the setting request.jwt.claims as
 * PostgREST fills it. NULL when unset or empty. palloc'd in the caller's
 * context; not checked to be JSON.
 */
extern char *identity_claims(void);

/*
 * The member "sub" of the claims, or NULL. Claims that are not a JSON object
 * raise 22023 (invalid_parameter_value), never show their text, and so grant
 * nothing. palloc'd in the caller's context.
 */
extern char *identity_subject(void);

/*
 * The tenant: the claim, else the setting, that intel.tenant_claim names;
 * NULL when neither has a value. Errors as identity_subject.
 */
extern char *identity_tenant(void);

/* What identity_enter changed, for identity_leave. Lives on the C stack. */
typedef struct IdentitySave
{
	Oid role;
	int sec_context;
	int guc_level;
} IdentitySave;

/*
 * Act as role with these claims and this tenant (each may be NULL) until
 * identity_leave or the end of the transaction, whichever comes first.
 * Needs an open transaction. RLS of the role applies; SET ROLE and SET
 * SESSION AUTHORIZATION are refused meanwhile, so code that the role owns
 * (policies, triggers, functions) cannot climb back. Raises 42704
 * (undefined_object) when the role does not exist.
 */
extern void identity_enter(Oid role, const char *claims, const char *tenant,
						   IdentitySave *save);

/*
 * Act as the owner of table, with search_path pg_catalog, until
 * identity_leave or the end of the transaction: for one statement on rows of
 * which it has been checked before, with the rights of the caller, that he may
 * do it (delete_own.c). Claims and tenant stay the caller's. Raises 42P01
 * (undefined_table) when there is no such table.
 */
extern void identity_enter_owner(Oid table, IdentitySave *save);

extern void identity_leave(const IdentitySave *save);

#endif /* INTEL_BASE_IDENTITY_H */
