/* What the made-up surroundings of a call remember (call_world.h). */
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <utlist.h>

#include "alg/call/call_fsm.h"

#define WIC_FLOW 7

struct sip_msg {
    const char *method, *uri, *body, *ctype, *from, *to, *to_tag, *peer_tag, *header[9][2];
    int status;
    enum sip_side side;
    sip_flow flow;
};

struct sip_in {
    bool invite, answered, cancelled_ok;
    int status, provisional;
    char body[4096], early[4096], headers[512];
    struct sip_dlg *dlg;
    void (*cancelled)(void *arg, const char *reason);
    void *cancelled_arg;
    void (*ack)(void *arg, const struct sip_msg *m);
    void *ack_arg;
    void (*prack)(void *arg, struct sip_in *prack, const struct sip_msg *m);
    void *prack_arg;
    struct sip_in *prev, *next;
};

struct sip_out {
    char method[12], body[4096], headers[512], from[128], route[128];
    bool done, cancelled;
    struct sip_dlg *dlg;
    sip_response_h *cb;
    void *arg;
    struct sip_out *prev, *next;
};

struct sip_dlg {
    struct sip_dlg_h h;
    enum sip_side side;
    sip_flow flow;
    bool freed, up, ended; /* ended: the peer sent BYE */
    int acks, byes;
    char ack_body[4096];
    struct sip_dlg *prev, *next;
};

struct op {
    bool add, done;
    char text[12288];
    struct iq_ctx *ctx;
    iq_done_h *cb;
    void *arg;
    unsigned n;
    struct { uint16_t id; bool choose, sctp; char *rtp; } s[IQ_STREAM_MAX]; /* rtp: Local of audio or video, as asked */
    char termid[96];
    struct op *prev, *next;
};

struct iq_ctx {
    struct iq_ctx_h h;
    bool released;
    struct iq_ctx *prev, *next;
};

static struct world {
    struct alg alg;
    struct calls *calls;
    const char *lacks; /* a package that no gateway has */
    const char *access_info;
    char wished[128]; /* the identity last asked for */
    struct sip_in *ins;
    struct sip_out *outs;
    struct sip_dlg *dlgs;
    struct op *ops;
    struct iq_ctx *ctxs;
    struct reg_binding binding[4];
    unsigned n_bindings;
    bool no_gateway, stopped, early_sent, av; /* of the test's own */
    unsigned port, rtp_port;
} W;
