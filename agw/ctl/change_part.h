/* What the steps of a change share, and nobody else knows. Owner of struct change: change_run, for one command. */
#pragma once

#include "agw/ctl/stream.h"

struct row {                       /* one stream of the merged description */
    struct iq_stream *m;           /* merged */
    const struct iq_stream *asked; /* what this command says; NULL: nothing */
    struct iq_stream *keep;        /* the copy that stays */
    struct stream *s;
    struct transport *new_tp; /* reserved by this change */
    bool is_new, has_fill;
    struct local fill;
};

struct change {
    struct term *t;
    struct arena *a;
    const struct iq_term *asked;
    struct iq_term *merged, *answer;
    struct iq_fault *fault;
    struct arena *keep;
    struct iq_texts groupse;
    unsigned n;
    struct row rows[IQ_STREAM_MAX];
};

/* The second step: all of merged, with the kind of each row. 0, -EBADMSG with fault. */
int change_check(struct change *ch, enum stream_kind kinds[IQ_STREAM_MAX]);
/* The third: ids, ports, transports and Local of one row, in order. 0, -EBADMSG with fault, -ENOMEM; what it took is in
 * the row. */
int change_reserve(struct change *ch, struct row *r, enum stream_kind kind);
/* The last, which cannot fail: the termination is what merged says, and the other threads have their orders. */
void change_do(struct change *ch, msec_t now);
