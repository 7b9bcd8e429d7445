/* A packet on its way through two endpoints takes no memory and no lock: neither here nor in OpenSSL. The linker hands these calls
 * over (Makefile). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <pthread.h>

#include "tests/fake/relay.h"

static unsigned long taken; /* since the program began */

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t k, size_t n);
void *__wrap_calloc(size_t k, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __real_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);

void *__wrap_malloc(size_t n)
{
    taken++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t k, size_t n)
{
    taken++;
    return __real_calloc(k, n);
}

void *__wrap_realloc(void *p, size_t n)
{
    taken++;
    return __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    taken++;
    return __real_aligned_alloc(align, n);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
    taken++;
    return __real_pthread_mutex_lock(m);
}

static void *on_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(n);
}

static void *on_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(p, n);
}

static void on_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

/* One of each: SRTP up and RTP down, RTP up and SRTP down, a report of either kind. */
static void packets(struct relay *r, struct srtp *far, uint16_t seq)
{
    const struct relay_rtp m = {.pt = 8, .seq = seq, .ts = seq * 160u, .ssrc = 9, .payload = SV("a voice")};
    uint8_t p[MEDIA_RX_SIZE], sr[256];
    struct buf b = buf_over(sr, sizeof(sr));
    const size_t at = rtcp_begin(&b, RTCP_SR);
    size_t n = relay_make(&m, p);

    for (unsigned i = 0; i < 6; i++)
        buf_u32(&b, i ? seq : 9);
    rtcp_end(&b, at, 0);
    assert_true(relay_rtp(r, &r->b, &m));
    assert_true(relay_send(r, &r->b, &r->b.far_rtcp, sr, b.len, true));
    assert_int_equal(srtp_seal(far, p, &n, sizeof(p)), 0);
    assert_true(relay_send(r, &r->a, &r->a.far, p, n, false));
    n = b.len;
    assert_int_equal(srtp_seal_rtcp(far, sr, &n, sizeof(sr)), 0);
    assert_true(relay_send(r, &r->a, &r->a.far_rtcp, sr, n, true));
    assert_false(relay_send(r, &r->a, &r->a.far, p, 40, false)); /* a forgery */
    r->now += 20;
}

static void packets_take_nothing(void **state)
{
    static const enum srtp_profile all[] = {SRTP_AES128_CM_SHA1_80, SRTP_AES128_CM_SHA1_32, SRTP_AEAD_AES_128_GCM,
                                            SRTP_AEAD_AES_256_GCM};
    struct relay *r = *state;

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct srtp *far;
        unsigned long before;

        relay_init(r);
        relay_secure(&r->a, all[i], 1);
        before = taken;
        relay_open(r);
        assert_true(taken > before); /* they are counted */
        far = relay_far_tx(r, &r->a);
        packets(r, far, 65400); /* the first one makes its sender known */
        before = taken;
        for (unsigned seq = 65401; seq < 65900; seq++) /* over the end of the numbers */
            packets(r, far, (uint16_t)seq);
        assert_int_equal(taken, before);
        srtp_free(far);
        relay_close(r);
    }
    relay_init(r); /* what relay_teardown closes */
}

int main(void)
{
    const bool counted = CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(packets_take_nothing, relay_setup, relay_teardown),
    };

    return !counted || cmocka_run_group_tests_name("agw/media/flow memory", tests, NULL, NULL);
}
