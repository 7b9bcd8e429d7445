/* Commands: a table of verbs, run in order (H.248.1 8.2; TS 29.334 5.8). Thread: control. */
#pragma once

#include "agw/ctl/ctx.h"

/* Run a request and write its reply (kind and id are the caller's). The first command that fails
 * ends the transaction, unless it is optional (O-); what went before stands. 0, -ENOMEM, -EMSGSIZE
 * (the reply outgrew its arena: what was done stays done). */
int cmd_run(struct ctl *c, struct arena *a, const struct h248_txn *req, struct h248_txn *reply,
            msec_t now);

struct cmd_call { /* one command in its action; for the verbs and audit.c */
    struct ctl *ctl;
    struct arena *a;
    uint32_t context; /* as asked: an id, `*`, `-` or `$` */
    struct ctx *ctx;  /* of an id, or made by Add in `$`; NULL with `*` and `-` */
    const struct h248_cmd *cmd;
    struct h248_txn *reply;
    struct h248_action
        *out; /* the action reply that is being written; with `*` the first of them or NULL */
    struct iq_fault fault;
    msec_t now;
};

/* The command's reply for this termination, in the action reply of its context. NULL: no memory. */
struct h248_cmd *cmd_reply(struct cmd_call *call, uint32_t context, struct sv termid);
