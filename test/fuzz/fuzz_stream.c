/* sources: src/base/jansson_memory.c src/base/json_dump.c src/llm/llm_provider.c src/llm/llm_provider_ask.c src/llm/llm_provider_calls.c src/llm/llm_provider_result.c src/llm/llm_provider_schema.c src/llm/llm_provider_stream.c src/llm/llm_provider_openai.c src/llm/llm_provider_responses.c src/llm/llm_provider_anthropic.c src/llm/llm_provider_anthropic_schema.c src/llm/llm_provider_gemini.c src/llm/llm_provider_ollama.c */
/* libs: -ljansson -lm */
/*
 * Streamed answers: whatever bytes come, and in whatever pieces, there is one
 * outcome, and the same one; a result holds exactly the text that was taken
 * on the way.
 *
 * Input: kind and task as a digit each, then how the bytes are cut, and the
 * bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "llm/llm_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const kinds[] = {"openai", "responses", "anthropic",
									"gemini", "ollama"};

typedef struct Outcome
{
	LlmReply reply;
	char *text; /* all that was taken */
	size_t len;
} Outcome;

static void
take(LlmStream *stream, Outcome *outcome)
{
	size_t len;
	const char *text = llm_stream_take(stream, &len);

	assert(strlen(text) == len && llm_stream_pending(stream) == 0);
	outcome->text = realloc(outcome->text, outcome->len + len + 1);
	memcpy(outcome->text + outcome->len, text, len + 1);
	outcome->len += len;
}

/* Feed pieces of step bytes, 0: all at once. */
static Outcome
read_stream(const LlmKind *kind, LlmTask task, const char *bytes, size_t len,
			size_t step)
{
	LlmAsk ask = {.task = task, .model_id = "m", .is_streamed = true};
	LlmStream *stream = llm_stream_create(kind, &ask);
	Outcome outcome = {.text = NULL};
	bool goes_on = true;

	while (goes_on && len > 0)
	{
		size_t n = step == 0 || step > len ? len : step;
		char *piece = malloc(n); /* exact, for the sanitizer */

		memcpy(piece, bytes, n);
		goes_on = llm_stream_feed(stream, piece, n);
		free(piece);
		take(stream, &outcome);
		bytes += n;
		len -= n;
	}
	llm_stream_finish(stream, &outcome.reply);
	take(stream, &outcome);
	llm_stream_free(stream);
	return outcome;
}

static void
check(LlmTask task, const Outcome *outcome)
{
	const LlmReply *reply = &outcome->reply;
	json_t *doc;
	const json_t *content;

	assert(reply->outcome != LLM_PENDING);
	assert((reply->outcome == LLM_SUCCEEDED) ==
		   (reply->fault == LLM_FAULT_NONE));
	assert((reply->result != NULL) == (reply->outcome == LLM_SUCCEEDED));
	for (const char *p = reply->problem.text; *p != '\0'; p++)
		assert(*p >= ' ' && *p < 0x7f);
	if (reply->result == NULL)
		return;
	doc = json_loads(reply->result, 0, NULL);
	content = task == LLM_TASK_CHAT ? json_object_get(doc, "message") : doc;
	content = json_object_get(content, "content");
	assert(json_is_string(content));
	assert(json_is_object(json_object_get(doc, "usage")));
	json_decref(doc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const LlmKind *kind;
	LlmTask task;
	Outcome whole;
	Outcome pieces;

	if (size < 3)
		return 0;
	kind = llm_kind_find(kinds[data[0] % 5]);
	task = data[1] % 2 == 0 ? LLM_TASK_COMPLETE : LLM_TASK_CHAT;
	whole = read_stream(kind, task, (const char *) data + 3, size - 3, 0);
	pieces = read_stream(kind, task, (const char *) data + 3, size - 3,
						 1 + data[2] % 16);
	check(task, &whole);
	check(task, &pieces);
	assert(whole.reply.outcome == pieces.reply.outcome);
	assert(whole.reply.fault == pieces.reply.fault);
	if (whole.reply.outcome == LLM_SUCCEEDED)
	{
		assert(strcmp(whole.reply.result, pieces.reply.result) == 0);
		assert(whole.len == pieces.len);
		assert(whole.len == 0 || memcmp(whole.text, pieces.text, whole.len) == 0);
	}
	llm_reply_free(&whole.reply);
	llm_reply_free(&pieces.reply);
	free(whole.text);
	free(pieces.text);
	return 0;
}
