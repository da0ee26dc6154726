/*
 * Nanoseconds per distance of every kernel of this machine, for vectors in the
 * first-level cache and for a stream of them from memory, and which part of
 * the load bandwidth of one core the stream reaches. Rounds over the tables
 * alternate; medians are printed. With the argument "stream", only that
 * bandwidth.
 *
 * The clock is the CPU time of this process, so that what else runs on the
 * machine counts only by the caches and the bandwidth it takes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vector/distance.h"

#define ROUNDS 15
#define MEMORY_BYTES ((size_t) 512 << 20)
#define STREAM_BYTES ((size_t) 64 << 20)
#define TABLES 4

static volatile float sink;

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
median(double *values)
{
	qsort(values, ROUNDS, sizeof(double), compare_doubles);
	return values[ROUNDS / 2];
}

/*
 * The part of the memory to stream next. It comes round again only after all
 * others, so nothing of it is in a cache.
 */
static const char *
next_part(const char *memory)
{
	static size_t offset = 0;

	offset = (offset + STREAM_BYTES) % MEMORY_BYTES;
	return memory + offset;
}

/* A column of the report. */
typedef enum Kernel
{
	L2,
	IP,
	COSINE,
	L1,
	HALF_L2,
	HALF_COSINE,
	KERNELS
} Kernel;

static const char *const kernel_names[] = {"l2", "ip",		"cosine",
										   "l1", "half l2", "half cosine"};

static size_t
element_size(Kernel kernel)
{
	return kernel >= HALF_L2 ? sizeof(uint16_t) : sizeof(float);
}

static float
call(const VectorKernels *k, Kernel kernel, size_t n, const void *a,
	 const void *b)
{
	switch (kernel)
	{
		case L2:
			return k->l2_squared(n, a, b);
		case IP:
			return k->inner_product(n, a, b);
		case COSINE:
			return k->cosine(n, a, b).dot;
		case L1:
			return k->l1(n, a, b);
		case HALF_L2:
			return k->half_l2_squared(n, a, b);
		case HALF_COSINE:
			return k->half_cosine(n, a, b).dot;
		case KERNELS:
			break;
	}
	abort();
}

/* Nanoseconds per distance of the query to each vector of a stream. */
static double
streamed_ns(const VectorKernels *k, Kernel kernel, size_t n,
			const char *memory, const void *query)
{
	const char *data = next_part(memory);
	size_t stride = n * element_size(kernel);
	size_t count = STREAM_BYTES / stride;
	double began = now_ns();
	float sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += call(k, kernel, n, data + i * stride, query);
	sink = sum;
	return (now_ns() - began) / (double) count;
}

/* The same for one vector again and again. */
static double
cached_ns(const VectorKernels *k, Kernel kernel, size_t n, const char *data,
		  const void *query)
{
	int count = (int) (4000000 / n);
	double began = now_ns();
	float sum = 0;

	for (int i = 0; i < count; i++)
		sum += call(k, kernel, n, data, query);
	sink = sum;
	return (now_ns() - began) / count;
}

/* Bytes per nanosecond that plain loads of one core reach. */
static double
stream_rate(const char *memory)
{
	const uint64_t *p = (const uint64_t *) next_part(memory);
	uint64_t sum[8] = {0};
	double began = now_ns();
	double rate;

	for (size_t i = 0; i < STREAM_BYTES / 8; i += 8)
		for (int j = 0; j < 8; j++)
			sum[j] += p[i + j];
	rate = (double) STREAM_BYTES / (now_ns() - began);
	sink = (float) (sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^
					sum[6] ^ sum[7]);
	return rate;
}

static void
report(size_t dim, const VectorKernels *tables[], const char *data,
	   const float *query)
{
	static double cached[TABLES][KERNELS][ROUNDS];
	static double streamed[TABLES][KERNELS][ROUNDS];
	static double part[TABLES][KERNELS][ROUNDS];

	for (int round = 0; round < ROUNDS; round++)
		for (Kernel kernel = 0; kernel < KERNELS; kernel++)
			for (int t = 0; t < TABLES; t++)
				if (tables[t] != NULL)
				{
					double bytes = (double) dim * element_size(kernel);
					double ns;

					cached[t][kernel][round] =
						cached_ns(tables[t], kernel, dim, data, query);
					/* the two that are compared run next to each other */
					ns = streamed_ns(tables[t], kernel, dim, data, query);
					streamed[t][kernel][round] = ns;
					part[t][kernel][round] = bytes / ns / stream_rate(data);
				}

	for (int t = 0; t < TABLES; t++)
	{
		if (tables[t] == NULL)
			continue;
		printf("%5zu %-7s", dim, tables[t]->name);
		for (Kernel kernel = 0; kernel < KERNELS; kernel++)
		{
			char text[64];

			snprintf(text, sizeof(text), "%.0f / %.0f (%.0f%%)",
					 median(cached[t][kernel]), median(streamed[t][kernel]),
					 100 * median(part[t][kernel]));
			printf(" %-19s", text);
		}
		printf("\n");
	}
}

int
main(int argc, char **argv)
{
	static const size_t dims[] = {128, 384, 768, 1536, 3072};
	const VectorKernels *tables[TABLES] = {distance_scalar(), distance_avx2(),
										   distance_avx512(), distance_neon()};
	static float query[3072];
	double rates[ROUNDS];
	char *data = malloc(MEMORY_BYTES);

	/* bits that make small numbers as floats and as halves */
	for (size_t i = 0; i < MEMORY_BYTES / 2; i++)
		((uint16_t *) data)[i] = (uint16_t) (0x3000 + i % 1021);
	memcpy(query, data, sizeof(query));

	for (int round = 0; round < ROUNDS; round++)
		rates[round] = stream_rate(data);
	if (argc > 1 && strcmp(argv[1], "stream") == 0)
	{
		printf("%.1f\n", median(rates));
		return 0;
	}
	printf("one core loads %.1f GB/s from memory\n\n", median(rates));
	printf("ns per distance: in cache / from memory (part of that rate)\n");
	printf("%5s %-7s", "dims", "kernels");
	for (Kernel kernel = 0; kernel < KERNELS; kernel++)
		printf(" %-19s", kernel_names[kernel]);
	printf("\n");
	for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
		report(dims[d], tables, data, query);
	free(data);
	return 0;
}
