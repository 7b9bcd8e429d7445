/* lab-wic: places calls without a browser. One call with its messages printed, or many for load. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/net.h"
#include "tests/lab/wic.h"

#define WICS_MAX 4096
#define ORDER_MAX 1024
#define ECHO_MS 2000 /* what is not here then is lost */
#define ECHO_LOOK_MS 10

struct lab {
    uv_loop_t loop;
    struct wsc_lib *ws;
    struct agent *agents;
    uv_timer_t limit;
    const char *url, *origin, *callee, *text, *media_ip;
    unsigned n_agents, calls, hold_ms, linger_ms, timeout_s, audio;
    unsigned registered, started, done, failed, delivered;
    msec_t t0;
    size_t file;
    bool quiet, over, keep, holding, obeys, tcp;
    uv_pipe_t orders;
    char line[ORDER_MAX];
    size_t n_line;
    float *setup_ms; /* of each call that was answered */
    unsigned n_setup;
};

struct agent {
    struct lab *lab;
    struct wic *wic;
    uv_timer_t timer; /* the next step from the loop, not from inside a callback */
    char user[32], password[48];
    unsigned messages, looks; /* of this call; for the rest of the echo */
    uint64_t called;          /* ns */
};

static const char usage[] =
    "usage: lab-wic [options]   registers over WebSocket and places calls\n"
    "  --url URL       WebSocket of alg (ws://127.0.0.1:8080/)\n"
    "  --origin URL    Origin sent (http://127.0.0.1:8000)\n"
    "  --callee URI    (sip:echo@home.example.net)\n"
    "  --text TEXT     message sent (hello from the browser)\n"
    "  --file SIZE     send a file of so many octets instead, and compare its echo\n"
    "  --audio RATE    calls with audio instead: a tone, so many packets a second, and its echo\n"
    "  --media IP      address of our candidates (127.0.0.1)\n"
    "  --agents N      WICs at once (1)\n"
    "  --calls N       calls altogether (1); with more than 1 the figures are printed as key=value\n"
    "  --hold MS       keep a call up before hanging up (0)\n"
    "  --keep          keep the calls up until SIGTERM (for memory figures)\n"
    "  --tcp           media over ICE-TCP, to the last TCP candidate of the answer\n"
    "  --linger MS     when the other side hangs up, wait so long for the end of the transport (0)\n"
    "  --timeout S     give up (30)\n"
    "  --orders        one WIC that does what the lines of standard input say, until its end:\n"
    "                  call URI | send TEXT | throw KIND SID HEX | hangup | vanish\n"
    "exit status: 0 every call delivered its message and its echo, 1 not, 2 usage\n";

static const struct option options[] = {{"url", 1, NULL, 'u'},     {"origin", 1, NULL, 'o'},
                                        {"callee", 1, NULL, 'c'},  {"text", 1, NULL, 't'},
                                        {"file", 1, NULL, 'f'},
                                        {"media", 1, NULL, 'm'},   {"agents", 1, NULL, 'a'},
                                        {"calls", 1, NULL, 'n'},   {"hold", 1, NULL, 'h'},
                                        {"timeout", 1, NULL, 's'}, {"keep", 0, NULL, 'k'},
                                        {"orders", 0, NULL, 'O'},  {"audio", 1, NULL, 'A'},
                                        {"tcp", 0, NULL, 'T'},     {"linger", 1, NULL, 'l'},
                                        {"help", 0, NULL, 'H'},    {"version", 0, NULL, 'V'},
                                        {0}};

static int parse(struct lab *l, int argc, char **argv)
{
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (o) {
        case 'u': l->url = optarg; break;
        case 'o': l->origin = optarg; break;
        case 'c': l->callee = optarg; break;
        case 't': l->text = optarg; break;
        case 'f': l->file = strtoul(optarg, NULL, 10); break;
        case 'm': l->media_ip = optarg; break;
        case 'a': l->n_agents = (unsigned)atoi(optarg); break;
        case 'n': l->calls = (unsigned)atoi(optarg); break;
        case 'h': l->hold_ms = (unsigned)atoi(optarg); break;
        case 's': l->timeout_s = (unsigned)atoi(optarg); break;
        case 'k': l->keep = true; break;
        case 'O': l->obeys = true; break;
        case 'A': l->audio = (unsigned)atoi(optarg); break;
        case 'T': l->tcp = true; break;
        case 'l': l->linger_ms = (unsigned)atoi(optarg); break;
        case 'V': printf("lab-wic %s\n", OPENIQ_VERSION); exit(0);
        case 'H': fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind == argc && l->n_agents && l->n_agents <= WICS_MAX && l->calls)
        return 0;
    fprintf(stderr, "lab-wic: options only, --agents of 1 to %d and --calls of at least 1\n%s", WICS_MAX, usage);
    return 2;
}

static void on_next(uv_timer_t *t)
{
    struct agent *ag = t->data;
    struct lab *l = ag->lab;

    if (l->started >= l->calls) {
        if (l->done >= l->calls && !l->holding)
            uv_stop(&l->loop);
        return;
    }
    l->started++;
    ag->messages = ag->looks = 0;
    ag->called = uv_hrtime();
    if (wic_call(ag->wic, l->callee)) {
        l->failed++;
        l->done++;
    }
}

/* Who speaks hangs up when the echo of all that he said is here: late is not lost. */
static void on_hangup(uv_timer_t *t)
{
    struct agent *ag = t->data;

    if (!wic_hush(ag->wic) && ++ag->looks < ECHO_MS / ECHO_LOOK_MS) {
        uv_timer_start(t, on_hangup, ECHO_LOOK_MS, 0);
        return;
    }
    wic_hangup(ag->wic);
}

static void ended(struct agent *ag, bool failed, struct sv why)
{
    struct lab *l = ag->lab;

    l->done++;
    if (failed || !ag->messages) {
        l->failed++;
        if (l->failed <= 5)
            fprintf(stderr, "wic %s: call failed: %.*s\n", ag->user, SV_ARG(why));
    }
    uv_timer_start(&ag->timer, on_next, 0, 0);
}

/* What happens, a line each, for one who gives orders. */
static void narrate(struct agent *ag, enum wic_event ev, struct sv text)
{
    static const char *const words[] = {
        [WIC_REGISTERED] = "registered", [WIC_RINGING] = "ringing", [WIC_ESTABLISHED] = "answered",
        [WIC_CHANNEL_UP] = "channel up", [WIC_MESSAGE] = "delivered", [WIC_ENDED] = "ended",
        [WIC_FAILED] = "failed", [WIC_NEWS] = "news"};

    printf("wic: %s: %.*s\n", words[ev], SV_ARG(text));
    fflush(stdout);
    if (ev == WIC_REGISTERED)
        ag->lab->registered++;
}

static void on_event(void *arg, struct wic *w, enum wic_event ev, struct sv text)
{
    struct agent *ag = arg;
    struct lab *l = ag->lab;

    if (l->obeys) {
        narrate(ag, ev, text);
        return;
    }
    switch (ev) {
    case WIC_REGISTERED:
        if (!l->quiet)
            printf("wic: registered as %s\n", ag->user);
        if (++l->registered == l->n_agents) {
            l->t0 = net_now_ms();
            for (unsigned i = 0; i < l->n_agents; i++)
                uv_timer_start(&l->agents[i].timer, on_next, 0, 0);
        }
        break;
    case WIC_ESTABLISHED:
        if (l->n_setup < l->calls)
            l->setup_ms[l->n_setup++] = (float)(uv_hrtime() - ag->called) / 1e6f;
        break;
    case WIC_CHANNEL_UP:
        if (!l->quiet)
            printf("wic: sends: %s\n", l->file ? "a file" : l->text);
        if (l->file)
            wic_send_file(w, l->file);
        else
            wic_send_text(w, l->text);
        break;
    case WIC_MESSAGE:
        if (!l->quiet)
            printf("wic: delivered: %.*s\n", SV_ARG(text));
        ag->messages++;
        l->delivered++;
        if (l->keep) {
            l->done++;
            uv_timer_start(&ag->timer, on_next, 0, 0);
        } else {
            uv_timer_start(&ag->timer, on_hangup, l->hold_ms, 0);
        }
        break;
    case WIC_ENDED:
        ended(ag, false, text);
        break;
    case WIC_FAILED:
        if (l->registered < l->n_agents) {
            fprintf(stderr, "wic %s: not registered: %.*s\n", ag->user, SV_ARG(text));
            l->failed++;
            uv_stop(&l->loop);
        } else if (!l->over) {
            ended(ag, true, text);
        }
        break;
    default:
        break;
    }
    fflush(stdout);
}

static void on_limit(uv_timer_t *t)
{
    struct lab *l = t->data;

    fprintf(stderr, "lab-wic: not done after %u s: %u of %u calls\n", l->timeout_s, l->done, l->calls);
    l->failed++;
    uv_stop(&l->loop);
}

static void on_term(uv_signal_t *s, int num)
{
    (void)num;
    uv_stop(s->loop);
}

/* --- orders --- */

static void obey(struct lab *l, char *order)
{
    struct wic *w = l->agents[0].wic;
    char *rest = strchr(order, ' ');
    int err = 0;

    if (rest)
        *rest++ = '\0';
    if (!strcmp(order, "call"))
        err = wic_call(w, rest ? rest : l->callee);
    else if (!strcmp(order, "send"))
        err = wic_send_text(w, rest ? rest : l->text);
    else if (!strcmp(order, "throw"))
        err = rest ? wic_throw(w, rest) : -EINVAL;
    else if (!strcmp(order, "hangup"))
        wic_hangup(w);
    else if (!strcmp(order, "vanish"))
        wic_vanish(w);
    else
        err = -EINVAL;
    if (err)
        fprintf(stderr, "lab-wic: %s: %s\n", order, strerror(-err));
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
    struct lab *l = h->data;

    (void)want;
    *buf = uv_buf_init(l->line + l->n_line, (unsigned)(sizeof l->line - 1 - l->n_line));
}

static void on_orders(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct lab *l = s->data;
    char *end;

    (void)buf;
    if (n < 0) { /* end of the orders, or a line that is too long */
        uv_stop(&l->loop);
        return;
    }
    l->n_line += (size_t)n;
    l->line[l->n_line] = '\0';
    while ((end = strchr(l->line, '\n'))) {
        *end++ = '\0';
        obey(l, l->line);
        l->n_line -= (size_t)(end - l->line);
        memmove(l->line, end, l->n_line + 1);
    }
}

static int orders_open(struct lab *l)
{
    int err = uv_pipe_init(&l->loop, &l->orders, 0);

    l->orders.data = l;
    if (!err)
        err = uv_pipe_open(&l->orders, 0);
    return err ? err : uv_read_start((uv_stream_t *)&l->orders, on_alloc, on_orders);
}

static int start(struct lab *l)
{
    int err = wsc_lib_new(&l->ws, &l->loop);

    l->agents = calloc(l->n_agents, sizeof *l->agents);
    l->setup_ms = calloc(l->calls, sizeof *l->setup_ms);
    if (err || !l->agents || !l->setup_ms)
        return -1;
    for (unsigned i = 0; i < l->n_agents; i++) {
        struct agent *ag = &l->agents[i];
        struct wic_conf conf = {.loop = &l->loop, .ws = l->ws, .url = l->url, .origin = l->origin,
                                .user = ag->user, .domain = "home.example.net",
                                .password = ag->password, .media_ip = l->media_ip, .audio = l->audio, .tcp = l->tcp,
                                .linger_ms = (int)l->linger_ms,
                                .event = on_event, .arg = ag};

        ag->lab = l;
        snprintf(ag->user, sizeof ag->user, l->n_agents == 1 ? "alice" : "user%u", i);
        snprintf(ag->password, sizeof ag->password, "%s-secret", ag->user);
        uv_timer_init(&l->loop, &ag->timer);
        ag->timer.data = ag;
        if (wic_new(&ag->wic, &conf))
            return -1;
    }
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* From INVITE to its 200. */
static void print_setup(struct lab *l)
{
    const unsigned n = l->n_setup;

    if (!n)
        return;
    qsort(l->setup_ms, n, sizeof *l->setup_ms, by_time);
    printf("setup_p50_ms=%.1f setup_p99_ms=%.1f setup_max_ms=%.1f\n", (double)l->setup_ms[n / 2],
           (double)l->setup_ms[(n * 99 - 1) / 100], (double)l->setup_ms[n - 1]);
}

/* What was said and heard in all calls. */
static void print_audio(const struct lab *l)
{
    struct wic_audio_counts all = {0};

    for (unsigned i = 0; i < l->n_agents; i++) {
        const struct wic_audio_counts one = wic_audio_of(l->agents[i].wic);

        all.sent += one.sent;
        all.back += one.back;
        all.wrong += one.wrong;
    }
    printf("rtp_sent=%lu rtp_back=%lu rtp_wrong=%lu\n", all.sent, all.back, all.wrong);
}

int main(int argc, char **argv)
{
    struct lab l = {.url = "ws://127.0.0.1:8080/", .origin = "http://127.0.0.1:8000",
                    .callee = "sip:echo@home.example.net", .text = "hello from the browser",
                    .media_ip = "127.0.0.1", .n_agents = 1, .calls = 1, .timeout_s = 30};
    uv_signal_t term;
    msec_t ms;
    int err = parse(&l, argc, argv);

    if (err)
        return err;
    signal(SIGPIPE, SIG_IGN);
    l.quiet = l.calls > 1;
    uv_loop_init(&l.loop);
    uv_timer_init(&l.loop, &l.limit);
    l.limit.data = &l;
    uv_timer_start(&l.limit, on_limit, l.timeout_s * 1000, 0);
    uv_signal_init(&l.loop, &term);
    uv_signal_start(&term, on_term, SIGTERM);
    if (l.obeys && orders_open(&l)) {
        fprintf(stderr, "lab-wic: --orders wants a pipe as standard input\n");
        return 2;
    }
    if (start(&l)) {
        fprintf(stderr, "lab-wic: cannot connect to %s: is alg running?\n", l.url);
        return 1;
    }
    uv_run(&l.loop, UV_RUN_DEFAULT);
    ms = net_now_ms() - l.t0;
    if (l.calls > 1)
        printf("calls=%u failed=%u seconds=%.3f calls_per_second=%.1f\n", l.done, l.failed,
               (double)ms / 1000, ms ? (double)(l.done - l.failed) * 1000 / (double)ms : 0);
    if (l.calls > 1)
        print_setup(&l);
    fflush(stdout);
    l.holding = l.keep && !l.failed;
    if (l.holding)
        uv_run(&l.loop, UV_RUN_DEFAULT); /* until SIGTERM */
    l.over = true;
    uv_signal_stop(&term); /* it lives on this stack, and we end anyway */
    signal(SIGTERM, SIG_IGN);
    if (l.audio)
        print_audio(&l);
    for (unsigned i = 0; i < l.n_agents; i++)
        wic_free(l.agents[i].wic);
    if (l.obeys)
        return l.failed ? 1 : 0;
    return l.failed || l.delivered < l.calls ? 1 : 0;
}
