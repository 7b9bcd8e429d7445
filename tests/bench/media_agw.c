/* agw as a device under test, with the bench as its controller over H.248: a context a flow, T1 towards the browser and T2
 * RTP/AVP towards the core, both in one ADD transaction. `agw`: ICE and DTLS-SRTP on the worker's shared port, as WebRTC
 * calls are. `agw-ice`: the same with keys in SDP (RFC 4568). `agw-sdes`: keys in SDP, no ICE, a port a stream. `agw-other`: as
 * `agw`, of the binary BUILD/agw-other: what a change gains shows only side by side. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "h248/link.h"
#include "tests/bench/media_device.h"
#include "tests/bench/media_peer.h"

#define MGC_PORT 22944
#define LIMIT_MS 20000
#define IN_FLIGHT 16
#define TEXT 1024

struct mgc {
    struct device *device;
    uv_loop_t loop;
    uv_timer_t limit;
    struct link *link;
    struct assoc_peer *peer;
    struct peers *peers;
    struct peer_far *far; /* by flow */
    bool ice, dtls, late;
    unsigned next, to, done;
    int err;
};

struct ask { /* one ADD under way */
    struct mgc *m;
    unsigned flow;
};

/* --- what is asked --- */

static void host_of(const struct sockaddr_in *a, char out[INET_ADDRSTRLEN])
{
    inet_ntop(AF_INET, &a->sin_addr, out, INET_ADDRSTRLEN);
}

static void key_text(const struct srtp_key *key, char out[128])
{
    uint8_t raw[SRTP_KEY_MAX + SRTP_SALT_MAX];
    unsigned k = srtp_key_len(key->profile), s = srtp_salt_len(key->profile);
    int n = snprintf(out, 64, "%s inline:", srtp_profile_name(key->profile));

    memcpy(raw, key->key, k);
    memcpy(raw + k, key->salt, s);
    EVP_EncodeBlock((unsigned char *)out + n, raw, (int)(k + s));
}

static void access_texts(struct mgc *m, unsigned i, struct buf *local, struct buf *remote)
{
    const struct sockaddr_in *at = &load_flow(m->device->load, i)->local[LOAD_ACCESS];
    const char *proto = m->dtls ? "UDP/TLS/RTP/SAVPF" : "RTP/SAVP";
    char host[INET_ADDRSTRLEN], key[128];

    host_of(at, host);
    buf_printf(local, "v=0\r\nc=IN IP4 $\r\nm=audio $ %s 0\r\na=rtcp-mux\r\n", proto);
    buf_printf(remote, "v=0\r\nc=IN IP4 %s\r\nm=audio %u %s 0\r\na=rtcp-mux\r\n", host, ntohs(at->sin_port), proto);
    if (m->ice) {
        buf_str(local, "a=ice-ufrag:$\r\na=ice-pwd:$\r\na=candidate:$\r\n");
        buf_printf(remote, "a=ice-ufrag:" PEER_UFRAG "\r\na=ice-pwd:" PEER_PWD "\r\n");
        buf_printf(remote, "a=candidate:1 1 UDP 2130706431 %s %u typ host\r\n", host, ntohs(at->sin_port));
    }
    if (m->dtls) {
        buf_str(local, "a=fingerprint:sha-256 $\r\n");
        buf_printf(remote, "a=fingerprint:sha-256 %s\r\n", peers_fingerprint(m->peers));
    } else {
        struct srtp_key ours = load_key(m->device->profile, i, true), theirs = load_key(m->device->profile, i, false);

        key_text(&theirs, key);
        buf_printf(local, "a=crypto:1 %s\r\n", key);
        key_text(&ours, key);
        buf_printf(remote, "a=crypto:1 %s\r\n", key);
    }
}

static void core_texts(struct mgc *m, unsigned i, struct buf *local, struct buf *remote)
{
    const struct sockaddr_in *at = &load_flow(m->device->load, i)->local[LOAD_CORE];
    char host[INET_ADDRSTRLEN];

    host_of(at, host);
    buf_str(local, "v=0\r\nc=IN IP4 $\r\nm=audio $ RTP/AVP 0\r\n");
    buf_printf(remote, "v=0\r\nc=IN IP4 %s\r\nm=audio %u RTP/AVP 0\r\n", host, ntohs(at->sin_port));
}

static int add_put(struct arena *a, struct h248_action *action, const char *term, const char *realm, const struct buf *local,
                   const struct buf *remote)
{
    struct h248_cmd *c = h248_cmd_new(a, action, H248_ADD, sv_from(term));
    struct iq_term *t = calloc(1, sizeof *t);
    struct iq_stream *s;
    struct sdp_err why;
    int err = -ENOMEM;

    if (c && t) {
        s = iq_stream_new(t, 1);
        s->mode = H248_MODE_SENDRECV;
        s->realm = (struct iq_text){true, sv_from(realm)};
        err = sdp_parse(a, arena_sv(a, buf_sv(local)), SDP_H248, &s->local, &why);
        if (!err)
            err = sdp_parse(a, arena_sv(a, buf_sv(remote)), SDP_H248, &s->remote, &why);
        if (!err)
            err = iq_put(a, t, c);
    }
    free(t);
    return err;
}

static int build_add(struct arena *a, struct h248_txn *txn, void *arg)
{
    const struct ask *q = arg;
    struct h248_action *action = h248_action_new(a, txn, H248_CTX_CHOOSE);
    char l[TEXT], r[TEXT];
    struct buf local = buf_over(l, sizeof l), remote = buf_over(r, sizeof r);
    int err;

    if (!action)
        return -ENOMEM;
    access_texts(q->m, q->flow, &local, &remote);
    err = add_put(a, action, "ip/$/access/$", "access.example.net", &local, &remote);
    if (err)
        return err;
    local.len = remote.len = 0;
    core_texts(q->m, q->flow, &local, &remote);
    return add_put(a, action, "ip/$/core/$", "core.example.net", &local, &remote);
}

/* --- what is answered --- */

static int local_read(struct mgc *m, unsigned flow, enum load_side side, const struct sdp *sdp)
{
    const struct sdp_conn *c = sdp && sdp->media ? sdp_conn_of(sdp, sdp->media) : NULL;
    const struct sdp_attr *ufrag, *pwd;
    struct addr at;

    if (!c || addr_parse(&at, c->addr, (uint16_t)sdp->media->port))
        return -EBADMSG;
    load_flow(m->device->load, flow)->device[side] = at.u.in4;
    if (side == LOAD_CORE || !m->ice)
        return 0;
    ufrag = sdp_attr_of(sdp, sdp->media, "ice-ufrag");
    pwd = sdp_attr_of(sdp, sdp->media, "ice-pwd");
    if (!ufrag || !pwd)
        return -EBADMSG;
    sv_copy(ufrag->value, m->far[flow].ufrag, sizeof m->far[flow].ufrag);
    sv_copy(pwd->value, m->far[flow].pwd, sizeof m->far[flow].pwd);
    return 0;
}

static int reply_read(struct mgc *m, unsigned flow, const struct h248_txn *reply)
{
    struct iq_term *t = calloc(1, sizeof *t);
    struct arena *a = arena_new(1 << 20);
    const struct h248_cmd *c = reply->actions ? reply->actions->cmds : NULL;
    struct iq_fault fault = {0};
    int err = t && a ? 0 : -ENOMEM;

    for (unsigned side = 0; side < 2 && !err; side++) {
        const struct h248_desc *e = c ? h248_desc_find(c->descs, H248_D_ERROR) : NULL;
        const struct h248_error *why = e ? &e->u.error : reply->actions ? reply->actions->error : reply->error;

        if (!c || e) {
            fprintf(stderr, "bench-media: agw refuses: %u %.*s\n", why ? why->code : 0, why ? (int)why->text.n : 0,
                    why ? why->text.p : "");
            err = -EPROTO;
            break;
        }
        err = iq_get(a, c, t, &fault);
        if (!err)
            err = t->n_streams ? local_read(m, flow, (enum load_side)side, t->streams[0].local) : -EBADMSG;
        c = c->next;
    }
    arena_free(a);
    free(t);
    return err;
}

static void asks_go_on(struct mgc *m);

static void on_added(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct ask *q = arg;
    struct mgc *m = q->m;
    int err = result == TRANS_REPLY ? reply_read(m, q->flow, reply) : -ETIMEDOUT;

    m->err = m->err ? m->err : err;
    m->done++;
    free(q);
    asks_go_on(m);
}

static void asks_go_on(struct mgc *m)
{
    while (!m->err && m->next < m->to && m->next - m->done < IN_FLIGHT) {
        struct ask *q = malloc(sizeof *q);

        if (!q) {
            m->err = -ENOMEM;
            return;
        }
        *q = (struct ask){m, m->next};
        m->err = link_request(m->link, m->peer, build_add, q, on_added, q);
        if (m->err)
            free(q);
        else
            m->next++;
    }
    if (m->next == m->done)
        uv_stop(&m->loop);
}

/* --- the association --- */

static void on_event(void *arg, struct assoc_peer *peer, enum assoc_event ev, struct sv term, unsigned reason)
{
    struct mgc *m = arg;

    (void)term;
    (void)reason;
    if (ev == ASSOC_UP) {
        m->peer = peer;
        uv_stop(&m->loop);
    }
}

static int build_ok(struct arena *a, struct h248_txn *txn, void *arg)
{
    const struct h248_txn *req = arg;
    const struct h248_action *ac = req->actions;

    return h248_cmd_new(a, h248_action_new(a, txn, ac->context), H248_NOTIFY, ac->cmds->terms->text) ? 0 : -ENOMEM;
}

static void on_request(void *arg, struct assoc_peer *peer, struct trans_in *in, const struct h248_msg *msg,
                       const struct h248_txn *req)
{
    struct mgc *m = arg;

    (void)peer;
    (void)msg;
    link_answer(m->link, in, build_ok, (void *)req);
}

static void on_limit(uv_timer_t *t)
{
    struct mgc *m = t->data;

    m->late = true;
    uv_stop(&m->loop);
}

static int mgc_wait(struct mgc *m)
{
    m->late = false;
    uv_timer_start(&m->limit, on_limit, LIMIT_MS, 0);
    uv_run(&m->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&m->limit);
    return m->late ? -ETIMEDOUT : m->err;
}

static int conf_write(const struct device *d, char path[512])
{
    FILE *f;

    snprintf(path, 512, "%s/%s.yaml", d->dir, d->kind->name);
    f = fopen(path, "w");
    if (!f)
        return -errno;
    fprintf(f,
            "mgc: [\"udp:127.0.0.1:%u\"]\nlisten: \"udp:127.0.0.1:%u\"\nops: \"\"\nlog: warn\nworkers: 1\n"
            "ice_timeout: 600000\nsilence: 3600000\norphan_timeout: 0\n"
            "realms:\n"
            "  - {name: core.example.net, interface: core, address: 127.0.0.%u, ports: 10000-19999, peer: core}\n"
            "  - {name: access.example.net, interface: access, address: 127.0.0.%u, ports: 20000-29999, peer: wic}\n",
            MGC_PORT + 2 * d->index, MGC_PORT + 2 * d->index + 1, 20 + 2 * d->index, 21 + 2 * d->index);
    return fclose(f) ? -EIO : 0;
}

static int agw_start(struct device *d, bool ice, bool dtls)
{
    struct mgc *m = calloc(1, sizeof *m);
    const struct assoc_h h = {.event = on_event, .request = on_request, .arg = m};
    struct assoc_conf conf;
    struct addr at;
    char binary[512], path[512];
    int err;

    if (!m)
        return -ENOMEM;
    d->own = m;
    m->device = d;
    m->ice = ice;
    m->dtls = dtls;
    m->far = calloc(load_flows(d->load), sizeof *m->far);
    uv_loop_init(&m->loop);
    uv_timer_init(&m->loop, &m->limit);
    m->limit.data = m;
    assoc_conf_default(&conf, ASSOC_MGC);
    conf.heartbeat = 0;
    conf.trans.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = SV("alg1.example.net")};
    addr_parse(&at, SV("127.0.0.1"), (uint16_t)(MGC_PORT + 2 * d->index));
    err = m->far ? link_new(&m->link, &m->loop, &at, &conf, &h) : -ENOMEM;
    if (!err && ice)
        err = peers_new(&m->peers, d->load, d->profile, dtls);
    if (!err)
        err = conf_write(d, path);
    if (err)
        return err;
    link_start(m->link);
    snprintf(binary, sizeof binary, "%s/%s", d->build, d->kind == &device_agw_other ? "agw-other" : "agw");
    err = device_spawn(d, (char *[]){binary, "-c", path, NULL}, NULL);
    return err ? err : mgc_wait(m);
}

static int agw_dtls_start(struct device *d)
{
    return agw_start(d, true, true);
}

static int agw_ice_start(struct device *d)
{
    return agw_start(d, true, false);
}

static int agw_sdes_start(struct device *d)
{
    return agw_start(d, false, false);
}

static void agw_stop(struct device *d)
{
    struct mgc *m = d->own;

    if (!m)
        return;
    link_free(m->link);
    uv_close((uv_handle_t *)&m->limit, NULL);
    uv_run(&m->loop, UV_RUN_DEFAULT);
    uv_loop_close(&m->loop);
    peers_free(m->peers);
    free(m->far);
    free(m);
    d->own = NULL;
}

/* --- calls --- */

static int agw_call(struct device *d, unsigned from, unsigned to)
{
    struct mgc *m = d->own;
    uint64_t cpu;
    int err;

    m->next = m->done = from;
    m->to = to;
    cpu = device_cpu_ns(d);
    asks_go_on(m);
    err = m->err ? m->err : mgc_wait(m);
    d->control_us = (double)(device_cpu_ns(d) - cpu) / 1000 / (to - from);
    cpu = device_cpu_ns(d);
    if (!err && m->ice)
        err = peers_connect(m->peers, from, to, m->far + from);
    d->handshake_us = (double)(device_cpu_ns(d) - cpu) / 1000 / (to - from);
    for (unsigned i = from; i < to && !err && !m->dtls; i++) {
        struct srtp_key ours = load_key(d->profile, i, true), theirs = load_key(d->profile, i, false);

        err = load_keys(d->load, i, &ours, &theirs);
    }
    return err;
}

const struct device_kind device_agw = {
    .name = "agw", .start = agw_dtls_start, .call = agw_call, .stop = agw_stop};
const struct device_kind device_agw_ice = {
    .name = "agw-ice", .start = agw_ice_start, .call = agw_call, .stop = agw_stop};
const struct device_kind device_agw_sdes = {
    .name = "agw-sdes", .start = agw_sdes_start, .call = agw_call, .stop = agw_stop};
const struct device_kind device_agw_other = {
    .name = "agw-other", .start = agw_dtls_start, .call = agw_call, .stop = agw_stop};
