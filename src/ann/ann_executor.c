/*-------------------------------------------------------------------------
 *
 * ann_executor.c
 *		What the plan around a scan tells it: where to stop, and whether
 *		somebody can repeat it.
 *
 * Rows must come in exact order, and all of them as long as the executor asks.
 * A scan that looks at a part of the index cannot promise both: a row that it
 * finds later may belong before one that it has returned. So an approximate
 * scan leaves such a row out and says so, and whoever started it repeats it
 * exactly, if and only if it yielded fewer rows than LIMIT asks for.
 *
 * That somebody is here. The step below a Limit node is replaced by one that
 * collects the rows that LIMIT wants before it hands out the first. When the
 * scans below it ran out of rows and had left some out, it forgets what it
 * collected, has the plan start again, and the scans are exact. A scan below
 * no Limit, or below one without a count, is exact from the start.
 *
 * To order rows the planner has the scan compute the distance of each, though
 * mostly nobody reads it: a column that only the sort wanted ends at the Limit.
 * It is not computed then, which spares reading the vector.
 *
 * The plan also says where distances end to be of interest: a condition
 * "distance < r" beside the ORDER BY stops the scan at r. And it has the
 * conditions on filter columns that the planner could not give to the index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amapi.h"
#include "catalog/pg_operator_d.h"
#include "executor/executor.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "ann/ann_int.h"

/* Operators of double precision; the catalog names only the first. */
#define FLOAT8_LESS_OPERATOR Float8LessOperator
#define FLOAT8_LESS_EQUAL_OPERATOR 673
#define FLOAT8_GREATER_OPERATOR 674
#define FLOAT8_GREATER_EQUAL_OPERATOR 675

struct AnnLimit
{
	dlist_node node; /* of limits */
	LimitState *state;
	PlanState *below;
	ExecProcNodeMtd next; /* what below does by itself */
	bool exact;			  /* the scans are to be exact */
	bool incomplete;	  /* some scan left rows out */
	Tuplestorestate *rows;
	TupleTableSlot *stored; /* a row of rows */
	TupleTableSlot *result; /* the same, of the kind that below returns */
};

struct AnnPlan
{
	dlist_node node; /* of plans */
	IndexScanState *state;
	AnnLimit *limit; /* or NULL */
	List *ends;		 /* ExprState: values that the distance is below */
	List *choices;	 /* Choice */
};

/* A condition "column = ANY (values)" that the planner left to the executor. */
typedef struct Choice
{
	AttrNumber column; /* of the index */
	ExprState *values;
} Choice;

/* Of all executions going on; each leaves with its memory. */
static dlist_head limits = DLIST_STATIC_INIT(limits);
static dlist_head plans = DLIST_STATIC_INIT(plans);

static ExecutorStart_hook_type previous_start = NULL;

/* ---- what scans ask ---- */

const AnnPlan *
ann_plan(IndexScanDesc scan)
{
	dlist_iter iter;

	dlist_foreach(iter, &plans)
	{
		AnnPlan *plan = dlist_container(AnnPlan, node, iter.cur);

		if (plan->state->iss_ScanDesc == scan)
			return plan;
	}
	return NULL;
}

AnnLimit *
ann_plan_limit(const AnnPlan *plan)
{
	return plan == NULL || plan->limit == NULL || plan->limit->exact
			   ? NULL
			   : plan->limit;
}

double
ann_limit_rows(const AnnLimit *limit)
{
	return (double) limit->state->count + (double) limit->state->offset;
}

void
ann_limit_miss(AnnLimit *limit)
{
	limit->incomplete = true;
}

double
ann_plan_rows(const AnnPlan *plan)
{
	return plan == NULL ? -1 : plan->state->ss.ps.plan->plan_rows;
}

double
ann_plan_end(const AnnPlan *plan)
{
	double end = get_float8_infinity();
	ListCell *cell;

	if (plan == NULL)
		return end;
	foreach (cell, plan->ends)
	{
		ExprContext *context = plan->state->ss.ps.ps_ExprContext;
		bool isnull;
		double value = DatumGetFloat8(
			ExecEvalExprSwitchContext(lfirst(cell), context, &isnull));

		/* nothing is below null, and all but NaN is below NaN */
		if (isnull)
			return -get_float8_infinity();
		if (value < end)
			end = value;
	}
	return end;
}

int
ann_plan_choices(const AnnPlan *plan)
{
	return plan == NULL ? 0 : list_length(plan->choices);
}

bool
ann_plan_choice(const AnnPlan *plan, int at, AttrNumber *column, Datum *values)
{
	const Choice *choice = list_nth(plan->choices, at);
	bool isnull;

	*column = choice->column;
	*values = ExecEvalExprSwitchContext(
		choice->values, plan->state->ss.ps.ps_ExprContext, &isnull);
	return !isnull;
}

/* ---- below a Limit ---- */

static AnnLimit *
find_limit(const PlanState *below)
{
	dlist_iter iter;

	dlist_foreach(iter, &limits)
	{
		AnnLimit *limit = dlist_container(AnnLimit, node, iter.cur);

		if (limit->below == below)
			return limit;
	}
	elog(ERROR, "limit of a search is not known");
}

/*
 * Rows may lie in temporary files, which must be closed before the query's
 * resources are counted. Called at a rescan, and when the query ends well.
 */
static void
end_rows(Datum arg)
{
	AnnLimit *limit = (AnnLimit *) DatumGetPointer(arg);

	if (limit->rows != NULL)
		tuplestore_end(limit->rows);
	limit->rows = NULL;
}

/* Collect what LIMIT wants, or else turn to exact scans. */
static void
collect_rows(AnnLimit *limit)
{
	const LimitState *state = limit->state;
	int64 wanted;

	limit->incomplete = false;
	limit->exact = state->noCount || state->limitOption != LIMIT_OPTION_COUNT;
	if (limit->exact)
		return;
	if (limit->rows == NULL)
	{
		limit->rows = tuplestore_begin_heap(false, false, work_mem);
		RegisterExprContextCallback(limit->state->ps.ps_ExprContext, end_rows,
									PointerGetDatum(limit));
	}
	else
		tuplestore_clear(limit->rows);
	wanted = state->count > PG_INT64_MAX - state->offset
				 ? PG_INT64_MAX
				 : state->count + state->offset;
	while (wanted-- > 0)
	{
		TupleTableSlot *slot = limit->next(limit->below);

		if (TupIsNull(slot))
			break;
		tuplestore_puttupleslot(limit->rows, slot);
	}
	if (limit->incomplete && wanted >= 0)
	{
		limit->exact = true;
		tuplestore_clear(limit->rows);
		ExecReScan(limit->below);
	}
}

/* In the place of the step below the Limit. */
static TupleTableSlot *
next_row(PlanState *below)
{
	AnnLimit *limit = find_limit(below);

	/* the Limit counts what it got since it started */
	if (limit->state->position == 0)
	{
		MemoryContext old = MemoryContextSwitchTo(below->state->es_query_cxt);

		collect_rows(limit);
		MemoryContextSwitchTo(old);
	}
	if (limit->exact)
		return limit->next(below);
	if (!tuplestore_gettupleslot(limit->rows, true, false, limit->stored))
		return ExecClearTuple(limit->result);
	return ExecCopySlot(limit->result, limit->stored);
}

static void
forget_limit(void *arg)
{
	AnnLimit *limit = arg;

	dlist_delete(&limit->node);
}

static AnnLimit *
begin_limit(LimitState *state)
{
	PlanState *below = outerPlanState(state);
	TupleDesc desc = ExecGetResultType(below);
	AnnLimit *limit = palloc0(sizeof(AnnLimit));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	limit->state = state;
	limit->below = below;
	limit->stored =
		ExecInitExtraTupleSlot(state->ps.state, desc, &TTSOpsMinimalTuple);
	limit->result = ExecInitExtraTupleSlot(state->ps.state, desc,
										   ExecGetResultSlotOps(below, NULL));
	limit->next = below->ExecProcNodeReal;
	ExecSetExecProcNode(below, next_row);
	dlist_push_head(&limits, &limit->node);
	callback->func = forget_limit;
	callback->arg = limit;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return limit;
}

/* ---- distances that nobody reads ---- */

/*
 * Leave the order-by distance out of what the scan below a Limit computes
 * where it is junk of the Limit's query: what is above cannot refer to it. With
 * ties the Limit itself compares it.
 */
static void
spare_distance(LimitState *state)
{
	Limit *limit = (Limit *) state->ps.plan;
	IndexScanState *scan = (IndexScanState *) outerPlanState(state);
	PlanState *ps = &scan->ss.ps;
	List *wanted = NIL;
	bool spared = false;
	ListCell *cell;

	if (!IsA(ps, IndexScanState) || ps->ps_ProjInfo == NULL ||
		limit->limitOption != LIMIT_OPTION_COUNT ||
		list_length(limit->plan.targetlist) !=
			list_length(ps->plan->targetlist))
		return;
	foreach (cell, ps->plan->targetlist)
	{
		TargetEntry *entry = lfirst(cell);
		TargetEntry *above =
			list_nth(limit->plan.targetlist, foreach_current_index(cell));
		Expr *distance = linitial(((IndexScan *) ps->plan)->indexorderbyorig);

		if (above->resjunk && equal(entry->expr, distance))
		{
			entry = flatCopyTargetEntry(entry);
			entry->expr = (Expr *) makeNullConst(exprType((Node *) distance),
												 -1, InvalidOid);
			spared = true;
		}
		wanted = lappend(wanted, entry);
	}
	if (spared)
		ps->ps_ProjInfo = ExecBuildProjectionInfo(
			wanted, ps->ps_ExprContext, ps->ps_ResultTupleSlot, ps,
			scan->ss.ss_ScanTupleSlot->tts_tupleDescriptor);
}

/* ---- conditions on the distance ---- */

/* The value that a condition puts above the distance, or NULL. */
static Expr *
find_end(Node *condition, Node *distance)
{
	OpExpr *op = (OpExpr *) condition;
	Node *left;
	Node *right;

	if (!IsA(condition, OpExpr) || list_length(op->args) != 2)
		return NULL;
	left = linitial(op->args);
	right = lsecond(op->args);
	switch (op->opno)
	{
		case FLOAT8_LESS_OPERATOR:
		case FLOAT8_LESS_EQUAL_OPERATOR:
			break;
		case FLOAT8_GREATER_OPERATOR:
		case FLOAT8_GREATER_EQUAL_OPERATOR:
			left = lsecond(op->args);
			right = linitial(op->args);
			break;
		default:
			return NULL;
	}
	if (!equal(left, distance) || contain_var_clause(right) ||
		contain_volatile_functions(right) || contain_subplans(right))
		return NULL;
	return (Expr *) right;
}

static List *
find_ends(IndexScanState *state)
{
	IndexScan *scan = (IndexScan *) state->ss.ps.plan;
	List *ends = NIL;
	ListCell *cell;

	foreach (cell, scan->scan.plan.qual)
	{
		Expr *end = find_end(lfirst(cell), linitial(scan->indexorderbyorig));

		if (end != NULL)
			ends = lappend(ends, ExecInitExpr(end, &state->ss.ps));
	}
	return ends;
}

/* ---- conditions on filter columns ---- */

/* The filter column of the index that a node is; 0 if it is none. */
static AttrNumber
find_filter(Relation index, Node *node)
{
	Var *var =
		(Var *) (IsA(node, RelabelType) ? (Node *) ((RelabelType *) node)->arg
										: node);

	if (!IsA(var, Var) || var->varattno <= 0)
		return 0;
	for (int i = 1; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
		if (index->rd_index->indkey.values[i] == var->varattno)
			return (AttrNumber) (i + 1);
	return 0;
}

/*
 * Before 17 the planner cannot combine IN with an order of distances, and
 * leaves it to the executor as a filter. The scan can make use of it as of an
 * index condition, since the executor looks again.
 */
static List *
find_choices(IndexScanState *state)
{
	Relation index = state->iss_RelationDesc;
	List *choices = NIL;
	ListCell *cell;

	foreach (cell, state->ss.ps.plan->qual)
	{
		ScalarArrayOpExpr *any = lfirst(cell);
		AttrNumber column;
		Node *values;
		Choice *choice;

		if (!IsA(any, ScalarArrayOpExpr) || !any->useOr)
			continue;
		values = lsecond(any->args);
		column = find_filter(index, linitial(any->args));
		if (column == 0 || contain_var_clause(values) ||
			contain_volatile_functions(values) || contain_subplans(values) ||
			any->inputcollid != index->rd_indcollation[column - 1] ||
			get_op_opfamily_strategy(
				any->opno, index->rd_opfamily[column - 1]) != ANN_STRATEGY)
			continue;
		choice = palloc(sizeof(Choice));
		choice->column = column;
		choice->values = ExecInitExpr((Expr *) values, &state->ss.ps);
		choices = lappend(choices, choice);
	}
	return choices;
}

/* ---- looking through a plan ---- */

static void
forget_plan(void *arg)
{
	AnnPlan *plan = arg;

	dlist_delete(&plan->node);
}

/* The scan's plan if it is one of this access method in order of distance. */
static AnnPlan *
begin_plan(PlanState *state)
{
	IndexScanState *scan = (IndexScanState *) state;
	MemoryContextCallback *callback;
	dlist_iter iter;
	AnnPlan *plan;

	if (!IsA(state, IndexScanState) || scan->iss_RelationDesc == NULL ||
		scan->iss_RelationDesc->rd_indam->amgettuple != ann_get_tuple ||
		scan->iss_NumOrderByKeys == 0)
		return NULL;
	dlist_foreach(iter, &plans)
	{
		plan = dlist_container(AnnPlan, node, iter.cur);
		if (plan->state == scan)
			return plan;
	}
	plan = palloc0(sizeof(AnnPlan));
	plan->state = scan;
	plan->ends = find_ends(scan);
	plan->choices = find_choices(scan);
	dlist_push_head(&plans, &plan->node);
	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = forget_plan;
	callback->arg = plan;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return plan;
}

/*
 * Give the scans whose rows stream up to state to its Limit. Inner sides of
 * joins and subqueries of expressions have nothing to do with how many rows
 * it gets.
 */
static void
claim_scans(PlanState *state, LimitState *owner, AnnLimit **limit)
{
	PlanState **parts = NULL;
	int nparts = 0;
	AnnPlan *plan;

	if (state == NULL || IsA(state, LimitState))
		return;
	plan = begin_plan(state);
	if (plan != NULL)
	{
		if (*limit == NULL)
			*limit = begin_limit(owner);
		plan->limit = *limit;
		return;
	}
	if (IsA(state, AppendState))
	{
		parts = ((AppendState *) state)->appendplans;
		nparts = ((AppendState *) state)->as_nplans;
	}
	else if (IsA(state, MergeAppendState))
	{
		parts = ((MergeAppendState *) state)->mergeplans;
		nparts = ((MergeAppendState *) state)->ms_nplans;
	}
	else if (IsA(state, SubqueryScanState))
		claim_scans(((SubqueryScanState *) state)->subplan, owner, limit);
	else
		claim_scans(outerPlanState(state), owner, limit);
	for (int i = 0; i < nparts; i++)
		claim_scans(parts[i], owner, limit);
}

static bool
look_at_plan(PlanState *state, void *context)
{
	AnnLimit *limit = NULL;

	if (IsA(state, LimitState))
	{
		claim_scans(outerPlanState(state), (LimitState *) state, &limit);
		if (limit != NULL)
			spare_distance((LimitState *) state);
	}
	else
		(void) begin_plan(state);
	return planstate_tree_walker(state, look_at_plan, context);
}

static void
start_execution(QueryDesc *query, int flags)
{
	MemoryContext old;

	if (previous_start)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
	if ((flags & EXEC_FLAG_EXPLAIN_ONLY) || query->planstate == NULL)
		return;
	old = MemoryContextSwitchTo(query->estate->es_query_cxt);
	(void) look_at_plan(query->planstate, NULL);
	MemoryContextSwitchTo(old);
}

void
ann_executor_init(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_execution;
}
