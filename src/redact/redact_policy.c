/*-------------------------------------------------------------------------
 *
 * redact_policy.c
 *		Policies: rows of redaction_policy, compiled and cached.
 *
 * A policy is read once per backend and kept until the table changes; see
 * redact_cache.c.
 *
 * Rows are data: nothing in them is evaluated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "redact/redact_cache.h"
#include "redact/redact_fake.h"
#include "redact/redact_path.h"
#include "redact/redact_policy.h"

INTEL_FUNCTION(_redaction_policy_check);
INTEL_FUNCTION(_redaction_policy_changed);

/* Columns of redaction_policy. */
enum
{
	COL_NAME = 1,
	COL_ENTITY,
	COL_ACTION,
	COL_PARAMS,
	COL_MIN_SCORE,
	COL_REGIONS,
};

#define DEFAULT_MIN_SCORE 50

static const char *const builtin_names[] = {"default", "strict", "secrets",
											"none"};

static MemoryContext policy_context = NULL; /* of everything cached */
static RedactPolicy **policies = NULL;
static int npolicies = 0;
static Oid policy_relid = InvalidOid;

/* ---- compiling ------------------------------------------------------ */

static const char *const action_names[] = {"replace", "mask", "remove",
										   "hash",	  "fake", "keep"};

static int
action_find(const char *name)
{
	for (int i = 0; i < (int) lengthof(action_names); i++)
	{
		if (strcmp(action_names[i], name) == 0)
			return i;
	}
	return -1;
}

/* Member of params as C string, or NULL; numbers as their text. */
static char *
param_text(Jsonb *params, const char *key)
{
	JsonbValue value;

	if (params == NULL || getKeyJsonValueFromContainer(
							  &params->root, key, strlen(key), &value) == NULL)
		return NULL;
	if (value.type == jbvString)
		return pnstrdup(value.val.string.val, value.val.string.len);
	if (value.type == jbvNumeric)
		return DatumGetCString(DirectFunctionCall1(
			numeric_out, NumericGetDatum(value.val.numeric)));
	return NULL;
}

/* The set of regions as bits; NULL means every region. */
static uint64
region_mask(ArrayType *regions)
{
	Datum *elems;
	bool *nulls;
	int nelems;
	uint64 mask = 1; /* ZZ */

	if (regions == NULL)
		return ~UINT64CONST(0);
	deconstruct_array(regions, TEXTOID, -1, false, TYPALIGN_INT, &elems,
					  &nulls, &nelems);
	for (int i = 0; i < nelems; i++)
	{
		int region =
			nulls[i] ? -1 : redact_region_find(TextDatumGetCString(elems[i]));

		if (region > 0)
			mask |= UINT64CONST(1) << region;
	}
	return mask;
}

/* One row of a policy, as far as it is looked at. */
typedef struct PolicyRow
{
	char *entity;
	char *action;
	Jsonb *params;
	int min_score;
	uint64 regions;
} PolicyRow;

static void
apply_to_entity(RedactPolicy *policy, int entity, const PolicyRow *row)
{
	RedactTreatment *t = &policy->treatment[entity];
	bool in_region = (row->regions >> redact_entities[entity].region) & 1;
	char *keep_last;

	memset(t, 0, sizeof(*t));
	t->action = action_find(row->action);
	policy->has_fakes = policy->has_fakes || t->action == REDACT_FAKE;
	policy->profile.min_score[entity] =
		t->action == REDACT_KEEP || !in_region ? REDACT_OFF : row->min_score;
	t->with = param_text(row->params, "with");
	t->mask = param_text(row->params, "char");
	keep_last = param_text(row->params, "keep_last");
	t->keep_last = keep_last == NULL ? 0 : pg_strtoint32(keep_last);
}

/* How special a row is: of all entities, of a group, of one. */
static int
row_rank(const char *entity)
{
	if (strcmp(entity, "ALL") == 0)
		return 0;
	return redact_group_find(entity) >= 0 ? 1 : 2;
}

static void
apply_row(RedactPolicy *policy, const PolicyRow *row)
{
	int group = redact_group_find(row->entity);

	for (int e = 0; e < REDACT_NENTITIES; e++)
	{
		bool meant;

		if (strcmp(row->entity, "ALL") == 0)
			meant = true;
		else if (group >= 0)
			meant = (int) redact_entities[e].group == group;
		else
			meant = strcmp(redact_entities[e].name, row->entity) == 0;
		if (meant)
			apply_to_entity(policy, e, row);
	}
}

static void
read_row(HeapTuple tuple, TupleDesc desc, PolicyRow *row)
{
	bool isnull;
	Datum value;

	row->entity =
		TextDatumGetCString(heap_getattr(tuple, COL_ENTITY, desc, &isnull));
	row->action =
		TextDatumGetCString(heap_getattr(tuple, COL_ACTION, desc, &isnull));
	value = heap_getattr(tuple, COL_PARAMS, desc, &isnull);
	row->params = isnull ? NULL : DatumGetJsonbPCopy(value);
	value = heap_getattr(tuple, COL_MIN_SCORE, desc, &isnull);
	row->min_score = isnull ? DEFAULT_MIN_SCORE
							: Max(1, (int) rint(DatumGetFloat4(value) * 100));
	value = heap_getattr(tuple, COL_REGIONS, desc, &isnull);
	row->regions = region_mask(isnull ? NULL : DatumGetArrayTypePCopy(value));
}

/* Read the rows of one policy into the current context; NULL if none. */
static RedactPolicy *
policy_load(const char *name)
{
	Relation rel = table_open(policy_relid, AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	Snapshot snapshot = RegisterSnapshot(GetCatalogSnapshot(policy_relid));
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	HeapTuple tuple;
	List *rows = NIL;
	RedactPolicy *policy = NULL;
	ListCell *cell;

	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		bool isnull;
		Datum value = heap_getattr(tuple, COL_NAME, desc, &isnull);
		PolicyRow *row;

		if (strcmp(TextDatumGetCString(value), name) != 0)
			continue;
		row = palloc(sizeof(PolicyRow));
		read_row(tuple, desc, row);
		rows = lappend(rows, row);
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);

	if (rows == NIL)
		return NULL;
	policy = palloc0(sizeof(RedactPolicy));
	policy->name = pstrdup(name);
	memset(policy->profile.min_score, REDACT_OFF,
		   sizeof(policy->profile.min_score));
	for (int rank = 0; rank <= 2; rank++)
	{
		foreach (cell, rows)
		{
			PolicyRow *row = lfirst(cell);

			if (row_rank(row->entity) == rank)
				apply_row(policy, row);
		}
	}
	redact_path_load(policy);
	return policy;
}

/* ---- the cache ------------------------------------------------------ */

static void
cache_reset(void)
{
	if (policy_context == NULL)
		policy_context =
			AllocSetContextCreate(CacheMemoryContext, "intel redact policies",
								  ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(policy_context);
	policies = NULL;
	npolicies = 0;

	policy_relid = redact_cache_open(REDACT_TABLE_POLICY);
	redact_cache_open(REDACT_TABLE_PATH);
}

static RedactPolicy *
cache_add(const char *name)
{
	MemoryContext old = MemoryContextSwitchTo(policy_context);
	RedactPolicy *policy = policy_load(name);

	if (policy != NULL)
	{
		policies =
			policies == NULL
				? palloc(sizeof(RedactPolicy *))
				: repalloc(policies, (npolicies + 1) * sizeof(RedactPolicy *));
		policies[npolicies++] = policy;
	}
	MemoryContextSwitchTo(old);
	return policy;
}

const RedactPolicy *
redact_policy_get(const char *name, int len)
{
	RedactPolicy *policy = NULL;
	char *cname;

	/* within a transaction nobody else looks before a table is locked */
	AcceptInvalidationMessages();
	if (!redact_cache_valid(REDACT_TABLE_POLICY) ||
		!redact_cache_valid(REDACT_TABLE_PATH))
		cache_reset();
	for (int i = 0; i < npolicies && policy == NULL; i++)
	{
		if (strncmp(policies[i]->name, name, len) == 0 &&
			policies[i]->name[len] == '\0')
			policy = policies[i];
	}
	if (policy == NULL)
	{
		cname = pnstrdup(name, len);
		policy = cache_add(cname);
		if (policy == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("redaction policy \"%s\" does not exist", cname),
					 errhint("Policies are the names in table "
							 "intel.redaction_policy; \"default\" and "
							 "\"strict\" always exist.")));
		pfree(cname);
	}
	if (strcmp(policy->name, "none") == 0 && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for redaction policy \"none\""),
				 errdetail("Only superusers may leave text unredacted.")));
	return policy;
}

/* ---- the table's own checks ----------------------------------------- */

static void
check_entity(const char *entity)
{
	if (strcmp(entity, "ALL") == 0 || redact_group_find(entity) >= 0 ||
		redact_entity_find(entity) >= 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown entity \"%s\" in redaction policy", entity),
			 errhint("Use a name from intel.pii_entities(), a group of it "
					 "(STRUCTURED, SECRETS, QUASI, NAMES), or ALL.")));
}

/* A group may have entities without stand-ins: they get tokens. */
static void
check_fake(const char *name)
{
	int entity = redact_entity_find(name);

	if (entity < 0 || redact_fake_known(entity))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("redaction action \"fake\" has no values for entity "
					"\"%s\"",
					name),
			 errdetail("There is no range of at least %d values that are "
					   "nobody's and look like it.",
					   REDACT_FAKE_MIN_DOMAIN),
			 errhint("Use action \"hash\" for equal tokens of equal "
					 "values.")));
}

static void
check_regions(ArrayType *regions)
{
	Datum *elems;
	bool *nulls;
	int nelems;

	deconstruct_array(regions, TEXTOID, -1, false, TYPALIGN_INT, &elems,
					  &nulls, &nelems);
	for (int i = 0; i < nelems; i++)
	{
		char *code = nulls[i] ? "" : TextDatumGetCString(elems[i]);

		if (redact_region_find(code) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown region \"%s\" in redaction policy", code),
					 errhint("Regions are ISO 3166 codes of two capitals for "
							 "which intel.pii_entities() has entities.")));
	}
}

static void
check_params(const char *action, Jsonb *params)
{
	static const struct
	{
		const char *action;
		const char *member;
	} allowed[] = {
		{"replace", "with"}, {"mask", "char"}, {"mask", "keep_last"}};
	JsonbIterator *it;
	JsonbValue v;
	JsonbIteratorToken token;
	char *text;

	if (!JB_ROOT_IS_OBJECT(params))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameters of a redaction policy must be a JSON "
						"object")));
	it = JsonbIteratorInit(&params->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool known = false;

		if (token != WJB_KEY)
			continue;
		for (int i = 0; i < (int) lengthof(allowed); i++)
		{
			if (strcmp(allowed[i].action, action) == 0 &&
				strlen(allowed[i].member) == (size_t) v.val.string.len &&
				strncmp(allowed[i].member, v.val.string.val,
						v.val.string.len) == 0)
				known = true;
		}
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown parameter \"%.*s\" of redaction action "
							"\"%s\"",
							v.val.string.len, v.val.string.val, action),
					 errhint("\"replace\" knows \"with\"; \"mask\" knows "
							 "\"char\" and \"keep_last\".")));
	}
	text = param_text(params, "char");
	if (text != NULL && pg_mbstrlen(text) != 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("parameter \"char\" of redaction action "
							   "\"mask\" must be one character")));
	text = param_text(params, "keep_last");
	if (text != NULL &&
		(strspn(text, "0123456789") != strlen(text) || strlen(text) > 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("parameter \"keep_last\" of redaction action "
							   "\"mask\" must be between 0 and 9")));
}

/* BEFORE ROW: a row that the scanner cannot follow never gets in. */
Datum
intel__redaction_policy_check(PG_FUNCTION_ARGS)
{
	TriggerData *trig = (TriggerData *) fcinfo->context;
	HeapTuple tuple;
	TupleDesc desc;
	bool isnull;
	Datum value;
	char *name;
	char *action;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function \"%s\" must be called as a trigger",
							   "_redaction_policy_check")));
	desc = RelationGetDescr(trig->tg_relation);
	for (int i = 0; i < 2; i++)
	{
		HeapTuple row = i == 0 ? trig->tg_trigtuple : trig->tg_newtuple;

		if (row == NULL)
			continue;
		value = heap_getattr(row, COL_NAME, desc, &isnull);
		if (isnull)
			continue; /* the column is NOT NULL */
		name = TextDatumGetCString(value);
		for (int k = 0; k < (int) lengthof(builtin_names); k++)
		{
			if (strcmp(name, builtin_names[k]) == 0 && !creating_extension)
				ereport(ERROR,
						(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						 errmsg("redaction policy \"%s\" is built in and "
								"cannot be changed",
								name),
						 errhint("Make a policy of your own with "
								 "intel.set_redaction().")));
		}
	}
	if (TRIGGER_FIRED_BY_DELETE(trig->tg_event))
		return PointerGetDatum(trig->tg_trigtuple);

	tuple = TRIGGER_FIRED_BY_UPDATE(trig->tg_event) ? trig->tg_newtuple
													: trig->tg_trigtuple;
	value = heap_getattr(tuple, COL_ENTITY, desc, &isnull);
	if (!isnull)
		check_entity(TextDatumGetCString(value));
	value = heap_getattr(tuple, COL_ACTION, desc, &isnull);
	action = isnull ? NULL : TextDatumGetCString(value);
	if (action != NULL && action_find(action) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unknown redaction action \"%s\"", action),
						errhint("Actions are replace, mask, remove, hash, "
								"fake and keep.")));
	value = heap_getattr(tuple, COL_ENTITY, desc, &isnull);
	if (!isnull && action != NULL && strcmp(action, "fake") == 0)
		check_fake(TextDatumGetCString(value));
	value = heap_getattr(tuple, COL_PARAMS, desc, &isnull);
	if (action != NULL && !isnull)
		check_params(action, DatumGetJsonbP(value));
	value = heap_getattr(tuple, COL_REGIONS, desc, &isnull);
	if (!isnull)
		check_regions(DatumGetArrayTypeP(value));
	return PointerGetDatum(tuple);
}

/* AFTER STATEMENT: tell every backend, when this commits. */
Datum
intel__redaction_policy_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trig = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function \"%s\" must be called as a trigger",
							   "_redaction_policy_changed")));
	CacheInvalidateRelcache(trig->tg_relation);
	return PointerGetDatum(NULL);
}
