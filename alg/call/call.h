/* Calls: a B2BUA call of two legs and one H.248 context (TS 23.334 6.2.10.6.2; sip-sdp 2.8). Main thread. */
#pragma once

#include "alg/alg.h"
#include "alg/sdp/codec.h"
#include "common/count.h"

struct calls;

struct calls_conf {
    const char *access_interface, *access_realm; /* "access", "access.example.net": ip/$/access/$, ipdc/realm */
    const char *core_interface, *core_realm;     /* "core", "core.example.net" */
    const char *home_domain;
    bool access_v6, core_v6; /* IPv6 where we describe ourselves first; else the family of the one who did */
    bool full_ice;           /* towards WICs: the gateway checks, too (TS 23.334 6.2.17.2); else it is ICE-lite */
    bool ice_tcp;            /* towards WICs: candidates of TCP are asked for, too (RFC 6544; TS 33.203 W.3); not of a full agent */
    bool dtls_active;        /* answer a=setup:actpass with active (the chart) or passive */
    unsigned max_calls;      /* over it: 503 with Retry-After */
    unsigned no_answer_ms;   /* 180000 */
    unsigned reopen_ms;      /* a call outlives its lost MSRP connection: 30000 */
    unsigned orphan_ms;      /* a call outlives its WIC's lost connection: 32000 */
    unsigned heartbeat_s;    /* hangterm/thb: 3600 */
    bool early_media_183;    /* pass core 18x */
    bool preconditions;      /* our offers to the core speak of them (RFC 3312); else only when it asks by 421 */
    const char *const *emergency; /* numbers beside urn:service:sos that get 380 */
    unsigned n_emergency;
    struct sdp_policy policy;
    unsigned media_inactivity_s; /* RTP of the core that stays away ends the call; 0: never */
};

enum call_counter { CALL_C_ACTIVE, CALL_C_MO, CALL_C_MT, CALL_C_ESTABLISHED, CALL_C_FAILED, CALL_C_DROPPED,
                    CALL_C_IQ_FAILED, CALL_C_N };
extern const struct count_def call_counters[CALL_C_N];

int calls_new(struct calls **cp, struct alg *alg, const struct calls_conf *conf);
void calls_free(struct calls *c);
const count_t *calls_counts(const struct calls *c);
/* From sip_h: every request outside a dialog that is no REGISTER. */
void calls_request(struct calls *c, struct sip_in *in, const struct sip_msg *m);
bool calls_is_emergency(const struct calls *c, const struct sip_msg *m); /* answered whoever asks */
void calls_flow_closed(struct calls *c, sip_flow flow);
void calls_flow_moved(struct calls *c, sip_flow old, sip_flow now); /* the same WIC on another connection */
/* SIGTERM: BYE/CANCEL/503 on every leg, contexts released; done when none is left (at the latest after 3 s). */
void calls_stop(struct calls *c, void (*done)(void *arg), void *arg);
