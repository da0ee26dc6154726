/*-------------------------------------------------------------------------
 *
 * ann_build_rows.c
 *		The second half of a build: every row, neighbours, writing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "ann/ann_build.h"
#include "base/wait_point.h"

/* An entry on its way through the sort; codes follow. */
typedef struct SortedEntry
{
	AnnEntry entry;
	uint8 codes[FLEXIBLE_ARRAY_MEMBER];
} SortedEntry;

/* ---- calibration ---- */

static void
keep_neighbour(AnnNeighbours *found, int query, float distance, int32 list)
{
	AnnNeighbour *kept = found->near + query * ANN_BUILD_KEEP;
	int at = found->count[query];

	if (at == ANN_BUILD_KEEP)
		at--;
	else
		found->count[query]++;
	for (; at > 0 && kept[at - 1].distance > distance; at--)
		kept[at] = kept[at - 1];
	kept[at].distance = distance;
	kept[at].list = list;
	if (found->count[query] == ANN_BUILD_KEEP)
		found->farthest[query] = kept[ANN_BUILD_KEEP - 1].distance;
}

/* Compare the rows of the batch with all queries. */
static void
find_neighbours(AnnBuild *build, const int32 *list)
{
	const AnnPanels *panels = &build->query_panels;
	AnnNeighbours *found = &build->found[build->team->member];
	int dim = panels->dim;
	float product[ANN_ROWS * ANN_COLUMNS];
	float squared[ANN_KMEANS_RUN];
	bool is_ip = build->kind->metric == ANN_IP;
	float scale = is_ip ? 1 : 2;

	for (int r = 0; r < build->nbatch; r++)
	{
		const float *x = build->batch + (size_t) r * dim;

		squared[r] = is_ip ? 0 : ann_kernels->dot(dim, x, x);
	}
	for (int q = 0; q < panels->count; q += ANN_COLUMNS)
		for (int r = 0; r < build->nbatch; r += ANN_ROWS)
		{
			ann_kernels->products(dim, build->batch + (size_t) r * dim,
								  panels->cell + (size_t) q * dim, product);
			for (int i = 0; i < ANN_ROWS && r + i < build->nbatch; i++)
				for (int j = 0; j < ANN_COLUMNS && q + j < panels->count; j++)
				{
					float at =
						squared[r + i] - scale * product[i * ANN_COLUMNS + j];

					if (at < found->farthest[q + j])
						keep_neighbour(found, q + j, at, list[r + i]);
				}
		}
}

/* The score of every list for a query; lists are probed in its order. */
static void
score_lists(AnnBuild *build, const float *query, float *score)
{
	int dim = build->layout.shape.full_dim;

	for (int list = 0; list < build->kmeans.shared->count; list++)
	{
		const float *c = build->kmeans.centroids + (size_t) list * dim;
		float dot = ann_kernels->dot(dim, query, c);

		score[list] = build->kind->metric == ANN_IP
						  ? -dot
						  : ann_kernels->dot(dim, c, c) - 2 * dot;
	}
}

/* Neighbours that the members found, in one place. */
static AnnNeighbours *
join_neighbours(AnnBuild *build)
{
	AnnNeighbours *all = &build->found[0];

	for (int m = 1; m < ann_team_members(build->team); m++)
		for (int q = 0; q < build->shared->nqueries; q++)
			for (int i = 0; i < build->found[m].count[q]; i++)
			{
				AnnNeighbour *near =
					&build->found[m].near[q * ANN_BUILD_KEEP + i];

				if (near->distance < all->farthest[q])
					keep_neighbour(all, q, near->distance, near->list);
			}
	return all;
}

void
ann_build_calibrate(AnnBuild *build, AnnMeta *meta)
{
	int lists = build->kmeans.shared->count;
	int nqueries = build->shared->nqueries;
	float *score = palloc(mul_size(sizeof(float), lists));
	AnnPlaces *places = ann_places_create(nqueries, lists);
	AnnNeighbours *found;

	if (nqueries == 0)
		return;
	found = join_neighbours(build);
	for (int q = 0; q < nqueries; q++)
	{
		const AnnNeighbour *kept = found->near + q * ANN_BUILD_KEEP;
		int32 near[ANN_PLACES];
		/* the nearest is the query itself */
		int count = Max(found->count[q] - 1, 0);

		for (int i = 0; i < count; i++)
			near[i] = kept[i + 1].list;
		score_lists(build,
					build->queries + (size_t) q * build->layout.shape.full_dim,
					score);
		ann_places_add(places, q, score, near, count);
	}
	ann_places_count(places, 1, meta);
}

/* ---- encoding ---- */

/*
 * By list, and in a list by the first filter columns, so that rows with equal
 * keys, which searches want together, are in few blocks.
 */
static int64
sort_order(int32 list, const uint32 *keys, int filters)
{
	uint32 order = 0;

	if (filters > 0)
		order = (uint32) ann_short_key(keys[0]) << 16;
	if (filters > 1)
		order |= ann_short_key(keys[1]);
	return (int64) ((uint64) list << 32 | order);
}

static void
sort_entry(AnnBuild *build, int row, int32 list)
{
	const AnnShape *shape = &build->layout.shape;
	SortedEntry *sorted = (SortedEntry *) MAXALIGN(VARDATA(build->payload));
	const float *centroid =
		build->kmeans.centroids + (size_t) list * shape->full_dim;
	float *x = build->batch + (size_t) row * shape->full_dim;
	AnnEntry *entry = &sorted->entry;

	for (int i = 0; i < shape->full_dim; i++)
		x[i] -= centroid[i];
	entry->list = list;
	entry->tid = build->tids[row];
	memcpy(entry->keys, build->keys[row], sizeof(entry->keys));
	ann_encode(shape, x, centroid, sorted->codes, &entry->sign_factors,
			   sorted->codes + shape->sign_len, &entry->byte_factors);
	if (build->inexact[row])
		entry->sign_factors.error = entry->byte_factors.error = INFINITY;

	ExecClearTuple(build->slot);
	build->slot->tts_values[0] =
		Int64GetDatum(sort_order(list, entry->keys, build->layout.filters));
	build->slot->tts_isnull[0] = false;
	build->slot->tts_values[1] = PointerGetDatum(build->payload);
	build->slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(build->slot);
	tuplesort_puttupleslot(build->sort, build->slot);
}

static void
flush_batch(AnnBuild *build)
{
	int32 list[ANN_KMEANS_RUN];

	if (build->nbatch == 0)
		return;
	wait_point("build-encoding");
	ann_kmeans_nearest(&build->kmeans, build->nbatch, build->batch, list,
					   NULL);
	find_neighbours(build, list);
	for (int i = 0; i < build->nbatch; i++)
		sort_entry(build, i, list[i]);
	build->nbatch = 0;
}

static void
encode_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		   bool alive, void *state)
{
	AnnBuild *build = state;
	const AnnLayout *layout = &build->layout;
	int at = build->nbatch;
	MemoryContext old;
	bool indexed;

	(void) alive;
	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(build->row_cxt);
	indexed =
		ann_read_vector(build->kind, &layout->shape, values[0],
						build->batch + (size_t) at * layout->shape.full_dim,
						&build->inexact[at]);
	if (indexed)
	{
		build->tids[at] = *tid;
		ann_hash_keys(index, layout->filters, values, isnull, build->keys[at]);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_cxt);
	if (!indexed)
		return;
	build->indexed++;
	if (++build->nbatch == build->batch_rows)
		flush_batch(build);
}

/* What the rest leaves of the memory allowed to each sort, in kB. */
static int
sort_memory(const AnnBuild *build, int sorts)
{
	int dim = build->layout.shape.full_dim;
	Size taken = ann_kmeans_lasting_size(dim, build->kmeans.wanted) +
				 sizeof(float) * dim *
					 (build->batch_rows + ANN_KMEANS_GATHER) *
					 build->team->plan.members;

	return (int) Max((maintenance_work_mem - (double) (taken / 1024)) / sorts,
					 64);
}

static Tuplesortstate *
begin_sort(const AnnBuild *build, int memory, bool leader)
{
	AttrNumber column = 1;
	Oid operator= Int8LessOperator;
	Oid collation = InvalidOid;
	bool nulls_first = false;

	return tuplesort_begin_heap(
		build->sort_desc, 1, &column, &operator, & collation, &nulls_first,
		memory, ann_team_coordinate(build->team, leader), TUPLESORT_NONE);
}

static void
prepare_rows(AnnBuild *build)
{
	const AnnShape *shape = &build->layout.shape;
	AnnNeighbours *found = &build->found[build->team->member];
	Size size = VARHDRSZ + MAXIMUM_ALIGNOF + offsetof(SortedEntry, codes) +
				shape->sign_len + shape->byte_len;

	build->sort_desc = CreateTemplateTupleDesc(2);
	TupleDescInitEntry(build->sort_desc, 1, "order", INT8OID, -1, 0);
	TupleDescInitEntry(build->sort_desc, 2, "entry", BYTEAOID, -1, 0);
	build->slot = MakeSingleTupleTableSlot(build->sort_desc, &TTSOpsVirtual);
	build->payload = palloc0(size);
	SET_VARSIZE(build->payload, size);
	build->tids = palloc(sizeof(ItemPointerData) * build->batch_rows);
	build->keys = palloc0(sizeof(uint32[ANN_MAX_FILTERS]) * build->batch_rows);
	build->inexact = palloc(sizeof(bool) * build->batch_rows);
	build->query_panels.count = build->shared->nqueries;
	for (int q = 0; q < build->shared->nqueries; q++)
		found->farthest[q] = INFINITY;
}

void
ann_build_rows(AnnBuild *build)
{
	AnnTeam *team = build->team;
	AnnTeamRows rows = {0};
	TableScanDesc scan = NULL;

	prepare_rows(build);
	build->sort =
		begin_sort(build, sort_memory(build, team->plan.members), false);
	if (team->sort != NULL)
		scan = table_beginscan_parallel(build->heap, team->scan);
	rows.heap_tuples = table_index_build_scan(
		build->heap, build->index, build->index_info, true, team->member == 0,
		encode_row, build, scan);
	flush_batch(build);
	tuplesort_performsort(build->sort);
	rows.indexed = build->indexed;
	rows.broken_hot_chain = build->index_info->ii_BrokenHotChain;
	ann_team_report(team, &rows);
	/* the leader's sort takes over what the members sorted */
	if (team->sort != NULL)
	{
		tuplesort_end(build->sort);
		build->sort = NULL;
	}
}

/* ---- writing ---- */

/* Alignment of the payload differs between memory and sort: copy it out. */
static void
write_sorted(AnnBuild *build, AnnWriter *writer, int64 total)
{
	const AnnShape *shape = &build->layout.shape;
	Size size =
		offsetof(SortedEntry, codes) + shape->sign_len + shape->byte_len;
	Size offset =
		MAXALIGN(VARDATA(build->payload)) - (Size) VARDATA(build->payload);
	SortedEntry *sorted = palloc(size);
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(build->sort_desc, &TTSOpsMinimalTuple);
	int64 done = 0;

	sorted->entry.signs = NULL;
	while (tuplesort_gettupleslot(build->sort, true, false, slot, NULL))
	{
		bool isnull;
		bytea *value = DatumGetByteaPP(slot_getattr(slot, 2, &isnull));

		CHECK_FOR_INTERRUPTS();
		memcpy(sorted, VARDATA_ANY(value) + offset, size);
		sorted->entry.signs = sorted->codes;
		sorted->entry.bytes = sorted->codes + shape->sign_len;
		ann_writer_add(writer, &sorted->entry);
		if (++done % 1024 == 0)
		{
			wait_point("build-writing");
			ann_build_progress(ANN_PHASE_WRITING, done, total);
		}
	}
	ExecDropSingleTupleTableSlot(slot);
	pfree(sorted);
}

static void
show_logged(int64 done, int64 total)
{
	ann_build_progress(ANN_PHASE_LOGGING, done, total);
	wait_point("build-logging");
}

void
ann_build_write(AnnBuild *build, AnnMeta *meta)
{
	AnnWriter *writer;

	if (build->sort == NULL)
	{
		build->sort = begin_sort(build, sort_memory(build, 1), true);
		tuplesort_performsort(build->sort);
	}
	ann_build_progress(ANN_PHASE_WRITING, 0, meta->tuples);
	writer = ann_writer_begin(build->index, MAIN_FORKNUM, &build->layout,
							  build->kmeans.shared->count);
	write_sorted(build, writer, meta->tuples);
	tuplesort_end(build->sort);
	ann_build_progress(ANN_PHASE_LOGGING, 0,
					   RelationGetNumberOfBlocks(build->index));
	ann_writer_finish(writer, build->kmeans.centroids, meta, show_logged);
}
