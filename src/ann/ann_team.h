/*-------------------------------------------------------------------------
 *
 * ann_team.h
 *		The processes that build an index together.
 *
 * A leader, which runs CREATE INDEX, and parallel workers, of which there may
 * be none. They work in steps: a step has tasks, which members take one after
 * the other, and ends when all of them are done. After the last step all
 * members read the table together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_TEAM_H
#define INTEL_ANN_ANN_TEAM_H

#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/tuplesort.h"

/* Sizes that the leader chose for all. */
typedef struct AnnTeamPlan
{
	int members; /* at most, the leader included */
	int lists;
	int capacity; /* rows of the sample */
	int nqueries;
	BlockNumber nblocks; /* to sample from */
	uint64 keep;		 /* rows with a lower random key are sampled */
} AnnTeamPlan;

typedef struct AnnTeamShared AnnTeamShared;

typedef struct AnnTeam
{
	AnnTeamShared *shared;
	struct ParallelContext *context; /* the leader's; NULL without workers */
	Snapshot snapshot;
	int member;	  /* 0 is the leader */
	char *memory; /* what the members share */
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	AnnTeamPlan plan;
	Sharedsort *sort; /* NULL without workers */
	ParallelTableScanDesc scan;
} AnnTeam;

/* Do one task of a step. */
typedef void (*AnnTeamTask)(void *arg, int step, int task);

/*
 * The leader starts up to plan->members - 1 workers and shares memory, which
 * is zero, with them. It lies in a temporary file, not in /dev/shm, which is
 * small in containers. Without workers it belongs to the current context.
 */
extern AnnTeam *ann_team_begin(Relation heap, Relation index,
							   IndexInfo *index_info, const AnnTeamPlan *plan,
							   Size memory);

/* Leader: have the tasks of a step done, some of them here. */
extern void ann_team_run(AnnTeam *team, int step, int tasks,
						 AnnTeamTask perform, void *arg);

/* Part of the tasks of the step at hand that were begun. */
extern double ann_team_begun(const AnnTeam *team);

/* Leader: steps are over; memory beyond size is given back. */
extern void ann_team_last(AnnTeam *team, Size size);

/* What members found in the table. */
typedef struct AnnTeamRows
{
	double heap_tuples;
	double indexed;
	bool broken_hot_chain;
} AnnTeamRows;

/* Every member reports what it found; the leader gets the sum of all. */
extern void ann_team_report(AnnTeam *team, const AnnTeamRows *rows);
extern AnnTeamRows ann_team_wait(AnnTeam *team);

/* How the sorts of members and leader are joined; NULL without workers. */
extern SortCoordinate ann_team_coordinate(const AnnTeam *team, bool leader);

/* Members that take part, once all workers were started. */
extern int ann_team_members(const AnnTeam *team);

extern void ann_team_end(AnnTeam *team);

/* Worker: tasks until the leader says that steps are over. */
extern void ann_team_follow(AnnTeam *team, AnnTeamTask perform, void *arg);

/* What a worker does; in ann_build.c. */
extern void ann_build_member(AnnTeam *team);

#endif /* INTEL_ANN_ANN_TEAM_H */
