/* SRTP's engines against each other: what one seals the other opens, for every profile, RTP and RTCP, from both sides; wrap,
 * reordering, loss, replay, forgery, odd shapes and odd alignment. Every test runs for the four pairs of engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "agw/media/media_limits.h"
#include "agw/media/srtp.h"
#include "common/sv.h"

#define ROOM 1600
#define SSRC 0xcafe0001u

static const enum srtp_profile profiles[] = {SRTP_AES128_CM_SHA1_80, SRTP_AES128_CM_SHA1_32, SRTP_AEAD_AES_128_GCM,
                                             SRTP_AEAD_AES_256_GCM};

struct pair {
    enum srtp_profile profile;
    enum srtp_engine sealer, opener;
    struct srtp *out, *in;
};

struct packet {
    size_t n;
    uint8_t p[ROOM];
};

static void pair_begin(struct pair *w)
{
    struct srtp_key key = {.profile = w->profile};

    for (unsigned i = 0; i < sizeof(key.key); i++)
        key.key[i] = (uint8_t)(i * 7 + 1);
    for (unsigned i = 0; i < sizeof(key.salt); i++)
        key.salt[i] = (uint8_t)(i * 13 + 5);
    assert_int_equal(srtp_new(&w->out, w->sealer, &key, false), 0);
    assert_int_equal(srtp_new(&w->in, w->opener, &key, true), 0);
}

static void pair_end(struct pair *w)
{
    srtp_free(w->out);
    srtp_free(w->in);
}

static void each_pair(void (*test)(struct pair *))
{
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        for (int engines = 0; engines < 4; engines++) {
            struct pair w = {.profile = profiles[i], .sealer = engines & 1, .opener = engines >> 1};

            pair_begin(&w);
            test(&w);
            pair_end(&w);
        }
}

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void rtp(struct packet *k, uint16_t seq, uint32_t ssrc, size_t payload)
{
    memset(k, 0, sizeof(*k));
    k->p[0] = 0x80;
    k->p[1] = 111;
    k->p[2] = (uint8_t)(seq >> 8);
    k->p[3] = (uint8_t)seq;
    put32(k->p + 4, seq * 960u);
    put32(k->p + 8, ssrc);
    for (size_t i = 0; i < payload; i++)
        k->p[12 + i] = (uint8_t)(i ^ seq);
    k->n = 12 + payload;
}

static void rtcp(struct packet *k, uint32_t ssrc, size_t n)
{
    memset(k, 0, sizeof(*k));
    k->p[0] = 0x80;
    k->p[1] = 200;
    k->p[3] = (uint8_t)(n / 4 - 1);
    put32(k->p + 4, ssrc);
    for (size_t i = 8; i < n; i++)
        k->p[i] = (uint8_t)i;
    k->n = n;
}

static void seal(struct pair *w, struct packet *k)
{
    assert_int_equal(srtp_seal(w->out, k->p, &k->n, sizeof(k->p)), 0);
}

static int try_open(struct pair *w, const struct packet *k, struct packet *plain)
{
    *plain = *k;
    return srtp_open(w->in, plain->p, &plain->n);
}

static void assert_same(const struct packet *a, const struct packet *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->p, b->p, a->n);
}

/* plain goes through and comes out as it was */
static void through(struct pair *w, const struct packet *plain)
{
    struct packet k = *plain, back;

    seal(w, &k);
    assert_int_equal(k.n, plain->n + srtp_tag_len(w->profile));
    assert_int_equal(try_open(w, &k, &back), 0);
    assert_same(&back, plain);
}

/* --- shapes --- */

static void sizes_of(struct pair *w)
{
    uint16_t seq = 1;
    struct packet k;

    for (size_t payload = 0; payload < 70; payload++) {
        rtp(&k, seq++, SSRC, payload);
        through(w, &k);
    }
    for (size_t payload = 500; payload < 1500; payload += 37) { /* several pieces of keystream */
        rtp(&k, seq++, SSRC, payload);
        through(w, &k);
    }
}

static void headers_of(struct pair *w)
{
    uint16_t seq = 100;
    struct packet k;

    for (unsigned csrcs = 0; csrcs <= 15; csrcs++)
        for (unsigned words = 0; words < 5; words++) {
            const size_t head = 12 + 4 * csrcs;

            rtp(&k, seq++, SSRC, 4 * csrcs + 4 + 4 * words + 33);
            k.p[0] |= (uint8_t)(0x10 | 0x20 | csrcs); /* extension and padding */
            k.p[head] = 0xbe;
            k.p[head + 1] = 0xde;
            k.p[head + 2] = 0;
            k.p[head + 3] = (uint8_t)words;
            k.p[k.n - 1] = 3;
            through(w, &k);
            k.n = head + 4 + 4 * words; /* no payload at all */
            k.p[3] = (uint8_t)seq;
            k.p[2] = (uint8_t)(seq++ >> 8);
            through(w, &k);
        }
}

static void aligned_oddly(struct pair *w)
{
    for (size_t off = 0; off < 8; off++) {
        uint8_t mem[300];
        struct packet k;
        size_t n;

        rtp(&k, (uint16_t)(1000 + off), SSRC, 161);
        memset(mem, 0xa5, sizeof(mem));
        memcpy(mem + off, k.p, k.n);
        n = k.n;
        assert_int_equal(srtp_seal(w->out, mem + off, &n, k.n + srtp_tag_len(w->profile)), 0);
        for (size_t i = off + n; i < sizeof(mem); i++)
            assert_int_equal(mem[i], 0xa5); /* nothing is written behind the room given */
        assert_int_equal(srtp_open(w->in, mem + off, &n), 0);
        assert_int_equal(n, k.n);
        assert_memory_equal(mem + off, k.p, n);
    }
}

static void no_room(struct pair *w)
{
    const unsigned tag = srtp_tag_len(w->profile);
    struct packet k;
    size_t n;

    rtp(&k, 1, SSRC, 20);
    n = k.n;
    assert_int_equal(srtp_seal(w->out, k.p, &n, k.n + tag - 1), -ENOSPC);
    assert_int_equal(srtp_seal(w->out, k.p, &n, 0), -ENOSPC);
    assert_int_equal(n, k.n);
    assert_int_equal(srtp_seal(w->out, k.p, &n, k.n + tag), 0);
    rtcp(&k, SSRC, 28);
    n = k.n;
    assert_int_equal(srtp_seal_rtcp(w->out, k.p, &n, k.n + 4 + (tag < 10 ? 10 : tag) - 1), -ENOSPC);
}

static void not_rtp(struct pair *w)
{
    struct packet k;

    for (size_t n = 0; n < 12; n++) {
        rtp(&k, 1, SSRC, 0);
        k.n = n;
        assert_int_equal(srtp_seal(w->out, k.p, &k.n, ROOM), -EBADMSG);
        assert_int_equal(srtp_open(w->in, k.p, &k.n), -EBADMSG);
    }
    rtp(&k, 1, SSRC, 40);
    k.p[0] = 0x40; /* version 1 */
    assert_int_equal(srtp_seal(w->out, k.p, &k.n, ROOM), -EBADMSG);
    assert_int_equal(srtp_open(w->in, k.p, &k.n), -EBADMSG);
    k.p[0] = 0x8f; /* more CSRCs than octets */
    assert_int_equal(srtp_seal(w->out, k.p, &k.n, ROOM), -EBADMSG);
    k.p[0] = 0x90;
    k.p[14] = 0xff; /* so is the extension */
    assert_int_equal(srtp_seal(w->out, k.p, &k.n, ROOM), -EBADMSG);
    assert_int_equal(srtp_open(w->in, k.p, &k.n), -EBADMSG);
    k.p[0] = 0x80;
    for (size_t n = 0; n < 8; n++) {
        k.n = n;
        assert_int_equal(srtp_seal_rtcp(w->out, k.p, &k.n, ROOM), -EBADMSG);
        assert_int_equal(srtp_open_rtcp(w->in, k.p, &k.n), -EBADMSG);
    }
}

/* --- forgery --- */

static void forged(struct pair *w)
{
    struct packet k, bad, back;

    rtp(&k, 7, SSRC, 24);
    k.p[0] |= 0x11; /* one CSRC, an extension of one word */
    k.p[18] = 0;
    k.p[19] = 1;
    seal(w, &k);
    for (size_t i = 0; i < k.n * 8; i++) {
        bad = k;
        bad.p[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_true(try_open(w, &bad, &back) < 0);
    }
    for (size_t n = 0; n < k.n; n++) {
        bad = k;
        bad.n = n;
        assert_true(try_open(w, &bad, &back) < 0);
    }
    assert_int_equal(try_open(w, &k, &back), 0); /* no forged one has spoiled anything */
}

static void forged_rtcp(struct pair *w)
{
    struct packet k, bad;

    rtcp(&k, SSRC, 28);
    assert_int_equal(srtp_seal_rtcp(w->out, k.p, &k.n, ROOM), 0);
    for (size_t i = 0; i < k.n * 8; i++) {
        bad = k;
        bad.p[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_true(srtp_open_rtcp(w->in, bad.p, &bad.n) < 0);
    }
    for (size_t n = 0; n < k.n; n++) {
        bad = k;
        bad.n = n;
        assert_true(srtp_open_rtcp(w->in, bad.p, &bad.n) < 0);
    }
    assert_int_equal(srtp_open_rtcp(w->in, k.p, &k.n), 0);
}

/* An unknown SSRC costs a check and nothing else: whoever sprays cannot use up the contexts. */
static void sprayed(struct pair *w)
{
    struct packet k, back;

    for (uint32_t i = 0; i < 4 * MEDIA_SRTP_SSRC; i++) {
        rtp(&k, 1, 0x10000 + i, 40);
        assert_int_equal(try_open(w, &k, &back), -EACCES);
    }
    rtp(&k, 1, SSRC, 40);
    through(w, &k);
}

/* --- order --- */

/* Past the wrap, each late by up to 3. */
static void wraps(struct pair *w)
{
    struct packet late[4], plain, back;
    uint32_t index = 65000;

    for (; index < 65000 + 2600; index++) {
        const unsigned at = index % 4;

        rtp(&late[at], (uint16_t)index, SSRC, 20);
        seal(w, &late[at]);
        if (at < 3)
            continue;
        for (unsigned i = 0; i < 4; i++) { /* the last of the four first */
            rtp(&plain, (uint16_t)(index - i), SSRC, 20);
            assert_int_equal(try_open(w, &late[3 - i], &back), 0);
            assert_same(&back, &plain);
        }
    }
}

static void replayed(struct pair *w)
{
    struct packet k[300], back;

    for (unsigned i = 0; i < 300; i++) {
        rtp(&k[i], (uint16_t)(65400 + i), SSRC, 20); /* the wrap lies within */
        seal(w, &k[i]);
    }
    for (unsigned i = 0; i < 300; i += 2)
        assert_int_equal(try_open(w, &k[i], &back), 0);
    for (unsigned i = 0; i < 300; i += 2)
        assert_int_equal(try_open(w, &k[i], &back), -EALREADY);
    for (unsigned i = 1; i < 300; i += 2) /* highest is 298: 128 back is still known */
        assert_int_equal(try_open(w, &k[i], &back), 298 - (int)i < 128 ? 0 : -EALREADY);
}

/* What was sealed is not sealed again: another payload would get the same keystream. */
static void sealed_once(struct pair *w)
{
    struct packet k;

    rtp(&k, 500, SSRC, 20);
    seal(w, &k);
    rtp(&k, 500, SSRC, 21);
    assert_int_equal(srtp_seal(w->out, k.p, &k.n, ROOM), -EALREADY);
    rtp(&k, 800, SSRC, 20);
    seal(w, &k);
    rtp(&k, 600, SSRC, 20);
    assert_int_equal(srtp_seal(w->out, k.p, &k.n, ROOM), -EALREADY);
}

/* RFC 3711 3.3.1: up to 2^15 lost the receiver still guesses right; behind that it hears nothing until it wraps. */
static void lost(struct pair *w)
{
    static const unsigned gaps[] = {1, 127, 128, 129, 1000, 32766, 32767, 20000, 32767, 5,
                                    30000, 30000, 30000, 30000, 30000, 30000, 30000, 30000};
    struct packet k, plain, back;
    uint32_t index = 40000;

    for (unsigned g = 0; g < ARRAY_LEN(gaps); g++) {
        /* the sender sees every thousandth, so that its own guess is never in doubt */
        for (const uint32_t end = index + gaps[g]; index < end; index += end - index < 1000 ? end - index : 1000) {
            rtp(&k, (uint16_t)index, SSRC, 20);
            if (srtp_seal(w->out, k.p, &k.n, ROOM))
                assert_true(index + gaps[g] == end); /* the one sealed last */
        }
        rtp(&plain, (uint16_t)index, SSRC, 20);
        k = plain;
        seal(w, &k);
        assert_int_equal(try_open(w, &k, &back), 0);
        assert_same(&back, &plain);
    }
    for (const uint32_t end = index + 40000; index < end; index += 1000) {
        rtp(&k, (uint16_t)(index + 1000), SSRC, 20);
        seal(w, &k);
    }
    assert_true(try_open(w, &k, &back) < 0);
}

/* --- several --- */

static void many_ssrcs(struct pair *w)
{
    struct packet k, sealed[MEDIA_SRTP_SSRC], back;
    uint16_t seq = 65530;

    for (unsigned round = 0; round < 20; round++, seq++) {
        for (uint32_t i = 0; i < MEDIA_SRTP_SSRC; i++) {
            rtp(&sealed[i], seq, SSRC + i * 0x01000193u, 20 + i);
            seal(w, &sealed[i]);
        }
        for (uint32_t i = MEDIA_SRTP_SSRC; i-- > 0;)
            assert_int_equal(try_open(w, &sealed[i], &back), 0);
    }
    rtp(&k, 1, 0x12345678, 20);
    assert_int_equal(srtp_seal(w->out, k.p, &k.n, ROOM), -ENOSPC);
    assert_int_equal(srtp_open(w->in, k.p, &k.n), -ENOSPC);
    rtp(&k, seq, SSRC, 20);
    through(w, &k); /* those that are known go on */
}

static void rtcp_runs(struct pair *w)
{
    struct packet plain, k[200], back;

    for (unsigned i = 0; i < 200; i++) {
        rtcp(&k[i], SSRC + i % 2, 8 + 4 * (i % 40));
        assert_int_equal(srtp_seal_rtcp(w->out, k[i].p, &k[i].n, ROOM), 0);
    }
    for (unsigned i = 0; i < 200; i++) {
        const unsigned at = i ^ 3; /* reordered */

        rtcp(&plain, SSRC + at % 2, 8 + 4 * (at % 40));
        back = k[at];
        assert_int_equal(srtp_open_rtcp(w->in, back.p, &back.n), 0);
        assert_same(&back, &plain);
        back = k[at];
        assert_int_equal(srtp_open_rtcp(w->in, back.p, &back.n), -EALREADY);
    }
    rtp(&plain, 9, SSRC, 30); /* the RTP of an SSRC that RTCP brought first */
    through(w, &plain);
}

/* Sealed by one, opened by the other at the same index, is the same octets sealed by the other. */
static void same_octets(struct pair *w)
{
    struct pair other = {.profile = w->profile, .sealer = !w->sealer, .opener = w->opener};
    struct packet a, b;

    pair_begin(&other);
    for (unsigned seq = 65500; seq < 65600; seq++) {
        rtp(&a, (uint16_t)seq, SSRC, seq % 50);
        b = a;
        seal(w, &a);
        seal(&other, &b);
        assert_same(&a, &b);
    }
    pair_end(&other);
}

static void other_key(struct pair *w)
{
    struct srtp_key key = {.profile = w->profile};
    struct srtp *stranger = NULL;
    struct packet k;

    rtp(&k, 1, SSRC, 20);
    seal(w, &k);
    assert_int_equal(srtp_new(&stranger, w->opener, &key, true), 0);
    assert_int_equal(srtp_open(stranger, k.p, &k.n), -EACCES);
    srtp_free(stranger);
}

static void unknown_profile(void **state)
{
    struct srtp_key key = {.profile = 5};
    struct srtp *s = NULL;

    (void)state;
    assert_int_equal(srtp_new(&s, SRTP_OPENSSL, &key, true), -EINVAL);
    assert_int_equal(srtp_new(&s, SRTP_LIBSRTP, &key, true), -EINVAL);
    assert_null(s);
    srtp_free(NULL);
}

static void run_each(void **state)
{
    each_pair((void (*)(struct pair *))*state);
}

#define EACH(f) {#f, run_each, NULL, NULL, (void *)(f)}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(sizes_of),    EACH(headers_of), EACH(aligned_oddly), EACH(no_room),   EACH(not_rtp),
        EACH(forged),      EACH(forged_rtcp), EACH(sprayed),      EACH(wraps),     EACH(replayed),
        EACH(sealed_once), EACH(lost),       EACH(many_ssrcs),    EACH(rtcp_runs), EACH(same_octets),
        EACH(other_key),   cmocka_unit_test(unknown_profile),
    };

    return cmocka_run_group_tests_name("agw/media/srtp engines", tests, NULL, NULL);
}
