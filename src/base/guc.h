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

/* intel.default_embedding_model: of embed without a model */
extern char *guc_default_embedding_model;
/* intel.default_model: of complete and chat without a model */
extern char *guc_default_model;
/* intel.llm_max_response_bytes: a longer answer is refused */
extern int guc_llm_max_response_bytes;
/* intel.llm_timeout: of a call, where the provider has none */
extern int guc_llm_timeout;
/* intel.secret_directory: where secrets "file:NAME" are */
extern char *guc_secret_directory;
/* intel.simd: which distance kernels to use */
typedef enum GucSimd
{
	GUC_SIMD_AUTO,
	GUC_SIMD_SCALAR,
	GUC_SIMD_AVX2,
	GUC_SIMD_AVX512,
	GUC_SIMD_NEON
} GucSimd;

extern int guc_simd;

/*
 * Set by the owner of the kernels before guc_init: does this machine have a
 * level, and switch to it.
 */
extern bool (*guc_simd_available)(int level);
extern void (*guc_simd_apply)(int level);

/* intel.tenant_claim: the claim, or else the setting, that names the tenant */
extern char *guc_tenant_claim;

/*
 * Define all settings and reserve the prefix "intel". Called once by
 * _PG_init. Settings that need preload are defined only while preloading.
 */
extern void guc_init(void);

#endif /* INTEL_BASE_GUC_H */
