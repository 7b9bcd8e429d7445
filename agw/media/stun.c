#include "agw/media/stun.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <zlib.h>

#define COOKIE 0x2112a442u
#define CRC_XOR 0x5354554eu /* RFC 8489 14.7 */
#define MAC_LEN 20

struct stun_mac {
    EVP_MAC_CTX *ctx;
};

int stun_mac_new(struct stun_mac **macp)
{
    char digest[] = "SHA1";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    struct stun_mac *mac = calloc(1, sizeof(*mac));
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    int err = 0;

    if (mac && hmac)
        mac->ctx = EVP_MAC_CTX_new(hmac);
    if (!mac || !mac->ctx || !EVP_MAC_CTX_set_params(mac->ctx, params))
        err = -ENOMEM;
    EVP_MAC_free(hmac);
    if (err)
        stun_mac_free(mac);
    else
        *macp = mac;
    return err;
}

void stun_mac_free(struct stun_mac *mac)
{
    if (!mac)
        return;
    EVP_MAC_CTX_free(mac->ctx);
    free(mac);
}

static void set16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* RFC 8489 14.5: over the message up to the attribute, with a length that ends behind the attribute. */
static bool mac_of(struct stun_mac *mac, struct sv password, const uint8_t *p, size_t n,
                   uint8_t out[MAC_LEN])
{
    uint8_t head[4];
    size_t made = 0;

    memcpy(head, p, 2);
    set16(head + 2, n - STUN_HEADER + 4 + MAC_LEN);
    return EVP_MAC_init(mac->ctx, (const uint8_t *)password.p, password.n, NULL) &&
           EVP_MAC_update(mac->ctx, head, sizeof(head)) &&
           EVP_MAC_update(mac->ctx, p + 4, n - 4) &&
           EVP_MAC_final(mac->ctx, out, &made, MAC_LEN) && made == MAC_LEN;
}

static uint32_t crc_of(const uint8_t *p, size_t n)
{
    return (uint32_t)crc32(0, p, (unsigned)n) ^ CRC_XOR;
}

/* RFC 8489 14.2 */
static int get_xaddr(struct stun_msg *m, struct rd v)
{
    uint8_t pad[4 + STUN_TID] = {0x21, 0x12, 0xa4, 0x42};
    struct addr a = {0};
    uint8_t family;
    uint16_t port;
    struct sv ip;

    memcpy(pad + 4, m->tid, STUN_TID);
    rd_u8(&v);
    family = rd_u8(&v);
    port = rd_u16(&v) ^ (uint16_t)(COOKIE >> 16);
    ip = rd_bytes(&v, family == 1 ? 4 : 16);
    if (v.fault || v.n || (family != 1 && family != 2))
        return -EBADMSG;
    for (size_t i = 0; i < ip.n; i++)
        pad[i] ^= (uint8_t)ip.p[i];
    if (family == 1) {
        a.u.in4.sin_family = AF_INET;
        memcpy(&a.u.in4.sin_addr, pad, 4);
    } else {
        a.u.in6.sin6_family = AF_INET6;
        memcpy(&a.u.in6.sin6_addr, pad, 16);
    }
    addr_set_port(&a, port);
    m->mapped = a;
    m->has_mapped = true;
    return 0;
}

static int get_error(struct stun_msg *m, struct rd v)
{
    uint8_t class, number;

    rd_u16(&v);
    class = rd_u8(&v) & 7;
    number = rd_u8(&v);
    if (v.fault || class < 3 || class > 6 || number > 99)
        return -EBADMSG;
    m->error = class * 100u + number;
    return 0;
}

static int get_role(struct stun_msg *m, struct rd v, bool *role)
{
    m->tiebreaker = rd_u64(&v);
    *role = true;
    return v.fault || v.n ? -EBADMSG : 0;
}

/* One attribute before MESSAGE-INTEGRITY. Of equal attributes the first counts (RFC 8489 14). */
static int get_attr(struct stun_msg *m, uint16_t attr, struct rd v)
{
    switch (attr) {
    case STUN_USERNAME:
        if (v.n == 0 || v.n > 513)
            return -EBADMSG;
        if (!m->username.p)
            m->username = (struct sv){(const char *)v.p, v.n};
        return 0;
    case STUN_PRIORITY:
        m->priority = rd_u32(&v);
        m->has_priority = true;
        return v.fault || v.n ? -EBADMSG : 0;
    case STUN_USE_CANDIDATE:
        m->use_candidate = true;
        return v.n ? -EBADMSG : 0;
    case STUN_ICE_CONTROLLED:
        return get_role(m, v, &m->controlled);
    case STUN_ICE_CONTROLLING:
        return get_role(m, v, &m->controlling);
    case STUN_XOR_MAPPED_ADDRESS:
        return m->has_mapped ? 0 : get_xaddr(m, v);
    case STUN_ERROR_CODE:
        return get_error(m, v);
    case STUN_UNKNOWN_ATTRIBUTES:
    case STUN_MESSAGE_INTEGRITY_SHA256: /* beside MESSAGE-INTEGRITY; short-term use needs the latter (RFC 8445) */
        return 0;
    default:
        if (attr < 0x8000 && m->n_unknown < MEDIA_STUN_UNKNOWN)
            m->unknown[m->n_unknown++] = attr;
        return 0;
    }
}

static int get_attrs(struct stun_msg *m, struct rd r)
{
    while (r.n) {
        const size_t at = m->n - r.n;
        const uint16_t attr = rd_u16(&r), len = rd_u16(&r);
        const struct sv v = rd_bytes(&r, len);
        int err = 0;

        rd_bytes(&r, -len & 3u);
        if (r.fault)
            return -EBADMSG;
        if (attr == STUN_FINGERPRINT) {
            /* RFC 8489 14.7: the last attribute */
            struct rd crc = rd_over(v.p, v.n);

            if (len != 4 || r.n || rd_u32(&crc) != crc_of(m->raw, at))
                return -EBADMSG;
            m->has_fingerprint = true;
        } else if (m->integrity_at) {
            continue; /* RFC 8489 14.5: what follows the integrity is not protected, ignore it */
        } else if (attr == STUN_MESSAGE_INTEGRITY) {
            if (len != MAC_LEN)
                return -EBADMSG;
            m->integrity_at = at;
        } else {
            err = get_attr(m, attr, rd_over(v.p, v.n));
        }
        if (err)
            return err;
    }
    return 0;
}

int stun_parse(struct stun_msg *m, const void *p, size_t n)
{
    struct rd r = rd_over(p, n);
    uint16_t length;

    memset(m, 0, sizeof(*m));
    m->raw = p;
    m->n = n;
    if (n < STUN_HEADER || n > MEDIA_STUN_MAX || n % 4)
        return -EBADMSG;
    m->type = rd_u16(&r);
    length = rd_u16(&r);
    if (m->type & 0xc000 || length != n - STUN_HEADER || rd_u32(&r) != COOKIE)
        return -EBADMSG;
    memcpy(m->tid, r.p, STUN_TID);
    rd_bytes(&r, STUN_TID);
    return get_attrs(m, r);
}

bool stun_verify(const struct stun_msg *m, struct stun_mac *mac, struct sv password)
{
    uint8_t want[MAC_LEN];

    return m->integrity_at && mac_of(mac, password, m->raw, m->integrity_at, want) &&
           CRYPTO_memcmp(want, m->raw + m->integrity_at + 4, MAC_LEN) == 0;
}

void stun_begin(struct buf *b, enum stun_type type, const uint8_t tid[STUN_TID])
{
    buf_u16(b, (uint16_t)type);
    buf_u16(b, 0);
    buf_u32(b, COOKIE);
    buf_put(b, tid, STUN_TID);
}

void stun_put(struct buf *b, enum stun_attr attr, const void *p, size_t n)
{
    static const uint8_t zero[4];

    buf_u16(b, (uint16_t)attr);
    buf_u16(b, (uint16_t)n);
    buf_put(b, p, n);
    buf_put(b, zero, -n & 3u);
}

void stun_put_u32(struct buf *b, enum stun_attr attr, uint32_t v)
{
    buf_u16(b, (uint16_t)attr);
    buf_u16(b, 4);
    buf_u32(b, v);
}

void stun_put_u64(struct buf *b, enum stun_attr attr, uint64_t v)
{
    buf_u16(b, (uint16_t)attr);
    buf_u16(b, 8);
    buf_u64(b, v);
}

void stun_put_xaddr(struct buf *b, const struct addr *a)
{
    const bool v6 = addr_is_v6(a);
    const size_t n = v6 ? 16 : 4;
    uint8_t v[20] = {0, v6 ? 2 : 1};
    const uint8_t *ip = v6 ? (const void *)&a->u.in6.sin6_addr : (const void *)&a->u.in4.sin_addr;

    if (b->len < STUN_HEADER) { /* the header did not fit: already remembered */
        b->overflow = true;
        return;
    }
    set16(v + 2, addr_port(a) ^ (COOKIE >> 16));
    for (size_t i = 0; i < n; i++)
        v[4 + i] = ip[i] ^ b->p[4 + i]; /* cookie, then transaction id */
    stun_put(b, STUN_XOR_MAPPED_ADDRESS, v, 4 + n);
}

void stun_put_error(struct buf *b, unsigned code, const char *reason)
{
    const size_t n = strlen(reason);
    uint8_t v[4 + 64] = {0, 0, (uint8_t)(code / 100), (uint8_t)(code % 100)};
    const size_t kept = n < 64 ? n : 64;

    memcpy(v + 4, reason, kept);
    stun_put(b, STUN_ERROR_CODE, v, 4 + kept);
}

int stun_end(struct buf *b, struct stun_mac *mac, struct sv password)
{
    uint8_t out[MAC_LEN] = {0};

    if (b->overflow || b->len < STUN_HEADER)
        return -EMSGSIZE;
    if (mac) {
        if (!mac_of(mac, password, b->p, b->len, out))
            return -ENOMEM;
        stun_put(b, STUN_MESSAGE_INTEGRITY, out, MAC_LEN);
    }
    if (b->overflow)
        return -EMSGSIZE;
    set16(b->p + 2, b->len - STUN_HEADER + 8); /* RFC 8489 14.7: the length counts the FINGERPRINT */
    stun_put_u32(b, STUN_FINGERPRINT, crc_of(b->p, b->len));
    return buf_err(b);
}
