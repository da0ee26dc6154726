/*-------------------------------------------------------------------------
 *
 * llm_catalog.c
 *		Models and providers, cached per backend.
 *
 * Embedding a million rows must not read the catalogue a million times. The
 * whole catalogue, which is small, is read at first use and kept until one of
 * its tables changes. A statement trigger on each table sends a relcache
 * invalidation for it; that reaches every backend when the change commits,
 * including those of standbys, and this backend at once, and it is taken back
 * with the transaction.
 *
 * Reading uses a catalog snapshot, which is always new: with the snapshot of
 * a repeatable read transaction, rows from before a REVOKE could enter the
 * cache after its invalidation and stay.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "llm/llm.h"
#include "llm/llm_address.h"
#include "llm/llm_catalog.h"
#include "llm/llm_secret.h"

INTEL_FUNCTION(_catalog_changed);
INTEL_FUNCTION(_provider_guard);

/* Column numbers of llm.sql; new columns go to the end. */
enum
{
	PROVIDER_NAME = 1,
	PROVIDER_KIND,
	PROVIDER_BASE_URL,
	PROVIDER_SECRET,
	PROVIDER_ENABLED,
	PROVIDER_TIMEOUT_MS,
	PROVIDER_MAX_CONCURRENCY,
	PROVIDER_ALLOW_PRIVATE_NETWORK,
	PROVIDER_REDACTION_POLICY,
	PROVIDER_CA_CERTIFICATE
};

enum
{
	MODEL_NAME = 1,
	MODEL_PROVIDER,
	MODEL_MODEL_ID,
	MODEL_TASK,
	MODEL_DIMENSIONS,
	MODEL_CONTEXT_WINDOW,
	MODEL_INPUT_PRICE,
	MODEL_OUTPUT_PRICE,
	MODEL_RPM,
	MODEL_TPM,
	MODEL_FALLBACK,
	MODEL_OPTIONS,
	MODEL_CACHED_PRICE
};

enum
{
	GRANT_MODEL = 1,
	GRANT_GRANTEE
};

/* Column numbers of llm_limit.sql. */
enum
{
	LIMIT_ID = 1,
	LIMIT_MODEL,
	LIMIT_ROLE,
	LIMIT_TENANT,
	LIMIT_FEATURE,
	LIMIT_PER,
	LIMIT_REQUESTS,
	LIMIT_TOKENS,
	LIMIT_PERIOD,
	LIMIT_CONCURRENCY,

	BUDGET_AMOUNT = LIMIT_REQUESTS,
	BUDGET_PERIOD
};

enum
{
	HOST_HOST = 1
};

enum
{
	TABLE_PROVIDER,
	TABLE_MODEL,
	TABLE_GRANT,
	TABLE_RATE_LIMIT,
	TABLE_BUDGET,
	TABLE_HOST,
	NTABLES
};

static const char *const table_names[NTABLES] = {
	"provider", "model", "model_grant", "rate_limit", "budget", "egress_host"};

typedef struct ProviderEntry
{
	char name[NAMEDATALEN]; /* hash key */
	LlmProvider provider;
} ProviderEntry;

/* The cache. Everything in it lives in cache_cxt. */
static MemoryContext cache_cxt = NULL;
static HTAB *models = NULL;
static LlmLimit *limits = NULL;
static int nlimits = 0;
static List *hosts = NIL; /* of char *: patterns of egress_host */
static bool cache_valid = false;
static uint64 generation = 0;
static Oid tables[NTABLES];

/* Only sets a flag: the entry may be in use by the caller's caller. */
static void
invalidate(Datum arg pg_attribute_unused(), Oid relid)
{
	for (int i = 0; i < NTABLES; i++)
	{
		if (relid == InvalidOid || relid == tables[i])
			cache_valid = false;
	}
}

static char *
copy_text(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static int
get_int4(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

static bool
get_bool(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = heap_getattr(tuple, column, desc, &isnull);

	return !isnull && DatumGetBool(value);
}

static Numeric
copy_numeric(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? NULL : DatumGetNumericCopy(value);
}

/* Store text in a hash key; the CHECKs of llm.sql keep names short. */
static char *
get_name(HeapTuple tuple, TupleDesc desc, int column, char *name)
{
	char *text = copy_text(tuple, desc, column);

	strlcpy(name, text, NAMEDATALEN);
	pfree(text);
	return name;
}

static HTAB *
create_hash(const char *title, Size entry_size)
{
	HASHCTL ctl;

	ctl.keysize = NAMEDATALEN;
	ctl.entrysize = entry_size;
	ctl.hcxt = cache_cxt;
	return hash_create(title, 32, &ctl,
					   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static void
add_provider(HTAB *providers, HeapTuple tuple, TupleDesc desc)
{
	char name[NAMEDATALEN];
	char *kind = copy_text(tuple, desc, PROVIDER_KIND);
	ProviderEntry *entry;
	LlmProvider *provider;

	entry = hash_search(providers, get_name(tuple, desc, PROVIDER_NAME, name),
						HASH_ENTER, NULL);
	provider = &entry->provider;
	provider->name = entry->name;
	provider->kind = llm_kind_find(kind);
	provider->base_url = copy_text(tuple, desc, PROVIDER_BASE_URL);
	provider->secret = copy_text(tuple, desc, PROVIDER_SECRET);
	provider->enabled = get_bool(tuple, desc, PROVIDER_ENABLED);
	provider->timeout_ms = get_int4(tuple, desc, PROVIDER_TIMEOUT_MS);
	provider->max_concurrency =
		get_int4(tuple, desc, PROVIDER_MAX_CONCURRENCY);
	provider->allow_private_network =
		get_bool(tuple, desc, PROVIDER_ALLOW_PRIVATE_NETWORK);
	provider->redaction_policy =
		copy_text(tuple, desc, PROVIDER_REDACTION_POLICY);
	provider->ca_certificate = copy_text(tuple, desc, PROVIDER_CA_CERTIFICATE);
	pfree(kind);
}

static void
add_model(HTAB *providers, HeapTuple tuple, TupleDesc desc)
{
	char name[NAMEDATALEN];
	char *task = copy_text(tuple, desc, MODEL_TASK);
	ProviderEntry *provider;
	LlmModel *model;
	bool isnull;

	provider =
		hash_search(providers, get_name(tuple, desc, MODEL_PROVIDER, name),
					HASH_FIND, NULL);
	if (provider == NULL || provider->provider.kind == NULL)
		return; /* cannot be: foreign key and CHECK */

	model = hash_search(models, get_name(tuple, desc, MODEL_NAME, name),
						HASH_ENTER, NULL);
	model->provider = &provider->provider;
	model->model_id = copy_text(tuple, desc, MODEL_MODEL_ID);
	strlcpy(model->task, task, sizeof(model->task));
	model->dimensions = get_int4(tuple, desc, MODEL_DIMENSIONS);
	model->options =
		DatumGetJsonbPCopy(heap_getattr(tuple, MODEL_OPTIONS, desc, &isnull));
	model->fallback = copy_text(tuple, desc, MODEL_FALLBACK);
	model->rpm = get_int4(tuple, desc, MODEL_RPM);
	model->tpm = get_int4(tuple, desc, MODEL_TPM);
	model->input_price = copy_numeric(tuple, desc, MODEL_INPUT_PRICE);
	model->cached_price = copy_numeric(tuple, desc, MODEL_CACHED_PRICE);
	model->output_price = copy_numeric(tuple, desc, MODEL_OUTPUT_PRICE);
	model->ngrantees = 0;
	model->grantees = NULL;
	pfree(task);
}

static void
add_grant(HeapTuple tuple, TupleDesc desc)
{
	char name[NAMEDATALEN];
	bool isnull;
	LlmModel *model = hash_search(
		models, get_name(tuple, desc, GRANT_MODEL, name), HASH_FIND, NULL);
	Size size;

	if (model == NULL)
		return;
	size = mul_size(sizeof(Oid), model->ngrantees + 1);
	model->grantees = model->grantees == NULL
						  ? palloc(size)
						  : repalloc(model->grantees, size);
	model->grantees[model->ngrantees++] =
		DatumGetObjectId(heap_getattr(tuple, GRANT_GRANTEE, desc, &isnull));
}

static int
per_bits(HeapTuple tuple, TupleDesc desc)
{
	static const char *const names[] = {"model", "role", "tenant", "subject",
										"feature"};
	bool isnull;
	ArrayType *array =
		DatumGetArrayTypeP(heap_getattr(tuple, LIMIT_PER, desc, &isnull));
	Datum *words;
	int n;
	int bits = 0;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &words, NULL,
					  &n);
	for (int i = 0; i < n; i++)
	{
		char *word = TextDatumGetCString(words[i]);

		for (int j = 0; j < (int) lengthof(names); j++)
			bits |= strcmp(word, names[j]) == 0 ? 1 << j : 0;
	}
	return bits;
}

static int64
interval_ms(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Interval *value =
		DatumGetIntervalP(heap_getattr(tuple, column, desc, &isnull));

	return (value->time + (int64) value->day * USECS_PER_DAY) / 1000;
}

static int64
money(HeapTuple tuple, TupleDesc desc, int column)
{
	Numeric amount = copy_numeric(tuple, desc, column);
	Datum units =
		DirectFunctionCall2(numeric_mul, NumericGetDatum(amount),
							NumericGetDatum(int64_to_numeric(1000000000)));

	return DatumGetInt64(DirectFunctionCall1(
		numeric_int8, DirectFunctionCall1(numeric_floor, units)));
}

static void
add_limit(HeapTuple tuple, TupleDesc desc, bool is_budget)
{
	LlmLimit *limit;
	bool isnull;
	Datum value;

	limits = limits == NULL
				 ? palloc(sizeof(LlmLimit))
				 : repalloc(limits, mul_size(sizeof(LlmLimit), nlimits + 1));
	limit = &limits[nlimits];
	memset(limit, 0, sizeof(*limit));
	limit->id = get_int4(tuple, desc, LIMIT_ID);
	limit->is_budget = is_budget;
	limit->model = copy_text(tuple, desc, LIMIT_MODEL);
	limit->tenant = copy_text(tuple, desc, LIMIT_TENANT);
	limit->feature = copy_text(tuple, desc, LIMIT_FEATURE);
	value = heap_getattr(tuple, LIMIT_ROLE, desc, &isnull);
	limit->role = isnull ? InvalidOid : DatumGetObjectId(value);
	limit->per = per_bits(tuple, desc);
	if (is_budget)
	{
		char *period = copy_text(tuple, desc, BUDGET_PERIOD);

		limit->amount = money(tuple, desc, BUDGET_AMOUNT);
		limit->monthly = strcmp(period, "month") == 0;
	}
	else
	{
		value = heap_getattr(tuple, LIMIT_TOKENS, desc, &isnull);
		limit->tokens = isnull ? 0 : DatumGetInt64(value);
		limit->requests = get_int4(tuple, desc, LIMIT_REQUESTS);
		limit->concurrency = get_int4(tuple, desc, LIMIT_CONCURRENCY);
		limit->period_ms = interval_ms(tuple, desc, LIMIT_PERIOD);
	}
	nlimits++;
}

/* Call the add function of table i for each of its rows. */
static void
read_table(int i, HTAB *providers)
{
	Relation rel = table_open(tables[i], AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	/* registered, so that long values can be fetched from the toast table */
	Snapshot snapshot =
		RegisterSnapshot(GetCatalogSnapshot(RelationGetRelid(rel)));
	SysScanDesc scan =
		systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (i == TABLE_PROVIDER)
			add_provider(providers, tuple, desc);
		else if (i == TABLE_MODEL)
			add_model(providers, tuple, desc);
		else if (i == TABLE_GRANT)
			add_grant(tuple, desc);
		else if (i == TABLE_HOST)
			hosts = lappend(hosts, copy_text(tuple, desc, HOST_HOST));
		else
			add_limit(tuple, desc, i == TABLE_BUDGET);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
}

static void
load(void)
{
	static bool registered = false;
	Oid schema = get_namespace_oid("intel", false);
	MemoryContext old;
	HTAB *providers;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
		registered = true;
	}
	if (cache_cxt != NULL)
		MemoryContextDelete(cache_cxt);
	cache_cxt = AllocSetContextCreate(TopMemoryContext, "intel llm catalogue",
									  ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(cache_cxt);
	hosts = NIL;
	models = create_hash("intel models", sizeof(LlmModel));
	limits = NULL;
	nlimits = 0;
	providers = create_hash("intel providers", sizeof(ProviderEntry));

	for (int i = 0; i < NTABLES; i++)
	{
		tables[i] = get_relname_relid(table_names[i], schema);
		if (!OidIsValid(tables[i]))
			ereport(
				ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"intel.%s\" does not exist", table_names[i]),
				 errhint("Use CREATE EXTENSION to install intel.")));
	}

	/*
	 * An invalidation that arrives while the tables are read (each open
	 * accepts them) makes the result stale before it is complete: the flag
	 * goes up first, so that the message can take it down.
	 */
	cache_valid = true;
	generation++;
	for (int i = 0; i < NTABLES; i++)
		read_table(i, providers);
	MemoryContextSwitchTo(old);
}

uint64
llm_catalog_generation(void)
{
	return generation;
}

static bool
is_granted(const LlmModel *model)
{
	Oid user = GetUserId();

	for (int i = 0; i < model->ngrantees; i++)
	{
		if (!OidIsValid(model->grantees[i]) ||
			has_privs_of_role(user, model->grantees[i]))
			return true;
	}
	return superuser_arg(user);
}

/* Make the cache valid, or leave it invalid. */
static void
ensure_loaded(void)
{
	/* like every look-up in a cache: hear of changes first */
	AcceptInvalidationMessages();
	if (cache_valid)
		return;
	PG_TRY();
	{
		load();
	}
	PG_CATCH();
	{
		cache_valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* Whether it could be a name of intel.model; all else may be text of a user. */
static bool
is_model_name(const char *name)
{
	static const char *const letters =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t len = strlen(name);

	return len > 0 && len < NAMEDATALEN && strspn(name, letters) > 0 &&
		   strspn(name, psprintf("%s_.:/-", letters)) == len;
}

const LlmModel *
llm_catalog_model(const char *name)
{
	LlmModel *model = NULL;
	char key[NAMEDATALEN];

	ensure_loaded();
	if (strlcpy(key, name, NAMEDATALEN) < NAMEDATALEN)
		model = hash_search(models, key, HASH_FIND, NULL);
	if (model == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						is_model_name(name)
							? errmsg("model \"%s\" does not exist", name)
							: errmsg("model of this name does not exist"),
						errhint("Models are in the table intel.model.")));
	if (!is_granted(model))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for model \"%s\"", model->name),
				 errhint("Models are granted in the table "
						 "intel.model_grant.")));
	return model;
}

int
llm_catalog_limits(const LlmLimit **rows)
{
	ensure_loaded();
	*rows = limits;
	return nlimits;
}

static bool
gives_same_vectors(const LlmModel *a, const LlmModel *b)
{
	return strcmp(a->model_id, b->model_id) == 0 &&
		   a->dimensions == b->dimensions &&
		   compareJsonbContainers(&a->options->root, &b->options->root) == 0;
}

char *
llm_catalog_fallback(const char *name, bool same_vectors)
{
	const LlmModel *model;
	const LlmModel *next;

	ensure_loaded();
	model = hash_search(models, name, HASH_FIND, NULL);
	if (model == NULL || model->fallback == NULL)
		return NULL;
	next = hash_search(models, model->fallback, HASH_FIND, NULL);
	if (next == NULL || !is_granted(next) ||
		(same_vectors && !gives_same_vectors(model, next)))
		return NULL;
	return pstrdup(next->name);
}

/* texts and bytes of a request of a kind that says nothing */
#define MAX_TEXTS 1024
#define MAX_TEXT_BYTES 4000000

/* What one request may have; 0: not known. */
typedef struct RequestLimits
{
	int texts;
	int text_bytes;
	int documents;
} RequestLimits;

static void
lower_limit(int *limit, int other)
{
	if (other > 0 && (*limit == 0 || other < *limit))
		*limit = other;
}

/* The least of what the kinds of a chain take. */
static RequestLimits
limits_of_chain(const char *name)
{
	RequestLimits least = {0};

	ensure_loaded();
	for (int i = 0; name != NULL && i < LLM_MAX_HOPS; i++)
	{
		const LlmModel *model = hash_search(models, name, HASH_FIND, NULL);

		if (model == NULL)
			break;
		lower_limit(&least.texts, model->provider->kind->max_texts);
		lower_limit(&least.text_bytes, model->provider->kind->max_text_bytes);
		lower_limit(&least.documents, model->provider->kind->max_documents);
		name = model->fallback;
	}
	return least;
}

void
llm_embed_limits(const char *model, int *texts, int *bytes)
{
	RequestLimits least =
		limits_of_chain(model != NULL ? model : guc_default_embedding_model);

	*texts = least.texts > 0 ? least.texts : MAX_TEXTS;
	*bytes = least.text_bytes > 0 ? least.text_bytes : MAX_TEXT_BYTES;
}

/* What the service does at its own address, servers like it need not do. */
const char *
llm_embed_refuses_empty(const char *model)
{
	const LlmModel *found;
	const LlmKind *kind;

	ensure_loaded();
	found = hash_search(models, model, HASH_FIND, NULL);
	if (found == NULL)
		return NULL;
	kind = found->provider->kind;
	return kind->refuses_empty && (found->provider->base_url == NULL ||
								   kind->base_url == NULL)
			   ? pstrdup(found->provider->name)
			   : NULL;
}

int
llm_rerank_limit(const char *model)
{
	return limits_of_chain(model != NULL ? model : guc_default_rerank_model)
		.documents;
}

bool
llm_catalog_host_allowed(const char *url)
{
	ListCell *lc;

	ensure_loaded();
	foreach (lc, hosts)
	{
		if (llm_address_host_matches(url, lfirst(lc)))
			return true;
	}
	return hosts == NIL;
}

/* Statement trigger on each table of the catalogue. */
Datum
intel__catalog_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function \"%s\" was not called by a trigger",
							   "_catalog_changed")));
	CacheInvalidateRelcache(trigger->tg_relation);
	return PointerGetDatum(NULL);
}

static bool
same_text(HeapTuple a, HeapTuple b, TupleDesc desc, int column)
{
	char *x = copy_text(a, desc, column);
	char *y = copy_text(b, desc, column);

	if (x == NULL || y == NULL)
		return x == y;
	return strcmp(x, y) == 0;
}

/* A key that was put where its name belongs must not get into the log. */
static void
check_secret(const char *secret)
{
	if (secret != NULL && !llm_secret_is_reference(secret))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("column \"secret\" of a provider is no reference"),
				 errhint("Write \"env:NAME\", \"file:NAME\" or "
						 "\"vault:NAME\"; a key itself does not belong into "
						 "a table. If this was a key, it may be in the "
						 "server's log now.")));
	if (secret != NULL && llm_secret_is_vault(secret))
		llm_secret_check_vault();
}

/*
 * BEFORE INSERT OR UPDATE row trigger on provider. A key belongs to the place
 * it was given for: whoever moves the provider elsewhere has to name the key
 * again, so that a changed address alone (or other certificates to trust), by
 * mistake or by somebody who may update only that column, never carries a key
 * to another host.
 */
Datum
intel__provider_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	HeapTuple before;
	HeapTuple after;
	TupleDesc desc;
	bool moved;
	bool named; /* the statement sets the secret, or has set it */

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by a row trigger",
						"_provider_guard")));
	desc = RelationGetDescr(trigger->tg_relation);
	before = trigger->tg_trigtuple;
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
	{
		check_secret(copy_text(before, desc, PROVIDER_SECRET));
		return PointerGetDatum(before);
	}
	after = trigger->tg_newtuple;
	named = bms_is_member(PROVIDER_SECRET - FirstLowInvalidHeapAttributeNumber,
						  trigger->tg_updatedcols);
	if (named || !same_text(before, after, desc, PROVIDER_SECRET))
		check_secret(copy_text(after, desc, PROVIDER_SECRET));

	moved = !same_text(before, after, desc, PROVIDER_BASE_URL) ||
			!same_text(before, after, desc, PROVIDER_KIND) ||
			!same_text(before, after, desc, PROVIDER_CA_CERTIFICATE);
	if (moved && copy_text(before, desc, PROVIDER_SECRET) != NULL &&
		copy_text(after, desc, PROVIDER_SECRET) != NULL && !named)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot move a provider together with its secret"),
				 errhint("Set \"secret\" in the same UPDATE, to the same "
						 "reference if the new place shall have the key.")));
	return PointerGetDatum(after);
}
