#include "agw/media/sock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "agw/media/raw.h"
#include "agw/media/udp.h"

#define NONE UINT32_MAX

struct item {
    struct addr to;
    unsigned next;
};

struct out {
    int raw; /* -1: none */
    unsigned n;
    struct sock *waiting; /* sockets with packets */
    struct item item[MEDIA_RX_SLOTS];
    struct iovec iov[MEDIA_RX_SLOTS]; /* of the items */
    struct mmsghdr msg[MEDIA_RX_SLOTS];
};

void sock_init(struct sock *s, int fd, enum sock_kind kind, const struct addr *local)
{
    const int on = 1;

    *s = (struct sock){.fd = fd, .kind = kind, .local = *local, .want = 1};
    if (fd < 0)
        return;
    sock_marks(s);
    if (kind == SOCK_LEG || addr_is_v6(local))
        return;
    udp_uncut(fd);
    /* sending asks no more whether the address that it is bound to is ours; with CAP_NET_RAW */
    (void)setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
}

void sock_marks(struct sock *s)
{
    int tos;
    socklen_t n = sizeof(tos);

    s->raw = s->kind == SOCK_RTP && !addr_is_v6(&s->local) && getsockopt(s->fd, IPPROTO_IP, IP_TOS, &tos, &n) == 0;
    if (s->raw)
        s->tos = (uint8_t)tos;
}

void sock_buffers(const struct sock *s)
{
    const int size = s->kind == SOCK_SHARED ? MEDIA_SOCKBUF_SHARED : MEDIA_SOCKBUF;

    /* the FORCE forms pass net.core.rmem_max, for those who have CAP_NET_ADMIN */
    if (s->kind != SOCK_SHARED || setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
        (void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (s->kind != SOCK_SHARED || setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
        (void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

unsigned sock_want(struct sock *s, unsigned wake)
{
    if (s->kind == SOCK_SHARED)
        s->want = MEDIA_RX_BATCH;
    else if (s->wake + 1 != wake)
        s->want = 1;
    else if (s->want < MEDIA_RX_BATCH)
        s->want *= 2;
    s->wake = wake;
    return s->want;
}

int out_new(struct out **op, bool raw)
{
    struct out *o = calloc(1, sizeof(*o));

    if (!o)
        return -ENOMEM;
    o->raw = raw ? raw_open() : -1;
    *op = o;
    return 0;
}

bool out_is_raw(const struct out *o)
{
    return o->raw >= 0;
}

void out_free(struct out *o)
{
    if (o && o->raw >= 0)
        close(o->raw);
    free(o);
}

bool out_add(struct out *o, struct sock *s, const struct pkt *pkt)
{
    const unsigned i = o->n;

    if (i == MEDIA_RX_SLOTS)
        return false;
    o->n++;
    o->item[i].to = pkt->to;
    o->item[i].next = NONE;
    o->iov[i] = (struct iovec){pkt->p, pkt->n};
    if (s->waiting++) {
        o->item[s->last].next = i;
        s->longest = pkt->n > s->longest ? pkt->n : s->longest;
    } else {
        s->longest = pkt->n;
        s->first = i;
        s->next = o->waiting;
        o->waiting = s;
    }
    s->last = i;
    return true;
}

/* head: octets of each message that are not payload */
static void send_all(int fd, struct mmsghdr *msg, unsigned total, size_t head, struct out_sum *sum)
{
    unsigned at = 0, sent = 0;

    while (at < total) {
        const int n = sendmmsg(fd, msg + at, total - at, MSG_DONTWAIT);

        if (n > 0) {
            for (int i = 0; i < n; i++)
                sum->octets += msg[at + (unsigned)i].msg_hdr.msg_iov->iov_len - head;
            at += (unsigned)n;
            sent += (unsigned)n;
        } else if (errno == EMSGSIZE && udp_send_cut(fd, &msg[at].msg_hdr)) {
            sum->octets += msg[at++].msg_hdr.msg_iov->iov_len;
            sent++;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            break;
        } else if (errno != EINTR) {
            at++; /* this one cannot be sent (unreachable, refused): the others may */
        }
    }
    sum->sent += sent;
    sum->lost += total - sent;
}

static void send_many(struct out *o, const struct sock *s, struct out_sum *sum)
{
    unsigned n = 0;

    for (unsigned i = s->first; i != NONE; i = o->item[i].next) {
        struct msghdr *h = &o->msg[n++].msg_hdr;

        *h = (struct msghdr){.msg_name = &o->item[i].to, .msg_namelen = addr_len(&o->item[i].to),
                             .msg_iov = &o->iov[i], .msg_iovlen = 1};
    }
    send_all(s->fd, o->msg, n, 0, sum);
}

static void send_one(struct out *o, const struct sock *s, struct out_sum *sum)
{
    const struct iovec *iov = &o->iov[s->first];
    const struct addr *to = &o->item[s->first].to;

    if (sendto(s->fd, iov->iov_base, iov->iov_len, MSG_DONTWAIT, &to->u.sa, addr_len(to)) < 0) {
        send_many(o, s, sum); /* that looks why */
        return;
    }
    sum->sent++;
    sum->octets += iov->iov_len;
}

_Static_assert(RTP_EXT_MAX + RAW_HEAD <= PKT_HEAD, "the headers fit before a packet, wherever it begins");

/* From `n` on; returns where it ends. The headers are written into the slots, before the packets. */
static unsigned list_raw(struct out *o, const struct sock *s, unsigned n)
{
    for (unsigned i = s->first; i != NONE; i = o->item[i].next) {
        struct msghdr *h = &o->msg[n].msg_hdr;
        struct iovec *iov = &o->iov[i];
        uint8_t *head = (uint8_t *)iov->iov_base - RAW_HEAD;

        raw_head(head, &s->local, &o->item[i].to, s->tos, iov->iov_base, iov->iov_len);
        *iov = (struct iovec){head, RAW_HEAD + iov->iov_len};
        *h = (struct msghdr){.msg_name = &o->item[i].to, .msg_namelen = addr_len(&o->item[i].to), .msg_iov = iov,
                             .msg_iovlen = 1};
        n++;
    }
    return n;
}

static bool goes_raw(const struct out *o, const struct sock *s)
{
    return o->raw >= 0 && s->raw && s->longest <= RAW_MAX;
}

static void flush_raw(struct out *o, struct out_sum *sum)
{
    unsigned n = 0;

    for (const struct sock *s = o->waiting; s; s = s->next) {
        if (goes_raw(o, s))
            n = list_raw(o, s, n);
    }
    send_all(o->raw, o->msg, n, RAW_HEAD, sum);
}

void out_flush(struct out *o, struct out_sum *sum)
{
    struct sock *s, *next;

    *sum = (struct out_sum){0};
    flush_raw(o, sum);
    for (s = o->waiting; s; s = next) {
        next = s->next;
        if (!goes_raw(o, s))
            (s->waiting == 1 ? send_one : send_many)(o, s, sum);
        s->waiting = 0;
    }
    o->waiting = NULL;
    o->n = 0;
}
