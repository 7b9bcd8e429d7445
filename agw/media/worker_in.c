/* Datagrams that came in. RTP and RTCP take the short way: checked, opened, relayed and listed to leave, all in the slot that
 * they were received in. STUN and DTLS are a few a second for a stream. */
#include "agw/media/demux.h"
#include "agw/media/warm.h"
#include "agw/media/worker_priv.h"
#include "common/log.h"

static struct port *port_of(const struct peers_member *m)
{
    return m ? (struct port *)((char *)m - offsetof(struct port, peer)) : NULL;
}

/* --- RTP and RTCP --- */

static void count_verdict(struct worker *w, enum sep_verdict verdict)
{
    static const enum worker_counter counter[] = {
        [SEP_STUN_OK] = WORKER_C_STUN_OK,
        [SEP_STUN_BAD] = WORKER_C_STUN_BAD,
        [SEP_UNVALIDATED] = WORKER_C_UNVALIDATED,
        [SEP_JUNK] = WORKER_C_JUNK,
        [SEP_MEDIA] = WORKER_C_MEDIA,
        [SEP_DROPPED] = WORKER_C_MEDIA_DROPPED,
    };

    if (verdict == SEP_MEDIA || verdict == SEP_DROPPED)
        worker_tally(w, counter[verdict], 1);
    else if (verdict != SEP_DTLS)
        worker_count(w, counter[verdict], 1);
}

/* Silence is the answer to all of it (RFC 8445 7.3, RFC 7983 7); a line says whose it was, the counters how many. */
static void complain(const struct worker *w, msec_t *last, const struct port *port, const struct addr *from,
                     enum sep_verdict verdict)
{
    const char *why = verdict == SEP_STUN_BAD      ? "STUN malformed or not authenticated"
                      : verdict == SEP_UNVALIDATED ? "from an address without a passed check"
                                                   : "neither STUN, DTLS nor media of ours";
    char peer[ADDR_STRLEN];

    if ((verdict != SEP_STUN_BAD && verdict != SEP_UNVALIDATED && verdict != SEP_JUNK) ||
        (*last && w->now - *last < MEDIA_LOG_MS))
        return;
    *last = w->now;
    log_warn("media", "sep=%llu peer=%s msg=\"not answered\" why=\"%s\"", port ? (unsigned long long)port->id : 0,
             addr_str(from, peer), why);
}

static void relay(struct worker *w, struct flow *flow, struct pkt *pkt)
{
    if (flow_relay(flow, pkt, w->now) == 0)
        worker_send(w, pkt);
    else if (!pkt->rtcp)
        worker_tally(w, WORKER_C_MEDIA_DROPPED, 1);
}

static enum sep_verdict media(struct worker *w, struct port *port, struct pkt *pkt)
{
    struct flow *flow;
    const enum sep_verdict verdict = sep_media(port->sep, pkt, &flow, w->now);
    const bool rtcp = pkt->rtcp;

    count_verdict(w, verdict);
    complain(w, &port->bad_logged, port, &pkt->from, verdict);
    if (verdict == SEP_MEDIA) {
        relay(w, flow, pkt);
        while (rtcp && udp_blank(w->rx, pkt) && sep_more(port->sep, pkt, &flow))
            relay(w, flow, pkt);
    }
    if (sep_has_news(port->sep))
        worker_settle(w, port);
    return verdict;
}

/* --- STUN and DTLS --- */

static enum sep_verdict slow(struct worker *w, struct port *port, const struct dgram *in)
{
    const enum sep_verdict verdict = sep_input(port->sep, in, &w->tx, w->now);

    count_verdict(w, verdict);
    complain(w, &port->bad_logged, port, &in->src, verdict);
    worker_settle(w, port);
    worker_flush_tx(w, port);
    return verdict;
}

enum sep_verdict worker_packet(struct worker *w, struct port *port, struct pkt *pkt)
{
    const struct dgram in = {pkt->from, pkt->p, pkt->n};

    worker_tally(w, WORKER_C_RX_OCTETS, (int64_t)pkt->n);
    port->stats.rx_packets++;
    port->stats.rx_octets += pkt->n;
    if (demux(pkt->p, pkt->n) != DEMUX_MEDIA)
        return slow(w, port, &in);
    pkt->rtcp = rtp_is_rtcp(pkt->p, pkt->n);
    return media(w, port, pkt);
}

/* A check says by its ufrag whose it is; anything else of STUN belongs to who has the address. */
static struct port *stun_owner(struct worker *w, const struct sock *s, const struct dgram *in)
{
    struct peers_member *m = NULL;
    struct stun_msg msg;
    struct sv rest;

    if (stun_parse(&msg, in->p, in->n) == 0) {
        rest = msg.username;
        m = rest.p ? peers_by_name(s->peers, sv_cut(&rest, ':')) : peers_by_addr(s->peers, &in->src);
    }
    if (!m) {
        worker_count(w, WORKER_C_STUN_BAD, 1);
        complain(w, &w->bad_logged, NULL, &in->src, SEP_STUN_BAD);
    }
    return port_of(m);
}

static void shared_stun(struct worker *w, struct sock *s, const struct dgram *in)
{
    struct port *port = stun_owner(w, s, in);

    if (!port)
        return;
    port->stats.rx_packets++;
    port->stats.rx_octets += in->n;
    slow(w, port, in);
    if (sep_was_checked(port->sep) && peers_learn(s->peers, &port->peer, &in->src, NULL, w->now))
        worker_count(w, WORKER_C_PEER_REFUSED, 1);
}

/* --- sorting --- */

static void datagram(struct worker *w, struct sock *s, unsigned i)
{
    const struct dgram *in = udp_dgram(w->rx, i);
    const enum demux_kind kind = demux(in->p, in->n);
    struct port *port = s->port;
    struct pkt pkt;

    worker_tally(w, WORKER_C_RX_OCTETS, (int64_t)in->n);
    if (s->kind == SOCK_SHARED && kind == DEMUX_STUN) {
        shared_stun(w, s, in);
        return;
    }
    if (s->kind == SOCK_SHARED)
        port = port_of(peers_by_addr(s->peers, &in->src));
    if (!port) {
        worker_count(w, WORKER_C_UNVALIDATED, 1);
        complain(w, &w->bad_logged, NULL, &in->src, SEP_UNVALIDATED);
        return;
    }
    port->stats.rx_packets++;
    port->stats.rx_octets += in->n;
    if (kind == DEMUX_MEDIA || sep_is_transparent(port->sep)) {
        udp_pkt(w->rx, i, &pkt);
        pkt.rtcp = s->kind == SOCK_RTCP || rtp_is_rtcp(in->p, in->n);
        media(w, port, &pkt);
    } else if (s->kind == SOCK_RTCP) {
        worker_count(w, WORKER_C_JUNK, 1); /* ICE and DTLS are on the RTP port alone (RFC 5761 is demanded with them) */
    } else {
        slow(w, port, in);
    }
}

/* from: the socket of each */
static void warm_bunch(const struct worker *w, struct sock *const *from, unsigned first, unsigned n)
{
    const struct port *port[MEDIA_WARM];
    const struct sep *sep[MEDIA_WARM];
    unsigned k = 0;

    if (n < 2)
        return;
    for (unsigned i = 0; i < n; i++)
        warm_all(from[i], offsetof(struct sock, raw));
    for (unsigned i = 0; i < n; i++) {
        const struct dgram *in = udp_dgram(w->rx, first + i);

        if (from[i]->peers)
            peers_warm(from[i]->peers, &in->src);
        else
            warm_all(from[i]->port, SEP_OWNER_HOT);
        warm(in->p);
    }
    for (unsigned i = 0; i < n; i++) {
        const struct sock *s = from[i];

        port[k] = s->peers ? port_of(peers_by_addr(s->peers, &udp_dgram(w->rx, first + i)->src)) : s->port;
        if (s->peers && port[k])
            warm_all(port[k], SEP_OWNER_HOT);
        k += port[k] != NULL;
    }
    for (unsigned i = 0; i < k; i++)
        sep[i] = port[i]->sep;
    sep_warm(sep, k);
}

/* At most MEDIA_WARM datagrams of the ring into slots; from: their sockets. */
static unsigned take_bunch(struct worker *w, struct sock **from, unsigned *first)
{
    struct ring_in in;
    unsigned n = 0;

    *first = MEDIA_RX_SLOTS - udp_room(w->rx);
    while (n < MEDIA_WARM && ring_next(w->ring, &in)) {
        (void)udp_put(w->rx, &in.src, in.p, in.n); /* there is room */
        from[n++] = (struct sock *)((char *)in.member - offsetof(struct sock, ring));
    }
    return n;
}

/* What came to one socket beyond its share: the others' packets are not touched by it. */
static void count_lost(struct worker *w)
{
    struct ring_member *m;
    const uint32_t n = ring_lost(w->ring, &m);
    const struct sock *s = m ? (struct sock *)((char *)m - offsetof(struct sock, ring)) : NULL;
    char local[ADDR_STRLEN];

    if (!n)
        return;
    worker_tally(w, WORKER_C_RING_LOST, n);
    w->lost += n;
    if (w->lost_logged && w->now - w->lost_logged < MEDIA_LOG_MS)
        return;
    log_warn("media", "sep=%llu local=%s lost=%llu msg=\"more came than there is room for\"",
             s && s->port ? (unsigned long long)s->port->id : 0, s ? addr_str(&s->local, local) : "-",
             (unsigned long long)w->lost);
    w->lost_logged = w->now;
    w->lost = 0;
}

void worker_ring(struct worker *w)
{
    struct sock *from[MEDIA_WARM];
    unsigned first, n = MEDIA_WARM;

    for (unsigned all = 0; n == MEDIA_WARM && all < MEDIA_RX_SLOTS; all += n) {
        if (udp_room(w->rx) < MEDIA_WARM)
            worker_flush_out(w);
        n = take_bunch(w, from, &first);
        worker_tally(w, WORKER_C_RX, n);
        w->taken += n;
        warm_bunch(w, from, first, n);
        for (unsigned i = 0; i < n; i++)
            datagram(w, from[i], first + i);
    }
    count_lost(w);
}

static void warm_shared(const struct worker *w, struct sock *s, unsigned first, unsigned n)
{
    struct sock *from[MEDIA_WARM];

    for (unsigned i = 0; i < n; i++)
        from[i] = s;
    warm_bunch(w, from, first, n);
}

void worker_readable(struct worker *w, struct sock *s)
{
    const bool one = w->ring && ring_is_held(w->ring); /* what came later is in the ring */
    const unsigned want = one ? 1 : sock_want(s, w->wake);
    unsigned first, n;

    for (int rounds = s->kind == SOCK_SHARED && !one ? MEDIA_RX_ROUNDS : 1; rounds > 0; rounds--) {
        if (udp_room(w->rx) < want)
            worker_flush_out(w);
        n = udp_recv(w->rx, s->fd, want, &first);
        worker_tally(w, WORKER_C_RX, n);
        w->taken += n;
        for (unsigned i = first; i < first + n; i++) {
            if (s->kind == SOCK_SHARED && (i - first) % MEDIA_WARM == 0)
                warm_shared(w, s, i, first + n - i < MEDIA_WARM ? first + n - i : MEDIA_WARM);
            datagram(w, s, i);
        }
        if (n < want)
            break;
    }
}
