/*-------------------------------------------------------------------------
 *
 * ann_reach.c
 *		How far a search must go for a wanted recall.
 *
 * Some queries have all neighbours in the list of the nearest centroid, others
 * have them in many. With the squared distances d of a query to the centroids,
 * d1 the least of them and dn that of a centroid some ranks behind, the reach
 * of a list is
 *
 *		(d - d1) / (dn - d1)^0.4
 *
 * and a search reads the lists up to some reach: few where one centroid is much
 * nearer than the others, many where none stands out. For the same recall this
 * takes between half and nine tenths of the entries that a fixed number of lists
 * does. Exponent and rank were chosen by measuring; the mean of all d in place
 * of dn, with an exponent of one half, takes a tenth more. Which reach gives
 * which recall is measured when an index is built, and anew when it has grown,
 * with rows of the index as queries.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "ann/ann_int.h"

/* dn: one of so many lists are before it, within bounds. */
#define RANK_PART 64
#define RANK_MIN 8
#define RANK_MAX 64
#define EXPONENT 0.4

/* Points of the curve that tells how many lists are within a reach. */
#define CURVE 64

static const double levels[ANN_LEVELS] = {0.50, 0.70,  0.80,  0.85,
										  0.90, 0.925, 0.95,  0.965,
										  0.98, 0.99,  0.995, 0.999};

struct AnnPlaces
{
	int nqueries;
	int lists;
	float *reach; /* ANN_PLACES for each query: of its neighbours' lists */
	int *count;	  /* how many of them there are */
	float *curve; /* CURVE for each query: reach of the list of that rank */
};

/* ---- measuring ---- */

uint32
ann_reach_rank(uint32 lists)
{
	uint32 rank = Min(Max(lists / RANK_PART, RANK_MIN), RANK_MAX);

	return Min(rank, lists - 1);
}

float
ann_reach_score(double reach, float lowest, float ranked)
{
	return lowest +
		   (float) (reach * pow(Max(ranked - lowest, 0.0f), EXPONENT));
}

/* The reach of a list; FLT_MAX where nothing is within any but the nearest. */
static float
reach_of(float score, float lowest, float ranked)
{
	double spread = pow(Max(ranked - lowest, 0.0f), EXPONENT);

	if (score <= lowest)
		return 0;
	return (float) Min((score - lowest) / Max(spread, FLT_MIN), FLT_MAX);
}

/* The rank from 0 on, of so many lists, of a point of the curve. */
static double
curve_rank(int lists, int point)
{
	return pow(lists, (double) point / (CURVE - 1)) - 1;
}

AnnPlaces *
ann_places_create(int nqueries, int lists)
{
	AnnPlaces *places = palloc(sizeof(AnnPlaces));

	places->nqueries = nqueries;
	places->lists = lists;
	places->reach = palloc0(sizeof(float) * ANN_PLACES * Max(nqueries, 1));
	places->count = palloc0(sizeof(int) * Max(nqueries, 1));
	places->curve = palloc0(sizeof(float) * CURVE * Max(nqueries, 1));
	return places;
}

static int
compare_floats(const void *a, const void *b)
{
	float x = *(const float *) a;
	float y = *(const float *) b;

	return (x > y) - (x < y);
}

void
ann_places_add(AnnPlaces *places, int query, float *score, const int32 *near,
			   int count)
{
	float *reach = places->reach + query * ANN_PLACES;
	float *curve = places->curve + query * CURVE;
	float at[ANN_PLACES];
	float lowest;
	float ranked;

	for (int i = 0; i < count; i++)
		at[i] = score[near[i]];
	qsort(score, places->lists, sizeof(float), compare_floats);
	lowest = score[0];
	ranked = score[ann_reach_rank((uint32) places->lists)];
	places->count[query] = count;
	for (int i = 0; i < count; i++)
		reach[i] = reach_of(at[i], lowest, ranked);
	for (int i = 0; i < CURVE; i++)
		curve[i] = reach_of(score[(int) (curve_rank(places->lists, i) + 0.5)],
							lowest, ranked);
	CHECK_FOR_INTERRUPTS();
}

/* Mean recall over the queries, less its standard error. */
static double
sure_recall(const AnnPlaces *places, int k, float upto)
{
	double sum = 0;
	double squares = 0;
	int n = 0;

	for (int q = 0; q < places->nqueries; q++)
	{
		const float *reach = places->reach + q * ANN_PLACES;
		int wanted = Min(places->count[q], k);
		int found = 0;
		double recall;

		if (wanted == 0)
			continue;
		for (int i = 0; i < wanted; i++)
			found += reach[i] <= upto;
		recall = (double) found / wanted;
		sum += recall;
		squares += recall * recall;
		n++;
	}
	if (n == 0)
		return 1;
	return sum / n - sqrt(Max(squares - sum * sum / n, 0)) / n;
}

/* The least reach for the recall of a level, of n that occur, in order. */
static float
find_reach(const AnnPlaces *places, const float *occurring, int n, int k,
		   double level)
{
	int low = 0;
	int high = n - 1;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (sure_recall(places, k, occurring[middle]) >= level)
			high = middle;
		else
			low = middle + 1;
	}
	return n == 0 ? 0 : occurring[high];
}

/* How many lists are within reach of a query, on average. */
static double
count_lists(const AnnPlaces *places, float upto)
{
	double lists = 0;

	for (int q = 0; q < places->nqueries; q++)
	{
		const float *curve = places->curve + q * CURVE;
		int i = 0;
		double below;
		double part = 0;

		while (i < CURVE && curve[i] <= upto)
			i++;
		if (i == CURVE)
		{
			lists += places->lists;
			continue;
		}
		below = i == 0 ? 0 : curve_rank(places->lists, i - 1);
		if (i > 0 && curve[i] > curve[i - 1])
			part = (upto - curve[i - 1]) / (curve[i] - curve[i - 1]);
		lists += below + 1 + part * (curve_rank(places->lists, i) - below);
	}
	return places->nqueries == 0 ? 1 : lists / places->nqueries;
}

static float
widened(float reach, double widen)
{
	return (float) Min(reach * widen, FLT_MAX);
}

void
ann_places_count(const AnnPlaces *places, double widen, AnnMeta *counts)
{
	int n = places->nqueries * ANN_PLACES;
	float *occurring = palloc(sizeof(float) * Max(n, 1));

	memcpy(occurring, places->reach, sizeof(float) * n);
	qsort(occurring, n, sizeof(float), compare_floats);
	for (int level = 0; level < ANN_LEVELS; level++)
	{
		float at10 = widened(
			find_reach(places, occurring, n, 10, levels[level]), widen);
		float at100 = widened(
			find_reach(places, occurring, n, ANN_PLACES, levels[level]),
			widen);

		CHECK_FOR_INTERRUPTS();
		counts->reach10[level] = at10;
		counts->reach100[level] = at100;
		counts->probes10[level] = (uint32) ceil(count_lists(places, at10));
		counts->probes100[level] = (uint32) ceil(count_lists(places, at100));
	}
	pfree(occurring);
}

/* ---- using what was measured ---- */

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

/* The level at or above a recall, and where below it the recall lies. */
static int
find_level(double recall, double *part)
{
	int i = 0;

	while (i < ANN_LEVELS - 1 && recall > levels[i])
		i++;
	*part = i == 0 || recall > levels[i]
				? 1
				: (recall - levels[i - 1]) / (levels[i] - levels[i - 1]);
	return i;
}

/* Lists for a wanted recall; beyond the last level all lists come in sight. */
static double
interpolate_probes(const AnnMeta *meta, const uint32 *probes, double recall)
{
	double part;
	int level = find_level(recall, &part);
	double above = probes[level];
	double below = level == 0 ? above : probes[level - 1];

	return ann_beyond_levels(recall, below + part * (above - below),
							 meta->lists);
}

static double
interpolate_reach(const float *reach, double recall)
{
	double part;
	int level = find_level(recall, &part);
	double below = level == 0 ? reach[level] : reach[level - 1];

	return below + part * (reach[level] - below);
}

double
ann_beyond_levels(double recall, double probes, double lists)
{
	double last = levels[ANN_LEVELS - 1];

	if (recall <= last)
		return probes;
	return probes + (lists - probes) * (recall - last) / (1 - last);
}

double
ann_growth(const AnnMeta *meta, double recall, double k)
{
	double miss = 1 - recall;
	double at10 = interpolate_probes(meta, meta->probes10,
									 1 - (1 - CODE_SHARE_10) * miss);
	double at100 = interpolate_probes(meta, meta->probes100,
									  1 - (1 - CODE_SHARE_100) * miss);
	/*
	 * Many more neighbours than were counted: grow a little faster. But where
	 * those are in many of the lists already, there are not so many left.
	 */
	double part = Min(at100 / Max(meta->lists, 1), 0.1);
	double power = log10(Max(at100, at10) / Max(at10, 1));

	power = Max(power - (power - 0.6) * 10 * part, 0.6);

	return k > ANN_PLACES ? pow(k / ANN_PLACES, power) : 1;
}

bool
ann_is_calibrated(const AnnMeta *meta)
{
	return meta->probes10[ANN_LEVELS - 1] > 0;
}

double
ann_reach(const AnnMeta *meta, double recall, double k)
{
	double miss = 1 - recall;
	double at10 =
		interpolate_reach(meta->reach10, 1 - (1 - CODE_SHARE_10) * miss);
	double at100 =
		interpolate_reach(meta->reach100, 1 - (1 - CODE_SHARE_100) * miss);

	return at10 +
		   Max(at100 - at10, 0) * log10(Min(Max(k, 10), ANN_PLACES) / 10);
}

double
ann_probes(const AnnMeta *meta, double recall, double k)
{
	double miss = 1 - recall;
	double at10;
	double at100;
	double probes;

	if (recall >= 1 || !ann_is_calibrated(meta))
		return meta->lists;
	at10 = Max(interpolate_probes(meta, meta->probes10,
								  1 - (1 - CODE_SHARE_10) * miss),
			   1);
	at100 = Max(interpolate_probes(meta, meta->probes100,
								   1 - (1 - CODE_SHARE_100) * miss),
				at10);
	probes = k <= ANN_PLACES ? at10 * pow(Max(k, 10) / 10, log10(at100 / at10))
							 : at100 * ann_growth(meta, recall, k);
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
