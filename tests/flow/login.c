#include "tests/flow/login.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/buf.h"
#include "common/enc.h"

#define TOKEN_MAX 900

static void md5(char out[33], const char *text)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    EVP_Digest(text, strlen(text), md, &n, EVP_md5(), NULL);
    for (unsigned i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", md[i]);
}

static void param(struct sv challenge, const char *name, char *out, size_t size)
{
    char want[32];
    const char *at;
    struct sv rest;
    int n = snprintf(want, sizeof want, "%s=\"", name);

    at = memmem(challenge.p, challenge.n, want, (size_t)n);
    rest = at ? (struct sv){at + n, challenge.n - (size_t)(at + n - challenge.p)} : SV_NONE;
    sv_copy(sv_cut(&rest, '"'), out, size);
}

int login_digest(char *out, size_t size, struct sv login, struct sv challenge, const char *method, const char *uri)
{
    struct sv name = sv_cut(&login, ':');
    char realm[128], nonce[160], text[600], ha1[33], ha2[33], response[33];

    param(challenge, "realm", realm, sizeof realm);
    param(challenge, "nonce", nonce, sizeof nonce);
    if (!sv_starts(challenge, "Digest ") || !realm[0] || !nonce[0])
        return -EBADMSG;
    snprintf(text, sizeof text, "%.*s:%s:%.*s", SV_ARG(name), realm, SV_ARG(login));
    md5(ha1, text);
    snprintf(text, sizeof text, "%s:%s", method, uri);
    md5(ha2, text);
    snprintf(text, sizeof text, "%s:%s:00000001:c0ffee:auth:%s", ha1, nonce, ha2);
    md5(response, text);
    snprintf(out, size, "Digest username=\"%.*s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\", algorithm=MD5, qop=auth, "
             "nc=00000001, cnonce=\"c0ffee\"", SV_ARG(name), realm, nonce, uri, response);
    return 0;
}

void login_turn(char *out, size_t size, struct sv what)
{
    const struct sv secret = sv_word(&what), name = sv_trim(what);
    unsigned char mac[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE];
    unsigned n = 0;

    HMAC(EVP_sha1(), secret.p, (int)secret.n, (const unsigned char *)name.p, name.n, mac, &n);
    enc_base64(mac, n, text);
    sv_copy(sv_from(text), out, size);
}

static void put_base64url(struct buf *b, const void *p, size_t n)
{
    char text[TOKEN_MAX * 2];

    enc_base64(p, n, text);
    for (char *c = text; *c && *c != '='; c++)
        buf_printf(b, "%c", *c == '+' ? '-' : *c == '/' ? '_' : *c);
}

/* +60 and -60 are times of CLOCK_REALTIME then. */
static void put_claims(struct buf *b, struct sv json)
{
    for (size_t i = 0; i < json.n; i++) {
        bool sign = (json.p[i] == '+' || json.p[i] == '-') && i + 1 < json.n && isdigit((unsigned char)json.p[i + 1]) &&
                    (i == 0 || strchr(": ", json.p[i - 1]));
        long n = 0;

        if (!sign) {
            buf_printf(b, "%c", json.p[i]);
            continue;
        }
        for (size_t k = i + 1; k < json.n && isdigit((unsigned char)json.p[k]); k++)
            n = n * 10 + (json.p[k] - '0');
        buf_printf(b, "%ld", (long)time(NULL) + (json.p[i] == '+' ? n : -n));
        while (i + 1 < json.n && isdigit((unsigned char)json.p[i + 1]))
            i++;
    }
}

int login_token(char *out, size_t size, struct sv what)
{
    static const char head[] = "{\"alg\":\"HS256\",\"kid\":\"k1\"}";
    unsigned char mac[EVP_MAX_MD_SIZE];
    char claims[TOKEN_MAX];
    struct buf c = buf_over(claims, sizeof claims), b = buf_over(out, size);
    struct sv secret = sv_word(&what);
    unsigned n = 0;

    put_claims(&c, sv_trim(what));
    put_base64url(&b, head, sizeof head - 1);
    buf_str(&b, ".");
    if (buf_err(&c) || !c.len)
        return -EINVAL;
    put_base64url(&b, claims, c.len);
    if (buf_err(&b))
        return -EINVAL;
    HMAC(EVP_sha256(), secret.p, (int)secret.n, (const unsigned char *)out, b.len, mac, &n);
    buf_str(&b, ".");
    put_base64url(&b, mac, n);
    if (b.len < size)
        out[b.len] = 0;
    return buf_err(&b);
}
