/* sources: src/base/jansson_memory.c src/base/json_dump.c src/llm/llm_provider.c src/llm/llm_provider_ask.c src/llm/llm_provider_calls.c src/llm/llm_provider_result.c src/llm/llm_provider_schema.c src/llm/llm_provider_stream.c src/llm/llm_provider_openai.c src/llm/llm_provider_responses.c src/llm/llm_provider_anthropic.c src/llm/llm_provider_anthropic_schema.c src/llm/llm_provider_gemini.c src/llm/llm_provider_ollama.c */
/* libs: -ljansson -lm */
/*
 * Memory that runs out: at whatever step jansson gets none, a request is
 * refused or it is the whole request, and an answer fails or is the whole
 * answer. Nothing in between, for that would be sent.
 *
 * Input: kind and task as a digit each, '0' for a request, '1' for an answer
 * or '2' for a stream, then its JSON or bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jansson_memory.h"
#include "llm/llm_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* json_pack leaks its references when it fails: a loss nobody can avoid here. */
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

static const char *const kinds[] = {"openai", "responses", "anthropic",
									"gemini", "ollama",	   "tei"};

/* Refusals that are tried, from the first: enough for the saved inputs. */
#define MAX_STEPS 2000

static char *
build_body(const LlmKind *kind, LlmTask task, const json_t *request)
{
	LlmProblem problem = {""};
	LlmWire wire = {NULL, NULL};
	LlmAsk ask;
	json_t *texts = NULL;
	char *body = NULL;
	bool ok = llm_ask_check(task, request, &ask, &problem);

	ask.model_id = "m";
	if (ok)
	{
		texts = llm_ask_texts(&ask);
		ok = texts != NULL && llm_ask_set_texts(&ask, texts, &problem) &&
			 llm_wire_build(kind, &ask, &wire, &problem);
	}
	if (ok)
		body = strdup(wire.body);
	json_decref(texts);
	llm_wire_free(&wire);
	llm_ask_free(&ask);
	return body;
}

static char *
read_result(const LlmKind *kind, LlmTask task, bool streamed, const char *text,
			size_t len)
{
	LlmAsk ask = {.task = task, .model_id = "m", .is_streamed = streamed};
	LlmReply reply;

	if (streamed)
	{
		LlmStream *stream = llm_stream_create(kind, &ask);

		(void) llm_stream_feed(stream, text, len);
		llm_stream_finish(stream, &reply);
		llm_stream_free(stream);
	}
	else
	{
		LlmHeaders headers;

		llm_headers_init(&headers);
		llm_reply_read(kind, &ask, 200, &headers, text, len, &reply);
	}
	assert((reply.result != NULL) == (reply.outcome == LLM_SUCCEEDED));
	free(reply.rejected);
	return reply.result;
}

/* With the n-th request for memory refused, 0: none. */
static char *
run(const uint8_t *data, size_t size, const json_t *request, unsigned long n)
{
	const LlmKind *kind = llm_kind_find(kinds[data[0] % 6]);
	LlmTask task = (LlmTask) (data[1] % 4);
	char *text;

	jansson_memory_refuse(n);
	if (data[2] == '0')
		text = request != NULL ? build_body(kind, task, request) : NULL;
	else
		text = read_result(kind, task % 2, data[2] == '2',
						   (const char *) data + 3, size - 3);
	jansson_memory_refuse(0);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *request = NULL;
	char *whole;

	if (size < 3 || (data[2] != '0' && kinds[data[0] % 6][0] == 't'))
		return 0;
	jansson_memory_watch();
	if (data[2] == '0')
		request = json_loadb((const char *) data + 3, size - 3, 0, NULL);
	whole = run(data, size, request, 0);
	for (unsigned long n = 1; whole != NULL && n <= MAX_STEPS; n++)
	{
		unsigned long failures = jansson_memory_failures();
		char *text = run(data, size, request, n);

		assert(text == NULL || strcmp(text, whole) == 0);
		free(text);
		if (failures == jansson_memory_failures())
			break;
	}
	free(whole);
	json_decref(request);
	return 0;
}
