/*-------------------------------------------------------------------------
 *
 * query.h
 *		Running SQL from C. query.c is the only file that calls SPI.
 *
 * A result is copied out of SPI before the call returns, so callers hold
 * plain memory of their own context and no SPI state.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_QUERY_H
#define INTEL_BASE_QUERY_H

#include "access/htup.h"
#include "access/tupdesc.h"

/* One parameter: $1 is args[0]. */
typedef struct QueryArg
{
	Oid type;
	Datum value;
	bool isnull;
} QueryArg;

/* Rows of a query, in the memory context that called query_run. */
typedef struct QueryResult
{
	/* rows returned, or changed by a command without RETURNING */
	uint64 nrows;
	TupleDesc desc; /* NULL when the command returns no rows */
	HeapTuple *rows;
} QueryResult;

/* A text parameter; NULL becomes SQL null. */
extern QueryArg query_arg_text(const char *value);
extern QueryArg query_arg_int4(int32 value);
extern QueryArg query_arg_int8(int64 value);
extern QueryArg query_arg_oid(Oid type, Oid value);
extern QueryArg query_arg_datum(Oid type, Datum value, bool isnull);

/*
 * Run one statement as the current user and return its rows. read_only true
 * uses the caller's snapshot and refuses changes, which is what a STABLE
 * function wants. Needs an open transaction; errors propagate. The statement
 * must qualify every name: the search_path is the session's.
 */
extern QueryResult *query_run(const char *sql, const QueryArg *args, int nargs,
							  bool read_only);

/*
 * The same with search_path set to pg_catalog, pg_temp, for statements that a
 * session of any search_path runs with rights that are not its user's own.
 */
extern QueryResult *query_run_restricted(const char *sql, const QueryArg *args,
										 int nargs, bool read_only);

/*
 * The same, writing. The plan is kept for the life of the process under the address of sql,
 * which must be a string constant and always have parameters of these types.
 */
extern QueryResult *query_run_kept(const char *sql, const QueryArg *args,
								   int nargs);

/*
 * For a procedure that commits on the way: begin, then query_run and
 * query_commit as often as needed, then end. query_commit commits and starts
 * the next transaction; memory below PortalContext survives it.
 */
extern void query_begin_nonatomic(void);
extern void query_commit(void);
extern void query_end_nonatomic(void);

/* Column col (0-based) of a row; by reference values point into the row. */
extern Datum query_datum(const QueryResult *result, uint64 row, int col,
						 bool *isnull);
/* The same as text by the type's output function; NULL for SQL null. */
extern char *query_text(const QueryResult *result, uint64 row, int col);
extern int64 query_int8(const QueryResult *result, uint64 row, int col,
						int64 if_null);
extern bool query_bool(const QueryResult *result, uint64 row, int col,
					   bool if_null);

#endif /* INTEL_BASE_QUERY_H */
