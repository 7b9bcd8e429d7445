/* The opening handshake of RFC 6455 4.2, as far as it can be judged without knowing the server: one request head in,
 * its fields or a status out. Sans-IO. */
#pragma once

#include "common/sv.h"

#define WS_ANSWER_MAX 256
#define WS_PAGE_MAX 4096 /* an answer that is no WebSocket */

struct ws_request {
    struct sv method, target; /* "GET", "/path?query" */
    struct sv host, origin, key, authorization;
    unsigned has_origin, has_authorization; /* how often a field came; more than once is refused */
    bool sip;             /* subprotocol `sip` is among those offered */
    unsigned status;      /* 0: well-formed upgrade; else the answer */
    const char *why;
};

/* Octets up to and with the blank line, 0 when it has not come yet, -EBADMSG when this will never be a request of ours. */
long ws_http_length(struct sv text);
/* Views into head. */
void ws_http_read(struct sv head, struct ws_request *out);
/* The answers, written into `out`: 101 with the accept value of RFC 6455 4.2.2 5.4, and any other. */
struct sv ws_http_welcome(struct sv key, char out[WS_ANSWER_MAX]);
struct sv ws_http_refusal(unsigned status, char out[WS_ANSWER_MAX]);
