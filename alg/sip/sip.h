/* The SIP side of alg: Sofia's nta (transports, transactions, dialogs) towards the core, and the WebSocket side (ws.h)
 * bridged into the same agent. No Sofia type leaves this folder. One thread: alg's main thread (Sofia's root).
 * RFC 3261; RFC 7118 on W2. */
#pragma once

#include <uv.h>

#include "common/count.h"
#include "common/net.h"
#include "common/reach.h"
#include "common/sv.h"
#include "common/trace.h"

struct sip;
struct sip_msg; /* a received message; lives only during the callback */
struct sip_in;  /* server transaction: a request that waits for our answer */
struct sip_out; /* client transaction */
struct sip_dlg; /* one dialog (or half-made dialog): local and remote tag, route set, CSeq */

enum sip_side { SIP_W2, SIP_MW }; /* towards browsers; towards the core */
typedef uint64_t sip_flow;        /* one WebSocket connection; 0 = none */

struct sip_hdr { /* arrays end with name NULL */
    const char *name, *value;
};

/* --- reading a message --- */
const char *sip_msg_method(const struct sip_msg *m); /* "INVITE"; of a response: CSeq's method */
int sip_msg_status(const struct sip_msg *m);         /* 0 = a request */
const char *sip_msg_reason(const struct sip_msg *m);
const char *sip_msg_uri(const struct sip_msg *m);    /* Request-URI as text */
const char *sip_msg_header(const struct sip_msg *m, const char *name); /* whole value, lines joined by ", "; NULL = absent */
struct sv sip_msg_body(const struct sip_msg *m);
const char *sip_msg_ctype(const struct sip_msg *m);  /* "application/sdp", lower case, without parameters; NULL = none */
const char *sip_msg_call_id(const struct sip_msg *m);
const char *sip_msg_from_uri(const struct sip_msg *m), *sip_msg_to_uri(const struct sip_msg *m);
const char *sip_msg_to_tag(const struct sip_msg *m); /* NULL = none */
const char *sip_msg_peer_tag(const struct sip_msg *m); /* of who sent it: From tag of a request, To tag of an answer; NULL */
const char *sip_msg_contact(const struct sip_msg *m); /* first Contact URI; NULL */
uint32_t sip_msg_cseq(const struct sip_msg *m);
enum sip_side sip_msg_side(const struct sip_msg *m);
sip_flow sip_msg_flow(const struct sip_msg *m);      /* W2: the connection it came on; 0 on Mw */

/* --- server side --- */
struct sip_h {
    /* A request outside a dialog. Answer it, now or later, or make it a dialog (sip_dlg_accept). REGISTER goes to reg.c. */
    void (*request)(void *arg, struct sip_in *in, const struct sip_msg *m);
    /* An INVITE of a browser that request() answers, registered or not (TS 24.229 5.2.1, 5.2.10). May be NULL. */
    bool (*anybodys)(void *arg, const struct sip_msg *m);
    void (*flow_closed)(void *arg, sip_flow flow); /* the WebSocket is gone */
    /* The same WIC (instance and reg-id) is back on another connection: its dialogs were moved already. May be NULL. */
    void (*flow_moved)(void *arg, sip_flow old, sip_flow now);
    void *arg;
};

struct ws_conf;

#define SIP_NEXT_MAX 8 /* next hops that are named in the configuration */

struct sip_tls_conf { /* towards the core */
    struct addr listen[2];
    unsigned n_listen;
    const char *cert, *key, *ca; /* PEM files: chain, its key, CAs of the core */
    bool verify;                 /* the core's certificate and name, when we connect */
    bool mutual;                 /* the core has to show one, when it connects */
    const char *const *peers;    /* and one of these names */
    unsigned n_peers;
    const char *dir;             /* where files may be made for a moment: state_dir */
};

struct sip_conf { /* only read by sip_new */
    struct addr listen;        /* Mw, UDP and TCP; port 0: any */
    struct addr more;          /* and of the other family */
    bool n_more;
    const struct sip_tls_conf *tls; /* NULL: none */
    const char *host;          /* name or address put into Via and Contact on Mw; NULL = that of listen */
    const char *const *next_hop; /* "sip:127.0.0.1:5070;transport=udp", "sip:home.example.net": in order of preference */
    unsigned n_next_hop;
    const char *resolv_conf;   /* NULL: /etc/resolv.conf */
    unsigned options_s;        /* between OPTIONS to each next hop; 0 = none */
    unsigned options_lost;     /* in a row without an answer: it is down; 0 = 3 */
    unsigned silent_ms;        /* a next hop that says nothing for so long: another one is asked; 0 = 4000 */
    const struct reach *peers; /* who may send requests over UDP and TCP; NULL: everybody; outlives the sip */
    bool resolve_routes;       /* Route by a name: look it up instead of sending to next_hop */
    const char *name;          /* what browsers see as our host: "alg1.example.net" */
    const char *agent;         /* User-Agent and Server */
    unsigned t1_ms;            /* 0 = RFC 3261's 500; tests make it shorter */
    const struct ws_conf *ws;
    struct trace *trace;
};

enum sip_counter { SIP_C_MW_BAD, SIP_C_W2_BAD, SIP_C_FOREIGN, SIP_C_STRANGERS, SIP_C_UNREGISTERED, SIP_C_IN, SIP_C_OUT, SIP_C_RELAYED,
                   SIP_C_HOPS, SIP_C_HOPS_UP, SIP_C_HOP_DOWNS, SIP_C_HOP_LOST, SIP_C_HOP_503, SIP_C_FAILOVER,
                   SIP_C_CONNS, SIP_C_CONNS_REFUSED, SIP_C_CONNS_LATE, SIP_C_N };
extern const struct count_def sip_counters[SIP_C_N];

int sip_new(struct sip **sp, uv_loop_t *loop, const struct sip_conf *conf, const struct sip_h *h);
void sip_free(struct sip *s); /* NULL is fine; runs the loop until its handles are closed */
/* One turn of the thread's main loop: what is due on the uv loop and in Sofia, waiting at most max_ms for more. */
void sip_turn(struct sip *s, unsigned max_ms);
uint16_t sip_port(const struct sip *s);                  /* Mw, as bound */
uint16_t sip_ws_port(const struct sip *s, unsigned listen);
bool sip_core_is_up(const struct sip *s); /* a next hop is known and not down */
unsigned sip_core_wait(const struct sip *s); /* seconds, for a 503 of ours when the core cannot be reached */
const count_t *sip_counts(const struct sip *s);
const count_t *sip_ws_counts(const struct sip *s);       /* by ws_counters of ws.h */

/* status 100..699; reason NULL = the RFC's. Extra headers may be NULL. body with ctype NULL = "application/sdp".
 * A final answer ends the sip_in (do not use it again). */
int sip_reply(struct sip_in *in, int status, const char *reason, const struct sip_hdr *hdrs, struct sv body, const char *ctype);
/* CANCEL came for this INVITE: the 200 to CANCEL is already sent; the callback must answer 487. */
void sip_in_on_cancel(struct sip_in *in, void (*cancelled)(void *arg, const char *reason_header), void *arg);
void sip_in_on_ack(struct sip_in *in, void (*ack)(void *arg, const struct sip_msg *m), void *arg); /* m NULL: no ACK in 64*T1 */
/* Our 18x on Mw go reliably (RFC 3262) when the INVITE requires 100rel, or supports it and they have a body; a 2xx is held
 * until those with a body have their PRACK. prack: it came; with a body when `prack` is there, which wants an answer then.
 * m NULL: none came in 64*T1; the INVITE wants 504 (503 goes by itself), or has got it when it was answered with 2xx already. */
void sip_in_on_prack(struct sip_in *in, void (*prack)(void *arg, struct sip_in *prack, const struct sip_msg *m), void *arg);
bool sip_in_is_reliable(const struct sip_in *in); /* an 18x with a body would go reliably */

struct sip_dlg_h { /* requests inside a dialog: re-INVITE, BYE, UPDATE, INFO, OPTIONS ... each must be answered */
    void (*request)(void *arg, struct sip_dlg *d, struct sip_in *in, const struct sip_msg *m);
    void *arg;
};
/* Turn an initial INVITE into a dialog (gives it our tag). */
int sip_dlg_accept(struct sip_dlg **dp, struct sip *s, struct sip_in *in, const struct sip_msg *m, const struct sip_dlg_h *h);

/* --- client side --- */
struct sip_target {
    enum sip_side side;
    sip_flow flow;       /* W2: the connection to use (no resolving of .invalid) */
    const char *uri;     /* Request-URI */
    const char *route;   /* Mw: Service-Route values "a, b" put as Route; NULL = outbound proxy of the configuration, if any */
    const char *from, *to; /* name-addr without tags: "<sip:alice@home.net>" */
};
/* 1xx of several callees of an INVITE differ in sip_msg_peer_tag, as do their requests inside (RFC 3261 13.2.2.4); the 2xx
 * settles it. Reliable 1xx have got their PRACK already; each comes once and in order.
 * Every response, 1xx and the final one; m NULL: timeout (408) or no transport (503) — status says which. A 2xx or failure is
 * the last call, except that more 2xx of a forked INVITE may follow with `out` NULL: the callee ACKs and BYEs those itself. */
typedef void sip_response_h(void *arg, struct sip_out *out, int status, const struct sip_msg *m);

/* An INVITE that opens a new dialog (fresh Call-ID and tag). */
int sip_invite(struct sip_dlg **dp, struct sip_out **op, struct sip *s, const struct sip_target *to, const struct sip_hdr *hdrs,
               struct sv sdp, const struct sip_dlg_h *h, sip_response_h *cb, void *cb_arg);
/* The same INVITE in another dress after a refusal (RFC 3261 8.1.3.5, RFC 4028 7.3): same Call-ID and From, next CSeq.
 * -EINVAL: a callee of the first one has shown itself already. */
int sip_invite_again(struct sip_dlg *d, struct sip_out **op, const struct sip_target *to, const struct sip_hdr *hdrs,
                     struct sv sdp, sip_response_h *cb, void *cb_arg);
int sip_cancel(struct sip_out *out, const char *reason_header); /* RFC 3261 9: waits for the first 1xx by itself */
/* ACK of a 2xx (repeated by sip.c when the 2xx is). body may be empty. */
int sip_ack(struct sip_dlg *d, const struct sip_hdr *hdrs, struct sv body);
/* A request inside the dialog: "INVITE" (re-INVITE), "BYE", "UPDATE", "INFO", "MESSAGE". */
int sip_dlg_request(struct sip_dlg *d, struct sip_out **op, const char *method, const struct sip_hdr *hdrs, struct sv body,
                    const char *ctype, sip_response_h *cb, void *cb_arg);
void sip_dlg_free(struct sip_dlg *d); /* forgets it; sends nothing; NULL is fine */
void sip_dlg_set_handler(struct sip_dlg *d, const struct sip_dlg_h *h);
enum sip_side sip_dlg_side(const struct sip_dlg *d);
sip_flow sip_dlg_flow(const struct sip_dlg *d);
void sip_dlg_set_flow(struct sip_dlg *d, sip_flow flow); /* flow recovery: the WIC came back on another connection */
const char *sip_dlg_call_id(const struct sip_dlg *d);
/* A request outside any dialog (MESSAGE, OPTIONS, SUBSCRIBE). */
int sip_request(struct sip_out **op, struct sip *s, const struct sip_target *to, const char *method, const struct sip_hdr *hdrs,
                struct sv body, const char *ctype, sip_response_h *cb, void *cb_arg);
