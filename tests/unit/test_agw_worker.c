/* A worker thread against browsers on loopback: both DTLS roles, SCTP through it, refusals, loss and end. The loop of the
 * test waits for what must happen, at most LIMIT_MS; nothing sleeps. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <poll.h>
#include <unistd.h>

#include "agw/data/sctp.h"
#include "common/enc.h"
#include "tests/fake/browser.h"
#include "tests/unit/worker_rig.h"

#define LIMIT_MS 20000
#define MANY 20

struct call {
    struct fixture *f;
    bus_id id;
    struct addr at;
    struct bus_sep spec;
    struct browser *browser;
    struct sctp *sctp; /* what the data thread would have */
    char log[400];     /* of control: events */
    char browser_log[400];
    char got[64], browser_got[64];
    struct bus_stats closed;
};

struct fixture {
    uv_loop_t loop;
    uv_timer_t timer; /* wakes the loop, so that inboxes are looked at */
    struct worker_rig rig;
    struct trace *trace;
    char dir[64];
    struct sctp_lib *sctp;
    struct call call[MANY];
};

static void append(char *log, size_t size, const char *what, const char *text)
{
    const size_t n = strlen(log);

    snprintf(log + n, size - n, "%s%s%s;", what, text[0] ? " " : "", text);
}

/* --- the browser's side --- */

static void on_event(void *arg, enum browser_event ev, const char *text)
{
    static const char *const names[] = {"ice", "hello", "dtls", "dtls-failed", "sctp", "reset", "closed"};
    struct call *c = arg;

    append(c->browser_log, sizeof(c->browser_log), names[ev], text);
}

static void on_message(void *arg, uint16_t sid, bool binary, const void *p, size_t n)
{
    struct call *c = arg;

    assert_int_equal(sid, 4);
    assert_false(binary);
    sv_copy((struct sv){p, n}, c->browser_got, sizeof(c->browser_got));
}

/* --- control's and data's side --- */

static struct call *call_of(struct fixture *f, bus_id id)
{
    assert_in_range(id, 1, MANY);
    return &f->call[id - 1];
}

static void on_ctl(struct fixture *f, const struct bus_msg *m)
{
    struct call *c = call_of(f, m->u.id);

    if (m->kind == BUS_CLOSED) {
        c->closed = m->u.stats;
        append(c->log, sizeof(c->log), "closed", "");
        return;
    }
    assert_int_equal(m->kind, BUS_EVENT);
    append(c->log, sizeof(c->log), bus_what_name(m->u.event.what), m->u.event.text);
}

static void on_data(struct fixture *f, const struct bus_msg *m)
{
    struct call *c = call_of(f, m->u.id);
    const struct sctp_conf conf = {.local_port = 5000, .owner = c};

    switch (m->kind) {
    case BUS_DTLS_UP:
        append(c->log, sizeof(c->log), "up", m->u.event.text);
        assert_null(c->sctp);
        assert_int_equal(sctp_new(&c->sctp, f->sctp, &conf), 0);
        assert_int_equal(sctp_connect(c->sctp, 5000), 0);
        break;
    case BUS_DTLS_DATA:
        assert_non_null(c->sctp); /* UP came first */
        (void)sctp_input(c->sctp, m->u.bytes.p, m->u.bytes.n);
        break;
    case BUS_DTLS_DOWN:
        append(c->log, sizeof(c->log), "down", "");
        break;
    default:
        fail();
    }
}

static void run_sctp(struct fixture *f)
{
    struct sctp_ev ev;
    struct sctp *s;

    sctp_lib_clock(f->sctp, net_now_ms());
    while ((s = sctp_lib_next(f->sctp))) {
        struct call *c = sctp_owner(s);

        while (sctp_next(s, &ev)) {
            if (ev.what == SCTP_OUTPUT)
                bus_post_bytes(worker_inbox(f->rig.worker), BUS_DTLS_SEND, c->id, ev.p, ev.n);
            else if (ev.what == SCTP_MESSAGE)
                sv_copy((struct sv){(const char *)ev.p, ev.n}, c->got, sizeof(c->got));
            else if (ev.what == SCTP_UP)
                append(c->log, sizeof(c->log), "sctp", "");
        }
    }
}

static void take(struct fixture *f, struct inbox *in, void (*on)(struct fixture *, const struct bus_msg *))
{
    struct inbox_item *it, *next;

    for (it = inbox_take(in); it; it = next) {
        next = it->next;
        on(f, (struct bus_msg *)it);
        bus_free((struct bus_msg *)it);
    }
}

static bool wait_for(struct fixture *f, const char *log, const char *what)
{
    const msec_t end = net_now_ms() + LIMIT_MS;

    while (!strstr(log, what) && net_now_ms() < end) {
        uv_run(&f->loop, UV_RUN_ONCE);
        take(f, f->rig.ctl, on_ctl);
        take(f, f->rig.data, on_data);
        run_sctp(f);
    }
    if (!strstr(log, what))
        print_error("waited for \"%s\", got \"%s\"\n", what, log);
    return strstr(log, what) != NULL;
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
}

/* --- fixture --- */

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    *state = f;
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->timer);
    uv_timer_start(&f->timer, on_timer, 2, 2);
    assert_int_equal(sctp_lib_init(&f->sctp), 0);
    strcpy(f->dir, "/tmp/test_agw_worker.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(trace_open(&f->trace, f->dir, "agw"), 0);
    return worker_rig_up(&f->rig, (struct worker_conf){.trace = f->trace});
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char path[128];

    for (int i = 0; i < MANY; i++) {
        browser_free(f->call[i].browser);
        sctp_free(f->call[i].sctp);
    }
    worker_rig_down(&f->rig);
    trace_close(f->trace);
    snprintf(path, sizeof(path), "%s/agw.trace", f->dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/agw.pcap", f->dir);
    unlink(path);
    assert_int_equal(rmdir(f->dir), 0);
    uv_close((uv_handle_t *)&f->timer, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    sctp_lib_fini(f->sctp);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

static void post_sep(struct fixture *f, enum bus_kind kind, const struct bus_sep *spec)
{
    struct bus_msg *m = bus_new(kind);

    assert_non_null(m);
    m->u.sep = *spec;
    inbox_post(worker_inbox(f->rig.worker), &m->item);
}

static void set_fp(struct bus_sep *spec, const char *fingerprint)
{
    strcpy(spec->fp_hash, "sha-256");
    spec->fp_len = (unsigned)enc_unhex(sv_from(fingerprint), spec->fp, sizeof(spec->fp));
    assert_int_equal(spec->fp_len, 32);
}

static struct call *call_new(struct fixture *f, bus_id id)
{
    const struct browser_h h = {.event = on_event, .message = on_message, .arg = call_of(f, id)};
    struct call *c = h.arg;

    c->f = f;
    c->id = id;
    assert_int_equal(addr_parse(&c->at, SV("127.0.0.1"), 0), 0);
    c->spec = (struct bus_sep){.id = id, .fd = net_udp(&c->at), .local = c->at, .ice = true, .data = true, .peer = "wic"};
    assert_true(c->spec.fd >= 0);
    snprintf(c->spec.ufrag, sizeof(c->spec.ufrag), "ufrag%u", (unsigned)id);
    strcpy(c->spec.pwd, PWD);
    assert_int_equal(browser_new(&c->browser, &f->loop, "127.0.0.1", &h), 0);
    set_fp(&c->spec, browser_fingerprint(c->browser));
    return c;
}

static void browser_goes(struct call *c, bool dtls_client)
{
    char fp[CERT_FP_TEXT + 16];

    snprintf(fp, sizeof(fp), "sha-256 %s", c->f->rig.cert->fingerprint);
    assert_int_equal(browser_start(c->browser, &c->at, c->spec.ufrag, c->spec.pwd, fp, dtls_client, 5000, 5000), 0);
}

static void exchange(struct call *c)
{
    assert_int_equal(browser_send(c->browser, 4, false, "from the wic", 12), 0);
    assert_true(wait_for(c->f, c->got, "from the wic"));
    assert_int_equal(sctp_send(c->sctp, 4, SCTP_PPID_STRING, "to the wic", 10), 0);
    assert_true(wait_for(c->f, c->browser_got, "to the wic"));
}

static void assert_traced(struct fixture *f, const char *const *titles)
{
    char path[128], text[16384];
    const char *at = text;
    size_t n;
    FILE *file;

    snprintf(path, sizeof(path), "%s/agw.trace", f->dir);
    file = fopen(path, "r");
    assert_non_null(file);
    n = fread(text, 1, sizeof(text) - 1, file);
    text[n] = '\0';
    fclose(file);
    for (; *titles; titles++) {
        at = strstr(at, *titles);
        if (!at)
            print_error("no \"%s\" in order\n", *titles);
        assert_non_null(at);
    }
}

/* --- tests --- */

static void as_server(void **state)
{
    static const char *const ladder[] = {
        "\"Binding request USE-CANDIDATE\"", "\"Binding success response\"", "\"ClientHello\"",
        "\"ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone\"",
        "ChangeCipherSpec, Finished\"", "\"ChangeCipherSpec, Finished\"", NULL};
    struct fixture *f = *state;
    struct call *c = call_new(f, 1);

    c->spec.role = BUS_DTLS_SERVER;
    post_sep(f, BUS_SEP_OPEN, &c->spec);
    browser_goes(c, true);
    assert_true(wait_for(f, c->log, "sctp;"));
    assert_true(wait_for(f, c->browser_log, "sctp;"));
    assert_non_null(strstr(c->log, "ICE_UP;"));
    assert_non_null(strstr(c->log, "DTLS_UP server;"));
    exchange(c);
    bus_post_id(worker_inbox(f->rig.worker), BUS_SEP_CLOSE, 1);
    assert_true(wait_for(f, c->log, "closed;"));
    assert_true(wait_for(f, c->browser_log, "closed close_notify;"));
    assert_true(c->closed.rx_packets > 4 && c->closed.tx_packets > 4);
    assert_true(c->closed.rx_octets > 500 && c->closed.tx_octets > 500);
    assert_int_equal(count_get(&worker_counts(f->rig.worker)[WORKER_C_SEPS]), 0);
    assert_int_equal(count_get(&worker_counts(f->rig.worker)[WORKER_C_RX]), c->closed.rx_packets);
    assert_traced(f, ladder);
}

static void as_client_told_later(void **state)
{
    struct fixture *f = *state;
    struct call *c = call_new(f, 1);
    struct bus_sep first = c->spec;

    first.fp_hash[0] = '\0';
    post_sep(f, BUS_SEP_OPEN, &first);
    browser_goes(c, false);
    assert_true(wait_for(f, c->log, "ICE_UP;"));
    assert_true(wait_for(f, c->browser_log, "ice;"));
    assert_null(strstr(c->browser_log, "hello"));
    c->spec.role = BUS_DTLS_CLIENT;
    c->spec.establish = true;
    post_sep(f, BUS_SEP_REMOTE, &c->spec);
    assert_true(wait_for(f, c->log, "sctp;"));
    assert_true(wait_for(f, c->browser_log, "sctp;"));
    assert_non_null(strstr(c->log, "DTLS_UP client;"));
    exchange(c);
    browser_free(c->browser);
    c->browser = NULL;
    assert_true(wait_for(f, c->log, "DTLS_CLOSED close_notify;"));
    assert_true(wait_for(f, c->log, "down;"));
}

static void wrong_certificate(void **state)
{
    struct fixture *f = *state;

    for (int client = 0; client < 2; client++) {
        struct call *c = call_new(f, (bus_id)client + 1);

        browser_break_fingerprint(c->browser);
        c->spec.role = client ? BUS_DTLS_CLIENT : BUS_DTLS_SERVER;
        c->spec.establish = client;
        post_sep(f, BUS_SEP_OPEN, &c->spec);
        browser_goes(c, !client);
        assert_true(wait_for(f, c->log, "DTLS_FAILED fingerprint mismatch;"));
        assert_true(wait_for(f, c->browser_log, "dtls-failed"));
        assert_null(strstr(c->log, "up "));
        assert_null(c->sctp);
    }
    assert_int_equal(count_get(&worker_counts(f->rig.worker)[WORKER_C_DTLS_FAILED]), 2);
}

/* A wrong check gets nothing, a right one behind it gets the first answer. */
static void silence(void **state)
{
    struct fixture *f = *state;
    struct call *c = call_new(f, 1);
    struct check wrong = {.ufrag = c->spec.ufrag, .pwd = "wrong", .tid = 1};
    struct check right = {.ufrag = c->spec.ufrag, .pwd = c->spec.pwd, .tid = 2};
    struct stun_mac *mac = NULL;
    struct addr local;
    struct pollfd pfd = {.events = POLLIN};
    struct stun_msg m;
    uint8_t msg[512];
    ssize_t n;

    post_sep(f, BUS_SEP_OPEN, &c->spec);
    assert_int_equal(stun_mac_new(&mac), 0);
    assert_int_equal(addr_parse(&local, SV("127.0.0.1"), 0), 0);
    pfd.fd = net_udp(&local);
    assert_true(pfd.fd >= 0);
    n = (ssize_t)check_make(mac, &wrong, msg, sizeof(msg));
    assert_int_equal(sendto(pfd.fd, msg, (size_t)n, 0, &c->at.u.sa, addr_len(&c->at)), n);
    assert_int_equal(sendto(pfd.fd, "\x16\xfe\xfd hello", 9, 0, &c->at.u.sa, addr_len(&c->at)), 9);
    assert_int_equal(sendto(pfd.fd, "\xffjunk", 5, 0, &c->at.u.sa, addr_len(&c->at)), 5);
    n = (ssize_t)check_make(mac, &right, msg, sizeof(msg));
    assert_int_equal(sendto(pfd.fd, msg, (size_t)n, 0, &c->at.u.sa, addr_len(&c->at)), n);
    assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
    n = recv(pfd.fd, msg, sizeof(msg), 0);
    assert_true(n > 0);
    assert_int_equal(stun_parse(&m, msg, (size_t)n), 0);
    assert_int_equal(m.tid[0], 2);
    assert_true(addr_eq(&m.mapped, &local));
    assert_int_equal(count_get(&worker_counts(f->rig.worker)[WORKER_C_STUN_BAD]), 1);
    assert_int_equal(count_get(&worker_counts(f->rig.worker)[WORKER_C_UNVALIDATED]), 1);
    assert_int_equal(count_get(&worker_counts(f->rig.worker)[WORKER_C_JUNK]), 1);
    close(pfd.fd);
    stun_mac_free(mac);
}

static void the_peer_vanishes(void **state)
{
    struct fixture *f = *state;
    struct worker_conf conf = {.ctl = f->rig.ctl, .data = f->rig.data, .ice_timeout_ms = 300, .dtls_timeout_ms = 20000};
    struct call *c = call_new(f, 1);

    worker_free(f->rig.worker);
    f->rig.worker = NULL;
    conf.cert_der = f->rig.cert->der;
    conf.cert_len = f->rig.cert->der_len;
    conf.key_der = f->rig.cert->key;
    conf.key_len = f->rig.cert->key_len;
    assert_int_equal(worker_new(&f->rig.worker, &conf), 0);
    c->spec.role = BUS_DTLS_SERVER;
    post_sep(f, BUS_SEP_OPEN, &c->spec);
    browser_goes(c, true);
    assert_true(wait_for(f, c->browser_log, "ice;"));
    browser_mute(c->browser, true);
    assert_true(wait_for(f, c->log, "ICE_LOST"));
    browser_mute(c->browser, false);
    assert_true(wait_for(f, c->log, "ICE_UP resumed;"));
}

static void many_at_once(void **state)
{
    struct fixture *f = *state;

    for (bus_id id = 1; id <= MANY; id++) {
        struct call *c = call_new(f, id);

        c->spec.role = id % 2 ? BUS_DTLS_SERVER : BUS_DTLS_CLIENT;
        c->spec.establish = true;
        post_sep(f, BUS_SEP_OPEN, &c->spec);
        browser_goes(c, id % 2);
    }
    for (bus_id id = 1; id <= MANY; id++) {
        assert_true(wait_for(f, call_of(f, id)->log, "sctp;"));
        assert_true(wait_for(f, call_of(f, id)->browser_log, "sctp;"));
        exchange(call_of(f, id));
    }
    assert_int_equal(count_get(&worker_counts(f->rig.worker)[WORKER_C_DTLS_OK]), MANY);
}

/* The handshake of a stream comes after its certificate was replaced: it still has the one whose fingerprint was told. */
static void certificate_renewed(void **state)
{
    struct fixture *f = *state;
    struct call *before = call_new(f, 1), *after = call_new(f, 2);
    struct bus_msg *m = bus_new(BUS_CERT);
    struct cert *fresh = NULL;

    assert_int_equal(cert_new(&fresh, "agw"), 0);
    assert_non_null(m);
    m->u.cert.cert_len = (uint16_t)fresh->der_len;
    m->u.cert.key_len = (uint16_t)fresh->key_len;
    assert_true(fresh->der_len + fresh->key_len <= BUS_CERT_MAX);
    memcpy(m->u.cert.p, fresh->der, fresh->der_len);
    memcpy(m->u.cert.p + fresh->der_len, fresh->key, fresh->key_len);
    before->spec.role = after->spec.role = BUS_DTLS_SERVER;
    post_sep(f, BUS_SEP_OPEN, &before->spec);
    inbox_post(worker_inbox(f->rig.worker), &m->item);
    post_sep(f, BUS_SEP_OPEN, &after->spec);
    browser_goes(before, true);
    cert_replace(f->rig.cert, fresh);
    browser_goes(after, true);
    assert_true(wait_for(f, before->browser_log, "sctp;"));
    assert_true(wait_for(f, after->browser_log, "sctp;"));
    exchange(before);
    exchange(after);
}

/* Messages for what is not there, an id used twice, and an end in the middle of things: nothing happens, nothing leaks. */
static void late_messages(void **state)
{
    struct fixture *f = *state;
    struct call *c = call_new(f, 1);
    struct bus_sep twin = c->spec;
    struct addr at = c->at;

    bus_post_bytes(worker_inbox(f->rig.worker), BUS_DTLS_SEND, 99, "x", 1);
    bus_post_id(worker_inbox(f->rig.worker), BUS_DTLS_DOWN, 99); /* not for a worker */
    post_sep(f, BUS_SEP_REMOTE, &twin);
    post_sep(f, BUS_SEP_OPEN, &c->spec);
    bus_post_bytes(worker_inbox(f->rig.worker), BUS_DTLS_SEND, 1, "x", 1); /* before DTLS is up */
    addr_set_port(&at, 0);
    twin.fd = net_udp(&at);
    assert_true(twin.fd >= 0);
    post_sep(f, BUS_SEP_OPEN, &twin);
    assert_true(wait_for(f, c->log, "DTLS_FAILED stream cannot be opened;"));
    assert_int_equal(count_get(&worker_counts(f->rig.worker)[WORKER_C_SEPS]), 1);
    c->spec.role = BUS_DTLS_SERVER;
    browser_goes(c, true);
    assert_true(wait_for(f, c->browser_log, "ice;"));
    at.u.in4.sin_port = 0;
    twin.id = 2;
    twin.fd = net_udp(&at);
    post_sep(f, BUS_SEP_OPEN, &twin); /* perhaps never looked at */
}

/* Control waits for BUS_CLOSED of every endpoint that it opened, of those too that could not be. */
static void cannot_open(void **state)
{
    struct fixture *f = *state;
    struct bus_sep spec = {.id = 1, .fd = open("/dev/null", O_RDONLY | O_CLOEXEC)}; /* nothing that epoll takes */

    assert_true(spec.fd >= 0);
    post_sep(f, BUS_SEP_OPEN, &spec);
    assert_true(wait_for(f, call_of(f, 1)->log, "DTLS_FAILED stream cannot be opened;"));
    bus_post_id(worker_inbox(f->rig.worker), BUS_SEP_CLOSE, 1);
    assert_true(wait_for(f, call_of(f, 1)->log, "closed;"));
    assert_int_equal(call_of(f, 1)->closed.id, 1);
    assert_int_equal(fcntl(spec.fd, F_GETFD), -1);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(as_server), TEST(as_client_told_later), TEST(wrong_certificate), TEST(silence),
        TEST(the_peer_vanishes), TEST(many_at_once), TEST(certificate_renewed),
        TEST(late_messages),
        TEST(cannot_open),
    };

    return cmocka_run_group_tests_name("agw/media/worker", tests, NULL, NULL);
}
