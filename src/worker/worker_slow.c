/*-------------------------------------------------------------------------
 *
 * worker_slow.c
 *		Lanes whose SQL takes long.
 *
 * One process runs the steps of all lanes, one after the other. Triggers, types
 * and policies of a table may take their time, so steps of a lane that is known
 * for it come one at a time, after what others have to do, and those of several
 * such lanes in turns. What others wait for is then one step at most.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "worker/worker_int.h"

/* a step that takes longer makes its lane slow, for so long at least */
#define SLOW_MS 50
#define REMEMBER_MS 10000
#define REMEMBER_TIMES 10
/* most lanes that are remembered */
#define SLOW_LANES 64

typedef struct SlowLane
{
	int64 lane;
	TimestampTz until;
	TimestampTz last; /* when its last step ended */
} SlowLane;

static SlowLane lanes[SLOW_LANES];

static SlowLane *
find_slow(int64 lane, TimestampTz now)
{
	for (int i = 0; i < SLOW_LANES; i++)
		if (lanes[i].lane == lane && lanes[i].until > now)
			return &lanes[i];
	return NULL;
}

void
slow_note(int64 lane, TimestampTz started)
{
	TimestampTz now = GetCurrentTimestamp();
	int64 took_ms = TimestampDifferenceMilliseconds(started, now);
	SlowLane *slow = find_slow(lane, now);

	if (slow == NULL && took_ms < SLOW_MS)
		return;
	for (int i = 0; slow == NULL && i < SLOW_LANES; i++)
		if (lanes[i].until <= now)
			slow = &lanes[i];
	/* that many of them are as good as all */
	if (slow == NULL)
		return;
	slow->lane = lane;
	slow->last = now;
	if (took_ms >= SLOW_MS)
		slow->until = Max(
			slow->until, TimestampTzPlusMilliseconds(
							 now, Max(REMEMBER_MS, took_ms * REMEMBER_TIMES)));
}

bool
slow_is(int64 lane)
{
	return find_slow(lane, GetCurrentTimestamp()) != NULL;
}

Job *
slow_next(const List *jobs)
{
	TimestampTz now = GetCurrentTimestamp();
	Job *next = NULL;
	TimestampTz least = DT_NOEND;
	ListCell *lc;

	foreach (lc, jobs)
	{
		Job *job = lfirst(lc);
		const SlowLane *slow = find_slow(job->lane, now);
		TimestampTz last = slow != NULL ? slow->last : DT_NOBEGIN;

		if (next == NULL || last < least)
		{
			next = job;
			least = last;
		}
	}
	return next;
}
