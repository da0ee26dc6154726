/*-------------------------------------------------------------------------
 *
 * vector_wire.c
 *		Reading vectors from their binary forms.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "vector/half.h"
#include "vector/vector.h"
#include "vector/vector_wire.h"

#define DENSE_HEAD 4   /* two int16 */
#define SPARSE_HEAD 12 /* three int32 */

static uint16_t
read16(const uint8_t *p)
{
	return (uint16_t) (p[0] << 8 | p[1]);
}

static uint32_t
read32(const uint8_t *p)
{
	return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 |
		   (uint32_t) p[2] << 8 | p[3];
}

static VectorWireStatus
check_element(float value)
{
	if (isnan(value))
		return VECTOR_WIRE_NAN;
	if (isinf(value))
		return VECTOR_WIRE_INFINITE;
	return VECTOR_WIRE_OK;
}

size_t
dense_wire_size(size_t element_size, int dim)
{
	return DENSE_HEAD + element_size * (size_t) dim;
}

VectorWireStatus
dense_wire_head(const uint8_t *data, size_t size, int max_dim, int *dim)
{
	*dim = 0;
	if (size < DENSE_HEAD)
		return VECTOR_WIRE_SHORT;
	*dim = (int16_t) read16(data);
	if (*dim < 1)
		return VECTOR_WIRE_NO_DIMENSIONS;
	if (*dim > max_dim)
		return VECTOR_WIRE_MANY_DIMENSIONS;
	if (read16(data + 2) != 0)
		return VECTOR_WIRE_UNUSED;
	return VECTOR_WIRE_OK;
}

VectorWireStatus
dense_wire_elements(const uint8_t *data, size_t size, size_t element_size,
					int dim, void *elements)
{
	const uint8_t *p = data + DENSE_HEAD;
	const uint8_t *end = data + size;

	for (int i = 0; i < dim; i++, p += element_size)
	{
		uint16_t half;
		float value;
		VectorWireStatus status;

		if ((size_t) (end - p) < element_size)
			return VECTOR_WIRE_SHORT;
		half = read16(p);
		value = element_size == sizeof(uint16_t)
					? half_to_float(half)
					: half_bits_to_float(read32(p));
		status = check_element(value);
		if (status != VECTOR_WIRE_OK)
			return status;
		if (element_size == sizeof(uint16_t))
			((uint16_t *) elements)[i] = half;
		else
			((float *) elements)[i] = value;
	}
	return VECTOR_WIRE_OK;
}

size_t
sparse_wire_size(int nnz)
{
	return SPARSE_HEAD + (sizeof(int32_t) + sizeof(float)) * (size_t) nnz;
}

VectorWireStatus
sparse_wire_head(const uint8_t *data, size_t size, int *dim, int *nnz)
{
	*dim = 0;
	*nnz = 0;
	if (size < SPARSE_HEAD)
		return VECTOR_WIRE_SHORT;
	*dim = (int32_t) read32(data);
	*nnz = (int32_t) read32(data + 4);
	if (*dim < 1)
		return VECTOR_WIRE_NO_DIMENSIONS;
	if (*dim > SPARSEVEC_MAX_DIM)
		return VECTOR_WIRE_MANY_DIMENSIONS;
	if (*nnz < 0)
		return VECTOR_WIRE_NEGATIVE_COUNT;
	if (*nnz > SPARSEVEC_MAX_NNZ)
		return VECTOR_WIRE_MANY_ELEMENTS;
	if (*nnz > *dim)
		return VECTOR_WIRE_MORE_THAN_DIM;
	if (read32(data + 8) != 0)
		return VECTOR_WIRE_UNUSED;
	return VECTOR_WIRE_OK;
}

VectorWireStatus
sparse_wire_elements(const uint8_t *data, size_t size, int dim, int nnz,
					 int32_t *indices, float *values)
{
	const uint8_t *p = data + SPARSE_HEAD;
	const uint8_t *end = data + size;

	for (int i = 0; i < nnz; i++, p += sizeof(int32_t))
	{
		if ((size_t) (end - p) < sizeof(int32_t))
			return VECTOR_WIRE_SHORT;
		indices[i] = (int32_t) read32(p);
		if (indices[i] < 0 || indices[i] >= dim)
			return VECTOR_WIRE_INDEX_BOUNDS;
		if (i > 0 && indices[i] < indices[i - 1])
			return VECTOR_WIRE_INDEX_ORDER;
		if (i > 0 && indices[i] == indices[i - 1])
			return VECTOR_WIRE_INDEX_DUPLICATE;
	}
	for (int i = 0; i < nnz; i++, p += sizeof(float))
	{
		VectorWireStatus status;

		if ((size_t) (end - p) < sizeof(float))
			return VECTOR_WIRE_SHORT;
		values[i] = half_bits_to_float(read32(p));
		status = check_element(values[i]);
		if (status != VECTOR_WIRE_OK)
			return status;
		if (values[i] == 0)
			return VECTOR_WIRE_ZERO;
	}
	return VECTOR_WIRE_OK;
}
