/*-------------------------------------------------------------------------
 *
 * distance.h
 *		The kernel tables, one per instruction set. Private to this folder;
 *		others use vector_kernels of vector.h.
 *
 * distance_<isa>.c holds the kernels of one instruction set, compiled for it
 * by target attributes, so one library runs on every machine. The function
 * distance_<isa>() returns its table, or NULL where this build or this CPU
 * does not have it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_VECTOR_DISTANCE_H
#define INTEL_VECTOR_DISTANCE_H

#include "vector/vector.h"

extern const VectorKernels *distance_scalar(void);
extern const VectorKernels *distance_avx2(void);
extern const VectorKernels *distance_avx512(void);
extern const VectorKernels *distance_neon(void);

/* The fastest table of this machine. */
extern const VectorKernels *distance_best(void);

#endif /* INTEL_VECTOR_DISTANCE_H */
