-- Types vector, halfvec and sparsevec, and distances of bit. Names, formats and
-- casts are those that pgvector's clients and ORMs use.

-- ---- types -----------------------------------------------------------------

CREATE TYPE @extschema@.vector;

CREATE FUNCTION @extschema@.vector_in(cstring, oid, integer) RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_vector_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_in(cstring, oid, integer) IS
    'input of type vector';

CREATE FUNCTION @extschema@.vector_out(@extschema@.vector) RETURNS cstring
    AS 'MODULE_PATHNAME', 'intel_vector_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_out(@extschema@.vector) IS
    'output of type vector';

CREATE FUNCTION @extschema@.vector_typmod_in(cstring[]) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_vector_typmod_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_typmod_in(cstring[]) IS
    'type modifier of vector: its dimensions';

CREATE FUNCTION @extschema@.vector_recv(internal, oid, integer) RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_vector_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_recv(internal, oid, integer) IS
    'binary input of type vector';

CREATE FUNCTION @extschema@.vector_send(@extschema@.vector) RETURNS bytea
    AS 'MODULE_PATHNAME', 'intel_vector_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_send(@extschema@.vector) IS
    'binary output of type vector';

CREATE FUNCTION @extschema@.vector_subscript(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel_vector_subscript'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_subscript(internal) IS
    'vector[i] is an element, vector[i:j] a part';

CREATE TYPE @extschema@.vector (
    INPUT = @extschema@.vector_in, OUTPUT = @extschema@.vector_out,
    TYPMOD_IN = @extschema@.vector_typmod_in,
    RECEIVE = @extschema@.vector_recv, SEND = @extschema@.vector_send,
    SUBSCRIPT = @extschema@.vector_subscript,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE @extschema@.vector IS
    'up to 16,000 floats; vector(n) has exactly n';

CREATE TYPE @extschema@.halfvec;

CREATE FUNCTION @extschema@.halfvec_in(cstring, oid, integer) RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_halfvec_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_in(cstring, oid, integer) IS
    'input of type halfvec';

CREATE FUNCTION @extschema@.halfvec_out(@extschema@.halfvec) RETURNS cstring
    AS 'MODULE_PATHNAME', 'intel_halfvec_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_out(@extschema@.halfvec) IS
    'output of type halfvec';

CREATE FUNCTION @extschema@.halfvec_typmod_in(cstring[]) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_halfvec_typmod_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_typmod_in(cstring[]) IS
    'type modifier of halfvec: its dimensions';

CREATE FUNCTION @extschema@.halfvec_recv(internal, oid, integer) RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_halfvec_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_recv(internal, oid, integer) IS
    'binary input of type halfvec';

CREATE FUNCTION @extschema@.halfvec_send(@extschema@.halfvec) RETURNS bytea
    AS 'MODULE_PATHNAME', 'intel_halfvec_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_send(@extschema@.halfvec) IS
    'binary output of type halfvec';

CREATE FUNCTION @extschema@.halfvec_subscript(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel_halfvec_subscript'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_subscript(internal) IS
    'halfvec[i] is an element, halfvec[i:j] a part';

CREATE TYPE @extschema@.halfvec (
    INPUT = @extschema@.halfvec_in, OUTPUT = @extschema@.halfvec_out,
    TYPMOD_IN = @extschema@.halfvec_typmod_in,
    RECEIVE = @extschema@.halfvec_recv, SEND = @extschema@.halfvec_send,
    SUBSCRIPT = @extschema@.halfvec_subscript,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE @extschema@.halfvec IS
    'up to 16,000 half precision floats; halfvec(n) has exactly n';

CREATE TYPE @extschema@.sparsevec;

CREATE FUNCTION @extschema@.sparsevec_in(cstring, oid, integer) RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_sparsevec_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_in(cstring, oid, integer) IS
    'input of type sparsevec';

CREATE FUNCTION @extschema@.sparsevec_out(@extschema@.sparsevec) RETURNS cstring
    AS 'MODULE_PATHNAME', 'intel_sparsevec_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_out(@extschema@.sparsevec) IS
    'output of type sparsevec';

CREATE FUNCTION @extschema@.sparsevec_typmod_in(cstring[]) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_sparsevec_typmod_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_typmod_in(cstring[]) IS
    'type modifier of sparsevec: its dimensions';

CREATE FUNCTION @extschema@.sparsevec_recv(internal, oid, integer) RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_sparsevec_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_recv(internal, oid, integer) IS
    'binary input of type sparsevec';

CREATE FUNCTION @extschema@.sparsevec_send(@extschema@.sparsevec) RETURNS bytea
    AS 'MODULE_PATHNAME', 'intel_sparsevec_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_send(@extschema@.sparsevec) IS
    'binary output of type sparsevec';

CREATE FUNCTION @extschema@.sparsevec_subscript(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel_sparsevec_subscript'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_subscript(internal) IS
    'sparsevec[i] is an element, sparsevec[i:j] a part';

CREATE TYPE @extschema@.sparsevec (
    INPUT = @extschema@.sparsevec_in, OUTPUT = @extschema@.sparsevec_out,
    TYPMOD_IN = @extschema@.sparsevec_typmod_in,
    RECEIVE = @extschema@.sparsevec_recv, SEND = @extschema@.sparsevec_send,
    SUBSCRIPT = @extschema@.sparsevec_subscript,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE @extschema@.sparsevec IS
    'up to 16,000 non-zero floats among up to 1e9; sparsevec(n) has n dimensions';

-- ---- casts -----------------------------------------------------------------

CREATE FUNCTION @extschema@.vector_cast_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel_vector_cast_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_cast_support(internal) IS
    'planner support: drops checks of dimensions that cannot fail';

CREATE FUNCTION @extschema@.vector(@extschema@.vector, integer, boolean) RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT @extschema@.vector_cast_support;
COMMENT ON FUNCTION @extschema@.vector(@extschema@.vector, integer, boolean) IS
    'check the dimensions of a vector';

CREATE CAST (@extschema@.vector AS @extschema@.vector)
    WITH FUNCTION @extschema@.vector(@extschema@.vector, integer, boolean) AS IMPLICIT;

CREATE FUNCTION @extschema@.halfvec(@extschema@.halfvec, integer, boolean)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_halfvec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT @extschema@.vector_cast_support;
COMMENT ON FUNCTION @extschema@.halfvec(@extschema@.halfvec, integer, boolean) IS
    'check the dimensions of a halfvec';

CREATE CAST (@extschema@.halfvec AS @extschema@.halfvec)
    WITH FUNCTION @extschema@.halfvec(@extschema@.halfvec, integer, boolean) AS IMPLICIT;

CREATE FUNCTION @extschema@.sparsevec(@extschema@.sparsevec, integer, boolean)
    RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_sparsevec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT @extschema@.vector_cast_support;
COMMENT ON FUNCTION @extschema@.sparsevec(@extschema@.sparsevec, integer, boolean) IS
    'check the dimensions of a sparsevec';

CREATE CAST (@extschema@.sparsevec AS @extschema@.sparsevec)
    WITH FUNCTION @extschema@.sparsevec(@extschema@.sparsevec, integer, boolean) AS IMPLICIT;

CREATE FUNCTION @extschema@.array_to_vector(integer[], integer, boolean) RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_array_to_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_vector(integer[], integer, boolean) IS
    'vector from an array of integers';

CREATE CAST (integer[] AS @extschema@.vector)
    WITH FUNCTION @extschema@.array_to_vector(integer[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_vector(real[], integer, boolean) RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_array_to_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_vector(real[], integer, boolean) IS
    'vector from an array of reals';

CREATE CAST (real[] AS @extschema@.vector)
    WITH FUNCTION @extschema@.array_to_vector(real[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_vector(double precision[], integer, boolean)
    RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_array_to_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_vector(double precision[], integer, boolean) IS
    'vector from an array of double precision numbers';

CREATE CAST (double precision[] AS @extschema@.vector)
    WITH FUNCTION @extschema@.array_to_vector(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_vector(numeric[], integer, boolean) RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_array_to_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_vector(numeric[], integer, boolean) IS
    'vector from an array of numerics';

CREATE CAST (numeric[] AS @extschema@.vector)
    WITH FUNCTION @extschema@.array_to_vector(numeric[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_halfvec(integer[], integer, boolean)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_array_to_halfvec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_halfvec(integer[], integer, boolean) IS
    'halfvec from an array of integers';

CREATE CAST (integer[] AS @extschema@.halfvec)
    WITH FUNCTION @extschema@.array_to_halfvec(integer[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_halfvec(real[], integer, boolean) RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_array_to_halfvec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_halfvec(real[], integer, boolean) IS
    'halfvec from an array of reals';

CREATE CAST (real[] AS @extschema@.halfvec)
    WITH FUNCTION @extschema@.array_to_halfvec(real[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_halfvec(double precision[], integer, boolean)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_array_to_halfvec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_halfvec(double precision[], integer, boolean) IS
    'halfvec from an array of double precision numbers';

CREATE CAST (double precision[] AS @extschema@.halfvec)
    WITH FUNCTION @extschema@.array_to_halfvec(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_halfvec(numeric[], integer, boolean)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_array_to_halfvec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_halfvec(numeric[], integer, boolean) IS
    'halfvec from an array of numerics';

CREATE CAST (numeric[] AS @extschema@.halfvec)
    WITH FUNCTION @extschema@.array_to_halfvec(numeric[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_sparsevec(integer[], integer, boolean)
    RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_array_to_sparsevec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_sparsevec(integer[], integer, boolean) IS
    'sparsevec from an array of integers';

CREATE CAST (integer[] AS @extschema@.sparsevec)
    WITH FUNCTION @extschema@.array_to_sparsevec(integer[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_sparsevec(real[], integer, boolean)
    RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_array_to_sparsevec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_sparsevec(real[], integer, boolean) IS
    'sparsevec from an array of reals';

CREATE CAST (real[] AS @extschema@.sparsevec)
    WITH FUNCTION @extschema@.array_to_sparsevec(real[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_sparsevec(double precision[], integer, boolean)
    RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_array_to_sparsevec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_sparsevec(double precision[], integer, boolean) IS
    'sparsevec from an array of double precision numbers';

CREATE CAST (double precision[] AS @extschema@.sparsevec)
    WITH FUNCTION @extschema@.array_to_sparsevec(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.array_to_sparsevec(numeric[], integer, boolean)
    RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_array_to_sparsevec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.array_to_sparsevec(numeric[], integer, boolean) IS
    'sparsevec from an array of numerics';

CREATE CAST (numeric[] AS @extschema@.sparsevec)
    WITH FUNCTION @extschema@.array_to_sparsevec(numeric[], integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.vector_to_float4(@extschema@.vector, integer, boolean) RETURNS real[]
    AS 'MODULE_PATHNAME', 'intel_vector_to_float4'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_to_float4(@extschema@.vector, integer, boolean) IS
    'array of the elements of a vector';

CREATE CAST (@extschema@.vector AS real[])
    WITH FUNCTION @extschema@.vector_to_float4(@extschema@.vector, integer, boolean) AS IMPLICIT;

CREATE FUNCTION @extschema@.halfvec_to_float4(@extschema@.halfvec, integer, boolean) RETURNS real[]
    AS 'MODULE_PATHNAME', 'intel_halfvec_to_float4'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_to_float4(@extschema@.halfvec, integer, boolean) IS
    'array of the elements of a halfvec';

CREATE CAST (@extschema@.halfvec AS real[])
    WITH FUNCTION @extschema@.halfvec_to_float4(@extschema@.halfvec, integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.vector_to_halfvec(@extschema@.vector, integer, boolean)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_vector_to_halfvec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_to_halfvec(@extschema@.vector, integer, boolean) IS
    'halfvec from a vector';

CREATE CAST (@extschema@.vector AS @extschema@.halfvec)
    WITH FUNCTION @extschema@.vector_to_halfvec(@extschema@.vector, integer, boolean) AS IMPLICIT;

CREATE FUNCTION @extschema@.halfvec_to_vector(@extschema@.halfvec, integer, boolean)
    RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_halfvec_to_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_to_vector(@extschema@.halfvec, integer, boolean) IS
    'vector from a halfvec';

CREATE CAST (@extschema@.halfvec AS @extschema@.vector)
    WITH FUNCTION @extschema@.halfvec_to_vector(@extschema@.halfvec, integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.vector_to_sparsevec(@extschema@.vector, integer, boolean)
    RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_vector_to_sparsevec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_to_sparsevec(@extschema@.vector, integer, boolean) IS
    'sparsevec from a vector';

CREATE CAST (@extschema@.vector AS @extschema@.sparsevec)
    WITH FUNCTION @extschema@.vector_to_sparsevec(@extschema@.vector, integer, boolean) AS IMPLICIT;

CREATE FUNCTION @extschema@.sparsevec_to_vector(@extschema@.sparsevec, integer, boolean)
    RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_sparsevec_to_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_to_vector(@extschema@.sparsevec, integer, boolean) IS
    'vector from a sparsevec';

CREATE CAST (@extschema@.sparsevec AS @extschema@.vector)
    WITH FUNCTION @extschema@.sparsevec_to_vector(@extschema@.sparsevec, integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION @extschema@.halfvec_to_sparsevec(@extschema@.halfvec, integer, boolean)
    RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_halfvec_to_sparsevec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_to_sparsevec(@extschema@.halfvec, integer, boolean) IS
    'sparsevec from a halfvec';

CREATE CAST (@extschema@.halfvec AS @extschema@.sparsevec)
    WITH FUNCTION @extschema@.halfvec_to_sparsevec(@extschema@.halfvec, integer, boolean) AS IMPLICIT;

CREATE FUNCTION @extschema@.sparsevec_to_halfvec(@extschema@.sparsevec, integer, boolean)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_sparsevec_to_halfvec'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_to_halfvec(@extschema@.sparsevec, integer, boolean) IS
    'halfvec from a sparsevec';

CREATE CAST (@extschema@.sparsevec AS @extschema@.halfvec)
    WITH FUNCTION @extschema@.sparsevec_to_halfvec(@extschema@.sparsevec, integer, boolean) AS ASSIGNMENT;

-- ---- distances and norms ---------------------------------------------------

CREATE FUNCTION @extschema@.l2_distance(@extschema@.vector, @extschema@.vector)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_l2_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l2_distance(@extschema@.vector, @extschema@.vector) IS
    'Euclidean distance';

CREATE FUNCTION @extschema@.inner_product(@extschema@.vector, @extschema@.vector)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_inner_product'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.inner_product(@extschema@.vector, @extschema@.vector) IS
    'inner product';

CREATE FUNCTION @extschema@.cosine_distance(@extschema@.vector, @extschema@.vector)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_cosine_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.cosine_distance(@extschema@.vector, @extschema@.vector) IS
    '1 - cosine similarity; NaN when a vector is zero';

CREATE FUNCTION @extschema@.l1_distance(@extschema@.vector, @extschema@.vector)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_l1_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l1_distance(@extschema@.vector, @extschema@.vector) IS
    'taxicab distance';

CREATE FUNCTION @extschema@.vector_dims(@extschema@.vector) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_vector_dims'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_dims(@extschema@.vector) IS
    'number of dimensions';

CREATE FUNCTION @extschema@.vector_norm(@extschema@.vector) RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_vector_norm'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_norm(@extschema@.vector) IS
    'Euclidean norm';

CREATE FUNCTION @extschema@.l2_normalize(@extschema@.vector) RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_l2_normalize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l2_normalize(@extschema@.vector) IS
    'vector of the same direction with norm 1; zero stays zero';

CREATE FUNCTION @extschema@.vector_l2_squared_distance(@extschema@.vector, @extschema@.vector)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_vector_l2_squared_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_l2_squared_distance(@extschema@.vector, @extschema@.vector) IS
    'square of the Euclidean distance';

CREATE FUNCTION @extschema@.vector_negative_inner_product(@extschema@.vector, @extschema@.vector)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_vector_negative_inner_product'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_negative_inner_product(@extschema@.vector, @extschema@.vector) IS
    'negative inner product, so that the nearest comes first';

CREATE FUNCTION @extschema@.vector_spherical_distance(@extschema@.vector, @extschema@.vector)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_vector_spherical_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_spherical_distance(@extschema@.vector, @extschema@.vector) IS
    'angle between unit vectors divided by pi';

CREATE FUNCTION @extschema@.l2_distance(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_halfvec_l2_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l2_distance(@extschema@.halfvec, @extschema@.halfvec) IS
    'Euclidean distance';

CREATE FUNCTION @extschema@.inner_product(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_halfvec_inner_product'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.inner_product(@extschema@.halfvec, @extschema@.halfvec) IS
    'inner product';

CREATE FUNCTION @extschema@.cosine_distance(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_halfvec_cosine_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.cosine_distance(@extschema@.halfvec, @extschema@.halfvec) IS
    '1 - cosine similarity; NaN when a vector is zero';

CREATE FUNCTION @extschema@.l1_distance(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_halfvec_l1_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l1_distance(@extschema@.halfvec, @extschema@.halfvec) IS
    'taxicab distance';

CREATE FUNCTION @extschema@.vector_dims(@extschema@.halfvec) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_halfvec_vector_dims'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_dims(@extschema@.halfvec) IS
    'number of dimensions';

CREATE FUNCTION @extschema@.l2_norm(@extschema@.halfvec) RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_halfvec_l2_norm'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l2_norm(@extschema@.halfvec) IS
    'Euclidean norm';

CREATE FUNCTION @extschema@.l2_normalize(@extschema@.halfvec) RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_halfvec_l2_normalize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l2_normalize(@extschema@.halfvec) IS
    'halfvec of the same direction with norm 1; zero stays zero';

CREATE FUNCTION @extschema@.halfvec_l2_squared_distance(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_halfvec_l2_squared_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_l2_squared_distance(@extschema@.halfvec, @extschema@.halfvec) IS
    'square of the Euclidean distance';

CREATE FUNCTION @extschema@.halfvec_negative_inner_product(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_halfvec_negative_inner_product'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_negative_inner_product(@extschema@.halfvec, @extschema@.halfvec) IS
    'negative inner product, so that the nearest comes first';

CREATE FUNCTION @extschema@.halfvec_spherical_distance(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_halfvec_spherical_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_spherical_distance(@extschema@.halfvec, @extschema@.halfvec) IS
    'angle between unit vectors divided by pi';

CREATE FUNCTION @extschema@.l2_distance(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_sparsevec_l2_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l2_distance(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'Euclidean distance';

CREATE FUNCTION @extschema@.inner_product(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_sparsevec_inner_product'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.inner_product(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'inner product';

CREATE FUNCTION @extschema@.cosine_distance(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_sparsevec_cosine_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.cosine_distance(@extschema@.sparsevec, @extschema@.sparsevec) IS
    '1 - cosine similarity; NaN when a vector is zero';

CREATE FUNCTION @extschema@.l1_distance(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_sparsevec_l1_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l1_distance(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'taxicab distance';

CREATE FUNCTION @extschema@.l2_norm(@extschema@.sparsevec) RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_sparsevec_l2_norm'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l2_norm(@extschema@.sparsevec) IS
    'Euclidean norm';

CREATE FUNCTION @extschema@.l2_normalize(@extschema@.sparsevec) RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_sparsevec_l2_normalize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.l2_normalize(@extschema@.sparsevec) IS
    'sparsevec of the same direction with norm 1; zero stays zero';

CREATE FUNCTION @extschema@.sparsevec_l2_squared_distance(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_sparsevec_l2_squared_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_l2_squared_distance(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'square of the Euclidean distance';

CREATE FUNCTION @extschema@.sparsevec_negative_inner_product(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_sparsevec_negative_inner_product'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_negative_inner_product(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'negative inner product, so that the nearest comes first';

CREATE FUNCTION @extschema@.hamming_distance(bit, bit) RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_hamming_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.hamming_distance(bit, bit) IS
    'number of different bits';

CREATE FUNCTION @extschema@.jaccard_distance(bit, bit) RETURNS double precision
    AS 'MODULE_PATHNAME', 'intel_jaccard_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.jaccard_distance(bit, bit) IS
    '1 - common bits / bits of either; 1 when none is common';

CREATE OPERATOR @extschema@.<-> (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.l2_distance,
    COMMUTATOR = OPERATOR(@extschema@.<->)
);
COMMENT ON OPERATOR @extschema@.<-> (@extschema@.vector, @extschema@.vector) IS
    'Euclidean distance';

CREATE OPERATOR @extschema@.<#> (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_negative_inner_product,
    COMMUTATOR = OPERATOR(@extschema@.<#>)
);
COMMENT ON OPERATOR @extschema@.<#> (@extschema@.vector, @extschema@.vector) IS
    'negative inner product';

CREATE OPERATOR @extschema@.<=> (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.cosine_distance,
    COMMUTATOR = OPERATOR(@extschema@.<=>)
);
COMMENT ON OPERATOR @extschema@.<=> (@extschema@.vector, @extschema@.vector) IS
    'cosine distance';

CREATE OPERATOR @extschema@.<+> (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.l1_distance,
    COMMUTATOR = OPERATOR(@extschema@.<+>)
);
COMMENT ON OPERATOR @extschema@.<+> (@extschema@.vector, @extschema@.vector) IS
    'taxicab distance';

CREATE OPERATOR @extschema@.<-> (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.l2_distance,
    COMMUTATOR = OPERATOR(@extschema@.<->)
);
COMMENT ON OPERATOR @extschema@.<-> (@extschema@.halfvec, @extschema@.halfvec) IS
    'Euclidean distance';

CREATE OPERATOR @extschema@.<#> (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_negative_inner_product,
    COMMUTATOR = OPERATOR(@extschema@.<#>)
);
COMMENT ON OPERATOR @extschema@.<#> (@extschema@.halfvec, @extschema@.halfvec) IS
    'negative inner product';

CREATE OPERATOR @extschema@.<=> (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.cosine_distance,
    COMMUTATOR = OPERATOR(@extschema@.<=>)
);
COMMENT ON OPERATOR @extschema@.<=> (@extschema@.halfvec, @extschema@.halfvec) IS
    'cosine distance';

CREATE OPERATOR @extschema@.<+> (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.l1_distance,
    COMMUTATOR = OPERATOR(@extschema@.<+>)
);
COMMENT ON OPERATOR @extschema@.<+> (@extschema@.halfvec, @extschema@.halfvec) IS
    'taxicab distance';

CREATE OPERATOR @extschema@.<-> (
    LEFTARG = @extschema@.sparsevec, RIGHTARG = @extschema@.sparsevec, FUNCTION = @extschema@.l2_distance,
    COMMUTATOR = OPERATOR(@extschema@.<->)
);
COMMENT ON OPERATOR @extschema@.<-> (@extschema@.sparsevec, @extschema@.sparsevec) IS
    'Euclidean distance';

CREATE OPERATOR @extschema@.<#> (
    LEFTARG = @extschema@.sparsevec, RIGHTARG = @extschema@.sparsevec, FUNCTION = @extschema@.sparsevec_negative_inner_product,
    COMMUTATOR = OPERATOR(@extschema@.<#>)
);
COMMENT ON OPERATOR @extschema@.<#> (@extschema@.sparsevec, @extschema@.sparsevec) IS
    'negative inner product';

CREATE OPERATOR @extschema@.<=> (
    LEFTARG = @extschema@.sparsevec, RIGHTARG = @extschema@.sparsevec, FUNCTION = @extschema@.cosine_distance,
    COMMUTATOR = OPERATOR(@extschema@.<=>)
);
COMMENT ON OPERATOR @extschema@.<=> (@extschema@.sparsevec, @extschema@.sparsevec) IS
    'cosine distance';

CREATE OPERATOR @extschema@.<+> (
    LEFTARG = @extschema@.sparsevec, RIGHTARG = @extschema@.sparsevec, FUNCTION = @extschema@.l1_distance,
    COMMUTATOR = OPERATOR(@extschema@.<+>)
);
COMMENT ON OPERATOR @extschema@.<+> (@extschema@.sparsevec, @extschema@.sparsevec) IS
    'taxicab distance';

CREATE OPERATOR @extschema@.<~> (
    LEFTARG = bit, RIGHTARG = bit, FUNCTION = @extschema@.hamming_distance,
    COMMUTATOR = OPERATOR(@extschema@.<~>)
);
COMMENT ON OPERATOR @extschema@.<~> (bit, bit) IS
    'Hamming distance';

CREATE OPERATOR @extschema@.<%> (
    LEFTARG = bit, RIGHTARG = bit, FUNCTION = @extschema@.jaccard_distance,
    COMMUTATOR = OPERATOR(@extschema@.<%>)
);
COMMENT ON OPERATOR @extschema@.<%> (bit, bit) IS
    'Jaccard distance';

-- ---- arithmetic and parts --------------------------------------------------

CREATE FUNCTION @extschema@.vector_add(@extschema@.vector, @extschema@.vector)
    RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_vector_add'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_add(@extschema@.vector, @extschema@.vector) IS
    'sum, element by element';

CREATE FUNCTION @extschema@.vector_sub(@extschema@.vector, @extschema@.vector)
    RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_vector_sub'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_sub(@extschema@.vector, @extschema@.vector) IS
    'difference, element by element';

CREATE FUNCTION @extschema@.vector_mul(@extschema@.vector, @extschema@.vector)
    RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_vector_mul'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_mul(@extschema@.vector, @extschema@.vector) IS
    'product, element by element';

CREATE FUNCTION @extschema@.vector_concat(@extschema@.vector, @extschema@.vector)
    RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_vector_concat'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_concat(@extschema@.vector, @extschema@.vector) IS
    'elements of both, one after the other';

CREATE FUNCTION @extschema@.binary_quantize(@extschema@.vector) RETURNS bit
    AS 'MODULE_PATHNAME', 'intel_binary_quantize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.binary_quantize(@extschema@.vector) IS
    'one bit per element, set where it is positive';

CREATE FUNCTION @extschema@.subvector(@extschema@.vector, integer, integer)
    RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_subvector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.subvector(@extschema@.vector, integer, integer) IS
    'part from an element on, numbered from 1, with a number of elements';

CREATE OPERATOR @extschema@.+ (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_add,
    COMMUTATOR = OPERATOR(@extschema@.+)
);
COMMENT ON OPERATOR @extschema@.+ (@extschema@.vector, @extschema@.vector) IS
    'sum, element by element';

CREATE OPERATOR @extschema@.- (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_sub
);
COMMENT ON OPERATOR @extschema@.- (@extschema@.vector, @extschema@.vector) IS
    'difference, element by element';

CREATE OPERATOR @extschema@.* (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_mul,
    COMMUTATOR = OPERATOR(@extschema@.*)
);
COMMENT ON OPERATOR @extschema@.* (@extschema@.vector, @extschema@.vector) IS
    'product, element by element';

CREATE OPERATOR @extschema@.|| (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_concat
);
COMMENT ON OPERATOR @extschema@.|| (@extschema@.vector, @extschema@.vector) IS
    'elements of both, one after the other';

CREATE FUNCTION @extschema@.halfvec_add(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_halfvec_add'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_add(@extschema@.halfvec, @extschema@.halfvec) IS
    'sum, element by element';

CREATE FUNCTION @extschema@.halfvec_sub(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_halfvec_sub'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_sub(@extschema@.halfvec, @extschema@.halfvec) IS
    'difference, element by element';

CREATE FUNCTION @extschema@.halfvec_mul(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_halfvec_mul'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_mul(@extschema@.halfvec, @extschema@.halfvec) IS
    'product, element by element';

CREATE FUNCTION @extschema@.halfvec_concat(@extschema@.halfvec, @extschema@.halfvec)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_halfvec_concat'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_concat(@extschema@.halfvec, @extschema@.halfvec) IS
    'elements of both, one after the other';

CREATE FUNCTION @extschema@.binary_quantize(@extschema@.halfvec) RETURNS bit
    AS 'MODULE_PATHNAME', 'intel_halfvec_binary_quantize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.binary_quantize(@extschema@.halfvec) IS
    'one bit per element, set where it is positive';

CREATE FUNCTION @extschema@.subvector(@extschema@.halfvec, integer, integer)
    RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_halfvec_subvector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.subvector(@extschema@.halfvec, integer, integer) IS
    'part from an element on, numbered from 1, with a number of elements';

CREATE OPERATOR @extschema@.+ (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_add,
    COMMUTATOR = OPERATOR(@extschema@.+)
);
COMMENT ON OPERATOR @extschema@.+ (@extschema@.halfvec, @extschema@.halfvec) IS
    'sum, element by element';

CREATE OPERATOR @extschema@.- (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_sub
);
COMMENT ON OPERATOR @extschema@.- (@extschema@.halfvec, @extschema@.halfvec) IS
    'difference, element by element';

CREATE OPERATOR @extschema@.* (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_mul,
    COMMUTATOR = OPERATOR(@extschema@.*)
);
COMMENT ON OPERATOR @extschema@.* (@extschema@.halfvec, @extschema@.halfvec) IS
    'product, element by element';

CREATE OPERATOR @extschema@.|| (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_concat
);
COMMENT ON OPERATOR @extschema@.|| (@extschema@.halfvec, @extschema@.halfvec) IS
    'elements of both, one after the other';

CREATE FUNCTION @extschema@.random_vector(dim integer, seed bigint) RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_random_vector'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.random_vector(dim integer, seed bigint) IS
    'elements uniform in [-1, 1), always the same for a seed';

-- ---- order and hash --------------------------------------------------------

CREATE FUNCTION @extschema@.vector_lt(@extschema@.vector, @extschema@.vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_vector_lt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_lt(@extschema@.vector, @extschema@.vector) IS
    'less than';

CREATE FUNCTION @extschema@.vector_le(@extschema@.vector, @extschema@.vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_vector_le'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_le(@extschema@.vector, @extschema@.vector) IS
    'less than or equal';

CREATE FUNCTION @extschema@.vector_eq(@extschema@.vector, @extschema@.vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_vector_eq'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_eq(@extschema@.vector, @extschema@.vector) IS
    'equal';

CREATE FUNCTION @extschema@.vector_ne(@extschema@.vector, @extschema@.vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_vector_ne'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_ne(@extschema@.vector, @extschema@.vector) IS
    'not equal';

CREATE FUNCTION @extschema@.vector_ge(@extschema@.vector, @extschema@.vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_vector_ge'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_ge(@extschema@.vector, @extschema@.vector) IS
    'greater than or equal';

CREATE FUNCTION @extschema@.vector_gt(@extschema@.vector, @extschema@.vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_vector_gt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_gt(@extschema@.vector, @extschema@.vector) IS
    'greater than';

CREATE FUNCTION @extschema@.vector_cmp(@extschema@.vector, @extschema@.vector) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_vector_cmp'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_cmp(@extschema@.vector, @extschema@.vector) IS
    '-1, 0 or 1: order of two vector values';

CREATE FUNCTION @extschema@.vector_hash(@extschema@.vector) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_vector_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_hash(@extschema@.vector) IS
    'hash of a vector';

CREATE FUNCTION @extschema@.vector_hash_extended(@extschema@.vector, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'intel_vector_hash_extended'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_hash_extended(@extschema@.vector, bigint) IS
    'hash of a vector with a seed';

CREATE OPERATOR @extschema@.< (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_lt,
    COMMUTATOR = OPERATOR(@extschema@.>),
    NEGATOR = OPERATOR(@extschema@.>=),
    RESTRICT = pg_catalog.scalarltsel,
    JOIN = pg_catalog.scalarltjoinsel
);
COMMENT ON OPERATOR @extschema@.< (@extschema@.vector, @extschema@.vector) IS
    'less than';

CREATE OPERATOR @extschema@.<= (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_le,
    COMMUTATOR = OPERATOR(@extschema@.>=),
    NEGATOR = OPERATOR(@extschema@.>),
    RESTRICT = pg_catalog.scalarlesel,
    JOIN = pg_catalog.scalarlejoinsel
);
COMMENT ON OPERATOR @extschema@.<= (@extschema@.vector, @extschema@.vector) IS
    'less than or equal';

CREATE OPERATOR @extschema@.= (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_eq,
    COMMUTATOR = OPERATOR(@extschema@.=),
    NEGATOR = OPERATOR(@extschema@.<>),
    RESTRICT = pg_catalog.eqsel,
    JOIN = pg_catalog.eqjoinsel,
    HASHES,
    MERGES
);
COMMENT ON OPERATOR @extschema@.= (@extschema@.vector, @extschema@.vector) IS
    'equal';

CREATE OPERATOR @extschema@.<> (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_ne,
    COMMUTATOR = OPERATOR(@extschema@.<>),
    NEGATOR = OPERATOR(@extschema@.=),
    RESTRICT = pg_catalog.neqsel,
    JOIN = pg_catalog.neqjoinsel
);
COMMENT ON OPERATOR @extschema@.<> (@extschema@.vector, @extschema@.vector) IS
    'not equal';

CREATE OPERATOR @extschema@.>= (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_ge,
    COMMUTATOR = OPERATOR(@extschema@.<=),
    NEGATOR = OPERATOR(@extschema@.<),
    RESTRICT = pg_catalog.scalargesel,
    JOIN = pg_catalog.scalargejoinsel
);
COMMENT ON OPERATOR @extschema@.>= (@extschema@.vector, @extschema@.vector) IS
    'greater than or equal';

CREATE OPERATOR @extschema@.> (
    LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector, FUNCTION = @extschema@.vector_gt,
    COMMUTATOR = OPERATOR(@extschema@.<),
    NEGATOR = OPERATOR(@extschema@.<=),
    RESTRICT = pg_catalog.scalargtsel,
    JOIN = pg_catalog.scalargtjoinsel
);
COMMENT ON OPERATOR @extschema@.> (@extschema@.vector, @extschema@.vector) IS
    'greater than';

CREATE OPERATOR CLASS @extschema@.vector_ops
    DEFAULT FOR TYPE @extschema@.vector USING btree AS
    OPERATOR 1 @extschema@.<,
    OPERATOR 2 @extschema@.<=,
    OPERATOR 3 @extschema@.=,
    OPERATOR 4 @extschema@.>=,
    OPERATOR 5 @extschema@.>,
    FUNCTION 1 @extschema@.vector_cmp(@extschema@.vector, @extschema@.vector);
COMMENT ON OPERATOR CLASS @extschema@.vector_ops USING btree IS
    'element by element, then by length';

CREATE OPERATOR CLASS @extschema@.vector_ops
    DEFAULT FOR TYPE @extschema@.vector USING hash AS
    OPERATOR 1 @extschema@.=,
    FUNCTION 1 @extschema@.vector_hash(@extschema@.vector),
    FUNCTION 2 @extschema@.vector_hash_extended(@extschema@.vector, bigint);
COMMENT ON OPERATOR CLASS @extschema@.vector_ops USING hash IS
    'equality; -0 equals 0';

CREATE FUNCTION @extschema@.halfvec_lt(@extschema@.halfvec, @extschema@.halfvec) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_halfvec_lt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_lt(@extschema@.halfvec, @extschema@.halfvec) IS
    'less than';

CREATE FUNCTION @extschema@.halfvec_le(@extschema@.halfvec, @extschema@.halfvec) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_halfvec_le'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_le(@extschema@.halfvec, @extschema@.halfvec) IS
    'less than or equal';

CREATE FUNCTION @extschema@.halfvec_eq(@extschema@.halfvec, @extschema@.halfvec) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_halfvec_eq'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_eq(@extschema@.halfvec, @extschema@.halfvec) IS
    'equal';

CREATE FUNCTION @extschema@.halfvec_ne(@extschema@.halfvec, @extschema@.halfvec) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_halfvec_ne'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_ne(@extschema@.halfvec, @extschema@.halfvec) IS
    'not equal';

CREATE FUNCTION @extschema@.halfvec_ge(@extschema@.halfvec, @extschema@.halfvec) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_halfvec_ge'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_ge(@extschema@.halfvec, @extschema@.halfvec) IS
    'greater than or equal';

CREATE FUNCTION @extschema@.halfvec_gt(@extschema@.halfvec, @extschema@.halfvec) RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_halfvec_gt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_gt(@extschema@.halfvec, @extschema@.halfvec) IS
    'greater than';

CREATE FUNCTION @extschema@.halfvec_cmp(@extschema@.halfvec, @extschema@.halfvec) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_halfvec_cmp'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_cmp(@extschema@.halfvec, @extschema@.halfvec) IS
    '-1, 0 or 1: order of two halfvec values';

CREATE FUNCTION @extschema@.halfvec_hash(@extschema@.halfvec) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_halfvec_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_hash(@extschema@.halfvec) IS
    'hash of a halfvec';

CREATE FUNCTION @extschema@.halfvec_hash_extended(@extschema@.halfvec, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'intel_halfvec_hash_extended'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_hash_extended(@extschema@.halfvec, bigint) IS
    'hash of a halfvec with a seed';

CREATE OPERATOR @extschema@.< (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_lt,
    COMMUTATOR = OPERATOR(@extschema@.>),
    NEGATOR = OPERATOR(@extschema@.>=),
    RESTRICT = pg_catalog.scalarltsel,
    JOIN = pg_catalog.scalarltjoinsel
);
COMMENT ON OPERATOR @extschema@.< (@extschema@.halfvec, @extschema@.halfvec) IS
    'less than';

CREATE OPERATOR @extschema@.<= (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_le,
    COMMUTATOR = OPERATOR(@extschema@.>=),
    NEGATOR = OPERATOR(@extschema@.>),
    RESTRICT = pg_catalog.scalarlesel,
    JOIN = pg_catalog.scalarlejoinsel
);
COMMENT ON OPERATOR @extschema@.<= (@extschema@.halfvec, @extschema@.halfvec) IS
    'less than or equal';

CREATE OPERATOR @extschema@.= (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_eq,
    COMMUTATOR = OPERATOR(@extschema@.=),
    NEGATOR = OPERATOR(@extschema@.<>),
    RESTRICT = pg_catalog.eqsel,
    JOIN = pg_catalog.eqjoinsel,
    HASHES,
    MERGES
);
COMMENT ON OPERATOR @extschema@.= (@extschema@.halfvec, @extschema@.halfvec) IS
    'equal';

CREATE OPERATOR @extschema@.<> (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_ne,
    COMMUTATOR = OPERATOR(@extschema@.<>),
    NEGATOR = OPERATOR(@extschema@.=),
    RESTRICT = pg_catalog.neqsel,
    JOIN = pg_catalog.neqjoinsel
);
COMMENT ON OPERATOR @extschema@.<> (@extschema@.halfvec, @extschema@.halfvec) IS
    'not equal';

CREATE OPERATOR @extschema@.>= (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_ge,
    COMMUTATOR = OPERATOR(@extschema@.<=),
    NEGATOR = OPERATOR(@extschema@.<),
    RESTRICT = pg_catalog.scalargesel,
    JOIN = pg_catalog.scalargejoinsel
);
COMMENT ON OPERATOR @extschema@.>= (@extschema@.halfvec, @extschema@.halfvec) IS
    'greater than or equal';

CREATE OPERATOR @extschema@.> (
    LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec, FUNCTION = @extschema@.halfvec_gt,
    COMMUTATOR = OPERATOR(@extschema@.<),
    NEGATOR = OPERATOR(@extschema@.<=),
    RESTRICT = pg_catalog.scalargtsel,
    JOIN = pg_catalog.scalargtjoinsel
);
COMMENT ON OPERATOR @extschema@.> (@extschema@.halfvec, @extschema@.halfvec) IS
    'greater than';

CREATE OPERATOR CLASS @extschema@.halfvec_ops
    DEFAULT FOR TYPE @extschema@.halfvec USING btree AS
    OPERATOR 1 @extschema@.<,
    OPERATOR 2 @extschema@.<=,
    OPERATOR 3 @extschema@.=,
    OPERATOR 4 @extschema@.>=,
    OPERATOR 5 @extschema@.>,
    FUNCTION 1 @extschema@.halfvec_cmp(@extschema@.halfvec, @extschema@.halfvec);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_ops USING btree IS
    'element by element, then by length';

CREATE OPERATOR CLASS @extschema@.halfvec_ops
    DEFAULT FOR TYPE @extschema@.halfvec USING hash AS
    OPERATOR 1 @extschema@.=,
    FUNCTION 1 @extschema@.halfvec_hash(@extschema@.halfvec),
    FUNCTION 2 @extschema@.halfvec_hash_extended(@extschema@.halfvec, bigint);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_ops USING hash IS
    'equality; -0 equals 0';

CREATE FUNCTION @extschema@.sparsevec_lt(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_sparsevec_lt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_lt(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'less than';

CREATE FUNCTION @extschema@.sparsevec_le(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_sparsevec_le'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_le(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'less than or equal';

CREATE FUNCTION @extschema@.sparsevec_eq(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_sparsevec_eq'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_eq(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'equal';

CREATE FUNCTION @extschema@.sparsevec_ne(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_sparsevec_ne'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_ne(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'not equal';

CREATE FUNCTION @extschema@.sparsevec_ge(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_sparsevec_ge'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_ge(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'greater than or equal';

CREATE FUNCTION @extschema@.sparsevec_gt(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'intel_sparsevec_gt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_gt(@extschema@.sparsevec, @extschema@.sparsevec) IS
    'greater than';

CREATE FUNCTION @extschema@.sparsevec_cmp(@extschema@.sparsevec, @extschema@.sparsevec)
    RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_sparsevec_cmp'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_cmp(@extschema@.sparsevec, @extschema@.sparsevec) IS
    '-1, 0 or 1: order of two sparsevec values';

CREATE FUNCTION @extschema@.sparsevec_hash(@extschema@.sparsevec) RETURNS integer
    AS 'MODULE_PATHNAME', 'intel_sparsevec_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_hash(@extschema@.sparsevec) IS
    'hash of a sparsevec';

CREATE FUNCTION @extschema@.sparsevec_hash_extended(@extschema@.sparsevec, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'intel_sparsevec_hash_extended'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_hash_extended(@extschema@.sparsevec, bigint) IS
    'hash of a sparsevec with a seed';

CREATE OPERATOR @extschema@.< (
    LEFTARG = @extschema@.sparsevec, RIGHTARG = @extschema@.sparsevec, FUNCTION = @extschema@.sparsevec_lt,
    COMMUTATOR = OPERATOR(@extschema@.>),
    NEGATOR = OPERATOR(@extschema@.>=),
    RESTRICT = pg_catalog.scalarltsel,
    JOIN = pg_catalog.scalarltjoinsel
);
COMMENT ON OPERATOR @extschema@.< (@extschema@.sparsevec, @extschema@.sparsevec) IS
    'less than';

CREATE OPERATOR @extschema@.<= (
    LEFTARG = @extschema@.sparsevec, RIGHTARG = @extschema@.sparsevec, FUNCTION = @extschema@.sparsevec_le,
    COMMUTATOR = OPERATOR(@extschema@.>=),
    NEGATOR = OPERATOR(@extschema@.>),
    RESTRICT = pg_catalog.scalarlesel,
    JOIN = pg_catalog.scalarlejoinsel
);
COMMENT ON OPERATOR @extschema@.<= (@extschema@.sparsevec, @extschema@.sparsevec) IS
    'less than or equal';

CREATE OPERATOR @extschema@.= (
    LEFTARG = @extschema@.sparsevec, RIGHTARG = @extschema@.sparsevec, FUNCTION = @extschema@.sparsevec_eq,
    COMMUTATOR = OPERATOR(@extschema@.=),
    NEGATOR = OPERATOR(@extschema@.<>),
    RESTRICT = pg_catalog.eqsel,
    JOIN = pg_catalog.eqjoinsel,
    HASHES,
    MERGES
);
COMMENT ON OPERATOR @extschema@.= (@extschema@.sparsevec, @extschema@.sparsevec) IS
    'equal';

CREATE OPERATOR @extschema@.<> (
    LEFTARG = @extschema@.sparsevec, RIGHTARG = @extschema@.sparsevec, FUNCTION = @extschema@.sparsevec_ne,
    COMMUTATOR = OPERATOR(@extschema@.<>),
    NEGATOR = OPERATOR(@extschema@.=),
    RESTRICT = pg_catalog.neqsel,
    JOIN = pg_catalog.neqjoinsel
);
COMMENT ON OPERATOR @extschema@.<> (@extschema@.sparsevec, @extschema@.sparsevec) IS
    'not equal';

CREATE OPERATOR @extschema@.>= (
    LEFTARG = @extschema@.sparsevec, RIGHTARG = @extschema@.sparsevec, FUNCTION = @extschema@.sparsevec_ge,
    COMMUTATOR = OPERATOR(@extschema@.<=),
    NEGATOR = OPERATOR(@extschema@.<),
    RESTRICT = pg_catalog.scalargesel,
    JOIN = pg_catalog.scalargejoinsel
);
COMMENT ON OPERATOR @extschema@.>= (@extschema@.sparsevec, @extschema@.sparsevec) IS
    'greater than or equal';

CREATE OPERATOR @extschema@.> (
    LEFTARG = @extschema@.sparsevec, RIGHTARG = @extschema@.sparsevec, FUNCTION = @extschema@.sparsevec_gt,
    COMMUTATOR = OPERATOR(@extschema@.<),
    NEGATOR = OPERATOR(@extschema@.<=),
    RESTRICT = pg_catalog.scalargtsel,
    JOIN = pg_catalog.scalargtjoinsel
);
COMMENT ON OPERATOR @extschema@.> (@extschema@.sparsevec, @extschema@.sparsevec) IS
    'greater than';

CREATE OPERATOR CLASS @extschema@.sparsevec_ops
    DEFAULT FOR TYPE @extschema@.sparsevec USING btree AS
    OPERATOR 1 @extschema@.<,
    OPERATOR 2 @extschema@.<=,
    OPERATOR 3 @extschema@.=,
    OPERATOR 4 @extschema@.>=,
    OPERATOR 5 @extschema@.>,
    FUNCTION 1 @extschema@.sparsevec_cmp(@extschema@.sparsevec, @extschema@.sparsevec);
COMMENT ON OPERATOR CLASS @extschema@.sparsevec_ops USING btree IS
    'element by element, then by length';

CREATE OPERATOR CLASS @extschema@.sparsevec_ops
    DEFAULT FOR TYPE @extschema@.sparsevec USING hash AS
    OPERATOR 1 @extschema@.=,
    FUNCTION 1 @extschema@.sparsevec_hash(@extschema@.sparsevec),
    FUNCTION 2 @extschema@.sparsevec_hash_extended(@extschema@.sparsevec, bigint);
COMMENT ON OPERATOR CLASS @extschema@.sparsevec_ops USING hash IS
    'equality; -0 equals 0';

-- ---- aggregates ------------------------------------------------------------

CREATE FUNCTION @extschema@.vector_accum(double precision[], @extschema@.vector)
    RETURNS double precision[]
    AS 'MODULE_PATHNAME', 'intel_vector_accum'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_accum(double precision[], @extschema@.vector) IS
    'step of avg(vector): count and sums';

CREATE FUNCTION @extschema@.vector_combine(double precision[], double precision[])
    RETURNS double precision[]
    AS 'MODULE_PATHNAME', 'intel_vector_combine'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_combine(double precision[], double precision[]) IS
    'parallel step of avg(vector)';

CREATE FUNCTION @extschema@.vector_avg(double precision[]) RETURNS @extschema@.vector
    AS 'MODULE_PATHNAME', 'intel_vector_avg'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_avg(double precision[]) IS
    'result of avg(vector)';

CREATE AGGREGATE @extschema@.avg(@extschema@.vector) (
    SFUNC = @extschema@.vector_accum, STYPE = double precision[],
    FINALFUNC = @extschema@.vector_avg, COMBINEFUNC = @extschema@.vector_combine,
    INITCOND = '{0}', PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.avg(@extschema@.vector) IS
    'average, element by element';

CREATE AGGREGATE @extschema@.sum(@extschema@.vector) (
    SFUNC = @extschema@.vector_add, STYPE = @extschema@.vector,
    COMBINEFUNC = @extschema@.vector_add, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.sum(@extschema@.vector) IS
    'sum, element by element';

CREATE FUNCTION @extschema@.halfvec_accum(double precision[], @extschema@.halfvec)
    RETURNS double precision[]
    AS 'MODULE_PATHNAME', 'intel_halfvec_accum'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_accum(double precision[], @extschema@.halfvec) IS
    'step of avg(halfvec): count and sums';

CREATE FUNCTION @extschema@.halfvec_combine(double precision[], double precision[])
    RETURNS double precision[]
    AS 'MODULE_PATHNAME', 'intel_vector_combine'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_combine(double precision[], double precision[]) IS
    'parallel step of avg(halfvec)';

CREATE FUNCTION @extschema@.halfvec_avg(double precision[]) RETURNS @extschema@.halfvec
    AS 'MODULE_PATHNAME', 'intel_halfvec_avg'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.halfvec_avg(double precision[]) IS
    'result of avg(halfvec)';

CREATE AGGREGATE @extschema@.avg(@extschema@.halfvec) (
    SFUNC = @extschema@.halfvec_accum, STYPE = double precision[],
    FINALFUNC = @extschema@.halfvec_avg, COMBINEFUNC = @extschema@.halfvec_combine,
    INITCOND = '{0}', PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.avg(@extschema@.halfvec) IS
    'average, element by element';

CREATE AGGREGATE @extschema@.sum(@extschema@.halfvec) (
    SFUNC = @extschema@.halfvec_add, STYPE = @extschema@.halfvec,
    COMBINEFUNC = @extschema@.halfvec_add, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.sum(@extschema@.halfvec) IS
    'sum, element by element';

CREATE FUNCTION @extschema@.sparsevec_accum(internal, @extschema@.sparsevec) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel_sparsevec_accum'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_accum(internal, @extschema@.sparsevec) IS
    'step of sum and avg of sparsevec';

CREATE FUNCTION @extschema@.sparsevec_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel_sparsevec_combine'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_combine(internal, internal) IS
    'parallel step of sum and avg of sparsevec';

CREATE FUNCTION @extschema@.sparsevec_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'intel_sparsevec_serialize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_serialize(internal) IS
    'state of sum and avg of sparsevec, to send';

CREATE FUNCTION @extschema@.sparsevec_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'intel_sparsevec_deserialize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_deserialize(bytea, internal) IS
    'state of sum and avg of sparsevec, received';

CREATE FUNCTION @extschema@.sparsevec_sum(internal) RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_sparsevec_sum'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_sum(internal) IS
    'result of sum(sparsevec)';

CREATE FUNCTION @extschema@.sparsevec_avg(internal) RETURNS @extschema@.sparsevec
    AS 'MODULE_PATHNAME', 'intel_sparsevec_avg'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sparsevec_avg(internal) IS
    'result of avg(sparsevec)';

CREATE AGGREGATE @extschema@.avg(@extschema@.sparsevec) (
    SFUNC = @extschema@.sparsevec_accum, STYPE = internal,
    FINALFUNC = @extschema@.sparsevec_avg, COMBINEFUNC = @extschema@.sparsevec_combine,
    SERIALFUNC = @extschema@.sparsevec_serialize,
    DESERIALFUNC = @extschema@.sparsevec_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.avg(@extschema@.sparsevec) IS
    'average, element by element';

CREATE AGGREGATE @extschema@.sum(@extschema@.sparsevec) (
    SFUNC = @extschema@.sparsevec_accum, STYPE = internal,
    FINALFUNC = @extschema@.sparsevec_sum, COMBINEFUNC = @extschema@.sparsevec_combine,
    SERIALFUNC = @extschema@.sparsevec_serialize,
    DESERIALFUNC = @extschema@.sparsevec_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.sum(@extschema@.sparsevec) IS
    'sum, element by element';

CREATE TYPE @extschema@.vector_summary AS (
    count bigint, dims integer,
    mean @extschema@.vector, min @extschema@.vector, max @extschema@.vector,
    norm_mean double precision, norm_min double precision, norm_max double precision
);
COMMENT ON TYPE @extschema@.vector_summary IS
    'result of vector_stats: mean, least and greatest value per element, and of the norms';

CREATE FUNCTION @extschema@.vector_stats_accum(double precision[], @extschema@.vector)
    RETURNS double precision[]
    AS 'MODULE_PATHNAME', 'intel_vector_stats_accum'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_stats_accum(double precision[], @extschema@.vector) IS
    'step of vector_stats';

CREATE FUNCTION @extschema@.vector_stats_combine(double precision[], double precision[])
    RETURNS double precision[]
    AS 'MODULE_PATHNAME', 'intel_vector_stats_combine'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_stats_combine(double precision[], double precision[]) IS
    'parallel step of vector_stats';

CREATE FUNCTION @extschema@.vector_stats_final(double precision[])
    RETURNS @extschema@.vector_summary
    AS 'MODULE_PATHNAME', 'intel_vector_stats_final'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vector_stats_final(double precision[]) IS
    'result of vector_stats';

CREATE AGGREGATE @extschema@.vector_stats(@extschema@.vector) (
    SFUNC = @extschema@.vector_stats_accum, STYPE = double precision[],
    FINALFUNC = @extschema@.vector_stats_final,
    COMBINEFUNC = @extschema@.vector_stats_combine,
    INITCOND = '{0,0,0,0}', PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.vector_stats(@extschema@.vector) IS
    'a vector_summary of a column, or null when there are no vectors';

-- ---- pgvector in the same database --------------------------------------------

-- Both extensions store the same bytes, so a cast without function is enough.
-- From pgvector's types it is implicit, which lets functions of intel take
-- them; the other way only assignment uses it, since two implicit casts would
-- make every operator between the two ambiguous.
CREATE FUNCTION @extschema@.adopt_pgvector() RETURNS SETOF text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pair record;
    command text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN
        RAISE EXCEPTION 'extension "vector" is not installed in this database'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Run CREATE EXTENSION vector first.';
    END IF;

    FOR pair IN SELECT * FROM @extschema@._pgvector_types() LOOP
        IF NOT EXISTS (SELECT FROM pg_cast WHERE castsource = pair.theirs AND casttarget = pair.ours) THEN
            command := format('CREATE CAST (%s AS %s) WITHOUT FUNCTION AS IMPLICIT', pair.theirs, pair.ours);
            EXECUTE command;
            RETURN NEXT command;
        END IF;
        IF NOT EXISTS (SELECT FROM pg_cast WHERE castsource = pair.ours AND casttarget = pair.theirs) THEN
            command := format('CREATE CAST (%s AS %s) WITHOUT FUNCTION AS ASSIGNMENT', pair.ours, pair.theirs);
            EXECUTE command;
            RETURN NEXT command;
        END IF;

        -- the operator classes of the access method intel, with pgvector's
        -- operators, in the same families: an index of either finds both
        FOR command IN
            SELECT format('CREATE OPERATOR CLASS %s.%I FOR TYPE %s USING intel FAMILY %I.%I AS %s',
                pair.schema, c.opcname, pair.theirs, n.nspname, f.opfname,
                concat_ws(', ',
                    (SELECT string_agg(format('OPERATOR %s %s.%s (%s, %s)%s', o.amopstrategy, pair.schema, p.oprname,
                                pair.theirs, pair.theirs,
                                coalesce((SELECT format(' FOR ORDER BY %I.%I', sn.nspname, s.opfname)
                                          FROM pg_opfamily s JOIN pg_namespace sn ON sn.oid = s.opfnamespace
                                          WHERE s.oid = o.amopsortfamily), '')), ', ')
                     FROM pg_amop o JOIN pg_operator p ON p.oid = o.amopopr
                     WHERE o.amopfamily = f.oid AND o.amoplefttype = pair.ours AND o.amoprighttype = pair.ours),
                    (SELECT string_agg(format('FUNCTION %s (%s, %s) %s', a.amprocnum, pair.theirs, pair.theirs, a.amproc::regprocedure), ', ')
                     FROM pg_amproc a
                     WHERE a.amprocfamily = f.oid AND a.amproclefttype = pair.ours AND a.amprocrighttype = pair.ours)))
            FROM pg_opclass c
                JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'intel'
                JOIN pg_opfamily f ON f.oid = c.opcfamily
                JOIN pg_namespace n ON n.oid = f.opfnamespace
            WHERE c.opcintype = pair.ours
                AND NOT EXISTS (SELECT FROM pg_opclass d
                                WHERE d.opcfamily = c.opcfamily AND d.opcintype = pair.theirs)
            ORDER BY c.opcname
        LOOP
            EXECUTE command;
            RETURN NEXT command;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.adopt_pgvector() IS
    'make the types of the extension vector binary-coercible with those of intel; returns what was created';
REVOKE EXECUTE ON FUNCTION @extschema@.adopt_pgvector() FROM PUBLIC;

CREATE FUNCTION @extschema@.abandon_pgvector() RETURNS SETOF text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pair record;
    command text;
BEGIN
    FOR pair IN SELECT * FROM @extschema@._pgvector_types() LOOP
        FOR command IN
            SELECT format('DROP OPERATOR CLASS %I.%I USING intel', n.nspname, c.opcname)
            FROM pg_opclass c
                JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'intel'
                JOIN pg_namespace n ON n.oid = c.opcnamespace
            WHERE c.opcintype = pair.theirs
            ORDER BY c.opcname
        LOOP
            EXECUTE command;
            RETURN NEXT command;
        END LOOP;
        FOR command IN
            SELECT format('DROP CAST (%s AS %s)', castsource::regtype, casttarget::regtype)
            FROM pg_cast
            WHERE castmethod = 'b'
                AND (castsource, casttarget) IN ((pair.theirs, pair.ours), (pair.ours, pair.theirs))
            ORDER BY castcontext DESC
        LOOP
            EXECUTE command;
            RETURN NEXT command;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.abandon_pgvector() IS
    'undo adopt_pgvector; refused while an index uses it; returns what was dropped';
REVOKE EXECUTE ON FUNCTION @extschema@.abandon_pgvector() FROM PUBLIC;

CREATE FUNCTION @extschema@._pgvector_types()
    RETURNS TABLE (theirs regtype, ours regtype, schema regnamespace)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.oid::regtype, o.oid::regtype, t.typnamespace::regnamespace
    FROM pg_extension e
        JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
            AND d.classid = 'pg_type'::regclass AND d.deptype = 'e'
        JOIN pg_type t ON t.oid = d.objid
        JOIN pg_type o ON o.typname = t.typname AND o.typnamespace = '@extschema@'::regnamespace
    WHERE e.extname = 'vector' AND t.typname IN ('vector', 'halfvec', 'sparsevec')
    ORDER BY array_position(ARRAY['vector', 'halfvec', 'sparsevec']::name[], t.typname)
$$;
COMMENT ON FUNCTION @extschema@._pgvector_types() IS
    'types of the extension vector that intel has too';
