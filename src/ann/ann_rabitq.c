/*-------------------------------------------------------------------------
 *
 * ann_rabitq.c
 *		Rotation, codes and bounds; see ann_rabitq.h and README.md.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "ann/ann_rabitq.h"

#define ROUNDS 4
#define SQRT_HALF 0.70710678118654752f

/* Half a unit in the last place of a float. */
#define FLOAT_ROUNDING 5.9604645e-8f

#define INLINE static inline __attribute__((always_inline))

/* Squares beyond this are too near to overflow for bounds to be given. */
#define HUGE_SQUARE 1e30f

/* Below this the operator's own squares lose digits to underflow. */
#define TINY_SQUARE 1e-36f

/* Nibbles pair the halves of a vector, each of which has whole units. */
static int
pad(int dim, int bits)
{
	int unit = bits == 8 ? ANN_DIM_UNIT : 2 * ANN_DIM_UNIT;

	return (dim + unit - 1) / unit * unit;
}

int
ann_choose_bits(int dim, bool fine)
{
	if (fine && pad(dim, 12) <= ANN_MAX_FINE_DIM)
		return 12;
	return pad(dim, 8) <= ANN_MAX_BYTE_DIM ? 8 : 4;
}

AnnShape
ann_shape(AnnMetric metric, int dim, int bits)
{
	AnnShape shape;

	shape.metric = metric;
	shape.dim = dim;
	shape.bits = bits;
	shape.full_dim = pad(dim, bits);
	shape.byte_len = shape.full_dim * bits / 8;
	shape.code_dim =
		shape.full_dim < ANN_MAX_CODE_DIM ? shape.full_dim : ANN_MAX_CODE_DIM;
	shape.planes = shape.full_dim <= ANN_MAX_TWO_PLANES ? 2 : 1;
	shape.sign_len = shape.planes * shape.code_dim / 8;
	shape.lut_len = 4 * shape.planes * shape.code_dim;
	return shape;
}

/* ---- rotation ---- */

/* The bits of round and position; part of the on-disk format. */
static uint64_t
sign_bits(int round, int word)
{
	uint64_t z = 0x9E3779B97F4A7C15u * (uint64_t) (1024 * round + word + 1);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

/* Four floats, or their bits, in one register of any machine. */
typedef float Four __attribute__((vector_size(16)));
typedef uint32_t FourBits __attribute__((vector_size(16)));

INLINE Four
load_four(const float *x)
{
	Four v;

	memcpy(&v, x, sizeof(v));
	return v;
}

INLINE void
store_four(float *x, Four v)
{
	memcpy(x, &v, sizeof(v));
}

static void
flip_signs(int n, int round, float *x)
{
	const FourBits shift = {31, 30, 29, 28};
	const FourBits sign = {1u << 31, 1u << 31, 1u << 31, 1u << 31};

	for (int base = 0; base < n; base += 64)
	{
		uint64_t bits = sign_bits(round, base / 64);

		for (int i = 0; i < 64; i += 4)
		{
			uint32_t word = (uint32_t) (bits >> i);
			FourBits v = {word, word, word, word};
			FourBits at;

			memcpy(&at, &x[base + i], sizeof(at));
			at ^= (v << shift) & sign;
			memcpy(&x[base + i], &at, sizeof(at));
		}
	}
}

/* The first two levels of the transform, within four elements each. */
static void
hadamard_fours(int n, float *x, float norm)
{
	for (int i = 0; i < n; i += 4)
	{
		float a = (x[i] + x[i + 1]) * norm;
		float b = (x[i] - x[i + 1]) * norm;
		float c = (x[i + 2] + x[i + 3]) * norm;
		float d = (x[i + 2] - x[i + 3]) * norm;

		x[i] = a + c;
		x[i + 1] = b + d;
		x[i + 2] = a - c;
		x[i + 3] = b - d;
	}
}

/* Two levels at once: elements step, 2 step and 3 step apart. */
static void
hadamard_pair(int n, float *x, int step)
{
	for (int start = 0; start < n; start += 4 * step)
		for (int i = start; i < start + step; i += 4)
		{
			Four a = load_four(x + i);
			Four b = load_four(x + i + step);
			Four c = load_four(x + i + 2 * step);
			Four d = load_four(x + i + 3 * step);
			Four ab = a + b;
			Four cd = c + d;

			a -= b;
			c -= d;
			store_four(x + i, ab + cd);
			store_four(x + i + step, a + c);
			store_four(x + i + 2 * step, ab - cd);
			store_four(x + i + 3 * step, a - c);
		}
}

/* Orthonormal Hadamard transform of n elements, a power of two from 64 on. */
static void
hadamard(int n, float *x)
{
	int step = 4;

	hadamard_fours(n, x, 1.0f / sqrtf((float) n));
	for (; 4 * step <= n; step *= 4)
		hadamard_pair(n, x, step);
	if (step < n)
		for (int i = 0; i < step; i += 4)
		{
			Four a = load_four(x + i);
			Four b = load_four(x + i + step);

			store_four(x + i, a + b);
			store_four(x + i + step, a - b);
		}
}

/*
 * Four rounds of random signs and a Hadamard transform. Where the length is
 * no power of two, transforms of the first and of the last 2^k elements take
 * turns, and a rotation by 45 degrees mixes the two halves after each.
 */
void
ann_rotate(int full_dim, float *x)
{
	int n = ANN_DIM_UNIT;

	while (2 * n <= full_dim)
		n *= 2;
	for (int round = 0; round < ROUNDS; round++)
	{
		flip_signs(full_dim, round, x);
		hadamard(n, round % 2 == 0 ? x : x + (full_dim - n));
		if (n < full_dim)
		{
			float *restrict low = x;
			float *restrict high = x + full_dim / 2;

			for (int i = 0; i < full_dim / 2; i++)
			{
				float a = low[i];
				float b = high[i];

				low[i] = (a + b) * SQRT_HALF;
				high[i] = (a - b) * SQRT_HALF;
			}
		}
	}
}

/* ---- encoding ---- */

/*
 * Coordinates that are looked at together, so that compilers make vectors of
 * the loops; a sign code has a byte for them.
 */
#define LANES 8

static double
add_lanes(const double *lanes)
{
	double sum = 0;

	for (int i = 0; i < LANES; i++)
		sum += lanes[i];
	return sum;
}

static double
square(int n, const float *x)
{
	double sums[LANES] = {0};

	for (int base = 0; base < n; base += LANES)
		for (int i = 0; i < LANES; i++)
			sums[i] += (double) x[base + i] * x[base + i];
	return add_lanes(sums);
}

static float
largest_of(int n, const float *x)
{
	float most[LANES] = {0};
	float largest = 0;

	for (int base = 0; base < n; base += LANES)
		for (int i = 0; i < LANES; i++)
			most[i] =
				fabsf(x[base + i]) > most[i] ? fabsf(x[base + i]) : most[i];
	for (int i = 0; i < LANES; i++)
		largest = most[i] > largest ? most[i] : largest;
	return largest;
}

static int
nibble_of(const uint8_t *signs, int group)
{
	return (signs[group / 2] >> (group % 2 * 4)) & 15;
}

/*
 * The residual is projected on a vector of the same signs: of ones with one
 * plane; of ones and, where a coordinate is above the root of the mean square,
 * threes with two, which is within 0.1 % of the best place to divide normal
 * coordinates. 2 s + t are these if s is the sign, and t too where there is a
 * three, else its opposite.
 */
static void
encode_signs(const AnnShape *shape, const float *residual,
			 const float *centroid, double norm_squared, uint8_t *signs,
			 AnnSignFactors *factors)
{
	uint8_t *second = signs + shape->code_dim / 8;
	float border = shape->planes == 2
					   ? (float) sqrt(norm_squared / shape->full_dim)
					   : INFINITY;
	double sums[LANES] = {0};	/* <code, residual> */
	double alongs[LANES] = {0}; /* <code, centroid> */
	float sizes[LANES] = {0};	/* |code|^2 */
	double sum;
	double along;
	double size = 0;
	double across = 0; /* <centroid, residual> */
	double factor;
	double cosine;

	for (int base = 0; base < shape->code_dim; base += LANES)
	{
		int first_bits = 0;
		int second_bits = 0;

		for (int i = 0; i < LANES; i++)
		{
			float r = residual[base + i];
			float code = fabsf(r) > border ? 3 : 1;

			sums[i] += code * fabsf(r);
			sizes[i] += code * code;
			alongs[i] += (r >= 0 ? code : -code) * centroid[base + i];
			first_bits |= (r >= 0) << i;
			second_bits |= ((r >= 0) == (code > 1)) << i;
		}
		signs[base / 8] = (uint8_t) first_bits;
		if (shape->planes == 2)
			second[base / 8] = (uint8_t) second_bits;
	}
	sum = add_lanes(sums);
	along = add_lanes(alongs);
	for (int i = 0; i < LANES; i++)
		size += sizes[i];
	if (!(sum > 0))
	{
		/* the vector is its centroid: only the error term could differ */
		factors->scale = 0;
		factors->add = (float) (shape->metric == ANN_IP ? 0 : norm_squared);
		factors->error = (float) (2 * sqrt(norm_squared));
		return;
	}
	factor = norm_squared / sum;
	cosine = sum / sqrt(norm_squared * size);
	factors->error =
		(float) (sqrt(norm_squared) *
				 sqrt(fmax(1 - cosine * cosine, 0) / (cosine * cosine)) /
				 sqrt(shape->full_dim - 1));
	if (shape->metric == ANN_IP)
	{
		for (int i = 0; i < shape->full_dim; i++)
			across += (double) centroid[i] * residual[i];
		factors->add = (float) (factor * along - across);
		factors->scale = (float) -factor;
	}
	else
	{
		factors->add = (float) (norm_squared + 2 * factor * along);
		factors->scale = (float) (-2 * factor);
		factors->error *= 2;
	}
}

/* The code of zero, between the largest and the smallest. */
static float
middle_code(const AnnShape *shape)
{
	return (float) ((1 << shape->bits) - 1) / 2;
}

/*
 * Put the nibbles of LANES coordinates. Those of the first half of the vector
 * are low, those of the last high; a half has whole runs of LANES.
 */
static void
put_nibbles(const AnnShape *shape, uint8_t *nibbles, int base, const int *code)
{
	int half = shape->full_dim / 2;
	int shift = base < half ? 0 : 4;

	nibbles += base % half;
	for (int i = 0; i < LANES; i++)
		nibbles[i] |= (uint8_t) ((code[i] & 15) << shift);
}

static int
get_nibble(const AnnShape *shape, const uint8_t *nibbles, int i)
{
	int half = shape->full_dim / 2;

	return nibbles[i % half] >> (i < half ? 0 : 4) & 15;
}

/* 12 bits are the upper 8 of all coordinates, then the lower 4 of all. */
static void
put_codes(const AnnShape *shape, uint8_t *bytes, int base, const int *code)
{
	int shift = shape->bits == 12 ? 4 : 0;

	if (shape->bits != 4)
		for (int i = 0; i < LANES; i++)
			bytes[base + i] = (uint8_t) (code[i] >> shift);
	if (shape->bits != 8)
		put_nibbles(shape, bytes + (shape->bits == 12 ? shape->full_dim : 0),
					base, code);
}

static int
get_code(const AnnShape *shape, const uint8_t *bytes, int i)
{
	if (shape->bits == 4)
		return get_nibble(shape, bytes, i);
	if (shape->bits == 8)
		return bytes[i];
	return bytes[i] << 4 | get_nibble(shape, bytes + shape->full_dim, i);
}

static void
encode_bytes(const AnnShape *shape, const float *residual,
			 const float *centroid, double norm_squared, uint8_t *bytes,
			 AnnByteFactors *factors)
{
	float middle = middle_code(shape);
	float step = largest_of(shape->full_dim, residual) / middle;
	float inverse = step > 0 ? 1 / step : 0;
	double losts[LANES] = {0};	   /* ||r - decoded||^2 */
	double decodeds[LANES] = {0};  /* <centroid, decoded> */
	double residuals[LANES] = {0}; /* <centroid, r> */
	double lost;
	double decoded_c;
	double residual_c;

	/* steps so small that their inverse overflows mean nothing */
	inverse = isfinite(inverse) ? inverse : 0;
	memset(bytes, 0, shape->byte_len);
	for (int base = 0; base < shape->full_dim; base += LANES)
	{
		int code[LANES];

		for (int i = 0; i < LANES; i++)
		{
			float r = residual[base + i];
			float at = r * inverse + middle + 0.5f;
			float decoded;

			at = at > 0 ? at : 0;
			code[i] = (int) (at < 2 * middle ? at : 2 * middle);
			decoded = ((float) code[i] - middle) * step;
			losts[i] += ((double) r - decoded) * (r - decoded);
			decodeds[i] += (double) centroid[base + i] * decoded;
			residuals[i] += (double) centroid[base + i] * r;
		}
		put_codes(shape, bytes, base, code);
	}
	lost = add_lanes(losts);
	decoded_c = add_lanes(decodeds);
	residual_c = add_lanes(residuals);
	factors->norm = (float) sqrt(norm_squared);
	factors->slack = 0;
	if (shape->metric == ANN_IP)
	{
		factors->add = (float) (decoded_c - residual_c);
		factors->scale = -step;
		factors->error = (float) sqrt(lost);
	}
	else
	{
		factors->add = (float) (norm_squared + 2 * decoded_c);
		factors->scale = -2 * step;
		factors->error = (float) (2 * sqrt(lost));
	}
}

void
ann_encode_signs(const AnnShape *shape, const float *residual,
				 const float *centroid, uint8_t *signs,
				 AnnSignFactors *factors)
{
	double norm_squared = square(shape->full_dim, residual);

	if (norm_squared < HUGE_SQUARE)
		encode_signs(shape, residual, centroid, norm_squared, signs, factors);
	else
	{
		/* always looked at */
		memset(signs, 0, shape->sign_len);
		*factors = (AnnSignFactors){0, 0, INFINITY};
	}
}

void
ann_encode(const AnnShape *shape, const float *residual, const float *centroid,
		   uint8_t *signs, AnnSignFactors *sign_factors, uint8_t *bytes,
		   AnnByteFactors *byte_factors)
{
	double norm_squared = square(shape->full_dim, residual);

	if (!(norm_squared < HUGE_SQUARE))
	{
		/* always visited first, and left to the exact distance */
		memset(signs, 0, shape->sign_len);
		memset(bytes, 0, shape->byte_len);
		*sign_factors = (AnnSignFactors){0, 0, INFINITY};
		*byte_factors = (AnnByteFactors){.error = INFINITY};
		return;
	}
	encode_signs(shape, residual, centroid, norm_squared, signs, sign_factors);
	encode_bytes(shape, residual, centroid, norm_squared, bytes, byte_factors);
}

double
ann_decode(const AnnShape *shape, const uint8_t *bytes,
		   const AnnByteFactors *factors, float *residual)
{
	bool is_ip = shape->metric == ANN_IP;
	float middle = middle_code(shape);
	float step = is_ip ? -factors->scale : factors->scale / -2;

	for (int i = 0; i < shape->full_dim; i++)
		residual[i] = ((float) get_code(shape, bytes, i) - middle) * step;
	return is_ip ? factors->error : factors->error / 2;
}

/*
 * Let x be the vector and y what was encoded, |x - y| at most d, c the
 * centroid and s = y - c. Then |q - x|^2 differs from |q - y|^2 by at most
 * 2 d |q - y| + d^2, where |q - y| is at most |q - c| + |s|; and <q, x> from
 * <q, y> by at most d |q|, where |q| is at most |q - c| + |c|.
 */
void
ann_widen(const AnnShape *shape, double distance, double centroid_norm,
		  AnnByteFactors *factors)
{
	if (shape->metric == ANN_IP)
	{
		factors->error += (float) distance;
		factors->slack += (float) (distance * centroid_norm);
	}
	else
	{
		factors->error += (float) (2 * distance);
		factors->slack += (float) (distance * (2 * factors->norm + distance));
	}
}

float
ann_quantize(int n, const float *x, uint8_t *code)
{
	float step = largest_of(n, x) / 127.5f;

	for (int i = 0; i < n; i++)
	{
		float at = step > 0 ? x[i] / step + 128 : 128;

		code[i] = (uint8_t) (at < 255 ? at : 255);
	}
	return step;
}

float
ann_round(int n, const float *x, int16_t *code)
{
	float largest = largest_of(n, x);
	float factor = largest > 0 ? ANN_RANK_LIMIT / largest : 0;

	/* too small to be told from nothing */
	factor = isfinite(factor) ? factor : 0;
	for (int i = 0; i < n; i++)
	{
		float at = x[i] * factor;

		code[i] = (int16_t) (int) (at + copysignf(0.5f, at));
	}
	return largest / ANN_RANK_LIMIT;
}

void
ann_block_put(const AnnShape *shape, uint8_t *codes, int slot,
			  const uint8_t *signs)
{
	int shift = slot < 16 ? 0 : 4;

	for (int g = 0; g < 2 * shape->sign_len; g++)
	{
		uint8_t *byte = codes + 16 * g + slot % 16;

		*byte = (uint8_t) ((*byte & ~(15 << shift)) | nibble_of(signs, g)
														  << shift);
	}
}

void
ann_block_get(const AnnShape *shape, const uint8_t *codes, int slot,
			  uint8_t *signs)
{
	int shift = slot < 16 ? 0 : 4;

	memset(signs, 0, shape->sign_len);
	for (int g = 0; g < 2 * shape->sign_len; g++)
		signs[g / 2] |= (uint8_t) (((codes[16 * g + slot % 16] >> shift) & 15)
								   << (g % 2 * 4));
}

/* ---- querying ---- */

/*
 * One plane of the table. Entries hold sum(sign_i q_i) + sum|q_i|, from 0 up,
 * in steps that are the same for all groups; full is what widest becomes. An
 * entry is the sum of 2 |q_i| over the coordinates whose sign agrees with that
 * of q: of q where it is positive and the bit is set, else of -q.
 */
static void
fill_table(int groups, const float *rotated, float widest, float full,
		   uint8_t *lut)
{
	float factor = widest > 0 ? full / widest : 0;

	/* so small that a table means nothing */
	factor = isfinite(factor) ? factor : 0;
	for (int g = 0; g < groups; g++)
	{
		float set[4];
		float clear[4];
		Four sums[4];
		float entry[16];

		for (int i = 0; i < 4; i++)
		{
			float q = rotated[4 * g + i];

			set[i] = (q > 0 ? q : 0) * factor;
			clear[i] = (q < 0 ? -q : 0) * factor;
		}
		sums[0] = (Four){clear[0], set[0], clear[0], set[0]} +
				  (Four){clear[1], clear[1], set[1], set[1]};
		sums[1] = sums[0] + set[2];
		sums[0] += clear[2];
		sums[2] = sums[0] + set[3];
		sums[3] = sums[1] + set[3];
		sums[0] += clear[3];
		sums[1] += clear[3];
		memcpy(entry, sums, sizeof(entry));
		for (int i = 0; i < 16; i++)
		{
			float at = entry[i] < 254.5f ? entry[i] : 254.5f;

			lut[16 * g + i] = (uint8_t) (int) (at + 0.5f);
		}
	}
}

void
ann_query_init(AnnQuery *query, const AnnShape *shape, const float *rotated,
			   uint8_t *lut)
{
	int groups = shape->code_dim / 4;
	float widest = 0;
	double total = 0;
	double sums[LANES] = {0};

	for (int g = 0; g < groups; g++)
	{
		const float *q = rotated + 4 * g;
		float range = fabsf(q[0]) + fabsf(q[1]) + fabsf(q[2]) + fabsf(q[3]);

		total += range;
		widest = range > widest ? range : widest;
	}
	for (int base = 0; base < shape->full_dim; base += LANES)
		for (int i = 0; i < LANES; i++)
			sums[i] += rotated[base + i];
	query->shape = shape;
	query->rotated = rotated;
	query->norm = (float) sqrt(square(shape->full_dim, rotated));
	query->sum = (float) add_lanes(sums);
	query->lut = lut;

	/* the first of two planes counts twice */
	fill_table(groups, rotated, widest, 255, lut);
	query->lut_step = 2 * widest / 255;
	if (shape->planes == 2)
	{
		fill_table(groups, rotated, widest, 127.5f, lut + 16 * groups);
		query->lut_step *= 2;
		total *= 3;
		groups *= 2;
	}
	/* roundings of the entries add up like a random walk: three sigma */
	query->lut_bias =
		(float) (-total + 3 * query->lut_step * sqrt(groups / 12.0));
}

AnnProbe
ann_probe(const AnnQuery *query, float product, float centroid_norm_squared)
{
	AnnProbe probe;
	float distance =
		query->norm * query->norm - 2 * product + centroid_norm_squared;

	if (!(distance > 0))
		distance = 0;
	probe.base = query->shape->metric == ANN_IP ? -product : distance;
	probe.distance = sqrtf(distance);
	probe.centroid_norm = sqrtf(centroid_norm_squared);
	return probe;
}

uint32_t
ann_block_bounds(const AnnQuery *query, const AnnProbe *probe,
				 const uint8_t *codes, const float *add, const float *scale,
				 const float *error, uint32_t mask, float cut, float *bounds)
{
	uint32_t sums[ANN_BLOCK];
	AnnTerms terms = {
		.step = query->lut_step,
		.bias = query->lut_bias,
		.base = probe->base,
		.reach = query->epsilon * probe->distance,
		.add = add,
		.scale = scale,
		.error = error,
		.mask = mask,
		.cut = cut,
	};

	ann_kernels->sum_block(2 * query->shape->sign_len, codes, query->lut,
						   sums);
	return ann_kernels->bounds(&terms, sums, bounds);
}

/* Sum of the codes of a vector times the query. */
static double
dot_code(const AnnQuery *query, const uint8_t *bytes)
{
	size_t n = query->shape->full_dim;

	if (query->shape->bits == 4)
		return ann_kernels->dot_nibbles(n, bytes, query->rotated);
	if (query->shape->bits == 8)
		return ann_kernels->dot_bytes(n, bytes, query->rotated);
	return 16.0 * ann_kernels->dot_bytes(n, bytes, query->rotated) +
		   ann_kernels->dot_nibbles(n, bytes + n, query->rotated);
}

AnnInterval
ann_byte_interval(const AnnQuery *query, const AnnProbe *probe,
				  const uint8_t *bytes, const AnnByteFactors *factors)
{
	const AnnShape *shape = query->shape;
	double code_norm = (double) probe->centroid_norm + factors->norm;
	AnnInterval interval = {-INFINITY, INFINITY};
	double size;
	double reach;
	double distance;
	double dot = dot_code(query, bytes);

	/*
	 * Rounding, here and in the operator: every term is a sum of full_dim
	 * products, and none is larger than this size.
	 */
	size = (query->norm + code_norm) * (query->norm + code_norm);
	if (!(size < HUGE_SQUARE))
		return interval;
	reach = (64 + shape->full_dim / 16) * (double) FLOAT_ROUNDING * size +
			TINY_SQUARE + factors->slack +
			(double) probe->distance * factors->error;
	distance = (double) probe->base + factors->add +
			   (double) factors->scale *
				   (dot - (double) middle_code(shape) * query->sum);
	interval.low = distance - reach;
	interval.high = distance + reach;
	return interval;
}
