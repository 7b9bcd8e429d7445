/* lab-far: the lab's far end as a process; see far.h. */
#include <getopt.h>
#include <signal.h>
#include <sofia-sip/su_wait.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lab/far.h"

#define STEP_MS 500
#define STOP_MS 3000

static const char usage[] =
    "usage: lab-far [options]   an IMS core for the lab: registrar, MSRP echo, phone page\n"
    "  --host IP        address of everything (127.0.0.1)\n"
    "  --media IP       that of RTP and MSRP, IPv6 as well (as --host)\n"
    "  --sip PORT       SIP, UDP and TCP (5070)\n"
    "  --web PORT       page and API (8000)\n"
    "  --domain NAME    home domain (home.example.net)\n"
    "  --page DIR       folder of index.html and phone.js\n"
    "  --jssip FILE     jssip.min.js\n"
    "  --config FILE    /config.json of the page (ws, domain, ways, tcp, turn), instead of --ws and --domain told\n"
    "  --ws URL         WebSocket told to the page (ws://127.0.0.1:8080)\n"
    "  --ring MS        pause between 180 and 200 (150)\n"
    "  --chunk N        octets of body in one MSRP chunk (16384)\n"
    "  --tls DIR        SIP over TLS as well, with agent.pem (certificate, key) and cafile.pem of that folder\n"
    "  --tls-port PORT  there (5061)\n"
    "  --route URI      Service-Route told at registration: browsers' calls go there, \"sip:127.0.0.1:5080;lr\"\n"
    "Accounts: any user, password USER-secret. Callees: echo passive busy decline ring gone silent drop\n";

static const struct option options[] = {
    {"host", 1, NULL, 'h'},  {"media", 1, NULL, 'm'},  {"sip", 1, NULL, 's'},  {"web", 1, NULL, 'w'}, {"domain", 1, NULL, 'd'},
    {"page", 1, NULL, 'p'},  {"jssip", 1, NULL, 'j'}, {"ws", 1, NULL, 'u'},  {"ring", 1, NULL, 'r'},
    {"config", 1, NULL, 'f'}, {"chunk", 1, NULL, 'c'}, {"route", 1, NULL, 'o'}, {"tls", 1, NULL, 't'}, {"tls-port", 1, NULL, 'T'},
    {"help", 0, NULL, 'H'}, {"version", 0, NULL, 'V'}, {0}};

static int parse(struct far_conf *c, int argc, char **argv)
{
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (o) {
        case 'h': c->host = optarg; break;
        case 'm': c->media = optarg; break;
        case 's': c->sip_port = (uint16_t)atoi(optarg); break;
        case 'w': c->web_port = (uint16_t)atoi(optarg); break;
        case 'd': c->domain = optarg; break;
        case 'p': c->page_dir = optarg; break;
        case 'j': c->jssip = optarg; break;
        case 'f': c->config = optarg; break;
        case 'u': c->ws_url = optarg; break;
        case 'r': c->ring_ms = (unsigned)atoi(optarg); break;
        case 'o': c->route = optarg; break;
        case 't': c->tls = optarg; break;
        case 'T': c->tls_port = (uint16_t)atoi(optarg); break;
        case 'c': c->chunk = strtoul(optarg, NULL, 10); break;
        case 'V': printf("lab-far %s\n", OPENIQ_VERSION); exit(0);
        case 'H': fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "lab-far: '%s' is no option\n%s", argv[optind], usage);
    return 2;
}

static void on_signal(uv_signal_t *s, int num)
{
    (void)num;
    far_sip_stop(s->data);
}

static int on_uv(su_root_magic_t *magic, su_wait_t *w, su_wakeup_arg_t *arg)
{
    (void)magic;
    (void)w;
    uv_run((uv_loop_t *)arg, UV_RUN_NOWAIT);
    return 0;
}

static void run(struct far *f)
{
    msec_t stop_at = MSEC_NEVER;

    while (!f->stopped && net_now_ms() < stop_at) {
        int wait;

        uv_run(&f->loop, UV_RUN_NOWAIT);
        wait = uv_backend_timeout(&f->loop);
        if (wait < 0 || wait > STEP_MS)
            wait = STEP_MS;
        su_root_step(f->root, wait);
        if (f->stopping && stop_at == MSEC_NEVER)
            stop_at = net_now_ms() + STOP_MS;
    }
}

int main(int argc, char **argv)
{
    struct far f = {.conf = {.host = "127.0.0.1", .sip_port = 5070, .tls_port = 5061, .web_port = 8000,
                             .domain = "home.example.net", .ws_url = "ws://127.0.0.1:8080",
                             .ring_ms = 150, .chunk = 16384}};
    uv_signal_t term, intr;
    su_wait_t wait[1];
    int err = parse(&f.conf, argc, argv);

    if (err)
        return err;
    if (!f.conf.media)
        f.conf.media = f.conf.host;
    signal(SIGPIPE, SIG_IGN);
    su_init();
    f.root = su_root_create(NULL);
    uv_loop_init(&f.loop);
    su_wait_init(wait);
    su_wait_create(wait, uv_backend_fd(&f.loop), SU_WAIT_IN);
    su_root_register(f.root, wait, on_uv, (su_wakeup_arg_t *)&f.loop, 0);
    uv_signal_init(&f.loop, &term);
    uv_signal_init(&f.loop, &intr);
    term.data = intr.data = &f;
    uv_signal_start(&term, on_signal, SIGTERM);
    uv_signal_start(&intr, on_signal, SIGINT);
    err = far_reg_new(&f);
    if (!err)
        err = far_sip_new(&f);
    if (!err)
        err = far_web_new(&f);
    if (err) {
        fprintf(stderr, "lab-far: cannot listen on %s, SIP port %u, web port %u: %s\n", f.conf.host,
                f.conf.sip_port, f.conf.web_port, strerror(-err));
        return 1;
    }
    printf("far end: SIP %s:%u, page http://%s:%u/\n", f.conf.host, f.conf.sip_port, f.conf.host,
           f.conf.web_port);
    fflush(stdout);
    run(&f);
    far_web_free(&f);
    far_reg_free(&f);
    return 0;
}
