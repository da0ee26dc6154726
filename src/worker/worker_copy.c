/*-------------------------------------------------------------------------
 *
 * worker_copy.c
 *		Jobs that came with a copy of their database.
 *
 * CREATE DATABASE ... TEMPLATE copies the queue, and what is queued there is
 * still queued in the database that it was copied from: run by both, every
 * call would be made twice. So each job says which database it was queued in,
 * and _home, of one row, which database the extension is at home in. Where
 * that is another one, the first claim holds the jobs of the other, as jobs
 * from a dump are held; those that are queued in the copy run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "base/identity.h"
#include "base/query.h"
#include "worker/worker_int.h"

/*
 * With the rights of the owner of the queue. Another process may be at it, or
 * hold a lock on a job: then it is for the next time.
 */
static bool
hold_copied(void)
{
	QueryArg home = query_arg_oid(OIDOID, MyDatabaseId);

	if (engine_query("SELECT FROM intel._home FOR UPDATE SKIP LOCKED", NULL, 0)
			->nrows == 0)
		return false;
	(void) engine_query(
		"UPDATE intel.job_queue q SET database = $1, status = 'queued',"
		" held_by = '" HELD_RESTORED "',"
		" error_message ="
		"	'copied with the database, waits for resume_jobs()',"
		" ready = false, waiting = false,"
		/* what it was refused for is looked at anew */
		" next_attempt_at = CASE WHEN q.held_by <> '" HELD_RESTORED "'"
		"	THEN clock_timestamp() ELSE q.next_attempt_at END,"
		" lease_pid = NULL, lease_start = NULL, lease_until = NULL"
		" WHERE q.id = ANY (ARRAY(SELECT c.id FROM intel.job_queue c"
		"	WHERE c.status IN ('queued', 'running') AND c.database <> $1"
		"	FOR UPDATE SKIP LOCKED))",
		&home, 1);
	if (engine_query("SELECT FROM intel.job_queue"
					 " WHERE status IN ('queued', 'running')"
					 " AND database <> $1 LIMIT 1",
					 &home, 1)
			->nrows > 0)
		return false;
	(void) engine_query("UPDATE intel._home SET database = $1", &home, 1);
	return true;
}

bool
engine_hold_copied(void)
{
	static bool is_home = false; /* of a process, which has one database */
	Oid schema;
	IdentitySave save;
	bool done = true;

	if (is_home)
		return true;
	schema = get_namespace_oid("intel", false);
	identity_enter_owner(get_relname_relid("job_queue", schema), &save);
	is_home =
		query_int8(engine_query("SELECT database FROM intel._home", NULL, 0),
				   0, 0, 0) == (int64) MyDatabaseId;
	if (!is_home)
		done = hold_copied();
	identity_leave(&save);
	return done;
}
