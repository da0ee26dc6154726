/*-------------------------------------------------------------------------
 *
 * llm_provider_schema.c
 *		Answers that must fit a JSON Schema. Pure.
 *
 * The subset of JSON Schema that providers take is checked here again,
 * because what they promise differs. A schema with a keyword that would not
 * be checked is refused, rather than half obeyed.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "llm/llm_provider_int.h"

#define MAX_DEPTH 64
/*
 * Alternatives of alternatives multiply, and so do the values of a list and
 * those that they are compared with. A step is a comparison.
 */
#define MAX_STEPS 1000000
#define STEPS_OF_SCHEMA 5 /* of looking for the keywords of a schema */
#define CHARACTERS_OF_STEP 256

typedef struct Check
{
	const json_t *root; /* what "#" means */
	int steps;
	const char *keyword; /* the last one that was not satisfied */
} Check;

static const char *const checked_keywords[] = {"$defs",
											   "$ref",
											   "additionalProperties",
											   "allOf",
											   "anyOf",
											   "const",
											   "enum",
											   "definitions",
											   "exclusiveMaximum",
											   "exclusiveMinimum",
											   "items",
											   "maxItems",
											   "maxLength",
											   "maximum",
											   "minItems",
											   "minLength",
											   "minimum",
											   "oneOf",
											   "properties",
											   "required",
											   "type"};

/* These say something to readers, not about the value. */
static const char *const remarks[] = {
	"$comment", "$id",	  "$schema",  "default", "deprecated", "description",
	"examples", "format", "readOnly", "title",	 "writeOnly"};

static bool
is_listed(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (strcmp(word, list[i]) == 0)
			return true;
	}
	return false;
}

#define IS_LISTED(word, list)                                                 \
	is_listed(word, list, sizeof(list) / sizeof((list)[0]))

const json_t *
llm_schema_resolve(const json_t *root, const char *reference)
{
	const json_t *at = root;
	const char *name;

	if (strcmp(reference, "#") == 0)
		return at;
	if (strncmp(reference, "#/$defs/", 8) == 0)
		at = json_object_get(at, "$defs"), name = reference + 8;
	else if (strncmp(reference, "#/definitions/", 14) == 0)
		at = json_object_get(at, "definitions"), name = reference + 14;
	else
		return NULL;
	return json_object_get(at, name);
}

/* ---- is the schema one that can be checked? ------------------------------ */

static bool check_schema(const json_t *schema, int depth, LlmProblem *problem);

static bool
check_members(const json_t *object, int depth, LlmProblem *problem)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return llm_problem(problem, "schema has a keyword of a wrong type");
	json_object_foreach ((json_t *) object, key, value)
	{
		if (!check_schema(value, depth + 1, problem))
			return false;
	}
	return true;
}

static bool
check_list(const json_t *array, int depth, LlmProblem *problem)
{
	size_t i;
	json_t *value;

	if (json_array_size(array) == 0)
		return llm_problem(problem, "schema has a keyword of a wrong type");
	json_array_foreach (array, i, value)
	{
		if (!check_schema(value, depth + 1, problem))
			return false;
	}
	return true;
}

static bool
is_type(const json_t *value)
{
	static const char *const types[] = {"array",  "boolean", "integer", "null",
										"number", "object",	 "string"};

	return json_is_string(value) && IS_LISTED(json_string_value(value), types);
}

static bool
is_types(const json_t *value)
{
	size_t i;
	json_t *item;

	if (json_is_string(value))
		return is_type(value);
	json_array_foreach (value, i, item)
	{
		if (!is_type(item))
			return false;
	}
	return json_array_size(value) > 0;
}

static bool
is_names(const json_t *value)
{
	size_t i;
	json_t *item;

	json_array_foreach (value, i, item)
	{
		if (!json_is_string(item))
			return false;
	}
	return json_is_array(value);
}

static bool
check_keyword(const char *key, const json_t *value, int depth,
			  LlmProblem *problem)
{
	static const char *const maps[] = {"properties", "$defs", "definitions"};
	static const char *const lists[] = {"anyOf", "oneOf", "allOf"};
	static const char *const limits[] = {
		"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};
	static const char *const counts[] = {"minItems", "maxItems", "minLength",
										 "maxLength"};
	bool ok = true;

	if (IS_LISTED(key, maps))
		return check_members(value, depth, problem);
	if (IS_LISTED(key, lists))
		return check_list(value, depth, problem);
	if (strcmp(key, "items") == 0 || strcmp(key, "additionalProperties") == 0)
		return check_schema(value, depth + 1, problem);

	if (IS_LISTED(key, limits))
		ok = json_is_number(value);
	else if (IS_LISTED(key, counts))
		ok = json_is_integer(value) && json_integer_value(value) >= 0;
	else if (strcmp(key, "type") == 0)
		ok = is_types(value);
	else if (strcmp(key, "required") == 0)
		ok = is_names(value);
	else if (strcmp(key, "enum") == 0)
		ok = json_array_size(value) > 0;
	else if (strcmp(key, "$ref") == 0)
		ok = json_is_string(value);
	return ok ||
		   llm_problem(problem,
					   "keyword \"%s\" of the schema has a wrong value", key);
}

static bool
check_schema(const json_t *schema, int depth, LlmProblem *problem)
{
	const char *key;
	json_t *value;

	if (json_is_boolean(schema))
		return true;
	if (!json_is_object(schema) || depth > MAX_DEPTH)
		return llm_problem(problem,
						   "schema is no object, or nested too deeply");
	json_object_foreach ((json_t *) schema, key, value)
	{
		if (IS_LISTED(key, remarks))
			continue;
		if (!IS_LISTED(key, checked_keywords))
		{
			if (strlen(key) <= 32 &&
				strspn(key, "abcdefghijklmnopqrstuvwxyz"
							"ABCDEFGHIJKLMNOPQRSTUVWXYZ$") == strlen(key))
				return llm_problem(problem,
								   "keyword \"%s\" of the schema is not "
								   "supported",
								   key);
			return llm_problem(problem,
							   "a keyword of the schema is not supported");
		}
		if (!check_keyword(key, value, depth, problem))
			return false;
	}
	return true;
}

/* Whether every reference inside value leads somewhere. */
static bool
references_resolve(const json_t *root, const json_t *value)
{
	const json_t *reference = json_object_get(value, "$ref");
	const char *key;
	size_t i;
	json_t *item;

	if (json_is_string(reference) &&
		llm_schema_resolve(root, json_string_value(reference)) == NULL)
		return false;
	json_object_foreach ((json_t *) value, key, item)
	{
		if (!references_resolve(root, item))
			return false;
	}
	json_array_foreach (value, i, item)
	{
		if (!references_resolve(root, item))
			return false;
	}
	return true;
}

bool
llm_schema_check(const json_t *schema, LlmProblem *problem)
{
	if (!check_schema(schema, 0, problem))
		return false;
	return references_resolve(schema, schema) ||
		   llm_problem(problem,
					   "a \"$ref\" of the schema is neither \"#\" nor the "
					   "name of one of its \"$defs\"");
}

/* ---- does a value fit? --------------------------------------------------- */

static bool fits(Check *check, const json_t *schema, const json_t *value,
				 int depth);

static bool
misfit(Check *check, const char *keyword)
{
	check->keyword = keyword;
	return false;
}

static bool
has_type(const json_t *value, const char *type)
{
	switch (json_typeof(value))
	{
		case JSON_OBJECT:
			return strcmp(type, "object") == 0;
		case JSON_ARRAY:
			return strcmp(type, "array") == 0;
		case JSON_STRING:
			return strcmp(type, "string") == 0;
		case JSON_INTEGER:
			return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
		case JSON_REAL:
			return strcmp(type, "number") == 0 ||
				   (strcmp(type, "integer") == 0 &&
					json_real_value(value) == floor(json_real_value(value)));
		case JSON_TRUE:
		case JSON_FALSE:
			return strcmp(type, "boolean") == 0;
		case JSON_NULL:
			return strcmp(type, "null") == 0;
	}
	return false;
}

static bool
fits_type(Check *check, const json_t *type, const json_t *value)
{
	size_t i;
	json_t *item;

	if (json_is_string(type))
		return has_type(value, json_string_value(type));
	json_array_foreach (type, i, item)
	{
		if (--check->steps < 0)
			break;
		if (has_type(value, json_string_value(item)))
			return true;
	}
	return false;
}

static bool same_value(Check *check, const json_t *a, const json_t *b);

static bool
same_items(Check *check, const json_t *a, const json_t *b)
{
	size_t i;
	json_t *item;

	if (json_array_size(a) != json_array_size(b))
		return false;
	json_array_foreach (a, i, item)
	{
		if (!same_value(check, item, json_array_get(b, i)))
			return false;
	}
	return true;
}

static bool
same_members(Check *check, const json_t *a, const json_t *b)
{
	const char *key;
	json_t *item;

	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach ((json_t *) a, key, item)
	{
		const json_t *other = json_object_get(b, key);

		if (other == NULL || !same_value(check, item, other))
			return false;
	}
	return true;
}

/* Equal as JSON Schema means it: 1 is 1.0. */
static bool
same_value(Check *check, const json_t *a, const json_t *b)
{
	if (--check->steps < 0)
		return false;
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	if (json_typeof(a) != json_typeof(b))
		return false;
	if (json_is_array(a))
		return same_items(check, a, b);
	if (json_is_object(a))
		return same_members(check, a, b);
	return json_equal(a, b);
}

static bool
is_one_of(Check *check, const json_t *list, const json_t *value)
{
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item)
	{
		if (check->steps < 0)
			break;
		if (same_value(check, item, value))
			return true;
	}
	return false;
}

/* Length in characters: bytes that do not continue one. */
static json_int_t
characters(Check *check, const json_t *string)
{
	const char *text = json_string_value(string);
	size_t len = json_string_length(string);
	json_int_t n = 0;

	check->steps -= (int) (len / CHARACTERS_OF_STEP);
	for (size_t i = 0; i < len && check->steps >= 0; i++)
		n += ((unsigned char) text[i] & 0xc0) != 0x80;
	return n;
}

/* Whether count is within the limits that the two keywords set. */
static bool
fits_count(Check *check, const json_t *schema, json_int_t count,
		   const char *minimum, const char *maximum)
{
	const json_t *least = json_object_get(schema, minimum);
	const json_t *most = json_object_get(schema, maximum);

	if (least != NULL && count < json_integer_value(least))
		return misfit(check, minimum);
	if (most != NULL && count > json_integer_value(most))
		return misfit(check, maximum);
	return true;
}

static bool
fits_length(Check *check, const json_t *schema, const json_t *string)
{
	if (json_object_get(schema, "minLength") == NULL &&
		json_object_get(schema, "maxLength") == NULL)
		return true;
	return fits_count(check, schema, characters(check, string), "minLength",
					  "maxLength");
}

static bool
fits_number(Check *check, const json_t *schema, double number)
{
	const json_t *limit;

	if ((limit = json_object_get(schema, "minimum")) != NULL &&
		number < json_number_value(limit))
		return misfit(check, "minimum");
	if ((limit = json_object_get(schema, "maximum")) != NULL &&
		number > json_number_value(limit))
		return misfit(check, "maximum");
	if ((limit = json_object_get(schema, "exclusiveMinimum")) != NULL &&
		number <= json_number_value(limit))
		return misfit(check, "exclusiveMinimum");
	if ((limit = json_object_get(schema, "exclusiveMaximum")) != NULL &&
		number >= json_number_value(limit))
		return misfit(check, "exclusiveMaximum");
	return true;
}

static bool
fits_array(Check *check, const json_t *schema, const json_t *array, int depth)
{
	const json_t *items = json_object_get(schema, "items");
	size_t i;
	json_t *item;

	if (!fits_count(check, schema, (json_int_t) json_array_size(array),
					"minItems", "maxItems"))
		return false;
	json_array_foreach (array, i, item)
	{
		if (items != NULL && !fits(check, items, item, depth + 1))
			return false;
	}
	return true;
}

static bool
fits_object(Check *check, const json_t *schema, const json_t *object,
			int depth)
{
	const json_t *properties = json_object_get(schema, "properties");
	const json_t *others = json_object_get(schema, "additionalProperties");
	const json_t *required = json_object_get(schema, "required");
	const char *key;
	json_t *value;
	size_t i;
	json_t *name;

	json_array_foreach (required, i, name)
	{
		if (--check->steps < 0 ||
			json_object_get(object, json_string_value(name)) == NULL)
			return misfit(check, "required");
	}
	json_object_foreach ((json_t *) object, key, value)
	{
		const json_t *property = json_object_get(properties, key);

		if (property == NULL && json_is_false(others))
			return misfit(check, "additionalProperties");
		if (property == NULL)
			property = others;
		if (property != NULL && !fits(check, property, value, depth + 1))
			return false;
	}
	return true;
}

/* How many of the alternatives fit, counting no further than stop. */
static int
count_fits(Check *check, const json_t *list, const json_t *value, int depth,
		   int stop)
{
	int n = 0;
	size_t i;
	json_t *schema;

	json_array_foreach (list, i, schema)
	{
		if (fits(check, schema, value, depth + 1) && ++n == stop)
			break;
	}
	return n;
}

static bool
fits_combinations(Check *check, const json_t *schema, const json_t *value,
				  int depth)
{
	const json_t *list;

	if ((list = json_object_get(schema, "allOf")) != NULL &&
		count_fits(check, list, value, depth, -1) !=
			(int) json_array_size(list))
		return misfit(check, "allOf");
	if ((list = json_object_get(schema, "anyOf")) != NULL &&
		count_fits(check, list, value, depth, 1) == 0)
		return misfit(check, "anyOf");
	if ((list = json_object_get(schema, "oneOf")) != NULL &&
		count_fits(check, list, value, depth, 2) != 1)
		return misfit(check, "oneOf");
	return true;
}

static bool
fits(Check *check, const json_t *schema, const json_t *value, int depth)
{
	const json_t *keyword;

	check->steps -= STEPS_OF_SCHEMA;
	if (depth > MAX_DEPTH || check->steps < 0)
		return misfit(check, "$ref");
	if (json_is_true(schema))
		return true;
	if (json_is_false(schema))
		return misfit(check, "false");

	if ((keyword = json_object_get(schema, "$ref")) != NULL)
	{
		const json_t *target =
			llm_schema_resolve(check->root, json_string_value(keyword));

		if (target == NULL || !fits(check, target, value, depth + 1))
			return target != NULL ? false : misfit(check, "$ref");
	}
	if ((keyword = json_object_get(schema, "type")) != NULL &&
		!fits_type(check, keyword, value))
		return misfit(check, "type");
	if ((keyword = json_object_get(schema, "enum")) != NULL &&
		!is_one_of(check, keyword, value))
		return misfit(check, "enum");
	if ((keyword = json_object_get(schema, "const")) != NULL &&
		!same_value(check, keyword, value))
		return misfit(check, "const");
	if (!fits_combinations(check, schema, value, depth))
		return false;

	if (json_is_number(value))
		return fits_number(check, schema, json_number_value(value));
	if (json_is_string(value))
		return fits_length(check, schema, value);
	if (json_is_array(value))
		return fits_array(check, schema, value, depth);
	if (json_is_object(value))
		return fits_object(check, schema, value, depth);
	return true;
}

bool
llm_schema_fits(const json_t *schema, const json_t *value, LlmProblem *problem)
{
	Check check = {schema, MAX_STEPS, "type"};
	bool is_fitting = fits(&check, schema, value, 0);

	/* an alternative that was not looked at to its end is none that fails */
	if (check.steps < 0)
		return llm_problem(problem, "its content is too complex");
	return is_fitting ||
		   llm_problem(problem,
					   "its content does not satisfy \"%s\" of the schema",
					   check.keyword);
}
