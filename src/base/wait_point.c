/*-------------------------------------------------------------------------
 *
 * wait_point.c
 *		Named points in the code at which a test can hold a session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"

#include "base/wait_point.h"

#define LOCK_CLASS 1768846437
#define LOCK_OBJECT 1

void
wait_point_reached(const char *name)
{
	if (strcmp(name, guc_wait_point) != 0)
		return;
	DirectFunctionCall2(pg_advisory_lock_int4, Int32GetDatum(LOCK_CLASS),
						Int32GetDatum(LOCK_OBJECT));
	DirectFunctionCall2(pg_advisory_unlock_int4, Int32GetDatum(LOCK_CLASS),
						Int32GetDatum(LOCK_OBJECT));
}
