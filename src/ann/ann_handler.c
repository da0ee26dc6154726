/*-------------------------------------------------------------------------
 *
 * ann_handler.c
 *		The access method's face: capabilities, options, phases, and what
 *		operator classes say about their types.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/reloptions.h"
#include "commands/vacuum.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "ann/ann.h"
#include "ann/ann_build.h"
#include "ann/ann_int.h"
#include "vector/vector.h"

#define MAX_LISTS 262144

/* Squares of norms outside of this range lose digits in single precision. */
#define SMALLEST_SQUARE 1e-30
#define LARGEST_SQUARE 1e30

INTEL_FUNCTION(_ann_handler);
INTEL_FUNCTION(_ann_vector_l2);
INTEL_FUNCTION(_ann_vector_ip);
INTEL_FUNCTION(_ann_vector_cosine);
INTEL_FUNCTION(_ann_halfvec_l2);
INTEL_FUNCTION(_ann_halfvec_ip);
INTEL_FUNCTION(_ann_halfvec_cosine);

static relopt_kind ann_relopt_kind;

void
ann_init(void)
{
	ann_kernels_init();
	ann_executor_init();
	ann_relopt_kind = add_reloption_kind();
	add_int_reloption(ann_relopt_kind, "lists",
					  "Number of lists; 0 chooses by the number of rows", 0, 0,
					  MAX_LISTS, AccessExclusiveLock);
}

static bytea *
ann_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt options[] = {
		{.optname = "lists",
		 .opttype = RELOPT_TYPE_INT,
		 .offset = offsetof(AnnOptions, lists)},
	};

	return (bytea *) build_reloptions(reloptions, validate, ann_relopt_kind,
									  sizeof(AnnOptions), options,
									  lengthof(options));
}

/* What the server cannot know: that column 1 has a kind, the others a hash. */
static bool
ann_validate(Oid opclass)
{
	(void) opclass;
	return true;
}

static char *
ann_phase_name(int64 phase)
{
	switch (phase)
	{
		case ANN_PHASE_COUNTING:
			return "initializing";
		case ANN_PHASE_SAMPLING:
			return "sampling";
		case ANN_PHASE_LISTS:
			return "finding lists";
		case ANN_PHASE_ENCODING:
			return "encoding rows";
		case ANN_PHASE_WRITING:
			return "writing lists";
		case ANN_PHASE_LOGGING:
			return "logging pages";
		default:
			return NULL;
	}
}

Datum
intel__ann_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	(void) fcinfo;
	am->amstrategies = 1;
	am->amsupport = ANN_SUPPORT_COUNT;
	am->amcanorderbyop = true;
	am->amcanmulticol = true;
	am->amoptionalkey = true;
	am->amsearcharray = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->amkeytype = InvalidOid;
	compat_build_parallel(am);

	am->ambuild = ann_build;
	am->ambuildempty = ann_build_empty;
	am->aminsert = ann_insert;
	am->ambulkdelete = ann_bulk_delete;
	am->amvacuumcleanup = ann_vacuum_cleanup;
	am->amcostestimate = ann_cost_estimate;
	am->amoptions = ann_options;
	am->ambuildphasename = ann_phase_name;
	am->amvalidate = ann_validate;
	am->ambeginscan = ann_begin_scan;
	am->amrescan = ann_rescan;
	am->amgettuple = ann_get_tuple;
	am->amendscan = ann_end_scan;
	PG_RETURN_POINTER(am);
}

/* ---- types ---- */

static void
check_dimensions(int found, int dim)
{
	if (unlikely(found != dim))
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("different vector dimensions %d and %d", dim, found));
}

static void
read_vector(Datum value, int dim, float *x)
{
	Vector *v = DatumGetVector(value);

	check_dimensions(v->dim, dim);
	memcpy(x, v->x, sizeof(float) * dim);
	if ((Pointer) v != DatumGetPointer(value))
		pfree(v);
}

static void
read_halfvec(Datum value, int dim, float *x)
{
	HalfVector *v = DatumGetHalfVector(value);

	check_dimensions(v->dim, dim);
	vector_kernels->half_to_float(dim, v->x, x);
	if ((Pointer) v != DatumGetPointer(value))
		pfree(v);
}

#define DEFINE_KIND(name, am_metric, size, reader)                            \
	Datum intel__ann_##name(PG_FUNCTION_ARGS)                                 \
	{                                                                         \
		static const AnnKind kind = {am_metric, size, reader};                \
		(void) fcinfo;                                                        \
		PG_RETURN_POINTER(&kind);                                             \
	}

DEFINE_KIND(vector_l2, ANN_L2, sizeof(float), read_vector)
DEFINE_KIND(vector_ip, ANN_IP, sizeof(float), read_vector)
DEFINE_KIND(vector_cosine, ANN_COSINE, sizeof(float), read_vector)
DEFINE_KIND(halfvec_l2, ANN_L2, sizeof(uint16), read_halfvec)
DEFINE_KIND(halfvec_ip, ANN_IP, sizeof(uint16), read_halfvec)
DEFINE_KIND(halfvec_cosine, ANN_COSINE, sizeof(uint16), read_halfvec)

const AnnKind *
ann_kind(Relation index)
{
	FmgrInfo *function;

	if (!OidIsValid(index_getprocid(index, 1, ANN_SUPPORT_KIND)))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("first column of an index \"intel\" must be a vector"));
	function = index_getprocinfo(index, 1, ANN_SUPPORT_KIND);
	return (const AnnKind *) DatumGetPointer(
		FunctionCall1(function, PointerGetDatum(NULL)));
}

int
ann_dimensions(Relation index)
{
	int32 typmod = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;

	if (typmod < 1)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("column does not have dimensions"),
				errhint("Give it a type such as vector(768), or index an "
						"expression cast to one."));
	return typmod;
}

bool
ann_read_vector(const AnnKind *kind, const AnnShape *shape, Datum value,
				float *x, bool *inexact)
{
	double squared = 0;

	kind->read(value, shape->dim, x);
	for (int i = 0; i < shape->dim; i++)
		squared += (double) x[i] * x[i];
	*inexact = squared > LARGEST_SQUARE;
	if (kind->metric == ANN_COSINE)
	{
		double scale = 1 / sqrt(squared);

		if (!(squared > 0))
			return false;
		*inexact |= squared < SMALLEST_SQUARE;
		for (int i = 0; i < shape->dim; i++)
			x[i] = (float) (x[i] * scale);
	}
	memset(x + shape->dim, 0, sizeof(float) * (shape->full_dim - shape->dim));
	ann_rotate(shape->full_dim, x);
	return true;
}

uint32
ann_hash_key(Relation index, int column, Datum value)
{
	uint32 hash = DatumGetUInt32(
		FunctionCall1Coll(index_getprocinfo(index, column, ANN_SUPPORT_HASH),
						  index->rd_indcollation[column - 1], value));

	return hash == ANN_NULL_KEY ? 1 : hash;
}

void
ann_hash_keys(Relation index, int filters, Datum *values, bool *isnull,
			  uint32 *keys)
{
	for (int f = 0; f < filters; f++)
		keys[f] = isnull[f + 1] ? ANN_NULL_KEY
								: ann_hash_key(index, f + 2, values[f + 1]);
}
