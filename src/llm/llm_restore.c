/*-------------------------------------------------------------------------
 *
 * llm_restore.c
 *		Answers in which what was redacted stands again.
 *
 * A request with "restore": true leaves with numbered placeholders instead of
 * personal data. What they stand for stays with the call, in its memory, and
 * is put into the answer before the caller gets it: whole, or piece by piece
 * of a stream. Nothing of it is kept: the cache holds the answer as it came.
 * A placeholder that is not of this request is left as it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "base/jansson_memory.h"
#include "base/json.h"
#include "base/json_dump.h"
#include "base/placeholder.h"
#include "llm/llm_restore.h"

struct LlmRestore
{
	json_t *mapping; /* placeholder -> value */
	bool has_schema; /* content is JSON */
	PlaceholderStream stream;
	bool is_over; /* the last piece of the stream was given */
};

typedef struct Target
{
	const json_t *mapping;
	StringInfo out;
} Target;

static const char *
look_up(void *arg, const char *placeholder, size_t *len)
{
	const json_t *value =
		json_object_get(((Target *) arg)->mapping, placeholder);

	if (!json_is_string(value))
		return NULL;
	*len = json_string_length(value);
	return json_string_value(value);
}

static void
write_bytes(void *arg, const char *bytes, size_t len)
{
	appendBinaryStringInfo(((Target *) arg)->out, bytes, (int) len);
}

static void
feed(const LlmRestore *restore, PlaceholderStream *stream, const char *text,
	 size_t len, bool last, StringInfo out)
{
	Target target = {restore->mapping, out};
	PlaceholderTarget put = {look_up, write_bytes, &target};

	placeholder_feed(stream, text, len, last, &put);
}

void
llm_restore_begin(LlmCall *call, Jsonb *mapping)
{
	LlmRestore *restore = palloc0(sizeof(LlmRestore));

	restore->mapping = json_from_jsonb(mapping);
	restore->has_schema =
		json_object_get(call->state->ask.options, "schema") != NULL;
	call->state->restore = restore;
}

/* ---- whole answers -------------------------------------------------------- */

static json_t *
restore_text(const LlmRestore *restore, const json_t *text)
{
	PlaceholderStream stream = {0};
	StringInfoData out;

	initStringInfo(&out);
	feed(restore, &stream, json_string_value(text), json_string_length(text),
		 true, &out);
	return json_stringn(out.data, out.len);
}

/* A copy of value with all texts in it restored; owned. */
static json_t *
restore_value(const LlmRestore *restore, const json_t *value)
{
	json_t *copy;

	if (json_is_object(value))
	{
		const char *member;
		json_t *item;

		copy = json_pack("{}");
		json_object_foreach ((json_t *) value, member, item)
			json_object_set_new(copy, member, restore_value(restore, item));
		return copy;
	}
	if (json_is_array(value))
	{
		size_t i;
		json_t *item;

		copy = json_array();
		json_array_foreach (value, i, item)
			json_array_append_new(copy, restore_value(restore, item));
		return copy;
	}
	if (!json_is_string(value))
		return json_incref((json_t *) value);
	return restore_text(restore, value);
}

/*
 * A text that is JSON itself: values must not break its quoting. What has no
 * placeholder keeps its bytes.
 */
static json_t *
restore_document(const LlmRestore *restore, const json_t *text)
{
	json_t *doc = jansson_load(json_string_value(text),
							   json_string_length(text), JSON_DECODE_ANY);
	json_t *restored;
	char *dumped;
	json_t *result;

	if (doc == NULL)
		return restore_text(restore, text);
	json_adopt(doc);
	restored = json_adopt(restore_value(restore, doc));
	if (json_equal(restored, doc))
		return json_incref((json_t *) text);
	dumped = json_dump(restored, JSON_COMPACT | JSON_ENCODE_ANY);
	result = dumped != NULL ? json_string(dumped) : NULL;
	free(dumped);
	return result;
}

/* Restore the member key, JSON in a text, of the answer's object into copy. */
static void
restore_member(const LlmRestore *restore, json_t *copy, const json_t *object,
			   const char *key)
{
	const json_t *text = json_object_get(object, key);

	if (json_is_string(text))
		json_object_set_new(copy, key, restore_document(restore, text));
}

/*
 * A copy of an answer, restored; owned. JSON in texts is what was asked for in
 * a shape, and the arguments of tools; in what these hold, such names are
 * those of the user's own members.
 */
static json_t *
restore_answer(const LlmRestore *restore, const json_t *answer)
{
	json_t *copy = restore_value(restore, answer);
	const json_t *message = json_object_get(answer, "message");
	json_t *message_copy = json_object_get(copy, "message");
	const json_t *calls = json_object_get(message, "tool_calls");
	size_t i;
	json_t *call;

	if (restore->has_schema)
	{
		restore_member(restore, copy, answer, "content");
		restore_member(restore, message_copy, message, "content");
	}
	json_array_foreach (calls, i, call)
	{
		json_t *call_copy =
			json_array_get(json_object_get(message_copy, "tool_calls"), i);

		restore_member(restore, json_object_get(call_copy, "function"),
					   json_object_get(call, "function"), "arguments");
	}
	return copy;
}

char *
llm_restore_result(const LlmCall *call, const char *result)
{
	const LlmRestore *restore = call->state->restore;
	unsigned long failures = jansson_memory_failures();
	json_t *doc;

	if (restore == NULL)
		return pstrdup(result);
	doc = json_adopt(
		restore_answer(restore, json_parse(result, strlen(result))));
	/* a member that found no memory is missing, and nothing else says so */
	if (failures != jansson_memory_failures())
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return json_text(doc);
}

/* ---- streams --------------------------------------------------------------- */

void
llm_restore_again(LlmCall *call)
{
	LlmRestore *restore = call->state->restore;

	if (restore == NULL)
		return;
	memset(&restore->stream, 0, sizeof(restore->stream));
	restore->is_over = false;
}

const char *
llm_restore_piece(LlmCall *call, const char *text, size_t *len)
{
	LlmRestore *restore = call->state->restore;
	bool last = call->outcome != LLM_PENDING;
	StringInfoData out;

	if (restore->is_over || (text == NULL && !last))
		return NULL;
	initStringInfo(&out);
	feed(restore, &restore->stream, text != NULL ? text : "",
		 text != NULL ? *len : 0, last, &out);
	restore->is_over = last;
	*len = out.len;
	return out.len > 0 ? out.data : NULL;
}
