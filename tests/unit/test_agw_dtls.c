/* DTLS between two of ours: both roles, every datagram lost once, reordering, the two-datagram ClientHello of Chromium,
 * fingerprints known before, after and never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "agw/ctl/cert.h"
#include "agw/media/dtls.h"
#include "agw/media/dtls_title.h"
#include "common/enc.h"
#include "tests/fake/clock.h"

#define GIVE_UP 3000
#define RTO_MS 50 /* OpenSSL takes what is less than 15 ms away for passed */

struct side {
    struct cert *cert;
    struct dtls_ctx *ctx;
    struct dtls *dtls;
    struct tx tx;
    uint8_t got[256];
    size_t got_n;
};

struct weather {
    int lose;         /* number of the datagram that gets lost; -1: none */
    bool reorder;     /* each flight arrives back to front */
    bool split_hello; /* the ClientHello comes as two fragments, the second first, when reorder is set */
};

struct pair {
    struct side client, server;
    int n; /* datagrams so far */
    struct weather w;
};

static void side_init(struct side *s, unsigned mtu)
{
    assert_int_equal(cert_new(&s->cert, "test"), 0);
    assert_int_equal(dtls_ctx_new(&s->ctx, s->cert->der, s->cert->der_len, s->cert->key, s->cert->key_len), 0);
    dtls_ctx_set_link(s->ctx, mtu, RTO_MS);
}

static void side_fini(struct side *s)
{
    dtls_free(s->dtls);
    dtls_ctx_free(s->ctx);
    cert_free(s->cert);
}

static int pair_setup(void **state)
{
    struct pair *p = calloc(1, sizeof(*p));

    *state = p;
    side_init(&p->client, 256);
    side_init(&p->server, 256);
    p->w.lose = -1;
    return 0;
}

static int pair_teardown(void **state)
{
    struct pair *p = *state;

    side_fini(&p->client);
    side_fini(&p->server);
    free(p);
    return 0;
}

static void expect(struct side *s, const struct side *peer, bool wrong)
{
    uint8_t fp[32];

    assert_int_equal(enc_unhex(sv_from(peer->cert->fingerprint), fp, sizeof(fp)), 32);
    fp[31] ^= wrong;
    dtls_expect(s->dtls, "SHA-256", fp, 32, &s->tx);
}

static void begin(struct pair *p)
{
    dtls_free(p->client.dtls);
    dtls_free(p->server.dtls);
    p->client.tx.n = p->server.tx.n = 0;
    p->client.got_n = p->server.got_n = 0;
    p->n = 0;
    assert_int_equal(dtls_new(&p->client.dtls, p->client.ctx, true, GIVE_UP, clock_now()), 0);
    assert_int_equal(dtls_new(&p->server.dtls, p->server.ctx, false, GIVE_UP, clock_now()), 0);
}

static void input(struct side *to, const uint8_t *p, size_t n)
{
    size_t got;

    dtls_input(to->dtls, p, n, &to->tx);
    while ((got = dtls_read(to->dtls, to->got, sizeof(to->got), &to->tx)) > 0)
        to->got_n = got;
}

/* RFC 6347 4.2.3: one message in two records of their own datagrams */
static void input_split(struct side *to, const uint8_t *p, size_t n, bool reorder)
{
    const size_t head = 25, half = (n - head) / 2, len[2] = {half, n - head - half};
    uint8_t part[2][512];

    for (int i = 0; i < 2; i++) {
        const size_t offset = i ? half : 0;

        memcpy(part[i], p, head);
        memcpy(part[i] + head, p + head + offset, len[i]);
        part[i][10] = (uint8_t)(p[10] * 2 + i); /* record number */
        part[i][11] = (uint8_t)((len[i] + 12) >> 8);
        part[i][12] = (uint8_t)(len[i] + 12);
        part[i][20] = (uint8_t)(offset >> 8);
        part[i][21] = (uint8_t)offset;
        part[i][23] = (uint8_t)(len[i] >> 8);
        part[i][24] = (uint8_t)len[i];
    }
    input(to, part[reorder], head + len[reorder]);
    input(to, part[!reorder], head + len[!reorder]);
}

static bool carry(struct pair *p, struct side *from, struct side *to)
{
    struct tx flight = from->tx;

    from->tx.n = 0;
    for (unsigned i = 0; i < flight.n; i++) {
        const struct tx_slot *s = &flight.slot[p->w.reorder ? flight.n - 1 - i : i];

        if (p->n++ == p->w.lose)
            continue;
        if (p->w.split_hello && s->p[0] == 22 && s->p[13] == 1)
            input_split(to, s->p, s->n, p->w.reorder);
        else
            input(to, s->p, s->n);
    }
    return flight.n > 0;
}

static bool carry_both(struct pair *p)
{
    const bool there = carry(p, &p->client, &p->server), back = carry(p, &p->server, &p->client);

    return there || back;
}

static bool is_settled(const struct side *s)
{
    return dtls_state(s->dtls) != DTLS_HANDSHAKE;
}

static void tick(struct side *s, msec_t at)
{
    if (at >= dtls_deadline(s->dtls, at))
        dtls_tick(s->dtls, at, &s->tx);
}

/* Until both are through, at most GIVE_UP; time passes when nothing is under way. */
static void run(struct pair *p)
{
    const msec_t end = clock_now() + GIVE_UP;

    dtls_start(p->client.dtls, &p->client.tx);
    for (;;) {
        const msec_t now = clock_now(), client = dtls_deadline(p->client.dtls, now);
        const msec_t server = dtls_deadline(p->server.dtls, now);
        const msec_t next = client < server ? client : server;

        if (carry_both(p))
            continue;
        if ((is_settled(&p->client) && is_settled(&p->server)) || now >= end)
            return;
        clock_to(next < end ? next : end);
        tick(&p->client, clock_now());
        tick(&p->server, clock_now());
    }
}

static void assert_up(struct pair *p)
{
    assert_int_equal(dtls_state(p->client.dtls), DTLS_UP);
    assert_int_equal(dtls_state(p->server.dtls), DTLS_UP);
    assert_int_equal(dtls_write(p->client.dtls, "ping", 4, &p->client.tx), 0);
    carry(p, &p->client, &p->server);
    assert_int_equal(p->server.got_n, 4);
    assert_memory_equal(p->server.got, "ping", 4);
    assert_int_equal(dtls_write(p->server.dtls, "pong!", 5, &p->server.tx), 0);
    carry(p, &p->server, &p->client);
    assert_int_equal(p->client.got_n, 5);
}

static void connect_pair(struct pair *p)
{
    begin(p);
    expect(&p->client, &p->server, false);
    expect(&p->server, &p->client, false);
    run(p);
}

static void every_datagram_lost_once(void **state)
{
    struct pair *p = *state;
    int n;

    connect_pair(p);
    n = p->n;
    assert_up(p);
    assert_true(n >= 8); /* the small MTU makes flights of several datagrams */
    for (int i = 0; i < n; i++) {
        p->w.lose = i;
        connect_pair(p);
        p->w.lose = -1;
        assert_up(p);
    }
}

static void reordered(void **state)
{
    struct pair *p = *state;

    p->w.reorder = true;
    connect_pair(p);
    p->w.reorder = false;
    assert_up(p);
}

/* findings: Chromium's ClientHello is two fragments in two datagrams */
static void hello_in_two_datagrams(void **state)
{
    struct pair *p = *state;

    for (int reorder = 0; reorder < 2; reorder++) {
        p->w = (struct weather){.lose = -1, .split_hello = true, .reorder = reorder};
        connect_pair(p);
        p->w = (struct weather){.lose = -1};
        assert_up(p);
    }
}

static void wrong_fingerprint_known_before(void **state)
{
    struct pair *p = *state;

    begin(p);
    expect(&p->client, &p->server, false);
    expect(&p->server, &p->client, true);
    run(p);
    assert_int_equal(dtls_state(p->server.dtls), DTLS_FAILED);
    assert_string_equal(dtls_why(p->server.dtls), "fingerprint mismatch");
    assert_int_equal(dtls_state(p->client.dtls), DTLS_FAILED); /* by the alert (RFC 8122 6.2) */
    assert_non_null(strstr(dtls_why(p->client.dtls), "bad certificate"));
    assert_int_equal(dtls_write(p->server.dtls, "x", 1, &p->server.tx), -ENOTCONN);
}

static void fingerprint_comes_later(void **state)
{
    struct pair *p = *state;

    for (int wrong = 0; wrong < 2; wrong++) {
        begin(p);
        expect(&p->client, &p->server, false);
        run(p);
        assert_int_equal(dtls_state(p->server.dtls), DTLS_HELD);
        assert_int_equal(dtls_write(p->server.dtls, "x", 1, &p->server.tx), -ENOTCONN);
        expect(&p->server, &p->client, wrong);
        if (wrong) {
            assert_int_equal(dtls_state(p->server.dtls), DTLS_FAILED);
            carry(p, &p->server, &p->client);
            assert_int_equal(dtls_state(p->client.dtls), DTLS_CLOSED);
        } else {
            assert_up(p);
        }
    }
}

/* It comes after the certificate was seen and before Finished: it must still decide. */
static void fingerprint_comes_in_the_middle(void **state)
{
    struct pair *p = *state;
    unsigned fed = 0;

    begin(p);
    expect(&p->client, &p->server, false);
    dtls_start(p->client.dtls, &p->client.tx);
    carry(p, &p->client, &p->server);
    carry(p, &p->server, &p->client);
    /* Certificate, ClientKeyExchange, CertificateVerify, then Finished in the last datagram of the flight */
    assert_true(p->client.tx.n > 1);
    for (; fed < p->client.tx.n - 1; fed++)
        input(&p->server, p->client.tx.slot[fed].p, p->client.tx.slot[fed].n);
    assert_int_equal(dtls_state(p->server.dtls), DTLS_HANDSHAKE);
    expect(&p->server, &p->client, true);
    input(&p->server, p->client.tx.slot[fed].p, p->client.tx.slot[fed].n);
    assert_int_equal(dtls_state(p->server.dtls), DTLS_FAILED);
}

static void unknown_hash_fails(void **state)
{
    struct pair *p = *state;
    static const uint8_t sha1[20];

    begin(p);
    expect(&p->client, &p->server, false);
    dtls_expect(p->server.dtls, "sha-1", sha1, sizeof(sha1), &p->server.tx);
    run(p);
    assert_int_equal(dtls_state(p->server.dtls), DTLS_FAILED);
}

static void close_notify(void **state)
{
    struct pair *p = *state;

    connect_pair(p);
    dtls_close(p->client.dtls, &p->client.tx);
    carry(p, &p->client, &p->server);
    assert_int_equal(dtls_state(p->server.dtls), DTLS_CLOSED);
    assert_int_equal(dtls_write(p->server.dtls, "x", 1, &p->server.tx), -ENOTCONN);
}

static void gives_up_in_injected_time(void **state)
{
    struct pair *p = *state;
    const msec_t now = clock_now();

    begin(p);
    dtls_start(p->client.dtls, &p->client.tx);
    dtls_tick(p->client.dtls, now + GIVE_UP + 10, &p->client.tx);
    assert_int_equal(dtls_state(p->client.dtls), DTLS_FAILED);
    assert_string_equal(dtls_why(p->client.dtls), "handshake timed out");
    assert_true(dtls_deadline(p->client.dtls, now) == MSEC_NEVER);
    assert_true(dtls_deadline(p->server.dtls, now) <= now + GIVE_UP + 10);
}

static void junk_does_no_harm(void **state)
{
    struct pair *p = *state;
    uint8_t junk[300];

    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (uint8_t)(i * 37);
    connect_pair(p);
    for (int type = 20; type < 64; type++) {
        junk[0] = (uint8_t)type;
        junk[1] = 0xfe;
        junk[2] = 0xfd;
        input(&p->server, junk, sizeof(junk) - (size_t)type);
        input(&p->server, junk, (size_t)type - 19);
    }
    assert_up(p);
}

static void titles(void **state)
{
    struct dtls_seen seen = {0};
    struct pair *p = *state;
    char text[256] = "";
    struct buf b = buf_over(text, sizeof(text) - 1);

    begin(p);
    dtls_start(p->client.dtls, &p->client.tx);
    assert_true(dtls_title(&seen, p->client.tx.slot[0].p, p->client.tx.slot[0].n, &b));
    assert_string_equal(text, "ClientHello");
    assert_true(dtls_title(&seen, p->client.tx.slot[0].p, p->client.tx.slot[0].n, &b));
    assert_string_equal(text, "ClientHelloClientHello (again)");
    assert_false(dtls_title(&seen, (const uint8_t *)"\x17\xfe\xfd\0\1\0\0\0\0\0\1\0\1x", 14, &b));
}

#define PAIR(t) cmocka_unit_test_setup_teardown(t, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR(every_datagram_lost_once),
        PAIR(reordered),
        PAIR(hello_in_two_datagrams),
        PAIR(wrong_fingerprint_known_before),
        PAIR(fingerprint_comes_later),
        PAIR(fingerprint_comes_in_the_middle),
        PAIR(unknown_hash_fails),
        PAIR(close_notify),
        PAIR(gives_up_in_injected_time),
        PAIR(junk_does_no_harm),
        PAIR(titles),
    };

    return cmocka_run_group_tests_name("agw/media/dtls", tests, NULL, NULL);
}
