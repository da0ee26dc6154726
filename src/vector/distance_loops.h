/*-------------------------------------------------------------------------
 *
 * distance_loops.h
 *		The loops that the kernels of all instruction sets share.
 *
 * A file of kernels defines a register and what is done with one, and then
 * expands these macros:
 *
 *	TARGET						attributes of its functions
 *	Lanes, LANES				a register of floats, and how many it holds
 *	zero(), plus(a, b), sum(v)	of registers; sum adds the lanes of one
 *	add_product(acc, a, b)		acc + a * b, and others of this shape
 *	LOAD(p), LOAD_SOME(p, n)	LANES elements, or the first n and zeros
 *
 * Four registers are enough independent sums to hide the latency of a fused
 * multiply-add. What is left after the last whole step goes one register at a
 * time, and the rest through LOAD_SOME, which reads nothing behind the vector.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_VECTOR_DISTANCE_LOOPS_H
#define INTEL_VECTOR_DISTANCE_LOOPS_H

/* A distance that is one sum; ADD adds the terms of two registers to acc. */
#define DEFINE_KERNEL(name, TYPE, ADD, LOAD, LOAD_SOME)                       \
	TARGET static float name(size_t n, const TYPE *a, const TYPE *b)          \
	{                                                                         \
		Lanes acc[4] = {zero(), zero(), zero(), zero()};                      \
		size_t i = 0;                                                         \
                                                                              \
		for (; i + 4 * LANES <= n; i += 4 * LANES)                            \
		{                                                                     \
			acc[0] = ADD(acc[0], LOAD(a + i), LOAD(b + i));                   \
			acc[1] = ADD(acc[1], LOAD(a + i + LANES), LOAD(b + i + LANES));   \
			acc[2] = ADD(acc[2], LOAD(a + i + 2 * LANES),                     \
						 LOAD(b + i + 2 * LANES));                            \
			acc[3] = ADD(acc[3], LOAD(a + i + 3 * LANES),                     \
						 LOAD(b + i + 3 * LANES));                            \
		}                                                                     \
		for (; i + LANES <= n; i += LANES)                                    \
			acc[0] = ADD(acc[0], LOAD(a + i), LOAD(b + i));                   \
		if (i < n)                                                            \
			acc[1] = ADD(acc[1], LOAD_SOME(a + i, n - i),                     \
						 LOAD_SOME(b + i, n - i));                            \
		return sum(plus(plus(acc[0], acc[1]), plus(acc[2], acc[3])));         \
	}

/* One step of the three sums of the cosine. */
#define ADD_COSINE(acc, a, b)                                                 \
	do                                                                        \
	{                                                                         \
		Lanes x = (a);                                                        \
		Lanes y = (b);                                                        \
                                                                              \
		(acc)[0] = add_product((acc)[0], x, y);                               \
		(acc)[1] = add_product((acc)[1], x, x);                               \
		(acc)[2] = add_product((acc)[2], y, y);                               \
	} while (0)

#define DEFINE_COSINE(name, TYPE, LOAD, LOAD_SOME)                            \
	TARGET static VectorCosine name(size_t n, const TYPE *a, const TYPE *b)   \
	{                                                                         \
		Lanes even[3] = {zero(), zero(), zero()};                             \
		Lanes odd[3] = {zero(), zero(), zero()};                              \
		size_t i = 0;                                                         \
                                                                              \
		for (; i + 2 * LANES <= n; i += 2 * LANES)                            \
		{                                                                     \
			ADD_COSINE(even, LOAD(a + i), LOAD(b + i));                       \
			ADD_COSINE(odd, LOAD(a + i + LANES), LOAD(b + i + LANES));        \
		}                                                                     \
		for (; i + LANES <= n; i += LANES)                                    \
			ADD_COSINE(even, LOAD(a + i), LOAD(b + i));                       \
		if (i < n)                                                            \
			ADD_COSINE(odd, LOAD_SOME(a + i, n - i),                          \
					   LOAD_SOME(b + i, n - i));                              \
		return (VectorCosine){.dot = sum(plus(even[0], odd[0])),              \
							  .norm_a = sum(plus(even[1], odd[1])),           \
							  .norm_b = sum(plus(even[2], odd[2]))};          \
	}

/* The distances of both element types. */
#define DEFINE_DISTANCES()                                                    \
	DEFINE_KERNEL(l2_squared, VectorFloat, add_l2, load, load_some)           \
	DEFINE_KERNEL(inner_product, VectorFloat, add_product, load, load_some)   \
	DEFINE_KERNEL(l1, VectorFloat, add_l1, load, load_some)                   \
	DEFINE_COSINE(cosine, VectorFloat, load, load_some)                       \
	DEFINE_KERNEL(half_l2_squared, VectorHalf, add_l2, load_half,             \
				  load_some_half)                                             \
	DEFINE_KERNEL(half_inner_product, VectorHalf, add_product, load_half,     \
				  load_some_half)                                             \
	DEFINE_KERNEL(half_l1, VectorHalf, add_l1, load_half, load_some_half)     \
	DEFINE_COSINE(half_cosine, VectorHalf, load_half, load_some_half)

/* A table of the functions of these names in the file. */
#define KERNEL_TABLE(isa)                                                     \
	{                                                                         \
		.name = isa, .l2_squared = l2_squared,                                \
		.inner_product = inner_product, .l1 = l1, .cosine = cosine,           \
		.norm_squared = norm_squared, .half_l2_squared = half_l2_squared,     \
		.half_inner_product = half_inner_product, .half_l1 = half_l1,         \
		.half_cosine = half_cosine, .half_to_float = halves_to_floats,        \
		.hamming = hamming, .overlap = overlap,                               \
	}

#endif /* INTEL_VECTOR_DISTANCE_LOOPS_H */
