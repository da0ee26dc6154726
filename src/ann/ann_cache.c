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

/* ---- lists ---- */

/* An array of so many more elements, with what was in it. */
static void *
widen(MemoryContext cxt, void *array, Size size, Size before, Size after)
{
	void *wider = MemoryContextAllocHuge(cxt, mul_size(size, after));

	if (array == NULL)
		return wider;
	memcpy(wider, array, size * before);
	pfree(array);
	return wider;
}

/* Make room for so many lists. */
static void
reserve(AnnCache *cache, Size lists)
{
	const AnnShape *shape = &cache->layout.shape;
	MemoryContext cxt = cache->cxt;
	Size before = cache->space;
	Size after = TYPEALIGN(ANN_BLOCK, Max(lists, before + before / 4));

	if (lists <= before)
		return;
	cache->list = widen(cxt, cache->list, sizeof(AnnList), before, after);
	cache->norm_squared =
		widen(cxt, cache->norm_squared, sizeof(float), before, after);
	cache->centroid = widen(cxt, cache->centroid,
							sizeof(float) * shape->full_dim, before, after);
	cache->code = widen(cxt, cache->code, shape->full_dim, before, after);
	cache->step = widen(cxt, cache->step, sizeof(float), before, after);
	cache->signs = widen(cxt, cache->signs, shape->sign_len, before, after);
	cache->add = widen(cxt, cache->add, sizeof(float), before, after);
	cache->scale = widen(cxt, cache->scale, sizeof(float), before, after);
	cache->error = widen(cxt, cache->error, sizeof(float), before, after);
	/* what lies beyond the last list is computed with, but never looked at */
	memset(cache->signs + shape->sign_len * before, 0,
		   shape->sign_len * (after - before));
	memset(cache->add + before, 0, sizeof(float) * (after - before));
	memset(cache->scale + before, 0, sizeof(float) * (after - before));
	memset(cache->error + before, 0, sizeof(float) * (after - before));
	cache->space = after;
}

/* The block of sign codes that a place is in. */
static uint8 *
sign_block(const AnnCache *cache, uint32 at)
{
	return cache->signs +
		   (Size) (at / ANN_BLOCK) * ANN_BLOCK * cache->layout.shape.sign_len;
}

/* Put a list, whose centroid is at its place, there. */
static void
put_list(AnnCache *cache, uint32 at, uint32 slot, const AnnListEntry *entry)
{
	const AnnShape *shape = &cache->layout.shape;
	int dim = shape->full_dim;
	const float *centroid = cache->centroid + (Size) at * dim;
	float *residual = palloc(sizeof(float) * dim);
	uint8 *signs = palloc(shape->sign_len);
	AnnSignFactors factors;

	cache->list[at] =
		(AnnList){.head = entry->head, .slot = slot, .stamp = entry->stamp};
	cache->norm_squared[at] = entry->norm_squared;
	cache->step[at] =
		ann_quantize(dim, centroid, cache->code + (Size) at * dim);
	for (int i = 0; i < dim; i++)
		residual[i] = centroid[i] - cache->middle[i];
	ann_encode_signs(shape, residual, cache->middle, signs, &factors);
	ann_block_put(shape, sign_block(cache, at), at % ANN_BLOCK, signs);
	cache->add[at] = factors.add;
	cache->scale[at] = factors.scale;
	cache->error[at] = factors.error;
	pfree(signs);
	pfree(residual);
}

/* Let a list have another place; scratch is for a sign code. */
static void
move_list(AnnCache *cache, uint32 from, uint32 to, uint8 *scratch)
{
	const AnnShape *shape = &cache->layout.shape;
	Size dim = shape->full_dim;

	if (from == to)
		return;
	cache->list[to] = cache->list[from];
	cache->norm_squared[to] = cache->norm_squared[from];
	memcpy(cache->centroid + to * dim, cache->centroid + from * dim,
		   sizeof(float) * dim);
	memcpy(cache->code + to * dim, cache->code + from * dim, dim);
	cache->step[to] = cache->step[from];
	ann_block_get(shape, sign_block(cache, from), from % ANN_BLOCK, scratch);
	ann_block_put(shape, sign_block(cache, to), to % ANN_BLOCK, scratch);
	cache->add[to] = cache->add[from];
	cache->scale[to] = cache->scale[from];
	cache->error[to] = cache->error[from];
}

/* ---- reading ---- */

/* A cache without lists in a context of its own, below the current one. */
static AnnCache *
create_cache(Relation index, const AnnMeta *meta)
{
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann cache", ALLOCSET_SMALL_SIZES);
	AnnCache *cache = MemoryContextAllocZero(cxt, sizeof(AnnCache));
	int dim;

	cache->cxt = cxt;
	cache->meta = *meta;
	cache->meta.lists = 0;
	cache->layout =
		ann_layout(meta->metric, meta->dim, meta->bits, meta->filters);
	dim = cache->layout.shape.full_dim;
	cache->middle = MemoryContextAlloc(cxt, sizeof(float) * dim);
	cache->keys = MemoryContextAllocZero(cxt, sizeof(AnnKeyChain));
	ann_middle_read(index, meta, dim, cache->middle);
	cache->middle_squared =
		ann_kernels->dot(dim, cache->middle, cache->middle);
	return cache;
}

static AnnCache *
copy_cache(Relation index, const AnnCache *old)
{
	AnnCache *cache = create_cache(index, &old->meta);
	const AnnShape *shape = &cache->layout.shape;
	Size lists = old->meta.lists;
	Size blocks = TYPEALIGN(ANN_BLOCK, lists);

	reserve(cache, lists);
	memcpy(cache->list, old->list, sizeof(AnnList) * lists);
	memcpy(cache->norm_squared, old->norm_squared, sizeof(float) * lists);
	memcpy(cache->centroid, old->centroid,
		   sizeof(float) * shape->full_dim * lists);
	memcpy(cache->code, old->code, shape->full_dim * lists);
	memcpy(cache->step, old->step, sizeof(float) * lists);
	memcpy(cache->signs, old->signs, shape->sign_len * blocks);
	memcpy(cache->add, old->add, sizeof(float) * lists);
	memcpy(cache->scale, old->scale, sizeof(float) * lists);
	memcpy(cache->error, old->error, sizeof(float) * lists);
	cache->meta.lists = old->meta.lists;
	return cache;
}

static void
report_count(Relation index)
{
	ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
			errmsg("directory of index \"%s\" does not have as many "
				   "lists as the metapage says",
				   RelationGetRelationName(index)),
			errhint("Please REINDEX it."));
}

/*
 * Which lists of the directory the cache has: at their places true in kept.
 * Others are read to places beyond its last one, where nobody looks. Returns
 * how many these are.
 */
static uint32
read_lists(Relation index, AnnCache *cache, const AnnMeta *meta, bool *kept)
{
	int dim = cache->layout.shape.full_dim;
	uint32 had = cache->meta.lists;
	uint32 fresh = 0;
	AnnListEntry *entries = MemoryContextAllocHuge(
		CurrentMemoryContext, mul_size(sizeof(AnnListEntry), meta->slots));
	int32 *place = MemoryContextAllocHuge(
		CurrentMemoryContext, mul_size(sizeof(int32), Max(meta->slots, 1)));

	memset(place, -1, sizeof(int32) * meta->slots);
	for (uint32 i = 0; i < had; i++)
		if (cache->list[i].slot < meta->slots)
			place[cache->list[i].slot] = (int32) i;
	ann_directory_read(index, meta, entries);
	for (uint32 slot = 0; slot < meta->slots; slot++)
	{
		const AnnListEntry *entry = &entries[slot];
		int32 at = place[slot];

		if (entry->state != ANN_LIST_LIVE)
			continue;
		if (at >= 0 && cache->list[at].stamp == entry->stamp)
		{
			kept[at] = true;
			continue;
		}
		reserve(cache, (Size) had + fresh + 1);
		ann_centroid_read(index, entry, dim,
						  cache->centroid + (Size) (had + fresh) * dim);
		put_list(cache, had + fresh++, slot, entry);
		CHECK_FOR_INTERRUPTS();
	}
	pfree(place);
	pfree(entries);
	return fresh;
}

/*
 * Put the last lists into the places of those that are gone, and count what
 * there is then. Nothing here can fail: it happens as a whole.
 */
static void
close_gaps(AnnCache *cache, const bool *kept, uint32 fresh, uint8 *scratch)
{
	uint32 had = cache->meta.lists;
	uint32 end = had + fresh;

	for (uint32 i = 0; i < end;)
	{
		if (i >= had || kept[i])
		{
			i++;
			continue;
		}
		end--;
		if (end >= had || kept[end])
			move_list(cache, end, i++, scratch);
	}
	cache->meta.lists = end;
}

/*
 * Read the directory, centroids of lists that the cache does not have, and
 * the metapage again: when nothing changed meanwhile, all of it belongs
 * together, and the cache becomes that. False, and no change, when something
 * did.
 */
static bool
update_cache(Relation index, AnnCache *cache, const AnnMeta *meta)
{
	bool *kept = palloc0(Max(cache->meta.lists, 1));
	uint8 *scratch = palloc(cache->layout.shape.sign_len);
	int32 *place = MemoryContextAllocHuge(
		cache->cxt, mul_size(sizeof(int32), Max(meta->slots, 1)));
	uint32 lists = read_lists(index, cache, meta, kept);
	uint32 fresh = lists;
	AnnMeta now;

	for (uint32 i = 0; i < cache->meta.lists; i++)
		lists += kept[i];
	ann_meta_read(index, &now);
	if (now.revision != meta->revision)
	{
		pfree(place);
		return false;
	}
	if (lists != meta->lists)
		report_count(index);
	close_gaps(cache, kept, fresh, scratch);
	cache->meta = *meta;
	if (cache->place != NULL)
		pfree(cache->place);
	cache->place = place;
	memset(place, -1, sizeof(int32) * meta->slots);
	for (uint32 i = 0; i < lists; i++)
		place[cache->list[i].slot] = (int32) i;
	return true;
}

/* Make a cache the current one, unless it is. */
static void
make_current(Relation index, AnnCache *cache)
{
	CompatLocator file = compat_locator(index);
	bool found;
	Current *current = hash_search(currents, &file, HASH_ENTER, &found);

	if (found && current->cache == cache)
		return;
	if (found)
		release(current->cache);
	current->relid = RelationGetRelid(index);
	current->cache = cache;
	cache->holders++;
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
 * Read until a cache is as the metapage says. One that only this backend's
 * next search would look at is changed in place, since each split of a list
 * comes here: most of it stays. What is half read belongs to a context that
 * goes with an error, or lies where nobody looks.
 */
static AnnCache *
refresh(Relation index, AnnMeta *meta)
{
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann cache load", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(cxt);
	AnnCache *old = find_current(index);
	AnnCache *cache;

	if (old == NULL)
		cache = create_cache(index, meta);
	else
	{
		bool alone = old->holders == 1;

		/* an invalidation may let go of it meanwhile */
		hold(old, cxt);
		cache = alone ? old : copy_cache(index, old);
	}
	while (!update_cache(index, cache, meta))
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

Buffer *
ann_cache_key_page(const AnnCache *cache, uint32 i, BlockNumber block)
{
	AnnKeyChain *keys = cache->keys;

	if (i == keys->space)
	{
		uint32 space = Max(2 * keys->space, 64);

		keys->block = widen(cache->cxt, keys->block, sizeof(BlockNumber),
							keys->space, space);
		keys->buffer = widen(cache->cxt, keys->buffer, sizeof(Buffer),
							 keys->space, space);
		keys->space = space;
	}
	if (i >= keys->count || keys->block[i] != block)
	{
		keys->block[i] = block;
		keys->buffer[i] = InvalidBuffer;
		keys->count = i + 1;
	}
	return &keys->buffer[i];
}
