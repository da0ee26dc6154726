/* sources: src/vector/distance.c src/vector/distance_avx2.c src/vector/distance_avx512.c src/vector/distance_neon.c */
/*
 * Every kernel of every instruction set of this machine against the scalar
 * reference. The input chooses length, alignment and kind of the elements;
 * the kinds are: random, denormal, huge, tiny, sparse, equal vectors, and raw
 * bytes of the input.
 *
 * Sums must agree within 1e-5 of the sum of the absolute terms, and must
 * overflow together unless they come near the limit. Bits and conversions
 * must agree exactly. Vectors lie at the end of their allocation, so the
 * sanitizer sees a read of one byte too many.
 */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vector/distance.h"
#include "vector/half.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum
{
	RANDOM,
	DENORMAL,
	HUGE_VALUES,
	TINY,
	SPARSE,
	EQUAL,
	RAW,
	KINDS
};

typedef struct Input
{
	size_t n;
	float *a; /* aligned, for the reference in double */
	float *b;
	uint16_t *ha;
	uint16_t *hb;
} Input;

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* uniform in [-1, 1) */
static float
uniform(uint64_t *state)
{
	return (float) (next_random(state) >> 40) * 0x1p-23f - 1.0f;
}

static float
element(int kind, uint64_t *state)
{
	switch (kind)
	{
		case DENORMAL:
			return uniform(state) * FLT_MIN;
		case HUGE_VALUES:
			return uniform(state) * FLT_MAX;
		case TINY:
			return uniform(state) * 1e-18f;
		case SPARSE:
			return next_random(state) % 8 == 0 ? uniform(state) * 100 : 0;
		default:
			return uniform(state) * 10;
	}
}

static uint16_t
half_element(int kind, uint64_t *state)
{
	float scale = kind == HUGE_VALUES ? 65000.0f
				  : kind == DENORMAL  ? 6e-5f
				  : kind == TINY	  ? 1e-3f
									  : 1.0f;

	return half_from_float(uniform(state) * scale);
}

/* Copy to the end of a block, at offset 0 to 15 from an aligned address. */
static void *
place(const void *from, size_t bytes, unsigned offset, void **block)
{
	char *p = malloc(bytes + offset);

	*block = p;
	if (bytes > 0)
		memcpy(p + offset, from, bytes);
	return p + offset;
}

/* Is result the sum of terms, up to rounding? */
static void
check_sum(const char *what, const char *name, size_t n, double expected,
		  double magnitude, float reference, float result)
{
	/* near the limit one order of adding overflows and another does not */
	if (!(magnitude < FLT_MAX / 2))
		return;
	if (isfinite(result) &&
		fabs(result - expected) <= 1e-5 * magnitude + n * FLT_TRUE_MIN &&
		fabs(result - reference) <= 1e-5 * magnitude + n * FLT_TRUE_MIN)
		return;
	fprintf(stderr, "%s %s n=%zu: %.9g, scalar %.9g, exact %.17g of %.17g\n",
			name, what, n, result, reference, expected, magnitude);
	abort();
}

/* All sums of a pair in double, and of their absolute terms. */
typedef struct Exact
{
	double l2, ip, abs_ip, l1, na, nb;
} Exact;

static Exact
exact_sums(size_t n, const float *a, const float *b)
{
	Exact e = {0};

	for (size_t i = 0; i < n; i++)
	{
		double x = a[i];
		double y = b[i];

		e.l2 += (x - y) * (x - y);
		e.ip += x * y;
		e.abs_ip += fabs(x * y);
		e.l1 += fabs(x - y);
		e.na += x * x;
		e.nb += y * y;
	}
	return e;
}

static void
check_cosine(const char *name, size_t n, const Exact *e, VectorCosine r,
			 VectorCosine k)
{
	check_sum("cosine dot", name, n, e->ip, e->abs_ip, r.dot, k.dot);
	check_sum("cosine a", name, n, e->na, e->na, r.norm_a, k.norm_a);
	check_sum("cosine b", name, n, e->nb, e->nb, r.norm_b, k.norm_b);
}

static void
check_floats(const VectorKernels *k, const VectorKernels *r, const Input *in,
			 unsigned offset)
{
	size_t n = in->n;
	void *block_a;
	void *block_b;
	const VectorFloat *a =
		place(in->a, n * sizeof(float), offset % 16, &block_a);
	const VectorFloat *b =
		place(in->b, n * sizeof(float), offset / 16 % 16, &block_b);
	Exact e = exact_sums(n, in->a, in->b);
	double norm = k->norm_squared(n, a);

	check_sum("l2", k->name, n, e.l2, e.l2, r->l2_squared(n, a, b),
			  k->l2_squared(n, a, b));
	check_sum("ip", k->name, n, e.ip, e.abs_ip, r->inner_product(n, a, b),
			  k->inner_product(n, a, b));
	check_sum("l1", k->name, n, e.l1, e.l1, r->l1(n, a, b), k->l1(n, a, b));
	check_cosine(k->name, n, &e, r->cosine(n, a, b), k->cosine(n, a, b));
	assert(fabs(norm - e.na) <= 1e-12 * e.na);
	/* a vector has distance 0 from itself, exactly */
	assert(k->l2_squared(n, a, a) == 0 && k->l1(n, a, a) == 0);

	free(block_a);
	free(block_b);
}

static void
check_halves(const VectorKernels *k, const VectorKernels *r, const Input *in,
			 unsigned offset)
{
	size_t n = in->n;
	size_t size = (n ? n : 1) * sizeof(float);
	void *block_a;
	void *block_b;
	const VectorHalf *a =
		place(in->ha, n * sizeof(uint16_t), offset % 16, &block_a);
	const VectorHalf *b =
		place(in->hb, n * sizeof(uint16_t), offset / 16 % 16, &block_b);
	float *x = malloc(size);
	float *y = malloc(size);
	Exact e;

	k->half_to_float(n, a, x);
	k->half_to_float(n, b, y);
	for (size_t i = 0; i < n; i++)
	{
		float expected = half_to_float(in->ha[i]);

		assert(memcmp(&x[i], &expected, sizeof(float)) == 0);
		assert(half_from_float(x[i]) == in->ha[i]);
	}
	e = exact_sums(n, x, y);
	check_sum("half l2", k->name, n, e.l2, e.l2, r->half_l2_squared(n, a, b),
			  k->half_l2_squared(n, a, b));
	check_sum("half ip", k->name, n, e.ip, e.abs_ip,
			  r->half_inner_product(n, a, b), k->half_inner_product(n, a, b));
	check_sum("half l1", k->name, n, e.l1, e.l1, r->half_l1(n, a, b),
			  k->half_l1(n, a, b));
	check_cosine(k->name, n, &e, r->half_cosine(n, a, b),
				 k->half_cosine(n, a, b));

	free(x);
	free(y);
	free(block_a);
	free(block_b);
}

static void
check_bits(const VectorKernels *k, const Input *in, unsigned offset)
{
	size_t nbytes = in->n;
	void *block_a;
	void *block_b;
	const uint8_t *a = place(in->a, nbytes, offset % 16, &block_a);
	const uint8_t *b = place(in->b, nbytes, offset / 16 % 16, &block_b);
	VectorOverlap overlap = k->overlap(nbytes, a, b);
	uint64_t different = 0;
	uint64_t both = 0;
	uint64_t any = 0;

	for (size_t i = 0; i < nbytes; i++)
	{
		different += __builtin_popcount(a[i] ^ b[i]);
		both += __builtin_popcount(a[i] & b[i]);
		any += __builtin_popcount(a[i] | b[i]);
	}
	assert(k->hamming(nbytes, a, b) == different);
	assert(overlap.both == both && overlap.any == any);

	free(block_a);
	free(block_b);
}

static void
fill(Input *in, int kind, uint64_t *state, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < in->n; i++)
	{
		in->a[i] = element(kind, state);
		in->b[i] = kind == EQUAL ? in->a[i] : element(kind, state);
		in->ha[i] = half_element(kind, state);
		in->hb[i] = kind == EQUAL ? in->ha[i] : half_element(kind, state);
	}
	if (kind != RAW)
		return;
	/* elements are finite; everything else may come */
	for (size_t i = 0; i < in->n && (i + 1) * 4 <= size; i++)
	{
		float value;
		uint16_t half;

		memcpy(&value, data + i * 4, 4);
		memcpy(&half, data + i * 4, 2);
		if (isfinite(value))
			in->a[i] = value;
		if ((half & 0x7c00) != 0x7c00)
			in->ha[i] = half;
	}
}

static void
check_all(Input *in, unsigned offset)
{
	const VectorKernels *tables[] = {distance_scalar(), distance_avx2(),
									 distance_avx512(), distance_neon()};

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		if (tables[t] != NULL)
		{
			check_floats(tables[t], tables[0], in, offset);
			check_halves(tables[t], tables[0], in, offset);
			check_bits(tables[t], in, offset);
		}
}

static void
run(size_t n, int kind, unsigned offset, uint64_t seed, const uint8_t *data,
	size_t size)
{
	size_t count = n ? n : 1;
	Input in = {.n = n,
				.a = malloc(count * sizeof(float)),
				.b = malloc(count * sizeof(float)),
				.ha = malloc(count * sizeof(uint16_t)),
				.hb = malloc(count * sizeof(uint16_t))};

	fill(&in, kind, &seed, data, size);
	check_all(&in, offset);
	free(in.a);
	free(in.b);
	free(in.ha);
	free(in.hb);
}

/* Every half and back; every length up to 200 of every kind. Once. */
static void
sweep(void)
{
	for (uint32_t h = 0; h < 0x10000; h++)
		if ((h & 0x7c00) != 0x7c00)
			assert(half_from_float(half_to_float((uint16_t) h)) == h);
	for (size_t n = 0; n <= 200; n++)
		for (int kind = 0; kind < KINDS; kind++)
			run(n, kind, (unsigned) (n * 37 + kind * 5), n * KINDS + kind,
				NULL, 0);
	for (int kind = 0; kind < KINDS; kind++)
	{
		run(3072, kind, kind, kind, NULL, 0);
		run(15999, kind, 17 * kind, kind, NULL, 0);
		run(16000, kind, 0, kind, NULL, 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int swept = 0;
	uint64_t seed = 0;

	if (!swept)
		sweep();
	swept = 1;

	/* length (2 bytes), alignment, kind, seed (4 bytes), raw elements */
	if (size < 8)
		return 0;
	memcpy(&seed, data + 4, 4);
	run((data[0] | data[1] << 8) % 2049, data[3] % KINDS, data[2], seed,
		data + 8, size - 8);
	return 0;
}
