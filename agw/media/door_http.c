#include "agw/media/door_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int http_begins(const uint8_t *p, size_t n)
{
    static const char *const methods[] = {"GET ",     "HEAD ",    "POST ",  "PUT ",   "DELETE ",
                                          "OPTIONS ", "CONNECT ", "TRACE ", "PATCH ", "PRI "};
    int is = -EBADMSG;

    for (unsigned i = 0; i < ARRAY_LEN(methods) && is < 1; i++) {
        const size_t len = strlen(methods[i]);

        if (!memcmp(p, methods[i], n < len ? n : len))
            is = n >= len;
    }
    return is;
}

void http_refuse(int fd, const char *status)
{
    char text[128];
    const int n = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);

    (void)send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL); /* the first octets of a connection always fit */
    shutdown(fd, SHUT_WR);
}

int http_new(struct http **hp, int client, const struct addr *server)
{
    struct http *h = calloc(1, sizeof(*h));

    if (!h)
        return -ENOMEM;
    h->server = net_tcp_connect(server, NULL);
    if (h->server < 0) {
        const int err = h->server;

        free(h);
        return err;
    }
    h->client = client;
    *hp = h;
    return 0;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    if (h->client >= 0)
        close(h->client);
    close(h->server);
    free(h);
}

static bool is_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOTCONN || errno == EINPROGRESS;
}

/* One direction, as far as it goes: others wait, too. */
static int move(struct http_half *d, int from, int to)
{
    int moved = 0;

    for (int rounds = 0; rounds < MEDIA_DOOR_HTTP_ROUNDS; rounds++) {
        ssize_t n;

        if (!d->n && !d->end) {
            n = recv(from, d->buf, sizeof(d->buf), MSG_DONTWAIT);
            if (n < 0)
                return is_later() ? moved : -ECONNRESET;
            d->end = n == 0;
            d->heard = d->heard || n > 0;
            d->n = (size_t)n;
            moved = 1;
        }
        if (d->n) {
            n = send(to, d->buf + d->at, d->n - d->at, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n < 0)
                return is_later() ? moved : -ECONNRESET;
            d->at += (size_t)n;
            moved = 1;
            if (d->at == d->n)
                d->at = d->n = 0;
        }
        if (d->end && !d->n) {
            if (!d->told)
                shutdown(to, SHUT_WR);
            d->told = true;
            return moved;
        }
    }
    return moved;
}

int http_move(struct http *h)
{
    const int up = move(&h->up, h->client, h->server);
    const int down = up < 0 ? up : move(&h->down, h->server, h->client);

    if (down < 0 || (h->up.told && h->down.told))
        return -ECONNRESET;
    return up | down;
}

unsigned http_events(const struct http *h, bool of_server)
{
    const struct http_half *in = of_server ? &h->down : &h->up, *out = of_server ? &h->up : &h->down;

    return (!in->n && !in->end ? EPOLLIN : 0u) | (out->n ? EPOLLOUT : 0u);
}
