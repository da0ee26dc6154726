/*-------------------------------------------------------------------------
 *
 * llm_gate.c
 *		The one way out: what is sent, to whom, and who may.
 *
 * llm_call_prepare is the only function that fills in the private half of a
 * call, and without that nothing can be sent. In its order: a prompt that the
 * request names becomes its text, the model must exist and be granted, the
 * provider must be switched on, the request may only have members that are
 * known, every text in it passes the provider's redaction policy, and only
 * then the bytes are built and the key is read. A step that fails raises or
 * refuses, so nothing is sent. Where the provider is off and the request may be
 * answered by the cache, the same is done without key and address.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/error.h"
#include "base/guc.h"
#include "base/json.h"
#include "base/query.h"
#include "llm/llm_cache.h"
#include "llm/llm_catalog.h"
#include "llm/llm_int.h"
#include "llm/llm_log.h"
#include "llm/llm_prompt.h"
#include "llm/llm_restore.h"
#include "llm/llm_secret.h"

INTEL_FUNCTION(_request_check);

#define NO_REDACTION "none"
#define DEFAULT_MAX_TOKENS 4096
/*
 * A job whose provider is off waits for a change of the catalogue; should it
 * miss that, it looks again after this.
 */
#define OFF_WAIT_MS (10 * 60 * 1000)

static void
refuse_request(const LlmProblem *problem)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("request cannot be sent: %s", problem->text)));
}

/*
 * Note that the model cannot do what the request asks for; returns false. For
 * the request's own model that is an error, one that is fallen back on is
 * passed over.
 */
static bool refuse_model(LlmRefusal *refusal, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool
refuse_model(LlmRefusal *refusal, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(refusal->message, sizeof(refusal->message), format, args);
	va_end(args);
	refusal->sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
	refusal->wait_ms = -1;
	refusal->is_off = false;
	return false;
}

/* What intel.model calls the task. */
static const char *
model_task(LlmTask task)
{
	switch (task)
	{
		case LLM_TASK_EMBED:
			return "embed";
		case LLM_TASK_RERANK:
			return "rerank";
		default:
			return "chat";
	}
}

static const char *
default_model(LlmTask task)
{
	switch (task)
	{
		case LLM_TASK_EMBED:
			return guc_default_embedding_model;
		case LLM_TASK_RERANK:
			return guc_default_rerank_model;
		default:
			return guc_default_model;
	}
}

/*
 * The model of this name, or the one that the request names, or the default
 * of its task.
 */
static const LlmModel *
choose_model(LlmTask task, const json_t *request, const char *name)
{
	const json_t *given = json_object_get(request, "model");

	if (name != NULL)
		;
	else if (given == NULL || json_is_null(given))
		name = default_model(task);
	else
		name = json_string_value(given);
	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("member \"model\" is not a string")));

	return llm_catalog_model(name);
}

static bool
check_task(LlmTask task, const LlmModel *model, bool is_fallback,
		   LlmRefusal *refusal)
{
	if (strcmp(model->task, model_task(task)) == 0)
		return true;
	if (!is_fallback)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" is not for this task", model->name),
				 errdetail("Its task is \"%s\".", model->task)));
	return refuse_model(refusal, "model \"%s\" is not for this task",
						model->name);
}

/* Who names no model gets a builtin one, and has to be told of others. */
static bool
refuse_schema(const char *model, bool is_fallback, LlmRefusal *refusal)
{
	if (!is_fallback)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("model \"%s\" cannot fill a schema", model),
						errhint("It is builtin: name another model, or set "
								"\"intel.default_model\".")));
	return refuse_model(refusal, "model \"%s\" cannot fill a schema", model);
}

static void
refuse_off(LlmRefusal *refusal, const LlmModel *model)
{
	const char *provider = model->provider->name;

	llm_hold_of_model(provider, model->name, refusal->hold);
	refusal->sqlstate = ERRCODE_INTEL_REFUSED;
	refusal->wait_ms = OFF_WAIT_MS;
	refusal->is_off = true;
	snprintf(refusal->message, sizeof(refusal->message),
			 "provider \"%s\" is switched off", provider);
}

/*
 * Where money is counted, an answer has a length: what it may cost at most is
 * reserved before it is asked for.
 */
static void
bound_answer(LlmAsk *ask)
{
	const LlmLimit *limits;
	int n = llm_catalog_limits(&limits);
	bool has_budget = false;

	for (int i = 0; i < n; i++)
		has_budget = has_budget || limits[i].is_budget;
	if (has_budget && ask->messages != NULL &&
		json_object_get(ask->options, "max_tokens") == NULL)
		json_object_set_new(ask->options, "max_tokens",
							json_integer(DEFAULT_MAX_TOKENS));
}

/* The model's own options, where the request does not have them. */
static void
add_defaults(json_t *request, Jsonb *defaults)
{
	if (json_is_object(request) && JsonContainerSize(&defaults->root) > 0)
		json_object_update_missing(request, json_from_jsonb(defaults));
}

/*
 * What a function of intel itself asks for, "_instruction", comes before the
 * system text of its caller, and is the same message.
 */
static void
add_instruction(json_t *request)
{
	json_t *own = json_object_get(request, "_instruction");
	json_t *system = json_object_get(request, "system");
	json_t *both;

	/* what is no text is refused below */
	if (!json_is_string(own) ||
		(system != NULL && !json_is_null(system) && !json_is_string(system)))
		return;
	both = json_string_length(system) > 0
			   ? json_pack("s++", json_string_value(own), "\n\n",
						   json_string_value(system))
			   : json_incref(own);
	if (json_object_set_new(request, "system", both) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	json_object_del(request, "_instruction");
}

/* Is the answer to be restored? Takes the member out of the request. */
static bool
take_restore(json_t *request)
{
	const json_t *value = json_object_get(request, "restore");
	bool restore = json_is_true(value);

	if (value == NULL)
		return false;
	if (!json_is_boolean(value))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("request cannot be sent: \"restore\" is not a "
							   "truth value")));
	json_object_del(request, "restore");
	return restore;
}

/*
 * Put every text of the request through the provider's policy, as the
 * current user and in SQL, where policies live. With numbered placeholders
 * where the answer is to be restored.
 */
static void
redact_request(LlmCall *call, const char *policy, bool restore)
{
	LlmAsk *ask = &call->state->ask;
	json_t *texts;
	QueryArg args[2];
	QueryResult *result;
	LlmProblem problem;
	bool isnull;
	Datum redacted;

	if (strcmp(policy, NO_REDACTION) == 0)
		return;
	texts = json_adopt(llm_ask_texts(ask));
	args[0] =
		query_arg_datum(JSONBOID, JsonbPGetDatum(json_to_jsonb(texts)), false);
	args[1] = query_arg_text(policy);
	result = query_run(
		restore ? "SELECT content, mapping FROM intel.pseudonymize($1, $2)"
				: "SELECT intel.redact($1, $2)",
		args, 2, ActiveSnapshotSet());
	redacted = query_datum(result, 0, 0, &isnull);
	if (isnull)
		elog(ERROR, "redaction of a request gave null");
	if (!llm_ask_set_texts(ask, json_from_jsonb(DatumGetJsonbP(redacted)),
						   &problem))
		ereport(ERROR,
				(errcode(ERRCODE_INTEL_REFUSED),
				 errmsg("request cannot be redacted: %s", problem.text)));
	if (restore)
		llm_restore_begin(call,
						  DatumGetJsonbP(query_datum(result, 0, 1, &isnull)));
}

static void
read_key(LlmCallState *state, const char *reference)
{
	char key[LLM_SECRET_MAX + 1];

	llm_secret_read(reference, key);
	/* cannot fail between here and the wipe but for want of memory */
	state->key_header = palloc_extended(
		strlen(state->kind->auth_header) + strlen(key) + 1, MCXT_ALLOC_NO_OOM);
	if (state->key_header != NULL)
	{
		strcpy(state->key_header, state->kind->auth_header);
		strcat(state->key_header, key);
	}
	llm_secret_wipe(key, sizeof(key));
	if (state->key_header == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

/*
 * Bytes and address of the request; false where its provider has no such
 * requests. The path begins with a slash.
 */
static bool
build_request(LlmCallState *state, const LlmProvider *provider,
			  LlmRefusal *refusal)
{
	const char *base = provider->base_url != NULL ? provider->base_url
												  : state->kind->base_url;
	int len = strlen(base);
	LlmProblem problem;

	if (!llm_wire_build(state->kind, &state->ask, &state->wire, &problem))
		return refuse_model(refusal, "request cannot be sent: %s",
							problem.text);
	while (len > 0 && base[len - 1] == '/')
		len--;
	state->url = psprintf("%.*s%s", len, base, state->wire.path);
	state->allow_private = provider->allow_private_network;
	state->ca_certificate = provider->ca_certificate;
	return true;
}

static void
check_host(const char *url, const char *provider)
{
	if (!llm_catalog_host_allowed(url))
		ereport(ERROR, (errcode(ERRCODE_INTEL_REFUSED),
						errmsg("host of provider \"%s\" is not among those "
							   "that may be called",
							   provider),
						errhint("They are listed in intel.egress_host.")));
}

/* A request may shorten what its provider has, not lengthen it. */
static void
choose_timeouts(LlmCall *call, const LlmProvider *provider)
{
	const LlmAsk *ask = &call->state->ask;
	int most =
		provider->timeout_ms > 0 ? provider->timeout_ms : guc_llm_timeout;

	call->timeout_ms = ask->timeout_ms > 0 ? Min(ask->timeout_ms, most) : most;
	call->idle_timeout_ms = ask->idle_timeout_ms > 0
								? ask->idle_timeout_ms
								: guc_llm_stream_idle_timeout;
	call->state->is_hurried =
		call->timeout_ms < most ||
		call->idle_timeout_ms < guc_llm_stream_idle_timeout;
}

static Numeric
copy_price(Numeric price)
{
	return price != NULL ? DatumGetNumericCopy(NumericGetDatum(price)) : NULL;
}

static void
copy_limits(LlmCallState *state, const LlmModel *model)
{
	state->rpm = model->rpm;
	state->tpm = model->tpm;
	state->max_concurrency = model->provider->max_concurrency;
	state->input_price = copy_price(model->input_price);
	state->cached_price = copy_price(model->cached_price);
	state->output_price = copy_price(model->output_price);
}

LlmCall *
llm_call_prepare(LlmTask task, Jsonb *request)
{
	LlmRefusal refusal = {0};
	char *model = NULL;
	LlmCall *call = llm_call_prepare_for(task, request, &model, &refusal);

	if (refusal.sqlstate != 0)
		llm_refusal_raise(&refusal);
	return call;
}

/* The catalogue may be reloaded while a call is prepared: a copy. */
static LlmProvider
copy_provider(const LlmProvider *provider)
{
	LlmProvider copy = *provider;

	copy.name = pstrdup(provider->name);
	if (provider->base_url != NULL)
		copy.base_url = pstrdup(provider->base_url);
	if (provider->secret != NULL)
		copy.secret = pstrdup(provider->secret);
	copy.redaction_policy = pstrdup(provider->redaction_policy);
	if (provider->ca_certificate != NULL)
		copy.ca_certificate = pstrdup(provider->ca_certificate);
	return copy;
}

bool
llm_fallback_is_message(LlmTask task, const json_t *fallback,
						const json_t *schema)
{
	return task == LLM_TASK_CHAT && json_is_object(fallback) &&
		   (schema == NULL ||
			json_string_member(fallback, "role", NULL) != NULL);
}

/* What a request gives in place of an answer must be one, or null. */
static void
check_fallback(const LlmCall *call, const json_t *fallback)
{
	const json_t *schema = json_object_get(call->state->ask.options, "schema");
	const char *text;
	LlmProblem ignored;

	if (schema == NULL || fallback == NULL || json_is_null(fallback))
		return;
	if (llm_fallback_is_message(call->task, fallback, schema))
	{
		text = json_string_member(fallback, "content", NULL);
		/* a message of tool calls has none */
		if (text == NULL)
			return;
		fallback = json_parse(text, strlen(text));
	}
	if (fallback == NULL || !llm_schema_fits(schema, fallback, &ignored))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("request cannot be sent: \"fallback\" does not "
							   "fit \"schema\"")));
}

/*
 * Take out of the request what is not for the model, and check the rest.
 * Returns whether the answer is to be restored.
 */
static bool
take_request(LlmCall *call, json_t *request)
{
	json_t *fallback = NULL;
	bool restore = false;
	LlmProblem problem;

	llm_log_take_members(call, request);
	if (call->task == LLM_TASK_COMPLETE || call->task == LLM_TASK_CHAT)
	{
		fallback = json_object_get(request, "fallback");
		if (fallback != NULL)
			fallback = json_adopt(json_incref(fallback));
		json_object_del(request, "fallback");
		restore = take_restore(request);
	}
	if (!llm_ask_check(call->task, request, &call->state->ask, &problem))
		refuse_request(&problem);
	check_fallback(call, fallback);
	return restore;
}

/* intel._request_check(task, request): raises where no model would take it */
Datum
intel__request_check(PG_FUNCTION_ARGS)
{
	LlmTask task = llm_task_of_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	LlmCall *call = llm_call_create(task);
	json_t *request = json_from_jsonb(PG_GETARG_JSONB_P(1));

	llm_cache_take_members(call, request);
	(void) take_request(call, request);
	llm_call_free(call);
	PG_RETURN_VOID();
}

/*
 * The bytes of a request, its address and its key; without the key where its
 * provider is off. False with *refusal.
 */
static bool
prepare_remote(LlmCall *call, const LlmProvider *provider, bool restore,
			   LlmRefusal *refusal)
{
	LlmCallState *state = call->state;

	bound_answer(&state->ask);
	redact_request(call, provider->redaction_policy, restore);
	if (!build_request(state, provider, refusal))
		return false;
	if (provider->enabled)
	{
		check_host(state->url, provider->name);
		if (provider->secret != NULL)
			read_key(state, provider->secret);
	}
	return true;
}

/*
 * Prepare a call, in its own memory, for the model *name, or for the request's
 * own where that is NULL; sets *name. False with *refusal when there is no
 * call; true with *refusal when it may only be looked for in the cache.
 */
static bool
prepare(LlmCall *call, Jsonb *request, char **name, LlmRefusal *refusal)
{
	LlmCallState *state = call->state;
	LlmAsk *ask = &state->ask;
	bool is_fallback = *name != NULL;
	json_t *doc = json_from_jsonb(request);
	const LlmModel *model;
	LlmProvider provider;
	bool restore;

	if (call->task == LLM_TASK_COMPLETE || call->task == LLM_TASK_CHAT)
		llm_prompt_resolve(call, doc);
	if (call->task == LLM_TASK_COMPLETE)
		add_instruction(doc);
	model = choose_model(call->task, doc, *name);
	*name = call->model = pstrdup(model->name);
	if (!check_task(call->task, model, is_fallback, refusal))
		return false;
	if (!model->provider->enabled)
		refuse_off(refusal, model);

	provider = copy_provider(model->provider);
	call->provider = provider.name;
	call->is_local = provider.kind->build == NULL;
	add_defaults(doc, model->options);
	copy_limits(state, model);
	llm_cache_take_members(call, doc);
	restore = take_request(call, doc);
	if (!provider.enabled && (call->is_local || state->cache_ttl == 0))
		return false;
	state->redaction_policy = provider.redaction_policy;
	state->kind = provider.kind;
	ask->model_id = pstrdup(model->model_id);
	ask->dimensions = model->dimensions;
	ask->is_public = provider.base_url == NULL;
	ask->is_azure = strcmp(provider.kind->name, "azure") == 0;
	choose_timeouts(call, &provider);
	call->is_streamed = ask->is_streamed;

	if (call->is_local && json_object_get(ask->options, "schema") != NULL)
		return refuse_schema(call->model, is_fallback, refusal);
	if (!call->is_local && !prepare_remote(call, &provider, restore, refusal))
		return false;
	llm_cache_look(call, provider.enabled);
	if (!provider.enabled)
		state->url = NULL; /* so it cannot be sent */
	if (state->cached_result != NULL)
		*refusal = (LlmRefusal){0};
	return refusal->sqlstate == 0 || state->cache_ttl > 0;
}

LlmCall *
llm_call_prepare_for(LlmTask task, Jsonb *request, char **name,
					 LlmRefusal *refusal)
{
	LlmCall *call = llm_call_create(task);
	bool is_fallback = *name != NULL;
	MemoryContext old;
	bool is_ready;

	llm_log_identify(call);
	old = MemoryContextSwitchTo(call->cxt);
	is_ready = prepare(call, request, name, refusal);
	MemoryContextSwitchTo(old);
	*name = pstrdup(*name);
	if (is_ready)
		return call;
	llm_call_free(call);
	if (refusal->sqlstate == ERRCODE_INVALID_PARAMETER_VALUE && !is_fallback)
		llm_refusal_raise(refusal);
	return NULL;
}

bool
llm_call_repair(LlmCall *call)
{
	LlmCallState *state = call->state;
	MemoryContext old;
	LlmProblem problem;

	if (state->rejected == NULL || state->is_repaired ||
		call->outcome != LLM_PERMANENT)
		return false;
	(void) llm_log_attempt(call, true);
	old = MemoryContextSwitchTo(call->cxt);
	if (!llm_ask_add_repair(&state->ask, state->rejected))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	/* the answer is new text; what was redacted before stays as it is */
	redact_request(call, state->redaction_policy, false);
	llm_wire_free(&state->wire);
	if (!llm_wire_build(state->kind, &state->ask, &state->wire, &problem))
		refuse_request(&problem);

	state->is_repaired = true;
	state->rejected = NULL;
	state->usage_before = call->usage;
	llm_call_again(call);
	MemoryContextSwitchTo(old);
	return true;
}

void
llm_call_again(LlmCall *call)
{
	call->state->is_logged = false;
	call->state->started_at = 0;
	call->state->usage_of_try = LLM_NO_USAGE;
	call->outcome = LLM_PENDING;
	call->sqlstate = 0;
	call->message = NULL;
	call->http_status = 0;
	call->retry_after_ms = -1;
	call->request_id[0] = '\0';
	call->first_token_ms = -1;
}
