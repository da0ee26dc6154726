/*-------------------------------------------------------------------------
 *
 * ann.h
 *		The access method as other modules see it: one call at load.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_H
#define INTEL_ANN_ANN_H

/* Register reloptions and choose kernels. Called once by _PG_init. */
extern void ann_init(void);

#endif /* INTEL_ANN_ANN_H */
