/*-------------------------------------------------------------------------
 *
 * llm_provider_responses.c
 *		OpenAI's responses format, for servers that have it. Pure.
 *
 * A conversation is a list of items: messages, tool calls and their results.
 * Nothing is left at the provider ("store": false), so a conversation is sent
 * whole, as with every other kind. Embeddings are those of the kind openai.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "llm/llm_provider_int.h"

/* ---- requests ----------------------------------------------------------- */

/* A message is an item, and each tool call of it is another. */
static bool
add_items(json_t *items, const json_t *message)
{
	json_t *role = json_object_get(message, "role");
	json_t *content = json_object_get(message, "content");
	const json_t *calls = json_object_get(message, "tool_calls");
	size_t i;
	json_t *call;

	if (strcmp(json_string_value(role), "tool") == 0)
		return json_array_append_new(
				   items, json_pack("{s:s, s:O, s:O}", "type",
									"function_call_output", "call_id",
									json_object_get(message, "tool_call_id"),
									"output", content)) == 0;
	if ((json_string_length(content) > 0 || calls == NULL) &&
		json_array_append_new(items, json_pack("{s:O, s:O}", "role", role,
											   "content", content)) != 0)
		return false;
	json_array_foreach (calls, i, call)
	{
		const json_t *function = json_object_get(call, "function");

		if (json_array_append_new(
				items,
				json_pack("{s:s, s:O, s:O, s:O}", "type", "function_call",
						  "call_id", json_object_get(call, "id"), "name",
						  json_object_get(function, "name"), "arguments",
						  json_object_get(function, "arguments"))) != 0)
			return false;
	}
	return true;
}

static json_t *
convert_messages(const LlmAsk *ask)
{
	json_t *items = json_array();
	size_t i;
	json_t *message;

	json_array_foreach (ask->messages, i, message)
	{
		if (!add_items(items, message))
		{
			json_decref(items);
			return NULL;
		}
	}
	return items;
}

/* Here a function is no member of a tool but the tool itself. */
static json_t *
convert_tools(const json_t *tools)
{
	json_t *converted = json_array();
	size_t i;
	json_t *tool;

	json_array_foreach (tools, i, tool)
	{
		json_t *item = json_pack("{s:s, s:b}", "type", "function", "strict",
								 0 /* unless the function says so */);

		if (json_object_update(item, json_object_get(tool, "function")) != 0 ||
			json_array_append_new(converted, item) != 0)
		{
			json_decref(converted);
			return NULL;
		}
	}
	return converted;
}

static json_t *
convert_choice(json_t *choice)
{
	const char *word = json_string_value(choice);

	if (strcmp(word, "auto") == 0 || strcmp(word, "none") == 0 ||
		strcmp(word, "required") == 0)
		return json_incref(choice);
	return json_pack("{s:s, s:O}", "type", "function", "name", choice);
}

static bool
build_chat(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	static const char *const without[] = {"frequency_penalty",
										  "logprobs",
										  "presence_penalty",
										  "seed",
										  "stop",
										  "top_k",
										  NULL};
	json_t *tools = json_object_get(ask->options, "tools");
	json_t *choice = json_object_get(ask->options, "tool_choice");
	json_t *schema = json_object_get(ask->options, "schema");
	json_t *effort = json_object_get(ask->options, "reasoning_effort");
	LlmSchemaFormat format = llm_schema_format(ask);
	json_t *body;
	bool ok;

	if (!llm_reject_options(ask, "responses", without, problem))
		return false;
	body = json_pack("{s:s, s:o, s:b}", "model", ask->model_id, "input",
					 convert_messages(ask), "store", 0);
	ok = llm_demand_schema(ask, json_object_get(body, "input"));
	llm_copy_option(ask, "max_tokens", body, "max_output_tokens");
	llm_copy_option(ask, "metadata", body, "metadata");
	llm_copy_option(ask, "temperature", body, "temperature");
	llm_copy_option(ask, "top_p", body, "top_p");
	if (tools != NULL)
		ok = ok &&
			 json_object_set_new(body, "tools", convert_tools(tools)) == 0;
	if (choice != NULL)
		ok = ok && json_object_set_new(body, "tool_choice",
									   convert_choice(choice)) == 0;
	if (format == LLM_SCHEMA_JSON)
		ok = ok && json_object_set_new(body, "text",
									   json_pack("{s:{s:s}}", "format", "type",
												 "json_object")) == 0;
	if (format == LLM_SCHEMA_NATIVE)
		ok = ok &&
			 json_object_set_new(body, "text",
								 json_pack("{s:{s:s, s:s, s:O}}", "format",
										   "type", "json_schema", "name",
										   "answer", "schema", schema)) == 0;
	if (effort != NULL)
		ok = ok &&
			 json_object_set_new(body, "reasoning",
								 json_pack("{s:O}", "effort", effort)) == 0;
	if (ask->is_streamed)
		ok = ok && json_object_set_new(body, "stream", json_true()) == 0;
	if (ok)
		return llm_wire_set(wire, "/responses", body, problem);
	json_decref(body);
	return llm_problem(problem, "out of memory");
}

static bool
build(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	if (ask->task == LLM_TASK_EMBED)
		return llm_kind_openai.build(ask, wire, problem);
	if (ask->task == LLM_TASK_RERANK)
		return llm_problem(problem,
						   "providers of kind \"responses\" do not rank");
	return build_chat(ask, wire, problem);
}

/* ---- answers ------------------------------------------------------------ */

static void
read_usage(const json_t *doc, LlmUsage *usage)
{
	const json_t *given = json_object_get(doc, "usage");
	const json_t *input = json_object_get(given, "input_tokens_details");

	usage->input = llm_count(given, "input_tokens");
	usage->output = llm_count(given, "output_tokens");
	usage->cached = llm_count(input, "cached_tokens");
	usage->cache_write = llm_count(input, "cache_write_tokens");
	usage->reasoning = llm_count(
		json_object_get(given, "output_tokens_details"), "reasoning_tokens");
}

/* What has been read of the output so far. */
typedef struct Output
{
	LlmText content;
	json_t *calls; /* array */
	bool is_refusal;
} Output;

/* Parts of a message: text, or why there is none. */
static void
read_message(const json_t *item, Output *output)
{
	size_t i;
	json_t *part;

	json_array_foreach (json_object_get(item, "content"), i, part)
	{
		const char *text = json_string_value(json_object_get(part, "text"));

		if (text == NULL)
		{
			text = json_string_value(json_object_get(part, "refusal"));
			output->is_refusal = output->is_refusal || text != NULL;
		}
		if (text != NULL)
			(void) llm_text_add(&output->content, text, strlen(text));
	}
}

static bool
read_item(const json_t *item, Output *output)
{
	const char *type = json_string_value(json_object_get(item, "type"));
	const json_t *id = json_object_get(item, "call_id");
	const json_t *name = json_object_get(item, "name");
	const json_t *arguments = json_object_get(item, "arguments");

	if (type == NULL)
		return false;
	if (strcmp(type, "message") == 0)
		read_message(item, output);
	if (strcmp(type, "function_call") != 0)
		return true; /* reasoning and kinds to come */
	if (!json_is_string(id) || !json_is_string(name) ||
		!json_is_string(arguments))
		return false;
	return json_array_append_new(
			   output->calls, json_pack("{s:O, s:s, s:{s:O, s:O}}", "id", id,
										"type", "function", "function", "name",
										name, "arguments", arguments)) == 0;
}

static const char *
finish_word(const json_t *doc, const Output *output)
{
	const char *reason = json_string_value(
		json_object_get(json_object_get(doc, "incomplete_details"), "reason"));

	if (reason != NULL && strcmp(reason, "max_output_tokens") == 0)
		return "length";
	if (reason != NULL && strcmp(reason, "content_filter") == 0)
		return "content_filter";
	if (output->is_refusal)
		return "refusal";
	return reason == NULL ? "stop" : "other";
}

/* A response has a status beside its output, which may be of one that failed. */
static bool
has_ended(const json_t *doc, LlmReply *reply)
{
	const char *status = json_string_value(json_object_get(doc, "status"));

	if (status == NULL || strcmp(status, "completed") == 0 ||
		strcmp(status, "incomplete") == 0)
		return true;
	if (strcmp(status, "failed") == 0)
		llm_reply_fault(reply, LLM_FAULT_SERVER, LLM_RETRYABLE);
	else
		llm_reply_malformed(reply, "its response is not completed");
	return false;
}

static void
parse_chat(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	const json_t *items = json_object_get(doc, "output");
	Output output = {{0}, json_array(), false};
	const char *finish;
	bool ok = json_is_array(items);
	bool ended;
	size_t i;
	json_t *item;

	read_usage(doc, &reply->usage);
	ended = has_ended(doc, reply);
	json_array_foreach (items, i, item)
		ok = ok && read_item(item, &output);
	if (ended && !ok)
		llm_reply_malformed(reply, "its output is no list of items");
	if (!ended || !ok)
	{
		free(output.content.data);
		json_decref(output.calls);
		return;
	}
	finish = finish_word(doc, &output);
	if (json_array_size(output.calls) == 0)
	{
		json_decref(output.calls);
		output.calls = NULL;
	}
	llm_reply_text(ask, reply, llm_text_take(&output.content), output.calls,
				   finish, json_string_value(json_object_get(doc, "model")));
}

static void
parse(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	if (ask->task == LLM_TASK_EMBED)
		llm_kind_openai.parse(ask, doc, reply);
	else
		parse_chat(ask, doc, reply);
}

/* Servers that only pretend to stream say nothing before the last event. */
static void
add_rest(LlmStream *stream, const json_t *response)
{
	Output output = {{0}, NULL, false};
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(response, "output"), i, item)
	{
		const char *type = json_string_value(json_object_get(item, "type"));

		if (type != NULL && strcmp(type, "message") == 0)
			read_message(item, &output);
	}
	llm_stream_add_rest(stream, &output.content);
	free(output.content.data);
}

/* The last event holds the whole answer once more, with its tokens. */
static void
event(LlmStream *stream, const json_t *doc)
{
	const char *type = json_string_value(json_object_get(doc, "type"));
	const json_t *response = json_object_get(doc, "response");

	if (type == NULL)
		llm_reply_malformed(llm_stream_reply(stream), "an event has no type");
	else if (strcmp(type, "response.output_text.delta") == 0)
		llm_stream_add_text(stream, json_object_get(doc, "delta"));
	else if (strcmp(type, "response.refusal.delta") == 0)
		llm_stream_add_refusal(stream, json_object_get(doc, "delta"));
	else if (strcmp(type, "error") == 0)
		llm_reply_error_code(llm_stream_reply(stream), doc);
	else if (strcmp(type, "response.failed") == 0)
		llm_reply_error_code(llm_stream_reply(stream),
							 json_object_get(response, "error"));
	else if (strcmp(type, "response.completed") == 0 ||
			 strcmp(type, "response.incomplete") == 0)
	{
		LlmReply whole = {.retry_after_ms = -1, .usage = LLM_NO_USAGE};

		parse_chat(llm_stream_ask(stream), response, &whole);
		if (whole.outcome == LLM_SUCCEEDED)
			add_rest(stream, response);
		/* unless memory ran out */
		if (llm_stream_reply(stream)->outcome == LLM_PENDING)
			llm_stream_take_reply(stream, &whole);
		else
			llm_reply_free(&whole);
	}
}

const LlmKind llm_kind_responses = {
	.name = "responses",
	.base_url = "https://api.openai.com/v1",
	.auth_header = "Authorization: Bearer ",
	.build = build,
	.parse = parse,
	.event = event,
	.max_texts = 2048,
	.max_text_bytes = 300000,
	.refuses_empty = true,
};
