/*-------------------------------------------------------------------------
 *
 * ann_build.h
 *		What the files of CREATE INDEX share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_BUILD_H
#define INTEL_ANN_ANN_BUILD_H

#include "commands/progress.h"
#include "utils/tuplesort.h"

#include "ann/ann_int.h"
#include "ann/ann_kmeans.h"
#include "ann/ann_team.h"

/* The row that serves as query is its own nearest neighbour. */
#define ANN_BUILD_KEEP (ANN_PLACES + 1)

typedef struct AnnNeighbour
{
	float distance;
	int32 list;
} AnnNeighbour;

/* What one process found: neighbours of queries, nearest first. */
typedef struct AnnNeighbours
{
	AnnNeighbour *near; /* ANN_BUILD_KEEP for each query */
	int *count;
	float *farthest; /* what is farther is no neighbour of the query */
} AnnNeighbours;

/* What the processes have in common beside the team's own. */
typedef struct AnnBuildShared
{
	pg_atomic_uint32 nsample; /* rows put into the sample, or more */
	int sampled;
	int nqueries;
} AnnBuildShared;

/* One process's view of a build. Pointers marked (s) lead to shared memory. */
typedef struct AnnBuild
{
	AnnTeam *team;
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	const AnnKind *kind;
	AnnLayout layout;
	MemoryContext row_cxt; /* reset after each row */

	AnnBuildShared *shared; /* (s) */
	float *queries;			/* (s) */
	AnnPanels query_panels; /* (s) */
	AnnNeighbours *found;	/* (s) of each member */
	AnnKmeans kmeans;		/* (s) with private scratch */
	BlockNumber *blocks;	/* (s) to sample from, only while sampling */
	uint64 *sample_key;		/* (s) random order of the sample, likewise */
	float *sample;			/* (s) rows, until there are lists */

	/* private to each process */
	int batch_rows;
	int nbatch;
	float *batch;
	ItemPointerData *tids;
	uint32 (*keys)[ANN_MAX_FILTERS];
	bool *inexact;
	Tuplesortstate *sort;
	TupleDesc sort_desc;
	TupleTableSlot *slot;
	bytea *payload;
	double indexed;
} AnnBuild;

/* Phases that pg_stat_progress_create_index names. */
typedef enum AnnPhase
{
	ANN_PHASE_COUNTING = PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE,
	ANN_PHASE_SAMPLING,
	ANN_PHASE_LISTS,
	ANN_PHASE_ENCODING,
	ANN_PHASE_WRITING,
	ANN_PHASE_LOGGING,
} AnnPhase;

/* Leader: show the phase and how far it is; what is counted are "tuples". */
extern void ann_build_progress(AnnPhase phase, int64 done, int64 total);

/* Fill in what needs no memory; checks columns and their types. */
extern void ann_build_init(AnnBuild *build, Relation heap, Relation index,
						   IndexInfo *index_info);

/* ---- ann_build_sample.c ---- */

/*
 * Choose the number of lists and the size of the sample by the table's rows
 * and the memory allowed. Returns the shared memory that it takes.
 */
extern Size ann_build_plan(AnnBuild *build, int members, AnnTeamPlan *plan);

/* Point to the parts of the team's memory; *lasting: those kept to the end. */
extern void ann_build_place(AnnBuild *build, Size *lasting);

/* Allocate what a process has for itself. */
extern void ann_build_private(AnnBuild *build);

/* Leader: take the sample, find lists. A worker does tasks of both. */
extern void ann_build_lists(AnnBuild *build);
extern void ann_build_task(void *build, int step, int task);

/* ---- ann_build_rows.c ---- */

/* Every member: read, assign, encode and sort rows, and report. */
extern void ann_build_rows(AnnBuild *build);

/* Leader: fill in how many lists to probe. */
extern void ann_build_calibrate(AnnBuild *build, AnnMeta *meta);

/* Leader: write what was sorted. */
extern void ann_build_write(AnnBuild *build, AnnMeta *meta);

#endif /* INTEL_ANN_ANN_BUILD_H */
