/*-------------------------------------------------------------------------
 *
 * llm_provider_anthropic.c
 *		Anthropic's messages format. Pure.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "llm/llm_provider_int.h"

/* The format demands a limit. */
#define DEFAULT_MAX_TOKENS 4096

/* An identifier of a call; here it has letters, digits, _ and - only. Owned. */
static json_t *
call_id(const json_t *id)
{
	json_t *converted = json_string(json_string_value(id));
	char *p = (char *) json_string_value(converted);

	for (; p != NULL && *p != '\0'; p++)
	{
		if (*p == '.' || *p == ':')
			*p = '_';
	}
	return converted;
}

/* A message with tool calls: text block, then one block per call. */
static json_t *
assistant_blocks(const json_t *message)
{
	const json_t *content = json_object_get(message, "content");
	const json_t *calls = json_object_get(message, "tool_calls");
	json_t *blocks = json_array();
	size_t i;
	json_t *call;

	if (json_string_length(content) > 0)
		json_array_append_new(
			blocks, json_pack("{s:s, s:O}", "type", "text", "text", content));
	json_array_foreach (calls, i, call)
	{
		const json_t *name =
			json_object_get(json_object_get(call, "function"), "name");

		json_array_append_new(
			blocks, json_pack("{s:s, s:o, s:O, s:o}", "type", "tool_use", "id",
							  call_id(json_object_get(call, "id")), "name",
							  name, "input", llm_call_arguments(call)));
	}
	return blocks;
}

static json_t *
result_block(const json_t *message)
{
	return json_pack("{s:s, s:o, s:O}", "type", "tool_result", "tool_use_id",
					 call_id(json_object_get(message, "tool_call_id")),
					 "content", json_object_get(message, "content"));
}

static json_t *
convert_message(const json_t *message)
{
	json_t *role = json_object_get(message, "role");
	json_t *content = json_object_get(message, "content");

	if (json_object_get(message, "tool_calls") != NULL)
		return json_pack("{s:O, s:o}", "role", role, "content",
						 assistant_blocks(message));
	return json_pack("{s:O, s:O}", "role", role, "content", content);
}

/*
 * Roles are user and assistant; results of tools come from the user, those of
 * calls that were made together in one message.
 */
static json_t *
convert_messages(const LlmAsk *ask)
{
	json_t *messages = json_array();
	json_t *results = NULL; /* blocks of the message of results begun */
	size_t i;
	json_t *message;

	json_array_foreach (ask->messages, i, message)
	{
		const char *role = json_string_value(json_object_get(message, "role"));

		if (llm_is_system(message))
			continue;
		if (strcmp(role, "tool") != 0)
		{
			json_array_append_new(messages, convert_message(message));
			results = NULL;
			continue;
		}
		if (results == NULL)
		{
			json_t *user = json_pack("{s:s, s:[]}", "role", "user", "content");

			json_array_append_new(messages, user);
			results = json_object_get(user, "content");
		}
		json_array_append_new(results, result_block(message));
	}
	return messages;
}

static json_t *
convert_tools(const json_t *tools)
{
	json_t *converted = json_array();
	size_t i;
	json_t *tool;

	json_array_foreach (tools, i, tool)
	{
		const json_t *function = json_object_get(tool, "function");
		json_t *parameters = json_object_get(function, "parameters");
		json_t *description = json_object_get(function, "description");
		json_t *item =
			json_pack("{s:O}", "name", json_object_get(function, "name"));

		json_object_set_new(item, "input_schema",
							parameters != NULL
								? json_incref(parameters)
								: json_pack("{s:s}", "type", "object"));
		if (description != NULL)
			json_object_set(item, "description", description);
		json_array_append_new(converted, item);
	}
	return converted;
}

static json_t *
convert_choice(const json_t *choice)
{
	const char *word = json_string_value(choice);

	if (strcmp(word, "auto") == 0 || strcmp(word, "none") == 0)
		return json_pack("{s:s}", "type", word);
	if (strcmp(word, "required") == 0)
		return json_pack("{s:s}", "type", "any");
	return json_pack("{s:s, s:s}", "type", "tool", "name", word);
}

static bool
build(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	static const char *const without[] = {"frequency_penalty", "logprobs",
										  "presence_penalty",  "seed",
										  "metadata",		   NULL};
	json_t *tools = json_object_get(ask->options, "tools");
	json_t *choice = json_object_get(ask->options, "tool_choice");
	json_t *stop = json_object_get(ask->options, "stop");
	json_t *schema = json_object_get(ask->options, "schema");
	json_t *effort = json_object_get(ask->options, "reasoning_effort");
	/* there is nothing between a schema and words */
	bool is_native = llm_schema_format(ask) == LLM_SCHEMA_NATIVE &&
					 llm_anthropic_takes(schema);
	json_t *body;
	json_t *system;

	if (ask->task == LLM_TASK_EMBED)
		return llm_problem(problem, "providers of kind \"anthropic\" have no "
									"embeddings");
	if (!llm_reject_options(ask, "anthropic", without, problem))
		return false;

	body = json_pack("{s:s, s:i, s:o}", "model", ask->model_id, "max_tokens",
					 DEFAULT_MAX_TOKENS, "messages", convert_messages(ask));
	if (body == NULL)
		return llm_problem(problem, "out of memory");
	system = llm_system_text(ask);
	if (schema != NULL && !is_native)
		system = llm_schema_demand(ask, system);
	if (system != NULL)
		json_object_set_new(body, "system", system);
	llm_copy_option(ask, "max_tokens", body, "max_tokens");
	llm_copy_option(ask, "temperature", body, "temperature");
	llm_copy_option(ask, "top_k", body, "top_k");
	llm_copy_option(ask, "top_p", body, "top_p");
	if (stop != NULL)
		json_object_set_new(body, "stop_sequences",
							json_is_string(stop) ? json_pack("[O]", stop)
												 : json_incref(stop));
	if (tools != NULL)
		json_object_set_new(body, "tools", convert_tools(tools));
	if (choice != NULL)
		json_object_set_new(body, "tool_choice", convert_choice(choice));
	if (is_native || effort != NULL)
	{
		json_t *config = json_pack("{}");

		if (is_native)
			json_object_set_new(config, "format",
								json_pack("{s:s, s:o}", "type", "json_schema",
										  "schema",
										  llm_anthropic_schema(schema)));
		if (effort != NULL)
			json_object_set(config, "effort", effort);
		json_object_set_new(body, "output_config", config);
	}
	if (ask->is_streamed)
		json_object_set_new(body, "stream", json_true());
	return llm_wire_set(wire, "/v1/messages", body, problem);
}

static const char *
finish_word(const char *reason)
{
	static const char *const words[][2] = {
		{"end_turn", "stop"},
		{"stop_sequence", "stop"},
		{"max_tokens", "length"},
		{"model_context_window_exceeded", "length"},
		{"tool_use", "tool_calls"},
		{"refusal", "refusal"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (reason != NULL && strcmp(reason, words[i][0]) == 0)
			return words[i][1];
	}
	return "other";
}

/* Tokens of the input that a cache read or wrote. */
static int64_t
cached_input(const LlmUsage *usage)
{
	return (usage->cached > 0 ? usage->cached : 0) +
		   (usage->cache_write > 0 ? usage->cache_write : 0);
}

/* Input tokens come without those that a cache read or wrote. */
static void
read_usage(const json_t *doc, LlmUsage *usage)
{
	const json_t *given = json_object_get(doc, "usage");

	usage->input = llm_count(given, "input_tokens");
	usage->cached = llm_count(given, "cache_read_input_tokens");
	usage->cache_write = llm_count(given, "cache_creation_input_tokens");
	usage->output = llm_count(given, "output_tokens");
	if (usage->input >= 0)
		usage->input += cached_input(usage);
}

/* Append text of a block to content; false when it is malformed. */
static bool
read_block(const json_t *block, LlmText *content, json_t *calls)
{
	const char *type = json_string_value(json_object_get(block, "type"));

	if (type == NULL)
		return false;
	if (strcmp(type, "text") == 0)
	{
		const char *text = json_string_value(json_object_get(block, "text"));

		if (text == NULL)
			return false;
		(void) llm_text_add(content, text, strlen(text));
		return true;
	}
	if (strcmp(type, "tool_use") == 0)
	{
		const char *id = json_string_value(json_object_get(block, "id"));
		const char *name = json_string_value(json_object_get(block, "name"));
		const json_t *input = json_object_get(block, "input");

		if (id == NULL || name == NULL || !json_is_object(input))
			return false;
		return json_array_append_new(calls, llm_tool_call(id, name, input)) ==
			   0;
	}
	return true; /* thinking and kinds to come */
}

static void
parse(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	const json_t *blocks = json_object_get(doc, "content");
	LlmText content = {0};
	json_t *calls = json_array();
	bool ok = json_is_array(blocks);
	size_t i;
	json_t *block;

	read_usage(doc, &reply->usage);
	json_array_foreach (blocks, i, block)
		ok = ok && read_block(block, &content, calls);
	if (!ok)
	{
		llm_reply_malformed(reply, "its content is no list of blocks");
		free(content.data);
		json_decref(calls);
		return;
	}
	if (json_array_size(calls) == 0)
	{
		json_decref(calls);
		calls = NULL;
	}
	llm_reply_text(
		ask, reply, llm_text_take(&content), calls,
		finish_word(json_string_value(json_object_get(doc, "stop_reason"))),
		json_string_value(json_object_get(doc, "model")));
}

/*
 * The end of a stream repeats the output tokens, and perhaps some of the
 * others: what it does not say stays as it was at the beginning.
 */
static void
event_usage(LlmStream *stream, const json_t *doc)
{
	LlmUsage *usage = &llm_stream_reply(stream)->usage;
	int64_t fresh = usage->input - cached_input(usage);
	LlmUsage given;

	read_usage(doc, &given);
	if (given.input >= 0)
		fresh = given.input - cached_input(&given);
	if (given.cached >= 0)
		usage->cached = given.cached;
	if (given.cache_write >= 0)
		usage->cache_write = given.cache_write;
	if (given.output >= 0)
		usage->output = given.output;
	if (usage->input >= 0 || given.input >= 0)
		usage->input = fresh + cached_input(usage);
}

static void
event_delta(LlmStream *stream, const json_t *delta)
{
	const json_t *json = json_object_get(delta, "partial_json");
	size_t n = llm_stream_calls(stream);

	llm_stream_add_text(stream, json_object_get(delta, "text"));
	if (json_is_string(json) && n > 0)
		llm_stream_add_call(stream, n - 1, NULL, NULL,
							json_string_value(json));
}

/* A block that begins; its text mostly comes later. */
static void
event_block(LlmStream *stream, const json_t *block)
{
	const char *type = json_string_value(json_object_get(block, "type"));

	if (type != NULL && strcmp(type, "tool_use") == 0)
		llm_stream_add_call(stream, llm_stream_calls(stream),
							json_string_value(json_object_get(block, "id")),
							json_string_value(json_object_get(block, "name")),
							NULL);
	else if (type != NULL && strcmp(type, "text") == 0)
		llm_stream_add_text(stream, json_object_get(block, "text"));
}

static void
event(LlmStream *stream, const json_t *doc)
{
	const char *type = json_string_value(json_object_get(doc, "type"));
	const json_t *delta = json_object_get(doc, "delta");

	if (type == NULL)
		llm_reply_malformed(llm_stream_reply(stream), "an event has no type");
	else if (strcmp(type, "message_start") == 0)
	{
		const json_t *message = json_object_get(doc, "message");

		llm_stream_set_model(stream, json_object_get(message, "model"));
		event_usage(stream, message);
	}
	else if (strcmp(type, "content_block_start") == 0)
		event_block(stream, json_object_get(doc, "content_block"));
	else if (strcmp(type, "content_block_delta") == 0)
		event_delta(stream, delta);
	else if (strcmp(type, "message_delta") == 0)
	{
		event_usage(stream, doc);
		llm_stream_set_finish(stream,
							  finish_word(json_string_value(
								  json_object_get(delta, "stop_reason"))));
	}
	else if (strcmp(type, "message_stop") == 0)
		llm_stream_complete(stream);
}

const LlmKind llm_kind_anthropic = {
	.name = "anthropic",
	.base_url = "https://api.anthropic.com",
	.auth_header = "x-api-key: ",
	.fixed_header = "anthropic-version: 2023-06-01",
	.build = build,
	.parse = parse,
	.event = event,
};
