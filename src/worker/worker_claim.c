/*-------------------------------------------------------------------------
 *
 * worker_claim.c
 *		Which job is next: due times, dependencies, expiry, and turns.
 *
 * A queued job is "ready", or it is not yet: then it is put off to
 * next_attempt_at, or "waiting" for the jobs in "needs". Only ready jobs are
 * in the index that claims read, and every lane (a tenant; without tenants a
 * user or a role) is a range of it:
 *
 *		lane 1: priority DESC, next_attempt_at, id | lane 2: ... | ...
 *
 * Lanes take turns, as many jobs a turn as their weight says (weighted round
 * robin). A claim steps from lane to lane by the index and reads as many rows
 * as it takes, so its time depends neither on the number of queued jobs nor
 * on that of lanes. Priority orders jobs within a lane, not lanes.
 *
 *	not ready -> ready		[open_gates: time has come, needs are met]
 *	not ready -> waiting	[open_gates: a needed job has not ended]
 *	waiting -> not ready	[engine_release_waiting: a needed job has ended]
 *	not ready -> failed		[open_gates: a needed job did not succeed]
 *	not ready -> ready		[hold_release, in worker_hold.c: it was refused, and
 *							 may try again]
 *	queued -> failed		[fail_expired]
 *
 * No release is lost: it happens in a transaction that begins after the one
 * that ended the needed job has committed, and locks every job that is not
 * ready, so that an open_gates that has locked the job but may not have seen
 * that end is noticed, and the job looked at once more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/query.h"
#include "worker/worker_int.h"

/* most rows that one housekeeping statement changes */
#define BATCH_ROWS 1000
/* jobs past their retention are deleted at most that often */
#define PURGE_INTERVAL_MS 60000
/* how often leases of vanished processes are looked for */
#define LOST_INTERVAL_MS 1000
/* Whose turn it is; of this process. */
static Turn turn = {0};

/* Jobs that ended since the last claim: somebody may wait for them. */
#define ENDED_MAX 256
static int64 ended[ENDED_MAX];
static int n_ended = 0;
/* too many ended, or other sessions ended some: look at all that wait */
static bool release_all = true;
/* some were locked by others, and are to be looked at once more */
static bool release_is_blocked = false;

/*
 * Jobs that wait are looked at in parts, in the order of their ids: so many
 * rows, and jobs that they need, in a claim, for which all others wait.
 */
#define LOOK_ROWS 300
#define LOOK_NEEDS 5000

typedef struct Look
{
	bool is_open;	 /* goes on in the next claim */
	bool is_blocked; /* others had some locked: it begins anew */
	int64 after;	 /* what has been looked at */
	int64 ended[ENDED_MAX];
	int n_ended; /* 0: at all that wait; else at those that need these */
} Look;

static Look look_at_all = {0};
static Look look_at_needing = {0};

/* ---- statements ----------------------------------------------------------- */

static QueryArg
arg_ids(const int64 *ids, int n)
{
	Datum *values = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(ids[i]);
	return query_arg_datum(
		INT8ARRAYOID,
		PointerGetDatum(construct_array(values, n, INT8OID, sizeof(int64),
										FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
		false);
}

static QueryArg
arg_ids_of_rows(const QueryResult *rows)
{
	int64 *ids = palloc(sizeof(int64) * Max(rows->nrows, 1));

	for (uint64 i = 0; i < rows->nrows; i++)
		ids[i] = query_int8(rows, i, 0, 0);
	return arg_ids(ids, rows->nrows);
}

/* ---- before the claim: what time has changed ------------------------------ */

void
engine_note_end(int64 id)
{
	if (n_ended < ENDED_MAX)
		ended[n_ended++] = id;
	else
		release_all = true;
}

void
engine_look_at_all_waiting(void)
{
	release_all = true;
}

static void
note_ends(const QueryResult *rows)
{
	for (uint64 i = 0; i < rows->nrows; i++)
		engine_note_end(query_int8(rows, i, 0, 0));
}

/*
 * Leases of processes that are gone. The start time tells a pid that is used
 * again from the process that took the lease; roles that may not see it take
 * the process for alive and leave the job to the end of its lease, as they do
 * with a worker that has said it is alive. What is in flight here is not lost,
 * also when a clock that jumped has ended its lease.
 */
static void
take_back_lost(TimestampTz now, const List *in_flight)
{
	static TimestampTz looked_at = DT_NOBEGIN;
	QueryArg args[5];

	if (looked_at > now) /* the clock was set back */
		looked_at = DT_NOBEGIN;
	if (!TimestampDifferenceExceeds(looked_at, now, LOST_INTERVAL_MS) &&
		looked_at != DT_NOBEGIN)
		return;
	looked_at = now;
	args[0] = engine_arg_time(now);
	args[1] = query_arg_int4(MyProcPid);
	args[2] = engine_arg_time(MyStartTimestamp);
	args[3] = engine_arg_jobs(in_flight);
	args[4] = query_arg_int4(worker_shared_alive_pid(now));
	note_ends(engine_query(
		"UPDATE intel.job_queue q SET"
		" status = CASE WHEN q.attempts < q.max_attempts THEN 'queued'"
		"	ELSE 'dead' END,"
		" ready = true,"
		" error_code = 'IN001',"
		" error_message = 'the process that ran the job ended, or lost it',"
		" failed_at = $1,"
		" finished_at = CASE WHEN q.attempts < q.max_attempts THEN NULL"
		"	ELSE $1 END,"
		" purge_at = CASE WHEN q.attempts < q.max_attempts THEN NULL"
		"	ELSE $1 + q.retention END,"
		" next_attempt_at = $1,"
		" lease_pid = NULL, lease_start = NULL, lease_until = NULL"
		" WHERE q.id = ANY (ARRAY(SELECT r.id FROM intel.job_queue r"
		"	WHERE r.status = 'running'"
		"	AND (r.lease_until < $1 AND r.lease_pid <> $5"
		"	OR NOT (r.lease_pid = $2 AND r.lease_start = $3) AND NOT EXISTS ("
		"		SELECT FROM pg_catalog.pg_stat_get_activity(r.lease_pid) a"
		"		WHERE a.backend_start = r.lease_start"
		"		OR a.backend_start IS NULL))"
		"	AND NOT (r.lease_pid = $2 AND r.lease_start = $3"
		"		AND r.id = ANY ($4))"
		"	FOR UPDATE SKIP LOCKED))"
		" RETURNING q.id, CASE WHEN q.status = 'dead' THEN"
		"	intel._notify('intel_job', q.id::text)::text END",
		args, 5));
}

static void
fail_expired(TimestampTz now)
{
	QueryArg args[2];

	args[0] = engine_arg_time(now);
	args[1] = query_arg_int4(BATCH_ROWS);
	note_ends(engine_query(
		"UPDATE intel.job_queue q SET status = 'failed',"
		" ready = false, waiting = false, error_code = '57014',"
		" error_message = 'the job expired before it was run',"
		" failed_at = $1, finished_at = $1, purge_at = $1 + q.retention"
		" WHERE q.id = ANY (ARRAY(SELECT e.id FROM intel.job_queue e"
		"	WHERE e.status = 'queued' AND e.expires_at <= $1"
		"	ORDER BY e.expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))"
		" RETURNING q.id, intel._notify('intel_job', q.id::text)",
		args, 2));
}

bool
engine_ends_pending(void)
{
	return n_ended > 0 && !release_is_blocked;
}

bool
engine_release_pending(void)
{
	return look_at_all.is_open || look_at_needing.is_open;
}

/* The next jobs that a look is to see, in order. */
static QueryResult *
find_waiting(const Look *look)
{
	QueryArg args[3];

	args[0] = query_arg_int8(look->after);
	args[1] = query_arg_int4(LOOK_ROWS);
	args[2] = arg_ids(look->ended, look->n_ended);
	if (look->n_ended == 0)
		return engine_query("SELECT q.id FROM intel.job_queue q"
							" WHERE q.status = 'queued' AND NOT q.ready"
							" AND q.waiting AND q.id > $1"
							" ORDER BY q.id LIMIT $2",
							args, 2);
	return engine_query_gin(
		"WITH needing AS MATERIALIZED (SELECT q.id FROM intel.job_queue q"
		"	WHERE q.status = 'queued' AND NOT q.ready AND q.needs && $3)"
		" SELECT id FROM needing WHERE id > $1 ORDER BY id LIMIT $2",
		args, 3);
}

/*
 * Let those of a look be judged that wait for none any more, or for one that
 * has not succeeded. What is not to be judged yet is not written: to write a
 * job takes as many entries of an index as it needs jobs. All are locked first,
 * so that a gate that is being judged is noticed, and looked at in a statement
 * of its own, which sees what was committed until then.
 */
static void
look_on(Look *look)
{
	QueryResult *found = find_waiting(look);
	QueryArg args[2];
	QueryResult *locked;
	int64 *ids;
	int64 cost = 0;
	int n = 0;
	uint64 row;

	look->is_open = found->nrows > 0;
	if (!look->is_open)
		return;
	ids = palloc(sizeof(int64) * found->nrows);
	args[0] = arg_ids_of_rows(found);
	locked = engine_query("SELECT q.id, cardinality(q.needs)"
						  " FROM intel.job_queue q WHERE q.id = ANY ($1)"
						  " AND q.status = 'queued' AND NOT q.ready"
						  " FOR NO KEY UPDATE SKIP LOCKED",
						  args, 1);
	for (row = 0; row < found->nrows && cost < LOOK_NEEDS; row++)
	{
		uint64 i = 0;

		look->after = query_int8(found, row, 0, 0);
		while (i < locked->nrows && query_int8(locked, i, 0, 0) != look->after)
			i++;
		if (i == locked->nrows)
			look->is_blocked = true;
		else
		{
			ids[n++] = look->after;
			cost += query_int8(locked, i, 1, 0);
		}
	}
	args[0] = arg_ids(ids, n);
	args[1] = arg_ids(look->ended, look->n_ended);
	(void) engine_query(
		"UPDATE intel.job_queue q SET waiting = false"
		" WHERE q.id = ANY ($1) AND q.waiting"
		" AND (NOT EXISTS (SELECT FROM intel.job_queue n"
		"	WHERE n.id = ANY (q.needs) AND n.status IN ('queued', 'running'))"
		" OR NOT q.run_anyway AND EXISTS (SELECT FROM intel.job_queue n"
		"	WHERE n.id = ANY ($2) AND n.id = ANY (q.needs)"
		"	AND n.status IN ('failed', 'dead', 'cancelled')))",
		args, 2);
	look->is_open = row < found->nrows || found->nrows == LOOK_ROWS;
}

/*
 * Let those be judged that waited for jobs which have ended, some in each
 * claim. Those that others have locked are left for the next time: it may be a
 * gate that is being judged, or a cancel that is not committed.
 */
void
engine_release_waiting(void)
{
	release_is_blocked = false;
	if (release_all && !look_at_all.is_open)
	{
		look_at_all = (Look){.is_open = true};
		release_all = false;
	}
	if (n_ended > 0 && !look_at_needing.is_open)
	{
		look_at_needing = (Look){.is_open = true, .n_ended = n_ended};
		memcpy(look_at_needing.ended, ended, sizeof(int64) * n_ended);
		n_ended = 0;
	}
	if (look_at_all.is_open)
	{
		look_on(&look_at_all);
		if (!look_at_all.is_open && look_at_all.is_blocked)
			release_all = release_is_blocked = true;
	}
	if (look_at_needing.is_open)
	{
		look_on(&look_at_needing);
		if (!look_at_needing.is_open && look_at_needing.is_blocked)
		{
			for (int i = 0; i < look_at_needing.n_ended; i++)
				engine_note_end(look_at_needing.ended[i]);
			release_is_blocked = true;
		}
	}
}

/* Of locked jobs with needs, as many as are judged in one claim. */
static QueryArg
arg_ids_to_judge(const QueryResult *rows)
{
	int64 *ids = palloc(sizeof(int64) * Max(rows->nrows, 1));
	int64 cost = 0;
	int n = 0;

	for (uint64 i = 0; i < rows->nrows && cost < LOOK_NEEDS; i++)
	{
		int64 needs = query_int8(rows, i, 1, 0);

		if (needs > 0)
			ids[n++] = query_int8(rows, i, 0, 0);
		cost += needs;
	}
	return arg_ids(ids, n);
}

/*
 * Jobs whose time has come become ready, or wait for others, or fail with
 * them. A needed job that does not exist any more, or that the submitter
 * could not see, counts as met. The rows are locked first and judged in a
 * statement of its own, which sees all that was committed until then.
 */
static void
open_gates(TimestampTz now)
{
	QueryArg args[2];
	QueryResult *rows;
	QueryArg ids;

	args[0] = engine_arg_time(now);
	args[1] = query_arg_int4(BATCH_ROWS);
	rows = engine_query(
		"SELECT q.id, cardinality(q.needs) FROM intel.job_queue q"
		" WHERE q.status = 'queued' AND NOT q.ready AND NOT q.waiting"
		" AND q.held_by IS NULL AND q.next_attempt_at <= $1"
		" ORDER BY q.next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED",
		args, 2);
	if (rows->nrows == 0)
		return;
	ids = arg_ids_of_rows(rows);
	(void) engine_query("UPDATE intel.job_queue SET ready = true"
						" WHERE id = ANY ($1) AND needs IS NULL",
						&ids, 1);
	args[1] = arg_ids_to_judge(rows);
	rows = engine_query(
		"UPDATE intel.job_queue q SET ready = v.failed IS NULL AND NOT v.open,"
		" waiting = v.failed IS NULL AND v.open,"
		" status = CASE WHEN v.failed IS NULL THEN 'queued' ELSE 'failed' END,"
		" error_code = CASE WHEN v.failed IS NULL THEN q.error_code"
		"	ELSE '55000' END,"
		" error_message = CASE WHEN v.failed IS NULL THEN q.error_message ELSE"
		"	format('job %s, which this one needs, did not succeed', v.failed)"
		"	END,"
		" failed_at = CASE WHEN v.failed IS NULL THEN q.failed_at ELSE $1 END,"
		" finished_at = CASE WHEN v.failed IS NOT NULL THEN $1 END,"
		" purge_at = CASE WHEN v.failed IS NOT NULL THEN $1 + q.retention END"
		" FROM (SELECT j.id,"
		"	coalesce(bool_or(n.status IN ('queued', 'running')), false) AS "
		"open,"
		"	min(n.id) FILTER (WHERE NOT j.run_anyway"
		"		AND n.status IN ('failed', 'dead', 'cancelled')) AS failed"
		"	FROM intel.job_queue j LEFT JOIN LATERAL"
		/* by id, however few jobs the owner seems to have */
		"	(SELECT i.id, i.status, i.owner, i.subject, i.tenant"
		"	FROM intel.job_queue i WHERE i.id = ANY (j.needs) OFFSET 0) n ON "
		"n.owner = j.owner"
		"	AND n.subject IS NOT DISTINCT FROM j.subject"
		"	AND n.tenant IS NOT DISTINCT FROM j.tenant"
		"	WHERE j.id = ANY ($2) AND j.needs IS NOT NULL GROUP BY j.id) v"
		" WHERE q.id = v.id"
		" RETURNING q.id, q.status = 'failed',"
		" CASE WHEN q.status = 'failed' THEN"
		"	intel._notify('intel_job', q.id::text)::text END",
		args, 2);
	for (uint64 i = 0; i < rows->nrows; i++)
		if (query_bool(rows, i, 1, false))
			engine_note_end(query_int8(rows, i, 0, 0));
}

/* ---- turns ----------------------------------------------------------------- */

/* Only the caller's own lane: what run_jobs of ordinary roles may claim. */
static int
find_own_lane(Lane *lane)
{
	QueryResult *rows = engine_query(
		"SELECT hashtextextended(coalesce('tenant ' || intel.tenant(),"
		" 'user ' || intel.subject(), 'role ' || intel._caller()::oid), 0)",
		NULL, 0);

	*lane = (Lane){.most = INT_MAX};
	lane->id = query_int8(rows, 0, 0, 0);
	lane->weight = 1;
	return 1;
}

static void
count_in_flight(Lane *lanes, int n, const List *in_flight)
{
	ListCell *lc;

	foreach (lc, in_flight)
	{
		int64 lane = ((const Job *) lfirst(lc))->lane;

		for (int i = 0; i < n; i++)
			if (lanes[i].id == lane)
			{
				lanes[i].in_flight++;
				break;
			}
	}
}

/* ---- the claim ----------------------------------------------------------- */

/* One claimed row as a Job in a context of its own. */
static Job *
make_job(MemoryContext parent, const QueryResult *rows, uint64 row)
{
	MemoryContext cxt =
		AllocSetContextCreate(parent, "intel job", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Job *job = palloc0(sizeof(Job));

	job->cxt = cxt;
	job->id = query_int8(rows, row, 0, 0);
	job->task = query_text(rows, row, 1);
	job->request = query_text(rows, row, 2);
	job->owner = (Oid) query_int8(rows, row, 3, InvalidOid);
	job->claims = query_text(rows, row, 4);
	job->tenant = query_text(rows, row, 5);
	job->attempts = (int) query_int8(rows, row, 6, 0);
	job->max_attempts = (int) query_int8(rows, row, 7, 0);
	job->call = query_text(rows, row, 8);
	job->step = (Oid) query_int8(rows, row, 9, InvalidOid);
	job->lane = query_int8(rows, row, 10, 0);
	job->part_due = DT_NOEND;
	job->feature = query_text(rows, row, 11);
	job->again_at = DT_NOEND;
	job->traceparent = query_text(rows, row, 12);
	MemoryContextSwitchTo(old);
	return job;
}

/*
 * Jobs of the caller's identity, as the policy of the table has it. Said here
 * as well because the policy does not bind roles with BYPASSRLS, who must not
 * act as other roles either.
 */
#define OWN_JOB                                                               \
	"(NOT $3 OR (q.owner = intel._caller()"                                   \
	" AND q.subject IS NOT DISTINCT FROM intel.subject()"                     \
	" AND q.tenant IS NOT DISTINCT FROM intel.tenant()))"

/*
 * A transaction can be seen a moment before every process has been told which
 * cached catalog rows it changed: its locks are released after that. So wait
 * for the locks of those that wrote the jobs, lest one acts on a right that
 * the transaction which queued it took.
 */
static void
wait_for_announcements(const QueryResult *rows, int column)
{
	TransactionId last = InvalidTransactionId;

	for (uint64 i = 0; i < rows->nrows; i++)
	{
		bool isnull;
		TransactionId xid =
			DatumGetTransactionId(query_datum(rows, i, column, &isnull));

		if (!isnull && TransactionIdIsNormal(xid) && xid != last &&
			!TransactionIdIsCurrentTransactionId(xid))
			XactLockTableWait(xid, NULL, NULL, XLTW_None);
		last = xid;
	}
	AcceptInvalidationMessages();
}

/* Mark the next jobs of a lane as running; how many there were. */
static int
claim_lane(MemoryContext parent, const Lane *lane, bool own_only,
		   TimestampTz now, List **jobs)
{
	QueryArg args[7];
	QueryResult *rows;
	MemoryContext old;

	args[0] = query_arg_int4(lane->share);
	args[1] = query_arg_int4(MyProcPid);
	args[2] = query_arg_datum(BOOLOID, BoolGetDatum(own_only), false);
	args[3] = engine_arg_time(engine_lease_end());
	args[4] = engine_arg_time(MyStartTimestamp);
	args[5] = query_arg_int8(lane->id);
	args[6] = engine_arg_time(now);
	rows = engine_query(
		"UPDATE intel.job_queue q SET status = 'running',"
		" attempts = q.attempts + 1, started_at = clock_timestamp(),"
		" finished_at = NULL, purge_at = NULL,"
		" lease_pid = $2, lease_start = $5, lease_until = $4"
		" FROM (SELECT q.id, q.xmin, t.call, t.step FROM intel.job_queue q"
		"	JOIN intel.task t ON t.name = q.task"
		"	WHERE q.status = 'queued' AND q.ready AND q.lane = $6"
		"	AND (q.expires_at IS NULL OR q.expires_at > $7) AND " OWN_JOB
		"	ORDER BY q.priority DESC, q.next_attempt_at, q.id"
		"	LIMIT $1 FOR UPDATE OF q SKIP LOCKED) AS due"
		" WHERE q.id = due.id"
		" RETURNING q.id, q.task, q.request, q.owner::oid, q.claims, q.tenant,"
		" q.attempts, q.max_attempts, due.call, "
		"to_regprocedure(due.step)::oid, q.lane,"
		" coalesce(q.feature, q.task), q.traceparent, due.xmin",
		args, 7);
	wait_for_announcements(rows, 13);

	old = MemoryContextSwitchTo(parent);
	for (uint64 i = 0; i < rows->nrows; i++)
		*jobs = lappend(*jobs, make_job(parent, rows, i));
	MemoryContextSwitchTo(old);
	return rows->nrows;
}

int
engine_places(void)
{
	return guc_worker_concurrency +
		   (guc_worker_concurrency + TURN_LANE_SHARE - 1) / TURN_LANE_SHARE;
}

List *
engine_claim(MemoryContext parent, int max, bool own_only,
			 const List *in_flight, bool *locked)
{
	TimestampTz now = GetCurrentTimestamp();
	/* one for each place, and those that have all they may have */
	int max_lanes = max + list_length(in_flight) / TURN_LANE_SHARE + 1;
	Lane *lanes = palloc(sizeof(Lane) * max_lanes);
	List *jobs = NIL;
	int places = max;
	int free = Max(max, engine_places() - list_length(in_flight));

	*locked = !engine_hold_copied();
	if (*locked)
		return NIL;
	take_back_lost(now, in_flight);
	fail_expired(now);
	engine_release_waiting();
	hold_release(now);
	open_gates(now);
	hold_begin_claim();

	/* what a lane could not use goes to the others, in another pass */
	while (places > 0)
	{
		int n = own_only ? find_own_lane(lanes)
						 : turn_find_lanes(&turn, NULL, max_lanes, lanes);
		int left;
		int got = 0;

		count_in_flight(lanes, n, in_flight);
		count_in_flight(lanes, n, jobs);
		for (int i = 0; i < n; i++)
			if (hold_was_refused(lanes[i].id))
				lanes[i].most = jobs == NIL ? 1 : 0;
		left = turn_share(&turn, lanes, n, places, free);
		for (int i = 0; i < n; i++)
			if (lanes[i].share > 0)
				got += claim_lane(parent, &lanes[i], own_only, now, &jobs);
		if (got == 0)
		{
			/* the index has ready jobs, but somebody has locked them */
			*locked = !own_only && left < places;
			break;
		}
		places -= got;
		free -= got;
	}
	return jobs;
}

TimestampTz
engine_next_due(void)
{
	QueryResult *rows = engine_query(
		"SELECT least("
		" (SELECT min(next_attempt_at) FROM intel.job_queue"
		"	WHERE status = 'queued' AND NOT ready AND NOT waiting"
		"	AND held_by IS NULL),"
		" (SELECT min(expires_at) FROM intel.job_queue"
		"	WHERE status = 'queued'),"
		" (SELECT min(lease_until) FROM intel.job_queue"
		"	WHERE status = 'running' AND lease_pid <> pg_backend_pid()))",
		NULL, 0);
	bool isnull;
	Datum due = query_datum(rows, 0, 0, &isnull);
	TimestampTz next =
		Min(isnull ? DT_NOEND : DatumGetTimestampTz(due), hold_next_due());

	if (engine_release_pending())
		next = DT_NOBEGIN;
	else if (release_is_blocked)
		next = Min(next, TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													 LOCKED_MS));
	return next;
}

/*
 * Rows of enrichments that have ended: some of one of them, so that no
 * statement takes long. One that has none is remembered for a day, as jobs that
 * were on their way may note something yet.
 */
static uint64
purge_enrichment_rows(void)
{
	QueryArg arg = query_arg_int4(BATCH_ROWS);
	uint64 n;

	/* DROP TABLE fires no trigger */
	(void) engine_query(
		"DELETE FROM intel.enrichment WHERE ctid = ANY (ARRAY("
		"	SELECT e.ctid FROM intel.enrichment e"
		"	WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c"
		"		WHERE c.oid = e.source)"
		"	FOR UPDATE SKIP LOCKED))",
		NULL, 0);
	n = engine_query(
			"DELETE FROM intel.enrichment_row WHERE ctid = ANY (ARRAY("
			"	SELECT r.ctid FROM intel.enrichment_row r"
			"	WHERE r.enrichment = (SELECT x.enrichment"
			"		FROM intel.enrichment_ended x WHERE EXISTS (SELECT"
			"			FROM intel.enrichment_row o"
			"			WHERE o.enrichment = x.enrichment) LIMIT 1)"
			"	LIMIT $1 FOR UPDATE SKIP LOCKED))",
			&arg, 1)
			->nrows;

	if (n == 0)
		(void) engine_query(
			"DELETE FROM intel.enrichment_ended x"
			" WHERE x.ended_at < clock_timestamp() - interval '1 day'"
			" AND NOT EXISTS (SELECT FROM intel.enrichment_row r"
			"	WHERE r.enrichment = x.enrichment)",
			NULL, 0);
	return n;
}

/* Returns when to do it again. */
static TimestampTz
purge(void)
{
	TimestampTz now = GetCurrentTimestamp();
	QueryArg arg = query_arg_int4(BATCH_ROWS);
	QueryResult *rows;
	bool isnull;
	Datum next;

	rows = engine_query("SELECT intel.purge_jobs($1)", &arg, 1);
	if (query_int8(rows, 0, 0, 0) >= BATCH_ROWS || purge_enrichment_rows() > 0)
		return now;
	rows = engine_query("SELECT min(purge_at) FROM intel.job_queue", NULL, 0);
	next = query_datum(rows, 0, 0, &isnull);
	if (isnull)
		return DT_NOEND;
	return Max(DatumGetTimestampTz(next),
			   TimestampTzPlusMilliseconds(now, PURGE_INTERVAL_MS));
}

/*
 * Do something in a subtransaction in which no lock is waited for for long:
 * false, and nothing is done, when there was one. Other errors are raised.
 */
static bool
try_briefly(void (*work)(void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		int level = NewGUCNestLevel();

		(void) set_config_option("lock_timeout", LOCK_WAIT, PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
		work(arg);
		AtEOXact_GUC(true, level);
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return done;
}

static void
purge_into(void *next)
{
	*(TimestampTz *) next = purge();
}

TimestampTz
engine_purge(void)
{
	TimestampTz next;

	if (try_briefly(purge_into, &next))
		return next;
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
									   PURGE_INTERVAL_MS);
}

static void
prune_into(void *n)
{
	QueryArg arg = query_arg_int4(BATCH_ROWS);

	*(int64 *) n = query_int8(
		query_run("SELECT intel._prune_calls($1)", &arg, 1, false), 0, 0, 0);
	llm_cache_prune();
}

bool
engine_prune(void)
{
	int64 n;

	return try_briefly(prune_into, &n) && n >= BATCH_ROWS;
}
