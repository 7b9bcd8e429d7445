/* SRTP against published figures: RFC 3711 appendix B, RFC 7714 16 and 17, libsrtp's reference packets; and the index and
 * replay window as functions. What the engines say to each other: test_agw_srtp_engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <srtp2/srtp.h>

#include "agw/media/media_limits.h"
#include "agw/media/srtp_engine.h"
#include "agw/media/srtp_ssrc.h"
#include "common/enc.h"
#include "common/sv.h"

static size_t hex(const char *text, uint8_t *out, size_t size)
{
    const int n = enc_unhex(sv_from(text), out, size);

    assert_true(n > 0);
    return (size_t)n;
}

static void assert_hex(const uint8_t *p, size_t n, const char *text)
{
    uint8_t want[256];

    assert_int_equal(n, hex(text, want, sizeof(want)));
    assert_memory_equal(p, want, n);
}

/* --- session keys given: below the key derivation --- */

static const char gcm_salt[] = "517569642070726f2071756f"; /* "Quid pro quo" */
static const char gcm_key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static void *keyed(enum srtp_profile profile, const char *key, const char *salt, bool inbound)
{
    const struct srtp_profile_row *row = srtp_profile_row(profile);
    struct srtp_session session = {0};
    void *engine = NULL;

    hex(key, session.key, sizeof(session.key));
    hex(salt, session.salt, sizeof(session.salt));
    assert_int_equal(srtp_openssl_keyed(&engine, row, &session, &session, inbound), 0);
    return engine;
}

struct vector {
    enum srtp_profile profile;
    const char *plain, *sealed;
    bool rtcp;
    size_t head;
    uint32_t ssrc;
    uint64_t index;
};

static void rfc7714(void **state)
{
    static const char rtp[] = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e6973206469766973"
                              "6120696e207061727465732074726573";
    static const char rtcp[] = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeef"
                               "deadbeefdeadbeef";
    static const struct vector vectors[] = {
        /* 16.1.1 and 16.1.2 */
        {SRTP_AEAD_AES_128_GCM, rtp,
         "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
         "899d7f27beb16a9152cf765ee4390cce", false, 12, 0x5501a0b2, 0xf17b},
        /* 16.2.1 and 16.2.2 */
        {SRTP_AEAD_AES_256_GCM, rtp,
         "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
         "7aa3db36dfffd6b0f9bb7878d7a76c13", false, 12, 0x5501a0b2, 0xf17b},
        /* 17.1 */
        {SRTP_AEAD_AES_128_GCM, rtcp,
         "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b"
         "c84aa45896cf4d2fc5abf87245d9eade800005d4", true, 8, 0x4d617273, 0x5d4},
        /* 17.2 */
        {SRTP_AEAD_AES_256_GCM, rtcp,
         "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad"
         "1d1eb30c4446839f57ff6f6cb26ac3be800005d4", true, 8, 0x4d617273, 0x5d4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct vector *v = &vectors[i];
        void *out = keyed(v->profile, gcm_key, gcm_salt, false), *in = keyed(v->profile, gcm_key, gcm_salt, true);
        uint8_t p[256];
        struct srtp_pkt k = {.p = p, .n = hex(v->plain, p, sizeof(p)), .head = v->head, .ssrc = v->ssrc, .index = v->index};

        assert_int_equal((v->rtcp ? srtp_ops_openssl.seal_rtcp : srtp_ops_openssl.seal)(out, &k), 0);
        assert_hex(k.p, k.n, v->sealed);
        assert_int_equal((v->rtcp ? srtp_ops_openssl.open_rtcp : srtp_ops_openssl.open)(in, &k), 0);
        assert_hex(k.p, k.n, v->plain);
        srtp_ops_openssl.drop(out);
        srtp_ops_openssl.drop(in);
    }
}

/* B.2: 1044512 octets of keystream: first and last three blocks */
static void rfc3711_keystream(void **state)
{
    const size_t n = 12 + 1044512;
    uint8_t *p = calloc(1, n + SRTP_TAG_MAX);
    void *out = keyed(SRTP_AES128_CM_SHA1_80, "2B7E151628AED2A6ABF7158809CF4F3C", "F0F1F2F3F4F5F6F7F8F9FAFBFCFD", false);
    struct srtp_pkt k = {.p = p, .n = n, .head = 12};

    (void)state;
    assert_int_equal(srtp_ops_openssl.seal(out, &k), 0);
    assert_int_equal(k.n, n + 10);
    assert_hex(p + 12, 48, "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0");
    assert_hex(p + n - 48, 48,
               "EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE6A2CC3787889374FBEB4C81B17BA6C44");
    srtp_ops_openssl.drop(out);
    free(p);
}

static void master(struct srtp_key *key, enum srtp_profile profile, const char *k, const char *salt)
{
    memset(key, 0, sizeof(*key));
    key->profile = profile;
    hex(k, key->key, sizeof(key->key));
    hex(salt, key->salt, sizeof(key->salt));
}

/* B.3 */
static void rfc3711_derivation(void **state)
{
    const struct srtp_profile_row *row = srtp_profile_row(SRTP_AES128_CM_SHA1_80);
    struct srtp_session half[2];
    struct srtp_key key;

    (void)state;
    master(&key, row->profile, "E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6");
    assert_int_equal(srtp_openssl_derive(row, &key, half), 0);
    assert_hex(half[0].key, 16, "C61E7A93744F39EE10734AFE3FF7A087");
    assert_hex(half[0].salt, 14, "30CBBC08863D8C85D49DB34A9AE1");
    assert_hex(half[0].auth, 20, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
}

/* libsrtp's srtp_validate: RTP and the RTCP packet with index 1, from the master key on, by both engines */
static void libsrtp_packets(void **state)
{
    static const char rtp[] = "800f1234decafbadcafebabeabababababababababababababababab";
    static const char rtcp[] = "81c8000bcafebabeabababababababababababababababab";
    static const struct {
        enum srtp_profile profile;
        const char *key, *salt, *rtp, *rtcp;
    } rows[] = {
        {SRTP_AES128_CM_SHA1_80, "e1f97a0d3e018be0d64fa32c06de4139", "0ec675ad498afeebb6960b3aabe6",
         "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
         "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"},
        {SRTP_AES128_CM_SHA1_32, "e1f97a0d3e018be0d64fa32c06de4139", "0ec675ad498afeebb6960b3aabe6",
         "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc",
         "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"},
        {SRTP_AEAD_AES_128_GCM, "000102030405060708090a0b0c0d0e0f", "a0a1a2a3a4a5a6a7a8a9aaab",
         "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392",
         "81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        const size_t at = i / 2;
        struct srtp *out = NULL, *in = NULL;
        struct srtp_key key;
        uint8_t p[256];
        size_t n;

        master(&key, rows[at].profile, rows[at].key, rows[at].salt);
        assert_int_equal(srtp_new(&out, i % 2 ? SRTP_LIBSRTP : SRTP_OPENSSL, &key, false), 0);
        assert_int_equal(srtp_new(&in, i % 2 ? SRTP_LIBSRTP : SRTP_OPENSSL, &key, true), 0);
        n = hex(rtp, p, sizeof(p));
        assert_int_equal(srtp_seal(out, p, &n, sizeof(p)), 0);
        assert_hex(p, n, rows[at].rtp);
        assert_int_equal(srtp_open(in, p, &n), 0);
        assert_hex(p, n, rtp);
        for (int skip = i % 2; skip < 2; skip++) { /* ours begins with index 0 */
            n = hex(rtcp, p, sizeof(p));
            assert_int_equal(srtp_seal_rtcp(out, p, &n, sizeof(p)), 0);
        }
        assert_hex(p, n, rows[at].rtcp);
        assert_int_equal(srtp_open_rtcp(in, p, &n), 0);
        assert_hex(p, n, rtcp);
        srtp_free(out);
        srtp_free(in);
    }
}

/* --- index and window --- */

static void index_guessed(void **state)
{
    struct srtp_window w = {0};
    uint64_t index;

    (void)state;
    assert_int_equal(srtp_window_guess(&w, 0xffff, &index), 0);
    assert_int_equal(index, 0xffff); /* ROC 0 for the first */
    srtp_window_mark(&w, 0);
    assert_int_equal(srtp_window_guess(&w, 0x8000, &index), 0);
    assert_int_equal(index, 0x8000); /* a jump of 2^15 is forward from the lower half ... */
    assert_int_equal(srtp_window_guess(&w, 0x8001, &index), -EALREADY); /* before the first packet of all */
    srtp_window_mark(&w, 0x8000);
    assert_int_equal(srtp_window_guess(&w, 0, &index), 0);
    assert_int_equal(index, 0); /* ... and backward from the upper */
    srtp_window_mark(&w, 0x8001);
    assert_int_equal(srtp_window_guess(&w, 0, &index), 0);
    assert_int_equal(index, 0x10000);
    srtp_window_mark(&w, 0x10000);
    assert_int_equal(srtp_window_guess(&w, 0xfff0, &index), 0);
    assert_int_equal(index, 0xfff0); /* late, of the ROC before */
    srtp_window_mark(&w, 0xffffffffffff);
    assert_int_equal(srtp_window_guess(&w, 0xffff, &index), 0);
    assert_int_equal(srtp_window_guess(&w, 0, &index), -EOVERFLOW); /* RFC 3711 9.2 */
}

static void window_against_a_list(void **state)
{
    static bool used[4096];
    struct srtp_window w = {0};
    uint64_t top = 0;

    (void)state;
    srand(1);
    srtp_window_mark(&w, 0);
    used[0] = true;
    for (unsigned i = 0; i < 200000 && top < ARRAY_LEN(used) - 400; i++) {
        const uint64_t far = rand() % 64 ? 4 : 300; /* mostly near the top, sometimes beyond the window */
        const uint64_t index = top + far > 200 ? top + far - (uint64_t)rand() % 200 : (uint64_t)rand() % 200;
        const bool old = index + SRTP_WINDOW <= top;

        assert_int_equal(srtp_window_check(&w, index), old || used[index] ? -EALREADY : 0);
        if (old || used[index])
            continue;
        srtp_window_mark(&w, index);
        used[index] = true;
        if (index > top)
            top = index;
        assert_true(w.top == top);
    }
    assert_true(top > 3000);
}

/* OpenSSL's allocations, counted from the start of the program. */
static unsigned long allocations;

static void *on_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    allocations++;
    return malloc(n);
}

static void *on_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    allocations++;
    return realloc(p, n);
}

static void on_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

static void packets_allocate_nothing(void **state)
{
    static const enum srtp_profile all[] = {SRTP_AES128_CM_SHA1_80, SRTP_AES128_CM_SHA1_32, SRTP_AEAD_AES_128_GCM,
                                            SRTP_AEAD_AES_256_GCM};

    (void)state;
    assert_true(allocations > 0); /* they are counted */
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct srtp_key key = {.profile = all[i]};
        struct srtp *out = NULL, *in = NULL;
        unsigned long before = 0;

        assert_int_equal(srtp_new(&out, SRTP_OPENSSL, &key, false) | srtp_new(&in, SRTP_OPENSSL, &key, true), 0);
        for (unsigned seq = 0; seq < 100; seq++) {
            uint8_t p[1300] = {0x80, 0, 0, (uint8_t)seq}, r[100] = {0x80, 200};
            size_t n = 12 + seq * 12, rn = 28;

            if (seq == 1)
                before = allocations;
            assert_int_equal(srtp_seal(out, p, &n, sizeof(p)) | srtp_open(in, p, &n), 0);
            assert_int_equal(srtp_seal_rtcp(out, r, &rn, sizeof(r)) | srtp_open_rtcp(in, r, &rn), 0);
        }
        assert_int_equal(allocations, before);
        srtp_free(out);
        srtp_free(in);
    }
}

/* RFC 3711 3.4: a report that is authentic but in the clear (E is 0) was not agreed upon: no UNENCRYPTED_SRTCP here. */
static void clear_rtcp_is_refused(void **state)
{
    static const enum srtp_engine engines[] = {SRTP_LIBSRTP, SRTP_OPENSSL}; /* the first one begins the library */
    struct srtp_key key = {.profile = SRTP_AES128_CM_SHA1_80, .key = {1, 2, 3}, .salt = {4, 5}};
    uint8_t master[30];

    (void)state;
    memcpy(master, key.key, 16);
    memcpy(master + 16, key.salt, 14);
    for (unsigned i = 0; i < 4; i++) {
        const bool clear = i % 2;
        srtp_policy_t policy = {.ssrc = {ssrc_any_outbound, 0}, .key = master};
        uint8_t p[100] = {0x80, 200, 0, 6, 0, 0, 0, 9};
        struct srtp *in = NULL;
        srtp_t peer = NULL;
        size_t got;
        int n = 28;

        assert_int_equal(srtp_new(&in, engines[i / 2], &key, true), 0);
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
        srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
        policy.rtcp.sec_serv = clear ? sec_serv_auth : sec_serv_conf_and_auth;
        assert_int_equal(srtp_create(&peer, &policy), 0);
        assert_int_equal(srtp_protect_rtcp(peer, p, &n), 0);
        assert_int_equal(p[28] >> 7, !clear);
        got = (size_t)n;
        assert_int_equal(srtp_open_rtcp(in, p, &got), clear ? -EACCES : 0);
        srtp_dealloc(peer);
        srtp_free(in);
    }
}

static void names_and_lengths(void **state)
{
    (void)state;
    assert_int_equal(srtp_profile_of("aes_cm_128_hmac_sha1_80", 23), SRTP_AES128_CM_SHA1_80);
    assert_int_equal(srtp_profile_of("AES_CM_128_HMAC_SHA1_8", 22), SRTP_PROFILE_NONE);
    assert_int_equal(srtp_profile_of("F8_128_HMAC_SHA1_80", 19), SRTP_PROFILE_NONE);
    assert_int_equal(srtp_profile_of("AEAD_AES_256_GCM", 16), SRTP_AEAD_AES_256_GCM);
    assert_string_equal(srtp_profile_name(SRTP_AES128_CM_SHA1_32), "AES_CM_128_HMAC_SHA1_32");
    assert_int_equal(srtp_key_len(SRTP_AEAD_AES_256_GCM), 32);
    assert_int_equal(srtp_salt_len(SRTP_AEAD_AES_256_GCM), 12);
    assert_int_equal(srtp_tag_len(SRTP_AES128_CM_SHA1_32), 4);
    assert_int_equal(srtp_key_len(SRTP_PROFILE_NONE), 0);
}

int main(void)
{
    const bool counted = CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3711_keystream),
        cmocka_unit_test(rfc3711_derivation),
        cmocka_unit_test(rfc7714),
        cmocka_unit_test(libsrtp_packets),
        cmocka_unit_test(index_guessed),
        cmocka_unit_test(window_against_a_list),
        cmocka_unit_test(packets_allocate_nothing),
        cmocka_unit_test(clear_rtcp_is_refused),
        cmocka_unit_test(names_and_lengths),
    };

    return !counted || cmocka_run_group_tests_name("agw/media/srtp", tests, NULL, NULL);
}
