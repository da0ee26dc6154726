/*-------------------------------------------------------------------------
 *
 * llm_limit_state.c
 *		SQL's view of limits, budgets and breakers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "llm/llm_limit.h"

INTEL_FUNCTION(limit_state);
INTEL_FUNCTION(breaker_state);
INTEL_FUNCTION(reset_breaker);

/* A copy of the meters of this database. */
static Meter *
copy_meters(int *count)
{
	int n;
	const Meter *all = llm_limit_meters(&n);
	Meter *copy = palloc(sizeof(Meter) * n);

	*count = 0;
	llm_limit_lock();
	for (int i = 0; i < n; i++)
	{
		if (all[i].database == MyDatabaseId)
			copy[(*count)++] = all[i];
	}
	llm_limit_unlock();
	return copy;
}

static Datum
money_datum(int64 money)
{
	return NumericGetDatum(int64_div_fast_to_numeric(money, 9));
}

Datum
intel_limit_state(PG_FUNCTION_ARGS)
{
	static const char *const kinds[] = {"model", "provider", "rate_limit",
										"budget"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Meter *copy;
	int n;

	InitMaterializedSRF(fcinfo, 0);
	copy = copy_meters(&n);
	for (int i = 0; i < n; i++)
	{
		const Meter *meter = &copy[i];
		bool is_budget = meter->kind == METER_BUDGET;
		Datum values[9];
		bool nulls[9] = {false};

		values[0] = CStringGetTextDatum(kinds[meter->kind]);
		values[1] = CStringGetTextDatum(
			meter->limit == 0 ? meter->scope
							  : psprintf("%d %s", meter->limit, meter->scope));
		values[2] = Int32GetDatum(meter->in_flight);
		values[3] = Int32GetDatum(meter->waiting);
		values[4] = Float8GetDatum(meter->requests);
		values[5] = Float8GetDatum(meter->tokens);
		values[6] = money_datum(meter->spent);
		values[7] = money_datum(meter->reserved);
		values[8] = money_datum(meter->recorded);
		nulls[4] = !meter->limits_requests;
		nulls[5] = !meter->limits_tokens;
		nulls[6] = nulls[7] = nulls[8] = !is_budget;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

static const char *
breaker_word(const Meter *meter, int64 now)
{
	if (meter->state == BREAKER_CLOSED)
		return "closed";
	if (now >= meter->open_until)
		return "half-open";
	return meter->state == BREAKER_OPEN ? "open" : "limited";
}

Datum
intel_breaker_state(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64 now = llm_limit_now();
	Meter *copy;
	int n;

	InitMaterializedSRF(fcinfo, 0);
	copy = copy_meters(&n);
	for (int i = 0; i < n; i++)
	{
		char *space = strchr(copy[i].scope, ' ');
		Interval wait = {0};
		Datum values[5];
		bool nulls[5] = {false};

		if (copy[i].kind != METER_MODEL)
			continue;
		wait.time = Max(copy[i].open_until - now, 0) * 1000;
		values[0] = PointerGetDatum(
			cstring_to_text_with_len(copy[i].scope, space - copy[i].scope));
		values[1] = CStringGetTextDatum(space + 1);
		values[2] = CStringGetTextDatum(breaker_word(&copy[i], now));
		values[3] = Int32GetDatum(copy[i].failures);
		values[4] = IntervalPGetDatum(&wait);
		nulls[4] = copy[i].state == BREAKER_CLOSED;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

Datum
intel_reset_breaker(PG_FUNCTION_ARGS)
{
	char *model = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int n;
	Meter *all = llm_limit_meters(&n);
	bool found = false;

	llm_limit_lock();
	for (int i = 0; i < n; i++)
	{
		Meter *meter = &all[i];

		if (meter->database != MyDatabaseId || meter->kind != METER_MODEL ||
			strcmp(strchr(meter->scope, ' ') + 1, model) != 0)
			continue;
		meter->state = BREAKER_CLOSED;
		meter->failures = 0;
		meter->open_ms = 0;
		found = true;
	}
	llm_limit_unlock();
	if (found)
		(void) llm_wake_worker(LLM_WAKE_RETRY);
	PG_RETURN_BOOL(found);
}
