/*-------------------------------------------------------------------------
 *
 * worker.h
 *		Jobs in the background: what the rest of the extension sees.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_WORKER_WORKER_H
#define INTEL_WORKER_WORKER_H

/*
 * Called once by _PG_init: registers what wakes workers after a commit
 * and, while the server preloads libraries, shared memory and the launcher.
 */
extern void worker_init(void);

#endif /* INTEL_WORKER_WORKER_H */
