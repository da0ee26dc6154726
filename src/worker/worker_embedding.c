/*-------------------------------------------------------------------------
 *
 * worker_embedding.c
 *		Columns and indexes of embeddings, as the catalogs have them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_index.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "base/compat.h"

INTEL_FUNCTION(_column_number);
INTEL_FUNCTION(_index_condition);

/* Raise unless the caller may read the column, or any if there is none such. */
static void
check_readable(Oid relid, AttrNumber number)
{
	AclResult result = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);

	if (result != ACLCHECK_OK && number != InvalidAttrNumber)
		result = pg_attribute_aclcheck(relid, number, GetUserId(), ACL_SELECT);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_TABLE, get_rel_name(relid));
}

/*
 * Number of a column by name, as a query that is parsed now would find it, and
 * not as the snapshot has it. The lock is kept until the transaction ends, so
 * that the name means the same column to everything that comes after.
 */
Datum
intel__column_number(PG_FUNCTION_ARGS)
{
	Oid relid = PG_GETARG_OID(0);
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	AttrNumber number;

	if (get_rel_name(relid) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid)));
	check_readable(relid, get_attnum(relid, name));
	LockRelationOid(relid, AccessShareLock);
	number = get_attnum(relid, name);
	if (number == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, get_rel_name(relid))));
	PG_RETURN_INT16(number);
}

typedef struct Replacement
{
	AttrNumber from;
	AttrNumber to;
	int32 typmod; /* of "to" */
} Replacement;

static bool
replace_column(Node *node, Replacement *column)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varattno == column->from)
	{
		((Var *) node)->varattno = column->to;
		((Var *) node)->varattnosyn = column->to;
		((Var *) node)->vartypmod = column->typmod;
	}
	return expression_tree_walker(node, replace_column, column);
}

/*
 * Condition of a partial index, read as if it spoke of another column; NULL
 * for an index without one.
 */
Datum
intel__index_condition(PG_FUNCTION_ARGS)
{
	Oid index = PG_GETARG_OID(0);
	Replacement column = {PG_GETARG_INT16(1), PG_GETARG_INT16(2), -1};
	HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Oid relid;
	Oid type;
	Oid collation;
	Datum stored;
	Node *condition;
	bool isnull;

	if (!HeapTupleIsValid(tuple))
		PG_RETURN_NULL();
	relid = ((Form_pg_index) GETSTRUCT(tuple))->indrelid;
	stored =
		SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indpred, &isnull);
	condition = isnull ? NULL : stringToNode(TextDatumGetCString(stored));
	ReleaseSysCache(tuple);
	if (condition == NULL)
		PG_RETURN_NULL();
	get_atttypetypmodcoll(relid, column.to, &type, &column.typmod, &collation);
	(void) replace_column(condition, &column);
	PG_RETURN_TEXT_P(cstring_to_text(deparse_expression(
		condition, deparse_context_for(get_rel_name(relid), relid), false,
		false)));
}
