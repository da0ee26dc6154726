/*-------------------------------------------------------------------------
 *
 * jansson.h
 *		The JSON library, for files with and without postgres.h.
 *
 * PostgreSQL has a function json_object of its own. The server's symbol wins
 * at run time, so jansson's constructor of that name can never be called from
 * here: write json_pack("{}") instead.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_JANSSON_H
#define INTEL_BASE_JANSSON_H

#define json_object jansson_object_is_hidden_by_the_server
#include <jansson.h>
#undef json_object

#endif /* INTEL_BASE_JANSSON_H */
