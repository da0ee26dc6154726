/*-------------------------------------------------------------------------
 *
 * json.c
 *		jansson with PostgreSQL's memory rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "base/jansson_memory.h"
#include "base/json.h"
#include "base/json_dump.h"

/*
 * Integers beyond 64 bits are refused: reading them as reals would change
 * what a user wrote, unnoticed.
 */
#define PARSE_FLAGS (JSON_DECODE_ANY)

static void
release_document(void *arg)
{
	json_decref((json_t *) arg);
}

static void
out_of_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
					errdetail("Failed while building a JSON document.")));
}

json_t *
json_adopt(json_t *doc)
{
	MemoryContextCallback *callback;

	if (doc == NULL)
		out_of_memory();
	callback = MemoryContextAllocExtended(CurrentMemoryContext,
										  sizeof(MemoryContextCallback),
										  MCXT_ALLOC_NO_OOM);
	if (callback == NULL)
	{
		json_decref(doc);
		out_of_memory();
	}
	callback->func = release_document;
	callback->arg = doc;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return doc;
}

json_t *
json_parse(const char *text, size_t len)
{
	json_t *doc = jansson_load(text, len, PARSE_FLAGS);

	return doc != NULL ? json_adopt(doc) : NULL;
}

char *
json_text(const json_t *doc)
{
	/* escapes mean the same in every server encoding, UTF-8 bytes do not */
	size_t ascii = GetDatabaseEncoding() == PG_UTF8 ? 0 : JSON_ENSURE_ASCII;
	char *dumped = json_dump(doc, JSON_COMPACT | JSON_ENCODE_ANY | ascii);
	char *text;

	if (dumped == NULL)
		out_of_memory();
	text = MemoryContextAllocExtended(CurrentMemoryContext, strlen(dumped) + 1,
									  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	if (text != NULL)
		strcpy(text, dumped);
	free(dumped);
	if (text == NULL)
		out_of_memory();
	return text;
}

json_t *
json_from_jsonb(Jsonb *value)
{
	char *text = JsonbToCString(NULL, &value->root, VARSIZE(value));
	char *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	json_t *doc = json_parse(utf8, strlen(utf8));

	if (doc == NULL)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("JSON document cannot be read"),
						errdetail("It is nested too deeply, or has a number "
								  "out of range.")));
	pfree(text);
	return doc;
}

Jsonb *
json_to_jsonb(const json_t *doc)
{
	char *text = json_text(doc);
	Jsonb *value =
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));

	pfree(text);
	return value;
}

const char *
json_string_member(const json_t *object, const char *key, const char *if_none)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL ? value : if_none;
}
