/*-------------------------------------------------------------------------
 *
 * query.c
 *		Running SQL from C: the only file that calls SPI.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/query.h"

QueryArg
query_arg_datum(Oid type, Datum value, bool isnull)
{
	QueryArg arg;

	arg.type = type;
	arg.value = value;
	arg.isnull = isnull;
	return arg;
}

QueryArg
query_arg_text(const char *value)
{
	return query_arg_datum(
		TEXTOID, value != NULL ? CStringGetTextDatum(value) : (Datum) 0,
		value == NULL);
}

QueryArg
query_arg_int4(int32 value)
{
	return query_arg_datum(INT4OID, Int32GetDatum(value), false);
}

QueryArg
query_arg_int8(int64 value)
{
	return query_arg_datum(INT8OID, Int64GetDatum(value), false);
}

QueryArg
query_arg_oid(Oid type, Oid value)
{
	return query_arg_datum(type, ObjectIdGetDatum(value), false);
}

/*
 * Copy what SPI returned into cxt, which outlives SPI_finish. Values out of
 * line are fetched now, while a snapshot protects them.
 */
static QueryResult *
copy_result(MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	QueryResult *result = palloc0(sizeof(QueryResult));

	result->nrows = SPI_processed;
	if (SPI_tuptable != NULL)
	{
		result->desc = CreateTupleDescCopy(SPI_tuptable->tupdesc);
		result->rows = palloc(mul_size(sizeof(HeapTuple), SPI_processed));
		for (uint64 i = 0; i < SPI_processed; i++)
			result->rows[i] = HeapTupleHasExternal(SPI_tuptable->vals[i])
								  ? toast_flatten_tuple(SPI_tuptable->vals[i],
														SPI_tuptable->tupdesc)
								  : heap_copytuple(SPI_tuptable->vals[i]);
	}
	MemoryContextSwitchTo(old);
	return result;
}

/* A plan that is kept, by the address of its statement. */
typedef struct KeptPlan
{
	const char *sql;
	SPIPlanPtr plan;
} KeptPlan;

/* The kept plan of a statement, made at its first use. Needs SPI connected. */
static SPIPlanPtr
kept_plan(const char *sql, int nargs, Oid *types)
{
	static HTAB *plans = NULL;
	KeptPlan *kept;
	SPIPlanPtr plan;

	if (plans == NULL)
	{
		HASHCTL info = {0};

		info.keysize = sizeof(const char *);
		info.entrysize = sizeof(KeptPlan);
		plans = hash_create("intel query plans", 32, &info,
							HASH_ELEM | HASH_BLOBS);
	}
	kept = hash_search(plans, &sql, HASH_FIND, NULL);
	if (kept != NULL)
		return kept->plan;

	plan = SPI_prepare(sql, nargs, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare internal query: %s",
			 SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep the plan of an internal query");
	kept = hash_search(plans, &sql, HASH_ENTER, NULL);
	kept->plan = plan;
	return plan;
}

/* Run a statement, with its kept plan or with one of its own. */
static QueryResult *
run(const char *sql, const QueryArg *args, int nargs, bool read_only,
	bool keep)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid *types = palloc(sizeof(Oid) * nargs);
	Datum *values = palloc(sizeof(Datum) * nargs);
	char *nulls = palloc(nargs + 1);
	QueryResult *result;
	bool pushed = false;
	int rc;

	for (int i = 0; i < nargs; i++)
	{
		types[i] = args[i].type;
		values[i] = args[i].value;
		nulls[i] = args[i].isnull ? 'n' : ' ';
	}
	nulls[nargs] = '\0';

	/* a procedure has none after it has committed */
	if (!ActiveSnapshotSet())
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		pushed = true;
	}
	SPI_connect();
	if (keep)
		rc = SPI_execute_plan(kept_plan(sql, nargs, types), values, nulls,
							  read_only, 0);
	else
		rc = SPI_execute_with_args(sql, nargs, types, values, nulls, read_only,
								   0);
	if (rc < 0)
		elog(ERROR, "could not run internal query: %s",
			 SPI_result_code_string(rc));
	result = copy_result(caller);
	SPI_finish();
	if (pushed)
		PopActiveSnapshot();

	pfree(types);
	pfree(values);
	pfree(nulls);
	return result;
}

QueryResult *
query_run(const char *sql, const QueryArg *args, int nargs, bool read_only)
{
	return run(sql, args, nargs, read_only, false);
}

/* The same with a search_path of the system's own. */
static QueryResult *
run_restricted(const char *sql, const QueryArg *args, int nargs,
			   bool read_only, bool keep)
{
	QueryResult *result;
	int level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	result = run(sql, args, nargs, read_only, keep);
	AtEOXact_GUC(true, level);
	return result;
}

QueryResult *
query_run_restricted(const char *sql, const QueryArg *args, int nargs,
					 bool read_only)
{
	return run_restricted(sql, args, nargs, read_only, false);
}

QueryResult *
query_run_kept(const char *sql, const QueryArg *args, int nargs)
{
	return run_restricted(sql, args, nargs, false, true);
}

void
query_begin_nonatomic(void)
{
	SPI_connect_ext(SPI_OPT_NONATOMIC);
}

void
query_commit(void)
{
	MemoryContext caller = CurrentMemoryContext;

	SPI_commit();
	MemoryContextSwitchTo(caller);
}

void
query_end_nonatomic(void)
{
	SPI_finish();
}

Datum
query_datum(const QueryResult *result, uint64 row, int col, bool *isnull)
{
	Assert(row < result->nrows && col < result->desc->natts);
	return heap_getattr(result->rows[row], col + 1, result->desc, isnull);
}

char *
query_text(const QueryResult *result, uint64 row, int col)
{
	bool isnull;
	Datum value = query_datum(result, row, col, &isnull);
	Oid output;
	bool is_varlena;

	if (isnull)
		return NULL;
	getTypeOutputInfo(TupleDescAttr(result->desc, col)->atttypid, &output,
					  &is_varlena);
	return OidOutputFunctionCall(output, value);
}

int64
query_int8(const QueryResult *result, uint64 row, int col, int64 if_null)
{
	bool isnull;
	Datum value = query_datum(result, row, col, &isnull);

	if (isnull)
		return if_null;
	switch (TupleDescAttr(result->desc, col)->atttypid)
	{
		case INT8OID:
			return DatumGetInt64(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT2OID:
			return DatumGetInt16(value);
		case OIDOID:
			return DatumGetObjectId(value);
		default:
			elog(ERROR, "column %d is not an integer", col);
	}
	return 0; /* keep compilers quiet */
}

bool
query_bool(const QueryResult *result, uint64 row, int col, bool if_null)
{
	bool isnull;
	Datum value = query_datum(result, row, col, &isnull);

	return isnull ? if_null : DatumGetBool(value);
}
