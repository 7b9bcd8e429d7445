/* Registrations (TS 24.229 5.2.2, RFC 3327 Path, RFC 5626 flow tokens): REGISTER of a WIC relayed to the core's registrar
 * with Path, the challenge relayed back, bindings kept with their Service-Route and P-Associated-URI.
 * Owner: struct alg. Main thread. */
#pragma once

#include "alg/sip/sip.h"

struct reg;
struct state;

struct reg_binding { /* read-only view of what is known of one registered WIC flow */
    const char *impu;           /* default public identity: first P-Associated-URI, else the AOR */
    const char *aor;            /* To of the REGISTER */
    const char *contact;        /* the WIC's own Contact URI */
    const char *service_route;  /* "a, b"; NULL = none */
    sip_flow flow;              /* 0: connection lost, binding kept for recovery */
};

struct reg_conf { /* only read by reg_new */
    const char *domain;     /* home domain: P-Visited-Network-ID, orig-ioi */
    const char *access_info; /* network-provided P-Access-Network-Info; NULL or "" = none */
    struct state *state;    /* NULL: bindings do not outlive this run */
    unsigned orphan_s;        /* a binding outlives its lost connection this long */
    unsigned no_register_s; /* a connection without a registration is closed (1008); 0 = never */
};

enum reg_counter { REG_C_BINDINGS, REG_C_OK, REG_C_FAILED, REG_C_RECOVERED, REG_C_EXPIRED, REG_C_FORGED, REG_C_N };
extern const struct count_def reg_counters[REG_C_N];

int reg_new(struct reg **rp, struct sip *s, const struct reg_conf *conf);
void reg_free(struct reg *r); /* before sip_free; NULL is fine */
const count_t *reg_counts(const struct reg *r);

/* Who is behind this connection? NULL: not registered. */
const struct reg_binding *reg_by_flow(const struct reg *r, sip_flow flow);
/* Where a request from the core goes: by the flow token in its topmost Route/Path or by Request-URI (the Contact that was
 * registered). Returns how many flows were put into out (several tabs of one user), 0 = none: answer 404/480. */
unsigned reg_by_request(const struct reg *r, const struct sip_msg *m, const struct reg_binding **out, unsigned max);
/* May this registered WIC use that identity (P-Preferred-Identity, From)? The identity to assert, never NULL. */
const char *reg_identity(const struct reg_binding *b, const char *preferred);
