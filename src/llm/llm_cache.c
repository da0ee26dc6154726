/*-------------------------------------------------------------------------
 *
 * llm_cache.c
 *		Answers that may be given again.
 *
 * The key of an answer is what was sent, after redaction, with the model, the
 * role and the tenant: whoever could not have made the same call does not get
 * its answer. Rows are read and written below privileges, but under that key.
 *
 * Against stampedes: an answer is refreshed before it expires with a chance
 * that grows toward the end and with the time the call takes (Vattani, Chierichetti
 * and Lowenstein, "Optimal probabilistic cache stampede prevention", 2015), by
 * one session at a time; and where there is none, one session calls and the
 * others wait for its commit. They ask for the lock again and again instead of
 * queueing for it, so that no wait is part of a deadlock, for no longer than a
 * call may take, and not while they have such a lock themselves: two sessions
 * with many questions would wait for each other. A job has no transaction while
 * its call is in flight, so its lock is the process's own until the answer is
 * written, and then the transaction's that writes it; jobs of one process, which
 * the lock does not keep apart, are in a list.
 *
 * Refreshed answers are new rows. What is old is kept for a day as a fallback
 * for a call that fails, and removed by prune_cache().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_control.h"
#include "common/cryptohash.h"
#include "common/pg_prng.h"
#include "common/sha2.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/json.h"
#include "base/query.h"
#include "base/shmem.h"
#include "llm/llm_cache.h"
#include "llm/llm_restore.h"

INTEL_FUNCTION(cache_stats);

#define MAX_TTL (366 * 24 * 3600)
/* longest answer that is kept */
#define MAX_RESULT (1024 * 1024)
/* between two looks whether another session's answer has come */
#define POLL_MS 20

/* Columns of llm_cache.sql. */
enum
{
	CACHE_KEY,
	CACHE_MODEL,
	CACHE_STORED_AT,
	CACHE_EXPIRES_AT,
	CACHE_TOOK_MS,
	CACHE_RESULT,
	CACHE_OWNER,
	CACHE_TENANT,
	CACHE_COLUMNS
};

typedef enum CacheCount
{
	COUNT_HITS,
	COUNT_MISSES,
	COUNT_REFRESHES,
	COUNT_WAITS,
	COUNT_STALE,
	COUNTS
} CacheCount;

static pg_atomic_uint64 *shared = NULL;
static pg_atomic_uint64 local[COUNTS];

static void
init_counts(void *area)
{
	for (int i = 0; i < COUNTS; i++)
		pg_atomic_init_u64((pg_atomic_uint64 *) area + i, 0);
}

void
llm_cache_register(void)
{
	init_counts(local);
	shmem_register("intel cache", sizeof(local), init_counts,
				   (void **) &shared);
}

static void
count(CacheCount what)
{
	pg_atomic_fetch_add_u64((shared != NULL ? shared : local) + what, 1);
}

/* ---- what is asked for --------------------------------------------------- */

void
llm_cache_take_members(LlmCall *call, json_t *request)
{
	const json_t *ttl = json_object_get(request, "cache");

	call->state->cache_ttl = guc_cache_ttl;
	if (ttl == NULL)
		return;
	if (!json_is_null(ttl))
	{
		if (!json_is_integer(ttl) || json_integer_value(ttl) < 0 ||
			json_integer_value(ttl) > MAX_TTL)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("request cannot be sent: \"cache\" is not "
								   "a number of seconds")));
		call->state->cache_ttl = (int) json_integer_value(ttl);
	}
	json_object_del(request, "cache");
}

static void
hash_text(pg_cryptohash_ctx *hash, const char *text, bool *ok)
{
	/* with the NUL, so that parts cannot move into each other */
	const char *value = text != NULL ? text : "\001";

	*ok = *ok && pg_cryptohash_update(hash, (const uint8 *) value,
									  strlen(value) + 1) >= 0;
}

StaticAssertDecl(LLM_CACHE_KEY_LEN == PG_SHA256_DIGEST_LENGTH,
				 "a key is a SHA-256 hash");

static void
end_hash(pg_cryptohash_ctx *hash, bool ok, uint8 *digest)
{
	ok = ok && pg_cryptohash_final(hash, digest, PG_SHA256_DIGEST_LENGTH) >= 0;
	pg_cryptohash_free(hash);
	if (!ok)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY),
						errmsg("could not compute the key of an answer")));
}

static void
make_key(LlmCall *call)
{
	LlmCallState *state = call->state;
	const json_t *schema = json_object_get(state->ask.options, "schema");
	char *checked = schema != NULL ? json_text(schema) : NULL;
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	char numbers[32];
	bool ok = hash != NULL && pg_cryptohash_init(hash) >= 0;

	snprintf(numbers, sizeof(numbers), "%d %u", (int) call->task,
			 state->owner);
	hash_text(hash, numbers, &ok);
	hash_text(hash, state->tenant, &ok);
	hash_text(hash, call->model, &ok);
	hash_text(hash, state->url, &ok);
	hash_text(hash, state->wire.body, &ok);
	/* what was sent may not say all that its answer was checked for */
	hash_text(hash, checked, &ok);
	end_hash(hash, ok, state->cache_key);
}

/*
 * The lock of a key. pg_locks shows it to everybody, so nobody may be able to
 * compute it from what he thinks that somebody asks: the cluster's
 * nonce goes into it, which no client ever sees. And it is no advisory lock,
 * which anybody could take.
 */
static void
make_lock(LlmCallState *state)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	bool ok = hash != NULL && pg_cryptohash_init(hash) >= 0;
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	uint32 object;
	uint16 part;

	ok = ok &&
		 pg_cryptohash_update(hash,
							  (const uint8 *) GetMockAuthenticationNonce(),
							  MOCK_AUTH_NONCE_LEN) >= 0 &&
		 pg_cryptohash_update(hash, state->cache_key, LLM_CACHE_KEY_LEN) >= 0;
	end_hash(hash, ok, digest);
	memcpy(&object, digest, sizeof(object));
	memcpy(&part, digest + sizeof(object), sizeof(part));
	SET_LOCKTAG_OBJECT(
		state->cache_lock, MyDatabaseId,
		get_relname_relid("cache", get_namespace_oid("intel", false)), object,
		part);
}

/* ---- reading ------------------------------------------------------------- */

/* The newest answer of a key, as of now. */
typedef struct Found
{
	char *result; /* NULL: none */
	TimestampTz stored_at;
	TimestampTz expires_at;
	int64 took_ms;
} Found;

static Datum
key_datum(const LlmCallState *state)
{
	bytea *key = palloc(VARHDRSZ + LLM_CACHE_KEY_LEN);

	SET_VARSIZE(key, VARHDRSZ + LLM_CACHE_KEY_LEN);
	memcpy(VARDATA(key), state->cache_key, LLM_CACHE_KEY_LEN);
	return PointerGetDatum(key);
}

static void
find(const LlmCall *call, Found *found)
{
	Oid schema = get_namespace_oid("intel", false);
	Relation rel =
		table_open(get_relname_relid("cache", schema), AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	Snapshot snapshot =
		RegisterSnapshot(GetCatalogSnapshot(RelationGetRelid(rel)));
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple tuple;

	memset(found, 0, sizeof(*found));
	ScanKeyInit(&key, CACHE_KEY + 1, BTEqualStrategyNumber, F_BYTEAEQ,
				key_datum(call->state));
	scan = systable_beginscan(rel, get_relname_relid("cache_key", schema),
							  true, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool isnull;
		TimestampTz stored_at = DatumGetTimestampTz(
			heap_getattr(tuple, CACHE_STORED_AT + 1, desc, &isnull));

		if (found->result != NULL && stored_at <= found->stored_at)
			continue;
		found->stored_at = stored_at;
		found->expires_at = DatumGetTimestampTz(
			heap_getattr(tuple, CACHE_EXPIRES_AT + 1, desc, &isnull));
		found->took_ms = DatumGetInt64(
			heap_getattr(tuple, CACHE_TOOK_MS + 1, desc, &isnull));
		found->result = TextDatumGetCString(
			heap_getattr(tuple, CACHE_RESULT + 1, desc, &isnull));
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
}

/* Is it time to call again, although the answer has not expired? */
static bool
refresh_early(const Found *found, TimestampTz now)
{
	double ahead_ms = -(double) found->took_ms *
					  log(1 - pg_prng_double(&pg_global_prng_state));

	return now + (int64) (ahead_ms * 1000) >= found->expires_at;
}

/* Give the call an answer that it need not be made for. */
static void
take(LlmCall *call, const Found *found, CacheCount what)
{
	call->state->cached_result = MemoryContextStrdup(call->cxt, found->result);
	call->is_local = true;
	count(what);
}

/* Calls of this process's jobs that are made for all. */
static dlist_head flights = DLIST_STATIC_INIT(flights);
static uint64 flights_ended = 0;

static bool
is_flying(const LlmCallState *state)
{
	dlist_iter iter;

	dlist_foreach(iter, &flights)
	{
		const LlmCallState *other =
			dlist_container(LlmCallState, flight, iter.cur);

		if (memcmp(other->cache_key, state->cache_key, LLM_CACHE_KEY_LEN) == 0)
			return true;
	}
	return false;
}

/* Locks of keys that the open transaction has. */
static int nlocks = 0;

/*
 * Those of its open subtransactions, the innermost last: with its lock of a key
 * a rollback to a savepoint takes back that a call was made.
 */
typedef struct SubLocks
{
	SubTransactionId id;
	int n;
} SubLocks;

static List *sublocks = NIL; /* in TopTransactionContext */

static void
forget_locks(XactEvent event, void *arg pg_attribute_unused())
{
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE ||
		event == XACT_EVENT_PARALLEL_PRE_COMMIT)
		return;
	nlocks = 0;
	sublocks = NIL;
}

static void
forget_sublocks(SubXactEvent event, SubTransactionId id,
				SubTransactionId parent, void *arg pg_attribute_unused())
{
	SubLocks *last = sublocks != NIL ? llast(sublocks) : NULL;
	SubLocks *before = list_length(sublocks) > 1
						   ? list_nth(sublocks, list_length(sublocks) - 2)
						   : NULL;

	if (last == NULL || last->id != id ||
		(event != SUBXACT_EVENT_COMMIT_SUB &&
		 event != SUBXACT_EVENT_ABORT_SUB))
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		nlocks -= last->n;
	else if (before != NULL && before->id == parent)
		before->n += last->n;
	else
	{
		last->id = parent;
		return;
	}
	sublocks = list_delete_last(sublocks);
}

/* Count a lock that the open subtransaction has taken. */
static void
count_lock(void)
{
	SubTransactionId id = GetCurrentSubTransactionId();
	SubLocks *last = sublocks != NIL ? llast(sublocks) : NULL;

	if (last == NULL || last->id != id)
	{
		MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

		last = palloc0(sizeof(SubLocks));
		last->id = id;
		sublocks = lappend(sublocks, last);
		MemoryContextSwitchTo(old);
	}
	last->n++;
	nlocks++;
}

/*
 * A statement over many rows shall not take the server's lock table for
 * itself: beyond a sixteenth of it calls are made without a lock, and at worst
 * twice.
 */
static bool
may_lock(void)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(forget_locks, NULL);
		RegisterSubXactCallback(forget_sublocks, NULL);
	}
	registered = true;
	return nlocks < Max(max_locks_per_xact * (MaxBackends / 16), 1);
}

/*
 * The lock of a key if it is free, to the end of the transaction, or of the
 * call of a job.
 */
static bool
try_lock(LlmCallState *state)
{
	bool of_job = state->job != 0;

	if (of_job && is_flying(state))
		return false;
	if (!of_job && !may_lock())
		return true;
	if (LockAcquire(&state->cache_lock, ExclusiveLock, of_job, true) ==
		LOCKACQUIRE_NOT_AVAIL)
		return false;
	if (!of_job)
		count_lock();
	else
	{
		dlist_push_tail(&flights, &state->flight);
		state->in_flights = true;
	}
	return true;
}

void
llm_cache_leave(LlmCallState *state)
{
	if (!state->in_flights)
		return;
	(void) LockRelease(&state->cache_lock, ExclusiveLock, true);
	dlist_delete(&state->flight);
	state->in_flights = false;
	state->has_flight = false;
	flights_ended++;
}

uint64
llm_cache_flights(void)
{
	return flights_ended;
}

void
llm_cache_look(LlmCall *call, bool can_send)
{
	LlmCallState *state = call->state;
	Found found;
	TimestampTz now = GetCurrentTimestamp();

	/* a builtin model is no call, and parts of a stream are no answer */
	if (call->is_local || call->is_streamed)
		state->cache_ttl = 0;
	if (state->cache_ttl == 0)
		return;
	make_key(call);
	make_lock(state);
	find(call, &found);
	if (found.result == NULL || found.expires_at <= now)
		return;
	/* one refreshes, the others take what there is */
	if (can_send && refresh_early(&found, now) && !RecoveryInProgress() &&
		try_lock(state))
	{
		state->has_flight = true;
		count(COUNT_REFRESHES);
		return;
	}
	take(call, &found, COUNT_HITS);
}

void
llm_cache_wait(LlmCall *call)
{
	static uint32 wait_event = 0;
	LlmCallState *state = call->state;
	TimestampTz until =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), call->timeout_ms);
	bool waited = false;

	if (call->is_local || state->cache_ttl == 0 || RecoveryInProgress())
		return;
	if (wait_event == 0)
		wait_event = WaitEventExtensionNew("IntelCache");
	while (!state->has_flight && !call->is_local &&
		   GetCurrentTimestamp() < until)
	{
		Found found;

		state->has_flight = try_lock(state);
		find(call, &found);
		if (found.result != NULL && found.expires_at > GetCurrentTimestamp())
			take(call, &found, COUNT_HITS);
		else if (!state->has_flight && nlocks > 0)
			return;
		else if (!state->has_flight)
		{
			if (!waited && state->give_up_at == 0)
				count(COUNT_WAITS);
			waited = true;
			if (llm_calls_in_flight() > 0)
			{
				/* others of the statement go on meanwhile */
				llm_calls_wait(POLL_MS, LLM_WAIT_ANSWER);
				continue;
			}
			(void) WaitLatch(MyLatch,
							 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 POLL_MS, wait_event);
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
	}
}

bool
llm_cache_board(LlmCall *call)
{
	LlmCallState *state = call->state;
	TimestampTz now = GetCurrentTimestamp();
	Found found;

	if (call->is_local || state->cache_ttl == 0 || state->has_flight ||
		RecoveryInProgress())
		return true;
	state->has_flight = try_lock(state);
	find(call, &found);
	if (found.result != NULL && found.expires_at > now)
	{
		llm_cache_leave(state);
		take(call, &found, COUNT_HITS);
		return true;
	}
	if (state->has_flight || (state->job == 0 && nlocks > 0))
		return true;
	if (state->give_up_at == 0)
	{
		state->give_up_at = TimestampTzPlusMilliseconds(now, call->timeout_ms);
		count(COUNT_WAITS);
	}
	return now >= state->give_up_at;
}

char *
llm_cache_last(const LlmCall *call)
{
	char *result = llm_cache_stale(call);

	if (result != NULL)
		llm_cache_note_stale();
	return result;
}

char *
llm_cache_stale(const LlmCall *call)
{
	Found found;

	if (call->is_local || call->state->cache_ttl == 0)
		return NULL;
	find(call, &found);
	return found.result != NULL ? llm_restore_result(call, found.result)
								: NULL;
}

void
llm_cache_note_stale(void)
{
	count(COUNT_STALE);
}

/* ---- writing ------------------------------------------------------------- */

/* A job's lock goes with its call, before others can see the answer. */
static void
hold_until_commit(const LlmCallState *state)
{
	if (state->in_flights)
		(void) LockAcquire(&state->cache_lock, ExclusiveLock, false, true);
}

void
llm_cache_store(const LlmCall *call)
{
	const LlmCallState *state = call->state;
	TimestampTz now = GetCurrentTimestamp();
	Relation rel;
	EState *estate;
	MemoryContext old;
	ResultRelInfo *target;
	TupleTableSlot *slot;
	Datum *values;

	if (state->cache_ttl == 0 || state->cached_result != NULL ||
		call->outcome != LLM_SUCCEEDED)
		return;
	count(COUNT_MISSES);
	if (XactReadOnly || IsInParallelMode() || RecoveryInProgress() ||
		strlen(call->result) > MAX_RESULT)
		return;
	rel = table_open(
		get_relname_relid("cache", get_namespace_oid("intel", false)),
		RowExclusiveLock);
	estate = CreateExecutorState();
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	target = makeNode(ResultRelInfo);
	InitResultRelInfo(target, rel, 0, NULL, 0);
	ExecOpenIndices(target, false);
	estate->es_output_cid = GetCurrentCommandId(true);
	slot =
		ExecInitExtraTupleSlot(estate, RelationGetDescr(rel), &TTSOpsVirtual);
	ExecClearTuple(slot);
	values = slot->tts_values;
	memset(slot->tts_isnull, 0, CACHE_COLUMNS * sizeof(bool));
	values[CACHE_KEY] = key_datum(state);
	values[CACHE_MODEL] = CStringGetTextDatum(call->model);
	values[CACHE_STORED_AT] = TimestampTzGetDatum(now);
	values[CACHE_EXPIRES_AT] = TimestampTzGetDatum(
		TimestampTzPlusMilliseconds(now, (int64) state->cache_ttl * 1000));
	values[CACHE_TOOK_MS] = Int64GetDatum(call->latency_ms);
	values[CACHE_RESULT] = CStringGetTextDatum(call->result);
	values[CACHE_OWNER] = ObjectIdGetDatum(state->owner);
	slot->tts_isnull[CACHE_TENANT] = state->tenant == NULL;
	if (state->tenant != NULL)
		values[CACHE_TENANT] = CStringGetTextDatum(state->tenant);
	ExecStoreVirtualTuple(slot);
	ExecSimpleRelationInsert(target, estate, slot);
	ExecCloseIndices(target);
	hold_until_commit(state);
	ExecResetTupleTable(estate->es_tupleTable, false);
	MemoryContextSwitchTo(old);
	FreeExecutorState(estate);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

void
llm_cache_prune(void)
{
	(void) query_run("SELECT intel.prune_cache()", NULL, 0, false);
}

Datum
intel_cache_stats(PG_FUNCTION_ARGS)
{
	TupleDesc desc;
	Datum values[COUNTS];
	bool nulls[COUNTS] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (int i = 0; i < COUNTS; i++)
		values[i] = Int64GetDatum(
			(int64) pg_atomic_read_u64((shared != NULL ? shared : local) + i));
	return HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
