/*-------------------------------------------------------------------------
 *
 * ann_kernels.h
 *		The inner loops of the index, one table per instruction set.
 *
 * Pure. Everything a scan computes comes out the same bit for bit from every
 * table, so a standby on another machine orders candidates as its primary
 * does: sums over lookup tables are integers, and float sums keep the same
 * 64 lanes, the same tree and no fused operations everywhere. Only products,
 * which builds use, may differ in rounding.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_ANN_ANN_KERNELS_H
#define INTEL_ANN_ANN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Vectors in a block; fixed by the on-disk format. */
#define ANN_BLOCK 32

/* Dimensions are padded to a multiple of this, so kernels have no tails. */
#define ANN_DIM_UNIT 64

/* 16,384 * 255 * this fits 32 bits. */
#define ANN_RANK_LIMIT 511

/* Rows and columns of one step of products. */
#define ANN_ROWS 8
#define ANN_COLUMNS 32

/* What bounds are made of; see ann_rabitq.h. Arrays of ANN_BLOCK. */
typedef struct AnnTerms
{
	float step;
	float bias;
	float base;
	float reach;
	const float *add;
	const float *scale;
	const float *error;
	uint32_t mask; /* entries that count */
	float cut;	   /* below infinity */
} AnnTerms;

typedef struct AnnKernels
{
	const char *name;

	/*
	 * For each vector v of a block, sums[v] = sum over groups g of
	 * lut[16 * g + nibble(g, v)]. Byte 16 * g + j of codes holds the nibble
	 * of vector j (low) and of vector j + 16 (high). groups is a multiple of
	 * 16. No alignment is needed.
	 */
	void (*sum_block)(int groups, const uint8_t *codes, const uint8_t *lut,
					  uint32_t *sums);

	/*
	 * bounds[v] = base + add[v] + scale[v] * (step * sums[v] + bias) - reach *
	 * error[v], but minus infinity where that is no number, no more than
	 * FLT_MAX, and infinity for what is not in mask. Returns the bit of each
	 * that is at or below cut.
	 */
	uint32_t (*bounds)(const AnnTerms *terms, const uint32_t *sums,
					   float *bounds);

	/* The bit of each of ANN_BLOCK keys that equals key. */
	uint32_t (*match)(const uint32_t *keys, uint32_t key);

	/*
	 * The same, added to bits, for each of n blocks of keys of two bytes, of
	 * which first and second bytes lie apart. Where no first byte is right the
	 * second ones are not read. Returns what was added anywhere.
	 */
	uint32_t (*match_bytes)(int n, const uint8_t *first, const uint8_t *second,
							uint16_t key, uint32_t *bits);

	/* Sum of code[i] * query[i]; n is a multiple of ANN_DIM_UNIT. */
	float (*dot_bytes)(size_t n, const uint8_t *code, const float *query);

	/*
	 * The same over 4-bit codes: byte i holds element i of the first half of
	 * the query (low) and element i of the second half (high). n counts
	 * elements and is a multiple of 2 * ANN_DIM_UNIT.
	 */
	float (*dot_nibbles)(size_t n, const uint8_t *code, const float *query);

	/*
	 * Sum of code[i] * query[i] in integers, for queries of at most
	 * ANN_RANK_LIMIT; n is at most 16,384 and as in dot_bytes.
	 */
	int32_t (*dot_rank)(size_t n, const uint8_t *code, const int16_t *query);

	/* Inner product; n as in dot_bytes. */
	float (*dot)(size_t n, const float *a, const float *b);

	/*
	 * out[r * ANN_COLUMNS + c] = inner product of row r and column c, over n
	 * dimensions. Rows are contiguous; panel[i * ANN_COLUMNS + c] is
	 * dimension i of column c.
	 */
	void (*products)(size_t n, const float *rows, const float *panel,
					 float *out);
} AnnKernels;

/* The reference, which is what a compiler turns into vectors by itself. */
extern uint32_t ann_bounds_scalar(const AnnTerms *terms, const uint32_t *sums,
								  float *bounds);

/* The table in use; never NULL. */
extern const AnnKernels *ann_kernels;

/* NULL where this build or this CPU does not have the instruction set. */
extern const AnnKernels *ann_kernels_scalar(void);
extern const AnnKernels *ann_kernels_avx2(void);
extern const AnnKernels *ann_kernels_avx512(void);
extern const AnnKernels *ann_kernels_neon(void);

/* Choose the fastest table of this machine. Called once by _PG_init. */
extern void ann_kernels_init(void);

/* Use the table of this name where it exists, else the fastest. */
extern void ann_kernels_select(const char *name);

#endif /* INTEL_ANN_ANN_KERNELS_H */
