/* Registrations: what reg.c and the three ways in (relay, pbx, third) share. Inside alg/sip only. Main thread. */
#pragma once

#include "alg/sip/agent.h"
#include "alg/sip/binding.h"
#include "alg/sip/outbound.h"
#include "alg/users/login.h"
#include "alg/users/state.h"

struct reg {
    struct sip *sip;
    struct store store;
    struct token_key key;
    struct state *state; /* NULL: nothing outlives this run */
    struct users *users; /* NULL: every WIC has its own credentials */
    struct login *login;
    struct reg_way ways[REG_WAYS_MAX];
    struct pbx *pbxs[REG_WAYS_MAX]; /* by way; NULL: another kind */
    unsigned n_ways;
    struct regc *regcs;
    struct enrol *enrols; /* all that are under way */
    struct regsub *subs;
    bool reg_event;
    msec_t no_reg_event; /* until then the core is not asked: it said that it knows no such thing */
    struct reg_turn turn;
    struct slow *turn_slow; /* who brings wrong keys to its endpoint */
    struct third *thirds; /* WICs that wait for the core */
    uint32_t cseq;       /* of the last REGISTER of ours */
    char *domain;
    char *access_info;   /* P-Access-Network-Info of ours; NULL = none */
    msec_t keep_ms, no_register_ms;
    uv_timer_t timer;
    bool closing, closed;
    count_t counts[REG_C_N];
};

/* --- enrol.c: one REGISTER of a WIC under way --- */

struct enrol {
    struct enrol *prev, *next;
    struct reg *reg;
    sip_flow flow;
    su_home_t home[1];
    char *aor;
    sip_contact_t *contacts; /* as the WIC wrote them */
    bool star, outbound, gruu; /* gruu: it asks for one (RFC 5627 4.1) */
    bool token;              /* it logged in with a web token */
    unsigned expires;        /* Expires header or 3600 (RFC 3261 10.2.1.1) */
    int way;                 /* enum reg_way_kind */
    const char *impi, *impu; /* whose IMS credentials are used; NULL: the WIC's own */
    msg_t *sent;             /* what went to the core: to take it back when the WIC is lost */
    char *turn;              /* header lines for its 200; NULL = none */
};

struct grant { /* what a registrar gave */
    const sip_contact_t *contacts; /* all of this user's, as the core lists them */
    bool ours;                     /* we are the registrar: every contact as asked, at most `general` seconds */
    const char *gruu_user, *gruu_base; /* ours: "2001", "home.example.net;bg=..." or "host:port"; NULL = none is made */
    unsigned general;              /* of a contact without expires of its own */
    unsigned most;                 /* seconds, whatever was granted; 0 = no such limit */
    const char *service_route, *associated; /* NULL = none */
};

struct enrol *enrol_new(struct reg *r, const sip_t *sip, sip_flow flow);
void enrol_free(struct enrol *p);
/* Binds and unbinds as granted. The Contact value for the 200, in p's home; NULL: nothing is left. Sets p->turn. */
char *enrol_ok(struct enrol *p, const struct grant *g);
/* Path of this WIC's flow: "<sip:TOKEN@host:port;lr;ob>" */
char *enrol_path(const struct enrol *p, su_home_t *home);
/* The Contact that takes a binding back: with instance and reg-id, by which a registrar of RFC 5626 knows it. They are the end of
 * our key. */
char *enrol_gone(const struct binding *b, su_home_t *home);
char *enrol_key(struct enrol *p); /* of its first contact: what the binding is known by */
bool enrol_is_bound(const struct enrol *p); /* on this very connection */

/* --- reg.c --- */

const struct reg_way *reg_way_of_binding(const struct reg *r, const struct binding *b);
const struct reg_way *reg_way_of(const struct reg *r, const char *host); /* NULL: none */
/* Answers and lets go of irq; lines NULL = none. */
void reg_reply(struct reg *r, nta_incoming_t *irq, int status, const char *lines);
void reg_drop(struct reg *r, struct binding *b, const char *why); /* forgotten; the core is told when it does not know */

/* Ended by the core or by who keeps the store: the WIC's connection is closed, its calls with it. */
void reg_end(struct reg *r, struct binding *b, unsigned code, const char *why);

/* A failure of the core: counted, one line. 0 = it goes on as it is, else the status (with *lines) for the WIC. status 0:
 * none came. */
int reg_failed(struct reg *r, sip_flow flow, const char *aor, int status, const char **lines);

/* --- reg_relay.c: the WIC's own credentials (TR 23.701 6.1.2.1.1) --- */

void relay_register(struct enrol *p, nta_incoming_t *irq);
void relay_take_back(struct reg *r, struct binding *b); /* the core is told that the WIC is gone */

/* --- regc.c: a REGISTER of ours, its challenge answered --- */

struct regc;

struct regc_conf { /* copied */
    const char *aor;     /* public identity: "sip:pbx@home.example.net"; its host is the registrar's domain */
    const char *impi, *realm;
    const struct digest_secret *secret;
    const char *call_id; /* the same for each REGISTER of one binding */
    const char *contact; /* Contact value; NULL = none */
    const char *path;    /* NULL = none */
    const char *require; /* option tags besides path; NULL = none */
    unsigned expires;
    bool bound;          /* the core has a binding of it already */
    bool trusted;        /* nothing is answered: the WIC was authenticated by us (TS 33.203 annex U) */
};

/* Once, with the final answer (NULL: none came; status says why); the regc is gone then. */
typedef void regc_h(void *arg, int status, const sip_t *in);
int regc_start(struct regc **cp, struct reg *r, const struct regc_conf *conf, regc_h *cb, void *arg);
void regc_free(struct regc *c); /* forgets it; no callback; NULL is fine */
void regc_free_all(struct reg *r);

/* --- wauth.c: who may come in where alg asks --- */

/* 0: *user is who. Else the WIC was answered and irq is gone. *left: seconds its token is good, 0 = a password. */
int wauth_check(struct reg *r, const struct reg_way *way, nta_incoming_t *irq, const sip_t *sip, sip_flow flow, struct user *user,
                unsigned *left);
struct wauth_who { /* whose registration or dialog a request belongs to */
    const char *aor;
    bool token;    /* it logged in with one */
    sip_flow flow; /* that the request came on */
};
/* The same for a request of a WIC that is in: 0, or a status with the lines for it. */
int wauth_again(struct reg *r, const struct reg_way *way, const sip_t *sip, const struct wauth_who *who, char *lines,
                size_t size);

void wauth_peer(const struct addr *peer, char out[ADDR_STRLEN]); /* customers as they are slowed down: IPv6 by their /64 */

/* --- wturn.c: credentials for TURN --- */

/* Header lines for the 200 to this registration of `expires` seconds, in p's home; NULL: none. */
char *wturn_lines(struct enrol *p, const char *impu, unsigned expires);

/* --- pbx.c: alg as an IP-PBX --- */

struct pbx;

int pbx_new(struct pbx **pp, struct reg *r, const struct reg_way *way);
void pbx_free(struct pbx *p); /* NULL is fine */
void pbx_tick(struct pbx *p, msec_t now);
bool pbx_is_up(const struct pbx *p);
void pbx_register(struct pbx *p, struct enrol *e, nta_incoming_t *irq, const struct user *user, unsigned left);

void pbx_ended(struct pbx *p, bool at_once); /* by the core; at_once: it may register again now */

/* --- regsub.c: the core's view of our registrations (RFC 3680) --- */

/* Once for each aor (a user or a pilot); impu: the identity that the core knows. restored: known from before a restart. */
void regsub_need(struct reg *r, const char *aor, const char *impu, const char *service_route, bool restored);
void regsub_leave(struct reg *r, const char *aor); /* its last binding goes */
void regsub_tick(struct reg *r, msec_t now);
void regsub_free_all(struct reg *r);

/* --- third.c: alg in the name of a WIC --- */

/* way: REG_WAY_THIRD or REG_WAY_TRUSTED */
void third_register(struct enrol *e, nta_incoming_t *irq, const struct user *user, unsigned left, enum reg_way_kind way);
void third_free_all(struct reg *r);
void third_take_back(struct reg *r, const struct binding *b);
