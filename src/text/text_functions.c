/*-------------------------------------------------------------------------
 *
 * text_functions.c
 *		The SQL functions chunk and count_tokens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "text/text.h"

INTEL_FUNCTION(chunk);
INTEL_FUNCTION(count_tokens);

const TextFamily *
text_family_by_name(const char *name)
{
	const TextFamily *family = text_family(name);

	if (family == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unrecognized token family \"%s\"", name),
						errhint("Families are %s.", text_family_names)));
	return family;
}

/*
 * The bytes of a text as UTF-8, palloc'd where the database has another
 * encoding. SQL_ASCII is taken as it is.
 */
static const char *
as_utf8(const text *content, size_t *len)
{
	const char *data = VARDATA_ANY(content);
	int bytes = VARSIZE_ANY_EXHDR(content);
	char *utf8 = pg_server_to_any(data, bytes, PG_UTF8);

	*len = utf8 == data ? (size_t) bytes : strlen(utf8);
	return utf8;
}

static text *
from_utf8(const char *data, size_t len)
{
	char *converted = pg_any_to_server(data, (int) len, PG_UTF8);

	if (converted == data)
		return cstring_to_text_with_len(data, (int) len);
	return cstring_to_text(converted);
}

/* Characters as substring() counts them; SQL_ASCII has bytes only. */
static int32
count_chars(const char *p, const char *end)
{
	int32 n = 0;

	if (GetDatabaseEncoding() == PG_SQL_ASCII)
		return (int32) (end - p);
	for (; p < end; p++)
		n += (*p & 0xC0) != 0x80;
	return n;
}

/* ---- chunk ---- */

typedef struct ChunkState
{
	TextChunker chunker;
	const char *counted; /* characters before it are char_offset */
	int32 char_offset;
} ChunkState;

static TextStrategy
strategy_by_name(const char *name)
{
	static const char *const names[] = {"fixed", "sentence", "recursive",
										"markdown"};

	for (size_t i = 0; i < lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
			return (TextStrategy) i;
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("unrecognized chunking strategy \"%s\"", name),
		 errhint("Strategies are fixed, sentence, recursive and markdown.")));
}

/* The family to count in, or NULL for characters. */
static const TextFamily *
unit_by_name(const char *name)
{
	if (strcmp(name, "tokens") == 0)
		return text_family_default();
	if (strcmp(name, "chars") == 0)
		return NULL;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unrecognized unit \"%s\"", name),
					errhint("Units are tokens and chars.")));
}

static ChunkState *
chunk_begin(FunctionCallInfo fcinfo)
{
	TextStrategy strategy =
		strategy_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	int32 size = PG_GETARG_INT32(2);
	int32 overlap = PG_GETARG_INT32(3);
	const TextFamily *unit =
		unit_by_name(text_to_cstring(PG_GETARG_TEXT_PP(4)));
	ChunkState *state = palloc0(sizeof(ChunkState));
	const char *content;
	size_t len;

	if (size < 1 || size > TEXT_MAX_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("chunk size %d is out of range", size),
				 errhint("It must be between 1 and %d.", TEXT_MAX_SIZE)));
	if (overlap < 0 || overlap > size / 2)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("chunk overlap %d is out of range", overlap),
						errhint("It must be between 0 and half of the size, "
								"which is %d here.",
								size / 2)));
	content = as_utf8(PG_GETARG_TEXT_PP(0), &len);
	text_chunk_init(&state->chunker, content, len, strategy, unit, size,
					overlap);
	state->chunker.poll = text_poll;
	state->counted = content;
	return state;
}

/* "Part > Chapter > Section", or NULL outside of headings. */
static text *
heading_path(const TextChunker *chunker)
{
	StringInfoData path;

	initStringInfo(&path);
	for (int i = 0; i < TEXT_HEADING_LEVELS; i++)
	{
		const TextHeading *heading = &chunker->headings[i];

		if (heading->len == 0)
			continue;
		if (path.len > 0)
			appendStringInfoString(&path, " > ");
		appendBinaryStringInfo(&path, heading->start, (int) heading->len);
	}
	return path.len > 0 ? from_utf8(path.data, path.len) : NULL;
}

static Datum
chunk_row(FuncCallContext *funcctx, ChunkState *state, const TextChunk *chunk)
{
	size_t len = (size_t) (chunk->end - chunk->start);
	text *heading = heading_path(&state->chunker);
	Datum values[6];
	bool nulls[6] = {false};

	state->char_offset += count_chars(state->counted, chunk->start);
	state->counted = chunk->start;

	values[0] = Int32GetDatum((int32) funcctx->call_cntr + 1);
	values[1] = PointerGetDatum(from_utf8(chunk->start, len));
	values[2] = Int32GetDatum(state->char_offset + 1);
	values[3] = Int32GetDatum(count_chars(chunk->start, chunk->end));
	values[4] = Int32GetDatum((int32) text_tokens(
		text_family_default(), chunk->start, len, text_poll));
	values[5] = PointerGetDatum(heading);
	nulls[5] = heading == NULL;
	return HeapTupleGetDatum(
		heap_form_tuple(funcctx->tuple_desc, values, nulls));
}

Datum
intel_chunk(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	TextChunk chunk;
	ChunkState *state;
	Datum row;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		funcctx = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &funcctx->tuple_desc) !=
			TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		BlessTupleDesc(funcctx->tuple_desc);
		funcctx->user_fctx = chunk_begin(fcinfo);
		MemoryContextSwitchTo(old);
	}
	funcctx = SRF_PERCALL_SETUP();
	state = funcctx->user_fctx;
	if (!text_chunk_next(&state->chunker, &chunk))
		SRF_RETURN_DONE(funcctx);
	row = chunk_row(funcctx, state, &chunk);
	SRF_RETURN_NEXT(funcctx, row);
}

/* ---- count_tokens ---- */

Datum
intel_count_tokens(PG_FUNCTION_ARGS)
{
	const TextFamily *family =
		text_family_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	size_t len;
	const char *content = as_utf8(PG_GETARG_TEXT_PP(0), &len);

	PG_RETURN_INT32((int32) Min(text_tokens(family, content, len, text_poll),
								PG_INT32_MAX));
}
