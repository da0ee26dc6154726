/*-------------------------------------------------------------------------
 *
 * ann_cost.c
 *		What a scan costs, from the counts that the build measured.
 *
 * Finding the first rows means ranking all centroids and reading the lists
 * that are probed: the startup cost. Rows after that come from the heap, and
 * asking for many brings more lists, up to all of them: the total cost.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "catalog/pg_operator_d.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

#include "ann/ann_int.h"
#include "base/guc.h"

/* Cost of one dimension of a centroid, in cpu_operator_cost. */
#define DIMENSION_COST 0.01

/* Cost of a sign code, in cpu_operator_cost: 32 at a time. */
#define CODE_COST 0.2

/* Cost of a key on a key page, in cpu_operator_cost; 32 to a cache line. */
#define KEY_COST 0.02

/* Rows refined before the first is returned; cost of one in operators. */
#define REFINED_ROWS 100
#define REFINE_COST 10.0

/*
 * Cost of a row that is returned, beside that of its page, in
 * cpu_tuple_cost: the rows refined for its sake, its distance, and the queue
 * that brings rows into order. Measured by test/bench/ann_plans.pl.
 */
#define ROW_COST 54.0

/* float8 <= float8, for which the catalog has no name */
#define FLOAT8_LE 673

/* Whether clause is "distance < something", in the order that path gives. */
static bool
ends_path(const IndexPath *path, Node *clause)
{
	OpExpr *op = (OpExpr *) clause;
	Oid opno;
	Node *distance;

	if (!IsA(clause, OpExpr) || list_length(op->args) != 2)
		return false;
	opno = op->opno;
	distance = linitial(op->args);
	if (!equal(distance, linitial(path->indexorderbys)))
	{
		opno = get_commutator(op->opno);
		distance = lsecond(op->args);
	}
	return (opno == Float8LessOperator || opno == FLOAT8_LE) &&
		   equal(distance, linitial(path->indexorderbys));
}

/* The part of the rows that comes before the scan ends by itself. */
static Selectivity
range_part(PlannerInfo *root, const IndexPath *path)
{
	Selectivity part = 1;
	ListCell *cell;

	foreach (cell, path->indexinfo->indrestrictinfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, cell);

		if (ends_path(path, (Node *) info->clause))
			part *=
				clause_selectivity(root, (Node *) info, 0, JOIN_INNER, NULL);
	}
	return part;
}

/* Pages with the keys of all rows. */
static double
count_key_pages(const AnnMeta *meta)
{
	AnnLayout layout =
		ann_layout(meta->metric, meta->dim, meta->bits, meta->filters);
	double list_pages =
		ceil(meta->list_size / ((double) ANN_BLOCK * layout.blocks_per_page));

	return ceil(list_pages * meta->lists / layout.places_per_page);
}

void
ann_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
				  Cost *startup_cost, Cost *total_cost,
				  Selectivity *selectivity, double *correlation, double *pages)
{
	GenericCosts costs = {0};
	IndexOptInfo *info = path->indexinfo;
	AnnMeta meta;
	Relation index;
	double tuples = Max(info->tuples, 1);
	double k = 10;
	double part;
	double code_pages;
	double centroids;
	double scan_all;
	double scan_part;

	/* without an order there is nothing that this index does better */
	if (path->indexorderbys == NIL)
	{
		*startup_cost = *total_cost = get_float8_infinity();
		*selectivity = *correlation = *pages = 0;
		compat_path_disable(&path->path);
		return;
	}

	genericcostestimate(root, path, loop_count, &costs);
	index = index_open(info->indexoid, NoLock);
	ann_meta_read(index, &meta);
	index_close(index, NoLock);

	/* a filter that leaves one row in a hundred needs the lists of 100 k */
	if (path->indexclauses != NIL)
		k /= Max(costs.indexSelectivity, 1 / tuples);
	part = guc_probes > 0
			   ? Min(1, (double) guc_probes / meta.lists)
			   : ann_probes(&meta, guc_target_recall, k) / meta.lists;

	/* codes are an eighth to a quarter of the index, records the rest */
	code_pages = (double) info->pages / 5;
	centroids =
		meta.lists * (meta.dim * DIMENSION_COST + 2) * cpu_operator_cost;
	scan_all = tuples * CODE_COST * cpu_operator_cost +
			   code_pages * costs.spc_random_page_cost / 8;
	scan_part = part * scan_all;
	*startup_cost =
		centroids + scan_part + REFINED_ROWS * REFINE_COST * cpu_operator_cost;
	if (path->indexclauses != NIL)
	{
		/* or the keys of all rows, and of the lists the blocks that match */
		double matches = tuples * costs.indexSelectivity;
		double codes = Min(part * tuples, ANN_BLOCK * matches * part);
		double keys = tuples * KEY_COST * cpu_operator_cost +
					  count_key_pages(&meta) * costs.spc_random_page_cost / 8;

		*startup_cost =
			Min(*startup_cost,
				centroids + keys +
					(codes * CODE_COST + REFINED_ROWS * REFINE_COST) *
						cpu_operator_cost +
					Min(part * code_pages, matches * part) *
						costs.spc_random_page_cost / 8);
		/* or, when they are few, the records that match, wherever they are */
		if (matches <= ANN_FEW_ROWS)
			*startup_cost =
				Min(*startup_cost,
					keys + matches * REFINE_COST * cpu_operator_cost +
						matches * costs.spc_random_page_cost / 8);
	}
	*total_cost = *startup_cost + (1 - part) * scan_all +
				  costs.numIndexTuples * range_part(root, path) *
					  (cpu_index_tuple_cost + ROW_COST * cpu_tuple_cost);
	*selectivity = costs.indexSelectivity;
	*correlation = 0;
	*pages = costs.numIndexPages;
}
