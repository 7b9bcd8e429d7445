/* What no browser sends: malformed packets on the transport of a call that is up. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/enc.h"
#include "tests/fake/browser.h"
#include "tests/lab/wic.h"

#define DCEP_PPID 50
#define SCTP_HEAD 12

/* RFC 9260 appendix A, bit by bit; in the order of the wire. */
static void crc32c(const uint8_t *p, size_t n, uint8_t out[4])
{
    uint32_t crc = 0xffffffff;

    while (n--) {
        crc ^= *p++;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(~crc >> 8 * i);
}

/* chunks behind a header of this association, with a fault in the header or none */
static int throw_sctp(struct browser *b, const char *kind, const uint8_t *chunks, size_t n)
{
    uint8_t p[2048] = {0};

    if (n > sizeof p - SCTP_HEAD)
        return -EMSGSIZE;
    memcpy(p, browser_sctp_head(b), BROWSER_SCTP_HEAD);
    memcpy(p + SCTP_HEAD, chunks, n);
    if (!strcmp(kind, "badtag"))
        p[5] ^= 0xff;
    if (!strcmp(kind, "badport"))
        p[3] ^= 0xff;
    crc32c(p, SCTP_HEAD + n, p + BROWSER_SCTP_HEAD);
    if (!strcmp(kind, "badsum"))
        p[9] ^= 0xff;
    return browser_record(b, p, SCTP_HEAD + n);
}

int wic_throw(struct wic *w, const char *what)
{
    struct browser *b = wic_browser(w);
    char kind[16] = "";
    uint8_t p[2048];
    unsigned sid = 0;
    int at = 0, n;

    if (!b)
        return -ENOTCONN;
    if (sscanf(what, "%15[a-z] %u %n", kind, &sid, &at) < 2 || !at)
        return -EINVAL;
    n = what[at] ? enc_unhex(sv_from(what + at), p, sizeof p) : 0;
    if (n < 0)
        return n;
    if (!strcmp(kind, "dcep"))
        return browser_send_as(b, (uint16_t)sid, DCEP_PPID, p, (size_t)n);
    if (!strcmp(kind, "record"))
        return browser_record(b, p, (size_t)n);
    if (!strcmp(kind, "datagram"))
        return browser_datagram(b, p, (size_t)n);
    return throw_sctp(b, kind, p, (size_t)n);
}
