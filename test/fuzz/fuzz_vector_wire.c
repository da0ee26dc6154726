/* sources: src/vector/vector_wire.c */
/*
 * Binary input of vector, halfvec and sparsevec: never reads past the message,
 * never writes past what the head announced, and what it accepts is valid.
 * The first byte chooses the type.
 */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vector/half.h"
#include "vector/vector.h"
#include "vector/vector_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_dense(const uint8_t *data, size_t size, size_t element_size)
{
	void *elements;
	int dim;

	if (dense_wire_head(data, size, VECTOR_MAX_DIM, &dim) !=
		VECTOR_WIRE_OK)
		return;
	assert(dim >= 1 && dim <= VECTOR_MAX_DIM);
	elements = malloc(dim * element_size);
	if (dense_wire_elements(data, size, element_size, dim, elements) ==
		VECTOR_WIRE_OK)
	{
		assert(dense_wire_size(element_size, dim) <= size);
		for (int i = 0; i < dim; i++)
			assert(isfinite(element_size == sizeof(float)
								? ((float *) elements)[i]
								: half_to_float(((uint16_t *) elements)[i])));
	}
	free(elements);
}

static void
read_sparse(const uint8_t *data, size_t size)
{
	int32_t *indices;
	float *values;
	int dim;
	int nnz;

	if (sparse_wire_head(data, size, &dim, &nnz) != VECTOR_WIRE_OK)
		return;
	assert(dim >= 1 && dim <= SPARSEVEC_MAX_DIM);
	assert(nnz >= 0 && nnz <= SPARSEVEC_MAX_NNZ && nnz <= dim);
	indices = malloc(nnz * sizeof(int32_t));
	values = malloc(nnz * sizeof(float));
	if (sparse_wire_elements(data, size, dim, nnz, indices, values) ==
		VECTOR_WIRE_OK)
	{
		assert(sparse_wire_size(nnz) <= size);
		for (int i = 0; i < nnz; i++)
		{
			assert(indices[i] > (i > 0 ? indices[i - 1] : -1));
			assert(indices[i] < dim);
			assert(isfinite(values[i]) && values[i] != 0);
		}
	}
	free(indices);
	free(values);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *message;

	if (size == 0)
		return 0;
	/* a block of its own, so the sanitizer sees the first byte too far */
	message = malloc(size - 1);
	memcpy(message, data + 1, size - 1);
	switch (data[0] % 3)
	{
		case 0:
			read_dense(message, size - 1, sizeof(float));
			break;
		case 1:
			read_dense(message, size - 1, sizeof(uint16_t));
			break;
		case 2:
			read_sparse(message, size - 1);
			break;
	}
	free(message);
	return 0;
}
