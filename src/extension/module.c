/*-------------------------------------------------------------------------
 *
 * module.c
 *		Entry point of the library: defines settings, registers what needs
 *		preload, and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "ann/ann.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/jansson_memory.h"
#include "llm/llm.h"
#include "vector/vector.h"
#include "worker/worker.h"

extern INTEL_EXPORT const Pg_magic_struct *Pg_magic_func(void);
extern INTEL_EXPORT void _PG_init(void);

PG_MODULE_MAGIC;

INTEL_FUNCTION(version);

void
_PG_init(void)
{
	jansson_memory_watch();
	vector_init();
	guc_init();
	ann_init();
	llm_set_wake(worker_wake_for_llm);
	if (process_shared_preload_libraries_in_progress)
		llm_init();
	worker_init();
}

Datum
intel_version(PG_FUNCTION_ARGS pg_attribute_unused())
{
	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text(INTEL_VERSION));
}
