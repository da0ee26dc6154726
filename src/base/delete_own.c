/*-------------------------------------------------------------------------
 *
 * delete_own.c
 *		Deleting rows of one's own from tables that everybody shares.
 *
 * Whoever has the privilege DELETE (or TRUNCATE, or UPDATE of a whole table)
 * may LOCK TABLE in every mode, and would so stop all others who use the
 * table. No privilege of columns allows that. So roles have only those, and
 * their rows are deleted here, with the rights of the table's owner, after
 * the same rows were locked with the rights of the caller: privileges and
 * policies have let him change exactly these.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "storage/itemptr.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "base/identity.h"
#include "base/query.h"

INTEL_FUNCTION(_delete_own);

/* Tables in which who may change a row may delete it. */
static const char *const tables[] = {
	"enrichment", "enrichment_row", "job_part",
	"job_queue",  "prompt",			"recipe",
};

/* The name in SQL of a table that is one of these. */
static char *
table_name(Oid table)
{
	for (int i = 0; i < (int) lengthof(tables); i++)
		if (table ==
			get_relname_relid(tables[i], get_namespace_oid("intel", false)))
			return psprintf("intel.%s", tables[i]);
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("rows of this table cannot be deleted so")));
}

/* The first column of rows as an array of type tid. */
static QueryArg
tids(const QueryResult *rows)
{
	Datum *values = palloc(sizeof(Datum) * Max(rows->nrows, 1));
	bool isnull;

	for (uint64 i = 0; i < rows->nrows; i++)
		values[i] = query_datum(rows, i, 0, &isnull);
	return query_arg_datum(
		TIDARRAYOID,
		PointerGetDatum(construct_array(values, (int) rows->nrows, TIDOID,
										sizeof(ItemPointerData), false,
										TYPALIGN_SHORT)),
		false);
}

/*
 * _delete_own(relation regclass, rows tid[]) returns bigint: delete these of
 * the rows that the caller may change; says how many that were. Whoever calls
 * it locks them first (FOR UPDATE), else one that changes meanwhile is missed.
 */
Datum
intel__delete_own(PG_FUNCTION_ARGS)
{
	Oid table = PG_GETARG_OID(0);
	QueryArg rows = query_arg_datum(TIDARRAYOID, PG_GETARG_DATUM(1), false);
	const char *name = table_name(table);
	QueryResult *result;
	IdentitySave save;

	result = query_run_restricted(
		psprintf("SELECT ctid FROM %s WHERE ctid = ANY ($1) FOR UPDATE", name),
		&rows, 1, false);
	if (result->nrows == 0)
		PG_RETURN_INT64(0);
	rows = tids(result);
	identity_enter_owner(table, &save);
	result = query_run_restricted(
		psprintf("DELETE FROM %s WHERE ctid = ANY ($1)", name), &rows, 1,
		false);
	identity_leave(&save);
	PG_RETURN_INT64((int64) result->nrows);
}
