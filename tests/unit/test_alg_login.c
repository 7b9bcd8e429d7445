/* Who may come in: digests with our nonces, web tokens, and how wrong ones are slowed down. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "alg/users/login.h"
#include "alg/users/slow.h"
#include "common/enc.h"

#define DOMAIN "office.example.net"
#define WALL 1800000000

struct world {
    struct users *users;
    struct jwt_keys *keys;
    struct login *login;
    EVP_PKEY *rsa, *ec;
    char dir[64], secret[41];
    msec_t now;
};

/* --- tokens, made here --- */

static void b64url(const void *p, size_t n, char *out)
{
    enc_base64(p, n, out);
    for (char *c = out; *c; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    out[strcspn(out, "=")] = 0;
}

static size_t sign(const struct world *w, const char *alg, const char *text, unsigned char sig[512])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char der[512];
    const unsigned char *at = der;
    size_t n = sizeof der;
    unsigned len = 0;
    ECDSA_SIG *es;

    if (!strcmp(alg, "HS256")) {
        EVP_MD_CTX_free(ctx);
        HMAC(EVP_sha256(), w->secret, (int)strlen(w->secret), (const unsigned char *)text, strlen(text), sig, &len);
        return len;
    }
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, !strcmp(alg, "RS256") ? w->rsa : w->ec), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &n, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(ctx);
    if (!strcmp(alg, "RS256")) {
        memcpy(sig, der, n);
        return n;
    }
    es = d2i_ECDSA_SIG(NULL, &at, (long)n);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(es), sig, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(es), sig + 32, 32), 32);
    ECDSA_SIG_free(es);
    return 64;
}

static const char *token(const struct world *w, const char *alg, const char *head, const char *claims)
{
    static char out[JWT_MAX * 2];
    unsigned char sig[512];
    char h[512], c[1024], s[1024], text[1600];

    b64url(head, strlen(head), h);
    b64url(claims, strlen(claims), c);
    snprintf(text, sizeof text, "%s.%s", h, c);
    b64url(sig, sign(w, alg, text, sig), s);
    snprintf(out, sizeof out, "%s.%s", text, s);
    return out;
}

#define GOOD "{\"sub\": \"alice\", \"aud\": \"" DOMAIN "\", \"exp\": 1800000100, \"nbf\": 1799999900, \"iss\": \"https://web\"}"

static int judge(const struct world *w, const char *text)
{
    struct jwt_claims c;

    return jwt_check(w->keys, text, DOMAIN, WALL, &c);
}

static void test_tokens(void **state)
{
    const struct world *w = *state;
    static const char *const algs[] = {"HS256", "RS256", "ES256"};
    static const struct {
        const char *claims;
        int want;
    } rows[] = {
        {GOOD, 0},
        {"{\"sub\": \"alice\", \"aud\": [\"x\", \"" DOMAIN "\"], \"exp\": 1800000100, \"iss\": \"https://web\"}", 0},
        {"{\"sub\": \"alice\", \"aud\": \"" DOMAIN "\", \"exp\": 1799999980, \"iss\": \"https://web\"}", 0}, /* clocks differ */
        {"{\"sub\": \"alice\", \"aud\": \"" DOMAIN "\", \"exp\": 1799999970, \"iss\": \"https://web\"}", -ETIME},
        {"{\"sub\": \"alice\", \"aud\": \"" DOMAIN "\", \"exp\": 1800000100, \"nbf\": 1800000031, \"iss\": \"https://web\"}", -ETIME},
        {"{\"sub\": \"alice\", \"aud\": \"elsewhere\", \"exp\": 1800000100, \"iss\": \"https://web\"}", -EPERM},
        {"{\"sub\": \"alice\", \"exp\": 1800000100, \"iss\": \"https://web\"}", -EPERM},
        {"{\"sub\": \"alice\", \"aud\": \"" DOMAIN "\", \"exp\": 1800000100, \"iss\": \"https://other\"}", -EPERM},
        {"{\"sub\": \"alice\", \"aud\": \"" DOMAIN "\", \"exp\": 1800000100}", -EPERM},
        {"{\"sub\": \"alice\", \"aud\": \"" DOMAIN "\", \"iss\": \"https://web\"}", -EBADMSG},
        {"{\"aud\": \"" DOMAIN "\", \"exp\": 1800000100, \"iss\": \"https://web\"}", -EBADMSG},
        {"{\"sub\": \"\", \"aud\": \"" DOMAIN "\", \"exp\": 1800000100, \"iss\": \"https://web\"}", -EBADMSG},
        {"{\"sub\": \"alice\", \"aud\": \"" DOMAIN "\", \"exp\": \"1800000100\", \"iss\": \"https://web\"}", -EBADMSG},
        {"[]", -EBADMSG},
        {"{", -EBADMSG},
    };
    char head[64];

    for (unsigned a = 0; a < 3; a++)
        for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            snprintf(head, sizeof head, "{\"alg\": \"%s\", \"kid\": \"k%u\"}", algs[a], a);
            if (judge(w, token(w, algs[a], head, rows[i].claims)) != rows[i].want)
                fail_msg("%s row %u: %d", algs[a], i, judge(w, token(w, algs[a], head, rows[i].claims)));
        }
}

static void test_forged_tokens(void **state)
{
    const struct world *w = *state;
    static const char *const junk[] = {"", ".", "..", "...", "a.b.c", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30.", "=.=.="};
    char text[JWT_MAX * 2], big[JWT_MAX * 2];

    for (unsigned i = 0; i < sizeof junk / sizeof junk[0]; i++)
        assert_true(judge(w, junk[i]) < 0);
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = 0;
    assert_int_equal(judge(w, big), -EBADMSG);
    big[10] = big[20] = '.';
    assert_int_equal(judge(w, big), -EBADMSG);
    /* a key keeps its own algorithm: neither none, nor an RSA key's text as a secret, nor a key under another's name */
    assert_int_equal(judge(w, token(w, "HS256", "{\"alg\": \"none\", \"kid\": \"k0\"}", GOOD)), -ENOKEY);
    assert_int_equal(judge(w, token(w, "HS256", "{\"alg\": \"HS256\", \"kid\": \"k1\"}", GOOD)), -ENOKEY);
    assert_int_equal(judge(w, token(w, "HS256", "{\"alg\": \"RS256\", \"kid\": \"k1\"}", GOOD)), -EACCES);
    assert_int_equal(judge(w, token(w, "RS256", "{\"alg\": \"ES256\", \"kid\": \"k2\"}", GOOD)), -EACCES);
    assert_int_equal(judge(w, token(w, "HS256", "{\"alg\": \"HS256\", \"kid\": \"k0\", \"crit\": [\"x\"]}", GOOD)), -EBADMSG);
    snprintf(text, sizeof text, "%s", token(w, "HS256", "{\"alg\": \"HS256\", \"kid\": \"k0\"}", GOOD));
    assert_int_equal(judge(w, text), 0);
    text[strlen(text) - 4] = 0; /* the rest of it may stand where the last one stood */
    assert_true(judge(w, text) < 0);
    snprintf(text, sizeof text, "%s", token(w, "ES256", "{\"alg\": \"ES256\", \"kid\": \"k2\"}", GOOD));
    assert_int_equal(judge(w, text), 0);
    for (size_t i = 0; i + 1 < strlen(text); i += 3) { /* the last character has bits that mean nothing */
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        if (judge(w, text) == 0)
            fail_msg("character %zu", i);
        text[i] = was;
    }
}

/* --- digest --- */

struct answer {
    char text[12][700];
    const char *params[13];
};

static struct login_try with(const struct world *w, struct answer *a, enum digest_algo algo, const char *user, const char *password,
                             const char *nonce, unsigned nc, const char *peer)
{
    struct digest_secret s;
    struct digest d = {.qop = "auth", .cnonce = "c1", .uri = "sip:" DOMAIN};
    char response[DIGEST_HEX];
    unsigned n = 0;

    snprintf(d.nonce, sizeof d.nonce, "%s", nonce);
    snprintf(d.nc, sizeof d.nc, "%08x", nc);
    assert_int_equal(digest_secret_make(&s, user, DOMAIN, password), 0);
    assert_int_equal(digest_response(response, algo, s.ha1[algo], &d, "REGISTER"), 0);
    snprintf(a->text[n++], sizeof a->text[0], "username=\"%s\"", user);
    snprintf(a->text[n++], sizeof a->text[0], "realm=\"" DOMAIN "\"");
    snprintf(a->text[n++], sizeof a->text[0], "nonce=\"%s\"", nonce);
    snprintf(a->text[n++], sizeof a->text[0], "uri=\"sip:" DOMAIN "\"");
    snprintf(a->text[n++], sizeof a->text[0], "response=\"%s\"", response);
    snprintf(a->text[n++], sizeof a->text[0], "algorithm=%s", digest_name(algo));
    snprintf(a->text[n++], sizeof a->text[0], "cnonce=\"c1\"");
    snprintf(a->text[n++], sizeof a->text[0], "nc=%s", d.nc);
    snprintf(a->text[n++], sizeof a->text[0], "qop=auth");
    for (unsigned i = 0; i <= n; i++)
        a->params[i] = i < n ? a->text[i] : NULL;
    return (struct login_try){.domain = DOMAIN, .password = true, .token = true, .scheme = "Digest", .params = a->params,
                              .method = "REGISTER", .uri = "sip:" DOMAIN, .peer = peer, .now = w->now, .wall = WALL};
}

static enum login_verdict go(struct world *w, const char *user, const char *password, const char *nonce, unsigned nc, const char *peer)
{
    struct answer a;
    struct login_try t = with(w, &a, nc & 1 ? DIGEST_MD5 : DIGEST_SHA256, user, password, nonce, nc, peer);
    struct user who;
    unsigned left;

    return login_check(w->login, &t, &who, &left);
}

static void test_digest(void **state)
{
    struct world *w = *state;
    char nonce[LOGIN_NONCE_LEN + 1], other[LOGIN_NONCE_LEN + 1];
    struct answer a;
    struct login_try t;
    struct user who;
    unsigned left;

    login_nonce(w->login, DOMAIN, w->now, nonce);
    assert_int_equal(go(w, "alice", "open sesame", nonce, 1, "a"), LOGIN_OK);
    assert_int_equal(go(w, "alice", "open sesame", nonce, 1, "a"), LOGIN_STALE); /* the same again */
    assert_int_equal(go(w, "alice", "open sesame", nonce, 4, "a"), LOGIN_OK);    /* SHA-256, and nc may jump */
    assert_int_equal(go(w, "alice", "open sesame", nonce, 3, "a"), LOGIN_STALE);
    assert_int_equal(go(w, "alice", "open sesame", "0000", 5, "a"), LOGIN_STALE);
    snprintf(other, sizeof other, "%s", nonce);
    other[3] = other[3] == '1' ? '2' : '1'; /* an older one made younger */
    assert_int_equal(go(w, "alice", "open sesame", other, 5, "a"), LOGIN_STALE);
    login_nonce(w->login, "other.example.net", w->now, other);
    assert_int_equal(go(w, "alice", "open sesame", other, 5, "a"), LOGIN_STALE);
    w->now += LOGIN_NONCE_S * 1000 + 1;
    assert_int_equal(go(w, "alice", "open sesame", nonce, 7, "a"), LOGIN_STALE);
    login_nonce(w->login, DOMAIN, w->now, nonce);
    t = with(w, &a, DIGEST_MD5, "alice", "open sesame", nonce, 1, "a");
    a.params[8] = NULL; /* no qop: RFC 2069, which knows no nc */
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_BAD);
    t = with(w, &a, DIGEST_MD5, "alice", "open sesame", nonce, 1, "a");
    t.uri = "sip:elsewhere";
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_BAD);
    t.scheme = "Basic";
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_ASK);
    t.scheme = NULL;
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_ASK);
    assert_int_equal(go(w, "alice", "open sesame", nonce, 1, "a"), LOGIN_OK);
}

static void test_bearer(void **state)
{
    struct world *w = *state;
    char text[JWT_MAX], form[JWT_MAX + 32];
    const char *bare[] = {text, NULL}, *named[] = {form, NULL}, *two[] = {text, "x=y", NULL};
    struct login_try t = {.domain = DOMAIN, .token = true, .scheme = "Bearer", .params = bare, .peer = "t", .now = w->now, .wall = WALL};
    struct user who;
    unsigned left;

    snprintf(text, sizeof text, "%s", token(w, "ES256", "{\"alg\": \"ES256\", \"kid\": \"k2\"}", GOOD));
    snprintf(form, sizeof form, "access_token=\"%s\"", text);
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_OK);
    assert_string_equal(who.name, "alice");
    assert_int_equal(left, 100);
    t.params = named;
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_OK);
    t.params = two;
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_INVALID);
    t.params = bare;
    t.token = false;
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_ASK);
    t.token = true;
    t.wall = WALL + 131;
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_INVALID);
    t.wall = WALL;
    snprintf(text, sizeof text, "%s", token(w, "ES256", "{\"alg\": \"ES256\", \"kid\": \"k2\"}",
                                            "{\"sub\": \"nobody\", \"aud\": \"" DOMAIN "\", \"exp\": 1800000100, \"iss\": \"https://web\"}"));
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_NOBODY);
    assert_string_equal(who.name, "nobody");
    for (unsigned i = 0; i < 2; i++) { /* sub may name its domain: ours, or it is nobody of ours */
        snprintf(text, sizeof text, "%s", token(w, "ES256", "{\"alg\": \"ES256\", \"kid\": \"k2\"}",
                 i ? "{\"sub\": \"alice@other.example.net\", \"aud\": \"" DOMAIN "\", \"exp\": 1800000100, \"iss\": \"https://web\"}"
                   : "{\"sub\": \"alice@" DOMAIN "\", \"aud\": \"" DOMAIN "\", \"exp\": 1800000100, \"iss\": \"https://web\"}"));
        assert_int_equal(login_check(w->login, &t, &who, &left), i ? LOGIN_INVALID : LOGIN_OK);
    }
}

/* Where alg is trusted the token may say who it is (TS 24.371 6.1 scenario 3); elsewhere the store alone does. */
static void test_claims(void **state)
{
    static const struct {
        const char *sub, *more, *impu, *impi;
        bool claimed;
        enum login_verdict want;
    } rows[] = {
        {"guest", ", \"impu\": \"sip:pool7@home.net\"", "sip:pool7@home.net", "pool7@home.net", true, LOGIN_OK},
        {"guest", ", \"impu\": \"sip:pool7@home.net\", \"impi\": \"p7@home.net\"", "sip:pool7@home.net", "p7@home.net", true, LOGIN_OK},
        {"guest", ", \"impu\": \"sip:pool7@home.net\"", NULL, NULL, false, LOGIN_NOBODY},
        {"guest", "", NULL, NULL, true, LOGIN_NOBODY},
        {"guest", ", \"impu\": \"http://x@y\"", NULL, NULL, true, LOGIN_NOBODY},
        {"guest", ", \"impu\": \"sip:a@b>,<sip:c@d\"", NULL, NULL, true, LOGIN_NOBODY},
        {"guest", ", \"impu\": \"sip:a@b\\r\\nX: y\"", NULL, NULL, true, LOGIN_NOBODY},
        {"gu est", ", \"impu\": \"sip:a@b\"", NULL, NULL, true, LOGIN_NOBODY},
        {"alice", ", \"impu\": \"sip:pool8@home.net\"", "sip:pool8@home.net", NULL, true, LOGIN_OK},
    };
    struct world *w = *state;

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[JWT_MAX], claims[512];
        const char *params[] = {text, NULL};
        struct login_try t = {.domain = DOMAIN, .token = true, .claimed = rows[i].claimed, .scheme = "Bearer", .params = params,
                              .peer = "claims", .now = w->now, .wall = WALL};
        struct user who;
        unsigned left;

        snprintf(claims, sizeof claims, "{\"sub\": \"%s\", \"aud\": \"" DOMAIN "\", \"exp\": 1800000100, \"iss\": \"https://web\"%s}",
                 rows[i].sub, rows[i].more);
        snprintf(text, sizeof text, "%s", token(w, "ES256", "{\"alg\": \"ES256\", \"kid\": \"k2\"}", claims));
        if (login_check(w->login, &t, &who, &left) != rows[i].want)
            fail_msg("row %u", i);
        if (rows[i].impu)
            assert_string_equal(who.impu, rows[i].impu);
        if (rows[i].impi)
            assert_string_equal(who.impi, rows[i].impi);
    }
}

/* --- slowed down --- */

static void test_slow_login(void **state)
{
    struct world *w = *state;
    char nonce[LOGIN_NONCE_LEN + 1];

    login_nonce(w->login, DOMAIN, w->now, nonce);
    assert_int_equal(go(w, "alice", "open sesame", nonce, 1, "home"), LOGIN_OK);
    for (unsigned i = 0; i < SLOW_FREE + 1; i++) {
        assert_int_equal(go(w, "alice", "guess", nonce, 3 + 2 * i, "far"), LOGIN_WRONG);
        assert_int_equal(go(w, "nobody", "guess", nonce, 3 + 2 * i, "there"), LOGIN_WRONG); /* exactly the same */
    }
    assert_int_equal(go(w, "alice", "open sesame", nonce, 21, "far"), LOGIN_WAIT); /* not even the right one is looked at */
    assert_int_equal(go(w, "nobody", "guess", nonce, 21, "there"), LOGIN_WAIT);
    assert_int_equal(go(w, "alice", "open sesame", nonce, 21, "elsewhere"), LOGIN_WAIT); /* per user */
    assert_int_equal(go(w, "bob", "guess", nonce, 21, "far"), LOGIN_WAIT);               /* per address */
    assert_int_equal(go(w, "alice", "open sesame", nonce, 23, "home"), LOGIN_OK);        /* where she was before */
    w->now += 1000;
    assert_int_equal(go(w, "alice", "open sesame", nonce, 25, "far"), LOGIN_OK);
}

/* Who is in already: others behind the same address do not keep it from its call. */
static void test_slow_inside(void **state)
{
    struct world *w = *state;
    char text[JWT_MAX];
    const char *good[] = {text, NULL}, *bad[] = {"a.b.c", NULL};
    struct login_try t = {.domain = DOMAIN, .token = true, .scheme = "Bearer", .params = bad, .peer = "office", .now = w->now, .wall = WALL};
    struct user who;
    unsigned left;

    snprintf(text, sizeof text, "%s", token(w, "ES256", "{\"alg\": \"ES256\", \"kid\": \"k2\"}", GOOD));
    for (unsigned i = 0; i < SLOW_FREE + 1; i++)
        assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_INVALID);
    t.params = good;
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_WAIT);
    assert_int_equal(left, 1);
    t.inside = true;
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_OK);
    t.params = bad;
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_INVALID);
}

static void test_slow_grows(void **state)
{
    struct slow *s;
    msec_t now = 1000;
    unsigned wait, longest = 0, tries = 0;

    (void)state;
    assert_int_equal(slow_new(&s), 0);
    for (; now < 3600 * 1000; tries++) { /* an hour of guessing as fast as it is let */
        wait = slow_wait(s, "u", "p", now);
        longest = wait > longest ? wait : longest;
        now += wait * 1000;
        slow_wrong(s, "u", "p", now);
        now += 10;
    }
    assert_int_equal(longest, SLOW_MAX_S);
    assert_in_range(tries, 50, 75);
    assert_int_equal(slow_wait(s, "u", "q", now) > 0, 1);
    now += SLOW_FORGET_S * 1000 + 1;
    assert_int_equal(slow_wait(s, "u", "p", now), 0);
    slow_wrong(s, "u", "p", now); /* and forgotten: the first ones are free again */
    assert_int_equal(slow_wait(s, "u", "p", now), 0);
    for (unsigned i = 0; i < SLOW_FREE; i++) /* who knows one password may not try those of others for nothing */
        slow_wrong(s, "v", "q", now);
    slow_right(s, "v", "q", now);
    slow_wrong(s, "w", "q", now);
    assert_int_equal(slow_wait(s, "w", "q", now), 1);
    assert_int_equal(slow_wait(s, "w", "r", now), 0);
    for (unsigned i = 0; i < SLOW_ENTRIES_MAX + 100; i++) { /* many names do not fill the memory */
        char name[16];

        snprintf(name, sizeof name, "n%u", i);
        slow_wrong(s, name, "flood", now);
    }
    assert_true(slow_wait(s, "", "flood", now) > 0);
    slow_free(s);
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int64_t nanoseconds(struct world *w, const char *user, unsigned nc)
{
    char nonce[LOGIN_NONCE_LEN + 1], peer[32];
    struct timespec a, b;
    struct answer ans;
    struct login_try t;
    struct user who;
    unsigned left;

    login_nonce(w->login, DOMAIN, w->now, nonce);
    snprintf(peer, sizeof peer, "%s%u", user, nc);
    t = with(w, &ans, DIGEST_MD5, user, "guess", nonce, 1, peer);
    w->now += 70000; /* nobody waits */
    t.now = w->now - 70000;
    clock_gettime(CLOCK_MONOTONIC, &a);
    assert_int_equal(login_check(w->login, &t, &who, &left), LOGIN_WRONG);
    clock_gettime(CLOCK_MONOTONIC, &b);
    return (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec;
}

/* The median of a thousand, in turn: a known user with a wrong password and one who does not exist. Without the digest of who is
 * not there it is 0.80. */
static void test_same_time(void **state)
{
    struct world *w = *state;
    static int64_t known[1000], unknown[1000];
    double ratio = 0;

    for (unsigned round = 0; round < 5 && (ratio < 0.86 || ratio > 1.15); round++) { /* others use the machine, too */
        for (unsigned i = 0; i < 1000; i++) {
            known[i] = nanoseconds(w, "alice", round * 1000 + i);
            unknown[i] = nanoseconds(w, "zelda", round * 1000 + i);
        }
        qsort(known, 1000, sizeof known[0], by_value);
        qsort(unknown, 1000, sizeof unknown[0], by_value);
        ratio = (double)unknown[500] / (double)known[500];
        print_message("known_ns=%lld unknown_ns=%lld ratio=%.3f\n", (long long)known[500], (long long)unknown[500], ratio);
    }
    assert_true(ratio > 0.86 && ratio < 1.15);
}

/* --- the world --- */

static void write_file(const struct world *w, const char *name, EVP_PKEY *key, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    if (key)
        assert_int_equal(PEM_write_PUBKEY(f, key), 1);
    else
        fputs(text, f);
    fclose(f);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char files[3][128], db[128], why[256];
    struct jwt_key_conf conf[] = {{"k0", "HS256", files[0], "https://web", ""}, {"k1", "RS256", files[1], "https://web", ""},
                                  {"k2", "ES256", files[2], "https://web", ""}};
    struct user u = {0};

    *state = w;
    w->now = 5000000;
    snprintf(w->dir, sizeof w->dir, "/tmp/test_alg_login.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    memset(w->secret, 's', sizeof w->secret - 1);
    w->rsa = EVP_RSA_gen(2048);
    w->ec = EVP_EC_gen("P-256");
    for (unsigned i = 0; i < 3; i++)
        snprintf(files[i], sizeof files[i], "%s/key%u", w->dir, i);
    write_file(w, "key0", NULL, w->secret);
    write_file(w, "key1", w->rsa, NULL);
    write_file(w, "key2", w->ec, NULL);
    assert_int_equal(jwt_keys_new(&w->keys, conf, 3, why, sizeof why), 0);
    snprintf(db, sizeof db, "%s/users.db", w->dir);
    assert_int_equal(users_open(&w->users, db), 0);
    assert_int_equal(user_name(&u, "alice@" DOMAIN), 0);
    assert_int_equal(digest_secret_make(&u.access, "alice", DOMAIN, "open sesame"), 0);
    assert_int_equal(users_put(w->users, &u), 0);
    return login_new(&w->login, w->users, w->keys);
}

static int tear_down(void **state)
{
    static const char *const files[] = {"key0", "key1", "key2", "users.db", "users.db-wal", "users.db-shm"};
    struct world *w = *state;
    char path[128];

    login_free(w->login);
    jwt_keys_free(w->keys);
    users_close(w->users);
    EVP_PKEY_free(w->rsa);
    EVP_PKEY_free(w->ec);
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", w->dir, files[i]);
        unlink(path);
    }
    rmdir(w->dir);
    free(w);
    return 0;
}

/* A key file that is none, a secret that is too short: said at start. */
static void test_bad_keys(void **state)
{
    const struct world *w = *state;
    char file[128], why[256] = "";
    struct jwt_key_conf conf = {"", "ES256", file, "", ""};
    struct jwt_keys *k = NULL;

    snprintf(file, sizeof file, "%s/key1", w->dir); /* RSA */
    assert_int_equal(jwt_keys_new(&k, &conf, 1, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "key1"));
    conf.alg = "none";
    assert_int_equal(jwt_keys_new(&k, &conf, 1, why, sizeof why), -EINVAL);
    snprintf(file, sizeof file, "%s/key3", w->dir);
    assert_int_equal(jwt_keys_new(&k, &conf, 1, why, sizeof why), -ENOENT);
    write_file(w, "key3", NULL, "too short");
    conf.alg = "HS256";
    assert_int_equal(jwt_keys_new(&k, &conf, 1, why, sizeof why), -EINVAL);
    unlink(file);
    assert_null(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens), cmocka_unit_test(test_forged_tokens), cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_digest), cmocka_unit_test(test_bearer), cmocka_unit_test(test_claims), cmocka_unit_test(test_slow_login),
        cmocka_unit_test(test_slow_grows), cmocka_unit_test(test_slow_inside), cmocka_unit_test(test_same_time),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
