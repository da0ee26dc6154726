/*-------------------------------------------------------------------------
 *
 * llm_provider_gemini.c
 *		Gemini's generateContent and batchEmbedContents. Pure.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_dump.h"
#include "llm/llm_provider_int.h"

/* ---- requests ----------------------------------------------------------- */

/* "models/x" of model x; a name with a slash has its collection already. */
static void
model_name(const LlmAsk *ask, char *name, size_t size)
{
	snprintf(name, size, "%s%s",
			 strchr(ask->model_id, '/') != NULL ? "" : "models/",
			 ask->model_id);
}

static json_t *
text_part(json_t *text)
{
	return json_pack("{s:O}", "text", text);
}

/*
 * Newer models give calls an identifier and want it back with the result. It
 * gets our prefix here, by which redaction knows it as machine-made; those that
 * were made up, where there was none, are not sent.
 */
#define ID_PREFIX "call_"

static void
read_id(const json_t *call, size_t number, char *id, size_t size)
{
	const char *given = json_string_value(json_object_get(call, "id"));

	if (given != NULL && given[0] != '\0' &&
		strlen(ID_PREFIX) + strlen(given) < size &&
		strspn(given, LLM_NAME_CHARACTERS) == strlen(given))
		snprintf(id, size, ID_PREFIX "%s", given);
	else
		snprintf(id, size, ID_PREFIX "g%zu", number);
}

static void
set_id(json_t *function, const json_t *id)
{
	const char *text = json_string_value(id);
	bool made_up;

	if (strncmp(text, ID_PREFIX, strlen(ID_PREFIX)) == 0)
		text += strlen(ID_PREFIX);
	/* by this kind, by streams, by other kinds */
	made_up = (text[0] == 'g' || text[0] == 's' || text[0] == 'o') &&
			  strspn(text + 1, "0123456789") == strlen(text + 1);
	if (text[0] != '\0' && !made_up)
		json_object_set_new(function, "id", json_string(text));
}

static bool
is_tool_result(const json_t *message)
{
	return strcmp(json_string_value(json_object_get(message, "role")),
				  "tool") == 0;
}

static json_t *
result_part(const LlmAsk *ask, size_t index)
{
	const json_t *message = json_array_get(ask->messages, index);
	const char *name = llm_called_function(ask, index);
	json_t *response =
		json_pack("{s:s, s:{s:O}}", "name", name != NULL ? name : "unknown",
				  "response", "result", json_object_get(message, "content"));

	set_id(response, json_object_get(message, "tool_call_id"));
	return json_pack("{s:o}", "functionResponse", response);
}

static json_t *
convert_message(const json_t *message)
{
	const char *role = json_string_value(json_object_get(message, "role"));
	json_t *content = json_object_get(message, "content");
	json_t *parts;
	size_t i;
	json_t *call;

	parts = json_array();
	if (json_string_length(content) > 0 ||
		json_object_get(message, "tool_calls") == NULL)
		json_array_append_new(parts, text_part(content));
	json_array_foreach (json_object_get(message, "tool_calls"), i, call)
	{
		json_t *name =
			json_object_get(json_object_get(call, "function"), "name");
		json_t *signature = json_object_get(call, "thought_signature");
		json_t *function = json_pack("{s:O, s:o}", "name", name, "args",
									 llm_call_arguments(call));
		json_t *part = json_pack("{s:o}", "functionCall", function);

		set_id(function, json_object_get(call, "id"));
		/* without it newer models refuse their own call */
		if (signature != NULL)
			json_object_set(part, "thoughtSignature", signature);
		json_array_append_new(parts, part);
	}
	return json_pack("{s:s, s:o}", "role",
					 strcmp(role, "assistant") == 0 ? "model" : "user",
					 "parts", parts);
}

/* Results of calls that were made together stand in one content. */
static json_t *
convert_messages(const LlmAsk *ask)
{
	json_t *contents = json_array();
	json_t *results = NULL; /* parts of the content of results begun */
	size_t i;
	json_t *message;

	json_array_foreach (ask->messages, i, message)
	{
		if (llm_is_system(message))
			continue;
		if (!is_tool_result(message))
		{
			json_array_append_new(contents, convert_message(message));
			results = NULL;
			continue;
		}
		if (results == NULL)
		{
			json_t *content =
				json_pack("{s:s, s:[]}", "role", "user", "parts");

			json_array_append_new(contents, content);
			results = json_object_get(content, "parts");
		}
		json_array_append_new(results, result_part(ask, i));
	}
	return contents;
}

static json_t *
convert_tools(const json_t *tools)
{
	json_t *declarations = json_array();
	size_t i;
	json_t *tool;

	json_array_foreach (tools, i, tool)
	{
		json_t *function = json_object_get(tool, "function");
		json_t *item =
			json_pack("{s:O}", "name", json_object_get(function, "name"));
		json_t *description = json_object_get(function, "description");
		json_t *parameters = json_object_get(function, "parameters");

		if (description != NULL)
			json_object_set(item, "description", description);
		if (parameters != NULL)
			json_object_set(item, "parametersJsonSchema", parameters);
		json_array_append_new(declarations, item);
	}
	return json_pack("[{s:o}]", "functionDeclarations", declarations);
}

static json_t *
convert_choice(const json_t *choice)
{
	const char *word = json_string_value(choice);

	if (strcmp(word, "auto") == 0)
		return json_pack("{s:{s:s}}", "functionCallingConfig", "mode", "AUTO");
	if (strcmp(word, "none") == 0)
		return json_pack("{s:{s:s}}", "functionCallingConfig", "mode", "NONE");
	if (strcmp(word, "required") == 0)
		return json_pack("{s:{s:s}}", "functionCallingConfig", "mode", "ANY");
	return json_pack("{s:{s:s, s:[s]}}", "functionCallingConfig", "mode",
					 "ANY", "allowedFunctionNames", word);
}

/*
 * How much is thought: models of series 2.5 know tokens, for which these are
 * Google's own words, and newer ones the words. False for a word of no number.
 */
static bool
set_thinking(const LlmAsk *ask, json_t *config, LlmProblem *problem)
{
	static const struct
	{
		const char *word;
		int tokens;
	} budgets[] = {{"none", 0},
				   {"minimal", 1024},
				   {"low", 1024},
				   {"medium", 8192},
				   {"high", 24576}};
	json_t *effort = json_object_get(ask->options, "reasoning_effort");

	if (effort == NULL)
		return true;
	if (strstr(ask->model_id, "gemini-2.5") == NULL)
	{
		json_object_set_new(config, "thinkingConfig",
							json_pack("{s:O}", "thinkingLevel", effort));
		return true;
	}
	for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++)
	{
		if (strcmp(json_string_value(effort), budgets[i].word) != 0)
			continue;
		json_object_set_new(
			config, "thinkingConfig",
			json_pack("{s:i}", "thinkingBudget", budgets[i].tokens));
		return true;
	}
	return llm_problem(problem,
					   "\"reasoning_effort\" of this model is none, minimal, "
					   "low, medium or high");
}

static json_t *
generation_config(const LlmAsk *ask)
{
	json_t *config = json_pack("{}");
	json_t *stop = json_object_get(ask->options, "stop");
	LlmSchemaFormat format = llm_schema_format(ask);

	llm_copy_option(ask, "frequency_penalty", config, "frequencyPenalty");
	llm_copy_option(ask, "max_tokens", config, "maxOutputTokens");
	llm_copy_option(ask, "presence_penalty", config, "presencePenalty");
	llm_copy_option(ask, "seed", config, "seed");
	llm_copy_option(ask, "temperature", config, "temperature");
	llm_copy_option(ask, "top_k", config, "topK");
	llm_copy_option(ask, "top_p", config, "topP");
	if (stop != NULL)
		json_object_set_new(config, "stopSequences",
							json_is_string(stop) ? json_pack("[O]", stop)
												 : json_incref(stop));
	if (format == LLM_SCHEMA_NATIVE || format == LLM_SCHEMA_JSON)
		json_object_set_new(config, "responseMimeType",
							json_string("application/json"));
	if (format == LLM_SCHEMA_NATIVE)
		llm_copy_option(ask, "schema", config, "responseJsonSchema");
	return config;
}

static bool
build_chat(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	static const char *const without[] = {"logprobs", "metadata", NULL};
	json_t *tools = json_object_get(ask->options, "tools");
	json_t *choice = json_object_get(ask->options, "tool_choice");
	LlmSchemaFormat format = llm_schema_format(ask);
	json_t *system = llm_system_text(ask);
	char name[256];
	char path[320];
	json_t *body;

	if (!llm_reject_options(ask, "gemini", without, problem))
	{
		json_decref(system);
		return false;
	}
	body = json_pack("{s:o, s:o}", "contents", convert_messages(ask),
					 "generationConfig", generation_config(ask));
	if (body == NULL)
		return llm_problem(problem, "out of memory");
	if (!set_thinking(ask, json_object_get(body, "generationConfig"), problem))
	{
		json_decref(body);
		json_decref(system);
		return false;
	}
	if (format == LLM_SCHEMA_JSON || format == LLM_SCHEMA_WORDS)
		system = llm_schema_demand(ask, system);
	if (system != NULL)
		json_object_set_new(body, "systemInstruction",
							json_pack("{s:[{s:o}]}", "parts", "text", system));
	if (tools != NULL)
		json_object_set_new(body, "tools", convert_tools(tools));
	if (choice != NULL)
		json_object_set_new(body, "toolConfig", convert_choice(choice));

	model_name(ask, name, sizeof(name));
	/* without alt=sse the stream would be one array that grows */
	snprintf(path, sizeof(path), "/v1beta/%s:%s", name,
			 ask->is_streamed ? "streamGenerateContent?alt=sse"
							  : "generateContent");
	return llm_wire_set(wire, path, body, problem);
}

static bool
build_embed(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	json_t *requests = json_array();
	char name[256];
	char path[320];
	size_t i;
	json_t *content;

	model_name(ask, name, sizeof(name));
	json_array_foreach (ask->contents, i, content)
	{
		json_t *request = json_pack("{s:s, s:{s:[o]}}", "model", name,
									"content", "parts", text_part(content));

		if (request == NULL)
			break;
		llm_copy_option(ask, "dimensions", request, "outputDimensionality");
		json_array_append_new(requests, request);
	}
	snprintf(path, sizeof(path), "/v1beta/%s:batchEmbedContents", name);
	return llm_wire_set(wire, path, json_pack("{s:o}", "requests", requests),
						problem);
}

static bool
build(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	if (ask->task == LLM_TASK_RERANK)
		return llm_problem(problem,
						   "providers of kind \"gemini\" do not rank");
	if (ask->task == LLM_TASK_EMBED)
		return build_embed(ask, wire, problem);
	return build_chat(ask, wire, problem);
}

/* ---- answers ------------------------------------------------------------ */

static const char *
finish_word(const char *reason)
{
	static const char *const words[][2] = {
		{"STOP", "stop"},
		{"MAX_TOKENS", "length"},
		{"SAFETY", "content_filter"},
		{"RECITATION", "content_filter"},
		{"BLOCKLIST", "content_filter"},
		{"PROHIBITED_CONTENT", "content_filter"},
		{"SPII", "content_filter"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (reason != NULL && strcmp(reason, words[i][0]) == 0)
			return words[i][1];
	}
	return "other";
}

/* Thinking is counted beside the answer; here it is part of the output. */
static void
read_usage(const json_t *doc, LlmUsage *usage)
{
	const json_t *given = json_object_get(doc, "usageMetadata");
	int64_t tool = llm_count(given, "toolUsePromptTokenCount");

	usage->input = llm_count(given, "promptTokenCount");
	usage->cached = llm_count(given, "cachedContentTokenCount");
	usage->output = llm_count(given, "candidatesTokenCount");
	usage->reasoning = llm_count(given, "thoughtsTokenCount");
	if (usage->input >= 0 && tool > 0)
		usage->input += tool;
	/* who only thought, up to the limit, has no count of an answer */
	if (usage->output < 0 && usage->input >= 0)
		usage->output = 0;
	if (usage->output >= 0 && usage->reasoning > 0)
		usage->output += usage->reasoning;
}

static bool
read_part(const json_t *part, size_t number, LlmText *content, json_t *calls)
{
	const char *text = json_string_value(json_object_get(part, "text"));
	const json_t *call = json_object_get(part, "functionCall");

	if (!json_is_object(part))
		return false;
	if (text != NULL && !json_is_true(json_object_get(part, "thought")))
	{
		(void) llm_text_add(content, text, strlen(text));
		return true;
	}
	if (call != NULL)
	{
		const char *name = json_string_value(json_object_get(call, "name"));
		const json_t *args = json_object_get(call, "args");
		json_t *none =
			args == NULL || json_is_null(args) ? json_pack("{}") : NULL;
		json_t *signature = json_object_get(part, "thoughtSignature");
		json_t *made = NULL;
		char id[LLM_CALL_ID_MAX + 1];

		read_id(call, number, id, sizeof(id));
		if (name != NULL)
			made = llm_tool_call(id, name, none != NULL ? none : args);
		json_decref(none);
		if (made != NULL && json_is_string(signature))
			json_object_set(made, "thought_signature", signature);
		return json_array_append_new(calls, made) == 0;
	}
	return true;
}

static void
parse_chat(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	const json_t *candidate =
		json_array_get(json_object_get(doc, "candidates"), 0);
	const json_t *parts =
		json_object_get(json_object_get(candidate, "content"), "parts");
	const char *reason =
		json_string_value(json_object_get(candidate, "finishReason"));
	LlmText content = {0};
	json_t *calls;
	bool ok = true;
	size_t i;
	json_t *part;

	read_usage(doc, &reply->usage);
	if (!json_is_object(candidate))
	{
		if (json_object_get(doc, "promptFeedback") != NULL)
			llm_reply_malformed(reply, "the prompt was blocked");
		else
			llm_reply_malformed(reply, "it has no candidate");
		return;
	}
	calls = json_array();
	json_array_foreach (parts, i, part)
		ok = ok && read_part(part, i + 1, &content, calls);
	if (!ok || (parts == NULL && reason == NULL))
	{
		llm_reply_malformed(reply, "its candidate has no parts");
		free(content.data);
		json_decref(calls);
		return;
	}
	if (json_array_size(calls) == 0)
	{
		json_decref(calls);
		calls = NULL;
	}
	llm_reply_text(ask, reply, llm_text_take(&content), calls,
				   finish_word(reason),
				   json_string_value(json_object_get(doc, "modelVersion")));
}

static void
event_part(LlmStream *stream, const json_t *part)
{
	const json_t *call = json_object_get(part, "functionCall");
	const json_t *args = json_object_get(call, "args");
	char id[LLM_CALL_ID_MAX + 1];
	char *text = NULL;
	size_t place;

	if (!json_is_true(json_object_get(part, "thought")))
		llm_stream_add_text(stream, json_object_get(part, "text"));
	if (!json_is_object(call))
		return;
	if (args != NULL && !json_is_null(args))
		text = json_dump(args, JSON_COMPACT | JSON_ENCODE_ANY);
	read_id(call, llm_stream_calls(stream) + 1, id, sizeof(id));
	place = llm_stream_add_call(
		stream, llm_stream_calls(stream), id,
		json_string_value(json_object_get(call, "name")), text);
	llm_stream_sign_call(
		stream, place,
		json_string_value(json_object_get(part, "thoughtSignature")));
	free(text);
}

/* Every event is an answer with the next part of it. */
static void
event(LlmStream *stream, const json_t *doc)
{
	const json_t *candidate =
		json_array_get(json_object_get(doc, "candidates"), 0);
	const char *reason =
		json_string_value(json_object_get(candidate, "finishReason"));
	size_t i;
	json_t *part;

	if (candidate == NULL && json_object_get(doc, "promptFeedback") != NULL)
	{
		llm_reply_malformed(llm_stream_reply(stream),
							"the prompt was blocked");
		return;
	}
	llm_stream_set_model(stream, json_object_get(doc, "modelVersion"));
	if (json_is_object(json_object_get(doc, "usageMetadata")))
		read_usage(doc, &llm_stream_reply(stream)->usage);
	json_array_foreach (
		json_object_get(json_object_get(candidate, "content"), "parts"), i,
		part)
		event_part(stream, part);
	if (reason != NULL)
	{
		llm_stream_set_finish(stream, finish_word(reason));
		/* no event says that it was the last one */
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

	if (!json_is_array(embeddings))
	{
		llm_reply_malformed(reply, "it has no embeddings");
		return;
	}
	if (!llm_vectors_init(&vectors, ask))
		return;
	json_array_foreach (embeddings, i, item)
	{
		if (!llm_vectors_add(&vectors, ask, i, json_object_get(item, "values"),
							 reply))
			break;
	}
	llm_vectors_finish(&vectors, reply, ask->model_id);
}

static void
parse(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	if (ask->task == LLM_TASK_EMBED)
		parse_embed(ask, doc, reply);
	else
		parse_chat(ask, doc, reply);
}

const LlmKind llm_kind_gemini = {
	.name = "gemini",
	.base_url = "https://generativelanguage.googleapis.com",
	.auth_header = "x-goog-api-key: ",
	.build = build,
	.parse = parse,
	.event = event,
	.max_texts = 100,
	.max_text_bytes = 100000,
	.refuses_empty = true,
};
