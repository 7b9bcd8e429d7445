/* The one session-description model, for both binaries (RFC 8866; `$` as H.248.1 7.1.8 allows in Local and Remote).
 * Nothing is lost: lines that nobody interprets stay in order. All text points into the arena or the input.
 * Pure. Any thread. */
#pragma once

#include "common/arena.h"
#include "common/buf.h"

#define SDP_PORT_CHOOSE (-1) /* `$` in place of the port */
#define SDP_ATTR_MAX 512     /* attributes of one section; more: -E2BIG */
#define SDP_MEDIA_MAX 64     /* m= lines; more: -E2BIG */

struct sdp_attr { /* a=name or a=name:value */
    struct sv name, value;
    bool flag; /* no colon */
    struct sdp_attr *prev, *next; /* utlist DL */
};

struct sdp_line { /* b= i= k= e= p= u= r= z= and anything else: kept, in order */
    char type;
    struct sv value;
    struct sdp_line *prev, *next;
};

struct sdp_conn { /* c= */
    bool present;
    struct sv nettype, addrtype, addr; /* "IN", "IP4", "192.0.2.1" or "$" */
};

struct sdp_media {
    struct sv media;        /* "audio" "message" "application" or "-" */
    int port;               /* 0..65535, SDP_PORT_CHOOSE */
    int n_ports;            /* 1 unless "/n" was given */
    struct sv proto;        /* "TCP/MSRP" "UDP/DTLS/SCTP" "TCP" ... */
    struct sv fmts;         /* the rest of the line as written: "111 0 8", "webrtc-datachannel", "*", "-" */
    struct sdp_conn conn;
    struct sdp_line *lines;
    struct sdp_attr *attrs;
    struct sdp_media *prev, *next;
};

struct sdp {
    bool has_version, has_origin, has_name, has_time; /* v= o= s= t= were there (H.248 may omit them) */
    struct {
        struct sv user, sess_id, version, nettype, addrtype, addr;
    } origin;
    struct sv name;
    struct sv times;        /* value of t= */
    struct sdp_conn conn;
    struct sdp_line *lines;
    struct sdp_attr *attrs;
    struct sdp_media *media;
    unsigned n_media;
};

/* Where and why a text is bad; column from 1. Fit for a SIP Warning, an H.248 474 text or a log line. */
struct sdp_err {
    unsigned line, column;
    char why[120];
};

enum sdp_strict {
    SDP_SIP,  /* RFC 8866: v o s t required, in order; no `$` */
    SDP_H248, /* v o s t may be missing; `$` allowed where H.248.1 7.1.8 says */
};

/* 0, -EBADMSG (see err), -E2BIG, -ENOMEM. Line ends CR LF, LF. The text must outlive the model (views point into it)
 * unless it was copied into the arena first. */
int sdp_parse(struct arena *a, struct sv text, enum sdp_strict strict, struct sdp **out, struct sdp_err *err);
/* CR LF line ends. 0 or -EMSGSIZE. Lines in RFC 8866 order; attributes in the order of the lists. */
int sdp_print(const struct sdp *s, struct buf *out);
/* Deep copy into another arena. NULL: no memory. */
struct sdp *sdp_copy(struct arena *a, const struct sdp *s);
/* Structural comparison: white space and the order of different attributes free, the order of equal names kept. */
bool sdp_equal(const struct sdp *a, const struct sdp *b);

/* --- sdp_attr.c, sdp_dc.c (dcmap, dcsa): attributes, by name; names compare case-sensitively (RFC 8866) --- */

struct sdp *sdp_new(struct arena *a); /* v=0 alone: set has_origin, has_name (empty prints "-"), has_time ("0 0") */
struct sdp_media *sdp_media_new(struct arena *a, struct sdp *s, struct sv media, int port, struct sv proto, struct sv fmts);
/* c= of a line: that of the session when it has none yet, else of its own where it differs. Copies. */
void sdp_conn_put(struct arena *a, struct sdp *s, struct sdp_media *m, struct sv addrtype, struct sv addr);
int sdp_attr_add(struct arena *a, struct sdp_attr **list, const char *name, struct sv value); /* value.p NULL = flag; copies */
int sdp_attr_addf(struct arena *a, struct sdp_attr **list, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void sdp_attr_del(struct sdp_attr **list, const char *name); /* all of that name */
const struct sdp_attr *sdp_attr_find(const struct sdp_attr *list, const char *name);
const struct sdp_attr *sdp_attr_next(const struct sdp_attr *at, const char *name); /* the next of that name behind at */
/* Media level first, then session level (RFC 8866 5.13). NULL: neither. */
const struct sdp_attr *sdp_attr_of(const struct sdp *s, const struct sdp_media *m, const char *name);
const struct sdp_conn *sdp_conn_of(const struct sdp *s, const struct sdp_media *m); /* NULL: none */

enum sdp_setup { SDP_SETUP_NONE, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, SDP_SETUP_ACTPASS, SDP_SETUP_HOLDCONN, SDP_SETUP_BAD };
enum sdp_setup sdp_setup_parse(struct sv value); /* RFC 4145 */
const char *sdp_setup_name(enum sdp_setup s);

enum sdp_dir { SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };
enum sdp_dir sdp_dir_of(const struct sdp *s, const struct sdp_media *m); /* default sendrecv */

struct sdp_candidate { /* RFC 8839 5.1 */
    struct sv foundation;
    unsigned component;
    struct sv transport; /* "udp" "tcp", any case */
    uint32_t priority;
    struct sv addr;
    uint16_t port;
    struct sv type;      /* "host" "srflx" "prflx" "relay" */
    struct sv tcptype;   /* empty when absent */
    struct sv rel_addr;
    uint16_t rel_port;
};
int sdp_candidate_parse(struct sv value, struct sdp_candidate *out); /* 0 or -EBADMSG */

#define SDP_FP_MAX 64
struct sdp_fingerprint { /* RFC 8122 */
    struct sv hash; /* "sha-256", compare case-insensitively */
    uint8_t bytes[SDP_FP_MAX];
    unsigned n;
};
int sdp_fingerprint_parse(struct sv value, struct sdp_fingerprint *out); /* 0 or -EBADMSG; length must fit the hash */

struct sdp_dcmap { /* RFC 8864 5.1 */
    uint16_t id;             /* 0..65534 */
    struct sv label, subprotocol; /* unescaped (%xx) into the arena */
    bool ordered;            /* default true */
    bool has_max_retr, has_max_time;
    uint32_t max_retr, max_time;
    uint16_t priority;       /* default 256 */
};
int sdp_dcmap_parse(struct arena *a, struct sv value, struct sdp_dcmap *out); /* lenient: unquoted subprotocol (seed form) */
int sdp_dcmap_add(struct arena *a, struct sdp_attr **list, const struct sdp_dcmap *in);
/* a=dcsa:ID ATTR -> id, attribute name and value. Lenient on the seeds' "setup=actpass" and "path;x" drawing forms. */
int sdp_dcsa_parse(struct sv value, uint16_t *id, struct sdp_attr *out);

/* a=sctp-port / a=max-message-size as numbers. 0, -ENOENT absent (*size is then the 65536 of RFC 8841), -EBADMSG. */
int sdp_sctp_port(const struct sdp *s, const struct sdp_media *m, uint16_t *port);
int sdp_max_message_size(const struct sdp *s, const struct sdp_media *m, uint64_t *size);
