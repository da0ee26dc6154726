/*-------------------------------------------------------------------------
 *
 * redact_cache.h
 *		Which of the tables that steer redaction have changed since they were
 *		read, and reading them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_REDACT_CACHE_H
#define INTEL_REDACT_CACHE_H

#include "base/query.h"

typedef enum RedactTable
{
	REDACT_TABLE_POLICY,
	REDACT_TABLE_RULE,
	REDACT_TABLE_GAZETTEER,
	REDACT_TABLE_PATH,
	REDACT_NTABLES
} RedactTable;

/* False when the table has changed since redact_cache_open, or never was. */
extern bool redact_cache_valid(RedactTable table);

/*
 * From here on a change counts: call it before the table is read. Returns its
 * OID; raises 42P01 (undefined_table) when the extension is not there.
 */
extern Oid redact_cache_open(RedactTable table);

/* What was read could not be used: read it again next time. */
extern void redact_cache_forget(RedactTable table);

/* Has the table no row at all, whoever may see it? */
extern bool redact_cache_is_empty(RedactTable table);

/*
 * Run a query on the table as the current user, with the newest snapshot: with
 * the caller's, rows of the past could enter a cache and outlive the
 * transaction.
 */
extern QueryResult *redact_cache_query(RedactTable table, const char *sql,
									   const QueryArg *args, int nargs);

#endif /* INTEL_REDACT_CACHE_H */
