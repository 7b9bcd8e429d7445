/* Inside alg/sip only: what its files share, with Sofia's types. Main thread. */
#pragma once

#define NTA_AGENT_MAGIC_T void
#define NTA_LEG_MAGIC_T void
#define NTA_INCOMING_MAGIC_T void
#define NTA_RELIABLE_MAGIC_T void
#define NTA_OUTGOING_MAGIC_T void
#define SU_ROOT_MAGIC_T void
#define SU_WAKEUP_ARG_T void

#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport.h>

#undef sip_request /* Sofia's accessor macro; the name is ours (sip.h) */
/* Exported by Sofia, declared in none of its headers. The second has the last word on what su_now() says. */
int nta_msg_ackbye(nta_agent_t *agent, msg_t *msg);
extern void (*_su_time)(su_time_t *tv);

#include "alg/sip/fds.h"
#include "alg/sip/reg.h"
#include "alg/sip/self.h"
#include "alg/sip/sip.h"
#include "alg/sip/sip_limits.h"

struct bridge;
struct screen;
struct wire;

struct agent { /* one nta agent a side: a message of one side can never meet a transaction of the other */
    struct sip *sip;
    enum sip_side side;
    nta_agent_t *nta;
    nta_leg_t *leg; /* takes what is outside of dialogs */
};

struct sip {
    su_root_t *root;
    su_wait_t wait;     /* the uv loop's descriptor inside the root */
    int wait_index;
    uv_loop_t *loop;
    struct sip_h h;
    struct agent agents[2];
    struct bridge *bridge;
    struct fds fds;     /* descriptors that are browsers' */
    struct screen *screen; /* reads what the core sends, before Sofia's parser */
    struct reg *reg;    /* set by reg_new */
    struct wire *wire;  /* NULL: nothing is traced */
    struct trace *trace;
    struct self selfs[SIP_LISTEN_MAX];
    unsigned n_selfs;
    struct core *core;  /* its next hops */
    struct core_tls *tls; /* NULL: none towards it */
    char *name, *agent_name;
    bool resolve_routes;
    int64_t bad_seen;   /* of the agents' own counters */
    struct sip_in *ins;
    struct sip_out *outs;
    struct sip_dlg *dlgs;
    struct relay *relays;
    count_t counts[SIP_C_N];
};

#define HOP_URL_MAX 480

/* One request towards the core: where it goes, where it went, and again elsewhere when that fails. Zeroed: not in use. */
struct hop_try {
    struct hop_try *prev, *next;
    struct sip *sip;           /* NULL: not in use */
    nta_outgoing_t **orq;      /* where its owner keeps the transaction */
    nta_response_f *cb;
    void *magic;
    unsigned id, tried[HOP_TRIES_MAX], n_tried; /* of hops */
    bool fixed;                /* goes where its Route says by number, and nowhere else */
    bool stay;                 /* whoever is asked has shown itself: no other place any more */
    bool listed, heard;
    msec_t due;                /* silent until then: the next one is asked, too late for this one */
    char url[HOP_URL_MAX];
};

struct sip_msg {
    struct sip *sip;
    enum sip_side side;
    sip_flow flow;
    const sip_t *in;
    su_home_t home[1]; /* texts handed out */
};

struct sip_in {
    struct sip_in *prev, *next;
    struct sip *sip;
    enum sip_side side;
    sip_flow flow;
    nta_incoming_t *irq;
    bool invite, final;
    bool target;                   /* INVITE, UPDATE: our Contact is in the answer */
    uint64_t merge;                /* INVITE of the core outside of dialogs: see in_is_merged() */
    bool supports_100rel, requires_100rel;
    bool answering, expired;       /* see sip_early.c */
    bool overdue;                  /* no PRACK came: Sofia tells once more, when the refusal has its ACK */
    nta_reliable_t *rels[SIP_REL_MAX]; /* 18x of ours without a PRACK */
    unsigned n_rels;
    struct sip_dlg *dlg;
    void (*cancelled)(void *arg, const char *reason);
    void *cancelled_arg;
    void (*ack)(void *arg, const struct sip_msg *m);
    void *ack_arg;
    void (*prack)(void *arg, struct sip_in *prack, const struct sip_msg *m);
    void *prack_arg;
};

struct sip_out {
    struct sip_out *prev, *next;
    struct sip *sip;
    enum sip_side side;
    sip_flow flow;
    nta_outgoing_t *orq;
    struct hop_try hop;
    bool invite;
    uint32_t rseq;          /* re-INVITE: of the last reliable 18x; 0: none */
    struct sip_dlg *dlg;
    sip_response_h *cb;
    void *arg;
};

struct sip_dlg {
    struct sip_dlg *prev, *next;
    struct sip *sip;
    enum sip_side side;
    sip_flow flow;
    msec_t since;           /* in that order in sip.dlgs */
    nta_leg_t *leg;
    struct sip_early *earlies; /* until the 2xx: one for each To tag; the first of them uses leg */
    bool confirmed;
    struct sip_dlg_h h;
    char *contact;          /* value of our Contact */
    char *aor;              /* W2: whose connection it began on; NULL: nobody's */
    bool token;             /* who logged in with a web token: its requests bring one */
    char *call_id;
    unsigned hop_id;        /* Mw: through whom it was set up, 0 = unknown */
    uint32_t inv_cseq;      /* of the INVITE that the next ACK is for */
    char inv_branch[160];
    bool inv_2xx;
    nta_outgoing_t *ack;    /* kept: Sofia repeats it when the 2xx is repeated */
};

/* msg.c */
void msg_open(struct sip_msg *m, struct sip *s, enum sip_side side, sip_flow flow, const sip_t *in);
void msg_close(struct sip_msg *m);
/* Every header field of that name, joined by ", ", in home; NULL = absent. */
char *msg_value(su_home_t *home, const sip_t *in, const char *name);
/* The value of one header field. (sip_header_as_string of Sofia 1.12.11 cuts what is longer than 127 octets.) NULL: no memory. */
char *msg_text(su_home_t *home, const sip_header_t *h);
/* "Name: value" lines for SIPTAG_HEADER_STR, line breaks in values turned into blanks; NULL when there are none. */
char *msg_lines(su_home_t *home, const struct sip_hdr *hdrs);
const char *msg_phrase(int status); /* the reason phrase of a status; never empty */
bool msg_has(const struct sip_hdr *hdrs, const char *name);
bool msg_is_named(const msg_header_t *h, const char *name);
char *msg_field(su_home_t *home, const msg_header_t *h); /* its value */
void msg_sift(msg_t *msg, sip_t *sip, bool (*out)(void *arg, const msg_header_t *h), void *arg); /* removes those */
void msg_remove(msg_t *msg, sip_t *sip, const char *name); /* every header field of that name */

/* sip.c */
/* TCP with the core is closed when nothing passed for so long. Also takes back what Sofia opens when it answers a browser that
 * vanished: RFC 3261 18.2.2 leads it to the Via's address, which is our own. */
#define MW_IDLE_MS 64000
int agent_start(struct agent *a, struct sip *s, enum sip_side side, const char *url, const struct sip_conf *conf);
const char *allow_of(enum sip_side side);
void sip_wire_sent(struct sip *s, enum sip_side side, nta_outgoing_t *orq, nta_incoming_t *irq); /* just sent: one of them */
void sip_wire_flush(struct sip *s); /* what Sofia has put on the wire goes into the trace now, before anything later */

/* sip_in.c */
struct sip_in *in_new(struct agent *a, sip_flow flow, nta_incoming_t *irq, const sip_t *sip, struct sip_dlg *dlg);
/* RFC 3261 8.2.2.2: has this INVITE come already, on another way? A fork of the core's to another Contact, Path or flow of ours
 * is none: there are as many UAs here as bindings. */
bool in_is_merged(const struct sip *s, const sip_t *sip);
void in_forget(struct sip *s, const struct sip_dlg *d); /* the dialog goes: no callback any more */
void in_free_all(struct sip *s);
/* Max-Forwards, Require, scheme: 0 = go on, else it was answered. */
int in_screen(struct agent *a, nta_incoming_t *irq, const sip_t *sip);

struct self_how in_how(const struct sip_in *in); /* how it came, on Mw */

/* sip_out.c */
struct self_how out_how(const struct sip *s); /* how the next hop is reached */

/* hop_try.c: through which next hop */
/* to: its first Route, or in a dialog without one its target; NULL: any next hop. By number is followed, by name goes to a next
 * hop: the one of that name, else `prefer` (0: nobody) if that is well, else whose turn it is. 0 and the URL to give Sofia (NULL:
 * that very place; lives as long as t); -EHOSTUNREACH: nobody is there to be asked. */
int hop_take(struct hop_try *t, struct sip *s, const url_t *to, unsigned prefer, url_string_t const **url);
/* The same for what has no answer (ACK, a farewell): somebody is always asked. */
url_string_t const *hop_any(struct hop_try *t, struct sip *s, const url_t *to, unsigned prefer);
/* It was sent; orq is where the transaction is kept, cb and magic are its own. */
void hop_sent(struct hop_try *t, nta_outgoing_t **orq, nta_response_f *cb, void *magic);
/* First thing in cb. true: refused or unheard it went to the next one (*orq is new); nothing is to be done. */
bool hop_again(struct hop_try *t, nta_outgoing_t *orq, const sip_t *sip);
void hop_over(struct hop_try *t); /* the owner goes; twice is fine */
int out_start(struct sip_out **op, struct sip *s, struct sip_dlg *d, enum sip_side side, sip_flow flow, sip_response_h *cb,
              void *arg, struct sip_out **made);
void out_free(struct sip_out *out);
int out_response(void *magic, nta_outgoing_t *orq, const sip_t *sip);
void out_forget(struct sip *s, const struct sip_dlg *d);
void out_free_all(struct sip *s);

/* sip_early.c */
/* A provisional answer to an INVITE of ours that has a dialog. false: not for anybody's ears, a repetition for example. */
bool early_response(struct sip_out *out, const sip_t *sip);
void early_settle(struct sip_dlg *d, const sip_t *sip); /* a 2xx: its dialog stays, the early ones go */
void early_free_all(struct sip_dlg *d);
bool rel_wanted(const struct sip_in *in, int status, bool body);
int rel_reply(struct sip_in *in, int status, const char *reason, const tagi_t *tags);
void rel_expired(struct sip_in *in);
void rel_free_all(struct sip_in *in);

/* sip_dlg.c */
int dlg_on_request(void *magic, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip);
/* Where a dialog's requests go: its first route or its target. */
const url_t *dlg_to(const nta_leg_t *leg);
void dlg_established(struct sip_dlg *d, const sip_t *sip, nta_outgoing_t *orq); /* a 2xx to our INVITE or UPDATE */
void dlg_move_flow(struct sip *s, sip_flow old, sip_flow now);

/* bridge.c: the browser's messages and Sofia, by one loopback connection for each WebSocket */
int bridge_new(struct bridge **bp, struct sip *s, const struct ws_conf *conf);
void bridge_free(struct bridge *b);
int bridge_start(struct bridge *b, uint16_t port); /* Sofia's inner listener */
sip_flow bridge_flow(struct bridge *b, nta_incoming_t *irq, const tport_t *tp); /* 0: not one of ours */
tport_t *bridge_tport(struct bridge *b, sip_flow flow); /* NULL: gone */
bool bridge_is_open(const struct bridge *b, sip_flow flow);
void bridge_close(struct bridge *b, sip_flow flow, unsigned code, const char *reason);
bool bridge_peer(struct bridge *b, sip_flow flow, struct addr *peer, bool *tls);
/* Flows older than age_ms that were not named since the last time are closed: one pass over each table, since both may
 * hold ten thousand and this is done every second. */
void bridge_name(struct bridge *b, sip_flow flow);
void bridge_close_nameless(struct bridge *b, uint64_t age_ms);
/* A descriptor that is Sofia's end of one of ours, by its own address: it is in sip.fds from then on. */
void bridge_inner(struct bridge *b, int fd, const struct addr *own);
const struct ws *bridge_ws(const struct bridge *b);

/* wire.c: Sofia's own record of what it sent and received on Mw, turned into trace lines */
int wire_new(struct wire **wp, struct trace *trace, const struct addr *local);
void wire_free(struct wire *w);
const char *wire_path(const struct wire *w); /* for TPTAG_DUMP */
void wire_set_local(struct wire *w, uint16_t port);
void wire_sent(struct wire *w, msg_t *msg); /* remembers what it looks like */
void wire_flush(struct wire *w);

/* relay.c: REGISTER and MESSAGE go through, almost untouched */
struct relay_h {
    /* The copy that will be sent: edit it. 0 or a SIP status to answer instead. */
    int (*edit)(void *arg, msg_t *msg, sip_t *sip);
    /* The answer (internal: timeout or no transport). Edit the copy that goes back, or return another status (with
     * *reason and *lines) to answer; 0 = as it is. Called once for the final answer, then arg is not used again. */
    int (*answer)(void *arg, int status, const sip_t *in, msg_t *msg, sip_t *sip, const char **lines);
    void *arg;
};
/* Takes irq. A request that cannot be sent is answered at once (answer() is told 503). */
void relay_request(struct agent *from, nta_incoming_t *irq, enum sip_side to, sip_flow flow, const char *uri,
                   const struct relay_h *h);
void relay_free_all(struct sip *s);
void relay_message(struct agent *from, nta_incoming_t *irq, const sip_t *sip, sip_flow flow);

/* wturn.c: the HTTPS endpoint of TURN credentials. false: no such page */
struct ws_request;
struct ws_asker;
bool wturn_page(struct reg *r, const struct ws_request *q, const struct ws_asker *who, struct buf *out);

/* reg.c */
void reg_register(struct reg *r, nta_incoming_t *irq, const sip_t *sip, sip_flow flow);
/* A registered WIC's request outside of dialogs: 0, or a status with header lines for it. */
int reg_admit(struct reg *r, const sip_t *sip, sip_flow flow, char *lines, size_t size);
/* The same inside a dialog that this user began with a web token. */
int reg_admit_dialog(struct reg *r, const sip_t *sip, sip_flow flow, const char *aor, char *lines, size_t size);
msec_t reg_oldest_dialog(const struct reg *r); /* when the oldest subscription of ours began; MSEC_NEVER: there is none */
bool reg_is_by_token(const struct reg_binding *b);
#define REG_LINES_MAX 2048
void reg_flow_closed(struct reg *r, sip_flow flow);
/* Is the topmost Route one of our Path URIs? 0 = no or good; 403: forged; 430, 480: its flow is gone. */
int reg_route_status(const struct reg *r, const sip_t *sip);
