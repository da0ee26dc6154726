/*-------------------------------------------------------------------------
 *
 * wait_point.h
 *		Named points in the code at which a test can hold a session.
 *
 * Injection points of the server exist from 17 on and only in builds for
 * tests. These work everywhere: a session whose setting intel.wait_point
 * names the point takes advisory lock (1768846437, 1) there and releases it at
 * once, so it waits for whoever holds that lock; the isolation tester sees
 * such a wait by itself. Only a superuser can set it. No buffer is locked at
 * any point.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_WAIT_POINT_H
#define INTEL_BASE_WAIT_POINT_H

#include "base/guc.h"

extern void wait_point_reached(const char *name);

#define wait_point(name)                                                      \
	do                                                                        \
	{                                                                         \
		if (guc_wait_point != NULL && guc_wait_point[0] != '\0')              \
			wait_point_reached(name);                                         \
	} while (0)

#endif /* INTEL_BASE_WAIT_POINT_H */
