#include "tests/fake/turnc.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agw/media/stun.h"
#include "common/rnd.h"

#define COOKIE 0x2112a442u
#define CHANNEL 0x4000
#define CHANNEL_HEAD 4
#define RX_MAX 65536
#define MESSAGE_MAX 2048

enum method { ALLOCATE = 0x003, REFRESH = 0x004, PERMISSION = 0x008, CHANNEL_BIND = 0x009, SEND_INDICATION = 0x016, DATA_INDICATION = 0x017 };
enum attr { CHANNEL_NUMBER = 0x000c, LIFETIME = 0x000d, XOR_PEER = 0x0012, DATA = 0x0013, REALM = 0x0014, NONCE = 0x0015,
            XOR_RELAYED = 0x0016, REQUESTED_TRANSPORT = 0x0019 };

struct turnc {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    struct stun_mac *mac;
    char name[256], password[256], realm[128], nonce[128];
    struct addr bound; /* the peer of the channel */
    bool has_channel;
    uint8_t rx[RX_MAX];
    size_t n, taken; /* octets there; of them those of the frame that was given out last */
};

/* --- the stream --- */

int turnc_new(struct turnc **tp, const struct addr *server)
{
    struct turnc *t = calloc(1, sizeof *t);
    int err = -EPROTO;

    if (!t)
        return -ENOMEM;
    t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (t->fd < 0 || connect(t->fd, &server->u.sa, addr_len(server)))
        err = -errno;
    else if (!(t->ctx = SSL_CTX_new(TLS_client_method())) || !(t->ssl = SSL_new(t->ctx)) || stun_mac_new(&t->mac))
        err = -ENOMEM;
    else if (SSL_set_fd(t->ssl, t->fd) == 1 && SSL_connect(t->ssl) == 1)
        err = fcntl(t->fd, F_SETFL, O_NONBLOCK) ? -errno : 0;
    if (err)
        turnc_free(t);
    else
        *tp = t;
    return err;
}

void turnc_free(struct turnc *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    stun_mac_free(t->mac);
    if (t->fd >= 0)
        close(t->fd);
    free(t);
}

int turnc_fd(const struct turnc *t)
{
    return t->fd;
}

static int put(struct turnc *t, const void *p, size_t n)
{
    struct pollfd ready = {.fd = t->fd, .events = POLLOUT};
    int sent;

    while ((sent = SSL_write(t->ssl, p, (int)n)) <= 0)
        if (SSL_get_error(t->ssl, sent) != SSL_ERROR_WANT_WRITE || poll(&ready, 1, TURNC_WAIT_MS) <= 0)
            return -EPIPE;
    return 0;
}

/* RFC 8656 12.5: over a stream, channel data is padded to four octets. Its length; 0: not all of it is there. */
static size_t frame(const uint8_t *p, size_t n)
{
    const size_t len = n < CHANNEL_HEAD ? 0 : (size_t)(p[2] << 8 | p[3]);
    const size_t all = p[0] < 0x40 ? STUN_HEADER + len : CHANNEL_HEAD + ((len + 3) & ~(size_t)3);

    return n < CHANNEL_HEAD || all > n ? 0 : all;
}

/* The next frame, 0: none now, -errno. */
static int next_frame(struct turnc *t, const uint8_t **p, size_t *n)
{
    int got;

    memmove(t->rx, t->rx + t->taken, t->n - t->taken);
    t->n -= t->taken;
    t->taken = 0;
    while (!(*n = frame(t->rx, t->n))) {
        got = SSL_read(t->ssl, t->rx + t->n, (int)(RX_MAX - t->n));
        if (got <= 0)
            return SSL_get_error(t->ssl, got) == SSL_ERROR_WANT_READ ? 0 : -EPIPE;
        t->n += (size_t)got;
    }
    *p = t->rx;
    t->taken = *n;
    return 1;
}

/* --- messages --- */

static struct sv attr(const uint8_t *p, size_t n, enum attr want)
{
    for (size_t at = STUN_HEADER; at + 4 <= n;) {
        const size_t len = (size_t)(p[at + 2] << 8 | p[at + 3]);

        if ((p[at] << 8 | p[at + 1]) == (int)want && at + 4 + len <= n)
            return (struct sv){(const char *)p + at + 4, len};
        at += 4 + ((len + 3) & ~(size_t)3);
    }
    return SV_NONE;
}

static void put_peer(struct buf *m, const struct addr *peer)
{
    const uint32_t cookie = htonl(COOKIE), ip = peer->u.in4.sin_addr.s_addr ^ cookie;
    const uint16_t port = htons((uint16_t)(addr_port(peer) ^ COOKIE >> 16));
    uint8_t v[8] = {0, 1};

    memcpy(v + 2, &port, 2);
    memcpy(v + 4, &ip, 4);
    stun_put(m, (enum stun_attr)XOR_PEER, v, sizeof v);
}

static int get_addr(struct sv v, struct addr *a)
{
    uint16_t port;
    uint32_t ip;

    if (v.n != 8 || v.p[1] != 1)
        return -EBADMSG;
    memcpy(&port, v.p + 2, 2);
    memcpy(&ip, v.p + 4, 4);
    memset(a, 0, sizeof *a);
    a->u.in4.sin_family = AF_INET;
    a->u.in4.sin_addr.s_addr = ip ^ htonl(COOKIE);
    addr_set_port(a, (uint16_t)(ntohs(port) ^ COOKIE >> 16));
    return 0;
}

static int finish(struct turnc *t, struct buf *m)
{
    uint8_t key[EVP_MAX_MD_SIZE];
    char text[640];
    unsigned n = 0;

    if (!t->name[0] || !t->nonce[0])
        return stun_end(m, NULL, SV_NONE);
    stun_put(m, STUN_USERNAME, t->name, strlen(t->name));
    stun_put(m, (enum stun_attr)REALM, t->realm, strlen(t->realm));
    stun_put(m, (enum stun_attr)NONCE, t->nonce, strlen(t->nonce));
    snprintf(text, sizeof text, "%s:%s:%s", t->name, t->realm, t->password);
    EVP_Digest(text, strlen(text), key, &n, EVP_md5(), NULL); /* RFC 8489 9.2.2 */
    return stun_end(m, t->mac, (struct sv){(const char *)key, n});
}

/* The answer to `tid`: 0, its error code, -errno. */
static int answer(struct turnc *t, const uint8_t tid[STUN_TID], struct addr *relayed)
{
    struct pollfd ready = {.fd = t->fd, .events = POLLIN};
    struct stun_msg m;
    const uint8_t *p;
    size_t n;
    int got;

    for (;;) {
        while ((got = next_frame(t, &p, &n)) > 0) {
            if (p[0] >= 0x40 || stun_parse(&m, p, n) || memcmp(m.tid, tid, STUN_TID) != 0)
                continue;
            if (!m.error)
                return relayed ? get_addr(attr(p, n, XOR_RELAYED), relayed) : 0;
            if (m.error == 401 || m.error == 438) {
                sv_copy(attr(p, n, REALM), t->realm, sizeof t->realm);
                sv_copy(attr(p, n, NONCE), t->nonce, sizeof t->nonce);
            }
            return (int)m.error;
        }
        if (got < 0)
            return got;
        if (poll(&ready, 1, TURNC_WAIT_MS) <= 0)
            return -ETIMEDOUT;
    }
}

/* The challenge that a first request gets, and a nonce that has become old, are answered. */
static int request(struct turnc *t, enum method what, const struct addr *peer, struct addr *relayed)
{
    uint8_t tid[STUN_TID], room[MESSAGE_MAX];
    int code = 0;

    for (int tries = 0; tries < 3; tries++) {
        const bool knows = t->nonce[0] != 0;
        struct buf m = buf_over(room, sizeof room);

        rnd_bytes(tid, sizeof tid);
        stun_begin(&m, (enum stun_type)what, tid);
        if (what == ALLOCATE)
            stun_put_u32(&m, (enum stun_attr)REQUESTED_TRANSPORT, 17u << 24); /* UDP */
        if (what == REFRESH)
            stun_put_u32(&m, (enum stun_attr)LIFETIME, 0);
        if (what == CHANNEL_BIND)
            stun_put_u32(&m, (enum stun_attr)CHANNEL_NUMBER, (uint32_t)CHANNEL << 16);
        if (peer)
            put_peer(&m, peer);
        code = finish(t, &m);
        if (!code)
            code = put(t, m.p, m.len);
        if (!code)
            code = answer(t, tid, relayed);
        if (!t->name[0] || (code != 438 && (code != 401 || knows)))
            break;
    }
    return code;
}

int turnc_allocate(struct turnc *t, const char *name, const char *password, struct addr *relayed)
{
    sv_copy(sv_from(name), t->name, sizeof t->name);
    sv_copy(sv_from(password), t->password, sizeof t->password);
    return request(t, ALLOCATE, NULL, relayed);
}

int turnc_permit(struct turnc *t, const struct addr *peer)
{
    return request(t, PERMISSION, peer, NULL);
}

int turnc_channel(struct turnc *t, const struct addr *peer)
{
    const int code = request(t, CHANNEL_BIND, peer, NULL);

    if (!code) {
        t->bound = *peer;
        t->has_channel = true;
    }
    return code;
}

int turnc_release(struct turnc *t)
{
    return request(t, REFRESH, NULL, NULL);
}

/* --- datagrams --- */

int turnc_send(struct turnc *t, const struct addr *peer, const void *p, size_t n)
{
    uint8_t tid[STUN_TID], room[MESSAGE_MAX] = {CHANNEL >> 8, 0, (uint8_t)(n >> 8), (uint8_t)n};
    struct buf m = buf_over(room, sizeof room);

    if (n > MESSAGE_MAX - 64)
        return -EMSGSIZE;
    if (t->has_channel && addr_eq(peer, &t->bound)) {
        memcpy(room + CHANNEL_HEAD, p, n);
        return put(t, room, CHANNEL_HEAD + ((n + 3) & ~(size_t)3));
    }
    rnd_bytes(tid, sizeof tid);
    stun_begin(&m, (enum stun_type)SEND_INDICATION, tid);
    put_peer(&m, peer);
    stun_put(&m, (enum stun_attr)DATA, p, n);
    return stun_end(&m, NULL, SV_NONE) ? -EMSGSIZE : put(t, m.p, m.len);
}

int turnc_receive(struct turnc *t, struct dgram *out)
{
    const uint8_t *p;
    struct sv data;
    size_t n;
    int got;

    while ((got = next_frame(t, &p, &n)) > 0) {
        if (p[0] >= 0x40 && t->has_channel) {
            *out = (struct dgram){.src = t->bound, .p = p + CHANNEL_HEAD, .n = (size_t)(p[2] << 8 | p[3])};
            return 1;
        }
        if ((p[0] << 8 | p[1]) != DATA_INDICATION || get_addr(attr(p, n, XOR_PEER), &out->src))
            continue;
        data = attr(p, n, DATA);
        out->p = (const uint8_t *)data.p;
        out->n = data.n;
        return 1;
    }
    return got;
}
