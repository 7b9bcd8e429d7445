/* Terminations: ids, wildcards, and the change of one as a whole. A change is checked and
 * everything it needs is reserved before anything is touched: a refused one leaves no trace
 * (H.248.1 8.2.1, one failed command). Owner: struct ctx. Thread: control. */
#pragma once

#include "agw/ctl/ctx.h"

#define TERM_ID_MAX (H248_NAME_MAX + 1)

struct term {
    struct ctx *ctx;
    const struct realm *realm;
    char id[TERM_ID_MAX]; /* "ip/1/core/7" */
    struct arena *arena;  /* texts and SDP of groupse and of the streams' specs */
    struct iq_texts groupse;
    struct stream *streams;       /* list */
    struct transport *transports; /* list: what the streams of UDP ride on */
    char cname[BUS_CNAME];        /* of what it sends (RFC 7022) */
    /* Events descriptor in force (replaced whole); per stream: spec.notify_* */
    bool has_events;
    uint32_t request_id;
    struct iq_int heartbeat;
    bool notify_cause;
    struct iq_int inactivity; /* adid/ipstop */
    struct iq_text inactivity_dir;
    msec_t beat_at;                     /* next hangterm/thb; MSEC_NEVER = off */
    struct term *prev, *next;           /* of the context */
    struct term *beat_prev, *beat_next; /* of ctl->beating */
    UT_hash_handle hh;
};

/* Which realm `ip/$/core/$` and ipdc/realm mean. 0, or -EBADMSG with fault. */
int term_realm(struct ctl *c, const struct iq_term *asked, const struct realm **r,
               struct iq_fault *fault);
/* Add: a termination as asked. answer: what was open (`$`), for the reply; its texts are in a. */
int term_add(struct ctx *x, struct arena *a, const struct iq_term *asked, struct iq_term *answer,
             struct term **tp, msec_t now, struct iq_fault *fault);
int term_modify(struct term *t, struct arena *a, const struct iq_term *asked,
                struct iq_term *answer, msec_t now, struct iq_fault *fault);
void term_free(struct term *t); /* Subtract: endpoints close, peers' connections first */

struct stream *term_stream(const struct term *t, uint16_t id);
struct term *term_find(struct ctl *c, struct sv id);
bool term_is_wild(struct sv pattern); /* has a `*` level */
bool term_match(struct sv pattern,
                const char *id); /* `*` stands for one level, or as the last one for the rest */
void term_fill(const struct term *t, struct iq_term *out); /* the whole description, views into t */
