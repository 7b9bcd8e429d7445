/* Calls of the far end: Sofia's nua, in both directions. */
#include <errno.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/tport_tag.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "tests/lab/far.h"

#define CALLS_MAX 4096

static struct far_call *call_new(struct far *f, const char *user, bool outgoing)
{
    struct far_call *c;
    int n;

    DL_COUNT(f->calls, c, n);
    c = n < CALLS_MAX ? calloc(1, sizeof *c) : NULL;
    if (!c)
        return NULL;
    c->far = f;
    c->id = ++f->next_id;
    c->outgoing = outgoing;
    snprintf(c->user, sizeof c->user, "%s", user);
    uv_timer_init(&f->loop, &c->answer);
    c->answer.data = c;
    DL_APPEND(f->calls, c);
    return c;
}

static void on_timer_closed(uv_handle_t *h)
{
    free(h->data);
}

static void call_free(struct far_call *c)
{
    struct far *f = c->far;

    if (c->ended)
        return;
    c->ended = true;
    for (unsigned i = 0; i < FAR_SESSIONS_MAX; i++)
        far_session_free(&c->sessions[i]);
    if (c->nh) {
        nua_handle_bind(c->nh, NULL);
        nua_handle_destroy(c->nh);
    }
    DL_DELETE(f->calls, c);
    printf("far end: call %u ended\n", c->id);
    fflush(stdout);
    uv_close((uv_handle_t *)&c->answer, on_timer_closed);
}

static void on_answer(uv_timer_t *t)
{
    struct far_call *c = t->data;

    nua_respond(c->nh, SIP_200_OK, SIPTAG_CONTENT_TYPE_STR("application/sdp"),
                SIPTAG_PAYLOAD_STR(c->sdp), TAG_END());
}

static struct sv payload(const sip_t *sip)
{
    if (!sip || !sip->sip_payload || !sip->sip_payload->pl_data)
        return SV_NONE;
    return (struct sv){sip->sip_payload->pl_data, sip->sip_payload->pl_len};
}

/* Our SDP for the request's: an answer, or an offer when it had none. */
static int make_sdp(struct far_call *c, const sip_t *sip)
{
    struct sv offer = payload(sip);

    if (offer.n)
        return far_sdp_answer(c, offer, !strcmp(c->user, "passive"), c->sdp, sizeof c->sdp);
    c->n_sessions = c->n_sessions ? c->n_sessions : 1;
    return far_sdp_offer(c, c->sdp, sizeof c->sdp);
}

static void on_invite(struct far *f, nua_handle_t *nh, struct far_call *c, const sip_t *sip)
{
    const char *user = sip->sip_request->rq_url->url_user;
    bool fresh = !c;

    if (fresh)
        c = call_new(f, user ? user : "", false);
    if (!c || f->stopping) {
        nua_respond(nh, SIP_503_SERVICE_UNAVAILABLE, TAG_END());
        return;
    }
    if (fresh) {
        c->nh = nh;
        nua_handle_bind(nh, c);
        snprintf(c->peer, sizeof c->peer, "%s", sip->sip_from->a_url->url_user);
    }
    if (!strcmp(c->user, "busy")) {
        nua_respond(nh, SIP_486_BUSY_HERE, TAG_END());
    } else if (!strcmp(c->user, "decline")) {
        nua_respond(nh, SIP_603_DECLINE, TAG_END());
    } else if (!strcmp(c->user, "gone")) {
        return;
    } else if (make_sdp(c, sip)) {
        nua_respond(nh, SIP_488_NOT_ACCEPTABLE, TAG_END());
    } else if (c->established) {
        on_answer(&c->answer);
    } else {
        nua_respond(nh, SIP_180_RINGING, TAG_END());
        if (strcmp(c->user, "ring"))
            uv_timer_start(&c->answer, on_answer, f->conf.ring_ms, 0);
    }
}

static void on_invite_answer(struct far_call *c, int status, const sip_t *sip)
{
    if (status < 200 || !c)
        return;
    if (status >= 300) {
        fprintf(stderr, "far end: call %u refused: %d\n", c->id, status);
        if (!c->established)
            call_free(c);
        return;
    }
    if (far_sdp_take_answer(c, payload(sip)))
        fprintf(stderr, "far end: call %u: bad answer\n", c->id);
    if (!c->established && c->first[0])
        far_call_send(c->far, c->id, "text/plain", c->first, strlen(c->first));
    c->established = true;
}

static void on_event(nua_event_t event, int status, char const *phrase, nua_t *nua,
                     nua_magic_t *magic, nua_handle_t *nh, nua_hmagic_t *hmagic, sip_t const *sip,
                     tagi_t tags[])
{
    struct far *f = (struct far *)magic;
    struct far_call *c = (struct far_call *)hmagic;

    (void)phrase;
    (void)tags;
    switch (event) {
    case nua_i_register:
        far_reg_on_register(f, nh, sip);
        nua_handle_destroy(nh);
        break;
    case nua_i_invite:
        on_invite(f, nh, c, sip);
        break;
    case nua_i_ack:
        if (c) {
            printf("far end: call %u from %s established\n", c->id, c->peer);
            fflush(stdout);
            c->established = true;
        }
        break;
    case nua_r_invite:
        on_invite_answer(c, status, sip);
        break;
    case nua_i_terminated:
        if (c)
            call_free(c);
        break;
    case nua_i_message:
        far_web_note(f, 0, "in", SV("text/plain"), payload(sip));
        break;
    case nua_r_shutdown:
        if (status >= 200) {
            nua_destroy(nua);
            f->nua = NULL;
            f->stopped = true;
        }
        break;
    default:
        break;
    }
}

int far_sip_new(struct far *f)
{
    char url[128], sips[128];

    snprintf(url, sizeof url, "sip:%s:%u", f->conf.host, f->conf.sip_port);
    snprintf(sips, sizeof sips, "sips:%s:%u", f->conf.host, f->conf.tls_port);
    su_home_init(f->home);
    f->nua = nua_create(f->root, on_event, (nua_magic_t *)f, NUTAG_URL(url), NUTAG_MEDIA_ENABLE(0),
                        TAG_IF(f->conf.tls, NUTAG_SIPS_URL(sips)), TAG_IF(f->conf.tls, NUTAG_CERTIFICATE_DIR(f->conf.tls)),
                        NUTAG_AUTOALERT(0), NUTAG_AUTOANSWER(0), NUTAG_ALLOW("REGISTER"),
                        NUTAG_APPL_METHOD("REGISTER"), NUTAG_SESSION_TIMER(0),
                        SIPTAG_SUPPORTED_STR("path, outbound"),
                        SIPTAG_USER_AGENT_STR("openiq-lab"), TAG_END());
    return f->nua ? 0 : -EADDRINUSE;
}

void far_sip_stop(struct far *f)
{
    struct far_call *c, *tmp;

    if (f->stopping)
        return;
    f->stopping = true;
    DL_FOREACH_SAFE(f->calls, c, tmp)
    {
        uv_timer_stop(&c->answer);
    }
    nua_shutdown(f->nua);
}

static const struct {
    const char *name;
    enum far_kind kind;
} kinds[] = {{"message", FAR_MSRP}, {"audio", FAR_AUDIO}, {"video", FAR_VIDEO}};

static int take_media(struct far_call *c, const char *media)
{
    struct sv rest = sv_from(media);

    while (rest.n > 0 && c->n_sessions < FAR_SESSIONS_MAX) {
        struct sv name = sv_cut(&rest, ',');
        unsigned i = 0;

        while (i < ARRAY_LEN(kinds) && !sv_is(name, kinds[i].name))
            i++;
        if (i == ARRAY_LEN(kinds))
            return -EINVAL;
        c->sessions[c->n_sessions++].kind = kinds[i].kind;
    }
    return 0;
}

int far_call_out(struct far *f, const char *user, const char *media, const char *text)
{
    const char *contact, *path;
    struct far_call *c;
    char to[256], from[256];
    int err = far_reg_find(f, user, &contact, &path);

    if (err)
        return err;
    c = call_new(f, user, true);
    if (!c)
        return -ENOMEM;
    snprintf(c->first, sizeof c->first, "%s", text ? text : "");
    snprintf(to, sizeof to, "<sip:%s@%s>", user, f->conf.domain);
    snprintf(from, sizeof from, "<sip:echo@%s>", f->conf.domain);
    err = take_media(c, media);
    if (!err)
        err = far_sdp_offer(c, c->sdp, sizeof c->sdp);
    if (!err)
        c->nh = nua_handle(f->nua, (nua_hmagic_t *)c, SIPTAG_TO_STR(to), SIPTAG_FROM_STR(from),
                           TAG_END());
    if (err || !c->nh) {
        call_free(c);
        return err ? err : -ENOMEM;
    }
    nua_invite(c->nh, NUTAG_URL(contact), TAG_IF(path[0], NUTAG_INITIAL_ROUTE_STR(path)),
               SIPTAG_CONTENT_TYPE_STR("application/sdp"), SIPTAG_PAYLOAD_STR(c->sdp), TAG_END());
    return 0;
}

static struct far_call *call_find(struct far *f, unsigned id)
{
    struct far_call *c;

    DL_FOREACH(f->calls, c)
    {
        if (c->id == id || !id)
            return c;
    }
    return NULL;
}

int far_call_hangup(struct far *f, unsigned id)
{
    struct far_call *c = call_find(f, id);

    if (!c)
        return -ENOENT;
    if (c->established)
        nua_bye(c->nh, TAG_END());
    else if (c->outgoing)
        nua_cancel(c->nh, TAG_END());
    else
        nua_respond(c->nh, SIP_480_TEMPORARILY_UNAVAILABLE, TAG_END());
    return 0;
}

int far_call_send(struct far *f, unsigned id, const char *ctype, const void *p, size_t n)
{
    struct far_call *c = call_find(f, id);

    for (unsigned i = 0; c && i < c->n_sessions; i++) {
        if (c->sessions[i].msrp && !c->sessions[i].refused)
            return far_msrp_send(c->sessions[i].msrp, ctype, p, n, f->conf.chunk);
    }
    return -ENOENT;
}

static int reinvite(struct far_call *c)
{
    int err = far_sdp_offer(c, c->sdp, sizeof c->sdp);

    if (!err)
        nua_invite(c->nh, SIPTAG_CONTENT_TYPE_STR("application/sdp"), SIPTAG_PAYLOAD_STR(c->sdp),
                   TAG_END());
    return err;
}

int far_call_reinvite(struct far *f, unsigned id, enum far_kind kind, bool add)
{
    struct far_call *c = call_find(f, id);

    if (!c || !c->established || c->n_sessions + add > FAR_SESSIONS_MAX)
        return -ENOENT;
    if (add) {
        c->sessions[c->n_sessions++].kind = kind;
        return reinvite(c);
    }
    for (unsigned i = c->n_sessions; i-- > 0;) {
        struct far_session *s = &c->sessions[i];

        if (s->kind != kind || s->refused)
            continue;
        s->refused = true;
        far_session_free(s);
        return reinvite(c);
    }
    return -ENOENT;
}

int far_call_hold(struct far *f, unsigned id, enum sdp_dir dir)
{
    struct far_call *c = call_find(f, id);

    if (!c || !c->established)
        return -ENOENT;
    c->dir = dir;
    return reinvite(c);
}
