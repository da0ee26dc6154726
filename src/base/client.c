/*-------------------------------------------------------------------------
 *
 * client.c
 *		The connection to the client, for functions whose rows take time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

/*
 * libpq.h describes the connection with the types of the GSSAPI, whose
 * headers are not needed to build extensions. Nothing here looks inside.
 */
#undef ENABLE_GSS

#include "libpq/libpq.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"

#include "base/client.h"

void
client_flush(void)
{
	if (whereToSendOutput == DestRemote && MyProcPort != NULL)
		(void) pq_flush_if_writable();
}
