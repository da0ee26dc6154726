/*-------------------------------------------------------------------------
 *
 * llm_provider_anthropic_schema.c
 *		JSON Schemas as Anthropic's structured outputs take them. Pure.
 *
 * The service refuses some schemas, and closes all objects. What it would
 * refuse, or what nothing would satisfy once its objects are closed, is asked
 * for in words instead; the answer is checked here in any case.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "llm/llm_provider_int.h"

/* Keywords that structured outputs refuse; the answer is checked here. */
static const char *const not_sent[] = {
	"exclusiveMaximum", "exclusiveMinimum", "maxItems",	 "maxLength",
	"maximum",			"minItems",			"minLength", "minimum"};

/* Values of "format" that they know; others only say something to readers. */
static const char *const formats[] = {
	"date", "date-time", "duration", "email", "hostname",
	"ipv4", "ipv6",		 "time",	 "uri",	  "uuid"};

/* Keywords whose value has schemas in it. */
static const char *const of_schemas[] = {"$defs",		"allOf", "anyOf",
										 "definitions", "oneOf", "properties"};

static json_t *convert_schema(const json_t *schema);

/* The schemas of an array or of the members of an object, converted. */
static json_t *
convert_schemas(const json_t *schemas)
{
	json_t *converted;
	const char *name;
	size_t i;
	json_t *schema;

	if (json_is_array(schemas))
	{
		converted = json_array();
		json_array_foreach (schemas, i, schema)
			json_array_append_new(converted, convert_schema(schema));
		return converted;
	}
	converted = json_pack("{}");
	json_object_foreach ((json_t *) schemas, name, schema)
		json_object_set_new(converted, name, convert_schema(schema));
	return converted;
}

static bool
is_word_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (strcmp(words[i], word) == 0)
			return true;
	}
	return false;
}

#define IS_WORD_OF(word, words)                                               \
	is_word_of(word, words, sizeof(words) / sizeof((words)[0]))
#define IS_WORD_OF_STRING(value, words)                                       \
	(json_is_string(value) && IS_WORD_OF(json_string_value(value), words))

static bool
is_object_schema(const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type");
	size_t i;
	json_t *item;

	json_array_foreach (type, i, item)
	{
		if (json_is_string(item) &&
			strcmp(json_string_value(item), "object") == 0)
			return true;
	}
	return (json_is_string(type) &&
			strcmp(json_string_value(type), "object") == 0) ||
		   json_object_get(schema, "properties") != NULL ||
		   json_object_get(schema, "additionalProperties") != NULL;
}

/*
 * A schema as structured outputs take it: without bounds, one of several as any
 * of them, and with closed objects. Depth is that of a schema which
 * llm_schema_check let pass. Owned.
 */
static json_t *
convert_schema(const json_t *schema)
{
	json_t *converted;
	const char *key;
	json_t *value;

	if (!json_is_object(schema))
		return json_incref((json_t *) schema);
	converted = json_pack("{}");
	json_object_foreach ((json_t *) schema, key, value)
	{
		if (IS_WORD_OF(key, not_sent) ||
			(strcmp(key, "format") == 0 && !IS_WORD_OF_STRING(value, formats)))
			continue;
		if (IS_WORD_OF(key, of_schemas))
			json_object_set_new(converted,
								strcmp(key, "oneOf") == 0 ? "anyOf" : key,
								convert_schemas(value));
		else if (strcmp(key, "items") == 0)
			json_object_set_new(converted, key, convert_schema(value));
		else
			json_object_set(converted, key, value);
	}
	if (is_object_schema(schema))
		json_object_set_new(converted, "additionalProperties", json_false());
	return converted;
}

json_t *
llm_anthropic_schema(const json_t *schema)
{
	return convert_schema(schema);
}

/* ---- which are taken ----------------------------------------------------- */

/* Longer chains of references than definitions go round in a circle. */
#define MAX_DEPTH 64

typedef struct Look
{
	const json_t *root;
	int steps; /* what is left of looking along references */
} Look;

#define MAX_STEPS 10000

static bool is_taken(Look *look, const json_t *schema, int depth);

/* Are all schemas in an array, or in the members of an object? */
static bool
are_taken(Look *look, const json_t *schemas, int depth)
{
	const char *name;
	size_t i;
	json_t *schema;

	json_array_foreach (schemas, i, schema)
		if (!is_taken(look, schema, depth + 1))
			return false;
	json_object_foreach ((json_t *) schemas, name, schema)
		if (!is_taken(look, schema, depth + 1))
			return false;
	return true;
}

/*
 * Is it closed, or can it be closed? An object whose members have no names
 * could then only be empty, and one of a combination would exclude those of
 * the others.
 */
static bool
can_be_closed(const json_t *schema)
{
	const json_t *more = json_object_get(schema, "additionalProperties");

	if (!is_object_schema(schema))
		return true;
	if (json_object_get(schema, "anyOf") != NULL ||
		json_object_get(schema, "oneOf") != NULL)
		return false;
	return more != NULL
			   ? json_is_false(more)
			   : json_object_size(json_object_get(schema, "properties")) > 0;
}

/* The service wants to know of what type a value is. */
static bool
says_type(const json_t *schema)
{
	static const char *const words[] = {"$ref",	 "anyOf",	   "const", "enum",
										"oneOf", "properties", "type"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (json_object_get(schema, words[i]) != NULL)
			return true;
	}
	return false;
}

static bool
is_taken(Look *look, const json_t *schema, int depth)
{
	const json_t *reference = json_object_get(schema, "$ref");
	const char *key;
	json_t *value;

	if (!json_is_object(schema) || !says_type(schema) || depth > MAX_DEPTH ||
		--look->steps < 0 || json_object_get(schema, "allOf") != NULL ||
		(json_object_get(schema, "anyOf") != NULL &&
		 json_object_get(schema, "oneOf") != NULL) ||
		!can_be_closed(schema))
		return false;
	/* what leads back to itself has no end, and ends at the depth */
	if (json_is_string(reference) &&
		!is_taken(look,
				  llm_schema_resolve(look->root, json_string_value(reference)),
				  depth + 1))
		return false;
	json_object_foreach ((json_t *) schema, key, value)
	{
		if (strcmp(key, "items") == 0 && !is_taken(look, value, depth + 1))
			return false;
		if (IS_WORD_OF(key, of_schemas) && !are_taken(look, value, depth))
			return false;
	}
	return true;
}

bool
llm_anthropic_takes(const json_t *schema)
{
	Look look = {schema, MAX_STEPS};

	return is_taken(&look, schema, 0);
}
