/*-------------------------------------------------------------------------
 *
 * shmem.h
 *		Shared memory and the one LWLock of the extension.
 *
 * A module registers its area from _PG_init while the server preloads
 * libraries. Without preload the areas stay NULL and whatever needs them says
 * so; everything else works.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_SHMEM_H
#define INTEL_BASE_SHMEM_H

#include "storage/condition_variable.h"
#include "storage/lwlock.h"

/*
 * Ask for size bytes of shared memory, zeroed, then passed once to init
 * (may be NULL) when they are created; *area points at them in every process
 * from then on. name and area must live for ever. Only while preloading, at
 * most SHMEM_MAX_AREAS times.
 */
#define SHMEM_MAX_AREAS 8
extern void shmem_register(const char *name, Size size, void (*init)(void *),
						   void **area);

/* The same for a condition variable alone. */
extern void shmem_register_condition(const char *name,
									 ConditionVariable **condition);

/* Guards every area. Level 4 of the lock order: no SPI, no I/O under it. */
extern LWLock *shmem_lock(void);

/* True when the library was preloaded and shared memory is there. */
extern bool shmem_available(void);

#endif /* INTEL_BASE_SHMEM_H */
