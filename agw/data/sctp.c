#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <usrsctp.h>
#include <utlist.h>

#include "agw/data/sctp_part.h"

#define SND_BUF (2 * SCTP_MSG_MAX) /* a whole message must fit: sends are all or nothing */
#define RCV_BUF SCTP_MSG_MAX       /* the receive window */
#define HEADER_LEN 12              /* RFC 9260 3.1 common header */
#define RTO_INITIAL 1000           /* RFC 9260 16 */
#define FINISH_TICKS 500           /* rounds of the clock that usrsctp_finish may need */

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

/* usrsctp and OpenSSL's DTLS find the program's before libc's: the wall clock steps, and what was lost just before it went back
 * would be sent again when it is there again. Weak: a test may have a clock of its own. */
__attribute__((weak)) int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec now;

    (void)tz;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *tv = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

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

void sctp_abort(struct sctp *s)
{
    pthread_mutex_lock(&stack.lock);
    sctp_lose(s, "aborted by us");
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

bool sctp_next(struct sctp *s, struct sctp_ev *ev)
{
    bool any;

    pthread_mutex_lock(&stack.lock);
    free(s->out_cur);
    s->out_cur = NULL;
    any = sctp_event_take(s, ev);
    pthread_mutex_unlock(&stack.lock);
    return any;
}
