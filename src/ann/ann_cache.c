/*-------------------------------------------------------------------------
 *
 * ann_cache.c
 *		Metapage and centroids in backend memory.
 *
 * What is read hangs on the relcache entry. The metapage's revision says
 * whether lists were replaced since; then only those that are new are read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "ann/ann_int.h"

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

/* One chunk, as relcache demands. */
static AnnCache *
allocate_cache(Relation index, const AnnMeta *meta)
{
	AnnLayout layout = ann_layout(meta->metric, meta->dim, meta->filters);
	Size lists = meta->lists;
	AnnCache *cache = MemoryContextAllocHuge(
		index->rd_indexcxt,
		add_size(MAXALIGN(sizeof(AnnCache)),
				 mul_size(lists, sizeof(AnnList) +
									 4 * ((Size) layout.shape.full_dim + 1))));

	cache->meta = *meta;
	cache->layout = layout;
	cache->list = (AnnList *) ((char *) cache + MAXALIGN(sizeof(AnnCache)));
	cache->norm_squared = (float *) (cache->list + lists);
	cache->centroid = cache->norm_squared + lists;
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
		cache->norm_squared[n++] = entry->norm_squared;
		if (at >= 0 && old->list[at].stamp == entry->stamp)
			memcpy(centroid, old->centroid + (Size) at * dim,
				   sizeof(float) * dim);
		else
			ann_centroid_read(index, entry, dim, centroid);
		CHECK_FOR_INTERRUPTS();
	}
	pfree(entries);
	pfree(place);
	return n;
}

/*
 * Fill in a new cache and read the metapage again; frees it after an error.
 * Apart from its caller, whose variables a jump must not touch.
 */
static pg_noinline uint32
fill_cache(Relation index, AnnCache *cache, const AnnCache *old, AnnMeta *now)
{
	uint32 volatile lists = 0;

	PG_TRY();
	{
		lists = read_lists(index, cache, old);
		ann_meta_read(index, now);
	}
	PG_CATCH();
	{
		pfree(cache);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return lists;
}

/*
 * Read the directory, centroids of lists that the old cache does not have, and
 * the metapage again: when nothing changed meanwhile, all of it belongs
 * together. NULL when something did.
 */
static AnnCache *
load_cache(Relation index, const AnnMeta *meta, const AnnCache *old)
{
	AnnCache *cache = allocate_cache(index, meta);
	AnnMeta now;
	uint32 lists = fill_cache(index, cache, old, &now);

	if (now.revision == meta->revision && lists == meta->lists)
		return cache;
	pfree(cache);
	if (now.revision == meta->revision)
		ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
				errmsg("directory of index \"%s\" does not have as many "
					   "lists as the metapage says",
					   RelationGetRelationName(index)),
				errhint("Please REINDEX it."));
	return NULL;
}

const AnnCache *
ann_cache(Relation index)
{
	AnnMeta meta;

	for (;;)
	{
		AnnCache *old;
		AnnCache *cache;

		ann_meta_read(index, &meta);
		old = index->rd_amcache;
		if (old != NULL && old->meta.revision == meta.revision)
			return old;
		cache = load_cache(index, &meta, old);
		if (cache == NULL)
			continue;
		if (index->rd_amcache != NULL)
			pfree(index->rd_amcache);
		index->rd_amcache = cache;
		return cache;
	}
}

const double ann_levels[ANN_LEVELS] = {0.50, 0.70,	0.80, 0.85, 0.90,  0.925,
									   0.95, 0.965, 0.98, 0.99, 0.995, 0.999};

/* Lists for a wanted recall; beyond the last level all lists come in sight. */
static double
interpolate(const AnnMeta *meta, const uint32 *probes, double recall)
{
	double last = probes[ANN_LEVELS - 1];

	for (int i = 0; i < ANN_LEVELS; i++)
		if (recall <= ann_levels[i])
		{
			double part;

			if (i == 0)
				return probes[0];
			part = (recall - ann_levels[i - 1]) /
				   (ann_levels[i] - ann_levels[i - 1]);
			return probes[i - 1] + part * ((double) probes[i] - probes[i - 1]);
		}
	return last + (meta->lists - last) *
					  (recall - ann_levels[ANN_LEVELS - 1]) /
					  (1 - ann_levels[ANN_LEVELS - 1]);
}

/*
 * What may be missed is shared between lists that are not probed and sign
 * codes whose bound is too high. The latter is epsilon's matter: its part of
 * the misses is that of a normal distribution above epsilon, with which the
 * measured losses agree. The last of the neighbours wanted, which are most of
 * many, are lost oftener than the first.
 */
#define CODE_SHARE 0.36
#define CODE_SHARE_10 0.15
#define CODE_SHARE_100 0.42

/*
 * The counts for 10 and 100 neighbours give a power law for other k.
 */
double
ann_probes(const AnnMeta *meta, double recall, double k)
{
	double miss = 1 - recall;
	double at10;
	double at100;
	double power;
	double probes;

	if (recall >= 1 || meta->probes10[ANN_LEVELS - 1] == 0)
		return meta->lists;
	at10 = Max(
		interpolate(meta, meta->probes10, 1 - (1 - CODE_SHARE_10) * miss), 1);
	at100 = Max(
		interpolate(meta, meta->probes100, 1 - (1 - CODE_SHARE_100) * miss),
		at10);
	power = log10(at100 / at10);
	/* many more neighbours than were counted: grow a little faster */
	if (k > 100)
		power = Max(power, 0.6);
	probes = k <= 100 ? at10 * pow(Max(k, 10) / 10, power)
					  : at100 * pow(k / 100, power);
	return Min(ceil(probes), meta->lists);
}

/* The normal quantile of the codes' share of the misses. */
double
ann_epsilon(double recall)
{
	double tail = CODE_SHARE * Max(1 - recall, 1e-6);
	double t = sqrt(-2 * log(tail));

	/* Abramowitz and Stegun 26.2.23, good to 0.0005 */
	return t - (2.515517 + t * (0.802853 + t * 0.010328)) /
				   (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}
