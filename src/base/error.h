/*-------------------------------------------------------------------------
 *
 * error.h
 *		SQLSTATEs of class IN, where a client must branch.
 *
 * Everything else uses PostgreSQL's own codes. No message, detail, hint or
 * context of this extension carries user text, prompts or secrets: only
 * names of objects, counts, offsets, lengths and status codes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_ERROR_H
#define INTEL_BASE_ERROR_H

#include "utils/elog.h"

/* the provider did not answer in time, or the connection broke */
#define ERRCODE_INTEL_TIMEOUT MAKE_SQLSTATE('I', 'N', '0', '0', '1')
/* refused by policy: egress rules, a switched-off provider, no grant */
#define ERRCODE_INTEL_REFUSED MAKE_SQLSTATE('I', 'N', '0', '0', '2')
/* rate limited; DETAIL says how many seconds to wait */
#define ERRCODE_INTEL_RATE_LIMITED MAKE_SQLSTATE('I', 'N', '0', '0', '3')
/* the provider's answer cannot be used */
#define ERRCODE_INTEL_MALFORMED MAKE_SQLSTATE('I', 'N', '0', '0', '4')
/* the provider keeps failing and is left alone for a while */
#define ERRCODE_INTEL_CIRCUIT_OPEN MAKE_SQLSTATE('I', 'N', '0', '0', '5')
/* the budget is spent */
#define ERRCODE_INTEL_BUDGET MAKE_SQLSTATE('I', 'N', '0', '0', '6')

#endif /* INTEL_BASE_ERROR_H */
