/* alg/iq/mgc.h as plain records, and the gateway that answers when the test says so (call_world.h). */
#pragma once

#include "tests/fake/call_records.h"

int iq_ctx_new(struct iq_ctx **cp, struct mgc *m, const struct iq_ctx_h *h)
{
    (void)m;
    if (W.no_gateway)
        return -ENOTCONN;
    *cp = calloc(1, sizeof **cp);
    assert(*cp);
    (*cp)->h = *h;
    DL_APPEND(W.ctxs, *cp);
    return 0;
}

static size_t show_sdp(char *to, size_t size, const char *what, const struct sdp *s)
{
    char text[2048];
    struct buf b = buf_over(text, sizeof text);

    if (!s)
        return 0;
    assert(sdp_print(s, &b) == 0);
    for (size_t i = 0; i < b.len; i++)
        text[i] = text[i] == '\r' ? '|' : text[i] == '\n' ? ' ' : text[i];
    return (size_t)snprintf(to, size, " %s(%.*s)", what, (int)b.len, text);
}

static size_t show_stream(char *to, size_t size, const struct iq_stream *s)
{
    static const char *const modes[] = {"-", "so", "ro", "sr", "in"};
    size_t n = (size_t)snprintf(to, size, "\n S%u %s", s->id, modes[s->mode]);

    if (s->realm.set)
        n += (size_t)snprintf(to + n, size - n, " realm=%.*s", SV_ARG(s->realm.v));
    if (s->sctpid.set)
        n += (size_t)snprintf(to + n, size - n, " sctpid=%d", (int)s->sctpid.v);
    for (unsigned i = 0; i < s->strdeagg.n; i++)
        n += (size_t)snprintf(to + n, size - n, "%s%u", i ? "," : " strdeagg=", s->strdeagg.v[i]);
    n += show_sdp(to + n, size - n, "L", s->local);
    n += show_sdp(to + n, size - n, "R", s->remote);
    n += (size_t)snprintf(to + n, size - n, "%s%s%s%s%s%s%s%s%s%s%s%s%s", s->local_empty ? " L{}" : "", s->remote_empty ? " R{}" : "",
                          s->dtls_establish ? " EstBNC" : s->dtls_release ? " RelBNC" : "", s->act_stun ? " astuns" : "", s->sctp_reset.set ? " reset" : "",
                          s->notify_dtls ? " ev-dtls" : "", s->notify_tcp ? " ev-tcp" : "",
                          s->notify_sctp_reset ? " ev-reset" : "", s->notify_consent ? " ev-consent" : "",
                          s->notify_ice ? " ev-ice" : "", !s->ice_check.set ? "" : s->ice_check.v ? " scc=controlling" : " scc",
                          s->latch != IQ_LATCH_NONE ? " latch" : "", s->reserved_value == H248_ON ? " rv" : "");
    return n;
}

static char *print_local(const struct sdp *s)
{
    char text[4096];
    struct buf b = buf_over(text, sizeof text - 1);

    assert(sdp_print(s, &b) == 0);
    text[b.len] = '\0';
    return strdup(text);
}

static int op_new(struct iq_ctx *c, bool add, const struct iq_term *t, iq_done_h *done, void *arg)
{
    struct op *op = calloc(1, sizeof *op);
    size_t n;

    assert(op && !c->released);
    op->add = add;
    op->ctx = c;
    op->cb = done;
    op->arg = arg;
    n = (size_t)snprintf(op->text, sizeof op->text, "%s %.*s", add ? "ADD" : "MOD", SV_ARG(t->id));
    sv_copy(t->id, op->termid, sizeof op->termid);
    for (unsigned i = 0; i < t->groupse.n; i++)
        n += (size_t)snprintf(op->text + n, sizeof op->text - n, " groupse=[%.*s]", SV_ARG(t->groupse.v[i]));
    if (t->inactivity.set)
        n += (size_t)snprintf(op->text + n, sizeof op->text - n, " ipstop=%d", (int)t->inactivity.v);
    if (t->has_events)
        n += (size_t)snprintf(op->text + n, sizeof op->text - n, " thb=%d", (int)t->heartbeat.v);
    for (unsigned i = 0; i < t->n_streams; i++) {
        const struct iq_stream *s = &t->streams[i];

        n += show_stream(op->text + n, sizeof op->text - n, s);
        op->s[op->n].id = s->id;
        if (s->local && (sv_is(s->local->media->media, "audio") || sv_is(s->local->media->media, "video") ||
                         sdp_attr_find(s->local->media->attrs, "candidate")) && !sv_is(s->local->media->media, "application"))
            op->s[op->n].rtp = print_local(s->local);
        op->s[op->n].sctp = s->local && sv_is(s->local->media->media, "application");
        op->s[op->n++].choose = s->local != NULL;
    }
    assert(n < sizeof op->text);
    DL_APPEND(W.ops, op);
    return 0;
}

int iq_add(struct iq_ctx *c, const struct iq_term *t, iq_done_h *done, void *arg) { return op_new(c, true, t, done, arg); }
int iq_mod(struct iq_ctx *c, const struct iq_term *t, iq_done_h *done, void *arg) { return op_new(c, false, t, done, arg); }
uint32_t iq_ctx_id(const struct iq_ctx *c) { (void)c; return 1; }
bool iq_ctx_has(const struct iq_ctx *c, const char *package) { (void)c; return !W.lacks || strcmp(W.lacks, package); }

void iq_ctx_release(struct iq_ctx *c)
{
    if (!c)
        return;
    assert(!c->released); /* exactly once */
    c->released = true;
}

void iq_ctx_release_told(struct iq_ctx *c, const char *tag)
{
    (void)tag;
    iq_ctx_release(c);
}

static struct op *op_pending(void)
{
    struct op *op;

    DL_FOREACH(W.ops, op)
        if (!op->done && !op->ctx->released)
            return op;
    return NULL;
}

/* What a gateway puts for each `$`. */
static void fill(char *to, size_t size, const char *asked, bool core, unsigned port)
{
    static const struct { const char *open, *text[2]; } rows[] = { /* access, core */
        {"c=IN IP4 $", {"c=IN IP4 198.51.100.20", "c=IN IP4 10.20.0.5"}},
        {"c=IN IP6 $", {"c=IN IP6 2001:db8::20", "c=IN IP6 fd00::5"}},
        {"a=ice-ufrag:$", {"a=ice-ufrag:uf%u", "-"}},
        {"a=ice-pwd:$", {"a=ice-pwd:pW3u7aKc0LqT5yXn9RvB%u", "-"}},
        {"a=candidate:$ 1 TCP $ $ $ typ host tcptype passive", {"a=candidate:2 1 TCP 2122318079 198.51.100.20 80 typ host tcptype passive", "-"}},
        {"a=candidate:$", {"a=candidate:1 1 udp 2130706431 198.51.100.20 %u typ host", "-"}},
        {"a=fingerprint:sha-256 $", {"a=fingerprint:sha-256 19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:"
                                     "19:E2:19:E2:19:E2:19:E2:19:E2", "-"}},
    };
    size_t n = 0;

    while (*asked) {
        unsigned i = 0;

        while (i < ARRAY_LEN(rows) && strncmp(asked, rows[i].open, strlen(rows[i].open)) != 0)
            i++;
        if (i < ARRAY_LEN(rows)) {
            n += (size_t)snprintf(to + n, size - n, rows[i].text[core], port);
            asked += strlen(rows[i].open);
        } else if (*asked == '$') { /* the port in m= */
            n += (size_t)snprintf(to + n, size - n, "%u", port);
            asked++;
        } else {
            to[n++] = *asked++;
        }
        assert(n < size - 1);
    }
    to[n] = '\0';
}

static const char t1_local[] =
    "v=0\r\nc=IN IP4 198.51.100.20\r\nm=application 40020 UDP/DTLS/SCTP webrtc-datachannel\r\n"
    "a=sctp-port:5000\r\na=max-message-size:65536\r\na=ice-ufrag:dS64pU7w\r\na=ice-pwd:Xa1w7KzC9eJr3PgH5hLv0ByT\r\n"
    "a=candidate:1 1 udp 2130706431 198.51.100.20 40020 typ host\r\n"
    "a=fingerprint:sha-256 19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2\r\n";

/* A full reply: every `$` filled. */
static void op_ok(struct op *op)
{
    struct arena *a = arena_new(256u << 10);
    struct iq_term *t = ARENA_NEW(a, struct iq_term);
    struct iq_result r = {.ok = true, .term = t};
    char id[96], local[128], filled[4096];
    struct sdp_err e;

    snprintf(id, sizeof id, "%s", !op->add ? op->termid : strstr(op->termid, "core") ? "ip/1/core/7" : "ip/1/access/8");
    r.termid = t->id = sv_from(id);
    for (unsigned i = 0; i < op->n; i++) {
        struct iq_stream *s = op->s[i].choose ? iq_stream_new(t, op->s[i].id) : NULL;

        if (!s)
            continue;
        if (op->s[i].rtp) {
            bool core = strstr(op->termid, "core") != NULL;

            fill(filled, sizeof filled, op->s[i].rtp, core, (core ? 30000u : 40000u) + 2u * W.rtp_port++);
            assert(!sdp_parse(a, arena_sv(a, sv_from(filled)), SDP_H248, &s->local, &e));
            continue;
        }
        snprintf(local, sizeof local, "v=0\r\nc=IN IP4 10.20.0.5\r\nm=message %u TCP -\r\n", 31000 + 2u * W.port);
        W.port += !op->s[i].sctp;
        assert(!sdp_parse(a, arena_sv(a, sv_from(op->s[i].sctp ? t1_local : local)), SDP_H248, &s->local, &e));
    }
    op->done = true;
    op->cb(op->arg, &r);
    arena_free(a);
}

static inline void op_fail(struct op *op, unsigned code)
{
    struct iq_result r = {.code = code, .timeout = code == 0};

    op->done = true;
    op->cb(op->arg, &r);
}
