/*-------------------------------------------------------------------------
 *
 * worker_stream.c
 *		Answers of streamed jobs, written part by part while they arrive.
 *
 * What has arrived of a job's answer is written at most every FLUSH_MS, so
 * that a fast model does not cost a transaction for every word, and what is
 * left together with the result. The parts of an earlier attempt go when the
 * first of a new one is written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/query.h"
#include "worker/worker_int.h"

/* the time between two parts, at least */
#define FLUSH_MS 100

void
stream_note(Job *job)
{
	if (job->part_due == DT_NOEND)
		job->part_due =
			TimestampTzPlusMilliseconds(job->part_written, FLUSH_MS);
}

TimestampTz
stream_next_due(const List *jobs)
{
	TimestampTz due = DT_NOEND;
	ListCell *lc;

	foreach (lc, jobs)
		due = Min(due, ((const Job *) lfirst(lc))->part_due);
	return due;
}

void
stream_take(Job *job)
{
	char *part = NULL;

	if (job->llm_call != NULL && job->llm_call->wants_parts)
		part = llm_call_take_utf8(job->llm_call);
	/* the call fails when it ends, and tells what it has cost */
	if (part != NULL && llm_part_to_server(part) == NULL)
	{
		job->llm_call->wants_parts = false;
		part = NULL;
	}
	/* behind what could not be written yet */
	if (part != NULL && job->part != NULL)
		part = psprintf("%s%s", job->part, part);
	if (part != NULL)
		job->part = MemoryContextStrdup(job->cxt, part);
	job->part_due = DT_NOEND;
	job->part_written = GetCurrentTimestamp();
}

bool
stream_write_as_submitter(Job *job)
{
	QueryArg args[5];

	if (job->part == NULL)
		return true;
	engine_args_own_lease(args, job);
	if (job->n_parts == 0)
		(void) engine_query(
			"SELECT intel._delete_own('intel.job_part', ARRAY("
			"SELECT ctid FROM intel.job_part WHERE job = $1 FOR UPDATE))",
			args, 1);
	args[3] = query_arg_int4(job->n_parts + 1);
	args[4] = query_arg_text(
		pg_any_to_server(job->part, (int) strlen(job->part), PG_UTF8));
	(void) engine_query("INSERT INTO intel.job_part (job, seq, content)"
						" SELECT id, $4, $5 FROM intel.job_queue" OWN_LEASE
						" RETURNING intel._notify('intel_job_part',"
						"	job::text || ' ' || seq::text)",
						args, 5);
	return true;
}

void
stream_is_written(Job *job)
{
	if (job->part != NULL)
		job->n_parts++;
	job->part = NULL;
}
