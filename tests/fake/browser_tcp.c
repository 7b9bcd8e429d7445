/* The browser on TCP (RFC 6544, RFC 4571): one connection to the gateway instead of datagrams. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fake/browser_priv.h"

struct browser_tcp {
    uv_poll_t poll;
    struct leg *leg;
    struct leg_rx rx;
};

static void on_tcp(uv_poll_t *poll, int status, int events)
{
    struct browser *b = poll->data;
    struct browser_tcp *t = b->tcp;
    struct dgram in = {.src = b->remote};

    (void)status;
    (void)events;
    if (leg_receive(t->leg, &t->rx)) {
        uv_poll_stop(poll);
        return;
    }
    browser_enter(b);
    while (leg_next(&t->rx, &in.p, &in.n) > 0)
        browser_input(b, &in);
    (void)leg_keep(t->leg, &t->rx);
    browser_leave(b);
}

int browser_dial(struct browser *b, const struct addr *remote)
{
    struct browser_tcp *t = calloc(1, sizeof(*t));
    int fd, err;

    if (!t)
        return -ENOMEM;
    fd = net_tcp_connect(remote, NULL); /* on loopback it is there at once */
    err = fd < 0 ? fd : leg_new(&t->leg, fd, &b->local, remote, net_now_ms());
    if (err) {
        if (fd >= 0)
            close(fd);
        free(t);
        return err;
    }
    b->tcp = t;
    t->poll.data = b;
    uv_poll_init(b->hub->loop, &t->poll, fd);
    uv_poll_start(&t->poll, UV_READABLE, on_tcp);
    return 0;
}

int browser_tcp_send(struct browser *b, const void *p, size_t n)
{
    (void)leg_flush(b->tcp->leg, net_now_ms());
    return leg_write(b->tcp->leg, p, n, false, net_now_ms());
}

static void on_tcp_closed(uv_handle_t *poll)
{
    struct browser_tcp *t = (struct browser_tcp *)((char *)poll - offsetof(struct browser_tcp, poll));

    leg_free(t->leg);
    free(t);
}

void browser_tcp_close(struct browser *b)
{
    if (b->tcp)
        uv_close((uv_handle_t *)&b->tcp->poll, on_tcp_closed);
    b->tcp = NULL;
}
