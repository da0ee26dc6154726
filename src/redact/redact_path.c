/*-------------------------------------------------------------------------
 *
 * redact_path.c
 *		The rows of redaction_path: what in documents is left alone, and what
 *		is taken whole.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "redact/redact_cache.h"
#include "redact/redact_path.h"

INTEL_FUNCTION(_redaction_path_check);

/* Columns of redaction_path. */
enum
{
	COL_POLICY = 1,
	COL_PATH,
	COL_ACTION,
	COL_ENTITY,
};

#define ANY_STEP "*"
#define ANY_STEPS "**"
#define MAX_STEPS 32

/* ---- reading -------------------------------------------------------- */

static void
compile_path(RedactPath *path, ArrayType *steps)
{
	Datum *elems;
	bool *nulls;

	deconstruct_array(steps, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls,
					  &path->nsteps);
	path->steps = palloc(Max(path->nsteps, 1) * sizeof(char *));
	for (int i = 0; i < path->nsteps; i++)
	{
		path->steps[i] = TextDatumGetCString(elems[i]);
		if (strcmp(path->steps[i], ANY_STEP) != 0 &&
			strcmp(path->steps[i], ANY_STEPS) != 0)
			path->nliteral++;
	}
}

void
redact_path_load(RedactPolicy *policy)
{
	QueryArg arg = query_arg_text(policy->name);
	QueryResult *rows;

	if (redact_cache_is_empty(REDACT_TABLE_PATH))
		return;
	rows = redact_cache_query(REDACT_TABLE_PATH,
							  "SELECT path, action = 'keep', entity"
							  " FROM intel.redaction_path"
							  " WHERE policy = $1 ORDER BY path",
							  &arg, 1);
	policy->npaths = rows->nrows;
	policy->paths = palloc0(Max(rows->nrows, 1) * sizeof(RedactPath));
	for (uint64 i = 0; i < rows->nrows; i++)
	{
		RedactPath *path = &policy->paths[i];
		bool isnull;
		int entity = redact_entity_find(query_text(rows, i, 2));

		compile_path(path,
					 DatumGetArrayTypeP(query_datum(rows, i, 0, &isnull)));
		path->keep = query_bool(rows, i, 1, false);
		path->entity = entity < 0 ? REDACT_CUSTOM : (RedactEntity) entity;
	}
}

/* ---- matching ------------------------------------------------------- */

static bool
step_matches(const char *step, const JsonbPlace *place)
{
	char index[12];

	if (strcmp(step, ANY_STEP) == 0)
		return true;
	if (place->key != NULL)
		return strlen(step) == (size_t) place->len &&
			   memcmp(step, place->key, place->len) == 0;
	snprintf(index, sizeof(index), "%d", place->index);
	return strcmp(step, index) == 0;
}

/*
 * Does the path lead to the place, or above it? Bit i of reached: the first i
 * steps of the path have led to where we are.
 */
static bool
path_matches(const RedactPath *path, const JsonbPlace *const *places, int n)
{
	uint64 reached = 1;

	for (int at = 0;; at++)
	{
		uint64 next = 0;

		/* "**" may stand for nothing */
		for (int i = 0; i < path->nsteps; i++)
		{
			if ((reached >> i & 1) && strcmp(path->steps[i], ANY_STEPS) == 0)
				reached |= UINT64CONST(1) << (i + 1);
		}
		if (reached >> path->nsteps & 1)
			return true;
		if (at == n)
			return false;
		for (int i = 0; i < path->nsteps; i++)
		{
			if (!(reached >> i & 1))
				continue;
			if (strcmp(path->steps[i], ANY_STEPS) == 0)
				next |= UINT64CONST(1) << i;
			else if (step_matches(path->steps[i], places[at]))
				next |= UINT64CONST(1) << (i + 1);
		}
		reached = next;
	}
}

const RedactPath *
redact_path_find(const RedactPolicy *policy, const JsonbPlace *place)
{
	const JsonbPlace *places[JSONB_PATH_DEPTH];
	const RedactPath *best = NULL;
	int depth;
	int n;

	if (policy->npaths == 0)
		return NULL;
	/* of a deeper place, the containers on the way to it decide */
	if (place != NULL)
		place = place->shallow;
	depth = n = place != NULL ? place->depth : 0;
	for (; place != NULL; place = place->up)
		places[--depth] = place;
	for (int i = 0; i < policy->npaths; i++)
	{
		const RedactPath *path = &policy->paths[i];

		if (best != NULL && (path->nliteral < best->nliteral ||
							 (path->nliteral == best->nliteral && path->keep)))
			continue;
		if (path_matches(path, places, n))
			best = path;
	}
	return best;
}

/* ---- the table's own check ------------------------------------------ */

static void
check_steps(ArrayType *steps)
{
	Datum *elems;
	bool *nulls;
	int n;

	deconstruct_array(steps, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls,
					  &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			n = 0;
	}
	if (n == 0 || n > MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path of a redaction policy must have between 1 and "
						"%d steps",
						MAX_STEPS),
				 errdetail("A step is a key, the number of an element, * for "
						   "any one step, or ** for any number of them.")));
}

/* BEFORE ROW: a row that cannot be followed never gets in. */
Datum
intel__redaction_path_check(PG_FUNCTION_ARGS)
{
	TriggerData *trig = (TriggerData *) fcinfo->context;
	HeapTuple tuple;
	TupleDesc desc;
	bool isnull;
	Datum value;
	char *entity;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function \"%s\" must be called as a trigger",
							   "_redaction_path_check")));
	tuple = TRIGGER_FIRED_BY_UPDATE(trig->tg_event) ? trig->tg_newtuple
													: trig->tg_trigtuple;
	desc = RelationGetDescr(trig->tg_relation);
	value = heap_getattr(tuple, COL_PATH, desc, &isnull);
	if (!isnull)
		check_steps(DatumGetArrayTypeP(value));
	value = heap_getattr(tuple, COL_ENTITY, desc, &isnull);
	entity = isnull ? NULL : TextDatumGetCString(value);
	if (entity != NULL && redact_entity_find(entity) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown entity \"%s\" in redaction path", entity),
				 errhint("Use a name from intel.pii_entities(); CUSTOM is for "
						 "anything else.")));
	return PointerGetDatum(tuple);
}
