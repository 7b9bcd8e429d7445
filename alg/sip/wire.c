/* What really passed on Mw. Sofia writes every datagram and every piece of a stream into a file (TPTAG_DUMP):
 *   "recv 512 bytes from udp/[127.0.0.1]:5060 at 12:34:56.000000:\n" the bytes "\v\n"
 * The file is memory (memfd) and is emptied as it is read. Answers, ACKs and repetitions that Sofia makes by itself are
 * in it, too. Pieces of a stream are put together to messages. A record of a sent message stops at the first empty
 * fragment (a quirk of tport_dump_iovec): such a one is made whole from the texts of what was sent last. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uthash.h>

#include "alg/sip/agent.h"
#include "alg/sip/frame.h"
#include "alg/sip/mask.h"
#include "common/log.h"

struct stream { /* one direction of one TCP connection */
    char key[96];
    char *p;
    size_t n;
    UT_hash_handle hh;
};

#define RECENT 64

struct wire {
    int fd;
    char *recent[RECENT]; /* whole texts of what we sent */
    unsigned at;
    char path[64];
    struct trace *trace;
    struct addr local;
    struct stream *streams;
};

int wire_new(struct wire **wp, struct trace *trace, const struct addr *local)
{
    struct wire *w = calloc(1, sizeof *w);

    if (!w)
        return -ENOMEM;
    w->fd = memfd_create("sip-wire", MFD_CLOEXEC);
    if (w->fd < 0) {
        free(w);
        return -errno;
    }
    snprintf(w->path, sizeof w->path, "/proc/self/fd/%d", w->fd);
    w->trace = trace;
    w->local = *local;
    *wp = w;
    return 0;
}

void wire_free(struct wire *w)
{
    struct stream *s, *tmp;

    if (!w)
        return;
    HASH_ITER(hh, w->streams, s, tmp) {
        HASH_DEL(w->streams, s);
        free(s->p);
        free(s);
    }
    for (unsigned i = 0; i < RECENT; i++)
        free(w->recent[i]);
    close(w->fd);
    free(w);
}

void wire_sent(struct wire *w, msg_t *msg)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    size_t n = 0;
    char *text = w && msg ? msg_as_string(home, msg, NULL, 0, &n) : NULL;

    if (text) {
        free(w->recent[w->at]);
        w->recent[w->at] = strdup(text);
        w->at = (w->at + 1) % RECENT;
    }
    su_home_deinit(home);
}

/* The whole of what was sent with n bytes and begins like this; the beginning alone when nobody knows more. */
static struct sv made_whole(const struct wire *w, struct sv begin, size_t n)
{
    for (unsigned i = 0; i < RECENT; i++) {
        const char *text = w->recent[(w->at + RECENT - 1 - i) % RECENT];

        if (text && strlen(text) == n && !memcmp(text, begin.p, begin.n))
            return (struct sv){text, n};
    }
    return begin;
}

const char *wire_path(const struct wire *w)
{
    return w->path;
}

void wire_set_local(struct wire *w, uint16_t port)
{
    addr_set_port(&w->local, port);
}

static void one_message(struct wire *w, bool out, struct sv text, const struct addr *peer)
{
    struct sv rest = text, first = sv_line(&rest);
    char title[160], *copy;

    if (!sv_trim(text).n || !(copy = malloc(text.n)))
        return; /* keep-alive */
    memcpy(copy, text.p, text.n);
    sv_copy(first, title, sizeof title);
    mask_credentials(text, copy);
    trace_msg(w->trace, out ? "alg" : "core", out ? "core" : "alg", "sip", title, (struct sv){copy, text.n},
              peer ? (out ? &w->local : peer) : NULL, peer ? (out ? peer : &w->local) : NULL);
    free(copy);
}

static void stream_piece(struct wire *w, const char *key, bool out, struct sv piece)
{
    struct stream *s = NULL;
    size_t at = 0;
    char *more;

    HASH_FIND_STR(w->streams, key, s);
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s)
            return;
        snprintf(s->key, sizeof s->key, "%s", key);
        HASH_ADD_STR(w->streams, key, s);
    }
    more = realloc(s->p, s->n + piece.n);
    if (more) {
        s->p = more;
        memcpy(s->p + s->n, piece.p, piece.n);
        s->n += piece.n;
    }
    while (at < s->n) {
        struct sv rest = {s->p + at, s->n - at};
        long n = 0;

        if (rest.p[0] == '\r' || rest.p[0] == '\n') {
            at++;
            continue;
        }
        n = frame_length(rest);
        if (n < 0) /* not SIP: show it as it is */
            n = (long)rest.n;
        if (n == 0)
            break;
        one_message(w, out, (struct sv){rest.p, (size_t)n}, NULL);
        at += (size_t)n;
    }
    memmove(s->p, s->p + at, s->n - at);
    s->n -= at;
    if (!s->n) {
        HASH_DEL(w->streams, s);
        free(s->p);
        free(s);
    }
}

/* One record; returns what it takes, 0 at the end or at something else. */
static size_t one_record(struct wire *w, struct sv all)
{
    char what[8], dir[8], proto[8], host[64];
    unsigned n, port;
    const char *end = memchr(all.p, '\n', all.n);
    char head[200];
    struct addr peer;
    struct sv data;
    size_t took;

    if (!end || (size_t)(end - all.p) >= sizeof head)
        return 0;
    sv_copy((struct sv){all.p, (size_t)(end - all.p)}, head, sizeof head);
    if (sscanf(head, "%7s %u bytes %7s %7[^/]/[%63[^]]]:%u", what, &n, dir, proto, host, &port) != 6)
        return (size_t)(end + 1 - all.p); /* "dump started" and empty lines */
    data = (struct sv){end + 1, n};
    took = (size_t)(end + 1 - all.p) + n + 2;
    if (took > all.n || memcmp(all.p + took - 2, "\v\n", 2) != 0) {
        const char *stop = memmem(end + 1, all.n - (size_t)(end + 1 - all.p), "\v\n", 2);

        if (!stop)
            return 0;
        took = (size_t)(stop + 2 - all.p);
        data = made_whole(w, (struct sv){end + 1, (size_t)(stop - end - 1)}, n);
    }
    if (!strcmp(proto, "udp") && !addr_parse(&peer, sv_from(host), (uint16_t)port))
        one_message(w, what[0] == 's', data, &peer);
    else {
        char key[96];

        snprintf(key, sizeof key, "%c %s %u", what[0], host, port);
        stream_piece(w, key, what[0] == 's', data);
    }
    return took;
}

void wire_flush(struct wire *w)
{
    off_t size = w ? lseek(w->fd, 0, SEEK_END) : 0;
    struct sv all;
    char *p;

    if (size <= 0 || !(p = malloc((size_t)size)))
        return;
    if (pread(w->fd, p, (size_t)size, 0) == size) {
        all = (struct sv){p, (size_t)size};
        while (all.n) {
            size_t n = one_record(w, all);

            if (!n)
                break;
            all.p += n;
            all.n -= n;
        }
    }
    free(p);
    if (ftruncate(w->fd, 0))
        log_warn("sip", "msg=\"trace file not emptied\"");
}
