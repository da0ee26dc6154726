/*-------------------------------------------------------------------------
 *
 * vector_wire.h
 *		Reading vectors from their binary forms. Pure.
 *
 * Network byte order. Dense: dimensions and zero as int16, then the elements
 * as float4 or 16-bit half. Sparse: dimensions, number of elements and zero
 * as int32, then the indexes from 0, ascending, as int32, then the values,
 * which are not zero, as float4.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_VECTOR_VECTOR_WIRE_H
#define INTEL_VECTOR_VECTOR_WIRE_H

#include <stddef.h>
#include <stdint.h>

typedef enum VectorWireStatus
{
	VECTOR_WIRE_OK,
	VECTOR_WIRE_SHORT,			 /* fewer bytes than it says */
	VECTOR_WIRE_NO_DIMENSIONS,	 /* dimensions below 1 */
	VECTOR_WIRE_MANY_DIMENSIONS, /* above the limit of the type */
	VECTOR_WIRE_NEGATIVE_COUNT,	 /* of elements */
	VECTOR_WIRE_MANY_ELEMENTS,	 /* above SPARSEVEC_MAX_NNZ */
	VECTOR_WIRE_MORE_THAN_DIM,	 /* elements than dimensions */
	VECTOR_WIRE_UNUSED,			 /* the word that must be zero is not */
	VECTOR_WIRE_INDEX_BOUNDS,
	VECTOR_WIRE_INDEX_ORDER,
	VECTOR_WIRE_INDEX_DUPLICATE,
	VECTOR_WIRE_NAN,
	VECTOR_WIRE_INFINITE,
	VECTOR_WIRE_ZERO /* stored zero in a sparse vector */
} VectorWireStatus;

/*
 * Check the head of a dense vector, at the start of a message of size bytes.
 * Sets *dim also when something else is wrong.
 */
extern VectorWireStatus dense_wire_head(const uint8_t *data, size_t size,
										int max_dim, int *dim);

/* Bytes of a whole dense vector, with elements of 2 or 4 bytes. */
extern size_t dense_wire_size(size_t element_size, int dim);

/*
 * Read the dim elements that dense_wire_head found, from the same message. The
 * first thing wrong is reported, be it an element or the end of the message.
 */
extern VectorWireStatus dense_wire_elements(const uint8_t *data, size_t size,
											size_t element_size, int dim,
											void *elements);

/* The same for sparse vectors. */
extern VectorWireStatus sparse_wire_head(const uint8_t *data, size_t size,
										 int *dim, int *nnz);
extern size_t sparse_wire_size(int nnz);
extern VectorWireStatus sparse_wire_elements(const uint8_t *data, size_t size,
											 int dim, int nnz,
											 int32_t *indices, float *values);

#endif /* INTEL_VECTOR_VECTOR_WIRE_H */
