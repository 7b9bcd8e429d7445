/* SRTP of the browser: keys of DTLS (RFC 5764) or of SDES (RFC 4568), packets sealed and opened. */
#include <errno.h>
#include <openssl/crypto.h>

#include "agw/media/rtp.h"
#include "tests/fake/browser_priv.h"

#define PACKET_MAX 2048

static int set_keys(struct browser *b, const struct srtp_key *send, const struct srtp_key *recv)
{
    struct srtp *seal = NULL, *open = NULL;
    int err = srtp_new(&seal, SRTP_OPENSSL, send, false);

    if (!err)
        err = srtp_new(&open, SRTP_OPENSSL, recv, true);
    if (err) {
        srtp_free(seal);
        return err;
    }
    browser_rtp_fini(b);
    b->seal = seal;
    b->open = open;
    return 0;
}

void browser_rtp_fini(struct browser *b)
{
    srtp_free(b->seal);
    srtp_free(b->open);
    b->seal = b->open = NULL;
}

/* Without use_srtp there are none: a transport of data channels alone may do without. */
void browser_rtp_keys(struct browser *b)
{
    struct srtp_key ours, theirs;

    if (dtls_srtp(b->dtls, &ours, &theirs) == 0)
        (void)set_keys(b, &ours, &theirs); /* no memory: nothing flows, and the test sees it */
    OPENSSL_cleanse(&ours, sizeof(ours));
    OPENSSL_cleanse(&theirs, sizeof(theirs));
}

void browser_rtp_input(struct browser *b, const struct dgram *in)
{
    uint8_t p[PACKET_MAX];
    size_t n = in->n;
    int err;

    if (!b->open || !b->h.rtp || n > sizeof(p) || !addr_eq(&in->src, &b->remote))
        return;
    memcpy(p, in->p, n);
    err = rtp_is_rtcp(p, n) ? srtp_open_rtcp(b->open, p, &n) : srtp_open(b->open, p, &n);
    if (!err)
        b->h.rtp(b->h.arg, p, n);
}

int browser_rtp(struct browser *b, const void *data, size_t n)
{
    uint8_t p[PACKET_MAX];
    int err;

    if (!b->seal || b->muted)
        return -ENOTCONN;
    if (n + SRTP_GROW_MAX > sizeof(p))
        return -EMSGSIZE;
    memcpy(p, data, n);
    err = rtp_is_rtcp(p, n) ? srtp_seal_rtcp(b->seal, p, &n, sizeof(p)) : srtp_seal(b->seal, p, &n, sizeof(p));
    return err ? err : browser_datagram(b, p, n);
}

int browser_start_sdes(struct browser *b, const struct addr *remote, const struct srtp_key *send, const struct srtp_key *recv)
{
    int err = set_keys(b, send, recv);

    if (err)
        return err;
    b->remote = *remote;
    b->next_check = MSEC_NEVER;
    b->started = true;
    return 0;
}
