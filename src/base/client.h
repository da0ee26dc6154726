/*-------------------------------------------------------------------------
 *
 * client.h
 *		The connection to the client, for functions whose rows take time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_CLIENT_H
#define INTEL_BASE_CLIENT_H

/*
 * Send what lies in the server's buffer, as far as the client takes it
 * without waiting. The server itself does so when the buffer is full or the
 * statement ends. Does nothing in a process without a client.
 */
extern void client_flush(void);

#endif /* INTEL_BASE_CLIENT_H */
