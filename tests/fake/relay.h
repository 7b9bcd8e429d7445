/* Two stream endpoints that are joined, without a worker: packets go in on one side and are seen as they leave on the other.
 * The far ends are the test. */
#pragma once

#include "agw/media/flow.h"
#include "agw/media/rtcp.h"
#include "agw/media/sep.h"

struct relay_side {
    struct bus_sep sep_spec;
    struct bus_flow spec;
    struct sep *sep;
    struct flow *flow;
    struct flow_counts counts;
    struct addr far, far_rtcp; /* where its far end sends from */
};

struct relay {
    struct sep_env env;
    struct bus_wire wire;
    struct relay_side a, b;
    msec_t now;
    uint8_t slot[PKT_HEAD + MEDIA_RX_SIZE + PKT_TAIL];
    struct pkt pkt;            /* the packet that leaves; n == 0: none */
    enum sep_verdict verdict;
};

void relay_init(struct relay *r);  /* plain RTP on both sides; change the specs, then open */
void relay_open(struct relay *r);
void relay_close(struct relay *r);
int relay_setup(void **state);     /* as cmocka wants it: one that is initialised */
int relay_teardown(void **state);
void relay_spec(struct relay *r);  /* the specs of both sides have changed */
void relay_blank(struct relay *r); /* pkt is an empty slot */
/* A datagram arrives at `in`; true: something left, in r->pkt. */
bool relay_send(struct relay *r, struct relay_side *in, const struct addr *from, const void *p, size_t n, bool rtcp);

struct relay_rtp {
    uint8_t pt;
    bool marker;
    uint16_t seq;
    uint32_t ts, ssrc;
    struct sv payload;
    struct sv ext; /* the extension block with its header, a multiple of 4; empty: none */
};
size_t relay_make(const struct relay_rtp *m, uint8_t *p); /* octets */
bool relay_rtp(struct relay *r, struct relay_side *in, const struct relay_rtp *m);

/* SDES keys made of `seed`, before relay_open; what the far end of `s` seals with, and opens with. */
struct srtp_key relay_key_of(enum srtp_profile profile, uint8_t seed);
void relay_secure(struct relay_side *s, enum srtp_profile profile, uint8_t seed);
struct srtp *relay_far_tx(const struct relay *r, const struct relay_side *s);
struct srtp *relay_far_rx(const struct relay *r, const struct relay_side *s);
