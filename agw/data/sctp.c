#include "agw/data/sctp.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <usrsctp.h>
#include <utlist.h>

#define SND_BUF (2 * SCTP_MSG_MAX) /* a whole message must fit: sends are all or nothing */
#define RCV_BUF SCTP_MSG_MAX       /* the receive window */
#define HEADER_LEN 12              /* RFC 9260 3.1 common header */
#define RTO_INITIAL 1000           /* RFC 9260 16 */
#define FINISH_TICKS 500           /* rounds of the clock that usrsctp_finish may need */

struct packet {
    struct packet *prev, *next;
    size_t n;
    uint8_t p[];
};

struct sctp_lib {
    struct sctp *ready; /* DL list by prev, next */
    uint8_t rx[SCTP_MSG_MAX];
};

struct sctp {
    struct sctp *prev, *next; /* lib->ready */
    struct sctp_lib *lib;
    struct socket *so;
    size_t slot;
    void *owner;
    size_t rx_max;
    uint16_t local_port;
    struct packet *out, *out_cur; /* to be pulled; the one handed out last */
    unsigned n_out;
    struct packet *early;         /* came before sctp_connect */
    uint8_t *part;                /* a message that comes in parts (RFC 6458 8.1.20) */
    size_t part_len, part_size;
    bool part_drop;
    uint16_t *resets;             /* of one notification, still to be reported */
    size_t n_resets;
    enum sctp_what reset_what;
    bool listed, paused, blocked, progress, connected, lost, lost_told, by_peer;
    const char *why;
};

/* usrsctp is one per process, and so is this: its lock, its clock, and who is behind an AF_CONN address.
 * A slot's number + 1 is the address. Slots are used again and their addresses stay registered: without the stack's own
 * threads a deregistration leaves an iterator behind that nobody runs. */
static struct {
    pthread_mutex_t lock;
    unsigned users;
    msec_t last;
    struct sctp **slots;
    size_t n_slots, registered;
} stack = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void ready(struct sctp *s)
{
    if (s->listed)
        return;
    s->listed = true;
    DL_APPEND(s->lib->ready, s);
}

static struct sctp *slot_owner(const void *conn)
{
    size_t i = (size_t)(uintptr_t)conn - 1;

    return i < stack.n_slots ? stack.slots[i] : NULL;
}

static struct packet *packet_new(const void *p, size_t n)
{
    struct packet *pk = malloc(sizeof *pk + n);

    if (!pk)
        return NULL;
    pk->prev = pk->next = NULL;
    pk->n = n;
    memcpy(pk->p, p, n);
    return pk;
}

/* Runs inside usrsctp, with its locks and ours held: append, nothing else. */
static int on_output(void *conn, void *p, size_t n, uint8_t tos, uint8_t set_df)
{
    struct sctp *s = slot_owner(conn);
    struct packet *pk;

    (void)tos;
    (void)set_df;
    if (!s || s->n_out >= SCTP_QUEUE_MAX)
        return 0;
    pk = packet_new(p, n);
    if (!pk)
        return 0;
    DL_APPEND(s->out, pk);
    s->n_out++;
    ready(s);
    return 0;
}

static void on_upcall(struct socket *so, void *conn, int flags)
{
    struct sctp *s = slot_owner(conn);

    (void)so;
    (void)flags;
    if (s)
        ready(s);
}

static void stack_start(void)
{
    usrsctp_init_nothreads(0, on_output, NULL);
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_auth_enable(0);
    usrsctp_sysctl_set_sctp_nrsack_enable(1);
    usrsctp_sysctl_set_sctp_max_burst_default(10);
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(16384);
    usrsctp_sysctl_set_sctp_blackhole(2); /* no answer to packets of no association */
    usrsctp_sysctl_set_sctp_rto_initial_default(RTO_INITIAL);
}

static void stack_stop(void)
{
    for (int i = 0; i < FINISH_TICKS && usrsctp_finish(); i++)
        usrsctp_handle_timers(SCTP_TICK_MS);
    free(stack.slots);
    stack.slots = NULL;
    stack.n_slots = stack.registered = 0;
    stack.last = 0;
}

int sctp_lib_init(struct sctp_lib **libp)
{
    struct sctp_lib *lib = calloc(1, sizeof *lib);

    if (!lib)
        return -ENOMEM;
    pthread_mutex_lock(&stack.lock);
    if (!stack.users++)
        stack_start();
    pthread_mutex_unlock(&stack.lock);
    *libp = lib;
    return 0;
}

void sctp_lib_fini(struct sctp_lib *lib)
{
    if (!lib)
        return;
    pthread_mutex_lock(&stack.lock);
    if (!--stack.users)
        stack_stop();
    pthread_mutex_unlock(&stack.lock);
    free(lib);
}

/* The stack's time is the highest `now` that any of its users has told. */
void sctp_lib_clock(struct sctp_lib *lib, msec_t now)
{
    (void)lib;
    pthread_mutex_lock(&stack.lock);
    if (!stack.last)
        stack.last = now;
    if (now > stack.last) {
        usrsctp_handle_timers((uint32_t)(now - stack.last));
        stack.last = now;
    }
    pthread_mutex_unlock(&stack.lock);
}

struct sctp *sctp_lib_next(struct sctp_lib *lib)
{
    struct sctp *s;

    pthread_mutex_lock(&stack.lock);
    s = lib->ready;
    if (s) {
        DL_DELETE(lib->ready, s);
        s->listed = false;
    }
    pthread_mutex_unlock(&stack.lock);
    return s;
}

static int slot_take(struct sctp *s)
{
    struct sctp **slots;
    size_t i, n;

    for (i = 0; i < stack.n_slots; i++)
        if (!stack.slots[i])
            break;
    if (i == stack.n_slots) {
        n = stack.n_slots ? 2 * stack.n_slots : 16;
        slots = realloc(stack.slots, n * sizeof *slots);
        if (!slots)
            return -ENOMEM;
        memset(slots + stack.n_slots, 0, (n - stack.n_slots) * sizeof *slots);
        stack.slots = slots;
        stack.n_slots = n;
    }
    if (i >= stack.registered) {
        usrsctp_register_address((void *)(uintptr_t)(i + 1));
        stack.registered = i + 1;
    }
    stack.slots[i] = s;
    s->slot = i;
    return 0;
}

static struct sockaddr_conn conn_addr(const struct sctp *s, uint16_t port)
{
    return (struct sockaddr_conn){
        .sconn_family = AF_CONN,
        .sconn_port = htons(port),
        .sconn_addr = (void *)(uintptr_t)(s->slot + 1),
    };
}

static int opt(struct socket *so, int level, int name, const void *v, size_t n)
{
    return usrsctp_setsockopt(so, level, name, v, (socklen_t)n) ? -errno : 0;
}

static int events_subscribe(struct socket *so)
{
    static const uint16_t types[] = {
        SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT, SCTP_STREAM_CHANGE_EVENT, SCTP_PARTIAL_DELIVERY_EVENT,
    };
    struct sctp_event se = {.se_assoc_id = SCTP_ALL_ASSOC, .se_on = 1};
    int err = 0;

    for (size_t i = 0; i < ARRAY_LEN(types) && !err; i++) {
        se.se_type = types[i];
        err = opt(so, IPPROTO_SCTP, SCTP_EVENT, &se, sizeof se);
    }
    return err;
}

static int options_set(struct socket *so, unsigned streams)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0}; /* close is ABORT */
    const int on = 1, sndbuf = SND_BUF, rcvbuf = RCV_BUF;
    const struct sctp_assoc_value reset = {
        .assoc_id = SCTP_ALL_ASSOC,
        .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ | SCTP_ENABLE_CHANGE_ASSOC_REQ,
    };
    const struct sctp_initmsg init = {
        .sinit_num_ostreams = (uint16_t)streams,
        .sinit_max_instreams = (uint16_t)streams,
    };
    const struct sctp_paddrparams path = {
        .spp_pathmtu = SCTP_PACKET_MAX - HEADER_LEN,
        .spp_flags = SPP_PMTUD_DISABLE,
    };
    const struct {
        int level, name;
        const void *v;
        size_t n;
    } opts[] = {
        {SOL_SOCKET, SO_LINGER, &linger, sizeof linger},
        {SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof sndbuf},
        {SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf},
        {IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on},
        {IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on},
        {IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &reset, sizeof reset},
        {IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init},
        {IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path},
    };
    int err = usrsctp_set_non_blocking(so, 1) ? -errno : 0;

    for (size_t i = 0; i < ARRAY_LEN(opts) && !err; i++)
        err = opt(so, opts[i].level, opts[i].name, opts[i].v, opts[i].n);
    return err ? err : events_subscribe(so);
}

static int endpoint_open(struct sctp *s, unsigned streams)
{
    struct sockaddr_conn local;
    int err = slot_take(s);

    if (err)
        return err;
    s->so = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    if (!s->so)
        return -errno;
    err = options_set(s->so, streams);
    local = conn_addr(s, s->local_port);
    if (!err && usrsctp_bind(s->so, (struct sockaddr *)&local, sizeof local))
        err = -errno;
    if (!err && usrsctp_set_upcall(s->so, on_upcall, local.sconn_addr))
        err = -errno;
    return err;
}

int sctp_new(struct sctp **sp, struct sctp_lib *lib, const struct sctp_conf *conf)
{
    struct sctp *s = calloc(1, sizeof *s);
    unsigned streams = conf->streams ? conf->streams : SCTP_STREAMS_MIN;
    int err;

    if (!s)
        return -ENOMEM;
    s->lib = lib;
    s->slot = SIZE_MAX;
    s->owner = conf->owner;
    s->local_port = conf->local_port;
    s->rx_max = conf->rx_max && conf->rx_max < SCTP_MSG_MAX ? conf->rx_max : SCTP_MSG_MAX;
    pthread_mutex_lock(&stack.lock);
    err = endpoint_open(s, streams < SCTP_SID_ALL ? streams : SCTP_SID_ALL);
    pthread_mutex_unlock(&stack.lock);
    if (err)
        sctp_free(s);
    else
        *sp = s;
    return err;
}

static void socket_close(struct sctp *s)
{
    if (!s->so)
        return;
    usrsctp_set_upcall(s->so, NULL, NULL);
    usrsctp_close(s->so);
    s->so = NULL;
}

void sctp_free(struct sctp *s)
{
    struct packet *pk, *tmp;

    if (!s)
        return;
    pthread_mutex_lock(&stack.lock);
    socket_close(s);
    if (s->slot != SIZE_MAX)
        stack.slots[s->slot] = NULL;
    if (s->listed)
        DL_DELETE(s->lib->ready, s);
    pthread_mutex_unlock(&stack.lock);
    DL_FOREACH_SAFE(s->out, pk, tmp)
        free(pk);
    free(s->out_cur);
    free(s->early);
    free(s->part);
    free(s->resets);
    free(s);
}

void *sctp_owner(const struct sctp *s)
{
    return s->owner;
}

static void lose(struct sctp *s, const char *why)
{
    if (s->lost)
        return;
    s->lost = true;
    s->why = why;
}

void sctp_abort(struct sctp *s)
{
    pthread_mutex_lock(&stack.lock);
    lose(s, "aborted by us");
    s->lost_told = true;
    socket_close(s);
    pthread_mutex_unlock(&stack.lock);
}

int sctp_connect(struct sctp *s, uint16_t remote_port)
{
    struct sockaddr_conn remote;
    struct packet *early;
    int err = 0;

    if (s->connected || s->lost)
        return -EALREADY;
    pthread_mutex_lock(&stack.lock);
    remote = conn_addr(s, remote_port);
    if (usrsctp_connect(s->so, (struct sockaddr *)&remote, sizeof remote) && errno != EINPROGRESS)
        err = -errno;
    s->connected = !err;
    early = s->early;
    s->early = NULL;
    if (early && !err)
        usrsctp_conninput(remote.sconn_addr, early->p, early->n, 0);
    ready(s);
    pthread_mutex_unlock(&stack.lock);
    free(early);
    return err;
}

int sctp_input(struct sctp *s, const void *p, size_t n)
{
    if (n < HEADER_LEN + 4 || n > UINT16_MAX)
        return -EMSGSIZE;
    if (s->lost)
        return 0;
    if (!s->connected) {
        free(s->early);
        s->early = packet_new(p, n);
        return 0;
    }
    pthread_mutex_lock(&stack.lock);
    usrsctp_conninput((void *)(uintptr_t)(s->slot + 1), p, n, 0);
    s->progress = true;
    ready(s);
    pthread_mutex_unlock(&stack.lock);
    return 0;
}

int sctp_send(struct sctp *s, uint16_t sid, uint32_t ppid, const void *p, size_t n)
{
    struct sctp_sndinfo info = {.snd_sid = sid, .snd_ppid = htonl(ppid)};
    int err = 0;

    if (!s->connected || s->lost)
        return -ENOTCONN;
    if (n > SCTP_MSG_MAX || !n)
        return -EMSGSIZE;
    pthread_mutex_lock(&stack.lock);
    if (usrsctp_sendv(s->so, p, n, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) < 0)
        err = errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (err == -EAGAIN)
        s->blocked = true;
    pthread_mutex_unlock(&stack.lock);
    return err;
}

int sctp_reset(struct sctp *s, uint16_t sid)
{
    struct {
        struct sctp_reset_streams head;
        uint16_t sid;
    } req = {{SCTP_ALL_ASSOC, SCTP_STREAM_RESET_OUTGOING, 1}, sid};
    int err;

    if (!s->connected || s->lost)
        return -ENOTCONN;
    pthread_mutex_lock(&stack.lock);
    err = opt(s->so, IPPROTO_SCTP, SCTP_RESET_STREAMS, &req, sizeof req.head + sizeof sid);
    pthread_mutex_unlock(&stack.lock);
    return err;
}

unsigned sctp_streams(const struct sctp *s)
{
    struct sctp_status st = {0};
    socklen_t n = sizeof st;
    unsigned streams = 0;

    pthread_mutex_lock(&stack.lock);
    if (s->so && !s->lost && !usrsctp_getsockopt(s->so, IPPROTO_SCTP, SCTP_STATUS, &st, &n))
        streams = st.sstat_outstrms;
    pthread_mutex_unlock(&stack.lock);
    return streams;
}

int sctp_add_streams(struct sctp *s, unsigned total)
{
    unsigned have = sctp_streams(s);
    struct sctp_add_streams add = {.sas_assoc_id = SCTP_ALL_ASSOC};
    int err;

    if (!have)
        return -ENOTCONN;
    if (total <= have || total > SCTP_SID_ALL)
        return -EINVAL;
    add.sas_outstrms = (uint16_t)(total - have);
    pthread_mutex_lock(&stack.lock);
    err = opt(s->so, IPPROTO_SCTP, SCTP_ADD_STREAMS, &add, sizeof add);
    pthread_mutex_unlock(&stack.lock);
    return err;
}

void sctp_pause(struct sctp *s, bool pause)
{
    if (s->paused == pause)
        return;
    pthread_mutex_lock(&stack.lock);
    s->paused = pause;
    if (!pause)
        ready(s);
    pthread_mutex_unlock(&stack.lock);
}

/* --- what happened: all below runs under the lock, from sctp_next --- */

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
        lose(s, s->by_peer ? "aborted by the peer" : "association lost");
        return false;
    case SCTP_SHUTDOWN_COMP:
        s->by_peer = true;
        lose(s, "shut down by the peer");
        return false;
    default:
        lose(s, "association not established");
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
        lose(s, n < 0 ? "reset or timed out" : "shut down by the peer");
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

bool sctp_next(struct sctp *s, struct sctp_ev *ev)
{
    bool any;

    pthread_mutex_lock(&stack.lock);
    free(s->out_cur);
    s->out_cur = NULL;
    any = output_take(s, ev) || input_take(s, ev);
    if (!any && s->blocked && s->progress && !s->lost) {
        s->blocked = s->progress = false;
        *ev = (struct sctp_ev){.what = SCTP_WRITABLE};
        any = true;
    }
    if (!any && s->lost && !s->lost_told) {
        s->lost_told = true;
        *ev = (struct sctp_ev){.what = SCTP_LOST, .by_peer = s->by_peer, .p = (const uint8_t *)s->why, .n = strlen(s->why)};
        any = true;
    }
    pthread_mutex_unlock(&stack.lock);
    return any;
}
