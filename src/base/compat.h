/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Differences between server versions, and how functions are exported.
 *
 * This is the only file that looks at PG_VERSION_NUM. A wrapper has the
 * signature of the newest server and maps it to the older ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_COMPAT_H
#define INTEL_BASE_COMPAT_H

#include "fmgr.h"

#if PG_VERSION_NUM < 150000
#error "intel needs PostgreSQL 15 or newer"
#endif

#define PG16_GE (PG_VERSION_NUM >= 160000)
#define PG17_GE (PG_VERSION_NUM >= 170000)
#define PG18_GE (PG_VERSION_NUM >= 180000)

/* The macros of varlenas: before 16, postgres.h had them. */
#if PG16_GE
#include "varatt.h"
#endif

/*
 * The library is built with hidden visibility, because backends load it into
 * one global namespace. INTEL_FUNCTION(x) declares and exports intel_x, the C
 * symbol behind the SQL function x.
 */
#define INTEL_EXPORT __attribute__((visibility("default")))

#define INTEL_FUNCTION(name)                                                  \
	extern INTEL_EXPORT Datum intel_##name(PG_FUNCTION_ARGS);                 \
	extern INTEL_EXPORT const Pg_finfo_record *pg_finfo_intel_##name(void);   \
	PG_FUNCTION_INFO_V1(intel_##name)

/*
 * Soft errors of input functions: before 16, every error is a hard one.
 */
#if PG16_GE
#include "nodes/miscnodes.h"
#else
#define errsave(context, ...)                                                 \
	do                                                                        \
	{                                                                         \
		(void) (context);                                                     \
		ereport(ERROR, __VA_ARGS__);                                          \
	} while (0)
#define ereturn(context, dummy_value, ...) errsave(context, __VA_ARGS__)
#endif

/*
 * Waiting: before 17, the set belonged to a memory context, and extensions
 * had one wait event for all of them.
 */
#include "storage/latch.h"
#include "utils/memutils.h"
#if PG17_GE
#include "utils/wait_event.h"
#else
#include "pgstat.h"
#define CreateWaitEventSet(resowner, nevents)                                 \
	(CreateWaitEventSet)(TopMemoryContext, nevents)
#define WaitEventExtensionNew(name) PG_WAIT_EXTENSION
#endif

/*
 * The snapshot that sees the chunks of every value whose row is seen. Before
 * 18 it is filled in by the caller's side.
 */
#if PG18_GE
#define compat_toast_snapshot(space) ((void) (space), get_toast_snapshot())
#else
#define compat_toast_snapshot(space) (init_toast_snapshot(space), (space))
#endif

/* From 18 on the vacuum delay is told apart from that of ANALYZE. */
#if PG18_GE
#define compat_vacuum_delay_point() vacuum_delay_point(false)
#else
#define compat_vacuum_delay_point() vacuum_delay_point()
#endif

/* From 18 on, paths that must not be taken are counted, not priced. */
#if PG18_GE
#define compat_path_disable(path) ((path)->disabled_nodes = 2)
#else
#define compat_path_disable(path) ((void) (path))
#endif

/*
 * Workers that a build may have. From 17 on the server itself asks the
 * planner, for access methods that say they can use some. The other side needs
 * optimizer/optimizer.h.
 */
#if PG17_GE
#define compat_build_parallel(am) ((am)->amcanbuildparallel = true)
#define compat_build_workers(heap, index, info) ((info)->ii_ParallelWorkers)
#else
#define compat_build_parallel(am) ((void) (am))
#define compat_build_workers(heap, index, info)                               \
	plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index))
#endif

/* Before 16, files of relations were called nodes. */
#if PG16_GE
#include "storage/relfilelocator.h"
typedef RelFileLocator CompatLocator;
#define compat_locator(rel) ((rel)->rd_locator)
#define compat_file_number(rel) ((rel)->rd_locator.relNumber)
#else
#include "storage/relfilenode.h"
typedef RelFileNode CompatLocator;
#define compat_locator(rel) ((rel)->rd_node)
#define compat_file_number(rel) ((rel)->rd_node.relNode)
#endif

#endif /* INTEL_BASE_COMPAT_H */
