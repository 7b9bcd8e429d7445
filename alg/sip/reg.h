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
    bool msrp_tcp;              /* its Contact has +sip.message (RFC 4569): no browser, but a client with m=message lines */
};

/* Who registers the WICs of a domain at the core (TR 23.701 6.1.2.1). */
enum reg_way_kind { /* stored: do not renumber */
    REG_WAY_RELAY, /* the WIC itself, with its own IMS credentials (R1) */
    REG_WAY_PBX,   /* alg once for all of them, as an IP-PBX; they log in at alg (R2) */
    REG_WAY_THIRD, /* alg for each of them with the IMS credentials of its store; they log in at alg (R3) */
    REG_WAY_TRUSTED, /* alg for each of them without any: the core trusts it; web tokens only (R4, R5) */
};

#define REG_WAYS_MAX 16 /* rows of web_domains */

struct reg_way { /* its texts outlive the reg */
    const char *domain;       /* host of the WIC's To; "*" = any */
    enum reg_way_kind kind;
    bool password, token;     /* what logs in: digest, web token */
    const char *token_server; /* authz_server of the challenge (RFC 8898); "" = none */
    /* REG_WAY_PBX */
    const char *pilot, *impi; /* "sip:pbx@home.example.net", "pbx@home.example.net" */
    const char *password_file; /* of the pilot: the first line */
    bool bulk;                /* RFC 6140 bnc contact; else the pilot's Contact and its implicit set */
    unsigned expires;         /* seconds asked for */
};

struct users;
struct jwt_keys;
struct turn;

struct reg_turn { /* how browsers get credentials for TURN */
    struct turn *turn;     /* NULL: none are given */
    bool endpoint, header; /* GET /turn, with a one-time key of the 200 to REGISTER or a web token; in that 200 itself */
    bool clear;            /* over WebSockets without TLS, too, that are not on loopback */
};

struct reg_conf { /* only read by reg_new */
    const char *domain;     /* home domain: P-Visited-Network-ID, orig-ioi */
    const char *access_info; /* network-provided P-Access-Network-Info; NULL or "" = none */
    const struct reg_way *ways; /* the first that fits; none: REG_WAY_RELAY for all when there is no row, else 403 */
    unsigned n_ways;
    struct users *users;    /* NULL: only REG_WAY_RELAY */
    const struct jwt_keys *tokens; /* NULL: none */
    struct reg_turn turn;
    bool reg_event;         /* subscribe to the core's registration state (RFC 3680) */
    struct state *state;    /* NULL: bindings do not outlive this run */
    unsigned orphan_s;        /* a binding outlives its lost connection this long */
    unsigned no_register_s; /* a connection without a registration is closed (1008); 0 = never */
};

enum reg_counter { REG_C_BINDINGS, REG_C_OK, REG_C_FAILED, REG_C_RECOVERED, REG_C_EXPIRED, REG_C_FORGED, REG_C_LOGIN_WRONG, REG_C_LOGIN_WAIT,
                   REG_C_PILOTS, REG_C_PILOT_FAILED, REG_C_CORE_ENDED, REG_C_N };
extern const struct count_def reg_counters[REG_C_N];

int reg_new(struct reg **rp, struct sip *s, const struct reg_conf *conf);
void reg_free(struct reg *r); /* before sip_free; NULL is fine */
const count_t *reg_counts(const struct reg *r);

/* Who is behind this connection? NULL: not registered. */
const struct reg_binding *reg_by_flow(const struct reg *r, sip_flow flow);
/* Whose request of a browser is this? A connection may have registered several users: P-Preferred-Identity and From tell; else
 * the newest. NULL: not registered. */
const struct reg_binding *reg_by_sender(const struct reg *r, const struct sip_msg *m);
/* Where a request from the core goes: by the flow token in its topmost Route/Path or by Request-URI (the Contact that was
 * registered). Returns how many flows were put into out (several tabs of one user), 0 = none: answer 404/480. */
unsigned reg_by_request(const struct reg *r, const struct sip_msg *m, const struct reg_binding **out, unsigned max);
const char *reg_domain(const struct reg *r); /* the home domain */
const char *reg_access_info(const struct reg *r); /* of reg_conf; NULL = none */
/* May this registered WIC use that identity (P-Preferred-Identity, From)? The identity to assert, never NULL. */
const char *reg_identity(const struct reg_binding *b, const char *preferred);
