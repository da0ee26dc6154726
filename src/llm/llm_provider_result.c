/*-------------------------------------------------------------------------
 *
 * llm_provider_result.c
 *		Results, in one shape for all providers. Pure.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_dump.h"
#include "llm/llm_provider_int.h"

/* Longest text of one float: -1.23456789e-38 and a comma. */
#define FLOAT_TEXT_MAX 17

int64_t
llm_count(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	double count = json_number_value(value);

	/* integers can be reals, see llm_json_load; sums of counts stay in range */
	return json_is_number(value) && count >= 0 && count <= 9007199254740992.0
			   ? (int64_t) count
			   : -1;
}

/* Only what was reported is a member. */
static json_t *
usage_object(const LlmUsage *usage)
{
	json_t *object = json_pack("{}");
	const struct
	{
		const char *name;
		int64_t count;
	} counts[] = {
		{"input_tokens", usage->input},
		{"cached_tokens", usage->cached},
		{"cache_write_tokens", usage->cache_write},
		{"output_tokens", usage->output},
		{"reasoning_tokens", usage->reasoning},
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
	{
		if (counts[i].count >= 0)
			json_object_set_new(object, counts[i].name,
								json_integer(counts[i].count));
	}
	return object;
}

/* ---- text --------------------------------------------------------------- */

bool
llm_text_add(LlmText *text, const char *piece, size_t len)
{
	if (text->len + len + 1 > text->size)
	{
		size_t size = (text->len + len + 1) * 2;
		char *grown = realloc(text->data, size < 256 ? 256 : size);

		text->is_short = text->is_short || grown == NULL;
		if (grown == NULL)
			return false;
		text->data = grown;
		text->size = size < 256 ? 256 : size;
	}
	memcpy(text->data + text->len, piece, len);
	text->len += len;
	text->data[text->len] = '\0';
	return true;
}

json_t *
llm_text_take(LlmText *text)
{
	json_t *string = text->is_short ? NULL
					 : text->data == NULL
						 ? json_string("")
						 : json_stringn(text->data, text->len);

	free(text->data);
	memset(text, 0, sizeof(*text));
	return string;
}

json_t *
llm_tool_call(const char *id, const char *name, const json_t *arguments)
{
	char *text = json_dump(arguments, JSON_COMPACT | JSON_ENCODE_ANY);
	json_t *call = NULL;

	if (text != NULL)
		call =
			json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", id, "type", "function",
					  "function", "name", name, "arguments", text);
	free(text);
	return call;
}

/*
 * The JSON in a text: all of it, or what a fence of backquotes encloses; *bytes
 * and *len become its own bytes.
 */
static json_t *
content_json(const char **bytes, size_t *len)
{
	const char *text = *bytes;
	const char *end = text + strlen(text);
	const char *ignored;

	while (end > text && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	text += strspn(text, " \t\r\n");
	if (strncmp(text, "```", 3) == 0 && end - text >= 6 &&
		memcmp(end - 3, "```", 3) == 0)
	{
		text += strcspn(text, "\n");
		end -= 3;
		text += strspn(text, " \t\r\n");
		while (end > text && strchr(" \t\r\n", end[-1]) != NULL)
			end--;
	}
	*bytes = text;
	*len = text < end ? (size_t) (end - text) : 0;
	if (*len == 0)
		return NULL;
	/* integers beyond 64 bits are checked as reals, and given as they are */
	return llm_json_load(text, *len, JSON_DECODE_ANY, &ignored);
}

/*
 * Where the request has a schema, the content must fit it. Takes over content
 * and returns its JSON alone, in the bytes that came: its numbers are as they
 * were. NULL when it does not fit, with *reply set.
 */
static json_t *
fit_content(const LlmAsk *ask, LlmReply *reply, json_t *content,
			const char *finish)
{
	const json_t *schema = json_object_get(ask->options, "schema");
	const char *text = json_string_value(content);
	size_t len;
	json_t *value;
	json_t *fitting = NULL;

	if (schema == NULL)
		return content;
	value = content_json(&text, &len);
	if (strcmp(finish, "length") == 0)
		llm_reply_malformed(reply, "its content was cut at the token limit");
	else if (value == NULL)
		llm_reply_malformed(reply, "its content is not JSON");
	else if (!llm_schema_fits(schema, value, &reply->problem))
		llm_reply_fault(reply, LLM_FAULT_MALFORMED, LLM_PERMANENT);
	else
		fitting = json_stringn(text, len);
	if (reply->outcome == LLM_PERMANENT && strcmp(finish, "stop") == 0)
		reply->rejected = strdup(json_string_value(content));
	json_decref(value);
	json_decref(content);
	return fitting;
}

/*
 * Is the answer a turn of tools, whose text nobody asked to fit the schema?
 * Only where tools were offered: else any answer could leave the schema by
 * calling something, and complete() throws calls away.
 */
static bool
is_tool_turn(const LlmAsk *ask, const json_t *tool_calls)
{
	return tool_calls != NULL && ask->task == LLM_TASK_CHAT &&
		   json_object_get(ask->options, "tools") != NULL;
}

/* Why an answer with tool calls ended: one that was cut was not to call yet. */
static const char *
finish_of_calls(const char *finish)
{
	return strcmp(finish, "stop") == 0 || strcmp(finish, "other") == 0
			   ? "tool_calls"
			   : finish;
}

void
llm_reply_text(const LlmAsk *ask, LlmReply *reply, json_t *content,
			   json_t *tool_calls, const char *finish, const char *model)
{
	json_t *result;

	if (content == NULL)
	{
		json_decref(tool_calls);
		return;
	}
	if (tool_calls != NULL)
		finish = finish_of_calls(finish);
	else if (strcmp(finish, "other") == 0 && json_string_length(content) == 0)
	{
		/* a call that the model got wrong, a pause: it is not that it says "" */
		llm_reply_malformed(reply, "it has no text, and no known reason why");
		json_decref(content);
		return;
	}
	if (!is_tool_turn(ask, tool_calls))
		content = fit_content(ask, reply, content, finish);
	if (content == NULL)
	{
		json_decref(tool_calls);
		return;
	}
	if (ask->task == LLM_TASK_CHAT)
	{
		json_t *message =
			json_pack("{s:s, s:o}", "role", "assistant", "content", content);

		if (tool_calls != NULL)
			json_object_set_new(message, "tool_calls", tool_calls);
		result = json_pack("{s:o}", "message", message);
	}
	else
	{
		json_decref(tool_calls);
		result = json_pack("{s:o}", "content", content);
	}
	json_object_set_new(result, "finish_reason", json_string(finish));
	/* a model name that is no text of reasonable length is left out */
	if (model != NULL && strlen(model) <= 200)
		json_object_set_new(result, "model", json_string(model));
	json_object_set_new(result, "usage", usage_object(&reply->usage));
	if (reply->certainty > 0)
		json_object_set_new(result, "certainty", json_real(reply->certainty));

	reply->result = json_dump(result, JSON_COMPACT);
	json_decref(result);
	if (reply->result != NULL)
		llm_reply_fault(reply, LLM_FAULT_NONE, LLM_SUCCEEDED);
}

char *
llm_result_answer(LlmTask task, const char *content, const char *model)
{
	LlmAsk ask = {.task = task};
	LlmReply reply = {.usage = LLM_NO_USAGE};

	llm_reply_text(&ask, &reply, json_string(content), NULL, "stop", model);
	return reply.result;
}

/* ---- embeddings --------------------------------------------------------- */

bool
llm_vectors_init(LlmVectors *vectors, const LlmAsk *ask)
{
	vectors->n = json_array_size(ask->contents);
	vectors->dim = 0;
	vectors->values = NULL;
	vectors->seen = calloc(vectors->n, sizeof(bool));
	return vectors->seen != NULL;
}

static int
base64_digit(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* Decode into out of at most size bytes; -1 when it is not base64 of that. */
static long
base64_decode(const char *text, size_t len, unsigned char *out, size_t size)
{
	uint32_t bits = 0;
	int nbits = 0;
	size_t n = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++)
	{
		int digit = base64_digit((unsigned char) text[i]);

		if (digit < 0)
			return -1;
		bits = (bits << 6) | (uint32_t) digit;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			if (n == size)
				return -1;
			out[n++] = (unsigned char) (bits >> nbits);
		}
	}
	return (long) n;
}

static float
float_of_bytes(const unsigned char *bytes)
{
	uint32_t bits = (uint32_t) bytes[0] | (uint32_t) bytes[1] << 8 |
					(uint32_t) bytes[2] << 16 | (uint32_t) bytes[3] << 24;
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Numbers of one embedding in base64 into out; their count, or -1. */
static long
read_base64(const json_t *value, float *out)
{
	static const size_t size = LLM_MAX_DIMENSIONS * 4;
	unsigned char *bytes = malloc(size);
	long n;

	if (bytes == NULL)
		return -1;
	n = base64_decode(json_string_value(value), json_string_length(value),
					  bytes, size);
	if (n > 0 && n % 4 == 0)
	{
		n /= 4;
		for (long i = 0; i < n; i++)
			out[i] = float_of_bytes(bytes + i * 4);
	}
	else
		n = -1;
	free(bytes);
	return n;
}

static long
read_numbers(const json_t *value, float *out)
{
	size_t i;
	json_t *number;

	if (json_array_size(value) > LLM_MAX_DIMENSIONS)
		return -1;
	json_array_foreach (value, i, number)
	{
		if (!json_is_number(number))
			return -1;
		out[i] = (float) json_number_value(number);
	}
	return (long) json_array_size(value);
}

static bool
bad_vector(LlmReply *reply, const char *why, size_t index)
{
	llm_reply_malformed(reply, "embedding %zu %s", index + 1, why);
	return false;
}

bool
llm_vectors_add(LlmVectors *vectors, const LlmAsk *ask, size_t index,
				const json_t *value, LlmReply *reply)
{
	float *numbers;
	long n;
	bool ok = true;

	if (index >= vectors->n)
		return bad_vector(reply, "was not asked for", index);
	if (vectors->seen[index])
		return bad_vector(reply, "came twice", index);

	numbers = malloc(sizeof(float) * LLM_MAX_DIMENSIONS);
	if (numbers == NULL)
	{
		llm_reply_fault(reply, LLM_FAULT_LOCAL, LLM_RETRYABLE);
		return false;
	}
	n = json_is_string(value) ? read_base64(value, numbers)
							  : read_numbers(value, numbers);
	for (long i = 0; i < n; i++)
		ok = ok && isfinite(numbers[i]);
	if (n <= 0 || !ok)
		ok = bad_vector(reply, "is no list of finite numbers", index);
	else if (ask->dimensions > 0 && n != ask->dimensions)
	{
		llm_reply_malformed(reply, "embedding %zu has %ld dimensions, not %d",
							index + 1, n, ask->dimensions);
		ok = false;
	}
	else if (vectors->dim > 0 && (size_t) n != vectors->dim)
		ok = bad_vector(reply, "differs in dimensions", index);

	if (ok && vectors->values == NULL)
	{
		vectors->dim = (size_t) n;
		vectors->values = calloc(vectors->n, sizeof(float) * vectors->dim);
		ok = vectors->values != NULL;
		if (!ok)
			llm_reply_fault(reply, LLM_FAULT_LOCAL, LLM_RETRYABLE);
	}
	if (ok)
	{
		memcpy(vectors->values + index * vectors->dim, numbers,
			   sizeof(float) * vectors->dim);
		vectors->seen[index] = true;
	}
	free(numbers);
	return ok;
}

void
llm_vectors_finish(LlmVectors *vectors, LlmReply *reply, const char *model)
{
	bool complete = reply->outcome == LLM_PENDING && vectors->seen != NULL;

	for (size_t i = 0; complete && i < vectors->n; i++)
	{
		if (!vectors->seen[i])
		{
			llm_reply_malformed(reply, "embedding %zu of %zu is missing",
								i + 1, vectors->n);
			complete = false;
		}
	}
	if (complete && vectors->values != NULL)
	{
		reply->result = llm_result_embeddings(
			vectors->values, vectors->n, vectors->dim, model, &reply->usage);
		if (reply->result != NULL)
			llm_reply_fault(reply, LLM_FAULT_NONE, LLM_SUCCEEDED);
	}
	free(vectors->values);
	free(vectors->seen);
	vectors->values = NULL;
	vectors->seen = NULL;
}

/*
 * Numbers are written with the nine digits that bring back the same float.
 * jansson would print them as doubles, twice as long.
 */
char *
llm_result_embeddings(const float *values, size_t n, size_t dim,
					  const char *model, const LlmUsage *usage)
{
	json_t *rest = json_pack("{s:i, s:o}", "dimensions", (int) dim, "usage",
							 usage_object(usage));
	char *tail = NULL;
	char *text = NULL;
	char *p;

	if (model != NULL && strlen(model) <= 200)
		json_object_set_new(rest, "model", json_string(model));
	if (rest != NULL)
		tail = json_dumps(rest, JSON_COMPACT);
	json_decref(rest);
	if (tail != NULL)
		text = malloc(n * (dim * FLOAT_TEXT_MAX + 3) + strlen(tail) + 32);
	if (text == NULL)
	{
		free(tail);
		return NULL;
	}

	p = text + sprintf(text, "{\"embeddings\":[");
	for (size_t i = 0; i < n; i++)
	{
		*p++ = '[';
		for (size_t j = 0; j < dim; j++)
			p += snprintf(p, FLOAT_TEXT_MAX + 1, "%.9g,",
						  (double) values[i * dim + j]);
		p[-1] = ']';
		*p++ = ',';
	}
	p[-1] = ']';
	*p++ = ',';
	strcpy(p, tail + 1); /* its brace is ours */
	free(tail);
	return text;
}

/* ---- ranking ------------------------------------------------------------ */

typedef struct Ranked
{
	size_t index;
	double score;
} Ranked;

/* Best first; equal scores in the order of the documents. */
static int
compare_ranked(const void *a, const void *b)
{
	const Ranked *x = a;
	const Ranked *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

char *
llm_result_scores(const double *scores, size_t n, const char *model,
				  const LlmUsage *usage)
{
	Ranked *ranked = malloc(n * sizeof(Ranked));
	json_t *results = json_array();
	json_t *doc;
	char *text = NULL;

	if (ranked != NULL && results != NULL)
	{
		for (size_t i = 0; i < n; i++)
			ranked[i] = (Ranked){i, scores[i]};
		qsort(ranked, n, sizeof(Ranked), compare_ranked);
		for (size_t i = 0; i < n; i++)
			json_array_append_new(results,
								  json_pack("{s:I, s:f}", "index",
											(json_int_t) ranked[i].index,
											"score", ranked[i].score));
	}
	free(ranked);
	doc = json_pack("{s:o, s:o}", "results", results, "usage",
					usage_object(usage));
	if (model != NULL && strlen(model) <= 200)
		json_object_set_new(doc, "model", json_string(model));
	if (json_array_size(json_object_get(doc, "results")) == n)
		text = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(doc);
	return text;
}

/* Put one result into scores; false when it is malformed. */
static bool
read_score(const json_t *item, double *scores, bool *seen, size_t n,
		   LlmReply *reply)
{
	const json_t *index = json_object_get(item, "index");
	const json_t *score = json_object_get(item, "relevance_score");
	json_int_t at = json_is_integer(index) ? json_integer_value(index) : -1;

	if (score == NULL)
		score = json_object_get(item, "score");
	if (at < 0 || at >= (json_int_t) n || seen[at])
		llm_reply_malformed(reply,
							"a score is of no document, or comes twice");
	else if (!json_is_number(score))
		llm_reply_malformed(reply, "score of document %zu is no number",
							(size_t) at + 1);
	else
	{
		scores[at] = json_number_value(score);
		seen[at] = true;
		return true;
	}
	return false;
}

void
llm_reply_scores(const LlmAsk *ask, LlmReply *reply, const json_t *items,
				 const char *model)
{
	size_t n = json_array_size(ask->contents) - 1;
	double *scores = calloc(n, sizeof(double));
	bool *seen = calloc(n, sizeof(bool));
	bool ok = scores != NULL && seen != NULL;
	size_t i;
	json_t *item;

	if (ok && json_array_size(items) != n)
	{
		llm_reply_malformed(reply, "it has %zu scores for %zu documents",
							json_array_size(items), n);
		ok = false;
	}
	json_array_foreach (items, i, item)
		ok = ok && read_score(item, scores, seen, n, reply);
	if (ok)
	{
		reply->result = llm_result_scores(scores, n, model, &reply->usage);
		if (reply->result != NULL)
			llm_reply_fault(reply, LLM_FAULT_NONE, LLM_SUCCEEDED);
	}
	free(scores);
	free(seen);
}
