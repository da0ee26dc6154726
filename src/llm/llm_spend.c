/*-------------------------------------------------------------------------
 *
 * llm_spend.c
 *		What budgets have spent survives the server.
 *
 * The total of a budget lives in shared memory, where a rollback does not
 * take it back. Before a call is sent, intel.spend has at least what is spent
 * and reserved then: a value written ahead, by up to a hundredth of the
 * budget, so that not every call waits for a commit. After a crash that value
 * is where counting goes on, so what a crash can cost is a hundredth of the
 * budget and the reservations of its moment, never an overshoot.
 *
 * Only the worker of the database writes the table, so nothing needs to be
 * said about writers meeting; sessions ask it and wait. It writes the exact
 * total when it has nothing else to do. Its commit is waited for whatever
 * synchronous_commit says: a call leaves when its total is on disk. A budget
 * whose total is in the table can leave shared memory, and comes back from
 * there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/query.h"
#include "base/shmem.h"
#include "llm/llm_limit.h"

/* Columns of llm_limit.sql. */
#define SPEND_KEY 1
#define SPEND_AMOUNT 5

/* how much is written ahead: this part of a budget */
#define AHEAD 100
/* longest wait for the worker, beyond what it may spend in a submitter's SQL */
#define RECORD_TIMEOUT_MS 10000
#define LAUNCHER_TIMEOUT_MS 5000
/* a budget that nothing has used for so long gets its exact total */
#define REST_MS 5000
/* totals written in one transaction */
#define BATCH 64

typedef struct Written
{
	Meter *meter;
	int32 limit;
	int32 period;
	int64 value;
	SubTransactionId subid;
	char scope[METER_SCOPE_MAX];
} Written;

static ConditionVariable *recorded = NULL;
static bool is_writer = false;
static Written written[BATCH];
static int nwritten = 0;

void
llm_spend_register(void)
{
	shmem_register_condition("intel spend", &recorded);
}

void
llm_spend_set_writer(void)
{
	is_writer = true;
}

int32
llm_spend_period(bool monthly, int64 *left_ms)
{
	TimestampTz now = GetCurrentTimestamp();
	int32 day = (int32) (now / USECS_PER_DAY);
	int32 end;
	int year;
	int month;
	int mday;

	/* days before 2000 do not come again */
	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	if (monthly)
	{
		day = date2j(year, month, 1) - POSTGRES_EPOCH_JDATE;
		end = date2j(year + month / 12, month % 12 + 1, 1) -
			  POSTGRES_EPOCH_JDATE;
	}
	else
		end = day + 1;
	*left_ms = ((int64) end * USECS_PER_DAY - now) / 1000;
	return day;
}

static char *
spend_key(int32 limit, const char *scope, int32 period)
{
	int year;
	int month;
	int mday;

	j2date(period + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	return psprintf("%d %04d-%02d-%02d %s", limit, year, month, mday, scope);
}

/*
 * What the table has for a budget. It is read below privileges and policies,
 * and as of now, whatever snapshot the user has.
 */
int64
llm_spend_load(int32 limit, const char *scope, int32 period)
{
	Oid schema = get_namespace_oid("intel", false);
	Relation rel =
		table_open(get_relname_relid("spend", schema), AccessShareLock);
	Snapshot snapshot =
		RegisterSnapshot(GetCatalogSnapshot(RelationGetRelid(rel)));
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple tuple;
	int64 value = 0;

	ScanKeyInit(&key, SPEND_KEY, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(spend_key(limit, scope, period)));
	scan = systable_beginscan(rel, get_relname_relid("spend_pkey", schema),
							  true, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		Datum amount =
			heap_getattr(tuple, SPEND_AMOUNT, RelationGetDescr(rel), &isnull);

		amount =
			DirectFunctionCall2(numeric_mul, amount,
								NumericGetDatum(int64_to_numeric(1000000000)));
		value = DatumGetInt64(DirectFunctionCall1(numeric_int8, amount));
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return value;
}

/* ---- the writer ---------------------------------------------------------- */

static void
on_transaction_end(XactEvent event, void *arg pg_attribute_unused())
{
	if (nwritten == 0 ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT))
		return;
	llm_limit_lock();
	for (int i = 0; i < nwritten; i++)
	{
		Meter *meter = written[i].meter;

		meter->writes--;
		/* another period may have begun, and this one may be back */
		if (event == XACT_EVENT_COMMIT && meter->period == written[i].period)
			meter->recorded = Max(meter->recorded, written[i].value);
	}
	llm_limit_unlock();
	ConditionVariableBroadcast(recorded);
	nwritten = 0;
}

/* What a subtransaction wrote goes with it; wanted says that it is missing. */
static void
on_subtransaction_end(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg pg_attribute_unused())
{
	int kept = 0;

	if (nwritten == 0 || (event != SUBXACT_EVENT_ABORT_SUB &&
						  event != SUBXACT_EVENT_COMMIT_SUB))
		return;
	llm_limit_lock();
	for (int i = 0; i < nwritten; i++)
	{
		bool is_of_it = written[i].subid == subid;

		if (is_of_it && event == SUBXACT_EVENT_ABORT_SUB)
		{
			written[i].meter->writes--;
			continue;
		}
		if (is_of_it)
			written[i].subid = parent;
		written[kept++] = written[i];
	}
	llm_limit_unlock();
	nwritten = kept;
}

static void
write_total(const Written *total)
{
	QueryArg args[5];

	args[0] =
		query_arg_text(spend_key(total->limit, total->scope, total->period));
	args[1] = query_arg_int4(total->limit);
	args[2] = query_arg_datum(DATEOID, DateADTGetDatum(total->period), false);
	args[3] = query_arg_text(total->scope);
	args[4] = query_arg_datum(
		NUMERICOID,
		NumericGetDatum(int64_div_fast_to_numeric(total->value, 9)), false);
	(void) query_run_restricted(
		"INSERT INTO intel.spend (key, budget, period, scope, amount)"
		" VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (key) DO UPDATE SET amount = excluded.amount,"
		" updated_at = clock_timestamp()",
		args, 5, false);
}

/*
 * Does the table have to be changed for this meter, and to what? The exact
 * total is for all, or for those that rest.
 */
static bool
total_to_write(const Meter *meter, bool exactly, int64 now, int64 *value)
{
	if (meter->database != MyDatabaseId || meter->kind != METER_BUDGET ||
		meter->period == METER_NO_PERIOD)
		return false;
	*value = meter->wanted;
	if (meter->wanted > meter->recorded)
		return true;
	*value = meter->spent + meter->reserved;
	return *value != meter->recorded && meter->writes == 0 &&
		   (exactly || now - meter->used_at > REST_MS);
}

/* Have the total of a meter written, if it has to be and there is room. */
static void
take_total(Meter *meter, bool exactly, int64 now, int first)
{
	Written *total = &written[nwritten];
	int64 value;

	if (nwritten == BATCH || !total_to_write(meter, exactly, now, &value))
		return;
	for (int i = first; i < nwritten; i++)
		if (written[i].meter == meter)
			return;
	/* from here on nobody relies on a higher value in the table */
	if (value < meter->recorded)
		meter->recorded = meter->wanted = value;
	total->value = value;
	total->meter = meter;
	total->limit = meter->limit;
	total->period = meter->period;
	total->subid = GetCurrentSubTransactionId();
	strcpy(total->scope, meter->scope);
	/* so that it does not leave and come back in the meantime */
	meter->writes++;
	nwritten++;
}

/* Write what has to be written, up to a batch, first what a call holds. */
static void
flush_first(const LlmCallState *state, bool exactly)
{
	static bool registered = false;
	int n;
	Meter *table = llm_limit_meters(&n);
	int64 now = llm_limit_now();
	int first = nwritten;

	if (!llm_limit_is_shared())
		return;
	if (!registered)
	{
		RegisterXactCallback(on_transaction_end, NULL);
		RegisterSubXactCallback(on_subtransaction_end, NULL);
		registered = true;
	}
	llm_limit_lock();
	for (int i = 0; state != NULL && i < state->nholds; i++)
		take_total(state->holds[i].meter, exactly, now, first);
	for (int i = 0; i < n; i++)
		take_total(&table[i], exactly, now, first);
	llm_limit_unlock();
	for (int i = first; i < nwritten; i++)
		write_total(&written[i]);
	if (nwritten > first)
		ForceSyncCommit();
}

void
llm_spend_flush(bool exactly)
{
	flush_first(NULL, exactly);
}

bool
llm_spend_waiting(bool exactly)
{
	int n;
	Meter *table = llm_limit_meters(&n);
	int64 now = llm_limit_now();
	int64 value;
	bool waiting = false;

	if (!llm_limit_is_shared())
		return false;
	llm_limit_lock();
	for (int i = 0; i < n && !waiting; i++)
		waiting = total_to_write(&table[i], exactly, now, &value);
	llm_limit_unlock();
	return waiting;
}

/* ---- those who spend ----------------------------------------------------- */

/* Ask for what a call holds to be written down; true when it is already. */
static bool
ask(const LlmCallState *state)
{
	bool done = true;

	llm_limit_lock();
	for (int i = 0; i < state->nholds; i++)
	{
		Meter *meter = state->holds[i].meter;
		int64 total = meter->spent + meter->reserved;

		if (state->holds[i].money == 0 || total <= meter->recorded)
			continue;
		done = false;
		meter->wanted = Max(meter->wanted, total);
		meter->wanted = Max(meter->wanted,
							Min(total + meter->amount / AHEAD, meter->amount));
	}
	llm_limit_unlock();
	return done;
}

/* Has a call waited long enough for what it holds to be written down? */
static bool
is_too_late(TimestampTz start, bool has_launcher)
{
	int wait_ms = guc_step_timeout + RECORD_TIMEOUT_MS;

	/* it starts a moment after the server, or after its promotion */
	if (!has_launcher)
		wait_ms = guc_max_workers > 0 ? LAUNCHER_TIMEOUT_MS : 0;
	return wait_ms == 0 ||
		   TimestampDifferenceExceeds(start, GetCurrentTimestamp(), wait_ms);
}

void
llm_spend_record(LlmCall *call)
{
	static uint32 wait_event = 0;
	TimestampTz start = GetCurrentTimestamp();

	if (ask(call->state))
		return;
	if (is_writer)
	{
		flush_first(call->state, false);
		return;
	}
	if (wait_event == 0)
		wait_event = WaitEventExtensionNew("IntelBudget");
	ConditionVariablePrepareToSleep(recorded);
	while (!ask(call->state))
	{
		bool has_launcher = llm_wake_worker(LLM_WAKE_FLUSH);

		if (is_too_late(start, has_launcher))
		{
			ConditionVariableCancelSleep();
			llm_call_settle(call);
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("a budget could not be written down before the "
							"call"),
					 errhint("That takes a worker in this database: see "
							 "\"intel.max_workers\" and "
							 "\"max_worker_processes\".")));
		}
		(void) ConditionVariableTimedSleep(recorded, has_launcher ? 1000 : 20,
										   wait_event);
	}
	ConditionVariableCancelSleep();
}
