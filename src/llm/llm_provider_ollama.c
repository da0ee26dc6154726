/*-------------------------------------------------------------------------
 *
 * llm_provider_ollama.c
 *		Ollama's own format: /api/chat and /api/embed. Pure.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_dump.h"
#include "llm/llm_provider_int.h"

/*
 * Arguments of tool calls are objects here, and calls have no identifiers: a
 * result names the function.
 */
static json_t *
convert_message(const LlmAsk *ask, size_t index)
{
	const json_t *message = json_array_get(ask->messages, index);
	json_t *calls = json_object_get(message, "tool_calls");
	const char *function = json_object_get(message, "tool_call_id") != NULL
							   ? llm_called_function(ask, index)
							   : NULL;
	json_t *converted;
	size_t i;
	json_t *call;

	converted =
		json_pack("{s:O, s:O}", "role", json_object_get(message, "role"),
				  "content", json_object_get(message, "content"));
	if (function != NULL)
		json_object_set_new(converted, "tool_name", json_string(function));
	if (calls != NULL)
	{
		json_t *list = json_array();

		json_array_foreach (calls, i, call)
		{
			json_t *name =
				json_object_get(json_object_get(call, "function"), "name");

			json_array_append_new(list, json_pack("{s:{s:O, s:o}}", "function",
												  "name", name, "arguments",
												  llm_call_arguments(call)));
		}
		json_object_set_new(converted, "tool_calls", list);
	}
	return converted;
}

static json_t *
convert_messages(const LlmAsk *ask)
{
	json_t *messages = json_array();
	size_t i;
	json_t *message;

	json_array_foreach (ask->messages, i, message)
		json_array_append_new(messages, convert_message(ask, i));
	return messages;
}

/* Seconds, where -1 has no end, or a duration: "5m", "1h30m". */
bool
llm_is_keep_alive(const json_t *value)
{
	const char *text = json_string_value(value);

	if (json_is_integer(value))
		return json_integer_value(value) >= -1 &&
			   json_integer_value(value) <= 1000000000;
	/* short, so that nothing of anybody's fits in */
	if (text == NULL || strlen(text) > 8)
		return false;
	text += *text == '-';
	do
	{
		size_t digits = strspn(text, "0123456789");
		size_t unit = strspn(text + digits, "hms");

		if (digits == 0 || unit < 1 || unit > 2 ||
			(unit == 2 && strncmp(text + digits, "ms", 2) != 0))
			return false;
		text += digits + unit;
	} while (*text != '\0');
	return true;
}

/* What is not thought about, or how much; models that cannot refuse both. */
static json_t *
think_value(json_t *effort)
{
	return strcmp(json_string_value(effort), "none") == 0
			   ? json_false()
			   : json_incref(effort);
}

static bool
build_chat(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	static const char *const without[] = {"logprobs", "metadata",
										  "tool_choice", NULL};
	json_t *effort = json_object_get(ask->options, "reasoning_effort");
	json_t *stop = json_object_get(ask->options, "stop");
	json_t *options;
	json_t *body;

	if (!llm_reject_options(ask, "ollama", without, problem))
		return false;

	options = json_pack("{}");
	llm_copy_option(ask, "frequency_penalty", options, "frequency_penalty");
	llm_copy_option(ask, "max_tokens", options, "num_predict");
	llm_copy_option(ask, "num_ctx", options, "num_ctx");
	llm_copy_option(ask, "presence_penalty", options, "presence_penalty");
	llm_copy_option(ask, "seed", options, "seed");
	llm_copy_option(ask, "temperature", options, "temperature");
	llm_copy_option(ask, "top_k", options, "top_k");
	llm_copy_option(ask, "top_p", options, "top_p");
	if (stop != NULL)
		json_object_set_new(options, "stop",
							json_is_string(stop) ? json_pack("[O]", stop)
												 : json_incref(stop));
	body = json_pack("{s:s, s:o, s:b, s:o}", "model", ask->model_id,
					 "messages", convert_messages(ask), "stream",
					 ask->is_streamed, "options", options);
	if (body == NULL)
		return llm_problem(problem, "out of memory");
	llm_copy_option(ask, "keep_alive", body, "keep_alive");
	llm_copy_option(ask, "tools", body, "tools");
	if (effort != NULL)
		json_object_set_new(body, "think", think_value(effort));
	(void) llm_demand_schema(ask, json_object_get(body, "messages"));
	if (llm_schema_format(ask) == LLM_SCHEMA_NATIVE)
		llm_copy_option(ask, "schema", body, "format");
	if (llm_schema_format(ask) == LLM_SCHEMA_JSON)
		json_object_set_new(body, "format", json_string("json"));
	return llm_wire_set(wire, "/api/chat", body, problem);
}

static bool
build(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	json_t *body;

	if (ask->task == LLM_TASK_RERANK)
		return llm_problem(problem,
						   "providers of kind \"ollama\" do not rank");
	if (ask->task != LLM_TASK_EMBED)
		return build_chat(ask, wire, problem);
	body = json_pack("{s:s, s:O}", "model", ask->model_id, "input",
					 ask->contents);
	if (body == NULL)
		return llm_problem(problem, "out of memory");
	llm_copy_option(ask, "dimensions", body, "dimensions");
	llm_copy_option(ask, "keep_alive", body, "keep_alive");
	if (json_object_get(ask->options, "num_ctx") != NULL)
	{
		json_t *options = json_pack("{}");

		llm_copy_option(ask, "num_ctx", options, "num_ctx");
		json_object_set_new(body, "options", options);
	}
	return llm_wire_set(wire, "/api/embed", body, problem);
}

static void
read_usage(const json_t *doc, LlmUsage *usage)
{
	usage->input = llm_count(doc, "prompt_eval_count");
	usage->output = llm_count(doc, "eval_count");
}

static json_t *
read_tool_calls(const json_t *given)
{
	json_t *calls = json_array();
	size_t i;
	json_t *item;

	json_array_foreach (given, i, item)
	{
		const json_t *function = json_object_get(item, "function");
		const char *name =
			json_string_value(json_object_get(function, "name"));
		const json_t *arguments = json_object_get(function, "arguments");
		char id[32];

		if (name == NULL || !json_is_object(arguments))
		{
			json_decref(calls);
			return NULL;
		}
		/* those that newer versions give are not wanted back */
		snprintf(id, sizeof(id), "call_o%zu", i + 1);
		json_array_append_new(calls, llm_tool_call(id, name, arguments));
	}
	return calls;
}

static const char *
finish_word(const char *reason)
{
	if (reason == NULL || strcmp(reason, "stop") == 0)
		return "stop";
	return strcmp(reason, "length") == 0 ? "length" : "other";
}

static void
parse_chat(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	const json_t *message = json_object_get(doc, "message");
	const json_t *given_calls = json_object_get(message, "tool_calls");
	const char *reason =
		json_string_value(json_object_get(doc, "done_reason"));
	json_t *content = json_object_get(message, "content");
	json_t *calls = NULL;

	read_usage(doc, &reply->usage);
	/* who only calls a tool, or thought up to the limit, says nothing */
	if (!json_is_object(message) ||
		!(content == NULL || json_is_null(content) ||
		  json_is_string(content)) ||
		(!json_is_string(content) && json_array_size(given_calls) == 0 &&
		 strcmp(finish_word(reason), "length") != 0))
	{
		llm_reply_malformed(reply, "it has no message with content");
		return;
	}
	if (json_array_size(given_calls) > 0)
	{
		calls = read_tool_calls(given_calls);
		if (calls == NULL)
		{
			llm_reply_malformed(reply, "it has a malformed tool call");
			return;
		}
	}
	llm_reply_text(ask, reply,
				   json_is_string(content) ? json_incref(content)
										   : json_string(""),
				   calls, finish_word(reason),
				   json_string_value(json_object_get(doc, "model")));
}

/* A line of a streamed answer; the last one says "done". */
static void
event(LlmStream *stream, const json_t *doc)
{
	const json_t *message = json_object_get(doc, "message");
	size_t i;
	json_t *item;

	llm_stream_set_model(stream, json_object_get(doc, "model"));
	llm_stream_add_text(stream, json_object_get(message, "content"));
	json_array_foreach (json_object_get(message, "tool_calls"), i, item)
	{
		const json_t *function = json_object_get(item, "function");
		char *arguments = json_dump(json_object_get(function, "arguments"),
									JSON_COMPACT | JSON_ENCODE_ANY);

		llm_stream_add_call(
			stream, llm_stream_calls(stream), NULL,
			json_string_value(json_object_get(function, "name")), arguments);
		free(arguments);
	}
	if (json_is_true(json_object_get(doc, "done")))
	{
		read_usage(doc, &llm_stream_reply(stream)->usage);
		llm_stream_set_finish(stream,
							  finish_word(json_string_value(
								  json_object_get(doc, "done_reason"))));
		llm_stream_complete(stream);
	}
}

static void
parse_embed(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	const json_t *embeddings = json_object_get(doc, "embeddings");
	LlmVectors vectors;
	size_t i;
	json_t *item;

	read_usage(doc, &reply->usage);
	if (!json_is_array(embeddings))
	{
		llm_reply_malformed(reply, "it has no embeddings");
		return;
	}
	if (!llm_vectors_init(&vectors, ask))
		return;
	json_array_foreach (embeddings, i, item)
	{
		if (!llm_vectors_add(&vectors, ask, i, item, reply))
			break;
	}
	llm_vectors_finish(&vectors, reply,
					   json_string_value(json_object_get(doc, "model")));
}

static void
parse(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	if (ask->task == LLM_TASK_EMBED)
		parse_embed(ask, doc, reply);
	else
		parse_chat(ask, doc, reply);
}

const LlmKind llm_kind_ollama = {
	.name = "ollama",
	.auth_header = "Authorization: Bearer ",
	.build = build,
	.parse = parse,
	.event = event,
	.streams_lines = true,
	.max_texts = 128,
	.max_text_bytes = 1000000,
};
