/* Bounds of a call. One table for the folder; those of its bodies are in alg/sdp/limits.h. */
#pragma once

#include "alg/sdp/limits.h"

#define CALL_BRANCH_MAX 4    /* flows of one user that ring at once */
#define CALL_TERMID_MAX 96   /* characters of a TerminationID */
#define CALL_HDR_MAX 8       /* header fields of one request of ours */
#define CALL_ACCESS_MAX 400  /* characters of a WIC's P-Access-Network-Info; longer: left out */
#define CALL_EARLY_MAX 8      /* descriptions before the answer that are read; more are ignored */
#define CALL_FINAL_MS 2000   /* so long a BYE waits for the end of our re-INVITE, which was cancelled */
#define CALL_RENEW_MS 3000   /* so long the end of an association may be that of the one before */
#define CALL_RETRY_MAX 30    /* Retry-After of an overload answer: 5..30 s at random */
#define CALL_CUT_MAX (DC_CHAN_MAX + MSRP_LINE_MAX) /* lost MSRP connections: of the core, of the WIC */
