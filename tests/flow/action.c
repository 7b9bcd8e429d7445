/* Actions of a chart: "20 wic vanish". What an actor does beside messages, and what is asked of the real ones. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/flow/play.h"

static bool say(char *why, size_t size, int err)
{
    if (err)
        snprintf(why, size, "%s", strerror(-err));
    return !err;
}

/* --- wic --- */

static void drop_ws(struct play *p)
{
    if (p->ws)
        wsc_vanish(p->ws);
    p->ws = NULL;
    p->ws_open = p->registered = false;
    p->ws_asked = 0;
}

static void mute_media(struct play *p)
{
    for (int i = 0; i < PLAY_WIC_MAX; i++)
        browser_mute(p->trans[i].b, true);
}

/* Connection and media at once. */
static bool wic_vanish(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    (void)s, (void)why, (void)size;
    drop_ws(p);
    mute_media(p);
    return true;
}

/* Its media alone: no check, no answer any more. */
static bool wic_mute(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    (void)s, (void)why, (void)size;
    mute_media(p);
    return true;
}

/* The WebSocket alone. */
static bool wic_drop(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    (void)s, (void)why, (void)size;
    drop_ws(p);
    return true;
}

static bool wic_return(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    (void)s;
    if (!p->real_alg)
        return true;
    return say(why, size, wires_connect(p));
}

/* Another certificate than its SDP says. */
static bool wic_forge(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    (void)s, (void)why, (void)size;
    for (int i = 0; i < PLAY_WIC_MAX; i++)
        browser_break_fingerprint(p->trans[i].b);
    return true;
}

/* A new peer connection with the old certificate: transport 2 has that of transport 1. */
static bool wic_again(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    (void)s, (void)why, (void)size;
    browser_share(p->trans[1].b, p->trans[0].b);
    return true;
}

static bool wic_restart(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    char ufrag[VAR_VALUE], pwd[VAR_VALUE], missing[VAR_NAME];

    if (vars_fill(&p->vs, chart_arg(s, "ufrag"), ufrag, sizeof ufrag, missing) ||
        vars_fill(&p->vs, chart_arg(s, "pwd"), pwd, sizeof pwd, missing)) {
        snprintf(why, size, "ufrag=U pwd=P wanted");
        return false;
    }
    p->trans[0].ice_up = false;
    browser_restart(p->trans[0].b, ufrag, pwd);
    return true;
}

static bool wic_reset(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    char sid[16], missing[VAR_NAME];
    uint32_t id;

    if (!p->real_agw)
        return true;
    if (vars_fill(&p->vs, chart_arg(s, "sid"), sid, sizeof sid, missing) || sv_u32(sv_from(sid), 65534, &id)) {
        snprintf(why, size, "sid=N wanted");
        return false;
    }
    return say(why, size, browser_reset(p->trans[p->dc].b, (uint16_t)id));
}

/* "wic refused origin=http://evil.example status=403": what another page gets that would like to connect. */
static bool wic_refused(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    struct sv origin = chart_arg(s, "origin"), status = chart_arg(s, "status");
    struct timeval limit = {PLAY_WAIT_MS / 1000, 0};
    char text[1024];
    struct addr a;
    ssize_t n = 0;
    int fd;

    if (!p->real_alg)
        return true;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    addr_parse(&a, SV("127.0.0.1"), p->ws_alg);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n"
             "Origin: %.*s\r\n\r\n", SV_ARG(origin));
    if (!connect(fd, &a.u.sa, addr_len(&a)) && send(fd, text, strlen(text), MSG_NOSIGNAL) > 0)
        n = recv(fd, text, sizeof text - 1, 0);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    if (n > 12 && sv_eq(status, (struct sv){text + 9, 3}))
        return true;
    snprintf(why, size, "got \"%.*s\"", (int)strcspn(text, "\r\n"), text);
    return false;
}

/* "core stranger at=IP:PORT": who knows that port of the real agw, and no more. */
static bool any_stranger(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    char text[128], missing[VAR_NAME];
    struct addr to;
    uint32_t n;

    if (!p->real_agw)
        return true;
    if (vars_fill(&p->vs, chart_arg(s, "at"), text, sizeof text, missing) || addr_parse_hostport(&to, sv_from(text), 0)) {
        snprintf(why, size, "at=IP:PORT wanted");
        return false;
    }
    if (sv_u32(chart_arg(s, "tcp"), PLAY_STRANGERS_MAX, &n) == 0)
        return stranger_connects(p, &to, n, why, size);
    return stranger_sprays(p, &to, why, size);
}

/* --- alg, agw --- */

/* Silent: a real one is stopped (SIGSTOP), a played one has no socket any more. */
static bool any_mute(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    if (play_is_real(p, s->from))
        return say(why, size, launch_signal(p, s->from, SIGSTOP));
    if (p->link)
        wires_mute(p);
    return true;
}

static bool any_back(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    if (play_is_real(p, s->from))
        return say(why, size, launch_signal(p, s->from, SIGCONT));
    return say(why, size, wires_back(p));
}

static bool metric_is(uint16_t port, const char *name, uint32_t want, long *got)
{
    *got = -1;
    return launch_metric(port, name, got) && *got == (long)want;
}

/* "alg metric alg_iq_contexts=0": of the real one, within the time of a message. */
static bool any_metric(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    static const bool never;
    uint16_t port = !strcmp(s->from, "alg") ? p->ops_alg : p->ops_agw;
    struct sv rest = s->args, value = sv_word(&rest), key = sv_cut(&value, '=');
    uint32_t want, ms = PLAY_WAIT_MS;
    int64_t end;
    char name[64];
    long got;

    if (!play_is_real(p, s->from))
        return true;
    sv_copy(key, name, sizeof name);
    if (sv_u32(value, UINT32_MAX, &want)) {
        snprintf(why, size, "NAME=NUMBER wanted");
        return false;
    }
    sv_u32(chart_arg(s, "within"), 120000, &ms);
    end = play_now_us() + ms * 1000LL;
    while (!metric_is(port, name, want, &got)) {
        if (play_now_us() > end) {
            snprintf(why, size, "%s is %ld, not %u", name, got, want);
            return false;
        }
        play_until(p, &never, 20);
    }
    return true;
}

static const struct action {
    const char *actor, *name; /* actor "": alg and agw */
    bool (*run)(struct play *p, const struct chart_step *s, char *why, size_t size);
    const char *judges; /* whom its outcome judges when it is real; "": the actor; NULL: nobody */
} actions[] = {
    {"wic", "vanish", wic_vanish, NULL}, {"wic", "mute", wic_mute, NULL},   {"wic", "drop", wic_drop, NULL},
    {"wic", "return", wic_return, NULL},  {"wic", "forge", wic_forge, NULL}, {"wic", "reset", wic_reset, NULL},
    {"wic", "again", wic_again, NULL},    {"wic", "restart", wic_restart, NULL}, {"wic", "refused", wic_refused, "alg"},
    {"wic", "stranger", any_stranger, "agw"}, {"core", "stranger", any_stranger, "agw"},
    {"", "mute", any_mute, NULL},        {"", "back", any_back, NULL},      {"", "metric", any_metric, ""},
};

static const struct action *find(const struct chart_step *s)
{
    bool service = !strcmp(s->from, "alg") || !strcmp(s->from, "agw");

    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!strcmp(actions[i].name, s->proto) && (actions[i].actor[0] ? !strcmp(actions[i].actor, s->from) : service))
            return &actions[i];
    }
    return NULL;
}

bool action_judges(const struct play *p, const struct chart_step *s)
{
    const struct action *a = find(s);

    return a && a->judges && play_is_real(p, a->judges[0] ? a->judges : s->from);
}

bool action_run(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    const struct action *a = find(s);

    if (a)
        return a->run(p, s, why, size);
    snprintf(why, size, "%s has no action %s", s->from, s->proto);
    return false;
}
