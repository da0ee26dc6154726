/*-------------------------------------------------------------------------
 *
 * llm_limit.c
 *		Who may send now: limits, budgets and circuit breakers.
 *
 * A call is let through by all of its meters or by none, under one lock, so
 * that no number of sessions together goes over a limit. What it will take is
 * not known before: tokens are estimated, money is reserved for the worst
 * case (a token has at least one byte, and the answer has its max_tokens).
 * Settling puts right what was taken. A call whose end nobody learned of, but
 * that may have been worked on, costs all that was reserved for it. Of tokens
 * nobody reserves more than a whole bucket, since nobody waits for more either.
 *
 * Buckets hold as much as a period allows and fill all the time, by the
 * monotonic clock, so setting the clock changes nothing. Whoever keeps its
 * place while it waits gets a time of its own (a ticket), so that not all come
 * back at one moment; jobs that go back to the queue are let go from there by
 * what holds them (worker_hold.c).
 *
 * The breaker of a model:
 *
 *		closed	-> open		intel.breaker_failures failures in a row, or the
 *							probe failed; each time for twice as long
 *		closed	-> limited	the provider asked to wait (429)
 *		open, limited -> closed		a probe, the one call that is let through
 *							when the time is over, succeeds
 *
 * Without preload there is nothing to share: breakers are then the session's
 * own, and a call that a limit or a budget applies to is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "access/xlog.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/error.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "llm/llm_limit.h"


#define METERS 4096
#define LOCAL_METERS 256
#define PROBES 64
#define MAX_CHECKS 16
#define MINUTE_MS 60000
/* of the meters that are near in the table, those that one lane may have */
#define LANE_PROBES (PROBES / 2)
/* how long a budget is kept that has all that it spent in the table */
#define BUDGET_IDLE_MS 1000
/* so that a waiting job comes after the moment, not just before it */
#define WAIT_MARGIN_MS 2

/* One meter that a call has to pass. */
typedef struct Check
{
	MeterKind kind;
	int32 limit;
	char scope[METER_SCOPE_MAX];
	int64 requests; /* in a period; 0: no limit, and so on */
	int64 tokens;
	int64 period_ms;
	int concurrency;
	int64 amount;  /* of a budget */
	int32 period;  /* of a budget: day of its beginning */
	int64 left_ms; /* of a budget: until its period ends */
	int64 loaded;  /* of a budget: what was spent, if it is new here */
} Check;

/* What a call asks for. */
typedef struct Need
{
	double tokens;
	int64 money;
} Need;

/* What it takes until the call is let through. */
typedef enum Want
{
	WANT_TIME,
	WANT_SIZE, /* tokens or money, so a smaller call might be let through */
	WANT_PLACE /* the end of a call in flight */
} Want;

/* The strictest refusal so far. */
typedef struct Verdict
{
	int sqlstate; /* 0: none */
	const Check *check;
	Meter *meter;
	double wait_ms;		/* -1: for ever */
	double interval_ms; /* between two tickets */
	Want want;
} Verdict;

/*
 * The table, and how often a budget, or its period, has left it: what was read
 * of one before that may be too little by now.
 */
typedef struct MeterTable
{
	uint64 budgets_left;
	Meter meters[FLEXIBLE_ARRAY_MEMBER];
} MeterTable;

static MeterTable *table = NULL; /* shared, or this process's own */
static int nmeters = 0;
static MeterTable *shared = NULL;

/* ---- the table ----------------------------------------------------------- */

void
llm_limit_register(void)
{
	shmem_register("intel meters",
				   offsetof(MeterTable, meters) + sizeof(Meter) * METERS, NULL,
				   (void **) &shared);
}

bool
llm_limit_is_shared(void)
{
	return shared != NULL;
}

void
llm_limit_lock(void)
{
	if (shared != NULL)
		LWLockAcquire(shmem_lock(), LW_EXCLUSIVE);
}

void
llm_limit_unlock(void)
{
	if (shared != NULL)
		LWLockRelease(shmem_lock());
}

int64
llm_limit_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

Meter *
llm_limit_meters(int *n)
{
	if (table == NULL)
	{
		table = shared;
		nmeters = METERS;
	}
	if (table == NULL)
	{
		table = MemoryContextAllocZero(TopMemoryContext,
									   offsetof(MeterTable, meters) +
										   sizeof(Meter) * LOCAL_METERS);
		nmeters = LOCAL_METERS;
	}
	*n = nmeters;
	return table->meters;
}

/* A budget without a period has been forgotten: its total is nobody's. */
static bool
is_evictable(const Meter *meter, int64 now)
{
	return meter->in_flight == 0 && meter->waiting == 0 &&
		   meter->reserved == 0 && meter->writes == 0 &&
		   (meter->kind != METER_BUDGET || meter->spent == meter->recorded ||
			meter->period == METER_NO_PERIOD) &&
		   now - meter->used_at > meter->idle_ms;
}

/*
 * The meter of a check, or NULL: with the lock held. One that is new is for
 * this lane; NULL also where the lane has its share of the meters, so that
 * nobody fills the table with names of his own making for all.
 */
static Meter *
find_meter(const Check *check, uint32 lane, bool create, bool *is_new)
{
	int n;
	Meter *all = llm_limit_meters(&n);
	int64 now = llm_limit_now();
	uint32 hash =
		hash_bytes((const unsigned char *) check->scope, strlen(check->scope));
	Meter *place = NULL;
	int of_lane = 0;

	*is_new = false;
	hash = hash_combine(hash, murmurhash32((uint32) check->limit * 4 +
										   check->kind + MyDatabaseId));
	for (int i = 0; i < PROBES; i++)
	{
		Meter *meter = &all[(hash + i) % n];
		bool is_free =
			!OidIsValid(meter->database) || is_evictable(meter, now);

		if (meter->database == MyDatabaseId && meter->kind == check->kind &&
			meter->limit == check->limit &&
			strcmp(meter->scope, check->scope) == 0)
			return meter;
		if (is_free && place == NULL)
			place = meter;
		if (!is_free && meter->database == MyDatabaseId && meter->lane == lane)
			of_lane++;
	}
	if (!create || place == NULL || of_lane >= LANE_PROBES)
		return NULL;
	if (OidIsValid(place->database) && place->kind == METER_BUDGET)
		table->budgets_left++;
	memset(place, 0, sizeof(*place));
	place->database = MyDatabaseId;
	place->lane = lane;
	place->kind = check->kind;
	place->limit = check->limit;
	strcpy(place->scope, check->scope);
	place->requests = check->requests;
	place->tokens = check->tokens;
	place->filled_at = now;
	place->latency_ms = 500;
	*is_new = true;
	return place;
}

/* ---- which meters a call has to pass ------------------------------------- */

/* A value as it stands in a scope: no two values, or null, are the same. */
static const char *
scope_value(const char *value)
{
	StringInfoData quoted;

	if (value == NULL)
		return "-";
	if (strcmp(value, "-") != 0 && strpbrk(value, " \"") == NULL)
		return value;
	initStringInfo(&quoted);
	appendStringInfoChar(&quoted, '"');
	for (; *value != '\0'; value++)
	{
		if (*value == '"')
			appendStringInfoChar(&quoted, '"');
		appendStringInfoChar(&quoted, *value);
	}
	appendStringInfoChar(&quoted, '"');
	return quoted.data;
}

/*
 * Append " name=value"; a scope that is too long is cut between characters and
 * ends in its hash.
 */
static void
add_scope(char *scope, const char *name, const char *value)
{
	size_t used = strlen(scope);
	size_t room = METER_SCOPE_MAX - used;
	uint64 seed =
		hash_bytes_extended((const unsigned char *) scope, (int) used, 0);

	value = scope_value(value);
	if (snprintf(scope + used, room, "%s%s=%s", used > 0 ? " " : "", name,
				 value) < (int) room)
		return;
	used = pg_mbcliplen(scope, strlen(scope), METER_SCOPE_MAX - 18);
	snprintf(scope + used, 18, "~%016" PRIx64,
			 hash_bytes_extended((const unsigned char *) value, strlen(value),
								 seed));
}

/* Whose call it is, as far as turns go: a tenant's, a user's or a role's. */
static uint32
lane_of(const LlmCallState *state)
{
	const char *name = state->tenant != NULL ? state->tenant : state->subject;

	return name != NULL
			   ? hash_bytes((const unsigned char *) name, strlen(name))
			   : murmurhash32(state->owner);
}

static void
put_scope(const LlmCall *call, int per, char *scope)
{
	const LlmCallState *state = call->state;
	char role[16];

	scope[0] = '\0';
	snprintf(role, sizeof(role), "%u", state->owner);
	if (per & LLM_PER_MODEL)
		add_scope(scope, "model", call->model);
	if (per & LLM_PER_ROLE)
		add_scope(scope, "role", role);
	if (per & LLM_PER_TENANT)
		add_scope(scope, "tenant", state->tenant);
	if (per & LLM_PER_SUBJECT)
		add_scope(scope, "subject", state->subject);
	if (per & LLM_PER_FEATURE)
		add_scope(scope, "feature", state->feature);
}

static bool
same_or_any(const char *wanted, const char *value)
{
	return wanted == NULL || (value != NULL && strcmp(wanted, value) == 0);
}

static bool
applies(const LlmLimit *limit, const LlmCall *call)
{
	const LlmCallState *state = call->state;

	return same_or_any(limit->model, call->model) &&
		   same_or_any(limit->tenant, state->tenant) &&
		   same_or_any(limit->feature, state->feature) &&
		   (!OidIsValid(limit->role) ||
			is_member_of_role_nosuper(state->owner, limit->role));
}

static Check *
add_check(Check *checks, int *n, MeterKind kind)
{
	Check *check;

	if (*n == MAX_CHECKS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many limits apply to one call"),
						errhint("At most %d rows of intel.rate_limit and "
								"intel.budget may.",
								MAX_CHECKS - 2)));
	check = &checks[(*n)++];
	memset(check, 0, sizeof(*check));
	check->kind = kind;
	return check;
}

static void
add_row(Check *checks, int *n, const LlmLimit *limit, const LlmCall *call)
{
	Check *check =
		add_check(checks, n, limit->is_budget ? METER_BUDGET : METER_RATE);

	check->limit = limit->id;
	put_scope(call, limit->per, check->scope);
	check->requests = limit->requests;
	check->tokens = limit->tokens;
	check->period_ms = limit->period_ms;
	check->concurrency = limit->concurrency;
	check->amount = limit->amount;
	if (limit->is_budget)
		check->period = llm_spend_period(limit->monthly, &check->left_ms);
}

static int
collect_checks(const LlmCall *call, Check *checks)
{
	const LlmCallState *state = call->state;
	const LlmLimit *limits;
	int nlimits = llm_catalog_limits(&limits);
	int n = 0;
	Check *check = add_check(checks, &n, METER_MODEL);

	snprintf(check->scope, METER_SCOPE_MAX, "%s %s", call->provider,
			 call->model);
	check->requests = state->rpm;
	check->tokens = state->tpm;
	check->period_ms = MINUTE_MS;
	if (shared != NULL)
	{
		check = add_check(checks, &n, METER_PROVIDER);
		strlcpy(check->scope, call->provider, METER_SCOPE_MAX);
		check->concurrency = state->max_concurrency;
	}
	for (int i = 0; i < nlimits; i++)
	{
		if (applies(&limits[i], call))
			add_row(checks, &n, &limits[i], call);
	}
	for (int i = 0; i < n; i++)
	{
		if (checks[i].kind == METER_BUDGET && RecoveryInProgress())
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("a budget applies to model \"%s\", which cannot "
							"be kept on a standby",
							call->model)));
	}
	if (shared == NULL && (n > 1 || state->rpm > 0 || state->tpm > 0))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a limit applies to model \"%s\", but limits are not "
						"kept on this server",
						call->model),
				 errhint("Add \"intel\" to \"shared_preload_libraries\" and "
						 "restart.")));
	return n;
}

/* ---- what a call asks for ------------------------------------------------ */

static Need
measure(const LlmCall *call, const Check *checks, int n)
{
	const LlmCallState *state = call->state;
	double bytes = strlen(state->wire.body);
	double most = 0;
	Need need;

	if (llm_has_output(call))
		most = (double) json_integer_value(
			json_object_get(state->ask.options, "max_tokens"));
	need.tokens = ceil(bytes / 4) + most;
	need.money = llm_cost_of(state, bytes, 0, most);
	for (int i = 0; i < n; i++)
	{
		if (checks[i].kind == METER_BUDGET &&
			(state->input_price == NULL ||
			 (llm_has_output(call) && state->output_price == NULL)))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("a budget applies to model \"%s\", which has no "
							"price",
							call->model),
					 errhint("Set \"input_price\" and \"output_price\" in "
							 "intel.model; 0 says that it costs nothing.")));
	}
	return need;
}

/* ---- one meter: with the lock held --------------------------------------- */

static void
refill(Meter *meter, const Check *check, int64 now)
{
	double periods;

	if (meter->filled_at < now && check->period_ms > 0)
	{
		periods = (double) (now - meter->filled_at) / check->period_ms;
		meter->requests += periods * check->requests;
		meter->tokens += periods * check->tokens;
		meter->filled_at = now;
	}
	meter->limits_requests = check->requests > 0;
	meter->limits_tokens = check->tokens > 0;
	/* where there is no limit there is no debt, when one is set later */
	meter->requests = check->requests > 0
						  ? Min(meter->requests, (double) check->requests)
						  : 0;
	meter->tokens =
		check->tokens > 0 ? Min(meter->tokens, (double) check->tokens) : 0;
}

/* Keep the refusal that makes wait longest. */
static void
refuse(Verdict *verdict, int sqlstate, const Check *check, Meter *meter,
	   double wait_ms, double interval_ms, Want want)
{
	if (verdict->sqlstate != 0 &&
		(verdict->wait_ms < 0 ||
		 (wait_ms >= 0 && wait_ms <= verdict->wait_ms)))
		return;
	*verdict = (Verdict){sqlstate, check, meter, wait_ms, interval_ms, want};
}

static void
test_breaker(Verdict *verdict, const Check *check, Meter *meter, int64 now)
{
	int sqlstate = meter->state == BREAKER_LIMITED
					   ? ERRCODE_INTEL_RATE_LIMITED
					   : ERRCODE_INTEL_CIRCUIT_OPEN;

	if (meter->state == BREAKER_CLOSED)
		return;
	if (now < meter->open_until)
		refuse(verdict, sqlstate, check, meter, meter->open_until - now, 0,
			   WANT_TIME);
	else if (meter->is_probing)
		refuse(verdict, sqlstate, check, meter, meter->latency_ms, 0,
			   WANT_TIME);
}

static void
test_meter(Verdict *verdict, const Check *check, Meter *meter,
		   const LlmCallState *state, const Need *need, int64 now)
{
	double tokens = Min(need->tokens, (double) check->tokens);

	if (check->kind == METER_MODEL)
		test_breaker(verdict, check, meter, now);
	if (check->requests > 0 && meter->requests < 1 - 1e-9)
	{
		double interval = (double) check->period_ms / check->requests;

		refuse(verdict, ERRCODE_INTEL_RATE_LIMITED, check, meter,
			   (1 - meter->requests) * interval, interval, WANT_TIME);
	}
	if (check->tokens > 0 && meter->tokens < tokens - 1e-9)
	{
		double interval = (double) check->period_ms / check->tokens;

		refuse(verdict, ERRCODE_INTEL_RATE_LIMITED, check, meter,
			   (tokens - meter->tokens) * interval, tokens * interval,
			   WANT_SIZE);
	}
	if (check->concurrency > 0 &&
		!llm_place_is_free(meter, check->concurrency, state, now))
	{
		double interval = meter->latency_ms / check->concurrency;

		refuse(verdict, ERRCODE_INTEL_RATE_LIMITED, check, meter, interval,
			   interval, WANT_PLACE);
	}
	if (check->kind == METER_BUDGET &&
		need->money > check->amount - meter->spent - meter->reserved)
		refuse(verdict, ERRCODE_INTEL_BUDGET, check, meter,
			   need->money > check->amount ? -1 : (double) check->left_ms, 0,
			   WANT_SIZE);
}

static void
take(LlmCallState *state, const Check *check, Meter *meter, const Need *need,
	 int64 now)
{
	MeterHold *hold = &state->holds[state->nholds++];
	bool is_rested = check->requests > 0 ? meter->requests >= check->requests
					 : check->tokens > 0 ? meter->tokens >= check->tokens
										 : meter->in_flight == 0;

	/* nobody has used it for a while, so nobody waits either */
	if (is_rested)
		meter->next_ticket = 0;
	if (check->kind == METER_MODEL && meter->state != BREAKER_CLOSED)
		meter->is_probing = state->is_probe = true;
	hold->meter = meter;
	hold->tokens = Min(need->tokens, (double) check->tokens);
	hold->money = check->kind == METER_BUDGET ? need->money : 0;
	meter->in_flight++;
	llm_place_taken(meter, state);
	meter->used_at = now;
	meter->idle_ms = check->kind == METER_BUDGET ? BUDGET_IDLE_MS
					 : check->kind == METER_MODEL
						 ? Max(check->period_ms, LLM_OPEN_MAX_MS)
						 : check->period_ms;
	meter->requests -= 1;
	meter->tokens -= hold->tokens;
	meter->reserved += hold->money;
	meter->amount = check->amount;
}

/* ---- letting through ----------------------------------------------------- */

static void
name_hold(MeterKind kind, int32 limit, const char *scope, char *hold)
{
	static const char *const kinds[] = {
		[METER_MODEL] = "model",
		[METER_PROVIDER] = "provider",
		[METER_RATE] = "rate",
		[METER_BUDGET] = "budget",
	};

	snprintf(hold, LLM_HOLD_MAX, "%s %d %s", kinds[kind], limit, scope);
}

void
llm_hold_of_model(const char *provider, const char *model, char *hold)
{
	char scope[METER_SCOPE_MAX];

	snprintf(scope, METER_SCOPE_MAX, "%s %s", provider, model);
	name_hold(METER_MODEL, 0, scope, hold);
}

int
llm_call_holds(const LlmCall *call, char (*holds)[LLM_HOLD_MAX], int max)
{
	const LlmCallState *state = call->state;
	int n = Min(state->nholds, max);

	/* what the meters of a call in flight are for does not change */
	for (int i = 0; i < n; i++)
	{
		const Meter *meter = state->holds[i].meter;

		name_hold(meter->kind, meter->limit, meter->scope, holds[i]);
	}
	return n;
}

/* Say why not, and when; who will wait in its place gets a ticket. */
static void
fill_refusal(const LlmCall *call, const Verdict *verdict, bool has_ticket,
			 int64 now, LlmRefusal *refusal)
{
	const char *format = NULL;
	double wait = verdict->wait_ms;

	if (has_ticket && verdict->interval_ms > 0)
	{
		double ticket = Max(verdict->meter->next_ticket, now + wait);

		verdict->meter->next_ticket = ticket + verdict->interval_ms;
		wait = ticket - now;
	}
	refusal->sqlstate = verdict->sqlstate;
	refusal->wait_ms =
		wait < 0 ? -1 : (int64) ceil(Min(wait, 86400e3 * 31)) + WAIT_MARGIN_MS;
	refusal->interval_ms =
		verdict->want == WANT_PLACE ? 0 : (int64) ceil(verdict->interval_ms);
	refusal->is_sized = verdict->want == WANT_SIZE;
	refusal->is_place = verdict->want == WANT_PLACE;
	name_hold(verdict->check->kind, verdict->check->limit,
			  verdict->check->scope, refusal->hold);
	switch (verdict->check->kind)
	{
		case METER_MODEL:
			format = verdict->sqlstate == ERRCODE_INTEL_CIRCUIT_OPEN
						 ? "model \"%s\" is left alone after failures"
						 : "the rate of model \"%s\" is used up";
			break;
		case METER_PROVIDER:
			format = "model \"%s\" has as many calls in flight as its "
					 "provider may";
			break;
		case METER_RATE:
			format = "a rate limit for model \"%s\" is reached";
			break;
		case METER_BUDGET:
			format = wait < 0 ? "a call of model \"%s\" may cost more than a "
								"whole budget"
							  : "a budget for model \"%s\" is spent";
			break;
	}
	snprintf(refusal->message, sizeof(refusal->message), format, call->model);
}

/*
 * A budget is new here, or in another period: after midnight, by a change of
 * the clock or of the row. What the old period has spent is in the table; what
 * is reserved will be spent in the new one.
 */
static void
begin_period(Meter *meter, const Check *check, bool is_new)
{
	if (!is_new)
		table->budgets_left++;
	meter->period = check->period;
	meter->spent = meter->recorded = meter->wanted = check->loaded;
}

/* How a look at all meters of a call ended. */
typedef enum Admission
{
	ADMITTED,
	REFUSED,
	NO_METERS,
	OUTDATED /* what was read of a budget may be too little */
} Admission;

/*
 * All meters of a call, or none; with the lock held. What budgets have spent
 * was read when budgets_left was as given.
 */
static Admission
try_meters(LlmCall *call, const Check *checks, int n, const Need *need,
		   uint64 budgets_left, Verdict *verdict)
{
	uint32 lane = lane_of(call->state);
	Meter *found[MAX_CHECKS];
	int64 now = llm_limit_now();

	for (int i = 0; i < n; i++)
	{
		uint64 left = table->budgets_left;
		bool is_new;
		Meter *meter = find_meter(&checks[i], lane, true, &is_new);

		if (meter == NULL)
			return NO_METERS;
		if (checks[i].kind == METER_BUDGET &&
			(is_new || meter->period != checks[i].period))
		{
			if (left != budgets_left)
			{
				if (is_new)
					meter->database = InvalidOid;
				return OUTDATED;
			}
			begin_period(meter, &checks[i], is_new);
			/* what has left the table for this call's sake still counts */
			budgets_left += is_new ? 0 : 1;
		}
		/* so that none of them is given up for the next */
		meter->used_at = now;
		meter->idle_ms = Max(meter->idle_ms, 1000);
		refill(meter, &checks[i], now);
		test_meter(verdict, &checks[i], meter, call->state, need, now);
		found[i] = meter;
	}
	if (verdict->sqlstate != 0)
		return REFUSED;
	for (int i = 0; i < n; i++)
		take(call->state, &checks[i], found[i], need, now);
	llm_place_leave(call->state);
	llm_limit_hold(call->state);
	return ADMITTED;
}

/* What the budgets among them have spent; returns budgets_left before that. */
static uint64
load_budgets(Check *checks, int n)
{
	uint64 budgets_left;
	int unused;

	(void) llm_limit_meters(&unused);
	llm_limit_lock();
	budgets_left = table->budgets_left;
	llm_limit_unlock();
	for (int i = 0; i < n; i++)
	{
		if (checks[i].kind == METER_BUDGET)
			checks[i].loaded = llm_spend_load(checks[i].limit, checks[i].scope,
											  checks[i].period);
	}
	return budgets_left;
}

bool
llm_call_admit(LlmCall *call, LlmOnRefusal then, LlmRefusal *refusal)
{
	LlmCallState *state = call->state;
	Check checks[MAX_CHECKS];
	Verdict verdict;
	Admission admission;
	Need need;
	int n;

	if (call->is_local)
		return true;
	Assert(state->nholds == 0);
	n = collect_checks(call, checks);
	need = measure(call, checks, n);
	if (state->holds == NULL)
		state->holds =
			MemoryContextAlloc(call->cxt, sizeof(MeterHold) * MAX_CHECKS);
	do
	{
		uint64 budgets_left = load_budgets(checks, n);

		CHECK_FOR_INTERRUPTS();
		verdict = (Verdict){0};
		llm_limit_lock();
		admission = try_meters(call, checks, n, &need, budgets_left, &verdict);
		if (admission == REFUSED)
			fill_refusal(call, &verdict, then == LLM_COME_BACK,
						 llm_limit_now(), refusal);
		if (admission == REFUSED && refusal->is_place)
			llm_place_refused(verdict.meter, state, llm_limit_now());
		if (admission == REFUSED && refusal->is_place &&
			then == LLM_WAIT_FOR_PLACE)
			llm_place_join(state, verdict.meter);
		llm_limit_unlock();
	} while (admission == OUTDATED);

	if (admission == NO_METERS)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many limits are in use at the same time"),
				 errdetail("The server counts %d limits, budgets and models "
						   "at once, and at most half of them for one tenant, "
						   "user or role.",
						   METERS)));
	if (admission == REFUSED)
		return false;
	llm_spend_record(call);
	return true;
}

void
llm_limit_forget(Oid database)
{
	int n;
	Meter *all = llm_limit_meters(&n);

	llm_limit_lock();
	for (int i = 0; i < n; i++)
	{
		Meter *meter = &all[i];

		if (meter->database != database)
			continue;
		table->budgets_left++;
		/* one in use is read again when it is next asked */
		meter->period = METER_NO_PERIOD;
		meter->spent = meter->recorded = meter->wanted = 0;
		if (meter->in_flight == 0 && meter->waiting == 0 && meter->writes == 0)
			meter->database = InvalidOid;
	}
	llm_limit_unlock();
}

bool
llm_model_is_open(const char *provider, const char *model, int64 *wait_ms)
{
	Check check = {.kind = METER_MODEL};
	Verdict verdict = {0};
	Meter *meter;
	bool is_new;

	snprintf(check.scope, METER_SCOPE_MAX, "%s %s", provider, model);
	llm_limit_lock();
	meter = find_meter(&check, 0, false, &is_new);
	if (meter != NULL && meter->state == BREAKER_OPEN)
		test_breaker(&verdict, &check, meter, llm_limit_now());
	llm_limit_unlock();
	*wait_ms = (int64) verdict.wait_ms + WAIT_MARGIN_MS;
	return verdict.sqlstate != 0;
}
