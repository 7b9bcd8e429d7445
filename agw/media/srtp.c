/* The face of both engines: profiles, what a packet must look like, SSRCs, indices and replay. */
#include "agw/media/srtp.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "agw/media/media_limits.h"
#include "agw/media/srtp_engine.h"
#include "agw/media/srtp_ssrc.h"
#include "agw/media/warm.h"
#include "common/sv.h"

#define RTP_HEADER_MIN 12
#define RTCP_HEADER_MIN 8
#define RTCP_INDEX_LEN 4
#define RTCP_INDEX_E 0x80000000u
#define RTCP_INDEX_MAX 0x7fffffffu

struct srtp {
    const struct srtp_ops *ops;
    void *engine;
    const struct srtp_profile_row *row;
    struct srtp_ssrcs ssrcs;
};

static const struct srtp_profile_row profiles[] = {
    {SRTP_AES128_CM_SHA1_80, "AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10, false},
    {SRTP_AES128_CM_SHA1_32, "AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10, false}, /* RFC 5764 4.1.2: RTCP keeps 80 bits */
    {SRTP_AEAD_AES_128_GCM, "AEAD_AES_128_GCM", 16, 12, 16, 16, true},
    {SRTP_AEAD_AES_256_GCM, "AEAD_AES_256_GCM", 32, 12, 16, 16, true},
};

const struct srtp_profile_row *srtp_profile_row(enum srtp_profile p)
{
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        if (profiles[i].profile == p)
            return &profiles[i];
    return NULL;
}

unsigned srtp_key_len(enum srtp_profile p)
{
    const struct srtp_profile_row *row = srtp_profile_row(p);

    return row ? row->key : 0;
}

unsigned srtp_salt_len(enum srtp_profile p)
{
    const struct srtp_profile_row *row = srtp_profile_row(p);

    return row ? row->salt : 0;
}

unsigned srtp_tag_len(enum srtp_profile p)
{
    const struct srtp_profile_row *row = srtp_profile_row(p);

    return row ? row->tag : 0;
}

const char *srtp_profile_name(enum srtp_profile p)
{
    const struct srtp_profile_row *row = srtp_profile_row(p);

    return row ? row->name : "none";
}

enum srtp_profile srtp_profile_of(const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        if (strlen(profiles[i].name) == n && strncasecmp(profiles[i].name, name, n) == 0)
            return profiles[i].profile;
    return SRTP_PROFILE_NONE;
}

int srtp_new(struct srtp **sp, enum srtp_engine engine, const struct srtp_key *key, bool inbound)
{
    const struct srtp_profile_row *row = srtp_profile_row(key->profile);
    struct srtp *s;
    int err;

    if (!row)
        return -EINVAL;
    s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->row = row;
    s->ops = engine == SRTP_LIBSRTP ? &srtp_ops_libsrtp : &srtp_ops_openssl;
    err = s->ops->make(&s->engine, row, key, inbound);
    if (err)
        srtp_free(s);
    else
        *sp = s;
    return err;
}

void srtp_free(struct srtp *s)
{
    if (!s)
        return;
    s->ops->drop(s->engine);
    srtp_ssrcs_fini(&s->ssrcs);
    free(s);
}

void srtp_warm(const struct srtp *s, unsigned step)
{
    if (step == 0) {
        warm_all(s, sizeof(*s));
        return;
    }
    if (step == 1 && s->ssrcs.last)
        warm_all(s->ssrcs.last, offsetof(struct srtp_ssrc, rtcp));
    if (s->ops->warm)
        s->ops->warm(s->engine, step);
}

/* --- packets as octets --- */

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* RFC 3550 5.1; n without tag. */
static int rtp_look(struct srtp_pkt *k, size_t n)
{
    const uint8_t *p = k->p;
    size_t head;

    if (n < RTP_HEADER_MIN || p[0] >> 6 != 2)
        return -EBADMSG;
    head = RTP_HEADER_MIN + 4u * (p[0] & 0x0f);
    if (p[0] & 0x10) {
        if (head + 4 > n)
            return -EBADMSG;
        head += 4 + 4 * ((size_t)p[head + 2] << 8 | p[head + 3]);
    }
    if (head > n)
        return -EBADMSG;
    k->head = head;
    k->ssrc = get32(p + 8);
    return 0;
}

/* RFC 3550 6.4.1: what all RTCP packets have in common; n without index and tag. */
static int rtcp_look(struct srtp_pkt *k, size_t n)
{
    if (n < RTCP_HEADER_MIN || k->p[0] >> 6 != 2)
        return -EBADMSG;
    k->head = RTCP_HEADER_MIN;
    k->ssrc = get32(k->p + 4);
    return 0;
}

/* --- in order: look, index, crypto, remember --- */

/* *c NULL: the packet would be the first of its SSRC */
static int context(struct srtp *s, uint32_t ssrc, struct srtp_ssrc **c)
{
    *c = srtp_ssrc_find(&s->ssrcs, ssrc);
    return *c || s->ssrcs.n < MEDIA_SRTP_SSRC ? 0 : -ENOSPC;
}

static int rtp_index(const struct srtp *s, const struct srtp_ssrc *c, struct srtp_pkt *k)
{
    const uint16_t seq = (uint16_t)(k->p[2] << 8 | k->p[3]);
    int err;

    k->index = seq;
    if (s->ops->keeps_index || !c)
        return 0;
    err = srtp_window_guess(&c->rtp, seq, &k->index);
    return err ? err : srtp_window_check(&c->rtp, k->index);
}

static int remember(struct srtp *s, struct srtp_ssrc *c, const struct srtp_pkt *k, bool rtcp)
{
    int err = c ? 0 : srtp_ssrc_add(&s->ssrcs, k->ssrc, &c);

    if (!err && !s->ops->keeps_index)
        srtp_window_mark(rtcp ? &c->rtcp : &c->rtp, k->index);
    return err;
}

int srtp_open(struct srtp *s, uint8_t *p, size_t *n)
{
    struct srtp_pkt k = {.p = p, .n = *n};
    struct srtp_ssrc *c = NULL;
    int err = *n < s->row->tag ? -EBADMSG : rtp_look(&k, *n - s->row->tag);

    if (!err)
        err = context(s, k.ssrc, &c);
    if (!err)
        err = rtp_index(s, c, &k);
    if (!err)
        err = s->ops->open(s->engine, &k);
    if (!err)
        err = remember(s, c, &k, false);
    if (!err)
        *n = k.n;
    return err;
}

int srtp_seal(struct srtp *s, uint8_t *p, size_t *n, size_t room)
{
    struct srtp_pkt k = {.p = p, .n = *n};
    struct srtp_ssrc *c = NULL;
    int err = rtp_look(&k, *n);

    if (!err && (room < *n || room - *n < s->row->tag))
        err = -ENOSPC;
    if (!err)
        err = context(s, k.ssrc, &c);
    if (!err)
        err = rtp_index(s, c, &k);
    if (!err)
        err = s->ops->seal(s->engine, &k);
    if (!err)
        err = remember(s, c, &k, false);
    if (!err)
        *n = k.n;
    return err;
}

/* The E bit must be set: keys from DTLS and from SDES without UNENCRYPTED_SRTCP (RFC 4568 6.3.2) encrypt all RTCP. */
static int rtcp_index_in(const struct srtp *s, const struct srtp_ssrc *c, struct srtp_pkt *k)
{
    const unsigned back = s->row->gcm ? RTCP_INDEX_LEN : RTCP_INDEX_LEN + s->row->rtcp_tag;
    const uint32_t word = get32(k->p + k->n - back);

    if (!(word & RTCP_INDEX_E))
        return -EACCES;
    k->index = word & RTCP_INDEX_MAX;
    return s->ops->keeps_index || !c ? 0 : srtp_window_check(&c->rtcp, k->index);
}

int srtp_open_rtcp(struct srtp *s, uint8_t *p, size_t *n)
{
    const size_t tail = RTCP_INDEX_LEN + s->row->rtcp_tag;
    struct srtp_pkt k = {.p = p, .n = *n};
    struct srtp_ssrc *c = NULL;
    int err = *n < tail ? -EBADMSG : rtcp_look(&k, *n - tail);

    if (!err)
        err = context(s, k.ssrc, &c);
    if (!err)
        err = rtcp_index_in(s, c, &k);
    if (!err)
        err = s->ops->open_rtcp(s->engine, &k);
    if (!err)
        err = remember(s, c, &k, true);
    if (!err)
        *n = k.n;
    return err;
}

int srtp_seal_rtcp(struct srtp *s, uint8_t *p, size_t *n, size_t room)
{
    struct srtp_pkt k = {.p = p, .n = *n};
    struct srtp_ssrc *c = NULL;
    int err = rtcp_look(&k, *n);

    if (!err && (room < *n || room - *n < RTCP_INDEX_LEN + s->row->rtcp_tag))
        err = -ENOSPC;
    if (!err)
        err = context(s, k.ssrc, &c);
    if (!err && c && c->rtcp.any)
        k.index = c->rtcp.top + 1;
    if (!err && k.index > RTCP_INDEX_MAX)
        err = -EOVERFLOW;
    if (!err)
        err = s->ops->seal_rtcp(s->engine, &k);
    if (!err)
        err = remember(s, c, &k, true);
    if (!err)
        *n = k.n;
    return err;
}
