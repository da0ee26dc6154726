/*-------------------------------------------------------------------------
 *
 * ann_cache.c
 *		Metapage and centroids in backend memory.
 *
 * One for each index that the backend has used, counted by those who hold it.
 * The metapage's revision says whether lists were replaced since; then a new
 * one is made, for which only lists that are new are read. An invalidation of
 * the index, as when it is dropped, lets go of what was read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "ann/ann_int.h"

/* The current cache of each index, by the file it is for. */
typedef struct Current
{
	CompatLocator file;
	Oid relid;
	AnnCache *cache;
} Current;

static HTAB *currents = NULL;

/* ---- holding ---- */

static void
release(void *arg)
{
	AnnCache *cache = arg;

	if (--cache->holders == 0)
		MemoryContextDelete(cache->cxt);
}

/* Keep a cache until cxt is reset. */
static void
hold(AnnCache *cache, MemoryContext cxt)
{
	MemoryContextCallback *callback =
		MemoryContextAlloc(cxt, sizeof(MemoryContextCallback));

	callback->func = release;
	callback->arg = cache;
	cache->holders++;
	MemoryContextRegisterResetCallback(cxt, callback);
}

static void
forget(Current *current)
{
	AnnCache *cache = current->cache;

	(void) hash_search(currents, &current->file, HASH_REMOVE, NULL);
	release(cache);
}

/* The index, or any with InvalidOid, may be another now. */
static void
relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	Current *current;

	(void) arg;
	hash_seq_init(&status, currents);
	while ((current = hash_seq_search(&status)) != NULL)
		if (!OidIsValid(relid) || current->relid == relid)
			forget(current);
}

static void
init_currents(void)
{
	HASHCTL control = {.keysize = sizeof(CompatLocator),
					   .entrysize = sizeof(Current),
					   .hcxt = TopMemoryContext};

	if (currents != NULL)
		return;
	currents = hash_create("intel ann caches", 16, &control,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
}

/* ---- reading ---- */

/* A list that the cache had before, by its slot; -1: none. */
static int32 *
index_by_slot(const AnnCache *cache, uint32 slots)
{
	int32 *place = MemoryContextAllocHuge(
		CurrentMemoryContext, mul_size(sizeof(int32), Max(slots, 1)));

	memset(place, -1, sizeof(int32) * slots);
	for (uint32 i = 0; cache != NULL && i < cache->meta.lists; i++)
		if (cache->list[i].slot < slots)
			place[cache->list[i].slot] = (int32) i;
	return place;
}

/* An empty cache in a context of its own, below the current one. */
static AnnCache *
allocate_cache(const AnnMeta *meta)
{
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann cache", ALLOCSET_SMALL_SIZES);
	AnnLayout layout =
		ann_layout(meta->metric, meta->dim, meta->bits, meta->filters);
	Size lists = meta->lists;
	Size elements = mul_size(lists, layout.shape.full_dim);
	AnnCache *cache = MemoryContextAllocZero(cxt, sizeof(AnnCache));

	cache->cxt = cxt;
	cache->meta = *meta;
	cache->layout = layout;
	cache->list =
		MemoryContextAllocHuge(cxt, mul_size(lists, sizeof(AnnList)));
	cache->norm_squared =
		MemoryContextAllocHuge(cxt, mul_size(lists, sizeof(float)));
	cache->step = MemoryContextAllocHuge(cxt, mul_size(lists, sizeof(float)));
	cache->centroid =
		MemoryContextAllocHuge(cxt, mul_size(elements, sizeof(float)));
	cache->code = MemoryContextAllocHuge(cxt, elements);
	return cache;
}

/* Fill in the live lists; returns how many there are. */
static uint32
read_lists(Relation index, AnnCache *cache, const AnnCache *old)
{
	const AnnMeta *meta = &cache->meta;
	int dim = cache->layout.shape.full_dim;
	AnnListEntry *entries = MemoryContextAllocHuge(
		CurrentMemoryContext, mul_size(sizeof(AnnListEntry), meta->slots));
	int32 *place = index_by_slot(old, meta->slots);
	uint32 n = 0;

	ann_directory_read(index, meta, entries);
	for (uint32 slot = 0; slot < meta->slots; slot++)
	{
		const AnnListEntry *entry = &entries[slot];
		float *centroid = cache->centroid + (Size) n * dim;
		int32 at = place[slot];

		if (entry->state != ANN_LIST_LIVE)
			continue;
		if (n == meta->lists)
			return n + 1;
		cache->list[n] = (AnnList){
			.head = entry->head, .slot = slot, .stamp = entry->stamp};
		cache->norm_squared[n] = entry->norm_squared;
		if (at >= 0 && old->list[at].stamp == entry->stamp)
			memcpy(centroid, old->centroid + (Size) at * dim,
				   sizeof(float) * dim);
		else
			ann_centroid_read(index, entry, dim, centroid);
		cache->step[n] =
			ann_quantize(dim, centroid, cache->code + (Size) n * dim);
		n++;
		CHECK_FOR_INTERRUPTS();
	}
	return n;
}

/*
 * Read the directory, centroids of lists that the old cache does not have, and
 * the metapage again: when nothing changed meanwhile, all of it belongs
 * together. NULL when something did.
 */
static AnnCache *
load_cache(Relation index, const AnnMeta *meta, const AnnCache *old)
{
	AnnCache *cache = allocate_cache(meta);
	AnnMeta now;
	uint32 lists = read_lists(index, cache, old);

	ann_meta_read(index, &now);
	if (now.revision != meta->revision)
		return NULL;
	if (lists != meta->lists)
		ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
				errmsg("directory of index \"%s\" does not have as many "
					   "lists as the metapage says",
					   RelationGetRelationName(index)),
				errhint("Please REINDEX it."));
	return cache;
}

/* Put a cache in the place of the one that was current. */
static void
make_current(Relation index, AnnCache *cache)
{
	CompatLocator file = compat_locator(index);
	bool found;
	Current *current = hash_search(currents, &file, HASH_ENTER, &found);

	if (found)
		release(current->cache);
	current->relid = RelationGetRelid(index);
	current->cache = cache;
	cache->holders = 1;
	MemoryContextSetParent(cache->cxt, TopMemoryContext);
}

/* The cache that is current as far as the backend knows, or NULL. */
static AnnCache *
find_current(Relation index)
{
	CompatLocator file = compat_locator(index);
	Current *current = hash_search(currents, &file, HASH_FIND, NULL);

	return current == NULL ? NULL : current->cache;
}

/*
 * Read until a cache is as the metapage says. What is half read belongs to a
 * context that goes with an error, or here.
 */
static AnnCache *
refresh(Relation index, AnnMeta *meta)
{
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann cache load", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(cxt);
	AnnCache *old = find_current(index);
	AnnCache *cache;

	if (old != NULL)
		hold(old, cxt);
	while ((cache = load_cache(index, meta, old)) == NULL)
		ann_meta_read(index, meta);
	make_current(index, cache);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(cxt);
	return cache;
}

static AnnCache *
find_cache(Relation index)
{
	AnnMeta meta;
	AnnCache *cache;

	init_currents();
	ann_meta_read(index, &meta);
	cache = find_current(index);
	if (cache == NULL || cache->meta.revision != meta.revision)
		cache = refresh(index, &meta);
	return cache;
}

const AnnCache *
ann_cache(Relation index)
{
	return find_cache(index);
}

const AnnCache *
ann_cache_hold(Relation index, MemoryContext cxt)
{
	AnnCache *cache = find_cache(index);

	hold(cache, cxt);
	return cache;
}
