/* What Iq can say about a termination and its streams, as plain fields. alg fills one and puts it into a command, agw gets
 * it out of the command, and the other way for replies. iq_put and iq_get are exact inverses (tests/unit/test_h248_iq).
 * Package and item names stand in the tables pkg_*.c only (TS 29.334 5.14, 5.7; TS 23.334 8.2-8.4).
 * All text and SDP live in the arena given. Any thread. */
#pragma once

#include "common/sdp.h"
#include "h248/h248.h"

#define IQ_STREAM_MAX 32 /* streams of a termination */
#define IQ_GROUP_MAX 8   /* stream groups of a termination */
#define IQ_LIST_MAX 16   /* members of a list property */

/* Optional plain values. */
struct iq_int { bool set; int64_t v; };
struct iq_bool { bool set; bool v; };
struct iq_text { bool set; struct sv v; };
struct iq_ids { bool set; unsigned n; uint16_t v[IQ_LIST_MAX]; };
struct iq_texts { bool set; unsigned n; struct sv v[IQ_LIST_MAX]; };

enum iq_latch { IQ_LATCH_NONE, IQ_LATCH_OFF, IQ_LATCH_ON, IQ_LATCH_RELATCH };

/* Statistics of RTP (nt, rtp: H.248.1 E.11, E.12), in replies only. */
struct iq_stats {
    struct iq_int dur;                     /* nt/dur: ms in the context */
    struct iq_int octets_out, octets_in;   /* nt/os, nt/or: sent to and received from the network */
    struct iq_int packets_out, packets_in; /* rtp/ps, rtp/pr */
    struct iq_int lost;                    /* rtp/pl: hundredths of a percent of what was to be received */
    struct iq_int jitter, delay;           /* rtp/jit, rtp/delay (one way): ms */
    struct iq_int mos;                     /* xmos/mos (working name): MOS-LQ x 100 */
};

struct iq_stream {
    uint16_t id; /* StreamID, from 1 */

    /* LocalControl */
    enum h248_mode mode;           /* H248_MODE_NONE = not given */
    enum h248_tri reserved_value;
    struct iq_text realm;          /* ipdc/realm */
    struct iq_ids strdeagg;        /* mgroup/strdeagg: component streams of this de-aggregation stream */
    struct iq_int sctpid;          /* sctpbcc/sctpid: SCTP stream identifier 0..65534 */
    struct iq_bool saf;            /* gm/saf: source address filtering */
    struct iq_texts sam;           /* gm/sam */
    struct iq_bool spf;            /* gm/spf */
    struct iq_text spr;            /* gm/spr */
    struct iq_bool esas, esps;     /* gm/esas, gm/esps */
    struct iq_text lsa;            /* gm/lsa */
    struct iq_int lsp;             /* gm/lsp */
    struct iq_bool pol;            /* tman/pol */
    struct iq_int sdr, pdr, mbs, dvt; /* tman/... */
    struct iq_int dscp;            /* ds/dscp 0..63 */
    struct iq_text tb;             /* ds/tb: Mark, Copy */
    struct iq_bool rtcp_rsb;       /* rtcph/rsb */
    struct iq_text interlink;      /* seplink: endpoint interlinkage */

    /* Local and Remote: one session description with one m= line each; NULL = descriptor absent.
     * *_empty: descriptor present but empty (release, H.248.1 7.1.8). */
    struct sdp *local, *remote;
    bool local_empty, remote_empty;

    /* Signals of this stream (Stream parameter) */
    bool dtls_establish, dtls_release;   /* tlsbsc/EstBNC, tlsbsc/RelBNC (working names) */
    bool act_stun;                       /* mgastuns/astuns */
    bool tcp_establish, tcp_release;     /* tcpbcc/EstBNC, RelBNC */
    enum iq_latch latch;                 /* ipnapt/latch */
    struct iq_int sctp_reset;            /* sctpreset/reset: reset the outgoing SCTP stream of this id */
    struct iq_bool consent_test;         /* stnconfres */
    struct iq_bool ice_check;            /* ostuncc/scc: connectivity checks; v: controlling */
    struct iq_text ice_nomination;       /* ostuncc/scc: regular */

    /* Events armed for this stream */
    bool notify_dtls;                    /* tlsbsc/BNCChange */
    bool notify_tcp;                     /* tcpbcc/BNCChange */
    bool notify_sctp;                    /* sctpbcc/BNCChange */
    bool notify_sctp_reset;              /* sctpreset/done */
    bool notify_consent;                 /* stnconfres: lost */
    bool notify_ice;                     /* ostuncc/ccr: result of the checks */
    bool notify_ice_peer;                /* ostuncc/nprc: new peer-reflexive candidate */

    struct iq_stats stats;               /* StreamDescriptor statistics: protocol version 3 only */
};

/* Properties of ROOT (H.248.1 E.2); times in ms. max_*: read-only. */
struct iq_root {
    struct iq_int max_contexts, max_terms;
    struct iq_int mg_execution, mgc_execution, mg_provisional, mgc_provisional;
    struct iq_int mgc_pending_limit, mg_pending_limit;
};

struct iq_term {
    struct sv id;                 /* TerminationID on the wire: "ip/$/core/$", "ip/1/core/7" */

    /* TerminationState */
    struct iq_texts groupse;      /* mgroup/groupse: "SCTP 2 3" each */
    struct iq_root root;          /* termination ROOT only */

    /* Events descriptor: present when has_events (it replaces the earlier one whole, H.248.1 7.1.9) */
    bool has_events;
    uint32_t request_id;
    struct iq_int heartbeat;      /* hangterm/thb timerx, seconds; 0 = off */
    bool notify_cause;            /* g/cause */
    struct iq_int inactivity;     /* adid/ipstop dt, seconds */
    struct iq_text inactivity_dir; /* adid/ipstop dir: IN, OUT, BOTH, EITHER */
    struct iq_int ito;            /* it/ito mit on ROOT, units of 10 ms */

    bool has_signals;             /* Signals descriptor present (also when empty: stop all) */
    struct iq_stats stats;        /* Statistics descriptor: the termination as a whole */

    unsigned n_streams;
    struct iq_stream streams[IQ_STREAM_MAX];
};

/* A refusal in the protocol's own terms: data, not errno. */
struct iq_fault {
    unsigned code; /* H.248 error code: 445 449 450 452 455 456 472 474 489 ... */
    char text[160];
};

/* Into the descriptors of a command (request or reply). Text and SDP are copied into the arena: the command does not
 * point into t. 0, -ENOMEM, -EMSGSIZE, -EINVAL (a field outside the range of its row). An armed event or a set signal of
 * a stream implies has_events, has_signals. A stream without LocalControl, Local and Remote travels in events and signals
 * only; one that says nothing at all does not travel. */
int iq_put(struct arena *a, const struct iq_term *t, struct h248_cmd *cmd);
/* Out of a command. 0; -EBADMSG with *fault (code and text to answer); -ENOMEM. Items of packages that the profile lacks
 * are refused as TS 29.334 5.2 says (440 unknown package, 450 451 452 no such item, 445 512 513 known but not supported,
 * 446 457 parameter, 449 value, 455 wrong descriptor, 456 twice, 472 473 474 session description, 501, 517, 534). `t` is
 * zeroed first. A signal or event that names no stream is for every stream of the command that can carry it: streams with
 * a transport of their own (sctpreset: those with sctpid); or else the first, or stream 1 (TS 29.334 5.7.2). */
int iq_get(struct arena *a, const struct h248_cmd *cmd, struct iq_term *t, struct iq_fault *fault);
/* Fill *fault; its text is made fit for a quoted string. Always -EBADMSG. */
int iq_refuse(struct iq_fault *fault, unsigned code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A Packages descriptor with those packages of the tables that `has` takes, NULL: all: for the reply to an audit. 0, -ENOMEM. */
int iq_put_packages(struct arena *a, bool (*has)(const char *package), struct h248_cmd *cmd);

struct iq_stream *iq_stream_new(struct iq_term *t, uint16_t id); /* NULL: full */
struct iq_stream *iq_stream_find(struct iq_term *t, uint16_t id);

/* A groupse entry "SCTP 2 3" taken apart. 0 or -EBADMSG. */
struct iq_group { struct sv semantics; unsigned n; uint16_t streams[IQ_LIST_MAX]; };
int iq_group_parse(struct sv text, struct iq_group *g);
/* Do groupse, strdeagg and sctpid of a whole termination (as it stands after the command) agree? 0, or -EBADMSG with
 * fault 489 (449: group semantics other than SCTP and BUNDLE). */
int iq_group_check(const struct iq_term *t, struct iq_fault *fault);

/* --- events observed (NOTIFY), both ways --- */
enum iq_event {
    IQ_EV_NONE,
    IQ_EV_HEARTBEAT,      /* hangterm/thb */
    IQ_EV_CAUSE,          /* g/cause */
    IQ_EV_DTLS_FAILED,    /* tlsbsc/BNCChange Type=Failed */
    IQ_EV_DTLS_RELEASED,  /* tlsbsc/BNCChange Type=Rel */
    IQ_EV_TCP_FAILED,     /* tcpbcc/BNCChange Type=Failed */
    IQ_EV_TCP_RELEASED,   /* tcpbcc/BNCChange Type=Rel */
    IQ_EV_TCP_ESTABLISHED,/* tcpbcc/BNCChange Type=Est: there again after Rel */
    IQ_EV_SCTP_FAILED,    /* sctpbcc/BNCChange Type=Failed */
    IQ_EV_SCTP_RELEASED,  /* sctpbcc/BNCChange Type=Rel */
    IQ_EV_SCTP_RESET,     /* sctpreset/done */
    IQ_EV_CONSENT_LOST,   /* stnconfres: lost */
    IQ_EV_ICE_UP,         /* ostuncc/ccr result=Success */
    IQ_EV_ICE_FAILED,     /* ostuncc/ccr result=Failed */
    IQ_EV_ICE_PEER,       /* ostuncc/nprc */
    IQ_EV_INACTIVE,       /* adid/ipstop */
    IQ_EV_ITO,            /* it/ito on ROOT */
};
struct iq_observed {
    enum iq_event event;
    uint16_t stream;        /* 0 = not per stream */
    struct iq_text cause;   /* g/cause Generalcause */
    struct iq_int sctp_id;  /* IQ_EV_SCTP_RESET */
    struct iq_text pair;    /* IQ_EV_ICE_UP: remote and local address */
    struct iq_text cand;    /* IQ_EV_ICE_PEER: address */
    struct sv timestamp;
};
/* Adds an ObservedEvents descriptor with one event to a Notify. */
int iq_put_observed(struct arena *a, uint32_t request_id, const struct iq_observed *ev, struct h248_cmd *cmd);
/* All events of a Notify; unknown ones have event IQ_EV_NONE. Returns how many (at most max), or -EBADMSG with fault. */
int iq_get_observed(struct arena *a, const struct h248_cmd *cmd, uint32_t *request_id, struct iq_observed *evs, unsigned max,
                    struct iq_fault *fault);

/* --- profile (iq_prof.c): TS 29.334 as tables --- */
#define IQ_PROFILE_NAME "openiq"  /* TS 29.334 5.1 not read: configurable until it is (h248/README.md) */
#define IQ_PROFILE_VERSION 1
#define IQ_PROTOCOL_VERSION 2     /* TS 29.334 clause 2 cites H.248.1 version 2 */
/* May this descriptor stand in this command's request (TS 29.334 5.8)? 0 or the error code (443 unknown command, 447). */
unsigned iq_prof_check(const struct h248_cmd *cmd, bool is_reply, char why[160]);
