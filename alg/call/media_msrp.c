/* T1 of m=message lines: a stream each, with ICE over TCP alone (TS 33.203 W.3.4; docs/ice-tcp.md for its lines on Iq).
 * The stream of T2 with the same id has the core's connection. */
#include <errno.h>

#include "alg/call/media_priv.h"

static struct sdp *line_sdp(struct make *mk, struct sv addrtype, struct sv addr, int port, struct sdp_media **md)
{
    return make_sdp(mk, SV("message"), addrtype, addr, port, SV("TCP/MSRP"), SV("*"), md);
}

static int put_credentials(struct make *mk, struct sdp_attr **list, struct sv ufrag, struct sv pwd)
{
    int err = sdp_attr_add(mk->a, list, "ice-ufrag", ufrag);

    return err ? err : sdp_attr_add(mk->a, list, "ice-pwd", pwd);
}

static struct sdp *open_local(struct make *mk, const struct media *m, const struct exch *x, const struct chan *c)
{
    const struct web_msrp *said = x->web && c->web_line < x->web->n_lines ? x->web->msrp[c->web_line] : NULL;
    const struct sv family = make_family(m->conf->access_v6, said ? said->t.addrtype : SV_NONE);
    struct sdp_media *md;
    struct sdp *s = line_sdp(mk, family, SV("$"), SDP_PORT_CHOOSE, &md);
    int err = s ? put_credentials(mk, &md->attrs, SV("$"), SV("$")) : -ENOMEM;

    if (!err)
        err = sdp_attr_add(mk->a, &md->attrs, "candidate", SV(MAKE_TCP_CANDIDATE));
    return err ? NULL : s;
}

/* What T1 has, with the credentials open (RFC 8445 9). */
static struct sdp *restart_local(struct make *mk, const struct web_local *l)
{
    struct sdp_media *md;
    struct sdp *s = line_sdp(mk, l->addrtype, l->addr, l->port, &md);
    int err = s ? put_credentials(mk, &md->attrs, SV("$"), SV("$")) : -ENOMEM;

    if (!err)
        err = make_copy(mk, &md->attrs, l->candidates);
    return err ? NULL : s;
}

static struct sdp *remote(struct make *mk, const struct web_trans *t)
{
    struct sdp_media *md;
    struct sdp *s = line_sdp(mk, t->addrtype, make_numeric(t->addrtype, t->addr), t->port, &md);

    return s && !put_credentials(mk, &md->attrs, t->ufrag, t->pwd) ? s : NULL;
}

int msrp_reserve_access(struct make *mk, struct media *m, const struct exch *x)
{
    for (unsigned i = 0; i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct iq_stream *s;

        if (!c->line || c->state != CHAN_NEW)
            continue;
        s = make_stream(mk, c->stream);
        if (!s)
            return -ENOMEM;
        make_realm(mk, s, m->conf->access_realm);
        s->mode = H248_MODE_INACTIVE;
        s->local = open_local(mk, m, x, c);
        if (!s->local)
            return -ENOMEM;
    }
    return 0;
}

/* Remote is told once, and again when ICE starts anew. */
static int configure(struct make *mk, struct media *m, const struct exch *x, const struct chan *c)
{
    const struct web_msrp *said = x->web ? x->web->msrp[c->web_line] : NULL;
    struct media_end *e = media_end_slot(m, c->stream);
    struct iq_stream *s;

    if (!e)
        return -ENOMEM;
    if (!said || (e->answered && !c->tp.restart))
        return 0;
    s = make_stream(mk, c->stream);
    if (!s)
        return -ENOMEM;
    make_realm(mk, s, m->conf->access_realm);
    if (!e->answered)
        s->mode = H248_MODE_SENDRECV;
    s->remote = remote(mk, &said->t);
    if (!e->arena)
        s->local = open_local(mk, m, x, c);
    else if (c->tp.restart)
        s->local = restart_local(mk, &e->local);
    return s->remote && (s->local || (e->arena && !c->tp.restart)) ? 0 : -ENOMEM;
}

int msrp_configure_access(struct make *mk, struct media *m, const struct exch *x)
{
    int err = 0;

    for (unsigned i = 0; !err && i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct iq_stream *s;

        if (!c->line)
            continue;
        if (c->state != CHAN_GONE) {
            err = configure(mk, m, x, c);
        } else if (media_end_of(m, c->stream)) {
            s = make_stream(mk, c->stream);
            if (s)
                make_release(s, x->lay.dc_stream == 0 && exch_open(x) == 0);
            err = s ? 0 : -ENOMEM;
        }
    }
    return err;
}

int msrp_undo_access(struct make *mk, struct media *m, const struct exch *x)
{
    for (unsigned i = 0; i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        bool there = c->line && c->fresh && media_end_of(m, c->stream);
        struct iq_stream *s = there ? make_stream(mk, c->stream) : NULL;

        if (there && !s)
            return -ENOMEM;
        if (s)
            make_release(s, false);
    }
    return 0;
}

int msrp_events(struct make *mk, const struct media *m, const struct exch *x)
{
    for (unsigned i = 0; i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct iq_stream *s;

        if (!c->line || c->state == CHAN_GONE)
            continue;
        s = make_stream(mk, c->stream);
        if (!s)
            return -ENOMEM;
        s->notify_consent = iq_ctx_has(m->ctx, "stnconfres");
        s->notify_tcp = iq_ctx_has(m->ctx, "tcpbcc");
    }
    return 0;
}

int msrp_signals(struct make *mk, const struct media *m, const struct exch *x)
{
    for (unsigned i = 0; i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct iq_stream *s;

        if (!c->line || c->state == CHAN_GONE || !iq_ctx_has(m->ctx, "mgastuns"))
            continue;
        s = make_stream(mk, c->stream);
        if (!s)
            return -ENOMEM;
        s->act_stun = mk->t->has_signals = true;
    }
    return 0;
}
