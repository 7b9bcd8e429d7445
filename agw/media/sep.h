/* Stream endpoint: one (termination, stream) on UDP. Sorts datagrams into ICE and DTLS, keeps their order (DTLS only from
 * checked addresses, client only after a pair is nominated, data only after the fingerprint matched). Sans-IO.
 * Owner and thread: its worker. After each call take everything that sep_output has. */
#pragma once

#include "agw/bus.h"
#include "agw/media/dtls.h"
#include "agw/media/ice.h"
#include "agw/media/pkt.h"
#include "common/trace.h"

struct sep;
struct flow;

struct sep_env { /* what all seps of a thread share; outlives them */
    struct stun_mac *mac;
    struct dtls_ctx *dtls;
    msec_t ice_timeout, dtls_timeout;
    enum srtp_engine srtp;
    struct trace *trace; /* NULL = off */
    uint8_t record[MEDIA_RECORD_MAX]; /* the record that sep_output shows */
    uint8_t compound[MEDIA_RX_SIZE];  /* RTCP for sep_more: plain */
    size_t compound_n;
    unsigned compound_next;           /* index of the flow that sep_more names next */
    uint8_t spare[MEDIA_RX_SIZE];     /* a packet that keys may spoil while it is tried with them */
};

enum sep_verdict { /* of a datagram, for the counters */
    SEP_STUN_OK,
    SEP_STUN_BAD,
    SEP_DTLS,
    SEP_UNVALIDATED,
    SEP_JUNK,
    SEP_MEDIA,
    SEP_DROPPED, /* RTP or RTCP that is not taken: already counted with the flow that it claims to belong to */
};

enum sep_out_kind {
    SEP_OUT_NONE,
    SEP_OUT_EVENT, /* what, text: for control */
    SEP_OUT_UP,    /* text "client" or "server": for data */
    SEP_OUT_DATA,  /* p, n: for data */
    SEP_OUT_DOWN,  /* for data, when UP went before */
};

struct sep_out {
    enum sep_out_kind kind;
    enum bus_what what;
    const char *text;
    const uint8_t *p;
    size_t n;
};

int sep_new(struct sep **sepp, struct sep_env *env, const struct bus_sep *spec); /* the fd is not ours */
void sep_free(struct sep *sep);
/* BUS_SEP_REMOTE. New ufrag and pwd of ours: ICE restart (RFC 8445 9); empty ones: unchanged. */
void sep_remote(struct sep *sep, const struct bus_sep *spec, struct tx *tx, msec_t now);
/* Like SEP_REMOTE with the values of sep_new: whatever may start now starts. */
void sep_start(struct sep *sep, struct tx *tx, msec_t now);
enum sep_verdict sep_input(struct sep *sep, const struct dgram *in, struct tx *tx, msec_t now);
int sep_send(struct sep *sep, const void *p, size_t n, struct tx *tx); /* one application record; -ENOTCONN... */
void sep_close(struct sep *sep, struct tx *tx);                         /* close_notify */
msec_t sep_deadline(const struct sep *sep, msec_t now);
void sep_tick(struct sep *sep, struct tx *tx, msec_t now);
/* The datagram just given to sep_input was a check that passed: its source is this sep's from now on (shared sockets). */
bool sep_was_checked(const struct sep *sep);
const struct addr *sep_selected(const struct sep *sep); /* the pair of ICE; NULL: none */
/* The selected pair into the trace, once it is another; of a TCP connection by its owner, who knows its local address. */
void sep_trace_pair(const struct sep *sep, const struct addr *local);
/* The connection that this address names has ended. */
void sep_gone(struct sep *sep, const struct addr *peer);
void sep_heard(struct sep *sep, msec_t now); /* something came on its selected connection: ice_heard */
void sep_rest(struct sep *sep, bool on, msec_t now); /* its connection is not read: ice_rest */
/* Events wait for sep_output: asked after sep_media, which must not pay for a look into DTLS. */
/* agw/media/warm.h, for packets of these; at most MEDIA_WARM. */
void sep_warm(const struct sep *const *seps, unsigned n);
bool sep_has_news(const struct sep *sep);
/* Whose it is: by this the worker finds the sockets of pkt->out. */
void sep_set_owner(struct sep *sep, void *owner);
#define SEP_OWNER_HOT 192 /* octets of the owner that a packet needs when it leaves: sep_warm fetches them */
void *sep_owner(const struct sep *sep);
/* The next result; false: nothing left. p lives until the next call on this sep. */
bool sep_output(struct sep *sep, struct sep_out *out, struct tx *tx);

/* --- RTP (the fast path) --- */

/* A datagram of first octet 128..191 (RFC 7983), or any when sep_is_transparent. SEP_MEDIA: from the peer (ICE: a checked address; else Remote, gm, latch),
 * within tman's rate, opened in place, and *flow is the one it belongs to. Else dropped and counted. */
enum sep_verdict sep_media(struct sep *sep, struct pkt *pkt, struct flow **flow, msec_t now);
/* After a SEP_MEDIA with pkt->rtcp: a compound on a bundled sep may concern several flows. Each call writes a plain copy into
 * pkt (a free slot; not the one that flow_relay has changed meanwhile) and names the next flow, for flow_relay to take what
 * is its own. false: no more. */
bool sep_more(struct sep *sep, struct pkt *pkt, struct flow **flow);
/* Seals a plain packet for the peer, sets pkt->to and pkt->out. -ENOTCONN: no keys or no address yet; -errno of srtp_seal. */
int sep_seal(struct sep *sep, struct pkt *pkt);
/* Streams that ride on it; flow_new and flow_free call these. */
int sep_attach(struct sep *sep, struct flow *f); /* again: it has changed. 0, -ENOSPC */
void sep_detach(struct sep *sep, struct flow *f);
bool sep_is_bundle(const struct sep *sep);
bool sep_is_transparent(const struct sep *sep); /* datagrams of any first octet are for sep_media */
bool sep_seals(const struct sep *sep); /* SRTP, with keys or still without */
bool sep_owns(const struct sep *sep, const struct flow *f, uint32_t ssrc); /* this SSRC of the far end is f's */
