#include "tests/flow/play.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "tests/flow/login.h"
#include "tests/flow/retrace.h"

int64_t play_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static void on_timer(uv_timer_t *t)
{
    ((struct play *)t->data)->timed_out = true;
}

bool play_until(struct play *p, const bool *flag, unsigned ms)
{
    p->timed_out = false;
    uv_timer_start(&p->timer, on_timer, ms, 0);
    while (!*flag && !p->timed_out)
        uv_run(&p->loop, UV_RUN_ONCE);
    uv_timer_stop(&p->timer);
    return *flag;
}

/* A copy of a transaction that outlives the callback: through its text. */
static struct h248_txn *copy_txn(struct arena *a, const struct h248_txn *t, struct sv *text)
{
    char *out = arena_alloc(a, PLAY_MSG_MAX);
    struct buf b = buf_over(out, PLAY_MSG_MAX);
    struct h248_fault fault;
    struct h248_msg *m = NULL;

    if (!out)
        return NULL;
    buf_str(&b, "MEGACO/2 copy\n");
    if (h248_encode_txn(t, 2, H248_PRETTY, &b) || h248_decode(a, buf_sv(&b), &m, &fault))
        return NULL;
    *text = buf_sv(&b);
    return m->txns;
}

struct play_in *play_queue(struct play *p, const char *from, const char *to, const char *proto, struct sv text,
                           const struct h248_txn *txn)
{
    struct play_in *in = calloc(1, sizeof *in);

    in->arena = arena_new(H248_ARENA_MAX);
    snprintf(in->from, sizeof in->from, "%s", from);
    snprintf(in->to, sizeof in->to, "%s", to);
    snprintf(in->proto, sizeof in->proto, "%s", proto);
    in->t_us = play_now_us();
    in->text = arena_sv(in->arena, text);
    if (txn)
        in->txn = copy_txn(in->arena, txn, &in->text);
    in->stream = -1;
    DL_APPEND(p->in, in);
    return in;
}

static void in_free(struct play *p, struct play_in *in)
{
    DL_DELETE(p->in, in);
    arena_free(in->arena);
    free(in);
}

bool play_is_real(const struct play *p, const char *actor)
{
    return (p->real_alg && !strcmp(actor, "alg")) || (p->real_agw && !strcmp(actor, "agw"));
}

static void pass_by(struct play *p, struct play_in *in)
{
    struct sv text = in->text, line = sv_line(&text);
    char title[200];

    sv_copy(line, title, sizeof title);
    ladder_line(&p->ladder, NULL, in->from, in->to, in->proto, title, in->t_us, LADDER_SEEN, "");
    in_free(p, in);
}

static struct play_in *next_on(struct play *p, const struct chart_step *s)
{
    struct play_in *in, *tmp;

    DL_FOREACH_SAFE(p->in, in, tmp)
    {
        if (strcmp(in->from, s->from) || strcmp(in->to, s->to) || strcmp(in->proto, s->proto))
            continue;
        if (sv_starts(in->text, "ACK ") && !sv_starts(s->body, "ACK")) {
            pass_by(p, in); /* part of SIP; a chart may leave it out */
            continue;
        }
        return in;
    }
    return NULL;
}

static struct play_in *wait_in(struct play *p, const struct chart_step *s)
{
    static const bool never;
    uint32_t ms = PLAY_WAIT_MS;
    int64_t end;
    struct play_in *in;

    sv_u32(chart_arg(s, "within"), 120000, &ms);
    end = play_now_us() + ms * 1000LL;
    while (!(in = next_on(p, s)) && play_now_us() < end)
        play_until(p, &never, 5);
    return in;
}

static void title_of(const struct chart_step *s, const struct play_in *in, char *out, size_t size)
{
    struct sv text = in ? in->text : s->body.n ? s->body : s->args;

    if (in && in->txn)
        h248_txn_title(in->txn, out, size);
    else
        sv_copy(sv_line(&text), out, size);
}

/* msrp: the channel (sid=, as the variable <sid>) or the session (session=, 1) that a step names. */
static int stream_of(struct play *p, const struct chart_step *s)
{
    bool wic = !strcmp(s->to, "wic");
    struct sv arg = chart_arg(s, wic ? "sid" : "session");
    char text[16] = "", missing[VAR_NAME];
    uint32_t n = wic ? 0 : 1;

    if (arg.n && !vars_fill(&p->vs, arg, text, sizeof text, missing))
        sv_u32(sv_from(text), 65535, &n);
    return (int)n;
}

static bool fits(struct play *p, const struct chart_step *s, struct play_in *in, char *why, size_t size)
{
    struct sv quoted = chart_quoted(s);

    if (!strcmp(s->proto, "sip"))
        return judge_sip(&p->vs, s, in->text, why, size);
    if (!strcmp(s->proto, "h248"))
        return in->txn && judge_h248(&p->vs, s, in->txn, why, size);
    if (in->stream >= 0 && in->stream != stream_of(p, s)) {
        snprintf(why, size, "it came on %d", in->stream);
        return false;
    }
    if (!quoted.n || memmem(in->text.p, in->text.n, quoted.p, quoted.n))
        return true;
    snprintf(why, size, "the text is another one");
    return false;
}

static void report(struct play *p, const struct chart_step *s, const struct play_in *in, enum ladder_verdict v,
                   const char *why)
{
    char title[200];

    title_of(s, in, title, sizeof title);
    ladder_line(&p->ladder, s, s->from, s->to, s->proto, title, in ? in->t_us : play_now_us(), v, why);
}

static bool judge_step(struct play *p, const struct chart_step *s)
{
    struct play_in *in = wait_in(p, s);
    char why[240] = "";
    bool ok = in && fits(p, s, in, why, sizeof why);

    if (!in)
        snprintf(why, sizeof why, "nothing came");
    report(p, s, in, ok ? LADDER_PASS : LADDER_FAIL, why);
    if (!ok && in && p->verbose)
        fprintf(stderr, "--- got\n%.*s\n--- wanted\n%.*s\n", SV_ARG(in->text), SV_ARG(s->body));
    if (in)
        in_free(p, in);
    return ok;
}

/* The core speaks when alg has the ACK that the WIC sent before: they are different sockets. */
static void acks_are_there(struct play *p)
{
    const int64_t end = play_now_us() + PLAY_WAIT_MS * 1000LL;
    static const bool never;

    while (p->ws_asked && play_now_us() < end)
        play_until(p, &never, 5);
}

static bool send_step(struct play *p, const struct chart_step *s)
{
    struct ua *u = !strcmp(s->from, "wic") ? &p->wic : &p->core;
    char why[240] = "";
    int err;

    if (u != &p->wic)
        acks_are_there(p);
    err = !strcmp(s->proto, "h248") ? wires_send_h248(p, s, why, sizeof why) : ua_send(u, s, &p->vs, why, sizeof why);
    report(p, s, NULL, err ? LADDER_FAIL : LADDER_SENT, why);
    return !err;
}

static bool event_step(struct play *p, const struct chart_step *s)
{
    char why[240] = "";
    bool ok;

    if (!p->real_agw) {
        report(p, s, NULL, LADDER_SKIP, "agw is not real");
        return true;
    }
    if (!strcmp(s->proto, "msrp") && !strcmp(s->from, "agw"))
        return judge_step(p, s);
    ok = media_event(p, s, why, sizeof why);
    /* what we only send is no verdict on the real one */
    report(p, s, NULL, !ok ? LADDER_FAIL : media_judges(s) ? LADDER_PASS : LADDER_SENT, why);
    return ok;
}

/* ACK, 100 and the answers to requests inside a call that the chart leaves out are part of SIP; anything else is news. */
static bool may_pass(const struct play_in *in)
{
    struct sv method = ua_method(in->text);

    if (strcmp(in->proto, "sip"))
        return false;
    return ua_status(in->text) ? !sv_is(method, "INVITE") : sv_is(method, "ACK");
}

static bool none_step(struct play *p, const struct chart_step *s)
{
    static const bool never;
    struct play_in *in;
    struct sv text, line;
    char why[240];

    play_until(p, &never, s->ms);
    for (in = s->kind == CHART_NONE ? p->in : NULL; in && may_pass(in); in = in->next)
        ;
    if (!in)
        return true;
    text = in->text;
    line = sv_line(&text);
    snprintf(why, sizeof why, "within %u ms of silence came: %s %.*s", s->ms, in->proto, SV_ARG(line));
    ladder_line(&p->ladder, s, in->from, in->to, in->proto, "none", in->t_us, LADDER_FAIL, why);
    return false;
}

/* Between two real ones, or of a layer that the player leaves to the product's own code: what a real one traced judges. */
static bool by_trace(const struct play *p, const struct chart_step *s)
{
    bool from = play_is_real(p, s->from), to = play_is_real(p, s->to);

    return s->kind == CHART_MESSAGE && ((from && to) || ((from || to) && chart_flag(s, "traced")));
}

static bool run_step(struct play *p, const struct chart_step *s)
{
    char why[240] = "";
    bool ok;

    if (s->kind == CHART_WAIT || s->kind == CHART_NONE)
        return none_step(p, s);
    if (s->kind == CHART_ACTION) {
        ok = action_run(p, s, why, sizeof why);
        report(p, s, NULL, !ok ? LADDER_FAIL : action_judges(p, s) ? LADDER_PASS : LADDER_SENT, why);
        return ok;
    }
    if (s->kind == CHART_EVENT)
        return event_step(p, s);
    if (by_trace(p, s))
        return true; /* judged at the end */
    if (play_is_real(p, s->from))
        return judge_step(p, s);
    if (play_is_real(p, s->to))
        return send_step(p, s);
    report(p, s, NULL, LADDER_SKIP, "neither is real");
    return true;
}

static bool same_message(const struct retrace_msg *a, const struct retrace_msg *b)
{
    return a->txn && b->txn && a->txn->kind == b->txn->kind && a->txn->tid == b->txn->tid && !strcmp(a->from, b->from);
}

/* Registration, heartbeats and questions to ROOT are the association's; Pendings and acknowledgements the transactions'. */
static bool is_call_message(const struct retrace_msg *m)
{
    return m->txn && (m->txn->kind == H248_REQUEST || m->txn->kind == H248_REPLY) && m->txn->actions &&
           m->txn->actions->context != H248_CTX_NULL;
}

/* What passed between two real ones and no step names, repeats apart. */
static void judge_rest(struct play *p, struct retrace_msg *list)
{
    struct retrace_msg *m, *u;
    char title[200];

    DL_FOREACH(list, m)
    {
        bool known = m->used || !is_call_message(m);

        for (u = list; u && !known; u = u->next)
            known = u->used && same_message(u, m);
        if (known)
            continue;
        sv_copy(m->title, title, sizeof title);
        ladder_line(&p->ladder, NULL, m->from, m->to, m->proto, title, m->t_us, LADDER_FAIL, "not in the chart");
    }
}

static void judge_traced(struct play *p)
{
    static const bool never;
    struct arena *a = arena_new(64u << 20);
    struct retrace_msg *list = NULL, *sip, *h248, *m;
    char why[240], title[200];

    play_until(p, &never, 300);
    if (!a || retrace_load(a, p->dir, &list, why, sizeof why)) {
        fprintf(stderr, "no trace to judge: %s\n", why);
        p->ladder.failed++;
        arena_free(a);
        return;
    }
    sip = h248 = list; /* each protocol in the order of the chart */
    for (unsigned i = 0; i < p->at && i < p->c->n_steps; i++) {
        const struct chart_step *s = &p->c->steps[i];
        struct retrace_msg **at = strcmp(s->proto, "sip") ? &h248 : &sip;

        if (!by_trace(p, s))
            continue;
        m = retrace_find(*at, s, &p->vs, why, sizeof why);
        if (m)
            sv_copy(m->title, title, sizeof title);
        ladder_line(&p->ladder, s, s->from, s->to, s->proto, m ? title : "missing", m ? m->t_us : play_now_us(),
                    m ? LADDER_PASS : LADDER_FAIL, why);
        *at = m ? retrace_behind(*at, m) : *at;
    }
    if (p->real_alg && p->real_agw)
        judge_rest(p, list);
    arena_free(a);
}

static bool any_traced(const struct play *p)
{
    for (unsigned i = 0; i < p->c->n_steps; i++) {
        if (by_trace(p, &p->c->steps[i]))
            return true;
    }
    return false;
}

static void left_over(struct play *p)
{
    struct play_in *in, *tmp;

    DL_FOREACH_SAFE(p->in, in, tmp)
    {
        char title[200];
        struct sv text = in->text, line = sv_line(&text);
        bool ok = may_pass(in);

        if (in->txn)
            h248_txn_title(in->txn, title, sizeof title);
        else
            sv_copy(line, title, sizeof title);
        ladder_line(&p->ladder, NULL, in->from, in->to, in->proto, title, in->t_us, ok ? LADDER_SEEN : LADDER_FAIL,
                    ok ? "" : "not in the chart");
        in_free(p, in);
    }
}

/* Every chart ends with nothing left at the gateway and no context held by alg. */
static void judge_end(struct play *p)
{
    static const struct {
        const char *actor, *metric;
    } ends[] = {{"alg", "alg_iq_contexts"}, {"agw", "agw_contexts"}, {"agw", "agw_endpoints"}};
    static const bool never;

    play_until(p, &never, PLAY_LAST_MS);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        uint16_t port = !strcmp(ends[i].actor, "alg") ? p->ops_alg : p->ops_agw;
        int64_t end = play_now_us() + PLAY_LEAVE_MS * 1000LL;
        long n = -1;
        char why[80];

        if (!play_is_real(p, ends[i].actor))
            continue;
        while ((!launch_metric(port, ends[i].metric, &n) || n) && play_now_us() < end)
            play_until(p, &never, 20);
        snprintf(why, sizeof why, "%s is %ld at the end", ends[i].metric, n);
        if (n)
            ladder_line(&p->ladder, NULL, ends[i].actor, "", "", "", play_now_us(), LADDER_FAIL, why);
    }
}

static int set_lets(struct play *p)
{
    for (unsigned i = 0; i < p->c->n_lets; i++) {
        const struct chart_let *l = &p->c->lets[i];
        char owner[16], name[VAR_NAME], value[VAR_VALUE], copy[VAR_VALUE];

        sv_copy(l->owner, owner, sizeof owner);
        sv_copy(l->name, name, sizeof name);
        if (play_is_real(p, owner))
            continue;
        sv_copy(l->value, copy, sizeof copy);
        if (sv_starts(l->value, "jwt ") && login_token(value, sizeof value, (struct sv){l->value.p + 4, l->value.n - 4}))
            return -EINVAL;
        if (vars_set(&p->vs, name, sv_starts(l->value, "jwt ") || media_value(p, l->value, value) ? value : copy))
            return -ENOSPC;
    }
    return 0;
}

static void drain(struct play *p)
{
    for (int i = 0; i < 300 && uv_loop_alive(&p->loop); i++) {
        uv_run(&p->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

int play_run(struct play *p, const struct chart *c, bool real_alg, bool real_agw, const char *bin)
{
    int err;

    memset(p, 0, sizeof *p);
    p->c = c;
    p->bin = bin;
    p->core_fd = -1;
    p->real_alg = real_alg;
    p->real_agw = real_agw;
    p->verbose = getenv("IQ_REPLAY_VERBOSE") != NULL;
    snprintf(p->dir, sizeof p->dir, "/tmp/iq-replay-XXXXXX");
    if (!mkdtemp(p->dir))
        return -errno;
    uv_loop_init(&p->loop);
    uv_timer_init(&p->loop, &p->timer);
    p->timer.data = p;
    ladder_init(&p->ladder, c);
    err = media_open(p);
    if (!err)
        err = wires_open(p);
    if (!err)
        err = launch(p);
    if (!err)
        err = relay_launch(p);
    if (!err && real_alg && real_agw)
        err = launch_ready(p);
    if (!err)
        err = wires_ready(p);
    if (!err)
        err = set_lets(p);
    for (p->at = 0; !err && p->at < c->n_steps; p->at++) {
        if (!run_step(p, &c->steps[p->at]))
            break;
    }
    if (!err && p->at == c->n_steps)
        judge_end(p);
    if (!err && any_traced(p))
        judge_traced(p);
    left_over(p);
    media_close(p);
    drain(p);
    relay_stop(p);
    stranger_leaves(p);
    launch_stop(p);
    wires_close(p);
    drain(p);
    if (err) {
        fprintf(stderr, "the chart could not be played: %s\n", strerror(-err));
        p->ladder.failed++;
    }
    if (p->ladder.failed)
        fprintf(stderr, "logs and traces in %s\n", p->dir);
    else
        launch_clean(p);
    return 0;
}
