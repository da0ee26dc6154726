/*-------------------------------------------------------------------------
 *
 * context_search.c
 *		Retrieval: the rows of a source that fit a question best.
 *
 * The vector arm takes the nearest rows by cosine distance, which an index
 * serves. The text arm takes rows by core's text search. Hybrid fuses both by
 * reciprocal rank. Without a tsvector column a text search would have to
 * parse every row, so hybrid then looks at the words of the vector arm's rows
 * only; mode text does it for all rows.
 *
 * Core's ranks do not know that a rare word tells more than a common one, so
 * the rows that were found are ranked by BM25, with the frequencies of words
 * among these rows: a word that all of them have does not tell them apart,
 * and nothing outside of what the caller may see is counted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_type.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "base/compat.h"
#include "context/context_answer.h"
#include "context/context_int.h"

#define RRF_K 60 /* reciprocal rank fusion: 1 / (k + rank) */
#define MIN_CANDIDATES 100
#define SAME_TEXT 0.9 /* Jaccard similarity of near duplicates */
#define MAX_K 1000

INTEL_FUNCTION(_search);

/* ---- SQL ---- */

/* The columns of a hit: key, title, content. */
static void
put_columns(StringInfo sql, const ContextSource *source)
{
	const ListCell *cell;
	const char *separator = "pg_catalog.jsonb_build_object(";

	if (source->key == NIL)
		appendStringInfoString(sql, "NULL::pg_catalog.jsonb");
	foreach (cell, source->key)
	{
		const char *name = lfirst(cell);

		appendStringInfo(sql, "%s%s::pg_catalog.text, s.%s", separator,
						 quote_literal_cstr(name), quote_identifier(name));
		separator = ", ";
	}
	appendStringInfo(sql, "%s AS key, s.%s::pg_catalog.text AS content, ",
					 source->key == NIL ? "" : ")",
					 quote_identifier(source->content));
	if (source->title != NULL)
		appendStringInfo(sql, "s.%s::pg_catalog.text AS title",
						 quote_identifier(source->title));
	else
		appendStringInfoString(sql, "NULL::pg_catalog.text AS title");
}

/* The words of title and content, for a source without a tsvector. */
static char *
parsed_words(const ContextSource *source)
{
	return psprintf("pg_catalog.to_tsvector('%u'::pg_catalog.regconfig, "
					"pg_catalog.concat_ws(' ', %s%s s.%s))",
					getTSCurrentConfig(true),
					source->title != NULL
						? psprintf("s.%s", quote_identifier(source->title))
						: "",
					source->title != NULL ? "," : "",
					quote_identifier(source->content));
}

/*
 * Columns: key, content, title, distance, words; nearest first. The rows are
 * chosen in a query of their own, so that words are parsed after LIMIT.
 */
static char *
vector_sql(const ContextSource *source, bool want_words)
{
	const char *words = "NULL::pg_catalog.tsvector";
	StringInfoData sql;

	if (want_words)
		words = source->tsvector != NULL
					? psprintf("s.%s", quote_identifier(source->tsvector))
					: parsed_words(source);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	put_columns(&sql, source);
	appendStringInfo(&sql,
					 ", s.\"intel distance\", %s "
					 "FROM (SELECT s.*, s.%s OPERATOR(intel.<=>) "
					 "($1::pg_catalog.float4[]::intel.vector) "
					 "AS \"intel distance\" FROM %s s "
					 "ORDER BY \"intel distance\" LIMIT $2) s",
					 words, quote_identifier(source->embedding),
					 source->relation);
	return sql.data;
}

/*
 * Columns as vector_sql, distance null; best first. Any word of the question
 * ($1, a tsvector) is enough: a question holds words that no answer has.
 */
static char *
text_sql(const ContextSource *source)
{
	const char *relation = source->relation;
	const char *words;
	StringInfoData sql;

	if (source->tsvector != NULL)
		words = psprintf("s.%s", quote_identifier(source->tsvector));
	else
	{
		/* OFFSET keeps three uses of the words from being three parses */
		words = "s.\"intel words\"";
		relation =
			psprintf("(SELECT s.*, %s AS \"intel words\" FROM %s s OFFSET 0)",
					 parsed_words(source), source->relation);
	}
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	put_columns(&sql, source);
	appendStringInfo(
		&sql,
		", NULL::pg_catalog.float8, %s FROM %s s, "
		"(SELECT pg_catalog.string_agg(pg_catalog.quote_literal(l), ' | ')"
		"::pg_catalog.tsquery "
		"FROM pg_catalog.unnest(pg_catalog.tsvector_to_array($1)) l) q(q) "
		"WHERE %s @@ q.q ORDER BY pg_catalog.ts_rank_cd(%s, q.q, 1) DESC "
		"LIMIT $2",
		words, relation, words, words);
	return sql.data;
}

/* ---- hits ---- */

typedef struct HitTable
{
	HTAB *by_row; /* RowEntry */
	ContextHit *hits;
	int n;
	int max;
} HitTable;

/*
 * What identifies a row: its key and its content. A key that is only a column
 * named id need not be unique, as in a view.
 */
typedef struct RowEntry
{
	uint64 hash;
	int hit;
} RowEntry;

static uint64
text_hash(const char *text, uint64 seed)
{
	return DatumGetUInt64(hash_any_extended((const unsigned char *) text,
											(int) strlen(text), seed));
}

static ContextHit *
add_hit(HitTable *table, const QueryResult *rows, uint64 row)
{
	char *key = query_text(rows, row, 0);
	char *content = query_text(rows, row, 1);
	uint64 hash = 0;
	RowEntry *entry;
	ContextHit *hit;
	bool found;

	if (content == NULL)
		return NULL;
	if (key != NULL)
		hash = text_hash(key, hash);
	hash = text_hash(content, hash);
	entry = hash_search(table->by_row, &hash, HASH_ENTER, &found);
	if (found)
		return &table->hits[entry->hit];
	Assert(table->n < table->max);
	entry->hit = table->n;
	hit = &table->hits[table->n++];
	memset(hit, 0, sizeof(*hit));
	hit->key = key;
	hit->content = content;
	hit->title = query_text(rows, row, 2);
	return hit;
}

/* Note the words of a hit, from column 4. */
static void
add_words(ContextHit *hit, const QueryResult *rows, uint64 row)
{
	bool isnull;
	Datum words = query_datum(rows, row, 4, &isnull);

	if (!isnull && hit->words == NULL)
		hit->words = DatumGetTSVector(words);
}

static void
add_vector_hits(HitTable *table, const QueryResult *rows)
{
	for (uint64 i = 0; i < rows->nrows; i++)
	{
		bool isnull;
		Datum distance = query_datum(rows, i, 3, &isnull);
		ContextHit *hit;

		/* rows without an embedding, or with zeros only, come last */
		if (isnull || isnan(DatumGetFloat8(distance)))
			break;
		hit = add_hit(table, rows, i);
		if (hit == NULL)
			continue;
		if (hit->vector_rank == 0)
			hit->vector_rank = (int) i + 1;
		hit->score = 1 - DatumGetFloat8(distance);
		add_words(hit, rows, i);
	}
}

static void
add_text_hits(HitTable *table, const QueryResult *rows)
{
	for (uint64 i = 0; i < rows->nrows; i++)
	{
		ContextHit *hit = add_hit(table, rows, i);

		if (hit != NULL)
			add_words(hit, rows, i);
	}
}

/* How often a text has a word. */
static int
word_count(const TSVectorData *text, const char *word, int len)
{
	TSVector words = unconstify(TSVectorData *, text);
	WordEntry *entries = ARRPTR(words);

	for (int i = 0; i < words->size; i++)
		if (entries[i].len == len &&
			memcmp(STRPTR(words) + entries[i].pos, word, len) == 0)
			return entries[i].haspos ? POSDATALEN(words, &entries[i]) : 1;
	return 0;
}

/* Give every hit its BM25 score among all hits. */
static void
score_text(HitTable *table, TSVector question)
{
	const double k1 = 1.2; /* how fast repetition stops to count */
	const double b = 0.75; /* how much length counts against a text */
	int *counts = palloc(sizeof(int) * (table->n + 1));
	double mean = 0;
	int texts = 0;

	for (int i = 0; i < table->n; i++)
	{
		if (table->hits[i].words == NULL)
			continue;
		mean += table->hits[i].words->size;
		texts++;
	}
	mean = texts > 0 && mean > 0 ? mean / texts : 1;

	for (int w = 0; w < question->size; w++)
	{
		WordEntry *entry = ARRPTR(question) + w;
		const char *word = STRPTR(question) + entry->pos;
		double weight;
		int having = 0;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < table->n; i++)
		{
			const TSVectorData *words = table->hits[i].words;

			counts[i] =
				words != NULL ? word_count(words, word, entry->len) : 0;
			having += counts[i] > 0;
		}
		weight = log(1 + (texts - having + 0.5) / (having + 0.5));
		for (int i = 0; i < table->n; i++)
		{
			ContextHit *hit = &table->hits[i];
			double length;

			if (counts[i] == 0)
				continue;
			length = 1 - b + b * hit->words->size / mean;
			hit->text_score +=
				weight * counts[i] * (k1 + 1) / (counts[i] + k1 * length);
		}
	}
	pfree(counts);
}

static int
by_text_score(const void *a, const void *b)
{
	const ContextHit *x = *(ContextHit *const *) a;
	const ContextHit *y = *(ContextHit *const *) b;

	if (x->text_score != y->text_score)
		return x->text_score > y->text_score ? -1 : 1;
	return x < y ? -1 : (x > y);
}

static int
by_score(const void *a, const void *b)
{
	const ContextHit *x = a;
	const ContextHit *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->text_score != y->text_score)
		return x->text_score > y->text_score ? -1 : 1;
	return x->vector_rank - y->vector_rank;
}

/* Number the hits that have any of the words, best text score first. */
static void
rank_by_text(HitTable *table)
{
	ContextHit **order = palloc(sizeof(ContextHit *) * (table->n + 1));

	for (int i = 0; i < table->n; i++)
		order[i] = &table->hits[i];
	qsort(order, table->n, sizeof(ContextHit *), by_text_score);
	for (int i = 0; i < table->n && order[i]->text_score > 0; i++)
		order[i]->text_rank = i + 1;
	pfree(order);
}

static void
fuse(HitTable *table, ContextMode mode)
{
	for (int i = 0; i < table->n; i++)
	{
		ContextHit *hit = &table->hits[i];

		if (mode == CONTEXT_TEXT)
			hit->score = hit->text_score;
		else if (mode == CONTEXT_HYBRID)
		{
			hit->score = 0;
			if (hit->vector_rank > 0)
				hit->score += 1.0 / (RRF_K + hit->vector_rank);
			if (hit->text_rank > 0)
				hit->score += 1.0 / (RRF_K + hit->text_rank);
		}
	}
	qsort(table->hits, table->n, sizeof(ContextHit), by_score);
}

/* Keep the first limit hits that say something new; returns how many. */
static int
drop_duplicates(HitTable *table, int limit)
{
	AnswerWords *words = palloc_extended(
		mul_size(sizeof(AnswerWords), Min(limit, table->n) + 1),
		MCXT_ALLOC_HUGE);
	int kept = 0;

	for (int i = 0; i < table->n && kept < limit; i++)
	{
		ContextHit *hit = &table->hits[i];
		bool same = false;

		CHECK_FOR_INTERRUPTS();
		answer_words(hit->content, strlen(hit->content), &words[kept]);
		for (int j = 0; j < kept && !same; j++)
			same = answer_similarity(&words[kept], &words[j]) >= SAME_TEXT ||
				   strcmp(hit->content, table->hits[j].content) == 0;
		if (!same)
			table->hits[kept++] = *hit;
	}
	pfree(words);
	return kept;
}

static void
check_dimensions(const ContextSource *source, const ArrayType *embedding)
{
	int dimensions;

	if (embedding == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("a search by vector needs an embedding")));
	dimensions = ArrayGetNItems(ARR_NDIM(embedding), ARR_DIMS(embedding));
	if (source->dimensions > 0 && dimensions != source->dimensions)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("embedding of the question has %d dimensions, but "
						"column \"%s\" has %d",
						dimensions, source->embedding, source->dimensions),
				 errhint("Name the model that filled the column with the "
						 "parameter embedding_model.")));
}

/* The words of the question, without stop words; none: NULL. */
static TSVector
question_words(const char *question)
{
	QueryArg arg = query_arg_text(question);
	QueryResult *found =
		context_query(psprintf("SELECT to_tsvector('%u'::regconfig, $1)",
							   getTSCurrentConfig(true)),
					  &arg, 1);
	bool isnull;
	TSVector words = DatumGetTSVector(query_datum(found, 0, 0, &isnull));

	return words->size > 0 ? words : NULL;
}

ContextHit *
context_retrieve(const ContextSource *source, const char *question,
				 const ArrayType *embedding, ContextMode mode, int limit,
				 int *nhits)
{
	TSVector words = mode != CONTEXT_VECTOR ? question_words(question) : NULL;
	bool text_arm =
		words != NULL && (mode == CONTEXT_TEXT || source->tsvector != NULL);
	int candidates = Max(limit * 4, MIN_CANDIDATES);
	HASHCTL control = {.keysize = sizeof(uint64),
					   .entrysize = sizeof(RowEntry),
					   .hcxt = CurrentMemoryContext};
	HitTable table;
	QueryArg args[2];

	args[1] = query_arg_int4(candidates);
	table.by_row = hash_create("intel context hits", candidates, &control,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	table.n = 0;
	table.max = 2 * candidates;
	table.hits = palloc(sizeof(ContextHit) * table.max);

	if (mode != CONTEXT_TEXT)
	{
		check_dimensions(source, embedding);
		args[0] =
			query_arg_datum(FLOAT4ARRAYOID, PointerGetDatum(embedding), false);
		add_vector_hits(
			&table, context_query(vector_sql(source, words != NULL), args, 2));
	}
	if (text_arm)
	{
		args[0] = query_arg_datum(TSVECTOROID, TSVectorGetDatum(words), false);
		add_text_hits(&table, context_query(text_sql(source), args, 2));
	}
	if (words != NULL)
	{
		score_text(&table, words);
		rank_by_text(&table);
	}
	fuse(&table, mode);
	*nhits = drop_duplicates(&table, limit);
	hash_destroy(table.by_row);
	return table.hits;
}

/* ---- the SQL function ---- */

static char *
text_arg(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

typedef struct SearchState
{
	ContextHit *hits;
	int n;
} SearchState;

static SearchState *
search_begin(FunctionCallInfo fcinfo)
{
	ContextColumns columns;
	ContextMode mode;
	ContextSource *source;
	SearchState *state = palloc(sizeof(SearchState));
	ArrayType *embedding = PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2);
	int k;

	for (int i = 0; i < 5; i++)
		if (PG_ARGISNULL(i) && i != 2)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("source, query, k and mode of a search "
								   "must not be null")));
	k = PG_GETARG_INT32(3);
	if (k < 1 || k > MAX_K)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("k of %d is out of range", k),
						errhint("It must be between 1 and %d.", MAX_K)));
	mode = context_mode(text_arg(fcinfo, 4));
	columns.content = text_arg(fcinfo, 5);
	columns.embedding = text_arg(fcinfo, 6);
	columns.title = text_arg(fcinfo, 7);
	source = context_source(PG_GETARG_OID(0), &columns, mode);
	state->hits = context_retrieve(source, text_arg(fcinfo, 1), embedding,
								   mode, k, &state->n);
	return state;
}

static Datum
search_row(FuncCallContext *funcctx, const ContextHit *hit)
{
	Datum values[6];
	bool nulls[6] = {false};

	nulls[0] = hit->key == NULL;
	if (hit->key != NULL)
		values[0] = DirectFunctionCall1(jsonb_in, CStringGetDatum(hit->key));
	nulls[1] = hit->title == NULL;
	if (hit->title != NULL)
		values[1] = CStringGetTextDatum(hit->title);
	values[2] = CStringGetTextDatum(hit->content);
	values[3] = Float4GetDatum((float4) hit->score);
	values[4] = Int32GetDatum(hit->vector_rank);
	nulls[4] = hit->vector_rank == 0;
	values[5] = Int32GetDatum(hit->text_rank);
	nulls[5] = hit->text_rank == 0;
	return HeapTupleGetDatum(
		heap_form_tuple(funcctx->tuple_desc, values, nulls));
}

Datum
intel__search(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	SearchState *state;
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
		funcctx->user_fctx = search_begin(fcinfo);
		MemoryContextSwitchTo(old);
	}
	funcctx = SRF_PERCALL_SETUP();
	state = funcctx->user_fctx;
	if (funcctx->call_cntr >= (uint64) state->n)
		SRF_RETURN_DONE(funcctx);
	row = search_row(funcctx, &state->hits[funcctx->call_cntr]);
	SRF_RETURN_NEXT(funcctx, row);
}
