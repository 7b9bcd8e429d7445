/* Audio and video of the played ends: the WIC's SRTP on its transports, the core's plain RTP on a pair of ports for each line.
 * Packets go through the real agw; what comes out must be what went in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agw/media/rtcp.h"
#include "agw/media/rtp.h"
#include "common/enc.h"
#include "common/rnd.h"
#include "tests/flow/play.h"

#define PORT_LO 33000
#define PORT_HI 34998
#define NEEDED 5      /* packets that show that it flows */
#define STOP_ROUNDS 10
#define RTP_PAUSE_MS 20
#define RTCP_PAUSE_MS 60
#define SETTLE_MS 60  /* what was under way */
#define PAYLOAD 160
#define PACKET_MAX 2048

enum { UP, DOWN, DIRS }; /* WIC to core, core to WIC */

static const char *const dir_names[DIRS] = {"wic -> core", "core -> wic"};

struct lane { /* one direction of a line */
    uint32_t ssrc, ts, packets;
    uint16_t seq, first; /* first: of the step, what was sent before it says nothing about it */
    unsigned got, rtcp; /* since the step began */
    uint8_t pt;         /* that it must come with */
};

struct line {
    struct play_rtp *r;
    int fd[2]; /* RTP, RTCP */
    uint16_t port;
    uv_poll_t poll[2];
    struct lane lane[DIRS];
    const struct play_wic *via; /* the WIC's transport that it rides on */
};

struct play_rtp {
    struct line lines[PLAY_RTP_MAX];
    unsigned open;
    char bad[120]; /* what came and should not have */
};

/* --- what comes --- */

static uint8_t octet(const struct line *l, uint16_t seq, size_t i)
{
    return (uint8_t)(seq * 7 + i + 50 * (unsigned)(l - l->r->lines));
}

static bool intact(const struct line *l, const struct rtp *r, const uint8_t *p)
{
    bool same = r->payload == PAYLOAD;

    for (size_t i = 0; same && i < PAYLOAD; i++)
        same = p[r->header + i] == octet(l, r->seq, i);
    return same;
}

static void take_rtp(struct line *l, int dir, const uint8_t *p, size_t n)
{
    struct lane *a = &l->lane[dir];
    char *bad = l->r->bad;
    const size_t size = sizeof l->r->bad;
    struct rtp r;

    if (rtp_parse(&r, p, n))
        snprintf(bad, size, "%s: what came is no RTP", dir_names[dir]);
    else if (r.ssrc != a->ssrc)
        snprintf(bad, size, "%s: SSRC %08x came, not %08x", dir_names[dir], r.ssrc, a->ssrc);
    else if ((int16_t)(r.seq - a->first) < 0)
        return;
    else if (r.pt != a->pt)
        snprintf(bad, size, "%s: payload type %u came, not %u", dir_names[dir], r.pt, a->pt);
    else if (dir == UP && r.ext)
        snprintf(bad, size, "%s: a header extension came through", dir_names[dir]);
    else if (!intact(l, &r, p))
        snprintf(bad, size, "%s: another payload came", dir_names[dir]);
    else
        a->got++;
}

/* A sender report of this line's source; receiver reports of the gateway's own say nothing about what passes. */
static void take_rtcp(struct line *l, int dir, const uint8_t *p, size_t n)
{
    struct rtcp c;
    size_t at = 0;

    if (rtcp_check(p, n, false)) {
        snprintf(l->r->bad, sizeof l->r->bad, "%s: what came is no RTCP", dir_names[dir]);
        return;
    }
    while (rtcp_next(&c, p, n, &at))
        l->lane[dir].rtcp += c.type == RTCP_SR && rtcp_sender(&c) == l->lane[dir].ssrc;
}

void rtp_from_agw(struct play *p, const struct play_wic *w, const uint8_t *pkt, size_t n)
{
    struct rtp r;

    for (unsigned i = 0; i < PLAY_RTP_MAX; i++) {
        struct line *l = &p->rtp->lines[i];

        if (rtp_is_rtcp(pkt, n)) {
            if (w == l->via)
                take_rtcp(l, DOWN, pkt, n);
        } else if (!rtp_parse(&r, pkt, n) && r.ssrc == l->lane[DOWN].ssrc) {
            if (w == l->via)
                take_rtp(l, DOWN, pkt, n);
            else
                snprintf(p->rtp->bad, sizeof p->rtp->bad, "%s: it came by another transport", dir_names[DOWN]);
        }
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct line *l = poll->data;
    const int k = poll == &l->poll[1];
    uint8_t p[PACKET_MAX];
    ssize_t n;

    (void)status;
    (void)events;
    while ((n = recv(l->fd[k], p, sizeof p, MSG_DONTWAIT)) > 0) {
        if (k)
            take_rtcp(l, UP, p, (size_t)n);
        else
            take_rtp(l, UP, p, (size_t)n);
    }
}

/* --- what goes --- */

struct rtp_step {
    struct line *l;
    struct play_wic *via;
    bool goes[DIRS], stops, rtcp;
    uint8_t pt[DIRS]; /* as sent */
    struct addr at;   /* T2 */
    struct sv mid;
    uint32_t ext;
};

static size_t make_rtp(struct line *l, int dir, const struct rtp_step *st, uint8_t *out)
{
    struct lane *a = &l->lane[dir];
    struct buf b = buf_over(out, PACKET_MAX);
    const bool mid = dir == UP && st->mid.n;

    buf_u8(&b, mid ? 0x90 : 0x80);
    buf_u8(&b, st->pt[dir]);
    buf_u16(&b, ++a->seq);
    buf_u32(&b, a->ts += PAYLOAD);
    buf_u32(&b, a->ssrc);
    if (mid) { /* RFC 8285 4.2 */
        buf_u16(&b, 0xbede);
        buf_u16(&b, (uint16_t)((st->mid.n + 4) / 4));
        buf_u8(&b, (uint8_t)(st->ext << 4 | (st->mid.n - 1)));
        buf_sv_put(&b, st->mid);
        while (b.len % 4)
            buf_u8(&b, 0);
    }
    for (size_t i = 0; i < PAYLOAD; i++)
        buf_u8(&b, octet(l, a->seq, i));
    a->packets++;
    return b.len;
}

static size_t make_sr(struct line *l, int dir, uint8_t *out)
{
    struct lane *a = &l->lane[dir];
    struct buf b = buf_over(out, PACKET_MAX);
    size_t at = rtcp_begin(&b, RTCP_SR);

    buf_u32(&b, a->ssrc);
    buf_u32(&b, (uint32_t)(play_now_us() / 1000000 + 2208988800)); /* RFC 3550 4 */
    buf_u32(&b, 0);
    buf_u32(&b, a->ts);
    buf_u32(&b, a->packets);
    buf_u32(&b, a->packets * PAYLOAD);
    rtcp_end(&b, at, 0);
    at = rtcp_begin(&b, RTCP_SDES);
    rtcp_put_cname(&b, a->ssrc, SV("chart"));
    rtcp_end(&b, at, 1);
    return b.len;
}

static int send_one(const struct rtp_step *st, int dir)
{
    uint8_t p[PACKET_MAX];
    size_t n = st->rtcp ? make_sr(st->l, dir, p) : make_rtp(st->l, dir, st, p);
    struct addr to = st->at;

    if (dir == UP)
        return browser_rtp(st->via->b, p, n);
    if (st->rtcp)
        addr_set_port(&to, (uint16_t)(addr_port(&to) + 1));
    return sendto(st->l->fd[st->rtcp], p, n, 0, &to.u.sa, addr_len(&to)) < 0 ? -errno : 0;
}

/* --- steps --- */

/* [line=N] [via=N] pt=WIC[,CORE] at=IP:PORT [mid=TEXT ext=N] */
static bool read_step(struct play *p, const struct chart_step *s, struct rtp_step *st, char *why, size_t size)
{
    struct sv word, args = s->args, pts = chart_arg(s, "pt");
    char at[64];
    uint32_t line = 1, pt[2] = {0, 0};

    if (!media_fill(p, chart_arg(s, "at"), at, sizeof at, why, size))
        return false;
    word = sv_word(&args);
    st->stops = sv_is(word, "stops");
    st->rtcp = !strcmp(s->proto, "rtcp");
    st->goes[UP] = s->both || !strcmp(s->from, "wic");
    st->goes[DOWN] = s->both || !strcmp(s->from, "core");
    st->via = media_trans(p, s, chart_arg(s, "via").n ? "via" : "line");
    if (chart_arg(s, "line").n && (sv_u32(chart_arg(s, "line"), PLAY_RTP_MAX, &line) || !line))
        st->via = NULL;
    st->l = &p->rtp->lines[line - 1];
    st->l->via = st->via;
    st->mid = chart_arg(s, "mid");
    (void)sv_u32(chart_arg(s, "ext"), 14, &st->ext);
    (void)sv_u32(sv_cut(&pts, ','), 127, &pt[UP]);
    if (!pts.n || sv_u32(pts, 127, &pt[DOWN]))
        pt[DOWN] = pt[UP];
    for (int d = 0; d < DIRS; d++) {
        st->pt[d] = (uint8_t)pt[d];
        st->l->lane[d].pt = (uint8_t)pt[!d];
    }
    if (st->via && (st->stops || sv_is(word, "flows")) && (st->rtcp || chart_arg(s, "pt").n) &&
        (!st->goes[DOWN] || !addr_parse_hostport(&st->at, sv_from(at), 0)))
        return true;
    snprintf(why, size, "flows|stops [line=N] [via=N] pt=WIC[,CORE] at=IP:PORT wanted");
    return false;
}

static unsigned got(const struct rtp_step *st, int dir)
{
    return st->rtcp ? st->l->lane[dir].rtcp : st->l->lane[dir].got;
}

static bool is_enough(const struct rtp_step *st)
{
    const unsigned needed = st->rtcp ? 1 : NEEDED;

    return (!st->goes[UP] || got(st, UP) >= needed) && (!st->goes[DOWN] || got(st, DOWN) >= needed);
}

static bool verdict(const struct play *p, const struct rtp_step *st, char *why, size_t size)
{
    const unsigned up = got(st, UP), down = got(st, DOWN);

    if (p->rtp->bad[0])
        snprintf(why, size, "%s", p->rtp->bad);
    else if (st->stops && (up || down))
        snprintf(why, size, "%u packets came %s", up ? up : down, dir_names[up ? UP : DOWN]);
    else if (!st->stops && !is_enough(st))
        snprintf(why, size, "%s%u came up, %u down", st->goes[UP] && st->goes[DOWN] ? "" : "one way: ", up, down);
    else
        return true;
    return false;
}

static bool goes_on(const struct play *p, const struct rtp_step *st, unsigned round, int64_t end)
{
    if (st->stops)
        return round < STOP_ROUNDS;
    return !is_enough(st) && play_now_us() < end && !p->rtp->bad[0];
}

bool rtp_event(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    static const bool never;
    struct rtp_step st = {0};
    uint32_t ms = PLAY_WAIT_MS;
    int64_t end;

    if (!read_step(p, s, &st, why, size))
        return false;
    (void)sv_u32(chart_arg(s, "within"), 120000, &ms);
    end = play_now_us() + ms * 1000LL;
    p->rtp->bad[0] = '\0';
    for (int d = 0; d < DIRS; d++) {
        struct lane *a = &st.l->lane[d];

        a->got = a->rtcp = 0;
        a->first = (uint16_t)(a->seq + 1);
    }
    for (unsigned round = 0; goes_on(p, &st, round, end); round++) {
        for (int d = 0; d < DIRS; d++) {
            int err = st.goes[d] ? send_one(&st, d) : 0;

            if (err) {
                snprintf(why, size, "%s: %s", dir_names[d], err == -ENOTCONN ? "the WIC has no keys" : strerror(-err));
                return false;
            }
        }
        play_until(p, &never, st.rtcp ? RTCP_PAUSE_MS : RTP_PAUSE_MS);
    }
    if (st.stops)
        play_until(p, &never, SETTLE_MS);
    return verdict(p, &st, why, size);
}

static bool sdes_key(struct sv suite, const char *text, struct srtp_key *k)
{
    uint8_t raw[SRTP_KEY_MAX + SRTP_SALT_MAX];
    const int n = enc_unbase64(sv_from(text), raw, sizeof raw);

    k->profile = srtp_profile_of(suite.p, suite.n);
    if (k->profile == SRTP_PROFILE_NONE || n != (int)(srtp_key_len(k->profile) + srtp_salt_len(k->profile)))
        return false;
    memcpy(k->key, raw, srtp_key_len(k->profile));
    memcpy(k->salt, raw + srtp_key_len(k->profile), srtp_salt_len(k->profile));
    return true;
}

/* sdes addr=IP:PORT suite=NAME ours=BASE64 theirs=BASE64 [line=N]: no ICE, no DTLS */
bool rtp_sdes(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    char addr[64], ours[128], theirs[128];
    const struct media_arg args[] = {MEDIA_ARG(addr), MEDIA_ARG(ours), MEDIA_ARG(theirs), {0}};
    struct play_wic *w = media_trans(p, s, "line");
    struct srtp_key send = {0}, recv = {0};
    struct addr to;

    if (!media_args(p, s, args, why, size))
        return false;
    if (w && sdes_key(chart_arg(s, "suite"), ours, &send) && sdes_key(chart_arg(s, "suite"), theirs, &recv) &&
        !addr_parse_hostport(&to, sv_from(addr), 0) && !browser_start_sdes(w->b, &to, &send, &recv))
        return true;
    snprintf(why, size, "addr=IP:PORT suite=NAME ours=BASE64 theirs=BASE64 wanted");
    return false;
}

/* --- ports --- */

static int bind_pair(struct line *l, const char *ip)
{
    for (int tries = 0; tries < 500; tries++) {
        const uint16_t at = (uint16_t)(PORT_LO + rnd_u64() % (PORT_HI - PORT_LO) / 2 * 2);
        struct addr a;

        for (int k = 0; k < 2; k++) {
            addr_parse(&a, sv_from(ip), (uint16_t)(at + k));
            l->fd[k] = net_udp(&a);
        }
        l->port = at;
        if (l->fd[0] >= 0 && l->fd[1] >= 0)
            return 0;
        for (int k = 0; k < 2; k++) {
            if (l->fd[k] >= 0)
                close(l->fd[k]);
        }
    }
    return -EADDRINUSE;
}

int rtp_open(struct play *p)
{
    struct play_rtp *r = calloc(1, sizeof *r);

    if (!r)
        return -ENOMEM;
    p->rtp = r;
    for (unsigned i = 0; i < PLAY_RTP_MAX; i++) {
        struct line *l = &r->lines[i];
        int err = bind_pair(l, media_ip(p));

        if (err)
            return err;
        l->r = r;
        for (int d = 0; d < DIRS; d++) {
            l->lane[d].ssrc = (uint32_t)rnd_u64();
            l->lane[d].seq = (uint16_t)(rnd_u64() & 0x7fff); /* no wrap inside a chart */
        }
        for (int k = 0; k < 2; k++, r->open++) {
            uv_poll_init(&p->loop, &l->poll[k], l->fd[k]);
            l->poll[k].data = l;
            uv_poll_start(&l->poll[k], UV_READABLE, on_readable);
        }
    }
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    struct play_rtp *r = ((struct line *)h->data)->r;

    if (--r->open == 0)
        free(r);
}

void rtp_close(struct play *p)
{
    struct play_rtp *r = p->rtp;
    const unsigned n = r ? r->open / 2 : 0;

    p->rtp = NULL;
    for (unsigned i = 0; i < n; i++) {
        for (int k = 0; k < 2; k++) {
            uv_close((uv_handle_t *)&r->lines[i].poll[k], on_closed);
            close(r->lines[i].fd[k]);
        }
    }
    if (r && !n)
        free(r);
}

uint16_t rtp_port(const struct play *p, unsigned line)
{
    return p->rtp->lines[line].port;
}
