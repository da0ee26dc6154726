/*-------------------------------------------------------------------------
 *
 * worker_job.c
 *		The SQL side of jobs: triggers of the queue, waiting, and running jobs
 *		from a session.
 *
 * job_guard is the reason why roles may be given INSERT and UPDATE on the
 * queue: it lets them cancel and retry their jobs and nothing else, and fills
 * in what belongs to these changes. The engine's own writes pass.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/async.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/query.h"
#include "worker/worker.h"
#include "worker/worker_int.h"

INTEL_FUNCTION(job_guard);
INTEL_FUNCTION(job_wake);
INTEL_FUNCTION(_job_catalog_changed);
INTEL_FUNCTION(job_wait);
INTEL_FUNCTION(_notify);
INTEL_FUNCTION(run_jobs);
INTEL_FUNCTION(_job);

/* how full the server's queue of notifications may be */
#define NOTIFY_MOST 0.9
/* how long a session waits that has text of a stream to write */
#define STREAM_POLL_MS 50

/* WAKE_ bits of the open transaction */
static int wake_at_commit = 0;
static bool drops_extension = false;

/*
 * Wake at the end of a commit, after its locks are released: the commit
 * callback would come too early, because other processes hear only afterwards
 * which of their cached catalog rows the transaction has changed. A worker
 * woken before that could act on a right that this very transaction took.
 */
static void
wake_after_commit(ResourceReleasePhase phase, bool is_commit,
				  bool is_top_level, void *arg pg_attribute_unused())
{
	if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !is_top_level)
		return;
	if (is_commit && wake_at_commit != 0)
		worker_shared_wake(MyDatabaseId, wake_at_commit);
	if (is_commit && drops_extension)
		llm_limit_forget(MyDatabaseId);
	wake_at_commit = 0;
	drops_extension = false;
}

/* COMMIT PREPARED may come from any backend, and would wake nobody. */
static void
refuse_prepare(XactEvent event, void *arg pg_attribute_unused())
{
	/* a change of the catalogue is found out in time without a wake */
	if (event == XACT_EVENT_PRE_PREPARE &&
		(wake_at_commit & ~(WAKE_CATALOG | WAKE_PURGE)) != 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has queued "
							   "or changed jobs")));
}

static object_access_hook_type next_object_access = NULL;

/* DROP EXTENSION ends what its worker has in flight. */
static void
note_dropped_extension(ObjectAccessType access, Oid class_id, Oid object_id,
					   int sub_id, void *arg)
{
	if (next_object_access != NULL)
		next_object_access(access, class_id, object_id, sub_id, arg);
	if (access == OAT_DROP && class_id == ExtensionRelationId &&
		object_id == get_extension_oid("intel", true))
	{
		wake_at_commit |= WAKE_CANCELLED;
		drops_extension = true;
	}
}

void
worker_init(void)
{
	next_object_access = object_access_hook;
	object_access_hook = note_dropped_extension;
	RegisterXactCallback(refuse_prepare, NULL);
	RegisterResourceReleaseCallback(wake_after_commit, NULL);
	if (process_shared_preload_libraries_in_progress)
	{
		worker_shared_register();
		if (guc_max_workers > 0)
			worker_launcher_register();
	}
}

bool
worker_wake_for_llm(Oid database, LlmWake why)
{
	static const int bits[] = {
		[LLM_WAKE_FLUSH] = WAKE_FLUSH,
		[LLM_WAKE_RETRY] = WAKE_CATALOG,
		[LLM_WAKE_PLACE] = WAKE_PLACE,
	};

	worker_shared_wake(database, bits[why]);
	return worker_shared_running();
}

/* ---- notifications ------------------------------------------------------- */

/*
 * Whoever listens and leaves a transaction open keeps the queue of all
 * databases from being emptied, any role can fill it, and then no transaction
 * that notifies can commit: an answer that was paid for would be lost and asked
 * for again. So before that nobody is told, who can look at the job.
 */
static void
notify(const char *channel, const char *payload)
{
	/* it takes no argument */
	Datum usage = DirectFunctionCall1(pg_notification_queue_usage, (Datum) 0);

	if (DatumGetFloat8(usage) < NOTIFY_MOST)
		Async_Notify(channel, payload);
}

/* _notify(channel text, payload text) */
Datum
intel__notify(PG_FUNCTION_ARGS)
{
	notify(text_to_cstring(PG_GETARG_TEXT_PP(0)),
		   text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/* ---- triggers ------------------------------------------------------------ */

/*
 * After a statement that changed the queue, or with an argument ended an
 * enrichment: wake the worker at commit.
 */
Datum
intel_job_wake(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "job_wake must be called as a trigger");
	if (trigger->tg_trigger->tgnargs > 0)
		wake_at_commit |= WAKE_PURGE;
	else if (!engine_is_writing())
		wake_at_commit |= TRIGGER_FIRED_BY_INSERT(trigger->tg_event)
							  ? WAKE_QUEUED
							  : WAKE_QUEUED | WAKE_CANCELLED;
	return PointerGetDatum(NULL);
}

/*
 * After a statement that changed providers, models, limits or budgets: jobs
 * that these refused try again at commit.
 */
Datum
intel__job_catalog_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "_job_catalog_changed must be called as a trigger");
	wake_at_commit |= WAKE_CATALOG;
	return PointerGetDatum(NULL);
}

static int
column_number(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i + 1;
	elog(ERROR, "job_queue has no column \"%s\"", name);
}

/* A column of the queue by name. */
static Datum
column(HeapTuple tuple, TupleDesc desc, const char *name, bool *isnull)
{
	return heap_getattr(tuple, column_number(desc, name), desc, isnull);
}

static char *
status_of(HeapTuple tuple, TupleDesc desc)
{
	bool isnull;
	Datum status = column(tuple, desc, "status", &isnull);

	/* the constraint would show the whole row, and is checked later */
	if (isnull)
		ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
						errmsg("status of a job must not be null")));
	return TextDatumGetCString(status);
}

static bool
is_one_of(const char *status, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(status, *list) == 0)
			return true;
	return false;
}

/* When a job that ends now may be deleted. */
static Datum
purge_time(HeapTuple row, TupleDesc desc, bool *isnull)
{
	Datum retention = column(row, desc, "retention", isnull);
	TimestampTz now = GetCurrentTimestamp();

	if (!*isnull)
		return DirectFunctionCall2(timestamptz_pl_interval,
								   TimestampTzGetDatum(now), retention);
	*isnull = guc_job_retention == 0;
	return TimestampTzGetDatum(
		TimestampTzPlusMilliseconds(now, (int64) guc_job_retention * 1000));
}

/*
 * The old row with the changes of a transition: users say the status, the
 * rest follows from it.
 */
static HeapTuple
transition(HeapTuple old, TupleDesc desc, const char *status)
{
	static const char *const names[] = {
		"status",	   "finished_at", "next_attempt_at", "attempts",
		"purge_at",	   "ready",		  "waiting",		 "lease_pid",
		"lease_start", "lease_until", "held_by",		 "expires_at",
		"database",
	};
	bool cancel = strcmp(status, "cancelled") == 0;
	int columns[lengthof(names)];
	Datum values[lengthof(names)] = {0};
	bool nulls[lengthof(names)];

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		columns[i] = column_number(desc, names[i]);
		nulls[i] = true;
	}
	values[0] = CStringGetTextDatum(status);
	nulls[0] = false;
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	nulls[1] = !cancel;
	values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
	nulls[2] = false;
	/* a retry starts over; a cancelled job keeps its count */
	values[3] =
		cancel ? column(old, desc, "attempts", &nulls[3]) : Int32GetDatum(0);
	nulls[3] = false;
	if (cancel)
		values[4] = purge_time(old, desc, &nulls[4]);
	/* what it needs is looked at again before it runs */
	values[5] = values[6] = BoolGetDatum(false);
	nulls[5] = nulls[6] = false;
	/* who retries a job that has expired wants it all the same */
	values[11] = column(old, desc, "expires_at", &nulls[11]);
	if (!cancel && !nulls[11] &&
		DatumGetTimestampTz(values[11]) <= GetCurrentTimestamp())
		nulls[11] = true;
	/* retried in a copy, it is the copy's */
	values[12] = ObjectIdGetDatum(MyDatabaseId);
	nulls[12] = false;
	return heap_modify_tuple_by_cols(old, desc, lengthof(names), columns,
									 values, nulls);
}

/* As the engine's statements do for the ends that they write. */
static void
notify_end(HeapTuple row, TupleDesc desc)
{
	bool isnull;
	int64 id = DatumGetInt64(column(row, desc, "id", &isnull));

	notify("intel_job", psprintf(INT64_FORMAT, id));
}

/*
 * Can it be added to the time at which a job ends? Each part by itself, since
 * parts of different signs that make little together may be too much for the
 * sums between them.
 */
static bool
is_retention(const Interval *retention)
{
	return retention->month >= 0 &&
		   retention->month <= 100 * MONTHS_PER_YEAR && retention->day >= 0 &&
		   retention->day <= 36525 && retention->time >= 0 &&
		   retention->time <= INT64CONST(36525) * USECS_PER_DAY;
}

/*
 * What the table's constraints would refuse is refused here first, since
 * their errors show the whole row, and so the request.
 */
static void
check_new_job(HeapTuple row, TupleDesc desc)
{
	bool isnull;
	Datum request = column(row, desc, "request", &isnull);
	Datum value;
	int32 max_attempts;

	if (isnull || !JB_ROOT_IS_OBJECT(DatumGetJsonbP(request)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("request of a job must be a JSON object")));
	for (int i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->attnotnull &&
			heap_attisnull(row, i + 1, desc))
			ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
							errmsg("%s of a job must not be null",
								   NameStr(TupleDescAttr(desc, i)->attname))));
	max_attempts = DatumGetInt32(column(row, desc, "max_attempts", &isnull));
	if (isnull || max_attempts < 1 || max_attempts > 100)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"max_attempts\" of a job must be between 1 and 100")));
	value = column(row, desc, "needs", &isnull);
	if (!isnull)
	{
		ArrayType *needs = DatumGetArrayTypeP(value);
		int n = ArrayGetNItems(ARR_NDIM(needs), ARR_DIMS(needs));

		if (n < 1 || n > 1000)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a job can wait for 1 to 1000 other jobs")));
	}
	value = column(row, desc, "retention", &isnull);
	if (!isnull && !is_retention(DatumGetIntervalP(value)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"retention\" of a job must be between 0 and "
							   "100 years")));
}

/*
 * Is it a row from a dump? No other is older than its transaction.
 */
static bool
is_restored(HeapTuple row, TupleDesc desc)
{
	bool isnull;
	Datum created_at = column(row, desc, "created_at", &isnull);

	return DatumGetTimestampTz(created_at) <
		   GetCurrentTransactionStartTimestamp();
}

/* A job of this transaction: ready at once when it waits for nothing. */
static HeapTuple
open_new_job(HeapTuple row, TupleDesc desc)
{
	static const char *const names[] = {"ready", "waiting", "held_by",
										"database"};
	int columns[lengthof(names)];
	Datum values[lengthof(names)] = {0};
	bool nulls[lengthof(names)] = {false, false, true, false};
	bool isnull;

	for (int i = 0; i < (int) lengthof(names); i++)
		columns[i] = column_number(desc, names[i]);
	(void) column(row, desc, "needs", &isnull);
	values[0] = BoolGetDatum(
		isnull && strcmp(status_of(row, desc), "queued") == 0 &&
		DatumGetTimestampTz(column(row, desc, "next_attempt_at", &isnull)) <=
			GetCurrentTimestamp());
	values[3] = ObjectIdGetDatum(MyDatabaseId);
	return heap_modify_tuple_by_cols(row, desc, lengthof(names), columns,
									 values, nulls);
}

static bool
is_held(HeapTuple row, TupleDesc desc)
{
	bool isnull;

	(void) column(row, desc, "held_by", &isnull);
	return !isnull;
}

static bool
is_held_restored(HeapTuple row, TupleDesc desc)
{
	bool isnull;
	Datum held_by = column(row, desc, "held_by", &isnull);

	return !isnull && strcmp(TextDatumGetCString(held_by), HELD_RESTORED) == 0;
}

/*
 * A job from a dump that has not ended is held until resume_jobs(): rows and
 * privileges that it needs come behind it, and what a copy of the database
 * shall not send, or not twice, is for somebody to say.
 */
static HeapTuple
hold_restored_job(HeapTuple row, TupleDesc desc)
{
	static const char *const names[] = {
		"status",		   "held_by",	"error_message", "ready",
		"waiting",		   "lease_pid", "lease_start",	 "lease_until",
		"next_attempt_at", "database",
	};
	int columns[lengthof(names)];
	Datum values[lengthof(names)] = {0};
	bool nulls[lengthof(names)] = {false, false, false, false, false,
								   true,  true,	 true,	false, false};
	bool isnull;

	for (int i = 0; i < (int) lengthof(names); i++)
		columns[i] = column_number(desc, names[i]);
	values[0] = CStringGetTextDatum("queued");
	values[1] = CStringGetTextDatum(HELD_RESTORED);
	values[2] =
		CStringGetTextDatum("restored from a dump, waits for resume_jobs()");
	values[3] = values[4] = BoolGetDatum(false);
	/* what it was refused for is looked at anew */
	values[8] = column(row, desc, "next_attempt_at", &isnull);
	if (!is_held_restored(row, desc) && is_held(row, desc))
		values[8] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[9] = ObjectIdGetDatum(MyDatabaseId);
	return heap_modify_tuple_by_cols(row, desc, lengthof(names), columns,
									 values, nulls);
}

/* Such a job goes on where it was, with its time and its attempts. */
static HeapTuple
resume_restored_job(HeapTuple row, TupleDesc desc)
{
	static const char *const names[] = {"held_by", "error_message"};
	int columns[lengthof(names)];
	Datum values[lengthof(names)] = {0};
	bool nulls[lengthof(names)] = {true, true};

	for (int i = 0; i < (int) lengthof(names); i++)
		columns[i] = column_number(desc, names[i]);
	return heap_modify_tuple_by_cols(row, desc, lengthof(names), columns,
									 values, nulls);
}

Datum
intel_job_guard(PG_FUNCTION_ARGS)
{
	static const char *const cancellable[] = {"queued", "running", NULL};
	static const char *const retryable[] = {"failed", "dead", "cancelled",
											NULL};
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc desc;
	char *from;
	char *to;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "job_guard must be called as a trigger");
	desc = RelationGetDescr(trigger->tg_relation);
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
	{
		check_new_job(trigger->tg_trigtuple, desc);
		if (!is_one_of(status_of(trigger->tg_trigtuple, desc), cancellable))
			return PointerGetDatum(trigger->tg_trigtuple);
		return PointerGetDatum(
			is_restored(trigger->tg_trigtuple, desc)
				? hold_restored_job(trigger->tg_trigtuple, desc)
				: open_new_job(trigger->tg_trigtuple, desc));
	}
	if (engine_is_writing())
		return PointerGetDatum(trigger->tg_newtuple);
	from = status_of(trigger->tg_trigtuple, desc);
	to = status_of(trigger->tg_newtuple, desc);
	if (strcmp(to, "queued") == 0 && strcmp(from, "queued") == 0 &&
		is_held_restored(trigger->tg_trigtuple, desc))
		return PointerGetDatum(
			resume_restored_job(trigger->tg_trigtuple, desc));
	if (!(strcmp(to, "cancelled") == 0 && is_one_of(from, cancellable)) &&
		!(strcmp(to, "queued") == 0 && is_one_of(from, retryable)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a job cannot be changed from %s to %s", from, to),
				 errhint("Jobs can be cancelled while queued or running, and "
						 "retried after they failed or were cancelled.")));
	if (strcmp(to, "cancelled") == 0)
		notify_end(trigger->tg_trigtuple, desc);
	return PointerGetDatum(transition(trigger->tg_trigtuple, desc, to));
}

/* _job(): the job whose step runs, or null */
Datum
intel__job(PG_FUNCTION_ARGS)
{
	if (llm_origin_job() == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(llm_origin_job());
}

/* ---- waiting ------------------------------------------------------------- */

/*
 * Status of a job as of now, or NULL when the caller sees no such job. Sets
 * *own_transaction when this transaction itself queued it.
 */
static char *
job_status(int64 id, bool *own_transaction)
{
	QueryArg arg = query_arg_int8(id);
	QueryResult *rows = query_run(
		"SELECT status, xmin = pg_catalog.pg_current_xact_id_if_assigned()"
		"::xid FROM intel.job_queue WHERE id = $1",
		&arg, 1, false);

	if (rows->nrows == 0)
		return NULL;
	*own_transaction = query_bool(rows, 0, 1, false);
	return query_text(rows, 0, 0);
}

static bool
status_is_final(const char *status)
{
	return strcmp(status, "queued") != 0 && strcmp(status, "running") != 0;
}

static void
refuse_endless_wait(bool own_transaction)
{
	if (own_transaction)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot wait for a job of the same transaction"),
				 errhint("Commit first: jobs start when their transaction "
						 "has committed.")));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot wait for a job at this isolation level"),
				 errhint("Use READ COMMITTED, which sees what others "
						 "commit.")));
	if (!worker_shared_running())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no worker runs jobs on this server"),
				 errhint("Add \"intel\" to \"shared_preload_libraries\" and "
						 "restart, or run the queued jobs with CALL "
						 "intel.run_jobs().")));
}

/* _wait(job bigint, timeout_ms bigint): true when the job has ended */
Datum
intel_job_wait(PG_FUNCTION_ARGS)
{
	int64 id = PG_GETARG_INT64(0);
	TimestampTz deadline = TimestampTzPlusMilliseconds(
		GetCurrentTimestamp(), Max(PG_GETARG_INT64(1), 0));
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel job wait", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	bool final = false;

	worker_shared_prepare_wait();
	for (;;)
	{
		bool own_transaction = false;
		char *status = job_status(id, &own_transaction);
		long left_ms;

		if (status == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("job " INT64_FORMAT " does not exist", id)));
		final = status_is_final(status);
		left_ms =
			TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
		if (final || left_ms <= 0)
			break;
		refuse_endless_wait(own_transaction);
		MemoryContextReset(cxt);
		/* now and then without a signal, should a process die before it gives one */
		worker_shared_wait(Min(left_ms, 1000));
	}
	worker_shared_cancel_wait();

	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	PG_RETURN_BOOL(final);
}

/* ---- running jobs in this session ---------------------------------------- */

/* Commit; a claim must see what others commit, up to each statement. */
static void
next_transaction(void)
{
	query_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
}

/*
 * Wait until the limits let the call through, or until a job that is set aside
 * may go on, keeping its lease. False when the job has been written to the
 * table, or is no longer ours.
 */
static bool
wait_here(LlmHttp *http, Job *job)
{
	while (job->waits || job->is_aside)
	{
		TimestampTz renew_at = TimestampTzPlusMilliseconds(
			GetCurrentTimestamp(), guc_lease_timeout / 3);
		TimestampTz until = Min(renew_at, job->again_at);

		llm_http_wait(
			http,
			TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until) + 1,
			LLM_WAIT_RETRY);
		CHECK_FOR_INTERRUPTS();
		if (GetCurrentTimestamp() >= renew_at &&
			engine_renew(job->cxt, list_make1(job)) != NIL)
			return false;
		if (GetCurrentTimestamp() >= job->again_at)
		{
			if (job->is_aside)
				job->is_aside = false;
			else if (!wait_admit(job))
				return false;
		}
		next_transaction();
	}
	return true;
}

/*
 * Wait for the one call in flight, keeping its lease; the session stays
 * interruptible. False when the job was cancelled or taken over meanwhile.
 */
static bool
send_and_wait(LlmHttp *http, Job *job)
{
	if (job->waits && !wait_here(http, job))
		return false;
	if (job->llm_call->is_local)
	{
		llm_call_run_local(job->llm_call);
		return true;
	}
	llm_http_start(http, job->llm_call);
	for (;;)
	{
		TimestampTz renew_at = TimestampTzPlusMilliseconds(
			GetCurrentTimestamp(), guc_lease_timeout / 3);

		while (GetCurrentTimestamp() < renew_at)
		{
			llm_http_wait(http,
						  job->part_due != DT_NOEND
							  ? STREAM_POLL_MS
							  : guc_lease_timeout / 3 + 1,
						  LLM_WAIT_ANSWER);
			CHECK_FOR_INTERRUPTS();
			while (llm_http_next_part(http) != NULL)
				stream_note(job);
			if (llm_http_next(http) != NULL)
				return true;
			if (job->part_due <= GetCurrentTimestamp())
			{
				if (!engine_write_part(job))
					return false;
				next_transaction();
			}
		}
		if (engine_renew(job->cxt, list_make1(job)) != NIL)
			return false;
		next_transaction();
	}
}

/* Run one claimed job to its end, committing before and after every call. */
static void
run_job(LlmHttp *http, Job *job)
{
	while (engine_step(job))
	{
		next_transaction();
		if (job->is_aside ? !wait_here(http, job) : !send_and_wait(http, job))
			break;
	}
	next_transaction();
	worker_shared_job_ended();
	engine_forget(job);
}

/*
 * CALL run_jobs(max): a superuser runs everybody's jobs, each as its
 * submitter; others run their own.
 */
Datum
intel_run_jobs(PG_FUNCTION_ARGS)
{
	int32 max = PG_GETARG_INT32(0);
	MemoryContext cxt;
	MemoryContext of_job;
	MemoryContext old;
	LlmHttp *http;

	if (!IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("run_jobs cannot be called inside a transaction "
						"block"),
				 errhint("It commits before it sends anything: CALL it on "
						 "its own.")));
	if (max < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("number of jobs must be at least 1")));

	/* it outlives the transactions that are committed on the way */
	cxt = AllocSetContextCreate(PortalContext, "intel run_jobs",
								ALLOCSET_DEFAULT_SIZES);
	query_begin_nonatomic();
	next_transaction();
	old = MemoryContextSwitchTo(cxt);
	http = llm_http_create();
	engine_look_at_all_waiting();
	hold_look();
	of_job = AllocSetContextCreate(cxt, "intel run_jobs job",
								   ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(of_job);
	for (int n = 0; n < max;)
	{
		bool locked;
		List *jobs = engine_claim(of_job, 1, !superuser(), NIL, &locked);

		next_transaction();
		if (jobs != NIL)
		{
			run_job(http, linitial(jobs));
			n++;
		}
		else if (!engine_ends_pending() && !engine_release_pending())
			break;
		else
			worker_shared_job_ended(); /* given up without having been run */
		/* what its queries have given, too */
		MemoryContextReset(of_job);
	}
	if (engine_ends_pending() || engine_release_pending())
	{
		/* the last one's dependents are for whoever is next */
		do
		{
			engine_release_waiting();
			next_transaction();
		} while (engine_ends_pending() || engine_release_pending());
		worker_shared_wake(MyDatabaseId, WAKE_QUEUED);
	}
	if (superuser())
	{
		TimestampTz again;

		do
		{
			again = engine_purge();
			next_transaction();
		} while (again <= GetCurrentTimestamp());
	}
	/* what was refused here is for the worker, if there is one */
	if (hold_next_due() != DT_NOEND)
		worker_shared_wake(MyDatabaseId, WAKE_CATALOG);
	MemoryContextSwitchTo(old);
	query_end_nonatomic();
	MemoryContextDelete(cxt);
	PG_RETURN_NULL();
}
