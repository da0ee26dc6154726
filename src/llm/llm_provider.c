/*-------------------------------------------------------------------------
 *
 * llm_provider.c
 *		What all providers have in common: pieces of requests, errors, headers,
 *		waiting times.
 *
 * An answer of a provider is read like a page from disk: nothing in it is
 * trusted. Of an error's own words only codes that are listed here are ever
 * shown, because providers quote prompts and parts of keys in theirs.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/jansson_memory.h"
#include "base/json_dump.h"
#include "llm/llm_provider_int.h"

/*
 * Memory that a document may take while it is read. A number of an embedding
 * has ten bytes of text or more and takes 48, while an array grows.
 */
#define MIN_DOCUMENT_BYTES ((size_t) 16 * 1024 * 1024)
#define DOCUMENT_BYTES_PER_BYTE 4

/* A wait beyond a day is as good as a day. */
#define MAX_WAIT_MS ((int64_t) 24 * 3600 * 1000)

static const LlmKind llm_kind_builtin = {.name = "builtin"};

static const LlmKind *const kinds[] = {&llm_kind_openai,	&llm_kind_azure,
									   &llm_kind_responses, &llm_kind_tei,
									   &llm_kind_anthropic, &llm_kind_gemini,
									   &llm_kind_ollama,	&llm_kind_builtin};

const LlmKind *
llm_kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	}
	return NULL;
}

bool
llm_wire_build(const LlmKind *kind, const LlmAsk *ask, LlmWire *wire,
			   LlmProblem *problem)
{
	static const char *const of_ollama[] = {"keep_alive", "num_ctx", NULL};
	unsigned long failures = jansson_memory_failures();
	bool built;

	if (kind != &llm_kind_ollama &&
		!llm_reject_options(ask, kind->name, of_ollama, problem))
		return false;
	if (ask->task == LLM_TASK_RERANK && kind->max_documents > 0 &&
		json_array_size(ask->contents) > (size_t) kind->max_documents + 1)
		return llm_problem(problem,
						   "providers of kind \"%s\" rank at most %d "
						   "documents at once",
						   kind->name, kind->max_documents);
	built = kind->build(ask, wire, problem);

	if (failures != jansson_memory_failures())
		built = llm_problem(problem, "out of memory");
	if (!built)
		llm_wire_free(wire);
	return built;
}

/* ---- requests ----------------------------------------------------------- */

void
llm_copy_option(const LlmAsk *ask, const char *from, json_t *body,
				const char *to)
{
	json_t *value = json_object_get(ask->options, from);

	if (value != NULL)
		json_object_set(body, to, value);
}

bool
llm_reject_options(const LlmAsk *ask, const char *kind,
				   const char *const *names, LlmProblem *problem)
{
	for (size_t i = 0; names[i] != NULL; i++)
	{
		if (json_object_get(ask->options, names[i]) != NULL)
			return llm_problem(problem,
							   "providers of kind \"%s\" have no option "
							   "\"%s\"",
							   kind, names[i]);
	}
	return true;
}

bool
llm_is_system(const json_t *message)
{
	const char *role = json_string_value(json_object_get(message, "role"));

	return strcmp(role, "system") == 0 || strcmp(role, "developer") == 0;
}

json_t *
llm_system_text(const LlmAsk *ask)
{
	LlmText text = {0};
	bool has_any = false;
	size_t i;
	json_t *message;

	json_array_foreach (ask->messages, i, message)
	{
		const json_t *content = json_object_get(message, "content");

		if (!llm_is_system(message))
			continue;
		if (has_any)
			(void) llm_text_add(&text, "\n\n", 2);
		(void) llm_text_add(&text, json_string_value(content),
							json_string_length(content));
		has_any = true;
	}
	return has_any ? llm_text_take(&text) : NULL;
}

bool
llm_is_schema_format(const json_t *value)
{
	const char *word = json_string_value(value);

	return word != NULL &&
		   (strcmp(word, "json_schema") == 0 ||
			strcmp(word, "json_object") == 0 || strcmp(word, "text") == 0);
}

LlmSchemaFormat
llm_schema_format(const LlmAsk *ask)
{
	const char *format =
		json_string_value(json_object_get(ask->options, "schema_format"));

	if (json_object_get(ask->options, "schema") == NULL)
		return LLM_SCHEMA_NONE;
	if (format == NULL || strcmp(format, "json_schema") == 0)
		return LLM_SCHEMA_NATIVE;
	return strcmp(format, "json_object") == 0 ? LLM_SCHEMA_JSON
											  : LLM_SCHEMA_WORDS;
}

json_t *
llm_schema_demand(const LlmAsk *ask, json_t *system)
{
	static const char *const demand =
		"Answer with JSON alone, which fits this JSON Schema: ";
	char *schema =
		json_dump(json_object_get(ask->options, "schema"), JSON_COMPACT);
	LlmText text = {0};

	if (system != NULL)
	{
		(void) llm_text_add(&text, json_string_value(system),
							json_string_length(system));
		(void) llm_text_add(&text, "\n\n", 2);
	}
	(void) llm_text_add(&text, demand, strlen(demand));
	if (schema != NULL)
		(void) llm_text_add(&text, schema, strlen(schema));
	else
		text.is_short = true;
	free(schema);
	json_decref(system);
	return llm_text_take(&text);
}

/* Some servers take a system message only at the front, and only one. */
bool
llm_demand_schema(const LlmAsk *ask, json_t *messages)
{
	LlmSchemaFormat format = llm_schema_format(ask);
	json_t *first = json_array_get(messages, 0);
	json_t *content = json_object_get(first, "content");

	if (format != LLM_SCHEMA_JSON && format != LLM_SCHEMA_WORDS)
		return true;
	if (json_object_get(first, "role") != NULL && llm_is_system(first))
		return json_object_set_new(
				   first, "content",
				   llm_schema_demand(ask, json_incref(content))) == 0;
	return json_array_insert_new(messages, 0,
								 json_pack("{s:s, s:o}", "role", "system",
										   "content",
										   llm_schema_demand(ask, NULL))) == 0;
}

bool
llm_wire_set(LlmWire *wire, const char *path, json_t *body,
			 LlmProblem *problem)
{
	wire->path = strdup(path);
	wire->body = json_dump(body, JSON_COMPACT);
	json_decref(body);
	return (wire->path != NULL && wire->body != NULL) ||
		   llm_problem(problem, "out of memory");
}

void
llm_wire_free(LlmWire *wire)
{
	free(wire->path);
	free(wire->body);
	wire->path = wire->body = NULL;
}

/* ---- headers ------------------------------------------------------------ */

void
llm_headers_init(LlmHeaders *headers)
{
	memset(headers, 0, sizeof(*headers));
	headers->retry_after_ms = -1;
	headers->reset_ms = -1;
	headers->should_retry = -1;
	for (int i = 0; i < LLM_RATES; i++)
		headers->rates[i] = (LlmRate){-1, -1, -1};
}

/* Milliseconds of value units, clamped; -1 when it is no sensible number. */
static int64_t
wait_ms(double value, double unit_ms)
{
	double ms = value * unit_ms;

	if (!(ms >= 0)) /* also NaN */
		return -1;
	return ms > (double) MAX_WAIT_MS ? MAX_WAIT_MS : (int64_t) (ms + 0.5);
}

/*
 * Seconds ("20", "1.5"), a duration ("6m0s", "12ms", "22s"), or an HTTP date.
 */
static int64_t
parse_wait(const char *text, int64_t now)
{
	char *end;
	double total = 0;
	double number = strtod(text, &end);
	struct tm tm;

	if (end != text && *end == '\0')
		return wait_ms(number, 1000);

	/* strtod also takes "inf" and hexadecimal numbers: durations do not */
	if (isdigit((unsigned char) text[0]) && end != text)
	{
		const char *p = text;

		while (*p != '\0')
		{
			double unit;

			number = strtod(p, &end);
			if (end == p)
				return -1;
			if (strncmp(end, "ms", 2) == 0)
				unit = 1, end += 2;
			else if (*end == 's')
				unit = 1000, end++;
			else if (*end == 'm')
				unit = 60000, end++;
			else if (*end == 'h')
				unit = 3600000, end++;
			else
				return -1;
			total += number * unit;
			p = end;
		}
		return wait_ms(total, 1);
	}

	memset(&tm, 0, sizeof(tm));
	if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) != NULL)
	{
		int64_t then = (int64_t) timegm(&tm);

		return then <= now ? 0 : wait_ms((double) (then - now), 1000);
	}
	return -1;
}

/* Milliseconds from now to an RFC 3339 time ("2026-01-02T03:04:05Z"). */
static int64_t
until_time(const char *text, int64_t now)
{
	struct tm tm;
	const char *rest;
	int64_t then;

	memset(&tm, 0, sizeof(tm));
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL)
		return -1;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0)
		return -1;
	then = (int64_t) timegm(&tm);
	return then <= now ? 0 : wait_ms((double) (then - now), 1000);
}

/* Milliseconds or seconds since 1970 (OpenRouter, Cohere), or a wait. */
static int64_t
until_reset(const char *text, int64_t now)
{
	char *end;
	double at = strtod(text, &end);

	if (end == text || *end != '\0' || !(at >= 1e9))
		return parse_wait(text, now);
	if (at >= 1e11)
		at /= 1000;
	return at <= (double) now ? 0 : wait_ms(at - (double) now, 1000);
}

/* Value of a header line as a C string if its name is name. */
static bool
header_is(const char *line, size_t len, const char *name, char *value,
		  size_t size)
{
	size_t name_len = strlen(name);

	if (len <= name_len || line[name_len] != ':' ||
		strncasecmp(line, name, name_len) != 0)
		return false;
	line += name_len + 1;
	len -= name_len + 1;
	while (len > 0 && (*line == ' ' || *line == '\t'))
		line++, len--;
	while (len > 0 && isspace((unsigned char) line[len - 1]))
		len--;
	if (len >= size || memchr(line, '\0', len) != NULL)
		return false;
	memcpy(value, line, len);
	value[len] = '\0';
	return true;
}

/* A count of a limit; what is negative or no number is not known. */
static int64_t
parse_count(const char *value)
{
	char *end;
	double count = strtod(value, &end);

	return end != value && *end == '\0' && count >= 0 && count < 1e15
			   ? (int64_t) count
			   : -1;
}

static bool
starts_with(const char *line, size_t len, const char *prefix)
{
	return len > strlen(prefix) &&
		   strncasecmp(line, prefix, strlen(prefix)) == 0;
}

/*
 * Two ways to order the same words: x-ratelimit-remaining-tokens and
 * anthropic-ratelimit-tokens-remaining.
 */
static bool
read_rate(LlmHeaders *headers, const char *line, size_t len, int64_t now)
{
	static const char *const what[LLM_RATES] = {
		"requests", "tokens", "input-tokens", "output-tokens"};
	static const char *const members[] = {"limit", "remaining", "reset"};

	if (!starts_with(line, len, "x-ratelimit-") &&
		!starts_with(line, len, "anthropic-ratelimit-"))
		return false;
	for (int i = 0; i < LLM_RATES * 3; i++)
	{
		LlmRate *rate = &headers->rates[i / 3];
		char names[2][64];
		char value[64];

		snprintf(names[0], sizeof(names[0]), "x-ratelimit-%s-%s",
				 members[i % 3], what[i / 3]);
		snprintf(names[1], sizeof(names[1]), "anthropic-ratelimit-%s-%s",
				 what[i / 3], members[i % 3]);
		if (!header_is(line, len, names[0], value, sizeof(value)) &&
			!header_is(line, len, names[1], value, sizeof(value)))
			continue;
		if (i % 3 == 0)
			rate->limit = parse_count(value);
		else if (i % 3 == 1)
			rate->remaining = parse_count(value);
		else if ((rate->reset_ms = until_time(value, now)) < 0)
			rate->reset_ms = parse_wait(value, now);
		return true;
	}
	return false;
}

/* Identifiers are shown to users, so they must look like one. */
static bool
read_request_id(LlmHeaders *headers, const char *line, size_t len)
{
	static const char *const names[] = {"x-request-id", "request-id",
										"apim-request-id"};
	char value[LLM_REQUEST_ID_MAX + 1];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (!header_is(line, len, names[i], value, sizeof(value)))
			continue;
		if (strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-_.:"
						  "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(value))
			strcpy(headers->request_id, value);
		return true;
	}
	return false;
}

void
llm_headers_read(LlmHeaders *headers, const char *line, size_t len,
				 int64_t now)
{
	char value[64];

	/* the finer one wins, in whatever order they come */
	if (header_is(line, len, "retry-after-ms", value, sizeof(value)))
	{
		char *end;
		double ms = strtod(value, &end);

		if (end != value && *end == '\0' && wait_ms(ms, 1) >= 0)
			headers->retry_after_ms = wait_ms(ms, 1);
	}
	else if (header_is(line, len, "retry-after", value, sizeof(value)))
	{
		if (headers->retry_after_ms < 0)
			headers->retry_after_ms = parse_wait(value, now);
	}
	else if (header_is(line, len, "x-ratelimit-reset", value, sizeof(value)))
		headers->reset_ms = until_reset(value, now);
	else if (header_is(line, len, "x-should-retry", value, sizeof(value)))
	{
		if (strcmp(value, "true") == 0)
			headers->should_retry = 1;
		else if (strcmp(value, "false") == 0)
			headers->should_retry = 0;
	}
	else if (!read_rate(headers, line, len, now))
		(void) read_request_id(headers, line, len);
}

/*
 * When the limits that are used up come back; -1 when none says so. What does
 * not say of which limit it speaks is believed last.
 */
static int64_t
wait_of_rates(const LlmHeaders *headers)
{
	int64_t wait = -1;

	for (int i = 0; i < LLM_RATES; i++)
	{
		const LlmRate *rate = &headers->rates[i];

		if (rate->remaining == 0 && rate->reset_ms > wait)
			wait = rate->reset_ms;
	}
	return wait >= 0 ? wait : headers->reset_ms;
}

/* ---- errors ------------------------------------------------------------- */

#define CONTENT_FILTER "content_filter"

/*
 * Codes that may be shown, the words of all providers, with the status that
 * says the same: an error inside an answer or a stream has none of its own.
 */
static const struct
{
	const char *code;
	int status;
} known_codes[] = {
	{"API_KEY_INVALID", 401},
	{"api_error", 500},
	{"authentication_error", 401},
	{"billing_error", 402},
	{"billing_not_active", 429},
	{CONTENT_FILTER, 400},
	{"context_length_exceeded", 400},
	{"DeploymentNotFound", 404},
	{"exceed_context_size_error", 400},
	{"FAILED_PRECONDITION", 400},
	{"INTERNAL", 500},
	{"INVALID_ARGUMENT", 400},
	{"insufficient_quota", 429},
	{"invalid_api_key", 401},
	{"invalid_prompt", 400},
	{"invalid_request_error", 400},
	{"model_not_found", 404},
	{"NOT_FOUND", 404},
	{"not_found_error", 404},
	{"overloaded_error", 529},
	{"PERMISSION_DENIED", 403},
	{"permission_error", 403},
	{"rate_limit_error", 429},
	{"rate_limit_exceeded", 429},
	{"request_too_large", 413},
	{"RESOURCE_EXHAUSTED", 429},
	{"server_error", 500},
	{"timeout_error", 504},
	{"UNAUTHENTICATED", 401},
	{"UNAVAILABLE", 503},
	{"unavailable_error", 503},
	{"unsupported_parameter", 400},
	{"unsupported_value", 400},
};

#define NCODES (sizeof(known_codes) / sizeof(known_codes[0]))

static const char *
known_code(const json_t *value)
{
	const char *text = json_string_value(value);

	for (size_t i = 0; text != NULL && i < NCODES; i++)
	{
		if (strcmp(text, known_codes[i].code) == 0)
			return known_codes[i].code;
	}
	return NULL;
}

/*
 * The member "error" of an answer; Gemini may wrap it in an array of one. With
 * vLLM and Mistral the answer is the error, and says so.
 */
static const json_t *
error_object(const json_t *doc)
{
	const json_t *error;
	const char *kind;

	if (json_is_array(doc))
		doc = json_array_get(doc, 0);
	error = json_object_get(doc, "error");
	kind = json_string_value(json_object_get(doc, "object"));
	return error == NULL && kind != NULL && strcmp(kind, "error") == 0 ? doc
																	   : error;
}

/*
 * Gemini says INVALID_ARGUMENT of a key that is none, with status 400, and
 * what it means in the details.
 */
static const char *
detailed_code(const json_t *error)
{
	size_t i;
	json_t *detail;

	json_array_foreach (json_object_get(error, "details"), i, detail)
	{
		const char *code = known_code(json_object_get(detail, "reason"));

		if (code != NULL)
			return code;
	}
	return NULL;
}

/*
 * OpenRouter says with 403, which is that of a key, that a text was flagged,
 * and shows why and the text itself.
 */
static bool
is_moderation(const json_t *error)
{
	const json_t *metadata = json_object_get(error, "metadata");

	return json_is_array(json_object_get(metadata, "reasons")) ||
		   json_object_get(metadata, "flagged_input") != NULL;
}

static const char *
error_code(const json_t *error)
{
	static const char *const members[] = {"code", "type", "status"};
	const char *detailed = detailed_code(error);

	if (detailed != NULL)
		return detailed;
	if (is_moderation(error))
		return CONTENT_FILTER;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		const char *code = known_code(json_object_get(error, members[i]));

		if (code != NULL)
			return code;
	}
	return NULL;
}

/* The status that an error inside an answer stands for. */
static int
error_status(const json_t *error, const char *code)
{
	const json_t *given = json_object_get(error, "code");
	json_int_t number = json_integer_value(given);

	/* LiteLLM writes the number as a string */
	if (json_is_string(given))
		number = strtol(json_string_value(given), NULL, 10);
	if (number >= 400 && number <= 599)
		return (int) number;
	for (size_t i = 0; i < NCODES; i++)
	{
		if (code == known_codes[i].code)
			return known_codes[i].status;
	}
	return 500;
}

/* OpenRouter has headers inside the body. */
static int64_t
retry_of_metadata(const json_t *error, bool is_limited)
{
	const json_t *given =
		json_object_get(json_object_get(error, "metadata"), "headers");
	LlmHeaders headers;
	const char *name;
	json_t *value;

	llm_headers_init(&headers);
	json_object_foreach ((json_t *) given, name, value)
	{
		char line[128];
		int len = -1;

		if (json_is_string(value))
			len = snprintf(line, sizeof(line), "%s: %s", name,
						   json_string_value(value));
		else if (json_is_integer(value))
			len = snprintf(line, sizeof(line), "%s: %lld", name,
						   (long long) json_integer_value(value));
		if (len > 0 && len < (int) sizeof(line))
			llm_headers_read(&headers, line, (size_t) len, time(NULL));
	}
	return headers.retry_after_ms >= 0 || !is_limited
			   ? headers.retry_after_ms
			   : wait_of_rates(&headers);
}

/* Gemini, too, says how long to wait inside the body. */
static int64_t
retry_info(const json_t *doc, bool is_limited)
{
	const json_t *error = error_object(doc);
	const json_t *details = json_object_get(error, "details");
	size_t i;
	json_t *detail;

	json_array_foreach (details, i, detail)
	{
		const char *delay =
			json_string_value(json_object_get(detail, "retryDelay"));

		if (delay != NULL)
			return parse_wait(delay, 0);
	}
	return retry_of_metadata(error, is_limited);
}

static bool
code_is(const LlmReply *reply, const char *code)
{
	return reply->code != NULL && strcmp(reply->code, code) == 0;
}

void
llm_reply_fault(LlmReply *reply, LlmFault fault, LlmOutcome outcome)
{
	reply->fault = fault;
	reply->outcome = outcome;
}

/* Status of an error to fault and outcome. */
static void
classify(LlmReply *reply, int status, const LlmHeaders *headers)
{
	if (code_is(reply, "insufficient_quota") ||
		code_is(reply, "billing_not_active") ||
		code_is(reply, "billing_error") || status == 402)
		llm_reply_fault(reply, LLM_FAULT_QUOTA, LLM_PERMANENT);
	else if (status == 429)
		llm_reply_fault(reply, LLM_FAULT_RATE_LIMITED, LLM_RETRYABLE);
	else if (status == 401 || code_is(reply, "API_KEY_INVALID") ||
			 (status == 403 && !code_is(reply, CONTENT_FILTER)))
		llm_reply_fault(reply, LLM_FAULT_KEY, LLM_PERMANENT);
	else if (status == 408 || status == 504)
		llm_reply_fault(reply, LLM_FAULT_TIMEOUT, LLM_RETRYABLE);
	/* 424: text-embeddings-inference, of an inference that failed */
	else if (status == 409 || status == 424 || status == 425)
		llm_reply_fault(reply, LLM_FAULT_SERVER, LLM_RETRYABLE);
	else if (status >= 500)
		llm_reply_fault(reply, LLM_FAULT_SERVER, LLM_RETRYABLE);
	else if (status >= 400)
		llm_reply_fault(reply, LLM_FAULT_REJECTED, LLM_PERMANENT);
	else if (status >= 300)
	{
		/* a redirect could lead anywhere, with the key in its headers */
		llm_problem(&reply->problem, "redirects are not followed");
		llm_reply_fault(reply, LLM_FAULT_REFUSED, LLM_PERMANENT);
	}
	else
		llm_reply_malformed(reply, "status %d", status);

	/* the provider knows better, except where this side refuses */
	if (reply->fault == LLM_FAULT_SERVER ||
		reply->fault == LLM_FAULT_REJECTED ||
		reply->fault == LLM_FAULT_RATE_LIMITED)
	{
		if (headers->should_retry == 1)
			reply->outcome = LLM_RETRYABLE;
		else if (headers->should_retry == 0)
			reply->outcome = LLM_PERMANENT;
	}
}

void
llm_reply_error_code(LlmReply *reply, const json_t *object)
{
	LlmHeaders none;

	llm_headers_init(&none);
	reply->code = error_code(object);
	classify(reply, error_status(object, reply->code), &none);
}

bool
llm_reply_error(LlmReply *reply, const json_t *doc)
{
	const json_t *error = error_object(doc);

	if (!json_is_object(error) && !json_is_string(error))
		return false;
	llm_reply_error_code(reply, error);
	if (reply->retry_after_ms < 0)
		reply->retry_after_ms =
			retry_info(doc, reply->fault == LLM_FAULT_RATE_LIMITED);
	return true;
}

void
llm_reply_malformed(LlmReply *reply, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reply->problem.text, sizeof(reply->problem.text), format, args);
	va_end(args);
	llm_reply_fault(reply, LLM_FAULT_MALFORMED, LLM_PERMANENT);
}

json_t *
llm_json_load(const char *text, size_t len, size_t flags, const char **why)
{
	size_t budget = MIN_DOCUMENT_BYTES + len * DOCUMENT_BYTES_PER_BYTE;
	json_error_t error;
	bool is_too_complex;
	json_t *doc =
		jansson_load_within(budget, text, len, flags, &error, &is_too_complex);

	if (doc == NULL && !is_too_complex &&
		json_error_code(&error) == json_error_numeric_overflow)
		doc = jansson_load_within(budget, text, len,
								  flags | JSON_DECODE_INT_AS_REAL, &error,
								  &is_too_complex);
	*why = is_too_complex ? "too complex" : "not JSON in UTF-8";
	return doc;
}

void
llm_reply_check_memory(LlmReply *reply, unsigned long failures_before)
{
	if (failures_before == jansson_memory_failures())
		return;
	llm_reply_free(reply);
	llm_reply_fault(reply, LLM_FAULT_LOCAL, LLM_RETRYABLE);
}

void
llm_reply_read(const LlmKind *kind, const LlmAsk *ask, int status,
			   const LlmHeaders *headers, const char *body, size_t len,
			   LlmReply *reply)
{
	unsigned long failures = jansson_memory_failures();
	const char *why;
	json_t *doc;

	memset(reply, 0, sizeof(*reply));
	reply->retry_after_ms = -1;
	reply->usage = LLM_NO_USAGE;

	doc = llm_json_load(body, len, 0, &why);

	if (status < 200 || status > 299)
	{
		reply->code = error_code(error_object(doc));
		classify(reply, status, headers);
		reply->retry_after_ms = headers->retry_after_ms;
		if (reply->retry_after_ms < 0)
			reply->retry_after_ms = retry_info(doc, status == 429);
		if (reply->retry_after_ms < 0 && status == 429)
			reply->retry_after_ms = wait_of_rates(headers);
	}
	else if (doc == NULL)
		llm_reply_malformed(reply, "it is %s", why);
	else if (!llm_reply_error(reply, doc))
	{
		kind->parse(ask, doc, reply);
		if (reply->outcome == LLM_PENDING)
			llm_reply_fault(reply, LLM_FAULT_LOCAL, LLM_RETRYABLE);
	}
	json_decref(doc);
	llm_reply_check_memory(reply, failures);
}

void
llm_reply_free(LlmReply *reply)
{
	free(reply->result);
	free(reply->rejected);
	reply->result = reply->rejected = NULL;
}
