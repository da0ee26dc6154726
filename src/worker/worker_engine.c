/*-------------------------------------------------------------------------
 *
 * worker_engine.c
 *		The state machine of jobs.
 *
 *				 +-----------------------------+
 *				 v                             |
 *	submit -> queued -> running -> succeeded   |
 *				 |         |-----> failed      |  permanent error
 *				 |         |-----> dead        |  attempts used up
 *				 |         |-------------------+  retryable error, lost lease
 *				 v         v
 *				 cancelled                        by its owner
 *
 *	queued  -> running		[engine_claim, in worker_claim.c]
 *	queued  -> failed		[engine_claim: expired, or needs a job that failed]
 *	running -> queued		[engine_claim: process gone or lease over;
 *							 write_failure: retryable; engine_end_hung: others]
 *	running -> succeeded	[write_success]
 *	running -> failed, dead	[write_failure; engine_claim: lease over and no
 *							 attempts left; engine_end_hung]
 *	queued, running -> cancelled, and failed, dead, cancelled -> queued
 *							[the owner, through the guard in worker_job.c]
 *
 * Invariants:
 *
 * I1. A row is "running" only with a lease: the pid and start time of its
 *	   process, and an end. An attempt is counted when the lease is taken, so
 *	   before anything is sent.
 * I2. What a process writes about a running job names its own lease in the
 *	   WHERE clause. A job that was cancelled or taken over is not written.
 * I3. Results are written as the submitter, with his claims, under row level
 *	   security; so they go nowhere the submitter could not have gone.
 * I4. The submitter's SQL runs in a subtransaction. Its failure ends the job
 *	   and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_extension_d.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "common/pg_prng.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/error.h"
#include "base/guc.h"
#include "base/identity.h"
#include "base/query.h"
#include "worker/worker_int.h"

/* longest error message that is kept with a job */
#define MESSAGE_MAX_BYTES 1000

static bool writing = false;
static volatile bool guarded = false;

bool
engine_is_writing(void)
{
	return writing;
}

bool
engine_is_guarded(void)
{
	return guarded;
}

bool
engine_hold_extension(void)
{
	/* of this process's database: what a transaction costs is one look */
	static Oid known = InvalidOid;

	if (!OidIsValid(known))
		known = get_extension_oid("intel", true);
	if (!OidIsValid(known))
		return false;
	LockDatabaseObject(ExtensionRelationId, known, 0, AccessShareLock);
	/* it may be gone since it was known or while it was waited for */
	return get_extension_name(known) != NULL;
}

/*
 * Run a statement of the engine's own, which the guard trigger lets pass. It
 * reads by index whatever the statistics say, and however small the table was
 * when the plan was made: the queue is empty at one moment and has a million
 * rows at the next.
 */
static QueryResult *
run_by_index(const char *sql, const QueryArg *args, int nargs, bool bitmap)
{
	const char *const off[] = {
		"enable_hashjoin",
		"enable_mergejoin",
		"enable_seqscan",
		"enable_sort",
		"jit",
		bitmap ? "jit" : "enable_bitmapscan",
	};
	int level = NewGUCNestLevel();
	QueryResult *result;

	for (int i = 0; i < (int) lengthof(off); i++)
		(void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	writing = true;
	PG_TRY();
	{
		result = query_run_kept(sql, args, nargs);
	}
	PG_FINALLY();
	{
		writing = false;
	}
	PG_END_TRY();
	AtEOXact_GUC(true, level);
	return result;
}

QueryResult *
engine_query(const char *sql, const QueryArg *args, int nargs)
{
	return run_by_index(sql, args, nargs, false);
}

QueryResult *
engine_query_gin(const char *sql, const QueryArg *args, int nargs)
{
	return run_by_index(sql, args, nargs, true);
}

QueryArg
engine_arg_time(TimestampTz value)
{
	return query_arg_datum(TIMESTAMPTZOID, TimestampTzGetDatum(value), false);
}

QueryArg
engine_arg_jobs(const List *jobs)
{
	Datum *ids = palloc(sizeof(Datum) * Max(list_length(jobs), 1));
	ListCell *lc;
	int n = 0;

	foreach (lc, jobs)
		ids[n++] = Int64GetDatum(((Job *) lfirst(lc))->id);
	return query_arg_datum(
		INT8ARRAYOID,
		PointerGetDatum(construct_array(ids, n, INT8OID, sizeof(int64),
										FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
		false);
}

/* ---- the ends of a job --------------------------------------------------- */

/* What is written of a failure. */
typedef struct Failure
{
	int sqlstate;
	const char *message;
	bool retryable;
	int64 retry_after_ms; /* -1: not named */
} Failure;

/* Calls that wait for a provider come back within so many ms. */
#define RETRY_SPREAD 100

/*
 * Delay before the next attempt: what the provider asked for, plus a little so
 * that not all come back at one moment; else a random part of a doubling limit
 * ("full jitter", AWS Architecture Blog 2015).
 */
static int64
retry_delay_ms(int attempts, int64 retry_after_ms)
{
	int64 limit = (int64) guc_job_retry_delay << Min(attempts - 1, 30);
	double part = pg_prng_double(&pg_global_prng_state);

	if (retry_after_ms > 0)
		return retry_after_ms + (int64) (part * RETRY_SPREAD);
	return (int64) (part * Min(limit, (int64) guc_job_retry_max_delay));
}

static void
write_failure(const Job *job, const Failure *failure)
{
	bool again = failure->retryable && job->attempts < job->max_attempts;
	const char *status = again				  ? "queued"
						 : failure->retryable ? "dead"
											  : "failed";
	QueryArg args[7];
	QueryResult *rows;

	engine_args_own_lease(args, job);
	args[3] = query_arg_text(status);
	args[4] = query_arg_text(unpack_sql_state(failure->sqlstate));
	args[5] = query_arg_text(failure->message);
	args[6] = query_arg_int8(
		again ? retry_delay_ms(job->attempts, failure->retry_after_ms) : 0);
	rows = engine_query(
		"UPDATE intel.job_queue SET status = $4, error_code = $5,"
		" error_message = $6, failed_at = clock_timestamp(),"
		" finished_at = CASE WHEN $4 = 'queued' THEN NULL"
		"	ELSE clock_timestamp() END,"
		" purge_at = CASE WHEN $4 = 'queued' THEN NULL"
		"	ELSE clock_timestamp() + retention END,"
		" ready = false,"
		" next_attempt_at = clock_timestamp() + $7 * interval '1 ms',"
		" lease_pid = NULL, lease_start = NULL, lease_until = NULL" OWN_LEASE
		" RETURNING CASE WHEN status <> 'queued'"
		"	THEN intel._notify('intel_job', id::text)::text END",
		args, 7);
	if (rows->nrows > 0 && !again)
		engine_note_end(job->id);
}

bool
engine_end_hung(const HungStep *hung)
{
	QueryArg args[3];
	QueryResult *rows;
	bool is_there;

	args[0] = query_arg_int8(hung->job);
	args[1] = query_arg_int4(hung->pid);
	args[2] = engine_arg_time(hung->start);
	rows = engine_query("SELECT 1 FROM intel.job_queue" OWN_LEASE, args, 3);
	is_there = rows->nrows > 0;
	rows = engine_query(
		"UPDATE intel.job_queue q SET status = 'failed', ready = false,"
		" error_code = '57014', error_message ="
		"	'the SQL of the job went on after intel.step_timeout',"
		" failed_at = clock_timestamp(), finished_at = clock_timestamp(),"
		" purge_at = clock_timestamp() + q.retention,"
		" lease_pid = NULL, lease_start = NULL, lease_until = NULL"
		" WHERE q.id = ANY (ARRAY(SELECT id FROM intel.job_queue" OWN_LEASE
		" FOR UPDATE SKIP LOCKED))"
		" RETURNING intel._notify('intel_job', q.id::text)",
		args, 3);
	if (rows->nrows > 0)
		engine_note_end(hung->job);
	/* else somebody has locked it */
	is_there = is_there && rows->nrows == 0;
	(void) engine_query(
		"UPDATE intel.job_queue q SET status = 'queued', ready = true,"
		" attempts = q.attempts - 1,"
		" lease_pid = NULL, lease_start = NULL, lease_until = NULL"
		" WHERE q.id = ANY (ARRAY(SELECT r.id FROM intel.job_queue r"
		"	WHERE r.status = 'running' AND r.lease_pid = $2"
		"	AND r.lease_start = $3 AND r.id <> $1 FOR UPDATE SKIP LOCKED))",
		args, 3);
	return !is_there;
}

/*
 * Write the result as the submitter; the caller has entered his identity.
 * False when the row is not there for him: then either the job is no longer
 * ours, or the identity no longer fits the row.
 */
static bool
write_success(const Job *job, const char *result)
{
	QueryArg args[10];
	QueryResult *rows;

	engine_args_own_lease(args, job);
	args[3] = query_arg_text(result);
	args[4] = query_arg_text(job->model);
	args[5] = query_arg_int8(job->input_tokens);
	args[6] = query_arg_int8(job->output_tokens);
	args[7] = query_arg_int8(job->latency_ms);
	args[8] = query_arg_int4(guc_job_retention);
	args[9] = engine_arg_time(GetCurrentTimestamp());
	rows = engine_query(
		"UPDATE intel.job_queue SET status = 'succeeded',"
		" result = $4::jsonb, finished_at = $10,"
		" model = $5, input_tokens = $6, output_tokens = $7,"
		" latency_ms = $8, error_code = NULL, error_message = NULL,"
		" failed_at = NULL, purge_at = $10 + coalesce(retention,"
		"	nullif($9, 0) * interval '1 s'),"
		" lease_pid = NULL, lease_start = NULL, lease_until = NULL" OWN_LEASE
		" RETURNING intel._notify('intel_job', id::text)",
		args, 10);
	if (rows->nrows == 0)
		return false;
	engine_note_end(job->id);
	return true;
}

/* ---- steps --------------------------------------------------------------- */

static void
forget_reply(Job *job)
{
	if (job->reply != NULL)
		pfree(job->reply);
	job->reply = NULL;
}

static LlmTask
llm_task_by_name(const char *name)
{
	if (strcmp(name, "complete") == 0)
		return LLM_TASK_COMPLETE;
	if (strcmp(name, "chat") == 0)
		return LLM_TASK_CHAT;
	if (strcmp(name, "embed") == 0)
		return LLM_TASK_EMBED;
	if (strcmp(name, "rerank") == 0)
		return LLM_TASK_RERANK;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unknown kind of model call in a job's step"),
					errhint("A step returns \"call\": \"complete\", \"chat\", "
							"\"embed\" or \"rerank\".")));
}

static Datum
jsonb_from_text(const char *text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

/* Prepare the next call of the job, in the job's memory. */
static void
prepare_call(Job *job, const char *call, Datum request)
{
	MemoryContext old = MemoryContextSwitchTo(job->cxt);

	job->llm_call = llm_call_prepare_job(
		llm_task_by_name(call), DatumGetJsonbP(request), &job->refusal);
	if (job->llm_call != NULL)
	{
		job->model = pstrdup(job->llm_call->model);
		job->llm_call->wants_parts = job->llm_call->is_streamed;
	}
	MemoryContextSwitchTo(old);
}

/* Prepare the next call of a batch; false when there is no more. */
static bool
prepare_next(Job *job)
{
	Jsonb *next = embed_next(job);

	if (next != NULL)
		prepare_call(job, "embed", JsonbPGetDatum(next));
	return next != NULL;
}

/*
 * The next call of a batch, after the answer to the last one; when there is no
 * more, all answers as one, in the job's memory.
 */
static char *
run_batch(Job *job)
{
	MemoryContext old;
	char *result;

	if (job->reply != NULL)
	{
		embed_store(job, job->reply);
		forget_reply(job);
	}
	if (prepare_next(job))
		return NULL;
	old = MemoryContextSwitchTo(job->cxt);
	result = embed_result(job);
	MemoryContextSwitchTo(old);
	return result;
}

/* Prepare a call, or the first one of a batch. */
static void
begin_call(Job *job, const char *call, Datum request)
{
	if (strcmp(call, "embed") != 0 ||
		!embed_begin(job, DatumGetJsonbP(request)))
		prepare_call(job, call, request);
	else
	{
		job->reply = NULL; /* to the step: none to the batch yet */
		(void) prepare_next(job);
	}
}

/* The next call of a job of one task; its result when there is no more. */
static char *
run_call(Job *job)
{
	if (job->batch != NULL)
		return run_batch(job);
	if (job->reply == NULL)
		begin_call(job, job->call, jsonb_from_text(job->request));
	return job->reply;
}

static void
refuse_without_step(const Job *job)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
					errmsg("step function of task \"%s\" does not exist",
						   job->task)));
}

/*
 * Call the task's step function and take apart what it returns: the next call
 * to make, or the result as text, or neither when the job is set aside.
 */
static char *
run_step(Job *job)
{
	QueryArg args[3];
	QueryResult *rows;
	char *call;
	char *sql;
	char *name = get_func_name(job->step);
	char *schema = get_namespace_name(get_func_namespace(job->step));

	/* dropped since the job was claimed */
	if (name == NULL || schema == NULL)
		refuse_without_step(job);
	args[0] = query_arg_text(job->request);
	args[1] = query_arg_text(job->state);
	args[2] = query_arg_text(job->reply);
	sql = psprintf(
		"SELECT s.r ->> 'call', s.r -> 'request', (s.r -> 'state')::text,"
		" (s.r -> 'result')::text, s.r ->> 'wait' = 'true'"
		" FROM (SELECT %s.%s($1::jsonb, $2::jsonb, $3::jsonb)) s(r)",
		quote_identifier(schema), quote_identifier(name));
	rows = query_run(sql, args, 3, false);

	call = query_text(rows, 0, 0);
	if (call != NULL || query_bool(rows, 0, 4, false))
	{
		char *state = query_text(rows, 0, 2);

		job->state =
			state != NULL ? MemoryContextStrdup(job->cxt, state) : NULL;
	}
	if (call != NULL)
	{
		bool isnull;
		Datum request = query_datum(rows, 0, 1, &isnull);

		if (isnull)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("a job's step asks for a call without a "
								   "request")));
		begin_call(job, call, request);
		return NULL;
	}
	if (query_bool(rows, 0, 4, false))
		engine_set_aside(job);
	return query_text(rows, 0, 3);
}

/*
 * Queued work does not outlive the right to submit it: what counts is the
 * role's privilege now. It is read from the catalog's rows, as the snapshot
 * that showed the job has them; has_function_privilege() asks a cache, which
 * may be a moment behind when a worker is awake for another reason.
 */
static void
check_still_allowed(void)
{
	QueryResult *rows = query_run_kept(
		"SELECT EXISTS (SELECT FROM pg_catalog.pg_roles"
		"	WHERE rolname = current_user AND rolsuper)"
		" OR EXISTS (SELECT FROM pg_catalog.pg_proc p,"
		"	LATERAL pg_catalog.aclexplode(coalesce(p.proacl,"
		"		pg_catalog.acldefault('f', p.proowner))) a"
		"	WHERE p.oid = to_regprocedure('intel.submit(text, jsonb, jsonb)')"
		"	AND a.privilege_type = 'EXECUTE'"
		"	AND CASE WHEN a.grantee = 0 THEN true"
		"		ELSE pg_catalog.pg_has_role(a.grantee, 'USAGE') END)",
		NULL, 0);

	if (!query_bool(rows, 0, 0, false))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("the submitter may no longer run jobs"),
						errhint("Grant it with intel.grant_access().")));
}

/*
 * A body of run_guarded: the next call of a batch that a step asked for. When
 * there is none, the answers are what the step is given.
 */
static bool
batch_as_submitter(Job *job)
{
	char *answers = run_batch(job);

	if (answers == NULL)
		return job->llm_call != NULL;
	job->batch = NULL;
	job->reply = answers;
	return false;
}

/* A body of run_guarded: a failed call made ready to be sent once more. */
static bool
repair_as_submitter(Job *job)
{
	return llm_call_repair(job->llm_call);
}

static void
refuse_lost_job(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INTEL_REFUSED),
			 errmsg("the job no longer belongs to its submitter"),
			 errdetail("Its role, subject or tenant is not what it was "
					   "when the job was submitted, or it was cancelled.")));
}

/*
 * What a step has written before it waits is committed without the result that
 * would have named the lease (I2).
 */
static void
check_lease(const Job *job)
{
	QueryArg args[3];

	engine_args_own_lease(args, job);
	if (engine_query("SELECT 1 FROM intel.job_queue" OWN_LEASE
					 " FOR NO KEY UPDATE",
					 args, 3)
			->nrows == 0)
		refuse_lost_job();
}

/* The body of advance, inside subtransaction and identity. */
static bool
advance_as_submitter(Job *job)
{
	const char *result = NULL;

	(void) stream_write_as_submitter(job);
	if (job->reply == NULL)
		check_still_allowed();
	if (OidIsValid(job->step))
		result = run_step(job);
	else if (job->call == NULL)
		refuse_without_step(job);
	else
		result = run_call(job);

	if (job->llm_call != NULL)
		return true;
	if (job->refusal.sqlstate != 0)
		return false;
	if (job->is_aside)
	{
		check_lease(job);
		return false;
	}
	if (result == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a job's step returned neither a call nor a "
							   "result")));
	if (!write_success(job, result))
		refuse_lost_job();
	return false;
}

/* Errors of SQL that another attempt may not meet. */
static bool
sqlstate_retryable(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_INTEL_TIMEOUT:
		case ERRCODE_INTEL_RATE_LIMITED:
		case ERRCODE_INTEL_CIRCUIT_OPEN:
		case ERRCODE_T_R_SERIALIZATION_FAILURE:
		case ERRCODE_T_R_DEADLOCK_DETECTED:
		case ERRCODE_LOCK_NOT_AVAILABLE:
			return true;
		default:
			return ERRCODE_TO_CATEGORY(sqlstate) ==
				   ERRCODE_INSUFFICIENT_RESOURCES;
	}
}

/* Message of an error as it is kept with the job, cut between characters. */
static char *
message_of(const ErrorData *error)
{
	const char *message = error->message ? error->message : "unknown error";

	return pnstrdup(message,
					pg_mbcliplen(message, strlen(message), MESSAGE_MAX_BYTES));
}

/*
 * Add what the last call used, write it into the log, and let it go. Its
 * result is the job's reply.
 */
static void
settle_call(Job *job)
{
	LlmCall *call = job->llm_call;
	int64 id;

	if (call == NULL)
		return;
	hold_call_ends(call);
	id = llm_log_attempt(call, true);
	job->calls += call->outcome == LLM_SUCCEEDED;
	if (call->outcome == LLM_SUCCEEDED)
	{
		MemoryContext old;

		llm_cache_store(call);
		old = MemoryContextSwitchTo(job->cxt);
		job->reply = llm_call_result(call, id);
		MemoryContextSwitchTo(old);
	}
	job->input_tokens += Max(call->usage.input, 0);
	job->output_tokens += Max(call->usage.output, 0);
	job->latency_ms += call->latency_ms;
	job->llm_call = NULL;
	llm_call_free(call);
}

/*
 * A cancel that comes now is too late for the SQL of the job. In a session it
 * is meant for all that the session does, in a worker for nothing else.
 */
static void
end_guarded(void)
{
	guarded = false;
	if (worker_shared_is_worker())
		QueryCancelPending = false;
}

/*
 * Run body as the submitter in a subtransaction that does not wait for locks.
 * Returns the error that ended it, in the caller's context, or NULL and what
 * body returned.
 */
static ErrorData *
run_guarded(Job *job, bool (*body)(Job *), bool *to_send)
{
	LlmOrigin origin = {job->id, job->feature, job->traceparent};
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	llm_origin_set(&origin);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		IdentitySave save;
		int level = NewGUCNestLevel();

		(void) set_config_option("lock_timeout", LOCK_WAIT, PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
		identity_enter(job->owner, job->claims, job->tenant, &save);
		guarded = true;
		*to_send = body(job);
		end_guarded();
		identity_leave(&save);
		AtEOXact_GUC(true, level);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		end_guarded();
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	llm_origin_set(NULL);
	return error;
}

void
engine_fail(Job *job, int sqlstate, const char *message)
{
	Failure failure = {sqlstate, message, false, -1};

	write_failure(job, &failure);
}

void
engine_fail_with_error(Job *job, const ErrorData *error)
{
	Failure failure;

	failure.sqlstate = error->sqlerrcode;
	failure.message = message_of(error);
	failure.retryable = sqlstate_retryable(error->sqlerrcode);
	failure.retry_after_ms = -1;
	write_failure(job, &failure);
}

/* What a step changes of its job, besides the table. */
typedef struct StepStart
{
	char *state;
	char *reply;
	EmbedBatch *batch;
} StepStart;

/*
 * As if the step that met a lock had not been tried: what it was given is
 * there for the next time.
 */
static void
undo_step(Job *job, const StepStart *start)
{
	job->state = start->state;
	if (job->batch == NULL || job->batch != start->batch)
	{
		job->batch = start->batch;
		job->reply = start->reply;
	}
	else
		embed_put_back(job);
	engine_set_aside(job);
}

/*
 * A job that has done what its step function or its batch said: true when
 * there is a call to send or the job is set aside.
 */
static bool
go_on(Job *job, bool to_send, const StepStart *start)
{
	stream_is_written(job);
	if (job->refusal.sqlstate != 0)
	{
		if (wait_for_refusal(job, &job->refusal))
			undo_step(job, start);
		return job->is_aside;
	}
	if (!to_send)
		return job->is_aside;
	forget_reply(job);
	job->n_asides = 0;
	return wait_admit(job);
}

/* From the job's start or after an answer; returns as engine_step. */
static bool
advance(Job *job)
{
	for (;;)
	{
		StepStart start;
		bool is_batch = job->batch != NULL && OidIsValid(job->step);
		bool to_send = false;
		ErrorData *error;

		stream_take(job);
		settle_call(job);
		start = (StepStart){job->state, job->reply, job->batch};
		job->refusal.sqlstate = 0;
		error = run_guarded(
			job, is_batch ? batch_as_submitter : advance_as_submitter,
			&to_send);
		if (error == NULL && is_batch && job->batch == NULL)
			continue;
		if (error == NULL)
			return go_on(job, to_send, &start);
		settle_call(job);
		/* a text that cannot be sent is left out of its batch */
		if (embed_take_failure(job, error->sqlerrcode, message_of(error)))
			continue;
		if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
			!engine_lock(job))
		{
			undo_step(job, &start);
			return true;
		}
		engine_fail_with_error(job, error);
		return false;
	}
}

bool
engine_take_given_answer(Job *job)
{
	LlmCall *call = job->llm_call;
	char *given = NULL;
	bool to_send;

	if (job->call != NULL && job->batch == NULL)
		given = llm_cache_last(call);
	if (given == NULL && job->call != NULL && job->batch == NULL)
		given =
			llm_given_fallback(llm_task_by_name(job->call),
							   DatumGetJsonbP(jsonb_from_text(job->request)));
	if (given == NULL)
		return false;
	job->llm_call = NULL;
	job->reply = given;
	if (run_guarded(job, advance_as_submitter, &to_send) == NULL)
	{
		stream_is_written(job);
		llm_call_free(call);
		return true;
	}
	job->reply = NULL;
	job->llm_call = call;
	return false;
}

/* What becomes of a job, locked, whose call failed; returns as engine_step. */
static bool
call_failed(Job *job)
{
	LlmCall *call = job->llm_call;
	Failure failure;

	hold_call_ends(call);
	if (call->outcome == LLM_PERMANENT)
	{
		bool repaired = false;
		ErrorData *error = run_guarded(job, repair_as_submitter, &repaired);

		if (error != NULL)
		{
			engine_fail_with_error(job, error);
			return false;
		}
		if (repaired)
			return wait_admit(job);
		if (embed_take_failure(job, call->sqlstate, call->message))
			return advance(job);
	}

	(void) llm_log_attempt(call, true);
	/* the provider's limit is a limit like ours */
	if (call->outcome == LLM_RETRYABLE &&
		call->sqlstate == ERRCODE_INTEL_RATE_LIMITED)
		return wait_for_provider(job,
								 retry_delay_ms(1, call->retry_after_ms) + 1);
	if (!(call->outcome == LLM_RETRYABLE &&
		  job->attempts < job->max_attempts) &&
		engine_take_given_answer(job))
		return false;
	failure.sqlstate = call->sqlstate;
	failure.message = call->message != NULL ? call->message : "unknown error";
	failure.retryable = call->outcome == LLM_RETRYABLE;
	failure.retry_after_ms = call->retry_after_ms;
	write_failure(job, &failure);
	return false;
}

bool
engine_step(Job *job)
{
	bool has_failed;

	if (job->llm_call != NULL)
		llm_call_check_encoding(job->llm_call);
	has_failed =
		job->llm_call != NULL && job->llm_call->outcome != LLM_SUCCEEDED;
	job->is_aside = false;
	/* a job that was locked is not waited for again and again */
	if ((has_failed || job->n_asides > 0) && !engine_lock(job))
	{
		engine_set_aside(job);
		return true;
	}
	return has_failed ? call_failed(job) : advance(job);
}

bool
engine_write_part(Job *job)
{
	bool written;
	ErrorData *error;

	stream_take(job);
	error = run_guarded(job, stream_write_as_submitter, &written);
	if (error == NULL)
		stream_is_written(job);
	else if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
			 !engine_lock(job))
		stream_note(job);
	else
	{
		engine_fail_with_error(job, error);
		return false;
	}
	return true;
}

void
engine_forget(Job *job)
{
	if (job->llm_call != NULL)
		llm_call_free(job->llm_call);
	MemoryContextDelete(job->cxt);
}
