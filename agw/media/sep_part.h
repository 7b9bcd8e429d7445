/* What sep.c, sep_media.c and nobody else know of a stream endpoint. */
#pragma once

#include "agw/media/dtls_title.h"
#include "agw/media/sep.h"
#include "agw/media/sep_demux.h"
#include "agw/media/sep_gate.h"

#define SEP_EVENTS 8 /* more than one call can cause */

struct sep_held { /* a record received before the fingerprint was known */
    struct sep_held *next;
    size_t n;
    uint8_t p[];
};

struct sep_event {
    enum sep_out_kind kind;
    enum bus_what what;
    char text[BUS_TEXT];
};

struct sep_key { /* an SDES key that another one has replaced */
    struct sep_key *next;
    struct srtp_key key;
};

struct sep_rtp { /* all zero: no RTP */
    bool on;
    enum bus_sec sec;
    bool opaque;              /* no header is read */
    bool has_rtcp_port;       /* not muxed: there is a socket of RTCP */
    bool reduced;             /* some stream's far end has AVPF: RTCP need not be compound (RFC 5506) */
    struct sep_gate gate;     /* without ICE */
    struct sep_demux demux;
    struct srtp_key send, recv; /* SDES: those in use; profile NONE: none */
    struct srtp *rx, *tx;     /* NULL: no keys yet */
    struct srtp *rx_old;      /* until the first packet with rx, or for MEDIA_SRTP_OLD_MS */
    msec_t rx_old_until;
    struct sep_key *used;     /* send and recv of before: never to be taken again */
    unsigned n_used;
};

struct sep {
    struct sep_env *env;
    void *owner;
    struct ice *ice;    /* NULL: the Remote address, or latched */
    struct sep_rtp rtp;
    msec_t now;         /* of the call under way */

    bool checked; /* by the datagram that came last */
    char peer[16];
    struct addr local;
    bool ice_up;        /* some pair was selected once */
    bool has_remote;
    struct addr remote;
    const struct reach *reach; /* NULL: no rule */

    enum bus_dtls_role role;
    bool establish;
    char fp_hash[16];
    uint8_t fp[BUS_FP_MAX];
    unsigned fp_len;
    struct dtls_ctx *dtls_ctx; /* of the certificate that its Local tells */
    struct dtls *dtls;        /* NULL: not begun */
    enum dtls_state reported; /* of dtls */
    bool data;                /* somebody waits for its application data */
    bool is_up;               /* events told so, and, if there is data, UP */
    msec_t hello_by;          /* server: when waiting for a ClientHello ends; 0: not begun, MSEC_NEVER: told */
    struct addr dtls_src;     /* of the last DTLS datagram: where to answer before a pair is selected */
    bool has_src;
    struct sep_held *held, **held_end;
    unsigned n_held;

    struct sep_event event[SEP_EVENTS];
    unsigned n_events, shown;
    struct dtls_seen seen_in, seen_out; /* for the trace */
};

void sep_push(struct sep *sep, enum sep_out_kind kind, enum bus_what what, const char *text);

/* sep_media.c */
int sep_media_set(struct sep *sep, const struct bus_sep *spec);  /* what Remote and the rest say of RTP; 0, -errno: no keys */
int sep_media_dtls(struct sep *sep);  /* the handshake is done: its keys are taken; -errno: none to be had */
void sep_media_tick(struct sep *sep);
void sep_media_stop(struct sep *sep); /* the association ended: nothing gets in or out */
