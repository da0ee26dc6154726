/*-------------------------------------------------------------------------
 *
 * llm_provider_ask.c
 *		A request: checked, made uniform, taken apart for redaction. Pure.
 *
 * Only members that are known here are ever sent. What is left of them after
 * llm_ask_texts has taken out everything somebody wrote are numbers, truth
 * values and words of closed lists, so nothing else needs redaction.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jansson_memory.h"
#include "base/json_dump.h"
#include "llm/llm_provider_int.h"

#define MAX_MESSAGES 10000
#define MAX_NAME 64
#define MAX_SIGNATURE 65536

bool
llm_problem(LlmProblem *problem, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
	return false;
}

/* ---- options ------------------------------------------------------------ */

typedef enum OptionKind
{
	OPTION_NUMBER,
	OPTION_COUNT, /* integer, not negative */
	OPTION_WORD,  /* lower-case letters only */
	OPTION_TEXTS, /* a string or an array of strings */
	OPTION_TOOLS,
	OPTION_CHOICE, /* auto, none, required or the name of a tool */
	OPTION_OBJECT,
	OPTION_STRINGS, /* an object of strings */
	OPTION_FORMAT,	/* of a schema */
	OPTION_KEEP_ALIVE,
	OPTION_TRUTH,
} OptionKind;

#define FOR_TEXT 1
#define FOR_EMBED 2

typedef struct Option
{
	const char *name;
	OptionKind kind;
	double min;
	double max;
	int tasks; /* that have it, never a ranking */
} Option;

static const Option options[] = {
	{"dimensions", OPTION_COUNT, 1, LLM_MAX_DIMENSIONS, FOR_EMBED},
	{"frequency_penalty", OPTION_NUMBER, -2, 2, FOR_TEXT},
	{"keep_alive", OPTION_KEEP_ALIVE, 0, 0, FOR_TEXT | FOR_EMBED},
	{"logprobs", OPTION_TRUTH, 0, 0, FOR_TEXT},
	{"max_tokens", OPTION_COUNT, 1, 10000000, FOR_TEXT},
	{"metadata", OPTION_STRINGS, 0, 0, FOR_TEXT},
	{"num_ctx", OPTION_COUNT, 1, 10000000, FOR_TEXT | FOR_EMBED},
	{"presence_penalty", OPTION_NUMBER, -2, 2, FOR_TEXT},
	{"reasoning_effort", OPTION_WORD, 0, 0, FOR_TEXT},
	{"schema", OPTION_OBJECT, 0, 0, FOR_TEXT},
	{"schema_format", OPTION_FORMAT, 0, 0, FOR_TEXT},
	{"seed", OPTION_COUNT, 0, 2147483647, FOR_TEXT},
	{"stop", OPTION_TEXTS, 0, 0, FOR_TEXT},
	{"temperature", OPTION_NUMBER, 0, 2, FOR_TEXT},
	{"tool_choice", OPTION_CHOICE, 0, 0, FOR_TEXT},
	{"tools", OPTION_TOOLS, 0, 0, FOR_TEXT},
	{"top_k", OPTION_COUNT, 1, 1000000, FOR_TEXT},
	{"top_p", OPTION_NUMBER, 0, 1, FOR_TEXT},
};

#define NOPTIONS (sizeof(options) / sizeof(options[0]))

static bool
is_name(const json_t *value)
{
	const char *name = json_string_value(value);
	size_t len = json_string_length(value);

	return name != NULL && len > 0 && len <= MAX_NAME &&
		   strspn(name, LLM_NAME_CHARACTERS) == len;
}

/* Base64, of either alphabet. */
static bool
is_signature_text(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= MAX_SIGNATURE &&
		   strspn(text, LLM_NAME_CHARACTERS "+/=") == len;
}

/*
 * Of a tool call; some servers make it of a name: "functions.f:0". A signature
 * of thoughts may stand behind it.
 */
static bool
is_id(const json_t *value)
{
	const char *id = json_string_value(value);
	const char *signature = id != NULL ? llm_signature_of_id(id) : NULL;
	size_t len = signature != NULL ? (size_t) (signature - id)
								   : json_string_length(value);

	return id != NULL && len > 0 && len <= LLM_CALL_ID_MAX &&
		   strspn(id, LLM_NAME_CHARACTERS ".:") >= len &&
		   (signature == NULL || is_signature_text(signature));
}

static bool
is_texts(const json_t *value)
{
	size_t i;
	json_t *item;

	if (json_is_string(value))
		return true;
	if (!json_is_array(value) || json_array_size(value) > 16)
		return false;
	json_array_foreach (value, i, item)
	{
		if (!json_is_string(item))
			return false;
	}
	return true;
}

static bool
is_object_of_strings(const json_t *value)
{
	const char *key;
	json_t *item;

	if (!json_is_object(value) || json_object_size(value) > 16)
		return false;
	json_object_foreach ((json_t *) value, key, item)
	{
		if (!json_is_string(item))
			return false;
	}
	return true;
}

/* An object with no members other than those of names (ends with NULL). */
static bool
has_only(const json_t *object, const char *const *names)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *) object, key, value)
	{
		size_t i = 0;

		while (names[i] != NULL && strcmp(names[i], key) != 0)
			i++;
		if (names[i] == NULL)
			return false;
	}
	return true;
}

/* [{type: function, function: {name, description?, parameters?, strict?}}] */
static bool
is_tools(const json_t *value)
{
	static const char *const outer[] = {"type", "function", NULL};
	static const char *const inner[] = {"name", "description", "parameters",
										"strict", NULL};
	size_t i;
	json_t *tool;

	if (!json_is_array(value) || json_array_size(value) > 128)
		return false;
	json_array_foreach (value, i, tool)
	{
		const json_t *type = json_object_get(tool, "type");
		const json_t *function = json_object_get(tool, "function");
		const json_t *description = json_object_get(function, "description");
		const json_t *parameters = json_object_get(function, "parameters");
		const json_t *strict = json_object_get(function, "strict");

		if (!json_is_object(tool) || !has_only(tool, outer) ||
			!json_is_string(type) ||
			strcmp(json_string_value(type), "function") != 0 ||
			!json_is_object(function) || !has_only(function, inner) ||
			!is_name(json_object_get(function, "name")))
			return false;
		if ((description != NULL && !json_is_string(description)) ||
			(parameters != NULL && !json_is_object(parameters)) ||
			(strict != NULL && !json_is_boolean(strict)))
			return false;
	}
	return true;
}

static bool
is_word(const json_t *value)
{
	const char *word = json_string_value(value);

	return word != NULL && strlen(word) <= 16 &&
		   strlen(word) == strspn(word, "abcdefghijklmnopqrstuvwxyz");
}

static bool
option_is_valid(const Option *option, const json_t *value)
{
	double number = json_number_value(value);

	switch (option->kind)
	{
		case OPTION_NUMBER:
			return json_is_number(value) && number >= option->min &&
				   number <= option->max;
		case OPTION_COUNT:
			return json_is_number(value) && number == floor(number) &&
				   number >= option->min && number <= option->max;
		case OPTION_WORD:
			return is_word(value);
		case OPTION_TEXTS:
			return is_texts(value);
		case OPTION_TOOLS:
			return is_tools(value);
		case OPTION_CHOICE:
			return is_name(value);
		case OPTION_OBJECT:
			return json_is_object(value);
		case OPTION_STRINGS:
			return is_object_of_strings(value);
		case OPTION_FORMAT:
			return llm_is_schema_format(value);
		case OPTION_KEEP_ALIVE:
			return llm_is_keep_alive(value);
		case OPTION_TRUTH:
			return json_is_boolean(value);
	}
	return false;
}

static const Option *
find_option(const char *name)
{
	for (size_t i = 0; i < NOPTIONS; i++)
	{
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

/* A name of an unknown member is shown only when it cannot hold much. */
static bool
unknown_member(const char *name, LlmProblem *problem)
{
	size_t len = strlen(name);

	if (len > 0 && len <= 32 &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz_") == len)
		return llm_problem(problem, "unknown member \"%s\"", name);
	return llm_problem(problem, "unknown member");
}

static bool
add_option(LlmAsk *ask, const char *name, json_t *value, LlmProblem *problem)
{
	const Option *option = find_option(name);

	if (option == NULL)
		return unknown_member(name, problem);
	if (json_is_null(value))
		return true;
	if (ask->task == LLM_TASK_RERANK ||
		(option->tasks &
		 (ask->task == LLM_TASK_EMBED ? FOR_EMBED : FOR_TEXT)) == 0)
		return llm_problem(problem, "member \"%s\" is for another task",
						   option->name);
	if (!option_is_valid(option, value))
		return llm_problem(problem, "member \"%s\" has a wrong value",
						   option->name);
	if (option->kind == OPTION_OBJECT && !llm_schema_check(value, problem))
		return false;
	/* counts that came as 100.0 go as 100 */
	if (option->kind == OPTION_COUNT)
		return json_object_set_new(
				   ask->options, name,
				   json_integer((json_int_t) json_number_value(value))) == 0;
	return json_object_set_new(ask->options, name, json_deep_copy(value)) == 0;
}

/* ---- messages ----------------------------------------------------------- */

/* Content as one string: a string, null, or an array of text parts. */
static json_t *
content_string(const json_t *content)
{
	static const char *const names[] = {"type", "text", NULL};
	size_t i;
	size_t len = 0;
	json_t *part;
	json_t *result;
	char *buffer;
	char *end;

	if (json_is_string(content))
		return json_stringn(json_string_value(content),
							json_string_length(content));
	if (content == NULL || json_is_null(content))
		return json_string("");
	if (!json_is_array(content))
		return NULL;

	json_array_foreach (content, i, part)
	{
		const json_t *type = json_object_get(part, "type");
		const json_t *text = json_object_get(part, "text");

		/* images and files could not be redacted, so they are not sent */
		if (!json_is_string(type) || !json_is_string(text) ||
			strcmp(json_string_value(type), "text") != 0 ||
			!has_only(part, names))
			return NULL;
		len += json_string_length(text);
	}
	buffer = malloc(len + 1);
	if (buffer == NULL)
		return NULL;
	end = buffer;
	json_array_foreach (content, i, part)
	{
		const json_t *text = json_object_get(part, "text");

		memcpy(end, json_string_value(text), json_string_length(text));
		end += json_string_length(text);
	}
	result = json_stringn(buffer, len);
	free(buffer);
	return result;
}

/*
 * [{id, type: function, function: {name, arguments: string},
 * thought_signature?}]
 */
static bool
is_tool_calls(const json_t *calls)
{
	static const char *const outer[] = {"id", "type", "function",
										"thought_signature", NULL};
	static const char *const inner[] = {"name", "arguments", NULL};
	size_t i;
	json_t *call;

	if (!json_is_array(calls) || json_array_size(calls) == 0 ||
		json_array_size(calls) > 128)
		return false;
	json_array_foreach (calls, i, call)
	{
		const json_t *type = json_object_get(call, "type");
		const json_t *function = json_object_get(call, "function");
		const json_t *signature = json_object_get(call, "thought_signature");

		if (!has_only(call, outer) || !is_id(json_object_get(call, "id")) ||
			(signature != NULL &&
			 (!json_is_string(signature) ||
			  !is_signature_text(json_string_value(signature)))) ||
			!json_is_string(type) ||
			strcmp(json_string_value(type), "function") != 0 ||
			!has_only(function, inner) ||
			!is_name(json_object_get(function, "name")) ||
			!json_is_string(json_object_get(function, "arguments")))
			return false;
	}
	return true;
}

/* Give message a copy of calls; false where arguments are no JSON object. */
static bool
add_tool_calls(json_t *message, const json_t *calls)
{
	json_t *copy = json_deep_copy(calls);
	size_t i;
	json_t *call;

	json_object_set_new(message, "tool_calls", copy);
	json_array_foreach (copy, i, call)
	{
		json_t *function = json_object_get(call, "function");
		json_t *arguments =
			llm_arguments_take(json_object_get(function, "arguments"));

		if (arguments == NULL)
			return false;
		json_object_set_new(function, "arguments", arguments);
	}
	return true;
}

static bool
is_role(const json_t *role)
{
	static const char *const roles[] = {"system", "developer", "user",
										"assistant", "tool"};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
	{
		if (json_is_string(role) &&
			strcmp(json_string_value(role), roles[i]) == 0)
			return true;
	}
	return false;
}

static bool
add_message(LlmAsk *ask, const json_t *given, size_t number,
			LlmProblem *problem)
{
	static const char *const names[] = {
		"role", "content", "tool_calls", "tool_call_id", "name", NULL};
	const json_t *role = json_object_get(given, "role");
	const json_t *calls = json_object_get(given, "tool_calls");
	const json_t *call_id = json_object_get(given, "tool_call_id");
	const json_t *name = json_object_get(given, "name");
	json_t *message;
	json_t *content;

	if (!json_is_object(given) || !has_only(given, names))
		return llm_problem(
			problem, "message %zu has an unknown member, or is no object",
			number);
	if (!is_role(role))
		return llm_problem(problem, "message %zu has no known role", number);
	if (json_is_null(calls))
		calls = NULL;
	if ((calls != NULL && !is_tool_calls(calls)) ||
		(call_id != NULL && !is_id(call_id)) ||
		(name != NULL && !is_name(name)))
		return llm_problem(problem, "message %zu has a malformed tool call",
						   number);
	if (strcmp(json_string_value(role), "tool") == 0 && call_id == NULL)
		return llm_problem(problem, "message %zu has no \"tool_call_id\"",
						   number);

	content = content_string(json_object_get(given, "content"));
	if (content == NULL)
		return llm_problem(problem, "content of message %zu is not text",
						   number);
	if (json_string_length(content) == 0 && calls == NULL &&
		json_object_get(given, "content") == NULL)
	{
		json_decref(content);
		return llm_problem(problem, "message %zu has no content", number);
	}

	message = json_pack("{s:O, s:o}", "role", role, "content", content);
	if (message == NULL)
		return llm_problem(problem, "out of memory");
	if (calls != NULL && !add_tool_calls(message, calls))
	{
		json_decref(message);
		return llm_problem(problem,
						   "arguments of a tool call of message %zu are no "
						   "JSON object",
						   number);
	}
	if (call_id != NULL)
		json_object_set(message, "tool_call_id", (json_t *) call_id);
	if (name != NULL)
		json_object_set(message, "name", (json_t *) name);
	return json_array_append_new(ask->messages, message) == 0 ||
		   llm_problem(problem, "out of memory");
}

/* Prompt and system prompt as messages. */
static bool
take_prompt(const json_t *request, LlmAsk *ask, LlmProblem *problem)
{
	json_t *prompt = json_object_get(request, "prompt");
	json_t *system = json_object_get(request, "system");

	if (!json_is_string(prompt))
		return llm_problem(problem, "member \"prompt\" is not a string");
	if (system != NULL && !json_is_null(system))
	{
		if (!json_is_string(system))
			return llm_problem(problem, "member \"system\" is not a string");
		json_array_append_new(
			ask->messages,
			json_pack("{s:s, s:O}", "role", "system", "content", system));
	}
	json_array_append_new(ask->messages, json_pack("{s:s, s:O}", "role",
												   "user", "content", prompt));
	return true;
}

static bool
take_messages(const json_t *request, LlmAsk *ask, LlmProblem *problem)
{
	const json_t *messages = json_object_get(request, "messages");
	size_t i;
	json_t *message;

	if (!json_is_array(messages) || json_array_size(messages) == 0 ||
		json_array_size(messages) > MAX_MESSAGES)
		return llm_problem(problem,
						   "member \"messages\" is not an array of 1 to %d "
						   "messages",
						   MAX_MESSAGES);
	json_array_foreach (messages, i, message)
	{
		if (!add_message(ask, message, i + 1, problem))
			return false;
	}
	return true;
}

static bool
take_contents(const json_t *request, LlmAsk *ask, LlmProblem *problem)
{
	const json_t *contents = json_object_get(request, "contents");
	size_t i;
	json_t *content;

	if (!json_is_array(contents) || json_array_size(contents) == 0 ||
		json_array_size(contents) > LLM_MAX_CONTENTS)
		return llm_problem(problem,
						   "member \"contents\" is not an array of 1 to %d "
						   "texts",
						   LLM_MAX_CONTENTS);
	json_array_foreach (contents, i, content)
	{
		if (!json_is_string(content))
			return llm_problem(problem, "content %zu is not a string", i + 1);
		json_array_append(ask->contents, content);
	}
	return true;
}

/* The query, then the documents. */
static bool
take_documents(const json_t *request, LlmAsk *ask, LlmProblem *problem)
{
	json_t *query = json_object_get(request, "query");
	const json_t *documents = json_object_get(request, "documents");
	size_t i;
	json_t *document;

	if (!json_is_string(query))
		return llm_problem(problem, "member \"query\" is not a string");
	if (!json_is_array(documents) || json_array_size(documents) == 0 ||
		json_array_size(documents) > LLM_MAX_DOCUMENTS)
		return llm_problem(problem,
						   "member \"documents\" is not an array of 1 to %d "
						   "texts",
						   LLM_MAX_DOCUMENTS);
	json_array_append(ask->contents, query);
	json_array_foreach (documents, i, document)
	{
		if (!json_is_string(document))
			return llm_problem(problem, "document %zu is not a string", i + 1);
		json_array_append(ask->contents, document);
	}
	return true;
}

/* ---- the whole request -------------------------------------------------- */

/* Members that are read elsewhere, not options. */
static bool
is_body_member(LlmTask task, const char *name)
{
	if (strcmp(name, "model") == 0 || strcmp(name, "timeout_ms") == 0)
		return true;
	if ((strcmp(name, "stream") == 0 ||
		 strcmp(name, "idle_timeout_ms") == 0) &&
		(task == LLM_TASK_COMPLETE || task == LLM_TASK_CHAT))
		return true;
	switch (task)
	{
		case LLM_TASK_COMPLETE:
			return strcmp(name, "prompt") == 0 || strcmp(name, "system") == 0;
		case LLM_TASK_CHAT:
			return strcmp(name, "messages") == 0;
		case LLM_TASK_EMBED:
			return strcmp(name, "contents") == 0;
		case LLM_TASK_RERANK:
			return strcmp(name, "query") == 0 ||
				   strcmp(name, "documents") == 0;
	}
	return false;
}

static bool
take_timeout(const json_t *request, const char *name, int *timeout_ms,
			 LlmProblem *problem)
{
	const json_t *timeout = json_object_get(request, name);
	json_int_t value = json_integer_value(timeout);

	if (timeout == NULL || json_is_null(timeout))
		return true;
	if (!json_is_integer(timeout) || value < 1 || value > 3600000)
		return llm_problem(problem,
						   "member \"%s\" is not an integer from 1 to "
						   "3600000",
						   name);
	*timeout_ms = (int) value;
	return true;
}

/* Text that was given out cannot be taken back when a schema refuses it. */
static bool
take_stream(const json_t *request, LlmAsk *ask, LlmProblem *problem)
{
	const json_t *stream = json_object_get(request, "stream");

	if (stream != NULL && !json_is_null(stream) && !json_is_boolean(stream))
		return llm_problem(problem, "member \"stream\" is not a boolean");
	ask->is_streamed = json_is_true(stream);
	if (ask->is_streamed && json_object_get(ask->options, "schema") != NULL)
		return llm_problem(problem, "a streamed answer cannot have a schema");
	if (ask->is_streamed && json_object_get(ask->options, "logprobs") != NULL)
		return llm_problem(problem, "a streamed answer has no \"logprobs\"");
	return true;
}

static bool
check_request(LlmTask task, const json_t *request, LlmAsk *ask,
			  LlmProblem *problem)
{
	const char *key;
	json_t *value;

	memset(ask, 0, sizeof(*ask));
	ask->task = task;
	ask->options = json_pack("{}");
	if (task == LLM_TASK_EMBED || task == LLM_TASK_RERANK)
		ask->contents = json_array();
	else
		ask->messages = json_array();
	if (ask->options == NULL ||
		(ask->contents == NULL && ask->messages == NULL))
		return llm_problem(problem, "out of memory");
	if (!json_is_object(request))
		return llm_problem(problem, "it is not an object");

	json_object_foreach ((json_t *) request, key, value)
	{
		if (!is_body_member(task, key) &&
			!add_option(ask, key, value, problem))
			return false;
	}
	if (!take_timeout(request, "timeout_ms", &ask->timeout_ms, problem) ||
		!take_timeout(request, "idle_timeout_ms", &ask->idle_timeout_ms,
					  problem) ||
		!take_stream(request, ask, problem))
		return false;
	switch (task)
	{
		case LLM_TASK_COMPLETE:
			return take_prompt(request, ask, problem);
		case LLM_TASK_CHAT:
			return take_messages(request, ask, problem);
		case LLM_TASK_EMBED:
			return take_contents(request, ask, problem);
		case LLM_TASK_RERANK:
			return take_documents(request, ask, problem);
	}
	return llm_problem(problem, "unknown task");
}

bool
llm_ask_check(LlmTask task, const json_t *request, LlmAsk *ask,
			  LlmProblem *problem)
{
	unsigned long failures = jansson_memory_failures();

	return check_request(task, request, ask, problem) &&
		   (failures == jansson_memory_failures() ||
			llm_problem(problem, "out of memory"));
}

void
llm_ask_free(LlmAsk *ask)
{
	json_decref(ask->contents);
	json_decref(ask->messages);
	json_decref(ask->options);
	ask->contents = ask->messages = ask->options = NULL;
}

bool
llm_ask_add_repair(LlmAsk *ask, const char *answer)
{
	static const char *const demand =
		"This answer does not fit the JSON Schema. Answer again with JSON "
		"that fits it, and with nothing else.";

	/* some providers refuse messages without text */
	return json_array_append_new(
			   ask->messages,
			   json_pack("{s:s, s:s}", "role", "assistant", "content",
						 answer[0] != '\0' ? answer : "(nothing)")) == 0 &&
		   json_array_append_new(ask->messages,
								 json_pack("{s:s, s:s}", "role", "user",
										   "content", demand)) == 0;
}

/* ---- redaction ---------------------------------------------------------- */

/* Options that hold what somebody wrote. */
static const char *const written_options[] = {"metadata", "schema", "stop",
											  "tools", "tool_choice"};
#define NWRITTEN (sizeof(written_options) / sizeof(written_options[0]))

/*
 * Object keys and numbers inside written options, as strings: a policy that
 * replaces strings must see them too, and where it would change one the
 * request cannot be sent.
 */
static bool
collect_fixed(const json_t *value, json_t *fixed)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_object(value))
	{
		json_object_foreach ((json_t *) value, key, item)
		{
			if (json_array_append_new(fixed, json_string(key)) != 0 ||
				!collect_fixed(item, fixed))
				return false;
		}
	}
	else if (json_is_array(value))
	{
		json_array_foreach (value, i, item)
		{
			if (!collect_fixed(item, fixed))
				return false;
		}
	}
	else if (json_is_number(value))
	{
		char *text = json_dump(value, JSON_ENCODE_ANY);
		bool ok = text != NULL &&
				  json_array_append_new(fixed, json_string(text)) == 0;

		free(text);
		return ok;
	}
	return true;
}

static void
collect_signature(const char *text, json_t *fixed)
{
	if (text != NULL && !llm_is_machine_signature(text))
		json_array_append_new(fixed, json_string(text));
}

static void
collect_name(const json_t *value, json_t *fixed)
{
	if (value == NULL)
		return;
	collect_signature(llm_signature_of_id(json_string_value(value)), fixed);
	if (!llm_is_machine_id(value))
		json_array_append(fixed, (json_t *) value);
}

static bool
collect_message(const json_t *message, json_t *texts, json_t *arguments,
				json_t *fixed)
{
	const json_t *calls = json_object_get(message, "tool_calls");
	size_t i;
	json_t *call;

	collect_name(json_object_get(message, "name"), fixed);
	collect_name(json_object_get(message, "tool_call_id"), fixed);
	if (json_array_append(texts, json_object_get(message, "content")) != 0)
		return false;
	json_array_foreach (calls, i, call)
	{
		const json_t *function = json_object_get(call, "function");

		collect_signature(
			json_string_value(json_object_get(call, "thought_signature")),
			fixed);
		collect_name(json_object_get(call, "id"), fixed);
		collect_name(json_object_get(function, "name"), fixed);
		if (json_array_append_new(
				arguments, llm_arguments_document(
							   json_object_get(function, "arguments"))) != 0)
			return false;
	}
	return true;
}

static json_t *
collect_texts(const LlmAsk *ask)
{
	json_t *texts = json_array();
	json_t *fixed = json_array();
	json_t *written = json_pack("{}");
	json_t *arguments = json_array();
	bool ok =
		texts != NULL && arguments != NULL && fixed != NULL && written != NULL;
	size_t i;
	json_t *item;

	json_array_foreach (ask->contents, i, item)
		ok = ok && json_array_append(texts, item) == 0;
	json_array_foreach (ask->messages, i, item)
		ok = ok && collect_message(item, texts, arguments, fixed);
	for (i = 0; i < NWRITTEN; i++)
	{
		json_t *value = json_object_get(ask->options, written_options[i]);

		if (value == NULL)
			continue;
		ok = ok && collect_fixed(value, fixed) &&
			 json_object_set(written, written_options[i], value) == 0;
	}
	if (!ok)
	{
		json_decref(texts);
		json_decref(arguments);
		json_decref(fixed);
		json_decref(written);
		return NULL;
	}
	return json_pack("{s:o, s:o, s:o, s:o}", "texts", texts, "arguments",
					 arguments, "fixed", fixed, "options", written);
}

json_t *
llm_ask_texts(const LlmAsk *ask)
{
	unsigned long failures = jansson_memory_failures();
	json_t *texts = collect_texts(ask);

	if (failures == jansson_memory_failures())
		return texts;
	json_decref(texts);
	return NULL;
}

/* Take the next string of texts; NULL when there is none. */
static json_t *
next_text(const json_t *texts, size_t *next)
{
	json_t *text = json_array_get(texts, (*next)++);

	return json_is_string(text) ? text : NULL;
}

/* Where the next redacted things of a message stand. */
typedef struct Redacted
{
	const json_t *texts;
	size_t next_text;
	const json_t *arguments;
	size_t next_arguments;
} Redacted;

static bool
set_message(json_t *message, Redacted *redacted)
{
	json_t *text = next_text(redacted->texts, &redacted->next_text);
	const json_t *calls = json_object_get(message, "tool_calls");
	size_t i;
	json_t *call;

	if (text == NULL || json_object_set(message, "content", text) != 0)
		return false;
	json_array_foreach (calls, i, call)
	{
		json_t *function = json_object_get(call, "function");

		if (json_object_set_new(
				function, "arguments",
				llm_arguments_redacted(
					json_object_get(function, "arguments"),
					json_array_get(redacted->arguments,
								   redacted->next_arguments++))) != 0)
			return false;
	}
	return true;
}

/* Written options must still have their shape, or nothing is sent. */
static bool
set_options(LlmAsk *ask, const json_t *written)
{
	for (size_t i = 0; i < NWRITTEN; i++)
	{
		const char *name = written_options[i];
		json_t *value = json_object_get(written, name);

		if (json_object_get(ask->options, name) == NULL)
			continue;
		if (!option_is_valid(find_option(name), value) ||
			json_object_set(ask->options, name, value) != 0)
			return false;
	}
	return true;
}

static bool
set_texts(LlmAsk *ask, const json_t *redacted, LlmProblem *problem)
{
	const json_t *texts = json_object_get(redacted, "texts");
	json_t *before = llm_ask_texts(ask);
	Redacted rest = {texts, 0, json_object_get(redacted, "arguments"), 0};
	bool same;
	size_t i;
	json_t *message;

	if (before == NULL)
		return llm_problem(problem, "out of memory");
	same = json_equal(json_object_get(before, "fixed"),
					  json_object_get(redacted, "fixed"));
	json_decref(before);
	if (!same)
		return llm_problem(problem, "a name, key or number in it would have "
									"to be redacted");

	if (ask->contents != NULL)
	{
		if (json_array_size(texts) != json_array_size(ask->contents))
			return llm_problem(problem, "redaction lost a text");
		json_array_foreach (texts, i, message)
		{
			if (!json_is_string(message))
				return llm_problem(problem, "redaction lost a text");
			json_array_set(ask->contents, i, message);
		}
		return true;
	}
	json_array_foreach (ask->messages, i, message)
	{
		if (!set_message(message, &rest))
			return llm_problem(problem, "redaction lost a text");
	}
	if (!set_options(ask, json_object_get(redacted, "options")))
		return llm_problem(problem,
						   "redaction changed the shape of an option");
	return true;
}

bool
llm_ask_set_texts(LlmAsk *ask, const json_t *redacted, LlmProblem *problem)
{
	unsigned long failures = jansson_memory_failures();

	return set_texts(ask, redacted, problem) &&
		   (failures == jansson_memory_failures() ||
			llm_problem(problem, "out of memory"));
}
