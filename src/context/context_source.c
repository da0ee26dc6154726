/*-------------------------------------------------------------------------
 *
 * context_source.c
 *		What the catalog knows of a table or view: which columns hold its
 *		text, its embedding, its title, and what identifies a row.
 *
 * The catalog only says how to write the query. Whether the caller may read
 * the rows is decided when the query runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "context/context_int.h"

INTEL_FUNCTION(_vector_column);

ContextMode
context_mode(const char *name)
{
	if (strcmp(name, "vector") == 0)
		return CONTEXT_VECTOR;
	if (strcmp(name, "text") == 0)
		return CONTEXT_TEXT;
	if (strcmp(name, "hybrid") == 0)
		return CONTEXT_HYBRID;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unrecognized search mode \"%s\"", name),
					errhint("Modes are vector, text and hybrid.")));
}

static Oid
vector_type(void)
{
	return GetSysCacheOid2(
		TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("vector"),
		ObjectIdGetDatum(get_namespace_oid("intel", false)));
}

static bool
is_text_type(Oid type)
{
	type = getBaseType(type);
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

/* A column that the caller named; raises when there is none of its kind. */
static Form_pg_attribute
named_column(Relation rel, const char *name, bool is_embedding)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attisdropped || strcmp(NameStr(column->attname), name))
			continue;
		if (is_embedding ? column->atttypid != vector_type()
						 : !is_text_type(column->atttypid))
			ereport(
				ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation \"%s\" is not of type %s",
						name, RelationGetRelationName(rel),
						is_embedding ? "intel.vector" : "text")));
		return column;
	}
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("column \"%s\" of relation \"%s\" does not exist",
						   name, RelationGetRelationName(rel))));
}

/* The first of names that is a text column, or NULL. */
static char *
usual_column(Relation rel, const char *const *names)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (; *names != NULL; names++)
	{
		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute column = TupleDescAttr(desc, i);

			if (!column->attisdropped && is_text_type(column->atttypid) &&
				strcmp(NameStr(column->attname), *names) == 0)
				return pstrdup(*names);
		}
	}
	return NULL;
}

static bool
is_listed(const List *names, const char *name)
{
	const ListCell *cell;

	foreach (cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

static char *
names_joined(const List *names)
{
	StringInfoData joined;
	const ListCell *cell;

	initStringInfo(&joined);
	foreach (cell, names)
		appendStringInfo(&joined, "%s%s", joined.len > 0 ? ", " : "",
						 (char *) lfirst(cell));
	return joined.data;
}

/*
 * The text to read: the column of a usual name, else the only text column
 * that is neither key nor title.
 */
static char *
find_content(Relation rel, const ContextSource *source)
{
	static const char *const usual[] = {"content", "body", "text", "chunk",
										NULL};
	TupleDesc desc = RelationGetDescr(rel);
	char *name = usual_column(rel, usual);
	List *found = NIL;

	if (name != NULL)
		return name;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		name = NameStr(column->attname);
		if (!column->attisdropped && is_text_type(column->atttypid) &&
			!is_listed(source->key, name) &&
			(source->title == NULL || strcmp(name, source->title) != 0))
			found = lappend(found, pstrdup(name));
	}
	if (found == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
						errmsg("relation \"%s\" has no text column to search",
							   RelationGetRelationName(rel))));
	if (list_length(found) > 1)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
			 errmsg("relation \"%s\" has more than one text column",
					RelationGetRelationName(rel)),
			 errdetail("Text columns are: %s.", names_joined(found)),
			 errhint("Name one of them with the parameter content_column.")));
	return linitial(found);
}

/* Names of the columns of type intel.vector. */
static List *
vector_columns(Relation rel)
{
	TupleDesc desc = RelationGetDescr(rel);
	Oid type = vector_type();
	List *found = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped && column->atttypid == type)
			found = lappend(found, pstrdup(NameStr(column->attname)));
	}
	return found;
}

static void
find_embedding(Relation rel, ContextSource *source, const char *wanted)
{
	Form_pg_attribute column;

	if (wanted == NULL)
	{
		List *found = vector_columns(rel);

		if (found == NIL)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("relation \"%s\" has no column of type intel.vector",
						RelationGetRelationName(rel)),
				 errhint("Add one and fill it with intel.embed(), or search "
						 "with mode text.")));
		if (list_length(found) > 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					 errmsg("relation \"%s\" has more than one column of type "
							"intel.vector",
							RelationGetRelationName(rel)),
					 errdetail("Vector columns are: %s.", names_joined(found)),
					 errhint("Name one of them with the parameter "
							 "embedding_column.")));
		wanted = linitial(found);
	}
	column = named_column(rel, wanted, true);
	source->embedding = pstrdup(NameStr(column->attname));
	source->dimensions = column->atttypmod;
}

static char *
find_tsvector(Relation rel)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped && column->atttypid == TSVECTOROID)
			return pstrdup(NameStr(column->attname));
	}
	return NULL;
}

/* The primary key, else a column named id, else nothing. */
static List *
find_key(Relation rel)
{
	TupleDesc desc = RelationGetDescr(rel);
	Bitmapset *columns =
		RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	List *key = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped &&
			bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber,
						  columns))
			key = lappend(key, pstrdup(NameStr(column->attname)));
	}
	for (int i = 0; key == NIL && i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped &&
			strcmp(NameStr(column->attname), "id") == 0)
			key = list_make1(pstrdup("id"));
	}
	return key;
}

ContextSource *
context_source(Oid relid, const ContextColumns *columns, ContextMode mode)
{
	static const char *const usual_titles[] = {"title", "heading", NULL};
	ContextSource *source = palloc0(sizeof(ContextSource));
	Relation rel = try_relation_open(relid, AccessShareLock);

	if (rel == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("source relation does not exist"),
						errhint("It may have been dropped or renamed since "
								"the question was asked.")));
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			break;
		default:
			ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
							errmsg("\"%s\" is not a table or view",
								   RelationGetRelationName(rel))));
	}

	source->relid = relid;
	source->relation = quote_qualified_identifier(
		get_namespace_name(RelationGetNamespace(rel)),
		RelationGetRelationName(rel));
	source->dimensions = -1;
	source->key = find_key(rel);
	source->title =
		columns->title != NULL
			? pstrdup(
				  NameStr(named_column(rel, columns->title, false)->attname))
			: usual_column(rel, usual_titles);
	source->content =
		columns->content != NULL
			? pstrdup(
				  NameStr(named_column(rel, columns->content, false)->attname))
			: find_content(rel, source);
	source->tsvector = find_tsvector(rel);
	if (mode != CONTEXT_TEXT)
		find_embedding(rel, source, columns->embedding);
	relation_close(rel, AccessShareLock);
	return source;
}

/*
 * The only column of type intel.vector, as the catalogs have it now and not
 * as the snapshot does; NULL when there is none, or more than one.
 */
Datum
intel__vector_column(PG_FUNCTION_ARGS)
{
	Relation rel = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
	List *found;

	if (rel == NULL)
		PG_RETURN_NULL();
	found = vector_columns(rel);
	relation_close(rel, AccessShareLock);
	if (list_length(found) != 1)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(linitial(found)));
}
