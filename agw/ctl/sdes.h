/* a=crypto (RFC 4568; AES-GCM: RFC 7714 14.1) to SRTP keys and back. Pure but for sdes_new. Any
 * thread. */
#pragma once

#include "agw/bus.h"
#include "common/sdp.h"

#define SDES_LEN 128 /* a value of ours, NUL included */

struct sdes {
    uint32_t tag;
    struct srtp_key key;
};

/* 0; -EBADMSG: syntax, length; -ENOTSUP: suite, MKI or session parameter that we cannot do. */
int sdes_parse(struct sv value, struct sdes *out);
void sdes_print(const struct sdes *s, char out[SDES_LEN]);
/* "1 AES_CM_128_HMAC_SHA1_80 inline:$" or "$": the key is open. */
bool sdes_is_open(struct sv value);
/* A fresh key for an open value; offered: the far end's lines (NULL: none), the first that we can
 * do decides for "$". 0, -ENOTSUP. */
int sdes_new(struct sv value, const struct sdp *offered, struct sdes *out);
/* Our key (Local) and theirs (Remote) with the same tag and suite (RFC 4568 5.1.2). Without Remote:
 * ours alone. profile NONE: not known. 0; -ENOENT: none in Local; -EBADMSG, -ENOTSUP: no line of
 * Local or Remote can be used, or no two fit. */
int sdes_keys(const struct sdp *local, const struct sdp *remote, struct srtp_key *send,
              struct srtp_key *recv);
