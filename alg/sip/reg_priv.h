/* Registrations: what reg.c and the three ways in (relay, pbx, third) share. Inside alg/sip only. Main thread. */
#pragma once

#include "alg/sip/agent.h"
#include "alg/sip/binding.h"
#include "alg/sip/outbound.h"
#include "alg/users/state.h"

struct reg {
    struct sip *sip;
    struct store store;
    struct token_key key;
    struct state *state; /* NULL: nothing outlives this run */
    char *domain;
    char *access_info;   /* P-Access-Network-Info of ours; NULL = none */
    msec_t keep_ms, no_register_ms;
    uv_timer_t timer;
    bool closing, closed;
    count_t counts[REG_C_N];
};

/* --- enrol.c: one REGISTER of a WIC under way --- */

struct enrol {
    struct reg *reg;
    sip_flow flow;
    su_home_t home[1];
    char *aor;
    sip_contact_t *contacts; /* as the WIC wrote them */
    bool star, outbound;
    unsigned expires;        /* Expires header or 3600 (RFC 3261 10.2.1.1) */
    int way;                 /* enum reg_way_kind */
    const char *impi;        /* whose IMS credentials are used; NULL: the WIC's own */
    msg_t *sent;             /* what went to the core: to take it back when the WIC is lost */
};

struct grant { /* what a registrar gave */
    const sip_contact_t *contacts; /* all of this user's, as the core lists them */
    bool ours;                     /* we are the registrar: every contact as asked, at most `general` seconds */
    unsigned general;              /* of a contact without expires of its own */
    const char *service_route, *associated; /* NULL = none */
};

struct enrol *enrol_new(struct reg *r, const sip_t *sip, sip_flow flow);
void enrol_free(struct enrol *p);
/* Binds and unbinds as granted. The Contact value for the 200, in p's home; NULL: nothing is left. */
char *enrol_ok(struct enrol *p, const struct grant *g);
/* Path of this WIC's flow: "<sip:TOKEN@host:port;lr;ob>" */
char *enrol_path(const struct enrol *p, su_home_t *home);
bool enrol_is_bound(const struct enrol *p); /* on this very connection */

/* --- reg.c --- */

void reg_drop(struct reg *r, struct binding *b, const char *why); /* forgotten; the core is told when it does not know */

/* A failure of the core: counted, one line. 0 = it goes on as it is, else the status (with *lines) for the WIC. status 0:
 * none came. */
int reg_failed(struct reg *r, sip_flow flow, const char *aor, int status, const char **lines);

/* --- reg_relay.c: the WIC's own credentials (TR 23.701 6.1.2.1.1) --- */

void relay_register(struct enrol *p, nta_incoming_t *irq);
void relay_take_back(struct reg *r, struct binding *b); /* the core is told that the WIC is gone */
