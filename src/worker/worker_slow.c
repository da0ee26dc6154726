/*-------------------------------------------------------------------------
 *
 * worker_slow.c
 *		Lanes whose SQL takes long.
 *
 * One process runs the steps of all lanes, one after the other. Triggers, types
 * and policies of a table may take their time, so steps of a lane that is known
 * for it come one at a time, after what others have to do, and in turns. What
 * others wait for is then one step at most.
 *
 * Claims make lanes, and a role may say what it likes there. Whose SQL it is
 * cannot be made up: where several lanes of a role are slow, all of them are.
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
/* most lanes that are remembered, and of one role: then they are all slow */
#define SLOW_LANES 64
#define ROLE_LANES 4

typedef struct SlowLane
{
	Oid owner;
	int64 lane;
	TimestampTz until;
	TimestampTz last; /* when its last step ended */
} SlowLane;

static SlowLane lanes[SLOW_LANES];

/* What is known of a job's lane and role. */
typedef struct Known
{
	SlowLane *lane;	  /* NULL: nothing */
	SlowLane *oldest; /* of the role, by its last step; NULL: none */
	int n;			  /* slow lanes of the role */
	TimestampTz last; /* step of any of them */
} Known;

static Known
look_up(Oid owner, int64 lane, TimestampTz now)
{
	Known known = {.last = DT_NOBEGIN};

	for (int i = 0; i < SLOW_LANES; i++)
	{
		SlowLane *slow = &lanes[i];

		if (slow->owner != owner || slow->until <= now)
			continue;
		known.n++;
		known.last = Max(known.last, slow->last);
		if (known.oldest == NULL || slow->last < known.oldest->last)
			known.oldest = slow;
		if (slow->lane == lane)
			known.lane = slow;
	}
	return known;
}

/* A place for a lane that is slow now, or NULL: so many are as good as all. */
static SlowLane *
place_for(const Known *known, TimestampTz now)
{
	if (known->n >= ROLE_LANES)
		return known->oldest;
	for (int i = 0; i < SLOW_LANES; i++)
		if (lanes[i].until <= now)
			return &lanes[i];
	return NULL;
}

void
slow_note(Oid owner, int64 lane, TimestampTz started)
{
	TimestampTz now = GetCurrentTimestamp();
	int64 took_ms = TimestampDifferenceMilliseconds(started, now);
	Known known = look_up(owner, lane, now);
	SlowLane *slow = known.lane;

	if (slow == NULL && took_ms < SLOW_MS)
		return;
	if (slow == NULL)
	{
		slow = place_for(&known, now);
		if (slow == NULL)
			return;
		*slow = (SlowLane){.owner = owner, .lane = lane};
	}
	slow->last = now;
	if (took_ms >= SLOW_MS)
		slow->until = Max(
			slow->until, TimestampTzPlusMilliseconds(
							 now, Max(REMEMBER_MS, took_ms * REMEMBER_TIMES)));
}

bool
slow_is(const Job *job)
{
	Known known = look_up(job->owner, job->lane, GetCurrentTimestamp());

	return known.lane != NULL || known.n >= ROLE_LANES;
}

Job *
slow_next(const List *jobs)
{
	TimestampTz now = GetCurrentTimestamp();
	Job *next = NULL;
	TimestampTz of_role = DT_NOEND;
	TimestampTz of_lane = DT_NOEND;
	ListCell *lc;

	/* the role whose turn was longest ago, and of its lanes likewise */
	foreach (lc, jobs)
	{
		Job *job = lfirst(lc);
		Known known = look_up(job->owner, job->lane, now);
		TimestampTz last = known.lane != NULL ? known.lane->last : DT_NOBEGIN;

		if (next == NULL || known.last < of_role ||
			(known.last == of_role && last < of_lane))
		{
			next = job;
			of_role = known.last;
			of_lane = last;
		}
	}
	return next;
}
