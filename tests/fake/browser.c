#include "tests/fake/browser_priv.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "agw/media/demux.h"
#include "common/enc.h"
#include "common/rnd.h"

#define TICK_MS SCTP_TICK_MS
#define DTLS_TIMEOUT_MS 30000

/* One process, one loop (see the header), so one hub. */
static struct hub *the_hub;

static void on_tick(uv_timer_t *timer);
static void pump(struct hub *hub);

/* --- hub --- */

static void hub_closed(uv_handle_t *timer)
{
    struct hub *hub = timer->data;

    sctp_lib_fini(hub->sctp);
    stun_mac_free(hub->mac);
    udp_rx_free(hub->rx);
    free(hub);
}

static void hub_release(struct hub *hub)
{
    if (hub->browsers)
        return;
    the_hub = NULL;
    uv_close((uv_handle_t *)&hub->timer, hub_closed);
}

static int hub_get(struct hub **hubp, uv_loop_t *loop)
{
    struct hub *hub = the_hub;
    int err;

    if (hub) {
        assert(hub->loop == loop);
        *hubp = hub;
        return 0;
    }
    hub = calloc(1, sizeof(*hub));
    if (!hub)
        return -ENOMEM;
    hub->loop = loop;
    err = udp_rx_new(&hub->rx);
    if (!err)
        err = stun_mac_new(&hub->mac);
    if (!err)
        err = sctp_lib_init(&hub->sctp);
    if (err) {
        stun_mac_free(hub->mac);
        udp_rx_free(hub->rx);
        free(hub);
        return err;
    }
    uv_timer_init(loop, &hub->timer);
    hub->timer.data = hub;
    uv_timer_start(&hub->timer, on_tick, TICK_MS, TICK_MS);
    the_hub = *hubp = hub;
    return 0;
}

/* --- telling the user --- */

static void teardown(struct browser *b);

void browser_enter(struct browser *b)
{
    b->busy++;
}

void browser_leave(struct browser *b)
{
    if (--b->busy == 0 && b->dying)
        teardown(b);
}

static void tell(struct browser *b, enum browser_event ev, const char *text)
{
    b->closed |= ev == BROWSER_CLOSED;
    if (!b->dying && b->h.event)
        b->h.event(b->h.arg, ev, text);
}

/* --- sending --- */

void browser_flush(struct browser *b)
{
    struct tx *tx = &b->hub->tx;
    uint64_t octets;

    if (b->muted) {
        tx->n = 0;
        return;
    }
    if (b->tcp || b->turn) {
        for (unsigned i = 0; i < tx->n; i++)
            (void)browser_datagram(b, tx->slot[i].p, tx->slot[i].n);
        tx->n = 0;
        return;
    }
    tx_address(tx, 0, &b->remote);
    udp_send(b->fd, tx, &octets);
}

/* --- DTLS --- */

static void start_sctp(struct browser *b)
{
    const struct sctp_conf conf = {.local_port = b->sctp_local, .owner = b};

    if (sctp_new(&b->sctp, b->hub->sctp, &conf) || sctp_connect(b->sctp, b->sctp_remote))
        tell(b, BROWSER_CLOSED, "SCTP cannot start");
}

static void report_dtls(struct browser *b)
{
    const enum dtls_state state = dtls_state(b->dtls);

    if (state == b->reported)
        return;
    b->reported = state;
    if (state == DTLS_UP) {
        browser_rtp_keys(b);
        tell(b, BROWSER_DTLS_UP, dtls_is_client(b->dtls) ? "client" : "server");
        if (!b->dying && b->sctp_local)
            start_sctp(b);
    } else if (state == DTLS_FAILED) {
        tell(b, BROWSER_DTLS_FAILED, dtls_why(b->dtls));
    } else if (state == DTLS_CLOSED) {
        tell(b, BROWSER_CLOSED, "close_notify");
    }
}

static int begin_dtls(struct browser *b, msec_t now)
{
    int err = dtls_new(&b->dtls, b->ctx, b->dtls_client, DTLS_TIMEOUT_MS, now);

    if (err)
        return err;
    b->reported = DTLS_HANDSHAKE;
    return dtls_expect(b->dtls, b->remote_hash, b->remote_fp, (unsigned)b->remote_fp_len, &b->hub->tx);
}

static void on_dtls(struct browser *b, const struct dgram *in, msec_t now)
{
    struct hub *hub = b->hub;
    size_t n;

    if (!addr_eq(&in->src, &b->remote))
        return;
    if (!b->hello_seen) {
        b->hello_seen = true;
        tell(b, BROWSER_DTLS_HELLO_SEEN, "");
    }
    if (b->dying || (!b->dtls && (b->dtls_client || begin_dtls(b, now))))
        return;
    dtls_input(b->dtls, in->p, in->n, &hub->tx);
    browser_flush(b);
    report_dtls(b);
    while (!b->dying && (n = dtls_read(b->dtls, hub->record, sizeof(hub->record), &hub->tx)) > 0)
        if (b->sctp)
            (void)sctp_input(b->sctp, hub->record, n); /* what is no SCTP packet is dropped */
    browser_flush(b);
    report_dtls(b);
}

/* --- ICE --- */

void browser_ice_up(struct browser *b)
{
    tell(b, BROWSER_ICE_UP, "");
    if (b->dying || b->dtls || !b->dtls_client)
        return;
    if (begin_dtls(b, net_now_ms()) == 0)
        dtls_start(b->dtls, &b->hub->tx);
    browser_flush(b);
    report_dtls(b);
}

/* --- SCTP --- */

static void on_reset(struct browser *b, uint16_t sid)
{
    char text[8];

    /* RFC 8831 6.7: the other direction follows */
    if (sid < BROWSER_SIDS && !b->is_reset[sid])
        (void)browser_reset(b, sid);
    snprintf(text, sizeof(text), "%u", sid);
    tell(b, BROWSER_CHAN_RESET, text);
}

static void on_message(struct browser *b, const struct sctp_ev *ev)
{
    const bool binary = ev->ppid == SCTP_PPID_BINARY || ev->ppid == SCTP_PPID_BINARY_EMPTY;
    const bool empty = ev->ppid == SCTP_PPID_STRING_EMPTY || ev->ppid == SCTP_PPID_BINARY_EMPTY;

    if ((binary || empty || ev->ppid == SCTP_PPID_STRING) && b->h.message)
        b->h.message(b->h.arg, ev->sid, binary, ev->p, empty ? 0 : ev->n);
}

static void on_sctp(struct browser *b, const struct sctp_ev *ev)
{
    struct tx *tx = &b->hub->tx;

    /* The batch is shared: ours leaves before the user may make another browser send. */
    if (ev->what != SCTP_OUTPUT || tx->n + 2 > MEDIA_TX_BATCH)
        browser_flush(b);
    switch (ev->what) {
    case SCTP_OUTPUT:
        memcpy(b->sctp_head, ev->p, sizeof(b->sctp_head));
        (void)dtls_write(b->dtls, ev->p, ev->n, tx); /* lost like any datagram */
        break;
    case SCTP_MESSAGE:
        on_message(b, ev);
        break;
    case SCTP_UP:
        tell(b, BROWSER_SCTP_UP, "");
        break;
    case SCTP_LOST:
        tell(b, BROWSER_CLOSED, "SCTP lost");
        break;
    case SCTP_RESET_IN:
        on_reset(b, ev->sid);
        break;
    case SCTP_WRITABLE:
        if (b->h.writable)
            b->h.writable(b->h.arg);
        break;
    case SCTP_TOO_BIG:
    case SCTP_RESET_OUT:
    case SCTP_STREAMS:
        break;
    }
}

/* Everything that SCTP has to say, of all browsers. Not from inside itself: the outer call takes what the inner made. */
static void pump(struct hub *hub)
{
    struct sctp_ev ev;
    struct sctp *s;

    if (hub->pumping)
        return;
    hub->pumping = true;
    while ((s = sctp_lib_next(hub->sctp))) {
        struct browser *b = sctp_owner(s);

        browser_enter(b);
        while (sctp_next(s, &ev))
            if (!b->dying)
                on_sctp(b, &ev);
        browser_flush(b);
        browser_leave(b);
    }
    hub->pumping = false;
}

/* --- the loop's calls --- */

void browser_input(struct browser *b, const struct dgram *in)
{
    const enum demux_kind kind = demux(in->p, in->n);
    const msec_t now = net_now_ms();

    if (b->muted || b->dying || !b->started)
        return;
    if (kind == DEMUX_STUN)
        browser_stun(b, in, now);
    else if (kind == DEMUX_DTLS)
        on_dtls(b, in, now);
    else if (kind == DEMUX_MEDIA)
        browser_rtp_input(b, in);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct browser *b = poll->data;
    struct hub *hub = b->hub;
    unsigned first, n;

    (void)status;
    (void)events;
    udp_reset(hub->rx);
    n = udp_recv(hub->rx, b->fd, MEDIA_RX_BATCH, &first);
    browser_enter(b);
    for (unsigned i = 0; i < n; i++)
        browser_input(b, udp_dgram(hub->rx, i));
    pump(hub);
    browser_leave(b);
}

void browser_catch_up(struct browser *b, int ms)
{
    const msec_t end = net_now_ms() + (msec_t)ms;
    struct pollfd p = {.events = POLLIN};
    msec_t now;

    if (!b || b->dying || b->fd < 0)
        return;
    p.fd = b->fd;
    on_readable(&b->poll, 0, UV_READABLE);
    while (!b->closed && (now = net_now_ms()) < end && poll(&p, 1, (int)(end - now)) > 0)
        on_readable(&b->poll, 0, UV_READABLE);
}

static void on_tick(uv_timer_t *timer)
{
    struct hub *hub = timer->data;
    struct browser *b, *tmp;
    const msec_t now = net_now_ms();

    sctp_lib_clock(hub->sctp, now);
    DL_FOREACH_SAFE(hub->browsers, b, tmp) {
        if (!b->started || b->muted)
            continue;
        browser_enter(b);
        if (now >= b->next_check)
            browser_check(b, now);
        if (b->dtls && now >= dtls_deadline(b->dtls, now)) {
            dtls_tick(b->dtls, now, &hub->tx);
            browser_flush(b);
            report_dtls(b);
        }
        browser_leave(b);
    }
    pump(hub);
}

/* --- the face --- */

static int new_identity(struct browser *b, char *fingerprint)
{
    struct cert *cert = NULL;
    struct dtls_ctx *ctx = NULL;
    int err = cert_new(&cert, "browser");

    if (!err)
        err = dtls_ctx_new(&ctx, cert->der, cert->der_len, cert->key, cert->key_len);
    if (!err) {
        dtls_ctx_set_link(ctx, MEDIA_DTLS_MTU, 50); /* as libwebrtc */
        dtls_ctx_free(b->ctx);
        b->ctx = ctx;
        if (fingerprint)
            memcpy(fingerprint, cert->fingerprint, CERT_FP_TEXT);
    }
    cert_free(cert);
    return err;
}

int browser_new(struct browser **bp, uv_loop_t *loop, const char *local_ip, const struct browser_h *h)
{
    struct browser *b = calloc(1, sizeof(*b));
    const int size = MEDIA_SOCKBUF;
    int err;

    if (!b)
        return -ENOMEM;
    b->h = *h;
    b->fd = -1;
    rnd_text(b->ufrag, sizeof(b->ufrag) - 1);
    rnd_text(b->pwd, sizeof(b->pwd) - 1);
    rnd_bytes(b->tid, sizeof(b->tid));
    b->tiebreaker = rnd_u64();
    err = addr_parse(&b->local, sv_from(local_ip), 0);
    if (!err)
        b->fd = err = net_udp(&b->local);
    if (err >= 0)
        err = new_identity(b, b->fingerprint);
    if (!err)
        err = hub_get(&b->hub, loop);
    if (err) {
        if (b->fd >= 0)
            close(b->fd);
        dtls_ctx_free(b->ctx);
        free(b);
        return err;
    }
    (void)setsockopt(b->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    DL_APPEND(b->hub->browsers, b);
    b->poll.data = b;
    uv_poll_init(loop, &b->poll, b->fd);
    uv_poll_start(&b->poll, UV_READABLE, on_readable);
    *bp = b;
    return 0;
}

static void on_closed(uv_handle_t *poll)
{
    struct browser *b = poll->data;

    close(b->fd);
    free(b);
}

static void teardown(struct browser *b)
{
    struct hub *hub = b->hub;
    struct sctp_ev ev;

    if (b->sctp) {
        sctp_abort(b->sctp);
        while (sctp_next(b->sctp, &ev))
            if (ev.what == SCTP_OUTPUT)
                on_sctp(b, &ev);
        sctp_free(b->sctp);
    }
    if (b->dtls)
        dtls_close(b->dtls, &hub->tx);
    browser_flush(b);
    dtls_free(b->dtls);
    browser_rtp_fini(b);
    b->dtls = NULL;
    b->sctp = NULL;
    b->started = false; /* a loop over the list may still meet us once */
    dtls_ctx_free(b->ctx);
    DL_DELETE(hub->browsers, b);
    browser_tcp_close(b);
    browser_turn_close(b);
    uv_close((uv_handle_t *)&b->poll, on_closed);
    hub_release(hub);
}

void browser_free(struct browser *b)
{
    if (!b || b->dying)
        return;
    browser_enter(b);
    b->dying = true;
    browser_leave(b);
}

const char *browser_ufrag(const struct browser *b)
{
    return b->ufrag;
}

const char *browser_pwd(const struct browser *b)
{
    return b->pwd;
}

const char *browser_fingerprint(const struct browser *b)
{
    return b->fingerprint;
}

uint16_t browser_port(const struct browser *b)
{
    return addr_port(&b->local);
}

int browser_start(struct browser *b, const struct addr *remote, const char *ufrag, const char *pwd, const char *fingerprint,
                  bool dtls_client, uint16_t sctp_local, uint16_t sctp_remote)
{
    struct sv text = sv_from(fingerprint);
    const struct sv hash = sv_word(&text);
    int n = enc_unhex(sv_trim(text), b->remote_fp, sizeof(b->remote_fp));

    if (n <= 0 || sv_copy(hash, b->remote_hash, sizeof(b->remote_hash)) >= sizeof(b->remote_hash))
        return -EINVAL;
    b->remote_fp_len = n;
    b->remote = *remote;
    sv_copy(sv_from(ufrag), b->remote_ufrag, sizeof(b->remote_ufrag));
    sv_copy(sv_from(pwd), b->remote_pwd, sizeof(b->remote_pwd));
    b->dtls_client = dtls_client;
    b->sctp_local = sctp_local;
    b->sctp_remote = sctp_remote;
    b->started = true;
    browser_check(b, net_now_ms());
    return 0;
}

int browser_send_as(struct browser *b, uint16_t sid, uint32_t ppid, const void *p, size_t n)
{
    int err = b->sctp ? sctp_send(b->sctp, sid, ppid, p, n) : -ENOTCONN;

    if (!err || err == -EAGAIN)
        pump(b->hub);
    return err;
}

int browser_send(struct browser *b, uint16_t sid, bool binary, const void *p, size_t n)
{
    static const uint8_t zero;
    uint32_t ppid = binary ? SCTP_PPID_BINARY : SCTP_PPID_STRING;

    if (n == 0) { /* RFC 8831 6.6: SCTP cannot carry nothing */
        ppid = binary ? SCTP_PPID_BINARY_EMPTY : SCTP_PPID_STRING_EMPTY;
        p = &zero;
        n = 1;
    }
    return browser_send_as(b, sid, ppid, p, n);
}

int browser_reset(struct browser *b, uint16_t sid)
{
    int err;

    if (!b->sctp)
        return -ENOTCONN;
    if (sid >= BROWSER_SIDS)
        return -EINVAL;
    b->is_reset[sid] = true;
    err = sctp_reset(b->sctp, sid);
    pump(b->hub);
    return err;
}

void browser_restart(struct browser *b, const char *ufrag, const char *pwd)
{
    sv_copy(sv_from(ufrag), b->ufrag, sizeof(b->ufrag));
    sv_copy(sv_from(pwd), b->pwd, sizeof(b->pwd));
    b->started = b->ice_up = b->passed = b->peer_checked = false;
}

void browser_meet(struct browser *b, enum browser_peer peer)
{
    b->peer = peer;
}

void browser_share(struct browser *b, const struct browser *of)
{
    dtls_ctx_free(b->ctx);
    b->ctx = dtls_ctx_ref(of->ctx);
    memcpy(b->fingerprint, of->fingerprint, sizeof(b->fingerprint));
}

void browser_break_fingerprint(struct browser *b)
{
    const int err = new_identity(b, NULL);

    assert(!err); /* the test would prove nothing */
    (void)err;
}

void browser_mute(struct browser *b, bool mute)
{
    b->muted = mute;
}

int browser_record(struct browser *b, const void *p, size_t n)
{
    int err = b->dtls ? dtls_write(b->dtls, p, n, &b->hub->tx) : -ENOTCONN;

    browser_flush(b);
    return err;
}

int browser_datagram(struct browser *b, const void *p, size_t n)
{
    if (b->tcp)
        return browser_tcp_send(b, p, n);
    if (b->turn)
        return browser_turn_send(b, p, n);
    return sendto(b->fd, p, n, 0, &b->remote.u.sa, addr_len(&b->remote)) < 0 ? -errno : 0;
}

const uint8_t *browser_sctp_head(const struct browser *b)
{
    return b->sctp_head;
}
