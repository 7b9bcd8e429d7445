/* The played ends of the media: the WIC's transport (tests/fake/browser) and the core's MSRP (tests/lab/far_msrp). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/rnd.h"
#include "tests/flow/play.h"

static void on_browser(void *arg, enum browser_event ev, const char *text)
{
    struct play *p = arg;

    (void)text;
    switch (ev) {
    case BROWSER_ICE_UP: p->ice_up = true; break;
    case BROWSER_DTLS_HELLO_SEEN: p->hello = true; break;
    case BROWSER_DTLS_UP: p->dtls_up = true; break;
    case BROWSER_DTLS_FAILED: p->dtls_failed = true; break;
    case BROWSER_SCTP_UP: p->sctp_up = true; break;
    case BROWSER_CHAN_RESET: p->chan_reset = true; break;
    case BROWSER_CLOSED: p->closed = true; break;
    }
}

/* A SEND on a channel: answered, then queued as text from agw. */
static void on_channel(void *arg, uint16_t sid, bool binary, const void *data, size_t n)
{
    struct play *p = arg;
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
        browser_send(p->browser, sid, false, out, (size_t)len);
    if (memmem(text.p, text.n, "\r\n\r\n", 4))
        play_queue(p, "agw", "wic", "msrp", text, NULL)->stream = sid;
}

static void on_msrp(void *arg, struct sv ctype, struct sv body)
{
    struct play_msrp *m = arg;

    (void)ctype;
    play_queue(m->p, "agw", "core", "msrp", body, NULL)->stream = m->session;
}

int media_open(struct play *p)
{
    struct browser_h bh = {.event = on_browser, .message = on_channel, .arg = p};
    int err = browser_new(&p->browser, &p->loop, "127.0.0.1", &bh);

    for (int i = 0; !err && i < PLAY_MSRP_MAX; i++) {
        struct far_msrp_h mh = {.message = on_msrp, .arg = &p->msrp[i]};

        p->msrp[i].p = p;
        p->msrp[i].session = i + 1;
        err = far_msrp_new(&p->msrp[i].far, &p->loop, "127.0.0.1", &mh);
    }
    return err;
}

void media_close(struct play *p)
{
    browser_free(p->browser);
    p->browser = NULL;
    for (int i = 0; i < PLAY_MSRP_MAX; i++) {
        far_msrp_free(p->msrp[i].far);
        p->msrp[i].far = NULL;
    }
}

const char *media_value(struct play *p, struct sv what, char out[VAR_VALUE])
{
    uint32_t n = 12;

    if (sv_is(what, "browser port"))
        snprintf(out, VAR_VALUE, "%u", browser_port(p->browser));
    else if (sv_is(what, "browser ufrag"))
        snprintf(out, VAR_VALUE, "%s", browser_ufrag(p->browser));
    else if (sv_is(what, "browser pwd"))
        snprintf(out, VAR_VALUE, "%s", browser_pwd(p->browser));
    else if (sv_is(what, "browser fingerprint"))
        snprintf(out, VAR_VALUE, "%s", browser_fingerprint(p->browser));
    else if (sv_is(what, "msrp port"))
        snprintf(out, VAR_VALUE, "%u", far_msrp_port(p->msrp[0].far));
    else if (sv_is(what, "msrp path"))
        snprintf(out, VAR_VALUE, "%s", far_msrp_path(p->msrp[0].far));
    else if (sv_is(what, "msrp2 port"))
        snprintf(out, VAR_VALUE, "%u", far_msrp_port(p->msrp[1].far));
    else if (sv_is(what, "msrp2 path"))
        snprintf(out, VAR_VALUE, "%s", far_msrp_path(p->msrp[1].far));
    else if (sv_starts(what, "random"))
        rnd_text(out, n);
    else
        return NULL;
    return out;
}

static bool fill(struct play *p, struct sv text, char *out, size_t size, char *why, size_t why_size)
{
    char missing[VAR_NAME];

    if (!vars_fill(&p->vs, text, out, size, missing))
        return true;
    snprintf(why, why_size, "<%s> has no value here", missing);
    return false;
}

/* ice addr=IP:PORT ufrag=U pwd=P fp=AA:BB.. role=client|server sctp=LOCAL,REMOTE */
static bool start_ice(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    char addr[128], ufrag[300], pwd[300], fp[256], sctp[64], full[300];
    struct sv ports;
    struct addr remote;
    uint32_t local = 0, far = 0;

    if (!fill(p, chart_arg(s, "addr"), addr, sizeof addr, why, size) ||
        !fill(p, chart_arg(s, "ufrag"), ufrag, sizeof ufrag, why, size) ||
        !fill(p, chart_arg(s, "pwd"), pwd, sizeof pwd, why, size) ||
        !fill(p, chart_arg(s, "fp"), fp, sizeof fp, why, size) ||
        !fill(p, chart_arg(s, "sctp"), sctp, sizeof sctp, why, size))
        return false;
    ports = sv_from(sctp);
    sv_u32(sv_cut(&ports, ','), 65535, &local);
    sv_u32(ports, 65535, &far);
    snprintf(full, sizeof full, "sha-256 %s", fp);
    if (addr_parse_hostport(&remote, sv_from(addr), 0) ||
        browser_start(p->browser, &remote, ufrag, pwd, full, sv_is(chart_arg(s, "role"), "client"), (uint16_t)local,
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
    uint32_t id = 0;
    int n;

    if (!fill(p, chart_arg(s, "sid"), sid, sizeof sid, why, size) ||
        !fill(p, chart_arg(s, "to"), to, sizeof to, why, size) ||
        !fill(p, chart_arg(s, "from"), from, sizeof from, why, size))
        return false;
    sv_u32(sv_from(sid), 65535, &id);
    rnd_text(tid, 12);
    n = snprintf(out, sizeof out, "MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: %s\r\n"
                 "Byte-Range: 1-%zu/%zu\r\nContent-Type: text/plain\r\n\r\n%.*s\r\n-------%s$\r\n", tid, to, from, tid,
                 text.n, text.n, SV_ARG(text), tid);
    if (browser_send(p->browser, (uint16_t)id, false, out, (size_t)n)) {
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
    if (!fill(p, chart_arg(s, "path"), path, sizeof path, why, size))
        return false;
    if (sv_is(word, "accept"))
        return !far_msrp_start(far, false, NULL, path);
    if (!fill(p, chart_arg(s, "addr"), where, sizeof where, why, size) ||
        addr_parse_hostport(&remote, sv_from(where), 0))
        return false;
    return !far_msrp_start(far, true, &remote, path);
}

bool media_event(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    struct sv args = s->args, word = sv_word(&args), text = chart_quoted(s);

    if (!strcmp(s->proto, "ice"))
        return start_ice(p, s, why, size) && wait_flag(p, &p->ice_up, s, why, size);
    if (!strcmp(s->proto, "dtls"))
        return wait_flag(p, sv_is(word, "ClientHello") ? &p->hello : sv_is(word, "failed") ? &p->dtls_failed : &p->dtls_up,
                         s, why, size);
    if (!strcmp(s->proto, "sctp"))
        return wait_flag(p, sv_is(word, "reset") ? &p->chan_reset : &p->sctp_up, s, why, size);
    if (!strcmp(s->from, "wic"))
        return msrp_wic(p, s, text, why, size);
    if (!strcmp(s->from, "core"))
        return msrp_core(p, s, text, why, size);
    snprintf(why, size, "unknown event");
    return false;
}
