/* Frames of RFC 6455 5 as a server reads and writes them. Sans-IO: octets in, whole messages and control frames out.
 * Owner: a connection of ws.c. Nothing is believed that is not masked; no message grows beyond `max`. */
#pragma once

#include "common/sv.h"

#define WS_HEAD_MAX 14    /* octets of a frame's header */
#define WS_CONTROL_MAX 125 /* RFC 6455 5.5: octets of a control frame's payload */

enum ws_op { WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

struct ws_rx {
    size_t max;          /* octets of one message */
    char *p;             /* the message so far */
    size_t n, size;
    uint64_t left;       /* payload of this frame still to come */
    unsigned n_head, n_control, at;
    bool in_payload;
    unsigned char op;    /* of this frame */
    unsigned char of;    /* of the message that has begun; 0 = none */
    bool fin;
    unsigned char head[WS_HEAD_MAX], mask[4];
    char control[WS_CONTROL_MAX];
};

struct ws_got {
    enum ws_op op;       /* WS_TEXT, WS_BINARY, WS_CLOSE, WS_PING, WS_PONG */
    struct sv data;      /* until the next input */
    unsigned code;       /* of a refused frame: what the Close frame says (RFC 6455 7.4.1) */
    const char *why;
};

/* Takes octets off the front of *rest. 1: *got is a whole message or control frame, call again; 0: *rest is used up;
 * -EBADMSG: against the protocol or too long, got->code and why; the connection is of no use any more. */
int ws_rx_input(struct ws_rx *rx, struct sv *rest, struct ws_got *got);
void ws_rx_fini(struct ws_rx *rx);
/* The header of an unfragmented frame of ours with n octets; its length. */
size_t ws_head(unsigned char out[WS_HEAD_MAX], enum ws_op op, size_t n);
