/*-------------------------------------------------------------------------
 *
 * redact_gazetteer.c
 *		The rows of gazetteer that the current user may see, as terms for the
 *		scanner.
 *
 * Rows are read by a query that runs as the user, so the table's policies
 * decide; who is above policies (the table's owner) still gets only what is
 * meant for everybody, for his tenant, or his own, because the query asks for
 * it. What was read is kept for as long as role, claims and tenant stay the
 * same and the table does not change; a pooled session that serves several
 * users in turn finds the lists of the last few.
 *
 * An empty table, the usual case, costs one test of a flag.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/identity.h"
#include "redact/redact_cache.h"
#include "redact/redact_gazetteer.h"

INTEL_FUNCTION(_gazetteer_check);

/* Columns of gazetteer. */
enum
{
	COL_ENTITY = 1,
	COL_TERM,
};

#define LISTS_KEPT 8

/* The terms of one identity. */
typedef struct TermList
{
	Oid role;
	char *claims;		/* all of them, since a policy may look at any */
	char *claim;		/* intel.tenant_claim */
	char *tenant;		/* the setting that it may name */
	RedactTerms *terms; /* NULL: a free place */
} TermList;

static TermList lists[LISTS_KEPT];
static int next_list = 0;
static bool table_is_empty = false;

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
free_list(TermList *list)
{
	redact_terms_free(list->terms);
	if (list->claims != NULL)
		pfree(list->claims);
	if (list->claim != NULL)
		pfree(list->claim);
	if (list->tenant != NULL)
		pfree(list->tenant);
	memset(list, 0, sizeof(*list));
}

/* ---- reading -------------------------------------------------------- */

static void
raise_term_problem(RedactTermStatus status)
{
	switch (status)
	{
		case REDACT_TERM_OK:
			break;
		case REDACT_TERM_TOO_SHORT:
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("term of the gazetteer is too short"),
							errdetail("It must have at least two letters or "
									  "digits.")));
			break;
		case REDACT_TERM_TOO_LONG:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("term of the gazetteer is too long"),
					 errdetail("The limits are %d bytes of UTF-8 and %d "
							   "words.",
							   REDACT_TERM_BYTES, REDACT_TERM_UNITS)));
			break;
		case REDACT_TERM_NOT_UTF8:
			ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
							errmsg("term of the gazetteer is not valid "
								   "UTF-8")));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
					 errdetail("The terms of the gazetteer do not fit.")));
	}
}

static RedactTermStatus
add_term(RedactTerms *terms, const char *term, int entity, bool match_case)
{
	char *utf8 = pg_server_to_any(term, strlen(term), PG_UTF8);

	return redact_terms_add(terms, utf8, strlen(utf8), entity, match_case);
}

/*
 * What the current user may see. Letters beyond ASCII are folded here, by the
 * rules of the database, since the scanner folds ASCII only.
 */
static void
read_terms(RedactTerms *terms)
{
	QueryResult *rows = redact_cache_query(
		REDACT_TABLE_GAZETTEER,
		"SELECT entity, match_case, term,"
		" CASE WHEN folds THEN lower(term) END,"
		" CASE WHEN folds THEN upper(term) END,"
		" CASE WHEN folds THEN initcap(term) END"
		" FROM (SELECT g.*, NOT match_case AND term ~ '[^[:ascii:]]' AS folds"
		" FROM intel.gazetteer AS g"
		" WHERE scope = 'all'"
		" OR scope = 'tenant' AND tenant = intel.tenant()"
		" OR scope = 'own' AND owner = intel._caller()"
		" AND subject IS NOT DISTINCT FROM intel.subject()"
		" AND tenant IS NOT DISTINCT FROM intel.tenant()) AS g",
		NULL, 0);

	for (uint64 i = 0; i < rows->nrows; i++)
	{
		int entity = redact_entity_find(query_text(rows, i, 0));
		bool match_case = query_bool(rows, i, 1, false);

		/* an entity of a newer version, after a downgrade */
		if (entity < 0)
			entity = REDACT_CUSTOM;
		for (int col = 2; col < 6; col++)
		{
			char *term = query_text(rows, i, col);

			if (term != NULL)
				raise_term_problem(add_term(terms, term, entity, match_case));
		}
		CHECK_FOR_INTERRUPTS();
	}
}

/* Read the terms of this identity into a place of the cache. */
static const RedactTerms *
load_list(Oid role, const char *claims, const char *tenant)
{
	TermList *list = &lists[next_list];
	RedactTerms *terms = redact_terms_create();
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel gazetteer", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);

	if (terms == NULL)
		raise_term_problem(REDACT_TERM_NO_MEMORY);
	PG_TRY();
	{
		read_terms(terms);
	}
	PG_CATCH();
	{
		redact_terms_free(terms);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);

	free_list(list);
	list->terms = terms;
	list->role = role;
	if (claims != NULL)
		list->claims = MemoryContextStrdup(CacheMemoryContext, claims);
	if (guc_tenant_claim != NULL)
		list->claim =
			MemoryContextStrdup(CacheMemoryContext, guc_tenant_claim);
	if (tenant != NULL)
		list->tenant = MemoryContextStrdup(CacheMemoryContext, tenant);
	next_list = (next_list + 1) % LISTS_KEPT;
	return terms;
}

/* The setting that may name the tenant, unlike the claim; NULL if none does. */
static const char *
tenant_setting(void)
{
	if (guc_tenant_claim == NULL || strchr(guc_tenant_claim, '.') == NULL)
		return NULL;
	return GetConfigOption(guc_tenant_claim, true, false);
}

const RedactTerms *
redact_gazetteer_get(void)
{
	Oid role = GetUserId();
	char *claims;
	const char *tenant;
	const RedactTerms *found = NULL;

	if (!redact_cache_valid(REDACT_TABLE_GAZETTEER))
	{
		for (int i = 0; i < LISTS_KEPT; i++)
			free_list(&lists[i]);
		redact_cache_open(REDACT_TABLE_GAZETTEER);
		table_is_empty = redact_cache_is_empty(REDACT_TABLE_GAZETTEER);
	}
	if (table_is_empty)
		return NULL;

	claims = identity_claims();
	tenant = tenant_setting();
	for (int i = 0; i < LISTS_KEPT && found == NULL; i++)
	{
		if (lists[i].terms != NULL && lists[i].role == role &&
			same_text(lists[i].claims, claims) &&
			same_text(lists[i].claim, guc_tenant_claim) &&
			same_text(lists[i].tenant, tenant))
			found = lists[i].terms;
	}
	if (found == NULL)
		found = load_list(role, claims, tenant);
	if (claims != NULL)
		pfree(claims);
	return found;
}

/* ---- the table's own check ------------------------------------------ */

/* BEFORE ROW: a row that the scanner cannot follow never gets in. */
Datum
intel__gazetteer_check(PG_FUNCTION_ARGS)
{
	TriggerData *trig = (TriggerData *) fcinfo->context;
	HeapTuple tuple;
	TupleDesc desc;
	bool isnull;
	Datum value;
	char *entity;
	RedactTerms *terms;
	RedactTermStatus status;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function \"%s\" must be called as a trigger",
							   "_gazetteer_check")));
	tuple = TRIGGER_FIRED_BY_UPDATE(trig->tg_event) ? trig->tg_newtuple
													: trig->tg_trigtuple;
	desc = RelationGetDescr(trig->tg_relation);
	value = heap_getattr(tuple, COL_ENTITY, desc, &isnull);
	if (isnull)
		return PointerGetDatum(tuple); /* refused by NOT NULL */
	entity = TextDatumGetCString(value);
	if (redact_entity_find(entity) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unknown entity \"%s\" in gazetteer", entity),
						errhint("Use a name from intel.pii_entities(); "
								"CUSTOM is for anything else.")));
	value = heap_getattr(tuple, COL_TERM, desc, &isnull);
	if (isnull)
		return PointerGetDatum(tuple);
	terms = redact_terms_create();
	status = terms == NULL
				 ? REDACT_TERM_NO_MEMORY
				 : add_term(terms, TextDatumGetCString(value), 0, false);
	redact_terms_free(terms);
	raise_term_problem(status);
	return PointerGetDatum(tuple);
}
