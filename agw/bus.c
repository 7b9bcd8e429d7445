/* Building, posting and dropping of the messages between threads. */
#include "agw/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct bus_msg *bus_new(enum bus_kind kind)
{
    struct bus_msg *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->kind = kind;
    if (kind == BUS_SEP_OPEN || kind == BUS_SEP_REMOTE)
        m->u.sep.fd = m->u.sep.rtp.rtcp_fd = -1;
    else if (kind == BUS_TCP_OPEN || kind == BUS_TCP_REMOTE)
        m->u.tcp.fd = -1;
    else if (kind == BUS_LEG)
        m->u.leg.fd = -1;
    return m;
}

struct bus_msg *bus_bytes_new(enum bus_kind kind, bus_id id, const void *p, size_t n)
{
    const size_t head = offsetof(struct bus_msg, u.bytes.p);
    struct bus_msg *m;

    if (n > SIZE_MAX - sizeof(*m))
        return NULL;
    /* Never less than the whole struct, so that the union may be copied and compared as one. */
    m = malloc(head + n < sizeof(*m) ? sizeof(*m) : head + n);
    if (!m)
        return NULL;
    memset(m, 0, head);
    m->kind = kind;
    m->u.bytes.id = id;
    m->u.bytes.n = n;
    if (n)
        memcpy(m->u.bytes.p, p, n);
    return m;
}

void bus_free(struct bus_msg *m)
{
    if (m && m->kind == BUS_CERT)
        explicit_bzero(&m->u.cert, sizeof(m->u.cert));
    if (m && (m->kind == BUS_SEP_OPEN || m->kind == BUS_SEP_REMOTE)) {
        free(m->u.sep.full);
        explicit_bzero(&m->u.sep, sizeof(m->u.sep)); /* keys of SDES, passwords of ICE */
    }
    free(m);
}

/* A message that nobody will handle any more still owns its socket. */
void bus_drop(struct inbox_item *it)
{
    struct bus_msg *m = (struct bus_msg *)it;

    if (!m)
        return;
    if (m->kind == BUS_SEP_OPEN && m->u.sep.fd >= 0)
        close(m->u.sep.fd);
    if (m->kind == BUS_SEP_OPEN && m->u.sep.rtp.on && m->u.sep.rtp.rtcp_fd >= 0)
        close(m->u.sep.rtp.rtcp_fd);
    if (m->kind == BUS_TCP_OPEN && m->u.tcp.fd >= 0)
        close(m->u.tcp.fd);
    if (m->kind == BUS_LEG && m->u.leg.fd >= 0)
        close(m->u.leg.fd);
    bus_free(m);
}

int bus_post_id(struct inbox *to, enum bus_kind kind, bus_id id)
{
    struct bus_msg *m = bus_new(kind);

    if (!m)
        return -ENOMEM;
    m->u.id = id;
    inbox_post(to, &m->item);
    return 0;
}

int bus_post_event(struct inbox *to, bus_id id, enum bus_what what, const char *text)
{
    struct bus_msg *m = bus_new(BUS_EVENT);

    if (!m)
        return -ENOMEM;
    m->u.event.id = id;
    m->u.event.what = what;
    sv_copy(sv_from(text), m->u.event.text, sizeof(m->u.event.text));
    inbox_post(to, &m->item);
    return 0;
}

int bus_post_bytes(struct inbox *to, enum bus_kind kind, bus_id id, const void *p, size_t n)
{
    struct bus_msg *m = bus_bytes_new(kind, id, p, n);
    int err;

    if (!m)
        return -ENOMEM;
    err = inbox_post_data(to, &m->item);
    if (err)
        bus_free(m);
    return err;
}

int bus_post_conn(struct inbox *to, enum bus_kind kind, bus_id id, uint32_t conn, size_t n)
{
    struct bus_msg *m = bus_new(kind);

    if (!m)
        return -ENOMEM;
    m->u.conn = (struct bus_conn){.id = id, .conn = conn, .n = (uint32_t)n};
    inbox_post(to, &m->item);
    return 0;
}

int bus_post_pipe(struct inbox *to, enum bus_kind kind, bus_id id, uint32_t conn, const void *p, size_t n)
{
    struct bus_msg *m = bus_bytes_new(kind, id, p, n);

    if (!m)
        return -ENOMEM;
    m->u.bytes.conn = conn;
    inbox_post(to, &m->item);
    return 0;
}

const char *bus_what_name(enum bus_what w)
{
    static const char *const names[] = {
        [BUS_EV_ICE_UP] = "ICE_UP",
        [BUS_EV_ICE_LOST] = "ICE_LOST",
        [BUS_EV_ICE_FAILED] = "ICE_FAILED",
        [BUS_EV_ICE_PEER] = "ICE_PEER",
        [BUS_EV_DTLS_UP] = "DTLS_UP",
        [BUS_EV_DTLS_FAILED] = "DTLS_FAILED",
        [BUS_EV_DTLS_CLOSED] = "DTLS_CLOSED",
        [BUS_EV_SCTP_UP] = "SCTP_UP",
        [BUS_EV_SCTP_FAILED] = "SCTP_FAILED",
        [BUS_EV_SCTP_CLOSED] = "SCTP_CLOSED",
        [BUS_EV_CHAN_UP] = "CHAN_UP",
        [BUS_EV_CHAN_RESET_DONE] = "CHAN_RESET_DONE",
        [BUS_EV_CHAN_CLOSED] = "CHAN_CLOSED",
        [BUS_EV_TCP_UP] = "TCP_UP",
        [BUS_EV_TCP_FAILED] = "TCP_FAILED",
        [BUS_EV_TCP_CLOSED] = "TCP_CLOSED",
        [BUS_EV_MSRP_BAD] = "MSRP_BAD",
        [BUS_EV_INACTIVE] = "INACTIVE",
        [BUS_EV_LATCHED] = "LATCHED",
    };

    return (unsigned)w < ARRAY_LEN(names) && names[w] ? names[w] : "?";
}
