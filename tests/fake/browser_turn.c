/* The browser behind a TURN server (RFC 8656): everything goes by its allocation instead of from its own port. */
#include <errno.h>
#include <stdlib.h>

#include "tests/fake/browser_priv.h"

struct browser_turn {
    uv_poll_t poll;
    struct turnc *client; /* the user's */
};

static void on_turn(uv_poll_t *poll, int status, int events)
{
    struct browser *b = poll->data;
    struct dgram in;
    int got;

    (void)status;
    (void)events;
    browser_enter(b);
    while ((got = turnc_receive(b->turn->client, &in)) > 0)
        browser_input(b, &in);
    if (got < 0)
        uv_poll_stop(poll);
    browser_leave(b);
}

int browser_relay(struct browser *b, struct turnc *client)
{
    struct browser_turn *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    t->client = client;
    b->turn = t;
    t->poll.data = b;
    uv_poll_init(b->hub->loop, &t->poll, turnc_fd(client));
    uv_poll_start(&t->poll, UV_READABLE, on_turn);
    return 0;
}

int browser_turn_send(struct browser *b, const void *p, size_t n)
{
    return turnc_send(b->turn->client, &b->remote, p, n);
}

static void on_turn_closed(uv_handle_t *poll)
{
    free((char *)poll - offsetof(struct browser_turn, poll));
}

void browser_turn_close(struct browser *b)
{
    if (b->turn)
        uv_close((uv_handle_t *)&b->turn->poll, on_turn_closed);
    b->turn = NULL;
}
