/* rtpengine in userspace as a device under test: one call a flow, offered with SDES (RFC 4568) by the browser's side and
 * answered with plain RTP, over its ng protocol (bencode on UDP). `rtpengine-dtls`: offered with DTLS-SRTP, without ICE. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "tests/bench/media_device.h"
#include "tests/bench/media_peer.h"

#define HOST "127.0.0." /* one for each kind */
#define SDES_HOST 9
#define DTLS_HOST 10
#define NG_PORT 22222
#define TEXT 4096
#define TRIES 100

struct ng {
    int fd;
    unsigned cookie;
    unsigned host; /* last octet of its address */
    struct peers *peers; /* NULL: SDES */
};

static void ben_text(struct buf *b, const char *s)
{
    buf_printf(b, "%zu:%s", strlen(s), s);
}

static void ben_pair(struct buf *b, const char *key, const char *value)
{
    ben_text(b, key);
    ben_text(b, value);
}

static void ben_list(struct buf *b, const char *key, const char *const *values)
{
    ben_text(b, key);
    buf_str(b, "l");
    for (; *values; values++)
        ben_text(b, *values);
    buf_str(b, "e");
}

/* The text of a key of the reply, which is a flat dictionary as far as we ask. */
static bool ben_find(char *reply, const char *key, char *out, size_t size)
{
    char want[32], *at;
    size_t n;

    snprintf(want, sizeof want, "%zu:%s", strlen(key), key);
    at = strstr(reply, want);
    if (!at)
        return false;
    n = strtoul(at + strlen(want), &at, 10);
    if (*at != ':' || n >= size || strlen(at + 1) < n)
        return false;
    memcpy(out, at + 1, n);
    out[n] = '\0';
    return true;
}

/* One command and its reply. -ETIMEDOUT after a second. */
static int ng_ask(struct ng *ng, const struct buf *dict, char reply[TEXT])
{
    char text[TEXT];
    ssize_t n;

    if (dict->overflow)
        return -EMSGSIZE;
    snprintf(text, sizeof text, "%u %.*s", ++ng->cookie, (int)dict->len, (const char *)dict->p);
    if (send(ng->fd, text, strlen(text), 0) < 0)
        return -errno;
    do {
        n = recv(ng->fd, reply, TEXT - 1, 0);
        if (n < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        reply[n] = '\0';
    } while (strtoul(reply, NULL, 10) != ng->cookie);
    return 0;
}

static int ng_ping(struct ng *ng)
{
    char mem[64], reply[TEXT];
    struct buf b = buf_over(mem, sizeof mem);

    buf_str(&b, "d");
    ben_pair(&b, "command", "ping");
    buf_str(&b, "e");
    return ng_ask(ng, &b, reply);
}

static int rtpengine_start(struct device *d)
{
    const bool dtls = d->kind == &device_rtpengine_dtls;
    const unsigned host = dtls ? DTLS_HOST : SDES_HOST;
    char interface[64], listen[64];
    char *argv[] = {"rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=3", "--table=-1",
                    interface, listen, "--port-min=10000", "--port-max=39999",
                    "--num-threads=1", "--timeout=3600", "--silent-timeout=3600", "--no-redis-required", NULL};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(NG_PORT)};
    struct timeval second = {.tv_sec = 1};
    struct rlimit many = {65536, 65536};
    struct ng *ng = calloc(1, sizeof *ng);
    int err;

    if (!ng)
        return -ENOMEM;
    d->own = ng;
    ng->host = host;
    snprintf(interface, sizeof interface, "--interface=" HOST "%u", host);
    snprintf(listen, sizeof listen, "--listen-ng=" HOST "%u:%u", host, NG_PORT);
    to.sin_addr.s_addr = htonl(127u << 24 | host);
    ng->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setrlimit(RLIMIT_NOFILE, &many);
    if (ng->fd < 0 || connect(ng->fd, (struct sockaddr *)&to, sizeof to))
        return -errno;
    setsockopt(ng->fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    err = dtls ? peers_new(&ng->peers, d->load, d->profile, true) : 0;
    if (!err)
        err = device_spawn(d, argv, NULL);
    for (unsigned i = 0; i < TRIES && !err; i++) {
        err = ng_ping(ng);
        if (!err || err == -ETIMEDOUT)
            break;
        err = 0; /* refused: its socket is not there yet */
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return err;
}

static void rtpengine_stop(struct device *d)
{
    struct ng *ng = d->own;

    if (ng && ng->fd >= 0)
        close(ng->fd);
    if (ng)
        peers_free(ng->peers);
    free(ng);
    d->own = NULL;
}

/* --- a call --- */

/* key, fingerprint: NULL where there is none */
static void sdp_make(struct buf *b, const struct sockaddr_in *at, const struct srtp_key *key, const char *fingerprint)
{
    uint32_t ip = ntohl(at->sin_addr.s_addr);
    char host[32];

    snprintf(host, sizeof host, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
    buf_printf(b, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %u %s 0\r\na=sendrecv\r\n", host,
               host, ntohs(at->sin_port), fingerprint ? "UDP/TLS/RTP/SAVP" : key ? "RTP/SAVP" : "RTP/AVP");
    if (fingerprint) {
        buf_printf(b, "a=rtcp-mux\r\na=setup:active\r\na=fingerprint:sha-256 %s\r\n", fingerprint);
    } else if (key) {
        uint8_t raw[SRTP_KEY_MAX + SRTP_SALT_MAX];
        char text[80];
        unsigned k = srtp_key_len(key->profile), s = srtp_salt_len(key->profile);

        memcpy(raw, key->key, k);
        memcpy(raw + k, key->salt, s);
        EVP_EncodeBlock((unsigned char *)text, raw, (int)(k + s));
        buf_printf(b, "a=rtcp-mux\r\na=crypto:1 %s inline:%s\r\n", srtp_profile_name(key->profile), text);
    }
    buf_u8(b, 0);
}

/* Address and, on the access side, key of the device out of an SDP that it wrote. */
static int sdp_read(const struct device *d, const char *sdp, struct sockaddr_in *at, struct srtp_key *key)
{
    const struct ng *ng = d->own;
    const char *m = strstr(sdp, "m=audio "), *k = strstr(sdp, "inline:");
    uint8_t raw[96];
    char text[97] = "";
    unsigned nk, ns;

    if (!m)
        return -EBADMSG;
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(m + 8))};
    at->sin_addr.s_addr = htonl(127u << 24 | ng->host);
    if (!key)
        return 0;
    nk = srtp_key_len(key->profile);
    ns = srtp_salt_len(key->profile);
    if (!k || sscanf(k + 7, "%96[A-Za-z0-9+/=]", text) != 1)
        return -EBADMSG;
    while (strlen(text) % 4) /* it leaves the padding out */
        strcat(text, "=");
    if (EVP_DecodeBlock(raw, (unsigned char *)text, (int)strlen(text)) < (int)(nk + ns))
        return -EBADMSG;
    memcpy(key->key, raw, nk);
    memcpy(key->salt, raw + nk, ns);
    return 0;
}

static int sdp_exchange(struct device *d, unsigned i, bool offer, const char *sdp, char *out, size_t size)
{
    char mem[TEXT], reply[TEXT], id[32];
    struct buf b = buf_over(mem, sizeof mem);
    const struct ng *ng = d->own;
    int err;

    snprintf(id, sizeof id, "call-%u", i);
    buf_str(&b, "d");
    ben_pair(&b, "command", offer ? "offer" : "answer");
    ben_pair(&b, "call-id", id);
    ben_pair(&b, "from-tag", "a");
    if (!offer)
        ben_pair(&b, "to-tag", "b");
    ben_pair(&b, "ICE", "remove");
    ben_pair(&b, "DTLS", ng->peers ? "passive" : "off");
    if (offer)
        ben_pair(&b, "transport-protocol", "RTP/AVP");
    ben_list(&b, "flags", (const char *const[]){"trust-address", NULL});
    ben_list(&b, "replace", (const char *const[]){"origin", NULL});
    if (offer)
        ben_list(&b, "rtcp-mux", (const char *const[]){"demux", NULL});
    ben_pair(&b, "sdp", sdp);
    buf_str(&b, "e");
    err = ng_ask(d->own, &b, reply);
    if (!err && !ben_find(reply, "sdp", out, size)) {
        fprintf(stderr, "bench-media: rtpengine says %s\n", reply);
        err = -EBADMSG;
    }
    return err;
}

static int rtpengine_call(struct device *d, unsigned from, unsigned to)
{
    struct ng *ng = d->own;
    uint64_t cpu;
    int err = 0;

    for (unsigned i = from; i < to && !err; i++) {
        struct load_flow *f = load_flow(d->load, i);
        struct srtp_key ours = load_key(d->profile, i, true), device = {.profile = d->profile};
        char sdp[TEXT], back[TEXT];
        struct buf b = buf_over(sdp, sizeof sdp);

        sdp_make(&b, &f->local[LOAD_ACCESS], &ours, ng->peers ? peers_fingerprint(ng->peers) : NULL);
        err = sdp_exchange(d, i, true, sdp, back, sizeof back);
        if (!err)
            err = sdp_read(d, back, &f->device[LOAD_CORE], NULL);
        b.len = 0;
        sdp_make(&b, &f->local[LOAD_CORE], NULL, NULL);
        if (!err)
            err = sdp_exchange(d, i, false, sdp, back, sizeof back);
        if (!err)
            err = sdp_read(d, back, &f->device[LOAD_ACCESS], ng->peers ? NULL : &device);
        if (!err && !ng->peers)
            err = load_keys(d->load, i, &ours, &device);
    }
    cpu = device_cpu_ns(d);
    if (!err && ng->peers)
        err = peers_connect(ng->peers, from, to, NULL);
    d->handshake_us = (double)(device_cpu_ns(d) - cpu) / 1000 / (to - from);
    return err;
}

const struct device_kind device_rtpengine_dtls = {
    .name = "rtpengine-dtls", .start = rtpengine_start, .call = rtpengine_call, .stop = rtpengine_stop, .dies = true};
const struct device_kind device_rtpengine = {
    .name = "rtpengine", .start = rtpengine_start, .call = rtpengine_call, .stop = rtpengine_stop, .dies = true};
