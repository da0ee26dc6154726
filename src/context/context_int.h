/*-------------------------------------------------------------------------
 *
 * context_int.h
 *		What the files of context share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_CONTEXT_CONTEXT_INT_H
#define INTEL_CONTEXT_CONTEXT_INT_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "tsearch/ts_type.h"
#include "utils/array.h"
#include "utils/jsonb.h"

#include "base/query.h"

/* ---- context_util.c ---- */

/*
 * Run a query as the caller would, but in a box: read only, with claims,
 * settings and role that it cannot change for anybody after it, and with the
 * search_path pg_catalog, intel, pg_temp.
 */
extern QueryResult *context_query(const char *sql, const QueryArg *args,
								  int nargs);

/*
 * Members of a JSON object. Absent and null give the default; a member of
 * another type raises 22023 (invalid_parameter_value).
 */
extern char *context_text_member(Jsonb *object, const char *key,
								 const char *if_none);
extern int context_int_member(Jsonb *object, const char *key, int if_none);
extern double context_number_member(Jsonb *object, const char *key,
									double if_none);
/* A member that is an object or array, or NULL; scalars give NULL too. */
extern Jsonb *context_json_member(Jsonb *object, const char *key);
/* Number of elements, and one of them as a Jsonb of its own. */
extern int context_array_length(Jsonb *array);
extern Jsonb *context_array_element(Jsonb *array, int i);

/* Append a JSON string, or null for NULL. */
extern void context_put_json(StringInfo out, const char *value);
/* The JSON text in out as jsonb. */
extern Jsonb *context_to_jsonb(StringInfo out);

/* ---- context_source.c ---- */

/* A table or view to retrieve from. Names are not quoted, but for relation. */
typedef struct ContextSource
{
	Oid relid;
	char *relation; /* qualified and quoted */
	char *content;
	char *title;	 /* NULL: none */
	char *tsvector;	 /* NULL: none */
	char *embedding; /* NULL: none */
	int dimensions;	 /* declared for embedding, or -1 */
	List *key;		 /* names of the columns that identify a row, or NIL */
} ContextSource;

/* What a caller chose; NULL means that the catalog decides. */
typedef struct ContextColumns
{
	char *content;
	char *embedding;
	char *title;
} ContextColumns;

typedef enum ContextMode
{
	CONTEXT_VECTOR,
	CONTEXT_TEXT,
	CONTEXT_HYBRID,
} ContextMode;

/* Raises 22023 for an unknown name. */
extern ContextMode context_mode(const char *name);

/*
 * Find out how to read a relation. Raises 42P01 when it is gone, 42809 when
 * it is no table or view, 42703 for columns that do not exist, 42P10 when
 * the catalog leaves more than one choice or none.
 */
extern ContextSource *context_source(Oid relid, const ContextColumns *columns,
									 ContextMode mode);

/* ---- context_search.c ---- */

typedef struct ContextHit
{
	char *key; /* JSON text, or NULL */
	char *title;
	char *content;
	double score;
	double text_score;
	TSVector words;	 /* NULL: not looked at */
	int vector_rank; /* from 1; 0: not found that way */
	int text_rank;
} ContextHit;

/*
 * The best rows for a question, best first, at most limit, near duplicates
 * left out. embedding is a real[] or NULL (mode text only). Runs as the
 * caller; palloc'd in the current context.
 */
extern ContextHit *context_retrieve(const ContextSource *source,
									const char *question,
									const ArrayType *embedding,
									ContextMode mode, int limit, int *nhits);

#endif /* INTEL_CONTEXT_CONTEXT_INT_H */
