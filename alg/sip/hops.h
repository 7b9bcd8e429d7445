/* Next hops towards the core: who they are, who is well, whose turn it is (RFC 3263 4.3, RFC 2782, RFC 3261 21.5.4). Pure: time
 * and chance come with the call. Inside alg/sip only. Main thread. */
#pragma once

#include "alg/sip/self.h"
#include "alg/sip/sip_limits.h"
#include "common/net.h"

#define HOP_NAME_MAX 256

struct hop {
    unsigned id;             /* never used twice; 0 is nobody */
    unsigned entry;          /* of the configuration: its place in next_hop, the lower the better */
    unsigned prio, weight;   /* within the entry: of NAPTR and SRV */
    struct addr addr;
    enum self_proto proto;
    char name[HOP_NAME_MAX];   /* of the configuration: what a certificate has to have (RFC 5922 7.1); "" = the address */
    char target[HOP_NAME_MAX]; /* of SRV or the configuration: a Route may call it so */
    bool down;
    unsigned lost;           /* in a row */
    msec_t barred_until;     /* Retry-After; 0 = not */
    msec_t probe_at;         /* for who asks (hop_live.c) */
    bool probing;
    char no_tls[64];         /* why TLS with it failed, until those that wait for it were told (core.c); "" = it did not */
};

struct hops {
    struct hop v[HOPS_MAX];
    unsigned n, last_id;
    unsigned lost_max;       /* losses in a row that make one down */
};

/* The hops of one entry are these from now on; how well those are that were there already is kept. Too many: the rest is left
 * out. A list's ids and states do not count. */
void hops_set(struct hops *h, unsigned entry, const struct hop *list, unsigned n);
struct hop *hops_by_id(struct hops *h, unsigned id);                           /* NULL: gone, or 0 */
struct hop *hops_by_addr(struct hops *h, const struct addr *a, bool any_port); /* NULL: none */
struct hop *hops_by_target(struct hops *h, const char *name, uint16_t port);   /* port 0: any */

/* Whose turn it is: none of `tried`, neither down nor barred, the best entry and priority, by weight among equals, for which
 * chance is any number. prefer: that one if it will do, 0 = none. last_resort: when there is none, those that are down but
 * not barred count, too. NULL: nobody. */
struct hops_wish {
    const unsigned *tried;
    unsigned n_tried, prefer;
    bool last_resort;
    uint32_t chance;
};
struct hop *hops_choose(struct hops *h, msec_t now, const struct hops_wish *wish);

/* What became of it. true: it was down and is up again, or the other way round. */
bool hop_answered(struct hop *hop);
bool hop_lost(struct hops *h, struct hop *hop); /* silence */
bool hop_refused(struct hop *hop);              /* its machine, or TLS, said no */
void hop_bar(struct hop *hop, msec_t now, unsigned seconds); /* bounded by HOP_BAR_MAX_S */
unsigned hops_up(const struct hops *h);
bool hops_share_tls(const struct hops *h); /* two of different names at one address and port */
/* Seconds until the first barred one may be used again; 0: none is barred. */
unsigned hops_wait(const struct hops *h, msec_t now);
