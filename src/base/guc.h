/*-------------------------------------------------------------------------
 *
 * guc.h
 *		Every setting of the extension. guc.c is the only file that defines
 *		settings; it keeps them in alphabetical order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_GUC_H
#define INTEL_BASE_GUC_H

/* intel.tenant_claim: the claim, or else the setting, that names the tenant */
extern char *guc_tenant_claim;

/*
 * Define all settings and reserve the prefix "intel". Called once by
 * _PG_init. Settings that need preload are defined only while preloading.
 */
extern void guc_init(void);

#endif /* INTEL_BASE_GUC_H */
