/*-------------------------------------------------------------------------
 *
 * redact_cache.c
 *		Which of the tables that steer redaction have changed since they were
 *		read, and reading them.
 *
 * A trigger of each table sends an invalidation of its relcache entry, which
 * reaches every backend at the moment when others see the change. The tables
 * are read with a catalog snapshot, which is the newest one and, unlike
 * GetLatestSnapshot's, may be had in a parallel worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "redact/redact_cache.h"

static const char *const table_names[REDACT_NTABLES] = {
	"redaction_policy", "custom_rule", "gazetteer", "redaction_path"};

static Oid relids[REDACT_NTABLES];
static bool valid[REDACT_NTABLES];
static bool callback_registered = false;

static void
table_inval(pg_attribute_unused() Datum arg, Oid relid)
{
	for (int i = 0; i < REDACT_NTABLES; i++)
	{
		if (relid == relids[i] || relid == InvalidOid)
			valid[i] = false;
	}
}

bool
redact_cache_valid(RedactTable table)
{
	return valid[table];
}

Oid
redact_cache_open(RedactTable table)
{
	Oid nsp = get_namespace_oid("intel", false);

	if (!callback_registered)
	{
		CacheRegisterRelcacheCallback(table_inval, (Datum) 0);
		callback_registered = true;
	}
	relids[table] = get_relname_relid(table_names[table], nsp);
	if (!OidIsValid(relids[table]))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("table \"intel.%s\" does not exist",
							   table_names[table]),
						errhint("Create the extension again with CREATE "
								"EXTENSION intel.")));
	valid[table] = true;
	return relids[table];
}

void
redact_cache_forget(RedactTable table)
{
	valid[table] = false;
}

bool
redact_cache_is_empty(RedactTable table)
{
	Relation rel = table_open(relids[table], AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetCatalogSnapshot(relids[table]));
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	bool empty = heap_getnext(scan, ForwardScanDirection) == NULL;

	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return empty;
}

QueryResult *
redact_cache_query(RedactTable table, const char *sql, const QueryArg *args,
				   int nargs)
{
	QueryResult *result;

	PushActiveSnapshot(GetCatalogSnapshot(relids[table]));
	result = query_run_restricted(sql, args, nargs, true);
	PopActiveSnapshot();
	return result;
}
