/* STUN codec (RFC 8489), the part ICE needs: Binding requests, indications and responses, short-term credentials.
 * Pure; a struct stun_mac belongs to one thread. A parsed message points into the caller's bytes. */
#pragma once

#include "agw/media/media_limits.h"
#include "common/buf.h"
#include "common/net.h"

#define STUN_HEADER 20
#define STUN_TID 12

enum stun_type {
    STUN_BINDING_REQUEST = 0x0001,
    STUN_BINDING_INDICATION = 0x0011,
    STUN_BINDING_SUCCESS = 0x0101,
    STUN_BINDING_ERROR = 0x0111,
};

enum stun_attr {
    STUN_USERNAME = 0x0006,
    STUN_MESSAGE_INTEGRITY = 0x0008,
    STUN_ERROR_CODE = 0x0009,
    STUN_UNKNOWN_ATTRIBUTES = 0x000a,
    STUN_MESSAGE_INTEGRITY_SHA256 = 0x001c,
    STUN_XOR_MAPPED_ADDRESS = 0x0020,
    STUN_PRIORITY = 0x0024,
    STUN_USE_CANDIDATE = 0x0025,
    STUN_SOFTWARE = 0x8022,
    STUN_FINGERPRINT = 0x8028,
    STUN_ICE_CONTROLLED = 0x8029,
    STUN_ICE_CONTROLLING = 0x802a,
};

struct stun_msg {
    const uint8_t *raw;
    size_t n;
    uint16_t type; /* enum stun_type, or another method */
    uint8_t tid[STUN_TID];
    struct sv username;  /* p NULL: absent */
    size_t integrity_at; /* offset of MESSAGE-INTEGRITY, 0: absent */
    bool has_fingerprint; /* and it is right: a wrong one does not parse */
    bool has_priority, use_candidate, controlling, controlled, has_mapped;
    uint32_t priority;
    uint64_t tiebreaker;
    struct addr mapped;  /* XOR-MAPPED-ADDRESS */
    unsigned error;      /* ERROR-CODE, 0: absent */
    uint16_t unknown[MEDIA_STUN_UNKNOWN]; /* comprehension-required (< 0x8000) attributes that we do not know */
    unsigned n_unknown;
};

/* HMAC-SHA1 with its context made once: a check costs no allocation of ours and no look-up. */
struct stun_mac;
int stun_mac_new(struct stun_mac **macp);
void stun_mac_free(struct stun_mac *mac);

/* 0, or -EBADMSG: not STUN with magic cookie, lengths that do not fit, wrong FINGERPRINT, malformed attribute. */
int stun_parse(struct stun_msg *m, const void *p, size_t n);
/* True when MESSAGE-INTEGRITY is present and made with this password. */
bool stun_verify(const struct stun_msg *m, struct stun_mac *mac, struct sv password);

/* Writing: begin in an empty buf, put, end. Overflow is remembered in the buf. */
void stun_begin(struct buf *b, enum stun_type type, const uint8_t tid[STUN_TID]);
void stun_put(struct buf *b, enum stun_attr attr, const void *p, size_t n);
void stun_put_u32(struct buf *b, enum stun_attr attr, uint32_t v);
void stun_put_u64(struct buf *b, enum stun_attr attr, uint64_t v);
void stun_put_xaddr(struct buf *b, const struct addr *a); /* XOR-MAPPED-ADDRESS */
void stun_put_error(struct buf *b, unsigned code, const char *reason);
/* MESSAGE-INTEGRITY (unless mac is NULL) and FINGERPRINT, and the final length. 0 or -EMSGSIZE. */
int stun_end(struct buf *b, struct stun_mac *mac, struct sv password);
