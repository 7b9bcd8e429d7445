/* a=crypto:TAG SUITE inline:KEY||SALT[|lifetime][|MKI:length] [session parameters] (RFC 4568 9.2).
 */
#include "agw/ctl/sdes.h"

#include <errno.h>
#include <stdio.h>

#include "common/enc.h"
#include "common/rnd.h"

#define RAW_MAX (SRTP_KEY_MAX + SRTP_SALT_MAX)

/* --- one line --- */

static int head_parse(struct sv *rest, uint32_t *tag, enum srtp_profile *suite)
{
    struct sv name;

    if (sv_u32(sv_word(rest), 999999999, tag))
        return -EBADMSG;
    name = sv_word(rest);
    *suite = name.n ? srtp_profile_of(name.p, name.n) : SRTP_PROFILE_NONE;
    return *suite != SRTP_PROFILE_NONE ? 0 : -ENOTSUP;
}

/* KEY || SALT */
static void key_set(struct srtp_key *key, enum srtp_profile suite, const uint8_t *raw)
{
    memset(key, 0, sizeof *key);
    key->profile = suite;
    memcpy(key->key, raw, srtp_key_len(suite));
    memcpy(key->salt, raw + srtp_key_len(suite), srtp_salt_len(suite));
}

int sdes_parse(struct sv value, struct sdes *out)
{
    struct sv rest = sv_trim(value), keys, b64;
    uint8_t raw[RAW_MAX];
    enum srtp_profile s;
    uint32_t tag;
    int err = head_parse(&rest, &tag, &s);

    if (err)
        return err;
    keys = sv_word(&rest);
    if (!sv_istarts(keys, "inline:"))
        return -EBADMSG;
    keys = (struct sv){keys.p + 7, keys.n - 7};
    b64 = sv_cut(&keys, '|');
    /* a lifetime may follow; an MKI "1:4" and several keys are beyond us */
    if (memchr(b64.p ? b64.p : "", ';', b64.n) ||
        (keys.n && (memchr(keys.p, ':', keys.n) || memchr(keys.p, ';', keys.n))))
        return -ENOTSUP;
    if (enc_unbase64(b64, raw, sizeof raw) != (int)(srtp_key_len(s) + srtp_salt_len(s)))
        return -EBADMSG;
    if (sv_trim(rest).n) /* KDR, UNENCRYPTED_SRTP, ...: all change what the packets look like (6.3),
                            but WSH */
        if (!sv_istarts(sv_trim(rest), "WSH="))
            return -ENOTSUP;
    out->tag = tag;
    key_set(&out->key, s, raw);
    explicit_bzero(raw, sizeof raw);
    return 0;
}

void sdes_print(const struct sdes *s, char out[SDES_LEN])
{
    const size_t key = srtp_key_len(s->key.profile), salt = srtp_salt_len(s->key.profile);
    char text[(RAW_MAX / 3 + 1) * 4 + 1];
    uint8_t raw[RAW_MAX];

    memcpy(raw, s->key.key, key);
    memcpy(raw + key, s->key.salt, salt);
    enc_base64(raw, key + salt, text);
    snprintf(out, SDES_LEN, "%u %s inline:%s", s->tag, srtp_profile_name(s->key.profile), text);
    explicit_bzero(raw, sizeof raw);
    explicit_bzero(text, sizeof text);
}

bool sdes_is_open(struct sv value)
{
    struct sv rest = sv_trim(value), word = SV_NONE, next;

    if (sv_is(rest, "$"))
        return true;
    while ((next = sv_word(&rest)).n)
        word = next;
    return sv_iis(word, "inline:$");
}

static const struct sdp_attr *lines_of(const struct sdp *sdp)
{
    return sdp ? sdp_attr_find(sdp->media->attrs, "crypto") : NULL;
}

int sdes_new(struct sv value, const struct sdp *offered, struct sdes *out)
{
    struct sv rest = sv_trim(value);
    enum srtp_profile s = SRTP_AES128_CM_SHA1_80; /* what everybody can do (RFC 4568 6.2.1) */
    struct sdes theirs;
    uint32_t tag = 1;
    uint8_t raw[RAW_MAX];

    if (!sv_is(rest, "$")) {
        if (head_parse(&rest, &tag, &s))
            return -ENOTSUP;
    } else {
        for (const struct sdp_attr *at = lines_of(offered); at; at = sdp_attr_next(at, "crypto")) {
            if (sdes_parse(at->value, &theirs))
                continue;
            tag = theirs.tag;
            s = theirs.key.profile;
            explicit_bzero(&theirs, sizeof theirs);
            break;
        }
    }
    rnd_bytes(raw, sizeof raw);
    out->tag = tag;
    key_set(&out->key, s, raw);
    explicit_bzero(raw, sizeof raw);
    return 0;
}

/* The first line of ours that has its like in Remote (RFC 4568 5.1.2); without Remote the first. */
static int pair_of(const struct sdp *local, const struct sdp *remote, struct sdes *a, struct sdes *b)
{
    const struct sdp_attr *ours = lines_of(local), *theirs = lines_of(remote);
    int err = ours ? -EBADMSG : -ENOENT, bad;

    for (const struct sdp_attr *at = ours; at; at = sdp_attr_next(at, "crypto")) {
        bad = sdes_parse(at->value, a);
        if (bad) {
            err = bad;
            continue;
        }
        if (!remote)
            return 0;
        for (const struct sdp_attr *bt = theirs; bt; bt = sdp_attr_next(bt, "crypto")) {
            bad = sdes_parse(bt->value, b);
            if (bad) {
                err = bad;
                continue;
            }
            if (a->tag == b->tag && a->key.profile == b->key.profile)
                return 0;
        }
    }
    return err;
}

int sdes_keys(const struct sdp *local, const struct sdp *remote, struct srtp_key *send,
              struct srtp_key *recv)
{
    struct sdes a = {0}, b = {0};
    const int err = pair_of(local, remote, &a, &b);

    memset(send, 0, sizeof *send);
    memset(recv, 0, sizeof *recv);
    if (!err) {
        *send = a.key;
        *recv = b.key;
    }
    explicit_bzero(&a, sizeof a);
    explicit_bzero(&b, sizeof b);
    return err;
}
