/*-------------------------------------------------------------------------
 *
 * llm_prompt.c
 *		Requests that name a prompt instead of holding its text.
 *
 * {"name": ..., "vars": {...}, "version" or "label": ...} may stand where a
 * request has the text of a prompt, a system text or a message. The name
 * becomes a text inside the gate, before anything else looks at the request:
 * so the text is redacted, cached and limited as any other, and the version
 * that the log names is the one whose text was sent, whoever made the request.
 * Prompts are read in SQL, under their policies: llm_prompt.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/snapmgr.h"

#include "base/json.h"
#include "base/query.h"
#include "llm/llm_prompt.h"

/* Where a request names a prompt: a member of itself or of a message. */
typedef struct Place
{
	json_t *object;
	const char *member;
	int count; /* places found; this is the last */
} Place;

static void
look_at(Place *place, json_t *object, const char *member)
{
	if (!json_is_object(json_object_get(object, member)))
		return;
	place->object = object;
	place->member = member;
	place->count++;
}

static Place
find_place(json_t *request)
{
	Place place = {0};
	size_t i;
	json_t *message;

	look_at(&place, request, "prompt");
	look_at(&place, request, "system");
	json_array_foreach (json_object_get(request, "messages"), i, message)
		look_at(&place, message, "content");
	if (place.count > 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("request cannot be sent: it names more than "
							   "one prompt"),
						errhint("A call is made with one prompt; the options "
								"of its version can have a \"system\".")));
	return place;
}

void
llm_prompt_resolve(LlmCall *call, json_t *request)
{
	Place place = find_place(request);
	LlmCallState *state = call->state;
	QueryArg arg;
	QueryResult *result;
	json_t *used;
	bool isnull;

	if (place.count == 0)
		return;
	arg = query_arg_datum(JSONBOID,
						  JsonbPGetDatum(json_to_jsonb(
							  json_object_get(place.object, place.member))),
						  false);
	result = query_run("SELECT intel._prompt_use($1)", &arg, 1,
					   ActiveSnapshotSet());
	used = json_from_jsonb(DatumGetJsonbP(query_datum(result, 0, 0, &isnull)));
	json_object_set(place.object, place.member,
					json_object_get(used, "content"));
	json_object_update_missing(request, json_object_get(used, "options"));
	state->prompt_id = json_integer_value(json_object_get(used, "id"));
	state->prompt_version =
		(int) json_integer_value(json_object_get(used, "version"));
	state->prompt_name =
		MemoryContextStrdup(call->cxt, json_string_member(used, "name", ""));
}
