/*-------------------------------------------------------------------------
 *
 * ann_build.c
 *		CREATE INDEX: sample, find lists, encode every row, write the lists.
 *
 * The table is read three times: a few blocks to learn how many rows there
 * are, a sample for k-means, and every row, which is assigned, encoded and
 * sorted by list. During the last pass some sampled rows act as queries whose
 * exact neighbours are collected, so the index knows how many lists a search
 * must probe for a wanted recall. Sampling, k-means and the last pass are done
 * by several processes where the server allows; one writes the lists.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/index.h"
#include "commands/progress.h"
#include "optimizer/optimizer.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

#include "ann/ann_build.h"

/* At once, so that nobody sees one phase's name with another's figures. */
void
ann_build_progress(AnnPhase phase, int64 done, int64 total)
{
	const int index[] = {
		PROGRESS_CREATEIDX_SUBPHASE, PROGRESS_CREATEIDX_TUPLES_DONE,
		PROGRESS_CREATEIDX_TUPLES_TOTAL, PROGRESS_SCAN_BLOCKS_DONE,
		PROGRESS_SCAN_BLOCKS_TOTAL};
	const int64 value[] = {phase, done, total, 0, 0};

	pgstat_progress_update_multi_param(5, index, value);
}

void
ann_build_init(AnnBuild *build, Relation heap, Relation index,
			   IndexInfo *index_info)
{
	int filters = IndexRelationGetNumberOfKeyAttributes(index) - 1;
	int dim;

	memset(build, 0, sizeof(AnnBuild));
	if (filters > ANN_MAX_FILTERS)
		ereport(ERROR, errcode(ERRCODE_TOO_MANY_COLUMNS),
				errmsg("an index \"intel\" can have at most %d filter columns",
					   ANN_MAX_FILTERS));
	for (int f = 0; f < filters; f++)
		if (!OidIsValid(index_getprocid(index, f + 2, ANN_SUPPORT_HASH)))
			ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("only the first column of an index \"intel\" can "
						   "be a vector"));
	build->heap = heap;
	build->index = index;
	build->index_info = index_info;
	build->kind = ann_kind(index);
	dim = ann_dimensions(index);
	build->layout =
		ann_layout(build->kind->metric, dim,
				   ann_choose_bits(dim, dim * build->kind->element_size >
											ANN_OUT_OF_LINE),
				   filters);
	build->row_cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann row", ALLOCSET_DEFAULT_SIZES);
}

/* Join a team: its memory, and some of this process's own. */
static void
join_team(AnnBuild *build, AnnTeam *team)
{
	Size lasting;

	build->team = team;
	ann_build_private(build);
	ann_build_place(build, &lasting);
}

/* What is only there to find lists is given back before rows are sorted. */
static void
end_steps(AnnBuild *build)
{
	Size lasting;

	ann_build_place(build, &lasting);
	ann_team_last(build->team, lasting);
	ann_build_place(build, &lasting);
}

static void
build_index(AnnBuild *build, IndexBuildResult *result)
{
	int workers =
		compat_build_workers(build->heap, build->index, build->index_info);
	AnnTeamPlan plan;
	Size memory;
	AnnTeamRows rows;
	AnnMeta meta = {0};

	memory = ann_build_plan(build, workers + 1, &plan);
	join_team(build, ann_team_begin(build->heap, build->index,
									build->index_info, &plan, memory));
	ann_build_lists(build);
	end_steps(build);

	/* how far reading is, the server shows as blocks */
	ann_build_progress(ANN_PHASE_ENCODING, 0, 0);
	ann_build_rows(build);
	rows = ann_team_wait(build->team);
	build->index_info->ii_BrokenHotChain |= rows.broken_hot_chain;
	result->heap_tuples = rows.heap_tuples;
	result->index_tuples = rows.indexed;
	ann_build_calibrate(build, &meta);
	meta.tuples = (int64) rows.indexed;
	ann_build_write(build, &meta);
	ann_lists_divide(build->index);
	ann_team_end(build->team);
}

IndexBuildResult *
ann_build(Relation heap, Relation index, IndexInfo *index_info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	MemoryContext cxt = AllocSetContextCreate(
		CurrentMemoryContext, "intel ann build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	AnnBuild build;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data",
			 RelationGetRelationName(index));
	ann_build_init(&build, heap, index, index_info);
	build_index(&build, result);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return result;
}

void
ann_build_member(AnnTeam *team)
{
	AnnBuild build;

	ann_build_init(&build, team->heap, team->index, team->index_info);
	join_team(&build, team);
	ann_team_follow(team, ann_build_task, &build);
	ann_build_rows(&build);
}

/* One list around the origin: what an unlogged table has after a crash. */
void
ann_build_empty(Relation index)
{
	AnnMeta meta = {0};
	AnnBuild build;
	float *centroid;

	ann_build_init(&build, NULL, index, NULL);
	centroid = palloc0(sizeof(float) * build.layout.shape.full_dim);
	ann_writer_finish(ann_writer_begin(index, INIT_FORKNUM, &build.layout, 1),
					  centroid, &meta, NULL);
	pfree(centroid);
}
