/* SRTP and SRTCP (RFC 3711; AES-GCM: RFC 7714): one master key in one direction, packets sealed and opened in place. A context
 * for each SSRC, made when its first packet passed authentication, so that forged ones cost nothing but the check. Two engines
 * behind one face, each the other's oracle in the tests; the process chooses one (conf srtp_engine). No allocation after the
 * first packet of an SSRC. Owner: struct sep. Thread: the sep's worker. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* openssl/srtp.h, when it was included before, has macros of these names and values. */
#undef SRTP_AES128_CM_SHA1_80
#undef SRTP_AES128_CM_SHA1_32
#undef SRTP_AEAD_AES_128_GCM
#undef SRTP_AEAD_AES_256_GCM

#define SRTP_KEY_MAX 32
#define SRTP_SALT_MAX 14
#define SRTP_TAG_MAX 16                      /* of RTP */
#define SRTP_GROW_MAX (SRTP_TAG_MAX + 4)     /* of RTCP: index and tag */

enum srtp_profile { /* the code points of use_srtp (RFC 5764 4.1.2, RFC 7714 14.2) */
    SRTP_PROFILE_NONE = 0,
    SRTP_AES128_CM_SHA1_80 = 0x0001,
    SRTP_AES128_CM_SHA1_32 = 0x0002, /* a tag of 32 bits for RTP, 80 for RTCP */
    SRTP_AEAD_AES_128_GCM = 0x0007,
    SRTP_AEAD_AES_256_GCM = 0x0008,
};

enum srtp_engine { SRTP_OPENSSL, SRTP_LIBSRTP };

struct srtp_key { /* a master key and salt as they stand in SDES (RFC 4568 6.1) and as DTLS exports them (RFC 5764 4.2) */
    enum srtp_profile profile;
    uint8_t key[SRTP_KEY_MAX];
    uint8_t salt[SRTP_SALT_MAX];
};

unsigned srtp_key_len(enum srtp_profile p);  /* 0: unknown profile */
unsigned srtp_salt_len(enum srtp_profile p);
unsigned srtp_tag_len(enum srtp_profile p);  /* of RTP */
const char *srtp_profile_name(enum srtp_profile p); /* as in a=crypto: "AES_CM_128_HMAC_SHA1_80" (RFC 4568 6.2, RFC 7714 14.1) */
enum srtp_profile srtp_profile_of(const char *name, size_t n); /* any case; NONE: unknown */

struct srtp;

/* inbound: opens; else seals. 0, -ENOMEM, -EINVAL (profile), -ENOTSUP (the engine lacks it). key is copied. */
int srtp_new(struct srtp **sp, enum srtp_engine engine, const struct srtp_key *key, bool inbound);
void srtp_free(struct srtp *s); /* NULL is fine; key material is wiped */

/* agw/media/warm.h; steps 0, 1, 2, each some time after the one before. */
void srtp_warm(const struct srtp *s, unsigned step);

/* In place; *n becomes the new length. After an error the packet's octets are undefined and *n is what it was.
 * Both: -EALREADY (replay, or older than the window of 128: to seal such an index twice would give its keystream away),
 * -EBADMSG (no RTP), -ENOSPC (more SSRCs than MEDIA_SRTP_SSRC: none is forgotten while the key lives, a forgotten one could be
 * replayed, or its keystream used again), -ENOMEM (at the first packet of an SSRC).
 * open: -EACCES (authentication). seal: room = octets from p that may be written, else -ENOSPC;
 * -EOVERFLOW: 2^48 packets or 2^31 RTCP packets (RFC 3711 9.2): a new key is needed. */
int srtp_open(struct srtp *s, uint8_t *p, size_t *n);
int srtp_seal(struct srtp *s, uint8_t *p, size_t *n, size_t room);
int srtp_open_rtcp(struct srtp *s, uint8_t *p, size_t *n);
int srtp_seal_rtcp(struct srtp *s, uint8_t *p, size_t *n, size_t room);
