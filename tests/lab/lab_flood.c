/* lab-flood: clients that connect and waste places. Each kind keeps N connections for as long as it runs and begins again
 * when one is closed; `connect` begins and ends R a second. Sources are addresses of 127/8 unless told. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/net.h"

#define EVENTS 512
#define PAUSE_MS 1000 /* between two octets, and before a closed one is tried again */

static const char UPGRADE[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1:8000\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                              "Sec-WebSocket-Protocol: sip\r\n\r\n";
/* the first 40 octets of a ClientHello whose record has 512 */
static const char HELLO[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" "abcdefghijklmnopqrstuvwxyz012";
static const char HALF_FRAME[] = "\x81\xfe\x04\x00" "mask" "OPTIONS sip:home.example.net SIP/2.0"; /* of 1024 octets */
static const char HUGE_FRAME[] = "\x81\xfe\xff\xff" "mask";

static const struct kind {
    const char *name, *help;
    const char *first, *then; /* sent at once; sent when the far end has answered */
    size_t n_first, n_then;
    const char *drip;         /* then one octet a second of this, again and again; NULL: nothing more */
} kinds[] = {
    {"idle", "connect and say nothing", "", "", 0, 0, NULL},
    {"hello", "half a TLS ClientHello", HELLO, "", sizeof HELLO - 1, 0, NULL},
    {"request", "half an HTTP request, then an octet a second", UPGRADE, "", 60, 0, "x"},
    {"frame", "upgrade, then half a frame", UPGRADE, HALF_FRAME, sizeof UPGRADE - 1, sizeof HALF_FRAME - 1, NULL},
    {"trickle", "upgrade, then a frame of 64 KiB, an octet a second", UPGRADE, HUGE_FRAME, sizeof UPGRADE - 1, sizeof HUGE_FRAME - 1, "y"},
    {"upgraded", "upgrade, then nothing", UPGRADE, "", sizeof UPGRADE - 1, 0, NULL},
    {"sip", "half a SIP request over TCP, then an octet a second", "OPTIONS sip:x SIP/2.0\r\nVia: ", "", 28, 0, "z"},
    {"tls", "what no frame of RFC 4571 is, at once", "\x16\x03\x01\x02\x00\x01", "", 6, 0, NULL},
    {"half", "half a frame of RFC 4571, then an octet a second", "\x04\x00\x00\x01\x03\xe0", "", 6, 0, "w"},
    {"connect", "connect and close, --rate times a second", "", "", 0, 0, NULL},
};

struct client {
    int fd; /* -1: waits for `next` */
    bool up, answered;
    msec_t next;
};

struct flood {
    const struct kind *kind;
    struct addr to;
    unsigned n, rate, sources, seconds, last_source;
    struct client *clients;
    int epoll;
    unsigned long begun, closed, failed;
};

static bool stop;

static void on_signal(int num)
{
    (void)num;
    stop = true;
}

static void source(struct flood *f, struct addr *out)
{
    const unsigned i = f->last_source++ % f->sources;

    memset(out, 0, sizeof *out);
    out->u.in4.sin_family = AF_INET;
    out->u.in4.sin_addr.s_addr = htonl(0x7f640000u + (i / 250 << 8) + i % 250 + 1); /* 127.100.0.1 and on */
}

static void end(struct flood *f, struct client *c, msec_t now)
{
    close(c->fd);
    c->fd = -1;
    c->next = now + PAUSE_MS;
    f->closed++;
}

static void begin(struct flood *f, struct client *c, msec_t now)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    struct addr from;

    source(f, &from);
    c->up = c->answered = false;
    c->fd = net_tcp_connect(&f->to, &from);
    c->next = now + PAUSE_MS;
    if (c->fd < 0 || epoll_ctl(f->epoll, EPOLL_CTL_ADD, c->fd, &ev)) {
        f->failed++;
        if (c->fd >= 0)
            close(c->fd);
        c->fd = -1;
        return;
    }
    f->begun++;
}

static void say(const struct client *c, const char *p, size_t n)
{
    if (n && send(c->fd, p, n, MSG_NOSIGNAL) < 0)
        return; /* its end comes as an event */
}

static void on_event(struct flood *f, struct client *c, uint32_t events, msec_t now)
{
    char text[4096];
    ssize_t n = 1;

    if (c->fd < 0)
        return;
    if (events & (EPOLLERR | EPOLLHUP)) {
        end(f, c, now);
        return;
    }
    if (!c->up && events & EPOLLOUT) {
        c->up = true;
        say(c, f->kind->first, f->kind->n_first);
    }
    while (events & EPOLLIN && (n = recv(c->fd, text, sizeof text, 0)) > 0) {
        if (!c->answered)
            say(c, f->kind->then, f->kind->n_then);
        c->answered = true;
    }
    if (n == 0)
        end(f, c, now);
}

static void drip(struct flood *f, msec_t now)
{
    for (unsigned i = 0; i < f->n; i++) {
        struct client *c = &f->clients[i];

        if (now < c->next)
            continue;
        c->next = now + PAUSE_MS;
        if (c->fd < 0)
            begin(f, c, now);
        else if (c->up && f->kind->drip && (!f->kind->n_then || c->answered))
            say(c, f->kind->drip, 1);
    }
}

/* Ends the oldest and begins another, as many as are due. */
static void churn(struct flood *f, msec_t since, msec_t now)
{
    static unsigned at;

    while (f->begun + f->failed < (unsigned long)(now - since) * f->rate / 1000) {
        struct client *c = &f->clients[at++ % f->n];

        if (c->fd >= 0)
            end(f, c, now);
        begin(f, c, now);
    }
}

static unsigned held(const struct flood *f)
{
    unsigned n = 0;

    for (unsigned i = 0; i < f->n; i++)
        n += f->clients[i].fd >= 0 && f->clients[i].up;
    return n;
}

static int run(struct flood *f)
{
    const msec_t start = net_now_ms();
    msec_t now = start, looked = 0;
    struct epoll_event ev[EVENTS];

    f->epoll = epoll_create1(0);
    f->clients = calloc(f->n, sizeof *f->clients);
    if (!f->clients || f->epoll < 0)
        return 1;
    for (unsigned i = 0; i < f->n; i++)
        f->clients[i].fd = -1;
    while (!stop && now < start + f->seconds * 1000) {
        const int n = epoll_wait(f->epoll, ev, EVENTS, 5);

        now = net_now_ms();
        for (int i = 0; i < n; i++)
            on_event(f, ev[i].data.ptr, ev[i].events, now);
        if (f->rate)
            churn(f, start, now);
        else if (now >= looked + 20)
            drip(f, looked = now);
    }
    printf("kind=%s begun=%lu closed=%lu failed=%lu held=%u seconds=%.1f\n", f->kind->name, f->begun, f->closed, f->failed, held(f),
           (double)(now - start) / 1000);
    return 0;
}

/* why: on stderr, NULL: none was wrong */
static int usage(const char *why)
{
    FILE *to = why ? stderr : stdout;

    if (why)
        fprintf(to, "lab-flood: %s\n", why);
    fputs("usage: lab-flood KIND [options]   clients that waste the server's places\n", to);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        fprintf(to, "  %-18s %s\n", kinds[i].name, kinds[i].help);
    fputs("  --to ADDRESS:PORT  the server, TCP (127.0.0.1:8080)\n"
          "  --n N              connections at once (1000)\n"
          "  --rate R           connect: connections a second (2000)\n"
          "  --sources N        addresses they come from, 127.100.0.1 and on (1)\n"
          "  --seconds S        how long (10)\n"
          "  --help\n"
          "exit status: 0 it ran, 2 usage\n", to);
    return why ? 2 : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"to", 1, NULL, 't'}, {"n", 1, NULL, 'n'}, {"rate", 1, NULL, 'r'}, {"sources", 1, NULL, 's'},
        {"seconds", 1, NULL, 'S'}, {"help", 0, NULL, 'H'}, {0}};
    struct flood f = {.n = 1000, .rate = 2000, .sources = 1, .seconds = 10};
    int c;

    addr_parse_hostport(&f.to, SV("127.0.0.1:8080"), 0);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 't': if (addr_parse_hostport(&f.to, sv_from(optarg), 0)) return usage("--to is no address and port"); break;
        case 'n': f.n = (unsigned)atoi(optarg); break;
        case 'r': f.rate = (unsigned)atoi(optarg); break;
        case 's': f.sources = (unsigned)atoi(optarg); break;
        case 'S': f.seconds = (unsigned)atoi(optarg); break;
        case 'H': return usage(NULL);
        default: return usage("no such option");
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (optind < argc && !strcmp(argv[optind], kinds[i].name))
            f.kind = &kinds[i];
    if (!f.kind || optind + 1 != argc || !f.n || !f.sources)
        return usage("one KIND, and at least one connection and source are required");
    if (strcmp(f.kind->name, "connect") != 0)
        f.rate = 0;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    net_files(f.n + 64);
    return run(&f);
}
