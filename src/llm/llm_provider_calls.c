/*-------------------------------------------------------------------------
 *
 * llm_provider_calls.c
 *		Tool calls in requests: what is redacted of them, and how. Pure.
 *
 * Arguments are JSON in a text, and are redacted as the document that they
 * are, or a placeholder could end up where JSON has a number, and nobody could
 * read them any more. A number that is personal data becomes a string. Where
 * nothing is replaced the text goes as it was written, with integers of any
 * length.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "base/json_dump.h"
#include "llm/llm_provider_int.h"

/* ---- what machines make up ---------------------------------------------- */

/*
 * A signature of thoughts is encrypted, so it looks as random. It goes unseen
 * only where what it encodes is no text: base64 hides nothing here.
 */
bool
llm_is_machine_signature(const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
	uint32_t bits = 0;
	int nbits = 0;
	size_t n = 0;
	size_t strange = 0;

	for (; *text != '\0' && *text != '='; text++)
	{
		unsigned at = (unsigned) (strchr(digits, *text) - digits);

		bits = bits << 6 | (at < 64 ? at : at - 2);
		nbits += 6;
		if (nbits >= 8)
		{
			unsigned byte = bits >> (nbits -= 8) & 0xff;

			n++;
			strange += byte < 32 || byte > 126;
		}
	}
	return n >= 24 && strange >= n / 4;
}

/*
 * LiteLLM puts the signature behind the identifier of a call, so that clients
 * which know of none bring it back.
 */
const char *
llm_signature_of_id(const char *id)
{
	static const char separator[] = "__thought__";
	const char *found = strstr(id, separator);

	return found != NULL ? found + strlen(separator) : NULL;
}

/*
 * Identifiers that providers make up look random, and a redactor may take
 * them for keys. With one of their prefixes and a body that is not just
 * digits, they are machine-made.
 */
bool
llm_is_machine_id(const json_t *value)
{
	static const char *const prefixes[] = {"call_", "toolu_", "fc_",
										   "chatcmpl-tool-"};
	const char *id = json_string_value(value);

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
	{
		size_t len = strlen(prefixes[i]);

		if (strncmp(id, prefixes[i], len) == 0)
			return strspn(id + len, "0123456789-_") < strlen(id + len);
	}
	return false;
}

/* ---- what was called ----------------------------------------------------- */

/*
 * Identifiers that are made up come again in each answer, so the last call
 * before the message is meant.
 */
const char *
llm_called_function(const LlmAsk *ask, size_t index)
{
	const char *id = json_string_value(
		json_object_get(json_array_get(ask->messages, index), "tool_call_id"));
	size_t i;
	json_t *call;

	while (index-- > 0)
	{
		json_array_foreach (
			json_object_get(json_array_get(ask->messages, index),
							"tool_calls"),
			i, call)
		{
			if (strcmp(json_string_value(json_object_get(call, "id")), id) ==
				0)
				return json_string_value(json_object_get(
					json_object_get(call, "function"), "name"));
		}
	}
	return NULL;
}

/* ---- arguments ---------------------------------------------------------- */

/* Nothing that is looked for is a shorter number. */
#define MIN_NUMBER 3

/* The object in a text, or NULL. Owned. */
static json_t *
load(const char *text, size_t len, size_t flags)
{
	const char *ignored;
	json_t *doc = llm_json_load(text, len, flags, &ignored);

	if (json_is_object(doc))
		return doc;
	json_decref(doc);
	return NULL;
}

static json_t *
load_text(const json_t *text, size_t flags)
{
	return load(json_string_value(text), json_string_length(text), flags);
}

json_t *
llm_arguments_take(json_t *text)
{
	json_t *doc;

	/* what a model says of a tool without parameters */
	if (strspn(json_string_value(text), " \t\r\n") == json_string_length(text))
		return json_string("{}");
	doc = load_text(text, 0);
	if (doc == NULL)
		return NULL;
	json_decref(doc);
	return json_incref(text);
}

json_t *
llm_call_arguments(const json_t *tool_call)
{
	return load_text(
		json_object_get(json_object_get(tool_call, "function"), "arguments"),
		0);
}

/* Where a string that begins with a quote ends, behind its own. */
static const char *
string_end(const char *p)
{
	p++;
	while (*p != '"')
		p += *p == '\\' ? 2 : 1;
	return p + 1;
}

/* Copy JSON with its long numbers in quotes; out has room for twice of it. */
static size_t
quote_numbers(const char *text, char *out)
{
	char *end = out;

	while (*text != '\0')
	{
		size_t len = strspn(text, "+-.0123456789eE");
		bool is_number = *text == '-' || (*text >= '0' && *text <= '9');

		if (*text == '"')
			len = (size_t) (string_end(text) - text);
		else if (!is_number)
			len = 1;
		if (is_number && len >= MIN_NUMBER)
			*end++ = '"';
		memcpy(end, text, len);
		end += len;
		if (is_number && len >= MIN_NUMBER)
			*end++ = '"';
		text += len;
	}
	return (size_t) (end - out);
}

json_t *
llm_arguments_document(const json_t *text)
{
	char *quoted = malloc(json_string_length(text) * 2 + 1);
	json_t *doc = NULL;

	if (quoted != NULL)
		doc = load(quoted, quote_numbers(json_string_value(text), quoted), 0);
	free(quoted);
	return doc;
}

/*
 * What was redacted, with the numbers in it that were not. A copy of
 * redacted, owned; given is what was written, quoted the same with its
 * numbers as strings.
 */
static json_t *
merge(const json_t *given, const json_t *quoted, json_t *redacted)
{
	json_t *merged;
	const char *key;
	size_t i;
	json_t *item;

	if (json_is_number(given) && json_equal(quoted, redacted))
		return json_incref((json_t *) given);
	if (json_is_array(given) && json_is_array(redacted))
	{
		merged = json_array();
		json_array_foreach (redacted, i, item)
			json_array_append_new(merged,
								  merge(json_array_get(given, i),
										json_array_get(quoted, i), item));
		return merged;
	}
	if (json_is_object(given) && json_is_object(redacted))
	{
		merged = json_pack("{}");
		/* under a key that was redacted, numbers stay strings */
		json_object_foreach (redacted, key, item)
			json_object_set_new(merged, key,
								merge(json_object_get(given, key),
									  json_object_get(quoted, key), item));
		return merged;
	}
	return json_incref(redacted);
}

/* The text of a document, as a string. Owned. */
static json_t *
dump(const json_t *doc)
{
	char *dumped = json_dump(doc, JSON_COMPACT);
	json_t *text = dumped != NULL ? json_string(dumped) : NULL;

	free(dumped);
	return text;
}

json_t *
llm_arguments_redacted(json_t *text, json_t *redacted)
{
	json_t *quoted = llm_arguments_document(text);
	/* of members of one name the document has the last, the text has all */
	json_t *given = load_text(text, JSON_REJECT_DUPLICATES);
	bool is_whole = given != NULL;
	json_t *result = NULL;
	json_t *merged;

	if (given == NULL)
		given = load_text(text, 0);
	if (is_whole && quoted != NULL && json_equal(quoted, redacted))
		result = json_incref(text);
	else if (given != NULL && quoted != NULL && json_is_object(redacted))
	{
		merged = merge(given, quoted, redacted);
		result = dump(merged);
		json_decref(merged);
	}
	json_decref(given);
	json_decref(quoted);
	return result;
}
