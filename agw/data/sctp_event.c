/* What happened to an association: messages, notifications of usrsctp, packets to carry. All under the lock, from sctp_next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <usrsctp.h>
#include <utlist.h>

#include "agw/data/sctp_part.h"

void sctp_lose(struct sctp *s, const char *why)
{
    if (s->lost)
        return;
    s->lost = true;
    s->why = why;
}

static bool reset_report(struct sctp *s, struct sctp_ev *ev)
{
    if (!s->n_resets)
        return false;
    *ev = (struct sctp_ev){.what = s->reset_what, .sid = s->resets[--s->n_resets]};
    return true;
}

static bool on_stream_reset(struct sctp *s, const struct sctp_stream_reset_event *r, struct sctp_ev *ev)
{
    size_t n = (r->strreset_length - sizeof *r) / sizeof r->strreset_stream_list[0];
    uint16_t *list = malloc((n + 1) * sizeof *list);

    if (!list)
        return false;
    free(s->resets);
    s->resets = list;
    s->n_resets = n ? n : 1;
    list[0] = SCTP_SID_ALL;
    for (size_t i = 0; i < n; i++)
        list[i] = r->strreset_stream_list[n - 1 - i];
    s->reset_what = r->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN ? SCTP_RESET_IN : SCTP_RESET_OUT;
    return reset_report(s, ev);
}

static bool on_assoc_change(struct sctp *s, const struct sctp_assoc_change *c, struct sctp_ev *ev)
{
    switch (c->sac_state) {
    case SCTP_COMM_UP:
    case SCTP_RESTART:
        s->part_len = 0;
        s->part_drop = false;
        *ev = (struct sctp_ev){.what = SCTP_UP};
        return true;
    case SCTP_COMM_LOST:
        s->by_peer = c->sac_length > sizeof *c; /* then its ABORT is quoted */
        sctp_lose(s, s->by_peer ? "aborted by the peer" : "association lost");
        return false;
    case SCTP_SHUTDOWN_COMP:
        s->by_peer = true;
        sctp_lose(s, "shut down by the peer");
        return false;
    default:
        sctp_lose(s, "association not established");
        return false;
    }
}

static bool on_notification(struct sctp *s, const uint8_t *p, size_t n, struct sctp_ev *ev)
{
    const union sctp_notification *note = (const void *)p;

    if (n < sizeof note->sn_header || note->sn_header.sn_length > n)
        return false;
    switch (note->sn_header.sn_type) {
    case SCTP_ASSOC_CHANGE:
        return on_assoc_change(s, &note->sn_assoc_change, ev);
    case SCTP_STREAM_RESET_EVENT:
        return on_stream_reset(s, &note->sn_strreset_event, ev);
    case SCTP_STREAM_CHANGE_EVENT:
        *ev = (struct sctp_ev){.what = SCTP_STREAMS};
        return true;
    case SCTP_PARTIAL_DELIVERY_EVENT:
        s->part_len = 0;
        s->part_drop = false;
        return false;
    default:
        return false;
    }
}

static bool part_append(struct sctp *s, const uint8_t *p, size_t n)
{
    size_t size = s->part_size ? s->part_size : 65536;
    uint8_t *part;

    if (s->part_len + n > s->rx_max)
        return false;
    while (size < s->part_len + n)
        size *= 2;
    if (size > s->part_size) {
        part = realloc(s->part, size);
        if (!part)
            return false;
        s->part = part;
        s->part_size = size;
    }
    memcpy(s->part + s->part_len, p, n);
    s->part_len += n;
    return true;
}

/* A message comes in parts when it is larger than the stack wants to hold; parts of two messages never mix (fragment
 * interleave level 0 or 1 on a one-to-one socket). */
static bool on_data(struct sctp *s, const struct sctp_rcvinfo *info, size_t n, bool end, struct sctp_ev *ev)
{
    const uint8_t *rx = s->lib->rx;
    bool whole = end && !s->part_len, dropped = s->part_drop, fits;

    *ev = (struct sctp_ev){.what = SCTP_MESSAGE, .sid = info->rcv_sid, .ppid = ntohl(info->rcv_ppid), .p = rx, .n = n};
    fits = !dropped && (whole ? n <= s->rx_max : part_append(s, rx, n));
    s->part_drop = !fits && !end;
    if (!fits) {
        s->part_len = 0;
        ev->what = SCTP_TOO_BIG;
        return !dropped;
    }
    if (!end)
        return false;
    if (!whole) {
        ev->p = s->part;
        ev->n = s->part_len;
        s->part_len = 0;
    }
    return true;
}

/* 1: *ev is filled; 0: read again; -EAGAIN: nothing there. */
static int receive(struct sctp *s, struct sctp_ev *ev)
{
    struct sctp_rcvinfo info = {0};
    socklen_t infolen = sizeof info, fromlen = 0;
    unsigned type = 0;
    int flags = 0;
    ssize_t n;

    n = usrsctp_recvv(s->so, s->lib->rx, sizeof s->lib->rx, NULL, &fromlen, &info, &infolen, &type, &flags);
    if (n < 0 && errno == EWOULDBLOCK)
        return -EAGAIN;
    if (n <= 0) {
        sctp_lose(s, n < 0 ? "reset or timed out" : "shut down by the peer");
        return -EAGAIN;
    }
    if (flags & MSG_NOTIFICATION)
        return on_notification(s, s->lib->rx, (size_t)n, ev);
    return type == SCTP_RECVV_RCVINFO && on_data(s, &info, (size_t)n, flags & MSG_EOR, ev);
}

static bool output_take(struct sctp *s, struct sctp_ev *ev)
{
    struct packet *pk = s->out;

    if (!pk)
        return false;
    DL_DELETE(s->out, pk);
    s->n_out--;
    s->out_cur = pk;
    *ev = (struct sctp_ev){.what = SCTP_OUTPUT, .p = pk->p, .n = pk->n};
    return true;
}

static bool input_take(struct sctp *s, struct sctp_ev *ev)
{
    int got = 0;

    if (reset_report(s, ev))
        return true;
    while (s->connected && !s->paused && !s->lost && !got)
        got = receive(s, ev);
    if (got == 1)
        return true;
    /* Reading opens the window: that may have made a packet. */
    return output_take(s, ev);
}

bool sctp_event_take(struct sctp *s, struct sctp_ev *ev)
{
    if (output_take(s, ev) || input_take(s, ev))
        return true;
    if (s->blocked && s->progress && !s->lost) {
        s->blocked = s->progress = false;
        *ev = (struct sctp_ev){.what = SCTP_WRITABLE};
        return true;
    }
    if (s->lost && !s->lost_told) {
        s->lost_told = true;
        *ev = (struct sctp_ev){.what = SCTP_LOST, .by_peer = s->by_peer, .p = (const uint8_t *)s->why, .n = strlen(s->why)};
        return true;
    }
    return false;
}
