/*-------------------------------------------------------------------------
 *
 * llm_provider_openai.c
 *		OpenAI's formats, which many servers speak: chat and embeddings. Pure.
 *
 * OpenAI itself does not rank; servers that do (Cohere, Jina, Voyage,
 * llama.cpp) agree on one format. Azure differs by the name of a header, and
 * text-embeddings-inference by the format of ranking and its paths.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "llm/llm_provider_int.h"

/* One of the words of llm_reply_text. */
static const char *
finish_word(const char *reason)
{
	static const char *const words[][2] = {
		{"stop", "stop"},
		{"length", "length"},
		{"model_length", "length"}, /* Mistral */
		{"tool_calls", "tool_calls"},
		{"content_filter", "content_filter"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (reason != NULL && strcmp(reason, words[i][0]) == 0)
			return words[i][1];
	}
	return "other";
}

/*
 * Has the answer failed in the middle? Status and stream were begun well by
 * then, so a choice says so: by an error (OpenRouter), or by the reason for
 * which it ended. What there is of its text is no answer.
 */
static bool
choice_failed(const json_t *choice, LlmReply *reply)
{
	static const char *const reasons[] = {
		"error",					   /* Mistral, OpenRouter */
		"abort",					   /* vLLM, SGLang */
		"insufficient_system_resource" /* DeepSeek */
	};
	const char *reason =
		json_string_value(json_object_get(choice, "finish_reason"));

	if (llm_reply_error(reply, choice))
		return true;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
	{
		if (reason == NULL || strcmp(reason, reasons[i]) != 0)
			continue;
		reply->code = reasons[i];
		llm_reply_fault(reply, LLM_FAULT_SERVER, LLM_RETRYABLE);
		return true;
	}
	return false;
}

/*
 * The text of a content, a string, owned; NULL when it has none. Models that
 * think give a list of parts (Mistral), of which only those of text are meant
 * for the reader.
 */
static json_t *
content_text(json_t *content)
{
	LlmText text = {0};
	size_t i;
	json_t *part;

	if (json_is_string(content))
		return json_incref(content);
	if (!json_is_array(content))
		return NULL;
	json_array_foreach (content, i, part)
	{
		const char *type = json_string_value(json_object_get(part, "type"));
		const char *piece = json_string_value(json_object_get(part, "text"));

		if (type != NULL && strcmp(type, "text") == 0 && piece != NULL)
			(void) llm_text_add(&text, piece, strlen(piece));
	}
	return llm_text_take(&text);
}

/*
 * Signatures of thoughts are of Gemini, which refuses its own calls without
 * them in this format, too; other servers could refuse the member.
 */
static bool
takes_signatures(const LlmAsk *ask)
{
	return !ask->is_public && !ask->is_azure &&
		   strstr(ask->model_id, "gemini") != NULL;
}

/* Messages have this shape; only what another kind put into them goes. */
static json_t *
convert_messages(const LlmAsk *ask)
{
	json_t *messages = json_deep_copy(ask->messages);
	size_t i, j;
	json_t *message;
	json_t *call;

	json_array_foreach (messages, i, message)
	{
		json_array_foreach (json_object_get(message, "tool_calls"), j, call)
		{
			json_t *signature = json_object_get(call, "thought_signature");

			if (signature != NULL && takes_signatures(ask))
				json_object_set_new(call, "extra_content",
									json_pack("{s:{s:O}}", "google",
											  "thought_signature", signature));
			json_object_del(call, "thought_signature");
		}
	}
	return messages;
}

static bool
build_chat(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	static const char *const same[] = {
		"frequency_penalty", "logprobs", "metadata", "presence_penalty",
		"reasoning_effort",	 "seed",	 "stop",	 "temperature",
		"tool_choice",		 "tools",	 "top_k",	 "top_p"};
	json_t *schema = json_object_get(ask->options, "schema");
	json_t *choice = json_object_get(ask->options, "tool_choice");
	LlmSchemaFormat format = llm_schema_format(ask);
	json_t *body = json_pack("{s:s, s:o}", "model", ask->model_id, "messages",
							 convert_messages(ask));

	if (body == NULL)
		return llm_problem(problem, "out of memory");
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		llm_copy_option(ask, same[i], body, same[i]);
	/* OpenAI itself wants the new name, other servers know the old one */
	llm_copy_option(ask, "max_tokens", body,
					ask->is_public || ask->is_azure ? "max_completion_tokens"
													: "max_tokens");
	if (choice != NULL && strcmp(json_string_value(choice), "auto") != 0 &&
		strcmp(json_string_value(choice), "none") != 0 &&
		strcmp(json_string_value(choice), "required") != 0)
		json_object_set_new(body, "tool_choice",
							json_pack("{s:s, s:{s:O}}", "type", "function",
									  "function", "name", choice));
	(void) llm_demand_schema(ask, json_object_get(body, "messages"));
	if (format == LLM_SCHEMA_JSON)
		json_object_set_new(body, "response_format",
							json_pack("{s:s}", "type", "json_object"));
	if (format == LLM_SCHEMA_NATIVE)
		json_object_set_new(body, "response_format",
							json_pack("{s:s, s:{s:s, s:O}}", "type",
									  "json_schema", "json_schema", "name",
									  "answer", "schema", schema));
	if (ask->is_streamed)
	{
		json_object_set_new(body, "stream", json_true());
		json_object_set_new(body, "stream_options",
							json_pack("{s:b}", "include_usage", 1));
	}
	return llm_wire_set(wire, "/chat/completions", body, problem);
}

static bool
build_embed(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	/* base64 is exact and a third of the size; who ignores it sends numbers */
	json_t *body =
		json_pack("{s:s, s:O, s:s}", "model", ask->model_id, "input",
				  ask->contents, "encoding_format", "base64");

	if (body == NULL)
		return llm_problem(problem, "out of memory");
	llm_copy_option(ask, "dimensions", body, "dimensions");
	return llm_wire_set(wire, "/embeddings", body, problem);
}

/* The documents of a ranking: all contents but the query. Owned. */
static json_t *
documents(const LlmAsk *ask)
{
	json_t *array = json_copy(ask->contents);

	json_array_remove(array, 0);
	return array;
}

static bool
build_rerank(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	json_t *body = json_pack("{s:s, s:O, s:o}", "model", ask->model_id,
							 "query", json_array_get(ask->contents, 0),
							 "documents", documents(ask));

	if (body == NULL)
		return llm_problem(problem, "out of memory");
	return llm_wire_set(wire, "/rerank", body, problem);
}

static bool
build(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	/* metadata is of answers that are stored, and none is left there */
	static const char *const not_public[] = {"metadata", "top_k", NULL};

	if (ask->task == LLM_TASK_EMBED)
		return build_embed(ask, wire, problem);
	if (ask->task == LLM_TASK_RERANK && ask->is_public)
		return llm_problem(problem, "OpenAI does not rank");
	if (ask->task == LLM_TASK_RERANK)
		return build_rerank(ask, wire, problem);
	if (ask->is_public &&
		!llm_reject_options(ask, "openai", not_public, problem))
		return false;
	return build_chat(ask, wire, problem);
}

static void
read_usage(const json_t *doc, LlmUsage *usage)
{
	const json_t *given = json_object_get(doc, "usage");

	usage->input = llm_count(given, "prompt_tokens");
	usage->output = llm_count(given, "completion_tokens");
	usage->cached = llm_count(json_object_get(given, "prompt_tokens_details"),
							  "cached_tokens");
	usage->cache_write = llm_count(
		json_object_get(given, "prompt_tokens_details"), "cache_write_tokens");
	usage->reasoning =
		llm_count(json_object_get(given, "completion_tokens_details"),
				  "reasoning_tokens");
}

static json_t *
signature_of(const json_t *item)
{
	return json_object_get(
		json_object_get(json_object_get(item, "extra_content"), "google"),
		"thought_signature");
}

/*
 * A tool call, reduced to the members we know; NULL if broken. Servers leave
 * out identifiers, and give arguments as the document that they are.
 */
static json_t *
read_tool_call(const json_t *item, size_t number)
{
	const json_t *function = json_object_get(item, "function");
	const char *id = json_string_value(json_object_get(item, "id"));
	const char *name = json_string_value(json_object_get(function, "name"));
	const json_t *arguments = json_object_get(function, "arguments");
	json_t *call;
	char made_up[32];

	if (name == NULL ||
		!(arguments == NULL || json_is_null(arguments) ||
		  json_is_string(arguments) || json_is_object(arguments)))
		return NULL;
	snprintf(made_up, sizeof(made_up), "call_o%zu", number);
	if (id == NULL || id[0] == '\0')
		id = made_up;
	if (json_is_object(arguments))
		call = llm_tool_call(id, name, arguments);
	else
		call = json_pack(
			"{s:s, s:s, s:{s:s, s:s}}", "id", id, "type", "function",
			"function", "name", name, "arguments",
			json_is_string(arguments) ? json_string_value(arguments) : "{}");
	if (call != NULL && json_is_string(signature_of(item)))
		json_object_set(call, "thought_signature", signature_of(item));
	return call;
}

/* The tool calls of a message; NULL if one is broken. */
static json_t *
read_tool_calls(const json_t *given)
{
	json_t *calls = json_array();
	size_t i;
	json_t *item;

	json_array_foreach (given, i, item)
	{
		json_t *call = read_tool_call(item, i + 1);

		if (call == NULL)
		{
			json_decref(calls);
			return NULL;
		}
		json_array_append_new(calls, call);
	}
	return calls;
}

/*
 * The probability of a whole text: the product of those of its tokens. Where
 * a schema binds the provider, only the values in it are uncertain. 0 when
 * they were not given, or are none.
 */
static double
read_certainty(const json_t *choice)
{
	const json_t *tokens =
		json_object_get(json_object_get(choice, "logprobs"), "content");
	double sum = 0;
	size_t i;
	json_t *token;

	if (json_array_size(tokens) == 0)
		return 0;
	json_array_foreach (tokens, i, token)
	{
		const json_t *logprob = json_object_get(token, "logprob");

		if (!json_is_number(logprob))
			return 0;
		sum += json_number_value(logprob);
	}
	return exp(fmin(sum, 0));
}

static void
parse_chat(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	const json_t *choice = json_array_get(json_object_get(doc, "choices"), 0);
	const json_t *message = json_object_get(choice, "message");
	const json_t *given_calls = json_object_get(message, "tool_calls");
	json_t *refusal = json_object_get(message, "refusal");
	json_t *given = json_object_get(message, "content");
	const char *finish = finish_word(
		json_string_value(json_object_get(choice, "finish_reason")));
	json_t *content;
	json_t *calls = NULL;

	read_usage(doc, &reply->usage);
	reply->certainty = read_certainty(choice);
	if (choice_failed(choice, reply))
		return;
	if (!json_is_object(message))
	{
		llm_reply_malformed(reply, "it has no message");
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
	content = content_text(given);
	if (json_string_length(content) == 0 && json_string_length(refusal) > 0)
	{
		json_decref(content);
		content = json_incref(refusal);
		finish = "refusal";
	}
	/* who only thought up to the limit, or was filtered, said nothing */
	if (content == NULL && calls == NULL && given != NULL &&
		!json_is_null(given))
	{
		llm_reply_malformed(reply, "its message has no content");
		return;
	}
	llm_reply_text(ask, reply, content != NULL ? content : json_string(""),
				   calls, finish,
				   json_string_value(json_object_get(doc, "model")));
}

/* Pieces of tool calls: the first has id and name, all have arguments. */
static void
event_tool_calls(LlmStream *stream, const json_t *given)
{
	size_t i;
	json_t *item;

	json_array_foreach (given, i, item)
	{
		const json_t *index = json_object_get(item, "index");
		const json_t *function = json_object_get(item, "function");
		json_int_t at = json_is_integer(index) ? json_integer_value(index)
											   : (json_int_t) i;
		size_t call = llm_stream_add_call(
			stream, at < 0 ? SIZE_MAX : (size_t) at,
			json_string_value(json_object_get(item, "id")),
			json_string_value(json_object_get(function, "name")),
			json_string_value(json_object_get(function, "arguments")));

		llm_stream_sign_call(stream, call,
							 json_string_value(signature_of(item)));
	}
}

/* A chunk; the one with the tokens has no choice. */
static void
event(LlmStream *stream, const json_t *doc)
{
	const json_t *choice = json_array_get(json_object_get(doc, "choices"), 0);
	const json_t *delta = json_object_get(choice, "delta");
	const char *reason =
		json_string_value(json_object_get(choice, "finish_reason"));
	json_t *text = content_text(json_object_get(delta, "content"));

	llm_stream_set_model(stream, json_object_get(doc, "model"));
	if (json_is_object(json_object_get(doc, "usage")))
		read_usage(doc, &llm_stream_reply(stream)->usage);
	llm_stream_add_text(stream, text);
	json_decref(text);
	llm_stream_add_refusal(stream, json_object_get(delta, "refusal"));
	event_tool_calls(stream, json_object_get(delta, "tool_calls"));
	/* "" is that of servers which say nothing yet */
	if (!choice_failed(choice, llm_stream_reply(stream)) && reason != NULL &&
		reason[0] != '\0')
		llm_stream_set_finish(stream, finish_word(reason));
}

/* Where only input is counted, it may be under the name of the total. */
static void
read_input_usage(const json_t *doc, LlmUsage *usage)
{
	read_usage(doc, usage);
	if (usage->input < 0)
		usage->input =
			llm_count(json_object_get(doc, "usage"), "total_tokens");
}

static void
parse_embed(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	const json_t *data = json_object_get(doc, "data");
	LlmVectors vectors;
	size_t i;
	json_t *item;

	read_input_usage(doc, &reply->usage);
	if (!json_is_array(data))
	{
		llm_reply_malformed(reply, "it has no data");
		return;
	}
	if (!llm_vectors_init(&vectors, ask))
		return;
	json_array_foreach (data, i, item)
	{
		const json_t *index = json_object_get(item, "index");
		json_int_t at = index == NULL ? (json_int_t) i : -1;

		if (json_is_integer(index))
			at = json_integer_value(index);
		if (at < 0)
			llm_reply_malformed(reply, "embedding %zu has no usable index",
								i + 1);
		if (at < 0 ||
			!llm_vectors_add(&vectors, ask, (size_t) at,
							 json_object_get(item, "embedding"), reply))
			break;
	}
	llm_vectors_finish(&vectors, reply,
					   json_string_value(json_object_get(doc, "model")));
}

/* The list has one of two names. */
static void
parse_rerank(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	const json_t *items = json_object_get(doc, "results");

	if (items == NULL)
		items = json_object_get(doc, "data");
	read_input_usage(doc, &reply->usage);
	llm_reply_scores(ask, reply, items,
					 json_string_value(json_object_get(doc, "model")));
}

static void
parse(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	if (ask->task == LLM_TASK_EMBED)
		parse_embed(ask, doc, reply);
	else if (ask->task == LLM_TASK_RERANK)
		parse_rerank(ask, doc, reply);
	else
		parse_chat(ask, doc, reply);
}

/* text-embeddings-inference: no model name, for it serves one. */
static bool
build_tei(const LlmAsk *ask, LlmWire *wire, LlmProblem *problem)
{
	json_t *body;

	if (ask->task == LLM_TASK_EMBED)
		body = json_pack("{s:O, s:s, s:s}", "input", ask->contents, "model",
						 ask->model_id, "encoding_format", "base64");
	else if (ask->task == LLM_TASK_RERANK)
		body =
			json_pack("{s:O, s:o}", "query", json_array_get(ask->contents, 0),
					  "texts", documents(ask));
	else
		return llm_problem(problem,
						   "providers of kind \"tei\" have no text models");
	if (body == NULL)
		return llm_problem(problem, "out of memory");
	return llm_wire_set(
		wire, ask->task == LLM_TASK_EMBED ? "/v1/embeddings" : "/rerank", body,
		problem);
}

static void
parse_tei(const LlmAsk *ask, const json_t *doc, LlmReply *reply)
{
	if (ask->task == LLM_TASK_EMBED)
		parse_embed(ask, doc, reply);
	else
		llm_reply_scores(ask, reply, doc, ask->model_id);
}

const LlmKind llm_kind_openai = {
	.name = "openai",
	.base_url = "https://api.openai.com/v1",
	.auth_header = "Authorization: Bearer ",
	.build = build,
	.parse = parse,
	.event = event,
	.max_texts = 2048,
	.max_text_bytes = 300000,
	.refuses_empty = true,
};

const LlmKind llm_kind_azure = {
	.name = "azure",
	.auth_header = "api-key: ",
	.build = build,
	.parse = parse,
	.event = event,
	.max_texts = 2048,
	.max_text_bytes = 300000,
	.refuses_empty = true,
};

const LlmKind llm_kind_tei = {
	.name = "tei",
	.auth_header = "Authorization: Bearer ",
	.build = build_tei,
	.parse = parse_tei,
	.max_texts = 32,
	.max_text_bytes = 500000,
	.max_documents = 32,
};
