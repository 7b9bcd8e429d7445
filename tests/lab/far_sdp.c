/* m= lines of the far end: answers each with a session of its own, media it does not know with port 0 (RFC 3264 6). */
#include <errno.h>
#include <stdio.h>
#include <utlist.h>

#include "common/sdp.h"
#include "tests/lab/far.h"

#define ARENA_LIMIT (256u << 10)

void far_session_free(struct far_session *s)
{
    far_msrp_free(s->msrp);
    far_rtp_free(s->rtp);
    s->msrp = NULL;
    s->rtp = NULL;
}

static int session_open(struct far_call *c, unsigned i, const struct far_msrp_h *h)
{
    struct far_session *s = &c->sessions[i];

    if (s->msrp)
        return 0;
    s->call = c;
    return far_msrp_new(&s->msrp, &c->far->loop, c->far->conf.media, h);
}

static void print_head(struct far_call *c, struct buf *b)
{
    const char *at = c->far->conf.media, *type = strchr(at, ':') ? "IP6" : "IP4";

    buf_printf(b, "v=0\r\no=far %u %u IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", 7000 + c->id, ++c->sdp_version, type, at,
               type, at);
}

static void print_session(const struct far_session *s, const char *setup, struct buf *b)
{
    buf_printf(b,
               "m=message %u TCP/MSRP *\r\na=setup:%s\r\na=msrp-cema\r\n"
               "a=accept-types:text/plain application/octet-stream message/cpim\r\na=path:%s\r\n",
               far_msrp_port(s->msrp), setup, far_msrp_path(s->msrp));
}

static int start(struct far_session *s, const struct sdp *sdp, const struct sdp_media *m, bool active)
{
    const struct sdp_conn *conn = sdp_conn_of(sdp, m);
    const struct sdp_attr *path = sdp_attr_find(m->attrs, "path");
    struct addr remote;
    char text[512];
    int err;

    if (!conn || !path || m->port <= 0)
        return -EBADMSG;
    err = addr_parse(&remote, conn->addr, (uint16_t)m->port);
    if (err)
        return err;
    sv_copy(path->value, text, sizeof text);
    return far_msrp_start(s->msrp, active, &remote, text);
}

static void on_message(void *arg, struct sv ctype, struct sv body)
{
    struct far_session *s = arg;
    struct far_call *c = s->call;
    bool echo = strcmp(c->user, "silent") != 0;
    char text[512];

    far_web_note(c->far, c->id, "in", ctype, body);
    c->n_messages++;
    if (!strcmp(c->user, "drop")) {
        far_call_hangup(c->far, c->id);
        return;
    }
    if (!echo)
        return;
    if (sv_istarts(ctype, "text/") && body.n < sizeof text - 8) {
        int n = snprintf(text, sizeof text, "echo: %.*s", SV_ARG(body));

        far_msrp_send(s->msrp, "text/plain", text, (size_t)n, c->far->conf.chunk);
    } else {
        char type[128];

        sv_copy(ctype, type, sizeof type);
        far_msrp_send(s->msrp, type, body.p, body.n, c->far->conf.chunk);
    }
}

static int message_line(struct far_call *c, unsigned i)
{
    struct far_msrp_h h = {.message = on_message, .arg = &c->sessions[i]};

    return session_open(c, i, &h);
}

static int answer_message(struct far_call *c, unsigned i, const struct sdp *sdp,
                          const struct sdp_media *m, bool passive, struct buf *b)
{
    const struct sdp_attr *set = sdp_attr_find(m->attrs, "setup");
    enum sdp_setup offer = set ? sdp_setup_parse(set->value) : SDP_SETUP_ACTIVE;
    bool active = offer == SDP_SETUP_PASSIVE || (offer == SDP_SETUP_ACTPASS && !passive);
    int err = message_line(c, i);

    if (!err)
        err = start(&c->sessions[i], sdp, m, active);
    if (!err)
        print_session(&c->sessions[i], active ? "active" : "passive", b);
    return err;
}

static int answer_line(struct far_call *c, unsigned i, const struct sdp *sdp,
                       const struct sdp_media *m, bool passive, struct buf *b)
{
    struct far_session *s = &c->sessions[i];

    if (i >= FAR_SESSIONS_MAX || !m->port)
        return -ENOENT;
    s->call = c;
    s->kind = sv_is(m->media, "audio") ? FAR_AUDIO : sv_is(m->media, "video") ? FAR_VIDEO : FAR_MSRP;
    if (s->kind != FAR_MSRP)
        return far_av_answer(s, sdp, m, b);
    return sv_is(m->media, "message") ? answer_message(c, i, sdp, m, passive, b) : -ENOENT;
}

int far_sdp_answer(struct far_call *c, struct sv text, bool passive, char *out, size_t size)
{
    struct arena *a = arena_new(ARENA_LIMIT);
    struct buf b = buf_over(out, size - 1);
    struct sdp *sdp;
    struct sdp_err why;
    struct sdp_media *m;
    unsigned i = 0, n = 0;
    int err = a ? sdp_parse(a, text, SDP_SIP, &sdp, &why) : -ENOMEM;

    if (err)
        goto out;
    print_head(c, &b);
    DL_FOREACH(sdp->media, m)
    {
        if (answer_line(c, i, sdp, m, passive, &b)) {
            buf_printf(&b, "m=%.*s 0 %.*s %.*s\r\n", SV_ARG(m->media), SV_ARG(m->proto),
                       SV_ARG(m->fmts));
            if (i < FAR_SESSIONS_MAX)
                far_session_free(&c->sessions[i]);
        } else {
            n++;
        }
        i++;
    }
    c->n_sessions = i < FAR_SESSIONS_MAX ? i : FAR_SESSIONS_MAX;
    err = buf_err(&b) ? buf_err(&b) : n ? 0 : -EPROTONOSUPPORT;
    out[b.len] = 0;
out:
    arena_free(a);
    return err;
}

int far_sdp_offer(struct far_call *c, char *out, size_t size)
{
    struct buf b = buf_over(out, size - 1);

    print_head(c, &b);
    for (unsigned i = 0; i < c->n_sessions; i++) {
        struct far_session *s = &c->sessions[i];

        s->call = c;
        if (s->kind != FAR_MSRP) {
            if (far_av_offer(s, &b))
                return -EIO;
            continue;
        }
        if (s->refused) {
            buf_str(&b, "m=message 0 TCP/MSRP *\r\n");
            continue;
        }
        if (message_line(c, i))
            return -EIO;
        print_session(s, "actpass", &b);
    }
    out[b.len] = 0;
    return buf_err(&b);
}

int far_sdp_take_answer(struct far_call *c, struct sv text)
{
    struct arena *a = arena_new(ARENA_LIMIT);
    struct sdp *sdp;
    struct sdp_err why;
    struct sdp_media *m;
    unsigned i = 0;
    int err = a ? sdp_parse(a, text, SDP_SIP, &sdp, &why) : -ENOMEM;

    if (err)
        goto out;
    DL_FOREACH(sdp->media, m)
    {
        const struct sdp_attr *set = sdp_attr_find(m->attrs, "setup");
        bool active = set && sdp_setup_parse(set->value) == SDP_SETUP_PASSIVE;

        if (i < c->n_sessions && m->port && c->sessions[i].rtp)
            err = far_av_start(&c->sessions[i], sdp, m);
        else if (i < c->n_sessions && m->port && c->sessions[i].msrp)
            err = start(&c->sessions[i], sdp, m, active);
        else if (i < c->n_sessions)
            c->sessions[i].refused = true;
        i++;
    }
out:
    arena_free(a);
    return err;
}
