/* The core's next hops at work: their names resolved (hop_dns.c), OPTIONS to each (hop_live.c), one request that goes through
 * several until one takes it (hop_try.c). Inside alg/sip only. Main thread. RFC 3263, RFC 3261 11.2, 18.1, 21.5.4. */
#pragma once

#include "alg/sip/agent.h"
#include "alg/sip/core_conns.h"
#include "alg/sip/hop_peers.h"
#include "alg/sip/hops.h"

struct core {
    struct sip *sip;
    struct hops hops;
    struct hop_peers peers; /* who may send requests because it is or was one of them */
    msec_t forget_at;
    msec_t said_at;        /* lines about connections refused: WS_SAY_MAX a second, and one of the rest */
    unsigned said;
    struct door *door;     /* NULL: open */
    struct core_conns *conns;
    struct hop_dns *dns;
    struct hop_try *tries; /* that wait for a first answer */
    struct probe *probes;
    unsigned silent_ms, options_ms;
    uv_timer_t tick;
    bool closing, closed;
    unsigned loading;      /* names that were never resolved */
};

int core_new(struct core **cp, struct sip *s, const struct sip_conf *conf);
void core_free(struct core *c); /* NULL is fine; every transaction of ours is over by then */
/* What was heard of a hop: counted, told in the log when it goes down or comes back. */
void core_heard(struct core *c, struct hop *hop, const sip_t *answer);
void core_unheard(struct core *c, struct hop *hop, const char *refused); /* NULL: silence; else what was in the way */
/* Sofia ended a connection in its handshake and tells no request of it; called from inside Sofia: the next tick does. */
void core_no_tls(struct core *c, unsigned hop, const struct addr *peer, const char *why);
void core_refused(struct core *c, unsigned hop, const struct addr *peer, const char *why); /* the same, and the line in the log */
void core_count(struct core *c); /* the gauges */
void core_hops(struct core *c);  /* there are others than before */
unsigned core_retry_after(const struct core *c); /* seconds for somebody who is told 503 */

/* hop_dns.c */
int hop_dns_new(struct hop_dns **dp, struct core *c, const struct sip_conf *conf);
void hop_dns_free(struct hop_dns *d);
void hop_dns_tick(struct hop_dns *d, msec_t now);
struct self_how hop_dns_guess(const struct hop_dns *d); /* how the first entry is reached, while it has no address */

/* hop_live.c */
void hop_live_tick(struct core *c, msec_t now);
void hop_live_refused(struct core *c, unsigned id, const char *why); /* its OPTIONS, if one is under way */
void hop_live_free(struct core *c);

/* hop_try.c */
url_string_t const *hop_url(struct hop_try *t, const struct sip *s, const struct hop *hop); /* in t->url; sent to next */
void hop_try_refused(struct core *c, unsigned id, const char *why); /* who waits for it goes to another, or is told 503 */
void hop_try_tick(struct core *c, msec_t now);
