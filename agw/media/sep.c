#include "agw/media/sep.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agw/media/demux.h"
#include "agw/media/sep_part.h"

/* --- results --- */

void sep_push(struct sep *sep, enum sep_out_kind kind, enum bus_what what, const char *text)
{
    struct sep_event *ev = &sep->event[sep->n_events++];

    assert(sep->n_events <= SEP_EVENTS);
    ev->kind = kind;
    ev->what = what;
    sv_copy(sv_from(text), ev->text, sizeof(ev->text));
}

static void push_down(struct sep *sep)
{
    if (sep->is_up)
        sep_push(sep, SEP_OUT_DOWN, BUS_EV_DTLS_CLOSED, "");
    sep->is_up = false;
}

static void drop_dtls_keys(struct sep *sep)
{
    if (sep->rtp.sec == BUS_SEC_DTLS)
        sep_media_stop(sep);
}

/* Tells what DTLS became since it was last looked at. */
static void report(struct sep *sep)
{
    const enum dtls_state state = sep->dtls ? dtls_state(sep->dtls) : DTLS_HANDSHAKE;

    if (!sep->dtls || state == sep->reported)
        return;
    sep->reported = state;
    if (state == DTLS_UP && sep_media_dtls(sep)) {
        sep_push(sep, SEP_OUT_EVENT, BUS_EV_DTLS_FAILED, "no keys for SRTP");
    } else if (state == DTLS_UP) {
        const char *role = dtls_is_client(sep->dtls) ? "client" : "server";

        sep_push(sep, SEP_OUT_EVENT, BUS_EV_DTLS_UP, role);
        if (sep->data) /* else who comes for it later is told then: data_joins */
            sep_push(sep, SEP_OUT_UP, BUS_EV_DTLS_UP, role);
        sep->is_up = true;
    } else if (state == DTLS_FAILED) {
        sep_push(sep, SEP_OUT_EVENT, BUS_EV_DTLS_FAILED, dtls_why(sep->dtls));
        push_down(sep);
        drop_dtls_keys(sep);
    } else if (state == DTLS_CLOSED) {
        sep_push(sep, SEP_OUT_EVENT, BUS_EV_DTLS_CLOSED, "close_notify");
        push_down(sep);
        drop_dtls_keys(sep);
    }
}

static void drop_held(struct sep *sep)
{
    struct sep_held *h, *next;

    for (h = sep->held; h; h = next) {
        next = h->next;
        free(h);
    }
    sep->held = NULL;
    sep->held_end = &sep->held;
    sep->n_held = 0;
}

/* Too many or no memory: lost, SCTP repeats it. */
static void hold(struct sep *sep, const uint8_t *p, size_t n)
{
    struct sep_held *h;

    if (sep->n_held >= MEDIA_HOLD_RECORDS)
        return;
    h = malloc(sizeof(*h) + n);
    if (!h)
        return;
    h->next = NULL;
    h->n = n;
    memcpy(h->p, p, n);
    *sep->held_end = h;
    sep->held_end = &h->next;
    sep->n_held++;
}

static size_t take_held(struct sep *sep)
{
    struct sep_held *h = sep->held;
    const size_t n = h->n;

    memcpy(sep->env->record, h->p, n);
    sep->held = h->next;
    if (!sep->held)
        sep->held_end = &sep->held;
    sep->n_held--;
    free(h);
    return n;
}

/* --- trace: whole datagrams, so that a capture can be made of them --- */

static struct sv octets(const uint8_t *p, size_t n)
{
    return (struct sv){(const char *)p, n};
}

static void trace_out(struct sep *sep, const struct tx *tx, unsigned from)
{
    char text[256];

    for (unsigned i = from; sep->env->trace && i < tx->n; i++) {
        struct buf b = buf_over(text, sizeof(text) - 1);
        const struct tx_slot *s = &tx->slot[i];

        if (!dtls_title(&sep->seen_out, s->p, s->n, &b))
            continue;
        text[b.len] = '\0';
        trace_msg(sep->env->trace, "agw", sep->peer, "dtls", text, octets(s->p, s->n), &sep->local, &s->to);
    }
}

static void trace_in(struct sep *sep, const struct dgram *in)
{
    char text[256];
    struct buf b = buf_over(text, sizeof(text) - 1);

    if (!sep->env->trace || !dtls_title(&sep->seen_in, in->p, in->n, &b))
        return;
    text[b.len] = '\0';
    trace_msg(sep->env->trace, sep->peer, "agw", "dtls", text, octets(in->p, in->n), &in->src, &sep->local);
}

/* Checks until a pair is there, and those that change it; the keepalives that follow say nothing new. */
static void trace_check(struct sep *sep, const struct dgram *in, const struct tx_slot *reply, int res, bool was_up)
{
    if (!sep->env->trace || (was_up && !(res & (ICE_SWITCHED | ICE_RESUMED))))
        return;
    trace_msg(sep->env->trace, sep->peer, "agw", "ice",
              res & ICE_NOMINATED ? "Binding request USE-CANDIDATE" : "Binding request",
              octets(in->p, in->n), &in->src, &sep->local);
    trace_msg(sep->env->trace, "agw", sep->peer, "ice",
              res & ICE_CHECK ? "Binding success response" : "Binding error response",
              octets(reply->p, reply->n), &sep->local, &in->src);
}

void sep_trace_pair(const struct sep *sep, const struct addr *local)
{
    const struct addr *far = sep->env->trace && sep->ice ? ice_selected(sep->ice) : NULL;
    char text[2 * ADDR_STRLEN + 16], a[ADDR_STRLEN], b[ADDR_STRLEN];

    if (!far)
        return;
    snprintf(text, sizeof(text), "pair %s %s %s", addr_conn(far) ? "tcp" : "udp", addr_str(local, a), addr_str(far, b));
    trace_msg(sep->env->trace, "agw", sep->peer, "ice", text, SV_NONE, NULL, NULL);
}

/* --- where to --- */

static const struct addr *peer_addr(const struct sep *sep)
{
    if (!sep->ice)
        return sep->has_remote ? &sep->remote : NULL;
    if (sep->ice_up)
        return ice_selected(sep->ice);
    return sep->has_src ? &sep->dtls_src : NULL; /* checked, but none is nominated yet */
}

static bool is_from_peer(const struct sep *sep, const struct addr *src)
{
    if (sep->ice)
        return ice_is_valid(sep->ice, src);
    return sep->has_remote && addr_eq(src, &sep->remote);
}

/* What DTLS put into tx since `from` gets its address. */
static void emit(struct sep *sep, struct tx *tx, unsigned from)
{
    tx_address(tx, from, peer_addr(sep));
    trace_out(sep, tx, from);
    report(sep);
}

/* --- DTLS --- */

static int begin(struct sep *sep, bool client, msec_t now)
{
    int err = dtls_new(&sep->dtls, sep->dtls_ctx, client, sep->env->dtls_timeout, now);

    if (err)
        return err;
    if (!client && !sep->ice && dtls_ask_cookie(sep->dtls)) { /* a signalled address has proved nothing */
        dtls_free(sep->dtls);
        sep->dtls = NULL;
        return -EIO;
    }
    if (sep->rtp.sec == BUS_SEC_DTLS)
        dtls_want_srtp(sep->dtls);
    sep->reported = DTLS_HANDSHAKE;
    memset(&sep->seen_in, 0, sizeof(sep->seen_in));
    memset(&sep->seen_out, 0, sizeof(sep->seen_out));
    return 0;
}

/* A new association (RFC 8842 4: other fingerprint, tls-id or role) replaces the old one. */
static void abandon(struct sep *sep)
{
    dtls_free(sep->dtls);
    sep->dtls = NULL;
    sep->hello_by = 0;
    drop_held(sep);
    push_down(sep);
}

void sep_start(struct sep *sep, struct tx *tx, msec_t now)
{
    const bool connected = sep->ice ? ice_selected(sep->ice) != NULL : sep->has_remote;
    const unsigned from = tx->n;

    sep->now = now;
    if (sep->ice)
        ice_expect(sep->ice, now);
    if (sep->role == BUS_DTLS_SERVER && !sep->dtls && connected && !sep->hello_by)
        sep->hello_by = now + sep->env->dtls_timeout;
    /* TS 23.334 6.2.10.6.2 step 11 c: not before there is connectivity, even when asked earlier */
    if (sep->role == BUS_DTLS_CLIENT && sep->establish && !sep->dtls && connected) {
        if (begin(sep, true, now)) {
            sep_push(sep, SEP_OUT_EVENT, BUS_EV_DTLS_FAILED, "no memory");
            return;
        }
        if (sep->fp_hash[0])
            dtls_expect(sep->dtls, sep->fp_hash, sep->fp, sep->fp_len, tx);
        dtls_start(sep->dtls, tx);
    }
    emit(sep, tx, from);
}

/* RFC 6347 4.2.1: a cleartext handshake record with (a fragment of) a ClientHello */
static bool is_client_hello(const struct dgram *in)
{
    return in->n > 13 && in->p[0] == 22 && in->p[3] == 0 && in->p[4] == 0 && in->p[13] == 1;
}

static enum sep_verdict dtls_datagram(struct sep *sep, const struct dgram *in, struct tx *tx, msec_t now)
{
    const unsigned from = tx->n;

    if (!is_from_peer(sep, &in->src))
        return SEP_UNVALIDATED;
    if (!sep->dtls) {
        /* The role may come later: who sends a ClientHello has decided it (RFC 8842 5.3). */
        if (sep->role == BUS_DTLS_CLIENT || !is_client_hello(in) || begin(sep, false, now))
            return SEP_JUNK;
        if (sep->fp_hash[0])
            dtls_expect(sep->dtls, sep->fp_hash, sep->fp, sep->fp_len, tx);
    }
    sep->dtls_src = in->src;
    sep->has_src = true;
    trace_in(sep, in);
    dtls_input(sep->dtls, in->p, in->n, tx);
    emit(sep, tx, from);
    return SEP_DTLS;
}

/* --- ICE --- */

/* res: of enum ice_result. from: where the datagram that made it came from */
static void tell_ice(struct sep *sep, int res, const struct addr *from)
{
    char text[2 * ADDR_STRLEN + 1] = "", a[ADDR_STRLEN], b[ADDR_STRLEN];

    if (res & ICE_PEER)
        sep_push(sep, SEP_OUT_EVENT, BUS_EV_ICE_PEER, addr_str(from, a));
    if ((res & (ICE_UP | ICE_SWITCHED | ICE_RESUMED)) && ice_selected(sep->ice) && !addr_conn(ice_selected(sep->ice)))
        sep_trace_pair(sep, &sep->local);
    if (!(res & (ICE_UP | ICE_RESUMED)))
        return;
    sep->ice_up = true;
    if (ice_is_full(sep->ice))
        snprintf(text, sizeof(text), "%s %s", addr_str(ice_selected(sep->ice), a), addr_str(&sep->local, b));
    else if (ice_selected(sep->ice) && addr_conn(ice_selected(sep->ice)))
        snprintf(text, sizeof(text), "TCP"); /* for the log */
    sep_push(sep, SEP_OUT_EVENT, BUS_EV_ICE_UP, text[0] ? text : res & ICE_RESUMED ? "resumed" : "");
}

static void ice_due(struct sep *sep, struct tx *tx, msec_t now)
{
    const unsigned from = tx->n;
    const int res = ice_tick(sep->ice, tx, now);

    for (unsigned i = from; sep->env->trace && !sep->ice_up && i < tx->n; i++)
        trace_msg(sep->env->trace, "agw", sep->peer, "ice", "Binding request", octets(tx->slot[i].p, tx->slot[i].n),
                  &sep->local, &tx->slot[i].to);
    if (res & ICE_LOST)
        sep_push(sep, SEP_OUT_EVENT, BUS_EV_ICE_LOST,
                 ice_is_full(sep->ice) ? "consent expired" : "no connectivity check");
    if (res & ICE_FAILED)
        sep_push(sep, SEP_OUT_EVENT, BUS_EV_ICE_FAILED, "no candidate pair passed its check");
}

static enum sep_verdict stun_datagram(struct sep *sep, const struct dgram *in, struct tx *tx, msec_t now)
{
    const bool was_up = sep->ice_up;
    const unsigned from = tx->n;
    uint8_t *room = tx_room(tx);
    struct buf reply = buf_over(room, room ? MEDIA_STUN_REPLY : 0);
    int res;

    /* a lite agent believes a source address that may be forged: where nothing may be sent, nothing is answered */
    if (!sep->ice || !reach_may(sep->reach, &in->src))
        return SEP_UNVALIDATED;
    res = ice_input(sep->ice, in, &reply, now);
    if (res < 0)
        return SEP_STUN_BAD;
    sep->checked = res & ICE_CHECK;
    if (reply.len) {
        tx_commit(tx, reply.len);
        tx_address(tx, from, &in->src);
        trace_check(sep, in, &tx->slot[from], res, was_up);
    }
    tell_ice(sep, res, &in->src);
    if (res & ICE_UP)
        sep_start(sep, tx, now);
    return SEP_STUN_OK;
}

/* --- the face --- */

int sep_new(struct sep **sepp, struct sep_env *env, const struct bus_sep *spec)
{
    struct sep *sep = calloc(1, sizeof(*sep));
    int err = 0;

    if (!sep)
        return -ENOMEM;
    sep->env = env;
    sep->dtls_ctx = dtls_ctx_ref(env->dtls);
    sep->local = spec->local;
    sep->held_end = &sep->held;
    sep->role = spec->role;
    sep->establish = spec->establish;
    sep->has_remote = spec->has_remote;
    sep->remote = spec->remote;
    sep->reach = sep->rtp.gate.reach = spec->reach;
    sep->data = spec->data;
    memcpy(sep->peer, spec->peer, sizeof(sep->peer));
    memcpy(sep->fp_hash, spec->fp_hash, sizeof(sep->fp_hash));
    memcpy(sep->fp, spec->fp, sizeof(sep->fp));
    sep->fp_len = spec->fp_len;
    sep->rtp.has_rtcp_port = spec->rtp.rtcp_fd >= 0;
    sep->rtp.rx_old_until = MSEC_NEVER;
    err = sep_media_set(sep, spec);
    if (!err && spec->ice)
        err = ice_new(&sep->ice, env->mac, spec->ufrag, spec->pwd, env->ice_timeout);
    if (!err && spec->ice)
        err = ice_set(sep->ice, spec, 0);
    if (err)
        sep_free(sep);
    else
        *sepp = sep;
    return err;
}

void sep_free(struct sep *sep)
{
    if (!sep)
        return;
    drop_held(sep);
    sep_media_stop(sep);
    dtls_free(sep->dtls);
    dtls_ctx_free(sep->dtls_ctx);
    ice_free(sep->ice);
    free(sep);
}

static bool same_fingerprint(const struct sep *sep, const struct bus_sep *spec)
{
    return sep->fp_len == spec->fp_len && strcmp(sep->fp_hash, spec->fp_hash) == 0 &&
           memcmp(sep->fp, spec->fp, spec->fp_len) == 0;
}

static void new_fingerprint(struct sep *sep, const struct bus_sep *spec, struct tx *tx)
{
    const unsigned from = tx->n;

    if (!spec->fp_hash[0] || spec->fp_len > sizeof(spec->fp) || same_fingerprint(sep, spec))
        return;
    if (sep->fp_hash[0] && sep->dtls)
        abandon(sep);
    memcpy(sep->fp_hash, spec->fp_hash, sizeof(sep->fp_hash));
    memcpy(sep->fp, spec->fp, sizeof(sep->fp));
    sep->fp_len = spec->fp_len;
    if (sep->dtls && dtls_expect(sep->dtls, sep->fp_hash, sep->fp, sep->fp_len, tx))
        drop_held(sep); /* never to be seen */
    emit(sep, tx, from);
}

/* A channel may come to an association that stands (a bundle that had media alone): nobody heard of its UP then. */
static void data_joins(struct sep *sep, bool data)
{
    if (data && !sep->data && sep->is_up)
        sep_push(sep, SEP_OUT_UP, BUS_EV_DTLS_UP, dtls_is_client(sep->dtls) ? "client" : "server");
    sep->data = data;
}

void sep_remote(struct sep *sep, const struct bus_sep *spec, struct tx *tx, msec_t now)
{
    sep->now = now;
    if (spec->has_remote) {
        sep->has_remote = true;
        sep->remote = spec->remote;
    }
    if (sep->ice && spec->ufrag[0])
        (void)ice_restart(sep->ice, spec->ufrag, spec->pwd); /* -EALREADY: unchanged */
    if (sep->ice && ice_set(sep->ice, spec, now))
        sep_push(sep, SEP_OUT_EVENT, BUS_EV_ICE_FAILED, "no memory");
    if (spec->again && sep->dtls && dtls_state(sep->dtls) != DTLS_HANDSHAKE)
        abandon(sep);
    if (spec->role != BUS_DTLS_NONE) {
        if (sep->dtls && dtls_is_client(sep->dtls) != (spec->role == BUS_DTLS_CLIENT))
            abandon(sep);
        sep->role = spec->role;
    }
    sep->establish |= spec->establish;
    data_joins(sep, spec->data);
    if (sep_media_set(sep, spec))
        sep_push(sep, SEP_OUT_EVENT, BUS_EV_DTLS_FAILED, "keys cannot be used");
    new_fingerprint(sep, spec, tx);
    sep_start(sep, tx, now);
}

enum sep_verdict sep_input(struct sep *sep, const struct dgram *in, struct tx *tx, msec_t now)
{
    sep->checked = false;
    sep->now = now;
    switch (demux(in->p, in->n)) {
    case DEMUX_STUN:
        return stun_datagram(sep, in, tx, now);
    case DEMUX_DTLS:
        return dtls_datagram(sep, in, tx, now);
    case DEMUX_MEDIA: /* not here: sep_media */
    case DEMUX_JUNK:
        break;
    }
    return SEP_JUNK;
}

bool sep_was_checked(const struct sep *sep)
{
    return sep->checked;
}

const struct addr *sep_selected(const struct sep *sep)
{
    return sep->ice ? ice_selected(sep->ice) : NULL;
}

void sep_gone(struct sep *sep, const struct addr *peer)
{
    if (sep->ice)
        ice_gone(sep->ice, peer);
    if (addr_eq(peer, &sep->dtls_src))
        sep->has_src = false;
}

void sep_heard(struct sep *sep, msec_t now)
{
    if (sep->ice)
        ice_heard(sep->ice, now);
}

void sep_rest(struct sep *sep, bool on, msec_t now)
{
    if (sep->ice)
        ice_rest(sep->ice, on, now);
}

bool sep_has_news(const struct sep *sep)
{
    return sep->shown < sep->n_events;
}

void sep_set_owner(struct sep *sep, void *owner)
{
    sep->owner = owner;
}

void *sep_owner(const struct sep *sep)
{
    return sep->owner;
}

int sep_send(struct sep *sep, const void *p, size_t n, struct tx *tx)
{
    const struct addr *to = peer_addr(sep);
    const unsigned from = tx->n;
    int err;

    if (!sep->dtls || !to)
        return -ENOTCONN;
    err = dtls_write(sep->dtls, p, n, tx);
    tx_address(tx, from, to);
    return err;
}

void sep_close(struct sep *sep, struct tx *tx)
{
    const unsigned from = tx->n;

    if (!sep->dtls)
        return;
    dtls_close(sep->dtls, tx);
    sep->reported = dtls_state(sep->dtls); /* asked for: no event */
    push_down(sep);
    drop_dtls_keys(sep);
    emit(sep, tx, from);
}

static msec_t dtls_due(const struct sep *sep, msec_t now)
{
    if (sep->dtls)
        return dtls_deadline(sep->dtls, now);
    return sep->hello_by ? sep->hello_by : MSEC_NEVER;
}

msec_t sep_deadline(const struct sep *sep, msec_t now)
{
    const msec_t ice = sep->ice ? ice_deadline(sep->ice) : MSEC_NEVER;
    const msec_t dtls = dtls_due(sep, now);
    const msec_t first = ice < dtls ? ice : dtls;

    return first < sep->rtp.rx_old_until ? first : sep->rtp.rx_old_until;
}

void sep_tick(struct sep *sep, struct tx *tx, msec_t now)
{
    unsigned from;

    sep->now = now;
    sep_media_tick(sep);
    if (sep->ice)
        ice_due(sep, tx, now);
    from = tx->n; /* what ICE sends has its own addresses */
    if (sep->dtls) {
        dtls_tick(sep->dtls, now, tx);
    } else if (now >= dtls_due(sep, now)) {
        sep->hello_by = MSEC_NEVER;
        drop_dtls_keys(sep); /* those of the association before, which its Remote has ended */
        sep_push(sep, SEP_OUT_EVENT, BUS_EV_DTLS_FAILED, "no ClientHello");
    }
    emit(sep, tx, from);
}

static bool next_event(struct sep *sep, struct sep_out *out)
{
    const struct sep_event *ev;

    if (sep->shown == sep->n_events) {
        sep->shown = sep->n_events = 0;
        return false;
    }
    ev = &sep->event[sep->shown++];
    *out = (struct sep_out){.kind = ev->kind, .what = ev->what, .text = ev->text};
    return true;
}

bool sep_output(struct sep *sep, struct sep_out *out, struct tx *tx)
{
    const unsigned from = tx->n;
    size_t n = 0;

    if (next_event(sep, out))
        return true;
    if (!sep->dtls)
        return false;
    if (sep->held && dtls_state(sep->dtls) == DTLS_UP) {
        n = take_held(sep);
    } else {
        while ((n = dtls_read(sep->dtls, sep->env->record, sizeof(sep->env->record), tx)) > 0 &&
               dtls_state(sep->dtls) == DTLS_HELD)
            hold(sep, sep->env->record, n);
        emit(sep, tx, from);
        if (n == 0)
            return next_event(sep, out);
    }
    *out = (struct sep_out){.kind = SEP_OUT_DATA, .p = sep->env->record, .n = n};
    return true;
}
