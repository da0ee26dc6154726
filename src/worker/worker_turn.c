/*-------------------------------------------------------------------------
 *
 * worker_turn.c
 *		Whose turn it is: lanes with jobs, and how places are shared.
 *
 * Lanes take turns, as many jobs a turn as their weight says (weighted round
 * robin). They are found by stepping from one to the next in an index, so the
 * time depends neither on the number of queued jobs nor on that of lanes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "common/pg_prng.h"

#include "base/compat.h"
#include "base/guc.h"
#include "worker/worker_int.h"

/* Lanes from $1 on, at most $2, that have jobs of this kind. */
#define LANES(jobs)                                                           \
	"WITH RECURSIVE l AS ("                                                   \
	" (SELECT q.lane, 1 AS n FROM intel.job_queue q"                          \
	"	WHERE " jobs " AND q.lane >= $1"                                      \
	"	ORDER BY q.lane LIMIT 1)"                                               \
	" UNION ALL"                                                              \
	" SELECT (SELECT q.lane FROM intel.job_queue q"                           \
	"	WHERE " jobs " AND q.lane > l.lane"                                   \
	"	ORDER BY q.lane LIMIT 1), l.n + 1"                                      \
	" FROM l WHERE l.lane IS NOT NULL AND l.n < $2)"                          \
	" SELECT l.lane, coalesce((SELECT w.weight FROM intel.tenant_weight w"    \
	"	WHERE w.lane = l.lane LIMIT 1), 1)"                                     \
	" FROM l WHERE l.lane IS NOT NULL"

static int
read_lanes(const char *held_by, int64 from, int max, Lane *lanes)
{
	QueryArg args[3];
	QueryResult *rows;

	args[0] = query_arg_int8(from);
	args[1] = query_arg_int4(max);
	if (held_by == NULL)
		rows = engine_query(LANES("q.status = 'queued' AND q.ready"), args, 2);
	else
	{
		args[2] = query_arg_text(held_by);
		rows = engine_query(LANES("q.status = 'queued' AND NOT q.ready"
								  " AND NOT q.waiting AND q.held_by = $3"),
							args, 3);
	}
	for (uint64 i = 0; i < rows->nrows; i++)
	{
		lanes[i] = (Lane){.most = INT_MAX};
		lanes[i].id = query_int8(rows, i, 0, 0);
		lanes[i].weight = (int) query_int8(rows, i, 1, 1);
	}
	return rows->nrows;
}

int
turn_find_lanes(Turn *turn, const char *held_by, int max, Lane *lanes)
{
	int n;

	if (!turn->is_set)
	{
		/* sessions and restarted workers do not all begin with the same */
		turn->lane = (int64) pg_prng_uint64(&pg_global_prng_state);
		turn->is_set = true;
	}
	n = read_lanes(held_by, turn->lane, max, lanes);
	if (n < max)
	{
		Lane *wrapped = lanes + n;
		int more = read_lanes(held_by, PG_INT64_MIN, max - n, wrapped);

		for (int i = 0; i < more && wrapped[i].id < turn->lane; i++)
			n++;
	}
	return n;
}

int
turn_share(Turn *turn, Lane *lanes, int n, int places, int free)
{
	bool progress = true;

	while (places > 0 && progress)
	{
		progress = false;
		for (int i = 0; i < n && places > 0; i++)
		{
			Lane *lane = &lanes[i];
			int left = lane->id == turn->lane && turn->left > 0 ? turn->left
																: lane->weight;

			while (left > 0 && places > 0 && lane->share < lane->most &&
				   lane->in_flight + lane->share <
					   Min(guc_worker_concurrency, TURN_LANE_SHARE * free))
			{
				lane->share++;
				places--;
				free--;
				left--;
				progress = true;
			}
			/* the rest of this turn, or the next lane's */
			turn->left = left;
			turn->lane =
				left > 0 || lane->id == PG_INT64_MAX ? lane->id : lane->id + 1;
		}
	}
	return places;
}
