/* The played ends of the media: the WIC's transport (tests/fake/browser) and the core's MSRP (tests/lab/far_msrp). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/rnd.h"
#include "tests/flow/login.h"
#include "tests/flow/play.h"

static void on_browser(void *arg, enum browser_event ev, const char *text)
{
    struct play_wic *w = arg;

    (void)text;
    switch (ev) {
    case BROWSER_ICE_UP: w->ice_up = true; break;
    case BROWSER_DTLS_HELLO_SEEN: w->hello = true; break;
    case BROWSER_DTLS_UP: w->dtls_up = true; break;
    case BROWSER_DTLS_FAILED: w->dtls_failed = true; break;
    case BROWSER_SCTP_UP: w->sctp_up = true; break;
    case BROWSER_CHAN_RESET: w->chan_reset = true; break;
    case BROWSER_CLOSED: break;
    }
}

static void on_packet(void *arg, const uint8_t *pkt, size_t n)
{
    struct play_wic *w = arg;

    rtp_from_agw(w->p, w, pkt, n);
}

/* A SEND on a channel: answered, then queued as text from agw. */
static void on_channel(void *arg, uint16_t sid, bool binary, const void *data, size_t n)
{
    struct play_wic *w = arg;
    struct sv text = {data, n}, line, tid, to, from;
    char out[2048];
    int len;

    (void)binary;
    line = text;
    line = sv_line(&line);
    sv_word(&line);
    tid = sv_word(&line);
    if (!sv_is(sv_word(&line), "SEND"))
        return;
    from = ua_header(text, "From-Path");
    to = ua_header(text, "To-Path");
    len = snprintf(out, sizeof out, "MSRP %.*s 200 OK\r\nTo-Path: %.*s\r\nFrom-Path: %.*s\r\n-------%.*s$\r\n", SV_ARG(tid),
                   SV_ARG(from), SV_ARG(to), SV_ARG(tid));
    if (len > 0 && (size_t)len < sizeof out)
        browser_send(w->b, sid, false, out, (size_t)len);
    if (memmem(text.p, text.n, "\r\n\r\n", 4))
        play_queue(w->p, "agw", "wic", "msrp", text, NULL)->stream = sid;
}

static void on_msrp(void *arg, struct sv ctype, struct sv body)
{
    struct play_msrp *m = arg;

    (void)ctype;
    play_queue(m->p, "agw", "core", "msrp", body, NULL)->stream = m->session;
}

const char *media_ip(const struct play *p)
{
    return p->c->media_ip[0] ? p->c->media_ip : "127.0.0.1";
}

int media_open(struct play *p)
{
    int err = 0;

    for (int i = 0; !err && i < PLAY_WIC_MAX; i++) {
        struct browser_h bh = {.event = on_browser, .message = on_channel, .rtp = on_packet, .arg = &p->trans[i]};

        p->trans[i].p = p;
        err = browser_new(&p->trans[i].b, &p->loop, media_ip(p), &bh);
    }
    for (int i = 0; !err && i < PLAY_MSRP_MAX; i++) {
        struct far_msrp_h mh = {.message = on_msrp, .arg = &p->msrp[i]};

        p->msrp[i].p = p;
        p->msrp[i].session = i + 1;
        err = far_msrp_new(&p->msrp[i].far, &p->loop, media_ip(p), &mh);
    }
    if (!err)
        err = ue_msrp_open(p);
    return err ? err : rtp_open(p);
}

void media_close(struct play *p)
{
    for (int i = 0; i < PLAY_WIC_MAX; i++) {
        browser_free(p->trans[i].b);
        p->trans[i].b = NULL;
    }
    for (int i = 0; i < PLAY_MSRP_MAX; i++) {
        far_msrp_free(p->msrp[i].far);
        p->msrp[i].far = NULL;
    }
    ue_msrp_close(p);
    rtp_close(p);
}

/* "browser2" -> 1; false: another word, or out of range */
static bool nth(struct sv word, const char *name, unsigned max, unsigned *i)
{
    uint32_t n = 1;

    if (!sv_starts(word, name))
        return false;
    word.p += strlen(name);
    word.n -= strlen(name);
    if ((word.n && sv_u32(word, max, &n)) || !n)
        return false;
    *i = n - 1;
    return true;
}

const char *media_value(struct play *p, struct sv what, char out[VAR_VALUE])
{
    struct sv rest = what, who = sv_word(&rest), item = sv_word(&rest);
    unsigned i;

    if (nth(who, "browser", PLAY_WIC_MAX, &i) && sv_is(item, "port"))
        snprintf(out, VAR_VALUE, "%u", browser_port(p->trans[i].b));
    else if (nth(who, "browser", PLAY_WIC_MAX, &i) && sv_is(item, "ufrag"))
        snprintf(out, VAR_VALUE, "%s", browser_ufrag(p->trans[i].b));
    else if (nth(who, "browser", PLAY_WIC_MAX, &i) && sv_is(item, "pwd"))
        snprintf(out, VAR_VALUE, "%s", browser_pwd(p->trans[i].b));
    else if (nth(who, "browser", PLAY_WIC_MAX, &i) && sv_is(item, "fingerprint"))
        snprintf(out, VAR_VALUE, "%s", browser_fingerprint(p->trans[i].b));
    else if (nth(who, "msrp", PLAY_MSRP_MAX, &i) && sv_is(item, "port"))
        snprintf(out, VAR_VALUE, "%u", far_msrp_port(p->msrp[i].far));
    else if (nth(who, "msrp", PLAY_MSRP_MAX, &i) && sv_is(item, "path"))
        snprintf(out, VAR_VALUE, "%s", far_msrp_path(p->msrp[i].far));
    else if (nth(who, "rtp", PLAY_RTP_MAX, &i) && sv_is(item, "port"))
        snprintf(out, VAR_VALUE, "%u", rtp_port(p, i));
    else if (sv_is(who, "turn") && sv_is(item, "password"))
        login_turn(out, VAR_VALUE, rest);
    else if (sv_is(what, "ue path"))
        snprintf(out, VAR_VALUE, "%s", far_msrp_path(p->ue.far));
    else if (sv_starts(what, "random"))
        rnd_text(out, 12);
    else
        return NULL;
    return out;
}

bool media_fill(struct play *p, struct sv text, char *out, size_t size, char *why, size_t why_size)
{
    char missing[VAR_NAME];

    if (!vars_fill(&p->vs, text, out, size, missing))
        return true;
    snprintf(why, why_size, "<%s> has no value here", missing);
    return false;
}

bool media_args(struct play *p, const struct chart_step *s, const struct media_arg *args, char *why, size_t size)
{
    for (; args->key; args++)
        if (!media_fill(p, chart_arg(s, args->key), args->out, args->size, why, size))
            return false;
    return true;
}

struct play_wic *media_trans(struct play *p, const struct chart_step *s, const char *key)
{
    struct sv arg = chart_arg(s, key);
    uint32_t n = 1;

    if (arg.n && (sv_u32(arg, PLAY_WIC_MAX, &n) || !n))
        return NULL;
    return &p->trans[n - 1];
}

/* ice ok addr=IP:PORT ufrag=U pwd=P fp=AA:BB.. role=client|server [line=N] [sctp=LOCAL,REMOTE] [over=tcp|turn]
 * [peer=controlled|controlling] */
static bool start_ice(struct play *p, struct play_wic *w, const struct chart_step *s, char *why, size_t size)
{
    char addr[128], ufrag[300], pwd[300], fp[256], sctp[64], full[300];
    const struct media_arg args[] = {MEDIA_ARG(addr), MEDIA_ARG(ufrag), MEDIA_ARG(pwd), MEDIA_ARG(fp), MEDIA_ARG(sctp), {0}};
    struct sv ports;
    struct addr remote;
    uint32_t local = 0, far = 0;

    if (!media_args(p, s, args, why, size))
        return false;
    ports = sv_from(sctp);
    sv_u32(sv_cut(&ports, ','), 65535, &local);
    sv_u32(ports, 65535, &far);
    snprintf(full, sizeof full, "sha-256 %s", fp);
    if (local)
        p->dc = (unsigned)(w - p->trans);
    if (chart_arg(s, "peer").n)
        browser_meet(w->b, sv_is(chart_arg(s, "peer"), "controlling") ? BROWSER_PEER_CONTROLLING : BROWSER_PEER_CONTROLLED);
    if (addr_parse_hostport(&remote, sv_from(addr), 0) ||
        (sv_is(chart_arg(s, "over"), "tcp") && browser_dial(w->b, &remote)) ||
        (sv_is(chart_arg(s, "over"), "turn") && (!p->turn || browser_relay(w->b, p->turn))) ||
        browser_start(w->b, &remote, ufrag, pwd, full, sv_is(chart_arg(s, "role"), "client"), (uint16_t)local,
                      (uint16_t)far)) {
        snprintf(why, size, "the WIC's media cannot start with addr=%s", addr);
        return false;
    }
    return true;
}

static bool wait_flag(struct play *p, const bool *flag, const struct chart_step *s, char *why, size_t size)
{
    struct sv within = chart_arg(s, "within");
    uint32_t ms = PLAY_WAIT_MS;

    sv_u32(within, 120000, &ms);
    if (play_until(p, flag, ms))
        return true;
    snprintf(why, size, "not within %u ms", ms);
    return false;
}

static bool msrp_wic(struct play *p, const struct chart_step *s, struct sv text, char *why, size_t size)
{
    char sid[16], to[512], from[512], out[8192], tid[13];
    const struct media_arg args[] = {MEDIA_ARG(sid), MEDIA_ARG(to), MEDIA_ARG(from), {0}};
    uint32_t id = 0;
    int n;

    if (!media_args(p, s, args, why, size))
        return false;
    sv_u32(sv_from(sid), 65535, &id);
    rnd_text(tid, 12);
    n = snprintf(out, sizeof out, "MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: %s\r\n"
                 "Byte-Range: 1-%zu/%zu\r\nContent-Type: text/plain\r\n\r\n%.*s\r\n-------%s$\r\n", tid, to, from, tid,
                 text.n, text.n, SV_ARG(text), tid);
    if (browser_send(p->trans[p->dc].b, (uint16_t)id, false, out, (size_t)n)) {
        snprintf(why, size, "the channel takes nothing");
        return false;
    }
    return true;
}

static bool msrp_core(struct play *p, const struct chart_step *s, struct sv text, char *why, size_t size)
{
    struct sv args = s->args, word = sv_word(&args);
    char where[128], path[512];
    struct far_msrp *far = sv_is(chart_arg(s, "session"), "2") ? p->msrp[1].far : p->msrp[0].far;
    struct addr remote = {0};

    if (text.n)
        return !far_msrp_send(far, "text/plain", text.p, text.n, 0);
    if (sv_is(word, "close")) {
        far_msrp_drop(far);
        return true;
    }
    if (!media_fill(p, chart_arg(s, "path"), path, sizeof path, why, size))
        return false;
    if (sv_is(word, "accept"))
        return !far_msrp_start(far, false, NULL, path);
    if (!media_fill(p, chart_arg(s, "addr"), where, sizeof where, why, size) ||
        addr_parse_hostport(&remote, sv_from(where), 0))
        return false;
    return !far_msrp_start(far, true, &remote, path);
}

bool media_judges(const struct chart_step *s)
{
    return strcmp(s->proto, "msrp") && strcmp(s->proto, "sdes");
}

bool media_event(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    struct sv args = s->args, word = sv_word(&args), text = chart_quoted(s);
    struct play_wic *w = media_trans(p, s, "line");

    if (!w)
        snprintf(why, size, "line=1..%d wanted", PLAY_WIC_MAX);
    else if (!strcmp(s->proto, "ice") && sv_is(chart_arg(s, "over"), "msrp"))
        return ue_msrp_ice(p, s, why, size) && wait_flag(p, &p->ue.up, s, why, size);
    else if (!strcmp(s->proto, "ice"))
        return start_ice(p, w, s, why, size) && wait_flag(p, &w->ice_up, s, why, size);
    else if (!strcmp(s->proto, "dtls"))
        return wait_flag(p, sv_is(word, "ClientHello") ? &w->hello : sv_is(word, "failed") ? &w->dtls_failed : &w->dtls_up,
                         s, why, size);
    else if (!strcmp(s->proto, "sctp"))
        return wait_flag(p, sv_is(word, "reset") ? &p->trans[p->dc].chan_reset : &p->trans[p->dc].sctp_up, s, why, size);
    else if (!strcmp(s->proto, "turn"))
        return relay_event(p, s, why, size);
    else if (!strcmp(s->proto, "sdes"))
        return rtp_sdes(p, s, why, size);
    else if (!strcmp(s->proto, "rtp") || !strcmp(s->proto, "rtcp"))
        return rtp_event(p, s, why, size);
    else if (!strcmp(s->from, "wic") && !chart_arg(s, "sid").n)
        return ue_msrp_send(p, s, text);
    else if (!strcmp(s->from, "wic"))
        return msrp_wic(p, s, text, why, size);
    else if (!strcmp(s->from, "core"))
        return msrp_core(p, s, text, why, size);
    else
        snprintf(why, size, "unknown event");
    return false;
}
