#include "alg/sip/core_conns.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <uthash.h>

#include "alg/sip/agent.h"
#include "alg/sip/door.h"

#define WAKES_MAX 64   /* connections that came since they were looked for: before the next tick */
#define CALM_MS 1000   /* nobody seems to have come: how often they are looked for all the same */
#define ANEW_MS 30000  /* how often browsers' descriptors are asked, too, lest one lost its owner untold */
#define GAP 1024       /* so many numbers without a descriptor, and there is none above */
#define PING_OCTETS 64 /* what is no message, but no trickle either: pings (RFC 5626 3.5.1), with what TLS puts around them ... */
#define PING_RATE 1    /* ... and so many a second */
#define PING_RATE_TLS 8

struct key { /* all octets are set: it is hashed */
    uint8_t host[16];
    uint16_t port, family;
};

struct core_conn {
    struct key key;
    struct addr peer;
    int fd;          /* -1: a message came, where from will be seen */
    ino_t socket;    /* who comes again from the same port is another one */
    bool tls, first; /* first: of a next hop */
    bool whole;      /* a message came */
    bool found;
    bool ended;      /* by us; Sofia closes it in its own time */
    msec_t since;    /* it came, or its last whole message */
    uint64_t octets; /* received by then */
    unsigned order;  /* when it came, among all */
    UT_hash_handle hh;
};

struct core_conns {
    struct conns_conf conf;
    struct door_listener listeners[SIP_LISTEN_MAX];
    uv_poll_t polls[SIP_LISTEN_MAX];
    unsigned n_listeners, n_polls, wakes, next, n_open;
    int top;         /* the highest descriptor of ours */
    msec_t looked_at, anew_at;
    struct core_conn *conns;
};

const char *conns_why_text(enum conns_why why)
{
    static const char *const texts[] = {
        [CONNS_STRANGER] = "not in sip_peers, no next hop",
        [CONNS_ADDRESS] = "too many of its address",
        [CONNS_MANY] = "too many",
        [CONNS_LATE] = "no whole message in time",
    };

    return texts[why];
}

static struct key key_of(const struct addr *a)
{
    struct key k;

    memset(&k, 0, sizeof k);
    k.family = a->u.sa.sa_family;
    k.port = addr_port(a);
    memcpy(k.host, addr_is_v6(a) ? (const void *)&a->u.in6.sin6_addr : &a->u.in4.sin_addr, addr_is_v6(a) ? 16 : 4);
    return k;
}

/* glibc's struct tcp_info ends where the kernel's (RFC 4898 names what follows) goes on; linux/tcp.h cannot stand beside it. */
static uint64_t octets_of(int fd)
{
    struct {
        struct tcp_info known;
        uint64_t pacing, most_pacing, acked, received;
    } info = {0};
    socklen_t n = sizeof info;

    _Static_assert(sizeof info.known == 104, "what follows is where the kernel has it");
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) ? 0 : info.received;
}

static struct core_conn *find(struct core_conns *c, const struct addr *peer)
{
    const struct key k = key_of(peer);
    struct core_conn *v;

    HASH_FIND(hh, c->conns, &k, sizeof k, v);
    return v;
}

static void forget(struct core_conns *c, struct core_conn *v)
{
    HASH_DEL(c->conns, v);
    free(v);
}

/* --- looking for them --- */

static struct core_conn *add(struct core_conns *c, const struct addr *peer, msec_t now)
{
    struct core_conn *v = calloc(1, sizeof *v);

    if (!v)
        return NULL;
    *v = (struct core_conn){.key = key_of(peer), .peer = *peer, .fd = -1, .since = now, .order = c->next++};
    HASH_ADD(hh, c->conns, key, sizeof v->key, v);
    return v;
}

static void see(struct core_conns *c, int fd, const struct addr *own, msec_t now)
{
    const struct self *at = self_at(c->conf.sip, own);
    struct addr peer = {0};
    socklen_t n = sizeof peer.u;
    struct stat st;
    struct core_conn *v;

    if (at)
        fds_drop(&c->conf.sip->fds, fd);
    else
        bridge_inner(c->conf.sip->bridge, fd, own);
    if (!at || getpeername(fd, &peer.u.sa, &n) || fstat(fd, &st))
        return;
    v = find(c, &peer);
    if (v && v->fd >= 0 && v->socket != st.st_ino) {
        forget(c, v);
        v = NULL;
    }
    if (!v)
        v = add(c, &peer, now);
    if (!v)
        return;
    if (v->fd < 0 && v->whole)
        v->octets = octets_of(fd);
    v->fd = fd;
    v->socket = st.st_ino;
    v->tls = at->tls;
    v->found = true;
    c->top = fd > c->top ? fd : c->top;
}

static void drop_lost(struct core_conns *c)
{
    struct core_conn *v, *more;

    HASH_ITER(hh, c->conns, v, more)
        if (!v->found)
            forget(c, v);
}

/* Numbers of descriptors are given out from below: above a long gap there is none, or one that was seen before. Of ten thousand
 * browsers there are thirty thousand, which are known. */
static void look_for(struct core_conns *c, msec_t now)
{
    const bool anew = now - c->anew_at >= ANEW_MS;
    const int top = c->top;
    struct core_conn *v, *more;
    struct addr own = {0};
    socklen_t n;

    HASH_ITER(hh, c->conns, v, more)
        v->found = false;
    c->top = 0;
    c->n_open = 0;
    for (int fd = 0, gap = 0; gap < GAP || fd <= top; fd++) {
        n = sizeof own.u;
        if (!anew && fds_has(&c->conf.sip->fds, fd)) {
            c->n_open++;
            gap = 0;
            continue;
        }
        if (!getsockname(fd, &own.u.sa, &n)) {
            if (own.u.sa.sa_family == AF_INET || own.u.sa.sa_family == AF_INET6)
                see(c, fd, &own, now);
        } else if (errno == EBADF) {
            gap++;
            continue;
        }
        gap = 0;
        c->n_open++;
    }
    drop_lost(c);
    c->anew_at = anew ? now : c->anew_at;
}

/* --- which of them go --- */

static void end_it(const struct core_conns *c, struct core_conn *v, enum conns_why why)
{
    shutdown(v->fd, SHUT_RDWR);
    v->ended = true;
    c->conf.closed(c->conf.arg, why, &v->peer);
}

/* Those that are kept first: next hops, who has said something, the oldest of these, the newest of those that have not. */
static int by_worth(const void *one, const void *other)
{
    const struct core_conn *a = *(struct core_conn *const *)one, *b = *(struct core_conn *const *)other;

    if (a->first != b->first)
        return a->first ? -1 : 1;
    if (a->whole != b->whole)
        return a->whole ? -1 : 1;
    return (a->order < b->order) == a->whole ? -1 : 1;
}

static int by_host(const void *one, const void *other)
{
    const struct core_conn *a = *(struct core_conn *const *)one, *b = *(struct core_conn *const *)other;
    const int d = memcmp(a->key.host, b->key.host, sizeof a->key.host);

    return d ? d : by_worth(one, other);
}

/* Others leave so much of the descriptors that the process may have; a next hop's is never too many in all. */
static unsigned room(const struct core_conns *c)
{
    const unsigned n = HASH_COUNT(c->conns), others = c->n_open > n ? c->n_open - n : 0;
    struct rlimit files = {0};
    uint64_t left;

    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == RLIM_INFINITY)
        return CORE_CONNS_MAX;
    left = files.rlim_cur > others + CORE_FD_RESERVE ? files.rlim_cur - others - CORE_FD_RESERVE : 0;
    return left < CORE_CONNS_MAX ? (unsigned)left : CORE_CONNS_MAX;
}

static unsigned end_of_addresses(const struct core_conns *c, struct core_conn **v, unsigned n)
{
    unsigned kept = 0, same = 0;

    qsort(v, n, sizeof *v, by_host);
    for (unsigned i = 0; i < n; i++) {
        same = kept && !memcmp(v[kept - 1]->key.host, v[i]->key.host, sizeof v[i]->key.host) ? same + 1 : 0;
        if (same < CORE_CONNS_PER_ADDRESS)
            v[kept++] = v[i];
        else
            end_it(c, v[i], CONNS_ADDRESS);
    }
    return kept;
}

/* Each kind for itself: at the TLS port anybody may knock. */
static void end_too_many(struct core_conns *c)
{
    const unsigned max = room(c);
    struct core_conn **v = malloc((HASH_COUNT(c->conns) + 1) * sizeof(struct core_conn *));
    struct core_conn *one, *more;
    unsigned n = 0, of[2] = {0};

    if (!v)
        return;
    HASH_ITER(hh, c->conns, one, more)
        if (!one->ended)
            v[n++] = one;
    n = end_of_addresses(c, v, n);
    qsort(v, n, sizeof *v, by_worth);
    for (unsigned i = 0; i < n; i++)
        if (++of[v[i]->tls] > max && !v[i]->first)
            end_it(c, v[i], CONNS_MANY);
    free(v);
}

static void end_strangers(struct core_conns *c)
{
    struct core_conn *v, *more;

    HASH_ITER(hh, c->conns, v, more) {
        v->first = hop_peers_may(c->conf.hops, &v->peer);
        if (!v->ended && !v->tls && !v->first && !reach_may(c->conf.peers, &v->peer))
            end_it(c, v, CONNS_STRANGER);
    }
}

/* One that never said anything is of no use; later there may be pings between messages, or silence, which Sofia ends. */
static void end_late(struct core_conns *c, msec_t now)
{
    struct core_conn *v, *more;

    HASH_ITER(hh, c->conns, v, more) {
        const msec_t age = now > v->since ? now - v->since : 0; /* other clocks may be a moment ahead */

        if (!v->ended && age >= CORE_MESSAGE_MS &&
            (!v->whole || octets_of(v->fd) - v->octets > PING_OCTETS + age / 1000 * (v->tls ? PING_RATE_TLS : PING_RATE)))
            end_it(c, v, CONNS_LATE);
    }
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    struct core_conns *c = poll->data;

    (void)status, (void)events;
    if (++c->wakes >= WAKES_MAX)
        conns_tick(c, net_now_ms());
}

void conns_tick(struct core_conns *c, msec_t now)
{
    if (!c || (!c->wakes && now - c->looked_at < CALM_MS))
        return;
    c->looked_at = now;
    c->wakes = 0;
    look_for(c, now);
    end_strangers(c);
    end_too_many(c);
    end_late(c, now);
}

/* It may not have been looked for yet, or be one that we opened: then it is not found, and forgotten. */
void conns_whole(struct core_conns *c, const struct addr *peer)
{
    const msec_t now = net_now_ms();
    struct core_conn *v = c ? find(c, peer) : NULL;

    if (c && !v)
        v = add(c, peer, now);
    if (!v)
        return;
    v->whole = true;
    v->since = now;
    v->octets = v->fd < 0 ? 0 : octets_of(v->fd);
}

unsigned conns_n(const struct core_conns *c)
{
    return c ? HASH_COUNT(c->conns) : 0;
}

/* --- start and end --- */

static void on_closed(uv_handle_t *handle)
{
    struct core_conns *c = handle->data;

    if (!--c->n_polls)
        free(c);
}

void conns_free(struct core_conns *c)
{
    struct core_conn *v, *more;

    if (!c)
        return;
    HASH_ITER(hh, c->conns, v, more)
        forget(c, v);
    for (unsigned i = 0; i < c->n_polls; i++)
        uv_close((uv_handle_t *)&c->polls[i], on_closed);
    if (!c->n_polls)
        free(c);
}

int conns_new(struct core_conns **cp, const struct conns_conf *conf)
{
    struct core_conns *c = calloc(1, sizeof *c);
    int err = 0;

    if (!c)
        return -ENOMEM;
    c->conf = *conf;
    c->n_listeners = door_listeners(conf->sip, c->listeners);
    for (unsigned i = 0; i < c->n_listeners && !err; i++) {
        err = uv_poll_init(conf->sip->loop, &c->polls[i], c->listeners[i].fd);
        if (err)
            break;
        c->polls[i].data = c;
        c->n_polls++;
        err = uv_poll_start(&c->polls[i], UV_READABLE, on_listener);
    }
    if (err)
        conns_free(c);
    else
        *cp = c;
    return err;
}
