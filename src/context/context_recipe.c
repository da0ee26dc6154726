/*-------------------------------------------------------------------------
 *
 * context_recipe.c
 *		Recipes: contexts put together from queries, within a budget.
 *
 * A recipe is SQL that somebody stored, so it is treated as an attack would
 * be. It is run with the rights of the caller and no others, in the box of
 * context_query; it must be one SELECT when it is stored and again when it
 * is run; and it is only ever found under the caller's own identity, or when
 * an administrator has shared it. See README.md, "Recipes and trust".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "base/compat.h"
#include "context/context_answer.h"
#include "context/context_int.h"
#include "text/text.h"

#define MAX_SECTIONS 50
#define MAX_ITEMS 999 /* of all sections; numbers have at most three digits */
#define DEFAULT_LIMIT 50
#define MIN_BUDGET 1
#define MAX_BUDGET 10000000

INTEL_FUNCTION(_check_recipe);
INTEL_FUNCTION(assemble);

typedef enum Fate
{
	ITEM_OPEN,
	ITEM_IN,
	ITEM_DUPLICATE,
	ITEM_OVER_SHARE,
	ITEM_OVER_BUDGET,
} Fate;

typedef struct RecipeItem
{
	Jsonb *row;
	text *rendered; /* with the number MAX_ITEMS, the longest */
	int64 price;	/* in thousandths of a token */
	Fate fate;
} RecipeItem;

typedef struct RecipeSection
{
	char *name;
	char *query;
	char *item; /* template */
	int priority;
	double share;
	int limit;

	RecipeItem *items;
	int nitems;
	bool more;	/* the query has rows beyond limit */
	int64 used; /* price of items that are in */
} RecipeSection;

typedef struct Recipe
{
	char *template;
	int budget;
	RecipeSection *sections;
	int nsections;
} Recipe;

/* ---- reading a recipe ---- */

/* Turn the position of a syntax error into one within the stored query. */
static void
syntax_error_callback(void *query)
{
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(query);
	}
}

/* Raise unless the query is one plain SELECT. */
static void
check_query(const char *section, const char *query)
{
	ErrorContextCallback callback = {.callback = syntax_error_callback,
									 .arg = unconstify(char *, query),
									 .previous = error_context_stack};
	List *statements;
	Node *statement;

	error_context_stack = &callback;
	statements = raw_parser(query, RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;

	statement = list_length(statements) == 1
					? linitial_node(RawStmt, statements)->stmt
					: NULL;
	if (statement == NULL || !IsA(statement, SelectStmt) ||
		((SelectStmt *) statement)->intoClause != NULL ||
		((SelectStmt *) statement)->lockingClause != NIL)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("query of section \"%s\" is not a single SELECT", section),
			 errhint("A section reads; INTO and FOR UPDATE are not allowed "
					 "either.")));
}

static char *
needed_text(Jsonb *section, const char *key)
{
	char *value = context_text_member(section, key, NULL);

	if (value == NULL || *value == '\0')
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("section of a recipe has no %s", key),
			 errhint(
				 "A section is {\"name\", \"query\", \"item\", \"priority\", "
				 "\"share\", \"limit\"}; the first three are needed.")));
	return value;
}

static void
check_name(const RecipeSection *sections, int n, const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (name[len] != '\0' || len >= NAMEDATALEN || strcmp(name, "args") == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("name of section %d is not valid", n + 1),
						errhint("Use lower-case letters, digits and "
								"underscores; \"args\" is taken.")));
	for (int i = 0; i < n; i++)
		if (strcmp(sections[i].name, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("recipe has two sections named \"%s\"", name)));
}

static void
read_section(Jsonb *json, RecipeSection *sections, int i)
{
	RecipeSection *section = &sections[i];

	section->name = needed_text(json, "name");
	check_name(sections, i, section->name);
	section->query = needed_text(json, "query");
	check_query(section->name, section->query);
	section->item = needed_text(json, "item");
	text_check_template(section->item, strlen(section->item));
	section->priority = context_int_member(json, "priority", 0);
	section->share = context_number_member(json, "share", 1);
	if (!(section->share > 0 && section->share <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("share of section \"%s\" is out of range",
							   section->name),
						errhint("It must be more than 0 and at most 1.")));
	section->limit = context_int_member(json, "limit", DEFAULT_LIMIT);
	if (section->limit < 1 || section->limit > MAX_ITEMS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("limit of section \"%s\" is out of range",
							   section->name),
						errhint("It must be between 1 and %d.", MAX_ITEMS)));
}

static Recipe *
read_recipe(char *template, Jsonb *sections, int budget)
{
	Recipe *recipe = palloc0(sizeof(Recipe));
	int n = context_array_length(sections);

	if (n < 1 || n > MAX_SECTIONS)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("sections of a recipe must be an array of 1 to %d objects",
					MAX_SECTIONS)));
	if (budget < MIN_BUDGET || budget > MAX_BUDGET)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("budget of %d is out of range", budget),
						errhint("It must be between %d and %d tokens.",
								MIN_BUDGET, MAX_BUDGET)));
	text_check_template(template, strlen(template));
	recipe->template = template;
	recipe->budget = budget;
	recipe->sections = palloc0(sizeof(RecipeSection) * n);
	recipe->nsections = n;
	for (int i = 0; i < n; i++)
		read_section(context_array_element(sections, i), recipe->sections, i);
	return recipe;
}

/*
 * The recipe of this name that the caller may run. The condition stands here
 * as well as in the policies: a superuser passes by policies, and must not
 * run what somebody else has stored.
 */
static Recipe *
find_recipe(const char *name, int budget)
{
	QueryArg arg = query_arg_text(name);
	QueryResult *found =
		context_query("SELECT template, sections, budget FROM intel.recipe "
					  "WHERE name = $1 AND (shared OR owner = "
					  "quote_ident(current_user)::regrole "
					  "AND subject IS NOT DISTINCT FROM intel.subject() "
					  "AND tenant IS NOT DISTINCT FROM intel.tenant()) "
					  "ORDER BY shared DESC LIMIT 1",
					  &arg, 1);
	bool isnull;

	if (found->nrows == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("recipe \"%s\" does not exist", name),
						errhint("Recipes are seen by who created them, unless "
								"an administrator shares them.")));
	return read_recipe(query_text(found, 0, 0),
					   DatumGetJsonbP(query_datum(found, 0, 1, &isnull)),
					   budget > 0 ? budget : (int) query_int8(found, 0, 2, 0));
}

/* ---- running it ---- */

/* The rows of a section's query; none when limit is 0. */
static QueryResult *
run_query(const RecipeSection *section, Jsonb *args, int limit)
{
	QueryArg arg = query_arg_datum(JSONBOID, JsonbPGetDatum(args), false);
	char *sql =
		psprintf("SELECT pg_catalog.to_jsonb(s.*) FROM (\n%s\n) s LIMIT %d",
				 section->query, limit);

	return context_query(sql, &arg, 1);
}

/* The item's template over its row, the args and its number. */
static text *
render_item(const RecipeSection *section, Jsonb *row, Jsonb *args, int number)
{
	StringInfoData extra;
	StringInfoData out;
	Datum vars;

	initStringInfo(&extra);
	initStringInfo(&out);
	appendStringInfo(&extra, "{\"n\": %d, \"args\": ", number);
	(void) JsonbToCString(&extra, &args->root, VARSIZE(args));
	appendStringInfoChar(&extra, '}');
	vars = DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(row),
							   JsonbPGetDatum(context_to_jsonb(&extra)));
	text_render(&out, section->item, strlen(section->item),
				DatumGetJsonbP(vars));
	return cstring_to_text_with_len(out.data, out.len);
}

static int64
tokens_of(const char *p, size_t len)
{
	return text_tokens(text_family_default(), p, len, text_poll);
}

static void
read_items(RecipeSection *section, Jsonb *args)
{
	QueryResult *rows = run_query(section, args, section->limit + 1);

	section->more = rows->nrows > (uint64) section->limit;
	section->nitems = (int) Min(rows->nrows, (uint64) section->limit);
	section->items = palloc0(sizeof(RecipeItem) * (section->nitems + 1));
	for (int i = 0; i < section->nitems; i++)
	{
		RecipeItem *item = &section->items[i];
		bool isnull;

		item->row = DatumGetJsonbP(query_datum(rows, i, 0, &isnull));
		item->rendered = render_item(section, item->row, args, MAX_ITEMS);
		item->price =
			text_price(text_family_default(), VARDATA(item->rendered),
					   VARSIZE(item->rendered) - VARHDRSZ, text_poll);
		for (int j = 0; j < i && item->fate == ITEM_OPEN; j++)
			if (VARSIZE(section->items[j].rendered) ==
					VARSIZE(item->rendered) &&
				memcmp(section->items[j].rendered, item->rendered,
					   VARSIZE(item->rendered)) == 0)
				item->fate = ITEM_DUPLICATE;
	}
}

/* ---- rendering ---- */

/* The whole text with the items that are in; counts them from 1. */
static text *
render_all(const Recipe *recipe, Jsonb *args)
{
	StringInfoData vars;
	StringInfoData out;
	int number = 0;

	initStringInfo(&vars);
	initStringInfo(&out);
	appendStringInfoString(&vars, "{\"args\": ");
	(void) JsonbToCString(&vars, &args->root, VARSIZE(args));
	for (int i = 0; i < recipe->nsections; i++)
	{
		const RecipeSection *section = &recipe->sections[i];
		StringInfoData items;

		initStringInfo(&items);
		for (int j = 0; j < section->nitems; j++)
		{
			text *item;

			if (section->items[j].fate != ITEM_IN)
				continue;
			item = render_item(section, section->items[j].row, args, ++number);
			appendBinaryStringInfo(&items, VARDATA(item),
								   VARSIZE(item) - VARHDRSZ);
			pfree(item);
		}
		appendStringInfo(&vars, ", \"%s\": ", section->name);
		escape_json(&vars, items.data);
		pfree(items.data);
	}
	appendStringInfoChar(&vars, '}');
	text_render(&out, recipe->template, strlen(recipe->template),
				context_to_jsonb(&vars));
	return cstring_to_text_with_len(out.data, out.len);
}

/* ---- packing ---- */

/* Sections by falling priority; equal ones in their order. */
static int *
priority_order(const Recipe *recipe)
{
	int *order = palloc(sizeof(int) * recipe->nsections);

	for (int i = 0; i < recipe->nsections; i++)
	{
		int j = i;

		while (j > 0 && recipe->sections[order[j - 1]].priority <
							recipe->sections[i].priority)
		{
			order[j] = order[j - 1];
			j--;
		}
		order[j] = i;
	}
	return order;
}

/*
 * Let in what fits: every section within its share, by priority; then, into
 * what is left, also what only its share has kept out.
 */
static void
pack(Recipe *recipe, const int *order, int64 room)
{
	int64 left = room; /* thousandths of a token, as room */
	int count = 0;

	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < recipe->nsections; i++)
		{
			RecipeSection *section = &recipe->sections[order[i]];
			int64 share = pass == 0 ? (int64) (section->share * room) : room;

			for (int j = 0; j < section->nitems; j++)
			{
				RecipeItem *item = &section->items[j];

				if (item->fate == ITEM_IN || item->fate == ITEM_DUPLICATE)
					continue;
				if (item->price > left || count == MAX_ITEMS)
				{
					if (item->fate == ITEM_OPEN)
						item->fate = ITEM_OVER_BUDGET;
				}
				else if (section->used + item->price > share)
					item->fate = ITEM_OVER_SHARE;
				else
				{
					item->fate = ITEM_IN;
					section->used += item->price;
					left -= item->price;
					count++;
				}
			}
		}
	}
}

/*
 * Take out the last items of the least important sections until at least
 * a price of excess is gone. Returns false when there is none left.
 */
static bool
take_out(Recipe *recipe, const int *order, int64 excess)
{
	bool any = false;

	for (int i = recipe->nsections - 1; i >= 0 && excess > 0; i--)
	{
		RecipeSection *section = &recipe->sections[order[i]];

		for (int j = section->nitems - 1; j >= 0 && excess > 0; j--)
		{
			RecipeItem *item = &section->items[j];

			if (item->fate != ITEM_IN)
				continue;
			item->fate = ITEM_OVER_BUDGET;
			excess -= Max(item->price, 1);
			any = true;
		}
	}
	return any;
}

/*
 * Choose items and render. What is around them (headings of a section that
 * shows only when it has items, text used twice) is known only afterwards,
 * so the finished text is counted, and items taken out until it fits.
 */
static text *
assemble_recipe(Recipe *recipe, Jsonb *args, int64 *tokens)
{
	int *order = priority_order(recipe);
	text *content = render_all(recipe, args); /* no item is in */

	*tokens = tokens_of(VARDATA(content), VARSIZE(content) - VARHDRSZ);
	if (*tokens > recipe->budget)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("budget of %d tokens is too small for the recipe",
						recipe->budget),
				 errdetail("The template alone takes " INT64_FORMAT " tokens.",
						   *tokens)));
	for (int i = 0; i < recipe->nsections; i++)
		read_items(&recipe->sections[i], args);
	pack(recipe, order, (recipe->budget - *tokens) * TEXT_TOKEN);
	for (;;)
	{
		content = render_all(recipe, args);
		*tokens = tokens_of(VARDATA(content), VARSIZE(content) - VARHDRSZ);
		if (*tokens <= recipe->budget ||
			!take_out(recipe, order, (*tokens - recipe->budget) * TEXT_TOKEN))
			return content;
	}
}

/* ---- what is reported ---- */

static void
put_row_member(StringInfo out, Jsonb *row, const char *key)
{
	JsonbValue *value =
		getKeyJsonValueFromContainer(&row->root, key, (int) strlen(key), NULL);
	Jsonb *json;

	if (value == NULL)
	{
		appendStringInfoString(out, "null");
		return;
	}
	json = JsonbValueToJsonb(value);
	(void) JsonbToCString(out, &json->root, VARSIZE(json));
}

static Jsonb *
citations(const Recipe *recipe)
{
	StringInfoData out;
	int number = 0;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int i = 0; i < recipe->nsections; i++)
	{
		const RecipeSection *section = &recipe->sections[i];

		for (int j = 0; j < section->nitems; j++)
		{
			const RecipeItem *item = &section->items[j];

			if (item->fate != ITEM_IN)
				continue;
			appendStringInfo(
				&out,
				"%s{\"n\": %d, \"section\": \"%s\", \"tokens\": " INT64_FORMAT
				", \"source_key\": ",
				number > 0 ? ", " : "", number + 1, section->name,
				(item->price + TEXT_TOKEN - 1) / TEXT_TOKEN);
			number++;
			put_row_member(&out, item->row, "source_key");
			appendStringInfoString(&out, ", \"title\": ");
			put_row_member(&out, item->row, "title");
			appendStringInfoChar(&out, '}');
		}
	}
	appendStringInfoChar(&out, ']');
	return context_to_jsonb(&out);
}

static Jsonb *
omissions(const Recipe *recipe)
{
	static const struct
	{
		Fate fate;
		const char *reason;
	} reasons[] = {{ITEM_DUPLICATE, "duplicate"},
				   {ITEM_OVER_SHARE, "share"},
				   {ITEM_OVER_BUDGET, "budget"}};
	StringInfoData out;
	const char *separator = "[";

	initStringInfo(&out);
	for (int i = 0; i < recipe->nsections; i++)
	{
		const RecipeSection *section = &recipe->sections[i];

		for (size_t r = 0; r < lengthof(reasons); r++)
		{
			int count = 0;

			for (int j = 0; j < section->nitems; j++)
				count += section->items[j].fate == reasons[r].fate;
			if (count == 0)
				continue;
			appendStringInfo(
				&out,
				"%s{\"section\": \"%s\", \"reason\": \"%s\", \"count\": %d}",
				separator, section->name, reasons[r].reason, count);
			separator = ", ";
		}
		if (section->more)
		{
			appendStringInfo(&out,
							 "%s{\"section\": \"%s\", \"reason\": \"limit\", "
							 "\"count\": null}",
							 separator, section->name);
			separator = ", ";
		}
	}
	if (out.len == 0)
		appendStringInfoChar(&out, '[');
	appendStringInfoChar(&out, ']');
	return context_to_jsonb(&out);
}

/* ---- SQL functions ---- */

/* Raise for everything that is wrong with a recipe before it is stored. */
Datum
intel__check_recipe(PG_FUNCTION_ARGS)
{
	Recipe *recipe = read_recipe(text_to_cstring(PG_GETARG_TEXT_PP(0)),
								 PG_GETARG_JSONB_P(1), PG_GETARG_INT32(2));
	StringInfoData none;

	/* plan the queries, as the creator, without reading a row */
	initStringInfo(&none);
	appendStringInfoString(&none, "{}");
	for (int i = 0; i < recipe->nsections; i++)
		(void) run_query(&recipe->sections[i], context_to_jsonb(&none), 0);
	PG_RETURN_VOID();
}

Datum
intel_assemble(PG_FUNCTION_ARGS)
{
	Jsonb *args;
	int budget = 0;
	Recipe *recipe;
	text *content;
	int64 tokens;
	TupleDesc desc;
	Datum values[4];
	bool nulls[4] = {false};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("recipe and args must not be null")));
	args = PG_GETARG_JSONB_P(1);
	if (!JB_ROOT_IS_OBJECT(args))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("args of a recipe must be a JSON object")));
	if (!PG_ARGISNULL(2))
	{
		budget = PG_GETARG_INT32(2);
		if (budget < MIN_BUDGET || budget > MAX_BUDGET)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("budget of %d is out of range", budget),
							errhint("It must be between %d and %d tokens.",
									MIN_BUDGET, MAX_BUDGET)));
	}
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	recipe = find_recipe(text_to_cstring(PG_GETARG_TEXT_PP(0)), budget);
	content = assemble_recipe(recipe, args, &tokens);
	values[0] = PointerGetDatum(content);
	values[1] = Int32GetDatum((int32) tokens);
	values[2] = JsonbPGetDatum(citations(recipe));
	values[3] = JsonbPGetDatum(omissions(recipe));
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
