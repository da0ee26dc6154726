/*-------------------------------------------------------------------------
 *
 * worker_hold.c
 *		Jobs that were refused, and when they may try again.
 *
 * A model that asked to wait, a limit, a budget, a provider that is off: what
 * refused a call holds its job, and all others that come to the same end.
 * They are not asked one by one whether they may go now. The first one is let
 * go when its time has come; if it is refused again, the others have cost
 * nothing. If it gets through, more of them follow: of a rate, one for each
 * interval; otherwise with every call that ends, twice as many each time.
 *
 * Lanes take turns here as everywhere: who came last with one job does not
 * wait for the thousand that another tenant had held before.
 *
 * The table says what holds a job (held_by); when it is let go is known to
 * the process that tried. A process that finds jobs held by what it does not
 * know lets one of them try.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/query.h"
#include "worker/worker_int.h"

/* most jobs that are let go at a time */
#define BATCH_MAX 64
/* most jobs that are held at once with the one that was refused */
#define SWEEP_MAX 200
/* how often held jobs of other processes are looked for */
#define DISCOVER_INTERVAL_MS 30000
/* after the first job that was let go, and of a hold that goes on refusing */
#define POLL_MS 1000
#define FIRST_WAIT_MS 10
/* meters that a call may be part of, and lanes to remember */
#define HOLDS_OF_CALL 16
#define REFUSED_LANES 64

typedef struct Hold
{
	char name[LLM_HOLD_MAX]; /* key */
	TimestampTz next_at;	 /* when to let jobs go */
	int64 interval_ms;		 /* of a rate; 0: none */
	int batch;				 /* how many jobs then */
	bool has_let_go;		 /* since the last refusal */
	bool wants_place;		 /* the last refusal was for want of one */
	int refused;   /* times in a row that jobs were let go for nothing */
	bool is_swept; /* in this claim */
	Turn turn;
} Hold;

/* All of this process; NULL until the first. */
static HTAB *holds = NULL;
static TimestampTz discovered_at = DT_NOBEGIN;

/* Lanes of which jobs were refused since the last claim, and before it. */
static int64 refused_lanes[REFUSED_LANES];
static int n_refused = 0;
static int64 slow_lanes[REFUSED_LANES];
static int n_slow = 0;

static Hold *
find_hold(const char *name, bool create)
{
	char key[LLM_HOLD_MAX] = {0};
	Hold *hold;
	bool found;

	if (holds == NULL)
	{
		HASHCTL control = {.keysize = LLM_HOLD_MAX,
						   .entrysize = sizeof(Hold),
						   .hcxt = TopMemoryContext};

		if (!create)
			return NULL;
		holds = hash_create("intel holds", 16, &control,
							HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	}
	strlcpy(key, name, LLM_HOLD_MAX);
	hold = hash_search(holds, key, create ? HASH_ENTER : HASH_FIND, &found);
	if (hold != NULL && !found)
	{
		memset((char *) hold + LLM_HOLD_MAX, 0, sizeof(Hold) - LLM_HOLD_MAX);
		hold->next_at = DT_NOBEGIN;
		hold->batch = 1;
	}
	return hold;
}

/* ---- holding --------------------------------------------------------------- */

static TimestampTz
note_refusal(const LlmRefusal *refusal, int64 lane)
{
	Hold *hold = find_hold(refusal->hold, true);
	TimestampTz now = GetCurrentTimestamp();
	int64 wait_ms = refusal->wait_ms;

	/* a call that tries whether it works again may take its time */
	if (refusal->interval_ms == 0)
		wait_ms = Max(wait_ms, Min(POLL_MS, (int64) FIRST_WAIT_MS
												<< Min(hold->refused, 7)));
	hold->next_at = TimestampTzPlusMilliseconds(now, wait_ms);
	hold->interval_ms = refusal->interval_ms;
	hold->wants_place = refusal->is_place;
	hold->batch = 1;
	if (hold->has_let_go)
		hold->refused++;
	hold->has_let_go = false;
	if (n_refused < REFUSED_LANES)
		refused_lanes[n_refused++] = lane;
	return hold->next_at;
}

#define HELD                                                                  \
	" ready = false, held_by = $1, error_code = $2, error_message = $3,"      \
	" next_attempt_at = $4"

/*
 * Ready jobs that are refused as well: of the same submitter, and but for
 * their texts the same request.
 */
static void
sweep(const Job *job, QueryArg *args)
{
	args[4] = query_arg_int8(job->lane);
	args[5] = query_arg_int8(job->id);
	args[6] = query_arg_int4(SWEEP_MAX);
	(void) engine_query(
		"UPDATE intel.job_queue SET" HELD
		" WHERE id = ANY (ARRAY(SELECT q.id FROM intel.job_queue q"
		"	JOIN intel.job_queue r ON r.id = $6 AND r.task = q.task"
		"		AND r.owner = q.owner"
		"		AND r.tenant IS NOT DISTINCT FROM q.tenant"
		"		AND r.subject IS NOT DISTINCT FROM q.subject"
		"		AND r.feature IS NOT DISTINCT FROM q.feature"
		"		AND r.request - '{prompt,messages,contents,query,documents}'"
		"			::text[] = q.request -"
		"			'{prompt,messages,contents,query,documents}'::text[]"
		"	WHERE q.status = 'queued' AND q.ready"
		"	AND q.id = ANY (ARRAY(SELECT n.id FROM intel.job_queue n"
		"		WHERE n.status = 'queued' AND n.ready AND n.lane = $5"
		"		ORDER BY n.priority DESC, n.next_attempt_at, n.id LIMIT $7))"
		"	FOR UPDATE OF q SKIP LOCKED))",
		args, 7);
}

void
hold_job(Job *job, const LlmRefusal *refusal)
{
	QueryArg args[7];
	Hold *hold;

	job->again_at = note_refusal(refusal, job->lane);
	args[0] = query_arg_text(refusal->hold);
	args[1] = query_arg_text(unpack_sql_state(refusal->sqlstate));
	args[2] = query_arg_text(refusal->message);
	args[3] = engine_arg_time(job->again_at);
	args[4] = query_arg_int8(job->id);
	args[5] = query_arg_int4(MyProcPid);
	args[6] = engine_arg_time(MyStartTimestamp);
	(void) engine_query(
		"UPDATE intel.job_queue SET status = 'queued',"
		" attempts = greatest(attempts - 1, 0),"
		" lease_pid = NULL, lease_start = NULL, lease_until = NULL," HELD
		" WHERE id = $5 AND status = 'running' AND lease_pid = $6"
		" AND lease_start = $7",
		args, 7);

	hold = find_hold(refusal->hold, false);
	if (hold->is_swept || refusal->is_sized || job->call == NULL)
		return;
	hold->is_swept = true;
	sweep(job, args);
}

/* ---- letting go ------------------------------------------------------------ */

static QueryArg
arg_array(Oid type, Datum *values, int n)
{
	bool by_value = type == INT4OID || FLOAT8PASSBYVAL;
	bool is_int8 = type == INT8OID;

	return query_arg_datum(
		is_int8 ? INT8ARRAYOID : INT4ARRAYOID,
		PointerGetDatum(construct_array(
			values, n, type, is_int8 ? sizeof(int64) : sizeof(int32), by_value,
			is_int8 ? TYPALIGN_DOUBLE : TYPALIGN_INT)),
		false);
}

/*
 * Let the next jobs go, those of each lane in their order; false when there
 * are none. Those that others have locked are left out, *released says how many went.
 */
static bool
let_go(Hold *hold, int batch, uint64 *released)
{
	Lane lanes[BATCH_MAX];
	Datum ids[BATCH_MAX];
	Datum shares[BATCH_MAX];
	QueryArg args[3];
	int n = turn_find_lanes(&hold->turn, hold->name, batch, lanes);

	*released = 0;
	if (n == 0)
		return false;
	(void) turn_share(&hold->turn, lanes, n, batch, BATCH_MAX);
	for (int i = 0; i < n; i++)
	{
		ids[i] = Int64GetDatum(lanes[i].id);
		shares[i] = Int32GetDatum(lanes[i].share);
	}
	args[0] = query_arg_text(hold->name);
	args[1] = arg_array(INT8OID, ids, n);
	args[2] = arg_array(INT4OID, shares, n);
	/* before those of their lane that have not been tried */
	*released =
		engine_query(
			"UPDATE intel.job_queue q SET ready = true, held_by = NULL,"
			" next_attempt_at = q.created_at"
			" FROM unnest($2::bigint[], $3::int[]) AS l (lane, share),"
			" LATERAL (SELECT h.id FROM intel.job_queue h"
			"	WHERE h.status = 'queued' AND NOT h.ready AND NOT "
			"h.waiting"
			"	AND h.held_by = $1 AND h.lane = l.lane"
			"	ORDER BY h.priority DESC, h.id LIMIT l.share"
			"	FOR UPDATE SKIP LOCKED) AS next"
			" WHERE q.id = next.id RETURNING q.id",
			args, 3)
			->nrows;
	return true;
}

/* What else holds jobs, of processes that are gone or that do not run. */
static void
discover(TimestampTz now)
{
	QueryResult *rows;

	if (discovered_at > now) /* the clock was set back */
		discovered_at = DT_NOBEGIN;
	if (discovered_at != DT_NOBEGIN &&
		!TimestampDifferenceExceeds(discovered_at, now, DISCOVER_INTERVAL_MS))
		return;
	discovered_at = now;
	rows = engine_query(
		"WITH RECURSIVE h AS ("
		" (SELECT q.held_by FROM intel.job_queue q"
		"	WHERE q.status = 'queued' AND NOT q.ready AND NOT q.waiting"
		"	AND q.held_by IS NOT NULL ORDER BY q.held_by LIMIT 1)"
		" UNION ALL"
		" SELECT (SELECT q.held_by FROM intel.job_queue q"
		"	WHERE q.status = 'queued' AND NOT q.ready AND NOT q.waiting"
		"	AND q.held_by > h.held_by ORDER BY q.held_by LIMIT 1)"
		" FROM h WHERE h.held_by IS NOT NULL)"
		" SELECT h.held_by FROM h WHERE h.held_by IS NOT NULL",
		NULL, 0);
	for (uint64 i = 0; i < rows->nrows; i++)
	{
		const char *name = query_text(rows, i, 0);

		if (strcmp(name, HELD_RESTORED) != 0)
			(void) find_hold(name, true);
	}
}

/* How many jobs are due, by the time that has passed. */
static int
batch_of(const Hold *hold, TimestampTz now)
{
	int64 late_ms;

	if (hold->interval_ms == 0 || hold->next_at == DT_NOBEGIN)
		return hold->batch;
	late_ms = (now - hold->next_at) / 1000;
	return 1 + (int) Min(late_ms / hold->interval_ms, BATCH_MAX - 1);
}

void
hold_release(TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	Hold *hold;

	discover(now);
	if (holds == NULL)
		return;
	hash_seq_init(&scan, holds);
	while ((hold = hash_seq_search(&scan)) != NULL)
	{
		int batch;
		uint64 released;

		hold->is_swept = false;
		if (hold->next_at > now)
			continue;
		batch = batch_of(hold, now);
		if (!let_go(hold, batch, &released))
		{
			(void) hash_search(holds, hold->name, HASH_REMOVE, NULL);
			continue;
		}
		if (released == 0)
		{
			hold->next_at = TimestampTzPlusMilliseconds(now, LOCKED_MS);
			continue;
		}
		/* where no end of a call is seen, jobs that go through bring more */
		hold->next_at = TimestampTzPlusMilliseconds(
			now, hold->interval_ms > 0 ? hold->interval_ms : POLL_MS / batch);
		hold->batch = Min(hold->batch * 2, BATCH_MAX);
		hold->has_let_go = true;
	}
}

TimestampTz
hold_next_due(void)
{
	HASH_SEQ_STATUS scan;
	Hold *hold;
	TimestampTz due = DT_NOEND;

	if (holds == NULL)
		return due;
	hash_seq_init(&scan, holds);
	while ((hold = hash_seq_search(&scan)) != NULL)
		due = Min(due, hold->next_at);
	return due;
}

void
hold_look(void)
{
	HASH_SEQ_STATUS scan;
	Hold *hold;

	discovered_at = DT_NOBEGIN;
	if (holds == NULL)
		return;
	hash_seq_init(&scan, holds);
	while ((hold = hash_seq_search(&scan)) != NULL)
	{
		hold->next_at = DT_NOBEGIN;
		/* what was known of it need not hold any more */
		hold->interval_ms = 0;
		hold->batch = 1;
	}
}

void
hold_look_for_place(void)
{
	HASH_SEQ_STATUS scan;
	Hold *hold;

	if (holds == NULL)
		return;
	hash_seq_init(&scan, holds);
	while ((hold = hash_seq_search(&scan)) != NULL)
	{
		if (hold->wants_place)
			hold->next_at = DT_NOBEGIN;
	}
}

void
hold_call_ends(LlmCall *call)
{
	char names[HOLDS_OF_CALL][LLM_HOLD_MAX];
	int n = 0;

	if (holds != NULL && hash_get_num_entries(holds) > 0)
		n = llm_call_holds(call, names, HOLDS_OF_CALL);
	llm_call_settle(call);
	for (int i = 0; i < n; i++)
	{
		Hold *hold = find_hold(names[i], false);

		if (hold == NULL || hold->interval_ms > 0)
			continue;
		hold->next_at = DT_NOBEGIN;
		if (call->outcome == LLM_SUCCEEDED)
			hold->refused = 0;
	}
}

/* ---- lanes ------------------------------------------------------------------ */

void
hold_begin_claim(void)
{
	memcpy(slow_lanes, refused_lanes, sizeof(int64) * n_refused);
	n_slow = n_refused;
	n_refused = 0;
}

bool
hold_was_refused(int64 lane)
{
	for (int i = 0; i < n_slow; i++)
		if (slow_lanes[i] == lane)
			return true;
	return false;
}

bool
hold_has_refused(void)
{
	return n_refused > 0;
}
