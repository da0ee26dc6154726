/*-------------------------------------------------------------------------
 *
 * ann_cache.c
 *		Metapage and centroids in backend memory.
 *
 * Centroids never change after a build, so they are read once and hang on
 * the relcache entry, in one chunk as it demands.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "ann/ann_int.h"

/* Reads the stream of words over the pages of centroids. */
typedef struct WordReader
{
	Relation index;
	const AnnMeta *meta;
	BlockNumber block;
	Buffer buffer;
	size_t at;
} WordReader;

static void
read_words(WordReader *reader, void *to, size_t words)
{
	while (words > 0)
	{
		size_t run;

		if (!BufferIsValid(reader->buffer))
		{
			if (reader->block >=
				reader->meta->centroid_start + reader->meta->centroid_pages)
				ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("centroids of index \"%s\" are incomplete",
							   RelationGetRelationName(reader->index)),
						errhint("Please REINDEX it."));
			reader->buffer =
				ann_page_read(reader->index, reader->block++,
							  ANN_PAGE_CENTROIDS, BUFFER_LOCK_SHARE);
			reader->at = 0;
		}
		run = Min(words, ANN_WORDS_PER_PAGE - reader->at);
		memcpy(to,
			   PageGetContents(BufferGetPage(reader->buffer)) + 4 * reader->at,
			   4 * run);
		to = (char *) to + 4 * run;
		words -= run;
		reader->at += run;
		if (reader->at == ANN_WORDS_PER_PAGE)
		{
			UnlockReleaseBuffer(reader->buffer);
			reader->buffer = InvalidBuffer;
		}
	}
}

const AnnCache *
ann_cache(Relation index)
{
	WordReader reader = {.index = index, .buffer = InvalidBuffer};
	AnnCache *cache = index->rd_amcache;
	AnnMeta meta;
	AnnLayout layout;
	Size lists;

	if (cache != NULL)
		return cache;
	ann_meta_read(index, &meta);
	layout = ann_layout(meta.metric, meta.dim, meta.filters);
	lists = meta.lists;
	cache = MemoryContextAllocHuge(
		index->rd_indexcxt,
		add_size(MAXALIGN(sizeof(AnnCache)),
				 mul_size(lists, 4 * ((Size) layout.shape.full_dim + 2))));
	cache->meta = meta;
	cache->layout = layout;
	cache->head =
		(BlockNumber *) ((char *) cache + MAXALIGN(sizeof(AnnCache)));
	cache->norm_squared = (float *) (cache->head + lists);
	cache->centroid = cache->norm_squared + lists;
	reader.meta = &meta;
	reader.block = meta.centroid_start;
	for (Size list = 0; list < lists; list++)
	{
		read_words(&reader, &cache->head[list], 1);
		read_words(&reader, &cache->norm_squared[list], 1);
		read_words(&reader, cache->centroid + list * layout.shape.full_dim,
				   layout.shape.full_dim);
	}
	if (BufferIsValid(reader.buffer))
		UnlockReleaseBuffer(reader.buffer);
	index->rd_amcache = cache;
	return cache;
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
