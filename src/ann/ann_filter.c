/*-------------------------------------------------------------------------
 *
 * ann_filter.c
 *		Conditions on filter columns, as hashes that a search compares.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relscan.h"
#include "access/skey.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "ann/ann_int.h"

static void
add_hash(Relation index, AnnFilter *filter, Datum value)
{
	uint32 hash = ann_hash_key(index, filter->filter + 2, value);

	filter->hashes[filter->nhashes] = hash;
	filter->short_hashes[filter->nhashes++] = ann_short_key(hash);
}

static void
allocate_hashes(AnnFilter *filter, int n)
{
	filter->hashes = palloc(sizeof(uint32) * Max(n, 1));
	filter->short_hashes = palloc(sizeof(uint16) * Max(n, 1));
}

/* = ANY (array): nulls in the array match nothing. */
static void
add_array(Relation index, AnnFilter *filter, Datum value)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	int16 typlen;
	bool typbyval;
	char typalign;
	Datum *values;
	bool *nulls;
	int n;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &typlen, &typbyval, &typalign);
	deconstruct_array(array, ARR_ELEMTYPE(array), typlen, typbyval, typalign,
					  &values, &nulls, &n);
	allocate_hashes(filter, n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			add_hash(index, filter, values[i]);
}

AnnFilter *
ann_filters_read(IndexScanDesc scan, const AnnPlan *plan, int *count,
				 bool *impossible)
{
	int choices = ann_plan_choices(plan);
	AnnFilter *filters =
		palloc0(sizeof(AnnFilter) * (scan->numberOfKeys + choices + 1));
	AnnFilter *filter = filters;

	for (int i = 0; i < choices; i++, filter++)
	{
		AttrNumber column;
		Datum values;
		bool found = ann_plan_choice(plan, i, &column, &values);

		filter->filter = column - 2;
		if (found)
			add_array(scan->indexRelation, filter, values);
	}
	for (int i = 0; i < scan->numberOfKeys; i++, filter++)
	{
		ScanKey key = &scan->keyData[i];

		filter->filter = key->sk_attno - 2;
		if (key->sk_flags & SK_ISNULL)
			continue;
		if (key->sk_flags & SK_SEARCHARRAY)
			add_array(scan->indexRelation, filter, key->sk_argument);
		else
		{
			allocate_hashes(filter, 1);
			add_hash(scan->indexRelation, filter, key->sk_argument);
		}
	}
	*count = (int) (filter - filters);
	*impossible = false;
	for (int i = 0; i < *count; i++)
		*impossible |= filters[i].nhashes == 0;
	return filters;
}

/* Which of the entries in use pass all filters. */
uint32
ann_filters_match(const AnnFilter *filters, int count, const AnnBlock *block)
{
	uint32 mask = *block->used;

	for (int i = 0; i < count && mask != 0; i++)
	{
		const AnnFilter *filter = &filters[i];
		const uint32 *keys = block->keys + ANN_BLOCK * filter->filter;
		uint32 match = 0;

		for (int h = 0; h < filter->nhashes; h++)
			match |= ann_kernels->match(keys, filter->hashes[h]);
		mask &= match;
	}
	return mask;
}
