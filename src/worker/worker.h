/*-------------------------------------------------------------------------
 *
 * worker.h
 *		Jobs in the background: what the rest of the extension sees.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_WORKER_WORKER_H
#define INTEL_WORKER_WORKER_H

#include "llm/llm.h"

/*
 * Called once by _PG_init: registers what wakes workers after a commit
 * and, while the server preloads libraries, shared memory and the launcher.
 */
extern void worker_init(void);

/*
 * Wake the worker of a database for llm; false when no worker can be started.
 * Raises nothing.
 */
extern bool worker_wake_for_llm(Oid database, LlmWake why);

#endif /* INTEL_WORKER_WORKER_H */
