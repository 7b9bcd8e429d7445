/* The store of registrations: pure data, no message. Inside alg/sip only. Owner: struct reg. */
#pragma once

#include <uthash.h>

#include "alg/sip/reg.h"
#include "alg/sip/sip_limits.h"
#include "common/net.h"

struct binding {
    struct reg_binding pub;      /* first member: callers hold pointers to it */
    struct binding *prev, *next;
    UT_hash_handle by_key, by_flow;
    struct binding *flow_next;   /* older ones of the same connection; the newest is in by_flow */
    bool has_flow;               /* it is one of these */
    struct store_aor *user;      /* counts the flows of one AOR */
    char *key;                   /* AOR and instance;reg-id, or AOR and Contact */
    char *impu, *aor, *contact, *service_route;
    char *instance, *pub_gruu, *temp_gruu; /* "urn:uuid:..."; GRUUs that the WIC was given (RFC 5627); NULL = none */
    char *impus[REG_IMPUS_MAX];
    unsigned n_impus;
    sip_flow last_flow;          /* the connection it had, while pub.flow is 0 */
    sip_flow prev_flow;          /* the one before, which the core may still name; 0 = none */
    char *impi;                  /* whose IMS credentials were used; NULL: the WIC's own */
    int way;                     /* enum reg_way_kind: who registered it at the core */
    msec_t expires, orphan_until; /* orphan_until: MSEC_NEVER while connected */
    bool token;                  /* it logged in with a web token: each request has to bring one */
    bool outbound;               /* reg-id and instance were given: RFC 5626 */
    void *request;               /* the REGISTER as sent to the core, of reg.c */
};

struct store {
    struct binding *list;        /* all; the others find one of them */
    struct binding *keys, *flows;
    struct store_aor *aors;
    unsigned n;
    void (*drop)(void *arg, struct binding *b); /* frees b->request */
    void *arg;
};

struct binding_text { /* what a 200 says; copied */
    const char *key, *aor, *contact;
    const char *service_route; /* NULL = none */
    const char *associated;    /* P-Associated-URI value, NULL = none */
    const char *impi;          /* NULL = the WIC's own */
    int way;
    sip_flow flow;             /* 0: known from before a restart, see last_flow */
    sip_flow last_flow;
    msec_t expires, orphan_until; /* orphan_until only without a flow */
    bool outbound, token, msrp_tcp;
    const char *instance, *pub_gruu, *temp_gruu; /* NULL = none */
};

/* Add or renew. -ENOSPC over a limit, -ENOMEM. *old_flow: the other connection it had before (0: none). */
int store_put(struct store *s, const struct binding_text *t, struct binding **bp, sip_flow *old_flow);
unsigned store_count(const struct store *s, const char *aor); /* how many this user has */
/* At the limit of this user: of its bindings without a connection the one that waits longest; else NULL. */
struct binding *store_stale(const struct store *s, const char *aor);
void store_set_flow(struct store *s, struct binding *b, sip_flow flow); /* never pub.flow itself; 0: connection lost */
void store_del(struct store *s, struct binding *b);
void store_clear(struct store *s);
struct binding *store_by_key(const struct store *s, const char *key);
struct binding *store_by_flow(const struct store *s, sip_flow flow); /* the newest; flow_next: the others */
/* Whose connection this is or was just before: the same instance came back on another one. */
struct binding *store_by_token(const struct store *s, sip_flow flow);
/* First "sip:user@host" of a name-addr list value; out is cut to size. False: none. */
bool uri_first(struct sv *rest, char *out, size_t size);
/* The value of a URI parameter; p NULL: it has none of that name. */
struct sv uri_param(const char *uri, const char *name);
/* Is this GRUU that of this instance? owned: without its parameters it is an identity of this binding. */
bool binding_has_gruu(const struct binding *b, const char *uri, bool owned);
/* Same scheme, user and host, the rest ignored (TS 24.229: identities carry no parameters). */
bool uri_same(const char *a, const char *b);
