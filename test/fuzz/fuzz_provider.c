/* sources: src/base/jansson_memory.c src/base/json_dump.c src/llm/llm_provider.c src/llm/llm_provider_ask.c src/llm/llm_provider_calls.c src/llm/llm_provider_result.c src/llm/llm_provider_schema.c src/llm/llm_provider_stream.c src/llm/llm_provider_openai.c src/llm/llm_provider_responses.c src/llm/llm_provider_anthropic.c src/llm/llm_provider_anthropic_schema.c src/llm/llm_provider_gemini.c src/llm/llm_provider_ollama.c src/llm/llm_address.c */
/* libs: -ljansson -lm */
/*
 * Formats of providers: whatever a server answers, there is an outcome; a
 * result is JSON of the promised shape. Whatever a user asks, it is refused
 * or becomes JSON for every provider, and survives being taken apart and put
 * together again for redaction.
 *
 * Input: kind, task and status as a digit each, then header lines, an empty
 * line, and the body. Kind 9 is a request instead of an answer, kind 8 a schema
 * and a value.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "llm/llm_address.h"
#include "llm/llm_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const kinds[] = {"openai", "anthropic", "gemini", "ollama",
									"tei",	  "responses"};

/* Problems are shown to users: printable ASCII only. */
static void
check_problem(const LlmProblem *problem)
{
	for (const char *p = problem->text; *p != '\0'; p++)
		assert(*p >= ' ' && *p < 0x7f);
}

static void
check_result(LlmTask task, const char *result)
{
	json_t *doc = json_loads(result, 0, NULL);

	assert(json_is_object(doc));
	assert(json_is_object(json_object_get(doc, "usage")));
	if (json_object_get(doc, "certainty") != NULL)
		assert(json_real_value(json_object_get(doc, "certainty")) > 0 &&
			   json_real_value(json_object_get(doc, "certainty")) <= 1);
	switch (task)
	{
		case LLM_TASK_COMPLETE:
			assert(json_is_string(json_object_get(doc, "content")));
			assert(json_is_string(json_object_get(doc, "finish_reason")));
			break;
		case LLM_TASK_CHAT:
			assert(json_is_string(
				json_object_get(json_object_get(doc, "message"), "content")));
			break;
		case LLM_TASK_RERANK:
			assert(json_array_size(json_object_get(doc, "results")) == 2);
			break;
		case LLM_TASK_EMBED:
			assert(json_array_size(json_object_get(doc, "embeddings")) == 2);
			for (size_t i = 0; i < 2; i++)
				assert(json_array_size(json_array_get(
						   json_object_get(doc, "embeddings"), i)) ==
					   (size_t) json_integer_value(
						   json_object_get(doc, "dimensions")));
			break;
	}
	json_decref(doc);
}

static bool
can_ask(const LlmKind *kind, LlmTask task)
{
	if (strcmp(kind->name, "tei") == 0)
		return task == LLM_TASK_EMBED || task == LLM_TASK_RERANK;
	if (task == LLM_TASK_RERANK)
		return strcmp(kind->name, "openai") == 0;
	return task != LLM_TASK_EMBED || strcmp(kind->name, "anthropic") != 0;
}

static void
read_reply(const LlmKind *kind, LlmTask task, int status, const char *text,
		   size_t len)
{
	LlmAsk ask = {.task = task, .model_id = "m"};
	LlmHeaders headers;
	LlmReply reply;
	const char *end;

	if (!can_ask(kind, task))
		return; /* nothing is asked, so nothing is answered */
	if (task == LLM_TASK_EMBED)
		ask.contents = json_pack("[ss]", "a", "b");
	if (task == LLM_TASK_RERANK)
		ask.contents = json_pack("[sss]", "q", "a", "b");
	llm_headers_init(&headers);
	while ((end = memchr(text, '\n', len)) != NULL)
	{
		size_t line = (size_t) (end - text) + 1;

		llm_headers_read(&headers, text, line, 1700000000);
		text += line;
		len -= line;
		if (line == 1)
			break;
	}
	assert(headers.retry_after_ms >= -1 &&
		   headers.retry_after_ms <= (int64_t) 24 * 3600 * 1000);

	llm_reply_read(kind, &ask, status, &headers, text, len, &reply);
	assert(reply.outcome != LLM_PENDING);
	assert((reply.outcome == LLM_SUCCEEDED) ==
		   (reply.fault == LLM_FAULT_NONE));
	assert((reply.result != NULL) == (reply.outcome == LLM_SUCCEEDED));
	check_problem(&reply.problem);
	if (reply.result != NULL)
		check_result(task, reply.result);
	llm_reply_free(&reply);
	llm_ask_free(&ask);
}

static void
build_all(const LlmAsk *ask)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		LlmWire wire = {NULL, NULL};
		LlmProblem problem = {""};

		if (llm_wire_build(llm_kind_find(kinds[i]), ask, &wire, &problem))
		{
			json_t *body = json_loads(wire.body, 0, NULL);

			assert(json_is_object(body) && wire.path[0] == '/');
			json_decref(body);
		}
		else
		{
			assert(problem.text[0] != '\0');
			check_problem(&problem);
		}
		llm_wire_free(&wire);
	}
}

static void
check_request(LlmTask task, const char *text, size_t len)
{
	json_t *request = json_loadb(text, len, JSON_DECODE_ANY, NULL);
	LlmProblem problem = {""};
	LlmAsk ask;

	if (request == NULL)
		return;
	if (llm_ask_check(task, request, &ask, &problem))
	{
		json_t *texts = llm_ask_texts(&ask);

		ask.model_id = "m";
		assert(texts != NULL);
		assert(llm_ask_set_texts(&ask, texts, &problem));
		json_decref(texts);
		build_all(&ask);
	}
	else
		assert(problem.text[0] != '\0');
	check_problem(&problem);
	llm_ask_free(&ask);
	json_decref(request);
}

/* A schema and a value, separated by a newline. */
static void
check_schema(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);
	LlmProblem problem = {""};
	json_t *schema;
	json_t *value;

	if (end == NULL)
		return;
	schema = json_loadb(text, (size_t) (end - text), JSON_DECODE_ANY, NULL);
	value = json_loadb(end + 1, len - (size_t) (end + 1 - text),
					   JSON_DECODE_ANY, NULL);
	if (schema != NULL && value != NULL &&
		(!llm_schema_check(schema, &problem) ||
		 !llm_schema_fits(schema, value, &problem)))
		assert(problem.text[0] != '\0');
	check_problem(&problem);
	json_decref(schema);
	json_decref(value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 201, 301, 400, 401,
								   429, 500, 529, 0,   99};
	char *copy;
	LlmTask task;

	if (size < 3)
		return 0;
	task = (LlmTask) (data[1] % 4);

	/* exact sizes, so the sanitizer sees the first byte too far */
	copy = malloc(size - 2);
	memcpy(copy, data + 3, size - 3);
	if (data[0] == '9')
		check_request(task, copy, size - 3);
	else if (data[0] == '8')
		check_schema(copy, size - 3);
	else
		read_reply(llm_kind_find(kinds[data[0] % 6]), task,
				   statuses[data[2] % 10], copy, size - 3);
	copy[size - 3] = '\0';
	(void) llm_address_class_text(copy);
	free(copy);
	return 0;
}
