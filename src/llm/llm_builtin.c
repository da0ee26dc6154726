/*-------------------------------------------------------------------------
 *
 * llm_builtin.c
 *		Builtin models as models like any other.
 *
 * They run in this process and send nothing, so their requests are not
 * redacted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "base/json.h"
#include "llm/llm_builtin_answer.h"
#include "llm/llm_builtin_embed.h"
#include "llm/llm_int.h"
#include "llm/llm_provider_int.h"

StaticAssertDecl(BUILTIN_DIM == LLM_BUILTIN_DIMENSIONS,
				 "the catalogue promises another dimension");

void
llm_builtin_vector(const char *text, size_t len, float *out)
{
	char *utf8 = pg_server_to_any(text, len, PG_UTF8);

	if (utf8 != text)
		len = strlen(utf8);
	if (!builtin_embed(utf8, len, out))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (utf8 != text)
		pfree(utf8);
}

/* Take over a result from malloc. */
static void
succeed(LlmCall *call, char *result)
{
	LlmReply reply = {.outcome = LLM_SUCCEEDED,
					  .retry_after_ms = -1,
					  .usage = LLM_NO_USAGE,
					  .result = result};

	if (result == NULL)
	{
		reply.outcome = LLM_RETRYABLE;
		reply.fault = LLM_FAULT_LOCAL;
	}
	llm_call_take_reply(call, &reply);
	llm_reply_free(&reply);
}

static void
run_embed(LlmCall *call)
{
	const json_t *contents = call->state->ask.contents;
	size_t n = json_array_size(contents);
	const LlmUsage usage = LLM_NO_USAGE;
	float *values =
		MemoryContextAllocHuge(call->cxt, n * BUILTIN_DIM * sizeof(float));

	for (size_t i = 0; i < n; i++)
	{
		const json_t *text = json_array_get(contents, i);

		if (!builtin_embed(json_string_value(text), json_string_length(text),
						   values + i * BUILTIN_DIM))
		{
			succeed(call, NULL);
			return;
		}
	}
	succeed(call, llm_result_embeddings(values, n, BUILTIN_DIM, call->model,
										&usage));
	pfree(values);
}

/* Scores of documents: the cosine of their embeddings to the query's. */
static void
run_rerank(LlmCall *call)
{
	const json_t *contents = call->state->ask.contents;
	size_t n = json_array_size(contents) - 1;
	const LlmUsage usage = LLM_NO_USAGE;
	double *scores = MemoryContextAllocZero(call->cxt, n * sizeof(double));
	float query[BUILTIN_DIM];
	float document[BUILTIN_DIM];

	for (size_t i = 0; i <= n; i++)
	{
		const json_t *text = json_array_get(contents, i);

		if (!builtin_embed(json_string_value(text), json_string_length(text),
						   i == 0 ? query : document))
		{
			succeed(call, NULL);
			return;
		}
		/* both have unit length */
		for (int j = 0; i > 0 && j < BUILTIN_DIM; j++)
			scores[i - 1] += (double) query[j] * document[j];
	}
	succeed(call, llm_result_scores(scores, n, call->model, &usage));
	pfree(scores);
}

/* Answers the last user message; system messages may hold the sources. */
static void
run_answer(LlmCall *call)
{
	const json_t *messages = call->state->ask.messages;
	json_t *system = llm_system_text(&call->state->ask);
	const json_t *prompt = NULL;
	size_t i;
	json_t *message;
	char *answer;
	char *result = NULL;

	json_array_foreach (messages, i, message)
	{
		if (strcmp(json_string_value(json_object_get(message, "role")),
				   "user") == 0)
			prompt = json_object_get(message, "content");
	}
	answer =
		builtin_answer(json_string_value(system), json_string_length(system),
					   prompt != NULL ? json_string_value(prompt) : "",
					   json_string_length(prompt));
	if (answer != NULL)
		result = llm_result_answer(call->task, answer, call->model);
	free(answer);
	json_decref(system);
	succeed(call, result);
}

void
llm_call_run_local(LlmCall *call)
{
	llm_call_begin(call);
	if (call->state->cached_result != NULL)
	{
		call->result = call->state->cached_result;
		call->outcome = LLM_SUCCEEDED;
		return;
	}
	if (call->task == LLM_TASK_EMBED)
		run_embed(call);
	else if (call->task == LLM_TASK_RERANK)
		run_rerank(call);
	else
		run_answer(call);
}
