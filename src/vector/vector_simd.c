/*-------------------------------------------------------------------------
 *
 * vector_simd.c
 *		The settings intel.simd and intel.simd_status: which kernels are in
 *		use.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/guc.h"
#include "vector/distance.h"

static const VectorKernels *
kernels_of(GucSimd level)
{
	switch (level)
	{
		case GUC_SIMD_SCALAR:
			return distance_scalar();
		case GUC_SIMD_AVX2:
			return distance_avx2();
		case GUC_SIMD_AVX512:
			return distance_avx512();
		case GUC_SIMD_NEON:
			return distance_neon();
		case GUC_SIMD_AUTO:
			break;
	}
	return distance_best();
}

static bool
have_level(int level)
{
	return kernels_of(level) != NULL;
}

static void
use_level(int level)
{
	vector_kernels = kernels_of(level);
}

static const char *
used_level(void)
{
	return vector_kernels->name;
}

void
vector_init(void)
{
	guc_simd_available = have_level;
	guc_simd_apply = use_level;
	guc_simd_name = used_level;
	use_level(GUC_SIMD_AUTO);
}
